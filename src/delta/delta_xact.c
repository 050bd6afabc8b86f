/*
 * delta_xact.c
 *
 * What a transaction has written to lake tables, until it ends.
 *
 * A statement's rows are durable data files when it ends; what is kept here
 * is the message that names them. Before the transaction commits, each
 * table's messages become a snapshot (or two, with compaction). A rollback
 * removes the files, one to a savepoint only those written after it.
 *
 * Several tables are published one after the other. A failure in between, or
 * a crash between publishing and the server's own commit, leaves what was
 * published: the README says which states are possible. Files that a failed
 * commit may have published are never removed: after a failure we look for
 * our commit user among the snapshots, and when even that fails, keep them.
 *
 * All state is in child contexts of TopTransactionContext, which the server
 * frees after the callbacks. Handles are closed by their contexts, later than
 * those of cursors, whose scans may point at our messages.
 */
#include "delta_internal.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"

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
} DeltaTransaction;

/* NULL while the transaction has not touched a lake table. */
static DeltaTransaction *transaction = NULL;

static void on_transaction(XactEvent event, void *arg);
static void on_subtransaction(SubXactEvent event, SubTransactionId subid,
							  SubTransactionId parent, void *arg);
static void reparent(SubTransactionId subid, SubTransactionId parent);
static DeltaTransaction *transaction_get(void);
static void copy_ref(PfdwTableRef *dst, const PfdwTableRef *src);
static void publish_all(void);
static void publish_table(DeltaTable *entry, const char *earlier);
static void refuse_prepare(void);
static void abort_writes(SubTransactionId subid);
static void discard_messages(DeltaTable *entry, SubTransactionId subid);
static void forget_table(const PfdwTableRef *ref);
static void drop_created(SubTransactionId subid);

void
pfdw_delta_init(void)
{
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
	added->from_read = origin->from_read;
	added->base_snapshot_id =
		entry->has_base ? entry->base_snapshot_id : entry->snapshot_id;
	if (origin->is_last)
		entry->has_base = false;
	link = &entry->messages;
	while (*link != NULL)
		link = &(*link)->next;
	*link = added;
	entry->published = false;
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
}

bool
pfdw_delta_has_pending(const PfdwTableRef *ref)
{
	if (transaction == NULL)
		return false;
	for (DeltaTable *entry = transaction->tables; entry; entry = entry->next)
	{
		if (pfdw_ref_equal(&entry->ref, ref))
			return entry->messages != NULL && !entry->published;
	}
	return false;
}

bool
pfdw_delta_has_published(void)
{
	if (transaction == NULL)
		return false;
	for (DeltaTable *entry = transaction->tables; entry; entry = entry->next)
	{
		if (entry->published)
			return true;
	}
	return false;
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
			publish_all();
			break;
		case XACT_EVENT_PRE_PREPARE:
			refuse_prepare();
			break;
		case XACT_EVENT_ABORT:
			abort_writes(InvalidSubTransactionId);
			drop_created(InvalidSubTransactionId);
			transaction = NULL;
			break;
		case XACT_EVENT_COMMIT:
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
		if (entry->lock_subid == subid)
			entry->lock_subid = parent;
	}
	for (CreatedTable *item = transaction->created; item; item = item->next)
	{
		if (item->subid == subid)
			item->subid = parent;
	}
}

static void
publish_all(void)
{
	StringInfoData earlier;

	initStringInfo(&earlier);
	for (DeltaTable *entry = transaction->tables; entry; entry = entry->next)
	{
		if (entry->messages == NULL || entry->published)
			continue;
		publish_table(entry, earlier.data);
		appendStringInfo(&earlier, "%s\"%s\".\"%s\"",
						 earlier.len > 0 ? ", " : "", entry->ref.database,
						 entry->ref.table);
	}
	pfree(earlier.data);
}

/* The messages of a table as an array and the oldest state they build on. */
static void
make_request(const DeltaTable *entry, PmnCommitRequest *request)
{
	const PmnMessage **messages;
	uint32 count = 0;

	for (DeltaMessage *item = entry->messages; item; item = item->next)
		count++;
	messages = palloc(count * sizeof(*messages));
	memset(request, 0, sizeof(*request));
	for (DeltaMessage *item = entry->messages; item; item = item->next)
	{
		bool is_first = request->message_count == 0;
		bool counts = item->from_read || !request->fail_on_change;

		messages[request->message_count++] = item->message;
		/* Rows that were read set the base; else the oldest view does, which
		 * only bounds the commit's search for itself. */
		if (is_first || (item->from_read && !request->fail_on_change) ||
			(counts && item->base_snapshot_id < request->base_snapshot_id))
			request->base_snapshot_id = item->base_snapshot_id;
		request->fail_on_change |= item->from_read;
	}
	request->messages = messages;
}

static void
publish_table(DeltaTable *entry, const char *earlier)
{
	PfdwEnv *env = entry->table->env;
	PmnCommitRequest request;
	PmnCommitResult result;
	PmnCode code;
	bool may_discard;

	CHECK_FOR_INTERRUPTS();
	make_request(entry, &request);
	/* From here on an error of ours must not remove published files. */
	entry->keep_files = true;
	code = pfdw_publish(entry->table, &request, &result, &may_discard);
	if (code == PMN_OK)
	{
		entry->published = true;
		return;
	}
	entry->keep_files = !may_discard;
	if (earlier[0] == '\0')
		pfdw_report(env, code, NULL);
	pfdw_report(env, code,
				psprintf("Changes of this transaction to lake tables %s were "
						 "already published and stay.",
						 earlier));
}

static void
refuse_prepare(void)
{
	bool has_pending = transaction->created != NULL;

	for (DeltaTable *entry = transaction->tables; entry; entry = entry->next)
		has_pending = has_pending || entry->messages != NULL;
	if (has_pending)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has written "
							   "to lake tables")));
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
		if (entry->lock_subid == subid)
			entry->is_locked = false; /* the server released it */
		if (entry->table == NULL)
			continue;
		pfdw_writes_abort(entry->table->env, subid);
		if (!entry->published)
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
		if (!entry->keep_files)
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
