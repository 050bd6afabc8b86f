/*
 * table_map.c
 *
 * Open addressing with linear probing, at most half full, never shrinking;
 * nothing is ever taken out. *probe counts steps from the hash's home slot,
 * so that a look-up can go on behind a false friend.
 */
#include "table_map.h"

void
pmn_map_init(PmnMap *map, PmnEnv *env)
{
	map->env = env;
	map->slots = NULL;
	map->capacity = 0;
	map->count = 0;
}

void
pmn_map_free(PmnMap *map)
{
	pmn_free(map->env, map->slots, map->capacity * sizeof(*map->slots));
	map->slots = NULL;
	map->capacity = 0;
	map->count = 0;
}

uint32_t
pmn_map_next(const PmnMap *map, uint64_t hash, size_t *probe)
{
	if (map->capacity == 0)
		return PMN_MAP_NONE;
	for (;;)
	{
		const PmnMapSlot *slot =
			&map->slots[(hash + *probe) & (map->capacity - 1)];

		if (slot->position_plus_one == 0)
			return PMN_MAP_NONE;
		(*probe)++;
		if (slot->hash == hash)
			return slot->position_plus_one - 1;
	}
}

static void
place(PmnMapSlot *slots, size_t capacity, PmnMapSlot item)
{
	size_t at = item.hash & (capacity - 1);

	while (slots[at].position_plus_one != 0)
		at = (at + 1) & (capacity - 1);
	slots[at] = item;
}

static PmnCode
grow(PmnMap *map)
{
	size_t capacity = map->capacity == 0 ? 64 : map->capacity * 2;
	PmnMapSlot *slots = pmn_alloc(map->env, capacity * sizeof(*slots));

	if (slots == NULL)
		return PMN_NO_MEMORY;
	for (size_t i = 0; i < map->capacity; i++)
	{
		if (map->slots[i].position_plus_one != 0)
			place(slots, capacity, map->slots[i]);
	}
	pmn_free(map->env, map->slots, map->capacity * sizeof(*map->slots));
	map->slots = slots;
	map->capacity = capacity;
	return PMN_OK;
}

PmnCode
pmn_map_put(PmnMap *map, uint64_t hash, uint32_t position)
{
	PmnMapSlot item = {hash, position + 1};

	PMN_ASSERT(position != PMN_MAP_NONE);
	if (2 * (map->count + 1) > map->capacity)
		PMN_TRY(grow(map));
	place(map->slots, map->capacity, item);
	map->count++;
	return PMN_OK;
}
