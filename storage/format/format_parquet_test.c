/*
 * format_parquet_test.c
 *
 * Parquet files written and read back: every type with its edge values and
 * nulls, projections, pruning, errors, memory. Needs the shim: without
 * PMN_ARROW_PATH the tests are skipped.
 */
#include "../testing/testing.h"

#include <dlfcn.h>
#include <math.h>

#include "../include/pmn.h"
#include "format_parquet.h"

#define ROWS 30000

static const PmnType row_types[] = {
	{.kind = PMN_TYPE_BOOLEAN},
	{.kind = PMN_TYPE_TINYINT},
	{.kind = PMN_TYPE_SMALLINT},
	{.kind = PMN_TYPE_INT},
	{.kind = PMN_TYPE_BIGINT},
	{.kind = PMN_TYPE_FLOAT},
	{.kind = PMN_TYPE_DOUBLE},
	{.kind = PMN_TYPE_DECIMAL, .precision = 1},
	{.kind = PMN_TYPE_DECIMAL, .precision = 9, .scale = 2},
	{.kind = PMN_TYPE_DECIMAL, .precision = 10, .scale = 10},
	{.kind = PMN_TYPE_DECIMAL, .precision = 18, .scale = 6},
	{.kind = PMN_TYPE_DECIMAL, .precision = 19},
	{.kind = PMN_TYPE_DECIMAL, .precision = 24, .scale = 3},
	{.kind = PMN_TYPE_DECIMAL, .precision = 38, .scale = 18},
	{.kind = PMN_TYPE_CHAR, .length = 3},
	{.kind = PMN_TYPE_VARCHAR, .length = PMN_LENGTH_MAX},
	{.kind = PMN_TYPE_BINARY, .length = 4},
	{.kind = PMN_TYPE_VARBINARY, .length = PMN_LENGTH_MAX},
	{.kind = PMN_TYPE_DATE},
	{.kind = PMN_TYPE_TIME, .precision = 3},
	{.kind = PMN_TYPE_TIMESTAMP, .precision = 0},
	{.kind = PMN_TYPE_TIMESTAMP, .precision = 6},
	{.kind = PMN_TYPE_TIMESTAMP, .precision = 9},
	{.kind = PMN_TYPE_TIMESTAMP_LTZ, .precision = 3},
	{.kind = PMN_TYPE_TIMESTAMP_LTZ, .precision = 4},
	{.kind = PMN_TYPE_TIMESTAMP_LTZ, .precision = 7},
};

#define TYPES (sizeof(row_types) / sizeof(row_types[0]))
#define COLUMNS (2 * TYPES) /* each once nullable, once NOT NULL */

static PmnFormatColumn row_columns[COLUMNS];
static char column_names[COLUMNS][16];

static void
make_columns(void)
{
	for (size_t i = 0; i < COLUMNS; i++)
	{
		snprintf(column_names[i], sizeof(column_names[i]), "c.%zu", i);
		row_columns[i].name = column_names[i];
		row_columns[i].id = (int32_t) i;
		row_columns[i].type = row_types[i % TYPES];
		row_columns[i].type.is_nullable = i < TYPES;
	}
}

static uint64_t
mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a + 1) * 0x9e3779b97f4a7c15u + b * 0xbf58476d1ce4e5b9u;

	x ^= x >> 31;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 29;
}

static bool
is_null_at(size_t column, uint64_t row)
{
	if (!row_columns[column].type.is_nullable)
		return false;
	/* Stretches without nulls, of nulls only, and mixed ones. */
	if (row / 1000 % 3 == 0)
		return false;
	if (row / 1000 % 7 == 1)
		return true;
	return mix(column, row) % 4 == 0;
}

static int64_t
pick_int(uint64_t random, uint64_t row, int64_t min, int64_t max)
{
	if (row % 10 == 0)
		return min;
	if (row % 10 == 1)
		return max;
	if (row % 10 == 2)
		return -1 < min ? min : -1;
	return (int64_t) ((uint64_t) min +
					  random % ((uint64_t) max - (uint64_t) min));
}

static PmnInt128
power_of_ten(int32_t exponent)
{
	PmnInt128 power = 1;

	while (exponent-- > 0)
		power *= 10;
	return power;
}

