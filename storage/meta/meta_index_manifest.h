/*
 * meta_index_manifest.h
 *
 * Index manifests (format/metadata.md 4.7): the complete list of a snapshot's
 * index files, of which we use the deletion vectors.
 */
#ifndef META_INDEX_MANIFEST_H
#define META_INDEX_MANIFEST_H

#include "meta_deletion_vector.h"
#include "meta_manifest.h"

#define PMN_INDEX_TYPE_DELETION_VECTORS "DELETION_VECTORS"
#define PMN_INDEX_TYPE_HASH "HASH"

/* Where in an index file the deletion vector of a data file is. */
typedef struct PmnDeletionRange
{
	PmnBytes data_file;
	int32_t offset;
	int32_t length;
	int64_t cardinality;
	bool has_cardinality;
} PmnDeletionRange;

/* Which rows and columns a global index covers. */
typedef struct PmnGlobalIndex
{
	int64_t row_range_start;
	int64_t row_range_end;
	int32_t field_id;
	PmnAvroArray extra_field_ids; /* int32_t */
	bool has_extra_field_ids;
} PmnGlobalIndex;

typedef struct PmnIndexEntry
{
	int32_t version; /* 1 */
	int32_t kind;	 /* PMN_ENTRY_ADD */
	PmnBytes partition;
	int32_t bucket;
	PmnBytes index_type;
	PmnBytes file_name;
	int64_t file_size;
	int64_t row_count;
	PmnAvroArray ranges; /* PmnDeletionRange */
	bool has_ranges;
	PmnBytes external_path;
	bool has_external_path;
	PmnGlobalIndex global;
	bool has_global;
} PmnIndexEntry;

typedef struct PmnIndexEntryList
{
	PmnIndexEntry *items;
	size_t count;
	size_t capacity;
} PmnIndexEntryList;

/*
 * pmn_index_manifest_read -- append the entries of manifest/<name> to out,
 * whose items live in env memory (pmn_array_free); what they point to in
 * arena. type NULL keeps all, else only entries of that index type.
 * Errors    PMN_NOT_FOUND, PMN_CORRUPT, PMN_UNSUPPORTED
 */
PMN_CHECKED PmnCode pmn_index_manifest_read(PmnFileSystem *fs, PmnArena *arena,
											const PmnTablePath *path,
											const char *name, const char *type,
											PmnIndexEntryList *out);

/*
 * pmn_index_manifest_write -- write index-manifest-<uuid>-<counter>, counter
 * then advanced; *name in arena. Entries with ranges are not written yet
 * (PMN_UNSUPPORTED).
 */
PMN_CHECKED PmnCode pmn_index_manifest_write(
	PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
	const PmnManifestWriteOptions *options, const PmnIndexEntry *items,
	size_t count, const char *uuid, uint32_t *counter, const char **name);

#endif /* META_INDEX_MANIFEST_H */
