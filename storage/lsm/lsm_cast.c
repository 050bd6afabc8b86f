/*
 * lsm_cast.c
 *
 * Casts of schema evolution, column at a time: which cast there is between
 * two types, and those between numbers, to text and to bytes. Exact numbers
 * (integers, decimals, booleans) pass through a 128-bit integer with a scale,
 * floats through double. Differences in results between engines would be
 * silent, so each rule is Paimon's: narrowing wraps, floats to integers
 * saturate, decimals round half up and become null when they do not fit, text
 * is cut by characters.
 */
#include "lsm_cast_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The longest decimals that Java divides as doubles. */
#define DIVIDED_PRECISION_MAX 18

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

/* Text or bytes that fit as they are: no cutting, no padding. A file may hold
 * longer text than its type says, so only no limit is always wide enough.
 * Bytes become text whatever its length is. */
static bool
is_same_bytes(const PmnType *from, const PmnType *to)
{
	if (is_text(to) && is_binary(from))
		return true;
	return to->length == PMN_LENGTH_MAX &&
		   ((to->kind == PMN_TYPE_VARCHAR && is_text(from)) ||
			(to->kind == PMN_TYPE_VARBINARY &&
			 (is_binary(from) || is_text(from))));
}

static bool
is_timestamp(const PmnType *type)
{
	return type->kind == PMN_TYPE_TIMESTAMP ||
		   type->kind == PMN_TYPE_TIMESTAMP_LTZ;
}

/* Milliseconds and microseconds have the same vector kind. Without and with
 * time zone are the same, in UTC. */
static bool
is_same_instant(const PmnType *from, const PmnType *to)
{
	return is_timestamp(from) && is_timestamp(to) &&
		   (from->precision <= 3) == (to->precision <= 3) &&
		   from->precision <= to->precision &&
		   pmn_type_vector_kind(from) == pmn_type_vector_kind(to);
}

/* Dates and times have one form as text, which is not cut: for them there is
 * STRING only. */
static bool
has_text_form(const PmnType *from, const PmnType *to)
{
	if (from->kind == PMN_TYPE_DATE || from->kind == PMN_TYPE_TIME ||
		is_timestamp(from))
		return to->kind == PMN_TYPE_VARCHAR && to->length == PMN_LENGTH_MAX;
	return is_exact(from) || is_real(from) || is_text(from);
}

static bool
find_number_cast(const PmnType *from, const PmnType *to, PmnCastKind *kind)
{
	if (!is_exact(from) && !is_real(from))
		return false;
	if (is_integer(to))
		*kind = PMN_CAST_TO_INTEGER;
	else if (is_real(to))
		*kind = PMN_CAST_TO_REAL;
	else if (to->kind == PMN_TYPE_DECIMAL)
		*kind = PMN_CAST_TO_DECIMAL;
	else if (to->kind == PMN_TYPE_BOOLEAN && is_integer(from))
		*kind = PMN_CAST_TO_BOOLEAN;
	else
		return false;
	return true;
}

static bool
find_time_cast(const PmnType *from, const PmnType *to, PmnCastKind *kind)
{
	if (is_timestamp(to))
	{
		*kind = PMN_CAST_TO_TIMESTAMP;
		return is_timestamp(from) || from->kind == PMN_TYPE_DATE ||
			   from->kind == PMN_TYPE_TIME || from->kind == PMN_TYPE_INT ||
			   from->kind == PMN_TYPE_BIGINT;
	}
	if (to->kind == PMN_TYPE_DATE)
		*kind = PMN_CAST_TO_DATE;
	else if (to->kind == PMN_TYPE_TIME)
		*kind = PMN_CAST_TO_TIME;
	else if (to->kind == PMN_TYPE_INT || to->kind == PMN_TYPE_BIGINT)
		*kind = PMN_CAST_TO_SECONDS;
	else
		return false;
	return is_timestamp(from);
}

static bool
is_parsed(const PmnType *from, const PmnType *to)
{
	return is_text(from) &&
		   (is_exact(to) || is_real(to) || to->kind == PMN_TYPE_DATE ||
			to->kind == PMN_TYPE_TIME || is_timestamp(to));
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
		return has_text_form(from, to);
	}
	if (is_binary(to))
	{
		*kind = PMN_CAST_TO_BYTES;
		return is_binary(from) || is_text(from);
	}
	if (is_parsed(from, to))
	{
		*kind = PMN_CAST_PARSE;
		return true;
	}
	return find_number_cast(from, to, kind) || find_time_cast(from, to, kind);
}

PmnCode
pmn_cast_unknown(PmnEnv *env, const char *column, const PmnType *from,
				 const PmnType *to)
{
	char from_name[128];
	char to_name[128];

	return pmn_fail(env, PMN_UNSUPPORTED,
					"column \"%s\" was written as %s and is %s now; this "
					"cast is not supported",
					column, pmn_type_name(from, from_name, sizeof(from_name)),
					pmn_type_name(to, to_name, sizeof(to_name)));
}

