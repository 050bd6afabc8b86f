/*
 * format_orc_rle_test.c
 *
 * ORC's encodings alone: the vectors of its specification, hostile bytes,
 * blocks, and the zones of writers.
 */
#include "../testing/testing.h"

#include "format_orc.h"

typedef struct Ground
{
	PmnTestEnv env;
	OrcInput input;
	OrcStream stream;
} Ground;

/* A stream over a copy of the bytes that has slack behind it. */
static void
open_ground(Ground *ground, const void *bytes, size_t size)
{
	memset(ground, 0, sizeof(*ground));
	pmn_test_env_init(&ground->env);
	ground->input.env = &ground->env.base;
	ground->input.tail_capacity = size + ORC_SLACK;
	ground->input.tail = pmn_alloc(&ground->env.base, size + ORC_SLACK);
	CHECK(ground->input.tail != NULL);
	if (size > 0)
		memcpy(ground->input.tail, bytes, size);
	orc_stream_open_memory(&ground->stream, &ground->input, ground->input.tail,
						   size);
}

static void
close_ground(Ground *ground)
{
	orc_stream_free(&ground->stream);
	orc_input_free(&ground->input);
	CHECK(ground->env.live_bytes == 0);
}

/* Whether bytes decode to exactly these values, read pieces at a time. */
static bool
decodes(const void *bytes, size_t size, bool is_signed, bool is_version_2,
		const int64_t *wanted, size_t count)
{
	bool is_same = true;

	for (size_t piece = 1; piece <= count; piece = piece * 3 + 1)
	{
		int64_t found[1024] = {0};
		Ground ground;
		OrcInts ints;
		bool is_end;

		open_ground(&ground, bytes, size);
		orc_ints_begin(&ints, &ground.stream, is_signed, is_version_2);
		for (size_t at = 0; at < count; at += piece)
			CHECK_OK(&ground.env,
					 orc_ints_read(&ints, found + at,
								   count - at < piece ? count - at : piece));
		is_same &= memcmp(found, wanted, count * sizeof(*found)) == 0;
		is_same &= ground.stream.next == ground.stream.end;
		CHECK_OK(&ground.env, orc_stream_more(&ground.stream, &is_end));
		is_same &= is_end;
		CHECK(orc_ints_read(&ints, found, 1) == PMN_CORRUPT);
		close_ground(&ground);
	}
	return is_same;
}

/* Goal: the examples of the specification, version 1. */
TEST(version_1_vectors)
{
	static const uint8_t repeat[] = {0x61, 0x00, 0x07};
	static const uint8_t falling[] = {0x61, 0xff, 0x64};
	static const uint8_t literals[] = {0xfb, 0x02, 0x03, 0x04, 0x07, 0x0b};
	static const int64_t primes[] = {2, 3, 4, 7, 11};
	static const int64_t zigzag[] = {1, -2, 2, -4, -6};
	int64_t values[100];

	for (int64_t i = 0; i < 100; i++)
		values[i] = 7;
	CHECK(decodes(repeat, sizeof(repeat), false, false, values, 100));
	for (int64_t i = 0; i < 100; i++)
		values[i] = 100 - i;
	CHECK(decodes(falling, sizeof(falling), false, false, values, 100));
	CHECK(decodes(literals, sizeof(literals), false, false, primes, 5));
	CHECK(decodes(literals, sizeof(literals), true, false, zigzag, 5));
}

/* Goal: the examples of the specification, version 2, all four kinds. */
TEST(version_2_vectors)
{
	static const uint8_t repeat[] = {0x0a, 0x27, 0x10};
	static const int64_t repeated[] = {10000, 10000, 10000, 10000, 10000};
	static const uint8_t direct[] = {0x5e, 0x03, 0x5c, 0xa1, 0xab,
									 0x1e, 0xde, 0xad, 0xbe, 0xef};
	static const int64_t words[] = {23713, 43806, 57005, 48879};
	static const uint8_t patched[] = {0x8e, 0x13, 0x2b, 0x21, 0x07, 0xd0, 0x1e,
									  0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46,
									  0x50, 0x5a, 0x64, 0x6e, 0x78, 0x82, 0x8c,
									  0x96, 0xa0, 0xaa, 0xb4, 0xbe, 0xfc, 0xe8};
	static const int64_t years[] = {2030, 2000, 2020, 1000000, 2040, 2050, 2060,
									2070, 2080, 2090, 2100,	   2110, 2120, 2130,
									2140, 2150, 2160, 2170,	   2180, 2190};
	static const uint8_t delta[] = {0xc6, 0x09, 0x02, 0x02,
									0x22, 0x42, 0x42, 0x46};
	static const int64_t primes[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29};
	static const uint8_t fixed[] = {0xc0, 0x04, 0x0a, 0x03};
	static const int64_t steps[] = {5, 3, 1, -1, -3};

	CHECK(decodes(repeat, sizeof(repeat), false, true, repeated, 5));
	CHECK(decodes(direct, sizeof(direct), false, true, words, 4));
	CHECK(decodes(patched, sizeof(patched), true, true, years, 20));
	CHECK(decodes(delta, sizeof(delta), false, true, primes, 10));
	CHECK(decodes(fixed, sizeof(fixed), true, true, steps, 5));
}

