/*
 * format_orc_nested_test.c
 *
 * Arrays, maps and structs of ORC files made here stream by stream: values
 * across chunks, batches and stripes, members that are missing, type trees
 * that are none, lengths that lie, failing memory.
 */
#include "format_orc_testing.h"

#define ROWS 900
#define STRIPES 2

/* MAP<STRING, ARRAY<ROW<a INT, gone STRING, s STRING>>>, type numbers 1 to 6. */
typedef struct Nest
{
	PmnBuffer present[7];
	PmnBuffer lengths[7];
	PmnBuffer data[7];
	TestColumn columns[6];
	TestFile file;
} Nest;

static const PmnType int_type = {.kind = PMN_TYPE_INT};
static const PmnType text_type = {.kind = PMN_TYPE_VARCHAR, .length = 99};
static const PmnField row_fields[] = {
	{1, "s", {.kind = PMN_TYPE_VARCHAR, .length = 99}, NULL, NULL},
	{2, "gone", {.kind = PMN_TYPE_ARRAY, .element = &int_type}, NULL, NULL},
	{3, "a", {.kind = PMN_TYPE_INT}, NULL, NULL}};
static const PmnType row_type = {
	.kind = PMN_TYPE_ROW, .fields = row_fields, .field_count = 3};
static const PmnType array_type = {.kind = PMN_TYPE_ARRAY,
								   .element = &row_type};
static const PmnFormatColumn nest_column = {
	"m", 0, {.kind = PMN_TYPE_MAP, .key = &text_type, .element = &array_type}};

/* ---- what is in row r, entry j, element e --------------------------------------- */

static bool
map_is_null(uint32_t r)
{
	return r % 7 == 3;
}

static bool
array_is_null(uint32_t r, uint32_t j)
{
	return (r + j) % 5 == 0;
}

static uint32_t
array_length(uint32_t r, uint32_t j)
{
	return r % 100 == 1 ? 3000 + j : (r * 3 + j) % 6;
}

static bool
row_is_null(uint32_t r, uint32_t j, uint32_t e)
{
	return (r + j + e) % 4 == 1;
}

static PmnBytes
text_of(uint32_t r, uint32_t e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

	return pmn_bytes(letters + e % 7, (r + e) % 19);
}

/* ---- the file ------------------------------------------------------------------- */

static void
add_long(PmnBuffer *dst, int64_t value)
{
	CHECK(pmn_buffer_append(dst, &value, sizeof(value)) == PMN_OK);
}

static void
add_text(Nest *nest, uint32_t type, PmnBytes text)
{
	add_long(&nest->lengths[type], text.size);
	CHECK(pmn_buffer_append(&nest->data[type], text.data, text.size) == PMN_OK);
}

static void
add_element(Nest *nest, uint32_t r, uint32_t j, uint32_t e)
{
	bool is_null = row_is_null(r, j, e);

	CHECK(pmn_buffer_byte(&nest->present[4], !is_null) == PMN_OK);
	if (is_null)
		return;
	CHECK(pmn_buffer_byte(&nest->present[5], e % 3 != 2) == PMN_OK);
	if (e % 3 != 2)
		add_long(&nest->data[5], (int64_t) r * 1000 + e);
	add_text(nest, 6, text_of(r, e));
}

static void
add_row(Nest *nest, uint32_t r)
{
	CHECK(pmn_buffer_byte(&nest->present[1], !map_is_null(r)) == PMN_OK);
	if (map_is_null(r))
		return;
	add_long(&nest->lengths[1], r % 3);
	for (uint32_t j = 0; j < r % 3; j++)
	{
		add_text(nest, 2, text_of(r + j, 3));
		CHECK(pmn_buffer_byte(&nest->present[3], !array_is_null(r, j)) ==
			  PMN_OK);
		if (array_is_null(r, j))
			continue;
		add_long(&nest->lengths[3], array_length(r, j));
		for (uint32_t e = 0; e < array_length(r, j); e++)
			add_element(nest, r, j, e);
	}
}

/* Flags, a byte each, become a PRESENT stream. */
static void
encode_bits(PmnBuffer *buffer)
{
	PmnBuffer bytes;
	uint8_t byte = 0;

	pmn_buffer_init(&bytes, buffer->env);
	for (size_t i = 0; i < buffer->size; i++)
	{
		size_t left = (buffer->size - i + 7) / 8;

		byte = (uint8_t) (byte << 1 | buffer->data[i]);
		if (i % (8 * 128) == 0)
			CHECK(pmn_buffer_byte(&bytes,
								  (uint8_t) (left < 128 ? 256 - left : 128)) ==
				  PMN_OK);
		if (i % 8 == 7 || i + 1 == buffer->size)
			CHECK(pmn_buffer_byte(&bytes, (uint8_t) (byte << (7 - i % 8))) ==
				  PMN_OK);
	}
	pmn_buffer_free(buffer);
	*buffer = bytes;
}

