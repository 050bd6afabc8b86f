/*
 * fs_local_test.c
 *
 * Goal: the local file system publishes whole files atomically (one winner
 * among many processes), maps failures to codes, and leaves no stray files.
 */
#include "../testing/testing.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs.h"

static PmnTestEnv env;
static PmnFileSystem *fs;
static PmnArena *arena;
static char root[64];

static void
set_up(void)
{
	pmn_test_env_init(&env);
	pmn_test_directory(root);
	CHECK_OK(&env, pmn_fs_local_open(&env.base, &fs));
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
}

static void
tear_down(void)
{
	pmn_arena_destroy(arena);
	pmn_fs_close(fs);
	pmn_test_remove_directory(root);
	CHECK(env.live_bytes == 0);
}

static const char *
at(const char *name)
{
	return pmn_path_join(arena, root, name, NULL);
}

static bool
holds(const char *path, const char *expected)
{
	PmnBuffer buffer;
	bool same;

	pmn_buffer_init(&buffer, &env.base);
	same = pmn_fs_read_file(fs, path, 1000, &buffer) == PMN_OK &&
		   buffer.size == strlen(expected) &&
		   memcmp(buffer.data, expected, buffer.size) == 0;
	pmn_buffer_free(&buffer);
	return same;
}

static size_t
count_entries(const char *path)
{
	PmnFileList list;

	CHECK_OK(&env, pmn_fs_list(fs, path, arena, &list));
	return list.count;
}

TEST(put_new_and_overwrite)
{
	set_up();
	CHECK_OK(&env, pmn_fs_put(fs, at("a/b/snapshot-1"), PMN_PUT_NEW,
							  pmn_bytes_string("one")));
	CHECK(pmn_fs_put(fs, at("a/b/snapshot-1"), PMN_PUT_NEW,
					 pmn_bytes_string("two")) == PMN_EXISTS);
	CHECK(holds(at("a/b/snapshot-1"), "one"));
	CHECK_OK(&env, pmn_fs_put(fs, at("a/b/snapshot-1"), PMN_PUT_OVERWRITE,
							  pmn_bytes_string("three")));
	CHECK(holds(at("a/b/snapshot-1"), "three"));
	CHECK_OK(&env, pmn_fs_put(fs, at("a/b/LATEST"), PMN_PUT_OVERWRITE,
							  pmn_bytes("", 0)));
	CHECK(count_entries(at("a/b")) == 2);
	CHECK(pmn_fs_put(fs, at("a/b"), PMN_PUT_NEW, pmn_bytes("", 0)) ==
		  PMN_EXISTS);
	CHECK(pmn_fs_put(fs, at("a/b"), PMN_PUT_OVERWRITE, pmn_bytes("", 0)) ==
		  PMN_IO);
	CHECK(count_entries(at("a")) == 1);
	CHECK(pmn_fs_put(fs, at("a/b/LATEST/x"), PMN_PUT_NEW, pmn_bytes("", 0)) !=
		  PMN_OK);
	tear_down();
}

/* Goal: what is made durable later, or never, appears all the same. */
TEST(put_without_syncing)
{
	set_up();
	CHECK_OK(&env, pmn_fs_put(fs, at("m/a"), PMN_PUT_NEW_UNSYNCED,
							  pmn_bytes_string("one")));
	CHECK(pmn_fs_put(fs, at("m/a"), PMN_PUT_NEW_UNSYNCED,
					 pmn_bytes_string("two")) == PMN_EXISTS);
	CHECK(holds(at("m/a"), "one"));
	CHECK_OK(&env, pmn_fs_sync_directory(fs, at("m")));
	CHECK(pmn_fs_sync_directory(fs, at("n")) == PMN_NOT_FOUND);
	CHECK_OK(&env, pmn_fs_put(fs, at("m/LATEST"), PMN_PUT_HINT,
							  pmn_bytes_string("1")));
	CHECK_OK(&env, pmn_fs_put(fs, at("m/LATEST"), PMN_PUT_HINT,
							  pmn_bytes_string("2")));
	CHECK(holds(at("m/LATEST"), "2"));
	CHECK(count_entries(at("m")) == 2);
	tear_down();
}

TEST(writer_streams_and_cleans_up)
{
	PmnFileWriter *writer;
	static uint8_t block[300000];
	PmnBuffer buffer;
	bool exists;

	set_up();
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t) (i * 7);
	CHECK_OK(&env, pmn_fs_open_write(fs, at("d/data-1"), &writer));
	CHECK_OK(&env, pmn_file_write(writer, pmn_bytes(block, 10)));
	CHECK_OK(&env, pmn_file_write(writer, pmn_bytes(block + 10, 200000)));
	for (size_t i = 200010; i < sizeof(block); i += 10)
		CHECK_OK(&env, pmn_file_write(writer, pmn_bytes(block + i, 10)));
	CHECK(writer->size_bytes == 300000);
	CHECK_OK(&env, pmn_file_finish(writer));
	pmn_file_writer_close(writer);
	pmn_buffer_init(&buffer, &env.base);
	CHECK_OK(&env, pmn_fs_read_file(fs, at("d/data-1"), 300000, &buffer));
	CHECK(buffer.size == 300000 && memcmp(buffer.data, block, 300000) == 0);
	CHECK(pmn_fs_read_file(fs, at("d/data-1"), 299999, &buffer) == PMN_CORRUPT);
	CHECK(buffer.size == 300000);
	pmn_buffer_free(&buffer);
	CHECK(pmn_fs_open_write(fs, at("d/data-1"), &writer) == PMN_EXISTS);
	CHECK_OK(&env, pmn_fs_open_write(fs, at("d/data-2"), &writer));
	CHECK_OK(&env, pmn_file_write(writer, pmn_bytes(block, 10)));
	pmn_file_writer_close(writer);
	CHECK_OK(&env, pmn_fs_exists(fs, at("d/data-2"), &exists));
	CHECK(!exists);
	pmn_file_writer_close(NULL);
	tear_down();
}

