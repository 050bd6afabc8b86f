/*
 * bridge_sink_wire.c
 *
 * Batches as bytes between processes of one server, and back. Column by
 * column as they are, each part at a multiple of 16 bytes; of
 * variable-length values first the sizes, then all bytes in one piece. Both
 * sides are the same program on the same machine, so nothing is checked but
 * by assertions, and fixed-width values are read where they lie.
 */
#include "bridge_sink.h"

#include "utils/memutils.h"

#define PART_ALIGNMENT 16

typedef struct BatchHead
{
	uint32 kind; /* PFDW_SINK_BATCH */
	uint32 row_count;
	uint32 column_count;
	uint32 has_kinds;
} BatchHead;

typedef struct ColumnHead
{
	uint32 kind;
	uint32 has_nulls;
	uint64 bytes; /* of variable-length values */
} ColumnHead;

static inline Size
part(Size size)
{
	return TYPEALIGN(PART_ALIGNMENT, size);
}

static Size
values_size(const ColumnHead *column, uint32 rows)
{
	if (column->kind == PMN_VECTOR_NONE)
		return 0;
	if (column->kind == PMN_VECTOR_BYTES)
		return part(rows * sizeof(uint32)) + part(column->bytes);
	return part(rows * pmn_vector_width(column->kind));
}

/* ---- batch to bytes --------------------------------------------------- */

static Size
describe_columns(const PmnBatch *batch, ColumnHead *columns)
{
	Size size = 0;

	for (uint32 i = 0; i < batch->column_count; i++)
	{
		const PmnVector *vector = &batch->columns[i];
		ColumnHead *column = &columns[i];

		column->kind = vector->kind;
		column->has_nulls = vector->nulls != NULL;
		column->bytes = 0;
		if (vector->kind == PMN_VECTOR_BYTES)
		{
			const PmnBytes *values = vector->values;

			for (uint32 row = 0; row < batch->row_count; row++)
				column->bytes += values[row].size;
		}
		size += column->has_nulls ? part(batch->row_count) : 0;
		size += values_size(column, batch->row_count);
	}
	return size;
}

static void
put_bytes(char *dst, const PmnBytes *values, uint32 rows)
{
	uint32 *sizes = (uint32 *) dst;

	dst += part(rows * sizeof(uint32));
	for (uint32 row = 0; row < rows; row++)
	{
		sizes[row] = values[row].size;
		if (values[row].size == 0)
			continue;
		memcpy(dst, values[row].data, values[row].size);
		dst += values[row].size;
	}
}

void
pfdw_sink_put_batch(StringInfo out, const PmnBatch *batch, const uint8_t *kinds)
{
	uint32 rows = batch->row_count;
	Size heads = batch->column_count * sizeof(ColumnHead);
	BatchHead *head;
	ColumnHead *columns;
	Size size;
	char *dst;

	Assert(batch->selection == NULL);
	resetStringInfo(out);
	enlargeStringInfo(out, (int) (sizeof(*head) + heads));
	size = describe_columns(batch, (ColumnHead *) (out->data + sizeof(*head)));
	size += sizeof(*head) + heads + (kinds != NULL ? part(rows) : 0);
	if (size > MaxAllocSize / 2)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("rows are too large to be written together")));
	out->len = (int) (sizeof(*head) + heads);
	enlargeStringInfo(out, (int) size - out->len);
	head = (BatchHead *) out->data;
	head->kind = PFDW_SINK_BATCH;
	head->row_count = rows;
	head->column_count = batch->column_count;
	head->has_kinds = kinds != NULL;
	columns = (ColumnHead *) (head + 1);
	dst = (char *) (columns + batch->column_count);
	if (kinds != NULL)
	{
		memcpy(dst, kinds, rows);
		dst += part(rows);
	}
	for (uint32 i = 0; i < batch->column_count; i++)
	{
		const PmnVector *vector = &batch->columns[i];

		if (vector->nulls != NULL)
		{
			memcpy(dst, vector->nulls, rows);
			dst += part(rows);
		}
		if (vector->kind == PMN_VECTOR_BYTES)
			put_bytes(dst, vector->values, rows);
		else if (vector->kind != PMN_VECTOR_NONE)
			memcpy(dst, vector->values, rows * pmn_vector_width(vector->kind));
		dst += values_size(&columns[i], rows);
	}
	Assert(dst == out->data + size);
	out->len = (int) size;
}

/* ---- bytes to batch --------------------------------------------------- */

static PmnBytes *
get_bytes(const char *src, uint32 rows)
{
	const uint32 *sizes = (const uint32 *) src;
	PmnBytes *values = MemoryContextAllocHuge(
		CurrentMemoryContext, Max((Size) rows * sizeof(*values), 1));

	src += part(rows * sizeof(uint32));
	for (uint32 row = 0; row < rows; row++)
	{
		values[row].data = (const uint8_t *) src;
		values[row].size = sizes[row];
		src += sizes[row];
	}
	return values;
}

