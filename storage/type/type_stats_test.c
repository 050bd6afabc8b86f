/*
 * type_stats_test.c
 *
 * Collected and converted statistics.
 */
#include "type_compare.h"
#include "type_order.h"
#include "type_random.h"
#include "type_stats.h"

#define ROWS 40

/* Goal: modes are spelled as in Paimon's options. */
TEST(modes)
{
	PmnTestEnv env;
	PmnStatsMode mode;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_stats_mode_parse(&env.base, "None", &mode));
	CHECK(mode.kind == PMN_STATS_NONE);
	CHECK_OK(&env, pmn_stats_mode_parse(&env.base, "COUNTS", &mode));
	CHECK(mode.kind == PMN_STATS_COUNTS);
	CHECK_OK(&env, pmn_stats_mode_parse(&env.base, "full", &mode));
	CHECK(mode.kind == PMN_STATS_FULL);
	CHECK_OK(&env, pmn_stats_mode_parse(&env.base, "Truncate(16)", &mode));
	CHECK(mode.kind == PMN_STATS_TRUNCATE && mode.length == 16);
	CHECK(pmn_stats_mode_parse(&env.base, "truncate", &mode) == PMN_INVALID);
	CHECK(pmn_stats_mode_parse(&env.base, "truncate()", &mode) == PMN_INVALID);
	CHECK(pmn_stats_mode_parse(&env.base, "truncate(0)", &mode) == PMN_INVALID);
	CHECK(pmn_stats_mode_parse(&env.base, "truncate(1", &mode) == PMN_INVALID);
	CHECK(pmn_stats_mode_parse(&env.base, "truncate(99999999999)", &mode) ==
		  PMN_INVALID);
	CHECK(pmn_stats_mode_parse(&env.base, "", &mode) == PMN_INVALID);
}

/* Every value of the rows lies within, and nulls are counted. */
static void
check_bounds(const PmnType *type, const PmnVector *vector, const uint32_t *rows,
			 uint32_t count, const PmnColumnStats *stats, bool is_tight)
{
	int64_t nulls = 0;
	bool min_met = false;
	bool max_met = false;

	for (uint32_t i = 0; i < count; i++)
	{
		PmnValue value = pmn_vector_value(vector, rows == NULL ? i : rows[i]);

		nulls += value.is_null;
		if (value.is_null || stats->min.is_null)
			continue;
		CHECK(pmn_value_compare(type, &stats->min, &value) <= 0);
		CHECK(pmn_value_compare(type, &value, &stats->max) <= 0);
		min_met |= pmn_value_compare(type, &stats->min, &value) == 0;
		max_met |= pmn_value_compare(type, &stats->max, &value) == 0;
	}
	CHECK(nulls == stats->null_count);
	CHECK(stats->min.is_null == stats->max.is_null);
	CHECK(!is_tight || stats->min.is_null == (nulls == count));
	CHECK(!is_tight || stats->min.is_null || (min_met && max_met));
}

static void
check_type(PmnTestEnv *env, PmnArena *arena, const PmnType *type)
{
	PmnVector vector =
		random_vector(env, arena, type, ROWS, pmn_test_below(env, 4));
	uint32_t rows[ROWS];
	uint32_t count = 0;
	uint32_t half = ROWS / 2;
	PmnStatsCollector collector;
	PmnColumnStats out;
	PmnStatsMode mode = {PMN_STATS_TRUNCATE,
						 1 + (int32_t) pmn_test_below(env, 5)};
	bool list = pmn_test_below(env, 2) == 0;

	for (uint32_t i = 0; i < ROWS; i++)
		if (!list || pmn_test_below(env, 2) == 0)
			rows[count++] = i;
	pmn_stats_collector_init(&collector, &env->base, type);
	if (list || vector.nulls == NULL)
	{
		CHECK_OK(env, pmn_stats_collect(&collector, &vector, list ? rows : NULL,
										count));
	}
	else
	{
		CHECK_OK(env, pmn_stats_collect(&collector, &vector, rows, half));
		CHECK_OK(env, pmn_stats_collect(&collector, &vector, rows + half,
										ROWS - half));
	}
	check_bounds(type, &vector, rows, count, &collector.stats, true);
	CHECK_OK(env, pmn_stats_convert(arena, type, mode, &collector.stats, &out));
	check_bounds(type, &vector, rows, count, &out, false);
	mode.kind = PMN_STATS_FULL;
	CHECK_OK(env, pmn_stats_convert(arena, type, mode, &collector.stats, &out));
	check_bounds(type, &vector, rows, count, &out,
				 pmn_type_vector_kind(type) != PMN_VECTOR_TS96);
	pmn_stats_collector_free(&collector);
}

