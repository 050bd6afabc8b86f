/*
 * lsm_cast.c
 *
 * Casts of schema evolution, column at a time. Exact numbers (integers,
 * decimals, booleans) pass through a 128-bit integer with a scale, floats
 * through double, timestamps through milliseconds and the nanoseconds within
 * one. Differences in results between engines would be silent, so each rule
 * is Paimon's: narrowing wraps, floats to integers saturate, decimals round
 * half up and become null when they do not fit, timestamps are cut towards
 * the past, text is cut by characters.
 */
#include "lsm_cast.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MILLIS_PER_DAY INT64_C(86400000)
#define NANOS_PER_MILLI 1000000

/* ---- which cast -------------------------------------------------------- */

static bool
is_integer(const PmnType *type)
{
	return type->kind == PMN_TYPE_TINYINT || type->kind == PMN_TYPE_SMALLINT ||
		   type->kind == PMN_TYPE_INT || type->kind == PMN_TYPE_BIGINT;
}

static bool
is_real(const PmnType *type)
{
	return type->kind == PMN_TYPE_FLOAT || type->kind == PMN_TYPE_DOUBLE;
}

static bool
is_exact(const PmnType *type)
{
	return is_integer(type) || type->kind == PMN_TYPE_DECIMAL ||
		   type->kind == PMN_TYPE_BOOLEAN;
}

static bool
is_text(const PmnType *type)
{
	return type->kind == PMN_TYPE_CHAR || type->kind == PMN_TYPE_VARCHAR;
}

static bool
is_binary(const PmnType *type)
{
	return type->kind == PMN_TYPE_BINARY || type->kind == PMN_TYPE_VARBINARY;
}

static bool
is_widening(const PmnType *from, const PmnType *to)
{
	return is_integer(from) && is_integer(to) && from->kind <= to->kind &&
		   pmn_type_vector_kind(from) == pmn_type_vector_kind(to);
}

/* Text or bytes that fit as they are: no cutting, no padding. */
static bool
is_same_bytes(const PmnType *from, const PmnType *to)
{
	if (to->kind == PMN_TYPE_VARCHAR)
		return is_text(from) && from->length <= to->length;
	if (to->kind == PMN_TYPE_VARBINARY)
		return (is_binary(from) && from->length <= to->length) ||
			   (is_text(from) && to->length == PMN_LENGTH_MAX);
	return false;
}

/* Milliseconds and microseconds have the same vector kind. */
static bool
is_same_instant(const PmnType *from, const PmnType *to)
{
	return (from->precision <= 3) == (to->precision <= 3) &&
		   from->kind == to->kind && from->precision <= to->precision &&
		   (from->kind == PMN_TYPE_TIMESTAMP ||
			from->kind == PMN_TYPE_TIMESTAMP_LTZ) &&
		   pmn_type_vector_kind(from) == pmn_type_vector_kind(to);
}

static bool
has_text_form(const PmnType *type)
{
	return is_exact(type) || is_real(type) || is_text(type) ||
		   is_binary(type) || type->kind == PMN_TYPE_DATE ||
		   type->kind == PMN_TYPE_TIME || type->kind == PMN_TYPE_TIMESTAMP;
}

static bool
find_number_cast(const PmnType *from, const PmnType *to, PmnCastKind *kind)
{
	if (!is_exact(from) && !is_real(from))
		return false;
	if (is_integer(to))
	{
		*kind = PMN_CAST_TO_INTEGER;
		return true;
	}
	if (is_real(to))
	{
		*kind = PMN_CAST_TO_REAL;
		return true;
	}
	*kind = to->kind == PMN_TYPE_DECIMAL ? PMN_CAST_TO_DECIMAL
										 : PMN_CAST_TO_BOOLEAN;
	return (to->kind == PMN_TYPE_DECIMAL && is_exact(from) &&
			from->kind != PMN_TYPE_BOOLEAN) ||
		   (to->kind == PMN_TYPE_BOOLEAN && is_integer(from));
}

