/*
 * bridge_numeric.c
 *
 * Decimals of the lake (an integer and a scale) and numerics of the server,
 * both ways, without the general routines that would take most of a scan's
 * time.
 *
 * A numeric on disk is a varlena with a header and base-10000 digits, most
 * significant first, aligned at the decimal point, no zero digits at either
 * end:
 *
 *   short   uint16  10sd dddd dwww wwww   s sign, d scale, w weight (7 bits,
 *                                         two's complement)
 *   long    uint16  0sdd dddd dddd dddd   then int16 weight
 *   special uint16  11.. .... .... ....   NaN and infinities
 *
 * The weight is the power of 10000 of the first digit. The layout is the one
 * of on-disk compatibility and can't change within pg_upgrade's promise, but
 * it is private to numeric.c, hence the constants here. A lake decimal has a
 * scale of 38 at most, so the short form always suffices.
 *
 * We make digits from the least significant to the first, filling a buffer
 * from its end. The group that the scale cuts is the only one that is not a
 * plain division by 10000.
 */
#include "bridge_convert.h"

#define NBASE_DIGITS_MAX 12 /* 38 decimal digits, cut at the point */

#define HEADER_SIZE ((int) sizeof(uint16))
#define SHORT_FORM 0x8000
#define SPECIAL_FORM 0xC000
#define FORM_MASK 0xC000
#define LONG_NEGATIVE 0x4000
#define SHORT_NEGATIVE 0x2000
#define SHORT_SCALE_SHIFT 7
#define SHORT_WEIGHT_SIGN 0x0040
#define SHORT_WEIGHT_MASK 0x003F

#define TEN_TO_16 UINT64CONST(10000000000000000)

static const uint64 power_of_ten[] = {UINT64CONST(1),
									  UINT64CONST(10),
									  UINT64CONST(100),
									  UINT64CONST(1000),
									  UINT64CONST(10000),
									  UINT64CONST(100000),
									  UINT64CONST(1000000),
									  UINT64CONST(10000000),
									  UINT64CONST(100000000),
									  UINT64CONST(1000000000),
									  UINT64CONST(10000000000),
									  UINT64CONST(100000000000),
									  UINT64CONST(1000000000000),
									  UINT64CONST(10000000000000),
									  UINT64CONST(100000000000000),
									  UINT64CONST(1000000000000000),
									  UINT64CONST(10000000000000000),
									  UINT64CONST(100000000000000000),
									  UINT64CONST(1000000000000000000),
									  UINT64CONST(10000000000000000000)};

/* Digits being made: digit[first .. NBASE_DIGITS_MAX - 1]. */
typedef struct DigitBuffer
{
	int16 digit[NBASE_DIGITS_MAX];
	int first;
} DigitBuffer;

/* A numeric taken apart. */
typedef struct NumericParts
{
	bool negative;
	int weight;
	int count;
	const char *digits; /* not aligned */
} NumericParts;

static inline void
push_digits(DigitBuffer *buffer, uint64 value)
{
	while (value != 0)
	{
		buffer->digit[--buffer->first] = (int16) (value % 10000);
		value /= 10000;
	}
}

/* The partial group: scale % 4 digits, moved to the group's upper end. */
static inline uint64
push_partial(DigitBuffer *buffer, uint64 value, int partial)
{
	uint64 rest;
	int16 digit;

	switch (partial)
	{
		case 1:
			rest = value / 10;
			digit = (int16) ((value - rest * 10) * 1000);
			break;
		case 2:
			rest = value / 100;
			digit = (int16) ((value - rest * 100) * 100);
			break;
		default:
			rest = value / 1000;
			digit = (int16) ((value - rest * 1000) * 10);
			break;
	}
	buffer->digit[--buffer->first] = digit;
	return rest;
}

/*
 * Write the varlena. The number of digits made tells the weight, as the
 * digits end fraction_groups groups after the point.
 */
static inline void
put_numeric(char *dst, const DigitBuffer *buffer, bool negative, int scale)
{
	int fraction_groups = (scale + 3) / 4;
	int first = buffer->first;
	int last = NBASE_DIGITS_MAX;
	int weight;
	uint16 header;

	weight = last - first - fraction_groups - 1;
	/* A group that turned out zero at either end must not be stored. */
	while (first < last && buffer->digit[first] == 0)
	{
		first++;
		weight--;
	}
	while (last > first && buffer->digit[last - 1] == 0)
		last--;
	if (first == last)
		weight = 0;
	header = SHORT_FORM | (negative ? SHORT_NEGATIVE : 0) |
			 (scale << SHORT_SCALE_SHIFT) |
			 (weight < 0 ? SHORT_WEIGHT_SIGN : 0) |
			 (weight & SHORT_WEIGHT_MASK);
	SET_VARSIZE(dst,
				VARHDRSZ + HEADER_SIZE + (last - first) * (int) sizeof(int16));
	memcpy(dst + VARHDRSZ, &header, sizeof(header));
	memcpy(dst + VARHDRSZ + HEADER_SIZE, &buffer->digit[first],
		   (last - first) * sizeof(int16));
}