static PmnBytes
pick_bytes(size_t column, uint64_t row, char *room)
{
	uint64_t random = mix(column, row);
	/* Half of the columns hold few values, so that dictionaries stay. */
	uint32_t size = (uint32_t) (column % 2 == 0 ? random % 60 : row % 7);

	if (row % 1111 == 0)
		size = 3000;
	for (uint32_t i = 0; i < size; i++)
		room[i] =
			(char) (column % 2 == 0 ? mix(random, i) : 'a' + (row % 7) + i);
	return pmn_bytes(room, size);
}

static PmnValue
pick_decimal(const PmnType *type, uint64_t random, uint64_t row)
{
	PmnValue value = {0};
	PmnInt128 limit = power_of_ten(type->precision);
	PmnInt128 picked = (PmnInt128) ((PmnUint128) random * random) % limit;

	if (row % 10 == 0)
		picked = limit - 1;
	else if (row % 10 == 1)
		picked = 1 - limit;
	else if (row % 10 == 2)
		picked = -1;
	if (type->precision <= 18)
		value.as.i64 = (int64_t) picked;
	else
		value.as.dec128 = picked;
	return value;
}

static PmnValue
value_at(size_t column, uint64_t row, char *room)
{
	static const double reals[] = {0.0,		 -0.0,		NAN,	1.5,
								   INFINITY, -INFINITY, 1e-300, -1e300};
	const PmnType *type = &row_columns[column].type;
	uint64_t random = mix(column, row);
	PmnValue value = {.is_null = is_null_at(column, row)};

	if (value.is_null)
		return value;
	if (pmn_type_vector_kind(type) == PMN_VECTOR_BYTES)
		value.as.bytes = pick_bytes(column, row, room);
	else if (type->kind == PMN_TYPE_BOOLEAN)
		value.as.i64 = random % 2 == 0;
	else if (type->kind == PMN_TYPE_TINYINT)
		value.as.i64 = pick_int(random, row, INT8_MIN, INT8_MAX);
	else if (type->kind == PMN_TYPE_SMALLINT)
		value.as.i64 = pick_int(random, row, INT16_MIN, INT16_MAX);
	else if (type->kind == PMN_TYPE_INT || type->kind == PMN_TYPE_DATE)
		value.as.i64 = pick_int(random, row, INT32_MIN, INT32_MAX);
	else if (type->kind == PMN_TYPE_TIME)
		value.as.i64 = pick_int(random, row, 0, 86399999);
	else if (type->kind == PMN_TYPE_DOUBLE)
		value.as.f64 = reals[random % 8];
	else if (type->kind == PMN_TYPE_FLOAT)
		value.as.f64 = (float) reals[random % 6];
	else if (type->kind == PMN_TYPE_DECIMAL)
		value = pick_decimal(type, random, row);
	else if (pmn_type_vector_kind(type) == PMN_VECTOR_TS96)
	{
		value.as.ts96.millis = pick_int(random, row, INT64_C(-62135596800000),
										INT64_C(253402300799999));
		value.as.ts96.nano = (int32_t) (random >> 20) & 0x7ffff;
	}
	else
		value.as.i64 = pick_int(random, row, INT64_MIN, INT64_MAX);
	return value;
}

static void
put_value(PmnVector *vector, uint32_t row, const PmnValue *value)
{
	vector->nulls[row] = value->is_null;
	pmn_vector_put(vector, row, value);
}

static bool
same_value(const PmnType *type, const PmnValue *a, const PmnValue *b)
{
	if (a->is_null || b->is_null)
		return a->is_null == b->is_null;
	switch (pmn_type_vector_kind(type))
	{
		case PMN_VECTOR_F32:
		case PMN_VECTOR_F64:
			return memcmp(&a->as.f64, &b->as.f64, sizeof(double)) == 0 ||
				   (isnan(a->as.f64) && isnan(b->as.f64));
		case PMN_VECTOR_DEC128:
			return a->as.dec128 == b->as.dec128;
		case PMN_VECTOR_TS96:
			return a->as.ts96.millis == b->as.ts96.millis &&
				   a->as.ts96.nano == b->as.ts96.nano;
		case PMN_VECTOR_BYTES:
			return pmn_bytes_equal(a->as.bytes, b->as.bytes);
		case PMN_VECTOR_BOOL:
		case PMN_VECTOR_I32:
		case PMN_VECTOR_I64:
		case PMN_VECTOR_NONE:
			break;
	}
	return a->as.i64 == b->as.i64;
}

