/*
 * fdw_option_read.c
 *
 * Paimon's options that steer a read: which state of the table (scan.*), or
 * what changed between two (incremental-*). They stay with the foreign table.
 * At most one says what to read; scan.mode only says so again, or names the
 * newest state of a kind. Modes that mean something to streams alone, and
 * other options of that family, are refused by name: reading something else
 * than asked for would be worse.
 */
#include "fdw_option.h"

#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

typedef enum ReadValue
{
	READ_INTEGER,
	READ_SIGNED,
	READ_NAME,
	READ_TIMESTAMP,
	READ_SCAN_MODE,
	READ_PAIR,
	READ_TIME_PAIR,
	READ_CHANGES_MODE,
	READ_BOOL
} ReadValue;

typedef struct ReadOption
{
	const char *name;
	ReadValue value;
	bool is_point; /* says what to read: only one of them may */
} ReadOption;

static const ReadOption read_options[] = {
	{"scan.snapshot-id", READ_INTEGER, true},
	{"scan.tag-name", READ_NAME, true},
	{"scan.timestamp-millis", READ_INTEGER, true},
	{"scan.timestamp", READ_TIMESTAMP, true},
	{"scan.watermark", READ_SIGNED, true},
	{"scan.version", READ_NAME, true},
	{"scan.mode", READ_SCAN_MODE, false},
	{"incremental-between", READ_PAIR, true},
	{"incremental-between-timestamp", READ_TIME_PAIR, true},
	{"incremental-to-auto-tag", READ_NAME, true},
	{"incremental-between-scan-mode", READ_CHANGES_MODE, false},
	{"incremental-between-tag-to-snapshot", READ_BOOL, false},
};

/* What scan.mode asks of the other options. */
typedef enum ModeNeeds
{
	NEEDS_NOTHING, /* and allows anything */
	NEEDS_NO_POINT,
	NEEDS_SNAPSHOT,
	NEEDS_TIMESTAMP,
	NEEDS_INCREMENTAL
} ModeNeeds;

static const struct
{
	const char *name;
	ModeNeeds needs;
	bool is_batch;
} scan_modes[] = {
	{"default", NEEDS_NOTHING, true},
	{"latest-full", NEEDS_NO_POINT, true},
	{"full", NEEDS_NO_POINT, true},
	{"latest", NEEDS_NO_POINT, true},
	{"latest-delta", NEEDS_NO_POINT, true},
	{"compacted-full", NEEDS_NO_POINT, true},
	{"from-timestamp", NEEDS_TIMESTAMP, true},
	{"from-snapshot", NEEDS_SNAPSHOT, true},
	{"from-snapshot-full", NEEDS_SNAPSHOT, true},
	{"incremental", NEEDS_INCREMENTAL, true},
	{"from-file-creation-time", NEEDS_NOTHING, false},
	{"from-creation-timestamp", NEEDS_NOTHING, false},
};

static const struct
{
	const char *name;
	PmnChangesMode mode;
} changes_modes[] = {
	{"auto", PMN_CHANGES_AUTO},
	{"delta", PMN_CHANGES_DELTA},
	{"changelog", PMN_CHANGES_CHANGELOG},
	{"diff", PMN_CHANGES_DIFF},
};

/* ---- values ----------------------------------------------------------- */

static const ReadOption *
find_read_option(const char *name)
{
	for (size_t i = 0; i < lengthof(read_options); i++)
	{
		if (strcmp(read_options[i].name, name) == 0)
			return &read_options[i];
	}
	return NULL;
}

/*
 * A point in time in the session's zone, as Paimon's "scan.timestamp" is one
 * in the zone of its process.
 */
