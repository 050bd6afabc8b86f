/*
 * table_commit.c
 *
 * Publishing files as snapshots (format/metadata.md 8). A message's new files
 * become an APPEND snapshot, its compaction results a COMPACT snapshot after
 * it. One attempt:
 *
 *   read the latest snapshot -> is it, or one before it, this very commit?
 *   -> conflict checks -> base list (manifests merged) and delta list
 *   -> their directory synced -> snapshot file, put only if its id is free
 *   -> LATEST hint
 *
 * The put is the only step that counts. Before it our files are nobody's and
 * are removed on failure; after it, when its outcome is unknown, nothing is
 * removed, and the next attempt first looks for our own snapshot. A commit is
 * known by its user, identifier and kind, so the same call may be repeated by
 * a process that did not live to see the answer.
 *
 * A lost race costs a retry: the delta's files are used again, manifests are
 * not merged again (an orphan for each lost race would be the price).
 */
#include "table_commit.h"

#include <string.h>
#include <time.h>

#define SLEEP_SLICE_MS 50

/* ---- cleaning up ------------------------------------------------------ */

static void
remove_attempt(PmnCommit *commit)
{
	for (size_t i = 0; i < commit->attempt_paths.count; i++)
		pmn_table_remove_quietly(commit->table, commit->attempt_paths.items[i]);
	commit->attempt_paths.count = 0;
}

static void
remove_delta(PmnCommit *commit)
{
	for (size_t i = 0; i < commit->delta_paths.count; i++)
		pmn_table_remove_quietly(commit->table, commit->delta_paths.items[i]);
	commit->delta_paths.count = 0;
	commit->delta_list = NULL;
}

PmnCode
pmn_commit_note_path(PmnCommit *commit, const char *name, bool is_delta)
{
	const char *path = pmn_path_manifest(
		commit->arena, &commit->table->lsm.path, pmn_bytes_string(name));

	if (path == NULL)
		return PMN_NO_MEMORY;
	if (is_delta)
	{
		PMN_TRY(pmn_array_reserve(commit->env, &commit->delta_paths, 1));
		commit->delta_paths.items[commit->delta_paths.count++] = path;
		return PMN_OK;
	}
	PMN_TRY(pmn_array_reserve(commit->env, &commit->attempt_paths, 1));
	commit->attempt_paths.items[commit->attempt_paths.count++] = path;
	return PMN_OK;
}

PmnCode
pmn_commit_note_manifests(PmnCommit *commit, const PmnManifestList *metas,
						  size_t from, bool is_delta)
{
	for (size_t i = from; i < metas->count; i++)
	{
		PmnBytes name = metas->items[i].file_name;
		const char *text = pmn_arena_string_n(
			commit->arena, (const char *) name.data, name.size);

		if (text == NULL)
			return PMN_NO_MEMORY;
		PMN_TRY(pmn_commit_note_path(commit, text, is_delta));
	}
	return PMN_OK;
}

/* ---- one attempt ------------------------------------------------------ */

static PmnCode
write_list(PmnCommit *commit, const PmnManifestList *metas, bool is_delta,
		   const char **name, int64_t *size)
{
	PMN_TRY(pmn_manifest_list_write(
		commit->table->fs, commit->arena, &commit->table->lsm.path,
		&commit->write_options, metas->items, metas->count, commit->uuid,
		&commit->list_counter, name, size));
	return pmn_commit_note_path(commit, *name, is_delta);
}

static PmnCode
write_delta(PmnCommit *commit)
{
	PmnManifestList metas = {NULL, 0, 0};
	const char *name = NULL;
	PmnCode code;

	if (commit->delta_list != NULL)
		return PMN_OK;
	code = pmn_manifest_write(commit->table->fs, commit->arena,
							  &commit->table->lsm.path, &commit->write_options,
							  commit->delta.items, commit->delta.count,
							  commit->uuid, &commit->manifest_counter, &metas);
	/* After a failure as well: some files may have been written. */
	if (pmn_commit_note_manifests(commit, &metas, 0, true) != PMN_OK)
		code = PMN_NO_MEMORY;
	if (code == PMN_OK)
		code =
			write_list(commit, &metas, true, &name, &commit->delta_list_size);
	if (code == PMN_OK)
		commit->delta_list = name;
	pmn_array_free(commit->env, &metas);
	return code;
}

