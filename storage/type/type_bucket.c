/*
 * type_bucket.c
 *
 * Which bucket a key belongs to (format/metadata.md 6.2). Three functions,
 * chosen by table option "bucket-function.type":
 *
 *   default   |murmur3_32(whole BinaryRow, seed 42) % N|
 *   mod       floorMod(value, N) of one INT or BIGINT
 *   hive      h = 31 h + hash(column) over the columns, without the sign, % N
 *
 * A wrong bucket makes a row unfindable for every other engine, so hive
 * refuses types whose hash we do not know for sure.
 */
#include <math.h>

#include "type_row.h"

#define MURMUR_SEED 42u

static uint32_t
rotate_left(uint32_t value, int by)
{
	return value << by | value >> (32 - by);
}

int32_t
pmn_row_hash(PmnBytes row_memory)
{
	uint32_t hash = MURMUR_SEED;

	PMN_ASSERT(row_memory.size % 4 == 0);
	for (uint32_t i = 0; i < row_memory.size; i += 4)
	{
		uint32_t word = pmn_get_le32(row_memory.data + i);

		word *= 0xcc9e2d51u;
		word = rotate_left(word, 15);
		word *= 0x1b873593u;
		hash ^= word;
		hash = rotate_left(hash, 13);
		hash = hash * 5 + 0xe6546b64u;
	}
	hash ^= row_memory.size;
	hash ^= hash >> 16;
	hash *= 0x85ebca6bu;
	hash ^= hash >> 13;
	hash *= 0xc2b2ae35u;
	hash ^= hash >> 16;
	return (int32_t) hash;
}

static PmnCode
bucket_default(const PmnType *const *types, const PmnValue *values,
			   uint32_t arity, int32_t buckets, PmnBuffer *scratch,
			   int32_t *bucket)
{
	int32_t remainder;

	pmn_buffer_reset(scratch);
	PMN_TRY(pmn_row_append(scratch, types, values, arity));
	remainder = pmn_row_hash(pmn_bytes(scratch->data, scratch->size)) % buckets;
	*bucket = remainder < 0 ? -remainder : remainder;
	return PMN_OK;
}

static PmnCode
bucket_mod(PmnEnv *env, const PmnType *const *types, const PmnValue *values,
		   uint32_t arity, int32_t buckets, int32_t *bucket)
{
	int64_t value;
	int64_t remainder;

	if (arity != 1 ||
		(types[0]->kind != PMN_TYPE_INT && types[0]->kind != PMN_TYPE_BIGINT))
		return pmn_fail(env, PMN_UNSUPPORTED,
						"bucket function \"mod\" needs one bucket key of type "
						"INT or BIGINT");
	/* Paimon reads the slot of a null, which is 0. */
	value = values[0].is_null ? 0 : values[0].as.i64;
	remainder = value % buckets;
	*bucket = (int32_t) (remainder < 0 ? remainder + buckets : remainder);
	return PMN_OK;
}

static uint32_t
hash_long(uint64_t value)
{
	return (uint32_t) (value ^ value >> 32);
}

static uint32_t
hash_float(float value)
{
	uint32_t bits;

	if (value == 0)
		return 0;
	if (isnan(value))
		return 0x7fc00000u;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static uint32_t
hash_double(double value)
{
	uint64_t bits;

	if (value == 0)
		return 0;
	if (isnan(value))
		return hash_long(0x7ff8000000000000u);
	memcpy(&bits, &value, sizeof(bits));
	return hash_long(bits);
}

static uint32_t
hash_bytes(PmnBytes bytes)
{
	uint32_t hash = 0;

	for (uint32_t i = 0; i < bytes.size; i++)
		hash = hash * 31 + (uint32_t) (int32_t) (int8_t) bytes.data[i];
	return hash;
}

/* Java's BigDecimal.hashCode after its trailing zeros are gone. */
static uint32_t
hash_decimal(PmnInt128 value, int32_t scale)
{
	PmnUint128 rest = value < 0 ? -(PmnUint128) value : (PmnUint128) value;
	uint32_t hash = 0;

	if (rest == 0)
		return 0;
	while (scale > 0 && rest % 10 == 0)
	{
		rest /= 10;
		scale--;
	}
	/* BigInteger hashes its 32-bit words, highest first; leading ones are 0
	 * and change nothing. */
	for (int shift = 96; shift >= 0; shift -= 32)
		hash = hash * 31 + (uint32_t) (rest >> shift);
	if (value < 0)
		hash = -hash;
	return hash * 31 + (uint32_t) scale;
}

static PmnCode
hash_column(PmnEnv *env, const PmnType *type, const PmnValue *value,
			uint32_t *hash)
{
	bool is_time = type->kind == PMN_TYPE_TIME ||
				   type->kind == PMN_TYPE_TIMESTAMP ||
				   type->kind == PMN_TYPE_TIMESTAMP_LTZ;
	PmnVectorKind kind = is_time || !pmn_type_is_comparable(type)
							 ? PMN_VECTOR_NONE
							 : pmn_type_vector_kind(type);
	bool is_decimal = type->kind == PMN_TYPE_DECIMAL;
	char name[128];

	*hash = 0;
	switch (kind)
	{
		case PMN_VECTOR_BOOL:
			*hash = value->is_null ? 0 : value->as.i64 != 0;
			return PMN_OK;
		case PMN_VECTOR_I32:
			*hash = value->is_null ? 0 : (uint32_t) value->as.i64;
			return PMN_OK;
		case PMN_VECTOR_I64:
			if (!value->is_null)
				*hash = is_decimal ? hash_decimal(value->as.i64, type->scale)
								   : hash_long((uint64_t) value->as.i64);
			return PMN_OK;
		case PMN_VECTOR_F32:
			*hash = value->is_null ? 0 : hash_float((float) value->as.f64);
			return PMN_OK;
		case PMN_VECTOR_F64:
			*hash = value->is_null ? 0 : hash_double(value->as.f64);
			return PMN_OK;
		case PMN_VECTOR_DEC128:
			if (!value->is_null)
				*hash = hash_decimal(value->as.dec128, type->scale);
			return PMN_OK;
		case PMN_VECTOR_BYTES:
			*hash = value->is_null ? 0 : hash_bytes(value->as.bytes);
			return PMN_OK;
		case PMN_VECTOR_TS96:
		case PMN_VECTOR_NONE:
			break;
	}
	return pmn_fail(env, PMN_UNSUPPORTED,
					"bucket function \"hive\" on a bucket key of type %s is "
					"not supported",
					pmn_type_name(type, name, sizeof(name)));
}

PmnCode
pmn_bucket_of(PmnBucketFunction function, const PmnType *const *types,
			  const PmnValue *values, uint32_t arity, int32_t buckets,
			  PmnBuffer *scratch, int32_t *bucket)
{
	uint32_t hash = 0;

	PMN_ASSERT(buckets > 0);
	if (function == PMN_BUCKET_DEFAULT)
		return bucket_default(types, values, arity, buckets, scratch, bucket);
	if (function == PMN_BUCKET_MOD)
		return bucket_mod(scratch->env, types, values, arity, buckets, bucket);
	for (uint32_t i = 0; i < arity; i++)
	{
		uint32_t column;

		PMN_TRY(hash_column(scratch->env, types[i], &values[i], &column));
		hash = hash * 31 + column;
	}
	*bucket = (int32_t) ((hash & 0x7fffffffu) % (uint32_t) buckets);
	return PMN_OK;
}
