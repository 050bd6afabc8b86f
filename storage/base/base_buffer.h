/*
 * base_buffer.h
 *
 * Bytes that grow, and reading and writing of fixed-width integers.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <string.h>

#include "base_arena.h"

typedef struct PmnBuffer
{
	PmnEnv *env;
	uint8_t *data;
	size_t size;
	size_t capacity;
} PmnBuffer;

void pmn_buffer_init(PmnBuffer *buffer, PmnEnv *env);
void pmn_buffer_free(PmnBuffer *buffer);
void pmn_buffer_reset(PmnBuffer *buffer); /* size 0, memory kept */
PMN_CHECKED PmnCode pmn_buffer_reserve(PmnBuffer *buffer, size_t more);
PMN_CHECKED PmnCode pmn_buffer_append(PmnBuffer *buffer, const void *src,
									  size_t size);
PMN_CHECKED PmnCode pmn_buffer_byte(PmnBuffer *buffer, uint8_t byte);
PMN_CHECKED PmnCode pmn_buffer_string(PmnBuffer *buffer, const char *src);
PMN_CHECKED PmnCode pmn_buffer_format(PmnBuffer *buffer, const char *format,
									  ...) PMN_PRINTF(2, 3);

static inline PmnBytes
pmn_bytes(const void *data, size_t size)
{
	PmnBytes bytes = {(const uint8_t *) data, (uint32_t) size};

	PMN_ASSERT(size <= UINT32_MAX);
	return bytes;
}

static inline PmnBytes
pmn_bytes_string(const char *string)
{
	return pmn_bytes(string, strlen(string));
}

/* Unsigned bytes, shorter first; < 0, 0, > 0. */
static inline int
pmn_bytes_compare(PmnBytes a, PmnBytes b)
{
	uint32_t size = a.size < b.size ? a.size : b.size;
	int order = size == 0 ? 0 : memcmp(a.data, b.data, size);

	if (order != 0)
		return order;
	return a.size < b.size ? -1 : a.size > b.size ? 1 : 0;
}

static inline bool
pmn_bytes_equal(PmnBytes a, PmnBytes b)
{
	return a.size == b.size &&
		   (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#define PMN_GET_PUT(bits)                                                      \
	static inline uint##bits##_t pmn_get_le##bits(const void *src)             \
	{                                                                          \
		uint##bits##_t value;                                                  \
		memcpy(&value, src, sizeof(value));                                    \
		return value;                                                          \
	}                                                                          \
	static inline void pmn_put_le##bits(void *dst, uint##bits##_t value)       \
	{                                                                          \
		memcpy(dst, &value, sizeof(value));                                    \
	}                                                                          \
	static inline uint##bits##_t pmn_get_be##bits(const void *src)             \
	{                                                                          \
		uint##bits##_t value;                                                  \
		memcpy(&value, src, sizeof(value));                                    \
		return __builtin_bswap##bits(value);                                   \
	}                                                                          \
	static inline void pmn_put_be##bits(void *dst, uint##bits##_t value)       \
	{                                                                          \
		value = __builtin_bswap##bits(value);                                  \
		memcpy(dst, &value, sizeof(value));                                    \
	}
/* The machine is little-endian; fs and format code assert it once. */
PMN_GET_PUT(16)
PMN_GET_PUT(32)
PMN_GET_PUT(64)
#undef PMN_GET_PUT

/* Random bytes: env->random, or the system's source when that is NULL. */
void pmn_random(PmnEnv *env, void *dst, size_t size);

/* Random UUID in its 36-character form, terminated. */
void pmn_uuid(PmnEnv *env, char dst[37]);

/*
 * pmn_local_millis -- the wall clock of the process's time zone, counted as
 * if it were UTC; what Paimon's _CREATION_TIME holds.
 */
int64_t pmn_local_millis(int64_t utc_millis);

/* FNV-1a style 64-bit hash for in-memory tables; not a format. */
uint64_t pmn_hash_bytes(uint64_t seed, const void *data, size_t size);

#endif /* BASE_BUFFER_H */
