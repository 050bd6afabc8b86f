/*
 * lsm_spill.c
 *
 * Blocks of a temporary file:
 *
 *   offset  bytes  what
 *        0      4  magic
 *        4      4  rows
 *        8      4  plain size
 *       12      4  stored size (LZ4)
 *       16      8  checksum of the stored bytes
 *       24      n  stored bytes
 *
 * Plain bytes are, for every column, each part padded to 16 bytes: null flags
 * (one byte a row), then the values; for BYTES the sizes (4 bytes a row),
 * then every value with four bytes before it and padding to four behind, so
 * that a decompressed block serves as the batch's memory as it stands.
 *
 * The disk may lie, and a full one must not look like corruption: sizes are
 * checked against the run's end, contents against the checksum, and ENOSPC
 * has a code of its own.
 */
#include "lsm_spill.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../codec/codec.h"
#include "lsm_vector.h"

#define BLOCK_MAGIC 0x4b4c4250u
#define HEADER_SIZE 24
#define PART_ALIGNMENT 16
#define BLOCK_BYTES 262144
#define BLOCK_BYTES_MAX ((size_t) 1 << 30)
#define NAME_TRIES 1000

typedef struct SpilledRun
{
	uint64_t offset;
	uint64_t end;
} SpilledRun;

struct PmnSpill
{
	PmnEnv *env;
	const PmnVectorKind *kinds;
	uint32_t column_count;
	int file;
	uint64_t size_bytes;
	PMN_ARRAY(SpilledRun) runs;
	PmnBuffer plain;
	PmnBuffer stored;
};

typedef struct SpillRun
{
	PmnRun base;
	PmnSpill *spill;
	uint64_t offset;
	uint64_t end;
	PmnBuffer stored;
	PmnBuffer plain;
	uint8_t *parts; /* the plain bytes, 16-byte aligned inside plain */
	size_t parts_size;
	PmnBatch batch;
	PmnVector *columns;
	PmnBytes *bytes; /* of all BYTES columns */
	size_t bytes_count;
} SpillRun;

static PmnCode
open_temporary(PmnEnv *env, int *file)
{
	static uint32_t counter = 0;
	PmnBuffer path;
	PmnCode code = PMN_OK;

	*file = -1;
	if (env->temp_directory == NULL)
		return pmn_fail(env, PMN_NO_MEMORY,
						"memory limit reached and there is no directory for "
						"temporary files");
	pmn_buffer_init(&path, env);
	for (int i = 0; i < NAME_TRIES && *file < 0; i++)
	{
		pmn_buffer_reset(&path);
		code =
			pmn_buffer_format(&path, "%s/pgsql_tmp.pmn.%ld.%u",
							  env->temp_directory, (long) getpid(), counter++);
		if (code == PMN_OK)
			code = pmn_buffer_byte(&path, 0);
		if (code != PMN_OK)
			break;
		*file = open((const char *) path.data,
					 O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (*file < 0 && errno != EEXIST)
			break;
	}
	if (*file >= 0)
		(void) unlink((const char *) path.data);
	else if (code == PMN_OK)
		code = pmn_fail(env, errno == ENOSPC ? PMN_NO_SPACE : PMN_IO,
						"could not create temporary file in \"%s\": %s",
						env->temp_directory, strerror(errno));
	pmn_buffer_free(&path);
	return code;
}

PmnCode
pmn_spill_create(PmnEnv *env, const PmnVectorKind *kinds, uint32_t column_count,
				 PmnSpill **out)
{
	PmnSpill *spill = pmn_alloc(env, sizeof(*spill));
	PmnCode code;

	*out = NULL;
	if (spill == NULL)
		return PMN_NO_MEMORY;
	spill->env = env;
	spill->kinds = kinds;
	spill->column_count = column_count;
	pmn_buffer_init(&spill->plain, env);
	pmn_buffer_init(&spill->stored, env);
	code = open_temporary(env, &spill->file);
	if (code != PMN_OK)
	{
		pmn_spill_close(spill);
		return code;
	}
	*out = spill;
	return PMN_OK;
}

void
pmn_spill_close(PmnSpill *spill)
{
	if (spill == NULL)
		return;
	if (spill->file >= 0)
		(void) close(spill->file);
	pmn_buffer_free(&spill->plain);
	pmn_buffer_free(&spill->stored);
	pmn_array_free(spill->env, &spill->runs);
	pmn_free(spill->env, spill, sizeof(*spill));
}

PmnCode
pmn_spill_begin(PmnSpill *spill)
{
	SpilledRun *run;

	PMN_TRY(pmn_array_reserve(spill->env, &spill->runs, 1));
	run = &spill->runs.items[spill->runs.count++];
	run->offset = spill->size_bytes;
	run->end = spill->size_bytes;
	return PMN_OK;
}

uint32_t
pmn_spill_run_count(const PmnSpill *spill)
{
	return (uint32_t) spill->runs.count;
}

static PmnCode
write_all(PmnSpill *spill, const uint8_t *data, size_t size)
{
	while (size > 0)
	{
		ssize_t written =
			pwrite(spill->file, data, size, (off_t) spill->size_bytes);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
		{
			bool is_full = written == 0 || errno == ENOSPC || errno == EDQUOT;

			return pmn_fail(spill->env, is_full ? PMN_NO_SPACE : PMN_IO,
							"could not write temporary file: %s",
							written == 0 ? "no progress" : strerror(errno));
		}
		data += written;
		size -= (size_t) written;
		spill->size_bytes += (uint64_t) written;
	}
	return PMN_OK;
}

static size_t
padded(size_t size, size_t alignment)
{
	return (size + alignment - 1) & ~(alignment - 1);
}

static PmnCode
pad(PmnBuffer *dst, size_t alignment)
{
	static const uint8_t zeros[PART_ALIGNMENT] = {0};
	size_t more = padded(dst->size, alignment) - dst->size;

	return pmn_buffer_append(dst, zeros, more);
}

static size_t
slot_size(uint32_t size)
{
	return PMN_BYTES_HEADROOM + padded(size, PMN_BYTES_HEADROOM);
}

static PmnCode
put_bytes(PmnBuffer *dst, const PmnVector *column, uint32_t first,
		  uint32_t count)
{
	static const uint8_t zeros[PMN_BYTES_HEADROOM] = {0};
	const PmnBytes *values = (const PmnBytes *) column->values + first;
	const uint8_t *nulls = column->nulls == NULL ? NULL : column->nulls + first;

	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t size = nulls != NULL && nulls[i] ? 0 : values[i].size;

		PMN_TRY(pmn_buffer_append(dst, &size, sizeof(size)));
	}
	PMN_TRY(pad(dst, PART_ALIGNMENT));
	for (uint32_t i = 0; i < count; i++)
	{
		if (nulls != NULL && nulls[i])
			continue;
		PMN_TRY(pmn_buffer_reserve(dst, slot_size(values[i].size)));
		PMN_TRY(pmn_buffer_append(dst, zeros, sizeof(zeros)));
		PMN_TRY(pmn_buffer_append(dst, values[i].data, values[i].size));
		PMN_TRY(pad(dst, PMN_BYTES_HEADROOM));
	}
	return pad(dst, PART_ALIGNMENT);
}

