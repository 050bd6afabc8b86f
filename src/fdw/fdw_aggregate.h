/*
 * fdw_aggregate.h
 *
 * Aggregates without GROUP BY, computed from vectors; shared by planning,
 * running and explaining them.
 */
#ifndef PFDW_AGGREGATE_H
#define PFDW_AGGREGATE_H

#include "fdw_scan_state.h"

typedef enum PfdwAggregateOp
{
	PFDW_COUNT_ROWS,
	PFDW_COUNT,
	PFDW_MIN,
	PFDW_MAX,
	PFDW_SUM,
	PFDW_AVG
} PfdwAggregateOp;

/* One aggregate and how far it has come. */
typedef struct PfdwAggregate
{
	PfdwAggregateOp op;
	AttrNumber attnum; /* its argument; 0 for count(*) */
	PfdwColumn column; /* the same in the lake; unset for count(*) */
	int batch_column;  /* where batches have it */
	Oid result_type;
	bool is_known; /* from metadata: nothing to be read */
	uint64 count;  /* rows, or values that are not null */
	bool has_best;
	PmnValue best; /* MIN, MAX; bytes are in room */
	char *room;
	Size room_size;
	PmnInt128 sum;
	double float_sum;
} PfdwAggregate;

/* ---- in fdw_aggregate.c ----------------------------------------------- */

/* What an Aggref over one lake table asks for; false when not supported.
 * *argument is the column, NULL for count(*). */
extern bool pfdw_aggregate_recognise(const Aggref *aggref, PfdwAggregateOp *op,
									 Var **argument);
extern ForeignScan *pfdw_aggregate_plan(PlannerInfo *root, RelOptInfo *rel,
										ForeignPath *path, List *tlist,
										Plan *outer_plan);

/* ---- in fdw_aggregate_run.c ------------------------------------------- */

/* Prepare the state of a scan that computes aggregates. */
extern void pfdw_aggregate_begin(ForeignScanState *node);
/* Match columns and plan; for EXPLAIN without values of parameters. */
extern void pfdw_aggregate_open(ForeignScanState *node, bool is_explain);
extern TupleTableSlot *pfdw_aggregate_iterate(ForeignScanState *node);
extern void pfdw_aggregate_rescan(ForeignScanState *node);
/* Whether all is known from metadata; after pfdw_aggregate_open. */
extern bool pfdw_aggregate_is_known(const ForeignScanState *node);

/* ---- in fdw_aggregate_fold.c ------------------------------------------ */

/* Whether the lake's values can be folded as the server would do it. */
extern bool pfdw_aggregate_can_fold(PfdwAggregateOp op,
									const PfdwColumn *column, Oid collation);
extern void pfdw_aggregate_reset(PfdwAggregate *aggregate);
/* The selected rows of a batch; room is allocated in the current context. */
extern void pfdw_aggregate_fold(PfdwAggregate *aggregate,
								const PmnBatch *batch);
extern Datum pfdw_aggregate_result(const PfdwAggregate *aggregate,
								   bool *is_null);

#endif /* PFDW_AGGREGATE_H */
