/*
 * lsm_merge_model_test.c
 *
 * Merge engines against a model that takes one row at a time, as Paimon's
 * merge functions do: random options, rows, kinds and nulls, spread over runs
 * of files and of writers at random; the result must be what the model says,
 * whatever the runs and batches are. For engines whose functions are
 * associative, merging some runs first must not matter either.
 */
#include "lsm_engine_testing.h"

#define COLUMNS 5 /* k g a b c; g orders a and b */
#define ROWS_MAX 400
#define RUNS 6

static const char *const functions[] = {NULL,
										"sum",
										"max",
										"last_value",
										"last_non_null_value",
										"first_value",
										"first_non_null_value"};

typedef struct Value
{
	bool is_null;
	int64_t number;
} Value;

typedef struct Row
{
	uint32_t key;
	int64_t sequence;
	uint32_t kind;
	Value values[COLUMNS];
} Row;

typedef struct Case
{
	bool is_aggregation;
	bool has_group;
	bool ignore_delete;
	bool remove; /* by whichever option the engine has */
	bool ignore_retract;
	bool has_deletes;
	uint32_t function[COLUMNS]; /* of a, b, c */
} Case;

typedef struct Model
{
	Value values[COLUMNS];
	bool is_initialised[COLUMNS];
	int64_t sequence;
	bool is_filled;
	bool has_insert;
	bool is_delete;
} Model;

/* f(old, in) */
static Value
model_agg(Model *model, uint32_t function, uint32_t column, Value old, Value in)
{
	Value sum = {false, old.number + in.number};

	switch (function)
	{
		case 1:
			return old.is_null ? in : in.is_null ? old : sum;
		case 2:
			return old.is_null				? in
				   : in.is_null				? old
				   : in.number > old.number ? in
											: old;
		case 3:
			return in;
		case 4:
			return in.is_null ? old : in;
		case 5:
			if (model->is_initialised[column])
				return old;
			model->is_initialised[column] = true;
			return in;
		default:
			if (model->is_initialised[column] || in.is_null)
				return old;
			model->is_initialised[column] = true;
			return in;
	}
}

static Value
model_retract(const Case *c, uint32_t function, Value old, Value in)
{
	Value null = {true, 0};
	Value rest = {false, (old.is_null ? 0 : old.number) - in.number};

	if (c->ignore_retract)
		return old;
	if (function == 1)
		return in.is_null ? old : rest;
	if (function == 3)
		return null;
	return in.is_null ? old : null; /* last_non_null_value */
}

static void
model_aggregation(const Case *c, Model *model, const Row *row)
{
	bool is_retract = (row->kind & 1) != 0;

	model->sequence = row->sequence;
	model->is_delete = c->remove && row->kind == PMN_DELETE;
	for (uint32_t i = 0; i < COLUMNS; i++)
	{
		Value in = row->values[i];
		uint32_t function = c->function[i] == 0 ? 4 : c->function[i];
		Value *value = &model->values[i];

		if (i == 0 || model->is_delete)
			*value = in;
		else if (is_retract)
			*value = i == 1 ? model_retract(&(Case){0}, 4, *value, in)
							: model_retract(c, function, *value, in);
		else
			*value = model_agg(model, i == 1 ? 4 : function, i, *value, in);
	}
}

static bool
is_not_older(const Row *row, const Model *model)
{
	Value new = row->values[1];
	Value old = model->values[1];

	return old.is_null || (!new.is_null &&new.number >= old.number);
}

static void
model_add(const Case *c, Model *model, const Row *row)
{
	bool is_level = is_not_older(row, model);

	for (uint32_t i = 0; i < COLUMNS; i++)
	{
		Value *value = &model->values[i];
		Value in = row->values[i];
		bool in_group = c->has_group && i >= 1 && i <= 3;

		if (!in_group)
			*value = in.is_null ? *value : in;
		else if (row->values[1].is_null)
			continue;
		else if (is_level)
			*value = i == 1 || c->function[i] == 0
						 ? in
						 : model_agg(model, c->function[i], i, *value, in);
		else if (i > 1 && c->function[i] != 0)
			*value = model_agg(model, c->function[i], i, in, *value);
	}
	model->has_insert = true;
	model->is_filled = true;
}