static void
encode_ints(PmnBuffer *buffer, bool is_signed)
{
	PmnBuffer bytes;

	pmn_buffer_init(&bytes, buffer->env);
	put_ints(&bytes, (const int64_t *) (void *) buffer->data,
			 buffer->size / sizeof(int64_t), is_signed);
	pmn_buffer_free(buffer);
	*buffer = bytes;
}

static void
make_nest(Nest *nest, PmnEnv *env)
{
	static const TestColumn columns[] = {
		{.name = "m", .parent = 0, .kind = ORC_MAP},
		{.name = "", .parent = 1, .kind = ORC_STRING},
		{.name = "", .parent = 1, .kind = ORC_LIST},
		{.name = "", .parent = 3, .kind = ORC_STRUCT},
		{.name = "a", .parent = 4, .kind = ORC_INT},
		{.name = "s", .parent = 4, .kind = ORC_STRING}};

	memset(nest, 0, sizeof(*nest));
	memcpy(nest->columns, columns, sizeof(columns));
	for (int i = 0; i < 7; i++)
	{
		pmn_buffer_init(&nest->present[i], env);
		pmn_buffer_init(&nest->lengths[i], env);
		pmn_buffer_init(&nest->data[i], env);
	}
	for (uint32_t r = 0; r < ROWS; r++)
		add_row(nest, r);
	encode_ints(&nest->data[5], true);
	for (int i = 1; i < 7; i++)
	{
		TestStream *stream = nest->columns[i - 1].streams;

		encode_bits(&nest->present[i]);
		encode_ints(&nest->lengths[i], false);
		if (nest->present[i].size > 0)
			*stream++ =
				(TestStream){ORC_STREAM_PRESENT, bytes_of(&nest->present[i])};
		if (nest->lengths[i].size > 0)
			*stream++ =
				(TestStream){ORC_STREAM_LENGTH, bytes_of(&nest->lengths[i])};
		if (nest->data[i].size > 0)
			*stream++ = (TestStream){ORC_STREAM_DATA, bytes_of(&nest->data[i])};
	}
	nest->file = (TestFile){.columns = nest->columns,
							.column_count = 6,
							.rows = ROWS,
							.stripes = STRIPES};
}

static void
free_nest(Nest *nest)
{
	for (int i = 0; i < 7; i++)
	{
		pmn_buffer_free(&nest->present[i]);
		pmn_buffer_free(&nest->lengths[i]);
		pmn_buffer_free(&nest->data[i]);
	}
}

/* ---- what is expected ------------------------------------------------------------ */

static void
expect_slot(PmnNestedWriter *writer, PmnVectorKind kind, PmnValue value)
{
	CHECK(pmn_nested_write_slot(writer, kind, &value) == PMN_OK);
}

static void
expect_array(PmnNestedWriter *writer, uint32_t r, uint32_t j)
{
	size_t mark;

	CHECK(pmn_nested_write_count(writer, array_length(r, j)) == PMN_OK);
	for (uint32_t e = 0; e < array_length(r, j); e++)
	{
		if (row_is_null(r, j, e))
		{
			expect_slot(writer, PMN_VECTOR_BYTES, (PmnValue){.is_null = true});
			continue;
		}
		CHECK(pmn_nested_begin(writer, &mark) == PMN_OK);
		expect_slot(writer, PMN_VECTOR_BYTES,
					(PmnValue){.as.bytes = text_of(r, e)});
		expect_slot(writer, PMN_VECTOR_BYTES, (PmnValue){.is_null = true});
		expect_slot(writer, PMN_VECTOR_I32,
					(PmnValue){.is_null = e % 3 == 2,
							   .as.i64 = (int64_t) r * 1000 + e});
		pmn_nested_end(writer, mark);
	}
}

static void
expect_row(PmnNestedWriter *writer, uint32_t r)
{
	size_t mark;

	pmn_nested_reset(writer);
	CHECK(pmn_nested_write_count(writer, r % 3) == PMN_OK);
	for (uint32_t j = 0; j < r % 3; j++)
	{
		expect_slot(writer, PMN_VECTOR_BYTES,
					(PmnValue){.as.bytes = text_of(r + j, 3)});
		if (array_is_null(r, j))
		{
			expect_slot(writer, PMN_VECTOR_BYTES, (PmnValue){.is_null = true});
			continue;
		}
		CHECK(pmn_nested_begin(writer, &mark) == PMN_OK);
		expect_array(writer, r, j);
		pmn_nested_end(writer, mark);
	}
}

