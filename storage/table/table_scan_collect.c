/*
 * table_scan_collect.c
 *
 * From manifests to the live files that can matter, touching little else:
 *
 *   1. Manifests whose partition ranges cannot match are not read.
 *   2. The DELETEs of the others are collected: a set of identities.
 *   3. Their ADDs are judged by what is cheapest first: partition (once for
 *      each distinct one), bucket, being deleted, key statistics, value
 *      statistics. Only entries that come through are kept, so memory grows
 *      with them and with the DELETEs, not with the table.
 *
 * Statistics judge a file here only where no other file has a say: by the key
 * in keyed tables, by value in others. An ADD that is dropped early cannot
 * bring anything back; DELETEs are dropped by partition alone, which an ADD
 * and its DELETE share.
 *
 * Files of pending messages join behind the snapshot's: one that has been
 * committed meanwhile is in the list already, or has its DELETE there.
 */
#include "table_scan.h"

typedef struct Collector
{
	PmnScan *scan;
	PmnFileStats *stats;
	PmnPartitionMatcher matcher;
	bool judges;			 /* by statistics, too */
	PmnFileIndexes *indexes; /* NULL: nothing to ask */
	PmnBucketPruner *pruner; /* NULL: the filter says nothing of buckets */
	PmnArena *scratch;		 /* of one manifest or entry */
	PmnArena *delete_arena;
	PmnEntrySet deleted;
	int64_t pruned_by_partition; /* ADDs less DELETEs */
	int64_t pruned_by_bucket;
	/* Of the manifest being looked at. */
	const PmnManifestHead *heads;
	const PmnBytes *partitions;
	uint32_t head_count;
	int8_t *matches; /* by partition: -1 when not yet asked */
} Collector;

/* A count from a file, made safe to add up. */
static int64_t
sane_count(int64_t count)
{
	const int64_t count_max = (int64_t) 1 << 40;

	return count < 0 ? 0 : count > count_max ? count_max : count;
}

/*
 * Rows of level 0 are not final in tables where a compaction finds out what a
 * new row replaces (first-row, deletion vectors): a read does not see them.
 */
static void
choose_levels(PmnScan *scan, const PmnScanRequest *request)
{
	const PmnTableOptions *options = &scan->table->options;
	bool is_keyed = scan->table->lsm.is_keyed;
	bool skips_level_0 = options->deletion_vectors
							 ? !options->deletion_vectors_merge_on_read
							 : options->merge_engine == PMN_MERGE_FIRST_ROW;

	scan->min_level = is_keyed && skips_level_0 ? 1 : 0;
	scan->max_level = INT32_MAX;
	if (is_keyed && request->read_optimized)
	{
		scan->min_level = options->num_levels - 1;
		scan->max_level = scan->min_level;
	}
}

/* An ADD and its DELETE are of one level: no DELETE is needed for an ADD that
 * is not seen. */
static bool
is_seen(const PmnScan *scan, int32_t level)
{
	return level >= scan->min_level && level <= scan->max_level;
}

/* ---- one entry ---------------------------------------------------------- */

/* By partition and bucket. DELETEs of other buckets are counted, but stay. */
static PmnCode
judge_head(Collector *collector, const PmnManifestHead *head,
		   PmnBytes partition, bool matches, bool *keep)
{
	int64_t one = head->kind == PMN_ENTRY_ADD ? 1 : -1;
	PmnManifestEntry probe = {.partition = partition,
							  .bucket = head->bucket,
							  .total_buckets = head->total_buckets,
							  .file = {.schema_id = head->schema_id}};

	*keep = false;
	/* Postpone buckets hold rows that are not part of the table yet. */
	if (head->bucket < 0 || !is_seen(collector->scan, head->level))
		return PMN_OK;
	if (!matches)
	{
		collector->pruned_by_partition += one;
		return PMN_OK;
	}
	*keep = true;
	if (collector->pruner == NULL)
		return PMN_OK;
	PMN_TRY(pmn_bucket_may_match(collector->pruner, collector->stats, &probe,
								 keep));
	if (!*keep)
		collector->pruned_by_bucket += one;
	*keep = *keep || head->kind == PMN_ENTRY_DELETE;
	return PMN_OK;
}

