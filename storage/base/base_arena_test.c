/*
 * base_arena_test.c
 *
 * Goal: arenas hand out aligned, distinct, zeroed memory, count their bytes,
 * and leave nothing behind, also when any allocation fails.
 */
#include "../testing/testing.h"

#include <string.h>

#include "../base/base_arena.h"

TEST(random_sizes_do_not_overlap)
{
	PmnTestEnv env;
	PmnArena *arena = NULL;
	uint8_t *taken[500];
	size_t sizes[500];

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	for (int round = 0; round < 3; round++)
	{
		for (int i = 0; i < 500; i++)
		{
			sizes[i] = pmn_test_below(&env, i % 50 == 0 ? 3000000 : 300);
			taken[i] = pmn_arena_alloc(arena, sizes[i]);
			CHECK(taken[i] != NULL);
			CHECK(((uintptr_t) taken[i] & 15) == 0);
			for (size_t k = 0; k < sizes[i]; k++)
				if (taken[i][k] != 0)
				{
					CHECK(!"zeroed");
					break;
				}
			memset(taken[i], i & 0xff, sizes[i]);
		}
		for (int i = 0; i < 500; i++)
			for (size_t k = 0; k < sizes[i]; k++)
				if (taken[i][k] != (i & 0xff))
				{
					CHECK(!"untouched");
					break;
				}
		CHECK(pmn_arena_bytes(arena) <= env.live_bytes);
		pmn_arena_reset(arena);
		CHECK(pmn_arena_bytes(arena) <= 3100000);
	}
	pmn_arena_destroy(arena);
	pmn_arena_destroy(NULL);
	CHECK(env.live_bytes == 0);
}

TEST(strings_and_formats)
{
	PmnTestEnv env;
	PmnArena *arena = NULL;
	char *text;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 100, &arena));
	CHECK(pmn_arena_env(arena) == &env.base);
	CHECK(strcmp(pmn_arena_string(arena, "snapshot"), "snapshot") == 0);
	CHECK(strcmp(pmn_arena_string_n(arena, "snapshot", 4), "snap") == 0);
	CHECK(strcmp(pmn_arena_string_n(arena, NULL, 0), "") == 0);
	text = pmn_arena_format(arena, "%s-%d%0500d", "level", 5, 0);
	CHECK(strlen(text) == 507 && strncmp(text, "level-50", 8) == 0);
	CHECK(memcmp(pmn_arena_copy(arena, "abc", 3), "abc", 3) == 0);
	CHECK(pmn_arena_copy(arena, NULL, 0) != NULL);
	CHECK(pmn_arena_alloc_raw(arena, 1, 1) != NULL);
	CHECK(((uintptr_t) pmn_arena_alloc_raw(arena, 8, 8) & 7) == 0);
	CHECK(pmn_arena_alloc(arena, SIZE_MAX - 8) == NULL);
	CHECK(env.base.error.code == PMN_NO_MEMORY);
	CHECK(pmn_arena_string_n(arena, "x", SIZE_MAX) == NULL);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

TEST(arrays_grow)
{
	PmnTestEnv env;
	PMN_ARRAY(uint64_t) array = {NULL, 0, 0};
	void *none = NULL;
	size_t capacity = 0;

	pmn_test_env_init(&env);
	for (uint64_t i = 0; i < 1000; i++)
	{
		CHECK_OK(&env, pmn_array_reserve(&env.base, &array, 1));
		array.items[array.count++] = i;
	}
	for (uint64_t i = 0; i < 1000; i++)
		CHECK(array.items[i] == i);
	pmn_array_free(&env.base, &array);
	CHECK(pmn_array_grow(&env.base, &none, &capacity, SIZE_MAX / 2, 8) ==
		  PMN_NO_MEMORY);
	CHECK(none == NULL && capacity == 0);
	CHECK(env.live_bytes == 0);
}

static PmnCode
scenario(PmnEnv *env)
{
	PmnArena *arena;
	PMN_ARRAY(int) array = {NULL, 0, 0};
	PmnCode code = pmn_arena_create(env, 300, &arena);

	for (int i = 0; i < 20 && code == PMN_OK; i++)
	{
		if (pmn_arena_alloc(arena, 100 * (size_t) i) == NULL)
			code = PMN_NO_MEMORY;
		if (code == PMN_OK)
			code = pmn_array_reserve(env, &array, 5);
		array.count = array.capacity;
	}
	pmn_array_free(env, &array);
	pmn_arena_destroy(arena);
	return code;
}

TEST(survives_every_allocation_failure)
{
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnTestEnv env;

		pmn_test_env_fail_at(&env, step);
		code = scenario(&env.base);
		CHECK(env.live_bytes == 0);
		CHECK(code == env.base.error.code);
	}
	CHECK(code == PMN_OK);
}

int
main(void)
{
	RUN(random_sizes_do_not_overlap);
	RUN(strings_and_formats);
	RUN(arrays_grow);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
