/*
 * format_parquet_fuzz.c
 *
 * Hostile Parquet files through the shim, checksums off so that page bytes
 * are reached: footer, statistics, page index, and each column under several
 * table types. Needs PMN_ARROW_PATH; Arrow itself is not instrumented, but
 * every block it asks for comes from malloc and has red zones.
 *
 * Seeds: files of the golden tables, whose column names are the ones below.
 */
#include <stdlib.h>

#include "format_parquet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct FuzzFile
{
	PmnEnv env;
	const uint8_t *data;
	size_t size;
} FuzzFile;

static void *
fuzz_allocate(PmnEnv *env, size_t size)
{
	(void) env;
	return malloc(size);
}

static void
fuzz_release(PmnEnv *env, void *block, size_t size)
{
	(void) env;
	(void) size;
	free(block);
}

static void *
fuzz_reallocate(PmnEnv *env, void *old, size_t old_size, size_t size)
{
	(void) env;
	(void) old_size;
	return realloc(old, size);
}

static bool
fuzz_should_stop(PmnEnv *env)
{
	(void) env;
	return false;
}

static PmnCode
fuzz_read(void *context, uint64_t offset, size_t size, uint8_t *dst)
{
	FuzzFile *file = context;

	if (offset > file->size || size > file->size - offset)
		return PMN_CORRUPT;
	memcpy(dst, file->data + offset, size);
	return PMN_OK;
}

static void *
host_allocate(void *context, size_t size)
{
	(void) context;
	return malloc(size);
}

static void
host_release(void *context, void *block, size_t size)
{
	(void) context;
	(void) size;
	free(block);
}

static void
visit_batch(const PmnBatch *batch)
{
	uint64_t sum = 0;
	volatile uint64_t kept;

	for (uint32_t c = 0; c < batch->column_count; c++)
		for (uint32_t r = 0; r < batch->row_count; r++)
		{
			PmnValue value = pmn_vector_value(&batch->columns[c], r);

			if (batch->columns[c].kind != PMN_VECTOR_BYTES || value.is_null)
				continue;
			for (uint32_t i = 0; i < value.as.bytes.size; i++)
				sum += value.as.bytes.data[i];
			memset((uint8_t *) (uintptr_t) value.as.bytes.data -
					   PMN_BYTES_HEADROOM,
				   0, value.as.bytes.size > 0 ? PMN_BYTES_HEADROOM : 0);
		}
	kept = sum;
	(void) kept;
}

static void
visit_group(const PmnArrowApi *api, PmnArrowReader *reader, int32_t group,
			uint32_t columns)
{
	PmnArrowRange ranges[2] = {{1, 3}, {20, 40}};
	int64_t rows = api->group_rows(reader, group);
	const int64_t *first_rows;
	PmnArrowStats stats;
	PmnArrowError error;
	int64_t first_row;
	PmnBatch *batch;

	for (uint32_t c = 0; c < columns; c++)
	{
		uint32_t pages = api->load_pages(reader, group, c, &first_rows);

		(void) api->group_stats(reader, group, c, &stats);
		for (uint32_t p = 0; p < pages && p < 10; p++)
			(void) api->page_stats(reader, c, p, &stats);
	}
	if (rows < 40 || rows > 100000)
		ranges[0] = (PmnArrowRange){0, rows < 1000 ? rows : 1000};
	if (rows == 0 || api->begin_group(reader, group, ranges,
									  rows >= 40 && rows <= 100000 ? 2 : 1,
									  &error) != PMN_OK)
		return;
	while (api->next(reader, &batch, &first_row, &error) == PMN_OK &&
		   batch != NULL)
		visit_batch(batch);
}

static const PmnType fuzz_int = {.kind = PMN_TYPE_INT, .is_nullable = true};
static const PmnType fuzz_text = {.kind = PMN_TYPE_VARCHAR,
								  .length = PMN_LENGTH_MAX};
static const PmnType fuzz_double = {.kind = PMN_TYPE_DOUBLE};
static const PmnType fuzz_texts = {.kind = PMN_TYPE_ARRAY,
								   .element = &fuzz_text};
static const PmnField fuzz_pair[] = {
	{0, "k", {.kind = PMN_TYPE_VARCHAR}, NULL, NULL},
	{0, "v", {.kind = PMN_TYPE_DOUBLE}, NULL, NULL}};
static const PmnType fuzz_row = {
	.kind = PMN_TYPE_ROW, .fields = fuzz_pair, .field_count = 2};
static const PmnField fuzz_deep[] = {
	{0,
	 "p",
	 {.kind = PMN_TYPE_DECIMAL, .precision = 10, .scale = 2},
	 NULL,
	 NULL},
	{0, "q", {.kind = PMN_TYPE_ARRAY, .element = &fuzz_row}, NULL, NULL}};
