/*
 * table_verify_index.c
 *
 * Whether the deletion vectors of a snapshot are what they must be: each index
 * file has its size and version, each vector can be read and has the
 * cardinality that the index manifest gives, and belongs to exactly one live
 * data file, none of whose rows it names lies behind the file's end.
 */
#include "table_verify.h"

#define INDEX_FILE_VERSION 1

typedef struct IndexCheck
{
	PmnVerify *verify;
	const PmnEntryList *live;
	PmnMap files; /* positions in live */
	bool *is_covered;
	PmnArena *scratch; /* of one index file */
} IndexCheck;

static uint64_t
hash_file(int32_t bucket, PmnBytes file_name)
{
	return pmn_hash_bytes((uint64_t) (uint32_t) bucket, file_name.data,
						  file_name.size);
}

/* Position of the live file that a range names, or PMN_MAP_NONE. */
static uint32_t
find_file(const IndexCheck *check, const PmnIndexEntry *entry, PmnBytes name)
{
	bool has_partitions = check->verify->table->lsm.partition_count > 0;
	uint64_t hash = hash_file(entry->bucket, name);
	size_t probe = 0;

	for (;;)
	{
		uint32_t at = pmn_map_next(&check->files, hash, &probe);
		const PmnManifestEntry *file;

		if (at == PMN_MAP_NONE)
			return at;
		file = &check->live->items[at];
		if (file->bucket == entry->bucket &&
			pmn_bytes_equal(file->file.file_name, name) &&
			(!has_partitions ||
			 pmn_bytes_equal(file->partition, entry->partition)))
			return at;
	}
}

static PmnCode
check_range(IndexCheck *check, const PmnIndexEntry *entry, const char *path,
			const PmnDeletionRange *range)
{
	PmnVerify *verify = check->verify;
	PmnDeletionFile where = {path, range->offset, range->length,
							 range->cardinality, range->has_cardinality};
	uint32_t at = find_file(check, entry, range->data_file);
	PmnDeletionVector vector;
	int64_t row_count;

	PMN_TRY(pmn_deletion_vector_read(verify->table->fs, check->scratch, &where,
									 &vector));
	if (at == PMN_MAP_NONE)
	{
		pmn_verify_report(verify, range->data_file,
						  "has a deletion vector but is not in the snapshot");
		return PMN_OK;
	}
	if (check->is_covered[at])
		pmn_verify_report(verify, range->data_file, "has two deletion vectors");
	check->is_covered[at] = true;
	row_count = check->live->items[at].file.row_count;
	if (pmn_deletion_vector_end(&vector) > (uint64_t) row_count)
		pmn_verify_report(verify, range->data_file,
						  "has %" PRId64 " rows, its deletion vector names row "
						  "%" PRIu64,
						  row_count, pmn_deletion_vector_end(&vector) - 1);
	return PMN_OK;
}

static PmnCode
check_head(IndexCheck *check, const PmnIndexEntry *entry, const char *path)
{
	PmnFileReader *file = NULL;
	uint8_t version = 0;
	PmnCode code;

	PMN_TRY(pmn_fs_open_read(check->verify->table->fs, path, &file));
	if (file->size_bytes != (uint64_t) entry->file_size)
		pmn_verify_report(check->verify, entry->file_name,
						  "is %" PRIu64 " bytes, the index manifest says "
						  "%" PRId64,
						  file->size_bytes, entry->file_size);
	code = pmn_file_read_at(file, 0, 1, &version);
	if (code == PMN_OK && version != INDEX_FILE_VERSION)
		pmn_verify_report(check->verify, entry->file_name,
						  "is of version %u, not %d", version,
						  INDEX_FILE_VERSION);
	pmn_file_reader_close(file);
	return code;
}

static PmnCode
check_entry(IndexCheck *check, const PmnIndexEntry *entry)
{
	const PmnDeletionRange *ranges = entry->ranges.items;
	const char *path = NULL;

	PMN_TRY(pmn_poll(check->verify->env));
	PMN_TRY(pmn_table_index_path(check->verify->table, check->verify->arena,
								 entry, &path));
	PMN_TRY(check_head(check, entry, path));
	for (uint32_t i = 0; i < entry->ranges.count; i++)
	{
		pmn_arena_reset(check->scratch);
		PMN_TRY(pmn_verify_code(check->verify, ranges[i].data_file,
								check_range(check, entry, path, &ranges[i])));
	}
	return PMN_OK;
}

static PmnCode
check_index(IndexCheck *check, const char *index_manifest,
			PmnIndexEntryList *entries)
{
	PmnVerify *verify = check->verify;
	const PmnEntryList *live = check->live;

	PMN_TRY(pmn_index_manifest_read(verify->table->fs, verify->arena,
									&verify->table->lsm.path, index_manifest,
									PMN_INDEX_TYPE_DELETION_VECTORS, entries));
	check->is_covered = pmn_arena_alloc(verify->arena, live->count);
	if (check->is_covered == NULL)
		return PMN_NO_MEMORY;
	for (size_t i = 0; i < live->count; i++)
		PMN_TRY(pmn_map_put(
			&check->files,
			hash_file(live->items[i].bucket, live->items[i].file.file_name),
			(uint32_t) i));
	for (size_t i = 0; i < entries->count && !verify->stopped; i++)
		PMN_TRY(pmn_verify_code(verify, entries->items[i].file_name,
								check_entry(check, &entries->items[i])));
	return PMN_OK;
}

PmnCode
pmn_verify_deletions(PmnVerify *verify, const PmnSnapshot *snapshot,
					 const PmnEntryList *live)
{
	IndexCheck check = {.verify = verify, .live = live};
	PmnIndexEntryList entries = {NULL, 0, 0};
	PmnCode code;

	if (snapshot->index_manifest == NULL)
		return PMN_OK;
	pmn_map_init(&check.files, verify->env);
	code = pmn_arena_create(verify->env, 0, &check.scratch);
	if (code == PMN_OK)
		code = pmn_verify_code(
			verify, pmn_bytes_string(snapshot->index_manifest),
			check_index(&check, snapshot->index_manifest, &entries));
	pmn_arena_destroy(check.scratch);
	pmn_map_free(&check.files);
	pmn_array_free(verify->env, &entries);
	return code;
}
