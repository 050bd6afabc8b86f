/*
 * meta_manifest.c
 *
 * Manifest files: Avro containers of entries, each "this data file was added"
 * or "deleted". The field table below is the file's schema, in Paimon's
 * order; the first six columns are positional for Paimon's reader, so their
 * order and types are fixed, while _FILE is resolved by name and its tail is
 * shorter in files of older writers.
 *
 *   _VERSION int (2) | _KIND int (0 add, 1 delete) | _PARTITION bytes |
 *   _BUCKET int | _TOTAL_BUCKETS int | _FILE record
 *
 * Reading checks every value that later code computes with, so a decoded
 * entry is safe to use: counts and sizes are not negative, the level is
 * small, names are plain file names. Writing computes the line of the
 * manifest list (counts, partition statistics, ranges) from the entries, since
 * readers skip whole manifests by it.
 */
#include "meta_manifest_internal.h"

#include "../type/type_compare.h"

#define AT(member) offsetof(PmnManifestEntry, member)
#define FILE_AT(member) offsetof(PmnDataFile, member)
#define STATS_AT(member) offsetof(PmnSimpleStats, member)

#define REQUIRED(name, kind, offset)                                           \
	{                                                                          \
		name, kind, offset, PMN_AVRO_REQUIRED, NULL, PMN_AVRO_INT, false, NULL \
	}
