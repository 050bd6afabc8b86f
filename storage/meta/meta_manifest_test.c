/*
 * Goal: entries and manifest lines survive writing and reading, a manifest
 * that lies about itself is found out, and cancelling keeps exactly the files
 * that are live.
 */
#include "meta_manifest.h"

#include "meta_commit_message.h"
#include "meta_manifest_testing.h"

static bool
names_equal(const PmnAvroArray *a, const PmnAvroArray *b)
{
	const PmnBytes *left = a->items;
	const PmnBytes *right = b->items;
	bool equal = a->count == b->count;

	for (uint32_t i = 0; equal && i < a->count; i++)
		equal = pmn_bytes_equal(left[i], right[i]);
	return equal;
}

static bool
longs_equal(const PmnAvroArray *a, const PmnAvroArray *b)
{
	return a->count == b->count &&
		   (a->count == 0 ||
			memcmp(a->items, b->items, a->count * sizeof(int64_t)) == 0);
}

static bool
stats_equal(const PmnSimpleStats *a, const PmnSimpleStats *b)
{
	return pmn_bytes_equal(a->min_values, b->min_values) &&
		   pmn_bytes_equal(a->max_values, b->max_values) &&
		   a->has_null_counts == b->has_null_counts &&
		   longs_equal(&a->null_counts, &b->null_counts);
}

static bool
flags_equal(const PmnDataFile *a, const PmnDataFile *b)
{
	return a->has_creation_time == b->has_creation_time &&
		   a->creation_time == b->creation_time &&
		   a->has_delete_row_count == b->has_delete_row_count &&
		   a->delete_row_count == b->delete_row_count &&
		   a->has_file_source == b->has_file_source &&
		   a->file_source == b->file_source &&
		   a->has_value_stats_cols == b->has_value_stats_cols &&
		   names_equal(&a->value_stats_cols, &b->value_stats_cols) &&
		   a->has_first_row_id == b->has_first_row_id &&
		   a->first_row_id == b->first_row_id &&
		   a->has_write_cols == b->has_write_cols &&
		   names_equal(&a->write_cols, &b->write_cols) &&
		   a->has_write_cols_sequences == b->has_write_cols_sequences &&
		   longs_equal(&a->write_cols_sequences, &b->write_cols_sequences);
}

static bool
entries_equal(const PmnManifestEntry *a, const PmnManifestEntry *b)
{
	return pmn_entry_same(a, b) && pmn_entry_hash(a) == pmn_entry_hash(b) &&
		   a->version == b->version && a->kind == b->kind &&
		   a->total_buckets == b->total_buckets &&
		   a->file.file_size == b->file.file_size &&
		   a->file.row_count == b->file.row_count &&
		   pmn_bytes_equal(a->file.min_key, b->file.min_key) &&
		   pmn_bytes_equal(a->file.max_key, b->file.max_key) &&
		   stats_equal(&a->file.key_stats, &b->file.key_stats) &&
		   stats_equal(&a->file.value_stats, &b->file.value_stats) &&
		   a->file.min_sequence_number == b->file.min_sequence_number &&
		   a->file.max_sequence_number == b->file.max_sequence_number &&
		   a->file.schema_id == b->file.schema_id &&
		   flags_equal(&a->file, &b->file);
}

static bool
metas_equal(const PmnManifestMeta *a, const PmnManifestMeta *b)
{
	return a->version == b->version &&
		   pmn_bytes_equal(a->file_name, b->file_name) &&
		   a->file_size == b->file_size &&
		   a->added_file_count == b->added_file_count &&
		   a->deleted_file_count == b->deleted_file_count &&
		   stats_equal(&a->partition_stats, &b->partition_stats) &&
		   a->schema_id == b->schema_id &&
		   a->has_min_bucket == b->has_min_bucket &&
		   a->min_bucket == b->min_bucket && a->max_bucket == b->max_bucket &&
		   a->has_min_level == b->has_min_level &&
		   a->min_level == b->min_level && a->max_level == b->max_level &&
		   a->has_min_row_id == b->has_min_row_id &&
		   a->min_row_id == b->min_row_id && a->max_row_id == b->max_row_id;
}