static void
put_bits(uint8_t *dst, size_t at, uint32_t width, uint64_t value)
{
	for (uint32_t b = 0; b < width; b++, at++)
		if ((value >> (width - 1 - b) & 1) != 0)
			dst[at / 8] |= (uint8_t) (0x80 >> at % 8);
}

/* Goal: every width unpacks, at every length that ends in a byte or not. */
TEST(all_widths)
{
	static const uint32_t widths[] = {
		1,	2,	3,	4,	5,	6,	7,	8,	9,	10, 11, 12, 13, 14, 15, 16,
		17, 18, 19, 20, 21, 22, 23, 24, 26, 28, 30, 32, 40, 48, 56, 64};
	PmnTestEnv env;

	pmn_test_env_init(&env);
	for (uint32_t code = 0; code < 32; code++)
	{
		static const uint32_t counts[] = {1, 2, 7, 64, 511, 512};

		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++)
		{
			uint32_t width = widths[code];
			uint32_t count = counts[k];
			static int64_t values[512];
			static uint8_t bytes[2 + 512 * 8];

			memset(bytes, 0, sizeof(bytes));
			bytes[0] = (uint8_t) (0x40 | code << 1 | (count - 1) >> 8);
			bytes[1] = (uint8_t) (count - 1);
			for (uint32_t i = 0; i < count; i++)
			{
				uint64_t value = pmn_test_random(&env) >> (64 - width);

				put_bits(bytes + 2, (size_t) i * width, width, value);
				values[i] = (int64_t) value;
			}
			CHECK(decodes(bytes, 2 + ((size_t) width * count + 7) / 8, false,
						  true, values, count));
		}
	}
}

/* Goal: a gap of more than 255 values, and 64 bits through a patch. */
TEST(patches_far_apart)
{
	uint8_t bytes[64] = {0};
	int64_t values[300];

	/* 300 values of one bit, base 5, two patches of 8 bits and 8 bits gap. */
	bytes[0] = 0x80 | 0 << 1 | 1;
	bytes[1] = (uint8_t) (299 & 0xff);
	bytes[2] = 0 << 5 | 7;
	bytes[3] = 7 << 5 | 2;
	bytes[4] = 5;
	put_bits(bytes + 5, 7, 1, 1);
	/* 300 bits are 38 bytes; patches have 16 bits. */
	put_bits(bytes + 43, 0, 16, 255 << 8);
	put_bits(bytes + 43, 16, 16, 40 << 8 | 0x81);
	for (size_t i = 0; i < 300; i++)
		values[i] = 5 + (i == 7);
	values[295] += 0x81 << 1;
	CHECK(decodes(bytes, 47, false, true, values, 300));
}

/* Goal: bytes and bits, runs that end within a read. */
TEST(bytes_and_booleans)
{
	static const uint8_t runs[] = {0x61, 0x00, 0xfe, 0x44, 0x45};
	static const uint8_t bits[] = {0xfe, 0x80, 0x0f, 0x00, 0xff};
	static const char expected[] = "1000000000001111"
								   "111111111111111111111111";
	uint8_t found[128];
	Ground ground;
	OrcBytes bytes;

	open_ground(&ground, runs, sizeof(runs));
	orc_bytes_begin(&bytes, &ground.stream);
	for (size_t at = 0; at < 102; at += 17)
		CHECK_OK(&ground.env, orc_rle_bytes(&bytes, found + at, 17));
	for (size_t i = 0; i < 100; i++)
		CHECK(found[i] == 0);
	CHECK(found[100] == 0x44 && found[101] == 0x45);
	CHECK(orc_rle_bytes(&bytes, found, 1) == PMN_CORRUPT);
	close_ground(&ground);
	for (size_t piece = 1; piece < 41; piece++)
	{
		OrcBooleans booleans;

		open_ground(&ground, bits, sizeof(bits));
		orc_booleans_begin(&booleans, &ground.stream);
		for (size_t at = 0; at < 40; at += piece)
			CHECK_OK(&ground.env,
					 orc_booleans_read(&booleans, found + at,
									   40 - at < piece ? 40 - at : piece));
		for (size_t i = 0; i < 40; i++)
			CHECK(found[i] == (uint8_t) (expected[i] - '0'));
		CHECK(orc_booleans_read(&booleans, found, 1) == PMN_CORRUPT);
		close_ground(&ground);
	}
}

