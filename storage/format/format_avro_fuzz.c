/*
 * format_avro_fuzz.c
 *
 * Goal: no bytes make the reader of Avro data files crash, hang or keep
 * memory, and every value it gives can be touched. The first byte chooses
 * between the whole file as it comes and a valid header of our own, with all
 * types, in front of a block of hostile records; the second is then their
 * number.
 */
#include "format_avro_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLUMNS 19

static const PmnType integer = {.kind = PMN_TYPE_INT};
static const PmnType text = {.kind = PMN_TYPE_VARCHAR};
static const PmnType texts = {.kind = PMN_TYPE_ARRAY, .element = &text};
static const PmnField row_fields[] = {
	{1, "q", {.kind = PMN_TYPE_VARBINARY}, NULL, NULL},
	{2, "gone", {.kind = PMN_TYPE_DOUBLE}, NULL, NULL},
	{3, "p", {.kind = PMN_TYPE_VARCHAR}, NULL, NULL}};
static const PmnType row = {
	.kind = PMN_TYPE_ROW, .fields = row_fields, .field_count = 3};
static const PmnType map = {
	.kind = PMN_TYPE_MAP, .key = &text, .element = &row};

/* Names and types of golden tables and of the schema below. */
static const PmnFormatColumn columns[COLUMNS] = {
	{.name = "id", .type = {.kind = PMN_TYPE_INT}},
	{.name = "c_bool", .type = {.kind = PMN_TYPE_BOOLEAN}},
	{.name = "c_tiny", .type = {.kind = PMN_TYPE_TINYINT}},
	{.name = "c_small", .type = {.kind = PMN_TYPE_SMALLINT}},
	{.name = "c_big", .type = {.kind = PMN_TYPE_BIGINT}},
	{.name = "c_float", .type = {.kind = PMN_TYPE_FLOAT}},
	{.name = "c_double", .type = {.kind = PMN_TYPE_DOUBLE}},
	{.name = "c_dec_4_2",
	 .type = {.kind = PMN_TYPE_DECIMAL, .precision = 4, .scale = 2}},
	{.name = "c_dec_38_0", .type = {.kind = PMN_TYPE_DECIMAL, .precision = 38}},
	{.name = "c_string", .type = {.kind = PMN_TYPE_VARCHAR}},
	{.name = "c_bytes", .type = {.kind = PMN_TYPE_VARBINARY}},
	{.name = "c_date", .type = {.kind = PMN_TYPE_DATE}},
	{.name = "c_time", .type = {.kind = PMN_TYPE_TIME, .precision = 3}},
	{.name = "c_ts3", .type = {.kind = PMN_TYPE_TIMESTAMP, .precision = 3}},
	{.name = "c_ts6", .type = {.kind = PMN_TYPE_TIMESTAMP, .precision = 6}},
	{.name = "c_ts9", .type = {.kind = PMN_TYPE_TIMESTAMP_LTZ, .precision = 9}},
	{.name = "x1", .type = {.kind = PMN_TYPE_ARRAY, .element = &map}},
	{.name = "m_ia",
	 .type = {.kind = PMN_TYPE_MAP, .key = &integer, .element = &texts}},
	{.name = "ms", .type = {.kind = PMN_TYPE_MULTISET, .element = &text}},
};

