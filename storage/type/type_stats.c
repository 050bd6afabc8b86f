/*
 * type_stats.c
 *
 * Minimum, maximum and null count of a column, collected while a file is
 * written, and cut to what the table's mode wants (format/metadata.md 5.5).
 *
 * Collecting is one switch per call and a tight loop behind it. Bytes are
 * compared in place; only the winners of a call are copied, so a batch costs
 * at most two copies. Floats run through integers of the same order: NaN is
 * the greatest value and -0.0 lies below 0.0.
 *
 * Invariant: min <= every value <= max, before and after pmn_stats_convert.
 * A maximum that is cut is therefore counted up; when that is impossible
 * both bounds go.
 */
#include <strings.h>

#include "type_compare.h"
#include "type_order.h"
#include "type_stats.h"

static PmnCode keep_bytes(PmnBuffer *dst, PmnBytes bytes, PmnValue *out);
static uint32_t prefix_size(PmnBytes bytes, uint32_t limit, bool is_text);
static bool increment(uint8_t *data, uint32_t *size, bool is_text);

PmnCode
pmn_stats_mode_parse(PmnEnv *env, const char *text, PmnStatsMode *out)
{
	static const char *const names[] = {
		[PMN_STATS_NONE] = "none",
		[PMN_STATS_COUNTS] = "counts",
		[PMN_STATS_FULL] = "full",
	};
	const char *c = text + 9;
	int64_t length = 0;

	out->length = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		out->kind = (PmnStatsModeKind) i;
		if (names[i] != NULL && strcasecmp(text, names[i]) == 0)
			return PMN_OK;
	}
	if (strncasecmp(text, "truncate(", 9) == 0)
	{
		for (; *c >= '0' && *c <= '9' && length <= INT32_MAX; c++)
			length = length * 10 + (*c - '0');
		out->kind = PMN_STATS_TRUNCATE;
		out->length = (int32_t) length;
		if (length >= 1 && length <= INT32_MAX && strcmp(c, ")") == 0)
			return PMN_OK;
	}
	return pmn_fail(env, PMN_INVALID,
					"\"%.100s\" is not a statistics mode: expected none, "
					"counts, truncate(n) or full",
					text);
}

void
pmn_stats_collector_init(PmnStatsCollector *collector, PmnEnv *env,
						 const PmnType *type)
{
	memset(collector, 0, sizeof(*collector));
	collector->env = env;
	collector->type = type;
	pmn_buffer_init(&collector->min_bytes, env);
	pmn_buffer_init(&collector->max_bytes, env);
	pmn_stats_collector_reset(collector);
}

void
pmn_stats_collector_free(PmnStatsCollector *collector)
{
	pmn_buffer_free(&collector->min_bytes);
	pmn_buffer_free(&collector->max_bytes);
}

void
pmn_stats_collector_reset(PmnStatsCollector *collector)
{
	memset(&collector->stats, 0, sizeof(collector->stats));
	collector->stats.min.is_null = true;
	collector->stats.max.is_null = true;
	pmn_buffer_reset(&collector->min_bytes);
	pmn_buffer_reset(&collector->max_bytes);
}

/*
 * Fold the rows of a call into least and greatest, in the order's integer
 * type. The dense loop has no branch and vectorises; found counts rows that
 * are not null.
 */
#define FOLD(type, order)                                                      \
	do                                                                         \
	{                                                                          \
		const type *values = vector->values;                                   \
		if (rows == NULL && nulls == NULL)                                     \
		{                                                                      \
			for (uint32_t i = 0; i < count; i++)                               \
			{                                                                  \
				least = order(values[i]) < least ? order(values[i]) : least;   \
				greatest =                                                     \
					order(values[i]) > greatest ? order(values[i]) : greatest; \
			}                                                                  \
			found = count;                                                     \
			break;                                                             \
		}                                                                      \
		for (uint32_t i = 0; i < count; i++)                                   \
		{                                                                      \
			uint32_t row = rows == NULL ? i : rows[i];                         \
			if (nulls != NULL && nulls[row])                                   \
				continue;                                                      \
			least = order(values[row]) < least ? order(values[row]) : least;   \
			greatest =                                                         \
				order(values[row]) > greatest ? order(values[row]) : greatest; \
			found++;                                                           \
		}                                                                      \
	} while (0)
