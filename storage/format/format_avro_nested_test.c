/*
 * format_avro_nested_test.c
 *
 * Arrays, maps and records of Avro files: made by hand, in every order and
 * form that the format allows, and Java's (PMN_FIXTURES), whole and damaged.
 */
#include "format_avro_testing.h"
#include "format_testing.h"

static const PmnType int_type = {.kind = PMN_TYPE_INT};
static const PmnType text_type = {.kind = PMN_TYPE_VARCHAR,
								  .length = PMN_LENGTH_MAX};
static const PmnType texts_type = {.kind = PMN_TYPE_ARRAY,
								   .element = &text_type};

/* a: ARRAY<STRING>, b: INT, c: BIGINT (not in the file) */
static const PmnField row_fields[] = {
	{1,
	 "a",
	 {.kind = PMN_TYPE_ARRAY, .element = &text_type, .is_nullable = true},
	 NULL,
	 NULL},
	{2, "c", {.kind = PMN_TYPE_BIGINT}, NULL, NULL},
	{3, "b", {.kind = PMN_TYPE_INT}, NULL, NULL}};

static PmnFormatColumn
nested_column(PmnTypeKind kind, const PmnType *key, const PmnType *element)
{
	PmnFormatColumn column = {
		"c", 0, {.kind = kind, .key = key, .element = element}};

	if (kind == PMN_TYPE_ROW)
	{
		column.type.fields = row_fields;
		column.type.field_count = 3;
	}
	return column;
}

static void
read_int_slot(PmnNestedReader *reader, int64_t expected)
{
	PmnValue value;

	CHECK(pmn_nested_read_slot(reader, PMN_VECTOR_I32, &value));
	CHECK(!value.is_null && value.as.i64 == expected);
}

static PmnNestedReader
read_nested_slot(PmnNestedReader *reader)
{
	PmnValue value;

	CHECK(pmn_nested_read_slot(reader, PMN_VECTOR_BYTES, &value));
	CHECK(!value.is_null);
	return pmn_nested_reader(value.as.bytes);
}

static void
read_text_slot(PmnNestedReader *reader, const char *expected)
{
	PmnValue value;

	CHECK(pmn_nested_read_slot(reader, PMN_VECTOR_BYTES, &value));
	CHECK(value.is_null == (expected == NULL));
	CHECK(expected == NULL ||
		  pmn_bytes_equal(value.as.bytes, pmn_bytes_string(expected)));
}

/* The value of the only row. */
static PmnNestedReader
read_one(AvroFixture *f, const PmnFormatColumn *column)
{
	PmnValue value = {.is_null = true};

	f->avro.count = 1;
	test_avro_end_block(&f->avro);
	CHECK_OK(&f->env, test_avro_open(f, column, 1));
	CHECK_OK(&f->env, test_avro_next(f));
	CHECK(f->batch != NULL && f->batch->row_count == 1);
	if (f->batch != NULL)
		value = pmn_vector_value(&f->batch->columns[0], 0);
	CHECK(!value.is_null);
	return pmn_nested_reader(value.as.bytes);
}

#define RECORD_AB(first, second)                                               \
	"{\"type\":\"record\",\"name\":\"r\",\"fields\":[" first                   \
	",{\"name\":\"x\",\"type\":\"string\"}," second "]}"
#define FIELD_A                                                                \
	"{\"name\":\"a\",\"type\":[\"null\",{\"type\":\"array\",\"items\":"        \
	"[\"string\",\"null\"]}]}"
#define FIELD_B "{\"name\":\"b\",\"type\":\"int\"}"

static void
put_a(TestAvro *avro)
{
	test_avro_long(avro, 1);
	/* A block with its size, one without. */
	test_avro_long(avro, -2);
	test_avro_long(avro, 5);
	test_avro_raw(avro, "\x00\x04pq\x02", 5);
	test_avro_long(avro, 1);
	test_avro_raw(avro, "\x00\x02z", 3);
	test_avro_long(avro, 0);
}

/* Goal: fields of a record go to the type's order, with null for what is
 * missing and nothing for what is not wanted, whatever the file's order. */
