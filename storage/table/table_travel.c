/*
 * table_travel.c
 *
 * Which snapshot a reader means (format/metadata.md 12.1). Time and watermark
 * grow with the id, so both are found by bisection over the ids that exist.
 * Snapshots may expire while we look; then the search starts again, a few
 * times at most.
 */
#include "table_internal.h"

#include <stdlib.h>
#include <string.h>

#define SEARCH_ATTEMPTS_MAX 5
#define TAGS_NAMED_MAX 8

static int
compare_entries(const void *a, const void *b)
{
	return strcmp(((const PmnFileEntry *) a)->name,
				  ((const PmnFileEntry *) b)->name);
}

/* Name the tags that there are, some of them; gives the code of the error
 * stored before, or another. */
static PmnCode
hint_at_tags(PmnTable *table, PmnArena *arena)
{
	const char *directory =
		pmn_path_branch_directory(arena, &table->lsm.path, "tag");
	PmnError error = table->env->error;
	PmnFileList list = {NULL, 0, 0};
	const char *names = "";
	uint32_t count = 0;
	PmnCode code;

	if (directory == NULL)
		return PMN_NO_MEMORY;
	code = pmn_fs_list(table->fs, directory, arena, &list);
	table->env->error = error;
	if (code != PMN_OK && code != PMN_NOT_FOUND)
		return code;
	if (code == PMN_OK && list.count > 1)
		qsort(list.items, list.count, sizeof(*list.items), compare_entries);
	for (size_t i = 0; code == PMN_OK && i < list.count; i++)
	{
		const char *name = list.items[i].name;

		if (strncmp(name, "tag-", 4) != 0)
			continue;
		if (count++ < TAGS_NAMED_MAX)
			names = pmn_arena_format(arena, "%s%s%s", names,
									 names[0] == '\0' ? "" : ", ", name + 4);
		if (names == NULL)
			return PMN_NO_MEMORY;
	}
	if (count == 0)
		return pmn_hint(table->env, "It has no tags.");
	return pmn_hint(table->env, "Its tags are %s%s.", names,
					count > TAGS_NAMED_MAX ? ", ..." : "");
}

/* Say why a snapshot is not there. */
static PmnCode
missing_snapshot(PmnTable *table, PmnArena *arena, int64_t id)
{
	int64_t earliest = 0;
	int64_t latest = 0;

	PMN_TRY(pmn_snapshot_earliest_id(table->fs, arena, &table->lsm.path,
									 &earliest));
	if (id > 0 && earliest > 0 && id < earliest)
		return pmn_fail(table->env, PMN_EXPIRED,
						"snapshot %" PRId64 " of table \"%s\" has expired", id,
						table->name);
	PMN_TRY(
		pmn_snapshot_latest_id(table->fs, arena, &table->lsm.path, &latest));
	(void) pmn_fail(table->env, PMN_INVALID,
					"table \"%s\" has no snapshot %" PRId64, table->name, id);
	if (latest == 0)
		return pmn_hint(table->env, "It has none.");
	return pmn_hint(table->env, "Its snapshots are %" PRId64 " to %" PRId64 ".",
					earliest, latest);
}

PmnCode
pmn_table_read_snapshot(PmnTable *table, PmnArena *arena, int64_t id,
						const char *tag, PmnSnapshot **out)
{
	PmnCode code;

	if (tag != NULL)
	{
		PMN_TRY(pmn_path_check_name(table->env, "tag", tag));
		code = pmn_tag_read(table->fs, arena, &table->lsm.path, tag, out);
		if (code != PMN_NOT_FOUND)
			return code;
		(void) pmn_fail(table->env, PMN_INVALID,
						"table \"%s\" has no tag \"%s\"", table->name, tag);
		return hint_at_tags(table, arena);
	}
	code = pmn_snapshot_read(table->fs, arena, &table->lsm.path, id, out);
	if (code == PMN_NOT_FOUND)
		return missing_snapshot(table, arena, id);
	return code;
}

/* Whether a snapshot is at or behind the point we look for. */
static bool
is_behind(const PmnTravel *travel, const PmnSnapshotInfo *info)
{
	if (travel->kind == PMN_TRAVEL_TIMESTAMP)
		return info->time_millis > travel->millis;
	return info->has_watermark && info->watermark >= travel->id;
}

