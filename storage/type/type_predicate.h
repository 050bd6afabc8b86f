/*
 * type_predicate.h
 *
 * Predicates evaluated on batches (exactly, column at a time) and on
 * statistics (may the file hold a matching row?).
 */
#ifndef TYPE_PREDICATE_H
#define TYPE_PREDICATE_H

#include "type_stats.h"

/*
 * pmn_predicate_select -- rows of the batch that match. field_columns[f] is
 * the batch column of schema field f, or -1; every field the predicate uses
 * must be there (PMN_ASSERT). in/in_count are the rows to look at (NULL: all).
 * out has room for in_count (or row_count) indices; ascending.
 */
PMN_CHECKED PmnCode pmn_predicate_select(
	PmnEnv *env, const PmnPredicate *predicate, const PmnSchema *schema,
	const int32_t *field_columns, const PmnBatch *batch, const uint32_t *in,
	uint32_t in_count, uint32_t *out, uint32_t *out_count);

/*
 * Statistics of one field for pruning: false when nothing is known. Filled
 * by the caller's function for the schema field.
 */
typedef bool (*PmnFieldStats)(void *context, int32_t field,
							  PmnColumnStats *stats);

/* false only when no row can match. row_count is the file's. */
bool pmn_predicate_may_match(const PmnPredicate *predicate,
							 const PmnSchema *schema, PmnFieldStats stats,
							 void *context, int64_t row_count);

/* Mark the fields a predicate uses in used[field_count]. */
void pmn_predicate_fields(const PmnPredicate *predicate, bool *used);

/*
 * pmn_predicate_only -- the part of a predicate (its AND conjuncts) that uses
 * only fields with allowed[field]; NULL when nothing is left. Implied by
 * the whole, never stronger. Made in arena.
 */
PMN_CHECKED PmnCode pmn_predicate_only(PmnArena *arena,
									   const PmnPredicate *predicate,
									   const bool *allowed,
									   const PmnPredicate **out);

#endif /* TYPE_PREDICATE_H */
