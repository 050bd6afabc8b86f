/*
 * bridge.h
 *
 * The only folder that knows both worlds: storage codes become ereport,
 * storage memory is server memory, Paimon types and values become
 * PostgreSQL's and back.
 */
#ifndef PFDW_BRIDGE_H
#define PFDW_BRIDGE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "nodes/pathnodes.h"
#include "nodes/execnodes.h"

#include "../../storage/include/pmn.h"
#include "pg_compat.h"

/* ---- in bridge_env.c -------------------------------------------------- */

/*
 * A storage environment whose memory is context. base comes first. handles
 * is the list of what bridge_handle.c has to close, the youngest first.
 */
typedef struct PfdwEnv
{
	PmnEnv base;
	MemoryContext context;
	struct PfdwHandle *handles;
	MemoryContextCallback callback;
} PfdwEnv;

/* An environment in a new child context of parent; it ends with the context.
 * Nothing in it may throw, as storage calls it. */
extern PfdwEnv *pfdw_env_create(MemoryContext parent, const char *name);

/*
 * Server memory in the current context, aligned to 16 bytes and zeroed.
 * palloc aligns to 8, which is too little for PmnValue and PmnInt128. Free
 * with pfdw_free_aligned, or with the context.
 */
extern void *pfdw_alloc_aligned(Size size);
extern void pfdw_free_aligned(void *block);

/* ---- in bridge_error.c ------------------------------------------------ */

/* The only place where a storage code becomes an error. Runs
 * CHECK_FOR_INTERRUPTS first on PMN_CANCELLED. */
extern void pfdw_check(PfdwEnv *env, PmnCode code);

/* Raise the stored failure as a bad value of an option (HV024). */
extern void pfdw_report_option(PfdwEnv *env) pg_attribute_noreturn();

/* Raise a failure; detail, when not NULL, follows the storage's own. */
extern void pfdw_report(PfdwEnv *env, PmnCode code, const char *detail)
	pg_attribute_noreturn();

/* ---- in bridge_handle.c ----------------------------------------------- */

/* Where a lake table is: what options resolve to. Strings are palloc'd. */
typedef struct PfdwTableRef
{
	char *warehouse;
	char *database;
	char *table;
	char *branch; /* NULL for main */
} PfdwTableRef;

typedef struct PfdwTable
{
	PfdwEnv *env;
	PmnCatalog *catalog;
	PmnTable *table;
	const PmnSchema *schema;
} PfdwTable;

/* Handles that a reset callback of env's context closes. */
extern PmnCatalog *pfdw_catalog_open(PfdwEnv *env, const char *warehouse);
extern PfdwTable *pfdw_table_open(PfdwEnv *env, const PfdwTableRef *ref);
extern PmnScan *pfdw_scan_plan(PfdwTable *table, const PmnScanRequest *request);
extern PmnRead *pfdw_read_open(PfdwTable *table, PmnScan *scan,
							   const int32_t *projection, uint32_t count);
/* In an order that the scan has; order_count 0: in none. */
extern PmnRead *pfdw_read_open_ordered(PfdwTable *table, PmnScan *scan,
									   const int32_t *projection,
									   uint32_t count, const int32_t *order,
									   uint32_t order_count);
/* Rolled back with subid, which may be an outer subtransaction. */
extern PmnWrite *pfdw_write_open(PfdwTable *table,
								 const PmnWriteRequest *request,
								 SubTransactionId subid);
/* Close before the context ends; the callback then does nothing. */
extern void pfdw_scan_close(PfdwEnv *env, PmnScan *scan);
extern void pfdw_read_close(PfdwEnv *env, PmnRead *read);
extern void pfdw_write_close(PfdwEnv *env, PmnWrite *write);

/* Close the writers that a subtransaction opened (Invalid: all of them). */
extern void pfdw_writes_abort(PfdwEnv *env, SubTransactionId subid);
/* Let the writers of a subtransaction that commits be its parent's. */
extern void pfdw_writes_reparent(PfdwEnv *env, SubTransactionId subid,
								 SubTransactionId parent);
/* Close everything; the reset callback of an environment's context. */
extern void pfdw_handles_close(void *env);

/* ---- in bridge_guc.c -------------------------------------------------- */

extern char *pfdw_as_of;
extern bool pfdw_enable_filter_pushdown;
extern bool pfdw_enable_aggregate_pushdown;
extern bool pfdw_enable_limit_pushdown;
extern bool pfdw_enable_parallel_scan;
extern bool pfdw_enable_parameterized_scan;
extern bool pfdw_enable_sorted_scan;
extern int pfdw_metadata_cache_size; /* kB */
extern int pfdw_bulk_threshold;		 /* rows */
extern void pfdw_guc_define(void);
/* Parse "snapshot:12", "tag:x", "timestamp:..." or ''; bad text is 22023. */
extern void pfdw_travel_parse(const char *text, PmnTravel *travel);

/* ---- in bridge_name.c ------------------------------------------------- */

/* Names, comments, options recoded: a copy, or the argument where it is one. */
extern char *pfdw_name_to_lake(const char *name);
extern char *pfdw_name_from_lake(const char *name);
/* The same for values that may be any bytes: what is no UTF-8 is replaced. */
extern char *pfdw_shown_from_lake(const char *text);
/* Name in the lake of an attribute of a foreign table. */
extern const char *pfdw_relation_column_name(Oid relid, AttrNumber attnum,
											 const char *attname);

/* ---- in bridge_type.c ------------------------------------------------- */

