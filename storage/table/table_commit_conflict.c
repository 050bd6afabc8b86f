/*
 * table_commit_conflict.c
 *
 * May our commit follow the snapshots that others made meanwhile?
 * (format/metadata.md 8.5) An APPEND adds files of names never seen before, so
 * it conflicts only when a partition got another bucket count, or when the
 * caller says that its rows depend on what it read. Both show in the deltas of
 * the snapshots behind the base. Without a base, bucket counts are compared
 * with the live files. A COMPACT must find every file it deletes alive, and its
 * results must not overlap others on their level.
 */
#include <string.h>

#include "table_commit.h"

/* ---- APPEND: what the snapshots behind the base changed --------------- */

static PmnCode
changed_bucket(PmnCommit *commit, const PmnManifestEntry *entry)
{
	return pmn_fail(commit->env, PMN_CONFLICT,
					"bucket %" PRId32 " of a partition of table \"%s\" was "
					"changed by another commit",
					entry->bucket, commit->table->name);
}

static PmnCode
rescaled_partition(PmnCommit *commit, int32_t ours, int32_t theirs)
{
	return pmn_fail(commit->env, PMN_CONFLICT,
					"files for %" PRId32 " buckets do not fit into a "
					"partition of table \"%s\" that has %" PRId32 " buckets",
					ours, commit->table->name, theirs);
}

/* Compare one entry of a newer snapshot with all of ours. */
static PmnCode
check_newer_entry(PmnCommit *commit, const PmnManifestEntry *theirs)
{
	if (!pmn_partition_set_has(&commit->changed, theirs->partition))
		return PMN_OK;
	for (size_t i = 0; i < commit->delta.count; i++)
	{
		const PmnManifestEntry *ours = &commit->delta.items[i];

		if (!pmn_bytes_equal(ours->partition, theirs->partition))
			continue;
		if (commit->request->fail_on_change && ours->bucket == theirs->bucket)
			return changed_bucket(commit, ours);
		if (theirs->kind == PMN_ENTRY_ADD && ours->total_buckets > 0 &&
			theirs->total_buckets > 0 &&
			ours->total_buckets != theirs->total_buckets)
			return rescaled_partition(commit, ours->total_buckets,
									  theirs->total_buckets);
	}
	return PMN_OK;
}

/* Heads say all that is compared; no entry is decoded. */
static PmnCode
check_newer_manifest(PmnCommit *commit, const PmnManifestMeta *meta)
{
	PmnTable *table = commit->table;
	const PmnManifestHead *heads;
	const PmnBytes *partitions;
	PmnManifestPin pin;
	uint32_t count;
	uint32_t unused;
	PmnCode code;

	PMN_TRY(pmn_cache_manifest(table->catalog->cache, table->fs,
							   &table->lsm.path, meta, &pin));
	heads = pmn_manifest_image_heads(pin.image, &count);
	partitions = pmn_manifest_image_partitions(pin.image, &unused);
	code = pmn_poll(commit->env);
	for (uint32_t i = 0; code == PMN_OK && i < count; i++)
	{
		PmnManifestEntry theirs = {.kind = heads[i].kind,
								   .partition = partitions[heads[i].partition],
								   .bucket = heads[i].bucket,
								   .total_buckets = heads[i].total_buckets};

		code = check_newer_entry(commit, &theirs);
	}
	pmn_manifest_pin_release(&pin);
	return code;
}

static PmnCode
check_newer_manifests(PmnCommit *commit, const PmnManifestList *manifests)
{
	for (size_t i = 0; i < manifests->count; i++)
	{
		bool may_touch = true;

		PMN_TRY(pmn_manifest_may_touch(commit->table, commit->attempt_arena,
									   &commit->changed, &manifests->items[i],
									   &may_touch));
		if (may_touch)
			PMN_TRY(check_newer_manifest(commit, &manifests->items[i]));
	}
	return PMN_OK;
}

static PmnCode
check_newer_snapshot(PmnCommit *commit, const PmnSnapshot *snapshot)
{
	PmnTable *table = commit->table;
	const PmnSnapshotInfo *info = &snapshot->info;
	PmnManifestList manifests = {NULL, 0, 0};
	PmnCode code;

	if (info->commit_kind == NULL ||
		(strcmp(info->commit_kind, "APPEND") != 0 &&
		 strcmp(info->commit_kind, "OVERWRITE") != 0) ||
		pmn_commit_is_own(commit, info, true))
		return PMN_OK;
	code =
		pmn_manifest_list_read(table->fs, commit->attempt_arena,
							   &table->lsm.path, info->delta_manifest_list,
							   snapshot->delta_manifest_list_size, &manifests);
	if (code == PMN_OK)
		code = check_newer_manifests(commit, &manifests);
	pmn_array_free(commit->env, &manifests);
	return code;
}

