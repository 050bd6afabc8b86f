/*
 * Goal: what CRoaring serializes we read, bit for bit, and what it could not
 * have serialized we refuse.
 */
#include "codec_roaring.h"

#include <roaring/roaring.h>

#include "../testing/testing.h"

#define WINDOW 8192

static PmnBuffer
serialized(PmnTestEnv *env, const roaring_bitmap_t *bitmap)
{
	PmnBuffer buffer;
	size_t size = roaring_bitmap_portable_size_in_bytes(bitmap);

	pmn_buffer_init(&buffer, &env->base);
	CHECK_OK(env, pmn_buffer_reserve(&buffer, size));
	buffer.size =
		roaring_bitmap_portable_serialize(bitmap, (char *) buffer.data);
	return buffer;
}

/* The window by CRoaring's own look-up, and by ours. */
static bool
windows_agree(const roaring_bitmap_t *bitmap, const PmnRoaring *ours,
			  uint32_t first, uint32_t count)
{
	uint64_t words[WINDOW / 64] = {0};
	bool good = true;

	pmn_roaring_window(ours, first, count, words);
	for (uint32_t i = 0; i < WINDOW; i++)
	{
		bool wanted = i < count && roaring_bitmap_contains(bitmap, first + i);

		good &= ((words[i / 64] >> (i % 64) & 1) != 0) == wanted;
	}
	return good;
}

static void
check_same(PmnTestEnv *env, const roaring_bitmap_t *bitmap)
{
	PmnBuffer buffer = serialized(env, bitmap);
	PmnArena *arena = NULL;
	PmnRoaring ours;
	size_t used = 0;

	CHECK_OK(env, pmn_arena_create(&env->base, 0, &arena));
	CHECK_OK(env, pmn_roaring_parse(arena, &env->base, "b",
									pmn_bytes(buffer.data, buffer.size), &used,
									&ours));
	CHECK(used == buffer.size);
	CHECK(ours.cardinality == roaring_bitmap_get_cardinality(bitmap));
	if (ours.cardinality > 0)
		CHECK(pmn_roaring_max(&ours) == roaring_bitmap_maximum(bitmap));
	for (uint32_t i = 0; i < 60; i++)
	{
		uint32_t count = 1 + pmn_test_below(env, WINDOW);
		uint32_t first = pmn_test_below(env, 400000);

		CHECK(windows_agree(bitmap, &ours, first, count));
	}
	CHECK(windows_agree(bitmap, &ours, 65536 - WINDOW / 2, WINDOW));
	CHECK(windows_agree(bitmap, &ours, UINT32_MAX - 99, 100));
	CHECK(windows_agree(bitmap, &ours, 3, 0));
	/* No shorter text is a bitmap. */
	for (size_t size = 0; size < buffer.size; size += 1 + buffer.size / 300)
		CHECK(pmn_roaring_parse(arena, &env->base, "b",
								pmn_bytes(buffer.data, size), &used,
								&ours) == PMN_CORRUPT);
	pmn_arena_destroy(arena);
	pmn_buffer_free(&buffer);
}

/* Goal: each kind of container, alone and mixed, with and without runs. */
TEST(what_croaring_wrote)
{
	PmnTestEnv env;

	pmn_test_env_init(&env);
	for (uint32_t round = 0; round < 24; round++)
	{
		roaring_bitmap_t *bitmap = roaring_bitmap_create();
		uint32_t parts = pmn_test_below(&env, 7);

		for (uint32_t part = 0; part < parts; part++)
		{
			uint32_t base = part * 65536;
			uint32_t kind = pmn_test_below(&env, 3);
			uint32_t count = kind == 0	 ? 1 + pmn_test_below(&env, 4096)
							 : kind == 1 ? 20000
										 : 6;

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
		if (round % 3 == 0)
			roaring_bitmap_add(bitmap, UINT32_MAX);
		if (round % 2 == 0)
			roaring_bitmap_run_optimize(bitmap);
		check_same(&env, bitmap);
		roaring_bitmap_free(bitmap);
	}
	CHECK(env.live_bytes == 0);
}

static PmnCode
parse_bytes(PmnTestEnv *env, const uint8_t *bytes, size_t size)
{
	PmnArena *arena = NULL;
	PmnRoaring out;
	size_t used;
	PmnCode code = pmn_arena_create(&env->base, 0, &arena);

	if (code == PMN_OK)
		code = pmn_roaring_parse(arena, &env->base, "b", pmn_bytes(bytes, size),
								 &used, &out);
	pmn_arena_destroy(arena);
	return code;
}

/* Goal: order and counts are proved, not believed. */
TEST(damage)
{
	/* Containers 0 of {5, 9} and 1 of {7}. */
	static const uint8_t plain[] = {0x3a, 0x30, 0, 0, 2, 0, 0,	0, 0, 0,
									1,	  0,	1, 0, 0, 0, 24, 0, 0, 0,
									28,	  0,	0, 0, 5, 0, 9,	0, 7, 0};
	/* One container of runs: {3, 4, 5}. */
	static const uint8_t runs[] = {0x3b, 0x30, 0, 0, 1, 0, 0, 2,
								   0,	 1,	   0, 3, 0, 2, 0};
	uint8_t bytes[64];
	PmnTestEnv env;

	pmn_test_env_init(&env);
	CHECK_OK(&env, parse_bytes(&env, plain, sizeof(plain)));
	CHECK_OK(&env, parse_bytes(&env, runs, sizeof(runs)));
	memcpy(bytes, plain, sizeof(plain));
	bytes[26] = 5; /* numbers 5, 5 */
	CHECK(parse_bytes(&env, bytes, sizeof(plain)) == PMN_CORRUPT);
	memcpy(bytes, plain, sizeof(plain));
	bytes[12] = 0; /* containers 0, 0 */
	CHECK(parse_bytes(&env, bytes, sizeof(plain)) == PMN_CORRUPT);
	memcpy(bytes, plain, sizeof(plain));
	bytes[6] = 1; /* 65538 containers */
	CHECK(parse_bytes(&env, bytes, sizeof(plain)) == PMN_CORRUPT);
	memcpy(bytes, plain, sizeof(plain));
	bytes[0] = 0;
	CHECK(parse_bytes(&env, bytes, sizeof(plain)) == PMN_CORRUPT);
	memcpy(bytes, runs, sizeof(runs));
	bytes[7] = 3; /* four numbers promised, the run has three */
	CHECK(parse_bytes(&env, bytes, sizeof(runs)) == PMN_CORRUPT);
	memcpy(bytes, runs, sizeof(runs));
	bytes[11] = bytes[12] = 0xff; /* 65535 .. 65537 */
	CHECK(parse_bytes(&env, bytes, sizeof(runs)) == PMN_CORRUPT);
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	RUN(what_croaring_wrote);
	RUN(damage);
	TEST_END();
}
