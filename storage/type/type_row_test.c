/*
 * type_row_test.c
 *
 * BinaryRow bytes, hashes and buckets against the vectors of
 * format/metadata.md 5.1, 5.3 and 6.2, and round trips of random rows.
 */
#include "type_random.h"
#include "type_row.h"

static const PmnType int_type = {.kind = PMN_TYPE_INT, .is_nullable = true};
static const PmnType bigint_type = {.kind = PMN_TYPE_BIGINT};
static const PmnType string_type = {.kind = PMN_TYPE_VARCHAR,
									.length = PMN_LENGTH_MAX};
static const PmnType ts6_type = {.kind = PMN_TYPE_TIMESTAMP, .precision = 6};
static const PmnType decimal20_type = {.kind = PMN_TYPE_DECIMAL,
									   .precision = 20};

static PmnValue
null_value(void)
{
	PmnValue value = {.is_null = true};

	return value;
}

static PmnValue
int_value(int64_t number)
{
	PmnValue value = {.as.i64 = number};

	return value;
}

static PmnValue
text_value(const char *text)
{
	PmnValue value = {.as.bytes = pmn_bytes_string(text)};

	return value;
}

/* Whether the row's memory is this, in hex with blanks; its hash and buckets
 * among 4 and 10 too. */
static void
check_row(const PmnType *const *types, const PmnValue *values, uint32_t arity,
		  const char *hex, int32_t hash, int32_t bucket4, int32_t bucket10)
{
	PmnTestEnv env;
	PmnBuffer row;
	PmnBuffer text;
	int32_t bucket = -1;
	size_t used = 0;

	pmn_test_env_init(&env);
	pmn_buffer_init(&row, &env.base);
	pmn_buffer_init(&text, &env.base);
	CHECK_OK(&env, pmn_row_append(&row, types, values, arity));
	for (size_t i = 0; i < row.size; i++)
		CHECK_OK(&env, pmn_buffer_format(&text, "%02x", row.data[i]));
	CHECK_OK(&env, pmn_buffer_byte(&text, 0));
	for (; hex != NULL && *hex != '\0'; hex++)
		if (*hex != ' ')
			CHECK(used < text.size && (char) text.data[used++] == *hex);
	CHECK(hex == NULL || used + 1 == text.size);
	if (hash != 0)
	{
		CHECK(pmn_row_hash(pmn_bytes(row.data, row.size)) == hash);
		CHECK_OK(&env, pmn_bucket_of(PMN_BUCKET_DEFAULT, types, values, arity,
									 4, &row, &bucket));
		CHECK(bucket == bucket4);
		CHECK_OK(&env, pmn_bucket_of(PMN_BUCKET_DEFAULT, types, values, arity,
									 10, &row, &bucket));
		CHECK(bucket == bucket10);
	}
	pmn_buffer_free(&row);
	pmn_buffer_free(&text);
	CHECK(env.live_bytes == 0);
}

/* Goal: every documented example has exactly its bytes, hash and bucket. */
TEST(documented_examples)
{
	const PmnType *one[1] = {&int_type};
	const PmnType *three[3] = {&int_type, &string_type, &int_type};
	PmnValue value = int_value(1);
	PmnValue values[3] = {int_value(1), text_value("hello world"),
						  null_value()};

	check_row(one, &value, 0, "0000000000000000", -1670924195, 3, 5);
	check_row(one, &value, 1, "0000000000000000 0100000000000000", 1465514398,
			  2, 8);
	value = int_value(-1);
	check_row(one, &value, 1, NULL, 1133687267, 3, 7);
	value = null_value();
	check_row(one, &value, 1, "0001000000000000 0000000000000000", -1748325344,
			  0, 4);
	check_row(three, values, 3,
			  "0004000000000000 0100000000000000 0b00000020000000 "
			  "0000000000000000 68656c6c6f20776f 726c640000000000",
			  1575627695, 3, 5);
	one[0] = &bigint_type;
	value = int_value(12345);
	check_row(one, &value, 1, NULL, 767607022, 2, 2);
	one[0] = &string_type;
	value = text_value("paimon");
	check_row(one, &value, 1, "0000000000000000 7061696d6f6e0086", 1504888072,
			  0, 2);
	value = text_value("20260801");
	check_row(one, &value, 1,
			  "0000000000000000 0800000010000000 3230323630383031", 1587813831,
			  3, 1);
	value = text_value("");
	check_row(one, &value, 1, "0000000000000000 0000000000000080", 0, 0, 0);
	one[0] = &ts6_type;
	value = int_value(1700000000123456);
	check_row(one, &value, 1,
			  "0000000000000000 40f5060010000000 7b68e5cf8b010000", 0, 0, 0);
	value = null_value();
	check_row(one, &value, 1,
			  "0001000000000000 0000000010000000 0000000000000000", -340882661,
			  1, 1);
	one[0] = &decimal20_type;
	value = int_value(0);
	value.as.dec128 = 12345;
	check_row(one, &value, 1,
			  "0000000000000000 0200000010000000 3039000000000000 "
			  "0000000000000000",
			  0, 0, 0);
}

