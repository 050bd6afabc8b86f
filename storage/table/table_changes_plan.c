/*
 * table_changes_plan.c
 *
 * Planning what changed (format/data.md 7.3).
 *
 * Delta and changelog: each snapshot of the range names the files whose rows
 * are its changes, in the delta list (APPEND snapshots only) or in the
 * changelog list (any but OVERWRITE). They are read one by one, nothing is
 * merged, and each row is a change of its own; so each file is judged by all
 * of its statistics. A snapshot that has expired may have left its lists in
 * changelog/changelog-<id>.
 *
 * Difference: live files of both ends, without those that both have. A key's
 * rows in files of one end only are merged on each side and compared when
 * they are read. What that cannot see, Paimon does not see either: a row that
 * a shared file hides or shows. Append tables have no keys to compare: the
 * files that the later end has alone are what is new.
 */
#include "table_scan.h"

#include <string.h>

/* Entries of one snapshot: a stretch of scan->entries. */
typedef struct SnapshotEntries
{
	int64_t snapshot_id;
	size_t first;
	size_t end;
} SnapshotEntries;

typedef struct ChangesPlanner
{
	PmnScan *scan;
	const PmnChangeRange *range;
	PmnPartitionMatcher matcher;
	PmnFileStats stats;
	PMN_ARRAY(SnapshotEntries) snapshots;
} ChangesPlanner;

static bool
keep_entry(void *context, const PmnManifestEntry *entry)
{
	ChangesPlanner *planner = context;

	return entry->bucket >= 0 &&
		   pmn_partition_matches(&planner->matcher, entry->partition);
}

/* ---- delta and changelog ---------------------------------------------- */

/* The snapshot, or what is kept of it for its changes. */
static PmnCode
read_snapshot(PmnScan *scan, int64_t id, PmnSnapshot **out)
{
	PmnTable *table = scan->table;
	PmnCode code;

	code = pmn_snapshot_read(table->fs, scan->arena, &table->lsm.path, id, out);
	if (code == PMN_NOT_FOUND)
		code = pmn_changelog_read(table->fs, scan->arena, &table->lsm.path, id,
								  out);
	if (code == PMN_NOT_FOUND)
		return pmn_fail(table->env, PMN_EXPIRED,
						"snapshot %" PRId64 " of table \"%s\" has expired", id,
						table->name);
	return code;
}

static PmnCode
read_lists(ChangesPlanner *planner, const PmnSnapshot *snapshot,
		   PmnManifestList *out)
{
	PmnScan *scan = planner->scan;
	const char *kind = snapshot->info.commit_kind;

	if (planner->range->mode == PMN_CHANGES_CHANGELOG)
	{
		if (strcmp(kind, "OVERWRITE") == 0)
			return PMN_OK;
		return pmn_table_changelog_manifests(scan->table, scan->arena, snapshot,
											 out);
	}
	if (strcmp(kind, "APPEND") != 0)
		return PMN_OK;
	return pmn_table_delta_manifests(scan->table, scan->arena, snapshot, out);
}

static PmnCode
read_entries(ChangesPlanner *planner, const PmnManifestList *manifests,
			 int64_t id)
{
	PmnScan *scan = planner->scan;
	size_t first = scan->entries.count;

	for (size_t i = 0; i < manifests->count; i++)
	{
		PMN_TRY(pmn_poll(scan->env));
		PMN_TRY(pmn_manifest_read(scan->table->fs, scan->arena,
								  &scan->table->lsm.path, &manifests->items[i],
								  keep_entry, planner, &scan->entries));
		PMN_TRY(planner->matcher.code);
	}
	for (size_t i = first; i < scan->entries.count; i++)
	{
		if (scan->entries.items[i].kind == PMN_ENTRY_ADD)
			continue;
		(void) pmn_fail(scan->env, PMN_UNSUPPORTED,
						"snapshot %" PRId64 " of table \"%s\" removes files, "
						"its changes cannot be read one by one",
						id, scan->table->name);
		return pmn_hint(scan->env, "Use mode \"diff\".");
	}
	if (first == scan->entries.count)
		return PMN_OK;
	PMN_TRY(pmn_array_reserve(scan->env, &planner->snapshots, 1));
	planner->snapshots.items[planner->snapshots.count++] =
		(SnapshotEntries){id, first, scan->entries.count};
	return PMN_OK;
}

