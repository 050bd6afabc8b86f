/*
 * table_message_test.c
 *
 * Messages that were stored: another process, whose table handle shows a newer
 * schema, reads their rows as pending ones, writes behind them, publishes or
 * discards them.
 */
#include "table_testing.h"

static const TestColumn columns[] = {{"p", "STRING NOT NULL"},
									 {"k", "INT NOT NULL"},
									 {"v", "BIGINT"},
									 {NULL, NULL}};

static const TestTable keyed = {
	.columns = columns,
	.primary_keys = {"p", "k"},
	.partition_keys = {"p"},
	.options = {{"bucket", "2"}},
};

static const TestTable plain = {
	.columns = columns,
	.options = {{"bucket", "-1"}},
};

static const TestTable dynamic = {
	.columns = columns,
	.primary_keys = {"p", "k"},
	.partition_keys = {"p"},
	.options = {{"dynamic-bucket.target-row-num", "20"}},
};

/* One process: all it has is the directory. */
typedef struct Process
{
	PmnTestEnv env;
	PmnCatalog *catalog;
	PmnTable *table;
} Process;

static void
process_open(Process *process, const char *directory, const TestTable *create)
{
	pmn_test_env_init(&process->env);
	CHECK_OK(&process->env, pmn_catalog_open(&process->env.base, directory,
											 &process->catalog));
	if (create != NULL)
		CHECK_OK(&process->env,
				 test_create_table(process->catalog, "t", create));
	CHECK_OK(&process->env, pmn_table_open(process->catalog, "db", "t", NULL,
										   &process->table));
}

static void
process_close(Process *process)
{
	pmn_table_close(process->table);
	pmn_catalog_close(process->catalog);
	CHECK(process->env.live_bytes == 0);
}

/* A new schema with one column more. */
static void
add_column(Process *process, const char *name)
{
	const PmnSchema *old = pmn_table_schema(process->table);
	PmnSchema schema = *old;
	PmnField fields[8];
	PmnArena *arena = NULL;

	CHECK_OK(&process->env, pmn_arena_create(&process->env.base, 0, &arena));
	memset(fields, 0, sizeof(fields));
	memcpy(fields, old->fields, old->field_count * sizeof(*fields));
	fields[old->field_count].name = name;
	fields[old->field_count].id = ++schema.highest_field_id;
	CHECK_OK(&process->env,
			 pmn_type_parse_name(&process->env.base, "INT",
								 &fields[old->field_count].type));
	schema.fields = fields;
	schema.field_count++;
	schema.id++;
	CHECK_OK(&process->env,
			 pmn_schema_write(process->table->fs, arena,
							  &process->table->lsm.path, &schema));
	pmn_arena_destroy(arena);
}

#define ROWS 60

/* Keys 0 .. ROWS - 1 with a value, every third in another partition. */
static void
write_rows(Process *process, const PmnMessage *pending, int64_t value,
		   PmnMessage **message)
{
	static int32_t keys[ROWS];
	static int64_t values[ROWS];
	static PmnBytes partitions[ROWS];
	static int32_t added[ROWS];
	PmnVector vectors[4] = {{PMN_VECTOR_BYTES, NULL, partitions},
							{PMN_VECTOR_I32, NULL, keys},
							{PMN_VECTOR_I64, NULL, values},
							{PMN_VECTOR_I32, NULL, added}};
	PmnBatch batch = {ROWS, 3, vectors, NULL, ROWS};
	PmnWriteRequest request = {.base_snapshot_id = test_latest(process->table),
							   .pending = &pending,
							   .pending_count = pending == NULL ? 0 : 1};
	PmnWrite *write = NULL;

	batch.column_count = pmn_table_schema(process->table)->field_count;
	for (int32_t i = 0; i < ROWS; i++)
	{
		keys[i] = i;
		values[i] = value;
		added[i] = 5;
		partitions[i] = pmn_bytes_string(i % 3 == 0 ? "a" : "b c");
	}
	CHECK_OK(&process->env, pmn_write_open(process->table, &request, &write));
	CHECK_OK(&process->env, pmn_write_batch(write, &batch, NULL));
	CHECK_OK(&process->env, pmn_write_finish(write, message));
	pmn_write_close(write);
}

