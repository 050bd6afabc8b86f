/*
 * lsm_aggregate_nested.c
 *
 * nested_update and nested_partial_update: arrays of rows as small tables.
 *
 * Without a nested key rows are put one behind the other, at most count-limit
 * of them, null rows left out; a retracted row takes all equal ones away.
 * With a nested key the array is a map from the key's fields (compared by
 * their flat bytes) to rows: a newer row replaces, unless nested-sequence-field
 * says it is older; keys beyond count-limit are not added. The partial form
 * overwrites field by field with what is not null. Rows come in the order in
 * which their keys appeared; Paimon's order is a hash map's.
 */
#include "lsm_aggregate_internal.h"

typedef struct Rows
{
	PmnNestedReader reader;
	uint32_t left;
} Rows;

static PmnCode
open_rows(const PmnAggregateFold *fold, PmnBytes array, Rows *out)
{
	out->reader = pmn_nested_reader(array);
	if (!pmn_nested_read_count(&out->reader, &out->left))
		return pmn_aggregate_broken(fold);
	return PMN_OK;
}

/* The next row that is not null; *slot.data NULL at the end. */
static PmnCode
next_row(const PmnAggregateFold *fold, Rows *rows, PmnBytes *slot,
		 PmnBytes *row)
{
	PmnValue value;

	while (rows->left > 0)
	{
		rows->left--;
		if (!pmn_aggregate_slot(&rows->reader, PMN_VECTOR_BYTES, slot, &value))
			return pmn_aggregate_broken(fold);
		*row = value.as.bytes;
		if (!value.is_null)
			return PMN_OK;
	}
	*slot = pmn_bytes(NULL, 0);
	return PMN_OK;
}

/* Slot and value of one field of a row. */
static PmnCode
row_field(const PmnAggregateFold *fold, PmnBytes row, uint32_t field,
		  PmnBytes *slot, PmnValue *value)
{
	const PmnField *fields = fold->field->type.element->fields;
	PmnNestedReader reader = pmn_nested_reader(row);

	for (uint32_t i = 0; i <= field; i++)
	{
		if (!pmn_aggregate_slot(&reader, pmn_type_vector_kind(&fields[i].type),
								slot, value))
			return pmn_aggregate_broken(fold);
	}
	return PMN_OK;
}

/* The nested key of a row, in the scratch arena; false in *counts when the
 * row is to be passed over. */
static PmnCode
nested_key(PmnAggregateFold *fold, PmnBytes row, PmnBytes *key, bool *counts)
{
	const PmnMergeColumn *options = fold->options;
	uint8_t *data =
		pmn_arena_alloc_raw(fold->scratch->keys, (size_t) row.size + 1, 1);
	size_t size = 0;
	bool has_null = false;
	PmnBytes slot;
	PmnValue value;

	*counts = true;
	if (data == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < options->nested_key_count; i++)
	{
		PMN_TRY(row_field(fold, row, options->nested_key[i], &slot, &value));
		/* A key that names a field twice may be longer than its row. */
		if (slot.size > row.size - size)
			return pmn_aggregate_broken(fold);
		memcpy(data + size, slot.data, slot.size);
		size += slot.size;
		has_null |= value.is_null;
	}
	*key = pmn_bytes(data, size);
	if (!has_null || options->nested_key_nulls == PMN_NESTED_KEY_MERGE)
		return PMN_OK;
	*counts = false;
	if (options->nested_key_nulls == PMN_NESTED_KEY_IGNORE)
		return PMN_OK;
	return pmn_fail(fold->env, PMN_INVALID,
					"a nested key of column \"%s\" holds a null",
					fold->field->name);
}

/* Order of two rows by nested-sequence-field. */
static PmnCode
compare_sequence(const PmnAggregateFold *fold, PmnBytes a, PmnBytes b,
				 int *order)
{
	const PmnMergeColumn *options = fold->options;
	const PmnField *fields = fold->field->type.element->fields;
	PmnBytes slot;
	PmnValue x;
	PmnValue y;

	*order = 0;
	for (uint32_t i = 0; *order == 0 && i < options->nested_sequence_count; i++)
	{
		uint32_t field = options->nested_sequence[i];

		PMN_TRY(row_field(fold, a, field, &slot, &x));
		PMN_TRY(row_field(fold, b, field, &slot, &y));
		*order = pmn_value_compare_nulls(&fields[field].type, &x, &y);
	}
	return PMN_OK;
}

static PmnBytes
row_of_slot(PmnBytes slot)
{
	/* Null byte and size, then the row (pmn_nested.h). */
	return pmn_bytes(slot.data + 5, slot.size - 5);
}

