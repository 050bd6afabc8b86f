/*
 * base_error.c
 *
 * Failing with a message. The last failure of a call lives in env->error;
 * nothing here allocates, so running out of memory can be reported too.
 *
 * Invariants: a message is always terminated, and when it is cut to its
 * array the cut never leaves half of a UTF-8 character. Arguments may point
 * into env->error itself ("%s", env->error.message), so each text is built
 * on the stack first and copied at the end.
 */
#include "base_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Drop an incomplete UTF-8 character that cutting left at the end. */
static void
trim_utf8(char *text)
{
	size_t size = strlen(text);
	size_t start = size;

	while (start > 0 && size - start < 4 &&
		   ((uint8_t) text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	start--;
	if (((uint8_t) text[start] & 0xc0) == 0xc0)
	{
		uint8_t lead = (uint8_t) text[start];
		size_t needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

		if (size - start < needed)
			text[start] = '\0';
	}
}

/* Put a formatted text into dst; the arguments may point into dst. */
static void
set_text(char *dst, size_t size, const char *format, va_list args)
{
	char text[1024];
	int needed = vsnprintf(text, sizeof(text), format, args);

	PMN_ASSERT(size > 0 && size <= sizeof(text));
	if (needed < 0)
		text[0] = '\0';
	if (needed >= (int) size)
	{
		text[size - 1] = '\0';
		trim_utf8(text);
	}
	memcpy(dst, text, strlen(text) + 1);
}

PmnCode
pmn_fail(PmnEnv *env, PmnCode code, const char *format, ...)
{
	PmnError *error = &env->error;
	va_list args;

	PMN_ASSERT(code != PMN_OK);
	va_start(args, format);
	set_text(error->message, sizeof(error->message), format, args);
	va_end(args);
	error->code = code;
	error->detail[0] = '\0';
	error->hint[0] = '\0';
	return code;
}

PmnCode
pmn_detail(PmnEnv *env, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_text(env->error.detail, sizeof(env->error.detail), format, args);
	va_end(args);
	return env->error.code;
}

PmnCode
pmn_hint(PmnEnv *env, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_text(env->error.hint, sizeof(env->error.hint), format, args);
	va_end(args);
	return env->error.code;
}

PmnCode
pmn_note(PmnEnv *env, const char *format, ...)
{
	PmnError *error = &env->error;
	char text[2 * sizeof(error->message)];
	size_t prefix;
	size_t rest;
	va_list args;

	va_start(args, format);
	set_text(text, sizeof(error->message), format, args);
	va_end(args);
	prefix = strlen(text);
	rest = strlen(error->message);
	memcpy(text + prefix, ": ", 2);
	memcpy(text + prefix + 2, error->message,
		   rest < sizeof(text) - prefix - 3 ? rest : sizeof(text) - prefix - 3);
	if (prefix + 2 + rest >= sizeof(error->message))
	{
		text[sizeof(error->message) - 1] = '\0';
		trim_utf8(text);
	}
	else
		text[prefix + 2 + rest] = '\0';
	memcpy(error->message, text, strlen(text) + 1);
	return error->code;
}

PmnCode
pmn_fail_memory(PmnEnv *env, size_t size)
{
	return pmn_fail(env, PMN_NO_MEMORY,
					"out of memory: an allocation of %zu bytes failed", size);
}

PmnCode
pmn_poll(PmnEnv *env)
{
	if (env->should_stop != NULL && env->should_stop(env))
		return pmn_fail(env, PMN_CANCELLED, "the operation was cancelled");
	return PMN_OK;
}

void
pmn_assert_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
	fflush(stderr);
	abort();
}
