/*
 * meta_snapshot.c
 *
 * Snapshot files: the JSON document that names the manifest lists of one
 * version of a table, and the two hint files that make finding the newest
 * cheap. One field table drives parsing and printing, in Paimon's order.
 *
 * Missing and null mean the same. Whatever the table below does not name
 * (logOffsets of old writers, the retention of tags) is ignored. Hints are
 * never trusted: LATEST counts only when its snapshot is there and the next
 * one is not; EARLIEST only when its snapshot is there.
 *
 *   version 3, uuid?, id, schemaId, baseManifestList(Size?),
 *   deltaManifestList(Size?), changelogManifestList(Size)?, indexManifest?,
 *   commitUser, writerVersion?, commitIdentifier, commitKind, timeMillis,
 *   totalRecordCount, deltaRecordCount, changelogRecordCount?, watermark?,
 *   statistics?, properties?, nextRowId?, operation?
 */
#include "meta_snapshot.h"

#include <stdlib.h>
#include <time.h>

#include "../codec/codec_json.h"

#define SNAPSHOT_SIZE_MAX (16 * 1024 * 1024)
#define HINT_SIZE_MAX 32
/* A file that is cut short is read again: where the store does not say when it
 * was written for 2 s, else only while that is a moment ago. */
#define RETRIES_MAX 10
#define RETRY_WAIT_MS 200
#define RECENT_RETRY_WAIT_MS 20
#define RECENT_MS 1000

typedef enum FieldKind
{
	FIELD_INT32,		 /* always written; missing reads as 0 */
	FIELD_INT64,		 /* always there */
	FIELD_COUNT,		 /* always written; missing reads as 0 */
	FIELD_SIZE,			 /* left out when -1 */
	FIELD_FLAGGED,		 /* left out when its flag is false */
	FIELD_TEXT,			 /* always there */
	FIELD_OPTIONAL_TEXT, /* left out when NULL */
	FIELD_PROPERTIES	 /* left out when empty */
} FieldKind;

typedef struct SnapshotField
{
	const char *name;
	FieldKind kind;
	size_t offset;
	size_t flag_offset; /* FIELD_FLAGGED */
} SnapshotField;

#define OWN(member) offsetof(PmnSnapshot, member)
#define INFO(member) offsetof(PmnSnapshot, info.member)

static const SnapshotField snapshot_fields[] = {
	{"version", FIELD_INT32, OWN(version), 0},
	{"uuid", FIELD_OPTIONAL_TEXT, OWN(uuid), 0},
	{"id", FIELD_INT64, INFO(id), 0},
	{"schemaId", FIELD_INT64, INFO(schema_id), 0},
	{"baseManifestList", FIELD_TEXT, INFO(base_manifest_list), 0},
	{"baseManifestListSize", FIELD_SIZE, OWN(base_manifest_list_size), 0},
	{"deltaManifestList", FIELD_TEXT, INFO(delta_manifest_list), 0},
	{"deltaManifestListSize", FIELD_SIZE, OWN(delta_manifest_list_size), 0},
	{"changelogManifestList", FIELD_OPTIONAL_TEXT,
	 INFO(changelog_manifest_list), 0},
	{"changelogManifestListSize", FIELD_SIZE, OWN(changelog_manifest_list_size),
	 0},
	{"indexManifest", FIELD_OPTIONAL_TEXT, OWN(index_manifest), 0},
	{"commitUser", FIELD_TEXT, INFO(commit_user), 0},
	{"writerVersion", FIELD_OPTIONAL_TEXT, INFO(writer_version), 0},
	{"commitIdentifier", FIELD_INT64, INFO(commit_identifier), 0},
	{"commitKind", FIELD_TEXT, INFO(commit_kind), 0},
	{"timeMillis", FIELD_INT64, INFO(time_millis), 0},
	{"totalRecordCount", FIELD_COUNT, INFO(total_record_count), 0},
	{"deltaRecordCount", FIELD_COUNT, INFO(delta_record_count), 0},
	{"changelogRecordCount", FIELD_FLAGGED, INFO(changelog_record_count),
	 INFO(has_changelog_record_count)},
	{"watermark", FIELD_FLAGGED, INFO(watermark), INFO(has_watermark)},
	{"statistics", FIELD_OPTIONAL_TEXT, OWN(statistics), 0},
	{"properties", FIELD_PROPERTIES, OWN(properties), 0},
	{"nextRowId", FIELD_FLAGGED, INFO(next_row_id), INFO(has_next_row_id)},
	{"operation", FIELD_OPTIONAL_TEXT, INFO(operation), 0}};

