/*
 * fdw_writer.h
 *
 * What a statement writes: rows, sets of keys, and the check for duplicates.
 */
#ifndef PFDW_WRITER_H
#define PFDW_WRITER_H

#include "../bridge/bridge_sink.h"
#include "fdw_reader.h"
#include "../delta/delta_store.h"
#include "lib/ilist.h"
#include "utils/tuplestore.h"

struct PfdwWriter;

/* ---- in fdw_keyset.c -------------------------------------------------- */

/* A set of keys, compared by bytes as Paimon does. */
typedef struct PfdwKeySet PfdwKeySet;
extern PfdwKeySet *pfdw_keyset_create(MemoryContext parent, TupleDesc tupdesc,
									  const AttrNumber *attnums, int count);
/* Add the key of a slot; false when it was there. */
extern bool pfdw_keyset_add(PfdwKeySet *set, TupleTableSlot *slot);
extern bool pfdw_keyset_has(PfdwKeySet *set, TupleTableSlot *slot);
/* values and nulls are by key column, not by attribute. */
extern bool pfdw_keyset_contains(PfdwKeySet *set, const Datum *values,
								 const bool *nulls);
extern void pfdw_keyset_free(PfdwKeySet *set);
/* "first key column IN (...)", or NULL when that can't be said. */
extern const PmnPredicate *pfdw_keyset_predicate(const PfdwKeySet *set,
												 int32 field,
												 const PmnSchema *schema);
extern int64 pfdw_keyset_count(const PfdwKeySet *set);
/* "(id, dt)=(1, 2020-01-01)" for error details. */
extern char *pfdw_keyset_describe(PfdwKeySet *set, const Datum *values,
								  const bool *nulls);

/* ---- in fdw_look_up.c ------------------------------------------------- */

/* Looks for rows by their keys: under a snapshot, or NULL: in the newest state
 * of the lake and the outbox, without the delta heap. key_attnums, the primary
 * key, is kept. */
typedef struct PfdwLookUp PfdwLookUp;
extern PfdwLookUp *pfdw_look_up_create(MemoryContext parent, Relation relation,
									   const AttrNumber *key_attnums,
									   int key_count, Snapshot snapshot);
/* The row with the key of a row, materialized. */
extern bool pfdw_look_up_find(PfdwLookUp *look_up, TupleTableSlot *key,
							  TupleTableSlot *out);
extern void pfdw_look_up_free(PfdwLookUp *look_up);
/* Whether two rows of one table are alike, byte by byte. */
extern bool pfdw_row_is_same(TupleTableSlot *left, TupleTableSlot *right);

/* ---- in fdw_row_store.c ------------------------------------------------ */

/* Rows of a statement until they are written. NULL is an empty one. */
typedef struct PfdwRowStore PfdwRowStore;
extern PfdwRowStore *pfdw_row_store_create(MemoryContext context,
										   TupleDesc tupdesc);
extern void pfdw_row_store_free(PfdwRowStore *store);
extern void pfdw_row_store_put(PfdwRowStore *store, TupleTableSlot *slot);
extern int64 pfdw_row_store_left(const PfdwRowStore *store);
/* Those that next gives are written in this subtransaction; owner is the
 * statement's. */
extern void pfdw_row_store_begin(PfdwRowStore *store, SubTransactionId owner);
extern TupleTableSlot *pfdw_row_store_next(PfdwRowStore *store);
/* Give the last ones again. */
extern void pfdw_row_store_again(PfdwRowStore *store, int64 left);
extern void pfdw_row_store_end(PfdwRowStore *store);
extern void pfdw_row_store_subxact(PfdwRowStore *store, bool is_abort,
								   SubTransactionId subid,
								   SubTransactionId parent,
								   SubTransactionId owner);

/* ---- in fdw_shape.c --------------------------------------------------- */

/* Makes rows what they will be when the lake gives them back. */
typedef struct PfdwShaper PfdwShaper;
extern PfdwShaper *pfdw_shaper_create(struct PfdwWriter *writer);
/* Valid until the next call; bytes is of its variable-length values. */
extern TupleTableSlot *pfdw_shape(PfdwShaper *shaper, TupleTableSlot *row,
								  Size *bytes);
extern void pfdw_shaper_free(PfdwShaper *shaper);

/* ---- in fdw_writer.c -------------------------------------------------- */

/*
 * What one statement writes to one lake table. All modify nodes of the
 * statement on that table share it, so that their rows keep their order.
 */
