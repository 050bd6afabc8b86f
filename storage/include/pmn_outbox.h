/*
 * pmn_outbox.h
 *
 * For programs that keep commit messages of their own and publish them later:
 * a message as bytes, and which snapshots came from which commit.
 *
 * They give pmn_table_commit an identifier that they wrote down before the first
 * try, and a base that was the newest snapshot at that time: all snapshots
 * after it are looked at. When one of them has expired, and live files of the
 * messages do not show that they are in, PMN_EXPIRED is all that can be said.
 */
#ifndef PMN_OUTBOX_H
#define PMN_OUTBOX_H

#include "pmn_table.h"

#ifdef __cplusplus
extern "C"
{
#endif

	/*
 * pmn_message_serialize -- the message as bytes that outlive this process;
 * *out is memory of the table's env, freed by pmn_message_bytes_free (or with
 * the env).
 *
 * pmn_message_deserialize -- the message again, in any process and for a table
 * handle that may show a newer schema; does all that the first one did. The
 * bytes are not kept.
 * Errors    PMN_CORRUPT, PMN_UNSUPPORTED (made by a newer version, or larger
 *           than 1 GB)
 */
	PMN_CHECKED PmnCode pmn_message_serialize(PmnTable *table,
											  const PmnMessage *message,
											  PmnBytes *out);
	void pmn_message_bytes_free(PmnTable *table, PmnBytes *bytes);
	PMN_CHECKED PmnCode pmn_message_deserialize(PmnTable *table, PmnBytes bytes,
												PmnMessage **out);

	/* Who made a snapshot. */
	typedef enum PmnCommitKind
	{
		PMN_COMMIT_APPEND,
		PMN_COMMIT_COMPACT,
		PMN_COMMIT_OVERWRITE,
		PMN_COMMIT_ANALYZE,
		PMN_COMMIT_OTHER /* that a later Paimon may know */
	} PmnCommitKind;

	/* Users of as many bytes or more are cut: they are nobody's here. */
#define PMN_COMMIT_USER_SIZE 64

	typedef struct PmnSnapshotIdentity
	{
		char commit_user[PMN_COMMIT_USER_SIZE];
		int64_t commit_identifier;
		PmnCommitKind kind;
	} PmnSnapshotIdentity;

	/*
 * pmn_table_snapshot_identity -- of one snapshot, for those who walk along
 * snapshots at each query: the cache of the table's catalog remembers it. Where
 * files have a time of writing, a snapshot that was taken back and made anew by
 * somebody else is noticed; elsewhere nothing is remembered.
 * Errors    PMN_NOT_FOUND (there is none, or none any more), PMN_CORRUPT
 */
	PMN_CHECKED PmnCode pmn_table_snapshot_identity(PmnTable *table, int64_t id,
													PmnSnapshotIdentity *out);

	/*
 * pmn_table_find_commit -- the snapshot of rows (not the compaction) that a
 * commit made after after_id; *id is 0 when there is none.
 * Errors    PMN_EXPIRED (not found, and one of those looked at is gone)
 */
	PMN_CHECKED PmnCode pmn_table_find_commit(PmnTable *table,
											  const char *commit_user,
											  int64_t commit_identifier,
											  int64_t after_id, int64_t *id);

#ifdef __cplusplus
}
#endif
#endif /* PMN_OUTBOX_H */