TEST(records_by_name)
{
	PmnFormatColumn column = nested_column(PMN_TYPE_ROW, NULL, NULL);

	for (int order = 0; order < 2; order++)
	{
		AvroFixture f;
		PmnNestedReader row;
		PmnNestedReader array;
		PmnValue value;
		uint32_t count;

		test_avro_start_one(&f, order == 0 ? RECORD_AB(FIELD_A, FIELD_B)
										   : RECORD_AB(FIELD_B, FIELD_A));
		if (order == 0)
			put_a(&f.avro);
		else
			test_avro_long(&f.avro, -77);
		test_avro_string(&f.avro, "skipped");
		if (order != 0)
			put_a(&f.avro);
		else
			test_avro_long(&f.avro, -77);
		row = read_one(&f, &column);
		array = read_nested_slot(&row);
		CHECK(pmn_nested_read_count(&array, &count) && count == 3);
		read_text_slot(&array, "pq");
		read_text_slot(&array, NULL);
		read_text_slot(&array, "z");
		CHECK(array.at == array.end);
		CHECK(pmn_nested_read_slot(&row, PMN_VECTOR_I64, &value));
		CHECK(value.is_null);
		read_int_slot(&row, -77);
		CHECK(row.at == row.end);
		test_avro_stop(&f);
	}
}

/* Goal: both forms of a map give keys and values, and so do multisets. */
TEST(maps_of_both_forms)
{
	PmnFormatColumn map = nested_column(PMN_TYPE_MAP, &int_type, &texts_type);
	PmnFormatColumn multiset =
		nested_column(PMN_TYPE_MULTISET, NULL, &text_type);
	AvroFixture f;
	PmnNestedReader reader;
	PmnNestedReader array;
	uint32_t count;

	/* The value first, though it is the second slot. */
	test_avro_start_one(
		&f, "{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":"
			"\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"value\","
			"\"type\":{\"type\":\"array\",\"items\":\"string\"}},{\"name\":"
			"\"key\",\"type\":\"int\"}]}}");
	test_avro_long(&f.avro, 2);
	test_avro_raw(&f.avro, "\x02\x02u\x00\x0a", 5);
	test_avro_raw(&f.avro, "\x00\x0c", 2);
	test_avro_long(&f.avro, 0);
	reader = read_one(&f, &map);
	CHECK(pmn_nested_read_count(&reader, &count) && count == 2);
	read_int_slot(&reader, 5);
	array = read_nested_slot(&reader);
	CHECK(pmn_nested_read_count(&array, &count) && count == 1);
	read_text_slot(&array, "u");
	read_int_slot(&reader, 6);
	array = read_nested_slot(&reader);
	CHECK(pmn_nested_read_count(&array, &count) && count == 0);
	CHECK(reader.at == reader.end);
	/* Its keys are no texts. */
	CHECK(test_avro_open(&f, &multiset, 1) == PMN_CORRUPT);
	test_avro_stop(&f);

	test_avro_start_one(&f, "{\"type\":\"map\",\"values\":\"int\"}");
	test_avro_long(&f.avro, 2);
	test_avro_raw(&f.avro, "\x04kk\x06\x00\x02", 6);
	test_avro_long(&f.avro, 0);
	reader = read_one(&f, &multiset);
	CHECK(pmn_nested_read_count(&reader, &count) && count == 2);
	read_text_slot(&reader, "kk");
	read_int_slot(&reader, 3);
	read_text_slot(&reader, "");
	read_int_slot(&reader, 1);
	CHECK(reader.at == reader.end);
	CHECK(test_avro_open(&f, &map, 1) == PMN_CORRUPT);
	test_avro_stop(&f);
}

/* Goal: counts that lie, and types that do not fit, are PMN_CORRUPT. */
TEST(lies_are_found)
{
	PmnFormatColumn array = nested_column(PMN_TYPE_ARRAY, NULL, &int_type);
	PmnFormatColumn row = nested_column(PMN_TYPE_ROW, NULL, NULL);
	static const char *const counts[] = {
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", /* the least of all */
		"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x06\x02\x02\x02\x02",
		"\x02\x02", "\x80"};
	AvroFixture f;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
	{
		test_avro_start_one(&f, "{\"type\":\"array\",\"items\":\"int\"}");
		test_avro_raw(&f.avro, counts[i], strlen(counts[i]));
		f.avro.count = 1;
		test_avro_end_block(&f.avro);
		CHECK_OK(&f.env, test_avro_open(&f, &array, 1));
		CHECK(test_avro_next(&f) == PMN_CORRUPT);
		CHECK(strstr(f.env.base.error.message, "/t/f.avro") != NULL);
		CHECK(test_avro_open(&f, &row, 1) == PMN_CORRUPT);
		test_avro_stop(&f);
	}
	/* Items without bytes are nothing that the file's size bounds. */
	test_avro_start_one(&f, "{\"type\":\"array\",\"items\":{\"type\":"
							"\"record\",\"name\":\"e\",\"fields\":[]}}");
	row.type =
		(PmnType){.kind = PMN_TYPE_ARRAY, .element = &row_fields[0].type};
	array.type.element = &(PmnType){
		.kind = PMN_TYPE_ROW, .fields = row_fields, .field_count = 3};
	test_avro_long(&f.avro, INT64_MAX);
	f.avro.count = 1;
	test_avro_end_block(&f.avro);
	CHECK_OK(&f.env, test_avro_open(&f, &array, 1));
	CHECK(test_avro_next(&f) == PMN_CORRUPT);
	CHECK(test_avro_open(&f, &row, 1) == PMN_CORRUPT);
	test_avro_stop(&f);
}

