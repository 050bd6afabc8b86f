/*
 * table_inspect_totals.c
 *
 * System tables that add up the files of a partition or bucket. As in Paimon
 * the sums run over all manifest entries of the snapshot, a DELETE counting
 * below zero, so that no entry has to be kept; the time of the last update is
 * that of the newest file named at all, whether it still lives or not.
 *
 * Sums of counts from files may be hostile: they wrap as unsigned numbers do.
 */
#include "table_inspect.h"

#include <stdlib.h>
#include <string.h>

#include "../meta/meta_index_manifest.h"

typedef struct Total
{
	PmnBytes partition;
	int32_t bucket; /* 0 when buckets are added together */
	int32_t total_buckets;
	uint64_t record_count;
	uint64_t size_bytes;
	uint64_t file_count;
	int64_t last_creation;
	uint64_t deleted_count; /* by deletion vectors */
	bool is_deleted_unknown;
	const char *name; /* of the partition, for order and output */
} Total;

typedef struct Totals
{
	PmnInspector *inspector;
	bool by_bucket;
	PmnMap map;
	PMN_ARRAY(Total) items;
	PmnCode code;
} Totals;

static Total *
find_total(Totals *totals, const PmnManifestEntry *entry, int32_t bucket)
{
	uint64_t hash = pmn_hash_bytes((uint64_t) bucket, entry->partition.data,
								   entry->partition.size);
	PmnEnv *env = totals->inspector->env;
	size_t probe = 0;
	uint32_t at;
	Total *total;

	while ((at = pmn_map_next(&totals->map, hash, &probe)) != PMN_MAP_NONE)
	{
		total = &totals->items.items[at];
		if (total->bucket == bucket &&
			pmn_bytes_equal(total->partition, entry->partition))
			return total;
	}
	totals->code = pmn_array_reserve(env, &totals->items, 1);
	if (totals->code == PMN_OK)
		totals->code =
			pmn_map_put(&totals->map, hash, (uint32_t) totals->items.count);
	if (totals->code != PMN_OK)
		return NULL;
	total = &totals->items.items[totals->items.count];
	memset(total, 0, sizeof(*total));
	total->bucket = bucket;
	total->last_creation = INT64_MIN;
	total->partition.size = entry->partition.size;
	total->partition.data = pmn_arena_copy(
		totals->inspector->arena, entry->partition.data, entry->partition.size);
	if (total->partition.data == NULL)
	{
		totals->code = PMN_NO_MEMORY;
		return NULL;
	}
	totals->items.count++;
	return total;
}

/* A filter that keeps nothing: it adds the entry up. */
static bool
add_entry(void *context, const PmnManifestEntry *entry)
{
	Totals *totals = context;
	uint64_t sign = entry->kind == PMN_ENTRY_ADD ? 1 : UINT64_MAX;
	Total *total;

	if (totals->code != PMN_OK)
		return false;
	total = find_total(totals, entry, totals->by_bucket ? entry->bucket : 0);
	if (total == NULL)
		return false;
	total->record_count += sign * (uint64_t) entry->file.row_count;
	total->size_bytes += sign * (uint64_t) entry->file.file_size;
	total->file_count += sign;
	total->total_buckets = entry->total_buckets;
	if (entry->file.has_creation_time &&
		entry->file.creation_time > total->last_creation)
		total->last_creation = entry->file.creation_time;
	return false;
}

static PmnCode
add_manifests(Totals *totals, const PmnManifestList *manifests)
{
	PmnInspector *inspector = totals->inspector;
	PmnTable *table = inspector->table;
	PmnEntryList none = {NULL, 0, 0};

	for (size_t i = 0; i < manifests->count; i++)
	{
		PMN_TRY(pmn_poll(inspector->env));
		PMN_TRY(pmn_manifest_read(table->fs, inspector->row, &table->lsm.path,
								  &manifests->items[i], add_entry, totals,
								  &none));
		PMN_TRY(totals->code);
		pmn_arena_reset(inspector->row);
	}
	return PMN_OK;
}

