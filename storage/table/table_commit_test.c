/*
 * table_commit_test.c
 *
 * Commits on a store in memory, with data files that nobody ever opens:
 * the protocol, races, lost answers, deaths at every step, conflicts and
 * the merging of manifests.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "../include/pmn_outbox.h"
#include "table_testing.h"

static const TestColumn key_columns[] = {
	{"k", "INT NOT NULL"}, {"v", "STRING"}, {NULL, NULL}};

static const TestTable keyed = {
	.columns = key_columns,
	.primary_keys = {"k"},
	.options = {{"bucket", "2"},
				{"commit.min-retry-wait", "1 ms"},
				{"commit.max-retry-wait", "2 ms"}},
};

/* A store that fails on command, over one that keeps what was written. */
typedef struct Store
{
	PmnTestEnv env;
	PmnFileSystem *memory;
	PmnFileSystem *fault;
	PmnCatalog *catalog;
	PmnTable *table;
} Store;

static void
store_open_table(Store *store)
{
	CHECK_OK(&store->env,
			 pmn_fs_fault_open(&store->env.base, store->memory, &store->fault));
	CHECK_OK(&store->env,
			 pmn_catalog_filesystem_open(&store->env.base, store->fault,
										 "/lake", &store->catalog));
	CHECK_OK(&store->env,
			 pmn_table_open(store->catalog, "db", "t", NULL, &store->table));
}

static void
store_close_table(Store *store)
{
	pmn_table_close(store->table);
	pmn_catalog_close(store->catalog);
}

static void
store_open(Store *store, const TestTable *table)
{
	memset(store, 0, sizeof(*store));
	pmn_test_env_init(&store->env);
	CHECK_OK(&store->env, pmn_fs_memory_open(&store->env.base, &store->memory));
	CHECK_OK(&store->env,
			 pmn_fs_fault_open(&store->env.base, store->memory, &store->fault));
	CHECK_OK(&store->env,
			 pmn_catalog_filesystem_open(&store->env.base, store->fault,
										 "/lake", &store->catalog));
	CHECK_OK(&store->env, test_create_table(store->catalog, "t", table));
	pmn_catalog_close(store->catalog);
	store_open_table(store);
}

static void
store_close(Store *store)
{
	store_close_table(store);
	pmn_fs_close(store->memory);
	CHECK(store->env.live_bytes == 0);
}

/* Commit one level-0 file of keys min .. max. */
static PmnCode
append(Store *store, const char *name, int32_t bucket, int64_t identifier,
	   int64_t base, bool fail_on_change, PmnCommitResult *result)
{
	PmnMessage *message = NULL;
	PmnCode code;

	code = test_message_add(&store->env.base, &message, TEST_NEW, name, bucket,
							2, 0, 1, 10);
	if (code == PMN_OK)
		code = test_commit(store->table, message, "user", identifier, base,
						   fail_on_change, result);
	pmn_message_close(message);
	return code;
}

/* Goal: a snapshot says what Paimon's would. */
TEST(first_commits_make_snapshots)
{
	Store store;
	PmnCommitResult result;
	PmnSnapshot *snapshot = NULL;
	PmnArena *arena = NULL;

	store_open(&store, &keyed);
	CHECK(test_latest(store.table) == 0);
	CHECK_OK(&store.env, append(&store, "a.parquet", 0, 1, 0, false, &result));
	CHECK(result.snapshot_id == 1 && result.retries == 0);
	CHECK_OK(&store.env, append(&store, "b.parquet", 1, 2, 1, false, &result));
	CHECK(result.snapshot_id == 2);
	CHECK(test_live_count(store.table, 1) == 1);
	CHECK(test_live_count(store.table, 2) == 2);
	CHECK_OK(&store.env, pmn_arena_create(&store.env.base, 0, &arena));
	CHECK_OK(&store.env,
			 pmn_table_read_snapshot(store.table, arena, 2, NULL, &snapshot));
	CHECK(snapshot->version == 3 && snapshot->uuid != NULL);
	CHECK(snapshot->info.total_record_count == 20);
	CHECK(snapshot->info.delta_record_count == 10);
	CHECK(snapshot->info.has_next_row_id && snapshot->info.next_row_id == 0);
	CHECK(strcmp(snapshot->info.commit_kind, "APPEND") == 0);
	CHECK(strcmp(snapshot->info.commit_user, "user") == 0);
	CHECK(snapshot->info.commit_identifier == 2);
	CHECK(strcmp(snapshot->info.writer_version, pmn_version()) == 0);
	CHECK(snapshot->base_manifest_list_size > 0);
	CHECK(snapshot->info.changelog_manifest_list == NULL);
	pmn_arena_destroy(arena);
	store_close(&store);
}

