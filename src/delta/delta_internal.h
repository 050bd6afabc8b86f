/*
 * delta_internal.h
 *
 * The transaction's state, shared by the files of this folder.
 */
#ifndef PFDW_DELTA_INTERNAL_H
#define PFDW_DELTA_INTERNAL_H

#include "delta.h"

/* A finished write that is not published yet. */
typedef struct DeltaMessage
{
	struct DeltaMessage *next; /* in order of writing */
	PmnMessage *message;
	SubTransactionId subid;
	CommandId command;
	bool from_read;
	int64 base_snapshot_id; /* from_read: what the rows were computed from */
} DeltaMessage;

/* Which statement a snapshot id was resolved for. */
typedef struct StatementKey
{
	TimestampTz start;
	TransactionId xmin;
	TransactionId xmax;
	CommandId curcid;
} StatementKey;

/* What a transaction knows of one lake table. */
typedef struct DeltaTable
{
	struct DeltaTable *next; /* in order of first touch */
	PfdwTableRef ref;
	PfdwTable *table; /* NULL until pfdw_delta_table */
	DeltaMessage *messages;
	bool published;	 /* all its messages */
	bool keep_files; /* publishing failed and may have got through */

	/* The view: delta_visibility.c. */
	bool is_locked;
	SubTransactionId lock_subid; /* a rollback of it drops the lock */
	bool has_view;
	StatementKey statement; /* READ COMMITTED only */
	int64 snapshot_id;
	int64 schema_id;
	/* The oldest state that the running write may have read. */
	bool has_base;
	int64 base_snapshot_id;
} DeltaTable;

/* ---- in delta_xact.c -------------------------------------------------- */

/* The entry of a lake table, made when missing. */
extern DeltaTable *pfdw_delta_entry(const PfdwTableRef *ref);

#endif /* PFDW_DELTA_INTERNAL_H */
