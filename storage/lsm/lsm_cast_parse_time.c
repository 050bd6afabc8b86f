/*
 * lsm_cast_parse_time.c
 *
 * Text to dates, times and timestamps. Paimon has three unrelated parsers
 * for them, each with habits of its own that decide what an old file says
 * today, so all three are followed to the letter:
 *
 *   DATE       year, year-month or year-month-day, blanks around each; what
 *              stands behind a blank is ignored
 *   TIME       hour[:minute[:second[.fraction]]], then an offset [+-]h[:m]
 *              that is added as it stands; the fraction is rounded to
 *              milliseconds
 *   TIMESTAMP  the pattern below, in which month, day and each part of the
 *              time may be missing; 24:00 is the next day's start, and day 31
 *              of a shorter month is its last
 *
 * Text that is all digits (with a minus perhaps) is a number of days,
 * milliseconds, or units of the precision; not so for TIMESTAMP_LTZ. Its
 * other texts are meant in UTC here, in Java in the process's zone.
 */
#include "lsm_cast_internal.h"

#define YEAR_MAX 999999999

static bool
is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

bool
pmn_parse_is_number(PmnBytes text)
{
	uint32_t i = text.size > 0 && text.data[0] == '-';

	if (text.size == i)
		return false;
	for (; i < text.size; i++)
	{
		if (!is_digit(text.data[i]))
			return false;
	}
	return true;
}

static bool
is_leap(int64_t year)
{
	return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
}

static int64_t
days_of_month(int64_t year, int64_t month)
{
	if (month == 2)
		return is_leap(year) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Days since 1970-01-01; the year begins in March, so that the leap day is
 * its last. year >= 0. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year + 399 : year + 400;
	int64_t m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 -
		   719468 - 146097;
}

/* ---- dates and times --------------------------------------------------- */

/* Where byte stands first in [from, end), or -1. */
static int64_t
find(PmnBytes text, int64_t from, char byte)
{
	for (int64_t i = from; i < (int64_t) text.size; i++)
	{
		if (text.data[i] == (uint8_t) byte)
			return i;
	}
	return -1;
}

/* Digits with blanks around them, up to the greatest int. */
static bool
parse_part(PmnBytes text, int64_t start, int64_t end, int64_t *out)
{
	int64_t value = 0;

	while (start < end && text.data[start] <= ' ')
		start++;
	while (start < end && text.data[end - 1] <= ' ')
		end--;
	if (start >= end)
		return false;
	for (; start < end; start++)
	{
		if (!is_digit(text.data[start]))
			return false;
		value = value * 10 + (text.data[start] - '0');
		if (value > INT32_MAX)
			return false;
	}
	*out = value;
	return true;
}

bool
pmn_parse_date(PmnBytes text, int32_t *days)
{
	int64_t year = 0;
	int64_t month = 1;
	int64_t day = 1;
	int64_t blank = find(text, 0, ' ');
	int64_t first;
	int64_t second;

	if (pmn_parse_is_number(text))
	{
		bool fits = pmn_parse_integer(text, INT32_MIN, INT32_MAX, &year);

		*days = (int32_t) year;
		return fits;
	}
	if (blank > 0)
		text.size = (uint32_t) blank;
	first = find(text, 0, '-');
	second = first < 0 ? -1 : find(text, first + 1, '-');
	if (!parse_part(text, 0, first < 0 ? text.size : first, &year) ||
		(first >= 0 && !parse_part(text, first + 1,
								   second < 0 ? text.size : second, &month)) ||
		(second >= 0 && !parse_part(text, second + 1, text.size, &day)))
		return false;
	if (year > 9999 || month < 1 || month > 12 || day < 1 ||
		day > days_of_month(year, month))
		return false;
	*days = (int32_t) days_of(year, month, day);
	return true;
}