/* Goal: the same commit again finds itself, and an empty one does nothing. */
TEST(a_commit_is_published_once)
{
	Store store;
	PmnCommitResult result;
	PmnCommitRequest empty = {.commit_user = "u"};

	store_open(&store, &keyed);
	CHECK_OK(&store.env, append(&store, "a.parquet", 0, 1, 0, false, &result));
	CHECK_OK(&store.env, append(&store, "b.parquet", 0, 2, 0, false, &result));
	CHECK_OK(&store.env, append(&store, "a.parquet", 0, 1, 0, false, &result));
	CHECK(result.snapshot_id == 1);
	CHECK(test_latest(store.table) == 2);
	CHECK_OK(&store.env, pmn_table_commit(store.table, &empty, &result));
	CHECK(result.snapshot_id == 0);
	CHECK(test_latest(store.table) == 2);
	store_close(&store);
}

/* Try a commit with a fault; then repeat it as a new process would. */
static bool
commit_with_fault(PmnFaultWhen when, uint64_t step, PmnCode fault)
{
	Store store;
	PmnCommitResult result;
	int64_t latest;
	bool fired;
	PmnCode code;

	store_open(&store, &keyed);
	CHECK_OK(&store.env,
			 append(&store, "old.parquet", 0, 1, 0, false, &result));
	pmn_fs_fault_set(store.fault, PMN_FAULT_ALL, step, fault, when);
	code = append(&store, "new.parquet", 0, 2, 1, false, &result);
	fired = pmn_fs_fault_fired(store.fault);
	store_close_table(&store);
	store_open_table(&store);
	latest = test_latest(store.table);
	CHECK(latest == 1 || latest == 2);
	CHECK(test_live_count(store.table, latest) == latest);
	if (code == PMN_OK)
		CHECK(latest == 2 && result.snapshot_id == 2);
	CHECK_OK(&store.env,
			 append(&store, "new.parquet", 0, 2, 1, false, &result));
	CHECK(result.snapshot_id == 2);
	CHECK(test_latest(store.table) == 2);
	CHECK(test_live_count(store.table, 2) == 2);
	store_close(&store);
	return fired;
}

/* Goal: whatever operation fails, and however, a commit happens once. */
TEST(every_failed_operation_is_survived)
{
	static const PmnFaultWhen whens[] = {PMN_FAULT_BEFORE, PMN_FAULT_AFTER,
										 PMN_FAULT_CRASH};
	static const PmnCode faults[] = {PMN_IO, PMN_UNAVAILABLE, PMN_NO_SPACE};

	for (int w = 0; w < 3; w++)
	{
		for (int f = 0; f < 3; f++)
		{
			for (uint64_t step = 0;
				 commit_with_fault(whens[w], step, faults[f]); step++)
				CHECK(step < 1000);
		}
	}
}

/* Goal: a put whose answer is lost is recognised, not repeated. */
TEST(a_lost_answer_is_recognised)
{
	Store store;
	PmnCommitResult result;
	uint64_t puts;

	store_open(&store, &keyed);
	pmn_fs_fault_set(store.fault, PMN_FAULT_PUT, UINT64_MAX, PMN_IO,
					 PMN_FAULT_AFTER);
	CHECK_OK(&store.env, append(&store, "a.parquet", 0, 1, 0, false, &result));
	puts = pmn_fs_fault_count(store.fault);
	CHECK(puts > 0);
	for (uint64_t put = 0; put < puts; put++)
	{
		pmn_fs_fault_set(store.fault, PMN_FAULT_PUT, put, PMN_UNAVAILABLE,
						 PMN_FAULT_AFTER);
		(void) append(&store, "b.parquet", 0, 10 + (int64_t) put, 0, false,
					  &result);
	}
	pmn_fs_fault_set(store.fault, PMN_FAULT_PUT, UINT64_MAX, PMN_IO,
					 PMN_FAULT_AFTER);
	/* The snapshot is one of the puts: it is there once. */
	CHECK(test_live_count(store.table, test_latest(store.table)) >= 2);
	store_close(&store);
}

