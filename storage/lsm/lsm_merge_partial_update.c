/*
 * lsm_merge_partial_update.c
 *
 * partial-update: values that are not null overwrite (format/data.md 6.3).
 *
 * Columns in a sequence group go by the group's own order instead: a row
 * whose ordering columns are not below those reached so far sets the group's
 * columns, nulls included, or folds them by their function; one that is older
 * changes only columns with a function, folded the other way round; one
 * whose ordering columns are all null is not about the group. Where a group
 * stands is always the ordering columns of some row, so it is kept as the
 * number of that row and nothing is copied.
 *
 * A row that retracts is refused unless an option says what it means: it is
 * ignored, or removes the record, or (with groups) takes the columns of its
 * groups back. The first row of a key, when it retracts, gives all fields
 * their start values even when it is ignored. A -D that removes the record
 * leaves its own values behind: later rows overwrite those that they give.
 *
 * The result is a -D when the last row removed the record, or no row added.
 */
#include "lsm_merge.h"

/* Rows at which a group stands. */
#define AT_NOTHING UINT32_MAX
#define AT_CARRY (UINT32_MAX - 1)

typedef struct Plan
{
	PmnFold *fold;
	const PmnMergeOptions *options;
	uint32_t *at; /* by group */
	/* Of the key: */
	int64_t sequence;
	bool is_filled;
	bool has_insert;
	bool is_delete;
} Plan;

static const PmnBatch *
batch_of(const PmnFoldInput *input, uint32_t row, uint32_t *batch_row)
{
	if (row == AT_CARRY)
	{
		*batch_row = 0;
		return &input->carry->row;
	}
	*batch_row = input->rows[row];
	return input->batches[input->sources[row]];
}

/* Are all ordering columns null? */
static bool
is_outside_group(const PmnKeyColumns *group, const PmnBatch *batch,
				 uint32_t batch_row)
{
	for (uint32_t i = 0; i < group->count; i++)
	{
		const uint8_t *nulls = batch->columns[group->columns[i]].nulls;

		if (nulls == NULL || !nulls[batch_row])
			return false;
	}
	return true;
}

typedef enum Place
{
	PLACE_OUTSIDE,
	PLACE_OLDER,
	PLACE_NEWER /* or level */
} Place;

static Place
place_in_group(const Plan *plan, uint32_t g, uint32_t row)
{
	const PmnFoldInput *input = plan->fold->input;
	const PmnKeyColumns *group = &plan->fold->layout->groups[g];
	uint32_t batch_row;
	const PmnBatch *batch = batch_of(input, row, &batch_row);
	uint32_t at_row;
	const PmnBatch *at;

	if (is_outside_group(group, batch, batch_row))
		return PLACE_OUTSIDE;
	if (plan->at[g] == AT_NOTHING)
		return PLACE_NEWER;
	at = batch_of(input, plan->at[g], &at_row);
	return pmn_rows_compare(group, batch, batch_row, group, at, at_row) < 0
			   ? PLACE_OLDER
			   : PLACE_NEWER;
}

static void
set_steps(Plan *plan, uint32_t row, PmnMergeStep step)
{
	for (int32_t g = -1; g < (int32_t) plan->options->group_count; g++)
		pmn_fold_steps(plan->fold, g)[row] = (uint8_t) step;
}

/* The whole row takes over; so do its ordering columns. */
static void
init_row(Plan *plan, uint32_t row)
{
	set_steps(plan, row, PMN_STEP_INIT);
	for (uint32_t g = 0; g < plan->options->group_count; g++)
		plan->at[g] = row;
}

static void
add_row(Plan *plan, uint32_t row)
{
	pmn_fold_steps(plan->fold, -1)[row] = PMN_STEP_ADD;
	for (uint32_t g = 0; g < plan->options->group_count; g++)
	{
		uint8_t *steps = pmn_fold_steps(plan->fold, (int32_t) g);
		Place place = plan->fold->layout->groups[g].count == 0
						  ? PLACE_OUTSIDE
						  : place_in_group(plan, g, row);

		steps[row] = place == PLACE_OUTSIDE ? PMN_STEP_SKIP
					 : place == PLACE_OLDER ? PMN_STEP_ADD_OLDER
											: PMN_STEP_ADD;
		if (place == PLACE_NEWER)
			plan->at[g] = row;
	}
	plan->has_insert = true;
	plan->is_filled = true;
}

/* A row that retracts from the groups it is about. */
static void
retract_groups(Plan *plan, uint32_t row, bool was_filled)
{
	bool is_removal = plan->fold->kinds[row] == PMN_DELETE;

	for (uint32_t g = 0; g < plan->options->group_count; g++)
	{
		uint8_t *steps = pmn_fold_steps(plan->fold, (int32_t) g);
		Place place;

		if (plan->fold->layout->groups[g].count == 0)
			continue;
		place = place_in_group(plan, g, row);
		if (place == PLACE_OUTSIDE)
			continue;
		if (place == PLACE_NEWER && is_removal &&
			plan->options->groups[g].removes_record)
		{
			plan->is_delete = true;
			init_row(plan, row);
			return;
		}
		if (place == PLACE_NEWER)
			plan->at[g] = row;
		steps[row] = !was_filled			? PMN_STEP_INIT_RETRACT
					 : place == PLACE_OLDER ? PMN_STEP_RETRACT_OLDER
											: PMN_STEP_RETRACT;
	}
}