/* ".1235" is 124: the fourth digit rounds. Other bytes count as zeros. */
static int64_t
parse_fraction(PmnBytes text, int64_t start, int64_t end)
{
	int64_t millis = 0;
	int64_t unit = 100;

	while (start < end && text.data[start] <= ' ')
		start++;
	while (start < end && text.data[end - 1] <= ' ')
		end--;
	for (; start < end && unit > 0; start++, unit /= 10)
	{
		if (is_digit(text.data[start]))
			millis += unit * (text.data[start] - '0');
	}
	return millis + (unit == 0 && start < end && text.data[start] >= '5');
}

/* The offset behind the time, with its sign; *end is where the time ends. */
static bool
parse_offset(PmnBytes text, int64_t *end, int64_t *hours, int64_t *minutes)
{
	int64_t sign = -1;
	int64_t at = find(text, 0, '-');
	int64_t colon;

	*hours = 0;
	*minutes = 0;
	*end = text.size;
	if (at < 0)
	{
		at = find(text, 0, '+');
		sign = 1;
	}
	if (at < 0)
		return true;
	*end = at;
	colon = find(text, at, ':');
	if (!parse_part(text, at + 1, colon < 0 ? text.size : colon, hours) ||
		(colon >= 0 && !parse_part(text, colon + 1, text.size, minutes)))
		return false;
	*hours *= sign;
	*minutes *= sign;
	return true;
}

bool
pmn_parse_time(PmnBytes text, int32_t *millis)
{
	int64_t hour = 0;
	int64_t minute = 0;
	int64_t second = 0;
	int64_t value = 0;
	int64_t offset_hours;
	int64_t offset_minutes;
	int64_t end;
	int64_t first = find(text, 0, ':');
	int64_t next = first < 0 ? -1 : find(text, first + 1, ':');
	int64_t dot = next < 0 ? -1 : find(text, next, '.');

	if (pmn_parse_is_number(text))
	{
		/* Java lets any number through; more than a day is no time. */
		bool fits = pmn_parse_integer(text, 0, PMN_MILLIS_PER_DAY - 1, &value);

		*millis = (int32_t) value;
		return fits;
	}
	/* A colon or dot of the offset makes a part that is no number. */
	if (!parse_offset(text, &end, &offset_hours, &offset_minutes) ||
		!parse_part(text, 0, first < 0 ? end : first, &hour) ||
		(first >= 0 &&
		 !parse_part(text, first + 1, next < 0 ? end : next, &minute)) ||
		(next >= 0 &&
		 !parse_part(text, next + 1, dot < 0 ? end : dot, &second)))
		return false;
	value = (hour + offset_hours) * 3600000 +
			(minute + offset_minutes) * 60000 + second * 1000 +
			(dot < 0 ? 0 : parse_fraction(text, dot + 1, end));
	/* Java's ints wrap. */
	*millis = (int32_t) (uint64_t) value;
	return *millis >= 0 && *millis < PMN_MILLIS_PER_DAY;
}

/* ---- timestamps -------------------------------------------------------- */

typedef enum StampField
{
	STAMP_YEAR,
	STAMP_MONTH,
	STAMP_DAY,
	STAMP_HOUR,
	STAMP_MINUTE,
	STAMP_SECOND,
	STAMP_NANO,
	STAMP_FIELDS
} StampField;

/* The text, where we are in it, and the fields that were in it. */
typedef struct Stamp
{
	PmnBytes text;
	uint32_t at;
	bool has[STAMP_FIELDS];
	int64_t fields[STAMP_FIELDS];
} Stamp;

/* A field may come twice, with the same value. */
static bool
set_field(Stamp *stamp, StampField field, int64_t value)
{
	if (stamp->has[field] && stamp->fields[field] != value)
		return false;
	stamp->has[field] = true;
	stamp->fields[field] = value;
	return true;
}

static bool
take(Stamp *stamp, char byte)
{
	if (stamp->at >= stamp->text.size ||
		stamp->text.data[stamp->at] != (uint8_t) byte)
		return false;
	stamp->at++;
	return true;
}

