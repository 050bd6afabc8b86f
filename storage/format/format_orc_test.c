/*
 * format_orc_test.c
 *
 * Whole ORC files, made here stream by stream: types, points in time,
 * codecs, damage, failing memory. Needs nothing else.
 */
#include "format_orc_testing.h"

#define ROWS 1000

/* A file in memory and its reader. */
typedef struct Ground
{
	PmnTestEnv env;
	PmnFileSystem *fs;
	PmnFileReader *file;
	PmnFormatReader *reader;
	PmnBuffer bytes;
} Ground;

static void
open_ground(Ground *ground)
{
	memset(ground, 0, sizeof(*ground));
	pmn_test_env_init(&ground->env);
	pmn_buffer_init(&ground->bytes, &ground->env.base);
	CHECK_OK(&ground->env, pmn_fs_memory_open(&ground->env.base, &ground->fs));
}

static void
close_reader(Ground *ground)
{
	pmn_format_reader_close(ground->reader);
	pmn_file_reader_close(ground->file);
	ground->reader = NULL;
	ground->file = NULL;
}

static void
close_ground(Ground *ground)
{
	close_reader(ground);
	pmn_fs_close(ground->fs);
	pmn_buffer_free(&ground->bytes);
	CHECK(ground->env.live_bytes == 0);
}

static PmnCode
open_bytes(Ground *ground, PmnBytes bytes, const PmnFormatColumn *columns,
		   uint32_t count, size_t memory)
{
	PmnFormatReadRequest request = {.columns = columns,
									.column_count = count,
									.memory_limit_bytes = memory};

	close_reader(ground);
	PMN_TRY(pmn_fs_put(ground->fs, "/x.orc", PMN_PUT_OVERWRITE, bytes));
	PMN_TRY(pmn_fs_open_read(ground->fs, "/x.orc", &ground->file));
	return pmn_format_open_reader(&pmn_format_orc, ground->file, &request,
								  &ground->reader);
}

static PmnCode
open_file(Ground *ground, const TestFile *file, const PmnFormatColumn *columns,
		  uint32_t count, size_t memory)
{
	pmn_buffer_reset(&ground->bytes);
	put_file(&ground->bytes, file);
	return open_bytes(ground, bytes_of(&ground->bytes), columns, count, memory);
}

/* Open a file of one column and read its only batch. */
static PmnCode
read_column(Ground *ground, const TestColumn *column, uint32_t rows,
			const PmnType *type, const char *zone, PmnVector *out)
{
	TestFile file = {.columns = column,
					 .column_count = 1,
					 .rows = rows,
					 .stripes = 1,
					 .zone = zone};
	PmnFormatColumn wanted = {column->name, 0, *type};
	PmnBatch *batch;
	uint64_t first;

	PMN_TRY(open_file(ground, &file, &wanted, 1, 0));
	PMN_TRY(pmn_format_next(ground->reader, &batch, &first));
	CHECK(batch != NULL && batch->row_count == rows && first == 0);
	*out = batch->columns[0];
	return PMN_OK;
}

static PmnBytes
ints(PmnBuffer *dst, const int64_t *values, size_t count, bool is_signed)
{
	pmn_buffer_reset(dst);
	put_ints(dst, values, count, is_signed);
	return bytes_of(dst);
}

/* ---- points in time ----------------------------------------------------------- */

typedef struct Instant
{
	int64_t seconds; /* in the file, since 2015 */
	int64_t nanos;	 /* as they lie in the file */
	int64_t millis;
	int32_t nano;
} Instant;

static const Instant instants[] = {
	{-1420070400, 0, 0, 0},
	{-1420070400, 5 << 3, 0, 5},
	{-1420070400, INT64_C(123456789) << 3, 123, 456789},
	{-1420070400 - 1, 0, -1000, 0},
	/* 0.5 s before 1969-12-31 23:59:59, cut towards zero by Java */
	{-1420070400 - 1, 5 << 3 | 7, -1500, 0},
	/* less than a millisecond is not corrected: Java's rule */
	{-1420070400 - 1, 999999 << 3, -1000, 999999},
	/* Java reads the last second before 1970 after it */
	{-1420070400, INT64_C(999999999) << 3, 999, 999999},
	{0, 1 << 3 | 1, INT64_C(1420070400000), 100},
	{0, 1 << 3 | 7, INT64_C(1420070400100), 0},
	/* the years 1 and 9999 */
	{INT64_C(-62135596800) - 1420070400, 0, INT64_C(-62135596800000), 0},
	{INT64_C(253402300799) - 1420070400, INT64_C(999999999) << 3,
	 INT64_C(253402300799999), 999999},
};