static inline void
make_i64(char *dst, int64 value, int scale)
{
	DigitBuffer buffer;
	uint64 rest = value < 0 ? -(uint64) value : (uint64) value;

	buffer.first = NBASE_DIGITS_MAX;
	if (scale % 4 != 0)
		rest = push_partial(&buffer, rest, scale % 4);
	push_digits(&buffer, rest);
	put_numeric(dst, &buffer, value < 0, scale);
}

/*
 * 128-bit divisions are slow; dividing by 10^16 leaves four digits to plain
 * ones. The value may be any 128-bit integer of 39 digits from a damaged
 * file, which the buffer has room for.
 */
static void
make_i128(char *dst, PmnInt128 value, int scale)
{
	DigitBuffer buffer;
	PmnUint128 rest = value < 0 ? -(PmnUint128) value : (PmnUint128) value;

	buffer.first = NBASE_DIGITS_MAX;
	if (scale % 4 != 0)
	{
		uint64 divisor = power_of_ten[scale % 4];
		PmnUint128 quotient = rest / divisor;

		/* The partial digit only; its rest is zero. */
		(void) push_partial(&buffer, (uint64) (rest - quotient * divisor),
							scale % 4);
		rest = quotient;
	}
	while ((rest >> 64) != 0)
	{
		PmnUint128 quotient = rest / TEN_TO_16;
		uint64 groups = (uint64) (rest - quotient * TEN_TO_16);

		for (int i = 0; i < 4; i++)
		{
			buffer.digit[--buffer.first] = (int16) (groups % 10000);
			groups /= 10000;
		}
		rest = quotient;
	}
	push_digits(&buffer, (uint64) rest);
	put_numeric(dst, &buffer, value < 0, scale);
}

Datum
pfdw_numeric_from_i128(PmnInt128 value, int scale)
{
	char *dst = palloc(PFDW_NUMERIC_SIZE_I128);

	make_i128(dst, value, scale);
	return PointerGetDatum(dst);
}

void
pfdw_numeric_column_i64(const int64 *values, const bool *nulls,
						const uint32 *rows, uint32 count, int scale,
						char *block, Datum *out)
{
	for (uint32 i = 0; i < count; i++)
	{
		uint32 row = rows == NULL ? i : rows[i];
		char *dst = block + (Size) row * PFDW_NUMERIC_SIZE_I64;

		if (nulls[row])
			continue;
		make_i64(dst, values[row], scale);
		out[row] = PointerGetDatum(dst);
	}
}

void
pfdw_numeric_column_i128(const PmnInt128 *values, const bool *nulls,
						 const uint32 *rows, uint32 count, int scale,
						 char *block, Datum *out)
{
	for (uint32 i = 0; i < count; i++)
	{
		uint32 row = rows == NULL ? i : rows[i];
		char *dst = block + (Size) row * PFDW_NUMERIC_SIZE_I128;

		if (nulls[row])
			continue;
		make_i128(dst, values[row], scale);
		out[row] = PointerGetDatum(dst);
	}
}

/* False for NaN and infinities. */
static inline bool
take_apart(const struct varlena *numeric, NumericParts *parts)
{
	const char *data = VARDATA_ANY(numeric);
	int size = VARSIZE_ANY_EXHDR(numeric);
	int header_size = HEADER_SIZE;
	uint16 header;
	int16 weight;

	memcpy(&header, data, sizeof(header));
	if ((header & FORM_MASK) == SPECIAL_FORM)
		return false;
	if ((header & FORM_MASK) == SHORT_FORM)
	{
		parts->negative = (header & SHORT_NEGATIVE) != 0;
		parts->weight = header & SHORT_WEIGHT_MASK;
		if (header & SHORT_WEIGHT_SIGN)
			parts->weight |= ~SHORT_WEIGHT_MASK;
	}
	else
	{
		parts->negative = (header & FORM_MASK) == LONG_NEGATIVE;
		memcpy(&weight, data + HEADER_SIZE, sizeof(weight));
		parts->weight = weight;
		header_size += (int) sizeof(weight);
	}
	parts->digits = data + header_size;
	parts->count = (size - header_size) / (int) sizeof(int16);
	return true;
}

