/*
 * index_range_bitmap.c
 *
 * Range bitmaps: a sorted dictionary gives each value a code, and the bits of
 * the codes are sets of rows.
 *
 *   i32 size of { u8 1 | i32 rows | i32 values [least | greatest value] |
 *                 i32 size of dictionary }
 *   dictionary:  i32 size of { u8 1 | i32 chunks | i32 size of offsets |
 *                i32 size of chunk heads } | i32 offset of each head | heads
 *                | keys
 *   chunk head:  u8 1 | first key | i32 its code | i32 offset in keys |
 *                i32 more keys | fixed width: i32 size of keys, i32 width;
 *                texts: i32 size of offsets, i32 size of keys
 *   bits:        i32 size of { u8 1 | u8 slices | i32 size of the first set |
 *                i32 size of { i32 offset, i32 size } of each slice } |
 *                roaring: rows with a value | slices
 *
 * Comparing needs the code that a literal has, or would come before.
 */
#include "index_internal.h"

#include "../type/type_compare.h"

#define SLICE_COUNT_MAX 32

typedef struct Range
{
	const PmnIndexProbe *probe;
	int32_t value_count;
	PmnValue min;
	PmnValue max;
	/* Dictionary. */
	int32_t chunk_count;
	PmnBytes offsets;
	PmnBytes heads;
	PmnBytes keys;
	/* Bits. */
	PmnRows exists;
	int32_t slice_count;
	PmnBytes slice_places;
	PmnBytes slices;
	/* Of a comparison: rows whose code is equal to, or above, one. */
	PmnRows equal;
	PmnRows above;
	PmnRows some;
	PmnRows slice;
} Range;

/* One chunk's head. */
typedef struct Chunk
{
	PmnValue first;
	int32_t code;
	int32_t more;
	PmnCursor keys;	  /* fixed width: all keys; texts: behind the offsets */
	PmnBytes offsets; /* texts */
	int32_t width;	  /* 0: texts */
} Chunk;

static PmnCode
damaged(const Range *range)
{
	return pmn_index_corrupt(range->probe, "an impossible range bitmap");
}

/* A part that begins with its size. */
static bool
read_sized(PmnCursor *cursor, PmnCursor *out)
{
	PmnBytes bytes;
	int32_t size;

	if (!pmn_cursor_i32(cursor, &size) ||
		!pmn_cursor_bytes(cursor, size, &bytes))
		return false;
	*out = pmn_cursor(bytes);
	return true;
}

/* ---- opening ------------------------------------------------------------ */

static bool
open_dictionary(Range *range, PmnBytes bytes)
{
	PmnCursor cursor = pmn_cursor(bytes);
	PmnCursor head;
	uint8_t version;
	int32_t offsets_size;
	int32_t heads_size;

	if (!read_sized(&cursor, &head) || !pmn_cursor_u8(&head, &version) ||
		version != 1 || !pmn_cursor_i32(&head, &range->chunk_count) ||
		!pmn_cursor_i32(&head, &offsets_size) ||
		!pmn_cursor_i32(&head, &heads_size) || range->chunk_count < 0 ||
		!pmn_cursor_bytes(&cursor, offsets_size, &range->offsets) ||
		!pmn_cursor_bytes(&cursor, heads_size, &range->heads))
		return false;
	range->keys = pmn_bytes(cursor.at, pmn_cursor_left(&cursor));
	return range->offsets.size / 4 >= (uint32_t) range->chunk_count;
}

