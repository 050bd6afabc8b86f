/*
 * fdw_ddl_table.c
 *
 * A foreign table meets its lake table: columns and names that the command
 * leaves out come from the lake; a lake table that is missing is made, in
 * the same transaction; one that is there must agree with what was declared.
 *
 * Names in primary_key and partition_by are those of the foreign table's
 * columns; where a column has another name in the lake, that one is stored.
 */
#include "fdw_system.h"
#include "../delta/delta_store.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

static bool has_server_right(ForeignServer *server);
static void add_option(CreateForeignTableStmt *stmt, const char *name,
					   const char *value);
static void require_keys(CreateForeignTableStmt *stmt,
						 const PfdwOptions *options);
static void add_columns(CreateForeignTableStmt *stmt, PfdwEnv *env,
						const PfdwOptions *options);
static bool create_lake_table(PfdwEnv *env, PmnCatalog *catalog,
							  Relation relation, const PfdwOptions *options);
static void check_lake_table(Relation relation, const PfdwOptions *options,
							 PfdwTable *table);

void
pfdw_ddl_complete(CreateForeignTableStmt *stmt, ForeignServer *server)
{
	Oid namespace_id = RangeVarGetCreationNamespace(stmt->base.relation);
	const char *name = stmt->base.relation->relname;
	MemoryContext context;
	MemoryContext old;
	PfdwOptions *options;

	if (!has_server_right(server))
		return; /* core says so */
	if (OidIsValid(get_relname_relid(name, namespace_id)))
		return; /* an error, or IF NOT EXISTS */
	pfdw_options_validate(stmt->options, ForeignTableRelationId);
	context = AllocSetContextCreate(CurrentMemoryContext, "paimon create",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	options = pfdw_options_from_list(server, get_namespace_name(namespace_id),
									 name, stmt->options);
	add_option(stmt, "database", pfdw_name_from_lake(options->ref.database));
	add_option(stmt, "table", pfdw_name_from_lake(options->lake_name));
	require_keys(stmt, options);
	if (stmt->base.tableElts == NIL && stmt->base.inhRelations == NIL &&
		stmt->base.ofTypename == NULL)
		add_columns(stmt, pfdw_env_create(context, "paimon create"), options);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static bool
has_server_right(ForeignServer *server)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ForeignServerRelationId, server->serverid,
						   GetUserId(), ACL_USAGE) == ACLCHECK_OK;
#else
	return pg_foreign_server_aclcheck(server->serverid, GetUserId(),
									  ACL_USAGE) == ACLCHECK_OK;
#endif
}

/* The command's own parse tree lives longer than this call. */
static void
add_option(CreateForeignTableStmt *stmt, const char *name, const char *value)
{
	MemoryContext old;
	ListCell *cell;

	foreach (cell, stmt->options)
	{
		if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
			return;
	}
	old = MemoryContextSwitchTo(GetMemoryChunkContext(stmt));
	stmt->options = lappend(
		stmt->options,
		makeDefElem(pstrdup(name), (Node *) makeString(pstrdup(value)), -1));
	MemoryContextSwitchTo(old);
}

static List *
add_not_null(List *constraints)
{
	Constraint *constraint = makeNode(Constraint);

	constraint->contype = CONSTR_NOTNULL;
	constraint->location = -1;
	return lappend(constraints, constraint);
}

/* Key columns are NOT NULL, as those of a PRIMARY KEY are. */
static void
require_keys(CreateForeignTableStmt *stmt, const PfdwOptions *options)
{
	List *keys =
		options->primary_key == NULL
			? NIL
			: pfdw_option_name_list("primary_key", options->primary_key);
	ListCell *cell;
	ListCell *key;

	foreach (cell, stmt->base.tableElts)
	{
		ColumnDef *column = lfirst(cell);
		MemoryContext old;

		if (!IsA(column, ColumnDef))
			continue;
		foreach (key, keys)
		{
			if (strcmp(column->colname, lfirst(key)) != 0)
				continue;
			old = MemoryContextSwitchTo(GetMemoryChunkContext(stmt));
			column->constraints = add_not_null(column->constraints);
			MemoryContextSwitchTo(old);
		}
	}
}

