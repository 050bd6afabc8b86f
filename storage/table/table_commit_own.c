/*
 * table_commit_own.c
 *
 * Which snapshots came from which commit. A commit is known by user, identifier
 * and kind, so that a message with rows and a compaction, whose two snapshots a
 * crash may part, is completed by a repetition and not doubled.
 *
 * A repetition must find what an earlier try made, however long ago: all
 * snapshots after the base are read. Ones that have expired meanwhile leave
 * a doubt, which is settled by what is left, in this order:
 *
 *   - the snapshot after the gap is older than the message: the gap is, too,
 *     and our commit is not in it;
 *   - one of our files is live: our commit was there;
 *   - else nobody knows: our files may have been published and compacted away.
 *     That is PMN_EXPIRED. Publishing would bring back old rows.
 *
 * Compactions need none of that: their conflict check finds out. Nor do
 * commits by an identifier that says "once only" (INT64_MAX), whose user has
 * made no other try than this call's: for them the search only goes back as far
 * as the message is old.
 *
 * A search never trusts remembered identities: a snapshot that was taken back
 * must not pass for ours.
 */
#include "../include/pmn_outbox.h"
#include "table_commit.h"

/* How far clocks of different machines may be apart. */
#define CLOCK_MARGIN_MS (5 * 60 * 1000)

/* Before this time our commit cannot have happened. */
static int64_t
earliest_time(const PmnCommit *commit)
{
	const int64_t sane_max = (int64_t) 1 << 50;
	int64_t newest = 0;

	for (uint32_t m = 0; m < commit->request->message_count; m++)
	{
		if (commit->request->messages[m]->made_millis > newest)
			newest = commit->request->messages[m]->made_millis;
	}
	if (newest == 0 || newest > sane_max)
		return INT64_MIN;
	return newest - CLOCK_MARGIN_MS;
}

bool
pmn_commit_is_own(const PmnCommit *commit, const PmnSnapshotInfo *info,
				  bool any_kind)
{
	return info->commit_user != NULL && info->commit_kind != NULL &&
		   info->commit_identifier == commit->request->commit_identifier &&
		   strcmp(info->commit_user, commit->request->commit_user) == 0 &&
		   (any_kind || strcmp(info->commit_kind, commit->kind) == 0);
}

/* ---- expired snapshots ------------------------------------------------- */

static bool
is_ours(const PmnCommit *commit, const PmnManifestEntry *live)
{
	for (size_t i = 0; i < commit->delta.count; i++)
	{
		/* A file may have moved to another level. */
		if (pmn_bytes_equal(commit->delta.items[i].file.file_name,
							live->file.file_name) &&
			pmn_bytes_equal(commit->delta.items[i].partition, live->partition))
			return true;
	}
	return false;
}

/* Whether a file of the delta is live in a snapshot. */
static PmnCode
has_own_file(PmnCommit *commit, const PmnSnapshot *snapshot, bool *out)
{
	PmnLiveRequest request = {.view = PMN_ENTRY_IDENTITY,
							  .partitions = &commit->changed};
	PmnManifestList manifests = {NULL, 0, 0};
	PmnEntryList live = {NULL, 0, 0};
	PmnCode code;

	*out = false;
	code = pmn_table_manifests(commit->table, commit->attempt_arena, snapshot,
							   &manifests);
	if (code == PMN_OK)
		code = pmn_table_find_live(commit->table, commit->attempt_arena,
								   &manifests, &request, &live);
	for (size_t i = 0; code == PMN_OK && i < live.count && !*out; i++)
		*out = is_ours(commit, &live.items[i]);
	pmn_array_free(commit->env, &live);
	pmn_array_free(commit->env, &manifests);
	return code;
}

/*
 * settle_gap -- snapshot gap_id and perhaps some before it are gone; after is
 * the next one that is there, or NULL when the whole search found none.
 */
static PmnCode
settle_gap(PmnCommit *commit, int64_t gap_id, const PmnSnapshot *after,
		   int64_t *own_id)
{
	bool has_file = false;

	if (after != NULL && after->info.time_millis < earliest_time(commit))
		return PMN_OK;
	if (after != NULL)
		PMN_TRY(has_own_file(commit, after, &has_file));
	if (has_file)
	{
		*own_id = after->info.id;
		return PMN_OK;
	}
	(void) pmn_fail(commit->env, PMN_EXPIRED,
					"whether commit %" PRId64 " of user \"%s\" is in table "
					"\"%s\" cannot be told",
					commit->request->commit_identifier,
					commit->request->commit_user, commit->table->name);
	return pmn_detail(commit->env,
					  "Snapshot %" PRId64 " has expired, and the commit's "
					  "files are not in the table.",
					  gap_id);
}

/* ---- the search -------------------------------------------------------- */

/* What a search has to look at. */
typedef struct OwnSearch
{
	int64_t stop; /* only snapshots after this one */
	int64_t stop_time;
	bool settles_gaps;
} OwnSearch;

static OwnSearch
plan_search(const PmnCommit *commit)
{
	const PmnCommitRequest *request = commit->request;
	bool is_first = commit->own_checked_id < 0;
	bool is_batch = request->commit_identifier == INT64_MAX;
	OwnSearch search;

	search.stop = is_first ? request->base_snapshot_id : commit->own_checked_id;
	search.stop_time = is_first && is_batch ? earliest_time(commit) : INT64_MIN;
	search.settles_gaps =
		!commit->is_compact && (!is_batch || commit->is_uncertain);
	return search;
}

