/*
 * meta_schema.c
 *
 * Schema files: one JSON document per version of a table's columns, keys and
 * options, schema/schema-N. Written once, never changed; the newest is the
 * one with the highest number, found by listing.
 *
 *   version?, id, fields [{id, name, type, description?, defaultValue?}],
 *   highestFieldId, partitionKeys [], primaryKeys [], options {}, comment?,
 *   timeMillis?
 *
 * What we hand out holds these invariants, whatever the file says: column
 * names and ids are unique, key lists name columns, nothing is NULL that the
 * struct does not allow to be.
 */
#include "meta_schema.h"

#include <stdlib.h>

#include "../codec/codec_json.h"

#define SCHEMA_SIZE_MAX (16 * 1024 * 1024)
#define LIST_COUNT_MAX 65536

/* What every step of parsing needs. */
typedef struct Source
{
	PmnEnv *env;
	PmnArena *arena;
	const PmnJson *json;
	const char *name; /* of the file, for messages */
} Source;

/* ---- parse ------------------------------------------------------------ */

static PmnCode
get_int32(const Source *src, const PmnJsonNode *object, const char *key,
		  int32_t *out)
{
	int64_t value;

	PMN_TRY(pmn_json_get_int64(src->json, object, key, &value));
	if (value < 0 || value > INT32_MAX)
		return pmn_fail(src->env, PMN_CORRUPT,
						"file \"%s\": \"%s\" is %" PRId64, src->name, key,
						value);
	*out = (int32_t) value;
	return PMN_OK;
}

/* The member of a certain kind, with a count that is sane. */
static PmnCode
get_container(const Source *src, const PmnJsonNode *root, const char *key,
			  PmnJsonKind kind, uint32_t count_max, const PmnJsonNode **out,
			  uint32_t *count)
{
	*out = pmn_json_member(root, key);
	*count = 0;
	if (*out == NULL || pmn_json_kind(*out) != kind)
		return pmn_fail(src->env, PMN_CORRUPT, "file \"%s\" has no %s \"%s\"",
						src->name, kind == PMN_JSON_ARRAY ? "array" : "object",
						key);
	*count = pmn_json_count(*out);
	if (*count > count_max)
		return pmn_fail(src->env, PMN_CORRUPT,
						"file \"%s\": \"%s\" has %" PRIu32
						" items, at most %" PRIu32 " are allowed",
						src->name, key, *count, count_max);
	return PMN_OK;
}

