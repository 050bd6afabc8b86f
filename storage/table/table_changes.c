/*
 * table_changes.c
 *
 * Which snapshots lie between two points (format/metadata.md 12.1, data.md
 * 7.3). Two ids, two times or two tags become a range (after, until]; two
 * tags, and an automatic tag with its predecessor, mean the difference of the
 * two states, because the snapshots between them may be long gone.
 *
 * The ends are checked here, so that "it never was" (PMN_INVALID) and "it is
 * gone" (PMN_EXPIRED) are told apart before anything is read.
 */
#include "../include/pmn_changes.h"
#include "table_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whole text as a number. */
static bool
parse_id(const char *text, int64_t *out)
{
	char *end = NULL;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0';
}

static PmnChangesMode
mode_of(const PmnTable *table, PmnChangesMode mode)
{
	if (mode != PMN_CHANGES_AUTO)
		return mode;
	return table->options.changelog_producer == PMN_CHANGELOG_NONE
			   ? PMN_CHANGES_DELTA
			   : PMN_CHANGES_CHANGELOG;
}

/* The first id whose changes can still be read: that of a snapshot, or of a
 * changelog kept longer. 0: there is none. */
static PmnCode
first_readable(PmnTable *table, PmnArena *arena, PmnChangesMode mode,
			   int64_t *out)
{
	int64_t changelog = 0;

	PMN_TRY(pmn_snapshot_earliest_id(table->fs, arena, &table->lsm.path, out));
	if (mode == PMN_CHANGES_DIFF)
		return PMN_OK;
	PMN_TRY(pmn_changelog_earliest_id(table->fs, arena, &table->lsm.path,
									  &changelog));
	if (changelog > 0 && (changelog < *out || *out == 0))
		*out = changelog;
	return PMN_OK;
}

static PmnCode
check_ids(PmnTable *table, PmnArena *arena, PmnChangeRange *range)
{
	int64_t latest = 0;
	int64_t first = 0;
	int64_t first_wanted;

	PMN_TRY(
		pmn_snapshot_latest_id(table->fs, arena, &table->lsm.path, &latest));
	if (latest == 0)
	{
		range->is_empty = true;
		return PMN_OK;
	}
	if (range->until_id < 0)
		range->until_id = latest > range->after_id ? latest : range->after_id;
	if (range->until_id < range->after_id || range->after_id < 0)
		return pmn_fail(table->env, PMN_INVALID,
						"changes cannot run from snapshot %" PRId64
						" to %" PRId64,
						range->after_id, range->until_id);
	PMN_TRY(first_readable(table, arena, range->mode, &first));
	if (range->until_id > latest)
	{
		(void) pmn_fail(table->env, PMN_INVALID,
						"table \"%s\" has no snapshot %" PRId64, table->name,
						range->until_id);
		return pmn_hint(table->env,
						"Its snapshots are %" PRId64 " to %" PRId64 ".", first,
						latest);
	}
	range->is_empty = range->until_id == range->after_id;
	if (range->is_empty)
		return PMN_OK;
	first_wanted =
		range->mode == PMN_CHANGES_DIFF ? range->after_id : range->after_id + 1;
	if (range->mode == PMN_CHANGES_DIFF && range->after_id == 0)
		first_wanted = first; /* compared with nothing */
	if (first_wanted < first)
	{
		(void) pmn_fail(table->env, PMN_EXPIRED,
						"snapshot %" PRId64 " of table \"%s\" has expired",
						first_wanted, table->name);
		return pmn_hint(table->env,
						"Its snapshots are %" PRId64 " to %" PRId64 ".", first,
						latest);
	}
	return PMN_OK;
}

/* ---- tags ------------------------------------------------------------- */

/* *out NULL: no such tag. */
static PmnCode
find_tag(PmnTable *table, PmnArena *arena, const char *name, PmnSnapshot **out)
{
	PmnCode code;

	*out = NULL;
	if (!pmn_path_name_is_valid(pmn_bytes_string(name)))
		return PMN_OK;
	code = pmn_tag_read(table->fs, arena, &table->lsm.path, name, out);
	return code == PMN_NOT_FOUND ? PMN_OK : code;
}