/* ---- writing and reading ---------------------------------------------- */

static void
write_entries(const PmnManifestEntry *entries, size_t count, int64_t target,
			  PmnManifestList *metas)
{
	PmnManifestWriteOptions options = write_options(2);
	uint32_t counter = 0;

	options.target_size = target;
	CHECK_OK(&env, pmn_manifest_write(fs, arena, &table_path, &options, entries,
									  count, "u", &counter, metas));
	CHECK(counter == metas->count);
}

TEST(entries_survive)
{
	PmnManifestEntry entries[40];
	PmnManifestList metas = {NULL, 0, 0};
	PmnEntryList read = {NULL, 0, 0};

	begin();
	for (int32_t i = 0; i < 40; i++)
		entries[i] = full_entry(i % 3 == 0, i, i % 6);
	write_entries(entries, 40, 2000, &metas);
	CHECK(metas.count > 1);
	for (size_t i = 0; i < metas.count; i++)
		CHECK_OK(&env, pmn_manifest_read(fs, arena, &table_path,
										 &metas.items[i], NULL, NULL, &read));
	CHECK(read.count == 40);
	for (size_t i = 0; i < 40 && i < read.count; i++)
		CHECK(entries_equal(&entries[i], &read.items[i]));
	pmn_array_free(&env.base, &read);
	pmn_array_free(&env.base, &metas);
	end();
}

TEST(metas_sum_up_their_entries)
{
	PmnManifestEntry entries[7];
	PmnManifestList metas = {NULL, 0, 0};
	PmnColumnStats stats[2];
	const PmnManifestMeta *meta;

	begin();
	for (int32_t i = 0; i < 7; i++)
		entries[i] = full_entry(i == 6, i * 2 + 1, i % 4);
	write_entries(entries, 7, 8 << 20, &metas);
	CHECK(metas.count == 1);
	meta = &metas.items[0];
	CHECK(meta->added_file_count == 6 && meta->deleted_file_count == 1);
	CHECK(meta->schema_id == 2);
	CHECK(meta->min_bucket == 0 && meta->max_bucket == 4);
	CHECK(meta->min_level == 0 && meta->max_level == 3);
	CHECK(meta->has_min_row_id && meta->min_row_id == 1000);
	CHECK(meta->max_row_id == 13000 + 1013 - 1);
	CHECK_OK(&env, pmn_simple_stats_parse(&env.base, &meta->partition_stats,
										  partition_types, 2, stats));
	CHECK(stats[0].min.as.i64 == 0 && stats[0].max.as.i64 == 5);
	CHECK(stats[0].null_count == 1 && stats[1].null_count == 0);
	CHECK(pmn_bytes_equal(stats[1].max.as.bytes, pmn_bytes_string("p q")));
	pmn_array_free(&env.base, &metas);
	end();
}

