/*
 * type.c
 *
 * What a data type is to the rest of the module: which vector its values
 * live in, whether it can be a key, whether two types are the same, and deep
 * copies of types, schemas and predicates into an arena.
 *
 * Spelling lives in type_name.c (SQL) and type_json.c (schema files). A type
 * is a plain struct; children are reached by key, element and fields. The
 * reference system of GEOMETRY and GEOGRAPHY hangs on fields[0] while
 * field_count stays 0, so code that walks columns never sees it.
 *
 * Invariant: whoever makes a PmnType bounds its depth (the parsers allow
 * 32), so the recursions here are bounded too.
 */
#include <strings.h>

#include "type.h"
#include "type_name.h"

/* By kind; DECIMAL and the timestamps depend on their precision too. */
static const uint8_t vector_by_kind[] = {
	[PMN_TYPE_BOOLEAN] = PMN_VECTOR_BOOL,
	[PMN_TYPE_TINYINT] = PMN_VECTOR_I32,
	[PMN_TYPE_SMALLINT] = PMN_VECTOR_I32,
	[PMN_TYPE_INT] = PMN_VECTOR_I32,
	[PMN_TYPE_BIGINT] = PMN_VECTOR_I64,
	[PMN_TYPE_FLOAT] = PMN_VECTOR_F32,
	[PMN_TYPE_DOUBLE] = PMN_VECTOR_F64,
	[PMN_TYPE_DECIMAL] = PMN_VECTOR_DEC128,
	[PMN_TYPE_CHAR] = PMN_VECTOR_BYTES,
	[PMN_TYPE_VARCHAR] = PMN_VECTOR_BYTES,
	[PMN_TYPE_BINARY] = PMN_VECTOR_BYTES,
	[PMN_TYPE_VARBINARY] = PMN_VECTOR_BYTES,
	[PMN_TYPE_DATE] = PMN_VECTOR_I32,
	[PMN_TYPE_TIME] = PMN_VECTOR_I32,
	[PMN_TYPE_TIMESTAMP] = PMN_VECTOR_TS96,
	[PMN_TYPE_TIMESTAMP_LTZ] = PMN_VECTOR_TS96,
	[PMN_TYPE_ARRAY] = PMN_VECTOR_NONE,
	[PMN_TYPE_MULTISET] = PMN_VECTOR_NONE,
	[PMN_TYPE_MAP] = PMN_VECTOR_NONE,
	[PMN_TYPE_ROW] = PMN_VECTOR_NONE,
	[PMN_TYPE_VARIANT] = PMN_VECTOR_NONE,
	[PMN_TYPE_BLOB] = PMN_VECTOR_BYTES,
	[PMN_TYPE_VECTOR] = PMN_VECTOR_NONE,
	[PMN_TYPE_GEOMETRY] = PMN_VECTOR_NONE,
	[PMN_TYPE_GEOGRAPHY] = PMN_VECTOR_NONE,
};

static bool is_timestamp(const PmnType *type);
static bool is_geospatial(const PmnType *type);
static bool children_equal(const PmnType *a, const PmnType *b);
static PmnCode copy_field(PmnArena *arena, const PmnField *src, PmnField *out);
static PmnCode copy_text(PmnArena *arena, const char *src, const char **out);
static PmnCode copy_names(PmnArena *arena, const char *const *src,
						  uint32_t count, const char ***out);
static PmnCode copy_options(PmnArena *arena, const PmnSchema *src,
							PmnSchema *copy);
static PmnCode copy_literals(PmnArena *arena, const PmnSchema *schema,
							 const PmnPredicate *src, PmnPredicate *copy);

int32_t
pmn_schema_field_index(const PmnSchema *schema, const char *name)
{
	for (uint32_t i = 0; i < schema->field_count; i++)
		if (strcmp(schema->fields[i].name, name) == 0)
			return (int32_t) i;
	return -1;
}

const char *
pmn_schema_option(const PmnSchema *schema, const char *key)
{
	for (uint32_t i = 0; i < schema->option_count; i++)
		if (strcmp(schema->options[i].key, key) == 0)
			return schema->options[i].value;
	return NULL;
}

