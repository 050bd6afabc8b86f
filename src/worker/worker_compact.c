/*
 * worker_compact.c
 *
 * The worker of one task: compacts one lake table, once, and ends. Other writers are not held up;
 * where another engine was faster, the work is dropped and its files are
 * removed.
 */
#include "worker_shared.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static bool compact(Oid relid, void *context);
static void show_activity(Oid relid);

void
paimon_compact_worker_main(Datum argument)
{
	PfdwWorkerCall call;

	pfdw_worker_begin(&call);
	if (!pfdw_worker_enter(PFDW_WORKER_COMPACT, PFDW_SHARED_WORKERS))
		return;
	if (pfdw_worker_lock(call.relid, false))
		(void) pfdw_worker_run(call.relid, compact, NULL);
}

static bool
compact(Oid relid, void *context)
{
	show_activity(relid);
	pfdw_worker_step(PFDW_STEP_COMPACT, 0, relid);
	pfdw_worker_tasks->compact(relid);
	pgstat_report_activity(STATE_IDLE, NULL);
	return true;
}

/* What pg_stat_activity shows as the query. */
static void
show_activity(Oid relid)
{
	char *name = quote_qualified_identifier(
		get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));

	pgstat_report_activity(STATE_RUNNING,
						   psprintf("compacting lake table %s", name));
}
