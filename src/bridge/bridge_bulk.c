/*
 * bridge_bulk.c
 *
 * A statement's storage writer, which moves into a process of its own when
 * the rows are many. Sorting, encoding and compressing then go on beside the
 * session, which only turns rows into batches.
 *
 *   HOLDS    few rows so far: their batches are kept as bytes
 *   STARTS   a worker was asked for; batches are still kept
 *   REMOTE   it is ready, and gets all batches through a queue
 *   LOCAL    there are few rows, no worker, or none is wanted
 *
 * Invariants:
 * - Until the worker has said that it is ready it has no row, so that
 *   whatever keeps it from working (no slot, another schema by now) only
 *   means LOCAL. After that its failure is the statement's.
 * - The files are the worker's until the session has their names (is_taken);
 *   before that it removes them, whatever happens to either side.
 * - Memory is bounded: what is held, the queue, and the worker's own limit.
 * - The end of a bulk waits for the worker to have removed its files, so
 *   that after ROLLBACK nothing appears any more. It does not wait for ever,
 *   and raises no error.
 */
#include "bridge_bulk.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/shm_mq.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

/* From here on a statement is large, however few its rows. */
#define START_BYTES ((Size) 8 * 1024 * 1024)
/* What may be held while the worker starts. */
#define HOLD_BYTES_MAX ((Size) 32 * 1024 * 1024)
/* Larger buffers are not kept from batch to batch. */
#define BUFFER_KEEP (8 * 1024 * 1024)
/* How long an end waits for the worker to clean up. */
#define CLEAN_SECONDS 30
#define CLEAN_POLL_MS 100

typedef enum BulkState
{
	BULK_HOLDS,
	BULK_STARTS,
	BULK_IS_REMOTE,
	BULK_IS_LOCAL
} BulkState;

typedef struct HeldBatch
{
	struct HeldBatch *next;
	Size size;
	char *data;
} HeldBatch;

struct PfdwBulk
{
	BulkState state;
	PfdwTable *table;
	const PfdwTableRef *ref;
	PmnWriteRequest request;
	SubTransactionId subid;
	PmnWrite *local; /* a handle of its own */
	StringInfoData buffer;
	/* HOLDS and STARTS */
	HeldBatch *held;
	HeldBatch **held_end;
	uint64 held_rows;
	Size held_bytes;
	/* STARTS and REMOTE */
	dsm_segment *segment;
	PfdwBulkShared *shared;
	BackgroundWorkerHandle *worker;
	shm_mq_handle *rows;
	shm_mq_handle *answers;
};

/* Workers of this session. */
static int running_workers = 0;

static void go_local(PfdwBulk *bulk);
static void hold(PfdwBulk *bulk);
static bool start_worker(PfdwBulk *bulk);
static void wait_ready(PfdwBulk *bulk, bool nowait);
static void send_message(PfdwBulk *bulk, const void *data, Size size,
						 bool at_once);
static void end_worker(PfdwBulk *bulk);

PfdwBulk *
pfdw_bulk_open(PfdwTable *table, const PfdwTableRef *ref,
			   const PmnWriteRequest *request, SubTransactionId subid)
{
	MemoryContext old = MemoryContextSwitchTo(table->env->context);
	PfdwBulk *bulk = palloc0(sizeof(*bulk));

	bulk->state = BULK_HOLDS;
	bulk->table = table;
	bulk->ref = ref;
	bulk->request = *request;
	bulk->subid = subid;
	bulk->held_end = &bulk->held;
	initStringInfo(&bulk->buffer);
	pfdw_bulk_own(table->env, bulk, subid);
	if (pfdw_write_workers <= running_workers || !IsUnderPostmaster)
		go_local(bulk);
	MemoryContextSwitchTo(old);
	return bulk;
}

