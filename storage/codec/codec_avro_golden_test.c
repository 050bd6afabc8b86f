/*
 * codec_avro_golden_test.c
 *
 * Goal: every manifest that Apache Paimon wrote is read, and our schema text
 * for manifests is byte for byte the one in its files. The tables are found
 * by the environment variable PMN_FIXTURES; without it the test says that it
 * was skipped.
 */
#include "../testing/testing.h"

#include <dirent.h>
#include <stddef.h>
#include <string.h>

#include "codec_avro.h"

typedef struct Stats
{
	PmnBytes min_values;
	PmnBytes max_values;
	PmnAvroArray null_counts;
	bool has_null_counts;
} Stats;

typedef struct File
{
	PmnBytes file_name, min_key, max_key, embedded_index, external_path;
	int64_t file_size, row_count, min_sequence, max_sequence, schema_id;
	int64_t creation_time, delete_row_count, first_row_id;
	Stats key_stats, value_stats;
	PmnAvroArray extra_files, value_stats_cols, write_cols;
	int32_t level, file_source;
	bool has_creation_time, has_delete_row_count, has_embedded_index;
	bool has_file_source, has_value_stats_cols, has_external_path;
	bool has_first_row_id, has_write_cols;
} File;

typedef struct Entry
{
	int32_t version, kind, bucket, total_buckets;
	PmnBytes partition;
	File file;
} Entry;

#define R PMN_AVRO_REQUIRED
#define SCALAR(type, name, kind, member, present, logical)                     \
	{                                                                          \
		name, kind, offsetof(type, member), present, NULL, 0, false, logical   \
	}

static const PmnAvroField stats_fields[] = {
	SCALAR(Stats, "_MIN_VALUES", PMN_AVRO_BYTES, min_values, R, NULL),
	SCALAR(Stats, "_MAX_VALUES", PMN_AVRO_BYTES, max_values, R, NULL),
	{"_NULL_COUNTS", PMN_AVRO_ARRAY, offsetof(Stats, null_counts),
	 offsetof(Stats, has_null_counts), NULL, PMN_AVRO_LONG, true, NULL},
};
static const PmnAvroRecord stats_record = {stats_fields, 3, sizeof(Stats)};

#define P(member) offsetof(File, member)

/* Fields as of the release that made the tables; newer ones are appended. */
static const PmnAvroField file_fields[] = {
	SCALAR(File, "_FILE_NAME", PMN_AVRO_STRING, file_name, R, NULL),
	SCALAR(File, "_FILE_SIZE", PMN_AVRO_LONG, file_size, R, NULL),
	SCALAR(File, "_ROW_COUNT", PMN_AVRO_LONG, row_count, R, NULL),
	SCALAR(File, "_MIN_KEY", PMN_AVRO_BYTES, min_key, R, NULL),
	SCALAR(File, "_MAX_KEY", PMN_AVRO_BYTES, max_key, R, NULL),
	{"_KEY_STATS", PMN_AVRO_RECORD, P(key_stats), R, &stats_record, 0, false,
	 NULL},
	{"_VALUE_STATS", PMN_AVRO_RECORD, P(value_stats), R, &stats_record, 0,
	 false, NULL},
	SCALAR(File, "_MIN_SEQUENCE_NUMBER", PMN_AVRO_LONG, min_sequence, R, NULL),
	SCALAR(File, "_MAX_SEQUENCE_NUMBER", PMN_AVRO_LONG, max_sequence, R, NULL),
	SCALAR(File, "_SCHEMA_ID", PMN_AVRO_LONG, schema_id, R, NULL),
	SCALAR(File, "_LEVEL", PMN_AVRO_INT, level, R, NULL),
	{"_EXTRA_FILES", PMN_AVRO_ARRAY, P(extra_files), R, NULL, PMN_AVRO_STRING,
	 false, NULL},
	SCALAR(File, "_CREATION_TIME", PMN_AVRO_LONG, creation_time,
		   P(has_creation_time), "timestamp-millis"),
	SCALAR(File, "_DELETE_ROW_COUNT", PMN_AVRO_LONG, delete_row_count,
		   P(has_delete_row_count), NULL),
	SCALAR(File, "_EMBEDDED_FILE_INDEX", PMN_AVRO_BYTES, embedded_index,
		   P(has_embedded_index), NULL),
	SCALAR(File, "_FILE_SOURCE", PMN_AVRO_INT, file_source, P(has_file_source),
		   NULL),
	{"_VALUE_STATS_COLS", PMN_AVRO_ARRAY, P(value_stats_cols),
	 P(has_value_stats_cols), NULL, PMN_AVRO_STRING, false, NULL},
	SCALAR(File, "_EXTERNAL_PATH", PMN_AVRO_STRING, external_path,
		   P(has_external_path), NULL),
	SCALAR(File, "_FIRST_ROW_ID", PMN_AVRO_LONG, first_row_id,
		   P(has_first_row_id), NULL),
	{"_WRITE_COLS", PMN_AVRO_ARRAY, P(write_cols), P(has_write_cols), NULL,
	 PMN_AVRO_STRING, false, NULL},
};
static const PmnAvroRecord file_record = {
	file_fields, sizeof(file_fields) / sizeof(file_fields[0]), sizeof(File)};

