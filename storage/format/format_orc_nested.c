/*
 * format_orc_nested.c
 *
 * Arrays, maps and structs. In the file each type of the tree is a column of
 * its own: a struct has PRESENT only, an array or map PRESENT and LENGTH, and
 * a child has entries for what its parent has, one after the other:
 *
 *   ARRAY<ROW<a, b>>   LENGTH 2, 0, 1  ->  struct: 3 entries
 *                      PRESENT 1 0 1   ->  a, b: 2 entries each
 *
 * A batch's values (pmn_nested.h) are made by walking down the tree for each
 * row, taking the next entry of every column on the way. Columns decode their
 * entries in chunks. How many entries a child has is known only from its
 * parents; demand counts those which have been announced and not decoded yet,
 * so that no column is asked for entries beyond its end, and memory is bounded
 * whatever the lengths are.
 *
 * Values are encoded ahead until the batch has its rows or they fill their
 * share of the budget; what other columns leave over stays for the next.
 */
#include "format_orc_column.h"

#include "../include/pmn_nested.h"

/* Elements between two looks at the stop hook. */
#define POLL_ELEMENTS 65536

struct OrcNested
{
	PmnNestedWriter value;
	PmnBuffer room; /* headroom, value, padding to 4; once for each value */
	uint32_t *sizes;
	uint8_t *nulls;
	PmnBytes *values;
	uint32_t ahead; /* rows encoded and not given out */
};

/* ---- binding ---------------------------------------------------------------- */

static const PmnType count_type = {.kind = PMN_TYPE_INT};
static const PmnType bytes_type = {.kind = PMN_TYPE_VARBINARY,
								   .length = PMN_LENGTH_MAX};

/* The parts of a nested type; *name is NULL where the file's order counts. */
static const PmnType *
part_of(const PmnType *type, uint32_t i, const char **name)
{
	*name = NULL;
	switch ((int) type->kind)
	{
		case PMN_TYPE_MAP:
			return i == 0 ? type->key : type->element;
		case PMN_TYPE_MULTISET:
			return i == 0 ? type->element : &count_type;
		case PMN_TYPE_ROW:
			*name = type->fields[i].name;
			return &type->fields[i].type;
		case PMN_TYPE_VARIANT:
			*name = i == 0 ? "value" : "metadata";
			return &bytes_type;
		default:
			return type->element;
	}
}

static uint32_t
part_count(const PmnType *type)
{
	switch ((int) type->kind)
	{
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_VECTOR:
			return 1;
		case PMN_TYPE_ROW:
			return type->field_count;
		case PMN_TYPE_MAP:
		case PMN_TYPE_MULTISET:
		case PMN_TYPE_VARIANT:
			return 2;
		default:
			return 0;
	}
}

uint32_t
orc_nested_count(const PmnType *type)
{
	uint32_t parts = part_count(type);
	uint32_t count = parts;
	const char *name;

	for (uint32_t i = 0; i < parts; i++)
		count += orc_nested_count(part_of(type, i, &name));
	return count;
}

PmnCode
orc_nested_bind(PmnEnv *env, const OrcTail *tail, OrcColumn *column,
				OrcColumn **next)
{
	const OrcType *found = &tail->types[column->file_type];

	column->child_count = part_count(&column->type);
	column->children = *next;
	*next += column->child_count;
	for (uint32_t i = 0; i < column->child_count; i++)
	{
		OrcColumn *child = &column->children[i];
		const char *name;

		child->type = *part_of(&column->type, i, &name);
		child->kind = pmn_type_vector_kind(&child->type);
		child->name = name != NULL ? name : column->name;
		child->is_inner = true;
		child->next_same = -1;
		if (name == NULL)
			child->file_type = found->children[i].type;
		for (uint32_t c = 0;
			 name != NULL && child->file_type == 0 && c < found->child_count;
			 c++)
			if (strcmp(found->children[c].name, name) == 0)
				child->file_type = found->children[c].type;
		if (child->file_type == 0 && column->type.kind == PMN_TYPE_VARIANT)
			return orc_column_fail(env, column,
								   "it lacks a part of its variants");
		PMN_TRY(orc_column_bind(env, tail, child, next));
	}
	return PMN_OK;
}

