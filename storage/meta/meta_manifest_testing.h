/*
 * meta_manifest_testing.h
 *
 * Tests only: an environment with a file system in memory, and manifest
 * entries with every field set to something of its own.
 */
#ifndef META_MANIFEST_TESTING_H
#define META_MANIFEST_TESTING_H

#include "meta_manifest.h"
#include "meta_testing.h"

static PmnTestEnv env;
static PmnArena *arena;
static PmnFileSystem *fs;
static const PmnTablePath table_path = {"/w/d.db/t", NULL, NULL};
static PmnType int_type;
static PmnType string_type;
static const PmnType *const partition_types[] = {&int_type, &string_type};

static inline void
begin(void)
{
	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	int_type = type_named(&env, "INT");
	string_type = type_named(&env, "STRING");
}

static inline void
end(void)
{
	pmn_fs_close(fs);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

static inline PmnManifestWriteOptions
write_options(uint32_t partition_count)
{
	PmnManifestWriteOptions options = {
		PMN_CODEC_ZSTD, 1, 8 << 20, partition_types, partition_count, 3};

	return options;
}

static inline PmnBytes
partition_row(PmnArena *into, int64_t number, const char *text)
{
	PmnValue values[2];
	PmnBuffer row;
	PmnBytes bytes;

	memset(values, 0, sizeof(values));
	values[0].as.i64 = number;
	values[0].is_null = number < 0;
	values[1].as.bytes = pmn_bytes_string(text);
	pmn_buffer_init(&row, &env.base);
	CHECK_OK(&env, pmn_row_append_serialized(&row, partition_types, values, 2));
	bytes = pmn_bytes(pmn_arena_copy(into, row.data, row.size), row.size);
	pmn_buffer_free(&row);
	return bytes;
}

/* An entry with every field set to something of its own. */
static inline PmnManifestEntry
full_entry(int32_t kind, int32_t number, int32_t level)
{
	static int64_t sequences[] = {4, -5};
	static PmnBytes names[2];
	PmnManifestEntry entry;
	PmnColumnStats stats[2];

	memset(&entry, 0, sizeof(entry));
	memset(stats, 0, sizeof(stats));
	names[0] = pmn_bytes_string("a");
	names[1] = pmn_bytes_string("long column name");
	stats[0].min.as.i64 = 1;
	stats[0].max.as.i64 = 9;
	stats[1].min.is_null = true;
	stats[1].max.is_null = true;
	stats[1].null_count = -1;
	entry.version = 2;
	entry.kind = kind;
	entry.partition = partition_row(arena, number % 7 - 1, "p q");
	entry.bucket = number % 5;
	entry.total_buckets = 5;
	entry.file.file_name = pmn_bytes_string(
		pmn_arena_format(arena, "data-%" PRId32 ".parquet", number));
	entry.file.file_size = INT64_C(5000000000) + number;
	entry.file.row_count = 1000 + number;
	entry.file.min_key = partition_row(arena, 1, "");
	entry.file.max_key = partition_row(arena, 2, "zzzzzzzzzz");
	CHECK_OK(&env, pmn_simple_stats_make(arena, stats, partition_types, 2,
										 &entry.file.key_stats));
	CHECK_OK(&env, pmn_simple_stats_make(arena, NULL, NULL, 0,
										 &entry.file.value_stats));
	entry.file.min_sequence_number = number;
	entry.file.max_sequence_number = INT64_MAX;
	entry.file.schema_id = number % 3;
	entry.file.level = level;
	entry.file.extra_files.items = names;
	entry.file.extra_files.count = (uint32_t) number % 3;
	if (number % 2 == 0)
		return entry;
	entry.file.creation_time = INT64_C(1795348207963);
	entry.file.delete_row_count = 3;
	entry.file.embedded_index = pmn_bytes("\0\1\2", 3);
	entry.file.file_source = 1;
	entry.file.value_stats_cols.items = names;
	entry.file.value_stats_cols.count = 2;
	entry.file.external_path = pmn_bytes_string("file:/w/d.db/t/x");
	entry.file.first_row_id = number * 1000;
	entry.file.write_cols.items = names;
	entry.file.write_cols.count = 1;
	entry.file.write_cols_sequences.items = sequences;
	entry.file.write_cols_sequences.count = 2;
	entry.file.has_creation_time = entry.file.has_delete_row_count = true;
	entry.file.has_embedded_index = entry.file.has_file_source = true;
	entry.file.has_value_stats_cols = entry.file.has_external_path = true;
	entry.file.has_first_row_id = entry.file.has_write_cols = true;
	entry.file.has_write_cols_sequences = true;
	return entry;
}

/* ---- equality of everything ------------------------------------------- */

#endif /* META_MANIFEST_TESTING_H */
