/*
 * lsm_merge_reader_test.c
 *
 * The merge against a naive model: all rows of a key, the newest by plain
 * comparison. Runs are sort buffers, so no file format is needed.
 */
#include "lsm_testing.h"

#define RUNS_MAX 6

typedef struct Case
{
	const char *key;
	uint32_t key_count; /* distinct keys */
	uint32_t rows_max;	/* of one run */
	bool has_sequence;
	bool is_descending;
	bool ignore_delete;
	bool drop_deletes;
	uint32_t batch_rows;
} Case;

typedef struct Model
{
	TestRow *rows;
	uint32_t count;
	uint32_t *kept; /* by key: row number + 1 */
	uint32_t *seen; /* rows of the key */
} Model;

static bool
is_retract(const TestRow *row)
{
	return row->kind == PMN_UPDATE_BEFORE || row->kind == PMN_DELETE;
}

static bool
is_newer(const Case *c, const TestRow *a, const TestRow *b)
{
	if (c->has_sequence && a->e != b->e)
	{
		if (a->e < 0 || b->e < 0)
			return b->e < 0;
		return c->is_descending ? a->e < b->e : a->e > b->e;
	}
	if (a->sequence != b->sequence)
		return a->sequence > b->sequence;
	return is_retract(b) && !is_retract(a);
}

static void
model_fold(const Case *c, Model *model)
{
	for (uint32_t i = 0; i < model->count; i++)
		model->seen[model->rows[i].key]++;
	for (uint32_t i = 0; i < model->count; i++)
	{
		const TestRow *row = &model->rows[i];
		uint32_t *kept = &model->kept[row->key];

		if (c->ignore_delete && is_retract(row) && model->seen[row->key] > 1)
			continue;
		if (*kept == 0 || is_newer(c, row, &model->rows[*kept - 1]))
			*kept = i + 1;
	}
}

static void
random_rows(PmnTestEnv *env, const Case *c, Model *model, uint32_t *ends)
{
	model->count = 0;
	for (uint32_t run = 0; run < RUNS_MAX; run++)
	{
		uint32_t count = pmn_test_below(env, c->rows_max + 1);
		uint32_t key = 0;
		bool is_dense = pmn_test_below(env, 3) == 0;

		for (uint32_t i = 0; i < count; i++)
		{
			TestRow *row = &model->rows[model->count];

			key = is_dense ? (key + 1) % c->key_count
						   : pmn_test_below(env, c->key_count);
			row->key = key;
			/* Unique; not in the order of runs. */
			row->sequence = (int64_t) model->count * 7919 % 1000003;
			row->kind = (uint8_t) pmn_test_below(env, 4);
			row->e = (int32_t) pmn_test_below(env, 5) - 1;
			row->payload = pmn_test_below(env, 1000);
			model->count++;
		}
		ends[run] = model->count;
	}
}

static void
check_output(PmnTestEnv *env, const Case *c, Model *model,
			 PmnMergeReader *reader)
{
	uint32_t key = 0;
	uint32_t bad = 0;

	for (;;)
	{
		PmnBatch *batch;

		CHECK_OK(env, pmn_merge_reader_next(reader, &batch));
		if (batch == NULL)
			break;
		CHECK(batch->selected_count > 0);
		CHECK(c->batch_rows == 0 || batch->row_count <= c->batch_rows);
		for (uint32_t i = 0; i < batch->selected_count; i++)
		{
			uint32_t r = batch->selection == NULL ? i : batch->selection[i];

			while (key < c->key_count &&
				   (model->kept[key] == 0 ||
					(c->drop_deletes &&
					 is_retract(&model->rows[model->kept[key] - 1]))))
				key++;
			bad += key == c->key_count ||
				   !test_row_is(batch, r, &model->rows[model->kept[key] - 1]);
			key++;
		}
	}
	for (; key < c->key_count; key++)
		bad += model->kept[key] != 0 &&
			   !(c->drop_deletes &&
				 is_retract(&model->rows[model->kept[key] - 1]));
	CHECK(bad == 0);
}

