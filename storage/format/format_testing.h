/*
 * format_testing.h
 *
 * A golden table in memory: its columns, the rows that Paimon reads, and the
 * files of its first bucket. PMN_FIXTURES is where the tables are. Tests
 * only; each test file includes it once.
 */
#ifndef FORMAT_TESTING_H
#define FORMAT_TESTING_H

#include "../testing/testing.h"
#include "format.h"
#include "format_testing_spell.h"

#define IDS 10000
#define FIELDS 64

typedef struct Fixture
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnFileSystem *fs;
	const PmnFormatOps *format;
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

/* Nested types are in the schema file only. */
static void
load_type(Fixture *fixture, const PmnJsonNode *fields, const char *name,
		  const char *text, PmnType *out)
{
	const PmnJsonNode *node = pmn_json_first(fields);

	if (strchr(text, '<') == NULL && strstr(text, "VARIANT") == NULL)
	{
		CHECK_OK(&fixture->env,
				 pmn_type_parse_name(&fixture->env.base, text, out));
		return;
	}
	while (node != NULL &&
		   strcmp(pmn_json_text(pmn_json_member(node, "name")), name) != 0)
		node = pmn_json_next(node);
	CHECK(node != NULL);
	CHECK_OK(&fixture->env, pmn_type_parse(&fixture->env.base, fixture->arena,
										   pmn_json_member(node, "type"), out));
}

static void
load_columns(Fixture *fixture)
{
	const PmnJsonNode *node;
	PmnJson *json;
	PmnJson *schema;

	CHECK_OK(&fixture->env,
			 pmn_json_parse(&fixture->env.base,
							load_part(fixture, "warehouse/db.db/t/schema/"
											   "schema-0"),
							"schema-0", &schema));
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
		load_type(fixture, pmn_json_member(pmn_json_root(schema), "fields"),
				  column->name, pmn_json_text(pmn_json_member(node, "type")),
				  &column->type);
	}
	pmn_json_free(schema);
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
open_fixture(Fixture *fixture, const PmnFormatOps *format, const char *name)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->format = format;
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

/* Read all columns of the file and compare each row. */
static inline void
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
	code = pmn_format_open_reader(fixture->format, file, &request, &reader);
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

/* Visit each file of the format in the fixture's first bucket. */
static void
for_each_file(Fixture *fixture, void (*visit)(Fixture *, const char *))
{
	char path[1024];
	PmnFileList list = {0};
	const char *extension;

	snprintf(path, sizeof(path), "%s/warehouse/db.db/t/bucket-0",
			 fixture->directory);
	CHECK_OK(&fixture->env,
			 pmn_fs_list(fixture->fs, path, fixture->arena, &list));
	for (size_t i = 0; i < list.count; i++)
	{
		extension = strrchr(list.items[i].name, '.');
		if (extension == NULL ||
			strcmp(extension + 1, fixture->format->name) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/warehouse/db.db/t/bucket-0/%s",
				 fixture->directory, list.items[i].name);
		visit(fixture, path);
	}
}

#endif /* FORMAT_TESTING_H */