#define INSTANTS (sizeof(instants) / sizeof(instants[0]))

/* Goal: seconds and nanoseconds become what Java makes of them, for each
 * precision. */
TEST(points_in_time)
{
	int64_t seconds[INSTANTS];
	int64_t nanos[INSTANTS];
	Ground ground;
	PmnBuffer data;
	PmnBuffer second;
	PmnVector vector;

	open_ground(&ground);
	pmn_buffer_init(&data, &ground.env.base);
	pmn_buffer_init(&second, &ground.env.base);
	for (size_t i = 0; i < INSTANTS; i++)
	{
		seconds[i] = instants[i].seconds;
		nanos[i] = instants[i].nanos;
	}
	for (int32_t precision = 0; precision <= 9; precision++)
	{
		bool is_local = precision % 2 == 0;
		PmnType type = {.kind = is_local ? PMN_TYPE_TIMESTAMP
										 : PMN_TYPE_TIMESTAMP_LTZ,
						.precision = precision};
		TestColumn column = {
			.name = "t",
			.kind = is_local ? ORC_TIMESTAMP : ORC_TIMESTAMP_INSTANT,
			.streams = {
				{ORC_STREAM_DATA, ints(&data, seconds, INSTANTS, true)},
				{ORC_STREAM_SECONDARY, ints(&second, nanos, INSTANTS, false)}}};

		CHECK_OK(&ground.env, read_column(&ground, &column, INSTANTS, &type,
										  "GMT", &vector));
		for (size_t i = 0; i < INSTANTS; i++)
		{
			PmnValue value = pmn_vector_value(&vector, (uint32_t) i);
			int64_t millis = instants[i].millis;
			int32_t nano = instants[i].nano;

			if (precision > 6)
				CHECK(value.as.ts96.millis == millis &&
					  value.as.ts96.nano == nano);
			else
				CHECK(value.as.i64 ==
					  (precision > 3 ? millis * 1000 + nano / 1000 : millis));
		}
	}
	pmn_buffer_free(&data);
	pmn_buffer_free(&second);
	close_ground(&ground);
}

/* Goal: wall clocks of other zones; instants of one are refused while the
 * table's options are not known. */
TEST(writer_zones)
{
	static const int64_t seconds[] = {-8 * 3600 + 8 * 3600, 3600};
	static const int64_t nanos[] = {0, 0};
	PmnType local = {.kind = PMN_TYPE_TIMESTAMP, .precision = 3};
	PmnType instant = {.kind = PMN_TYPE_TIMESTAMP_LTZ, .precision = 3};
	TestColumn column = {.name = "t", .kind = ORC_TIMESTAMP};
	Ground ground;
	PmnBuffer data;
	PmnBuffer second;
	PmnVector vector;

	open_ground(&ground);
	pmn_buffer_init(&data, &ground.env.base);
	pmn_buffer_init(&second, &ground.env.base);
	column.streams[0] =
		(TestStream){ORC_STREAM_DATA, ints(&data, seconds, 2, true)};
	column.streams[1] =
		(TestStream){ORC_STREAM_SECONDARY, ints(&second, nanos, 2, false)};
	/* Both the epoch and the wall clock are the zone's. */
	CHECK_OK(&ground.env,
			 read_column(&ground, &column, 2, &local, "GMT+08:00", &vector));
	CHECK(((int64_t *) vector.values)[0] == INT64_C(1420070400000));
	CHECK(((int64_t *) vector.values)[1] == INT64_C(1420074000000));
	CHECK(read_column(&ground, &column, 2, &local, "No/Such_Zone", &vector) ==
		  PMN_UNSUPPORTED);
	column.kind = ORC_TIMESTAMP_INSTANT;
	CHECK(read_column(&ground, &column, 2, &instant, "GMT+08:00", &vector) ==
		  PMN_UNSUPPORTED);
	CHECK(strstr(ground.env.base.error.message, "GMT+08:00") != NULL);
	CHECK_OK(&ground.env,
			 read_column(&ground, &column, 2, &instant, NULL, &vector));
	CHECK(((int64_t *) vector.values)[0] == INT64_C(1420070400000));
	pmn_buffer_free(&data);
	pmn_buffer_free(&second);
	close_ground(&ground);
}

