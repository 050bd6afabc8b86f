/*
 * lsm_merge_fold.c
 *
 * Rows of many keys to one row each, a column at a time:
 *
 *   kinds     gathered from the rows' batches
 *   plan      the engine turns kinds (and sequence groups) into steps
 *   column    steps become the column's actions by its own small table;
 *             nulls are gathered; functions that choose yield a row number
 *             for each key and only those values are gathered; the others
 *             get all values in one array
 *
 * Gathering loops are switched by width once a column. Values of BYTES that
 * were chosen stay where they were; those that were made are in result_arena.
 */
#include "lsm_merge_fold.h"

#include "lsm_merge.h"
#include "lsm_vector.h"

typedef struct Wide
{
	uint64_t words[2];
} Wide;

/* ---- making and freeing ------------------------------------------------ */

static const PmnField *
field_of(const PmnFold *fold, uint32_t column)
{
	uint32_t field = fold->layout->fields[column - PMN_KV_FIELDS];

	return &fold->lsm->schema->fields[field];
}

static const PmnMergeColumn *
options_of(const PmnFold *fold, uint32_t column)
{
	uint32_t field = fold->layout->fields[column - PMN_KV_FIELDS];

	return &fold->layout->merge->columns[field];
}

static PmnCode
init_fold(PmnFold *fold)
{
	uint32_t count = fold->column_count;

	PMN_TRY(pmn_arena_create(fold->env, 0, &fold->arena));
	PMN_TRY(pmn_arena_create(fold->env, 0, &fold->result_arena));
	PMN_TRY(pmn_aggregate_scratch_create(fold->env, &fold->scratch));
	fold->actions =
		pmn_arena_alloc(fold->arena, (size_t) count * PMN_STEP_COUNT);
	fold->results.columns =
		pmn_arena_alloc(fold->arena, count * sizeof(PmnVector));
	if (fold->actions == NULL || fold->results.columns == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = PMN_KV_FIELDS; i < count; i++)
		fold->merge->actions(options_of(fold, i),
							 fold->actions + (size_t) i * PMN_STEP_COUNT);
	fold->results.column_count = count;
	fold->block_size =
		pmn_columns_size(fold->column_kinds, count, fold->result_capacity);
	fold->block = pmn_alloc_raw(fold->env, fold->block_size);
	return fold->block == NULL ? PMN_NO_MEMORY : PMN_OK;
}

PmnCode
pmn_fold_create(const PmnLsm *lsm, const PmnKvLayout *layout,
				const PmnVectorKind *kinds, uint32_t column_count,
				uint32_t result_rows, PmnFold **out)
{
	PmnFold *fold = pmn_alloc(lsm->env, sizeof(*fold));
	PmnCode code;

	*out = NULL;
	if (fold == NULL)
		return PMN_NO_MEMORY;
	fold->env = lsm->env;
	fold->lsm = lsm;
	fold->layout = layout;
	fold->column_kinds = kinds;
	fold->column_count = column_count;
	fold->result_capacity = result_rows;
	fold->merge = pmn_merge_lookup(lsm->options->merge_engine);
	code = init_fold(fold);
	if (code == PMN_OK)
		*out = fold;
	else
		pmn_fold_destroy(fold);
	return code;
}

void
pmn_fold_destroy(PmnFold *fold)
{
	PmnEnv *env;

	if (fold == NULL)
		return;
	env = fold->env;
	pmn_free(env, fold->kinds, fold->kinds_capacity);
	pmn_free(env, fold->steps, fold->steps_capacity);
	pmn_free(env, fold->column_actions, fold->column_actions_capacity);
	pmn_free(env, fold->nulls, fold->nulls_capacity);
	pmn_free(env, fold->values, fold->values_capacity);
	pmn_free(env, fold->choices,
			 fold->choices_capacity * sizeof(*fold->choices));
	pmn_free(env, (void *) fold->source_values,
			 fold->source_values_capacity * sizeof(*fold->source_values));
	pmn_free(env, (void *) fold->source_nulls,
			 fold->source_nulls_capacity * sizeof(*fold->source_nulls));
	pmn_free(env, fold->block, fold->block_size);
	pmn_aggregate_scratch_destroy(fold->scratch);
	pmn_arena_destroy(fold->result_arena);
	pmn_arena_destroy(fold->arena);
	pmn_free(env, fold, sizeof(*fold));
}

