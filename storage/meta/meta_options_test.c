/*
 * Goal: option values mean what they mean to Paimon, and a table that we
 * cannot handle is refused with the option's name before anything is read.
 */
#include "meta_options.h"

#include "meta_testing.h"

static PmnTestEnv env;
static PmnArena *arena;

#define COLUMNS                                                                \
	"\"fields\":[{\"id\":0,\"name\":\"k\",\"type\":\"INT NOT NULL\"},"         \
	"{\"id\":1,\"name\":\"v\",\"type\":\"STRING\"}],\"highestFieldId\":1,"
#define KEYED                                                                  \
	"{\"version\":3,\"id\":0," COLUMNS                                         \
	"\"partitionKeys\":[],\"primaryKeys\":[\"k\"],\"options\":{"
#define APPEND                                                                 \
	"{\"version\":3,\"id\":0," COLUMNS                                         \
	"\"partitionKeys\":[],\"primaryKeys\":[],\"options\":{"
#define AGGREGATING KEYED "\"merge-engine\":\"aggregation\","
#define END "},\"timeMillis\":1}"

static void
begin(void)
{
	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
}

static void
end(void)
{
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

static PmnTableOptions
parse(const char *text)
{
	PmnTableOptions options;

	memset(&options, 0, sizeof(options));
	CHECK_OK(&env, pmn_options_parse(arena, &env.base,
									 schema_from(&env, arena, text), &options));
	return options;
}

TEST(defaults_are_paimons)
{
	PmnTableOptions options;

	begin();
	options = parse(KEYED END);
	CHECK(options.bucket == -1);
	CHECK(strcmp(options.file_format, "parquet") == 0);
	CHECK(strcmp(options.manifest_compression, "zstd") == 0);
	CHECK(options.target_file_size == INT64_C(128) << 20);
	CHECK(options.manifest_target_size == INT64_C(8) << 20);
	CHECK(options.num_levels == 6);
	CHECK(options.partition_legacy_name);
	CHECK(options.stats_mode.kind == PMN_STATS_TRUNCATE);
	CHECK(options.stats_mode.length == 16);
	CHECK(options.small_file_ratio > 0.69 && options.small_file_ratio < 0.71);
	CHECK(options.commit_max_retry_wait_ms == 10000);
	CHECK(options.bucket_key_count == 1);
	CHECK(options.stats_keep_first_n == -1);
	options = parse(APPEND END);
	CHECK(options.target_file_size == INT64_C(256) << 20);
	CHECK(options.bucket_key_count == 0);
	end();
}

TEST(old_schemas_have_old_defaults)
{
	PmnTableOptions options;

	begin();
	options = parse("{\"id\":0," COLUMNS "\"partitionKeys\":[],\"primaryKeys\":"
					"[],\"options\":{}}");
	CHECK(options.bucket == 1);
	CHECK(strcmp(options.file_format, "orc") == 0);
	options = parse("{\"version\":2,\"id\":0," COLUMNS
					"\"partitionKeys\":[],\"primaryKeys\":[],\"options\":{}}");
	CHECK(options.bucket == -1);
	CHECK(strcmp(options.file_format, "orc") == 0);
	options = parse("{\"version\":2,\"id\":0," COLUMNS
					"\"partitionKeys\":[],\"primaryKeys\":[],\"options\":"
					"{\"file.format\":\"AVRO\"}}");
	CHECK(strcmp(options.file_format, "avro") == 0);
	end();
}

static int64_t
size_of(const char *size)
{
	char *text =
		pmn_arena_format(arena, KEYED "\"target-file-size\":\"%s\"" END, size);

	return parse(text).target_file_size;
}

static int64_t
wait_of(const char *wait)
{
	char *text = pmn_arena_format(
		arena, KEYED "\"commit.min-retry-wait\":\"%s\"" END, wait);

	return parse(text).commit_min_retry_wait_ms;
}

TEST(sizes_and_durations_have_units)
{
	begin();
	CHECK(size_of("8 mb") == 8 << 20);
	CHECK(size_of("16kb") == 16 << 10);
	CHECK(size_of(" 123 ") == 123);
	CHECK(size_of("2 G") == INT64_C(2) << 30);
	CHECK(size_of("1 tebibytes") == INT64_C(1) << 40);
	CHECK(size_of("7b") == 7);
	CHECK(wait_of("1 h") == 3600000);
	CHECK(wait_of("10 s") == 10000);
	CHECK(wait_of("100ms") == 100);
	CHECK(wait_of("5") == 5);
	CHECK(wait_of("2 min") == 120000);
	CHECK(wait_of("3 d") == 259200000);
	CHECK(wait_of("1500 micros") == 1);
	end();
}

/* Whether option=value is PMN_INVALID and the message names it. */
static bool
is_invalid(const char *option, const char *value)
{
	PmnTableOptions options;
	char *text =
		pmn_arena_format(arena, KEYED "\"%s\":\"%s\"" END, option, value);
	PmnCode code = pmn_options_parse(arena, &env.base,
									 schema_from(&env, arena, text), &options);

	return code == PMN_INVALID &&
		   strstr(env.base.error.message, option) != NULL;
}

TEST(bad_values_name_their_option)
{
	begin();
	CHECK(is_invalid("bucket", "x"));
	CHECK(is_invalid("bucket", "0"));
	CHECK(is_invalid("bucket", "-3"));
	CHECK(is_invalid("bucket", "99999999999999999999"));
	CHECK(is_invalid("target-file-size", "8 elephants"));
	CHECK(is_invalid("target-file-size", "99999999999 tb"));
	CHECK(is_invalid("target-file-size", "-1"));
	CHECK(is_invalid("commit.min-retry-wait", ""));
	CHECK(is_invalid("ignore-delete", "yes"));
	CHECK(is_invalid("merge-engine", "magic"));
	CHECK(is_invalid("metadata.stats-mode", "some"));
	CHECK(is_invalid("compaction.small-file-ratio", "1e3"));
	CHECK(is_invalid("bucket-key", "zzz"));
	CHECK(is_invalid("sequence.field", "k,zzz"));
	CHECK(is_invalid("data-file.prefix", "../x"));
	CHECK(is_invalid("data-file.path-directory", "a/../b"));
	CHECK(is_invalid("data-file.path-directory", "/a"));
	end();
}

TEST(lists_name_columns)
{
	PmnTableOptions options;

	begin();
	options = parse(KEYED "\"bucket\":\"4\",\"bucket-key\":\"k\","
						  "\"sequence.field\":\"v, k\","
						  "\"sequence.field.sort-order\":\"descending\","
						  "\"unknown.option\":\"x\"" END);
	CHECK(options.bucket == 4);
	CHECK(options.sequence_field_count == 2);
	CHECK(strcmp(options.sequence_fields[1], "k") == 0);
	CHECK(options.sequence_descending);
	CHECK(options.bucket_key_count == 1);
	end();
}

typedef PmnCode (*Check)(PmnEnv *env, const PmnSchema *schema,
						 const PmnTableOptions *options);

static bool
refuses(Check check, const char *start, const char *option, const char *value)
{
	PmnTableOptions options;
	char *text =
		pmn_arena_format(arena, "%s\"bucket-key\":\"k\",\"%s\":\"%s\"" END,
						 start, option, value);
	char *detail =
		pmn_arena_format(arena, "option \"%s\" is \"%s\"", option, value);
	PmnSchema *schema = schema_from(&env, arena, text);
	PmnCode code;

	CHECK_OK(&env, pmn_options_parse(arena, &env.base, schema, &options));
	if (pmn_schema_option(schema, "bucket") == NULL)
		options.bucket = 1;
	code = check(&env.base, schema, &options);
	CHECK(code == PMN_OK || code == PMN_UNSUPPORTED);
	CHECK(code == PMN_OK || strcmp(env.base.error.detail, detail) == 0);
	return code == PMN_UNSUPPORTED;
}

TEST(unreadable_tables_are_refused)
{
	Check read = pmn_options_check_read;

	begin();
	CHECK(refuses(read, KEYED, "type", "format-table"));
	CHECK(!refuses(read, KEYED, "type", "materialized-table"));
	CHECK(!refuses(read, KEYED, "merge-engine", "partial-update"));
	CHECK(!refuses(read, KEYED, "merge-engine", "aggregation"));
	CHECK(!refuses(read, KEYED, "merge-engine", "first-row"));
	CHECK(!refuses(read, APPEND, "merge-engine", "first-row"));
	CHECK(!refuses(read, APPEND, "deletion-vectors.enabled", "true"));
	CHECK(!refuses(read, KEYED, "deletion-vectors.enabled", "true"));
	CHECK(refuses(read, KEYED, "pk-clustering-override", "true"));
	CHECK(refuses(read, KEYED, "pk-clustering-override", "perhaps"));
	CHECK(refuses(read, KEYED, "chain-table.enabled", "true"));
	CHECK(refuses(read, KEYED, "query-auth.enabled", "TRUE"));
	CHECK(refuses(read, KEYED, "fields.m.map.storage-layout",
				  "shared-shredding"));
	CHECK(refuses(read, KEYED, "sequence.snapshot-ordering", "true"));
	CHECK(!refuses(read, KEYED, "record-level.expire-time", "1 d"));
	CHECK(refuses(read, KEYED, "scan.fallback-branch", "b"));
	CHECK(!refuses(read, KEYED, "changelog-producer", "lookup"));
	CHECK(!refuses(read, KEYED, "data-evolution.enabled", "true"));
	CHECK(refuses(read, APPEND, "blob-descriptor-field", "v"));
	CHECK(refuses(read, APPEND, "blob-view-field", "v"));
	CHECK(!refuses(read, KEYED, "bucket", "-2"));
	end();
}

TEST(unwritable_tables_are_refused)
{
	Check write = pmn_options_check_write;

	begin();
	CHECK(!refuses(write, KEYED, "bucket", "-1"));
	CHECK(refuses(write, KEYED, "record-level.expire-time", "1 d"));
	CHECK(refuses(write, KEYED, "bucket", "-2"));
	CHECK(strstr(env.base.error.hint, "'1'") != NULL);
	CHECK(!refuses(write, APPEND, "bucket", "-1"));
	CHECK(!refuses(write, KEYED, "bucket", "3"));
	CHECK(refuses(write, KEYED, "changelog-producer", "input"));
	CHECK(!refuses(write, KEYED, "merge-engine", "aggregation"));
	CHECK(!refuses(write, KEYED, "merge-engine", "partial-update"));
	CHECK(refuses(write, AGGREGATING, "changelog-producer", "lookup"));
	CHECK(refuses(write, AGGREGATING, "changelog-producer", "input"));
	CHECK(refuses(write, AGGREGATING, "force-lookup", "true"));
	CHECK(!refuses(write, AGGREGATING, "force-lookup", "false"));
	CHECK(refuses(write, AGGREGATING, "deletion-vectors.enabled", "true"));
	CHECK(refuses(write, AGGREGATING, "fields.v.aggregate-function", "rbm64"));
	CHECK(!refuses(write, AGGREGATING, "fields.v.aggregate-function", "max"));
	CHECK(refuses(write, KEYED "\"sequence.field\":\"v\",", "force-lookup",
				  "true"));
	CHECK(!refuses(write, KEYED, "force-lookup", "true"));
	CHECK(refuses(write, KEYED, "merge-engine", "first-row"));
	CHECK(refuses(write, APPEND, "deletion-vectors.enabled", "true"));
	CHECK(refuses(write, KEYED, "deletion-vectors.enabled", "true"));
	CHECK(!refuses(write, APPEND, "deletion-vectors.enabled", "false"));
	CHECK(refuses(write, APPEND, "row-tracking.enabled", "true"));
	CHECK(refuses(write, APPEND, "data-evolution.enabled", "true"));
	CHECK(refuses(write, APPEND, "file-index.bloom-filter.columns", "v"));
	CHECK(!refuses(write, APPEND, "file-index.in-manifest-threshold", "1 b"));
	CHECK(refuses(write, APPEND, "data-file.external-paths", "s3://x"));
	CHECK(refuses(write, APPEND, "metadata.iceberg.storage", "table-location"));
	CHECK(!refuses(write, APPEND, "metadata.iceberg.storage", "disabled"));
	CHECK(refuses(write, KEYED, "rowkind.field", "v"));
	CHECK(refuses(write, KEYED, "file.format", "orc"));
	CHECK(!refuses(write, KEYED, "file.format", "parquet"));
	CHECK(refuses(write, KEYED, "file.format.per.level", "0:avro,5:parquet"));
	CHECK(!refuses(write, KEYED, "file.format.per.level",
				   "0:parquet, 5:parquet"));
	CHECK(refuses(write, KEYED, "file.compression", "zlib"));
	CHECK(!refuses(write, KEYED, "file.compression", "LZ4"));
	CHECK(refuses(write, KEYED, "file.compression.per.level", "0:null,5:zstd"));
	CHECK(refuses(write, KEYED, "manifest.format", "orc"));
	CHECK(refuses(write, KEYED, "primary-key.nullable", "true"));
	CHECK(refuses(write, KEYED, "blob-field", "v"));
	CHECK(refuses(write, KEYED, "write.sequence-number-init-mode", "snapshot"));
	CHECK(!refuses(write, KEYED, "sequence.field", "v"));
	CHECK(!refuses(write, KEYED, "ignore-delete", "true"));
	CHECK(!refuses(write, KEYED, "tag.automatic-creation", "process-time"));
	end();
}

TEST(columns_we_cannot_hold_are_named)
{
	PmnTableOptions options;
	PmnSchema *schema;

	begin();
	schema = schema_from(
		&env, arena,
		"{\"version\":3,\"id\":0,\"fields\":[{\"id\":0,\"name\":\"m\",\"type\":"
		"{\"type\":\"ARRAY\",\"element\":\"BLOB\"}}],\"highestFieldId\":0,"
		"\"partitionKeys\":[],\"primaryKeys\":[],\"options\":{" END);
	CHECK_OK(&env, pmn_options_parse(arena, &env.base, schema, &options));
	CHECK(pmn_options_check_read(&env.base, schema, &options) ==
		  PMN_UNSUPPORTED);
	CHECK(strstr(env.base.error.detail, "\"m\"") != NULL);
	CHECK(strstr(env.base.error.detail, "ARRAY") != NULL);
	end();
}

TEST(statistics_mode_follows_column_then_position)
{
	PmnTableOptions options;
	PmnSchema *schema;
	PmnStatsMode mode;

	begin();
	schema = schema_from(&env, arena,
						 KEYED "\"fields.v.stats-mode\":\"counts\","
							   "\"metadata.stats-mode\":\"full\"" END);
	CHECK_OK(&env, pmn_options_parse(arena, &env.base, schema, &options));
	CHECK_OK(&env,
			 pmn_options_stats_mode(&env.base, schema, &options, 0, &mode));
	CHECK(mode.kind == PMN_STATS_FULL);
	CHECK_OK(&env,
			 pmn_options_stats_mode(&env.base, schema, &options, 1, &mode));
	CHECK(mode.kind == PMN_STATS_COUNTS);
	schema = schema_from(
		&env, arena, KEYED "\"metadata.stats-keep-first-n-columns\":\"1\"" END);
	CHECK_OK(&env, pmn_options_parse(arena, &env.base, schema, &options));
	CHECK_OK(&env,
			 pmn_options_stats_mode(&env.base, schema, &options, 1, &mode));
	CHECK(mode.kind == PMN_STATS_NONE);
	schema =
		schema_from(&env, arena, KEYED "\"data-file.thin-mode\":\"true\"" END);
	CHECK_OK(&env, pmn_options_parse(arena, &env.base, schema, &options));
	CHECK_OK(&env,
			 pmn_options_stats_mode(&env.base, schema, &options, 0, &mode));
	CHECK(mode.kind == PMN_STATS_TRUNCATE && mode.length == 128);
	end();
}

static void
check_fixture(const Fixture *fixture, void *context)
{
	PmnEnv *base = &fixture->env->base;
	const char *name = fixture->name;
	PmnTableOptions options;
	PmnSchema *schema;
	int64_t id = 0;
	PmnCode code;

	(void) context;
	if (strcmp(name, "broken_schema_type") == 0)
		return;
	CHECK_OK(fixture->env, pmn_schema_latest_id(fixture->fs, fixture->arena,
												&fixture->path, &id));
	CHECK_OK(fixture->env, pmn_schema_read(fixture->fs, fixture->arena,
										   &fixture->path, id, &schema));
	CHECK_OK(fixture->env,
			 pmn_options_parse(fixture->arena, base, schema, &options));
	code = pmn_options_check_read(base, schema, &options);
	if (code != PMN_OK)
		fprintf(stderr, "%s: refused: %s\n", name, base->error.message);
	CHECK(code == PMN_OK);
}

TEST(golden_tables_are_read)
{
	if (!visit_fixtures(check_fixture, NULL))
		printf("# PMN_FIXTURES is not set\n");
}

int
main(void)
{
	RUN(defaults_are_paimons);
	RUN(old_schemas_have_old_defaults);
	RUN(sizes_and_durations_have_units);
	RUN(bad_values_name_their_option);
	RUN(lists_name_columns);
	RUN(unreadable_tables_are_refused);
	RUN(unwritable_tables_are_refused);
	RUN(columns_we_cannot_hold_are_named);
	RUN(statistics_mode_follows_column_then_position);
	RUN(golden_tables_are_read);
	TEST_END();
}
