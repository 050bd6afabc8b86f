/*
 * format_avro_test.c
 *
 * Avro data files made by hand and read back: every type in every shape,
 * units of time, fields to be skipped, blocks of all codecs, damage, memory.
 * Files of Paimon itself are read by table_golden_test and through SQL.
 */
#include "format_avro_testing.h"

/* End the block of one record, open the file, read the row. */
static PmnCode
read_one(AvroFixture *f, const PmnFormatColumn *column, PmnValue *out)
{
	f->avro.count = 1;
	test_avro_end_block(&f->avro);
	PMN_TRY(test_avro_open(f, column, 1));
	PMN_TRY(test_avro_next(f));
	CHECK(f->batch != NULL && f->batch->row_count == 1);
	if (f->batch != NULL)
		*out = pmn_vector_value(&f->batch->columns[0], 0);
	return PMN_OK;
}

/* ---- all types --------------------------------------------------------- */

#define ROWS 20000
#define TYPES 16

static const struct
{
	const char *avro;
	PmnType type;
} all_types[TYPES] = {
	{"\"boolean\"", {.kind = PMN_TYPE_BOOLEAN}},
	{"\"int\"", {.kind = PMN_TYPE_TINYINT}},
	{"\"int\"", {.kind = PMN_TYPE_SMALLINT}},
	{"\"int\"", {.kind = PMN_TYPE_INT}},
	{"\"long\"", {.kind = PMN_TYPE_BIGINT}},
	{"\"float\"", {.kind = PMN_TYPE_FLOAT}},
	{"\"double\"", {.kind = PMN_TYPE_DOUBLE}},
	{"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,"
	 "\"scale\":2}",
	 {.kind = PMN_TYPE_DECIMAL, .precision = 9, .scale = 2}},
	{"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":38,"
	 "\"scale\":0}",
	 {.kind = PMN_TYPE_DECIMAL, .precision = 38}},
	{"\"string\"", {.kind = PMN_TYPE_VARCHAR, .length = PMN_LENGTH_MAX}},
	{"\"bytes\"", {.kind = PMN_TYPE_VARBINARY, .length = PMN_LENGTH_MAX}},
	{"{\"type\":\"int\",\"logicalType\":\"date\"}", {.kind = PMN_TYPE_DATE}},
	{"{\"type\":\"int\",\"logicalType\":\"time-millis\"}",
	 {.kind = PMN_TYPE_TIME, .precision = 3}},
	{"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}",
	 {.kind = PMN_TYPE_TIMESTAMP, .precision = 3}},
	{"{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}",
	 {.kind = PMN_TYPE_TIMESTAMP_LTZ, .precision = 6}},
	{"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}",
	 {.kind = PMN_TYPE_TIMESTAMP, .precision = 9}},
};

/* Each type NOT NULL, as [null, T] and as [T, null]. */
#define COLUMNS (3 * TYPES)

static uint64_t
mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a + 1) * 0x9e3779b97f4a7c15u + b * 0xbf58476d1ce4e5b9u;

	x ^= x >> 31;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 29;
}

static bool
is_null_at(uint32_t column, uint64_t row)
{
	if (column < TYPES || row / 500 % 3 == 0)
		return false;
	return mix(column, row) % 3 == 0;
}

static uint32_t
pick_bytes(uint32_t column, uint64_t row, uint8_t *dst)
{
	uint64_t random = mix(column, row);
	uint32_t size = (uint32_t) (random % 40);

	if (row % 1999 == 0)
		size = 3000;
	for (uint32_t i = 0; i < size; i++)
		dst[i] = (uint8_t) (mix(random, i) % 26 + 'a');
	return size;
}

/* Values of all types but byte strings as one number. */
static PmnInt128
pick_number(uint32_t column, uint64_t row)
{
	uint64_t random = mix(column, row);
	int64_t small = (int64_t) (random >> (row % 64)) * (row % 2 == 0 ? 1 : -1);
	PmnInt128 wide = (PmnInt128) small * (int64_t) (random >> 8 | 1);

	switch (column % TYPES)
	{
		case 0:
			return (PmnInt128) (random % 2);
		case 1:
			return (int8_t) small;
		case 2:
			return (int16_t) small;
		case 3:
		case 5:
		case 11:
			return (int32_t) small;
		case 7:
			return small % 1000000000;
		case 8:
			return wide;
		case 12:
			return (PmnInt128) (random % 86400000);
		default:
			return small;
	}
}

