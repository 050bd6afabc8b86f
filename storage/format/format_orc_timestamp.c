/*
 * format_orc_timestamp.c
 *
 * Points in time and decimals, the two types made of two streams.
 *
 * A point in time is whole seconds since 2015-01-01 00:00:00 in the writer's
 * zone, and nanoseconds without their trailing zeros:
 *
 *   bits 0..2   0, or how many zeros were cut off, less 1
 *   bits 3..    the digits before them
 *
 * Java cut the seconds towards zero, so that a value before 1970 with a
 * fraction is one second too late; its reader takes that second off when the
 * result is negative and the fraction is a millisecond or more. We do exactly
 * the same, mistakes included: the last second before 1970 comes out after
 * it, in Paimon too.
 *
 * A TIMESTAMP is the wall clock of the writer's zone at that instant. A
 * TIMESTAMP WITH LOCAL TIME ZONE counts from 2015 in UTC and is the instant
 * itself, unless the table has Paimon's default of
 * orc.timestamp-ltz.legacy.type: then it, too, is the writer's wall clock.
 *
 * Nothing of this overflows silently: seconds reach beyond all years that
 * Paimon knows, and what does not fit the table's type is PMN_CORRUPT.
 */
#include "format_orc_column.h"

#define NANOS_MAX 999999999

