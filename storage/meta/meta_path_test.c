/*
 * Goal: every path is spelled as Paimon spells it, to the byte, and no name
 * from a file leads out of the table's directory.
 */
#include "meta_path.h"

#include "meta_testing.h"

static PmnTestEnv env;
static PmnArena *arena;

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

static bool
is(const char *a, const char *b)
{
	if (a != NULL && strcmp(a, b) == 0)
		return true;
	fprintf(stderr, "got \"%s\", not \"%s\"\n", a == NULL ? "NULL" : a, b);
	return false;
}

TEST(tables_and_branches_have_their_directories)
{
	PmnTablePath main_path = {"/w/d.db/t", NULL, NULL};
	PmnTablePath branch = {"/w/d.db/t", "b1", "d1/d2"};

	begin();
	CHECK(is(pmn_path_database(arena, "/w", "d"), "/w/d.db"));
	CHECK(is(pmn_path_table(arena, "/w", "d", "t"), "/w/d.db/t"));
	CHECK(
		is(pmn_path_schema(arena, &main_path, 0), "/w/d.db/t/schema/schema-0"));
	CHECK(is(pmn_path_snapshot(arena, &branch, 12),
			 "/w/d.db/t/branch/branch-b1/snapshot/snapshot-12"));
	CHECK(is(pmn_path_tag(arena, &branch, "x"),
			 "/w/d.db/t/branch/branch-b1/tag/tag-x"));
	CHECK(is(pmn_path_manifest(arena, &branch, pmn_bytes_string("manifest-1")),
			 "/w/d.db/t/manifest/manifest-1"));
	CHECK(is(pmn_path_bucket(arena, &main_path, "", 3), "/w/d.db/t/bucket-3"));
	CHECK(is(pmn_path_bucket(arena, &branch, "a=1/", 0),
			 "/w/d.db/t/d1/d2/a=1/bucket-0"));
	CHECK(is(pmn_path_bucket(arena, &main_path, "a=1/", -2),
			 "/w/d.db/t/a=1/bucket-postpone"));
	end();
}

TEST(ids_are_plain_decimals)
{
	CHECK(pmn_path_parse_id("snapshot-12", "snapshot-") == 12);
	CHECK(pmn_path_parse_id("schema-0", "schema-") == 0);
	CHECK(pmn_path_parse_id("snapshot-", "snapshot-") == -1);
	CHECK(pmn_path_parse_id("snapshot-1.tmp", "snapshot-") == -1);
	CHECK(pmn_path_parse_id("snapshot--1", "snapshot-") == -1);
	CHECK(pmn_path_parse_id("snapshot-01", "snapshot-") == -1);
	CHECK(pmn_path_parse_id("snap-1", "snapshot-") == -1);
	CHECK(pmn_path_parse_id("x-9223372036854775807", "x-") == INT64_MAX);
	CHECK(pmn_path_parse_id("x-9223372036854775808", "x-") == -1);
}

/* The directory of one value. */
static char *
directory_of(const char *type_name, bool legacy, PmnValue value)
{
	PmnType type = type_named(&env, type_name);
	const PmnType *types[] = {&type};
	const char *names[] = {"p"};
	PmnPartitionNaming naming = {types, names, 1, legacy,
								 "__DEFAULT_PARTITION__"};
	PmnBuffer buffer;
	char *text = NULL;

	pmn_buffer_init(&buffer, &env.base);
	if (pmn_path_partition(&buffer, &naming, &value) == PMN_OK)
		text =
			pmn_arena_string_n(arena, (const char *) buffer.data, buffer.size);
	pmn_buffer_free(&buffer);
	return text;
}

static PmnValue
number(int64_t n)
{
	PmnValue value;

	memset(&value, 0, sizeof(value));
	value.as.i64 = n;
	return value;
}

static PmnValue
text(const char *string)
{
	PmnValue value;

	memset(&value, 0, sizeof(value));
	value.as.bytes = pmn_bytes_string(string);
	return value;
}