/* Minimal big-endian two's complement. */
static void
put_decimal(TestAvro *avro, PmnInt128 value)
{
	uint8_t bytes[16];
	uint32_t first = 0;

	for (uint32_t i = 0; i < 16; i++)
		bytes[i] = (uint8_t) ((PmnUint128) value >> (8 * (15 - i)));
	while (first < 15 && ((bytes[first] == 0 && bytes[first + 1] < 0x80) ||
						  (bytes[first] == 0xff && bytes[first + 1] >= 0x80)))
		first++;
	test_avro_bytes(avro, bytes + first, 16 - first);
}

static void
put_value(TestAvro *avro, uint32_t column, uint64_t row)
{
	uint8_t bytes[3000];
	PmnInt128 number = pick_number(column, row);
	float single = (float) (int32_t) number;
	double real = (double) (int64_t) number;

	switch (column % TYPES)
	{
		case 0:
			bytes[0] = (uint8_t) number;
			test_avro_raw(avro, bytes, 1);
			break;
		case 5:
			test_avro_raw(avro, &single, sizeof(single));
			break;
		case 6:
			test_avro_raw(avro, &real, sizeof(real));
			break;
		case 7:
		case 8:
			put_decimal(avro, number);
			break;
		case 9:
		case 10:
			test_avro_bytes(avro, bytes, pick_bytes(column, row, bytes));
			break;
		default:
			test_avro_long(avro, (int64_t) number);
			break;
	}
}

static void
put_cell(TestAvro *avro, uint32_t column, uint64_t row)
{
	bool is_null = is_null_at(column, row);

	if (column >= TYPES)
		test_avro_long(avro, (column < 2 * TYPES) == is_null ? 0 : 1);
	if (!is_null)
		put_value(avro, column, row);
}

static bool
value_is(const PmnVector *vector, uint32_t at, uint32_t column, uint64_t row)
{
	PmnValue value = pmn_vector_value(vector, at);
	PmnInt128 number = pick_number(column, row);
	uint8_t bytes[3000];

	if (is_null_at(column, row) || value.is_null)
		return is_null_at(column, row) && value.is_null;
	switch (column % TYPES)
	{
		case 5:
			return value.as.f64 == (double) (float) (int32_t) number;
		case 6:
			return value.as.f64 == (double) (int64_t) number;
		case 8:
			return value.as.dec128 == number;
		case 9:
		case 10:
			return pmn_bytes_equal(
				value.as.bytes,
				pmn_bytes(bytes, pick_bytes(column, row, bytes)));
		case 15:
			return value.as.ts96.nano >= 0 && value.as.ts96.nano < 1000000 &&
				   value.as.ts96.millis * (PmnInt128) 1000 +
						   value.as.ts96.nano / 1000 ==
					   number;
		default:
			return value.as.i64 == (int64_t) number;
	}
}

static void
make_all(AvroFixture *f, PmnCodec codec, PmnFormatColumn *columns,
		 char (*names)[8])
{
	char schema[8192] = TEST_AVRO_ROOT;
	size_t size = strlen(schema);

	for (uint32_t c = 0; c < COLUMNS; c++)
	{
		const char *type = all_types[c % TYPES].avro;
		const char *before = c < TYPES		 ? ""
							 : c < 2 * TYPES ? "[\"null\","
											 : "[";
		const char *after = c < TYPES ? "" : c < 2 * TYPES ? "]" : ",\"null\"]";

		snprintf(names[c], 8, "c%" PRIu32, c);
		columns[c] = (PmnFormatColumn){.name = names[c],
									   .type = all_types[c % TYPES].type};
		columns[c].type.is_nullable = c >= TYPES;
		size +=
			(size_t) snprintf(schema + size, sizeof(schema) - size,
							  "%s{\"name\":\"%s\",\"type\":%s%s%s}",
							  c > 0 ? "," : "", names[c], before, type, after);
	}
	snprintf(schema + size, sizeof(schema) - size, "]}");
	test_avro_start(f, schema, codec);
	for (uint64_t row = 0; row < ROWS; row++)
	{
		for (uint32_t c = 0; c < COLUMNS; c++)
			put_cell(&f->avro, c, row);
		f->avro.count++;
		if (f->avro.block.size > 64000 || row + 1 == ROWS)
			test_avro_end_block(&f->avro);
	}
}

