/*
 * lsm_levels.h
 *
 * Files of one bucket as sorted runs, and as sections of overlapping key
 * ranges (format/data.md 4.2, 5.3).
 */
#ifndef LSM_LEVELS_H
#define LSM_LEVELS_H

#include "lsm.h"

/* A file with its decoded key range. */
typedef struct PmnLevelFile
{
	const PmnDataFile *file;
	const PmnValue *min_key; /* key_count values */
	const PmnValue *max_key;
} PmnLevelFile;

/* Decode key ranges of files; in arena. Append tables have none. */
PMN_CHECKED PmnCode pmn_level_files(PmnLsm *lsm, PmnArena *arena,
									const PmnDataFile *const *files,
									uint32_t count, PmnLevelFile **out);

typedef struct PmnLevelRun
{
	int32_t level;
	uint64_t size_bytes;
	PmnLevelFile *files; /* in key order */
	uint32_t file_count;
} PmnLevelRun;

/*
 * pmn_level_runs -- level-0 files, newest first, each a run of its own, then
 * levels 1, 2, ... as one run each: newest to oldest. Overlap inside a level
 * is PMN_CORRUPT.
 */
PMN_CHECKED PmnCode pmn_level_runs(PmnLsm *lsm, PmnArena *arena,
								   PmnLevelFile *files, uint32_t count,
								   PmnLevelRun **out, uint32_t *run_count);

/* A key range none of whose keys is in another section. */
typedef struct PmnSection
{
	PmnLevelRun *runs; /* least number of runs; level is of no meaning */
	uint32_t run_count;
} PmnSection;

PMN_CHECKED PmnCode pmn_level_sections(PmnLsm *lsm, PmnArena *arena,
									   PmnLevelFile *files, uint32_t count,
									   PmnSection **out,
									   uint32_t *section_count);

#endif /* LSM_LEVELS_H */