/* By statistics, where one file may be judged alone. */
static PmnCode
judge_statistics(Collector *collector, const PmnDataFile *file, bool *keep)
{
	PmnScan *scan = collector->scan;

	*keep = true;
	if (!collector->judges)
		return PMN_OK;
	if (scan->table->lsm.is_keyed)
		PMN_TRY(pmn_prune_by_key(scan, collector->stats, scan->key_filter, file,
								 keep));
	else
		PMN_TRY(pmn_prune_by_value(scan, collector->stats, file, keep));
	if (!*keep)
		scan->stats.files_pruned_statistics++;
	return PMN_OK;
}

/* The same by the index in the entry. */
static PmnCode
judge_index(Collector *collector, const PmnDataFile *file, bool *keep)
{
	PmnScan *scan = collector->scan;

	*keep = true;
	if (!collector->judges || scan->table->lsm.is_keyed)
		return PMN_OK;
	PMN_TRY(pmn_file_index_embedded(collector->indexes, file, keep));
	if (!*keep)
		scan->stats.files_pruned_file_index++;
	return PMN_OK;
}

static PmnCode
keep_entry(Collector *collector, const PmnManifestEntry *entry)
{
	PmnEntryList *entries = &collector->scan->entries;

	PMN_TRY(pmn_array_reserve(collector->scan->env, entries, 1));
	PMN_TRY(pmn_manifest_entry_copy(collector->scan->arena, entry,
									&entries->items[entries->count]));
	entries->count++;
	return PMN_OK;
}

static PmnCode
take_delete(Collector *collector, PmnManifestImage *image, uint32_t index)
{
	PmnManifestEntry *entry =
		pmn_arena_alloc(collector->delete_arena, sizeof(*entry));

	if (entry == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_manifest_image_entry(image, collector->scan->env,
									 PMN_ENTRY_IDENTITY, index,
									 collector->delete_arena, entry));
	if (pmn_entry_set_has(&collector->deleted, entry))
		return PMN_OK;
	return pmn_entry_set_add(&collector->deleted, entry);
}

/* Nothing can exclude the ADD: decode it to where it stays. */
static PmnCode
keep_add(Collector *collector, PmnManifestImage *image, uint32_t index)
{
	PmnScan *scan = collector->scan;
	PmnEntryList *entries = &scan->entries;

	PMN_TRY(pmn_array_reserve(scan->env, entries, 1));
	PMN_TRY(pmn_manifest_image_entry(image, scan->env, PMN_ENTRY_WHOLE, index,
									 scan->arena,
									 &entries->items[entries->count]));
	entries->count++;
	return PMN_OK;
}

/* Decode no more of an ADD than it takes to exclude it. */
static PmnCode
take_add(Collector *collector, PmnManifestImage *image, uint32_t index)
{
	PmnScan *scan = collector->scan;
	bool has_deleted = collector->deleted.items.count > 0;
	bool keep = true;
	PmnEntryView view =
		!collector->judges || has_deleted ? PMN_ENTRY_WHOLE : PMN_ENTRY_VALUES;
	PmnManifestEntry entry;

	if (!collector->judges && !has_deleted)
		return keep_add(collector, image, index);
	if (collector->judges && scan->table->lsm.is_keyed)
		view = PMN_ENTRY_KEYS;
	pmn_arena_reset(collector->scratch);
	PMN_TRY(pmn_manifest_image_entry(image, scan->env, view, index,
									 collector->scratch, &entry));
	if (has_deleted && pmn_entry_set_has(&collector->deleted, &entry))
		return PMN_OK;
	PMN_TRY(judge_statistics(collector, &entry.file, &keep));
	if (!keep)
		return PMN_OK;
	if (view != PMN_ENTRY_WHOLE)
		PMN_TRY(pmn_manifest_image_entry(image, scan->env, PMN_ENTRY_WHOLE,
										 index, collector->scratch, &entry));
	PMN_TRY(judge_index(collector, &entry.file, &keep));
	return keep ? keep_entry(collector, &entry) : PMN_OK;
}

/* ---- manifests ----------------------------------------------------------- */

static PmnCode
matches_partition(Collector *collector, uint32_t partition, bool *out)
{
	int8_t *known = &collector->matches[partition];

	if (*known < 0)
	{
		*known = pmn_partition_matches(&collector->matcher,
									   collector->partitions[partition]);
		PMN_TRY(collector->matcher.code);
	}
	*out = *known == 1;
	return PMN_OK;
}

