/*
 * table_commit.h
 *
 * What the parts of a commit share: one kind of snapshot (APPEND or COMPACT)
 * on its way to being published.
 */
#ifndef TABLE_COMMIT_H
#define TABLE_COMMIT_H

#include "table_internal.h"

typedef struct PmnCommit
{
	PmnEnv *env;
	PmnTable *table;
	const PmnCommitRequest *request;
	const char *kind; /* "APPEND", "COMPACT" */
	bool is_compact;
	PmnArena *arena;		 /* lives as long as the commit */
	PmnArena *attempt_arena; /* reset for each attempt */
	/* The changes, in order: DELETEs before ADDs. Borrowed of messages. */
	PmnEntryList delta;
	int64_t delta_record_count;
	PmnPartitionSet changed;
	PmnManifestWriteOptions write_options;
	char uuid[37]; /* in the names of all our metadata files */
	uint32_t manifest_counter;
	uint32_t list_counter;
	uint32_t index_counter;
	/* Files of the delta: written once, used by every attempt. */
	const char *delta_list;
	int64_t delta_list_size;
	/* Paths made so far; the delta's by the commit, others by the attempt. */
	PMN_ARRAY(const char *) delta_paths;
	PMN_ARRAY(const char *) attempt_paths;
	/* A snapshot file may exist that names our files: remove nothing. */
	bool is_uncertain;
	/* Snapshots up to here are known not to be ours. -1: none looked at. */
	int64_t own_checked_id;
	/* Snapshots up to here cannot conflict with an APPEND. */
	int64_t change_checked_id;
	bool is_full_checked;
	uint32_t retries;
} PmnCommit;

/* ---- table_commit_own.c ----------------------------------------------- */

/* Whether a snapshot came from this commit; any_kind: or from its other half. */
bool pmn_commit_is_own(const PmnCommit *commit, const PmnSnapshotInfo *info,
					   bool any_kind);

/*
 * pmn_commit_find_own -- look for this commit among the snapshots up to latest
 * that were not looked at yet; *own_id 0 when it is not there. When some have
 * expired, *own_id may be a later snapshot that has the commit's files.
 * Errors    PMN_EXPIRED (it may be in a snapshot that is gone)
 */
PMN_CHECKED PmnCode pmn_commit_find_own(PmnCommit *commit, int64_t latest_id,
										int64_t *own_id);

/* ---- table_commit_conflict.c ------------------------------------------ */

/*
 * pmn_commit_check -- PMN_CONFLICT when the delta cannot follow the snapshot
 * latest (NULL: the table is empty). manifests are latest's.
 */
PMN_CHECKED PmnCode pmn_commit_check(PmnCommit *commit,
									 const PmnSnapshot *latest,
									 const PmnManifestList *manifests);

/* ---- table_commit_manifest.c ------------------------------------------ */

/*
 * pmn_commit_merge_manifests -- replace runs of small manifests in list by
 * larger ones (format/metadata.md 8.4). The live files stay the same. New
 * manifests are added to commit->attempt_paths.
 */
PMN_CHECKED PmnCode pmn_commit_merge_manifests(PmnCommit *commit,
											   PmnManifestList *list);

/* Remember the paths of metas[from ..] for cleaning up. */
PMN_CHECKED PmnCode pmn_commit_note_manifests(PmnCommit *commit,
											  const PmnManifestList *metas,
											  size_t from, bool is_delta);

/* Remember one such path, by the file's name. (table_commit.c) */
PMN_CHECKED PmnCode pmn_commit_note_path(PmnCommit *commit, const char *name,
										 bool is_delta);

/* ---- table_commit_index.c --------------------------------------------- */

/*
 * pmn_commit_index -- give snapshot the index manifest that follows latest's
 * (NULL: the table is empty). PMN_CONFLICT when the rows' buckets were chosen
 * from another state of the index. Messages without an index change nothing.
 */
PMN_CHECKED PmnCode pmn_commit_index(PmnCommit *commit,
									 const PmnSnapshot *latest,
									 PmnSnapshot *snapshot);

#endif /* TABLE_COMMIT_H */
