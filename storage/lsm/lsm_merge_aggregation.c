/*
 * lsm_merge_aggregation.c
 *
 * aggregation: each column by its own function, of which every row is an
 * input; rows that retract (-U, -D) are taken back out. The result is an
 * insert, even of a key whose rows were all taken back: a -D deletes only with
 * "aggregation.remove-record-on-delete", and then its values are what later
 * rows are added to.
 */
#include "lsm_merge.h"

static PmnCode
aggregation_plan(PmnFold *fold)
{
	static const uint8_t step_of_kind[] = {
		[PMN_INSERT] = PMN_STEP_ADD,
		[PMN_UPDATE_BEFORE] = PMN_STEP_RETRACT,
		[PMN_UPDATE_AFTER] = PMN_STEP_ADD,
		[PMN_DELETE] = PMN_STEP_RETRACT,
	};
	const PmnFoldInput *input = fold->input;
	PmnFoldCarry *carry = input->carry;
	uint8_t *steps = pmn_fold_steps(fold, -1);
	bool removes = fold->layout->merge->remove_on_delete;
	uint32_t row = 0;

	for (uint32_t i = 0; i < input->row_count; i++)
	{
		steps[i] = step_of_kind[fold->kinds[i]];
		if (removes && fold->kinds[i] == PMN_DELETE)
			steps[i] = PMN_STEP_INIT;
	}
	for (uint32_t g = 0; g < input->group_count; g++)
	{
		uint32_t end = input->ends[g];
		int64_t sequence = g == 0 ? carry->sequence : 0;
		bool is_delete = g == 0 && carry->is_delete;

		if (end > row)
		{
			const PmnBatch *batch = input->batches[input->sources[end - 1]];

			sequence = ((const int64_t *) batch->columns[PMN_KV_SEQUENCE]
							.values)[input->rows[end - 1]];
			is_delete = steps[end - 1] == PMN_STEP_INIT;
		}
		row = end;
		pmn_fold_result(fold, g, sequence, is_delete);
		if (g == 0)
		{
			carry->sequence = sequence;
			carry->is_delete = is_delete;
		}
	}
	return PMN_OK;
}

const PmnMergeOps pmn_merge_aggregation = {
	.name = "aggregation",
	.plan = aggregation_plan,
	.actions = pmn_aggregate_actions,
};
