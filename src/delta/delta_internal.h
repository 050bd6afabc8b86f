/*
 * delta_internal.h
 *
 * The transaction's state, shared by the files of this folder.
 */
#ifndef PFDW_DELTA_INTERNAL_H
#define PFDW_DELTA_INTERNAL_H

#include "delta.h"
#include "delta_store.h"

/* A write that this transaction has finished. */
typedef struct DeltaMessage
{
	struct DeltaMessage *next; /* in order of writing */
	PmnMessage *message;
	SubTransactionId subid;
	CommandId command;
} DeltaMessage;

/* A message of another transaction, out of the outbox. */
typedef struct DeltaReceived
{
	struct DeltaReceived *next;
	int64 n;
	PmnMessage *message;
} DeltaReceived;

/* A row of lake_table as the transaction knows it. */
typedef struct DeltaLakeTable
{
	PfdwLakeTable base; /* first: callers have pointers to it */
	struct DeltaLakeTable *next;
	int64 origin;
} DeltaLakeTable;

/* Which statement a state of the lake was looked up for. */
typedef struct StatementKey
{
	TimestampTz start;
	TransactionId xmin;
	TransactionId xmax;
	CommandId curcid;
	uint32 running; /* hash of the transactions that it sees running */
} StatementKey;

/* A state of the lake, and what it has of ours. */
typedef struct DeltaState
{
	int64 snapshot_id;
	int64 schema_id;
	int32 lake_table; /* 0: none */
	PfdwLakeBase base;
	int64 own_ident; /* newest of our identifiers in the snapshot */
} DeltaState;

/* What a transaction knows of one lake table. */
typedef struct DeltaTable
{
	struct DeltaTable *next; /* in order of first touch */
	PfdwTableRef ref;
	char *location;	  /* NULL until asked for; the lock is on it */
	PfdwTable *table; /* NULL until pfdw_delta_table */
	Oid relid;		  /* who wrote to it last */
	DeltaMessage *messages;
	bool is_handed_over; /* all messages are in the outbox */
	DeltaReceived *received;

	/* delta_visibility.c. */
	SubTransactionId lock_subids[MaxLockMode + 1]; /* 0: not held */
	bool is_checked; /* nobody changed it before we locked it */
	bool has_state;
	StatementKey statement; /* READ COMMITTED only */
	DeltaState state;
} DeltaTable;

/* ---- in delta_xact.c -------------------------------------------------- */

/* The entry of a lake table, made when missing. */
extern DeltaTable *pfdw_delta_entry(const PfdwTableRef *ref);
/* All of them; NULL: none. */
extern DeltaTable *pfdw_delta_entries(void);
/* The cached row of an id, made empty when missing. */
extern DeltaLakeTable *pfdw_delta_lake_table(int32 id);

/* ---- in delta_visibility.c -------------------------------------------- */

/* What a rolled back (sub)transaction locked is free. */
extern void pfdw_lake_locks_abort(DeltaTable *entry, SubTransactionId subid);
extern void pfdw_lake_locks_reparent(DeltaTable *entry, SubTransactionId subid,
									 SubTransactionId parent);
/* Newest snapshot in the lake. */
extern int64 pfdw_delta_newest(const PfdwTableRef *ref);

#endif /* PFDW_DELTA_INTERNAL_H */
