/*
 * Goal: snapshot files of any writer are read, ours are printed as Paimon
 * prints them, and no hint can mislead the search for the newest snapshot.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "meta_snapshot.h"

#include "meta_testing.h"

static PmnTestEnv env;
static PmnArena *arena;
static PmnFileSystem *fs;
static const PmnTablePath table_path = {"/w/d.db/t", NULL, NULL};

static void
begin(void)
{
	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
}

static void
end(void)
{
	pmn_fs_close(fs);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

#define HEAD                                                                   \
	"{\n  \"version\" : 3,\n  \"id\" : 2,\n  \"schemaId\" : 0,\n"              \
	"  \"baseManifestList\" : \"manifest-list-b\",\n"
#define DELTA "  \"deltaManifestList\" : \"manifest-list-d\",\n"
#define TAIL                                                                   \
	"  \"commitUser\" : \"u\",\n  \"commitIdentifier\" : "                     \
	"9223372036854775807,\n  \"commitKind\" : \"APPEND\",\n"                   \
	"  \"timeMillis\" : 5,\n  \"totalRecordCount\" : 7,\n"                     \
	"  \"deltaRecordCount\" : -1"

static char *
printed(PmnTestEnv *test_env, PmnArena *into, const PmnSnapshot *snapshot)
{
	PmnBuffer text;
	char *copy;

	pmn_buffer_init(&text, &test_env->base);
	CHECK_OK(test_env, pmn_snapshot_print(snapshot, &text));
	copy = pmn_arena_string_n(into, (const char *) text.data, text.size);
	pmn_buffer_free(&text);
	return copy;
}

static PmnSnapshot *
parsed(const char *text)
{
	PmnSnapshot *snapshot = NULL;

	CHECK_OK(&env, pmn_snapshot_parse(&env.base, arena, pmn_bytes_string(text),
									  "snapshot-2", &snapshot));
	return snapshot;
}

TEST(all_fields_survive)
{
	static const char text[] =
		"{\n  \"version\" : 3,\n  \"uuid\" : \"q\",\n  \"id\" : 2,\n"
		"  \"schemaId\" : 1,\n  \"baseManifestList\" : \"b\",\n"
		"  \"baseManifestListSize\" : 10,\n  \"deltaManifestList\" : \"d\",\n"
		"  \"deltaManifestListSize\" : 11,\n"
		"  \"changelogManifestList\" : \"c\",\n"
		"  \"changelogManifestListSize\" : 12,\n"
		"  \"indexManifest\" : \"i\",\n  \"commitUser\" : \"u\",\n"
		"  \"writerVersion\" : \"w\",\n  \"commitIdentifier\" : 9,\n"
		"  \"commitKind\" : \"COMPACT\",\n  \"timeMillis\" : 5,\n"
		"  \"totalRecordCount\" : 7,\n  \"deltaRecordCount\" : 3,\n"
		"  \"changelogRecordCount\" : 0,\n  \"watermark\" : -4,\n"
		"  \"statistics\" : \"s\",\n  \"properties\" : {\n"
		"    \"a\" : \"1\"\n  },\n  \"nextRowId\" : 0,\n"
		"  \"operation\" : \"WRITE\"\n}";

	begin();
	CHECK(strcmp(printed(&env, arena, parsed(text)), text) == 0);
	CHECK(strcmp(printed(&env, arena, parsed(HEAD DELTA TAIL "\n}")),
				 HEAD DELTA TAIL "\n}") == 0);
	end();
}

TEST(null_and_missing_are_the_same)
{
	PmnSnapshot *snapshot;

	begin();
	snapshot = parsed(HEAD DELTA
					  "\"changelogManifestList\":null,\"indexManifest\":null,"
					  "\"watermark\":-9223372036854775808,\"logOffsets\":{},"
					  "\"properties\":{},\"statistics\":null,"
					  "\"uuid\":null,\"future\":[1,{}]," TAIL "\n}");
	CHECK(snapshot->info.changelog_manifest_list == NULL);
	CHECK(snapshot->index_manifest == NULL);
	CHECK(!snapshot->info.has_watermark);
	CHECK(snapshot->base_manifest_list_size == -1);
	CHECK(snapshot->info.commit_identifier == INT64_MAX);
	CHECK(strcmp(printed(&env, arena, snapshot), HEAD DELTA TAIL "\n}") == 0);
	end();
}

static bool
is_corrupt(const char *text)
{
	PmnSnapshot *snapshot;
	PmnCode code = pmn_snapshot_parse(&env.base, arena, pmn_bytes_string(text),
									  "snapshot-2", &snapshot);

	return code == PMN_CORRUPT && snapshot == NULL &&
		   strstr(env.base.error.message, "snapshot-2") != NULL;
}

TEST(broken_snapshots_are_corrupt)
{
	begin();
	CHECK(is_corrupt(""));
	CHECK(is_corrupt("[]"));
	CHECK(is_corrupt("{}"));
	CHECK(is_corrupt(HEAD TAIL "}"));
	CHECK(is_corrupt(HEAD DELTA TAIL ",\"watermark\":\"x\"}"));
	CHECK(is_corrupt(HEAD DELTA TAIL ",\"properties\":{\"a\":1}}"));
	CHECK(is_corrupt(HEAD DELTA TAIL ",\"properties\":[]}"));
	CHECK(is_corrupt(HEAD DELTA TAIL ",\"indexManifest\":\"../x\"}"));
	CHECK(is_corrupt("{\"version\":3,\"id\":0,\"schemaId\":0,"
					 "\"baseManifestList\":\"b\"," DELTA TAIL "}"));
	CHECK(is_corrupt("{\"version\":3,\"id\":1,\"schemaId\":0,"
					 "\"baseManifestList\":\"b\"," DELTA
					 "\"commitUser\":\"u\",\"commitIdentifier\":1,"
					 "\"commitKind\":\"DANCE\",\"timeMillis\":1}"));
	end();
}

static void
put(const char *name, const char *text)
{
	char *file = pmn_path_join(arena, "/w/d.db/t/snapshot", name, NULL);

	CHECK_OK(&env,
			 pmn_fs_put(fs, file, PMN_PUT_OVERWRITE, pmn_bytes_string(text)));
}

static int64_t
latest(void)
{
	int64_t id = -1;

	CHECK_OK(&env, pmn_snapshot_latest_id(fs, arena, &table_path, &id));
	return id;
}

static int64_t
earliest(void)
{
	int64_t id = -1;

	CHECK_OK(&env, pmn_snapshot_earliest_id(fs, arena, &table_path, &id));
	return id;
}

TEST(hints_never_mislead)
{
	static const char *const hints[] = {"",
										"3",
										"4",
										"5",
										"6",
										"99",
										"-1",
										"0",
										"abc",
										"4\n",
										"  ",
										"9223372036854775807",
										"99999999999999999999999999",
										"4444444444444444444444444444444444"};

	begin();
	CHECK(latest() == 0 && earliest() == 0);
	put("LATEST", "7");
	CHECK(latest() == 0);
	put("snapshot-3", "x");
	put("snapshot-4", "x");
	put("snapshot-5", "x");
	put("snapshot-12.tmp", "x");
	put("snapshot-abc", "x");
	put(".snapshot-6.0b0b.tmp", "x");
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
	{
		put("LATEST", hints[i]);
		put("EARLIEST", hints[i]);
		CHECK(latest() == 5);
		CHECK(earliest() >= 3 && earliest() <= 5);
	}
	end();
}

TEST(only_the_first_write_wins)
{
	PmnSnapshot *snapshot;
	int64_t *ids;
	uint32_t count;

	begin();
	snapshot = parsed(HEAD DELTA TAIL "}");
	CHECK_OK(&env, pmn_snapshot_write(fs, arena, &table_path, snapshot));
	CHECK(pmn_snapshot_write(fs, arena, &table_path, snapshot) == PMN_EXISTS);
	snapshot->info.id = 10;
	CHECK_OK(&env, pmn_snapshot_write(fs, arena, &table_path, snapshot));
	pmn_snapshot_hint_latest(fs, arena, &table_path, 10);
	CHECK(latest() == 10);
	CHECK_OK(&env, pmn_snapshot_list(fs, arena, &table_path, &ids, &count));
	CHECK(count == 2 && ids[0] == 2 && ids[1] == 10);
	CHECK_OK(&env, pmn_snapshot_read(fs, arena, &table_path, 10, &snapshot));
	CHECK(pmn_snapshot_read(fs, arena, &table_path, 3, &snapshot) ==
		  PMN_NOT_FOUND);
	put("snapshot-11", HEAD DELTA TAIL "}");
	CHECK(pmn_snapshot_read(fs, arena, &table_path, 11, &snapshot) ==
		  PMN_CORRUPT);
	CHECK(pmn_tag_read(fs, arena, &table_path, "../x", &snapshot) ==
		  PMN_INVALID);
	CHECK(pmn_tag_read(fs, arena, &table_path, "x", &snapshot) ==
		  PMN_NOT_FOUND);
	end();
}

static int polls;

static bool
never_stop(PmnEnv *base)
{
	(void) base;
	polls++;
	return false;
}

static bool
stop_at_once(PmnEnv *base)
{
	(void) base;
	polls++;
	return polls > 3;
}

TEST(a_cut_file_is_read_again)
{
	PmnSnapshot *snapshot;

	begin();
	polls = 0;
	env.base.should_stop = never_stop;
	put("snapshot-2", HEAD DELTA);
	CHECK(pmn_snapshot_read(fs, arena, &table_path, 2, &snapshot) ==
		  PMN_CORRUPT);
	CHECK(polls > 20);
	/* Garbage is not a file on its way. */
	put("snapshot-2", "this is not JSON");
	polls = 0;
	CHECK(pmn_snapshot_read(fs, arena, &table_path, 2, &snapshot) ==
		  PMN_CORRUPT);
	CHECK(polls < 20);
	put("snapshot-2", HEAD DELTA);
	polls = 0;
	env.base.should_stop = stop_at_once;
	CHECK(pmn_snapshot_read(fs, arena, &table_path, 2, &snapshot) ==
		  PMN_CANCELLED);
	end();
}

