/*
 * base_buffer.c
 *
 * A growing run of bytes in memory of its env. Growth is by half, so that
 * appending n bytes costs O(n) and at most half of the memory is idle; a
 * failed growth leaves the buffer as it was.
 *
 * Formatting writes straight into the free part and measures first, so no
 * text is ever cut.
 */
#include "base_buffer.h"

#include <stdarg.h>
#include <stdio.h>

#define BUFFER_SIZE_MAX (SIZE_MAX / 4)

void
pmn_buffer_init(PmnBuffer *buffer, PmnEnv *env)
{
	memset(buffer, 0, sizeof(*buffer));
	buffer->env = env;
}

void
pmn_buffer_free(PmnBuffer *buffer)
{
	pmn_free(buffer->env, buffer->data, buffer->capacity);
	buffer->data = NULL;
	buffer->size = 0;
	buffer->capacity = 0;
}

void
pmn_buffer_reset(PmnBuffer *buffer)
{
	buffer->size = 0;
}

PmnCode
pmn_buffer_reserve(PmnBuffer *buffer, size_t more)
{
	size_t wanted;
	void *grown;

	PMN_ASSERT(buffer->size <= buffer->capacity);
	if (more <= buffer->capacity - buffer->size)
		return PMN_OK;
	if (more > BUFFER_SIZE_MAX || buffer->size > BUFFER_SIZE_MAX - more)
		return pmn_fail_memory(buffer->env, more);
	wanted = buffer->capacity + buffer->capacity / 2;
	if (wanted < 64)
		wanted = 64;
	if (wanted < buffer->size + more)
		wanted = buffer->size + more;
	grown = pmn_realloc(buffer->env, buffer->data, buffer->capacity, wanted);
	if (grown == NULL)
		return PMN_NO_MEMORY;
	buffer->data = grown;
	buffer->capacity = wanted;
	return PMN_OK;
}

PmnCode
pmn_buffer_append(PmnBuffer *buffer, const void *src, size_t size)
{
	PMN_TRY(pmn_buffer_reserve(buffer, size));
	if (size > 0)
		memcpy(buffer->data + buffer->size, src, size);
	buffer->size += size;
	return PMN_OK;
}

PmnCode
pmn_buffer_byte(PmnBuffer *buffer, uint8_t byte)
{
	PMN_TRY(pmn_buffer_reserve(buffer, 1));
	buffer->data[buffer->size++] = byte;
	return PMN_OK;
}

PmnCode
pmn_buffer_string(PmnBuffer *buffer, const char *src)
{
	return pmn_buffer_append(buffer, src, strlen(src));
}

PmnCode
pmn_buffer_format(PmnBuffer *buffer, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	PMN_ASSERT(size >= 0);
	/* vsnprintf ends its text with a NUL; the buffer doesn't count it. */
	PMN_TRY(pmn_buffer_reserve(buffer, (size_t) size + 1));
	va_start(args, format);
	(void) vsnprintf((char *) buffer->data + buffer->size, (size_t) size + 1,
					 format, args);
	va_end(args);
	buffer->size += (size_t) size;
	return PMN_OK;
}
