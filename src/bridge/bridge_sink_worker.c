/*
 * bridge_sink_worker.c
 *
 * The process that writes one statement's files. It is connected to no
 * database and asks nobody for rights: the session that started it did. It
 * opens the lake table, takes batches from a queue, and hands back the commit
 * message, or the error with storage's words.
 *
 * Its files are removed unless the session has taken them: after a failure, a
 * wish to end (SIGTERM), the session's end or its giving up, which the stop
 * hook sees within a batch. All ways out lead through clean_up.
 */
#include "bridge_sink.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/shm_mq.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/ps_status.h"
#include "utils/resowner.h"

/* One process, one statement. */
typedef struct SinkWorker
{
	PfdwEnv *env;
	MemoryContext scratch; /* of a batch */
	dsm_segment *segment;
	PfdwSinkShared *shared;
	shm_mq_handle *rows;
	shm_mq_handle *answers;
	PmnCatalog *catalog;
	PmnTable *table;
	PmnWrite *write;
	PmnMessage *message; /* written, and not known to be taken */
	bool (*stop)(PmnEnv *env);
	bool is_closing;
} SinkWorker;

static SinkWorker worker;

static bool should_stop(PmnEnv *env);
static void clean_up(int code, Datum argument);
static bool attach(dsm_handle handle);
static PmnCode open_table(const PfdwSinkStart *start);
static PmnCode open_write(const PfdwSinkStart *start);
static void close_write(void);
static bool answer(PfdwSinkKind kind, const void *data, Size size);
static void answer_failure(PmnCode code);
static void work(void);
static void finish(void);

void
paimon_write_worker_main(Datum argument)
{
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "paimon_fdw writer");
	if (attach(DatumGetUInt32(argument)))
		work();
	proc_exit(0);
}

/* false: the session is gone already. */
static bool
attach(dsm_handle handle)
{
	char *base;
	shm_mq *rows;
	shm_mq *answers;

	worker.segment = dsm_attach(handle);
	if (worker.segment == NULL)
		return false;
	base = dsm_segment_address(worker.segment);
	worker.shared = (PfdwSinkShared *) base;
	rows = (shm_mq *) (base + worker.shared->rows_offset);
	answers = (shm_mq *) (base + worker.shared->answers_offset);
	shm_mq_set_receiver(rows, MyProc);
	shm_mq_set_sender(answers, MyProc);
	CurrentMemoryContext = AllocSetContextCreate(
		TopMemoryContext, "paimon_fdw writer", ALLOCSET_DEFAULT_SIZES);
	worker.scratch = AllocSetContextCreate(
		CurrentMemoryContext, "paimon_fdw rows", ALLOCSET_DEFAULT_SIZES);
	worker.env = pfdw_env_create(CurrentMemoryContext, "writer");
	worker.stop = worker.env->base.should_stop;
	worker.env->base.should_stop = should_stop;
	worker.rows = shm_mq_attach(rows, worker.segment, NULL);
	worker.answers = shm_mq_attach(answers, worker.segment, NULL);
	before_shmem_exit(clean_up, 0);
	return true;
}

static bool
should_stop(PmnEnv *env)
{
	if (worker.is_closing)
		return false;
	return pg_atomic_read_u32(&worker.shared->is_given_up) != 0 ||
		   worker.stop(env);
}

static void
close_write(void)
{
	worker.is_closing = true;
	pmn_write_close(worker.write);
	worker.write = NULL;
	if (worker.message != NULL &&
		pg_atomic_read_u32(&worker.shared->is_taken) == 0)
		pmn_message_discard(worker.table, worker.message);
	pmn_message_close(worker.message);
	worker.message = NULL;
	pmn_table_close(worker.table);
	worker.table = NULL;
	pmn_catalog_close(worker.catalog);
	worker.catalog = NULL;
}

static void
clean_up(int code, Datum argument)
{
	close_write();
	pg_atomic_write_u32(&worker.shared->is_clean, 1);
	pg_memory_barrier();
	SetLatch(worker.shared->session_latch);
}

