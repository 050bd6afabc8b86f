/*
 * table_scan_prune.c
 *
 * Leaving out files by what the metadata proves.
 *
 * Buckets: when equalities of the filter fix every bucket-key column, the
 * wanted rows lie in a few buckets. They are computed with the bucket count of
 * each entry, because a rescaled table has partitions of several counts, and
 * only for files whose bucket-key columns had the same types.
 *
 * Statistics: key statistics judge each file of a keyed table, because all
 * versions of a key are judged alike. Value statistics may judge a file only
 * where no other file can hold another version of its keys (table_split.c
 * knows where); otherwise an old version could come back.
 */
#include "table_scan.h"

#include <string.h>

#define KEY_TUPLES_MAX 4096
#define TOTAL_BUCKETS_MAX (1 << 20)

/* The buckets that can match under one bucket count. */
typedef struct BucketMask
{
	int32_t total_buckets;
	bool *may_match;
} BucketMask;

struct PmnBucketPruner
{
	PmnScan *scan;
	const uint32_t *fields; /* bucket key */
	const PmnType **types;
	uint32_t count;
	const PmnPredicate **equalities; /* an EQ or IN for each field */
	uint32_t tuple_count;
	/* Masks made so far; more than a handful of counts is rare. */
	BucketMask masks[16];
	uint32_t mask_count;
};

/* An EQ or IN of field among the conjuncts; NULL when there is none. */
static const PmnPredicate *
find_equality(const PmnPredicate *predicate, uint32_t field)
{
	if (predicate->op == PMN_PREDICATE_AND)
	{
		for (uint32_t i = 0; i < predicate->child_count; i++)
		{
			const PmnPredicate *found =
				find_equality(predicate->children[i], field);

			if (found != NULL)
				return found;
		}
		return NULL;
	}
	if ((predicate->op == PMN_PREDICATE_EQ ||
		 predicate->op == PMN_PREDICATE_IN) &&
		predicate->field == (int32_t) field && predicate->literal_count > 0)
		return predicate;
	return NULL;
}

