/*
 * lsm_aggregate.c
 *
 * The table of aggregate functions, and the loop of those that choose.
 *
 * What a row does to a column depends on three things: the engine's step for
 * the row, the column's function, and "ignore-retract". They are put
 * together once, as a table from steps to actions. last_value, first_value
 * and their kin are then nothing but actions, and one loop over actions and
 * nulls finds which row's value stays: no value is read before it is known
 * to be the result.
 *
 * A record that is older than what there is (out of order in its sequence
 * group) is folded the other way round, f(in, old). That is the same for
 * commutative functions, and for collect, which Paimon does not turn round.
 */
#include "lsm_aggregate_internal.h"

typedef struct FunctionRow
{
	PmnAggregateFunctionRun run; /* NULL: chooses */
	uint8_t add;
	uint8_t add_older;
	uint8_t retract;
	uint8_t init_retract;
} FunctionRow;

#define FOLDS(run, older)                                                      \
	{                                                                          \
		run, PMN_ACTION_FOLD, older, PMN_ACTION_REFUSE, PMN_ACTION_REFUSE      \
	}
#define RETRACTS(run, older)                                                   \
	{                                                                          \
		run, PMN_ACTION_FOLD, older, PMN_ACTION_RETRACT,                       \
			PMN_ACTION_COPY_RETRACT                                            \
	}

static const FunctionRow functions[PMN_AGGREGATE_COUNT] = {
	[PMN_AGGREGATE_NONE] = {NULL, PMN_ACTION_COPY, PMN_ACTION_SKIP,
							PMN_ACTION_NULL, PMN_ACTION_NULL},
	[PMN_AGGREGATE_PRIMARY_KEY] = {NULL, PMN_ACTION_COPY, PMN_ACTION_SKIP,
								   PMN_ACTION_COPY, PMN_ACTION_COPY},
	[PMN_AGGREGATE_LAST_VALUE] = {NULL, PMN_ACTION_COPY, PMN_ACTION_SKIP,
								  PMN_ACTION_NULL, PMN_ACTION_NULL},
	[PMN_AGGREGATE_LAST_NON_NULL_VALUE] = {NULL, PMN_ACTION_COPY_NON_NULL,
										   PMN_ACTION_FILL,
										   PMN_ACTION_NULL_IF_GIVEN,
										   PMN_ACTION_NULL},
	[PMN_AGGREGATE_FIRST_VALUE] = {NULL, PMN_ACTION_FIRST,
								   PMN_ACTION_FIRST_OLDER, PMN_ACTION_REFUSE,
								   PMN_ACTION_REFUSE},
	[PMN_AGGREGATE_FIRST_NON_NULL_VALUE] = {NULL, PMN_ACTION_FIRST_NON_NULL,
											PMN_ACTION_FIRST_NON_NULL_OLDER,
											PMN_ACTION_REFUSE,
											PMN_ACTION_REFUSE},
	[PMN_AGGREGATE_SUM] = RETRACTS(pmn_aggregate_sum, PMN_ACTION_FOLD),
	[PMN_AGGREGATE_PRODUCT] = RETRACTS(pmn_aggregate_product, PMN_ACTION_FOLD),
	[PMN_AGGREGATE_MAX] = FOLDS(pmn_aggregate_max, PMN_ACTION_FOLD),
	[PMN_AGGREGATE_MIN] = FOLDS(pmn_aggregate_min, PMN_ACTION_FOLD),
	[PMN_AGGREGATE_BOOL_AND] = FOLDS(pmn_aggregate_bool_and, PMN_ACTION_FOLD),
	[PMN_AGGREGATE_BOOL_OR] = FOLDS(pmn_aggregate_bool_or, PMN_ACTION_FOLD),
	[PMN_AGGREGATE_LISTAGG] =
		FOLDS(pmn_aggregate_listagg, PMN_ACTION_FOLD_OLDER),
	[PMN_AGGREGATE_COLLECT] = RETRACTS(pmn_aggregate_collect, PMN_ACTION_FOLD),
	[PMN_AGGREGATE_MERGE_MAP] =
		RETRACTS(pmn_aggregate_merge_map, PMN_ACTION_FOLD_OLDER),
	[PMN_AGGREGATE_MERGE_MAP_WITH_KEYTIME] =
		FOLDS(pmn_aggregate_merge_map_keytime, PMN_ACTION_FOLD_OLDER),
	[PMN_AGGREGATE_NESTED_UPDATE] =
		RETRACTS(pmn_aggregate_nested_update, PMN_ACTION_FOLD_OLDER),
	[PMN_AGGREGATE_NESTED_PARTIAL_UPDATE] =
		FOLDS(pmn_aggregate_nested_partial, PMN_ACTION_FOLD_OLDER),
	[PMN_AGGREGATE_RBM32] = FOLDS(pmn_aggregate_rbm32, PMN_ACTION_FOLD),
};