static void
run_case(PmnTestEnv *env, const Case *c, Model *model)
{
	TestTable table;
	PmnArena *arena;
	PmnSortBuffer *buffers[RUNS_MAX];
	PmnRun *runs[2 * RUNS_MAX];
	uint32_t ends[RUNS_MAX];
	uint32_t run_count = 0;
	PmnMergeReadOptions options = {c->drop_deletes, c->batch_rows};
	PmnKvLayout *layout;
	PmnMergeReader *reader;
	uint32_t fields[TEST_FIELDS] = {0, 1, 2, 3, 4};

	test_table_init(&table, &env->base, c->key);
	if (c->has_sequence)
		test_table_sequence(&table, c->is_descending);
	table.options.ignore_delete = c->ignore_delete;
	memset(model->kept, 0, c->key_count * sizeof(uint32_t));
	memset(model->seen, 0, c->key_count * sizeof(uint32_t));
	random_rows(env, c, model, ends);
	model_fold(c, model);
	CHECK_OK(env, pmn_arena_create(&env->base, 0, &arena));
	for (uint32_t i = 0; i < RUNS_MAX; i++)
	{
		uint32_t first = i == 0 ? 0 : ends[i - 1];
		uint32_t half = first + (ends[i] - first) / 2;
		PmnRun **opened;
		uint32_t count;

		CHECK_OK(env, pmn_sort_buffer_create(&table.lsm, &buffers[i]));
		CHECK_OK(env, test_fill_buffer(buffers[i], arena, model->rows + first,
									   half - first));
		if (pmn_test_below(env, 3) == 0)
			CHECK_OK(env, pmn_sort_buffer_spill(buffers[i]));
		CHECK_OK(env, test_fill_buffer(buffers[i], arena, model->rows + half,
									   ends[i] - half));
		CHECK(pmn_sort_buffer_rows(buffers[i]) == ends[i] - first);
		CHECK_OK(env, pmn_sort_buffer_runs(buffers[i], arena, &opened, &count));
		for (uint32_t j = 0; j < count; j++)
			runs[run_count++] = opened[j];
	}
	CHECK_OK(env, pmn_kv_layout_make(&table.lsm, arena, fields, TEST_FIELDS,
									 &layout));
	CHECK_OK(env, pmn_merge_reader_open(&table.lsm, layout, runs, run_count,
										&options, &reader));
	check_output(env, c, model, reader);
	pmn_merge_reader_close(reader);
	for (uint32_t i = 0; i < RUNS_MAX; i++)
		pmn_sort_buffer_destroy(buffers[i]);
	pmn_arena_destroy(arena);
	CHECK(env->live_bytes == 0);
}

/* Goal: for random runs of all sizes, keys and options, the merge returns
 * what a naive model returns, in key order. */
TEST(agrees_with_a_model)
{
	static const char *const keys[] = {"a", "b", "bc", "c", "ab", "ca"};
	PmnTestEnv env;
	Model model;

	pmn_test_env_init(&env);
	model.rows = calloc(TEST_ROWS_MAX, sizeof(TestRow));
	model.kept = calloc(TEST_ROWS_MAX, sizeof(uint32_t));
	model.seen = calloc(TEST_ROWS_MAX, sizeof(uint32_t));
	for (uint32_t round = 0; round < 400; round++)
	{
		bool is_large = round % 20 == 19;
		Case c = {0};

		c.key = keys[pmn_test_below(&env, 6)];
		c.key_count = 1 + pmn_test_below(&env, is_large ? 50000 : 300);
		/* b alone and c alone are the key only of keys that differ there. */
		if (strcmp(c.key, "c") == 0)
			c.key_count = c.key_count < 10 ? c.key_count : 10;
		c.rows_max = 1 + pmn_test_below(&env, is_large ? 11000 : 400);
		c.has_sequence = pmn_test_below(&env, 3) == 0;
		c.is_descending = pmn_test_below(&env, 2) == 0;
		c.ignore_delete = pmn_test_below(&env, 3) == 0;
		c.drop_deletes = pmn_test_below(&env, 2) == 0;
		c.batch_rows =
			pmn_test_below(&env, 3) == 0 ? 1 + pmn_test_below(&env, 20) : 0;
		if (strcmp(c.key, "b") == 0 || strcmp(c.key, "ca") == 0)
			c.key_count = 1 + c.key_count % 10;
		if (strcmp(c.key, "b") == 0)
			c.key_count = 1;
		run_case(&env, &c, &model);
	}
	free(model.rows);
	free(model.kept);
	free(model.seen);
}