/* Goal: bits of fields beyond the 56th lie in a second word. */
TEST(many_fields)
{
	PmnTestEnv env;
	PmnBuffer row;
	const PmnType *types[57];
	PmnValue values[57];

	pmn_test_env_init(&env);
	pmn_buffer_init(&row, &env.base);
	for (int i = 0; i < 57; i++)
	{
		types[i] = &int_type;
		values[i] = null_value();
	}
	CHECK_OK(&env, pmn_row_append(&row, types, values, 56));
	CHECK(row.size == 8 + 56 * 8 && row.data[7] == 0xFF);
	pmn_buffer_reset(&row);
	CHECK_OK(&env, pmn_row_append(&row, types, values, 57));
	CHECK(row.size == 16 + 57 * 8 && row.data[8] == 1);
	pmn_buffer_free(&row);
}

/* Goal: what is written is read back, for random rows of every type. */
TEST(round_trip)
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnBuffer row;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	pmn_buffer_init(&row, &env.base);
	for (int round = 0; round < 500; round++)
	{
		const PmnType *types[8];
		PmnValue values[8];
		PmnValue again[8];
		uint32_t arity = pmn_test_below(&env, 9);

		for (uint32_t i = 0; i < arity; i++)
		{
			types[i] = &random_types[pmn_test_below(&env, RANDOM_TYPE_COUNT)];
			values[i] = random_value(&env, arena, types[i]);
			values[i].is_null = pmn_test_below(&env, 4) == 0;
		}
		pmn_buffer_reset(&row);
		CHECK_OK(&env, pmn_row_append_serialized(&row, types, values, arity));
		CHECK(pmn_row_arity(pmn_bytes(row.data, row.size)) == (int32_t) arity);
		CHECK_OK(&env, pmn_row_parse(&env.base, pmn_bytes(row.data, row.size),
									 types, arity, again));
		for (uint32_t i = 0; i < arity; i++)
		{
			bool is_bytes = pmn_type_vector_kind(types[i]) == PMN_VECTOR_BYTES;

			CHECK(values[i].is_null == again[i].is_null);
			if (values[i].is_null)
				continue;
			if (is_bytes)
				CHECK(pmn_bytes_equal(values[i].as.bytes, again[i].as.bytes));
			else if (pmn_type_vector_kind(types[i]) == PMN_VECTOR_DEC128)
				CHECK(values[i].as.dec128 == again[i].as.dec128);
			else if (pmn_type_vector_kind(types[i]) == PMN_VECTOR_TS96)
				CHECK(values[i].as.ts96.millis == again[i].as.ts96.millis &&
					  values[i].as.ts96.nano == again[i].as.ts96.nano);
			else if (types[i]->kind == PMN_TYPE_FLOAT ||
					 types[i]->kind == PMN_TYPE_DOUBLE)
				CHECK(values[i].as.f64 == again[i].as.f64 ||
					  isnan(values[i].as.f64));
			else
				CHECK(values[i].as.i64 == again[i].as.i64);
		}
		pmn_arena_reset(arena);
	}
	pmn_buffer_free(&row);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

