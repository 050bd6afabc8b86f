/*
 * fdw_import.c
 *
 * IMPORT FOREIGN SCHEMA: one CREATE FOREIGN TABLE for each table of a lake
 * database. LIMIT TO and EXCEPT are applied before a table is opened, so
 * that a broken one can be left out. A table that can't be read (a column
 * without a PostgreSQL type, a damaged schema) is skipped with a warning and
 * the others still come, unless LIMIT TO asks for it by name.
 */
#include "fdw_system.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

static bool
is_wanted(const ImportForeignSchemaStmt *stmt, const char *table)
{
	bool is_listed = false;
	ListCell *cell;

	foreach (cell, stmt->table_list)
	{
		if (strcmp(lfirst_node(RangeVar, cell)->relname, table) == 0)
			is_listed = true;
	}
	switch (stmt->list_type)
	{
		case FDW_IMPORT_SCHEMA_ALL:
			return true;
		case FDW_IMPORT_SCHEMA_LIMIT_TO:
			return is_listed;
		case FDW_IMPORT_SCHEMA_EXCEPT:
			return !is_listed;
	}
	return true;
}

static void
append_column(StringInfo sql, const PmnField *field, PfdwSystemKind kind)
{
	const char *full_name = pfdw_name_from_lake(field->name);
	const PmnType *type = pfdw_system_field_type(kind, &field->type);
	size_t length = strlen(full_name);
	char *name = pnstrdup(
		full_name, pg_mbcliplen(full_name, (int) length, NAMEDATALEN - 1));

	appendStringInfo(sql, "\n  %s %s", quote_identifier(name),
					 pfdw_type_to_sql(type, full_name));
	if (length >= NAMEDATALEN)
		appendStringInfo(sql, " OPTIONS (column_name %s)",
						 quote_literal_cstr(full_name));
	if (!type->is_nullable)
		appendStringInfoString(sql, " NOT NULL");
}

/* name is that of the foreign table: "t", or "t$audit_log". */
static char *
make_command(const ImportForeignSchemaStmt *stmt, const PfdwTable *table,
			 const char *name, PfdwSystemKind kind)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE FOREIGN TABLE %s (", quote_identifier(name));
	if (pfdw_system_has_kinds(kind))
		appendStringInfo(&sql, "\n  rowkind text%s",
						 pfdw_system_shows_sequence(table->schema)
							 ? ",\n  \"_SEQUENCE_NUMBER\" bigint,"
							 : ",");
	for (uint32 i = 0; i < table->schema->field_count; i++)
	{
		if (i > 0)
			appendStringInfoChar(&sql, ',');
		append_column(&sql, &table->schema->fields[i], kind);
	}
	appendStringInfo(&sql, "\n) SERVER %s OPTIONS (database %s, \"table\" %s)",
					 quote_identifier(stmt->server_name),
					 quote_literal_cstr(stmt->remote_schema),
					 quote_literal_cstr(name));
	return sql.data;
}

/* The command for a system table that shows metadata. */
static char *
make_system_command(const ImportForeignSchemaStmt *stmt,
					const PmnSystemTable *system, const char *name)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE FOREIGN TABLE %s (", quote_identifier(name));
	for (uint32 i = 0; i < system->column_count; i++)
	{
		const PmnSystemColumn *column = &system->columns[i];

		appendStringInfo(&sql, "%s\n  %s %s%s", i == 0 ? "" : ",",
						 quote_identifier(column->name),
						 pfdw_system_type_sql(column),
						 column->is_nullable ? "" : " NOT NULL");
	}
	appendStringInfo(&sql, "\n) SERVER %s OPTIONS (database %s, \"table\" %s)",
					 quote_identifier(stmt->server_name),
					 quote_literal_cstr(stmt->remote_schema),
					 quote_literal_cstr(name));
	return sql.data;
}

/*
 * System tables and branches come when LIMIT TO names them:
 * "orders$snapshots", "orders$branch_b1". Those of database "sys" come like
 * any others.
 */
