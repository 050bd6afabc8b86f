/*
 * codec_test.c
 *
 * Goal: every codec gives back what it packed, and no block, damaged or made
 * to explode, gets more memory than its limit or anything but PMN_CORRUPT.
 */
#include "../testing/testing.h"

#include <string.h>

#include "codec.h"

static const PmnCodec all_codecs[] = {PMN_CODEC_NONE,	 PMN_CODEC_ZSTD,
									  PMN_CODEC_LZ4,	 PMN_CODEC_SNAPPY,
									  PMN_CODEC_DEFLATE, PMN_CODEC_GZIP};

static void
fill(PmnTestEnv *env, uint8_t *dst, size_t size, int kind)
{
	for (size_t i = 0; i < size; i++)
		dst[i] = kind == 0	 ? 0
				 : kind == 1 ? (uint8_t) pmn_test_below(env, 256)
							 : (uint8_t) "paimon "[i % 7];
}

TEST(names_are_known)
{
	PmnTestEnv env;
	PmnCodec codec;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_codec_parse(&env.base, "ZStandard", &codec));
	CHECK(codec == PMN_CODEC_ZSTD);
	CHECK_OK(&env, pmn_codec_parse(&env.base, "null", &codec));
	CHECK(codec == PMN_CODEC_NONE);
	CHECK_OK(&env, pmn_codec_parse(&env.base, "LZ4", &codec));
	CHECK(codec == PMN_CODEC_LZ4);
	CHECK(pmn_codec_parse(&env.base, "bzip2", &codec) == PMN_UNSUPPORTED);
	CHECK(strstr(env.base.error.message, "bzip2") != NULL);
}

static void
round_trip(PmnTestEnv *env, PmnCodec codec, size_t size, int kind)
{
	uint8_t *src = malloc(size + 1);
	PmnBuffer packed;
	PmnBuffer plain;

	fill(env, src, size, kind);
	pmn_buffer_init(&packed, &env->base);
	pmn_buffer_init(&plain, &env->base);
	CHECK_OK(env, pmn_buffer_string(&packed, "head"));
	CHECK_OK(env, pmn_buffer_string(&plain, "head"));
	CHECK_OK(env, pmn_codec_compress(codec, 0, pmn_bytes(src, size), &packed));
	CHECK(memcmp(packed.data, "head", 4) == 0);
	CHECK_OK(env, pmn_codec_decompress(
					  codec, pmn_bytes(packed.data + 4, packed.size - 4), size,
					  size, &plain));
	CHECK(plain.size == size + 4);
	CHECK(memcmp(plain.data, "head", 4) == 0);
	CHECK(size == 0 || memcmp(plain.data + 4, src, size) == 0);
	if (size > 0)
	{
		CHECK(pmn_codec_decompress(codec,
								   pmn_bytes(packed.data + 4, packed.size - 4),
								   size, size - 1, &plain) == PMN_CORRUPT);
		CHECK(plain.size == size + 4);
		CHECK(pmn_codec_decompress(codec,
								   pmn_bytes(packed.data + 4, packed.size - 5),
								   size, size, &plain) == PMN_CORRUPT ||
			  codec == PMN_CODEC_NONE);
	}
	pmn_buffer_free(&packed);
	pmn_buffer_free(&plain);
	free(src);
}

TEST(all_codecs_round_trip)
{
	static const size_t sizes[] = {0, 1, 7, 4096, 65537, 3000000};
	PmnTestEnv env;

	pmn_test_env_init(&env);
	for (size_t c = 0; c < 6; c++)
		for (size_t s = 0; s < 6; s++)
			for (int kind = 0; kind < 3; kind++)
				round_trip(&env, all_codecs[c], sizes[s], kind);
	CHECK(env.live_bytes == 0);
}

TEST(bombs_are_refused)
{
	PmnTestEnv env;
	size_t size = 64 * 1024 * 1024;
	uint8_t *zeroes = calloc(1, size);
	PmnBuffer packed;
	PmnBuffer plain;

	pmn_test_env_init(&env);
	for (size_t c = 1; c < 6; c++)
	{
		pmn_buffer_init(&packed, &env.base);
		pmn_buffer_init(&plain, &env.base);
		CHECK_OK(&env, pmn_codec_compress(all_codecs[c], 0,
										  pmn_bytes(zeroes, size), &packed));
		CHECK(pmn_codec_decompress(all_codecs[c],
								   pmn_bytes(packed.data, packed.size), size,
								   1000000, &plain) == PMN_CORRUPT);
		CHECK(plain.capacity < 2100000 && plain.size == 0);
		pmn_buffer_free(&packed);
		pmn_buffer_free(&plain);
	}
	/* Headers that promise much and hold nothing. */
	pmn_buffer_init(&plain, &env.base);
	CHECK(pmn_codec_decompress(PMN_CODEC_SNAPPY,
							   pmn_bytes("\xff\xff\xff\x7f\x00", 5), 0,
							   (size_t) 1 << 31, &plain) == PMN_CORRUPT);
	CHECK(pmn_codec_decompress(PMN_CODEC_LZ4, pmn_bytes("\x00", 1), 200000000,
							   (size_t) 1 << 31, &plain) == PMN_CORRUPT);
	CHECK(plain.capacity == 0);
	pmn_buffer_free(&plain);
	free(zeroes);
	CHECK(env.live_bytes == 0);
}