static PmnCode
open_bits(Range *range, PmnCursor cursor)
{
	PmnCursor head;
	PmnBytes bytes;
	PmnRoaring bitmap;
	uint8_t version;
	uint8_t slice_count;
	int32_t exists_size;
	int32_t places_size;

	if (!read_sized(&cursor, &head) || !pmn_cursor_u8(&head, &version) ||
		version != 1 || !pmn_cursor_u8(&head, &slice_count) ||
		slice_count > SLICE_COUNT_MAX || !pmn_cursor_i32(&head, &exists_size) ||
		!pmn_cursor_i32(&head, &places_size) ||
		!pmn_cursor_bytes(&head, places_size, &range->slice_places) ||
		range->slice_places.size / 8 < slice_count ||
		!pmn_cursor_bytes(&cursor, exists_size, &bytes))
		return damaged(range);
	range->slice_count = slice_count;
	range->slices = pmn_bytes(cursor.at, pmn_cursor_left(&cursor));
	head = pmn_cursor(bytes);
	PMN_TRY(pmn_rows_parse(range->probe, &head, &bitmap));
	pmn_rows_add(&range->exists, &bitmap);
	return PMN_OK;
}

static PmnCode
make_sets(Range *range)
{
	PmnArena *arena = range->probe->arena;
	uint32_t count = range->probe->row_count;

	PMN_TRY(pmn_rows_make(arena, count, false, &range->exists));
	PMN_TRY(pmn_rows_make(arena, count, false, &range->equal));
	PMN_TRY(pmn_rows_make(arena, count, false, &range->above));
	PMN_TRY(pmn_rows_make(arena, count, false, &range->some));
	return pmn_rows_make(arena, count, false, &range->slice);
}

static PmnCode
open_range(Range *range, bool *is_known)
{
	const PmnIndexProbe *probe = range->probe;
	PmnCursor cursor = pmn_cursor(probe->body);
	PmnCursor head;
	PmnBytes dictionary;
	uint8_t version = 0;
	int32_t rows = 0;
	int32_t size = 0;

	*is_known = false;
	if (!read_sized(&cursor, &head) || !pmn_cursor_u8(&head, &version))
		return damaged(range);
	if (version != 1)
		return PMN_OK;
	if (!pmn_cursor_i32(&head, &rows) ||
		!pmn_cursor_i32(&head, &range->value_count))
		return damaged(range);
	if (rows < 0 || (uint32_t) rows != probe->row_count)
		return pmn_index_corrupt(probe, "another number of rows");
	*is_known = true;
	PMN_TRY(make_sets(range));
	/* Nulls only. */
	if (range->value_count <= 0)
		return PMN_OK;
	if (!pmn_index_key_read(probe->type, &head, &range->min) ||
		!pmn_index_key_read(probe->type, &head, &range->max) ||
		!pmn_cursor_i32(&head, &size) ||
		!pmn_cursor_bytes(&cursor, size, &dictionary) ||
		!open_dictionary(range, dictionary))
		return damaged(range);
	return open_bits(range, cursor);
}

/* ---- dictionary --------------------------------------------------------- */

static bool
read_chunk(const Range *range, int32_t index, Chunk *out)
{
	uint32_t offset = pmn_get_be32(range->offsets.data + 4 * (size_t) index);
	PmnCursor cursor = pmn_cursor(range->heads);
	PmnCursor keys = pmn_cursor(range->keys);
	PmnBytes skipped;
	PmnBytes bytes;
	uint8_t version;
	int32_t keys_offset;
	int32_t a;
	int32_t b;

	if (!pmn_cursor_bytes(&cursor, offset, &skipped) ||
		!pmn_cursor_u8(&cursor, &version) || version != 1 ||
		!pmn_index_key_read(range->probe->type, &cursor, &out->first) ||
		!pmn_cursor_i32(&cursor, &out->code) ||
		!pmn_cursor_i32(&cursor, &keys_offset) ||
		!pmn_cursor_i32(&cursor, &out->more) || !pmn_cursor_i32(&cursor, &a) ||
		!pmn_cursor_i32(&cursor, &b) || out->code < 0 || out->more < 0 ||
		out->more > INT32_MAX - 2 - out->code ||
		!pmn_cursor_bytes(&keys, keys_offset, &skipped))
		return false;
	if (pmn_type_vector_kind(range->probe->type) != PMN_VECTOR_BYTES)
	{
		out->width = b;
		if (b <= 0 || !pmn_cursor_bytes(&keys, a, &bytes) ||
			bytes.size / (uint32_t) b < (uint32_t) out->more)
			return false;
		out->keys = pmn_cursor(bytes);
		return true;
	}
	out->width = 0;
	if (!pmn_cursor_bytes(&keys, a, &out->offsets) ||
		!pmn_cursor_bytes(&keys, b, &bytes) ||
		out->offsets.size / 4 < (uint32_t) out->more)
		return false;
	out->keys = pmn_cursor(bytes);
	return true;
}

