/*
 * lsm_file_writer_test.c
 *
 * Data files and their metas, written and read back through Parquet. Needs
 * PMN_ARROW_PATH; without it the tests are skipped.
 */
#include "lsm_file_writer.h"
#include "lsm_testing.h"

typedef struct Fixture
{
	PmnTestEnv env;
	TestTable table;
	PmnArena *arena;
	PmnBucket bucket;
	PmnFileMetas metas;
} Fixture;

static void
start(Fixture *f, const char *key)
{
	pmn_test_env_init(&f->env);
	test_table_init(&f->table, &f->env.base, key);
	memset(&f->bucket, 0, sizeof(f->bucket));
	memset(&f->metas, 0, sizeof(f->metas));
	CHECK_OK(&f->env, pmn_fs_memory_open(&f->env.base, &f->table.lsm.fs));
	CHECK_OK(&f->env, pmn_arena_create(&f->env.base, 0, &f->arena));
	f->table.lsm.arena = f->arena;
	f->bucket.directory = "/warehouse/db.db/t/bucket-0";
	f->bucket.total_buckets = 1;
}

static void
stop(Fixture *f)
{
	pmn_array_free(&f->env.base, &f->metas);
	pmn_array_free(&f->env.base, &f->table.lsm.schemas);
	pmn_arena_destroy(f->arena);
	pmn_fs_close(f->table.lsm.fs);
	CHECK(f->env.live_bytes == 0);
}

static void
write_rows(Fixture *f, const TestRow *rows, uint32_t count, uint32_t piece)
{
	PmnDataFileWriter *writer;

	CHECK_OK(&f->env, pmn_data_writer_open(&f->table.lsm, &f->bucket, 0,
										   PMN_SOURCE_APPEND, &writer));
	for (uint32_t i = 0; i < count; i += piece)
	{
		PmnBatch batch;

		test_kv_batch(f->arena, rows + i, count - i < piece ? count - i : piece,
					  &batch);
		CHECK_OK(&f->env,
				 pmn_data_writer_add(writer, &batch, NULL, batch.row_count));
	}
	CHECK_OK(&f->env, pmn_data_writer_finish(writer, f->arena, &f->metas));
	pmn_data_writer_close(writer);
}

static PmnRun *
open_run(Fixture *f, const PmnKvLayout *layout)
{
	const PmnDataFile **files =
		pmn_arena_alloc(f->arena, f->metas.count * sizeof(*files));
	PmnRun *run;

	for (size_t i = 0; i < f->metas.count; i++)
		files[i] = &f->metas.items[i];
	CHECK_OK(&f->env, pmn_run_open_files(&f->table.lsm, &f->bucket, files,
										 (uint32_t) f->metas.count, layout,
										 NULL, 0, &run));
	return run;
}

static PmnKvLayout *
all_fields(Fixture *f)
{
	static const uint32_t fields[] = {0, 1, 2, 3, 4};
	PmnKvLayout *layout;

	CHECK_OK(&f->env, pmn_kv_layout_make(&f->table.lsm, f->arena, fields,
										 TEST_FIELDS, &layout));
	return layout;
}

static uint32_t
read_rows(Fixture *f, const TestRow *rows, uint32_t count)
{
	PmnRun *run = open_run(f, all_fields(f));
	uint32_t seen = 0;
	uint32_t bad = 0;

	for (;;)
	{
		PmnBatch *batch;

		CHECK_OK(&f->env, pmn_run_next(run, &batch));
		if (batch == NULL)
			break;
		for (uint32_t i = 0; i < batch->row_count; i++, seen++)
			bad += seen >= count || !test_row_is(batch, i, &rows[seen]);
	}
	pmn_run_close(run);
	CHECK(bad == 0);
	return seen;
}

