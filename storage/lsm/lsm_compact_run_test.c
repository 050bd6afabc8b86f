/*
 * lsm_compact_run_test.c
 *
 * Flushes and compactions of one bucket against a map, and the rules of what
 * is moved, rewritten or left alone. Needs PMN_ARROW_PATH.
 */
#include "lsm_compact_run.h"
#include "lsm_file_writer.h"
#include "lsm_testing.h"

#define KEYS 3000
#define LIVE_MAX 512

typedef struct Fixture
{
	PmnTestEnv env;
	TestTable table;
	PmnArena *arena;
	PmnBucket bucket;
	const PmnDataFile *live[LIVE_MAX];
	uint32_t live_count;
	int64_t next_sequence;
	TestRow model[KEYS]; /* newest row of each key */
	bool has_row[KEYS];
} Fixture;

static void
start(Fixture *f, const char *key)
{
	memset(f, 0, sizeof(*f));
	pmn_test_env_init(&f->env);
	test_table_init(&f->table, &f->env.base, key);
	CHECK_OK(&f->env, pmn_fs_memory_open(&f->env.base, &f->table.lsm.fs));
	CHECK_OK(&f->env, pmn_arena_create(&f->env.base, 0, &f->arena));
	f->table.lsm.arena = f->arena;
	f->bucket.directory = "/warehouse/db.db/t/bucket-0";
	f->bucket.total_buckets = 1;
}

