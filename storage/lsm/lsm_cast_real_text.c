/*
 * lsm_cast_real_text.c
 *
 * Floats as text, the way Java up to 18 writes them, on which Paimon runs.
 * Since 19 Java writes the shortest text that reads back (and so does
 * pmn_value_append_text); before, some values have digits too many. A column
 * that was FLOAT and is STRING now must read as it does there.
 *
 * The idea is Steele and White's: with b / s the value, m / s half the gap to
 * the next number and all three scaled so that b / s has one digit before the
 * point, take off a digit at a time until the rest is closer than the gap.
 * What Java makes of it, and what the result depends on:
 *
 *   - whole numbers below 2^63 are written exactly, less the digits that
 *     the gap makes meaningless: 3.25E10 as a float is 3.25000008E10
 *   - outside 1e-3 .. 1e8 there are two digits at least, wanted or not
 *   - a power of two has half the gap, also on its far side
 *   - the rest may be as far as the gap where the arithmetic is long (more
 *     than 64 bits), but not where it is short; and short gaps overflow
 */
#include "lsm_cast_internal.h"

#include <math.h>

#define DIGITS_MAX 26
#define BIG_WORDS 48

/* 0.d1d2d3... * 10^point */
typedef struct RealText
{
	char digits[DIGITS_MAX];
	int count;
	int point;
} RealText;

/* mantissa * 2^(exponent - bits + 1); the mantissa is odd, of a number that
 * has `precise` bits with its trailing zeros. */
typedef struct RealParts
{
	uint64_t mantissa;
	int bits;
	int exponent;
	int precise;
} RealParts;

/* b = mantissa * 5^b5 * 2^b2, s = 5^s5 * 2^s2, m = 5^b5 * 2^m2 */
typedef struct Scaling
{
	int b2;
	int b5;
	int s2;
	int s5;
	int m2;
	int exponent; /* of the first digit */
} Scaling;

/* Why digits ended. */
typedef struct Ending
{
	bool is_low;
	bool is_high;
	int half; /* sign of the rest less half a digit */
} Ending;

/* ---- taking numbers apart ---------------------------------------------- */

static RealParts
take_apart(double value, bool is_float)
{
	RealParts parts = {0, 0, 0, is_float ? 24 : 53};
	int least = is_float ? -126 : -1022;
	double fraction = frexp(value, &parts.exponent);

	parts.exponent--;
	parts.mantissa = (uint64_t) ldexp(fraction, 53);
	parts.bits = 53;
	while (parts.mantissa % 2 == 0)
	{
		parts.mantissa /= 2;
		parts.bits--;
	}
	/* Subnormal numbers have fewer bits. */
	if (parts.exponent < least)
		parts.precise -= least - parts.exponent;
	return parts;
}

/* The exponent of the first digit, or one more. */
static int
estimate_exponent(const RealParts *parts)
{
	double mantissa = ldexp((double) parts->mantissa, 1 - parts->bits);

	return (int) floor((mantissa - 1.5) * 0.289529654 + 0.176091259 +
					   parts->exponent * 0.301029995663981);
}

static Scaling
scale(const RealParts *parts)
{
	Scaling out = {0};
	int behind_point = parts->bits - parts->exponent - 1;
	int common;

	if (behind_point < 0)
		behind_point = 0;
	out.exponent = estimate_exponent(parts);
	out.b5 = out.exponent < 0 ? -out.exponent : 0;
	out.s5 = out.exponent > 0 ? out.exponent : 0;
	out.b2 = out.b5 + behind_point + parts->exponent;
	out.s2 = out.s5 + behind_point;
	out.m2 = out.b2 - parts->precise;
	out.b2 -= parts->bits - 1;
	common = out.b2 < out.s2 ? out.b2 : out.s2;
	out.b2 -= common;
	out.s2 -= common;
	out.m2 -= common + (parts->bits == 1);
	if (out.m2 < 0)
	{
		out.b2 -= out.m2;
		out.s2 -= out.m2;
		out.m2 = 0;
	}
	return out;
}

/* ---- digits ------------------------------------------------------------ */

/* One more at the end of the digits. */
static void
round_up(RealText *text)
{
	int i = text->count - 1;

	while (i > 0 && text->digits[i] == '9')
		text->digits[i--] = '0';
	if (text->digits[i] == '9')
	{
		text->digits[i] = '1';
		text->point++;
	}
	else
		text->digits[i]++;
}