PmnVectorKind
pmn_type_vector_kind(const PmnType *type)
{
	if (type->kind == PMN_TYPE_DECIMAL && type->precision <= 18)
		return PMN_VECTOR_I64;
	if (is_timestamp(type) && type->precision <= 6)
		return PMN_VECTOR_I64;
	if (pmn_type_is_nested(type))
		return PMN_VECTOR_BYTES;
	return (PmnVectorKind) vector_by_kind[type->kind];
}

size_t
pmn_vector_width(PmnVectorKind kind)
{
	static const uint8_t width[] = {
		[PMN_VECTOR_BOOL] = sizeof(uint8_t),
		[PMN_VECTOR_I32] = sizeof(int32_t),
		[PMN_VECTOR_I64] = sizeof(int64_t),
		[PMN_VECTOR_F32] = sizeof(float),
		[PMN_VECTOR_F64] = sizeof(double),
		[PMN_VECTOR_DEC128] = sizeof(PmnInt128),
		[PMN_VECTOR_TS96] = sizeof(PmnTimestamp),
		[PMN_VECTOR_BYTES] = sizeof(PmnBytes),
		[PMN_VECTOR_NONE] = 0,
	};

	return width[kind];
}

PmnValue
pmn_vector_value(const PmnVector *vector, uint32_t row)
{
	PmnValue value = {0};

	if (vector->nulls != NULL && vector->nulls[row])
	{
		value.is_null = true;
		return value;
	}
	switch (vector->kind)
	{
		case PMN_VECTOR_BOOL:
			value.as.i64 = ((const uint8_t *) vector->values)[row] != 0;
			break;
		case PMN_VECTOR_I32:
			value.as.i64 = ((const int32_t *) vector->values)[row];
			break;
		case PMN_VECTOR_I64:
			value.as.i64 = ((const int64_t *) vector->values)[row];
			break;
		case PMN_VECTOR_F32:
			value.as.f64 = ((const float *) vector->values)[row];
			break;
		case PMN_VECTOR_F64:
			value.as.f64 = ((const double *) vector->values)[row];
			break;
		case PMN_VECTOR_DEC128:
			value.as.dec128 = ((const PmnInt128 *) vector->values)[row];
			break;
		case PMN_VECTOR_TS96:
			value.as.ts96 = ((const PmnTimestamp *) vector->values)[row];
			break;
		case PMN_VECTOR_BYTES:
			value.as.bytes = ((const PmnBytes *) vector->values)[row];
			break;
		case PMN_VECTOR_NONE:
			value.is_null = true;
			break;
	}
	return value;
}

void
pmn_vector_put(PmnVector *vector, uint32_t row, const PmnValue *value)
{
	switch (vector->kind)
	{
		case PMN_VECTOR_BOOL:
			((uint8_t *) vector->values)[row] = value->as.i64 != 0;
			break;
		case PMN_VECTOR_I32:
			((int32_t *) vector->values)[row] = (int32_t) value->as.i64;
			break;
		case PMN_VECTOR_I64:
			((int64_t *) vector->values)[row] = value->as.i64;
			break;
		case PMN_VECTOR_F32:
			((float *) vector->values)[row] = (float) value->as.f64;
			break;
		case PMN_VECTOR_F64:
			((double *) vector->values)[row] = value->as.f64;
			break;
		case PMN_VECTOR_DEC128:
			((PmnInt128 *) vector->values)[row] = value->as.dec128;
			break;
		case PMN_VECTOR_TS96:
			((PmnTimestamp *) vector->values)[row] = value->as.ts96;
			break;
		case PMN_VECTOR_BYTES:
			((PmnBytes *) vector->values)[row] = value->as.bytes;
			break;
		case PMN_VECTOR_NONE:
			break;
	}
}

bool
pmn_type_is_comparable(const PmnType *type)
{
	return type->kind != PMN_TYPE_BLOB &&
		   vector_by_kind[type->kind] != PMN_VECTOR_NONE;
}

bool
pmn_type_is_compact(const PmnType *type)
{
	if (type->kind == PMN_TYPE_DECIMAL)
		return type->precision <= 18;
	if (is_timestamp(type))
		return type->precision <= 3;
	return vector_by_kind[type->kind] <= PMN_VECTOR_F64;
}

