/*
 * meta_cache.c
 *
 * Manifest files never change and their names hold a UUID, so that scheme,
 * path and size say what is in them: an item never goes stale, it only stops
 * being asked for. Hence no invalidation, only a limit and LRU.
 *
 * Items are chained in a hash table and in a list by last use. A pinned
 * item is being looked at and stays. A manifest that is larger than
 * the limit is not kept.
 *
 * Cached images are made in the cache's environment, files are read with the
 * query's. When the cache's memory fails, the query makes the image in its
 * own and nothing is kept; the cache is as it was.
 *
 * Manifest lists are kept decoded and copied out, since they are short.
 *
 * Snapshot files are small and their names are numbers, which a rollback gives
 * out again. Who made one is remembered in a small table by path, size and time
 * of writing, where a later one takes the place of another. Nobody rolls back
 * and commits within the millisecond of the first writing.
 */
#include "meta_cache.h"

#include "meta_manifest_internal.h"

#define SLOT_COUNT 1024
/* Snapshots remembered by the identity of their commit. */
#define IDENTITY_COUNT 256

typedef struct PmnCacheItem PmnCacheItem;

struct PmnCacheItem
{
	PmnCacheItem *next_in_slot;
	PmnCacheItem *newer; /* by last use */
	PmnCacheItem *older;
	uint64_t hash;
	char *key;
	size_t key_size; /* with the NUL at its end */
	size_t size_bytes;
	PmnManifestImage *image; /* of a manifest */
	PmnArena *lines_arena;	 /* of a manifest list; else NULL */
	const PmnManifestMeta *lines;
	size_t line_count;
	uint32_t pin_count;
};

typedef struct IdentitySlot
{
	PmnIdentityKey key;
	PmnSnapshotIdentity identity;
} IdentitySlot;

struct PmnCache
{
	PmnEnv *env;
	size_t limit_bytes;
	PmnCacheItem *slots[SLOT_COUNT];
	PmnCacheItem *newest;
	PmnCacheItem *oldest;
	PmnCacheStats stats;
	IdentitySlot *identities; /* by hash; NULL until one is kept */
};

PmnCode
pmn_cache_create(PmnEnv *env, size_t limit_bytes, PmnCache **out)
{
	*out = pmn_alloc(env, sizeof(**out));
	if (*out == NULL)
		return PMN_NO_MEMORY;
	(*out)->env = env;
	(*out)->limit_bytes = limit_bytes;
	return PMN_OK;
}

bool
pmn_cache_is_on(const PmnCache *cache)
{
	return cache != NULL && cache->limit_bytes > 0;
}

/* ---- lists ------------------------------------------------------------- */

static void
list_remove(PmnCache *cache, PmnCacheItem *item)
{
	if (item->newer != NULL)
		item->newer->older = item->older;
	else
		cache->newest = item->older;
	if (item->older != NULL)
		item->older->newer = item->newer;
	else
		cache->oldest = item->newer;
	item->newer = NULL;
	item->older = NULL;
}

static void
list_add(PmnCache *cache, PmnCacheItem *item)
{
	item->newer = NULL;
	item->older = cache->newest;
	if (cache->newest != NULL)
		cache->newest->newer = item;
	else
		cache->oldest = item;
	cache->newest = item;
}

static void
item_free(PmnCache *cache, PmnCacheItem *item)
{
	pmn_manifest_image_free(item->image);
	pmn_arena_destroy(item->lines_arena);
	pmn_free(cache->env, item->key, item->key_size);
	pmn_free(cache->env, item, sizeof(*item));
}

/* Take an unpinned item out and free it. */
static void
evict(PmnCache *cache, PmnCacheItem *item)
{
	PmnCacheItem **link = &cache->slots[item->hash % SLOT_COUNT];

	PMN_ASSERT(item->pin_count == 0);
	while (*link != item)
		link = &(*link)->next_in_slot;
	*link = item->next_in_slot;
	list_remove(cache, item);
	PMN_ASSERT(cache->stats.size_bytes >= item->size_bytes);
	cache->stats.size_bytes -= item->size_bytes;
	cache->stats.item_count--;
	item_free(cache, item);
}