static PmnCode
between_tags(PmnTable *table, const char *from, const PmnSnapshot *start,
			 const char *to, const PmnSnapshot *end, PmnChangeRange *out)
{
	if (end->info.id < start->info.id)
		return pmn_fail(table->env, PMN_INVALID,
						"tag \"%s\" is of snapshot %" PRId64
						", which is before that of tag \"%s\", %" PRId64,
						to, end->info.id, from, start->info.id);
	out->mode = PMN_CHANGES_DIFF;
	out->after_id = start->info.id;
	out->until_id = end->info.id;
	out->after_tag = from;
	out->until_tag = to;
	out->is_empty = start->info.id == end->info.id;
	return PMN_OK;
}

static PmnCode
resolve_names(PmnTable *table, PmnArena *arena, const PmnChangesSpec *spec,
			  PmnChangeRange *out)
{
	PmnSnapshot *start = NULL;
	PmnSnapshot *end = NULL;

	PMN_TRY(find_tag(table, arena, spec->from, &start));
	PMN_TRY(find_tag(table, arena, spec->to, &end));
	if (start != NULL && end != NULL)
	{
		if (!spec->tags_as_snapshots)
			return between_tags(table, spec->from, start, spec->to, end, out);
		out->after_id = start->info.id;
		out->until_id = end->info.id;
		return check_ids(table, arena, out);
	}
	if (!parse_id(spec->from, &out->after_id) ||
		!parse_id(spec->to, &out->until_id) || out->until_id < 0)
		return pmn_fail(table->env, PMN_INVALID,
						"\"%s\" and \"%s\" are neither two tags nor two "
						"snapshots of table \"%s\"",
						spec->from, spec->to, table->name);
	return check_ids(table, arena, out);
}

/*
 * Automatic tags are named by the time they stand for, in one form for all of
 * a table; so their names sort as their times do. shape has a 9 for a digit.
 */
static bool
has_shape(const char *name, const char *shape)
{
	size_t size = strlen(shape);

	if (strlen(name) != size)
		return false;
	for (size_t i = 0; i < size; i++)
	{
		if (shape[i] == '9' ? name[i] < '0' || name[i] > '9'
							: name[i] != shape[i])
			return false;
	}
	return true;
}

static const char *
auto_tag_shape(const PmnTable *table)
{
	const PmnSchema *schema = table->latest_schema;
	const char *period = pmn_schema_option(schema, "tag.creation-period");
	const char *formatter = pmn_schema_option(schema, "tag.period-formatter");
	bool is_daily = period == NULL || strcmp(period, "daily") == 0;
	bool has_dashes = true;

	if (pmn_schema_option(schema, "tag.creation-period-duration") != NULL)
		return "999999999999";
	if (formatter != NULL && strcmp(formatter, "without_dashes") == 0)
		has_dashes = false;
	if (formatter != NULL &&
		strcmp(formatter, "without_dashes_and_spaces") == 0)
		return is_daily ? "99999999" : "9999999999";
	if (is_daily)
		return has_dashes ? "9999-99-99" : "99999999";
	return has_dashes ? "9999-99-99 99" : "99999999 99";
}

/* The automatic tag before name, in the table's arena; NULL: none. */
static PmnCode
previous_auto_tag(PmnTable *table, PmnArena *arena, const char *name,
				  const char **out)
{
	const char *shape = auto_tag_shape(table);
	const size_t prefix_size = strlen("tag-");
	const char *directory =
		pmn_path_branch_directory(arena, &table->lsm.path, "tag");
	PmnFileList list = {NULL, 0, 0};
	const char *best = NULL;

	*out = NULL;
	if (directory == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_fs_list(table->fs, directory, arena, &list));
	for (size_t i = 0; i < list.count; i++)
	{
		const char *file = list.items[i].name;

		if (strncmp(file, "tag-", prefix_size) == 0 &&
			has_shape(file + prefix_size, shape) &&
			strcmp(file + prefix_size, name) < 0 &&
			(best == NULL || strcmp(file + prefix_size, best) > 0))
			best = file + prefix_size;
	}
	if (best == NULL)
		return PMN_OK;
	*out = pmn_arena_string(table->arena, best);
	return *out == NULL ? PMN_NO_MEMORY : PMN_OK;
}

