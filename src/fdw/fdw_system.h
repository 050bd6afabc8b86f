/*
 * fdw_system.h
 *
 * Foreign tables that stand for Paimon's system tables ("orders$snapshots").
 */
#ifndef PFDW_SYSTEM_H
#define PFDW_SYSTEM_H

#include "fdw.h"

#include "nodes/pg_list.h"
#include "utils/tuplestore.h"

/* ---- in fdw_system.c -------------------------------------------------- */

/*
 * Split the table's name in options->ref: "t$branch_b$files" is table t,
 * branch b, system table files. An unknown system table is HV00R.
 */
extern void pfdw_system_parse(PfdwOptions *options);

/* Whether rows have a kind beside the table's columns. */
extern bool pfdw_system_has_kinds(PfdwSystemKind kind);

/* Let the handle show the columns that the system table has. */
extern void pfdw_system_show(PfdwTable *table, PfdwSystemKind kind);

/* The type that a field's column has there: of a binlog, arrays of it. */
extern const PmnType *pfdw_system_field_type(PfdwSystemKind kind,
											 const PmnType *type);

/* Whether an audit log has the column _SEQUENCE_NUMBER. */
extern bool pfdw_system_shows_sequence(const PmnSchema *schema);

/* PostgreSQL's type of a system table's column. */
extern Oid pfdw_system_type(const PmnSystemColumn *column, int32 *typmod);
/* Its SQL spelling. */
extern const char *pfdw_system_type_sql(const PmnSystemColumn *column);

/* 0A000 where a statement wants to change a system table. */
extern void pfdw_system_refuse_change(const PfdwOptions *options,
									  const char *name);

/* Which column of the system table feeds each attribute, -1 for dropped
 * ones; HV005 or HV004 when they do not fit. */
extern int *pfdw_system_match(Relation relation, const PmnSystemTable *system);

/*
 * pfdw_system_fill -- all rows into store. table is NULL for a table of
 * database "sys", catalog is then used. map as from pfdw_system_match, or
 * NULL: attributes are the columns.
 */
extern void pfdw_system_fill(PfdwEnv *env, PfdwTable *table,
							 PmnCatalog *catalog, const PmnSystemTable *system,
							 const PmnTravel *travel, const int *map,
							 TupleDesc tupdesc, Tuplestorestate *store);

/* A scan of a foreign table over metadata; rows are made at the first. */
typedef struct PfdwSystemScan PfdwSystemScan;
extern PfdwSystemScan *pfdw_system_begin(Relation relation,
										 PfdwOptions *options);
extern TupleTableSlot *pfdw_system_next(PfdwSystemScan *scan,
										TupleTableSlot *slot);
extern void pfdw_system_rescan(PfdwSystemScan *scan);
extern void pfdw_system_end(PfdwSystemScan *scan);

#endif /* PFDW_SYSTEM_H */
