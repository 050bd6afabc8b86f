/*
 * fdw.h
 *
 * Callbacks of the foreign-data wrapper, by file.
 */
#ifndef PFDW_FDW_H
#define PFDW_FDW_H

#include "../bridge/bridge.h"
#include "../delta/delta.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "lib/ilist.h"
#include "nodes/parsenodes.h"
#include "utils/tuplestore.h"

/* ---- in fdw_option.c -------------------------------------------------- */

typedef enum PfdwInsertMode
{
	PFDW_INSERT_UPSERT,
	PFDW_INSERT_STRICT
} PfdwInsertMode;

/* Options of a foreign table and its server, resolved. */
typedef struct PfdwOptions
{
	PfdwTableRef ref;
	char *primary_key;	/* NULL when not given */
	char *partition_by; /* NULL when not given */
	char *comment;
	PfdwInsertMode insert_mode;
	bool updatable;
	PmnTravel travel; /* from scan.* options; as_of is added by readers */
	List *paimon_options; /* DefElem: quoted names, stored in the schema */
} PfdwOptions;

/* Catalog of the relation decides which options are known. */
extern PfdwOptions *pfdw_options_get(Oid relid);
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
	PFDW_OPTION_OWN,	/* primary_key, insert_mode, ... */
	PFDW_OPTION_READ,	/* scan.*, read.*: stay with the foreign table */
	PFDW_OPTION_STORED	/* Paimon's, in the lake table's schema */
} PfdwOptionKind;
extern PfdwOptionKind pfdw_option_kind(const char *name);

/* "a, b" as a list of C strings, trimmed; a bad list is HV024. */
extern List *pfdw_option_name_list(const char *option, const char *value);

/* What to read: paimon_fdw.as_of when set, else the table's scan.*. */
extern void pfdw_travel_get(const PfdwOptions *options, PmnTravel *travel);

/* 42501 unless userid may read (or write) a local warehouse. */
extern void pfdw_check_local_access(Oid userid, bool for_write);

/* Whether a foreign server belongs to this wrapper. */
extern bool pfdw_server_is_ours(ForeignServer *server);

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

/* Name in the lake of an attribute of a foreign table. */
extern const char *pfdw_relation_column_name(Oid relid, AttrNumber attnum,
											 const char *attname);

/* Show an older schema; refreshes table->schema. */
extern void pfdw_relation_use_schema(PfdwTable *table, int64 schema_id);

/* Columns of a foreign table matched with the lake's fields by name (or
 * column_name); a column that the lake lacks is HV005, a wrong type HV004. */
extern PfdwColumn *pfdw_columns_match(Relation relation,
									  const PmnSchema *schema, int *count);

/* ---- in fdw_reader.c -------------------------------------------------- */

/*
 * A lake table being read: by a scan, ANALYZE, EXPLAIN or the search for
 * duplicates. Opened in steps, as late as possible, so that EXPLAIN neither
 * locks nor reads data.
 */
typedef struct PfdwReader
{
	MemoryContext context;
	Relation relation;
	PfdwEnv *env;
	PfdwOptions *options;
	PmnTravel travel;
	PfdwTable *table; /* NULL until opened */
	PfdwView view;
	PfdwColumn *columns; /* all attributes */
	int column_count;
	PfdwColumn *needed; /* those that are read */
	int needed_count;
	PmnScan *scan; /* NULL until planned */
	PmnRead *read; /* NULL until the first batch */
	PfdwDecoder *decoder;
	List *pushed; /* expressions that the predicate stands for */
	uint32 row;
	uint32 row_count;
	bool at_end;
} PfdwReader;

extern PfdwReader *pfdw_reader_create(MemoryContext parent,
									  Relation relation);
/* Lock (keyed tables, when asked), get the view, match the columns. */
extern void pfdw_reader_open(PfdwReader *reader, bool lock);
/* Read these attributes only; before the first batch. */
extern void pfdw_reader_project(PfdwReader *reader, const Bitmapset *attnums,
								bool all);
extern void pfdw_reader_plan(PfdwReader *reader, List *quals, Index varno,
							 ExprContext *econtext);
extern void pfdw_reader_plan_predicate(PfdwReader *reader,
									   const PmnPredicate *predicate);
/* The next batch into the decoder; false at the end. */
extern bool pfdw_reader_next_batch(PfdwReader *reader);
extern void pfdw_reader_rewind(PfdwReader *reader);
/* Forget the plan, keep table and view. */
extern void pfdw_reader_unplan(PfdwReader *reader);
extern void pfdw_reader_close(PfdwReader *reader);

/* ---- in fdw_keyset.c -------------------------------------------------- */

/* A set of keys, compared by bytes as Paimon does. */
typedef struct PfdwKeySet PfdwKeySet;
extern PfdwKeySet *pfdw_keyset_create(MemoryContext parent, TupleDesc tupdesc,
									  const AttrNumber *attnums, int count);