static void
check_all(AvroFixture *f, const uint32_t *wanted, uint32_t count)
{
	uint64_t row = 0;
	uint64_t wrong = 0;

	CHECK(f->reader->row_count == PMN_ROW_COUNT_UNKNOWN);
	while (true)
	{
		CHECK_OK(&f->env, test_avro_next(f));
		if (f->batch == NULL)
			break;
		CHECK(f->first_row == row);
		CHECK(f->batch->column_count == count);
		for (uint32_t i = 0; i < count; i++)
			for (uint32_t r = 0; r < f->batch->row_count; r++)
				wrong +=
					!value_is(&f->batch->columns[i], r, wanted[i], row + r);
		row += f->batch->row_count;
	}
	CHECK(wrong == 0);
	CHECK(row == ROWS);
}

/* Goal: every type, nullable in both ways and not, reads exactly, whatever
 * the codec; so do some of the columns in another order. */
TEST(every_type_is_read)
{
	static const PmnCodec codecs[] = {PMN_CODEC_NONE, PMN_CODEC_ZSTD,
									  PMN_CODEC_SNAPPY, PMN_CODEC_DEFLATE};
	static const uint32_t some[] = {40, 9, 3, 31};
	PmnFormatColumn columns[COLUMNS];
	PmnFormatColumn few[4];
	char names[COLUMNS][8];
	uint32_t all[COLUMNS];
	AvroFixture f;

	for (uint32_t c = 0; c < COLUMNS; c++)
		all[c] = c;
	for (uint32_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
	{
		make_all(&f, codecs[i], columns, names);
		CHECK_OK(&f.env, test_avro_open(&f, columns, COLUMNS));
		check_all(&f, all, COLUMNS);
		CHECK(f.env.base.counters.rows_decoded == ROWS);
		for (uint32_t c = 0; c < 4; c++)
			few[c] = columns[some[c]];
		CHECK_OK(&f.env, test_avro_open(&f, few, 4));
		check_all(&f, some, 4);
		test_avro_stop(&f);
	}
}

/* ---- single values ----------------------------------------------------- */

static PmnCode
read_long_as(const char *avro, int64_t value, PmnFormatColumn column,
			 PmnValue *out)
{
	AvroFixture f;
	PmnCode code;

	test_avro_start_one(&f, avro);
	test_avro_long(&f.avro, value);
	code = read_one(&f, &column, out);
	test_avro_stop(&f);
	return code;
}

#define LOGICAL(type, name)                                                    \
	"{\"type\":\"" type "\",\"logicalType\":\"" name "\"}"

/* Goal: points in time are converted between the file's unit and the one of
 * the table's precision, rounding down, under either of Avro's names. */
TEST(units_of_time_are_converted)
{
	static const struct
	{
		const char *avro;
		int64_t value;
		int32_t precision;
		int64_t expected;
		int32_t nano; /* precision 7 and up */
	} cases[] = {
		{LOGICAL("long", "timestamp-millis"), -1, 3, -1, 0},
		{LOGICAL("long", "local-timestamp-millis"), 5, 0, 5, 0},
		{LOGICAL("long", "timestamp-millis"), -7, 6, -7000, 0},
		{LOGICAL("long", "timestamp-micros"), -1, 3, -1, 0},
		{LOGICAL("long", "local-timestamp-micros"), 1999, 3, 1, 0},
		{LOGICAL("long", "timestamp-micros"), -1001, 3, -2, 0},
		{LOGICAL("long", "timestamp-nanos"), -1, 6, -1, 0},
		{LOGICAL("long", "timestamp-nanos"), 1000001, 3, 1, 0},
		{LOGICAL("long", "timestamp-nanos"), -1, 9, -1, 999999},
		{LOGICAL("long", "timestamp-micros"), 1002, 9, 1, 2000},
		{LOGICAL("long", "timestamp-millis"), -3, 7, -3, 0},
		{"\"long\"", -9, 3, -9, 0},
		{"\"long\"", -9, 6, -9, 0},
		{LOGICAL("long", "timestamp-micros"), INT64_MIN, 3,
		 INT64_MIN / 1000 - 1, 0},
	};
	PmnFormatColumn column = test_avro_column(PMN_TYPE_TIMESTAMP, 6, 0);
	PmnValue value;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		bool ok;

		column = test_avro_column(i % 2 == 0 ? PMN_TYPE_TIMESTAMP
											 : PMN_TYPE_TIMESTAMP_LTZ,
								  cases[i].precision, 0);
		CHECK(read_long_as(cases[i].avro, cases[i].value, column, &value) ==
			  PMN_OK);
		ok = cases[i].precision <= 6
				 ? value.as.i64 == cases[i].expected
				 : value.as.ts96.millis == cases[i].expected &&
					   value.as.ts96.nano == cases[i].nano;
		if (!ok)
			printf("# case %zu\n", i);
		CHECK(ok);
	}
	column.type.precision = 6;
	CHECK(read_long_as(LOGICAL("long", "timestamp-millis"), INT64_MAX, column,
					   &value) == PMN_CORRUPT);
	column = test_avro_column(PMN_TYPE_TIME, 3, 0);
	CHECK(read_long_as(LOGICAL("long", "time-micros"), 86399999999, column,
					   &value) == PMN_OK &&
		  value.as.i64 == 86399999);
	CHECK(read_long_as(LOGICAL("long", "time-micros"), -1, column, &value) ==
		  PMN_CORRUPT);
}

