/*
 * worker_launcher.c
 *
 * With shared_preload_libraries, a process of its own sees that nothing is
 * left lying: when the server has started, it has a flush worker look into
 * each database, one after the other; from then on, each minute, into those
 * in which somebody has written to a lake table. A worker that finds nothing
 * ends by itself. Without the launcher the same happens when the next session
 * reads or writes such a table.
 *
 * Templates are left alone: a worker there would be in the way of CREATE
 * DATABASE.
 */
#include "worker_shared.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define ROUND_MS 60000
#define LOOK_MS 5000
#define POLL_MS 100
#define RESTART_SECONDS 5

void
pfdw_launcher_init(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = RESTART_SECONDS;
	strlcpy(worker.bgw_library_name, "paimon_fdw", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "paimon_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "paimon_fdw launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "paimon_fdw launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* Databases that take connections, in context. */
static List *
read_databases(MemoryContext context)
{
	List *databases = NIL;
	Relation relation;
	TableScanDesc scan;
	HeapTuple tuple;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;

		if (!database->datallowconn || database->datistemplate)
			continue;
		old = MemoryContextSwitchTo(context);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	PopActiveSnapshot();
	CommitTransactionCommand();
	return databases;
}

static bool
was_written_to(Oid database)
{
	PfdwShared *shared = pfdw_shared_get();
	bool found = false;

	LWLockAcquire(&shared->lock, LW_SHARED);
	for (int i = 0; i < PFDW_SHARED_DATABASES; i++)
		found |= shared->databases[i] == database;
	/* A list that is full does not say. */
	found |= OidIsValid(shared->databases[PFDW_SHARED_DATABASES - 1]);
	LWLockRelease(&shared->lock);
	return found;
}

static void
rest(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* Have a worker look into a database; one at a time, as far as they are quick. */
static void
look_into(Oid database)
{
	PfdwWorkerCall call = {database, InvalidOid};
	BackgroundWorkerHandle *handle = NULL;

	if (!pfdw_worker_register("paimon_flush_worker_main", "publisher", &call,
							  &handle))
		return;
	for (int waited = 0; waited < LOOK_MS; waited += POLL_MS)
	{
		pid_t pid;

		rest(POLL_MS);
		if (GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED)
			break;
	}
	pfree(handle);
}

void
paimon_launcher_main(Datum argument)
{
	MemoryContext context;
	bool is_first = true;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	context = AllocSetContextCreate(TopMemoryContext, "paimon launcher",
									ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		ListCell *cell;

		MemoryContextSwitchTo(context);
		foreach (cell, read_databases(context))
		{
			CHECK_FOR_INTERRUPTS();
			if (is_first || was_written_to(lfirst_oid(cell)))
				look_into(lfirst_oid(cell));
		}
		MemoryContextReset(context);
		is_first = false;
		rest(ROUND_MS);
	}
}
