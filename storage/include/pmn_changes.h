/*
 * pmn_changes.h
 *
 * What changed between two snapshots (Paimon's batch incremental reads), and
 * the columns beside a table's own that a read can give.
 */
#ifndef PMN_CHANGES_H
#define PMN_CHANGES_H

#include "pmn_table.h"

#ifdef __cplusplus
extern "C"
{
#endif

	typedef enum PmnChangesMode
	{
		PMN_CHANGES_AUTO,  /* changelog when a producer makes it, else delta */
		PMN_CHANGES_DELTA, /* rows of files that APPEND snapshots added */
		PMN_CHANGES_CHANGELOG, /* rows of changelog files */
		PMN_CHANGES_DIFF	   /* compare the two ends */
	} PmnChangesMode;

	typedef enum PmnChangesKind
	{
		PMN_CHANGES_IDS,   /* from_number exclusive, to_number inclusive */
		PMN_CHANGES_NAMES, /* two tags, or two ids as text */
		PMN_CHANGES_TIMES, /* milliseconds */
		PMN_CHANGES_TO_AUTO_TAG, /* to: an automatic tag; from the one before */
		PMN_CHANGES_LATEST		 /* of the newest snapshot alone */
	} PmnChangesKind;

	/* A range as somebody asks for it. */
	typedef struct PmnChangesSpec
	{
		PmnChangesKind kind;
		PmnChangesMode mode;
		bool tags_as_snapshots; /* not their difference: what lies between */
		const char *from;
		const char *to;
		int64_t from_number;
		int64_t to_number; /* of IDS: -1 means the newest */
	} PmnChangesSpec;

	/* A range that was looked up; strings live with spec or table. */
	typedef struct PmnChangeRange
	{
		bool is_empty;
		PmnChangesMode mode; /* not AUTO */
		int64_t after_id;	 /* of a difference: 0 compares with nothing */
		int64_t until_id;
		const char *after_tag; /* where not NULL, its snapshot may be gone */
		const char *until_tag;
	} PmnChangeRange;

	/*
 * pmn_table_resolve_changes -- Errors: PMN_INVALID (no such tag or snapshot,
 * ends the wrong way round), PMN_EXPIRED
 */
	PMN_CHECKED PmnCode pmn_table_resolve_changes(PmnTable *table,
												  const PmnChangesSpec *spec,
												  PmnChangeRange *out);

/*
 * Columns that pmn_read_open's projection may name beside the schema's
 * fields: the row kind as text ("+I", "-U", "+U", "-D"), the sequence number
 * (null in append tables), and the snapshot that made a change (the one that
 * is read, where nothing but its state is).
 */
#define PMN_COLUMN_KIND (-1)
#define PMN_COLUMN_SEQUENCE (-2)
#define PMN_COLUMN_SNAPSHOT (-3)

#ifdef __cplusplus
}
#endif
#endif /* PMN_CHANGES_H */