/* Goal: integers widen, small ones are cut as Java does, and 64 bits do not
 * pass for 32. */
TEST(integers_keep_their_width)
{
	PmnValue value;

	CHECK(read_long_as("\"int\"", -5, test_avro_column(PMN_TYPE_BIGINT, 0, 0),
					   &value) == PMN_OK &&
		  value.as.i64 == -5);
	CHECK(read_long_as("\"int\"", 300, test_avro_column(PMN_TYPE_TINYINT, 0, 0),
					   &value) == PMN_OK &&
		  value.as.i64 == 44);
	CHECK(read_long_as("\"int\"", 40000,
					   test_avro_column(PMN_TYPE_SMALLINT, 0, 0),
					   &value) == PMN_OK &&
		  value.as.i64 == 40000 - 65536);
	CHECK(read_long_as("\"int\"", INT64_C(1) << 31,
					   test_avro_column(PMN_TYPE_INT, 0, 0),
					   &value) == PMN_CORRUPT);
	CHECK(read_long_as("\"int\"", INT32_MIN,
					   test_avro_column(PMN_TYPE_INT, 0, 0),
					   &value) == PMN_OK &&
		  value.as.i64 == INT32_MIN);
	CHECK(read_long_as("\"long\"", INT64_MIN,
					   test_avro_column(PMN_TYPE_BIGINT, 0, 0),
					   &value) == PMN_OK &&
		  value.as.i64 == INT64_MIN);
}

static PmnCode
read_decimal(const char *avro, const void *bytes, size_t size,
			 int32_t precision, PmnInt128 *out)
{
	PmnFormatColumn column = test_avro_column(PMN_TYPE_DECIMAL, precision, 0);
	PmnValue value = {0};
	AvroFixture f;
	PmnCode code;

	test_avro_start_one(&f, avro);
	if (strstr(avro, "fixed") != NULL)
		test_avro_raw(&f.avro, bytes, size);
	else
		test_avro_bytes(&f.avro, bytes, size);
	code = read_one(&f, &column, &value);
	*out = precision > 18 ? value.as.dec128 : (PmnInt128) value.as.i64;
	test_avro_stop(&f);
	return code;
}

/* Goal: decimals of any length and both encodings; what is beyond the
 * precision is damage. */
TEST(decimals_are_checked)
{
	static const char bytes[] = LOGICAL("bytes", "decimal");
	static const char fixed[] =
		"{\"type\":\"fixed\",\"name\":\"d\",\"size\":3,"
		"\"logicalType\":\"decimal\",\"precision\":5,\"scale\":0}";
	static const uint8_t long_minus_two[20] = {
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		255, 255, 255, 255, 255, 255, 255, 255, 255, 254};
	static const uint8_t two_to_128[17] = {1};
	static const uint8_t odd_sign[17] = {0, 255};
	PmnInt128 out;

	CHECK(read_decimal(bytes, "\x7f", 1, 3, &out) == PMN_OK && out == 127);
	CHECK(read_decimal(bytes, "\xff", 1, 1, &out) == PMN_OK && out == -1);
	CHECK(read_decimal(bytes, "\x00\x80", 2, 20, &out) == PMN_OK && out == 128);
	CHECK(read_decimal(bytes, long_minus_two, 20, 38, &out) == PMN_OK &&
		  out == -2);
	CHECK(read_decimal(bytes, long_minus_two, 20, 2, &out) == PMN_OK &&
		  out == -2);
	CHECK(read_decimal(fixed, "\xff\xff\x01", 3, 5, &out) == PMN_OK &&
		  out == -255);
	CHECK(read_decimal(fixed, "\x00\x01\x00", 3, 20, &out) == PMN_OK &&
		  out == 256);
	CHECK(read_decimal(bytes, "", 0, 5, &out) == PMN_CORRUPT);
	CHECK(read_decimal(bytes, "\x7f", 1, 2, &out) == PMN_CORRUPT);
	CHECK(read_decimal(bytes, "\x81", 1, 2, &out) == PMN_CORRUPT);
	CHECK(read_decimal(bytes, two_to_128, 17, 38, &out) == PMN_CORRUPT);
	CHECK(read_decimal(bytes, odd_sign, 17, 38, &out) == PMN_CORRUPT);
}