static PmnCode
resolve_auto_tag(PmnTable *table, PmnArena *arena, const PmnChangesSpec *spec,
				 PmnChangeRange *out)
{
	PmnSnapshot *start = NULL;
	PmnSnapshot *end = NULL;
	const char *before = NULL;

	if (!has_shape(spec->to, auto_tag_shape(table)))
		return pmn_fail(table->env, PMN_INVALID,
						"\"%s\" is not the name of an automatic tag of table "
						"\"%s\"",
						spec->to, table->name);
	PMN_TRY(find_tag(table, arena, spec->to, &end));
	if (end != NULL)
		PMN_TRY(previous_auto_tag(table, arena, spec->to, &before));
	if (before != NULL)
		PMN_TRY(find_tag(table, arena, before, &start));
	out->is_empty = start == NULL;
	if (start == NULL)
		return PMN_OK;
	return between_tags(table, before, start, spec->to, end, out);
}

/* ---- times ------------------------------------------------------------ */

/* The newest snapshot not after a time; 0: none. */
static PmnCode
snapshot_at(PmnTable *table, int64_t millis, int64_t *id)
{
	const PmnTravel travel = {.kind = PMN_TRAVEL_TIMESTAMP, .millis = millis};
	int64_t schema_id = 0;
	PmnCode code = pmn_table_resolve(table, &travel, id, &schema_id);

	if (code != PMN_EXPIRED && code != PMN_INVALID)
		return code;
	*id = 0;
	return PMN_OK;
}

static PmnCode
resolve_times(PmnTable *table, PmnArena *arena, const PmnChangesSpec *spec,
			  PmnChangeRange *out)
{
	int64_t earliest = 0;
	int64_t latest = 0;
	PmnSnapshot *first = NULL;
	PmnSnapshot *last = NULL;

	if (spec->to_number < spec->from_number)
		return pmn_fail(table->env, PMN_INVALID,
						"changes cannot run from time %" PRId64
						" ms to %" PRId64 " ms",
						spec->from_number, spec->to_number);
	PMN_TRY(pmn_snapshot_earliest_id(table->fs, arena, &table->lsm.path,
									 &earliest));
	PMN_TRY(
		pmn_snapshot_latest_id(table->fs, arena, &table->lsm.path, &latest));
	out->is_empty =
		earliest == 0 || latest == 0 || spec->from_number == spec->to_number;
	if (out->is_empty)
		return PMN_OK;
	PMN_TRY(pmn_table_read_snapshot(table, arena, earliest, NULL, &first));
	PMN_TRY(pmn_table_read_snapshot(table, arena, latest, NULL, &last));
	out->is_empty = spec->from_number > last->info.time_millis ||
					spec->to_number < first->info.time_millis;
	if (out->is_empty)
		return PMN_OK;
	PMN_TRY(snapshot_at(table, spec->from_number, &out->after_id));
	PMN_TRY(snapshot_at(table, spec->to_number, &out->until_id));
	if (out->until_id == 0)
		out->until_id = latest;
	if (out->after_id == 0 && out->mode != PMN_CHANGES_DIFF)
		out->after_id = earliest - 1;
	/* The difference to nothing is right only if nothing was there. */
	else if (out->after_id == 0 && earliest > 1)
		out->after_id = earliest;
	return check_ids(table, arena, out);
}

/* ---- all -------------------------------------------------------------- */

static PmnCode
resolve_spec(PmnTable *table, PmnArena *arena, const PmnChangesSpec *spec,
			 PmnChangeRange *out)
{
	switch (spec->kind)
	{
		case PMN_CHANGES_IDS:
			out->after_id = spec->from_number;
			out->until_id = spec->to_number;
			return check_ids(table, arena, out);
		case PMN_CHANGES_NAMES:
			return resolve_names(table, arena, spec, out);
		case PMN_CHANGES_TIMES:
			return resolve_times(table, arena, spec, out);
		case PMN_CHANGES_TO_AUTO_TAG:
			return resolve_auto_tag(table, arena, spec, out);
		case PMN_CHANGES_LATEST:
			PMN_TRY(pmn_snapshot_latest_id(table->fs, arena, &table->lsm.path,
										   &out->until_id));
			out->is_empty = out->until_id == 0;
			out->after_id = out->until_id - 1;
			out->mode = PMN_CHANGES_DELTA;
			return PMN_OK;
	}
	return PMN_OK;
}

PmnCode
pmn_table_resolve_changes(PmnTable *table, const PmnChangesSpec *spec,
						  PmnChangeRange *out)
{
	PmnArena *arena = NULL;
	PmnCode code;

	memset(out, 0, sizeof(*out));
	out->mode = mode_of(table, spec->mode);
	PMN_TRY(pmn_arena_create(table->env, 0, &arena));
	code = resolve_spec(table, arena, spec, out);
	pmn_arena_destroy(arena);
	return code;
}
