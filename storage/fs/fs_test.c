/*
 * fs_test.c
 *
 * Goal: paths and names are checked, the memory file system behaves as the
 * local one does, and the faulty one fails exactly where it is told to.
 */
#include "../testing/testing.h"

#include <string.h>

#include "fs.h"
#include "fs_fault.h"

static bool
joins(const char *expected, const char *a, const char *b, const char *c)
{
	PmnTestEnv env;
	PmnArena *arena;
	char *path;
	bool same;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	path = pmn_path_join(arena, a, b, c, NULL);
	same = strcmp(path, expected) == 0;
	if (!same)
		fprintf(stderr, "got %s\n", path);
	pmn_arena_destroy(arena);
	return same;
}

TEST(paths_are_joined)
{
	CHECK(joins("/a/b/c", "/a", "b", "c"));
	CHECK(joins("/a/b/c", "/a/", "/b/", "c/"));
	CHECK(joins("/b/c", "/", "b", "c"));
	CHECK(joins("/a/c", "/a", "", "c"));
	CHECK(joins("/a", "/a", "/", ""));
	CHECK(joins("a/b/c", "a", "b", "//c"));
	CHECK(joins("/b", "//", "b", ""));
	CHECK(joins("/", "/", "", NULL));
}

TEST(names_are_checked)
{
	PmnTestEnv env;
	char name[300];

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_path_check_name(&env.base, "table", "t"));
	CHECK_OK(&env, pmn_path_check_name(&env.base, "table", "\xc3\xa9 .x.."));
	CHECK(pmn_path_check_name(&env.base, "table", "") == PMN_INVALID);
	CHECK(strstr(env.base.error.message, "table") != NULL);
	CHECK(pmn_path_check_name(&env.base, "table", ".") == PMN_INVALID);
	CHECK(pmn_path_check_name(&env.base, "table", "..") == PMN_INVALID);
	CHECK(pmn_path_check_name(&env.base, "table", "a/b") == PMN_INVALID);
	CHECK(pmn_path_check_name(&env.base, "table", "a\\b") == PMN_INVALID);
	CHECK(pmn_path_check_name(&env.base, "table", "a\nb") == PMN_INVALID);
	CHECK(pmn_path_check_name(&env.base, "table", "a\x7f") == PMN_INVALID);
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	CHECK_OK(&env, pmn_path_check_name(&env.base, "table", name));
	name[255] = 'n';
	name[256] = '\0';
	CHECK(pmn_path_check_name(&env.base, "table", name) == PMN_INVALID);
}

static PmnCode
use_memory(PmnEnv *env, PmnFileSystem *fs, PmnArena *arena, PmnBuffer *buffer)
{
	PmnFileWriter *writer;
	PmnFileList list;
	PmnCode code;
	bool exists;

	PMN_TRY(pmn_fs_put(fs, "/a/b/one", PMN_PUT_NEW, pmn_bytes("1", 1)));
	PMN_TRY(pmn_fs_put(fs, "/a/two", PMN_PUT_OVERWRITE, pmn_bytes("22", 2)));
	PMN_TRY(pmn_fs_make_directory(fs, "/a/empty"));
	CHECK(pmn_fs_put(fs, "/a/two", PMN_PUT_NEW, pmn_bytes("x", 1)) ==
		  PMN_EXISTS);
	PMN_TRY(pmn_fs_put(fs, "/a/two", PMN_PUT_OVERWRITE, pmn_bytes("333", 3)));
	PMN_TRY(pmn_fs_open_write(fs, "/a/b/three", &writer));
	code = pmn_file_write(writer, pmn_bytes("4444", 4));
	if (code == PMN_OK)
		code = pmn_file_finish(writer);
	pmn_file_writer_close(writer);
	PMN_TRY(code);
	PMN_TRY(pmn_fs_read_file(fs, "/a/two", 10, buffer));
	PMN_TRY(pmn_fs_read_file(fs, "/a/b/three", 10, buffer));
	CHECK(buffer->size == 7 && memcmp(buffer->data, "3334444", 7) == 0);
	CHECK(pmn_fs_read_file(fs, "/a/none", 10, buffer) == PMN_NOT_FOUND);
	PMN_TRY(pmn_fs_list(fs, "/a", arena, &list));
	CHECK(list.count == 3);
	PMN_TRY(pmn_fs_list(fs, "/a/empty", arena, &list));
	CHECK(list.count == 0);
	CHECK(pmn_fs_list(fs, "/none", arena, &list) == PMN_NOT_FOUND);
	PMN_TRY(pmn_fs_remove(fs, "/a/two"));
	PMN_TRY(pmn_fs_remove(fs, "/a/two"));
	PMN_TRY(pmn_fs_remove_tree(fs, "/a/b"));
	PMN_TRY(pmn_fs_exists(fs, "/a/b/one", &exists));
	CHECK(!exists);
	PMN_TRY(pmn_fs_exists(fs, "/a", &exists));
	CHECK(exists);
	return pmn_poll(env);
}