/* ---- schemas ----------------------------------------------------------- */

/* Goal: fields nobody asked for are read over, whatever they are. */
TEST(nested_fields_are_skipped)
{
	static const char schema[] = TEST_AVRO_ROOT
		"{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":"
		"[\"null\",\"string\"]}},"
		"{\"name\":\"m\",\"type\":[\"null\",{\"type\":\"map\",\"values\":"
		"{\"type\":\"array\",\"items\":\"long\"}}]},"
		"{\"name\":\"first\",\"type\":\"int\"},"
		"{\"name\":\"r\",\"type\":{\"type\":\"record\",\"name\":\"r1\","
		"\"fields\":[{\"name\":\"x\",\"type\":\"double\"},"
		"{\"name\":\"y\",\"type\":{\"type\":\"fixed\",\"name\":\"f5\","
		"\"size\":5}}]}},"
		"{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"en\","
		"\"symbols\":[\"A\",\"B\"]}},"
		"{\"name\":\"u\",\"type\":[\"null\",\"int\",\"f5\",\"r1\"]},"
		"{\"name\":\"last\",\"type\":[\"null\",\"string\"]},"
		"{\"name\":\"z\",\"type\":\"boolean\"}]}";
	PmnFormatColumn columns[2] = {{.name = "last"}, {.name = "first"}};
	AvroFixture f;

	columns[0].type.kind = PMN_TYPE_VARCHAR;
	columns[1].type.kind = PMN_TYPE_INT;
	test_avro_start(&f, schema, PMN_CODEC_NONE);
	for (int64_t i = 0; i < 3; i++)
	{
		/* a: one block with its size, which may be jumped over, one without */
		test_avro_long(&f.avro, -2);
		test_avro_long(&f.avro, 4);
		test_avro_raw(&f.avro, "\x00\x02\x02q", 4);
		test_avro_long(&f.avro, 1);
		test_avro_raw(&f.avro, "\x02\x04xy", 4);
		test_avro_long(&f.avro, 0);
		/* m */
		test_avro_long(&f.avro, i == 1 ? 0 : 1);
		if (i != 1)
		{
			test_avro_long(&f.avro, 1);
			test_avro_string(&f.avro, "key");
			test_avro_long(&f.avro, 2);
			test_avro_long(&f.avro, -1);
			test_avro_long(&f.avro, INT64_MAX);
			test_avro_long(&f.avro, 0);
			test_avro_long(&f.avro, 0);
		}
		test_avro_long(&f.avro, 100 + i);
		test_avro_raw(&f.avro, "12345678abcde", 13);
		test_avro_long(&f.avro, 1);
		test_avro_long(&f.avro, i + 1);
		if (i == 0)
			test_avro_long(&f.avro, 77);
		else
			test_avro_raw(&f.avro, "12345678abcde", i == 1 ? 5 : 13);
		test_avro_long(&f.avro, 1);
		test_avro_string(&f.avro, "end");
		test_avro_raw(&f.avro, "\x01", 1);
		f.avro.count++;
	}
	test_avro_end_block(&f.avro);
	CHECK_OK(&f.env, test_avro_open(&f, columns, 2));
	CHECK_OK(&f.env, test_avro_next(&f));
	CHECK(f.batch != NULL && f.batch->row_count == 3);
	for (uint32_t r = 0; r < 3; r++)
	{
		CHECK(
			pmn_bytes_equal(pmn_vector_value(&f.batch->columns[0], r).as.bytes,
							pmn_bytes_string("end")));
		CHECK(pmn_vector_value(&f.batch->columns[1], r).as.i64 == 100 + r);
	}
	CHECK(f.batch->columns[0].nulls == NULL);
	CHECK_OK(&f.env, test_avro_next(&f));
	CHECK(f.batch == NULL);
	test_avro_stop(&f);
}

/* Goal: append tables have a union of null and the record at the root; a
 * record that is null is refused. */