static PmnCode
parse_field(const Source *src, const PmnJsonNode *node, PmnField *field)
{
	const PmnJsonNode *type;

	if (pmn_json_kind(node) != PMN_JSON_OBJECT)
		return pmn_fail(src->env, PMN_CORRUPT,
						"file \"%s\" has a field that is not an object",
						src->name);
	PMN_TRY(get_int32(src, node, "id", &field->id));
	PMN_TRY(
		pmn_json_get_string(src->json, node, "name", src->arena, &field->name));
	if (field->name[0] == '\0')
		return pmn_fail(src->env, PMN_CORRUPT,
						"file \"%s\" has a column without a name", src->name);
	type = pmn_json_member(node, "type");
	if (type == NULL)
		return pmn_fail(src->env, PMN_CORRUPT,
						"file \"%s\": column \"%s\" has no type", src->name,
						field->name);
	if (pmn_type_parse(src->env, src->arena, type, &field->type) != PMN_OK)
		return pmn_note(src->env, "file \"%s\", column \"%s\"", src->name,
						field->name);
	PMN_TRY(pmn_json_opt_string(src->json, node, "description", src->arena,
								&field->description));
	return pmn_json_opt_string(src->json, node, "defaultValue", src->arena,
							   &field->default_value);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int
compare_ids(const void *a, const void *b)
{
	int32_t left = *(const int32_t *) a;
	int32_t right = *(const int32_t *) b;

	return left < right ? -1 : left > right ? 1 : 0;
}

/* Names and ids each occur once. */
static PmnCode
check_unique(const Source *src, const PmnSchema *schema)
{
	uint32_t count = schema->field_count;
	const char **names = pmn_arena_alloc(src->arena, count * sizeof(*names));
	int32_t *ids = pmn_arena_alloc(src->arena, count * sizeof(*ids));

	if (names == NULL || ids == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
	{
		names[i] = schema->fields[i].name;
		ids[i] = schema->fields[i].id;
	}
	qsort(names, count, sizeof(*names), compare_names);
	qsort(ids, count, sizeof(*ids), compare_ids);
	for (uint32_t i = 1; i < count; i++)
	{
		if (strcmp(names[i - 1], names[i]) == 0)
			return pmn_fail(src->env, PMN_CORRUPT,
							"file \"%s\" has two columns \"%s\"", src->name,
							names[i]);
		if (ids[i - 1] == ids[i])
			return pmn_fail(src->env, PMN_CORRUPT,
							"file \"%s\" has two columns with id %" PRId32,
							src->name, ids[i]);
	}
	return PMN_OK;
}

static PmnCode
parse_fields(const Source *src, const PmnJsonNode *root, PmnSchema *schema)
{
	const PmnJsonNode *fields;
	const PmnJsonNode *node;
	uint32_t count;

	PMN_TRY(get_container(src, root, "fields", PMN_JSON_ARRAY,
						  PMN_COLUMN_COUNT_MAX, &fields, &count));
	schema->fields =
		pmn_arena_alloc(src->arena, count * sizeof(*schema->fields));
	if (schema->fields == NULL)
		return PMN_NO_MEMORY;
	for (node = pmn_json_first(fields); node != NULL;
		 node = pmn_json_next(node))
	{
		PMN_ASSERT(schema->field_count < count);
		PMN_TRY(parse_field(src, node, &schema->fields[schema->field_count]));
		schema->field_count++;
	}
	return check_unique(src, schema);
}

/* A list of column names. */
static PmnCode
parse_names(const Source *src, const PmnJsonNode *root, const char *key,
			const PmnSchema *schema, const char ***names, uint32_t *out_count)
{
	const PmnJsonNode *list;
	const PmnJsonNode *node;
	uint32_t count;

	PMN_TRY(get_container(src, root, key, PMN_JSON_ARRAY, PMN_COLUMN_COUNT_MAX,
						  &list, &count));
	*names = pmn_arena_alloc(src->arena, count * sizeof(**names));
	if (*names == NULL)
		return PMN_NO_MEMORY;
	for (node = pmn_json_first(list); node != NULL; node = pmn_json_next(node))
	{
		const char *text = pmn_json_text(node);
		int32_t position =
			text == NULL ? -1 : pmn_schema_field_index(schema, text);

		if (position < 0)
			return pmn_fail(src->env, PMN_CORRUPT,
							"file \"%s\": \"%s\" names \"%s\", which is not "
							"a column",
							src->name, key, text == NULL ? "?" : text);
		for (uint32_t i = 0; i < *out_count; i++)
		{
			if (strcmp((*names)[i], text) == 0)
				return pmn_fail(src->env, PMN_CORRUPT,
								"file \"%s\": \"%s\" names \"%s\" twice",
								src->name, key, text);
		}
		(*names)[(*out_count)++] = schema->fields[position].name;
	}
	return PMN_OK;
}

static PmnCode
parse_options(const Source *src, const PmnJsonNode *root, PmnSchema *schema)
{
	const PmnJsonNode *object;
	const PmnJsonNode *member;
	uint32_t count;

	PMN_TRY(get_container(src, root, "options", PMN_JSON_OBJECT, LIST_COUNT_MAX,
						  &object, &count));
	schema->options =
		pmn_arena_alloc(src->arena, count * sizeof(*schema->options));
	if (schema->options == NULL)
		return PMN_NO_MEMORY;
	for (member = pmn_json_first(object); member != NULL;
		 member = pmn_json_next(member))
	{
		PmnOption *option = &schema->options[schema->option_count];
		const char *text = pmn_json_text(member);

		if (pmn_json_kind(member) == PMN_JSON_NULL)
			continue;
		if (text == NULL)
			return pmn_fail(src->env, PMN_CORRUPT,
							"file \"%s\": option \"%s\" is not a string",
							src->name, pmn_json_key(member));
		option->key = pmn_arena_string(src->arena, pmn_json_key(member));
		option->value = pmn_arena_string(src->arena, text);
		if (option->key == NULL || option->value == NULL)
			return PMN_NO_MEMORY;
		schema->option_count++;
	}
	return PMN_OK;
}

static PmnCode
parse_root(const Source *src, PmnSchema **out)
{
	const PmnJsonNode *root = pmn_json_root(src->json);
	PmnSchema *schema = pmn_arena_alloc(src->arena, sizeof(*schema));
	int64_t version = 1; /* the first one did not write it */
	bool present;

	if (schema == NULL)
		return PMN_NO_MEMORY;
	if (pmn_json_kind(root) != PMN_JSON_OBJECT)
		return pmn_fail(src->env, PMN_CORRUPT,
						"file \"%s\" is not a JSON object", src->name);
	PMN_TRY(pmn_json_opt_int64(src->json, root, "version", &version, &present));
	if (version < 0 || version > INT32_MAX)
		return pmn_fail(src->env, PMN_CORRUPT,
						"file \"%s\" has version %" PRId64, src->name, version);
	schema->version = (int32_t) version;
	PMN_TRY(pmn_json_get_int64(src->json, root, "id", &schema->id));
	if (schema->id < 0)
		return pmn_fail(src->env, PMN_CORRUPT, "file \"%s\" has id %" PRId64,
						src->name, schema->id);
	PMN_TRY(parse_fields(src, root, schema));
	PMN_TRY(get_int32(src, root, "highestFieldId", &schema->highest_field_id));
	PMN_TRY(parse_names(src, root, "partitionKeys", schema,
						&schema->partition_keys, &schema->partition_key_count));
	PMN_TRY(parse_names(src, root, "primaryKeys", schema, &schema->primary_keys,
						&schema->primary_key_count));
	PMN_TRY(parse_options(src, root, schema));
	PMN_TRY(pmn_json_opt_string(src->json, root, "comment", src->arena,
								&schema->comment));
	PMN_TRY(pmn_json_opt_int64(src->json, root, "timeMillis",
							   &schema->time_millis, &present));
	*out = schema;
	return PMN_OK;
}

PmnCode
pmn_schema_parse(PmnEnv *env, PmnArena *arena, PmnBytes text, const char *name,
				 PmnSchema **out)
{
	PmnJson *json = NULL;
	PmnCode code;

	*out = NULL;
	code = pmn_json_parse(env, text, name, &json);
	if (code == PMN_OK)
	{
		Source src = {env, arena, json, name};

		code = parse_root(&src, out);
	}
	pmn_json_free(json);
	return code;
}

/* ---- print ------------------------------------------------------------ */

static void
print_fields(PmnJsonWriter *writer, const char *key, const PmnSchema *schema)
{
	pmn_json_begin_array(writer, key);
	for (uint32_t i = 0; i < schema->field_count; i++)
	{
		const PmnField *field = &schema->fields[i];

		pmn_json_begin_object(writer, NULL);
		pmn_json_put_int64(writer, "id", field->id);
		pmn_json_put_string(writer, "name", field->name);
		pmn_type_print(writer, "type", &field->type);
		if (field->description != NULL)
			pmn_json_put_string(writer, "description", field->description);
		if (field->default_value != NULL)
			pmn_json_put_string(writer, "defaultValue", field->default_value);
		pmn_json_end(writer);
	}
	pmn_json_end(writer);
}

static void
print_names(PmnJsonWriter *writer, const char *key, const char *const *names,
			uint32_t count)
{
	pmn_json_begin_array(writer, key);
	for (uint32_t i = 0; i < count; i++)
		pmn_json_put_string(writer, NULL, names[i]);
	pmn_json_end(writer);
}

PmnCode
pmn_schema_print(const PmnSchema *schema, PmnBuffer *dst)
{
	PmnJsonWriter writer;

	pmn_json_writer_init(&writer, dst, 2);
	pmn_json_begin_object(&writer, NULL);
	pmn_json_put_int64(&writer, "version", schema->version);
	pmn_json_put_int64(&writer, "id", schema->id);
	print_fields(&writer, "fields", schema);
	pmn_json_put_int64(&writer, "highestFieldId", schema->highest_field_id);
	print_names(&writer, "partitionKeys", schema->partition_keys,
				schema->partition_key_count);
	print_names(&writer, "primaryKeys", schema->primary_keys,
				schema->primary_key_count);
	pmn_json_begin_object(&writer, "options");
	for (uint32_t i = 0; i < schema->option_count; i++)
		pmn_json_put_string(&writer, schema->options[i].key,
							schema->options[i].value);
	pmn_json_end(&writer);
	if (schema->comment != NULL)
		pmn_json_put_string(&writer, "comment", schema->comment);
	pmn_json_put_int64(&writer, "timeMillis", schema->time_millis);
	pmn_json_end(&writer);
	return pmn_json_writer_finish(&writer);
}

PmnCode
pmn_schema_print_fields(const PmnSchema *schema, PmnBuffer *dst)
{
	PmnJsonWriter writer;

	pmn_json_writer_init(&writer, dst, 0);
	print_fields(&writer, NULL, schema);
	return pmn_json_writer_finish(&writer);
}

/* ---- files ------------------------------------------------------------ */

PmnCode
pmn_schema_read(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
				int64_t id, PmnSchema **out)
{
	char *file = pmn_path_schema(arena, path, id);
	PmnBuffer text;
	PmnCode code;

	*out = NULL;
	if (file == NULL)
		return PMN_NO_MEMORY;
	pmn_buffer_init(&text, fs->env);
	code = pmn_fs_read_file(fs, file, SCHEMA_SIZE_MAX, &text);
	if (code == PMN_OK)
		code = pmn_schema_parse(fs->env, arena, pmn_bytes(text.data, text.size),
								file, out);
	pmn_buffer_free(&text);
	if (code == PMN_OK && (*out)->id != id)
	{
		code = pmn_fail(fs->env, PMN_CORRUPT,
						"file \"%s\" holds schema %" PRId64, file, (*out)->id);
		*out = NULL;
	}
	return code;
}

PmnCode
pmn_schema_latest_id(PmnFileSystem *fs, PmnArena *arena,
					 const PmnTablePath *path, int64_t *id)
{
	char *directory = pmn_path_branch_directory(arena, path, "schema");
	PmnFileList list = {NULL, 0, 0};

	*id = -1;
	if (directory == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_fs_list(fs, directory, arena, &list));
	for (size_t i = 0; i < list.count; i++)
	{
		int64_t found = pmn_path_parse_id(list.items[i].name, "schema-");

		if (found > *id && !list.items[i].is_directory)
			*id = found;
	}
	if (*id < 0)
		return pmn_fail(fs->env, PMN_NOT_FOUND,
						"directory \"%s\" has no schema", directory);
	return PMN_OK;
}

PmnCode
pmn_schema_write(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
				 const PmnSchema *schema)
{
	char *file = pmn_path_schema(arena, path, schema->id);
	PmnBuffer text;
	PmnCode code;

	PMN_ASSERT(schema->id >= 0);
	if (file == NULL)
		return PMN_NO_MEMORY;
	pmn_buffer_init(&text, fs->env);
	code = pmn_schema_print(schema, &text);
	if (code == PMN_OK)
		code =
			pmn_fs_put(fs, file, PMN_PUT_NEW, pmn_bytes(text.data, text.size));
	pmn_buffer_free(&text);
	return code;
}
