/*
 * pmn_cache.h
 *
 * Metadata decoded once and used by many queries of a process. The embedding
 * program makes one cache in memory that lives as long as the process, and
 * gives it to each catalog it opens. Everything works without one.
 */
#ifndef PMN_CACHE_H
#define PMN_CACHE_H

#include "pmn_table.h"

#ifdef __cplusplus
extern "C"
{
#endif

	typedef struct PmnCache PmnCache;

	/* What a cache did so far. */
	typedef struct PmnCacheStats
	{
		uint64_t hits;
		uint64_t misses;
		uint64_t evictions;
		uint64_t item_count; /* now */
		uint64_t size_bytes; /* now */
	} PmnCacheStats;

	/*
 * pmn_cache_create -- a cache in env's memory, which must outlive it. The
 * least recently used items go when limit_bytes is reached; 0 keeps nothing.
 */
	PMN_CHECKED PmnCode pmn_cache_create(PmnEnv *env, size_t limit_bytes,
										 PmnCache **out);
	void pmn_cache_destroy(PmnCache *cache); /* no catalog uses it */
	void pmn_cache_set_limit(PmnCache *cache, size_t limit_bytes);
	const PmnCacheStats *pmn_cache_stats(const PmnCache *cache);

	/* Let a catalog's tables use the cache; NULL: none. Before opening them. */
	void pmn_catalog_use_cache(PmnCatalog *catalog, PmnCache *cache);

#ifdef __cplusplus
}
#endif
#endif /* PMN_CACHE_H */
