/*
 * bridge_nested_jsonb.c
 *
 * Nested values of the lake as jsonb. A ROW and a MAP with string keys are
 * objects; other MAPs, and MULTISETs, are arrays of [key, value] in stored
 * order, since an object would lose the keys' type. Of a key that a MAP holds
 * twice the last value counts, as jsonb has it and as the maps of other
 * engines do. Numbers are numbers; NaN and the infinities, which JSON has not,
 * are strings; so are dates and times (ISO, instants in UTC) and bytes ("\x").
 *
 * jsonb can't hold a NUL in text: such a value is an error, not a changed
 * text.
 */
#include "bridge_nested.h"

#include "catalog/pg_type_d.h"
#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/numeric.h"

static void push_value(PfdwNode *node, const PmnValue *value,
					   JsonbParseState **state, JsonbIteratorToken token,
					   JsonbValue *out);

static void
set_string(const PfdwNode *node, const char *text, Size size, JsonbValue *out)
{
	if (size > JENTRY_OFFLENMASK)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a value of column \"%s\" is too long for jsonb",
							   node->path)));
	out->type = jbvString;
	out->val.string.val = unconstify(char *, text);
	out->val.string.len = (int) size;
}

static void
set_text(const PfdwNode *node, PmnBytes bytes, JsonbValue *out)
{
	PmnBytes text;

	if (!pfdw_text_from_lake(bytes, &text))
		pfdw_nested_text_error(node);
	set_string(node, (const char *) text.data, text.size, out);
}

static void
set_binary(const PfdwNode *node, PmnBytes bytes, JsonbValue *out)
{
	Size size = (Size) bytes.size * 2 + 2;
	char *text;

	if (size > JENTRY_OFFLENMASK)
		set_string(node, NULL, size, out);
	text = palloc(size);
	text[0] = '\\';
	text[1] = 'x';
	hex_encode((const char *) bytes.data, bytes.size, text + 2);
	set_string(node, text, size, out);
}

static void
set_numeric(Datum numeric, JsonbValue *out)
{
	out->type = jbvNumeric;
	out->val.numeric = DatumGetNumeric(numeric);
}

static void
set_float(const PfdwNode *node, double value, bool is_single, JsonbValue *out)
{
	char digits[DOUBLE_SHORTEST_DECIMAL_LEN];
	const char *name = value > 0 ? "Infinity" : "-Infinity";

	if (isnan(value))
		name = "NaN";
	if (isnan(value) || isinf(value))
	{
		set_string(node, name, strlen(name), out);
		return;
	}
	if (is_single)
		float_to_shortest_decimal_buf((float) value, digits);
	else
		double_to_shortest_decimal_buf(value, digits);
	set_numeric(DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
									ObjectIdGetDatum(InvalidOid),
									Int32GetDatum(-1)),
				out);
}

static void
set_time(const PfdwNode *node, const PmnType *type, const PmnValue *value,
		 Oid typid, JsonbValue *out)
{
	char *text = palloc(MAXDATELEN + 1);
	int utc = 0;
	Datum datum;

	if (!pfdw_value_datum(type, typid, value, &datum))
		pfdw_nested_range_error(node);
	JsonEncodeDateTime(text, datum, typid,
					   typid == TIMESTAMPTZOID ? &utc : NULL);
	set_string(node, text, strlen(text), out);
}

void
pfdw_jsonb_scalar(const PfdwNode *node, const PmnType *type,
				  const PmnValue *value, JsonbValue *out)
{
	Datum datum;

	switch (type->kind)
	{
		case PMN_TYPE_BOOLEAN:
			out->type = jbvBool;
			out->val.boolean = value->as.i64 != 0;
			return;
		case PMN_TYPE_TINYINT:
		case PMN_TYPE_SMALLINT:
		case PMN_TYPE_INT:
		case PMN_TYPE_BIGINT:
			set_numeric(NumericGetDatum(int64_to_numeric(value->as.i64)), out);
			return;
		case PMN_TYPE_FLOAT:
		case PMN_TYPE_DOUBLE:
			set_float(node, value->as.f64, type->kind == PMN_TYPE_FLOAT, out);
			return;
		case PMN_TYPE_DECIMAL:
			(void) pfdw_value_datum(type, NUMERICOID, value, &datum);
			set_numeric(datum, out);
			return;
		case PMN_TYPE_CHAR:
		case PMN_TYPE_VARCHAR:
			set_text(node, value->as.bytes, out);
			return;
		case PMN_TYPE_BINARY:
		case PMN_TYPE_VARBINARY:
		case PMN_TYPE_BLOB:
			set_binary(node, value->as.bytes, out);
			return;
		case PMN_TYPE_DATE:
			set_time(node, type, value, DATEOID, out);
			return;
		case PMN_TYPE_TIME:
			set_time(node, type, value, TIMEOID, out);
			return;
		case PMN_TYPE_TIMESTAMP:
			set_time(node, type, value, TIMESTAMPOID, out);
			return;
		case PMN_TYPE_TIMESTAMP_LTZ:
			set_time(node, type, value, TIMESTAMPTZOID, out);
			return;
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_MULTISET:
		case PMN_TYPE_MAP:
		case PMN_TYPE_ROW:
		case PMN_TYPE_VARIANT:
		case PMN_TYPE_VECTOR:
		case PMN_TYPE_GEOMETRY:
		case PMN_TYPE_GEOGRAPHY:
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg_internal("type kind %d in a jsonb", (int) type->kind)));
}