#define SNAPSHOT_FIELD_COUNT (sizeof(snapshot_fields) / sizeof(SnapshotField))

/* ---- parse ------------------------------------------------------------ */

static PmnCode
parse_properties(const PmnJson *json, const PmnJsonNode *root, PmnEnv *env,
				 PmnArena *arena, const char *name, PmnSnapshot *snapshot)
{
	const PmnJsonNode *object = pmn_json_member(root, "properties");
	const PmnJsonNode *member;
	uint32_t count;

	(void) json;
	if (object == NULL)
		return PMN_OK;
	if (pmn_json_kind(object) != PMN_JSON_OBJECT)
		return pmn_fail(env, PMN_CORRUPT,
						"file \"%s\": \"properties\" is not an object", name);
	count = pmn_json_count(object);
	if (count == 0)
		return PMN_OK;
	snapshot->properties =
		pmn_arena_alloc(arena, count * sizeof(*snapshot->properties));
	if (snapshot->properties == NULL)
		return PMN_NO_MEMORY;
	for (member = pmn_json_first(object); member != NULL;
		 member = pmn_json_next(member))
	{
		PmnOption *property = &snapshot->properties[snapshot->property_count++];
		const char *text = pmn_json_text(member);

		if (text == NULL)
			return pmn_fail(env, PMN_CORRUPT,
							"file \"%s\": property \"%s\" is not a string",
							name, pmn_json_key(member));
		property->key = pmn_arena_string(arena, pmn_json_key(member));
		property->value = pmn_arena_string(arena, text);
		if (property->key == NULL || property->value == NULL)
			return PMN_NO_MEMORY;
	}
	return PMN_OK;
}

static PmnCode
parse_int32(const PmnJson *json, const PmnJsonNode *root, PmnEnv *env,
			const char *name, const SnapshotField *field, int32_t *out)
{
	int64_t value = 0;
	bool present = false;

	PMN_TRY(pmn_json_opt_int64(json, root, field->name, &value, &present));
	if (value < INT32_MIN || value > INT32_MAX)
		return pmn_fail(env, PMN_CORRUPT, "file \"%s\": \"%s\" is %" PRId64,
						name, field->name, value);
	*out = (int32_t) value;
	return PMN_OK;
}

static PmnCode
parse_field(const PmnJson *json, const PmnJsonNode *root, PmnEnv *env,
			PmnArena *arena, const char *name, const SnapshotField *field,
			PmnSnapshot *snapshot)
{
	char *member = (char *) snapshot + field->offset;
	bool present = false;

	switch (field->kind)
	{
		case FIELD_INT32:
			return parse_int32(json, root, env, name, field,
							   (int32_t *) member);
		case FIELD_INT64:
			return pmn_json_get_int64(json, root, field->name,
									  (int64_t *) member);
		case FIELD_COUNT:
			return pmn_json_opt_int64(json, root, field->name,
									  (int64_t *) member, &present);
		case FIELD_SIZE:
			*(int64_t *) member = -1;
			return pmn_json_opt_int64(json, root, field->name,
									  (int64_t *) member, &present);
		case FIELD_FLAGGED:
			return pmn_json_opt_int64(
				json, root, field->name, (int64_t *) member,
				(bool *) ((char *) snapshot + field->flag_offset));
		case FIELD_TEXT:
			return pmn_json_get_string(json, root, field->name, arena,
									   (const char **) member);
		case FIELD_OPTIONAL_TEXT:
			return pmn_json_opt_string(json, root, field->name, arena,
									   (const char **) member);
		case FIELD_PROPERTIES:
			return parse_properties(json, root, env, arena, name, snapshot);
	}
	return PMN_OK;
}

