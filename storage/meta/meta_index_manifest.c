/*
 * meta_index_manifest.c
 *
 * An index manifest lists all index files of a snapshot; there is no base and
 * delta here, and every entry is an ADD. Fields are found by name, and those
 * that we have no use for are skipped, as are entries of
 * other index types when only one type is asked for: new ones appear in
 * every release.
 *
 *   _VERSION int (1) | _KIND int | _PARTITION bytes | _BUCKET int |
 *   _INDEX_TYPE string | _FILE_NAME string | _FILE_SIZE long |
 *   _ROW_COUNT long | _DELETIONS_VECTORS_RANGES array of (f0 data file, f1
 *   offset, f2 length, _CARDINALITY) | _EXTERNAL_PATH string |
 *   _GLOBAL_INDEX (_ROW_RANGE_START long, _ROW_RANGE_END long,
 *   _INDEX_FIELD_ID int, _EXTRA_FIELD_IDS array of int)
 *
 * Older writers leave out the tail. The misspelt name is Paimon's.
 */
#include "meta_index_manifest.h"

#include "meta_manifest_internal.h"

#define INDEX_MANIFEST_VERSION 1

#define AT(member) offsetof(PmnIndexEntry, member)
#define GLOBAL_AT(member) offsetof(PmnGlobalIndex, member)
#define RANGE_AT(member) offsetof(PmnDeletionRange, member)
#define COUNT_OF(array) ((uint32_t) (sizeof(array) / sizeof(*(array))))

#define FIELD(name, kind, offset, present)                                     \
	{                                                                          \
		name, kind, offset, present, NULL, PMN_AVRO_INT, false, NULL           \
	}

static const PmnAvroField range_fields[] = {
	FIELD("f0", PMN_AVRO_STRING, RANGE_AT(data_file), PMN_AVRO_REQUIRED),
	FIELD("f1", PMN_AVRO_INT, RANGE_AT(offset), PMN_AVRO_REQUIRED),
	FIELD("f2", PMN_AVRO_INT, RANGE_AT(length), PMN_AVRO_REQUIRED),
	FIELD("_CARDINALITY", PMN_AVRO_LONG, RANGE_AT(cardinality),
		  RANGE_AT(has_cardinality))};

static const PmnAvroRecord range_record = {range_fields, COUNT_OF(range_fields),
										   sizeof(PmnDeletionRange)};

static const PmnAvroField global_fields[] = {
	FIELD("_ROW_RANGE_START", PMN_AVRO_LONG, GLOBAL_AT(row_range_start),
		  PMN_AVRO_REQUIRED),
	FIELD("_ROW_RANGE_END", PMN_AVRO_LONG, GLOBAL_AT(row_range_end),
		  PMN_AVRO_REQUIRED),
	FIELD("_INDEX_FIELD_ID", PMN_AVRO_INT, GLOBAL_AT(field_id),
		  PMN_AVRO_REQUIRED),
	{"_EXTRA_FIELD_IDS", PMN_AVRO_ARRAY, GLOBAL_AT(extra_field_ids),
	 GLOBAL_AT(has_extra_field_ids), NULL, PMN_AVRO_INT, false, NULL}};

static const PmnAvroRecord global_record = {
	global_fields, COUNT_OF(global_fields), sizeof(PmnGlobalIndex)};

static const PmnAvroField index_fields[] = {
	FIELD("_VERSION", PMN_AVRO_INT, AT(version), PMN_AVRO_REQUIRED),
	FIELD("_KIND", PMN_AVRO_INT, AT(kind), PMN_AVRO_REQUIRED),
	FIELD("_PARTITION", PMN_AVRO_BYTES, AT(partition), PMN_AVRO_REQUIRED),
	FIELD("_BUCKET", PMN_AVRO_INT, AT(bucket), PMN_AVRO_REQUIRED),
	FIELD("_INDEX_TYPE", PMN_AVRO_STRING, AT(index_type), PMN_AVRO_REQUIRED),
	FIELD("_FILE_NAME", PMN_AVRO_STRING, AT(file_name), PMN_AVRO_REQUIRED),
	FIELD("_FILE_SIZE", PMN_AVRO_LONG, AT(file_size), PMN_AVRO_REQUIRED),
	FIELD("_ROW_COUNT", PMN_AVRO_LONG, AT(row_count), PMN_AVRO_REQUIRED),
	{"_DELETIONS_VECTORS_RANGES", PMN_AVRO_ARRAY, AT(ranges), AT(has_ranges),
	 &range_record, PMN_AVRO_RECORD, true, NULL},
	FIELD("_EXTERNAL_PATH", PMN_AVRO_STRING, AT(external_path),
		  AT(has_external_path)),
	{"_GLOBAL_INDEX", PMN_AVRO_RECORD, AT(global), AT(has_global),
	 &global_record, PMN_AVRO_INT, false, NULL}};

