/*
 * bridge_nested_encode.c
 *
 * Arrays, composites and jsonb as nested values of the lake: the way back of
 * bridge_nested_decode.c. A value is stored as it is or not at all. Paimon's
 * arrays have one dimension that starts at 1; what has more, or another
 * start, is refused, as is a composite type without a place for each field.
 *
 * What the lake's type can't hold is an error with the path of the field; a
 * value is written in one piece, so a failed one leaves nothing.
 */
#include "bridge_nested.h"

#include "access/htup_details.h"
#include "catalog/pg_type_d.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

PfdwNestedEncoder *
pfdw_nested_encoder_create(MemoryContext context)
{
	PfdwNestedEncoder *encoder =
		MemoryContextAllocZero(context, sizeof(*encoder));

	encoder->env = pfdw_env_create(context, "paimon_fdw nested");
	pmn_nested_writer_init(&encoder->writer, &encoder->env->base);
	return encoder;
}

void
pfdw_node_check_write(const PfdwNode *node)
{
	for (uint32 i = 0; i < node->child_count; i++)
	{
		const PfdwNode *child = &node->children[i];

		if (node->shape == PFDW_SHAPE_COMPOSITE && child->attnum == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
					 errmsg("column \"%s\" can't be written as %s", node->path,
							format_type_be(node->base)),
					 errdetail("The type has no attribute for field \"%s\", "
							   "which would be lost.",
							   child->name),
					 errhint("Add the attribute, or declare the column as "
							 "jsonb.")));
		pfdw_node_check_write(child);
	}
}

void
pfdw_nested_put(PfdwNestedEncoder *encoder, const PfdwNode *node,
				const PmnValue *value)
{
	if (value->is_null && (node->is_required || !node->type->is_nullable))
		pfdw_encode_null_error(node->path);
	pfdw_check(encoder->env,
			   pmn_nested_write_slot(&encoder->writer, node->kind, value));
}

void
pfdw_nested_put_null(PfdwNestedEncoder *encoder, const PfdwNode *node)
{
	PmnValue null = {.is_null = true};

	pfdw_nested_put(encoder, node, &null);
}

void
pfdw_nested_put_count(PfdwNestedEncoder *encoder, const PfdwNode *node,
					  uint32 count)
{
	if (node->type->kind == PMN_TYPE_VECTOR &&
		count != (uint32) node->type->length)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("a value for column \"%s\" has %u elements instead "
						"of %d",
						node->path, count, node->type->length)));
	pfdw_check(encoder->env, pmn_nested_write_count(&encoder->writer, count));
}

void
pfdw_nested_put_fit(PfdwNestedEncoder *encoder, const PfdwNode *node,
					PfdwFit fit, const PmnValue *value)
{
	if (fit != PFDW_FIT_OK)
		pfdw_encode_fit_error(node->path, node->type, fit);
	if (node->kind == PMN_VECTOR_BYTES)
		pfdw_encode_check_length(node->path, node->type, value->as.bytes);
	pfdw_nested_put(encoder, node, value);
}

static void
encode_scalar(PfdwNestedEncoder *encoder, PfdwNode *node, Datum datum)
{
	PmnValue value = {0};
	PfdwFit fit = PFDW_FIT_OK;

	if (node->is_input)
	{
		char *string = OutputFunctionCall(&node->output, datum);
		PmnBytes text = {(const uint8_t *) string, (uint32_t) strlen(string)};

		if (!pfdw_text_to_lake(text, &value.as.bytes))
			fit = PFDW_FIT_TEXT;
	}
	else
		fit = pfdw_value_fit(node->type, node->base, datum, &value);
	pfdw_nested_put_fit(encoder, node, fit, &value);
}

static void encode_content(PfdwNestedEncoder *encoder, PfdwNode *node,
						   Datum datum);

static void
encode_part(PfdwNestedEncoder *encoder, PfdwNode *node, Datum datum,
			bool is_null)
{
	size_t mark;

	if (is_null)
	{
		pfdw_nested_put_null(encoder, node);
		return;
	}
	if (node->shape == PFDW_SHAPE_SCALAR)
	{
		encode_scalar(encoder, node, datum);
		return;
	}
	if (node->shape == PFDW_SHAPE_JSONB)
	{
		pfdw_nested_put_json(encoder, node, DatumGetJsonbP(datum));
		return;
	}
	pfdw_check(encoder->env, pmn_nested_begin(&encoder->writer, &mark));
	encode_content(encoder, node, datum);
	pmn_nested_end(&encoder->writer, mark);
}

static void
encode_array(PfdwNestedEncoder *encoder, PfdwNode *node, ArrayType *array)
{
	PfdwNode *child = &node->children[0];
	Datum *elements;
	bool *nulls;
	int count;

	if (ARR_NDIM(array) > 1 ||
		(ARR_NDIM(array) == 1 && ARR_LBOUND(array)[0] != 1))
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("an array for column \"%s\" must have one dimension "
						"that starts at 1",
						node->path)));
	deconstruct_array(array, child->typid, child->typlen, child->typbyval,
					  child->typalign, &elements, &nulls, &count);
	pfdw_nested_put_count(encoder, node, (uint32) count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		encode_part(encoder, child, elements[i], nulls[i]);
	}
}

static void
encode_composite(PfdwNestedEncoder *encoder, PfdwNode *node,
				 HeapTupleHeader header)
{
	int natts = node->tupdesc->natts;
	Datum *values = palloc(sizeof(Datum) * Max(natts, 1));
	bool *nulls = palloc(sizeof(bool) * Max(natts, 1));
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, node->tupdesc, values, nulls);
	for (uint32 i = 0; i < node->child_count; i++)
	{
		PfdwNode *child = &node->children[i];

		encode_part(encoder, child, values[child->attnum - 1],
					nulls[child->attnum - 1]);
	}
}

/* What is behind the header of a slot. */
static void
encode_content(PfdwNestedEncoder *encoder, PfdwNode *node, Datum datum)
{
	check_stack_depth();
	if (node->shape == PFDW_SHAPE_ARRAY)
		encode_array(encoder, node, DatumGetArrayTypeP(datum));
	else
		encode_composite(encoder, node, DatumGetHeapTupleHeader(datum));
}

bool
pfdw_nested_encode(PfdwNestedEncoder *encoder, PfdwNode *node, Datum datum)
{
	pmn_nested_reset(&encoder->writer);
	if (node->shape == PFDW_SHAPE_JSONB)
		return pfdw_nested_json_content(encoder, node, DatumGetJsonbP(datum));
	encode_content(encoder, node, datum);
	return true;
}