#define SAME(x) (x)
#define TRUTH(x) ((x) != 0)

static uint32_t
fold_i32(const PmnVector *vector, const uint32_t *rows, uint32_t count,
		 PmnValue *min, PmnValue *max)
{
	const uint8_t *nulls = vector->nulls;
	int32_t least = INT32_MAX;
	int32_t greatest = INT32_MIN;
	uint32_t found = 0;

	if (vector->kind == PMN_VECTOR_BOOL)
		FOLD(uint8_t, TRUTH);
	else if (vector->kind == PMN_VECTOR_I32)
		FOLD(int32_t, SAME);
	else
		FOLD(float, pmn_order_f32);
	if (vector->kind == PMN_VECTOR_F32)
	{
		min->as.f64 = pmn_unorder_f32(least);
		max->as.f64 = pmn_unorder_f32(greatest);
		return found;
	}
	min->as.i64 = least;
	max->as.i64 = greatest;
	return found;
}

static uint32_t
fold_i64(const PmnVector *vector, const uint32_t *rows, uint32_t count,
		 PmnValue *min, PmnValue *max)
{
	const uint8_t *nulls = vector->nulls;
	int64_t least = INT64_MAX;
	int64_t greatest = INT64_MIN;
	uint32_t found = 0;

	if (vector->kind == PMN_VECTOR_I64)
		FOLD(int64_t, SAME);
	else
		FOLD(double, pmn_order_f64);
	if (vector->kind == PMN_VECTOR_F64)
	{
		min->as.f64 = pmn_unorder_f64(least);
		max->as.f64 = pmn_unorder_f64(greatest);
		return found;
	}
	min->as.i64 = least;
	max->as.i64 = greatest;
	return found;
}

static uint32_t
fold_128(const PmnVector *vector, const uint32_t *rows, uint32_t count,
		 PmnValue *min, PmnValue *max)
{
	const uint8_t *nulls = vector->nulls;
	PmnInt128 greatest = (PmnInt128) ((PmnUint128) 1 << 127);
	PmnInt128 least = ~greatest;
	uint32_t found = 0;

	if (vector->kind == PMN_VECTOR_DEC128)
	{
		FOLD(PmnInt128, SAME);
		min->as.dec128 = least;
		max->as.dec128 = greatest;
		return found;
	}
	FOLD(PmnTimestamp, pmn_order_ts96);
	if (found == 0)
		return 0;
	min->as.ts96.millis = (int64_t) (least >> 32);
	min->as.ts96.nano = (int32_t) (uint32_t) least;
	max->as.ts96.millis = (int64_t) (greatest >> 32);
	max->as.ts96.nano = (int32_t) (uint32_t) greatest;
	return found;
}

/* Most values differ from both bounds in their first bytes. */
static uint32_t
fold_bytes(const PmnVector *vector, const uint32_t *rows, uint32_t count,
		   PmnValue *min, PmnValue *max)
{
	const PmnBytes *values = vector->values;
	const PmnBytes *least = NULL;
	const PmnBytes *greatest = NULL;
	PmnUint128 least_order = 0;
	PmnUint128 greatest_order = 0;
	uint32_t found = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t row = rows == NULL ? i : rows[i];
		PmnUint128 order;

		if (vector->nulls != NULL && vector->nulls[row])
			continue;
		order = pmn_order_bytes(values[row]);
		if (found++ == 0)
		{
			least = greatest = &values[row];
			least_order = greatest_order = order;
			continue;
		}
		if (order <= least_order &&
			(order < least_order || pmn_bytes_compare(values[row], *least) < 0))
		{
			least = &values[row];
			least_order = order;
		}
		if (order >= greatest_order &&
			(order > greatest_order ||
			 pmn_bytes_compare(values[row], *greatest) > 0))
		{
			greatest = &values[row];
			greatest_order = order;
		}
	}
	if (found > 0)
	{
		min->as.bytes = *least;
		max->as.bytes = *greatest;
	}
	return found;
}

static uint32_t
count_values(const PmnVector *vector, const uint32_t *rows, uint32_t count)
{
	uint32_t found = 0;

	if (vector->nulls == NULL)
		return count;
	for (uint32_t i = 0; i < count; i++)
		found += vector->nulls[rows == NULL ? i : rows[i]] == 0;
	return found;
}