/* ---- the lake table --------------------------------------------------- */

static PmnCode
open_table(const PfdwSinkStart *start)
{
	PmnEnv *env = &worker.env->base;
	PmnCode code = pmn_catalog_open(env, start->ref.warehouse, &worker.catalog);

	if (code == PMN_OK)
		code =
			pmn_table_open(worker.catalog, start->ref.database,
						   start->ref.table, start->ref.branch, &worker.table);
	if (code == PMN_OK &&
		pmn_table_schema(worker.table)->id != start->schema_id)
	{
		/* The session goes on with the schema it began with. */
		env->error.code = PMN_CONFLICT;
		return PMN_CONFLICT;
	}
	return code == PMN_OK ? open_write(start) : code;
}

static PmnCode
open_write(const PfdwSinkStart *start)
{
	uint32 count = start->pending_count;
	PmnMessage **pending = palloc0(Max(count, 1) * sizeof(*pending));
	PmnWriteRequest request = {
		.base_snapshot_id = start->base_snapshot_id,
		.pending = (const PmnMessage *const *) pending,
		.pending_count = count,
		.memory_limit_bytes = start->memory_limit_bytes,
	};
	PmnCode code = PMN_OK;

	for (uint32 i = 0; code == PMN_OK && i < count; i++)
		code = pmn_message_deserialize(worker.table, start->pending[i],
									   &pending[i]);
	if (code == PMN_OK)
		code = pmn_write_open(worker.table, &request, &worker.write);
	for (uint32 i = 0; i < count; i++)
		pmn_message_close(pending[i]);
	return code;
}

/* ---- talking to the session ------------------------------------------- */

/* false: nobody listens. */
static bool
answer(PfdwSinkKind kind, const void *data, Size size)
{
	const uint32 number = kind;
	shm_mq_iovec parts[2] = {{(const char *) &number, sizeof(number)},
							 {data, size}};

	return shm_mq_sendv(worker.answers, parts, size > 0 ? 2 : 1, false, true) ==
		   SHM_MQ_SUCCESS;
}

/* The files go before the session hears of it. */
static void
answer_failure(PmnCode code)
{
	PmnError error = worker.env->base.error;

	CHECK_FOR_INTERRUPTS();
	error.code = code;
	close_write();
	(void) answer(PFDW_SINK_FAILED, &error, sizeof(error));
}

/* The next message; NULL: the session is gone or gave up. */
static const char *
next_message(void)
{
	Size size;
	void *data;

	CHECK_FOR_INTERRUPTS();
	if (shm_mq_receive(worker.rows, &size, &data, false) != SHM_MQ_SUCCESS)
		return NULL;
	return data;
}

static void
work(void)
{
	const char *data = next_message();
	PfdwSinkStart start;
	PmnCode code;

	if (data == NULL)
		return;
	pfdw_sink_get_start(data, &start);
	code = open_table(&start);
	if (code == PMN_OK && !answer(PFDW_SINK_READY, NULL, 0))
		return;
	MemoryContextSwitchTo(worker.scratch);
	while (code == PMN_OK)
	{
		const uint8_t *kinds;
		PmnBatch *batch;

		data = next_message();
		if (data == NULL)
			return;
		if (pfdw_sink_kind(data) == PFDW_SINK_FINISH)
		{
			finish();
			return;
		}
		batch = pfdw_sink_get_batch(data, &kinds);
		code = pmn_write_batch(worker.write, batch, kinds);
		MemoryContextReset(worker.scratch);
	}
	answer_failure(code);
}

static void
finish(void)
{
	PmnBytes bytes = {NULL, 0};
	PmnCode code = pmn_write_finish(worker.write, &worker.message);

	if (code == PMN_OK && worker.message != NULL)
		code = pmn_message_serialize(worker.table, worker.message, &bytes);
	if (code != PMN_OK)
	{
		answer_failure(code);
		return;
	}
	if (!answer(PFDW_SINK_DONE, bytes.data, bytes.size))
		return;
	/* Until the session has taken the message, or has gone. */
	(void) next_message();
}
