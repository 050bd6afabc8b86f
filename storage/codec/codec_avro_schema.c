/*
 * codec_avro_schema.c
 *
 * The schema in a file's header, from JSON to a tree in an arena. A named
 * type may be mentioned again by name, so the tree is really a graph without
 * cycles: a type inside its own definition is refused, as none of Paimon's
 * files has one and reading it would need unbounded depth.
 *
 * Every node knows the fewest bytes a value of it takes. Counts that a file
 * states (records of a block, items of an array) are checked against the
 * bytes left by it, before anything is allocated.
 */
#include <stdio.h>

#include "codec_avro_container.h"
#include "codec_json.h"

typedef struct SchemaParser
{
	PmnArena *arena;
	PmnEnv *env;
	const char *file_name;
	AvroSchema *named;
	uint32_t node_count;
} SchemaParser;

static const char *const type_names[] = {
	[AVRO_NULL] = "null",	  [AVRO_BOOLEAN] = "boolean",
	[AVRO_INT] = "int",		  [AVRO_LONG] = "long",
	[AVRO_FLOAT] = "float",	  [AVRO_DOUBLE] = "double",
	[AVRO_BYTES] = "bytes",	  [AVRO_STRING] = "string",
	[AVRO_RECORD] = "record", [AVRO_ENUM] = "enum",
	[AVRO_ARRAY] = "array",	  [AVRO_MAP] = "map",
	[AVRO_UNION] = "",		  [AVRO_FIXED] = "fixed",
};

/* Each with the type that it refines. */
static const struct
{
	const char *name;
	AvroType type;
} logical_names[] = {
	[AVRO_LOGICAL_NONE] = {"", AVRO_NULL},
	[AVRO_LOGICAL_DECIMAL] = {"decimal", AVRO_BYTES},
	[AVRO_LOGICAL_DATE] = {"date", AVRO_INT},
	[AVRO_LOGICAL_TIME_MILLIS] = {"time-millis", AVRO_INT},
	[AVRO_LOGICAL_TIME_MICROS] = {"time-micros", AVRO_LONG},
	[AVRO_LOGICAL_TIMESTAMP_MILLIS] = {"timestamp-millis", AVRO_LONG},
	[AVRO_LOGICAL_TIMESTAMP_MICROS] = {"timestamp-micros", AVRO_LONG},
	[AVRO_LOGICAL_TIMESTAMP_NANOS] = {"timestamp-nanos", AVRO_LONG},
};

/* Fewest bytes by type; composite types are computed. */
static const uint32_t type_min_sizes[] = {
	[AVRO_NULL] = 0,   [AVRO_BOOLEAN] = 1, [AVRO_INT] = 1,	 [AVRO_LONG] = 1,
	[AVRO_FLOAT] = 4,  [AVRO_DOUBLE] = 8,  [AVRO_BYTES] = 1, [AVRO_STRING] = 1,
	[AVRO_RECORD] = 0, [AVRO_ENUM] = 1,	   [AVRO_ARRAY] = 1, [AVRO_MAP] = 1,
	[AVRO_UNION] = 1,  [AVRO_FIXED] = 0,
};

static PmnCode parse_node(SchemaParser *parser, const PmnJsonNode *json,
						  const char *space, int depth, const AvroSchema **out);

static PmnCode
bad_schema(SchemaParser *parser, const char *what, const char *value)
{
	return pmn_fail(parser->env, PMN_CORRUPT,
					"file \"%s\" has a bad Avro schema: %s%s%.100s%s",
					parser->file_name, what, value[0] != '\0' ? " \"" : "",
					value, value[0] != '\0' ? "\"" : "");
}

static PmnCode
new_node(SchemaParser *parser, AvroType type, AvroSchema **out)
{
	if (++parser->node_count > PMN_AVRO_NODE_COUNT_MAX)
		return bad_schema(parser, "too many types", "");
	*out = pmn_arena_alloc(parser->arena, sizeof(**out));
	if (*out == NULL)
		return PMN_NO_MEMORY;
	(*out)->type = type;
	(*out)->min_size = type_min_sizes[type];
	return PMN_OK;
}

/* Levels count through names too: they bound the recursion of readers. */
static PmnCode
add_child(SchemaParser *parser, AvroSchema *node, const AvroSchema *child)
{
	if (child->height >= node->height)
		node->height = child->height + 1;
	if (node->height > PMN_AVRO_DEPTH_MAX)
		return bad_schema(parser, "too many levels", "");
	return PMN_OK;
}