PmnCode
orc_nested_allocate(PmnArena *arena, uint32_t capacity, uint32_t chunk,
					OrcColumn *column)
{
	OrcNested *nested;

	column->nulls = pmn_arena_alloc(arena, chunk);
	column->lengths = pmn_arena_alloc(arena, chunk * sizeof(uint32_t));
	if (column->nulls == NULL || column->lengths == NULL)
		return PMN_NO_MEMORY;
	if (column->is_inner)
		return PMN_OK;
	nested = pmn_arena_alloc(arena, sizeof(*nested));
	if (nested == NULL)
		return PMN_NO_MEMORY;
	nested->sizes = pmn_arena_alloc(arena, capacity * sizeof(uint32_t));
	nested->nulls = pmn_arena_alloc(arena, capacity);
	nested->values = pmn_arena_alloc(arena, capacity * sizeof(PmnBytes));
	if (nested->sizes == NULL || nested->nulls == NULL ||
		nested->values == NULL)
		return PMN_NO_MEMORY;
	pmn_buffer_init(&nested->room, pmn_arena_env(arena));
	pmn_nested_writer_init(&nested->value, pmn_arena_env(arena));
	column->nested = nested;
	return PMN_OK;
}

void
orc_nested_free(OrcNested *nested)
{
	if (nested == NULL)
		return;
	pmn_nested_writer_free(&nested->value);
	pmn_buffer_free(&nested->room);
}

void
orc_nested_begin(OrcColumn *column, uint64_t rows)
{
	column->demand = column->is_inner ? 0 : rows;
	column->at = 0;
	column->filled = 0;
	if (column->nested == NULL)
		return;
	column->nested->ahead = 0;
	pmn_buffer_reset(&column->nested->room);
}

/* ---- chunks of entries ---------------------------------------------------------- */

static PmnCode
fill_lengths(OrcContext *context, OrcColumn *column, uint32_t rows,
			 uint32_t count)
{
	const int64_t *lengths = context->longs[0];
	uint64_t total = 0;
	uint32_t next = 0;

	PMN_TRY(orc_ints_read(&column->second, context->longs[0], count));
	for (uint32_t i = 0; i < rows; i++)
	{
		int64_t length = column->nulls[i] != 0 ? 0 : lengths[next++];

		/* An element takes a byte at least. */
		if (length < 0 || (uint64_t) length > ORC_VALUE_BYTES_MAX)
			return orc_column_fail(context->env, column,
								   "a value is said to be too long");
		column->lengths[i] = (uint32_t) length;
		total += (uint64_t) length;
	}
	for (uint32_t i = 0; i < column->child_count; i++)
		column->children[i].demand += total;
	return PMN_OK;
}

static PmnCode
fill_parents(OrcContext *context, OrcColumn *column, uint32_t rows)
{
	uint32_t count;

	PMN_TRY(orc_column_nulls(column, 0, rows, &count));
	if (column->natural != ORC_DECODE_STRUCT)
		return fill_lengths(context, column, rows, count);
	for (uint32_t i = 0; i < column->child_count; i++)
		column->children[i].demand += count;
	return PMN_OK;
}

static PmnCode
fill_leaves(OrcContext *context, OrcColumn *column, uint32_t *rows)
{
	bool has_nulls;

	if (column->decoding != ORC_DECODE_BYTES)
		return orc_column_read(context, column, *rows, &has_nulls);
	orc_bytes_consume(column, column->filled);
	column->filled = 0;
	PMN_TRY(orc_bytes_look(context, column, *rows));
	*rows = orc_bytes_fit(column, *rows, context->inner_budget);
	return orc_bytes_read(context, column, *rows);
}

/* Have an entry at position at. */
static PmnCode
fill(OrcContext *context, OrcColumn *column)
{
	uint32_t rows = context->chunk;

	PMN_ASSERT(column->at == column->filled && column->demand > 0);
	if (rows > column->demand)
		rows = (uint32_t) column->demand;
	PMN_TRY(pmn_poll(context->env));
	if (column->children != NULL)
		PMN_TRY(fill_parents(context, column, rows));
	else
		PMN_TRY(fill_leaves(context, column, &rows));
	column->demand -= rows;
	column->at = 0;
	column->filled = rows;
	return PMN_OK;
}

/* ---- values --------------------------------------------------------------------- */

static PmnCode put_entry(OrcContext *context, OrcColumn *column,
						 PmnNestedWriter *writer);

static PmnCode
put_elements(OrcContext *context, OrcColumn *column, uint32_t count,
			 PmnNestedWriter *writer)
{
	PMN_TRY(pmn_nested_write_count(writer, count));
	for (uint32_t i = 0; i < count; i++)
	{
		if (i % POLL_ELEMENTS == POLL_ELEMENTS - 1)
			PMN_TRY(pmn_poll(context->env));
		for (uint32_t c = 0; c < column->child_count; c++)
			PMN_TRY(put_entry(context, &column->children[c], writer));
		if (writer->size > ORC_VALUE_BYTES_MAX)
			return orc_column_fail(context->env, column, "a value is too long");
	}
	return PMN_OK;
}

