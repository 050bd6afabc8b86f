/*
 * delta_visibility.c
 *
 * Which state of a lake table a statement reads: a function of its server
 * snapshot and of the lake.
 *
 * The row of lake_table that the snapshot sees names a lake snapshot, the
 * base, which has all that was published so far as the server snapshot knows.
 * From there we go forward: a snapshot of another engine is taken, so is a
 * compaction, and so is one of ours whose outbox row the server snapshot sees
 * (it was published a moment ago). The first one of ours that it does not see
 * ends the walk. On top come the messages of the other outbox rows it sees,
 * and the transaction's own. So the commits of this database are seen exactly
 * when the server snapshot sees them, no matter how far publishing got, and
 * always those of several tables together.
 *
 * Under READ COMMITTED the lake is looked at when a statement first touches
 * the table, and its snapshot kept for all its scans; under REPEATABLE READ
 * and above the first touch holds to the transaction's end. A statement is
 * told by its server snapshot and the time at which the client's statement
 * began.
 *
 * A process remembers how far behind a base there is nothing of ours, so that
 * each snapshot file is read once.
 */
#include "delta_catalog.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

int pfdw_fresh = PFDW_FRESH_LATEST;

static StatementKey statement_of(Snapshot snapshot);
static bool same_statement(const StatementKey *a, const StatementKey *b);
static void resolve_latest(PfdwTable *table, int64 *snapshot_id,
						   int64 *schema_id);
static void look(const DeltaTable *entry, PfdwTable *table, Snapshot snapshot,
				 DeltaState *out);
static void make_view(DeltaTable *entry, const DeltaState *state,
					  Snapshot snapshot, CommandId before, PfdwView *out);
static void check_unchanged(const DeltaTable *entry, PfdwTable *table);

void
pfdw_view_get(const PfdwTableRef *ref, PfdwTable *table,
			  const PmnTravel *travel, Snapshot snapshot, PfdwView *out)
{
	DeltaTable *entry;
	StatementKey statement;
	int64_t snapshot_id;
	int64_t schema_id;

	memset(out, 0, sizeof(*out));
	if (travel != NULL && travel->kind != PMN_TRAVEL_LATEST)
	{
		pfdw_check(table->env, pmn_table_resolve(table->table, travel,
												 &snapshot_id, &schema_id));
		out->snapshot_id = snapshot_id;
		out->schema_id = schema_id;
		if (travel->kind == PMN_TRAVEL_TAG)
			out->tag = pstrdup(travel->name);
		return;
	}

	entry = pfdw_delta_entry(ref);
	if (snapshot == NULL)
	{
		DeltaState newest;

		snapshot = pfdw_snapshot_newest(InvalidCommandId);
		look(entry, table, snapshot, &newest);
		make_view(entry, &newest, snapshot, InvalidCommandId, out);
		pfree(snapshot);
		return;
	}
	statement = statement_of(snapshot);
	if (!entry->has_state || (!IsolationUsesXactSnapshot() &&
							  !same_statement(&entry->statement, &statement)))
	{
		entry->has_state = false;
		look(entry, table, snapshot, &entry->state);
		entry->statement = statement;
		entry->has_state = true;
	}
	make_view(entry, &entry->state, snapshot, snapshot->curcid, out);
}

/* ---- statements ------------------------------------------------------- */

static StatementKey
statement_of(Snapshot snapshot)
{
	StatementKey key = {.start = GetCurrentStatementStartTimestamp()};

	key.xmin = snapshot->xmin;
	key.xmax = snapshot->xmax;
	key.curcid = snapshot->curcid;
	if (snapshot->xcnt > 0)
		key.running =
			hash_bytes((const unsigned char *) snapshot->xip,
					   (int) (snapshot->xcnt * sizeof(TransactionId)));
	if (snapshot->subxcnt > 0 && snapshot->subxip != NULL)
		key.running = hash_combine(
			key.running,
			hash_bytes((const unsigned char *) snapshot->subxip,
					   (int) (snapshot->subxcnt * sizeof(TransactionId))));
	return key;
}

static bool
same_statement(const StatementKey *a, const StatementKey *b)
{
	return a->start == b->start && a->xmin == b->xmin && a->xmax == b->xmax &&
		   a->curcid == b->curcid && a->running == b->running;
}

