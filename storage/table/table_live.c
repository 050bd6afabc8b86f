/*
 * table_live.c
 *
 * Live entries of some partitions, for writers and commits: what planning does
 * (table_scan_collect.c) without its filters. Manifests that cannot touch the
 * partitions are not opened, the others are images from the metadata cache,
 * and of their entries only those are decoded that are asked for, as far as
 * they are. So a small commit costs what it touches, and the heads of the
 * entries beside it.
 *
 * First the DELETEs, then the ADDs without them, in the order of the manifests:
 * the result is that of pmn_snapshot_live_entries with a filter on the same
 * partitions and buckets, which an ADD and its DELETE share.
 */
#include "table_internal.h"

#include <string.h>

typedef struct Finder
{
	PmnTable *table;
	PmnArena *arena; /* of the result */
	const PmnLiveRequest *request;
	PmnEntryList *out;
	PmnArena *scratch; /* DELETEs, ranges of manifests */
	PmnEntrySet deleted;
	/* Of the manifest being looked at. */
	PmnManifestImage *image;
	const PmnManifestHead *heads;
	const PmnBytes *partitions;
	uint32_t head_count;
	int8_t *matches; /* by partition: -1 when not yet asked */
} Finder;

static PmnCode
matches_partition(Finder *finder, uint32_t partition, bool *out)
{
	const PmnLiveRequest *request = finder->request;
	PmnBytes row = finder->partitions[partition];
	int8_t *known = &finder->matches[partition];

	if (*known < 0)
	{
		*out = request->partitions == NULL ||
			   pmn_partition_set_has(request->partitions, row);
		if (*out && request->keep != NULL)
			PMN_TRY(request->keep(request->context, row, out));
		*known = *out;
	}
	*out = *known == 1;
	return PMN_OK;
}

/* By its bucket. An ADD of another bucket count may have a DELETE that says
 * otherwise, so that DELETEs stay whatever count they name. */
static bool
wants_bucket(const PmnLiveRequest *request, const PmnManifestHead *head)
{
	if (!request->of_bucket || head->bucket == request->bucket)
		return true;
	if (request->total_buckets <= 0)
		return false;
	return head->kind == PMN_ENTRY_DELETE ||
		   (head->total_buckets > 0 &&
			head->total_buckets != request->total_buckets);
}

static PmnCode
take_delete(Finder *finder, uint32_t index)
{
	PmnManifestEntry *entry = pmn_arena_alloc(finder->scratch, sizeof(*entry));

	if (entry == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_manifest_image_entry(finder->image, finder->table->env,
									 PMN_ENTRY_IDENTITY, index, finder->scratch,
									 entry));
	if (pmn_entry_set_has(&finder->deleted, entry))
		return PMN_OK;
	return pmn_entry_set_add(&finder->deleted, entry);
}

static PmnCode
take_add(Finder *finder, uint32_t index)
{
	PmnEnv *env = finder->table->env;
	PmnEntryList *out = finder->out;

	PMN_TRY(pmn_array_reserve(env, out, 1));
	PMN_TRY(pmn_manifest_image_entry(finder->image, env, finder->request->view,
									 index, finder->arena,
									 &out->items[out->count]));
	if (finder->deleted.items.count == 0 ||
		!pmn_entry_set_has(&finder->deleted, &out->items[out->count]))
		out->count++;
	return PMN_OK;
}

static PmnCode
look_through(Finder *finder, uint8_t kind)
{
	for (uint32_t i = 0; i < finder->head_count; i++)
	{
		const PmnManifestHead *head = &finder->heads[i];
		bool matches = false;

		if (i % 1024 == 0)
			PMN_TRY(pmn_poll(finder->table->env));
		if (head->kind != kind || !wants_bucket(finder->request, head))
			continue;
		PMN_TRY(matches_partition(finder, head->partition, &matches));
		if (!matches)
			continue;
		if (kind == PMN_ENTRY_DELETE)
			PMN_TRY(take_delete(finder, i));
		else
			PMN_TRY(take_add(finder, i));
	}
	return PMN_OK;
}

static PmnCode
look_at(Finder *finder, const PmnManifestMeta *meta, uint8_t kind)
{
	PmnTable *table = finder->table;
	uint32_t partition_count;
	PmnManifestPin pin;
	PmnCode code = PMN_NO_MEMORY;

	PMN_TRY(pmn_poll(table->env));
	PMN_TRY(pmn_cache_manifest(table->catalog->cache, table->fs,
							   &table->lsm.path, meta, &pin));
	finder->image = pin.image;
	finder->heads = pmn_manifest_image_heads(pin.image, &finder->head_count);
	finder->partitions =
		pmn_manifest_image_partitions(pin.image, &partition_count);
	finder->matches = pmn_alloc_raw(table->env, partition_count + 1);
	if (finder->matches != NULL)
	{
		memset(finder->matches, -1, partition_count + 1);
		code = look_through(finder, kind);
	}
	pmn_free(table->env, finder->matches, partition_count + 1);
	pmn_manifest_pin_release(&pin);
	return code;
}

/* Whether a manifest may hold entries that are asked for. */
static PmnCode
may_matter(Finder *finder, const PmnManifestMeta *meta, bool *out)
{
	const PmnLiveRequest *request = finder->request;

	*out = false;
	if (meta->added_file_count == 0 && meta->deleted_file_count == 0)
		return PMN_OK;
	if (request->of_bucket && request->total_buckets <= 0 &&
		((meta->has_min_bucket && request->bucket < meta->min_bucket) ||
		 (meta->has_max_bucket && request->bucket > meta->max_bucket)))
		return PMN_OK;
	*out = true;
	if (request->partitions == NULL)
		return PMN_OK;
	return pmn_manifest_may_touch(finder->table, finder->scratch,
								  request->partitions, meta, out);
}

static PmnCode
find(Finder *finder, const PmnManifestList *manifests)
{
	const PmnManifestMeta **wanted;
	size_t count = 0;

	PMN_TRY(pmn_arena_create(finder->table->env, 0, &finder->scratch));
	wanted = pmn_arena_alloc(finder->scratch,
							 (manifests->count + 1) * sizeof(*wanted));
	if (wanted == NULL)
		return PMN_NO_MEMORY;
	for (size_t i = 0; i < manifests->count; i++)
	{
		bool matters = false;

		PMN_TRY(may_matter(finder, &manifests->items[i], &matters));
		if (matters)
			wanted[count++] = &manifests->items[i];
	}
	for (size_t i = 0; i < count; i++)
	{
		if (wanted[i]->deleted_file_count != 0)
			PMN_TRY(look_at(finder, wanted[i], PMN_ENTRY_DELETE));
	}
	for (size_t i = 0; i < count; i++)
	{
		if (wanted[i]->added_file_count != 0)
			PMN_TRY(look_at(finder, wanted[i], PMN_ENTRY_ADD));
	}
	/* No DELETE is left; this finds files that were added twice. */
	return pmn_entries_live(finder->table->env, finder->out, false);
}

PmnCode
pmn_table_find_live(PmnTable *table, PmnArena *arena,
					const PmnManifestList *manifests,
					const PmnLiveRequest *request, PmnEntryList *out)
{
	Finder finder = {
		.table = table, .arena = arena, .request = request, .out = out};
	PmnCode code;

	PMN_ASSERT(out->count == 0);
	pmn_entry_set_init(&finder.deleted, table->env);
	code = find(&finder, manifests);
	pmn_entry_set_free(&finder.deleted);
	pmn_arena_destroy(finder.scratch);
	return code;
}
