/*
 * bridge_sink.c
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
 * - The local writer is opened with the sink, since what the request points to
 *   may be gone later; it gets rows only when the state becomes LOCAL.
 * - Until the worker has said that it is ready it has no row, so that
 *   whatever keeps it from working (no slot, another schema by now) only
 *   means LOCAL. After that its failure is the statement's.
 * - The files are the worker's until the session has their names (is_taken);
 *   before that it removes them, whatever happens to either side.
 * - Memory is bounded: what is held, the queue, and the worker's own limit.
 * - The end of a sink waits for the worker to have removed its files, so
 *   that after ROLLBACK nothing appears any more. It does not wait for ever,
 *   and raises no error.
 */
#include "bridge_sink.h"

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

typedef enum SinkState
{
	SINK_HOLDS,
	SINK_STARTS,
	SINK_IS_REMOTE,
	SINK_IS_LOCAL
} SinkState;

typedef struct HeldBatch
{
	struct HeldBatch *next;
	Size size;
	char *data;
} HeldBatch;

struct PfdwSink
{
	SinkState state;
	PfdwTable *table;
	const PfdwTableRef *ref;
	PmnWrite *local; /* a handle of its own; NULL when REMOTE */
	StringInfoData buffer;
	StringInfoData start; /* the worker's first message */
	/* HOLDS and STARTS */
	HeldBatch *held;
	HeldBatch **held_end;
	uint64 held_rows;
	Size held_bytes;
	/* STARTS and REMOTE */
	dsm_segment *segment;
	PfdwSinkShared *shared;
	BackgroundWorkerHandle *worker;
	shm_mq_handle *rows;
	shm_mq_handle *answers;
};

/* Workers of this session. */
static int running_workers = 0;

static void put_start(PfdwSink *sink, const PmnWriteRequest *request);
static void go_local(PfdwSink *sink);
static void hold(PfdwSink *sink);
static bool start_worker(PfdwSink *sink);
static void wait_ready(PfdwSink *sink, bool nowait);
static void send_message(PfdwSink *sink, const void *data, Size size,
						 bool at_once);
static void end_worker(PfdwSink *sink);

PfdwSink *
pfdw_sink_open(PfdwTable *table, const PfdwTableRef *ref,
			   const PmnWriteRequest *request, SubTransactionId subid)
{
	MemoryContext old = MemoryContextSwitchTo(table->env->context);
	PfdwSink *sink = palloc0(sizeof(*sink));

	sink->state = SINK_HOLDS;
	sink->table = table;
	sink->ref = ref;
	sink->held_end = &sink->held;
	initStringInfo(&sink->buffer);
	initStringInfo(&sink->start);
	pfdw_sink_own(table->env, sink, subid);
	sink->local = pfdw_write_open(table, request, subid);
	if (pfdw_write_workers <= running_workers || !IsUnderPostmaster)
		sink->state = SINK_IS_LOCAL;
	else
		put_start(sink, request);
	MemoryContextSwitchTo(old);
	return sink;
}

void
pfdw_sink_batch(PfdwSink *sink, const PmnBatch *batch, const uint8_t *kinds)
{
	MemoryContext old;

	if (sink->state == SINK_IS_LOCAL)
	{
		pfdw_check(sink->table->env,
				   pmn_write_batch(sink->local, batch, kinds));
		return;
	}
	old = MemoryContextSwitchTo(sink->table->env->context);
	pfdw_sink_put_batch(&sink->buffer, batch, kinds);
	if (sink->state == SINK_IS_REMOTE)
		send_message(sink, sink->buffer.data, sink->buffer.len, false);
	else
	{
		hold(sink);
		sink->held_rows += batch->row_count;
		if (sink->state == SINK_STARTS)
			wait_ready(sink, sink->held_bytes < HOLD_BYTES_MAX);
		else if (sink->held_rows >= (uint64) pfdw_write_worker_rows ||
				 sink->held_bytes >= START_BYTES)
		{
			if (!start_worker(sink))
				go_local(sink);
		}
	}
	if (sink->buffer.maxlen > BUFFER_KEEP)
	{
		pfree(sink->buffer.data);
		initStringInfo(&sink->buffer);
	}
	MemoryContextSwitchTo(old);
}

/* ---- without a worker ------------------------------------------------- */

static void
hold(PfdwSink *sink)
{
	HeldBatch *held = palloc(sizeof(*held));

	held->next = NULL;
	held->size = sink->buffer.len;
	held->data = MemoryContextAllocHuge(CurrentMemoryContext, held->size);
	memcpy(held->data, sink->buffer.data, held->size);
	sink->held_bytes += held->size;
	*sink->held_end = held;
	sink->held_end = &held->next;
}

/* The oldest batch is done with. */
static void
drop_held(PfdwSink *sink)
{
	HeldBatch *held = sink->held;

	sink->held = held->next;
	if (sink->held == NULL)
		sink->held_end = &sink->held;
	sink->held_bytes -= held->size;
	pfree(held->data);
	pfree(held);
}

