/*
 * lsm_aggregate_number.c
 *
 * sum and product, each with a loop for every kind of vector. Integers must
 * fit their type, floats follow IEEE. Decimals of at most 18 digits are
 * summed as 64-bit integers without a look at their precision, as in Paimon;
 * when the 64 bits overflow, and for wider ones whenever the precision is
 * exceeded, the value becomes null.
 */
#include "lsm_aggregate_decimal.h"
#include "lsm_aggregate_internal.h"

typedef enum Outcome
{
	FINE,
	BECOMES_NULL,
	OVERFLOWS,
	BY_ZERO,
	ENDLESS
} Outcome;

typedef struct Limits
{
	int64_t low; /* of integers */
	int64_t high;
	PmnInt128 bound; /* of decimals: 10^precision */
	int32_t precision;
	int32_t scale;
} Limits;

static Limits
limits_of(const PmnType *type)
{
	Limits limits = {INT64_MIN, INT64_MAX, 0, 0, 0};

	if (type->kind == PMN_TYPE_TINYINT)
	{
		limits.low = INT8_MIN;
		limits.high = INT8_MAX;
	}
	else if (type->kind == PMN_TYPE_SMALLINT)
	{
		limits.low = INT16_MIN;
		limits.high = INT16_MAX;
	}
	else if (type->kind == PMN_TYPE_INT)
	{
		limits.low = INT32_MIN;
		limits.high = INT32_MAX;
	}
	else if (type->kind == PMN_TYPE_DECIMAL)
	{
		limits.precision = type->precision;
		limits.scale = type->scale;
		limits.bound = pmn_decimal_power(type->precision);
	}
	return limits;
}

static PmnCode
fail_outcome(const PmnAggregateFold *fold, Outcome outcome)
{
	if (outcome == BY_ZERO)
		return pmn_aggregate_overflow(fold, "division by zero");
	if (outcome == ENDLESS)
		return pmn_aggregate_overflow(fold,
									  "the quotient has no exact decimal form");
	return pmn_aggregate_overflow(fold, "the result does not fit its type");
}

/*
 * The loop. add and take fold in into acc and back out; lone_take makes acc
 * from a row that is retracted while there is no value, whose result is null
 * when it says BECOMES_NULL.
 */
#define FOLD(T, add, take, lone_take)                                          \
	do                                                                         \
	{                                                                          \
		const T *values = fold->values;                                        \
		T *results = fold->results;                                            \
		uint32_t row = 0;                                                      \
		for (uint32_t g = 0; g < fold->group_count; g++)                       \
		{                                                                      \
			bool has = false;                                                  \
			T acc = 0;                                                         \
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
				Outcome outcome = FINE;                                        \
				if (action == PMN_ACTION_COPY ||                               \
					action == PMN_ACTION_COPY_RETRACT)                         \
				{                                                              \
					acc = in;                                                  \
					has = given;                                               \
				}                                                              \
				if (action == PMN_ACTION_NULL)                                 \
					has = false;                                               \
				if (action == PMN_ACTION_REFUSE)                               \
					return pmn_aggregate_refuse(fold);                         \
				if (action == PMN_ACTION_FOLD && given)                        \
				{                                                              \
					if (has)                                                   \
						outcome = add(&acc, in, &limits);                      \
					else                                                       \
						acc = in;                                              \
					has = true;                                                \
				}                                                              \
				if ((action == PMN_ACTION_RETRACT ||                           \
					 action == PMN_ACTION_COPY_RETRACT) &&                     \
					given)                                                     \
				{                                                              \
					outcome = has ? take(&acc, in, &limits)                    \
								  : lone_take(&acc, in, &limits);              \
					has = true;                                                \
				}                                                              \
				if (outcome == BECOMES_NULL)                                   \
					has = false;                                               \
				else if (outcome != FINE)                                      \
					return fail_outcome(fold, outcome);                        \
			}                                                                  \
			results[g] = acc;                                                  \
			fold->result_nulls[g] = !has;                                      \
		}                                                                      \
	} while (0)

/* ---- sum --------------------------------------------------------------- */

static inline Outcome
fits_i32(int32_t *acc, int64_t value, const Limits *limits)
{
	if (value < limits->low || value > limits->high)
		return OVERFLOWS;
	*acc = (int32_t) value;
	return FINE;
}

