/*
 * lsm_cast_fuzz.c
 *
 * Any bytes as a value of one scalar type, cast to another: both are chosen
 * by the first two bytes. A cast may be refused, but not misbehave, and what
 * comes out must be a value of its vector's kind.
 */
#include "lsm_cast_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"STRING",
									"CHAR(5)",
									"VARCHAR(3)",
									"BOOLEAN",
									"TINYINT",
									"SMALLINT",
									"INT",
									"BIGINT",
									"FLOAT",
									"DOUBLE",
									"DECIMAL(9, 2)",
									"DECIMAL(38, 10)",
									"DECIMAL(38, 38)",
									"BYTES",
									"BINARY(4)",
									"DATE",
									"TIME(3)",
									"TIMESTAMP(0)",
									"TIMESTAMP(3)",
									"TIMESTAMP(6)",
									"TIMESTAMP(9)",
									"TIMESTAMP(6) WITH LOCAL TIME ZONE",
									"TIMESTAMP(8) WITH LOCAL TIME ZONE"};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

/* The bytes as one element; what batches promise of it is made true. */
static void
make_element(Bench *bench, const uint8_t *data, size_t size)
{
	PmnTimestamp *time = (PmnTimestamp *) bench->src_values;
	PmnVectorKind kind = pmn_type_vector_kind(&bench->from);

	if (kind == PMN_VECTOR_BYTES)
	{
		((PmnBytes *) bench->src_values)[0] = pmn_bytes(data, size);
		return;
	}
	memcpy(bench->src_values, data, size < 16 ? size : 16);
	if (kind == PMN_VECTOR_BOOL)
		((uint8_t *) bench->src_values)[0] &= 1;
	if (kind == PMN_VECTOR_TS96)
		time->nano = (int32_t) ((uint32_t) time->nano % 1000000);
}

static void
check_result(const Bench *bench)
{
	const PmnBytes *bytes = (const PmnBytes *) bench->dst_values;
	const PmnTimestamp *time = (const PmnTimestamp *) bench->dst_values;

	if (bench->dst_nulls[0])
		return;
	if (bench->dst.kind == PMN_VECTOR_BYTES)
	{
		PMN_ASSERT(((uintptr_t) bytes->data & 3) == 0);
		/* All of it can be read. */
		(void) pmn_hash_bytes(1, bytes->data, bytes->size);
	}
	if (bench->dst.kind == PMN_VECTOR_BOOL)
		PMN_ASSERT(((const uint8_t *) bench->dst_values)[0] <= 1);
	if (bench->dst.kind == PMN_VECTOR_TS96)
		PMN_ASSERT(time->nano >= 0 && time->nano < 1000000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Bench bench;
	uint8_t *copy;

	if (size < 2 || size > 4096)
		return 0;
	start(&bench);
	copy = pmn_headroom_alloc(bench.arena, size);
	PMN_ASSERT(copy != NULL);
	memcpy(copy, data + 2, size - 2);
	if (set_types(&bench, names[data[0] % NAME_COUNT],
				  names[data[1] % NAME_COUNT]) == PMN_OK &&
		bench.cast.kind != PMN_CAST_NONE)
	{
		make_element(&bench, copy, size - 2);
		if (run(&bench, 1) == PMN_OK)
			check_result(&bench);
	}
	stop(&bench);
	return 0;
}
