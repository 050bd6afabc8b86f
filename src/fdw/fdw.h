/*
 * fdw.h
 *
 * Callbacks of the foreign-data wrapper, by file.
 */
#ifndef PFDW_FDW_H
#define PFDW_FDW_H

#include "../bridge/bridge.h"
#include "../delta/delta.h"
#include "access/parallel.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "nodes/parsenodes.h"

/* ---- in fdw_option.c -------------------------------------------------- */

typedef enum PfdwInsertMode
{
	PFDW_INSERT_UPSERT,
	PFDW_INSERT_STRICT
} PfdwInsertMode;

/* Which of Paimon's system tables a foreign table stands for. */
typedef enum PfdwSystemKind
{
	PFDW_SYSTEM_NONE,
	PFDW_SYSTEM_METADATA, /* PfdwOptions.system says which */
	PFDW_SYSTEM_READ_OPTIMIZED,
	PFDW_SYSTEM_AUDIT_LOG,
	PFDW_SYSTEM_BINLOG,
	PFDW_SYSTEM_ROW_TRACKING
} PfdwSystemKind;

/* Options of a foreign table and its server, resolved. */
typedef struct PfdwOptions
{
	PfdwTableRef ref; /* of the table itself, also for "t$snapshots" */
	char *lake_name;  /* as the option "table" has it: "t$snapshots" */
	PfdwSystemKind system_kind;
	const PmnSystemTable *system; /* PFDW_SYSTEM_METADATA */
	char *primary_key;			  /* NULL when not given */
	char *partition_by;			  /* NULL when not given */
	char *comment;
	PfdwInsertMode insert_mode;
	bool updatable;
	PmnTravel travel; /* from scan.* options; as_of is added by readers */
	bool has_changes; /* read what changed, as changes says */
	PmnChangesSpec changes;
	List *paimon_options; /* DefElem: quoted names, stored in the schema */
} PfdwOptions;

/* Unknown names, bad values and missing ones raise; catalog is the one that
 * the options are stored in. */
extern void pfdw_options_validate(List *options, Oid catalog);
/* Before the foreign table's row is visible: from a list of DefElem. */
extern PfdwOptions *pfdw_options_from_list(ForeignServer *server,
										   const char *schema_name,
										   const char *table_name,
										   List *options);
extern char *pfdw_server_warehouse(ForeignServer *server);

/* The kinds of names that may stand in a table's OPTIONS. */
typedef enum PfdwOptionKind
{
	PFDW_OPTION_UNKNOWN,
	PFDW_OPTION_OWN,   /* primary_key, insert_mode, ... */
	PFDW_OPTION_READ,  /* scan.*, read.*: stay with the foreign table */
	PFDW_OPTION_STORED /* Paimon's, in the lake table's schema */
} PfdwOptionKind;
extern PfdwOptionKind pfdw_option_kind(const char *name);

/* "a, b" as a list of C strings, trimmed; a bad list is HV024. */
extern List *pfdw_option_name_list(const char *option, const char *value);

/* ---- in fdw_option_read.c --------------------------------------------- */

/* "auto", "delta", "changelog" or "diff". */
extern bool pfdw_changes_mode_parse(const char *text, PmnChangesMode *out);

/* ---- in fdw_option_cache.c -------------------------------------------- */

/* Cached; not to be changed, and good until the transaction ends. */
extern PfdwOptions *pfdw_options_get(Oid relid);
/* A lake table that is known to have a delta heap; 0: ask. */
extern int32 pfdw_lake_table_hint(Oid relid);
extern void pfdw_lake_table_hint_set(Oid relid, int32 lake_table, Oid heap);
/* Attributes that are the primary key, NULL: none; false: not known. */
extern bool pfdw_key_hint(Oid relid, const Bitmapset **key);
extern void pfdw_key_hint_set(Oid relid, const PmnSchema *schema,
							  const PfdwColumn *columns, int count);

/* ---- in fdw_option_name.c --------------------------------------------- */