static PmnCode
bucket_key(PmnScan *scan, PmnBucketPruner *pruner)
{
	const PmnTable *table = scan->table;
	const PmnSchema *schema = table->lsm.schema;
	uint32_t count = table->options.bucket_key_count;
	uint32_t *fields = pmn_arena_alloc(scan->arena, count * sizeof(*fields));

	pruner->types =
		pmn_arena_alloc(scan->arena, count * sizeof(const PmnType *));
	if (fields == NULL || pruner->types == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
	{
		int32_t field =
			pmn_schema_field_index(schema, table->options.bucket_keys[i]);

		/* A column of another time; then nothing is pruned. */
		if (field < 0)
			return PMN_OK;
		fields[i] = (uint32_t) field;
		pruner->types[i] = &schema->fields[field].type;
	}
	pruner->fields = fields;
	pruner->count = count;
	return PMN_OK;
}

PmnCode
pmn_bucket_pruner_make(PmnScan *scan, PmnBucketPruner **out)
{
	PmnBucketPruner *pruner;
	uint64_t tuples = 1;

	*out = NULL;
	if (scan->row_filter == NULL)
		return PMN_OK;
	pruner = pmn_arena_alloc(scan->arena, sizeof(*pruner));
	if (pruner == NULL)
		return PMN_NO_MEMORY;
	pruner->scan = scan;
	PMN_TRY(bucket_key(scan, pruner));
	if (pruner->count == 0)
		return PMN_OK;
	pruner->equalities = pmn_arena_alloc(
		scan->arena, pruner->count * sizeof(const PmnPredicate *));
	if (pruner->equalities == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < pruner->count; i++)
	{
		pruner->equalities[i] =
			find_equality(scan->row_filter, pruner->fields[i]);
		if (pruner->equalities[i] == NULL)
			return PMN_OK;
		tuples *= pruner->equalities[i]->literal_count;
		if (tuples > KEY_TUPLES_MAX)
			return PMN_OK;
	}
	pruner->tuple_count = (uint32_t) tuples;
	*out = pruner;
	return PMN_OK;
}

static PmnCode
fill_mask(PmnBucketPruner *pruner, BucketMask *mask, PmnBuffer *scratch,
		  PmnValue *values)
{
	PmnBucketFunction function = pruner->scan->table->options.bucket_function;

	for (uint32_t tuple = 0; tuple < pruner->tuple_count; tuple++)
	{
		uint32_t rest = tuple;
		int32_t bucket = 0;

		for (uint32_t i = 0; i < pruner->count; i++)
		{
			const PmnPredicate *equality = pruner->equalities[i];

			values[i] = equality->literals[rest % equality->literal_count];
			rest /= equality->literal_count;
		}
		PMN_TRY(pmn_bucket_of(function, pruner->types, values, pruner->count,
							  mask->total_buckets, scratch, &bucket));
		PMN_ASSERT(bucket >= 0 && bucket < mask->total_buckets);
		mask->may_match[bucket] = true;
	}
	return PMN_OK;
}

/* *out NULL when there are too many bucket counts, or buckets. */
static PmnCode
find_mask(PmnBucketPruner *pruner, int32_t total_buckets, BucketMask **out)
{
	PmnArena *arena = pruner->scan->arena;
	BucketMask *mask;
	PmnBuffer scratch;
	PmnValue *values;
	PmnCode code;

	*out = NULL;
	for (uint32_t i = 0; i < pruner->mask_count; i++)
	{
		if (pruner->masks[i].total_buckets == total_buckets)
			*out = &pruner->masks[i];
	}
	if (*out != NULL || pruner->mask_count == 16 ||
		total_buckets > TOTAL_BUCKETS_MAX)
		return PMN_OK;
	mask = &pruner->masks[pruner->mask_count];
	mask->total_buckets = total_buckets;
	mask->may_match = pmn_arena_alloc(arena, (size_t) total_buckets);
	values = pmn_arena_alloc(arena, pruner->count * sizeof(*values));
	if (mask->may_match == NULL || values == NULL)
		return PMN_NO_MEMORY;
	pmn_buffer_init(&scratch, pruner->scan->env);
	code = fill_mask(pruner, mask, &scratch, values);
	pmn_buffer_free(&scratch);
	PMN_TRY(code);
	pruner->mask_count++;
	*out = mask;
	return PMN_OK;
}

PmnCode
pmn_bucket_may_match(PmnBucketPruner *pruner, PmnFileStats *stats,
					 const PmnManifestEntry *entry, bool *out)
{
	BucketMask *mask = NULL;

	*out = true;
	if (entry->total_buckets <= 0 || entry->bucket < 0 ||
		entry->bucket >= entry->total_buckets)
		return PMN_OK;
	PMN_TRY(pmn_file_stats_schema(stats, &entry->file));
	for (uint32_t i = 0; i < pruner->count; i++)
	{
		if (!stats->same_type[pruner->fields[i]])
			return PMN_OK;
	}
	PMN_TRY(find_mask(pruner, entry->total_buckets, &mask));
	if (mask != NULL)
		*out = mask->may_match[entry->bucket];
	return PMN_OK;
}

PmnCode
pmn_prune_by_key(PmnScan *scan, PmnFileStats *stats,
				 const PmnPredicate *key_filter, const PmnDataFile *file,
				 bool *keep)
{
	*keep = true;
	if (key_filter == NULL || scan->is_judged)
		return PMN_OK;
	PMN_TRY(pmn_file_stats_keys(stats, file));
	*keep =
		pmn_predicate_may_match(key_filter, scan->table->lsm.schema,
								pmn_file_stats_field, stats, file->row_count);
	return PMN_OK;
}

PmnCode
pmn_prune_by_value(PmnScan *scan, PmnFileStats *stats, const PmnDataFile *file,
				   bool *keep)
{
	*keep = true;
	if (scan->row_filter == NULL ||
		(scan->is_judged && !scan->table->lsm.is_keyed))
		return PMN_OK;
	PMN_TRY(pmn_file_stats_values(stats, file));
	*keep =
		pmn_predicate_may_match(scan->row_filter, scan->table->lsm.schema,
								pmn_file_stats_field, stats, file->row_count);
	return PMN_OK;
}

/* ---- statistics of the whole scan ------------------------------------- */

/* Fold one file's column into the scan's. */
static void
fold(const PmnType *type, PmnColumnStats *total, bool *known,
	 const PmnColumnStats *file, bool file_known, int64_t row_count)
{
	bool all_null = file_known && file->null_count == row_count;

	if (!*known)
		return;
	if (!file_known || file->null_count < 0 ||
		(!all_null && (file->min.is_null || file->max.is_null)))
	{
		*known = false;
		return;
	}
	total->null_count += file->null_count;
	if (all_null)
		return;
	if (total->min.is_null ||
		pmn_value_compare(type, &file->min, &total->min) < 0)
		total->min = file->min;
	if (total->max.is_null ||
		pmn_value_compare(type, &file->max, &total->max) > 0)
		total->max = file->max;
}

static PmnCode
fold_file(PmnScan *scan, PmnFileStats *stats, const PmnDataFile *file)
{
	const PmnSchema *schema = scan->table->lsm.schema;
	PmnScanColumns *columns = scan->columns;

	PMN_TRY(pmn_file_stats_values(stats, file));
	for (uint32_t f = 0; f < schema->field_count; f++)
		fold(&schema->fields[f].type, &columns->stats[f], &columns->known[f],
			 &stats->columns[f], stats->known[f], file->row_count);
	return PMN_OK;
}

static PmnCode
fold_split(PmnScan *scan, PmnFileStats *stats, const PmnSplit *split)
{
	if (split->join != NULL)
		memset(scan->columns->known, 0, scan->table->lsm.schema->field_count);
	for (uint32_t i = 0; i < split->file_count; i++)
		PMN_TRY(fold_file(scan, stats, split->files[i]));
	for (uint32_t r = 0;
		 split->section != NULL && r < split->section->run_count; r++)
	{
		const PmnLevelRun *run = &split->section->runs[r];

		for (uint32_t i = 0; i < run->file_count; i++)
			PMN_TRY(fold_file(scan, stats, run->files[i].file));
	}
	return PMN_OK;
}

static PmnCode
gather_columns(PmnScan *scan)
{
	uint32_t count = scan->table->lsm.schema->field_count;
	PmnFileStats stats;
	PmnCode code = PMN_OK;

	scan->columns = pmn_arena_alloc(scan->arena, sizeof(*scan->columns));
	if (scan->columns == NULL)
		return PMN_NO_MEMORY;
	scan->columns->stats =
		pmn_arena_alloc(scan->arena, count * sizeof(PmnColumnStats));
	scan->columns->known = pmn_arena_alloc(scan->arena, count * sizeof(bool));
	if (scan->columns->stats == NULL || scan->columns->known == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_file_stats_init(&stats, scan->table, scan->arena));
	for (uint32_t f = 0; f < count; f++)
	{
		scan->columns->known[f] = scan->splits.count > 0;
		scan->columns->stats[f].min.is_null = true;
		scan->columns->stats[f].max.is_null = true;
	}
	for (size_t s = 0; code == PMN_OK && s < scan->splits.count; s++)
		code = fold_split(scan, &stats, &scan->splits.items[s]);
	pmn_file_stats_free(&stats);
	return code;
}

bool
pmn_scan_column_stats(const PmnScan *scan, int32_t field, PmnValue *min,
					  PmnValue *max, uint64_t *null_count)
{
	/* Gathering fills a cache, which is no change to a planned scan. */
	PmnScan *self = (PmnScan *) (uintptr_t) scan;
	const PmnColumnStats *stats;

	if (field < 0 || (uint32_t) field >= scan->table->lsm.schema->field_count)
		return false;
	if (scan->columns == NULL && gather_columns(self) != PMN_OK)
	{
		self->columns = NULL;
		return false;
	}
	if (!scan->columns->known[field])
		return false;
	stats = &scan->columns->stats[field];
	*min = stats->min;
	*max = stats->max;
	*null_count = (uint64_t) stats->null_count;
	return true;
}