TEST(lists_survive_also_empty_ones)
{
	PmnManifestEntry entry;
	PmnManifestWriteOptions options = write_options(2);
	PmnManifestList metas = {NULL, 0, 0};
	PmnManifestList read = {NULL, 0, 0};
	const char *name;
	uint32_t counter = 0;
	int64_t size;

	begin();
	entry = full_entry(0, 4, 0);
	write_entries(&entry, 1, 8 << 20, &metas);
	CHECK(!metas.items[0].has_min_row_id);
	CHECK_OK(&env, pmn_manifest_list_write(fs, arena, &table_path, &options,
										   metas.items, metas.count, "u",
										   &counter, &name, &size));
	CHECK(strcmp(name, "manifest-list-u-0") == 0 && counter == 1);
	CHECK_OK(&env,
			 pmn_manifest_list_read(fs, arena, &table_path, name, size, &read));
	CHECK(read.count == 1 && metas_equal(&read.items[0], &metas.items[0]));
	CHECK(pmn_manifest_list_read(fs, arena, &table_path, name, size + 1,
								 &read) == PMN_CORRUPT);
	CHECK(pmn_manifest_list_read(fs, arena, &table_path, "../x", -1, &read) ==
		  PMN_CORRUPT);
	CHECK(pmn_manifest_list_read(fs, arena, &table_path, "x", -1, &read) ==
		  PMN_NOT_FOUND);
	CHECK(read.count == 1);
	CHECK_OK(&env,
			 pmn_manifest_list_write(fs, arena, &table_path, &options, NULL, 0,
									 "u", &counter, &name, &size));
	read.count = 0;
	CHECK_OK(&env,
			 pmn_manifest_list_read(fs, arena, &table_path, name, size, &read));
	CHECK(read.count == 0);
	pmn_array_free(&env.base, &read);
	pmn_array_free(&env.base, &metas);
	end();
}

static bool
keep_even_buckets(void *context, const PmnManifestEntry *entry)
{
	(*(uint32_t *) context)++;
	return entry->bucket % 2 == 0;
}

TEST(a_filter_sees_all_and_keeps_some)
{
	PmnManifestEntry entries[40];
	PmnManifestList metas = {NULL, 0, 0};
	PmnEntryList read = {NULL, 0, 0};
	uint32_t seen = 0;

	begin();
	for (int32_t i = 0; i < 40; i++)
		entries[i] = full_entry(0, i, 0);
	write_entries(entries, 40, 8 << 20, &metas);
	CHECK_OK(&env, pmn_manifest_read(fs, arena, &table_path, &metas.items[0],
									 keep_even_buckets, &seen, &read));
	CHECK(seen == 40 && read.count == 24);
	for (size_t i = 0, j = 0; i < 40 && j < read.count; i++)
	{
		if (entries[i].bucket % 2 == 0)
			CHECK(entries_equal(&entries[i], &read.items[j++]));
	}
	pmn_array_free(&env.base, &read);
	pmn_array_free(&env.base, &metas);
	end();
}

TEST(a_manifest_that_lies_is_corrupt)
{
	PmnManifestEntry entry;
	PmnManifestList metas = {NULL, 0, 0};
	PmnEntryList read = {NULL, 0, 0};
	PmnManifestMeta meta;

	begin();
	entry = full_entry(0, 1, 0);
	write_entries(&entry, 1, 8 << 20, &metas);
	meta = metas.items[0];
	meta.file_size++;
	CHECK(pmn_manifest_read(fs, arena, &table_path, &meta, NULL, NULL, &read) ==
		  PMN_CORRUPT);
	meta = metas.items[0];
	meta.deleted_file_count = 1;
	CHECK(pmn_manifest_read(fs, arena, &table_path, &meta, NULL, NULL, &read) ==
		  PMN_CORRUPT);
	CHECK(read.count == 0);
	CHECK(strstr(env.base.error.message, "manifest-u-0") != NULL);
	meta.deleted_file_count = meta.added_file_count = meta.file_size = -1;
	CHECK_OK(&env, pmn_manifest_read(fs, arena, &table_path, &meta, NULL, NULL,
									 &read));
	CHECK(read.count == 1);
	pmn_array_free(&env.base, &read);
	pmn_array_free(&env.base, &metas);
	end();
}

/* ---- cancelling ------------------------------------------------------- */

static void
push(PmnEntryList *list, PmnManifestEntry entry)
{
	CHECK_OK(&env, pmn_array_reserve(&env.base, list, 1));
	list->items[list->count++] = entry;
}

