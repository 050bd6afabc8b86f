/*
 * table_test.c
 *
 * Whole tables with real Parquet files: what is written, committed and
 * compacted must read back like a plain array that got the same changes,
 * whatever the filter, the memory, the failures and the other writers.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "../catalog/catalog_filesystem.h"
#include "table_scan.h"
#include "table_testing.h"

#define KEYS 400

static const TestColumn columns[] = {{"p", "STRING NOT NULL"},
									 {"k", "INT NOT NULL"},
									 {"v", "BIGINT"},
									 {"s", "STRING"},
									 {NULL, NULL}};

static const TestTable keyed = {
	.columns = columns,
	.primary_keys = {"p", "k"},
	.partition_keys = {"p"},
	.options = {{"bucket", "2"},
				{"commit.min-retry-wait", "1 ms"},
				{"commit.max-retry-wait", "5 ms"},
				{"commit.max-retries", "100"}},
};

static const TestTable append_only = {
	.columns = columns,
	.partition_keys = {"p"},
	.options = {{"bucket", "-1"}},
};

/* A row as the tests see it. v < 0 is null. */
typedef struct Row
{
	uint32_t partition; /* 0 .. 2: "a", "b", "c" */
	int32_t key;
	int64_t v;
} Row;

typedef struct Lake
{
	PmnTestEnv env;
	char directory[64];
	PmnFileSystem *store; /* the local one, or memory */
	PmnFileSystem *fault;
	PmnCatalog *catalog;
	PmnTable *table;
	int64_t next_commit;
} Lake;

static void
lake_open_table(Lake *lake)
{
	CHECK_OK(&lake->env,
			 pmn_fs_fault_open(&lake->env.base, lake->store, &lake->fault));
	CHECK_OK(&lake->env,
			 pmn_catalog_filesystem_open(&lake->env.base, lake->fault,
										 lake->directory, &lake->catalog));
	CHECK_OK(&lake->env,
			 pmn_table_open(lake->catalog, "db", "t", NULL, &lake->table));
}

static void
lake_close_table(Lake *lake)
{
	pmn_table_close(lake->table);
	pmn_catalog_close(lake->catalog);
}

static void
lake_open_store(Lake *lake, const TestTable *table)
{
	CHECK_OK(&lake->env,
			 pmn_fs_fault_open(&lake->env.base, lake->store, &lake->fault));
	CHECK_OK(&lake->env,
			 pmn_catalog_filesystem_open(&lake->env.base, lake->fault,
										 lake->directory, &lake->catalog));
	CHECK_OK(&lake->env, test_create_table(lake->catalog, "t", table));
	pmn_catalog_close(lake->catalog);
	lake_open_table(lake);
}

static void
lake_open(Lake *lake, const TestTable *table)
{
	memset(lake, 0, sizeof(*lake));
	pmn_test_env_init(&lake->env);
	pmn_test_directory(lake->directory);
	CHECK_OK(&lake->env, pmn_fs_local_open(&lake->env.base, &lake->store));
	lake_open_store(lake, table);
}

/* For sweeps: thousands of tables, and a disk would sync each file. */
static void
lake_open_in_memory(Lake *lake, const TestTable *table)
{
	memset(lake, 0, sizeof(*lake));
	pmn_test_env_init(&lake->env);
	snprintf(lake->directory, sizeof(lake->directory), "/lake");
	CHECK_OK(&lake->env, pmn_fs_memory_open(&lake->env.base, &lake->store));
	lake_open_store(lake, table);
}

static void
lake_close(Lake *lake)
{
	lake_close_table(lake);
	pmn_fs_close(lake->store);
	pmn_test_remove_directory(lake->directory);
	CHECK(lake->env.live_bytes == 0);
}

/* ---- rows to batches -------------------------------------------------- */

static const char partition_names[3][2] = {"a", "b", "c"};

typedef struct RowBatch
{
	PmnBytes partitions[KEYS];
	int32_t keys[KEYS];
	int64_t values[KEYS];
	PmnBytes texts[KEYS];
	char text_bytes[KEYS][24];
	uint8_t nulls[KEYS];
	PmnVector vectors[4];
	PmnBatch batch;
} RowBatch;

static void
fill_batch(RowBatch *out, const Row *rows, uint32_t count)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < count; i++)
	{
		out->partitions[i] = pmn_bytes(partition_names[rows[i].partition], 1);
		out->keys[i] = rows[i].key;
		out->values[i] = rows[i].v;
		out->nulls[i] = rows[i].v < 0;
		snprintf(out->text_bytes[i], 24, "text %" PRId64, rows[i].v);
		out->texts[i] = pmn_bytes_string(out->text_bytes[i]);
	}
	out->vectors[0] = (PmnVector){PMN_VECTOR_BYTES, NULL, out->partitions};
	out->vectors[1] = (PmnVector){PMN_VECTOR_I32, NULL, out->keys};
	out->vectors[2] = (PmnVector){PMN_VECTOR_I64, out->nulls, out->values};
	out->vectors[3] = (PmnVector){PMN_VECTOR_BYTES, out->nulls, out->texts};
	out->batch.row_count = count;
	out->batch.selected_count = count;
	out->batch.column_count = 4;
	out->batch.columns = out->vectors;
}