bool
pmn_aggregate_chooses(PmnAggregateFunction function)
{
	return functions[function].run == NULL;
}

void
pmn_aggregate_actions(const PmnMergeColumn *column,
					  uint8_t actions[PMN_STEP_COUNT])
{
	const FunctionRow *row = &functions[column->function];

	actions[PMN_STEP_SKIP] = PMN_ACTION_SKIP;
	actions[PMN_STEP_INIT] = PMN_ACTION_COPY;
	actions[PMN_STEP_INIT_RETRACT] =
		column->ignore_retract ? PMN_ACTION_COPY : row->init_retract;
	actions[PMN_STEP_ADD] = row->add;
	actions[PMN_STEP_ADD_OLDER] = row->add_older;
	actions[PMN_STEP_RETRACT] =
		column->ignore_retract ? PMN_ACTION_SKIP : row->retract;
	/* Without a function only newer rows count. */
	actions[PMN_STEP_RETRACT_OLDER] = column->function == PMN_AGGREGATE_NONE
										  ? PMN_ACTION_SKIP
										  : actions[PMN_STEP_RETRACT];
}

PmnCode
pmn_aggregate_run(PmnAggregateFold *fold)
{
	return functions[fold->options->function].run(fold);
}

/* ---- failures ---------------------------------------------------------- */

PmnCode
pmn_aggregate_refuse(const PmnAggregateFold *fold)
{
	(void) pmn_fail(fold->env, PMN_UNSUPPORTED,
					"aggregate function \"%s\" of column \"%s\" cannot "
					"retract a row",
					pmn_aggregate_name(fold->options->function),
					fold->field->name);
	return pmn_hint(fold->env,
					"Table option \"fields.%s.ignore-retract\" makes it pass "
					"over such rows.",
					fold->field->name);
}

PmnCode
pmn_aggregate_overflow(const PmnAggregateFold *fold, const char *what)
{
	return pmn_fail(fold->env, PMN_OUT_OF_RANGE,
					"aggregate function \"%s\" of column \"%s\": %s",
					pmn_aggregate_name(fold->options->function),
					fold->field->name, what);
}

PmnCode
pmn_aggregate_broken(const PmnAggregateFold *fold)
{
	return pmn_fail(fold->env, PMN_CORRUPT,
					"a value of column \"%s\" cannot be read by aggregate "
					"function \"%s\"",
					fold->field->name,
					pmn_aggregate_name(fold->options->function));
}

/* ---- choosing ---------------------------------------------------------- */

typedef struct Choice
{
	uint32_t row;
	bool is_null;
	bool is_initialised;
} Choice;

static inline void
choose(Choice *choice, uint32_t row, bool is_null)
{
	choice->row = row;
	choice->is_null = is_null;
}

/* One row; false when the function refuses it. */
static inline bool
choose_step(Choice *choice, uint8_t action, uint32_t row, bool in_null)
{
	switch (action)
	{
		case PMN_ACTION_COPY:
			choose(choice, row, in_null);
			break;
		case PMN_ACTION_COPY_NON_NULL:
			if (!in_null)
				choose(choice, row, false);
			break;
		case PMN_ACTION_NULL:
			choice->is_null = true;
			break;
		case PMN_ACTION_FILL:
			if (choice->is_null)
				choose(choice, row, in_null);
			break;
		case PMN_ACTION_NULL_IF_GIVEN:
			choice->is_null = choice->is_null || !in_null;
			break;
		case PMN_ACTION_FIRST:
			if (!choice->is_initialised)
				choose(choice, row, in_null);
			choice->is_initialised = true;
			break;
		case PMN_ACTION_FIRST_OLDER:
			if (choice->is_initialised)
				choose(choice, row, in_null);
			choice->is_initialised = true;
			break;
		case PMN_ACTION_FIRST_NON_NULL:
			if (!choice->is_initialised && !in_null)
			{
				choose(choice, row, false);
				choice->is_initialised = true;
			}
			break;
		case PMN_ACTION_FIRST_NON_NULL_OLDER:
			if (!choice->is_initialised && !choice->is_null)
				choice->is_initialised = true;
			else
				choose(choice, row, in_null);
			break;
		case PMN_ACTION_REFUSE:
			return false;
		default:
			break;
	}
	return true;
}

