/*
 * delta_visibility.c
 *
 * Which state of a lake table a statement reads.
 *
 * The view of a statement is a lake snapshot and the transaction's own
 * unpublished messages. Under READ COMMITTED the newest snapshot is looked
 * up when a statement first touches the table and kept for all its scans.
 * A statement is told by its server snapshot (xmin, xmax, command) and the
 * time at which the client's statement began; a function's statements that
 * see the same server state may thus share a view. As in a heap table, it
 * sees what commands before its own have written: a BEFORE trigger the rows
 * that its statement has already done, a STABLE function none of them. Under REPEATABLE READ and
 * above, the snapshot of the transaction's first touch holds to its end.
 *
 * Writers of keyed tables take a lock on the lake table until the transaction
 * ends: one writer at a time, readers untouched. It is a lock of the advisory
 * kind on the table's place, of no database, so that it also holds between
 * two foreign tables, or databases, that point at one lake table. It is not
 * the relation's lock, which a statement already holds in a weaker mode and
 * two writers would deadlock upgrading. Other engines know nothing of it: for
 * them the commit checks that nobody changed what was read.
 */
#include "delta_internal.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "storage/lock.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* Users' advisory locks have 1 and 2 here, and a database. */
#define LAKE_TABLE_LOCK 3
#define COMPACTION_LOCK 4

static void lock_lake_table(const PfdwTableRef *ref, uint16 kind);
static StatementKey statement_now(void);
static bool same_statement(const StatementKey *a, const StatementKey *b);
static void resolve_latest(PfdwTable *table, int64 *snapshot_id,
						   int64 *schema_id);
static void add_pending(const DeltaTable *entry, CommandId before,
						PfdwView *view);
static void check_unchanged(const DeltaTable *entry, PfdwTable *table);

void
pfdw_view_get(const PfdwTableRef *ref, PfdwTable *table,
			  const PmnTravel *travel, CommandId before, PfdwView *out)
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
	statement = statement_now();
	if (!entry->has_view || (!IsolationUsesXactSnapshot() &&
							 !same_statement(&entry->statement, &statement)))
	{
		entry->has_view = false;
		resolve_latest(table, &entry->snapshot_id, &entry->schema_id);
		entry->statement = statement;
		entry->has_view = true;
	}
	if (!entry->has_base)
	{
		entry->has_base = true;
		entry->base_snapshot_id = entry->snapshot_id;
	}
	out->snapshot_id = entry->snapshot_id;
	out->schema_id = entry->schema_id;
	add_pending(entry, before, out);
}

void
pfdw_view_lock(const PfdwTableRef *ref, PfdwTable *table)
{
	DeltaTable *entry = pfdw_delta_entry(ref);

	if (entry->is_locked)
		return;
	lock_lake_table(ref, LAKE_TABLE_LOCK);
	if (IsolationUsesXactSnapshot())
	{
		if (entry->has_view)
			check_unchanged(entry, table);
	}
	else
	{
		/* The lock may have waited for another writer. */
		entry->has_view = false;
		entry->has_base = false;
	}
	entry->is_locked = true;
	entry->lock_subid = GetCurrentSubTransactionId();
}

void
pfdw_compaction_lock(const PfdwTableRef *ref)
{
	lock_lake_table(ref, COMPACTION_LOCK);
}

static void
lock_lake_table(const PfdwTableRef *ref, uint16 kind)
{
	const char *parts[] = {ref->warehouse, ref->database, ref->table,
						   ref->branch == NULL ? "" : ref->branch};
	uint64 hash = 0;
	LOCKTAG tag;

	/* Both spellings of a local warehouse are one place. */
	if (strncmp(parts[0], "file://", 7) == 0)
		parts[0] += 7;
	for (int i = 0; i < lengthof(parts); i++)
	{
		int size = (int) strlen(parts[i]);

		while (i == 0 && size > 1 && parts[i][size - 1] == '/')
			size--;
		hash = hash_bytes_extended((const unsigned char *) parts[i], size,
								   hash + 1);
	}
	SET_LOCKTAG_ADVISORY(tag, InvalidOid, (uint32) (hash >> 32), (uint32) hash,
						 kind);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

static StatementKey
statement_now(void)
{
	StatementKey key = {.start = GetCurrentStatementStartTimestamp()};

	if (ActiveSnapshotSet())
	{
		Snapshot snapshot = GetActiveSnapshot();

		key.xmin = snapshot->xmin;
		key.xmax = snapshot->xmax;
		key.curcid = snapshot->curcid;
	}
	else
		key.curcid = GetCurrentCommandId(false);
	return key;
}

static bool
same_statement(const StatementKey *a, const StatementKey *b)
{
	return a->start == b->start && a->xmin == b->xmin && a->xmax == b->xmax &&
		   a->curcid == b->curcid;
}

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

/* The messages stay until the transaction ends; the array is the caller's. */
static void
add_pending(const DeltaTable *entry, CommandId before, PfdwView *view)
{
	uint32 count = 0;

	if (entry->messages == NULL || entry->published)
		return;
	for (DeltaMessage *item = entry->messages; item; item = item->next)
		count++;
	view->pending = palloc(count * sizeof(*view->pending));
	for (DeltaMessage *item = entry->messages; item; item = item->next)
	{
		if (item->command < before)
			view->pending[view->pending_count++] = item->message;
	}
}

/* Snapshots after the pinned one, up to the newest. */
typedef struct ChangeSearch
{
	int64 after;
	int64 newest;
	int64 unchanging; /* snapshots between that left the rows as they are */
} ChangeSearch;

static bool
count_unchanging(void *context, const PmnSnapshotInfo *info)
{
	ChangeSearch *search = context;

	if (info->id > search->after && info->id <= search->newest &&
		info->commit_kind != NULL && strcmp(info->commit_kind, "APPEND") != 0 &&
		strcmp(info->commit_kind, "OVERWRITE") != 0)
		search->unchanging++;
	return true;
}

/*
 * Only COMPACT and ANALYZE snapshots may have come since; one that has
 * expired meanwhile counts as a change, and so does a rollback of the lake.
 */
static void
check_unchanged(const DeltaTable *entry, PfdwTable *table)
{
	ChangeSearch search = {.after = entry->snapshot_id};
	int64 schema_id;

	resolve_latest(table, &search.newest, &schema_id);
	if (search.newest == search.after)
		return;
	if (search.newest > search.after)
		pfdw_check(table->env, pmn_table_visit_snapshots(
								   table->table, count_unchanging, &search));
	if (search.unchanging == search.newest - search.after)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update"),
			 errdetail("Lake table \"%s\".\"%s\" has changed since this "
					   "transaction first read it.",
					   pfdw_name_from_lake(entry->ref.database),
					   pfdw_name_from_lake(entry->ref.table))));
}
