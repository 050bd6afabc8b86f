/*
 * fdw_conflict.h
 *
 * INSERT ... ON CONFLICT.
 */
#ifndef PFDW_CONFLICT_H
#define PFDW_CONFLICT_H

#include "fdw_modify.h"

/* ---- in fdw_conflict_plan.c ------------------------------------------- */

extern void pfdw_conflict_init(void); /* from _PG_init: a planner hook */
/* The private data of an INSERT with the clause; NIL: it has none, or there
 * can be no conflict. */
extern List *pfdw_conflict_plan(PlannerInfo *root, Oid relid,
								const PmnSchema *schema);

/* Members of the private data. */
enum
{
	PFDW_CONFLICT_ACTION,  /* an OnConflictAction as an integer node */
	PFDW_CONFLICT_COLUMNS, /* integers: attributes that SET names */
	PFDW_CONFLICT_VALUES,  /* target entries, in the same order */
	PFDW_CONFLICT_WHERE	   /* conditions, implicitly ANDed */
};

/* ---- in fdw_conflict.c ------------------------------------------------ */

typedef struct PfdwConflict PfdwConflict;
extern PfdwConflict *pfdw_conflict_begin(ModifyTableState *mtstate,
										 ResultRelInfo *rinfo, List *private);
/*
 * pfdw_conflict_insert -- insert a row, or do what the clause says with the
 * one that has its key. change has the row as new; it becomes the row
 * written. false: there is none.
 */
extern bool pfdw_conflict_insert(PfdwConflict *conflict, PfdwRowChange *change);

#endif /* PFDW_CONFLICT_H */
