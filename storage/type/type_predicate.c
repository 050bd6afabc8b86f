/*
 * type_predicate.c
 *
 * Predicates on batches: exactly the rows that match, column at a time.
 *
 * Every comparison with a fixed-width column becomes one test "is the
 * element's order inside [low, high]", possibly negated, so there is one
 * tight loop per vector kind and not one per operator. IN adds a binary
 * search in the sorted literals behind that test; bytes compare three-way.
 * Loops write an index first and advance by the outcome: no branch to
 * mispredict.
 *
 * AND narrows the index list child by child, in place: a loop never writes
 * ahead of where it reads. OR gives each child the rows no earlier child took
 * and marks what it takes in one byte per row; the marked rows come out in
 * order. Null rows match IS_NULL and nothing else.
 *
 * Pruning by statistics is in type_prune.c.
 */
#include <stdlib.h>

#include "type_order.h"
#include "type_predicate.h"

#define DEPTH_MAX 64

/* One call's surroundings. */
typedef struct Selection
{
	PmnEnv *env;
	const PmnSchema *schema;
	const int32_t *field_columns;
	const PmnBatch *batch;
} Selection;

/* A leaf's fixed-width test: low <= order <= high, xor negate. */
typedef struct Range
{
	PmnInt128 low;
	PmnInt128 high;
	bool negate;
} Range;

/* The rows a loop reads and where it writes. */
typedef struct Rows
{
	const uint32_t *in; /* NULL: 0 .. count - 1 */
	uint32_t count;
	uint32_t *out;
} Rows;

static PmnCode select_node(const Selection *selection,
						   const PmnPredicate *predicate, int depth, Rows rows,
						   uint32_t *out_count);
static PmnCode select_and(const Selection *selection,
						  const PmnPredicate *predicate, int depth, Rows rows,
						  uint32_t *out_count);
static PmnCode select_or(const Selection *selection,
						 const PmnPredicate *predicate, int depth, Rows rows,
						 uint32_t *out_count);
static PmnCode select_leaf(const Selection *selection,
						   const PmnPredicate *predicate, Rows rows,
						   uint32_t *out_count);

PmnCode
pmn_predicate_select(PmnEnv *env, const PmnPredicate *predicate,
					 const PmnSchema *schema, const int32_t *field_columns,
					 const PmnBatch *batch, const uint32_t *in,
					 uint32_t in_count, uint32_t *out, uint32_t *out_count)
{
	Selection selection = {env, schema, field_columns, batch};
	Rows rows = {in, in == NULL ? batch->row_count : in_count, out};

	return select_node(&selection, predicate, 0, rows, out_count);
}

void
pmn_predicate_fields(const PmnPredicate *predicate, bool *used)
{
	if (predicate->op != PMN_PREDICATE_AND && predicate->op != PMN_PREDICATE_OR)
	{
		used[predicate->field] = true;
		return;
	}
	for (uint32_t i = 0; i < predicate->child_count; i++)
		pmn_predicate_fields(predicate->children[i], used);
}

PmnCode
pmn_predicate_only(PmnArena *arena, const PmnPredicate *predicate,
				   const bool *allowed, const PmnPredicate **out)
{
	bool is_and = predicate->op == PMN_PREDICATE_AND;
	const PmnPredicate **children;
	PmnPredicate *copy;
	uint32_t count = 0;
	bool is_changed = false;

	*out = NULL;
	if (!is_and && predicate->op != PMN_PREDICATE_OR)
	{
		*out = allowed[predicate->field] ? predicate : NULL;
		return PMN_OK;
	}
	children =
		pmn_arena_alloc(arena, predicate->child_count * sizeof(*children));
	copy = pmn_arena_alloc(arena, sizeof(*copy));
	if (children == NULL || copy == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < predicate->child_count; i++)
	{
		const PmnPredicate *child;

		PMN_TRY(
			pmn_predicate_only(arena, predicate->children[i], allowed, &child));
		/* One branch of an OR that says nothing makes it say nothing. */
		if (child == NULL && !is_and)
			return PMN_OK;
		is_changed = is_changed || child != predicate->children[i];
		if (child != NULL)
			children[count++] = child;
	}
	*copy = *predicate;
	copy->children = children;
	copy->child_count = count;
	if (!is_changed)
		*out = predicate;
	else if (count == 1)
		*out = children[0];
	else if (count > 1)
		*out = copy;
	return PMN_OK;
}

