/*
 * base_error.h
 *
 * Failing with a message, and passing failures on.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <inttypes.h>

#include "../include/pmn_base.h"

/*
 * pmn_fail -- store code and message in env->error (detail and hint are
 * cleared) and return code. Lower-case start, no final stop, no secrets.
 */
PmnCode pmn_fail(PmnEnv *env, PmnCode code, const char *format, ...)
	PMN_PRINTF(3, 4);

/* Add detail or hint to the error just stored; return its code. */
PmnCode pmn_detail(PmnEnv *env, const char *format, ...) PMN_PRINTF(2, 3);
PmnCode pmn_hint(PmnEnv *env, const char *format, ...) PMN_PRINTF(2, 3);

/* Put "prefix: " in front of the stored message; return its code. */
PmnCode pmn_note(PmnEnv *env, const char *format, ...) PMN_PRINTF(2, 3);

PmnCode pmn_fail_memory(PmnEnv *env, size_t size);

/* PMN_CANCELLED when env->should_stop says so, else PMN_OK. */
PMN_CHECKED PmnCode pmn_poll(PmnEnv *env);

/* Return from the calling function when the call fails. */
#define PMN_TRY(call)                                                          \
	do                                                                         \
	{                                                                          \
		PmnCode pmn_try_code_ = (call);                                        \
		if (pmn_try_code_ != PMN_OK)                                           \
			return pmn_try_code_;                                              \
	} while (0)

/* Programmer errors: abort with file and line. On in every build. */
void pmn_assert_failed(const char *condition, const char *file, int line);
#define PMN_ASSERT(condition)                                                  \
	((condition) ? (void) 0 : pmn_assert_failed(#condition, __FILE__, __LINE__))

#endif /* BASE_ERROR_H */
