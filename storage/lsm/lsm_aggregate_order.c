/*
 * lsm_aggregate_order.c
 *
 * max, min, bool_and and bool_or. Values compare as keys do: floats as Java
 * compares them, text by its bytes. Of equal values max keeps the older and min
 * takes the newer, which shows in nothing but whose memory is pointed to.
 */
#include "lsm_aggregate_internal.h"

#include "../type/type_order.h"

#define FOLD(T, zero, replaces)                                                \
	do                                                                         \
	{                                                                          \
		const T *values = fold->values;                                        \
		T *results = fold->results;                                            \
		uint32_t row = 0;                                                      \
		for (uint32_t g = 0; g < fold->group_count; g++)                       \
		{                                                                      \
			bool has = false;                                                  \
			T acc = zero;                                                      \
			if (g == 0 && fold->carry != NULL &&                               \
				!(fold->carry->nulls != NULL && fold->carry->nulls[0]))        \
			{                                                                  \
				has = true;                                                    \
				acc = *(const T *) fold->carry->values;                        \
			}                                                                  \
			for (; row < fold->ends[g]; row++)                                 \
			{                                                                  \
				T in = values[row];                                            \
				bool given = fold->nulls == NULL || !fold->nulls[row];         \
				uint8_t action = fold->actions[row];                           \
				if (action == PMN_ACTION_REFUSE)                               \
					return pmn_aggregate_refuse(fold);                         \
				if (action == PMN_ACTION_NULL)                                 \
					has = false;                                               \
				if (action == PMN_ACTION_COPY ||                               \
					(action == PMN_ACTION_FOLD && given &&                     \
					 (!has || replaces(acc, in))))                             \
				{                                                              \
					acc = in;                                                  \
					has = given;                                               \
				}                                                              \
			}                                                                  \
			results[g] = acc;                                                  \
			fold->result_nulls[g] = !has;                                      \
		}                                                                      \
	} while (0)

#define PLAIN_GREATER(old, in) ((old) < (in))
#define PLAIN_LESS(old, in) ((in) <= (old))
#define F32_GREATER(old, in) (pmn_order_f32(old) < pmn_order_f32(in))
#define F32_LESS(old, in) (pmn_order_f32(in) <= pmn_order_f32(old))
#define F64_GREATER(old, in) (pmn_order_f64(old) < pmn_order_f64(in))
#define F64_LESS(old, in) (pmn_order_f64(in) <= pmn_order_f64(old))
#define TS96_GREATER(old, in) (pmn_order_ts96(old) < pmn_order_ts96(in))
#define TS96_LESS(old, in) (pmn_order_ts96(in) <= pmn_order_ts96(old))
#define BYTES_GREATER(old, in) (pmn_bytes_compare(old, in) < 0)
#define BYTES_LESS(old, in) (pmn_bytes_compare(in, old) <= 0)

PmnCode
pmn_aggregate_max(PmnAggregateFold *fold)
{
	static const PmnTimestamp zero = {0, 0};
	static const PmnBytes nothing = {NULL, 0};

	switch (fold->kind)
	{
		case PMN_VECTOR_BOOL:
			FOLD(uint8_t, 0, PLAIN_GREATER);
			break;
		case PMN_VECTOR_I32:
			FOLD(int32_t, 0, PLAIN_GREATER);
			break;
		case PMN_VECTOR_I64:
			FOLD(int64_t, 0, PLAIN_GREATER);
			break;
		case PMN_VECTOR_F32:
			FOLD(float, 0, F32_GREATER);
			break;
		case PMN_VECTOR_F64:
			FOLD(double, 0, F64_GREATER);
			break;
		case PMN_VECTOR_DEC128:
			FOLD(PmnInt128, 0, PLAIN_GREATER);
			break;
		case PMN_VECTOR_TS96:
			FOLD(PmnTimestamp, zero, TS96_GREATER);
			break;
		case PMN_VECTOR_BYTES:
			FOLD(PmnBytes, nothing, BYTES_GREATER);
			break;
		case PMN_VECTOR_NONE:
			PMN_ASSERT(false);
			break;
	}
	return PMN_OK;
}

PmnCode
pmn_aggregate_min(PmnAggregateFold *fold)
{
	static const PmnTimestamp zero = {0, 0};
	static const PmnBytes nothing = {NULL, 0};

	switch (fold->kind)
	{
		case PMN_VECTOR_BOOL:
			FOLD(uint8_t, 0, PLAIN_LESS);
			break;
		case PMN_VECTOR_I32:
			FOLD(int32_t, 0, PLAIN_LESS);
			break;
		case PMN_VECTOR_I64:
			FOLD(int64_t, 0, PLAIN_LESS);
			break;
		case PMN_VECTOR_F32:
			FOLD(float, 0, F32_LESS);
			break;
		case PMN_VECTOR_F64:
			FOLD(double, 0, F64_LESS);
			break;
		case PMN_VECTOR_DEC128:
			FOLD(PmnInt128, 0, PLAIN_LESS);
			break;
		case PMN_VECTOR_TS96:
			FOLD(PmnTimestamp, zero, TS96_LESS);
			break;
		case PMN_VECTOR_BYTES:
			FOLD(PmnBytes, nothing, BYTES_LESS);
			break;
		case PMN_VECTOR_NONE:
			PMN_ASSERT(false);
			break;
	}
	return PMN_OK;
}

/* false beats true in an and, true beats false in an or. */
PmnCode
pmn_aggregate_bool_and(PmnAggregateFold *fold)
{
	FOLD(uint8_t, 0, PLAIN_LESS);
	return PMN_OK;
}

PmnCode
pmn_aggregate_bool_or(PmnAggregateFold *fold)
{
	FOLD(uint8_t, 0, PLAIN_GREATER);
	return PMN_OK;
}
