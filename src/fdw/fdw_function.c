/*
 * fdw_function.c
 *
 * The functions of schema paimon: opening the table that one is called with.
 * Compaction is in fdw_compact.c, what looks inside in fdw_function_inspect.c,
 * changes in fdw_function_changes.c, publishing in worker/.
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
