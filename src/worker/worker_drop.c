/*
 * worker_drop.c
 *
 * Dropping a foreign table loses no committed row. Its delta heap is dropped
 * with it, by whatever command (CASCADE, DROP OWNED, ...); just before
 * that, the rows are moved to files and an outbox row within the dropping
 * transaction. Row and lake table's entry outlive the foreign table, and a
 * worker publishes them when the transaction has committed; a rollback takes
 * all of it back.
 *
 * DROP EXTENSION drops the outbox, too. It publishes first what is committed,
 * and is refused while there is something left.
 *
 * Hooks see this in every session, as an event trigger loads the library at
 * the start of commands that may drop such a table.
 */
#include "worker.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define EXTENSION "paimon_fdw"
#define STORE_SCHEMA "paimon_int"

PG_FUNCTION_INFO_V1(paimon_ddl_drop_start);

static object_access_hook_type previous_object_access = NULL;
static ProcessUtility_hook_type previous_process_utility = NULL;

static void on_object_access(ObjectAccessType access, Oid class_id, Oid object,
							 int sub_id, void *arg);
static void process_utility(PlannedStmt *pstmt, const char *query_string,
							bool read_only_tree, ProcessUtilityContext context,
							ParamListInfo params,
							QueryEnvironment *query_environment,
							DestReceiver *dest, QueryCompletion *completion);

void
pfdw_drop_init(void)
{
	previous_object_access = object_access_hook;
	object_access_hook = on_object_access;
	previous_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}

/* ---- a delta heap goes ------------------------------------------------ */

static bool
has_any_row(Oid relid)
{
	Relation relation = table_open(relid, AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(relation, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	bool found = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(relation, NoLock);
	return found;
}

/* Whether somebody has removed it, so that rows have nowhere to go. */
static bool
is_lake_gone(const PfdwTableRef *ref)
{
	PfdwEnv *env = pfdw_env_create(CurrentMemoryContext, "paimon drop");
	PmnCatalog *catalog = NULL;
	bool exists = false;
	PmnCode code = pmn_catalog_open(&env->base, ref->warehouse, &catalog);

	if (code == PMN_OK)
		code = pmn_catalog_table_exists(catalog, ref->database, ref->table,
										&exists);
	pmn_catalog_close(catalog);
	MemoryContextDelete(env->context);
	return code == PMN_NOT_FOUND || code == PMN_NO_DATABASE ||
		   (code == PMN_OK && !exists);
}

static void
move_rows(const PfdwLakeTable *lake_table)
{
	Oid user;
	int security;

	if (is_lake_gone(&lake_table->ref))
	{
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("unpublished rows of lake table \"%s\".\"%s\" are lost",
						pfdw_name_from_lake(lake_table->ref.database),
						pfdw_name_from_lake(lake_table->ref.table)),
				 errdetail("The lake table is not there any more.")));
		return;
	}
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(pfdw_relation_owner(lake_table->relid),
						   security | SECURITY_RESTRICTED_OPERATION);
	(void) pfdw_worker_move(lake_table, true);
	SetUserIdAndSecContext(user, security);
}

static void
refuse(const char *detail, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
					errmsg("cannot drop extension " EXTENSION
						   " while rows are not in the lake yet"),
					errdetail_internal("%s", detail), errhint("%s", hint)));
}

/* relid is a relation in our schema. */
static void
drop_delta(Oid relid, Oid schema)
{
	const char *name = get_rel_name(relid);
	const PfdwLakeTable *lake_table = NULL;
	bool has_store = OidIsValid(get_relname_relid("outbox", schema)) &&
					 OidIsValid(get_relname_relid("lake_table", schema));

	if (strncmp(name, "d_", 2) != 0)
		return;
	CommandCounterIncrement();
	if (has_store)
		lake_table = pfdw_lake_table_by_id((int32) strtol(name + 2, NULL, 10));
	if (has_store && (lake_table == NULL || lake_table->delta != relid))
		return;
	if (has_any_row(relid))
	{
		if (!has_store)
			refuse("A transaction has just written rows to a lake table.",
				   "Try again.");
		move_rows(lake_table);
	}
	if (has_store)
		pfdw_lake_table_set_delta(lake_table->id, InvalidOid);
	CommandCounterIncrement();
}

/*
 * The table that a dropped relation is, or is a part of: the parts go first,
 * and without its TOAST table and that one's index rows can't be read.
 */