/* "k=v/k2=v2", values as Paimon's cast to STRING writes them. */
static PmnCode
name_partition(PmnInspector *inspector, PmnBytes row, const char **out)
{
	const PmnLsm *lsm = &inspector->table->lsm;
	uint32_t count = lsm->partition_count;
	PmnBuffer *text = &inspector->text;
	PmnValue *values = pmn_arena_alloc(inspector->row, count * sizeof(*values));

	if (values == NULL)
		return PMN_NO_MEMORY;
	if (count > 0)
		PMN_TRY(pmn_row_parse(inspector->env, row, lsm->partition_types, count,
							  values));
	pmn_buffer_reset(text);
	for (uint32_t i = 0; i < count; i++)
	{
		PMN_TRY(pmn_buffer_format(text, "%s%s=", i == 0 ? "" : "/",
								  lsm->partition_naming.names[i]));
		if (values[i].is_null)
			PMN_TRY(
				pmn_buffer_string(text, lsm->partition_naming.default_name));
		else
			PMN_TRY(pmn_value_append_text(text, lsm->partition_types[i],
										  &values[i]));
	}
	*out = pmn_arena_string_n(inspector->arena, (const char *) text->data,
							  text->size);
	return *out == NULL ? PMN_NO_MEMORY : PMN_OK;
}

static int
compare_totals(const void *a, const void *b)
{
	const Total *x = a;
	const Total *y = b;
	int order = strcmp(x->name, y->name);

	if (order != 0)
		return order;
	return x->bucket < y->bucket ? -1 : x->bucket > y->bucket ? 1 : 0;
}

/* Drop what is empty, name and sort the others. */
static PmnCode
finish(Totals *totals)
{
	PmnInspector *inspector = totals->inspector;
	const PmnLsm *lsm = &inspector->table->lsm;
	size_t kept = 0;

	for (size_t i = 0; i < totals->items.count; i++)
	{
		Total total = totals->items.items[i];
		const char *name = NULL;

		if ((int64_t) total.file_count <= 0)
			continue;
		pmn_arena_reset(inspector->row);
		if (totals->by_bucket)
		{
			PMN_TRY(pmn_inspect_row(inspector, total.partition,
									lsm->partition_types, lsm->partition_count,
									'{', '}', &name));
			name = pmn_arena_string(inspector->arena, name);
			if (name == NULL)
				return PMN_NO_MEMORY;
		}
		else
			PMN_TRY(name_partition(inspector, total.partition, &name));
		total.name = name;
		totals->items.items[kept++] = total;
	}
	totals->items.count = kept;
	if (kept > 1)
		qsort(totals->items.items, kept, sizeof(Total), compare_totals);
	return PMN_OK;
}

static void
add_ranges(Total *total, const PmnIndexEntry *entry)
{
	const PmnDeletionRange *ranges = entry->ranges.items;

	for (uint32_t i = 0; i < entry->ranges.count; i++)
	{
		total->deleted_count += (uint64_t) ranges[i].cardinality;
		if (!ranges[i].has_cardinality)
			total->is_deleted_unknown = true;
	}
}

/* The rows that deletion vectors hide, by partition. */
static PmnCode
add_deletions(Totals *totals)
{
	PmnInspector *inspector = totals->inspector;
	PmnTable *table = inspector->table;
	PmnIndexEntryList entries = {NULL, 0, 0};
	const char *name = inspector->snapshot->index_manifest;
	PmnCode code;

	if (name == NULL || !table->options.deletion_vectors)
		return PMN_OK;
	code = pmn_index_manifest_read(table->fs, inspector->arena,
								   &table->lsm.path, name,
								   PMN_INDEX_TYPE_DELETION_VECTORS, &entries);
	for (size_t i = 0; code == PMN_OK && i < entries.count; i++)
	{
		PmnManifestEntry place = {.partition = entries.items[i].partition};
		/* An unpartitioned table's row may be spelled in several ways. */
		Total *total =
			table->lsm.partition_count == 0 && totals->items.count > 0
				? &totals->items.items[0]
				: find_total(totals, &place, 0);

		if (total == NULL)
			code = totals->code;
		else
			add_ranges(total, &entries.items[i]);
	}
	pmn_array_free(inspector->env, &entries);
	return code;
}