static const PmnAvroField entry_fields[] = {
	SCALAR(Entry, "_VERSION", PMN_AVRO_INT, version, R, NULL),
	SCALAR(Entry, "_KIND", PMN_AVRO_INT, kind, R, NULL),
	SCALAR(Entry, "_PARTITION", PMN_AVRO_BYTES, partition, R, NULL),
	SCALAR(Entry, "_BUCKET", PMN_AVRO_INT, bucket, R, NULL),
	SCALAR(Entry, "_TOTAL_BUCKETS", PMN_AVRO_INT, total_buckets, R, NULL),
	{"_FILE", PMN_AVRO_RECORD, offsetof(Entry, file), R, &file_record, 0, false,
	 NULL},
};
static const PmnAvroRecord entry_record = {entry_fields, 6, sizeof(Entry)};

static PmnTestEnv env;
static int files_read;
static int files_refused;
static int schemas_equal;

/* Write the rows again and compare the headers' schema texts. */
static void
check_entries(PmnBytes file, const char *path, bool damaged)
{
	PmnAvroReader *reader = NULL;
	PmnAvroWriter *writer = NULL;
	PmnArena *arena = NULL;
	PmnBytes copy;
	Entry entry;
	bool found = true;
	PmnCode code = pmn_avro_open(&env.base, file, path, &entry_record, &reader);

	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, pmn_avro_create(&env.base, &entry_record, PMN_CODEC_ZSTD, 1,
								   &writer));
	while (code == PMN_OK && found)
	{
		code = pmn_avro_next(reader, arena, &entry, &found);
		if (code != PMN_OK || !found)
			break;
		CHECK(entry.version == 2 && (entry.kind == 0 || entry.kind == 1));
		CHECK(entry.file.file_name.size > 0 && entry.file.file_size > 0);
		CHECK_OK(&env, pmn_avro_append(writer, &entry));
	}
	if (code != PMN_OK)
	{
		files_refused++;
		if (!damaged && code != PMN_UNSUPPORTED)
			fprintf(stderr, "%s\n", env.base.error.message);
		CHECK(damaged || code == PMN_UNSUPPORTED);
	}
	else
	{
		size_t size;

		files_read++;
		CHECK_OK(&env, pmn_avro_finish(writer, &copy));
		/* Magic, metadata, schema: up to the codec's name. */
		size = (size_t) ((const uint8_t *) memmem(copy.data, copy.size,
												  "avro.codec", 10) -
						 copy.data);
		if (file.size > size && memcmp(file.data, copy.data, size) == 0)
			schemas_equal++;
	}
	pmn_avro_destroy(writer);
	pmn_avro_close(reader);
	pmn_arena_destroy(arena);
}

static void
check_file(const char *path, bool damaged)
{
	FILE *stream = fopen(path, "rb");
	static uint8_t bytes[4 * 1024 * 1024];
	size_t size;

	if (stream == NULL)
		return;
	size = fread(bytes, 1, sizeof(bytes), stream);
	fclose(stream);
	if (size < sizeof(bytes))
		check_entries(pmn_bytes(bytes, size), path, damaged);
}

static void
check_case(const char *root, const char *name)
{
	char path[4096];
	DIR *dir;
	struct dirent *found;

	snprintf(path, sizeof(path), "%s/%s/warehouse/db.db/t/manifest", root,
			 name);
	dir = opendir(path);
	if (dir == NULL)
		return;
	while ((found = readdir(dir)) != NULL)
	{
		size_t size = strlen(path);

		if (strncmp(found->d_name, "manifest-", 9) != 0 ||
			strncmp(found->d_name, "manifest-list-", 14) == 0)
			continue;
		snprintf(path + size, sizeof(path) - size, "/%s", found->d_name);
		check_file(path, strncmp(name, "broken", 6) == 0 ||
							 strcmp(name, "stray_files") == 0);
		path[size] = '\0';
	}
	closedir(dir);
}

TEST(manifests_of_java_are_read)
{
	const char *root = getenv("PMN_FIXTURES");
	DIR *dir = root != NULL ? opendir(root) : NULL;
	struct dirent *found;

	if (dir == NULL)
	{
		printf("# skipped: PMN_FIXTURES names no directory\n");
		return;
	}
	pmn_test_env_init(&env);
	while ((found = readdir(dir)) != NULL)
		if (found->d_name[0] != '.')
			check_case(root, found->d_name);
	closedir(dir);
	printf("# %d manifests read, %d refused, %d with our schema text\n",
		   files_read, files_refused, schemas_equal);
	CHECK(files_read > 0 && schemas_equal > 0);
	CHECK(env.live_bytes == 0);
}

int
main(void)
{
	RUN(manifests_of_java_are_read);
	TEST_END();
}
