/*
 * delta_publish.c
 *
 * From the outbox to the lake, in two transactions of a worker, which alone
 * works on the table (session lock).
 *
 * Seal: all rows that have committed get one identifier. That transaction
 * commits synchronously whatever the settings say, and so does with it all
 * that it has seen: no snapshot is ever made of a transaction that a crash
 * could make the server forget. Identifiers ascend, and no row is sealed while
 * earlier ones wait, as Paimon takes every identifier up to a user's newest
 * for committed.
 *
 * Publish: one snapshot of the sealed rows, unless the lake has one with
 * our name and this identifier; then the rows go and the base moves there. A
 * crash or an error anywhere leaves the rows sealed, and the next try finds
 * what got through. A conflict (another engine gave a partition another number
 * of buckets) leaves them, too: readers go on seeing them on top of the lake.
 *
 * A lake that has an identifier this server never gave is ahead of it: the
 * server was restored to an earlier time. Then nothing is published, since a
 * new identifier would be taken for an old one.
 *
 * A compaction is published at once, under a name of its own: after a
 * failure the snapshots tell whether it got through. Only when they say no may
 * its files be removed.
 */
#include "delta_catalog.h"

#include "access/xact.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/uuid.h"

#define COMMIT_USER_PREFIX "paimon_fdw-"

static int64 check_not_ahead(PfdwTable *table, const PfdwLakeBase *base);
static List *next_sealed(List *rows);
static int64 publish_rows(const PfdwLakeTable *lake, List *rows);
static char *make_commit_user(void);
static int64 look_for_commit(PfdwTable *table, const char *commit_user,
							 bool *known);

/* ---- the outbox ------------------------------------------------------- */

bool
pfdw_publish_seal(int32 lake_table)
{
	Snapshot snapshot = pfdw_snapshot_newest(InvalidCommandId);
	const PfdwLakeTable *lake = pfdw_lake_table_by_id(lake_table);
	List *rows = pfdw_outbox_read(lake_table, snapshot, false);
	PfdwLakeBase base;
	ListCell *cell;
	int64 ident;

	if (lake == NULL || rows == NIL)
		return false;
	if (next_sealed(rows) != NIL)
		return true;
	(void) pfdw_lake_base_read(lake_table, snapshot, &base);
	/* No try of the new identifier was before this snapshot: the search for
	 * it begins here, however old the base was, and whatever expires now. */
	base.snapshot_id = check_not_ahead(pfdw_delta_table(&lake->ref), &base);
	pfdw_lake_base_write(lake_table, &base);
	ident = pfdw_store_next("outbox_ident");
	foreach (cell, rows)
		pfdw_outbox_seal(lfirst(cell), ident);
	ForceSyncCommit();
	return true;
}

int64
pfdw_publish_sealed(int32 lake_table)
{
	const PfdwLakeTable *lake = pfdw_lake_table_by_id(lake_table);
	Snapshot snapshot = pfdw_snapshot_newest(InvalidCommandId);
	List *rows = NIL;
	int64 published;

	if (lake == NULL)
		return 0;
	rows = next_sealed(pfdw_outbox_read(lake_table, snapshot, true));
	if (rows == NIL)
		return pfdw_delta_newest(&lake->ref);
	published = publish_rows(lake, rows);
	pfree(snapshot);
	return published;
}

/* Sealed rows of the lowest identifier, in order of n. */
static List *
next_sealed(List *rows)
{
	List *found = NIL;
	int64 ident = 0;
	ListCell *cell;

	foreach (cell, rows)
	{
		const PfdwOutboxRow *row = lfirst(cell);

		if (row->ident != 0 && (ident == 0 || row->ident < ident))
			ident = row->ident;
	}
	foreach (cell, rows)
	{
		PfdwOutboxRow *row = lfirst(cell);

		if (row->ident != 0 && row->ident == ident)
			found = lappend(found, row);
	}
	return found;
}

static int64
publish_rows(const PfdwLakeTable *lake, List *rows)
{
	PfdwTable *table = pfdw_delta_table(&lake->ref);
	const PmnMessage **messages = palloc(sizeof(*messages) * list_length(rows));
	PmnCommitRequest request = {.commit_user = pfdw_commit_user(),
								.messages = messages};
	PmnCommitResult result;
	PfdwLakeBase base;
	PmnCode code;
	ListCell *cell;

	(void) pfdw_lake_base_read(lake->id, pfdw_snapshot_newest(InvalidCommandId),
							   &base);
	/* Another engine may have taken the lake back. */
	if (base.snapshot_id <= pfdw_delta_newest(&lake->ref))
		request.base_snapshot_id = base.snapshot_id;
	foreach (cell, rows)
	{
		const PfdwOutboxRow *row = lfirst(cell);

		messages[request.message_count++] = pfdw_outbox_message(table, row);
		request.commit_identifier = row->ident;
		base.n = Max(base.n, row->n);
	}
	code = pmn_table_commit(table->table, &request, &result);
	if (code == PMN_CONFLICT)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("cannot publish committed rows of lake table "
							   "\"%s\".\"%s\"",
							   pfdw_name_from_lake(lake->ref.database),
							   pfdw_name_from_lake(lake->ref.table)),
						errdetail("%s", table->env->base.error.message),
						errhint("They stay in the outbox, and readers here see "
								"them.")));
	pfdw_check(table->env, code);
	foreach (cell, rows)
		pfdw_outbox_delete(lfirst(cell));
	base.snapshot_id = result.snapshot_id;
	base.ident = request.commit_identifier;
	pfdw_lake_base_write(lake->id, &base);
	return result.snapshot_id;
}

