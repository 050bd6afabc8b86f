/*
 * format_parquet_fixture_test.c
 *
 * Files that Paimon's Java writer made: every value must be the one Paimon
 * itself reads, and damaged copies must fail or read, never crash. Needs
 * PMN_ARROW_PATH (the shim) and PMN_FIXTURES (golden tables).
 */
#include "../testing/testing.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "../codec/codec_json.h"
#include "format_parquet.h"

#define IDS 10000
#define FIELDS 64

typedef struct Fixture
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnFileSystem *fs;
	char directory[512];
	PmnFormatColumn columns[FIELDS];
	uint32_t column_count;
	PmnJson *rows[IDS]; /* by the value of the first column */
	uint32_t checked;
	uint32_t wrong;
} Fixture;

static PmnBytes
load_file(Fixture *fixture, const char *path)
{
	PmnBuffer buffer;
	PmnBytes bytes;

	pmn_buffer_init(&buffer, &fixture->env.base);
	CHECK_OK(&fixture->env,
			 pmn_fs_read_file(fixture->fs, path, 64 << 20, &buffer));
	bytes = pmn_bytes(pmn_arena_copy(fixture->arena, buffer.data, buffer.size),
					  buffer.size);
	pmn_buffer_free(&buffer);
	return bytes;
}

static PmnBytes
load_part(Fixture *fixture, const char *name)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
	return load_file(fixture, path);
}

static void
load_columns(Fixture *fixture)
{
	const PmnJsonNode *node;
	PmnJson *json;

	CHECK_OK(&fixture->env,
			 pmn_json_parse(&fixture->env.base, load_part(fixture, "case.json"),
							"case.json", &json));
	node = pmn_json_first(pmn_json_member(pmn_json_root(json), "columns"));
	for (; node != NULL && fixture->column_count < FIELDS;
		 node = pmn_json_next(node))
	{
		PmnFormatColumn *column = &fixture->columns[fixture->column_count++];

		column->name = pmn_arena_string(
			fixture->arena, pmn_json_text(pmn_json_member(node, "name")));
		CHECK_OK(
			&fixture->env,
			pmn_type_parse_name(&fixture->env.base,
								pmn_json_text(pmn_json_member(node, "type")),
								&column->type));
	}
	pmn_json_free(json);
}

/* Our JSON reader refuses NUL; texts are compared with U+0001 for it. */
static void
hide_nul(char *line, size_t size)
{
	for (size_t i = 0; i + 6 <= size; i++)
		if (memcmp(line + i, "\\u0000", 6) == 0)
			line[i + 5] = '1';
}

static void
load_rows(Fixture *fixture)
{
	PmnBytes text = load_part(fixture, "expected/latest.jsonl");
	char *line = (char *) (uintptr_t) text.data;
	char *end = line + text.size;

	while (line < end)
	{
		char *stop = memchr(line, '\n', (size_t) (end - line));
		size_t size = (size_t) ((stop != NULL ? stop : end) - line);
		PmnJson *json;
		int64_t id = -1;

		hide_nul(line, size);
		CHECK_OK(&fixture->env,
				 pmn_json_parse(&fixture->env.base, pmn_bytes(line, size),
								"line", &json));
		pmn_json_int64(pmn_json_first(pmn_json_root(json)), &id);
		CHECK(id >= 0 && id < IDS && fixture->rows[id] == NULL);
		fixture->rows[id] = json;
		line += size + 1;
	}
}

static void
open_fixture(Fixture *fixture, const char *name)
{
	memset(fixture, 0, sizeof(*fixture));
	pmn_test_env_init(&fixture->env);
	CHECK_OK(&fixture->env,
			 pmn_arena_create(&fixture->env.base, 0, &fixture->arena));
	CHECK_OK(&fixture->env,
			 pmn_fs_local_open(&fixture->env.base, &fixture->fs));
	snprintf(fixture->directory, sizeof(fixture->directory), "%s/%s",
			 getenv("PMN_FIXTURES"), name);
	load_columns(fixture);
	load_rows(fixture);
}