/* Messages are aligned to 8 bytes only, which 128-bit integers are not. */
static void *
get_wide(const char *src, Size size)
{
	void *values = pfdw_alloc_aligned(Max(size, 1));

	memcpy(values, src, size);
	return values;
}

PmnBatch *
pfdw_sink_get_batch(const char *data, const uint8_t **kinds)
{
	const BatchHead *head = (const BatchHead *) data;
	const ColumnHead *columns = (const ColumnHead *) (head + 1);
	const char *src = (const char *) (columns + head->column_count);
	PmnBatch *batch = palloc0(sizeof(*batch));

	Assert(head->kind == PFDW_SINK_BATCH);
	batch->row_count = head->row_count;
	batch->selected_count = head->row_count;
	batch->column_count = head->column_count;
	batch->columns = palloc0(Max(head->column_count, 1) * sizeof(PmnVector));
	*kinds = NULL;
	if (head->has_kinds)
	{
		*kinds = (const uint8_t *) src;
		src += part(head->row_count);
	}
	for (uint32 i = 0; i < head->column_count; i++)
	{
		PmnVector *vector = &batch->columns[i];
		Size size = values_size(&columns[i], head->row_count);

		vector->kind = columns[i].kind;
		if (columns[i].has_nulls)
		{
			vector->nulls = (uint8_t *) src;
			src += part(head->row_count);
		}
		if (vector->kind == PMN_VECTOR_BYTES)
			vector->values = get_bytes(src, head->row_count);
		else if (vector->kind == PMN_VECTOR_DEC128)
			vector->values = get_wide(src, size);
		else
			vector->values = (void *) src;
		src += size;
	}
	return batch;
}

/* ---- the first message ------------------------------------------------ */

static void
put_piece(StringInfo out, const void *data, uint32 size)
{
	appendBinaryStringInfo(out, (const char *) &size, sizeof(size));
	if (size > 0)
		appendBinaryStringInfo(out, data, (int) size);
}

static void
put_string(StringInfo out, const char *text)
{
	put_piece(out, text, text == NULL ? 0 : (uint32) strlen(text) + 1);
}

void
pfdw_sink_put_start(StringInfo out, const PfdwSinkStart *start)
{
	uint32 kind = PFDW_SINK_START;

	resetStringInfo(out);
	appendBinaryStringInfo(out, (const char *) &kind, sizeof(kind));
	put_string(out, start->ref.warehouse);
	put_string(out, start->ref.database);
	put_string(out, start->ref.table);
	put_string(out, start->ref.branch);
	put_piece(out, &start->schema_id, sizeof(start->schema_id));
	put_piece(out, &start->base_snapshot_id, sizeof(start->base_snapshot_id));
	put_piece(out, &start->memory_limit_bytes,
			  sizeof(start->memory_limit_bytes));
	put_piece(out, &start->pending_count, sizeof(start->pending_count));
	for (uint32 i = 0; i < start->pending_count; i++)
		put_piece(out, start->pending[i].data, start->pending[i].size);
}

/* NULL for nothing. */
static const void *
get_piece(const char **src, uint32 *size)
{
	const char *data = *src + sizeof(*size);

	memcpy(size, *src, sizeof(*size));
	*src = data + *size;
	return *size == 0 ? NULL : data;
}

static char *
get_string(const char **src)
{
	uint32 size;
	const char *text = get_piece(src, &size);

	return text == NULL ? NULL : pstrdup(text);
}

static void
get_number(const char **src, void *out, Size wanted)
{
	uint32 size;
	const void *data = get_piece(src, &size);

	Assert(size == wanted);
	memcpy(out, data, wanted);
}

void
pfdw_sink_get_start(const char *data, PfdwSinkStart *start)
{
	const char *src = data + sizeof(uint32);

	Assert(pfdw_sink_kind(data) == PFDW_SINK_START);
	start->ref.warehouse = get_string(&src);
	start->ref.database = get_string(&src);
	start->ref.table = get_string(&src);
	start->ref.branch = get_string(&src);
	get_number(&src, &start->schema_id, sizeof(start->schema_id));
	get_number(&src, &start->base_snapshot_id, sizeof(start->base_snapshot_id));
	get_number(&src, &start->memory_limit_bytes,
			   sizeof(start->memory_limit_bytes));
	get_number(&src, &start->pending_count, sizeof(start->pending_count));
	start->pending =
		palloc0(Max(start->pending_count, 1) * sizeof(*start->pending));
	for (uint32 i = 0; i < start->pending_count; i++)
	{
		uint32 size;
		const void *piece = get_piece(&src, &size);

		start->pending[i].data = piece;
		start->pending[i].size = size;
	}
}
