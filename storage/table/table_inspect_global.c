/*
 * table_inspect_global.c
 *
 * The tables of database "sys": all tables of the warehouse, their options
 * and partitions, and the options of the catalog. They open one table after
 * the other; one that cannot be opened, or vanishes meanwhile, is left out,
 * for a single damaged table should not hide all others.
 *
 * A catalog of files keeps no owners and no totals: those columns are null,
 * as Paimon shows them.
 */
#include "table_inspect.h"

#include <stdlib.h>
#include <string.h>

typedef PmnCode (*PutTable)(PmnInspector *inspector, const char *database,
							const char *name);

static const char *
option_of(const PmnSchema *schema, const char *key)
{
	for (uint32_t i = 0; i < schema->option_count; i++)
	{
		if (strcmp(schema->options[i].key, key) == 0)
			return schema->options[i].value;
	}
	return NULL;
}

/* A time that an option holds. */
static void
put_number_option(PmnInspector *inspector, const char *key)
{
	const char *text = option_of(inspector->table->latest_schema, key);
	char *end = NULL;
	long long number = text == NULL ? 0 : strtoll(text, &end, 10);

	pmn_inspect_number(inspector, number,
					   text != NULL && end != text && *end == '\0');
}

static PmnCode
put_table(PmnInspector *inspector, const char *database, const char *name)
{
	const PmnSchema *schema = inspector->table->latest_schema;
	const char *type = option_of(schema, "type");

	pmn_inspect_text(inspector, database);
	pmn_inspect_text(inspector, name);
	pmn_inspect_text(inspector, type == NULL ? "table" : type);
	pmn_inspect_number(inspector, schema->partition_key_count > 0, true);
	pmn_inspect_number(inspector, schema->primary_key_count > 0, true);
	pmn_inspect_text(inspector, option_of(schema, "owner"));
	put_number_option(inspector, "createdAt");
	pmn_inspect_text(inspector, option_of(schema, "createdBy"));
	put_number_option(inspector, "updatedAt");
	pmn_inspect_text(inspector, option_of(schema, "updatedBy"));
	for (int i = 0; i < 4; i++)
		pmn_inspect_number(inspector, 0, false);
	return pmn_inspect_emit(inspector);
}

static PmnCode
put_option(PmnInspector *inspector, const char *database, const char *name,
		   const char *key, const char *value)
{
	pmn_inspect_text(inspector, database);
	pmn_inspect_text(inspector, name);
	pmn_inspect_text(inspector, key);
	pmn_inspect_text(inspector, value);
	return pmn_inspect_emit(inspector);
}

static PmnCode
put_table_options(PmnInspector *inspector, const char *database,
				  const char *name)
{
	const PmnSchema *schema = inspector->table->latest_schema;

	for (uint32_t i = 0; i < schema->option_count && !inspector->is_stopped;
		 i++)
		PMN_TRY(put_option(inspector, database, name, schema->options[i].key,
						   schema->options[i].value));
	if (inspector->is_stopped)
		return PMN_OK;
	return put_option(inspector, database, name, "path",
					  inspector->table->lsm.path.root);
}

static PmnCode
put_table_partitions(PmnInspector *inspector, const char *database,
					 const char *name)
{
	const PmnTravel latest = {.kind = PMN_TRAVEL_LATEST};
	PmnPartitionTotal *totals = NULL;
	uint32_t count = 0;
	int64_t id = 0;
	int64_t schema_id = 0;

	PMN_TRY(pmn_table_resolve(inspector->table, &latest, &id, &schema_id));
	if (id == 0)
		return PMN_OK;
	PMN_TRY(pmn_table_read_snapshot(inspector->table, inspector->arena, id,
									NULL, &inspector->snapshot));
	PMN_TRY(pmn_inspect_partition_totals(inspector, &totals, &count));
	for (uint32_t i = 0; i < count && !inspector->is_stopped; i++)
	{
		const PmnPartitionTotal *total = &totals[i];

		pmn_inspect_text(inspector, database);
		pmn_inspect_text(inspector, name);
		pmn_inspect_text(inspector, total->partition);
		pmn_inspect_number(inspector, total->record_count, true);
		pmn_inspect_number(inspector, total->size_bytes, true);
		pmn_inspect_number(inspector, total->file_count, true);
		pmn_inspect_number(inspector, total->last_creation_millis,
						   total->last_creation_millis != INT64_MIN);
		pmn_inspect_number(inspector, false, true);
		PMN_TRY(pmn_inspect_emit(inspector));
	}
	return PMN_OK;
}

/* What says something about one table, and not about us. */
static bool
is_tables_fault(PmnCode code)
{
	return code == PMN_NO_TABLE || code == PMN_NOT_FOUND ||
		   code == PMN_CORRUPT || code == PMN_UNSUPPORTED ||
		   code == PMN_EXPIRED || code == PMN_INVALID;
}

static PmnCode
visit_one(PmnCatalog *catalog, PmnInspector *inspector, PutTable put,
		  const char *database, const char *name)
{
	PmnCode code;

	code = pmn_table_open(catalog, database, name, NULL, &inspector->table);
	if (code == PMN_OK)
		code = put(inspector, database, name);
	inspector->at = 0;
	pmn_table_close(inspector->table);
	inspector->table = NULL;
	pmn_arena_reset(inspector->arena);
	pmn_arena_reset(inspector->row);
	return is_tables_fault(code) ? PMN_OK : code;
}

static PmnCode
visit_database(PmnCatalog *catalog, PmnInspector *inspector, PutTable put,
			   const char *database)
{
	PmnNames names = {NULL, 0};
	PmnCode code = pmn_catalog_list_tables(catalog, database, &names);

	if (code == PMN_NO_DATABASE || code == PMN_INVALID)
		return PMN_OK;
	for (uint32_t i = 0;
		 code == PMN_OK && i < names.count && !inspector->is_stopped; i++)
		code = visit_one(catalog, inspector, put, database, names.items[i]);
	pmn_names_free(catalog->env, &names);
	return code;
}

static PmnCode
visit_warehouse(PmnCatalog *catalog, PmnInspector *inspector, PutTable put)
{
	PmnNames names = {NULL, 0};
	PmnCode code = pmn_catalog_list_databases(catalog, &names);

	for (uint32_t i = 0;
		 code == PMN_OK && i < names.count && !inspector->is_stopped; i++)
		code = visit_database(catalog, inspector, put, names.items[i]);
	pmn_names_free(catalog->env, &names);
	return code;
}

PmnCode
pmn_inspect_global(PmnCatalog *catalog, PmnInspector *inspector)
{
	const char *name = inspector->system->name;

	if (strcmp(name, "tables") == 0)
		return visit_warehouse(catalog, inspector, put_table);
	if (strcmp(name, "partitions") == 0)
		return visit_warehouse(catalog, inspector, put_table_partitions);
	if (strcmp(name, "all_table_options") == 0)
		return visit_warehouse(catalog, inspector, put_table_options);
	PMN_ASSERT(strcmp(name, "catalog_options") == 0);
	pmn_inspect_text(inspector, "metastore");
	pmn_inspect_text(inspector, catalog->ops->name);
	PMN_TRY(pmn_inspect_emit(inspector));
	pmn_inspect_text(inspector, "warehouse");
	pmn_inspect_text(inspector, catalog->ops->warehouse(catalog));
	return pmn_inspect_emit(inspector);
}
