/*
 * base_buffer_test.c
 *
 * Goal: buffers keep every byte while they grow and survive failed growth;
 * integers keep their order of bytes; UUIDs, hash and local clock have the
 * shape their users rely on.
 */
#include "../testing/testing.h"

#include <string.h>
#include <time.h>

#include "../base/base_buffer.h"

TEST(append_keeps_every_byte)
{
	PmnTestEnv env;
	PmnBuffer buffer;

	pmn_test_env_init(&env);
	pmn_buffer_init(&buffer, &env.base);
	CHECK_OK(&env, pmn_buffer_append(&buffer, NULL, 0));
	for (int i = 0; i < 3000; i++)
	{
		CHECK_OK(&env, pmn_buffer_byte(&buffer, (uint8_t) i));
		CHECK_OK(&env, pmn_buffer_format(&buffer, "%04d", i));
		CHECK_OK(&env, pmn_buffer_string(&buffer, "ab"));
	}
	CHECK(buffer.size == 3000 * 7);
	for (int i = 0; i < 3000; i++)
	{
		char text[16];

		snprintf(text, sizeof(text), "%04dab", i);
		CHECK(buffer.data[i * 7] == (uint8_t) i);
		CHECK(memcmp(buffer.data + i * 7 + 1, text, 6) == 0);
	}
	CHECK(pmn_buffer_reserve(&buffer, SIZE_MAX - 100) == PMN_NO_MEMORY);
	CHECK(buffer.size == 3000 * 7);
	pmn_buffer_reset(&buffer);
	CHECK(buffer.size == 0 && buffer.capacity > 0);
	pmn_buffer_free(&buffer);
	CHECK(env.live_bytes == 0);
}

TEST(failed_growth_leaves_the_buffer)
{
	PmnTestEnv env;
	PmnBuffer buffer;

	pmn_test_env_fail_at(&env, 1);
	pmn_buffer_init(&buffer, &env.base);
	CHECK_OK(&env, pmn_buffer_string(&buffer, "kept"));
	CHECK(pmn_buffer_format(&buffer, "%0500d", 1) == PMN_NO_MEMORY);
	CHECK(buffer.size == 4 && memcmp(buffer.data, "kept", 4) == 0);
	pmn_buffer_free(&buffer);
	CHECK(env.live_bytes == 0);
}

TEST(integers_have_their_order)
{
	uint8_t bytes[8];

	pmn_put_le32(bytes, 0x01020304);
	CHECK(bytes[0] == 4 && bytes[3] == 1);
	CHECK(pmn_get_be32(bytes) == 0x04030201);
	pmn_put_be64(bytes, UINT64_C(0x0102030405060708));
	CHECK(bytes[0] == 1 && bytes[7] == 8);
	CHECK(pmn_get_be64(bytes) == UINT64_C(0x0102030405060708));
	pmn_put_be16(bytes, 0x0102);
	CHECK(pmn_get_le16(bytes) == 0x0201);
}

TEST(bytes_compare_unsigned)
{
	CHECK(pmn_bytes_compare(pmn_bytes_string("a"), pmn_bytes_string("ab")) < 0);
	CHECK(pmn_bytes_compare(pmn_bytes("\xff", 1), pmn_bytes("\x01\x02", 2)) >
		  0);
	CHECK(pmn_bytes_compare(pmn_bytes(NULL, 0), pmn_bytes(NULL, 0)) == 0);
	CHECK(pmn_bytes_equal(pmn_bytes("x", 1), pmn_bytes("x", 1)));
	CHECK(!pmn_bytes_equal(pmn_bytes("x", 1), pmn_bytes("xy", 2)));
}

TEST(uuid_is_version_4)
{
	PmnTestEnv env;
	char first[37];
	char second[37];

	pmn_test_env_init(&env);
	pmn_uuid(&env.base, first);
	env.base.random = NULL;
	pmn_uuid(&env.base, second);
	CHECK(strlen(first) == 36 && strlen(second) == 36);
	CHECK(strcmp(first, second) != 0);
	CHECK(second[8] == '-' && second[13] == '-' && second[14] == '4' &&
		  second[18] == '-' && strchr("89ab", second[19]) != NULL &&
		  second[23] == '-');
}

TEST(local_clock_knows_daylight_saving)
{
	/* 2024-01-15 12:00 and 2024-07-15 12:00 UTC. */
	int64_t winter = INT64_C(1705320000123);
	int64_t summer = INT64_C(1721044800123);

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	CHECK(pmn_local_millis(winter) == winter + 3600000);
	CHECK(pmn_local_millis(summer) == summer + 7200000);
	CHECK(pmn_local_millis(-1) == 3599999);
	setenv("TZ", "UTC", 1);
	tzset();
	CHECK(pmn_local_millis(winter) == winter);
	(void) pmn_local_millis(INT64_MAX);
	(void) pmn_local_millis(INT64_MIN);
}

TEST(hash_depends_on_every_byte)
{
	uint8_t bytes[40] = {0};
	uint64_t seen[41];

	seen[40] = pmn_hash_bytes(1, bytes, 40);
	for (int i = 0; i < 40; i++)
	{
		bytes[i] = 1;
		seen[i] = pmn_hash_bytes(1, bytes, 40);
		bytes[i] = 0;
	}
	for (int i = 0; i < 41; i++)
		for (int k = 0; k < i; k++)
			CHECK(seen[i] != seen[k]);
	CHECK(pmn_hash_bytes(1, bytes, 1) != pmn_hash_bytes(1, bytes, 2));
	CHECK(pmn_hash_bytes(1, NULL, 0) != pmn_hash_bytes(2, NULL, 0));
}

int
main(void)
{
	RUN(append_keeps_every_byte);
	RUN(failed_growth_leaves_the_buffer);
	RUN(integers_have_their_order);
	RUN(bytes_compare_unsigned);
	RUN(uuid_is_version_4);
	RUN(local_clock_knows_daylight_saving);
	RUN(hash_depends_on_every_byte);
	TEST_END();
}