/* Goal: no bytes lead outside of anything. */
TEST(hostile_runs)
{
	PmnTestEnv env;
	uint8_t bytes[600];
	int64_t values[1000];

	pmn_test_env_init(&env);
	for (uint32_t i = 0; i < 20000; i++)
	{
		uint32_t size = pmn_test_below(&env, i % 2 == 0 ? 40 : sizeof(bytes));
		Ground ground;
		OrcInts ints;
		PmnCode code = PMN_OK;

		for (uint32_t b = 0; b < size; b++)
			bytes[b] = (uint8_t) pmn_test_random(&env);
		open_ground(&ground, bytes, size);
		orc_ints_begin(&ints, &ground.stream, i % 3 == 0, i % 5 != 0);
		for (uint32_t k = 0; k < 20 && code == PMN_OK; k++)
			code = orc_ints_read(&ints, values, 1 + pmn_test_below(&env, 1000));
		CHECK(code == PMN_OK || code == PMN_CORRUPT);
		close_ground(&ground);
	}
}

/* Goal: blocks of a compressed stream, plain, empty and broken ones. */
TEST(blocks)
{
	static const uint8_t good[] = {0x07, 0, 0, 'a', 'b', 'c', 0x01,
								   0,	 0, 3, 0,	0,	 'd'};
	uint8_t found[8];
	Ground ground;

	open_ground(&ground, good, sizeof(good));
	ground.input.is_compressed = true;
	ground.input.block_bytes = 4;
	CHECK_OK(&ground.env, orc_stream_copy(&ground.stream, found, 4));
	CHECK(memcmp(found, "abcd", 4) == 0);
	CHECK(orc_stream_copy(&ground.stream, found, 1) == PMN_CORRUPT);
	close_ground(&ground);
	for (size_t size = 0; size < 6; size++)
	{
		open_ground(&ground, good, size);
		ground.input.is_compressed = true;
		ground.input.block_bytes = 4;
		CHECK(orc_stream_copy(&ground.stream, found, 1) == PMN_CORRUPT);
		close_ground(&ground);
	}
	open_ground(&ground, good, sizeof(good));
	ground.input.is_compressed = true;
	ground.input.block_bytes = 2;
	CHECK(orc_stream_copy(&ground.stream, found, 1) == PMN_CORRUPT);
	close_ground(&ground);
}

/* ---- zones --------------------------------------------------------------------- */

static int32_t
offset_of(const char *name, int64_t seconds)
{
	int32_t offset = -1;
	const OrcZone *zone;
	PmnArena *arena;
	PmnTestEnv env;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, orc_zone_open(&env.base, arena, name, &zone));
	offset = orc_zone_offset(zone, seconds);
	pmn_arena_destroy(arena);
	return offset;
}

/* Goal: names that need no file, and those that are refused. */
TEST(zone_names)
{
	static const char *const bad[] = {"../../etc/passwd",
									  "/etc/passwd",
									  "Asia/../../x",
									  "No/Such_Zone",
									  "GMT+",
									  "GMT+99",
									  "Asia/",
									  "+08:0x"};
	const OrcZone *zone;
	PmnArena *arena;
	PmnTestEnv env;

	CHECK(offset_of("", 0) == 0);
	CHECK(offset_of("UTC", 1 << 30) == 0);
	CHECK(offset_of("Etc/UTC", 0) == 0);
	CHECK(offset_of("GMT+08:00", 0) == 8 * 3600);
	CHECK(offset_of("GMT-3", 0) == -3 * 3600);
	CHECK(offset_of("+05:30", 0) == 19800);
	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		CHECK(orc_zone_open(&env.base, arena, bad[i], &zone) ==
			  PMN_UNSUPPORTED);
		CHECK(strstr(env.base.error.message, bad[i]) != NULL);
	}
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

