/*
 * format_orc_prune.h
 *
 * Skipping of stripes and row groups; private to this folder.
 *
 *   format_orc_prune.c   asks the filter
 *   format_orc_stats.c   what it is asked about
 *   format_orc_index.c   where row groups begin in streams
 */
#ifndef FORMAT_ORC_PRUNE_H
#define FORMAT_ORC_PRUNE_H

#include "../type/type_predicate.h"
#include "format_orc_column.h"

/* Row groups first .. end - 1 of a stripe, and where their rows lie in it. */
typedef struct OrcGroups
{
	uint32_t first;
	uint32_t end;
	uint64_t first_row;
	uint64_t end_row;
} OrcGroups;

/* What of the file the pruner looks at. */
typedef struct OrcPruner
{
	OrcInput *input;
	const OrcTail *tail;
	const OrcColumn *columns;
	uint32_t column_count;
	uint32_t node_count; /* with inner columns */
	const int32_t *column_of_type;
	const PmnPredicate *filter; /* NULL: nothing is skipped */
	const PmnSchema *schema;
	const int32_t *filter_columns;
	PmnBytes *stripe_stats; /* NULL: not there */
	PmnBytes *type_stats;	/* of one stripe; scratch */
	PmnBuffer metadata;
	/* Of the stripe that is read; in its arena. */
	const OrcStripeFooter *footer;
	uint64_t stripe_rows;
	uint32_t group_count;
	struct OrcIndex *indexes; /* one per column, inner ones included */
	OrcGroups *groups;		  /* to be read; NULL: the stripe as a whole */
	uint32_t groups_count;
	uint8_t *section; /* all indexes, or NULL */
	uint64_t section_offset;
	uint64_t section_end;
	bool is_utc; /* the writer's zone */
} OrcPruner;

/*
 * orc_pruner_open -- the columns are bound. Keeps its own copy of the filter;
 * nothing is read when the file's statistics are of no use to it.
 */
PMN_CHECKED PmnCode orc_pruner_open(OrcPruner *pruner, PmnArena *arena,
									const PmnFormatReadRequest *request);
void orc_pruner_close(OrcPruner *pruner); /* zeroed allowed */
/* false when statistics prove that no row of the stripe matches. */
bool orc_stripe_may_match(OrcPruner *pruner, uint32_t stripe);
/*
 * orc_find_groups -- fills groups; the stripe's footer stays with the pruner.
 * *none when no row of the stripe matches.
 */
PMN_CHECKED PmnCode orc_find_groups(OrcPruner *pruner, PmnArena *arena,
									const OrcStripe *stripe,
									const OrcStripeFooter *footer, bool *none);

/*
 * Statistics of rows rows, an encoded ColumnStatistics. Bounds point into it,
 * and are null where they are not there or not to be compared with values of
 * the column. false when nothing is known.
 */
bool orc_column_stats(const OrcColumn *column, const OrcType *found,
					  PmnBytes bytes, uint64_t rows, bool is_utc,
					  PmnColumnStats *out);

/* ---- format_orc_index.c ------------------------------------------------------ */

typedef struct OrcIndex OrcIndex;

/* The fields 1 of a message; false when they are not count. */
bool orc_index_entries(PmnBytes bytes, uint32_t count, PmnBytes *entries);
/* The pruner has the footer of the stripe. */
PMN_CHECKED PmnCode orc_index_begin(OrcPruner *pruner, PmnArena *arena,
									const OrcStripe *stripe);
/* Positions of all columns that are read. *usable tells; PMN_CORRUPT. */
PMN_CHECKED PmnCode orc_load_positions(OrcPruner *pruner, PmnArena *arena,
									   bool *usable);
/* Append the row index of a type; *found tells. */
PMN_CHECKED PmnCode orc_read_index(OrcPruner *pruner, uint32_t type,
								   PmnBuffer *dst, bool *found);
/* Leave of the stripe's streams what these groups need. */
PMN_CHECKED PmnCode orc_narrow_streams(const OrcPruner *pruner,
									   const OrcGroups *groups,
									   OrcStreamInfo *streams, uint32_t count);
/* The column has begun with narrowed streams: go to its first row. */
PMN_CHECKED PmnCode orc_column_seek(const OrcPruner *pruner,
									const OrcGroups *groups, OrcColumn *column);

#endif /* FORMAT_ORC_PRUNE_H */
