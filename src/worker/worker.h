/*
 * worker.h
 *
 * Background workers: what runs behind the sessions' backs. In this version
 * that is compaction.
 */
#ifndef PFDW_WORKER_H
#define PFDW_WORKER_H

#include "../delta/delta.h"

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
extern bool pfdw_worker_register(const char *function,
								 const PfdwWorkerCall *call,
								 BackgroundWorkerHandle **handle);

/* In a worker: signal handlers, connection; what it was told. */
extern void pfdw_worker_begin(PfdwWorkerCall *call);

/*
 * Session locks say who works on what: relid InvalidOid is the database's
 * worker. Not waiting.
 */
extern bool pfdw_worker_lock(Oid relid);

/* Whether somebody waits for all to leave the database (DROP DATABASE). */
extern bool pfdw_worker_is_unwanted(void);

/* ---- in worker_database.c --------------------------------------------- */

extern PGDLLEXPORT void paimon_database_worker_main(Datum argument);

/* ---- in worker_compact.c ---------------------------------------------- */

extern PGDLLEXPORT void paimon_compact_worker_main(Datum argument);

/* Run one of the tasks in a transaction as the owner of the table; an error is
 * logged. false after an error, or when the table is gone. */
extern bool pfdw_worker_run(Oid relid, bool (*run)(Oid relid, void *context),
							void *context);

#endif /* PFDW_WORKER_H */
