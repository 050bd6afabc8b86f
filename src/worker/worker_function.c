/*
 * worker_function.c
 *
 * What users ask of workers, and what they see of them: paimon.flush(), and
 * the functions behind the views paimon.stat_tables and
 * paimon.stat_progress.
 */
#include "worker_shared.h"

#include "../fdw/fdw_function.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(paimon_flush);
PG_FUNCTION_INFO_V1(paimon_stat_tables);
PG_FUNCTION_INFO_V1(paimon_stat_progress);

/* ---- flush ------------------------------------------------------------ */

static void
report_end(PfdwFlushEnd end, const PfdwFlushResult *result, const char *name)
{
	switch (end)
	{
		case PFDW_FLUSH_FAILED:
			ereport(ERROR, (errcode(result->sqlstate),
							errmsg("could not publish the rows of \"%s\": %s",
								   name, result->message),
							errhint("See the server log for details.")));
			break;
		case PFDW_FLUSH_NO_WORKER:
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("could not start a background worker to publish "
							"the rows of \"%s\"",
							name),
					 errhint("You may need to increase "
							 "max_worker_processes.")));
			break;
		case PFDW_FLUSH_BLOCKED:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("cannot publish the rows of \"%s\" now", name),
					 errdetail("This transaction holds a lock that the "
							   "background worker waits for.")));
			break;
		default:
			break;
	}
}

Datum
paimon_flush(PG_FUNCTION_ARGS)
{
	Oid relid = PG_GETARG_OID(0);
	PfdwOptions *options;
	PfdwTable *table =
		pfdw_function_open(CurrentMemoryContext, relid, ACL_INSERT, &options);
	const PfdwLakeTable *lake_table;
	int64 snapshot_id;

	PreventCommandDuringRecovery("paimon.flush()");
	lake_table = pfdw_lake_table_find(&options->ref);
	if (lake_table != NULL && IsUnderPostmaster)
	{
		PfdwFlushResult result = {0};

		if (pfdw_delta_has_pending(&options->ref))
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("cannot publish the rows of \"%s\" now",
								   get_rel_name(relid)),
							errdetail("This transaction has written to it.")));
		report_end(pfdw_flush_wait(lake_table->id, false, &result), &result,
				   get_rel_name(relid));
	}
	snapshot_id = pfdw_function_newest(table);
	MemoryContextDelete(table->env->context);
	if (snapshot_id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(snapshot_id);
}

/* ---- stat_tables ------------------------------------------------------ */

#define TABLE_COLUMNS 11

/* What memory has on a table; false: nothing. */
static bool
read_shared(int32 lake_table, PfdwSharedTable *out)
{
	PfdwShared *shared = pfdw_shared_get();
	bool found = false;

	LWLockAcquire(&shared->lock, LW_SHARED);
	for (int i = 0; i < PFDW_SHARED_TABLES; i++)
	{
		if (shared->tables[i].database != MyDatabaseId ||
			shared->tables[i].lake_table != lake_table)
			continue;
		*out = shared->tables[i];
		found = true;
	}
	LWLockRelease(&shared->lock);
	return found;
}

/* Rows and bytes of a delta heap. */
static void
read_delta(Oid delta, Datum *values)
{
	char *schema = get_namespace_name(get_rel_namespace(delta));
	char *name = get_rel_name(delta);
	bool is_null;

	values[0] = values[1] = Int64GetDatum(0);
	if (schema == NULL || name == NULL)
		return;
	if (SPI_execute(psprintf("SELECT pg_catalog.count(*),"
							 " pg_catalog.pg_total_relation_size(%u)"
							 " FROM %s WHERE _kind OPERATOR(pg_catalog.<>) 'L'",
							 delta, quote_qualified_identifier(schema, name)),
					true, 0) != SPI_OK_SELECT)
		return;
	values[0] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
							  &is_null);
	values[1] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2,
							  &is_null);
}

