/*
 * fdw_aggregate_fold.c
 *
 * Aggregates over the vectors of a batch: one loop per column and batch, with
 * no call per row. Results are those of the server's own functions, which fix
 * both type and meaning:
 *
 *   sum, avg of integers and decimals   an exact 128-bit integer; decimals of
 *                                       more than 28 digits are left to the
 *                                       server, as their sum might not fit
 *   sum, avg of floats                  added in the order of the rows
 *   min, max                            floats with NaN above all; of equal
 *                                       ones (-0, 0) the last, as there; text
 *                                       where bytes order as the collation
 */
#include "fdw_aggregate.h"

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include <math.h>

#define SUM_PRECISION_MAX 28

/* body sees each value of the column that is not null as x. */
#define FOLD(type, body)                                                       \
	do                                                                         \
	{                                                                          \
		const type *values = vector->values;                                   \
		if (rows == NULL && nulls == NULL)                                     \
			for (uint32 i = 0; i < count; i++)                                 \
			{                                                                  \
				type x = values[i];                                            \
				body;                                                          \
			}                                                                  \
		else                                                                   \
			for (uint32 i = 0; i < count; i++)                                 \
			{                                                                  \
				uint32 row = rows == NULL ? i : rows[i];                       \
				type x = values[row];                                          \
				if (nulls != NULL && nulls[row])                               \
					continue;                                                  \
				body;                                                          \
			}                                                                  \
	} while (0)

/* What FOLD needs. */
#define FOLD_NAMES(batch, vector)                                              \
	const uint32 *rows = (batch)->selection;                                   \
	const uint8 *nulls = (vector)->nulls;                                      \
	uint32 count = (batch)->selected_count

bool
pfdw_aggregate_can_fold(PfdwAggregateOp op, const PfdwColumn *column,
						Oid collation)
{
	PmnVectorKind kind = pmn_type_vector_kind(column->type);
	Oid base = getBaseType(column->typid);
	bool is_integer = base == INT2OID || base == INT4OID || base == INT8OID;

	if (kind == PMN_VECTOR_NONE)
		return false;
	if (op == PFDW_COUNT)
		return true;
	if (kind == PMN_VECTOR_BYTES)
		return (op == PFDW_MIN || op == PFDW_MAX) &&
			   (base == TEXTOID || base == VARCHAROID) &&
			   !pmn_type_is_nested(column->type) &&
			   pfdw_collation_is_bytes(collation);
	if (op == PFDW_MIN || op == PFDW_MAX)
		return kind != PMN_VECTOR_BOOL;
	switch (kind)
	{
		case PMN_VECTOR_I32:
		case PMN_VECTOR_I64:
			return is_integer || base == NUMERICOID;
		case PMN_VECTOR_DEC128:
			return column->type->precision <= SUM_PRECISION_MAX;
		case PMN_VECTOR_F32:
			/* The server adds up float4 as float4. */
			return op == PFDW_AVG && base == FLOAT4OID;
		case PMN_VECTOR_F64:
			return base == FLOAT8OID;
		default:
			return false;
	}
}

void
pfdw_aggregate_reset(PfdwAggregate *aggregate)
{
	aggregate->is_known = false;
	aggregate->count = 0;
	aggregate->has_best = false;
	aggregate->sum = 0;
	aggregate->float_sum = 0;
}

static uint32
count_values(const PmnBatch *batch, const PmnVector *vector)
{
	FOLD_NAMES(batch, vector);
	uint32 found = 0;

	if (nulls == NULL)
		return count;
	for (uint32 i = 0; i < count; i++)
		found += !nulls[rows == NULL ? i : rows[i]];
	return found;
}

/* ---- sums --------------------------------------------------------------- */