void
pfdw_bulk_batch(PfdwBulk *bulk, const PmnBatch *batch, const uint8_t *kinds)
{
	MemoryContext old;

	if (bulk->state == BULK_IS_LOCAL)
	{
		pfdw_check(bulk->table->env,
				   pmn_write_batch(bulk->local, batch, kinds));
		return;
	}
	old = MemoryContextSwitchTo(bulk->table->env->context);
	pfdw_bulk_put_batch(&bulk->buffer, batch, kinds);
	if (bulk->state == BULK_IS_REMOTE)
		send_message(bulk, bulk->buffer.data, bulk->buffer.len, false);
	else
	{
		hold(bulk);
		bulk->held_rows += batch->row_count;
		if (bulk->state == BULK_STARTS)
			wait_ready(bulk, bulk->held_bytes < HOLD_BYTES_MAX);
		else if (bulk->held_rows >= (uint64) pfdw_write_worker_rows ||
				 bulk->held_bytes >= START_BYTES)
		{
			if (!start_worker(bulk))
				go_local(bulk);
		}
	}
	if (bulk->buffer.maxlen > BUFFER_KEEP)
	{
		pfree(bulk->buffer.data);
		initStringInfo(&bulk->buffer);
	}
	MemoryContextSwitchTo(old);
}

/* ---- without a worker ------------------------------------------------- */

static void
hold(PfdwBulk *bulk)
{
	HeldBatch *held = palloc(sizeof(*held));

	held->next = NULL;
	held->size = bulk->buffer.len;
	held->data = MemoryContextAllocHuge(CurrentMemoryContext, held->size);
	memcpy(held->data, bulk->buffer.data, held->size);
	bulk->held_bytes += held->size;
	*bulk->held_end = held;
	bulk->held_end = &held->next;
}

/* The oldest batch is done with. */
static void
drop_held(PfdwBulk *bulk)
{
	HeldBatch *held = bulk->held;

	bulk->held = held->next;
	if (bulk->held == NULL)
		bulk->held_end = &bulk->held;
	bulk->held_bytes -= held->size;
	pfree(held->data);
	pfree(held);
}

static void
go_local(PfdwBulk *bulk)
{
	MemoryContext scratch;
	MemoryContext old;

	bulk->state = BULK_IS_LOCAL;
	bulk->local = pfdw_write_open(bulk->table, &bulk->request, bulk->subid);
	if (bulk->held == NULL)
		return;
	scratch = AllocSetContextCreate(CurrentMemoryContext, "paimon_fdw rows",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	while (bulk->held != NULL)
	{
		const uint8_t *kinds;
		PmnBatch *batch = pfdw_bulk_get_batch(bulk->held->data, &kinds);

		pfdw_check(bulk->table->env,
				   pmn_write_batch(bulk->local, batch, kinds));
		drop_held(bulk);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* ---- a worker starts -------------------------------------------------- */

static bool
register_worker(PfdwBulk *bulk)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	/* It knows no database: what it does is files. */
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "paimon_fdw", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "paimon_write_worker_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "paimon_fdw writer of process %d",
			 MyProcPid);
	strlcpy(worker.bgw_type, "paimon_fdw writer", BGW_MAXLEN);
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(bulk->segment));
	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, &bulk->worker);
}

static bool
make_segment(PfdwBulk *bulk)
{
	Size head = TYPEALIGN(64, sizeof(PfdwBulkShared));
	char *base;
	shm_mq *queue;

	bulk->segment =
		dsm_create(head + PFDW_BULK_ROWS_SIZE + PFDW_BULK_ANSWERS_SIZE,
				   DSM_CREATE_NULL_IF_MAXSEGMENTS);
	if (bulk->segment == NULL)
		return false;
	/* It ends with the bulk, not with whatever runs now. */
	dsm_pin_mapping(bulk->segment);
	base = dsm_segment_address(bulk->segment);
	bulk->shared = (PfdwBulkShared *) base;
	pg_atomic_init_u32(&bulk->shared->is_given_up, 0);
	pg_atomic_init_u32(&bulk->shared->is_taken, 0);
	pg_atomic_init_u32(&bulk->shared->is_clean, 0);
	bulk->shared->session_latch = MyLatch;
	bulk->shared->rows_offset = head;
	bulk->shared->answers_offset = head + PFDW_BULK_ROWS_SIZE;
	queue =
		shm_mq_create(base + bulk->shared->rows_offset, PFDW_BULK_ROWS_SIZE);
	shm_mq_set_sender(queue, MyProc);
	queue = shm_mq_create(base + bulk->shared->answers_offset,
						  PFDW_BULK_ANSWERS_SIZE);
	shm_mq_set_receiver(queue, MyProc);
	return true;
}

