/*
 * bridge_guc.c
 *
 * Settings of a session, from const tables: name, default and description.
 * Only settings that do something are defined; the prefix is reserved, so
 * that a misspelt name is an error and not a silent placeholder.
 *
 * paimon_fdw.as_of may come from postgresql.conf or ALTER ROLE and is checked
 * where errors must not be raised; hence the parser reports problems by its
 * result, and pfdw_travel_parse turns them into an error.
 */
#include "bridge_sink.h"

#include "common/int.h"
#include "datatype/timestamp.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

typedef struct BoolSetting
{
	const char *name;
	bool *variable;
	bool boot_value;
	const char *description;
} BoolSetting;

typedef struct SizeSetting
{
	const char *name;
	int *variable; /* in kB */
	int boot_value;
	const char *description;
} SizeSetting;

char *pfdw_as_of = NULL;
bool pfdw_enable_filter_pushdown = true;
bool pfdw_enable_aggregate_pushdown = true;
bool pfdw_enable_limit_pushdown = true;
bool pfdw_enable_parallel_scan = true;
bool pfdw_enable_parameterized_scan = true;
bool pfdw_enable_sorted_scan = true;
int pfdw_metadata_cache_size = 65536;
int pfdw_bulk_threshold = 10000;
int pfdw_write_workers = 1;
int pfdw_write_worker_rows = 50000;

static const BoolSetting bool_settings[] = {
	{"paimon_fdw.enable_filter_pushdown", &pfdw_enable_filter_pushdown, true,
	 "Lets scans of lake tables skip files and rows by the query's filters."},
	{"paimon_fdw.enable_aggregate_pushdown", &pfdw_enable_aggregate_pushdown,
	 true, "Lets scans of lake tables compute aggregates themselves."},
	{"paimon_fdw.enable_limit_pushdown", &pfdw_enable_limit_pushdown, true,
	 "Lets scans of lake tables fetch no more than a LIMIT needs."},
	{"paimon_fdw.enable_parameterized_scan", &pfdw_enable_parameterized_scan,
	 true,
	 "Lets the inner scan of a nested loop look up the outer row's keys."},
	{"paimon_fdw.enable_sorted_scan", &pfdw_enable_sorted_scan, true,
	 "Lets scans of lake tables give rows in the order of the primary key."},
	{"paimon_fdw.enable_parallel_scan", &pfdw_enable_parallel_scan, true,
	 "Lets several processes share the scan of a lake table."},
};

static const SizeSetting size_settings[] = {
	{"paimon_fdw.metadata_cache_size", &pfdw_metadata_cache_size, 65536,
	 "Memory of a session for metadata of lake tables that it keeps between "
	 "queries."},
};

static bool check_as_of(char **value, void **extra, GucSource source);
static const char *parse_travel(const char *text, PmnTravel *travel);
static bool parse_snapshot_id(const char *text, int64_t *id);
static bool parse_time(const char *text, int64_t *millis);

void
pfdw_guc_define(void)
{
	for (int i = 0; i < (int) lengthof(bool_settings); i++)
	{
		const BoolSetting *setting = &bool_settings[i];

		DefineCustomBoolVariable(setting->name, setting->description, NULL,
								 setting->variable, setting->boot_value,
								 PGC_USERSET, 0, NULL, NULL, NULL);
	}
	for (int i = 0; i < (int) lengthof(size_settings); i++)
	{
		const SizeSetting *setting = &size_settings[i];

		DefineCustomIntVariable(setting->name, setting->description, NULL,
								setting->variable, setting->boot_value, 0,
								MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, NULL,
								NULL, NULL);
	}
	DefineCustomIntVariable(
		"paimon_fdw.bulk_threshold",
		"Rows of one statement from which on INSERT and COPY write data files "
		"themselves.",
		"Fewer rows are kept in the server until they are moved to files.",
		&pfdw_bulk_threshold, 10000, 0, INT_MAX, PGC_USERSET, 0, NULL, NULL,
		NULL);
	DefineCustomIntVariable(
		"paimon_fdw.write_workers",
		"Number of processes that write a session's data files at a time.",
		"0 leaves sorting and compressing of many rows to the session itself.",
		&pfdw_write_workers, 1, 0, 32, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"paimon_fdw.write_worker_rows",
		"Rows of a statement after which a process is started to write them.",
		"Fewer rows are written by the session itself.",
		&pfdw_write_worker_rows, 50000, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL,
		NULL);
	DefineCustomStringVariable(
		"paimon_fdw.as_of", "State of the lake that queries read.",
		"\"snapshot:12\", \"tag:name\", \"timestamp:2026-11-01 00:00:00+00\", "
		"or empty for the newest.",
		&pfdw_as_of, "", PGC_USERSET, 0, check_as_of, NULL, NULL);
	MarkGUCPrefixReserved("paimon_fdw");
}

