/*
 * type_prune.c
 *
 * Predicates on statistics: may a file, or a row group, hold a row that
 * matches? Answering yes too often costs time, no once too often loses rows,
 * so everything in doubt is yes:
 *
 *   - no statistics, no bounds (they may have been impossible to store)
 *   - bounds of bytes may be cut: min is a prefix, max is counted up. They
 *     bound, but no value need equal them; NE therefore never prunes bytes
 *   - some writers leave NaN out of float bounds, although NaN is the
 *     greatest value: a float column's max says nothing to >, >= and NaN,
 *     and a min that is NaN says nothing at all
 *
 * null_count = row_count means all null: no comparison matches.
 */
#include <math.h>

#include "type_compare.h"
#include "type_predicate.h"

#define DEPTH_MAX 64

typedef struct Pruning
{
	const PmnSchema *schema;
	PmnFieldStats stats;
	void *context;
	int64_t row_count;
} Pruning;

static bool node_may_match(const Pruning *pruning,
						   const PmnPredicate *predicate, int depth);
static bool leaf_may_match(const Pruning *pruning,
						   const PmnPredicate *predicate);

bool
pmn_predicate_may_match(const PmnPredicate *predicate, const PmnSchema *schema,
						PmnFieldStats stats, void *context, int64_t row_count)
{
	Pruning pruning = {schema, stats, context, row_count};

	return node_may_match(&pruning, predicate, 0);
}

static bool
node_may_match(const Pruning *pruning, const PmnPredicate *predicate, int depth)
{
	bool is_and = predicate->op == PMN_PREDICATE_AND;

	if (!is_and && predicate->op != PMN_PREDICATE_OR)
		return leaf_may_match(pruning, predicate);
	if (depth >= DEPTH_MAX)
		return true;
	for (uint32_t i = 0; i < predicate->child_count; i++)
		if (node_may_match(pruning, predicate->children[i], depth + 1) !=
			is_and)
			return !is_and;
	return is_and;
}

static bool
is_float(const PmnType *type)
{
	return type->kind == PMN_TYPE_FLOAT || type->kind == PMN_TYPE_DOUBLE;
}

/* Whether min <= literal <= max, as far as we know. */
static bool
may_equal(const PmnType *type, const PmnColumnStats *stats,
		  const PmnValue *literal)
{
	if (literal->is_null)
		return false;
	if (is_float(type) && isnan(literal->as.f64))
		return true;
	return pmn_value_compare(type, &stats->min, literal) <= 0 &&
		   pmn_value_compare(type, literal, &stats->max) <= 0;
}

static bool
may_differ(const PmnType *type, const PmnColumnStats *stats,
		   const PmnValue *literal)
{
	if (is_float(type) || pmn_type_vector_kind(type) == PMN_VECTOR_BYTES)
		return true;
	return pmn_value_compare(type, &stats->min, literal) != 0 ||
		   pmn_value_compare(type, &stats->max, literal) != 0;
}

/* Values with the prefix start at it, and before its first bytes go up. */
static bool
may_start_with(const PmnColumnStats *stats, PmnBytes prefix)
{
	PmnBytes head = stats->min.as.bytes;

	if (head.size > prefix.size)
		head.size = prefix.size;
	return pmn_bytes_compare(head, prefix) <= 0 &&
		   pmn_bytes_compare(stats->max.as.bytes, prefix) >= 0;
}

static bool
bounds_may_match(const PmnType *type, const PmnColumnStats *stats,
				 const PmnPredicate *predicate)
{
	const PmnValue *literal = &predicate->literals[0];

	switch (predicate->op)
	{
		case PMN_PREDICATE_EQ:
			return may_equal(type, stats, literal);
		case PMN_PREDICATE_NE:
			return may_differ(type, stats, literal);
		case PMN_PREDICATE_LT:
			return pmn_value_compare(type, &stats->min, literal) < 0;
		case PMN_PREDICATE_LE:
			return pmn_value_compare(type, &stats->min, literal) <= 0;
		case PMN_PREDICATE_GT:
			return is_float(type) ||
				   pmn_value_compare(type, &stats->max, literal) > 0;
		case PMN_PREDICATE_GE:
			return is_float(type) ||
				   pmn_value_compare(type, &stats->max, literal) >= 0;
		case PMN_PREDICATE_IN:
			for (uint32_t i = 0; i < predicate->literal_count; i++)
				if (may_equal(type, stats, &predicate->literals[i]))
					return true;
			return false;
		case PMN_PREDICATE_STARTS_WITH:
			return may_start_with(stats, literal->as.bytes);
		case PMN_PREDICATE_AND:
		case PMN_PREDICATE_OR:
		case PMN_PREDICATE_IS_NULL:
		case PMN_PREDICATE_NOT_NULL:
			break;
	}
	return true;
}

static bool
leaf_may_match(const Pruning *pruning, const PmnPredicate *predicate)
{
	PmnColumnStats stats = {0};
	const PmnType *type;
	bool is_all_null;

	PMN_ASSERT(predicate->field >= 0 &&
			   (uint32_t) predicate->field < pruning->schema->field_count);
	type = &pruning->schema->fields[predicate->field].type;
	if (!pruning->stats(pruning->context, predicate->field, &stats))
		return true;
	is_all_null =
		pruning->row_count > 0 && stats.null_count == pruning->row_count;
	if (predicate->op == PMN_PREDICATE_IS_NULL)
		return stats.null_count != 0;
	if (is_all_null)
		return false;
	if (predicate->op == PMN_PREDICATE_NOT_NULL || stats.min.is_null ||
		stats.max.is_null || !pmn_type_is_comparable(type))
		return true;
	if (predicate->op != PMN_PREDICATE_IN && predicate->literals[0].is_null)
		return false;
	if (is_float(type) && isnan(stats.min.as.f64))
		return true;
	return bounds_may_match(type, &stats, predicate);
}