static PmnCode
put_column(PmnBuffer *dst, const PmnVector *column, uint32_t first,
		   uint32_t count)
{
	size_t width = pmn_vector_width(column->kind);

	PMN_TRY(pmn_buffer_reserve(dst, count));
	if (column->nulls != NULL)
		memcpy(dst->data + dst->size, column->nulls + first, count);
	else
		memset(dst->data + dst->size, 0, count);
	dst->size += count;
	PMN_TRY(pad(dst, PART_ALIGNMENT));
	if (column->kind == PMN_VECTOR_BYTES)
		return put_bytes(dst, column, first, count);
	PMN_TRY(pmn_buffer_append(
		dst, (const uint8_t *) column->values + width * first, width * count));
	return pad(dst, PART_ALIGNMENT);
}

/* How many rows from first on make a block of about BLOCK_BYTES. */
static uint32_t
block_rows(const PmnBatch *batch, uint32_t first)
{
	size_t size = 0;
	size_t fixed = 0;
	uint32_t row = first;

	for (uint32_t i = 0; i < batch->column_count; i++)
		fixed += pmn_vector_width(batch->columns[i].kind) + 1;
	while (row < batch->row_count && size < BLOCK_BYTES)
	{
		size += fixed;
		for (uint32_t i = 0; i < batch->column_count; i++)
		{
			const PmnVector *column = &batch->columns[i];

			if (column->kind != PMN_VECTOR_BYTES ||
				(column->nulls != NULL && column->nulls[row]))
				continue;
			size += slot_size(((const PmnBytes *) column->values)[row].size);
		}
		row++;
	}
	return row - first;
}