/* Rows and the sum of their values; -1 on failure. */
static int64_t
sum_rows(Process *process, const PmnMessage *pending, uint32_t *rows)
{
	static const int32_t projection[1] = {2};
	PmnScanRequest request = {.snapshot_id = test_latest(process->table),
							  .pending = &pending,
							  .pending_count = pending == NULL ? 0 : 1};
	PmnScan *scan = NULL;
	PmnRead *read = NULL;
	PmnBatch *batch = NULL;
	int64_t sum = 0;

	*rows = 0;
	CHECK_OK(&process->env, pmn_scan_plan(process->table, &request, &scan));
	CHECK_OK(&process->env, pmn_read_open(scan, projection, 1, &read));
	for (;;)
	{
		CHECK_OK(&process->env, pmn_read_next(read, &batch));
		if (batch == NULL)
			break;
		for (uint32_t i = 0; i < batch->selected_count; i++, (*rows)++)
		{
			uint32_t at = batch->selection == NULL ? i : batch->selection[i];

			sum += ((int64_t *) batch->columns[0].values)[at];
		}
	}
	pmn_read_close(read);
	pmn_scan_close(scan);
	return sum;
}

/* The bytes of a message as another process gets them. */
static PmnBytes
store_message(Process *process, const PmnMessage *message, PmnBuffer *row)
{
	PmnBytes bytes;

	CHECK_OK(&process->env,
			 pmn_message_serialize(process->table, message, &bytes));
	CHECK_OK(&process->env, pmn_buffer_append(row, bytes.data, bytes.size));
	pmn_message_bytes_free(process->table, &bytes);
	CHECK(bytes.data == NULL);
	return pmn_bytes(row->data, row->size);
}

static int64_t
max_sequence(const PmnMessage *message)
{
	int64_t max = -1;

	for (size_t i = 0; i < message->new_files.count; i++)
	{
		if (message->new_files.items[i].file.max_sequence_number > max)
			max = message->new_files.items[i].file.max_sequence_number;
	}
	return max;
}

static void
use_stored(const TestTable *create)
{
	bool is_keyed = create->primary_keys[0] != NULL;
	char directory[64];
	Process writer;
	Process other;
	PmnMessage *first = NULL;
	PmnMessage *again = NULL;
	PmnMessage *second = NULL;
	PmnCommitResult result;
	PmnTestEnv row_env;
	PmnBuffer row;
	uint32_t rows;

	pmn_test_env_init(&row_env);
	pmn_buffer_init(&row, &row_env.base);
	pmn_test_directory(directory);
	process_open(&writer, directory, create);
	write_rows(&writer, NULL, 1, &first);
	(void) store_message(&writer, first, &row);
	add_column(&writer, "w");
	pmn_message_close(first);
	process_close(&writer);

	process_open(&other, directory, NULL);
	CHECK(pmn_table_schema(other.table)->field_count == 4);
	CHECK_OK(&other.env,
			 pmn_message_deserialize(other.table, pmn_bytes(row.data, row.size),
									 &again));
	memset(row.data, 0xEE, row.size); /* nothing points into it */
	CHECK(pmn_message_row_count(again) == ROWS);
	CHECK(sum_rows(&other, NULL, &rows) == 0 && rows == 0);
	CHECK(sum_rows(&other, again, &rows) == ROWS && rows == ROWS);
	write_rows(&other, again, 10, &second);
	CHECK(!is_keyed || max_sequence(second) > max_sequence(again));
	CHECK_OK(&other.env,
			 test_commit(other.table, again, "user", 1, 0, false, &result));
	CHECK(sum_rows(&other, NULL, &rows) == ROWS);
	/* A message that is in the snapshot already adds nothing. */
	CHECK(sum_rows(&other, again, &rows) == ROWS);
	CHECK_OK(&other.env,
			 test_commit(other.table, second, "user", 2, 1, false, &result));
	CHECK(result.snapshot_id == 2);
	CHECK(sum_rows(&other, NULL, &rows) == ROWS * (is_keyed ? 10 : 11));
	CHECK(rows == ROWS * (is_keyed ? 1 : 2));
	pmn_message_close(again);
	pmn_message_close(second);
	process_close(&other);
	pmn_buffer_free(&row);
	pmn_test_remove_directory(directory);
}