static ColumnDef *
make_column(const PmnField *field, PfdwSystemKind kind)
{
	Oid typid;
	int32 typmod;
	ColumnDef *column;
	const PmnType *type = pfdw_system_field_type(kind, &field->type);
	const char *full_name = pfdw_name_from_lake(field->name);
	size_t length = strlen(full_name);
	char *name;

	pfdw_type_to_pg(type, full_name, &typid, &typmod);
	name = pnstrdup(full_name,
					pg_mbcliplen(full_name, (int) length, NAMEDATALEN - 1));
	column = makeColumnDef(name, typid, typmod, InvalidOid);
	if (!type->is_nullable)
		column->constraints = add_not_null(NIL);
	if (length >= NAMEDATALEN)
		column->fdwoptions = list_make1(makeDefElem(
			"column_name", (Node *) makeString(pstrdup(full_name)), -1));
	return column;
}

static void
add_system_columns(CreateForeignTableStmt *stmt, const PmnSystemTable *system)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(stmt));

	for (uint32 i = 0; i < system->column_count; i++)
	{
		const PmnSystemColumn *column = &system->columns[i];
		int32 typmod;
		Oid type = pfdw_system_type(column, &typmod);
		ColumnDef *definition =
			makeColumnDef(column->name, type, typmod, InvalidOid);

		if (!column->is_nullable)
			definition->constraints = add_not_null(NIL);
		stmt->base.tableElts = lappend(stmt->base.tableElts, definition);
	}
	MemoryContextSwitchTo(old);
}

/* What an audit log shows before the table's columns. */
static void
add_special_columns(CreateForeignTableStmt *stmt, const PfdwOptions *options,
					const PmnSchema *schema)
{
	if (!pfdw_system_has_kinds(options->system_kind))
		return;
	stmt->base.tableElts =
		lappend(stmt->base.tableElts,
				makeColumnDef("rowkind", TEXTOID, -1, InvalidOid));
	if (pfdw_system_shows_sequence(schema))
		stmt->base.tableElts =
			lappend(stmt->base.tableElts,
					makeColumnDef("_SEQUENCE_NUMBER", INT8OID, -1, InvalidOid));
}

static void
add_columns(CreateForeignTableStmt *stmt, PfdwEnv *env,
			const PfdwOptions *options)
{
	const char *warehouse = options->ref.warehouse;
	PfdwTable *table;
	MemoryContext old;

	pfdw_warehouse_check(warehouse, GetUserId(), false);
	if (options->system != NULL)
	{
		add_system_columns(stmt, options->system);
		return;
	}
	table = pfdw_table_open(env, &options->ref);
	pfdw_system_show(table, options->system_kind);
	pfdw_relation_use_declared_schema(table, options);
	old = MemoryContextSwitchTo(GetMemoryChunkContext(stmt));
	add_special_columns(stmt, options, table->schema);
	for (uint32 i = 0; i < table->schema->field_count; i++)
		stmt->base.tableElts =
			lappend(stmt->base.tableElts, make_column(&table->schema->fields[i],
													  options->system_kind));
	MemoryContextSwitchTo(old);
}

/* A system table is there or not; nothing is made. */
static void
attach_system(PfdwEnv *env, Relation relation, const PfdwOptions *options)
{
	PfdwTable *table = NULL;

	if (options->system == NULL || !options->system->is_global)
		table = pfdw_table_open(env, &options->ref);
	if (table != NULL)
		pfdw_system_show(table, options->system_kind);
	if (options->primary_key != NULL || options->partition_by != NULL ||
		options->paimon_options != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("system table \"%s\" takes no options of a table",
						pfdw_name_from_lake(options->lake_name))));
	if (options->system != NULL)
		(void) pfdw_system_match(relation, options->system);
	else
		check_lake_table(relation, options, table);
}

/* Where rows will be written first; else the first two that write to the table
 * would wait for each other. */
