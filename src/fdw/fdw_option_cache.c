/*
 * fdw_option_cache.c
 *
 * What a backend remembers of foreign tables: options, parsed, the number of
 * the lake table when it has a delta heap, and which columns are the primary
 * key, once somebody has opened the lake table. A statement asks for these a
 * dozen times, and one that fetches a row by its key does little else.
 *
 * Everything here follows from the catalogs, and goes when they change: with
 * the relation, its options, the server, the schema's name or the heap, which
 * is also told when its lake table is made anew. What was given
 * out stays until the transaction ends, as callers keep it. The key is a
 * hint, for costs only: another program might drop the lake table and make
 * one of that name again.
 */
#include "fdw_option.h"

#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

typedef struct Cached
{
	Oid relid; /* the hash key */
	bool is_valid;
	MemoryContext context; /* NULL: nothing yet */
	PfdwOptions *options;
	bool knows_key;
	Bitmapset *key;
	int32 lake_table; /* whose delta heap exists; 0: not known */
} Cached;

/* Which foreign table has remembered a delta heap. */
typedef struct CachedHeap
{
	Oid heap; /* the hash key */
	Oid relid;
} CachedHeap;

static HTAB *cache = NULL;
static HTAB *heaps = NULL;
/* Changes with each invalidation: one may come while we read catalogs. */
static uint64 generation = 0;

static void
invalidate_relation(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	Cached *entry;

	generation++;
	if (OidIsValid(relid))
	{
		CachedHeap *heap = hash_search(heaps, &relid, HASH_FIND, NULL);

		if (heap != NULL)
			relid = heap->relid;
		entry = hash_search(cache, &relid, HASH_FIND, NULL);
		if (entry != NULL)
			entry->is_valid = false;
		return;
	}
	hash_seq_init(&status, cache);
	while ((entry = hash_seq_search(&status)) != NULL)
		entry->is_valid = false;
}

static void
invalidate_all(Datum arg, int cache_id, uint32 hash)
{
	invalidate_relation(arg, InvalidOid);
}

static void
make_cache(void)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(Cached)};
	HASHCTL heap_control = {.keysize = sizeof(Oid),
							.entrysize = sizeof(CachedHeap)};

	if (cache != NULL)
		return;
	cache = hash_create("paimon foreign tables", 64, &control,
						HASH_ELEM | HASH_BLOBS);
	heaps = hash_create("paimon delta heaps", 64, &heap_control,
						HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(invalidate_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNTABLEREL, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_all, (Datum) 0);
}

static Cached *
get_entry(Oid relid)
{
	uint64 before;
	MemoryContext context;
	MemoryContext old;
	PfdwOptions *options;
	Cached *entry;
	bool found;

	make_cache();
	entry = hash_search(cache, &relid, HASH_FIND, NULL);
	if (entry != NULL && entry->is_valid)
		return entry;
	before = generation;
	/* Ends with the caller's when an option is bad. */
	context = AllocSetContextCreate(
		CurrentMemoryContext, "paimon foreign table", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	options = pfdw_options_read(relid);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, CacheMemoryContext);
	entry = hash_search(cache, &relid, HASH_ENTER, &found);
	if (found && entry->context != NULL)
		MemoryContextSetParent(entry->context, TopTransactionContext);
	memset(entry, 0, sizeof(*entry));
	entry->relid = relid;
	entry->context = context;
	entry->options = options;
	entry->is_valid = before == generation;
	return entry;
}

PfdwOptions *
pfdw_options_get(Oid relid)
{
	return get_entry(relid)->options;
}

bool
pfdw_key_hint(Oid relid, const Bitmapset **key)
{
	const Cached *entry = get_entry(relid);

	*key = entry->key;
	return entry->knows_key;
}

void
pfdw_key_hint_set(Oid relid, const PmnSchema *schema, const PfdwColumn *columns,
				  int count)
{
	Cached *entry = get_entry(relid);
	MemoryContext old;
	Bitmapset *key = NULL;

	if (entry->knows_key)
		return;
	old = MemoryContextSwitchTo(entry->context);
	for (uint32 k = 0; k < schema->primary_key_count; k++)
	{
		int32 field = pmn_schema_field_index(schema, schema->primary_keys[k]);
		int i = 0;

		while (i < count && columns[i].field != field)
			i++;
		if (i < count)
			key = bms_add_member(key, columns[i].attnum);
	}
	/* A foreign table without some of the key's columns has no key. */
	entry->key =
		bms_num_members(key) == (int) schema->primary_key_count ? key : NULL;
	entry->knows_key = true;
	MemoryContextSwitchTo(old);
}

int32
pfdw_lake_table_hint(Oid relid)
{
	return get_entry(relid)->lake_table;
}

void
pfdw_lake_table_hint_set(Oid relid, int32 lake_table, Oid heap)
{
	Cached *entry = get_entry(relid);
	CachedHeap *cached;
	bool found;

	cached = hash_search(heaps, &heap, HASH_ENTER, &found);
	/* Of two foreign tables for one heap, one is told when it goes. */
	if (found && cached->relid != relid)
		return;
	cached->relid = relid;
	if (entry->is_valid)
		entry->lake_table = lake_table;
}