/* Carry over what the newest snapshot says and our commit leaves alone. */
static void
inherit(const PmnSnapshot *latest, PmnSnapshot *snapshot)
{
	PmnSnapshotInfo *info = &snapshot->info;

	info->has_next_row_id = true;
	if (latest == NULL)
		return;
	/* Unsigned: the old total may be anything. */
	info->total_record_count =
		(int64_t) ((uint64_t) info->total_record_count +
				   (uint64_t) latest->info.total_record_count);
	info->watermark = latest->info.watermark;
	info->has_watermark = latest->info.has_watermark;
	if (latest->info.has_next_row_id)
		info->next_row_id = latest->info.next_row_id;
	snapshot->index_manifest = latest->index_manifest;
	if (latest->info.schema_id == info->schema_id)
		snapshot->statistics = latest->statistics;
	/* Time travel bisects by time, which must not run backwards. */
	if (info->time_millis < latest->info.time_millis)
		info->time_millis = latest->info.time_millis;
}

static PmnCode
make_snapshot(PmnCommit *commit, const PmnSnapshot *latest,
			  const PmnManifestList *base, PmnSnapshot *snapshot)
{
	PmnSnapshotInfo *info = &snapshot->info;
	char *uuid = pmn_arena_alloc(commit->attempt_arena, 37);

	if (uuid == NULL)
		return PMN_NO_MEMORY;
	pmn_uuid(commit->env, uuid);
	memset(snapshot, 0, sizeof(*snapshot));
	snapshot->version = 3;
	snapshot->uuid = uuid;
	snapshot->changelog_manifest_list_size = -1;
	info->id = latest == NULL ? 1 : latest->info.id + 1;
	PMN_TRY(pmn_schema_latest_id(commit->table->fs, commit->attempt_arena,
								 &commit->table->lsm.path, &info->schema_id));
	info->commit_user = commit->request->commit_user;
	info->commit_identifier = commit->request->commit_identifier;
	info->commit_kind = commit->kind;
	info->time_millis = commit->env->now_millis(commit->env);
	info->writer_version = pmn_version();
	info->delta_record_count = commit->delta_record_count;
	info->total_record_count = commit->delta_record_count;
	inherit(latest, snapshot);
	PMN_TRY(pmn_commit_index(commit, latest, snapshot));
	PMN_TRY(write_list(commit, base, false, &info->base_manifest_list,
					   &snapshot->base_manifest_list_size));
	PMN_TRY(write_delta(commit));
	info->delta_manifest_list = commit->delta_list;
	snapshot->delta_manifest_list_size = commit->delta_list_size;
	return PMN_OK;
}

/* Everything before the atomic step. */
static PmnCode
prepare_snapshot(PmnCommit *commit, const PmnSnapshot *latest,
				 PmnSnapshot *snapshot)
{
	PmnManifestList base = {NULL, 0, 0};
	PmnCode code = PMN_OK;

	if (latest != NULL)
		code = pmn_table_manifests(commit->table, commit->attempt_arena, latest,
								   &base);
	if (code == PMN_OK)
		code = pmn_commit_check(commit, latest, &base);
	if (code == PMN_OK && commit->retries == 0)
		code = pmn_commit_merge_manifests(commit, &base);
	if (code == PMN_OK)
		code = make_snapshot(commit, latest, &base, snapshot);
	pmn_array_free(commit->env, &base);
	return code;
}

/* Whether an error of the atomic step is worth another look. */
static bool
may_have_worked(PmnCode code)
{
	return code == PMN_UNAVAILABLE || code == PMN_IO || code == PMN_CANCELLED;
}

