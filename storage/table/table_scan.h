/*
 * table_scan.h
 *
 * What planning and reading share: statistics of files in terms of the schema
 * in use, the planned scan with its splits, and the steps of pruning.
 */
#ifndef TABLE_SCAN_H
#define TABLE_SCAN_H

#include "../include/pmn_changes.h"
#include "../lsm/lsm_join_reader.h"
#include "table_internal.h"

/* ---- table_stats.c ---------------------------------------------------- */

/* Statistics of data files in terms of the schema in use. */
typedef struct PmnFileStats
{
	PmnTable *table;
	PmnArena *scratch; /* reset for each file */
	/* Of the file schema seen last. */
	const PmnSchema *file_schema;
	int32_t *file_fields; /* by table field; -1: the file lacks it */
	bool *same_type;	  /* by table field */
	/* Of the file loaded last, by table field. present: the file has
	 * statistics, of the type in its own schema; known: they are of the
	 * type in use, too, so that they may prune. */
	PmnColumnStats *columns;
	bool *present;
	bool *known;
} PmnFileStats;

PMN_CHECKED PmnCode pmn_file_stats_init(PmnFileStats *stats, PmnTable *table,
										PmnArena *arena);
void pmn_file_stats_free(PmnFileStats *stats);
/* Only look at the file's schema: file_fields and same_type are set. */
PMN_CHECKED PmnCode pmn_file_stats_schema(PmnFileStats *stats,
										  const PmnDataFile *file);
PMN_CHECKED PmnCode pmn_file_stats_values(PmnFileStats *stats,
										  const PmnDataFile *file);
PMN_CHECKED PmnCode pmn_file_stats_keys(PmnFileStats *stats,
										const PmnDataFile *file);
/* A PmnFieldStats; context is the PmnFileStats. */
bool pmn_file_stats_field(void *context, int32_t field, PmnColumnStats *out);

/* ---- table_scan.c ----------------------------------------------------- */

typedef struct PmnSplit
{
	PmnBucket *bucket;
	/* Files that are read one by one, each row as it is ... */
	const PmnDataFile **files;
	uint32_t file_count;
	bool is_sorted; /* by key, one file after another */
	/* ... or, when not NULL, runs that must be merged ... */
	const PmnSection *section;
	/* ... or, when not NULL, changes: the files, row by row with their
	 * kinds, or the difference of two states ... */
	const struct PmnChangeSplit *change;
	/* ... or, when not NULL, files with different columns of the same rows. */
	const PmnJoin *join;
} PmnSplit;

/* What one process reads at a time, of scans that several share. */
typedef struct PmnPart
{
	uint32_t split;
	uint32_t file;		/* of a raw split */
	uint64_t first_row; /* of the file; end_row 0: to its end */
	uint64_t end_row;
	uint64_t row_count; /* physical ones, as manifests have them */
	uint64_t position;	/* rows of the scan before it */
} PmnPart;

/* Where the rows of a split of changes come from. */
typedef struct PmnChangeSplit
{
	int64_t snapshot_id;
	bool is_diff; /* of the runs before and after; files is empty */
	PmnLevelRun *before;
	uint32_t before_count;
	PmnLevelRun *after;
	uint32_t after_count;
} PmnChangeSplit;

struct PmnScan
{
	PmnEnv *env;
	PmnTable *table;
	PmnArena *arena;
	const PmnPredicate *partition_filter; /* decided by partition values */
	const PmnPredicate *row_filter;		  /* the rest of the filter */
	const PmnPredicate *key_filter;		  /* of that, conjuncts on the key */
	size_t memory_limit_bytes;
	bool has_changes; /* splits are of changes */
	bool has_diff;	  /* ... and some compare whole rows */
	bool keep_retractions;
	bool pack_updates;
	bool is_tagged; /* read through a tag: does not expire */
	/* Levels of a keyed table that are part of this read. */
	int32_t min_level;
	int32_t max_level;
	const char *index_manifest; /* of the snapshot; NULL when it has none */
	PmnScanStats stats;
	PmnEntryList entries; /* live ones that may matter */
	/* entries were judged one by one: of a keyed table by key statistics, of
	 * others by value statistics. */
	bool is_judged;
	PMN_ARRAY(PmnSplit) splits;
	PMN_ARRAY(PmnPart) parts; /* of pmn_scan_divide */
	bool cut_blocks;		  /* parts are small: a sample's */
	/* Filled by the first pmn_scan_column_stats. */
	struct PmnScanColumns *columns;
};

/* What pmn_scan_column_stats gathered; by field. */
typedef struct PmnScanColumns
{
	PmnColumnStats *stats;
	bool *known;
} PmnScanColumns;

/* ---- table_scan_collect.c --------------------------------------------- */

/* Find the live files of a snapshot and of pending messages that partition,
 * bucket and, where one file may be judged, statistics do not exclude. */