/* Goal: min <= v <= max for all types, exact and converted. */
TEST(bounds_hold)
{
	PmnTestEnv env;
	PmnArena *arena;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	for (int round = 0; round < 60; round++)
		for (uint32_t i = 0; i < RANDOM_TYPE_COUNT; i++)
		{
			check_type(&env, arena, &random_types[i]);
			pmn_arena_reset(arena);
		}
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

/* A value whose bytes are few and often zero, in memory of its own size. */
static PmnBytes
make_bytes(PmnTestEnv *env)
{
	static const uint8_t letters[] = {0, 'a', 0xff};
	uint32_t size = (uint32_t) pmn_test_below(env, 20);
	uint8_t *data = malloc(size == 0 ? 1 : size);

	for (uint32_t i = 0; i < size; i++)
		data[i] = i < 6 ? 'a' : letters[pmn_test_below(env, 3)];
	return pmn_bytes(data, size);
}

/* Goal: the numbers of two values never contradict the values' order, and
 * nothing is read beyond a value. */
TEST(bytes_order_like_numbers)
{
	PmnTestEnv env;
	uint32_t decided = 0;

	pmn_test_env_init(&env);
	for (int round = 0; round < 20000; round++)
	{
		PmnBytes a = make_bytes(&env);
		PmnBytes b = make_bytes(&env);
		PmnUint128 a_order = pmn_order_bytes(a);
		PmnUint128 b_order = pmn_order_bytes(b);

		CHECK(a_order >= b_order || pmn_bytes_compare(a, b) < 0);
		CHECK(a_order <= b_order || pmn_bytes_compare(a, b) > 0);
		decided += a_order != b_order;
		free((void *) a.data);
		free((void *) b.data);
	}
	CHECK(decided > 10000);
}

/* One string or binary value truncated; NULL expects no bounds. */
static void
check_truncated(PmnTypeKind kind, int32_t length, const char *text,
				const char *min, const char *max)
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnType type = {.kind = kind, .length = PMN_LENGTH_MAX};
	PmnStatsMode mode = {PMN_STATS_TRUNCATE, length};
	PmnColumnStats stats = {0};
	PmnColumnStats out;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	stats.min.as.bytes = stats.max.as.bytes = pmn_bytes_string(text);
	CHECK_OK(&env, pmn_stats_convert(arena, &type, mode, &stats, &out));
	CHECK(out.min.is_null == (min == NULL));
	CHECK(out.max.is_null == (max == NULL));
	if (!out.min.is_null && min != NULL)
		CHECK(pmn_bytes_equal(out.min.as.bytes, pmn_bytes_string(min)));
	if (!out.max.is_null && max != NULL)
		CHECK(pmn_bytes_equal(out.max.as.bytes, pmn_bytes_string(max)));
	pmn_arena_destroy(arena);
}