static const PmnField fuzz_fields[] = {
	{0, "x", {.kind = PMN_TYPE_INT}, NULL, NULL},
	{0,
	 "z",
	 {.kind = PMN_TYPE_ROW, .fields = fuzz_deep, .field_count = 2},
	 NULL,
	 NULL}};

/* The nested columns of the golden tables, and a shredded variant. */
static const PmnArrowColumn fuzz_nested[] = {
	{"a_int", 0, PMN_VECTOR_BYTES,
	 &(const PmnType){.kind = PMN_TYPE_ARRAY, .element = &fuzz_int}, "type"},
	{"m_ia", 0, PMN_VECTOR_BYTES,
	 &(const PmnType){
		 .kind = PMN_TYPE_MAP, .key = &fuzz_int, .element = &fuzz_texts},
	 "type"},
	{"ms", 0, PMN_VECTOR_BYTES,
	 &(const PmnType){.kind = PMN_TYPE_MULTISET, .element = &fuzz_text},
	 "type"},
	{"r", 0, PMN_VECTOR_BYTES,
	 &(const PmnType){
		 .kind = PMN_TYPE_ROW, .fields = fuzz_fields, .field_count = 2},
	 "type"},
	{"v", 0, PMN_VECTOR_BYTES, &(const PmnType){.kind = PMN_TYPE_VARIANT},
	 "type"},
	{"v", 0, PMN_VECTOR_BYTES,
	 &(const PmnType){
		 .kind = PMN_TYPE_VECTOR, .element = &fuzz_double, .length = 2},
	 "type"},
};

static PmnType
pick_type(uint32_t column, uint32_t variant)
{
	static const PmnType types[] = {
		{.kind = PMN_TYPE_INT},
		{.kind = PMN_TYPE_BOOLEAN},
		{.kind = PMN_TYPE_TINYINT},
		{.kind = PMN_TYPE_SMALLINT},
		{.kind = PMN_TYPE_BIGINT},
		{.kind = PMN_TYPE_FLOAT},
		{.kind = PMN_TYPE_DOUBLE},
		{.kind = PMN_TYPE_DECIMAL, .precision = 4, .scale = 2},
		{.kind = PMN_TYPE_DECIMAL, .precision = 38, .scale = 0},
		{.kind = PMN_TYPE_VARCHAR, .length = PMN_LENGTH_MAX},
		{.kind = PMN_TYPE_VARBINARY, .length = PMN_LENGTH_MAX},
		{.kind = PMN_TYPE_DATE},
		{.kind = PMN_TYPE_TIME, .precision = 3},
		{.kind = PMN_TYPE_TIMESTAMP, .precision = 6},
		{.kind = PMN_TYPE_TIMESTAMP, .precision = 9},
	};

	return types[(column + variant) % (sizeof(types) / sizeof(types[0]))];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"id",		 "s",		 "x",	  "c_bool", "c_tiny",
		"c_dec_4_2", "c_string", "c_ts6", "c_ts9",	"c_dec_38_0"};
	static const uint32_t natural[] = {0, 9, 4, 1, 2, 7, 9, 13, 14, 8};
	PmnArrowColumn columns[10];
	PmnType types[10];
	FuzzFile file = {{0}, data, size};
	PmnArrowHost host = {&file, "fuzz",		   size,		fuzz_read,
						 NULL,	host_allocate, host_release};
	PmnArrowReadOptions options = {columns, 0, 1 << 20, false, NULL};
	const PmnArrowApi *api;
	PmnArrowError error;

	file.env.allocate = fuzz_allocate;
	file.env.reallocate = fuzz_reallocate;
	file.env.release = fuzz_release;
	file.env.should_stop = fuzz_should_stop;
	if (pmn_arrow_load(&file.env, &api) != PMN_OK)
		abort();
	/* Each column by itself: one that is refused must not hide the rest. */
	for (uint32_t i = 0; i < 10; i++)
	{
		PmnArrowReader *reader = NULL;

		types[i] = pick_type(natural[i], size % 7 == 0 ? data[0] : 0);
		columns[0] = (PmnArrowColumn){
			names[i], 0, pmn_type_vector_kind(&types[i]), &types[i], "type"};
		options.column_count = 1;
		if (api->reader_open(&host, &options, &reader, &error) != PMN_OK)
			continue;
		for (int32_t g = 0; g < api->group_count(reader) && g < 4; g++)
			visit_group(api, reader, g, 1);
		api->reader_close(reader);
	}
	for (size_t i = 0; i < sizeof(fuzz_nested) / sizeof(fuzz_nested[0]); i++)
	{
		PmnArrowReader *reader = NULL;

		columns[0] = fuzz_nested[i];
		if (api->reader_open(&host, &options, &reader, &error) != PMN_OK)
			continue;
		for (int32_t g = 0; g < api->group_count(reader) && g < 4; g++)
			visit_group(api, reader, g, 1);
		api->reader_close(reader);
	}
	return 0;
}