/* Rows first .. first + count - 1 of the generated table in arena. */
static PmnBatch
make_batch(PmnArena *arena, const uint32_t *columns, uint32_t column_count,
		   uint64_t first, uint32_t count)
{
	PmnBatch batch = {.row_count = count,
					  .column_count = column_count,
					  .selected_count = count};

	batch.columns = pmn_arena_alloc(arena, column_count * sizeof(PmnVector));
	for (uint32_t c = 0; c < column_count; c++)
	{
		PmnVector *vector = &batch.columns[c];
		char room[4096];

		vector->kind = pmn_type_vector_kind(&row_columns[columns[c]].type);
		vector->nulls = pmn_arena_alloc(arena, count);
		vector->values =
			pmn_arena_alloc(arena, count * pmn_vector_width(vector->kind));
		for (uint32_t r = 0; r < count; r++)
		{
			PmnValue value = value_at(columns[c], first + r, room);

			if (!value.is_null && vector->kind == PMN_VECTOR_BYTES)
				value.as.bytes.data = pmn_arena_copy(arena, value.as.bytes.data,
													 value.as.bytes.size);
			put_value(vector, r, &value);
		}
	}
	return batch;
}

/* Rows 0 .. rows - 1 of the table; odd batches go by an index array. */
static PmnCode
write_table(PmnFileSystem *fs, const char *path, const uint32_t *columns,
			uint32_t column_count, uint32_t rows,
			const PmnFormatWriteOptions *options)
{
	PmnFormatColumn wanted[COLUMNS];
	PmnFormatWriter *writer = NULL;
	PmnFileWriter *file = NULL;
	PmnArena *arena = NULL;
	PmnTestEnv own; /* the test's data must not fail half-way */
	PmnCode code;

	pmn_test_env_init(&own);
	CHECK_OK(&own, pmn_arena_create(&own.base, 0, &arena));
	for (uint32_t i = 0; i < column_count; i++)
		wanted[i] = row_columns[columns[i]];
	code = pmn_fs_open_write(fs, path, &file);
	if (code == PMN_OK)
		code = pmn_format_open_writer(&pmn_format_parquet, file, wanted,
									  column_count, options, &writer);
	for (uint32_t first = 0; code == PMN_OK && first < rows; first += 5000)
	{
		uint32_t count = rows - first < 5000 ? rows - first : 5000;
		PmnBatch batch = make_batch(arena, columns, column_count, first, count);
		uint32_t *index = pmn_arena_alloc(arena, count * sizeof(*index));

		for (uint32_t i = 0; i < count; i++)
			index[i] = i;
		code = pmn_format_write(writer, &batch,
								first / 5000 % 2 == 1 ? index : NULL, count);
		CHECK(code != PMN_OK || pmn_format_size_estimate(writer) > 0);
		pmn_arena_reset(arena);
	}
	if (code == PMN_OK)
		code = pmn_format_finish(writer);
	if (code == PMN_OK)
		code = pmn_file_finish(file);
	pmn_format_writer_close(writer);
	pmn_file_writer_close(file);
	pmn_arena_destroy(arena);
	return code;
}

static void
check_batch(const PmnBatch *batch, const uint32_t *columns, uint64_t first)
{
	uint32_t wrong = 0;
	char room[4096];

	for (uint32_t c = 0; c < batch->column_count; c++)
		for (uint32_t r = 0; r < batch->row_count; r++)
		{
			PmnValue expected = value_at(columns[c], first + r, room);
			PmnValue found = pmn_vector_value(&batch->columns[c], r);

			if (same_value(&row_columns[columns[c]].type, &expected, &found))
				continue;
			if (wrong++ == 0)
				fprintf(stderr, "column %u row %llu differs\n", columns[c],
						(unsigned long long) (first + r));
		}
	CHECK(wrong == 0);
}

static PmnCode
open_table(PmnFileSystem *fs, const char *path, const uint32_t *columns,
		   uint32_t column_count, PmnFileReader **file,
		   PmnFormatReader **reader)
{
	PmnFormatColumn wanted[COLUMNS];
	PmnFormatReadRequest request = {.columns = wanted,
									.column_count = column_count};

	for (uint32_t i = 0; i < column_count; i++)
		wanted[i] = row_columns[columns[i]];
	*reader = NULL;
	PMN_TRY(pmn_fs_open_read(fs, path, file));
	return pmn_format_open_reader(&pmn_format_parquet, *file, &request, reader);
}