/* The PostgreSQL type of a Paimon type, as design/sql-interface.md maps them.
 * Unmapped types raise HV004. */
extern void pfdw_type_to_pg(const PmnType *type, const char *column, Oid *typid,
							int32 *typmod);

/* The SQL spelling for IMPORT FOREIGN SCHEMA: "numeric(10,2)". */
extern char *pfdw_type_to_sql(const PmnType *type, const char *column);

/*
 * pfdw_type_from_pg -- the Paimon type to make for a column. paimon_type is
 * the column option or NULL. HV004 names the column and what to write.
 */
extern void pfdw_type_from_pg(Oid typid, int32 typmod, bool not_null,
							  const char *column, const char *paimon_type,
							  PmnType *out);

/* Whether values of a lake column can be read and written as typid. */
extern void pfdw_type_check(const PmnType *type, Oid typid, int32 typmod,
							const char *column);
extern bool pfdw_type_fits(const PmnType *type, Oid typid, int32 typmod,
						   const char *column);

/* ---- in bridge_decode.c ----------------------------------------------- */

/* One column of a conversion: a lake field and the attribute it feeds. */
typedef struct PfdwColumn
{
	AttrNumber attnum;	 /* attribute of the foreign table, from 1 */
	int32 field;		 /* position in the lake schema */
	const PmnType *type; /* the field's */
	Oid typid;
	int32 typmod;
	const char *name; /* for messages; NULL: the attribute number is shown */
} PfdwColumn;

/*
 * Batches to Datums, column at a time. columns[i] is batch column i. After
 * pfdw_decode_batch, values[i][r] and nulls[i][r] hold row r of the batch,
 * r being a row of the selection; by-reference Datums live until the next
 * batch.
 */
typedef struct PfdwDecoder
{
	const PfdwColumn *columns;
	int column_count;
	Datum **values;
	bool **nulls;
	MemoryContext batch_context;
	MemoryContext context;			  /* of everything but batches */
	uint32 capacity;				  /* rows that values and nulls hold */
	struct PfdwDecoderColumn *states; /* how each column is decoded */
} PfdwDecoder;

extern PfdwDecoder *pfdw_decoder_create(const PfdwColumn *columns, int count);
extern void pfdw_decode_batch(PfdwDecoder *decoder, PmnBatch *batch);
/* Make room for rows of another source; their data go to batch_context. */
extern void pfdw_decoder_reserve(PfdwDecoder *decoder, uint32 rows);

/* ---- in bridge_encode.c ----------------------------------------------- */

/*
 * Slots to batches. The batch has a column for each lake field in order;
 * fields without an attribute are null. A value out of the lake type's range
 * raises 22001, 22003, 22008 or 22021 and names the column; so does a null
 * in a NOT NULL field (23502), unless the row is a delete.
 */
typedef struct PfdwEncoder PfdwEncoder;
extern PfdwEncoder *pfdw_encoder_create(const PmnSchema *schema,
										const PfdwColumn *columns, int count);
extern void pfdw_encode_slot(PfdwEncoder *encoder, TupleTableSlot *slot,
							 PmnRowKind kind);
/* Rows since the last reset. */
extern int pfdw_encoder_rows(const PfdwEncoder *encoder);
/* Bytes of variable-length values since the last reset. */
extern Size pfdw_encoder_bytes(const PfdwEncoder *encoder);
extern const PmnBatch *pfdw_encoder_batch(PfdwEncoder *encoder,
										  const uint8_t **kinds);
extern void pfdw_encoder_reset(PfdwEncoder *encoder);

/* ---- in bridge_value.c ------------------------------------------------ */

/* A constant as a literal for a predicate; false when it can't be said
 * exactly in the lake's type. */
extern bool pfdw_value_from_datum(const PmnType *type, Oid typid, Datum datum,
								  PmnValue *out);
/* The same of a key, also of a type that the lake has as its output's text. */
extern bool pfdw_key_from_datum(const PmnType *type, Oid typid, Datum datum,
								PmnValue *out);
/* A literal as a Datum (statistics of planned files); false when not. */
extern bool pfdw_value_to_datum(const PmnType *type, Oid typid, int32 typmod,
								const PmnValue *value, Datum *out);

/* ---- in bridge_numeric.c ---------------------------------------------- */

/* An unscaled decimal as a numeric, in the current memory context. */
extern Datum pfdw_numeric_from_i128(PmnInt128 value, int scale);

/* ---- in bridge_predicate.c -------------------------------------------- */

/*
 * pfdw_predicate_build -- the part of quals (implicitly ANDed expressions on
 * relation varno) that storage can evaluate, as a predicate in the current
 * memory context; NULL when nothing. columns says which field an attribute
 * is. econtext gives values of parameters and run-time keys; NULL at plan time
 * (they are left out). used (may be NULL) collects the expressions taken.
 * is_exact (may be NULL): the predicate says all that the quals do, so that
 * nobody need look at the rows again; without econtext, it will.
 */
extern const PmnPredicate *pfdw_predicate_build(List *quals, Index varno,
												const PfdwColumn *columns,
												int column_count,
												ExprContext *econtext,
												List **used, bool *is_exact);

/* Whether storage could evaluate a join clause for rows of the others. */
extern bool pfdw_predicate_is_key(Expr *clause, Index varno,
								  const PfdwColumn *columns, int column_count,
								  bool *is_equality, AttrNumber *attnum);

/* Whether text under a collation orders as its bytes in the lake do. */
extern bool pfdw_collation_is_bytes(Oid collation);

#endif /* PFDW_BRIDGE_H */