static PmnCode
write_rows(Lake *lake, const Row *rows, const uint8_t *kinds, uint32_t count,
		   size_t memory_limit, PmnMessage **out)
{
	PmnWriteRequest request = {.memory_limit_bytes = memory_limit};
	PmnTravel travel = {.kind = PMN_TRAVEL_LATEST};
	PmnWrite *write = NULL;
	int64_t schema_id = 0;
	PmnCode code;
	RowBatch *batch;

	*out = NULL;
	PMN_TRY(pmn_table_resolve(lake->table, &travel, &request.base_snapshot_id,
							  &schema_id));
	batch = malloc(sizeof(*batch));
	code = pmn_write_open(lake->table, &request, &write);
	for (uint32_t i = 0; code == PMN_OK && i < count; i += KEYS)
	{
		uint32_t part = count - i < KEYS ? count - i : KEYS;

		fill_batch(batch, rows + i, part);
		code = pmn_write_batch(write, &batch->batch,
							   kinds == NULL ? NULL : kinds + i);
	}
	/* Everything must have been copied. */
	memset(batch, 0xee, sizeof(*batch));
	free(batch);
	if (code == PMN_OK)
		code = pmn_write_finish(write, out);
	pmn_write_close(write);
	return code;
}

static PmnCode
commit_message(Lake *lake, const PmnMessage *message)
{
	PmnCommitResult result;
	char user[32];

	snprintf(user, sizeof(user), "user-%d", (int) getpid());
	return test_commit(lake->table, message, user, ++lake->next_commit, 0,
					   false, &result);
}

static PmnCode
write_and_commit(Lake *lake, const Row *rows, const uint8_t *kinds,
				 uint32_t count, size_t memory_limit)
{
	PmnMessage *message = NULL;
	PmnCode code = write_rows(lake, rows, kinds, count, memory_limit, &message);

	if (code == PMN_OK && message != NULL)
		code = commit_message(lake, message);
	pmn_message_close(message);
	return code;
}

static PmnCode
compact_and_commit(Lake *lake, bool full)
{
	PmnMessage *message = NULL;
	PmnCode code = pmn_table_compact(lake->table, test_latest(lake->table),
									 full, NULL, 1 << 20, &message);

	if (code == PMN_OK && message != NULL)
		code = commit_message(lake, message);
	pmn_message_close(message);
	return code;
}

/* ---- reading ---------------------------------------------------------- */

/* What a read returned, by partition and key; -2 is "no row". */
typedef struct Contents
{
	int64_t v[3][KEYS];
	uint32_t rows;
	uint32_t wrong; /* rows seen twice, or with a text that is not v's */
} Contents;

static void
contents_clear(Contents *contents)
{
	memset(contents, 0, sizeof(*contents));
	for (int p = 0; p < 3; p++)
	{
		for (int k = 0; k < KEYS; k++)
			contents->v[p][k] = -2;
	}
}

static void
take_row(Contents *contents, const PmnBatch *batch, uint32_t row)
{
	/* Projection: v, p, s, k. */
	PmnValue v = pmn_vector_value(&batch->columns[0], row);
	PmnValue p = pmn_vector_value(&batch->columns[1], row);
	PmnValue s = pmn_vector_value(&batch->columns[2], row);
	PmnValue k = pmn_vector_value(&batch->columns[3], row);
	int64_t *slot = &contents->v[p.as.bytes.data[0] - 'a'][k.as.i64];
	char text[24];

	contents->rows++;
	contents->wrong += *slot != -2;
	*slot = v.is_null ? -1 : v.as.i64;
	snprintf(text, sizeof(text), "text %" PRId64, *slot);
	contents->wrong += s.is_null != v.is_null;
	if (!s.is_null)
		contents->wrong += !pmn_bytes_equal(s.as.bytes, pmn_bytes_string(text));
}

/* Rows of an ordered read: in order, and in found. */
static PmnCode
check_in_order(PmnRead *read, bool by_partition, const Contents *found,
			   uint32_t rows_max, uint32_t *rows)
{
	PmnBatch *batch = NULL;
	int64_t last = -1;
	uint32_t wrong = 0;

	for (*rows = 0; *rows < rows_max; *rows += batch->selected_count)
	{
		PMN_TRY(pmn_read_next(read, &batch));
		if (batch == NULL)
			break;
		for (uint32_t i = 0; i < batch->selected_count; i++)
		{
			uint32_t row = batch->selection == NULL ? i : batch->selection[i];
			PmnValue v = pmn_vector_value(&batch->columns[0], row);
			PmnBytes p = pmn_vector_value(&batch->columns[1], row).as.bytes;
			int64_t k = pmn_vector_value(&batch->columns[3], row).as.i64;
			int64_t place = p.data[0] - 'a';

			wrong += found->v[place][k] != (v.is_null ? -1 : v.as.i64);
			place = by_partition ? place * KEYS + k : k;
			wrong += by_partition ? place <= last : place < last;
			last = place;
		}
	}
	CHECK(wrong == 0);
	return PMN_OK;
}

