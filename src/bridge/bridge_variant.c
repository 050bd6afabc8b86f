/*
 * bridge_variant.c
 *
 * VARIANT and jsonb. Reading: dates, times, bytes and uuids, which JSON has
 * not, become strings in the same spelling as elsewhere in a jsonb. Writing
 * follows Paimon's reading of JSON text: a number without a point that fits
 * is an integer, one of at most 38 digits a decimal, and any other a double,
 * which must then be the same number.
 *
 * The reader and the writer are kept in the node, with an environment of
 * their own, since both want memory from value to value.
 */
#include "bridge_nested.h"

#include "catalog/pg_type_d.h"
#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/uuid.h"

typedef struct PfdwVariant
{
	PfdwEnv *env;
	PmnVariantReader reader;
	PmnVariantWriter writer;
} PfdwVariant;

static PfdwVariant *
variant_of(PfdwNode *node)
{
	PfdwVariant *variant = node->variant;

	if (variant == NULL)
	{
		variant = MemoryContextAllocZero(node->context, sizeof(*variant));
		variant->env = pfdw_env_create(node->context, "paimon_fdw variant");
		pmn_variant_reader_init(&variant->reader, &variant->env->base);
		pmn_variant_writer_init(&variant->writer, &variant->env->base);
		node->variant = variant;
	}
	return variant;
}

/* ---- reading ----------------------------------------------------------- */

static void
check_read(PfdwNode *node, PmnCode code)
{
	if (code == PMN_CORRUPT)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a value of column \"%s\" is damaged: %s", node->path,
						node->variant->env->base.error.message)));
	pfdw_check(node->variant->env, code);
}

static void
set_uuid(const PmnVariantEvent *event, JsonbValue *out)
{
	pg_uuid_t uuid;

	memcpy(uuid.data, event->value.as.bytes.data, UUID_LEN);
	out->type = jbvString;
	out->val.string.val =
		DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&uuid)));
	out->val.string.len = (int) strlen(out->val.string.val);
}

/* Microseconds of a day, which no type of the lake has. */
static void
set_clock(const PfdwNode *node, int64 micros, JsonbValue *out)
{
	if (micros < 0 || micros >= USECS_PER_DAY)
		pfdw_nested_range_error(node);
	out->type = jbvString;
	out->val.string.val =
		DatumGetCString(DirectFunctionCall1(time_out, TimeADTGetDatum(micros)));
	out->val.string.len = (int) strlen(out->val.string.val);
}

static void
set_event(const PfdwNode *node, const PmnVariantEvent *event, JsonbValue *out)
{
	static const PmnTypeKind kinds[] = {
		[PMN_VARIANT_BOOLEAN] = PMN_TYPE_BOOLEAN,
		[PMN_VARIANT_INTEGER] = PMN_TYPE_BIGINT,
		[PMN_VARIANT_FLOAT] = PMN_TYPE_FLOAT,
		[PMN_VARIANT_DOUBLE] = PMN_TYPE_DOUBLE,
		[PMN_VARIANT_DECIMAL] = PMN_TYPE_DECIMAL,
		[PMN_VARIANT_DATE] = PMN_TYPE_DATE,
		[PMN_VARIANT_TIMESTAMP_LTZ] = PMN_TYPE_TIMESTAMP_LTZ,
		[PMN_VARIANT_TIMESTAMP] = PMN_TYPE_TIMESTAMP,
		[PMN_VARIANT_STRING] = PMN_TYPE_VARCHAR,
		[PMN_VARIANT_BINARY] = PMN_TYPE_VARBINARY,
	};
	PmnType type = {.precision = 9, .scale = event->scale};

	switch ((int) event->kind)
	{
		case PMN_VARIANT_NULL:
			out->type = jbvNull;
			return;
		case PMN_VARIANT_UUID:
			set_uuid(event, out);
			return;
		case PMN_VARIANT_TIME:
			set_clock(node, event->value.as.i64, out);
			return;
		case PMN_VARIANT_DECIMAL:
			type.precision = PMN_DECIMAL_PRECISION_MAX;
			break;
		default:
			break;
	}
	type.kind = kinds[event->kind];
	pfdw_jsonb_scalar(node, &type, &event->value, out);
}

