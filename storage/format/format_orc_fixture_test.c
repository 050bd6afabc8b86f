/*
 * format_orc_fixture_test.c
 *
 * ORC files that Paimon's Java writer made: every value must be the one
 * Paimon itself reads, and damaged copies must fail or read, never crash.
 * Needs PMN_FIXTURES (golden tables).
 */
#include "format_testing.h"

/* Goal: what Java wrote reads as Java reads it, for all types, encodings
 * and codecs, stripes and ancient timestamps. */
TEST(java_files_read_alike)
{
	static const char *const names[] = {
		"types_append_orc",	 "decimals_orc",
		"orc_stripes",		 "timestamps_orc_ancient",
		"compress_orc_zlib", "compress_orc_snappy",
		"v090_types",		 "nested_append_orc"};
	static Fixture fixture;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		uint32_t golden = 0;

		open_fixture(&fixture, &pmn_format_orc, names[i]);
		for_each_file(&fixture, check_file);
		for (size_t r = 0; r < IDS; r++)
			golden += fixture.rows[r] != NULL;
		printf("# %s: %u rows of %u, %u wrong\n", names[i], fixture.checked,
			   golden, fixture.wrong);
		CHECK(fixture.wrong == 0);
		CHECK(fixture.checked == golden);
		close_fixture(&fixture);
	}
}

/* ---- damaged copies ------------------------------------------------------ */

static PmnCode
read_damaged(Fixture *fixture, PmnBytes bytes)
{
	PmnFormatReadRequest request = {.columns = fixture->columns,
									.column_count = fixture->column_count,
									.memory_limit_bytes = 1 << 20};
	PmnFormatReader *reader = NULL;
	PmnFileReader *file = NULL;
	PmnFileSystem *fs = NULL;
	PmnBatch *batch = NULL;
	uint64_t first;
	uint64_t rows = 0;
	PmnCode code = pmn_fs_memory_open(&fixture->env.base, &fs);

	if (code == PMN_OK)
		code = pmn_fs_put(fs, "/damaged", PMN_PUT_OVERWRITE, bytes);
	if (code == PMN_OK)
		code = pmn_fs_open_read(fs, "/damaged", &file);
	if (code == PMN_OK)
		code = pmn_format_open_reader(&pmn_format_orc, file, &request, &reader);
	while (code == PMN_OK && rows < 1000000)
	{
		code = pmn_format_next(reader, &batch, &first);
		if (code != PMN_OK || batch == NULL)
			break;
		rows += batch->row_count;
	}
	pmn_format_reader_close(reader);
	pmn_file_reader_close(file);
	pmn_fs_close(fs);
	return code;
}

static void
damage_file(Fixture *fixture, const char *path)
{
	PmnBytes bytes = load_file(fixture, path);
	uint8_t *copy = pmn_arena_alloc(fixture->arena, bytes.size);
	uint32_t codes[PMN_IO + 1] = {0};

	CHECK(read_damaged(fixture, bytes) == PMN_OK);
	for (uint32_t i = 0; i < 40; i++)
	{
		uint32_t size = pmn_test_below(&fixture->env, bytes.size);

		CHECK(read_damaged(fixture, pmn_bytes(bytes.data, size)) != PMN_OK);
	}
	for (uint32_t i = 0; i < 300; i++)
	{
		uint32_t flips = 1 + pmn_test_below(&fixture->env, 6);
		/* Half of the mutants in the footer, where structure is. */
		uint32_t begin =
			i % 2 == 0 || bytes.size < 4000 ? 0 : bytes.size - 4000;

		memcpy(copy, bytes.data, bytes.size);
		for (uint32_t f = 0; f < flips; f++)
			copy[begin + pmn_test_below(&fixture->env, bytes.size - begin)] ^=
				(uint8_t) (1u << pmn_test_below(&fixture->env, 8));
		codes[read_damaged(fixture, pmn_bytes(copy, bytes.size))]++;
	}
	CHECK(codes[PMN_OK] + codes[PMN_CORRUPT] + codes[PMN_UNSUPPORTED] == 300);
	printf("# mutants: %u read, %u corrupt, %u unsupported\n", codes[PMN_OK],
		   codes[PMN_CORRUPT], codes[PMN_UNSUPPORTED]);
}

/* Goal: no damage crashes, leaks or takes unbounded memory. */
TEST(damaged_files_fail_cleanly)
{
	static const char *const names[] = {
		"types_append_orc",	 "compress_orc_lz4", "compress_orc_snappy",
		"compress_orc_zlib", "decimals_orc",	 "nested_append_orc"};
	static Fixture fixture;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		open_fixture(&fixture, &pmn_format_orc, names[i]);
		for_each_file(&fixture, damage_file);
		close_fixture(&fixture);
	}
}

int
main(void)
{
	if (getenv("PMN_FIXTURES") == NULL)
	{
		printf("# skipped: PMN_FIXTURES is not set\n");
		TEST_END();
	}
	RUN(java_files_read_alike);
	RUN(damaged_files_fail_cleanly);
	TEST_END();
}