static PmnCode
write_block(PmnSpill *spill, const PmnBatch *batch, uint32_t first,
			uint32_t count)
{
	uint8_t header[HEADER_SIZE];
	PmnBuffer *plain = &spill->plain;
	PmnBuffer *stored = &spill->stored;

	pmn_buffer_reset(plain);
	pmn_buffer_reset(stored);
	for (uint32_t i = 0; i < batch->column_count; i++)
		PMN_TRY(put_column(plain, &batch->columns[i], first, count));
	if (plain->size > BLOCK_BYTES_MAX)
		return pmn_fail(spill->env, PMN_NO_MEMORY,
						"a row of %zu bytes is too large to be spilled",
						plain->size);
	PMN_TRY(pmn_codec_compress(PMN_CODEC_LZ4, 0,
							   pmn_bytes(plain->data, plain->size), stored));
	pmn_put_le32(header, BLOCK_MAGIC);
	pmn_put_le32(header + 4, count);
	pmn_put_le32(header + 8, (uint32_t) plain->size);
	pmn_put_le32(header + 12, (uint32_t) stored->size);
	pmn_put_le64(header + 16,
				 pmn_hash_bytes(BLOCK_MAGIC, stored->data, stored->size));
	PMN_TRY(write_all(spill, header, sizeof(header)));
	return write_all(spill, stored->data, stored->size);
}

PmnCode
pmn_spill_add(PmnSpill *spill, const PmnBatch *batch)
{
	uint32_t first = 0;

	PMN_ASSERT(spill->runs.count > 0);
	PMN_ASSERT(batch->column_count == spill->column_count);
	while (first < batch->row_count)
	{
		uint32_t count = block_rows(batch, first);

		PMN_TRY(pmn_poll(spill->env));
		PMN_TRY(write_block(spill, batch, first, count));
		first += count;
	}
	spill->runs.items[spill->runs.count - 1].end = spill->size_bytes;
	return PMN_OK;
}

static PmnCode
read_all(SpillRun *run, uint8_t *dst, size_t size)
{
	PmnEnv *env = run->base.env;

	if (size > run->end - run->offset)
		return pmn_fail(env, PMN_CORRUPT, "temporary file ends early");
	while (size > 0)
	{
		ssize_t got = pread(run->spill->file, dst, size, (off_t) run->offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return pmn_fail(env, PMN_IO, "could not read temporary file: %s",
							strerror(errno));
		if (got == 0)
			return pmn_fail(env, PMN_CORRUPT, "temporary file ends early");
		dst += got;
		size -= (size_t) got;
		run->offset += (uint64_t) got;
	}
	return PMN_OK;
}

/* A part of the plain block, or NULL when it would end behind it. */
static uint8_t *
take_part(SpillRun *run, size_t *at, size_t size)
{
	uint8_t *part = run->parts + *at;

	if (size > run->parts_size - *at)
		return NULL;
	*at += padded(size, PART_ALIGNMENT);
	if (*at > run->parts_size)
		*at = run->parts_size;
	return part;
}

/* Point values at their slots. */
static bool
take_bytes(SpillRun *run, size_t *at, uint32_t rows, const uint8_t *nulls,
		   PmnBytes *values)
{
	const uint8_t *sizes = take_part(run, at, (size_t) rows * 4);
	size_t total = 0;
	uint8_t *slots;

	if (sizes == NULL)
		return false;
	for (uint32_t i = 0; i < rows; i++)
		total += nulls[i] ? 0 : slot_size(pmn_get_le32(sizes + 4 * (size_t) i));
	slots = take_part(run, at, total);
	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i < rows; i++)
	{
		uint32_t size = pmn_get_le32(sizes + 4 * (size_t) i);

		if (nulls[i])
		{
			values[i] = pmn_bytes(NULL, 0);
			continue;
		}
		values[i] = pmn_bytes(slots + PMN_BYTES_HEADROOM, size);
		slots += slot_size(size);
	}
	return true;
}

static PmnCode
decode_block(SpillRun *run, uint32_t rows)
{
	PmnEnv *env = run->base.env;
	PmnBytes *bytes = run->bytes;
	size_t at = 0;

	for (uint32_t i = 0; i < run->batch.column_count; i++)
	{
		PmnVector *column = &run->columns[i];
		uint8_t *nulls = take_part(run, &at, rows);
		bool is_good = nulls != NULL;

		if (is_good && column->kind == PMN_VECTOR_BYTES)
		{
			column->values = bytes;
			bytes += rows;
			is_good = take_bytes(run, &at, rows, nulls, column->values);
		}
		else if (is_good)
		{
			column->values =
				take_part(run, &at, pmn_vector_width(column->kind) * rows);
			is_good = column->values != NULL;
		}
		if (!is_good)
			return pmn_fail(env, PMN_CORRUPT,
							"block of temporary file is too short");
		column->nulls = memchr(nulls, 1, rows) == NULL ? NULL : nulls;
	}
	run->batch.row_count = rows;
	run->batch.selected_count = rows;
	return PMN_OK;
}

