/*
 * Goal: no schema file crashes us, and one that we accept is printed as a
 * schema that we read as the same.
 */
#include "meta_schema.h"

#include "meta_fuzzing.h"
#include "meta_options.h"

static void
print_twice(PmnTestEnv *env, PmnArena *arena, const PmnSchema *schema)
{
	PmnBuffer first;
	PmnBuffer second;
	PmnSchema *again = NULL;
	PmnCode code;

	pmn_buffer_init(&first, &env->base);
	pmn_buffer_init(&second, &env->base);
	code = pmn_schema_print(schema, &first);
	fuzz_check(code == PMN_OK, "a schema prints");
	code = pmn_schema_parse(&env->base, arena,
							pmn_bytes(first.data, first.size), "again", &again);
	fuzz_check(code == PMN_OK, "a printed schema parses");
	code = pmn_schema_print(again, &second);
	fuzz_check(code == PMN_OK && first.size == second.size &&
				   memcmp(first.data, second.data, first.size) == 0,
			   "printing is stable");
	pmn_buffer_free(&first);
	pmn_buffer_free(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PmnTestEnv env;
	PmnArena *arena = NULL;
	PmnSchema *schema = NULL;
	PmnSchema *normal = NULL;
	PmnTableOptions options;

	pmn_test_env_init(&env);
	if (pmn_arena_create(&env.base, 0, &arena) != PMN_OK)
		return 0;
	if (pmn_schema_parse(&env.base, arena, pmn_bytes(data, size), "fuzz",
						 &schema) == PMN_OK)
	{
		print_twice(&env, arena, schema);
		if (pmn_options_parse(arena, &env.base, schema, &options) == PMN_OK &&
			pmn_options_check_write(&env.base, schema, &options) == PMN_OK)
			fuzz_check(options.bucket == -1 || options.bucket > 0,
					   "a writable table has buckets");
		if (pmn_schema_normalise(&env.base, arena, schema, &normal) == PMN_OK)
			print_twice(&env, arena, normal);
	}
	pmn_arena_destroy(arena);
	fuzz_check(env.live_bytes == 0, "nothing leaks");
	return 0;
}
