/*
 * delta_heap_create.c
 *
 * Making a delta heap, in the transaction that writes the first row.
 *
 * The heap belongs to the bootstrap superuser, who is nobody's session, so
 * that only this library gets at it. It depends on the foreign table as a
 * sequence does on its column, and goes with it. It is no member of the
 * extension: DROP SCHEMA ... CASCADE on the foreign table's schema would then
 * take the whole extension along.
 *
 * There are no constraints: what the lake wants is checked before a row gets
 * here, and locks on keys leave other columns null. Keys of text are unique
 * by their bytes, as they are in the lake.
 */
#include "delta_heap.h"

#include "access/nbtree.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "catalog/toasting.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Of heaps that are few pages, and rewritten all the time. */
static const struct
{
	const char *name;
	const char *value;
	bool is_toast; /* also for the TOAST table */
} storage_options[] = {
	{"fillfactor", "70", false},
	{"autovacuum_vacuum_scale_factor", "0", true},
	{"autovacuum_vacuum_threshold", "5000", true},
	{"autovacuum_vacuum_insert_threshold", "-1", true},
	{"autovacuum_vacuum_cost_delay", "0", true},
};

/*
 * A dump of a database has its delta heaps as plain tables. Where it is
 * restored the database has another name in the lake, and their rows, which
 * the first one publishes, are no heap's of ours.
 */
void
pfdw_delta_heap_name(const PfdwLakeTable *lake_table, char *out)
{
	const char *uuid = strrchr(pfdw_commit_user(), '-');

	snprintf(out, NAMEDATALEN, "d_%d_%s", lake_table->id,
			 uuid == NULL ? "" : uuid + 1);
}

/* Position in the key of each attribute of the foreign table, from 1. */
static int *
match_key(Relation foreign, const PmnSchema *schema)
{
	TupleDesc tupdesc = RelationGetDescr(foreign);
	int *places = palloc0(sizeof(int) * (tupdesc->natts + 1));

	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);
		const char *name;

		if (attribute->attisdropped)
			continue;
		name = pfdw_relation_column_name(RelationGetRelid(foreign),
										 attribute->attnum,
										 NameStr(attribute->attname));
		for (uint32 k = 0; k < schema->primary_key_count; k++)
		{
			if (strcmp(schema->primary_keys[k], name) == 0)
				places[i] = (int) k + 1;
		}
	}
	return places;
}

static TupleDesc
make_columns(Relation foreign, const int *places)
{
	TupleDesc tupdesc = RelationGetDescr(foreign);
	TupleDesc result;
	int count = 1;
	AttrNumber attnum = 0;

	for (int i = 0; i < tupdesc->natts; i++)
		count += TupleDescAttr(tupdesc, i)->attisdropped ? 0 : 1;
	result = CreateTemplateTupleDesc(count);
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);
		NameData name;

		if (attribute->attisdropped)
			continue;
		pfdw_delta_column(pfdw_relation_column_name(
							  RelationGetRelid(foreign), attribute->attnum,
							  NameStr(attribute->attname)),
						  &name);
		TupleDescInitEntry(result, ++attnum, NameStr(name), attribute->atttypid,
						   attribute->atttypmod, attribute->attndims);
		TupleDescInitEntryCollation(result, attnum,
									places[i] > 0 &&
											OidIsValid(attribute->attcollation)
										? C_COLLATION_OID
										: attribute->attcollation);
	}
	TupleDescInitEntry(result, ++attnum, DELTA_KIND_COLUMN, CHAROID, -1, 0);
	return result;
}

static Datum
make_options(const char *namespace)
{
	static char *namespaces[] = HEAP_RELOPT_NAMESPACES;
	List *list = NIL;

	for (size_t i = 0; i < lengthof(storage_options); i++)
	{
		DefElem *def;

		if (namespace != NULL && !storage_options[i].is_toast)
			continue;
		def = makeDefElem(
			pstrdup(storage_options[i].name),
			(Node *) makeString(pstrdup(storage_options[i].value)), -1);
		def->defnamespace = namespace == NULL ? NULL : pstrdup(namespace);
		list = lappend(list, def);
	}
	return transformRelOptions((Datum) 0, list, namespace, namespaces, false,
							   false);
}