/* Goal: text is cut by code points, binary by bytes, max is counted up. */
TEST(truncation)
{
	const PmnTypeKind text = PMN_TYPE_VARCHAR;
	const PmnTypeKind binary = PMN_TYPE_VARBINARY;

	check_truncated(text, 3, "abc", "abc", "abc");
	check_truncated(text, 3, "abcd", "abc", "abd");
	check_truncated(text, 2, "\xc3\xa4\xc3\xb6\xc3\xbc", "\xc3\xa4\xc3\xb6",
					"\xc3\xa4\xc3\xb7");
	check_truncated(text, 2, "a\x7f!", "a\x7f", "a\xc2\x80");
	check_truncated(text, 1, "\xef\xbf\xbf!", "\xef\xbf\xbf",
					"\xf0\x90\x80\x80");
	check_truncated(text, 1, "\xed\x9f\xbf!", "\xed\x9f\xbf", "\xee\x80\x80");
	check_truncated(text, 2, "a\xf4\x8f\xbf\xbf!", "a\xf4\x8f\xbf\xbf", "b");
	check_truncated(text, 1, "\xf4\x8f\xbf\xbf!", NULL, NULL);
	check_truncated(binary, 2, "a\xff\xff", "a\xff", "b");
	check_truncated(binary, 2, "\xff\xff\xff", NULL, NULL);
	check_truncated(binary, 3, "ab", "ab", "ab");
	/* Not UTF-8: still a bound, or none. */
	check_truncated(text, 2, "a\x80\x80", "a\x80", "b");
	check_truncated(text, 1, "\xc3(", "\xc3(", "\xc3(");
	check_truncated(text, 1, "\x80!", NULL, NULL);
}

/* Goal: modes none and counts, types without order, all-null columns. */
TEST(what_is_kept)
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnType type = {.kind = PMN_TYPE_INT};
	PmnType nested = {.kind = PMN_TYPE_ARRAY};
	PmnStatsMode mode = {PMN_STATS_NONE, 0};
	PmnColumnStats stats = {.null_count = 3};
	PmnColumnStats out;
	PmnStatsCollector collector;
	uint8_t nulls[3] = {0, 1, 1};
	PmnVector vector = {PMN_VECTOR_NONE, nulls, NULL};

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, pmn_stats_convert(arena, &type, mode, &stats, &out));
	CHECK(out.null_count == -1 && out.min.is_null && out.max.is_null);
	mode.kind = PMN_STATS_COUNTS;
	CHECK_OK(&env, pmn_stats_convert(arena, &type, mode, &stats, &out));
	CHECK(out.null_count == 3 && out.min.is_null && out.max.is_null);
	mode.kind = PMN_STATS_FULL;
	CHECK_OK(&env, pmn_stats_convert(arena, &nested, mode, &stats, &out));
	CHECK(out.null_count == -1 && out.min.is_null && out.max.is_null);
	pmn_stats_collector_init(&collector, &env.base, &nested);
	CHECK_OK(&env, pmn_stats_collect(&collector, &vector, NULL, 3));
	CHECK(collector.stats.null_count == 2 && collector.stats.min.is_null);
	pmn_stats_collector_reset(&collector);
	CHECK(collector.stats.null_count == 0);
	pmn_stats_collector_free(&collector);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

/* Goal: NaN is the greatest float and -0.0 lies below 0.0. */
TEST(float_bounds)
{
	PmnTestEnv env;
	PmnType type = {.kind = PMN_TYPE_FLOAT};
	float values[4] = {0.0f, NAN, -0.0f, 1.0f};
	PmnVector vector = {PMN_VECTOR_F32, NULL, values};
	PmnStatsCollector collector;

	pmn_test_env_init(&env);
	pmn_stats_collector_init(&collector, &env.base, &type);
	CHECK_OK(&env, pmn_stats_collect(&collector, &vector, NULL, 4));
	CHECK(collector.stats.min.as.f64 == 0.0 &&
		  signbit(collector.stats.min.as.f64));
	CHECK(isnan(collector.stats.max.as.f64));
	pmn_stats_collector_free(&collector);
}

int
main(void)
{
	RUN(modes);
	RUN(bounds_hold);
	RUN(bytes_order_like_numbers);
	RUN(truncation);
	RUN(what_is_kept);
	RUN(float_bounds);
	TEST_END();
}