/* ---- Java's files ---------------------------------------------------------- */

static Fixture golden;

/* Goal: what Java wrote reads as Java reads it. */
TEST(java_files_read_alike)
{
	static const char *const names[] = {"nested_append_avro",
										"types_append_avro"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		uint32_t rows = 0;

		open_fixture(&golden, &pmn_format_avro, names[i]);
		for_each_file(&golden, check_file);
		for (size_t r = 0; r < IDS; r++)
			rows += golden.rows[r] != NULL;
		CHECK(golden.wrong == 0);
		CHECK(golden.checked == rows);
		close_fixture(&golden);
	}
}

static uint32_t codes[PMN_IO + 1];

static void
damage_file(Fixture *fixture, const char *path)
{
	PmnBytes bytes = load_file(fixture, path);
	uint8_t *copy = pmn_arena_alloc(fixture->arena, bytes.size);
	AvroFixture f;
	uint64_t rows;

	test_avro_start(&f, "\"int\"", PMN_CODEC_NONE);
	for (uint32_t i = 0; i < 600; i++)
	{
		PmnCode code;

		memcpy(copy, bytes.data, bytes.size);
		for (uint32_t flip = 0; flip <= i % 3; flip++)
			copy[pmn_test_below(&f.env, bytes.size)] ^=
				(uint8_t) (1u << pmn_test_below(&f.env, 8));
		code = test_avro_open_bytes(&f, pmn_bytes(copy, bytes.size),
									fixture->columns, fixture->column_count);
		if (code == PMN_OK)
			code = test_avro_read_all(&f, &rows);
		codes[code]++;
	}
	test_avro_stop(&f);
}

/* Fail each allocation of reading the file in turn. */
static void
starve_file(Fixture *fixture, const char *path)
{
	PmnBytes bytes = load_file(fixture, path);
	uint64_t step = 0;
	AvroFixture f;
	uint64_t rows;
	PmnCode code;

	test_avro_start(&f, "\"int\"", PMN_CODEC_NONE);
	do
	{
		f.env.fail_step = f.env.step + step++;
		code = test_avro_open_bytes(&f, bytes, fixture->columns,
									fixture->column_count);
		if (code == PMN_OK)
			code = test_avro_read_all(&f, &rows);
		f.env.fail_step = UINT64_MAX;
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
	} while (code == PMN_NO_MEMORY && step < 1000);
	CHECK(code == PMN_OK && step > 5);
	test_avro_stop(&f);
}

/* Goal: damaged copies fail or read, and so does a lack of memory. */
TEST(java_files_damaged)
{
	open_fixture(&golden, &pmn_format_avro, "nested_append_avro");
	for_each_file(&golden, damage_file);
	printf("# mutants: %u read, %u corrupt, %u unsupported\n", codes[PMN_OK],
		   codes[PMN_CORRUPT], codes[PMN_UNSUPPORTED]);
	CHECK(codes[PMN_INVALID] + codes[PMN_NO_MEMORY] + codes[PMN_IO] == 0);
	for_each_file(&golden, starve_file);
	close_fixture(&golden);
}

int
main(void)
{
	RUN(records_by_name);
	RUN(maps_of_both_forms);
	RUN(lies_are_found);
	if (getenv("PMN_FIXTURES") == NULL)
	{
		printf("# skipped: PMN_FIXTURES is not set\n");
		TEST_END();
	}
	RUN(java_files_read_alike);
	RUN(java_files_damaged);
	TEST_END();
}