static void
close_fixture(Fixture *fixture)
{
	for (size_t i = 0; i < IDS; i++)
		pmn_json_free(fixture->rows[i]);
	pmn_fs_close(fixture->fs);
	pmn_arena_destroy(fixture->arena);
	CHECK(fixture->env.live_bytes == 0);
}

/* ---- values as the golden files spell them -------------------------------- */

static void
spell_date(int64_t day, char *dst, size_t size)
{
	int64_t z = day + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;

	snprintf(dst, size, "%04d-%02d-%02d",
			 (int) (yoe + era * 400 + (month <= 2)), (int) month,
			 (int) (doy - (153 * mp + 2) / 5 + 1));
}

static int64_t
floor_divide(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

static void
spell_instant(const PmnType *type, const PmnValue *value, char *dst,
			  size_t size)
{
	int64_t seconds;
	int64_t nanos;
	int64_t day;
	char date[32];

	if (type->precision > 6)
	{
		seconds = floor_divide(value->as.ts96.millis, 1000);
		nanos = (value->as.ts96.millis - seconds * 1000) * 1000000 +
				value->as.ts96.nano;
	}
	else
	{
		int64_t unit = type->precision <= 3 ? 1000 : 1000000;

		seconds = floor_divide(value->as.i64, unit);
		nanos = (value->as.i64 - seconds * unit) * (1000000000 / unit);
	}
	day = floor_divide(seconds, 86400);
	seconds -= day * 86400;
	spell_date(day, date, sizeof(date));
	snprintf(dst, size, "%sT%02d:%02d:%02d.%09d%s", date,
			 (int) (seconds / 3600), (int) (seconds / 60 % 60),
			 (int) (seconds % 60), (int) nanos,
			 type->kind == PMN_TYPE_TIMESTAMP_LTZ ? "Z" : "");
}

static void
spell_decimal(const PmnType *type, const PmnValue *value, char *dst)
{
	bool is_wide = type->precision > 18;
	PmnInt128 number = is_wide ? value->as.dec128 : (PmnInt128) value->as.i64;
	bool is_negative = number < 0;
	char digits[64];
	int count = 0;

	if (is_negative)
		number = -number;
	while (number > 0 || count <= type->scale)
	{
		if (count == type->scale && type->scale > 0)
			digits[count++ + 0] = '.';
		digits[count++] = (char) ('0' + (int) (number % 10));
		number /= 10;
		if (number == 0 && count > type->scale + (type->scale > 0))
			break;
	}
	if (is_negative)
		*dst++ = '-';
	while (count > 0)
		*dst++ = digits[--count];
	*dst = '\0';
}

static void
spell_bytes(const PmnType *type, PmnBytes bytes, char *dst)
{
	bool is_text =
		type->kind == PMN_TYPE_CHAR || type->kind == PMN_TYPE_VARCHAR;

	for (uint32_t i = 0; i < bytes.size; i++)
		if (is_text)
			*dst++ = (char) (bytes.data[i] == 0 ? 1 : bytes.data[i]);
		else
			dst += snprintf(dst, 3, "%02x", bytes.data[i]);
	*dst = '\0';
}

static bool
same_real(const PmnJsonNode *node, double value, bool is_single)
{
	const char *text = pmn_json_text(node);
	double expected = ((const cJSON *) node)->valuedouble;

	if (text != NULL && strcmp(text, "NaN") == 0)
		return isnan(value);
	if (text == NULL)
		text = ((const cJSON *) node)->valuestring;
	/* Long numbers are kept as text behind a mark. */
	while (text != NULL && *text != '\0' &&
		   strchr("+-0123456789IN", *text) == NULL)
		text++;
	if (text != NULL)
		expected = strtod(text, NULL);
	return is_single ? (float) expected == (float) value : expected == value;
}

static bool
same_as_golden(const PmnType *type, const PmnValue *value,
			   const PmnJsonNode *node)
{
	static char text[1 << 20];
	int64_t number = 0;
	bool flag = false;

	if (node == NULL || value->is_null)
		return (node == NULL) == value->is_null;
	switch (pmn_type_vector_kind(type))
	{
		case PMN_VECTOR_BOOL:
			return pmn_json_bool(node, &flag) && flag == (value->as.i64 != 0);
		case PMN_VECTOR_F32:
		case PMN_VECTOR_F64:
			return same_real(node, value->as.f64, type->kind == PMN_TYPE_FLOAT);
		case PMN_VECTOR_BYTES:
			spell_bytes(type, value->as.bytes, text);
			break;
		case PMN_VECTOR_TS96:
			spell_instant(type, value, text, sizeof(text));
			break;
		case PMN_VECTOR_DEC128:
			spell_decimal(type, value, text);
			break;
		case PMN_VECTOR_I32:
		case PMN_VECTOR_I64:
		case PMN_VECTOR_NONE:
			if (type->kind == PMN_TYPE_DATE)
				spell_date(value->as.i64, text, sizeof(text));
			else if (type->kind == PMN_TYPE_TIME)
				snprintf(text, sizeof(text), "%02d:%02d:%02d.%03d",
						 (int) (value->as.i64 / 3600000),
						 (int) (value->as.i64 / 60000 % 60),
						 (int) (value->as.i64 / 1000 % 60),
						 (int) (value->as.i64 % 1000));
			else if (type->kind == PMN_TYPE_DECIMAL)
				spell_decimal(type, value, text);
			else if (type->kind == PMN_TYPE_TIMESTAMP ||
					 type->kind == PMN_TYPE_TIMESTAMP_LTZ)
				spell_instant(type, value, text, sizeof(text));
			else
				return pmn_json_int64(node, &number) && number == value->as.i64;
			break;
	}
	if (pmn_json_text(node) == NULL || strcmp(pmn_json_text(node), text) != 0)
		fprintf(stderr, "golden %s, found %s\n", pmn_json_text(node), text);
	return pmn_json_text(node) != NULL &&
		   strcmp(pmn_json_text(node), text) == 0;
}

/* ---- reading ------------------------------------------------------------------ */

static void
check_row(Fixture *fixture, const PmnBatch *batch, uint32_t row)
{
	PmnValue id = pmn_vector_value(&batch->columns[0], row);
	const PmnJsonNode *golden;

	if (id.is_null || id.as.i64 < 0 || id.as.i64 >= IDS ||
		fixture->rows[id.as.i64] == NULL)
	{
		fixture->wrong++;
		return;
	}
	golden = pmn_json_root(fixture->rows[id.as.i64]);
	for (uint32_t c = 0; c < batch->column_count; c++)
	{
		const PmnFormatColumn *column = &fixture->columns[c];
		PmnValue value = pmn_vector_value(&batch->columns[c], row);

		if (same_as_golden(&column->type, &value,
						   pmn_json_member(golden, column->name)))
			continue;
		if (fixture->wrong++ == 0)
			fprintf(stderr, "%s: row %d column %s differs\n",
					fixture->directory, (int) id.as.i64, column->name);
	}
	fixture->checked++;
}

static void
check_file(Fixture *fixture, const char *path)
{
	PmnFormatReadRequest request = {.columns = fixture->columns,
									.column_count = fixture->column_count};
	PmnFormatReader *reader = NULL;
	PmnFileReader *file;
	PmnBatch *batch;
	uint64_t first;
	PmnCode code;

	CHECK_OK(&fixture->env, pmn_fs_open_read(fixture->fs, path, &file));
	code = pmn_format_open_reader(&pmn_format_parquet, file, &request, &reader);
	CHECK_OK(&fixture->env, code);
	while (code == PMN_OK)
	{
		code = pmn_format_next(reader, &batch, &first);
		CHECK_OK(&fixture->env, code);
		if (code != PMN_OK || batch == NULL)
			break;
		for (uint32_t r = 0; r < batch->row_count; r++)
			check_row(fixture, batch, r);
	}
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
}

/* Visit each Parquet file of the fixture's first bucket. */
static void
for_each_file(Fixture *fixture, void (*visit)(Fixture *, const char *))
{
	char path[1024];
	PmnFileList list = {0};

	snprintf(path, sizeof(path), "%s/warehouse/db.db/t/bucket-0",
			 fixture->directory);
	CHECK_OK(&fixture->env,
			 pmn_fs_list(fixture->fs, path, fixture->arena, &list));
	for (size_t i = 0; i < list.count; i++)
	{
		if (strstr(list.items[i].name, ".parquet") == NULL)
			continue;
		snprintf(path, sizeof(path), "%s/warehouse/db.db/t/bucket-0/%s",
				 fixture->directory, list.items[i].name);
		visit(fixture, path);
	}
}

/* Goal: what Java wrote reads as Java reads it, for all types, encodings
 * and codecs. */
TEST(java_files_read_alike)
{
	static const char *const names[] = {
		"types_append_parquet", "decimals_parquet", "timestamps_parquet",
		"parquet_v2",			"row_groups",		"compress_parquet_gzip",
		"compress_parquet_lz4",
	};
	static Fixture fixture;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		uint32_t golden = 0;

		open_fixture(&fixture, names[i]);
		for_each_file(&fixture, check_file);
		for (size_t r = 0; r < IDS; r++)
			golden += fixture.rows[r] != NULL;
		printf("# %s: %u rows\n", names[i], fixture.checked);
		CHECK(fixture.wrong == 0);
		CHECK(fixture.checked == golden);
		close_fixture(&fixture);
	}
}

