/*
 * fdw_reader.h
 *
 * A lake table being read, by a scan or by whoever else needs its rows.
 */
#ifndef PFDW_READER_H
#define PFDW_READER_H

#include "fdw.h"
#include "fdw_overlay.h"

/* ---- in fdw_reader.c -------------------------------------------------- */

/*
 * A lake table being read: by a scan, ANALYZE, EXPLAIN or the search for
 * duplicates. Opened in steps, as late as possible, so that EXPLAIN neither
 * locks nor reads data.
 */
typedef struct PfdwReader
{
	MemoryContext context;
	MemoryContext plan_context; /* of the current plan's filter */
	Relation relation;
	PfdwEnv *env;
	PfdwOptions *options;
	PmnTravel travel;
	PfdwTable *table; /* NULL until opened */
	PfdwView view;
	PmnChangeRange range; /* of tables that show what changed */
	PfdwColumn *columns;  /* all attributes */
	int column_count;
	PfdwColumn *needed; /* those that are read */
	int needed_count;
	PmnScan *scan; /* NULL until planned */
	PmnRead *read; /* NULL until the first batch */
	PfdwDecoder *decoder;
	bool is_look_up;	  /* few rows are expected, by their keys */
	uint64 rows_wanted;	  /* no more of them are likely; 0: all */
	List *pushed;		  /* expressions that the predicate stands for */
	bool is_exact;		  /* and rows need not be tested again */
	const uint32_t *rows; /* rows of the batch that count; NULL: all */
	uint32 row;			  /* the next one's place in rows */
	uint32 row_count;
	int32_t *order;			   /* fields, first of all of them, ... */
	int order_count;		   /* whose order rows come in; 0: any */
	PmnPartSource part_source; /* NULL: all of the scan is read */
	void *part_context;
	bool at_end;
	bool ignores_as_of; /* of writers: what is read is what is there now */
	bool is_explain;	/* neither locks nor reads data */
	bool locks_rows;	/* of a target whose rows are claimed one by one */

	/* Rows of the delta heap: see fdw_overlay.c. */
	Snapshot snapshot;	  /* of the server; NULL: the active one */
	bool knows_travel;	  /* travel and the next are set */
	bool is_travel;		  /* not asked for what is there now */
	bool knows_overlay;	  /* the next is set */
	PfdwOverlay *overlay; /* NULL: there are none */
	int *key_positions;	  /* in needed, of the key's columns */
	bool ignores_delta;	  /* of writers: it is never opened */
	bool skips_delta;	  /* nothing in it is wanted this time */
	bool is_delta_apart;  /* next_batch gives the lake's rows only */
	bool is_past_lake;	  /* the next batches are the delta's */
	/* Whether it is this process that returns them; NULL: yes. */
	bool (*takes_delta)(void *context);
	void *delta_context;
	uint64 delta_rows; /* returned so far */
} PfdwReader;

extern PfdwReader *pfdw_reader_create(MemoryContext parent, Relation relation);
/* Lock (keyed tables, when asked, unless locks_rows and rows go to a delta
 * heap), get the view, match the columns. */
extern void pfdw_reader_open(PfdwReader *reader, bool lock);
/* The same for a worker, with the leader's view. */
extern void pfdw_reader_open_view(PfdwReader *reader, const PfdwView *view);
/* What the options say of a scan beside the view and the filter. */
extern void pfdw_reader_request(const PfdwOptions *options,
								const PmnChangeRange *range,
								PmnScanRequest *request);
/* Whether conditions of a query may be a filter of its scan. */
extern bool pfdw_reader_takes_filter(const PfdwOptions *options);
/* Open the delta heap, if there is one that is to be read; the lake need not
 * be open. */
extern bool pfdw_reader_open_overlay(PfdwReader *reader);
/* Look whether the delta heap has rows; before the plan is made. */
extern bool pfdw_reader_has_delta(PfdwReader *reader);
/* Have the key's columns in needed, which has room for them. */
extern void pfdw_reader_need_keys(PfdwReader *reader);
/* Read these attributes only; before the first batch. */
extern void pfdw_reader_project(PfdwReader *reader, const Bitmapset *attnums,
								bool all);
/* Choose files by what storage understands of quals on relation varno, whose
 * attributes columns has. Sets pushed and is_exact. */
extern void pfdw_reader_plan(PfdwReader *reader, List *quals, Index varno,
							 const PfdwColumn *columns, int column_count,
							 ExprContext *econtext);
extern void pfdw_reader_plan_predicate(PfdwReader *reader,
									   const PmnPredicate *predicate);
/* Open what was planned; pfdw_reader_next_batch does it by itself. */
extern void pfdw_reader_start(PfdwReader *reader);
/* The next batch of the lake, without what the delta replaces; false at its
 * end. */
extern bool pfdw_reader_next_lake(PfdwReader *reader, PmnBatch *batch);
/* Then: the next rows of the delta into the decoder; false at the end. */
extern bool pfdw_reader_next_delta(PfdwReader *reader);
/* The next batch of either into the decoder; false at the end. */
extern bool pfdw_reader_next_batch(PfdwReader *reader);
/* Where the decoder has the n-th row of the batch. */
static inline uint32
pfdw_reader_row(const PfdwReader *reader, uint32 n)
{
	return reader->rows == NULL ? n : reader->rows[n];
}
extern void pfdw_reader_rewind(PfdwReader *reader);
/* Forget the plan, keep table and view. */
extern void pfdw_reader_unplan(PfdwReader *reader);
extern void pfdw_reader_close(PfdwReader *reader);

#endif /* PFDW_READER_H */