/* Evict the oldest until the limit is kept, as far as pins let us. */
static void
shrink(PmnCache *cache)
{
	PmnCacheItem *item = cache->oldest;

	while (item != NULL && cache->stats.size_bytes > cache->limit_bytes)
	{
		PmnCacheItem *newer = item->newer;

		if (item->pin_count == 0)
		{
			evict(cache, item);
			cache->stats.evictions++;
		}
		item = newer;
	}
}

void
pmn_cache_set_limit(PmnCache *cache, size_t limit_bytes)
{
	cache->limit_bytes = limit_bytes;
	shrink(cache);
}

void
pmn_cache_destroy(PmnCache *cache)
{
	if (cache == NULL)
		return;
	while (cache->oldest != NULL)
		evict(cache, cache->oldest);
	pmn_free(cache->env, cache->identities,
			 IDENTITY_COUNT * sizeof(*cache->identities));
	pmn_free(cache->env, cache, sizeof(*cache));
}

const PmnCacheStats *
pmn_cache_stats(const PmnCache *cache)
{
	return &cache->stats;
}

/* ---- manifests ---------------------------------------------------------- */

static PmnCacheItem *
find(PmnCache *cache, const char *key, uint64_t hash)
{
	PmnCacheItem *item = cache->slots[hash % SLOT_COUNT];

	while (item != NULL && (item->hash != hash || strcmp(item->key, key) != 0))
		item = item->next_in_slot;
	return item;
}

/* A new item that is pinned, the newest; NULL without memory. */
static PmnCacheItem *
add_item(PmnCache *cache, const char *key, uint64_t hash, size_t content_bytes)
{
	PmnCacheItem *item = pmn_alloc(cache->env, sizeof(*item));
	size_t key_size = strlen(key) + 1;

	if (item == NULL)
		return NULL;
	item->key = pmn_alloc_raw(cache->env, key_size);
	if (item->key == NULL)
	{
		pmn_free(cache->env, item, sizeof(*item));
		return NULL;
	}
	memcpy(item->key, key, key_size);
	item->key_size = key_size;
	item->hash = hash;
	item->pin_count = 1;
	item->size_bytes = content_bytes + sizeof(*item) + key_size;
	item->next_in_slot = cache->slots[hash % SLOT_COUNT];
	cache->slots[hash % SLOT_COUNT] = item;
	list_add(cache, item);
	cache->stats.item_count++;
	cache->stats.size_bytes += item->size_bytes;
	return item;
}

/* An item that was asked for and is there becomes the newest. */
static PmnCacheItem *
use_item(PmnCache *cache, const char *key, uint64_t hash)
{
	PmnCacheItem *item = cache == NULL ? NULL : find(cache, key, hash);

	if (cache == NULL)
		return NULL;
	if (item == NULL)
	{
		cache->stats.misses++;
		return NULL;
	}
	cache->stats.hits++;
	list_remove(cache, item);
	list_add(cache, item);
	return item;
}

/* Keep an image, which the cache's environment made. Without memory it is the
 * pin's own. */
static void
keep(PmnCache *cache, const char *key, uint64_t hash, PmnManifestImage *image,
	 PmnManifestPin *pin)
{
	PmnCacheItem *item =
		add_item(cache, key, hash, pmn_manifest_image_size(image));

	if (item == NULL)
		return;
	item->image = image;
	pin->item = item;
	pin->cache = cache;
	shrink(cache);
}

