/*
 * meta_manifest_list.c
 *
 * Manifest lists: one Avro record for each manifest of a snapshot's base or
 * delta, with what is needed to skip it: how many files it adds and deletes,
 * statistics of its partitions, ranges of buckets and levels.
 *
 *   _VERSION int (2) | _FILE_NAME string | _FILE_SIZE long |
 *   _NUM_ADDED_FILES long | _NUM_DELETED_FILES long | _PARTITION_STATS |
 *   _SCHEMA_ID long | _MIN_BUCKET.._MAX_ROW_ID, nullable: unknown
 *
 * An empty list is a file too: an Avro container without records.
 */
#include "meta_manifest_internal.h"

#define AT(member) offsetof(PmnManifestMeta, member)

#define REQUIRED(name, kind, member)                                           \
	{                                                                          \
		name, kind, AT(member), PMN_AVRO_REQUIRED, NULL, PMN_AVRO_INT, false,  \
			NULL                                                               \
	}
#define OPTIONAL(name, kind, member)                                           \
	{                                                                          \
		name, kind, AT(member), AT(has_##member), NULL, PMN_AVRO_INT, false,   \
			NULL                                                               \
	}

static const PmnAvroField meta_fields[] = {
	REQUIRED("_VERSION", PMN_AVRO_INT, version),
	REQUIRED("_FILE_NAME", PMN_AVRO_STRING, file_name),
	REQUIRED("_FILE_SIZE", PMN_AVRO_LONG, file_size),
	REQUIRED("_NUM_ADDED_FILES", PMN_AVRO_LONG, added_file_count),
	REQUIRED("_NUM_DELETED_FILES", PMN_AVRO_LONG, deleted_file_count),
	{"_PARTITION_STATS", PMN_AVRO_RECORD, AT(partition_stats),
	 PMN_AVRO_REQUIRED, &pmn_simple_stats_record, PMN_AVRO_INT, false, NULL},
	REQUIRED("_SCHEMA_ID", PMN_AVRO_LONG, schema_id),
	OPTIONAL("_MIN_BUCKET", PMN_AVRO_INT, min_bucket),
	OPTIONAL("_MAX_BUCKET", PMN_AVRO_INT, max_bucket),
	OPTIONAL("_MIN_LEVEL", PMN_AVRO_INT, min_level),
	OPTIONAL("_MAX_LEVEL", PMN_AVRO_INT, max_level),
	OPTIONAL("_MIN_ROW_ID", PMN_AVRO_LONG, min_row_id),
	OPTIONAL("_MAX_ROW_ID", PMN_AVRO_LONG, max_row_id)};

static const PmnAvroRecord meta_record = {
	meta_fields, sizeof(meta_fields) / sizeof(*meta_fields),
	sizeof(PmnManifestMeta)};

static const char *
meta_fault(const PmnManifestMeta *meta)
{
	if (!pmn_path_name_is_valid(meta->file_name))
		return "file name";
	if (meta->file_size < 0)
		return "file size";
	if (meta->added_file_count < 0)
		return "number of added files";
	if (meta->deleted_file_count < 0)
		return "number of deleted files";
	return NULL;
}

static PmnCode
read_metas(PmnEnv *env, PmnArena *arena, const char *name,
		   PmnAvroReader *reader, PmnManifestList *out)
{
	PmnManifestMeta meta;
	const char *fault;
	bool found;

	for (;;)
	{
		PMN_TRY(pmn_avro_next(reader, arena, &meta, &found));
		if (!found)
			return PMN_OK;
		PMN_TRY(pmn_manifest_check_version(env, pmn_bytes_string(name),
										   meta.version));
		fault = meta_fault(&meta);
		if (fault != NULL)
			return pmn_fail(env, PMN_CORRUPT,
							"manifest list \"%s\" has a line with an "
							"impossible %s",
							name, fault);
		PMN_TRY(pmn_array_reserve(env, out, 1));
		out->items[out->count++] = meta;
	}
}

PmnCode
pmn_manifest_list_read(PmnFileSystem *fs, PmnArena *arena,
					   const PmnTablePath *path, const char *name, int64_t size,
					   PmnManifestList *out)
{
	size_t count_before = out->count;
	PmnAvroReader *reader = NULL;
	PmnBuffer text;
	PmnCode code;

	pmn_buffer_init(&text, fs->env);
	code = pmn_manifest_load(fs, arena, path, pmn_bytes_string(name), size,
							 &meta_record, &text);
	if (code == PMN_OK)
		code = pmn_avro_open(fs->env, pmn_bytes(text.data, text.size), name,
							 &meta_record, &reader);
	if (code == PMN_OK)
		code = read_metas(fs->env, arena, name, reader, out);
	if (code != PMN_OK)
		out->count = count_before;
	pmn_avro_close(reader);
	pmn_buffer_free(&text);
	return code;
}

PmnCode
pmn_manifest_list_write(PmnFileSystem *fs, PmnArena *arena,
						const PmnTablePath *path,
						const PmnManifestWriteOptions *options,
						const PmnManifestMeta *items, size_t count,
						const char *uuid, uint32_t *counter, const char **name,
						int64_t *size)
{
	PmnAvroWriter *writer = NULL;
	PmnCode code;

	*name = pmn_arena_format(arena, "manifest-list-%s-%" PRIu32, uuid,
							 (*counter)++);
	if (*name == NULL)
		return PMN_NO_MEMORY;
	code = pmn_avro_create(fs->env, &meta_record, options->codec,
						   options->zstd_level, &writer);
	for (size_t i = 0; i < count && code == PMN_OK; i++)
	{
		PMN_ASSERT(items[i].version == PMN_MANIFEST_VERSION);
		PMN_ASSERT(meta_fault(&items[i]) == NULL);
		code = pmn_avro_append(writer, &items[i]);
	}
	if (code == PMN_OK)
		code = pmn_manifest_store(fs, arena, path, *name, writer, size);
	pmn_avro_destroy(writer);
	if (code != PMN_OK)
		*name = NULL;
	return code;
}
