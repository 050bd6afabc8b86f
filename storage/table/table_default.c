/*
 * table_default.c
 *
 * A Paimon default is text in the schema, and takes effect in writers only:
 * each null that a row brings becomes the default, whether the column was left
 * out or set to null. Readers know nothing of it, so rows from before the
 * default was set keep their nulls. With partial-update this decides what a
 * row overwrites.
 *
 * The text becomes a value by Paimon's cast from STRING, once for each
 * writer. A batch that has no such null is passed on as it is; of another one
 * only the columns concerned are copied.
 */
#include "table_default.h"

#include <string.h>

#include "../lsm/lsm_cast.h"

static const PmnType string_type = {
	.kind = PMN_TYPE_VARCHAR, .length = PMN_LENGTH_MAX, .is_nullable = true};

/* Paimon takes quotes off that are around the whole text. */
static PmnBytes
default_text(const char *text)
{
	size_t size = strlen(text);

	if (size >= 2 && text[0] == '\'' && text[size - 1] == '\'')
		return pmn_bytes(text + 1, (uint32_t) (size - 2));
	return pmn_bytes(text, (uint32_t) size);
}

/* The text's value, of one row; a null one counts as no default. */
static PmnCode
parse_default(PmnArena *arena, const PmnField *field, PmnVector *out)
{
	PmnEnv *env = pmn_arena_env(arena);
	PmnBytes *text = pmn_arena_alloc(arena, sizeof(*text));
	PmnVector source = {PMN_VECTOR_BYTES, NULL, text};
	PmnCast cast;
	PmnCode code;

	out->kind = pmn_type_vector_kind(&field->type);
	if (pmn_type_is_nested(&field->type) || out->kind == PMN_VECTOR_NONE)
		return pmn_fail(env, PMN_UNSUPPORTED,
						"column \"%s\" has a default, which is not supported "
						"for its type",
						field->name);
	PMN_TRY(
		pmn_cast_make(arena, field->name, &string_type, &field->type, &cast));
	out->values = pmn_arena_alloc(arena, sizeof(PmnValue));
	out->nulls = pmn_arena_alloc(arena, 1);
	if (text == NULL || out->values == NULL || out->nulls == NULL)
		return PMN_NO_MEMORY;
	*text = default_text(field->default_value);
	out->nulls[0] = 0;
	if (cast.kind == PMN_CAST_NONE)
	{
		*(PmnBytes *) out->values = *text;
		return PMN_OK;
	}
	code = pmn_cast_run(&cast, arena, &source, 1, out);
	if (code == PMN_OUT_OF_RANGE)
		return pmn_fail(env, PMN_INVALID,
						"column \"%s\" has the default \"%s\", which is no "
						"value of its type",
						field->name, field->default_value);
	return code;
}

PmnCode
pmn_defaults_make(PmnArena *arena, const PmnSchema *schema, PmnDefaults *out)
{
	memset(out, 0, sizeof(*out));
	out->env = pmn_arena_env(arena);
	for (uint32_t f = 0; f < schema->field_count; f++)
		out->count += schema->fields[f].default_value != NULL;
	if (out->count == 0)
		return PMN_OK;
	out->items = pmn_arena_alloc(arena, out->count * sizeof(*out->items));
	out->columns =
		pmn_arena_alloc(arena, schema->field_count * sizeof(*out->columns));
	if (out->items == NULL || out->columns == NULL)
	{
		out->count = 0;
		return PMN_NO_MEMORY;
	}
	out->count = 0;
	for (uint32_t f = 0; f < schema->field_count; f++)
	{
		PmnDefault *item = &out->items[out->count];

		if (schema->fields[f].default_value == NULL)
			continue;
		PMN_TRY(parse_default(arena, &schema->fields[f], &item->value));
		if (item->value.nulls[0] != 0)
			continue;
		item->field = f;
		pmn_buffer_init(&item->values, out->env);
		out->count++;
	}
	return PMN_OK;
}

void
pmn_defaults_free(PmnDefaults *defaults)
{
	for (uint32_t i = 0; i < defaults->count; i++)
		pmn_buffer_free(&defaults->items[i].values);
	defaults->count = 0;
}

/* A column's values, the default where they are null. */
static PmnCode
fill_column(PmnDefault *item, uint32_t row_count, PmnVector *column)
{
	size_t width = pmn_vector_width(column->kind);
	uint8_t *values;

	item->values.size = 0;
	PMN_TRY(
		pmn_buffer_append(&item->values, column->values, row_count * width));
	values = item->values.data;
	for (uint32_t i = 0; i < row_count; i++)
	{
		if (column->nulls[i] != 0)
			memcpy(values + i * width, item->value.values, width);
	}
	column->values = values;
	column->nulls = NULL;
	return PMN_OK;
}

PmnCode
pmn_defaults_apply(PmnDefaults *defaults, const PmnBatch *batch,
				   const PmnBatch **out)
{
	*out = batch;
	for (uint32_t d = 0; d < defaults->count; d++)
	{
		PmnDefault *item = &defaults->items[d];
		const uint8_t *nulls = batch->columns[item->field].nulls;

		if (nulls == NULL || memchr(nulls, 1, batch->row_count) == NULL)
			continue;
		if (*out == batch)
		{
			memcpy(defaults->columns, batch->columns,
				   batch->column_count * sizeof(*batch->columns));
			defaults->batch = *batch;
			defaults->batch.columns = defaults->columns;
			*out = &defaults->batch;
		}
		PMN_TRY(fill_column(item, batch->row_count,
							&defaults->columns[item->field]));
	}
	return PMN_OK;
}
