/*
 * lsm_cast_testing.h
 *
 * One cast with room for a few rows, for the tests of the cast. Tests only.
 */
#ifndef LSM_CAST_TESTING_H
#define LSM_CAST_TESTING_H

#include "../testing/testing.h"
#include "lsm_cast.h"

typedef struct Bench
{
	PmnTestEnv env;
	PmnArena *arena;
	PmnType from;
	PmnType to;
	PmnCast cast;
	PmnVector src;
	PmnVector dst;
	uint8_t src_nulls[8];
	uint8_t dst_nulls[8];
	PmnInt128 src_values[8];
	PmnInt128 dst_values[8];
} Bench;

static inline void
start(Bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	pmn_test_env_init(&bench->env);
	CHECK_OK(&bench->env, pmn_arena_create(&bench->env.base, 0, &bench->arena));
}

static inline void
stop(Bench *bench)
{
	pmn_arena_destroy(bench->arena);
	CHECK(bench->env.live_bytes == 0);
}

static inline PmnCode
set_types(Bench *bench, const char *from, const char *to)
{
	CHECK_OK(&bench->env,
			 pmn_type_parse_name(&bench->env.base, from, &bench->from));
	CHECK_OK(&bench->env,
			 pmn_type_parse_name(&bench->env.base, to, &bench->to));
	return pmn_cast_make(bench->arena, "c", &bench->from, &bench->to,
						 &bench->cast);
}

static inline PmnCode
run(Bench *bench, uint32_t count)
{
	bench->src.kind = pmn_type_vector_kind(&bench->from);
	bench->src.values = bench->src_values;
	bench->src.nulls = bench->src_nulls;
	bench->dst.kind = pmn_type_vector_kind(&bench->to);
	bench->dst.values = bench->dst_values;
	bench->dst.nulls = bench->dst_nulls;
	return pmn_cast_run(&bench->cast, bench->arena, &bench->src, count,
						&bench->dst);
}

#endif /* LSM_CAST_TESTING_H */