/* Goal: an ordered read gives the same rows, also after a rewind midway. */
static PmnCode
read_in_order(PmnScan *scan, const int32_t *projection, bool by_partition,
			  const Contents *found)
{
	const int32_t order[2] = {0, 1};
	PmnRead *read = NULL;
	uint32_t rows = 0;
	PmnCode code = pmn_read_open_ordered(scan, projection, 4,
										 by_partition ? order : &order[1],
										 by_partition ? 2 : 1, &read);

	CHECK(code != PMN_OK || (read != NULL) == scan->table->lsm.is_keyed);
	if (read == NULL)
		return code;
	code = check_in_order(read, by_partition, found, 1, &rows);
	if (code == PMN_OK)
		code = pmn_read_rewind(read);
	if (code == PMN_OK)
		code = check_in_order(read, by_partition, found, UINT32_MAX, &rows);
	CHECK(code != PMN_OK || rows == found->rows);
	pmn_read_close(read);
	return code;
}

static PmnCode
read_contents(Lake *lake, int64_t snapshot_id, const PmnPredicate *filter,
			  const PmnMessage *pending, Contents *out)
{
	static const int32_t projection[4] = {2, 0, 3, 1};
	PmnScanRequest request = {
		.snapshot_id = snapshot_id,
		.filter = filter,
		.pending = &pending,
		.pending_count = pending != NULL,
	};
	PmnScan *scan = NULL;
	PmnRead *read = NULL;
	PmnBatch *batch = NULL;
	PmnCode code;

	contents_clear(out);
	code = pmn_scan_plan(lake->table, &request, &scan);
	if (code == PMN_OK)
		code = pmn_read_open(scan, projection, 4, &read);
	while (code == PMN_OK)
	{
		code = pmn_read_next(read, &batch);
		if (code != PMN_OK || batch == NULL)
			break;
		for (uint32_t i = 0; i < batch->selected_count; i++)
			take_row(out, batch,
					 batch->selection == NULL ? i : batch->selection[i]);
	}
	pmn_read_close(read);
	if (code == PMN_OK)
		code = read_in_order(scan, projection, false, out);
	if (code == PMN_OK)
		code = read_in_order(scan, projection, true, out);
	pmn_scan_close(scan);
	return code;
}

static PmnCode
count_rows(Lake *lake, const PmnPredicate *filter, uint64_t *rows,
		   PmnScanStats *stats)
{
	PmnScanRequest request = {.snapshot_id = test_latest(lake->table),
							  .filter = filter};
	PmnScan *scan = NULL;
	PmnRead *read = NULL;
	PmnBatch *batch = NULL;
	PmnCode code;

	*rows = 0;
	code = pmn_scan_plan(lake->table, &request, &scan);
	if (code == PMN_OK)
		code = pmn_read_open(scan, NULL, 0, &read);
	for (int pass = 0; pass < 2 && code == PMN_OK; pass++)
	{
		*rows = 0;
		do
		{
			code = pmn_read_next(read, &batch);
			if (code == PMN_OK && batch != NULL)
				*rows += batch->selected_count;
		} while (code == PMN_OK && batch != NULL);
		if (code == PMN_OK)
			code = pmn_read_rewind(read);
	}
	if (scan != NULL && stats != NULL)
		*stats = *pmn_scan_stats(scan);
	pmn_read_close(read);
	pmn_scan_close(scan);
	return code;
}

static bool
report(void *context, const char *object, const char *problem)
{
	fprintf(stderr, "verify: %s: %s\n", object, problem);
	(*(int *) context)++;
	return true;
}

static void
check_verifies(Lake *lake)
{
	int64_t latest = test_latest(lake->table);
	int problems = 0;

	for (int64_t id = 1; id <= latest; id++)
		CHECK_OK(&lake->env,
				 pmn_table_verify(lake->table, id, report, &problems));
	CHECK(problems == 0);
}

/* Compare with the model, through a filter's exact meaning in C. */
typedef bool (*RowTest)(uint32_t partition, int32_t key, int64_t v);

