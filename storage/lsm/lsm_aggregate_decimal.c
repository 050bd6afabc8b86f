/*
 * lsm_aggregate_decimal.c
 *
 * A product of two 38-digit numbers has 76 digits, so magnitudes are held in
 * 12 limbs of 32 bits and divided by small numbers only: by 10 a digit at a
 * time, or, for quotients, by the twos and fives of the divisor. Rounding half
 * up needs no remainder: floor(2x / d), plus one, halved.
 *
 * A quotient a / b has a last decimal digit exactly when b, after common
 * factors are cancelled, has no prime factors but 2 and 5. With
 * b = 2^i * 5^j and scale s it is a * 2^(s - i) * 5^(s - j), where negative
 * powers divide.
 */
#include "lsm_aggregate_decimal.h"

#define LIMBS 12

typedef struct Wide
{
	uint32_t limbs[LIMBS]; /* least first */
} Wide;

PmnInt128
pmn_decimal_power(int32_t exponent)
{
	PmnInt128 power = 1;

	PMN_ASSERT(exponent >= 0 && exponent <= PMN_DECIMAL_PRECISION_MAX);
	while (exponent-- > 0)
		power *= 10;
	return power;
}

static PmnUint128
magnitude(PmnInt128 value)
{
	return value < 0 ? -(PmnUint128) value : (PmnUint128) value;
}

static Wide
wide_of(PmnUint128 value)
{
	Wide wide = {{0}};

	for (uint32_t i = 0; i < 4; i++)
		wide.limbs[i] = (uint32_t) (value >> (32 * i));
	return wide;
}

static void
wide_multiply(Wide *wide, uint32_t factor)
{
	uint64_t carry = 0;

	for (uint32_t i = 0; i < LIMBS; i++)
	{
		carry += (uint64_t) wide->limbs[i] * factor;
		wide->limbs[i] = (uint32_t) carry;
		carry >>= 32;
	}
	PMN_ASSERT(carry == 0);
}

static void
wide_divide(Wide *wide, uint32_t divisor)
{
	uint64_t rest = 0;

	for (uint32_t i = LIMBS; i > 0; i--)
	{
		rest = rest << 32 | wide->limbs[i - 1];
		wide->limbs[i - 1] = (uint32_t) (rest / divisor);
		rest %= divisor;
	}
}

static Wide
wide_product(PmnUint128 a, PmnUint128 b)
{
	Wide x = wide_of(a);
	Wide y = wide_of(b);
	Wide product = {{0}};

	for (uint32_t i = 0; i < 4; i++)
	{
		uint64_t carry = 0;

		for (uint32_t j = 0; j < 4; j++)
		{
			carry += (uint64_t) x.limbs[i] * y.limbs[j] + product.limbs[i + j];
			product.limbs[i + j] = (uint32_t) carry;
			carry >>= 32;
		}
		product.limbs[i + 4] = (uint32_t) carry;
	}
	return product;
}

/* Half of twice the magnitude, rounded up, with a sign. */
static PmnDecimalResult
finish(Wide *doubled, bool is_negative, int32_t precision, PmnInt128 *out)
{
	PmnUint128 value = 0;
	uint32_t high = 0;

	for (uint32_t i = 5; i < LIMBS; i++)
		high |= doubled->limbs[i];
	/* 2 * 10^38 has 128 bits; beyond is too long in any case. */
	if (high != 0 || doubled->limbs[4] > 1)
		return PMN_DECIMAL_TOO_LONG;
	for (uint32_t i = 4; i > 0; i--)
		value = value << 32 | doubled->limbs[i - 1];
	if (doubled->limbs[4] != 0)
		value = (value >> 1) + (value & 1) + ((PmnUint128) 1 << 127);
	else
		value = (value >> 1) + (value & 1);
	if (value >= (PmnUint128) pmn_decimal_power(precision))
		return PMN_DECIMAL_TOO_LONG;
	*out = is_negative ? -(PmnInt128) value : (PmnInt128) value;
	return PMN_DECIMAL_FINE;
}

PmnDecimalResult
pmn_decimal_multiply(PmnInt128 a, PmnInt128 b, int32_t precision, int32_t scale,
					 PmnInt128 *out)
{
	Wide product = wide_product(magnitude(a), magnitude(b));

	wide_multiply(&product, 2);
	for (int32_t i = 0; i < scale; i++)
		wide_divide(&product, 10);
	return finish(&product, (a < 0) != (b < 0), precision, out);
}

static PmnUint128
greatest_common_divisor(PmnUint128 a, PmnUint128 b)
{
	while (b != 0)
	{
		PmnUint128 rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* How often factor divides *value, which is left without it. */
static int32_t
take_factor(PmnUint128 *value, uint32_t factor)
{
	int32_t count = 0;

	for (; *value % factor == 0; count++)
		*value /= factor;
	return count;
}

static void
multiply_by_power(Wide *wide, uint32_t factor, int32_t power)
{
	for (; power > 0; power--)
		wide_multiply(wide, factor);
}

static void
divide_by_power(Wide *wide, uint32_t factor, int32_t power)
{
	for (; power > 0; power--)
		wide_divide(wide, factor);
}

PmnDecimalResult
pmn_decimal_divide(PmnInt128 a, PmnInt128 b, int32_t precision, int32_t scale,
				   PmnInt128 *out)
{
	PmnUint128 x = magnitude(a);
	PmnUint128 y = magnitude(b);
	PmnUint128 common;
	int32_t twos;
	int32_t fives;
	Wide quotient;

	*out = 0;
	if (y == 0)
		return PMN_DECIMAL_BY_ZERO;
	if (x == 0)
		return PMN_DECIMAL_FINE;
	common = greatest_common_divisor(x, y);
	x /= common;
	y /= common;
	twos = take_factor(&y, 2);
	fives = take_factor(&y, 5);
	if (y != 1)
		return PMN_DECIMAL_ENDLESS;
	quotient = wide_of(x);
	wide_multiply(&quotient, 2);
	multiply_by_power(&quotient, 2, scale - twos);
	multiply_by_power(&quotient, 5, scale - fives);
	divide_by_power(&quotient, 2, twos - scale);
	divide_by_power(&quotient, 5, fives - scale);
	return finish(&quotient, (a < 0) != (b < 0), precision, out);
}