/* *unknown is the id of a snapshot that has expired, or 0. */
static PmnCode
check_newer(PmnCommit *commit, const PmnSnapshot *latest, int64_t *unknown)
{
	PmnTable *table = commit->table;

	if (commit->change_checked_id < commit->request->base_snapshot_id)
		commit->change_checked_id = commit->request->base_snapshot_id;
	for (int64_t id = commit->change_checked_id + 1; id <= latest->info.id;
		 id++)
	{
		PmnSnapshot *snapshot = NULL;
		PmnCode code;

		PMN_TRY(pmn_poll(commit->env));
		code = pmn_snapshot_read(table->fs, commit->attempt_arena,
								 &table->lsm.path, id, &snapshot);
		if (code == PMN_OK)
			code = check_newer_snapshot(commit, snapshot);
		if (code == PMN_NOT_FOUND)
		{
			*unknown = id;
			return PMN_OK;
		}
		PMN_TRY(code);
		commit->change_checked_id = id;
	}
	return PMN_OK;
}

/* ---- against the live files ------------------------------------------- */

/* Live entries of the partitions that the delta touches. Levels are compared
 * by key, the rest by identity. */
static PmnCode
changed_entries(PmnCommit *commit, const PmnManifestList *manifests,
				PmnEntryList *out)
{
	PmnLiveRequest request = {.view = commit->is_compact ? PMN_ENTRY_KEYS
														 : PMN_ENTRY_IDENTITY,
							  .partitions = &commit->changed};

	return pmn_table_find_live(commit->table, commit->attempt_arena, manifests,
							   &request, out);
}

static PmnCode
check_bucket_counts(PmnCommit *commit, const PmnEntryList *live)
{
	for (size_t i = 0; i < commit->delta.count; i++)
	{
		const PmnManifestEntry *ours = &commit->delta.items[i];

		/* Neighbours are mostly of one partition: compare once. */
		if (ours->total_buckets <= 0 || ours->kind != PMN_ENTRY_ADD ||
			(i > 0 && ours[-1].kind == ours->kind &&
			 ours[-1].total_buckets == ours->total_buckets &&
			 pmn_bytes_equal(ours[-1].partition, ours->partition)))
			continue;
		for (size_t j = 0; j < live->count; j++)
		{
			const PmnManifestEntry *theirs = &live->items[j];

			if (theirs->total_buckets > 0 &&
				theirs->total_buckets != ours->total_buckets &&
				pmn_bytes_equal(theirs->partition, ours->partition))
				return rescaled_partition(commit, ours->total_buckets,
										  theirs->total_buckets);
		}
	}
	return PMN_OK;
}

static PmnCode
file_conflict(PmnCommit *commit, const PmnManifestEntry *entry,
			  const char *what)
{
	return pmn_fail(
		commit->env, PMN_CONFLICT, "file \"%.*s\" of table \"%s\" %s",
		(int) entry->file.file_name.size,
		(const char *) entry->file.file_name.data, commit->table->name, what);
}

/* DELETEd files must be alive, ADDed ones must not be. deleted gets the
 * DELETEs of the delta. */
static PmnCode
check_identities(PmnCommit *commit, const PmnEntryList *live,
				 PmnEntrySet *present, PmnEntrySet *deleted)
{
	for (size_t i = 0; i < live->count; i++)
		PMN_TRY(pmn_entry_set_add(present, &live->items[i]));
	for (size_t i = 0; i < commit->delta.count; i++)
	{
		const PmnManifestEntry *entry = &commit->delta.items[i];

		if (entry->kind == PMN_ENTRY_DELETE)
		{
			if (!pmn_entry_set_has(present, entry) ||
				pmn_entry_set_has(deleted, entry))
				return file_conflict(commit, entry,
									 "was removed by another commit");
			PMN_TRY(pmn_entry_set_add(deleted, entry));
			continue;
		}
		if (pmn_entry_set_has(present, entry))
			return file_conflict(commit, entry, "is in the table already");
		PMN_TRY(pmn_entry_set_add(present, entry));
	}
	return PMN_OK;
}