/*
 * look_after -- after a step that did not publish but can't be under way any
 * more (the id is taken, the disk is full): whether the snapshot is ours all
 * the same, as an earlier try of the store may have worked. False when we
 * can't tell.
 */
static bool
look_after(PmnCommit *commit, bool *published, int64_t *id)
{
	PmnError error = commit->env->error;
	int64_t latest_id = 0;
	PmnCode code;

	code = pmn_snapshot_latest_id(commit->table->fs, commit->attempt_arena,
								  &commit->table->lsm.path, &latest_id);
	if (code == PMN_OK)
		code = pmn_commit_find_own(commit, latest_id, id);
	commit->env->error = error;
	*published = code == PMN_OK && *id != 0;
	return code == PMN_OK;
}

/* Manifests and lists were written without their names being durable. */
static PmnCode
sync_manifests(PmnCommit *commit)
{
	char *directory = pmn_path_join(
		commit->attempt_arena, commit->table->lsm.path.root, "manifest", NULL);

	if (directory == NULL)
		return PMN_NO_MEMORY;
	return pmn_fs_sync_directory(commit->table->fs, directory);
}

/* The atomic step. *id is set when a snapshot is ours. */
static PmnCode
publish(PmnCommit *commit, PmnSnapshot *snapshot, bool *published, int64_t *id)
{
	PmnTable *table = commit->table;
	bool is_known = true;
	PmnCode code;

	PMN_TRY(sync_manifests(commit));
	/* A cancel before the step leaves no doubt; syncing gave it time. */
	PMN_TRY(pmn_poll(commit->env));
	code = pmn_catalog_publish_snapshot(table->catalog, commit->attempt_arena,
										&table->lsm.path, snapshot, published);
	if (*published)
		*id = snapshot->info.id;
	else
		is_known = (code == PMN_OK || code == PMN_NO_SPACE) &&
				   look_after(commit, published, id);
	commit->is_uncertain |= !is_known;
	if (is_known && !*published)
		remove_attempt(commit);
	/* From here on the files of this attempt are not ours to remove. */
	commit->attempt_paths.count = 0;
	if (!*published)
		return code;
	pmn_snapshot_hint_latest(table->fs, commit->attempt_arena, &table->lsm.path,
							 *id);
	return PMN_OK;
}

/*
 * attempt -- *published says that the snapshot *id is ours. PMN_OK without it
 * means: try again.
 */
static PmnCode
attempt(PmnCommit *commit, bool *published, int64_t *id)
{
	PmnTable *table = commit->table;
	PmnSnapshot *latest = NULL;
	PmnSnapshot snapshot;
	int64_t latest_id = 0;
	PmnCode code;

	pmn_arena_reset(commit->attempt_arena);
	PMN_TRY(pmn_snapshot_latest_id(table->fs, commit->attempt_arena,
								   &table->lsm.path, &latest_id));
	PMN_TRY(pmn_commit_find_own(commit, latest_id, id));
	*published = *id != 0;
	if (*published)
		return PMN_OK;
	if (latest_id > 0)
	{
		code = pmn_snapshot_read(table->fs, commit->attempt_arena,
								 &table->lsm.path, latest_id, &latest);
		/* Expired between two steps: there is a newer one by now. */
		if (code == PMN_NOT_FOUND)
			return PMN_OK;
		PMN_TRY(code);
	}
	code = prepare_snapshot(commit, latest, &snapshot);
	if (code == PMN_NOT_FOUND && latest != NULL)
		code = pmn_table_explain_missing(table, commit->attempt_arena,
										 latest_id, code);
	/* Expired while we read it: there is a newer one. */
	if (code == PMN_EXPIRED)
	{
		remove_attempt(commit);
		return PMN_OK;
	}
	PMN_TRY(code);
	return publish(commit, &snapshot, published, id);
}

/* ---- retries ---------------------------------------------------------- */