static void
fold_sum(PfdwAggregate *aggregate, const PmnBatch *batch,
		 const PmnVector *vector)
{
	FOLD_NAMES(batch, vector);
	PmnInt128 sum = 0;
	int64 small = 0;
	double real = aggregate->float_sum;

	switch (vector->kind)
	{
		case PMN_VECTOR_I32:
			/* A batch's worth of them fits. */
			FOLD(int32, small += x);
			aggregate->sum += small;
			return;
		case PMN_VECTOR_I64:
			FOLD(int64, sum += x);
			aggregate->sum += sum;
			return;
		case PMN_VECTOR_DEC128:
			FOLD(PmnInt128, sum += x);
			aggregate->sum += sum;
			return;
		case PMN_VECTOR_F32:
			FOLD(float, real += x);
			break;
		case PMN_VECTOR_F64:
			FOLD(double, real = float8_pl(real, x));
			break;
		default:
			Assert(false);
	}
	aggregate->float_sum = real;
}

/* ---- minimum and maximum ------------------------------------------------ */

static inline bool
float_less(double a, double b)
{
	return !isnan(a) && (isnan(b) || a < b);
}

/* Keep best in a local variable; of equal values the order does not tell. */
#define FOLD_BEST(type, member)                                                \
	do                                                                         \
	{                                                                          \
		type best = (type) aggregate->best.as.member;                          \
		bool any = aggregate->has_best;                                        \
		if (is_min)                                                            \
			FOLD(                                                              \
				type, if (!any || x < best) {                                  \
					best = x;                                                  \
					any = true;                                                \
				});                                                            \
		else                                                                   \
			FOLD(                                                              \
				type, if (!any || x > best) {                                  \
					best = x;                                                  \
					any = true;                                                \
				});                                                            \
		aggregate->best.as.member = best;                                      \
		aggregate->has_best = any;                                             \
	} while (0)

static void
fold_float(PfdwAggregate *aggregate, const PmnBatch *batch,
		   const PmnVector *vector, bool is_min)
{
	FOLD_NAMES(batch, vector);
	double best = aggregate->best.as.f64;
	bool any = aggregate->has_best;

#define FLOAT_BODY                                                             \
	if (!any || (is_min ? !float_less(best, x) : !float_less(x, best)))        \
	{                                                                          \
		best = x;                                                              \
		any = true;                                                            \
	}
	if (vector->kind == PMN_VECTOR_F32)
		FOLD(float, FLOAT_BODY);
	else
		FOLD(double, FLOAT_BODY);
	aggregate->best.as.f64 = best;
	aggregate->has_best = any;
}

static inline int
compare_times(PmnTimestamp a, PmnTimestamp b)
{
	if (a.millis != b.millis)
		return a.millis < b.millis ? -1 : 1;
	return a.nano < b.nano ? -1 : a.nano > b.nano;
}

static void
fold_time(PfdwAggregate *aggregate, const PmnBatch *batch,
		  const PmnVector *vector, bool is_min)
{
	FOLD_NAMES(batch, vector);
	PmnTimestamp best = aggregate->best.as.ts96;
	bool any = aggregate->has_best;

	FOLD(PmnTimestamp, {
		if (!any ||
			(is_min ? compare_times(x, best) < 0 : compare_times(x, best) > 0))
		{
			best = x;
			any = true;
		}
	});
	aggregate->best.as.ts96 = best;
	aggregate->has_best = any;
}

static inline int
compare_bytes(PmnBytes a, PmnBytes b)
{
	uint32 size = Min(a.size, b.size);
	int order = size == 0 ? 0 : memcmp(a.data, b.data, size);

	if (order != 0)
		return order;
	return a.size < b.size ? -1 : a.size > b.size;
}

/* The best of a batch outlives it. */
static void
fold_bytes(PfdwAggregate *aggregate, const PmnBatch *batch,
		   const PmnVector *vector, bool is_min)
{
	FOLD_NAMES(batch, vector);
	PmnBytes best = aggregate->best.as.bytes;
	bool any = aggregate->has_best;
	bool is_new = false;

	FOLD(PmnBytes, {
		if (!any ||
			(is_min ? compare_bytes(x, best) < 0 : compare_bytes(x, best) > 0))
		{
			best = x;
			any = true;
			is_new = true;
		}
	});
	aggregate->has_best = any;
	if (!is_new)
		return;
	if (best.size > aggregate->room_size || aggregate->room == NULL)
	{
		char *room = palloc(best.size + 1);

		if (aggregate->room != NULL)
			pfree(aggregate->room);
		aggregate->room = room;
		aggregate->room_size = best.size;
	}
	if (best.size > 0)
		memcpy(aggregate->room, best.data, best.size);
	aggregate->best.as.bytes =
		(PmnBytes){(const uint8_t *) aggregate->room, best.size};
}

