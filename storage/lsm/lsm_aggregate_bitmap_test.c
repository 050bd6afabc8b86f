/*
 * lsm_aggregate_bitmap_test.c
 *
 * Unions of roaring bitmaps against those of CRoaring, and their form.
 */
#include <roaring/roaring.h>

#include "../testing/testing.h"
#include "../codec/codec_roaring.h"
#include "lsm_aggregate_internal.h"

static PmnTestEnv env;
static PmnArena *arena;

static PmnBytes
serialized(const roaring_bitmap_t *bitmap)
{
	size_t size = roaring_bitmap_portable_size_in_bytes(bitmap);
	char *data = pmn_arena_alloc(arena, size);

	return pmn_bytes(data, roaring_bitmap_portable_serialize(bitmap, data));
}

/* The function's result for two values. */
static PmnCode
unite(PmnBytes a, PmnBytes b, PmnBytes *out)
{
	static const PmnField field = {.name = "v"};
	static const PmnMergeColumn column = {.function = PMN_AGGREGATE_RBM32};
	static const uint32_t end = 2;
	static const uint8_t actions[2] = {PMN_ACTION_COPY, PMN_ACTION_FOLD};
	PmnBytes values[2] = {a, b};
	uint8_t is_null = 0;
	PmnAggregateFold fold = {.env = &env.base,
							 .arena = arena,
							 .options = &column,
							 .field = &field,
							 .kind = PMN_VECTOR_BYTES,
							 .group_count = 1,
							 .ends = &end,
							 .actions = actions,
							 .values = values,
							 .results = out,
							 .result_nulls = &is_null};
	PmnCode code = pmn_aggregate_scratch_create(&env.base, &fold.scratch);

	if (code == PMN_OK)
		code = pmn_aggregate_run(&fold);
	pmn_aggregate_scratch_destroy(fold.scratch);
	return code;
}

static roaring_bitmap_t *
random_bitmap(bool optimise)
{
	roaring_bitmap_t *bitmap = roaring_bitmap_create();
	uint32_t parts = pmn_test_below(&env, 7);

	for (uint32_t part = 0; part < parts; part++)
	{
		uint32_t base = pmn_test_below(&env, 8) * 65536;
		uint32_t kind = pmn_test_below(&env, 4);
		uint32_t count = kind == 0 ? 3000 : kind == 1 ? 20000 : 6;

		if (kind == 3)
			roaring_bitmap_add_range(bitmap, base, base + 65536);
		for (uint32_t i = 0; i < count; i++)
		{
			uint32_t at = base + pmn_test_below(&env, 65536);

			if (kind == 2)
				roaring_bitmap_add_range(bitmap, at,
										 at + pmn_test_below(&env, 9000));
			else
				roaring_bitmap_add(bitmap, at);
		}
	}
	if (optimise)
		roaring_bitmap_run_optimize(bitmap);
	return bitmap;
}

/* Goal: whatever kinds of parts meet, the union has the numbers of both, in
 * a form that CRoaring and we read. */
TEST(unions_have_the_numbers_of_both)
{
	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	for (uint32_t round = 0; round < 40; round++)
	{
		roaring_bitmap_t *a = random_bitmap(round % 2 == 0);
		roaring_bitmap_t *b = random_bitmap(round % 3 == 0);
		roaring_bitmap_t *both = roaring_bitmap_or(a, b);
		roaring_bitmap_t *ours;
		PmnRoaring parsed;
		PmnBytes out;
		size_t used = 0;

		CHECK_OK(&env, unite(serialized(a), serialized(b), &out));
		CHECK_OK(&env,
				 pmn_roaring_parse(arena, &env.base, "v", out, &used, &parsed));
		CHECK(used == out.size);
		ours = roaring_bitmap_portable_deserialize_safe((const char *) out.data,
														out.size);
		CHECK(ours != NULL && roaring_bitmap_equals(ours, both));
		roaring_bitmap_free(ours);
		roaring_bitmap_free(both);
		roaring_bitmap_free(a);
		roaring_bitmap_free(b);
		pmn_arena_reset(arena);
	}
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

/* Goal: three numbers in a row stay an array between arrays, and runs where
 * they were runs: that is what Paimon writes. */
TEST(runs_stay_runs)
{
	static const uint8_t plain[] = {0x3a, 0x30, 0,	0, 1, 0, 0, 0, 0, 0,
									1,	  0,	16, 0, 0, 0, 1, 0, 2, 0};
	static const uint8_t last[] = {0x3a, 0x30, 0, 0,  1, 0, 0, 0, 0,
								   0,	 0,	   0, 16, 0, 0, 0, 3, 0};
	static const uint8_t runs[] = {0x3b, 0x30, 0, 0, 1, 0, 0, 1,
								   0,	 1,	   0, 1, 0, 1, 0};
	PmnBytes out;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, unite(pmn_bytes(plain, sizeof(plain)),
						 pmn_bytes(last, sizeof(last)), &out));
	CHECK(out.size == 22 && out.data[0] == 0x3a && out.data[16] == 1);
	CHECK_OK(&env, unite(pmn_bytes(runs, sizeof(runs)),
						 pmn_bytes(last, sizeof(last)), &out));
	CHECK(out.size == sizeof(runs) && out.data[0] == 0x3b);
	CHECK(out.data[13] == 2);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

/* Goal: bytes that are no bitmap are an error that names the column. */
TEST(other_bytes)
{
	PmnBytes out;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK(unite(pmn_bytes("abcdefgh", 8), pmn_bytes("", 0), &out) ==
		  PMN_CORRUPT);
	CHECK(strstr(env.base.error.message, "\"v\"") != NULL);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	RUN(unions_have_the_numbers_of_both);
	RUN(runs_stay_runs);
	RUN(other_bytes);
	TEST_END();
}