/* Up to 18 digits, or 19 that fit; their number. */
static uint32_t
take_digits(Stamp *stamp, uint32_t digits_max, int64_t *value)
{
	uint32_t start = stamp->at;

	*value = 0;
	while (stamp->at < stamp->text.size && stamp->at - start < digits_max &&
		   is_digit(stamp->text.data[stamp->at]))
	{
		int64_t digit = stamp->text.data[stamp->at] - '0';
		int64_t more;

		if (__builtin_mul_overflow(*value, INT64_C(10), &more) ||
			__builtin_add_overflow(more, digit, &more))
			break;
		*value = more;
		stamp->at++;
	}
	return stamp->at - start;
}

/*
 * yyyy: four digits, or more behind a plus. A minus is refused here: no year
 * before 1 comes out of it in the end.
 */
static bool
take_year(Stamp *stamp)
{
	bool has_plus = take(stamp, '+');
	int64_t year;
	uint32_t digits = take_digits(stamp, 19, &year);

	return (has_plus ? digits > 4 : digits == 4) &&
		   set_field(stamp, STAMP_YEAR, year);
}

/*
 * [xx][x]: two digits if there are two; then any number, which after two
 * digits must be the same again. Its minus is taken, wherever a date has
 * none and a hyphen stands, as in "2024--5"; no such number is good later.
 * None of both is fine.
 */
static void
take_field(Stamp *stamp, StampField field)
{
	Stamp before = *stamp;
	bool is_negative;
	int64_t value;

	if (take_digits(stamp, 2, &value) != 2 || !set_field(stamp, field, value))
		*stamp = before;
	before = *stamp;
	is_negative = take(stamp, '-');
	if (take_digits(stamp, 19, &value) == 0 || (is_negative && value == 0) ||
		!set_field(stamp, field, is_negative ? -value : value))
		*stamp = before;
}

/* A point and up to nine digits, or nothing. */
static bool
take_fraction(Stamp *stamp)
{
	int64_t nanos;
	uint32_t digits;

	if (!take(stamp, '.'))
		return true;
	digits = take_digits(stamp, 9, &nanos);
	for (; digits < 9; digits++)
		nanos *= 10;
	return set_field(stamp, STAMP_NANO, nanos);
}

/* ":ss.nnn" */
static bool
take_seconds(Stamp *stamp)
{
	if (!take(stamp, ':'))
		return false;
	take_field(stamp, STAMP_SECOND);
	return take_fraction(stamp);
}

/* " HH:mm:ss.nnn", or behind 'T' with or without the seconds. */
static bool
take_clock(Stamp *stamp, char lead)
{
	Stamp before;

	if (!take(stamp, lead))
		return false;
	take_field(stamp, STAMP_HOUR);
	if (!take(stamp, ':'))
		return false;
	take_field(stamp, STAMP_MINUTE);
	if (lead == ' ')
		return take_seconds(stamp);
	before = *stamp;
	if (!take_seconds(stamp))
		*stamp = before;
	return true;
}

/* yyyy-[MM][M]-[dd][d], [ HH:mm:ss.n], ['T'HH:mm[:ss.n]]. */
static bool
scan_stamp(Stamp *stamp)
{
	Stamp before;

	if (!take_year(stamp) || !take(stamp, '-'))
		return false;
	take_field(stamp, STAMP_MONTH);
	if (!take(stamp, '-'))
		return false;
	take_field(stamp, STAMP_DAY);
	before = *stamp;
	if (!take_clock(stamp, ' '))
		*stamp = before;
	before = *stamp;
	if (!take_clock(stamp, 'T'))
		*stamp = before;
	return stamp->at == stamp->text.size;
}

/* Missing fields become the least, and the rest is checked; *next_day is set
 * for 24:00, which needs an hour that nothing behind makes a gap. */
