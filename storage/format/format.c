/*
 * format.c
 *
 * Column files by name, and the checked wrappers through which everyone
 * calls a format. The wrappers poll for cancellation and keep the promises
 * of format.h that every implementation would otherwise repeat: out-handles
 * are NULL after a failure, a batch is at most PMN_BATCH_ROWS long.
 *
 * Paimon chooses the reader of a data file by the extension of its name, not
 * by the table's "file.format", so that both come here.
 */
#include "format.h"

#include <strings.h>

static const PmnFormatOps *const formats[] = {
	&pmn_format_parquet, &pmn_format_orc, &pmn_format_avro, &pmn_format_blob};

PmnCode
pmn_format_lookup(PmnEnv *env, const char *name, const PmnFormatOps **out)
{
	*out = NULL;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
	{
		if (strcasecmp(formats[i]->name, name) != 0)
			continue;
		*out = formats[i];
		return PMN_OK;
	}
	pmn_fail(env, PMN_UNSUPPORTED, "file format \"%.64s\" is not supported",
			 name);
	return pmn_hint(env, "the supported file formats are \"parquet\", "
						 "\"orc\" and \"avro\"");
}

PmnCode
pmn_format_open_reader(const PmnFormatOps *format, PmnFileReader *file,
					   const PmnFormatReadRequest *request,
					   PmnFormatReader **out)
{
	PmnCode code;

	PMN_ASSERT(request->filter == NULL || (request->filter_schema != NULL &&
										   request->filter_columns != NULL));
	*out = NULL;
	PMN_TRY(pmn_poll(file->fs->env));
	code = format->open_reader(file, request, out);
	PMN_ASSERT((code == PMN_OK) == (*out != NULL));
	return code;
}

PmnCode
pmn_format_next(PmnFormatReader *reader, PmnBatch **out, uint64_t *first_row)
{
	PmnCode code;

	*out = NULL;
	PMN_TRY(pmn_poll(reader->env));
	code = reader->next(reader, out, first_row);
	if (code == PMN_OK && *out != NULL)
	{
		PMN_ASSERT((*out)->row_count > 0);
		PMN_ASSERT((*out)->row_count <= PMN_BATCH_ROWS);
	}
	return code;
}

void
pmn_format_reader_close(PmnFormatReader *reader)
{
	if (reader != NULL)
		reader->close(reader);
}

PmnCode
pmn_format_open_writer(const PmnFormatOps *format, PmnFileWriter *file,
					   const PmnFormatColumn *columns, uint32_t count,
					   const PmnFormatWriteOptions *options,
					   PmnFormatWriter **out)
{
	PmnCode code;

	PMN_ASSERT(count > 0);
	*out = NULL;
	PMN_TRY(pmn_poll(file->fs->env));
	code = format->open_writer(file, columns, count, options, out);
	PMN_ASSERT((code == PMN_OK) == (*out != NULL));
	return code;
}

PmnCode
pmn_format_write(PmnFormatWriter *writer, const PmnBatch *batch,
				 const uint32_t *rows, uint32_t count)
{
	PMN_ASSERT(rows != NULL || count == batch->row_count);
	PMN_TRY(pmn_poll(writer->env));
	if (count == 0)
		return PMN_OK;
	return writer->write(writer, batch, rows, count);
}

uint64_t
pmn_format_size_estimate(PmnFormatWriter *writer)
{
	return writer->size_estimate(writer);
}

PmnCode
pmn_format_finish(PmnFormatWriter *writer)
{
	PMN_TRY(pmn_poll(writer->env));
	return writer->finish(writer);
}

void
pmn_format_writer_close(PmnFormatWriter *writer)
{
	if (writer != NULL)
		writer->close(writer);
}
