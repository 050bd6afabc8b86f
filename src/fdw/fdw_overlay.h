/*
 * fdw_overlay.h
 *
 * The rows of a delta heap laid over what storage reads.
 */
#ifndef PFDW_OVERLAY_H
#define PFDW_OVERLAY_H

#include "fdw.h"
#include "../delta/delta_store.h"

/* ---- in fdw_overlay.c ------------------------------------------------- */

typedef struct PfdwOverlay PfdwOverlay;

/* The delta heap of a lake table under a snapshot; NULL: it has none. */
extern PfdwOverlay *pfdw_overlay_open(MemoryContext parent, Relation relation,
									  const PfdwTableRef *ref,
									  Snapshot snapshot);
extern void pfdw_overlay_close(PfdwOverlay *overlay);

/* Attributes that are the primary key, in its order; 0: an append table. */
extern const AttrNumber *pfdw_overlay_keys(const PfdwOverlay *overlay,
										   int *count);

/*
 * pfdw_overlay_load -- look what is there, once: of a keyed table all keys,
 * whose columns keys are (kept, not copied). false: nothing is visible.
 */
extern bool pfdw_overlay_load(PfdwOverlay *overlay, const PfdwColumn *keys);

/* Take rows whose keys the heap has out of a batch, of which column
 * positions[k] is key column k. What the batch then selects lives until the
 * next call. */
extern void pfdw_overlay_filter(PfdwOverlay *overlay, PmnBatch *batch,
								const int *positions);

/* The next rows of the heap into a decoder's arrays; 0 at the end. */
extern uint32 pfdw_overlay_next(PfdwOverlay *overlay, PfdwDecoder *decoder);
extern void pfdw_overlay_rewind(PfdwOverlay *overlay);

/* The visible row of a key: false when there is none. */
extern bool pfdw_overlay_probe(PfdwOverlay *overlay, const Datum *key,
							   TupleTableSlot *out, bool *is_deleted);

/* Pages of the heap and about how many rows they hold, for the planner. */
extern void pfdw_overlay_estimate(const PfdwTableRef *ref, double *pages,
								  double *rows);

/* ---- in fdw_overlay_keys.c -------------------------------------------- */

/* A set of keys as the lake has them. */
typedef struct PfdwLakeKeys PfdwLakeKeys;

extern PfdwLakeKeys *pfdw_lake_keys_create(MemoryContext parent,
										   const PfdwColumn *columns,
										   int count);
extern void pfdw_lake_keys_free(PfdwLakeKeys *keys);
extern void pfdw_lake_keys_add(PfdwLakeKeys *keys, const Datum *values);
extern Size pfdw_lake_keys_memory(const PfdwLakeKeys *keys);
/* Those of the batch's selected rows whose keys are not in the set, to out;
 * returns how many. */
extern uint32 pfdw_lake_keys_exclude(PfdwLakeKeys *keys, const PmnBatch *batch,
									 const int *positions, uint32 *out);

#endif /* PFDW_OVERLAY_H */
