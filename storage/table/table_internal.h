/*
 * table_internal.h
 *
 * What the parts of table/ share: the table handle, live entries of a
 * snapshot, sets of entries and partitions, and the planned scan.
 */
#ifndef TABLE_INTERNAL_H
#define TABLE_INTERNAL_H

#include "../catalog/catalog.h"
#include "../include/pmn.h"
#include "../lsm/lsm_compact_run.h"
#include "../lsm/lsm_file_writer.h"
#include "../lsm/lsm_levels.h"
#include "../lsm/lsm_merge_reader.h"
#include "../lsm/lsm_sort_buffer.h"
#include "../meta/meta_cache.h"
#include "../meta/meta_commit_message.h"
#include "../meta/meta_index_manifest.h"
#include "table_map.h"

struct PmnTable
{
	PmnEnv *env;
	PmnCatalog *catalog;
	PmnFileSystem *fs; /* the catalog's */
	PmnArena *arena;   /* lives as long as the handle */
	const char *name;  /* "database.table", for messages */
	/* Newest schema when the table was opened. Its options hold, whatever
	 * schema is used to read. */
	const PmnSchema *latest_schema;
	/* latest_schema without columns of types that cannot be read: such a
	 * table is read as long as nobody asks for them. */
	const PmnSchema *readable_schema;
	PmnTableOptions options;
	bool tracks_rows; /* the schema in use has the columns of row tracking */
	PmnLsm lsm;		  /* lsm.schema is the schema in use */
};

/* ---- table_open.c ----------------------------------------------------- */

/* A schema that a file or snapshot refers to; missing is PMN_CORRUPT. */
PMN_CHECKED PmnCode pmn_table_schema_by_id(PmnTable *table, int64_t id,
										   const PmnSchema **out);

/* Path of an entry's data file, checked; in arena. */
PMN_CHECKED PmnCode pmn_table_file_path(PmnTable *table, PmnArena *arena,
										const PmnManifestEntry *entry,
										char **out);
/* Mark fields in allowed[field_count]. */
void pmn_table_mark_fields(bool *allowed, const uint32_t *fields,
						   uint32_t count);

/* Remove a file or not; the error stored in env stays as it is. */
void pmn_table_remove_quietly(PmnTable *table, const char *path);

/* ---- table_deletions.c ------------------------------------------------ */

/* Path of an index file, in arena. */
PMN_CHECKED PmnCode pmn_table_index_path(PmnTable *table, PmnArena *arena,
										 const PmnIndexEntry *entry,
										 const char **out);

/* ---- table_travel.c --------------------------------------------------- */

/*
 * pmn_table_read_snapshot -- the snapshot of an id, or of tag when it is not
 * NULL. A missing snapshot is PMN_EXPIRED below the earliest one, else
 * PMN_INVALID.
 */
PMN_CHECKED PmnCode pmn_table_read_snapshot(PmnTable *table, PmnArena *arena,
											int64_t id, const char *tag,
											PmnSnapshot **out);

/* ---- table_entries.c -------------------------------------------------- */

/* Manifests of base and delta list, in order. out->items is env memory. */
PMN_CHECKED PmnCode pmn_table_manifests(PmnTable *table, PmnArena *arena,
										const PmnSnapshot *snapshot,
										PmnManifestList *out);

/* Of the delta list alone, and of the changelog list, if there is one. */
PMN_CHECKED PmnCode pmn_table_delta_manifests(PmnTable *table, PmnArena *arena,
											  const PmnSnapshot *snapshot,
											  PmnManifestList *out);
PMN_CHECKED PmnCode pmn_table_changelog_manifests(PmnTable *table,
												  PmnArena *arena,
												  const PmnSnapshot *snapshot,
												  PmnManifestList *out);

/* HASH entries of a snapshot's index manifest. out->items is env memory.
 * (table_commit_index.c) */
PMN_CHECKED PmnCode pmn_table_hash_entries(PmnTable *table, PmnArena *arena,
										   const PmnSnapshot *snapshot,
										   PmnIndexEntryList *out);

/* Code of a failed read of a snapshot's files: a file that is missing is
 * PMN_EXPIRED when the snapshot is gone as well, else PMN_CORRUPT. id 0: a tag
 * keeps the snapshot's files. */
PMN_CHECKED PmnCode pmn_table_explain_missing(PmnTable *table, PmnArena *arena,
											  int64_t id, PmnCode code);

/* Decides by partition values alone, with the last answer remembered. */
typedef struct PmnPartitionMatcher
{
	PmnTable *table;
	const PmnPredicate *filter; /* uses partition fields only; NULL: all */
	PmnValue *values;
	PmnVector *columns;
	int32_t *field_columns;
	PmnBatch batch;
	PmnBytes last_row;
	bool has_last;
	bool last_match;
	PmnBuffer last_bytes;
	PmnCode code; /* first failure; match is false from then on */
} PmnPartitionMatcher;