/* Primary-key tables: older rows of a key differ from the golden state, so
 * only the newest file's first rows are looked at. */
TEST(codecs_of_key_tables)
{
	static const char *const names[] = {"compress_parquet_none",
										"compress_parquet_zstd"};
	static Fixture fixture;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		open_fixture(&fixture, names[i]);
		fixture.column_count = 1;
		for_each_file(&fixture, check_file);
		CHECK(fixture.checked > 0);
		close_fixture(&fixture);
	}
}

/* ---- damaged copies --------------------------------------------------------------- */

typedef struct Damaged
{
	PmnTestEnv *env;
	PmnBytes bytes;
} Damaged;

static PmnCode
damaged_read(void *context, uint64_t offset, size_t size, uint8_t *dst)
{
	Damaged *damaged = context;

	if (offset > damaged->bytes.size || size > damaged->bytes.size - offset)
		return pmn_fail(&damaged->env->base, PMN_CORRUPT, "read past the end");
	memcpy(dst, damaged->bytes.data + offset, size);
	return PMN_OK;
}

static void *
damaged_allocate(void *context, size_t size)
{
	return parquet_allocate(&((Damaged *) context)->env->base, size);
}

static void
damaged_release(void *context, void *block, size_t size)
{
	parquet_release(&((Damaged *) context)->env->base, block, size);
}