/* ---- the lake snapshot ------------------------------------------------ */

static void
resolve_latest(PfdwTable *table, int64 *snapshot_id, int64 *schema_id)
{
	PmnTravel latest = {.kind = PMN_TRAVEL_LATEST};
	int64_t snapshot;
	int64_t schema;

	pfdw_check(table->env,
			   pmn_table_resolve(table->table, &latest, &snapshot, &schema));
	*snapshot_id = snapshot;
	*schema_id = schema;
}

int64
pfdw_delta_newest(const PfdwTableRef *ref)
{
	int64 snapshot_id;
	int64 schema_id;

	resolve_latest(pfdw_delta_table(ref), &snapshot_id, &schema_id);
	return snapshot_id;
}

/* Outbox rows that have an identifier. */
static bool
any_sealed(const List *rows)
{
	const ListCell *cell;

	foreach (cell, rows)
	{
		if (((const PfdwOutboxRow *) lfirst(cell))->ident != 0)
			return true;
	}
	return false;
}

static bool
has_ident(const List *rows, int64 ident)
{
	const ListCell *cell;

	foreach (cell, rows)
	{
		if (((const PfdwOutboxRow *) lfirst(cell))->ident == ident)
			return true;
	}
	return false;
}

/* How far behind a base there is nothing of ours. */
typedef struct Foreign
{
	Oid store; /* another one once the extension was made anew */
	int32 lake_table;
	int64 base;
	int64 ident;
	int64 until;
} Foreign;

#define FOREIGN_SLOTS 64

static Foreign *
foreign_of(const DeltaState *state, int64 latest)
{
	static Foreign slots[FOREIGN_SLOTS];
	Foreign *slot = &slots[(uint32) state->lake_table % FOREIGN_SLOTS];
	Oid store = pfdw_store_oid("lake_table");

	/* Beyond the newest: another engine took the lake back. */
	if (slot->store != store || slot->lake_table != state->lake_table ||
		slot->base != state->base.snapshot_id ||
		slot->ident != state->base.ident || slot->until > latest)
	{
		slot->store = store;
		slot->lake_table = state->lake_table;
		slot->base = state->base.snapshot_id;
		slot->ident = state->base.ident;
		slot->until = slot->base;
	}
	return slot;
}

/* What a snapshot on the way is. */
typedef struct Step
{
	const char *commit_user; /* ours */
	int64 own_ident;		 /* 0: not one of ours with rows */
} Step;

static bool
visit_step(void *context, const PmnSnapshotInfo *info)
{
	Step *step = context;

	if (info->commit_user != NULL && info->commit_kind != NULL &&
		strcmp(info->commit_kind, "COMPACT") != 0 &&
		strcmp(info->commit_kind, "ANALYZE") != 0 &&
		strcmp(info->commit_user, step->commit_user) == 0)
		step->own_ident = info->commit_identifier;
	return false;
}

/* From the base forward, to latest at most. */
static int64
walk(PfdwTable *table, Snapshot snapshot, int64 latest, DeltaState *state)
{
	Step step = {.commit_user = pfdw_commit_user()};
	Foreign *foreign = foreign_of(state, latest);
	List *rows = NIL;
	int64 id = foreign->until;
	bool is_foreign = true;

	if (id < latest)
		rows = pfdw_outbox_read(state->lake_table, snapshot, false);
	while (id < latest)
	{
		PmnCode code;

		CHECK_FOR_INTERRUPTS();
		step.own_ident = 0;
		code =
			pmn_table_visit_snapshot(table->table, id + 1, visit_step, &step);
		/* Expired. It can't be told which of our rows it had. */
		if (code != PMN_NOT_FOUND || any_sealed(rows))
			pfdw_check(table->env, code);
		if (step.own_ident > state->base.ident &&
			!has_ident(rows, step.own_ident))
			break;
		state->own_ident = Max(state->own_ident, step.own_ident);
		id++;
		is_foreign = is_foreign && step.own_ident <= state->base.ident;
		if (is_foreign)
			foreign->until = id;
	}
	list_free_deep(rows);
	return id;
}

