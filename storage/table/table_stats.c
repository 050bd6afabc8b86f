/*
 * table_stats.c
 *
 * Column statistics of data files, in terms of the schema that reads them
 * (format/metadata.md 2.6, data.md 5.1). A file's statistics are rows of the
 * schema it was written with, possibly of some columns only. Columns meet by
 * field id:
 *
 *   the file's schema lacks the field   every row is null
 *   _WRITE_COLS lacks it                the same
 *   the type differs                    unknown
 *   the statistics lack the column      unknown
 *
 * Wrong statistics would lose rows, so everything unexpected is unknown.
 */
#include "table_scan.h"

#include <string.h>

static const PmnType system_bigint = {.kind = PMN_TYPE_BIGINT};

PmnCode
pmn_file_stats_init(PmnFileStats *stats, PmnTable *table, PmnArena *arena)
{
	uint32_t count = table->lsm.schema->field_count;

	memset(stats, 0, sizeof(*stats));
	stats->table = table;
	stats->file_fields = pmn_arena_alloc(arena, count * sizeof(int32_t));
	stats->same_type = pmn_arena_alloc(arena, count * sizeof(bool));
	stats->columns = pmn_arena_alloc(arena, count * sizeof(PmnColumnStats));
	stats->known = pmn_arena_alloc(arena, count * sizeof(bool));
	stats->present = pmn_arena_alloc(arena, count * sizeof(bool));
	if (stats->present == NULL || stats->file_fields == NULL ||
		stats->same_type == NULL || stats->columns == NULL ||
		stats->known == NULL)
		return PMN_NO_MEMORY;
	return pmn_arena_create(table->env, 0, &stats->scratch);
}

void
pmn_file_stats_free(PmnFileStats *stats)
{
	pmn_arena_destroy(stats->scratch);
	stats->scratch = NULL;
}

static int32_t
field_by_id(const PmnSchema *schema, int32_t id, uint32_t guess)
{
	if (guess < schema->field_count && schema->fields[guess].id == id)
		return (int32_t) guess;
	for (uint32_t i = 0; i < schema->field_count; i++)
	{
		if (schema->fields[i].id == id)
			return (int32_t) i;
	}
	return -1;
}

PmnCode
pmn_file_stats_schema(PmnFileStats *stats, const PmnDataFile *file)
{
	const PmnSchema *schema = stats->table->lsm.schema;
	const PmnSchema *file_schema = NULL;

	if (stats->file_schema != NULL && stats->file_schema->id == file->schema_id)
		return PMN_OK;
	PMN_TRY(
		pmn_table_schema_by_id(stats->table, file->schema_id, &file_schema));
	for (uint32_t f = 0; f < schema->field_count; f++)
	{
		int32_t at = field_by_id(file_schema, schema->fields[f].id, f);

		stats->file_fields[f] = at;
		stats->same_type[f] =
			at >= 0 && pmn_type_equal(&schema->fields[f].type,
									  &file_schema->fields[at].type);
	}
	stats->file_schema = file_schema;
	return PMN_OK;
}

/* Which columns, and types, the value statistics of a file are of. */
typedef struct StatsColumns
{
	uint32_t count;
	const PmnType **types;
	int32_t *file_fields; /* -1: a system column */
} StatsColumns;

static int32_t
field_by_name(const PmnSchema *schema, PmnBytes name)
{
	for (uint32_t i = 0; i < schema->field_count; i++)
	{
		const char *field = schema->fields[i].name;

		if (strlen(field) == name.size &&
			memcmp(field, name.data, name.size) == 0)
			return (int32_t) i;
	}
	return -1;
}

/* *known false: a column whose type we cannot tell. */
static PmnCode
columns_by_name(PmnFileStats *stats, const PmnAvroArray *names,
				StatsColumns *out, bool *known)
{
	const PmnBytes *items = names->items;
	const PmnBytes row_id = pmn_bytes_string(PMN_FIELD_NAME_ROW_ID);
	const PmnBytes sequence = pmn_bytes_string(PMN_FIELD_NAME_SEQUENCE);

	out->count = names->count;
	out->types =
		pmn_arena_alloc(stats->scratch, names->count * sizeof(const PmnType *));
	out->file_fields =
		pmn_arena_alloc(stats->scratch, names->count * sizeof(int32_t));
	if (out->types == NULL || out->file_fields == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < names->count; i++)
	{
		int32_t at = field_by_name(stats->file_schema, items[i]);

		out->file_fields[i] = at;
		if (at >= 0)
			out->types[i] = &stats->file_schema->fields[at].type;
		else if (pmn_bytes_equal(items[i], row_id) ||
				 pmn_bytes_equal(items[i], sequence))
			out->types[i] = &system_bigint;
		else
			*known = false;
	}
	return PMN_OK;
}

static PmnCode
all_columns(PmnFileStats *stats, StatsColumns *out)
{
	const PmnSchema *schema = stats->file_schema;

	out->count = schema->field_count;
	out->types =
		pmn_arena_alloc(stats->scratch, out->count * sizeof(const PmnType *));
	out->file_fields =
		pmn_arena_alloc(stats->scratch, out->count * sizeof(int32_t));
	if (out->types == NULL || out->file_fields == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < out->count; i++)
	{
		out->types[i] = &schema->fields[i].type;
		out->file_fields[i] = (int32_t) i;
	}
	return PMN_OK;
}