/* Read and check the whole table; *rows is what came. */
static PmnCode
read_table(PmnFileSystem *fs, const char *path, const uint32_t *columns,
		   uint32_t column_count, uint64_t *rows)
{
	PmnFormatReader *reader = NULL;
	PmnFileReader *file = NULL;
	PmnBatch *batch;
	PmnCode code;
	uint64_t first;

	*rows = 0;
	code = open_table(fs, path, columns, column_count, &file, &reader);
	while (code == PMN_OK)
	{
		code = pmn_format_next(reader, &batch, &first);
		if (code != PMN_OK || batch == NULL)
			break;
		CHECK(first == *rows);
		CHECK(batch->selection == NULL);
		check_batch(batch, columns, first);
		*rows += batch->row_count;
	}
	if (code == PMN_OK)
		CHECK(reader->row_count == *rows);
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	return code;
}

static void
all_columns(uint32_t *columns)
{
	for (uint32_t i = 0; i < COLUMNS; i++)
		columns[i] = i;
}

/* Goal: every type survives writing and reading, whatever the codec, page
 * version and row group size. */
TEST(round_trip_keeps_every_value)
{
	static const char *const codecs[] = {"zstd", "none", "snappy",
										 "lz4",	 "gzip", "lz4_raw"};
	PmnOption version_2[] = {{"parquet.writer.version", "PARQUET_2_0"},
							 {"parquet.enable.dictionary", "false"},
							 {"parquet.bloom.filter.enabled#c.3", "true"}};
	PmnSchema schema = {.options = version_2, .option_count = 3};
	uint32_t columns[COLUMNS];

	all_columns(columns);
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
	{
		PmnFormatWriteOptions options = {.compression = codecs[i]};
		PmnTestEnv env;
		PmnFileSystem *fs;
		uint64_t rows;

		pmn_test_env_init(&env);
		if (i == 1)
			options.schema = &schema;
		if (i == 2)
			options.row_group_bytes = 100000;
		CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
		CHECK_OK(&env, write_table(fs, "/t", columns, COLUMNS,
								   i < 3 ? ROWS : 6000, &options));
		CHECK_OK(&env, read_table(fs, "/t", columns, COLUMNS, &rows));
		CHECK(rows == (i < 3 ? ROWS : 6000));
		CHECK(env.base.counters.rows_decoded == rows);
		CHECK(i != 2 || env.base.counters.row_groups_read > 3);
		pmn_fs_close(fs);
		CHECK(env.live_bytes == 0);
	}
}

/* Goal: columns are found by name in any order; one that is not in the file
 * reads as null. */
TEST(projection_and_missing_column)
{
	static const uint32_t written[] = {3, 15, 30};
	static const uint32_t asked[] = {30, 2, 3, 17};
	PmnFormatWriteOptions options = {.compression = "zstd"};
	PmnFormatReader *reader;
	PmnFileReader *file;
	PmnFileSystem *fs;
	PmnTestEnv env;
	PmnBatch *batch;
	uint64_t first;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, write_table(fs, "/t", written, 3, 100, &options));
	CHECK_OK(&env, open_table(fs, "/t", asked, 4, &file, &reader));
	CHECK_OK(&env, pmn_format_next(reader, &batch, &first));
	CHECK(batch != NULL && batch->row_count == 100);
	for (uint32_t r = 0; r < 100; r++)
	{
		CHECK(batch->columns[1].nulls[r] == 1);
		CHECK(batch->columns[3].nulls[r] == 1);
		CHECK(((PmnBytes *) batch->columns[3].values)[r].size == 0);
	}
	batch->columns[1] = batch->columns[2];
	batch->column_count = 2;
	check_batch(batch, (const uint32_t[]){30, 3}, 0);
	CHECK_OK(&env, pmn_format_next(reader, &batch, &first));
	CHECK(batch == NULL);
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

/* Goal: the four bytes before each value are the reader's to overwrite, and
 * values are aligned. */