static bool
find_time_cast(const PmnType *from, const PmnType *to, PmnCastKind *kind)
{
	bool is_timestamp = from->kind == PMN_TYPE_TIMESTAMP;

	if (to->kind == PMN_TYPE_TIMESTAMP || to->kind == PMN_TYPE_TIMESTAMP_LTZ)
	{
		*kind = PMN_CAST_TO_TIMESTAMP;
		return from->kind == to->kind ||
			   (from->kind == PMN_TYPE_DATE && to->kind == PMN_TYPE_TIMESTAMP);
	}
	*kind = to->kind == PMN_TYPE_DATE ? PMN_CAST_TO_DATE : PMN_CAST_TO_TIME;
	return is_timestamp &&
		   (to->kind == PMN_TYPE_DATE || to->kind == PMN_TYPE_TIME);
}

static bool
find_cast(const PmnType *from, const PmnType *to, PmnCastKind *kind)
{
	*kind = PMN_CAST_NONE;
	if (pmn_type_equal(from, to) || is_widening(from, to) ||
		is_same_bytes(from, to) || is_same_instant(from, to))
		return true;
	if (is_text(to))
	{
		*kind = PMN_CAST_TO_TEXT;
		return has_text_form(from);
	}
	if (is_binary(to))
	{
		*kind = PMN_CAST_TO_BYTES;
		return is_binary(from) || is_text(from);
	}
	return find_number_cast(from, to, kind) || find_time_cast(from, to, kind);
}

PmnCode
pmn_cast_make(PmnEnv *env, const char *column, const PmnType *from,
			  const PmnType *to, PmnCast *out)
{
	char from_name[128];
	char to_name[128];

	out->from = from;
	out->to = to;
	if (find_cast(from, to, &out->kind))
		return PMN_OK;
	return pmn_fail(env, PMN_UNSUPPORTED,
					"column \"%s\" was written as %s and is %s now; this "
					"cast is not supported",
					column, pmn_type_name(from, from_name, sizeof(from_name)),
					pmn_type_name(to, to_name, sizeof(to_name)));
}

/* ---- numbers ----------------------------------------------------------- */

static PmnInt128
load_exact(const PmnVector *src, uint32_t row)
{
	if (src->kind == PMN_VECTOR_BOOL)
		return ((const uint8_t *) src->values)[row] != 0;
	if (src->kind == PMN_VECTOR_I32)
		return ((const int32_t *) src->values)[row];
	if (src->kind == PMN_VECTOR_I64)
		return ((const int64_t *) src->values)[row];
	PMN_ASSERT(src->kind == PMN_VECTOR_DEC128);
	return ((const PmnInt128 *) src->values)[row];
}

static double
load_real(const PmnVector *src, uint32_t row)
{
	if (src->kind == PMN_VECTOR_F32)
		return (double) ((const float *) src->values)[row];
	return ((const double *) src->values)[row];
}

static PmnInt128
power_of_ten(int32_t exponent)
{
	PmnInt128 power = 1;

	PMN_ASSERT(exponent >= 0 && exponent <= PMN_DECIMAL_PRECISION_MAX);
	while (exponent-- > 0)
		power *= 10;
	return power;
}

static int32_t
scale_of(const PmnType *type)
{
	return type->kind == PMN_TYPE_DECIMAL ? type->scale : 0;
}

/* Java: (int) of a double saturates and is 0 for NaN. */
static int64_t
saturate(double value, int64_t min, int64_t max)
{
	if (isnan(value))
		return 0;
	if (value >= (double) max)
		return max;
	if (value <= (double) min)
		return min;
	return (int64_t) value;
}

static int64_t
narrow(PmnTypeKind kind, int64_t value)
{
	if (kind == PMN_TYPE_TINYINT)
		return (int8_t) (uint64_t) value;
	if (kind == PMN_TYPE_SMALLINT)
		return (int16_t) (uint64_t) value;
	if (kind == PMN_TYPE_INT)
		return (int32_t) (uint64_t) value;
	return value;
}

static int64_t
integer_of(const PmnCast *cast, const PmnVector *src, uint32_t row,
		   PmnInt128 divisor)
{
	PmnTypeKind kind = cast->to->kind;

	if (!is_real(cast->from))
		return narrow(kind,
					  (int64_t) (PmnUint128) (load_exact(src, row) / divisor));
	if (kind == PMN_TYPE_BIGINT)
		return saturate(load_real(src, row), INT64_MIN, INT64_MAX);
	return narrow(kind, saturate(load_real(src, row), INT32_MIN, INT32_MAX));
}

