/*
 * lsm_cast_parse.c
 *
 * Text to booleans and numbers, for columns that once were text. Which texts
 * count and what they mean is what the parsers behind Paimon's casts do:
 *
 *   BOOLEAN        t true y yes 1, f false n no 0, in any case
 *   TINYINT ...    sign, digits, and a fraction that is dropped; no blanks
 *   FLOAT DOUBLE   Double.parseDouble: blanks around, NaN, Infinity,
 *                  hexadecimal, a suffix f F d D
 *   DECIMAL        new BigDecimal, rounded half up, null when it is too long
 *
 * Anything else is an error that names the text: Java throws, and guessing a
 * value would be worse. Floats are handed to the C library without a decimal
 * point, whose look depends on the locale. Unicode digits beyond ASCII, which
 * BigDecimal takes, are an error too.
 */
#include "lsm_cast_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPONENT_LIMIT INT64_C(1000000000000)

/* Digits of a decimal that can matter: 38 kept and the one that rounds. */
#define DECIMAL_DIGITS_MAX (PMN_DECIMAL_PRECISION_MAX + 1)

PmnCode
pmn_cast_refuse(const PmnCast *cast, PmnEnv *env, PmnBytes value)
{
	char text[4 * 40 + 1];
	char name[128];
	size_t at = 0;
	uint32_t shown = value.size < 40 ? value.size : 40;

	text[0] = '\0';
	for (uint32_t i = 0; i < shown; i++)
	{
		uint8_t byte = value.data[i];

		at += (size_t) snprintf(text + at, sizeof(text) - at,
								byte >= 0x20 && byte < 0x7f ? "%c" : "\\x%02x",
								byte);
	}
	return pmn_fail(env, PMN_OUT_OF_RANGE, "\"%s\"%s cannot be read as %s",
					text, shown < value.size ? "..." : "",
					pmn_type_name(cast->to, name, sizeof(name)));
}

static bool
is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* ---- booleans and integers --------------------------------------------- */

static bool
is_word(PmnBytes text, const char *const *words)
{
	for (; *words != NULL; words++)
	{
		uint32_t size = (uint32_t) strlen(*words);
		uint32_t i = 0;

		if (size != text.size)
			continue;
		while (i < size &&
			   (text.data[i] |
				(text.data[i] >= 'A' && text.data[i] <= 'Z' ? 0x20 : 0)) ==
				   (uint8_t) (*words)[i])
			i++;
		if (i == size)
			return true;
	}
	return false;
}

static PmnCode
parse_booleans(const PmnCast *cast, PmnEnv *env, const PmnBytes *src,
			   uint32_t count, PmnVector *dst)
{
	static const char *const yes[] = {"t", "true", "y", "yes", "1", NULL};
	static const char *const no[] = {"f", "false", "n", "no", "0", NULL};
	uint8_t *values = dst->values;

	for (uint32_t i = 0; i < count; i++)
	{
		values[i] = 0;
		if (dst->nulls[i])
			continue;
		values[i] = is_word(src[i], yes);
		if (!values[i] && !is_word(src[i], no))
			return pmn_cast_refuse(cast, env, src[i]);
	}
	return PMN_OK;
}

/*
 * "-12.7" is -12; ".", "5." and "-." are numbers as well. Only an empty text
 * and a bare sign are none.
 */
bool
pmn_parse_integer(PmnBytes text, int64_t min, int64_t max, int64_t *out)
{
	bool is_negative = text.size > 0 && text.data[0] == '-';
	uint32_t i = is_negative || (text.size > 0 && text.data[0] == '+');
	int64_t value = 0;

	if (text.size == i)
		return false;
	for (; i < text.size && text.data[i] != '.'; i++)
	{
		int64_t digit = text.data[i] - '0';

		if (!is_digit(text.data[i]) ||
			__builtin_mul_overflow(value, INT64_C(10), &value) ||
			__builtin_add_overflow(value, is_negative ? -digit : digit, &value))
			return false;
	}
	for (i++; i < text.size; i++)
	{
		if (!is_digit(text.data[i]))
			return false;
	}
	*out = value;
	return value >= min && value <= max;
}