static PmnCode
select_node(const Selection *selection, const PmnPredicate *predicate,
			int depth, Rows rows, uint32_t *out_count)
{
	*out_count = 0;
	if (depth > DEPTH_MAX)
		return pmn_fail(selection->env, PMN_INVALID,
						"a filter is nested deeper than %d", DEPTH_MAX);
	if (predicate->op == PMN_PREDICATE_AND)
		return select_and(selection, predicate, depth, rows, out_count);
	if (predicate->op == PMN_PREDICATE_OR)
		return select_or(selection, predicate, depth, rows, out_count);
	return select_leaf(selection, predicate, rows, out_count);
}

static PmnCode
select_and(const Selection *selection, const PmnPredicate *predicate, int depth,
		   Rows rows, uint32_t *out_count)
{
	uint32_t count = rows.count;

	if (predicate->child_count == 0)
	{
		for (uint32_t i = 0; i < count; i++)
			rows.out[i] = rows.in == NULL ? i : rows.in[i];
	}
	for (uint32_t i = 0; i < predicate->child_count && count > 0; i++)
	{
		PMN_TRY(select_node(selection, predicate->children[i], depth + 1, rows,
							&count));
		rows.in = rows.out;
		rows.count = count;
	}
	*out_count = count;
	return PMN_OK;
}

/* Try the children one by one; rest has the rows that are not taken yet. */
static PmnCode
take_children(const Selection *selection, const PmnPredicate *predicate,
			  int depth, uint32_t *rest, uint32_t rest_count, uint32_t *hits,
			  uint8_t *taken)
{
	for (uint32_t i = 0; i < predicate->child_count && rest_count > 0; i++)
	{
		Rows rows = {rest, rest_count, hits};
		uint32_t hit_count;
		uint32_t kept = 0;

		PMN_TRY(select_node(selection, predicate->children[i], depth + 1, rows,
							&hit_count));
		for (uint32_t h = 0; h < hit_count; h++)
			taken[hits[h]] = 1;
		for (uint32_t r = 0; hit_count > 0 && r < rest_count; r++)
		{
			rest[kept] = rest[r];
			kept += taken[rest[r]] == 0;
		}
		rest_count = hit_count > 0 ? kept : rest_count;
	}
	return PMN_OK;
}

static PmnCode
select_or(const Selection *selection, const PmnPredicate *predicate, int depth,
		  Rows rows, uint32_t *out_count)
{
	/* taken, rest and hits in one block. */
	size_t list_size = (size_t) rows.count * sizeof(uint32_t);
	size_t size = 2 * list_size + selection->batch->row_count;
	uint32_t *rest;
	uint32_t *hits;
	uint8_t *taken;
	PmnCode code;

	if (rows.count == 0)
		return PMN_OK;
	rest = pmn_alloc(selection->env, size);
	if (rest == NULL)
		return PMN_NO_MEMORY;
	hits = rest + rows.count;
	taken = (uint8_t *) (hits + rows.count);
	for (uint32_t i = 0; i < rows.count; i++)
		rest[i] = rows.in == NULL ? i : rows.in[i];
	code = take_children(selection, predicate, depth, rest, rows.count, hits,
						 taken);
	for (uint32_t i = 0; code == PMN_OK && i < rows.count; i++)
	{
		uint32_t row = rows.in == NULL ? i : rows.in[i];

		rows.out[*out_count] = row;
		*out_count += taken[row];
	}
	pmn_free(selection->env, rest, size);
	return code;
}

static uint32_t
select_nulls(const PmnVector *vector, bool want_null, Rows rows)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < rows.count; i++)
	{
		uint32_t row = rows.in == NULL ? i : rows.in[i];
		bool is_null = vector->nulls != NULL && vector->nulls[row] != 0;

		rows.out[found] = row;
		found += is_null == want_null;
	}
	return found;
}

/* The order of a literal, in the units the loops use for that kind. */
static PmnInt128
literal_order(PmnVectorKind kind, const PmnValue *literal)
{
	if (kind == PMN_VECTOR_F32 || kind == PMN_VECTOR_F64)
		return pmn_order_f64(literal->as.f64);
	if (kind == PMN_VECTOR_DEC128)
		return literal->as.dec128;
	if (kind == PMN_VECTOR_TS96)
		return pmn_order_ts96(literal->as.ts96);
	return literal->as.i64;
}