/* ---- exactly once, long afterwards ------------------------------------- */

/* Another engine's commits. */
static void
append_foreign(Store *store, int count)
{
	static int serial;

	for (int i = 0; i < count; i++)
	{
		PmnMessage *message = NULL;
		PmnCommitResult result;
		char name[32];

		snprintf(name, sizeof(name), "foreign%d.parquet", serial++);
		CHECK_OK(&store->env, test_message_add(&store->env.base, &message,
											   TEST_NEW, name, 1, 2, 0, 1, 10));
		CHECK_OK(&store->env,
				 test_commit(store->table, message, "foreign", serial,
							 test_latest(store->table), false, &result));
		pmn_message_close(message);
	}
}

static void
remove_snapshot(Store *store, int64_t id)
{
	char path[64];

	snprintf(path, sizeof(path), "/lake/db.db/t/snapshot/snapshot-%" PRId64,
			 id);
	CHECK_OK(&store->env, pmn_fs_remove(store->memory, path));
}

/* Rows of key 1 .. 10 and a compaction of "old". */
static PmnMessage *
rows_and_compaction(Store *store)
{
	PmnMessage *message = NULL;
	PmnEnv *env = &store->env.base;

	CHECK_OK(&store->env, test_message_add(env, &message, TEST_NEW,
										   "new.parquet", 0, 2, 0, 1, 10));
	CHECK_OK(&store->env, test_message_add(env, &message, TEST_BEFORE,
										   "old.parquet", 0, 2, 0, 1, 10));
	CHECK_OK(&store->env, test_message_add(env, &message, TEST_AFTER,
										   "up.parquet", 0, 2, 5, 1, 10));
	return message;
}

/* Goal: days and many foreign snapshots later a commit still finds itself,
 * whatever the clocks said in between. */
TEST(a_commit_is_found_behind_many_others)
{
	Store store;
	PmnCommitResult result;
	PmnMessage *message = NULL;
	int64_t id = 0;

	store_open(&store, &keyed);
	append_foreign(&store, 1);
	CHECK_OK(&store.env, test_message_add(&store.env.base, &message, TEST_NEW,
										  "new.parquet", 0, 2, 0, 1, 10));
	store.env.now_millis -= INT64_C(3) * 24 * 3600 * 1000;
	CHECK_OK(&store.env,
			 test_commit(store.table, message, "we", 7, 1, false, &result));
	CHECK(result.snapshot_id == 2);
	append_foreign(&store, 40);
	store.env.now_millis += INT64_C(9) * 24 * 3600 * 1000;
	append_foreign(&store, 40);
	CHECK_OK(&store.env,
			 test_commit(store.table, message, "we", 7, 1, false, &result));
	CHECK(result.snapshot_id == 2);
	CHECK(test_latest(store.table) == 82);
	CHECK_OK(&store.env, pmn_table_find_commit(store.table, "we", 7, 1, &id));
	CHECK(id == 2);
	CHECK_OK(&store.env, pmn_table_find_commit(store.table, "we", 7, 2, &id));
	CHECK(id == 0);
	CHECK_OK(&store.env, pmn_table_find_commit(store.table, "we", 8, 0, &id));
	CHECK(id == 0);
	pmn_message_close(message);
	store_close(&store);
}

