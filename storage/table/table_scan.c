/*
 * table_scan.c
 *
 * Planning: a snapshot, uncommitted files of the session and a filter become
 * splits. Only metadata is read.
 *
 *   1. The filter is cut in two: conjuncts on partition columns alone, which
 *      the manifest's partition rows decide exactly, and the rest.
 *   2. The manifests are looked through for live files that can matter
 *      (table_scan_collect.c).
 *   3. Buckets, then files, are pruned and become splits (table_split.c).
 *
 * Postpone buckets (< 0) hold rows that are not part of the table yet.
 */
#include "table_scan.h"

#define DEFAULT_MEMORY_LIMIT (64u << 20)

static bool
uses_only(const PmnPredicate *predicate, const bool *allowed)
{
	if (predicate->op != PMN_PREDICATE_AND && predicate->op != PMN_PREDICATE_OR)
		return allowed[predicate->field];
	for (uint32_t i = 0; i < predicate->child_count; i++)
	{
		if (!uses_only(predicate->children[i], allowed))
			return false;
	}
	return true;
}

/* The conjuncts that pmn_predicate_only leaves out; NULL when none. */
static PmnCode
rest_of(PmnArena *arena, const PmnPredicate *predicate, const bool *allowed,
		const PmnPredicate **out)
{
	const PmnPredicate **children;
	PmnPredicate *all;
	uint32_t count = 0;

	*out = uses_only(predicate, allowed) ? NULL : predicate;
	if (*out == NULL || predicate->op != PMN_PREDICATE_AND)
		return PMN_OK;
	children = pmn_arena_alloc(arena, predicate->child_count *
										  sizeof(const PmnPredicate *));
	all = pmn_arena_alloc(arena, sizeof(*all));
	if (children == NULL || all == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < predicate->child_count; i++)
	{
		const PmnPredicate *child = NULL;

		PMN_TRY(rest_of(arena, predicate->children[i], allowed, &child));
		if (child != NULL)
			children[count++] = child;
	}
	PMN_ASSERT(count > 0);
	all->op = PMN_PREDICATE_AND;
	all->children = children;
	all->child_count = count;
	*out = count == 1 ? children[0] : all;
	return PMN_OK;
}

static PmnCode
cut_filter(PmnScan *scan, const PmnPredicate *filter)
{
	const PmnLsm *lsm = &scan->table->lsm;
	PmnPredicate *copy = NULL;
	bool *allowed;

	if (filter == NULL)
		return PMN_OK;
	PMN_TRY(pmn_predicate_copy(scan->arena, filter, &copy));
	scan->row_filter = copy;
	if (lsm->partition_count == 0)
		return PMN_OK;
	allowed = pmn_arena_alloc(scan->arena, lsm->schema->field_count);
	if (allowed == NULL)
		return PMN_NO_MEMORY;
	pmn_table_mark_fields(allowed, lsm->partition_fields, lsm->partition_count);
	PMN_TRY(pmn_predicate_only(scan->arena, copy, allowed,
							   &scan->partition_filter));
	return rest_of(scan->arena, copy, allowed, &scan->row_filter);
}

/* What the rest of the filter says about the key. */
static PmnCode
find_key_filter(PmnScan *scan)
{
	const PmnLsm *lsm = &scan->table->lsm;
	bool *allowed;

	if (!lsm->is_keyed || scan->row_filter == NULL)
		return PMN_OK;
	allowed = pmn_arena_alloc(scan->arena, lsm->schema->field_count);
	if (allowed == NULL)
		return PMN_NO_MEMORY;
	pmn_table_mark_fields(allowed, lsm->key_fields, lsm->key_count);
	return pmn_predicate_only(scan->arena, scan->row_filter, allowed,
							  &scan->key_filter);
}

static PmnCode
make_splits(PmnScan *scan, PmnFileStats *stats)
{
	PmnEntryGroup *groups = NULL;
	uint32_t group_count = 0;

	PMN_TRY(pmn_entries_group(scan->env, scan->arena, &scan->entries, &groups,
							  &group_count));
	for (uint32_t g = 0; g < group_count; g++)
	{
		PMN_TRY(pmn_poll(scan->env));
		PMN_TRY(pmn_split_bucket(scan, stats, scan->key_filter, &groups[g]));
	}
	return PMN_OK;
}

static PmnCode
plan(PmnScan *scan, const PmnScanRequest *request)
{
	PmnFileStats stats;
	PmnCode code;

	PMN_TRY(pmn_table_check_read(scan->table));
	PMN_TRY(cut_filter(scan, request->filter));
	PMN_TRY(find_key_filter(scan));
	scan->keep_retractions = request->keep_retractions;
	scan->pack_updates = request->pack_updates;
	if (request->changes != NULL)
		return pmn_changes_plan(scan, request->changes);
	PMN_TRY(pmn_file_stats_init(&stats, scan->table, scan->arena));
	code = pmn_scan_collect(scan, request, &stats);
	if (code == PMN_OK)
		code = make_splits(scan, &stats);
	pmn_file_stats_free(&stats);
	if (scan->stats.merged_sections > 0)
		scan->stats.merge_engine =
			pmn_merge_lookup(scan->table->options.merge_engine)->name;
	return code;
}

PmnCode
pmn_scan_plan(PmnTable *table, const PmnScanRequest *request, PmnScan **out)
{
	PmnScan *scan = pmn_alloc(table->env, sizeof(*scan));
	PmnCode code;

	*out = NULL;
	if (scan == NULL)
		return PMN_NO_MEMORY;
	scan->env = table->env;
	scan->table = table;
	scan->stats.snapshot_id = request->snapshot_id;
	scan->memory_limit_bytes = request->memory_limit_bytes == 0
								   ? DEFAULT_MEMORY_LIMIT
								   : request->memory_limit_bytes;
	code = pmn_arena_create(table->env, 0, &scan->arena);
	if (code == PMN_OK)
		code = plan(scan, request);
	if (code == PMN_OK)
		*out = scan;
	else
		pmn_scan_close(scan);
	return code;
}

void
pmn_scan_close(PmnScan *scan)
{
	if (scan == NULL)
		return;
	pmn_array_free(scan->env, &scan->parts);
	pmn_array_free(scan->env, &scan->splits);
	pmn_array_free(scan->env, &scan->entries);
	pmn_arena_destroy(scan->arena);
	pmn_free(scan->env, scan, sizeof(*scan));
}

const PmnScanStats *
pmn_scan_stats(const PmnScan *scan)
{
	return &scan->stats;
}