/* Goal: with the table's options instants are read as written, shifted by
 * the writer's zone or not. */
TEST(instants_by_option)
{
	static const int64_t zeros[] = {0};
	static const PmnFormatColumn wanted = {
		"t", 0, {.kind = PMN_TYPE_TIMESTAMP_LTZ, .precision = 3}};
	PmnOption option = {"orc.timestamp-ltz.legacy.type", "true"};
	PmnSchema schema = {.options = &option};
	PmnFormatReadRequest request = {
		.columns = &wanted, .column_count = 1, .schema = &schema};
	Ground ground;
	PmnBuffer data;

	open_ground(&ground);
	pmn_buffer_init(&data, &ground.env.base);
	for (int i = 0; i < 3; i++)
	{
		TestColumn column = {
			.name = "t",
			.kind = ORC_TIMESTAMP_INSTANT,
			.streams = {{ORC_STREAM_DATA, ints(&data, zeros, 1, false)},
						{ORC_STREAM_SECONDARY, bytes_of(&data)}}};
		TestFile file = {.columns = &column,
						 .column_count = 1,
						 .rows = 1,
						 .stripes = 1,
						 .zone = "GMT+08:00"};
		PmnBatch *batch;
		uint64_t first;

		/* Absent, true, false. */
		schema.option_count = i > 0;
		option.value = i == 1 ? "true" : "false";
		CHECK_OK(&ground.env, open_file(&ground, &file, &wanted, 1, 0));
		pmn_format_reader_close(ground.reader);
		ground.reader = NULL;
		CHECK_OK(&ground.env,
				 pmn_format_open_reader(&pmn_format_orc, ground.file, &request,
										&ground.reader));
		CHECK_OK(&ground.env, pmn_format_next(ground.reader, &batch, &first));
		CHECK(*(int64_t *) batch->columns[0].values ==
			  INT64_C(1420070400000) + (i < 2 ? 8 * 3600 * 1000 : 0));
	}
	pmn_buffer_free(&data);
	close_ground(&ground);
}

/* Goal: nanoseconds and seconds that cannot be are PMN_CORRUPT. */
TEST(impossible_points_in_time)
{
	static const int64_t bad[][2] = {{0, INT64_C(1000000000) << 3},
									 {0, INT64_C(999999999) << 3 | 1},
									 {0, -8},
									 {INT64_MAX, 0},
									 {INT64_MAX / 1000, 0},
									 {INT64_MIN, 0}};
	PmnType type = {.kind = PMN_TYPE_TIMESTAMP, .precision = 6};
	Ground ground;
	PmnBuffer data;
	PmnBuffer second;
	PmnVector vector;

	open_ground(&ground);
	pmn_buffer_init(&data, &ground.env.base);
	pmn_buffer_init(&second, &ground.env.base);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		TestColumn column = {
			.name = "t",
			.kind = ORC_TIMESTAMP,
			.streams = {
				{ORC_STREAM_DATA, ints(&data, &bad[i][0], 1, true)},
				{ORC_STREAM_SECONDARY, ints(&second, &bad[i][1], 1, false)}}};

		CHECK(read_column(&ground, &column, 1, &type, "UTC", &vector) ==
			  PMN_CORRUPT);
		CHECK(strstr(ground.env.base.error.message, "\"t\"") != NULL);
		CHECK(strstr(ground.env.base.error.message, "/x.orc") != NULL);
	}
	pmn_buffer_free(&data);
	pmn_buffer_free(&second);
	close_ground(&ground);
}

/* Goal: very old files keep timestamps as nanoseconds since 1970. */
TEST(timestamps_in_longs)
{
	static const int64_t nanos[] = {-1, 1500000001, 0, INT64_MIN};
	PmnType type = {.kind = PMN_TYPE_TIMESTAMP, .precision = 9};
	Ground ground;
	PmnBuffer data;
	PmnVector vector;
	PmnTimestamp *values;

	open_ground(&ground);
	pmn_buffer_init(&data, &ground.env.base);
	{
		TestColumn column = {
			.name = "t",
			.kind = ORC_LONG,
			.streams = {{ORC_STREAM_DATA, ints(&data, nanos, 4, true)}}};

		CHECK_OK(&ground.env,
				 read_column(&ground, &column, 4, &type, NULL, &vector));
	}
	values = vector.values;
	CHECK(values[0].millis == -1 && values[0].nano == 999999);
	CHECK(values[1].millis == 1500 && values[1].nano == 1);
	CHECK(values[2].millis == 0 && values[2].nano == 0);
	CHECK(values[3].millis == -INT64_C(9223372036855) &&
		  values[3].nano == 224192);
	pmn_buffer_free(&data);
	close_ground(&ground);
}