static int64_t
floor_divide(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

/* -1 when it is none. */
static int64_t
parse_nanos(int64_t serialized)
{
	static const int32_t powers[] = {1,		 100,	  1000,		10000,
									 100000, 1000000, 10000000, 100000000};
	uint64_t digits = (uint64_t) serialized >> 3;
	uint64_t nanos;

	if (digits > NANOS_MAX)
		return -1;
	nanos = digits * (uint64_t) powers[serialized & 7];
	return nanos > NANOS_MAX ? -1 : (int64_t) nanos;
}

/* Java's rule; false when it does not fit into 64 bits. */
static bool
to_millis(int64_t seconds, int64_t nanos, int64_t base, int64_t *out)
{
	if (__builtin_add_overflow(seconds, base, &seconds) ||
		__builtin_mul_overflow(seconds, 1000, out) ||
		__builtin_add_overflow(*out, nanos / 1000000, out))
		return false;
	return *out >= 0 || nanos < 1000000 ||
		   !__builtin_sub_overflow(*out, 1000, out);
}

static bool
store_time(const OrcColumn *column, uint32_t at, int64_t millis, int32_t nano)
{
	int64_t *longs = column->values;

	if (column->kind == PMN_VECTOR_TS96)
	{
		((PmnTimestamp *) column->values)[at].millis = millis;
		((PmnTimestamp *) column->values)[at].nano = nano;
		return true;
	}
	longs[at] = millis;
	return column->type.precision <= 3 ||
		   (!__builtin_mul_overflow(millis, 1000, &longs[at]) &&
			!__builtin_add_overflow(longs[at], nano / 1000, &longs[at]));
}

PmnCode
orc_timestamps_read(OrcContext *context, OrcColumn *column, uint32_t count)
{
	const int64_t *seconds = context->longs[0];
	const int64_t *serialized = context->longs[1];
	bool is_local = column->file_kind == ORC_TIMESTAMP;
	bool is_shifted = (is_local || context->instants == ORC_INSTANTS_SHIFTED) &&
					  !orc_zone_is_utc(context->zone);
	int64_t base = is_local ? context->base_seconds : ORC_BASE_SECONDS;
	bool is_fine = true;

	PMN_TRY(orc_ints_read(&column->data, context->longs[0], count));
	PMN_TRY(orc_ints_read(&column->second, context->longs[1], count));
	for (uint32_t i = 0; i < count; i++)
	{
		int64_t nanos = parse_nanos(serialized[i]);
		int64_t millis = 0;

		is_fine &= nanos >= 0 && to_millis(seconds[i], nanos, base, &millis);
		if (is_shifted && is_fine)
			is_fine = !__builtin_add_overflow(
				millis,
				1000 * (int64_t) orc_zone_offset(context->zone,
												 floor_divide(millis, 1000)),
				&millis);
		is_fine &= store_time(column, i, millis, (int32_t) (nanos % 1000000));
	}
	return is_fine ? PMN_OK
				   : orc_column_fail(context->env, column,
									 "a point in time is out of range");
}

PmnCode
orc_nanos_read(OrcContext *context, OrcColumn *column, uint32_t count)
{
	const int64_t *longs = context->longs[0];
	bool is_fine = true;

	PMN_TRY(orc_ints_read(&column->data, context->longs[0], count));
	for (uint32_t i = 0; i < count; i++)
	{
		int32_t nano = (int32_t) (longs[i] % 1000000);

		is_fine &= store_time(column, i, floor_divide(longs[i], 1000000),
							  nano < 0 ? nano + 1000000 : nano);
	}
	return is_fine ? PMN_OK
				   : orc_column_fail(context->env, column,
									 "a point in time is out of range");
}

/* ---- decimals ------------------------------------------------------------------- */

/* At most 19 bytes, 7 bits each, the lowest first, zigzag. */
static PmnCode
read_wide(OrcContext *context, OrcColumn *column, PmnInt128 *out)
{
	OrcStream *stream = &column->streams[ORC_STREAM_DATA];
	PmnUint128 value = 0;
	uint8_t byte;

	for (uint32_t shift = 0; shift < 128; shift += 7)
	{
		PMN_TRY(orc_stream_byte(stream, &byte));
		/* Two bits are left for the 19th byte. */
		if (shift == 126 && byte > 3)
			break;
		value |= (PmnUint128) (byte & 0x7f) << shift;
		if (byte >= 0x80)
			continue;
		*out = (PmnInt128) (value >> 1) ^ -(PmnInt128) (value & 1);
		return PMN_OK;
	}
	return orc_column_fail(context->env, column, "a decimal is out of range");
}

static PmnUint128
power_of_ten(int32_t exponent)
{
	PmnUint128 power = 1;

	while (exponent-- > 0)
		power *= 10;
	return power;
}

/*
 * From the value's scale to the column's; digits too many are rounded half
 * up, as Paimon does. false when the result does not fit.
 */
static bool
rescale(PmnInt128 value, int64_t from, int32_t to, PmnUint128 limit,
		PmnInt128 *out)
{
	bool is_negative = value < 0;
	PmnUint128 digits =
		is_negative ? 0 - (PmnUint128) value : (PmnUint128) value;

	if (from < 0 || from > PMN_DECIMAL_PRECISION_MAX)
		return false;
	if (from < to && __builtin_mul_overflow(
						 digits, power_of_ten(to - (int32_t) from), &digits))
		return false;
	if (from > to)
	{
		PmnUint128 divisor = power_of_ten((int32_t) from - to);
		PmnUint128 rest = digits % divisor;

		digits = digits / divisor + (rest >= divisor - rest);
	}
	*out = is_negative ? (PmnInt128) (0 - digits) : (PmnInt128) digits;
	return digits < limit;
}

PmnCode
orc_decimals_read(OrcContext *context, OrcColumn *column, uint32_t count)
{
	const int64_t *scales = context->longs[0];
	PmnUint128 limit = power_of_ten(column->type.precision);
	bool is_fine = true;

	PMN_ASSERT(column->type.precision <= PMN_DECIMAL_PRECISION_MAX);
	PMN_TRY(orc_ints_read(&column->second, context->longs[0], count));
	for (uint32_t i = 0; i < count; i++)
	{
		PmnInt128 value = 0;

		PMN_TRY(read_wide(context, column, &value));
		is_fine &= rescale(value, scales[i], column->type.scale, limit, &value);
		if (column->kind == PMN_VECTOR_DEC128)
			((PmnInt128 *) column->values)[i] = value;
		else
			((int64_t *) column->values)[i] = (int64_t) value;
	}
	return is_fine ? PMN_OK
				   : orc_column_fail(context->env, column,
									 "a decimal is out of range");
}
