/*
 * format_parquet_nested_test.c
 *
 * Nested columns of Parquet files written and read back: values of many
 * shapes, made from the row's number alone, so that any row can be checked
 * wherever a batch begins. Values are compared as bytes: equal ones have
 * equal bytes (include/pmn_nested.h). Needs PMN_ARROW_PATH.
 */
#include "../testing/testing.h"

#include "../include/pmn.h"
#include "format_parquet.h"

#define ROWS 12000
#define STRING                                                                 \
	{                                                                          \
		.kind = PMN_TYPE_VARCHAR, .length = PMN_LENGTH_MAX,                    \
		.is_nullable = true                                                    \
	}

static const PmnType null_int = {.kind = PMN_TYPE_INT, .is_nullable = true};
static const PmnType sure_int = {.kind = PMN_TYPE_INT};
static const PmnType null_bool = {.kind = PMN_TYPE_BOOLEAN,
								  .is_nullable = true};
static const PmnType null_tiny = {.kind = PMN_TYPE_TINYINT,
								  .is_nullable = true};
static const PmnType null_text = STRING;
static const PmnType sure_text = {.kind = PMN_TYPE_VARCHAR,
								  .length = PMN_LENGTH_MAX};
static const PmnType null_float = {.kind = PMN_TYPE_FLOAT, .is_nullable = true};
static const PmnType wide = {
	.kind = PMN_TYPE_DECIMAL, .precision = 20, .is_nullable = true};
static const PmnType exact = {
	.kind = PMN_TYPE_TIMESTAMP, .precision = 9, .is_nullable = true};
static const PmnType ints = {
	.kind = PMN_TYPE_ARRAY, .element = &null_int, .is_nullable = true};
static const PmnType wides = {
	.kind = PMN_TYPE_ARRAY, .element = &wide, .is_nullable = true};
static const PmnType variant = {.kind = PMN_TYPE_VARIANT, .is_nullable = true};
static const PmnType by_int = {.kind = PMN_TYPE_MAP,
							   .key = &sure_int,
							   .element = &null_text,
							   .is_nullable = true};
static const PmnField deep_fields[] = {
	{20, "x", {.kind = PMN_TYPE_DOUBLE, .is_nullable = true}, NULL, NULL},
	{21,
	 "y",
	 {.kind = PMN_TYPE_MAP,
	  .key = &sure_int,
	  .element = &null_text,
	  .is_nullable = true},
	 NULL,
	 NULL}};
static const PmnType deep = {.kind = PMN_TYPE_ROW,
							 .fields = deep_fields,
							 .field_count = 2,
							 .is_nullable = true};
static const PmnField row_fields[] = {
	{22, "a", {.kind = PMN_TYPE_INT, .is_nullable = true}, NULL, NULL},
	{23,
	 "b",
	 {.kind = PMN_TYPE_ARRAY, .element = &deep, .is_nullable = true},
	 NULL,
	 NULL},
	{24,
	 "c",
	 {.kind = PMN_TYPE_TIMESTAMP, .precision = 9, .is_nullable = true},
	 NULL,
	 NULL}};
static const PmnField sure_fields[] = {
	{25, "p", {.kind = PMN_TYPE_INT}, NULL, NULL},
	{26, "q", {.kind = PMN_TYPE_BIGINT}, NULL, NULL}};