TEST(root_may_be_a_union)
{
	static const char record[] =
		TEST_AVRO_ROOT "{\"name\":\"c\",\"type\":\"int\"}]}";
	PmnFormatColumn column = test_avro_column(PMN_TYPE_INT, 0, 0);
	char schema[256];
	AvroFixture f;

	for (int order = 0; order < 2; order++)
	{
		snprintf(schema, sizeof(schema), "[%s%s%s]",
				 order == 0 ? "\"null\"," : "", record,
				 order == 0 ? "" : ",\"null\"");
		test_avro_start(&f, schema, PMN_CODEC_NONE);
		for (int64_t i = 0; i < 10; i++)
		{
			test_avro_long(&f.avro, 1 - order);
			test_avro_long(&f.avro, i);
			f.avro.count++;
		}
		test_avro_end_block(&f.avro);
		CHECK_OK(&f.env, test_avro_open(&f, &column, 1));
		CHECK_OK(&f.env, test_avro_next(&f));
		CHECK(f.batch != NULL && f.batch->row_count == 10);
		CHECK(pmn_vector_value(&f.batch->columns[0], 9).as.i64 == 9);
		test_avro_long(&f.avro, order);
		f.avro.count = 1;
		test_avro_end_block(&f.avro);
		CHECK_OK(&f.env, test_avro_open(&f, &column, 1));
		CHECK(test_avro_next(&f) == PMN_CORRUPT);
		test_avro_stop(&f);
	}
	test_avro_start(&f, "\"int\"", PMN_CODEC_NONE);
	CHECK(test_avro_open(&f, &column, 1) == PMN_CORRUPT);
	test_avro_stop(&f);
}

/* Goal: a column the file lacks is null, every row of it, text too. */
TEST(missing_columns_are_null)
{
	PmnFormatColumn columns[3] = {{.name = "C"}, {.name = "c"}, {.name = "d"}};
	AvroFixture f;

	columns[0].type.kind = PMN_TYPE_VARCHAR;
	columns[1].type.kind = PMN_TYPE_INT;
	columns[2].type = test_avro_column(PMN_TYPE_DECIMAL, 30, 0).type;
	test_avro_start_one(&f, "\"int\"");
	for (int64_t i = 0; i < 10000; i++)
		test_avro_long(&f.avro, i);
	f.avro.count = 10000;
	test_avro_end_block(&f.avro);
	CHECK_OK(&f.env, test_avro_open(&f, columns, 3));
	CHECK_OK(&f.env, test_avro_next(&f));
	CHECK(f.batch != NULL && f.batch->row_count == PMN_BATCH_ROWS);
	CHECK_OK(&f.env, test_avro_next(&f));
	CHECK(f.first_row == PMN_BATCH_ROWS);
	CHECK(f.batch != NULL && f.batch->row_count == 10000 - PMN_BATCH_ROWS);
	for (uint32_t r = 0; r < f.batch->row_count; r++)
	{
		CHECK(pmn_vector_value(&f.batch->columns[0], r).is_null);
		CHECK(pmn_vector_value(&f.batch->columns[1], r).as.i64 ==
			  PMN_BATCH_ROWS + r);
		CHECK(pmn_vector_value(&f.batch->columns[2], r).is_null);
	}
	test_avro_stop(&f);
}

