/*
 * worker_flush.c
 *
 * The worker that publishes. It takes one table of its database after the
 * other: those that somebody waits for first, then those whose rows are old
 * enough. A round moves committed rows to files, gives the outbox's messages
 * their identifiers, and makes snapshots of them; each step is a transaction,
 * and can be done again after a crash at any point. After an error the table
 * has to wait, from one second to five minutes; the next request tries anew.
 *
 * A worker stays for half a second without work, as starting one takes longer
 * than a round. When it starts, and before it ends, it looks for rows that
 * nobody has told of: a crash, or COMMIT PREPARED, may have left some.
 */
#include "worker_shared.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define IDLE_MS 500
/* Between two looks for rows that nobody has told of. */
#define LOOK_MS 5000
/* A bulk writer is at the table: try again soon. */
#define BUSY_MS 50
#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS (5 * 60 * 1000)

typedef enum Outcome
{
	OUTCOME_DONE,
	OUTCOME_FAILED,
	OUTCOME_BUSY
} Outcome;

typedef struct Round
{
	int32 lake_table;
	uint64 number; /* of the newest request that it serves */
	TimestampTz dirty_since;
	uint64 bytes;
	int64 moved; /* -1: a bulk writer is at the table */
	bool is_sealed;
	PfdwFlushResult failure;
} Round;

/* ---- which table is next ---------------------------------------------- */

static TimestampTz
due_time(const PfdwSharedTable *table)
{
	TimestampTz due;

	if (table->wanted > table->served)
		return table->hold_until;
	due = TimestampTzPlusMilliseconds(table->dirty_since, pfdw_flush_interval);
	if (table->is_urgent || table->bytes >= (uint64) pfdw_flush_size * 1024)
		due = table->dirty_since;
	due = Max(due, table->not_before);
	return Max(due, table->hold_until);
}

/* Whether a goes before b. */
static bool
goes_first(const PfdwSharedTable *a, const PfdwSharedTable *b)
{
	bool a_wanted = a->wanted > a->served;
	bool b_wanted = b->wanted > b->served;

	if (a_wanted != b_wanted)
		return a_wanted;
	return a_wanted ? a->wanted < b->wanted : due_time(a) < due_time(b);
}

/* Begin a round; false: none is due for *wait_ms. is_last: whatever there is. */
static bool
round_begin(Round *round, bool is_last, long *wait_ms)
{
	PfdwShared *shared = pfdw_shared_get();
	TimestampTz now = GetCurrentTimestamp();
	PfdwSharedTable *next = NULL;

	*wait_ms = IDLE_MS;
	memset(round, 0, sizeof(*round));
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < PFDW_SHARED_TABLES; i++)
	{
		PfdwSharedTable *table = &shared->tables[i];

		if (table->database != MyDatabaseId || table->busy != 0 ||
			(table->wanted <= table->served && table->dirty_since == 0))
			continue;
		if (!is_last && due_time(table) > now)
			*wait_ms =
				Min(*wait_ms,
					TimestampDifferenceMilliseconds(now, due_time(table)));
		else if (next == NULL || goes_first(table, next))
			next = table;
	}
	if (next != NULL)
	{
		round->lake_table = next->lake_table;
		round->number = next->wanted;
		round->dirty_since = next->dirty_since;
		round->bytes = next->bytes;
		next->busy = MyProcPid;
		next->dirty_since = 0;
		next->bytes = 0;
		next->is_urgent = false;
	}
	LWLockRelease(&shared->lock);
	return next != NULL;
}

static void
note_failure(PfdwSharedTable *table, const Round *round)
{
	int64 pause = BACKOFF_MIN_MS;

	for (int i = 0; i < table->failures && pause < BACKOFF_MAX_MS; i++)
		pause *= 2;
	table->failures++;
	table->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													Min(pause, BACKOFF_MAX_MS));
	table->sqlstate = round->failure.sqlstate;
	strlcpy(table->message, round->failure.message, sizeof(table->message));
}

static void
round_end(const Round *round, Outcome outcome)
{
	PfdwShared *shared = pfdw_shared_get();
	TimestampTz now = GetCurrentTimestamp();
	PfdwSharedTable *table;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	table = pfdw_shared_table(round->lake_table);
	if (table != NULL)
	{
		table->busy = 0;
		table->used = now;
		table->hold_until = 0;
		if (outcome == OUTCOME_BUSY)
			table->hold_until = TimestampTzPlusMilliseconds(now, BUSY_MS);
		else
			table->served = Max(table->served, round->number);
		if (outcome == OUTCOME_DONE)
		{
			table->succeeded = table->served;
			table->failures = 0;
			table->not_before = 0;
		}
		else
		{
			table->dirty_since =
				round->dirty_since != 0 ? round->dirty_since : now;
			table->bytes += round->bytes;
		}
		if (outcome == OUTCOME_FAILED)
			note_failure(table, round);
	}
	LWLockRelease(&shared->lock);
	ConditionVariableBroadcast(&shared->served);
}

/* ---- a round ---------------------------------------------------------- */

static void
show(const char *what, const PfdwLakeTable *lake_table)
{
	pgstat_report_activity(
		STATE_RUNNING,
		psprintf("%s lake table %s", what,
				 quote_qualified_identifier(
					 pfdw_name_from_lake(lake_table->ref.database),
					 pfdw_name_from_lake(lake_table->ref.table))));
}

static bool
move(const PfdwLakeTable *lake_table, void *context)
{
	Round *round = context;

	show("moving rows of", lake_table);
	pfdw_worker_step(PFDW_STEP_MOVE, lake_table->id, lake_table->relid);
	round->moved = pfdw_worker_move(lake_table, false);
	return true;
}