static const char schema[] =
	"[\"null\",{\"type\":\"record\",\"name\":\"record\",\"fields\":["
	"{\"name\":\"id\",\"type\":\"int\"},"
	"{\"name\":\"c_bool\",\"type\":[\"null\",\"boolean\"]},"
	"{\"name\":\"x1\",\"type\":{\"type\":\"array\",\"items\":[\"null\","
	"{\"type\":\"map\",\"values\":{\"type\":\"record\",\"name\":\"r\","
	"\"fields\":[{\"name\":\"p\",\"type\":\"string\"},{\"name\":\"q\","
	"\"type\":{\"type\":\"fixed\",\"name\":\"f3\",\"size\":3}}]}}]}},"
	"{\"name\":\"c_tiny\",\"type\":[\"int\",\"null\"]},"
	"{\"name\":\"c_big\",\"type\":[\"null\",\"long\"]},"
	"{\"name\":\"c_float\",\"type\":\"float\"},"
	"{\"name\":\"c_double\",\"type\":[\"null\",\"float\"]},"
	"{\"name\":\"x2\",\"type\":[\"null\",\"int\",\"r\",\"f3\"]},"
	"{\"name\":\"c_dec_4_2\",\"type\":[\"null\",{\"type\":\"bytes\","
	"\"logicalType\":\"decimal\",\"precision\":4,\"scale\":2}]},"
	"{\"name\":\"c_dec_38_0\",\"type\":{\"type\":\"fixed\",\"name\":\"d\","
	"\"size\":18,\"logicalType\":\"decimal\",\"precision\":38}},"
	"{\"name\":\"c_string\",\"type\":[\"null\",\"string\"]},"
	"{\"name\":\"c_bytes\",\"type\":[\"null\",\"f3\"]},"
	"{\"name\":\"c_time\",\"type\":{\"type\":\"long\",\"logicalType\":"
	"\"time-micros\"}},"
	"{\"name\":\"c_ts3\",\"type\":{\"type\":\"long\",\"logicalType\":"
	"\"timestamp-micros\"}},"
	"{\"name\":\"c_ts6\",\"type\":{\"type\":\"long\",\"logicalType\":"
	"\"timestamp-millis\"}},"
	"{\"name\":\"c_ts9\",\"type\":[\"null\",{\"type\":\"long\","
	"\"logicalType\":\"local-timestamp-nanos\"}]}]}]";

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
			if ((uintptr_t) value.as.bytes.data % 4 != 0)
				abort();
			memset((uint8_t *) (uintptr_t) value.as.bytes.data -
					   PMN_BYTES_HEADROOM,
				   0, PMN_BYTES_HEADROOM);
			for (uint32_t i = 0; i < value.as.bytes.size; i++)
				sum += value.as.bytes.data[i];
		}
	kept = sum;
	(void) kept;
}

/* A code that bytes may cause. */
static bool
read_columns(PmnFileReader *file, const PmnFormatColumn *wanted, uint32_t count)
{
	PmnFormatReadRequest request = {.columns = wanted,
									.column_count = count,
									.memory_limit_bytes = 1 << 20};
	PmnFormatReader *reader;
	PmnBatch *batch = NULL;
	uint64_t position = 0;
	uint64_t first_row;
	PmnCode code =
		pmn_format_open_reader(&pmn_format_avro, file, &request, &reader);

	while (code == PMN_OK)
	{
		code = pmn_format_next(reader, &batch, &first_row);
		if (code != PMN_OK || batch == NULL)
			break;
		if (first_row != position || batch->column_count != count)
			abort();
		position += batch->row_count;
		visit_batch(batch);
	}
	pmn_format_reader_close(reader);
	return code == PMN_OK || code == PMN_CORRUPT || code == PMN_UNSUPPORTED;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PmnFormatColumn strange = columns[0];
	PmnTestEnv env;
	PmnFileSystem *fs;
	PmnFileReader *file;
	TestAvro avro;
	PmnBytes bytes;

	if (size < 2)
		return 0;
	pmn_test_env_init(&env);
	test_avro_begin(&avro, &env, schema, PMN_CODEC_NONE);
	bytes = pmn_bytes(data, size);
	if (data[0] != 'O')
	{
		test_avro_raw(&avro, data + 2, size - 2);
		avro.count = data[1];
		test_avro_end_block(&avro);
		bytes = pmn_bytes(avro.file.data, avro.file.size);
	}
	strange.name = columns[size % COLUMNS].name;
	strange.type = columns[data[size / 2] % COLUMNS].type;
	if (pmn_fs_memory_open(&env.base, &fs) != PMN_OK ||
		pmn_fs_put(fs, "/f/f.avro", PMN_PUT_NEW, bytes) != PMN_OK ||
		pmn_fs_open_read(fs, "/f/f.avro", &file) != PMN_OK)
		abort();
	if (!read_columns(file, columns, COLUMNS) ||
		!read_columns(file, &strange, 1) || !read_columns(file, NULL, 0))
		abort();
	pmn_file_reader_close(file);
	pmn_fs_close(fs);
	test_avro_free(&avro);
	if (env.live_bytes != 0 || pmn_test_failures != 0)
		abort();
	return 0;
}
