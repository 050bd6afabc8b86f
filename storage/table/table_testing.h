/*
 * table_testing.h
 *
 * Tests only: a catalog in memory behind a file system that fails on command,
 * tables by a line of text, and messages with data files that do not exist:
 * commits never open them.
 */
#ifndef TABLE_TESTING_H
#define TABLE_TESTING_H

#include <string.h>

#include "../catalog/catalog_filesystem.h"
#include "../fs/fs_fault.h"
#include "../testing/testing.h"
#include "table_internal.h"

/* A column as "name" and type; ends with a NULL name. */
typedef struct TestColumn
{
	const char *name;
	const char *type;
} TestColumn;

typedef struct TestTable
{
	const TestColumn *columns;
	const char *primary_keys[6]; /* NULL ends */
	const char *partition_keys[4];
	PmnOption options[8]; /* NULL key ends */
} TestTable;

static inline PmnCode
test_create_table(PmnCatalog *catalog, const char *name, const TestTable *table)
{
	PmnSchema schema;
	PmnField fields[32];
	TestTable copy = *table;

	memset(&schema, 0, sizeof(schema));
	memset(fields, 0, sizeof(fields));
	schema.fields = fields;
	for (const TestColumn *c = table->columns; c->name != NULL; c++)
	{
		PmnField *field = &fields[schema.field_count++];

		field->name = c->name;
		PMN_TRY(pmn_type_parse_name(catalog->env, c->type, &field->type));
	}
	schema.primary_keys = copy.primary_keys;
	while (copy.primary_keys[schema.primary_key_count] != NULL)
		schema.primary_key_count++;
	schema.partition_keys = copy.partition_keys;
	while (copy.partition_keys[schema.partition_key_count] != NULL)
		schema.partition_key_count++;
	schema.options = copy.options;
	while (copy.options[schema.option_count].key != NULL)
		schema.option_count++;
	return pmn_catalog_create_table(catalog, "db", name, &schema);
}

/* Keys of one column of type INT. */
static inline PmnBytes
test_key(PmnArena *arena, int64_t key)
{
	static const PmnType type = {.kind = PMN_TYPE_INT};
	const PmnType *types[1] = {&type};
	PmnValue value = {.is_null = false, .as = {.i64 = key}};
	PmnBuffer buffer;
	void *copy = NULL;
	uint32_t size = 0;

	pmn_buffer_init(&buffer, pmn_arena_env(arena));
	if (pmn_row_append_serialized(&buffer, types, &value, 1) == PMN_OK)
	{
		copy = pmn_arena_copy(arena, buffer.data, buffer.size);
		size = (uint32_t) buffer.size;
	}
	pmn_buffer_free(&buffer);
	return pmn_bytes(copy, copy == NULL ? 0 : size);
}

static inline PmnBytes
test_empty_row(PmnArena *arena)
{
	static const uint8_t row[12] = {0};
	void *copy = pmn_arena_copy(arena, row, sizeof(row));

	return pmn_bytes(copy, copy == NULL ? 0 : sizeof(row));
}

/* A data file that is only talked about: rows of keys min .. max. */
static inline PmnCode
test_data_file(PmnArena *arena, const char *name, int32_t level, int64_t min,
			   int64_t max, PmnDataFile *file)
{
	memset(file, 0, sizeof(*file));
	file->file_name = pmn_bytes_string(name);
	file->file_size = 1000;
	file->row_count = max - min + 1;
	file->min_key = test_key(arena, min);
	file->max_key = test_key(arena, max);
	file->max_sequence_number = max - min;
	file->level = level;
	file->has_creation_time = true;
	file->creation_time = pmn_local_millis(
		pmn_arena_env(arena)->now_millis(pmn_arena_env(arena)));
	file->has_delete_row_count = true;
	file->has_file_source = true;
	file->file_source = level == 0 ? 0 : 1;
	PMN_TRY(pmn_simple_stats_make(arena, NULL, NULL, 0, &file->key_stats));
	return pmn_simple_stats_make(arena, NULL, NULL, 0, &file->value_stats);
}

typedef enum TestList
{
	TEST_NEW,
	TEST_BEFORE,
	TEST_AFTER
} TestList;

/* Add a file to a message, which is made when *message is NULL. */
static inline PmnCode
test_message_add(PmnEnv *env, PmnMessage **message, TestList list,
				 const char *name, int32_t bucket, int32_t total_buckets,
				 int32_t level, int64_t min, int64_t max)
{
	PmnArena *arena = NULL;
	PmnDataFile file;
	PmnEntryList *lists[3];
	PmnCode code = PMN_OK;

	if (*message == NULL)
		PMN_TRY(pmn_message_create(env, message));
	lists[TEST_NEW] = &(*message)->new_files;
	lists[TEST_BEFORE] = &(*message)->compact_before;
	lists[TEST_AFTER] = &(*message)->compact_after;
	PMN_TRY(pmn_arena_create(env, 0, &arena));
	code = test_data_file(arena, name, level, min, max, &file);
	if (code == PMN_OK)
		code = pmn_message_add(
			*message, lists[list],
			list == TEST_BEFORE ? PMN_ENTRY_DELETE : PMN_ENTRY_ADD,
			test_empty_row(arena), bucket, total_buckets, &file);
	pmn_arena_destroy(arena);
	return code;
}

static inline PmnCode
test_commit(PmnTable *table, const PmnMessage *message, const char *user,
			int64_t identifier, int64_t base, bool fail_on_change,
			PmnCommitResult *result)
{
	PmnCommitRequest request = {
		.commit_user = user,
		.commit_identifier = identifier,
		.messages = &message,
		.message_count = 1,
		.fail_on_change = fail_on_change,
		.base_snapshot_id = base,
	};

	return pmn_table_commit(table, &request, result);
}

static inline int64_t
test_latest(PmnTable *table)
{
	PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};
	int64_t id = -1;
	int64_t schema_id = 0;

	if (pmn_table_resolve(table, &travel, &id, &schema_id) != PMN_OK)
		return -1;
	return id;
}

/* Live files of a snapshot; -1 on failure. */
static inline int64_t
test_live_count(PmnTable *table, int64_t id)
{
	PmnEntryList entries = {NULL, 0, 0};
	PmnArena *arena = NULL;
	int64_t count = -1;

	if (pmn_arena_create(table->env, 0, &arena) == PMN_OK &&
		pmn_table_live_entries(table, arena, id, NULL, NULL, &entries) ==
			PMN_OK)
		count = (int64_t) entries.count;
	pmn_array_free(table->env, &entries);
	pmn_arena_destroy(arena);
	return count;
}

#endif /* TABLE_TESTING_H */
