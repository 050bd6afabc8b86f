/*
 * table_entries.c
 *
 * From a snapshot to its live files: the manifests of the base and the delta
 * list, read with an early filter, then ADDs without the DELETEd ones. The
 * filter looks at partition and bucket only. An ADD and its DELETE agree in
 * both, so dropping entries early never brings a deleted file back.
 *
 * Also here: sets of entries (by identity) and of partitions (by row), which
 * conflict checks and manifest merging need.
 */
#include "table_internal.h"

#include <string.h>

static PmnCode
read_list(PmnTable *table, PmnArena *arena, const char *name, int64_t size,
		  PmnManifestList *out)
{
	return pmn_cache_manifest_list(table->catalog->cache, table->fs, arena,
								   &table->lsm.path, name, size, out);
}

PmnCode
pmn_table_manifests(PmnTable *table, PmnArena *arena,
					const PmnSnapshot *snapshot, PmnManifestList *out)
{
	PMN_TRY(read_list(table, arena, snapshot->info.base_manifest_list,
					  snapshot->base_manifest_list_size, out));
	return read_list(table, arena, snapshot->info.delta_manifest_list,
					 snapshot->delta_manifest_list_size, out);
}

PmnCode
pmn_table_delta_manifests(PmnTable *table, PmnArena *arena,
						  const PmnSnapshot *snapshot, PmnManifestList *out)
{
	return read_list(table, arena, snapshot->info.delta_manifest_list,
					 snapshot->delta_manifest_list_size, out);
}

PmnCode
pmn_table_changelog_manifests(PmnTable *table, PmnArena *arena,
							  const PmnSnapshot *snapshot, PmnManifestList *out)
{
	if (snapshot->info.changelog_manifest_list == NULL)
		return PMN_OK;
	return read_list(table, arena, snapshot->info.changelog_manifest_list,
					 snapshot->changelog_manifest_list_size, out);
}

PmnCode
pmn_table_explain_missing(PmnTable *table, PmnArena *arena, int64_t id,
						  PmnCode code)
{
	PmnError error = table->env->error;
	char *path;
	bool exists = true;

	if (code != PMN_NOT_FOUND)
		return code;
	if (id != 0)
	{
		path = pmn_path_snapshot(arena, &table->lsm.path, id);
		if (path == NULL)
			return PMN_NO_MEMORY;
		PMN_TRY(pmn_fs_exists(table->fs, path, &exists));
	}
	if (!exists)
		return pmn_fail(table->env, PMN_EXPIRED,
						"snapshot %" PRId64 " of table \"%s\" expired while "
						"it was read",
						id, table->name);
	return pmn_fail(table->env, PMN_CORRUPT,
					"a file that table \"%s\" needs is missing: %s",
					table->name, error.message);
}

/* ---- partitions ------------------------------------------------------- */

PmnCode
pmn_partition_matcher_init(PmnPartitionMatcher *matcher, PmnTable *table,
						   PmnArena *arena, const PmnPredicate *filter)
{
	const PmnLsm *lsm = &table->lsm;
	uint32_t count = lsm->partition_count;

	memset(matcher, 0, sizeof(*matcher));
	matcher->table = table;
	matcher->filter = filter;
	pmn_buffer_init(&matcher->last_bytes, table->env);
	matcher->values = pmn_arena_alloc(arena, count * sizeof(PmnValue));
	matcher->columns = pmn_arena_alloc(arena, count * sizeof(PmnVector));
	matcher->field_columns =
		pmn_arena_alloc(arena, lsm->schema->field_count * sizeof(int32_t));
	if (matcher->values == NULL || matcher->columns == NULL ||
		matcher->field_columns == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t f = 0; f < lsm->schema->field_count; f++)
		matcher->field_columns[f] = -1;
	for (uint32_t i = 0; i < count; i++)
	{
		PmnVector *column = &matcher->columns[i];

		column->kind = pmn_type_vector_kind(lsm->partition_types[i]);
		column->nulls = pmn_arena_alloc(arena, 1);
		column->values = pmn_arena_alloc(arena, sizeof(PmnValue));
		if (column->nulls == NULL || column->values == NULL)
			return PMN_NO_MEMORY;
		matcher->field_columns[lsm->partition_fields[i]] = (int32_t) i;
	}
	matcher->batch.row_count = 1;
	matcher->batch.selected_count = 1;
	matcher->batch.column_count = count;
	matcher->batch.columns = matcher->columns;
	return PMN_OK;
}

