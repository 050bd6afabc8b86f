/*
 * Goal: no snapshot file crashes us, and one that we accept is printed as a
 * snapshot that we read as the same.
 */
#include "meta_snapshot.h"

#include "meta_fuzzing.h"

static void
print_twice(PmnTestEnv *env, PmnArena *arena, const PmnSnapshot *snapshot)
{
	PmnBuffer first;
	PmnBuffer second;
	PmnSnapshot *again = NULL;
	PmnCode code;

	pmn_buffer_init(&first, &env->base);
	pmn_buffer_init(&second, &env->base);
	code = pmn_snapshot_print(snapshot, &first);
	fuzz_check(code == PMN_OK, "a snapshot prints");
	code = pmn_snapshot_parse(
		&env->base, arena, pmn_bytes(first.data, first.size), "again", &again);
	fuzz_check(code == PMN_OK, "a printed snapshot parses");
	code = pmn_snapshot_print(again, &second);
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
	PmnSnapshot *snapshot = NULL;

	pmn_test_env_init(&env);
	if (pmn_arena_create(&env.base, 0, &arena) != PMN_OK)
		return 0;
	if (pmn_snapshot_parse(&env.base, arena, pmn_bytes(data, size), "fuzz",
						   &snapshot) == PMN_OK)
		print_twice(&env, arena, snapshot);
	pmn_arena_destroy(arena);
	fuzz_check(env.live_bytes == 0, "nothing leaks");
	return 0;
}