static void
cast_to_integer(const PmnCast *cast, const PmnVector *src, uint32_t count,
				PmnVector *dst)
{
	PmnInt128 divisor = power_of_ten(scale_of(cast->from));
	int32_t *narrowed = dst->values;
	int64_t *wide = dst->values;

	if (src->kind == PMN_VECTOR_I32 && dst->kind == PMN_VECTOR_I64)
	{
		const int32_t *from = src->values;

		for (uint32_t i = 0; i < count; i++)
			wide[i] = from[i];
		return;
	}
	for (uint32_t i = 0; i < count; i++)
	{
		int64_t value = integer_of(cast, src, i, divisor);

		if (dst->kind == PMN_VECTOR_I32)
			narrowed[i] = (int32_t) value;
		else
			wide[i] = value;
	}
}

/* unscaled / 10^scale, correctly rounded. */
static double
real_of(PmnInt128 unscaled, int32_t scale, bool is_float)
{
	PmnUint128 left =
		unscaled < 0 ? -(PmnUint128) unscaled : (PmnUint128) unscaled;
	char text[64];
	size_t at = sizeof(text) - 8;

	if (scale == 0)
		return is_float ? (double) (float) unscaled : (double) unscaled;
	snprintf(text + at, sizeof(text) - at, "E-%d", scale);
	do
	{
		text[--at] = (char) ('0' + (int) (left % 10));
		left /= 10;
	} while (left > 0);
	if (unscaled < 0)
		text[--at] = '-';
	return is_float ? (double) strtof(text + at, NULL)
					: strtod(text + at, NULL);
}

static void
cast_to_real(const PmnCast *cast, const PmnVector *src, uint32_t count,
			 PmnVector *dst)
{
	bool is_float = cast->to->kind == PMN_TYPE_FLOAT;
	int32_t scale = scale_of(cast->from);

	for (uint32_t i = 0; i < count; i++)
	{
		double value = is_real(cast->from)
						   ? load_real(src, i)
						   : real_of(load_exact(src, i), scale, is_float);

		if (is_float)
			((float *) dst->values)[i] = (float) value;
		else
			((double *) dst->values)[i] = value;
	}
}

/* Move to another scale, rounding half away from zero; false: too large. */
static bool
rescale(PmnInt128 *value, int32_t from, int32_t to, PmnInt128 limit)
{
	if (to >= from)
	{
		if (__builtin_mul_overflow(*value, power_of_ten(to - from), value))
			return false;
	}
	else
	{
		PmnInt128 divisor = power_of_ten(from - to);
		PmnInt128 rest = *value % divisor;

		*value /= divisor;
		if (rest >= divisor - rest)
			(*value)++;
		else if (-rest >= divisor + rest)
			(*value)--;
	}
	return *value<limit && * value> - limit;
}

static void
cast_to_decimal(const PmnCast *cast, const PmnVector *src, uint32_t count,
				PmnVector *dst)
{
	PmnInt128 limit = power_of_ten(cast->to->precision);
	int32_t from = scale_of(cast->from);

	for (uint32_t i = 0; i < count; i++)
	{
		PmnInt128 value = dst->nulls[i] ? 0 : load_exact(src, i);

		if (!rescale(&value, from, cast->to->scale, limit))
		{
			dst->nulls[i] = 1;
			value = 0;
		}
		if (dst->kind == PMN_VECTOR_I64)
			((int64_t *) dst->values)[i] = (int64_t) value;
		else
			((PmnInt128 *) dst->values)[i] = value;
	}
}

static void
cast_to_boolean(const PmnVector *src, uint32_t count, PmnVector *dst)
{
	uint8_t *values = dst->values;

	for (uint32_t i = 0; i < count; i++)
		values[i] = load_exact(src, i) != 0;
}

/* ---- text and bytes ---------------------------------------------------- */

uint8_t *
pmn_headroom_alloc(PmnArena *arena, size_t size)
{
	uint8_t *block = pmn_arena_alloc(arena, size + PMN_BYTES_HEADROOM);

	return block == NULL ? NULL : block + PMN_BYTES_HEADROOM;
}

