/*
 * fdw_ddl.c
 *
 * Which DDL commands concern a lake table. Two event triggers that the
 * extension creates call in here; they see the command in every session,
 * whether the library was loaded or not.
 *
 * At its start, CREATE FOREIGN TABLE gets the columns that it does not
 * declare, by completing the very parse tree that core is about to run (it is
 * private to this execution). At its end the lake table is made or checked.
 * ALTER TABLE is refused where it would change the lake's schema.
 *
 * IMPORT FOREIGN SCHEMA runs its commands as parts of one, for which event
 * triggers do not fire; a ProcessUtility hook sees them and takes over the
 * comments. By then the library is loaded, as it made the commands.
 */
#include "fdw.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

static ProcessUtility_hook_type previous_process_utility = NULL;

PG_FUNCTION_INFO_V1(paimon_ddl_command_start);
PG_FUNCTION_INFO_V1(paimon_ddl_command_end);

static ForeignServer *server_of_command(CreateForeignTableStmt *stmt);
static void check_alter(AlterTableStmt *stmt);
static void check_rename(RenameStmt *stmt);
static void process_utility(PlannedStmt *pstmt, const char *query_string,
							bool read_only_tree, ProcessUtilityContext context,
							ParamListInfo params,
							QueryEnvironment *query_environment,
							DestReceiver *dest, QueryCompletion *completion);

void
pfdw_ddl_init(void)
{
	previous_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}

static Node *
command_of_trigger(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called by an event trigger")));
	return ((EventTriggerData *) fcinfo->context)->parsetree;
}

Datum
paimon_ddl_command_start(PG_FUNCTION_ARGS)
{
	Node *command = command_of_trigger(fcinfo);
	ForeignServer *server;

	if (IsBinaryUpgrade)
		PG_RETURN_NULL();
	switch (nodeTag(command))
	{
		case T_CreateForeignTableStmt:
			server = server_of_command((CreateForeignTableStmt *) command);
			if (server != NULL)
				pfdw_ddl_complete((CreateForeignTableStmt *) command, server);
			break;
		case T_AlterTableStmt:
			check_alter((AlterTableStmt *) command);
			break;
		case T_RenameStmt:
			check_rename((RenameStmt *) command);
			break;
		default:
			break;
	}
	PG_RETURN_NULL();
}

/* IF NOT EXISTS may have left an older table alone. */
static bool
is_made_here(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = TransactionIdIsCurrentTransactionId(
		HeapTupleHeaderGetXmin(tuple->t_data));
	ReleaseSysCache(tuple);
	return result;
}

Datum
paimon_ddl_command_end(PG_FUNCTION_ARGS)
{
	Node *command = command_of_trigger(fcinfo);
	CreateForeignTableStmt *stmt;
	Oid relid;

	if (IsBinaryUpgrade || !IsA(command, CreateForeignTableStmt))
		PG_RETURN_NULL();
	stmt = (CreateForeignTableStmt *) command;
	if (server_of_command(stmt) == NULL)
		PG_RETURN_NULL();
	relid = RangeVarGetRelid(stmt->base.relation, NoLock, true);
	if (!OidIsValid(relid) || !pfdw_relation_is_ours(relid))
		PG_RETURN_NULL();
	if (!stmt->base.if_not_exists || is_made_here(relid))
		pfdw_ddl_attach(relid);
	PG_RETURN_NULL();
}

/* NULL when the server is another wrapper's, or not there (core says so). */
static ForeignServer *
server_of_command(CreateForeignTableStmt *stmt)
{
	ForeignServer *server = GetForeignServerByName(stmt->servername, true);

	return server != NULL && pfdw_server_is_ours(server) ? server : NULL;
}

/* ---- ALTER ------------------------------------------------------------ */

/*
 * The first lake table among a relation and its children, to which a change
 * of columns would recurse; InvalidOid when there is none.
 */