static void
go_local(PfdwSink *sink)
{
	MemoryContext scratch;
	MemoryContext old;

	sink->state = SINK_IS_LOCAL;
	if (sink->held == NULL)
		return;
	scratch = AllocSetContextCreate(CurrentMemoryContext, "paimon_fdw rows",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	while (sink->held != NULL)
	{
		const uint8_t *kinds;
		PmnBatch *batch = pfdw_sink_get_batch(sink->held->data, &kinds);

		pfdw_check(sink->table->env,
				   pmn_write_batch(sink->local, batch, kinds));
		drop_held(sink);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* ---- a worker starts -------------------------------------------------- */

static bool
register_worker(PfdwSink *sink)
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
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(sink->segment));
	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, &sink->worker);
}

static bool
make_segment(PfdwSink *sink)
{
	Size head = TYPEALIGN(64, sizeof(PfdwSinkShared));
	char *base;
	shm_mq *queue;

	sink->segment =
		dsm_create(head + PFDW_SINK_ROWS_SIZE + PFDW_SINK_ANSWERS_SIZE,
				   DSM_CREATE_NULL_IF_MAXSEGMENTS);
	if (sink->segment == NULL)
		return false;
	/* It ends with the sink, not with whatever runs now. */
	dsm_pin_mapping(sink->segment);
	base = dsm_segment_address(sink->segment);
	sink->shared = (PfdwSinkShared *) base;
	pg_atomic_init_u32(&sink->shared->is_given_up, 0);
	pg_atomic_init_u32(&sink->shared->is_taken, 0);
	pg_atomic_init_u32(&sink->shared->is_clean, 0);
	sink->shared->session_latch = MyLatch;
	sink->shared->rows_offset = head;
	sink->shared->answers_offset = head + PFDW_SINK_ROWS_SIZE;
	queue =
		shm_mq_create(base + sink->shared->rows_offset, PFDW_SINK_ROWS_SIZE);
	shm_mq_set_sender(queue, MyProc);
	queue = shm_mq_create(base + sink->shared->answers_offset,
						  PFDW_SINK_ANSWERS_SIZE);
	shm_mq_set_receiver(queue, MyProc);
	return true;
}

static void
put_start(PfdwSink *sink, const PmnWriteRequest *request)
{
	PmnTable *table = sink->table->table;
	PfdwSinkStart start = {
		.ref = *sink->ref,
		.schema_id = sink->table->schema->id,
		.base_snapshot_id = request->base_snapshot_id,
		.memory_limit_bytes = request->memory_limit_bytes,
		.pending_count = request->pending_count,
	};

	start.pending =
		palloc0(Max(start.pending_count, 1) * sizeof(*start.pending));
	for (uint32 i = 0; i < start.pending_count; i++)
		pfdw_check(sink->table->env,
				   pmn_message_serialize(table, request->pending[i],
										 &start.pending[i]));
	pfdw_sink_put_start(&sink->start, &start);
	for (uint32 i = 0; i < start.pending_count; i++)
		pmn_message_bytes_free(table, &start.pending[i]);
	pfree(start.pending);
}

/* false: there is no room for one more worker. */
static bool
start_worker(PfdwSink *sink)
{
	char *base;

	if (pfdw_write_workers <= running_workers || !make_segment(sink))
		return false;
	running_workers++;
	base = dsm_segment_address(sink->segment);
	if (!register_worker(sink))
	{
		end_worker(sink);
		return false;
	}
	sink->state = SINK_STARTS;
	sink->rows = shm_mq_attach((shm_mq *) (base + sink->shared->rows_offset),
							   sink->segment, sink->worker);
	sink->answers =
		shm_mq_attach((shm_mq *) (base + sink->shared->answers_offset),
					  sink->segment, sink->worker);
	/* The queue holds it: nobody need be there yet. */
	if (shm_mq_send(sink->rows, sink->start.len, sink->start.data, true,
					true) == SHM_MQ_SUCCESS)
		return true;
	end_worker(sink);
	return false;
}

/* ---- talking to the worker -------------------------------------------- */

/* The worker went away with no answer. */
static void
pg_attribute_noreturn() fail_lost(const PfdwSink *sink)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYSTEM_ERROR),
			 errmsg("lost the process that writes files of lake table \"%s\"",
					sink->ref->table),
			 errdetail("The rows of this statement are not in the table."),
			 errhint("The server's log may tell why it ended.")));
}

static shm_mq_result
receive(PfdwSink *sink, bool nowait, const char **data, Size *size)
{
	void *answer = NULL;
	shm_mq_result result = shm_mq_receive(sink->answers, size, &answer, nowait);

	*data = answer;
	return result;
}