static uint32_t
fold(const PmnVector *vector, const uint32_t *rows, uint32_t count,
	 PmnValue *min, PmnValue *max)
{
	switch (vector->kind)
	{
		case PMN_VECTOR_BOOL:
		case PMN_VECTOR_I32:
		case PMN_VECTOR_F32:
			return fold_i32(vector, rows, count, min, max);
		case PMN_VECTOR_I64:
		case PMN_VECTOR_F64:
			return fold_i64(vector, rows, count, min, max);
		case PMN_VECTOR_DEC128:
		case PMN_VECTOR_TS96:
			return fold_128(vector, rows, count, min, max);
		case PMN_VECTOR_BYTES:
			return fold_bytes(vector, rows, count, min, max);
		case PMN_VECTOR_NONE:
			break;
	}
	return 0;
}

PmnCode
pmn_stats_collect(PmnStatsCollector *collector, const PmnVector *vector,
				  const uint32_t *rows, uint32_t count)
{
	PmnColumnStats *stats = &collector->stats;
	bool is_comparable = pmn_type_is_comparable(collector->type);
	bool is_bytes = vector->kind == PMN_VECTOR_BYTES;
	PmnValue min = {0};
	PmnValue max = {0};
	uint32_t found;

	if (!is_comparable)
	{
		stats->null_count += count - count_values(vector, rows, count);
		return PMN_OK;
	}
	found = fold(vector, rows, count, &min, &max);
	stats->null_count += count - found;
	if (found == 0)
		return PMN_OK;
	if (stats->min.is_null ||
		pmn_value_compare(collector->type, &min, &stats->min) < 0)
	{
		if (is_bytes)
			PMN_TRY(keep_bytes(&collector->min_bytes, min.as.bytes, &min));
		stats->min = min;
	}
	if (stats->max.is_null ||
		pmn_value_compare(collector->type, &max, &stats->max) > 0)
	{
		if (is_bytes)
			PMN_TRY(keep_bytes(&collector->max_bytes, max.as.bytes, &max));
		stats->max = max;
	}
	return PMN_OK;
}

/* A truncated copy of both bounds, or both null. */
static PmnCode
truncate_bounds(PmnArena *arena, uint32_t limit, bool is_text,
				PmnColumnStats *stats)
{
	PmnBytes min = stats->min.as.bytes;
	PmnBytes max = stats->max.as.bytes;
	uint32_t size = prefix_size(max, limit, is_text);
	uint8_t *data;

	stats->min.as.bytes.size = prefix_size(min, limit, is_text);
	if (size == max.size)
		return PMN_OK;
	/* Counting up may lengthen the last character by one byte. */
	data = pmn_arena_alloc(arena, (size_t) size + 1);
	if (data == NULL)
		return PMN_NO_MEMORY;
	memcpy(data, max.data, size);
	if (increment(data, &size, is_text))
	{
		stats->max.as.bytes = pmn_bytes(data, size);
		return PMN_OK;
	}
	stats->min.is_null = true;
	stats->max.is_null = true;
	return PMN_OK;
}

static PmnCode
copy_bytes(PmnArena *arena, PmnValue *value)
{
	PmnBytes *bytes = &value->as.bytes;

	if (value->is_null || bytes->size == 0)
		return PMN_OK;
	bytes->data = pmn_arena_copy(arena, bytes->data, bytes->size);
	return bytes->data == NULL ? PMN_NO_MEMORY : PMN_OK;
}

PmnCode
pmn_stats_convert(PmnArena *arena, const PmnType *type, PmnStatsMode mode,
				  const PmnColumnStats *src, PmnColumnStats *out)
{
	bool is_text =
		type->kind == PMN_TYPE_CHAR || type->kind == PMN_TYPE_VARCHAR;
	bool has_bounds =
		(mode.kind == PMN_STATS_TRUNCATE || mode.kind == PMN_STATS_FULL) &&
		pmn_type_is_comparable(type) &&
		pmn_type_vector_kind(type) != PMN_VECTOR_TS96;

	*out = *src;
	/* Paimon's Java finds no count for a column of several Parquet columns. */
	if (mode.kind == PMN_STATS_NONE || pmn_type_is_nested(type))
		out->null_count = -1;
	if (!has_bounds || src->min.is_null || src->max.is_null)
	{
		memset(&out->min, 0, sizeof(out->min));
		memset(&out->max, 0, sizeof(out->max));
		out->min.is_null = true;
		out->max.is_null = true;
		return PMN_OK;
	}
	if (pmn_type_vector_kind(type) != PMN_VECTOR_BYTES)
		return PMN_OK;
	if (mode.kind == PMN_STATS_TRUNCATE)
		PMN_TRY(truncate_bounds(arena, (uint32_t) mode.length, is_text, out));
	PMN_TRY(copy_bytes(arena, &out->min));
	return copy_bytes(arena, &out->max);
}