static inline Outcome
add_i32(int32_t *acc, int32_t in, const Limits *limits)
{
	return fits_i32(acc, (int64_t) *acc + in, limits);
}

static inline Outcome
take_i32(int32_t *acc, int32_t in, const Limits *limits)
{
	return fits_i32(acc, (int64_t) *acc - in, limits);
}

static inline Outcome
negate_i32(int32_t *acc, int32_t in, const Limits *limits)
{
	return fits_i32(acc, -(int64_t) in, limits);
}

static inline Outcome
add_i64(int64_t *acc, int64_t in, const Limits *limits)
{
	if (!__builtin_add_overflow(*acc, in, acc))
		return FINE;
	return limits->precision > 0 ? BECOMES_NULL : OVERFLOWS;
}

static inline Outcome
take_i64(int64_t *acc, int64_t in, const Limits *limits)
{
	if (!__builtin_sub_overflow(*acc, in, acc))
		return FINE;
	return limits->precision > 0 ? BECOMES_NULL : OVERFLOWS;
}

static inline Outcome
negate_i64(int64_t *acc, int64_t in, const Limits *limits)
{
	*acc = 0;
	/* Of decimals the negative is the one that looks at the precision. */
	if (limits->precision > 0 && (in >= limits->bound || in <= -limits->bound))
		return BECOMES_NULL;
	return take_i64(acc, in, limits);
}

static inline Outcome
fits_dec128(PmnInt128 value, const Limits *limits)
{
	return value >= limits->bound || value <= -limits->bound ? BECOMES_NULL
															 : FINE;
}

static inline Outcome
add_dec128(PmnInt128 *acc, PmnInt128 in, const Limits *limits)
{
	if (__builtin_add_overflow(*acc, in, acc))
		return BECOMES_NULL;
	return fits_dec128(*acc, limits);
}

static inline Outcome
take_dec128(PmnInt128 *acc, PmnInt128 in, const Limits *limits)
{
	if (__builtin_sub_overflow(*acc, in, acc))
		return BECOMES_NULL;
	return fits_dec128(*acc, limits);
}

static inline Outcome
negate_dec128(PmnInt128 *acc, PmnInt128 in, const Limits *limits)
{
	*acc = 0;
	return take_dec128(acc, in, limits);
}

#define FLOATING(T, suffix)                                                    \
	static inline Outcome add_##suffix(T *acc, T in, const Limits *limits)     \
	{                                                                          \
		(void) limits;                                                         \
		*acc += in;                                                            \
		return FINE;                                                           \
	}                                                                          \
	static inline Outcome take_##suffix(T *acc, T in, const Limits *limits)    \
	{                                                                          \
		(void) limits;                                                         \
		*acc -= in;                                                            \
		return FINE;                                                           \
	}                                                                          \
	static inline Outcome negate_##suffix(T *acc, T in, const Limits *limits)  \
	{                                                                          \
		(void) limits;                                                         \
		*acc = -in;                                                            \
		return FINE;                                                           \
	}                                                                          \
	static inline Outcome multiply_##suffix(T *acc, T in,                      \
											const Limits *limits)              \
	{                                                                          \
		(void) limits;                                                         \
		*acc *= in;                                                            \
		return FINE;                                                           \
	}                                                                          \
	static inline Outcome divide_##suffix(T *acc, T in, const Limits *limits)  \
	{                                                                          \
		(void) limits;                                                         \
		*acc /= in;                                                            \
		return FINE;                                                           \
	}                                                                          \
	static inline Outcome stay_null_##suffix(T *acc, T in,                     \
											 const Limits *limits)             \
	{                                                                          \
		(void) acc;                                                            \
		(void) in;                                                             \
		(void) limits;                                                         \
		return BECOMES_NULL;                                                   \
	}

FLOATING(float, f32)
FLOATING(double, f64)

PmnCode
pmn_aggregate_sum(PmnAggregateFold *fold)
{
	Limits limits = limits_of(&fold->field->type);

	switch (fold->kind)
	{
		case PMN_VECTOR_I32:
			FOLD(int32_t, add_i32, take_i32, negate_i32);
			break;
		case PMN_VECTOR_I64:
			FOLD(int64_t, add_i64, take_i64, negate_i64);
			break;
		case PMN_VECTOR_F32:
			FOLD(float, add_f32, take_f32, negate_f32);
			break;
		case PMN_VECTOR_F64:
			FOLD(double, add_f64, take_f64, negate_f64);
			break;
		case PMN_VECTOR_DEC128:
			FOLD(PmnInt128, add_dec128, take_dec128, negate_dec128);
			break;
		case PMN_VECTOR_BOOL:
		case PMN_VECTOR_TS96:
		case PMN_VECTOR_BYTES:
		case PMN_VECTOR_NONE:
			PMN_ASSERT(false);
			break;
	}
	return PMN_OK;
}