static PmnCode
merge_rows(PmnTestEnv *env, TestTable *table, const TestRow *rows,
		   const uint32_t *ends, uint32_t run_count, bool drop_deletes,
		   TestRow *out, uint32_t *out_count)
{
	PmnArena *arena = NULL;
	PmnSortBuffer *buffers[RUNS_MAX] = {NULL};
	PmnRun *runs[2 * RUNS_MAX];
	uint32_t count = 0;
	PmnMergeReadOptions options = {drop_deletes, 0};
	PmnKvLayout *layout = NULL;
	PmnMergeReader *reader = NULL;
	uint32_t fields[TEST_FIELDS] = {0, 1, 2, 3, 4};
	PmnBatch *batch = NULL;
	PmnCode code = pmn_arena_create(&env->base, 0, &arena);

	*out_count = 0;
	if (code == PMN_OK)
		code = pmn_kv_layout_make(&table->lsm, arena, fields, TEST_FIELDS,
								  &layout);
	for (uint32_t i = 0; code == PMN_OK && i < run_count; i++)
	{
		uint32_t first = i == 0 ? 0 : ends[i - 1];
		PmnRun **opened;
		uint32_t opened_count = 0;

		code = pmn_sort_buffer_create(&table->lsm, &buffers[i]);
		if (code == PMN_OK)
			code = test_fill_buffer(buffers[i], arena, rows + first,
									ends[i] - first);
		if (code == PMN_OK && i == 0)
			code = pmn_sort_buffer_spill(buffers[i]);
		if (code == PMN_OK)
			code =
				pmn_sort_buffer_runs(buffers[i], arena, &opened, &opened_count);
		for (uint32_t j = 0; code == PMN_OK && j < opened_count; j++)
			runs[count++] = opened[j];
	}
	if (code == PMN_OK)
		code = pmn_merge_reader_open(&table->lsm, layout, runs, count, &options,
									 &reader);
	else
		while (count > 0)
			pmn_run_close(runs[--count]);
	while (code == PMN_OK)
	{
		code = pmn_merge_reader_next(reader, &batch);
		if (code != PMN_OK || batch == NULL)
			break;
		for (uint32_t i = 0; i < batch->selected_count; i++)
		{
			uint32_t r = batch->selection == NULL ? i : batch->selection[i];
			TestRow *row = &out[(*out_count)++];

			row->key =
				(uint32_t) (((int32_t *) batch->columns[2].values)[r] + 1000);
			row->sequence = ((int64_t *) batch->columns[0].values)[r];
			row->kind = (uint8_t) ((int32_t *) batch->columns[1].values)[r];
		}
	}
	pmn_merge_reader_close(reader);
	for (uint32_t i = 0; i < RUNS_MAX; i++)
		pmn_sort_buffer_destroy(buffers[i]);
	pmn_arena_destroy(arena);
	return code;
}

/* Goal: the worked examples of deduplicate, and ties: with equal sequence
 * numbers an add beats a retract, whichever run it is in. */
TEST(worked_examples)
{
	PmnTestEnv env;
	TestTable table;
	TestRow rows[] = {{1, 1, PMN_INSERT, -1, 1},
					  {1, 2, PMN_DELETE, -1, 9},
					  {2, 5, PMN_DELETE, -1, 1},
					  {2, 5, PMN_INSERT, -1, 2},
					  {3, 7, PMN_DELETE, -1, 1}};
	uint32_t ends[] = {1, 2, 5};
	TestRow out[8];
	uint32_t count;

	pmn_test_env_init(&env);
	test_table_init(&table, &env.base, "a");
	CHECK_OK(&env, merge_rows(&env, &table, rows, ends, 3, false, out, &count));
	CHECK(count == 3);
	CHECK(out[0].kind == PMN_DELETE && out[0].sequence == 2);
	CHECK(out[1].kind == PMN_INSERT && out[1].key == 2);
	CHECK(out[2].kind == PMN_DELETE && out[2].key == 3);
	CHECK(env.base.counters.rows_merged == 2);
	CHECK_OK(&env, merge_rows(&env, &table, rows, ends, 3, true, out, &count));
	CHECK(count == 1 && out[0].key == 2);
	table.options.ignore_delete = true;
	CHECK_OK(&env, merge_rows(&env, &table, rows, ends, 3, true, out, &count));
	/* Key 3 has one row: it bypasses the engine, and is a delete. */
	CHECK(count == 2 && out[0].key == 1 && out[0].sequence == 1);
	CHECK(env.live_bytes == 0);
}

/* Goal: ignore-update-before filters writers, not merges: a -U that is in a
 * file retracts. */
TEST(update_before_in_a_file_counts)
{
	PmnTestEnv env;
	TestTable table;
	TestRow rows[] = {{1, 1, PMN_INSERT, -1, 1},
					  {1, 2, PMN_UPDATE_BEFORE, -1, 1}};
	uint32_t ends[] = {1, 2};
	TestRow out[8];
	uint32_t count;

	pmn_test_env_init(&env);
	test_table_init(&table, &env.base, "a");
	table.options.ignore_update_before = true;
	CHECK_OK(&env, merge_rows(&env, &table, rows, ends, 2, true, out, &count));
	CHECK(count == 0);
	CHECK_OK(&env, merge_rows(&env, &table, rows, ends, 2, false, out, &count));
	CHECK(count == 1 && out[0].kind == PMN_UPDATE_BEFORE);
	table.options.ignore_delete = true;
	CHECK_OK(&env, merge_rows(&env, &table, rows, ends, 2, true, out, &count));
	CHECK(count == 1 && out[0].kind == PMN_INSERT);
	CHECK(env.live_bytes == 0);
}

