/*
 * type_nested_test.c
 *
 * Nested values: what is written is read, lengths that lie are refused, and
 * every failing allocation is an error.
 */
#include "../testing/testing.h"
#include "../include/pmn_nested.h"

static PmnValue
int_value(int64_t value)
{
	PmnValue out = {.as.i64 = value};

	return out;
}

/* [row(7, "abc"), null, row(null, "")] of ARRAY<ROW<INT, STRING>> */
static PmnCode
write_rows(PmnNestedWriter *writer)
{
	PmnValue seven = int_value(7);
	PmnValue null = {.is_null = true};
	PmnValue text = {.as.bytes = {(const uint8_t *) "abc", 3}};
	PmnValue empty = {.as.bytes = {NULL, 0}};
	size_t mark;

	PMN_TRY(pmn_nested_write_count(writer, 3));
	PMN_TRY(pmn_nested_begin(writer, &mark));
	PMN_TRY(pmn_nested_write_slot(writer, PMN_VECTOR_I32, &seven));
	PMN_TRY(pmn_nested_write_slot(writer, PMN_VECTOR_BYTES, &text));
	pmn_nested_end(writer, mark);
	PMN_TRY(pmn_nested_write_slot(writer, PMN_VECTOR_BYTES, &null));
	PMN_TRY(pmn_nested_begin(writer, &mark));
	PMN_TRY(pmn_nested_write_slot(writer, PMN_VECTOR_I32, &null));
	PMN_TRY(pmn_nested_write_slot(writer, PMN_VECTOR_BYTES, &empty));
	pmn_nested_end(writer, mark);
	return PMN_OK;
}

/* Goal: rows within an array come back, nulls and empty text included. */
TEST(rows_in_an_array)
{
	PmnTestEnv env;
	PmnNestedWriter writer;
	PmnNestedReader reader;
	PmnNestedReader row;
	PmnValue value;
	uint32_t count;

	pmn_test_env_init(&env);
	pmn_nested_writer_init(&writer, &env.base);
	CHECK_OK(&env, write_rows(&writer));
	reader = pmn_nested_reader(pmn_nested_bytes(&writer));
	CHECK(pmn_nested_read_count(&reader, &count) && count == 3);
	CHECK(pmn_nested_read_slot(&reader, PMN_VECTOR_BYTES, &value));
	row = pmn_nested_reader(value.as.bytes);
	CHECK(pmn_nested_read_slot(&row, PMN_VECTOR_I32, &value));
	CHECK(!value.is_null && value.as.i64 == 7);
	CHECK(pmn_nested_read_slot(&row, PMN_VECTOR_BYTES, &value));
	CHECK(value.as.bytes.size == 3 && value.as.bytes.data[2] == 'c');
	CHECK(pmn_nested_read_slot(&reader, PMN_VECTOR_BYTES, &value));
	CHECK(value.is_null);
	CHECK(pmn_nested_read_slot(&reader, PMN_VECTOR_BYTES, &value));
	row = pmn_nested_reader(value.as.bytes);
	CHECK(pmn_nested_read_slot(&row, PMN_VECTOR_I32, &value) && value.is_null);
	CHECK(pmn_nested_read_slot(&row, PMN_VECTOR_BYTES, &value));
	CHECK(!value.is_null && value.as.bytes.size == 0);
	CHECK(!pmn_nested_read_slot(&row, PMN_VECTOR_I32, &value));
	CHECK(!pmn_nested_read_slot(&reader, PMN_VECTOR_I32, &value));
	pmn_nested_writer_free(&writer);
	CHECK(env.live_bytes == 0);
}

/* Goal: elements of every vector kind come back as they were. */
TEST(elements_of_each_kind)
{
	PmnTestEnv env;
	PmnNestedWriter writer;
	PmnTimestamp times[] = {{-1, 999999}, {5, 1}};
	PmnInt128 decimals[] = {-1, (PmnInt128) 1 << 100};
	float reals[] = {1.5f, -0.0f};
	uint8_t nulls[] = {1, 0};
	PmnVector columns[] = {{PMN_VECTOR_TS96, NULL, times},
						   {PMN_VECTOR_DEC128, NULL, decimals},
						   {PMN_VECTOR_F32, nulls, reals}};
	PmnNestedReader reader;
	PmnValue value;

	pmn_test_env_init(&env);
	pmn_nested_writer_init(&writer, &env.base);
	for (int i = 0; i < 3; i++)
		CHECK_OK(&env, pmn_nested_write_element(&writer, &columns[i], 0));
	CHECK_OK(&env, pmn_nested_write_element(&writer, &columns[2], 1));
	reader = pmn_nested_reader(pmn_nested_bytes(&writer));
	CHECK(pmn_nested_read_slot(&reader, PMN_VECTOR_TS96, &value));
	CHECK(value.as.ts96.millis == -1 && value.as.ts96.nano == 999999);
	CHECK(pmn_nested_read_slot(&reader, PMN_VECTOR_DEC128, &value));
	CHECK(value.as.dec128 == -1);
	CHECK(pmn_nested_read_slot(&reader, PMN_VECTOR_F32, &value));
	CHECK(value.is_null);
	CHECK(pmn_nested_read_slot(&reader, PMN_VECTOR_F32, &value));
	CHECK(!value.is_null && value.as.f64 == 0);
	pmn_nested_writer_free(&writer);
	CHECK(env.live_bytes == 0);
}

/* Goal: every cut and every changed length ends in false, not outside. */
TEST(lengths_that_lie)
{
	PmnTestEnv env;
	PmnNestedWriter writer;
	uint8_t copy[64];
	PmnValue value;
	uint32_t count;

	pmn_test_env_init(&env);
	pmn_nested_writer_init(&writer, &env.base);
	CHECK_OK(&env, write_rows(&writer));
	CHECK(writer.size < sizeof(copy));
	for (uint32_t size = 0; size < writer.size; size++)
	{
		PmnBytes cut = {copy, size};
		PmnNestedReader reader = pmn_nested_reader(cut);

		for (uint32_t i = 0; i < size; i++)
			copy[i] = writer.data[i] ^ (uint8_t) (i == size / 2 ? 0x80 : 0);
		if (!pmn_nested_read_count(&reader, &count))
			continue;
		CHECK(count <= size);
		while (pmn_nested_read_slot(&reader, PMN_VECTOR_BYTES, &value))
			CHECK(value.is_null || value.as.bytes.size <= size);
		CHECK(reader.at == reader.end);
	}
	pmn_nested_writer_free(&writer);
}

/* Goal: without memory there is an error and nothing is left. */
TEST(no_memory)
{
	for (uint64_t step = 0; step < 3; step++)
	{
		PmnTestEnv env;
		PmnNestedWriter writer;
		PmnCode code;

		pmn_test_env_fail_at(&env, step);
		pmn_nested_writer_init(&writer, &env.base);
		code = write_rows(&writer);
		CHECK(code == PMN_NO_MEMORY || env.step <= step);
		pmn_nested_writer_free(&writer);
		CHECK(env.live_bytes == 0);
	}
}

int
main(void)
{
	RUN(rows_in_an_array);
	RUN(elements_of_each_kind);
	RUN(lengths_that_lie);
	RUN(no_memory);
	TEST_END();
}