static PmnCode
refuse_retract(const Plan *plan)
{
	(void) pmn_fail(plan->fold->env, PMN_UNSUPPORTED,
					"merge engine \"partial-update\" does not take rows that "
					"retract (-U, -D)");
	return pmn_hint(plan->fold->env,
					"Table options \"ignore-delete\", "
					"\"partial-update.remove-record-on-delete\" and sequence "
					"groups say what such rows mean.");
}

static PmnCode
retract_row(Plan *plan, uint32_t row, int64_t sequence)
{
	bool was_filled = plan->is_filled;

	set_steps(plan, row, PMN_STEP_SKIP);
	if (!was_filled)
		init_row(plan, row);
	plan->is_filled = true;
	if (plan->fold->lsm->options->ignore_delete)
		return PMN_OK;
	plan->sequence = sequence;
	if (plan->options->group_count > 0)
	{
		retract_groups(plan, row, was_filled);
		return PMN_OK;
	}
	if (!plan->options->remove_on_delete)
		return refuse_retract(plan);
	if (plan->fold->kinds[row] == PMN_DELETE)
	{
		plan->is_delete = true;
		init_row(plan, row);
	}
	return PMN_OK;
}

static void
begin_key(Plan *plan, uint32_t g)
{
	const PmnFoldInput *input = plan->fold->input;
	bool is_carried = g == 0 && input->is_carried;

	for (uint32_t i = 0; i < plan->options->group_count; i++)
		plan->at[i] = is_carried ? AT_CARRY : AT_NOTHING;
	plan->sequence = is_carried ? input->carry->sequence : 0;
	plan->is_filled = is_carried && input->carry->is_filled;
	plan->has_insert = is_carried && input->carry->has_insert;
	plan->is_delete = is_carried && input->carry->is_delete;
}

static void
end_key(Plan *plan, uint32_t g)
{
	PmnFoldCarry *carry = plan->fold->input->carry;

	pmn_fold_result(plan->fold, g, plan->sequence,
					plan->is_delete || !plan->has_insert);
	if (g > 0)
		return;
	carry->sequence = plan->sequence;
	carry->is_filled = plan->is_filled;
	carry->has_insert = plan->has_insert;
	carry->is_delete = plan->is_delete;
}

static PmnCode
partial_update_plan(PmnFold *fold)
{
	const PmnFoldInput *input = fold->input;
	Plan plan = {0};
	uint32_t row = 0;

	plan.fold = fold;
	plan.options = fold->layout->merge;
	/* In the arena of results: it is not needed after this run. */
	plan.at = pmn_arena_alloc(fold->result_arena,
							  plan.options->group_count * sizeof(uint32_t));
	if (plan.at == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t g = 0; g < input->group_count; g++)
	{
		begin_key(&plan, g);
		for (; row < input->ends[g]; row++)
		{
			const PmnBatch *batch = input->batches[input->sources[row]];
			int64_t sequence =
				((const int64_t *) batch->columns[PMN_KV_SEQUENCE]
					 .values)[input->rows[row]];

			plan.is_delete = false;
			if ((fold->kinds[row] & 1) != 0)
			{
				PMN_TRY(retract_row(&plan, row, sequence));
				continue;
			}
			plan.sequence = sequence;
			add_row(&plan, row);
		}
		end_key(&plan, g);
	}
	return PMN_OK;
}

/* Columns in no group: by the step of the row, in groups: by the group's. */
static void
partial_update_actions(const PmnMergeColumn *column,
					   uint8_t actions[PMN_STEP_COUNT])
{
	pmn_aggregate_actions(column, actions);
	if (column->group >= 0 && !column->is_ordering)
		return;
	actions[PMN_STEP_INIT_RETRACT] = PMN_ACTION_COPY;
	actions[PMN_STEP_ADD_OLDER] = PMN_ACTION_SKIP;
	actions[PMN_STEP_RETRACT_OLDER] = PMN_ACTION_SKIP;
	if (column->is_ordering)
	{
		actions[PMN_STEP_ADD] = PMN_ACTION_COPY;
		actions[PMN_STEP_RETRACT] = PMN_ACTION_COPY;
		return;
	}
	actions[PMN_STEP_RETRACT] = PMN_ACTION_SKIP;
	if (column->function == PMN_AGGREGATE_NONE)
		actions[PMN_STEP_ADD] = PMN_ACTION_COPY_NON_NULL;
}

const PmnMergeOps pmn_merge_partial_update = {
	.name = "partial-update",
	.plan = partial_update_plan,
	.actions = partial_update_actions,
};