static void
put_start(PfdwBulk *bulk)
{
	PmnTable *table = bulk->table->table;
	PfdwBulkStart start = {
		.ref = *bulk->ref,
		.schema_id = bulk->table->schema->id,
		.base_snapshot_id = bulk->request.base_snapshot_id,
		.memory_limit_bytes = bulk->request.memory_limit_bytes,
		.pending_count = bulk->request.pending_count,
	};

	start.pending =
		palloc0(Max(start.pending_count, 1) * sizeof(*start.pending));
	for (uint32 i = 0; i < start.pending_count; i++)
		pfdw_check(bulk->table->env,
				   pmn_message_serialize(table, bulk->request.pending[i],
										 &start.pending[i]));
	pfdw_bulk_put_start(&bulk->buffer, &start);
	for (uint32 i = 0; i < start.pending_count; i++)
		pmn_message_bytes_free(table, &start.pending[i]);
	pfree(start.pending);
}

/* false: there is no room for one more worker. */
static bool
start_worker(PfdwBulk *bulk)
{
	char *base;

	if (pfdw_write_workers <= running_workers || !make_segment(bulk))
		return false;
	running_workers++;
	base = dsm_segment_address(bulk->segment);
	if (!register_worker(bulk))
	{
		end_worker(bulk);
		return false;
	}
	bulk->state = BULK_STARTS;
	bulk->rows = shm_mq_attach((shm_mq *) (base + bulk->shared->rows_offset),
							   bulk->segment, bulk->worker);
	bulk->answers =
		shm_mq_attach((shm_mq *) (base + bulk->shared->answers_offset),
					  bulk->segment, bulk->worker);
	put_start(bulk);
	/* The queue holds it: nobody need be there yet. */
	if (shm_mq_send(bulk->rows, bulk->buffer.len, bulk->buffer.data, true,
					true) == SHM_MQ_SUCCESS)
		return true;
	end_worker(bulk);
	return false;
}

/* ---- talking to the worker -------------------------------------------- */

/* The worker went away with no answer. */
static void
pg_attribute_noreturn() fail_lost(const PfdwBulk *bulk)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYSTEM_ERROR),
			 errmsg("lost the process that writes files of lake table \"%s\"",
					bulk->ref->table),
			 errdetail("The rows of this statement are not in the table."),
			 errhint("The server's log may tell why it ended.")));
}

static shm_mq_result
receive(PfdwBulk *bulk, bool nowait, const char **data, Size *size)
{
	void *answer = NULL;
	shm_mq_result result = shm_mq_receive(bulk->answers, size, &answer, nowait);

	*data = answer;
	return result;
}

/* Raise what the worker could not do, with storage's words. */
static void
raise_answer(PfdwBulk *bulk, const char *data, Size size)
{
	PfdwEnv *env = bulk->table->env;

	if (pfdw_bulk_kind(data) != PFDW_BULK_FAILED)
		return;
	Assert(size == sizeof(uint32) + sizeof(PmnError));
	memcpy(&env->base.error, data + sizeof(uint32), sizeof(PmnError));
	pfdw_report(env, env->base.error.code, NULL);
}

/* The next answer, which has to be kind; its bytes. */
static PmnBytes
await(PfdwBulk *bulk, PfdwBulkKind kind)
{
	const char *data;
	Size size;

	if (receive(bulk, false, &data, &size) != SHM_MQ_SUCCESS)
		fail_lost(bulk);
	raise_answer(bulk, data, size);
	if (pfdw_bulk_kind(data) != kind)
		fail_lost(bulk);
	return (PmnBytes){(const uint8_t *) data + sizeof(uint32),
					  (uint32) (size - sizeof(uint32))};
}

static void
send_message(PfdwBulk *bulk, const void *data, Size size, bool at_once)
{
	if (shm_mq_send(bulk->rows, size, data, false, at_once) == SHM_MQ_SUCCESS)
		return;
	/* It takes no more: its last words say why. */
	(void) await(bulk, PFDW_BULK_FAILED);
	fail_lost(bulk);
}

