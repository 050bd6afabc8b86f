/*
 * table_open.c
 *
 * The table handle: schema and options from the catalog, and the PmnLsm that
 * everything below works with. A handle shows one schema at a time. Time
 * travel switches to an older one, but keeps the newest options: Paimon does
 * the same, because options say how the table is laid out now.
 */
#include "../include/pmn_system.h"
#include "table_default.h"

#include <string.h>

#define PMN_VERSION_TEXT "paimon_fdw 1.0"

const char *
pmn_version(void)
{
	return PMN_VERSION_TEXT;
}

static PmnCode
types_of(PmnArena *arena, const PmnSchema *schema, const uint32_t *fields,
		 uint32_t count, const PmnType *const **out)
{
	const PmnType **types =
		pmn_arena_alloc(arena, count * sizeof(const PmnType *));

	if (types == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		types[i] = &schema->fields[fields[i]].type;
	*out = types;
	return PMN_OK;
}

static PmnCode
sequence_positions(PmnTable *table, const PmnSchema *schema, uint32_t **out,
				   uint32_t *count)
{
	const PmnTableOptions *options = &table->options;

	*count = options->sequence_field_count;
	*out = pmn_arena_alloc(table->arena, *count * sizeof(uint32_t));
	if (*out == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < *count; i++)
	{
		const char *name = options->sequence_fields[i];
		int32_t field = pmn_schema_field_index(schema, name);

		if (field < 0)
			return pmn_fail(table->env, PMN_INVALID,
							"table \"%s\" has no column \"%s\", which its "
							"option \"sequence.field\" names",
							table->name, name);
		(*out)[i] = (uint32_t) field;
	}
	return PMN_OK;
}

static void
partition_naming(PmnTable *table, const PmnSchema *schema,
				 const PmnType *const *types, PmnPartitionNaming *out)
{
	out->types = types;
	out->names = schema->partition_keys;
	out->count = schema->partition_key_count;
	out->legacy_name = table->options.partition_legacy_name;
	out->default_name = table->options.partition_default_name;
}

/* A schema with the columns of row tracking behind its own. */
static PmnCode
add_tracked_columns(PmnTable *table, const PmnSchema *schema,
					const PmnSchema **out)
{
	static const PmnField tracked[2] = {{.id = PMN_FIELD_ID_ROW_ID,
										 .name = PMN_FIELD_NAME_ROW_ID,
										 .type = {.kind = PMN_TYPE_BIGINT}},
										{.id = PMN_FIELD_ID_SEQUENCE,
										 .name = PMN_FIELD_NAME_SEQUENCE,
										 .type = {.kind = PMN_TYPE_BIGINT}}};
	uint32_t count = schema->field_count;
	PmnSchema *copy = pmn_arena_copy(table->arena, schema, sizeof(*schema));
	PmnField *fields =
		pmn_arena_alloc(table->arena, (count + 2) * sizeof(*fields));

	if (copy == NULL || fields == NULL)
		return PMN_NO_MEMORY;
	memcpy(fields, schema->fields, count * sizeof(*fields));
	memcpy(fields + count, tracked, sizeof(tracked));
	copy->fields = fields;
	copy->field_count = count + 2;
	*out = copy;
	return PMN_OK;
}

/* Fill lsm for a schema; the list of old schemas is the caller's. */
static PmnCode
build_lsm(PmnTable *table, const PmnSchema *schema, PmnLsm *lsm)
{
	uint32_t *keys = NULL;
	uint32_t *partitions = NULL;
	uint32_t *sequences = NULL;

	lsm->env = table->env;
	lsm->fs = table->fs;
	lsm->arena = table->arena;
	lsm->stored_schema = table->tracks_rows ? schema : NULL;
	if (table->tracks_rows)
		PMN_TRY(add_tracked_columns(table, schema, &schema));
	lsm->schema = schema;
	lsm->options = &table->options;
	lsm->keeps_metadata = pmn_cache_is_on(table->catalog->cache);
	lsm->path.data_directory = table->options.data_file_path_directory;
	lsm->is_keyed = schema->primary_key_count > 0;
	PMN_TRY(
		pmn_schema_trimmed_key(table->arena, schema, &keys, &lsm->key_count));
	lsm->key_fields = keys;
	PMN_TRY(
		types_of(table->arena, schema, keys, lsm->key_count, &lsm->key_types));
	PMN_TRY(pmn_schema_partition(table->arena, schema, &partitions,
								 &lsm->partition_count));
	lsm->partition_fields = partitions;
	PMN_TRY(types_of(table->arena, schema, partitions, lsm->partition_count,
					 &lsm->partition_types));
	PMN_TRY(
		sequence_positions(table, schema, &sequences, &lsm->sequence_count));
	lsm->sequence_fields = sequences;
	PMN_TRY(types_of(table->arena, schema, sequences, lsm->sequence_count,
					 &lsm->sequence_types));
	partition_naming(table, schema, lsm->partition_types,
					 &lsm->partition_naming);
	return PMN_OK;
}

/* Columns of types without a vector left out. */
static PmnCode
readable_columns(PmnTable *table, const PmnSchema *schema,
				 const PmnSchema **out)
{
	PmnSchema *copy = pmn_arena_copy(table->arena, schema, sizeof(*schema));
	PmnField *fields =
		pmn_arena_alloc(table->arena, schema->field_count * sizeof(*fields));

	if (copy == NULL || fields == NULL)
		return PMN_NO_MEMORY;
	copy->fields = fields;
	copy->field_count = 0;
	for (uint32_t i = 0; i < schema->field_count; i++)
	{
		if (pmn_type_vector_kind(&schema->fields[i].type) != PMN_VECTOR_NONE)
			fields[copy->field_count++] = schema->fields[i];
	}
	*out = copy;
	return PMN_OK;
}

static PmnCode
load(PmnTable *table, const char *database, const char *name,
	 const char *branch)
{
	PmnSchema *schema = NULL;

	table->name = pmn_arena_format(table->arena, "%s.%s", database, name);
	if (table->name == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_catalog_load_schema(table->catalog, table->arena, database,
									name, branch, &table->lsm.path, &schema));
	table->latest_schema = schema;
	PMN_TRY(readable_columns(table, schema, &table->readable_schema));
	PMN_TRY(
		pmn_options_parse(table->arena, table->env, schema, &table->options));
	return build_lsm(table, schema, &table->lsm);
}

PmnCode
pmn_table_open(PmnCatalog *catalog, const char *database, const char *name,
			   const char *branch, PmnTable **out)
{
	PmnTable *table = pmn_alloc(catalog->env, sizeof(*table));
	PmnCode code;

	*out = NULL;
	if (table == NULL)
		return PMN_NO_MEMORY;
	table->env = catalog->env;
	table->catalog = catalog;
	table->fs = catalog->fs;
	code = pmn_arena_create(table->env, 0, &table->arena);
	if (code == PMN_OK)
		code = load(table, database, name, branch);
	if (code == PMN_OK)
		*out = table;
	else
		pmn_table_close(table);
	return code;
}

void
pmn_table_close(PmnTable *table)
{
	if (table == NULL)
		return;
	pmn_array_free(table->env, &table->lsm.schemas);
	pmn_arena_destroy(table->arena);
	pmn_free(table->env, table, sizeof(*table));
}

const PmnSchema *
pmn_table_schema(const PmnTable *table)
{
	return table->lsm.schema;
}

PmnCode
pmn_table_check_read(PmnTable *table)
{
	return pmn_options_check_read(table->env, table->readable_schema,
								  &table->options);
}

PmnCode
pmn_table_check_write(PmnTable *table)
{
	const PmnSchema *schema = table->latest_schema;
	PmnArena *arena = NULL;
	PmnDefaults defaults;
	PmnCode code;

	PMN_TRY(pmn_options_check_write(table->env, schema, &table->options));
	PMN_TRY(pmn_arena_create(table->env, 0, &arena));
	code = pmn_defaults_make(arena, schema, &defaults);
	pmn_defaults_free(&defaults);
	pmn_arena_destroy(arena);
	return code;
}

bool
pmn_table_has_primary_key(const PmnTable *table)
{
	return table->lsm.is_keyed;
}

PmnCode
pmn_table_schema_by_id(PmnTable *table, int64_t id, const PmnSchema **out)
{
	PmnCode code = pmn_lsm_schema(&table->lsm, id, out);

	if (code == PMN_NOT_FOUND)
		return pmn_fail(table->env, PMN_CORRUPT,
						"table \"%s\" lacks schema %" PRId64
						", which a snapshot or data file refers to",
						table->name, id);
	return code;
}

/* An old schema's columns with today's options. */
static PmnCode
schema_with_options(PmnTable *table, const PmnSchema *old,
					const PmnSchema **out)
{
	PmnSchema *copy = pmn_arena_copy(table->arena, old, sizeof(*old));

	if (copy == NULL)
		return PMN_NO_MEMORY;
	copy->options = table->latest_schema->options;
	copy->option_count = table->latest_schema->option_count;
	*out = copy;
	return PMN_OK;
}

PmnCode
pmn_table_use_schema(PmnTable *table, int64_t schema_id)
{
	const PmnSchema *old = NULL;
	const PmnSchema *schema = table->latest_schema;
	PmnTableOptions options;
	PmnLsm lsm;

	if (schema_id == table->lsm.schema->id)
		return PMN_OK;
	if (schema_id != table->latest_schema->id)
	{
		PMN_TRY(pmn_table_schema_by_id(table, schema_id, &old));
		PMN_TRY(schema_with_options(table, old, &schema));
	}
	/* Options name columns, so they are looked up again; on failure the
	 * handle stays as it was. */
	PMN_TRY(pmn_options_parse(table->arena, table->env, schema, &options));
	lsm = table->lsm;
	PMN_TRY(build_lsm(table, schema, &lsm));
	table->options = options;
	lsm.schemas.items = table->lsm.schemas.items;
	lsm.schemas.count = table->lsm.schemas.count;
	lsm.schemas.capacity = table->lsm.schemas.capacity;
	table->lsm = lsm;
	return PMN_OK;
}

PmnCode
pmn_table_track_rows(PmnTable *table)
{
	PmnLsm lsm = table->lsm;
	PmnCode code;

	if (table->tracks_rows)
		return PMN_OK;
	if (!table->options.row_tracking)
		return pmn_fail(table->env, PMN_INVALID,
						"table \"%s\" does not track rows: its option "
						"\"row-tracking.enabled\" is not \"true\"",
						table->name);
	table->tracks_rows = true;
	code = build_lsm(table, table->lsm.schema, &lsm);
	if (code == PMN_OK)
		table->lsm = lsm;
	else
		table->tracks_rows = false;
	return code;
}

PmnCode
pmn_table_file_path(PmnTable *table, PmnArena *arena,
					const PmnManifestEntry *entry, char **out)
{
	PmnBucket *bucket = NULL;
	const PmnDataFile *file = &entry->file;

	PMN_TRY(pmn_bucket_make(&table->lsm, arena, entry->partition, entry->bucket,
							entry->total_buckets, &bucket));
	return pmn_path_data_file(
		arena, table->env, &table->lsm.path, bucket->directory, file->file_name,
		file->has_external_path ? &file->external_path : NULL, out);
}

void
pmn_table_remove_quietly(PmnTable *table, const char *path)
{
	PmnError error = table->env->error;

	if (path != NULL && pmn_fs_remove(table->fs, path) != PMN_OK &&
		table->env->log != NULL)
		table->env->log(table->env, 1, table->env->error.message);
	table->env->error = error;
}

void
pmn_table_mark_fields(bool *allowed, const uint32_t *fields, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		allowed[fields[i]] = true;
}