static PmnCode
parse_integers(const PmnCast *cast, PmnEnv *env, const PmnBytes *src,
			   uint32_t count, PmnVector *dst)
{
	int64_t min = INT64_MIN;

	if (cast->to->kind == PMN_TYPE_TINYINT)
		min = INT8_MIN;
	else if (cast->to->kind == PMN_TYPE_SMALLINT)
		min = INT16_MIN;
	else if (cast->to->kind == PMN_TYPE_INT)
		min = INT32_MIN;
	for (uint32_t i = 0; i < count; i++)
	{
		int64_t value = 0;

		if (!dst->nulls[i] &&
			!pmn_parse_integer(src[i], min, -(min + 1), &value))
			return pmn_cast_refuse(cast, env, src[i]);
		if (dst->kind == PMN_VECTOR_I32)
			((int32_t *) dst->values)[i] = (int32_t) value;
		else
			((int64_t *) dst->values)[i] = value;
	}
	return PMN_OK;
}

/* ---- floats ------------------------------------------------------------ */

static PmnBytes
trim(PmnBytes text)
{
	while (text.size > 0 && text.data[text.size - 1] <= ' ')
		text.size--;
	while (text.size > 0 && text.data[0] <= ' ')
	{
		text.data++;
		text.size--;
	}
	return text;
}

/* An exponent's sign and digits from *at on, saturated. */
static bool
parse_exponent(PmnBytes text, uint32_t *at, int64_t *out)
{
	uint32_t i = *at;
	bool is_negative = i < text.size && text.data[i] == '-';
	uint32_t start;
	int64_t value = 0;

	i += is_negative || (i < text.size && text.data[i] == '+');
	start = i;
	for (; i < text.size && is_digit(text.data[i]); i++)
	{
		if (value < EXPONENT_LIMIT)
			value = value * 10 + (text.data[i] - '0');
	}
	*at = i;
	*out = is_negative ? -value : value;
	return i > start;
}

/* Digits of a number with a point somewhere into scratch, without it;
 * *fraction counts those behind it. false: not one digit, memory is in code. */
static bool
copy_digits(PmnBytes text, uint32_t *at, bool is_hex, PmnBuffer *scratch,
			int64_t *fraction, PmnCode *code)
{
	bool has_point = false;
	uint32_t digits = 0;

	*fraction = 0;
	for (; *at < text.size; (*at)++)
	{
		uint8_t byte = text.data[*at];

		if (byte == '.' && !has_point)
		{
			has_point = true;
			continue;
		}
		if (!is_digit(byte) && !(is_hex && byte < 0x80 && isxdigit(byte)))
			break;
		*code = pmn_buffer_byte(scratch, byte);
		if (*code != PMN_OK)
			return false;
		digits++;
		*fraction += has_point;
	}
	return digits > 0;
}

/* What the C library reads, into scratch; false: no number (or *code). */
static bool
spell_real(PmnBytes text, PmnBuffer *scratch, PmnCode *code)
{
	uint32_t at = text.data[0] == '-' || text.data[0] == '+';
	bool is_hex = text.size - at > 2 && text.data[at] == '0' &&
				  (text.data[at + 1] | 0x20) == 'x';
	int64_t fraction;
	int64_t exponent = 0;

	at += is_hex ? 2 : 0;
	*code = pmn_buffer_string(scratch, is_hex ? "0x" : "");
	if (*code != PMN_OK ||
		!copy_digits(text, &at, is_hex, scratch, &fraction, code))
		return false;
	if (at < text.size && (text.data[at] | 0x20) == (is_hex ? 'p' : 'e'))
	{
		at++;
		if (!parse_exponent(text, &at, &exponent))
			return false;
	}
	else if (is_hex)
		return false; /* Java wants to see its exponent */
	if (at < text.size &&
		((text.data[at] | 0x20) == 'f' || (text.data[at] | 0x20) == 'd'))
		at++;
	exponent -= is_hex ? fraction * 4 : fraction;
	*code =
		pmn_buffer_format(scratch, "%c%" PRId64, is_hex ? 'p' : 'e', exponent);
	if (*code == PMN_OK)
		*code = pmn_buffer_byte(scratch, '\0');
	return *code == PMN_OK && at == text.size;
}

