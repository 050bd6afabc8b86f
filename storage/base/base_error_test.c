/*
 * base_error_test.c
 *
 * Goal: a failure keeps its code and a well-formed message whatever is put
 * into it: long texts, texts that quote the message itself, prefixes.
 */
#include "../testing/testing.h"

#include <string.h>

static bool stop_now = false;

static bool
should_stop(PmnEnv *env)
{
	(void) env;
	return stop_now;
}

TEST(fail_stores_code_and_clears_detail)
{
	PmnTestEnv env;

	pmn_test_env_init(&env);
	CHECK(pmn_fail(&env.base, PMN_CORRUPT, "file \"%s\" is %d bytes", "x",
				   12) == PMN_CORRUPT);
	CHECK(strcmp(env.base.error.message, "file \"x\" is 12 bytes") == 0);
	CHECK(pmn_detail(&env.base, "detail %d", 1) == PMN_CORRUPT);
	CHECK(pmn_hint(&env.base, "hint %d", 2) == PMN_CORRUPT);
	CHECK(strcmp(env.base.error.detail, "detail 1") == 0);
	CHECK(strcmp(env.base.error.hint, "hint 2") == 0);
	CHECK(pmn_fail(&env.base, PMN_IO, "again") == PMN_IO);
	CHECK(env.base.error.detail[0] == '\0' && env.base.error.hint[0] == '\0');
}

TEST(message_may_quote_itself)
{
	PmnTestEnv env;

	pmn_test_env_init(&env);
	(void) pmn_fail(&env.base, PMN_IO, "inner");
	(void) pmn_fail(&env.base, PMN_IO, "outer (%s)", env.base.error.message);
	CHECK(strcmp(env.base.error.message, "outer (inner)") == 0);
	CHECK(pmn_note(&env.base, "table \"%s\"", "t") == PMN_IO);
	CHECK(strcmp(env.base.error.message, "table \"t\": outer (inner)") == 0);
}

TEST(long_messages_are_cut_between_characters)
{
	PmnTestEnv env;
	char text[1400];
	size_t size;

	pmn_test_env_init(&env);
	for (size_t shift = 0; shift < 3; shift++)
	{
		memset(text, 'a', sizeof(text));
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 3);
		text[sizeof(text) - 1] = '\0';
		(void) pmn_fail(&env.base, PMN_IO, "%s", text);
		size = strlen(env.base.error.message);
		CHECK(size < sizeof(env.base.error.message) && size > 1018);
		CHECK((size - shift) % 3 == 0);
		for (int i = 0; i < 3; i++)
			(void) pmn_note(&env.base, "%s", text);
		size = strlen(env.base.error.message);
		CHECK((size - shift) % 3 == 0 ||
			  env.base.error.message[size - 1] == ':' ||
			  env.base.error.message[size - 1] == ' ');
		(void) pmn_detail(&env.base, "%s", text);
		CHECK((strlen(env.base.error.detail) - shift) % 3 == 0);
		(void) pmn_hint(&env.base, "%s", text);
		CHECK((strlen(env.base.error.hint) - shift) % 3 == 0);
	}
}

TEST(poll_reports_cancellation)
{
	PmnTestEnv env;

	pmn_test_env_init(&env);
	env.base.should_stop = should_stop;
	CHECK(pmn_poll(&env.base) == PMN_OK);
	stop_now = true;
	CHECK(pmn_poll(&env.base) == PMN_CANCELLED);
	env.base.should_stop = NULL;
	CHECK(pmn_poll(&env.base) == PMN_OK);
}

int
main(void)
{
	RUN(fail_stores_code_and_clears_detail);
	RUN(message_may_quote_itself);
	RUN(long_messages_are_cut_between_characters);
	RUN(poll_reports_cancellation);
	TEST_END();
}
