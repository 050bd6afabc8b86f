/*
 * fdw_function_changes.c
 *
 * paimon.changes(): what changed in a lake table after one snapshot up to
 * another, as rows of (snapshot, kind, row). The scan is one of changes
 * (pmn_changes.h); rows go through the decoder like any others, become
 * composites of the foreign table's columns, and those jsonb.
 *
 * Rows go straight into the result's tuplestore, which spills: memory is that
 * of one batch. A table with row-level security for the caller is refused, as
 * a function cannot apply its policies.
 */
#include "fdw_function.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/tuplestore.h"

#define SPECIAL_COLUMNS 2 /* snapshot and kind come first */

PG_FUNCTION_INFO_V1(paimon_changes);

typedef struct ChangesCall
{
	PfdwTable *table;
	Relation relation;
	TupleDesc tupdesc; /* the relation's, as a type of its own */
	PfdwColumn *columns;
	int column_count;
	PfdwDecoder *decoder;
	MemoryContext row_context;
	ReturnSetInfo *result;
} ChangesCall;

static void
get_spec(FunctionCallInfo fcinfo, PmnChangesSpec *spec)
{
	char *mode = text_to_cstring(PG_GETARG_TEXT_PP(3));

	memset(spec, 0, sizeof(*spec));
	spec->kind = PMN_CHANGES_IDS;
	spec->from_number = PG_GETARG_INT64(1);
	spec->to_number = PG_ARGISNULL(2) ? -1 : PG_GETARG_INT64(2);
	if (spec->from_number < 0 || (!PG_ARGISNULL(2) && spec->to_number < 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a snapshot id must not be negative")));
	if (!pfdw_changes_mode_parse(mode, &spec->mode))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid mode \"%s\"", mode),
						errhint("Use \"auto\", \"delta\", \"changelog\" or "
								"\"diff\".")));
}

/* Snapshot, kind, then the foreign table's columns. */
static void
choose_columns(ChangesCall *call)
{
	static const PmnType number = {.kind = PMN_TYPE_BIGINT};
	static const PmnType text = {.kind = PMN_TYPE_VARCHAR,
								 .length = PMN_LENGTH_MAX};
	int count = 0;
	PfdwColumn *own =
		pfdw_columns_match(call->relation, call->table->schema, &count);

	call->column_count = count + SPECIAL_COLUMNS;
	call->columns = palloc0(sizeof(PfdwColumn) * call->column_count);
	call->columns[0] = (PfdwColumn){.field = PMN_COLUMN_SNAPSHOT,
									.type = &number,
									.typid = INT8OID,
									.typmod = -1};
	call->columns[1] = (PfdwColumn){.field = PMN_COLUMN_KIND,
									.type = &text,
									.typid = TEXTOID,
									.typmod = -1};
	memcpy(call->columns + SPECIAL_COLUMNS, own, sizeof(PfdwColumn) * count);
	call->decoder = pfdw_decoder_create(call->columns, call->column_count);
	call->tupdesc =
		BlessTupleDesc(CreateTupleDescCopy(RelationGetDescr(call->relation)));
}

static PmnRead *
open_changes(ChangesCall *call, const PmnChangeRange *range)
{
	PmnScanRequest request = {0};
	int32_t *projection = palloc(sizeof(int32_t) * call->column_count);

	for (int i = 0; i < call->column_count; i++)
		projection[i] = call->columns[i].field;
	request.snapshot_id = range->until_id;
	request.changes = range;
	request.keep_retractions = true;
	request.memory_limit_bytes = (size_t) Max(work_mem, 65536) * 1024;
	return pfdw_read_open(call->table, pfdw_scan_plan(call->table, &request),
						  projection, (uint32_t) call->column_count);
}

static void
put_row(ChangesCall *call, uint32 row)
{
	PfdwDecoder *decoder = call->decoder;
	int width = call->tupdesc->natts;
	Datum *fields = palloc0(sizeof(Datum) * (width + 1));
	bool *is_null = palloc(sizeof(bool) * (width + 1));
	Datum values[3];
	bool nulls[3] = {false, false, false};
	Datum json;

	memset(is_null, 1, sizeof(bool) * (width + 1));
	for (int i = SPECIAL_COLUMNS; i < call->column_count; i++)
	{
		int at = call->columns[i].attnum - 1;

		fields[at] = decoder->values[i][row];
		is_null[at] = decoder->nulls[i][row];
	}
	json = DirectFunctionCall1(
		row_to_json,
		HeapTupleGetDatum(heap_form_tuple(call->tupdesc, fields, is_null)));
	values[0] = decoder->values[0][row];
	values[1] = decoder->values[1][row];
	values[2] = DirectFunctionCall1(jsonb_in,
									CStringGetDatum(TextDatumGetCString(json)));
	tuplestore_putvalues(call->result->setResult, call->result->setDesc, values,
						 nulls);
}

static void
put_batch(ChangesCall *call, PmnBatch *batch)
{
	MemoryContext old;

	pfdw_decode_batch(call->decoder, batch);
	old = MemoryContextSwitchTo(call->row_context);
	for (uint32 i = 0; i < batch->selected_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_row(call, batch->selection == NULL ? i : batch->selection[i]);
		MemoryContextReset(call->row_context);
	}
	MemoryContextSwitchTo(old);
}

static void
put_changes(ChangesCall *call, const PmnChangesSpec *spec)
{
	PmnChangeRange range;
	PmnBatch *batch = NULL;
	PmnRead *read;

	pfdw_check(call->table->env,
			   pmn_table_resolve_changes(call->table->table, spec, &range));
	choose_columns(call);
	if (range.is_empty)
		return;
	read = open_changes(call, &range);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		pfdw_check(call->table->env, pmn_read_next(read, &batch));
		if (batch == NULL)
			break;
		put_batch(call, batch);
	}
}

Datum
paimon_changes(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext old;
	ChangesCall call = {0};
	PfdwOptions *options;
	PmnChangesSpec spec;
	Oid relid;

#if PG_VERSION_NUM >= 160000
	InitMaterializedSRF(fcinfo, 0);
#else
	SetSingleFuncCall(fcinfo, 0);
#endif
	/* Only the end of the range may be left open. */
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
		return (Datum) 0;
	relid = PG_GETARG_OID(0);
	get_spec(fcinfo, &spec);
	context = AllocSetContextCreate(CurrentMemoryContext, "paimon changes",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	call.table = pfdw_function_open(context, relid, ACL_SELECT, &options);
	if (check_enable_rls(relid, InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row-level security of table \"%s\" cannot be applied "
						"to its changes",
						get_rel_name(relid))));
	pfdw_check(call.table->env, pmn_table_check_read(call.table->table));
	call.relation = table_open(relid, AccessShareLock);
	call.result = (ReturnSetInfo *) fcinfo->resultinfo;
	call.row_context = AllocSetContextCreate(context, "paimon changes row",
											 ALLOCSET_DEFAULT_SIZES);
	put_changes(&call, &spec);
	table_close(call.relation, AccessShareLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