/* Make an image from a file's text, and keep it when there is room. */
static PmnCode
make(PmnCache *cache, PmnEnv *env, const char *key, uint64_t hash,
	 PmnBytes text, const PmnManifestMeta *meta, PmnManifestPin *pin)
{
	bool is_kept = cache != NULL && text.size <= cache->limit_bytes;
	PmnCode code;

	if (is_kept)
	{
		code = pmn_manifest_image_make(cache->env, text, meta->file_name,
									   &pin->image);
		if (code != PMN_OK && code != PMN_NO_MEMORY)
		{
			env->error = cache->env->error;
			return code;
		}
		/* Too large after all, or no memory to keep it: used this once. */
		if (code == PMN_OK)
		{
			if (pmn_manifest_image_size(pin->image) <= cache->limit_bytes)
				keep(cache, key, hash, pin->image, pin);
			return PMN_OK;
		}
	}
	return pmn_manifest_image_make(env, text, meta->file_name, &pin->image);
}

static PmnCode
load(PmnCache *cache, PmnFileSystem *fs, PmnArena *arena,
	 const PmnTablePath *path, const PmnManifestMeta *meta, const char *key,
	 uint64_t hash, PmnManifestPin *pin)
{
	PmnBuffer text;
	PmnCode code;

	pmn_buffer_init(&text, fs->env);
	code = pmn_manifest_load(fs, arena, path, meta->file_name, meta->file_size,
							 &pmn_manifest_entry_record, &text);
	if (code == PMN_OK)
		code = make(cache, fs->env, key, hash, pmn_bytes(text.data, text.size),
					meta, pin);
	pmn_buffer_free(&text);
	return code;
}

static PmnCode
look_up(PmnCache *cache, PmnFileSystem *fs, PmnArena *arena,
		const PmnTablePath *path, const PmnManifestMeta *meta,
		PmnManifestPin *pin)
{
	char *key = pmn_arena_format(
		arena, "%s|%s/%s|%.*s|%" PRId64, fs->ops->scheme, path->root,
		path->branch == NULL ? "" : path->branch, (int) meta->file_name.size,
		(const char *) meta->file_name.data, meta->file_size);
	uint64_t hash;

	if (key == NULL)
		return PMN_NO_MEMORY;
	hash = pmn_hash_bytes(0, key, strlen(key));
	pin->item = use_item(cache, key, hash);
	if (pin->item == NULL)
		return load(cache, fs, arena, path, meta, key, hash, pin);
	pin->item->pin_count++;
	pin->cache = cache;
	pin->image = pin->item->image;
	return PMN_OK;
}

PmnCode
pmn_cache_manifest(PmnCache *cache, PmnFileSystem *fs, const PmnTablePath *path,
				   const PmnManifestMeta *meta, PmnManifestPin *out)
{
	PmnArena *arena = NULL;
	PmnCode code;

	memset(out, 0, sizeof(*out));
	PMN_TRY(pmn_arena_create(fs->env, 512, &arena));
	code = look_up(cache, fs, arena, path, meta, out);
	pmn_arena_destroy(arena);
	if (code == PMN_OK)
		code = pmn_manifest_image_check(out->image, fs->env, meta);
	if (code != PMN_OK)
		pmn_manifest_pin_release(out);
	return code;
}

void
pmn_manifest_pin_release(PmnManifestPin *pin)
{
	if (pin->item == NULL)
		pmn_manifest_image_free(pin->image);
	else
	{
		PMN_ASSERT(pin->item->pin_count > 0);
		pin->item->pin_count--;
		shrink(pin->cache);
	}
	memset(pin, 0, sizeof(*pin));
}

/* ---- manifest lists ----------------------------------------------------- */

/* Append deep copies of lines to out. */
static PmnCode
copy_lines(PmnEnv *env, PmnArena *arena, const PmnManifestMeta *lines,
		   size_t count, PmnManifestList *out)
{
	PMN_TRY(pmn_array_reserve(env, out, count));
	for (size_t i = 0; i < count; i++)
	{
		PmnManifestMeta line = lines[i];

		PMN_TRY(pmn_bytes_copy(arena, &line.file_name));
		PMN_TRY(pmn_simple_stats_copy(arena, &line.partition_stats));
		out->items[out->count++] = line;
	}
	return PMN_OK;
}