/* Goal: types that do not go together are named, both of them. */
TEST(wrong_types_are_named)
{
	static const struct
	{
		const char *avro;
		PmnTypeKind kind;
		int32_t precision;
	} cases[] = {
		{"\"string\"", PMN_TYPE_INT, 0},
		{"\"long\"", PMN_TYPE_INT, 0},
		{"\"double\"", PMN_TYPE_FLOAT, 0},
		{"\"int\"", PMN_TYPE_TIMESTAMP, 3},
		{LOGICAL("int", "date"), PMN_TYPE_INT, 0},
		{LOGICAL("int", "time-millis"), PMN_TYPE_DATE, 0},
		{LOGICAL("long", "timestamp-millis"), PMN_TYPE_BIGINT, 0},
		{LOGICAL("long", "time-micros"), PMN_TYPE_TIMESTAMP, 3},
		{LOGICAL("bytes", "decimal"), PMN_TYPE_VARBINARY, 0},
		{"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,"
		 "\"scale\":3}",
		 PMN_TYPE_DECIMAL, 9},
		{"[\"int\",\"string\"]", PMN_TYPE_INT, 0},
		{"[\"null\",\"int\",\"string\"]", PMN_TYPE_INT, 0},
		{"{\"type\":\"array\",\"items\":\"int\"}", PMN_TYPE_INT, 0},
		{"\"null\"", PMN_TYPE_INT, 0},
	};
	PmnFormatColumn column;
	PmnFormatColumn twice[2];
	AvroFixture f;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		test_avro_start_one(&f, cases[i].avro);
		column = test_avro_column(cases[i].kind, cases[i].precision, 0);
		CHECK(test_avro_open(&f, &column, 1) == PMN_CORRUPT);
		CHECK(strstr(f.env.base.error.message, "its table type is") != NULL);
		test_avro_stop(&f);
	}
	test_avro_start_one(&f, "\"int\"");
	column = test_avro_column(PMN_TYPE_GEOMETRY, 0, 0);
	CHECK(test_avro_open(&f, &column, 1) == PMN_UNSUPPORTED);
	twice[0] = twice[1] = test_avro_column(PMN_TYPE_INT, 0, 0);
	CHECK(test_avro_open(&f, twice, 2) == PMN_INVALID);
	test_avro_stop(&f);
	test_avro_start(&f,
					TEST_AVRO_ROOT "{\"name\":\"c\",\"type\":\"int\"},"
								   "{\"name\":\"c\",\"type\":\"int\"}]}",
					PMN_CODEC_NONE);
	CHECK(test_avro_open(&f, twice, 1) == PMN_CORRUPT);
	test_avro_stop(&f);
}

/* Goal: a header larger than the first piece of the file is read, and one
 * that ends early is damage. */
TEST(headers_may_be_long)
{
	PmnFormatColumn column = test_avro_column(PMN_TYPE_INT, 0, 0);
	PmnBuffer schema;
	PmnTestEnv env;
	AvroFixture f;

	pmn_test_env_init(&env);
	pmn_buffer_init(&schema, &env.base);
	CHECK_OK(&env, pmn_buffer_string(&schema, TEST_AVRO_ROOT));
	for (uint32_t i = 0; i < 4000; i++)
		CHECK_OK(&env,
				 pmn_buffer_format(
					 &schema,
					 "{\"name\":\"a_column_with_a_rather_long_name_%" PRIu32
					 "\",\"type\":[\"null\",\"int\"],\"default\":null,"
					 "\"doc\":\"%0150d\"},",
					 i, 0));
	CHECK_OK(&env,
			 pmn_buffer_string(&schema, "{\"name\":\"c\",\"type\":\"int\"}]}"));
	CHECK_OK(&env, pmn_buffer_byte(&schema, 0));
	test_avro_start(&f, (const char *) schema.data, PMN_CODEC_NONE);
	for (uint32_t i = 0; i < 4000; i++)
		test_avro_long(&f.avro, 0);
	test_avro_long(&f.avro, 42);
	f.avro.count = 1;
	test_avro_end_block(&f.avro);
	CHECK(f.avro.file.size > 600000);
	CHECK_OK(&f.env, test_avro_open(&f, &column, 1));
	CHECK_OK(&f.env, test_avro_next(&f));
	CHECK(f.batch != NULL &&
		  pmn_vector_value(&f.batch->columns[0], 0).as.i64 == 42);
	CHECK(test_avro_open_bytes(&f, pmn_bytes(f.avro.file.data, 600000), &column,
							   1) == PMN_CORRUPT);
	test_avro_stop(&f);
	pmn_buffer_free(&schema);
	CHECK(env.live_bytes == 0);
}

/* ---- batches ----------------------------------------------------------- */

/* Goal: without columns rows are counted, in batches that have none. */
TEST(rows_are_counted_without_columns)
{
	PmnFormatColumn columns[COLUMNS];
	char names[COLUMNS][8];
	uint64_t rows;
	AvroFixture f;

	make_all(&f, PMN_CODEC_ZSTD, columns, names);
	CHECK_OK(&f.env, test_avro_open(&f, NULL, 0));
	CHECK_OK(&f.env, test_avro_read_all(&f, &rows));
	CHECK(rows == ROWS);
	test_avro_stop(&f);
}

/* Goal: byte values are 4-byte aligned behind 4 bytes that may be written,
 * and writing there harms no other value; empty ones too. */