static PmnCode
reserve_bytes(SpillRun *run, uint32_t rows)
{
	PmnEnv *env = run->base.env;
	size_t needed = 0;
	PmnBytes *grown;

	for (uint32_t i = 0; i < run->batch.column_count; i++)
		needed += run->columns[i].kind == PMN_VECTOR_BYTES ? rows : 0;
	if (needed <= run->bytes_count)
		return PMN_OK;
	grown = pmn_alloc_raw(env, needed * sizeof(*grown));
	if (grown == NULL)
		return PMN_NO_MEMORY;
	pmn_free(env, run->bytes, run->bytes_count * sizeof(*run->bytes));
	run->bytes = grown;
	run->bytes_count = needed;
	return PMN_OK;
}

/* Memory comes aligned to 8 bytes only; skip what is missing to 16. */
static PmnCode
decompress_block(SpillRun *run, uint32_t stored_size, uint32_t plain_size)
{
	PmnBuffer *plain = &run->plain;

	pmn_buffer_reset(plain);
	PMN_TRY(pmn_buffer_reserve(plain, (size_t) plain_size + PART_ALIGNMENT));
	plain->size = -(uintptr_t) plain->data & (PART_ALIGNMENT - 1);
	memset(plain->data, 0, plain->size);
	run->parts = plain->data + plain->size;
	run->parts_size = plain_size;
	PMN_TRY(pmn_codec_decompress(PMN_CODEC_LZ4,
								 pmn_bytes(run->stored.data, stored_size),
								 plain_size, plain_size, plain));
	if (plain->data + plain->size != run->parts + plain_size)
		return pmn_fail(run->base.env, PMN_CORRUPT,
						"block of temporary file has a wrong size");
	return PMN_OK;
}

static PmnCode
spill_next(PmnRun *base, PmnBatch **out)
{
	SpillRun *run = (SpillRun *) base;
	uint8_t header[HEADER_SIZE];
	uint32_t rows;
	uint32_t plain_size;
	uint32_t stored_size;

	if (run->offset == run->end)
		return PMN_OK;
	PMN_TRY(read_all(run, header, sizeof(header)));
	rows = pmn_get_le32(header + 4);
	plain_size = pmn_get_le32(header + 8);
	stored_size = pmn_get_le32(header + 12);
	if (pmn_get_le32(header) != BLOCK_MAGIC || rows == 0 || rows > plain_size ||
		plain_size > BLOCK_BYTES_MAX || stored_size > run->end - run->offset)
		return pmn_fail(base->env, PMN_CORRUPT,
						"temporary file has a broken block");
	pmn_buffer_reset(&run->stored);
	PMN_TRY(pmn_buffer_reserve(&run->stored, stored_size));
	PMN_TRY(read_all(run, run->stored.data, stored_size));
	if (pmn_hash_bytes(BLOCK_MAGIC, run->stored.data, stored_size) !=
		pmn_get_le64(header + 16))
		return pmn_fail(base->env, PMN_CORRUPT,
						"checksum of a temporary file's block is wrong");
	PMN_TRY(decompress_block(run, stored_size, plain_size));
	PMN_TRY(reserve_bytes(run, rows));
	PMN_TRY(decode_block(run, rows));
	*out = &run->batch;
	return PMN_OK;
}

static void
spill_close(PmnRun *base)
{
	SpillRun *run = (SpillRun *) base;

	pmn_buffer_free(&run->stored);
	pmn_buffer_free(&run->plain);
	pmn_free(base->env, run->bytes, run->bytes_count * sizeof(*run->bytes));
	pmn_free(base->env, run->columns,
			 run->batch.column_count * sizeof(*run->columns));
	pmn_free(base->env, run, sizeof(*run));
}

PmnCode
pmn_spill_open_run(PmnSpill *spill, uint32_t number, PmnRun **out)
{
	SpillRun *run;

	*out = NULL;
	PMN_ASSERT(number < spill->runs.count);
	run = pmn_alloc(spill->env, sizeof(*run));
	if (run == NULL)
		return PMN_NO_MEMORY;
	run->columns =
		pmn_alloc(spill->env, spill->column_count * sizeof(*run->columns));
	if (run->columns == NULL)
	{
		pmn_free(spill->env, run, sizeof(*run));
		return PMN_NO_MEMORY;
	}
	run->base.next = spill_next;
	run->base.close = spill_close;
	run->base.env = spill->env;
	run->spill = spill;
	run->offset = spill->runs.items[number].offset;
	run->end = spill->runs.items[number].end;
	pmn_buffer_init(&run->stored, spill->env);
	pmn_buffer_init(&run->plain, spill->env);
	run->batch.columns = run->columns;
	run->batch.column_count = spill->column_count;
	for (uint32_t i = 0; i < spill->column_count; i++)
		run->columns[i].kind = spill->kinds[i];
	*out = &run->base;
	return PMN_OK;
}