static PmnCode
keep_bytes(PmnBuffer *dst, PmnBytes bytes, PmnValue *out)
{
	pmn_buffer_reset(dst);
	PMN_TRY(pmn_buffer_append(dst, bytes.data, bytes.size));
	out->as.bytes = pmn_bytes(dst->data, dst->size);
	return PMN_OK;
}

/* Bytes of the character that starts with this one; 1 when none does. */
static uint32_t
character_size(uint8_t lead)
{
	if (lead >= 0xF0 && lead < 0xF8)
		return 4;
	if (lead >= 0xE0 && lead < 0xF0)
		return 3;
	return lead >= 0xC0 && lead < 0xE0 ? 2 : 1;
}

/* Bytes of the first limit characters (or bytes), all of them if fewer. */
static uint32_t
prefix_size(PmnBytes bytes, uint32_t limit, bool is_text)
{
	uint32_t size = 0;

	if (!is_text)
		return bytes.size < limit ? bytes.size : limit;
	for (uint32_t i = 0; i < limit && size < bytes.size; i++)
		size += character_size(bytes.data[size]);
	return size < bytes.size ? size : bytes.size;
}

/* The code point of exactly size bytes, or -1 when they are not valid. */
static int32_t
decode_character(const uint8_t *data, uint32_t size)
{
	static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	static const uint8_t mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	int32_t point;

	if (size != character_size(data[0]) || (size == 1 && data[0] >= 0x80))
		return -1;
	point = data[0] & mask[size];
	for (uint32_t i = 1; i < size; i++)
	{
		if ((data[i] & 0xC0) != 0x80)
			return -1;
		point = point << 6 | (data[i] & 0x3F);
	}
	if (point < least[size] || point > 0x10FFFF ||
		(point >= 0xD800 && point <= 0xDFFF))
		return -1;
	return point;
}

static uint32_t
encode_character(int32_t point, uint8_t *dst)
{
	uint32_t size = point < 0x80	  ? 1
					: point < 0x800	  ? 2
					: point < 0x10000 ? 3
									  : 4;
	static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};

	for (uint32_t i = size - 1; i > 0; i--)
	{
		dst[i] = (uint8_t) (0x80 | (point & 0x3F));
		point >>= 6;
	}
	dst[0] = (uint8_t) (lead[size] | point);
	return size;
}

/*
 * Make text greater than everything that starts with it: count up the last
 * character that can be, drop what follows. data has room for one byte more
 * (U+007F becomes U+0080). Surrogates are skipped: Paimon counts U+D7FF up to
 * one, which is written as "?" and then bounds nothing.
 */
static bool
increment_text(uint8_t *data, uint32_t *size)
{
	uint32_t end = *size;

	while (end > 0)
	{
		uint32_t start = end - 1;
		int32_t point;

		while (start > 0 && end - start < 4 && (data[start] & 0xC0) == 0x80)
			start--;
		point = decode_character(data + start, end - start);
		if (point >= 0 && point < 0x10FFFF)
		{
			point = point == 0xD7FF ? 0xE000 : point + 1;
			*size = start + encode_character(point, data + start);
			return true;
		}
		/* Invalid bytes are dropped one by one. */
		end = point >= 0 ? start : end - 1;
	}
	return false;
}

static bool
increment(uint8_t *data, uint32_t *size, bool is_text)
{
	if (is_text)
		return increment_text(data, size);
	while (*size > 0)
	{
		if (data[*size - 1] != 0xFF)
		{
			data[*size - 1]++;
			return true;
		}
		(*size)--;
	}
	return false;
}