#define OPTIONAL(name, kind, member)                                           \
	{                                                                          \
		name, kind, FILE_AT(member), FILE_AT(has_##member), NULL,              \
			PMN_AVRO_INT, false, NULL                                          \
	}
#define OPTIONAL_ARRAY(name, item, member)                                     \
	{                                                                          \
		name, PMN_AVRO_ARRAY, FILE_AT(member), FILE_AT(has_##member), NULL,    \
			item, false, NULL                                                  \
	}
#define RECORD(name, offset, record)                                           \
	{                                                                          \
		name, PMN_AVRO_RECORD, offset, PMN_AVRO_REQUIRED, record,              \
			PMN_AVRO_INT, false, NULL                                          \
	}

static const PmnAvroField stats_fields[] = {
	REQUIRED("_MIN_VALUES", PMN_AVRO_BYTES, STATS_AT(min_values)),
	REQUIRED("_MAX_VALUES", PMN_AVRO_BYTES, STATS_AT(max_values)),
	{"_NULL_COUNTS", PMN_AVRO_ARRAY, STATS_AT(null_counts),
	 STATS_AT(has_null_counts), NULL, PMN_AVRO_LONG, true, NULL}};

#define COUNT_OF(array) ((uint32_t) (sizeof(array) / sizeof(*(array))))

const PmnAvroRecord pmn_simple_stats_record = {
	stats_fields, COUNT_OF(stats_fields), sizeof(PmnSimpleStats)};

static const PmnAvroField file_fields[] = {
	REQUIRED("_FILE_NAME", PMN_AVRO_STRING, FILE_AT(file_name)),
	REQUIRED("_FILE_SIZE", PMN_AVRO_LONG, FILE_AT(file_size)),
	REQUIRED("_ROW_COUNT", PMN_AVRO_LONG, FILE_AT(row_count)),
	REQUIRED("_MIN_KEY", PMN_AVRO_BYTES, FILE_AT(min_key)),
	REQUIRED("_MAX_KEY", PMN_AVRO_BYTES, FILE_AT(max_key)),
	RECORD("_KEY_STATS", FILE_AT(key_stats), &pmn_simple_stats_record),
	RECORD("_VALUE_STATS", FILE_AT(value_stats), &pmn_simple_stats_record),
	REQUIRED("_MIN_SEQUENCE_NUMBER", PMN_AVRO_LONG,
			 FILE_AT(min_sequence_number)),
	REQUIRED("_MAX_SEQUENCE_NUMBER", PMN_AVRO_LONG,
			 FILE_AT(max_sequence_number)),
	REQUIRED("_SCHEMA_ID", PMN_AVRO_LONG, FILE_AT(schema_id)),
	REQUIRED("_LEVEL", PMN_AVRO_INT, FILE_AT(level)),
	{"_EXTRA_FILES", PMN_AVRO_ARRAY, FILE_AT(extra_files), PMN_AVRO_REQUIRED,
	 NULL, PMN_AVRO_STRING, false, NULL},
	{"_CREATION_TIME", PMN_AVRO_LONG, FILE_AT(creation_time),
	 FILE_AT(has_creation_time), NULL, PMN_AVRO_INT, false, "timestamp-millis"},
	OPTIONAL("_DELETE_ROW_COUNT", PMN_AVRO_LONG, delete_row_count),
	OPTIONAL("_EMBEDDED_FILE_INDEX", PMN_AVRO_BYTES, embedded_index),
	OPTIONAL("_FILE_SOURCE", PMN_AVRO_INT, file_source),
	OPTIONAL_ARRAY("_VALUE_STATS_COLS", PMN_AVRO_STRING, value_stats_cols),
	OPTIONAL("_EXTERNAL_PATH", PMN_AVRO_STRING, external_path),
	OPTIONAL("_FIRST_ROW_ID", PMN_AVRO_LONG, first_row_id),
	OPTIONAL_ARRAY("_WRITE_COLS", PMN_AVRO_STRING, write_cols),
	OPTIONAL_ARRAY("_WRITE_COLS_SEQUENCES", PMN_AVRO_LONG,
				   write_cols_sequences)};

static const PmnAvroRecord file_record = {file_fields, COUNT_OF(file_fields),
										  sizeof(PmnDataFile)};

static const PmnAvroField entry_fields[] = {
	REQUIRED("_VERSION", PMN_AVRO_INT, AT(version)),
	REQUIRED("_KIND", PMN_AVRO_INT, AT(kind)),
	REQUIRED("_PARTITION", PMN_AVRO_BYTES, AT(partition)),
	REQUIRED("_BUCKET", PMN_AVRO_INT, AT(bucket)),
	REQUIRED("_TOTAL_BUCKETS", PMN_AVRO_INT, AT(total_buckets)),
	RECORD("_FILE", AT(file), &file_record)};

const PmnAvroRecord pmn_manifest_entry_record = {
	entry_fields, COUNT_OF(entry_fields), sizeof(PmnManifestEntry)};

/* ---- shared with manifest lists --------------------------------------- */

PmnCode
pmn_manifest_load(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
				  PmnBytes name, int64_t size, const PmnAvroRecord *record,
				  PmnBuffer *text)
{
	char *file;

	if (!pmn_path_name_is_valid(name))
		return pmn_fail(fs->env, PMN_CORRUPT,
						"table \"%s\" refers to a manifest with an "
						"impossible name",
						path->root);
	file = pmn_path_manifest(arena, path, name);
	if (file == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_fs_read_file(fs, file, PMN_MANIFEST_SIZE_MAX, text));
	if (size >= 0 && (uint64_t) size != text->size)
		return pmn_fail(fs->env, PMN_CORRUPT,
						"file \"%s\" is %zu bytes, its entry says %" PRId64,
						file, text->size, size);
	return pmn_manifest_to_avro(fs->env, record, file, text);
}

PmnCode
pmn_manifest_check_version(PmnEnv *env, PmnBytes manifest, int32_t version)
{
	if (version == PMN_MANIFEST_VERSION)
		return PMN_OK;
	return pmn_fail(env, version == 1 ? PMN_UNSUPPORTED : PMN_CORRUPT,
					"manifest \"%.*s\" has an entry of version %" PRId32
					", not %d",
					(int) manifest.size, (const char *) manifest.data, version,
					PMN_MANIFEST_VERSION);
}

PmnCode
pmn_manifest_store(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
				   const char *name, PmnAvroWriter *writer, int64_t *size)
{
	char *file = pmn_path_manifest(arena, path, pmn_bytes_string(name));
	PmnBytes bytes;

	if (file == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_avro_finish(writer, &bytes));
	/* The commit makes the names last, all at once. */
	PMN_TRY(pmn_fs_put(fs, file, PMN_PUT_NEW_UNSYNCED, bytes));
	*size = bytes.size;
	return PMN_OK;
}

/* ---- read ------------------------------------------------------------- */

/* What is wrong with an entry, or NULL. */
static const char *
entry_fault(const PmnManifestEntry *entry)
{
	const PmnDataFile *file = &entry->file;

	if (entry->kind != PMN_ENTRY_ADD && entry->kind != PMN_ENTRY_DELETE)
		return "kind";
	if (pmn_row_arity(entry->partition) < 0)
		return "partition";
	if (entry->bucket < -2)
		return "bucket";
	if (entry->total_buckets < -2)
		return "number of buckets";
	if (!pmn_path_name_is_valid(file->file_name))
		return "file name";
	if (file->file_size < 0)
		return "file size";
	if (file->row_count < 0)
		return "row count";
	if (file->has_delete_row_count &&
		(file->delete_row_count < 0 ||
		 file->delete_row_count > file->row_count))
		return "number of deleted rows";
	if (file->level < 0 || file->level > PMN_LEVEL_MAX)
		return "level";
	if (file->schema_id < 0)
		return "schema";
	if (file->has_first_row_id &&
		(file->first_row_id < 0 ||
		 file->first_row_id > INT64_MAX - file->row_count))
		return "first row id";
	return NULL;
}

PmnCode
pmn_manifest_check_entry(PmnEnv *env, PmnBytes manifest,
						 const PmnManifestEntry *entry)
{
	const char *fault;

	PMN_TRY(pmn_manifest_check_version(env, manifest, entry->version));
	fault = entry_fault(entry);
	if (fault == NULL)
		return PMN_OK;
	return pmn_fail(env, PMN_CORRUPT,
					"manifest \"%.*s\" has an entry with an impossible %s",
					(int) manifest.size, (const char *) manifest.data, fault);
}

/* What one pass over a manifest needs. */
typedef struct EntryPass
{
	PmnEnv *env;
	PmnArena *arena;
	PmnArena *scratch; /* of one entry, when there is a filter */
	PmnAvroReader *reader;
	const PmnManifestMeta *meta;
	PmnEntryFilter keep;
	void *context;
	PmnEntryList *out;
	int64_t added;
	int64_t deleted;
} EntryPass;

static PmnCode
append_entry(EntryPass *pass, const PmnManifestEntry *entry)
{
	PmnEntryList *out = pass->out;

	PMN_TRY(pmn_array_reserve(pass->env, out, 1));
	if (pass->keep != NULL)
		PMN_TRY(pmn_manifest_entry_copy(pass->arena, entry,
										&out->items[out->count]));
	else
		out->items[out->count] = *entry;
	out->count++;
	return PMN_OK;
}

static PmnCode
read_entries(EntryPass *pass)
{
	PmnArena *arena = pass->keep == NULL ? pass->arena : pass->scratch;
	PmnManifestEntry entry;
	bool found;

	for (uint32_t i = 0;; i++)
	{
		if (i % 1024 == 0)
			PMN_TRY(pmn_poll(pass->env));
		PMN_TRY(pmn_avro_next(pass->reader, arena, &entry, &found));
		if (!found)
			return PMN_OK;
		PMN_TRY(
			pmn_manifest_check_entry(pass->env, pass->meta->file_name, &entry));
		if (entry.kind == PMN_ENTRY_ADD)
			pass->added++;
		else
			pass->deleted++;
		if (pass->keep == NULL || pass->keep(pass->context, &entry))
			PMN_TRY(append_entry(pass, &entry));
		if (pass->keep != NULL)
			pmn_arena_reset(pass->scratch);
	}
}

/* A negative count in the meta is one that nobody knows. */
PmnCode
pmn_manifest_check_counts(PmnEnv *env, const PmnManifestMeta *meta,
						  int64_t added, int64_t deleted)
{
	if ((meta->added_file_count < 0 || meta->added_file_count == added) &&
		(meta->deleted_file_count < 0 || meta->deleted_file_count == deleted))
		return PMN_OK;
	return pmn_fail(env, PMN_CORRUPT,
					"manifest \"%.*s\" has %" PRId64 " added and %" PRId64
					" deleted files, its list says %" PRId64 " and %" PRId64,
					(int) meta->file_name.size,
					(const char *) meta->file_name.data, added, deleted,
					meta->added_file_count, meta->deleted_file_count);
}

PmnCode
pmn_manifest_read(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
				  const PmnManifestMeta *meta, PmnEntryFilter keep,
				  void *context, PmnEntryList *out)
{
	EntryPass pass = {fs->env, arena,	NULL, NULL, meta,
					  keep,	   context, out,  0,	0};
	size_t count_before = out->count;
	const char *name;
	PmnBuffer text;
	PmnCode code;

	pmn_buffer_init(&text, fs->env);
	code = pmn_manifest_load(fs, arena, path, meta->file_name, meta->file_size,
							 &pmn_manifest_entry_record, &text);
	if (code == PMN_OK && keep != NULL)
		code = pmn_arena_create(fs->env, 0, &pass.scratch);
	if (code == PMN_OK)
	{
		name = pmn_arena_string_n(arena, (const char *) meta->file_name.data,
								  meta->file_name.size);
		code =
			name == NULL
				? PMN_NO_MEMORY
				: pmn_avro_open(fs->env, pmn_bytes(text.data, text.size), name,
								&pmn_manifest_entry_record, &pass.reader);
	}
	if (code == PMN_OK)
		code = read_entries(&pass);
	if (code == PMN_OK)
		code =
			pmn_manifest_check_counts(fs->env, meta, pass.added, pass.deleted);
	if (code != PMN_OK)
		out->count = count_before;
	pmn_avro_close(pass.reader);
	pmn_arena_destroy(pass.scratch);
	pmn_buffer_free(&text);
	return code;
}

/* ---- write ------------------------------------------------------------ */

/* The line of the manifest list, growing with each entry. */
typedef struct MetaBuilder
{
	PmnEnv *env;
	const PmnManifestWriteOptions *options;
	PmnManifestMeta meta;
	PmnColumnStats *stats; /* one for each partition column */
	PmnValue *values;	   /* of the current entry */
	bool lacks_row_id;
} MetaBuilder;

static PmnCode
builder_init(MetaBuilder *builder, PmnEnv *env, PmnArena *arena,
			 const PmnManifestWriteOptions *options)
{
	uint32_t count = options->partition_count;

	memset(builder, 0, sizeof(*builder));
	builder->env = env;
	builder->options = options;
	builder->stats = pmn_arena_alloc(arena, count * sizeof(PmnColumnStats));
	builder->values = pmn_arena_alloc(arena, count * sizeof(PmnValue));
	if (builder->stats == NULL || builder->values == NULL)
		return PMN_NO_MEMORY;
	return PMN_OK;
}

static void
builder_reset(MetaBuilder *builder)
{
	memset(&builder->meta, 0, sizeof(builder->meta));
	builder->meta.version = PMN_MANIFEST_VERSION;
	builder->lacks_row_id = false;
	for (uint32_t i = 0; i < builder->options->partition_count; i++)
	{
		memset(&builder->stats[i], 0, sizeof(builder->stats[i]));
		builder->stats[i].min.is_null = true;
		builder->stats[i].max.is_null = true;
	}
}

/* The bytes of values stay in the entries, which outlive the builder. */
static PmnCode
builder_add_partition(MetaBuilder *builder, const PmnManifestEntry *entry)
{
	const PmnType *const *types = builder->options->partition_types;

	PMN_TRY(pmn_row_parse(builder->env, entry->partition, types,
						  builder->options->partition_count, builder->values));
	for (uint32_t i = 0; i < builder->options->partition_count; i++)
	{
		PmnColumnStats *stats = &builder->stats[i];
		const PmnValue *value = &builder->values[i];

		if (value->is_null)
		{
			stats->null_count++;
			continue;
		}
		if (stats->min.is_null ||
			pmn_value_compare(types[i], value, &stats->min) < 0)
			stats->min = *value;
		if (stats->max.is_null ||
			pmn_value_compare(types[i], value, &stats->max) > 0)
			stats->max = *value;
	}
	return PMN_OK;
}

static void
widen(int32_t value, bool is_first, int32_t *min, int32_t *max)
{
	if (is_first || value < *min)
		*min = value;
	if (is_first || value > *max)
		*max = value;
}

static PmnCode
builder_add(MetaBuilder *builder, const PmnManifestEntry *entry)
{
	PmnManifestMeta *meta = &builder->meta;
	const PmnDataFile *file = &entry->file;
	bool is_first = meta->added_file_count + meta->deleted_file_count == 0;
	int64_t last_row_id = file->first_row_id + file->row_count - 1;

	PMN_ASSERT(entry->version == PMN_MANIFEST_VERSION);
	PMN_ASSERT(entry_fault(entry) == NULL);
	PMN_TRY(builder_add_partition(builder, entry));
	if (entry->kind == PMN_ENTRY_ADD)
		meta->added_file_count++;
	else
		meta->deleted_file_count++;
	if (is_first || file->schema_id > meta->schema_id)
		meta->schema_id = file->schema_id;
	widen(entry->bucket, is_first, &meta->min_bucket, &meta->max_bucket);
	widen(file->level, is_first, &meta->min_level, &meta->max_level);
	builder->lacks_row_id = builder->lacks_row_id || !file->has_first_row_id;
	if (file->has_first_row_id &&
		(is_first || file->first_row_id < meta->min_row_id))
		meta->min_row_id = file->first_row_id;
	if (file->has_first_row_id && (is_first || last_row_id > meta->max_row_id))
		meta->max_row_id = last_row_id;
	return PMN_OK;
}

static PmnCode
builder_finish(MetaBuilder *builder, PmnArena *arena, const char *name,
			   int64_t size)
{
	PmnManifestMeta *meta = &builder->meta;

	meta->file_name = pmn_bytes_string(name);
	meta->file_size = size;
	meta->has_min_bucket = meta->has_max_bucket = true;
	meta->has_min_level = meta->has_max_level = true;
	meta->has_min_row_id = meta->has_max_row_id = !builder->lacks_row_id;
	return pmn_simple_stats_make(
		arena, builder->stats, builder->options->partition_types,
		builder->options->partition_count, &meta->partition_stats);
}

/* Write one file from entries; *used says how many it took. */
static PmnCode
write_one(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
		  MetaBuilder *builder, const PmnManifestEntry *entries, size_t count,
		  const char *name, size_t *used)
{
	const PmnManifestWriteOptions *options = builder->options;
	PmnAvroWriter *writer = NULL;
	int64_t size = 0;
	PmnCode code;

	*used = 0;
	builder_reset(builder);
	code = pmn_avro_create(fs->env, &pmn_manifest_entry_record, options->codec,
						   options->zstd_level, &writer);
	while (code == PMN_OK && *used < count)
	{
		code = builder_add(builder, &entries[*used]);
		if (code == PMN_OK)
			code = pmn_avro_append(writer, &entries[*used]);
		(*used)++;
		if (code == PMN_OK &&
			pmn_avro_size(writer) >= (uint64_t) options->target_size)
			break;
	}
	if (code == PMN_OK)
		code = pmn_manifest_store(fs, arena, path, name, writer, &size);
	if (code == PMN_OK)
		code = builder_finish(builder, arena, name, size);
	pmn_avro_destroy(writer);
	return code;
}

PmnCode
pmn_manifest_write(PmnFileSystem *fs, PmnArena *arena, const PmnTablePath *path,
				   const PmnManifestWriteOptions *options,
				   const PmnManifestEntry *entries, size_t count,
				   const char *uuid, uint32_t *counter, PmnManifestList *out)
{
	MetaBuilder builder;
	size_t used;

	PMN_ASSERT(options->target_size > 0);
	PMN_TRY(builder_init(&builder, fs->env, arena, options));
	for (size_t done = 0; done < count; done += used)
	{
		const char *name =
			pmn_arena_format(arena, "manifest-%s-%" PRIu32, uuid, (*counter)++);

		if (name == NULL)
			return PMN_NO_MEMORY;
		PMN_TRY(pmn_array_reserve(fs->env, out, 1));
		PMN_TRY(write_one(fs, arena, path, &builder, entries + done,
						  count - done, name, &used));
		out->items[out->count++] = builder.meta;
	}
	return PMN_OK;
}
