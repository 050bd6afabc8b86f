/*
 * type_fuzz.c
 *
 * Any bytes as a type's JSON and as its SQL spelling. What parses must copy,
 * print, and parse again to an equal type.
 */
#include "../testing/testing.h"
#include "type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
print_again(PmnTestEnv *env, PmnArena *arena, const PmnType *type)
{
	PmnBuffer buffer;
	PmnJsonWriter writer;
	PmnJson *json = NULL;
	PmnType copy;
	PmnType again;

	pmn_buffer_init(&buffer, &env->base);
	pmn_json_writer_init(&writer, &buffer, 0);
	PMN_ASSERT(pmn_type_copy(arena, type, &copy) == PMN_OK);
	PMN_ASSERT(pmn_type_equal(type, &copy));
	pmn_json_begin_array(&writer, NULL);
	pmn_type_print(&writer, NULL, &copy);
	pmn_json_end(&writer);
	/* A type nested to the limit is deeper still in its array. */
	if (pmn_json_writer_finish(&writer) == PMN_OK &&
		pmn_json_parse(&env->base, pmn_bytes(buffer.data, buffer.size), "again",
					   &json) == PMN_OK)
	{
		PMN_ASSERT(pmn_type_parse(&env->base, arena,
								  pmn_json_first(pmn_json_root(json)),
								  &again) == PMN_OK);
		PMN_ASSERT(pmn_type_equal(type, &again));
		PMN_ASSERT(type->is_nullable == again.is_nullable);
	}
	pmn_json_free(json);
	pmn_buffer_reset(&buffer);
	PMN_ASSERT(pmn_type_append_name(&buffer, type) == PMN_OK);
	pmn_buffer_free(&buffer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PmnTestEnv env;
	PmnArena *arena = NULL;
	PmnJson *json = NULL;
	PmnParsedType *parsed = NULL;
	PmnType type;
	const char *text;

	if (size > 65536)
		return 0;
	pmn_test_env_init(&env);
	PMN_ASSERT(pmn_arena_create(&env.base, 0, &arena) == PMN_OK);
	text = pmn_arena_string_n(arena, (const char *) data, size);
	if (pmn_type_parse_name(&env.base, text, &type) == PMN_OK)
		print_again(&env, arena, &type);
	if (pmn_type_parse_sql(&env.base, text, &parsed) == PMN_OK)
		print_again(&env, arena, &parsed->type);
	pmn_parsed_type_free(parsed);
	if (pmn_json_parse(&env.base, pmn_bytes(data, size), "fuzz", &json) ==
			PMN_OK &&
		pmn_type_parse(&env.base, arena, pmn_json_root(json), &type) == PMN_OK)
		print_again(&env, arena, &type);
	pmn_json_free(json);
	pmn_arena_destroy(arena);
	PMN_ASSERT(env.live_bytes == 0);
	return 0;
}