TEST(byte_values_have_headroom)
{
	PmnFormatColumn column = test_avro_column(PMN_TYPE_VARBINARY, 0, 0);
	const PmnBytes *values;
	char text[32];
	AvroFixture f;

	test_avro_start_one(&f, "\"bytes\"");
	for (uint32_t i = 0; i < 5000; i++)
	{
		snprintf(text, sizeof(text), "%0*d", (int) (i % 23), 7);
		test_avro_bytes(&f.avro, text, i % 23);
		f.avro.count++;
	}
	test_avro_end_block(&f.avro);
	CHECK_OK(&f.env, test_avro_open(&f, &column, 1));
	CHECK_OK(&f.env, test_avro_next(&f));
	CHECK(f.batch != NULL && f.batch->row_count == 5000);
	values = f.batch->columns[0].values;
	for (uint32_t i = 0; i < 5000; i++)
	{
		CHECK((uintptr_t) values[i].data % 4 == 0);
		memset((uint8_t *) (uintptr_t) values[i].data - PMN_BYTES_HEADROOM,
			   0xee, PMN_BYTES_HEADROOM);
	}
	for (uint32_t i = 0; i < 5000; i++)
	{
		snprintf(text, sizeof(text), "%0*d", (int) (i % 23), 7);
		CHECK(pmn_bytes_equal(values[i], pmn_bytes(text, i % 23)));
	}
	test_avro_stop(&f);
}

/* Goal: wide rows and many columns make batches smaller, not memory larger. */
TEST(batches_stay_within_memory)
{
	PmnFormatColumn columns[600];
	char names[600][8];
	uint64_t rows = 0;
	size_t live_max = 0;
	size_t live_opened;
	uint8_t *wide;
	AvroFixture f;

	for (uint32_t c = 0; c < 600; c++)
	{
		snprintf(names[c], 8, "%s%" PRIu32, c == 0 ? "" : "x", c);
		columns[c] = test_avro_column(PMN_TYPE_VARCHAR, 0, 0);
		columns[c].name = c == 0 ? "c" : names[c];
	}
	test_avro_start_one(&f, "\"string\"");
	f.memory_limit_bytes = 8 << 20;
	wide = pmn_alloc(&f.env.base, 100000);
	for (uint32_t i = 0; i < 400; i++)
	{
		test_avro_bytes(&f.avro, wide, 100000);
		f.avro.count++;
		test_avro_end_block(&f.avro);
	}
	pmn_free(&f.env.base, wide, 100000);
	CHECK_OK(&f.env, test_avro_open(&f, columns, 1));
	live_opened = f.env.live_bytes;
	do
	{
		CHECK_OK(&f.env, test_avro_next(&f));
		rows += f.batch == NULL ? 0 : f.batch->row_count;
		CHECK(f.batch == NULL || f.batch->row_count < 30);
		if (f.env.live_bytes > live_max)
			live_max = f.env.live_bytes;
	} while (f.batch != NULL);
	CHECK(rows == 400);
	CHECK(live_max - live_opened < (8 << 20));
	CHECK_OK(&f.env, test_avro_open(&f, columns, 600));
	CHECK(((AvroColumnReader *) f.reader)->capacity < 300);
	CHECK_OK(&f.env, test_avro_read_all(&f, &rows));
	CHECK(rows == 400);
	test_avro_stop(&f);
}

/* Goal: the format is found by its name, and does not write. */
TEST(writing_is_refused)
{
	PmnFormatColumn column = test_avro_column(PMN_TYPE_INT, 0, 0);
	PmnFormatWriteOptions options = {0};
	const PmnFormatOps *format;
	PmnFormatWriter *writer;
	PmnFileWriter *file;
	AvroFixture f;

	test_avro_start_one(&f, "\"int\"");
	CHECK_OK(&f.env, pmn_format_lookup(&f.env.base, "AVRO", &format));
	CHECK(format == &pmn_format_avro);
	CHECK_OK(&f.env, pmn_fs_open_write(f.fs, "/t/new.avro", &file));
	CHECK(pmn_format_open_writer(format, file, &column, 1, &options, &writer) ==
		  PMN_UNSUPPORTED);
	CHECK(writer == NULL);
	pmn_file_writer_close(file);
	test_avro_stop(&f);
}

int
main(void)
{
	RUN(every_type_is_read);
	RUN(units_of_time_are_converted);
	RUN(integers_keep_their_width);
	RUN(decimals_are_checked);
	RUN(nested_fields_are_skipped);
	RUN(root_may_be_a_union);
	RUN(missing_columns_are_null);
	RUN(wrong_types_are_named);
	RUN(headers_may_be_long);
	RUN(rows_are_counted_without_columns);
	RUN(byte_values_have_headroom);
	RUN(batches_stay_within_memory);
	RUN(writing_is_refused);
	TEST_END();
}