static bool
parse_timestamp(const char *text, int64 *millis)
{
	char buffer[MAXDATELEN + MAXDATEFIELDS];
	char *field[MAXDATEFIELDS];
	int field_type[MAXDATEFIELDS];
	int field_count;
	int kind;
	int zone;
	struct pg_tm tm;
	fsec_t fraction;
	TimestampTz result;
#if PG_VERSION_NUM >= 160000
	DateTimeErrorExtra extra;
#endif

	if (ParseDateTime(text, buffer, sizeof(buffer), field, field_type,
					  MAXDATEFIELDS, &field_count) != 0)
		return false;
#if PG_VERSION_NUM >= 160000
	if (DecodeDateTime(field, field_type, field_count, &kind, &tm, &fraction,
					   &zone, &extra) != 0)
		return false;
#else
	if (DecodeDateTime(field, field_type, field_count, &kind, &tm, &fraction,
					   &zone) != 0)
		return false;
#endif
	if (kind != DTK_DATE || tm2timestamp(&tm, fraction, &zone, &result) != 0)
		return false;
	/* Floor, so that times before 1970 do not move forward. */
	result += ((int64) POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	*millis = result / 1000 - (result % 1000 < 0 ? 1 : 0);
	return true;
}

static bool
parse_integer(const char *text, int64 *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0';
}

/* Milliseconds, or a time in the session's zone. */
static bool
parse_millis(const char *text, int64 *out)
{
	return parse_integer(text, out) || parse_timestamp(text, out);
}

/* "a,b", both not empty; copies. */
static bool
parse_pair(const char *text, char **first, char **second)
{
	const char *comma = strchr(text, ',');

	if (comma == NULL || comma == text || comma[1] == '\0' ||
		strchr(comma + 1, ',') != NULL)
		return false;
	*first = pnstrdup(text, comma - text);
	*second = pstrdup(comma + 1);
	return true;
}

bool
pfdw_changes_mode_parse(const char *text, PmnChangesMode *out)
{
	for (size_t i = 0; i < lengthof(changes_modes); i++)
	{
		if (strcmp(changes_modes[i].name, text) == 0)
		{
			*out = changes_modes[i].mode;
			return true;
		}
	}
	return false;
}

static void
refuse_option(const char *name, const char *value)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("table option \"%s\" is not supported", name),
					errdetail("Option \"%s\" is \"%s\".", name, value)));
}

static void
check_scan_mode(const char *name, const char *value)
{
	for (size_t i = 0; i < lengthof(scan_modes); i++)
	{
		if (strcmp(scan_modes[i].name, value) != 0)
			continue;
		if (!scan_modes[i].is_batch)
			refuse_option(name, value);
		return;
	}
	pfdw_option_fail(name, value,
					 "Use \"latest-full\", \"latest-delta\", "
					 "\"compacted-full\", \"from-snapshot\", "
					 "\"from-timestamp\" or \"incremental\".");
}

void
pfdw_option_read_check(const char *name, const char *value)
{
	const ReadOption *option = find_read_option(name);
	PmnChangesMode mode;
	char *first;
	char *second;
	int64 number;
	bool boolean;

	if (option == NULL)
	{
		/* "read.*" is for the readers of other engines. */
		if (strncmp(name, "read.", 5) != 0)
			refuse_option(name, value);
		return;
	}
	switch (option->value)
	{
		case READ_INTEGER:
			if (!parse_integer(value, &number) || number < 0)
				pfdw_option_fail(name, value, "Write a whole number.");
			break;
		case READ_SIGNED:
			if (!parse_integer(value, &number))
				pfdw_option_fail(name, value, "Write a whole number.");
			break;
		case READ_NAME:
			pfdw_option_check_name(name, value);
			break;
		case READ_TIMESTAMP:
			if (!parse_timestamp(value, &number))
				pfdw_option_fail(name, value,
								 "Write a time such as \"2026-11-01 "
								 "00:00:00\".");
			break;
		case READ_SCAN_MODE:
			check_scan_mode(name, value);
			break;
		case READ_PAIR:
			if (!parse_pair(value, &first, &second))
				pfdw_option_fail(name, value,
								 "Write two snapshots or two tags, as in "
								 "\"12,20\".");
			break;
		case READ_TIME_PAIR:
			if (!parse_pair(value, &first, &second) ||
				!parse_millis(first, &number) || !parse_millis(second, &number))
				pfdw_option_fail(name, value,
								 "Write two times with a comma between "
								 "them, in milliseconds or such as "
								 "\"2026-11-01 00:00:00\".");
			break;
		case READ_CHANGES_MODE:
			if (!pfdw_changes_mode_parse(value, &mode))
				pfdw_option_fail(name, value,
								 "Use \"auto\", \"delta\", "
								 "\"changelog\" or \"diff\".");
			break;
		case READ_BOOL:
			if (!parse_bool(value, &boolean))
				pfdw_option_fail(name, value, "Write \"true\" or \"false\".");
			break;
	}
}

/* ---- together --------------------------------------------------------- */

static bool
fits_mode(ModeNeeds needs, const char *point)
{
	switch (needs)
	{
		case NEEDS_NOTHING:
			return true;
		case NEEDS_NO_POINT:
			return point == NULL;
		case NEEDS_SNAPSHOT:
			return point != NULL && (strcmp(point, "scan.snapshot-id") == 0 ||
									 strcmp(point, "scan.tag-name") == 0 ||
									 strcmp(point, "scan.watermark") == 0 ||
									 strcmp(point, "scan.version") == 0);
		case NEEDS_TIMESTAMP:
			return point != NULL && strncmp(point, "scan.timestamp", 14) == 0;
		case NEEDS_INCREMENTAL:
			return point != NULL && strncmp(point, "incremental-", 12) == 0;
	}
	return false;
}

