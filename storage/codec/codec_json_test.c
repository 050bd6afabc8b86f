/*
 * codec_json_test.c
 *
 * Goal: JSON is read strictly, 64-bit integers keep every digit both ways,
 * and what we print is what Paimon's Java prints.
 */
#include "../testing/testing.h"

#include <string.h>

#include "codec_json.h"

static PmnCode
parse(PmnTestEnv *env, const char *text, PmnJson **out)
{
	return pmn_json_parse(&env->base, pmn_bytes_string(text), "f", out);
}

static bool
accepts(const char *text, size_t size)
{
	PmnTestEnv env;
	PmnJson *json;
	PmnCode code;

	pmn_test_env_init(&env);
	code = pmn_json_parse(&env.base, pmn_bytes(text, size), "some-file", &json);
	CHECK(code == PMN_OK || (code == PMN_CORRUPT && json == NULL &&
							 strstr(env.base.error.message, "some-file")));
	pmn_json_free(json);
	CHECK(env.live_bytes == 0);
	return code == PMN_OK;
}

#define ACCEPT(text) CHECK(accepts((text), sizeof(text) - 1))
#define REFUSE(text) CHECK(!accepts((text), sizeof(text) - 1))

TEST(grammar_is_strict)
{
	ACCEPT("{}");
	ACCEPT(" [ 1 , -0 , 1.5e+10 , \"\\u00e9\\ud83d\\ude00\\n\\/\" , null ]\n");
	ACCEPT("\"\xf0\x9f\x98\x80\x7f\"");
	ACCEPT("123456789012345678901234567890");
	REFUSE("");
	REFUSE(" ");
	REFUSE("{} x");
	REFUSE("{}\0");
	REFUSE("\xef\xbb\xbf{}");
	REFUSE("{\"a\":1,}");
	REFUSE("[1,]");
	REFUSE("[1 2]");
	REFUSE("{\"a\" 1}");
	REFUSE("{1:1}");
	REFUSE("[01]");
	REFUSE("[1.]");
	REFUSE("[.5]");
	REFUSE("[+1]");
	REFUSE("[1e]");
	REFUSE("[-]");
	REFUSE("[NaN]");
	REFUSE("[nul]");
	REFUSE("[truex]");
	REFUSE("\"\n\"");
	REFUSE("\"\\u0000\"");
	REFUSE("\"\\u00g0\"");
	REFUSE("\"\\x\"");
	REFUSE("\"\\");
	REFUSE("\"\\ud800\"");
	REFUSE("\"\\ud800\\u0041\"");
	REFUSE("\"\\udc00\"");
	REFUSE("\"\xff\"");
	REFUSE("\"\xc0\x80\"");
	REFUSE("\"\xed\xa0\x80\"");
	REFUSE("\"\xf5\x80\x80\x80\"");
	REFUSE("\"\xe2\x82\"");
	REFUSE("{\"a\":1,\"b\":2,\"a\":3}");
	REFUSE("{\"a\":1,\"\\u0061\":3}");
	REFUSE("[{\"x\":{\"a\":1,\"a\":1}}]");
	REFUSE("[1");
	REFUSE("{\"a\":");
	REFUSE("\"a");
}

TEST(depth_and_duplicates_are_bounded)
{
	char text[300];
	PmnBuffer many;
	PmnTestEnv env;

	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	CHECK(accepts(text, 128));
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	CHECK(!accepts(text, 130));
	pmn_test_env_init(&env);
	pmn_buffer_init(&many, &env.base);
	CHECK_OK(&env, pmn_buffer_string(&many, "{\"k\":0"));
	for (int i = 0; i < 50000; i++)
		CHECK_OK(&env, pmn_buffer_format(&many, ",\"k%d\":0", i));
	CHECK_OK(&env, pmn_buffer_byte(&many, '}'));
	CHECK(accepts((char *) many.data, many.size));
	many.size--;
	CHECK_OK(&env, pmn_buffer_string(&many, ",\"k49998\":1}"));
	CHECK(!accepts((char *) many.data, many.size));
	pmn_buffer_free(&many);
}

