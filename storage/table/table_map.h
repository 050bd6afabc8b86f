/*
 * table_map.h
 *
 * A hash table from hashes to positions in an array that the caller keeps.
 * It knows nothing of the items: the caller compares what it finds.
 */
#ifndef TABLE_MAP_H
#define TABLE_MAP_H

#include "../base/base_arena.h"

#define PMN_MAP_NONE UINT32_MAX

typedef struct PmnMapSlot
{
	uint64_t hash;
	uint32_t position_plus_one; /* 0: the slot is free */
} PmnMapSlot;

typedef struct PmnMap
{
	PmnEnv *env;
	PmnMapSlot *slots;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
} PmnMap;

void pmn_map_init(PmnMap *map, PmnEnv *env);
void pmn_map_free(PmnMap *map);

/*
 * pmn_map_next -- the next position that was put with this hash. *probe starts
 * at 0 and is kept between calls for one hash. PMN_MAP_NONE at the end.
 */
uint32_t pmn_map_next(const PmnMap *map, uint64_t hash, size_t *probe);
PMN_CHECKED PmnCode pmn_map_put(PmnMap *map, uint64_t hash, uint32_t position);

#endif /* TABLE_MAP_H */