void
pmn_partition_matcher_free(PmnPartitionMatcher *matcher)
{
	if (matcher->table != NULL)
		pmn_buffer_free(&matcher->last_bytes);
}

/* Store a value as the only row of a vector. */
static void
put_value(PmnVector *vector, const PmnValue *value)
{
	vector->nulls[0] = value->is_null;
	if (value->is_null)
	{
		memset(vector->values, 0, sizeof(PmnValue));
		return;
	}
	if (vector->kind == PMN_VECTOR_NONE)
		vector->nulls[0] = 1;
	pmn_vector_put(vector, 0, value);
}

static PmnCode
evaluate(PmnPartitionMatcher *matcher, PmnBytes row, bool *match)
{
	const PmnLsm *lsm = &matcher->table->lsm;
	uint32_t selected[1];
	uint32_t count = 0;

	PMN_TRY(pmn_row_parse(matcher->table->env, row, lsm->partition_types,
						  lsm->partition_count, matcher->values));
	for (uint32_t i = 0; i < lsm->partition_count; i++)
		put_value(&matcher->columns[i], &matcher->values[i]);
	PMN_TRY(pmn_predicate_select(matcher->table->env, matcher->filter,
								 lsm->schema, matcher->field_columns,
								 &matcher->batch, NULL, 1, selected, &count));
	*match = count == 1;
	return PMN_OK;
}

bool
pmn_partition_matches(PmnPartitionMatcher *matcher, PmnBytes row)
{
	bool match = false;

	if (matcher->filter == NULL)
		return true;
	if (matcher->code != PMN_OK)
		return false;
	if (matcher->has_last &&
		pmn_bytes_equal(
			row, pmn_bytes(matcher->last_bytes.data, matcher->last_bytes.size)))
		return matcher->last_match;
	matcher->has_last = false;
	matcher->code = evaluate(matcher, row, &match);
	if (matcher->code != PMN_OK)
		return false;
	pmn_buffer_reset(&matcher->last_bytes);
	matcher->code = pmn_buffer_append(&matcher->last_bytes, row.data, row.size);
	matcher->has_last = matcher->code == PMN_OK;
	matcher->last_match = match;
	return match;
}

/* Partition statistics of one manifest, by schema field. */
typedef struct ManifestStats
{
	const PmnLsm *lsm;
	const PmnColumnStats *columns;
} ManifestStats;

static bool
manifest_field_stats(void *context, int32_t field, PmnColumnStats *out)
{
	const ManifestStats *stats = context;

	for (uint32_t i = 0; i < stats->lsm->partition_count; i++)
	{
		if (stats->lsm->partition_fields[i] == (uint32_t) field)
		{
			*out = stats->columns[i];
			return true;
		}
	}
	return false;
}

/* *columns NULL when the manifest does not say. */
static PmnCode
manifest_columns(PmnTable *table, PmnArena *scratch,
				 const PmnManifestMeta *meta, PmnColumnStats **columns)
{
	const PmnLsm *lsm = &table->lsm;

	*columns = NULL;
	if (lsm->partition_count == 0 ||
		pmn_row_arity(meta->partition_stats.min_values) !=
			(int32_t) lsm->partition_count ||
		pmn_row_arity(meta->partition_stats.max_values) !=
			(int32_t) lsm->partition_count)
		return PMN_OK;
	*columns =
		pmn_arena_alloc(scratch, lsm->partition_count * sizeof(**columns));
	if (*columns == NULL)
		return PMN_NO_MEMORY;
	return pmn_simple_stats_parse(table->env, &meta->partition_stats,
								  lsm->partition_types, lsm->partition_count,
								  *columns);
}

PmnCode
pmn_manifest_may_match(PmnPartitionMatcher *matcher, PmnArena *scratch,
					   const PmnManifestMeta *meta, bool *out)
{
	ManifestStats stats = {&matcher->table->lsm, NULL};
	PmnColumnStats *columns = NULL;
	int64_t count;

	*out = true;
	if (matcher->filter == NULL)
		return PMN_OK;
	PMN_TRY(manifest_columns(matcher->table, scratch, meta, &columns));
	if (columns == NULL)
		return PMN_OK;
	stats.columns = columns;
	if (__builtin_add_overflow(meta->added_file_count, meta->deleted_file_count,
							   &count))
		return PMN_OK;
	*out = pmn_predicate_may_match(matcher->filter, matcher->table->lsm.schema,
								   manifest_field_stats, &stats, count);
	return PMN_OK;
}