static void
put_table(ReturnSetInfo *info, HeapTuple tuple, TupleDesc desc)
{
	Datum values[TABLE_COLUMNS];
	bool nulls[TABLE_COLUMNS] = {false};
	PfdwSharedTable shared;
	Oid delta;

	/* relid, database, table, branch, snapshot, messages, rows, delta, id */
	for (int i = 0; i < 4; i++)
		values[i] = SPI_getbinval(tuple, desc, i + 1, &nulls[i]);
	for (int i = 0; i < 3; i++)
		values[6 + i] = SPI_getbinval(tuple, desc, 5 + i, &nulls[6 + i]);
	delta = DatumGetObjectId(SPI_getbinval(tuple, desc, 8, &nulls[9]));
	nulls[9] = nulls[10] = true;
	if (read_shared(DatumGetInt32(SPI_getbinval(tuple, desc, 9, &nulls[10])),
					&shared))
	{
		nulls[9] = shared.dirty_since == 0;
		values[9] = TimestampTzGetDatum(shared.dirty_since);
		nulls[10] = shared.failures == 0;
		if (!nulls[10])
			values[10] = CStringGetTextDatum(shared.message);
	}
	else
		nulls[10] = true;
	read_delta(delta, &values[4]);
	tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
}

/* All tables of this database; the view says who sees which. */
Datum
paimon_stat_tables(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	SPITupleTable *found;
	uint64 count;
	Oid user;
	int security;

	InitMaterializedSRF(fcinfo, 0);
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   security | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
	if (SPI_connect() != SPI_OK_CONNECT ||
		SPI_execute("SELECT l.relid, l.database, l.\"table\", l.branch,"
					" l.snapshot_id, o.messages, o.rows, l.delta, l.id"
					" FROM paimon_int.lake_table l, LATERAL (SELECT"
					" pg_catalog.count(*) AS messages,"
					" coalesce(pg_catalog.sum(o.row_count), 0)::bigint AS rows"
					" FROM paimon_int.outbox o WHERE o.lake_table"
					" OPERATOR(pg_catalog.=) l.id) o",
					true, 0) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not list the lake tables")));
	found = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
		put_table(info, found->vals[i], found->tupdesc);
	SPI_finish();
	SetUserIdAndSecContext(user, security);
	return (Datum) 0;
}

/* ---- stat_progress ---------------------------------------------------- */

#define PROGRESS_COLUMNS 7

static const char *
step_name(PfdwWorkerStep step)
{
	switch (step)
	{
		case PFDW_STEP_IDLE:
			break;
		case PFDW_STEP_MOVE:
			return "moving rows to data files";
		case PFDW_STEP_PUBLISH:
			return "publishing";
		case PFDW_STEP_VACUUM:
			return "vacuuming";
		case PFDW_STEP_COMPACT:
			return "compacting";
	}
	return "idle";
}

Datum
paimon_stat_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	PfdwShared *shared = pfdw_shared_get();
	PfdwSharedWorker *workers = palloc(sizeof(shared->workers));

	InitMaterializedSRF(fcinfo, 0);
	LWLockAcquire(&shared->lock, LW_SHARED);
	memcpy(workers, shared->workers, sizeof(shared->workers));
	LWLockRelease(&shared->lock);
	for (int i = 0; i < PFDW_SHARED_WORKERS; i++)
	{
		const PfdwSharedWorker *worker = &workers[i];
		Datum values[PROGRESS_COLUMNS];
		bool nulls[PROGRESS_COLUMNS] = {false};

		if (worker->state != PFDW_PLACE_RUNNING)
			continue;
		values[0] = Int32GetDatum(worker->pid);
		values[1] = ObjectIdGetDatum(worker->database);
		values[2] = CStringGetTextDatum(step_name(worker->step));
		values[3] = Int32GetDatum(worker->lake_table);
		nulls[3] = worker->lake_table == 0;
		values[4] = ObjectIdGetDatum(worker->relid);
		nulls[4] = !OidIsValid(worker->relid);
		values[5] = Int64GetDatum(worker->done);
		nulls[5] = worker->step != PFDW_STEP_MOVE;
		values[6] = TimestampTzGetDatum(worker->step_since);
		tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
	}
	pfree(workers);
	return (Datum) 0;
}