TEST(integers_are_exact)
{
	static const char text[] =
		"[9223372036854775807,-9223372036854775808,9007199254740993,"
		"999999999999999,-1,0,1234567890123456,9223372036854775808,"
		"1.5,1e3,\"9223372036854775807\",1234567890123456.5,1e999]";
	static const int64_t expected[] = {
		INT64_MAX, INT64_MIN, 9007199254740993, 999999999999999,
		-1,		   0,		  1234567890123456};
	PmnTestEnv env;
	PmnJson *json;
	const PmnJsonNode *node;
	int64_t value;

	pmn_test_env_init(&env);
	CHECK_OK(&env, parse(&env, text, &json));
	node = pmn_json_first(pmn_json_root(json));
	for (int i = 0; i < 7; i++, node = pmn_json_next(node))
	{
		CHECK(pmn_json_kind(node) == PMN_JSON_NUMBER);
		CHECK(pmn_json_text(node) == NULL);
		CHECK(pmn_json_int64(node, &value) && value == expected[i]);
	}
	CHECK(!pmn_json_int64(node, &value)); /* one too large */
	node = pmn_json_next(node);
	CHECK(!pmn_json_int64(node, &value)); /* 1.5 */
	node = pmn_json_next(node);
	CHECK(pmn_json_int64(node, &value) && value == 1000);
	node = pmn_json_next(node);
	CHECK(pmn_json_kind(node) == PMN_JSON_STRING);
	CHECK(!pmn_json_int64(node, &value));
	CHECK(strcmp(pmn_json_text(node), "9223372036854775807") == 0);
	node = pmn_json_next(node);
	CHECK(pmn_json_kind(node) == PMN_JSON_NUMBER);
	CHECK(!pmn_json_int64(node, &value));
	node = pmn_json_next(node);
	CHECK(!pmn_json_int64(node, &value));
	CHECK(pmn_json_next(node) == NULL);
	pmn_json_free(json);
	CHECK(env.live_bytes == 0);
}

TEST(members_are_found_and_checked)
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnJson *json;
	const PmnJsonNode *root;
	const char *text;
	int64_t value = 7;
	bool flag;

	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
	CHECK_OK(&env, parse(&env,
						 "{\"id\":1234567890123456789,\"s\":\"a\\u00e9\","
						 "\"n\":null,\"b\":true,\"o\":{\"x\":1},\"S\":2}",
						 &json));
	root = pmn_json_root(json);
	CHECK(pmn_json_kind(root) == PMN_JSON_OBJECT && pmn_json_count(root) == 6);
	CHECK(strcmp(pmn_json_key(pmn_json_first(root)), "id") == 0);
	CHECK_OK(&env, pmn_json_get_int64(json, root, "id", &value));
	CHECK(value == 1234567890123456789);
	CHECK_OK(&env, pmn_json_get_string(json, root, "s", arena, &text));
	CHECK(strcmp(text, "a\xc3\xa9") == 0);
	CHECK(pmn_json_get_int64(json, root, "s", &value) == PMN_CORRUPT);
	CHECK(pmn_json_get_int64(json, root, "n", &value) == PMN_CORRUPT);
	CHECK(pmn_json_get_int64(json, root, "zz", &value) == PMN_CORRUPT);
	CHECK(strstr(env.base.error.message, "\"zz\"") != NULL);
	CHECK(pmn_json_get_string(json, root, "id", arena, &text) == PMN_CORRUPT);
	CHECK_OK(&env, pmn_json_opt_string(json, root, "n", arena, &text));
	CHECK(text == NULL);
	CHECK_OK(&env, pmn_json_opt_int64(json, root, "zz", &value, &flag));
	CHECK(!flag);
	CHECK(pmn_json_member(root, "n") == NULL);
	CHECK(pmn_json_member(NULL, "n") == NULL);
	CHECK(pmn_json_bool(pmn_json_member(root, "b"), &flag) && flag);
	CHECK(!pmn_json_bool(pmn_json_member(root, "s"), &flag));
	CHECK_OK(&env,
			 pmn_json_get_int64(json, pmn_json_member(root, "o"), "x", &value));
	CHECK(value == 1);
	pmn_json_free(json);
	pmn_json_free(NULL);
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

static void
write_sample(PmnJsonWriter *writer)
{
	pmn_json_begin_object(writer, NULL);
	pmn_json_put_int64(writer, "id", INT64_MIN);
	pmn_json_begin_array(writer, "fields");
	for (int i = 0; i < 2; i++)
	{
		pmn_json_begin_object(writer, NULL);
		pmn_json_put_string(writer, "n", "q\"\\\n\x01\xe2\x82\xac");
		pmn_json_begin_object(writer, "e");
		pmn_json_end(writer);
		pmn_json_end(writer);
	}
	pmn_json_end(writer);
	pmn_json_begin_array(writer, "keys");
	pmn_json_end(writer);
	pmn_json_begin_array(writer, "names");
	pmn_json_put_string(writer, NULL, "a");
	pmn_json_put_int64(writer, NULL, 2);
	pmn_json_put_string(writer, NULL, NULL);
	pmn_json_end(writer);
	pmn_json_put_bool(writer, "b", false);
	pmn_json_end(writer);
}