/* Whether the worker is there; then it gets what was held. */
static void
wait_ready(PfdwBulk *bulk, bool nowait)
{
	const char *data;
	Size size;
	shm_mq_result result = receive(bulk, nowait, &data, &size);

	if (result == SHM_MQ_WOULD_BLOCK)
		return;
	if (result != SHM_MQ_SUCCESS || pfdw_bulk_kind(data) != PFDW_BULK_READY)
	{
		end_worker(bulk);
		go_local(bulk);
		return;
	}
	bulk->state = BULK_IS_REMOTE;
	while (bulk->held != NULL)
	{
		send_message(bulk, bulk->held->data, bulk->held->size, false);
		drop_held(bulk);
	}
}

/* ---- end -------------------------------------------------------------- */

static PmnMessage *
finish_remote(PfdwBulk *bulk)
{
	const uint32 kind = PFDW_BULK_FINISH;
	PmnMessage *message = NULL;
	PmnBytes bytes;

	send_message(bulk, &kind, sizeof(kind), true);
	bytes = await(bulk, PFDW_BULK_DONE);
	if (bytes.size > 0)
		pfdw_check(bulk->table->env, pmn_message_deserialize(bulk->table->table,
															 bytes, &message));
	pg_atomic_write_u32(&bulk->shared->is_taken, 1);
	return message;
}

PmnMessage *
pfdw_bulk_finish(PfdwBulk *bulk)
{
	MemoryContext old = MemoryContextSwitchTo(bulk->table->env->context);
	PmnMessage *message = NULL;

	if (bulk->state == BULK_STARTS)
		wait_ready(bulk, false);
	else if (bulk->state == BULK_HOLDS)
		go_local(bulk);
	if (bulk->state == BULK_IS_REMOTE)
		message = finish_remote(bulk);
	else
	{
		pfdw_check(bulk->table->env, pmn_write_finish(bulk->local, &message));
		pfdw_write_close(bulk->table->env, bulk->local);
	}
	MemoryContextSwitchTo(old);
	pfdw_bulk_close(bulk->table->env, bulk);
	return message;
}

/*
 * Wait until the worker has removed its files. Runs during aborts; the latch
 * that is taken here may have been set for somebody else.
 */
static void
wait_clean(PfdwBulk *bulk)
{
	int polls = CLEAN_SECONDS * 1000 / CLEAN_POLL_MS;
	BgwHandleStatus status;
	pid_t pid;

	while (polls-- > 0 && pg_atomic_read_u32(&bulk->shared->is_clean) == 0)
	{
		status = GetBackgroundWorkerPid(bulk->worker, &pid);
		if (status == BGWH_NOT_YET_STARTED)
			TerminateBackgroundWorker(bulk->worker);
		if (status != BGWH_STARTED)
			break;
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 CLEAN_POLL_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	SetLatch(MyLatch);
}

static void
end_worker(PfdwBulk *bulk)
{
	if (bulk->segment == NULL)
		return;
	if (pg_atomic_read_u32(&bulk->shared->is_taken) == 0)
		pg_atomic_write_u32(&bulk->shared->is_given_up, 1);
	pg_memory_barrier();
	if (bulk->rows != NULL)
		shm_mq_detach(bulk->rows);
	if (bulk->answers != NULL)
		shm_mq_detach(bulk->answers);
	bulk->rows = NULL;
	bulk->answers = NULL;
	if (bulk->worker != NULL &&
		pg_atomic_read_u32(&bulk->shared->is_taken) == 0)
		wait_clean(bulk);
	dsm_detach(bulk->segment);
	bulk->segment = NULL;
	bulk->shared = NULL;
	running_workers--;
}

/* By its handle; raises no error. The local writer has a handle of its own,
 * but must not stay longer. */
void
pfdw_bulk_end(PfdwBulk *bulk)
{
	end_worker(bulk);
	while (bulk->held != NULL)
		drop_held(bulk);
	pfree(bulk->buffer.data);
	pfree(bulk);
}