/* Lists that cannot be kept are read again next time. */
static void
keep_lines(PmnCache *cache, const char *key, uint64_t hash,
		   const PmnManifestMeta *lines, size_t count)
{
	PmnManifestList copy = {NULL, 0, 0};
	PmnArena *arena = NULL;
	PmnCacheItem *item = NULL;
	void *items = NULL;

	if (pmn_arena_create(cache->env, 1024, &arena) != PMN_OK)
		return;
	if (copy_lines(cache->env, arena, lines, count, &copy) == PMN_OK)
		items = pmn_arena_copy(arena, copy.items, count * sizeof(*copy.items));
	pmn_array_free(cache->env, &copy);
	if (items != NULL && pmn_arena_bytes(arena) <= cache->limit_bytes)
		item = add_item(cache, key, hash, pmn_arena_bytes(arena));
	if (item == NULL)
	{
		pmn_arena_destroy(arena);
		return;
	}
	item->lines_arena = arena;
	item->lines = items;
	item->line_count = count;
	item->pin_count = 0;
	shrink(cache);
}

PmnCode
pmn_cache_manifest_list(PmnCache *cache, PmnFileSystem *fs, PmnArena *arena,
						const PmnTablePath *path, const char *name,
						int64_t size, PmnManifestList *out)
{
	size_t before = out->count;
	PmnCacheItem *item;
	const char *key;
	uint64_t hash;
	PmnCode code;

	if (cache == NULL)
		return pmn_manifest_list_read(fs, arena, path, name, size, out);
	/* A file may be damaged so that it names a manifest as a list. */
	key = pmn_arena_format(arena, "list|%s|%s/%s|%s|%" PRId64, fs->ops->scheme,
						   path->root, path->branch == NULL ? "" : path->branch,
						   name, size);
	if (key == NULL)
		return PMN_NO_MEMORY;
	hash = pmn_hash_bytes(0, key, strlen(key));
	item = use_item(cache, key, hash);
	if (item != NULL)
	{
		code = copy_lines(fs->env, arena, item->lines, item->line_count, out);
		if (code != PMN_OK)
			out->count = before;
		return code;
	}
	PMN_TRY(pmn_manifest_list_read(fs, arena, path, name, size, out));
	keep_lines(cache, key, hash, out->items + before, out->count - before);
	return PMN_OK;
}

/* ---- identities of snapshots -------------------------------------------- */

PmnIdentityKey
pmn_cache_identity_key(const PmnFileSystem *fs, const char *path,
					   uint64_t size_bytes, int64_t modified_millis)
{
	PmnIdentityKey key = {.size_bytes = size_bytes,
						  .modified_millis = modified_millis};

	key.path_hash = pmn_hash_bytes(0, fs->ops->scheme, strlen(fs->ops->scheme));
	key.path_hash = pmn_hash_bytes(key.path_hash, path, strlen(path));
	return key;
}

bool
pmn_cache_find_identity(PmnCache *cache, const PmnIdentityKey *key,
						PmnSnapshotIdentity *out)
{
	const IdentitySlot *slot;

	if (cache == NULL || cache->identities == NULL || key->modified_millis == 0)
		return false;
	slot = &cache->identities[key->path_hash % IDENTITY_COUNT];
	if (slot->key.path_hash != key->path_hash ||
		slot->key.size_bytes != key->size_bytes ||
		slot->key.modified_millis != key->modified_millis)
		return false;
	*out = slot->identity;
	return true;
}

void
pmn_cache_keep_identity(PmnCache *cache, const PmnIdentityKey *key,
						const PmnSnapshotIdentity *identity)
{
	IdentitySlot *slot;

	if (cache == NULL || cache->limit_bytes == 0 || key->modified_millis == 0)
		return;
	if (cache->identities == NULL)
		cache->identities =
			pmn_alloc(cache->env, IDENTITY_COUNT * sizeof(*cache->identities));
	if (cache->identities == NULL)
		return;
	slot = &cache->identities[key->path_hash % IDENTITY_COUNT];
	slot->key = *key;
	slot->identity = *identity;
}