PMN_CHECKED PmnCode pmn_partition_matcher_init(PmnPartitionMatcher *matcher,
											   PmnTable *table, PmnArena *arena,
											   const PmnPredicate *filter);
void pmn_partition_matcher_free(PmnPartitionMatcher *matcher);
bool pmn_partition_matches(PmnPartitionMatcher *matcher, PmnBytes row);
/* false only when no entry of the manifest can match. */
PMN_CHECKED PmnCode pmn_manifest_may_match(PmnPartitionMatcher *matcher,
										   PmnArena *scratch,
										   const PmnManifestMeta *meta,
										   bool *out);

/* Some partitions of a table, by their serialized rows. */
typedef struct PmnPartitionSet
{
	PmnEnv *env;
	PMN_ARRAY(PmnBytes) rows;
	PmnMap map;
} PmnPartitionSet;

void pmn_partition_set_init(PmnPartitionSet *set, PmnEnv *env);
void pmn_partition_set_free(PmnPartitionSet *set);
/* row is borrowed. */
PMN_CHECKED PmnCode pmn_partition_set_add(PmnPartitionSet *set, PmnBytes row);
bool pmn_partition_set_has(const PmnPartitionSet *set, PmnBytes row);
/* false only when the manifest has no entry of a partition in set. */
PMN_CHECKED PmnCode pmn_manifest_may_touch(PmnTable *table, PmnArena *scratch,
										   const PmnPartitionSet *set,
										   const PmnManifestMeta *meta,
										   bool *out);

/* A set of entries by identity; entries are borrowed. */
typedef struct PmnEntrySet
{
	PmnEnv *env;
	PMN_ARRAY(const PmnManifestEntry *) items;
	PmnMap map;
} PmnEntrySet;

void pmn_entry_set_init(PmnEntrySet *set, PmnEnv *env);
void pmn_entry_set_free(PmnEntrySet *set);
PMN_CHECKED PmnCode pmn_entry_set_add(PmnEntrySet *set,
									  const PmnManifestEntry *entry);
bool pmn_entry_set_has(const PmnEntrySet *set, const PmnManifestEntry *entry);

/*
 * pmn_table_live_entries -- live entries of a snapshot, each manifest read and
 * decoded as a whole (table_live.c looks at parts); id 0 has none. keep
 * (NULL keeps all) must judge by partition or bucket alone, so that it treats
 * an ADD and its DELETE alike. out->items is env memory.
 */
PMN_CHECKED PmnCode pmn_table_live_entries(PmnTable *table, PmnArena *arena,
										   int64_t id, PmnEntryFilter keep,
										   void *context, PmnEntryList *out);

/* The same of a snapshot that was read; a file that is gone is
 * PMN_NOT_FOUND. */
PMN_CHECKED PmnCode pmn_snapshot_live_entries(PmnTable *table, PmnArena *arena,
											  const PmnSnapshot *snapshot,
											  PmnEntryFilter keep,
											  void *context, PmnEntryList *out);

/* ---- table_live.c ----------------------------------------------------- */

/* Which live entries are asked for, and how much of each. */
typedef struct PmnLiveRequest
{
	PmnEntryView view;
	const PmnPartitionSet *partitions; /* NULL: all */
	/* Judges a partition of them; NULL keeps all. */
	PmnCode (*keep)(void *context, PmnBytes partition, bool *out);
	void *context;
	/* One bucket's entries, and those of any bucket that have a bucket count
	 * other than total_buckets, if that is > 0. */
	bool of_bucket;
	int32_t bucket;
	int32_t total_buckets;
} PmnLiveRequest;

/*
 * pmn_table_find_live -- live entries of manifests, in order, into an empty
 * list; items are env memory, what they point to is in arena. Uses the
 * metadata cache.
 * Errors    PMN_NOT_FOUND, PMN_CORRUPT, PMN_UNSUPPORTED
 */
PMN_CHECKED PmnCode pmn_table_find_live(PmnTable *table, PmnArena *arena,
										const PmnManifestList *manifests,
										const PmnLiveRequest *request,
										PmnEntryList *out);

/* ---- groups (table_entries.c) ----------------------------------------- */

/* Entries of one (partition, bucket), in list order. */
typedef struct PmnEntryGroup
{
	PmnManifestEntry **entries;
	uint32_t count;
} PmnEntryGroup;

/* In order of first appearance; in arena. */
PMN_CHECKED PmnCode pmn_entries_group(PmnEnv *env, PmnArena *arena,
									  PmnEntryList *entries,
									  PmnEntryGroup **out, uint32_t *count);

#endif /* TABLE_INTERNAL_H */