/* Goal: a compaction of the same user and identifier is not the rows. */
TEST(a_compaction_does_not_pass_for_rows)
{
	Store store;
	PmnCommitResult result;
	PmnMessage *compaction = NULL;
	PmnMessage *both = NULL;
	int64_t id = 0;

	store_open(&store, &keyed);
	CHECK_OK(&store.env,
			 append(&store, "old.parquet", 0, 1, 0, false, &result));
	CHECK_OK(&store.env,
			 test_message_add(&store.env.base, &compaction, TEST_BEFORE,
							  "old.parquet", 0, 2, 0, 1, 10));
	CHECK_OK(&store.env,
			 test_message_add(&store.env.base, &compaction, TEST_AFTER,
							  "up.parquet", 0, 2, 5, 1, 10));
	CHECK_OK(&store.env,
			 test_commit(store.table, compaction, "we", 2, 1, false, &result));
	CHECK_OK(&store.env, pmn_table_find_commit(store.table, "we", 2, 1, &id));
	CHECK(id == 0);
	both = rows_and_compaction(&store);
	CHECK_OK(&store.env,
			 test_commit(store.table, both, "we", 2, 1, false, &result));
	CHECK(test_latest(store.table) == 3);
	CHECK(test_live_count(store.table, 3) == 2);
	CHECK_OK(&store.env, pmn_table_find_commit(store.table, "we", 2, 1, &id));
	CHECK(id == 3);
	pmn_message_close(compaction);
	pmn_message_close(both);
	store_close(&store);
}

/* Die at a step of a commit of both halves; foreign commits; then again. */
static bool
cut_both_halves(PmnFaultWhen when, uint64_t step, int foreign)
{
	Store store;
	PmnCommitResult result;
	PmnMessage *message;
	int64_t latest;
	bool fired;

	store_open(&store, &keyed);
	CHECK_OK(&store.env,
			 append(&store, "old.parquet", 0, 1, 0, false, &result));
	message = rows_and_compaction(&store);
	pmn_fs_fault_set(store.fault, PMN_FAULT_ALL, step, PMN_IO, when);
	(void) test_commit(store.table, message, "we", 2, 1, false, &result);
	fired = pmn_fs_fault_fired(store.fault);
	store_close_table(&store);
	store_open_table(&store);
	append_foreign(&store, foreign);
	CHECK_OK(&store.env,
			 test_commit(store.table, message, "we", 2, 1, false, &result));
	latest = test_latest(store.table);
	CHECK(latest == 3 + foreign);
	/* new, up, and what others added; each once. */
	CHECK(test_live_count(store.table, latest) == 2 + foreign);
	pmn_message_close(message);
	store_close(&store);
	return fired;
}

/* Goal: a message of rows and a compaction is completed wherever a crash cut
 * it, also when others committed in between. */
TEST(both_halves_are_completed)
{
	static const PmnFaultWhen whens[] = {PMN_FAULT_BEFORE, PMN_FAULT_AFTER,
										 PMN_FAULT_CRASH};

	for (int w = 0; w < 3; w++)
	{
		for (uint64_t step = 0; cut_both_halves(whens[w], step, (int) step % 3);
			 step++)
			CHECK(step < 1000);
	}
}

/* Goal: several messages are one snapshot, also when they are repeated. */
TEST(several_messages_are_one_snapshot)
{
	Store store;
	PmnCommitResult result;
	PmnMessage *messages[3] = {NULL, NULL, NULL};
	PmnCommitRequest request = {
		.commit_user = "we",
		.commit_identifier = 3,
		.messages = (const PmnMessage *const *) messages,
		.message_count = 3,
	};

	store_open(&store, &keyed);
	for (int i = 0; i < 3; i++)
	{
		char name[32];

		snprintf(name, sizeof(name), "m%d.parquet", i);
		CHECK_OK(&store.env,
				 test_message_add(&store.env.base, &messages[i], TEST_NEW, name,
								  i % 2, 2, 0, 1, 10));
	}
	for (int i = 0; i < 2; i++)
	{
		CHECK_OK(&store.env, pmn_table_commit(store.table, &request, &result));
		CHECK(result.snapshot_id == 1 && test_latest(store.table) == 1);
	}
	CHECK(test_live_count(store.table, 1) == 3);
	for (int i = 0; i < 3; i++)
		pmn_message_close(messages[i]);
	store_close(&store);
}

#define HOUR_MS (3600 * 1000)