static inline int16
digit_at(const NumericParts *parts, int index)
{
	int16 digit;

	memcpy(&digit, parts->digits + index * sizeof(digit), sizeof(digit));
	return digit;
}

/*
 * Join the digits to an integer of 10^-scale units. shift is how many decimal
 * digits the last group's end is away from the scale's: below zero, digits
 * of the last group must be zeroes.
 */
static PfdwFit
join_digits(const NumericParts *parts, int scale, PmnUint128 *out)
{
	int shift = 4 * (parts->weight - parts->count + 1) + scale;
	PmnUint128 value = 0;

	/* The last group is not zero, so four digits can't all be dropped. */
	if (shift <= -4)
		return PFDW_FIT_FRACTION;
	if (4 * parts->weight + scale > PMN_DECIMAL_PRECISION_MAX)
		return PFDW_FIT_NUMBER;
	for (int i = 0; i < parts->count; i++)
	{
		uint64 factor = 10000;
		uint64 digit = (uint64) digit_at(parts, i);

		if (i == parts->count - 1 && shift < 0)
		{
			if (digit % power_of_ten[-shift] != 0)
				return PFDW_FIT_FRACTION;
			digit /= power_of_ten[-shift];
			factor = power_of_ten[4 + shift];
		}
		if (__builtin_mul_overflow(value, (PmnUint128) factor, &value) ||
			__builtin_add_overflow(value, (PmnUint128) digit, &value))
			return PFDW_FIT_NUMBER;
	}
	for (; shift > 0; shift -= Min(shift, 19))
	{
		if (__builtin_mul_overflow(
				value, (PmnUint128) power_of_ten[Min(shift, 19)], &value))
			return PFDW_FIT_NUMBER;
	}
	*out = value;
	return PFDW_FIT_OK;
}

/* 10^digits, digits being 38 at most. */
static PmnUint128
power_of_ten_128(int digits)
{
	if (digits <= 19)
		return power_of_ten[digits];
	return (PmnUint128) power_of_ten[19] * power_of_ten[digits - 19];
}

PfdwFit
pfdw_numeric_unscaled(Datum numeric, int precision, int scale, PmnInt128 *out)
{
	NumericParts parts;
	PmnUint128 value;
	PfdwFit fit;

	if (!take_apart(PG_DETOAST_DATUM_PACKED(numeric), &parts))
		return PFDW_FIT_NUMBER;
	if (parts.count == 0)
	{
		*out = 0;
		return PFDW_FIT_OK;
	}
	fit = join_digits(&parts, scale, &value);
	if (fit != PFDW_FIT_OK)
		return fit;
	if (value >= power_of_ten_128(precision))
		return PFDW_FIT_NUMBER;
	*out = parts.negative ? -(PmnInt128) value : (PmnInt128) value;
	return PFDW_FIT_OK;
}

/* Drop digits that must be zeroes; division by constants is quick. */
static inline bool
drop_zeroes(uint64 *value, int digits)
{
	uint64 rest;

	switch (digits)
	{
		case 1:
			rest = *value % 10;
			*value /= 10;
			break;
		case 2:
			rest = *value % 100;
			*value /= 100;
			break;
		default:
			rest = *value % 1000;
			*value /= 1000;
			break;
	}
	return rest == 0;
}

bool
pfdw_numeric_unscaled_i64(Datum numeric, int precision, int scale, int64 *out)
{
	const struct varlena *varlena =
		(const struct varlena *) DatumGetPointer(numeric);
	NumericParts parts;
	uint64 value = 0;
	int shift;

	if (VARATT_IS_EXTENDED(varlena) && !VARATT_IS_SHORT(varlena))
		return false;
	if (!take_apart(varlena, &parts))
		return false;
	shift = 4 * (parts.weight - parts.count + 1) + scale;
	/* Below 10^19, which 64 bits hold. */
	if (shift <= -4 || 4 * parts.count + Max(shift, 0) > 19)
		return false;
	for (int i = 0; i < parts.count; i++)
		value = value * 10000 + (uint64) digit_at(&parts, i);
	if (shift >= 0)
		value *= power_of_ten[shift];
	else if (!drop_zeroes(&value, -shift))
		return false;
	if (value >= power_of_ten[precision])
		return false;
	*out = parts.negative ? -(int64) value : (int64) value;
	return true;
}