/* Bytes of the first `limit` characters; *characters counts up to limit. */
static uint32_t
text_prefix(PmnBytes text, int32_t limit, int32_t *characters)
{
	uint32_t at = 0;

	*characters = 0;
	while (at < text.size && *characters < limit)
	{
		at++;
		while (at < text.size && (text.data[at] & 0xc0) == 0x80)
			at++;
		(*characters)++;
	}
	return at;
}

/* size bytes of value, then padding. */
static PmnCode
make_bytes(PmnArena *arena, PmnBytes value, uint32_t size, size_t padding,
		   char filler, PmnBytes *out)
{
	uint8_t *data;

	if (padding == 0 && size == value.size &&
		((uintptr_t) value.data & (PMN_BYTES_HEADROOM - 1)) == 0)
	{
		/* Vectors' bytes have headroom already. */
		*out = value;
		return PMN_OK;
	}
	data = pmn_headroom_alloc(arena, (size_t) size + padding);
	if (data == NULL)
		return PMN_NO_MEMORY;
	if (size > 0)
		memcpy(data, value.data, size);
	memset(data + size, filler, padding);
	*out = pmn_bytes(data, (size_t) size + padding);
	return PMN_OK;
}

static PmnCode
fit_text(PmnArena *arena, const PmnType *to, PmnBytes value, PmnBytes *out)
{
	int32_t characters;
	uint32_t size = text_prefix(value, to->length, &characters);
	size_t padding =
		to->kind == PMN_TYPE_CHAR ? (size_t) (to->length - characters) : 0;

	return make_bytes(arena, value, size, padding, ' ', out);
}

static PmnCode
fit_bytes(PmnArena *arena, const PmnType *to, PmnBytes value, PmnBytes *out)
{
	uint32_t limit = (uint32_t) to->length;
	uint32_t size = value.size < limit ? value.size : limit;
	size_t padding = to->kind == PMN_TYPE_BINARY ? limit - size : 0;

	return make_bytes(arena, value, size, padding, '\0', out);
}

static PmnCode
text_of(const PmnCast *cast, PmnArena *arena, const PmnVector *src,
		uint32_t row, PmnBuffer *scratch, PmnBytes *out)
{
	PmnValue value = pmn_vector_value(src, row);
	uint8_t *data;

	pmn_buffer_reset(scratch);
	PMN_TRY(pmn_value_append_text(scratch, cast->from, &value));
	data = pmn_headroom_alloc(arena, scratch->size);
	if (data == NULL)
		return PMN_NO_MEMORY;
	if (scratch->size > 0)
		memcpy(data, scratch->data, scratch->size);
	return fit_text(arena, cast->to, pmn_bytes(data, scratch->size), out);
}

static PmnCode
cast_to_bytes(const PmnCast *cast, PmnArena *arena, const PmnVector *src,
			  uint32_t count, PmnVector *dst)
{
	PmnBytes *values = dst->values;
	PmnBuffer scratch;
	PmnCode code = PMN_OK;

	pmn_buffer_init(&scratch, pmn_arena_env(arena));
	for (uint32_t i = 0; code == PMN_OK && i < count; i++)
	{
		if (dst->nulls[i])
			values[i] = pmn_bytes(NULL, 0);
		else if (src->kind != PMN_VECTOR_BYTES)
			code = text_of(cast, arena, src, i, &scratch, &values[i]);
		else if (cast->kind == PMN_CAST_TO_TEXT)
			code = fit_text(arena, cast->to,
							((const PmnBytes *) src->values)[i], &values[i]);
		else
			code = fit_bytes(arena, cast->to,
							 ((const PmnBytes *) src->values)[i], &values[i]);
	}
	pmn_buffer_free(&scratch);
	return code;
}

/* ---- dates and times --------------------------------------------------- */

static int64_t
floor_div(int64_t value, int64_t divisor)
{
	int64_t quotient = value / divisor;

	return quotient - (value % divisor < 0);
}

static PmnTimestamp
load_timestamp(const PmnCast *cast, const PmnVector *src, uint32_t row)
{
	PmnTimestamp time = {0, 0};

	if (cast->from->kind == PMN_TYPE_DATE)
		time.millis = ((const int32_t *) src->values)[row] * MILLIS_PER_DAY;
	else if (src->kind == PMN_VECTOR_TS96)
		time = ((const PmnTimestamp *) src->values)[row];
	else
	{
		int64_t value = ((const int64_t *) src->values)[row];

		time.millis = value;
		if (cast->from->precision > 3)
		{
			time.millis = floor_div(value, 1000);
			time.nano = (int32_t) (value - time.millis * 1000) * 1000;
		}
	}
	return time;
}