static PmnCode
drain(const PmnArrowApi *api, PmnArrowReader *reader)
{
	PmnArrowStats stats;
	PmnArrowError error;
	const int64_t *first_rows;
	PmnBatch *batch;
	int64_t first;

	for (int32_t g = 0; g < api->group_count(reader); g++)
	{
		(void) api->group_stats(reader, g, 0, &stats);
		if (api->load_pages(reader, g, 0, &first_rows) > 0)
			(void) api->page_stats(reader, 0, 0, &stats);
		if (api->group_rows(reader, g) > 1000000)
			return PMN_CORRUPT;
		PMN_TRY(api->begin_group(reader, g, NULL, 0, &error));
		do
		{
			uint64_t sum = 0;

			PMN_TRY(api->next(reader, &batch, &first, &error));
			for (uint32_t c = 0; batch != NULL && c < batch->column_count; c++)
				for (uint32_t r = 0; r < batch->row_count; r++)
				{
					PmnValue value = pmn_vector_value(&batch->columns[c], r);
					bool is_bytes = batch->columns[c].kind == PMN_VECTOR_BYTES;

					if (is_bytes && !value.is_null && value.as.bytes.size > 0)
						sum += value.as.bytes.data[value.as.bytes.size - 1];
				}
			(void) sum;
		} while (batch != NULL);
	}
	return PMN_OK;
}

