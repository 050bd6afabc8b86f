/*
 * fdw_scan_state.h
 *
 * What a running scan keeps; shared by the scan and its EXPLAIN.
 */
#ifndef PFDW_SCAN_STATE_H
#define PFDW_SCAN_STATE_H

#include "fdw_lock.h"
#include "fdw_reader.h"
#include "fdw_system.h"
#include "storage/dsm.h"
#include "utils/sortsupport.h"
#include "utils/tuplesort.h"

/* What a look at the delta's index says of the one row that is wanted. */
typedef enum PfdwAnswer
{
	PFDW_ANSWER_UNKNOWN, /* not looked yet */
	PFDW_ANSWER_ROW,	 /* the slot has it */
	PFDW_ANSWER_NONE,	 /* there is none, or it has been returned */
	PFDW_ANSWER_LAKE	 /* look there */
} PfdwAnswer;

typedef struct PfdwProbe PfdwProbe;

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
	bool must_merge;	  /* which the delta's rows do not follow */
	Tuplesortstate *sort; /* then, after the first row */
	TupleTableSlot *sorted;
	bool has_delta_row; /* must_merge: sorted has the next one */
	bool has_lake_row;	/* and lake has the lake's next one */
	TupleTableSlot *lake;
	SortSupport keys;
	bool has_param;			   /* the quals name parameters */
	bool is_target;			   /* the statement changes this relation */
	bool is_locked;			   /* FOR UPDATE and its kin */
	PfdwRowLocks *locks;	   /* rows returned, then; NULL: it does not */
	bool is_preset;			   /* the slot's other attributes are null */
	PfdwProbe *probe;		   /* the quals fix the key; else NULL */
	PfdwAnswer answer;		   /* then */
	struct PfdwShared *shared; /* with workers; else NULL */
	bool has_delta;			   /* this process returns the delta's rows */
	dsm_segment *segment;	   /* counters of all processes */
} PfdwScanState;

/* Open and plan; for EXPLAIN without values of parameters. */
extern void pfdw_scan_open(ForeignScanState *node, bool is_explain);

/* The next row as storage gives it. */
extern TupleTableSlot *pfdw_scan_next_row(ForeignScanState *node);

/* ---- in fdw_probe.c --------------------------------------------------- */

/* NULL: the quals do not fix all of these attributes. */
extern PfdwProbe *pfdw_probe_create(ForeignScanState *node,
									const AttrNumber *attnums, int count);
/* Whether the key comes from other rows of the query. */
extern bool pfdw_probe_has_run_time_key(const PfdwProbe *probe);
/* Look in the delta; a row comes into the node's scan slot. */
extern PfdwAnswer pfdw_probe_run(ForeignScanState *node);

/* ---- in fdw_scan_sort.c ----------------------------------------------- */

/* After planning: let the reader give the order, or set must_sort. */
extern void pfdw_scan_order(PfdwScanState *state);
/* The next row when must_sort. */
extern TupleTableSlot *pfdw_scan_sorted_next(ForeignScanState *node);
/* The next row when must_merge. */
extern TupleTableSlot *pfdw_scan_merged_next(ForeignScanState *node);
extern void pfdw_scan_sort_end(PfdwScanState *state);

/* ---- in fdw_scan_parallel.c ------------------------------------------- */

/* Read only the parts that this process gets, when others read too. */
extern void pfdw_scan_share(PfdwScanState *state);
/* What this process and its workers have asked of storage. */
extern void pfdw_scan_counters(const PfdwScanState *state, PmnCounters *out,
							   uint64 *delta_rows);

#endif /* PFDW_SCAN_STATE_H */
