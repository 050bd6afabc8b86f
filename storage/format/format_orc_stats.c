/*
 * format_orc_stats.c
 *
 * Statistics of a column in a stripe or row group, as pruning wants them
 * (type_stats.h). Bounds are used only where they bound exactly the values
 * that reading would give out:
 *
 *   - the file's type is the column's: no casts in between
 *   - strings are compared by their bytes; those that were cut come as lower
 *     and upper bounds. CHAR is padded in the file and trimmed by us: no
 *   - doubles: Java loses a minimum when it merges groups with NaNs, but its
 *     sum tells whether there were any. Zeros have both signs
 *   - days before the Gregorian calendar are shifted by some writers: no
 *   - TIMESTAMP: only if the writer's zone is UTC and all values are after
 *     1970, before which Java changes what it reads. Statistics lack
 *     nanoseconds, so the maximum is the millisecond's last one
 *
 * Counts that contradict each other, or numbers outside of the type, are
 * taken for not known.
 */
#include <math.h>

#include "../type/type_compare.h"
#include "format_orc_prune.h"

#define GREGORIAN_FIRST_DAY (-141427)
#define NANOS_LAST 999999

/* Bounds of any kind: which of them were there. */
typedef struct Bounds
{
	PmnValue min;
	PmnValue max;
	double sum;
	bool has_min;
	bool has_max;
	bool has_sum;
} Bounds;

