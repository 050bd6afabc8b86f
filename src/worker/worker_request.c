/*
 * worker_request.c
 *
 * What sessions want of the flush workers. A transaction that has left
 * unpublished rows marks their tables when it has committed, and sees to it
 * that a worker is there. paimon.flush() and synchronous_publish ask for a
 * round that begins after their request, and wait for its end.
 *
 * A session that commits waits when its locks are gone, or it would wait for
 * a worker that waits for it: the transaction may have made the very table.
 * The commit is a fact by then. No error can be raised there, so all that
 * goes wrong is a warning, a cancel included.
 */
#include "worker_shared.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

/* How long to look for a free place among the server's workers. */
#define START_MS 10000
/* Between two looks while waiting; the end of a round wakes at once. */
#define POLL_MS 100
/* How often a session tells of rows that it only saw. */
#define SEEN_MS 1000

int pfdw_flush_interval = 1000; /* ms */
int pfdw_flush_size = 16384;	/* kB */
int pfdw_flush_workers = 2;
bool pfdw_synchronous_publish = false;

static bool must_wait = false; /* this transaction, after its commit */

static bool may_have_workers(void);
static void on_transaction(XactEvent event, void *arg);
static void on_release(ResourceReleasePhase phase, bool is_commit,
					   bool is_top_level, void *arg);