/* Commit a file whose message was made some time from now. */
static PmnCode
append_made(Store *store, int64_t later_ms, int64_t identifier, int64_t base,
			PmnCommitResult *result)
{
	PmnMessage *message = NULL;
	char name[32];
	PmnCode code;

	snprintf(name, sizeof(name), "file-%" PRId64, identifier);
	CHECK_OK(&store->env, test_message_add(&store->env.base, &message, TEST_NEW,
										   name, 0, 2, 0, 1, 10));
	message->made_millis = store->env.now_millis + later_ms;
	code = test_commit(store->table, message, "we", identifier, base, false,
					   result);
	pmn_message_close(message);
	return code;
}

/*
 * Goal: when a snapshot that may be ours has expired, a commit is not made a
 * second time: its live files tell that it was there; when they do not, and
 * the gap may be younger than the message, it is an error; a gap older than the
 * message, and commits made once only, are no doubt.
 */
TEST(expired_snapshots_never_double)
{
	Store store;
	PmnCommitResult result;
	PmnMessage *ours = NULL;
	PmnMessage *compaction = NULL;
	int64_t id = 0;

	store_open(&store, &keyed);
	append_foreign(&store, 1);
	CHECK_OK(&store.env, test_message_add(&store.env.base, &ours, TEST_NEW,
										  "new.parquet", 0, 2, 0, 1, 10));
	CHECK_OK(&store.env,
			 test_commit(store.table, ours, "we", 1, 1, false, &result));
	append_foreign(&store, 2);
	remove_snapshot(&store, 1);
	remove_snapshot(&store, 2);
	CHECK_OK(&store.env,
			 test_commit(store.table, ours, "we", 1, 1, false, &result));
	CHECK(result.snapshot_id == 3 && test_latest(store.table) == 4);
	CHECK(pmn_table_find_commit(store.table, "we", 1, 1, &id) == PMN_EXPIRED);

	CHECK_OK(&store.env,
			 test_message_add(&store.env.base, &compaction, TEST_BEFORE,
							  "new.parquet", 0, 2, 0, 1, 10));
	CHECK_OK(&store.env,
			 test_message_add(&store.env.base, &compaction, TEST_AFTER,
							  "up.parquet", 0, 2, 5, 1, 10));
	CHECK_OK(&store.env, test_commit(store.table, compaction, "foreign", 99, 4,
									 false, &result));
	append_foreign(&store, 1);
	for (int64_t gone = 3; gone < 6; gone++)
		remove_snapshot(&store, gone);
	CHECK(test_commit(store.table, ours, "we", 1, 1, false, &result) ==
		  PMN_EXPIRED);
	CHECK(test_latest(store.table) == 6);
	/* The search need not go there; what has expired was there long before the
	 * message was made; and a commit that is made once. */
	CHECK_OK(&store.env, append_made(&store, 0, 2, 5, &result));
	CHECK(result.snapshot_id == 7);
	CHECK(append_made(&store, 0, 3, 1, &result) == PMN_EXPIRED);
	CHECK_OK(&store.env, append_made(&store, HOUR_MS, 3, 1, &result));
	CHECK(result.snapshot_id == 8);
	CHECK_OK(&store.env, append_made(&store, 0, INT64_MAX, 1, &result));
	CHECK(result.snapshot_id == 9);
	pmn_message_close(ours);
	pmn_message_close(compaction);
	store_close(&store);
}

/* Goal: failing before the atomic step leaves no file behind. */
TEST(failure_before_publishing_cleans_up)
{
	Store store;
	PmnCommitResult result;
	PmnArena *arena = NULL;
	PmnFileList before = {NULL, 0, 0};

	store_open(&store, &keyed);
	CHECK_OK(&store.env, pmn_arena_create(&store.env.base, 0, &arena));
	CHECK_OK(&store.env, append(&store, "a.parquet", 0, 1, 0, false, &result));
	CHECK_OK(&store.env, pmn_fs_list(store.memory, "/lake/db.db/t/manifest",
									 arena, &before));
	for (uint64_t step = 0; step < 3; step++)
	{
		PmnFileList after = {NULL, 0, 0};
		PmnCode code;

		/* Base list, delta manifest, delta list; the snapshot is fourth. */
		pmn_fs_fault_set(store.fault, PMN_FAULT_PUT | PMN_FAULT_OPEN_WRITE,
						 step, PMN_NO_SPACE, PMN_FAULT_BEFORE);
		code = append(&store, "b.parquet", 0, 2, 1, false, &result);
		CHECK(code == PMN_NO_SPACE);
		CHECK_OK(&store.env, pmn_fs_list(store.memory, "/lake/db.db/t/manifest",
										 arena, &after));
		CHECK(after.count == before.count);
	}
	pmn_arena_destroy(arena);
	store_close(&store);
}