static void
check_contents(Lake *lake, Contents *model, const PmnPredicate *filter,
			   RowTest test)
{
	Contents *found = malloc(sizeof(*found));
	uint64_t counted = 0;
	uint32_t different = 0;
	uint32_t expected = 0;

	CHECK_OK(&lake->env, read_contents(lake, test_latest(lake->table), filter,
									   NULL, found));
	for (uint32_t p = 0; p < 3; p++)
	{
		for (int32_t k = 0; k < KEYS; k++)
		{
			int64_t v = model->v[p][k];

			if (v != -2 && test != NULL && !test(p, k, v))
				v = -2;
			expected += v != -2;
			different += v != found->v[p][k];
		}
	}
	CHECK(different == 0 && found->wrong == 0 && found->rows == expected);
	CHECK_OK(&lake->env, count_rows(lake, filter, &counted, NULL));
	CHECK(counted == expected);
	free(found);
}

static PmnValue
number(int64_t value)
{
	return (PmnValue){.is_null = false, .as = {.i64 = value}};
}

static bool
v_above_500(uint32_t partition, int32_t key, int64_t v)
{
	(void) partition;
	(void) key;
	return v > 500;
}

static bool
v_is_null(uint32_t partition, int32_t key, int64_t v)
{
	(void) partition;
	(void) key;
	return v == -1;
}

static bool
key_is_7_or_90(uint32_t partition, int32_t key, int64_t v)
{
	(void) partition;
	(void) v;
	return key == 7 || key == 90;
}

static bool
in_partition_b(uint32_t partition, int32_t key, int64_t v)
{
	(void) key;
	(void) v;
	return partition == 1;
}

static bool
in_b_and_low_key_and_low_v(uint32_t partition, int32_t key, int64_t v)
{
	return partition == 1 && key < 100 && v >= 0 && v <= 300;
}

static bool
in_a_or_high_key(uint32_t partition, int32_t key, int64_t v)
{
	(void) v;
	return partition == 0 || key >= 350;
}

/* Goal: scan(filter) equals filter(scan) for filters of every kind. */
static void
check_all_filters(Lake *lake, Contents *model)
{
	PmnValue v500 = number(500);
	PmnValue v300 = number(300);
	PmnValue k100 = number(100);
	PmnValue k350 = number(350);
	PmnValue keys[2] = {number(7), number(90)};
	PmnValue a = {.as = {.bytes = {(const uint8_t *) "a", 1}}};
	PmnValue b = {.as = {.bytes = {(const uint8_t *) "b", 1}}};
	PmnPredicate v_gt = {PMN_PREDICATE_GT, 2, &v500, 1, NULL, 0};
	PmnPredicate v_null = {PMN_PREDICATE_IS_NULL, 2, NULL, 0, NULL, 0};
	PmnPredicate k_in = {PMN_PREDICATE_IN, 1, keys, 2, NULL, 0};
	PmnPredicate p_b = {PMN_PREDICATE_EQ, 0, &b, 1, NULL, 0};
	PmnPredicate p_a = {PMN_PREDICATE_EQ, 0, &a, 1, NULL, 0};
	PmnPredicate k_lt = {PMN_PREDICATE_LT, 1, &k100, 1, NULL, 0};
	PmnPredicate k_ge = {PMN_PREDICATE_GE, 1, &k350, 1, NULL, 0};
	PmnPredicate v_le = {PMN_PREDICATE_LE, 2, &v300, 1, NULL, 0};
	const PmnPredicate *and_children[3] = {&p_b, &k_lt, &v_le};
	const PmnPredicate *or_children[2] = {&p_a, &k_ge};
	PmnPredicate both = {PMN_PREDICATE_AND, 0, NULL, 0, and_children, 3};
	PmnPredicate either = {PMN_PREDICATE_OR, 0, NULL, 0, or_children, 2};

	check_contents(lake, model, NULL, NULL);
	check_contents(lake, model, &v_gt, v_above_500);
	check_contents(lake, model, &v_null, v_is_null);
	check_contents(lake, model, &k_in, key_is_7_or_90);
	check_contents(lake, model, &p_b, in_partition_b);
	check_contents(lake, model, &both, in_b_and_low_key_and_low_v);
	check_contents(lake, model, &either, in_a_or_high_key);
}

/* Random changes, applied to the model as well. */
static uint32_t
random_changes(Lake *lake, Contents *model, Row *rows, uint8_t *kinds,
			   uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
	{
		Row *row = &rows[i];

		row->partition = pmn_test_below(&lake->env, 3);
		row->key = (int32_t) pmn_test_below(&lake->env, KEYS);
		row->v = (int64_t) pmn_test_below(&lake->env, 1001) - 1;
		kinds[i] = pmn_test_below(&lake->env, 4) == 0 ? PMN_DELETE : PMN_INSERT;
		model->v[row->partition][row->key] =
			kinds[i] == PMN_DELETE ? -2 : row->v;
	}
	return count;
}

/* Goal: a keyed table behaves like an array, through writes, spills and
 * compactions. */