static void
model_take_back(const Case *c, Model *model, const Row *row)
{
	bool is_level = is_not_older(row, model);
	Value null = {true, 0};

	if (row->values[1].is_null)
		return;
	if (is_level && c->remove && row->kind == PMN_DELETE)
	{
		model->is_delete = true;
		memcpy(model->values, row->values, sizeof(row->values));
		return;
	}
	for (uint32_t i = 1; i <= 3; i++)
	{
		Value *value = &model->values[i];

		if (i == 1)
			*value = is_level ? row->values[i] : *value;
		else if (c->function[i] != 0)
			*value = model_retract(c, c->function[i], *value, row->values[i]);
		else if (is_level)
			*value = null;
	}
}

static void
model_partial_update(const Case *c, Model *model, const Row *row)
{
	model->is_delete = false;
	if ((row->kind & 1) == 0)
	{
		model->sequence = row->sequence;
		model_add(c, model, row);
		return;
	}
	if (!model->is_filled)
		memcpy(model->values, row->values, sizeof(row->values));
	model->is_filled = true;
	if (c->ignore_delete)
		return;
	model->sequence = row->sequence;
	if (c->has_group)
		model_take_back(c, model, row);
	else if (row->kind == PMN_DELETE)
	{
		model->is_delete = true;
		memcpy(model->values, row->values, sizeof(row->values));
	}
}

/* ---- rows as text ------------------------------------------------------ */

static size_t
print_row(char *text, const char *before, uint32_t kind, int64_t sequence,
		  const Value *values)
{
	static const char *const kinds[] = {"+I", "-U", "+U", "-D"};
	size_t size = (size_t) snprintf(text, 64, "%s%s %lld: ", before,
									kinds[kind], (long long) sequence);

	for (uint32_t i = 0; i < COLUMNS; i++)
	{
		const char *comma = i == 0 ? "" : ",";

		size += values[i].is_null
					? (size_t) snprintf(text + size, 16, "%snull", comma)
					: (size_t) snprintf(text + size, 32, "%s%lld", comma,
										(long long) values[i].number);
	}
	return size;
}

