/*
 * lsm_aggregate_map.h
 *
 * A hash map from byte strings to byte strings that keeps the order of first
 * insertion. It points to its keys and values and owns neither.
 */
#ifndef LSM_AGGREGATE_MAP_H
#define LSM_AGGREGATE_MAP_H

#include "lsm.h"

typedef struct PmnSpan
{
	PmnBytes key;
	PmnBytes value;
	uint32_t hash;
	bool is_removed;
} PmnSpan;

typedef struct PmnSpanMap
{
	PmnEnv *env;
	PMN_ARRAY(PmnSpan) spans; /* removed ones stay, marked */
	uint32_t *slots;		  /* span number + 1; 0 = free */
	size_t slot_capacity;
	uint32_t slot_count; /* in use; a power of two */
	uint32_t live_count;
} PmnSpanMap;

void pmn_span_map_init(PmnSpanMap *map, PmnEnv *env);
void pmn_span_map_free(PmnSpanMap *map);
/* Empty again, for about expected keys. */
PMN_CHECKED PmnCode pmn_span_map_reset(PmnSpanMap *map, uint32_t expected);

/* The span of key, NULL when it isn't there or was removed. Valid until the
 * next put. */
PmnSpan *pmn_span_map_find(const PmnSpanMap *map, PmnBytes key);

/* The span of key, made (with an empty value) when it isn't there. */
PMN_CHECKED PmnCode pmn_span_map_put(PmnSpanMap *map, PmnBytes key,
									 PmnSpan **out, bool *is_new);
void pmn_span_map_remove(PmnSpanMap *map, PmnSpan *span);

#endif /* LSM_AGGREGATE_MAP_H */
