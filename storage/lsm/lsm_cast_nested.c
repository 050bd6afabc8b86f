/*
 * lsm_cast_nested.c
 *
 * Casts of nested types, as Paimon's SchemaEvolutionUtil and CastExecutors
 * have them. The fields of a ROW are matched by id: a new one is null, a
 * dropped one is passed over, a renamed one stays, one with another type is
 * cast. Elements of an ARRAY or MULTISET and values of a MAP are cast one by
 * one; the keys of a MAP keep their type. A ROW that shares no field with
 * what it was is null, and so is an ARRAY or MAP of such ROWs (Paimon reads
 * nothing of it then).
 *
 * ARRAY, MAP and ROW become text: "[1, null]", "{a -> 1}", "{1, x}".
 *
 * A cast is a tree that follows the two types, made once for a column; a
 * scalar in it is cast as a column of one row. A value is read once, in its
 * order, and written anew.
 *
 * Invariant: the trees are as deep as the types, which parsers bound.
 */
#include "../base/base_buffer.h"
#include "lsm_cast_internal.h"

struct PmnNestedCast
{
	PmnCast cast; /* PMN_CAST_NONE: slots are copied */
	PmnVectorKind from_kind;
	PmnVectorKind to_kind;
	/* NESTED: children of the type now; TO_TEXT: of the type it was. */
	PmnNestedCast *children;
	uint32_t child_count;
	int32_t *sources; /* ROW: the old field of each child, -1 for none */
	PmnValue *slots;  /* ROW: the old fields of one value */
};

/* What a walk over one value needs. */
typedef struct CastRun
{
	PmnArena *arena; /* of texts that scalar casts make */
	PmnNestedWriter *writer;
} CastRun;

static PmnCode make_level(PmnArena *arena, const char *column,
						  const PmnType *from, const PmnType *to,
						  PmnNestedCast *out);
static PmnCode cast_content(const PmnNestedCast *nested, CastRun *run,
							PmnBytes value);
static PmnCode append_content(const PmnNestedCast *nested, CastRun *run,
							  PmnBuffer *out, PmnBytes value);

/* ---- making ------------------------------------------------------------ */

/* The same but for names and nullability. */
static bool
is_same(const PmnType *from, const PmnType *to)
{
	if (!pmn_type_is_nested(from) || !pmn_type_is_nested(to))
		return pmn_type_equal(from, to);
	if (from->kind != to->kind || from->length != to->length ||
		from->field_count != to->field_count)
		return false;
	if (from->key != NULL && !is_same(from->key, to->key))
		return false;
	if (from->element != NULL && !is_same(from->element, to->element))
		return false;
	for (uint32_t i = 0; i < from->field_count; i++)
	{
		if (from->fields[i].id != to->fields[i].id ||
			!is_same(&from->fields[i].type, &to->fields[i].type))
			return false;
	}
	return true;
}

static int32_t
field_by_id(const PmnType *type, int32_t id)
{
	for (uint32_t i = 0; i < type->field_count; i++)
	{
		if (type->fields[i].id == id)
			return (int32_t) i;
	}
	return -1;
}

/* Whether nothing of the old type is asked for. */
static bool
has_nothing(const PmnType *from, const PmnType *to)
{
	if (from->kind != to->kind)
		return false;
	if (from->kind == PMN_TYPE_MAP)
		return has_nothing(from->key, to->key) ||
			   has_nothing(from->element, to->element);
	if (from->kind == PMN_TYPE_ARRAY)
		return has_nothing(from->element, to->element);
	if (from->kind != PMN_TYPE_ROW)
		return false;
	for (uint32_t i = 0; i < to->field_count; i++)
	{
		int32_t old = field_by_id(from, to->fields[i].id);

		if (old >= 0 &&
			!has_nothing(&from->fields[old].type, &to->fields[i].type))
			return false;
	}
	return true;
}

static PmnCode
make_children(PmnArena *arena, PmnNestedCast *out, uint32_t count)
{
	out->child_count = count;
	out->children = pmn_arena_alloc(arena, count * sizeof(PmnNestedCast));
	return out->children == NULL ? PMN_NO_MEMORY : PMN_OK;
}

