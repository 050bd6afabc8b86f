/*
 * delta_xact.c
 *
 * What a transaction has written to lake tables, until it ends.
 *
 * A statement's rows are durable data files when it ends; what is kept here
 * is the message that names them. A rollback removes the files, one to a
 * savepoint only those written after it. Before the transaction commits or
 * is prepared, its messages become rows of the outbox, with the transaction's
 * own id: from then on the server's commit record alone decides whether they
 * ever were. Nothing of the lake is touched here.
 *
 * They wait in memory rather than in the outbox because files may be closed
 * at odd places: a trigger's exception block that reads the table its own
 * statement writes to makes a message that must survive the block.
 *
 * All state is in child contexts of TopTransactionContext, which the server
 * frees after the callbacks. Handles are closed by their contexts, later than
 * those of cursors, whose scans may point at our messages.
 */
#include "delta_catalog.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* A lake table that this transaction made. */
typedef struct CreatedTable
{
	struct CreatedTable *next;
	PfdwTableRef ref;
	PfdwEnv *env;
	PmnCatalog *catalog; /* opened early: an abort must not allocate much */
	SubTransactionId subid;
} CreatedTable;

typedef struct DeltaTransaction
{
	MemoryContext context;
	DeltaTable *tables;
	CreatedTable *created; /* the youngest first */
	DeltaLakeTable *lake_tables;
} DeltaTransaction;

/* NULL while the transaction has not touched a lake table. */
static DeltaTransaction *transaction = NULL;

static void on_transaction(XactEvent event, void *arg);
static void on_subtransaction(SubXactEvent event, SubTransactionId subid,
							  SubTransactionId parent, void *arg);
static void reparent(SubTransactionId subid, SubTransactionId parent);
static DeltaTransaction *transaction_get(void);
static void copy_ref(PfdwTableRef *dst, const PfdwTableRef *src);
static void hand_over_all(void);
static void hand_over(DeltaTable *entry);
static void refuse_prepare(void);
static void abort_writes(SubTransactionId subid);
static void discard_messages(DeltaTable *entry, SubTransactionId subid);
static void forget_table(const PfdwTableRef *ref);
static void drop_created(SubTransactionId subid);

void
pfdw_delta_init(void)
{
	static const struct config_enum_entry values[] = {
		{"registered", PFDW_FRESH_REGISTERED, false},
		{"latest", PFDW_FRESH_LATEST, false},
		{NULL, 0, false}};

	DefineCustomEnumVariable(
		"paimon_fdw.fresh", "Which state of lake tables queries read.",
		"\"latest\": with what other engines have committed. \"registered\": "
		"as of the last publication of this database.",
		&pfdw_fresh, PFDW_FRESH_LATEST, values, PGC_USERSET, 0, NULL, NULL,
		NULL);
	RegisterXactCallback(on_transaction, NULL);
	RegisterSubXactCallback(on_subtransaction, NULL);
}

PfdwTable *
pfdw_delta_table(const PfdwTableRef *ref)
{
	DeltaTable *entry = pfdw_delta_entry(ref);

	if (entry->table == NULL)
	{
		PfdwEnv *env =
			pfdw_env_create(transaction->context, "transaction's table");

		entry->table = pfdw_table_open(env, ref);
	}
	return entry->table;
}

void
pfdw_delta_add(const PfdwTableRef *ref, PmnMessage *message,
			   const PfdwWriteOrigin *origin)
{
	DeltaTable *entry = pfdw_delta_entry(ref);
	DeltaMessage *added;
	DeltaMessage **link;

	if (message == NULL)
		return;
	Assert(entry->table != NULL);
	added = MemoryContextAllocZero(transaction->context, sizeof(*added));
	added->message = message;
	added->subid = origin->subid;
	added->command = origin->command;
	link = &entry->messages;
	while (*link != NULL)
		link = &(*link)->next;
	*link = added;
	entry->relid = origin->relid;
}