TEST(legacy_names_are_internal_values)
{
	PmnValue nano;

	begin();
	memset(&nano, 0, sizeof(nano));
	nano.as.ts96.millis = -1;
	nano.as.ts96.nano = 1;
	CHECK(is(directory_of("DATE", true, number(20673)), "p=20673/"));
	CHECK(is(directory_of("TIME(3)", true, number(1)), "p=1/"));
	CHECK(is(directory_of("TIMESTAMP(0)", true, number(0)),
			 "p=1970-01-01T00%3A00/"));
	CHECK(is(directory_of("TIMESTAMP(3)", true, number(1123)),
			 "p=1970-01-01T00%3A00%3A01.123/"));
	CHECK(is(directory_of("TIMESTAMP(3)", true, number(60000)),
			 "p=1970-01-01T00%3A01/"));
	CHECK(is(directory_of("TIMESTAMP(6)", true, number(-1)),
			 "p=1969-12-31T23%3A59%3A59.999999/"));
	CHECK(is(directory_of("TIMESTAMP(6)", true, number(1500000)),
			 "p=1970-01-01T00%3A00%3A01.500/"));
	CHECK(is(directory_of("TIMESTAMP(9)", true, nano),
			 "p=1969-12-31T23%3A59%3A59.999000001/"));
	CHECK(
		is(directory_of("TIMESTAMP(3)", true, number(INT64_C(253402300800000))),
		   "p=+10000-01-01T00%3A00/"));
	CHECK(
		is(directory_of("TIMESTAMP(3)", true, number(INT64_C(-62198755200000))),
		   "p=-0001-01-01T00%3A00/"));
	CHECK(is(directory_of("INT", true, number(-7)), "p=-7/"));
	CHECK(is(directory_of("BOOLEAN", true, number(1)), "p=true/"));
	CHECK(is(directory_of("DECIMAL(5, 2)", true, number(-105)), "p=-1.05/"));
	CHECK(directory_of("BYTES", true, text("x")) == NULL);
	CHECK(env.base.error.code == PMN_UNSUPPORTED);
	end();
}

TEST(new_names_are_casts_to_string)
{
	begin();
	CHECK(is(directory_of("DATE", false, number(19782)), "p=2024-02-29/"));
	CHECK(is(directory_of("TIMESTAMP(3)", false, number(100)),
			 "p=1970-01-01 00%3A00%3A00.100/"));
	CHECK(is(directory_of("BYTES", false, text("a/b")), "p=a%2Fb/"));
	CHECK(directory_of("BYTES", false, text("\xFF")) == NULL);
	end();
}

TEST(special_characters_are_escaped)
{
	PmnValue null = number(0);

	begin();
	null.is_null = true;
	CHECK(is(
		directory_of("STRING", true, text("a\"#%'*/:=?\\{}[]^\x01\x1F\x7F z")),
		"p=a%22%23%25%27%2A%2F%3A%3D%3F%5C%7B%7D%5B%5D%5E%01%1F%7F z/"));
	CHECK(is(directory_of("STRING", true, text("\xC3\xA9,&<>|~")),
			 "p=\xC3\xA9,&<>|~/"));
	CHECK(is(directory_of("STRING", true, null), "p=__DEFAULT_PARTITION__/"));
	CHECK(
		is(directory_of("STRING", true, text("")), "p=__DEFAULT_PARTITION__/"));
	CHECK(is(directory_of("STRING", true, text(" \t\xE3\x80\x80")),
			 "p=__DEFAULT_PARTITION__/"));
	/* A no-break space is not white space to Java. */
	CHECK(is(directory_of("STRING", true, text("\xC2\xA0")), "p=\xC2\xA0/"));
	CHECK(is(directory_of("STRING", true, text("..")), "p=../"));
	CHECK(is(directory_of("INT", false, null), "p=__DEFAULT_PARTITION__/"));
	end();
}

TEST(names_that_do_not_fit_are_refused)
{
	char long_text[300];

	begin();
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	CHECK(directory_of("STRING", true, text(long_text)) == NULL);
	CHECK(env.base.error.code == PMN_INVALID);
	end();
}