/* Straight through the shim, without the checksums that hide the rest. */
static PmnCode
read_damaged(Fixture *fixture, PmnBytes bytes)
{
	Damaged damaged = {&fixture->env, bytes};
	PmnArrowHost host = {&damaged,		 "damaged", bytes.size,
						 damaged_read,	 NULL,		damaged_allocate,
						 damaged_release};
	PmnArrowReadOptions options = {.column_count = fixture->column_count,
								   .memory_limit_bytes = 1 << 20};
	PmnArrowReader *reader = NULL;
	PmnArrowColumn *columns;
	const PmnArrowApi *api;
	PmnArrowError error;
	PmnCode code;

	PMN_TRY(pmn_arrow_load(&fixture->env.base, &api));
	PMN_TRY(parquet_columns(fixture->arena, fixture->columns,
							fixture->column_count, &columns));
	options.columns = columns;
	code = api->reader_open(&host, &options, &reader, &error);
	if (code == PMN_OK)
		code = drain(api, reader);
	if (reader != NULL)
		api->reader_close(reader);
	return code;
}

static void
damage_file(Fixture *fixture, const char *path)
{
	PmnBytes bytes = load_file(fixture, path);
	uint8_t *copy = pmn_arena_alloc(fixture->arena, bytes.size);
	uint32_t codes[PMN_IO + 1] = {0};

	CHECK(read_damaged(fixture, bytes) == PMN_OK);
	for (uint32_t i = 0; i < 40; i++)
	{
		uint32_t size = pmn_test_below(&fixture->env, bytes.size);

		CHECK(read_damaged(fixture, pmn_bytes(bytes.data, size)) != PMN_OK);
	}
	for (uint32_t i = 0; i < 300; i++)
	{
		uint32_t flips = 1 + pmn_test_below(&fixture->env, 6);
		/* Half of the mutants in the footer, where structure is. */
		uint32_t begin =
			i % 2 == 0 || bytes.size < 4000 ? 0 : bytes.size - 4000;

		memcpy(copy, bytes.data, bytes.size);
		for (uint32_t f = 0; f < flips; f++)
			copy[begin + pmn_test_below(&fixture->env, bytes.size - begin)] ^=
				(uint8_t) (1u << pmn_test_below(&fixture->env, 8));
		codes[read_damaged(fixture, pmn_bytes(copy, bytes.size))]++;
	}
	CHECK(codes[PMN_OK] + codes[PMN_CORRUPT] + codes[PMN_NO_MEMORY] +
			  codes[PMN_UNSUPPORTED] ==
		  300);
	printf("# mutants: %u read, %u corrupt, %u memory, %u unsupported\n",
		   codes[PMN_OK], codes[PMN_CORRUPT], codes[PMN_NO_MEMORY],
		   codes[PMN_UNSUPPORTED]);
}

/* Goal: no damage crashes, leaks or takes unbounded memory. */
TEST(damaged_files_fail_cleanly)
{
	static const char *const names[] = {"types_append_parquet", "parquet_v2",
										"row_groups", "timestamps_parquet"};
	static Fixture fixture;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		open_fixture(&fixture, names[i]);
		for_each_file(&fixture, damage_file);
		close_fixture(&fixture);
	}
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL || getenv("PMN_FIXTURES") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH or PMN_FIXTURES is not set\n");
		TEST_END();
	}
	RUN(java_files_read_alike);
	RUN(codecs_of_key_tables);
	RUN(damaged_files_fail_cleanly);
	TEST_END();
}
