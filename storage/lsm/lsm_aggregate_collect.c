/*
 * lsm_aggregate_collect.c
 *
 * collect: arrays one behind the other, or as a set with "distinct". Elements
 * are compared by their flat bytes (pmn_nested.h), nulls being equal.
 *
 * Paimon puts distinct elements of plain types through a hash set, whose
 * order is unspecified: here it is the order of first appearance. Elements
 * that are rows, arrays, maps or binary are added only when they are new,
 * but those of the older array stay as often as they are there.
 *
 * A retracted element takes one equal element away, where there is one.
 */
#include "lsm_aggregate_internal.h"

typedef struct Elements
{
	PmnNestedReader reader;
	PmnVectorKind kind;
	uint32_t left;
} Elements;

static PmnCode
open_elements(const PmnAggregateFold *fold, PmnBytes array, Elements *out)
{
	out->reader = pmn_nested_reader(array);
	out->kind = pmn_type_vector_kind(fold->field->type.element);
	if (!pmn_nested_read_count(&out->reader, &out->left))
		return pmn_aggregate_broken(fold);
	return PMN_OK;
}

static PmnCode
next_element(const PmnAggregateFold *fold, Elements *elements, PmnBytes *slot)
{
	PmnValue value;

	elements->left--;
	if (!pmn_aggregate_slot(&elements->reader, elements->kind, slot, &value))
		return pmn_aggregate_broken(fold);
	return PMN_OK;
}

static bool
keeps_old_duplicates(const PmnType *element)
{
	return pmn_type_is_nested(element) || element->kind == PMN_TYPE_BINARY ||
		   element->kind == PMN_TYPE_VARBINARY;
}

static PmnCode
append_count(PmnBuffer *out, uint32_t count)
{
	uint8_t bytes[4];

	pmn_put_le32(bytes, count);
	return pmn_buffer_append(out, bytes, sizeof(bytes));
}

/* Elements of array that are wanted, and how many in *count. */
static PmnCode
add_distinct(PmnAggregateFold *fold, PmnBytes array, bool keeps_all,
			 PmnBuffer *out, uint32_t *count)
{
	Elements elements;
	PmnBytes slot;
	PmnSpan *span;
	bool is_new;

	PMN_TRY(open_elements(fold, array, &elements));
	while (elements.left > 0)
	{
		PMN_TRY(next_element(fold, &elements, &slot));
		PMN_TRY(pmn_span_map_put(&fold->scratch->map, slot, &span, &is_new));
		if (!is_new && !keeps_all)
			continue;
		PMN_TRY(pmn_buffer_append(out, slot.data, slot.size));
		(*count)++;
	}
	return PMN_OK;
}

static PmnCode
collect_distinct(PmnAggregateFold *fold, const PmnBytes *old,
				 const PmnBytes *in, PmnBuffer *out)
{
	bool keeps_all = keeps_old_duplicates(fold->field->type.element);
	uint32_t count = 0;

	PMN_TRY(pmn_span_map_reset(&fold->scratch->map, 0));
	PMN_TRY(append_count(out, 0));
	if (old != NULL)
		PMN_TRY(add_distinct(fold, *old, keeps_all, out, &count));
	if (in != NULL)
		PMN_TRY(add_distinct(fold, *in, false, out, &count));
	pmn_put_le32(out->data, count);
	return PMN_OK;
}

static PmnCode
collect_pair(PmnAggregateFold *fold, const PmnBytes *old, const PmnBytes *in,
			 PmnBuffer *out, PmnPairResult *result)
{
	Elements a;
	Elements b;

	*result = PMN_PAIR_WRITTEN;
	if (fold->options->is_distinct)
		return collect_distinct(fold, old, in, out);
	if (old == NULL || in == NULL)
	{
		*result = old == NULL ? PMN_PAIR_IN : PMN_PAIR_OLD;
		return PMN_OK;
	}
	PMN_TRY(open_elements(fold, *old, &a));
	PMN_TRY(open_elements(fold, *in, &b));
	PMN_TRY(append_count(out, a.left + b.left));
	PMN_TRY(pmn_buffer_append(out, a.reader.at,
							  (size_t) (a.reader.end - a.reader.at)));
	return pmn_buffer_append(out, b.reader.at,
							 (size_t) (b.reader.end - b.reader.at));
}

/* How often each element is retracted, in the size of its span's value. */
static PmnCode
count_retracted(PmnAggregateFold *fold, PmnBytes array)
{
	Elements elements;
	PmnBytes slot;
	PmnSpan *span;
	bool is_new;

	PMN_TRY(pmn_span_map_reset(&fold->scratch->map, 0));
	PMN_TRY(open_elements(fold, array, &elements));
	while (elements.left > 0)
	{
		PMN_TRY(next_element(fold, &elements, &slot));
		PMN_TRY(pmn_span_map_put(&fold->scratch->map, slot, &span, &is_new));
		span->value.size++;
	}
	return PMN_OK;
}

static PmnCode
collect_retract(PmnAggregateFold *fold, const PmnBytes *old, const PmnBytes *in,
				PmnBuffer *out, PmnPairResult *result)
{
	Elements elements;
	PmnBytes slot;
	PmnSpan *span;
	uint32_t count = 0;

	*result = old == NULL ? PMN_PAIR_NULL : PMN_PAIR_OLD;
	if (old == NULL || in == NULL)
		return PMN_OK;
	PMN_TRY(count_retracted(fold, *in));
	*result = PMN_PAIR_WRITTEN;
	PMN_TRY(append_count(out, 0));
	PMN_TRY(open_elements(fold, *old, &elements));
	while (elements.left > 0)
	{
		PMN_TRY(next_element(fold, &elements, &slot));
		span = pmn_span_map_find(&fold->scratch->map, slot);
		if (span != NULL && span->value.size > 0)
		{
			span->value.size--;
			continue;
		}
		PMN_TRY(pmn_buffer_append(out, slot.data, slot.size));
		count++;
	}
	pmn_put_le32(out->data, count);
	return PMN_OK;
}

PmnCode
pmn_aggregate_collect(PmnAggregateFold *fold)
{
	return pmn_aggregate_pairs(fold, collect_pair, collect_retract);
}
