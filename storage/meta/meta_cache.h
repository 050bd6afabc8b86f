/*
 * meta_cache.h
 *
 * Manifests in memory, kept between queries.
 */
#ifndef META_CACHE_H
#define META_CACHE_H

#include "../include/pmn_cache.h"
#include "../include/pmn_outbox.h"
#include "meta_manifest_image.h"

/* Whether there is a cache that keeps anything. */
bool pmn_cache_is_on(const PmnCache *cache);

/* A manifest that somebody looks at: from the cache, or its own. */
typedef struct PmnManifestPin
{
	PmnManifestImage *image;
	struct PmnCacheItem *item; /* NULL: image is the pin's own */
	PmnCache *cache;
} PmnManifestPin;

/*
 * pmn_cache_manifest -- the image of a manifest of a table, read when cache
 * (which may be NULL) does not have it. Release the pin before env ends.
 * Errors    PMN_NOT_FOUND, PMN_CORRUPT, PMN_UNSUPPORTED
 */
PMN_CHECKED PmnCode pmn_cache_manifest(PmnCache *cache, PmnFileSystem *fs,
									   const PmnTablePath *path,
									   const PmnManifestMeta *meta,
									   PmnManifestPin *out);
void pmn_manifest_pin_release(PmnManifestPin *pin);

/* pmn_manifest_list_read, of a list that cache (which may be NULL) may have. */
PMN_CHECKED PmnCode pmn_cache_manifest_list(PmnCache *cache, PmnFileSystem *fs,
											PmnArena *arena,
											const PmnTablePath *path,
											const char *name, int64_t size,
											PmnManifestList *out);

/* One writing of one snapshot file. */
typedef struct PmnIdentityKey
{
	uint64_t path_hash;
	uint64_t size_bytes;
	int64_t modified_millis; /* 0: not known, so that nothing is kept */
} PmnIdentityKey;

PmnIdentityKey pmn_cache_identity_key(const PmnFileSystem *fs, const char *path,
									  uint64_t size_bytes,
									  int64_t modified_millis);

/* Who made a snapshot, remembered; of a cache that may be NULL. */
bool pmn_cache_find_identity(PmnCache *cache, const PmnIdentityKey *key,
							 PmnSnapshotIdentity *out);
void pmn_cache_keep_identity(PmnCache *cache, const PmnIdentityKey *key,
							 const PmnSnapshotIdentity *identity);

#endif /* META_CACHE_H */