/* A key behind the first one. */
static bool
read_key(const Range *range, const Chunk *chunk, int32_t index, PmnValue *out)
{
	PmnCursor cursor = chunk->keys;
	PmnBytes skipped;
	int64_t offset;

	if (chunk->width > 0)
		offset = (int64_t) index * chunk->width;
	else
		offset =
			(int32_t) pmn_get_be32(chunk->offsets.data + 4 * (size_t) index);
	return pmn_cursor_bytes(&cursor, offset, &skipped) &&
		   pmn_index_key_read(range->probe->type, &cursor, out);
}

/* The last chunk whose first key is not above the literal; -1: none. */
static PmnCode
find_chunk(const Range *range, const PmnValue *literal, Chunk *out,
		   int32_t *found)
{
	int32_t low = 0;
	int32_t high = range->chunk_count;

	while (low < high)
	{
		int32_t middle = low + (high - low) / 2;

		if (!read_chunk(range, middle, out))
			return damaged(range);
		if (pmn_value_compare(range->probe->type, &out->first, literal) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = low - 1;
	if (low > 0 && !read_chunk(range, low - 1, out))
		return damaged(range);
	return PMN_OK;
}

/* Code of the first value that is not below the literal. */
static PmnCode
find_code(const Range *range, const PmnValue *literal, int32_t *code,
		  bool *is_equal)
{
	const PmnType *type = range->probe->type;
	Chunk chunk;
	int32_t found = -1;
	int32_t low = 0;
	int32_t high;
	PmnValue key;

	*code = 0;
	*is_equal = false;
	PMN_TRY(find_chunk(range, literal, &chunk, &found));
	if (found < 0)
		return PMN_OK;
	*code = chunk.code;
	*is_equal = pmn_value_compare(type, &chunk.first, literal) == 0;
	if (*is_equal)
		return PMN_OK;
	high = chunk.more;
	while (low < high)
	{
		int32_t middle = low + (high - low) / 2;

		if (!read_key(range, &chunk, middle, &key))
			return damaged(range);
		if (pmn_value_compare(type, &key, literal) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*code = chunk.code + 1 + low;
	if (low < chunk.more)
	{
		if (!read_key(range, &chunk, low, &key))
			return damaged(range);
		*is_equal = pmn_value_compare(type, &key, literal) == 0;
	}
	return PMN_OK;
}

/* ---- bits ---------------------------------------------------------------- */

static PmnCode
read_slice(Range *range, int32_t index)
{
	const uint8_t *place = range->slice_places.data + 8 * (size_t) index;
	PmnCursor cursor = pmn_cursor(range->slices);
	PmnRoaring bitmap;
	PmnBytes bytes;

	if (!pmn_cursor_bytes(&cursor, (int32_t) pmn_get_be32(place), &bytes) ||
		!pmn_cursor_bytes(&cursor, (int32_t) pmn_get_be32(place + 4), &bytes))
		return damaged(range);
	cursor = pmn_cursor(bytes);
	PMN_TRY(pmn_rows_parse(range->probe, &cursor, &bitmap));
	pmn_rows_clear(&range->slice);
	pmn_rows_add(&range->slice, &bitmap);
	return PMN_OK;
}

/* Fill equal and above for a code. */
static PmnCode
compare_codes(Range *range, int32_t code)
{
	pmn_rows_clear(&range->equal);
	pmn_rows_clear(&range->above);
	if (range->slice_count < 32 && (uint32_t) code >> range->slice_count != 0)
		return PMN_OK;
	pmn_rows_copy(&range->equal, &range->exists);
	for (int32_t i = range->slice_count - 1; i >= 0; i--)
	{
		PMN_TRY(read_slice(range, i));
		if (((uint32_t) code >> i & 1) != 0)
		{
			pmn_rows_and(&range->equal, &range->slice);
			continue;
		}
		pmn_rows_copy(&range->some, &range->equal);
		pmn_rows_and(&range->some, &range->slice);
		pmn_rows_or(&range->above, &range->some);
		pmn_rows_and_not(&range->equal, &range->slice);
	}
	return PMN_OK;
}

/* ---- answers ------------------------------------------------------------- */

/* Add the rows with one of the literals. */
static PmnCode
find_equal(Range *range, PmnRows *out)
{
	const PmnPredicate *leaf = range->probe->leaf;

	for (uint32_t i = 0; i < leaf->literal_count; i++)
	{
		int32_t code = 0;
		bool is_equal = false;

		PMN_TRY(find_code(range, &leaf->literals[i], &code, &is_equal));
		if (!is_equal)
			continue;
		PMN_TRY(compare_codes(range, code));
		pmn_rows_or(out, &range->equal);
	}
	return PMN_OK;
}

/* LT, LE, GT, GE. */
static PmnCode
find_ordered(Range *range, PmnPredicateOp op, PmnRows *out)
{
	int32_t code = 0;
	bool is_equal = false;

	PMN_TRY(
		find_code(range, &range->probe->leaf->literals[0], &code, &is_equal));
	PMN_TRY(compare_codes(range, code));
	/* above becomes: not below the literal, for GE and LT; or above it. */
	if (!is_equal || op == PMN_PREDICATE_GE || op == PMN_PREDICATE_LT)
		pmn_rows_or(&range->above, &range->equal);
	if (op == PMN_PREDICATE_GT || op == PMN_PREDICATE_GE)
	{
		pmn_rows_copy(out, &range->above);
		return PMN_OK;
	}
	pmn_rows_copy(out, &range->exists);
	pmn_rows_and_not(out, &range->above);
	return PMN_OK;
}

static PmnCode
answer(Range *range, PmnRows *out)
{
	const PmnIndexProbe *probe = range->probe;
	PmnPredicateOp op = probe->leaf->op;

	PMN_TRY(pmn_rows_make(probe->arena, probe->row_count, false, out));
	if (op == PMN_PREDICATE_IS_NULL || op == PMN_PREDICATE_NOT_NULL)
	{
		pmn_rows_copy(out, &range->exists);
		if (op == PMN_PREDICATE_IS_NULL)
			pmn_rows_flip(out);
		return PMN_OK;
	}
	if (range->value_count <= 0)
		return PMN_OK;
	if (op != PMN_PREDICATE_EQ && op != PMN_PREDICATE_IN &&
		op != PMN_PREDICATE_NE)
		return find_ordered(range, op, out);
	PMN_TRY(find_equal(range, out));
	if (op != PMN_PREDICATE_NE)
		return PMN_OK;
	pmn_rows_copy(&range->some, &range->exists);
	pmn_rows_and_not(&range->some, out);
	pmn_rows_copy(out, &range->some);
	return PMN_OK;
}

PmnCode
pmn_index_range_bitmap(const PmnIndexProbe *probe, PmnRows *out)
{
	Range range = {.probe = probe};
	bool is_known = false;

	out->kind = PMN_ROWS_UNKNOWN;
	if (probe->leaf->op == PMN_PREDICATE_STARTS_WITH)
		return PMN_OK;
	PMN_TRY(open_range(&range, &is_known));
	return is_known ? answer(&range, out) : PMN_OK;
}
