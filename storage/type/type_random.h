/*
 * type_random.h
 *
 * For the tests of type/ only: types of every vector kind, random values
 * that hit the edges often, and batches of them.
 */
#ifndef TYPE_RANDOM_H
#define TYPE_RANDOM_H

#include <float.h>
#include <math.h>

#include "../testing/testing.h"
#include "type.h"

static const PmnType random_types[] = {
	{.kind = PMN_TYPE_BOOLEAN},
	{.kind = PMN_TYPE_TINYINT},
	{.kind = PMN_TYPE_SMALLINT},
	{.kind = PMN_TYPE_INT},
	{.kind = PMN_TYPE_BIGINT},
	{.kind = PMN_TYPE_FLOAT},
	{.kind = PMN_TYPE_DOUBLE},
	{.kind = PMN_TYPE_DECIMAL, .precision = 9, .scale = 2},
	{.kind = PMN_TYPE_DECIMAL, .precision = 38, .scale = 10},
	{.kind = PMN_TYPE_CHAR, .length = 5},
	{.kind = PMN_TYPE_VARCHAR, .length = PMN_LENGTH_MAX},
	{.kind = PMN_TYPE_BINARY, .length = 4},
	{.kind = PMN_TYPE_VARBINARY, .length = PMN_LENGTH_MAX},
	{.kind = PMN_TYPE_DATE},
	{.kind = PMN_TYPE_TIME, .precision = 3},
	{.kind = PMN_TYPE_TIMESTAMP, .precision = 3},
	{.kind = PMN_TYPE_TIMESTAMP, .precision = 6},
	{.kind = PMN_TYPE_TIMESTAMP, .precision = 9},
	{.kind = PMN_TYPE_TIMESTAMP_LTZ, .precision = 0},
	{.kind = PMN_TYPE_TIMESTAMP_LTZ, .precision = 7},
};
#define RANDOM_TYPE_COUNT (sizeof(random_types) / sizeof(random_types[0]))

static inline double
random_real(PmnTestEnv *env, bool is_float)
{
	static const double edges[] = {
		0.0,	  -0.0,	   1.0,	  -1.0,	  INFINITY,	 -INFINITY, NAN,  FLT_MAX,
		-FLT_MAX, FLT_MIN, 1e-45, -1e-45, 0.3333333, 16777216,	1e10,
	};
	uint32_t pick = pmn_test_below(env, 24);
	uint64_t bits = pmn_test_random(env);
	uint32_t half = (uint32_t) bits;
	float narrow;
	double value;

	if (pick < sizeof(edges) / sizeof(edges[0]))
		return is_float ? (double) (float) edges[pick] : edges[pick];
	memcpy(&narrow, &half, sizeof(narrow));
	memcpy(&value, &bits, sizeof(value));
	return is_float ? (double) narrow : value;
}

/* Small, edge or any, within bits. */
static inline int64_t
random_int(PmnTestEnv *env, int bits)
{
	int64_t max = (int64_t) (UINT64_MAX >> (65 - bits));
	uint64_t any = pmn_test_random(env);

	switch (pmn_test_below(env, 4))
	{
		case 0:
			return max;
		case 1:
			return -max - 1;
		case 2:
			return (int64_t) (any % 7) - 3;
		default:
			return (int64_t) any >> (64 - bits);
	}
}

static inline PmnInt128
random_int128(PmnTestEnv *env)
{
	PmnInt128 high = random_int(env, pmn_test_below(env, 2) == 0 ? 63 : 2);

	return high * 1000000000000000000 + random_int(env, 59);
}

/* Text of a few letters, so that values share prefixes and repeat. */
static inline PmnBytes
random_bytes(PmnTestEnv *env, PmnArena *arena, bool is_text)
{
	static const char *const letters[] = {
		"a", "b", "\x7f", "\xc3\xbf", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"};
	uint8_t data[128];
	uint32_t count = pmn_test_below(env, 2) == 0 ? pmn_test_below(env, 3)
												 : pmn_test_below(env, 24);
	uint32_t size = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		const char *letter = letters[pmn_test_below(env, 6)];

		if (is_text)
		{
			memcpy(data + size, letter, strlen(letter));
			size += (uint32_t) strlen(letter);
		}
		else
			data[size++] = (uint8_t) (pmn_test_below(env, 3) * 127 +
									  pmn_test_below(env, 2));
	}
	return pmn_bytes(pmn_arena_copy(arena, data, size), size);
}

static inline PmnValue
random_value(PmnTestEnv *env, PmnArena *arena, const PmnType *type)
{
	PmnValue value = {0};

	switch (pmn_type_vector_kind(type))
	{
		case PMN_VECTOR_BOOL:
			value.as.i64 = pmn_test_below(env, 2);
			break;
		case PMN_VECTOR_I32:
			value.as.i64 =
				random_int(env, type->kind == PMN_TYPE_TINYINT	  ? 8
								: type->kind == PMN_TYPE_SMALLINT ? 16
																  : 32);
			break;
		case PMN_VECTOR_I64:
			value.as.i64 = random_int(env, 64);
			break;
		case PMN_VECTOR_F32:
			value.as.f64 = random_real(env, true);
			break;
		case PMN_VECTOR_F64:
			value.as.f64 = random_real(env, false);
			break;
		case PMN_VECTOR_DEC128:
			value.as.dec128 = random_int128(env);
			break;
		case PMN_VECTOR_TS96:
			value.as.ts96.millis =
				random_int(env, pmn_test_below(env, 2) == 0 ? 64 : 44);
			value.as.ts96.nano = (int32_t) (pmn_test_below(env, 3) * 499999 +
											pmn_test_below(env, 2));
			break;
		case PMN_VECTOR_BYTES:
			value.as.bytes = random_bytes(env, arena,
										  type->kind == PMN_TYPE_CHAR ||
											  type->kind == PMN_TYPE_VARCHAR);
			break;
		case PMN_VECTOR_NONE:
			break;
	}
	return value;
}

static inline void
set_element(PmnVector *vector, uint32_t row, const PmnValue *value)
{
	if (vector->nulls != NULL)
		vector->nulls[row] = value->is_null;
	pmn_vector_put(vector, row, value);
}

/* A column of random values, one in `null_every` null; 0: none. */
static inline PmnVector
random_vector(PmnTestEnv *env, PmnArena *arena, const PmnType *type,
			  uint32_t count, uint32_t null_every)
{
	PmnVector vector = {pmn_type_vector_kind(type), NULL, NULL};

	vector.values =
		pmn_arena_alloc(arena, count * pmn_vector_width(vector.kind));
	if (null_every > 0)
		vector.nulls = pmn_arena_alloc(arena, count);
	for (uint32_t i = 0; i < count; i++)
	{
		PmnValue value = random_value(env, arena, type);

		value.is_null = null_every > 0 && pmn_test_below(env, null_every) == 0;
		set_element(&vector, i, &value);
	}
	return vector;
}

#endif /* TYPE_RANDOM_H */
