/*
 * fdw_writer.h
 *
 * What a statement writes: rows, sets of keys, and the check for duplicates.
 */
#ifndef PFDW_WRITER_H
#define PFDW_WRITER_H

#include "../bridge/bridge_sink.h"
#include "fdw_reader.h"
#include "lib/ilist.h"
#include "utils/tuplestore.h"

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
	bool from_read;
	bool is_closing;		   /* true for ever when that failed */
	Tuplestorestate *deferred; /* new rows of key-changing updates */
	TupleTableSlot *deferred_slot;
	PfdwKeySet *inserted; /* insert_mode 'strict' */
	PfdwKeySet *modified; /* rows that UPDATE or DELETE already changed */
	PfdwKeySet *moved;	  /* deferred rows that had to be written early */
} PfdwWriter;

extern PfdwWriter *pfdw_writer_acquire(EState *estate, Relation relation);
extern void pfdw_writer_add(PfdwWriter *writer, TupleTableSlot *slot,
							PmnRowKind kind);
/* The row that the statement read is gone. */
extern void pfdw_writer_remove(PfdwWriter *writer, TupleTableSlot *old);
/* A row to be written after all others of the statement. */
extern void pfdw_writer_defer(PfdwWriter *writer, TupleTableSlot *slot);
extern void pfdw_writer_release(PfdwWriter *writer, Relation relation);

/* ---- in fdw_strict.c -------------------------------------------------- */

/* 23505 when a key of set is in the lake as the statement sees it. */
extern void pfdw_strict_check(PfdwWriter *writer, Relation relation);
extern void pfdw_strict_fail(PfdwWriter *writer, PfdwKeySet *set,
							 const Datum *values, const bool *nulls);

#endif /* PFDW_WRITER_H */