TEST(reader_is_exact)
{
	PmnFileReader *reader;
	uint8_t bytes[8] = {0};
	uint64_t requests;

	set_up();
	CHECK_OK(&env, pmn_fs_put(fs, at("f"), PMN_PUT_NEW,
							  pmn_bytes_string("0123456789")));
	CHECK_OK(&env, pmn_fs_open_read(fs, at("f"), &reader));
	requests = env.base.counters.read_requests;
	CHECK(reader->size_bytes == 10);
	CHECK_OK(&env, pmn_file_read_at(reader, 4, 6, bytes));
	CHECK(memcmp(bytes, "456789", 6) == 0);
	CHECK_OK(&env, pmn_file_read_at(reader, 10, 0, bytes));
	CHECK(pmn_file_read_at(reader, 5, 6, bytes) == PMN_CORRUPT);
	CHECK(pmn_file_read_at(reader, UINT64_MAX, 2, bytes) == PMN_CORRUPT);
	CHECK(env.base.counters.read_requests == requests + 1);
	CHECK(env.base.counters.read_bytes == 6);
	/* Shorter than at open. */
	CHECK(truncate(at("f"), 3) == 0);
	CHECK(pmn_file_read_at(reader, 2, 4, bytes) == PMN_CORRUPT);
	pmn_file_reader_close(reader);
	CHECK(pmn_fs_open_read(fs, at("none"), &reader) == PMN_NOT_FOUND);
	CHECK(reader == NULL);
	CHECK(pmn_fs_open_read(fs, at("f/x"), &reader) == PMN_NOT_FOUND);
	CHECK(pmn_fs_open_read(fs, root, &reader) == PMN_IO);
	CHECK(mkfifo(at("pipe"), 0600) == 0);
	CHECK(pmn_fs_open_read(fs, at("pipe"), &reader) == PMN_IO);
	pmn_file_reader_close(NULL);
	tear_down();
}

TEST(directories_are_listed_and_removed)
{
	PmnFileList list;
	bool exists;

	set_up();
	CHECK_OK(&env, pmn_fs_make_directory(fs, at("x/y/z")));
	CHECK_OK(&env, pmn_fs_make_directory(fs, at("x/y/z")));
	for (int i = 0; i < 40; i++)
		CHECK_OK(&env,
				 pmn_fs_put(fs, pmn_arena_format(arena, "%s/x/y/f%d", root, i),
							PMN_PUT_NEW, pmn_bytes("abc", 3)));
	CHECK_OK(&env, pmn_fs_list(fs, at("x/y"), arena, &list));
	CHECK(list.count == 41);
	for (size_t i = 0; i < list.count; i++)
	{
		CHECK(list.items[i].is_directory ==
			  (strcmp(list.items[i].name, "z") == 0));
		CHECK(list.items[i].is_directory || list.items[i].size_bytes == 3);
	}
	CHECK(pmn_fs_list(fs, at("none"), arena, &list) == PMN_NOT_FOUND);
	CHECK(list.count == 0);
	CHECK(pmn_fs_list(fs, at("x/y/f1"), arena, &list) == PMN_NOT_FOUND);
	CHECK(pmn_fs_make_directory(fs, at("x/y/f1")) == PMN_IO);
	CHECK_OK(&env, pmn_fs_remove(fs, at("x/y/f1")));
	CHECK_OK(&env, pmn_fs_remove(fs, at("x/y/f1")));
	CHECK(pmn_fs_remove(fs, at("x/y")) != PMN_OK);
	/* A link inside the tree costs the link, not what it points to. */
	CHECK_OK(&env,
			 pmn_fs_put(fs, at("kept/file"), PMN_PUT_NEW, pmn_bytes("k", 1)));
	CHECK(symlink(at("kept"), at("x/link")) == 0);
	CHECK_OK(&env, pmn_fs_remove_tree(fs, at("x")));
	CHECK_OK(&env, pmn_fs_remove_tree(fs, at("x")));
	CHECK_OK(&env, pmn_fs_exists(fs, at("x"), &exists));
	CHECK(!exists && holds(at("kept/file"), "k"));
	CHECK_OK(&env, pmn_fs_exists(fs, at("kept/file/x"), &exists));
	CHECK(!exists);
	tear_down();
}

