/*
 * format_avro.c
 *
 * Data files in Avro, reading: rows one after the other, in blocks that are
 * compressed each by itself. Fields are decoded straight into the arrays of a
 * batch (format_avro_decode.c) by steps made once for a file
 * (format_avro_plan.c).
 *
 * A batch goes on over the end of a block until it has its rows; byte
 * strings are copied, so nothing points into a block. It ends early when its
 * strings take a quarter of the memory limit, or when there are so many
 * columns that their arrays would.
 *
 * The file comes in by pieces: at any time there are at most one block, its
 * plain form and a piece in memory. Avro has no footer; how many rows there
 * are is known when the last one is read.
 */
#include "format_avro.h"

#define MEMORY_DEFAULT ((size_t) 32 << 20)
#define BATCH_BYTES_MIN ((size_t) 1 << 20)
#define CAPACITY_MIN 64
/* The schema of 4096 columns takes less than a tenth of it. */
#define HEADER_BYTES_MAX ((size_t) 16 << 20)
#define HEADER_BYTES_FIRST ((size_t) 64 << 10)
/* Two integers of 64 bits. */
#define BLOCK_HEADER_BYTES_MAX 20

static PmnCode open_reader(PmnFileReader *file,
						   const PmnFormatReadRequest *request,
						   PmnFormatReader **out);
static PmnCode open_writer(PmnFileWriter *file, const PmnFormatColumn *columns,
						   uint32_t count, const PmnFormatWriteOptions *options,
						   PmnFormatWriter **out);

const PmnFormatOps pmn_format_avro = {
	.name = "avro",
	.open_reader = open_reader,
	.open_writer = open_writer,
};

/* ---- opening ----------------------------------------------------------- */

/* The header's size is not known before it is parsed: try with more and more
 * of the file. */
static PmnCode
read_header(AvroColumnReader *reader)
{
	size_t size = HEADER_BYTES_FIRST;
	PmnBytes bytes;
	bool is_short;
	PmnCode code;

	do
	{
		PMN_TRY(avro_stream_peek(&reader->stream, size, &bytes, &is_short));
		code = pmn_avro_read_header(&reader->program, bytes, &reader->header);
		size = (size_t) bytes.size * 2;
	} while (code != PMN_OK && reader->header.is_short && !is_short &&
			 size <= HEADER_BYTES_MAX);
	PMN_TRY(code);
	PMN_TRY(pmn_avro_parse_schema(reader->arena, reader->header.schema,
								  reader->program.file_name, &reader->schema));
	reader->stream.at += reader->header.size;
	return PMN_OK;
}

/* Vectors of columns the file lacks are never written to again. */
static PmnCode
make_vectors(AvroColumnReader *reader)
{
	for (uint32_t i = 0; i < reader->column_count; i++)
	{
		PmnVector *vector = &reader->vectors[i];
		PmnBytes *values;

		vector->kind = pmn_type_vector_kind(&reader->columns[i].type);
		vector->nulls = pmn_arena_alloc(reader->arena, reader->capacity);
		vector->values = pmn_arena_alloc(
			reader->arena, reader->capacity * pmn_vector_width(vector->kind));
		if (vector->nulls == NULL || vector->values == NULL)
			return PMN_NO_MEMORY;
		memset(vector->nulls, 1, reader->capacity);
		values = vector->values;
		for (uint32_t r = 0;
			 vector->kind == PMN_VECTOR_BYTES && r < reader->capacity; r++)
			values[r] = reader->empty;
	}
	return PMN_OK;
}

static void
choose_capacity(AvroColumnReader *reader, size_t memory_limit_bytes)
{
	size_t limit =
		memory_limit_bytes != 0 ? memory_limit_bytes : MEMORY_DEFAULT;
	size_t row_bytes = 1;

	reader->heap_budget =
		limit / 4 > BATCH_BYTES_MIN ? limit / 4 : BATCH_BYTES_MIN;
	for (uint32_t i = 0; i < reader->column_count; i++)
		row_bytes += 1 + pmn_vector_width(
							 pmn_type_vector_kind(&reader->columns[i].type));
	reader->capacity = PMN_BATCH_ROWS;
	if (reader->heap_budget / row_bytes < PMN_BATCH_ROWS)
		reader->capacity = (uint32_t) (reader->heap_budget / row_bytes);
	if (reader->capacity < CAPACITY_MIN)
		reader->capacity = CAPACITY_MIN;
}