TEST(keyed_table_is_like_an_array)
{
	enum
	{
		ROUNDS = 8,
		ROWS_MAX = 3000
	};
	Lake lake;
	Contents *model = malloc(sizeof(*model));
	Row *rows = malloc(ROWS_MAX * sizeof(*rows));
	uint8_t *kinds = malloc(ROWS_MAX);

	lake_open(&lake, &keyed);
	contents_clear(model);
	for (int round = 0; round < ROUNDS; round++)
	{
		uint32_t count = round % 3 == 0 ? ROWS_MAX : 60;

		random_changes(&lake, model, rows, kinds, count);
		CHECK_OK(&lake.env, write_and_commit(&lake, rows, kinds, count,
											 round % 2 == 0 ? 20000 : 0));
		check_all_filters(&lake, model);
		if (round % 4 == 3)
		{
			CHECK_OK(&lake.env, compact_and_commit(&lake, round == 7));
			check_all_filters(&lake, model);
		}
	}
	check_verifies(&lake);
	/* A second full compaction has nothing to do. */
	{
		int64_t latest = test_latest(lake.table);

		CHECK_OK(&lake.env, compact_and_commit(&lake, true));
		CHECK(test_latest(lake.table) == latest);
	}
	lake_close(&lake);
	free(model);
	free(rows);
	free(kinds);
}

/* Goal: metadata keeps a look-up of one key away from most files. */
TEST(scans_are_pruned)
{
	Lake lake;
	Row rows[KEYS * 3];
	PmnValue key = number(7);
	PmnValue b = {.as = {.bytes = {(const uint8_t *) "b", 1}}};
	PmnPredicate k_eq = {PMN_PREDICATE_EQ, 1, &key, 1, NULL, 0};
	PmnPredicate p_b = {PMN_PREDICATE_EQ, 0, &b, 1, NULL, 0};
	const PmnPredicate *children[2] = {&p_b, &k_eq};
	PmnPredicate both = {PMN_PREDICATE_AND, 0, NULL, 0, children, 2};
	PmnScanStats stats;
	uint64_t counted = 0;
	uint64_t requests;

	lake_open(&lake, &keyed);
	for (uint32_t i = 0; i < KEYS * 3; i++)
		rows[i] = (Row){i % 3, (int32_t) (i / 3), i};
	CHECK_OK(&lake.env, write_and_commit(&lake, rows, NULL, KEYS * 3, 0));
	CHECK_OK(&lake.env, count_rows(&lake, &both, &counted, &stats));
	CHECK(counted == 1);
	CHECK(stats.files_total == 6 && stats.files_pruned_partition == 4);
	CHECK(stats.files_pruned_bucket == 1 && stats.files_read == 1);
	key = number(100000);
	CHECK_OK(&lake.env, count_rows(&lake, &k_eq, &counted, &stats));
	CHECK(counted == 0 && stats.files_read == 0);
	CHECK(stats.files_pruned_statistics + stats.files_pruned_bucket == 6);
	/* Counting a partition opens no data file: one list, one manifest. */
	requests = lake.env.base.counters.rows_decoded;
	CHECK_OK(&lake.env, count_rows(&lake, &p_b, &counted, &stats));
	CHECK(counted == KEYS && stats.files_read == 2);
	CHECK(lake.env.base.counters.rows_decoded == requests);
	lake_close(&lake);
}

/* Goal: append tables keep every row, also when memory is short. */
TEST(append_table_keeps_every_row)
{
	Lake lake;
	Contents *model = malloc(sizeof(*model));
	Row rows[KEYS * 3];
	uint8_t kinds[1] = {PMN_DELETE};
	PmnMessage *message = NULL;

	lake_open(&lake, &append_only);
	contents_clear(model);
	for (uint32_t i = 0; i < KEYS * 3; i++)
	{
		rows[i] =
			(Row){i % 3, (int32_t) (i / 3), i % 7 == 0 ? -1 : (int64_t) i};
		model->v[i % 3][i / 3] = rows[i].v;
	}
	CHECK_OK(&lake.env, write_and_commit(&lake, rows, NULL, KEYS, 1000));
	CHECK_OK(&lake.env, write_and_commit(&lake, rows + KEYS, NULL, KEYS, 1000));
	CHECK_OK(&lake.env,
			 write_and_commit(&lake, rows + 2 * KEYS, NULL, KEYS, 0));
	check_all_filters(&lake, model);
	CHECK_OK(&lake.env, compact_and_commit(&lake, true));
	check_all_filters(&lake, model);
	check_verifies(&lake);
	CHECK(write_rows(&lake, rows, kinds, 1, 0, &message) == PMN_INVALID);
	lake_close(&lake);
	free(model);
}