/* Whether a bucket's files after the commit lie in proper levels. */
static PmnCode
check_group_levels(PmnCommit *commit, const PmnEntryGroup *group)
{
	PmnArena *arena = commit->attempt_arena;
	const PmnDataFile **files =
		pmn_arena_alloc(arena, group->count * sizeof(*files));
	PmnLevelFile *level_files = NULL;
	PmnLevelRun *runs = NULL;
	uint32_t run_count = 0;
	uint32_t count = 0;
	PmnCode code;

	if (files == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < group->count; i++)
	{
		if (group->entries[i]->file.level > 0)
			files[count++] = &group->entries[i]->file;
	}
	if (count < 2)
		return PMN_OK;
	PMN_TRY(pmn_level_files(&commit->table->lsm, arena, files, count,
							&level_files));
	code = pmn_level_runs(&commit->table->lsm, arena, level_files, count, &runs,
						  &run_count);
	if (code == PMN_CORRUPT)
		return pmn_fail(commit->env, PMN_CONFLICT,
						"bucket %" PRId32 " of table \"%s\" was compacted by "
						"another commit: key ranges would overlap",
						group->entries[0]->bucket, commit->table->name);
	return code;
}

static PmnCode
check_levels(PmnCommit *commit, const PmnEntryList *live,
			 const PmnEntrySet *deleted)
{
	PmnEntryList after = {NULL, 0, 0};
	PmnEntryGroup *groups = NULL;
	uint32_t group_count = 0;
	PmnCode code;

	if (!commit->table->lsm.is_keyed)
		return PMN_OK;
	PMN_TRY(pmn_array_reserve(commit->env, &after,
							  live->count + commit->delta.count));
	for (size_t i = 0; i < live->count; i++)
	{
		if (!pmn_entry_set_has(deleted, &live->items[i]))
			after.items[after.count++] = live->items[i];
	}
	for (size_t i = 0; i < commit->delta.count; i++)
	{
		if (commit->delta.items[i].kind == PMN_ENTRY_ADD)
			after.items[after.count++] = commit->delta.items[i];
	}
	code = pmn_entries_group(commit->env, commit->attempt_arena, &after,
							 &groups, &group_count);
	for (uint32_t g = 0; code == PMN_OK && g < group_count; g++)
		code = check_group_levels(commit, &groups[g]);
	pmn_array_free(commit->env, &after);
	return code;
}

static PmnCode
check_live(PmnCommit *commit, const PmnManifestList *manifests)
{
	PmnEntryList live = {NULL, 0, 0};
	PmnEntrySet present;
	PmnEntrySet deleted;
	PmnCode code;

	pmn_entry_set_init(&present, commit->env);
	pmn_entry_set_init(&deleted, commit->env);
	code = changed_entries(commit, manifests, &live);
	if (code == PMN_OK)
		code = check_bucket_counts(commit, &live);
	if (code == PMN_OK)
		code = check_identities(commit, &live, &present, &deleted);
	if (code == PMN_OK && commit->is_compact)
		code = check_levels(commit, &live, &deleted);
	pmn_entry_set_free(&present);
	pmn_entry_set_free(&deleted);
	pmn_array_free(commit->env, &live);
	return code;
}

PmnCode
pmn_commit_check(PmnCommit *commit, const PmnSnapshot *latest,
				 const PmnManifestList *manifests)
{
	const PmnCommitRequest *request = commit->request;
	bool is_bucketed = commit->table->options.bucket > 0;
	int64_t unknown = 0;

	if (commit->is_compact)
		return check_live(commit, manifests);
	if (latest == NULL || (!request->fail_on_change && !is_bucketed))
		return PMN_OK;
	if (request->fail_on_change || request->base_snapshot_id > 0 ||
		commit->is_full_checked)
	{
		PMN_TRY(check_newer(commit, latest, &unknown));
		if (unknown == 0)
			return PMN_OK;
		if (request->fail_on_change)
			return pmn_fail(commit->env, PMN_CONFLICT,
							"snapshot %" PRId64 " of table \"%s\" has "
							"expired, so that its changes are not known",
							unknown, commit->table->name);
	}
	PMN_TRY(check_live(commit, manifests));
	/* The next attempt need only look at what is new. */
	commit->is_full_checked = true;
	commit->change_checked_id = latest->info.id;
	return PMN_OK;
}
