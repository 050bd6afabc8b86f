/*
 * delta_publish.c
 *
 * One commit to the lake, and the truth about it. Each commit has a user name
 * of its own, so that after a failure (a cancel, a full disk, an answer that
 * never came) the snapshots tell whether it got through all the same. Only
 * when they say no may the commit's files be removed.
 */
#include "delta.h"

#include "miscadmin.h"
#include "lib/stringinfo.h"
#include "utils/uuid.h"

#define COMMIT_USER_PREFIX "paimon_fdw-"

static char *make_commit_user(void);
static int64 look_for_commit(PfdwTable *table, const char *commit_user,
							 bool *known);

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