/* A whole number below 2^63, trailing zeros cut. */
static void
whole_digits(const RealParts *parts, RealText *text)
{
	int meaningless = parts->exponent - parts->precise - 1;
	uint64_t value = parts->mantissa << (parts->exponent - parts->bits + 1);
	char reversed[DIGITS_MAX];
	int size = 0;

	/* 10^dropped is at most the gap. */
	meaningless = meaningless > 0 ? (int) (meaningless * 0.30103) : 0;
	if (meaningless > 0)
	{
		uint64_t unit = (uint64_t) pmn_cast_power_of_ten(meaningless);

		value = value / unit + (value % unit >= unit / 2);
	}
	for (; value > 0; value /= 10)
		reversed[size++] = (char) ('0' + (int) (value % 10));
	text->point = size + meaningless;
	text->count = 0;
	while (size > 0)
		text->digits[text->count++] = reversed[--size];
	while (text->count > 1 && text->digits[text->count - 1] == '0')
		text->count--;
}

/* The first quotient, which is 0 when the exponent was one too large. */
static void
first_digit(RealText *text, int quotient, Ending *end, int *exponent)
{
	if (quotient == 0 && !end->is_high)
		(*exponent)--;
	else
		text->digits[text->count++] = (char) ('0' + quotient);
	if (*exponent < -3 || *exponent >= 8)
	{
		end->is_low = false;
		end->is_high = false;
	}
}

/* Of Java's int and long arithmetic. */
static int64_t
wrap(bool is_int, uint64_t value)
{
	return is_int ? (int64_t) (int32_t) value : (int64_t) value;
}

static void
end_short(bool is_int, int64_t b, int64_t m, int64_t tens, Ending *end)
{
	end->is_low = b < m;
	end->is_high = wrap(is_int, (uint64_t) b + (uint64_t) m) > tens;
}

/* power <= 26, as its bits are fewer than 64. */
static uint64_t
power_of_five(int power)
{
	return (uint64_t) (pmn_cast_power_of_ten(power) >> power);
}

static Ending
short_digits(const RealParts *parts, const Scaling *scaling, bool is_int,
			 RealText *text, int *exponent)
{
	uint64_t b5 = power_of_five(scaling->b5);
	uint64_t s5 = power_of_five(scaling->s5);
	int64_t b = (int64_t) (parts->mantissa * b5 << scaling->b2);
	int64_t s = (int64_t) (s5 << scaling->s2);
	int64_t m = wrap(is_int, (b5 << scaling->m2) * 10);
	int64_t tens = s * 10;
	int quotient = (int) (b / s);
	Ending end;

	b = b % s * 10;
	end_short(is_int, b, m, tens, &end);
	first_digit(text, quotient, &end, exponent);
	while (!end.is_low && !end.is_high && text->count < DIGITS_MAX)
	{
		text->digits[text->count++] = (char) ('0' + (int) (b / s));
		b = b % s * 10;
		m = wrap(is_int, (uint64_t) m * 10);
		end_short(is_int, b, m, tens, &end);
		if (m <= 0)
		{
			end.is_low = true;
			end.is_high = true;
		}
	}
	b = wrap(is_int, (uint64_t) b * 2 - (uint64_t) tens);
	end.half = (b > 0) - (b < 0);
	return end;
}

/* ---- long numbers ------------------------------------------------------ */

typedef struct Big
{
	uint32_t words[BIG_WORDS]; /* least first; those from count on are 0 */
	int count;
} Big;

static void
big_multiply(Big *big, uint32_t factor)
{
	uint64_t carry = 0;

	for (int i = 0; i < big->count; i++)
	{
		carry += (uint64_t) big->words[i] * factor;
		big->words[i] = (uint32_t) carry;
		carry >>= 32;
	}
	if (carry > 0)
	{
		PMN_ASSERT(big->count < BIG_WORDS);
		big->words[big->count++] = (uint32_t) carry;
	}
}

/* value * 5^power5 * 2^power2 */
static void
big_make(Big *big, uint64_t value, int power5, int power2)
{
	int words = power2 / 32;

	memset(big, 0, sizeof(*big));
	big->words[0] = (uint32_t) value;
	big->words[1] = (uint32_t) (value >> 32);
	big->count = big->words[1] > 0 ? 2 : 1;
	for (int i = 0; i < power5; i++)
		big_multiply(big, 5);
	big_multiply(big, UINT32_C(1) << power2 % 32);
	PMN_ASSERT(big->count + words <= BIG_WORDS);
	memmove(big->words + words, big->words,
			(size_t) big->count * sizeof(uint32_t));
	memset(big->words, 0, (size_t) words * sizeof(uint32_t));
	big->count += words;
}

static int
big_compare(const Big *a, const Big *b)
{
	int i = (a->count > b->count ? a->count : b->count) - 1;

	while (i > 0 && a->words[i] == b->words[i])
		i--;
	return (a->words[i] > b->words[i]) - (a->words[i] < b->words[i]);
}

