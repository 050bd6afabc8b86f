/*
 * lsm_compact_pick.h
 *
 * Which runs to compact: Paimon's UniversalCompaction as a pure function
 * (format/data.md 4.4, vectors in 13.1).
 */
#ifndef LSM_COMPACT_PICK_H
#define LSM_COMPACT_PICK_H

#include <stdbool.h>
#include <stdint.h>

typedef struct PmnPickRun
{
	int32_t level;
	uint64_t size_bytes;
} PmnPickRun;

typedef struct PmnPickOptions
{
	int32_t trigger;
	int32_t level_count; /* highest level + 1 */
	int32_t max_size_amplification_percent;
	int32_t size_ratio;
	bool force_up_level_0;
} PmnPickOptions;

typedef struct PmnPick
{
	uint32_t run_count; /* the first so many runs; 0 = nothing to do */
	int32_t output_level;
} PmnPick;

/* runs are newest to oldest. */
PmnPick pmn_compact_pick(const PmnPickRun *runs, uint32_t count,
						 const PmnPickOptions *options);
PmnPick pmn_compact_pick_full(const PmnPickRun *runs, uint32_t count,
							  const PmnPickOptions *options);

#endif /* LSM_COMPACT_PICK_H */
