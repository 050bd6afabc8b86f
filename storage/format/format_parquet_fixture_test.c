/*
 * format_parquet_fixture_test.c
 *
 * Files that Paimon's Java writer made: every value must be the one Paimon
 * itself reads, and damaged copies must fail or read, never crash. Needs
 * PMN_ARROW_PATH (the shim) and PMN_FIXTURES (golden tables).
 */
#include "format_testing.h"

#include "format_parquet.h"

/* Goal: what Java wrote reads as Java reads it, for all types, encodings
 * and codecs. */
TEST(java_files_read_alike)
{
	static const char *const names[] = {
		"types_append_parquet", "decimals_parquet",
		"timestamps_parquet",	"parquet_v2",
		"row_groups",			"compress_parquet_gzip",
		"compress_parquet_lz4", "nested_append_parquet",
		"v101_nested",			"variant_parquet",
		"variant_shredded",		"file_index_bitmap",
	};
	static Fixture fixture;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		uint32_t golden = 0;

		open_fixture(&fixture, &pmn_format_parquet, names[i]);
		for_each_file(&fixture, check_file);
		for (size_t r = 0; r < IDS; r++)
			golden += fixture.rows[r] != NULL;
		printf("# %s: %u rows\n", names[i], fixture.checked);
		CHECK(fixture.wrong == 0);
		CHECK(fixture.checked == golden);
		close_fixture(&fixture);
	}
}

/* Primary-key tables: older rows of a key differ from the golden state, so
 * only the newest file's first rows are looked at. */
TEST(codecs_of_key_tables)
{
	static const char *const names[] = {"compress_parquet_none",
										"compress_parquet_zstd"};
	static Fixture fixture;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		open_fixture(&fixture, &pmn_format_parquet, names[i]);
		fixture.column_count = 1;
		for_each_file(&fixture, check_file);
		CHECK(fixture.checked > 0);
		close_fixture(&fixture);
	}
}

/* ---- damaged copies --------------------------------------------------------------- */

typedef struct Damaged
{
	PmnTestEnv *env;
	PmnBytes bytes;
} Damaged;

static PmnCode
damaged_read(void *context, uint64_t offset, size_t size, uint8_t *dst)
{
	Damaged *damaged = context;

	if (offset > damaged->bytes.size || size > damaged->bytes.size - offset)
		return pmn_fail(&damaged->env->base, PMN_CORRUPT, "read past the end");
	memcpy(dst, damaged->bytes.data + offset, size);
	return PMN_OK;
}

static void *
damaged_allocate(void *context, size_t size)
{
	return parquet_allocate(&((Damaged *) context)->env->base, size);
}

static void
damaged_release(void *context, void *block, size_t size)
{
	parquet_release(&((Damaged *) context)->env->base, block, size);
}

static PmnCode
drain(const PmnArrowApi *api, PmnArrowReader *reader)
{
	PmnArrowStats stats;
	PmnArrowError error;
	const int64_t *first_rows;
	PmnBatch *batch;
	int64_t first;

	for (int32_t g = 0; g < api->group_count(reader); g++)
	{
		(void) api->group_stats(reader, g, 0, &stats);
		if (api->load_pages(reader, g, 0, &first_rows) > 0)
			(void) api->page_stats(reader, 0, 0, &stats);
		if (api->group_rows(reader, g) > 1000000)
			return PMN_CORRUPT;
		PMN_TRY(api->begin_group(reader, g, NULL, 0, &error));
		do
		{
			uint64_t sum = 0;

			PMN_TRY(api->next(reader, &batch, &first, &error));
			for (uint32_t c = 0; batch != NULL && c < batch->column_count; c++)
				for (uint32_t r = 0; r < batch->row_count; r++)
				{
					PmnValue value = pmn_vector_value(&batch->columns[c], r);
					bool is_bytes = batch->columns[c].kind == PMN_VECTOR_BYTES;

					if (is_bytes && !value.is_null && value.as.bytes.size > 0)
						sum += value.as.bytes.data[value.as.bytes.size - 1];
				}
			(void) sum;
		} while (batch != NULL);
	}
	return PMN_OK;
}

/* Straight through the shim, without the checksums that hide the rest. */
static PmnCode
read_damaged(Fixture *fixture, PmnBytes bytes)
{
	Damaged damaged = {&fixture->env, bytes};
	PmnArrowHost host = {&damaged,		 "damaged", bytes.size,
						 damaged_read,	 NULL,		damaged_allocate,
						 damaged_release};
	PmnArrowReadOptions options = {.column_count = fixture->column_count,
								   .memory_limit_bytes = 1 << 20};
	PmnArrowReader *reader = NULL;
	PmnArrowColumn *columns;
	const PmnArrowApi *api;
	PmnArrowError error;
	PmnCode code;

	PMN_TRY(pmn_arrow_load(&fixture->env.base, &api));
	PMN_TRY(parquet_columns(fixture->arena, fixture->columns,
							fixture->column_count, &columns));
	options.columns = columns;
	code = api->reader_open(&host, &options, &reader, &error);
	if (code == PMN_OK)
		code = drain(api, reader);
	if (reader != NULL)
		api->reader_close(reader);
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
	CHECK(codes[PMN_OK] + codes[PMN_CORRUPT] + codes[PMN_NO_MEMORY] +
			  codes[PMN_UNSUPPORTED] ==
		  300);
	printf("# mutants: %u read, %u corrupt, %u memory, %u unsupported\n",
		   codes[PMN_OK], codes[PMN_CORRUPT], codes[PMN_NO_MEMORY],
		   codes[PMN_UNSUPPORTED]);
}

/* Goal: no damage crashes, leaks or takes unbounded memory. */
TEST(damaged_files_fail_cleanly)
{
	static const char *const names[] = {"types_append_parquet",
										"parquet_v2",
										"row_groups",
										"timestamps_parquet",
										"nested_append_parquet",
										"variant_parquet",
										"variant_shredded"};
	static Fixture fixture;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		open_fixture(&fixture, &pmn_format_parquet, names[i]);
		for_each_file(&fixture, damage_file);
		close_fixture(&fixture);
	}
}

int
main(void)
{
	if (getenv("PMN_ARROW_PATH") == NULL || getenv("PMN_FIXTURES") == NULL)
	{
		printf("# skipped: PMN_ARROW_PATH or PMN_FIXTURES is not set\n");
		TEST_END();
	}
	RUN(java_files_read_alike);
	RUN(codecs_of_key_tables);
	RUN(damaged_files_fail_cleanly);
	TEST_END();
}
