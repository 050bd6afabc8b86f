/*
 * delta_notice.c
 *
 * Which lake tables a transaction leaves rows of behind, that workers must
 * bring to the lake: those it wrote to, and those of which it saw such rows,
 * written by whomever. Workers ask when the transaction has committed.
 *
 * What a savepoint's rollback took back stays noted: a look too many does no
 * harm. The list is of the transaction's memory and is dropped with it.
 */
#include "delta_store.h"

#include "utils/memutils.h"

static List *notices = NIL; /* PfdwNotice, in TopTransactionContext */

static PfdwNotice *
notice_of(int32 lake_table)
{
	MemoryContext old;
	PfdwNotice *added;
	ListCell *cell;

	foreach (cell, notices)
	{
		PfdwNotice *notice = lfirst(cell);

		if (notice->lake_table == lake_table)
			return notice;
	}
	old = MemoryContextSwitchTo(TopTransactionContext);
	added = palloc0(sizeof(*added));
	added->lake_table = lake_table;
	notices = lappend(notices, added);
	MemoryContextSwitchTo(old);
	return added;
}

void
pfdw_delta_wrote(int32 lake_table, Size bytes)
{
	PfdwNotice *notice = notice_of(lake_table);

	notice->wrote = true;
	notice->bytes += bytes;
}

void
pfdw_delta_seen(int32 lake_table)
{
	(void) notice_of(lake_table);
}

List *
pfdw_delta_notices(void)
{
	return notices;
}

void
pfdw_delta_notices_forget(void)
{
	notices = NIL;
}
