/*
 * table_inspect_meta.c
 *
 * System tables of small JSON documents: snapshots, schemas, options, the
 * fields of an aggregation table, and the statistics that ANALYZE left with
 * a snapshot. Everything is read anew, so that what other engines just wrote
 * is shown.
 */
#include "table_inspect.h"

#include <stdlib.h>
#include <string.h>

#include "../codec/codec_json.h"

#define STATISTICS_SIZE_MAX (16 * 1024 * 1024)

/* ---- snapshots -------------------------------------------------------- */

static PmnCode
visit_snapshots(PmnTable *table, PmnArena *list_arena, PmnArena *arena,
				PmnSnapshotVisitor visit, void *context)
{
	int64_t *ids = NULL;
	uint32_t count = 0;

	PMN_TRY(pmn_snapshot_list(table->fs, list_arena, &table->lsm.path, &ids,
							  &count));
	for (uint32_t i = 0; i < count; i++)
	{
		PmnSnapshot *snapshot = NULL;
		PmnCode code;

		pmn_arena_reset(arena);
		PMN_TRY(pmn_poll(table->env));
		code = pmn_snapshot_read(table->fs, arena, &table->lsm.path, ids[i],
								 &snapshot);
		/* Expired since the listing. */
		if (code == PMN_NOT_FOUND)
			continue;
		PMN_TRY(code);
		if (!visit(context, &snapshot->info))
			return PMN_OK;
	}
	return PMN_OK;
}

PmnCode
pmn_table_visit_snapshots(PmnTable *table, PmnSnapshotVisitor visit,
						  void *context)
{
	PmnArena *list_arena = NULL;
	PmnArena *arena = NULL;
	PmnCode code;

	code = pmn_arena_create(table->env, 0, &list_arena);
	if (code == PMN_OK)
		code = pmn_arena_create(table->env, 0, &arena);
	if (code == PMN_OK)
		code = visit_snapshots(table, list_arena, arena, visit, context);
	pmn_arena_destroy(arena);
	pmn_arena_destroy(list_arena);
	return code;
}

PmnCode
pmn_table_visit_snapshot(PmnTable *table, int64_t id, PmnSnapshotVisitor visit,
						 void *context)
{
	PmnSnapshot *snapshot = NULL;
	PmnArena *arena = NULL;
	PmnCode code;

	PMN_TRY(pmn_arena_create(table->env, 0, &arena));
	code = pmn_snapshot_read(table->fs, arena, &table->lsm.path, id, &snapshot);
	if (code == PMN_OK)
		(void) visit(context, &snapshot->info);
	pmn_arena_destroy(arena);
	return code;
}

static bool
put_snapshot(void *context, const PmnSnapshotInfo *info)
{
	PmnInspector *rows = context;

	pmn_inspect_number(rows, info->id, true);
	pmn_inspect_number(rows, info->schema_id, true);
	pmn_inspect_text(rows, info->commit_user);
	pmn_inspect_number(rows, info->commit_identifier, true);
	pmn_inspect_text(rows, info->commit_kind);
	pmn_inspect_number(rows, info->time_millis, true);
	pmn_inspect_text(rows, info->base_manifest_list);
	pmn_inspect_text(rows, info->delta_manifest_list);
	pmn_inspect_text(rows, info->changelog_manifest_list);
	pmn_inspect_number(rows, info->total_record_count, true);
	pmn_inspect_number(rows, info->delta_record_count, true);
	pmn_inspect_number(rows, info->changelog_record_count,
					   info->has_changelog_record_count);
	pmn_inspect_number(rows, info->watermark, info->has_watermark);
	pmn_inspect_number(rows, info->next_row_id, info->has_next_row_id);
	pmn_inspect_text(rows, info->operation);
	pmn_inspect_text(rows, info->writer_version);
	return pmn_inspect_emit(rows) == PMN_OK && !rows->is_stopped;
}

PmnCode
pmn_inspect_snapshots(PmnInspector *inspector)
{
	PMN_TRY(
		pmn_table_visit_snapshots(inspector->table, put_snapshot, inspector));
	/* A cancellation ended the visit early. */
	return pmn_poll(inspector->env);
}