/* Our newest identifier in the lake behind the base. */
typedef struct AheadSearch
{
	const char *commit_user;
	int64 after;
	int64 ident;
} AheadSearch;

static bool
note_own_ident(void *context, const PmnSnapshotInfo *info)
{
	AheadSearch *search = context;

	if (info->id > search->after && info->commit_user != NULL &&
		strcmp(info->commit_user, search->commit_user) == 0)
		search->ident = Max(search->ident, info->commit_identifier);
	return true;
}

/* To be asked when no row is sealed: then all we gave is in the base. The
 * newest snapshot, which holds all that the base holds. */
static int64
check_not_ahead(PfdwTable *table, const PfdwLakeBase *base)
{
	AheadSearch search = {.commit_user = pfdw_commit_user(),
						  .after = base->snapshot_id};
	PmnTravel latest = {.kind = PMN_TRAVEL_LATEST};
	int64_t newest;
	int64_t schema_id;

	pfdw_check(table->env,
			   pmn_table_resolve(table->table, &latest, &newest, &schema_id));
	for (int64 id = base->snapshot_id + 1; id <= newest; id++)
	{
		PmnCode code;

		CHECK_FOR_INTERRUPTS();
		code =
			pmn_table_visit_snapshot(table->table, id, note_own_ident, &search);
		if (code != PMN_NOT_FOUND)
			pfdw_check(table->env, code);
	}
	if (search.ident <= base->ident)
		return newest;
	ereport(
		ERROR,
		(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		 errmsg("the lake has commits that this server does not know"),
		 errdetail("Commit identifier %lld of this database is in the lake, "
				   "%lld is the newest known here.",
				   (long long) search.ident, (long long) base->ident),
		 errhint("The server was restored to an earlier time. Rows that "
				 "were committed since stay here.")));
}

/* ---- compactions ------------------------------------------------------ */

PmnCode
pfdw_publish(PfdwTable *table, PmnCommitRequest *request,
			 PmnCommitResult *result, bool *may_discard)
{
	bool known = true;
	PmnError error;
	PmnCode code;

	*may_discard = false;
	request->commit_user = make_commit_user();
	request->commit_identifier = PG_INT64_MAX;
	code = pmn_table_commit(table->table, request, result);
	if (code == PMN_OK)
		return PMN_OK;
	error = table->env->base.error;
	if (code != PMN_CONFLICT)
		result->snapshot_id =
			look_for_commit(table, request->commit_user, &known);
	if (code != PMN_CONFLICT && result->snapshot_id != 0)
		return PMN_OK;
	*may_discard = known;
	table->env->base.error = error;
	return code;
}

bool
pfdw_is_commit_user(const char *commit_user)
{
	return strncmp(commit_user, COMMIT_USER_PREFIX,
				   strlen(COMMIT_USER_PREFIX)) == 0;
}

/* A fresh name for each commit, so that it can be found again. */
static char *
make_commit_user(void)
{
	uint8 bytes[UUID_LEN];
	StringInfoData text;

	if (!pg_strong_random(bytes, sizeof(bytes)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not generate random values")));
	bytes[6] = (bytes[6] & 0x0f) | 0x40; /* version 4 */
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	initStringInfo(&text);
	appendStringInfoString(&text, COMMIT_USER_PREFIX);
	for (int i = 0; i < UUID_LEN; i++)
		appendStringInfo(&text, "%s%02x",
						 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
						 bytes[i]);
	return text.data;
}

/* What look_for_commit looks for and finds. */
typedef struct CommitSearch
{
	const char *commit_user;
	int64 snapshot_id; /* 0: not found */
} CommitSearch;

static bool
is_our_commit(void *context, const PmnSnapshotInfo *info)
{
	CommitSearch *search = context;

	if (info->commit_user != NULL &&
		strcmp(info->commit_user, search->commit_user) == 0)
		search->snapshot_id = info->id;
	return search->snapshot_id == 0;
}

/*
 * After a failed commit: the snapshot it made all the same, or 0. *known is
 * false when that can't be told. A cancel must not stop this, or an interrupted commit would
 * leave its files behind each time.
 */
static int64
look_for_commit(PfdwTable *table, const char *commit_user, bool *known)
{
	CommitSearch search = {commit_user, 0};
	PmnCode code;

	HOLD_INTERRUPTS();
	code = pmn_table_visit_snapshots(table->table, is_our_commit, &search);
	RESUME_INTERRUPTS();
	*known = search.snapshot_id != 0 || code == PMN_OK;
	return search.snapshot_id;
}