static void
fold_best(PfdwAggregate *aggregate, const PmnBatch *batch,
		  const PmnVector *vector)
{
	FOLD_NAMES(batch, vector);
	bool is_min = aggregate->op == PFDW_MIN;

	switch (vector->kind)
	{
		case PMN_VECTOR_I32:
			FOLD_BEST(int32, i64);
			break;
		case PMN_VECTOR_I64:
			FOLD_BEST(int64, i64);
			break;
		case PMN_VECTOR_DEC128:
			FOLD_BEST(PmnInt128, dec128);
			break;
		case PMN_VECTOR_F32:
		case PMN_VECTOR_F64:
			fold_float(aggregate, batch, vector, is_min);
			break;
		case PMN_VECTOR_TS96:
			fold_time(aggregate, batch, vector, is_min);
			break;
		case PMN_VECTOR_BYTES:
			fold_bytes(aggregate, batch, vector, is_min);
			break;
		default:
			Assert(false);
	}
}

void
pfdw_aggregate_fold(PfdwAggregate *aggregate, const PmnBatch *batch)
{
	const PmnVector *vector;

	if (aggregate->op == PFDW_COUNT_ROWS)
	{
		aggregate->count += batch->selected_count;
		return;
	}
	vector = &batch->columns[aggregate->batch_column];
	switch (aggregate->op)
	{
		case PFDW_MIN:
		case PFDW_MAX:
			fold_best(aggregate, batch, vector);
			break;
		case PFDW_SUM:
		case PFDW_AVG:
			fold_sum(aggregate, batch, vector);
			aggregate->count += count_values(batch, vector);
			break;
		default:
			aggregate->count += count_values(batch, vector);
	}
}

/* ---- results ------------------------------------------------------------ */

static Datum
sum_numeric(const PfdwAggregate *aggregate)
{
	int scale = aggregate->column.type->kind == PMN_TYPE_DECIMAL
					? aggregate->column.type->scale
					: 0;

	return pfdw_numeric_from_i128(aggregate->sum, scale);
}

static Datum
sum_result(const PfdwAggregate *aggregate)
{
	switch (aggregate->result_type)
	{
		case INT8OID:
			return Int64GetDatum((int64) aggregate->sum);
		case FLOAT8OID:
			return Float8GetDatum(aggregate->float_sum);
		default:
			return sum_numeric(aggregate);
	}
}

static Datum
average_result(const PfdwAggregate *aggregate)
{
	if (aggregate->result_type == FLOAT8OID)
		return Float8GetDatum(aggregate->float_sum / aggregate->count);
	return DirectFunctionCall2(
		numeric_div, sum_numeric(aggregate),
		DirectFunctionCall1(int8_numeric,
							Int64GetDatum((int64) aggregate->count)));
}

static Datum
best_result(const PfdwAggregate *aggregate)
{
	const PfdwColumn *column = &aggregate->column;
	Datum datum;

	if (!pfdw_value_to_datum(column->type, column->typid, column->typmod,
							 &aggregate->best, &datum))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("a value of column \"%s\" has no form in the "
							   "server",
							   column->name)));
	return datum;
}

Datum
pfdw_aggregate_result(const PfdwAggregate *aggregate, bool *is_null)
{
	*is_null = false;
	switch (aggregate->op)
	{
		case PFDW_COUNT_ROWS:
		case PFDW_COUNT:
			return Int64GetDatum((int64) aggregate->count);
		case PFDW_MIN:
		case PFDW_MAX:
			*is_null = !aggregate->has_best;
			return *is_null ? (Datum) 0 : best_result(aggregate);
		case PFDW_SUM:
		case PFDW_AVG:
			break;
	}
	*is_null = aggregate->count == 0;
	if (*is_null)
		return (Datum) 0;
	return aggregate->op == PFDW_SUM ? sum_result(aggregate)
									 : average_result(aggregate);
}