static PmnCode
collect_totals(Totals *totals)
{
	PmnInspector *inspector = totals->inspector;
	PmnManifestList manifests = {NULL, 0, 0};
	PmnCode code;

	pmn_map_init(&totals->map, inspector->env);
	code = pmn_table_manifests(inspector->table, inspector->arena,
							   inspector->snapshot, &manifests);
	if (code == PMN_OK)
		code = add_manifests(totals, &manifests);
	if (code == PMN_OK && !totals->by_bucket)
		code = add_deletions(totals);
	if (code == PMN_OK)
		code = finish(totals);
	pmn_array_free(inspector->env, &manifests);
	pmn_map_free(&totals->map);
	return code;
}

PmnCode
pmn_inspect_partition_totals(PmnInspector *inspector, PmnPartitionTotal **out,
							 uint32_t *count)
{
	Totals totals = {.inspector = inspector};
	PmnCode code = collect_totals(&totals);

	*count = (uint32_t) totals.items.count;
	*out = NULL;
	if (code == PMN_OK)
	{
		*out = pmn_arena_alloc(inspector->arena, *count * sizeof(**out));
		code = *out == NULL ? PMN_NO_MEMORY : PMN_OK;
	}
	for (uint32_t i = 0; code == PMN_OK && i < *count; i++)
	{
		const Total *total = &totals.items.items[i];
		PmnPartitionTotal *result = &(*out)[i];

		result->partition = total->name;
		result->record_count = (int64_t) total->record_count;
		result->size_bytes = (int64_t) total->size_bytes;
		result->file_count = (int64_t) total->file_count;
		result->last_creation_millis = total->last_creation;
		result->total_buckets = total->total_buckets;
		result->deleted_count =
			total->is_deleted_unknown ? -1 : (int64_t) total->deleted_count;
	}
	pmn_array_free(inspector->env, &totals.items);
	return code;
}

PmnCode
pmn_inspect_partitions(PmnInspector *inspector)
{
	PmnPartitionTotal *totals = NULL;
	uint32_t count = 0;

	PMN_TRY(pmn_inspect_partition_totals(inspector, &totals, &count));
	for (uint32_t i = 0; i < count && !inspector->is_stopped; i++)
	{
		const PmnPartitionTotal *total = &totals[i];

		pmn_inspect_text(inspector, total->partition);
		pmn_inspect_number(inspector, total->record_count, true);
		pmn_inspect_number(inspector, total->size_bytes, true);
		pmn_inspect_number(inspector, total->file_count, true);
		pmn_inspect_number(inspector, total->last_creation_millis,
						   total->last_creation_millis != INT64_MIN);
		/* Made when, by whom, with which options: only metastores know. */
		pmn_inspect_number(inspector, 0, false);
		pmn_inspect_text(inspector, NULL);
		pmn_inspect_text(inspector, NULL);
		pmn_inspect_text(inspector, NULL);
		pmn_inspect_number(inspector, total->total_buckets, true);
		pmn_inspect_number(inspector, false, true);
		pmn_inspect_number(inspector, total->deleted_count,
						   total->deleted_count >= 0);
		PMN_TRY(pmn_inspect_emit(inspector));
	}
	return PMN_OK;
}

PmnCode
pmn_inspect_buckets(PmnInspector *inspector)
{
	Totals totals = {.inspector = inspector, .by_bucket = true};
	PmnCode code = collect_totals(&totals);

	for (size_t i = 0;
		 code == PMN_OK && i < totals.items.count && !inspector->is_stopped;
		 i++)
	{
		const Total *total = &totals.items.items[i];

		pmn_inspect_text(inspector, total->name);
		pmn_inspect_number(inspector, total->bucket, true);
		pmn_inspect_number(inspector, (int64_t) total->record_count, true);
		pmn_inspect_number(inspector, (int64_t) total->size_bytes, true);
		pmn_inspect_number(inspector, (int64_t) total->file_count, true);
		pmn_inspect_number(inspector, total->last_creation,
						   total->last_creation != INT64_MIN);
		code = pmn_inspect_emit(inspector);
	}
	pmn_array_free(inspector->env, &totals.items);
	return code;
}