static PmnCode
check_name(PmnEnv *env, const char *name, const char *value)
{
	if (value == NULL || pmn_path_name_is_valid(pmn_bytes_string(value)))
		return PMN_OK;
	return pmn_fail(env, PMN_CORRUPT,
					"file \"%s\" refers to a file with an impossible name",
					name);
}

static PmnCode
check_snapshot(PmnEnv *env, const char *name, const PmnSnapshot *snapshot)
{
	static const char *const kinds[] = {"APPEND", "COMPACT", "OVERWRITE",
										"ANALYZE"};
	const PmnSnapshotInfo *info = &snapshot->info;
	bool known = false;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		known = known || strcmp(info->commit_kind, kinds[i]) == 0;
	if (!known)
		return pmn_fail(env, PMN_CORRUPT,
						"file \"%s\" has the unknown commit kind \"%s\"", name,
						info->commit_kind);
	if (info->id < 1 || info->schema_id < 0)
		return pmn_fail(env, PMN_CORRUPT,
						"file \"%s\" has id %" PRId64 " and schema %" PRId64,
						name, info->id, info->schema_id);
	PMN_TRY(check_name(env, name, info->base_manifest_list));
	PMN_TRY(check_name(env, name, info->delta_manifest_list));
	PMN_TRY(check_name(env, name, info->changelog_manifest_list));
	PMN_TRY(check_name(env, name, snapshot->index_manifest));
	return check_name(env, name, snapshot->statistics);
}

static PmnCode
parse_root(const PmnJson *json, PmnEnv *env, PmnArena *arena, const char *name,
		   PmnSnapshot **out)
{
	const PmnJsonNode *root = pmn_json_root(json);
	PmnSnapshot *snapshot;

	if (pmn_json_kind(root) != PMN_JSON_OBJECT)
		return pmn_fail(env, PMN_CORRUPT, "file \"%s\" is not a JSON object",
						name);
	snapshot = pmn_arena_alloc(arena, sizeof(*snapshot));
	if (snapshot == NULL)
		return PMN_NO_MEMORY;
	for (size_t i = 0; i < SNAPSHOT_FIELD_COUNT; i++)
		PMN_TRY(parse_field(json, root, env, arena, name, &snapshot_fields[i],
							snapshot));
	/* Old writers spell "no watermark" as the smallest number. */
	if (snapshot->info.watermark == INT64_MIN)
		snapshot->info.has_watermark = false;
	PMN_TRY(check_snapshot(env, name, snapshot));
	*out = snapshot;
	return PMN_OK;
}

PmnCode
pmn_snapshot_parse(PmnEnv *env, PmnArena *arena, PmnBytes text,
				   const char *name, PmnSnapshot **out)
{
	PmnJson *json = NULL;
	PmnCode code;

	*out = NULL;
	code = pmn_json_parse(env, text, name, &json);
	if (code == PMN_OK)
		code = parse_root(json, env, arena, name, out);
	pmn_json_free(json);
	return code;
}

/* ---- print ------------------------------------------------------------ */

static void
print_properties(PmnJsonWriter *writer, const PmnSnapshot *snapshot)
{
	if (snapshot->property_count == 0)
		return;
	pmn_json_begin_object(writer, "properties");
	for (uint32_t i = 0; i < snapshot->property_count; i++)
		pmn_json_put_string(writer, snapshot->properties[i].key,
							snapshot->properties[i].value);
	pmn_json_end(writer);
}

static void
print_field(PmnJsonWriter *writer, const SnapshotField *field,
			const PmnSnapshot *snapshot)
{
	const char *member = (const char *) snapshot + field->offset;
	const char *text;

	switch (field->kind)
	{
		case FIELD_INT32:
			pmn_json_put_int64(writer, field->name, *(const int32_t *) member);
			break;
		case FIELD_INT64:
		case FIELD_COUNT:
			pmn_json_put_int64(writer, field->name, *(const int64_t *) member);
			break;
		case FIELD_SIZE:
			if (*(const int64_t *) member >= 0)
				pmn_json_put_int64(writer, field->name,
								   *(const int64_t *) member);
			break;
		case FIELD_FLAGGED:
			if (*(const bool *) ((const char *) snapshot + field->flag_offset))
				pmn_json_put_int64(writer, field->name,
								   *(const int64_t *) member);
			break;
		case FIELD_TEXT:
		case FIELD_OPTIONAL_TEXT:
			text = *(const char *const *) member;
			PMN_ASSERT(text != NULL || field->kind != FIELD_TEXT);
			if (text != NULL)
				pmn_json_put_string(writer, field->name, text);
			break;
		case FIELD_PROPERTIES:
			print_properties(writer, snapshot);
			break;
	}
}