/* *first is the position of the first id that is behind, or count. */
static PmnCode
bisect(PmnTable *table, PmnArena *arena, const PmnTravel *travel,
	   const int64_t *ids, uint32_t count, uint32_t *first)
{
	uint32_t low = 0;
	uint32_t high = count;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		PmnSnapshot *snapshot = NULL;

		PMN_TRY(pmn_snapshot_read(table->fs, arena, &table->lsm.path,
								  ids[middle], &snapshot));
		if (is_behind(travel, &snapshot->info))
			high = middle;
		else
			low = middle + 1;
	}
	*first = low;
	return PMN_OK;
}

static PmnCode
nothing_there(PmnTable *table, const PmnTravel *travel, const int64_t *ids,
			  uint32_t count)
{
	/* Whatever existed at that time is gone. */
	PmnCode code =
		count > 0 && ids[0] > 1 && travel->kind == PMN_TRAVEL_TIMESTAMP
			? PMN_EXPIRED
			: PMN_INVALID;

	if (travel->kind == PMN_TRAVEL_TIMESTAMP)
		return pmn_fail(table->env, code,
						"table \"%s\" has no snapshot at or before time "
						"%" PRId64 " ms",
						table->name, travel->millis);
	return pmn_fail(table->env, code,
					"table \"%s\" has no snapshot with a watermark of at "
					"least %" PRId64,
					table->name, travel->id);
}

/* *again: a snapshot that we wanted to look at had expired. */
static PmnCode
search_once(PmnTable *table, PmnArena *arena, const PmnTravel *travel,
			int64_t *id, bool *again)
{
	int64_t *ids = NULL;
	uint32_t count = 0;
	uint32_t first = 0;
	PmnCode code;

	PMN_TRY(
		pmn_snapshot_list(table->fs, arena, &table->lsm.path, &ids, &count));
	code = bisect(table, arena, travel, ids, count, &first);
	*again = code == PMN_NOT_FOUND;
	PMN_TRY(code);
	if (travel->kind == PMN_TRAVEL_TIMESTAMP)
	{
		if (first == 0)
			return nothing_there(table, travel, ids, count);
		*id = ids[first - 1];
		return PMN_OK;
	}
	if (first == count)
		return nothing_there(table, travel, ids, count);
	*id = ids[first];
	return PMN_OK;
}

/* Search and read; a snapshot that vanishes meanwhile starts it again. */
static PmnCode
search(PmnTable *table, PmnArena *arena, const PmnTravel *travel,
	   PmnSnapshot **out)
{
	for (int attempt = 0;; attempt++)
	{
		int64_t id = 0;
		bool again = false;
		PmnCode code = search_once(table, arena, travel, &id, &again);

		if (code == PMN_OK)
		{
			code =
				pmn_snapshot_read(table->fs, arena, &table->lsm.path, id, out);
			again = code == PMN_NOT_FOUND;
		}
		if (!again || attempt == SEARCH_ATTEMPTS_MAX)
			return code;
	}
}

/* A tag of this name, else "watermark-<n>", else an id. */
static PmnCode
settle_version(PmnTable *table, PmnArena *arena, PmnTravel *travel)
{
	static const char watermark[] = "watermark-";
	const char *name = travel->name;
	PmnSnapshot *snapshot = NULL;
	PmnCode code;

	PMN_TRY(pmn_path_check_name(table->env, "version", name));
	code = pmn_tag_read(table->fs, arena, &table->lsm.path, name, &snapshot);
	if (code != PMN_NOT_FOUND)
	{
		travel->kind = PMN_TRAVEL_TAG;
		return code;
	}
	travel->kind = PMN_TRAVEL_SNAPSHOT;
	travel->id = pmn_path_parse_id(name, "");
	if (strncmp(name, watermark, strlen(watermark)) == 0)
	{
		travel->kind = PMN_TRAVEL_WATERMARK;
		travel->id = pmn_path_parse_id(name, watermark);
	}
	if (travel->id >= 0)
		return PMN_OK;
	(void) pmn_fail(table->env, PMN_INVALID,
					"table \"%s\" has no version \"%s\"", table->name, name);
	return hint_at_tags(table, arena);
}

