/*
 * type_json.c
 *
 * Types in schema files (format/metadata.md 2.2): an atomic type is a JSON
 * string with its SQL spelling, a composite one an object whose "type" starts
 * with ARRAY, MULTISET, MAP, ROW or VECTOR and holds "NOT NULL" or not.
 *
 *   {"type":"ARRAY","element":T}          {"type":"MAP","key":T,"value":T}
 *   {"type":"MULTISET","element":T}       {"type":"VECTOR","element":T,
 *   {"type":"ROW","fields":[{"id":..,     "length":8}
 *            "name":..,"type":T,...}]}
 *
 * Row fields carry ids. A type none of whose row fields has one gets 0, 1,
 * ... in pre-order; a mixture is an error, as it is in Paimon.
 */
#include <strings.h>

#include "type_name.h"

typedef struct JsonParser
{
	PmnEnv *env;
	PmnArena *arena;
	int32_t next_id;
	bool has_ids;
	bool lacks_ids;
} JsonParser;

static PmnCode parse_node(JsonParser *parser, const PmnJsonNode *node,
						  int depth, PmnType *out);
static PmnCode parse_object(JsonParser *parser, const PmnJsonNode *node,
							int depth, PmnType *out);
static void print_fields(PmnJsonWriter *writer, const PmnType *type);

PmnCode
pmn_type_parse(PmnEnv *env, PmnArena *arena, const PmnJsonNode *node,
			   PmnType *out)
{
	JsonParser parser = {0};

	parser.env = env;
	parser.arena = arena;
	if (node == NULL)
		return pmn_fail(env, PMN_CORRUPT, "a data type is missing");
	PMN_TRY(parse_node(&parser, node, 0, out));
	if (parser.has_ids && parser.lacks_ids)
		return pmn_fail(env, PMN_CORRUPT,
						"some fields of a row type have ids, others have not");
	return PMN_OK;
}

void
pmn_type_print(PmnJsonWriter *writer, const char *key, const PmnType *type)
{
	char text[PMN_TYPE_NAME_SIZE];
	static const char *const names[] = {
		[PMN_TYPE_ARRAY] = "ARRAY",	  [PMN_TYPE_MULTISET] = "MULTISET",
		[PMN_TYPE_MAP] = "MAP",		  [PMN_TYPE_ROW] = "ROW",
		[PMN_TYPE_VECTOR] = "VECTOR",
	};
	bool is_composite = type->kind < sizeof(names) / sizeof(names[0]) &&
						names[type->kind] != NULL;

	if (!is_composite)
	{
		pmn_json_put_string(writer, key,
							pmn_type_name(type, text, sizeof(text)));
		return;
	}
	memset(text, 0, sizeof(text));
	memcpy(text, names[type->kind], strlen(names[type->kind]));
	if (!type->is_nullable)
		memcpy(text + strlen(text), " NOT NULL", sizeof(" NOT NULL"));
	pmn_json_begin_object(writer, key);
	pmn_json_put_string(writer, "type", text);
	if (type->kind == PMN_TYPE_MAP)
		pmn_type_print(writer, "key", type->key);
	if (type->element != NULL)
		pmn_type_print(writer, type->kind == PMN_TYPE_MAP ? "value" : "element",
					   type->element);
	if (type->kind == PMN_TYPE_VECTOR)
		pmn_json_put_int64(writer, "length", type->length);
	if (type->kind == PMN_TYPE_ROW)
		print_fields(writer, type);
	pmn_json_end(writer);
}