PmnCode
pmn_cast_make(PmnArena *arena, const char *column, const PmnType *from,
			  const PmnType *to, PmnCast *out)
{
	out->from = from;
	out->to = to;
	out->nested = NULL;
	if (pmn_type_is_nested(from) || pmn_type_is_nested(to))
		return pmn_cast_make_nested(arena, column, out);
	if (find_cast(from, to, &out->kind))
		return PMN_OK;
	return pmn_cast_unknown(pmn_arena_env(arena), column, from, to);
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

PmnInt128
pmn_cast_power_of_ten(int32_t exponent)
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
	PmnInt128 divisor = pmn_cast_power_of_ten(scale_of(cast->from));
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
real_of_digits(PmnInt128 unscaled, int32_t scale)
{
	PmnUint128 left =
		unscaled < 0 ? -(PmnUint128) unscaled : (PmnUint128) unscaled;
	char text[64];
	size_t at = sizeof(text) - 8;

	snprintf(text + at, sizeof(text) - at, "E-%d", scale);
	do
	{
		text[--at] = (char) ('0' + (int) (left % 10));
		left /= 10;
	} while (left > 0);
	if (unscaled < 0)
		text[--at] = '-';
	return strtod(text + at, NULL);
}

/*
 * Java divides the unscaled value of a short decimal as a double, which may
 * round twice, and rounds once more on the way to FLOAT.
 */
static double
real_of(const PmnType *from, PmnInt128 unscaled, bool is_float)
{
	if (from->kind != PMN_TYPE_DECIMAL)
		return is_float ? (double) (float) unscaled : (double) unscaled;
	if (from->precision > DIVIDED_PRECISION_MAX)
		return real_of_digits(unscaled, from->scale);
	return (double) (int64_t) unscaled /
		   (double) pmn_cast_power_of_ten(from->scale);
}

static void
cast_to_real(const PmnCast *cast, const PmnVector *src, uint32_t count,
			 PmnVector *dst)
{
	bool is_float = cast->to->kind == PMN_TYPE_FLOAT;

	for (uint32_t i = 0; i < count; i++)
	{
		double value = is_real(cast->from)
						   ? load_real(src, i)
						   : real_of(cast->from, load_exact(src, i), is_float);

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
		if (__builtin_mul_overflow(*value, pmn_cast_power_of_ten(to - from),
								   value))
			return false;
	}
	else
	{
		PmnInt128 divisor = pmn_cast_power_of_ten(from - to);
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
	PmnInt128 limit = pmn_cast_power_of_ten(cast->to->precision);
	int32_t from = scale_of(cast->from);

	for (uint32_t i = 0; i < count; i++)
	{
		PmnInt128 value = dst->nulls[i] ? 0 : load_exact(src, i);

		if (!rescale(&value, from, cast->to->scale, limit))
		{
			dst->nulls[i] = 1;
			value = 0;
		}
		pmn_cast_store_decimal(dst, i, value);
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
	if (is_real(cast->from))
		PMN_TRY(pmn_cast_append_real(scratch, value.as.f64,
									 cast->from->kind == PMN_TYPE_FLOAT));
	else
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

/* ---- running ----------------------------------------------------------- */

PmnCode
pmn_cast_run(const PmnCast *cast, PmnArena *arena, const PmnVector *src,
			 uint32_t count, PmnVector *dst)
{
	PmnEnv *env = pmn_arena_env(arena);

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
			if (is_real(cast->from))
				return pmn_cast_real_to_decimal(cast, env, src, count, dst);
			cast_to_decimal(cast, src, count, dst);
			break;
		case PMN_CAST_TO_BOOLEAN:
			cast_to_boolean(src, count, dst);
			break;
		case PMN_CAST_TO_TEXT:
		case PMN_CAST_TO_BYTES:
			return cast_to_bytes(cast, arena, src, count, dst);
		case PMN_CAST_TO_TIMESTAMP:
			return pmn_cast_to_timestamp(cast, env, src, count, dst);
		case PMN_CAST_TO_DATE:
			pmn_cast_to_days(cast, src, count, dst);
			break;
		case PMN_CAST_TO_TIME:
			pmn_cast_to_millis_of_day(cast, src, count, dst);
			break;
		case PMN_CAST_TO_SECONDS:
			pmn_cast_to_epoch_seconds(cast, src, count, dst);
			break;
		case PMN_CAST_PARSE:
			return pmn_cast_parse(cast, env, src, count, dst);
		case PMN_CAST_NESTED:
		case PMN_CAST_NESTED_TO_TEXT:
			return pmn_cast_nested(cast, arena, src, count, dst);
		case PMN_CAST_TO_NULL:
			memset(dst->nulls, 1, count);
			memset(dst->values, 0, count * pmn_vector_width(dst->kind));
			break;
	}
	return PMN_OK;
}