PmnCode
pmn_aggregate_choose(const PmnAggregateFold *fold, uint32_t *choices,
					 uint8_t *is_initialised)
{
	const uint8_t *nulls = fold->nulls;
	uint32_t row = 0;

	for (uint32_t g = 0; g < fold->group_count; g++)
	{
		Choice choice = {PMN_CHOICE_CARRY, true, false};

		if (g == 0 && fold->carry != NULL)
		{
			choice.is_null =
				fold->carry->nulls != NULL && fold->carry->nulls[0];
			choice.is_initialised = *is_initialised;
		}
		for (; row < fold->ends[g]; row++)
		{
			if (!choose_step(&choice, fold->actions[row], row,
							 nulls != NULL && nulls[row]))
				return pmn_aggregate_refuse(fold);
		}
		choices[g] = choice.is_null ? PMN_CHOICE_NULL : choice.row;
		if (g == 0)
			*is_initialised = choice.is_initialised;
	}
	return PMN_OK;
}

/* ---- functions of bytes ------------------------------------------------ */

PmnCode
pmn_aggregate_scratch_create(PmnEnv *env, PmnAggregateScratch **out)
{
	PmnAggregateScratch *scratch = pmn_alloc(env, sizeof(*scratch));

	*out = NULL;
	if (scratch == NULL)
		return PMN_NO_MEMORY;
	scratch->env = env;
	pmn_buffer_init(&scratch->buffers[0], env);
	pmn_buffer_init(&scratch->buffers[1], env);
	pmn_span_map_init(&scratch->map, env);
	if (pmn_arena_create(env, 0, &scratch->keys) != PMN_OK)
	{
		pmn_free(env, scratch, sizeof(*scratch));
		return PMN_NO_MEMORY;
	}
	*out = scratch;
	return PMN_OK;
}

void
pmn_aggregate_scratch_destroy(PmnAggregateScratch *scratch)
{
	PmnEnv *env;

	if (scratch == NULL)
		return;
	env = scratch->env;
	pmn_buffer_free(&scratch->buffers[0]);
	pmn_buffer_free(&scratch->buffers[1]);
	pmn_span_map_free(&scratch->map);
	pmn_arena_destroy(scratch->keys);
	pmn_free(env, scratch, sizeof(*scratch));
}

bool
pmn_aggregate_slot(PmnNestedReader *reader, PmnVectorKind kind, PmnBytes *slot,
				   PmnValue *value)
{
	const uint8_t *first = reader->at;

	if (!pmn_nested_read_slot(reader, kind, value))
		return false;
	*slot = pmn_bytes(first, (size_t) (reader->at - first));
	return true;
}

/* The value so far of one key. */
typedef struct PairState
{
	PmnBytes old;
	bool is_null;
	bool is_written; /* old is what the current buffer holds */
	uint32_t buffer; /* number of the current one */
} PairState;

static void
state_set(PairState *state, const PmnBytes *value)
{
	state->is_null = value == NULL;
	state->is_written = false;
	if (value != NULL)
		state->old = *value;
}

static PmnCode
state_append(PmnAggregateFold *fold, PairState *state, const PmnBuffer *more)
{
	PmnBuffer *current = &fold->scratch->buffers[state->buffer];

	if (!state->is_written)
	{
		pmn_buffer_reset(current);
		PMN_TRY(pmn_buffer_append(current, state->old.data, state->old.size));
	}
	PMN_TRY(pmn_buffer_append(current, more->data, more->size));
	if (current->size > UINT32_MAX / 2)
		return pmn_aggregate_overflow(fold, "the value is too large");
	state->old = pmn_bytes(current->data, current->size);
	state->is_written = true;
	return PMN_OK;
}