static PmnCode
make_row(PmnArena *arena, const char *column, PmnNestedCast *out)
{
	const PmnType *from = out->cast.from;
	const PmnType *to = out->cast.to;

	PMN_TRY(make_children(arena, out, to->field_count));
	out->sources = pmn_arena_alloc(arena, to->field_count * sizeof(int32_t));
	out->slots = pmn_arena_alloc(arena, from->field_count * sizeof(PmnValue));
	if (out->sources == NULL || out->slots == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < to->field_count; i++)
	{
		const PmnType *now = &to->fields[i].type;
		int32_t old = field_by_id(from, to->fields[i].id);

		if (old >= 0 && has_nothing(&from->fields[old].type, now))
			old = -1;
		out->sources[i] = old;
		if (old < 0)
			out->children[i].to_kind = pmn_type_vector_kind(now);
		else
			PMN_TRY(make_level(arena, column, &from->fields[old].type, now,
							   &out->children[i]));
	}
	return PMN_OK;
}

/* Each part of the old type as text. */
static PmnCode
make_text(PmnArena *arena, const char *column, PmnNestedCast *out)
{
	const PmnType *from = out->cast.from;
	const PmnType *to = out->cast.to;

	if (from->kind == PMN_TYPE_ROW)
	{
		PMN_TRY(make_children(arena, out, from->field_count));
		for (uint32_t i = 0; i < from->field_count; i++)
			PMN_TRY(make_level(arena, column, &from->fields[i].type, to,
							   &out->children[i]));
		return PMN_OK;
	}
	PMN_TRY(make_children(arena, out, from->kind == PMN_TYPE_MAP ? 2 : 1));
	if (from->kind == PMN_TYPE_MAP)
		PMN_TRY(make_level(arena, column, from->key, to, &out->children[0]));
	return make_level(arena, column, from->element, to,
					  &out->children[out->child_count - 1]);
}

/* Between two types of one nested kind, or to text. */
static PmnCode
make_nested(PmnArena *arena, const char *column, PmnNestedCast *out)
{
	static const PmnType text = {.kind = PMN_TYPE_VARCHAR,
								 .is_nullable = true,
								 .length = PMN_LENGTH_MAX};
	const PmnType *from = out->cast.from;
	const PmnType *to = out->cast.to;
	bool has_text = from->kind == PMN_TYPE_ARRAY ||
					from->kind == PMN_TYPE_MAP || from->kind == PMN_TYPE_ROW;

	if (has_text && (to->kind == PMN_TYPE_CHAR || to->kind == PMN_TYPE_VARCHAR))
	{
		out->cast.kind = PMN_CAST_NESTED_TO_TEXT;
		out->cast.to = &text; /* which is never cut */
		return make_text(arena, column, out);
	}
	if (from->kind != to->kind ||
		(from->kind == PMN_TYPE_MAP && !pmn_type_equal(from->key, to->key)))
		return pmn_cast_unknown(pmn_arena_env(arena), column, from, to);
	out->cast.kind = PMN_CAST_NESTED;
	switch ((int) from->kind)
	{
		case PMN_TYPE_ROW:
			return make_row(arena, column, out);
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_MAP:
		case PMN_TYPE_MULTISET:
			PMN_TRY(make_children(arena, out, 1));
			return make_level(arena, column, from->element, to->element,
							  &out->children[0]);
		default:
			return pmn_cast_unknown(pmn_arena_env(arena), column, from, to);
	}
}

static PmnCode
make_level(PmnArena *arena, const char *column, const PmnType *from,
		   const PmnType *to, PmnNestedCast *out)
{
	out->from_kind = pmn_type_vector_kind(from);
	out->to_kind = pmn_type_vector_kind(to);
	out->cast.from = from;
	out->cast.to = to;
	if (is_same(from, to))
	{
		out->cast.kind = PMN_CAST_NONE;
		return PMN_OK;
	}
	if (pmn_type_is_nested(from) || pmn_type_is_nested(to))
		return make_nested(arena, column, out);
	return pmn_cast_make(arena, column, from, to, &out->cast);
}

