/*
 * fdw_modify.h
 *
 * A row that UPDATE or DELETE changes.
 */
#ifndef PFDW_MODIFY_H
#define PFDW_MODIFY_H

#include "fdw_writer.h"

typedef struct PfdwRowChange
{
	PfdwWriter *writer;
	ModifyTableState *mtstate;
	EState *estate;
	ResultRelInfo *rinfo;
	TupleTableSlot *old; /* as the scan read it; then as it was */
	TupleTableSlot *new; /* NULL: DELETE */
} PfdwRowChange;

/* ---- in fdw_modify.c -------------------------------------------------- */

/* Constraints on the new row. */
extern void pfdw_modify_check(PfdwRowChange *change);

/* ---- in fdw_row.c ----------------------------------------------------- */

/*
 * pfdw_row_change -- write the new row, or that the row is gone when there is
 * none or its key differs. When others have changed the row meanwhile, old
 * and new become what the statement makes of it now. false: nothing is to be
 * done.
 */
extern bool pfdw_row_change(PfdwRowChange *change);

#endif /* PFDW_MODIFY_H */
