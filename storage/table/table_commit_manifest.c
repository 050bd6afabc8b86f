/*
 * table_commit_manifest.c
 *
 * Keeping the number of manifests small (format/metadata.md 8.4). Every commit
 * adds a manifest of its own to the next one's base list. Two ways to merge:
 *
 *   full   when the manifests that are small or hold DELETEs add up to the
 *          threshold: ADDs without the DELETEd ones are written anew, all
 *          DELETEs vanish, since the base list shows every ADD they can mean;
 *          a large manifest of no touched partition stays as it is
 *   minor  neighbours are merged as soon as they fill a manifest, the rest
 *          when there are many; ADD and DELETE cancel, a DELETE of an ADD
 *          elsewhere stays
 *
 * The live files are the same before and after. Manifests are handled in
 * portions of about one target size, so that memory does not grow with the
 * table.
 */
#include "table_commit.h"

/* Some manifests of a list, to be rewritten together. */
typedef struct Portion
{
	const PmnManifestMeta *items;
	size_t count;
} Portion;

/* A filter of entries for the full way. */
typedef struct LiveFilter
{
	const PmnEntrySet *deleted;
} LiveFilter;

static bool
keep_live(void *context, const PmnManifestEntry *entry)
{
	const LiveFilter *filter = context;

	return entry->kind == PMN_ENTRY_ADD &&
		   !pmn_entry_set_has(filter->deleted, entry);
}

static bool
keep_deletes(void *context, const PmnManifestEntry *entry)
{
	(void) context;
	return entry->kind == PMN_ENTRY_DELETE;
}

static PmnCode
append_meta(PmnCommit *commit, PmnManifestList *out,
			const PmnManifestMeta *meta)
{
	PMN_TRY(pmn_array_reserve(commit->env, out, 1));
	out->items[out->count++] = *meta;
	return PMN_OK;
}

/* Read a portion, cancel what cancels, and write what stays. */
static PmnCode
rewrite_entries(PmnCommit *commit, PmnArena *arena, const Portion *portion,
				LiveFilter *filter, PmnEntryList *entries, PmnManifestList *out)
{
	PmnTable *table = commit->table;
	size_t first = out->count;
	PmnCode code;

	for (size_t i = 0; i < portion->count; i++)
	{
		PMN_TRY(pmn_poll(commit->env));
		PMN_TRY(pmn_manifest_read(
			table->fs, arena, &table->lsm.path, &portion->items[i],
			filter == NULL ? NULL : keep_live, filter, entries));
	}
	if (filter == NULL)
		PMN_TRY(pmn_entries_live(commit->env, entries, true));
	if (entries->count == 0)
		return PMN_OK;
	code = pmn_manifest_write(table->fs, commit->arena, &table->lsm.path,
							  &commit->write_options, entries->items,
							  entries->count, commit->uuid,
							  &commit->manifest_counter, out);
	/* After a failure as well: some files may have been written. */
	PMN_TRY(pmn_commit_note_manifests(commit, out, first, false));
	return code;
}

static PmnCode
rewrite_portion(PmnCommit *commit, const Portion *portion, LiveFilter *filter,
				PmnManifestList *out)
{
	PmnEntryList entries = {NULL, 0, 0};
	PmnArena *arena = NULL;
	PmnCode code;

	PMN_TRY(pmn_arena_create(commit->env, 0, &arena));
	code = rewrite_entries(commit, arena, portion, filter, &entries, out);
	pmn_array_free(commit->env, &entries);
	pmn_arena_destroy(arena);
	return code;
}

/* ---- full ------------------------------------------------------------- */

static bool
must_change(const PmnCommit *commit, const PmnManifestMeta *meta)
{
	return meta->deleted_file_count > 0 ||
		   meta->file_size < commit->table->options.manifest_target_size;
}

/* DELETEs of all manifests, and the partitions they are in. */
static PmnCode
collect_deletes(PmnCommit *commit, PmnArena *arena, const PmnManifestList *list,
				PmnEntryList *entries, PmnEntrySet *deleted,
				PmnPartitionSet *partitions)
{
	PmnTable *table = commit->table;

	for (size_t i = 0; i < list->count; i++)
	{
		if (list->items[i].deleted_file_count > 0)
			PMN_TRY(pmn_manifest_read(table->fs, arena, &table->lsm.path,
									  &list->items[i], keep_deletes, NULL,
									  entries));
	}
	for (size_t i = 0; i < entries->count; i++)
	{
		PMN_TRY(pmn_entry_set_add(deleted, &entries->items[i]));
		PMN_TRY(pmn_partition_set_add(partitions, entries->items[i].partition));
	}
	return PMN_OK;
}

