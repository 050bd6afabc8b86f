/*
 * lsm_aggregate_entries.c
 *
 * merge_map and merge_map_with_keytime: maps put together key by key. Keys
 * are compared by their flat bytes. The order of a result's entries is that
 * of first insertion; Paimon's is a hash map's and unspecified.
 *
 * With key times a value is a row, and one of its fields (text) its time: a
 * newer row counts only when its time is greater, compared as Java compares
 * strings; a null row removes the key; a row without a time is passed over.
 */
#include "lsm_aggregate_internal.h"

typedef struct Entries
{
	PmnNestedReader reader;
	PmnVectorKind key_kind;
	PmnVectorKind value_kind;
	uint32_t left;
} Entries;

static PmnCode
open_entries(const PmnAggregateFold *fold, PmnBytes map, Entries *out)
{
	const PmnType *type = &fold->field->type;

	out->reader = pmn_nested_reader(map);
	out->key_kind = pmn_type_vector_kind(type->key);
	out->value_kind = pmn_type_vector_kind(type->element);
	if (!pmn_nested_read_count(&out->reader, &out->left))
		return pmn_aggregate_broken(fold);
	return PMN_OK;
}

static PmnCode
next_entry(const PmnAggregateFold *fold, Entries *entries, PmnBytes *key,
		   PmnBytes *slot, PmnValue *value)
{
	PmnValue ignored;

	entries->left--;
	if (!pmn_aggregate_slot(&entries->reader, entries->key_kind, key,
							&ignored) ||
		!pmn_aggregate_slot(&entries->reader, entries->value_kind, slot, value))
		return pmn_aggregate_broken(fold);
	return PMN_OK;
}

static PmnCode
put_all(PmnAggregateFold *fold, PmnBytes map)
{
	Entries entries;
	PmnBytes key;
	PmnBytes slot;
	PmnValue value;
	PmnSpan *span;
	bool is_new;

	PMN_TRY(open_entries(fold, map, &entries));
	while (entries.left > 0)
	{
		PMN_TRY(next_entry(fold, &entries, &key, &slot, &value));
		PMN_TRY(pmn_span_map_put(&fold->scratch->map, key, &span, &is_new));
		span->value = slot;
	}
	return PMN_OK;
}

static PmnCode
write_map(const PmnSpanMap *map, PmnBuffer *out)
{
	uint8_t count[4];

	pmn_put_le32(count, map->live_count);
	PMN_TRY(pmn_buffer_append(out, count, sizeof(count)));
	for (size_t i = 0; i < map->spans.count; i++)
	{
		const PmnSpan *span = &map->spans.items[i];

		if (span->is_removed)
			continue;
		PMN_TRY(pmn_buffer_append(out, span->key.data, span->key.size));
		PMN_TRY(pmn_buffer_append(out, span->value.data, span->value.size));
	}
	return PMN_OK;
}

static PmnCode
merge_map_pair(PmnAggregateFold *fold, const PmnBytes *old, const PmnBytes *in,
			   PmnBuffer *out, PmnPairResult *result)
{
	*result = old == NULL ? PMN_PAIR_IN : PMN_PAIR_OLD;
	if (old == NULL || in == NULL)
		return PMN_OK;
	*result = PMN_PAIR_WRITTEN;
	PMN_TRY(pmn_span_map_reset(&fold->scratch->map, 0));
	PMN_TRY(put_all(fold, *old));
	PMN_TRY(put_all(fold, *in));
	return write_map(&fold->scratch->map, out);
}

static PmnCode
merge_map_retract(PmnAggregateFold *fold, const PmnBytes *old,
				  const PmnBytes *in, PmnBuffer *out, PmnPairResult *result)
{
	PmnSpanMap *map = &fold->scratch->map;
	Entries entries;
	PmnBytes key;
	PmnBytes slot;
	PmnValue value;
	PmnSpan *span;

	*result = old == NULL ? PMN_PAIR_NULL : PMN_PAIR_OLD;
	if (old == NULL || in == NULL)
		return PMN_OK;
	*result = PMN_PAIR_WRITTEN;
	PMN_TRY(pmn_span_map_reset(map, 0));
	PMN_TRY(put_all(fold, *old));
	PMN_TRY(open_entries(fold, *in, &entries));
	while (entries.left > 0)
	{
		PMN_TRY(next_entry(fold, &entries, &key, &slot, &value));
		span = pmn_span_map_find(map, key);
		if (span != NULL)
			pmn_span_map_remove(map, span);
	}
	return write_map(map, out);
}