static bool
parse_real(PmnBytes text, bool is_float, PmnBuffer *scratch, double *out,
		   PmnCode *code)
{
	PmnBytes word;
	const char *spelled;
	double value;
	bool is_negative;

	text = trim(text);
	if (text.size == 0)
		return false;
	is_negative = text.data[0] == '-';
	word = text;
	if (is_negative || text.data[0] == '+')
		word = pmn_bytes(text.data + 1, text.size - 1);
	*out = __builtin_nan("");
	if (pmn_bytes_equal(word, pmn_bytes_string("NaN")))
		return true;
	*out = is_negative ? -__builtin_inf() : __builtin_inf();
	if (pmn_bytes_equal(word, pmn_bytes_string("Infinity")))
		return true;
	pmn_buffer_reset(scratch);
	if (!spell_real(text, scratch, code))
		return false;
	spelled = (const char *) scratch->data;
	/* Straight to float: rounding twice would be off by one at times. */
	value = is_float ? (double) strtof(spelled, NULL) : strtod(spelled, NULL);
	*out = is_negative ? -value : value;
	return true;
}

static PmnCode
parse_reals(const PmnCast *cast, PmnEnv *env, const PmnBytes *src,
			uint32_t count, PmnVector *dst)
{
	bool is_float = cast->to->kind == PMN_TYPE_FLOAT;
	PmnCode code = PMN_OK;
	PmnBuffer scratch;

	pmn_buffer_init(&scratch, env);
	for (uint32_t i = 0; code == PMN_OK && i < count; i++)
	{
		double value = 0;

		if (!dst->nulls[i] &&
			!parse_real(src[i], is_float, &scratch, &value, &code))
		{
			if (code == PMN_OK)
				code = pmn_cast_refuse(cast, env, src[i]);
			break;
		}
		if (is_float)
			((float *) dst->values)[i] = (float) value;
		else
			((double *) dst->values)[i] = value;
	}
	pmn_buffer_free(&scratch);
	return code;
}

/* ---- decimals ---------------------------------------------------------- */

/* 0.d1d2d3... * 10^point: significant digits, those that matter. */
typedef struct DecimalText
{
	bool is_negative;
	uint8_t digits[DECIMAL_DIGITS_MAX];
	uint32_t count; /* of significant digits, also those that are not kept */
	int64_t scale;	/* digits behind the point */
} DecimalText;

static bool
scan_mantissa(PmnBytes text, uint32_t *at, DecimalText *out)
{
	bool has_point = false;
	bool has_digit = false;

	for (; *at < text.size; (*at)++)
	{
		uint8_t byte = text.data[*at];

		if (byte == '.' && !has_point)
		{
			has_point = true;
			continue;
		}
		if (!is_digit(byte))
			break;
		has_digit = true;
		out->scale += has_point;
		if (byte == '0' && out->count == 0)
			continue;
		if (out->count < DECIMAL_DIGITS_MAX)
			out->digits[out->count] = byte - '0';
		out->count++;
	}
	return has_digit;
}

/* As new BigDecimal does; its exponent has ten digits and its scale 32 bits
 * at most. */
static bool
scan_decimal(PmnBytes text, DecimalText *out)
{
	uint32_t at = 0;
	int64_t exponent = 0;

	memset(out, 0, sizeof(*out));
	out->is_negative = text.size > 0 && text.data[0] == '-';
	at += out->is_negative || (text.size > 0 && text.data[0] == '+');
	if (!scan_mantissa(text, &at, out))
		return false;
	if (at < text.size && (text.data[at] | 0x20) == 'e')
	{
		at++;
		if (!parse_exponent(text, &at, &exponent) ||
			exponent > INT64_C(9999999999) || exponent < -INT64_C(9999999999))
			return false;
	}
	out->scale -= exponent;
	return at == text.size && out->scale >= INT32_MIN &&
		   out->scale <= INT32_MAX;
}

/* Rounded half up to the type's scale; *is_null when that is too long. */
static bool
parse_decimal(PmnBytes text, const PmnType *type, PmnInt128 *out,
			  uint8_t *is_null)
{
	PmnInt128 value = 0;
	DecimalText scanned;
	int64_t shift;
	int64_t kept;

	*out = 0;
	if (!scan_decimal(text, &scanned))
		return false;
	if (scanned.count == 0)
		return true;
	shift = type->scale - scanned.scale;
	kept = (int64_t) scanned.count + shift;
	*is_null = kept > type->precision;
	if (*is_null || kept < 0)
		return shift <= INT32_MAX;
	for (int64_t i = 0; i < kept; i++)
		value =
			value * 10 + (i < (int64_t) scanned.count ? scanned.digits[i] : 0);
	if (kept < (int64_t) scanned.count && scanned.digits[kept] >= 5)
		value++;
	*is_null = value >= pmn_cast_power_of_ten(type->precision);
	if (!*is_null)
		*out = scanned.is_negative ? -value : value;
	return true;
}