/* ---- decimals and strings --------------------------------------------------------- */

typedef struct DecimalCase
{
	int64_t value;
	int64_t scale;
	int64_t wanted; /* at scale 2 */
	PmnCode code;
} DecimalCase;

/* Goal: each value has a scale of its own; too many digits are rounded, too
 * large values refused. */
TEST(decimals)
{
	static const DecimalCase cases[] = {
		{12345, 2, 12345, PMN_OK},		{-5, 0, -500, PMN_OK},
		{125, 3, 13, PMN_OK},			{-125, 3, -13, PMN_OK},
		{124, 3, 12, PMN_OK},			{9999999, 2, 9999999, PMN_OK},
		{10000000, 2, 0, PMN_CORRUPT},	{1, -1, 0, PMN_CORRUPT},
		{1, 39, 0, PMN_CORRUPT},		{INT64_MAX, 0, 0, PMN_CORRUPT},
		{99999995, 3, 0, PMN_CORRUPT},	{0, 38, 0, PMN_OK},
		{INT64_MIN, 19, -92, PMN_OK},	{INT64_MIN, 2, 0, PMN_CORRUPT},
		{-9999999, 2, -9999999, PMN_OK}};
	PmnType type = {.kind = PMN_TYPE_DECIMAL, .precision = 7, .scale = 2};
	Ground ground;
	PmnBuffer data;
	PmnBuffer second;
	PmnVector vector;

	open_ground(&ground);
	pmn_buffer_init(&data, &ground.env.base);
	pmn_buffer_init(&second, &ground.env.base);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		TestColumn column = {.name = "d", .kind = ORC_DECIMAL};
		PmnCode code;

		pmn_buffer_reset(&data);
		put_signed(&data, cases[i].value);
		column.streams[0] = (TestStream){ORC_STREAM_DATA, bytes_of(&data)};
		column.streams[1] = (TestStream){
			ORC_STREAM_SECONDARY, ints(&second, &cases[i].scale, 1, true)};
		code = read_column(&ground, &column, 1, &type, NULL, &vector);
		CHECK(code == cases[i].code);
		if (code == PMN_OK)
			CHECK(*(int64_t *) vector.values == cases[i].wanted);
	}
	pmn_buffer_free(&data);
	pmn_buffer_free(&second);
	close_ground(&ground);
}

static bool
is_text(const PmnVector *vector, uint32_t row, const char *text)
{
	PmnBytes value = ((PmnBytes *) vector->values)[row];
	uint32_t headroom = 77;

	CHECK((uintptr_t) value.data % 4 == 0);
	memcpy((uint8_t *) (uintptr_t) value.data - PMN_BYTES_HEADROOM, &headroom,
		   PMN_BYTES_HEADROOM);
	return pmn_bytes_equal(value, pmn_bytes_string(text));
}

