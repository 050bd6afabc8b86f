/*
 * bridge_nested_decode.c
 *
 * Nested values of the lake as Datums: arrays, composites, and jsonb (which
 * bridge_nested_jsonb.c makes). The value is walked once, in its own order,
 * along the nodes that its type has given.
 *
 * Elements are checked as a column's values are: a text that the server can't
 * hold, or a date outside its range, is an error with the path of the field.
 */
#include "bridge_nested.h"

#include "access/htup_details.h"
#include "catalog/pg_type_d.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

static Datum decode_value(PfdwNode *node, const PmnValue *value);

void
pfdw_nested_broken(const PfdwNode *node)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("a value of column \"%s\" ends too soon", node->path)));
}

void
pfdw_nested_range_error(const PfdwNode *node)
{
	char name[128];

	ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					errmsg("a value of column \"%s\" is out of the server's "
						   "range",
						   node->path),
					errdetail("The lake's type is %s.",
							  pmn_type_name(node->type, name, sizeof(name)))));
}

void
pfdw_nested_text_error(const PfdwNode *node)
{
	ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
					errmsg("a value of column \"%s\" is not text that encoding "
						   "\"%s\" can hold",
						   node->path, GetDatabaseEncodingName())));
}

static Datum
decode_scalar(PfdwNode *node, const PmnValue *value)
{
	PmnBytes text;
	Datum datum;

	if (node->is_input)
	{
		if (!pfdw_text_from_lake(value->as.bytes, &text))
			pfdw_nested_text_error(node);
		return InputFunctionCall(&node->input,
								 pnstrdup((const char *) text.data, text.size),
								 node->input_param, node->typmod);
	}
	if (pfdw_value_datum(node->type, node->base, value, &datum))
		return datum;
	if (node->kind == PMN_VECTOR_BYTES)
		pfdw_nested_text_error(node);
	pfdw_nested_range_error(node);
}

/* Elements whose bytes are those of the server's type. */
static bool
is_same_fixed(const PfdwNode *node)
{
	switch ((int) node->type->kind)
	{
		case PMN_TYPE_INT:
		case PMN_TYPE_BIGINT:
		case PMN_TYPE_FLOAT:
		case PMN_TYPE_DOUBLE:
			return !node->is_domain;
		default:
			return false;
	}
}

/*
 * An array of such elements without a null (which would be shorter), straight
 * into its place: vectors have many elements. NULL: not such an array.
 */
static ArrayType *
decode_fixed_array(PfdwNode *child, const PmnNestedReader *reader, uint32 count)
{
	Size width = pmn_vector_width(child->kind);
	const uint8_t *src = reader->at;
	Size header = ARR_OVERHEAD_NONULLS(1);
	Size size = header + width * count;
	uint8_t nulls = 0;
	ArrayType *array;
	char *dst;

	if (!is_same_fixed(child) ||
		(Size) (reader->end - src) != count * (width + 1))
		return NULL;
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = child->typid;
	ARR_DIMS(array)[0] = (int) count;
	ARR_LBOUND(array)[0] = 1;
	dst = ARR_DATA_PTR(array);
	for (uint32 i = 0; i < count; i++, src += width + 1, dst += width)
	{
		nulls |= src[0];
		memcpy(dst, src + 1, width);
	}
	return nulls == 0 ? array : NULL;
}

static Datum
decode_array(PfdwNode *node, PmnBytes value)
{
	PfdwNode *child = &node->children[0];
	PmnNestedReader reader = pmn_nested_reader(value);
	int lower = 1;
	int size;
	uint32 count;
	ArrayType *fixed;
	Datum *elements;
	bool *nulls;
	PmnValue slot;

	if (!pmn_nested_read_count(&reader, &count))
		pfdw_nested_broken(node);
	if (count == 0)
		return PointerGetDatum(construct_empty_array(child->typid));
	if (count > MaxArraySize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("an array of column \"%s\" has %u elements",
							   node->path, count)));
	fixed = decode_fixed_array(child, &reader, count);
	if (fixed != NULL)
		return PointerGetDatum(fixed);
	elements = palloc(sizeof(Datum) * count);
	nulls = palloc(sizeof(bool) * count);
	for (uint32 i = 0; i < count; i++)
	{
		if (!pmn_nested_read_slot(&reader, child->kind, &slot))
			pfdw_nested_broken(node);
		nulls[i] = slot.is_null;
		elements[i] = slot.is_null ? (Datum) 0 : decode_value(child, &slot);
		if (child->is_domain)
			domain_check(elements[i], nulls[i], child->typid,
						 &child->domain_extra, child->context);
	}
	size = (int) count;
	return PointerGetDatum(
		construct_md_array(elements, nulls, 1, &size, &lower, child->typid,
						   child->typlen, child->typbyval, child->typalign));
}

static Datum
decode_composite(PfdwNode *node, PmnBytes value)
{
	PmnNestedReader reader = pmn_nested_reader(value);
	int natts = node->tupdesc->natts;
	Datum *values = palloc0(sizeof(Datum) * Max(natts, 1));
	bool *nulls = palloc(sizeof(bool) * Max(natts, 1));
	PmnValue slot;

	memset(nulls, true, natts);
	for (uint32 i = 0; i < node->child_count; i++)
	{
		PfdwNode *child = &node->children[i];
		int at = child->attnum - 1;

		if (!pmn_nested_read_slot(&reader, child->kind, &slot))
			pfdw_nested_broken(node);
		if (at < 0)
			continue;
		nulls[at] = slot.is_null;
		if (!slot.is_null)
			values[at] = decode_value(child, &slot);
		if (child->is_domain)
			domain_check(values[at], nulls[at], child->typid,
						 &child->domain_extra, child->context);
	}
	return HeapTupleGetDatum(heap_form_tuple(node->tupdesc, values, nulls));
}

static Datum
decode_value(PfdwNode *node, const PmnValue *value)
{
	check_stack_depth();
	switch (node->shape)
	{
		case PFDW_SHAPE_SCALAR:
			return decode_scalar(node, value);
		case PFDW_SHAPE_ARRAY:
			return decode_array(node, value->as.bytes);
		case PFDW_SHAPE_COMPOSITE:
			return decode_composite(node, value->as.bytes);
		case PFDW_SHAPE_JSONB:
			break;
	}
	return pfdw_nested_jsonb(node, value);
}

Datum
pfdw_nested_decode(PfdwNode *node, PmnBytes value)
{
	PmnValue slot = {.is_null = false, .as.bytes = value};

	return decode_value(node, &slot);
}