PmnCode
pmn_commit_find_own(PmnCommit *commit, int64_t latest_id, int64_t *own_id)
{
	PmnTable *table = commit->table;
	OwnSearch search = plan_search(commit);
	PmnSnapshot *snapshot = NULL;

	*own_id = 0;
	for (int64_t id = latest_id; id > search.stop && id > 0; id--)
	{
		const PmnSnapshot *after = snapshot;
		PmnCode code;

		PMN_TRY(pmn_poll(commit->env));
		code = pmn_snapshot_read(table->fs, commit->attempt_arena,
								 &table->lsm.path, id, &snapshot);
		if (code == PMN_NOT_FOUND && search.settles_gaps)
			PMN_TRY(settle_gap(commit, id, after, own_id));
		if (code == PMN_NOT_FOUND)
			break;
		PMN_TRY(code);
		if (pmn_commit_is_own(commit, &snapshot->info, false))
		{
			*own_id = id;
			return PMN_OK;
		}
		if (snapshot->info.time_millis < search.stop_time)
			break;
	}
	if (*own_id == 0)
		commit->own_checked_id = latest_id;
	return PMN_OK;
}

/* ---- for others -------------------------------------------------------- */

static PmnCode
find_commit(PmnTable *table, PmnArena *arena, const PmnCommit *commit,
			int64_t after_id, int64_t *found)
{
	int64_t latest_id = 0;

	PMN_TRY(
		pmn_snapshot_latest_id(table->fs, arena, &table->lsm.path, &latest_id));
	for (int64_t id = latest_id; id > after_id && id > 0; id--)
	{
		PmnSnapshot *snapshot = NULL;
		PmnCode code;

		PMN_TRY(pmn_poll(table->env));
		code = pmn_snapshot_read(table->fs, arena, &table->lsm.path, id,
								 &snapshot);
		if (code == PMN_NOT_FOUND)
			return pmn_fail(table->env, PMN_EXPIRED,
							"snapshot %" PRId64 " of table \"%s\" has expired",
							id, table->name);
		PMN_TRY(code);
		if (pmn_commit_is_own(commit, &snapshot->info, false))
		{
			*found = id;
			return PMN_OK;
		}
	}
	return PMN_OK;
}

PmnCode
pmn_table_find_commit(PmnTable *table, const char *commit_user,
					  int64_t commit_identifier, int64_t after_id, int64_t *id)
{
	PmnCommitRequest request = {.commit_user = commit_user,
								.commit_identifier = commit_identifier};
	PmnCommit commit = {.request = &request, .kind = "APPEND"};
	PmnArena *arena = NULL;
	PmnCode code;

	*id = 0;
	PMN_TRY(pmn_arena_create(table->env, 0, &arena));
	code = find_commit(table, arena, &commit, after_id, id);
	pmn_arena_destroy(arena);
	return code;
}

static PmnCommitKind
kind_of(const char *text)
{
	static const char *const names[] = {"APPEND", "COMPACT", "OVERWRITE",
										"ANALYZE"};

	for (int kind = PMN_COMMIT_APPEND; kind < PMN_COMMIT_OTHER; kind++)
	{
		if (text != NULL && strcmp(text, names[kind]) == 0)
			return (PmnCommitKind) kind;
	}
	return PMN_COMMIT_OTHER;
}

static PmnCode
read_identity(PmnTable *table, PmnArena *arena, int64_t id,
			  PmnSnapshotIdentity *out)
{
	PmnSnapshot *snapshot = NULL;
	const char *user;
	size_t size;

	PMN_TRY(
		pmn_snapshot_read(table->fs, arena, &table->lsm.path, id, &snapshot));
	user = snapshot->info.commit_user == NULL ? "" : snapshot->info.commit_user;
	size = strlen(user);
	if (size >= sizeof(out->commit_user))
		size = sizeof(out->commit_user) - 1;
	memset(out, 0, sizeof(*out));
	memcpy(out->commit_user, user, size);
	out->commit_identifier = snapshot->info.commit_identifier;
	out->kind = kind_of(snapshot->info.commit_kind);
	return PMN_OK;
}

static PmnCode
find_identity(PmnTable *table, PmnArena *arena, int64_t id,
			  PmnSnapshotIdentity *out)
{
	PmnFileReader *reader = NULL;
	PmnIdentityKey key;
	char *path = pmn_path_snapshot(arena, &table->lsm.path, id);

	if (path == NULL)
		return PMN_NO_MEMORY;
	/* Before it is read: made anew in between, it is read again next time. */
	PMN_TRY(pmn_fs_open_read(table->fs, path, &reader));
	key = pmn_cache_identity_key(table->fs, path, reader->size_bytes,
								 reader->modified_millis);
	pmn_file_reader_close(reader);
	if (pmn_cache_find_identity(table->catalog->cache, &key, out))
		return PMN_OK;
	PMN_TRY(read_identity(table, arena, id, out));
	pmn_cache_keep_identity(table->catalog->cache, &key, out);
	return PMN_OK;
}

PmnCode
pmn_table_snapshot_identity(PmnTable *table, int64_t id,
							PmnSnapshotIdentity *out)
{
	PmnArena *arena = NULL;
	PmnCode code;

	memset(out, 0, sizeof(*out));
	PMN_TRY(pmn_arena_create(table->env, 1024, &arena));
	code = find_identity(table, arena, id, out);
	pmn_arena_destroy(arena);
	return code;
}
