/*
 * type_text.c
 *
 * Values as text, exactly as Paimon's cast to STRING writes them
 * (format/metadata.md 1.2): the names of partition directories depend on
 * every character.
 *
 * Floats: the fewest digits (at least two) that read back as the same
 * number, and of those the nearest; laid out as Java does: plain from 1e-3
 * to below 1e7, else d.dddE-n. JDK 19 and later print so; older ones print
 * one digit too many for a few values. Digits come from the C library, which
 * rounds correctly, and are checked by reading them back.
 *
 * Dates: proleptic Gregorian for every year. Where Paimon keeps only the
 * last four digits of a year we print all of them, and a sign.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "type.h"

#define MILLIS_PER_DAY 86400000
#define DIGITS_MAX 17

/* value = 0.d1d2d3... * 10^exponent */
typedef struct Digits
{
	char text[DIGITS_MAX + 2];
	int count;
	int exponent;
} Digits;

static PmnCode append_real(PmnBuffer *dst, double value, bool is_float);
static PmnCode append_decimal(PmnBuffer *dst, PmnInt128 value, int32_t scale);
static PmnCode append_date(PmnBuffer *dst, int64_t days);
static PmnCode append_time(PmnBuffer *dst, int64_t millis, int32_t precision);
static PmnCode append_timestamp(PmnBuffer *dst, const PmnType *type,
								const PmnValue *value);
static PmnCode append_i32(PmnBuffer *dst, const PmnType *type, int64_t value);
static PmnCode append_i64(PmnBuffer *dst, const PmnType *type,
						  const PmnValue *value);

PmnCode
pmn_value_append_text(PmnBuffer *dst, const PmnType *type,
					  const PmnValue *value)
{
	char name[128];

	if (value->is_null)
		return pmn_buffer_string(dst, "null");
	switch (pmn_type_vector_kind(type))
	{
		case PMN_VECTOR_BOOL:
			return pmn_buffer_string(dst,
									 value->as.i64 != 0 ? "true" : "false");
		case PMN_VECTOR_I32:
			return append_i32(dst, type, value->as.i64);
		case PMN_VECTOR_I64:
			return append_i64(dst, type, value);
		case PMN_VECTOR_F32:
			return append_real(dst, value->as.f64, true);
		case PMN_VECTOR_F64:
			return append_real(dst, value->as.f64, false);
		case PMN_VECTOR_DEC128:
			return append_decimal(dst, value->as.dec128, type->scale);
		case PMN_VECTOR_TS96:
			return append_timestamp(dst, type, value);
		case PMN_VECTOR_BYTES:
			if (pmn_type_is_nested(type))
				break;
			return pmn_buffer_append(dst, value->as.bytes.data,
									 value->as.bytes.size);
		case PMN_VECTOR_NONE:
			break;
	}
	return pmn_fail(dst->env, PMN_UNSUPPORTED,
					"values of type %s have no text form",
					pmn_type_name(type, name, sizeof(name)));
}

static PmnCode
append_i32(PmnBuffer *dst, const PmnType *type, int64_t value)
{
	if (type->kind == PMN_TYPE_DATE)
		return append_date(dst, value);
	if (type->kind == PMN_TYPE_TIME)
		return append_time(dst, value, type->precision);
	return pmn_buffer_format(dst, "%" PRId64, value);
}

static PmnCode
append_i64(PmnBuffer *dst, const PmnType *type, const PmnValue *value)
{
	if (type->kind == PMN_TYPE_BIGINT)
		return pmn_buffer_format(dst, "%" PRId64, value->as.i64);
	if (type->kind == PMN_TYPE_DECIMAL)
		return append_decimal(dst, value->as.i64, type->scale);
	return append_timestamp(dst, type, value);
}

