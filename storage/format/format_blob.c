/*
 * format_blob.c
 *
 * Files of one BLOB column (format/data.md 1.4): records, an index, and five
 * bytes that say where the index begins.
 *
 *   record*  index  int32 index size  byte version 1
 *   record = int32 magic | bytes | int64 record size | int32 CRC-32
 *   index  = record size per row as zigzag varints of differences;
 *            -1 a null, -2 a placeholder: neither has a record
 *
 * Records follow each other in row order, so a place is the sum of the sizes
 * before it, and the sum of all must be where the index begins. That is
 * checked once, when the file is opened; the index then stays packed in
 * memory (a byte or two a row) and is decoded again as rows are asked for.
 *
 * A record is read whole: its magic number lies where a BYTES value has its
 * headroom, so that nothing is copied. A batch ends when its blobs have grown
 * to the memory limit, be it after one row.
 */
#include "format_blob.h"

#include <inttypes.h>
#include <zlib.h>

#define BLOB_MAGIC 0x584E11CFu
#define BLOB_VERSION 1
#define BLOB_TAIL 5		 /* index size, version */
#define BLOB_OVERHEAD 16 /* of a record: magic, size, checksum */
#define BLOB_RECORD_MAX (1 << 30)
#define BLOB_INDEX_MAX (256 << 20)
#define BLOB_BATCH_BYTES ((size_t) 8 << 20)

struct PmnBlobRows
{
	PmnFileReader *file;
	PmnEnv *env;
	uint8_t *index;
	uint32_t index_size;
	uint64_t row_count;
	/* Where pmn_blob_next is: a place in the index, the row's record. */
	uint32_t at;
	int64_t size;
	uint64_t offset;
	uint64_t next_offset;
};

static PmnCode
corrupt(const PmnBlobRows *rows, const char *what)
{
	return pmn_fail(rows->env, PMN_CORRUPT, "blob file \"%s\" has %s",
					rows->file->path, what);
}

/* ---- index -------------------------------------------------------------- */