/* The order matters: first the lake, then whether we ever wrote to it. */
static void
look(const DeltaTable *entry, PfdwTable *table, Snapshot snapshot,
	 DeltaState *out)
{
	const PfdwLakeTable *lake;
	int64 latest;

	memset(out, 0, sizeof(*out));
	resolve_latest(table, &latest, &out->schema_id);
	out->snapshot_id = latest;
	lake = pfdw_lake_table_find(&entry->ref);
	if (lake == NULL)
		return;
	out->lake_table = lake->id;
	(void) pfdw_commit_user(); /* a copied database may not go on */
	if (!pfdw_lake_base_read(lake->id, snapshot, &out->base))
		out->base.snapshot_id = pfdw_lake_table_origin(lake);
	out->own_ident = out->base.ident;
	/* Not after: another engine took the lake back to an earlier state. */
	if (latest <= out->base.snapshot_id)
		return;
	if (pfdw_fresh == PFDW_FRESH_REGISTERED)
		out->snapshot_id = out->base.snapshot_id;
	else
		out->snapshot_id = walk(table, snapshot, latest, out);
}

/* ---- messages --------------------------------------------------------- */

static PmnMessage *
received(DeltaTable *entry, PfdwOutboxRow *row, Snapshot snapshot)
{
	PfdwTable *table;
	DeltaReceived *added;

	for (DeltaReceived *item = entry->received; item; item = item->next)
	{
		if (item->n == row->n)
			return item->message;
	}
	table = pfdw_delta_table(&entry->ref);
	if (row->message == NULL)
		pfdw_outbox_fetch(row, snapshot);
	added =
		MemoryContextAllocZero(GetMemoryChunkContext(entry), sizeof(*added));
	added->n = row->n;
	added->message = pfdw_outbox_message(table, row);
	added->next = entry->received;
	entry->received = added;
	return added->message;
}

/* Messages live to the transaction's end, the arrays are the caller's. */
static void
add_outbox(DeltaTable *entry, Snapshot snapshot, PfdwView *view)
{
	List *rows = pfdw_outbox_read(view->lake_table, snapshot, false);
	int64 *numbers = palloc(sizeof(int64) * (list_length(rows) + 1));
	ListCell *cell;

	view->pending = palloc(sizeof(*view->pending) * (list_length(rows) + 1));
	view->outbox = numbers;
	foreach (cell, rows)
	{
		PfdwOutboxRow *row = lfirst(cell);

		numbers[view->outbox_count++] = row->n;
		if (row->ident == 0 || row->ident > view->own_ident)
			view->pending[view->pending_count++] =
				received(entry, row, snapshot);
	}
	list_free_deep(rows);
	if (view->outbox_count > 0)
		pfdw_delta_seen(view->lake_table);
}

/* This transaction's own, behind all others. */
static void
add_own(const DeltaTable *entry, CommandId before, PfdwView *view)
{
	uint32 count = view->pending_count;

	for (DeltaMessage *item = entry->messages; item; item = item->next)
		count += item->command < before;
	if (count == view->pending_count)
		return;
	if (view->pending == NULL)
		view->pending = palloc(count * sizeof(*view->pending));
	else
		view->pending = repalloc(view->pending, count * sizeof(*view->pending));
	for (DeltaMessage *item = entry->messages; item; item = item->next)
	{
		if (item->command >= before)
			continue;
		view->pending[view->pending_count++] = item->message;
		view->own_count++;
	}
}

static void
make_view(DeltaTable *entry, const DeltaState *state, Snapshot snapshot,
		  CommandId before, PfdwView *out)
{
	out->snapshot_id = state->snapshot_id;
	out->schema_id = state->schema_id;
	out->ref = &entry->ref;
	out->lake_table = state->lake_table;
	out->own_ident = state->own_ident;
	out->base_ident = state->base.ident;
	if (out->lake_table != 0)
		add_outbox(entry, snapshot, out);
	if (!entry->is_handed_over)
		add_own(entry, before, out);
}

void
pfdw_view_attach(const PfdwTableRef *ref, Snapshot snapshot, PfdwView *view)
{
	DeltaTable *entry = pfdw_delta_entry(ref);

	view->ref = &entry->ref;
	if (view->lake_table != 0)
		add_outbox(entry, snapshot, view);
}

