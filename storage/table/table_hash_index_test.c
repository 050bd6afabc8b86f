/*
 * table_hash_index_test.c
 *
 * Dynamic buckets: keys stay where they were put, buckets fill up, writers
 * of one transaction see each other's keys, and two writers who can't are
 * told so.
 */
#include "table_hash_index.h"
#include "table_testing.h"

static const TestColumn columns[] = {
	{"k", "INT NOT NULL"}, {"v", "INT"}, {NULL, NULL}};

typedef struct Lake
{
	PmnTestEnv env;
	PmnFileSystem *fs;
	PmnCatalog *catalog;
	PmnTable *table;
	PmnArena *arena;
	PmnBytes partition;
} Lake;

static void
lake_open(Lake *lake, const char *target, const char *max)
{
	const TestTable table = {
		.columns = columns,
		.primary_keys = {"k"},
		.options = {{"dynamic-bucket.target-row-num", target},
					{"dynamic-bucket.max-buckets", max}},
	};

	pmn_test_env_init(&lake->env);
	CHECK_OK(&lake->env, pmn_fs_memory_open(&lake->env.base, &lake->fs));
	CHECK_OK(&lake->env, pmn_catalog_filesystem_open(&lake->env.base, lake->fs,
													 "/lake", &lake->catalog));
	CHECK_OK(&lake->env, test_create_table(lake->catalog, "t", &table));
	CHECK_OK(&lake->env,
			 pmn_table_open(lake->catalog, "db", "t", NULL, &lake->table));
	CHECK_OK(&lake->env, pmn_arena_create(&lake->env.base, 0, &lake->arena));
	lake->partition = test_empty_row(lake->arena);
}

static void
lake_close(Lake *lake)
{
	pmn_arena_destroy(lake->arena);
	pmn_table_close(lake->table);
	pmn_catalog_close(lake->catalog);
	CHECK(lake->env.live_bytes == 0);
}

/*
 * Put hashes first .. first + count - 1 by a writer of their own, batch at a
 * time; the message has a data file so that it can be committed.
 */
static PmnCode
put(Lake *lake, const PmnMessage *pending, int32_t first, uint32_t count,
	uint32_t batch, int32_t *buckets, PmnMessage **message)
{
	PmnHashIndex *index = NULL;
	int32_t *hashes = calloc(count, sizeof(*hashes));
	int64_t latest = test_latest(lake->table);
	char name[40];
	PmnCode code;

	if (latest < 0)
	{
		free(hashes);
		return PMN_NO_MEMORY;
	}
	for (uint32_t i = 0; i < count; i++)
		hashes[i] = (first + (int32_t) i) * 77777;
	code = pmn_hash_index_open(lake->table, latest, &pending,
							   pending == NULL ? 0 : 1, &index);
	for (uint32_t at = 0; code == PMN_OK && at < count; at += batch)
		code = pmn_hash_index_assign(index, lake->partition, hashes + at,
									 count - at < batch ? count - at : batch,
									 buckets + at);
	(void) snprintf(name, sizeof(name), "data-%d-%u.parquet", first, count);
	if (code == PMN_OK)
		code = test_message_add(&lake->env.base, message, TEST_NEW, name, 0, -1,
								0, 1, 2);
	if (code == PMN_OK)
		code = pmn_hash_index_finish(index, *message);
	pmn_hash_index_close(index);
	free(hashes);
	return code;
}

static PmnCode
publish(Lake *lake, const PmnMessage *message, int64_t identifier)
{
	PmnCommitResult result;

	return test_commit(lake->table, message, "user", identifier, 0, false,
					   &result);
}