/* Goal: the metas of a keyed file are Paimon's, and its rows come back. */
TEST(keyed_file)
{
	Fixture f;
	TestRow rows[] = {{3, 12, PMN_INSERT, 5, 100},
					  {7, 10, PMN_DELETE, -1, 0},
					  {9, 11, PMN_UPDATE_AFTER, 2, 200},
					  {14, 15, PMN_UPDATE_BEFORE, 1, 3}};
	const PmnDataFile *meta;
	PmnValue key[2];
	PmnColumnStats stats[TEST_FIELDS];
	const PmnType *types[TEST_FIELDS];

	start(&f, "bc");
	write_rows(&f, rows, 4, 4);
	CHECK(f.metas.count == 1);
	meta = &f.metas.items[0];
	CHECK(meta->row_count == 4 && meta->delete_row_count == 2);
	CHECK(meta->min_sequence_number == 10 && meta->max_sequence_number == 15);
	CHECK(meta->level == 0 && meta->file_source == PMN_SOURCE_APPEND);
	CHECK(meta->has_file_source && meta->has_creation_time);
	CHECK(!meta->has_value_stats_cols && meta->extra_files.count == 0);
	CHECK(meta->file_size > 0);
	CHECK(memcmp(meta->file_name.data, "data-", 5) == 0);
	CHECK(memcmp(meta->file_name.data + meta->file_name.size - 10, "-0.parquet",
				 10) == 0);
	CHECK_OK(&f.env, pmn_row_parse(&f.env.base, meta->min_key,
								   f.table.key_types, 2, key));
	CHECK(pmn_bytes_equal(key[0].as.bytes, pmn_bytes_string("customer-00000")));
	CHECK(key[1].as.i64 == 3);
	CHECK_OK(&f.env, pmn_row_parse(&f.env.base, meta->max_key,
								   f.table.key_types, 2, key));
	CHECK(key[1].as.i64 == 4);
	for (uint32_t i = 0; i < TEST_FIELDS; i++)
		types[i] = &f.table.fields[i].type;
	CHECK_OK(&f.env, pmn_simple_stats_parse(&f.env.base, &meta->value_stats,
											types, TEST_FIELDS, stats));
	CHECK(stats[0].min.as.i64 == -997 && stats[0].max.as.i64 == -986);
	CHECK(stats[3].null_count == 1 && stats[4].null_count == 1);
	CHECK(stats[4].min.as.i64 == 1 && stats[4].max.as.i64 == 5);
	CHECK_OK(&f.env, pmn_simple_stats_parse(&f.env.base, &meta->key_stats,
											f.table.key_types, 2, stats));
	CHECK(stats[0].null_count == 0 && stats[1].max.as.i64 == 9);
	CHECK(read_rows(&f, rows, 4) == 4);
	stop(&f);
}

/* Goal: files roll at the target size, with key ranges that do not overlap,
 * in fat and thin mode alike; a dense store leaves columns out. */
TEST(rolling_and_thin_mode)
{
	TestRow *rows = calloc(30000, sizeof(*rows));

	for (uint32_t i = 0; i < 30000; i++)
	{
		TestRow row = {i, i, PMN_INSERT, (int32_t) (i % 7) - 1, i % 1000};

		rows[i] = row;
	}
	for (int thin = 0; thin < 2; thin++)
	{
		Fixture f;

		start(&f, "a");
		f.table.options.target_file_size = 20000;
		f.table.options.thin_mode = thin == 1;
		f.table.options.suffix_includes_compression = true;
		f.table.options.stats_keep_first_n = 2;
		write_rows(&f, rows, 30000, 1500);
		CHECK(f.metas.count > 1);
		for (size_t i = 0; i < f.metas.count; i++)
		{
			const PmnDataFile *meta = &f.metas.items[i];

			CHECK(meta->has_value_stats_cols &&
				  meta->value_stats_cols.count == 2);
			CHECK(memcmp(meta->file_name.data + meta->file_name.size - 13,
						 ".zstd.parquet", 13) == 0);
		}
		CHECK(read_rows(&f, rows, 30000) == 30000);
		stop(&f);
	}
	free(rows);
}

/* Goal: append tables have empty keys, running sequence numbers, and no
 * system columns. */
