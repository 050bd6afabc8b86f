/*
 * lsm_aggregate_bitmap.c
 *
 * rbm32: the union of roaring bitmaps in their portable form.
 *
 * The result is what Paimon's RoaringBitmap would write, byte for byte, so
 * that files compare equal whoever merged them. The same numbers have
 * several serialized forms; which one comes out depends on whether a part of
 * 65536 numbers went through runs on its way:
 *
 *   one of runs, or united of runs and runs or an array: runs stay where
 *   they are not larger than the array with its count, or the bits
 *   any other: becomes runs where these are smaller than the bare array, or
 *   the bits
 *
 * Each such part is united as bits, whatever it was stored as; its runs
 * and numbers are then counted 64 at a time.
 */
#include "../codec/codec_roaring.h"
#include "lsm_aggregate_internal.h"

#define PART_WORDS 1024u
#define PART_BYTES 8192u
#define ARRAY_MAX 4096u
#define OFFSETS_MIN 4u /* fewer parts with runs have no offsets */
#define COOKIE_PLAIN 12346u
#define COOKIE_RUNS 12347u

/* Where both inputs are, and what has been made of them. */
typedef struct Union
{
	PmnBuffer *out;
	PmnRoaring sides[2];
	uint32_t at[2]; /* the next container of each */
	uint32_t count; /* parts, once known */
	size_t flags;	/* positions in out; flags only where has_runs */
	size_t headers;
	size_t offsets; /* 0: none */
	bool has_runs;
	uint64_t words[PART_WORDS];
} Union;

typedef struct Part
{
	uint16_t key;
	uint8_t kind; /* a PmnRoaringKind */
	uint32_t cardinality;
	uint32_t runs;
} Part;

/* Containers of the next key: -1 for a side that has none. */
static bool
next_key(Union *both, int64_t found[2], uint16_t *key)
{
	bool is_any = false;

	for (int s = 0; s < 2; s++)
	{
		if (both->at[s] == both->sides[s].count)
			continue;
		if (!is_any || both->sides[s].containers[both->at[s]].key < *key)
			*key = both->sides[s].containers[both->at[s]].key;
		is_any = true;
	}
	for (int s = 0; s < 2; s++)
	{
		found[s] = -1;
		if (is_any && both->at[s] < both->sides[s].count &&
			both->sides[s].containers[both->at[s]].key == *key)
			found[s] = both->at[s]++;
	}
	return is_any;
}

static bool
passed_through_runs(const Union *both, const int64_t found[2])
{
	bool has_runs = false;

	for (int s = 0; s < 2; s++)
	{
		uint8_t kind;

		if (found[s] < 0)
			continue;
		kind = both->sides[s].containers[found[s]].kind;
		if (kind == PMN_ROARING_BITSET)
			return false;
		has_runs |= kind == PMN_ROARING_RUNS;
	}
	return has_runs;
}

/* The smallest form, by RoaringBitmap's own idea of size. */
static PmnRoaringKind
choose_kind(const Part *part, bool through_runs)
{
	uint32_t runs_size = 2 + 4 * part->runs;
	uint32_t array_size = 2 * part->cardinality;
	PmnRoaringKind plain =
		part->cardinality <= ARRAY_MAX ? PMN_ROARING_ARRAY : PMN_ROARING_BITSET;

	if (through_runs)
	{
		uint32_t least =
			array_size + 2 < PART_BYTES ? array_size + 2 : PART_BYTES;

		return runs_size <= least ? PMN_ROARING_RUNS : plain;
	}
	if (plain == PMN_ROARING_BITSET)
		array_size = PART_BYTES;
	return runs_size < array_size ? PMN_ROARING_RUNS : plain;
}

/* The next part's numbers as bits in words, and what it is to be. */
static bool
next_part(Union *both, Part *part)
{
	int64_t found[2];
	uint64_t carry = 0;

	part->key = 0;
	if (!next_key(both, found, &part->key))
		return false;
	memset(both->words, 0, sizeof(both->words));
	for (int s = 0; s < 2; s++)
	{
		if (found[s] >= 0)
			pmn_roaring_window(&both->sides[s], (uint32_t) part->key << 16,
							   65536, both->words);
	}
	part->cardinality = 0;
	part->runs = 0;
	for (uint32_t w = 0; w < PART_WORDS; w++)
	{
		uint64_t word = both->words[w];

		/* A run begins at each bit whose lower neighbour is not set. */
		part->cardinality += (uint32_t) __builtin_popcountll(word);
		part->runs +=
			(uint32_t) __builtin_popcountll(word & ~(word << 1 | carry));
		carry = word >> 63;
	}
	part->kind = (uint8_t) choose_kind(part, passed_through_runs(both, found));
	return true;
}

static PmnCode
put_number(PmnBuffer *out, uint32_t number)
{
	uint8_t bytes[2] = {(uint8_t) number, (uint8_t) (number >> 8)};

	return pmn_buffer_append(out, bytes, sizeof(bytes));
}