bool
pfdw_view_is_current(const PfdwView *view)
{
	const DeltaTable *entry = pfdw_delta_entry(view->ref);
	const PfdwLakeTable *lake = pfdw_lake_table_find(view->ref);
	uint32 own_count = 0;
	PfdwLakeBase base;
	Snapshot newest;
	List *rows;
	bool is_current;

	for (DeltaMessage *item = entry->messages; item; item = item->next)
		own_count++;
	if (lake == NULL)
		return own_count == view->own_count;
	newest = pfdw_snapshot_newest(InvalidCommandId);
	(void) pfdw_lake_base_read(lake->id, newest, &base);
	rows = pfdw_outbox_read(lake->id, newest, false);
	is_current = own_count == view->own_count &&
				 base.ident == view->base_ident &&
				 list_length(rows) == (int) view->outbox_count;
	for (int i = 0; is_current && i < list_length(rows); i++)
		is_current =
			((PfdwOutboxRow *) list_nth(rows, i))->n == view->outbox[i];
	list_free_deep(rows);
	pfree(newest);
	return is_current;
}

/* ---- what has changed ------------------------------------------------- */

void
pfdw_view_lock(const PfdwTableRef *ref, PfdwTable *table, bool has_read)
{
	DeltaTable *entry = pfdw_delta_entry(ref);

	(void) pfdw_lake_lock(ref, ExclusiveLock, true);
	if (!has_read || !IsolationUsesXactSnapshot() || entry->is_checked)
		return;
	check_unchanged(entry, table);
	entry->is_checked = true;
}

/* Newest outbox row that is, or was, visible. */
static int64
newest_row(int32 lake_table, Snapshot snapshot)
{
	PfdwLakeBase base;
	List *rows = pfdw_outbox_read(lake_table, snapshot, false);
	int64 newest = 0;

	if (rows != NIL)
		newest = ((PfdwOutboxRow *) llast(rows))->n;
	(void) pfdw_lake_base_read(lake_table, snapshot, &base);
	list_free_deep(rows);
	return Max(newest, base.n);
}

/* Snapshots after the one first read, up to the newest. */
typedef struct ChangeSearch
{
	int64 after;
	int64 newest;
	int64 unchanging; /* snapshots between that left the rows as they are */
	const char *commit_user;
} ChangeSearch;

/* Our own are judged by the outbox. */
static bool
count_unchanging(void *context, const PmnSnapshotInfo *info)
{
	ChangeSearch *search = context;

	if (info->id > search->after && info->id <= search->newest &&
		((info->commit_kind != NULL &&
		  strcmp(info->commit_kind, "APPEND") != 0 &&
		  strcmp(info->commit_kind, "OVERWRITE") != 0) ||
		 (info->commit_user != NULL &&
		  strcmp(info->commit_user, search->commit_user) == 0)))
		search->unchanging++;
	return true;
}

/* One that has expired meanwhile counts as a change, and so does a rollback
 * of the lake. */
static bool
lake_is_unchanged(PfdwTable *table, const DeltaState *state)
{
	ChangeSearch search = {.after = state->snapshot_id,
						   .commit_user = pfdw_commit_user()};
	int64 schema_id;

	resolve_latest(table, &search.newest, &schema_id);
	if (search.newest > search.after)
		pfdw_check(table->env, pmn_table_visit_snapshots(
								   table->table, count_unchanging, &search));
	return search.unchanging == search.newest - search.after;
}

static void
check_unchanged(const DeltaTable *entry, PfdwTable *table)
{
	const PfdwLakeTable *lake = pfdw_lake_table_find(&entry->ref);
	bool is_unchanged = true;

	if (lake != NULL)
	{
		Snapshot newest = pfdw_snapshot_newest(InvalidCommandId);

		is_unchanged = newest_row(lake->id, newest) ==
					   newest_row(lake->id, GetTransactionSnapshot());
		pfree(newest);
	}
	if (is_unchanged && entry->has_state)
		is_unchanged = lake_is_unchanged(table, &entry->state);
	if (is_unchanged)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update"),
			 errdetail("Lake table \"%s\".\"%s\" has changed since this "
					   "transaction first read it.",
					   pfdw_name_from_lake(entry->ref.database),
					   pfdw_name_from_lake(entry->ref.table))));
}