static bool
check_batch(PmnNestedWriter *writer, const PmnBatch *batch, uint32_t column,
			uint64_t first)
{
	const PmnVector *vector = &batch->columns[column];

	for (uint32_t i = 0; i < batch->row_count; i++)
	{
		uint32_t r = (uint32_t) ((first + i) % ROWS);
		PmnValue value = pmn_vector_value(vector, i);

		if (value.is_null != map_is_null(r))
			return false;
		if (value.is_null)
			continue;
		if ((uintptr_t) value.as.bytes.data % 4 != 0)
			return false;
		memset((uint8_t *) (uintptr_t) value.as.bytes.data - 4, 0xee, 4);
		expect_row(writer, r);
		if (!pmn_bytes_equal(value.as.bytes, pmn_nested_bytes(writer)))
			return false;
	}
	return true;
}

/* ---- tests ----------------------------------------------------------------------- */

typedef struct Ground
{
	PmnTestEnv env;
	PmnFileSystem *fs;
	PmnFileReader *file;
	PmnFormatReader *reader;
	PmnBuffer bytes;
	Nest nest;
} Ground;

static void
open_ground(Ground *ground)
{
	memset(ground, 0, sizeof(*ground));
	pmn_test_env_init(&ground->env);
	pmn_buffer_init(&ground->bytes, &ground->env.base);
	make_nest(&ground->nest, &ground->env.base);
	CHECK_OK(&ground->env, pmn_fs_memory_open(&ground->env.base, &ground->fs));
}

static void
close_reader(Ground *ground)
{
	pmn_format_reader_close(ground->reader);
	pmn_file_reader_close(ground->file);
	ground->reader = NULL;
	ground->file = NULL;
}

static void
close_ground(Ground *ground)
{
	close_reader(ground);
	free_nest(&ground->nest);
	pmn_fs_close(ground->fs);
	pmn_buffer_free(&ground->bytes);
	CHECK(ground->env.live_bytes == 0);
}

static PmnCode
open_bytes(Ground *ground, const PmnFormatColumn *columns, uint32_t count,
		   size_t memory)
{
	PmnFormatReadRequest request = {.columns = columns,
									.column_count = count,
									.memory_limit_bytes = memory};

	close_reader(ground);
	PMN_TRY(pmn_fs_put(ground->fs, "/x.orc", PMN_PUT_OVERWRITE,
					   bytes_of(&ground->bytes)));
	PMN_TRY(pmn_fs_open_read(ground->fs, "/x.orc", &ground->file));
	return pmn_format_open_reader(&pmn_format_orc, ground->file, &request,
								  &ground->reader);
}

static PmnCode
open_nest(Ground *ground, const PmnFormatColumn *columns, uint32_t count,
		  size_t memory)
{
	pmn_buffer_reset(&ground->bytes);
	put_file(&ground->bytes, &ground->nest.file);
	return open_bytes(ground, columns, count, memory);
}

static PmnCode
read_all(Ground *ground, uint64_t *rows)
{
	PmnBatch *batch;
	uint64_t first;

	*rows = 0;
	for (;;)
	{
		PMN_TRY(pmn_format_next(ground->reader, &batch, &first));
		if (batch == NULL)
			return PMN_OK;
		*rows += batch->row_count;
	}
}

/* Goal: each value is the one put in, whatever the memory and the codec, and
 * a column asked for twice comes twice. */
TEST(values_at_any_depth)
{
	static const size_t memories[] = {1, 1 << 20, 0};
	PmnFormatColumn twice[] = {nest_column, nest_column};
	Ground ground;
	PmnNestedWriter writer;

	open_ground(&ground);
	pmn_nested_writer_init(&writer, &ground.env.base);
	for (size_t m = 0; m < 6; m++)
	{
		uint64_t rows = 0;
		uint32_t batches = 0;

		ground.nest.file.compression = m % 2 == 0 ? 0 : 5;
		ground.nest.file.block_bytes = 3000;
		CHECK_OK(&ground.env, open_nest(&ground, twice, 2, memories[m / 2]));
		for (;;)
		{
			PmnBatch *batch;
			uint64_t first;

			CHECK_OK(&ground.env,
					 pmn_format_next(ground.reader, &batch, &first));
			if (batch == NULL)
				break;
			CHECK(first == rows);
			CHECK(check_batch(&writer, batch, 0, first));
			CHECK(check_batch(&writer, batch, 1, first));
			rows += batch->row_count;
			batches++;
		}
		CHECK(rows == ROWS * STRIPES);
		/* Without memory a value of 3000 elements fills a batch. */
		CHECK(m / 2 != 0 || batches > ROWS * STRIPES / 64);
	}
	pmn_nested_writer_free(&writer);
	close_ground(&ground);
}

