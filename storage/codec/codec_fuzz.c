/*
 * codec_fuzz.c
 *
 * Goal: no bytes make a decompressor crash, write beyond its limit, leak, or
 * fail with anything but PMN_CORRUPT; and packing what came out gives it back.
 */
#include "../testing/testing.h"

#include <string.h>

#include "codec.h"

#define PLAIN_MAX ((size_t) 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
repack(PmnTestEnv *env, PmnCodec codec, const PmnBuffer *plain)
{
	PmnBuffer packed;
	PmnBuffer again;

	pmn_buffer_init(&packed, &env->base);
	pmn_buffer_init(&again, &env->base);
	if (pmn_codec_compress(codec, 0, pmn_bytes(plain->data, plain->size),
						   &packed) != PMN_OK ||
		pmn_codec_decompress(codec, pmn_bytes(packed.data, packed.size),
							 plain->size, plain->size, &again) != PMN_OK ||
		again.size != plain->size ||
		(plain->size > 0 && memcmp(again.data, plain->data, plain->size) != 0))
		abort();
	pmn_buffer_free(&packed);
	pmn_buffer_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PmnTestEnv env;
	PmnBuffer plain;
	PmnCodec codec;
	size_t hint;
	PmnCode code;

	if (size < 4)
		return 0;
	pmn_test_env_init(&env);
	pmn_buffer_init(&plain, &env.base);
	codec = (PmnCodec) (data[0] % 6);
	hint = pmn_get_le16(data + 1) * (size_t) (data[3] & 15);
	code = pmn_codec_decompress(codec, pmn_bytes(data + 4, size - 4), hint,
								PLAIN_MAX, &plain);
	if (code != PMN_OK && code != PMN_CORRUPT)
		abort();
	if (plain.size > PLAIN_MAX)
		abort();
	if (code == PMN_OK)
		repack(&env, codec, &plain);
	pmn_buffer_free(&plain);
	if (env.live_bytes != 0)
		abort();
	return 0;
}