/* Add the key of a slot; false when it was there. */
extern bool pfdw_keyset_add(PfdwKeySet *set, TupleTableSlot *slot);
/* values and nulls are by key column, not by attribute. */
extern bool pfdw_keyset_contains(PfdwKeySet *set, const Datum *values,
								 const bool *nulls);
extern int64 pfdw_keyset_count(const PfdwKeySet *set);
/* "(id, dt)=(1, 2020-01-01)" for error details. */
extern char *pfdw_keyset_describe(PfdwKeySet *set, const Datum *values,
								  const bool *nulls);

/* ---- in fdw_writer.c -------------------------------------------------- */

/*
 * What one statement writes to one lake table. All modify nodes of the
 * statement on that table share it, so that their rows keep their order.
 */
typedef struct PfdwWriter
{
	dlist_node node;
	EState *estate;
	Oid relid;
	SubTransactionId subid;
	int references;
	MemoryContext context;	 /* ends with the statement */
	MemoryContext row_context; /* reset for each row */
	PfdwOptions *options;
	TupleDesc tupdesc;
	PfdwTable *table; /* the transaction's handle */
	PmnWrite *write;  /* NULL while nothing is written */
	PfdwEncoder *encoder;
	PfdwColumn *columns;
	int column_count;
	AttrNumber *key_attnums; /* full primary key */
	int key_count;
	List *required;	 /* attribute numbers that the lake wants NOT NULL */
	bool has_key;
	bool from_read;
	Tuplestorestate *deferred; /* new rows of key-changing updates */
	TupleTableSlot *deferred_slot;
	PfdwKeySet *inserted; /* insert_mode 'strict' */
	PfdwKeySet *modified; /* rows that UPDATE or DELETE already changed */
} PfdwWriter;

extern void pfdw_writer_init(void); /* from _PG_init */
extern PfdwWriter *pfdw_writer_acquire(EState *estate, Relation relation);
extern void pfdw_writer_add(PfdwWriter *writer, TupleTableSlot *slot,
							PmnRowKind kind);
/* A row to be written after all others of the statement. */
extern void pfdw_writer_defer(PfdwWriter *writer, TupleTableSlot *slot);
extern void pfdw_writer_release(PfdwWriter *writer, Relation relation);

/* ---- in fdw_strict.c -------------------------------------------------- */

/* 23505 when a key of set is in the lake as the statement sees it. */
extern void pfdw_strict_check(PfdwWriter *writer, Relation relation);
extern void pfdw_strict_fail(PfdwWriter *writer, PfdwKeySet *set,
							 const Datum *values, const bool *nulls);

/* ---- in fdw_plan.c ---------------------------------------------------- */
extern void paimonGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel,
									Oid foreigntableid);
extern void paimonGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel,
								  Oid foreigntableid);
extern ForeignScan *paimonGetForeignPlan(PlannerInfo *root,
										 RelOptInfo *baserel,
										 Oid foreigntableid,
										 ForeignPath *best_path, List *tlist,
										 List *scan_clauses,
										 Plan *outer_plan);

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
									 Index resultRelation,
									 int subplan_index);
extern void paimonBeginForeignModify(ModifyTableState *mtstate,
									 ResultRelInfo *rinfo, List *fdw_private,
									 int subplan_index, int eflags);
extern TupleTableSlot *paimonExecForeignInsert(EState *estate,
											   ResultRelInfo *rinfo,
											   TupleTableSlot *slot,
											   TupleTableSlot *planSlot);
extern TupleTableSlot **paimonExecForeignBatchInsert(
	EState *estate, ResultRelInfo *rinfo, TupleTableSlot **slots,
	TupleTableSlot **planSlots, int *numSlots);
extern int paimonGetForeignModifyBatchSize(ResultRelInfo *rinfo);
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
									   ResultRelInfo *rinfo,
									   List *fdw_private, int subplan_index,
									   struct ExplainState *es);

/* ---- in fdw_import.c -------------------------------------------------- */
extern List *paimonImportForeignSchema(ImportForeignSchemaStmt *stmt,
									   Oid serverOid);

/* ---- in fdw_analyze.c ------------------------------------------------- */
extern bool paimonAnalyzeForeignTable(Relation relation,
									  AcquireSampleRowsFunc *func,
									  BlockNumber *totalpages);

/* ---- in fdw_ddl.c ----------------------------------------------------- */
extern void pfdw_ddl_init(void); /* installs the ProcessUtility hook */

/* ---- in fdw_ddl_table.c ----------------------------------------------- */

/* Make the lake table of a new foreign table, or check it against it. */
extern void pfdw_ddl_attach(Oid relid, bool may_create);
/* Give the command the lake's columns where it declares none, and the names
 * of database and table, so that a rename does not lead elsewhere. */
extern void pfdw_ddl_complete(CreateForeignTableStmt *stmt,
							  ForeignServer *server);

#endif /* PFDW_FDW_H */
