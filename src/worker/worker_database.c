/*
 * worker_database.c
 *
 * The worker of a database: finds lake tables that may have something to
 * compact, and has a worker for each, as many at once as the setting allows.
 * It holds no transaction while it waits, looks only when a session woke it
 * or a task ended, and ends after a short time without either.
 *
 * After a table's compaction comes a pause as long as it took, so that
 * compaction, even one that fails each time, leaves room for other work.
 */
#include "worker_shared.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Without work for so long, the worker ends. Together with the next one, much
 * shorter than what DROP DATABASE waits for others to leave (5 s). */
#define IDLE_MS 500
/* Between two looks at all tables. */
#define ROUND_MS 200
/* A table's compaction takes half of the time at most. */
#define PAUSE_MIN_MS 1000

typedef struct TableState
{
	Oid relid;
	int64 seen;
	bool is_due;
	BackgroundWorkerHandle *task; /* NULL: none runs */
	TimestampTz started;
	TimestampTz not_before;
	bool is_there; /* in the latest list of tables */
} TableState;

static List *tables = NIL; /* TableState, in TopMemoryContext */

static void read_tables(void);
static void look_at_tables(void);
static int reap_tasks(void);
static void end_tasks(void);
static void start_tasks(int running);
static bool has_work(void);
static bool look(Oid relid, void *context);

void
paimon_database_worker_main(Datum argument)
{
	PfdwWorkerCall call;
	bool is_idle = false;

	pfdw_worker_begin(&call);
	/* The one before may not be quite gone. */
	if (!pfdw_worker_enter(PFDW_WORKER_DATABASE, 1) ||
		!pfdw_worker_lock(InvalidOid, true))
		return;
	for (;;)
	{
		int events;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (pfdw_worker_is_unwanted())
		{
			end_tasks();
			return;
		}
		pfdw_worker_listen();
		read_tables();
		look_at_tables();
		start_tasks(reap_tasks());
		if (is_idle && !has_work() && pfdw_worker_leave())
			return;
		(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ROUND_MS,
						 PG_WAIT_EXTENSION);
		/* Commits and the end of a task set the latch. */
		events =
			WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					  IDLE_MS, PG_WAIT_EXTENSION);
		is_idle = (events & WL_LATCH_SET) == 0;
		ResetLatch(MyLatch);
	}
}

/* ---- which tables there are ------------------------------------------- */

static void
note_table(Oid relid)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	TableState *state = NULL;
	ListCell *cell;

	foreach (cell, tables)
	{
		state = lfirst(cell);
		if (state->relid == relid)
			break;
	}
	if (cell == NULL)
	{
		state = palloc0(sizeof(*state));
		state->relid = relid;
		tables = lappend(tables, state);
	}
	state->is_there = true;
	MemoryContextSwitchTo(old);
}

static void
read_tables(void)
{
	ListCell *cell;

	foreach (cell, tables)
		((TableState *) lfirst(cell))->is_there = false;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_connect() != SPI_OK_CONNECT ||
		SPI_execute("SELECT f.ftrelid FROM pg_catalog.pg_foreign_table f"
					" JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver"
					" JOIN pg_catalog.pg_foreign_data_wrapper w"
					" ON w.oid = s.srvfdw JOIN pg_catalog.pg_proc p"
					" ON p.oid = w.fdwhandler"
					" WHERE p.prosrc = 'paimon_fdw_handler'",
					true, 0) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not list the lake tables")));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool is_null;

		note_table(DatumGetObjectId(SPI_getbinval(
			SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null)));
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* ---- which of them are due -------------------------------------------- */

static bool
look(Oid relid, void *context)
{
	TableState *state = context;

	return pfdw_worker_tasks->compact_is_due(relid, &state->seen);
}

static void
look_at_tables(void)
{
	ListCell *cell;

	foreach (cell, tables)
	{
		TableState *state = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (pfdw_worker_is_unwanted())
			return;
		if (state->is_there && !state->is_due)
			state->is_due = pfdw_worker_run(state->relid, look, state);
	}
}

/* ---- their tasks ------------------------------------------------------ */

static void
task_ended(TableState *state)
{
	TimestampTz now = GetCurrentTimestamp();
	long took_ms = TimestampDifferenceMilliseconds(state->started, now);

	pfree(state->task);
	state->task = NULL;
	state->not_before =
		TimestampTzPlusMilliseconds(now, Max(took_ms, PAUSE_MIN_MS));
}

/* Forget the tasks that ended; the number of those that run. */
static int
reap_tasks(void)
{
	ListCell *cell;
	int running = 0;

	foreach (cell, tables)
	{
		TableState *state = lfirst(cell);
		pid_t pid;

		if (state->task == NULL)
			continue;
		if (GetBackgroundWorkerPid(state->task, &pid) == BGWH_STOPPED)
			task_ended(state);
		else
			running++;
	}
	return running;
}

/* Tell the tasks that run to end; what they have not published is dropped. */
static void
end_tasks(void)
{
	ListCell *cell;

	foreach (cell, tables)
	{
		TableState *state = lfirst(cell);

		if (state->task != NULL)
			TerminateBackgroundWorker(state->task);
	}
}

/* Whether a task runs, or waits for its time. */
static bool
has_work(void)
{
	ListCell *cell;
	bool found = false;

	foreach (cell, tables)
	{
		const TableState *state = lfirst(cell);

		found |= state->task != NULL || (state->is_there && state->is_due);
	}
	return found;
}

static void
start_tasks(int running)
{
	ListCell *cell;
	TimestampTz now = GetCurrentTimestamp();

	foreach (cell, tables)
	{
		TableState *state = lfirst(cell);
		PfdwWorkerCall call = {MyDatabaseId, state->relid};
		MemoryContext old;

		if (!state->is_there || !state->is_due || state->task != NULL ||
			now < state->not_before || running >= pfdw_compaction_workers)
			continue;
		old = MemoryContextSwitchTo(TopMemoryContext);
		state->is_due = false;
		if (pfdw_worker_register("paimon_compact_worker_main", "compaction",
								 &call, &state->task))
		{
			state->started = now;
			running++;
		}
		else
		{
			state->task = NULL;
			state->is_due = true;
		}
		MemoryContextSwitchTo(old);
	}
}
