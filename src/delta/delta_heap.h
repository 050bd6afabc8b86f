/*
 * delta_heap.h
 *
 * A delta heap that is open, shared by the files that make, read and write
 * it.
 */
#ifndef PFDW_DELTA_HEAP_H
#define PFDW_DELTA_HEAP_H

#include "delta_store.h"

#include "access/skey.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

#define DELTA_SCHEMA "paimon_int"
#define DELTA_KIND_COLUMN "_kind"

struct PfdwDeltaHeap
{
	MemoryContext context; /* ends with it */
	int32 lake_table;
	char *name;		   /* of the foreign table */
	TupleDesc tupdesc; /* its row type */
	Relation heap;
	Relation index;	   /* NULL: rows are only added */
	AttrNumber *map;   /* by its attributes: the heap's, 0 for dropped ones */
	AttrNumber misfit; /* an attribute that the heap cannot hold, or 0 */
	AttrNumber kind;   /* the attribute of the heap */
	AttrNumber *keys;  /* its attributes */
	int key_count;
	ScanKeyData *scan_keys; /* equality with a key yet to be filled in */
	TupleTableSlot *slot;	/* the heap's row type */
	/* NULL until something is written. */
	EState *estate;
	ResultRelInfo *rinfo;
	CommandId self_command;
	bool is_noted; /* pfdw_delta_seen */
};

/* ---- in delta_heap.c -------------------------------------------------- */

/* Name of the heap's column for a lake column. */
extern void pfdw_delta_column(const char *lake_name, NameData *out);
/* 0A000 when the foreign table's columns are not the heap's. */
extern void pfdw_delta_check_columns(const PfdwDeltaHeap *heap);
/* The row in heap->slot as one of the foreign table; *kind is its kind. */
extern void pfdw_delta_row(PfdwDeltaHeap *heap, TupleTableSlot *out,
						   char *kind);

/* ---- in delta_heap_create.c ------------------------------------------- */

/* The heap's name, of NAMEDATALEN bytes. */
extern void pfdw_delta_heap_name(const PfdwLakeTable *lake_table, char *out);
/* Make it; other transactions that want to wait for this one. */
extern Oid pfdw_delta_heap_create(Relation foreign,
								  const PfdwLakeTable *lake_table);

#endif /* PFDW_DELTA_HEAP_H */