void
pfdw_travel_parse(const char *text, PmnTravel *travel)
{
	const char *problem = parse_travel(text, travel);

	if (problem != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid point in time of a lake: \"%s\"", text),
						errdetail("%s", problem)));
	if (travel->name != NULL)
		travel->name = pfdw_name_to_lake(pstrdup(travel->name));
}

static bool
check_as_of(char **value, void **extra, GucSource source)
{
	PmnTravel travel;
	const char *problem;

	if (*value == NULL)
		return true;
	problem = parse_travel(*value, &travel);
	if (problem == NULL)
		return true;
	GUC_check_errdetail("%s", problem);
	return false;
}

/* NULL, or what is wrong. travel->name points into text. */
static const char *
parse_travel(const char *text, PmnTravel *travel)
{
	memset(travel, 0, sizeof(*travel));
	travel->kind = PMN_TRAVEL_LATEST;
	if (text[0] == '\0')
		return NULL;
	if (strncmp(text, "snapshot:", 9) == 0)
	{
		travel->kind = PMN_TRAVEL_SNAPSHOT;
		if (!parse_snapshot_id(text + 9, &travel->id))
			return "The snapshot must be a positive integer.";
		return NULL;
	}
	if (strncmp(text, "tag:", 4) == 0)
	{
		travel->kind = PMN_TRAVEL_TAG;
		travel->name = text + 4;
		if (travel->name[0] == '\0')
			return "The name of the tag is missing.";
		return NULL;
	}
	if (strncmp(text, "timestamp:", 10) == 0)
	{
		travel->kind = PMN_TRAVEL_TIMESTAMP;
		if (!parse_time(text + 10, &travel->millis))
			return "The time is not a valid timestamp with time zone.";
		return NULL;
	}
	return "Write \"snapshot:ID\", \"tag:NAME\" or \"timestamp:TIME\".";
}

static bool
parse_snapshot_id(const char *text, int64_t *id)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*id = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && *id > 0;
}

/* timestamptz_in without its errors; infinity and the like are refused. */
static bool
parse_time(const char *text, int64_t *millis)
{
	char buffer[MAXDATELEN + MAXDATEFIELDS];
	char *field[MAXDATEFIELDS];
	int field_type[MAXDATEFIELDS];
	int field_count;
	int kind;
	int zone;
	fsec_t fraction;
	struct pg_tm tm;
	TimestampTz time;
	int64 micros;

	if (ParseDateTime(text, buffer, sizeof(buffer), field, field_type,
					  MAXDATEFIELDS, &field_count) != 0 ||
		DecodeDateTime(field, field_type, field_count, &kind, &tm, &fraction,
					   &zone) != 0 ||
		kind != DTK_DATE || tm2timestamp(&tm, fraction, &zone, &time) != 0)
		return false;
	if (pg_add_s64_overflow(
			time, (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY,
			&micros))
		return false;
	*millis = micros >= 0 ? micros / 1000 : -((999 - micros) / 1000);
	return true;
}
