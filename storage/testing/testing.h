/*
 * testing.h
 *
 * The smallest test harness that does the job: checks that say where they
 * failed, an environment over malloc that counts its bytes and can fail its
 * n-th allocation, and a seeded random source. Tests only.
 */
#ifndef TESTING_H
#define TESTING_H

#include <stdio.h>
#include <stdlib.h>

#include "../base/base_error.h"

typedef struct PmnTestEnv
{
	PmnEnv base;		/* first: hand &env.base to the code under test */
	size_t live_bytes;	/* allocated and not released */
	size_t peak_bytes;	/* the most that was */
	size_t limit_bytes; /* more is refused; 0 = any */
	uint64_t step;		/* allocations so far */
	uint64_t fail_step; /* this allocation fails; UINT64_MAX = none */
	uint64_t seed;
	int64_t now_millis;
} PmnTestEnv;

/* An environment that never fails; temp_directory is "/tmp". */
void pmn_test_env_init(PmnTestEnv *env);
/* One whose allocation number step (from 0) fails. */
void pmn_test_env_fail_at(PmnTestEnv *env, uint64_t step);

uint64_t pmn_test_random(PmnTestEnv *env);
/* 0 .. limit - 1 */
uint32_t pmn_test_below(PmnTestEnv *env, uint32_t limit);

extern int pmn_test_failures;
void pmn_test_check(bool ok, const char *what, const char *file, int line);

#define CHECK(condition)                                                       \
	pmn_test_check((condition), #condition, __FILE__, __LINE__)
/* A storage call that must succeed; prints its message when not. */
#define CHECK_OK(env_, call)                                                   \
	do                                                                         \
	{                                                                          \
		PmnCode check_code_ = (call);                                          \
		if (check_code_ != PMN_OK)                                             \
			fprintf(stderr, "code %d: %s\n", (int) check_code_,                \
					(env_)->base.error.message);                               \
		pmn_test_check(check_code_ == PMN_OK, #call, __FILE__, __LINE__);      \
	} while (0)

#define TEST(name) static void name(void)
#define RUN(name)                                                              \
	do                                                                         \
	{                                                                          \
		int before_ = pmn_test_failures;                                       \
		name();                                                                \
		printf("%s - %s\n", pmn_test_failures == before_ ? "ok" : "not ok",    \
			   #name);                                                         \
	} while (0)
#define TEST_END() return pmn_test_failures == 0 ? 0 : 1

/* A new empty directory below /tmp; the caller removes it with rm_tree. */
void pmn_test_directory(char dst[64]);
void pmn_test_remove_directory(const char *path);

#endif /* TESTING_H */