static void
start_reader(PfdwNode *node, PmnBytes value)
{
	PmnNestedReader slots = pmn_nested_reader(value);
	PfdwVariant *variant = variant_of(node);
	PmnValue bytes;
	PmnValue metadata;

	if (!pmn_nested_read_slot(&slots, PMN_VECTOR_BYTES, &bytes) ||
		!pmn_nested_read_slot(&slots, PMN_VECTOR_BYTES, &metadata) ||
		bytes.is_null || metadata.is_null)
		pfdw_nested_broken(node);
	check_read(node, pmn_variant_reader_start(&variant->reader, bytes.as.bytes,
											  metadata.as.bytes));
}

/* The token that an event is pushed with; place is that of a value. */
static JsonbIteratorToken
token_of(PmnVariantKind kind, JsonbIteratorToken place)
{
	switch ((int) kind)
	{
		case PMN_VARIANT_OBJECT:
			return WJB_BEGIN_OBJECT;
		case PMN_VARIANT_OBJECT_END:
			return WJB_END_OBJECT;
		case PMN_VARIANT_ARRAY:
			return WJB_BEGIN_ARRAY;
		case PMN_VARIANT_ARRAY_END:
			return WJB_END_ARRAY;
		case PMN_VARIANT_KEY:
			return WJB_KEY;
		default:
			return place;
	}
}

JsonbValue *
pfdw_jsonb_variant(PfdwNode *node, PmnBytes value, JsonbParseState **state,
				   JsonbIteratorToken token, JsonbValue *scalar)
{
	JsonbIteratorToken place = token;
	JsonbValue *made = NULL;
	PmnVariantEvent event;

	start_reader(node, value);
	for (;;)
	{
		JsonbIteratorToken next;

		CHECK_FOR_INTERRUPTS();
		check_read(node, pmn_variant_read(&node->variant->reader, &event));
		if (event.kind == PMN_VARIANT_END)
			return made;
		next = token_of(event.kind, place);
		place = WJB_ELEM; /* unless a key was before */
		if (event.kind == PMN_VARIANT_KEY)
		{
			event.kind = PMN_VARIANT_STRING;
			place = WJB_VALUE;
		}
		if (next != WJB_KEY && next != WJB_VALUE && next != WJB_ELEM &&
			next != WJB_DONE)
		{
			made = pushJsonbValue(state, next, NULL);
			continue;
		}
		set_event(node, &event, scalar);
		made = next == WJB_DONE ? scalar : pushJsonbValue(state, next, scalar);
	}
}

/* ---- writing ----------------------------------------------------------- */

static void
check_write(PfdwNode *node, PmnCode code)
{
	if (code == PMN_OUT_OF_RANGE)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a value for column \"%s\" is out of range: %s",
						node->path, node->variant->env->base.error.message)));
	pfdw_check(node->variant->env, code);
}

/* Digits without their point; false: more than 38 of them or an exponent. */
static bool
parse_decimal(const char *digits, PmnVariantEvent *event)
{
	const char *at = digits + (digits[0] == '-' ? 1 : 0);
	bool has_point = false;
	int count = 0;

	event->scale = 0;
	event->value.as.dec128 = 0;
	for (; *at != '\0'; at++)
	{
		if (*at == '.')
		{
			has_point = true;
			continue;
		}
		if (*at < '0' || *at > '9')
			return false;
		if (count > 0 || *at != '0')
			count++;
		event->scale += has_point ? 1 : 0;
		if (count > PMN_DECIMAL_PRECISION_MAX)
			return false;
		event->value.as.dec128 = event->value.as.dec128 * 10 + (*at - '0');
	}
	if (digits[0] == '-')
		event->value.as.dec128 = -event->value.as.dec128;
	event->kind = PMN_VARIANT_DECIMAL;
	return event->scale <= PMN_DECIMAL_PRECISION_MAX;
}