/* Manifests to rewrite, in order, into rewrite; the others into keep. */
static PmnCode
sort_out(PmnCommit *commit, PmnArena *arena, const PmnManifestList *list,
		 const PmnPartitionSet *partitions, PmnManifestList *keep,
		 PmnManifestList *rewrite)
{
	for (size_t i = 0; i < list->count; i++)
	{
		const PmnManifestMeta *meta = &list->items[i];
		bool changes = must_change(commit, meta);

		if (!changes)
			PMN_TRY(pmn_manifest_may_touch(commit->table, arena, partitions,
										   meta, &changes));
		PMN_TRY(append_meta(commit, changes ? rewrite : keep, meta));
	}
	return PMN_OK;
}

static PmnCode
rewrite_all(PmnCommit *commit, const PmnManifestList *rewrite,
			const PmnEntrySet *deleted, PmnManifestList *out)
{
	LiveFilter filter = {deleted};
	int64_t target = commit->table->options.manifest_target_size;
	Portion portion = {rewrite->items, 0};
	int64_t size = 0;

	for (size_t i = 0; i < rewrite->count; i++)
	{
		portion.count++;
		size += rewrite->items[i].file_size;
		if (size < target && i + 1 < rewrite->count)
			continue;
		PMN_TRY(rewrite_portion(commit, &portion, &filter, out));
		portion.items += portion.count;
		portion.count = 0;
		size = 0;
	}
	return PMN_OK;
}

typedef struct FullMerge
{
	PmnArena *arena;
	PmnEntryList deletes;
	PmnEntrySet deleted;
	PmnPartitionSet partitions;
	PmnManifestList keep;
	PmnManifestList rewrite;
} FullMerge;

static PmnCode
run_full(PmnCommit *commit, const PmnManifestList *list, FullMerge *merge,
		 bool *done)
{
	PMN_TRY(pmn_arena_create(commit->env, 0, &merge->arena));
	PMN_TRY(collect_deletes(commit, merge->arena, list, &merge->deletes,
							&merge->deleted, &merge->partitions));
	PMN_TRY(sort_out(commit, merge->arena, list, &merge->partitions,
					 &merge->keep, &merge->rewrite));
	if (merge->rewrite.count <= 1)
		return PMN_OK;
	*done = true;
	return rewrite_all(commit, &merge->rewrite, &merge->deleted, &merge->keep);
}

/* *done false: it was not worth it, list is unchanged. */
static PmnCode
merge_full(PmnCommit *commit, PmnManifestList *list, bool *done)
{
	FullMerge merge = {0};
	int64_t size = 0;
	PmnCode code;

	*done = false;
	for (size_t i = 0; i < list->count; i++)
	{
		if (must_change(commit, &list->items[i]))
			size += list->items[i].file_size;
	}
	if (size < commit->table->options.manifest_full_compaction_size)
		return PMN_OK;
	pmn_entry_set_init(&merge.deleted, commit->env);
	pmn_partition_set_init(&merge.partitions, commit->env);
	code = run_full(commit, list, &merge, done);
	if (code == PMN_OK && *done)
	{
		PmnManifestList old = *list;

		*list = merge.keep;
		merge.keep = old;
	}
	pmn_entry_set_free(&merge.deleted);
	pmn_partition_set_free(&merge.partitions);
	pmn_array_free(commit->env, &merge.deletes);
	pmn_array_free(commit->env, &merge.rewrite);
	pmn_array_free(commit->env, &merge.keep);
	pmn_arena_destroy(merge.arena);
	return code;
}

/* ---- minor ------------------------------------------------------------ */

static PmnCode
merge_portion(PmnCommit *commit, const Portion *portion, bool merge,
			  PmnManifestList *out)
{
	if (merge && portion->count > 1)
		return rewrite_portion(commit, portion, NULL, out);
	for (size_t i = 0; i < portion->count; i++)
		PMN_TRY(append_meta(commit, out, &portion->items[i]));
	return PMN_OK;
}

static PmnCode
run_minor(PmnCommit *commit, const PmnManifestList *list, PmnManifestList *out)
{
	const PmnTableOptions *options = &commit->table->options;
	Portion portion = {list->items, 0};
	int64_t size = 0;

	for (size_t i = 0; i < list->count; i++)
	{
		portion.count++;
		size += list->items[i].file_size;
		if (size < options->manifest_target_size)
			continue;
		PMN_TRY(merge_portion(commit, &portion, true, out));
		portion.items += portion.count;
		portion.count = 0;
		size = 0;
	}
	return merge_portion(
		commit, &portion,
		portion.count >= (size_t) options->manifest_merge_min_count, out);
}

PmnCode
pmn_commit_merge_manifests(PmnCommit *commit, PmnManifestList *list)
{
	PmnManifestList out = {NULL, 0, 0};
	bool done = false;
	PmnCode code;

	PMN_TRY(merge_full(commit, list, &done));
	if (done)
		return PMN_OK;
	code = run_minor(commit, list, &out);
	if (code == PMN_OK)
	{
		PmnManifestList old = *list;

		*list = out;
		out = old;
	}
	pmn_array_free(commit->env, &out);
	return code;
}