/* Goal: damaged rows are refused and never read out of bounds. */
TEST(damaged_rows)
{
	PmnTestEnv env;
	PmnBuffer row;
	const PmnType *types[2] = {&string_type, &decimal20_type};
	PmnValue values[2] = {text_value("longer than seven"), int_value(0)};
	PmnValue again[2];
	uint8_t *slots;

	pmn_test_env_init(&env);
	pmn_buffer_init(&row, &env.base);
	CHECK_OK(&env, pmn_row_append_serialized(&row, types, values, 2));
	slots = row.data + 4 + 8;
	for (uint32_t size = 0; size < row.size; size++)
	{
		PmnCode code = pmn_row_parse(&env.base, pmn_bytes(row.data, size),
									 types, 2, again);

		CHECK(code == PMN_CORRUPT || size >= 4 + 8 + 16 + 24 + 1);
	}
	slots[7] = 0x88;
	CHECK(pmn_row_parse(&env.base, pmn_bytes(row.data, row.size), types, 2,
						again) == PMN_CORRUPT);
	slots[7] = 0x7F;
	CHECK(pmn_row_parse(&env.base, pmn_bytes(row.data, row.size), types, 2,
						again) == PMN_CORRUPT);
	slots[7] = 0x80;
	slots[8] = 17;
	CHECK(pmn_row_parse(&env.base, pmn_bytes(row.data, row.size), types, 2,
						again) == PMN_CORRUPT);
	slots[8] = 0;
	CHECK(pmn_row_parse(&env.base, pmn_bytes(row.data, row.size), types, 2,
						again) == PMN_CORRUPT);
	CHECK(pmn_row_parse(&env.base, pmn_bytes(row.data, row.size), types, 1,
						again) == PMN_CORRUPT);
	pmn_buffer_free(&row);
}

/* Goal: nested types are refused unless null, both ways. */
TEST(nested_types)
{
	PmnTestEnv env;
	PmnBuffer row;
	PmnType array = {.kind = PMN_TYPE_ARRAY, .element = &int_type};
	const PmnType *types[1] = {&array};
	PmnValue value = null_value();

	pmn_test_env_init(&env);
	pmn_buffer_init(&row, &env.base);
	CHECK_OK(&env, pmn_row_append_serialized(&row, types, &value, 1));
	CHECK_OK(&env, pmn_row_parse(&env.base, pmn_bytes(row.data, row.size),
								 types, 1, &value));
	CHECK(value.is_null);
	row.data[5] = 0;
	CHECK(pmn_row_parse(&env.base, pmn_bytes(row.data, row.size), types, 1,
						&value) == PMN_UNSUPPORTED);
	pmn_buffer_reset(&row);
	value = int_value(1);
	CHECK(pmn_row_append(&row, types, &value, 1) == PMN_UNSUPPORTED);
	CHECK(row.size == 0);
	pmn_buffer_free(&row);
}

/* Goal: mod is a floor modulus of one integer and nothing else. */
TEST(bucket_mod)
{
	PmnTestEnv env;
	PmnBuffer row;
	const PmnType *types[2] = {&int_type, &string_type};
	PmnValue values[2] = {int_value(-1), text_value("a")};
	int32_t bucket;

	pmn_test_env_init(&env);
	pmn_buffer_init(&row, &env.base);
	CHECK_OK(&env,
			 pmn_bucket_of(PMN_BUCKET_MOD, types, values, 1, 5, &row, &bucket));
	CHECK(bucket == 4);
	values[0] = null_value();
	CHECK_OK(&env,
			 pmn_bucket_of(PMN_BUCKET_MOD, types, values, 1, 5, &row, &bucket));
	CHECK(bucket == 0);
	CHECK(pmn_bucket_of(PMN_BUCKET_MOD, types, values, 2, 5, &row, &bucket) ==
		  PMN_UNSUPPORTED);
	CHECK(pmn_bucket_of(PMN_BUCKET_MOD, types + 1, values + 1, 1, 5, &row,
						&bucket) == PMN_UNSUPPORTED);
	pmn_buffer_free(&row);
}