static PmnCode
look_through(Collector *collector, PmnManifestImage *image, uint8_t kind)
{
	/* All will stay: no list that grows and is copied. */
	if (kind == PMN_ENTRY_ADD && !collector->judges &&
		collector->matcher.filter == NULL)
		PMN_TRY(pmn_array_reserve(collector->scan->env,
								  &collector->scan->entries,
								  collector->head_count));
	for (uint32_t i = 0; i < collector->head_count; i++)
	{
		const PmnManifestHead *head = &collector->heads[i];
		bool keep = false;

		if (i % 1024 == 0)
			PMN_TRY(pmn_poll(collector->scan->env));
		if (head->kind != kind)
			continue;
		PMN_TRY(matches_partition(collector, head->partition, &keep));
		PMN_TRY(judge_head(collector, head,
						   collector->partitions[head->partition], keep,
						   &keep));
		if (!keep)
			continue;
		if (kind == PMN_ENTRY_DELETE)
			PMN_TRY(take_delete(collector, image, i));
		else
			PMN_TRY(take_add(collector, image, i));
	}
	return PMN_OK;
}

static PmnCode
collect_manifest(Collector *collector, const PmnManifestMeta *meta,
				 uint8_t kind)
{
	PmnTable *table = collector->scan->table;
	PmnManifestPin pin;
	uint32_t partition_count;
	PmnCode code;

	PMN_TRY(pmn_poll(table->env));
	PMN_TRY(pmn_cache_manifest(table->catalog->cache, table->fs,
							   &table->lsm.path, meta, &pin));
	collector->heads =
		pmn_manifest_image_heads(pin.image, &collector->head_count);
	collector->partitions =
		pmn_manifest_image_partitions(pin.image, &partition_count);
	collector->matches = pmn_alloc_raw(table->env, partition_count + 1);
	code = PMN_NO_MEMORY;
	if (collector->matches != NULL)
	{
		memset(collector->matches, -1, partition_count + 1);
		code = look_through(collector, pin.image, kind);
	}
	pmn_free(table->env, collector->matches, partition_count + 1);
	pmn_manifest_pin_release(&pin);
	return code;
}

/* Leave only the manifests that may hold an entry that matters. */
static PmnCode
prune_manifests(Collector *collector, PmnManifestList *manifests)
{
	const PmnScan *scan = collector->scan;
	size_t kept = 0;

	for (size_t i = 0; i < manifests->count; i++)
	{
		const PmnManifestMeta *meta = &manifests->items[i];
		bool may_match = true;

		if (meta->added_file_count == 0 && meta->deleted_file_count == 0)
			continue;
		if (meta->has_max_bucket && meta->max_bucket < 0)
			continue;
		if ((meta->has_max_level && meta->max_level < scan->min_level) ||
			(meta->has_min_level && meta->min_level > scan->max_level))
			continue;
		pmn_arena_reset(collector->scratch);
		PMN_TRY(pmn_manifest_may_match(&collector->matcher, collector->scratch,
									   meta, &may_match));
		if (may_match)
			manifests->items[kept++] = *meta;
		else
			collector->pruned_by_partition +=
				sane_count(meta->added_file_count) -
				sane_count(meta->deleted_file_count);
	}
	manifests->count = kept;
	return PMN_OK;
}

static PmnCode
collect_manifests(Collector *collector, PmnManifestList *manifests)
{
	PMN_TRY(prune_manifests(collector, manifests));
	for (size_t i = 0; i < manifests->count; i++)
	{
		if (manifests->items[i].deleted_file_count != 0)
			PMN_TRY(collect_manifest(collector, &manifests->items[i],
									 PMN_ENTRY_DELETE));
	}
	for (size_t i = 0; i < manifests->count; i++)
	{
		if (manifests->items[i].added_file_count != 0)
			PMN_TRY(collect_manifest(collector, &manifests->items[i],
									 PMN_ENTRY_ADD));
	}
	return PMN_OK;
}

