/*
 * lsm_aggregate_internal.h
 *
 * Between the files of aggregate functions: the functions, failures, and the
 * frame for those whose values are bytes.
 */
#ifndef LSM_AGGREGATE_INTERNAL_H
#define LSM_AGGREGATE_INTERNAL_H

#include "lsm_aggregate.h"
#include "lsm_aggregate_map.h"

struct PmnAggregateScratch
{
	PmnEnv *env;
	PmnBuffer buffers[2]; /* the value so far and the one being made */
	PmnSpanMap map;
	PmnArena *keys; /* of one call */
};

typedef PmnCode (*PmnAggregateFunctionRun)(PmnAggregateFold *fold);

PMN_CHECKED PmnCode pmn_aggregate_sum(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_product(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_max(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_min(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_bool_and(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_bool_or(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_listagg(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_collect(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_merge_map(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_merge_map_keytime(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_nested_update(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_nested_partial(PmnAggregateFold *fold);
PMN_CHECKED PmnCode pmn_aggregate_rbm32(PmnAggregateFold *fold);

/* The function cannot retract. */
PmnCode pmn_aggregate_refuse(const PmnAggregateFold *fold);
/* A result that is no value of the column. */
PmnCode pmn_aggregate_overflow(const PmnAggregateFold *fold, const char *what);
/* A nested value or bitmap whose bytes make no sense. */
PmnCode pmn_aggregate_broken(const PmnAggregateFold *fold);

/* What a function of two values says about its result. */
typedef enum PmnPairResult
{
	PMN_PAIR_OLD,	  /* is old */
	PMN_PAIR_IN,	  /* is in */
	PMN_PAIR_NULL,	  /* is null */
	PMN_PAIR_WRITTEN, /* is in out */
	PMN_PAIR_APPENDED /* is old with out's bytes behind it */
} PmnPairResult;

/*
 * A function of two values, each NULL when it is null; never both. out is
 * empty. A call costs far more than its dispatch, so these are called through
 * pointers. APPENDED saves copying the old value.
 */
typedef PmnCode (*PmnPairFunction)(PmnAggregateFold *fold, const PmnBytes *old,
								   const PmnBytes *in, PmnBuffer *out,
								   PmnPairResult *result);

/* Fold a column of BYTES by two functions; retract NULL when there is none.
 */
PMN_CHECKED PmnCode pmn_aggregate_pairs(PmnAggregateFold *fold,
										PmnPairFunction fold_pair,
										PmnPairFunction retract_pair);

/* The next slot of a nested value, whole: null byte, and value if any. */
bool pmn_aggregate_slot(PmnNestedReader *reader, PmnVectorKind kind,
						PmnBytes *slot, PmnValue *value);

static inline bool
pmn_aggregate_slot_is_null(PmnBytes slot)
{
	return slot.data[0] != 0;
}

#endif /* LSM_AGGREGATE_INTERNAL_H */