static int32_t
hive_bucket(PmnTestEnv *env, const PmnType *type, PmnValue value,
			int32_t buckets)
{
	PmnBuffer row;
	int32_t bucket = -1;

	pmn_buffer_init(&row, &env->base);
	CHECK_OK(env, pmn_bucket_of(PMN_BUCKET_HIVE, &type, &value, 1, buckets,
								&row, &bucket));
	pmn_buffer_free(&row);
	return bucket;
}

/* Goal: hive hashes are Java's hashCode of each value. */
TEST(bucket_hive)
{
	static const int32_t numbers[] = {84, 19, 8};
	static const char *const texts[] = {"val_84", "val_19", "val_8"};
	static const int32_t hashes[] = {-823832826, -823835053, 111972242};
	PmnTestEnv env;
	PmnBuffer row;
	PmnType decimal = {.kind = PMN_TYPE_DECIMAL, .precision = 30, .scale = 2};
	PmnType real = {.kind = PMN_TYPE_DOUBLE};
	const PmnType *types[1] = {&ts6_type};
	PmnValue value = int_value(0);
	int32_t bucket;

	pmn_test_env_init(&env);
	pmn_buffer_init(&row, &env.base);
	CHECK(hive_bucket(&env, &int_type, int_value(-1), 1000) ==
		  0x7fffffff % 1000);
	CHECK(hive_bucket(&env, &bigint_type, int_value(-42), 1000) == 41);
	value.as.dec128 = 1200;
	CHECK(hive_bucket(&env, &decimal, value, 1000) == 12 * 31);
	value.as.dec128 = -1230;
	CHECK(hive_bucket(&env, &decimal, value, 0x7fffffff) ==
		  (int32_t) ((uint32_t) (-123 * 31 + 1) & 0x7fffffff));
	value.as.f64 = -0.0;
	CHECK(hive_bucket(&env, &real, value, 1000) == 0);
	value.as.f64 = 1.0;
	CHECK(hive_bucket(&env, &real, value, 0x7fffffff) == 0x3ff00000);
	CHECK(hive_bucket(&env, &int_type, null_value(), 7) == 0);
	for (size_t i = 0; i < 3; i++)
	{
		const PmnType *pair[2] = {&int_type, &string_type};
		PmnValue values[2] = {int_value(numbers[i]), text_value(texts[i])};

		CHECK_OK(&env, pmn_bucket_of(PMN_BUCKET_HIVE, pair, values, 2,
									 0x7fffffff, &row, &bucket));
		CHECK(bucket == (int32_t) ((uint32_t) hashes[i] & 0x7fffffff));
	}
	CHECK(pmn_bucket_of(PMN_BUCKET_HIVE, types, &value, 1, 4, &row, &bucket) ==
		  PMN_UNSUPPORTED);
	pmn_buffer_free(&row);
}

/* Goal: no allocation failure leaks or leaves half a row. */
TEST(allocation_failures)
{
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY && step < 50; step++)
	{
		PmnTestEnv env;
		PmnBuffer row;
		const PmnType *types[2] = {&string_type, &decimal20_type};
		PmnValue values[2] = {text_value("a value of some length, so that "
										 "the row must grow more than once"),
							  int_value(0)};

		pmn_test_env_fail_at(&env, step);
		pmn_buffer_init(&row, &env.base);
		code = pmn_row_append_serialized(&row, types, values, 2);
		CHECK(code == PMN_OK || row.size == 0);
		pmn_buffer_free(&row);
		CHECK(env.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
}

int
main(void)
{
	RUN(documented_examples);
	RUN(many_fields);
	RUN(round_trip);
	RUN(damaged_rows);
	RUN(nested_types);
	RUN(bucket_mod);
	RUN(bucket_hive);
	RUN(allocation_failures);
	TEST_END();
}
