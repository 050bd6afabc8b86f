/*
 * Goal: no file index crashes us or takes much memory, and sets of rows stay
 * within the file. The first bytes choose field, operator and a literal, the
 * rest is the container; fields are those of the golden tables.
 */
#include "index_internal.h"

#include "../testing/testing.h"

#define ROW_COUNT 60

static const PmnField fields[] = {
	{.name = "id", .type = {.kind = PMN_TYPE_INT}},
	{.name = "s", .type = {.kind = PMN_TYPE_VARCHAR}},
	{.name = "b", .type = {.kind = PMN_TYPE_BIGINT}},
	{.name = "d", .type = {.kind = PMN_TYPE_DATE}},
	{.name = "dc", .type = {.kind = PMN_TYPE_DECIMAL, .precision = 10}},
	{.name = "ts", .type = {.kind = PMN_TYPE_TIMESTAMP, .precision = 3}},
	{.name = "f", .type = {.kind = PMN_TYPE_DOUBLE}},
	{.name = "o", .type = {.kind = PMN_TYPE_BOOLEAN}},
};
#define FIELD_COUNT (sizeof(fields) / sizeof(*fields))

static void
fuzz_check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *names[FIELD_COUNT];
	PmnSchema schema = {.fields = (PmnField *) (uintptr_t) fields,
						.field_count = FIELD_COUNT};
	PmnIndexColumns columns = {&schema, names};
	PmnValue literal = {.is_null = false};
	PmnPredicate leaf = {.literals = &literal};
	PmnArena *arena = NULL;
	PmnTestEnv env;
	PmnRows rows;
	PmnCode code;

	if (size < 3 || size > 1 << 16)
		return 0;
	pmn_test_env_init(&env);
	for (size_t i = 0; i < FIELD_COUNT; i++)
		names[i] = fields[i].name;
	leaf.field = (int32_t) (data[0] % FIELD_COUNT);
	leaf.op = PMN_PREDICATE_EQ + data[1] % 9;
	leaf.literal_count =
		leaf.op == PMN_PREDICATE_IS_NULL || leaf.op == PMN_PREDICATE_NOT_NULL
			? 0
			: 1;
	if (fields[leaf.field].type.kind == PMN_TYPE_VARCHAR)
		literal.as.bytes = pmn_bytes(data + 2, 1);
	else if (fields[leaf.field].type.kind == PMN_TYPE_DOUBLE)
		literal.as.f64 = (int8_t) data[2] * 0.25;
	else
		literal.as.i64 = (int8_t) data[2];
	if (pmn_arena_create(&env.base, 0, &arena) != PMN_OK)
		return 0;
	code = pmn_index_evaluate(&env.base, arena, pmn_bytes(data + 3, size - 3),
							  "fuzz", &columns, &leaf, ROW_COUNT, &rows);
	fuzz_check(code == PMN_OK || code == PMN_CORRUPT);
	if (code == PMN_OK && rows.kind == PMN_ROWS_SOME)
		fuzz_check(rows.words[0] >> ROW_COUNT == 0 && rows.words[0] != 0);
	fuzz_check(pmn_arena_bytes(arena) < 8u << 20);
	pmn_arena_destroy(arena);
	fuzz_check(env.live_bytes == 0);
	return 0;
}
