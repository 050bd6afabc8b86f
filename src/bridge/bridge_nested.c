/*
 * bridge_nested.c
 *
 * Nested types of the lake and the types that show them: jsonb always, an
 * array where the elements have a type of their own, a composite over a ROW
 * where the column declares one. A PfdwNode joins the two for each level and
 * holds what a conversion would otherwise look up for every value.
 *
 * A composite's attributes are matched to the ROW's fields by name, so their
 * order is free. It may lack fields, which then are not shown (rows that are
 * written would lose them, so the encoder refuses such a declaration); it may
 * not have others.
 *
 * Invariant: a node's children follow the lake type, whatever the server type
 * is, because the lake's value is read in one direction.
 */
#include "bridge_nested.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

static void node_init(PfdwNode *node, const PmnType *type, Oid typid,
					  int32 typmod, const char *path);
static void init_children(PfdwNode *node);

/* ---- which type -------------------------------------------------------- */

Oid
pfdw_array_element(Oid array)
{
	Oid element = get_element_type(array);

	/* int2vector and its like only look as if they were. */
	if (OidIsValid(element) && get_array_type(element) == array)
		return element;
	return InvalidOid;
}

static void
unmapped(const PmnType *type, const char *column)
{
	char name[128];

	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
					errmsg("column \"%s\" has type %s, which is not supported",
						   column, pmn_type_name(type, name, sizeof(name)))));
}

/* All that a jsonb may hold. */
static void
check_content(const PmnType *type, const char *column)
{
	check_stack_depth();
	if (type->kind == PMN_TYPE_GEOMETRY || type->kind == PMN_TYPE_GEOGRAPHY)
		unmapped(type, column);
	if (type->key != NULL)
		check_content(type->key, column);
	if (type->element != NULL)
		check_content(type->element, column);
	for (uint32 i = 0; i < type->field_count; i++)
		check_content(&type->fields[i].type, column);
}

void
pfdw_nested_to_pg(const PmnType *type, const char *column, Oid *typid,
				  int32 *typmod)
{
	check_content(type, column);
	*typid = JSONBOID;
	*typmod = -1;
	if ((type->kind == PMN_TYPE_ARRAY || type->kind == PMN_TYPE_VECTOR) &&
		!pmn_type_is_nested(type->element))
	{
		pfdw_type_to_pg(type->element, column, typid, typmod);
		*typid = get_array_type(*typid);
	}
}

static PmnType *
element_from_pg(Oid typid, int32 typmod, const char *column)
{
	PmnType *type = palloc0(sizeof(*type));

	pfdw_type_from_pg(typid, typmod, false, column, NULL, type);
	return type;
}

static void
row_from_pg(Oid base, const char *column, PmnType *out)
{
	TupleDesc tupdesc = lookup_rowtype_tupdesc_copy(base, -1);
	PmnField *fields = palloc0(sizeof(PmnField) * Max(tupdesc->natts, 1));

	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);
		PmnField *field = &fields[out->field_count];

		if (attribute->attisdropped)
			continue;
		field->id = (int32) out->field_count;
		field->name = pfdw_name_to_lake(pstrdup(NameStr(attribute->attname)));
		pfdw_type_from_pg(
			attribute->atttypid, attribute->atttypmod, false,
			psprintf("%s.%s", column, NameStr(attribute->attname)), NULL,
			&field->type);
		out->field_count++;
	}
	out->kind = PMN_TYPE_ROW;
	out->fields = fields;
}

bool
pfdw_nested_from_pg(Oid base, int32 typmod, const char *column, PmnType *out)
{
	Oid element = pfdw_array_element(base);

	check_stack_depth();
	if (OidIsValid(element))
	{
		out->kind = PMN_TYPE_ARRAY;
		out->element = element_from_pg(element, typmod, column);
		return true;
	}
	if (get_typtype(base) != TYPTYPE_COMPOSITE)
		return false;
	row_from_pg(base, column, out);
	return true;
}

static int32
field_of_attribute(const PmnType *type, Form_pg_attribute attribute)
{
	const char *name = pfdw_name_to_lake(NameStr(attribute->attname));

	for (uint32 i = 0; i < type->field_count; i++)
	{
		if (strcmp(type->fields[i].name, name) == 0)
			return (int32) i;
	}
	return -1;
}

static bool
composite_fits(const PmnType *type, Oid typid, const char *column)
{
	TupleDesc tupdesc = lookup_rowtype_tupdesc_copy(typid, -1);
	bool fits = true;

	for (int i = 0; fits && i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);
		int32 field;

		if (attribute->attisdropped)
			continue;
		field = field_of_attribute(type, attribute);
		fits = field >= 0 &&
			   pfdw_type_fits(&type->fields[field].type, attribute->atttypid,
							  attribute->atttypmod, column);
	}
	FreeTupleDesc(tupdesc);
	return fits;
}

