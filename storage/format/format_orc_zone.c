/*
 * format_orc_zone.c
 *
 * Time zones by the names that Java gives them. A TIMESTAMP is a wall clock,
 * but ORC stores the instant it was in the writer's zone, so that the wall
 * clock is the instant plus the zone's offset then. Writers in UTC, the
 * common case, need nothing; "GMT+08:00" speaks for itself; all other names
 * are looked up in the system's zoneinfo (RFC 8536):
 *
 *   header, transitions in 32 bits     skipped
 *   header, transitions in 64 bits     when, which offset from then on
 *   a POSIX TZ string                  the rule after the last transition
 *
 * Offsets are those of java.util.TimeZone, which wrote the values: before
 * 1900 it knows today's standard time only.
 *
 * A zone that is not there is refused by name. Java's three-letter names
 * beyond those of zoneinfo ("PST", "CTT") are among them: no Java virtual
 * machine calls its default zone so.
 */
#include "format_orc.h"

#define ZONE_DIRECTORY "/usr/share/zoneinfo"
#define ZONE_FILE_BYTES_MAX ((size_t) 1024 * 1024)
#define ZONE_NAME_MAX 64
#define HEADER_BYTES 44
#define OFFSET_MAX (26 * 3600)
#define DAY 86400
/* 1900-01-01: java.util.TimeZone forgets what was before. */
#define JAVA_BEGIN INT64_C(-2208988800)

/* A day of each year, as POSIX TZ spells it. */
typedef struct Rule
{
	enum
	{
		RULE_JULIAN, /* day 1..365, February 29 not counted */
		RULE_DAY,	 /* day 0..365 */
		RULE_MONTH	 /* day 0..6 of week 1..5 of month */
	} kind;
	int32_t month;
	int32_t week;
	int32_t day;
	int32_t seconds; /* of the wall clock before */
} Rule;

struct OrcZone
{
	int32_t standard; /* offset when no transition applies */
	uint32_t count;
	int64_t *times;	  /* ascending */
	int32_t *offsets; /* from then on */
	bool has_tail;	  /* the rule below holds after the last of them */
	int32_t tail_standard;
	bool has_summer;
	int32_t tail_summer;
	Rule begin; /* of summer */
	Rule end;
};

bool
orc_zone_is_utc(const OrcZone *zone)
{
	return zone->count == 0 && !zone->has_summer && zone->standard == 0 &&
		   zone->tail_standard == 0;
}

/* ---- POSIX TZ strings ----------------------------------------------------------- */

typedef struct Text
{
	const char *next;
	const char *end;
} Text;

static char
peek(const Text *text)
{
	return text->next < text->end ? *text->next : '\0';
}