/* *out NULL when the row of statistics cannot be used. */
static PmnCode
parse_stats(PmnFileStats *stats, const PmnSimpleStats *simple,
			const PmnType *const *types, uint32_t count, PmnColumnStats **out)
{
	PmnCode code;

	*out = NULL;
	if (count == 0 || pmn_row_arity(simple->min_values) != (int32_t) count ||
		pmn_row_arity(simple->max_values) != (int32_t) count)
		return PMN_OK;
	*out = pmn_arena_alloc(stats->scratch, count * sizeof(**out));
	if (*out == NULL)
		return PMN_NO_MEMORY;
	code =
		pmn_simple_stats_parse(stats->table->env, simple, types, count, *out);
	/* Values of a type that has no statistics of ours: nothing is known. */
	if (code == PMN_UNSUPPORTED)
	{
		*out = NULL;
		return PMN_OK;
	}
	return code;
}

static bool
says_something(const PmnColumnStats *column)
{
	return column->null_count >= 0 || !column->min.is_null ||
		   !column->max.is_null;
}

static void
set_missing(PmnColumnStats *column, int64_t row_count)
{
	memset(column, 0, sizeof(*column));
	column->min.is_null = true;
	column->max.is_null = true;
	column->null_count = row_count;
}

/* What the manifest says of a column of row tracking, of a file whose rows
 * were never moved. */
static bool
tracked_stats(const PmnDataFile *file, int32_t id, PmnColumnStats *out)
{
	if (pmn_data_file_holds(file, NULL, id) || file->row_count <= 0 ||
		(id == PMN_FIELD_ID_ROW_ID && !file->has_first_row_id))
		return false;
	memset(out, 0, sizeof(*out));
	out->min.as.i64 = out->max.as.i64 = file->max_sequence_number;
	if (id == PMN_FIELD_ID_ROW_ID)
	{
		out->min.as.i64 = file->first_row_id;
		out->max.as.i64 = file->first_row_id + (file->row_count - 1);
	}
	return true;
}

/* Partition columns have their value without any file's help. */
static bool
is_missing(const PmnFileStats *stats, const PmnDataFile *file, uint32_t field)
{
	const PmnLsm *lsm = &stats->table->lsm;

	if (stats->file_fields[field] < 0)
		return true;
	for (uint32_t i = 0; i < lsm->partition_count; i++)
	{
		if (lsm->partition_fields[i] == field)
			return false;
	}
	return !pmn_data_file_holds(file, stats->file_schema,
								lsm->schema->fields[field].id);
}

PmnCode
pmn_file_stats_values(PmnFileStats *stats, const PmnDataFile *file)
{
	const PmnSchema *schema = stats->table->lsm.schema;
	StatsColumns columns = {0, NULL, NULL};
	PmnColumnStats *parsed = NULL;
	bool known = true;

	pmn_arena_reset(stats->scratch);
	PMN_TRY(pmn_file_stats_schema(stats, file));
	memset(stats->known, 0, schema->field_count * sizeof(bool));
	memset(stats->present, 0, schema->field_count * sizeof(bool));
	if (file->has_value_stats_cols)
		PMN_TRY(
			columns_by_name(stats, &file->value_stats_cols, &columns, &known));
	else if (file->has_write_cols)
		PMN_TRY(columns_by_name(stats, &file->write_cols, &columns, &known));
	else
		PMN_TRY(all_columns(stats, &columns));
	if (known)
		PMN_TRY(parse_stats(stats, &file->value_stats, columns.types,
							columns.count, &parsed));
	for (uint32_t f = 0; f < schema->field_count; f++)
	{
		int32_t at = stats->file_fields[f];

		if (pmn_field_is_tracked(schema->fields[f].id))
		{
			stats->known[f] = stats->present[f] =
				tracked_stats(file, schema->fields[f].id, &stats->columns[f]);
			continue;
		}
		if (is_missing(stats, file, f))
		{
			set_missing(&stats->columns[f], file->row_count);
			stats->known[f] = true;
			stats->present[f] = true;
			continue;
		}
		for (uint32_t i = 0; parsed != NULL && i < columns.count; i++)
		{
			if (columns.file_fields[i] != at)
				continue;
			stats->columns[f] = parsed[i];
			stats->present[f] = says_something(&parsed[i]);
			stats->known[f] = stats->present[f] && stats->same_type[f];
			break;
		}
	}
	return PMN_OK;
}

PmnCode
pmn_file_stats_keys(PmnFileStats *stats, const PmnDataFile *file)
{
	const PmnLsm *lsm = &stats->table->lsm;
	PmnColumnStats *parsed = NULL;

	pmn_arena_reset(stats->scratch);
	PMN_TRY(pmn_file_stats_schema(stats, file));
	memset(stats->known, 0, lsm->schema->field_count * sizeof(bool));
	for (uint32_t i = 0; i < lsm->key_count; i++)
	{
		if (!stats->same_type[lsm->key_fields[i]])
			return PMN_OK;
	}
	PMN_TRY(parse_stats(stats, &file->key_stats, lsm->key_types, lsm->key_count,
						&parsed));
	for (uint32_t i = 0; parsed != NULL && i < lsm->key_count; i++)
	{
		uint32_t field = lsm->key_fields[i];

		stats->columns[field] = parsed[i];
		stats->known[field] = says_something(&parsed[i]);
	}
	return PMN_OK;
}

bool
pmn_file_stats_field(void *context, int32_t field, PmnColumnStats *out)
{
	const PmnFileStats *stats = context;

	if (!stats->known[field])
		return false;
	*out = stats->columns[field];
	return true;
}
