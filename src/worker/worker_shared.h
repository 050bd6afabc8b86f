/*
 * worker_shared.h
 *
 * What sessions and workers tell each other: which lake tables have rows that
 * are not in the lake yet, who waits for that, and which worker does what.
 */
#ifndef PFDW_WORKER_SHARED_H
#define PFDW_WORKER_SHARED_H

#include "worker.h"

#include "datatype/timestamp.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"

/* Room for both is in the server's reserve for modules that are loaded late
 * (100 kB for all of them). */
#define PFDW_SHARED_TABLES 64
#define PFDW_SHARED_WORKERS 32
#define PFDW_SHARED_DATABASES 64
#define PFDW_SHARED_MESSAGE 400

typedef enum PfdwWorkerKind
{
	PFDW_WORKER_DATABASE,
	PFDW_WORKER_FLUSH,
	PFDW_WORKER_COMPACT
} PfdwWorkerKind;

/* What a worker does now. */
typedef enum PfdwWorkerStep
{
	PFDW_STEP_IDLE,
	PFDW_STEP_MOVE,
	PFDW_STEP_PUBLISH,
	PFDW_STEP_VACUUM,
	PFDW_STEP_COMPACT
} PfdwWorkerStep;

typedef enum PfdwWorkerState
{
	PFDW_PLACE_FREE,
	PFDW_PLACE_STARTING, /* somebody has asked for the worker */
	PFDW_PLACE_RUNNING
} PfdwWorkerState;

typedef struct PfdwSharedWorker
{
	PfdwWorkerState state;
	PfdwWorkerKind kind;
	Oid database;
	int pid;
	int proc; /* its number among the server's processes */
	TimestampTz since;
	bool is_woken; /* since it listened last */
	/* What it does now. */
	PfdwWorkerStep step;
	TimestampTz step_since;
	int32 lake_table; /* 0: none */
	Oid relid;		  /* of its foreign table, or InvalidOid */
	int64 done;		  /* rows */
} PfdwSharedWorker;

/*
 * A lake table with something to do. Requests are numbered, over all tables; a
 * round serves those up to the number that it found when it began.
 */
typedef struct PfdwSharedTable
{
	Oid database; /* InvalidOid: the place is free */
	int32 lake_table;
	uint64 wanted;			 /* number of the newest request */
	uint64 served;			 /* the newest that a round has ended for */
	uint64 succeeded;		 /* the newest that one has ended well for */
	int busy;				 /* pid of the worker at it; 0: none */
	TimestampTz dirty_since; /* unpublished rows; 0: none known */
	uint64 bytes;			 /* of those */
	bool is_urgent;			 /* they are older than is known */
	TimestampTz not_before;	 /* after an error */
	TimestampTz hold_until;	 /* a bulk writer is at it: for requests, too */
	int failures;			 /* in a row */
	TimestampTz used;		 /* the latest change */
	int sqlstate;			 /* of the latest error */
	char message[PFDW_SHARED_MESSAGE];
} PfdwSharedTable;

typedef struct PfdwShared
{
	LWLock lock; /* of everything below */
	ConditionVariable served;
	uint64 requests; /* number of the newest */
	PfdwSharedTable tables[PFDW_SHARED_TABLES];
	PfdwSharedWorker workers[PFDW_SHARED_WORKERS];
	/* Databases in which something was written to a lake table. */
	Oid databases[PFDW_SHARED_DATABASES];
} PfdwShared;

/* ---- in worker_shared.c ----------------------------------------------- */

/* From _PG_init: room, when the library is preloaded. */
extern void pfdw_shared_request(void);
/* Made on first use. */
extern PfdwShared *pfdw_shared_get(void);

/*
 * pfdw_worker_enter -- in a worker: take a place until the process ends;
 * false when there are limit of its kind in this database, or no place.
 */
extern bool pfdw_worker_enter(PfdwWorkerKind kind, int limit);
/* Say what this worker does now (for the views). */
extern void pfdw_worker_step(PfdwWorkerStep step, int32 lake_table, Oid relid);
extern void pfdw_worker_progress(int64 done);
/* Whether this process is a worker that has entered. */
extern bool pfdw_worker_am_one(void);
/* What wakes this worker from now on keeps it from leaving. */
extern void pfdw_worker_listen(void);
/* Give the place back; false when somebody has woken this worker since, or a
 * flush worker has work. */
extern bool pfdw_worker_leave(void);

/*
 * pfdw_worker_ensure -- have a worker of that kind, and one more as long as
 * all are busy and they are fewer than limit. false: none is there and none
 * can be started.
 */
extern bool pfdw_worker_ensure(PfdwWorkerKind kind, Oid database, int limit);

/* The entry of a lake table of this database, made when missing; NULL: no
 * room. The lock is held. */
extern PfdwSharedTable *pfdw_shared_table(int32 lake_table);
/* Whether any table of this database has work. The lock is held. */
extern bool pfdw_shared_has_work(void);

/* Somebody has written to lake tables in this database. */
extern void pfdw_shared_note_database(void);

#endif /* PFDW_WORKER_SHARED_H */