/* A unique index on the key's columns, in the key's order. */
static void
make_index(Oid oid, const char *name, Relation foreign, const int *places,
		   int key_count)
{
	Relation heap = table_open(oid, ShareLock);
	IndexInfo *info = makeIndexInfo(key_count, key_count, BTREE_AM_OID, NIL,
									NIL, true, false, true, false);
	Oid *collations = palloc0(sizeof(Oid) * key_count);
	Oid *classes = palloc0(sizeof(Oid) * key_count);
	int16 *flags = palloc0(sizeof(int16) * key_count);
	List **names = palloc0(sizeof(List *) * key_count);
	List *all = NIL;
	AttrNumber attnum = 0;

	for (int i = 0; i < RelationGetNumberOfAttributes(foreign); i++)
	{
		Form_pg_attribute attribute;
		int k = places[i] - 1;

		if (TupleDescAttr(RelationGetDescr(foreign), i)->attisdropped)
			continue;
		attribute = TupleDescAttr(RelationGetDescr(heap), attnum++);
		if (k < 0)
			continue;
		info->ii_IndexAttrNumbers[k] = attribute->attnum;
		collations[k] = attribute->attcollation;
		classes[k] =
			GetDefaultOpClass(getBaseType(attribute->atttypid), BTREE_AM_OID);
		names[k] = list_make1(pstrdup(NameStr(attribute->attname)));
	}
	for (int k = 0; k < key_count; k++)
	{
		if (!OidIsValid(classes[k]))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot write rows to foreign table \"%s\"",
							RelationGetRelationName(foreign)),
					 errdetail("A column of the primary key is missing or its "
							   "type has no order.")));
		all = list_concat(all, names[k]);
	}
	(void) index_create(heap, psprintf("%s_key", name), InvalidOid, InvalidOid,
						InvalidOid, InvalidOid, info, all, BTREE_AM_OID,
						InvalidOid, collations, classes, flags, (Datum) 0, 0, 0,
						true, true, NULL);
	table_close(heap, NoLock);
}

Oid
pfdw_delta_heap_create(Relation foreign, const PfdwLakeTable *lake_table)
{
	const PmnSchema *schema = pfdw_delta_table(&lake_table->ref)->schema;
	Oid namespace = get_namespace_oid(DELTA_SCHEMA, false);
	int *places = match_key(foreign, schema);
	char name[NAMEDATALEN];
	ObjectAddress heap;
	ObjectAddress owner;
	Oid oid;

	pfdw_delta_heap_name(lake_table, name);
	/* One maker at a time; who comes second finds it made. */
	LockDatabaseObject(NamespaceRelationId, namespace,
					   (uint16) (lake_table->id % 65535 + 1), ExclusiveLock);
	oid = get_relname_relid(name, namespace);
	if (OidIsValid(oid))
		return oid;
	oid = heap_create_with_catalog(
		name, namespace, InvalidOid, InvalidOid, InvalidOid, InvalidOid,
		BOOTSTRAP_SUPERUSERID, HEAP_TABLE_AM_OID, make_columns(foreign, places),
		NIL, RELKIND_RELATION, RELPERSISTENCE_PERMANENT, false, false,
		ONCOMMIT_NOOP, make_options(NULL), false, true, true, InvalidOid, NULL);
	CommandCounterIncrement();
	NewRelationCreateToastTable(oid, make_options("toast"));
	if (schema->primary_key_count > 0)
		make_index(oid, name, foreign, places, (int) schema->primary_key_count);
	ObjectAddressSet(heap, RelationRelationId, oid);
	ObjectAddressSet(owner, RelationRelationId, RelationGetRelid(foreign));
	recordDependencyOn(&heap, &owner, DEPENDENCY_INTERNAL);
	CommandCounterIncrement();
	pfdw_lake_table_set_delta(lake_table->id, oid);
	return oid;
}