/* Goal: direct strings and dictionaries, nulls, CHAR without its padding. */
TEST(strings)
{
	static const int64_t lengths[] = {3, 0, 5};
	static const int64_t indexes[] = {2, 0, 2};
	static const uint8_t present[] = {0xff, 0xb0}; /* 1011 */
	PmnType types[] = {{.kind = PMN_TYPE_VARCHAR, .length = 9},
					   {.kind = PMN_TYPE_CHAR, .length = 5}};
	Ground ground;
	PmnBuffer length;
	PmnBuffer data;
	PmnVector vector;

	open_ground(&ground);
	pmn_buffer_init(&length, &ground.env.base);
	pmn_buffer_init(&data, &ground.env.base);
	for (size_t i = 0; i < 2; i++)
	{
		TestStream nulls = {ORC_STREAM_PRESENT, pmn_bytes(present, 2)};
		TestStream sizes = {ORC_STREAM_LENGTH,
							ints(&length, lengths, 3, false)};
		TestStream text = {ORC_STREAM_DATA, pmn_bytes_string("abcde   ")};
		TestColumn column = {.name = "s",
							 .kind = i == 0 ? ORC_VARCHAR : ORC_CHAR,
							 .streams = {nulls, text, sizes}};

		CHECK_OK(&ground.env,
				 read_column(&ground, &column, 4, &types[i], NULL, &vector));
		CHECK(vector.nulls != NULL && vector.nulls[1] == 1 &&
			  vector.nulls[0] + vector.nulls[2] + vector.nulls[3] == 0);
		CHECK(is_text(&vector, 0, "abc") && is_text(&vector, 1, ""));
		CHECK(is_text(&vector, 2, ""));
		CHECK(is_text(&vector, 3, i == 0 ? "de   " : "de"));
		text.kind = ORC_STREAM_DICTIONARY;
		column.encoding = ORC_DICTIONARY;
		column.dictionary_size = 3;
		column.streams[1] = text;
		column.streams[3] =
			(TestStream){ORC_STREAM_DATA, ints(&data, indexes, 3, false)};
		CHECK_OK(&ground.env,
				 read_column(&ground, &column, 4, &types[i], NULL, &vector));
		CHECK(is_text(&vector, 0, i == 0 ? "de   " : "de"));
		CHECK(is_text(&vector, 1, "") && is_text(&vector, 2, "abc"));
		column.dictionary_size = 2;
		CHECK(read_column(&ground, &column, 4, &types[i], NULL, &vector) ==
			  PMN_CORRUPT);
		column.dictionary_size = 5;
		CHECK(read_column(&ground, &column, 4, &types[i], NULL, &vector) ==
			  PMN_CORRUPT);
	}
	pmn_buffer_free(&length);
	pmn_buffer_free(&data);
	close_ground(&ground);
}

/* Goal: lengths that nothing backs take no memory worth mentioning. */
TEST(impossible_lengths)
{
	static const int64_t lengths[] = {INT64_C(300) << 20, -1, 100, INT64_MAX};
	PmnType type = {.kind = PMN_TYPE_VARCHAR, .length = 9};
	Ground ground;
	PmnBuffer length;
	PmnVector vector;

	open_ground(&ground);
	pmn_buffer_init(&length, &ground.env.base);
	for (size_t i = 0; i < 8; i++)
	{
		TestColumn column = {
			.name = "s",
			.kind = ORC_STRING,
			.encoding = i < 4 ? ORC_DIRECT : ORC_DICTIONARY,
			.dictionary_size = 1,
			.streams = {
				{ORC_STREAM_LENGTH, ints(&length, &lengths[i % 4], 1, false)},
				{i < 4 ? ORC_STREAM_DATA : ORC_STREAM_DICTIONARY,
				 pmn_bytes_string("abc")}}};

		CHECK(read_column(&ground, &column, 1, &type, NULL, &vector) ==
			  PMN_CORRUPT);
	}
	pmn_buffer_free(&length);
	close_ground(&ground);
}

/* Goal: one value that is larger than all memory meant for values. */
TEST(huge_values)
{
	static const int64_t lengths[] = {2000000, 3, 300000};
	static uint8_t text[2300003];
	PmnFormatColumn wanted = {
		"s", 0, {.kind = PMN_TYPE_VARBINARY, .length = PMN_LENGTH_MAX}};
	Ground ground;
	PmnBuffer length;

	open_ground(&ground);
	pmn_buffer_init(&length, &ground.env.base);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t) pmn_test_random(&ground.env);
	for (uint32_t lost = 0; lost < 2; lost++)
	{
		uint64_t at = 0;
		TestColumn column = {
			.name = "s",
			.kind = ORC_BINARY,
			.streams = {
				{ORC_STREAM_LENGTH, ints(&length, lengths, 3, false)},
				{ORC_STREAM_DATA, pmn_bytes(text, sizeof(text) - lost)}}};
		TestFile file = {.columns = &column,
						 .column_count = 1,
						 .rows = 3,
						 .stripes = 1,
						 .compression = 5,
						 .block_bytes = 100000};
		PmnBatch *batch;
		uint64_t first;

		CHECK_OK(&ground.env, open_file(&ground, &file, &wanted, 1, 1 << 18));
		for (uint32_t i = 0; i < 3; i++)
		{
			PmnCode code = pmn_format_next(ground.reader, &batch, &first);
			PmnBytes value;

			CHECK(code == (lost > 0 && i == 2 ? PMN_CORRUPT : PMN_OK));
			if (code != PMN_OK)
				break;
			CHECK(batch->row_count == 1 && first == i);
			value = *(PmnBytes *) batch->columns[0].values;
			CHECK(value.size == (uint32_t) lengths[i]);
			CHECK(memcmp(value.data, text + at, value.size) == 0);
			at += value.size;
		}
	}
	pmn_buffer_free(&length);
	close_ground(&ground);
}

