/*
 * worker_compact.c
 *
 * The worker of one task: compacts one lake table, once, and ends. It acts as
 * the table's owner, who can be told no more than in a session of his own:
 * his warehouse, his rights to local files. Other writers are not held up;
 * where another engine was faster, the work is dropped and its files are
 * removed.
 */
#include "worker.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "access/htup_details.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

static bool compact(Oid relid, void *context);
static void show_activity(Oid relid);

void
paimon_compact_worker_main(Datum argument)
{
	PfdwWorkerCall call;

	pfdw_worker_begin(&call);
	if (pfdw_worker_lock(call.relid))
		(void) pfdw_worker_run(call.relid, compact, NULL);
}

static bool
compact(Oid relid, void *context)
{
	show_activity(relid);
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

static Oid
owner_of(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

static bool
run_as_owner(Oid relid, bool (*run)(Oid relid, void *context), void *context)
{
	Oid owner = owner_of(relid);
	Oid user;
	int security;
	bool result;

	if (!OidIsValid(owner))
		return false;
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(owner, security | SECURITY_RESTRICTED_OPERATION);
	result = run(relid, context);
	SetUserIdAndSecContext(user, security);
	return result;
}

/* An error goes to the log with all it says; a wish to end goes on. */
static void
log_error(MemoryContext context)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	AbortCurrentTransaction();
	if (error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE)
		error->elevel = DEBUG1;
	else
		error->elevel = LOG;
	ThrowErrorData(error);
	FreeErrorData(error);
}

bool
pfdw_worker_run(Oid relid, bool (*run)(Oid relid, void *context), void *context)
{
	MemoryContext outer = CurrentMemoryContext;
	volatile bool result = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	PG_TRY();
	{
		result = run_as_owner(relid, run, context);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		result = false;
		log_error(outer);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(outer);
	return result;
}
