/*
 * bridge_nested_json.c
 *
 * jsonb as nested values of the lake: the way back of bridge_nested_jsonb.c,
 * which says what the forms are. A field that an object lacks is null; one
 * that the ROW lacks is an error, as it would be lost. JSON's null is null
 * everywhere but in a VARIANT, where it is a value.
 */
#include "bridge_nested.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* Where a key is in what was written. */
typedef struct KeySpan
{
	size_t start;
	size_t size;
} KeySpan;

static void put_value(PfdwNestedEncoder *encoder, PfdwNode *node,
					  const JsonbValue *json);

static void
mismatch(const PfdwNode *node, const char *wanted)
{
	char name[128];

	ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("a JSON value for column \"%s\" is not %s",
						   node->path, wanted),
					errdetail("The lake's type is %s.",
							  pmn_type_name(node->type, name, sizeof(name)))));
}

/* ---- scalars ----------------------------------------------------------- */

static void
require(const PfdwNode *node, const JsonbValue *json, enum jbvType type)
{
	if (json->type != type)
		mismatch(node, type == jbvString	? "a string"
					   : type == jbvNumeric ? "a number"
											: "true or false");
}

static const char *
string_of(const PfdwNode *node, const JsonbValue *json)
{
	require(node, json, jbvString);
	return pnstrdup(json->val.string.val, json->val.string.len);
}

static PfdwFit
integer_fit(const PfdwNode *node, const JsonbValue *json, PmnValue *out)
{
	PmnInt128 number = 0;
	PfdwFit fit;

	require(node, json, jbvNumeric);
	fit = pfdw_numeric_unscaled(NumericGetDatum(json->val.numeric),
								PMN_DECIMAL_PRECISION_MAX, 0, &number);
	if (fit != PFDW_FIT_OK)
		return fit;
	if (number < PG_INT64_MIN || number > PG_INT64_MAX)
		return PFDW_FIT_NUMBER;
	return pfdw_value_fit(node->type, INT8OID, Int64GetDatum((int64) number),
						  out);
}

/* A number is rounded to the type, as when it is read from text. */
static void
float_of(const PfdwNode *node, const JsonbValue *json, PmnValue *out)
{
	const char *text;

	if (json->type == jbvNumeric)
	{
		Datum numeric = NumericGetDatum(json->val.numeric);

		if (node->type->kind == PMN_TYPE_FLOAT)
			out->as.f64 = (double) DatumGetFloat4(
				DirectFunctionCall1(numeric_float4, numeric));
		else
			out->as.f64 =
				DatumGetFloat8(DirectFunctionCall1(numeric_float8, numeric));
		return;
	}
	if (json->type != jbvString)
		mismatch(node, "a number");
	text = string_of(node, json);
	if (strcmp(text, "NaN") == 0)
		out->as.f64 = get_float8_nan();
	else if (strcmp(text, "Infinity") == 0)
		out->as.f64 = get_float8_infinity();
	else if (strcmp(text, "-Infinity") == 0)
		out->as.f64 = -get_float8_infinity();
	else
		mismatch(node, "a number");
}

static PfdwFit
text_fit(const PfdwNode *node, const JsonbValue *json, PmnValue *out)
{
	PmnBytes text;

	require(node, json, jbvString);
	text.data = (const uint8_t *) json->val.string.val;
	text.size = (uint32_t) json->val.string.len;
	return pfdw_text_to_lake(text, &out->as.bytes) ? PFDW_FIT_OK
												   : PFDW_FIT_TEXT;
}

static PfdwFit
binary_fit(const PfdwNode *node, const JsonbValue *json, PmnValue *out)
{
	const char *text = string_of(node, json);

	if (text[0] != '\\' || text[1] != 'x')
		mismatch(node, "a string of hexadecimal digits after \\x");
	return pfdw_value_fit(node->type, BYTEAOID,
						  DirectFunctionCall1(byteain, CStringGetDatum(text)),
						  out);
}

static PfdwFit
time_fit(const PfdwNode *node, const JsonbValue *json, PGFunction input,
		 Oid typid, PmnValue *out)
{
	const char *text = string_of(node, json);

	return pfdw_value_fit(node->type, typid,
						  DirectFunctionCall3(input, CStringGetDatum(text),
											  ObjectIdGetDatum(InvalidOid),
											  Int32GetDatum(-1)),
						  out);
}

