/*
 * worker_loop.c
 *
 * What all workers have in common: how one is started, what it is told, and
 * the locks by which two never do the same work. A worker ends when it was
 * idle for a moment, and when somebody waits for the database's sessions to
 * leave.
 *
 * Without a free slot (max_worker_processes) nothing happens: the next commit
 * tries again, and paimon.compact() does the same work in a session.
 */
#include "worker_shared.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

/* Kinds of advisory locks, apart from users' 1 and 2. */
#define WORKER_LOCK 0x7066
#define LAKE_LOCK 0x7067

const PfdwWorkerTasks *pfdw_worker_tasks = NULL;
int pfdw_compaction_workers = 1;

void
pfdw_worker_init(const PfdwWorkerTasks *tasks)
{
	pfdw_worker_tasks = tasks;
	DefineCustomIntVariable(
		"paimon_fdw.compaction_workers",
		"Number of processes that compact the lake tables of a database.",
		"0 leaves compaction to paimon.compact() and to other engines.",
		&pfdw_compaction_workers, 1, 0, 32, PGC_SIGHUP, 0, NULL, NULL, NULL);
}

static void
lock_tag(LOCKTAG *tag, Oid relid)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, relid, WORKER_LOCK);
}

bool
pfdw_worker_lock(Oid relid, bool wait)
{
	LOCKTAG tag;

	lock_tag(&tag, relid);
	return LockAcquire(&tag, ExclusiveLock, true, !wait) !=
		   LOCKACQUIRE_NOT_AVAIL;
}

static void
lake_lock_tag(LOCKTAG *tag, int32 lake_table)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, lake_table, LAKE_LOCK);
}

bool
pfdw_worker_lock_lake(int32 lake_table, bool wait)
{
	LOCKTAG tag;

	lake_lock_tag(&tag, lake_table);
	return LockAcquire(&tag, ExclusiveLock, true, !wait) !=
		   LOCKACQUIRE_NOT_AVAIL;
}

void
pfdw_worker_unlock_lake(int32 lake_table)
{
	LOCKTAG tag;

	lake_lock_tag(&tag, lake_table);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

/*
 * Who drops or renames the database, or copies it, holds a lock on it that
 * no new session gets past, and then waits a few seconds for the others to
 * leave.
 */
bool
pfdw_worker_is_unwanted(void)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	if (LockAcquire(&tag, RowExclusiveLock, true, true) ==
		LOCKACQUIRE_NOT_AVAIL)
		return true;
	(void) LockRelease(&tag, RowExclusiveLock, true);
	return false;
}

void
pfdw_worker_published(void)
{
	if (pfdw_compaction_workers > 0 && !RecoveryInProgress())
		(void) pfdw_worker_ensure(PFDW_WORKER_DATABASE, MyDatabaseId, 1);
}

bool
pfdw_worker_register(const char *function, const char *what,
					 const PfdwWorkerCall *call,
					 BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *started = NULL;
	bool done;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "paimon_fdw", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "paimon_fdw %s of %s %u", what,
			 OidIsValid(call->relid) ? "table" : "database",
			 OidIsValid(call->relid) ? call->relid : call->database);
	strlcpy(worker.bgw_type, "paimon_fdw worker", BGW_MAXLEN);
	StaticAssertStmt(sizeof(*call) <= BGW_EXTRALEN, "no room for the call");
	memcpy(worker.bgw_extra, call, sizeof(*call));
	worker.bgw_notify_pid = handle == NULL ? 0 : MyProcPid;
	done = RegisterDynamicBackgroundWorker(&worker, &started);
	if (handle != NULL)
		*handle = started;
	return done;
}

void
pfdw_worker_begin(PfdwWorkerCall *call)
{
	memcpy(call, MyBgworkerEntry->bgw_extra, sizeof(*call));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(call->database, InvalidOid, 0);
}