static PmnCode
collect_snapshot(ChangesPlanner *planner, int64_t id)
{
	PmnScan *scan = planner->scan;
	PmnManifestList manifests = {NULL, 0, 0};
	PmnSnapshot *snapshot = NULL;
	PmnCode code;

	PMN_TRY(pmn_poll(scan->env));
	PMN_TRY(read_snapshot(scan, id, &snapshot));
	code = read_lists(planner, snapshot, &manifests);
	if (code == PMN_OK)
		code = read_entries(planner, &manifests, id);
	pmn_array_free(scan->env, &manifests);
	return pmn_table_explain_missing(scan->table, scan->arena, id, code);
}

/* The files of one bucket that a snapshot added, but for those that the
 * filter excludes. */
static PmnCode
split_group(ChangesPlanner *planner, int64_t id, const PmnEntryGroup *group)
{
	PmnScan *scan = planner->scan;
	const PmnManifestEntry *first = group->entries[0];
	PmnChangeSplit *change = pmn_arena_alloc(scan->arena, sizeof(*change));
	PmnSplit split = {.change = change};

	split.files =
		pmn_arena_alloc(scan->arena, group->count * sizeof(*split.files));
	if (change == NULL || split.files == NULL)
		return PMN_NO_MEMORY;
	change->snapshot_id = id;
	for (uint32_t i = 0; i < group->count; i++)
	{
		const PmnDataFile *file = &group->entries[i]->file;
		bool keep = true;

		/* Columns of rows that were there before are not rows. */
		if (scan->table->options.data_evolution && file->has_write_cols)
			return pmn_fail(scan->env, PMN_UNSUPPORTED,
							"snapshot %" PRId64 " of table \"%s\" added "
							"columns of rows, its changes cannot be read",
							id, scan->table->name);
		PMN_TRY(pmn_prune_by_value(scan, &planner->stats, file, &keep));
		if (keep)
			split.files[split.file_count++] = file;
		else
			scan->stats.files_pruned_statistics++;
	}
	if (split.file_count == 0)
		return PMN_OK;
	PMN_TRY(pmn_bucket_make(&scan->table->lsm, scan->arena, first->partition,
							first->bucket, first->total_buckets,
							&split.bucket));
	return pmn_scan_add_split(scan, split);
}

static PmnCode
plan_changes(ChangesPlanner *planner)
{
	const PmnChangeRange *range = planner->range;
	PmnScan *scan = planner->scan;

	for (int64_t id = range->after_id; id < range->until_id;)
		PMN_TRY(collect_snapshot(planner, ++id));
	/* Entries do not move any more. */
	for (size_t s = 0; s < planner->snapshots.count; s++)
	{
		const SnapshotEntries *found = &planner->snapshots.items[s];
		PmnEntryList part = {.items = scan->entries.items + found->first,
							 .count = found->end - found->first};
		PmnEntryGroup *groups = NULL;
		uint32_t group_count = 0;

		PMN_TRY(pmn_entries_group(scan->env, scan->arena, &part, &groups,
								  &group_count));
		for (uint32_t g = 0; g < group_count; g++)
		{
			PMN_TRY(pmn_poll(scan->env));
			PMN_TRY(split_group(planner, found->snapshot_id, &groups[g]));
		}
	}
	return PMN_OK;
}

/* ---- difference ------------------------------------------------------- */

/* Live entries of one end as scan->entries, with their deletion vectors. */
static PmnCode
read_end(ChangesPlanner *planner, int64_t id, const char *tag)
{
	PmnScan *scan = planner->scan;
	PmnSnapshot *snapshot = NULL;
	PmnCode code;

	if (id == 0)
		return PMN_OK;
	PMN_TRY(
		pmn_table_read_snapshot(scan->table, scan->arena, id, tag, &snapshot));
	code = pmn_snapshot_live_entries(scan->table, scan->arena, snapshot,
									 keep_entry, planner, &scan->entries);
	if (code == PMN_OK)
		code = planner->matcher.code;
	if (code == PMN_OK && scan->table->options.deletion_vectors)
		code = pmn_scan_bind_deletions(scan, snapshot->index_manifest);
	return pmn_table_explain_missing(scan->table, scan->arena,
									 tag != NULL ? 0 : id, code);
}