/* ---- whole files ---------------------------------------------------------------------- */

typedef struct Wide
{
	PmnBuffer ids;
	PmnBuffer lengths;
	PmnBuffer text;
	TestColumn columns[4];
	TestFile file;
} Wide;

static const PmnFormatColumn wide_columns[] = {
	{"s", 0, {.kind = PMN_TYPE_VARCHAR, .length = PMN_LENGTH_MAX}},
	{"gone", 0, {.kind = PMN_TYPE_VARCHAR, .length = PMN_LENGTH_MAX}},
	{"id", 0, {.kind = PMN_TYPE_BIGINT}},
	{"id", 0, {.kind = PMN_TYPE_BIGINT}},
	{"d", 0, {.kind = PMN_TYPE_DOUBLE}}};

/* id, s of id % text_max bytes, a struct that nobody wants; d, whatever the
 * bytes of s are as doubles, when there are enough. */
static void
make_wide(Wide *wide, PmnEnv *env, uint32_t text_max)
{
	int64_t values[ROWS];

	memset(wide, 0, sizeof(*wide));
	pmn_buffer_init(&wide->ids, env);
	pmn_buffer_init(&wide->lengths, env);
	pmn_buffer_init(&wide->text, env);
	for (int64_t i = 0; i < ROWS; i++)
	{
		values[i] = i % text_max;
		for (uint32_t b = 0; b < values[i]; b++)
			CHECK(pmn_buffer_byte(&wide->text, (uint8_t) ((uint32_t) i * 7 +
														  b * b)) == PMN_OK);
	}
	put_ints(&wide->lengths, values, ROWS, false);
	for (int64_t i = 0; i < ROWS; i++)
		values[i] = i;
	put_ints(&wide->ids, values, ROWS, true);
	wide->columns[0] =
		(TestColumn){.name = "id",
					 .kind = ORC_LONG,
					 .streams = {{ORC_STREAM_DATA, bytes_of(&wide->ids)}}};
	wide->columns[1] = (TestColumn){.name = "nested", .kind = ORC_STRUCT};
	wide->columns[2] = (TestColumn){
		.name = "s",
		.kind = ORC_STRING,
		.streams = {{ORC_STREAM_DATA, bytes_of(&wide->text)},
					{ORC_STREAM_LENGTH, bytes_of(&wide->lengths)}}};
	wide->columns[3] =
		(TestColumn){.name = "d",
					 .kind = ORC_DOUBLE,
					 .streams = {{ORC_STREAM_DATA, bytes_of(&wide->text)}}};
	wide->file = (TestFile){.columns = wide->columns,
							.column_count = text_max > 16 ? 4 : 3,
							.rows = ROWS,
							.stripes = 3,
							.block_bytes = 1000};
}

static void
free_wide(Wide *wide)
{
	pmn_buffer_free(&wide->ids);
	pmn_buffer_free(&wide->lengths);
	pmn_buffer_free(&wide->text);
}

static bool
check_wide(const PmnBatch *batch, uint64_t first, uint32_t text_max)
{
	bool is_same = true;

	for (uint32_t r = 0; r < batch->row_count; r++)
	{
		int64_t id = (int64_t) ((first + r) % ROWS);
		PmnBytes text = ((PmnBytes *) batch->columns[0].values)[r];

		is_same &= text.size == (uint32_t) (id % text_max);
		for (uint32_t b = 0; b < text.size; b++)
			is_same &= text.data[b] == (uint8_t) ((uint32_t) id * 7 + b * b);
		is_same &= batch->columns[1].nulls[r] == 1;
		is_same &= ((int64_t *) batch->columns[2].values)[r] == id;
		is_same &= ((int64_t *) batch->columns[3].values)[r] == id;
	}
	return is_same && batch->columns[2].nulls == NULL;
}

/* Goal: codecs, blocks, stripes, small and large memory all read the same;
 * columns twice, missing and unwanted ones do not disturb. */