PmnCode
pmn_cast_make_nested(PmnArena *arena, const char *column, PmnCast *cast)
{
	PmnNestedCast *nested;

	if (has_nothing(cast->from, cast->to))
	{
		cast->kind = PMN_CAST_TO_NULL;
		return PMN_OK;
	}
	nested = pmn_arena_alloc(arena, sizeof(*nested));
	if (nested == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(make_level(arena, column, cast->from, cast->to, nested));
	cast->kind = nested->cast.kind;
	cast->nested = nested;
	return PMN_OK;
}

/* ---- scalars ----------------------------------------------------------- */

/* A column of one row. */
typedef struct OneRow
{
	PmnVector vector;
	PmnInt128 element[2];
	uint8_t null[1];
} OneRow;

static void
store_slot(PmnVectorKind kind, const PmnValue *value, OneRow *out)
{
	out->vector.kind = kind;
	out->vector.values = out->element;
	out->vector.nulls = out->null;
	out->null[0] = 0;
	pmn_vector_put(&out->vector, 0, value);
}

static PmnCode
cast_scalar(const PmnNestedCast *nested, CastRun *run, const PmnValue *value,
			PmnValue *out)
{
	OneRow src = {0};
	OneRow dst = {0};

	if (nested->cast.kind == PMN_CAST_NONE)
	{
		*out = *value;
		return PMN_OK;
	}
	store_slot(nested->from_kind, value, &src);
	dst.vector.kind = nested->to_kind;
	dst.vector.values = dst.element;
	dst.vector.nulls = dst.null;
	PMN_TRY(
		pmn_cast_run(&nested->cast, run->arena, &src.vector, 1, &dst.vector));
	*out = pmn_vector_value(&dst.vector, 0);
	return PMN_OK;
}

/* ---- nested to nested -------------------------------------------------- */

static PmnCode
cut_short(CastRun *run)
{
	return pmn_fail(run->writer->env, PMN_CORRUPT,
					"a nested value ends too soon");
}

static PmnCode
cast_slot(const PmnNestedCast *nested, CastRun *run, const PmnValue *value)
{
	PmnValue made = *value;
	size_t mark;

	if (!value->is_null && nested->cast.kind == PMN_CAST_NESTED)
	{
		PMN_TRY(pmn_nested_begin(run->writer, &mark));
		PMN_TRY(cast_content(nested, run, value->as.bytes));
		pmn_nested_end(run->writer, mark);
		return PMN_OK;
	}
	if (!value->is_null && nested->cast.kind == PMN_CAST_NESTED_TO_TEXT)
		PMN_TRY(pmn_cast_nested_text(nested, run->arena, value->as.bytes,
									 &made.as.bytes));
	else if (!value->is_null)
		PMN_TRY(cast_scalar(nested, run, value, &made));
	return pmn_nested_write_slot(run->writer, nested->to_kind, &made);
}

static PmnCode
cast_row(const PmnNestedCast *nested, CastRun *run, PmnNestedReader *reader)
{
	const PmnType *from = nested->cast.from;
	const PmnValue null = {.is_null = true};

	for (uint32_t i = 0; i < from->field_count; i++)
	{
		if (!pmn_nested_read_slot(reader,
								  pmn_type_vector_kind(&from->fields[i].type),
								  &nested->slots[i]))
			return cut_short(run);
	}
	for (uint32_t i = 0; i < nested->child_count; i++)
	{
		const PmnNestedCast *child = &nested->children[i];
		int32_t source = nested->sources[i];

		if (source < 0)
			PMN_TRY(pmn_nested_write_slot(run->writer, child->to_kind, &null));
		else
			PMN_TRY(cast_slot(child, run, &nested->slots[source]));
	}
	return PMN_OK;
}

static PmnCode
copy_slot(CastRun *run, PmnNestedReader *reader, PmnVectorKind kind)
{
	PmnValue value;

	if (!pmn_nested_read_slot(reader, kind, &value))
		return cut_short(run);
	return pmn_nested_write_slot(run->writer, kind, &value);
}

static PmnCode
cast_content(const PmnNestedCast *nested, CastRun *run, PmnBytes value)
{
	const PmnType *from = nested->cast.from;
	const PmnNestedCast *child = nested->children;
	PmnNestedReader reader = pmn_nested_reader(value);
	uint32_t count;
	PmnValue slot;

	if (from->kind == PMN_TYPE_ROW)
		return cast_row(nested, run, &reader);
	if (!pmn_nested_read_count(&reader, &count))
		return cut_short(run);
	PMN_TRY(pmn_nested_write_count(run->writer, count));
	for (uint32_t i = 0; i < count; i++)
	{
		if (from->kind == PMN_TYPE_MAP)
			PMN_TRY(copy_slot(run, &reader, pmn_type_vector_kind(from->key)));
		if (!pmn_nested_read_slot(&reader, child->from_kind, &slot))
			return cut_short(run);
		PMN_TRY(cast_slot(child, run, &slot));
		if (from->kind == PMN_TYPE_MULTISET)
			PMN_TRY(copy_slot(run, &reader, PMN_VECTOR_I32));
	}
	return PMN_OK;
}

/* ---- nested to text ---------------------------------------------------- */

static PmnCode
append_slot(const PmnNestedCast *nested, CastRun *run, PmnNestedReader *reader,
			PmnBuffer *out)
{
	PmnValue value;

	if (!pmn_nested_read_slot(reader, nested->from_kind, &value))
		return cut_short(run);
	if (value.is_null)
		return pmn_buffer_string(out, "null");
	if (nested->cast.kind == PMN_CAST_NESTED_TO_TEXT)
		return append_content(nested, run, out, value.as.bytes);
	PMN_TRY(cast_scalar(nested, run, &value, &value));
	return pmn_buffer_append(out, value.as.bytes.data, value.as.bytes.size);
}

static PmnCode
append_content(const PmnNestedCast *nested, CastRun *run, PmnBuffer *out,
			   PmnBytes value)
{
	PmnTypeKind kind = nested->cast.from->kind;
	PmnNestedReader reader = pmn_nested_reader(value);
	uint32_t count = nested->child_count;

	if (kind != PMN_TYPE_ROW && !pmn_nested_read_count(&reader, &count))
		return cut_short(run);
	PMN_TRY(pmn_buffer_string(out, kind == PMN_TYPE_ARRAY ? "[" : "{"));
	for (uint32_t i = 0; i < count; i++)
	{
		const PmnNestedCast *child =
			&nested->children[kind == PMN_TYPE_ROW ? i : 0];

		if (i > 0)
			PMN_TRY(pmn_buffer_string(out, ", "));
		PMN_TRY(append_slot(child, run, &reader, out));
		if (kind != PMN_TYPE_MAP)
			continue;
		PMN_TRY(pmn_buffer_string(out, " -> "));
		PMN_TRY(append_slot(&nested->children[1], run, &reader, out));
	}
	return pmn_buffer_string(out, kind == PMN_TYPE_ARRAY ? "]" : "}");
}

PmnCode
pmn_cast_nested_text(const PmnNestedCast *nested, PmnArena *arena,
					 PmnBytes value, PmnBytes *out)
{
	PmnEnv *env = pmn_arena_env(arena);
	PmnNestedWriter unused;
	CastRun run = {.arena = arena, .writer = &unused};
	PmnBuffer text;
	uint8_t *data;
	PmnCode code;

	pmn_nested_writer_init(&unused, env);
	pmn_buffer_init(&text, env);
	code = append_content(nested, &run, &text, value);
	if (code == PMN_OK && text.size > INT32_MAX)
		code = pmn_fail(env, PMN_OUT_OF_RANGE, "a text takes more than 2 GB");
	if (code == PMN_OK)
	{
		data = pmn_headroom_alloc(arena, text.size);
		if (data == NULL)
			code = PMN_NO_MEMORY;
		else
		{
			memcpy(data, text.data, text.size);
			*out = pmn_bytes(data, text.size);
		}
	}
	pmn_buffer_free(&text);
	return code;
}

/* ---- a column ---------------------------------------------------------- */

static PmnCode
cast_value(const PmnNestedCast *nested, CastRun *run, PmnBytes value,
		   PmnBytes *out)
{
	uint8_t *data;

	if (nested->cast.kind == PMN_CAST_NESTED_TO_TEXT)
		return pmn_cast_nested_text(nested, run->arena, value, out);
	pmn_nested_reset(run->writer);
	PMN_TRY(cast_content(nested, run, value));
	data = pmn_headroom_alloc(run->arena, run->writer->size);
	if (data == NULL)
		return PMN_NO_MEMORY;
	if (run->writer->size > 0)
		memcpy(data, run->writer->data, run->writer->size);
	*out = pmn_bytes(data, run->writer->size);
	return PMN_OK;
}

PmnCode
pmn_cast_nested(const PmnCast *cast, PmnArena *arena, const PmnVector *src,
				uint32_t count, PmnVector *dst)
{
	PmnEnv *env = pmn_arena_env(arena);
	const PmnBytes *from = src->values;
	PmnBytes *to = dst->values;
	PmnNestedWriter writer;
	CastRun run = {.arena = arena, .writer = &writer};
	PmnCode code = PMN_OK;

	pmn_nested_writer_init(&writer, env);
	for (uint32_t i = 0; code == PMN_OK && i < count; i++)
	{
		to[i] = pmn_bytes(NULL, 0);
		if (!dst->nulls[i])
			code = pmn_poll(env);
		if (!dst->nulls[i] && code == PMN_OK)
			code = cast_value(cast->nested, &run, from[i], &to[i]);
	}
	pmn_nested_writer_free(&writer);
	return code;
}