TEST(printing_is_like_java)
{
	static const char compact[] =
		"{\"id\":-9223372036854775808,\"fields\":[{\"n\":"
		"\"q\\\"\\\\\\n\\u0001\xe2\x82\xac\",\"e\":{}},{\"n\":"
		"\"q\\\"\\\\\\n\\u0001\xe2\x82\xac\",\"e\":{}}],\"keys\":[],"
		"\"names\":[\"a\",2,null],\"b\":false}";
	static const char pretty[] =
		"{\n  \"id\" : -9223372036854775808,\n  \"fields\" : [ {\n    \"n\" : "
		"\"q\\\"\\\\\\n\\u0001\xe2\x82\xac\",\n    \"e\" : { }\n  }, {\n"
		"    \"n\" : \"q\\\"\\\\\\n\\u0001\xe2\x82\xac\",\n    \"e\" : { }\n"
		"  } ],\n  \"keys\" : [ ],\n  \"names\" : [ \"a\", 2, null ],\n"
		"  \"b\" : false\n}";
	PmnTestEnv env;
	PmnBuffer out;
	PmnJsonWriter writer;

	pmn_test_env_init(&env);
	for (int indent = 0; indent <= 2; indent += 2)
	{
		const char *expected = indent == 0 ? compact : pretty;
		PmnJson *json;

		pmn_buffer_init(&out, &env.base);
		pmn_json_writer_init(&writer, &out, indent);
		write_sample(&writer);
		CHECK_OK(&env, pmn_json_writer_finish(&writer));
		CHECK(out.size == strlen(expected) &&
			  memcmp(out.data, expected, out.size) == 0);
		CHECK_OK(&env, pmn_json_parse(&env.base, pmn_bytes(out.data, out.size),
									  "f", &json));
		pmn_json_free(json);
		pmn_buffer_free(&out);
	}
	pmn_buffer_init(&out, &env.base);
	pmn_json_writer_init(&writer, &out, 0);
	pmn_json_put_string(&writer, NULL, "\xff");
	CHECK(pmn_json_writer_finish(&writer) == PMN_INVALID);
	pmn_buffer_free(&out);
	pmn_buffer_init(&out, &env.base);
	pmn_json_writer_init(&writer, &out, 0);
	for (int i = 0; i < 70; i++)
		pmn_json_begin_array(&writer, NULL);
	CHECK(pmn_json_writer_finish(&writer) == PMN_INVALID);
	pmn_buffer_free(&out);
	CHECK(env.live_bytes == 0);
}

static PmnCode
scenario(PmnEnv *env)
{
	PmnBuffer out;
	PmnJsonWriter writer;
	PmnJson *json = NULL;
	PmnArena *arena = NULL;
	const char *text;
	PmnCode code;

	pmn_buffer_init(&out, env);
	pmn_json_writer_init(&writer, &out, 2);
	write_sample(&writer);
	code = pmn_json_writer_finish(&writer);
	if (code == PMN_OK)
		code = pmn_json_parse(env, pmn_bytes(out.data, out.size), "f", &json);
	if (code == PMN_OK)
		code = pmn_arena_create(env, 0, &arena);
	if (code == PMN_OK)
		code = pmn_json_get_string(
			json,
			pmn_json_first(pmn_json_member(pmn_json_root(json), "fields")), "n",
			arena, &text);
	pmn_arena_destroy(arena);
	pmn_json_free(json);
	pmn_buffer_free(&out);
	return code;
}

TEST(survives_every_allocation_failure)
{
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnTestEnv env;

		pmn_test_env_fail_at(&env, step);
		code = scenario(&env.base);
		CHECK(env.live_bytes == 0);
	}
	CHECK(code == PMN_OK);
}

int
main(void)
{
	RUN(grammar_is_strict);
	RUN(depth_and_duplicates_are_bounded);
	RUN(integers_are_exact);
	RUN(members_are_found_and_checked);
	RUN(printing_is_like_java);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
