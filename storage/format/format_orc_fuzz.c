/*
 * format_orc_fuzz.c
 *
 * Hostile ORC files: tail, stripe footers, and each column under its own and
 * another table type, also with a filter, which makes statistics and row
 * indexes be read; the same bytes as a zoneinfo file.
 *
 * Seeds: files of the golden tables, whose column names are the ones below.
 */
#include <stdlib.h>

#include "format_orc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct FuzzFile
{
	PmnFileReader base;
	PmnFileSystem fs;
	PmnEnv env;
	const uint8_t *data;
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

static PmnCode
fuzz_read(PmnFileReader *reader, uint64_t offset, size_t size, uint8_t *dst)
{
	FuzzFile *file = (FuzzFile *) reader;

	/* Ranges are checked before they are asked for. */
	if (offset > reader->size_bytes || size > reader->size_bytes - offset)
		abort();
	memcpy(dst, file->data + offset, size);
	return PMN_OK;
}

static void
visit_batch(const PmnBatch *batch)
{
	uint64_t sum = 0;
	volatile uint64_t kept;

	for (uint32_t c = 0; c < batch->column_count; c++)
		for (uint32_t r = 0; r < batch->row_count; r++)
		{
			PmnBytes value;

			if (batch->columns[c].kind != PMN_VECTOR_BYTES)
				continue;
			value = ((PmnBytes *) batch->columns[c].values)[r];
			if ((uintptr_t) value.data % 4 != 0)
				abort();
			memset((uint8_t *) (uintptr_t) value.data - PMN_BYTES_HEADROOM, 0,
				   PMN_BYTES_HEADROOM);
			for (uint32_t i = 0; i < value.size; i++)
				sum += value.data[i];
		}
	kept = sum;
	(void) kept;
}

static PmnCode
drain(FuzzFile *file, const PmnFormatReadRequest *request)
{
	PmnFormatReader *reader;
	PmnBatch *batch = NULL;
	uint64_t rows = 0;
	uint64_t first;
	PmnCode code =
		pmn_format_open_reader(&pmn_format_orc, &file->base, request, &reader);

	while (code == PMN_OK && rows < 50000)
	{
		code = pmn_format_next(reader, &batch, &first);
		if (code != PMN_OK || batch == NULL)
			break;
		/* With a filter rows are left out, none comes twice. */
		if (first < rows || (request->filter == NULL && first != rows) ||
			batch->row_count > reader->row_count - first)
			abort();
		rows = first + batch->row_count;
		visit_batch(batch);
	}
	if (code == PMN_OK && batch == NULL && request->filter == NULL &&
		rows != reader->row_count)
		abort();
	if (code != PMN_OK && code != PMN_CORRUPT && code != PMN_UNSUPPORTED)
		abort();
	pmn_format_reader_close(reader);
	return code;
}

/* Rows that a filter on the first column may leave. */
static void
read_filtered(FuzzFile *file, PmnFormatReadRequest *request)
{
	PmnField field = {1, request->columns[0].name, request->columns[0].type,
					  NULL, NULL};
	PmnSchema schema = {.fields = &field, .field_count = 1};
	PmnValue literal = {.is_null = false};
	PmnPredicate filter = {
		.op = PMN_PREDICATE_LT, .literals = &literal, .literal_count = 1};
	int32_t position = 0;

	if (!pmn_type_is_comparable(&field.type))
		filter = (PmnPredicate){.op = PMN_PREDICATE_IS_NULL};
	else if (pmn_type_vector_kind(&field.type) == PMN_VECTOR_BYTES)
		literal.as.bytes = pmn_bytes_string("k0");
	else if (field.type.kind == PMN_TYPE_DOUBLE)
		literal.as.f64 = 1000;
	else if (pmn_type_vector_kind(&field.type) == PMN_VECTOR_DEC128)
		literal.as.dec128 = 1000;
	else if (pmn_type_vector_kind(&field.type) == PMN_VECTOR_TS96)
		literal.as.ts96.millis = 1000;
	else
		literal.as.i64 = 1000;
	request->filter = &filter;
	request->filter_schema = &schema;
	request->filter_columns = &position;
	(void) drain(file, request);
	filter.op = PMN_PREDICATE_NOT_NULL;
	(void) drain(file, request);
}

static void
read_columns(FuzzFile *file, const PmnFormatColumn *columns, uint32_t count)
{
	PmnFormatReadRequest request = {.columns = columns,
									.column_count = count,
									.memory_limit_bytes = 1 << 18};

	if (drain(file, &request) == PMN_OK)
		read_filtered(file, &request);
}

static void
read_zone(FuzzFile *file, const uint8_t *data, size_t size)
{
	PmnArena *arena;
	OrcZone *zone;

	if (size > 100000 || pmn_arena_create(&file->env, 0, &arena) != PMN_OK)
		return;
	if (orc_zone_parse(arena, pmn_bytes(data, size), &zone))
		for (int64_t s = -1; s < INT64_C(10000000000); s = s * 3 - 7777777)
		{
			if (s < -INT64_C(10000000000))
				break;
			(void) orc_zone_offset(zone, s);
			(void) orc_zone_offset(zone, -s);
		}
	pmn_arena_destroy(arena);
}

/* The columns of golden table nested_append_orc, and others of its names. */
static void
read_nested(FuzzFile *file)
{
	static const PmnType integer = {.kind = PMN_TYPE_INT};
	static const PmnType text = {.kind = PMN_TYPE_VARCHAR, .length = 9};
	static const PmnType texts = {.kind = PMN_TYPE_ARRAY, .element = &text};
	static const PmnField inner[] = {
		{1, "k", {.kind = PMN_TYPE_VARCHAR, .length = 9}, NULL, NULL},
		{2, "v", {.kind = PMN_TYPE_DOUBLE}, NULL, NULL},
		{3, "gone", {.kind = PMN_TYPE_MAP, .key = &text, .element = &texts}}};
	static const PmnType row = {
		.kind = PMN_TYPE_ROW, .fields = inner, .field_count = 3};
	static const PmnField middle[] = {
		{4, "p", {.kind = PMN_TYPE_DECIMAL, .precision = 10, .scale = 2}},
		{5, "q", {.kind = PMN_TYPE_ARRAY, .element = &row}}};
	static const PmnField outer[] = {
		{6, "x", {.kind = PMN_TYPE_INT}},
		{7, "y", {.kind = PMN_TYPE_CHAR, .length = 9}},
		{8, "z", {.kind = PMN_TYPE_ROW, .fields = middle, .field_count = 2}}};
	static const PmnFormatColumn columns[] = {
		{"a_int", 0, {.kind = PMN_TYPE_ARRAY, .element = &integer}},
		{"a_str", 0, {.kind = PMN_TYPE_VECTOR, .element = &text}},
		{"m_si", 0, {.kind = PMN_TYPE_MAP, .key = &text, .element = &integer}},
		{"m_ia", 0, {.kind = PMN_TYPE_MAP, .key = &integer, .element = &texts}},
		{"ms", 0, {.kind = PMN_TYPE_MULTISET, .element = &text}},
		{"r", 0, {.kind = PMN_TYPE_ROW, .fields = outer, .field_count = 3}},
		{"a_row", 0, {.kind = PMN_TYPE_ARRAY, .element = &row}},
		{"r", 0, {.kind = PMN_TYPE_VARIANT}}};

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		read_columns(file, &columns[i], 1);
	read_columns(file, columns, 6);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const PmnFormatColumn columns[] = {
		{"id", 0, {.kind = PMN_TYPE_INT}},
		{"s", 0, {.kind = PMN_TYPE_VARCHAR, .length = 9}},
		{"x", 0, {.kind = PMN_TYPE_BIGINT}},
		{"c_bool", 0, {.kind = PMN_TYPE_BOOLEAN}},
		{"c_tiny", 0, {.kind = PMN_TYPE_TINYINT}},
		{"c_small", 0, {.kind = PMN_TYPE_BIGINT}},
		{"c_float", 0, {.kind = PMN_TYPE_DOUBLE}},
		{"c_dec_4_2",
		 0,
		 {.kind = PMN_TYPE_DECIMAL, .precision = 4, .scale = 2}},
		{"c_dec_38_18",
		 0,
		 {.kind = PMN_TYPE_DECIMAL, .precision = 38, .scale = 18}},
		{"c_char10", 0, {.kind = PMN_TYPE_CHAR, .length = 10}},
		{"c_string", 0, {.kind = PMN_TYPE_VARBINARY, .length = 10}},
		{"c_date", 0, {.kind = PMN_TYPE_DATE}},
		{"c_time3", 0, {.kind = PMN_TYPE_TIME, .precision = 3}},
		{"c_ts6", 0, {.kind = PMN_TYPE_TIMESTAMP, .precision = 6}},
		{"c_ltz9", 0, {.kind = PMN_TYPE_TIMESTAMP_LTZ, .precision = 9}},
		{"c_big", 0, {.kind = PMN_TYPE_TIMESTAMP, .precision = 3}},
	};
	FuzzFile file = {
		.base = {.read_at = fuzz_read, .size_bytes = size, .path = "fuzz"},
		.env = {.allocate = fuzz_allocate,
				.reallocate = fuzz_reallocate,
				.release = fuzz_release},
		.data = data};

	file.fs.env = &file.env;
	file.base.fs = &file.fs;
	read_columns(&file, columns, sizeof(columns) / sizeof(columns[0]));
	/* Each by itself, too: one that is refused must not hide the rest. */
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		read_columns(&file, &columns[i], 1);
	read_nested(&file);
	read_zone(&file, data, size);
	return 0;
}