TEST(deletes_cancel_adds)
{
	PmnEntryList list = {NULL, 0, 0};

	begin();
	push(&list, full_entry(PMN_ENTRY_ADD, 1, 0));
	push(&list, full_entry(PMN_ENTRY_ADD, 2, 0));
	push(&list, full_entry(PMN_ENTRY_DELETE, 1, 0));
	push(&list, full_entry(PMN_ENTRY_ADD, 1, 5)); /* moved up, not the same */
	push(&list, full_entry(PMN_ENTRY_DELETE, 9, 0));
	push(&list, full_entry(PMN_ENTRY_DELETE, 9, 0));
	CHECK_OK(&env, pmn_entries_live(&env.base, &list, true));
	CHECK(list.count == 3);
	CHECK(list.items[0].file.row_count == 1002);
	CHECK(list.items[1].file.level == 5);
	CHECK(list.items[2].kind == PMN_ENTRY_DELETE);
	CHECK_OK(&env, pmn_entries_live(&env.base, &list, false));
	CHECK(list.count == 2);
	/* In a full scan the order does not matter. */
	list.count = 0;
	push(&list, full_entry(PMN_ENTRY_DELETE, 1, 0));
	push(&list, full_entry(PMN_ENTRY_ADD, 1, 0));
	CHECK_OK(&env, pmn_entries_live(&env.base, &list, false));
	CHECK(list.count == 0);
	CHECK_OK(&env, pmn_entries_live(&env.base, &list, false));
	push(&list, full_entry(PMN_ENTRY_ADD, 1, 0));
	push(&list, full_entry(PMN_ENTRY_ADD, 1, 0));
	CHECK(pmn_entries_live(&env.base, &list, false) == PMN_CORRUPT);
	CHECK(pmn_entries_live(&env.base, &list, true) == PMN_CORRUPT);
	/* Merging in order allows add, delete, add. */
	list.count = 0;
	push(&list, full_entry(PMN_ENTRY_ADD, 1, 0));
	push(&list, full_entry(PMN_ENTRY_DELETE, 1, 0));
	push(&list, full_entry(PMN_ENTRY_ADD, 1, 0));
	CHECK_OK(&env, pmn_entries_live(&env.base, &list, true));
	CHECK(list.count == 1 && list.items[0].kind == PMN_ENTRY_ADD);
	pmn_array_free(&env.base, &list);
	end();
}

/* Random adds and deletes against a plain array of "is it there". */
TEST(cancelling_agrees_with_a_naive_model)
{
	enum
	{
		FILES = 300
	};
	PmnEntryList list = {NULL, 0, 0};
	int32_t state[FILES];
	size_t live = 0;

	begin();
	memset(state, 0, sizeof(state));
	for (int step = 0; step < 2000; step++)
	{
		int32_t file = (int32_t) pmn_test_below(&env, FILES);

		if (state[file] < 2)
			push(&list, full_entry(state[file]++, file, 0));
	}
	for (int32_t i = 0; i < FILES; i++)
		live += state[i] == 1;
	CHECK_OK(&env, pmn_entries_live(&env.base, &list, true));
	CHECK(list.count == live);
	for (size_t i = 0; i < list.count; i++)
		CHECK(state[list.items[i].file.row_count - 1000] == 1);
	CHECK_OK(&env, pmn_entries_live(&env.base, &list, false));
	CHECK(list.count == live);
	pmn_array_free(&env.base, &list);
	end();
}

TEST(empty_statistics_are_unknown)
{
	PmnSimpleStats stats;
	PmnColumnStats columns[2];

	begin();
	CHECK_OK(&env, pmn_simple_stats_make(arena, NULL, NULL, 0, &stats));
	CHECK(stats.min_values.size == 12 && stats.null_counts.count == 0);
	CHECK_OK(&env, pmn_simple_stats_parse(&env.base, &stats, partition_types, 2,
										  columns));
	CHECK(columns[1].min.is_null && columns[1].null_count == -1);
	stats = full_entry(0, 1, 0).file.key_stats;
	CHECK_OK(&env, pmn_simple_stats_parse(&env.base, &stats, partition_types, 2,
										  columns));
	CHECK(columns[0].min.as.i64 == 1 && columns[0].max.as.i64 == 9);
	CHECK(columns[1].null_count == -1 && columns[0].null_count == 0);
	stats.null_counts.count = 1;
	CHECK(pmn_simple_stats_parse(&env.base, &stats, partition_types, 2,
								 columns) == PMN_CORRUPT);
	end();
}

