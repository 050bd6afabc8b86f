/*
 * lsm_run.c
 *
 * Runs made of data files: the files' batches one after another, one file
 * open at a time. Borrowed: the files, the bucket and the layout's arrays
 * must live as long as the run.
 */
#include "lsm_run.h"

typedef struct FilesRun
{
	PmnRun base;
	PmnLsm *lsm;
	const PmnBucket *bucket;
	const PmnKvLayout *layout;
	const PmnDataFile *const *files;
	uint32_t file_count;
	uint32_t next_file;
	const PmnPredicate *filter;
	size_t memory_limit_bytes;
	PmnDataFileReader *reader;
	size_t size;
} FilesRun;

static PmnCode
open_next_file(FilesRun *run)
{
	PmnDataFileRequest request = {0};

	request.file = run->files[run->next_file];
	request.bucket = run->bucket;
	request.is_key_value = true;
	request.fields = run->layout->fields;
	request.field_count = run->layout->field_count;
	request.filter = run->filter;
	request.memory_limit_bytes = run->memory_limit_bytes;
	PMN_TRY(pmn_data_file_open(run->lsm, &request, &run->reader));
	run->base.level = request.file->level;
	run->next_file++;
	return PMN_OK;
}

static PmnCode
files_next(PmnRun *base, PmnBatch **out)
{
	FilesRun *run = (FilesRun *) base;
	uint64_t first_row;

	for (;;)
	{
		if (run->reader == NULL)
		{
			if (run->next_file == run->file_count)
				return PMN_OK;
			PMN_TRY(open_next_file(run));
		}
		PMN_TRY(pmn_data_file_next(run->reader, out, &first_row));
		if (*out != NULL)
			return PMN_OK;
		pmn_data_file_close(run->reader);
		run->reader = NULL;
	}
}

static void
files_close(PmnRun *base)
{
	FilesRun *run = (FilesRun *) base;

	pmn_data_file_close(run->reader);
	pmn_free(base->env, (void *) run->files,
			 run->file_count * sizeof(*run->files));
	pmn_free(base->env, run, run->size);
}

PmnCode
pmn_run_open_files(PmnLsm *lsm, const PmnBucket *bucket,
				   const PmnDataFile *const *files, uint32_t file_count,
				   const PmnKvLayout *layout, const PmnPredicate *filter,
				   size_t memory_limit_bytes, PmnRun **out)
{
	const PmnDataFile **copy;
	FilesRun *run;

	*out = NULL;
	PMN_ASSERT(file_count > 0);
	run = pmn_alloc(lsm->env, sizeof(*run));
	if (run == NULL)
		return PMN_NO_MEMORY;
	copy = pmn_alloc(lsm->env, file_count * sizeof(*copy));
	if (copy == NULL)
	{
		pmn_free(lsm->env, run, sizeof(*run));
		return PMN_NO_MEMORY;
	}
	memcpy(copy, files, file_count * sizeof(*copy));
	run->base.next = files_next;
	run->base.close = files_close;
	run->base.env = lsm->env;
	run->base.has_unique_keys = true;
	run->lsm = lsm;
	run->bucket = bucket;
	run->layout = layout;
	run->files = copy;
	run->file_count = file_count;
	run->filter = filter;
	run->memory_limit_bytes = memory_limit_bytes;
	run->size = sizeof(*run);
	*out = &run->base;
	return PMN_OK;
}

PmnCode
pmn_run_next(PmnRun *run, PmnBatch **out)
{
	*out = NULL;
	PMN_TRY(run->next(run, out));
	PMN_ASSERT(*out == NULL || (*out)->selection == NULL);
	return PMN_OK;
}

void
pmn_run_close(PmnRun *run)
{
	if (run != NULL)
		run->close(run);
}