/* Both ends as scan->entries, the earlier's first. */
static PmnCode
read_ends(ChangesPlanner *planner, size_t *before_count)
{
	const PmnChangeRange *range = planner->range;
	PmnScan *scan = planner->scan;
	PmnEntryList before = {NULL, 0, 0};
	PmnCode code;

	code = read_end(planner, range->after_id, range->after_tag);
	before = scan->entries;
	scan->entries = (PmnEntryList){NULL, 0, 0};
	if (code == PMN_OK)
		code = read_end(planner, range->until_id, range->until_tag);
	*before_count = before.count;
	if (code == PMN_OK)
		code = pmn_array_reserve(scan->env, &scan->entries, before.count);
	if (code == PMN_OK && before.count > 0)
	{
		PmnManifestEntry *items = scan->entries.items;

		memmove(items + before.count, items,
				scan->entries.count * sizeof(*items));
		memcpy(items, before.items, before.count * sizeof(*items));
		scan->entries.count += before.count;
	}
	pmn_array_free(scan->env, &before);
	return code;
}

/* Drop what both ends have; entries before *before_count are the earlier's. */
static PmnCode
drop_shared(PmnScan *scan, PmnEntrySet *before, PmnEntrySet *after,
			size_t *before_count)
{
	PmnManifestEntry *items = scan->entries.items;
	size_t kept = 0;
	size_t kept_before = 0;
	bool *is_shared;

	is_shared = pmn_arena_alloc(scan->arena, scan->entries.count);
	if (is_shared == NULL)
		return PMN_NO_MEMORY;
	for (size_t i = 0; i < scan->entries.count; i++)
		PMN_TRY(
			pmn_entry_set_add(i < *before_count ? before : after, &items[i]));
	for (size_t i = 0; i < scan->entries.count; i++)
		is_shared[i] =
			pmn_entry_set_has(i < *before_count ? after : before, &items[i]);
	for (size_t i = 0; i < scan->entries.count; i++)
	{
		if (is_shared[i])
			continue;
		items[kept++] = items[i];
		kept_before += i < *before_count;
	}
	scan->entries.count = kept;
	*before_count = kept_before;
	return PMN_OK;
}

/* Runs of those of a bucket's files that are of one end. */
static PmnCode
make_runs(ChangesPlanner *planner, const PmnEntryGroup *group,
		  const PmnManifestEntry *limit, bool is_before, PmnLevelRun **out,
		  uint32_t *count)
{
	PmnScan *scan = planner->scan;
	PmnLsm *lsm = &scan->table->lsm;
	const PmnDataFile **files =
		pmn_arena_alloc(scan->arena, group->count * sizeof(*files));
	PmnLevelFile *level_files = NULL;
	uint32_t file_count = 0;

	if (files == NULL)
		return PMN_NO_MEMORY;
	*out = NULL;
	*count = 0;
	for (uint32_t i = 0; i < group->count; i++)
	{
		const PmnDataFile *file = &group->entries[i]->file;
		bool keep = true;

		if ((group->entries[i] < limit) != is_before)
			continue;
		PMN_TRY(pmn_prune_by_key(scan, &planner->stats,
								 planner->scan->key_filter, file, &keep));
		if (keep)
			files[file_count++] = file;
		else
			scan->stats.files_pruned_statistics++;
	}
	if (file_count == 0)
		return PMN_OK;
	PMN_TRY(pmn_level_files(lsm, scan->arena, files, file_count, &level_files));
	return pmn_level_runs(lsm, scan->arena, level_files, file_count, out,
						  count);
}

/* Only what is new can be told of tables without keys. */
static PmnCode
split_new_files(ChangesPlanner *planner, const PmnEntryGroup *group,
				const PmnManifestEntry *limit)
{
	PmnScan *scan = planner->scan;
	PmnEntryGroup rest = {
		.entries = pmn_arena_alloc(scan->arena, group->count * sizeof(void *))};

	if (rest.entries == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < group->count; i++)
	{
		if (group->entries[i] >= limit)
			rest.entries[rest.count++] = group->entries[i];
	}
	if (rest.count == 0)
		return PMN_OK;
	return split_group(planner, planner->range->until_id, &rest);
}

