/*
 * worker_shared.c
 *
 * A small piece of shared memory for all databases: places for workers, and
 * for lake tables that have something to do. It is taken from the reserve
 * that the server keeps for modules loaded late, so no setting is needed; a
 * crash of any process empties it, and nothing depends on it but how soon
 * rows get to the lake: what is committed is in tables.
 *
 * One lock guards everything; it is held for a walk over some dozens of
 * entries at most. A worker that ends gives back its place and the table it
 * worked on, and whoever waits for that table sees to a new worker.
 */
#include "worker_shared.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#define SHARED_NAME "paimon_fdw"
/* A worker that was asked for and did not come. */
#define STARTING_MS 10000

static PfdwShared *shared = NULL;
static PfdwSharedWorker *own_place = NULL;
static shmem_request_hook_type previous_shmem_request = NULL;

static void
request_shared(void)
{
	if (previous_shmem_request != NULL)
		previous_shmem_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(PfdwShared)));
}

void
pfdw_shared_request(void)
{
	previous_shmem_request = shmem_request_hook;
	shmem_request_hook = request_shared;
}

PfdwShared *
pfdw_shared_get(void)
{
	bool found;

	if (shared != NULL)
		return shared;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct(SHARED_NAME, sizeof(PfdwShared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(*shared));
		LWLockInitialize(&shared->lock, LWLockNewTrancheId());
		ConditionVariableInit(&shared->served);
	}
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(shared->lock.tranche, SHARED_NAME);
	return shared;
}

/* ---- workers ---------------------------------------------------------- */

static bool
is_here(const PfdwSharedWorker *place, PfdwWorkerKind kind, Oid database)
{
	return place->state != PFDW_PLACE_FREE && place->kind == kind &&
		   place->database == database;
}

/* A place for a worker; when is_reserved, one that was kept for it. */
static PfdwSharedWorker *
find_place(PfdwWorkerKind kind, Oid database, bool is_reserved)
{
	TimestampTz now = GetCurrentTimestamp();

	for (int i = 0; i < PFDW_SHARED_WORKERS; i++)
	{
		PfdwSharedWorker *place = &shared->workers[i];

		if (is_reserved)
		{
			if (is_here(place, kind, database) &&
				place->state == PFDW_PLACE_STARTING)
				return place;
		}
		else if (place->state == PFDW_PLACE_FREE ||
				 (place->state == PFDW_PLACE_STARTING &&
				  TimestampDifferenceExceeds(place->since, now, STARTING_MS)))
			return place;
	}
	return NULL;
}

static int
count_running(PfdwWorkerKind kind, Oid database)
{
	int count = 0;

	for (int i = 0; i < PFDW_SHARED_WORKERS; i++)
		count += is_here(&shared->workers[i], kind, database) &&
				 shared->workers[i].state == PFDW_PLACE_RUNNING;
	return count;
}

/* What this process held, when it ends in whatever way. */
static void
leave_at_exit(int code, Datum argument)
{
	if (own_place == NULL)
		return;
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	own_place->state = PFDW_PLACE_FREE;
	own_place = NULL;
	for (int i = 0; i < PFDW_SHARED_TABLES; i++)
	{
		if (shared->tables[i].busy == MyProcPid)
			shared->tables[i].busy = 0;
	}
	LWLockRelease(&shared->lock);
	ConditionVariableBroadcast(&shared->served);
}

bool
pfdw_worker_enter(PfdwWorkerKind kind, int limit)
{
	PfdwSharedWorker *place;

	(void) pfdw_shared_get();
	before_shmem_exit(leave_at_exit, (Datum) 0);
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	place = find_place(kind, MyDatabaseId, true);
	if (count_running(kind, MyDatabaseId) >= limit)
	{
		if (place != NULL)
			place->state = PFDW_PLACE_FREE;
		place = NULL;
	}
	else if (place == NULL)
		place = find_place(kind, MyDatabaseId, false);
	if (place != NULL)
	{
		memset(place, 0, sizeof(*place));
		place->state = PFDW_PLACE_RUNNING;
		place->kind = kind;
		place->database = MyDatabaseId;
		place->pid = MyProcPid;
		place->proc = MyProc->pgprocno;
		place->since = place->step_since = GetCurrentTimestamp();
		own_place = place;
	}
	LWLockRelease(&shared->lock);
	return place != NULL;
}

bool
pfdw_worker_am_one(void)
{
	return own_place != NULL;
}

void
pfdw_worker_listen(void)
{
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	own_place->is_woken = false;
	LWLockRelease(&shared->lock);
}

bool
pfdw_worker_leave(void)
{
	bool may_leave;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	may_leave = !own_place->is_woken && (own_place->kind != PFDW_WORKER_FLUSH ||
										 !pfdw_shared_has_work());
	if (may_leave)
	{
		own_place->state = PFDW_PLACE_FREE;
		own_place = NULL;
	}
	LWLockRelease(&shared->lock);
	return may_leave;
}