static int
compare_rows(const void *a, const void *b)
{
	const Row *x = a;
	const Row *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* What the model makes of rows, which are sorted. */
static void
model_text(const Case *c, const Row *rows, uint32_t count, char *text)
{
	size_t size = 0;

	text[0] = '\0';
	for (uint32_t first = 0, end; first < count; first = end)
	{
		Model model = {0};
		uint32_t kind = rows[first].kind;

		for (end = first; end < count && rows[end].key == rows[first].key;)
			end++;
		for (uint32_t i = 0; i < COLUMNS; i++)
			model.values[i].is_null = true;
		for (uint32_t i = first; end - first > 1 && i < end; i++)
		{
			if (c->is_aggregation)
				model_aggregation(c, &model, &rows[i]);
			else
				model_partial_update(c, &model, &rows[i]);
			kind = model.is_delete || (!c->is_aggregation && !model.has_insert)
					   ? PMN_DELETE
					   : PMN_INSERT;
		}
		size +=
			print_row(text + size, size == 0 ? "" : "|", kind,
					  end - first > 1 ? model.sequence : rows[first].sequence,
					  end - first > 1 ? model.values : rows[first].values);
	}
}

#define OPTIONS_TEXT 1024

static size_t
options_text(const Case *c, char *text)
{
	static const char names[] = "kgabc";
	size_t size =
		(size_t) snprintf(text, OPTIONS_TEXT, "merge-engine=%s;",
						  c->is_aggregation ? "aggregation" : "partial-update");

	for (uint32_t i = 2; i < COLUMNS; i++)
	{
		if (c->function[i] != 0)
			size += (size_t) snprintf(text + size, OPTIONS_TEXT - size,
									  "fields.%c.aggregate-function=%s;",
									  names[i], functions[c->function[i]]);
		if (c->ignore_retract)
			size +=
				(size_t) snprintf(text + size, OPTIONS_TEXT - size,
								  "fields.%c.ignore-retract=true;", names[i]);
	}
	if (c->has_group)
		size += (size_t) snprintf(text + size, OPTIONS_TEXT - size,
								  "fields.g.sequence-group=a,b;");
	if (c->ignore_delete)
		size += (size_t) snprintf(text + size, OPTIONS_TEXT - size,
								  "ignore-delete=true;");
	if (c->remove)
		size += (size_t) snprintf(
			text + size, OPTIONS_TEXT - size, "%s;",
			c->is_aggregation ? "aggregation.remove-record-on-delete=true"
			: c->has_group ? "partial-update.remove-record-on-sequence-group=g"
						   : "partial-update.remove-record-on-delete=true");
	return size;
}

/* A case whose options go together, with kinds that they take. */
static Case
random_case(PmnTestEnv *env)
{
	Case c = {0};
	bool can_retract = true;

	c.is_aggregation = pmn_test_below(env, 2) == 0;
	c.has_group = !c.is_aggregation && pmn_test_below(env, 3) > 0;
	c.ignore_delete = !c.is_aggregation && pmn_test_below(env, 3) == 0;
	c.remove = !c.ignore_delete && pmn_test_below(env, 3) == 0;
	c.ignore_retract =
		!(c.is_aggregation && c.remove) && pmn_test_below(env, 3) == 0;
	for (uint32_t i = 2; i < COLUMNS; i++)
	{
		if (c.is_aggregation || (c.has_group && i < 4))
			c.function[i] = pmn_test_below(env, 7);
		can_retract &=
			c.function[i] <= 1 || c.function[i] == 3 || c.function[i] == 4;
	}
	c.has_deletes =
		(can_retract || c.ignore_retract) &&
		(c.is_aggregation || c.has_group || c.ignore_delete || c.remove);
	return c;
}

static void
random_rows(PmnTestEnv *env, const Case *c, Row *rows, uint32_t count,
			uint32_t keys)
{
	for (uint32_t i = 0; i < count; i++)
	{
		Row *row = &rows[i];

		row->key = pmn_test_below(env, keys);
		row->sequence = (int64_t) i * 7919 % 100003;
		row->kind = c->has_deletes ? pmn_test_below(env, 4)
								   : 2 * pmn_test_below(env, 2);
		row->values[0] = (Value){false, row->key};
		for (uint32_t f = 1; f < COLUMNS; f++)
			row->values[f] = (Value){pmn_test_below(env, 3) == 0,
									 pmn_test_below(env, f == 1 ? 6 : 50)};
	}
	qsort(rows, count, sizeof(*rows), compare_rows);
}

/* Spread sorted rows over runs: files have a key once. */
static void
random_runs(PmnTestEnv *env, const Row *rows, uint32_t count, char **texts)
{
	size_t sizes[RUNS];
	int64_t last_keys[RUNS];

	for (uint32_t i = 0; i < RUNS; i++)
	{
		sizes[i] = (size_t) snprintf(texts[i], 8, "%s", i < 2 ? "~" : "L0|");
		last_keys[i] = -1;
	}
	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t run = pmn_test_below(env, RUNS);

		if (run >= 2 && last_keys[run] == (int64_t) rows[i].key)
			run = pmn_test_below(env, 2);
		sizes[run] +=
			print_row(texts[run] + sizes[run], last_keys[run] < 0 ? "" : "|",
					  rows[i].kind, rows[i].sequence, rows[i].values);
		last_keys[run] = (int64_t) rows[i].key;
	}
}

