/*
 * type_stats.h
 *
 * Column statistics: collected from batches while a file is written,
 * converted by Paimon's modes, and used to prune.
 */
#ifndef TYPE_STATS_H
#define TYPE_STATS_H

#include "type.h"

typedef enum PmnStatsModeKind
{
	PMN_STATS_NONE,
	PMN_STATS_COUNTS,
	PMN_STATS_TRUNCATE,
	PMN_STATS_FULL
} PmnStatsModeKind;

typedef struct PmnStatsMode
{
	PmnStatsModeKind kind;
	int32_t length; /* TRUNCATE: characters or bytes */
} PmnStatsMode;

/* "none", "counts", "truncate(16)", "full", case ignored. PMN_INVALID. */
PMN_CHECKED PmnCode pmn_stats_mode_parse(PmnEnv *env, const char *text,
										 PmnStatsMode *out);

/* null_count -1 = unknown; min and max null = unknown or all null. */
typedef struct PmnColumnStats
{
	PmnValue min;
	PmnValue max;
	int64_t null_count;
} PmnColumnStats;

/* Collects exact statistics of one column. Bytes of min and max are copied
 * into memory of its own. */
typedef struct PmnStatsCollector
{
	PmnEnv *env;
	const PmnType *type;
	PmnColumnStats stats;
	PmnBuffer min_bytes;
	PmnBuffer max_bytes;
} PmnStatsCollector;

void pmn_stats_collector_init(PmnStatsCollector *collector, PmnEnv *env,
							  const PmnType *type);
void pmn_stats_collector_free(PmnStatsCollector *collector);
void pmn_stats_collector_reset(PmnStatsCollector *collector);

/* rows = indices into the vector, or NULL: 0 .. count - 1. */
PMN_CHECKED PmnCode pmn_stats_collect(PmnStatsCollector *collector,
									  const PmnVector *vector,
									  const uint32_t *rows, uint32_t count);

/*
 * pmn_stats_convert -- what Paimon stores for collected statistics under a
 * mode; truncated bytes are made in arena. TIMESTAMP of precision > 6 and
 * types without order keep only the null count.
 */
PMN_CHECKED PmnCode pmn_stats_convert(PmnArena *arena, const PmnType *type,
									  PmnStatsMode mode,
									  const PmnColumnStats *src,
									  PmnColumnStats *out);

#endif /* TYPE_STATS_H */