/* ---- schemas ---------------------------------------------------------- */

/* The parts of a schema as JSON, each terminated, in buffers of their own. */
typedef struct SchemaTexts
{
	PmnBuffer fields;
	PmnBuffer partition_keys;
	PmnBuffer primary_keys;
	PmnBuffer options;
} SchemaTexts;

static PmnCode
print_names(PmnBuffer *out, const char *const *names, uint32_t count)
{
	PmnJsonWriter writer;

	pmn_json_writer_init(&writer, out, 0);
	pmn_json_begin_array(&writer, NULL);
	for (uint32_t i = 0; i < count; i++)
		pmn_json_put_string(&writer, NULL, names[i]);
	pmn_json_end(&writer);
	PMN_TRY(pmn_json_writer_finish(&writer));
	return pmn_buffer_byte(out, 0);
}

static PmnCode
print_schema(const PmnSchema *schema, SchemaTexts *texts)
{
	PmnJsonWriter writer;

	pmn_buffer_reset(&texts->fields);
	pmn_buffer_reset(&texts->partition_keys);
	pmn_buffer_reset(&texts->primary_keys);
	pmn_buffer_reset(&texts->options);
	PMN_TRY(pmn_schema_print_fields(schema, &texts->fields));
	PMN_TRY(pmn_buffer_byte(&texts->fields, 0));
	PMN_TRY(print_names(&texts->partition_keys,
						(const char *const *) schema->partition_keys,
						schema->partition_key_count));
	PMN_TRY(print_names(&texts->primary_keys,
						(const char *const *) schema->primary_keys,
						schema->primary_key_count));
	pmn_json_writer_init(&writer, &texts->options, 0);
	pmn_json_begin_object(&writer, NULL);
	for (uint32_t i = 0; i < schema->option_count; i++)
		pmn_json_put_string(&writer, schema->options[i].key,
							schema->options[i].value);
	pmn_json_end(&writer);
	PMN_TRY(pmn_json_writer_finish(&writer));
	return pmn_buffer_byte(&texts->options, 0);
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* Ids of all schema files, ascending; in arena. */
static PmnCode
list_schemas(PmnTable *table, PmnArena *arena, int64_t **out, size_t *count)
{
	char *directory =
		pmn_path_branch_directory(arena, &table->lsm.path, "schema");
	PmnFileList list = {NULL, 0, 0};

	if (directory == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_fs_list(table->fs, directory, arena, &list));
	*out = pmn_arena_alloc(arena, list.count * sizeof(**out));
	if (*out == NULL)
		return PMN_NO_MEMORY;
	*count = 0;
	for (size_t i = 0; i < list.count; i++)
	{
		int64_t id = pmn_path_parse_id(list.items[i].name, "schema-");

		if (id >= 0)
			(*out)[(*count)++] = id;
	}
	if (*count > 1)
		qsort(*out, *count, sizeof(**out), compare_ids);
	return PMN_OK;
}

static PmnCode
put_schemas(PmnInspector *inspector, SchemaTexts *texts)
{
	PmnTable *table = inspector->table;
	int64_t *ids = NULL;
	size_t count = 0;

	PMN_TRY(list_schemas(table, inspector->arena, &ids, &count));
	for (size_t i = 0; i < count && !inspector->is_stopped; i++)
	{
		PmnSchema *schema = NULL;

		PMN_TRY(pmn_schema_read(table->fs, inspector->row, &table->lsm.path,
								ids[i], &schema));
		PMN_TRY(print_schema(schema, texts));
		pmn_inspect_number(inspector, schema->id, true);
		pmn_inspect_text(inspector, (const char *) texts->fields.data);
		pmn_inspect_text(inspector, (const char *) texts->partition_keys.data);
		pmn_inspect_text(inspector, (const char *) texts->primary_keys.data);
		pmn_inspect_text(inspector, (const char *) texts->options.data);
		pmn_inspect_text(inspector, schema->comment);
		pmn_inspect_number(inspector, schema->time_millis, true);
		PMN_TRY(pmn_inspect_emit(inspector));
	}
	return PMN_OK;
}

PmnCode
pmn_inspect_schemas(PmnInspector *inspector)
{
	SchemaTexts texts;
	PmnCode code;

	pmn_buffer_init(&texts.fields, inspector->env);
	pmn_buffer_init(&texts.partition_keys, inspector->env);
	pmn_buffer_init(&texts.primary_keys, inspector->env);
	pmn_buffer_init(&texts.options, inspector->env);
	code = put_schemas(inspector, &texts);
	pmn_buffer_free(&texts.fields);
	pmn_buffer_free(&texts.partition_keys);
	pmn_buffer_free(&texts.primary_keys);
	pmn_buffer_free(&texts.options);
	return code;
}

PmnCode
pmn_inspect_options(PmnInspector *inspector)
{
	const PmnSchema *schema = inspector->table->latest_schema;

	for (uint32_t i = 0; i < schema->option_count && !inspector->is_stopped;
		 i++)
	{
		pmn_inspect_text(inspector, schema->options[i].key);
		pmn_inspect_text(inspector, schema->options[i].value);
		PMN_TRY(pmn_inspect_emit(inspector));
	}
	return PMN_OK;
}

/* ---- aggregation fields ----------------------------------------------- */

/* Whether key is "fields.<name>.<more>". */
static bool
is_option_of(const char *key, const char *name)
{
	size_t size = strlen(name);

	return strncmp(key, "fields.", 7) == 0 &&
		   strncmp(key + 7, name, size) == 0 && key[7 + size] == '.' &&
		   key[8 + size] != '\0';
}

/* "[a, b]": the values, or the names, of a field's options. */
static PmnCode
print_field_options(PmnInspector *inspector, const PmnSchema *schema,
					const char *name, bool names, const char **out)
{
	PmnBuffer *text = &inspector->text;
	bool is_first = true;

	pmn_buffer_reset(text);
	PMN_TRY(pmn_buffer_byte(text, '['));
	for (uint32_t i = 0; i < schema->option_count; i++)
	{
		const PmnOption *option = &schema->options[i];

		if (!is_option_of(option->key, name))
			continue;
		if (!is_first)
			PMN_TRY(pmn_buffer_string(text, ", "));
		PMN_TRY(pmn_buffer_string(text, names ? option->key : option->value));
		is_first = false;
	}
	PMN_TRY(pmn_buffer_byte(text, ']'));
	return pmn_inspect_take(inspector, out);
}

PmnCode
pmn_inspect_aggregation_fields(PmnInspector *inspector)
{
	const PmnSchema *schema = inspector->table->latest_schema;

	for (uint32_t i = 0; i < schema->field_count && !inspector->is_stopped; i++)
	{
		const PmnField *field = &schema->fields[i];
		const size_t size = 4096;
		char *type = pmn_arena_alloc(inspector->row, size);
		const char *values = NULL;
		const char *names = NULL;

		if (type == NULL)
			return PMN_NO_MEMORY;
		PMN_TRY(print_field_options(inspector, schema, field->name, false,
									&values));
		PMN_TRY(
			print_field_options(inspector, schema, field->name, true, &names));
		pmn_inspect_text(inspector, field->name);
		pmn_inspect_text(inspector, pmn_type_name(&field->type, type, size));
		pmn_inspect_text(inspector, values);
		pmn_inspect_text(inspector, names);
		pmn_inspect_text(inspector, field->description);
		PMN_TRY(pmn_inspect_emit(inspector));
	}
	return PMN_OK;
}

/* ---- statistics ------------------------------------------------------- */

static PmnCode
print_column(const PmnJson *json, const PmnJsonNode *column, PmnArena *arena,
			 PmnJsonWriter *writer)
{
	static const char *const members[] = {"colId", "distinctCount", "min",
										  "max",   "nullCount",		"avgLen",
										  "maxLen"};

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
	{
		const char *name = members[i];
		const char *text = NULL;
		int64_t number = 0;
		bool is_there = false;

		if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0)
		{
			PMN_TRY(pmn_json_opt_string(json, column, name, arena, &text));
			if (text != NULL)
				pmn_json_put_string(writer, name, text);
			continue;
		}
		PMN_TRY(pmn_json_opt_int64(json, column, name, &number, &is_there));
		if (is_there)
			pmn_json_put_int64(writer, name, number);
	}
	return PMN_OK;
}