TEST(codecs_and_memory)
{
	static const uint32_t compressions[] = {0, 1, 2, 4, 5};
	static const size_t memories[] = {0, 1 << 20, 1 << 17, 1};
	Ground ground;
	Wide wide;

	for (size_t i = 0; i < 5 * 4 * 2; i++)
	{
		uint32_t text_max = i % 2 == 0 ? 700 : 13;
		uint32_t batches = 0;
		uint64_t rows = 0;

		open_ground(&ground);
		make_wide(&wide, &ground.env.base, text_max);
		wide.file.compression = compressions[i / 8];
		CHECK_OK(&ground.env, open_file(&ground, &wide.file, wide_columns, 5,
										memories[i / 2 % 4]));
		CHECK(ground.reader->row_count == 3 * ROWS);
		for (;;)
		{
			PmnBatch *batch;
			uint64_t first;

			CHECK_OK(&ground.env,
					 pmn_format_next(ground.reader, &batch, &first));
			if (batch == NULL)
				break;
			CHECK(first == rows);
			CHECK(check_wide(batch, first, text_max));
			rows += batch->row_count;
			batches++;
		}
		CHECK(rows == 3 * ROWS);
		CHECK(ground.env.base.counters.row_groups_read == 3);
		/* 350 bytes a row on average: memory decides. */
		CHECK(memories[i / 2 % 4] != 1 || batches >= 3 * ROWS / 64);
		free_wide(&wide);
		close_ground(&ground);
	}
}

/* Goal: what cannot be read is refused by name. */
TEST(refusals)
{
	PmnFormatColumn column = {"id", 0, {.kind = PMN_TYPE_INT}};
	PmnFormatWriter *writer;
	PmnFileWriter *target;
	Ground ground;
	Wide wide;

	open_ground(&ground);
	make_wide(&wide, &ground.env.base, 20);
	CHECK(open_file(&ground, &wide.file, &column, 1, 0) == PMN_CORRUPT);
	CHECK(strstr(ground.env.base.error.message, "bigint") != NULL);
	CHECK(strstr(ground.env.base.error.message, "INT") != NULL);
	column.name = "nested";
	column.type.kind = PMN_TYPE_GEOMETRY;
	CHECK(open_file(&ground, &wide.file, &column, 1, 0) == PMN_UNSUPPORTED);
	CHECK(strstr(ground.env.base.error.message, "nested") != NULL);
	column.type.kind = PMN_TYPE_INT;
	CHECK(open_file(&ground, &wide.file, &column, 1, 0) == PMN_CORRUPT);
	wide.file.has_footer_rows_wrong = true;
	column.name = "x";
	CHECK(open_file(&ground, &wide.file, &column, 1, 0) == PMN_CORRUPT);
	wide.file.has_footer_rows_wrong = false;
	CHECK_OK(&ground.env, pmn_fs_open_write(ground.fs, "/new", &target));
	CHECK(pmn_format_open_writer(&pmn_format_orc, target, &column, 1, NULL,
								 &writer) == PMN_UNSUPPORTED);
	pmn_file_writer_close(target);
	for (uint8_t kind = 3; kind <= 7; kind++)
	{
		size_t at;

		if (kind == 4 || kind == 5)
			continue;
		pmn_buffer_reset(&ground.bytes);
		put_file(&ground.bytes, &wide.file);
		/* The compression's number in the postscript. */
		at = ground.bytes.size - 1 - ground.bytes.data[ground.bytes.size - 1];
		while (ground.bytes.data[at] != 0x10)
			at++;
		ground.bytes.data[at + 1] = kind;
		CHECK(open_bytes(&ground, bytes_of(&ground.bytes), &column, 1, 0) ==
			  PMN_UNSUPPORTED);
	}
	free_wide(&wide);
	close_ground(&ground);
}

/* Goal: writers that say of each row that it is there are believed; a row
 * that is not is refused. */
TEST(rows_that_are_null)
{
	static const int64_t values[] = {1, 2, 3};
	static const uint8_t all[] = {0xff, 0xe0};
	static const uint8_t some[] = {0xff, 0xa0};
	PmnFormatColumn wanted = {"a", 0, {.kind = PMN_TYPE_BIGINT}};
	Ground ground;
	PmnBuffer data;
	PmnBatch *batch;
	uint64_t first;

	open_ground(&ground);
	pmn_buffer_init(&data, &ground.env.base);
	{
		TestColumn column = {
			.name = "a",
			.kind = ORC_INT,
			.streams = {{ORC_STREAM_DATA, ints(&data, values, 3, true)}}};
		TestFile file = {.columns = &column,
						 .column_count = 1,
						 .rows = 3,
						 .stripes = 2,
						 .root_present = pmn_bytes(all, 2)};

		CHECK_OK(&ground.env, open_file(&ground, &file, &wanted, 1, 0));
		CHECK_OK(&ground.env, pmn_format_next(ground.reader, &batch, &first));
		CHECK_OK(&ground.env, pmn_format_next(ground.reader, &batch, &first));
		CHECK(batch != NULL && batch->row_count == 3 && first == 3);
		file.root_present = pmn_bytes(some, 2);
		CHECK_OK(&ground.env, open_file(&ground, &file, &wanted, 1, 0));
		CHECK(pmn_format_next(ground.reader, &batch, &first) ==
			  PMN_UNSUPPORTED);
	}
	pmn_buffer_free(&data);
	close_ground(&ground);
}