/* Random, growing with each retry; looks up every SLEEP_SLICE_MS. */
static PmnCode
wait_before_retry(PmnCommit *commit)
{
	const PmnTableOptions *options = &commit->table->options;
	int64_t limit = options->commit_min_retry_wait_ms;
	uint8_t bytes[37];
	uint32_t random;
	int64_t wait_ms;

	for (uint32_t i = 0; i < commit->retries && i < 20; i++)
		limit *= 2;
	if (limit > options->commit_max_retry_wait_ms)
		limit = options->commit_max_retry_wait_ms;
	if (limit <= 0)
		return pmn_poll(commit->env);
	pmn_uuid(commit->env, (char *) bytes);
	random = (uint32_t) pmn_hash_bytes(0, bytes, 36);
	wait_ms = limit / 2 + (int64_t) (random % (uint64_t) (limit / 2 + 1));
	while (wait_ms > 0)
	{
		int64_t slice = wait_ms < SLEEP_SLICE_MS ? wait_ms : SLEEP_SLICE_MS;
		struct timespec time = {0, (long) slice * 1000000};

		PMN_TRY(pmn_poll(commit->env));
		(void) nanosleep(&time, NULL);
		wait_ms -= slice;
	}
	return PMN_OK;
}

static PmnCode
commit_with_retries(PmnCommit *commit, int64_t *id)
{
	uint32_t retries_max = (uint32_t) commit->table->options.commit_max_retries;

	for (;;)
	{
		bool published = false;
		PmnCode code = attempt(commit, &published, id);

		if (published)
			return PMN_OK;
		if (code != PMN_OK && !(commit->is_uncertain && may_have_worked(code)))
			return code;
		if (commit->retries >= retries_max)
		{
			if (code != PMN_OK)
				return code;
			return pmn_fail(commit->env, PMN_UNAVAILABLE,
							"commit to table \"%s\" lost the race %" PRIu32
							" times",
							commit->table->name, commit->retries + 1);
		}
		PMN_TRY(wait_before_retry(commit));
		commit->retries++;
	}
}

/* ---- from messages to one kind of snapshot ---------------------------- */

static PmnCode
add_entries(PmnCommit *commit, const PmnEntryList *entries)
{
	PMN_TRY(pmn_array_reserve(commit->env, &commit->delta, entries->count));
	for (size_t i = 0; i < entries->count; i++)
	{
		const PmnManifestEntry *entry = &entries->items[i];
		int64_t rows = entry->file.row_count;

		commit->delta.items[commit->delta.count++] = *entry;
		commit->delta_record_count +=
			entry->kind == PMN_ENTRY_ADD ? rows : -rows;
		PMN_TRY(pmn_partition_set_add(&commit->changed, entry->partition));
	}
	return PMN_OK;
}

static PmnCode
gather_delta(PmnCommit *commit)
{
	const PmnCommitRequest *request = commit->request;

	for (uint32_t i = 0; i < request->message_count; i++)
	{
		const PmnMessage *message = request->messages[i];

		PMN_TRY(add_entries(commit, commit->is_compact
										? &message->compact_before
										: &message->new_files));
	}
	for (uint32_t i = 0; commit->is_compact && i < request->message_count; i++)
		PMN_TRY(add_entries(commit, &request->messages[i]->compact_after));
	return PMN_OK;
}

static PmnCode
prepare_options(PmnCommit *commit)
{
	const PmnTable *table = commit->table;
	PmnManifestWriteOptions *options = &commit->write_options;

	PMN_TRY(pmn_codec_parse(commit->env, table->options.manifest_compression,
							&options->codec));
	options->zstd_level = table->options.zstd_level;
	options->target_size = table->options.manifest_target_size;
	options->partition_types = table->lsm.partition_types;
	options->partition_count = table->lsm.partition_count;
	options->latest_schema_id = table->latest_schema->id;
	return PMN_OK;
}