static const PmnAvroRecord index_record = {index_fields, COUNT_OF(index_fields),
										   sizeof(PmnIndexEntry)};

/* What is wrong with an entry, or NULL. */
static const char *
entry_fault(const PmnIndexEntry *entry)
{
	const PmnDeletionRange *ranges = entry->ranges.items;

	if (entry->version != INDEX_MANIFEST_VERSION)
		return "version";
	if (entry->kind != PMN_ENTRY_ADD)
		return "kind";
	if (pmn_row_arity(entry->partition) < 0)
		return "partition";
	if (entry->bucket < -2)
		return "bucket";
	if (!pmn_path_name_is_valid(entry->file_name))
		return "file name";
	if (entry->file_size < 0 || entry->row_count < 0)
		return "size";
	for (uint32_t i = 0; i < entry->ranges.count; i++)
	{
		if (!pmn_path_name_is_valid(ranges[i].data_file))
			return "data file name";
		if (ranges[i].offset < 0 || ranges[i].length < 0 ||
			ranges[i].offset > entry->file_size ||
			ranges[i].length > entry->file_size - ranges[i].offset)
			return "range";
		if (ranges[i].has_cardinality && ranges[i].cardinality < 0)
			return "cardinality";
	}
	return NULL;
}

static PmnCode
read_entries(PmnEnv *env, PmnArena *arena, PmnAvroReader *reader,
			 const char *name, const char *type, PmnIndexEntryList *out)
{
	bool found = true;

	for (;;)
	{
		PmnIndexEntry *entry;
		const char *fault;

		PMN_TRY(pmn_poll(env));
		PMN_TRY(pmn_array_reserve(env, out, 1));
		entry = &out->items[out->count];
		PMN_TRY(pmn_avro_next(reader, arena, entry, &found));
		if (!found)
			return PMN_OK;
		if (type != NULL &&
			!pmn_bytes_equal(entry->index_type, pmn_bytes_string(type)))
			continue;
		fault = entry_fault(entry);
		if (fault != NULL)
			return pmn_fail(env, PMN_CORRUPT,
							"index manifest \"%s\" has an entry with an "
							"impossible %s",
							name, fault);
		out->count++;
	}
}

PmnCode
pmn_index_manifest_read(PmnFileSystem *fs, PmnArena *arena,
						const PmnTablePath *path, const char *name,
						const char *type, PmnIndexEntryList *out)
{
	size_t count_before = out->count;
	PmnAvroReader *reader = NULL;
	PmnBuffer text;
	PmnCode code;

	pmn_buffer_init(&text, fs->env);
	code = pmn_manifest_load(fs, arena, path, pmn_bytes_string(name), -1,
							 &index_record, &text);
	if (code == PMN_OK)
		code = pmn_avro_open(fs->env, pmn_bytes(text.data, text.size), name,
							 &index_record, &reader);
	if (code == PMN_OK)
		code = read_entries(fs->env, arena, reader, name, type, out);
	if (code != PMN_OK)
		out->count = count_before;
	pmn_avro_close(reader);
	pmn_buffer_free(&text);
	return code;
}

static PmnCode
append_entry(PmnEnv *env, PmnAvroWriter *writer, const PmnIndexEntry *entry)
{
	PMN_ASSERT(entry_fault(entry) == NULL);
	if (entry->has_ranges)
		return pmn_fail(env, PMN_UNSUPPORTED,
						"index file \"%.*s\" has deletion vectors, which "
						"cannot be written",
						(int) entry->file_name.size,
						(const char *) entry->file_name.data);
	return pmn_avro_append(writer, entry);
}

PmnCode
pmn_index_manifest_write(PmnFileSystem *fs, PmnArena *arena,
						 const PmnTablePath *path,
						 const PmnManifestWriteOptions *options,
						 const PmnIndexEntry *items, size_t count,
						 const char *uuid, uint32_t *counter, const char **name)
{
	PmnAvroWriter *writer = NULL;
	int64_t size;
	PmnCode code;

	*name = pmn_arena_format(arena, "index-manifest-%s-%" PRIu32, uuid,
							 (*counter)++);
	if (*name == NULL)
		return PMN_NO_MEMORY;
	code = pmn_avro_create(fs->env, &index_record, options->codec,
						   options->zstd_level, &writer);
	for (size_t i = 0; i < count && code == PMN_OK; i++)
		code = append_entry(fs->env, writer, &items[i]);
	if (code == PMN_OK)
		code = pmn_manifest_store(fs, arena, path, *name, writer, &size);
	pmn_avro_destroy(writer);
	if (code != PMN_OK)
		*name = NULL;
	return code;
}