static void
make_delta_heap(Relation relation, const PfdwOptions *options,
				const PmnSchema *schema)
{
	const PfdwLakeTable *lake_table;

	if (!pfdw_takes_rows(schema))
		return;
	lake_table = pfdw_lake_table_get(&options->ref, RelationGetRelid(relation));
	pfdw_delta_heap_close(pfdw_delta_heap_open(relation, lake_table, true));
}

void
pfdw_ddl_attach(Oid relid)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "paimon attach", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PfdwEnv *env = pfdw_env_create(context, "paimon attach");
	PfdwOptions *options = pfdw_options_get(relid);
	Relation relation = table_open(relid, AccessShareLock);
	const char *warehouse = options->ref.warehouse;
	bool exists = false;
	PmnCatalog *catalog;
	PmnCode code;
	PfdwTable *table;

	pfdw_warehouse_check(warehouse, pfdw_relation_owner(relid), false);
	if (options->system_kind != PFDW_SYSTEM_NONE)
	{
		attach_system(env, relation, options);
		table_close(relation, NoLock);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		return;
	}
	catalog = pfdw_catalog_open(env, warehouse);
	code = pmn_catalog_table_exists(catalog, options->ref.database,
									options->ref.table, &exists);
	if (code != PMN_NO_DATABASE)
		pfdw_check(env, code);
	if (!exists)
	{
		pfdw_relation_check_write(relid, options);
		exists = !create_lake_table(env, catalog, relation, options);
	}
	table = pfdw_table_open(env, &options->ref);
	if (exists)
		check_lake_table(relation, options, table);
	else
		make_delta_heap(relation, options, table->schema);
	pfdw_ddl_comment(relation, table->schema);
	table_close(relation, NoLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* ---- making ----------------------------------------------------------- */

/* Lake name of a column that primary_key or partition_by names. */
static const char *
lake_column_name(Relation relation, const char *name)
{
	AttrNumber attnum = get_attnum(RelationGetRelid(relation), name);

	if (attnum > 0)
		return pfdw_relation_column_name(RelationGetRelid(relation), attnum,
										 name);
	return pfdw_name_to_lake(name);
}

static const char **
make_names(Relation relation, const char *option, const char *value,
		   uint32_t *count)
{
	List *list = value == NULL ? NIL : pfdw_option_name_list(option, value);
	const char **names = palloc(sizeof(char *) * (list_length(list) + 1));
	ListCell *cell;

	*count = 0;
	foreach (cell, list)
		names[(*count)++] = lake_column_name(relation, lfirst(cell));
	return names;
}

static const char *
paimon_type_option(Oid relid, AttrNumber attnum)
{
	ListCell *cell;

	foreach (cell, GetForeignColumnOptions(relid, attnum))
	{
		DefElem *def = lfirst_node(DefElem, cell);

		if (strcmp(def->defname, "paimon_type") == 0)
			return defGetString(def);
	}
	return NULL;
}

static void
make_fields(Relation relation, PmnSchema *schema)
{
	TupleDesc tupdesc = RelationGetDescr(relation);

	schema->fields = palloc0(sizeof(PmnField) * (tupdesc->natts + 1));
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);
		PmnField *field = &schema->fields[schema->field_count];

		if (attribute->attisdropped)
			continue;
		field->id = (int32) schema->field_count;
		field->name = pfdw_relation_column_name(RelationGetRelid(relation),
												attribute->attnum,
												NameStr(attribute->attname));
		pfdw_type_from_pg(
			attribute->atttypid, attribute->atttypmod, attribute->attnotnull,
			field->name,
			paimon_type_option(RelationGetRelid(relation), attribute->attnum),
			&field->type);
		schema->field_count++;
	}
	schema->highest_field_id = (int32) schema->field_count - 1;
}

