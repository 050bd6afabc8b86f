/*
 * table_deletions.c
 *
 * Which deletion vector belongs to which file of a scan. The index manifest
 * of the snapshot being read names, by partition, bucket and data file, where
 * in which index file the vector is; the vector itself is read when its file
 * is. A snapshot's list is complete, so another snapshot's is never looked at.
 *
 * A data file that is covered twice has no right answer, and is PMN_CORRUPT.
 * A vector of a file that the scan does not read is of no interest: pruned
 * files have some, and so may level-0 files.
 */
#include "table_scan.h"

/* One vector, and the file it belongs to. */
typedef struct BoundRange
{
	const PmnIndexEntry *entry;
	const PmnDeletionRange *range;
	const char *path;
} BoundRange;

typedef struct Binder
{
	PmnScan *scan;
	PmnIndexEntryList entries;
	PMN_ARRAY(BoundRange) ranges;
	PmnMap map;
} Binder;

static uint64_t
hash_file(int32_t bucket, PmnBytes file_name)
{
	return pmn_hash_bytes((uint64_t) (uint32_t) bucket, file_name.data,
						  file_name.size);
}

/* The range of a data file; NULL when there is none. An unpartitioned table's
 * partition row may be spelled in several ways. */
static const BoundRange *
find_range(const Binder *binder, PmnBytes partition, int32_t bucket,
		   PmnBytes file_name)
{
	bool has_partitions = binder->scan->table->lsm.partition_count > 0;
	uint64_t hash = hash_file(bucket, file_name);
	size_t probe = 0;

	for (;;)
	{
		uint32_t at = pmn_map_next(&binder->map, hash, &probe);
		const BoundRange *range;

		if (at == PMN_MAP_NONE)
			return NULL;
		range = &binder->ranges.items[at];
		if (range->entry->bucket == bucket &&
			pmn_bytes_equal(range->range->data_file, file_name) &&
			(!has_partitions ||
			 pmn_bytes_equal(range->entry->partition, partition)))
			return range;
	}
}

PmnCode
pmn_table_index_path(PmnTable *table, PmnArena *arena,
					 const PmnIndexEntry *entry, const char **out)
{
	const char *directory = NULL;
	PmnBucket *bucket = NULL;
	char *path = NULL;

	if (table->options.index_in_data_directory)
	{
		PMN_TRY(pmn_bucket_make(&table->lsm, arena, entry->partition,
								entry->bucket, -1, &bucket));
		directory = bucket->directory;
	}
	PMN_TRY(pmn_path_index_file(
		arena, table->env, &table->lsm.path, directory, entry->file_name,
		entry->has_external_path ? &entry->external_path : NULL, &path));
	*out = path;
	return PMN_OK;
}

static PmnCode
add_ranges(Binder *binder, const PmnIndexEntry *entry)
{
	PmnEnv *env = binder->scan->env;
	const PmnDeletionRange *ranges = entry->ranges.items;
	const char *path = NULL;

	PMN_TRY(pmn_poll(env));
	PMN_TRY(pmn_table_index_path(binder->scan->table, binder->scan->arena,
								 entry, &path));
	PMN_TRY(pmn_array_reserve(env, &binder->ranges, entry->ranges.count));
	for (uint32_t i = 0; i < entry->ranges.count; i++)
	{
		BoundRange *range = &binder->ranges.items[binder->ranges.count];

		if (find_range(binder, entry->partition, entry->bucket,
					   ranges[i].data_file) != NULL)
			return pmn_fail(env, PMN_CORRUPT,
							"table \"%s\" has two deletion vectors for file "
							"\"%.*s\"",
							binder->scan->table->name,
							(int) ranges[i].data_file.size,
							(const char *) ranges[i].data_file.data);
		range->entry = entry;
		range->range = &ranges[i];
		range->path = path;
		PMN_TRY(pmn_map_put(&binder->map,
							hash_file(entry->bucket, ranges[i].data_file),
							(uint32_t) binder->ranges.count));
		binder->ranges.count++;
	}
	return PMN_OK;
}

static PmnCode
bind_file(Binder *binder, PmnManifestEntry *entry)
{
	const BoundRange *found = find_range(binder, entry->partition,
										 entry->bucket, entry->file.file_name);
	PmnDeletionFile *deletion;

	if (found == NULL)
		return PMN_OK;
	if (found->range->has_cardinality &&
		found->range->cardinality > entry->file.row_count)
		return pmn_fail(binder->scan->env, PMN_CORRUPT,
						"file \"%.*s\" of table \"%s\" has %" PRId64
						" rows, but %" PRId64 " of them are deleted",
						(int) entry->file.file_name.size,
						(const char *) entry->file.file_name.data,
						binder->scan->table->name, entry->file.row_count,
						found->range->cardinality);
	deletion = pmn_arena_alloc(binder->scan->arena, sizeof(*deletion));
	if (deletion == NULL)
		return PMN_NO_MEMORY;
	deletion->path = found->path;
	deletion->offset = found->range->offset;
	deletion->length = found->range->length;
	deletion->cardinality = found->range->cardinality;
	deletion->has_cardinality = found->range->has_cardinality;
	entry->file.deletion = deletion;
	return PMN_OK;
}

static PmnCode
bind(Binder *binder, const char *index_manifest)
{
	PmnScan *scan = binder->scan;

	PMN_TRY(pmn_index_manifest_read(
		scan->table->fs, scan->arena, &scan->table->lsm.path, index_manifest,
		PMN_INDEX_TYPE_DELETION_VECTORS, &binder->entries));
	for (size_t i = 0; i < binder->entries.count; i++)
		PMN_TRY(add_ranges(binder, &binder->entries.items[i]));
	for (size_t i = 0; i < scan->entries.count; i++)
		PMN_TRY(bind_file(binder, &scan->entries.items[i]));
	return PMN_OK;
}

PmnCode
pmn_scan_bind_deletions(PmnScan *scan, const char *index_manifest)
{
	Binder binder = {.scan = scan};
	PmnCode code;

	if (index_manifest == NULL || scan->entries.count == 0 ||
		!scan->table->options.deletion_vectors)
		return PMN_OK;
	pmn_map_init(&binder.map, scan->env);
	code = bind(&binder, index_manifest);
	pmn_map_free(&binder.map);
	pmn_array_free(scan->env, &binder.ranges);
	pmn_array_free(scan->env, &binder.entries);
	return code;
}
