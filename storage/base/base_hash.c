/*
 * base_hash.c
 *
 * Small things with no better home: a hash for tables in memory, random
 * UUIDs, and the local wall clock.
 *
 * The hash takes eight bytes a step and folds the high half of each product
 * back, so that low bits depend on all input. It is neither stable between
 * versions nor safe against chosen keys; formats have hashes of their own.
 *
 * Paimon's _CREATION_TIME is LocalDateTime.now() counted as if it were UTC.
 * pmn_local_millis therefore asks the C library for the zone of the process
 * at that moment, daylight saving included.
 */
#include "base_buffer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

static inline uint64_t
fold(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
	return hash ^ (hash >> 32);
}

uint64_t
pmn_hash_bytes(uint64_t seed, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t hash = fold(seed ^ UINT64_C(0xcbf29ce484222325), size);
	uint64_t last = 0;

	while (size >= 8)
	{
		hash = fold(hash, pmn_get_le64(bytes));
		bytes += 8;
		size -= 8;
	}
	for (size_t i = 0; i < size; i++)
		last |= (uint64_t) bytes[i] << (8 * i);
	hash = fold(hash, last);
	return fold(hash, UINT64_C(0x100000001b3));
}

void
pmn_random(PmnEnv *env, void *dst, size_t size)
{
	uint8_t *bytes = dst;
	size_t done = 0;

	if (env->random != NULL)
	{
		env->random(env, dst, size);
		return;
	}
	while (done < size)
	{
		ssize_t got = getrandom(bytes + done, size - done, 0);

		/* It can only be interrupted; a kernel without it can't run us. */
		PMN_ASSERT(got > 0 || errno == EINTR);
		if (got > 0)
			done += (size_t) got;
	}
}

void
pmn_uuid(PmnEnv *env, char dst[37])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[16];
	char *at = dst;

	pmn_random(env, bytes, sizeof(bytes));
	bytes[6] = (uint8_t) ((bytes[6] & 0x0f) | 0x40); /* version 4 */
	bytes[8] = (uint8_t) ((bytes[8] & 0x3f) | 0x80); /* RFC 4122 variant */
	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 0x0f];
	}
	*at = '\0';
	PMN_ASSERT(at == dst + 36);
}

int64_t
pmn_local_millis(int64_t utc_millis)
{
	time_t seconds = (time_t) (utc_millis / 1000);
	struct tm local;
	int64_t shifted;

	if (utc_millis % 1000 < 0)
		seconds--;
	/* A year beyond int has no zone. */
	if (localtime_r(&seconds, &local) == NULL ||
		__builtin_add_overflow(utc_millis, (int64_t) local.tm_gmtoff * 1000,
							   &shifted))
		return utc_millis;
	return shifted;
}
