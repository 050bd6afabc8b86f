/*
 * table_scan.c
 *
 * Planning: a snapshot, uncommitted files of the session and a filter become
 * splits. Only metadata is read.
 *
 *   1. The filter is cut in two: conjuncts on partition columns alone, which
 *      the manifest's partition rows decide exactly, and the rest.
 *   2. Manifests whose partition ranges cannot match are skipped; entries of
 *      the others are filtered by partition while they are decoded. ADDs and
 *      DELETEs are treated alike, so that skipped ones balance.
 *   3. ADDs without the DELETEd ones are the live files. Files of pending
 *      messages join before that: one that has been committed meanwhile is
 *      in the list already, or has its DELETE there.
 *   4. Buckets, then files, are pruned and become splits (table_split.c).
 *
 * Postpone buckets (< 0) hold rows that are not part of the table yet.
 */
#include "table_scan.h"

#include <stdlib.h>

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

/* What the reading of manifests needs to know. */
typedef struct Collector
{
	PmnScan *scan;
	PmnPartitionMatcher matcher;
	int64_t pruned; /* ADDs less DELETEs that the partition filter dropped */
} Collector;

static bool
keep_entry(void *context, const PmnManifestEntry *entry)
{
	Collector *collector = context;

	if (entry->bucket < 0)
		return false;
	if (pmn_partition_matches(&collector->matcher, entry->partition))
		return true;
	collector->pruned += entry->kind == PMN_ENTRY_ADD ? 1 : -1;
	return false;
}

/* A count from a file, made safe to add up. */
static int64_t
sane_count(int64_t count)
{
	const int64_t count_max = (int64_t) 1 << 40;

	return count < 0 ? 0 : count > count_max ? count_max : count;
}

static PmnCode
collect_manifests(Collector *collector, const PmnManifestList *manifests,
				  PmnArena *scratch)
{
	PmnScan *scan = collector->scan;

	for (size_t i = 0; i < manifests->count; i++)
	{
		const PmnManifestMeta *meta = &manifests->items[i];
		bool may_match = true;

		if (meta->added_file_count == 0 && meta->deleted_file_count == 0)
			continue;
		if (meta->has_max_bucket && meta->max_bucket < 0)
			continue;
		PMN_TRY(pmn_poll(scan->env));
		pmn_arena_reset(scratch);
		PMN_TRY(pmn_manifest_may_match(&collector->matcher, scratch, meta,
									   &may_match));
		if (!may_match)
		{
			collector->pruned += sane_count(meta->added_file_count) -
								 sane_count(meta->deleted_file_count);
			continue;
		}
		PMN_TRY(pmn_manifest_read(scan->table->fs, scan->arena,
								  &scan->table->lsm.path, meta, keep_entry,
								  collector, &scan->entries));
		PMN_TRY(collector->matcher.code);
	}
	return PMN_OK;
}

static PmnCode
collect_snapshot(Collector *collector, const PmnScanRequest *request,
				 PmnArena *scratch)
{
	PmnScan *scan = collector->scan;
	PmnManifestList manifests = {NULL, 0, 0};
	PmnSnapshot *snapshot = NULL;
	PmnCode code;

	if (request->snapshot_id == 0 && request->tag == NULL)
		return PMN_OK;
	code =
		pmn_table_read_snapshot(scan->table, scan->arena, request->snapshot_id,
								request->tag, &snapshot);
	PMN_TRY(code);
	scan->stats.snapshot_id = snapshot->info.id;
	scan->is_tagged = request->tag != NULL;
	code = pmn_table_manifests(scan->table, scan->arena, snapshot, &manifests);
	if (code == PMN_OK)
		code = collect_manifests(collector, &manifests, scratch);
	pmn_array_free(scan->env, &manifests);
	return pmn_table_explain_missing(scan->table, scan->arena,
									 scan->is_tagged ? 0 : snapshot->info.id,
									 code);
}

/* Files of a message that the snapshot does not know yet. */
static PmnCode
collect_message(Collector *collector, const PmnEntrySet *present,
				const PmnMessage *message)
{
	PmnScan *scan = collector->scan;

	for (size_t i = 0; i < message->new_files.count; i++)
	{
		const PmnManifestEntry *entry = &message->new_files.items[i];

		if (pmn_entry_set_has(present, entry) || !keep_entry(collector, entry))
			continue;
		PMN_TRY(pmn_array_reserve(scan->env, &scan->entries, 1));
		/* A copy: messages may be closed before the scan is. */
		PMN_TRY(pmn_manifest_entry_copy(
			scan->arena, entry, &scan->entries.items[scan->entries.count]));
		scan->entries.count++;
	}
	return collector->matcher.code;
}

static PmnCode
fill_present(PmnScan *scan, PmnEntrySet *present)
{
	for (size_t i = 0; i < scan->entries.count; i++)
	{
		if (scan->entries.items[i].kind == PMN_ENTRY_ADD)
			PMN_TRY(pmn_entry_set_add(present, &scan->entries.items[i]));
	}
	return PMN_OK;
}

static PmnCode
collect_pending(Collector *collector, const PmnScanRequest *request)
{
	PmnScan *scan = collector->scan;
	PmnEntrySet present;
	size_t more = 0;
	PmnCode code;

	if (request->pending_count == 0)
		return PMN_OK;
	/* Room first: present points into the list. */
	for (uint32_t i = 0; i < request->pending_count; i++)
		more += request->pending[i]->new_files.count;
	PMN_TRY(pmn_array_reserve(scan->env, &scan->entries, more));
	pmn_entry_set_init(&present, scan->env);
	code = fill_present(scan, &present);
	for (uint32_t i = 0; code == PMN_OK && i < request->pending_count; i++)
		code = collect_message(collector, &present, request->pending[i]);
	pmn_entry_set_free(&present);
	return code;
}