/* Raise what the worker could not do, with storage's words. */
static void
raise_answer(PfdwSink *sink, const char *data, Size size)
{
	PfdwEnv *env = sink->table->env;

	if (pfdw_sink_kind(data) != PFDW_SINK_FAILED)
		return;
	Assert(size == sizeof(uint32) + sizeof(PmnError));
	memcpy(&env->base.error, data + sizeof(uint32), sizeof(PmnError));
	pfdw_report(env, env->base.error.code, NULL);
}

/* The next answer, which has to be kind; its bytes. */
static PmnBytes
await(PfdwSink *sink, PfdwSinkKind kind)
{
	const char *data;
	Size size;

	if (receive(sink, false, &data, &size) != SHM_MQ_SUCCESS)
		fail_lost(sink);
	raise_answer(sink, data, size);
	if (pfdw_sink_kind(data) != kind)
		fail_lost(sink);
	return (PmnBytes){(const uint8_t *) data + sizeof(uint32),
					  (uint32) (size - sizeof(uint32))};
}

static void
send_message(PfdwSink *sink, const void *data, Size size, bool at_once)
{
	if (shm_mq_send(sink->rows, size, data, false, at_once) == SHM_MQ_SUCCESS)
		return;
	/* It takes no more: its last words say why. */
	(void) await(sink, PFDW_SINK_FAILED);
	fail_lost(sink);
}

/* Whether the worker is there; then it gets what was held. */
static void
wait_ready(PfdwSink *sink, bool nowait)
{
	const char *data;
	Size size;
	shm_mq_result result = receive(sink, nowait, &data, &size);

	if (result == SHM_MQ_WOULD_BLOCK)
		return;
	if (result != SHM_MQ_SUCCESS || pfdw_sink_kind(data) != PFDW_SINK_READY)
	{
		end_worker(sink);
		go_local(sink);
		return;
	}
	sink->state = SINK_IS_REMOTE;
	pfdw_write_close(sink->table->env, sink->local);
	sink->local = NULL;
	while (sink->held != NULL)
	{
		send_message(sink, sink->held->data, sink->held->size, false);
		drop_held(sink);
	}
}

/* ---- end -------------------------------------------------------------- */

static PmnMessage *
finish_remote(PfdwSink *sink)
{
	const uint32 kind = PFDW_SINK_FINISH;
	PmnMessage *message = NULL;
	PmnBytes bytes;

	send_message(sink, &kind, sizeof(kind), true);
	bytes = await(sink, PFDW_SINK_DONE);
	if (bytes.size > 0)
		pfdw_check(sink->table->env, pmn_message_deserialize(sink->table->table,
															 bytes, &message));
	pg_atomic_write_u32(&sink->shared->is_taken, 1);
	return message;
}

PmnMessage *
pfdw_sink_finish(PfdwSink *sink)
{
	MemoryContext old = MemoryContextSwitchTo(sink->table->env->context);
	PmnMessage *message = NULL;

	if (sink->state == SINK_STARTS)
		wait_ready(sink, false);
	else if (sink->state == SINK_HOLDS)
		go_local(sink);
	if (sink->state == SINK_IS_REMOTE)
		message = finish_remote(sink);
	else
	{
		pfdw_check(sink->table->env, pmn_write_finish(sink->local, &message));
		pfdw_write_close(sink->table->env, sink->local);
	}
	MemoryContextSwitchTo(old);
	pfdw_sink_close(sink->table->env, sink);
	return message;
}

/*
 * Wait until the worker has removed its files. Runs during aborts; the latch
 * that is taken here may have been set for somebody else.
 */
static void
wait_clean(PfdwSink *sink)
{
	int polls = CLEAN_SECONDS * 1000 / CLEAN_POLL_MS;
	BgwHandleStatus status;
	pid_t pid;

	while (polls-- > 0 && pg_atomic_read_u32(&sink->shared->is_clean) == 0)
	{
		status = GetBackgroundWorkerPid(sink->worker, &pid);
		if (status == BGWH_NOT_YET_STARTED)
			TerminateBackgroundWorker(sink->worker);
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
end_worker(PfdwSink *sink)
{
	if (sink->segment == NULL)
		return;
	if (pg_atomic_read_u32(&sink->shared->is_taken) == 0)
		pg_atomic_write_u32(&sink->shared->is_given_up, 1);
	pg_memory_barrier();
	if (sink->rows != NULL)
		shm_mq_detach(sink->rows);
	if (sink->answers != NULL)
		shm_mq_detach(sink->answers);
	sink->rows = NULL;
	sink->answers = NULL;
	if (sink->worker != NULL &&
		pg_atomic_read_u32(&sink->shared->is_taken) == 0)
		wait_clean(sink);
	dsm_detach(sink->segment);
	sink->segment = NULL;
	sink->shared = NULL;
	running_workers--;
}

/* By its handle; raises no error. The local writer has a handle of its own,
 * but must not stay longer. */
void
pfdw_sink_end(PfdwSink *sink)
{
	end_worker(sink);
	while (sink->held != NULL)
		drop_held(sink);
	pfree(sink->buffer.data);
	pfree(sink->start.data);
	pfree(sink);
}