/* Goal: manifests and lists last before a snapshot names them: each attempt
 * syncs their directory once, and without that nothing is published. */
TEST(manifests_last_before_the_snapshot)
{
	Store store;
	PmnCommitResult result;
	PmnArena *arena = NULL;
	PmnFileList before = {NULL, 0, 0};
	PmnFileList after = {NULL, 0, 0};

	store_open(&store, &keyed);
	CHECK_OK(&store.env, pmn_arena_create(&store.env.base, 0, &arena));
	pmn_fs_fault_set(store.fault, PMN_FAULT_SYNC, UINT64_MAX, PMN_IO,
					 PMN_FAULT_BEFORE);
	CHECK_OK(&store.env, append(&store, "a.parquet", 0, 1, 0, false, &result));
	CHECK(pmn_fs_fault_count(store.fault) == 1);
	CHECK_OK(&store.env, pmn_fs_list(store.memory, "/lake/db.db/t/manifest",
									 arena, &before));
	pmn_fs_fault_set(store.fault, PMN_FAULT_SYNC, 0, PMN_IO, PMN_FAULT_BEFORE);
	CHECK(append(&store, "b.parquet", 0, 2, 1, false, &result) == PMN_IO);
	CHECK(test_latest(store.table) == 1);
	CHECK_OK(&store.env, pmn_fs_list(store.memory, "/lake/db.db/t/manifest",
									 arena, &after));
	CHECK(after.count == before.count);
	pmn_arena_destroy(arena);
	store_close(&store);
}

/* Goal: many small commits do not mean many manifests. */
static void
merge_many(const char *target_size, const char *full_size, size_t limit)
{
	TestTable table = keyed;
	Store store;
	PmnArena *arena = NULL;
	PmnManifestList manifests = {NULL, 0, 0};
	PmnSnapshot *snapshot = NULL;
	PmnCommitResult result;

	table.options[3] = (PmnOption){"manifest.target-file-size", target_size};
	table.options[4] =
		(PmnOption){"manifest.full-compaction-threshold-size", full_size};
	store_open(&store, &table);
	for (int64_t i = 1; i <= 70; i++)
	{
		char name[32];
		char old[32];
		PmnMessage *message = NULL;

		snprintf(name, sizeof(name), "f%" PRId64 ".parquet", i);
		snprintf(old, sizeof(old), "f%" PRId64 ".parquet", i - 1);
		CHECK_OK(&store.env, test_message_add(&store.env.base, &message,
											  TEST_NEW, name, 0, 2, 0, 1, 10));
		if (i % 2 == 0)
			CHECK_OK(&store.env,
					 test_message_add(&store.env.base, &message, TEST_BEFORE,
									  old, 0, 2, 0, 1, 10));
		CHECK_OK(&store.env, test_commit(store.table, message, "user", i, i - 1,
										 false, &result));
		pmn_message_close(message);
		CHECK(test_live_count(store.table, result.snapshot_id) == (i + 1) / 2);
	}
	CHECK_OK(&store.env, pmn_arena_create(&store.env.base, 0, &arena));
	CHECK_OK(&store.env,
			 pmn_table_read_snapshot(store.table, arena, result.snapshot_id,
									 NULL, &snapshot));
	CHECK_OK(&store.env,
			 pmn_table_manifests(store.table, arena, snapshot, &manifests));
	CHECK(manifests.count <= limit);
	CHECK(snapshot->info.total_record_count == 350);
	pmn_array_free(&store.env.base, &manifests);
	pmn_arena_destroy(arena);
	store_close(&store);
}