/* Drop digits behind the precision, towards the past. */
static PmnTimestamp
cut_timestamp(PmnTimestamp time, int32_t precision)
{
	int32_t unit = 1;
	int64_t second = floor_div(time.millis, 1000);
	int32_t nanos =
		(int32_t) (time.millis - second * 1000) * NANOS_PER_MILLI + time.nano;

	for (int32_t i = precision; i < 9; i++)
		unit *= 10;
	nanos -= nanos % unit;
	/* Back through the seconds' start: second * 1000 may not overflow, as
	 * millis is at or above it. */
	time.millis -= (time.millis - second * 1000) - nanos / NANOS_PER_MILLI;
	time.nano = nanos % NANOS_PER_MILLI;
	return time;
}

static PmnCode
cast_to_timestamp(const PmnCast *cast, PmnEnv *env, const PmnVector *src,
				  uint32_t count, PmnVector *dst)
{
	int32_t precision = cast->to->precision;

	for (uint32_t i = 0; i < count; i++)
	{
		PmnTimestamp time = {0, 0};
		int64_t value;

		if (!dst->nulls[i])
			time = load_timestamp(cast, src, i);
		if (time.millis <= INT64_MIN + 1000 || time.nano < 0 ||
			time.nano >= NANOS_PER_MILLI)
			return pmn_fail(env, PMN_OUT_OF_RANGE, "timestamp is out of range");
		time = cut_timestamp(time, precision);
		if (dst->kind == PMN_VECTOR_TS96)
		{
			((PmnTimestamp *) dst->values)[i] = time;
			continue;
		}
		value = time.millis;
		if (precision > 3 &&
			(__builtin_mul_overflow(value, INT64_C(1000), &value) ||
			 __builtin_add_overflow(value, time.nano / 1000, &value)))
			return pmn_fail(env, PMN_OUT_OF_RANGE, "timestamp is out of range");
		((int64_t *) dst->values)[i] = value;
	}
	return PMN_OK;
}

static void
cast_to_days_or_millis(const PmnCast *cast, const PmnVector *src,
					   uint32_t count, PmnVector *dst)
{
	int32_t *values = dst->values;

	for (uint32_t i = 0; i < count; i++)
	{
		int64_t millis = load_timestamp(cast, src, i).millis;
		int64_t days = floor_div(millis, MILLIS_PER_DAY);

		values[i] = cast->kind == PMN_CAST_TO_DATE
						? (int32_t) (uint64_t) days
						: (int32_t) (millis - days * MILLIS_PER_DAY);
	}
}

PmnCode
pmn_cast_run(const PmnCast *cast, PmnArena *arena, const PmnVector *src,
			 uint32_t count, PmnVector *dst)
{
	PMN_ASSERT(src->kind == pmn_type_vector_kind(cast->from));
	PMN_ASSERT(dst->kind == pmn_type_vector_kind(cast->to));
	if (src->nulls == NULL)
		memset(dst->nulls, 0, count);
	else
		memcpy(dst->nulls, src->nulls, count);
	switch (cast->kind)
	{
		case PMN_CAST_NONE:
			PMN_ASSERT(false);
			break;
		case PMN_CAST_TO_INTEGER:
			cast_to_integer(cast, src, count, dst);
			break;
		case PMN_CAST_TO_REAL:
			cast_to_real(cast, src, count, dst);
			break;
		case PMN_CAST_TO_DECIMAL:
			cast_to_decimal(cast, src, count, dst);
			break;
		case PMN_CAST_TO_BOOLEAN:
			cast_to_boolean(src, count, dst);
			break;
		case PMN_CAST_TO_TEXT:
		case PMN_CAST_TO_BYTES:
			return cast_to_bytes(cast, arena, src, count, dst);
		case PMN_CAST_TO_TIMESTAMP:
			return cast_to_timestamp(cast, pmn_arena_env(arena), src, count,
									 dst);
		case PMN_CAST_TO_DATE:
		case PMN_CAST_TO_TIME:
			cast_to_days_or_millis(cast, src, count, dst);
			break;
	}
	return PMN_OK;
}