/* Read a cut snapshot that was written so long ago; *polled says how often it
 * was looked at. */
static PmnCode
read_local(const char *directory, const char *text, time_t age, int *polled)
{
	char *root = pmn_path_join(arena, directory, "t", NULL);
	PmnTablePath path = {root, NULL, NULL};
	char *file = pmn_path_snapshot(arena, &path, 2);
	struct timespec times[2] = {{time(NULL) - age, 0}, {time(NULL) - age, 0}};
	PmnFileSystem *local = NULL;
	PmnSnapshot *snapshot;
	PmnCode code;

	CHECK_OK(&env, pmn_fs_local_open(&env.base, &local));
	CHECK_OK(&env, pmn_fs_put(local, file, PMN_PUT_OVERWRITE,
							  pmn_bytes_string(text)));
	CHECK(utimensat(AT_FDCWD, file, times, 0) == 0);
	env.now_millis = (int64_t) time(NULL) * 1000;
	polls = 0;
	code = pmn_snapshot_read(local, arena, &path, 2, &snapshot);
	*polled = polls;
	pmn_fs_close(local);
	return code;
}

/* Goal: where the file system says when a file was written, only one that may
 * still be on its way is waited for, and not for long. */
TEST(an_old_cut_file_fails_at_once)
{
	char directory[64];
	int polled = 0;

	begin();
	pmn_test_directory(directory);
	env.base.should_stop = never_stop;
	CHECK(read_local(directory, HEAD DELTA, 60, &polled) == PMN_CORRUPT);
	CHECK(polled < 10);
	CHECK(strstr(env.base.error.message, "JSON") != NULL);
	CHECK(read_local(directory, HEAD DELTA, 0, &polled) == PMN_CORRUPT);
	CHECK(polled > 20);
	CHECK(read_local(directory, "", 60, &polled) == PMN_CORRUPT);
	CHECK(polled > 20);
	CHECK_OK(&env, read_local(directory, HEAD DELTA TAIL "}", 60, &polled));
	pmn_test_remove_directory(directory);
	end();
}

