/*
 * table_pack.c
 *
 * Paimon's binlog: every column of a table becomes an array, with the value
 * before and the value after when a -U and the row behind it are one change,
 * and with the one value of any other row. The pair has the kind of its
 * second row and the numbers of its first.
 *
 * First it is settled which input rows make which packed row, then each
 * column is written on its own. A -U at the end of a batch waits: its values
 * are begun arrays at the end of what the column has written, and are moved
 * to the front before the next batch is packed. A -U that nothing follows is
 * a row of its own, as Paimon has it.
 *
 * Arrays have the form of pmn_nested.h, and the headroom that pmn_batch.h
 * asks for: each begins at a multiple of four, after four bytes of its own.
 */
#include "table_pack.h"

#include <string.h>

#include "../include/pmn_changes.h"

#define NO_ROW UINT32_MAX

/* Input rows of a packed row. first is NO_ROW when it came before. */
typedef struct PackedRow
{
	uint32_t first;
	uint32_t second; /* NO_ROW: there is none */
} PackedRow;

typedef struct PackedColumn
{
	int32_t special;
	PmnNestedWriter writer; /* a field's arrays */
	size_t open_at;			/* headroom of the array that was begun */
	PMN_ARRAY(PmnBytes) bytes;
	PMN_ARRAY(int64_t) numbers;
	PMN_ARRAY(uint8_t) nulls;
	/* Of a row that waits. */
	PmnBytes open_bytes;
	int64_t open_number;
	uint8_t open_null;
} PackedColumn;

struct PmnPacker
{
	PmnEnv *env;
	PackedColumn *columns;
	PmnVector *vectors;
	uint32_t column_count;
	PMN_ARRAY(PackedRow) rows; /* the last one waits when is_open */
	PMN_ARRAY(size_t) starts;  /* of a column's arrays */
	bool is_open;
	PmnBatch batch;
};

PmnCode
pmn_packer_create(PmnEnv *env, const int32_t *specials, uint32_t count,
				  PmnPacker **out)
{
	PmnPacker *packer = pmn_alloc(env, sizeof(*packer));

	*out = NULL;
	if (packer == NULL)
		return PMN_NO_MEMORY;
	packer->env = env;
	packer->column_count = count;
	packer->columns = pmn_alloc(env, (count + 1) * sizeof(*packer->columns));
	packer->vectors = pmn_alloc(env, (count + 1) * sizeof(*packer->vectors));
	if (packer->columns == NULL || packer->vectors == NULL)
	{
		pmn_packer_free(packer);
		return PMN_NO_MEMORY;
	}
	for (uint32_t i = 0; i < count; i++)
	{
		packer->columns[i].special = specials[i];
		pmn_nested_writer_init(&packer->columns[i].writer, env);
	}
	*out = packer;
	return PMN_OK;
}

void
pmn_packer_reset(PmnPacker *packer)
{
	packer->is_open = false;
	packer->rows.count = 0;
}

void
pmn_packer_free(PmnPacker *packer)
{
	uint32_t count;

	if (packer == NULL)
		return;
	count = packer->columns == NULL || packer->vectors == NULL
				? 0
				: packer->column_count;
	for (uint32_t i = 0; i < count; i++)
	{
		PackedColumn *column = &packer->columns[i];

		pmn_nested_writer_free(&column->writer);
		pmn_array_free(packer->env, &column->bytes);
		pmn_array_free(packer->env, &column->numbers);
		pmn_array_free(packer->env, &column->nulls);
	}
	pmn_free(packer->env, packer->columns,
			 (packer->column_count + 1) * sizeof(*packer->columns));
	pmn_free(packer->env, packer->vectors,
			 (packer->column_count + 1) * sizeof(*packer->vectors));
	pmn_array_free(packer->env, &packer->rows);
	pmn_array_free(packer->env, &packer->starts);
	pmn_free(packer->env, packer, sizeof(*packer));
}

/* ---- columns ---------------------------------------------------------- */

/* The array that was begun, if one was, to the front; the others go. */
static void
keep_open(PackedColumn *column, bool was_open)
{
	PmnNestedWriter *writer = &column->writer;
	size_t size = was_open ? writer->size - column->open_at : 0;

	if (size > 0)
		memmove(writer->data, writer->data + column->open_at, size);
	writer->size = size;
	column->open_at = 0;
}

/* Headroom at the next multiple of four; then the array's count. */
static PmnCode
begin_array(PackedColumn *column)
{
	const PmnValue filler = {.is_null = true};
	PmnNestedWriter *writer = &column->writer;

	while (writer->size % PMN_BYTES_HEADROOM != 0)
		PMN_TRY(pmn_nested_write_slot(writer, PMN_VECTOR_BOOL, &filler));
	column->open_at = writer->size;
	PMN_TRY(pmn_nested_write_count(writer, 0));
	return pmn_nested_write_count(writer, 1);
}

static PmnCode
pack_field(PmnPacker *packer, PackedColumn *column, const PmnVector *vector)
{
	PmnNestedWriter *writer = &column->writer;
	size_t count = packer->rows.count;
	size_t *starts = packer->starts.items;

	PMN_TRY(pmn_array_reserve(packer->env, &column->bytes, count));
	for (size_t i = 0; i < count; i++)
	{
		PackedRow row = packer->rows.items[i];

		if (row.first != NO_ROW)
		{
			PMN_TRY(begin_array(column));
			PMN_TRY(pmn_nested_write_element(writer, vector, row.first));
		}
		starts[i] = column->open_at + PMN_BYTES_HEADROOM;
		if (row.second != NO_ROW)
		{
			PMN_TRY(pmn_nested_write_element(writer, vector, row.second));
			pmn_nested_set_count(writer, starts[i], 2);
		}
		column->bytes.items[i].size = (uint32_t) (writer->size - starts[i]);
	}
	/* They stay where they are from now on. */
	for (size_t i = 0; i < count; i++)
		column->bytes.items[i] =
			pmn_bytes(writer->data + starts[i], column->bytes.items[i].size);
	return PMN_OK;
}

