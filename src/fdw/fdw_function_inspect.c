/*
 * fdw_function_inspect.c
 *
 * The functions of schema paimon that look inside a table: its system tables
 * by name, and the check of everything that its newest snapshot refers to.
 * They need SELECT on the table; as for scans, the table's owner needs the
 * right to local files. What belongs to a snapshot follows paimon_fdw.as_of
 * and the foreign table's scan.* options.
 */
#include "fdw_function.h"
#include "fdw_system.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

static void
begin_rows(FunctionCallInfo fcinfo)
{
#if PG_VERSION_NUM >= 160000
	InitMaterializedSRF(fcinfo, 0);
#else
	SetSingleFuncCall(fcinfo, 0);
#endif
}

static Datum
system_rows(FunctionCallInfo fcinfo, const char *name)
{
	const PmnSystemTable *system = pmn_system_table(name, false);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	PfdwOptions *options;
	PfdwTable *table;
	PmnTravel travel;

	begin_rows(fcinfo);
	table = pfdw_function_open(CurrentMemoryContext, PG_GETARG_OID(0),
							   ACL_SELECT, &options);
	if (result->setDesc->natts != (int) system->column_count)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("function paimon.%s does not have the columns of this "
						"version",
						name),
				 errhint("Run ALTER EXTENSION paimon_fdw UPDATE.")));
	pfdw_travel_get(options, &travel);
	pfdw_travel_settle(table, &travel);
	pfdw_system_fill(table->env, table, NULL, system, &travel, NULL,
					 result->setDesc, result->setResult);
	MemoryContextDelete(table->env->context);
	return (Datum) 0;
}

#define SYSTEM_FUNCTION(name)                                                  \
	PG_FUNCTION_INFO_V1(paimon_##name);                                        \
	Datum paimon_##name(PG_FUNCTION_ARGS)                                      \
	{                                                                          \
		return system_rows(fcinfo, #name);                                     \
	}

SYSTEM_FUNCTION(snapshots)
SYSTEM_FUNCTION(schemas)
SYSTEM_FUNCTION(options)
SYSTEM_FUNCTION(files)
SYSTEM_FUNCTION(file_key_ranges)
SYSTEM_FUNCTION(manifests)
SYSTEM_FUNCTION(partitions)
SYSTEM_FUNCTION(buckets)
SYSTEM_FUNCTION(tags)
SYSTEM_FUNCTION(branches)
SYSTEM_FUNCTION(consumers)
SYSTEM_FUNCTION(statistics)
SYSTEM_FUNCTION(aggregation_fields)
SYSTEM_FUNCTION(table_indexes)

/* ---- verify ----------------------------------------------------------- */

PG_FUNCTION_INFO_V1(paimon_verify);

/*
 * Problems are few. Storage reports them from the middle of its work and
 * must not be left by an error, so they are noted without one.
 */
typedef struct Problems
{
	MemoryContext context;
	char **cells; /* object and problem, in turn */
	uint64 count; /* cells */
	uint64 capacity;
	bool out_of_memory;
} Problems;

static char *
copy_or_null(MemoryContext context, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = MemoryContextAllocExtended(context, size, MCXT_ALLOC_NO_OOM);

	if (copy != NULL)
		memcpy(copy, text, size);
	return copy;
}

static bool
visit_problem(void *context, const char *object, const char *problem)
{
	Problems *problems = context;
	char **cells;

	if (problems->count + 2 > problems->capacity)
	{
		uint64 capacity = Max(problems->capacity * 2, 64);

		cells = MemoryContextAllocExtended(problems->context,
										   sizeof(char *) * capacity,
										   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
		problems->out_of_memory = cells == NULL;
		if (cells == NULL)
			return false;
		if (problems->count > 0)
			memcpy(cells, problems->cells, sizeof(char *) * problems->count);
		problems->cells = cells;
		problems->capacity = capacity;
	}
	cells = problems->cells + problems->count;
	cells[0] = copy_or_null(problems->context, object);
	cells[1] = copy_or_null(problems->context, problem);
	problems->out_of_memory = cells[0] == NULL || cells[1] == NULL;
	problems->count += 2;
	return !problems->out_of_memory;
}

Datum
paimon_verify(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	PfdwOptions *options;
	PfdwTable *table;
	Problems problems = {0};
	int64 snapshot_id;

	begin_rows(fcinfo);
	table = pfdw_function_open(CurrentMemoryContext, PG_GETARG_OID(0),
							   ACL_SELECT, &options);
	snapshot_id = pfdw_function_newest(table);
	problems.context = CurrentMemoryContext;
	if (snapshot_id > 0)
		pfdw_check(table->env, pmn_table_verify(table->table, snapshot_id,
												visit_problem, &problems));
	if (problems.out_of_memory)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	for (uint64 i = 0; i < problems.count; i += 2)
	{
		bool nulls[2] = {false, false};
		Datum values[2];

		CHECK_FOR_INTERRUPTS();
		for (int c = 0; c < 2; c++)
			values[c] =
				CStringGetTextDatum(pfdw_name_from_lake(problems.cells[i + c]));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	MemoryContextDelete(table->env->context);
	return (Datum) 0;
}