static bool
accept(Text *text, char wanted)
{
	if (peek(text) != wanted)
		return false;
	text->next++;
	return true;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
read_number(Text *text, int32_t max, int32_t *out)
{
	int32_t value = 0;
	bool is_some = false;

	while (peek(text) >= '0' && peek(text) <= '9')
	{
		value = value * 10 + (*text->next++ - '0');
		is_some = true;
		if (value > max)
			return false;
	}
	*out = value;
	return is_some;
}

static bool
skip_name(Text *text)
{
	const char *begin = text->next;

	if (accept(text, '<'))
	{
		while (peek(text) != '\0' && peek(text) != '>')
			text->next++;
		return accept(text, '>');
	}
	while (is_letter(peek(text)))
		text->next++;
	return text->next - begin >= 3;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool
read_time(Text *text, int32_t hours_max, int32_t *out)
{
	bool is_negative = accept(text, '-');
	int32_t hours = 0;
	int32_t minutes = 0;
	int32_t seconds = 0;

	if (!is_negative)
		(void) accept(text, '+');
	if (!read_number(text, hours_max, &hours))
		return false;
	if (accept(text, ':') && !read_number(text, 59, &minutes))
		return false;
	if (accept(text, ':') && !read_number(text, 59, &seconds))
		return false;
	*out = hours * 3600 + minutes * 60 + seconds;
	if (is_negative)
		*out = -*out;
	return true;
}

static bool
read_rule(Text *text, Rule *out)
{
	out->month = 0;
	out->week = 0;
	out->seconds = 2 * 3600;
	if (accept(text, 'M'))
	{
		out->kind = RULE_MONTH;
		if (!read_number(text, 12, &out->month) || out->month < 1 ||
			!accept(text, '.') || !read_number(text, 5, &out->week) ||
			out->week < 1 || !accept(text, '.') ||
			!read_number(text, 6, &out->day))
			return false;
	}
	else
	{
		out->kind = accept(text, 'J') ? RULE_JULIAN : RULE_DAY;
		if (!read_number(text, 365, &out->day) ||
			(out->kind == RULE_JULIAN && out->day < 1))
			return false;
	}
	return !accept(text, '/') || read_time(text, 167, &out->seconds);
}

static bool
read_tail(Text *text, OrcZone *zone)
{
	int32_t west;

	if (!skip_name(text) || !read_time(text, 24, &west))
		return false;
	zone->tail_standard = -west;
	zone->has_tail = true;
	if (text->next == text->end)
		return true;
	zone->has_summer = true;
	zone->tail_summer = zone->tail_standard + 3600;
	if (!skip_name(text))
		return false;
	if (peek(text) != ',')
	{
		if (!read_time(text, 24, &west))
			return false;
		zone->tail_summer = -west;
	}
	return accept(text, ',') && read_rule(text, &zone->begin) &&
		   accept(text, ',') && read_rule(text, &zone->end) &&
		   text->next == text->end;
}

/* ---- zoneinfo files ---------------------------------------------------------------- */

typedef struct Header
{
	uint32_t utc_count;
	uint32_t standard_count;
	uint32_t leap_count;
	uint32_t time_count;
	uint32_t type_count;
	uint32_t char_count;
} Header;

/* false when the header is none or its block does not fit into bytes. */
static bool
read_header(PmnBytes bytes, uint32_t time_bytes, Header *out,
			uint32_t *block_bytes)
{
	uint32_t *counts[] = {&out->utc_count,	&out->standard_count,
						  &out->leap_count, &out->time_count,
						  &out->type_count, &out->char_count};
	uint64_t size;

	if (bytes.size < HEADER_BYTES || memcmp(bytes.data, "TZif", 4) != 0 ||
		bytes.data[4] < '2')
		return false;
	for (size_t i = 0; i < 6; i++)
	{
		*counts[i] = pmn_get_be32(bytes.data + 20 + 4 * i);
		if (*counts[i] > ZONE_FILE_BYTES_MAX)
			return false;
	}
	size = (uint64_t) out->time_count * (time_bytes + 1) +
		   (uint64_t) out->type_count * 6 + out->char_count +
		   (uint64_t) out->leap_count * (time_bytes + 4) + out->standard_count +
		   out->utc_count;
	if (size > bytes.size - HEADER_BYTES)
		return false;
	*block_bytes = (uint32_t) size;
	return true;
}

static bool
read_transitions(PmnArena *arena, const uint8_t *block, const Header *header,
				 OrcZone *zone)
{
	const uint8_t *indexes = block + (size_t) header->time_count * 8;
	const uint8_t *types = indexes + header->time_count;

	if (header->type_count == 0)
		return false;
	for (uint32_t i = 0; i < header->type_count; i++)
	{
		int32_t offset = (int32_t) pmn_get_be32(types + 6 * (size_t) i);

		if (offset < -OFFSET_MAX || offset > OFFSET_MAX)
			return false;
	}
	zone->standard = (int32_t) pmn_get_be32(types);
	zone->count = header->time_count;
	zone->times =
		pmn_arena_alloc(arena, (size_t) zone->count * sizeof(int64_t));
	zone->offsets =
		pmn_arena_alloc(arena, (size_t) zone->count * sizeof(int32_t));
	if (zone->times == NULL || zone->offsets == NULL)
		return false;
	for (uint32_t i = 0; i < zone->count; i++)
	{
		if (indexes[i] >= header->type_count)
			return false;
		zone->times[i] = (int64_t) pmn_get_be64(block + 8 * (size_t) i);
		zone->offsets[i] =
			(int32_t) pmn_get_be32(types + 6 * (size_t) indexes[i]);
		if (i > 0 && zone->times[i] <= zone->times[i - 1])
			return false;
	}
	return true;
}

bool
orc_zone_parse(PmnArena *arena, PmnBytes bytes, OrcZone **out)
{
	OrcZone *zone = pmn_arena_alloc(arena, sizeof(*zone));
	Header header;
	uint32_t skipped;
	Text text;

	*out = zone;
	if (zone == NULL || !read_header(bytes, 4, &header, &skipped))
		return false;
	bytes.data += HEADER_BYTES + skipped;
	bytes.size -= HEADER_BYTES + skipped;
	if (!read_header(bytes, 8, &header, &skipped) ||
		!read_transitions(arena, bytes.data + HEADER_BYTES, &header, zone))
		return false;
	text.next = (const char *) bytes.data + HEADER_BYTES + skipped;
	text.end = (const char *) bytes.data + bytes.size;
	if (!accept(&text, '\n') || text.end == text.next || text.end[-1] != '\n')
		return false;
	text.end--;
	return text.next == text.end || read_tail(&text, zone);
}

/* ---- offsets -------------------------------------------------------------------------- */

static bool
is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 to January 1st of year. */
static int64_t
year_begin(int64_t year)
{
	int64_t y = year - 1;
	int64_t fours = y >= 0 ? y / 4 : -((3 - y) / 4);
	int64_t hundreds = y >= 0 ? y / 100 : -((99 - y) / 100);
	int64_t four_hundreds = y >= 0 ? y / 400 : -((399 - y) / 400);

	return y * 365 + fours - hundreds + four_hundreds - 719162;
}

static int64_t
year_of(int64_t utc_seconds)
{
	int64_t day = utc_seconds / DAY - (utc_seconds % DAY < 0);
	int64_t year = 1970 + day * 400 / 146097;

	while (year_begin(year) > day)
		year--;
	while (year_begin(year + 1) <= day)
		year++;
	return year;
}

/* The wall clock, in seconds since 1970, at which the rule strikes. */
static int64_t
rule_time(const Rule *rule, int64_t year)
{
	static const int32_t months[] = {0,	  31,  59,	90,	 120, 151, 181,
									 212, 243, 273, 304, 334, 365};
	int64_t day = year_begin(year);
	int32_t leap = is_leap(year);

	if (rule->kind == RULE_DAY)
		day += rule->day;
	else if (rule->kind == RULE_JULIAN)
		day += rule->day - 1 + (leap && rule->day >= 60);
	else
	{
		int64_t first =
			day + months[rule->month - 1] + (leap && rule->month > 2);
		int64_t next = day + months[rule->month] + (leap && rule->month >= 2);
		/* 1970-01-01 was a Thursday, day 4. */
		int64_t weekday = ((first + 4) % 7 + 7) % 7;

		day = first + (rule->day - weekday + 7) % 7 + 7 * (rule->week - 1);
		if (day >= next)
			day -= 7;
	}
	return day * DAY + rule->seconds;
}

static int32_t
tail_offset(const OrcZone *zone, int64_t utc_seconds)
{
	int64_t year;
	int64_t begin;
	int64_t end;
	bool is_summer;

	if (!zone->has_summer)
		return zone->tail_standard;
	year = year_of(utc_seconds + zone->tail_standard);
	begin = rule_time(&zone->begin, year) - zone->tail_standard;
	end = rule_time(&zone->end, year) - zone->tail_summer;
	if (begin < end)
		is_summer = utc_seconds >= begin && utc_seconds < end;
	else
		is_summer = utc_seconds >= begin || utc_seconds < end;
	return is_summer ? zone->tail_summer : zone->tail_standard;
}

/* What Java calls the raw offset: standard time after all transitions. */
static int32_t
raw_offset(const OrcZone *zone)
{
	if (zone->has_tail)
		return zone->tail_standard;
	return zone->count > 0 ? zone->offsets[zone->count - 1] : zone->standard;
}

int32_t
orc_zone_offset(const OrcZone *zone, int64_t utc_seconds)
{
	uint32_t low = 0;
	uint32_t high = zone->count;

	if (utc_seconds < JAVA_BEGIN)
		return raw_offset(zone);
	if (zone->count == 0 || utc_seconds >= zone->times[zone->count - 1])
		if (zone->has_tail)
			return tail_offset(zone, utc_seconds);
	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (zone->times[middle] <= utc_seconds)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? zone->standard : zone->offsets[low - 1];
}

/* ---- names ------------------------------------------------------------------------------ */

static bool
is_utc_name(const char *name)
{
	static const char *const names[] = {
		"",			 "UTC",		 "GMT",			  "Z",
		"UCT",		 "Zulu",	 "Universal",	  "Etc/UTC",
		"Etc/GMT",	 "Etc/UCT",	 "Etc/Zulu",	  "GMT0",
		"Greenwich", "Etc/GMT0", "Etc/Greenwich", "Etc/Universal"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Java's own names: GMT+8, GMT+08:00, also with UTC or nothing in front. */
static bool
is_fixed_name(const char *name, int32_t *offset)
{
	Text text = {name, name + strlen(name)};

	if (strncmp(name, "GMT", 3) == 0 || strncmp(name, "UTC", 3) == 0)
		text.next += 3;
	if (peek(&text) != '+' && peek(&text) != '-')
		return false;
	return read_time(&text, 23, offset) && text.next == text.end;
}

/* Area/City: nothing that leads out of the directory. */
static bool
is_file_name(const char *name)
{
	size_t size = strlen(name);

	if (size > ZONE_NAME_MAX || !is_letter(name[0]) ||
		strstr(name, "..") != NULL || strstr(name, "//") != NULL)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!is_letter(name[i]) && (name[i] < '0' || name[i] > '9') &&
			strchr("/_+-", name[i]) == NULL)
			return false;
	return name[size - 1] != '/';
}

static PmnCode
load_zone(PmnEnv *env, PmnArena *arena, const char *name, OrcZone **out)
{
	PmnFileSystem *fs = NULL;
	char *path = pmn_path_join(arena, ZONE_DIRECTORY, name, NULL);
	PmnBuffer buffer;
	PmnCode code;

	if (path == NULL)
		return PMN_NO_MEMORY;
	pmn_buffer_init(&buffer, env);
	code = pmn_fs_local_open(env, &fs);
	if (code == PMN_OK)
		code = pmn_fs_read_file(fs, path, ZONE_FILE_BYTES_MAX, &buffer);
	if (code == PMN_OK)
	{
		env->error.code = PMN_OK;
		if (!orc_zone_parse(arena, pmn_bytes(buffer.data, buffer.size), out))
			code =
				env->error.code == PMN_NO_MEMORY ? PMN_NO_MEMORY : PMN_CORRUPT;
	}
	pmn_fs_close(fs);
	pmn_buffer_free(&buffer);
	return code;
}

PmnCode
orc_zone_open(PmnEnv *env, PmnArena *arena, const char *name,
			  const OrcZone **out)
{
	OrcZone *zone = pmn_arena_alloc(arena, sizeof(*zone));
	PmnCode code = PMN_NOT_FOUND;

	*out = zone;
	if (zone == NULL)
		return PMN_NO_MEMORY;
	if (is_utc_name(name) || is_fixed_name(name, &zone->standard))
		return PMN_OK;
	if (is_file_name(name))
		code = load_zone(env, arena, name, &zone);
	*out = zone;
	if (code == PMN_OK || code == PMN_NO_MEMORY || code == PMN_CANCELLED)
		return code;
	pmn_fail(env, PMN_UNSUPPORTED,
			 "its timestamps were written in time zone \"%.64s\", which is "
			 "not known here",
			 name);
	return pmn_hint(env, "install the system's time zone files (" ZONE_DIRECTORY
						 ", package tzdata)");
}