/* Goal: a bucket takes its target, then the next one; known keys stay. */
TEST(buckets_fill_up)
{
	Lake lake;
	int32_t buckets[8];
	PmnMessage *message = NULL;

	lake_open(&lake, "3", "-1");
	CHECK_OK(&lake.env, put(&lake, NULL, 0, 5, 2, buckets, &message));
	CHECK(buckets[0] == 0 && buckets[2] == 0 && buckets[3] == 1);
	CHECK(message->new_indexes.count == 2);
	CHECK(message->new_indexes.items[0].row_count == 3);
	CHECK(message->new_indexes.items[0].file_size == 12);
	CHECK(message->base_indexes.count == 1);
	CHECK_OK(&lake.env, publish(&lake, message, 1));
	pmn_message_close(message);
	message = NULL;
	CHECK_OK(&lake.env, put(&lake, NULL, 2, 6, 6, buckets, &message));
	CHECK(buckets[0] == 0 && buckets[1] == 1 && buckets[2] == 1);
	CHECK(buckets[3] == 1 && buckets[4] == 2 && buckets[5] == 2);
	/* The full bucket's file stays as it is. */
	CHECK(message->new_indexes.count == 2);
	CHECK(message->base_indexes.count == 2);
	CHECK_OK(&lake.env, publish(&lake, message, 2));
	pmn_message_close(message);
	message = NULL;
	CHECK_OK(&lake.env, put(&lake, NULL, 0, 8, 8, buckets, &message));
	CHECK(buckets[2] == 0 && buckets[5] == 1 && buckets[7] == 2);
	CHECK(message->new_indexes.count == 0);
	pmn_message_discard(lake.table, message);
	pmn_message_close(message);
	lake_close(&lake);
}

/* Goal: walking through files and a complete table tell the same buckets. */
TEST(walk_and_table_agree)
{
	Lake lake;
	static int32_t first[3000];
	static int32_t second[3000];
	PmnMessage *message = NULL;

	lake_open(&lake, "700", "-1");
	CHECK_OK(&lake.env, put(&lake, NULL, 0, 3000, 1000, first, &message));
	CHECK(first[2999] == 4);
	CHECK_OK(&lake.env, publish(&lake, message, 1));
	pmn_message_close(message);
	for (uint32_t at = 0; at < 3000; at += 500)
	{
		message = NULL;
		CHECK_OK(&lake.env, put(&lake, NULL, (int32_t) at, 500, 50, second + at,
								&message));
		CHECK(message->new_indexes.count == 0);
		pmn_message_close(message);
	}
	CHECK(memcmp(first, second, sizeof(first)) == 0);
	lake_close(&lake);
}

/* Goal: when no bucket may be added, the least full one takes the key. */
TEST(no_more_buckets)
{
	Lake lake;
	int32_t buckets[7];
	PmnMessage *message = NULL;

	lake_open(&lake, "2", "2");
	CHECK_OK(&lake.env, put(&lake, NULL, 0, 7, 7, buckets, &message));
	for (int i = 0; i < 7; i++)
		CHECK(buckets[i] == 0 || buckets[i] == 1);
	CHECK(message->new_indexes.items[0].row_count == 4);
	CHECK(message->new_indexes.items[1].row_count == 3);
	pmn_message_discard(lake.table, message);
	pmn_message_close(message);
	lake_close(&lake);
}

/* Goal: the second writer of a transaction knows the first one's keys. */
TEST(pending_keys)
{
	Lake lake;
	int32_t buckets[6];
	PmnMessage *first = NULL;
	PmnMessage *second = NULL;
	PmnMessage *third = NULL;
	PmnCommitResult result;
	const PmnMessage *both[2];
	PmnCommitRequest request = {.commit_user = "user",
								.commit_identifier = 1,
								.messages = both,
								.message_count = 2};

	lake_open(&lake, "3", "-1");
	CHECK_OK(&lake.env, put(&lake, NULL, 0, 4, 4, buckets, &first));
	CHECK_OK(&lake.env, put(&lake, first, 2, 6, 6, buckets, &second));
	CHECK(buckets[0] == 0 && buckets[1] == 1 && buckets[3] == 1);
	CHECK(buckets[4] == 2);
	both[0] = first;
	both[1] = second;
	CHECK_OK(&lake.env, pmn_table_commit(lake.table, &request, &result));
	CHECK_OK(&lake.env, put(&lake, NULL, 0, 6, 6, buckets, &third));
	CHECK(buckets[0] == 0 && buckets[3] == 1 && buckets[5] == 1);
	pmn_message_close(first);
	pmn_message_close(second);
	pmn_message_discard(lake.table, third);
	pmn_message_close(third);
	lake_close(&lake);
}

/* Goal: messages that saw each other's keys may be published one by one, by
 * name of the files they saw, but only in the order they were made. */