/* With a full-compaction producer: a COMPACT snapshot of every n-th commit. */
static bool
is_full_compaction(const PmnTable *table, const PmnSnapshotInfo *info)
{
	const char *text = pmn_schema_option(table->latest_schema,
										 "full-compaction.delta-commits");
	int64_t every = text == NULL ? 1 : pmn_path_parse_id(text, "");

	if (strcmp(info->commit_kind, "COMPACT") != 0)
		return false;
	if (table->options.changelog_producer != PMN_CHANGELOG_FULL_COMPACTION &&
		text == NULL)
		return true;
	return info->commit_identifier == INT64_MAX || every <= 1 ||
		   info->commit_identifier % every == 0;
}

static PmnCode
settle_compacted(PmnTable *table, PmnArena *arena, PmnTravel *travel)
{
	int64_t *ids = NULL;
	uint32_t count = 0;

	travel->kind = PMN_TRAVEL_LATEST;
	PMN_TRY(
		pmn_snapshot_list(table->fs, arena, &table->lsm.path, &ids, &count));
	while (count-- > 0)
	{
		PmnSnapshot *snapshot = NULL;
		PmnCode code;

		PMN_TRY(pmn_poll(table->env));
		code = pmn_snapshot_read(table->fs, arena, &table->lsm.path, ids[count],
								 &snapshot);
		/* Expired, and so are those before it. */
		if (code == PMN_NOT_FOUND)
			return PMN_OK;
		PMN_TRY(code);
		if (!is_full_compaction(table, &snapshot->info))
			continue;
		travel->kind = PMN_TRAVEL_SNAPSHOT;
		travel->id = ids[count];
		return PMN_OK;
	}
	return PMN_OK;
}

PmnCode
pmn_table_settle_travel(PmnTable *table, PmnTravel *travel)
{
	PmnArena *arena = NULL;
	PmnCode code;

	if (travel->kind != PMN_TRAVEL_VERSION &&
		travel->kind != PMN_TRAVEL_COMPACTED)
		return PMN_OK;
	PMN_TRY(pmn_arena_create(table->env, 0, &arena));
	code = travel->kind == PMN_TRAVEL_VERSION
			   ? settle_version(table, arena, travel)
			   : settle_compacted(table, arena, travel);
	pmn_arena_destroy(arena);
	return code;
}

static PmnCode
resolve(PmnTable *table, PmnArena *arena, const PmnTravel *travel, int64_t *id,
		int64_t *schema_id)
{
	PmnSnapshot *snapshot = NULL;
	const PmnSchema *schema = NULL;

	switch (travel->kind)
	{
		case PMN_TRAVEL_LATEST:
			*schema_id = table->latest_schema->id;
			return pmn_snapshot_latest_id(table->fs, arena, &table->lsm.path,
										  id);
		case PMN_TRAVEL_SNAPSHOT:
			PMN_TRY(pmn_table_read_snapshot(table, arena, travel->id, NULL,
											&snapshot));
			break;
		case PMN_TRAVEL_TAG:
			if (travel->name == NULL)
				return pmn_fail(table->env, PMN_INVALID, "a tag needs a name");
			PMN_TRY(pmn_table_read_snapshot(table, arena, 0, travel->name,
											&snapshot));
			break;
		case PMN_TRAVEL_TIMESTAMP:
		case PMN_TRAVEL_WATERMARK:
			PMN_TRY(search(table, arena, travel, &snapshot));
			break;
		case PMN_TRAVEL_VERSION:
		case PMN_TRAVEL_COMPACTED:
			return pmn_fail(table->env, PMN_INVALID,
							"a version was not looked up");
	}
	PMN_ASSERT(snapshot != NULL);
	PMN_TRY(pmn_table_schema_by_id(table, snapshot->info.schema_id, &schema));
	*id = snapshot->info.id;
	*schema_id = snapshot->info.schema_id;
	return PMN_OK;
}

PmnCode
pmn_table_resolve(PmnTable *table, const PmnTravel *travel, int64_t *id,
				  int64_t *schema_id)
{
	PmnArena *arena = NULL;
	PmnCode code;

	*id = 0;
	*schema_id = 0;
	PMN_TRY(pmn_arena_create(table->env, 0, &arena));
	code = resolve(table, arena, travel, id, schema_id);
	pmn_arena_destroy(arena);
	return code;
}