void
pmn_partition_set_init(PmnPartitionSet *set, PmnEnv *env)
{
	memset(set, 0, sizeof(*set));
	set->env = env;
	pmn_map_init(&set->map, env);
}

void
pmn_partition_set_free(PmnPartitionSet *set)
{
	pmn_array_free(set->env, &set->rows);
	pmn_map_free(&set->map);
}

bool
pmn_partition_set_has(const PmnPartitionSet *set, PmnBytes row)
{
	uint64_t hash = pmn_hash_bytes(0, row.data, row.size);
	size_t probe = 0;
	uint32_t at;

	while ((at = pmn_map_next(&set->map, hash, &probe)) != PMN_MAP_NONE)
	{
		if (pmn_bytes_equal(set->rows.items[at], row))
			return true;
	}
	return false;
}

PmnCode
pmn_partition_set_add(PmnPartitionSet *set, PmnBytes row)
{
	if (pmn_partition_set_has(set, row))
		return PMN_OK;
	PMN_TRY(pmn_array_reserve(set->env, &set->rows, 1));
	PMN_TRY(pmn_map_put(&set->map, pmn_hash_bytes(0, row.data, row.size),
						(uint32_t) set->rows.count));
	set->rows.items[set->rows.count++] = row;
	return PMN_OK;
}

/* Whether one partition's values lie within a manifest's ranges. */
static bool
inside(const PmnLsm *lsm, const PmnColumnStats *columns, const PmnValue *values)
{
	for (uint32_t i = 0; i < lsm->partition_count; i++)
	{
		const PmnType *type = lsm->partition_types[i];
		const PmnColumnStats *column = &columns[i];

		if (values[i].is_null)
		{
			if (column->null_count == 0)
				return false;
			continue;
		}
		if (column->min.is_null || column->max.is_null)
			continue;
		if (pmn_value_compare(type, &values[i], &column->min) < 0 ||
			pmn_value_compare(type, &values[i], &column->max) > 0)
			return false;
	}
	return true;
}

PmnCode
pmn_manifest_may_touch(PmnTable *table, PmnArena *scratch,
					   const PmnPartitionSet *set, const PmnManifestMeta *meta,
					   bool *out)
{
	const PmnLsm *lsm = &table->lsm;
	PmnColumnStats *columns = NULL;
	PmnValue *values;

	*out = set->rows.count > 0;
	PMN_TRY(manifest_columns(table, scratch, meta, &columns));
	if (!*out || columns == NULL)
		return PMN_OK;
	values = pmn_arena_alloc(scratch, lsm->partition_count * sizeof(*values));
	if (values == NULL)
		return PMN_NO_MEMORY;
	for (size_t i = 0; i < set->rows.count; i++)
	{
		PMN_TRY(pmn_row_parse(table->env, set->rows.items[i],
							  lsm->partition_types, lsm->partition_count,
							  values));
		if (inside(lsm, columns, values))
			return PMN_OK;
	}
	*out = false;
	return PMN_OK;
}

/* ---- entries ---------------------------------------------------------- */

void
pmn_entry_set_init(PmnEntrySet *set, PmnEnv *env)
{
	memset(set, 0, sizeof(*set));
	set->env = env;
	pmn_map_init(&set->map, env);
}

void
pmn_entry_set_free(PmnEntrySet *set)
{
	pmn_array_free(set->env, &set->items);
	pmn_map_free(&set->map);
}

bool
pmn_entry_set_has(const PmnEntrySet *set, const PmnManifestEntry *entry)
{
	uint64_t hash = pmn_entry_hash(entry);
	size_t probe = 0;
	uint32_t at;

	while ((at = pmn_map_next(&set->map, hash, &probe)) != PMN_MAP_NONE)
	{
		if (pmn_entry_same(set->items.items[at], entry))
			return true;
	}
	return false;
}

PmnCode
pmn_entry_set_add(PmnEntrySet *set, const PmnManifestEntry *entry)
{
	PMN_TRY(pmn_array_reserve(set->env, &set->items, 1));
	PMN_TRY(pmn_map_put(&set->map, pmn_entry_hash(entry),
						(uint32_t) set->items.count));
	set->items.items[set->items.count++] = entry;
	return PMN_OK;
}

