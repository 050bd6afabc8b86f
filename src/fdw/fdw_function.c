/*
 * fdw_function.c
 *
 * The functions of schema paimon: opening the table that one is called with,
 * and those that publish and compact. The ones that look inside are in
 * fdw_function_inspect.c, changes in fdw_function_changes.c.
 *
 * Rights: SELECT on the table to look inside, INSERT to publish or compact.
 * As for scans, the table's owner needs the right to local files.
 */
#include "fdw_function.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(paimon_flush);
PG_FUNCTION_INFO_V1(paimon_compact);

/* ---- opening ---------------------------------------------------------- */

PfdwTable *
pfdw_function_open(MemoryContext context, Oid relid, AclMode right,
				   PfdwOptions **options)
{
	PfdwEnv *env;
	AclResult result;
	const char *warehouse;
	const char *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid)));
	if (!pfdw_relation_is_ours(relid))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not a lake table", name),
						errdetail("It must be a foreign table of a paimon_fdw "
								  "server.")));
	result = pg_class_aclcheck(relid, GetUserId(), right);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FOREIGN_TABLE, name);
	*options = pfdw_options_get(relid);
	if ((*options)->system_kind != PFDW_SYSTEM_NONE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not a lake table", name),
						errdetail("It is the system table \"%s\" of the lake.",
								  pfdw_name_from_lake((*options)->lake_name))));
	warehouse = (*options)->ref.warehouse;
	pfdw_warehouse_check(warehouse, pfdw_relation_owner(relid), false);
	if (right == ACL_INSERT)
		pfdw_relation_check_write(relid, *options);
	env = pfdw_env_create(context, "paimon function");
	return pfdw_table_open(env, &(*options)->ref);
}

int64
pfdw_function_newest(PfdwTable *table)
{
	PmnTravel latest = {0};
	int64_t id;
	int64_t schema_id;

	pfdw_check(table->env,
			   pmn_table_resolve(table->table, &latest, &id, &schema_id));
	return id;
}

/* ---- upkeep ----------------------------------------------------------- */

/* Every commit publishes its rows itself, so there is nothing left to do. */
Datum
paimon_flush(PG_FUNCTION_ARGS)
{
	PfdwOptions *options;
	PfdwTable *table = pfdw_function_open(
		CurrentMemoryContext, PG_GETARG_OID(0), ACL_INSERT, &options);
	int64 snapshot_id = pfdw_function_newest(table);

	MemoryContextDelete(table->env->context);
	if (snapshot_id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(snapshot_id);
}

/* Publish a compaction, or remove its files when that is known to have
 * failed. */
static int64
commit_compaction(PfdwTable *table, PmnMessage *message, int64 snapshot_id)
{
	const PmnMessage *messages[1];
	PmnCommitRequest request = {0};
	PmnCommitResult result = {0};
	PmnCode code;
	bool may_discard;

	messages[0] = message;
	request.messages = messages;
	request.message_count = 1;
	request.base_snapshot_id = snapshot_id;
	code = pfdw_publish(table, &request, &result, &may_discard);
	if (may_discard)
		pmn_message_discard(table->table, message);
	pmn_message_close(message);
	pfdw_check(table->env, code);
	return result.snapshot_id;
}

/* "dt=2024-01-01/hh=7": the columns must be the partition's, in order. */
static void
check_partition(const PmnSchema *schema, const char *partition)
{
	const char *at = partition;
	StringInfoData wanted;

	if (schema->partition_key_count == 0)
		return; /* storage says that there are no partitions */
	for (uint32 i = 0; at != NULL && i < schema->partition_key_count; i++)
	{
		const char *name = schema->partition_keys[i];
		size_t size = strlen(name);
		bool is_last = i + 1 == schema->partition_key_count;

		/* Other names are escaped in directories; storage compares them. */
		if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
							  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] != '\0')
			return;
		if (strncmp(at, name, size) != 0 || at[size] != '=')
			at = NULL;
		else if ((at = strchr(at, '/')) != NULL)
			at++;
		else if (is_last)
			return;
		if (is_last && at != NULL && *at == '\0')
			return;
	}
	initStringInfo(&wanted);
	for (uint32 i = 0; i < schema->partition_key_count; i++)
		appendStringInfo(&wanted, "%s%s=...", i == 0 ? "" : "/",
						 schema->partition_keys[i]);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid partition \"%s\"", partition),
					errhint("Write \"%s\", with values as in the names of the "
							"partition's directories.",
							wanted.data)));
}

Datum
paimon_compact(PG_FUNCTION_ARGS)
{
	Oid relid;
	bool full;
	char *partition;
	PfdwOptions *options;
	PfdwTable *table;
	PmnMessage *message = NULL;
	int64 snapshot_id;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	relid = PG_GETARG_OID(0);
	full = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	partition = PG_ARGISNULL(2)
					? NULL
					: pfdw_name_to_lake(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	PreventCommandIfReadOnly("paimon.compact()");
	table =
		pfdw_function_open(CurrentMemoryContext, relid, ACL_INSERT, &options);
	pfdw_check(table->env, pmn_table_check_write(table->table));
	if (partition != NULL)
		check_partition(table->schema, partition);
	if (pfdw_delta_has_pending(&options->ref))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot compact lake table \"%s\" now",
						get_rel_name(relid)),
				 errdetail("This transaction has rows that are not published "
						   "yet.")));
	if (pmn_table_has_primary_key(table->table))
		pfdw_view_lock(&options->ref, table);
	snapshot_id = pfdw_function_newest(table);
	if (snapshot_id == 0)
		PG_RETURN_NULL();
	pfdw_check(table->env,
			   pmn_table_compact(
				   table->table, snapshot_id, full, partition,
				   (size_t) Max(maintenance_work_mem, 65536) * 1024, &message));
	if (message != NULL)
		snapshot_id = commit_compaction(table, message, snapshot_id);
	MemoryContextDelete(table->env->context);
	PG_RETURN_INT64(snapshot_id);
}