TEST(failures_have_their_codes)
{
	PmnFileWriter *writer;

	set_up();
	CHECK(pmn_fs_put(fs, "relative", PMN_PUT_NEW, pmn_bytes("", 0)) ==
		  PMN_INVALID);
	CHECK(pmn_fs_put(fs, "/tmp/../x", PMN_PUT_NEW, pmn_bytes("", 0)) ==
		  PMN_INVALID);
	CHECK(pmn_fs_remove_tree(fs, "//") == PMN_INVALID);
	CHECK_OK(&env, pmn_fs_open_write(fs, "/dev/shm/pmn_test_full", &writer));
	pmn_file_writer_close(writer);
	/* root may write anywhere, so only others can be refused. */
	if (geteuid() != 0)
	{
		CHECK_OK(&env, pmn_fs_make_directory(fs, at("locked")));
		CHECK(chmod(at("locked"), 0500) == 0);
		CHECK(pmn_fs_open_write(fs, at("locked/x"), &writer) == PMN_DENIED);
		CHECK(chmod(at("locked"), 0700) == 0);
	}
	CHECK(pmn_fs_open_write(fs, "/proc/pmn_test/x", &writer) != PMN_OK);
	tear_down();
}

/* One process: wait for the start signal, then try to create the file. */
static int
contender(int start, int number)
{
	char text[32];
	char byte;
	PmnCode code;

	pmn_test_env_init(&env);
	env.seed += (uint64_t) number;
	env.base.random = NULL;
	if (read(start, &byte, 1) != 0)
		return 3;
	snprintf(text, sizeof(text), "process %d", number);
	code = pmn_fs_put(fs, at("race/snapshot-7"), PMN_PUT_NEW,
					  pmn_bytes_string(text));
	return code == PMN_OK ? 0 : code == PMN_EXISTS ? 1 : 2;
}

TEST(one_process_wins_the_race)
{
	set_up();
	for (int round = 0; round < 20; round++)
	{
		pid_t children[8];
		int start[2];
		int winner = -1;
		int losers = 0;
		char text[32];

		CHECK_OK(&env, pmn_fs_remove_tree(fs, at("race")));
		CHECK(pipe(start) == 0);
		fflush(stdout);
		for (int i = 0; i < 8; i++)
		{
			children[i] = fork();
			if (children[i] == 0)
			{
				close(start[1]);
				_exit(contender(start[0], i));
			}
		}
		close(start[0]);
		close(start[1]); /* all wake up at once */
		for (int i = 0; i < 8; i++)
		{
			int status;

			CHECK(waitpid(children[i], &status, 0) == children[i]);
			CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
			if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			{
				CHECK(winner == -1);
				winner = i;
			}
			else
				losers++;
		}
		CHECK(winner >= 0 && losers == 7);
		snprintf(text, sizeof(text), "process %d", winner);
		CHECK(holds(at("race/snapshot-7"), text));
		CHECK(count_entries(at("race")) == 1);
	}
	tear_down();
}

static PmnCode
scenario(PmnEnv *base, const char *directory)
{
	PmnFileSystem *local = NULL;
	PmnFileWriter *writer = NULL;
	PmnArena *names = NULL;
	PmnBuffer buffer;
	PmnFileList list;
	PmnCode code = pmn_fs_local_open(base, &local);
	char path[128];

	pmn_buffer_init(&buffer, base);
	snprintf(path, sizeof(path), "%s/a/b/f", directory);
	if (code == PMN_OK)
		code = pmn_arena_create(base, 0, &names);
	if (code == PMN_OK)
		code = pmn_fs_open_write(local, path, &writer);
	if (code == PMN_OK)
		code = pmn_file_write(writer, pmn_bytes("abc", 3));
	if (code == PMN_OK)
		code = pmn_file_finish(writer);
	pmn_file_writer_close(writer);
	if (code == PMN_OK)
		code = pmn_fs_read_file(local, path, 10, &buffer);
	if (code == PMN_OK)
		code = pmn_fs_list(local, directory, names, &list);
	if (local != NULL && code == PMN_OK)
		code = pmn_fs_remove(local, path);
	pmn_buffer_free(&buffer);
	pmn_arena_destroy(names);
	pmn_fs_close(local);
	return code;
}

TEST(survives_every_allocation_failure)
{
	PmnCode code = PMN_NO_MEMORY;

	set_up();
	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnTestEnv failing;
		char path[128];

		pmn_test_env_fail_at(&failing, step);
		code = scenario(&failing.base, root);
		CHECK(failing.live_bytes == 0);
		snprintf(path, sizeof(path), "%s/a/b/f", root);
		unlink(path);
	}
	CHECK(code == PMN_OK);
	tear_down();
}

int
main(void)
{
	RUN(put_new_and_overwrite);
	RUN(put_without_syncing);
	RUN(writer_streams_and_cleans_up);
	RUN(reader_is_exact);
	RUN(directories_are_listed_and_removed);
	RUN(failures_have_their_codes);
	RUN(one_process_wins_the_race);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