TEST(zstd_without_size_and_in_two_frames)
{
	/* Two frames "ab" and "c", made by the stream interface. */
	static const uint8_t frames[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x11,
									 0x00, 0x00, 'a',  'b',	 0x28, 0xb5, 0x2f,
									 0xfd, 0x00, 0x58, 0x09, 0x00, 0x00, 'c'};
	PmnTestEnv env;
	PmnBuffer plain;

	pmn_test_env_init(&env);
	pmn_buffer_init(&plain, &env.base);
	CHECK_OK(&env, pmn_codec_decompress(PMN_CODEC_ZSTD,
										pmn_bytes(frames, sizeof(frames)), 0, 3,
										&plain));
	CHECK(plain.size == 3 && memcmp(plain.data, "abc", 3) == 0);
	CHECK(pmn_codec_decompress(PMN_CODEC_ZSTD,
							   pmn_bytes(frames, sizeof(frames)), 0, 2,
							   &plain) == PMN_CORRUPT);
	CHECK(pmn_codec_decompress(PMN_CODEC_ZSTD,
							   pmn_bytes(frames, sizeof(frames) - 1), 0, 9,
							   &plain) == PMN_CORRUPT);
	CHECK(plain.size == 3);
	pmn_buffer_free(&plain);
}

TEST(damage_never_crashes)
{
	PmnTestEnv env;
	uint8_t src[5000];

	pmn_test_env_init(&env);
	fill(&env, src, sizeof(src), 2);
	fill(&env, src, 1000, 1);
	for (int round = 0; round < 2000; round++)
	{
		PmnCodec codec = all_codecs[pmn_test_below(&env, 6)];
		PmnBuffer packed;
		PmnBuffer plain;
		PmnCode code;

		pmn_buffer_init(&packed, &env.base);
		pmn_buffer_init(&plain, &env.base);
		CHECK_OK(&env,
				 pmn_codec_compress(codec, 0, pmn_bytes(src, 5000), &packed));
		packed.data[pmn_test_below(&env, (uint32_t) packed.size)] ^=
			(uint8_t) (1 + pmn_test_below(&env, 255));
		code = pmn_codec_decompress(codec, pmn_bytes(packed.data, packed.size),
									5000, 5000, &plain);
		CHECK(code == PMN_OK || code == PMN_CORRUPT);
		CHECK(plain.size <= 5000);
		pmn_buffer_free(&packed);
		pmn_buffer_free(&plain);
	}
	CHECK(env.live_bytes == 0);
}

static PmnCode
scenario(PmnEnv *env, PmnCodec codec)
{
	static uint8_t src[20000];
	PmnBuffer packed;
	PmnBuffer plain;
	PmnCode code;

	pmn_buffer_init(&packed, env);
	pmn_buffer_init(&plain, env);
	code = pmn_codec_compress(codec, 0, pmn_bytes(src, sizeof(src)), &packed);
	if (code == PMN_OK)
		code = pmn_codec_decompress(codec, pmn_bytes(packed.data, packed.size),
									sizeof(src), sizeof(src), &plain);
	pmn_buffer_free(&packed);
	pmn_buffer_free(&plain);
	return code;
}

TEST(survives_every_allocation_failure)
{
	for (size_t c = 0; c < 6; c++)
	{
		PmnCode code = PMN_NO_MEMORY;

		for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
		{
			PmnTestEnv env;

			pmn_test_env_fail_at(&env, step);
			code = scenario(&env.base, all_codecs[c]);
			CHECK(env.live_bytes == 0);
		}
		CHECK(code == PMN_OK);
	}
}

int
main(void)
{
	RUN(names_are_known);
	RUN(all_codecs_round_trip);
	RUN(bombs_are_refused);
	RUN(zstd_without_size_and_in_two_frames);
	RUN(damage_never_crashes);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