PmnCode
pmn_snapshot_print(const PmnSnapshot *snapshot, PmnBuffer *dst)
{
	PmnJsonWriter writer;

	pmn_json_writer_init(&writer, dst, 2);
	pmn_json_begin_object(&writer, NULL);
	for (size_t i = 0; i < SNAPSHOT_FIELD_COUNT; i++)
		print_field(&writer, &snapshot_fields[i], snapshot);
	pmn_json_end(&writer);
	return pmn_json_writer_finish(&writer);
}

/* ---- files ------------------------------------------------------------ */

/* Whether the text stops before its first value is complete. */
static bool
is_cut_short(const PmnBuffer *text)
{
	uint32_t depth = 0;
	bool in_string = false;
	bool seen = false;

	for (size_t i = 0; i < text->size; i++)
	{
		uint8_t byte = text->data[i];

		if (in_string)
		{
			if (byte == '\\')
				i++;
			else if (byte == '"')
				in_string = false;
			continue;
		}
		if (byte == '"')
			in_string = true;
		else if (byte == '{' || byte == '[')
			depth++;
		else if ((byte == '}' || byte == ']') && depth > 0)
			depth--;
		seen = seen || byte == '{';
	}
	return text->size == 0 || (seen && (depth > 0 || in_string));
}

static PmnCode
wait_before_retry(PmnEnv *env, int64_t millis)
{
	for (int64_t left = millis; left > 0; left -= 100)
	{
		struct timespec slice = {0, (left < 100 ? left : 100) * 1000000};

		PMN_TRY(pmn_poll(env));
		(void) nanosleep(&slice, NULL);
	}
	return pmn_poll(env);
}

/* How long to wait for the rest of a file that is cut short; 0: there will be
 * none. A file system that knows when it was written shows names of whole
 * files only, unless another writer does not care, or a cache is behind. */
static PmnCode
rest_wait(PmnFileSystem *fs, const char *path, int64_t *millis)
{
	PmnFileReader *reader = NULL;
	int64_t age;

	PMN_TRY(pmn_fs_open_read(fs, path, &reader));
	age = fs->env->now_millis(fs->env) - reader->modified_millis;
	if (reader->modified_millis == 0)
		*millis = RETRY_WAIT_MS;
	else if (reader->size_bytes == 0 || (age > -RECENT_MS && age < RECENT_MS))
		*millis = RECENT_RETRY_WAIT_MS;
	else
		*millis = 0;
	pmn_file_reader_close(reader);
	return PMN_OK;
}

static PmnCode
read_snapshot_file(PmnFileSystem *fs, PmnArena *arena, const char *path,
				   PmnSnapshot **out)
{
	PmnBuffer text;
	PmnError error;
	int64_t wait = 0;
	PmnCode code = PMN_OK;

	pmn_buffer_init(&text, fs->env);
	for (int attempt = 0; attempt <= RETRIES_MAX; attempt++)
	{
		pmn_buffer_reset(&text);
		code = pmn_fs_read_file(fs, path, SNAPSHOT_SIZE_MAX, &text);
		if (code != PMN_OK)
			break;
		code = pmn_snapshot_parse(fs->env, arena,
								  pmn_bytes(text.data, text.size), path, out);
		if (code != PMN_CORRUPT || !is_cut_short(&text) ||
			attempt == RETRIES_MAX)
			break;
		error = fs->env->error;
		code = rest_wait(fs, path, &wait);
		if (code == PMN_OK && wait == 0)
		{
			fs->env->error = error;
			code = PMN_CORRUPT;
			break;
		}
		if (code == PMN_OK)
			code = wait_before_retry(fs->env, wait);
		if (code != PMN_OK)
			break;
	}
	pmn_buffer_free(&text);
	return code;
}