/* Goal: a failed allocation anywhere leaves nothing behind. */
TEST(survives_every_allocation_failure)
{
	PmnCode code = PMN_NO_MEMORY;
	TestRow rows[60];
	TestRow out[60];
	uint32_t ends[] = {20, 40, 60};

	for (uint32_t i = 0; i < 60; i++)
	{
		TestRow row = {i * 7 % 31, i, i % 5 == 0 ? PMN_DELETE : PMN_INSERT,
					   (int32_t) (i % 3) - 1, i};

		rows[i] = row;
	}
	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnTestEnv env;
		TestTable table;
		uint32_t count;

		pmn_test_env_fail_at(&env, step);
		test_table_init(&table, &env.base, "ba");
		code = merge_rows(&env, &table, rows, ends, 3, true, out, &count);
		CHECK(env.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
}

/* Goal: options that an engine cannot go by are refused, and the runs
 * closed. */
TEST(bad_options_are_refused)
{
	PmnTestEnv env;
	TestTable table;
	TestRow rows[] = {{1, 1, PMN_INSERT, -1, 1}};
	uint32_t ends[] = {1};
	const char *sequence_fields[] = {"e"};
	TestRow out[1];
	uint32_t count;

	pmn_test_env_init(&env);
	test_table_init(&table, &env.base, "a");
	test_table_sequence(&table, false);
	table.options.merge_engine = PMN_MERGE_FIRST_ROW;
	table.options.sequence_fields = sequence_fields;
	table.options.sequence_field_count = 1;
	CHECK(merge_rows(&env, &table, rows, ends, 1, false, out, &count) ==
		  PMN_INVALID);
	CHECK(env.live_bytes == 0);
}

typedef struct FixedRun
{
	PmnRun base;
	PmnBatch batches[3];
	uint32_t count;
	uint32_t at;
} FixedRun;

static PmnCode
fixed_next(PmnRun *base, PmnBatch **out)
{
	FixedRun *run = (FixedRun *) base;

	if (run->at < run->count)
		*out = &run->batches[run->at++];
	return PMN_OK;
}

static void
fixed_close(PmnRun *base)
{
	(void) base;
}

/* Goal: rows out of order, in a batch or between two, and kinds that do not
 * exist are corruption, not wrong rows. */
TEST(broken_runs)
{
	static const TestRow rows[][2] = {{{1, 1, 0, -1, 0}, {2, 2, 0, -1, 0}},
									  {{3, 3, 0, -1, 0}, {2, 4, 0, -1, 0}},
									  {{1, 3, 0, -1, 0}, {5, 4, 0, -1, 0}},
									  {{3, 3, 0, -1, 0}, {5, 4, 9, -1, 0}}};
	static const uint32_t fields[] = {0, 1, 2, 3, 4};

	for (uint32_t i = 1; i < 4; i++)
	{
		PmnTestEnv env;
		TestTable table;
		PmnArena *arena;
		PmnKvLayout *layout;
		PmnMergeReader *reader;
		PmnMergeReadOptions options = {false, 0};
		FixedRun fixed[2];
		PmnRun *runs[2] = {&fixed[0].base, &fixed[1].base};
		PmnBatch *batch = NULL;
		PmnCode code;

		pmn_test_env_init(&env);
		test_table_init(&table, &env.base, "a");
		CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
		CHECK_OK(&env, pmn_kv_layout_make(&table.lsm, arena, fields,
										  TEST_FIELDS, &layout));
		memset(fixed, 0, sizeof(fixed));
		for (uint32_t r = 0; r < 2; r++)
		{
			fixed[r].base.next = fixed_next;
			fixed[r].base.close = fixed_close;
			fixed[r].base.env = &env.base;
			fixed[r].base.has_unique_keys = true;
			fixed[r].count = r == 0 ? 2 : 1;
			for (uint32_t b = 0; b < fixed[r].count; b++)
				test_kv_batch(arena, rows[b == 0 ? 0 : i], 2,
							  &fixed[r].batches[b]);
		}
		CHECK_OK(&env, pmn_merge_reader_open(&table.lsm, layout, runs, 2,
											 &options, &reader));
		do
			code = pmn_merge_reader_next(reader, &batch);
		while (code == PMN_OK && batch != NULL);
		CHECK(code == PMN_CORRUPT);
		pmn_merge_reader_close(reader);
		pmn_arena_destroy(arena);
		CHECK(env.live_bytes == 0);
	}
}

int
main(void)
{
	RUN(agrees_with_a_model);
	RUN(worked_examples);
	RUN(update_before_in_a_file_counts);
	RUN(survives_every_allocation_failure);
	RUN(bad_options_are_refused);
	RUN(broken_runs);
	TEST_END();
}
