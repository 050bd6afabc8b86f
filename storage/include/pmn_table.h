/*
 * pmn_table.h
 *
 * Catalog and table operations: the verbs of the storage module. Handles are
 * closed by their close function, which takes NULL and cannot fail; a handle
 * keeps a pointer to the PmnEnv it was opened with. A child handle (table,
 * scan, read, write) must be closed before its parent.
 */
#ifndef PMN_TABLE_H
#define PMN_TABLE_H

#include "pmn_predicate.h"

#ifdef __cplusplus
extern "C"
{
#endif

	typedef struct PmnCatalog PmnCatalog;
	typedef struct PmnTable PmnTable;
	typedef struct PmnScan PmnScan;
	typedef struct PmnRead PmnRead;
	typedef struct PmnWrite PmnWrite;
	typedef struct PmnMessage PmnMessage;
	typedef struct PmnNames
	{
		char **items;
		uint32_t count;
	} PmnNames;

	/* ---- catalog ---------------------------------------------------------- */

	/*
 * pmn_catalog_open -- open a warehouse. warehouse is "/path" or
 * "file:///path"; other schemes are PMN_UNSUPPORTED.
 * Errors    PMN_INVALID, PMN_NOT_FOUND (the directory is missing),
 *           PMN_UNSUPPORTED
 */
	PMN_CHECKED PmnCode pmn_catalog_open(PmnEnv *env, const char *warehouse,
										 PmnCatalog **out);
	void pmn_catalog_close(PmnCatalog *catalog);

	/*
 * pmn_catalog_list_tables -- names of a database's tables, sorted by bytes.
 * Free with pmn_names_free. Errors PMN_NO_DATABASE.
 */
	PMN_CHECKED PmnCode pmn_catalog_list_tables(PmnCatalog *catalog,
												const char *database,
												PmnNames *out);
	/* pmn_catalog_list_databases -- likewise, the databases of the warehouse. */
	PMN_CHECKED PmnCode pmn_catalog_list_databases(PmnCatalog *catalog,
												   PmnNames *out);
	void pmn_names_free(PmnEnv *env, PmnNames *names);

	/*
 * pmn_catalog_create_table -- validate and normalise schema as Paimon's
 * SchemaManager does (key columns NOT NULL, field ids given, options checked)
 * and write schema-0. The database directory is made when missing.
 * Errors    PMN_EXISTS, PMN_INVALID, PMN_UNSUPPORTED
 */
	PMN_CHECKED PmnCode pmn_catalog_create_table(PmnCatalog *catalog,
												 const char *database,
												 const char *table,
												 const PmnSchema *schema);

	/* pmn_catalog_drop_table -- remove the table's directory. PMN_NO_TABLE. */
	PMN_CHECKED PmnCode pmn_catalog_drop_table(PmnCatalog *catalog,
											   const char *database,
											   const char *table);

	PMN_CHECKED PmnCode pmn_catalog_table_exists(PmnCatalog *catalog,
												 const char *database,
												 const char *table,
												 bool *exists);

	/* ---- table ------------------------------------------------------------ */

	/*
 * pmn_table_open -- read the newest schema of a table. branch NULL is main.
 * Errors    PMN_NO_DATABASE, PMN_NO_TABLE, PMN_CORRUPT, PMN_UNSUPPORTED,
 *           PMN_INVALID (a name with "/" or "..")
 */
	PMN_CHECKED PmnCode pmn_table_open(PmnCatalog *catalog,
									   const char *database, const char *table,
									   const char *branch, PmnTable **out);
	void pmn_table_close(PmnTable *table);

	/* Lives as long as the table handle. */
	const PmnSchema *pmn_table_schema(const PmnTable *table);

	/*
 * pmn_table_check_read, pmn_table_check_write -- refuse with PMN_UNSUPPORTED
 * (detail names option and value, or column and type) what this build can't
 * read, or can't write. Called before anything is read or written.
 */
	PMN_CHECKED PmnCode pmn_table_check_read(PmnTable *table);
	PMN_CHECKED PmnCode pmn_table_check_write(PmnTable *table);

	/* Whether rows have a primary key, so that UPDATE and DELETE work. */
	bool pmn_table_has_primary_key(const PmnTable *table);

	/* Which snapshot to read. */
	typedef enum PmnTravelKind
	{
		PMN_TRAVEL_LATEST,
		PMN_TRAVEL_SNAPSHOT,  /* id */
		PMN_TRAVEL_TAG,		  /* name */
		PMN_TRAVEL_TIMESTAMP, /* millis: the newest snapshot not after it */
		PMN_TRAVEL_WATERMARK, /* id: the first snapshot with at least it */
		PMN_TRAVEL_VERSION,	  /* name: a tag, "watermark-<n>", or an id */
		PMN_TRAVEL_COMPACTED  /* the newest COMPACT snapshot, else the newest */
	} PmnTravelKind;

	typedef struct PmnTravel
	{
		PmnTravelKind kind;
		int64_t id;
		int64_t millis;
		const char *name;
	} PmnTravel;

	/* One snapshot, as its file has it. Strings live with the result's arena. */
	typedef struct PmnSnapshotInfo
	{
		int64_t id;
		int64_t schema_id;
		const char *commit_user;
		int64_t commit_identifier;
		const char *commit_kind;
		int64_t time_millis;
		const char *base_manifest_list;
		const char *delta_manifest_list;
		const char *changelog_manifest_list; /* NULL when none */
		int64_t total_record_count;
		int64_t delta_record_count;
		int64_t changelog_record_count;
		bool has_changelog_record_count;
		int64_t watermark;
		bool has_watermark;
		int64_t next_row_id;
		bool has_next_row_id;
		const char *operation;		/* NULL when absent */
		const char *writer_version; /* NULL when absent */
	} PmnSnapshotInfo;

	/*
 * pmn_table_settle_travel -- VERSION and COMPACTED become one of the others;
 * to be called before somebody looks at the kind. name may be kept.
 */
	PMN_CHECKED PmnCode pmn_table_settle_travel(PmnTable *table,
												PmnTravel *travel);

	/*
 * pmn_table_snapshot_id -- resolve a travel to a snapshot id and the id of
 * the schema to read it with; *id is 0 when the table has no snapshot and
 * travel is LATEST.
 * Errors    PMN_EXPIRED (the snapshot existed), PMN_NOT_FOUND
 */
	PMN_CHECKED PmnCode pmn_table_resolve(PmnTable *table,
										  const PmnTravel *travel, int64_t *id,
										  int64_t *schema_id);

	/*
 * pmn_table_use_schema -- make schema_id the schema that the handle shows and
 * reads with (time travel). Not with open scans.
 */
	PMN_CHECKED PmnCode pmn_table_use_schema(PmnTable *table,
											 int64_t schema_id);

	/* ---- scan and read ---------------------------------------------------- */

	typedef struct PmnScanRequest
	{
		/* 0 reads an empty table; get it from pmn_table_resolve. A tag whose
	 * snapshot expired is read through tag. */
		int64_t snapshot_id;
		const char *tag;			/* NULL unless the travel is a tag */
		const PmnPredicate *filter; /* NULL keeps everything; copied */
		const PmnMessage *const
			*pending; /* uncommitted files of this session */
		uint32_t pending_count;
		size_t memory_limit_bytes; /* for the reads of this scan; 0 = 64 MB */
		/* Paimon's "t$ro": of a keyed table only files of the last level, which
	 * need no merge; a full compaction puts rows there. Append tables: no
	 * difference. */
		bool read_optimized;
		/* Read what changed instead, see pmn_changes.h; snapshot_id and tag
	 * are those of its end. */
		const struct PmnChangeRange *changes;
		/* Keep rows that take something away: of changes -U and -D, of a
	 * state the keys whose newest version is a delete. */
		bool keep_retractions;
		/* Paimon's "t$binlog": a field's column becomes ARRAY of its type,
	 * with the old and the new value where a -U and the row behind it are one
	 * change, else with the one value. There must be no filter. */
		bool pack_updates;
	} PmnScanRequest;

	/* What a plan found; for costs and EXPLAIN. */
	typedef struct PmnScanStats
	{
		int64_t snapshot_id;
		uint64_t files_total;
		uint64_t files_read;
		uint64_t files_pruned_partition;
		uint64_t files_pruned_bucket;
		uint64_t files_pruned_statistics;
		uint64_t files_pruned_file_index;
		uint64_t row_count;		   /* physical rows in the files to read */
		uint64_t delete_row_count; /* of those, rows that are deletes */
		uint64_t size_bytes;
		uint64_t merged_sections; /* key ranges that need a merge */
		const char *merge_engine; /* "deduplicate", or NULL: no merge */
	} PmnScanStats;

	/*
 * pmn_scan_plan -- snapshot to pruned splits. Reads manifests only.
 * Errors    PMN_EXPIRED, PMN_CORRUPT, PMN_UNSUPPORTED
 */
	PMN_CHECKED PmnCode pmn_scan_plan(PmnTable *table,
									  const PmnScanRequest *request,
									  PmnScan **out);
	void pmn_scan_close(PmnScan *scan);
	const PmnScanStats *pmn_scan_stats(const PmnScan *scan);

	/*
 * Upper estimate of the distinct and null counts, minimum and maximum that
 * the statistics of the planned files give for a column; false = unknown.
 */
	bool pmn_scan_column_stats(const PmnScan *scan, int32_t field,
							   PmnValue *min, PmnValue *max,
							   uint64_t *null_count);

	/*
 * pmn_scan_exact_count, pmn_scan_exact_min_max -- what reading the scan would
 * give, filter included, when the metadata says so for certain; false when it
 * does not. A minimum and maximum over no value are null. Values live as long
 * as the scan.
 */
	bool pmn_scan_exact_count(const PmnScan *scan, uint64_t *count);
	bool pmn_scan_exact_min_max(const PmnScan *scan, int32_t field,
								PmnValue *min, PmnValue *max);

	/*
 * pmn_read_open -- read a planned scan. projection lists positions in the
 * schema's fields, ascending or not; batch column i is projection[i].
 * Rows that the scan's filter excludes are not returned (they are missing
 * from the batch's selection).
 */
	PMN_CHECKED PmnCode pmn_read_open(PmnScan *scan, const int32_t *projection,
									  uint32_t projection_count, PmnRead **out);

	/*
 * pmn_read_next -- the next batch; *out is NULL at the end. The batch and
 * all it points to live until the next call or close. Its selection is never
 * empty.
 */
	PMN_CHECKED PmnCode pmn_read_next(PmnRead *read, PmnBatch **out);

	/*
 * pmn_scan_divide -- cut a planned scan into parts that can be read apart,
 * each of about rows_max physical rows where the files allow it, the largest
 * first. Two plans of one snapshot with equal filters, schemas and pending
 * files have the same parts. Not while a read by parts is under way.
 */
	PMN_CHECKED PmnCode pmn_scan_divide(PmnScan *scan, uint64_t rows_max,
										uint32_t *count);
	uint64_t pmn_scan_part_rows(const PmnScan *scan, uint32_t part);
	/* Physical rows of the scan before the part. */
	uint64_t pmn_scan_part_position(const PmnScan *scan, uint32_t part);

	/*
 * pmn_read_by_parts -- before the first pmn_read_next: read the parts that
 * next names, in place of the whole scan, until it names one that is not
 * there. next may not throw.
 */
	typedef uint32_t (*PmnPartSource)(void *context);
	void pmn_read_by_parts(PmnRead *read, PmnPartSource next, void *context);

	/*
 * pmn_scan_has_order, pmn_read_open_ordered -- rows in ascending order of the
 * columns order[0 .. order_count - 1], positions in the schema's fields that
 * are in the projection, too: leading columns of the primary key, with or
 * without partition columns anywhere among them. *out is NULL when the files
 * do not give that order at a bounded price (pmn_scan_has_order is false):
 * they are in too many streams, or these columns are no such key. Not to be
 * read by parts.
 */
	bool pmn_scan_has_order(const PmnScan *scan, const int32_t *order,
							uint32_t order_count);
	PMN_CHECKED PmnCode pmn_read_open_ordered(
		PmnScan *scan, const int32_t *projection, uint32_t projection_count,
		const int32_t *order, uint32_t order_count, PmnRead **out);

	/* Start again from the first row. */
	PMN_CHECKED PmnCode pmn_read_rewind(PmnRead *read);
	void pmn_read_close(PmnRead *read);

	/* ---- write ------------------------------------------------------------ */

	typedef struct PmnWriteRequest
	{
		/* Snapshot whose files set the first sequence numbers: the latest. */
		int64_t base_snapshot_id;
		const PmnMessage *const *pending; /* earlier ones of this transaction */
		uint32_t pending_count;
		size_t memory_limit_bytes; /* buffers of all buckets together */
	} PmnWriteRequest;

	/*
 * pmn_write_open -- a writer for one statement. Calls
 * pmn_table_check_write itself.
 */
	PMN_CHECKED PmnCode pmn_write_open(PmnTable *table,
									   const PmnWriteRequest *request,
									   PmnWrite **out);

	/*
 * pmn_write_batch -- add the selected rows. The batch has one column for each
 * field of the schema, in order. kinds has one PmnRowKind for each row of the
 * batch (not of the selection), or NULL: all PMN_INSERT. Everything is
 * copied. A null in a NOT NULL column is PMN_INVALID; the caller checks
 * first to give a better message.
 */
	PMN_CHECKED PmnCode pmn_write_batch(PmnWrite *write, const PmnBatch *batch,
										const uint8_t *kinds);

	/*
 * pmn_write_finish -- close all files, durably; *out names them and is
 * NULL when no row was written. The writer can only be closed afterwards.
 */
	PMN_CHECKED PmnCode pmn_write_finish(PmnWrite *write, PmnMessage **out);

	/* Without a finish, removes the files it made. */
	void pmn_write_close(PmnWrite *write);

	/* Rows and files in a message. */
	uint64_t pmn_message_row_count(const PmnMessage *message);
	uint64_t pmn_message_file_count(const PmnMessage *message);

	/* Free a message; its files stay. */
	void pmn_message_close(PmnMessage *message);

	/* Remove the files of a message that will not be committed; best effort. */
	void pmn_message_discard(PmnTable *table, const PmnMessage *message);

	/* ---- commit ----------------------------------------------------------- */

	typedef struct PmnCommitRequest
	{
		const char *commit_user;
		int64_t commit_identifier; /* INT64_MAX for batch commits */
		const PmnMessage *const *messages;
		uint32_t message_count;
		/*
	 * When true, a snapshot of kind APPEND or OVERWRITE after
	 * base_snapshot_id that changed a (partition, bucket) of the messages is
	 * PMN_CONFLICT: the rows were computed from an older state.
	 */
		bool fail_on_change;
		int64_t base_snapshot_id; /* before any try; 0: table was empty */
	} PmnCommitRequest;

	typedef struct PmnCommitResult
	{
		int64_t snapshot_id; /* newest snapshot this commit made */
		uint32_t retries;
	} PmnCommitResult;

	/*
 * pmn_table_commit -- publish messages, exactly once: an APPEND snapshot for
 * new files, then a COMPACT snapshot for compaction results, each only when
 * there is something. Files of the messages now belong to the table. After
 * an error other than the two below, call again with the same user, identifier
 * and base, in any process: a commit that got through is found.
 * Errors    PMN_CONFLICT (nothing was published), PMN_EXPIRED (pmn_outbox.h)
 */
	PMN_CHECKED PmnCode pmn_table_commit(PmnTable *table,
										 const PmnCommitRequest *request,
										 PmnCommitResult *result);

	/*
 * pmn_table_compact -- pick (universal, or full) and rewrite runs of every
 * bucket of the snapshot, in this process; *out is NULL when there was
 * nothing to do. Commit it with pmn_table_commit. partition NULL means all,
 * else "k=v/k2=v2" with values as in the directory names.
 */
	PMN_CHECKED PmnCode pmn_table_compact(PmnTable *table, int64_t snapshot_id,
										  bool full, const char *partition,
										  size_t memory_limit_bytes,
										  PmnMessage **out);

	/* ---- look inside ------------------------------------------------------ */

	/* Visitors return false to stop early. Strings live during the call. */
	typedef bool (*PmnSnapshotVisitor)(void *context,
									   const PmnSnapshotInfo *info);
	typedef bool (*PmnProblemVisitor)(void *context, const char *object,
									  const char *problem);

	PMN_CHECKED PmnCode pmn_table_visit_snapshots(PmnTable *table,
												  PmnSnapshotVisitor visit,
												  void *context);
	/* Of one snapshot; PMN_NOT_FOUND. */
	PMN_CHECKED PmnCode pmn_table_visit_snapshot(PmnTable *table, int64_t id,
												 PmnSnapshotVisitor visit,
												 void *context);
	/*
 * pmn_table_verify -- read everything the snapshot refers to and report each
 * fault: manifests, file sizes, row counts, key order, statistics, buckets,
 * overlap of levels. An unreadable file is a report, not an error.
 */
	PMN_CHECKED PmnCode pmn_table_verify(PmnTable *table, int64_t snapshot_id,
										 PmnProblemVisitor visit,
										 void *context);

#ifdef __cplusplus
}
#endif
#endif /* PMN_TABLE_H */
