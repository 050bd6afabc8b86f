/*
 * codec_json_write.c
 *
 * Printing JSON. With indent 2 the text is byte for byte what Paimon's Java
 * (Jackson's default pretty printer) makes: objects one member a line with
 * " : ", arrays on one line with a space inside the brackets, empty ones as
 * "{ }" and "[ ]", and only objects indent:
 *
 *   {
 *     "fields" : [ {
 *       "id" : 0
 *     } ],
 *     "primaryKeys" : [ ]
 *   }
 *
 * The first failure is kept in writer->code and everything after it does
 * nothing, so callers check once, at pmn_json_writer_finish.
 */
#include "codec_json.h"

#include "codec_json_internal.h"

void
pmn_json_writer_init(PmnJsonWriter *writer, PmnBuffer *out, int indent)
{
	memset(writer, 0, sizeof(*writer));
	writer->out = out;
	writer->indent = indent;
}

static void
put(PmnJsonWriter *writer, const char *text)
{
	if (writer->code == PMN_OK)
		writer->code = pmn_buffer_string(writer->out, text);
}

static void
put_line(PmnJsonWriter *writer)
{
	int columns = 0;

	for (int i = 1; i <= writer->depth; i++)
		if (!writer->is_array[i])
			columns += writer->indent;
	if (writer->code == PMN_OK)
		writer->code = pmn_buffer_format(writer->out, "\n%*s", columns, "");
}

/* One character of a string; *at moves over it. */
static PmnCode
put_character(PmnBuffer *out, const uint8_t **at, size_t size)
{
	static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
	uint8_t byte = **at;
	size_t count = pmn_utf8_size(*at, size);

	if (count == 0)
		return pmn_fail(out->env, PMN_INVALID,
						"a text to be stored as JSON is not UTF-8");
	*at += count;
	if (count > 1)
		return pmn_buffer_append(out, *at - count, count);
	for (size_t i = 0; i + 1 < sizeof(shorts); i += 2)
		if (byte == (uint8_t) shorts[i])
			return pmn_buffer_format(out, "\\%c", shorts[i + 1]);
	if (byte < 0x20)
		return pmn_buffer_format(out, "\\u%04X", byte);
	return pmn_buffer_byte(out, byte);
}

static void
put_quoted(PmnJsonWriter *writer, const char *text)
{
	const uint8_t *at = (const uint8_t *) text;
	const uint8_t *end = at + strlen(text);

	put(writer, "\"");
	while (at < end && writer->code == PMN_OK)
		writer->code = put_character(writer->out, &at, (size_t) (end - at));
	put(writer, "\"");
}

/* All that stands before a value: comma, line or space, key. */
static void
begin_value(PmnJsonWriter *writer, const char *key)
{
	bool in_array = writer->is_array[writer->depth];

	if (writer->code != PMN_OK)
		return;
	/* Keys belong to objects, and only there. */
	PMN_ASSERT((key != NULL) == (writer->depth > 0 && !in_array));
	PMN_ASSERT(writer->depth > 0 || !writer->has_item[0]);
	if (writer->has_item[writer->depth])
		put(writer, ",");
	writer->has_item[writer->depth] = true;
	if (writer->indent > 0 && in_array)
		put(writer, " ");
	if (writer->indent > 0 && key != NULL)
		put_line(writer);
	if (key == NULL)
		return;
	put_quoted(writer, key);
	put(writer, writer->indent > 0 ? " : " : ":");
}

static void
begin(PmnJsonWriter *writer, const char *key, bool is_array)
{
	begin_value(writer, key);
	if (writer->code != PMN_OK)
		return;
	if (writer->depth == PMN_JSON_DEPTH_MAX)
	{
		writer->code = pmn_fail(writer->out->env, PMN_INVALID,
								"JSON of more than %d levels cannot be written",
								PMN_JSON_DEPTH_MAX);
		return;
	}
	writer->depth++;
	writer->has_item[writer->depth] = false;
	writer->is_array[writer->depth] = is_array;
	put(writer, is_array ? "[" : "{");
}

void
pmn_json_begin_object(PmnJsonWriter *writer, const char *key)
{
	begin(writer, key, false);
}

void
pmn_json_begin_array(PmnJsonWriter *writer, const char *key)
{
	begin(writer, key, true);
}

void
pmn_json_end(PmnJsonWriter *writer)
{
	bool is_array = writer->is_array[writer->depth];
	bool has_item = writer->has_item[writer->depth];

	if (writer->code != PMN_OK)
		return;
	PMN_ASSERT(writer->depth > 0);
	writer->depth--;
	if (writer->indent > 0 && (is_array || !has_item))
		put(writer, " ");
	else if (writer->indent > 0)
		put_line(writer);
	put(writer, is_array ? "]" : "}");
}

void
pmn_json_put_int64(PmnJsonWriter *writer, const char *key, int64_t v)
{
	begin_value(writer, key);
	if (writer->code == PMN_OK)
		writer->code = pmn_buffer_format(writer->out, "%" PRId64, v);
}

void
pmn_json_put_string(PmnJsonWriter *writer, const char *key, const char *v)
{
	begin_value(writer, key);
	if (v == NULL)
		put(writer, "null");
	else
		put_quoted(writer, v);
}

void
pmn_json_put_bool(PmnJsonWriter *writer, const char *key, bool v)
{
	begin_value(writer, key);
	put(writer, v ? "true" : "false");
}

PmnCode
pmn_json_writer_finish(PmnJsonWriter *writer)
{
	PMN_ASSERT(writer->code != PMN_OK ||
			   (writer->depth == 0 && writer->has_item[0]));
	return writer->code;
}