/* ---- product ----------------------------------------------------------- */

static inline Outcome
multiply_i32(int32_t *acc, int32_t in, const Limits *limits)
{
	return fits_i32(acc, (int64_t) *acc * in, limits);
}

static inline Outcome
divide_i32(int32_t *acc, int32_t in, const Limits *limits)
{
	if (in == 0)
		return BY_ZERO;
	return fits_i32(acc, (int64_t) *acc / in, limits);
}

static inline Outcome
decimal_outcome(PmnDecimalResult result)
{
	switch (result)
	{
		case PMN_DECIMAL_FINE:
			return FINE;
		case PMN_DECIMAL_TOO_LONG:
			return BECOMES_NULL;
		case PMN_DECIMAL_BY_ZERO:
			return BY_ZERO;
		case PMN_DECIMAL_ENDLESS:
			break;
	}
	return ENDLESS;
}

static inline Outcome
multiply_dec128(PmnInt128 *acc, PmnInt128 in, const Limits *limits)
{
	return decimal_outcome(
		pmn_decimal_multiply(*acc, in, limits->precision, limits->scale, acc));
}

static inline Outcome
divide_dec128(PmnInt128 *acc, PmnInt128 in, const Limits *limits)
{
	return decimal_outcome(
		pmn_decimal_divide(*acc, in, limits->precision, limits->scale, acc));
}

static inline Outcome
multiply_i64(int64_t *acc, int64_t in, const Limits *limits)
{
	PmnInt128 wide = *acc;
	Outcome outcome;

	if (limits->precision == 0)
		return __builtin_mul_overflow(*acc, in, acc) ? OVERFLOWS : FINE;
	outcome = multiply_dec128(&wide, in, limits);
	*acc = (int64_t) wide;
	return outcome;
}

static inline Outcome
divide_i64(int64_t *acc, int64_t in, const Limits *limits)
{
	PmnInt128 wide = *acc;
	Outcome outcome;

	if (limits->precision > 0)
	{
		outcome = divide_dec128(&wide, in, limits);
		*acc = (int64_t) wide;
		return outcome;
	}
	if (in == 0)
		return BY_ZERO;
	if (*acc == INT64_MIN && in == -1)
		return OVERFLOWS;
	*acc /= in;
	return FINE;
}

#define STAY_NULL(T, suffix)                                                   \
	static inline Outcome stay_null_##suffix(T *acc, T in,                     \
											 const Limits *limits)             \
	{                                                                          \
		(void) acc;                                                            \
		(void) in;                                                             \
		(void) limits;                                                         \
		return BECOMES_NULL;                                                   \
	}

STAY_NULL(int32_t, i32)
STAY_NULL(int64_t, i64)
STAY_NULL(PmnInt128, dec128)

PmnCode
pmn_aggregate_product(PmnAggregateFold *fold)
{
	Limits limits = limits_of(&fold->field->type);

	switch (fold->kind)
	{
		case PMN_VECTOR_I32:
			FOLD(int32_t, multiply_i32, divide_i32, stay_null_i32);
			break;
		case PMN_VECTOR_I64:
			FOLD(int64_t, multiply_i64, divide_i64, stay_null_i64);
			break;
		case PMN_VECTOR_F32:
			FOLD(float, multiply_f32, divide_f32, stay_null_f32);
			break;
		case PMN_VECTOR_F64:
			FOLD(double, multiply_f64, divide_f64, stay_null_f64);
			break;
		case PMN_VECTOR_DEC128:
			FOLD(PmnInt128, multiply_dec128, divide_dec128, stay_null_dec128);
			break;
		case PMN_VECTOR_BOOL:
		case PMN_VECTOR_TS96:
		case PMN_VECTOR_BYTES:
		case PMN_VECTOR_NONE:
			PMN_ASSERT(false);
			break;
	}
	return PMN_OK;
}
