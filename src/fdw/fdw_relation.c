/*
 * fdw_relation.c
 *
 * A foreign table and its lake table: who owns it, opening it, and which
 * attribute is which field. Columns are matched by name, never by position,
 * as the lake's schema may gain columns without us.
 */
#include "fdw_system.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

Oid
pfdw_relation_owner(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation %u is gone", relid)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

bool
pfdw_relation_is_ours(Oid relid)
{
	if (get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE)
		return false;
	return pfdw_server_is_ours(
		GetForeignServer(GetForeignServerIdByRelId(relid)));
}

static void
check_access(Oid relid, const PfdwOptions *options, bool for_write)
{
	const char *warehouse = options->ref.warehouse;

	pfdw_warehouse_check(warehouse, pfdw_relation_owner(relid), for_write);
}

void
pfdw_relation_check_read(Oid relid, const PfdwOptions *options)
{
	check_access(relid, options, false);
}

void
pfdw_relation_check_write(Oid relid, const PfdwOptions *options)
{
	check_access(relid, options, true);
}

PfdwTable *
pfdw_relation_open(PfdwEnv *env, Oid relid, const PfdwOptions *options)
{
	PfdwTable *table;

	check_access(relid, options, false);
	table = pfdw_table_open(env, &options->ref);
	pfdw_system_show(table, options->system_kind);
	pfdw_check(env, pmn_table_check_read(table->table));
	return table;
}

/*
 * A foreign table with scan.* options was declared with the columns of that
 * snapshot. One that is only read as of an earlier time was not: its rows
 * are then shown in the newest schema, like rows of old files always are.
 */
void
pfdw_relation_use_declared_schema(PfdwTable *table, const PfdwOptions *options)
{
	PmnTravel travel = options->travel;
	int64_t id;
	int64_t schema_id;

	/* "compacted-full" says how fresh, not when. */
	if (travel.kind == PMN_TRAVEL_LATEST || travel.kind == PMN_TRAVEL_COMPACTED)
		return;
	pfdw_travel_settle(table, &travel);
	pfdw_check(table->env,
			   pmn_table_resolve(table->table, &travel, &id, &schema_id));
	pfdw_check(table->env, pmn_table_use_schema(table->table, schema_id));
	table->schema = pmn_table_schema(table->table);
}

/* A column of the system table that the lake's fields do not have. */
static bool
match_special(PfdwSystemKind kind, const char *name, PfdwColumn *column)
{
	static const PmnType text = {.kind = PMN_TYPE_VARCHAR,
								 .length = PMN_LENGTH_MAX};
	static const PmnType number = {.kind = PMN_TYPE_BIGINT,
								   .is_nullable = true};

	if (!pfdw_system_has_kinds(kind))
		return false;
	if (strcmp(name, "rowkind") == 0)
	{
		column->field = PMN_COLUMN_KIND;
		column->type = &text;
		return true;
	}
	if (strcmp(name, "_SEQUENCE_NUMBER") == 0)
	{
		column->field = PMN_COLUMN_SEQUENCE;
		column->type = &number;
		return true;
	}
	return false;
}

PfdwColumn *
pfdw_columns_match(Relation relation, const PmnSchema *schema, int *count)
{
	TupleDesc tupdesc = RelationGetDescr(relation);
	PfdwColumn *columns = palloc0(sizeof(*columns) * (tupdesc->natts + 1));
	PfdwSystemKind kind =
		pfdw_options_get(RelationGetRelid(relation))->system_kind;
	Bitmapset *seen = NULL;

	*count = 0;
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);
		PfdwColumn *column = &columns[*count];
		const char *name;

		if (attribute->attisdropped)
			continue;
		name = pfdw_relation_column_name(RelationGetRelid(relation),
										 attribute->attnum,
										 NameStr(attribute->attname));
		if (!match_special(kind, name, column))
		{
			column->field = pmn_schema_field_index(schema, name);
			if (column->field >= 0)
				column->type = pfdw_system_field_type(
					kind, &schema->fields[column->field].type);
		}
		if (column->type == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
					 errmsg("column \"%s\" of foreign table \"%s\" is not in "
							"the lake table",
							pfdw_name_from_lake(name),
							RelationGetRelationName(relation))));
		if (bms_is_member(column->field - PMN_COLUMN_SNAPSHOT, seen))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("foreign table \"%s\" has two columns for \"%s\" "
							"of the lake table",
							RelationGetRelationName(relation),
							pfdw_name_from_lake(name))));
		seen = bms_add_member(seen, column->field - PMN_COLUMN_SNAPSHOT);
		column->name = pstrdup(NameStr(attribute->attname));
		column->attnum = attribute->attnum;
		column->typid = attribute->atttypid;
		column->typmod = attribute->atttypmod;
		pfdw_type_check(column->type, column->typid, column->typmod, name);
		(*count)++;
	}
	return columns;
}
