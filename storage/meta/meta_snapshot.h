/*
 * meta_snapshot.h
 *
 * Snapshot and tag files, and the hints that lead to them
 * (format/metadata.md 3).
 */
#ifndef META_SNAPSHOT_H
#define META_SNAPSHOT_H

#include "../fs/fs.h"
#include "../include/pmn_table.h"
#include "meta_path.h"

typedef struct PmnSnapshot
{
	PmnSnapshotInfo info; /* strings in the arena it was read into */
	int32_t version;
	const char *uuid;				 /* NULL when absent */
	int64_t base_manifest_list_size; /* -1 when absent */
	int64_t delta_manifest_list_size;
	int64_t changelog_manifest_list_size;
	const char *index_manifest; /* NULL when absent */
	const char *statistics;
	PmnOption *properties;
	uint32_t property_count;
} PmnSnapshot;

PMN_CHECKED PmnCode pmn_snapshot_parse(PmnEnv *env, PmnArena *arena,
									   PmnBytes text, const char *name,
									   PmnSnapshot **out);
/* Pretty JSON, fields in Paimon's order, absent ones left out. */
PMN_CHECKED PmnCode pmn_snapshot_print(const PmnSnapshot *snapshot,
									   PmnBuffer *dst);

/* PMN_NOT_FOUND, PMN_CORRUPT. A file that ends early is read again for up to
 * two seconds: stores may show a half-written object. */
PMN_CHECKED PmnCode pmn_snapshot_read(PmnFileSystem *fs, PmnArena *arena,
									  const PmnTablePath *path, int64_t id,
									  PmnSnapshot **out);
/* PMN_NOT_FOUND: no such tag. */
PMN_CHECKED PmnCode pmn_tag_read(PmnFileSystem *fs, PmnArena *arena,
								 const PmnTablePath *path, const char *tag,
								 PmnSnapshot **out);

/* Ids by hint and probe, else by listing; 0 when there is no snapshot. */
PMN_CHECKED PmnCode pmn_snapshot_latest_id(PmnFileSystem *fs, PmnArena *arena,
										   const PmnTablePath *path,
										   int64_t *id);
PMN_CHECKED PmnCode pmn_snapshot_earliest_id(PmnFileSystem *fs, PmnArena *arena,
											 const PmnTablePath *path,
											 int64_t *id);

/* All ids that exist, ascending, in arena. */
PMN_CHECKED PmnCode pmn_snapshot_list(PmnFileSystem *fs, PmnArena *arena,
									  const PmnTablePath *path, int64_t **ids,
									  uint32_t *count);

/* What is kept of an expired snapshot for its changes: changelog-<id>.
 * PMN_NOT_FOUND. The first such id; 0 when there is none. */
PMN_CHECKED PmnCode pmn_changelog_read(PmnFileSystem *fs, PmnArena *arena,
									   const PmnTablePath *path, int64_t id,
									   PmnSnapshot **out);
PMN_CHECKED PmnCode pmn_changelog_earliest_id(PmnFileSystem *fs,
											  PmnArena *arena,
											  const PmnTablePath *path,
											  int64_t *id);

/* Put snapshot-<id>, atomically. PMN_EXISTS when someone was first. */
PMN_CHECKED PmnCode pmn_snapshot_write(PmnFileSystem *fs, PmnArena *arena,
									   const PmnTablePath *path,
									   const PmnSnapshot *snapshot);

/* Overwrite the LATEST hint; failures are ignored. */
void pmn_snapshot_hint_latest(PmnFileSystem *fs, PmnArena *arena,
							  const PmnTablePath *path, int64_t id);

#endif /* META_SNAPSHOT_H */