void
pfdw_delta_created(const PfdwTableRef *ref)
{
	DeltaTransaction *state = transaction_get();
	MemoryContext old_context = MemoryContextSwitchTo(state->context);
	CreatedTable *created = palloc0(sizeof(*created));

	copy_ref(&created->ref, ref);
	created->subid = GetCurrentSubTransactionId();
	created->env = pfdw_env_create(state->context, "created table");
	created->catalog = pfdw_catalog_open(created->env, ref->warehouse);
	created->next = state->created;
	state->created = created;
	MemoryContextSwitchTo(old_context);
	pfdw_lake_table_forget(ref);
}

bool
pfdw_delta_has_pending(const PfdwTableRef *ref)
{
	if (transaction == NULL)
		return false;
	for (DeltaTable *entry = transaction->tables; entry; entry = entry->next)
	{
		if (pfdw_ref_equal(&entry->ref, ref))
			return entry->messages != NULL;
	}
	return false;
}

DeltaTable *
pfdw_delta_entries(void)
{
	return transaction == NULL ? NULL : transaction->tables;
}

DeltaLakeTable *
pfdw_delta_lake_table(int32 id)
{
	DeltaTransaction *state = transaction_get();
	DeltaLakeTable **link = &state->lake_tables;

	while (*link != NULL && (*link)->base.id != id)
		link = &(*link)->next;
	if (*link == NULL)
	{
		*link = MemoryContextAllocZero(state->context, sizeof(**link));
		(*link)->base.id = id;
	}
	return *link;
}

/*
 * By lake table, not by foreign table: two of them may share one, and ALTER
 * FOREIGN TABLE may point a relation at another within a transaction.
 */
DeltaTable *
pfdw_delta_entry(const PfdwTableRef *ref)
{
	DeltaTransaction *state = transaction_get();
	DeltaTable **link = &state->tables;
	MemoryContext old_context;

	while (*link != NULL && !pfdw_ref_equal(&(*link)->ref, ref))
		link = &(*link)->next;
	if (*link == NULL)
	{
		DeltaTable *entry;

		old_context = MemoryContextSwitchTo(state->context);
		entry = palloc0(sizeof(*entry));
		copy_ref(&entry->ref, ref);
		*link = entry;
		MemoryContextSwitchTo(old_context);
	}
	return *link;
}

static DeltaTransaction *
transaction_get(void)
{
	MemoryContext context;

	if (transaction != NULL)
		return transaction;
	context = AllocSetContextCreate(
		TopTransactionContext, "paimon_fdw transaction", ALLOCSET_SMALL_SIZES);
	transaction = MemoryContextAllocZero(context, sizeof(*transaction));
	transaction->context = context;
	return transaction;
}

static void
copy_ref(PfdwTableRef *dst, const PfdwTableRef *src)
{
	dst->warehouse = pstrdup(src->warehouse);
	dst->database = pstrdup(src->database);
	dst->table = pstrdup(src->table);
	dst->branch = src->branch == NULL ? NULL : pstrdup(src->branch);
}

bool
pfdw_ref_equal(const PfdwTableRef *a, const PfdwTableRef *b)
{
	const char *a_branch = a->branch == NULL ? "" : a->branch;
	const char *b_branch = b->branch == NULL ? "" : b->branch;

	return strcmp(a->warehouse, b->warehouse) == 0 &&
		   strcmp(a->database, b->database) == 0 &&
		   strcmp(a->table, b->table) == 0 && strcmp(a_branch, b_branch) == 0;
}

static void
on_transaction(XactEvent event, void *arg)
{
	if (transaction == NULL)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			hand_over_all();
			break;
		case XACT_EVENT_PRE_PREPARE:
			refuse_prepare();
			hand_over_all();
			break;
		case XACT_EVENT_ABORT:
			abort_writes(InvalidSubTransactionId);
			drop_created(InvalidSubTransactionId);
			transaction = NULL;
			break;
		case XACT_EVENT_COMMIT:
			pfdw_lake_locks_release();
			transaction = NULL;
			break;
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			/* The memory goes with TopTransactionContext. */
			transaction = NULL;
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
			break;
	}
}