static PmnCode
pack_kind(PmnPacker *packer, PackedColumn *column, const PmnVector *vector)
{
	const PmnBytes *kinds = vector == NULL ? NULL : vector->values;

	column->bytes.count = 0;
	PMN_TRY(pmn_array_reserve(packer->env, &column->bytes, packer->rows.count));
	for (size_t i = 0; i < packer->rows.count; i++)
	{
		PackedRow row = packer->rows.items[i];

		if (row.second != NO_ROW)
			column->bytes.items[i] = kinds[row.second];
		else if (row.first != NO_ROW)
			column->bytes.items[i] = kinds[row.first];
		else
			column->bytes.items[i] = column->open_bytes;
		column->open_bytes = column->bytes.items[i];
	}
	return PMN_OK;
}

static PmnCode
pack_number(PmnPacker *packer, PackedColumn *column, const PmnVector *vector)
{
	const int64_t *numbers = vector == NULL ? NULL : vector->values;
	const uint8_t *nulls = vector == NULL ? NULL : vector->nulls;
	size_t count = packer->rows.count;

	PMN_TRY(pmn_array_reserve(packer->env, &column->numbers, count));
	PMN_TRY(pmn_array_reserve(packer->env, &column->nulls, count));
	for (size_t i = 0; i < count; i++)
	{
		uint32_t row = packer->rows.items[i].first;

		if (row != NO_ROW)
		{
			column->open_number = numbers[row];
			column->open_null = nulls != NULL && nulls[row] != 0;
		}
		column->numbers.items[i] = column->open_number;
		column->nulls.items[i] = column->open_null;
	}
	return PMN_OK;
}

static PmnCode
pack_column(PmnPacker *packer, uint32_t i, const PmnBatch *batch, bool was_open)
{
	const PmnVector *vector = batch == NULL ? NULL : &batch->columns[i];
	PackedColumn *column = &packer->columns[i];
	PmnVector *out = &packer->vectors[i];

	switch (column->special)
	{
		case PMN_COLUMN_KIND:
			PMN_TRY(pack_kind(packer, column, vector));
			*out = (PmnVector){.kind = PMN_VECTOR_BYTES,
							   .values = column->bytes.items};
			return PMN_OK;
		case PMN_COLUMN_SEQUENCE:
		case PMN_COLUMN_SNAPSHOT:
			PMN_TRY(pack_number(packer, column, vector));
			*out = (PmnVector){.kind = PMN_VECTOR_I64,
							   .nulls = column->nulls.items,
							   .values = column->numbers.items};
			return PMN_OK;
		default:
			keep_open(column, was_open);
			PMN_TRY(pack_field(packer, column, vector));
			*out = (PmnVector){.kind = PMN_VECTOR_BYTES,
							   .values = column->bytes.items};
			return PMN_OK;
	}
}

/* ---- rows ------------------------------------------------------------- */

/* All columns of the rows that were settled. */
static PmnCode
pack(PmnPacker *packer, const PmnBatch *batch, bool was_open, PmnBatch **out)
{
	uint32_t count = (uint32_t) packer->rows.count - packer->is_open;

	packer->starts.count = 0;
	PMN_TRY(
		pmn_array_reserve(packer->env, &packer->starts, packer->rows.count));
	for (uint32_t i = 0; i < packer->column_count; i++)
		PMN_TRY(pack_column(packer, i, batch, was_open));
	packer->batch.row_count = count;
	packer->batch.column_count = packer->column_count;
	packer->batch.columns = packer->vectors;
	packer->batch.selection = NULL;
	packer->batch.selected_count = count;
	*out = count == 0 ? NULL : &packer->batch;
	return PMN_OK;
}

PmnCode
pmn_packer_add(PmnPacker *packer, const PmnBatch *batch, const int32_t *kinds,
			   bool pairs, PmnBatch **out)
{
	uint32_t count =
		batch->selection == NULL ? batch->row_count : batch->selected_count;
	bool was_open = packer->is_open;
	PackedRow *last = NULL;

	*out = NULL;
	if (count == 0)
		return PMN_OK;
	packer->rows.count = 0;
	PMN_TRY(pmn_array_reserve(packer->env, &packer->rows, (size_t) count + 1));
	if (was_open)
	{
		last = &packer->rows.items[packer->rows.count++];
		*last = (PackedRow){NO_ROW, NO_ROW};
	}
	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t row = batch->selection == NULL ? i : batch->selection[i];

		if (packer->is_open)
		{
			last->second = row;
			packer->is_open = false;
			continue;
		}
		last = &packer->rows.items[packer->rows.count++];
		*last = (PackedRow){row, NO_ROW};
		packer->is_open =
			pairs && kinds != NULL && kinds[row] == PMN_UPDATE_BEFORE;
	}
	return pack(packer, batch, was_open, out);
}

PmnCode
pmn_packer_flush(PmnPacker *packer, PmnBatch **out)
{
	*out = NULL;
	if (!packer->is_open)
		return PMN_OK;
	packer->is_open = false;
	packer->rows.count = 0;
	PMN_TRY(pmn_array_reserve(packer->env, &packer->rows, 1));
	packer->rows.items[packer->rows.count++] = (PackedRow){NO_ROW, NO_ROW};
	return pack(packer, NULL, true, out);
}
