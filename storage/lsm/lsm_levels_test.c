/*
 * lsm_levels_test.c
 *
 * Runs and sections of a bucket's files.
 */
#include "lsm_levels.h"
#include "lsm_testing.h"

#define FILES_MAX 60

typedef struct Files
{
	PmnDataFile items[FILES_MAX];
	const PmnDataFile *pointers[FILES_MAX];
	char names[FILES_MAX][8];
	uint32_t count;
} Files;

static PmnBytes
key_row(PmnArena *arena, TestTable *table, int64_t key)
{
	PmnValue value = {false, {.i64 = key}};
	PmnBuffer buffer;
	PmnBytes out;

	pmn_buffer_init(&buffer, table->lsm.env);
	CHECK_OK(
		(PmnTestEnv *) table->lsm.env,
		pmn_row_append_serialized(&buffer, table->lsm.key_types, &value, 1));
	out =
		pmn_bytes(pmn_arena_copy(arena, buffer.data, buffer.size), buffer.size);
	pmn_buffer_free(&buffer);
	return out;
}

static PmnDataFile *
add_file(Files *files, PmnArena *arena, TestTable *table, int32_t level,
		 int64_t min, int64_t max, int64_t sequence)
{
	PmnDataFile *file = &files->items[files->count];

	memset(file, 0, sizeof(*file));
	snprintf(files->names[files->count], 8, "f%02u", files->count);
	file->file_name = pmn_bytes_string(files->names[files->count]);
	file->file_size = 100 + files->count;
	file->min_key = key_row(arena, table, min);
	file->max_key = key_row(arena, table, max);
	file->level = level;
	file->min_sequence_number = sequence;
	file->max_sequence_number = sequence;
	files->pointers[files->count++] = file;
	return file;
}

static const char *
run_name(const PmnLevelRun *run, uint32_t file)
{
	return (const char *) run->files[file].file->file_name.data;
}

/* Goal: level 0 newest first, each file a run; deeper levels one run in key
 * order. */