static uint32_t
add_sizes(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* "space.name" unless name has a dot or there is no space. */
static const char *
full_name(SchemaParser *parser, const char *name, const char *space)
{
	if (strchr(name, '.') != NULL || space[0] == '\0')
		return pmn_arena_string(parser->arena, name);
	return pmn_arena_format(parser->arena, "%s.%s", space, name);
}

static AvroSchema *
find_named(SchemaParser *parser, const char *name)
{
	for (AvroSchema *node = parser->named; node != NULL;
		 node = node->next_named)
		if (strcmp(node->name, name) == 0)
			return node;
	return NULL;
}

static bool
is_primitive(const char *name, AvroType *type)
{
	for (AvroType t = AVRO_NULL; t <= AVRO_STRING; t++)
		if (strcmp(name, type_names[t]) == 0)
		{
			*type = t;
			return true;
		}
	return false;
}

/*
 * {"type": T, "logicalType": ...}. Names we don't know, or on types they do
 * not belong to, are ignored, as Avro's specification wants it.
 */
static void
read_logical(const PmnJsonNode *json, AvroSchema *node)
{
	const char *name = pmn_json_text(pmn_json_member(json, "logicalType"));
	const PmnJsonNode *scale = pmn_json_member(json, "scale");
	int64_t value;

	/* Local timestamps are stored as the others are. */
	if (name != NULL && strncmp(name, "local-timestamp-", 16) == 0)
		name += 6;
	for (AvroLogical l = AVRO_LOGICAL_DECIMAL;
		 name != NULL && l <= AVRO_LOGICAL_TIMESTAMP_NANOS; l++)
		if (strcmp(name, logical_names[l].name) == 0 &&
			(node->type == logical_names[l].type ||
			 (l == AVRO_LOGICAL_DECIMAL && node->type == AVRO_FIXED)))
			node->logical = l;
	if (node->logical == AVRO_LOGICAL_DECIMAL && scale != NULL &&
		pmn_json_int64(scale, &value) && value >= 0 && value <= INT32_MAX)
		node->scale = (int32_t) value;
}

/* A type given by its name alone. */
static PmnCode
parse_name(SchemaParser *parser, const char *name, const char *space,
		   const AvroSchema **out)
{
	const char *full;
	AvroSchema *node;
	AvroType type;

	if (is_primitive(name, &type))
	{
		PMN_TRY(new_node(parser, type, &node));
		*out = node;
		return PMN_OK;
	}
	full = full_name(parser, name, space);
	if (full == NULL)
		return PMN_NO_MEMORY;
	node = find_named(parser, full);
	if (node == NULL)
		node = find_named(parser, name);
	if (node == NULL)
		return bad_schema(parser, "unknown type", name);
	if (!node->is_complete)
		return pmn_fail(parser->env, PMN_UNSUPPORTED,
						"file \"%s\" has a recursive Avro type \"%s\"",
						parser->file_name, name);
	*out = node;
	return PMN_OK;
}

/* Name and namespace of a record, enum or fixed; *space is its own after. */
static PmnCode
parse_naming(SchemaParser *parser, const PmnJsonNode *json, AvroSchema *node,
			 const char **space)
{
	const char *name = pmn_json_text(pmn_json_member(json, "name"));
	const char *own = pmn_json_text(pmn_json_member(json, "namespace"));
	const char *dot;

	if (name == NULL || name[0] == '\0')
		return bad_schema(parser, "a type without name", "");
	node->name = full_name(parser, name, own != NULL ? own : *space);
	if (node->name == NULL)
		return PMN_NO_MEMORY;
	dot = strrchr(node->name, '.');
	*space = dot == NULL ? ""
						 : pmn_arena_string_n(parser->arena, node->name,
											  (size_t) (dot - node->name));
	if (*space == NULL)
		return PMN_NO_MEMORY;
	node->next_named = parser->named;
	parser->named = node;
	return PMN_OK;
}

static PmnCode
parse_field(SchemaParser *parser, const PmnJsonNode *json, const char *space,
			int depth, AvroMember *out)
{
	const char *name = pmn_json_text(pmn_json_member(json, "name"));
	const PmnJsonNode *type = pmn_json_member(json, "type");

	if (name == NULL || type == NULL)
		return bad_schema(parser, "a field without name or type", "");
	out->name = pmn_arena_string(parser->arena, name);
	if (out->name == NULL)
		return PMN_NO_MEMORY;
	return parse_node(parser, type, space, depth + 1, &out->type);
}

static PmnCode
parse_record(SchemaParser *parser, const PmnJsonNode *json, const char *space,
			 int depth, AvroSchema *node)
{
	const PmnJsonNode *fields = pmn_json_member(json, "fields");

	if (fields == NULL || pmn_json_kind(fields) != PMN_JSON_ARRAY)
		return bad_schema(parser, "a record without fields", "");
	PMN_TRY(parse_naming(parser, json, node, &space));
	node->members = pmn_arena_alloc(parser->arena, pmn_json_count(fields) *
													   sizeof(AvroMember));
	if (node->members == NULL)
		return PMN_NO_MEMORY;
	for (fields = pmn_json_first(fields); fields != NULL;
		 fields = pmn_json_next(fields))
	{
		AvroMember *member = &node->members[node->member_count++];

		PMN_TRY(parse_field(parser, fields, space, depth, member));
		PMN_TRY(add_child(parser, node, member->type));
		node->min_size = add_sizes(node->min_size, member->type->min_size);
	}
	return PMN_OK;
}

static PmnCode
parse_union(SchemaParser *parser, const PmnJsonNode *json, const char *space,
			int depth, const AvroSchema **out)
{
	AvroSchema *node;

	PMN_TRY(new_node(parser, AVRO_UNION, &node));
	node->members = pmn_arena_alloc(parser->arena,
									pmn_json_count(json) * sizeof(AvroMember));
	if (node->members == NULL)
		return PMN_NO_MEMORY;
	for (json = pmn_json_first(json); json != NULL; json = pmn_json_next(json))
	{
		AvroMember *member = &node->members[node->member_count++];

		PMN_TRY(parse_node(parser, json, space, depth + 1, &member->type));
		PMN_TRY(add_child(parser, node, member->type));
		if (member->type->type == AVRO_UNION)
			return bad_schema(parser, "a union in a union", "");
	}
	if (node->member_count == 0)
		return bad_schema(parser, "an empty union", "");
	node->is_complete = true;
	*out = node;
	return PMN_OK;
}

static PmnCode
parse_fixed(SchemaParser *parser, const PmnJsonNode *json, const char *space,
			AvroSchema *node)
{
	const PmnJsonNode *size = pmn_json_member(json, "size");
	int64_t value;

	PMN_TRY(parse_naming(parser, json, node, &space));
	if (size == NULL || !pmn_json_int64(size, &value) || value < 0 ||
		value > INT32_MAX)
		return bad_schema(parser, "a fixed type without size", "");
	node->fixed_size = (uint32_t) value;
	node->min_size = node->fixed_size;
	read_logical(json, node);
	return PMN_OK;
}

/* {"type": "record" | "array" | ..., ...} */
static PmnCode
parse_complex(SchemaParser *parser, const PmnJsonNode *json, AvroType type,
			  const char *space, int depth, const AvroSchema **out)
{
	const PmnJsonNode *items = NULL;
	AvroSchema *node;

	PMN_TRY(new_node(parser, type, &node));
	if (type == AVRO_RECORD)
		PMN_TRY(parse_record(parser, json, space, depth, node));
	else if (type == AVRO_FIXED)
		PMN_TRY(parse_fixed(parser, json, space, node));
	else if (type == AVRO_ENUM)
		PMN_TRY(parse_naming(parser, json, node, &space));
	else
	{
		items = pmn_json_member(json, type == AVRO_ARRAY ? "items" : "values");
		if (items == NULL)
			return bad_schema(parser, "an array or map without items", "");
		PMN_TRY(parse_node(parser, items, space, depth + 1, &node->items));
		PMN_TRY(add_child(parser, node, node->items));
	}
	node->is_complete = true;
	*out = node;
	return PMN_OK;
}

static PmnCode
parse_node(SchemaParser *parser, const PmnJsonNode *json, const char *space,
		   int depth, const AvroSchema **out)
{
	const PmnJsonNode *type;
	const char *name;
	AvroSchema *node;
	AvroType primitive;

	if (depth > PMN_AVRO_DEPTH_MAX)
		return bad_schema(parser, "too many levels", "");
	if (pmn_json_kind(json) == PMN_JSON_ARRAY)
		return parse_union(parser, json, space, depth, out);
	if (pmn_json_text(json) != NULL)
		return parse_name(parser, pmn_json_text(json), space, out);
	type = pmn_json_member(json, "type");
	if (type == NULL)
		return bad_schema(parser, "a type without \"type\"", "");
	name = pmn_json_text(type);
	/* {"type": {...}}: one level more than needed, but allowed. */
	if (name == NULL)
		return parse_node(parser, type, space, depth + 1, out);
	if (strcmp(name, "error") == 0)
		name = "record";
	for (AvroType complex = AVRO_RECORD; complex <= AVRO_FIXED; complex++)
		if (complex != AVRO_UNION && strcmp(name, type_names[complex]) == 0)
			return parse_complex(parser, json, complex, space, depth, out);
	if (!is_primitive(name, &primitive))
		return parse_name(parser, name, space, out);
	PMN_TRY(new_node(parser, primitive, &node));
	read_logical(json, node);
	*out = node;
	return PMN_OK;
}

PmnCode
pmn_avro_parse_schema(PmnArena *arena, PmnBytes json, const char *file_name,
					  const AvroSchema **out)
{
	SchemaParser parser = {
		.arena = arena, .env = pmn_arena_env(arena), .file_name = file_name};
	PmnJson *document;
	PmnCode code;

	*out = NULL;
	PMN_TRY(pmn_json_parse(parser.env, json, file_name, &document));
	code = parse_node(&parser, pmn_json_root(document), "", 0, out);
	pmn_json_free(document);
	return code;
}

const char *
pmn_avro_type_name(const AvroSchema *schema, char *dst, size_t size)
{
	const char *name =
		schema->type == AVRO_UNION ? "union" : type_names[schema->type];

	if (schema->logical == AVRO_LOGICAL_DECIMAL)
		snprintf(dst, size, "%s (decimal of scale %" PRId32 ")", name,
				 schema->scale);
	else if (schema->logical != AVRO_LOGICAL_NONE)
		snprintf(dst, size, "%s (%s)", name,
				 logical_names[schema->logical].name);
	else
		snprintf(dst, size, "%s", name);
	return dst;
}
