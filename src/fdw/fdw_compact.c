/*
 * fdw_compact.c
 *
 * Compaction of a lake table, as a function and for the background worker:
 * storage picks and rewrites runs, the result is published at once as a
 * COMPACT snapshot, apart from the transaction around it.
 *
 * Writers go on meanwhile: their files are new ones, which a compaction does
 * not touch. Only one compaction of a table runs at a time here; where another
 * engine's was faster, ours conflicts and its files are removed.
 */
#include "fdw_function.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(paimon_compact);

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

/* The newest snapshot afterwards; 0: the table has none. */
static int64
compact(PfdwTable *table, bool full, const char *partition)
{
	int64 snapshot_id = pfdw_function_newest(table);
	PmnMessage *message = NULL;

	if (snapshot_id == 0)
		return 0;
	pfdw_check(table->env,
			   pmn_table_compact(
				   table->table, snapshot_id, full, partition,
				   (size_t) Max(maintenance_work_mem, 65536) * 1024, &message));
	if (message != NULL)
		snapshot_id = commit_compaction(table, message, snapshot_id);
	return snapshot_id;
}

Datum
paimon_compact(PG_FUNCTION_ARGS)
{
	Oid relid;
	bool full;
	char *partition;
	PfdwOptions *options;
	PfdwTable *table;
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
	pfdw_compaction_lock(&options->ref);
	snapshot_id = compact(table, full, partition);
	MemoryContextDelete(table->env->context);
	if (snapshot_id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(snapshot_id);
}

/* ---- for the background worker ---------------------------------------- */

static bool
is_our_append(void *context, const PmnSnapshotInfo *info)
{
	bool *is_ours = context;

	*is_ours = info->commit_user != NULL && info->commit_kind != NULL &&
			   pfdw_is_commit_user(info->commit_user) &&
			   strcmp(info->commit_kind, "APPEND") == 0;
	return false;
}

/* Whether its options leave the table to the compaction of others. */
static bool
is_write_only(const PmnSchema *schema)
{
	const char *value = pmn_schema_option(schema, "write-only");

	return value != NULL && pg_strcasecmp(value, "true") == 0;
}

bool
pfdw_compact_is_due(Oid relid, int64 *seen)
{
	PfdwOptions *options = pfdw_options_get(relid);
	PfdwTable *table;
	int64 newest;
	bool is_ours = false;

	if (options->system_kind != PFDW_SYSTEM_NONE || !options->updatable ||
		options->travel.kind != PMN_TRAVEL_LATEST)
		return false;
	table =
		pfdw_function_open(CurrentMemoryContext, relid, ACL_INSERT, &options);
	newest = pfdw_function_newest(table);
	if (newest != 0 && newest != *seen && !is_write_only(table->schema))
		pfdw_check(table->env,
				   pmn_table_visit_snapshot(table->table, newest, is_our_append,
											&is_ours));
	*seen = newest;
	MemoryContextDelete(table->env->context);
	return is_ours;
}

void
pfdw_compact_table(Oid relid)
{
	PfdwOptions *options;
	PfdwTable *table =
		pfdw_function_open(CurrentMemoryContext, relid, ACL_INSERT, &options);

	pfdw_check(table->env, pmn_table_check_write(table->table));
	pfdw_compaction_lock(&options->ref);
	(void) compact(table, false, NULL);
	MemoryContextDelete(table->env->context);
}