/* A zoneinfo file: one transition at 1000000, then the rule. */
static size_t
make_zone(uint8_t *dst, const char *rule)
{
	static const uint8_t header[44] = {'T', 'Z', 'i', 'f', '2'};
	uint8_t *at = dst;

	memcpy(at, header, 44);
	memcpy(at + 44, header, 44);
	at += 44;
	at[35] = 1; /* times */
	at[39] = 2; /* types */
	at[43] = 4; /* characters */
	at += 44;
	pmn_put_be64(at, 1000000);
	at[8] = 1;
	memset(at + 9, 0, 12);
	pmn_put_be32(at + 9, 1800);
	pmn_put_be32(at + 15, (uint32_t) -18000);
	memcpy(at + 21, "EST", 4);
	at += 25;
	*at++ = '\n';
	memcpy(at, rule, strlen(rule));
	at += strlen(rule);
	*at++ = '\n';
	return (size_t) (at - dst);
}

typedef struct RuleCase
{
	const char *rule;
	int64_t seconds;
	int32_t offset;
} RuleCase;

/* Goal: rules beyond the last transition, of both hemispheres. */
TEST(zone_rules)
{
	static const RuleCase cases[] = {
		{"EST5EDT,M3.2.0,M11.1.0", 999999, 1800},
		{"EST5EDT,M3.2.0,M11.1.0", -2208988801, -18000},
		{"EST5EDT,M3.2.0,M11.1.0", 1710053999, -18000}, /* 2024-03-10 */
		{"EST5EDT,M3.2.0,M11.1.0", 1710054000, -14400},
		{"EST5EDT,M3.2.0,M11.1.0", 1730613599, -14400}, /* 2024-11-03 */
		{"EST5EDT,M3.2.0,M11.1.0", 1730613600, -18000},
		{"EST5EDT,M3.2.0,M11.1.0", 4128451200, -14400}, /* 2100-10-29 */
		{"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 1704067200, 39600},
		{"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 1719792000, 37800},
		{"CET-1CEST,J60,300/0", 1709251199, 3600}, /* 2024-03-01 - 1 s */
		{"CET-1CEST,J60,300/0", 1709258400, 7200},
		{"CET-1CEST,J60,300/0", 1735600000, 3600},
		{"CST-8", 2000000000, 28800},
		{"", 2000000000, -18000}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		uint8_t bytes[256];
		size_t size = make_zone(bytes, cases[i].rule);
		PmnArena *arena;
		PmnTestEnv env;
		OrcZone *zone;

		pmn_test_env_init(&env);
		CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
		CHECK(orc_zone_parse(arena, pmn_bytes(bytes, size), &zone));
		CHECK(orc_zone_offset(zone, cases[i].seconds) == cases[i].offset);
		CHECK(!orc_zone_is_utc(zone));
		for (size_t cut = 0; cut < size; cut++)
			CHECK(!orc_zone_parse(arena, pmn_bytes(bytes, cut), &zone));
		for (uint32_t m = 0; m < 2000; m++)
		{
			uint32_t bit = pmn_test_below(&env, (uint32_t) size * 8);

			bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
			if (orc_zone_parse(arena, pmn_bytes(bytes, size), &zone))
				(void) orc_zone_offset(zone, (int64_t) pmn_test_random(&env) /
												 2000000);
			bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
		}
		pmn_arena_destroy(arena);
		CHECK(env.live_bytes == 0);
	}
}

/* Goal: zones of the system, where it has any. */
TEST(zones_of_the_system)
{
	FILE *file = fopen("/usr/share/zoneinfo/Asia/Shanghai", "rb");

	if (file == NULL)
	{
		printf("# skipped: no zoneinfo here\n");
		return;
	}
	fclose(file);
	CHECK(offset_of("Asia/Shanghai", 1700000000) == 8 * 3600);
	CHECK(offset_of("America/New_York", 1720000000) == -4 * 3600);
	CHECK(offset_of("America/New_York", INT64_C(253402300799)) == -5 * 3600);
	CHECK(offset_of("America/New_York", INT64_C(-62135596800)) == -5 * 3600);
	CHECK(offset_of("Europe/London", -1) == 3600);
}

int
main(void)
{
	RUN(version_1_vectors);
	RUN(version_2_vectors);
	RUN(all_widths);
	RUN(patches_far_apart);
	RUN(bytes_and_booleans);
	RUN(hostile_runs);
	RUN(blocks);
	RUN(zone_names);
	RUN(zone_rules);
	RUN(zones_of_the_system);
	TEST_END();
}
