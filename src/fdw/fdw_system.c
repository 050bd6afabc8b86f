/*
 * fdw_system.c
 *
 * Paimon's system tables as foreign tables: their names, their columns in
 * PostgreSQL's types, and a scan of those that show metadata. Rows go into a
 * tuplestore at the first one asked for, so that they are of one moment and
 * long lists spill to disk.
 *
 * Storage calls the row visitor from the middle of its work and must get back
 * to where it was, whatever happens: the visitor catches errors, ends the
 * visit, and the error goes on when storage has cleaned up.
 *
 * Times: an instant is shown in the session's zone, as Paimon shows it in
 * the zone of its process; a file's creation time is that of a clock on the
 * wall where it was written, and is shown as it is.
 */
#include "fdw_system.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

struct PfdwSystemScan
{
	MemoryContext context;
	Relation relation;
	PfdwOptions *options;
	int *map;
	Tuplestorestate *store;	 /* NULL until the first row */
	TupleTableSlot *fetched; /* a row as the tuplestore has it */
};

/* Where the visitor puts rows. */
typedef struct SystemSink
{
	const PmnSystemTable *system;
	const int *map;
	TupleDesc tupdesc;
	AttInMetadata *input;
	Tuplestorestate *store;
	MemoryContext context; /* of everything but a row */
	MemoryContext row_context;
	Datum *values;
	bool *nulls;
	ErrorData *error;
} SystemSink;

/* ---- names ------------------------------------------------------------ */

static const struct
{
	const char *name;
	PfdwSystemKind kind;
} data_tables[] = {
	{"ro", PFDW_SYSTEM_READ_OPTIMIZED},
	{"audit_log", PFDW_SYSTEM_AUDIT_LOG},
	{"binlog", PFDW_SYSTEM_BINLOG},
	{"row_tracking", PFDW_SYSTEM_ROW_TRACKING},
};

static void
pg_attribute_noreturn() fail_no_system_table(const char *name, bool is_global)
{
	const PmnSystemTable *system;
	StringInfoData known;

	initStringInfo(&known);
	for (uint32 i = 0; (system = pmn_system_table_at(i)) != NULL; i++)
	{
		if (system->is_global == is_global)
			appendStringInfo(&known, "%s%s", known.len == 0 ? "" : ", ",
							 system->name);
	}
	for (size_t i = 0; !is_global && i < lengthof(data_tables); i++)
		appendStringInfo(&known, ", %s", data_tables[i].name);
	ereport(ERROR, (errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
					errmsg("there is no system table \"%s\"", name),
					errhint("There are %s.", known.data)));
}

static void
find_system_table(PfdwOptions *options, const char *name)
{
	options->system = pmn_system_table(name, false);
	if (options->system != NULL)
	{
		options->system_kind = PFDW_SYSTEM_METADATA;
		return;
	}
	for (size_t i = 0; i < lengthof(data_tables); i++)
	{
		if (strcmp(data_tables[i].name, name) == 0)
			options->system_kind = data_tables[i].kind;
	}
	if (options->system_kind == PFDW_SYSTEM_NONE)
		fail_no_system_table(name, false);
}

void
pfdw_system_parse(PfdwOptions *options)
{
	static const char branch_prefix[] = "branch_";
	char *rest;

	options->lake_name = options->ref.table;
	if (strcmp(options->ref.database, "sys") == 0)
	{
		options->system = pmn_system_table(options->ref.table, true);
		if (options->system == NULL)
			fail_no_system_table(options->ref.table, true);
		options->system_kind = PFDW_SYSTEM_METADATA;
		return;
	}
	rest = strchr(options->ref.table, '$');
	if (rest == NULL || rest == options->ref.table)
		return;
	options->ref.table =
		pnstrdup(options->ref.table, rest - options->ref.table);
	rest++;
	if (strncmp(rest, branch_prefix, strlen(branch_prefix)) == 0)
	{
		char *branch = rest + strlen(branch_prefix);
		char *end = strchr(branch, '$');

		rest = end == NULL ? NULL : end + 1;
		branch = end == NULL ? branch : pnstrdup(branch, end - branch);
		options->ref.branch = strcmp(branch, "main") == 0 ? NULL : branch;
	}
	if (rest != NULL)
		find_system_table(options, rest);
}

void
pfdw_system_refuse_change(const PfdwOptions *options, const char *name)
{
	if (options->has_changes)
		ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
						errmsg("cannot write to foreign table \"%s\"", name),
						errdetail("Its options name a range of snapshots.")));
	if (options->system_kind == PFDW_SYSTEM_NONE)
		return;
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("cannot change foreign table \"%s\"", name),
					errdetail("It is the system table \"%s\" of the lake.",
							  pfdw_name_from_lake(options->lake_name))));
}

/* ---- columns ---------------------------------------------------------- */

bool
pfdw_system_has_kinds(PfdwSystemKind kind)
{
	return kind == PFDW_SYSTEM_AUDIT_LOG || kind == PFDW_SYSTEM_BINLOG;
}

