/*
 * lsm_engine_testing.h
 *
 * Merge engines as tables of text, for tests: columns "k INT; a ARRAY<INT>"
 * (the first is the key), options "name=value; ...", runs
 * "L2|+I 7: 1,x,[1;2]|-D 8: 2,null,{1=a}" (level, then rows of kind, sequence
 * number and values), and the merge's output in the same form. "~" before a
 * run says that its keys are not unique. Tests only.
 */
#ifndef LSM_ENGINE_TESTING_H
#define LSM_ENGINE_TESTING_H

#include "../testing/testing.h"
#include "lsm_merge_reader.h"
#include "lsm_vector.h"

#define ENGINE_COLUMNS 16
#define ENGINE_TEXT 65536

typedef struct EngineTable
{
	PmnLsm lsm;
	PmnSchema schema;
	PmnTableOptions options;
	PmnField fields[ENGINE_COLUMNS];
	PmnOption pairs[ENGINE_COLUMNS * 4];
	const char *key_name;
	uint32_t key_field;
	const PmnType *key_type;
	uint32_t sequence_fields[ENGINE_COLUMNS];
	const PmnType *sequence_types[ENGINE_COLUMNS];
	PmnTestEnv own; /* of arena: making the table itself never fails */
	PmnArena *arena;
	PmnArena *merge_arena; /* what the merge is given */
	uint32_t batch_rows;   /* of the runs' batches; 0 = all at once */
	uint32_t output_rows;
} EngineTable;

/* Copy of text up to one of ends, without blanks around it. */
static inline char *
engine_word(PmnArena *arena, const char **text, const char *ends)
{
	size_t depth = 0;
	const char *first;
	const char *last;

	while (**text == ' ')
		(*text)++;
	first = *text;
	for (; **text != '\0' && (depth > 0 || strchr(ends, **text) == NULL);
		 (*text)++)
	{
		depth += strchr("<([{", **text) != NULL;
		depth -= depth > 0 && strchr(">)]}", **text) != NULL;
	}
	last = *text;
	while (last > first && last[-1] == ' ')
		last--;
	if (**text != '\0')
		(*text)++;
	return pmn_arena_string_n(arena, first, (size_t) (last - first));
}

static inline void
engine_type(EngineTable *t, const char *text, PmnType *out)
{
	const char *inner = strchr(text, '<');
	PmnType *parts = pmn_arena_alloc(t->arena, 2 * sizeof(PmnType));
	char *body;
	const char *at;

	memset(out, 0, sizeof(*out));
	if (inner == NULL)
	{
		CHECK(pmn_type_parse_name(t->lsm.env, text, out) == PMN_OK);
		return;
	}
	body = pmn_arena_string_n(t->arena, inner + 1, strlen(inner) - 2);
	at = body;
	out->is_nullable = true;
	out->element = &parts[1];
	if (text[0] == 'A')
	{
		out->kind = PMN_TYPE_ARRAY;
		engine_type(t, body, &parts[1]);
		return;
	}
	if (text[0] == 'M')
	{
		out->kind = PMN_TYPE_MAP;
		out->key = &parts[0];
		engine_type(t, engine_word(t->arena, &at, ","), &parts[0]);
		engine_type(t, engine_word(t->arena, &at, ","), &parts[1]);
		return;
	}
	out->kind = PMN_TYPE_ROW;
	out->element = NULL;
	out->fields = pmn_arena_alloc(t->arena, 8 * sizeof(PmnField));
	while (*at != '\0')
	{
		PmnField *field = (PmnField *) &out->fields[out->field_count++];

		field->name = engine_word(t->arena, &at, " ");
		engine_type(t, engine_word(t->arena, &at, ","), &field->type);
	}
}

static inline void
engine_pairs(EngineTable *t, const char *options)
{
	while (*options != '\0')
	{
		PmnOption *pair = &t->pairs[t->schema.option_count++];

		pair->key = engine_word(t->arena, &options, "=");
		pair->value = engine_word(t->arena, &options, ";");
	}
	t->schema.options = t->pairs;
}

/* The table; what the options' parser says. Free with engine_free. */
static inline PmnCode
engine_init(EngineTable *t, PmnEnv *env, const char *columns,
			const char *options)
{
	memset(t, 0, sizeof(*t));
	t->lsm.env = env;
	pmn_test_env_init(&t->own);
	CHECK(pmn_arena_create(&t->own.base, 0, &t->arena) == PMN_OK);
	PMN_TRY(pmn_arena_create(env, 0, &t->merge_arena));
	while (*columns != '\0')
	{
		uint32_t i = t->schema.field_count++;

		t->fields[i].id = (int32_t) i;
		t->fields[i].name = engine_word(t->arena, &columns, " ");
		engine_type(t, engine_word(t->arena, &columns, ";"),
					&t->fields[i].type);
	}
	t->fields[0].type.is_nullable = false;
	t->schema.version = 3;
	t->schema.fields = t->fields;
	t->key_name = t->fields[0].name;
	t->schema.primary_keys = &t->key_name;
	t->schema.primary_key_count = 1;
	engine_pairs(t, options);
	PMN_TRY(pmn_options_parse(t->merge_arena, env, &t->schema, &t->options));
	t->options.bucket = 1;
	PMN_TRY(pmn_options_check_read(env, &t->schema, &t->options));
	t->lsm.schema = &t->schema;
	t->lsm.options = &t->options;
	t->lsm.is_keyed = true;
	t->key_type = &t->fields[0].type;
	t->lsm.key_fields = &t->key_field;
	t->lsm.key_types = &t->key_type;
	t->lsm.key_count = 1;
	for (uint32_t i = 0; i < t->options.sequence_field_count; i++)
	{
		t->sequence_fields[i] = (uint32_t) pmn_schema_field_index(
			&t->schema, t->options.sequence_fields[i]);
		t->sequence_types[i] = &t->fields[t->sequence_fields[i]].type;
	}
	t->lsm.sequence_fields = t->sequence_fields;
	t->lsm.sequence_types = t->sequence_types;
	t->lsm.sequence_count = t->options.sequence_field_count;
	return PMN_OK;
}

static inline void
engine_free(EngineTable *t)
{
	pmn_arena_destroy(t->merge_arena);
	pmn_arena_destroy(t->arena);
}

/*
 * engine_merge -- merge runs of fields (of all when NULL) into text, rows
 * separated by "|". In lsm_engine_testing_run.h.
 */
static inline PmnCode engine_merge(EngineTable *t, const char *const *runs,
								   uint32_t run_count, const char *fields,
								   bool drop_deletes, char text[ENGINE_TEXT]);

#include "lsm_engine_testing_text.h"

#include "lsm_engine_testing_run.h"

#endif /* LSM_ENGINE_TESTING_H */
