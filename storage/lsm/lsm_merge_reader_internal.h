/*
 * lsm_merge_reader_internal.h
 *
 * The state of a merge, shared by its files: streams (runs with their current
 * row), segments (what the output will be made of), the group of rows with one
 * key that is open, and the rows collected for engines that compute.
 */
#ifndef LSM_MERGE_READER_INTERNAL_H
#define LSM_MERGE_READER_INTERNAL_H

#include "lsm_loser_tree.h"
#include "lsm_merge_reader.h"

#define PMN_NO_STREAM UINT32_MAX

typedef struct PmnMergeStream
{
	PmnRun *run;
	PmnBatch *batch; /* NULL: at its end */
	uint32_t row;
	uint64_t *prefixes; /* of the batch's rows; not when alone */
	size_t prefix_capacity;
	uint64_t last_prefix; /* of the batch before; 0 at first */
	bool has_retracts;	  /* some row of the batch is -U or -D */
	/* Rows that may share their key with the next row, ascending. */
	uint32_t *stops;
	size_t stop_capacity;
	uint32_t stop_count;
	uint32_t next_stop;
} PmnMergeStream;

typedef struct PmnMergeSegment
{
	const PmnBatch *batch;
	uint32_t first;
	uint32_t count;
} PmnMergeSegment;

/* The open group: rows of one key seen so far. */
typedef struct PmnMergeGroup
{
	bool is_open;
	bool has_vanished; /* no row stays so far; kept still shows the key */
	uint32_t stream;   /* whose batch kept is in; PMN_NO_STREAM = held */
	const PmnBatch *batch;
	uint32_t row;
	uint64_t prefix;
	uint64_t row_count;
	bool is_carried; /* rows before those collected are in the carry */
} PmnMergeGroup;

/* Rows of one key that outlive their batch are copied; so many at least. */
#define PMN_HELD_ROWS 64

/* A row copied into memory of the merge. */
typedef struct PmnHeldRows
{
	PmnBatch batch;
	PmnArena *arena; /* bytes */
	void *block;
	size_t block_size;
	uint32_t capacity;
	int32_t *levels;
} PmnHeldRows;

/*
 * Rows of keys that have several, for engines that compute and for tables
 * that need lookup. Sources are streams by number, then held rows. Those of
 * closed groups come first; the open group's follow.
 */
typedef struct PmnMergeCollected
{
	bool is_used;
	bool by_level; /* only one row of a key above level 0 counts */
	PmnFold *fold; /* NULL: the engine selects */
	uint32_t *sources;
	size_t sources_capacity;
	uint32_t *rows;
	size_t rows_capacity;
	int32_t *levels;
	size_t levels_capacity;
	uint32_t count;
	uint32_t open_first; /* the open group's first row */
	uint32_t *ends;		 /* of closed groups */
	uint32_t group_count;
	bool first_is_carried; /* the first closed group goes on from the carry */
	const PmnBatch **batches;
	PmnFoldCarry carry;
	PmnHeldRows carried[2]; /* in turn: the old one is read for the new */
	uint32_t carried_number;
} PmnMergeCollected;

struct PmnMergeReader
{
	PmnEnv *env;
	PmnLsm *lsm;
	PmnArena *arena;
	const PmnKvLayout *layout;
	const PmnMergeOps *merge;
	bool drop_deletes;
	bool is_exact; /* equal prefixes are equal keys */
	bool is_built;
	bool is_alone; /* one run with unique keys: no comparing at all */
	uint32_t batch_rows;
	uint32_t column_count;
	PmnVectorKind *kinds;
	PmnMergeStream *streams;
	uint32_t stream_count;
	PmnLoserTree tree;
	uint32_t moved; /* stream whose row moved on, or PMN_NO_STREAM */
	PmnMergeGroup group;
	PmnHeldRows held;
	PmnMergeCollected collected;
	PmnMergeSegment *segments;
	uint32_t segment_count;
	uint32_t pending_rows;
	bool has_retracts; /* among the pending rows, maybe */
	PmnBatch output;
	uint32_t *selection;
	void *block;
	size_t block_size;
	PmnVector *gathered; /* columns over block */
};

/* Keys of two rows whose prefixes are known. */
static inline int
pmn_merge_compare_keys(const PmnMergeReader *reader, uint64_t a_prefix,
					   const PmnBatch *a, uint32_t a_row, uint64_t b_prefix,
					   const PmnBatch *b, uint32_t b_row)
{
	if (a_prefix != b_prefix)
		return a_prefix < b_prefix ? -1 : 1;
	if (reader->is_exact)
		return 0;
	return pmn_rows_compare(&reader->layout->key, a, a_row,
							&reader->layout->key, b, b_row);
}

/* In lsm_merge_reader_stream.c. */

/* The loser tree's order: key ascending, then oldest first. */
int pmn_merge_compare_streams(void *context, uint32_t a, uint32_t b);

/* Next batch of a stream whose batch is used up; batch NULL at the end. */
PMN_CHECKED PmnCode pmn_merge_load(PmnMergeReader *reader, uint32_t number);

/* End of the winner's rows that are alone with their keys. */
uint32_t pmn_merge_stretch_end(PmnMergeReader *reader, uint32_t winner);

/* Copy row of src behind the held rows. */
PMN_CHECKED PmnCode pmn_merge_hold_row(PmnMergeReader *reader,
									   PmnHeldRows *held, const PmnBatch *src,
									   uint32_t row);
/* Forget the rows that are held; memory is kept. */
void pmn_merge_held_reset(PmnHeldRows *held);

/* In lsm_merge_reader_collect.c. */

PMN_CHECKED PmnCode pmn_merge_collect_init(PmnMergeReader *reader,
										   PmnRun **runs, uint32_t run_count);
void pmn_merge_collect_free(PmnMergeReader *reader);

/* The current row of a stream joins the open group. */
PMN_CHECKED PmnCode pmn_merge_collect_row(PmnMergeReader *reader,
										  uint32_t number);
/* No room for more rows until they are folded. */
bool pmn_merge_collect_is_full(const PmnMergeReader *reader);
/* Fold the open group's rows so far; no group may be closed. */
PMN_CHECKED PmnCode pmn_merge_collect_carry(PmnMergeReader *reader);
/* The open group is complete. */
PMN_CHECKED PmnCode pmn_merge_collect_close(PmnMergeReader *reader);
/* A stream is about to move on from its batch: keep the open group's rows. */
PMN_CHECKED PmnCode pmn_merge_collect_hold(PmnMergeReader *reader,
										   uint32_t number);
/* Compute the closed groups; their segments point to the result. */
PMN_CHECKED PmnCode pmn_merge_collect_fold(PmnMergeReader *reader);

/* In lsm_merge_reader_output.c. */

void pmn_merge_add_segment(PmnMergeReader *reader, const PmnBatch *batch,
						   uint32_t first, uint32_t count);

/* Turn the segments into the output batch, and forget them. */
PMN_CHECKED PmnCode pmn_merge_flush(PmnMergeReader *reader);

#endif /* LSM_MERGE_READER_INTERNAL_H */
