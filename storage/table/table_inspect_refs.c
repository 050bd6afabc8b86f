/*
 * table_inspect_refs.c
 *
 * System tables of what refers to snapshots: tags, branches and consumers.
 * Each is a directory of small files, shown in order of name. A file that
 * vanishes between listing and reading is left out: somebody just deleted it.
 *
 *   tag/tag-<name>            a snapshot's JSON, with tagCreateTime (an array
 *                             of year, month, day, hour, minute [, second
 *                             [, nanos]]) and tagTimeRetained (seconds) when
 *                             a retention was given
 *   branch/branch-<name>/     a directory of the table, not of a branch
 *   consumer/consumer-<id>    {"nextSnapshot": n}
 */
#include "table_inspect.h"

#include <stdlib.h>
#include <string.h>

#include "../codec/codec_json.h"

#define REF_SIZE_MAX (16 * 1024 * 1024)

static int
compare_entries(const void *a, const void *b)
{
	return strcmp(((const PmnFileEntry *) a)->name,
				  ((const PmnFileEntry *) b)->name);
}

/* Children whose names start with prefix, sorted; a missing directory is
 * an empty one. */
static PmnCode
list_refs(PmnInspector *inspector, const char *directory, const char *prefix,
		  bool directories, PmnFileList *out)
{
	size_t kept = 0;
	PmnCode code;

	code = pmn_fs_list(inspector->table->fs, directory, inspector->arena, out);
	if (code == PMN_NOT_FOUND)
		out->count = 0;
	else if (code != PMN_OK)
		return code;
	for (size_t i = 0; i < out->count; i++)
	{
		if (out->items[i].is_directory == directories &&
			strncmp(out->items[i].name, prefix, strlen(prefix)) == 0 &&
			out->items[i].name[strlen(prefix)] != '\0')
			out->items[kept++] = out->items[i];
	}
	out->count = kept;
	if (kept > 1)
		qsort(out->items, kept, sizeof(*out->items), compare_entries);
	return PMN_OK;
}

/* *out NULL when the file is gone. */
static PmnCode
read_json(PmnInspector *inspector, const char *path, PmnJson **out)
{
	PmnBuffer bytes;
	PmnCode code;

	*out = NULL;
	pmn_buffer_init(&bytes, inspector->env);
	code = pmn_fs_read_file(inspector->table->fs, path, REF_SIZE_MAX, &bytes);
	if (code == PMN_OK)
		code = pmn_json_parse(inspector->env, pmn_bytes(bytes.data, bytes.size),
							  path, out);
	pmn_buffer_free(&bytes);
	if (code == PMN_OK && pmn_json_kind(pmn_json_root(*out)) != PMN_JSON_OBJECT)
	{
		pmn_json_free(*out);
		*out = NULL;
		return pmn_fail(inspector->env, PMN_CORRUPT,
						"file \"%s\" is not a JSON object", path);
	}
	return code == PMN_NOT_FOUND ? PMN_OK : code;
}

/* ---- tags ------------------------------------------------------------- */

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
		   719468;
}

/* [y, m, d, h, min(, s(, nanos))] as milliseconds; false: something else. */
static bool
parse_create_time(const PmnJsonNode *node, int64_t *millis)
{
	static const int64_t most[] = {9999, 12, 31, 23, 59, 59, 999999999};
	int64_t parts[7] = {0};
	uint32_t count = 0;

	if (node == NULL || pmn_json_kind(node) != PMN_JSON_ARRAY)
		return false;
	for (const PmnJsonNode *item = pmn_json_first(node); item != NULL;
		 item = pmn_json_next(item))
	{
		if (count == 7 || !pmn_json_int64(item, &parts[count]) ||
			parts[count] < 0 || parts[count] > most[count])
			return false;
		count++;
	}
	if (count < 5 || parts[1] < 1 || parts[2] < 1)
		return false;
	*millis = days_of(parts[0], parts[1], parts[2]) * 86400000 +
			  parts[3] * 3600000 + parts[4] * 60000 + parts[5] * 1000 +
			  parts[6] / 1000000;
	return true;
}