TEST(pending_keys_published_apart)
{
	Lake lake;
	int32_t buckets[6];
	PmnMessage *first = NULL;
	PmnMessage *second = NULL;
	PmnMessage *third = NULL;

	lake_open(&lake, "3", "-1");
	CHECK_OK(&lake.env, put(&lake, NULL, 0, 4, 4, buckets, &first));
	CHECK_OK(&lake.env, put(&lake, first, 2, 6, 6, buckets, &second));
	CHECK(publish(&lake, second, 2) == PMN_CONFLICT);
	CHECK(test_latest(lake.table) == 0);
	CHECK_OK(&lake.env, publish(&lake, first, 1));
	CHECK_OK(&lake.env, publish(&lake, second, 2));
	CHECK(test_latest(lake.table) == 2);
	CHECK_OK(&lake.env, put(&lake, NULL, 0, 6, 6, buckets, &third));
	CHECK(buckets[0] == 0 && buckets[3] == 1 && buckets[5] == 1);
	CHECK(third->new_indexes.count == 0);
	pmn_message_close(first);
	pmn_message_close(second);
	pmn_message_close(third);
	lake_close(&lake);
}

/* Goal: of two writers who gave buckets from one state, one is refused, even
 * when it made no new key; a third one that starts afterwards is not. */
TEST(two_writers)
{
	Lake lake;
	int32_t buckets[4];
	PmnMessage *zero = NULL;
	PmnMessage *one = NULL;
	PmnMessage *two = NULL;
	PmnMessage *three = NULL;

	lake_open(&lake, "100", "-1");
	CHECK_OK(&lake.env, put(&lake, NULL, 0, 2, 2, buckets, &zero));
	CHECK_OK(&lake.env, publish(&lake, zero, 1));
	CHECK_OK(&lake.env, put(&lake, NULL, 2, 2, 2, buckets, &one));
	CHECK_OK(&lake.env, put(&lake, NULL, 1, 3, 3, buckets, &two));
	CHECK_OK(&lake.env, publish(&lake, one, 2));
	CHECK(publish(&lake, two, 3) == PMN_CONFLICT);
	CHECK(test_latest(lake.table) == 2);
	pmn_message_discard(lake.table, two);
	CHECK_OK(&lake.env, put(&lake, NULL, 1, 4, 4, buckets, &three));
	CHECK_OK(&lake.env, publish(&lake, three, 4));
	pmn_message_close(zero);
	pmn_message_close(one);
	pmn_message_close(two);
	pmn_message_close(three);
	lake_close(&lake);
}

/* Goal: an index file of the wrong size is damage, not fewer keys. */
TEST(cut_index_file)
{
	Lake lake;
	int32_t buckets[4];
	PmnMessage *message = NULL;
	PmnMessage *other = NULL;
	char *path = NULL;

	lake_open(&lake, "100", "-1");
	CHECK_OK(&lake.env, put(&lake, NULL, 0, 4, 4, buckets, &message));
	CHECK_OK(&lake.env, publish(&lake, message, 1));
	CHECK_OK(&lake.env,
			 pmn_path_index_file(
				 lake.arena, &lake.env.base, &lake.table->lsm.path, NULL,
				 pmn_bytes_string(message->new_indexes.items[0].file_name),
				 NULL, &path));
	CHECK_OK(&lake.env, pmn_fs_put(lake.table->fs, path, PMN_PUT_OVERWRITE,
								   pmn_bytes("12345678", 8)));
	CHECK(put(&lake, NULL, 0, 4, 4, buckets, &other) == PMN_CORRUPT);
	CHECK_OK(&lake.env, pmn_fs_remove(lake.table->fs, path));
	CHECK(put(&lake, NULL, 0, 4, 4, buckets, &other) == PMN_CORRUPT);
	pmn_message_close(message);
	pmn_message_close(other);
	lake_close(&lake);
}

/* Goal: whichever allocation fails, there is an error and nothing leaks. */
TEST(no_memory)
{
	for (uint64_t step = 0; step < 60; step++)
	{
		Lake lake;
		int32_t buckets[5];
		PmnMessage *message = NULL;
		PmnCode code;

		lake_open(&lake, "2", "-1");
		lake.env.fail_step = lake.env.step + step;
		code = put(&lake, NULL, 0, 5, 5, buckets, &message);
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		lake.env.fail_step = UINT64_MAX;
		if (message != NULL)
			pmn_message_discard(lake.table, message);
		pmn_message_close(message);
		lake_close(&lake);
	}
}

int
main(void)
{
	RUN(buckets_fill_up);
	RUN(walk_and_table_agree);
	RUN(no_more_buckets);
	RUN(pending_keys);
	RUN(pending_keys_published_apart);
	RUN(two_writers);
	RUN(cut_index_file);
	RUN(no_memory);
	TEST_END();
}