bool
pfdw_nested_fits(const PmnType *type, Oid typid, int32 typmod,
				 const char *column)
{
	Oid base = getBaseTypeAndTypmod(typid, &typmod);
	Oid element;

	check_stack_depth();
	if (base == JSONBOID)
	{
		check_content(type, column);
		return true;
	}
	switch (type->kind)
	{
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_VECTOR:
			element = pfdw_array_element(base);
			return OidIsValid(element) &&
				   pfdw_type_fits(type->element, element, typmod, column);
		case PMN_TYPE_ROW:
			return get_typtype(base) == TYPTYPE_COMPOSITE &&
				   composite_fits(type, base, column);
		default:
			return false;
	}
}

/* ---- nodes ------------------------------------------------------------- */

PfdwNode *
pfdw_node_create(const PmnType *type, Oid typid, int32 typmod,
				 const char *column)
{
	PfdwNode *node = palloc0(sizeof(*node));

	node_init(node, type, typid, typmod, column);
	return node;
}

/* As a top-level column of the type would be read. */
static void
init_scalar(PfdwNode *node)
{
	Oid function;
	bool is_varlena;

	node->is_input = node->kind == PMN_VECTOR_BYTES && node->base != BYTEAOID &&
					 node->base != TEXTOID && node->base != VARCHAROID;
	if (!node->is_input)
		return;
	getTypeInputInfo(node->base, &function, &node->input_param);
	fmgr_info(function, &node->input);
	getTypeOutputInfo(node->base, &function, &is_varlena);
	fmgr_info(function, &node->output);
}

static void
node_init(PfdwNode *node, const PmnType *type, Oid typid, int32 typmod,
		  const char *path)
{
	check_stack_depth();
	node->type = type;
	node->kind = pmn_type_vector_kind(type);
	node->path = path;
	node->context = CurrentMemoryContext;
	node->typid = typid;
	node->typmod = typmod;
	node->base = getBaseTypeAndTypmod(typid, &node->typmod);
	node->is_domain = node->base != typid;
	get_typlenbyvalalign(node->base, &node->typlen, &node->typbyval,
						 &node->typalign);
	if (pmn_type_is_nested(type))
	{
		if (node->base == JSONBOID)
			node->shape = PFDW_SHAPE_JSONB;
		else
			node->shape = type->kind == PMN_TYPE_ROW ? PFDW_SHAPE_COMPOSITE
													 : PFDW_SHAPE_ARRAY;
		init_children(node);
	}
	else if (node->shape == PFDW_SHAPE_SCALAR)
		init_scalar(node);
}

/* A part of a jsonb: its type is jsonb all the way down. */
static void
init_part(PfdwNode *node, const PmnType *type, const char *path)
{
	node->shape = PFDW_SHAPE_JSONB;
	node_init(node, type, JSONBOID, -1, path);
}

static const PmnType *
child_type(const PmnType *type, uint32 i)
{
	if (type->kind == PMN_TYPE_ROW)
		return &type->fields[i].type;
	if (type->kind == PMN_TYPE_MAP && i == 0)
		return type->key;
	return type->element;
}

static const char *
child_path(const PfdwNode *node, uint32 i)
{
	if (node->type->kind == PMN_TYPE_ROW)
		return psprintf("%s.%s", node->path, node->children[i].name);
	if (node->type->kind == PMN_TYPE_MAP)
		return psprintf("%s.%s", node->path, i == 0 ? "key" : "value");
	return psprintf("%s.element", node->path);
}

static void
init_composite(PfdwNode *node)
{
	TupleDesc shared = lookup_rowtype_tupdesc(node->base, -1);

	node->tupdesc = CreateTupleDescCopy(shared);
	BlessTupleDesc(node->tupdesc);
	ReleaseTupleDesc(shared);
	for (int i = 0; i < node->tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(node->tupdesc, i);

		if (!attribute->attisdropped)
			node->children[field_of_attribute(node->type, attribute)].attnum =
				attribute->attnum;
	}
}

static void
init_children(PfdwNode *node)
{
	const PmnType *type = node->type;

	node->child_count = type->kind == PMN_TYPE_ROW	 ? type->field_count
						: type->kind == PMN_TYPE_MAP ? 2
						: type->element != NULL		 ? 1
													 : 0;
	node->children = palloc0(sizeof(PfdwNode) * Max(node->child_count, 1));
	for (uint32 i = 0; type->kind == PMN_TYPE_ROW && i < node->child_count; i++)
	{
		node->children[i].name = pfdw_name_from_lake(type->fields[i].name);
		node->children[i].name_size = (int) strlen(node->children[i].name);
	}
	if (node->shape == PFDW_SHAPE_COMPOSITE)
		init_composite(node);
	for (uint32 i = 0; i < node->child_count; i++)
	{
		PfdwNode *child = &node->children[i];
		const char *path = child_path(node, i);

		child->is_required = type->kind == PMN_TYPE_VECTOR ||
							 (type->kind == PMN_TYPE_MAP && i == 0);
		if (node->shape == PFDW_SHAPE_ARRAY)
			node_init(child, type->element, pfdw_array_element(node->base),
					  node->typmod, path);
		else if (child->attnum > 0)
		{
			Form_pg_attribute attribute =
				TupleDescAttr(node->tupdesc, child->attnum - 1);

			node_init(child, child_type(type, i), attribute->atttypid,
					  attribute->atttypmod, path);
		}
		else
			init_part(child, child_type(type, i), path);
	}
}