/* a + b compared to c. */
static int
big_compare_sum(const Big *a, const Big *b, const Big *c)
{
	int count = a->count > b->count ? a->count : b->count;
	uint64_t carry = 0;
	Big sum;

	PMN_ASSERT(count < BIG_WORDS);
	memset(&sum, 0, sizeof(sum));
	for (int i = 0; i < count; i++)
	{
		carry += (uint64_t) a->words[i] + b->words[i];
		sum.words[i] = (uint32_t) carry;
		carry >>= 32;
	}
	sum.words[count] = (uint32_t) carry;
	sum.count = count + 1;
	return big_compare(&sum, c);
}

/* The quotient of b and s, below ten; b becomes ten times what is left. */
static int
big_digit(Big *b, const Big *s)
{
	int quotient = 0;

	while (big_compare(b, s) >= 0)
	{
		int64_t borrow = 0;

		for (int i = 0; i < b->count; i++)
		{
			borrow += (int64_t) b->words[i] - (int64_t) s->words[i];
			b->words[i] = (uint32_t) borrow;
			borrow >>= 32;
		}
		quotient++;
	}
	big_multiply(b, 10);
	return quotient;
}

static void
end_long(const Big *b, const Big *m, const Big *tens, Ending *end)
{
	end->is_low = big_compare(b, m) < 0;
	end->is_high = big_compare_sum(b, m, tens) >= 0;
}

static Ending
long_digits(const RealParts *parts, const Scaling *scaling, RealText *text,
			int *exponent)
{
	Ending end;
	Big b;
	Big s;
	Big m;
	Big tens;
	int quotient;

	big_make(&b, parts->mantissa, scaling->b5, scaling->b2);
	big_make(&s, 1, scaling->s5, scaling->s2);
	big_make(&m, 10, scaling->b5, scaling->m2);
	tens = s;
	big_multiply(&tens, 10);
	quotient = big_digit(&b, &s);
	end_long(&b, &m, &tens, &end);
	first_digit(text, quotient, &end, exponent);
	while (!end.is_low && !end.is_high && text->count < DIGITS_MAX)
	{
		text->digits[text->count++] = (char) ('0' + big_digit(&b, &s));
		big_multiply(&m, 10);
		end_long(&b, &m, &tens, &end);
	}
	end.half = big_compare_sum(&b, &b, &tens);
	return end;
}

/* Bits of 5^power; Java has a table up to 26, estimates above, and no bits
 * for 1. */
static int
bits_of_power5(int power)
{
	if (power > 26)
		return power * 3;
	return power == 0 ? 0 : (int) (power * 2.321928094887362) + 1;
}

static void
find_digits(const RealParts *parts, RealText *text)
{
	Scaling scaling = scale(parts);
	int exponent = scaling.exponent;
	int b_bits = parts->bits + scaling.b2 + bits_of_power5(scaling.b5);
	int tens_bits = scaling.s2 + 1 + bits_of_power5(scaling.s5 + 1);
	Ending end;

	if (b_bits < 64 && tens_bits < 64)
		end = short_digits(parts, &scaling, b_bits < 32 && tens_bits < 32, text,
						   &exponent);
	else
		end = long_digits(parts, &scaling, text, &exponent);
	text->point = exponent + 1;
	if (!end.is_high)
		return;
	/* Within the gap on both sides: the nearer, even when in between. */
	if (!end.is_low || end.half > 0 ||
		(end.half == 0 && (text->digits[text->count - 1] - '0') % 2 != 0))
		round_up(text);
}

/* ---- layout ------------------------------------------------------------ */

PmnCode
pmn_cast_append_real(PmnBuffer *dst, double value, bool is_float)
{
	RealText text = {.count = 0};
	const char *sign = signbit(value) ? "-" : "";
	RealParts parts;
	int point;

	if (isnan(value))
		return pmn_buffer_string(dst, "NaN");
	if (isinf(value))
		return pmn_buffer_format(dst, "%sInfinity", sign);
	if (value == 0)
		return pmn_buffer_format(dst, "%s0.0", sign);
	parts = take_apart(fabs(value), is_float);
	if (parts.exponent <= 62 && parts.bits - parts.exponent - 1 <= 0)
		whole_digits(&parts, &text);
	else
		find_digits(&parts, &text);
	point = text.point;
	if (point <= -3 || point >= 8)
		return pmn_buffer_format(dst, "%s%c.%.*sE%d", sign, text.digits[0],
								 text.count > 1 ? text.count - 1 : 1,
								 text.count > 1 ? text.digits + 1 : "0",
								 point - 1);
	if (point <= 0)
		return pmn_buffer_format(dst, "%s0.%.*s%.*s", sign, -point, "00",
								 text.count, text.digits);
	if (point >= text.count)
		return pmn_buffer_format(dst, "%s%.*s%.*s.0", sign, text.count,
								 text.digits, point - text.count, "0000000");
	return pmn_buffer_format(dst, "%s%.*s.%.*s", sign, point, text.digits,
							 text.count - point, text.digits + point);
}