static void
push_slot(PfdwNode *node, PfdwNode *child, PmnNestedReader *reader,
		  JsonbParseState **state, JsonbIteratorToken token)
{
	PmnValue slot;
	JsonbValue made;

	if (!pmn_nested_read_slot(reader, child->kind, &slot))
		pfdw_nested_broken(node);
	push_value(child, &slot, state, token, &made);
}

static void
push_key(const char *name, int size, JsonbParseState **state)
{
	JsonbValue key;

	key.type = jbvString;
	key.val.string.val = unconstify(char *, name);
	key.val.string.len = size;
	pushJsonbValue(state, WJB_KEY, &key);
}

static JsonbValue *
push_row(PfdwNode *node, PmnNestedReader *reader, JsonbParseState **state)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (uint32 i = 0; i < node->child_count; i++)
	{
		PfdwNode *child = &node->children[i];

		push_key(child->name, child->name_size, state);
		push_slot(node, child, reader, state, WJB_VALUE);
	}
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static JsonbValue *
push_object(PfdwNode *node, PmnNestedReader *reader, uint32 count,
			JsonbParseState **state)
{
	PmnValue key;
	JsonbValue name;

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (uint32 i = 0; i < count; i++)
	{
		if (!pmn_nested_read_slot(reader, PMN_VECTOR_BYTES, &key))
			pfdw_nested_broken(node);
		if (key.is_null)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("a map of column \"%s\" has a null key",
								   node->path)));
		set_text(&node->children[0], key.as.bytes, &name);
		pushJsonbValue(state, WJB_KEY, &name);
		push_slot(node, &node->children[1], reader, state, WJB_VALUE);
	}
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* The number of times that a MULTISET holds an element. */
static void
push_times(PfdwNode *node, PmnNestedReader *reader, JsonbParseState **state)
{
	PmnValue times;
	JsonbValue number;

	if (!pmn_nested_read_slot(reader, PMN_VECTOR_I32, &times))
		pfdw_nested_broken(node);
	number.type = jbvNull;
	if (!times.is_null)
		set_numeric(NumericGetDatum(int64_to_numeric(times.as.i64)), &number);
	pushJsonbValue(state, WJB_ELEM, &number);
}

static JsonbValue *
push_pairs(PfdwNode *node, PmnNestedReader *reader, uint32 count,
		   JsonbParseState **state)
{
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (uint32 i = 0; i < count; i++)
	{
		pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
		push_slot(node, &node->children[0], reader, state, WJB_ELEM);
		if (node->type->kind == PMN_TYPE_MAP)
			push_slot(node, &node->children[1], reader, state, WJB_ELEM);
		else
			push_times(node, reader, state);
		pushJsonbValue(state, WJB_END_ARRAY, NULL);
	}
	return pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static JsonbValue *
push_nested(PfdwNode *node, PmnBytes value, JsonbParseState **state)
{
	PmnNestedReader reader = pmn_nested_reader(value);
	uint32 count;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (node->type->kind == PMN_TYPE_ROW)
		return push_row(node, &reader, state);
	if (!pmn_nested_read_count(&reader, &count))
		pfdw_nested_broken(node);
	if (node->type->kind == PMN_TYPE_MAP && pfdw_is_text(node->type->key))
		return push_object(node, &reader, count, state);
	if (node->type->kind == PMN_TYPE_MAP ||
		node->type->kind == PMN_TYPE_MULTISET)
		return push_pairs(node, &reader, count, state);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (uint32 i = 0; i < count; i++)
		push_slot(node, &node->children[0], &reader, state, WJB_ELEM);
	return pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* out is set for a scalar; token says where it goes. */
static void
push_value(PfdwNode *node, const PmnValue *value, JsonbParseState **state,
		   JsonbIteratorToken token, JsonbValue *out)
{
	if (!value->is_null && node->type->kind == PMN_TYPE_VARIANT)
	{
		(void) pfdw_jsonb_variant(node, value->as.bytes, state, token, out);
		return;
	}
	if (!value->is_null && pmn_type_is_nested(node->type))
	{
		(void) push_nested(node, value->as.bytes, state);
		return;
	}
	if (value->is_null)
		out->type = jbvNull;
	else
		pfdw_jsonb_scalar(node, node->type, value, out);
	pushJsonbValue(state, token, out);
}

Datum
pfdw_nested_jsonb(PfdwNode *node, const PmnValue *value)
{
	JsonbParseState *state = NULL;
	JsonbValue scalar;
	JsonbValue *made;

	if (node->type->kind == PMN_TYPE_VARIANT)
		made = pfdw_jsonb_variant(node, value->as.bytes, &state, WJB_DONE,
								  &scalar);
	else
		made = push_nested(node, value->as.bytes, &state);
	return JsonbPGetDatum(JsonbValueToJsonb(made));
}