/* Goal: a message is read, written behind and published by somebody else,
 * after the schema changed; tables of every kind of bucket. */
TEST(stored_messages_are_used)
{
	use_stored(&keyed);
	use_stored(&plain);
	use_stored(&dynamic);
}

static uint32_t
count_files(Process *process, const PmnMessage *message)
{
	PmnArena *arena = NULL;
	uint32_t count = 0;

	CHECK_OK(&process->env, pmn_arena_create(&process->env.base, 0, &arena));
	for (size_t i = 0; i < message->new_files.count; i++)
	{
		char *path = NULL;
		bool exists = false;

		CHECK_OK(&process->env,
				 pmn_table_file_path(process->table, arena,
									 &message->new_files.items[i], &path));
		CHECK_OK(&process->env,
				 pmn_fs_exists(process->table->fs, path, &exists));
		count += exists;
	}
	pmn_arena_destroy(arena);
	return count;
}

/* Goal: whoever reads a message back can remove its files. */
TEST(stored_messages_are_discarded)
{
	char directory[64];
	Process process;
	PmnMessage *message = NULL;
	PmnMessage *again = NULL;
	PmnBuffer row;
	PmnBytes bytes;

	pmn_test_directory(directory);
	process_open(&process, directory, &dynamic);
	pmn_buffer_init(&row, &process.env.base);
	write_rows(&process, NULL, 1, &message);
	bytes = store_message(&process, message, &row);
	CHECK_OK(&process.env,
			 pmn_message_deserialize(process.table, bytes, &again));
	CHECK(count_files(&process, again) == again->new_files.count);
	pmn_message_discard(process.table, again);
	CHECK(count_files(&process, message) == 0);
	pmn_message_close(message);
	pmn_message_close(again);
	pmn_buffer_free(&row);
	process_close(&process);
	pmn_test_remove_directory(directory);
}

/* Goal: rows of another table's partitions never become directories, and no
 * failed allocation leaks. */
TEST(strange_partitions_and_no_memory)
{
	char directory[64];
	Process process;
	PmnMessage *message = NULL;
	PmnMessage *again = NULL;
	PmnBytes bytes;
	PmnCode code = PMN_NO_MEMORY;

	pmn_test_directory(directory);
	process_open(&process, directory, &keyed);
	CHECK_OK(&process.env, test_message_add(&process.env.base, &message,
											TEST_NEW, "x", 0, 2, 0, 1, 10));
	CHECK_OK(&process.env,
			 pmn_message_serialize(process.table, message, &bytes));
	CHECK(pmn_message_deserialize(process.table, bytes, &again) == PMN_CORRUPT);
	CHECK(again == NULL);
	pmn_message_bytes_free(process.table, &bytes);
	/* The rest on a table without partitions. */
	pmn_table_close(process.table);
	CHECK_OK(&process.env, test_create_table(process.catalog, "u", &plain));
	CHECK_OK(&process.env,
			 pmn_table_open(process.catalog, "db", "u", NULL, &process.table));
	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		size_t before = process.env.live_bytes;

		process.env.fail_step = process.env.step + step;
		code = pmn_message_serialize(process.table, message, &bytes);
		if (code == PMN_OK)
			code = pmn_message_deserialize(process.table, bytes, &again);
		process.env.fail_step = UINT64_MAX;
		pmn_message_close(again);
		pmn_message_bytes_free(process.table, &bytes);
		again = NULL;
		CHECK(process.env.live_bytes == before);
		CHECK(step < 1000);
	}
	CHECK_OK(&process.env, code);
	pmn_message_close(message);
	process_close(&process);
	pmn_test_remove_directory(directory);
}

int
main(void)
{
	RUN(strange_partitions_and_no_memory);
	if (getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("skip - table_message: PMN_ARROW_PATH is not set\n");
		TEST_END();
	}
	RUN(stored_messages_are_used);
	RUN(stored_messages_are_discarded);
	TEST_END();
}