/* Room for rows of the input in the scratch arrays. */
static PmnCode
reserve(PmnFold *fold)
{
	PmnEnv *env = fold->env;
	size_t rows = fold->input->row_count;
	size_t groups = fold->layout->merge->group_count;
	size_t batches = (size_t) fold->input->batch_count + 1;

	PMN_TRY(pmn_array_grow(env, (void **) &fold->kinds, &fold->kinds_capacity,
						   rows, 1));
	PMN_TRY(pmn_array_grow(env, (void **) &fold->steps, &fold->steps_capacity,
						   rows * (1 + groups), 1));
	PMN_TRY(pmn_array_grow(env, (void **) &fold->column_actions,
						   &fold->column_actions_capacity, rows, 1));
	PMN_TRY(pmn_array_grow(env, (void **) &fold->nulls, &fold->nulls_capacity,
						   rows, 1));
	PMN_TRY(pmn_array_grow(env, (void **) &fold->values, &fold->values_capacity,
						   (rows + 1) * sizeof(Wide), 1));
	PMN_TRY(pmn_array_grow(
		env, (void **) &fold->choices, &fold->choices_capacity,
		(size_t) fold->input->group_count * 3, sizeof(*fold->choices)));
	PMN_TRY(pmn_array_grow(env, (void **) &fold->source_values,
						   &fold->source_values_capacity, batches,
						   sizeof(*fold->source_values)));
	return pmn_array_grow(env, (void **) &fold->source_nulls,
						  &fold->source_nulls_capacity, batches,
						  sizeof(*fold->source_nulls));
}

/* ---- gathering --------------------------------------------------------- */

#define GATHER(T)                                                              \
	do                                                                         \
	{                                                                          \
		T *to = dst;                                                           \
		for (uint32_t i = 0; i < count; i++)                                   \
			to[i] = ((const T *) fold->source_values[sources[i]])[rows[i]];    \
	} while (0)

static void
gather_values(const PmnFold *fold, PmnVectorKind kind, const uint32_t *sources,
			  const uint32_t *rows, uint32_t count, void *dst)
{
	switch (pmn_vector_width(kind))
	{
		case 1:
			GATHER(uint8_t);
			break;
		case 4:
			GATHER(uint32_t);
			break;
		case 8:
			GATHER(uint64_t);
			break;
		default:
			PMN_ASSERT(pmn_vector_width(kind) == sizeof(Wide));
			GATHER(Wide);
			break;
	}
}

/* Nulls of all rows; NULL when no batch has any. */
static const uint8_t *
gather_nulls(PmnFold *fold)
{
	const PmnFoldInput *input = fold->input;
	bool has_nulls = false;

	for (uint32_t i = 0; i < input->batch_count; i++)
		has_nulls |= fold->source_nulls[i] != NULL;
	if (!has_nulls)
		return NULL;
	for (uint32_t i = 0; i < input->row_count; i++)
	{
		const uint8_t *nulls = fold->source_nulls[input->sources[i]];

		fold->nulls[i] = nulls == NULL ? 0 : nulls[input->rows[i]];
	}
	return fold->nulls;
}

/* Where the column is in each batch; the carry's row comes last. */
static void
point_to_column(PmnFold *fold, uint32_t column)
{
	const PmnFoldInput *input = fold->input;
	uint32_t count = input->batch_count;

	for (uint32_t i = 0; i <= count; i++)
	{
		const PmnBatch *batch = i < count			? input->batches[i]
								: input->is_carried ? &input->carry->row
													: NULL;

		fold->source_values[i] =
			batch == NULL ? NULL : batch->columns[column].values;
		fold->source_nulls[i] =
			batch == NULL ? NULL : batch->columns[column].nulls;
	}
}

static void
gather_kinds(PmnFold *fold)
{
	const PmnFoldInput *input = fold->input;

	point_to_column(fold, PMN_KV_KIND);
	for (uint32_t i = 0; i < input->row_count; i++)
		fold->kinds[i] =
			(uint8_t) ((const int32_t *) fold
						   ->source_values[input->sources[i]])[input->rows[i]];
}

/* ---- columns ----------------------------------------------------------- */

/* A null in a column that has none by its type: Paimon fails where it takes
 * a whole row over, or (without groups) adds one. */