/* One number of the index; false when there is no whole one. */
static bool
get_difference(PmnBlobRows *rows, int64_t *out)
{
	uint64_t bits = 0;

	for (uint32_t shift = 0; shift < 64 && rows->at < rows->index_size;
		 shift += 7)
	{
		uint8_t byte = rows->index[rows->at++];

		if (shift == 63 && byte > 1)
			return false;
		bits |= (uint64_t) (byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
		{
			*out = (int64_t) (bits >> 1 ^ (~(bits & 1) + 1));
			return true;
		}
	}
	return false;
}

static void
rewind_rows(PmnBlobRows *rows)
{
	rows->at = 0;
	rows->size = 0;
	rows->offset = 0;
	rows->next_offset = 0;
}

/* The size in the index of the next row; false when there can be none such. */
static bool
next_size(PmnBlobRows *rows)
{
	int64_t difference = 0;

	if (!get_difference(rows, &difference) ||
		__builtin_add_overflow(rows->size, difference, &rows->size))
		return false;
	rows->offset = rows->next_offset;
	if (rows->size == PMN_BLOB_NULL || rows->size == PMN_BLOB_PLACEHOLDER)
		return true;
	/* What is left of the file bounds the sum. */
	if (rows->size < BLOB_OVERHEAD ||
		(uint64_t) rows->size > rows->file->size_bytes - rows->offset)
		return false;
	rows->next_offset = rows->offset + (uint64_t) rows->size;
	return true;
}

static PmnCode
check_index(PmnBlobRows *rows)
{
	uint64_t begin = rows->file->size_bytes - BLOB_TAIL - rows->index_size;

	while (rows->at < rows->index_size)
	{
		if (rows->row_count++ % 65536 == 0)
			PMN_TRY(pmn_poll(rows->env));
		if (!next_size(rows))
			return corrupt(rows, "an impossible size in its index");
	}
	if (rows->next_offset != begin)
		return corrupt(rows, "an index that does not add up");
	rewind_rows(rows);
	return PMN_OK;
}

static PmnCode
read_index(PmnBlobRows *rows)
{
	uint64_t size = rows->file->size_bytes;
	uint8_t tail[BLOB_TAIL];

	if (size < BLOB_TAIL)
		return corrupt(rows, "no index");
	PMN_TRY(pmn_file_read_at(rows->file, size - BLOB_TAIL, BLOB_TAIL, tail));
	if (tail[4] != BLOB_VERSION)
		return pmn_fail(rows->env, PMN_UNSUPPORTED,
						"blob file \"%s\" has version %d, only version 1 "
						"is supported",
						rows->file->path, tail[4]);
	if (pmn_get_le32(tail) > size - BLOB_TAIL)
		return corrupt(rows, "an index longer than the file");
	if (pmn_get_le32(tail) > BLOB_INDEX_MAX)
		return pmn_fail(rows->env, PMN_UNSUPPORTED,
						"blob file \"%s\" has too many rows", rows->file->path);
	rows->index_size = pmn_get_le32(tail);
	rows->index = pmn_alloc_raw(rows->env, (size_t) rows->index_size + 1);
	if (rows->index == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_file_read_at(rows->file, size - BLOB_TAIL - rows->index_size,
							 rows->index_size, rows->index));
	return check_index(rows);
}

/* ---- rows ---------------------------------------------------------------- */

PmnCode
pmn_blob_open(PmnFileReader *file, PmnBlobRows **out)
{
	PmnBlobRows *rows = pmn_alloc(file->fs->env, sizeof(*rows));
	PmnCode code;

	*out = NULL;
	if (rows == NULL)
		return PMN_NO_MEMORY;
	rows->file = file;
	rows->env = file->fs->env;
	code = read_index(rows);
	if (code == PMN_OK)
		*out = rows;
	else
		pmn_blob_close(rows);
	return code;
}

void
pmn_blob_close(PmnBlobRows *rows)
{
	if (rows == NULL)
		return;
	if (rows->index != NULL)
		pmn_free(rows->env, rows->index, (size_t) rows->index_size + 1);
	pmn_free(rows->env, rows, sizeof(*rows));
}

uint64_t
pmn_blob_row_count(const PmnBlobRows *rows)
{
	return rows->row_count;
}

int64_t
pmn_blob_next(PmnBlobRows *rows)
{
	bool is_there = next_size(rows);

	/* All of them were looked at when the file was opened. */
	PMN_ASSERT(is_there);
	(void) is_there;
	return rows->size < 0 ? rows->size : rows->size - BLOB_OVERHEAD;
}

PmnCode
pmn_blob_take(PmnBlobRows *rows, PmnArena *arena, PmnBytes *out)
{
	size_t size = (size_t) rows->size;
	const uint8_t *end;
	uint8_t *record;

	PMN_ASSERT(rows->size >= BLOB_OVERHEAD);
	if (rows->size > BLOB_RECORD_MAX)
		return pmn_fail(rows->env, PMN_UNSUPPORTED,
						"blob file \"%s\" has a blob of %" PRId64
						" bytes, which is too large",
						rows->file->path, rows->size - BLOB_OVERHEAD);
	record = pmn_arena_alloc_raw(arena, size, 8);
	if (record == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_file_read_at(rows->file, rows->offset, size, record));
	end = record + size - 12;
	if (pmn_get_le32(record) != BLOB_MAGIC)
		return corrupt(rows, "a record without its magic number");
	if (pmn_get_le64(end) != size)
		return corrupt(rows, "a record whose size is not the index's");
	if (pmn_get_le32(end + 8) != (uint32_t) crc32(0, record, (uInt) (size - 4)))
		return corrupt(rows, "a record with a wrong checksum");
	*out = pmn_bytes(record + 4, size - BLOB_OVERHEAD);
	return PMN_OK;
}

/* ---- the format ----------------------------------------------------------- */

typedef struct BlobReader
{
	PmnFormatReader base;
	PmnArena *arena; /* of the batch */
	PmnBlobRows *rows;
	uint64_t next_row;
	size_t bytes_max;
	PmnBatch batch;
	PmnVector column;
	uint8_t nulls[PMN_BATCH_ROWS];
	PmnBytes values[PMN_BATCH_ROWS];
} BlobReader;

static PmnCode
blob_reader_next(PmnFormatReader *base, PmnBatch **out, uint64_t *first_row)
{
	BlobReader *reader = (BlobReader *) base;
	uint64_t left = base->row_count - reader->next_row;
	uint32_t limit = left < PMN_BATCH_ROWS ? (uint32_t) left : PMN_BATCH_ROWS;
	size_t bytes = 0;
	uint32_t count = 0;

	if (limit == 0)
		return PMN_OK;
	pmn_arena_reset(reader->arena);
	if (reader->batch.column_count == 0)
		count = limit;
	while (count < limit && bytes < reader->bytes_max)
	{
		int64_t size = pmn_blob_next(reader->rows);

		PMN_TRY(pmn_poll(base->env));
		reader->nulls[count] = size < 0;
		reader->values[count] = pmn_bytes(NULL, 0);
		if (size >= 0)
			PMN_TRY(pmn_blob_take(reader->rows, reader->arena,
								  &reader->values[count]));
		bytes += size < 0 ? 0 : (size_t) size;
		count++;
	}
	base->env->counters.rows_decoded += count;
	*first_row = reader->next_row;
	reader->next_row += count;
	reader->batch.row_count = count;
	reader->batch.selected_count = count;
	*out = &reader->batch;
	return PMN_OK;
}

static void
blob_reader_close(PmnFormatReader *base)
{
	BlobReader *reader = (BlobReader *) base;

	pmn_blob_close(reader->rows);
	pmn_arena_destroy(reader->arena);
	pmn_free(base->env, reader, sizeof(*reader));
}

static PmnCode
check_columns(PmnFileReader *file, const PmnFormatReadRequest *request)
{
	char type[128];

	for (uint32_t i = 0; i < request->column_count; i++)
	{
		const PmnFormatColumn *column = &request->columns[i];

		if (column->type.kind == PMN_TYPE_BLOB && i == 0)
			continue;
		return pmn_fail(file->fs->env, PMN_UNSUPPORTED,
						"column \"%s\" of type %s cannot be read from blob "
						"file \"%s\"",
						column->name,
						pmn_type_name(&column->type, type, sizeof(type)),
						file->path);
	}
	return PMN_OK;
}

static PmnCode
blob_open_reader(PmnFileReader *file, const PmnFormatReadRequest *request,
				 PmnFormatReader **out)
{
	BlobReader *reader;
	PmnCode code;

	PMN_TRY(check_columns(file, request));
	reader = pmn_alloc(file->fs->env, sizeof(*reader));
	if (reader == NULL)
		return PMN_NO_MEMORY;
	reader->base.next = blob_reader_next;
	reader->base.close = blob_reader_close;
	reader->base.env = file->fs->env;
	reader->bytes_max = request->memory_limit_bytes < 4
							? BLOB_BATCH_BYTES
							: request->memory_limit_bytes / 4;
	reader->column.kind = PMN_VECTOR_BYTES;
	reader->column.nulls = reader->nulls;
	reader->column.values = reader->values;
	reader->batch.columns = &reader->column;
	reader->batch.column_count = request->column_count;
	code = pmn_arena_create(file->fs->env, 0, &reader->arena);
	if (code == PMN_OK)
		code = pmn_blob_open(file, &reader->rows);
	if (code != PMN_OK)
	{
		blob_reader_close(&reader->base);
		return code;
	}
	reader->base.row_count = pmn_blob_row_count(reader->rows);
	*out = &reader->base;
	return PMN_OK;
}

static PmnCode
blob_open_writer(PmnFileWriter *file, const PmnFormatColumn *columns,
				 uint32_t count, const PmnFormatWriteOptions *options,
				 PmnFormatWriter **out)
{
	(void) columns;
	(void) count;
	(void) options;
	*out = NULL;
	return pmn_fail(file->fs->env, PMN_UNSUPPORTED,
					"writing files of format \"blob\" is not supported");
}

const PmnFormatOps pmn_format_blob = {
	.name = "blob",
	.open_reader = blob_open_reader,
	.open_writer = blob_open_writer,
};