static PmnCode
collect_snapshot(Collector *collector, const PmnScanRequest *request)
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
	scan->index_manifest = snapshot->index_manifest;
	code = pmn_table_manifests(scan->table, scan->arena, snapshot, &manifests);
	if (code == PMN_OK)
		code = collect_manifests(collector, &manifests);
	pmn_array_free(scan->env, &manifests);
	return pmn_table_explain_missing(scan->table, scan->arena,
									 scan->is_tagged ? 0 : snapshot->info.id,
									 code);
}

/* ---- pending files ------------------------------------------------------- */

/* Files of a message that the snapshot does not know yet. */
static PmnCode
collect_message(Collector *collector, const PmnEntrySet *present,
				const PmnMessage *message)
{
	for (size_t i = 0; i < message->new_files.count; i++)
	{
		const PmnManifestEntry *entry = &message->new_files.items[i];
		PmnManifestHead head = {.bucket = entry->bucket,
								.total_buckets = entry->total_buckets,
								.schema_id = entry->file.schema_id,
								.level = (int16_t) entry->file.level,
								.kind = PMN_ENTRY_ADD};
		bool keep;

		if (pmn_entry_set_has(present, entry) ||
			pmn_entry_set_has(&collector->deleted, entry))
			continue;
		keep = pmn_partition_matches(&collector->matcher, entry->partition);
		PMN_TRY(collector->matcher.code);
		PMN_TRY(judge_head(collector, &head, entry->partition, keep, &keep));
		if (keep)
			PMN_TRY(judge_statistics(collector, &entry->file, &keep));
		if (keep)
			PMN_TRY(judge_index(collector, &entry->file, &keep));
		/* A copy: messages may be closed before the scan is. */
		if (keep)
			PMN_TRY(keep_entry(collector, entry));
	}
	return PMN_OK;
}

static PmnCode
fill_present(PmnScan *scan, PmnEntrySet *present)
{
	for (size_t i = 0; i < scan->entries.count; i++)
		PMN_TRY(pmn_entry_set_add(present, &scan->entries.items[i]));
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

/* ---- all of it ----------------------------------------------------------- */

static PmnCode
collect(Collector *collector, const PmnScanRequest *request)
{
	PmnScan *scan = collector->scan;

	PMN_TRY(pmn_partition_matcher_init(&collector->matcher, scan->table,
									   scan->arena, scan->partition_filter));
	PMN_TRY(pmn_bucket_pruner_make(scan, &collector->pruner));
	PMN_TRY(pmn_arena_create(scan->env, 0, &collector->scratch));
	PMN_TRY(pmn_arena_create(scan->env, 0, &collector->delete_arena));
	/* Columns of one row may lie in several files: all of them or none. */
	collector->judges = !scan->table->options.data_evolution &&
						(scan->table->lsm.is_keyed ? scan->key_filter
												   : scan->row_filter) != NULL;
	PMN_TRY(collect_snapshot(collector, request));
	PMN_TRY(collect_pending(collector, request));
	scan->is_judged = collector->judges;
	/* No DELETE is left; this finds files that were added twice. */
	PMN_TRY(pmn_entries_live(scan->env, &scan->entries, false));
	return pmn_table_explain_missing(
		scan->table, scan->arena, scan->is_tagged ? 0 : scan->stats.snapshot_id,
		pmn_scan_bind_deletions(scan, scan->index_manifest));
}

PmnCode
pmn_scan_collect(PmnScan *scan, const PmnScanRequest *request,
				 PmnFileStats *stats)
{
	Collector collector = {.scan = scan, .stats = stats};
	PmnScanStats *total = &scan->stats;
	PmnCode code;

	choose_levels(scan, request);
	pmn_entry_set_init(&collector.deleted, scan->env);
	code = collect(&collector, request);
	pmn_entry_set_free(&collector.deleted);
	pmn_file_indexes_close(collector.indexes);
	pmn_arena_destroy(collector.delete_arena);
	pmn_arena_destroy(collector.scratch);
	pmn_partition_matcher_free(&collector.matcher);
	if (collector.pruned_by_partition > 0)
		total->files_pruned_partition =
			(uint64_t) collector.pruned_by_partition;
	if (collector.pruned_by_bucket > 0)
		total->files_pruned_bucket = (uint64_t) collector.pruned_by_bucket;
	total->files_total = scan->entries.count + total->files_pruned_partition +
						 total->files_pruned_bucket +
						 total->files_pruned_statistics +
						 total->files_pruned_file_index;
	return code;
}
