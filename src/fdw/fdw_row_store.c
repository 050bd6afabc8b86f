/*
 * fdw_row_store.c
 *
 * Rows that a statement keeps until it writes them.
 *
 * They may have to be written inside another statement's subtransaction: one
 * that a trigger function's exception block has begun reads the table. When
 * it rolls back, what was written inside is gone, but the rows belong to the
 * statement outside, and are written again. So rows written inside are kept
 * until that subtransaction has become part of the statement's own.
 */
#include "fdw_writer.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* Rows from here on were written in a subtransaction. */
typedef struct Mark
{
	struct Mark *next;
	SubTransactionId subid;
	int64 at;
} Mark;

struct PfdwRowStore
{
	MemoryContext context;
	Tuplestorestate *rows;
	TupleTableSlot *slot;
	int64 count;
	int64 at;		/* rows that are written */
	bool must_seek; /* the store is elsewhere */
	Mark *marks;
};

PfdwRowStore *
pfdw_row_store_create(MemoryContext context, TupleDesc tupdesc)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	PfdwRowStore *store = palloc0(sizeof(*store));

	store->context = context;
	store->rows = tuplestore_begin_heap(false, false, work_mem);
	store->slot = MakeSingleTupleTableSlot(tupdesc, &TTSOpsMinimalTuple);
	MemoryContextSwitchTo(old);
	return store;
}

void
pfdw_row_store_free(PfdwRowStore *store)
{
	if (store == NULL)
		return;
	ExecDropSingleTupleTableSlot(store->slot);
	tuplestore_end(store->rows);
	pfree(store);
}

void
pfdw_row_store_put(PfdwRowStore *store, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(store->context);

	tuplestore_puttupleslot(store->rows, slot);
	store->count++;
	MemoryContextSwitchTo(old);
}

int64
pfdw_row_store_left(const PfdwRowStore *store)
{
	return store == NULL ? 0 : store->count - store->at;
}

void
pfdw_row_store_begin(PfdwRowStore *store, SubTransactionId owner)
{
	SubTransactionId current = GetCurrentSubTransactionId();
	Mark *mark;

	if (store == NULL || current == owner)
		return;
	for (mark = store->marks; mark != NULL; mark = mark->next)
	{
		if (mark->subid == current)
			return;
	}
	mark = MemoryContextAlloc(store->context, sizeof(*mark));
	mark->subid = current;
	mark->at = store->at;
	mark->next = store->marks;
	store->marks = mark;
}

TupleTableSlot *
pfdw_row_store_next(PfdwRowStore *store)
{
	MemoryContext old;
	bool found;

	if (pfdw_row_store_left(store) == 0)
		return NULL;
	if (store->must_seek)
	{
		tuplestore_rescan(store->rows);
		if (store->at > 0)
			(void) tuplestore_skiptuples(store->rows, store->at, true);
		store->must_seek = false;
	}
	/* A row that comes out of a file belongs to the slot. */
	old = MemoryContextSwitchTo(store->context);
	found = tuplestore_gettupleslot(store->rows, true, false, store->slot);
	MemoryContextSwitchTo(old);
	if (!found)
		return NULL;
	store->at++;
	return store->slot;
}

void
pfdw_row_store_again(PfdwRowStore *store, int64 left)
{
	store->at = store->count - left;
	store->must_seek = true;
}

void
pfdw_row_store_end(PfdwRowStore *store)
{
	if (store == NULL || store->marks != NULL)
		return;
	ExecClearTuple(store->slot);
	tuplestore_clear(store->rows);
	store->count = 0;
	store->at = 0;
	store->must_seek = false;
}

void
pfdw_row_store_subxact(PfdwRowStore *store, bool is_abort,
					   SubTransactionId subid, SubTransactionId parent,
					   SubTransactionId owner)
{
	Mark **link;

	if (store == NULL)
		return;
	for (link = &store->marks; *link != NULL;)
	{
		Mark *mark = *link;

		if (mark->subid == subid && is_abort)
		{
			store->at = Min(store->at, mark->at);
			store->must_seek = true;
		}
		else if (mark->subid == subid)
			mark->subid = parent;
		if (mark->subid == owner || (mark->subid == subid && is_abort))
			*link = mark->next;
		else
			link = &mark->next;
	}
}