void
pfdw_system_show(PfdwTable *table, PfdwSystemKind kind)
{
	if (kind != PFDW_SYSTEM_ROW_TRACKING)
		return;
	pfdw_check(table->env, pmn_table_track_rows(table->table));
	table->schema = pmn_table_schema(table->table);
}

const PmnType *
pfdw_system_field_type(PfdwSystemKind kind, const PmnType *type)
{
	PmnType *element;
	PmnType *array;

	if (kind != PFDW_SYSTEM_BINLOG)
		return type;
	element = palloc(sizeof(*element));
	*element = *type;
	element->is_nullable = true;
	array = palloc0(sizeof(*array));
	array->kind = PMN_TYPE_ARRAY;
	array->is_nullable = true;
	array->element = element;
	return array;
}

bool
pfdw_system_shows_sequence(const PmnSchema *schema)
{
	const char *value =
		pmn_schema_option(schema, "table-read.sequence-number.enabled");

	return value != NULL && pg_strcasecmp(value, "true") == 0;
}

Oid
pfdw_system_type(const PmnSystemColumn *column, int32 *typmod)
{
	*typmod = -1;
	switch (column->type)
	{
		case PMN_SYSTEM_TEXT:
			return TEXTOID;
		case PMN_SYSTEM_INT:
			return INT4OID;
		case PMN_SYSTEM_LONG:
			return INT8OID;
		case PMN_SYSTEM_BOOL:
			return BOOLOID;
		case PMN_SYSTEM_INSTANT:
		case PMN_SYSTEM_LOCAL_TIME:
			*typmod = 3;
			return TIMESTAMPOID;
		case PMN_SYSTEM_TEXTS:
			return TEXTARRAYOID;
		case PMN_SYSTEM_JSON:
			return JSONBOID;
	}
	return InvalidOid;
}

const char *
pfdw_system_type_sql(const PmnSystemColumn *column)
{
	int32 typmod;
	Oid type = pfdw_system_type(column, &typmod);

	return format_type_with_typemod(type, typmod);
}

int *
pfdw_system_match(Relation relation, const PmnSystemTable *system)
{
	TupleDesc tupdesc = RelationGetDescr(relation);
	int *map = palloc(sizeof(int) * (tupdesc->natts + 1));

	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);
		const char *name;
		int32 typmod;
		Oid type;

		map[i] = -1;
		if (attribute->attisdropped)
			continue;
		name = pfdw_relation_column_name(RelationGetRelid(relation),
										 attribute->attnum,
										 NameStr(attribute->attname));
		for (uint32 c = 0; c < system->column_count; c++)
		{
			if (strcmp(system->columns[c].name, name) == 0)
				map[i] = (int) c;
		}
		if (map[i] < 0)
			ereport(ERROR, (errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
							errmsg("system table \"%s\" has no column \"%s\"",
								   system->name, pfdw_name_from_lake(name))));
		type = pfdw_system_type(&system->columns[map[i]], &typmod);
		if (attribute->atttypid != type &&
			!(type == TEXTOID && attribute->atttypid == VARCHAROID))
			ereport(
				ERROR,
				(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				 errmsg("column \"%s\" of foreign table \"%s\" must have type "
						"%s, not %s",
						NameStr(attribute->attname),
						RelationGetRelationName(relation),
						format_type_with_typemod(type, typmod),
						format_type_be(attribute->atttypid))));
	}
	return map;
}

/* ---- rows ------------------------------------------------------------- */

static Datum
timestamp_of(int64 millis, bool is_instant)
{
	const int64 epoch =
		((int64) POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	int64 micros;

	if (pg_mul_s64_overflow(millis, 1000, &micros) ||
		pg_sub_s64_overflow(micros, epoch, &micros) ||
		!IS_VALID_TIMESTAMP(micros))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("timestamp out of range")));
	if (!is_instant)
		return TimestampGetDatum(micros);
	return DirectFunctionCall1(timestamptz_timestamp,
							   TimestampTzGetDatum(micros));
}