static PmnCode
read_all(PmnTable *table, PmnArena *arena, const PmnManifestList *manifests,
		 PmnEntryFilter keep, void *context, PmnEntryList *out)
{
	for (size_t i = 0; i < manifests->count; i++)
	{
		const PmnManifestMeta *meta = &manifests->items[i];

		if (meta->added_file_count == 0 && meta->deleted_file_count == 0)
			continue;
		PMN_TRY(pmn_poll(table->env));
		PMN_TRY(pmn_manifest_read(table->fs, arena, &table->lsm.path, meta,
								  keep, context, out));
	}
	return pmn_entries_live(table->env, out, false);
}

PmnCode
pmn_snapshot_live_entries(PmnTable *table, PmnArena *arena,
						  const PmnSnapshot *snapshot, PmnEntryFilter keep,
						  void *context, PmnEntryList *out)
{
	PmnManifestList manifests = {NULL, 0, 0};
	PmnCode code;

	code = pmn_table_manifests(table, arena, snapshot, &manifests);
	if (code == PMN_OK)
		code = read_all(table, arena, &manifests, keep, context, out);
	pmn_array_free(table->env, &manifests);
	return code;
}

PmnCode
pmn_table_live_entries(PmnTable *table, PmnArena *arena, int64_t id,
					   PmnEntryFilter keep, void *context, PmnEntryList *out)
{
	PmnSnapshot *snapshot = NULL;
	PmnCode code;

	if (id == 0)
		return PMN_OK;
	PMN_TRY(pmn_table_read_snapshot(table, arena, id, NULL, &snapshot));
	code =
		pmn_snapshot_live_entries(table, arena, snapshot, keep, context, out);
	return pmn_table_explain_missing(table, arena, id, code);
}

/* ---- groups ----------------------------------------------------------- */

static uint64_t
group_hash(const PmnManifestEntry *entry)
{
	return pmn_hash_bytes((uint64_t) entry->bucket, entry->partition.data,
						  entry->partition.size);
}

static bool
same_group(const PmnManifestEntry *a, const PmnManifestEntry *b)
{
	return a->bucket == b->bucket &&
		   pmn_bytes_equal(a->partition, b->partition);
}

/* Number of the group that entry e belongs to; firsts[g] is its first. */
static PmnCode
group_of(PmnMap *map, PmnEntryList *entries, size_t e, uint32_t *firsts,
		 uint32_t *group_count, uint32_t *out)
{
	uint64_t hash = group_hash(&entries->items[e]);
	size_t probe = 0;

	while ((*out = pmn_map_next(map, hash, &probe)) != PMN_MAP_NONE)
	{
		if (same_group(&entries->items[firsts[*out]], &entries->items[e]))
			return PMN_OK;
	}
	*out = *group_count;
	PMN_TRY(pmn_map_put(map, hash, *out));
	firsts[*out] = (uint32_t) e;
	(*group_count)++;
	return PMN_OK;
}

static PmnCode
fill_groups(PmnMap *map, PmnArena *arena, PmnEntryList *entries,
			PmnEntryGroup **out, uint32_t *count)
{
	uint32_t *firsts = pmn_arena_alloc(arena, entries->count * 4);
	uint32_t *groups = pmn_arena_alloc(arena, entries->count * 4);
	PmnManifestEntry **slots =
		pmn_arena_alloc(arena, entries->count * sizeof(*slots));
	size_t used = 0;

	if (firsts == NULL || groups == NULL || slots == NULL)
		return PMN_NO_MEMORY;
	*count = 0;
	for (size_t e = 0; e < entries->count; e++)
		PMN_TRY(group_of(map, entries, e, firsts, count, &groups[e]));
	*out = pmn_arena_alloc(arena, *count * sizeof(**out));
	if (*out == NULL)
		return PMN_NO_MEMORY;
	for (size_t e = 0; e < entries->count; e++)
		(*out)[groups[e]].count++;
	for (uint32_t g = 0; g < *count; g++)
	{
		(*out)[g].entries = slots + used;
		used += (*out)[g].count;
		(*out)[g].count = 0;
	}
	for (size_t e = 0; e < entries->count; e++)
	{
		PmnEntryGroup *group = &(*out)[groups[e]];

		group->entries[group->count++] = &entries->items[e];
	}
	return PMN_OK;
}

PmnCode
pmn_entries_group(PmnEnv *env, PmnArena *arena, PmnEntryList *entries,
				  PmnEntryGroup **out, uint32_t *count)
{
	PmnMap map;
	PmnCode code;

	PMN_ASSERT(entries->count < UINT32_MAX);
	pmn_map_init(&map, env);
	code = fill_groups(&map, arena, entries, out, count);
	pmn_map_free(&map);
	return code;
}