static PmnCode
parse_decimals(const PmnCast *cast, PmnEnv *env, const PmnBytes *src,
			   uint32_t count, PmnVector *dst)
{
	for (uint32_t i = 0; i < count; i++)
	{
		PmnInt128 value = 0;

		if (!dst->nulls[i] &&
			!parse_decimal(src[i], cast->to, &value, &dst->nulls[i]))
			return pmn_cast_refuse(cast, env, src[i]);
		pmn_cast_store_decimal(dst, i, value);
	}
	return PMN_OK;
}

PmnCode
pmn_cast_real_to_decimal(const PmnCast *cast, PmnEnv *env, const PmnVector *src,
						 uint32_t count, PmnVector *dst)
{
	PmnCode code = PMN_OK;
	PmnBuffer text;

	pmn_buffer_init(&text, env);
	for (uint32_t i = 0; code == PMN_OK && i < count; i++)
	{
		PmnInt128 value = 0;

		if (!dst->nulls[i])
		{
			pmn_buffer_reset(&text);
			/* A FLOAT becomes a double before it becomes text. */
			code = pmn_cast_append_real(&text, pmn_vector_value(src, i).as.f64,
										false);
			if (code == PMN_OK &&
				!parse_decimal(pmn_bytes(text.data, text.size), cast->to,
							   &value, &dst->nulls[i]))
				code =
					pmn_cast_refuse(cast, env, pmn_bytes(text.data, text.size));
		}
		pmn_cast_store_decimal(dst, i, value);
	}
	pmn_buffer_free(&text);
	return code;
}

/* ---- dates and times --------------------------------------------------- */

static PmnCode
parse_days_or_millis(const PmnCast *cast, PmnEnv *env, const PmnBytes *src,
					 uint32_t count, PmnVector *dst)
{
	int32_t *values = dst->values;
	bool is_date = cast->to->kind == PMN_TYPE_DATE;

	for (uint32_t i = 0; i < count; i++)
	{
		values[i] = 0;
		if (dst->nulls[i])
			continue;
		if (!(is_date ? pmn_parse_date(src[i], &values[i])
					  : pmn_parse_time(src[i], &values[i])))
			return pmn_cast_refuse(cast, env, src[i]);
	}
	return PMN_OK;
}

static PmnCode
parse_timestamps(const PmnCast *cast, PmnEnv *env, const PmnBytes *src,
				 uint32_t count, PmnVector *dst)
{
	for (uint32_t i = 0; i < count; i++)
	{
		PmnTimestamp time = {0, 0};

		if ((!dst->nulls[i] && !pmn_parse_timestamp(src[i], cast->to, &time)) ||
			!pmn_cast_store_timestamp(dst, i, cast->to->precision, time))
			return pmn_cast_refuse(cast, env, src[i]);
	}
	return PMN_OK;
}

PmnCode
pmn_cast_parse(const PmnCast *cast, PmnEnv *env, const PmnVector *src,
			   uint32_t count, PmnVector *dst)
{
	const PmnBytes *texts = src->values;

	if (cast->to->kind == PMN_TYPE_BOOLEAN)
		return parse_booleans(cast, env, texts, count, dst);
	if (cast->to->kind == PMN_TYPE_FLOAT || cast->to->kind == PMN_TYPE_DOUBLE)
		return parse_reals(cast, env, texts, count, dst);
	if (cast->to->kind == PMN_TYPE_DECIMAL)
		return parse_decimals(cast, env, texts, count, dst);
	if (cast->to->kind == PMN_TYPE_DATE || cast->to->kind == PMN_TYPE_TIME)
		return parse_days_or_millis(cast, env, texts, count, dst);
	if (cast->to->kind == PMN_TYPE_TIMESTAMP ||
		cast->to->kind == PMN_TYPE_TIMESTAMP_LTZ)
		return parse_timestamps(cast, env, texts, count, dst);
	return parse_integers(cast, env, texts, count, dst);
}