/* Whether the digits, read as a whole number with an exponent, are value. */
static bool
reads_back(const Digits *digits, double value, bool is_float)
{
	char text[48];

	/* No decimal point: that would depend on the locale. */
	snprintf(text, sizeof(text), "%.*sE%d", digits->count, digits->text,
			 digits->exponent - digits->count);
	if (is_float)
		return strtof(text, NULL) == (float) value;
	return strtod(text, NULL) == value;
}

/* The decimal of count digits nearest to value, a positive number. */
static void
nearest_digits(double value, int count, Digits *digits)
{
	char text[48];
	int size = 0;
	const char *c = text;

	snprintf(text, sizeof(text), "%.*e", count - 1, value);
	for (; *c != '\0' && *c != 'e'; c++)
		if (*c >= '0' && *c <= '9' && size < DIGITS_MAX)
			digits->text[size++] = *c;
	digits->text[size] = '\0';
	digits->count = size;
	digits->exponent = 1 + (*c == 'e' ? (int) strtol(c + 1, NULL, 10) : 0);
}

/* One unit in the last place up. */
static void
next_digits(Digits *digits)
{
	int i = digits->count - 1;

	while (i >= 0 && digits->text[i] == '9')
		digits->text[i--] = '0';
	if (i >= 0)
	{
		digits->text[i]++;
		return;
	}
	digits->text[0] = '1';
	digits->exponent++;
}

/*
 * Fewest digits that read back. Below a power of two numbers lie denser than
 * above, so the nearest decimal may be too far on that side while its upper
 * neighbour reads back: try that one too.
 */
static void
shortest_digits(double value, bool is_float, Digits *digits)
{
	int digits_max = is_float ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
	int digits_safe = is_float ? FLT_DIG : DBL_DIG;
	int count = 2;

	/*
	 * Decimals of so few digits survive the way to binary and back, so if
	 * there is one for value this is it, with zeros behind.
	 */
	if (value >= (is_float ? (double) FLT_MIN : DBL_MIN))
	{
		nearest_digits(value, digits_safe, digits);
		count = reads_back(digits, value, is_float) ? digits_max + 1
													: digits_safe + 1;
	}
	for (; count <= digits_max; count++)
	{
		nearest_digits(value, count, digits);
		if (reads_back(digits, value, is_float))
			break;
		next_digits(digits);
		if (reads_back(digits, value, is_float))
			break;
	}
	while (digits->count > 1 && digits->text[digits->count - 1] == '0')
		digits->count--;
	digits->text[digits->count] = '\0';
}

static PmnCode
append_real(PmnBuffer *dst, double value, bool is_float)
{
	Digits digits;
	const char *sign = signbit(value) ? "-" : "";
	int point;

	if (isnan(value))
		return pmn_buffer_string(dst, "NaN");
	if (isinf(value))
		return pmn_buffer_format(dst, "%sInfinity", sign);
	if (value == 0)
		return pmn_buffer_format(dst, "%s0.0", sign);
	value = fabs(value);
	shortest_digits(value, is_float, &digits);
	point = digits.exponent;
	if (value < 1e-3 || value >= 1e7)
		return pmn_buffer_format(dst, "%s%c.%sE%d", sign, digits.text[0],
								 digits.count > 1 ? digits.text + 1 : "0",
								 point - 1);
	if (point <= 0)
		return pmn_buffer_format(dst, "%s0.%.*s%s", sign, -point, "00000000",
								 digits.text);
	if (point >= digits.count)
		return pmn_buffer_format(dst, "%s%s%.*s.0", sign, digits.text,
								 point - digits.count, "00000000");
	return pmn_buffer_format(dst, "%s%.*s.%s", sign, point, digits.text,
							 digits.text + point);
}

static PmnCode
append_decimal(PmnBuffer *dst, PmnInt128 value, int32_t scale)
{
	char text[48];
	char *end = text + sizeof(text) - 1;
	char *start = end;
	PmnUint128 rest = value < 0 ? -(PmnUint128) value : (PmnUint128) value;
	int32_t digits = 0;

	PMN_ASSERT(scale >= 0 && scale <= PMN_DECIMAL_PRECISION_MAX);
	*end = '\0';
	/* One digit stands before the point at least. */
	while (rest > 0 || digits <= scale)
	{
		if (digits == scale && scale > 0)
			*--start = '.';
		*--start = (char) ('0' + (int) (rest % 10));
		rest /= 10;
		digits++;
	}
	if (value < 0)
		*--start = '-';
	return pmn_buffer_string(dst, start);
}

