/*
 * table_split.c
 *
 * The files of one bucket as splits (format/data.md 5.1 to 5.3).
 *
 * An append table's files are read one by one, each judged by its value
 * statistics. A keyed bucket is cut into sections whose key ranges do not
 * touch. In a section of one run no key can occur twice: each file is judged
 * by itself, and is read raw when it is known to hold no delete rows. In a
 * section of several runs a file that cannot match may still hold the newest
 * version of a key, hiding a matching older one; so the section is dropped
 * only when no file of it may match, and merged otherwise.
 *
 * Paimon asks "do all files of the bucket lie on one level?" where we ask
 * "has the section one run?"; both mean that keys are unique, ours prunes
 * more.
 */
#include "table_scan.h"

static PmnCode
count_file(PmnScan *scan, const PmnDataFile *file)
{
	PmnScanStats *stats = &scan->stats;

	/* Counts come from a file: they must not wrap. */
	if (file->row_count < 0 || file->file_size < 0 ||
		file->row_count > INT64_MAX - (int64_t) stats->row_count)
		return pmn_fail(scan->env, PMN_CORRUPT,
						"a manifest of table \"%s\" says that file \"%.*s\" "
						"has %" PRId64 " rows",
						scan->table->name, (int) file->file_name.size,
						(const char *) file->file_name.data, file->row_count);
	stats->files_read++;
	stats->row_count += (uint64_t) file->row_count;
	stats->size_bytes += (uint64_t) file->file_size;
	if (file->has_delete_row_count && file->delete_row_count > 0)
		stats->delete_row_count += (uint64_t) file->delete_row_count;
	return PMN_OK;
}

static PmnCode
add_split(PmnScan *scan, PmnSplit split)
{
	for (uint32_t i = 0; i < split.file_count; i++)
		PMN_TRY(count_file(scan, split.files[i]));
	for (uint32_t r = 0; split.section != NULL && r < split.section->run_count;
		 r++)
	{
		const PmnLevelRun *run = &split.section->runs[r];

		for (uint32_t i = 0; i < run->file_count; i++)
			PMN_TRY(count_file(scan, run->files[i].file));
	}
	PMN_TRY(pmn_array_reserve(scan->env, &scan->splits, 1));
	scan->splits.items[scan->splits.count++] = split;
	if (split.section != NULL && split.section->run_count > 1)
		scan->stats.merged_sections++;
	return PMN_OK;
}

static PmnCode
split_append(PmnScan *scan, PmnFileStats *stats, PmnBucket *bucket,
			 const PmnEntryGroup *group)
{
	PmnSplit split = {.bucket = bucket};

	split.files =
		pmn_arena_alloc(scan->arena, group->count * sizeof(*split.files));
	if (split.files == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < group->count; i++)
	{
		const PmnDataFile *file = &group->entries[i]->file;
		bool keep = true;

		PMN_TRY(pmn_prune_by_value(scan, stats, file, &keep));
		if (keep)
			split.files[split.file_count++] = file;
		else
			scan->stats.files_pruned_statistics++;
	}
	return split.file_count == 0 ? PMN_OK : add_split(scan, split);
}

/* Whether rows can be handed out without looking at their kinds. */
static bool
has_no_deletes(const PmnLevelRun *run)
{
	for (uint32_t i = 0; i < run->file_count; i++)
	{
		const PmnDataFile *file = run->files[i].file;

		if (!file->has_delete_row_count || file->delete_row_count != 0)
			return false;
	}
	return true;
}

/* Keys are unique: drop files one by one. */
static PmnCode
split_single_run(PmnScan *scan, PmnFileStats *stats, PmnBucket *bucket,
				 const PmnSection *section)
{
	PmnLevelRun *run = &section->runs[0];
	PmnSplit split = {.bucket = bucket};
	uint32_t kept = 0;

	for (uint32_t i = 0; i < run->file_count; i++)
	{
		bool keep = true;

		PMN_TRY(pmn_prune_by_value(scan, stats, run->files[i].file, &keep));
		if (keep)
			run->files[kept++] = run->files[i];
		else
			scan->stats.files_pruned_statistics++;
	}
	run->file_count = kept;
	if (kept == 0)
		return PMN_OK;
	if (!has_no_deletes(run))
	{
		split.section = section;
		return add_split(scan, split);
	}
	split.files = pmn_arena_alloc(scan->arena, kept * sizeof(*split.files));
	if (split.files == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < kept; i++)
		split.files[i] = run->files[i].file;
	split.file_count = kept;
	return add_split(scan, split);
}

static PmnCode
split_merged(PmnScan *scan, PmnFileStats *stats, PmnBucket *bucket,
			 const PmnSection *section)
{
	PmnSplit split = {.bucket = bucket, .section = section};
	uint64_t file_count = 0;
	bool keep = false;

	for (uint32_t r = 0; r < section->run_count; r++)
		file_count += section->runs[r].file_count;
	for (uint32_t r = 0; !keep && r < section->run_count; r++)
	{
		const PmnLevelRun *run = &section->runs[r];

		for (uint32_t i = 0; !keep && i < run->file_count; i++)
			PMN_TRY(pmn_prune_by_value(scan, stats, run->files[i].file, &keep));
	}
	if (!keep)
	{
		scan->stats.files_pruned_statistics += file_count;
		return PMN_OK;
	}
	return add_split(scan, split);
}

static PmnCode
split_keyed(PmnScan *scan, PmnFileStats *stats, const PmnPredicate *key_filter,
			PmnBucket *bucket, const PmnEntryGroup *group)
{
	PmnLsm *lsm = &scan->table->lsm;
	const PmnDataFile **files =
		pmn_arena_alloc(scan->arena, group->count * sizeof(*files));
	PmnLevelFile *level_files = NULL;
	PmnSection *sections = NULL;
	uint32_t section_count = 0;
	uint32_t count = 0;

	if (files == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < group->count; i++)
	{
		const PmnDataFile *file = &group->entries[i]->file;
		bool keep = true;

		PMN_TRY(pmn_prune_by_key(scan, stats, key_filter, file, &keep));
		if (keep)
			files[count++] = file;
		else
			scan->stats.files_pruned_statistics++;
	}
	if (count == 0)
		return PMN_OK;
	PMN_TRY(pmn_level_files(lsm, scan->arena, files, count, &level_files));
	PMN_TRY(pmn_level_sections(lsm, scan->arena, level_files, count, &sections,
							   &section_count));
	for (uint32_t s = 0; s < section_count; s++)
	{
		if (sections[s].run_count == 1)
			PMN_TRY(split_single_run(scan, stats, bucket, &sections[s]));
		else
			PMN_TRY(split_merged(scan, stats, bucket, &sections[s]));
	}
	return PMN_OK;
}

PmnCode
pmn_split_bucket(PmnScan *scan, PmnFileStats *stats,
				 const PmnPredicate *key_filter, const PmnEntryGroup *group)
{
	const PmnManifestEntry *first = group->entries[0];
	PmnBucket *bucket = NULL;

	PMN_TRY(pmn_bucket_make(&scan->table->lsm, scan->arena, first->partition,
							first->bucket, first->total_buckets, &bucket));
	if (scan->table->lsm.is_keyed)
		return split_keyed(scan, stats, key_filter, bucket, group);
	return split_append(scan, stats, bucket, group);
}