static List *
import_system_tables(const ImportForeignSchemaStmt *stmt, PfdwEnv *env,
					 const PfdwTableRef *ref)
{
	List *commands = NIL;
	ListCell *cell;

	if (stmt->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO)
		return NIL;
	foreach (cell, stmt->table_list)
	{
		const char *name = lfirst_node(RangeVar, cell)->relname;
		PfdwOptions options = {.ref = *ref};
		PfdwTable *table;

		if (strchr(name, '$') == NULL)
			continue;
		options.ref.table = pfdw_name_to_lake(pstrdup(name));
		pfdw_system_parse(&options);
		table = pfdw_table_open(env, &options.ref);
		pfdw_system_show(table, options.system_kind);
		commands =
			lappend(commands,
					options.system != NULL
						? make_system_command(stmt, options.system, name)
						: make_command(stmt, table, name, options.system_kind));
	}
	return commands;
}

static List *
import_global_tables(const ImportForeignSchemaStmt *stmt)
{
	const PmnSystemTable *system;
	List *commands = NIL;

	for (uint32 i = 0; (system = pmn_system_table_at(i)) != NULL; i++)
	{
		if (system->is_global && is_wanted(stmt, system->name))
			commands = lappend(commands,
							   make_system_command(stmt, system, system->name));
	}
	return commands;
}

/* The command for one table in the current context, or NULL: skipped. */
static char *
import_table(const ImportForeignSchemaStmt *stmt, const PfdwTableRef *ref)
{
	MemoryContext result = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(result, "paimon import table",
												  ALLOCSET_DEFAULT_SIZES);
	char *volatile command = NULL;

	PG_TRY();
	{
		PfdwEnv *env;

		MemoryContextSwitchTo(context);
		env = pfdw_env_create(context, "paimon import table");
		command =
			make_command(stmt, pfdw_table_open(env, ref),
						 pfdw_name_from_lake(ref->table), PFDW_SYSTEM_NONE);
		command = MemoryContextStrdup(result, command);
	}
	PG_CATCH();
	{
		ErrorData *error;

		/* Nothing but memory and handles of the context was touched. */
		MemoryContextSwitchTo(result);
		error = CopyErrorData();
		if (stmt->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO ||
			(error->sqlerrcode != ERRCODE_FDW_INVALID_DATA_TYPE &&
			 error->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED &&
			 error->sqlerrcode != ERRCODE_UNTRANSLATABLE_CHARACTER &&
			 error->sqlerrcode != ERRCODE_DATA_CORRUPTED))
			PG_RE_THROW();
		FlushErrorState();
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("skipped table \"%s\": %s",
						pfdw_name_from_lake(ref->table), error->message),
				 error->detail != NULL ? errdetail_internal("%s", error->detail)
									   : 0));
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(result);
	MemoryContextDelete(context);
	return command;
}

List *
paimonImportForeignSchema(ImportForeignSchemaStmt *stmt, Oid serverOid)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "paimon import", ALLOCSET_DEFAULT_SIZES);
	PfdwEnv *env = pfdw_env_create(context, "paimon import");
	PfdwTableRef ref = {0};
	PmnNames names = {0};
	List *commands = NIL;
	PmnCatalog *catalog;

	if (stmt->options != NIL)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
						errmsg("invalid option \"%s\"",
							   linitial_node(DefElem, stmt->options)->defname),
						errhint("IMPORT FOREIGN SCHEMA takes no options.")));
	ref.warehouse = pfdw_server_warehouse(GetForeignServer(serverOid));
	ref.database = pfdw_name_to_lake(stmt->remote_schema);
	pfdw_warehouse_check(ref.warehouse, GetUserId(), false);
	if (strcmp(ref.database, "sys") == 0)
		return import_global_tables(stmt);
	catalog = pfdw_catalog_open(env, ref.warehouse);
	pfdw_check(env, pmn_catalog_list_tables(catalog, ref.database, &names));
	for (uint32 i = 0; i < names.count; i++)
	{
		char *command;

		CHECK_FOR_INTERRUPTS();
		if (!is_wanted(stmt, pfdw_name_from_lake(names.items[i])))
			continue;
		ref.table = names.items[i];
		command = import_table(stmt, &ref);
		if (command != NULL)
			commands = lappend(commands, command);
	}
	pmn_names_free(&env->base, &names);
	commands = list_concat(commands, import_system_tables(stmt, env, &ref));
	MemoryContextDelete(context);
	return commands;
}