static void
print_fields(PmnJsonWriter *writer, const PmnType *type)
{
	pmn_json_begin_array(writer, "fields");
	for (uint32_t i = 0; i < type->field_count; i++)
	{
		const PmnField *field = &type->fields[i];

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

static PmnCode
parse_node(JsonParser *parser, const PmnJsonNode *node, int depth, PmnType *out)
{
	const char *text = pmn_json_text(node);

	if (depth > PMN_TYPE_DEPTH_MAX)
		return pmn_fail(parser->env, PMN_CORRUPT,
						"a data type is nested deeper than %d",
						PMN_TYPE_DEPTH_MAX);
	if (text != NULL)
		return pmn_type_parse_text(parser->env, parser->arena, text,
								   PMN_CORRUPT, out);
	if (pmn_json_kind(node) != PMN_JSON_OBJECT)
		return pmn_fail(parser->env, PMN_CORRUPT,
						"a data type is neither text nor an object");
	return parse_object(parser, node, depth, out);
}

/* Parse member key of node into a new type. */
static PmnCode
parse_child(JsonParser *parser, const PmnJsonNode *node, const char *key,
			int depth, const PmnType **out)
{
	const PmnJsonNode *child = pmn_json_member(node, key);
	PmnType *type;

	if (child == NULL)
		return pmn_fail(parser->env, PMN_CORRUPT,
						"a composite data type has no \"%s\"", key);
	type = pmn_arena_alloc(parser->arena, sizeof(*type));
	if (type == NULL)
		return PMN_NO_MEMORY;
	*out = type;
	return parse_node(parser, child, depth + 1, type);
}

/* *out NULL when the member is missing. */
static PmnCode
copy_member(JsonParser *parser, const PmnJsonNode *node, const char *key,
			const char **out)
{
	const PmnJsonNode *member = pmn_json_member(node, key);
	const char *text;

	*out = NULL;
	if (member == NULL)
		return PMN_OK;
	text = pmn_json_text(member);
	if (text == NULL)
		return pmn_fail(parser->env, PMN_CORRUPT,
						"\"%s\" of a row type's field is not text", key);
	*out = pmn_arena_string(parser->arena, text);
	return *out == NULL ? PMN_NO_MEMORY : PMN_OK;
}

static PmnCode
parse_field(JsonParser *parser, const PmnJsonNode *node, int depth,
			PmnField *out)
{
	const PmnJsonNode *id;
	const PmnJsonNode *type;
	int64_t number = 0;

	if (pmn_json_kind(node) != PMN_JSON_OBJECT)
		return pmn_fail(parser->env, PMN_CORRUPT,
						"a field of a row type is not an object");
	id = pmn_json_member(node, "id");
	if (id == NULL)
	{
		parser->lacks_ids = true;
		number = parser->next_id++;
	}
	else
	{
		parser->has_ids = true;
		if (!pmn_json_int64(id, &number) || number < 0 || number > INT32_MAX)
			return pmn_fail(parser->env, PMN_CORRUPT,
							"a field of a row type has a wrong id");
	}
	out->id = (int32_t) number;
	PMN_TRY(copy_member(parser, node, "name", &out->name));
	if (out->name == NULL)
		return pmn_fail(parser->env, PMN_CORRUPT,
						"a field of a row type has no name");
	type = pmn_json_member(node, "type");
	if (type == NULL)
		return pmn_fail(parser->env, PMN_CORRUPT,
						"field \"%.200s\" of a row type has no type",
						out->name);
	PMN_TRY(parse_node(parser, type, depth + 1, &out->type));
	PMN_TRY(copy_member(parser, node, "description", &out->description));
	return copy_member(parser, node, "defaultValue", &out->default_value);
}

static PmnCode
parse_row(JsonParser *parser, const PmnJsonNode *node, int depth, PmnType *out)
{
	const PmnJsonNode *array = pmn_json_member(node, "fields");
	const PmnJsonNode *item;
	PmnField *fields;
	uint32_t count;

	if (array == NULL || pmn_json_kind(array) != PMN_JSON_ARRAY)
		return pmn_fail(parser->env, PMN_CORRUPT,
						"a row type has no \"fields\"");
	count = pmn_json_count(array);
	if (count > PMN_COLUMN_COUNT_MAX)
		return pmn_fail(parser->env, PMN_CORRUPT,
						"a row type has %" PRIu32 " fields, at most %d are "
						"allowed",
						count, PMN_COLUMN_COUNT_MAX);
	fields = pmn_arena_alloc(parser->arena, count * sizeof(*fields));
	if (fields == NULL)
		return PMN_NO_MEMORY;
	item = pmn_json_first(array);
	for (uint32_t i = 0; i < count && item != NULL; i++)
	{
		PMN_TRY(parse_field(parser, item, depth, &fields[i]));
		item = pmn_json_next(item);
	}
	out->fields = fields;
	out->field_count = count;
	return PMN_OK;
}

static PmnCode
parse_vector(JsonParser *parser, const PmnJsonNode *node, int depth,
			 PmnType *out)
{
	const PmnJsonNode *length = pmn_json_member(node, "length");
	int64_t number = 0;

	PMN_TRY(parse_child(parser, node, "element", depth, &out->element));
	if (length == NULL || !pmn_json_int64(length, &number) || number < 1 ||
		number > PMN_LENGTH_MAX)
		return pmn_fail(parser->env, PMN_CORRUPT,
						"a vector type has no valid \"length\"");
	if (!pmn_type_is_vector_element(out->element))
		return pmn_fail(parser->env, PMN_CORRUPT,
						"a vector type has elements that are no numbers");
	out->length = (int32_t) number;
	return PMN_OK;
}

/* Whether text has part in it, case ignored. */
static bool
contains(const char *text, const char *part)
{
	size_t size = strlen(part);

	for (; *text != '\0'; text++)
		if (strncasecmp(text, part, size) == 0)
			return true;
	return false;
}

static PmnCode
parse_object(JsonParser *parser, const PmnJsonNode *node, int depth,
			 PmnType *out)
{
	const PmnJsonNode *member = pmn_json_member(node, "type");
	const char *text = member == NULL ? NULL : pmn_json_text(member);

	if (text == NULL)
		return pmn_fail(parser->env, PMN_CORRUPT,
						"a composite data type has no \"type\"");
	memset(out, 0, sizeof(*out));
	out->is_nullable = !contains(text, "NOT NULL");
	if (strncasecmp(text, "ARRAY", 5) == 0)
	{
		out->kind = PMN_TYPE_ARRAY;
		return parse_child(parser, node, "element", depth, &out->element);
	}
	if (strncasecmp(text, "VECTOR", 6) == 0)
	{
		out->kind = PMN_TYPE_VECTOR;
		return parse_vector(parser, node, depth, out);
	}
	if (strncasecmp(text, "MULTISET", 8) == 0)
	{
		out->kind = PMN_TYPE_MULTISET;
		return parse_child(parser, node, "element", depth, &out->element);
	}
	if (strncasecmp(text, "MAP", 3) == 0)
	{
		out->kind = PMN_TYPE_MAP;
		PMN_TRY(parse_child(parser, node, "key", depth, &out->key));
		return parse_child(parser, node, "value", depth, &out->element);
	}
	if (strncasecmp(text, "ROW", 3) == 0)
	{
		out->kind = PMN_TYPE_ROW;
		return parse_row(parser, node, depth, out);
	}
	return pmn_fail(parser->env, PMN_CORRUPT, "\"%.200s\" is not a data type",
					text);
}