static PfdwFit
scalar_fit(const PfdwNode *node, const JsonbValue *json, PmnValue *out)
{
	switch (node->type->kind)
	{
		case PMN_TYPE_BOOLEAN:
			require(node, json, jbvBool);
			out->as.i64 = json->val.boolean ? 1 : 0;
			return PFDW_FIT_OK;
		case PMN_TYPE_TINYINT:
		case PMN_TYPE_SMALLINT:
		case PMN_TYPE_INT:
		case PMN_TYPE_BIGINT:
			return integer_fit(node, json, out);
		case PMN_TYPE_FLOAT:
		case PMN_TYPE_DOUBLE:
			float_of(node, json, out);
			return PFDW_FIT_OK;
		case PMN_TYPE_DECIMAL:
			require(node, json, jbvNumeric);
			return pfdw_value_fit(node->type, NUMERICOID,
								  NumericGetDatum(json->val.numeric), out);
		case PMN_TYPE_CHAR:
		case PMN_TYPE_VARCHAR:
			return text_fit(node, json, out);
		case PMN_TYPE_BINARY:
		case PMN_TYPE_VARBINARY:
		case PMN_TYPE_BLOB:
			return binary_fit(node, json, out);
		case PMN_TYPE_DATE:
			return time_fit(node, json, date_in, DATEOID, out);
		case PMN_TYPE_TIME:
			return time_fit(node, json, time_in, TIMEOID, out);
		case PMN_TYPE_TIMESTAMP:
			return time_fit(node, json, timestamp_in, TIMESTAMPOID, out);
		case PMN_TYPE_TIMESTAMP_LTZ:
			return time_fit(node, json, timestamptz_in, TIMESTAMPTZOID, out);
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
	return PFDW_FIT_PAIR;
}

/* ---- containers -------------------------------------------------------- */

static JsonbContainer *
container_of(const PfdwNode *node, const JsonbValue *json, bool is_object)
{
	if (json->type == jbvBinary &&
		(is_object ? JsonContainerIsObject(json->val.binary.data)
				   : JsonContainerIsArray(json->val.binary.data)))
		return json->val.binary.data;
	mismatch(node, is_object ? "an object" : "an array");
	return NULL;
}

static void
unknown_field(const PfdwNode *node, JsonbContainer *object)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue key;

	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		bool is_known = token != WJB_KEY;

		for (uint32 i = 0; !is_known && i < node->child_count; i++)
			is_known = key.val.string.len == node->children[i].name_size &&
					   memcmp(key.val.string.val, node->children[i].name,
							  key.val.string.len) == 0;
		if (!is_known)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("column \"%s\" has no field \"%s\"", node->path,
							pnstrdup(key.val.string.val, key.val.string.len))));
	}
}

static void
put_row(PfdwNestedEncoder *encoder, PfdwNode *node, const JsonbValue *json)
{
	JsonbContainer *object = container_of(node, json, true);
	uint32 found = 0;

	for (uint32 i = 0; i < node->child_count; i++)
	{
		PfdwNode *child = &node->children[i];
		JsonbValue value;

		if (getKeyJsonValueFromContainer(object, child->name, child->name_size,
										 &value) == NULL)
			pfdw_nested_put_null(encoder, child);
		else
		{
			put_value(encoder, child, &value);
			found++;
		}
	}
	if (found != JsonContainerSize(object))
		unknown_field(node, object);
}