/* The Paimon option that name is a slip of the pen for, or NULL. */
extern const char *pfdw_option_near(const char *name);

/* ---- in fdw_option.c again -------------------------------------------- */

/* What to read: paimon_fdw.as_of when set, else the table's scan.*. */
extern void pfdw_travel_get(const PfdwOptions *options, PmnTravel *travel);
/* The same, with what only the table can tell looked up. */
extern void pfdw_travel_settle(PfdwTable *table, PmnTravel *travel);

/* 42501 unless userid may read (or write) a warehouse on local disks. */
extern void pfdw_warehouse_check(const char *warehouse, Oid userid,
								 bool for_write);

/* Whether a foreign server belongs to this wrapper. */
extern bool pfdw_server_is_ours(ForeignServer *server);

/* ---- in fdw_compact.c ------------------------------------------------- */

/*
 * pfdw_compact_is_due -- whether the newest snapshot is one of ours that added
 * rows, and not *seen, which becomes it. Both as the table's owner.
 */
extern bool pfdw_compact_is_due(Oid relid, int64 *seen);
/* Compact what universal compaction picks, and publish. */
extern void pfdw_compact_table(Oid relid);

/* ---- in fdw_relation.c ------------------------------------------------ */

/* Owner of a relation: the role whose right to local files counts. */
extern Oid pfdw_relation_owner(Oid relid);

/* Whether relid is a foreign table of this wrapper. */
extern bool pfdw_relation_is_ours(Oid relid);

/*
 * pfdw_relation_open -- check the owner's rights and open the lake table in
 * env; pmn_table_check_read has passed.
 */
extern PfdwTable *pfdw_relation_open(PfdwEnv *env, Oid relid,
									 const PfdwOptions *options);

/* 42501 unless the owner may read where the table is. */
extern void pfdw_relation_check_read(Oid relid, const PfdwOptions *options);

/* 42501 unless the owner may write where the table is. */
extern void pfdw_relation_check_write(Oid relid, const PfdwOptions *options);

/* Show the schema of the snapshot that scan.* names, when it does. */
extern void pfdw_relation_use_declared_schema(PfdwTable *table,
											  const PfdwOptions *options);

/* Columns of a foreign table matched with the lake's fields by name (or
 * column_name); a column that the lake lacks is HV005, a wrong type HV004. */
extern PfdwColumn *pfdw_columns_match(Relation relation,
									  const PmnSchema *schema, int *count);

/* ---- in fdw_plan.c ---------------------------------------------------- */
extern void paimonGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel,
									Oid foreigntableid);
extern ForeignScan *paimonGetForeignPlan(PlannerInfo *root, RelOptInfo *baserel,
										 Oid foreigntableid,
										 ForeignPath *best_path, List *tlist,
										 List *scan_clauses, Plan *outer_plan);

/* ---- in fdw_path.c ---------------------------------------------------- */
extern void paimonGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel,
								  Oid foreigntableid);
extern bool paimonIsForeignScanParallelSafe(PlannerInfo *root, RelOptInfo *rel,
											RangeTblEntry *rte);

/* ---- in fdw_aggregate.c ----------------------------------------------- */
extern void paimonGetForeignUpperPaths(PlannerInfo *root,
									   UpperRelationKind stage,
									   RelOptInfo *input_rel,
									   RelOptInfo *output_rel, void *extra);

/* ---- in fdw_scan_parallel.c ------------------------------------------- */
extern Size paimonEstimateDSMForeignScan(ForeignScanState *node,
										 ParallelContext *context);
extern void paimonInitializeDSMForeignScan(ForeignScanState *node,
										   ParallelContext *context,
										   void *coordinate);
extern void paimonReInitializeDSMForeignScan(ForeignScanState *node,
											 ParallelContext *context,
											 void *coordinate);
extern void paimonInitializeWorkerForeignScan(ForeignScanState *node,
											  shm_toc *toc, void *coordinate);