TEST(manifests_are_merged)
{
	merge_many("8 mb", "16 mb", 31); /* by number */
	merge_many("4 kb", "16 mb", 70); /* by size */
	merge_many("4 kb", "16 kb", 40); /* full */
	merge_many("8 mb", "10 kb", 31); /* full, into one */
}

/* Goal: a compaction whose input is gone, or whose output is in the way, is a
 * conflict, and nothing is published. */
TEST(compaction_conflicts)
{
	Store store;
	PmnCommitResult result;
	PmnMessage *first = NULL;
	PmnMessage *second = NULL;
	PmnMessage *third = NULL;
	PmnEnv *env;

	store_open(&store, &keyed);
	env = &store.env.base;
	CHECK_OK(&store.env, append(&store, "a.parquet", 0, 1, 0, false, &result));
	CHECK_OK(&store.env, test_message_add(env, &first, TEST_BEFORE, "a.parquet",
										  0, 2, 0, 1, 10));
	CHECK_OK(&store.env, test_message_add(env, &first, TEST_AFTER, "c1.parquet",
										  0, 2, 5, 1, 10));
	CHECK_OK(&store.env, test_message_add(env, &second, TEST_BEFORE,
										  "a.parquet", 0, 2, 0, 1, 10));
	CHECK_OK(&store.env, test_message_add(env, &second, TEST_AFTER,
										  "c2.parquet", 0, 2, 5, 1, 10));
	CHECK_OK(&store.env, append(&store, "b.parquet", 0, 2, 1, false, &result));
	CHECK_OK(&store.env,
			 test_commit(store.table, first, "c", 1, 1, false, &result));
	CHECK(result.snapshot_id == 3);
	CHECK(test_commit(store.table, second, "c", 2, 1, false, &result) ==
		  PMN_CONFLICT);
	/* Overlap on level 5 with c1, without deleting anything that is gone. */
	CHECK_OK(&store.env, test_message_add(env, &third, TEST_BEFORE, "b.parquet",
										  0, 2, 0, 1, 10));
	CHECK_OK(&store.env, test_message_add(env, &third, TEST_AFTER, "c3.parquet",
										  0, 2, 5, 10, 20));
	CHECK(test_commit(store.table, third, "c", 3, 1, false, &result) ==
		  PMN_CONFLICT);
	CHECK(test_latest(store.table) == 3);
	CHECK(test_live_count(store.table, 3) == 2);
	pmn_message_close(first);
	pmn_message_close(second);
	pmn_message_close(third);
	store_close(&store);
}

/* Goal: rows computed from an older state of their bucket are refused. */
TEST(changes_of_a_bucket_are_noticed)
{
	Store store;
	PmnCommitResult result;

	store_open(&store, &keyed);
	CHECK_OK(&store.env, append(&store, "a.parquet", 0, 1, 0, false, &result));
	CHECK_OK(&store.env, append(&store, "b.parquet", 1, 2, 1, true, &result));
	CHECK(append(&store, "c.parquet", 1, 3, 1, true, &result) == PMN_CONFLICT);
	CHECK(append(&store, "c.parquet", 1, 3, 0, true, &result) == PMN_CONFLICT);
	CHECK_OK(&store.env, append(&store, "c.parquet", 0, 4, 1, true, &result));
	CHECK_OK(&store.env, append(&store, "d.parquet", 0, 5, 3, true, &result));
	CHECK(test_latest(store.table) == 4);
	store_close(&store);
}

/* Goal: a partition has one bucket count, whether the base is known or not. */
TEST(bucket_counts_must_agree)
{
	Store store;
	PmnCommitResult result;
	PmnMessage *message = NULL;

	store_open(&store, &keyed);
	CHECK_OK(&store.env, append(&store, "a.parquet", 0, 1, 0, false, &result));
	CHECK_OK(&store.env, append(&store, "b.parquet", 0, 2, 0, false, &result));
	CHECK_OK(&store.env, test_message_add(&store.env.base, &message, TEST_NEW,
										  "c.parquet", 0, 3, 0, 1, 10));
	CHECK(test_commit(store.table, message, "user", 3, 0, false, &result) ==
		  PMN_CONFLICT);
	CHECK(test_commit(store.table, message, "user", 3, 1, false, &result) ==
		  PMN_CONFLICT);
	pmn_message_close(message);
	store_close(&store);
}