/* ---- damage ------------------------------------------------------------------------------ */

static PmnCode
drain(Ground *ground)
{
	PmnBatch *batch;
	uint64_t first;

	if (ground->reader->row_count > 100 * ROWS)
		return PMN_CORRUPT;
	do
		PMN_TRY(pmn_format_next(ground->reader, &batch, &first));
	while (batch != NULL);
	return PMN_OK;
}

static PmnCode
read_bytes(Ground *ground, PmnBytes bytes)
{
	PmnCode code = open_bytes(ground, bytes, wide_columns, 5, 1 << 18);

	return code == PMN_OK ? drain(ground) : code;
}

/* Goal: cut and flipped files fail or read, never crash or leak. */
TEST(damaged_files)
{
	static const uint32_t compressions[] = {0, 1, 2, 4, 5};
	uint32_t codes[PMN_IO + 1] = {0};
	PmnBuffer copy;
	Ground ground;
	Wide wide;

	for (size_t c = 0; c < 5; c++)
	{
		open_ground(&ground);
		pmn_buffer_init(&copy, &ground.env.base);
		make_wide(&wide, &ground.env.base, 20);
		wide.file.compression = compressions[c];
		put_file(&copy, &wide.file);
		CHECK(read_bytes(&ground, bytes_of(&copy)) == PMN_OK);
		for (size_t size = 0; size < copy.size; size += 97)
			CHECK(read_bytes(&ground, pmn_bytes(copy.data, size)) != PMN_OK);
		for (uint32_t i = 0; i < 2000; i++)
		{
			uint32_t tail = i % 2 == 0 ? 400 : (uint32_t) copy.size;
			size_t at = copy.size - 1 - pmn_test_below(&ground.env, tail);
			uint8_t flip = (uint8_t) (1 << pmn_test_below(&ground.env, 8));

			copy.data[at] ^= flip;
			codes[read_bytes(&ground, bytes_of(&copy))]++;
			copy.data[at] ^= flip;
		}
		free_wide(&wide);
		pmn_buffer_free(&copy);
		close_ground(&ground);
	}
	printf("# mutants: %u read, %u corrupt, %u unsupported\n", codes[PMN_OK],
		   codes[PMN_CORRUPT], codes[PMN_UNSUPPORTED]);
	CHECK(codes[PMN_OK] + codes[PMN_CORRUPT] + codes[PMN_UNSUPPORTED] == 10000);
}

/* Goal: each allocation may fail, and nothing stays behind. */
TEST(survives_every_allocation_failure)
{
	PmnBuffer bytes;
	Ground ground;
	Wide wide;

	open_ground(&ground);
	pmn_buffer_init(&bytes, &ground.env.base);
	make_wide(&wide, &ground.env.base, 300);
	wide.file.compression = 5;
	put_file(&bytes, &wide.file);
	free_wide(&wide);
	for (uint64_t step = 0;; step++)
	{
		Ground failing;
		PmnCode code;

		open_ground(&failing);
		failing.env.fail_step = failing.env.step + step;
		code = read_bytes(&failing, bytes_of(&bytes));
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		failing.env.fail_step = UINT64_MAX;
		close_ground(&failing);
		if (code == PMN_OK)
			break;
	}
	pmn_buffer_free(&bytes);
	close_ground(&ground);
}

int
main(void)
{
	RUN(points_in_time);
	RUN(writer_zones);
	RUN(instants_by_option);
	RUN(impossible_points_in_time);
	RUN(timestamps_in_longs);
	RUN(decimals);
	RUN(strings);
	RUN(impossible_lengths);
	RUN(huge_values);
	RUN(codecs_and_memory);
	RUN(refusals);
	RUN(rows_that_are_null);
	RUN(damaged_files);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