TEST(messages_own_what_they_name)
{
	PmnMessage *message = NULL;
	PmnManifestEntry entry;

	begin();
	entry = full_entry(0, 1, 0);
	CHECK_OK(&env, pmn_message_create(&env.base, &message));
	CHECK_OK(&env,
			 pmn_message_add(message, &message->new_files, PMN_ENTRY_ADD,
							 entry.partition, entry.bucket, 5, &entry.file));
	CHECK_OK(&env, pmn_message_add(message, &message->compact_before,
								   PMN_ENTRY_DELETE, entry.partition,
								   entry.bucket, 5, &entry.file));
	CHECK(entries_equal(&message->new_files.items[0], &entry));
	CHECK(message->new_files.items[0].file.file_name.data !=
		  entry.file.file_name.data);
	CHECK(pmn_message_row_count(message) == 1001);
	CHECK(pmn_message_file_count(message) == 1);
	pmn_message_close(message);
	pmn_message_close(NULL);
	end();
}

/* ---- failing memory --------------------------------------------------- */

static PmnCode
write_and_read(PmnEnv *base, const PmnManifestEntry *entries, size_t count)
{
	PmnManifestWriteOptions options = write_options(2);
	PmnManifestList metas = {NULL, 0, 0};
	PmnEntryList read = {NULL, 0, 0};
	PmnFileSystem *memory = NULL;
	PmnArena *own = NULL;
	PmnMessage *message = NULL;
	uint32_t counter = 0;
	uint32_t seen = 0;
	PmnCode code = pmn_fs_memory_open(base, &memory);

	if (code == PMN_OK)
		code = pmn_arena_create(base, 64, &own);
	if (code == PMN_OK)
		code = pmn_manifest_write(memory, own, &table_path, &options, entries,
								  count, "u", &counter, &metas);
	if (code == PMN_OK)
		code = pmn_manifest_read(memory, own, &table_path, &metas.items[0],
								 keep_even_buckets, &seen, &read);
	if (code == PMN_OK)
		code = pmn_entries_live(base, &read, true);
	if (code == PMN_OK)
		code = pmn_message_create(base, &message);
	if (code == PMN_OK)
		code = pmn_message_add(message, &message->new_files, PMN_ENTRY_ADD,
							   entries[0].partition, 0, 1, &entries[0].file);
	pmn_message_close(message);
	pmn_array_free(base, &read);
	pmn_array_free(base, &metas);
	pmn_arena_destroy(own);
	pmn_fs_close(memory);
	return code;
}

TEST(survives_every_allocation_failure)
{
	PmnManifestEntry entries[4];
	PmnCode code = PMN_NO_MEMORY;

	begin();
	for (int32_t i = 0; i < 4; i++)
		entries[i] = full_entry(0, i, 0);
	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnTestEnv failing;

		pmn_test_env_fail_at(&failing, step);
		code = write_and_read(&failing.base, entries, 4);
		CHECK(failing.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
	end();
}

int
main(void)
{
	RUN(entries_survive);
	RUN(metas_sum_up_their_entries);
	RUN(lists_survive_also_empty_ones);
	RUN(a_filter_sees_all_and_keeps_some);
	RUN(a_manifest_that_lies_is_corrupt);
	RUN(deletes_cancel_adds);
	RUN(cancelling_agrees_with_a_naive_model);
	RUN(empty_statistics_are_unknown);
	RUN(messages_own_what_they_name);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