static const PmnFormatColumn columns[] = {
	{"k", 1, {.kind = PMN_TYPE_BIGINT}},
	{"a_int",
	 2,
	 {.kind = PMN_TYPE_ARRAY, .element = &null_int, .is_nullable = true}},
	{"a_text", 3, {.kind = PMN_TYPE_ARRAY, .element = &sure_text}},
	{"a_a", 4, {.kind = PMN_TYPE_ARRAY, .element = &ints, .is_nullable = true}},
	{"a_a_dec",
	 5,
	 {.kind = PMN_TYPE_ARRAY, .element = &wides, .is_nullable = true}},
	{"a_bool",
	 6,
	 {.kind = PMN_TYPE_ARRAY, .element = &null_bool, .is_nullable = true}},
	{"a_time",
	 7,
	 {.kind = PMN_TYPE_ARRAY, .element = &exact, .is_nullable = true}},
	{"m",
	 8,
	 {.kind = PMN_TYPE_MAP,
	  .key = &sure_int,
	  .element = &by_int,
	  .is_nullable = true}},
	{"ms",
	 9,
	 {.kind = PMN_TYPE_MULTISET, .element = &sure_text, .is_nullable = true}},
	{"r",
	 10,
	 {.kind = PMN_TYPE_ROW,
	  .fields = row_fields,
	  .field_count = 3,
	  .is_nullable = true}},
	{"sure",
	 11,
	 {.kind = PMN_TYPE_ROW, .fields = sure_fields, .field_count = 2}},
	{"v",
	 12,
	 {.kind = PMN_TYPE_VECTOR,
	  .element = &null_float,
	  .length = 3,
	  .is_nullable = true}},
	{"variant", 13, {.kind = PMN_TYPE_VARIANT, .is_nullable = true}},
	{"a_variant",
	 14,
	 {.kind = PMN_TYPE_ARRAY, .element = &variant, .is_nullable = true}},
	{"a_tiny",
	 15,
	 {.kind = PMN_TYPE_ARRAY, .element = &null_tiny, .is_nullable = true}},
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* ---- values ----------------------------------------------------------------- */

/* Random numbers of one value. */
static uint64_t
draw(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static PmnCode make_body(PmnNestedWriter *writer, const PmnType *type,
						 uint64_t *state, int depth);

static PmnCode
make_text(PmnNestedWriter *writer, uint64_t *state)
{
	char text[80];
	PmnValue value = {0};
	uint64_t random = draw(state);
	int size = (int) (random % 97 == 0 ? random % 79 : random % 11);

	for (int i = 0; i < size; i++)
		text[i] = (char) ('a' + (random >> 8) % 5 + (uint64_t) i % 3);
	value.as.bytes = pmn_bytes(text, (size_t) size);
	return pmn_nested_write_slot(writer, PMN_VECTOR_BYTES, &value);
}

static PmnCode
make_scalar(PmnNestedWriter *writer, const PmnType *type, uint64_t *state)
{
	PmnVectorKind kind = pmn_type_vector_kind(type);
	uint64_t random = draw(state);
	PmnValue value = {0};

	if (kind == PMN_VECTOR_BYTES)
		return make_text(writer, state);
	if (kind == PMN_VECTOR_DEC128)
		value.as.dec128 = (PmnInt128) (int64_t) random * 7;
	else if (kind == PMN_VECTOR_TS96)
	{
		value.as.ts96.millis = (int64_t) random >> 18;
		value.as.ts96.nano = (int32_t) (random % 1000000);
	}
	else if (kind == PMN_VECTOR_F32 || kind == PMN_VECTOR_F64)
		value.as.f64 = (double) (int8_t) random / 4;
	else if (kind == PMN_VECTOR_BOOL)
		value.as.i64 = (int64_t) (random & 1);
	else if (type->kind == PMN_TYPE_TINYINT)
		value.as.i64 = (int8_t) random;
	else if (kind == PMN_VECTOR_I32)
		value.as.i64 = (int32_t) (random % 3 == 0 ? random : random % 9);
	else
		value.as.i64 = (int64_t) random;
	return pmn_nested_write_slot(writer, kind, &value);
}

static PmnCode
make_slot(PmnNestedWriter *writer, const PmnType *type, uint64_t *state,
		  int depth)
{
	static const PmnValue null = {.is_null = true};
	size_t mark;

	if (type->is_nullable && draw(state) % 5 == 0)
		return pmn_nested_write_slot(writer, PMN_VECTOR_BYTES, &null);
	if (!pmn_type_is_nested(type))
		return make_scalar(writer, type, state);
	PMN_TRY(pmn_nested_begin(writer, &mark));
	PMN_TRY(make_body(writer, type, state, depth + 1));
	pmn_nested_end(writer, mark);
	return PMN_OK;
}

/* Mostly short lists, some of which are longer than a page. */
static uint32_t
make_count(const PmnType *type, uint64_t *state, int depth)
{
	uint64_t random = draw(state);

	if (type->kind == PMN_TYPE_VECTOR)
		return (uint32_t) type->length;
	if (depth == 0 && random % 1501 == 0)
		return 5000;
	if (random % 211 == 0)
		return 40;
	return (uint32_t) (random >> 20) % 5;
}

static PmnCode
make_body(PmnNestedWriter *writer, const PmnType *type, uint64_t *state,
		  int depth)
{
	uint32_t count;

	if (type->kind == PMN_TYPE_VARIANT)
	{
		PMN_TRY(make_text(writer, state));
		return make_text(writer, state);
	}
	if (type->kind == PMN_TYPE_ROW)
	{
		for (uint32_t i = 0; i < type->field_count; i++)
			PMN_TRY(make_slot(writer, &type->fields[i].type, state, depth));
		return PMN_OK;
	}
	count = make_count(type, state, depth);
	PMN_TRY(pmn_nested_write_count(writer, count));
	for (uint32_t i = 0; i < count; i++)
	{
		if (type->kind == PMN_TYPE_MAP)
			PMN_TRY(make_slot(writer, type->key, state, depth));
		PMN_TRY(make_slot(writer, type->element, state, depth));
		if (type->kind == PMN_TYPE_MULTISET)
			PMN_TRY(make_slot(writer, &sure_int, state, depth));
	}
	return PMN_OK;
}

/* The value of a column in a row; false: null. */
static bool
make_value(PmnNestedWriter *writer, size_t column, uint64_t row)
{
	uint64_t state = row * 1000 + column;
	const PmnType *type = &columns[column].type;

	pmn_nested_reset(writer);
	/* Stretches of nulls, too. */
	if (type->is_nullable && (row / 700 % 5 == 2 || draw(&state) % 6 == 0))
		return false;
	CHECK(make_body(writer, type, &state, 0) == PMN_OK);
	return true;
}

/* ---- files ------------------------------------------------------------------ */

typedef struct Rows
{
	PmnVector vectors[COLUMNS];
	PmnBatch batch;
} Rows;

static void
make_rows(PmnTestEnv *env, PmnArena *arena, uint64_t first, uint32_t count,
		  Rows *rows)
{
	PmnNestedWriter writer;
	int64_t *keys = pmn_arena_alloc(arena, count * sizeof(*keys));

	pmn_nested_writer_init(&writer, &env->base);
	for (uint32_t r = 0; r < count; r++)
		keys[r] = (int64_t) (first + r);
	rows->vectors[0] = (PmnVector){PMN_VECTOR_I64, NULL, keys};
	for (size_t c = 1; c < COLUMNS; c++)
	{
		PmnBytes *values = pmn_arena_alloc(arena, count * sizeof(*values));
		uint8_t *nulls = pmn_arena_alloc(arena, count);

		for (uint32_t r = 0; r < count; r++)
		{
			PmnBytes bytes;

			nulls[r] = !make_value(&writer, c, first + r);
			bytes = pmn_nested_bytes(&writer);
			values[r] = pmn_bytes(pmn_arena_copy(arena, bytes.data, bytes.size),
								  bytes.size);
		}
		rows->vectors[c] =
			(PmnVector){PMN_VECTOR_BYTES,
						columns[c].type.is_nullable ? nulls : NULL, values};
	}
	pmn_nested_writer_free(&writer);
	rows->batch = (PmnBatch){count, COLUMNS, rows->vectors, NULL, count};
}

static PmnCode
write_rows(PmnTestEnv *env, PmnFileSystem *fs, uint32_t count,
		   const PmnFormatWriteOptions *options)
{
	PmnFormatWriter *writer = NULL;
	PmnFileWriter *file = NULL;
	PmnArena *arena = NULL;
	Rows rows;
	PmnCode code;

	PMN_TRY(pmn_fs_open_write(fs, "/t", &file));
	code = pmn_format_open_writer(&pmn_format_parquet, file, columns, COLUMNS,
								  options, &writer);
	for (uint32_t first = 0; code == PMN_OK && first < count; first += 3000)
	{
		uint32_t some = count - first < 3000 ? count - first : 3000;

		CHECK_OK(env, pmn_arena_create(&env->base, 0, &arena));
		make_rows(env, arena, first, some, &rows);
		code = pmn_format_write(writer, &rows.batch, NULL, some);
		pmn_arena_destroy(arena);
	}
	if (code == PMN_OK)
		code = pmn_format_finish(writer);
	if (code == PMN_OK)
		code = pmn_file_finish(file);
	pmn_format_writer_close(writer);
	pmn_file_writer_close(file);
	return code;
}

/* asked has the columns of the batch; the first is the key. */
static void
check_rows(PmnTestEnv *env, const PmnBatch *batch, const uint32_t *asked,
		   uint64_t first)
{
	PmnNestedWriter writer;
	uint32_t wrong = 0;

	pmn_nested_writer_init(&writer, &env->base);
	for (uint32_t c = 0; c < batch->column_count; c++)
		for (uint32_t r = 0; r < batch->row_count; r++)
		{
			PmnValue value = pmn_vector_value(&batch->columns[c], r);
			bool bad;

			if (asked[c] == 0)
			{
				wrong += value.as.i64 != (int64_t) (first + r);
				continue;
			}
			bad =
				make_value(&writer, asked[c], first + r) == value.is_null ||
				(!value.is_null &&
				 (!pmn_bytes_equal(value.as.bytes, pmn_nested_bytes(&writer)) ||
				  (uintptr_t) value.as.bytes.data % 4 != 0));
			if (bad && wrong++ == 0)
				fprintf(stderr, "row %d of %s differs\n", (int) (first + r),
						columns[asked[c]].name);
		}
	CHECK(wrong == 0);
	pmn_nested_writer_free(&writer);
}

typedef struct Asked
{
	uint32_t columns[COLUMNS];
	uint32_t count;
	size_t memory;
	const PmnPredicate *filter;
} Asked;

/* Rows read; each is checked. */
static uint64_t
read_rows(PmnTestEnv *env, PmnFileSystem *fs, const Asked *asked,
		  uint32_t *batches)
{
	PmnField key = {1, "k", {.kind = PMN_TYPE_BIGINT}, NULL, NULL};
	PmnSchema schema = {.fields = &key, .field_count = 1};
	int32_t position = 0;
	PmnFormatColumn wanted[COLUMNS];
	PmnFormatReadRequest request = {.columns = wanted,
									.column_count = asked->count,
									.memory_limit_bytes = asked->memory,
									.filter = asked->filter,
									.filter_schema = &schema,
									.filter_columns = &position};
	PmnFormatReader *reader = NULL;
	PmnFileReader *file;
	PmnBatch *batch;
	uint64_t first;
	uint64_t rows = 0;

	for (uint32_t i = 0; i < asked->count; i++)
		wanted[i] = columns[asked->columns[i]];
	CHECK_OK(env, pmn_fs_open_read(fs, "/t", &file));
	CHECK_OK(env, pmn_format_open_reader(&pmn_format_parquet, file, &request,
										 &reader));
	*batches = 0;
	for (;;)
	{
		CHECK_OK(env, pmn_format_next(reader, &batch, &first));
		if (batch == NULL)
			break;
		check_rows(env, batch, asked->columns, first);
		rows += batch->row_count;
		(*batches)++;
	}
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	return rows;
}

static void
ask_all(Asked *asked)
{
	*asked = (Asked){.count = COLUMNS};
	for (uint32_t i = 0; i < COLUMNS; i++)
		asked->columns[i] = i;
}

static const PmnOption small_pages[] = {{"parquet.page.row.count.limit", "300"},
										{"parquet.page.size", "2000"}};
static const PmnOption version_2[] = {{"parquet.writer.version", "PARQUET_2_0"},
									  {"parquet.page.size", "4000"}};
static const PmnOption no_dictionary[] = {
	{"parquet.enable.dictionary", "false"}};

/* ---- tests ------------------------------------------------------------------ */

/* Goal: every shape survives, whatever the pages, encodings and groups. */
TEST(round_trip_keeps_every_value)
{
	static const PmnOption *const lists[] = {small_pages, version_2,
											 no_dictionary};
	static const uint32_t counts[] = {2, 2, 1};
	PmnFileSystem *fs;
	PmnTestEnv env;
	Asked asked;
	uint32_t batches;

	for (size_t i = 0; i < 3; i++)
	{
		PmnSchema schema = {.options = (PmnOption *) (uintptr_t) lists[i],
							.option_count = counts[i]};
		PmnFormatWriteOptions options = {.compression = "zstd",
										 .row_group_bytes =
											 i == 2 ? 1500000 : 0,
										 .schema = &schema};

		pmn_test_env_init(&env);
		CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
		CHECK_OK(&env, write_rows(&env, fs, ROWS, &options));
		ask_all(&asked);
		CHECK(read_rows(&env, fs, &asked, &batches) == ROWS);
		CHECK(i != 2 || env.base.counters.row_groups_read > 1);
		pmn_fs_close(fs);
		CHECK(env.live_bytes == 0);
	}
}

/* Goal: with little memory batches end early, and stay right. */
TEST(little_memory_makes_short_batches)
{
	PmnFormatWriteOptions options = {.compression = "zstd"};
	PmnFileSystem *fs;
	PmnTestEnv env;
	Asked asked;
	uint32_t batches;
	uint32_t usual;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, write_rows(&env, fs, ROWS, &options));
	ask_all(&asked);
	CHECK(read_rows(&env, fs, &asked, &usual) == ROWS);
	asked.memory = 1 << 20;
	CHECK(read_rows(&env, fs, &asked, &batches) == ROWS);
	CHECK(batches > usual);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

/* Goal: rows between wanted ones are skipped in nested columns by page, and
 * what is read are the rows that were asked for; with and without an index
 * for the leaves (INT96 has none). */
TEST(ranges_keep_rows_together)
{
	PmnValue at[] = {{.as.i64 = 3},
					 {.as.i64 = 4000},
					 {.as.i64 = 4450},
					 {.as.i64 = 9001},
					 {.as.i64 = 11999}};
	PmnPredicate one = {PMN_PREDICATE_EQ, 0, &at[0], 1, NULL, 0};
	PmnPredicate from = {PMN_PREDICATE_GE, 0, &at[1], 1, NULL, 0};
	PmnPredicate to = {PMN_PREDICATE_LT, 0, &at[2], 1, NULL, 0};
	PmnPredicate far = {PMN_PREDICATE_EQ, 0, &at[3], 1, NULL, 0};
	PmnPredicate last = {PMN_PREDICATE_EQ, 0, &at[4], 1, NULL, 0};
	const PmnPredicate *both[] = {&from, &to};
	PmnPredicate between = {PMN_PREDICATE_AND, 0, NULL, 0, both, 2};
	const PmnPredicate *any[] = {&one, &between, &far, &last};
	PmnPredicate filter = {PMN_PREDICATE_OR, 0, NULL, 0, any, 4};
	PmnSchema schema = {.options = (PmnOption *) (uintptr_t) small_pages,
						.option_count = 2};
	PmnFormatWriteOptions options = {.compression = "zstd", .schema = &schema};
	PmnFileSystem *fs;
	PmnTestEnv env;
	Asked asked;
	uint32_t batches;
	uint64_t rows;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, write_rows(&env, fs, ROWS, &options));
	ask_all(&asked);
	asked.filter = &filter;
	rows = read_rows(&env, fs, &asked, &batches);
	CHECK(rows >= 453 && rows < 4000);
	CHECK(batches >= 4);
	asked.filter = &last;
	rows = read_rows(&env, fs, &asked, &batches);
	CHECK(rows >= 1 && rows <= 300);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

/* Goal: any column alone, and none but the key, read right. */
TEST(projections_do_not_disturb)
{
	PmnFormatWriteOptions options = {.compression = "none"};
	PmnFileSystem *fs;
	PmnTestEnv env;
	uint32_t batches;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, write_rows(&env, fs, 1000, &options));
	for (uint32_t c = 0; c < COLUMNS; c++)
	{
		Asked asked = {.columns = {c}, .count = 1};

		CHECK(read_rows(&env, fs, &asked, &batches) == 1000);
	}
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

static PmnCode
open_as(PmnFileSystem *fs, const char *name, PmnType type)
{
	PmnFormatColumn column = {name, 0, type};
	PmnFormatReadRequest request = {.columns = &column, .column_count = 1};
	PmnFormatReader *reader = NULL;
	PmnFileReader *file;
	PmnCode code;

	PMN_TRY(pmn_fs_open_read(fs, "/t", &file));
	code = pmn_format_open_reader(&pmn_format_parquet, file, &request, &reader);
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	return code;
}

/* Goal: another shape than the table's is refused by its path; a column that
 * is absent as a whole is null. */
TEST(shapes_must_agree)
{
	PmnField absent[] = {{0, "zz", null_int, NULL, NULL}};
	PmnType row = {.kind = PMN_TYPE_ROW, .fields = absent, .field_count = 1};
	PmnFormatWriteOptions options = {.compression = "none"};
	PmnFileSystem *fs;
	PmnTestEnv env;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, write_rows(&env, fs, 10, &options));
	CHECK(open_as(fs, "none", row) == PMN_OK);
	CHECK(open_as(fs, "r", row) == PMN_CORRUPT);
	CHECK(strstr(env.base.error.message, "\"zz\"") != NULL);
	CHECK(open_as(fs, "a_int", columns[2].type) == PMN_CORRUPT);
	CHECK(strstr(env.base.error.message, "a_int.list.element") != NULL);
	CHECK(open_as(fs, "a_int", columns[7].type) == PMN_CORRUPT);
	CHECK(open_as(fs, "a_int", columns[3].type) == PMN_CORRUPT);
	CHECK(open_as(fs, "a_a", columns[1].type) == PMN_CORRUPT);
	CHECK(open_as(fs, "m", columns[1].type) == PMN_CORRUPT);
	CHECK(open_as(fs, "k", columns[1].type) == PMN_CORRUPT);
	CHECK(open_as(fs, "a_int", null_int) == PMN_CORRUPT);
	CHECK(open_as(fs, "r", variant) == PMN_CORRUPT);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

static PmnCode
write_value(PmnTestEnv *env, PmnFileSystem *fs, PmnType type, PmnBytes value)
{
	PmnFormatColumn column = {"c", 1, type};
	PmnFormatWriteOptions options = {.compression = "none"};
	PmnVector vector = {PMN_VECTOR_BYTES, NULL, &value};
	PmnBatch batch = {1, 1, &vector, NULL, 1};
	PmnFormatWriter *writer = NULL;
	PmnFileWriter *file;
	PmnCode code;

	(void) env;
	PMN_TRY(pmn_fs_open_write(fs, "/v", &file));
	code = pmn_format_open_writer(&pmn_format_parquet, file, &column, 1,
								  &options, &writer);
	if (code == PMN_OK)
		code = pmn_format_write(writer, &batch, NULL, 1);
	if (code == PMN_OK)
		code = pmn_format_finish(writer);
	pmn_format_writer_close(writer);
	pmn_file_writer_close(file);
	return code;
}

/* Goal: what does not fit the type is refused, not written. */
TEST(writer_refuses_wrong_values)
{
	static const uint8_t null_key[] = {1, 0, 0, 0, 1, 1};
	static const uint8_t cut[] = {2, 0, 0, 0, 1};
	static const uint8_t longer[] = {0, 0, 0, 0, 1};
	static const uint8_t two[] = {2, 0, 0, 0, 1, 1};
	static const uint8_t huge[] = {0, 0, 0, 0xff, 1};
	PmnType empty = {.kind = PMN_TYPE_ROW};
	PmnFileSystem *fs;
	PmnTestEnv env;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK(write_value(&env, fs, ints, pmn_bytes(two, 6)) == PMN_OK);
	CHECK(write_value(&env, fs, ints, pmn_bytes(cut, 5)) == PMN_INVALID);
	CHECK(write_value(&env, fs, ints, pmn_bytes(longer, 5)) == PMN_INVALID);
	CHECK(write_value(&env, fs, ints, pmn_bytes(huge, 5)) == PMN_INVALID);
	CHECK(write_value(&env, fs, by_int, pmn_bytes(null_key, 6)) == PMN_INVALID);
	CHECK(strstr(env.base.error.message, "c.key_value.key") != NULL);
	CHECK(write_value(&env, fs, columns[11].type, pmn_bytes(two, 6)) ==
		  PMN_INVALID);
	CHECK(write_value(&env, fs, empty, pmn_bytes(two, 0)) == PMN_UNSUPPORTED);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

/* Write rows that are there to a file; the code. */
static PmnCode
write_once(PmnFileSystem *fs, const PmnBatch *batch)
{
	PmnFormatWriteOptions options = {.compression = "none"};
	PmnFormatWriter *writer = NULL;
	PmnFileWriter *file;
	PmnCode code;

	PMN_TRY(pmn_fs_open_write(fs, "/t", &file));
	code = pmn_format_open_writer(&pmn_format_parquet, file, columns, COLUMNS,
								  &options, &writer);
	if (code == PMN_OK)
		code = pmn_format_write(writer, batch, NULL, batch->row_count);
	if (code == PMN_OK)
		code = pmn_format_finish(writer);
	if (code == PMN_OK)
		code = pmn_file_finish(file);
	pmn_format_writer_close(writer);
	pmn_file_writer_close(file);
	return code;
}

static PmnCode
read_once(PmnFileSystem *fs)
{
	PmnFormatReadRequest request = {.columns = columns,
									.column_count = COLUMNS};
	PmnFormatReader *reader = NULL;
	PmnFileReader *file;
	PmnBatch *batch = NULL;
	uint64_t first;
	PmnCode code;

	PMN_TRY(pmn_fs_open_read(fs, "/t", &file));
	code = pmn_format_open_reader(&pmn_format_parquet, file, &request, &reader);
	if (code == PMN_OK)
		code = pmn_format_next(reader, &batch, &first);
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	return code;
}

/* Goal: each failing allocation ends the call with its code and no leak. */
TEST(survives_every_allocation_failure)
{
	PmnArena *arena;
	PmnFileSystem *fs;
	PmnTestEnv env;
	Rows rows;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	make_rows(&env, arena, 0, 60, &rows);
	for (int reading = 0; reading < 2; reading++)
	{
		PmnCode code = PMN_NO_MEMORY;
		uint64_t step;

		for (step = 0; code == PMN_NO_MEMORY && step < 100000; step++)
		{
			uint64_t before = env.live_bytes;

			env.fail_step = env.step + step;
			code = reading ? read_once(fs) : write_once(fs, &rows.batch);
			env.fail_step = UINT64_MAX;
			/* The file system may keep what its lists grew by. */
			CHECK(!reading || env.live_bytes == before);
		}
		CHECK(code == PMN_OK);
		printf("# %llu allocations failed\n", (unsigned long long) step);
	}
	pmn_arena_destroy(arena);
	pmn_fs_close(fs);
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH is not set\n");
		TEST_END();
	}
	RUN(round_trip_keeps_every_value);
	RUN(little_memory_makes_short_batches);
	RUN(ranges_keep_rows_together);
	RUN(projections_do_not_disturb);
	RUN(shapes_must_agree);
	RUN(writer_refuses_wrong_values);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
