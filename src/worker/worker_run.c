/*
 * worker_run.c
 *
 * Running a step of a worker's work: one transaction, as the owner of the
 * table, who can be told no more than in a session of his own: his
 * warehouse, his rights to local files. What a worker has written for him
 * outlives the foreign table; then there is nobody to ask, and nothing but
 * that to publish.
 *
 * An error ends the step, not the worker, and goes to the log with all it says.
 */
#include "worker.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

typedef struct Step
{
	Oid relid;
	int32 lake_table;
	bool (*run)(Oid relid, void *context);
	bool (*run_lake)(const PfdwLakeTable *lake_table, void *context);
	void *context;
} Step;

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

/* Lines in the log say what they are about. */
static void
add_context(void *argument)
{
	const PfdwLakeTable *lake_table = argument;

	errcontext("lake table \"%s\".\"%s\"",
			   pfdw_name_from_lake(lake_table->ref.database),
			   pfdw_name_from_lake(lake_table->ref.table));
}

static bool
run_lake(const Step *step, const PfdwLakeTable *lake_table)
{
	ErrorContextCallback callback = {.previous = error_context_stack,
									 .callback = add_context,
									 .arg = (void *) lake_table};
	bool result;

	error_context_stack = &callback;
	result = step->run_lake(lake_table, step->context);
	error_context_stack = callback.previous;
	return result;
}

static bool
run_as_owner(const Step *step)
{
	const PfdwLakeTable *lake_table = NULL;
	Oid owner;
	Oid user;
	int security;
	bool result;

	if (step->run_lake != NULL)
	{
		lake_table = pfdw_lake_table_by_id(step->lake_table);
		if (lake_table == NULL)
			return true;
		owner = owner_of(lake_table->relid);
		if (!OidIsValid(owner))
			owner = BOOTSTRAP_SUPERUSERID;
	}
	else
		owner = owner_of(step->relid);
	if (!OidIsValid(owner))
		return false;
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(owner, security | SECURITY_RESTRICTED_OPERATION);
	if (step->run_lake != NULL)
		result = run_lake(step, lake_table);
	else
		result = step->run(step->relid, step->context);
	SetUserIdAndSecContext(user, security);
	return result;
}

/* An error goes to the log with all it says; a wish to end goes on. */
static void
log_error(MemoryContext context, bool is_quiet, PfdwFlushResult *failure)
{
	ErrorData *error;
	int length;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	AbortCurrentTransaction();
	if (failure != NULL)
	{
		failure->sqlstate = error->sqlerrcode;
		length = pg_mbcliplen(error->message, strlen(error->message),
							  sizeof(failure->message) - 1);
		memcpy(failure->message, error->message, length);
		failure->message[length] = '\0';
	}
	if (is_quiet && error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE)
		error->elevel = DEBUG1;
	else
		error->elevel = LOG;
	ThrowErrorData(error);
	FreeErrorData(error);
}

static bool
run_step(const Step *step, bool is_quiet, PfdwFlushResult *failure)
{
	MemoryContext outer = CurrentMemoryContext;
	volatile bool result = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	PG_TRY();
	{
		result = run_as_owner(step);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		result = false;
		log_error(outer, is_quiet, failure);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(outer);
	return result;
}

bool
pfdw_worker_run(Oid relid, bool (*run)(Oid relid, void *context), void *context)
{
	Step step = {.relid = relid, .run = run, .context = context};

	return run_step(&step, true, NULL);
}

bool
pfdw_worker_run_lake(int32 lake_table,
					 bool (*run)(const PfdwLakeTable *lake_table,
								 void *context),
					 void *context, PfdwFlushResult *failure)
{
	Step step = {.lake_table = lake_table, .run_lake = run, .context = context};

	return run_step(&step, false, failure);
}
