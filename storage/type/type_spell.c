/*
 * type_spell.c
 *
 * The SQL spelling of types (format/metadata.md 2.2) in its canonical form:
 * "DECIMAL(10, 2)", "STRING" for the longest VARCHAR, "TIMESTAMP(6) WITH
 * LOCAL TIME ZONE". Composite types are spelled for people, "ARRAY<INT>";
 * schema files never hold that (type_json.c).
 *
 * Written either to a fixed array, which cuts, or to a growing buffer.
 */
#include <stdarg.h>
#include <stdio.h>

#include "type_name.h"

/* By kind: what is printed before any parameter. */
static const char *const kind_name[] = {
	[PMN_TYPE_BOOLEAN] = "BOOLEAN",
	[PMN_TYPE_TINYINT] = "TINYINT",
	[PMN_TYPE_SMALLINT] = "SMALLINT",
	[PMN_TYPE_INT] = "INT",
	[PMN_TYPE_BIGINT] = "BIGINT",
	[PMN_TYPE_FLOAT] = "FLOAT",
	[PMN_TYPE_DOUBLE] = "DOUBLE",
	[PMN_TYPE_DECIMAL] = "DECIMAL",
	[PMN_TYPE_CHAR] = "CHAR",
	[PMN_TYPE_VARCHAR] = "VARCHAR",
	[PMN_TYPE_BINARY] = "BINARY",
	[PMN_TYPE_VARBINARY] = "VARBINARY",
	[PMN_TYPE_DATE] = "DATE",
	[PMN_TYPE_TIME] = "TIME",
	[PMN_TYPE_TIMESTAMP] = "TIMESTAMP",
	[PMN_TYPE_TIMESTAMP_LTZ] = "TIMESTAMP",
	[PMN_TYPE_ARRAY] = "ARRAY",
	[PMN_TYPE_MULTISET] = "MULTISET",
	[PMN_TYPE_MAP] = "MAP",
	[PMN_TYPE_ROW] = "ROW",
	[PMN_TYPE_VARIANT] = "VARIANT",
	[PMN_TYPE_BLOB] = "BLOB",
	[PMN_TYPE_VECTOR] = "VECTOR",
	[PMN_TYPE_GEOMETRY] = "GEOMETRY",
	[PMN_TYPE_GEOGRAPHY] = "GEOGRAPHY",
};

/* Where a spelling goes: a buffer, or an array that cuts. */
typedef struct Sink
{
	PmnBuffer *buffer; /* NULL: the array */
	char *array;
	size_t size;
	size_t used;
	PmnCode code; /* the first failure */
} Sink;

static void print_type(Sink *sink, const PmnType *type);
static void put(Sink *sink, const char *format, ...) PMN_PRINTF(2, 3);

const char *
pmn_type_name(const PmnType *type, char *dst, size_t size)
{
	Sink sink = {0};

	sink.array = dst;
	sink.size = size;
	if (size > 0)
		dst[0] = '\0';
	print_type(&sink, type);
	return dst;
}

PmnCode
pmn_type_append_name(PmnBuffer *dst, const PmnType *type)
{
	Sink sink = {0};

	sink.buffer = dst;
	sink.code = PMN_OK;
	print_type(&sink, type);
	return sink.code;
}

const char *
pmn_type_crs(const PmnType *type)
{
	return type->fields == NULL ? PMN_TYPE_CRS : type->fields[0].name;
}

const char *
pmn_type_edge_algorithm(const PmnType *type)
{
	if (type->fields == NULL || type->fields[0].default_value == NULL)
		return PMN_TYPE_EDGE_ALGORITHM;
	return type->fields[0].default_value;
}

static void
put(Sink *sink, const char *format, ...)
{
	char text[PMN_TYPE_NAME_SIZE];
	va_list arguments;

	if (sink->code != PMN_OK)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (sink->buffer != NULL)
		sink->code = pmn_buffer_string(sink->buffer, text);
	else if (sink->used + 1 < sink->size)
		sink->used += (size_t) snprintf(sink->array + sink->used,
										sink->size - sink->used, "%s", text);
}

/* Names are printed whole, however long: not through the array of put. */
static void
put_quoted(Sink *sink, const char *text, char quote)
{
	put(sink, "%c", quote);
	for (; *text != '\0'; text++)
	{
		if (*text == quote)
			put(sink, "%c", quote);
		put(sink, "%c", *text);
	}
	put(sink, "%c", quote);
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_mark(char c)
{
	return strchr("<>(),.'`", c) != NULL;
}

static void
put_crs(Sink *sink, const char *crs)
{
	bool is_plain = crs[0] < '0' || crs[0] > '9';

	for (const char *c = crs; *c != '\0'; c++)
		is_plain = is_plain && !is_space(*c) && !is_mark(*c);
	if (is_plain)
		put(sink, "%s", crs);
	else
		put_quoted(sink, crs, '\'');
}

static void
print_fields(Sink *sink, const PmnType *type)
{
	put(sink, "ROW<");
	for (uint32_t i = 0; i < type->field_count; i++)
	{
		if (i > 0)
			put(sink, ", ");
		put_quoted(sink, type->fields[i].name, '`');
		put(sink, " ");
		print_type(sink, &type->fields[i].type);
	}
	put(sink, ">");
}

/* The part in round or pointed brackets. */
static void
print_parameters(Sink *sink, const PmnType *type)
{
	bool is_string =
		type->kind >= PMN_TYPE_CHAR && type->kind <= PMN_TYPE_VARBINARY;

	if (is_string)
		put(sink, "(%d)", (int) type->length);
	else if (type->kind == PMN_TYPE_DECIMAL)
		put(sink, "(%d, %d)", (int) type->precision, (int) type->scale);
	else if (type->kind == PMN_TYPE_TIME || type->kind == PMN_TYPE_TIMESTAMP)
		put(sink, "(%d)", (int) type->precision);
	else if (type->kind == PMN_TYPE_TIMESTAMP_LTZ)
		put(sink, "(%d) WITH LOCAL TIME ZONE", (int) type->precision);
	else if (type->kind == PMN_TYPE_GEOMETRY ||
			 type->kind == PMN_TYPE_GEOGRAPHY)
	{
		put(sink, "(");
		put_crs(sink, pmn_type_crs(type));
		if (type->kind == PMN_TYPE_GEOGRAPHY)
			put(sink, ", %s", pmn_type_edge_algorithm(type));
		put(sink, ")");
	}
	if (type->element == NULL)
		return;
	put(sink, "<");
	if (type->kind == PMN_TYPE_MAP && type->key != NULL)
	{
		print_type(sink, type->key);
		put(sink, ", ");
	}
	print_type(sink, type->element);
	if (type->kind == PMN_TYPE_VECTOR)
		put(sink, ", %d", (int) type->length);
	put(sink, ">");
}

static void
print_type(Sink *sink, const PmnType *type)
{
	bool is_longest = type->length == PMN_LENGTH_MAX;

	if (type->kind == PMN_TYPE_ROW)
		print_fields(sink, type);
	else if (type->kind == PMN_TYPE_VARCHAR && is_longest)
		put(sink, "STRING");
	else if (type->kind == PMN_TYPE_VARBINARY && is_longest)
		put(sink, "BYTES");
	else
	{
		put(sink, "%s", kind_name[type->kind]);
		print_parameters(sink, type);
	}
	if (!type->is_nullable)
		put(sink, " NOT NULL");
}