static double
double_of(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* ---- kinds of bounds --------------------------------------------------------- */

static bool
read_ints(PmnBytes bytes, uint32_t min_field, uint32_t max_field, Bounds *out)
{
	OrcMessage message = orc_message_open(bytes);
	OrcMessageField field;

	while (orc_message_next(&message, &field))
	{
		if (field.number == min_field && !field.is_bytes)
		{
			out->min.as.i64 = orc_unzigzag(field.value);
			out->has_min = true;
		}
		else if (field.number == max_field && !field.is_bytes)
		{
			out->max.as.i64 = orc_unzigzag(field.value);
			out->has_max = true;
		}
	}
	return !message.is_broken;
}

static bool
read_doubles(PmnBytes bytes, bool is_float, Bounds *out)
{
	OrcMessage message = orc_message_open(bytes);
	OrcMessageField field;
	double min = 0;
	double max = 0;

	while (orc_message_next(&message, &field))
	{
		double value = double_of(field.value);

		out->has_min |= field.number == 1;
		out->has_max |= field.number == 2;
		out->has_sum |= field.number == 3;
		if (field.number == 1)
			min = value;
		else if (field.number == 2)
			max = value;
		else if (field.number == 3)
			out->sum = value;
	}
	/* The sum of infinities may be no number, too: no matter. */
	if (message.is_broken || !out->has_sum || isnan(out->sum) || isnan(min) ||
		isnan(max))
		return false;
	if (is_float &&
		((double) (float) min != min || (double) (float) max != max))
		return false;
	out->min.as.f64 = min == 0 ? -0.0 : min;
	out->max.as.f64 = max == 0 ? 0.0 : max;
	return true;
}

static bool
read_strings(PmnBytes bytes, Bounds *out)
{
	OrcMessage message = orc_message_open(bytes);
	OrcMessageField field;
	bool is_min_whole = false;
	bool is_max_whole = false;

	while (orc_message_next(&message, &field))
	{
		if (!field.is_bytes)
			continue;
		if (field.number == 1 || (field.number == 4 && !is_min_whole))
		{
			is_min_whole = field.number == 1;
			out->min.as.bytes = field.bytes;
			out->has_min = true;
		}
		else if (field.number == 2 || (field.number == 5 && !is_max_whole))
		{
			is_max_whole = field.number == 2;
			out->max.as.bytes = field.bytes;
			out->has_max = true;
		}
	}
	return !message.is_broken;
}

/* How many are true. */
static bool
read_buckets(PmnBytes bytes, uint64_t values, Bounds *out)
{
	OrcMessage message = orc_message_open(bytes);
	OrcMessageField field;
	uint64_t trues = 0;
	uint32_t count = 0;

	while (orc_message_next(&message, &field))
	{
		OrcMessage packed = orc_message_open(field.bytes);

		if (field.number != 1)
			continue;
		trues = field.value;
		if (field.is_bytes && !orc_message_varint(&packed, &trues))
			return false;
		count += 1 + (field.is_bytes && packed.next != packed.end);
	}
	if (message.is_broken || count != 1 || trues > values)
		return false;
	out->min.as.i64 = trues == values && values > 0;
	out->max.as.i64 = trues > 0;
	out->has_min = true;
	out->has_max = true;
	return true;
}

/* Plain digits at a scale that the column's holds exactly. */
static bool
parse_decimal(PmnBytes text, const PmnType *type, PmnInt128 *out)
{
	bool is_negative = text.size > 0 && text.data[0] == '-';
	int32_t digits = 0;
	int32_t scale = -1;
	PmnInt128 value = 0;

	for (uint32_t i = is_negative; i < text.size; i++)
	{
		uint8_t c = text.data[i];

		if (c == '.' && scale < 0)
		{
			scale = 0;
			continue;
		}
		if (c < '0' || c > '9' || digits == PMN_DECIMAL_PRECISION_MAX)
			return false;
		value = value * 10 + (c - '0');
		digits += value != 0;
		scale += scale >= 0;
	}
	if (scale < 0)
		scale = 0;
	if (text.size <= (uint32_t) is_negative || scale > type->scale)
		return false;
	for (; scale < type->scale; scale++)
	{
		if (value != 0 && digits++ == PMN_DECIMAL_PRECISION_MAX)
			return false;
		value *= 10;
	}
	*out = is_negative ? -value : value;
	return digits <= type->precision;
}

static bool
read_decimals(PmnBytes bytes, const PmnType *type, Bounds *out)
{
	OrcMessage message = orc_message_open(bytes);
	bool is_wide = pmn_type_vector_kind(type) == PMN_VECTOR_DEC128;
	OrcMessageField field;

	while (orc_message_next(&message, &field))
	{
		PmnValue *target = field.number == 1 ? &out->min : &out->max;
		PmnInt128 value;

		if (field.number != 1 && field.number != 2)
			continue;
		if (!parse_decimal(field.bytes, type, &value))
			return false;
		if (is_wide)
			target->as.dec128 = value;
		else
			target->as.i64 = (int64_t) value;
		out->has_min |= field.number == 1;
		out->has_max |= field.number == 2;
	}
	return !message.is_broken;
}

/* Milliseconds in UTC become values of the column. */
static bool
read_timestamps(PmnBytes bytes, const PmnType *type, Bounds *out)
{
	int64_t min;
	int64_t max;

	if (!read_ints(bytes, 3, 4, out) || !out->has_min || !out->has_max)
		return false;
	min = out->min.as.i64;
	max = out->max.as.i64;
	if (min < 0 || max > INT64_MAX / 2000)
		return false;
	if (pmn_type_vector_kind(type) == PMN_VECTOR_TS96)
	{
		out->min.as.ts96 = (PmnTimestamp){min, 0};
		out->max.as.ts96 = (PmnTimestamp){max, NANOS_LAST};
	}
	else if (type->precision > 3)
	{
		out->min.as.i64 = min * 1000;
		out->max.as.i64 = max * 1000 + NANOS_LAST / 1000;
	}
	return true;
}

static bool
in_range(const Bounds *bounds, int64_t min, int64_t max)
{
	return bounds->min.as.i64 >= min && bounds->max.as.i64 <= max;
}

/* ---- columns ------------------------------------------------------------------ */

/* Whether field holds bounds of the column's values: read them. */
static bool
read_bounds(const OrcColumn *column, const OrcType *found,
			const OrcMessageField *field, uint64_t values, bool is_utc,
			Bounds *out)
{
	const PmnType *type = &column->type;
	PmnBytes bytes = field->bytes;

	switch ((int) type->kind)
	{
		case PMN_TYPE_BOOLEAN:
			return field->number == 5 && read_buckets(bytes, values, out);
		case PMN_TYPE_TINYINT:
			return field->number == 2 && found->kind == ORC_BYTE &&
				   read_ints(bytes, 1, 2, out) &&
				   in_range(out, INT8_MIN, INT8_MAX);
		case PMN_TYPE_SMALLINT:
			return field->number == 2 && found->kind == ORC_SHORT &&
				   read_ints(bytes, 1, 2, out) &&
				   in_range(out, INT16_MIN, INT16_MAX);
		case PMN_TYPE_INT:
		case PMN_TYPE_TIME:
			return field->number == 2 && found->kind == ORC_INT &&
				   read_ints(bytes, 1, 2, out) &&
				   in_range(out, INT32_MIN, INT32_MAX);
		case PMN_TYPE_BIGINT:
			return field->number == 2 && found->kind == ORC_LONG &&
				   read_ints(bytes, 1, 2, out);
		case PMN_TYPE_FLOAT:
			return field->number == 3 && found->kind == ORC_FLOAT &&
				   read_doubles(bytes, true, out);
		case PMN_TYPE_DOUBLE:
			return field->number == 3 && found->kind == ORC_DOUBLE &&
				   read_doubles(bytes, false, out);
		case PMN_TYPE_VARCHAR:
			return field->number == 4 &&
				   (found->kind == ORC_STRING || found->kind == ORC_VARCHAR) &&
				   read_strings(bytes, out);
		case PMN_TYPE_DECIMAL:
			return field->number == 6 &&
				   found->precision == (uint32_t) type->precision &&
				   found->scale == (uint32_t) type->scale &&
				   read_decimals(bytes, type, out);
		case PMN_TYPE_DATE:
			return field->number == 7 && read_ints(bytes, 1, 2, out) &&
				   in_range(out, GREGORIAN_FIRST_DAY, INT32_MAX);
		case PMN_TYPE_TIMESTAMP:
			return field->number == 9 && found->kind == ORC_TIMESTAMP &&
				   is_utc && read_timestamps(bytes, type, out);
		default:
			return false;
	}
}

/* -1 when the counts say nothing, or different things. */
static int64_t
count_nulls(bool has_values, uint64_t values, int has_null, uint64_t rows)
{
	if (!has_values || values > rows || has_null < 0 ||
		(has_null == 0) != (values == rows))
		return -1;
	return (int64_t) (rows - values);
}

bool
orc_column_stats(const OrcColumn *column, const OrcType *found, PmnBytes bytes,
				 uint64_t rows, bool is_utc, PmnColumnStats *out)
{
	OrcMessage message = orc_message_open(bytes);
	OrcMessageField bounds_field = {0};
	Bounds bounds = {0};
	OrcMessageField field;
	uint64_t values = 0;
	bool has_values = false;
	int has_null = -1;
	bool is_bound;

	while (orc_message_next(&message, &field))
	{
		if (field.number == 1 && !field.is_bytes)
		{
			values = field.value;
			has_values = true;
		}
		else if (field.number == 10 && !field.is_bytes)
			has_null = field.value != 0;
		else if (field.number >= 2 && field.number <= 9 && field.is_bytes)
			bounds_field = field;
	}
	if (message.is_broken)
		return false;
	out->null_count = count_nulls(has_values, values, has_null, rows);
	is_bound =
		out->null_count >= 0 && values > 0 &&
		read_bounds(column, found, &bounds_field, values, is_utc, &bounds) &&
		bounds.has_min && bounds.has_max &&
		pmn_value_compare(&column->type, &bounds.min, &bounds.max) <= 0;
	out->min = bounds.min;
	out->max = bounds.max;
	out->min.is_null = !is_bound;
	out->max.is_null = !is_bound;
	return out->null_count >= 0;
}