/* The file's id must be the one that its name has. */
static PmnCode
read_numbered_file(PmnFileSystem *fs, PmnArena *arena, const char *file,
				   int64_t id, PmnSnapshot **out)
{
	*out = NULL;
	if (file == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(read_snapshot_file(fs, arena, file, out));
	if ((*out)->info.id != id)
	{
		int64_t found = (*out)->info.id;

		*out = NULL;
		return pmn_fail(fs->env, PMN_CORRUPT,
						"file \"%s\" holds snapshot %" PRId64, file, found);
	}
	return PMN_OK;
}

PmnCode
pmn_snapshot_read(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
				  int64_t id, PmnSnapshot **out)
{
	return read_numbered_file(fs, arena, pmn_path_snapshot(arena, path, id), id,
							  out);
}

PmnCode
pmn_changelog_read(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
				   int64_t id, PmnSnapshot **out)
{
	char *directory = pmn_path_branch_directory(arena, path, "changelog");
	char *file =
		directory == NULL
			? NULL
			: pmn_arena_format(arena, "%s/changelog-%" PRId64, directory, id);

	return read_numbered_file(fs, arena, file, id, out);
}

PmnCode
pmn_changelog_earliest_id(PmnFileSystem *fs, PmnArena *arena,
						  const PmnTablePath *path, int64_t *id)
{
	char *directory = pmn_path_branch_directory(arena, path, "changelog");
	PmnFileList list = {NULL, 0, 0};
	PmnCode code;

	*id = 0;
	if (directory == NULL)
		return PMN_NO_MEMORY;
	code = pmn_fs_list(fs, directory, arena, &list);
	if (code == PMN_NOT_FOUND)
		return PMN_OK;
	PMN_TRY(code);
	for (size_t i = 0; i < list.count; i++)
	{
		int64_t found = pmn_path_parse_id(list.items[i].name, "changelog-");

		if (found > 0 && (*id == 0 || found < *id))
			*id = found;
	}
	return PMN_OK;
}

PmnCode
pmn_tag_read(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
			 const char *tag, PmnSnapshot **out)
{
	char *file;

	*out = NULL;
	PMN_TRY(pmn_path_check_name(fs->env, "tag", tag));
	file = pmn_path_tag(arena, path, tag);
	if (file == NULL)
		return PMN_NO_MEMORY;
	return read_snapshot_file(fs, arena, file, out);
}

/* A hint's number, or 0 when it is missing or isn't one. */
static PmnCode
read_hint(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
		  const char *hint, int64_t *id)
{
	char *directory = pmn_path_branch_directory(arena, path, "snapshot");
	char *file =
		directory == NULL ? NULL : pmn_path_join(arena, directory, hint, NULL);
	char digits[HINT_SIZE_MAX + 1];
	PmnBuffer text;
	PmnCode code;

	*id = 0;
	if (file == NULL)
		return PMN_NO_MEMORY;
	pmn_buffer_init(&text, fs->env);
	code = pmn_fs_read_file(fs, file, HINT_SIZE_MAX, &text);
	if (code == PMN_OK &&
		memchr(text.data ? text.data : (uint8_t *) "", 0, text.size) == NULL)
	{
		memcpy(digits, text.size == 0 ? (const void *) "" : text.data,
			   text.size);
		digits[text.size] = '\0';
		digits[strcspn(digits, " \r\n")] = '\0';
		*id = pmn_path_parse_id(digits, "");
		if (*id < 0)
			*id = 0;
	}
	pmn_buffer_free(&text);
	/* A hint that can't be read is no hint; the listing decides. */
	return code == PMN_NO_MEMORY || code == PMN_CANCELLED ? code : PMN_OK;
}

static PmnCode
snapshot_exists(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
				int64_t id, bool *exists)
{
	char *file = pmn_path_snapshot(arena, path, id);

	if (file == NULL)
		return PMN_NO_MEMORY;
	return pmn_fs_exists(fs, file, exists);
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t left = *(const int64_t *) a;
	int64_t right = *(const int64_t *) b;

	return left < right ? -1 : left > right ? 1 : 0;
}

static PmnCode
collect_ids(PmnArena *arena, const PmnFileList *list, int64_t **ids,
			uint32_t *count)
{
	*ids = pmn_arena_alloc(arena, (list->count + 1) * sizeof(**ids));
	if (*ids == NULL)
		return PMN_NO_MEMORY;
	for (size_t i = 0; i < list->count; i++)
	{
		int64_t id = pmn_path_parse_id(list->items[i].name, "snapshot-");

		if (id >= 1 && !list->items[i].is_directory)
			(*ids)[(*count)++] = id;
	}
	qsort(*ids, *count, sizeof(**ids), compare_ids);
	return PMN_OK;
}

PmnCode
pmn_snapshot_list(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
				  int64_t **ids, uint32_t *count)
{
	char *directory = pmn_path_branch_directory(arena, path, "snapshot");
	PmnFileList list = {NULL, 0, 0};
	PmnCode code;

	*ids = NULL;
	*count = 0;
	if (directory == NULL)
		return PMN_NO_MEMORY;
	code = pmn_fs_list(fs, directory, arena, &list);
	if (code == PMN_NOT_FOUND)
		return PMN_OK; /* nothing was committed yet */
	PMN_TRY(code);
	return collect_ids(arena, &list, ids, count);
}

PmnCode
pmn_snapshot_latest_id(PmnFileSystem *fs, PmnArena *arena,
					   const PmnTablePath *path, int64_t *id)
{
	bool exists = false;
	bool next_exists = false;
	int64_t hint;
	int64_t *ids;
	uint32_t count;

	*id = 0;
	PMN_TRY(read_hint(fs, arena, path, "LATEST", &hint));
	if (hint > 0 && hint < INT64_MAX)
	{
		PMN_TRY(snapshot_exists(fs, arena, path, hint + 1, &next_exists));
		if (!next_exists)
			PMN_TRY(snapshot_exists(fs, arena, path, hint, &exists));
	}
	if (exists)
	{
		*id = hint;
		return PMN_OK;
	}
	PMN_TRY(pmn_snapshot_list(fs, arena, path, &ids, &count));
	if (count > 0)
		*id = ids[count - 1];
	return PMN_OK;
}

PmnCode
pmn_snapshot_earliest_id(PmnFileSystem *fs, PmnArena *arena,
						 const PmnTablePath *path, int64_t *id)
{
	bool exists = false;
	int64_t hint;
	int64_t *ids;
	uint32_t count;

	*id = 0;
	PMN_TRY(read_hint(fs, arena, path, "EARLIEST", &hint));
	if (hint > 0)
		PMN_TRY(snapshot_exists(fs, arena, path, hint, &exists));
	if (exists)
	{
		*id = hint;
		return PMN_OK;
	}
	PMN_TRY(pmn_snapshot_list(fs, arena, path, &ids, &count));
	if (count > 0)
		*id = ids[0];
	return PMN_OK;
}

PmnCode
pmn_snapshot_write(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
				   const PmnSnapshot *snapshot)
{
	char *file = pmn_path_snapshot(arena, path, snapshot->info.id);
	PmnBuffer text;
	PmnCode code;

	PMN_ASSERT(snapshot->info.id >= 1);
	if (file == NULL)
		return PMN_NO_MEMORY;
	pmn_buffer_init(&text, fs->env);
	code = pmn_snapshot_print(snapshot, &text);
	if (code == PMN_OK)
		code =
			pmn_fs_put(fs, file, PMN_PUT_NEW, pmn_bytes(text.data, text.size));
	pmn_buffer_free(&text);
	return code;
}

void
pmn_snapshot_hint_latest(PmnFileSystem *fs, PmnArena *arena,
						 const PmnTablePath *path, int64_t id)
{
	char *directory = pmn_path_branch_directory(arena, path, "snapshot");
	char *file = directory == NULL
					 ? NULL
					 : pmn_path_join(arena, directory, "LATEST", NULL);
	char *text = pmn_arena_format(arena, "%" PRId64, id);
	PmnCode code;

	if (file == NULL || text == NULL)
		return;
	code = pmn_fs_put(fs, file, PMN_PUT_HINT, pmn_bytes_string(text));
	(void) code; /* readers probe and list; the hint is only a shortcut */
}