PMN_CHECKED PmnCode pmn_scan_collect(PmnScan *scan,
									 const PmnScanRequest *request,
									 PmnFileStats *stats);

/* ---- table_scan_prune.c ----------------------------------------------- */

/* Which buckets the filter's equalities on the bucket key allow. */
typedef struct PmnBucketPruner PmnBucketPruner;

/* *out NULL: the filter says nothing about buckets. */
PMN_CHECKED PmnCode pmn_bucket_pruner_make(PmnScan *scan,
										   PmnBucketPruner **out);
PMN_CHECKED PmnCode pmn_bucket_may_match(PmnBucketPruner *pruner,
										 PmnFileStats *stats,
										 const PmnManifestEntry *entry,
										 bool *out);
/* By key statistics: right for every file of a keyed table. */
PMN_CHECKED PmnCode pmn_prune_by_key(PmnScan *scan, PmnFileStats *stats,
									 const PmnPredicate *key_filter,
									 const PmnDataFile *file, bool *keep);
PMN_CHECKED PmnCode pmn_prune_by_value(PmnScan *scan, PmnFileStats *stats,
									   const PmnDataFile *file, bool *keep);

/* ---- table_deletions.c ------------------------------------------------ */

/* Set deletion of the scan's files; index_manifest may be NULL. */
PMN_CHECKED PmnCode pmn_scan_bind_deletions(PmnScan *scan,
											const char *index_manifest);

/* ---- table_file_index.c ----------------------------------------------- */

/* Asks the file indexes of data files what the scan's filter leaves. */
typedef struct PmnFileIndexes PmnFileIndexes;

/* *out NULL when there is nothing to ask; the rest takes that. */
PMN_CHECKED PmnCode pmn_file_indexes_open(PmnScan *scan, PmnArena *arena,
										  PmnFileIndexes **out);
void pmn_file_indexes_close(PmnFileIndexes *indexes);
/* *keep false: no row of the file matches. By the manifest entry alone: */
PMN_CHECKED PmnCode pmn_file_index_embedded(PmnFileIndexes *indexes,
											const PmnDataFile *file,
											bool *keep);
/* Also by the file beside the data file. */
PMN_CHECKED PmnCode pmn_file_index_keeps(PmnFileIndexes *indexes,
										 const PmnBucket *bucket,
										 const PmnDataFile *file, bool *keep);

/* ---- table_split_join.c ----------------------------------------------- */

/*
 * Cut the files of a bucket of a data-evolution table into joins, and files
 * that are alone with their rows, which go to the front of files. joins has
 * room for half of count.
 */
PMN_CHECKED PmnCode pmn_split_joins(PmnScan *scan, const PmnDataFile **files,
									uint32_t count, uint32_t *alone_count,
									PmnJoin **joins, uint32_t *join_count);

/* ---- table_read.c ----------------------------------------------------- */

/* Some of a scan's splits; of one split some of its raw files. */
typedef struct PmnReadRange
{
	size_t first_split;
	size_t end_split;
	uint32_t first_file; /* of first_split */
	uint32_t end_file;	 /* of each split; UINT32_MAX: to its end */
} PmnReadRange;

/* Read a range only. memory_limit_bytes takes the place of the scan's. */
PMN_CHECKED PmnCode pmn_read_open_range(
	PmnScan *scan, const int32_t *projection, uint32_t projection_count,
	PmnReadRange range, size_t memory_limit_bytes, PmnRead **out);
/* A read that is nothing but what ordered gives; takes it over when it
 * succeeds. */
typedef struct PmnOrderedRead PmnOrderedRead;
PMN_CHECKED PmnCode pmn_read_wrap_ordered(PmnScan *scan,
										  PmnOrderedRead *ordered,
										  PmnRead **out);

/* ---- table_read_ordered.c --------------------------------------------- */

PMN_CHECKED PmnCode pmn_ordered_read_next(PmnOrderedRead *ordered,
										  PmnBatch **out);
PMN_CHECKED PmnCode pmn_ordered_read_rewind(PmnOrderedRead *ordered);
void pmn_ordered_read_close(PmnOrderedRead *ordered); /* NULL allowed */

/* ---- table_split.c ---------------------------------------------------- */

/* Prune the files of one bucket and add its splits to the scan. */
PMN_CHECKED PmnCode pmn_split_bucket(PmnScan *scan, PmnFileStats *stats,
									 const PmnPredicate *key_filter,
									 const PmnEntryGroup *group);

/* ---- table_changes_plan.c --------------------------------------------- */

/* Plan what changed in a range; the filter has been cut. */
PMN_CHECKED PmnCode pmn_changes_plan(PmnScan *scan,
									 const PmnChangeRange *range);

/* ---- table_split.c again ---------------------------------------------- */

PMN_CHECKED PmnCode pmn_scan_add_split(PmnScan *scan, PmnSplit split);

#endif /* TABLE_SCAN_H */
