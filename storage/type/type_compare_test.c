/*
 * type_compare_test.c
 *
 * The order of values and of key prefixes.
 */
#include "type_compare.h"
#include "type_random.h"

#define ROWS 300

/* Goal: floats are ordered as in Java. */
TEST(floats_as_java)
{
	static const double ascending[] = {-INFINITY, -1.5, -1e-300,  -0.0, 0.0,
									   1e-300,	  1.5,	INFINITY, NAN};
	PmnType type = {.kind = PMN_TYPE_DOUBLE};

	for (size_t i = 0; i < 9; i++)
		for (size_t j = 0; j < 9; j++)
		{
			PmnValue a = {.as.f64 = ascending[i]};
			PmnValue b = {.as.f64 = ascending[j]};
			int order = pmn_value_compare(&type, &a, &b);

			CHECK((order < 0) == (i < j) && (order > 0) == (i > j));
		}
	{
		PmnValue a = {.as.f64 = -NAN};
		PmnValue b = {.as.f64 = NAN};

		CHECK(pmn_value_compare(&type, &a, &b) == 0);
		a.is_null = true;
		CHECK(pmn_value_compare_nulls(&type, &a, &b) < 0);
		CHECK(pmn_value_compare_nulls(&type, &b, &a) > 0);
		CHECK(pmn_value_compare_nulls(&type, &a, &a) == 0);
	}
}

static int
sign(int order)
{
	return (order > 0) - (order < 0);
}

/* Compare all pairs of rows of a batch of these columns. */
static void
check_columns(PmnTestEnv *env, PmnArena *arena, const PmnType *const *types,
			  uint32_t count)
{
	static const uint32_t columns[3] = {0, 1, 2};
	PmnVector vectors[3];
	PmnBatch batch = {.row_count = ROWS, .columns = vectors};
	PmnKeyColumns key = {types, columns, count};
	uint64_t *prefix = pmn_arena_alloc(arena, ROWS * sizeof(*prefix));
	bool is_exact = pmn_key_prefix_is_exact(types, count);
	uint32_t bad = 0;

	batch.column_count = count;
	for (uint32_t c = 0; c < count; c++)
		vectors[c] = random_vector(env, arena, types[c], ROWS,
								   types[c]->is_nullable ? 4 : 0);
	pmn_rows_prefix(&key, &batch, 0, 100, prefix);
	pmn_rows_prefix(&key, &batch, 100, ROWS - 100, prefix + 100);
	for (uint32_t a = 0; a < ROWS; a++)
		for (uint32_t b = 0; b < ROWS; b++)
		{
			int order = pmn_rows_compare(&key, &batch, a, &key, &batch, b);
			int expected = 0;

			for (uint32_t c = 0; expected == 0 && c < count; c++)
			{
				PmnValue x = pmn_vector_value(&vectors[c], a);
				PmnValue y = pmn_vector_value(&vectors[c], b);

				expected = pmn_value_compare_nulls(types[c], &x, &y);
			}
			bad += sign(order) != sign(expected);
			bad += prefix[a] < prefix[b] && order >= 0;
			bad += is_exact && prefix[a] == prefix[b] && order != 0;
		}
	CHECK(bad == 0);
}

/* Goal: prefix order implies key order, for one column of every type. */
TEST(prefix_of_one_column)
{
	PmnTestEnv env;
	PmnArena *arena;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	for (uint32_t i = 0; i < 2 * RANDOM_TYPE_COUNT; i++)
	{
		PmnType type = random_types[i / 2];
		const PmnType *types[1] = {&type};

		type.is_nullable = i % 2 == 0;
		check_columns(&env, arena, types, 1);
		pmn_arena_reset(arena);
	}
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

/* Goal: the same for keys of two and three columns. */
TEST(prefix_of_several_columns)
{
	PmnTestEnv env;
	PmnArena *arena;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	for (int round = 0; round < 60; round++)
	{
		PmnType copies[3];
		const PmnType *types[3] = {&copies[0], &copies[1], &copies[2]};

		for (int i = 0; i < 3; i++)
		{
			copies[i] = random_types[pmn_test_below(&env, RANDOM_TYPE_COUNT)];
			copies[i].is_nullable = pmn_test_below(&env, 2) == 0;
		}
		check_columns(&env, arena, types, 2 + pmn_test_below(&env, 2));
		pmn_arena_reset(arena);
	}
	pmn_arena_destroy(arena);
}

/* Goal: only keys that fit are called exact. */
TEST(exactness)
{
	PmnType small = {.kind = PMN_TYPE_INT};
	PmnType big = {.kind = PMN_TYPE_BIGINT};
	PmnType text = {.kind = PMN_TYPE_VARCHAR, .length = 2};
	PmnType nullable = {.kind = PMN_TYPE_BIGINT, .is_nullable = true};
	const PmnType *types[3] = {&small, &small, &small};

	CHECK(pmn_key_prefix_is_exact(types, 0));
	CHECK(pmn_key_prefix_is_exact(types, 1));
	CHECK(pmn_key_prefix_is_exact(types, 2));
	CHECK(!pmn_key_prefix_is_exact(types, 3));
	types[0] = &big;
	CHECK(pmn_key_prefix_is_exact(types, 1));
	CHECK(!pmn_key_prefix_is_exact(types, 2));
	types[0] = &nullable;
	CHECK(!pmn_key_prefix_is_exact(types, 1));
	types[0] = &text;
	CHECK(!pmn_key_prefix_is_exact(types, 1));
}

/* Goal: an empty key gives zeroes and equal rows. */
TEST(empty_key)
{
	PmnKeyColumns key = {NULL, NULL, 0};
	PmnBatch batch = {.row_count = 2};
	uint64_t prefix[2] = {1, 2};

	pmn_rows_prefix(&key, &batch, 0, 2, prefix);
	CHECK(prefix[0] == 0 && prefix[1] == 0);
	CHECK(pmn_rows_compare(&key, &batch, 0, &key, &batch, 1) == 0);
}

int
main(void)
{
	RUN(floats_as_java);
	RUN(prefix_of_one_column);
	RUN(prefix_of_several_columns);
	RUN(exactness);
	RUN(empty_key);
	TEST_END();
}