static PmnCode
print_columns(PmnInspector *inspector, const PmnJson *json,
			  const PmnJsonNode *columns, const char *name, const char **out)
{
	PmnJsonWriter writer;

	*out = NULL;
	if (columns == NULL)
		return PMN_OK;
	if (pmn_json_kind(columns) != PMN_JSON_OBJECT)
		return pmn_fail(inspector->env, PMN_CORRUPT,
						"\"colStats\" in file \"%s\" is not an object", name);
	pmn_buffer_reset(&inspector->text);
	pmn_json_writer_init(&writer, &inspector->text, 2);
	pmn_json_begin_object(&writer, NULL);
	for (const PmnJsonNode *column = pmn_json_first(columns); column != NULL;
		 column = pmn_json_next(column))
	{
		if (pmn_json_kind(column) != PMN_JSON_OBJECT)
			return pmn_fail(inspector->env, PMN_CORRUPT,
							"\"colStats\" in file \"%s\" is damaged", name);
		pmn_json_begin_object(&writer, pmn_json_key(column));
		PMN_TRY(print_column(json, column, inspector->row, &writer));
		pmn_json_end(&writer);
	}
	pmn_json_end(&writer);
	PMN_TRY(pmn_json_writer_finish(&writer));
	return pmn_inspect_take(inspector, out);
}

