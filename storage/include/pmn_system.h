/*
 * pmn_system.h
 *
 * Paimon's system tables that show metadata: their columns, and their rows
 * one at a time. Those that read data (audit_log, ro, ...) are scans.
 */
#ifndef PMN_SYSTEM_H
#define PMN_SYSTEM_H

#include "pmn_table.h"

#ifdef __cplusplus
extern "C"
{
#endif

#define PMN_SYSTEM_COLUMNS_MAX 24

	typedef enum PmnSystemType
	{
		PMN_SYSTEM_TEXT,
		PMN_SYSTEM_INT,
		PMN_SYSTEM_LONG,
		PMN_SYSTEM_BOOL,
		/* TIMESTAMP(3); number is milliseconds since 1970: of an instant,
	 * which is shown in the reader's zone, or of a clock on the wall. */
		PMN_SYSTEM_INSTANT,
		PMN_SYSTEM_LOCAL_TIME,
		PMN_SYSTEM_TEXTS, /* ARRAY<STRING>: items */
		PMN_SYSTEM_JSON	  /* an array of rows, as JSON text */
	} PmnSystemType;

	typedef struct PmnSystemColumn
	{
		const char *name;
		PmnSystemType type;
		bool is_nullable;
	} PmnSystemColumn;

	typedef struct PmnSystemTable
	{
		const char *name; /* "snapshots" */
		bool is_global;	  /* a table of database "sys" */
		const PmnSystemColumn *columns;
		uint32_t column_count;
	} PmnSystemTable;

	/* NULL when there is none of this name. */
	const PmnSystemTable *pmn_system_table(const char *name, bool is_global);
	/* The index-th of all, for lists; NULL behind the last. */
	const PmnSystemTable *pmn_system_table_at(uint32_t index);

	typedef struct PmnSystemCell
	{
		bool is_null;
		int64_t number;	  /* INT, LONG, BOOL, times */
		const char *text; /* TEXT, JSON */
		const char *const *items;
		uint32_t item_count;
	} PmnSystemCell;

	/* cells has column_count items, which live during the call; false ends
 * the visit. */
	typedef bool (*PmnSystemVisitor)(void *context, const PmnSystemCell *cells);

	/*
 * pmn_table_visit_system -- the rows of a system table of one table. What
 * belongs to a snapshot is shown as of travel. The table's handle shows the
 * schema of that snapshot afterwards.
 * Errors    as pmn_table_resolve; PMN_CORRUPT
 */
	PMN_CHECKED PmnCode pmn_table_visit_system(PmnTable *table,
											   const PmnSystemTable *system,
											   const PmnTravel *travel,
											   PmnSystemVisitor visit,
											   void *context);

	/* The rows of a table of database "sys", over the whole warehouse. Tables
 * that cannot be opened are left out of it. */
	PMN_CHECKED PmnCode pmn_catalog_visit_system(PmnCatalog *catalog,
												 const PmnSystemTable *system,
												 PmnSystemVisitor visit,
												 void *context);

	/*
 * pmn_table_track_rows -- "t$row_tracking" is a scan, too: let the schema
 * that the handle shows end with _ROW_ID and _SEQUENCE_NUMBER. For reading
 * only; not with open scans. PMN_INVALID when the table does not track rows.
 */
	PMN_CHECKED PmnCode pmn_table_track_rows(PmnTable *table);

#ifdef __cplusplus
}
#endif
#endif /* PMN_SYSTEM_H */