/* Goal: a session sees its uncommitted files, once, also after commit. */
TEST(pending_files_are_seen_once)
{
	Lake lake;
	Contents *found = malloc(sizeof(*found));
	Row old[2] = {{0, 1, 10}, {0, 2, 20}};
	Row new[2] = {{0, 2, 21}, {1, 3, 30}};
	PmnMessage *message = NULL;

	lake_open(&lake, &keyed);
	CHECK_OK(&lake.env, write_and_commit(&lake, old, NULL, 2, 0));
	CHECK_OK(&lake.env, write_rows(&lake, new, NULL, 2, 0, &message));
	CHECK(pmn_message_row_count(message) == 2);
	CHECK(pmn_message_file_count(message) == 2);
	CHECK_OK(&lake.env, read_contents(&lake, 1, NULL, NULL, found));
	CHECK(found->rows == 2 && found->v[0][2] == 20);
	CHECK_OK(&lake.env, read_contents(&lake, 1, NULL, message, found));
	CHECK(found->rows == 3 && found->v[0][2] == 21 && found->v[1][3] == 30);
	CHECK_OK(&lake.env, commit_message(&lake, message));
	CHECK_OK(&lake.env, read_contents(&lake, 2, NULL, message, found));
	CHECK(found->rows == 3 && found->wrong == 0);
	CHECK_OK(&lake.env, compact_and_commit(&lake, true));
	CHECK_OK(&lake.env, read_contents(&lake, 3, NULL, message, found));
	CHECK(found->rows == 3 && found->wrong == 0 && found->v[0][2] == 21);
	pmn_message_close(message);
	lake_close(&lake);
	free(found);
}

static uint32_t
count_parquet(Lake *lake)
{
	char command[160];
	char line[32] = "0";
	FILE *pipe;

	snprintf(command, sizeof(command),
			 "find %s/db.db/t -name '*.parquet' | wc -l", lake->directory);
	pipe = popen(command, "r");
	if (pipe == NULL || fgets(line, sizeof(line), pipe) == NULL)
		CHECK(false);
	if (pipe != NULL)
		pclose(pipe);
	return (uint32_t) strtoul(line, NULL, 10);
}

/* Goal: what is not handed out, or discarded, leaves no file behind. */
TEST(unfinished_writes_leave_no_files)
{
	Lake lake;
	Row rows[KEYS];
	PmnMessage *message = NULL;
	PmnWriteRequest request = {.memory_limit_bytes = 1};
	PmnWrite *write = NULL;
	RowBatch *batch = malloc(sizeof(*batch));
	uint8_t null[KEYS] = {0, 1};

	for (uint32_t i = 0; i < KEYS; i++)
		rows[i] = (Row){i % 3, (int32_t) i, i};
	fill_batch(batch, rows, KEYS);
	lake_open(&lake, &append_only);
	CHECK_OK(&lake.env, pmn_write_open(lake.table, &request, &write));
	CHECK_OK(&lake.env, pmn_write_batch(write, &batch->batch, NULL));
	batch->vectors[1].nulls = null;
	CHECK(pmn_write_batch(write, &batch->batch, NULL) == PMN_INVALID);
	pmn_write_close(write);
	CHECK(count_parquet(&lake) == 0);
	CHECK_OK(&lake.env, write_rows(&lake, rows, NULL, KEYS, 0, &message));
	CHECK(count_parquet(&lake) == 3);
	pmn_message_discard(lake.table, message);
	pmn_message_close(message);
	CHECK(count_parquet(&lake) == 0);
	CHECK_OK(&lake.env, pmn_write_open(lake.table, &request, &write));
	CHECK_OK(&lake.env, pmn_write_finish(write, &message));
	CHECK(message == NULL);
	pmn_write_close(write);
	lake_close(&lake);
	free(batch);
}

