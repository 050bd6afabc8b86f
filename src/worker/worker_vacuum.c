/*
 * worker_vacuum.c
 *
 * Giving back the room of moved rows. A delta heap lives from being emptied
 * all the time; autovacuum looks once a minute, which is sixty times too
 * late for it. After a move, a heap that has grown is vacuumed, the large ones
 * at once, but each only so often, the others when there is nothing
 * else to do.
 */
#include "worker_shared.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* In blocks. */
#define GROWN_BLOCKS 128
#define IDLE_BLOCKS 8
#define PAUSE_MS 2000

typedef struct Noted
{
	int32 lake_table;
	TimestampTz last; /* vacuumed */
} Noted;

static List *noted = NIL; /* Noted, in TopMemoryContext */
static TimestampTz last_outbox = 0;

void
pfdw_vacuum_note(int32 lake_table)
{
	MemoryContext old;
	Noted *added;
	ListCell *cell;

	foreach (cell, noted)
	{
		if (((Noted *) lfirst(cell))->lake_table == lake_table)
			return;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	added = palloc0(sizeof(*added));
	added->lake_table = lake_table;
	noted = lappend(noted, added);
	MemoryContextSwitchTo(old);
}

static BlockNumber
blocks_of(Oid relid)
{
	Relation relation;
	BlockNumber blocks;

	if (!OidIsValid(relid))
		return 0;
	relation = try_relation_open(relid, AccessShareLock);
	if (relation == NULL)
		return 0;
	blocks = RelationGetNumberOfBlocks(relation);
	if (OidIsValid(relation->rd_rel->reltoastrelid))
		blocks += blocks_of(relation->rd_rel->reltoastrelid);
	relation_close(relation, AccessShareLock);
	return blocks;
}

/* Cutting a file off waits up to five seconds for those who read it: not when
 * there are some. */
static bool
is_alone(Oid relid)
{
	if (!ConditionalLockRelationOid(relid, AccessExclusiveLock))
		return false;
	UnlockRelationOid(relid, AccessExclusiveLock);
	return true;
}

/* vacuum() ends the transaction that it is called in, and begins another. */
static void
vacuum_relation(Oid relid, bool may_truncate)
{
	VacuumParams params = {0};
	VacuumRelation *target = makeVacuumRelation(NULL, relid, NIL);

	params.options = VACOPT_VACUUM | VACOPT_SKIP_LOCKED | VACOPT_PROCESS_TOAST;
	params.freeze_min_age = -1;
	params.freeze_table_age = -1;
	params.multixact_freeze_min_age = -1;
	params.multixact_freeze_table_age = -1;
	params.log_min_duration = -1;
	params.index_cleanup = VACOPTVALUE_ENABLED;
	params.truncate = may_truncate ? VACOPTVALUE_ENABLED : VACOPTVALUE_DISABLED;
	params.nworkers = -1;
	vacuum(list_make1(target), &params, NULL, true);
}

typedef struct Request
{
	int32 lake_table; /* 0: the outbox */
	BlockNumber limit;
	bool is_idle;
	bool is_done;
} Request;

static void
vacuum_if_grown(Request *request)
{
	Oid relid;
	const PfdwLakeTable *lake_table;

	PushActiveSnapshot(GetTransactionSnapshot());
	if (request->lake_table == 0)
		relid =
			get_relname_relid("outbox", get_namespace_oid("paimon_int", false));
	else
	{
		lake_table = pfdw_lake_table_by_id(request->lake_table);
		relid = lake_table == NULL ? InvalidOid : lake_table->delta;
	}
	request->is_done = blocks_of(relid) > request->limit;
	PopActiveSnapshot();
	if (request->is_done)
		vacuum_relation(relid, request->is_idle && is_alone(relid));
}

/* Errors are logged: nothing depends on it. */
static bool
try_vacuum(int32 lake_table, bool is_idle)
{
	MemoryContext outer = CurrentMemoryContext;
	Request request = {lake_table, is_idle ? IDLE_BLOCKS : GROWN_BLOCKS,
					   is_idle, false};

	pfdw_worker_step(PFDW_STEP_VACUUM, lake_table, InvalidOid);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PortalContext =
		AllocSetContextCreate(outer, "paimon vacuum", ALLOCSET_DEFAULT_SIZES);
	PG_TRY();
	{
		MemoryContextSwitchTo(PortalContext);
		vacuum_if_grown(&request);
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(outer);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(PortalContext);
	PortalContext = NULL;
	pfdw_worker_step(PFDW_STEP_IDLE, 0, InvalidOid);
	return request.is_done;
}

void
pfdw_vacuum_noted(bool is_idle)
{
	TimestampTz now = GetCurrentTimestamp();
	ListCell *cell;

	if (noted == NIL)
		return;
	foreach (cell, noted)
	{
		Noted *item = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (!is_idle && !TimestampDifferenceExceeds(item->last, now, PAUSE_MS))
			continue;
		item->last = now;
		(void) try_vacuum(item->lake_table, is_idle);
	}
	if (is_idle || TimestampDifferenceExceeds(last_outbox, now, PAUSE_MS))
	{
		last_outbox = now;
		(void) try_vacuum(0, is_idle);
	}
	if (is_idle)
	{
		list_free_deep(noted);
		noted = NIL;
	}
}
