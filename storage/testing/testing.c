/*
 * testing.c
 *
 * See testing.h.
 */
#include "testing.h"

#include <string.h>
#include <unistd.h>

int pmn_test_failures = 0;

static bool
fails_now(PmnTestEnv *env, size_t size)
{
	if (env->step++ == env->fail_step)
		return true;
	return env->limit_bytes != 0 && (size > env->limit_bytes ||
									 env->live_bytes > env->limit_bytes - size);
}

static void
count_bytes(PmnTestEnv *env, size_t size, size_t old_size)
{
	/* A block that moves is there twice. */
	env->live_bytes += size;
	if (env->live_bytes > env->peak_bytes)
		env->peak_bytes = env->live_bytes;
	env->live_bytes -= old_size;
}

static void *
test_allocate(PmnEnv *base, size_t size)
{
	PmnTestEnv *env = (PmnTestEnv *) base;
	void *block;

	if (fails_now(env, size))
		return NULL;
	block = malloc(size);
	if (block != NULL)
		count_bytes(env, size, 0);
	return block;
}

static void *
test_reallocate(PmnEnv *base, void *old, size_t old_size, size_t size)
{
	PmnTestEnv *env = (PmnTestEnv *) base;
	void *block;

	if (fails_now(env, size))
		return NULL;
	/* Always move, so that a stale pointer shows under ASan. */
	block = malloc(size);
	if (block == NULL)
		return NULL;
	if (old != NULL)
		memcpy(block, old, old_size < size ? old_size : size);
	free(old);
	count_bytes(env, size, old_size);
	return block;
}

static void
test_release(PmnEnv *base, void *block, size_t size)
{
	PmnTestEnv *env = (PmnTestEnv *) base;

	if (block == NULL)
		return;
	env->live_bytes -= size;
	free(block);
}

static bool
test_should_stop(PmnEnv *base)
{
	(void) base;
	return false;
}

static int64_t
test_now_millis(PmnEnv *base)
{
	return ((PmnTestEnv *) base)->now_millis++;
}

static void
test_random(PmnEnv *base, void *dst, size_t size)
{
	uint8_t *bytes = dst;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t) pmn_test_random((PmnTestEnv *) base);
}

void
pmn_test_env_init(PmnTestEnv *env)
{
	pmn_test_env_fail_at(env, UINT64_MAX);
}

void
pmn_test_env_fail_at(PmnTestEnv *env, uint64_t step)
{
	memset(env, 0, sizeof(*env));
	env->base.allocate = test_allocate;
	env->base.reallocate = test_reallocate;
	env->base.release = test_release;
	env->base.should_stop = test_should_stop;
	env->base.now_millis = test_now_millis;
	env->base.random = test_random;
	env->base.temp_directory = "/tmp";
	env->fail_step = step;
	env->seed = 0x9e3779b97f4a7c15u;
	env->now_millis = 1767225600000;
}

uint64_t
pmn_test_random(PmnTestEnv *env)
{
	env->seed ^= env->seed << 13;
	env->seed ^= env->seed >> 7;
	env->seed ^= env->seed << 17;
	return env->seed;
}

uint32_t
pmn_test_below(PmnTestEnv *env, uint32_t limit)
{
	return (uint32_t) ((pmn_test_random(env) >> 11) % limit);
}

void
pmn_test_check(bool ok, const char *what, const char *file, int line)
{
	if (ok)
		return;
	pmn_test_failures++;
	fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
}

void
pmn_test_directory(char dst[64])
{
	strncpy(dst, "/tmp/pmn_test_XXXXXX", 64);
	if (mkdtemp(dst) == NULL)
	{
		perror("mkdtemp");
		exit(2);
	}
}

void
pmn_test_remove_directory(const char *path)
{
	char command[128];

	if (strncmp(path, "/tmp/pmn_test_", 14) != 0)
		return;
	snprintf(command, sizeof(command), "rm -rf %s", path);
	if (system(command) != 0)
		perror(command);
}