TEST(byte_values_have_headroom)
{
	static const uint32_t columns[] = {14, 15, 16 + TYPES, 17 + TYPES};
	PmnFormatWriteOptions options = {.compression = "zstd"};
	PmnFormatReader *reader;
	PmnFileReader *file;
	PmnFileSystem *fs;
	PmnTestEnv env;
	PmnBatch *batch;
	uint64_t first;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, write_table(fs, "/t", columns, 4, ROWS, &options));
	CHECK_OK(&env, open_table(fs, "/t", columns, 4, &file, &reader));
	for (;;)
	{
		uint32_t wrong = 0;

		CHECK_OK(&env, pmn_format_next(reader, &batch, &first));
		if (batch == NULL)
			break;
		for (uint32_t c = 0; c < 4; c++)
			for (uint32_t r = 0; r < batch->row_count; r++)
			{
				PmnBytes *value = &((PmnBytes *) batch->columns[c].values)[r];

				if (batch->columns[c].nulls != NULL &&
					batch->columns[c].nulls[r] != 0)
					continue;
				wrong += (uintptr_t) value->data % 4 != 0;
				memset((uint8_t *) (uintptr_t) value->data - 4, 0xff, 4);
			}
		CHECK(wrong == 0);
		check_batch(batch, columns, first);
	}
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

/* A table of one column c.30 (BIGINT NOT NULL) with the values 0, 1, 2, ... */
static void
write_ascending(PmnTestEnv *env, PmnFileSystem *fs, int64_t rows)
{
	PmnFormatWriteOptions options = {.compression = "zstd",
									 .row_group_bytes = 800000};
	PmnFormatColumn columns[] = {
		{"k", 1, {.kind = PMN_TYPE_BIGINT}},
		{"s",
		 2,
		 {.kind = PMN_TYPE_VARCHAR, .length = 20, .is_nullable = true}}};
	PmnFormatWriter *writer;
	PmnFileWriter *file;
	int64_t *keys = malloc((size_t) rows * 8);
	PmnBytes *texts = malloc((size_t) rows * sizeof(PmnBytes));
	char(*room)[16] = malloc((size_t) rows * 16);
	PmnVector vectors[2] = {{PMN_VECTOR_I64, NULL, keys},
							{PMN_VECTOR_BYTES, NULL, texts}};
	PmnBatch batch = {(uint32_t) rows, 2, vectors, NULL, (uint32_t) rows};

	for (int64_t i = 0; i < rows; i++)
	{
		keys[i] = i;
		snprintf(room[i], 16, "key %09d", (int) i);
		texts[i] = pmn_bytes_string(room[i]);
	}
	CHECK_OK(env, pmn_fs_open_write(fs, "/t", &file));
	CHECK_OK(env, pmn_format_open_writer(&pmn_format_parquet, file, columns, 2,
										 &options, &writer));
	CHECK_OK(env, pmn_format_write(writer, &batch, NULL, (uint32_t) rows));
	CHECK_OK(env, pmn_format_finish(writer));
	CHECK_OK(env, pmn_file_finish(file));
	pmn_format_writer_close(writer);
	pmn_file_writer_close(file);
	free(keys);
	free(texts);
	free(room);
}

/* Read with a filter; all batches must hold the values of their rows. */
static uint64_t
count_filtered(PmnTestEnv *env, PmnFileSystem *fs, const PmnPredicate *filter,
			   int64_t begin, int64_t end)
{
	PmnFormatColumn columns[] = {
		{"s", 2, {.kind = PMN_TYPE_VARCHAR, .length = 20, .is_nullable = true}},
		{"k", 1, {.kind = PMN_TYPE_BIGINT}}};
	PmnField fields[] = {
		{1, "k", {.kind = PMN_TYPE_BIGINT}, NULL, NULL},
		{2,
		 "s",
		 {.kind = PMN_TYPE_VARCHAR, .length = 20, .is_nullable = true},
		 NULL,
		 NULL}};
	PmnSchema schema = {.fields = fields, .field_count = 2};
	int32_t positions[] = {1, 0};
	PmnFormatReadRequest request = {.columns = columns,
									.column_count = 2,
									.filter = filter,
									.filter_schema = &schema,
									.filter_columns = positions};
	PmnFormatReader *reader;
	PmnFileReader *file;
	PmnBatch *batch;
	uint64_t first;
	uint64_t rows = 0;
	int64_t matches = 0;

	CHECK_OK(env, pmn_fs_open_read(fs, "/t", &file));
	CHECK_OK(env, pmn_format_open_reader(&pmn_format_parquet, file, &request,
										 &reader));
	for (;;)
	{
		CHECK_OK(env, pmn_format_next(reader, &batch, &first));
		if (batch == NULL)
			break;
		for (uint32_t r = 0; r < batch->row_count; r++)
		{
			int64_t key = ((int64_t *) batch->columns[1].values)[r];
			PmnBytes text = ((PmnBytes *) batch->columns[0].values)[r];
			char expected[16];

			snprintf(expected, sizeof(expected), "key %09d", (int) key);
			if (key != (int64_t) (first + r) ||
				!pmn_bytes_equal(text, pmn_bytes_string(expected)))
				CHECK(!"the row is not the one its position says");
			matches += key >= begin && key < end;
		}
		rows += batch->row_count;
	}
	CHECK(matches == end - begin);
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	return rows;
}