static Oid
find_lake_table(RangeVar *range)
{
	Oid relid = RangeVarGetRelid(range, NoLock, true);
	ListCell *cell;

	if (!OidIsValid(relid))
		return InvalidOid;
	if (pfdw_relation_is_ours(relid))
		return relid;
	if (!has_subclass(relid))
		return InvalidOid;
	foreach (cell, find_all_inheritors(relid, NoLock, NULL))
	{
		if (pfdw_relation_is_ours(lfirst_oid(cell)))
			return lfirst_oid(cell);
	}
	return InvalidOid;
}

static void
refuse_columns(RangeVar *range, const char *what)
{
	Oid relid = find_lake_table(range);

	if (OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s is not supported for lake table \"%s\"", what,
						get_rel_name(relid)),
				 errhint("Change the schema with another engine, then drop "
						 "and create the foreign table.")));
}

static void
check_alter_options(RangeVar *range, List *options)
{
	Oid relid = RangeVarGetRelid(range, NoLock, true);
	ListCell *cell;

	if (!OidIsValid(relid) || !pfdw_relation_is_ours(relid))
		return;
	foreach (cell, options)
	{
		const char *name = lfirst_node(DefElem, cell)->defname;

		if (pfdw_option_kind(name) == PFDW_OPTION_STORED ||
			strcmp(name, "primary_key") == 0 ||
			strcmp(name, "partition_by") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("option \"%s\" of lake table \"%s\" cannot be "
							"changed",
							name, get_rel_name(relid)),
					 errdetail("It is part of the lake table's schema.")));
	}
}

static void
check_alter(AlterTableStmt *stmt)
{
	ListCell *cell;

	if (stmt->objtype != OBJECT_FOREIGN_TABLE && stmt->objtype != OBJECT_TABLE)
		return;
	foreach (cell, stmt->cmds)
	{
		AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);

		switch (command->subtype)
		{
			case AT_AddColumn:
				refuse_columns(stmt->relation, "ADD COLUMN");
				break;
			case AT_DropColumn:
				refuse_columns(stmt->relation, "DROP COLUMN");
				break;
			case AT_AlterColumnType:
				refuse_columns(stmt->relation, "ALTER COLUMN TYPE");
				break;
			case AT_GenericOptions:
				check_alter_options(stmt->relation, (List *) command->def);
				break;
			default:
				break;
		}
	}
}

static void
check_rename(RenameStmt *stmt)
{
	if (stmt->renameType == OBJECT_COLUMN &&
		(stmt->relationType == OBJECT_FOREIGN_TABLE ||
		 stmt->relationType == OBJECT_TABLE))
		refuse_columns(stmt->relation, "RENAME COLUMN");
}

/* ---- IMPORT FOREIGN SCHEMA -------------------------------------------- */

static void
take_comments(CreateForeignTableStmt *stmt)
{
	Oid relid;
	MemoryContext context;
	PfdwEnv *env;
	Relation relation;

	if (server_of_command(stmt) == NULL)
		return;
	CommandCounterIncrement();
	relid = RangeVarGetRelid(stmt->base.relation, NoLock, true);
	if (!OidIsValid(relid) || !pfdw_relation_is_ours(relid))
		return;
	if (pfdw_options_get(relid)->system_kind != PFDW_SYSTEM_NONE)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "paimon comments",
									ALLOCSET_DEFAULT_SIZES);
	env = pfdw_env_create(context, "paimon comments");
	relation = table_open(relid, NoLock);
	pfdw_ddl_comment(
		relation, pfdw_table_open(env, &pfdw_options_get(relid)->ref)->schema);
	table_close(relation, NoLock);
	MemoryContextDelete(context);
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string,
				bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_environment,
				DestReceiver *dest, QueryCompletion *completion)
{
	if (previous_process_utility != NULL)
		previous_process_utility(pstmt, query_string, read_only_tree, context,
								 params, query_environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context,
								params, query_environment, dest, completion);
	if (context == PROCESS_UTILITY_SUBCOMMAND &&
		IsA(pstmt->utilityStmt, CreateForeignTableStmt))
		take_comments((CreateForeignTableStmt *) pstmt->utilityStmt);
}