/*
 * One comparison as a range. The extremes of 128 bits lie outside of every
 * vector kind but DEC128, whose values are below 10^38, so neither adding one
 * nor an open end can overflow into a match.
 */
static Range
literal_range(const PmnPredicate *predicate, PmnVectorKind kind)
{
	const PmnInt128 least = (PmnInt128) ((PmnUint128) 1 << 127);
	PmnInt128 order = literal_order(kind, &predicate->literals[0]);
	Range range = {least, ~least, false};

	if (predicate->op == PMN_PREDICATE_EQ || predicate->op == PMN_PREDICATE_NE)
		range.low = range.high = order;
	range.negate = predicate->op == PMN_PREDICATE_NE;
	/* x < v is not (x >= v): no neighbour of v is needed. */
	if (predicate->op == PMN_PREDICATE_LT || predicate->op == PMN_PREDICATE_GE)
		range.low = order;
	if (predicate->op == PMN_PREDICATE_GT || predicate->op == PMN_PREDICATE_LE)
		range.high = order;
	if (predicate->op == PMN_PREDICATE_LT || predicate->op == PMN_PREDICATE_GT)
		range.negate = true;
	return range;
}

/*
 * The four shapes of a loop: all rows or listed ones, with or without
 * nulls. `test` is an expression of `row`.
 */
#define LOOP(test)                                                             \
	do                                                                         \
	{                                                                          \
		if (rows.in == NULL && nulls == NULL)                                  \
			for (uint32_t row = 0; row < rows.count; row++)                    \
			{                                                                  \
				rows.out[found] = row;                                         \
				found += (uint32_t) (test);                                    \
			}                                                                  \
		else if (rows.in == NULL)                                              \
			for (uint32_t row = 0; row < rows.count; row++)                    \
			{                                                                  \
				rows.out[found] = row;                                         \
				found += (uint32_t) ((int) (test) & (int) (nulls[row] == 0));  \
			}                                                                  \
		else                                                                   \
			for (uint32_t i = 0; i < rows.count; i++)                          \
			{                                                                  \
				uint32_t row = rows.in[i];                                     \
				rows.out[found] = row;                                         \
				found +=                                                       \
					(uint32_t) ((test) & (nulls == NULL || nulls[row] == 0));  \
			}                                                                  \
	} while (0)
#define SAME(x) (x)
#define TRUTH(x) ((x) != 0)
#define INSIDE(order)                                                          \
	(((int) ((order) >= low) & (int) ((order) <= high)) ^ (int) range->negate)

/* What a null row's bytes point at is not to be looked at. */
#define IS_THERE (nulls == NULL || nulls[row] == 0)

static int64_t
clamp(PmnInt128 value)
{
	if (value > INT64_MAX)
		return INT64_MAX;
	return value < INT64_MIN ? INT64_MIN : (int64_t) value;
}

/* Kinds whose order fits 64 bits. */
static uint32_t
select_range_64(const PmnVector *vector, const Range *range, Rows rows)
{
	const uint8_t *nulls = vector->nulls;
	const uint8_t *bools = vector->values;
	const int32_t *ints = vector->values;
	const int64_t *longs = vector->values;
	const float *floats = vector->values;
	const double *doubles = vector->values;
	int64_t low = clamp(range->low);
	int64_t high = clamp(range->high);
	uint32_t found = 0;

	if (vector->kind == PMN_VECTOR_BOOL)
		LOOP(INSIDE(TRUTH(bools[row])));
	else if (vector->kind == PMN_VECTOR_I32)
		LOOP(INSIDE(ints[row]));
	else if (vector->kind == PMN_VECTOR_I64)
		LOOP(INSIDE(longs[row]));
	else if (vector->kind == PMN_VECTOR_F32)
		LOOP(INSIDE(pmn_order_f64((double) floats[row])));
	else
		LOOP(INSIDE(pmn_order_f64(doubles[row])));
	return found;
}