typedef struct PfdwWriter
{
	dlist_node node;
	EState *estate;
	Oid relid;
	SubTransactionId subid;
	CommandId command; /* of the statement */
	int references;
	MemoryContext context;	   /* ends with the statement */
	MemoryContext row_context; /* reset for each row */
	PfdwOptions *options;
	TupleDesc tupdesc;
	PfdwTable *table; /* the transaction's handle */
	PfdwSink *write;  /* NULL while nothing is written */
	PfdwEncoder *encoder;
	PfdwColumn *columns;
	int column_count;
	AttrNumber *key_attnums; /* full primary key */
	int key_count;
	List *required; /* attribute numbers that the lake wants NOT NULL */
	bool has_key;
	bool is_closing;		/* true for ever when that failed */
	PfdwRowStore *deferred; /* new rows of key-changing updates */
	PfdwKeySet *inserted;	/* insert_mode 'strict' */
	PfdwKeySet *modified;	/* rows that UPDATE or DELETE already changed */
	PfdwKeySet *moved;		/* deferred rows that had to be written early */

	/* Tables whose rows go to the delta heap when they are few. */
	bool takes_rows;
	bool has_changes; /* UPDATE or DELETE, which never write files */
	bool is_bulk;	  /* INSERT of so many rows that they do */
	Snapshot snapshot;
	bool has_view;
	PfdwView view;		  /* what the statement reads */
	PfdwRowStore *buffer; /* rows of INSERT */
	Size buffered_bytes;
	bool runs_triggers;		 /* before each row, which may look at the last */
	int64 row_count;		 /* written at once because of them */
	bool has_written;		 /* rows to the heap, before going bulk */
	PfdwShaper *shaper;		 /* NULL until needed */
	Size shaped_bytes;		 /* of the last row */
	PfdwDeltaHeap *heap;	 /* open while rows are written */
	TupleTableSlot *current; /* a row as others have left it */
	List *commands;			 /* with which rows were written again */
	PfdwKeySet *unseen;		 /* new keys that the heap did not have */
	PfdwLookUp *newest;
	PfdwLookUp *before;			  /* as the statement's snapshot has it */
	PfdwKeySet *delta_keys;		  /* of bulk: what the heap has */
	PfdwKeySet *replaced;		  /* of those, what was written */
	SubTransactionId inner_subid; /* in which rows of the heap went */
} PfdwWriter;

extern PfdwWriter *pfdw_writer_acquire(EState *estate, Relation relation,
									   bool runs_triggers);
/* A new row, into whichever of both it goes. */
extern void pfdw_writer_insert(PfdwWriter *writer, TupleTableSlot *slot);
/* The row as the lake will give it back, until the next is asked for; raises
 * what the lake can't hold. */
extern TupleTableSlot *pfdw_writer_shape(PfdwWriter *writer,
										 TupleTableSlot *slot);
extern void pfdw_writer_add(PfdwWriter *writer, TupleTableSlot *slot,
							PmnRowKind kind);
/* The row that the statement read is gone. */
extern void pfdw_writer_remove(PfdwWriter *writer, TupleTableSlot *old);
/* A row to be written after all others of the statement. */
extern void pfdw_writer_defer(PfdwWriter *writer, TupleTableSlot *slot);
extern void pfdw_writer_release(PfdwWriter *writer, Relation relation);

/* ---- in fdw_row.c ----------------------------------------------------- */

/* Open the heap; false: the foreign table's columns are not those of rows in
 * it, which only files can be beside. */
extern bool pfdw_rows_open(PfdwWriter *writer, Relation relation);
/* Write a new row to the heap. */
extern void pfdw_row_insert(PfdwWriter *writer, Relation relation,
							TupleTableSlot *slot);
extern void pfdw_rows_end(PfdwWriter *writer);

/* What ON CONFLICT finds under a key. */
typedef struct PfdwFoundRow
{
	PfdwClaim claim;
	char kind; /* of the heap's tuple */
	ItemPointerData tid;
	bool exists; /* writer->current is the row */
} PfdwFoundRow;
/* Claim the key of a row to be inserted. */
extern void pfdw_row_claim(PfdwWriter *writer, Relation relation,
						   TupleTableSlot *row, PfdwFoundRow *found);
/* Let row be what the heap has under a claimed key; a new claim of a row to be
 * inserted has it already. */
extern void pfdw_row_put(PfdwWriter *writer, PfdwFoundRow *found,
						 TupleTableSlot *row, char kind);
extern bool pfdw_key_is_changed(const PfdwWriter *writer, TupleTableSlot *old,
								TupleTableSlot *new);

/* ---- in fdw_replace.c ---------------------------------------------------- */

/* Before the first of many rows: nobody else writes rows from here on. */
extern void pfdw_replace_begin(PfdwWriter *writer, Relation relation);
extern void pfdw_replace_note(PfdwWriter *writer, TupleTableSlot *slot);
/* Take rows of the heap away that files have newer ones of; false: none. */
extern bool pfdw_replace_end(PfdwWriter *writer, Relation relation);

/* ---- in fdw_strict.c -------------------------------------------------- */

/* 23505 when a key of the set is in the table; in_delta: or in its heap. */
extern void pfdw_strict_check(PfdwWriter *writer, Relation relation,
							  PfdwKeySet *keys, bool in_delta);
extern void pfdw_strict_fail(PfdwWriter *writer, PfdwKeySet *set,
							 const Datum *values, const bool *nulls);

#endif /* PFDW_WRITER_H */
