/*
 * fdw_lock.h
 *
 * Rows that a query locks, between the scan that returns them and the node
 * that locks them.
 */
#ifndef PFDW_LOCK_H
#define PFDW_LOCK_H

#include "fdw_reader.h"

/* ---- in fdw_lock.c ---------------------------------------------------- */

/* The rows that one scan has returned; ends with the query. */
typedef struct PfdwRowLocks PfdwRowLocks;

extern PfdwRowLocks *pfdw_locks_create(EState *estate, Index rti,
									   PfdwReader *reader);
/* Keep a copy of a row; its ctid becomes the place of it. */
extern void pfdw_locks_note(PfdwRowLocks *locks, TupleTableSlot *slot);
/* The scan ends: nothing more is asked. */
extern void pfdw_locks_free(PfdwRowLocks *locks);

extern RowMarkType paimonGetForeignRowMarkType(RangeTblEntry *rte,
											   LockClauseStrength strength);
extern void paimonRefetchForeignRow(EState *estate, ExecRowMark *mark,
									Datum rowid, TupleTableSlot *slot,
									bool *updated);

#endif /* PFDW_LOCK_H */