static void
on_subtransaction(SubXactEvent event, SubTransactionId subid,
				  SubTransactionId parent, void *arg)
{
	if (transaction == NULL)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		abort_writes(subid);
		drop_created(subid);
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		reparent(subid, parent);
}

/* What a subtransaction did is its parent's when it commits. */
static void
reparent(SubTransactionId subid, SubTransactionId parent)
{
	for (DeltaTable *entry = transaction->tables; entry; entry = entry->next)
	{
		for (DeltaMessage *item = entry->messages; item; item = item->next)
		{
			if (item->subid == subid)
				item->subid = parent;
		}
		if (entry->table != NULL)
			pfdw_writes_reparent(entry->table->env, subid, parent);
		pfdw_lake_locks_reparent(entry, subid, parent);
	}
	for (CreatedTable *item = transaction->created; item; item = item->next)
	{
		if (item->subid == subid)
			item->subid = parent;
	}
}

static void
hand_over_all(void)
{
	for (DeltaTable *entry = transaction->tables; entry; entry = entry->next)
	{
		if (entry->messages == NULL || entry->is_handed_over)
			continue;
		PushActiveSnapshot(GetTransactionSnapshot());
		hand_over(entry);
		PopActiveSnapshot();
	}
}

/* The messages into the outbox, in order of writing. */
static void
hand_over(DeltaTable *entry)
{
	const PfdwLakeTable *lake = pfdw_lake_table_get(&entry->ref, entry->relid);

	for (DeltaMessage *item = entry->messages; item; item = item->next)
	{
		CHECK_FOR_INTERRUPTS();
		(void) pfdw_outbox_add(lake->id, item->message);
	}
	pfdw_delta_wrote(lake->id, 0);
	entry->is_handed_over = true;
}

/* Its rollback could not remove the lake table. */
static void
refuse_prepare(void)
{
	if (transaction->created != NULL)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has made a "
							   "lake table")));
}

/*
 * Undo what a subtransaction (Invalid: the whole transaction) wrote. Runs
 * during aborts and does not raise errors: storage returns codes, and what
 * can't be removed stays as an orphan file.
 */
static void
abort_writes(SubTransactionId subid)
{
	for (DeltaTable *entry = transaction->tables; entry; entry = entry->next)
	{
		pfdw_lake_locks_abort(entry, subid);
		if (entry->table == NULL)
			continue;
		pfdw_writes_abort(entry->table->env, subid);
		discard_messages(entry, subid);
	}
}

static void
discard_messages(DeltaTable *entry, SubTransactionId subid)
{
	DeltaMessage **link = &entry->messages;

	while (*link != NULL)
	{
		DeltaMessage *item = *link;

		if (subid != InvalidSubTransactionId && item->subid != subid)
		{
			link = &item->next;
			continue;
		}
		*link = item->next;
		pmn_message_discard(entry->table->table, item->message);
	}
}

/* One of the same name that is made later has nothing to do with it. */
static void
forget_table(const PfdwTableRef *ref)
{
	DeltaTable **link = &transaction->tables;

	while (*link != NULL && !pfdw_ref_equal(&(*link)->ref, ref))
		link = &(*link)->next;
	if (*link != NULL)
		*link = (*link)->next;
}

static void
drop_created(SubTransactionId subid)
{
	CreatedTable **link = &transaction->created;

	while (*link != NULL)
	{
		CreatedTable *item = *link;

		if (subid != InvalidSubTransactionId && item->subid != subid)
		{
			link = &item->next;
			continue;
		}
		*link = item->next;
		forget_table(&item->ref);
		if (pmn_catalog_drop_table(item->catalog, item->ref.database,
								   item->ref.table) != PMN_OK)
			ereport(WARNING,
					(errmsg("could not remove lake table \"%s\".\"%s\" made by "
							"a transaction that rolled back",
							item->ref.database, item->ref.table)));
	}
}