static Oid
whole_table(Oid object, const ObjectAccessDrop *drop)
{
	const char *name;

	/* Something else than a user puts a new part in its place. */
	if (get_rel_relkind(object) != RELKIND_RELATION && drop != NULL &&
		(drop->dropflags & PERFORM_DELETION_INTERNAL) != 0)
		return InvalidOid;
	if (get_rel_relkind(object) == RELKIND_INDEX)
		object = IndexGetRelation(object, true);
	if (!OidIsValid(object) || get_rel_relkind(object) != RELKIND_TOASTVALUE)
		return object;
	name = get_rel_name(object);
	return strncmp(name, "pg_toast_", 9) == 0
			   ? (Oid) strtoul(name + 9, NULL, 10)
			   : InvalidOid;
}

static void
on_object_access(ObjectAccessType access, Oid class_id, Oid object, int sub_id,
				 void *arg)
{
	Oid schema;

	if (previous_object_access != NULL)
		previous_object_access(access, class_id, object, sub_id, arg);
	if (access != OAT_DROP || class_id != RelationRelationId || sub_id != 0)
		return;
	schema = get_namespace_oid(STORE_SCHEMA, true);
	if (!OidIsValid(schema))
		return;
	object = whole_table(object, arg);
	if (get_rel_relkind(object) != RELKIND_RELATION ||
		get_rel_namespace(object) != schema)
		return;
	if (strcmp(get_rel_name(object), "outbox") != 0)
		drop_delta(object, schema);
	else if (has_any_row(object))
		refuse("The outbox has messages.",
			   "Call paimon.flush() for the lake tables, or commit the "
			   "transaction that has written to them; then try again.");
}

/* ---- the extension goes ----------------------------------------------- */

static void
flush_one(int32 lake_table, const char *name)
{
	PfdwFlushResult result = {0};
	PfdwFlushEnd end = pfdw_flush_wait(lake_table, false, &result);

	if (end == PFDW_FLUSH_DONE)
		return;
	if (end == PFDW_FLUSH_NO_WORKER)
		strlcpy(result.message, "No background worker could be started.",
				sizeof(result.message));
	refuse(psprintf("Lake table %s: %s", name, result.message),
		   "When these rows shall be lost, delete them from "
		   "paimon_int.outbox.");
}

/* What this transaction has written nobody can publish before its commit. */
static void
check_own_rows(int32 lake_table)
{
	const PfdwLakeTable *found = pfdw_lake_table_by_id(lake_table);
	bool has_own = found != NULL && pfdw_delta_has_pending(&found->ref);
	ListCell *cell;

	foreach (cell, pfdw_delta_notices())
	{
		const PfdwNotice *notice = lfirst(cell);

		has_own |= notice->wrote && notice->lake_table == lake_table;
	}
	if (has_own)
		refuse("This transaction has written to a lake table.",
			   "Commit it first.");
}

static void
flush_all(void)
{
	SPITupleTable *found;
	uint64 count;

	if (SPI_connect() != SPI_OK_CONNECT ||
		SPI_execute("SELECT l.id, pg_catalog.format('%I.%I', l.database,"
					" l.\"table\") FROM paimon_int.lake_table l",
					false, 0) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not list the lake tables")));
	found = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		bool is_null;
		int32 id = DatumGetInt32(
			SPI_getbinval(found->vals[i], found->tupdesc, 1, &is_null));

		check_own_rows(id);
		flush_one(id, SPI_getvalue(found->vals[i], found->tupdesc, 2));
	}
	SPI_finish();
}

static bool
drops_extension(const DropStmt *stmt)
{
	ListCell *cell;

	if (stmt->removeType != OBJECT_EXTENSION)
		return false;
	foreach (cell, stmt->objects)
	{
		if (strcmp(strVal(lfirst(cell)), EXTENSION) == 0)
			return true;
	}
	return false;
}

/* Being called has loaded the library, and its hooks. */
Datum
paimon_ddl_drop_start(PG_FUNCTION_ARGS)
{
	Node *command;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called by an event trigger")));
	command = ((EventTriggerData *) fcinfo->context)->parsetree;
	if (IsA(command, DropStmt) && drops_extension((DropStmt *) command) &&
		superuser())
		flush_all();
	PG_RETURN_NULL();
}

/* ---- COMMIT PREPARED -------------------------------------------------- */

/* What it has written is another session's, long gone: a worker must look. */
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
	if (IsA(pstmt->utilityStmt, TransactionStmt) &&
		((TransactionStmt *) pstmt->utilityStmt)->kind ==
			TRANS_STMT_COMMIT_PREPARED &&
		IsTransactionState() &&
		OidIsValid(get_namespace_oid(STORE_SCHEMA, true)))
		pfdw_worker_look();
}