static uint32_t
select_range_128(const PmnVector *vector, const Range *range, Rows rows)
{
	const uint8_t *nulls = vector->nulls;
	const PmnInt128 *decimals = vector->values;
	const PmnTimestamp *times = vector->values;
	PmnInt128 low = range->low;
	PmnInt128 high = range->high;
	uint32_t found = 0;

	if (vector->kind == PMN_VECTOR_DEC128)
		LOOP(INSIDE(decimals[row]));
	else
		LOOP(INSIDE(pmn_order_ts96(times[row])));
	return found;
}

/* Which outcomes of a three-way comparison match: less 1, equal 2, more 4. */
static int
outcomes(PmnPredicateOp op)
{
	static const uint8_t by_op[] = {
		[PMN_PREDICATE_EQ] = 2, [PMN_PREDICATE_NE] = 1 | 4,
		[PMN_PREDICATE_LT] = 1, [PMN_PREDICATE_LE] = 1 | 2,
		[PMN_PREDICATE_GT] = 4, [PMN_PREDICATE_GE] = 4 | 2,
	};

	return by_op[op];
}

static bool
starts_with(PmnBytes value, PmnBytes prefix)
{
	return value.size >= prefix.size &&
		   (prefix.size == 0 ||
			memcmp(value.data, prefix.data, prefix.size) == 0);
}

static uint32_t
select_bytes(const PmnVector *vector, const PmnPredicate *predicate, Rows rows)
{
	const uint8_t *nulls = vector->nulls;
	const PmnBytes *values = vector->values;
	PmnBytes literal = predicate->literals[0].as.bytes;
	uint32_t found = 0;
	int wanted;

	if (predicate->op == PMN_PREDICATE_STARTS_WITH)
	{
		LOOP(IS_THERE && starts_with(values[row], literal));
		return found;
	}
	if (predicate->op == PMN_PREDICATE_EQ)
	{
		LOOP(IS_THERE && pmn_bytes_equal(values[row], literal));
		return found;
	}
	wanted = outcomes(predicate->op);
	LOOP(
		IS_THERE &&
		(wanted >> (1 + PMN_ORDER(pmn_bytes_compare(values[row], literal), 0)) &
		 1) != 0);
	return found;
}

static int
compare_orders(const void *a, const void *b)
{
	return PMN_ORDER(*(const PmnInt128 *) a, *(const PmnInt128 *) b);
}

static int
compare_bytes(const void *a, const void *b)
{
	return pmn_bytes_compare(*(const PmnBytes *) a, *(const PmnBytes *) b);
}

static bool
has_order(const PmnInt128 *sorted, uint32_t count, PmnInt128 order)
{
	uint32_t low = 0;

	while (count > 0)
	{
		uint32_t half = count / 2;
		bool is_right = sorted[low + half] < order;

		if (sorted[low + half] == order)
			return true;
		low = is_right ? low + half + 1 : low;
		count = is_right ? count - half - 1 : half;
	}
	return false;
}

static bool
has_bytes(const PmnBytes *sorted, uint32_t count, PmnBytes value)
{
	uint32_t low = 0;

	while (count > 0)
	{
		uint32_t half = count / 2;
		int order = pmn_bytes_compare(sorted[low + half], value);

		if (order == 0)
			return true;
		low = order < 0 ? low + half + 1 : low;
		count = order < 0 ? count - half - 1 : half;
	}
	return false;
}

/* First the cheap test against the ends, then the search. */
#define LISTED(order)                                                          \
	((order) >= sorted[0] && (order) <= sorted[count - 1] &&                   \
	 has_order(sorted, count, (order)))

static uint32_t
select_listed(const PmnVector *vector, const PmnInt128 *sorted, uint32_t count,
			  Rows rows)
{
	const uint8_t *nulls = vector->nulls;
	const uint8_t *bools = vector->values;
	const int32_t *ints = vector->values;
	const int64_t *longs = vector->values;
	const float *floats = vector->values;
	const double *doubles = vector->values;
	const PmnInt128 *decimals = vector->values;
	const PmnTimestamp *times = vector->values;
	uint32_t found = 0;

	if (vector->kind == PMN_VECTOR_BOOL)
		LOOP(LISTED((PmnInt128) TRUTH(bools[row])));
	else if (vector->kind == PMN_VECTOR_I32)
		LOOP(LISTED(ints[row]));
	else if (vector->kind == PMN_VECTOR_I64)
		LOOP(LISTED(longs[row]));
	else if (vector->kind == PMN_VECTOR_F32)
		LOOP(LISTED(pmn_order_f64((double) floats[row])));
	else if (vector->kind == PMN_VECTOR_F64)
		LOOP(LISTED(pmn_order_f64(doubles[row])));
	else if (vector->kind == PMN_VECTOR_DEC128)
		LOOP(LISTED(decimals[row]));
	else
		LOOP(LISTED(pmn_order_ts96(times[row])));
	return found;
}