static PmnCode
collect(PmnScan *scan, const PmnScanRequest *request)
{
	Collector collector = {.scan = scan};
	PmnArena *scratch = NULL;
	PmnCode code;

	code = pmn_partition_matcher_init(&collector.matcher, scan->table,
									  scan->arena, scan->partition_filter);
	if (code == PMN_OK)
		code = pmn_arena_create(scan->env, 0, &scratch);
	if (code == PMN_OK)
		code = collect_snapshot(&collector, request, scratch);
	if (code == PMN_OK)
		code = collect_pending(&collector, request);
	if (code == PMN_OK)
		code = pmn_entries_live(scan->env, &scan->entries, false);
	if (code == PMN_OK && collector.pruned > 0)
		scan->stats.files_pruned_partition = (uint64_t) collector.pruned;
	scan->stats.files_total =
		scan->entries.count + scan->stats.files_pruned_partition;
	pmn_partition_matcher_free(&collector.matcher);
	pmn_arena_destroy(scratch);
	return code;
}

/* ---- buckets ---------------------------------------------------------- */

static PmnCode
prune_buckets(PmnScan *scan, PmnFileStats *stats)
{
	PmnBucketPruner *pruner = NULL;
	size_t kept = 0;

	PMN_TRY(pmn_bucket_pruner_make(scan, &pruner));
	if (pruner == NULL)
		return PMN_OK;
	for (size_t i = 0; i < scan->entries.count; i++)
	{
		bool keep = true;

		PMN_TRY(pmn_bucket_may_match(pruner, stats, &scan->entries.items[i],
									 &keep));
		if (keep)
			scan->entries.items[kept++] = scan->entries.items[i];
	}
	scan->stats.files_pruned_bucket = scan->entries.count - kept;
	scan->entries.count = kept;
	return PMN_OK;
}

static bool
ranges_overlap(const PmnDataFile *a, const PmnDataFile *b)
{
	/* Wide: the numbers come from a file. */
	PmnInt128 a_end = (PmnInt128) a->first_row_id + a->row_count;
	PmnInt128 b_end = (PmnInt128) b->first_row_id + b->row_count;

	return a->first_row_id < b_end && b->first_row_id < a_end;
}

static int
compare_row_ids(const void *a, const void *b)
{
	const PmnManifestEntry *x = *(PmnManifestEntry *const *) a;
	const PmnManifestEntry *y = *(PmnManifestEntry *const *) b;

	return x->file.first_row_id < y->file.first_row_id	 ? -1
		   : x->file.first_row_id > y->file.first_row_id ? 1
														 : 0;
}

/* Files of data-evolution tables that hold some columns only must be put
 * together side by side, which we do not do. */
static PmnCode
check_data_evolution(PmnScan *scan)
{
	size_t count = scan->entries.count;
	PmnManifestEntry **sorted;
	bool is_plain = true;

	if (!scan->table->options.data_evolution || count == 0)
		return PMN_OK;
	sorted = pmn_arena_alloc(scan->arena, count * sizeof(*sorted));
	if (sorted == NULL)
		return PMN_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		sorted[i] = &scan->entries.items[i];
	qsort(sorted, count, sizeof(*sorted), compare_row_ids);
	for (size_t i = 0; i < count; i++)
	{
		if (sorted[i]->file.has_write_cols || !sorted[i]->file.has_first_row_id)
			is_plain = false;
		if (i > 0 && ranges_overlap(&sorted[i - 1]->file, &sorted[i]->file))
			is_plain = false;
	}
	if (is_plain)
		return PMN_OK;
	(void) pmn_fail(scan->env, PMN_UNSUPPORTED,
					"table \"%s\" has files that hold some columns only",
					scan->table->name);
	return pmn_detail(scan->env,
					  "Option \"data-evolution.enabled\" is \"true\".");
}

static PmnCode
make_splits(PmnScan *scan, PmnFileStats *stats)
{
	const PmnLsm *lsm = &scan->table->lsm;
	const PmnPredicate *key_filter = NULL;
	PmnEntryGroup *groups = NULL;
	uint32_t group_count = 0;
	bool *allowed;

	PMN_TRY(check_data_evolution(scan));
	PMN_TRY(prune_buckets(scan, stats));
	if (lsm->is_keyed && scan->row_filter != NULL)
	{
		allowed = pmn_arena_alloc(scan->arena, lsm->schema->field_count);
		if (allowed == NULL)
			return PMN_NO_MEMORY;
		pmn_table_mark_fields(allowed, lsm->key_fields, lsm->key_count);
		PMN_TRY(pmn_predicate_only(scan->arena, scan->row_filter, allowed,
								   &key_filter));
	}
	PMN_TRY(pmn_entries_group(scan->env, scan->arena, &scan->entries, &groups,
							  &group_count));
	for (uint32_t g = 0; g < group_count; g++)
	{
		PMN_TRY(pmn_poll(scan->env));
		PMN_TRY(pmn_split_bucket(scan, stats, key_filter, &groups[g]));
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
	PMN_TRY(collect(scan, request));
	PMN_TRY(pmn_file_stats_init(&stats, scan->table, scan->arena));
	code = make_splits(scan, &stats);
	pmn_file_stats_free(&stats);
	if (scan->stats.merged_sections > 0)
		scan->stats.merge_engine = "deduplicate";
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