static bool
complete_stamp(Stamp *stamp, bool *next_day)
{
	static const int64_t min[STAMP_FIELDS] = {1, 1, 1, 0, 0, 0, 0};
	static const int64_t max[STAMP_FIELDS] = {YEAR_MAX, 12, 31,		  23,
											  59,		59, 999999999};
	bool *has = stamp->has;
	int64_t *fields = stamp->fields;
	bool has_date = has[STAMP_MONTH] && has[STAMP_DAY];
	bool has_gap =
		(!has[STAMP_MINUTE] && (has[STAMP_SECOND] || has[STAMP_NANO])) ||
		(has[STAMP_MINUTE] && !has[STAMP_SECOND] && has[STAMP_NANO]);

	*next_day = false;
	if (fields[STAMP_HOUR] == 24 && !has_gap && fields[STAMP_MINUTE] == 0 &&
		fields[STAMP_SECOND] == 0 && fields[STAMP_NANO] == 0)
	{
		fields[STAMP_HOUR] = 0;
		/* Without a whole date Java forgets about the day. */
		*next_day = has_date;
	}
	for (int i = 0; i < STAMP_FIELDS; i++)
	{
		if (!has[i])
			fields[i] = min[i];
		else if (fields[i] < min[i] || fields[i] > max[i])
			return false;
	}
	if (fields[STAMP_DAY] >
		days_of_month(fields[STAMP_YEAR], fields[STAMP_MONTH]))
		fields[STAMP_DAY] =
			days_of_month(fields[STAMP_YEAR], fields[STAMP_MONTH]);
	return true;
}

static bool
parse_stamp(PmnBytes text, int32_t precision, PmnTimestamp *out)
{
	Stamp stamp = {.text = text};
	const int64_t *fields = stamp.fields;
	int64_t unit = 1;
	int64_t nanos;
	bool next_day;

	if (!scan_stamp(&stamp) || !complete_stamp(&stamp, &next_day))
		return false;
	for (int32_t i = precision; i < 9; i++)
		unit *= 10;
	nanos = fields[STAMP_NANO] - fields[STAMP_NANO] % unit;
	out->nano = (int32_t) (nanos % PMN_NANOS_PER_MILLI);
	/* Java wraps for years beyond 292 million; we have no use for those. */
	return !__builtin_mul_overflow(days_of(fields[STAMP_YEAR],
										   fields[STAMP_MONTH],
										   fields[STAMP_DAY]) +
									   next_day,
								   PMN_MILLIS_PER_DAY, &out->millis) &&
		   !__builtin_add_overflow(out->millis,
								   (fields[STAMP_HOUR] * 3600 +
									fields[STAMP_MINUTE] * 60 +
									fields[STAMP_SECOND]) *
										   1000 +
									   nanos / PMN_NANOS_PER_MILLI,
								   &out->millis);
}

/* A number counts seconds, or parts of them: 0, 3, 6 or 9 digits. */
static bool
stamp_of_number(PmnBytes text, int32_t precision, PmnTimestamp *out)
{
	int64_t per_milli = precision == 9 ? 1000000 : 1000;
	int64_t value;

	if (!pmn_parse_integer(text, INT64_MIN, INT64_MAX, &value))
		return false;
	out->nano = 0;
	if (precision == 0)
		out->millis = (int64_t) ((uint64_t) value * 1000); /* Java wraps */
	else if (precision == 3)
		out->millis = value;
	else
	{
		out->millis = value / per_milli - (value % per_milli < 0);
		out->nano = (int32_t) ((value % per_milli + per_milli) % per_milli *
							   (PMN_NANOS_PER_MILLI / per_milli));
	}
	return precision % 3 == 0;
}

bool
pmn_parse_timestamp(PmnBytes text, const PmnType *type, PmnTimestamp *out)
{
	if (type->kind == PMN_TYPE_TIMESTAMP && pmn_parse_is_number(text))
		return stamp_of_number(text, type->precision, out);
	return parse_stamp(text, type->precision, out);
}