static PmnCode
parse_and_print(PmnTestEnv *test_env)
{
	static const char text[] =
		HEAD DELTA TAIL ",\"properties\":{\"a\":\"b\"},\"uuid\":\"x\"}";
	PmnArena *own = NULL;
	PmnSnapshot *snapshot = NULL;
	PmnBuffer buffer;
	PmnCode code;

	pmn_buffer_init(&buffer, &test_env->base);
	code = pmn_arena_create(&test_env->base, 64, &own);
	if (code == PMN_OK)
		code = pmn_snapshot_parse(&test_env->base, own, pmn_bytes_string(text),
								  "x", &snapshot);
	if (code == PMN_OK)
		code = pmn_snapshot_print(snapshot, &buffer);
	pmn_buffer_free(&buffer);
	pmn_arena_destroy(own);
	return code;
}

TEST(survives_every_allocation_failure)
{
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnTestEnv failing;

		pmn_test_env_fail_at(&failing, step);
		code = parse_and_print(&failing);
		CHECK(failing.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
}

/* ---- golden tables ---------------------------------------------------- */

static void
check_golden(const Fixture *fixture, const char *file,
			 const PmnSnapshot *snapshot)
{
	char *text = printed(fixture->env, fixture->arena, snapshot);
	PmnSnapshot *again = NULL;
	PmnBuffer original;

	CHECK_OK(fixture->env,
			 pmn_snapshot_parse(&fixture->env->base, fixture->arena,
								pmn_bytes_string(text), "again", &again));
	CHECK(strcmp(printed(fixture->env, fixture->arena, again), text) == 0);
	if (has_prefix(fixture->name, "v0") || has_prefix(fixture->name, "v1") ||
		strstr(file, "/tag/") != NULL)
		return; /* explicit nulls, fields of tags */
	pmn_buffer_init(&original, &fixture->env->base);
	CHECK_OK(fixture->env,
			 pmn_fs_read_file(fixture->fs, file, 1 << 20, &original));
	if (original.size != strlen(text) ||
		memcmp(original.data, text, original.size) != 0)
		fprintf(stderr, "%s differs:\n%.*s\n%s\n", file, (int) original.size,
				(const char *) original.data, text);
	CHECK(original.size == strlen(text) &&
		  memcmp(original.data, text, original.size) == 0);
	pmn_buffer_free(&original);
}

static void
check_tags(const Fixture *fixture)
{
	char *directory =
		pmn_path_branch_directory(fixture->arena, &fixture->path, "tag");
	PmnFileList list = {NULL, 0, 0};
	PmnSnapshot *snapshot = NULL;

	if (pmn_fs_list(fixture->fs, directory, fixture->arena, &list) != PMN_OK)
		return;
	for (size_t i = 0; i < list.count; i++)
	{
		if (!has_prefix(list.items[i].name, "tag-"))
			continue;
		CHECK_OK(fixture->env,
				 pmn_tag_read(fixture->fs, fixture->arena, &fixture->path,
							  list.items[i].name + 4, &snapshot));
		check_golden(fixture,
					 pmn_path_tag(fixture->arena, &fixture->path,
								  list.items[i].name + 4),
					 snapshot);
	}
}

static void
check_fixture(const Fixture *fixture, void *context)
{
	uint32_t *total = context;
	PmnSnapshot *snapshot = NULL;
	int64_t *ids = NULL;
	int64_t first = -1;
	int64_t last = -1;
	uint32_t count = 0;

	CHECK_OK(fixture->env, pmn_snapshot_list(fixture->fs, fixture->arena,
											 &fixture->path, &ids, &count));
	CHECK_OK(fixture->env, pmn_snapshot_latest_id(fixture->fs, fixture->arena,
												  &fixture->path, &last));
	CHECK_OK(fixture->env, pmn_snapshot_earliest_id(fixture->fs, fixture->arena,
													&fixture->path, &first));
	CHECK(last == (count == 0 ? 0 : ids[count - 1]));
	CHECK(first == (count == 0 ? 0 : ids[0]));
	for (uint32_t i = 0; i < count; i++)
	{
		PmnCode code = pmn_snapshot_read(fixture->fs, fixture->arena,
										 &fixture->path, ids[i], &snapshot);

		if (strcmp(fixture->name, "broken_snapshot_json") == 0)
			CHECK(code == PMN_OK || code == PMN_CORRUPT);
		else
			CHECK_OK(fixture->env, code);
		if (code == PMN_OK)
			check_golden(
				fixture,
				pmn_path_snapshot(fixture->arena, &fixture->path, ids[i]),
				snapshot);
		(*total)++;
	}
	check_tags(fixture);
}

TEST(golden_snapshots_are_printed_to_the_byte)
{
	uint32_t count = 0;

	if (visit_fixtures(check_fixture, &count))
		CHECK(count > 300);
	else
		printf("# PMN_FIXTURES is not set\n");
}

int
main(void)
{
	RUN(all_fields_survive);
	RUN(null_and_missing_are_the_same);
	RUN(broken_snapshots_are_corrupt);
	RUN(hints_never_mislead);
	RUN(only_the_first_write_wins);
	RUN(a_cut_file_is_read_again);
	RUN(an_old_cut_file_fails_at_once);
	RUN(survives_every_allocation_failure);
	RUN(golden_snapshots_are_printed_to_the_byte);
	TEST_END();
}