static PmnCode
open_file(AvroColumnReader *reader, const PmnFormatReadRequest *request)
{
	PmnFormatColumn *columns;
	uint8_t *room;

	columns = pmn_arena_copy(reader->arena, request->columns,
							 request->column_count * sizeof(*columns));
	reader->columns = columns;
	reader->column_count = request->column_count;
	reader->vectors = pmn_arena_alloc(reader->arena, request->column_count *
														 sizeof(PmnVector));
	reader->batch.columns = pmn_arena_alloc(
		reader->arena, request->column_count * sizeof(PmnVector));
	reader->is_missing = pmn_arena_alloc(reader->arena, request->column_count);
	room = pmn_arena_alloc(reader->arena, 16);
	if (columns == NULL || reader->vectors == NULL ||
		reader->batch.columns == NULL || reader->is_missing == NULL ||
		room == NULL)
		return PMN_NO_MEMORY;
	reader->empty = pmn_bytes(room + 8, 0);
	reader->batch.column_count = request->column_count;
	for (uint32_t i = 0; i < request->column_count; i++)
	{
		columns[i].name =
			pmn_arena_string(reader->arena, request->columns[i].name);
		if (columns[i].name == NULL)
			return PMN_NO_MEMORY;
		reader->is_missing[i] = true;
	}
	PMN_TRY(read_header(reader));
	choose_capacity(reader, request->memory_limit_bytes);
	PMN_TRY(make_vectors(reader));
	return avro_plan(reader);
}

static void
close_reader(PmnFormatReader *base)
{
	AvroColumnReader *reader = (AvroColumnReader *) base;

	pmn_nested_writer_free(&reader->nested);
	avro_heap_free(&reader->heap);
	pmn_buffer_free(&reader->plain);
	pmn_buffer_free(&reader->stream.window);
	pmn_avro_program_free(&reader->program);
	pmn_arena_destroy(reader->arena);
	pmn_free(base->env, reader, sizeof(*reader));
}

/* ---- reading ----------------------------------------------------------- */

/* Open the next block; its records may be none. */
static PmnCode
next_block(AvroColumnReader *reader)
{
	AvroProgram *program = &reader->program;
	PmnBytes bytes;
	PmnBytes plain;
	const uint8_t *at;
	int64_t count;
	int64_t size;
	bool is_short;

	PMN_TRY(pmn_poll(reader->base.env));
	PMN_TRY(avro_stream_peek(&reader->stream, BLOCK_HEADER_BYTES_MAX, &bytes,
							 &is_short));
	at = bytes.data;
	if (!pmn_avro_read_long(&at, bytes.data + bytes.size, &count) ||
		!pmn_avro_read_long(&at, bytes.data + bytes.size, &size))
		return pmn_avro_corrupt(program, "a bad header of a block");
	reader->stream.at += (size_t) (at - bytes.data);
	if (size < 0 || (uint64_t) size > PMN_AVRO_BLOCK_SIZE_MAX)
		return pmn_avro_corrupt(program, "a bad size of a block");
	PMN_TRY(avro_stream_peek(&reader->stream,
							 (size_t) size + PMN_AVRO_SYNC_SIZE, &bytes,
							 &is_short));
	if (is_short)
		return pmn_avro_corrupt(program, "a block ends early");
	if (memcmp(bytes.data + size, reader->header.sync, PMN_AVRO_SYNC_SIZE) != 0)
		return pmn_avro_corrupt(program, "a block without its sync marker");
	reader->stream.at += (size_t) size + PMN_AVRO_SYNC_SIZE;
	PMN_TRY(pmn_avro_unpack_block(program, reader->header.codec,
								  pmn_bytes(bytes.data, (size_t) size),
								  &reader->plain, &plain));
	PMN_TRY(pmn_avro_check_count(program, count, reader->schema, plain.size));
	reader->block_at = plain.data;
	reader->block_end = plain.data + plain.size;
	reader->block_records = (uint64_t) count;
	return PMN_OK;
}