static PmnCode
put_statistics(PmnInspector *inspector, const PmnJson *json, const char *name)
{
	const PmnJsonNode *root = pmn_json_root(json);
	int64_t snapshot_id = 0;
	int64_t schema_id = 0;
	int64_t count = 0;
	int64_t size = 0;
	bool has_count = false;
	bool has_size = false;
	const char *columns = NULL;

	if (pmn_json_kind(root) != PMN_JSON_OBJECT)
		return pmn_fail(inspector->env, PMN_CORRUPT,
						"file \"%s\" is not a JSON object", name);
	PMN_TRY(pmn_json_get_int64(json, root, "snapshotId", &snapshot_id));
	PMN_TRY(pmn_json_get_int64(json, root, "schemaId", &schema_id));
	PMN_TRY(pmn_json_opt_int64(json, root, "mergedRecordCount", &count,
							   &has_count));
	PMN_TRY(
		pmn_json_opt_int64(json, root, "mergedRecordSize", &size, &has_size));
	PMN_TRY(print_columns(inspector, json, pmn_json_member(root, "colStats"),
						  name, &columns));
	pmn_inspect_number(inspector, snapshot_id, true);
	pmn_inspect_number(inspector, schema_id, true);
	pmn_inspect_number(inspector, count, has_count);
	pmn_inspect_number(inspector, size, has_size);
	pmn_inspect_text(inspector, columns);
	return pmn_inspect_emit(inspector);
}

/* Statistics files are the table's, whatever the branch. */
PmnCode
pmn_inspect_statistics(PmnInspector *inspector)
{
	PmnTable *table = inspector->table;
	const char *name = inspector->snapshot->statistics;
	PmnJson *json = NULL;
	PmnBuffer bytes;
	char *path;
	PmnCode code;

	if (name == NULL)
		return PMN_OK;
	path = pmn_path_join(inspector->arena, table->lsm.path.root, "statistics",
						 name, NULL);
	if (path == NULL)
		return PMN_NO_MEMORY;
	pmn_buffer_init(&bytes, inspector->env);
	code = pmn_fs_read_file(table->fs, path, STATISTICS_SIZE_MAX, &bytes);
	if (code == PMN_OK)
		code = pmn_json_parse(inspector->env, pmn_bytes(bytes.data, bytes.size),
							  path, &json);
	if (code == PMN_OK)
		code = put_statistics(inspector, json, path);
	pmn_json_free(json);
	pmn_buffer_free(&bytes);
	return code;
}
