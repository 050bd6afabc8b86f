/*
 * format_parquet_write.c
 *
 * Writing Parquet files: the C side. Options are settled before the first
 * byte; the shim gathers, encodes and hands finished row groups to the file.
 * After an error the writer can only be closed, and what was written is the
 * caller's to remove (closing a PmnFileWriter without finish does).
 */
#include "format_parquet.h"

typedef struct ParquetWriter
{
	PmnFormatWriter base;
	PmnFileWriter *file;
	const PmnArrowApi *api;
	PmnArrowWriter *arrow;
} ParquetWriter;

static PmnCode
write_bytes(void *context, const uint8_t *src, size_t size)
{
	/* A PmnBytes holds less than 4 GB. */
	while (size > 0)
	{
		size_t part = size < ((size_t) 1 << 30) ? size : (size_t) 1 << 30;

		PMN_TRY(pmn_file_write(context, pmn_bytes(src, part)));
		src += part;
		size -= part;
	}
	return PMN_OK;
}

static void *
writer_allocate(void *context, size_t size)
{
	return parquet_allocate(((PmnFileWriter *) context)->fs->env, size);
}

static void
writer_release(void *context, void *block, size_t size)
{
	parquet_release(((PmnFileWriter *) context)->fs->env, block, size);
}

static PmnCode
write_batch(PmnFormatWriter *base, const PmnBatch *batch, const uint32_t *rows,
			uint32_t count)
{
	ParquetWriter *writer = (ParquetWriter *) base;
	PmnArrowError error;

	if (writer->api->write(writer->arrow, batch, rows, count, &error) != PMN_OK)
		return parquet_raise(base->env, &error);
	return PMN_OK;
}

static uint64_t
size_estimate(PmnFormatWriter *base)
{
	ParquetWriter *writer = (ParquetWriter *) base;

	return writer->api->size_estimate(writer->arrow);
}

static PmnCode
finish(PmnFormatWriter *base)
{
	ParquetWriter *writer = (ParquetWriter *) base;
	PmnArrowError error;

	if (writer->api->finish(writer->arrow, &error) != PMN_OK)
		return parquet_raise(base->env, &error);
	return PMN_OK;
}

static void
close_writer(PmnFormatWriter *base)
{
	ParquetWriter *writer = (ParquetWriter *) base;

	if (writer->arrow != NULL)
		writer->api->writer_close(writer->arrow);
	pmn_free(base->env, writer, sizeof(*writer));
}

static PmnCode
open_arrow(ParquetWriter *writer, PmnArena *arena,
		   const PmnFormatColumn *columns, uint32_t count,
		   const PmnFormatWriteOptions *options)
{
	PmnFileWriter *file = writer->file;
	PmnArrowHost host = {
		.context = file,
		.path = file->path,
		.write = write_bytes,
		.allocate = writer_allocate,
		.release = writer_release,
	};
	PmnArrowWriteOptions settings;
	PmnArrowError error;

	PMN_TRY(parquet_write_options(arena, columns, count, options, &settings));
	if (writer->api->writer_open(&host, &settings, &writer->arrow, &error) !=
		PMN_OK)
		return parquet_raise(file->fs->env, &error);
	return PMN_OK;
}

PmnCode
parquet_open_writer(PmnFileWriter *file, const PmnFormatColumn *columns,
					uint32_t count, const PmnFormatWriteOptions *options,
					PmnFormatWriter **out)
{
	PmnEnv *env = file->fs->env;
	const PmnArrowApi *api;
	ParquetWriter *writer;
	PmnArena *arena = NULL;
	PmnCode code;

	*out = NULL;
	PMN_TRY(pmn_arrow_load(env, &api));
	writer = pmn_alloc(env, sizeof(*writer));
	if (writer == NULL)
		return PMN_NO_MEMORY;
	writer->base = (PmnFormatWriter){write_batch, size_estimate, finish,
									 close_writer, env};
	writer->file = file;
	writer->api = api;
	code = pmn_arena_create(env, 0, &arena);
	if (code == PMN_OK)
		code = open_arrow(writer, arena, columns, count, options);
	pmn_arena_destroy(arena);
	if (code != PMN_OK)
	{
		close_writer(&writer->base);
		return code;
	}
	*out = &writer->base;
	return PMN_OK;
}