TEST(runs_are_newest_first)
{
	PmnTestEnv env;
	TestTable table;
	PmnArena *arena;
	Files files = {.count = 0};
	PmnLevelFile *level_files;
	PmnLevelRun *runs;
	uint32_t count;

	pmn_test_env_init(&env);
	test_table_init(&table, &env.base, "a");
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	(void) add_file(&files, arena, &table, 5, 50, 60, 1);
	(void) add_file(&files, arena, &table, 0, 1, 9, 7);
	(void) add_file(&files, arena, &table, 5, 10, 49, 2);
	(void) add_file(&files, arena, &table, 0, 1, 9, 9);
	(void) add_file(&files, arena, &table, 2, -5, 90, 3);
	CHECK_OK(&env, pmn_level_files(&table.lsm, arena, files.pointers, 5,
								   &level_files));
	CHECK_OK(&env,
			 pmn_level_runs(&table.lsm, arena, level_files, 5, &runs, &count));
	CHECK(count == 4);
	CHECK(strcmp(run_name(&runs[0], 0), "f03") == 0 && runs[0].level == 0);
	CHECK(strcmp(run_name(&runs[1], 0), "f01") == 0);
	CHECK(runs[2].level == 2 && runs[2].size_bytes == 104);
	CHECK(runs[3].level == 5 && runs[3].file_count == 2);
	CHECK(strcmp(run_name(&runs[3], 0), "f02") == 0);
	CHECK(runs[3].size_bytes == 202);
	CHECK_OK(&env,
			 pmn_level_runs(&table.lsm, arena, level_files, 0, &runs, &count));
	CHECK(count == 0);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

/* Goal: overlap on a level, ranges upside down and impossible levels are
 * corruption. */
TEST(broken_levels_are_refused)
{
	PmnTestEnv env;
	TestTable table;
	PmnArena *arena;
	Files files = {.count = 0};
	PmnLevelFile *level_files;
	PmnLevelRun *runs;
	PmnDataFile *file;
	uint32_t count;

	pmn_test_env_init(&env);
	test_table_init(&table, &env.base, "a");
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	(void) add_file(&files, arena, &table, 3, 1, 10, 1);
	file = add_file(&files, arena, &table, 3, 10, 20, 2);
	CHECK_OK(&env, pmn_level_files(&table.lsm, arena, files.pointers, 2,
								   &level_files));
	CHECK(pmn_level_runs(&table.lsm, arena, level_files, 2, &runs, &count) ==
		  PMN_CORRUPT);
	file->max_key = key_row(arena, &table, 9);
	CHECK(pmn_level_files(&table.lsm, arena, files.pointers, 2, &level_files) ==
		  PMN_CORRUPT);
	file->max_key = key_row(arena, &table, 30);
	file->level = -1;
	CHECK(pmn_level_files(&table.lsm, arena, files.pointers, 2, &level_files) ==
		  PMN_CORRUPT);
	file->level = 3;
	file->max_key.size -= 3;
	CHECK(pmn_level_files(&table.lsm, arena, files.pointers, 2, &level_files) ==
		  PMN_CORRUPT);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

/* Goal: the worked example of interval partition; equal boundary keys are one
 * section with two runs. */
TEST(worked_example_of_sections)
{
	PmnTestEnv env;
	TestTable table;
	PmnArena *arena;
	Files files = {.count = 0};
	PmnLevelFile *level_files;
	PmnSection *sections;
	uint32_t count;

	pmn_test_env_init(&env);
	test_table_init(&table, &env.base, "a");
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	(void) add_file(&files, arena, &table, 0, 1, 10, 9);
	(void) add_file(&files, arena, &table, 0, 11, 20, 8);
	(void) add_file(&files, arena, &table, 5, 15, 30, 1);
	(void) add_file(&files, arena, &table, 5, 31, 40, 1);
	(void) add_file(&files, arena, &table, 5, 41, 42, 1);
	CHECK_OK(&env, pmn_level_files(&table.lsm, arena, files.pointers, 5,
								   &level_files));
	CHECK_OK(&env, pmn_level_sections(&table.lsm, arena, level_files, 5,
									  &sections, &count));
	CHECK(count == 4);
	CHECK(sections[0].run_count == 1 && sections[1].run_count == 2);
	CHECK(sections[2].run_count == 1 && sections[3].run_count == 1);
	(void) add_file(&files, arena, &table, 0, 42, 50, 9);
	CHECK_OK(&env, pmn_level_files(&table.lsm, arena, files.pointers, 6,
								   &level_files));
	CHECK_OK(&env, pmn_level_sections(&table.lsm, arena, level_files, 6,
									  &sections, &count));
	CHECK(count == 4 && sections[3].run_count == 2);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

static int64_t
key_of(const PmnValue *key)
{
	return key[0].as.i64;
}

/* How many files at most share one key: the least number of runs possible. */
static uint32_t
deepest(const PmnSection *section)
{
	uint32_t most = 0;

	for (int64_t key = 0; key < 200; key++)
	{
		uint32_t here = 0;

		for (uint32_t r = 0; r < section->run_count; r++)
		{
			const PmnLevelRun *run = &section->runs[r];

			for (uint32_t f = 0; f < run->file_count; f++)
				here += key_of(run->files[f].min_key) <= key &&
						key <= key_of(run->files[f].max_key);
		}
		most = here > most ? here : most;
	}
	return most;
}

/* Goal: for random files, sections are disjoint and ordered, runs inside them
 * are sorted, there are as few as possible, and no file is lost. */
TEST(random_sections)
{
	PmnTestEnv env;
	TestTable table;

	pmn_test_env_init(&env);
	test_table_init(&table, &env.base, "a");
	for (int round = 0; round < 200; round++)
	{
		PmnArena *arena;
		Files files = {.count = 0};
		PmnLevelFile *level_files;
		PmnSection *sections;
		uint32_t count;
		uint32_t seen = 0;
		int64_t end = -1;

		CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
		for (uint32_t n = pmn_test_below(&env, FILES_MAX); n > 0; n--)
		{
			int64_t min = pmn_test_below(&env, 180);
			int64_t max = min + pmn_test_below(&env, 12);

			(void) add_file(&files, arena, &table, 0, min, max, n);
		}
		CHECK_OK(&env, pmn_level_files(&table.lsm, arena, files.pointers,
									   files.count, &level_files));
		CHECK_OK(&env, pmn_level_sections(&table.lsm, arena, level_files,
										  files.count, &sections, &count));
		for (uint32_t s = 0; s < count; s++)
		{
			int64_t highest = end;

			CHECK(sections[s].run_count == deepest(&sections[s]));
			for (uint32_t r = 0; r < sections[s].run_count; r++)
			{
				const PmnLevelRun *run = &sections[s].runs[r];
				int64_t last = end;

				for (uint32_t f = 0; f < run->file_count; f++, seen++)
				{
					CHECK(key_of(run->files[f].min_key) > last);
					last = key_of(run->files[f].max_key);
				}
				highest = last > highest ? last : highest;
			}
			end = highest;
		}
		CHECK(seen == files.count);
		pmn_arena_destroy(arena);
	}
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	RUN(runs_are_newest_first);
	RUN(broken_levels_are_refused);
	RUN(worked_example_of_sections);
	RUN(random_sections);
	TEST_END();
}