/* A number that is neither integer nor decimal, if a double is the same. */
static void
parse_double(PfdwNode *node, Numeric numeric, PmnVariantEvent *event)
{
	char digits[DOUBLE_SHORTEST_DECIMAL_LEN];
	double value = DatumGetFloat8(
		DirectFunctionCall1(numeric_float8, NumericGetDatum(numeric)));
	Datum again;

	double_to_shortest_decimal_buf(value, digits);
	again =
		DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	if (!DatumGetBool(
			DirectFunctionCall2(numeric_eq, again, NumericGetDatum(numeric))))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a number for column \"%s\" of type VARIANT has more "
						"than %d digits",
						node->path, PMN_DECIMAL_PRECISION_MAX)));
	event->kind = PMN_VARIANT_DOUBLE;
	event->value.as.f64 = value;
}

static void
number_event(PfdwNode *node, Numeric numeric, PmnVariantEvent *event)
{
	const char *digits = DatumGetCString(
		DirectFunctionCall1(numeric_out, NumericGetDatum(numeric)));

	if (!parse_decimal(digits, event))
	{
		memset(event, 0, sizeof(*event));
		parse_double(node, numeric, event);
	}
	else if (strchr(digits, '.') == NULL &&
			 event->value.as.dec128 >= PG_INT64_MIN &&
			 event->value.as.dec128 <= PG_INT64_MAX)
	{
		event->value.as.i64 = (int64) event->value.as.dec128;
		event->kind = PMN_VARIANT_INTEGER;
	}
}

static void
write_scalar(PfdwNode *node, const JsonbValue *json, PmnVariantKind as)
{
	PmnVariantEvent event = {.kind = as};
	PmnBytes text;

	switch (json->type)
	{
		case jbvNull:
			event.kind = PMN_VARIANT_NULL;
			break;
		case jbvBool:
			event.kind = PMN_VARIANT_BOOLEAN;
			event.value.as.i64 = json->val.boolean ? 1 : 0;
			break;
		case jbvNumeric:
			number_event(node, json->val.numeric, &event);
			break;
		case jbvString:
			text.data = (const uint8_t *) json->val.string.val;
			text.size = (uint32_t) json->val.string.len;
			if (!pfdw_text_to_lake(text, &event.value.as.bytes))
				pfdw_nested_text_error(node);
			break;
		default:
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
							errmsg_internal("unexpected jsonb value %d",
											(int) json->type)));
	}
	check_write(node, pmn_variant_write(&node->variant->writer, &event));
}

static void
write_mark(PfdwNode *node, PmnVariantKind kind)
{
	PmnVariantEvent event = {.kind = kind};

	check_write(node, pmn_variant_write(&node->variant->writer, &event));
}

static void
write_container(PfdwNode *node, JsonbContainer *container)
{
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue json;

	while ((token = JsonbIteratorNext(&iterator, &json, false)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		switch (token)
		{
			case WJB_KEY:
				write_scalar(node, &json, PMN_VARIANT_KEY);
				break;
			case WJB_VALUE:
			case WJB_ELEM:
				write_scalar(node, &json, PMN_VARIANT_STRING);
				break;
			case WJB_BEGIN_ARRAY:
				write_mark(node, PMN_VARIANT_ARRAY);
				break;
			case WJB_END_ARRAY:
				write_mark(node, PMN_VARIANT_ARRAY_END);
				break;
			case WJB_BEGIN_OBJECT:
				write_mark(node, PMN_VARIANT_OBJECT);
				break;
			case WJB_END_OBJECT:
				write_mark(node, PMN_VARIANT_OBJECT_END);
				break;
			case WJB_DONE:
				break;
		}
	}
}

void
pfdw_variant_from_json(PfdwNode *node, const JsonbValue *json, PmnBytes *value,
					   PmnBytes *metadata)
{
	PfdwVariant *variant = variant_of(node);

	pmn_variant_writer_reset(&variant->writer);
	if (json->type == jbvBinary)
		write_container(node, json->val.binary.data);
	else
		write_scalar(node, json, PMN_VARIANT_STRING);
	check_write(node, pmn_variant_finish(&variant->writer, value, metadata));
}