/* Seconds as Java prints a duration: "PT26H3M1S". */
static PmnCode
print_retention(PmnInspector *inspector, const PmnJsonNode *node,
				const char **out)
{
	PmnBuffer *text = &inspector->text;
	int64_t seconds = 0;

	*out = NULL;
	if (node == NULL)
		return PMN_OK;
	if (pmn_json_kind(node) == PMN_JSON_STRING)
	{
		*out = pmn_arena_string(inspector->row, pmn_json_text(node));
		return *out == NULL ? PMN_NO_MEMORY : PMN_OK;
	}
	if (!pmn_json_int64(node, &seconds) || seconds < 0)
		return PMN_OK;
	pmn_buffer_reset(text);
	PMN_TRY(pmn_buffer_string(text, "PT"));
	if (seconds >= 3600)
		PMN_TRY(pmn_buffer_format(text, "%" PRId64 "H", seconds / 3600));
	if (seconds / 60 % 60 != 0)
		PMN_TRY(pmn_buffer_format(text, "%" PRId64 "M", seconds / 60 % 60));
	if (seconds % 60 != 0 || seconds == 0)
		PMN_TRY(pmn_buffer_format(text, "%" PRId64 "S", seconds % 60));
	return pmn_inspect_take(inspector, out);
}

static PmnCode
put_tag(PmnInspector *inspector, const char *name, const char *path)
{
	PmnTable *table = inspector->table;
	PmnSnapshot *snapshot = NULL;
	PmnJson *json = NULL;
	const char *retained = NULL;
	int64_t created = 0;
	bool has_created;
	PmnCode code;

	code = pmn_tag_read(table->fs, inspector->row, &table->lsm.path, name,
						&snapshot);
	if (code == PMN_OK)
		code = read_json(inspector, path, &json);
	if (code == PMN_NOT_FOUND || (code == PMN_OK && json == NULL))
		return PMN_OK;
	PMN_TRY(code);
	has_created = parse_create_time(
		pmn_json_member(pmn_json_root(json), "tagCreateTime"), &created);
	code = print_retention(
		inspector, pmn_json_member(pmn_json_root(json), "tagTimeRetained"),
		&retained);
	pmn_json_free(json);
	PMN_TRY(code);
	pmn_inspect_text(inspector, name);
	pmn_inspect_number(inspector, snapshot->info.id, true);
	pmn_inspect_number(inspector, snapshot->info.schema_id, true);
	pmn_inspect_number(inspector, snapshot->info.time_millis, true);
	pmn_inspect_number(inspector, snapshot->info.total_record_count, true);
	pmn_inspect_number(inspector, created, has_created);
	pmn_inspect_text(inspector, retained);
	return pmn_inspect_emit(inspector);
}

PmnCode
pmn_inspect_tags(PmnInspector *inspector)
{
	const char *directory = pmn_path_branch_directory(
		inspector->arena, &inspector->table->lsm.path, "tag");
	PmnFileList list = {NULL, 0, 0};

	if (directory == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(list_refs(inspector, directory, "tag-", false, &list));
	for (size_t i = 0; i < list.count && !inspector->is_stopped; i++)
	{
		char *path =
			pmn_path_join(inspector->row, directory, list.items[i].name, NULL);

		if (path == NULL)
			return PMN_NO_MEMORY;
		PMN_TRY(put_tag(inspector, list.items[i].name + strlen("tag-"), path));
	}
	return PMN_OK;
}

/* ---- branches and consumers ------------------------------------------- */

PmnCode
pmn_inspect_branches(PmnInspector *inspector)
{
	const char *directory = pmn_path_join(
		inspector->arena, inspector->table->lsm.path.root, "branch", NULL);
	PmnFileList list = {NULL, 0, 0};

	if (directory == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(list_refs(inspector, directory, "branch-", true, &list));
	for (size_t i = 0; i < list.count && !inspector->is_stopped; i++)
	{
		pmn_inspect_text(inspector, list.items[i].name + strlen("branch-"));
		pmn_inspect_number(inspector, list.items[i].modified_millis, true);
		PMN_TRY(pmn_inspect_emit(inspector));
	}
	return PMN_OK;
}

PmnCode
pmn_inspect_consumers(PmnInspector *inspector)
{
	const char *directory = pmn_path_branch_directory(
		inspector->arena, &inspector->table->lsm.path, "consumer");
	PmnFileList list = {NULL, 0, 0};

	if (directory == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(list_refs(inspector, directory, "consumer-", false, &list));
	for (size_t i = 0; i < list.count && !inspector->is_stopped; i++)
	{
		const char *name = list.items[i].name;
		char *path = pmn_path_join(inspector->row, directory, name, NULL);
		PmnJson *json = NULL;
		int64_t next = 0;
		PmnCode code;

		if (path == NULL)
			return PMN_NO_MEMORY;
		PMN_TRY(read_json(inspector, path, &json));
		if (json == NULL)
			continue;
		code = pmn_json_get_int64(json, pmn_json_root(json), "nextSnapshot",
								  &next);
		pmn_json_free(json);
		PMN_TRY(code);
		pmn_inspect_text(inspector, name + strlen("consumer-"));
		pmn_inspect_number(inspector, next, true);
		PMN_TRY(pmn_inspect_emit(inspector));
	}
	return PMN_OK;
}