TEST(append_file)
{
	Fixture f;
	TestRow rows[] = {{3, 0, 0, 5, 100}, {1, 0, 0, -1, 0}};
	static const uint32_t fields[] = {4, 0};
	PmnDataFileRequest request = {0};
	PmnDataFileReader *reader;
	PmnDataFileWriter *writer;
	PmnBatch batch;
	PmnBatch *read;
	uint8_t *kinds;
	uint32_t rows_two[] = {0, 1};
	uint64_t first_row;
	const PmnDataFile *meta;

	start(&f, "");
	CHECK_OK(&f.env, test_batch(f.arena, rows, 2, &batch, &kinds));
	CHECK_OK(&f.env, pmn_data_writer_open(&f.table.lsm, &f.bucket, 0,
										  PMN_SOURCE_APPEND, &writer));
	pmn_data_writer_sequence(writer, 40);
	CHECK_OK(&f.env, pmn_data_writer_add(writer, &batch, rows_two, 2));
	CHECK_OK(&f.env, pmn_data_writer_add(writer, &batch, rows_two + 1, 1));
	CHECK_OK(&f.env, pmn_data_writer_finish(writer, f.arena, &f.metas));
	pmn_data_writer_close(writer);
	meta = &f.metas.items[0];
	CHECK(meta->row_count == 3 && meta->delete_row_count == 0);
	CHECK(meta->min_sequence_number == 40 && meta->max_sequence_number == 42);
	CHECK(meta->min_key.size == 12 && meta->max_key.size == 12);
	CHECK(meta->key_stats.null_counts.count == 0);
	request.file = meta;
	request.bucket = &f.bucket;
	request.fields = fields;
	request.field_count = 2;
	CHECK_OK(&f.env, pmn_data_file_open(&f.table.lsm, &request, &reader));
	CHECK_OK(&f.env, pmn_data_file_next(reader, &read, &first_row));
	CHECK(read->row_count == 3 && read->column_count == 2 && first_row == 0);
	CHECK(((int32_t *) read->columns[1].values)[2] == -999);
	CHECK(read->columns[0].nulls != NULL && read->columns[0].nulls[1]);
	CHECK_OK(&f.env, pmn_data_file_next(reader, &read, &first_row));
	CHECK(read == NULL);
	pmn_data_file_close(reader);
	/* No column at all: rows are still counted. */
	request.field_count = 0;
	CHECK_OK(&f.env, pmn_data_file_open(&f.table.lsm, &request, &reader));
	CHECK_OK(&f.env, pmn_data_file_next(reader, &read, &first_row));
	CHECK(read->row_count == 3 && read->column_count == 0);
	pmn_data_file_close(reader);
	f.metas.items[0].row_count = 4;
	CHECK(pmn_data_file_open(&f.table.lsm, &request, &reader) == PMN_CORRUPT);
	stop(&f);
}

/* Goal: a writer that is closed without a finish leaves no file. */
TEST(unfinished_files_are_removed)
{
	Fixture f;
	TestRow rows[2000];
	PmnDataFileWriter *writer;
	PmnBatch batch;
	PmnFileList list = {0};

	for (uint32_t i = 0; i < 2000; i++)
	{
		TestRow row = {i, i, PMN_INSERT, -1, i};

		rows[i] = row;
	}
	start(&f, "a");
	f.table.options.target_file_size = 1;
	test_kv_batch(f.arena, rows, 2000, &batch);
	CHECK_OK(&f.env, pmn_data_writer_open(&f.table.lsm, &f.bucket, 0,
										  PMN_SOURCE_APPEND, &writer));
	CHECK_OK(&f.env, pmn_data_writer_add(writer, &batch, NULL, 2000));
	test_kv_batch(f.arena, rows, 10, &batch);
	CHECK_OK(&f.env, pmn_data_writer_add(writer, &batch, NULL, 10));
	pmn_data_writer_close(writer);
	if (pmn_fs_list(f.table.lsm.fs, f.bucket.directory, f.arena, &list) ==
		PMN_OK)
		CHECK(list.count == 0);
	stop(&f);
}

/* Goal: an old file shows through a new schema: renamed, widened, cast and
 * added columns, and a dropped one whose name came back. */