/* The first position from at on whose bit is set, or not; 65536 at the end. */
static uint32_t
find_bit(const uint64_t *words, uint32_t at, bool is_set)
{
	while (at < 65536)
	{
		uint64_t word = is_set ? words[at / 64] : ~words[at / 64];

		word >>= at % 64;
		if (word != 0)
			return at + (uint32_t) __builtin_ctzll(word);
		at = (at / 64 + 1) * 64;
	}
	return 65536;
}

static PmnCode
put_runs(PmnBuffer *out, const uint64_t *words, uint32_t count)
{
	uint32_t start = find_bit(words, 0, true);

	PMN_TRY(put_number(out, count));
	while (start < 65536)
	{
		uint32_t end = find_bit(words, start, false);

		PMN_TRY(put_number(out, start));
		PMN_TRY(put_number(out, end - start - 1));
		start = find_bit(words, end, true);
	}
	return PMN_OK;
}

static PmnCode
put_part(PmnBuffer *out, const uint64_t *words, const Part *part)
{
	uint8_t bytes[8];

	if (part->kind == PMN_ROARING_RUNS)
		return put_runs(out, words, part->runs);
	if (part->kind == PMN_ROARING_BITSET)
	{
		for (uint32_t w = 0; w < PART_WORDS; w++)
		{
			pmn_put_le64(bytes, words[w]);
			PMN_TRY(pmn_buffer_append(out, bytes, sizeof(bytes)));
		}
		return PMN_OK;
	}
	for (uint32_t at = find_bit(words, 0, true); at < 65536;
		 at = find_bit(words, at + 1, true))
		PMN_TRY(put_number(out, at));
	return PMN_OK;
}

/* A first walk finds how many parts there are, and whether any has runs. */
static void
count_parts(Union *both)
{
	Part part;

	both->at[0] = both->at[1] = 0;
	while (next_part(both, &part))
	{
		both->count++;
		both->has_runs |= part.kind == PMN_ROARING_RUNS;
	}
	both->at[0] = both->at[1] = 0;
}

static PmnCode
put_head(Union *both)
{
	uint8_t cookie[8];
	size_t size = 4;
	size_t rest = (size_t) both->count * 4;

	pmn_put_le32(cookie, COOKIE_RUNS | (both->count - 1) << 16);
	if (!both->has_runs)
	{
		pmn_put_le32(cookie, COOKIE_PLAIN);
		pmn_put_le32(cookie + 4, both->count);
		size = 8;
	}
	PMN_TRY(pmn_buffer_append(both->out, cookie, size));
	both->flags = size;
	both->headers = size + (both->has_runs ? (both->count + 7) / 8 : 0);
	both->offsets = 0;
	if (!both->has_runs || both->count >= OFFSETS_MIN)
	{
		both->offsets = both->headers + rest;
		rest *= 2;
	}
	rest += both->headers - size;
	PMN_TRY(pmn_buffer_reserve(both->out, rest));
	memset(both->out->data + size, 0, rest);
	both->out->size += rest;
	return PMN_OK;
}

static PmnCode
unite(Union *both)
{
	uint32_t number = 0;
	Part part;

	count_parts(both);
	PMN_TRY(put_head(both));
	for (; next_part(both, &part); number++)
	{
		uint8_t *header;

		if (both->offsets != 0)
			pmn_put_le32(both->out->data + both->offsets + number * 4,
						 (uint32_t) both->out->size);
		if (part.kind == PMN_ROARING_RUNS)
			both->out->data[both->flags + number / 8] |=
				(uint8_t) (1u << number % 8);
		header = both->out->data + both->headers + number * 4;
		pmn_put_le16(header, part.key);
		pmn_put_le16(header + 2, (uint16_t) (part.cardinality - 1));
		PMN_TRY(put_part(both->out, both->words, &part));
	}
	return PMN_OK;
}

/* Bytes behind a bitmap are not looked at, as in Paimon. */
static PmnCode
unite_bytes(PmnAggregateFold *fold, const PmnBytes *old, const PmnBytes *in,
			PmnBuffer *out)
{
	PmnArena *arena = fold->scratch->keys;
	Union *both = pmn_arena_alloc(arena, sizeof(*both));
	size_t used = 0;

	if (both == NULL)
		return PMN_NO_MEMORY;
	both->out = out;
	PMN_TRY(pmn_roaring_parse(arena, fold->env, fold->field->name, *old, &used,
							  &both->sides[0]));
	PMN_TRY(pmn_roaring_parse(arena, fold->env, fold->field->name, *in, &used,
							  &both->sides[1]));
	return unite(both);
}

static PmnCode
bitmap_pair(PmnAggregateFold *fold, const PmnBytes *old, const PmnBytes *in,
			PmnBuffer *out, PmnPairResult *result)
{
	PmnCode code;

	if (old == NULL || in == NULL)
	{
		*result = old == NULL ? PMN_PAIR_IN : PMN_PAIR_OLD;
		return PMN_OK;
	}
	*result = PMN_PAIR_WRITTEN;
	code = unite_bytes(fold, old, in, out);
	pmn_arena_reset(fold->scratch->keys);
	return code == PMN_CORRUPT ? pmn_aggregate_broken(fold) : code;
}

PmnCode
pmn_aggregate_rbm32(PmnAggregateFold *fold)
{
	return pmn_aggregate_pairs(fold, bitmap_pair, NULL);
}