bool
pmn_type_equal(const PmnType *a, const PmnType *b)
{
	if (a->kind != b->kind || a->length != b->length ||
		a->precision != b->precision || a->scale != b->scale ||
		a->field_count != b->field_count)
		return false;
	if (is_geospatial(a))
		return strcasecmp(pmn_type_crs(a), pmn_type_crs(b)) == 0 &&
			   strcasecmp(pmn_type_edge_algorithm(a),
						  pmn_type_edge_algorithm(b)) == 0;
	return children_equal(a, b);
}

void
pmn_type_give_ids(const PmnType *type, int32_t *highest)
{
	if (type->key != NULL)
		pmn_type_give_ids(type->key, highest);
	if (type->element != NULL)
		pmn_type_give_ids(type->element, highest);
	for (uint32_t i = 0; i < type->field_count; i++)
	{
		/* Const only in the view of those who borrow the type. */
		PmnField *field = (PmnField *) (uintptr_t) &type->fields[i];

		pmn_type_give_ids(&field->type, highest);
		field->id = ++*highest;
	}
}

PmnCode
pmn_type_copy(PmnArena *arena, const PmnType *src, PmnType *out)
{
	/* The hidden field; see the head of the file. */
	bool has_hidden = is_geospatial(src) && src->fields != NULL;
	uint32_t count = has_hidden ? 1 : src->field_count;
	const PmnType *from[2] = {src->key, src->element};
	const PmnType *to[2] = {NULL, NULL};
	PmnField *fields = NULL;

	for (int i = 0; i < 2; i++)
	{
		PmnType *child;

		if (from[i] == NULL)
			continue;
		child = pmn_arena_alloc(arena, sizeof(*child));
		if (child == NULL)
			return PMN_NO_MEMORY;
		PMN_TRY(pmn_type_copy(arena, from[i], child));
		to[i] = child;
	}
	if (count > 0)
	{
		fields = pmn_arena_alloc(arena, count * sizeof(*fields));
		if (fields == NULL)
			return PMN_NO_MEMORY;
	}
	for (uint32_t i = 0; i < count; i++)
		PMN_TRY(copy_field(arena, &src->fields[i], &fields[i]));
	*out = *src;
	out->key = to[0];
	out->element = to[1];
	out->fields = fields;
	return PMN_OK;
}

PmnCode
pmn_schema_copy(PmnArena *arena, const PmnSchema *src, PmnSchema **out)
{
	PmnSchema *copy = pmn_arena_alloc(arena, sizeof(*copy));

	if (copy == NULL)
		return PMN_NO_MEMORY;
	*copy = *src;
	copy->fields =
		pmn_arena_alloc(arena, src->field_count * sizeof(*copy->fields));
	if (copy->fields == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < src->field_count; i++)
		PMN_TRY(copy_field(arena, &src->fields[i], &copy->fields[i]));
	PMN_TRY(copy_names(arena, src->partition_keys, src->partition_key_count,
					   &copy->partition_keys));
	PMN_TRY(copy_names(arena, src->primary_keys, src->primary_key_count,
					   &copy->primary_keys));
	PMN_TRY(copy_options(arena, src, copy));
	PMN_TRY(copy_text(arena, src->comment, &copy->comment));
	*out = copy;
	return PMN_OK;
}

PmnCode
pmn_predicate_copy(PmnArena *arena, const PmnPredicate *src, PmnPredicate **out)
{
	return pmn_predicate_copy_deep(arena, NULL, src, out);
}

PmnCode
pmn_predicate_copy_deep(PmnArena *arena, const PmnSchema *schema,
						const PmnPredicate *src, PmnPredicate **out)
{
	PmnPredicate *copy = pmn_arena_alloc(arena, sizeof(*copy));
	const PmnPredicate **children = NULL;

	if (copy == NULL)
		return PMN_NO_MEMORY;
	*copy = *src;
	if (src->child_count > 0)
	{
		children = pmn_arena_alloc(arena, src->child_count * sizeof(*children));
		if (children == NULL)
			return PMN_NO_MEMORY;
	}
	for (uint32_t i = 0; i < src->child_count; i++)
	{
		PmnPredicate *child;

		PMN_TRY(
			pmn_predicate_copy_deep(arena, schema, src->children[i], &child));
		children[i] = child;
	}
	copy->children = children;
	PMN_TRY(copy_literals(arena, schema, src, copy));
	*out = copy;
	return PMN_OK;
}