static PmnCode
split_difference(ChangesPlanner *planner, const PmnEntryGroup *group,
				 const PmnManifestEntry *limit)
{
	PmnScan *scan = planner->scan;
	const PmnManifestEntry *first = group->entries[0];
	PmnChangeSplit *change = pmn_arena_alloc(scan->arena, sizeof(*change));
	PmnSplit split = {.change = change};

	if (!scan->table->lsm.is_keyed)
		return split_new_files(planner, group, limit);
	if (change == NULL)
		return PMN_NO_MEMORY;
	change->snapshot_id = planner->range->until_id;
	change->is_diff = true;
	PMN_TRY(make_runs(planner, group, limit, true, &change->before,
					  &change->before_count));
	PMN_TRY(make_runs(planner, group, limit, false, &change->after,
					  &change->after_count));
	if (change->before_count + change->after_count == 0)
		return PMN_OK;
	PMN_TRY(pmn_bucket_make(&scan->table->lsm, scan->arena, first->partition,
							first->bucket, first->total_buckets,
							&split.bucket));
	scan->has_diff = true;
	scan->stats.merged_sections++;
	return pmn_scan_add_split(scan, split);
}

/* Buckets that were numbered anew between the ends cannot be compared. */
static PmnCode
check_buckets(PmnScan *scan, const PmnEntryGroup *group)
{
	for (uint32_t i = 1; i < group->count; i++)
	{
		if (group->entries[i]->total_buckets ==
			group->entries[0]->total_buckets)
			continue;
		(void) pmn_fail(scan->env, PMN_UNSUPPORTED,
						"the number of buckets of table \"%s\" changed "
						"between the two snapshots",
						scan->table->name);
		return pmn_detail(scan->env, "It was %" PRId32 " and %" PRId32 ".",
						  group->entries[0]->total_buckets,
						  group->entries[i]->total_buckets);
	}
	return PMN_OK;
}

static PmnCode
plan_difference(ChangesPlanner *planner)
{
	PmnScan *scan = planner->scan;
	PmnEntryGroup *groups = NULL;
	uint32_t group_count = 0;
	size_t before_count = 0;
	PmnEntrySet before;
	PmnEntrySet after;
	PmnCode code;

	PMN_TRY(read_ends(planner, &before_count));
	pmn_entry_set_init(&before, scan->env);
	pmn_entry_set_init(&after, scan->env);
	code = drop_shared(scan, &before, &after, &before_count);
	pmn_entry_set_free(&before);
	pmn_entry_set_free(&after);
	PMN_TRY(code);
	PMN_TRY(pmn_entries_group(scan->env, scan->arena, &scan->entries, &groups,
							  &group_count));
	for (uint32_t g = 0; g < group_count; g++)
	{
		PMN_TRY(pmn_poll(scan->env));
		PMN_TRY(check_buckets(scan, &groups[g]));
		PMN_TRY(split_difference(planner, &groups[g],
								 scan->entries.items + before_count));
	}
	return PMN_OK;
}

/* ---- all -------------------------------------------------------------- */

static PmnCode
plan_range(ChangesPlanner *planner)
{
	PmnScan *scan = planner->scan;
	PmnTable *table = scan->table;

	PMN_TRY(pmn_partition_matcher_init(&planner->matcher, table, scan->arena,
									   scan->partition_filter));
	PMN_TRY(pmn_file_stats_init(&planner->stats, table, scan->arena));
	if (planner->range->mode != PMN_CHANGES_DIFF)
		return plan_changes(planner);
	return plan_difference(planner);
}

PmnCode
pmn_changes_plan(PmnScan *scan, const PmnChangeRange *range)
{
	ChangesPlanner planner = {.scan = scan, .range = range};
	PmnCode code;

	scan->has_changes = true;
	scan->is_tagged = range->until_tag != NULL;
	scan->stats.snapshot_id = range->until_id;
	if (range->is_empty)
		return PMN_OK;
	code = plan_range(&planner);
	scan->stats.files_total = scan->entries.count;
	if (scan->has_diff)
		scan->stats.merge_engine = "difference";
	pmn_array_free(scan->env, &planner.snapshots);
	pmn_partition_matcher_free(&planner.matcher);
	pmn_file_stats_free(&planner.stats);
	return code;
}