extern void paimonShutdownForeignScan(ForeignScanState *node);

/* ---- in fdw_scan.c ---------------------------------------------------- */
extern void paimonBeginForeignScan(ForeignScanState *node, int eflags);
extern TupleTableSlot *paimonIterateForeignScan(ForeignScanState *node);
extern void paimonReScanForeignScan(ForeignScanState *node);
extern void paimonEndForeignScan(ForeignScanState *node);

/* ---- in fdw_modify.c -------------------------------------------------- */
extern void paimonAddForeignUpdateTargets(PlannerInfo *root, Index rtindex,
										  RangeTblEntry *target_rte,
										  Relation target_relation);
extern List *paimonPlanForeignModify(PlannerInfo *root, ModifyTable *plan,
									 Index resultRelation, int subplan_index);
extern void paimonBeginForeignModify(ModifyTableState *mtstate,
									 ResultRelInfo *rinfo, List *fdw_private,
									 int subplan_index, int eflags);
extern TupleTableSlot *paimonExecForeignInsert(EState *estate,
											   ResultRelInfo *rinfo,
											   TupleTableSlot *slot,
											   TupleTableSlot *planSlot);
extern TupleTableSlot *paimonExecForeignUpdate(EState *estate,
											   ResultRelInfo *rinfo,
											   TupleTableSlot *slot,
											   TupleTableSlot *planSlot);
extern TupleTableSlot *paimonExecForeignDelete(EState *estate,
											   ResultRelInfo *rinfo,
											   TupleTableSlot *slot,
											   TupleTableSlot *planSlot);
extern void paimonEndForeignModify(EState *estate, ResultRelInfo *rinfo);
extern void paimonBeginForeignInsert(ModifyTableState *mtstate,
									 ResultRelInfo *rinfo);
extern void paimonEndForeignInsert(EState *estate, ResultRelInfo *rinfo);
extern int paimonIsForeignRelUpdatable(Relation rel);

/* ---- in fdw_explain.c ------------------------------------------------- */
extern void paimonExplainForeignScan(ForeignScanState *node,
									 struct ExplainState *es);
extern void paimonExplainForeignModify(ModifyTableState *mtstate,
									   ResultRelInfo *rinfo, List *fdw_private,
									   int subplan_index,
									   struct ExplainState *es);

/* ---- in fdw_import.c -------------------------------------------------- */
extern List *paimonImportForeignSchema(ImportForeignSchemaStmt *stmt,
									   Oid serverOid);

/* ---- in fdw_analyze.c ------------------------------------------------- */
extern bool paimonAnalyzeForeignTable(Relation relation,
									  AcquireSampleRowsFunc *func,
									  BlockNumber *totalpages);

/* ---- in fdw_writer.c -------------------------------------------------- */
extern void pfdw_writer_init(void); /* from _PG_init */
/* Close what other statements, inside which this one runs, have written to a
 * lake table so far; estate is this one's. */
extern void pfdw_writers_flush(const EState *estate, const PfdwTableRef *ref);

/* ---- in fdw_row.c ----------------------------------------------------- */

/* Whether small changes of a table go to a delta heap. */
extern bool pfdw_takes_rows(const PmnSchema *schema);

/* ---- in fdw_ddl.c ----------------------------------------------------- */
extern void pfdw_ddl_init(void); /* installs the ProcessUtility hook */

/* ---- in fdw_ddl_table.c ----------------------------------------------- */

/* Make the lake table of a new foreign table, or check it against it. */
extern void pfdw_ddl_attach(Oid relid);
/* Take over the lake's comments on the table and its columns. */
extern void pfdw_ddl_comment(Relation relation, const PmnSchema *schema);
/* Give the command the lake's columns where it declares none, and the names
 * of database and table, so that a rename does not lead elsewhere. */
extern void pfdw_ddl_complete(CreateForeignTableStmt *stmt,
							  ForeignServer *server);

#endif /* PFDW_FDW_H */
