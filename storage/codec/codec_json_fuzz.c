/*
 * codec_json_fuzz.c
 *
 * Goal: any bytes are either refused as PMN_CORRUPT or read; what was read
 * and printed again reads the same. A PMN_NO_MEMORY would mean that the
 * scanner lets something pass that cJSON refuses.
 */
#include "../testing/testing.h"

#include <string.h>

#include "codec_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
print(PmnJsonWriter *writer, const PmnJsonNode *node, const char *key)
{
	PmnJsonKind kind = pmn_json_kind(node);
	int64_t value;
	bool flag;

	switch (kind)
	{
		case PMN_JSON_NULL:
			pmn_json_put_string(writer, key, NULL);
			return;
		case PMN_JSON_BOOL:
			if (!pmn_json_bool(node, &flag))
				abort();
			pmn_json_put_bool(writer, key, flag);
			return;
		case PMN_JSON_NUMBER:
			/* Other numbers have no writer: print them as strings. */
			if (pmn_json_int64(node, &value))
				pmn_json_put_int64(writer, key, value);
			else
				pmn_json_put_string(writer, key, "number");
			return;
		case PMN_JSON_STRING:
			pmn_json_put_string(writer, key, pmn_json_text(node));
			return;
		case PMN_JSON_ARRAY:
			pmn_json_begin_array(writer, key);
			break;
		case PMN_JSON_OBJECT:
			pmn_json_begin_object(writer, key);
			break;
	}
	for (const PmnJsonNode *item = pmn_json_first(node); item != NULL;
		 item = pmn_json_next(item))
		print(writer, item,
			  kind == PMN_JSON_OBJECT ? pmn_json_key(item) : NULL);
	pmn_json_end(writer);
}

static void
print_all(PmnTestEnv *env, PmnBytes text, PmnBuffer *out, bool must)
{
	PmnJson *json;
	PmnJsonWriter writer;
	PmnCode code = pmn_json_parse(&env->base, text, "fuzz", &json);

	if (code == PMN_CORRUPT && !must)
		return;
	if (code != PMN_OK)
		abort();
	pmn_json_writer_init(&writer, out, text.size % 2 == 0 ? 2 : 0);
	print(&writer, pmn_json_root(json), NULL);
	if (pmn_json_writer_finish(&writer) != PMN_OK)
		abort();
	pmn_json_free(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PmnTestEnv env;
	PmnBuffer first;
	PmnBuffer second;
	PmnBuffer third;

	pmn_test_env_init(&env);
	pmn_buffer_init(&first, &env.base);
	pmn_buffer_init(&second, &env.base);
	pmn_buffer_init(&third, &env.base);
	print_all(&env, pmn_bytes(data, size), &first, false);
	if (first.size > 0)
	{
		print_all(&env, pmn_bytes(first.data, first.size), &second, true);
		print_all(&env, pmn_bytes(second.data, second.size), &third, true);
		/* The indent may differ once; the values may not. */
		if (first.size % 2 == second.size % 2 && first.size == second.size &&
			memcmp(first.data, second.data, first.size) != 0)
			abort();
	}
	pmn_buffer_free(&first);
	pmn_buffer_free(&second);
	pmn_buffer_free(&third);
	if (env.live_bytes != 0)
		abort();
	return 0;
}
