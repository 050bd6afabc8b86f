/*
 * bridge_error.c
 *
 * The only place where a storage code becomes an error of the server. The
 * switch has no default, so that the compiler asks for a SQLSTATE when a
 * code is added.
 *
 * Messages of storage may quote bytes of foreign files and may have been cut
 * in the middle of a character. They are copied, cleaned of whatever the
 * server encoding does not allow, and never used as a format.
 */
#include "bridge.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

static int sqlstate_of(PmnCode code);
static char *clean_text(const char *text);

void
pfdw_check(PfdwEnv *env, PmnCode code)
{
	if (likely(code == PMN_OK))
		return;
	pfdw_report(env, code, NULL);
}

static void
raise_failure(PfdwEnv *env, PmnCode code, int sqlstate, const char *detail)
{
	const PmnError *error = &env->base.error;
	char *message;
	char *hint;
	StringInfoData details;

	/* The server's own message for a cancel or a shutdown, when it has one. */
	if (code == PMN_CANCELLED)
		CHECK_FOR_INTERRUPTS();

	initStringInfo(&details);
	message = clean_text(error->message);
	hint = clean_text(error->hint);
	appendStringInfoString(&details, clean_text(error->detail));
	if (detail != NULL)
		appendStringInfo(&details, "%s%s", details.len > 0 ? "\n" : "", detail);
	if (message[0] == '\0')
		message = psprintf("storage failed with code %d", (int) code);

	ereport(ERROR, (errcode(sqlstate), errmsg("%s", message),
					details.len > 0 ? errdetail("%s", details.data) : 0,
					hint[0] != '\0' ? errhint("%s", hint) : 0));
}

void
pfdw_report(PfdwEnv *env, PmnCode code, const char *detail)
{
	raise_failure(env, code, sqlstate_of(code), detail);
	pg_unreachable();
}

void
pfdw_report_option(PfdwEnv *env)
{
	raise_failure(env, PMN_INVALID, ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, NULL);
	pg_unreachable();
}

static int
sqlstate_of(PmnCode code)
{
	switch (code)
	{
		case PMN_OK:
			break;
		case PMN_NO_MEMORY:
			return ERRCODE_OUT_OF_MEMORY;
		case PMN_INVALID:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case PMN_OUT_OF_RANGE:
			return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		case PMN_NOT_FOUND:
			return ERRCODE_UNDEFINED_FILE;
		case PMN_NO_DATABASE:
			return ERRCODE_FDW_SCHEMA_NOT_FOUND;
		case PMN_NO_TABLE:
			return ERRCODE_FDW_TABLE_NOT_FOUND;
		case PMN_NO_COLUMN:
			return ERRCODE_FDW_COLUMN_NAME_NOT_FOUND;
		case PMN_EXISTS:
			return ERRCODE_DUPLICATE_TABLE;
		case PMN_CONFLICT:
			return ERRCODE_T_R_SERIALIZATION_FAILURE;
		case PMN_EXPIRED:
			return ERRCODE_SNAPSHOT_TOO_OLD;
		case PMN_UNAVAILABLE:
			return ERRCODE_IO_ERROR;
		case PMN_DENIED:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case PMN_CORRUPT:
			return ERRCODE_DATA_CORRUPTED;
		case PMN_UNSUPPORTED:
			return ERRCODE_FEATURE_NOT_SUPPORTED;
		case PMN_CANCELLED:
			return ERRCODE_QUERY_CANCELED;
		case PMN_NO_SPACE:
			return ERRCODE_DISK_FULL;
		case PMN_IO:
			return ERRCODE_IO_ERROR;
	}
	return ERRCODE_INTERNAL_ERROR;
}

/* A copy that is valid in the server encoding: odd bytes become "?". */
static char *
clean_text(const char *text)
{
	char *copy = pstrdup(text);

	if (pg_verify_mbstr(GetDatabaseEncoding(), copy, strlen(copy), true))
		return copy;
	for (char *byte = copy; *byte != '\0'; byte++)
	{
		if (IS_HIGHBIT_SET(*byte))
			*byte = '?';
	}
	return copy;
}