static void
stop(Fixture *f)
{
	pmn_arena_destroy(f->arena);
	pmn_fs_close(f->table.lsm.fs);
	CHECK(f->env.live_bytes == 0);
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

static void
add_live(Fixture *f, const PmnFileMetas *metas)
{
	for (size_t i = 0; i < metas->count; i++)
	{
		CHECK(f->live_count < LIVE_MAX);
		f->live[f->live_count++] =
			pmn_arena_copy(f->arena, &metas->items[i], sizeof(metas->items[i]));
	}
}

/* Rows first .. with keys in [low, high) into level-0 files. */
static void
flush_rows(Fixture *f, uint32_t count, uint32_t low, uint32_t high,
		   bool has_deletes)
{
	TestRow *rows = pmn_arena_alloc(f->arena, count * sizeof(*rows));
	PmnSortBuffer *buffer;
	PmnRun **runs;
	uint32_t run_count;
	PmnMergeReadOptions options = {false, 0};
	PmnMergeReader *reader;
	PmnDataFileWriter *writer;
	PmnFileMetas metas = {0};
	PmnBatch *batch;

	for (uint32_t i = 0; i < count; i++)
	{
		rows[i].key = low + pmn_test_below(&f->env, high - low);
		rows[i].sequence = f->next_sequence++;
		rows[i].kind = has_deletes && pmn_test_below(&f->env, 3) == 0
						   ? PMN_DELETE
						   : PMN_INSERT;
		rows[i].e = (int32_t) pmn_test_below(&f->env, 4) - 1;
		rows[i].payload = pmn_test_below(&f->env, 10000);
		f->model[rows[i].key] = rows[i];
		f->has_row[rows[i].key] = rows[i].kind == PMN_INSERT;
	}
	CHECK_OK(&f->env, pmn_sort_buffer_create(&f->table.lsm, &buffer));
	CHECK_OK(&f->env, test_fill_buffer(buffer, f->arena, rows, count));
	CHECK_OK(&f->env,
			 pmn_sort_buffer_runs(buffer, f->arena, &runs, &run_count));
	CHECK_OK(&f->env, pmn_merge_reader_open(&f->table.lsm, all_fields(f), runs,
											run_count, &options, &reader));
	CHECK_OK(&f->env, pmn_data_writer_open(&f->table.lsm, &f->bucket, 0,
										   PMN_SOURCE_APPEND, &writer));
	do
	{
		CHECK_OK(&f->env, pmn_merge_reader_next(reader, &batch));
		if (batch != NULL)
			CHECK_OK(&f->env,
					 pmn_data_writer_add(writer, batch, batch->selection,
										 batch->selected_count));
	} while (batch != NULL);
	CHECK_OK(&f->env, pmn_data_writer_finish(writer, f->arena, &metas));
	pmn_data_writer_close(writer);
	pmn_merge_reader_close(reader);
	pmn_sort_buffer_destroy(buffer);
	add_live(f, &metas);
	pmn_array_free(&f->env.base, &metas);
}

/* Take the result over as a committer would. */
static void
apply(Fixture *f, PmnCompaction *compaction)
{
	for (size_t i = 0; i < compaction->before.count; i++)
	{
		const PmnDataFile *gone = &compaction->before.items[i];
		uint32_t found = 0;

		for (uint32_t j = 0; j < f->live_count; j++)
		{
			if (!pmn_bytes_equal(f->live[j]->file_name, gone->file_name))
				continue;
			CHECK(f->live[j]->level == gone->level);
			f->live[j--] = f->live[--f->live_count];
			found++;
		}
		CHECK(found == 1);
	}
	add_live(f, &compaction->after);
	pmn_array_free(&f->env.base, &compaction->before);
	pmn_array_free(&f->env.base, &compaction->after);
}

static void
compact(Fixture *f, bool full, PmnCompaction *compaction)
{
	CHECK_OK(&f->env,
			 pmn_compact_bucket(&f->table.lsm, f->arena, &f->bucket, f->live,
								f->live_count, full, 0, compaction));
}

/* Read the bucket section by section and compare with the model. */
static void
check_model(Fixture *f)
{
	PmnLevelFile *files;
	PmnSection *sections;
	PmnLevelRun *level_runs;
	uint32_t section_count;
	uint32_t level_run_count;
	uint32_t key = 0;
	uint32_t bad = 0;
	PmnKvLayout *layout = all_fields(f);

	CHECK_OK(&f->env, pmn_level_files(&f->table.lsm, f->arena, f->live,
									  f->live_count, &files));
	CHECK_OK(&f->env,
			 pmn_level_runs(&f->table.lsm, f->arena, files, f->live_count,
							&level_runs, &level_run_count));
	CHECK_OK(&f->env,
			 pmn_level_sections(&f->table.lsm, f->arena, files, f->live_count,
								&sections, &section_count));
	for (uint32_t s = 0; s < section_count; s++)
	{
		PmnRun *runs[LIVE_MAX];
		PmnMergeReadOptions options = {true, 0};
		PmnMergeReader *reader;
		PmnBatch *batch;

		for (uint32_t r = 0; r < sections[s].run_count; r++)
		{
			const PmnLevelRun *run = &sections[s].runs[r];
			const PmnDataFile *run_files[LIVE_MAX];

			for (uint32_t i = 0; i < run->file_count; i++)
				run_files[i] = run->files[i].file;
			CHECK_OK(&f->env, pmn_run_open_files(&f->table.lsm, &f->bucket,
												 run_files, run->file_count,
												 layout, NULL, 0, &runs[r]));
		}
		CHECK_OK(&f->env, pmn_merge_reader_open(&f->table.lsm, layout, runs,
												sections[s].run_count, &options,
												&reader));
		for (;;)
		{
			CHECK_OK(&f->env, pmn_merge_reader_next(reader, &batch));
			if (batch == NULL)
				break;
			for (uint32_t i = 0; i < batch->selected_count; i++)
			{
				uint32_t r = batch->selection == NULL ? i : batch->selection[i];

				while (key < KEYS && !f->has_row[key])
					key++;
				bad += key == KEYS || !test_row_is(batch, r, &f->model[key]);
				key++;
			}
		}
		pmn_merge_reader_close(reader);
	}
	for (; key < KEYS; key++)
		bad += f->has_row[key];
	CHECK(bad == 0);
}

/* Goal: whatever is flushed and compacted, the bucket holds what a map would;
 * few runs stay; the last level has no deletes; a second full compaction is a
 * no-op. */
TEST(random_compactions_keep_the_contents)
{
	for (int round = 0; round < 3; round++)
	{
		Fixture *f = malloc(sizeof(*f));
		PmnCompaction compaction;

		start(f, round == 1 ? "bc" : "a");
		f->table.options.target_file_size = round == 2 ? 20000 : 200000;
		for (int step = 0; step < 30; step++)
		{
			uint32_t low = pmn_test_below(&f->env, KEYS - 200);
			uint32_t high =
				low + 100 + pmn_test_below(&f->env, KEYS - low - 100);

			flush_rows(f, 1 + pmn_test_below(&f->env, 800), low, high, true);
			if (pmn_test_below(&f->env, 3) == 0)
				continue;
			compact(f, pmn_test_below(&f->env, 8) == 0, &compaction);
			apply(f, &compaction);
			check_model(f);
		}
		compact(f, true, &compaction);
		apply(f, &compaction);
		check_model(f);
		for (uint32_t i = 0; i < f->live_count; i++)
		{
			CHECK(f->live[i]->level == 5);
			CHECK(f->live[i]->delete_row_count == 0);
		}
		compact(f, true, &compaction);
		CHECK(compaction.before.count == 0 && compaction.after.count == 0);
		stop(f);
		free(f);
	}
}

/* Goal: a large file alone with its keys is moved, not rewritten; one with
 * deletes is cleaned when it reaches the last level. */
TEST(large_files_move_up)
{
	Fixture *f = malloc(sizeof(*f));
	PmnCompaction compaction;

	start(f, "a");
	f->table.options.target_file_size = 1000;
	flush_rows(f, 500, 0, 1000, false);
	flush_rows(f, 500, 2000, 3000, true);
	CHECK(f->live_count == 2);
	compact(f, true, &compaction);
	CHECK(compaction.before.count == 2);
	CHECK(compaction.after.count >= 2);
	CHECK(pmn_bytes_equal(compaction.before.items[0].file_name,
						  compaction.after.items[0].file_name));
	CHECK(compaction.after.items[0].level == 5);
	CHECK(compaction.after.items[0].file_source == PMN_SOURCE_APPEND);
	CHECK(compaction.after.items[1].file_source == PMN_SOURCE_COMPACT);
	CHECK(compaction.after.items[1].delete_row_count == 0);
	apply(f, &compaction);
	check_model(f);
	stop(f);
	free(f);
}

/* Goal: a failure on the way removes the files that were written, and no
 * input. */
TEST(failures_leave_no_files)
{
	Fixture *f = malloc(sizeof(*f));
	PmnCompaction compaction;
	PmnFileList list = {0};
	PmnCode code;

	start(f, "a");
	for (int i = 0; i < 5; i++)
		flush_rows(f, 300, 0, KEYS, true);
	/* The last input is shorter than its manifest says. */
	((PmnDataFile *) f->live[2])->row_count++;
	code = pmn_compact_bucket(&f->table.lsm, f->arena, &f->bucket, f->live,
							  f->live_count, true, 0, &compaction);
	CHECK(code == PMN_CORRUPT);
	CHECK_OK(&f->env, pmn_fs_list(f->table.lsm.fs, f->bucket.directory,
								  f->arena, &list));
	CHECK(list.count == 5);
	CHECK(compaction.before.count == 0 && compaction.after.count == 0);
	stop(f);
	free(f);
}

/* Two overlapping files, then a full compaction; no checks on the way. */
static PmnCode
write_and_compact(Fixture *f, const TestRow *rows, uint32_t count)
{
	PmnCompaction compaction = {0};
	PmnFileMetas metas = {0};
	PmnCode code = PMN_OK;

	for (int i = 0; code == PMN_OK && i < 2; i++)
	{
		PmnDataFileWriter *writer = NULL;
		PmnVector columns[PMN_KV_FIELDS + TEST_FIELDS];
		int64_t sequences[16];
		int32_t row_kinds[16] = {0};
		PmnBatch batch;
		uint8_t *kinds;

		code = test_batch(f->arena, rows, count, &batch, &kinds);
		if (code != PMN_OK)
			break;
		for (uint32_t j = 0; j < count; j++)
			sequences[j] = i;
		memset(columns, 0, sizeof(columns));
		columns[PMN_KV_SEQUENCE].kind = PMN_VECTOR_I64;
		columns[PMN_KV_SEQUENCE].values = sequences;
		columns[PMN_KV_KIND].kind = PMN_VECTOR_I32;
		columns[PMN_KV_KIND].values = row_kinds;
		memcpy(columns + PMN_KV_FIELDS, batch.columns,
			   TEST_FIELDS * sizeof(*columns));
		batch.columns = columns;
		batch.column_count += PMN_KV_FIELDS;
		code = pmn_data_writer_open(&f->table.lsm, &f->bucket, 0,
									PMN_SOURCE_APPEND, &writer);
		if (code == PMN_OK)
			code = pmn_data_writer_add(writer, &batch, NULL, count);
		if (code == PMN_OK)
			code = pmn_data_writer_finish(writer, f->arena, &metas);
		pmn_data_writer_close(writer);
	}
	for (size_t i = 0; i < metas.count; i++)
		f->live[f->live_count++] = &metas.items[i];
	if (code == PMN_OK)
		code = pmn_compact_bucket(&f->table.lsm, f->arena, &f->bucket, f->live,
								  f->live_count, true, 0, &compaction);
	pmn_array_free(&f->env.base, &compaction.before);
	pmn_array_free(&f->env.base, &compaction.after);
	pmn_array_free(&f->env.base, &metas);
	return code;
}

/* Goal: a failed allocation anywhere in writing, merging and rewriting is a
 * code, and nothing stays allocated. */
TEST(survives_allocation_failures)
{
	TestRow rows[10] = {{0}};
	PmnCode code = PMN_NO_MEMORY;

	for (uint32_t i = 0; i < 10; i++)
	{
		rows[i].key = i;
		rows[i].payload = i;
	}
	for (uint64_t step = 0; code == PMN_NO_MEMORY; step += 1 + step / 100)
	{
		Fixture *f = calloc(1, sizeof(*f));

		start(f, "bc");
		f->env.step = 0;
		f->env.fail_step = step;
		code = write_and_compact(f, rows, 10);
		f->env.fail_step = UINT64_MAX;
		stop(f);
		free(f);
	}
	CHECK(code == PMN_OK);
}

static void
append_rows(Fixture *f, uint32_t first, uint32_t count)
{
	TestRow *rows = pmn_arena_alloc(f->arena, count * sizeof(*rows));
	PmnDataFileWriter *writer;
	PmnFileMetas metas = {0};
	PmnBatch batch;
	uint8_t *kinds;

	for (uint32_t i = 0; i < count; i++)
		rows[i].key = first + i;
	CHECK_OK(&f->env, test_batch(f->arena, rows, count, &batch, &kinds));
	CHECK_OK(&f->env, pmn_data_writer_open(&f->table.lsm, &f->bucket, 0,
										   PMN_SOURCE_APPEND, &writer));
	pmn_data_writer_sequence(writer, f->next_sequence);
	CHECK_OK(&f->env, pmn_data_writer_add(writer, &batch, NULL, count));
	CHECK_OK(&f->env, pmn_data_writer_finish(writer, f->arena, &metas));
	pmn_data_writer_close(writer);
	f->next_sequence += count;
	add_live(f, &metas);
	pmn_array_free(&f->env.base, &metas);
}

/* Goal: append tables: small files are packed in order, sequence numbers
 * start where the first input's did. */
TEST(append_files_are_packed)
{
	for (int bucketed = 0; bucketed < 2; bucketed++)
	{
		Fixture *f = malloc(sizeof(*f));
		PmnCompaction compaction;

		start(f, "");
		f->table.options.bucket = bucketed ? 1 : -1;
		f->next_sequence = 100;
		for (uint32_t i = 0; i < 4; i++)
			append_rows(f, i * 10, 10);
		compact(f, false, &compaction);
		CHECK(compaction.before.count == 0);
		append_rows(f, 40, 10);
		compact(f, false, &compaction);
		CHECK(compaction.before.count == 5 && compaction.after.count == 1);
		CHECK(compaction.after.items[0].row_count == 50);
		CHECK(compaction.after.items[0].min_sequence_number == 100);
		CHECK(compaction.after.items[0].max_sequence_number == 149);
		CHECK(compaction.after.items[0].level == 0);
		CHECK(compaction.after.items[0].file_source == PMN_SOURCE_COMPACT);
		apply(f, &compaction);
		append_rows(f, 50, 10);
		append_rows(f, 60, 10);
		compact(f, true, &compaction);
		CHECK(compaction.before.count == 3 && compaction.after.count == 1);
		apply(f, &compaction);
		compact(f, true, &compaction);
		CHECK(compaction.before.count == 0);
		stop(f);
		free(f);
	}
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH is not set\n");
		return 0;
	}
	RUN(random_compactions_keep_the_contents);
	RUN(large_files_move_up);
	RUN(failures_leave_no_files);
	RUN(survives_allocation_failures);
	RUN(append_files_are_packed);
	TEST_END();
}