/* False when somebody else made it meanwhile. */
static bool
create_lake_table(PfdwEnv *env, PmnCatalog *catalog, Relation relation,
				  const PfdwOptions *options)
{
	PmnSchema schema = {0};
	PmnCode code;
	ListCell *cell;

	if (options->ref.branch != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
				 errmsg("table \"%s\".\"%s\" is not in the lake",
						options->ref.database, options->ref.table),
				 errdetail("A branch can only be made of a table that is.")));
	make_fields(relation, &schema);
	schema.primary_keys =
		make_names(relation, "primary_key", options->primary_key,
				   &schema.primary_key_count);
	schema.partition_keys =
		make_names(relation, "partition_by", options->partition_by,
				   &schema.partition_key_count);
	schema.options =
		palloc0(sizeof(PmnOption) * (list_length(options->paimon_options) + 1));
	foreach (cell, options->paimon_options)
	{
		DefElem *def = lfirst_node(DefElem, cell);
		PmnOption *option = &schema.options[schema.option_count++];

		option->key = def->defname;
		option->value = defGetString(def);
	}
	schema.comment = options->comment;
	code = pmn_catalog_create_table(catalog, options->ref.database,
									options->ref.table, &schema);
	if (code == PMN_EXISTS)
		return false;
	/* What storage finds impossible here is what the options say. */
	if (code == PMN_INVALID)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("%s", env->base.error.message),
						env->base.error.detail[0] != '\0'
							? errdetail("%s", env->base.error.detail)
							: 0,
						env->base.error.hint[0] != '\0'
							? errhint("%s", env->base.error.hint)
							: 0));
	pfdw_check(env, code);
	pfdw_delta_created(&options->ref);
	return true;
}

/* ---- checking --------------------------------------------------------- */

static void
check_names(Relation relation, const char *option, const char *value,
			const char *const *stored, uint32_t stored_count)
{
	uint32_t count;
	const char **names;
	bool is_same;
	StringInfoData text;

	if (value == NULL)
		return;
	names = make_names(relation, option, value, &count);
	is_same = count == stored_count;
	for (uint32_t i = 0; is_same && i < count; i++)
		is_same = strcmp(names[i], stored[i]) == 0;
	if (is_same)
		return;
	initStringInfo(&text);
	for (uint32_t i = 0; i < stored_count; i++)
		appendStringInfo(&text, "%s%s", i == 0 ? "" : ",", stored[i]);
	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					errmsg("option \"%s\" is \"%s\", the lake table has \"%s\"",
						   option, value, text.data)));
}

static void
check_lake_table(Relation relation, const PfdwOptions *options,
				 PfdwTable *table)
{
	ListCell *cell;
	int count;

	pfdw_relation_use_declared_schema(table, options);
	(void) pfdw_columns_match(relation, table->schema, &count);
	check_names(relation, "primary_key", options->primary_key,
				table->schema->primary_keys, table->schema->primary_key_count);
	check_names(relation, "partition_by", options->partition_by,
				table->schema->partition_keys,
				table->schema->partition_key_count);
	foreach (cell, options->paimon_options)
	{
		DefElem *def = lfirst_node(DefElem, cell);
		const char *given = defGetString(def);
		const char *stored = pmn_schema_option(table->schema, def->defname);

		if (stored == NULL && strcmp(def->defname, "bucket") == 0)
			stored = "-1"; /* Paimon's default */
		if (stored != NULL && strcmp(stored, given) == 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 stored == NULL
					 ? errmsg("option \"%s\" is \"%s\", the lake table does "
							  "not set it",
							  def->defname, given)
					 : errmsg("option \"%s\" is \"%s\", the lake table has "
							  "\"%s\"",
							  def->defname, given, stored)));
	}
}

void
pfdw_ddl_comment(Relation relation, const PmnSchema *schema)
{
	TupleDesc tupdesc = RelationGetDescr(relation);
	Oid relid = RelationGetRelid(relation);

	if (schema->comment != NULL && schema->comment[0] != '\0')
		CreateComments(relid, RelationRelationId, 0,
					   pfdw_name_from_lake(schema->comment));
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);
		const char *text;
		int32 field;

		if (attribute->attisdropped)
			continue;
		field = pmn_schema_field_index(
			schema, pfdw_relation_column_name(relid, attribute->attnum,
											  NameStr(attribute->attname)));
		text = field < 0 ? NULL : schema->fields[field].description;
		if (text != NULL && text[0] != '\0')
			CreateComments(relid, RelationRelationId, attribute->attnum,
						   pfdw_name_from_lake(text));
	}
}
