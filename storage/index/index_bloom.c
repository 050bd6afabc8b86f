/*
 * index_bloom.c
 *
 * Bloom filters: i32 number of hash functions, then bits, the lowest of each
 * byte first. A value's k places come from the two halves of one 64-bit
 * hash, h1 + i * h2 with Java's int arithmetic; negative sums are inverted.
 *
 * Texts and bytes are hashed by XXH64 with seed 0, numbers by Thomas Wang's
 * mix of 64 bits with arithmetic shifts, floats by their IEEE bits. Nulls are
 * not in the filter, and only equality can be denied.
 */
#include "index_internal.h"

#define XXH_1 UINT64_C(0x9E3779B185EBCA87)
#define XXH_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define XXH_3 UINT64_C(0x165667B19E3779F9)
#define XXH_4 UINT64_C(0x85EBCA77C2B2AE63)
#define XXH_5 UINT64_C(0x27D4EB2F165667C5)

static inline uint64_t
rotate(uint64_t value, unsigned bits)
{
	return (value << bits) | (value >> (64 - bits));
}

static inline uint64_t
xxh_round(uint64_t sum, uint64_t input)
{
	return rotate(sum + input * XXH_2, 31) * XXH_1;
}

static inline uint64_t
xxh_merge(uint64_t hash, uint64_t sum)
{
	return (hash ^ xxh_round(0, sum)) * XXH_1 + XXH_4;
}

static uint64_t
xxh64(PmnBytes bytes)
{
	const uint8_t *at = bytes.data;
	const uint8_t *end = at + bytes.size;
	uint64_t hash = XXH_5;

	if (bytes.size >= 32)
	{
		uint64_t sums[4] = {XXH_1 + XXH_2, XXH_2, 0, 0 - XXH_1};

		for (; end - at >= 32; at += 32)
		{
			for (unsigned i = 0; i < 4; i++)
				sums[i] = xxh_round(sums[i], pmn_get_le64(at + 8 * i));
		}
		hash = rotate(sums[0], 1) + rotate(sums[1], 7) + rotate(sums[2], 12) +
			   rotate(sums[3], 18);
		for (unsigned i = 0; i < 4; i++)
			hash = xxh_merge(hash, sums[i]);
	}
	hash += bytes.size;
	for (; end - at >= 8; at += 8)
		hash =
			rotate(hash ^ xxh_round(0, pmn_get_le64(at)), 27) * XXH_1 + XXH_4;
	if (end - at >= 4)
	{
		hash = rotate(hash ^ pmn_get_le32(at) * XXH_1, 23) * XXH_2 + XXH_3;
		at += 4;
	}
	for (; at < end; at++)
		hash = rotate(hash ^ *at * XXH_5, 11) * XXH_1;
	hash = (hash ^ (hash >> 33)) * XXH_2;
	hash = (hash ^ (hash >> 29)) * XXH_3;
	return hash ^ (hash >> 32);
}

/* Shifts to the right keep the sign, as Java's >> does. */
static inline uint64_t
shift_signed(uint64_t key, unsigned bits)
{
	return (uint64_t) ((int64_t) key >> bits);
}

static uint64_t
wang64(int64_t number)
{
	uint64_t key = (uint64_t) number;

	key = ~key + (key << 21);
	key ^= shift_signed(key, 24);
	key = key + (key << 3) + (key << 8);
	key ^= shift_signed(key, 14);
	key = key + (key << 2) + (key << 4);
	key ^= shift_signed(key, 28);
	return key + (key << 31);
}

/* false: values of the type are not in bloom filters, or not in a form that
 * a literal has. */
static bool
hash_of(const PmnType *type, const PmnValue *value, uint64_t *out)
{
	int64_t bits = 0;
	int32_t small;
	float f32;

	switch (type->kind)
	{
		case PMN_TYPE_CHAR:
		case PMN_TYPE_VARCHAR:
		case PMN_TYPE_BINARY:
		case PMN_TYPE_VARBINARY:
			*out = xxh64(value->as.bytes);
			return true;
		case PMN_TYPE_TIMESTAMP:
		case PMN_TYPE_TIMESTAMP_LTZ:
			if (type->precision > 6)
				return false;
			bits = value->as.i64;
			break;
		case PMN_TYPE_TINYINT:
		case PMN_TYPE_SMALLINT:
		case PMN_TYPE_INT:
		case PMN_TYPE_BIGINT:
		case PMN_TYPE_DATE:
		case PMN_TYPE_TIME:
			bits = value->as.i64;
			break;
		case PMN_TYPE_FLOAT:
			f32 = (float) value->as.f64;
			memcpy(&small, &f32, sizeof(small));
			bits = small;
			break;
		case PMN_TYPE_DOUBLE:
			memcpy(&bits, &value->as.f64, sizeof(bits));
			break;
		case PMN_TYPE_BOOLEAN:
		case PMN_TYPE_DECIMAL:
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_MULTISET:
		case PMN_TYPE_MAP:
		case PMN_TYPE_ROW:
		case PMN_TYPE_VARIANT:
		case PMN_TYPE_BLOB:
		case PMN_TYPE_VECTOR:
		case PMN_TYPE_GEOMETRY:
		case PMN_TYPE_GEOGRAPHY:
			return false;
	}
	*out = wang64(bits);
	return true;
}

static bool
may_contain(PmnBytes bits, int32_t functions, uint64_t hash)
{
	uint32_t first = (uint32_t) hash;
	uint32_t second = (uint32_t) (hash >> 32);
	uint64_t bit_count = (uint64_t) bits.size * 8;

	for (int32_t i = 1; i <= functions; i++)
	{
		uint32_t place = first + (uint32_t) i * second;

		if (place > INT32_MAX)
			place = ~place;
		place = (uint32_t) (place % bit_count);
		if ((bits.data[place / 8] & (1u << (place % 8))) == 0)
			return false;
	}
	return true;
}

PmnCode
pmn_index_bloom(const PmnIndexProbe *probe, PmnRows *out)
{
	const PmnPredicate *leaf = probe->leaf;
	PmnCursor cursor = pmn_cursor(probe->body);
	int32_t functions = 0;
	PmnBytes bits;

	out->kind = PMN_ROWS_UNKNOWN;
	if ((leaf->op != PMN_PREDICATE_EQ && leaf->op != PMN_PREDICATE_IN) ||
		!pmn_index_literals_are_plain(probe))
		return PMN_OK;
	/* A billion functions would be a long way to find one bit. */
	if (!pmn_cursor_i32(&cursor, &functions) || functions < 1 ||
		functions > 1000 || pmn_cursor_left(&cursor) == 0)
		return pmn_index_corrupt(probe, "an impossible bloom filter");
	bits = pmn_bytes(cursor.at, pmn_cursor_left(&cursor));
	for (uint32_t i = 0; i < leaf->literal_count; i++)
	{
		uint64_t hash;

		if (!hash_of(probe->type, &leaf->literals[i], &hash) ||
			may_contain(bits, functions, hash))
			return PMN_OK;
	}
	out->kind = PMN_ROWS_NONE;
	return PMN_OK;
}