static void
run_case(PmnTestEnv *env, const Case *c, Row *rows, char **texts,
		 char *expected, char *result)
{
	EngineTable table;
	char options[OPTIONS_TEXT];
	uint32_t count = 1 + pmn_test_below(env, ROWS_MAX);
	PmnTestEnv merge_env;

	pmn_test_env_init(&merge_env);
	options_text(c, options);
	random_rows(env, c, rows, count, 1 + pmn_test_below(env, 150));
	random_runs(env, rows, count, texts);
	model_text(c, rows, count, expected);
	CHECK_OK(&merge_env,
			 engine_init(&table, &merge_env.base,
						 "k INT; g INT; a INT; b INT; c INT", options));
	table.batch_rows = pmn_test_below(env, 4);
	table.output_rows = pmn_test_below(env, 3) * 5;
	CHECK_OK(&merge_env, engine_merge(&table, (const char *const *) texts, RUNS,
									  NULL, false, result));
	engine_free(&table);
	if (strcmp(result, expected) != 0)
		fprintf(stderr, "%s\n  got %s\n  not %s\n", options, result, expected);
	CHECK(strcmp(result, expected) == 0);
	CHECK(merge_env.live_bytes == 0);
}

/* Goal: merging the older rows first, as a compaction does, and then the
 * result with the rest, gives the same. */
static void
run_in_two_steps(PmnTestEnv *env, const Case *c, Row *rows, char **texts,
				 char *expected, char *result)
{
	EngineTable table;
	char options[OPTIONS_TEXT];
	uint32_t count = 1 + pmn_test_below(env, ROWS_MAX / 2);
	int64_t middle = pmn_test_below(env, 100003);
	Row *newer = rows + ROWS_MAX / 2;
	uint32_t old_count = 0;
	uint32_t new_count = 0;
	PmnTestEnv merge_env;
	char *first = malloc(ENGINE_TEXT);
	const char *runs[RUNS + 1];

	pmn_test_env_init(&merge_env);
	options_text(c, options);
	random_rows(env, c, rows, count, 1 + pmn_test_below(env, 60));
	model_text(c, rows, count, expected);
	for (uint32_t i = 0; i < count; i++)
	{
		if (rows[i].sequence < middle)
			rows[old_count++] = rows[i];
		else
			newer[new_count++] = rows[i];
	}
	CHECK_OK(&merge_env,
			 engine_init(&table, &merge_env.base,
						 "k INT; g INT; a INT; b INT; c INT", options));
	random_runs(env, rows, old_count, texts);
	CHECK_OK(&merge_env, engine_merge(&table, (const char *const *) texts, RUNS,
									  NULL, false, first));
	random_runs(env, newer, new_count, texts);
	memcpy(runs, texts, RUNS * sizeof(*runs));
	runs[RUNS] = first;
	CHECK_OK(&merge_env,
			 engine_merge(&table, runs, RUNS + 1, NULL, false, result));
	engine_free(&table);
	free(first);
	CHECK(strcmp(result, expected) == 0);
	CHECK(merge_env.live_bytes == 0);
}

/* Goal: any rows in any runs give what the model gives. */
TEST(agrees_with_one_row_at_a_time)
{
	PmnTestEnv env;
	Row *rows = calloc(ROWS_MAX + 1, sizeof(Row));
	char *texts[RUNS];
	char *expected = malloc(ENGINE_TEXT);
	char *result = malloc(ENGINE_TEXT);

	pmn_test_env_init(&env);
	for (uint32_t i = 0; i < RUNS; i++)
		texts[i] = malloc(ENGINE_TEXT);
	for (uint32_t round = 0; round < 400 && pmn_test_failures == 0; round++)
	{
		Case c = random_case(&env);

		run_case(&env, &c, rows, texts, expected, result);
		/* Paimon's groups and retractions depend on what came before. */
		if (!c.has_deletes && !c.has_group)
			run_in_two_steps(&env, &c, rows, texts, expected, result);
	}
	for (uint32_t i = 0; i < RUNS; i++)
		free(texts[i]);
	free(rows);
	free(expected);
	free(result);
}

int
main(void)
{
	RUN(agrees_with_one_row_at_a_time);
	TEST_END();
}
