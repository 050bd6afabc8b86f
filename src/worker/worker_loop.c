/*
 * worker_loop.c
 *
 * Starting and waking workers, with no memory shared and no setting needed. A
 * session that has published something sees by a lock whether its database has
 * a worker, and sets its latch; where there is none, it starts one. The worker
 * ends when it was idle for a moment, and when somebody waits for the
 * database's sessions to leave.
 *
 * Without a free slot (max_worker_processes) nothing happens: the next commit
 * tries again, and paimon.compact() does the same work in a session.
 */
#include "worker.h"

#include "../delta/delta_store.h"

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
/* A session that found no slot waits so long before it tries again. */
#define RETRY_MS 10000

const PfdwWorkerTasks *pfdw_worker_tasks = NULL;
int pfdw_compaction_workers = 1;

static void on_transaction(XactEvent event, void *arg);
static void wake_or_start(void);

void
pfdw_worker_init(const PfdwWorkerTasks *tasks)
{
	pfdw_worker_tasks = tasks;
	DefineCustomIntVariable(
		"paimon_fdw.compaction_workers",
		"Number of processes that compact the lake tables of a database.",
		"0 leaves compaction to paimon.compact() and to other engines.",
		&pfdw_compaction_workers, 1, 0, 32, PGC_SIGHUP, 0, NULL, NULL, NULL);
	RegisterXactCallback(on_transaction, NULL);
}

static void
lock_tag(LOCKTAG *tag, Oid relid)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, relid, WORKER_LOCK);
}

bool
pfdw_worker_lock(Oid relid)
{
	LOCKTAG tag;

	lock_tag(&tag, relid);
	return LockAcquire(&tag, ExclusiveLock, true, true) !=
		   LOCKACQUIRE_NOT_AVAIL;
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

/*
 * After the commit, when an error could not undo it any more: nothing here
 * raises one, short of running out of memory.
 */
static void
on_transaction(XactEvent event, void *arg)
{
	static bool has_published = false;

	if (event == XACT_EVENT_PRE_COMMIT)
		/* The youngest callback runs first: all is published by now. */
		has_published = pfdw_delta_has_published();
	else if (event == XACT_EVENT_COMMIT && has_published)
	{
		has_published = false;
		if (pfdw_compaction_workers > 0 && !RecoveryInProgress())
			wake_or_start();
	}
	else if (event == XACT_EVENT_ABORT)
		has_published = false;
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		pfdw_delta_notices_forget();
}

/* Whether the database has its worker: nobody else holds that lock long. */
static bool
has_worker(void)
{
	LOCKTAG tag;

	if (!pfdw_worker_lock(InvalidOid))
		return true;
	lock_tag(&tag, InvalidOid);
	(void) LockRelease(&tag, ExclusiveLock, true);
	return false;
}

/*
 * Set the latches of the database's background workers. That is one too many
 * when others are among them, which does them no harm; a lock has no way to
 * tell who holds it outside a transaction.
 */
static void
wake(void)
{
	for (uint32 i = 0; i < ProcGlobal->allProcCount; i++)
	{
		PGPROC *proc = &ProcGlobal->allProcs[i];

		if (proc->isBackgroundWorker && proc->databaseId == MyDatabaseId &&
			proc->pid != 0)
			SetLatch(&proc->procLatch);
	}
}

static void
wake_or_start(void)
{
	static TimestampTz next_try = 0;
	PfdwWorkerCall call = {MyDatabaseId, InvalidOid};
	TimestampTz now;

	if (has_worker())
	{
		wake();
		return;
	}
	now = GetCurrentTimestamp();
	if (now < next_try)
		return;
	if (!pfdw_worker_register("paimon_database_worker_main", &call, NULL))
		next_try = TimestampTzPlusMilliseconds(now, RETRY_MS);
}

bool
pfdw_worker_register(const char *function, const PfdwWorkerCall *call,
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
	if (OidIsValid(call->relid))
		snprintf(worker.bgw_name, BGW_MAXLEN,
				 "paimon_fdw compaction of table %u", call->relid);
	else
		snprintf(worker.bgw_name, BGW_MAXLEN,
				 "paimon_fdw worker of database "
				 "%u",
				 call->database);
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