static bool
is_timestamp(const PmnType *type)
{
	return type->kind == PMN_TYPE_TIMESTAMP ||
		   type->kind == PMN_TYPE_TIMESTAMP_LTZ;
}

static bool
is_geospatial(const PmnType *type)
{
	return type->kind == PMN_TYPE_GEOMETRY || type->kind == PMN_TYPE_GEOGRAPHY;
}

static bool
child_equal(const PmnType *a, const PmnType *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return pmn_type_equal(a, b);
}

static bool
children_equal(const PmnType *a, const PmnType *b)
{
	if (!child_equal(a->key, b->key) || !child_equal(a->element, b->element))
		return false;
	for (uint32_t i = 0; i < a->field_count; i++)
		if (a->fields[i].id != b->fields[i].id ||
			strcmp(a->fields[i].name, b->fields[i].name) != 0 ||
			!pmn_type_equal(&a->fields[i].type, &b->fields[i].type))
			return false;
	return true;
}

static PmnCode
copy_field(PmnArena *arena, const PmnField *src, PmnField *out)
{
	out->id = src->id;
	PMN_TRY(copy_text(arena, src->name, &out->name));
	PMN_TRY(pmn_type_copy(arena, &src->type, &out->type));
	PMN_TRY(copy_text(arena, src->description, &out->description));
	return copy_text(arena, src->default_value, &out->default_value);
}

static PmnCode
copy_text(PmnArena *arena, const char *src, const char **out)
{
	*out = NULL;
	if (src == NULL)
		return PMN_OK;
	*out = pmn_arena_string(arena, src);
	return *out == NULL ? PMN_NO_MEMORY : PMN_OK;
}

static PmnCode
copy_names(PmnArena *arena, const char *const *src, uint32_t count,
		   const char ***out)
{
	const char **names = pmn_arena_alloc(arena, count * sizeof(*names));

	if (names == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		PMN_TRY(copy_text(arena, src[i], &names[i]));
	*out = names;
	return PMN_OK;
}

static PmnCode
copy_options(PmnArena *arena, const PmnSchema *src, PmnSchema *copy)
{
	copy->options =
		pmn_arena_alloc(arena, src->option_count * sizeof(*copy->options));
	if (copy->options == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < src->option_count; i++)
	{
		PMN_TRY(copy_text(arena, src->options[i].key, &copy->options[i].key));
		PMN_TRY(
			copy_text(arena, src->options[i].value, &copy->options[i].value));
	}
	return PMN_OK;
}

/*
 * A value does not say whether it holds bytes: only the column's type does,
 * or the operator when that is STARTS_WITH.
 */
static PmnCode
copy_literals(PmnArena *arena, const PmnSchema *schema, const PmnPredicate *src,
			  PmnPredicate *copy)
{
	bool has_bytes = src->op == PMN_PREDICATE_STARTS_WITH;
	PmnValue *literals;

	if (src->literal_count == 0)
		return PMN_OK;
	if (schema != NULL && !has_bytes)
	{
		PMN_ASSERT(src->field >= 0 &&
				   (uint32_t) src->field < schema->field_count);
		has_bytes = pmn_type_vector_kind(&schema->fields[src->field].type) ==
					PMN_VECTOR_BYTES;
	}
	literals = pmn_arena_copy(arena, src->literals,
							  src->literal_count * sizeof(*literals));
	if (literals == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; has_bytes && i < src->literal_count; i++)
	{
		PmnBytes *bytes = &literals[i].as.bytes;

		if (literals[i].is_null || bytes->size == 0)
			continue;
		bytes->data = pmn_arena_copy(arena, bytes->data, bytes->size);
		if (bytes->data == NULL)
			return PMN_NO_MEMORY;
	}
	copy->literals = literals;
	return PMN_OK;
}