static void
check_mode(const char *mode, const char *point)
{
	for (size_t i = 0; i < lengthof(scan_modes); i++)
	{
		if (strcmp(scan_modes[i].name, mode) != 0 ||
			fits_mode(scan_modes[i].needs, point))
			continue;
		if (point != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("option \"scan.mode\" is \"%s\", which does not "
							"go with option \"%s\"",
							mode, point)));
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("option \"scan.mode\" is \"%s\", which needs %s", mode,
						scan_modes[i].needs == NEEDS_TIMESTAMP
							? "option \"scan.timestamp\""
						: scan_modes[i].needs == NEEDS_INCREMENTAL
							? "option \"incremental-between\""
							: "option \"scan.snapshot-id\" or its like")));
	}
}

void
pfdw_option_read_check_all(List *options)
{
	const char *point = NULL;
	const char *mode = NULL;
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem *def = lfirst_node(DefElem, cell);
		const ReadOption *option = find_read_option(def->defname);

		if (strcmp(def->defname, "scan.mode") == 0)
			mode = defGetString(def);
		if (option == NULL || !option->is_point)
			continue;
		if (point != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("options \"%s\" and \"%s\" exclude each other",
							point, def->defname)));
		point = def->defname;
	}
	if (mode != NULL)
		check_mode(mode, point);
}

/* ---- reading them ----------------------------------------------------- */

static void
read_travel(PmnTravel *travel, const char *name, char *value)
{
	if (strcmp(name, "scan.snapshot-id") == 0)
	{
		travel->kind = PMN_TRAVEL_SNAPSHOT;
		(void) parse_integer(value, &travel->id);
	}
	else if (strcmp(name, "scan.tag-name") == 0)
	{
		travel->kind = PMN_TRAVEL_TAG;
		travel->name = pfdw_name_to_lake(value);
	}
	else if (strcmp(name, "scan.version") == 0)
	{
		travel->kind = PMN_TRAVEL_VERSION;
		travel->name = pfdw_name_to_lake(value);
	}
	else if (strcmp(name, "scan.timestamp-millis") == 0)
	{
		travel->kind = PMN_TRAVEL_TIMESTAMP;
		(void) parse_integer(value, &travel->millis);
	}
	else if (strcmp(name, "scan.timestamp") == 0)
	{
		travel->kind = PMN_TRAVEL_TIMESTAMP;
		if (!parse_timestamp(value, &travel->millis))
			pfdw_option_fail(name, value, "Write a time.");
	}
	else if (strcmp(name, "scan.watermark") == 0)
	{
		travel->kind = PMN_TRAVEL_WATERMARK;
		(void) parse_integer(value, &travel->id);
	}
	else if (strcmp(value, "compacted-full") == 0)
		travel->kind = PMN_TRAVEL_COMPACTED;
}

static void
read_pair(PfdwOptions *options, PmnChangesKind kind, const char *value)
{
	PmnChangesSpec *changes = &options->changes;
	char *first = NULL;
	char *second = NULL;

	options->has_changes = true;
	changes->kind = kind;
	(void) parse_pair(value, &first, &second);
	if (kind == PMN_CHANGES_NAMES)
	{
		changes->from = pfdw_name_to_lake(first);
		changes->to = pfdw_name_to_lake(second);
	}
	else if (!parse_millis(first, &changes->from_number) ||
			 !parse_millis(second, &changes->to_number))
		pfdw_option_fail("incremental-between-timestamp", value,
						 "Write two times.");
}

void
pfdw_option_read(PfdwOptions *options, const char *name, char *value)
{
	PmnChangesSpec *changes = &options->changes;

	if (strcmp(name, "incremental-between") == 0)
		read_pair(options, PMN_CHANGES_NAMES, value);
	else if (strcmp(name, "incremental-between-timestamp") == 0)
		read_pair(options, PMN_CHANGES_TIMES, value);
	else if (strcmp(name, "incremental-to-auto-tag") == 0)
	{
		options->has_changes = true;
		changes->kind = PMN_CHANGES_TO_AUTO_TAG;
		changes->to = pfdw_name_to_lake(value);
	}
	else if (strcmp(name, "incremental-between-scan-mode") == 0)
		(void) pfdw_changes_mode_parse(value, &changes->mode);
	else if (strcmp(name, "incremental-between-tag-to-snapshot") == 0)
		(void) parse_bool(value, &changes->tags_as_snapshots);
	else if (strcmp(name, "scan.mode") == 0 &&
			 strcmp(value, "latest-delta") == 0)
	{
		options->has_changes = true;
		changes->kind = PMN_CHANGES_LATEST;
	}
	else
		read_travel(&options->travel, name, value);
}