/* Goal: no failed allocation leaks, or harms the table. */
TEST(every_allocation_failure_is_survived)
{
	Store store;
	PmnCommitResult result;
	PmnCode code = PMN_NO_MEMORY;

	store_open(&store, &keyed);
	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		int64_t latest;

		store.env.fail_step = store.env.step + step;
		code = append(&store, "a.parquet", 0, 7, 0, false, &result);
		store.env.fail_step = UINT64_MAX;
		latest = test_latest(store.table);
		CHECK(latest == 0 || latest == 1);
		CHECK(code != PMN_OK || latest == 1);
		CHECK(step < 5000);
	}
	CHECK_OK(&store.env, code);
	CHECK(test_live_count(store.table, 1) == 1);
	store_close(&store);
}

static int
race(const char *directory, int writer, int commits)
{
	PmnTestEnv env;
	PmnCatalog *catalog = NULL;
	PmnTable *table = NULL;
	int failed = 0;

	pmn_test_env_init(&env);
	env.seed += (uint64_t) writer * 77777;
	if (pmn_catalog_open(&env.base, directory, &catalog) != PMN_OK ||
		pmn_table_open(catalog, "db", "t", NULL, &table) != PMN_OK)
		return 1;
	for (int i = 0; i < commits; i++)
	{
		PmnMessage *message = NULL;
		PmnCommitResult result;
		char name[32];
		char user[32];

		snprintf(name, sizeof(name), "w%d-%d.parquet", writer, i);
		snprintf(user, sizeof(user), "writer-%d", writer);
		failed += test_message_add(&env.base, &message, TEST_NEW, name, 0, 2, 0,
								   1, 10) != PMN_OK;
		failed +=
			test_commit(table, message, user, i, 0, false, &result) != PMN_OK;
		pmn_message_close(message);
	}
	pmn_table_close(table);
	pmn_catalog_close(catalog);
	return failed;
}

/* Goal: two processes that commit at once lose nothing. */
TEST(two_writers_race)
{
	enum
	{
		COMMITS = 15
	};
	TestTable table = keyed;
	char directory[64];
	PmnTestEnv env;
	PmnCatalog *catalog = NULL;
	PmnTable *opened = NULL;
	pid_t child;
	int status = 1;

	table.options[3] = (PmnOption){"commit.max-retries", "100"};
	pmn_test_env_init(&env);
	pmn_test_directory(directory);
	CHECK_OK(&env, pmn_catalog_open(&env.base, directory, &catalog));
	CHECK_OK(&env, test_create_table(catalog, "t", &table));
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(race(directory, 1, COMMITS));
	CHECK(race(directory, 2, COMMITS) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK_OK(&env, pmn_table_open(catalog, "db", "t", NULL, &opened));
	CHECK(test_latest(opened) == 2 * COMMITS);
	CHECK(test_live_count(opened, 2 * COMMITS) == 2 * COMMITS);
	pmn_table_close(opened);
	pmn_catalog_close(catalog);
	pmn_test_remove_directory(directory);
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	RUN(first_commits_make_snapshots);
	RUN(a_commit_is_published_once);
	RUN(every_failed_operation_is_survived);
	RUN(a_lost_answer_is_recognised);
	RUN(a_commit_is_found_behind_many_others);
	RUN(a_compaction_does_not_pass_for_rows);
	RUN(both_halves_are_completed);
	RUN(several_messages_are_one_snapshot);
	RUN(expired_snapshots_never_double);
	RUN(failure_before_publishing_cleans_up);
	RUN(manifests_last_before_the_snapshot);
	RUN(manifests_are_merged);
	RUN(compaction_conflicts);
	RUN(changes_of_a_bucket_are_noticed);
	RUN(bucket_counts_must_agree);
	RUN(every_allocation_failure_is_survived);
	RUN(two_writers_race);
	TEST_END();
}
