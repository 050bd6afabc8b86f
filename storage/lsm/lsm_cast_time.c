/*
 * lsm_cast_time.c
 *
 * Casts between dates, times, timestamps and seconds since 1970. Everything
 * passes through a PmnTimestamp: milliseconds and the nanoseconds within one.
 *
 * Java casts between TIMESTAMP_LTZ and the rest in the zone its process
 * happens to run in; here it is UTC, always. Digits behind the precision are
 * cut as Java cuts them: whole milliseconds towards 1970, what is finer
 * towards the past; and only when the precision shrinks, so that a TIME keeps
 * its milliseconds in a TIMESTAMP(0).
 *
 * A TIMESTAMP before 1970 that isn't at midnight becomes the DATE of the day
 * after: Paimon's releases divide towards zero, so that is what its readers
 * see. (Not so with TIMESTAMP_LTZ. For TIME, releases before 2.0 leave a
 * negative number, later ones bring it back into the day, as we do.)
 */
#include "lsm_cast_internal.h"

static int64_t
floor_div(int64_t value, int64_t divisor)
{
	int64_t quotient = value / divisor;

	return quotient - (value % divisor < 0);
}

/* Java multiplies without a check, and so wraps. */
static int64_t
seconds_to_millis(int64_t seconds)
{
	return (int64_t) ((uint64_t) seconds * 1000);
}

static PmnTimestamp
load_timestamp(const PmnCast *cast, const PmnVector *src, uint32_t row)
{
	PmnTimestamp time = {0, 0};
	int64_t value;

	if (src->kind == PMN_VECTOR_TS96)
		return ((const PmnTimestamp *) src->values)[row];
	value = src->kind == PMN_VECTOR_I32 ? ((const int32_t *) src->values)[row]
										: ((const int64_t *) src->values)[row];
	time.millis = value;
	if (cast->from->kind == PMN_TYPE_DATE)
		time.millis = value * PMN_MILLIS_PER_DAY;
	else if (cast->from->kind == PMN_TYPE_INT ||
			 cast->from->kind == PMN_TYPE_BIGINT)
		time.millis = seconds_to_millis(value);
	else if (cast->from->kind != PMN_TYPE_TIME && cast->from->precision > 3)
	{
		/* Not value - millis * 1000: that product may lie below INT64_MIN. */
		int32_t micros = (int32_t) (value % 1000);

		time.millis = floor_div(value, 1000);
		time.nano = (micros < 0 ? micros + 1000 : micros) * 1000;
	}
	return time;
}

/* Drop digits behind the precision. */
static PmnTimestamp
cut_timestamp(PmnTimestamp time, int32_t precision)
{
	int32_t unit = 1;

	for (int32_t i = precision; i < (precision <= 3 ? 3 : 9); i++)
		unit *= 10;
	if (precision <= 3)
	{
		time.millis -= time.millis % unit;
		time.nano = 0;
	}
	else
		time.nano -= time.nano % unit;
	return time;
}

bool
pmn_cast_store_timestamp(PmnVector *dst, uint32_t row, int32_t precision,
						 PmnTimestamp time)
{
	PmnInt128 micros = (PmnInt128) time.millis * 1000 + time.nano / 1000;

	if (time.nano < 0 || time.nano >= PMN_NANOS_PER_MILLI)
		return false;
	if (dst->kind == PMN_VECTOR_TS96)
	{
		((PmnTimestamp *) dst->values)[row] = time;
		return true;
	}
	if (precision <= 3)
		micros = time.millis;
	if (micros < INT64_MIN || micros > INT64_MAX)
		return false;
	((int64_t *) dst->values)[row] = (int64_t) micros;
	return true;
}

PmnCode
pmn_cast_to_timestamp(const PmnCast *cast, PmnEnv *env, const PmnVector *src,
					  uint32_t count, PmnVector *dst)
{
	int32_t precision = cast->to->precision;
	bool shrinks = (cast->from->kind == PMN_TYPE_TIMESTAMP ||
					cast->from->kind == PMN_TYPE_TIMESTAMP_LTZ) &&
				   cast->from->precision > precision;
	char name[128];

	for (uint32_t i = 0; i < count; i++)
	{
		PmnTimestamp time = {0, 0};

		if (!dst->nulls[i])
			time = load_timestamp(cast, src, i);
		if (shrinks)
			time = cut_timestamp(time, precision);
		if (!pmn_cast_store_timestamp(dst, i, precision, time))
			return pmn_fail(
				env, PMN_OUT_OF_RANGE,
				"timestamp of %" PRId64 " milliseconds is out of range of %s",
				time.millis, pmn_type_name(cast->to, name, sizeof(name)));
	}
	return PMN_OK;
}

void
pmn_cast_to_days(const PmnCast *cast, const PmnVector *src, uint32_t count,
				 PmnVector *dst)
{
	bool is_cut = cast->from->kind == PMN_TYPE_TIMESTAMP;
	int32_t *values = dst->values;

	for (uint32_t i = 0; i < count; i++)
	{
		int64_t millis = load_timestamp(cast, src, i).millis;
		int64_t days = is_cut ? millis / PMN_MILLIS_PER_DAY
							  : floor_div(millis, PMN_MILLIS_PER_DAY);

		values[i] = (int32_t) (uint64_t) days;
	}
}

void
pmn_cast_to_millis_of_day(const PmnCast *cast, const PmnVector *src,
						  uint32_t count, PmnVector *dst)
{
	for (uint32_t i = 0; i < count; i++)
	{
		int64_t millis =
			load_timestamp(cast, src, i).millis % PMN_MILLIS_PER_DAY;

		((int32_t *) dst->values)[i] =
			(int32_t) (millis < 0 ? millis + PMN_MILLIS_PER_DAY : millis);
	}
}

/* Towards 1970, then cut to the lower half for INT: as Java does. */
void
pmn_cast_to_epoch_seconds(const PmnCast *cast, const PmnVector *src,
						  uint32_t count, PmnVector *dst)
{
	for (uint32_t i = 0; i < count; i++)
	{
		int64_t seconds = load_timestamp(cast, src, i).millis / 1000;

		if (dst->kind == PMN_VECTOR_I32)
			((int32_t *) dst->values)[i] = (int32_t) (uint64_t) seconds;
		else
			((int64_t *) dst->values)[i] = seconds;
	}
}
