/*
 * meta_merge.h
 *
 * What the options of a keyed table say about merging rows of one key: the
 * aggregate function of each column, and partial-update's sequence groups.
 */
#ifndef META_MERGE_H
#define META_MERGE_H

#include "meta_options.h"

typedef enum PmnAggregateFunction
{
	PMN_AGGREGATE_NONE, /* partial-update's own rule for the column */
	PMN_AGGREGATE_PRIMARY_KEY,
	PMN_AGGREGATE_LAST_VALUE,
	PMN_AGGREGATE_LAST_NON_NULL_VALUE,
	PMN_AGGREGATE_FIRST_VALUE,
	PMN_AGGREGATE_FIRST_NON_NULL_VALUE,
	PMN_AGGREGATE_SUM,
	PMN_AGGREGATE_PRODUCT,
	PMN_AGGREGATE_MAX,
	PMN_AGGREGATE_MIN,
	PMN_AGGREGATE_BOOL_AND,
	PMN_AGGREGATE_BOOL_OR,
	PMN_AGGREGATE_LISTAGG,
	PMN_AGGREGATE_COLLECT,
	PMN_AGGREGATE_MERGE_MAP,
	PMN_AGGREGATE_MERGE_MAP_WITH_KEYTIME,
	PMN_AGGREGATE_NESTED_UPDATE,
	PMN_AGGREGATE_NESTED_PARTIAL_UPDATE,
	PMN_AGGREGATE_RBM32
} PmnAggregateFunction;

#define PMN_AGGREGATE_COUNT (PMN_AGGREGATE_RBM32 + 1)

/* Paimon's name of a function. */
const char *pmn_aggregate_name(PmnAggregateFunction function);

/* What becomes of nested rows whose nested key has a null. */
typedef enum PmnNestedKeyNulls
{
	PMN_NESTED_KEY_MERGE,
	PMN_NESTED_KEY_IGNORE,
	PMN_NESTED_KEY_ERROR
} PmnNestedKeyNulls;

/* One column of the schema. */
typedef struct PmnMergeColumn
{
	PmnAggregateFunction function;
	int32_t group;	  /* sequence group it belongs to, or -1 */
	bool is_ordering; /* one of that group's ordering columns */
	bool ignore_retract;
	bool is_distinct;
	const char *delimiter;		/* listagg */
	const uint32_t *nested_key; /* fields of the nested row */
	uint32_t nested_key_count;
	const uint32_t *nested_sequence;
	uint32_t nested_sequence_count;
	PmnNestedKeyNulls nested_key_nulls;
	int32_t count_limit;
	uint32_t time_field; /* merge_map_with_keytime */
} PmnMergeColumn;

typedef struct PmnSequenceGroup
{
	const uint32_t *ordering; /* positions in schema->fields */
	const PmnType *const *types;
	uint32_t ordering_count;
	bool removes_record; /* a -D of the group removes the row */
} PmnSequenceGroup;

typedef struct PmnMergeOptions
{
	PmnMergeColumn *columns; /* one for each field of the schema */
	PmnSequenceGroup *groups;
	uint32_t group_count;
	/* partial-update.remove-record-on-delete or aggregation.…, whichever
	 * the engine goes by. */
	bool remove_on_delete;
} PmnMergeOptions;

/*
 * pmn_merge_options_parse -- of a table with a primary key, in arena; points
 * into schema. Checks what Paimon checks when it makes the merge function.
 * Errors    PMN_INVALID (a column that is not there, a type that the function
 *           does not take, options that exclude each other), PMN_UNSUPPORTED
 *           (a function we do not have); each names the option.
 */
PMN_CHECKED PmnCode pmn_merge_options_parse(PmnArena *arena, PmnEnv *env,
											const PmnSchema *schema,
											const PmnTableOptions *options,
											PmnMergeOptions **out);

/*
 * pmn_merge_needs_lookup -- whether rows of one key that lie above level 0
 * stand for each other, the one of the lowest level being the merged one
 * (format/data.md 5.4).
 */
bool pmn_merge_needs_lookup(const PmnTableOptions *options);

#endif /* META_MERGE_H */