void
pfdw_request_init(void)
{
	DefineCustomIntVariable(
		"paimon_fdw.flush_interval",
		"Time after which committed rows are published in the lake.", NULL,
		&pfdw_flush_interval, 1000, 0, 24 * 60 * 60 * 1000, PGC_SIGHUP,
		GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"paimon_fdw.flush_size",
		"Size of a table's committed rows at which they are published before "
		"flush_interval is over.",
		NULL, &pfdw_flush_size, 16384, 64, MAX_KILOBYTES, PGC_SIGHUP,
		GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"paimon_fdw.flush_workers",
		"Number of processes that publish rows of a database in the lake.",
		NULL, &pfdw_flush_workers, 2, 1, 16, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable(
		"paimon_fdw.synchronous_publish",
		"Lets COMMIT return when the lake holds the transaction's rows.",
		"A cancel ends the wait, not the transaction.",
		&pfdw_synchronous_publish, false, PGC_USERSET, 0, NULL, NULL, NULL);
	RegisterXactCallback(on_transaction, NULL);
	RegisterResourceReleaseCallback(on_release, NULL);
}

/* ---- marks ------------------------------------------------------------ */

static bool
mark(PfdwSharedTable *table, const PfdwNotice *notice, TimestampTz now)
{
	bool is_new = table->dirty_since == 0;
	uint64 limit = (uint64) pfdw_flush_size * 1024;
	bool is_full;

	if (is_new)
		table->dirty_since = now;
	is_full = table->bytes < limit && table->bytes + notice->bytes >= limit;
	table->bytes += notice->bytes;
	table->used = now;
	return is_new || is_full;
}

/* After the commit; raises no error. */
static void
mark_tables(List *notices)
{
	PfdwShared *shared = pfdw_shared_get();
	TimestampTz now = GetCurrentTimestamp();
	bool is_news = false;
	ListCell *cell;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	foreach (cell, notices)
	{
		PfdwNotice *notice = lfirst(cell);
		PfdwSharedTable *table = pfdw_shared_table(notice->lake_table);

		/* What was only seen is a worker's already, if there is a mark. */
		if (table != NULL &&
			(notice->wrote || (table->dirty_since == 0 && table->busy == 0)))
			is_news |= mark(table, notice, now);
	}
	LWLockRelease(&shared->lock);
	if (is_news)
		(void) pfdw_worker_ensure(PFDW_WORKER_FLUSH, MyDatabaseId, 1);
}

void
pfdw_flush_mark(int32 lake_table)
{
	PfdwShared *shared = pfdw_shared_get();
	PfdwSharedTable *table;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	table = pfdw_shared_table(lake_table);
	if (table != NULL && table->dirty_since == 0 && table->busy == 0)
	{
		table->dirty_since = GetCurrentTimestamp();
		table->is_urgent = true;
	}
	LWLockRelease(&shared->lock);
}

void
pfdw_flush_unmark(int32 lake_table)
{
	PfdwShared *shared = pfdw_shared_get();
	PfdwSharedTable *table;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	table = pfdw_shared_table(lake_table);
	if (table != NULL)
	{
		table->dirty_since = 0;
		table->served = table->wanted;
	}
	LWLockRelease(&shared->lock);
	ConditionVariableBroadcast(&shared->served);
}

/* ---- requests --------------------------------------------------------- */

/* Number of a request for a round; 0: no room for it now. */
static uint64
request(int32 lake_table)
{
	PfdwShared *shared = pfdw_shared_get();
	PfdwSharedTable *table;
	uint64 number = 0;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	table = pfdw_shared_table(lake_table);
	if (table != NULL)
	{
		number = ++shared->requests;
		table->wanted = number;
		table->used = GetCurrentTimestamp();
	}
	LWLockRelease(&shared->lock);
	return number;
}

typedef enum Answer
{
	ANSWER_NONE,
	ANSWER_DONE,
	ANSWER_FAILED,
	ANSWER_LOST /* ask again */
} Answer;

/* *worker: who is at the table, or 0. */
static Answer
look_at(int32 lake_table, uint64 number, PfdwFlushResult *result, int *worker)
{
	PfdwShared *shared = pfdw_shared_get();
	const PfdwSharedTable *table = NULL;
	Answer answer = ANSWER_LOST;

	LWLockAcquire(&shared->lock, LW_SHARED);
	for (int i = 0; i < PFDW_SHARED_TABLES; i++)
	{
		if (shared->tables[i].database == MyDatabaseId &&
			shared->tables[i].lake_table == lake_table)
			table = &shared->tables[i];
	}
	*worker = table == NULL ? 0 : table->busy;
	if (number != 0 && table != NULL && table->wanted >= number)
	{
		if (table->succeeded >= number)
			answer = ANSWER_DONE;
		else if (table->served < number)
			answer = ANSWER_NONE;
		else
		{
			answer = ANSWER_FAILED;
			result->sqlstate = table->sqlstate;
			strlcpy(result->message, table->message, sizeof(result->message));
		}
	}
	LWLockRelease(&shared->lock);
	return answer;
}

/* A worker that waits for a lock of ours would wait for ever. */
static bool
is_blocked_by_me(int worker)
{
	ArrayType *blockers;
	bool found = false;

	if (worker == 0)
		return false;
	blockers = DatumGetArrayTypeP(
		DirectFunctionCall1(pg_blocking_pids, Int32GetDatum(worker)));
	for (int i = 0; i < ArrayGetNItems(ARR_NDIM(blockers), ARR_DIMS(blockers));
		 i++)
		found |= ((int32 *) ARR_DATA_PTR(blockers))[i] == MyProcPid;
	return found;
}

/* See to a worker; false: there has been none for too long. */
static bool
ensure_worker(int worker, TimestampTz *missing_since)
{
	TimestampTz now = GetCurrentTimestamp();

	/* Who is at the table will do it next; another one would be idle. */
	if (worker != 0 ||
		pfdw_worker_ensure(PFDW_WORKER_FLUSH, MyDatabaseId, pfdw_flush_workers))
		*missing_since = now;
	return !TimestampDifferenceExceeds(*missing_since, now, START_MS);
}

/*
 * Until a round ends, or for a moment. After a commit the end of the server
 * must not end the process here, which would abort what has committed: it
 * becomes a wish to end.
 */
static void
doze(ConditionVariable *served, bool is_committed)
{
	int events;

	if (!is_committed)
	{
		(void) ConditionVariableTimedSleep(served, POLL_MS, PG_WAIT_EXTENSION);
		return;
	}
	events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_POSTMASTER_DEATH,
					   POLL_MS, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	if ((events & WL_POSTMASTER_DEATH) != 0)
	{
		ProcDiePending = true;
		InterruptPending = true;
		whereToSendOutput = DestNone;
	}
	/* Who was woken is no longer among those who wait. */
	ConditionVariablePrepareToSleep(served);
}

PfdwFlushEnd
pfdw_flush_wait(int32 lake_table, bool is_committed, PfdwFlushResult *result)
{
	PfdwShared *shared = pfdw_shared_get();
	TimestampTz missing_since = GetCurrentTimestamp();
	uint64 number = request(lake_table);
	PfdwFlushEnd end = PFDW_FLUSH_WAITING;

	ConditionVariablePrepareToSleep(&shared->served);
	for (int turn = 1; end == PFDW_FLUSH_WAITING; turn++)
	{
		int worker;
		Answer answer = look_at(lake_table, number, result, &worker);

		if (answer == ANSWER_LOST)
			number = request(lake_table);
		if (answer == ANSWER_DONE)
			end = PFDW_FLUSH_DONE;
		else if (answer == ANSWER_FAILED)
			end = PFDW_FLUSH_FAILED;
		else if (!ensure_worker(worker, &missing_since))
			end = PFDW_FLUSH_NO_WORKER;
		else if (is_committed && (QueryCancelPending || ProcDiePending))
			end = PFDW_FLUSH_CANCELLED;
		else if (!is_committed && turn % 10 == 0 && is_blocked_by_me(worker))
			end = PFDW_FLUSH_BLOCKED;
		else
			doze(&shared->served, is_committed);
	}
	ConditionVariableCancelSleep();
	return end;
}

void
pfdw_worker_look(void)
{
	if (may_have_workers())
		(void) pfdw_worker_ensure(PFDW_WORKER_FLUSH, MyDatabaseId, 1);
}

/* ---- at the end of a transaction -------------------------------------- */

static bool
may_have_workers(void)
{
	return IsUnderPostmaster && !RecoveryInProgress() && !pfdw_worker_am_one();
}

/* Who only reads need not say so each time. */
static bool
is_known(List *notices)
{
	static TimestampTz next = 0;
	TimestampTz now;
	ListCell *cell;

	foreach (cell, notices)
	{
		if (((PfdwNotice *) lfirst(cell))->wrote)
			return false;
	}
	now = GetCurrentTimestamp();
	if (now < next)
		return true;
	next = TimestampTzPlusMilliseconds(now, SEEN_MS);
	return false;
}

static void
on_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			must_wait = false;
			if (pfdw_delta_notices() == NIL || !may_have_workers() ||
				is_known(pfdw_delta_notices()))
				pfdw_delta_notices_forget();
			else if (pfdw_synchronous_publish)
				must_wait = true;
			else
			{
				mark_tables(pfdw_delta_notices());
				pfdw_delta_notices_forget();
			}
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			must_wait = false;
			pfdw_delta_notices_forget();
			break;
		default:
			break;
	}
}

