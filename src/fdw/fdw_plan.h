/*
 * fdw_plan.h
 *
 * What the planner's callbacks tell each other, and what a plan tells its
 * scan.
 */
#ifndef PFDW_PLAN_H
#define PFDW_PLAN_H

#include "fdw.h"

/* What the planner keeps of a base relation. */
typedef struct PfdwPlanInfo
{
	bool is_data;		  /* not a system table */
	double physical_rows; /* in the files to read */
	double size_bytes;
	double file_bytes; /* of one of them */
	bool is_merged;
	uint32 part_count;	  /* into which the scan may be cut */
	bool is_exact;		  /* storage tests all that the quals say */
	double tested_rows;	  /* that come out of storage */
	bool has_exact_count; /* and knows how many rows pass */
	double column_share;  /* of the bytes, for the columns that are read */
	List *orders;		  /* lists of attributes that rows may be ordered by */
	Bitmapset *key_attnums; /* whose values tell files and pages */
	PfdwColumn *columns;	/* types are copies, but not what nests in them */
	int column_count;
} PfdwPlanInfo;

/* Members of a ForeignScan's fdw_private. */
enum
{
	PFDW_PLAN_ATTNUMS, /* integers: attributes to read, 0 for whole rows */
	PFDW_PLAN_LIMIT,   /* an integer node: rows wanted, or 0 */
	PFDW_PLAN_ORDER,   /* integers: attributes that rows are ordered by */
	PFDW_PLAN_MEMBERS
};

/* Opening a table and reading its manifests. */
#define PFDW_STARTUP_COST 50.0

/* ---- in fdw_path.c ---------------------------------------------------- */

/* Cost of getting the vectors of all rows that the plan found. */
extern Cost pfdw_decode_cost(const PfdwPlanInfo *info);

/* Rows of a part when a scan is shared out among processes. */
extern uint64_t pfdw_part_rows(const PmnScanStats *stats);

/* Offer a scan in the order of attnums, which has pathkeys. */
extern void pfdw_add_path_in_order(PlannerInfo *root, RelOptInfo *baserel,
								   Cost startup, Cost run, List *pathkeys,
								   List *attnums);

/* ---- in fdw_probe.c --------------------------------------------------- */

/* The value that a condition fixes a column of a base type to, so that it can
 * be looked up; NULL: it does not. */
extern Expr *pfdw_fixed_value(Node *qual, Index rti, AttrNumber attnum,
							  Oid type);

/* ---- in fdw_order.c --------------------------------------------------- */

/* Whether the server orders a column's values as the lake does. */
extern bool pfdw_order_is_kept(Relation relation, const PfdwColumn *column);
/* For PfdwPlanInfo: orders that storage can give now. */
extern List *pfdw_orders_find(const PmnScan *scan, Relation relation,
							  const PmnSchema *schema,
							  const PfdwColumn *columns, int count);
extern void pfdw_add_ordered_paths(PlannerInfo *root, RelOptInfo *baserel,
								   const PfdwPlanInfo *info, Cost startup,
								   Cost run);

#endif /* PFDW_PLAN_H */
