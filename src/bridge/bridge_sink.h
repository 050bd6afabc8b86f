/*
 * bridge_sink.h
 *
 * A statement's storage writer, which may move into a process of its own; and
 * what a session and that process tell each other: a segment of shared memory
 * with two queues, and the messages in them.
 */
#ifndef PFDW_BRIDGE_SINK_H
#define PFDW_BRIDGE_SINK_H

#include "bridge.h"

#include "lib/stringinfo.h"
#include "port/atomics.h"
#include "storage/latch.h"

/* ---- in bridge_sink.c ------------------------------------------------- */

/*
 * A storage writer that moves into a process of its own when rows are many
 * (paimon_fdw.write_workers). Ends like pfdw_write_open's: by its finish, or
 * with subid. ref and what request points to must live as long.
 */
typedef struct PfdwSink PfdwSink;
extern PfdwSink *pfdw_sink_open(PfdwTable *table, const PfdwTableRef *ref,
								const PmnWriteRequest *request,
								SubTransactionId subid);
extern void pfdw_sink_batch(PfdwSink *sink, const PmnBatch *batch,
							const uint8_t *kinds);
/* Close all files; NULL when there were no rows. The sink is closed, too. */
extern PmnMessage *pfdw_sink_finish(PfdwSink *sink);

/* For bridge_handle.c, which keeps them. */
extern void pfdw_sink_own(PfdwEnv *env, PfdwSink *sink, SubTransactionId subid);
extern void pfdw_sink_close(PfdwEnv *env, PfdwSink *sink);
extern void pfdw_sink_end(PfdwSink *sink);

/* ---- in bridge_guc.c -------------------------------------------------- */

extern int pfdw_write_workers;
extern int pfdw_write_worker_rows;

/* ---- shared memory and messages --------------------------------------- */

/* Bytes of the queue of rows; what is under way is bounded by it. */
#define PFDW_SINK_ROWS_SIZE ((Size) 4 * 1024 * 1024)
#define PFDW_SINK_ANSWERS_SIZE ((Size) 64 * 1024)

/* The start of the segment; the queues follow at their offsets. */
typedef struct PfdwSinkShared
{
	pg_atomic_uint32 is_given_up; /* by the session: remove the files */
	pg_atomic_uint32 is_taken;	  /* the session has the message */
	pg_atomic_uint32 is_clean;	  /* the worker makes and removes no more */
	Latch *session_latch;
	Size rows_offset;
	Size answers_offset;
} PfdwSinkShared;

/* First member of each message. */
typedef enum PfdwSinkKind
{
	PFDW_SINK_START,  /* to the worker: what to write to */
	PFDW_SINK_BATCH,  /* to the worker */
	PFDW_SINK_FINISH, /* to the worker: no more rows */
	PFDW_SINK_READY,  /* to the session: rows may come */
	PFDW_SINK_FAILED, /* to the session, with the error; files are removed */
	PFDW_SINK_DONE	  /* to the session, with the message's bytes, if any */
} PfdwSinkKind;

typedef struct PfdwSinkStart
{
	PfdwTableRef ref;
	int64 schema_id;
	int64 base_snapshot_id;
	uint64 memory_limit_bytes;
	uint32 pending_count;
	PmnBytes *pending; /* serialized messages */
} PfdwSinkStart;

/* ---- in bridge_sink_wire.c -------------------------------------------- */

/* A batch without a selection; out is emptied before. */
extern void pfdw_sink_put_batch(StringInfo out, const PmnBatch *batch,
								const uint8_t *kinds);
/* What is returned points into data and the current memory context. */
extern PmnBatch *pfdw_sink_get_batch(const char *data, const uint8_t **kinds);
extern void pfdw_sink_put_start(StringInfo out, const PfdwSinkStart *start);
extern void pfdw_sink_get_start(const char *data, PfdwSinkStart *start);

static inline PfdwSinkKind
pfdw_sink_kind(const void *data)
{
	return (PfdwSinkKind) * (const uint32 *) data;
}

/* ---- in bridge_sink_worker.c ------------------------------------------ */

extern PGDLLEXPORT void paimon_write_worker_main(Datum argument);

#endif /* PFDW_BRIDGE_SINK_H */