/* What is in the entry at position at, which is not null. */
static PmnCode
put_parts(OrcContext *context, OrcColumn *column, uint32_t at,
		  PmnNestedWriter *writer)
{
	if (column->natural != ORC_DECODE_STRUCT)
		return put_elements(context, column, column->lengths[at], writer);
	for (uint32_t c = 0; c < column->child_count; c++)
		PMN_TRY(put_entry(context, &column->children[c], writer));
	return PMN_OK;
}

/* The next entry of a column, as a slot. */
static PmnCode
put_entry(OrcContext *context, OrcColumn *column, PmnNestedWriter *writer)
{
	static const PmnValue null = {.is_null = true};
	PmnVector vector = {column->kind, column->nulls, column->values};
	uint32_t at;
	size_t mark;

	if (column->file_type == 0)
		return pmn_nested_write_slot(writer, column->kind, &null);
	if (column->at == column->filled)
		PMN_TRY(fill(context, column));
	at = column->at++;
	if (column->children == NULL)
		return pmn_nested_write_element(writer, &vector, at);
	if (column->nulls[at] != 0)
		return pmn_nested_write_slot(writer, column->kind, &null);
	PMN_TRY(pmn_nested_begin(writer, &mark));
	PMN_TRY(put_parts(context, column, at, writer));
	pmn_nested_end(writer, mark);
	return PMN_OK;
}

/* ---- rows ----------------------------------------------------------------------- */

static size_t
room_of(uint32_t size)
{
	return PMN_BYTES_HEADROOM + ((size_t) size + 3) / 4 * 4;
}

static PmnCode
encode_row(OrcContext *context, OrcColumn *column)
{
	OrcNested *nested = column->nested;
	PmnBuffer *room = &nested->room;
	uint32_t row = nested->ahead;
	PmnBytes value;

	if (column->at == column->filled)
		PMN_TRY(fill(context, column));
	nested->nulls[row] = column->nulls[column->at];
	nested->sizes[row] = 0;
	nested->ahead++;
	if (column->nulls[column->at++] != 0)
		return PMN_OK;
	pmn_nested_reset(&nested->value);
	PMN_TRY(put_parts(context, column, column->at - 1, &nested->value));
	value = pmn_nested_bytes(&nested->value);
	PMN_TRY(pmn_buffer_reserve(room, room_of(value.size)));
	if (value.size > 0)
		memcpy(room->data + room->size + PMN_BYTES_HEADROOM, value.data,
			   value.size);
	room->size += room_of(value.size);
	nested->sizes[row] = value.size;
	return PMN_OK;
}

/* A batch of huge values must not stay reserved. */
static void
shrink(OrcContext *context, OrcNested *nested)
{
	if (nested->ahead > 0)
		return;
	if (nested->room.capacity > 2 * context->bytes_budget)
		pmn_buffer_free(&nested->room);
	if (nested->value.capacity > context->bytes_budget)
		pmn_nested_writer_free(&nested->value);
}

PmnCode
orc_nested_look(OrcContext *context, OrcColumn *column, size_t budget,
				uint32_t *rows)
{
	OrcNested *nested = column->nested;

	shrink(context, nested);
	while (nested->ahead < *rows &&
		   (nested->ahead == 0 || nested->room.size < budget))
		PMN_TRY(encode_row(context, column));
	if (*rows > nested->ahead)
		*rows = nested->ahead;
	return PMN_OK;
}

void
orc_nested_read(OrcContext *context, OrcColumn *column, uint32_t rows,
				PmnVector *out)
{
	OrcNested *nested = column->nested;
	uint8_t *room = nested->room.data;

	PMN_ASSERT(rows <= nested->ahead);
	for (uint32_t i = 0; i < rows; i++)
	{
		if (nested->nulls[i] != 0)
		{
			nested->values[i] = pmn_bytes(context->empty, 0);
			continue;
		}
		nested->values[i] =
			pmn_bytes(room + PMN_BYTES_HEADROOM, nested->sizes[i]);
		room += room_of(nested->sizes[i]);
	}
	out->kind = PMN_VECTOR_BYTES;
	out->values = nested->values;
	out->nulls = memchr(nested->nulls, 1, rows) != NULL ? nested->nulls : NULL;
}

void
orc_nested_consume(OrcColumn *column, uint32_t rows)
{
	OrcNested *nested = column->nested;
	PmnBuffer *room = &nested->room;
	size_t used = 0;

	PMN_ASSERT(rows <= nested->ahead);
	for (uint32_t i = 0; i < rows; i++)
		used += nested->nulls[i] != 0 ? 0 : room_of(nested->sizes[i]);
	nested->ahead -= rows;
	room->size -= used;
	if (nested->ahead == 0)
		return;
	if (room->size > 0)
		memmove(room->data, room->data + used, room->size);
	memmove(nested->sizes, nested->sizes + rows,
			nested->ahead * sizeof(*nested->sizes));
	memmove(nested->nulls, nested->nulls + rows, nested->ahead);
}
