/*
 * delta_catalog.h
 *
 * Access to the tables of schema paimon_int, shared by the files of this
 * folder.
 */
#ifndef PFDW_DELTA_CATALOG_H
#define PFDW_DELTA_CATALOG_H

#include "delta_internal.h"

/* ---- in delta_catalog.c ----------------------------------------------- */

/* A relation of the schema by name. */
extern Oid pfdw_store_oid(const char *name);
extern Relation pfdw_store_open(const char *name, LOCKMODE mode);
extern int64 pfdw_store_next(const char *sequence);

/* Where a table is, in one spelling. palloc'd. */
extern char *pfdw_lake_location(const PfdwTableRef *ref);

/* Newest lake snapshot when the table's row was made. */
extern int64 pfdw_lake_table_origin(const PfdwLakeTable *lake_table);

/* The lake table is made anew: what is known of an earlier one goes. */
extern void pfdw_lake_table_forget(const PfdwTableRef *ref);

/* ---- in delta_outbox.c ------------------------------------------------ */

/* Read the message of a row that was read without it. */
extern void pfdw_outbox_fetch(PfdwOutboxRow *row, Snapshot snapshot);
/* The message of a row read with it; memory of the table's environment. */
extern PmnMessage *pfdw_outbox_message(PfdwTable *table,
									   const PfdwOutboxRow *row);

#endif /* PFDW_DELTA_CATALOG_H */
