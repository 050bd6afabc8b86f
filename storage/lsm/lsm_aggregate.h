/*
 * lsm_aggregate.h
 *
 * Aggregate functions of merge engines. A fold is one column of the rows of
 * many keys: what each row does to its key's value is an action, made from
 * the engine's step and the column's function. Functions that only choose one
 * of the values never look at them; the others get the column's values in one
 * array and run one loop over it.
 */
#ifndef LSM_AGGREGATE_H
#define LSM_AGGREGATE_H

#include "lsm.h"

/* What one row means for the columns of its key; chosen by the engine. */
typedef enum PmnMergeStep
{
	PMN_STEP_SKIP,
	PMN_STEP_INIT,		   /* the row replaces all */
	PMN_STEP_INIT_RETRACT, /* the same, then the row is retracted */
	PMN_STEP_ADD,		   /* newer than what there is */
	PMN_STEP_ADD_OLDER,	   /* older, by its sequence group */
	PMN_STEP_RETRACT,
	PMN_STEP_RETRACT_OLDER
} PmnMergeStep;

#define PMN_STEP_COUNT (PMN_STEP_RETRACT_OLDER + 1)

/* What that does to one column: old is the value so far, in the row's. */
typedef enum PmnMergeAction
{
	PMN_ACTION_SKIP,
	PMN_ACTION_COPY,				 /* in, null or not */
	PMN_ACTION_COPY_NON_NULL,		 /* in unless it is null */
	PMN_ACTION_NULL,				 /* null */
	PMN_ACTION_FILL,				 /* in when old is null */
	PMN_ACTION_NULL_IF_GIVEN,		 /* null unless in is null */
	PMN_ACTION_FIRST,				 /* in, the first time only */
	PMN_ACTION_FIRST_OLDER,			 /* in, but not the first time */
	PMN_ACTION_FIRST_NON_NULL,		 /* in, the first that is not null */
	PMN_ACTION_FIRST_NON_NULL_OLDER, /* the same with old and in swapped */
	PMN_ACTION_FOLD,				 /* f(old, in) */
	PMN_ACTION_FOLD_OLDER,			 /* f(in, old) */
	PMN_ACTION_RETRACT,				 /* old without in */
	PMN_ACTION_COPY_RETRACT,		 /* in without in */
	PMN_ACTION_REFUSE				 /* the function cannot retract */
} PmnMergeAction;

/* Memory that folds use again and again. */
typedef struct PmnAggregateScratch PmnAggregateScratch;
PMN_CHECKED PmnCode pmn_aggregate_scratch_create(PmnEnv *env,
												 PmnAggregateScratch **out);
void pmn_aggregate_scratch_destroy(PmnAggregateScratch *scratch);

typedef struct PmnAggregateFold
{
	PmnEnv *env;
	PmnArena *arena; /* of the results' bytes */
	PmnAggregateScratch *scratch;
	const PmnMergeColumn *options;
	const PmnField *field;
	PmnVectorKind kind;
	uint32_t group_count;
	const uint32_t *ends;	/* of each group's rows */
	const uint8_t *actions; /* by row */
	const void *values;		/* by row; NULL for functions that choose */
	const uint8_t *nulls;	/* by row; NULL = none is null */
	const PmnVector *carry; /* its row 0 begins group 0, unless NULL */
	void *results;			/* by group */
	uint8_t *result_nulls;	/* by group */
} PmnAggregateFold;

/* Whether the function only chooses one of its rows' values. */
bool pmn_aggregate_chooses(PmnAggregateFunction function);

/* Action of a function for each step of a column that is in no group or
 * protected by one; steps that do not occur there get any. */
void pmn_aggregate_actions(const PmnMergeColumn *column,
						   uint8_t actions[PMN_STEP_COUNT]);

/*
 * pmn_aggregate_choose -- rows chosen, by group: a row, or one of the numbers
 * below. is_initialised is the state of first_value of group 0.
 */
#define PMN_CHOICE_NULL UINT32_MAX
#define PMN_CHOICE_CARRY (UINT32_MAX - 1)
PMN_CHECKED PmnCode pmn_aggregate_choose(const PmnAggregateFold *fold,
										 uint32_t *choices,
										 uint8_t *is_initialised);

/* Run the function of fold->options, which does not choose. */
PMN_CHECKED PmnCode pmn_aggregate_run(PmnAggregateFold *fold);

#endif /* LSM_AGGREGATE_H */