/* Goal: statistics of row groups and pages skip what cannot match, and
 * positions of rows stay right. */
TEST(filters_skip_row_groups_and_pages)
{
	PmnValue number = {.as.i64 = 123456};
	PmnValue text = {.as.bytes = {(const uint8_t *) "key 000150000", 13}};
	PmnPredicate equal = {PMN_PREDICATE_EQ, 0, &number, 1, NULL, 0};
	PmnPredicate below = {PMN_PREDICATE_LT, 1, &text, 1, NULL, 0};
	PmnPredicate above = {PMN_PREDICATE_GE, 0, &number, 1, NULL, 0};
	PmnPredicate null = {PMN_PREDICATE_IS_NULL, 1, NULL, 0, NULL, 0};
	const PmnPredicate *both[] = {&below, &above};
	PmnPredicate and = {PMN_PREDICATE_AND, 0, NULL, 0, both, 2};
	PmnPredicate or = {PMN_PREDICATE_OR, 0, NULL, 0, both, 2};
	PmnFileSystem *fs;
	PmnTestEnv env;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	write_ascending(&env, fs, 300000);
	CHECK(count_filtered(&env, fs, NULL, 0, 300000) == 300000);
	CHECK(env.base.counters.row_groups_read > 2);
	env.base.counters.row_groups_read = 0;
	CHECK(count_filtered(&env, fs, &equal, 123456, 123457) <= 20000);
	CHECK(env.base.counters.row_groups_read == 1);
	CHECK(env.base.counters.row_groups_skipped > 1);
	CHECK(count_filtered(&env, fs, &below, 0, 150000) < 200000);
	CHECK(count_filtered(&env, fs, &above, 123456, 300000) < 200000);
	CHECK(count_filtered(&env, fs, &and, 123456, 150000) < 60000);
	CHECK(count_filtered(&env, fs, & or, 0, 300000) == 300000);
	CHECK(count_filtered(&env, fs, &null, 0, 0) == 0);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

/* Goal: skipping rows works for every type, with nulls and small pages whose
 * beginnings differ from column to column. */
TEST(skipping_keeps_every_value)
{
	PmnOption small[] = {{"parquet.page.row.count.limit", "500"},
						 {"parquet.page.size", "3000"}};
	PmnSchema options_schema = {.options = small, .option_count = 2};
	PmnFormatWriteOptions options = {.schema = &options_schema};
	PmnField fields[] = {{1, "c.4", row_columns[4].type, NULL, NULL}};
	PmnSchema schema = {.fields = fields, .field_count = 1};
	PmnPredicate filter = {PMN_PREDICATE_NOT_NULL, 0, NULL, 0, NULL, 0};
	int32_t positions[] = {4};
	PmnFormatReadRequest request = {.columns = row_columns,
									.column_count = COLUMNS,
									.filter = &filter,
									.filter_schema = &schema,
									.filter_columns = positions};
	uint32_t columns[COLUMNS];
	PmnFormatReader *reader;
	PmnFileReader *file;
	PmnFileSystem *fs;
	PmnTestEnv env;
	PmnBatch *batch;
	uint64_t first;
	uint64_t next = 0;
	uint32_t gaps = 0;

	all_columns(columns);
	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, write_table(fs, "/t", columns, COLUMNS, ROWS, &options));
	CHECK_OK(&env, pmn_fs_open_read(fs, "/t", &file));
	CHECK_OK(&env, pmn_format_open_reader(&pmn_format_parquet, file, &request,
										  &reader));
	for (;;)
	{
		CHECK_OK(&env, pmn_format_next(reader, &batch, &first));
		if (batch == NULL)
			break;
		CHECK(first >= next);
		gaps += first > next;
		/* What was left out has only nulls. */
		for (; next < first; next++)
			if (!is_null_at(4, next))
				CHECK(!"a row that matches was skipped");
		check_batch(batch, columns, first);
		next = first + batch->row_count;
	}
	CHECK(gaps > 1);
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

static PmnCode
open_as(PmnFileSystem *fs, PmnType type)
{
	PmnFormatColumn column = {"k", 1, type};
	PmnFormatReadRequest request = {.columns = &column, .column_count = 1};
	PmnFormatReader *reader = NULL;
	PmnFileReader *file = NULL;
	PmnCode code = pmn_fs_open_read(fs, "/t", &file);

	if (code == PMN_OK)
		code = pmn_format_open_reader(&pmn_format_parquet, file, &request,
									  &reader);
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	return code;
}

/* Goal: a file whose type is not the table's is refused by name. */
TEST(types_must_agree)
{
	PmnType element = {.kind = PMN_TYPE_INT};
	PmnFileSystem *fs;
	PmnTestEnv env;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	write_ascending(&env, fs, 10);
	CHECK(open_as(fs, (PmnType){.kind = PMN_TYPE_BIGINT}) == PMN_OK);
	CHECK(open_as(fs, (PmnType){.kind = PMN_TYPE_INT}) == PMN_CORRUPT);
	CHECK(strstr(env.base.error.message, "\"k\"") != NULL);
	CHECK(strstr(env.base.error.message, "INT64") != NULL);
	CHECK(strstr(env.base.error.message, "/t") != NULL);
	CHECK(open_as(fs, (PmnType){.kind = PMN_TYPE_VARCHAR}) == PMN_CORRUPT);
	CHECK(open_as(fs, (PmnType){.kind = PMN_TYPE_DOUBLE}) == PMN_CORRUPT);
	CHECK(open_as(fs, (PmnType){.kind = PMN_TYPE_ARRAY, .element = &element}) ==
		  PMN_CORRUPT);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

static PmnCode
write_one(PmnTestEnv *env, PmnType type, PmnVector *vector,
		  const PmnFormatWriteOptions *options)
{
	PmnFormatColumn column = {"c", 1, type};
	PmnBatch batch = {1, 1, vector, NULL, 1};
	PmnFormatWriter *writer = NULL;
	PmnFileWriter *file = NULL;
	PmnFileSystem *fs = NULL;
	PmnCode code = pmn_fs_memory_open(&env->base, &fs);

	if (code == PMN_OK)
		code = pmn_fs_open_write(fs, "/t", &file);
	if (code == PMN_OK)
		code = pmn_format_open_writer(&pmn_format_parquet, file, &column, 1,
									  options, &writer);
	if (code == PMN_OK)
		code = pmn_format_write(writer, &batch, NULL, 1);
	if (code != PMN_OK && writer != NULL)
		CHECK(pmn_format_finish(writer) != PMN_OK);
	pmn_format_writer_close(writer);
	pmn_file_writer_close(file);
	pmn_fs_close(fs);
	CHECK(env->live_bytes == 0);
	return code;
}

/* Goal: values that a type cannot hold, and options that we do not know, are
 * refused before a wrong file exists. */
TEST(writer_refuses)
{
	PmnFormatWriteOptions options = {.compression = "zstd"};
	PmnFormatWriteOptions brotli = {.compression = "brotli"};
	PmnOption unknown = {"parquet.encryption.footer.key", "k"};
	PmnOption wrong = {"parquet.page.size", "1mb"};
	PmnSchema schema = {.options = &unknown, .option_count = 1};
	PmnFormatWriteOptions with_schema = {.schema = &schema};
	PmnType decimal = {.kind = PMN_TYPE_DECIMAL, .precision = 3};
	PmnType tiny = {.kind = PMN_TYPE_TINYINT};
	uint8_t nulls[1] = {1};
	int64_t big[1] = {1000};
	int32_t small[1] = {128};
	PmnVector of_big = {PMN_VECTOR_I64, NULL, big};
	PmnVector of_small = {PMN_VECTOR_I32, NULL, small};
	PmnVector of_null = {PMN_VECTOR_I32, nulls, small};
	PmnTestEnv env;

	pmn_test_env_init(&env);
	CHECK(write_one(&env, decimal, &of_big, &options) == PMN_OUT_OF_RANGE);
	CHECK(write_one(&env, tiny, &of_small, &options) == PMN_OUT_OF_RANGE);
	CHECK(write_one(&env, tiny, &of_null, &options) == PMN_INVALID);
	small[0] = 127;
	CHECK_OK(&env, write_one(&env, tiny, &of_small, &options));
	CHECK(write_one(&env, tiny, &of_small, &brotli) == PMN_UNSUPPORTED);
	CHECK(write_one(&env, tiny, &of_small, &with_schema) == PMN_UNSUPPORTED);
	CHECK(strstr(env.base.error.message, unknown.key) != NULL);
	schema.options = &wrong;
	CHECK(write_one(&env, tiny, &of_small, &with_schema) == PMN_INVALID);
}

static PmnCode
write_and_read(PmnEnv *env)
{
	static const uint32_t columns[] = {0, 4, 11, 15, 22, 15 + TYPES};
	PmnFormatWriteOptions options = {.compression = "zstd"};
	PmnFileSystem *fs = NULL;
	PmnCode code = pmn_fs_memory_open(env, &fs);
	uint64_t rows;

	if (code == PMN_OK)
		code = write_table(fs, "/t", columns, 6, 500, &options);
	if (code == PMN_OK)
		code = read_table(fs, "/t", columns, 6, &rows);
	pmn_fs_close(fs);
	return code;
}

/* Goal: each failing allocation ends the call with its code and no leak. */
TEST(survives_every_allocation_failure)
{
	PmnCode code = PMN_NO_MEMORY;
	uint64_t step;

	for (step = 0; code == PMN_NO_MEMORY && step < 100000; step++)
	{
		PmnTestEnv env;

		pmn_test_env_fail_at(&env, step);
		code = write_and_read(&env.base);
		CHECK(env.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
	printf("# %llu allocations failed\n", (unsigned long long) step);
}

static uint32_t polls_left;

static bool
stop_soon(PmnEnv *env)
{
	(void) env;
	return polls_left-- == 0;
}

/* Goal: cancellation inside a file read comes through Arrow as its code. */
TEST(cancelling_passes_through)
{
	static const uint32_t columns[] = {4, 15};
	PmnFormatWriteOptions options = {.compression = "none"};
	PmnFileSystem *fs;
	PmnTestEnv env;
	PmnCode code = PMN_CANCELLED;
	uint64_t rows;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, write_table(fs, "/t", columns, 2, ROWS, &options));
	env.base.should_stop = stop_soon;
	for (uint32_t polls = 0; code == PMN_CANCELLED && polls < 1000; polls++)
	{
		polls_left = polls;
		code = read_table(fs, "/t", columns, 2, &rows);
		CHECK(code == PMN_CANCELLED || code == PMN_OK);
	}
	CHECK(code == PMN_OK);
	polls_left = UINT32_MAX;
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

static long
status_number(const char *key)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long number = -1;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			number = strtol(line + strlen(key), NULL, 10);
	if (file != NULL)
		fclose(file);
	return number;
}

/* Goal: after all of the above the process still has one thread. */
TEST(no_thread_was_started)
{
	CHECK(status_number("Threads:") == 1);
}

/* Goal: formats are found by name, whatever the case; others are refused. */
TEST(lookup)
{
	const PmnFormatOps *format;
	PmnTestEnv env;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_format_lookup(&env.base, "PARQUET", &format));
	CHECK(format == &pmn_format_parquet);
	CHECK(pmn_format_lookup(&env.base, "lance", &format) == PMN_UNSUPPORTED);
	CHECK(format == NULL);
}

/* Goal: a missing library is an error with a hint, not a crash. */
TEST(missing_library)
{
	const PmnArrowApi *api;
	PmnTestEnv env;

	pmn_test_env_init(&env);
	pmn_set_arrow_path("/nowhere/paimon_arrow.so");
	CHECK(pmn_arrow_load(&env.base, &api) == PMN_UNSUPPORTED);
	CHECK(env.base.error.hint[0] != '\0');
	pmn_set_arrow_path(NULL);
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	make_columns();
	RUN(lookup);
	RUN(missing_library);
	if (getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH does not name paimon_arrow.so\n");
		TEST_END();
	}
	RUN(round_trip_keeps_every_value);
	RUN(projection_and_missing_column);
	RUN(byte_values_have_headroom);
	RUN(filters_skip_row_groups_and_pages);
	RUN(skipping_keeps_every_value);
	RUN(types_must_agree);
	RUN(writer_refuses);
	RUN(survives_every_allocation_failure);
	RUN(cancelling_passes_through);
	RUN(no_thread_was_started);
	TEST_END();
}