static PmnCode
commit_kind(PmnCommit *commit, PmnCommitResult *result)
{
	int64_t id = 0;
	PmnCode code;

	PMN_TRY(pmn_arena_create(commit->env, 0, &commit->arena));
	PMN_TRY(pmn_arena_create(commit->env, 0, &commit->attempt_arena));
	PMN_TRY(gather_delta(commit));
	if (commit->delta.count == 0)
		return PMN_OK;
	PMN_TRY(prepare_options(commit));
	pmn_uuid(commit->env, commit->uuid);
	code = commit_with_retries(commit, &id);
	if (code != PMN_OK)
	{
		remove_attempt(commit);
		if (!commit->is_uncertain)
			remove_delta(commit);
		return code;
	}
	result->snapshot_id = id;
	result->retries += commit->retries;
	return PMN_OK;
}

static PmnCode
run_kind(PmnTable *table, const PmnCommitRequest *request, bool is_compact,
		 PmnCommitResult *result)
{
	PmnCommit commit;
	PmnCode code;

	memset(&commit, 0, sizeof(commit));
	commit.env = table->env;
	commit.table = table;
	commit.request = request;
	commit.is_compact = is_compact;
	commit.kind = is_compact ? "COMPACT" : "APPEND";
	commit.own_checked_id = -1;
	pmn_partition_set_init(&commit.changed, table->env);
	code = commit_kind(&commit, result);
	pmn_partition_set_free(&commit.changed);
	pmn_array_free(table->env, &commit.delta);
	pmn_array_free(table->env, &commit.delta_paths);
	pmn_array_free(table->env, &commit.attempt_paths);
	pmn_arena_destroy(commit.attempt_arena);
	pmn_arena_destroy(commit.arena);
	return code;
}

PmnCode
pmn_table_commit(PmnTable *table, const PmnCommitRequest *request,
				 PmnCommitResult *result)
{
	PmnCode code;

	memset(result, 0, sizeof(*result));
	PMN_ASSERT(request->commit_user != NULL);
	PMN_TRY(pmn_table_check_write(table));
	PMN_TRY(run_kind(table, request, false, result));
	code = run_kind(table, request, true, result);
	/* The rows are in; a compaction that came too late is only lost work. */
	if (code == PMN_CONFLICT && result->snapshot_id != 0)
	{
		if (table->env->log != NULL)
			table->env->log(table->env, 1, table->env->error.message);
		return PMN_OK;
	}
	return code;
}

/* A file that only changed its level belongs to the table. */
static bool
is_moved(const PmnMessage *message, const PmnManifestEntry *entry)
{
	for (size_t i = 0; i < message->compact_before.count; i++)
	{
		if (pmn_bytes_equal(message->compact_before.items[i].file.file_name,
							entry->file.file_name))
			return true;
	}
	return false;
}

static void
discard_list(PmnTable *table, PmnArena *arena, const PmnMessage *message,
			 const PmnEntryList *list)
{
	for (size_t i = 0; i < list->count; i++)
	{
		char *path = NULL;

		if (!is_moved(message, &list->items[i]) &&
			pmn_table_file_path(table, arena, &list->items[i], &path) == PMN_OK)
			pmn_table_remove_quietly(table, path);
	}
}

static void
discard_indexes(PmnTable *table, PmnArena *arena, const PmnMessage *message)
{
	for (size_t i = 0; i < message->new_indexes.count; i++)
	{
		PmnBytes name =
			pmn_bytes_string(message->new_indexes.items[i].file_name);
		char *path = NULL;

		if (pmn_path_index_file(arena, table->env, &table->lsm.path, NULL, name,
								NULL, &path) == PMN_OK)
			pmn_table_remove_quietly(table, path);
	}
}

void
pmn_message_discard(PmnTable *table, const PmnMessage *message)
{
	PmnError error = table->env->error;
	PmnArena *arena = NULL;

	if (pmn_arena_create(table->env, 0, &arena) == PMN_OK)
	{
		discard_list(table, arena, message, &message->new_files);
		discard_list(table, arena, message, &message->compact_after);
		discard_indexes(table, arena, message);
	}
	pmn_arena_destroy(arena);
	table->env->error = error;
}
