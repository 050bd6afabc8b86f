/*
 * lsm_aggregate_map.c
 *
 * Open addressing over an array of spans in insertion order. A removed span
 * keeps its place in the table, so that searches pass over it; putting its key
 * again revives the span, at the end of the order: a new span is appended and
 * the table points to that.
 */
#include "lsm_aggregate_map.h"

#define SLOTS_MIN 16

void
pmn_span_map_init(PmnSpanMap *map, PmnEnv *env)
{
	memset(map, 0, sizeof(*map));
	map->env = env;
}

void
pmn_span_map_free(PmnSpanMap *map)
{
	pmn_array_free(map->env, &map->spans);
	pmn_free(map->env, map->slots, map->slot_capacity * sizeof(*map->slots));
	map->slots = NULL;
	map->slot_capacity = 0;
}

static PmnCode
resize(PmnSpanMap *map, uint32_t slot_count)
{
	PMN_TRY(pmn_array_grow(map->env, (void **) &map->slots, &map->slot_capacity,
						   slot_count, sizeof(*map->slots)));
	memset(map->slots, 0, slot_count * sizeof(*map->slots));
	map->slot_count = slot_count;
	return PMN_OK;
}

PmnCode
pmn_span_map_reset(PmnSpanMap *map, uint32_t expected)
{
	uint32_t slot_count = SLOTS_MIN;

	while (slot_count / 2 < expected && slot_count < UINT32_MAX / 4)
		slot_count *= 2;
	map->spans.count = 0;
	map->live_count = 0;
	return resize(map, slot_count);
}

/* The slot of key, or the free one where it would go. */
static uint32_t
slot_of(const PmnSpanMap *map, PmnBytes key, uint32_t hash)
{
	uint32_t mask = map->slot_count - 1;
	uint32_t slot = hash & mask;

	while (map->slots[slot] != 0)
	{
		const PmnSpan *span = &map->spans.items[map->slots[slot] - 1];

		if (span->hash == hash && pmn_bytes_equal(span->key, key))
			return slot;
		slot = (slot + 1) & mask;
	}
	return slot;
}

static uint32_t
hash_of(PmnBytes key)
{
	return (uint32_t) (pmn_hash_bytes(0, key.data, key.size) >> 16);
}

PmnSpan *
pmn_span_map_find(const PmnSpanMap *map, PmnBytes key)
{
	uint32_t number = map->slots[slot_of(map, key, hash_of(key))];

	if (number == 0 || map->spans.items[number - 1].is_removed)
		return NULL;
	return &map->spans.items[number - 1];
}

static PmnCode
grow(PmnSpanMap *map)
{
	if (map->spans.count < map->slot_count / 2)
		return PMN_OK;
	PMN_TRY(resize(map, map->slot_count * 2));
	for (size_t i = 0; i < map->spans.count; i++)
	{
		const PmnSpan *span = &map->spans.items[i];

		map->slots[slot_of(map, span->key, span->hash)] = (uint32_t) i + 1;
	}
	return PMN_OK;
}

PmnCode
pmn_span_map_put(PmnSpanMap *map, PmnBytes key, PmnSpan **out, bool *is_new)
{
	uint32_t hash = hash_of(key);
	uint32_t slot;
	PmnSpan *span;

	*out = NULL;
	PMN_TRY(grow(map));
	slot = slot_of(map, key, hash);
	*is_new = map->slots[slot] == 0 ||
			  map->spans.items[map->slots[slot] - 1].is_removed;
	if (*is_new)
	{
		PMN_TRY(pmn_array_reserve(map->env, &map->spans, 1));
		span = &map->spans.items[map->spans.count++];
		memset(span, 0, sizeof(*span));
		span->key = key;
		span->hash = hash;
		map->slots[slot] = (uint32_t) map->spans.count;
		map->live_count++;
	}
	*out = &map->spans.items[map->slots[slot] - 1];
	return PMN_OK;
}

void
pmn_span_map_remove(PmnSpanMap *map, PmnSpan *span)
{
	PMN_ASSERT(!span->is_removed);
	span->is_removed = true;
	map->live_count--;
}