static PmnCode
data_file(const char *name, const char *external, char **out)
{
	PmnTablePath path = {"/w/d.db/t", NULL, NULL};
	PmnBytes bytes = pmn_bytes_string(external == NULL ? "" : external);

	return pmn_path_data_file(arena, &env.base, &path, "/w/d.db/t/bucket-0",
							  pmn_bytes_string(name),
							  external == NULL ? NULL : &bytes, out);
}

/* Goal: index files lie beside the buckets, in one, or where they say. */
TEST(index_files_have_three_places)
{
	PmnTablePath path = {"/w/d.db/t", "b", NULL};
	PmnBytes external = pmn_bytes_string("file:/e/i");
	char *file;

	begin();
	CHECK_OK(&env, pmn_path_index_file(arena, &env.base, &path, NULL,
									   pmn_bytes_string("i"), NULL, &file));
	CHECK(is(file, "/w/d.db/t/index/i"));
	CHECK_OK(&env,
			 pmn_path_index_file(arena, &env.base, &path, "/w/d.db/t/bucket-0",
								 pmn_bytes_string("i"), NULL, &file));
	CHECK(is(file, "/w/d.db/t/bucket-0/i"));
	CHECK_OK(&env,
			 pmn_path_index_file(arena, &env.base, &path, NULL,
								 pmn_bytes_string("i"), &external, &file));
	CHECK(is(file, "/e/i"));
	CHECK(pmn_path_index_file(arena, &env.base, &path, NULL,
							  pmn_bytes_string("../i"), NULL,
							  &file) == PMN_CORRUPT);
	end();
}

TEST(data_files_have_plain_names)
{
	char *file;

	begin();
	CHECK_OK(&env, data_file("x.parquet", NULL, &file));
	CHECK(is(file, "/w/d.db/t/bucket-0/x.parquet"));
	CHECK(data_file("../x", NULL, &file) == PMN_CORRUPT);
	CHECK(data_file("..", NULL, &file) == PMN_CORRUPT);
	CHECK(data_file("", NULL, &file) == PMN_CORRUPT);
	CHECK(data_file("a\nb", NULL, &file) == PMN_CORRUPT);
	CHECK_OK(&env, data_file("x", "file:/w/d.db/t/e/x", &file));
	CHECK(is(file, "/w/d.db/t/e/x"));
	CHECK_OK(&env, data_file("x", "file:///w/d.db/t/e/x", &file));
	CHECK(is(file, "/w/d.db/t/e/x"));
	CHECK_OK(&env, data_file("x", "/other/t2/x", &file));
	CHECK(is(file, "/other/t2/x"));
	CHECK(data_file("x", "/w/d.db/t/../u/x", &file) == PMN_UNSUPPORTED);
	CHECK(data_file("x", "file://host/w/x", &file) == PMN_UNSUPPORTED);
	CHECK(data_file("x", "w/x", &file) == PMN_UNSUPPORTED);
	CHECK(data_file("x", "s3://b/w/d.db/t/x", &file) == PMN_UNSUPPORTED);
	end();
}

TEST(format_follows_the_last_extension)
{
	begin();
	CHECK(
		is(pmn_path_format(arena, pmn_bytes_string("a-0.parquet")), "parquet"));
	CHECK(is(pmn_path_format(arena, pmn_bytes_string("a.zstd.orc")), "orc"));
	CHECK(is(pmn_path_format(arena, pmn_bytes_string("a.csv.gz")), "csv"));
	CHECK(is(pmn_path_format(arena, pmn_bytes_string("gz")), ""));
	CHECK(is(pmn_path_format(arena, pmn_bytes_string("a.gz")), "gz"));
	CHECK(is(pmn_path_format(arena, pmn_bytes_string(".")), ""));
	end();
}

int
main(void)
{
	RUN(tables_and_branches_have_their_directories);
	RUN(ids_are_plain_decimals);
	RUN(legacy_names_are_internal_values);
	RUN(new_names_are_casts_to_string);
	RUN(special_characters_are_escaped);
	RUN(names_that_do_not_fit_are_refused);
	RUN(data_files_have_plain_names);
	RUN(index_files_have_three_places);
	RUN(format_follows_the_last_extension);
	TEST_END();
}