static PmnCode
add_rows(PmnAggregateFold *fold, PmnBytes array, bool is_limited)
{
	PmnSpanMap *map = &fold->scratch->map;
	Rows rows;
	PmnBytes slot;
	PmnBytes row;
	PmnBytes key;
	bool counts;
	bool is_new;

	PMN_TRY(open_rows(fold, array, &rows));
	for (;;)
	{
		PmnSpan *span;
		int order = 0;

		PMN_TRY(next_row(fold, &rows, &slot, &row));
		if (slot.data == NULL)
			return PMN_OK;
		PMN_TRY(nested_key(fold, row, &key, &counts));
		if (!counts)
			continue;
		span = pmn_span_map_find(map, key);
		if (span == NULL && is_limited &&
			(int64_t) map->live_count >= fold->options->count_limit)
			continue;
		if (span != NULL)
			PMN_TRY(
				compare_sequence(fold, row, row_of_slot(span->value), &order));
		if (order < 0)
			continue;
		PMN_TRY(pmn_span_map_put(map, key, &span, &is_new));
		span->value = slot;
	}
}

static PmnCode
write_rows(const PmnSpanMap *map, PmnBuffer *out)
{
	uint8_t count[4];

	pmn_put_le32(count, map->live_count);
	PMN_TRY(pmn_buffer_append(out, count, sizeof(count)));
	for (size_t i = 0; i < map->spans.count; i++)
	{
		const PmnSpan *span = &map->spans.items[i];

		if (!span->is_removed)
			PMN_TRY(pmn_buffer_append(out, span->value.data, span->value.size));
	}
	return PMN_OK;
}

/* Rows of array behind those in out, as long as there is room. */
static PmnCode
append_rows(const PmnAggregateFold *fold, PmnBytes array, int64_t room,
			PmnBuffer *out, uint32_t *count)
{
	Rows rows;
	PmnBytes slot;
	PmnBytes row;

	PMN_TRY(open_rows(fold, array, &rows));
	for (; room > 0; room--)
	{
		PMN_TRY(next_row(fold, &rows, &slot, &row));
		if (slot.data == NULL)
			break;
		PMN_TRY(pmn_buffer_append(out, slot.data, slot.size));
		(*count)++;
	}
	return PMN_OK;
}

static PmnCode
append_keyless(const PmnAggregateFold *fold, const PmnBytes *old,
			   const PmnBytes *in, PmnBuffer *out, PmnPairResult *result)
{
	int64_t limit = fold->options->count_limit;
	uint32_t count = 0;
	uint32_t old_count = 0;
	uint8_t zero[4] = {0};
	Rows rows;

	if (old != NULL)
	{
		PMN_TRY(open_rows(fold, *old, &rows));
		old_count = rows.left;
		if (old_count >= limit)
		{
			*result = PMN_PAIR_OLD;
			return PMN_OK;
		}
	}
	PMN_TRY(pmn_buffer_append(out, zero, sizeof(zero)));
	if (old != NULL)
		PMN_TRY(append_rows(fold, *old, INT64_MAX, out, &count));
	PMN_TRY(append_rows(fold, *in, limit - old_count, out, &count));
	pmn_put_le32(out->data, count);
	return PMN_OK;
}

static PmnCode
update_pair(PmnAggregateFold *fold, const PmnBytes *old, const PmnBytes *in,
			PmnBuffer *out, PmnPairResult *result)
{
	*result = PMN_PAIR_OLD;
	if (in == NULL)
		return PMN_OK;
	*result = PMN_PAIR_WRITTEN;
	if (fold->options->nested_key_count == 0)
		return append_keyless(fold, old, in, out, result);
	pmn_arena_reset(fold->scratch->keys);
	PMN_TRY(pmn_span_map_reset(&fold->scratch->map, 0));
	if (old != NULL)
		PMN_TRY(add_rows(fold, *old, false));
	PMN_TRY(add_rows(fold, *in, true));
	return write_rows(&fold->scratch->map, out);
}

/* Put the keys of a map of retracted rows, or rows themselves without one. */
static PmnCode
collect_retracted(PmnAggregateFold *fold, PmnBytes array)
{
	Rows rows;
	PmnBytes slot;
	PmnBytes row;
	PmnSpan *span;
	bool counts = true;
	bool is_new;

	PMN_TRY(open_rows(fold, array, &rows));
	for (;;)
	{
		PMN_TRY(next_row(fold, &rows, &slot, &row));
		if (slot.data == NULL)
			return PMN_OK;
		if (fold->options->nested_key_count > 0)
			PMN_TRY(nested_key(fold, row, &slot, &counts));
		if (counts)
			PMN_TRY(
				pmn_span_map_put(&fold->scratch->map, slot, &span, &is_new));
	}
}

static PmnCode
retract_keyless(PmnAggregateFold *fold, PmnBytes old, PmnBytes in,
				PmnBuffer *out)
{
	uint8_t zero[4] = {0};
	uint32_t count = 0;
	Rows rows;
	PmnBytes slot;
	PmnBytes row;

	PMN_TRY(collect_retracted(fold, in));
	PMN_TRY(pmn_buffer_append(out, zero, sizeof(zero)));
	PMN_TRY(open_rows(fold, old, &rows));
	for (;;)
	{
		PMN_TRY(next_row(fold, &rows, &slot, &row));
		if (slot.data == NULL)
			break;
		if (pmn_span_map_find(&fold->scratch->map, slot) != NULL)
			continue;
		PMN_TRY(pmn_buffer_append(out, slot.data, slot.size));
		count++;
	}
	pmn_put_le32(out->data, count);
	return PMN_OK;
}