/* Goal: a tree that is none, and lengths beyond the file, are PMN_CORRUPT. */
TEST(lies_are_found)
{
	static int64_t huge[2000];
	Ground ground;
	PmnBuffer ints;
	uint64_t rows;

	open_ground(&ground);
	pmn_buffer_init(&ints, &ground.env.base);
	/* A list of two, a map of one, a child of its own descendant. */
	for (uint32_t i = 1; i < 6; i++)
		for (uint32_t parent = 0; parent <= 6; parent++)
		{
			uint32_t kept = ground.nest.columns[i].parent;
			PmnCode code;

			ground.nest.columns[i].parent = parent;
			code = open_nest(&ground, &nest_column, 1, 0);
			if (code == PMN_OK)
				code = read_all(&ground, &rows);
			CHECK(code == (parent == kept ? PMN_OK : PMN_CORRUPT) ||
				  (kept == 4 && parent == 0));
			ground.nest.columns[i].parent = kept;
		}
	for (int i = 0; i < 2000; i++)
		huge[i] = INT64_C(1) << 40;
	put_ints(&ints, huge, 2000, false);
	ground.nest.columns[2].streams[1].bytes = bytes_of(&ints);
	CHECK_OK(&ground.env, open_nest(&ground, &nest_column, 1, 0));
	CHECK(read_all(&ground, &rows) == PMN_CORRUPT);
	CHECK(strstr(ground.env.base.error.message, "too long") != NULL);
	pmn_buffer_free(&ints);
	close_ground(&ground);
}

/* Goal: a type beside the file's is refused with both names. */
TEST(other_types)
{
	PmnFormatColumn column = nest_column;
	Ground ground;

	open_ground(&ground);
	column.type.kind = PMN_TYPE_ARRAY;
	CHECK(open_nest(&ground, &column, 1, 0) == PMN_CORRUPT);
	CHECK(strstr(ground.env.base.error.message, "has type map") != NULL);
	column.type = nest_column.type;
	column.type.element = &int_type;
	CHECK(open_nest(&ground, &column, 1, 0) == PMN_CORRUPT);
	CHECK(strstr(ground.env.base.error.message, "has type array") != NULL);
	column.type = (PmnType){.kind = PMN_TYPE_MULTISET, .element = &text_type};
	CHECK(open_nest(&ground, &column, 1, 0) == PMN_CORRUPT);
	close_ground(&ground);
}

/* Goal: damaged copies fail or read. */
TEST(damaged_files)
{
	uint32_t codes[PMN_IO + 1] = {0};
	Ground ground;

	open_ground(&ground);
	ground.nest.file.stripes = 1;
	for (uint32_t i = 0; i < 1500; i++)
	{
		uint64_t rows;
		uint32_t begin;
		PmnCode code;

		pmn_buffer_reset(&ground.bytes);
		put_file(&ground.bytes, &ground.nest.file);
		begin = i % 2 == 0 ? 0 : (uint32_t) ground.bytes.size - 300;
		for (uint32_t f = 0; f <= i % 5; f++)
			ground.bytes
				.data[begin +
					  pmn_test_below(&ground.env,
									 (uint32_t) ground.bytes.size - begin)] ^=
				(uint8_t) (1u << pmn_test_below(&ground.env, 8));
		code = open_bytes(&ground, &nest_column, 1, 1 << 18);
		if (code == PMN_OK)
			code = read_all(&ground, &rows);
		codes[code]++;
	}
	printf("# mutants: %u read, %u corrupt, %u unsupported\n", codes[PMN_OK],
		   codes[PMN_CORRUPT], codes[PMN_UNSUPPORTED]);
	CHECK(codes[PMN_OK] + codes[PMN_CORRUPT] + codes[PMN_UNSUPPORTED] == 1500);
	close_ground(&ground);
}

/* Goal: each failed allocation is PMN_NO_MEMORY and leaks nothing. */
TEST(survives_every_allocation_failure)
{
	Ground ground;
	uint64_t rows;
	uint64_t failures = 0;
	PmnCode code;

	open_ground(&ground);
	ground.nest.file.stripes = 1;
	do
	{
		size_t live;

		pmn_buffer_reset(&ground.bytes);
		put_file(&ground.bytes, &ground.nest.file);
		live = ground.env.live_bytes;
		ground.env.fail_step = ground.env.step + failures;
		code = open_bytes(&ground, &nest_column, 1, 1 << 18);
		if (code == PMN_OK)
			code = read_all(&ground, &rows);
		close_reader(&ground);
		ground.env.fail_step = UINT64_MAX;
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		CHECK(ground.env.live_bytes <= live + (1 << 18));
		failures++;
	} while (code != PMN_OK && failures < 10000);
	CHECK(failures > 10);
	close_ground(&ground);
}

int
main(void)
{
	RUN(values_at_any_depth);
	RUN(lies_are_found);
	RUN(other_types);
	RUN(damaged_files);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