static PmnCode
select_in_bytes(PmnEnv *env, const PmnVector *vector,
				const PmnPredicate *predicate, Rows rows, uint32_t *out_count)
{
	const uint8_t *nulls = vector->nulls;
	const PmnBytes *values = vector->values;
	size_t size = predicate->literal_count * sizeof(PmnBytes);
	PmnBytes *sorted = pmn_alloc_raw(env, size);
	uint32_t count = 0;
	uint32_t found = 0;

	if (sorted == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < predicate->literal_count; i++)
		if (!predicate->literals[i].is_null)
			sorted[count++] = predicate->literals[i].as.bytes;
	qsort(sorted, count, sizeof(*sorted), compare_bytes);
	LOOP(IS_THERE && has_bytes(sorted, count, values[row]));
	pmn_free(env, sorted, size);
	*out_count = found;
	return PMN_OK;
}

static PmnCode
select_in(PmnEnv *env, const PmnVector *vector, const PmnPredicate *predicate,
		  Rows rows, uint32_t *out_count)
{
	size_t size = predicate->literal_count * sizeof(PmnInt128);
	PmnInt128 *sorted;
	uint32_t count = 0;

	if (predicate->literal_count == 0)
		return PMN_OK;
	if (vector->kind == PMN_VECTOR_BYTES)
		return select_in_bytes(env, vector, predicate, rows, out_count);
	sorted = pmn_alloc_raw(env, size);
	if (sorted == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < predicate->literal_count; i++)
		if (!predicate->literals[i].is_null)
			sorted[count++] =
				literal_order(vector->kind, &predicate->literals[i]);
	qsort(sorted, count, sizeof(*sorted), compare_orders);
	if (count > 0)
		*out_count = select_listed(vector, sorted, count, rows);
	pmn_free(env, sorted, size);
	return PMN_OK;
}

static PmnCode
select_leaf(const Selection *selection, const PmnPredicate *predicate,
			Rows rows, uint32_t *out_count)
{
	const PmnVector *vector;
	int32_t column;
	Range range;

	PMN_ASSERT(predicate->field >= 0 &&
			   (uint32_t) predicate->field < selection->schema->field_count);
	column = selection->field_columns[predicate->field];
	PMN_ASSERT(column >= 0 &&
			   (uint32_t) column < selection->batch->column_count);
	vector = &selection->batch->columns[column];
	if (predicate->op == PMN_PREDICATE_IS_NULL ||
		predicate->op == PMN_PREDICATE_NOT_NULL)
	{
		*out_count =
			select_nulls(vector, predicate->op == PMN_PREDICATE_IS_NULL, rows);
		return PMN_OK;
	}
	if (vector->kind == PMN_VECTOR_NONE)
		return pmn_fail(selection->env, PMN_UNSUPPORTED,
						"column \"%s\" has a type that cannot be compared",
						selection->schema->fields[predicate->field].name);
	if (predicate->op == PMN_PREDICATE_IN)
		return select_in(selection->env, vector, predicate, rows, out_count);
	PMN_ASSERT(predicate->literal_count == 1);
	if (predicate->literals[0].is_null)
		return PMN_OK;
	if (vector->kind == PMN_VECTOR_BYTES)
	{
		*out_count = select_bytes(vector, predicate, rows);
		return PMN_OK;
	}
	PMN_ASSERT(predicate->op != PMN_PREDICATE_STARTS_WITH);
	range = literal_range(predicate, vector->kind);
	if (vector->kind == PMN_VECTOR_DEC128 || vector->kind == PMN_VECTOR_TS96)
		*out_count = select_range_128(vector, &range, rows);
	else
		*out_count = select_range_64(vector, &range, rows);
	return PMN_OK;
}
