/*
 * table_split.c
 *
 * The files of one bucket as splits (format/data.md 5.1 to 5.3).
 *
 * An append table's files are read one by one, each judged by its value
 * statistics; with data evolution, those of the same rows together. A keyed bucket is cut into sections whose key ranges do not
 * touch. In a section of one run no key can occur twice: each file is judged
 * by itself, and is read raw when it is known to hold no delete rows. In a
 * section of several runs a file that cannot match may still hold the newest
 * version of a key, hiding a matching older one; so the section is dropped
 * only when no file of it may match, and merged otherwise.
 *
 * Where a compaction decides what a new row replaces (deletion vectors,
 * first-row), files above level 0 hold no key twice once the deleted rows are
 * left out, whatever their ranges: each is read raw.
 *
 * Paimon asks "do all files of the bucket lie on one level?" where we ask
 * "has the section one run?"; both mean that keys are unique, ours prunes
 * more.
 */
#include "table_scan.h"

#include "../meta/meta_deletion_vector.h"

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
	if (file->deletion != NULL && file->deletion->has_cardinality)
		stats->delete_row_count += (uint64_t) file->deletion->cardinality;
	return PMN_OK;
}

/* The files of a join, whose rows count once. */
static PmnCode
count_join(PmnScan *scan, const PmnJoin *join)
{
	uint64_t rows = scan->stats.row_count;

	PMN_TRY(count_file(scan, join->files[join->file_count - 1]));
	rows = scan->stats.row_count - rows;
	for (uint32_t i = 0; i + 1 < join->file_count; i++)
	{
		PMN_TRY(count_file(scan, join->files[i]));
		scan->stats.row_count -= rows;
	}
	for (uint32_t i = 0; i < join->blob_count; i++)
	{
		PMN_TRY(count_file(scan, join->blobs[i]));
		scan->stats.row_count -= (uint64_t) join->blobs[i]->row_count;
	}
	return PMN_OK;
}

static PmnCode
count_runs(PmnScan *scan, const PmnLevelRun *runs, uint32_t count)
{
	for (uint32_t r = 0; r < count; r++)
	{
		for (uint32_t i = 0; i < runs[r].file_count; i++)
			PMN_TRY(count_file(scan, runs[r].files[i].file));
	}
	return PMN_OK;
}

PmnCode
pmn_scan_add_split(PmnScan *scan, PmnSplit split)
{
	if (split.join != NULL)
		PMN_TRY(count_join(scan, split.join));
	for (uint32_t i = 0; i < split.file_count; i++)
		PMN_TRY(count_file(scan, split.files[i]));
	if (split.section != NULL)
		PMN_TRY(
			count_runs(scan, split.section->runs, split.section->run_count));
	if (split.change != NULL)
	{
		PMN_TRY(
			count_runs(scan, split.change->before, split.change->before_count));
		PMN_TRY(
			count_runs(scan, split.change->after, split.change->after_count));
	}
	PMN_TRY(pmn_array_reserve(scan->env, &scan->splits, 1));
	scan->splits.items[scan->splits.count++] = split;
	if (split.section != NULL && split.section->run_count > 1)
		scan->stats.merged_sections++;
	return PMN_OK;
}

/* Files whose rows are all of the table: each judged, and read, by itself.
 * files is in the scan's arena, and overwritten. */
static PmnCode
split_raw(PmnScan *scan, PmnFileStats *stats, PmnBucket *bucket,
		  const PmnDataFile **files, uint32_t count, bool is_sorted)
{
	PmnSplit split = {.bucket = bucket, .files = files, .is_sorted = is_sorted};

	for (uint32_t i = 0; i < count; i++)
	{
		bool keep = true;

		PMN_TRY(pmn_prune_by_value(scan, stats, files[i], &keep));
		if (keep)
			files[split.file_count++] = files[i];
		else
			scan->stats.files_pruned_statistics++;
	}
	return split.file_count == 0 ? PMN_OK : pmn_scan_add_split(scan, split);
}

/* No statistics of one file may drop a join: a newer file may have written
 * the column. */
static PmnCode
split_evolved(PmnScan *scan, PmnFileStats *stats, PmnBucket *bucket,
			  const PmnDataFile **files, uint32_t count)
{
	PmnJoin **joins =
		pmn_arena_alloc(scan->arena, (count / 2 + 1) * sizeof(*joins));
	uint32_t alone_count = 0;
	uint32_t join_count = 0;

	if (joins == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(
		pmn_split_joins(scan, files, count, &alone_count, joins, &join_count));
	if (alone_count > 0)
		PMN_TRY(split_raw(scan, stats, bucket, files, alone_count, false));
	for (uint32_t i = 0; i < join_count; i++)
	{
		PmnSplit split = {.bucket = bucket, .join = joins[i]};

		PMN_TRY(pmn_scan_add_split(scan, split));
	}
	return PMN_OK;
}

static PmnCode
split_append(PmnScan *scan, PmnFileStats *stats, PmnBucket *bucket,
			 const PmnEntryGroup *group)
{
	const PmnDataFile **files =
		pmn_arena_alloc(scan->arena, group->count * sizeof(*files));

	if (files == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < group->count; i++)
		files[i] = &group->entries[i]->file;
	if (scan->table->options.data_evolution)
		return split_evolved(scan, stats, bucket, files, group->count);
	return split_raw(scan, stats, bucket, files, group->count, false);
}

/* Whether rows can be handed out without looking at their kinds. */
static bool
has_no_deletes(const PmnDataFile *file)
{
	return file->has_delete_row_count && file->delete_row_count == 0;
}

/* Whether no two rows that are not deleted have one key, over all files. */
static bool
are_final(const PmnScan *scan, const PmnDataFile *const *files, uint32_t count)
{
	const PmnTableOptions *options = &scan->table->options;

	if (scan->keep_retractions)
		return false;
	if (!options->deletion_vectors &&
		options->merge_engine != PMN_MERGE_FIRST_ROW)
		return false;
	for (uint32_t i = 0; i < count; i++)
	{
		if (files[i]->level == 0 || !has_no_deletes(files[i]))
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
	const PmnDataFile **files =
		pmn_arena_alloc(scan->arena, run->file_count * sizeof(*files));
	PmnSplit split = {.bucket = bucket, .section = section};
	/* Who wants to see kinds must look into the rows. */
	bool is_raw = !scan->keep_retractions;
	uint32_t kept = 0;

	if (files == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < run->file_count; i++)
	{
		files[i] = run->files[i].file;
		is_raw = is_raw && has_no_deletes(files[i]);
	}
	if (is_raw)
		return split_raw(scan, stats, bucket, files, run->file_count, true);
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
	return kept == 0 ? PMN_OK : pmn_scan_add_split(scan, split);
}

static PmnCode
split_merged(PmnScan *scan, PmnFileStats *stats, PmnBucket *bucket,
			 const PmnSection *section)
{
	PmnSplit split = {.bucket = bucket, .section = section};
	const PmnTableOptions *options = &scan->table->options;
	uint64_t file_count = 0;
	/* Values of a row that several files make up need be in none of them. */
	bool keep = !options->deletion_vectors &&
				(options->merge_engine == PMN_MERGE_PARTIAL_UPDATE ||
				 options->merge_engine == PMN_MERGE_AGGREGATION);

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
	return pmn_scan_add_split(scan, split);
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
	if (are_final(scan, files, count))
		return split_raw(scan, stats, bucket, files, count, false);
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