static PmnCode
memory_scenario(PmnEnv *env)
{
	PmnFileSystem *fs = NULL;
	PmnArena *arena = NULL;
	PmnBuffer buffer;
	PmnCode code = pmn_fs_memory_open(env, &fs);

	pmn_buffer_init(&buffer, env);
	if (code == PMN_OK)
		code = pmn_arena_create(env, 0, &arena);
	if (code == PMN_OK)
		code = use_memory(env, fs, arena, &buffer);
	pmn_buffer_free(&buffer);
	pmn_arena_destroy(arena);
	pmn_fs_close(fs);
	return code;
}

TEST(memory_behaves)
{
	PmnTestEnv env;

	pmn_test_env_init(&env);
	CHECK_OK(&env, memory_scenario(&env.base));
	CHECK(env.live_bytes == 0);
}

static bool stopped;

static bool
should_stop(PmnEnv *env)
{
	(void) env;
	return stopped;
}

TEST(calls_poll_for_cancellation)
{
	PmnTestEnv env;
	PmnFileSystem *fs;
	bool exists;

	pmn_test_env_init(&env);
	env.base.should_stop = should_stop;
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, pmn_fs_put(fs, "/b", PMN_PUT_NEW, pmn_bytes("", 0)));
	stopped = true;
	CHECK(pmn_fs_exists(fs, "/a", &exists) == PMN_CANCELLED);
	CHECK(pmn_fs_put(fs, "/a", PMN_PUT_NEW, pmn_bytes("", 0)) == PMN_CANCELLED);
	/* Cleaning up after a cancel goes on. */
	CHECK_OK(&env, pmn_fs_remove(fs, "/b"));
	stopped = false;
	CHECK_OK(&env, pmn_fs_exists(fs, "/b", &exists));
	CHECK(!exists);
	pmn_fs_close(fs);
}

TEST(faults_strike_where_told)
{
	PmnTestEnv env;
	PmnFileSystem *inner;
	PmnFileSystem *fs;
	bool exists;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &inner));
	CHECK_OK(&env, pmn_fs_fault_open(&env.base, inner, &fs));
	pmn_fs_fault_set(fs, PMN_FAULT_PUT, 1, PMN_UNAVAILABLE, PMN_FAULT_BEFORE);
	CHECK_OK(&env, pmn_fs_put(fs, "/1", PMN_PUT_NEW, pmn_bytes("", 0)));
	CHECK_OK(&env, pmn_fs_exists(fs, "/1", &exists));
	CHECK(exists && !pmn_fs_fault_fired(fs));
	CHECK(pmn_fs_put(fs, "/2", PMN_PUT_NEW, pmn_bytes("", 0)) ==
		  PMN_UNAVAILABLE);
	CHECK_OK(&env, pmn_fs_exists(fs, "/2", &exists));
	CHECK(!exists && pmn_fs_fault_fired(fs) && pmn_fs_fault_count(fs) == 2);
	CHECK_OK(&env, pmn_fs_put(fs, "/2", PMN_PUT_NEW, pmn_bytes("", 0)));

	pmn_fs_fault_set(fs, PMN_FAULT_CHANGES, 0, PMN_IO, PMN_FAULT_AFTER);
	CHECK(pmn_fs_put(fs, "/3", PMN_PUT_NEW, pmn_bytes("", 0)) == PMN_IO);
	CHECK_OK(&env, pmn_fs_exists(fs, "/3", &exists));
	CHECK(exists);
	/* What fails by itself is no lost acknowledgement. */
	pmn_fs_fault_set(fs, PMN_FAULT_ALL, 0, PMN_IO, PMN_FAULT_AFTER);
	CHECK(pmn_fs_put(fs, "/3", PMN_PUT_NEW, pmn_bytes("", 0)) == PMN_EXISTS);

	pmn_fs_fault_set(fs, PMN_FAULT_FINISH, 0, PMN_IO, PMN_FAULT_CRASH);
	CHECK_OK(&env, pmn_fs_put(fs, "/4", PMN_PUT_NEW, pmn_bytes("", 0)));
	{
		PmnFileWriter *writer;

		CHECK_OK(&env, pmn_fs_open_write(fs, "/5", &writer));
		CHECK_OK(&env, pmn_file_write(writer, pmn_bytes("x", 1)));
		CHECK(pmn_file_finish(writer) == PMN_IO);
		pmn_file_writer_close(writer);
	}
	CHECK(pmn_fs_exists(fs, "/4", &exists) == PMN_IO);
	pmn_fs_close(fs);
	CHECK_OK(&env, pmn_fs_exists(inner, "/5", &exists));
	CHECK(!exists);
	pmn_fs_close(inner);
	pmn_fs_close(NULL);
	CHECK(env.live_bytes == 0);
}

TEST(survives_every_allocation_failure)
{
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnTestEnv env;

		pmn_test_env_fail_at(&env, step);
		code = memory_scenario(&env.base);
		CHECK(env.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
}

int
main(void)
{
	RUN(paths_are_joined);
	RUN(names_are_checked);
	RUN(memory_behaves);
	RUN(calls_poll_for_cancellation);
	RUN(faults_strike_where_told);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