/* Goal: snapshots are found by id, time and tag, and missing ones say why. */
TEST(time_travel)
{
	Lake lake;
	Contents *found = malloc(sizeof(*found));
	Row row = {0, 1, 10};
	PmnTravel travel = {.kind = PMN_TRAVEL_TIMESTAMP};
	PmnArena *arena = NULL;
	PmnSnapshot *snapshot = NULL;
	int64_t id = 0;
	int64_t schema_id = 0;

	lake_open(&lake, &keyed);
	for (row.v = 1; row.v <= 5; row.v++)
		CHECK_OK(&lake.env, write_and_commit(&lake, &row, NULL, 1, 0));
	CHECK_OK(&lake.env, pmn_arena_create(&lake.env.base, 0, &arena));
	for (int64_t i = 1; i <= 5; i++)
	{
		CHECK_OK(&lake.env, pmn_table_read_snapshot(lake.table, arena, i, NULL,
													&snapshot));
		travel.millis = snapshot->info.time_millis;
		CHECK_OK(&lake.env,
				 pmn_table_resolve(lake.table, &travel, &id, &schema_id));
		CHECK(id == i && schema_id == 0);
		travel.millis--;
		CHECK(pmn_table_resolve(lake.table, &travel, &id, &schema_id) ==
			  (i == 1 ? PMN_INVALID : PMN_OK));
		CHECK(i == 1 || id == i - 1);
		CHECK_OK(&lake.env, read_contents(&lake, i, NULL, NULL, found));
		CHECK(found->v[0][1] == i);
	}
	travel = (PmnTravel){.kind = PMN_TRAVEL_SNAPSHOT, .id = 9};
	CHECK(pmn_table_resolve(lake.table, &travel, &id, &schema_id) ==
		  PMN_INVALID);
	travel = (PmnTravel){.kind = PMN_TRAVEL_TAG, .name = "x"};
	CHECK(pmn_table_resolve(lake.table, &travel, &id, &schema_id) ==
		  PMN_INVALID);
	travel = (PmnTravel){.kind = PMN_TRAVEL_WATERMARK, .id = 1};
	CHECK(pmn_table_resolve(lake.table, &travel, &id, &schema_id) ==
		  PMN_INVALID);
	CHECK_OK(&lake.env,
			 pmn_fs_remove(lake.store,
						   pmn_path_snapshot(arena, &lake.table->lsm.path, 1)));
	travel = (PmnTravel){.kind = PMN_TRAVEL_SNAPSHOT, .id = 1};
	CHECK(pmn_table_resolve(lake.table, &travel, &id, &schema_id) ==
		  PMN_EXPIRED);
	CHECK(read_contents(&lake, 1, NULL, NULL, found) == PMN_EXPIRED);
	pmn_arena_destroy(arena);
	lake_close(&lake);
	free(found);
}

/* Goal: a column added later is null in old files, and prunes them. */
TEST(added_columns_are_null)
{
	Lake lake;
	PmnSchema schema;
	PmnField fields[5];
	Row row = {0, 1, 10};
	PmnArena *arena = NULL;
	PmnPredicate is_null = {PMN_PREDICATE_IS_NULL, 4, NULL, 0, NULL, 0};
	PmnPredicate not_null = {PMN_PREDICATE_NOT_NULL, 4, NULL, 0, NULL, 0};
	PmnScanStats stats;
	uint64_t rows = 0;

	lake_open(&lake, &keyed);
	CHECK_OK(&lake.env, write_and_commit(&lake, &row, NULL, 1, 0));
	CHECK_OK(&lake.env, pmn_arena_create(&lake.env.base, 0, &arena));
	schema = *pmn_table_schema(lake.table);
	memcpy(fields, schema.fields, 4 * sizeof(*fields));
	memset(&fields[4], 0, sizeof(fields[4]));
	fields[4].id = schema.highest_field_id + 1;
	fields[4].name = "extra";
	CHECK_OK(&lake.env,
			 pmn_type_parse_name(&lake.env.base, "DOUBLE", &fields[4].type));
	schema.fields = fields;
	schema.field_count = 5;
	schema.highest_field_id++;
	schema.id = 1;
	CHECK_OK(&lake.env, pmn_schema_write(lake.store, arena,
										 &lake.table->lsm.path, &schema));
	lake_close_table(&lake);
	lake_open_table(&lake);
	CHECK(pmn_table_schema(lake.table)->field_count == 5);
	CHECK_OK(&lake.env, count_rows(&lake, &is_null, &rows, NULL));
	CHECK(rows == 1);
	CHECK_OK(&lake.env, count_rows(&lake, &not_null, &rows, &stats));
	CHECK(rows == 0 && stats.files_read == 0);
	CHECK_OK(&lake.env, pmn_table_use_schema(lake.table, 0));
	CHECK(pmn_table_schema(lake.table)->field_count == 4);
	CHECK_OK(&lake.env, count_rows(&lake, NULL, &rows, NULL));
	CHECK(rows == 1);
	CHECK(pmn_table_use_schema(lake.table, 5) == PMN_CORRUPT);
	CHECK_OK(&lake.env, pmn_table_use_schema(lake.table, 1));
	CHECK(pmn_table_schema(lake.table)->field_count == 5);
	pmn_arena_destroy(arena);
	lake_close(&lake);
}

/* ---- failures --------------------------------------------------------- */

/* Write, commit and compact with one failing operation; the table must stay
 * sound and hold the commits that were reported. */