static bool
seal(const PfdwLakeTable *lake_table, void *context)
{
	Round *round = context;

	show("publishing rows of", lake_table);
	pfdw_worker_step(PFDW_STEP_PUBLISH, lake_table->id, lake_table->relid);
	round->is_sealed = pfdw_publish_seal(lake_table->id);
	return true;
}

static bool
publish(const PfdwLakeTable *lake_table, void *context)
{
	(void) pfdw_publish_sealed(lake_table->id);
	return true;
}

static Outcome
run_steps(Round *round)
{
	int32 id = round->lake_table;
	bool is_moved = pfdw_worker_run_lake(id, move, round, &round->failure);

	/* What can't be moved does not hold up what can be published. An earlier
	 * try may have left sealed rows, which come first. */
	for (;;)
	{
		round->is_sealed = false;
		if (!pfdw_worker_run_lake(id, seal, round, &round->failure))
			return OUTCOME_FAILED;
		if (!round->is_sealed)
			break;
		if (!pfdw_worker_run_lake(id, publish, round, &round->failure))
			return OUTCOME_FAILED;
		pfdw_worker_published();
	}
	if (!is_moved)
		return OUTCOME_FAILED;
	return round->moved < 0 ? OUTCOME_BUSY : OUTCOME_DONE;
}

static void
run_round(Round *round)
{
	Outcome outcome = OUTCOME_BUSY;

	if (pfdw_worker_lock_lake(round->lake_table, false))
	{
		outcome = run_steps(round);
		pfdw_worker_unlock_lake(round->lake_table);
	}
	round_end(round, outcome);
	if (outcome == OUTCOME_DONE && round->moved > 0)
		pfdw_vacuum_note(round->lake_table);
	pfdw_worker_step(PFDW_STEP_IDLE, 0, InvalidOid);
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* ---- rows that nobody has told of ------------------------------------- */

static bool
has_rows(Oid delta)
{
	char *name = get_namespace_name(get_rel_namespace(delta));
	char *query;

	if (!OidIsValid(delta) || name == NULL)
		return false;
	query = psprintf("SELECT FROM %s LIMIT 1",
					 quote_qualified_identifier(name, get_rel_name(delta)));
	return SPI_execute(query, true, 1) == SPI_OK_SELECT && SPI_processed > 0;
}

static void
mark_found(void)
{
	SPITupleTable *found;
	uint64 count;

	if (SPI_execute("SELECT l.id, l.delta, EXISTS (SELECT FROM"
					" paimon_int.outbox o WHERE o.lake_table"
					" OPERATOR(pg_catalog.=) l.id)"
					" FROM paimon_int.lake_table l",
					true, 0) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not list the lake tables")));
	count = SPI_processed;
	found = SPI_tuptable;
	if (count > 0)
		pfdw_shared_note_database();
	for (uint64 i = 0; i < count; i++)
	{
		HeapTuple tuple = found->vals[i];
		bool null;
		int32 id =
			DatumGetInt32(SPI_getbinval(tuple, found->tupdesc, 1, &null));
		Oid delta =
			DatumGetObjectId(SPI_getbinval(tuple, found->tupdesc, 2, &null));

		if (DatumGetBool(SPI_getbinval(tuple, found->tupdesc, 3, &null)) ||
			has_rows(delta))
			pfdw_flush_mark(id);
	}
}

/* Unless it was done not long ago. */
static void
look_for_rows(int pause_ms)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();
	Oid schema;

	if (!TimestampDifferenceExceeds(last, now, pause_ms))
		return;
	last = now;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	schema = get_namespace_oid("paimon_int", true);
	if (OidIsValid(schema) && OidIsValid(get_relname_relid("outbox", schema)) &&
		SPI_connect() == SPI_OK_CONNECT)
	{
		mark_found();
		SPI_finish();
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* ---- the worker ------------------------------------------------------- */

static bool
has_no_work(void)
{
	PfdwShared *shared = pfdw_shared_get();
	bool result;

	LWLockAcquire(&shared->lock, LW_SHARED);
	result = !pfdw_shared_has_work();
	LWLockRelease(&shared->lock);
	return result;
}

/* Somebody drops the database: publish what is there, and go. */
static void
leave_at_once(void)
{
	Round round;
	long wait_ms;

	look_for_rows(0);
	while (round_begin(&round, true, &wait_ms))
	{
		run_round(&round);
		/* One attempt: a mark that is left would be looked at again. */
		pfdw_flush_unmark(round.lake_table);
	}
}

void
paimon_flush_worker_main(Datum argument)
{
	PfdwWorkerCall call;
	Round round;
	bool is_idle = false;

	pfdw_worker_begin(&call);
	if (!pfdw_worker_enter(PFDW_WORKER_FLUSH, pfdw_flush_workers))
		return;
	look_for_rows(0);
	for (;;)
	{
		long wait_ms;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (pfdw_worker_is_unwanted())
		{
			leave_at_once();
			return;
		}
		ResetLatch(MyLatch);
		pfdw_worker_listen();
		look_for_rows(LOOK_MS);
		if (round_begin(&round, false, &wait_ms))
		{
			is_idle = false;
			run_round(&round);
			continue;
		}
		pfdw_vacuum_noted(is_idle);
		if (is_idle && has_no_work())
		{
			look_for_rows(0);
			if (pfdw_worker_leave())
				return;
		}
		is_idle =
			(WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					   wait_ms, PG_WAIT_EXTENSION) &
			 WL_LATCH_SET) == 0 &&
			wait_ms >= IDLE_MS;
	}
}