static PmnCode
check_not_null(const PmnFold *fold, const PmnField *field, const uint8_t *steps,
			   const uint8_t *nulls)
{
	bool checks_adds =
		fold->lsm->options->merge_engine == PMN_MERGE_PARTIAL_UPDATE &&
		fold->layout->merge->group_count == 0;

	for (uint32_t i = 0; i < fold->input->row_count; i++)
	{
		if (nulls[i] &&
			(steps[i] == PMN_STEP_INIT || steps[i] == PMN_STEP_INIT_RETRACT ||
			 (checks_adds && steps[i] == PMN_STEP_ADD)))
			return pmn_fail(fold->env, PMN_INVALID,
							"column \"%s\" is NOT NULL, but a row to be "
							"merged has a null there",
							field->name);
	}
	return PMN_OK;
}

/* Gather the values that were chosen. */
static void
gather_choices(PmnFold *fold, PmnVector *result)
{
	const PmnFoldInput *input = fold->input;
	uint32_t count = input->group_count;
	uint32_t *sources = fold->choices + count;
	uint32_t *rows = sources + count;
	uint32_t first = 0;

	for (uint32_t g = 0; g < count; g++)
	{
		uint32_t choice = fold->choices[g];

		result->nulls[g] = choice == PMN_CHOICE_NULL;
		/* A null's value is any defined one. */
		if (choice == PMN_CHOICE_NULL)
			choice = input->ends[g] == first ? PMN_CHOICE_CARRY : first;
		first = input->ends[g];
		sources[g] = choice == PMN_CHOICE_CARRY ? input->batch_count
												: input->sources[choice];
		rows[g] = choice == PMN_CHOICE_CARRY ? 0 : input->rows[choice];
	}
	gather_values(fold, result->kind, sources, rows, count, result->values);
}

static PmnCode
fold_column(PmnFold *fold, uint32_t column)
{
	const PmnFoldInput *input = fold->input;
	const PmnMergeColumn *options = options_of(fold, column);
	const uint8_t *map = fold->actions + (size_t) column * PMN_STEP_COUNT;
	const uint8_t *steps = pmn_fold_steps(fold, options->group);
	PmnVector *result = &fold->results.columns[column];
	PmnAggregateFold how = {0};

	point_to_column(fold, column);
	for (uint32_t i = 0; i < input->row_count; i++)
		fold->column_actions[i] = map[steps[i]];
	how.env = fold->env;
	how.arena = fold->result_arena;
	how.scratch = fold->scratch;
	how.options = options;
	how.field = field_of(fold, column);
	how.kind = result->kind;
	how.group_count = input->group_count;
	how.ends = input->ends;
	how.actions = fold->column_actions;
	how.nulls = gather_nulls(fold);
	how.carry = input->is_carried ? &input->carry->row.columns[column] : NULL;
	how.results = result->values;
	how.result_nulls = result->nulls;
	if (how.nulls != NULL && !how.field->type.is_nullable)
		PMN_TRY(check_not_null(fold, how.field, steps, how.nulls));
	if (pmn_aggregate_chooses(options->function))
	{
		PMN_TRY(pmn_aggregate_choose(&how, fold->choices,
									 &input->carry->is_initialised[column]));
		gather_choices(fold, result);
		return PMN_OK;
	}
	how.values = fold->values + (-(uintptr_t) fold->values & 15);
	gather_values(fold, result->kind, input->sources, input->rows,
				  input->row_count, (void *) how.values);
	return pmn_aggregate_run(&how);
}

static void
drop_empty_nulls(PmnFold *fold)
{
	for (uint32_t i = 0; i < fold->column_count; i++)
	{
		PmnVector *column = &fold->results.columns[i];

		if (i < PMN_KV_FIELDS ||
			memchr(column->nulls, 1, fold->results.row_count) == NULL)
			column->nulls = NULL;
	}
}

PmnCode
pmn_fold_run(PmnFold *fold, const PmnFoldInput *input)
{
	PMN_ASSERT(input->group_count <= fold->result_capacity);
	fold->input = input;
	pmn_arena_reset(fold->result_arena);
	PMN_TRY(reserve(fold));
	pmn_columns_place(fold->column_kinds, fold->column_count,
					  fold->result_capacity, fold->block,
					  fold->results.columns);
	fold->results.row_count = input->group_count;
	fold->results.selected_count = input->group_count;
	gather_kinds(fold);
	PMN_TRY(fold->merge->plan(fold));
	for (uint32_t i = PMN_KV_FIELDS; i < fold->column_count; i++)
	{
		PMN_TRY(pmn_poll(fold->env));
		PMN_TRY(fold_column(fold, i));
	}
	drop_empty_nulls(fold);
	return PMN_OK;
}