PmnCode
pmn_aggregate_merge_map(PmnAggregateFold *fold)
{
	return pmn_aggregate_pairs(fold, merge_map_pair, merge_map_retract);
}

/* ---- with key times ---------------------------------------------------- */

/* The time of a row that is not null; is_null when it has none. */
static PmnCode
time_of(const PmnAggregateFold *fold, PmnBytes row, PmnValue *out)
{
	const PmnType *type = fold->field->type.element;
	PmnNestedReader reader = pmn_nested_reader(row);

	for (uint32_t i = 0; i <= fold->options->time_field; i++)
	{
		if (!pmn_nested_read_slot(
				&reader, pmn_type_vector_kind(&type->fields[i].type), out))
			return pmn_aggregate_broken(fold);
	}
	return PMN_OK;
}

/* The UTF-16 units of text up to U+FFFF in pairs compare as code points,
 * apart from surrogates, which Java sorts below U+E000. */
static uint32_t
java_unit(uint8_t byte)
{
	return byte >= 0xF0 ? 0xEDu << 1 | 1 : (uint32_t) byte << 1;
}

/* Order of String.compareTo on valid UTF-8. */
static int
compare_strings(PmnBytes a, PmnBytes b)
{
	uint32_t size = a.size < b.size ? a.size : b.size;

	for (uint32_t i = 0; i < size; i++)
	{
		uint32_t x = a.data[i];
		uint32_t y = b.data[i];

		if (x == y)
			continue;
		if (x >= 0xEE && y >= 0xEE)
		{
			uint32_t u = java_unit((uint8_t) x);
			uint32_t v = java_unit((uint8_t) y);

			if (u != v)
				return u < v ? -1 : 1;
		}
		return x < y ? -1 : 1;
	}
	return a.size < b.size ? -1 : a.size > b.size;
}

/* One entry of the newer map. */
static PmnCode
merge_entry(PmnAggregateFold *fold, PmnBytes key, PmnBytes slot,
			const PmnValue *row)
{
	PmnSpanMap *map = &fold->scratch->map;
	PmnSpan *span = pmn_span_map_find(map, key);
	PmnNestedReader reader;
	PmnValue time;
	PmnValue old_row;
	PmnValue old_time;
	bool is_new;

	if (row->is_null)
	{
		if (span != NULL)
			pmn_span_map_remove(map, span);
		return PMN_OK;
	}
	PMN_TRY(time_of(fold, row->as.bytes, &time));
	if (time.is_null)
		return PMN_OK;
	if (span != NULL && !pmn_aggregate_slot_is_null(span->value))
	{
		reader = pmn_nested_reader(span->value);
		if (!pmn_nested_read_slot(&reader, PMN_VECTOR_BYTES, &old_row))
			return pmn_aggregate_broken(fold);
		PMN_TRY(time_of(fold, old_row.as.bytes, &old_time));
		if (!old_time.is_null &&
			compare_strings(time.as.bytes, old_time.as.bytes) <= 0)
			return PMN_OK;
	}
	PMN_TRY(pmn_span_map_put(map, key, &span, &is_new));
	span->value = slot;
	return PMN_OK;
}

static PmnCode
keytime_pair(PmnAggregateFold *fold, const PmnBytes *old, const PmnBytes *in,
			 PmnBuffer *out, PmnPairResult *result)
{
	Entries entries;
	PmnBytes key;
	PmnBytes slot;
	PmnValue row;

	*result = old == NULL ? PMN_PAIR_IN : PMN_PAIR_OLD;
	if (old == NULL || in == NULL)
		return PMN_OK;
	*result = PMN_PAIR_WRITTEN;
	PMN_TRY(pmn_span_map_reset(&fold->scratch->map, 0));
	PMN_TRY(put_all(fold, *old));
	PMN_TRY(open_entries(fold, *in, &entries));
	while (entries.left > 0)
	{
		PMN_TRY(next_entry(fold, &entries, &key, &slot, &row));
		PMN_TRY(merge_entry(fold, key, slot, &row));
	}
	return write_map(&fold->scratch->map, out);
}

PmnCode
pmn_aggregate_merge_map_keytime(PmnAggregateFold *fold)
{
	return pmn_aggregate_pairs(fold, keytime_pair, NULL);
}
