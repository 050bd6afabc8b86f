/*
 * type_row_fuzz.c
 *
 * Any bytes as a binary row of types the first bytes choose. What parses
 * must be readable to its last byte, have a text and a bucket, and survive
 * being written and parsed again.
 */
#include "type_random.h"
#include "type_row.h"

#define ARITY_MAX 70

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use_values(PmnTestEnv *env, const PmnType *const *types, PmnValue *values,
		   uint32_t arity)
{
	PmnValue again[ARITY_MAX];
	PmnBuffer row;
	PmnBuffer text;
	int32_t bucket;

	pmn_buffer_init(&row, &env->base);
	pmn_buffer_init(&text, &env->base);
	for (uint32_t i = 0; i < arity; i++)
		PMN_ASSERT(pmn_value_append_text(&text, types[i], &values[i]) ==
				   PMN_OK);
	PMN_ASSERT(pmn_bucket_of(PMN_BUCKET_DEFAULT, types, values, arity, 7, &row,
							 &bucket) == PMN_OK);
	PMN_ASSERT(bucket >= 0 && bucket < 7);
	if (pmn_bucket_of(PMN_BUCKET_HIVE, types, values, arity, 7, &row,
					  &bucket) == PMN_OK)
		PMN_ASSERT(bucket >= 0 && bucket < 7);
	pmn_buffer_reset(&row);
	PMN_ASSERT(pmn_row_append_serialized(&row, types, values, arity) == PMN_OK);
	PMN_ASSERT(pmn_row_parse(&env->base, pmn_bytes(row.data, row.size), types,
							 arity, again) == PMN_OK);
	for (uint32_t i = 0; i < arity; i++)
		PMN_ASSERT(values[i].is_null == again[i].is_null);
	pmn_buffer_free(&row);
	pmn_buffer_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PmnTestEnv env;
	const PmnType *types[ARITY_MAX];
	PmnValue values[ARITY_MAX];
	uint32_t arity;
	uint8_t *row;
	size_t row_size;

	if (size < 1)
		return 0;
	arity = data[0] % (ARITY_MAX + 1);
	if (size < 1 + (size_t) arity)
		return 0;
	pmn_test_env_init(&env);
	for (uint32_t i = 0; i < arity; i++)
		types[i] = &random_types[data[1 + i] % RANDOM_TYPE_COUNT];
	/* A copy of exact size, so that reading past it shows. */
	row_size = size - 1 - arity;
	row = pmn_alloc(&env.base, row_size + 1);
	PMN_ASSERT(row != NULL);
	memcpy(row + 1, data + 1 + arity, row_size);
	if (pmn_row_parse(&env.base, pmn_bytes(row + 1, row_size), types, arity,
					  values) == PMN_OK)
		use_values(&env, types, values, arity);
	pmn_free(&env.base, row, row_size + 1);
	PMN_ASSERT(env.live_bytes == 0);
	return 0;
}
