/*
 * meta_manifest.h
 *
 * Manifest lists and manifest files (format/metadata.md 4): Avro containers
 * of the records below. Bytes and strings live in the arena they were read
 * into. Partition, keys and statistics are serialized BinaryRows.
 */
#ifndef META_MANIFEST_H
#define META_MANIFEST_H

#include "../codec/codec_avro.h"
#include "../fs/fs.h"
#include "../type/type_row.h"
#include "../type/type_stats.h"
#include "meta_path.h"

typedef struct PmnSimpleStats
{
	PmnBytes min_values;
	PmnBytes max_values;
	PmnAvroArray null_counts; /* int64_t, PMN_AVRO_NULL_LONG = unknown */
	bool has_null_counts;
} PmnSimpleStats;

typedef struct PmnManifestMeta /* one line of a manifest list */
{
	int32_t version; /* 2 */
	PmnBytes file_name;
	int64_t file_size;
	int64_t added_file_count;
	int64_t deleted_file_count;
	PmnSimpleStats partition_stats;
	int64_t schema_id;
	int32_t min_bucket, max_bucket, min_level, max_level;
	bool has_min_bucket, has_max_bucket, has_min_level, has_max_level;
	int64_t min_row_id, max_row_id;
	bool has_min_row_id, has_max_row_id;
} PmnManifestMeta;

typedef struct PmnDataFile /* Paimon's DataFileMeta */
{
	PmnBytes file_name;
	int64_t file_size;
	int64_t row_count;
	PmnBytes min_key;
	PmnBytes max_key;
	PmnSimpleStats key_stats;
	PmnSimpleStats value_stats;
	int64_t min_sequence_number;
	int64_t max_sequence_number;
	int64_t schema_id;
	PmnAvroArray extra_files; /* PmnBytes */
	int64_t creation_time;	  /* local millis */
	int64_t delete_row_count;
	PmnBytes embedded_index;
	PmnAvroArray value_stats_cols; /* PmnBytes; absent = all columns */
	PmnBytes external_path;
	int64_t first_row_id;
	PmnAvroArray write_cols;		   /* PmnBytes */
	PmnAvroArray write_cols_sequences; /* int64_t */
	/* Not of the manifest: where the snapshot being read keeps the deleted
	 * positions of the file; NULL when it has none. */
	const struct PmnDeletionFile *deletion;
	/* Side by side, for there may be very many of these. */
	int32_t level;
	int32_t file_source; /* 0 APPEND, 1 COMPACT */
	bool has_creation_time;
	bool has_delete_row_count;
	bool has_embedded_index;
	bool has_file_source;
	bool has_value_stats_cols;
	bool has_external_path;
	bool has_first_row_id;
	bool has_write_cols;
	bool has_write_cols_sequences;
} PmnDataFile;

#define PMN_ENTRY_ADD 0
#define PMN_ENTRY_DELETE 1

typedef struct PmnManifestEntry
{
	int32_t version; /* 2 */
	int32_t kind;	 /* PMN_ENTRY_ADD, PMN_ENTRY_DELETE */
	PmnBytes partition;
	int32_t bucket;
	int32_t total_buckets;
	PmnDataFile file;
} PmnManifestEntry;

typedef struct PmnManifestList
{
	PmnManifestMeta *items;
	size_t count;
	size_t capacity;
} PmnManifestList;

typedef struct PmnEntryList
{
	PmnManifestEntry *items;
	size_t count;
	size_t capacity;
} PmnEntryList;

/*
 * pmn_manifest_list_read -- append the lines of manifest/<name> to out, whose
 * items live in env memory (pmn_array_free); what they point to in arena.
 * size >= 0 is checked against the file's.
 * Errors    PMN_NOT_FOUND, PMN_CORRUPT, PMN_UNSUPPORTED (Parquet)
 */
PMN_CHECKED PmnCode pmn_manifest_list_read(PmnFileSystem *fs, PmnArena *arena,
										   const PmnTablePath *path,
										   const char *name, int64_t size,
										   PmnManifestList *out);

/*
 * pmn_manifest_read -- append the entries of one manifest file to out, in file
 * order. keep (may be NULL) sees each decoded entry and may refuse it; memory
 * grows with kept entries only.
 */
typedef bool (*PmnEntryFilter)(void *context, const PmnManifestEntry *entry);
PMN_CHECKED PmnCode pmn_manifest_read(PmnFileSystem *fs, PmnArena *arena,
									  const PmnTablePath *path,
									  const PmnManifestMeta *meta,
									  PmnEntryFilter keep, void *context,
									  PmnEntryList *out);

/* What the writers need to know of the table. */
typedef struct PmnManifestWriteOptions
{
	PmnCodec codec;
	int zstd_level;
	int64_t target_size;
	const PmnType *const *partition_types;
	uint32_t partition_count;
	int64_t latest_schema_id;
} PmnManifestWriteOptions;

/*
 * pmn_manifest_write -- write entries into one or more manifest files (rolled
 * at target_size), named manifest-<uuid>-<i> with *counter advanced, and
 * append their metas to out (strings in arena).
 */
PMN_CHECKED PmnCode pmn_manifest_write(PmnFileSystem *fs, PmnArena *arena,
									   const PmnTablePath *path,
									   const PmnManifestWriteOptions *options,
									   const PmnManifestEntry *entries,
									   size_t count, const char *uuid,
									   uint32_t *counter, PmnManifestList *out);

/* Write a manifest list (also an empty one); *name in arena. */
PMN_CHECKED PmnCode pmn_manifest_list_write(
	PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
	const PmnManifestWriteOptions *options, const PmnManifestMeta *items,
	size_t count, const char *uuid, uint32_t *counter, const char **name,
	int64_t *size);

/* Deep copy of an entry into arena. */
PMN_CHECKED PmnCode pmn_manifest_entry_copy(PmnArena *arena,
											const PmnManifestEntry *src,
											PmnManifestEntry *dst);

/*
 * Identity of an entry (partition, bucket, level, file name, extra files,
 * embedded index, external path), as a hash and an equality.
 */
uint64_t pmn_entry_hash(const PmnManifestEntry *entry);
bool pmn_entry_same(const PmnManifestEntry *a, const PmnManifestEntry *b);

/*
 * pmn_entries_live -- the ADD entries of entries without the DELETEd ones:
 * order of the ADDs kept, count shrinks. With keep_deletes, DELETEs that
 * cancel nothing stay, at their place (manifest merging); adding an identity
 * twice is PMN_CORRUPT.
 */
PMN_CHECKED PmnCode pmn_entries_live(PmnEnv *env, PmnEntryList *entries,
									 bool keep_deletes);

/* Column statistics of a SimpleStats, decoded; out has count items. */
PMN_CHECKED PmnCode pmn_simple_stats_parse(PmnEnv *env,
										   const PmnSimpleStats *stats,
										   const PmnType *const *types,
										   uint32_t count, PmnColumnStats *out);
/* And made, in arena. count 0 gives empty stats. */
PMN_CHECKED PmnCode pmn_simple_stats_make(PmnArena *arena,
										  const PmnColumnStats *stats,
										  const PmnType *const *types,
										  uint32_t count, PmnSimpleStats *out);

#endif /* META_MANIFEST_H */
