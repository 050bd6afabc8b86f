/*
 * table_inspect.h
 *
 * What the makers of system-table rows share: the row being made, and how
 * values are spelled.
 */
#ifndef TABLE_INSPECT_H
#define TABLE_INSPECT_H

#include "../include/pmn_system.h"
#include "table_scan.h"

typedef struct PmnInspector
{
	PmnEnv *env;
	PmnTable *table;	   /* NULL in global tables until one is looked at */
	PmnArena *arena;	   /* lives as long as the visit */
	PmnArena *row;		   /* reset by pmn_inspect_emit */
	PmnBuffer text;		   /* scratch */
	PmnSnapshot *snapshot; /* NULL: the table has none */
	const PmnSystemTable *system;
	PmnSystemCell cells[PMN_SYSTEM_COLUMNS_MAX];
	uint32_t at; /* next cell of the row being made */
	PmnSystemVisitor visit;
	void *context;
	bool is_stopped; /* the visitor has seen enough */
} PmnInspector;

/* ---- table_inspect.c -------------------------------------------------- */

/* Cells in order. Text is not copied: it lives in the row's arena, or longer.
 * NULL is null. */
void pmn_inspect_text(PmnInspector *inspector, const char *text);
void pmn_inspect_number(PmnInspector *inspector, int64_t number, bool known);
/* The row is complete. */
PMN_CHECKED PmnCode pmn_inspect_emit(PmnInspector *inspector);
/* The scratch text, moved into the row's arena. */
PMN_CHECKED PmnCode pmn_inspect_take(PmnInspector *inspector, const char **out);
/* "<open>v1, v2<close>" of a serialized row, as Paimon's cast to STRING. */
PMN_CHECKED PmnCode pmn_inspect_row(PmnInspector *inspector, PmnBytes row,
									const PmnType *const *types, uint32_t count,
									char open, char close, const char **out);

/* ---- the makers ------------------------------------------------------- */

typedef PmnCode (*PmnInspect)(PmnInspector *inspector);

/* table_inspect_meta.c */
PMN_CHECKED PmnCode pmn_inspect_snapshots(PmnInspector *inspector);
PMN_CHECKED PmnCode pmn_inspect_schemas(PmnInspector *inspector);
PMN_CHECKED PmnCode pmn_inspect_options(PmnInspector *inspector);
PMN_CHECKED PmnCode pmn_inspect_aggregation_fields(PmnInspector *inspector);
PMN_CHECKED PmnCode pmn_inspect_statistics(PmnInspector *inspector);

/* table_inspect_refs.c */
PMN_CHECKED PmnCode pmn_inspect_tags(PmnInspector *inspector);
PMN_CHECKED PmnCode pmn_inspect_branches(PmnInspector *inspector);
PMN_CHECKED PmnCode pmn_inspect_consumers(PmnInspector *inspector);

/* table_inspect_files.c */
PMN_CHECKED PmnCode pmn_inspect_files(PmnInspector *inspector);
PMN_CHECKED PmnCode pmn_inspect_file_key_ranges(PmnInspector *inspector);
PMN_CHECKED PmnCode pmn_inspect_manifests(PmnInspector *inspector);

/* table_inspect_indexes.c */
PMN_CHECKED PmnCode pmn_inspect_table_indexes(PmnInspector *inspector);

/* table_inspect_totals.c */
PMN_CHECKED PmnCode pmn_inspect_partitions(PmnInspector *inspector);
PMN_CHECKED PmnCode pmn_inspect_buckets(PmnInspector *inspector);

typedef struct PmnPartitionTotal
{
	const char *partition; /* "k=v/k2=v2" */
	int64_t record_count;
	int64_t size_bytes;
	int64_t file_count;
	int64_t last_creation_millis;
	int32_t total_buckets;
	int64_t deleted_count; /* by deletion vectors; -1: not known */
} PmnPartitionTotal;

/* Totals of the inspector's snapshot, sorted; in its arena. */
PMN_CHECKED PmnCode pmn_inspect_partition_totals(PmnInspector *inspector,
												 PmnPartitionTotal **out,
												 uint32_t *count);

/* table_inspect_global.c */
PMN_CHECKED PmnCode pmn_inspect_global(PmnCatalog *catalog,
									   PmnInspector *inspector);

#endif /* TABLE_INSPECT_H */