static Datum
array_of(const PmnSystemCell *cell)
{
	Datum *items = palloc(sizeof(Datum) * (cell->item_count + 1));

	for (uint32 i = 0; i < cell->item_count; i++)
		items[i] = CStringGetTextDatum(pfdw_name_from_lake(cell->items[i]));
	return PointerGetDatum(construct_array(items, (int) cell->item_count,
										   TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
value_of(const SystemSink *sink, int attribute, PmnSystemType type,
		 const PmnSystemCell *cell)
{
	switch (type)
	{
		case PMN_SYSTEM_INT:
			return Int32GetDatum((int32) cell->number);
		case PMN_SYSTEM_LONG:
			return Int64GetDatum(cell->number);
		case PMN_SYSTEM_BOOL:
			return BoolGetDatum(cell->number != 0);
		case PMN_SYSTEM_INSTANT:
			return timestamp_of(cell->number, true);
		case PMN_SYSTEM_LOCAL_TIME:
			return timestamp_of(cell->number, false);
		case PMN_SYSTEM_TEXTS:
			return array_of(cell);
		case PMN_SYSTEM_TEXT:
		case PMN_SYSTEM_JSON:
			break;
	}
	return InputFunctionCall(&sink->input->attinfuncs[attribute],
							 pfdw_shown_from_lake(cell->text),
							 sink->input->attioparams[attribute],
							 sink->input->atttypmods[attribute]);
}

static void
put_row(SystemSink *sink, const PmnSystemCell *cells)
{
	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < sink->tupdesc->natts; i++)
	{
		int at = sink->map == NULL ? i : sink->map[i];

		sink->nulls[i] = at < 0 || cells[at].is_null;
		sink->values[i] = (Datum) 0;
		if (!sink->nulls[i])
			sink->values[i] =
				value_of(sink, i, sink->system->columns[at].type, &cells[at]);
	}
	tuplestore_putvalues(sink->store, sink->tupdesc, sink->values, sink->nulls);
}

/* A PmnSystemVisitor. */
static bool
visit_row(void *context, const PmnSystemCell *cells)
{
	SystemSink *sink = context;

	MemoryContextSwitchTo(sink->row_context);
	PG_TRY();
	{
		put_row(sink, cells);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(sink->context);
		sink->error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(sink->context);
	MemoryContextReset(sink->row_context);
	return sink->error == NULL;
}

void
pfdw_system_fill(PfdwEnv *env, PfdwTable *table, PmnCatalog *catalog,
				 const PmnSystemTable *system, const PmnTravel *travel,
				 const int *map, TupleDesc tupdesc, Tuplestorestate *store)
{
	SystemSink sink = {0};
	PmnCode code;

	Assert(map != NULL || tupdesc->natts == (int) system->column_count);
	sink.system = system;
	sink.map = map;
	sink.tupdesc = tupdesc;
	sink.input = TupleDescGetAttInMetadata(tupdesc);
	sink.store = store;
	sink.context = CurrentMemoryContext;
	sink.row_context = AllocSetContextCreate(
		CurrentMemoryContext, "paimon system row", ALLOCSET_DEFAULT_SIZES);
	sink.values = palloc0(sizeof(Datum) * (tupdesc->natts + 1));
	sink.nulls = palloc0(sizeof(bool) * (tupdesc->natts + 1));
	code = system->is_global
			   ? pmn_catalog_visit_system(catalog, system, visit_row, &sink)
			   : pmn_table_visit_system(table->table, system, travel, visit_row,
										&sink);
	MemoryContextDelete(sink.row_context);
	if (sink.error != NULL)
		ReThrowError(sink.error);
	pfdw_check(env, code);
}

/* ---- scan ------------------------------------------------------------- */

PfdwSystemScan *
pfdw_system_begin(Relation relation, PfdwOptions *options)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "paimon system scan", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PfdwSystemScan *scan = palloc0(sizeof(*scan));

	scan->context = context;
	scan->relation = relation;
	scan->options = options;
	scan->map = pfdw_system_match(relation, options->system);
	MemoryContextSwitchTo(old);
	return scan;
}

static void
fill_store(PfdwSystemScan *scan)
{
	MemoryContext work = AllocSetContextCreate(
		scan->context, "paimon system fill", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scan->context);
	const PfdwOptions *options = scan->options;
	const char *warehouse = options->ref.warehouse;
	TupleDesc tupdesc = RelationGetDescr(scan->relation);
	PfdwTable *table = NULL;
	PmnCatalog *catalog = NULL;
	PfdwEnv *env;
	PmnTravel travel;

	pfdw_warehouse_check(warehouse,
						 pfdw_relation_owner(RelationGetRelid(scan->relation)),
						 false);
	scan->fetched = MakeSingleTupleTableSlot(tupdesc, &TTSOpsMinimalTuple);
	scan->store = tuplestore_begin_heap(true, false, work_mem);
	MemoryContextSwitchTo(work);
	env = pfdw_env_create(work, "paimon system scan");
	pfdw_travel_get(options, &travel);
	if (options->system->is_global)
		catalog = pfdw_catalog_open(env, warehouse);
	else
	{
		table = pfdw_table_open(env, &options->ref);
		pfdw_travel_settle(table, &travel);
	}
	pfdw_system_fill(env, table, catalog, options->system, &travel, scan->map,
					 tupdesc, scan->store);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
}

TupleTableSlot *
pfdw_system_next(PfdwSystemScan *scan, TupleTableSlot *slot)
{
	int count = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	if (scan->store == NULL)
		fill_store(scan);
	if (!tuplestore_gettupleslot(scan->store, true, false, scan->fetched))
		return slot;
	slot_getallattrs(scan->fetched);
	memcpy(slot->tts_values, scan->fetched->tts_values, sizeof(Datum) * count);
	memcpy(slot->tts_isnull, scan->fetched->tts_isnull, sizeof(bool) * count);
	return ExecStoreVirtualTuple(slot);
}

void
pfdw_system_rescan(PfdwSystemScan *scan)
{
	if (scan->store != NULL)
		tuplestore_rescan(scan->store);
}

void
pfdw_system_end(PfdwSystemScan *scan)
{
	if (scan->fetched != NULL)
		ExecDropSingleTupleTableSlot(scan->fetched);
	if (scan->store != NULL)
		tuplestore_end(scan->store);
	MemoryContextDelete(scan->context);
}
