/*
 * fdw_scan_state.h
 *
 * What a running scan keeps; shared by the scan and its EXPLAIN.
 */
#ifndef PFDW_SCAN_STATE_H
#define PFDW_SCAN_STATE_H

#include "fdw_reader.h"
#include "fdw_system.h"
#include "storage/dsm.h"
#include "utils/tuplesort.h"

typedef struct PfdwScanState
{
	PfdwReader *reader;		/* NULL for a system table of metadata */
	PfdwSystemScan *system; /* NULL for any other */
	Index rti;				/* of the relation */
	Bitmapset *attnums;		/* attributes that the plan needs */
	bool needs_all;			/* a whole-row reference */
	List *quals;			/* the relation's conditions */
	struct PfdwAggregateState *aggregate; /* NULL: rows are what it gives */
	List *order;		  /* attributes whose order the plan counts on */
	bool must_sort;		  /* which storage can't give */
	Tuplesortstate *sort; /* then, after the first row */
	TupleTableSlot *sorted;
	bool has_param;			   /* the quals name parameters */
	bool is_target;			   /* the statement changes this relation */
	bool is_locked;			   /* FOR UPDATE and its kin */
	bool is_preset;			   /* the slot's other attributes are null */
	struct PfdwShared *shared; /* with workers; else NULL */
	bool has_delta;			   /* this process returns the delta's rows */
	dsm_segment *segment;	   /* counters of all processes */
} PfdwScanState;

/* Open and plan; for EXPLAIN without values of parameters. */
extern void pfdw_scan_open(ForeignScanState *node, bool is_explain);

/* The next row as storage gives it. */
extern TupleTableSlot *pfdw_scan_next_row(ForeignScanState *node);

/* ---- in fdw_scan_sort.c ----------------------------------------------- */

/* After planning: let the reader give the order, or set must_sort. */
extern void pfdw_scan_order(PfdwScanState *state);
/* The next row when must_sort. */
extern TupleTableSlot *pfdw_scan_sorted_next(ForeignScanState *node);
extern void pfdw_scan_sort_end(PfdwScanState *state);

/* ---- in fdw_scan_parallel.c ------------------------------------------- */

/* Read only the parts that this process gets, when others read too. */
extern void pfdw_scan_share(PfdwScanState *state);
/* What this process and its workers have asked of storage. */
extern void pfdw_scan_counters(const PfdwScanState *state, PmnCounters *out,
							   uint64 *delta_rows);

#endif /* PFDW_SCAN_STATE_H */