TEST(schema_evolution)
{
	Fixture f;
	TestRow rows[] = {{3, 1, 0, 5, 100}, {9, 2, 0, 6, 0}};
	static PmnSchema renewed;
	static PmnField fields[6];
	static const uint32_t wanted[] = {1, 2, 3, 4, 5};
	PmnKvLayout *layout;
	PmnRun *run;
	PmnBatch *batch;
	const PmnVector *columns;

	start(&f, "a");
	write_rows(&f, rows, 2, 2);
	renewed = f.table.schema;
	renewed.id = 1;
	renewed.fields = fields;
	renewed.field_count = 6;
	memcpy(fields, f.table.fields, sizeof(f.table.fields));
	fields[1].name = "b2"; /* renamed */
	fields[2].id = 7;	   /* dropped, and a new "c" */
	fields[3].type.length = 5;
	fields[4].type.kind = PMN_TYPE_BIGINT;
	fields[5] = fields[4];
	fields[5].id = 8;
	fields[5].name = "added";
	CHECK_OK(&f.env, pmn_array_reserve(&f.env.base, &f.table.lsm.schemas, 1));
	f.table.lsm.schemas.items[f.table.lsm.schemas.count++] = &f.table.schema;
	f.table.lsm.schema = &renewed;
	CHECK_OK(&f.env,
			 pmn_kv_layout_make(&f.table.lsm, f.arena, wanted, 5, &layout));
	CHECK(layout->field_count == 6 && layout->key.columns[0] == 7);
	run = open_run(&f, layout);
	CHECK_OK(&f.env, pmn_run_next(run, &batch));
	CHECK(batch->row_count == 2);
	columns = batch->columns + PMN_KV_FIELDS;
	CHECK(pmn_bytes_equal(((PmnBytes *) columns[0].values)[0],
						  pmn_bytes_string("customer-00000")));
	CHECK(columns[1].nulls != NULL && columns[1].nulls[0] == 1);
	CHECK(pmn_bytes_equal(((PmnBytes *) columns[2].values)[0],
						  pmn_bytes_string("paylo")));
	CHECK(columns[2].nulls != NULL && columns[2].nulls[1] == 1);
	CHECK(((int64_t *) columns[3].values)[1] == 6);
	CHECK(columns[4].nulls != NULL && columns[4].nulls[1] == 1);
	CHECK(((int32_t *) columns[5].values)[1] == -991);
	pmn_run_close(run);
	f.table.lsm.schema = &f.table.schema;
	stop(&f);
}

/* Goal: other formats and files of some columns are refused. */
TEST(refused_files)
{
	Fixture f;
	TestRow rows[] = {{3, 1, 0, 5, 100}};
	static const uint32_t fields[] = {0, 3};
	PmnBytes names[] = {{(const uint8_t *) "a", 1}};
	PmnDataFileRequest request = {0};
	PmnBatch *batch = NULL;
	uint64_t first_row = 0;
	PmnDataFileReader *reader;
	PmnDataFile *meta;

	start(&f, "a");
	write_rows(&f, rows, 1, 1);
	meta = &f.metas.items[0];
	request.file = meta;
	request.bucket = &f.bucket;
	request.fields = fields;
	request.field_count = 2;
	meta->has_write_cols = true;
	meta->write_cols.items = names;
	meta->write_cols.count = 1;
	CHECK(pmn_data_file_open(&f.table.lsm, &request, &reader) ==
		  PMN_UNSUPPORTED);
	request.field_count = 1;
	CHECK_OK(&f.env, pmn_data_file_open(&f.table.lsm, &request, &reader));
	pmn_data_file_close(reader);
	/* With data evolution the column is null, when it may be. */
	f.table.options.data_evolution = true;
	request.field_count = 2;
	CHECK_OK(&f.env, pmn_data_file_open(&f.table.lsm, &request, &reader));
	CHECK_OK(&f.env, pmn_data_file_next(reader, &batch, &first_row));
	CHECK(pmn_vector_value(&batch->columns[0], 0).as.i64 == 3 - 1000);
	CHECK(pmn_vector_value(&batch->columns[1], 0).is_null);
	pmn_data_file_close(reader);
	f.table.fields[3].type.is_nullable = false;
	CHECK(pmn_data_file_open(&f.table.lsm, &request, &reader) == PMN_CORRUPT);
	f.table.fields[3].type.is_nullable = true;
	meta->has_write_cols = false;
	meta->file_name = pmn_bytes_string("data-1-0.lance");
	CHECK(pmn_data_file_open(&f.table.lsm, &request, &reader) ==
		  PMN_UNSUPPORTED);
	meta->file_name = pmn_bytes_string("../x.parquet");
	CHECK(pmn_data_file_open(&f.table.lsm, &request, &reader) == PMN_CORRUPT);
	stop(&f);
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH is not set\n");
		return 0;
	}
	RUN(keyed_file);
	RUN(rolling_and_thin_mode);
	RUN(append_file);
	RUN(unfinished_files_are_removed);
	RUN(schema_evolution);
	RUN(refused_files);
	TEST_END();
}