/* Without columns the records are counted and not looked at. */
static PmnCode
count_records(AvroColumnReader *reader, uint32_t *row)
{
	uint64_t count = reader->capacity - *row;

	if (count > reader->block_records)
		count = reader->block_records;
	*row += (uint32_t) count;
	reader->block_records -= count;
	reader->block_at = reader->block_end;
	return PMN_OK;
}

static void
begin_batch(AvroColumnReader *reader)
{
	avro_heap_reset(&reader->heap);
	for (uint32_t i = 0; i < reader->column_count; i++)
		if (!reader->is_missing[i])
			memset(reader->vectors[i].nulls, 0, reader->capacity);
}

static void
end_batch(AvroColumnReader *reader, uint32_t row_count)
{
	PmnBatch *batch = &reader->batch;

	batch->row_count = row_count;
	batch->selected_count = row_count;
	for (uint32_t i = 0; i < reader->column_count; i++)
	{
		batch->columns[i] = reader->vectors[i];
		if (memchr(reader->vectors[i].nulls, 1, row_count) == NULL)
			batch->columns[i].nulls = NULL;
	}
	reader->next_row += row_count;
	reader->base.env->counters.rows_decoded += row_count;
}

static PmnCode
next_batch(PmnFormatReader *base, PmnBatch **out, uint64_t *first_row)
{
	AvroColumnReader *reader = (AvroColumnReader *) base;
	uint32_t rows = 0;

	*out = NULL;
	begin_batch(reader);
	while (rows < reader->capacity &&
		   reader->heap.used_bytes <= reader->heap_budget)
	{
		if (reader->block_records > 0)
		{
			PMN_TRY(reader->column_count > 0 ? avro_decode(reader, &rows)
											 : count_records(reader, &rows));
			continue;
		}
		if (reader->block_at != reader->block_end)
			return pmn_avro_corrupt(&reader->program,
									"a block holds more than its records");
		if (avro_stream_left(&reader->stream) == 0)
			break;
		PMN_TRY(next_block(reader));
	}
	if (rows == 0)
		return PMN_OK;
	*first_row = reader->next_row;
	end_batch(reader, rows);
	*out = &reader->batch;
	return PMN_OK;
}

static PmnCode
open_reader(PmnFileReader *file, const PmnFormatReadRequest *request,
			PmnFormatReader **out)
{
	PmnEnv *env = file->fs->env;
	AvroColumnReader *reader = pmn_alloc(env, sizeof(*reader));
	PmnCode code;

	*out = NULL;
	if (reader == NULL)
		return PMN_NO_MEMORY;
	reader->base =
		(PmnFormatReader){next_batch, close_reader, env, PMN_ROW_COUNT_UNKNOWN};
	reader->program.env = env;
	reader->program.file_name = file->path;
	reader->stream.file = file;
	pmn_buffer_init(&reader->stream.window, env);
	pmn_buffer_init(&reader->plain, env);
	pmn_nested_writer_init(&reader->nested, env);
	reader->heap.env = env;
	code = pmn_arena_create(env, 0, &reader->arena);
	if (code == PMN_OK)
		code = open_file(reader, request);
	if (code != PMN_OK)
	{
		close_reader(&reader->base);
		return code;
	}
	*out = &reader->base;
	return PMN_OK;
}

/* ---- writing ----------------------------------------------------------- */

static PmnCode
open_writer(PmnFileWriter *file, const PmnFormatColumn *columns, uint32_t count,
			const PmnFormatWriteOptions *options, PmnFormatWriter **out)
{
	(void) columns;
	(void) count;
	(void) options;
	*out = NULL;
	return pmn_fail(file->fs->env, PMN_UNSUPPORTED,
					"cannot write file \"%s\": writing data files in Avro is "
					"not supported",
					file->path);
}
