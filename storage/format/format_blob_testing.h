/*
 * format_blob_testing.h
 *
 * Blob files made by hand, value by value. Tests only; each test file
 * includes it once.
 */
#ifndef FORMAT_BLOB_TESTING_H
#define FORMAT_BLOB_TESTING_H

#include <zlib.h>

#include "../testing/testing.h"
#include "format_blob.h"

typedef struct TestBlob
{
	PmnTestEnv *env;
	PmnBuffer file;
	PmnBuffer index;
	int64_t last;
} TestBlob;

static inline void
test_blob_begin(TestBlob *blob, PmnTestEnv *env)
{
	blob->env = env;
	blob->last = 0;
	pmn_buffer_init(&blob->file, &env->base);
	pmn_buffer_init(&blob->index, &env->base);
}

static inline void
test_blob_free(TestBlob *blob)
{
	pmn_buffer_free(&blob->file);
	pmn_buffer_free(&blob->index);
}

/* A size in the index alone. */
static inline void
test_blob_size(TestBlob *blob, int64_t size)
{
	int64_t difference = size - blob->last;
	uint64_t bits =
		(uint64_t) difference << 1 ^ (difference < 0 ? UINT64_MAX : 0);

	for (; bits >= 0x80; bits >>= 7)
		CHECK_OK(blob->env,
				 pmn_buffer_byte(&blob->index, (uint8_t) (bits | 0x80)));
	CHECK_OK(blob->env, pmn_buffer_byte(&blob->index, (uint8_t) bits));
	blob->last = size;
}

static inline void
test_blob_add(TestBlob *blob, PmnBytes value)
{
	static const uint8_t magic[] = {0xcf, 0x11, 0x4e, 0x58};
	PmnBuffer *file = &blob->file;
	size_t start = file->size;
	uint8_t number[8];

	CHECK_OK(blob->env, pmn_buffer_append(file, magic, 4));
	CHECK_OK(blob->env, pmn_buffer_append(file, value.data, value.size));
	pmn_put_le64(number, (uint64_t) value.size + 16);
	CHECK_OK(blob->env, pmn_buffer_append(file, number, 8));
	pmn_put_le32(number, (uint32_t) crc32(0, file->data + start,
										  (uInt) (file->size - start)));
	CHECK_OK(blob->env, pmn_buffer_append(file, number, 4));
	test_blob_size(blob, (int64_t) value.size + 16);
}

static inline void
test_blob_end(TestBlob *blob)
{
	uint8_t number[4];

	pmn_put_le32(number, (uint32_t) blob->index.size);
	if (blob->index.size > 0)
		CHECK_OK(blob->env, pmn_buffer_append(&blob->file, blob->index.data,
											  blob->index.size));
	CHECK_OK(blob->env, pmn_buffer_append(&blob->file, number, 4));
	CHECK_OK(blob->env, pmn_buffer_byte(&blob->file, 1));
}

#endif /* FORMAT_BLOB_TESTING_H */