static PmnCode
retract_keyed(PmnAggregateFold *fold, PmnBytes old, PmnBytes in, PmnBuffer *out)
{
	PmnSpanMap *map = &fold->scratch->map;
	Rows rows;
	PmnBytes slot;
	PmnBytes row;
	PmnBytes key;
	PmnSpan *span;
	bool counts;
	bool is_new;

	PMN_TRY(open_rows(fold, old, &rows));
	for (;;)
	{
		PMN_TRY(next_row(fold, &rows, &slot, &row));
		if (slot.data == NULL)
			break;
		PMN_TRY(nested_key(fold, row, &key, &counts));
		if (!counts)
			continue;
		PMN_TRY(pmn_span_map_put(map, key, &span, &is_new));
		span->value = slot;
	}
	PMN_TRY(open_rows(fold, in, &rows));
	for (;;)
	{
		PMN_TRY(next_row(fold, &rows, &slot, &row));
		if (slot.data == NULL)
			return write_rows(map, out);
		PMN_TRY(nested_key(fold, row, &key, &counts));
		span = counts ? pmn_span_map_find(map, key) : NULL;
		if (span != NULL)
			pmn_span_map_remove(map, span);
	}
}

static PmnCode
update_retract(PmnAggregateFold *fold, const PmnBytes *old, const PmnBytes *in,
			   PmnBuffer *out, PmnPairResult *result)
{
	*result = old == NULL ? PMN_PAIR_NULL : PMN_PAIR_OLD;
	if (old == NULL || in == NULL)
		return PMN_OK;
	*result = PMN_PAIR_WRITTEN;
	pmn_arena_reset(fold->scratch->keys);
	PMN_TRY(pmn_span_map_reset(&fold->scratch->map, 0));
	if (fold->options->nested_key_count == 0)
		return retract_keyless(fold, *old, *in, out);
	return retract_keyed(fold, *old, *in, out);
}

PmnCode
pmn_aggregate_nested_update(PmnAggregateFold *fold)
{
	return pmn_aggregate_pairs(fold, update_pair, update_retract);
}

/* ---- partial update ---------------------------------------------------- */

/* A row's fields over those of an older one: a slot in the scratch arena. */
static PmnCode
overlay(PmnAggregateFold *fold, PmnBytes old, PmnBytes in, PmnBytes *out)
{
	const PmnType *type = fold->field->type.element;
	PmnNestedReader older = pmn_nested_reader(old);
	PmnNestedReader newer = pmn_nested_reader(in);
	size_t room = 5 + (size_t) old.size + in.size;
	uint8_t *data = pmn_arena_alloc_raw(fold->scratch->keys, room, 1);
	size_t size = 5;

	if (data == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < type->field_count; i++)
	{
		PmnVectorKind kind = pmn_type_vector_kind(&type->fields[i].type);
		PmnBytes a;
		PmnBytes b;
		PmnValue x;
		PmnValue y;

		if (!pmn_aggregate_slot(&older, kind, &a, &x) ||
			!pmn_aggregate_slot(&newer, kind, &b, &y))
			return pmn_aggregate_broken(fold);
		if (y.is_null)
			b = a;
		memcpy(data + size, b.data, b.size);
		size += b.size;
	}
	data[0] = 0;
	pmn_put_le32(data + 1, (uint32_t) (size - 5));
	*out = pmn_bytes(data, size);
	return PMN_OK;
}

static PmnCode
overlay_rows(PmnAggregateFold *fold, PmnBytes array)
{
	Rows rows;
	PmnBytes slot;
	PmnBytes row;
	PmnBytes key;
	PmnSpan *span;
	bool counts;
	bool is_new;

	PMN_TRY(open_rows(fold, array, &rows));
	for (;;)
	{
		PMN_TRY(next_row(fold, &rows, &slot, &row));
		if (slot.data == NULL)
			return PMN_OK;
		PMN_TRY(nested_key(fold, row, &key, &counts));
		if (!counts)
			continue;
		PMN_TRY(pmn_span_map_put(&fold->scratch->map, key, &span, &is_new));
		if (!is_new)
			PMN_TRY(overlay(fold, row_of_slot(span->value), row, &slot));
		span->value = slot;
	}
}

static PmnCode
partial_pair(PmnAggregateFold *fold, const PmnBytes *old, const PmnBytes *in,
			 PmnBuffer *out, PmnPairResult *result)
{
	*result = PMN_PAIR_OLD;
	if (in == NULL)
		return PMN_OK;
	*result = PMN_PAIR_WRITTEN;
	pmn_arena_reset(fold->scratch->keys);
	PMN_TRY(pmn_span_map_reset(&fold->scratch->map, 0));
	if (old != NULL)
		PMN_TRY(overlay_rows(fold, *old));
	PMN_TRY(overlay_rows(fold, *in));
	return write_rows(&fold->scratch->map, out);
}

PmnCode
pmn_aggregate_nested_partial(PmnAggregateFold *fold)
{
	return pmn_aggregate_pairs(fold, partial_pair, NULL);
}
