/*
 * lsm_compact_append.c
 *
 * Packing of small files of append tables: rows are copied, in order, from
 * several files into few; nothing is merged. Without buckets any small files
 * may be packed together, in the order given. With buckets the order of files
 * is the order of rows, so only neighbours (by first sequence number) are
 * packed, as Paimon's BucketedAppendCompactManager does.
 *
 * The packed files' sequence numbers start where the first input's did, which
 * keeps their place among the others.
 */
#include <stdlib.h>

#include "lsm_compact_internal.h"

/* compaction.min.file-num and source.split.open-file-cost. */
#define FILE_COUNT_MIN 5
#define OPEN_FILE_COST (INT64_C(4) << 20)

typedef struct Packing
{
	PmnLsm *lsm;
	PmnArena *arena;
	const PmnBucket *bucket;
	size_t memory_limit_bytes;
	uint32_t *fields;
	PmnCompaction *out;
} Packing;

static PmnCode
copy_file(Packing *packing, const PmnDataFile *file, PmnDataFileWriter *writer)
{
	PmnDataFileRequest request = {0};
	PmnDataFileReader *reader = NULL;
	PmnBatch *batch = NULL;
	uint64_t first_row;
	PmnCode code;

	request.file = file;
	request.bucket = packing->bucket;
	request.fields = packing->fields;
	request.field_count = packing->lsm->schema->field_count;
	request.memory_limit_bytes = packing->memory_limit_bytes;
	PMN_TRY(pmn_data_file_open(packing->lsm, &request, &reader));
	do
	{
		code = pmn_data_file_next(reader, &batch, &first_row);
		if (code == PMN_OK && batch != NULL)
			code = pmn_data_writer_add(writer, batch, NULL, batch->row_count);
	} while (code == PMN_OK && batch != NULL);
	pmn_data_file_close(reader);
	return code;
}

static PmnCode
copy_files(Packing *packing, const PmnDataFile *const *files, uint32_t count,
		   PmnDataFileWriter *writer)
{
	for (uint32_t i = 0; i < count; i++)
	{
		PMN_TRY(
			pmn_compaction_add(packing->lsm, &packing->out->before, files[i]));
		PMN_TRY(copy_file(packing, files[i], writer));
	}
	return pmn_data_writer_finish(writer, packing->arena, &packing->out->after);
}

static PmnCode
pack(Packing *packing, const PmnDataFile *const *files, uint32_t count)
{
	PmnDataFileWriter *writer = NULL;
	PmnCode code;

	PMN_ASSERT(count > 0);
	PMN_TRY(pmn_data_writer_open(packing->lsm, packing->bucket, 0,
								 PMN_SOURCE_COMPACT, &writer));
	pmn_data_writer_sequence(writer, files[0]->min_sequence_number);
	code = copy_files(packing, files, count, writer);
	pmn_data_writer_close(writer);
	return code;
}

/* Any small files, in the order given. */
static PmnCode
pack_unordered(Packing *packing, const PmnDataFile **files, uint32_t count,
			   bool full)
{
	const PmnTableOptions *options = packing->lsm->options;
	int64_t small = pmn_small_file_bytes(options);
	uint32_t kept = 0;
	uint32_t first = 0;
	int64_t weight = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		if (files[i]->file_size < small)
			files[kept++] = files[i];
	}
	if (full)
		return kept > 1 ? pack(packing, files, kept) : PMN_OK;
	for (uint32_t i = 0; i < kept; i++)
	{
		weight += files[i]->file_size + OPEN_FILE_COST;
		if (i == first || weight < 2 * options->target_file_size)
			continue;
		PMN_TRY(pack(packing, files + first, i + 1 - first));
		first = i + 1;
		weight = 0;
	}
	if (kept - first >= FILE_COUNT_MIN)
		return pack(packing, files + first, kept - first);
	return PMN_OK;
}

static int
compare_sequence(const void *a, const void *b)
{
	const PmnDataFile *x = *(const PmnDataFile *const *) a;
	const PmnDataFile *y = *(const PmnDataFile *const *) b;

	if (x->min_sequence_number != y->min_sequence_number)
		return x->min_sequence_number < y->min_sequence_number ? -1 : 1;
	return pmn_bytes_compare(x->file_name, y->file_name);
}

/* Everything behind the leading large files, when most of it is small. */
static PmnCode
pack_ordered_full(Packing *packing, const PmnDataFile **files, uint32_t count)
{
	int64_t limit = pmn_small_file_bytes(packing->lsm->options);
	bool is_forced = packing->lsm->options->force_rewrite_all_files;
	uint32_t first = 0;
	uint32_t small = 0;

	while (!is_forced && first < count && files[first]->file_size >= limit)
		first++;
	for (uint32_t i = first; i < count; i++)
		small += files[i]->file_size < limit;
	count -= first;
	if (count == 0)
		return PMN_OK;
	if (is_forced || (small > count - small && count >= 3))
		return pack(packing, files + first, count);
	return PMN_OK;
}

/* The first window of neighbours that is worth a rewrite. */
static PmnCode
pack_ordered(Packing *packing, const PmnDataFile **files, uint32_t count)
{
	int64_t target = packing->lsm->options->target_file_size;
	uint32_t first = 0;
	int64_t size = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		size += files[i]->file_size;
		if (i + 1 - first >= FILE_COUNT_MIN)
			return pack(packing, files + first, i + 1 - first);
		if (size >= 2 * target)
			size -= files[first++]->file_size;
	}
	return PMN_OK;
}

PmnCode
pmn_compact_append(PmnLsm *lsm, PmnArena *arena, const PmnBucket *bucket,
				   const PmnDataFile *const *files, uint32_t file_count,
				   bool full, size_t memory_limit_bytes, PmnCompaction *out)
{
	Packing packing = {lsm, arena, bucket, memory_limit_bytes, NULL, out};
	const PmnDataFile **sorted =
		pmn_arena_copy(arena, files, file_count * sizeof(*sorted));
	uint32_t count = lsm->schema->field_count;

	if (lsm->options->row_tracking)
		return pmn_fail(lsm->env, PMN_UNSUPPORTED,
						"tables with option \"row-tracking.enabled\" are not "
						"compacted");
	packing.fields = pmn_arena_alloc(arena, count * sizeof(uint32_t));
	if (packing.fields == NULL || (sorted == NULL && file_count > 0))
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		packing.fields[i] = i;
	if (lsm->options->bucket < 0)
		return pack_unordered(&packing, sorted, file_count, full);
	if (file_count > 1)
		qsort(sorted, file_count, sizeof(*sorted), compare_sequence);
	if (full)
		return pack_ordered_full(&packing, sorted, file_count);
	return pack_ordered(&packing, sorted, file_count);
}