static void
put_object(PfdwNestedEncoder *encoder, PfdwNode *node, const JsonbValue *json)
{
	JsonbContainer *object = container_of(node, json, true);
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue part;

	pfdw_nested_put_count(encoder, node, JsonContainerSize(object));
	while ((token = JsonbIteratorNext(&iterator, &part, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			put_value(encoder, &node->children[0], &part);
		else if (token == WJB_VALUE)
			put_value(encoder, &node->children[1], &part);
	}
}

static void
put_times(PfdwNestedEncoder *encoder, const PfdwNode *node,
		  const JsonbValue *json)
{
	static const PmnType type = {.kind = PMN_TYPE_INT};
	PfdwNode times = {.type = &type, .kind = PMN_VECTOR_I32};
	PmnValue value = {0};

	times.path = node->path;
	pfdw_nested_put_fit(encoder, &times, integer_fit(&times, json, &value),
						&value);
	if (value.as.i64 < 1)
		mismatch(node, "an element and how often it is there");
}

static void
put_pair(PfdwNestedEncoder *encoder, PfdwNode *node, const JsonbValue *json,
		 KeySpan *span)
{
	JsonbContainer *pair = container_of(node, json, false);
	JsonbValue *key;
	JsonbValue *value;

	if (JsonContainerSize(pair) != 2)
		mismatch(node, "an array of two");
	key = getIthJsonbValueFromContainer(pair, 0);
	value = getIthJsonbValueFromContainer(pair, 1);
	put_value(encoder, &node->children[0], key);
	span->size = encoder->writer.size - span->start;
	if (node->type->kind == PMN_TYPE_MAP)
		put_value(encoder, &node->children[1], value);
	else
		put_times(encoder, node, value);
}

static int
compare_spans(const void *a, const void *b, void *data)
{
	const KeySpan *left = a;
	const KeySpan *right = b;
	int order = memcmp((const uint8_t *) data + left->start,
					   (const uint8_t *) data + right->start,
					   Min(left->size, right->size));

	if (order != 0)
		return order;
	return left->size < right->size ? -1 : left->size > right->size ? 1 : 0;
}

/* Readers of Paimon tables take a key to be there once. */
static void
check_keys(PfdwNestedEncoder *encoder, const PfdwNode *node, KeySpan *keys,
		   uint32 count)
{
	qsort_arg(keys, count, sizeof(KeySpan), compare_spans,
			  encoder->writer.data);
	for (uint32 i = 1; i < count; i++)
	{
		if (compare_spans(&keys[i - 1], &keys[i], encoder->writer.data) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("a JSON value for column \"%s\" has a key twice",
							node->path)));
	}
}

static void
put_pairs(PfdwNestedEncoder *encoder, PfdwNode *node, const JsonbValue *json)
{
	JsonbContainer *array = container_of(node, json, false);
	JsonbIterator *iterator = JsonbIteratorInit(array);
	uint32 count = JsonContainerSize(array);
	KeySpan *keys = palloc(sizeof(KeySpan) * Max(count, 1));
	JsonbIteratorToken token;
	JsonbValue pair;
	uint32 at = 0;

	pfdw_nested_put_count(encoder, node, count);
	while ((token = JsonbIteratorNext(&iterator, &pair, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		CHECK_FOR_INTERRUPTS();
		keys[at].start = encoder->writer.size;
		put_pair(encoder, node, &pair, &keys[at]);
		at++;
	}
	check_keys(encoder, node, keys, count);
}

static void
put_array(PfdwNestedEncoder *encoder, PfdwNode *node, const JsonbValue *json)
{
	JsonbContainer *array = container_of(node, json, false);
	JsonbIterator *iterator = JsonbIteratorInit(array);
	JsonbIteratorToken token;
	JsonbValue element;

	pfdw_nested_put_count(encoder, node, JsonContainerSize(array));
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		CHECK_FOR_INTERRUPTS();
		put_value(encoder, &node->children[0], &element);
	}
}

static void
put_variant(PfdwNestedEncoder *encoder, PfdwNode *node, const JsonbValue *json)
{
	PmnValue value = {0};
	PmnValue metadata = {0};
	PmnNestedWriter *writer = &encoder->writer;

	pfdw_variant_from_json(node, json, &value.as.bytes, &metadata.as.bytes);
	pfdw_check(encoder->env,
			   pmn_nested_write_slot(writer, PMN_VECTOR_BYTES, &value));
	pfdw_check(encoder->env,
			   pmn_nested_write_slot(writer, PMN_VECTOR_BYTES, &metadata));
}

static void
put_content(PfdwNestedEncoder *encoder, PfdwNode *node, const JsonbValue *json)
{
	check_stack_depth();
	switch ((int) node->type->kind)
	{
		case PMN_TYPE_VARIANT:
			put_variant(encoder, node, json);
			return;
		case PMN_TYPE_ROW:
			put_row(encoder, node, json);
			return;
		case PMN_TYPE_MAP:
			if (pfdw_is_text(node->type->key))
			{
				put_object(encoder, node, json);
				return;
			}
			put_pairs(encoder, node, json);
			return;
		case PMN_TYPE_MULTISET:
			put_pairs(encoder, node, json);
			return;
		default:
			break;
	}
	put_array(encoder, node, json);
}

static void
put_value(PfdwNestedEncoder *encoder, PfdwNode *node, const JsonbValue *json)
{
	PmnValue value = {0};
	size_t mark;

	if (json->type == jbvNull && node->type->kind != PMN_TYPE_VARIANT)
		pfdw_nested_put_null(encoder, node);
	else if (!pmn_type_is_nested(node->type))
		pfdw_nested_put_fit(encoder, node, scalar_fit(node, json, &value),
							&value);
	else
	{
		pfdw_check(encoder->env, pmn_nested_begin(&encoder->writer, &mark));
		put_content(encoder, node, json);
		pmn_nested_end(&encoder->writer, mark);
	}
}

/* ---- a whole jsonb ----------------------------------------------------- */

static void
root_value(Jsonb *jsonb, JsonbValue *out)
{
	if (JB_ROOT_IS_SCALAR(jsonb) && JsonbExtractScalar(&jsonb->root, out))
		return;
	out->type = jbvBinary;
	out->val.binary.data = &jsonb->root;
	out->val.binary.len = (int) (VARSIZE(jsonb) - VARHDRSZ);
}

void
pfdw_nested_put_json(PfdwNestedEncoder *encoder, PfdwNode *node, Jsonb *jsonb)
{
	JsonbValue root;

	root_value(jsonb, &root);
	put_value(encoder, node, &root);
}

bool
pfdw_nested_json_content(PfdwNestedEncoder *encoder, PfdwNode *node,
						 Jsonb *jsonb)
{
	JsonbValue root;

	root_value(jsonb, &root);
	if (root.type == jbvNull && node->type->kind != PMN_TYPE_VARIANT)
		return false;
	put_content(encoder, node, &root);
	return true;
}
