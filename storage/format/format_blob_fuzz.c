/*
 * format_blob_fuzz.c
 *
 * Goal: no bytes make the reader of blob files crash, hang or keep memory,
 * and every value it gives can be touched. The first byte chooses between the
 * bytes as a file and as the index behind a record of our own.
 */
#include "format_blob_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
visit_batch(const PmnBatch *batch)
{
	const PmnBytes *values = batch->columns[0].values;
	volatile uint64_t sum = 0;

	for (uint32_t r = 0; r < batch->row_count; r++)
	{
		if (batch->columns[0].nulls[r])
			continue;
		if ((uintptr_t) values[r].data % 4 != 0)
			abort();
		memset((uint8_t *) (uintptr_t) values[r].data - PMN_BYTES_HEADROOM, 0,
			   PMN_BYTES_HEADROOM);
		for (uint32_t i = 0; i < values[r].size; i++)
			sum += values[r].data[i];
	}
}

static PmnCode
read_file(PmnFileReader *file)
{
	static const PmnFormatColumn column = {.name = "b",
										   .type = {.kind = PMN_TYPE_BLOB}};
	PmnFormatReadRequest request = {
		.columns = &column, .column_count = 1, .memory_limit_bytes = 1000};
	PmnFormatReader *reader;
	PmnBatch *batch = NULL;
	uint64_t first_row = 0;
	uint64_t rows = 0;
	PmnCode code =
		pmn_format_open_reader(&pmn_format_blob, file, &request, &reader);

	while (code == PMN_OK)
	{
		code = pmn_format_next(reader, &batch, &first_row);
		if (code != PMN_OK || batch == NULL)
			break;
		if (first_row != rows)
			abort();
		rows += batch->row_count;
		visit_batch(batch);
	}
	if (code == PMN_OK && rows != reader->row_count)
		abort();
	pmn_format_reader_close(reader);
	return code;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PmnTestEnv env;
	TestBlob blob;
	PmnFileSystem *fs;
	PmnFileReader *file;
	PmnBytes bytes;
	PmnCode code;

	if (size < 1)
		return 0;
	pmn_test_env_init(&env);
	test_blob_begin(&blob, &env);
	bytes = pmn_bytes(data, size);
	if (data[0] % 2 == 0)
	{
		test_blob_add(&blob, bytes);
		if (pmn_buffer_append(&blob.index, data + 1, size - 1) != PMN_OK)
			abort();
		test_blob_end(&blob);
		bytes = pmn_bytes(blob.file.data, blob.file.size);
	}
	if (pmn_fs_memory_open(&env.base, &fs) != PMN_OK ||
		pmn_fs_put(fs, "/f/f.blob", PMN_PUT_NEW, bytes) != PMN_OK ||
		pmn_fs_open_read(fs, "/f/f.blob", &file) != PMN_OK)
		abort();
	code = read_file(file);
	if (code != PMN_OK && code != PMN_CORRUPT && code != PMN_UNSUPPORTED)
		abort();
	pmn_file_reader_close(file);
	pmn_fs_close(fs);
	test_blob_free(&blob);
	if (env.live_bytes != 0 || pmn_test_failures != 0)
		abort();
	return 0;
}