static int64_t
floor_divide(int64_t value, int64_t by)
{
	int64_t quotient = value / by;

	return quotient - (value % by < 0 ? 1 : 0);
}

static int64_t
floor_modulo(int64_t value, int64_t by)
{
	int64_t remainder = value % by;

	return remainder + (remainder < 0 ? by : 0);
}

/*
 * Days since 1970-01-01 to year, month, day. Counting starts at 0000-03-01,
 * which puts the leap day at the end of a year and of a 400-year era.
 */
static PmnCode
append_date(PmnBuffer *dst, int64_t days)
{
	int64_t shifted = days + 719468;
	int64_t era = floor_divide(shifted, 146097);
	int64_t day_of_era = floor_modulo(shifted, 146097);
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
						   day_of_era / 146096) /
						  365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;
	int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
	int64_t month =
		month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
	int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);

	return pmn_buffer_format(dst, "%s%04" PRId64 "-%02d-%02d",
							 year < 0 ? "-" : "", year < 0 ? -year : year,
							 (int) month, (int) day);
}

static PmnCode
append_clock(PmnBuffer *dst, int64_t millis_of_day)
{
	int seconds = (int) (millis_of_day / 1000);

	return pmn_buffer_format(dst, "%02d:%02d:%02d", seconds / 3600,
							 seconds / 60 % 60, seconds % 60);
}

/* The fraction ends at its last digit that is not 0, but has one at least. */
static PmnCode
append_time(PmnBuffer *dst, int64_t millis, int32_t precision)
{
	int64_t of_day = floor_modulo(millis, MILLIS_PER_DAY);
	int fraction = (int) (of_day % 1000);

	PMN_TRY(append_clock(dst, of_day));
	if (precision <= 0)
		return PMN_OK;
	PMN_TRY(pmn_buffer_byte(dst, '.'));
	for (int32_t i = 0; i < precision; i++)
	{
		PMN_TRY(pmn_buffer_byte(dst, (uint8_t) ('0' + fraction / 100)));
		fraction = fraction % 100 * 10;
		if (fraction == 0)
			break;
	}
	return PMN_OK;
}

/* Nine digits, zeros cut from the end while there are more than precision. */
static PmnCode
append_fraction(PmnBuffer *dst, int32_t nanos, int32_t precision)
{
	char text[16];
	int size = 9;

	snprintf(text, sizeof(text), "%09d", (int) nanos);
	while (size > precision && size > 0 && text[size - 1] == '0')
		size--;
	if (size == 0)
		return PMN_OK;
	return pmn_buffer_format(dst, ".%.*s", size, text);
}

static PmnCode
append_timestamp(PmnBuffer *dst, const PmnType *type, const PmnValue *value)
{
	int64_t millis = value->as.i64;
	int32_t nano = 0;
	int64_t days;
	int64_t of_day;

	if (type->precision > 6)
	{
		millis = value->as.ts96.millis;
		nano = value->as.ts96.nano;
	}
	else if (type->precision > 3)
	{
		millis = floor_divide(value->as.i64, 1000);
		nano = (int32_t) floor_modulo(value->as.i64, 1000) * 1000;
	}
	days = floor_divide(millis, MILLIS_PER_DAY);
	of_day = floor_modulo(millis, MILLIS_PER_DAY);
	PMN_TRY(append_date(dst, days));
	PMN_TRY(pmn_buffer_byte(dst, ' '));
	PMN_TRY(append_clock(dst, of_day));
	return append_fraction(dst, (int32_t) (of_day % 1000) * 1000000 + nano,
						   type->precision);
}