static bool
scenario_with_fault(PmnFaultWhen when, uint64_t step)
{
	Lake lake;
	TestTable impatient = keyed;
	Contents *found = malloc(sizeof(*found));
	Row first = {0, 1, 10};
	Row second = {0, 1, 11};
	PmnCode written;
	PmnCode compacted;
	bool fired;
	int problems = 0;

	impatient.options[3].value = "2";
	lake_open_in_memory(&lake, &impatient);
	CHECK_OK(&lake.env, write_and_commit(&lake, &first, NULL, 1, 0));
	pmn_fs_fault_set(lake.fault, PMN_FAULT_ALL, step, PMN_IO, when);
	written = write_and_commit(&lake, &second, NULL, 1, 0);
	compacted = compact_and_commit(&lake, true);
	fired = pmn_fs_fault_fired(lake.fault);
	lake_close_table(&lake);
	lake_open_table(&lake);
	CHECK_OK(&lake.env,
			 read_contents(&lake, test_latest(lake.table), NULL, NULL, found));
	CHECK(found->rows == 1 && found->wrong == 0);
	CHECK(found->v[0][1] == 11 || (found->v[0][1] == 10 && written != PMN_OK));
	CHECK(fired || (written == PMN_OK && compacted == PMN_OK));
	CHECK_OK(&lake.env, pmn_table_verify(lake.table, test_latest(lake.table),
										 report, &problems));
	CHECK(problems == 0);
	lake_close(&lake);
	free(found);
	return fired;
}

/* Goal: a death at any step leaves a sound table. */
TEST(every_failed_operation_is_survived)
{
	static const PmnFaultWhen whens[] = {PMN_FAULT_BEFORE, PMN_FAULT_AFTER,
										 PMN_FAULT_CRASH};

	for (int w = 0; w < 3; w++)
	{
		for (uint64_t step = 0; scenario_with_fault(whens[w], step); step++)
			CHECK(step < 2000);
	}
}

/* Goal: no failed allocation leaks, in any part of the path. */
TEST(every_allocation_failure_is_survived)
{
	Lake lake;
	Contents *found = malloc(sizeof(*found));
	Row rows[3] = {{0, 1, 10}, {1, 2, 20}, {0, 3, -1}};
	PmnCode code = PMN_NO_MEMORY;
	uint64_t step = 0;

	lake_open_in_memory(&lake, &keyed);
	CHECK_OK(&lake.env, write_and_commit(&lake, rows, NULL, 2, 0));
	/* Steps grow by more and more: the scenario has thousands. */
	for (; code == PMN_NO_MEMORY; step += 1 + step / 16)
	{
		int problems = 0;

		lake.env.fail_step = lake.env.step + step;
		code = write_and_commit(&lake, rows, NULL, 3, 0);
		if (code == PMN_OK)
			code = read_contents(&lake, 1, NULL, NULL, found);
		if (code == PMN_OK)
			code = pmn_table_verify(lake.table, 1, report, &problems);
		lake.env.fail_step = UINT64_MAX;
		CHECK(code != PMN_OK || problems == 0);
		CHECK(step < 1000000);
	}
	CHECK_OK(&lake.env, code);
	lake_close(&lake);
	free(found);
}

/* ---- two processes ---------------------------------------------------- */

/* Each writer owns half of the keys; both compact. */
static int
run_writer(Lake *lake, uint32_t writer, int rounds)
{
	int failed = 0;

	lake_close_table(lake);
	lake_open_table(lake);
	lake->env.seed += writer * 12345;
	for (int round = 1; round <= rounds; round++)
	{
		Row rows[20];
		PmnCode code;

		for (uint32_t i = 0; i < 20; i++)
			rows[i] = (Row){i % 3, (int32_t) (2 * i + writer), round};
		failed += write_and_commit(lake, rows, NULL, 20, 0) != PMN_OK;
		code = round % 3 == 0 ? compact_and_commit(lake, false) : PMN_OK;
		failed += code != PMN_OK && code != PMN_CONFLICT;
	}
	return failed;
}

/* Goal: writers and compactions of two processes lose nothing. */
TEST(two_processes_write_and_compact)
{
	enum
	{
		ROUNDS = 9
	};
	Lake lake;
	Contents *found = malloc(sizeof(*found));
	uint32_t wrong = 0;
	int status = 1;
	pid_t child;

	lake_open(&lake, &keyed);
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(run_writer(&lake, 1, ROUNDS));
	CHECK(run_writer(&lake, 0, ROUNDS) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK_OK(&lake.env,
			 read_contents(&lake, test_latest(lake.table), NULL, NULL, found));
	CHECK(found->rows == 40 && found->wrong == 0);
	for (uint32_t i = 0; i < 40; i++)
		wrong += found->v[i / 2 % 3][i] != ROUNDS;
	CHECK(wrong == 0);
	check_verifies(&lake);
	lake_close(&lake);
	free(found);
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH does not name paimon_arrow.so\n");
		return 0;
	}
	RUN(keyed_table_is_like_an_array);
	RUN(scans_are_pruned);
	RUN(append_table_keeps_every_row);
	RUN(pending_files_are_seen_once);
	RUN(unfinished_writes_leave_no_files);
	RUN(time_travel);
	RUN(added_columns_are_null);
	RUN(every_failed_operation_is_survived);
	RUN(every_allocation_failure_is_survived);
	RUN(two_processes_write_and_compact);
	TEST_END();
}
