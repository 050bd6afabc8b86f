/*
 * meta_manifest_image.h
 *
 * A manifest file in memory, decoded as far as planning needs: for each entry
 * a head of a few numbers, and its partition once for all entries that share
 * it. Whole entries are decoded on demand. Images are what the metadata cache
 * keeps, so they are never changed.
 */
#ifndef META_MANIFEST_IMAGE_H
#define META_MANIFEST_IMAGE_H

#include "meta_manifest.h"

typedef struct PmnManifestHead
{
	uint32_t partition; /* position in the image's partitions */
	int32_t bucket;
	int32_t total_buckets;
	int64_t schema_id;
	int16_t level;
	uint8_t kind; /* PMN_ENTRY_ADD, PMN_ENTRY_DELETE */
} PmnManifestHead;

typedef struct PmnManifestImage PmnManifestImage;

/* How much of an entry is wanted; what is left out is empty. */
typedef enum PmnEntryView
{
	PMN_ENTRY_IDENTITY, /* no keys, no statistics */
	PMN_ENTRY_KEYS,		/* no value statistics */
	PMN_ENTRY_VALUES,	/* no name, keys or indexes: what tells about values */
	PMN_ENTRY_WHOLE
} PmnEntryView;

/*
 * pmn_manifest_image_make -- from the bytes of a manifest file, in env's
 * memory. Errors PMN_CORRUPT, PMN_UNSUPPORTED.
 */
PMN_CHECKED PmnCode pmn_manifest_image_make(PmnEnv *env, PmnBytes file,
											PmnBytes name,
											PmnManifestImage **out);
void pmn_manifest_image_free(PmnManifestImage *image); /* NULL allowed */
size_t pmn_manifest_image_size(const PmnManifestImage *image);

const PmnManifestHead *pmn_manifest_image_heads(const PmnManifestImage *image,
												uint32_t *count);
const PmnBytes *pmn_manifest_image_partitions(const PmnManifestImage *image,
											  uint32_t *count);

/* PMN_CORRUPT unless the list's counts are the manifest's; a negative count
 * is one that nobody knows. */
PMN_CHECKED PmnCode pmn_manifest_image_check(const PmnManifestImage *image,
											 PmnEnv *env,
											 const PmnManifestMeta *meta);

/* Decode entry index into arena; env takes the message of a failure. */
PMN_CHECKED PmnCode pmn_manifest_image_entry(PmnManifestImage *image,
											 PmnEnv *env, PmnEntryView view,
											 uint32_t index, PmnArena *arena,
											 PmnManifestEntry *out);

#endif /* META_MANIFEST_IMAGE_H */
