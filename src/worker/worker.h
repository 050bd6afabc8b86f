/*
 * worker.h
 *
 * Background workers: what runs behind the sessions' backs. They bring rows
 * to the lake and compact it.
 */
#ifndef PFDW_WORKER_H
#define PFDW_WORKER_H

#include "../delta/delta_store.h"
#include "../fdw/fdw.h"

#include "postmaster/bgworker.h"

/*
 * What workers do is known by a higher folder, which hands it over at start.
 * Both run in a transaction, as the table's owner.
 */
typedef struct PfdwWorkerTasks
{
	/*
	 * Whether the table may have something to compact. *seen is kept for it
	 * between calls, 0 at first.
	 */
	bool (*compact_is_due)(Oid relid, int64 *seen);
	/* Compact and publish; nothing to do is fine. */
	void (*compact)(Oid relid);
} PfdwWorkerTasks;

/* ---- in worker_loop.c ------------------------------------------------- */

/* From _PG_init: the setting, and what happens when a session commits. */
extern void pfdw_worker_init(const PfdwWorkerTasks *tasks);

extern const PfdwWorkerTasks *pfdw_worker_tasks;
extern int pfdw_compaction_workers; /* setting compaction_workers */

/* What a worker is told; in bgw_extra. */
typedef struct PfdwWorkerCall
{
	Oid database;
	Oid relid; /* InvalidOid: the database's worker */
} PfdwWorkerCall;

/* Start a worker at the named function; false: none is free. */
extern bool pfdw_worker_register(const char *function, const char *what,
								 const PfdwWorkerCall *call,
								 BackgroundWorkerHandle **handle);

/* In a worker: signal handlers, connection; what it was told. */
extern void pfdw_worker_begin(PfdwWorkerCall *call);

/*
 * Session locks say who works on what: relid InvalidOid is the database's
 * worker.
 */
extern bool pfdw_worker_lock(Oid relid, bool wait);
/* The same for who moves and publishes a lake table's rows. */
extern bool pfdw_worker_lock_lake(int32 lake_table, bool wait);
extern void pfdw_worker_unlock_lake(int32 lake_table);

/* Something was published here: see to the database's worker. */
extern void pfdw_worker_published(void);

/* Whether somebody waits for all to leave the database (DROP DATABASE). */
extern bool pfdw_worker_is_unwanted(void);

/* ---- in worker_database.c --------------------------------------------- */

extern PGDLLEXPORT void paimon_database_worker_main(Datum argument);

/* ---- in worker_compact.c ---------------------------------------------- */

extern PGDLLEXPORT void paimon_compact_worker_main(Datum argument);

/* ---- in worker_run.c -------------------------------------------------- */

/* How a step, or a flush, has failed. */
typedef struct PfdwFlushResult
{
	int sqlstate;
	char message[400];
} PfdwFlushResult;

/* Run one of the tasks in a transaction as the owner of the table; an error is
 * logged. false after an error, or when the table is gone. */
extern bool pfdw_worker_run(Oid relid, bool (*run)(Oid relid, void *context),
							void *context);
/* The same for a lake table, whose foreign table may be gone. failure takes
 * an error's message. */
extern bool pfdw_worker_run_lake(int32 lake_table,
								 bool (*run)(const PfdwLakeTable *lake_table,
											 void *context),
								 void *context, PfdwFlushResult *failure);

/* ---- in worker_request.c ---------------------------------------------- */

extern int pfdw_flush_interval; /* ms */
extern int pfdw_flush_size;		/* kB */
extern int pfdw_flush_workers;
extern bool pfdw_synchronous_publish;
extern void pfdw_request_init(void); /* from _PG_init */

typedef enum PfdwFlushEnd
{
	PFDW_FLUSH_WAITING,
	PFDW_FLUSH_DONE,
	PFDW_FLUSH_FAILED,
	PFDW_FLUSH_NO_WORKER,
	PFDW_FLUSH_CANCELLED, /* is_committed only; else an error is raised */
	PFDW_FLUSH_BLOCKED	  /* by a lock of this session */
} PfdwFlushEnd;

/*
 * pfdw_flush_wait -- have everything that is committed now in the lake.
 * is_committed: at the end of a transaction, where no error is allowed.
 */
extern PfdwFlushEnd pfdw_flush_wait(int32 lake_table, bool is_committed,
									PfdwFlushResult *result);
/* Have a worker look at the table soon, or no more. */
extern void pfdw_flush_mark(int32 lake_table);
extern void pfdw_flush_unmark(int32 lake_table);

/* Rows may be there that no session of now has written. */
extern void pfdw_worker_look(void);

/* ---- in worker_flush.c ------------------------------------------------ */

extern PGDLLEXPORT void paimon_flush_worker_main(Datum argument);

/* ---- in worker_move.c ------------------------------------------------- */

/*
 * pfdw_worker_move -- move the delta's committed rows, and this transaction's
 * own, to files and an outbox row, in this transaction. How many rows; -1:
 * a bulk writer is at the table, and wait is false.
 */
extern int64 pfdw_worker_move(const PfdwLakeTable *lake_table, bool wait);

/* ---- in worker_vacuum.c ----------------------------------------------- */

/* Rows of the lake table have been moved. */
extern void pfdw_vacuum_note(int32 lake_table);
/* Vacuum what has grown; is_idle: what is not quite small, too. */
extern void pfdw_vacuum_noted(bool is_idle);

/* ---- in worker_launcher.c --------------------------------------------- */

extern void pfdw_launcher_init(void); /* from _PG_init */
extern PGDLLEXPORT void paimon_launcher_main(Datum argument);

/* ---- in worker_drop.c ------------------------------------------------- */

extern void pfdw_drop_init(void); /* from _PG_init */

#endif /* PFDW_WORKER_H */