static void
warn(PfdwFlushEnd end, const PfdwFlushResult *result)
{
	const char *detail = result->message;

	if (end == PFDW_FLUSH_NO_WORKER)
		detail = "No background worker could be started.";
	if (end == PFDW_FLUSH_CANCELLED)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("no longer waiting for the lake snapshot due to user "
						"request"),
				 errdetail("The transaction has committed; its lake snapshot "
						   "comes later.")));
	else
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("the transaction has committed, but its rows are not "
						"in the lake yet"),
				 errdetail_internal("%s", detail),
				 errhint("Background workers go on trying.")));
}

static void
wait_for_tables(List *notices)
{
	ListCell *cell;

	mark_tables(notices);
	foreach (cell, notices)
	{
		PfdwNotice *notice = lfirst(cell);
		PfdwFlushResult result = {0};
		PfdwFlushEnd end;

		if (!notice->wrote)
			continue;
		end = pfdw_flush_wait(notice->lake_table, true, &result);
		if (end == PFDW_FLUSH_DONE)
			continue;
		warn(end, &result);
		if (end == PFDW_FLUSH_CANCELLED)
		{
			/* It is answered; a wish to end goes on. */
			QueryCancelPending = false;
			return;
		}
	}
}

/* The transaction's locks are gone in this phase. */
static void
on_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level,
		   void *arg)
{
	List *notices;

	if (!must_wait || phase != RESOURCE_RELEASE_AFTER_LOCKS || !is_top_level)
		return;
	must_wait = false;
	notices = pfdw_delta_notices();
	pfdw_delta_notices_forget();
	if (is_commit)
		wait_for_tables(notices);
}