static PmnCode
state_apply(PmnAggregateFold *fold, PairState *state, PmnPairFunction pair,
			const PmnBytes *in, bool is_older)
{
	PmnBuffer *out = &fold->scratch->buffers[1 - state->buffer];
	const PmnBytes *old = state->is_null ? NULL : &state->old;
	PmnPairResult result = PMN_PAIR_OLD;

	if (old == NULL && in == NULL)
		return PMN_OK;
	pmn_buffer_reset(out);
	PMN_TRY(is_older ? pair(fold, in, old, out, &result)
					 : pair(fold, old, in, out, &result));
	if (is_older && result == PMN_PAIR_APPENDED)
	{
		/* Behind in, which is in no buffer. */
		state_set(state, in);
		return state_append(fold, state, out);
	}
	if (is_older && result <= PMN_PAIR_IN)
		result = result == PMN_PAIR_OLD ? PMN_PAIR_IN : PMN_PAIR_OLD;
	switch (result)
	{
		case PMN_PAIR_OLD:
			return PMN_OK;
		case PMN_PAIR_IN:
			state_set(state, in);
			return PMN_OK;
		case PMN_PAIR_NULL:
			state_set(state, NULL);
			return PMN_OK;
		case PMN_PAIR_APPENDED:
			return state_append(fold, state, out);
		case PMN_PAIR_WRITTEN:
			break;
	}
	if (out->size > UINT32_MAX / 2)
		return pmn_aggregate_overflow(fold, "the value is too large");
	state->buffer = 1 - state->buffer;
	state->old = pmn_bytes(out->data, out->size);
	state->is_written = true;
	state->is_null = false;
	return PMN_OK;
}

/* The value of a key out of the buffers, with headroom. */
static PmnCode
state_result(PmnAggregateFold *fold, const PairState *state, PmnBytes *out)
{
	uint8_t *data;

	*out = pmn_bytes("", 0);
	if (state->is_null)
		return PMN_OK;
	*out = state->old;
	if (!state->is_written)
		return PMN_OK;
	data = pmn_arena_alloc_raw(
		fold->arena, PMN_BYTES_HEADROOM + (size_t) state->old.size, 8);
	if (data == NULL)
		return PMN_NO_MEMORY;
	data += PMN_BYTES_HEADROOM;
	if (state->old.size > 0)
		memcpy(data, state->old.data, state->old.size);
	out->data = data;
	return PMN_OK;
}

PmnCode
pmn_aggregate_pairs(PmnAggregateFold *fold, PmnPairFunction fold_pair,
					PmnPairFunction retract_pair)
{
	const PmnBytes *values = fold->values;
	PmnBytes *results = fold->results;
	uint32_t row = 0;

	for (uint32_t g = 0; g < fold->group_count; g++)
	{
		PairState state = {{NULL, 0}, true, false, 0};

		PMN_TRY(pmn_poll(fold->env));
		if (g == 0 && fold->carry != NULL &&
			(fold->carry->nulls == NULL || !fold->carry->nulls[0]))
			state_set(&state, fold->carry->values);
		for (; row < fold->ends[g]; row++)
		{
			bool is_null = fold->nulls != NULL && fold->nulls[row];
			const PmnBytes *in = is_null ? NULL : &values[row];
			uint8_t action = fold->actions[row];

			if (action == PMN_ACTION_REFUSE)
				return pmn_aggregate_refuse(fold);
			if (action == PMN_ACTION_COPY || action == PMN_ACTION_COPY_RETRACT)
				state_set(&state, in);
			if (action == PMN_ACTION_NULL)
				state_set(&state, NULL);
			if (action == PMN_ACTION_FOLD || action == PMN_ACTION_FOLD_OLDER)
				PMN_TRY(state_apply(fold, &state, fold_pair, in,
									action == PMN_ACTION_FOLD_OLDER));
			if (action == PMN_ACTION_RETRACT ||
				action == PMN_ACTION_COPY_RETRACT)
				PMN_TRY(state_apply(fold, &state, retract_pair, in, false));
		}
		fold->result_nulls[g] = state.is_null;
		PMN_TRY(state_result(fold, &state, &results[g]));
	}
	return PMN_OK;
}