void
pfdw_worker_step(PfdwWorkerStep step, int32 lake_table, Oid relid)
{
	if (own_place == NULL)
		return;
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	own_place->step = step;
	own_place->step_since = GetCurrentTimestamp();
	own_place->lake_table = lake_table;
	own_place->relid = relid;
	own_place->done = 0;
	LWLockRelease(&shared->lock);
}

/* Only this process writes it; a view may see it a little later. */
void
pfdw_worker_progress(int64 done)
{
	if (own_place != NULL)
		own_place->done = done;
}

static void
wake_place(PfdwSharedWorker *place)
{
	place->is_woken = true;
	if (place->state == PFDW_PLACE_RUNNING)
		SetLatch(&ProcGlobal->allProcs[place->proc].procLatch);
}

/* Wake an idle one, or tell that one starts. *count: of the others. */
static bool
wake_idle(PfdwWorkerKind kind, Oid database, int *count)
{
	TimestampTz now = GetCurrentTimestamp();

	*count = 0;
	for (int i = 0; i < PFDW_SHARED_WORKERS; i++)
	{
		PfdwSharedWorker *place = &shared->workers[i];

		if (!is_here(place, kind, database))
			continue;
		if (place->state == PFDW_PLACE_STARTING)
		{
			if (!TimestampDifferenceExceeds(place->since, now, STARTING_MS))
				return true;
			place->state = PFDW_PLACE_FREE;
			continue;
		}
		wake_place(place);
		if (place->step == PFDW_STEP_IDLE)
			return true;
		(*count)++;
	}
	return false;
}

static bool
start_worker(PfdwWorkerKind kind, Oid database)
{
	PfdwWorkerCall call = {database, InvalidOid};

	if (kind == PFDW_WORKER_FLUSH)
		return pfdw_worker_register("paimon_flush_worker_main", "publisher",
									&call, NULL);
	return pfdw_worker_register("paimon_database_worker_main", "worker", &call,
								NULL);
}

bool
pfdw_worker_ensure(PfdwWorkerKind kind, Oid database, int limit)
{
	PfdwSharedWorker *place = NULL;
	bool is_enough;
	int count;

	(void) pfdw_shared_get();
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	is_enough = wake_idle(kind, database, &count) || count >= limit;
	if (!is_enough)
		place = find_place(kind, database, false);
	if (place != NULL)
	{
		memset(place, 0, sizeof(*place));
		place->state = PFDW_PLACE_STARTING;
		place->kind = kind;
		place->database = database;
		place->since = GetCurrentTimestamp();
	}
	LWLockRelease(&shared->lock);
	if (is_enough || place == NULL)
		return is_enough || count > 0;
	if (start_worker(kind, database))
		return true;
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	if (place->state == PFDW_PLACE_STARTING && place->kind == kind &&
		place->database == database)
		place->state = PFDW_PLACE_FREE;
	LWLockRelease(&shared->lock);
	return count > 0;
}

/* ---- tables ----------------------------------------------------------- */

static bool
has_work(const PfdwSharedTable *table)
{
	return table->wanted > table->served || table->dirty_since != 0;
}

PfdwSharedTable *
pfdw_shared_table(int32 lake_table)
{
	PfdwSharedTable *found = NULL;
	PfdwSharedTable *spare = NULL; /* nobody waits for it */

	for (int i = 0; i < PFDW_SHARED_TABLES; i++)
	{
		PfdwSharedTable *table = &shared->tables[i];

		if (table->database == MyDatabaseId && table->lake_table == lake_table)
			return table;
		if (table->busy != 0 || table->wanted > table->served)
			continue;
		if (table->dirty_since == 0)
		{
			if (found == NULL || table->used < found->used)
				found = table;
		}
		else if (spare == NULL || table->used < spare->used)
			spare = table;
	}
	/* A mark that is lost is found again when a worker starts or ends. */
	if (found == NULL)
		found = spare;
	if (found == NULL)
		return NULL;
	memset(found, 0, sizeof(*found));
	found->database = MyDatabaseId;
	found->lake_table = lake_table;
	found->used = GetCurrentTimestamp();
	return found;
}

bool
pfdw_shared_has_work(void)
{
	for (int i = 0; i < PFDW_SHARED_TABLES; i++)
	{
		const PfdwSharedTable *table = &shared->tables[i];

		if (table->database == MyDatabaseId && has_work(table))
			return true;
	}
	return false;
}

void
pfdw_shared_note_database(void)
{
	Oid *place = NULL;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < PFDW_SHARED_DATABASES; i++)
	{
		Oid *database = &shared->databases[i];

		if (*database == MyDatabaseId || !OidIsValid(*database))
		{
			place = database;
			break;
		}
	}
	if (place != NULL)
		*place = MyDatabaseId;
	LWLockRelease(&shared->lock);
}
