/*
 * index_bsi.c
 *
 * Bit-sliced indexes: the bits of a number, each as a set of rows.
 *
 *   u8 1 | i32 rows | u8 has positive [slices] | u8 has negative [slices]
 *   slices: u8 1 | i64 min | i64 max | roaring: rows with a value |
 *           i32 count | count roaring: rows whose bit i of value - min is set
 *
 * Numbers >= 0 are in the positive half, the others with their sign changed
 * in the negative one, where the order is the other way round. Long.MIN_VALUE
 * has no place in either.
 *
 * A comparison goes over the slices from the highest bit and keeps the rows
 * that are equal so far; each bit decides for some of them that they are less
 * or greater.
 */
#include "index_internal.h"

#define SLICE_COUNT_MAX 64

/* One half; its slices are unpacked one at a time. */
typedef struct Half
{
	bool is_there;
	int64_t min;
	int64_t max;
	PmnRows exists;
	int32_t slice_count;
	PmnRoaring slices[SLICE_COUNT_MAX];
} Half;

typedef struct Bsi
{
	const PmnIndexProbe *probe;
	Half positive;
	Half negative;
	/* Scratch of a comparison. */
	PmnRows equal;
	PmnRows some;
	PmnRows slice;
} Bsi;

static PmnCode
damaged(const PmnIndexProbe *probe)
{
	return pmn_index_corrupt(probe, "an impossible bit-sliced index");
}

static PmnCode
read_half(const PmnIndexProbe *probe, PmnCursor *cursor, Half *half,
		  bool *is_known)
{
	uint8_t is_there = 0;
	uint8_t version = 0;

	if (!pmn_cursor_u8(cursor, &is_there))
		return damaged(probe);
	PMN_TRY(
		pmn_rows_make(probe->arena, probe->row_count, false, &half->exists));
	if (is_there == 0)
		return PMN_OK;
	half->is_there = true;
	if (!pmn_cursor_u8(cursor, &version))
		return damaged(probe);
	*is_known = version == 1;
	if (!*is_known)
		return PMN_OK;
	if (!pmn_cursor_i64(cursor, &half->min) ||
		!pmn_cursor_i64(cursor, &half->max) || half->min < 0 ||
		half->max < half->min)
		return damaged(probe);
	PMN_TRY(pmn_rows_parse(probe, cursor, &half->slices[0]));
	pmn_rows_add(&half->exists, &half->slices[0]);
	if (!pmn_cursor_i32(cursor, &half->slice_count) || half->slice_count < 0 ||
		half->slice_count > SLICE_COUNT_MAX)
		return damaged(probe);
	for (int32_t i = 0; i < half->slice_count; i++)
		PMN_TRY(pmn_rows_parse(probe, cursor, &half->slices[i]));
	return PMN_OK;
}

static PmnCode
open_bsi(Bsi *bsi, bool *is_known)
{
	const PmnIndexProbe *probe = bsi->probe;
	PmnCursor cursor = pmn_cursor(probe->body);
	uint8_t version = 0;
	int32_t rows = 0;

	*is_known = false;
	if (!pmn_cursor_u8(&cursor, &version))
		return damaged(probe);
	if (version != 1)
		return PMN_OK;
	if (!pmn_cursor_i32(&cursor, &rows))
		return damaged(probe);
	if (rows < 0 || (uint32_t) rows != probe->row_count)
		return pmn_index_corrupt(probe, "another number of rows");
	*is_known = true;
	PMN_TRY(read_half(probe, &cursor, &bsi->positive, is_known));
	if (*is_known)
		PMN_TRY(read_half(probe, &cursor, &bsi->negative, is_known));
	return PMN_OK;
}

/* Split the rows that are equal so far by one bit of the number. */
static void
compare_bit(Bsi *bsi, const PmnRoaring *slice, bool bit)
{
	pmn_rows_clear(&bsi->slice);
	pmn_rows_add(&bsi->slice, slice);
	pmn_rows_copy(&bsi->some, &bsi->equal);
	if (bit)
	{
		pmn_rows_and_not(&bsi->some, &bsi->slice);
		pmn_rows_and(&bsi->equal, &bsi->slice);
		return;
	}
	pmn_rows_and(&bsi->some, &bsi->slice);
	pmn_rows_and_not(&bsi->equal, &bsi->slice);
}

/* Add the rows of a half whose number compares as op with a number >= 0. */
static PmnCode
compare_half(Bsi *bsi, const Half *half, PmnPredicateOp op, int64_t number,
			 PmnRows *out)
{
	bool wants_less = op == PMN_PREDICATE_LT || op == PMN_PREDICATE_LE;
	bool wants_more = op == PMN_PREDICATE_GT || op == PMN_PREDICATE_GE;
	uint64_t bits = (uint64_t) number - (uint64_t) half->min;

	if (!half->is_there)
		return PMN_OK;
	/* Bits without a slice are 0 in all rows. */
	if (number < half->min || number > half->max ||
		(half->slice_count < 64 && bits >> half->slice_count != 0))
	{
		if (number < half->min ? wants_more : wants_less)
			pmn_rows_or(out, &half->exists);
		return PMN_OK;
	}
	pmn_rows_copy(&bsi->equal, &half->exists);
	for (int32_t i = half->slice_count - 1; i >= 0; i--)
	{
		bool bit = (bits >> i & 1) != 0;

		PMN_TRY(pmn_poll(bsi->probe->env));
		compare_bit(bsi, &half->slices[i], bit);
		/* some: less where the bit is 1, else greater. */
		if (bit ? wants_less : wants_more)
			pmn_rows_or(out, &bsi->some);
	}
	if (op != PMN_PREDICATE_LT && op != PMN_PREDICATE_GT)
		pmn_rows_or(out, &bsi->equal);
	return PMN_OK;
}

static PmnPredicateOp
mirrored(PmnPredicateOp op)
{
	switch ((int) op)
	{
		case PMN_PREDICATE_LT:
			return PMN_PREDICATE_GT;
		case PMN_PREDICATE_LE:
			return PMN_PREDICATE_GE;
		case PMN_PREDICATE_GT:
			return PMN_PREDICATE_LT;
		case PMN_PREDICATE_GE:
			return PMN_PREDICATE_LE;
		default:
			return op;
	}
}

/* Add rows whose number compares as op, which is not NE, with any number. */
static PmnCode
compare(Bsi *bsi, PmnPredicateOp op, int64_t number, PmnRows *out)
{
	bool wants_less = op == PMN_PREDICATE_LT || op == PMN_PREDICATE_LE;
	bool wants_more = op == PMN_PREDICATE_GT || op == PMN_PREDICATE_GE;

	if (number < 0 && wants_more)
		pmn_rows_or(out, &bsi->positive.exists);
	if (number >= 0 && wants_less)
		pmn_rows_or(out, &bsi->negative.exists);
	if (number < 0)
		return compare_half(bsi, &bsi->negative, mirrored(op), -number, out);
	return compare_half(bsi, &bsi->positive, op, number, out);
}

static PmnCode
find_equal(Bsi *bsi, PmnRows *out)
{
	const PmnPredicate *leaf = bsi->probe->leaf;

	for (uint32_t i = 0; i < leaf->literal_count; i++)
		PMN_TRY(compare(bsi, PMN_PREDICATE_EQ, leaf->literals[i].as.i64, out));
	return PMN_OK;
}

static PmnCode
answer(Bsi *bsi, PmnRows *out)
{
	const PmnIndexProbe *probe = bsi->probe;
	PmnPredicateOp op = probe->leaf->op;

	PMN_TRY(pmn_rows_make(probe->arena, probe->row_count, false, &bsi->equal));
	PMN_TRY(pmn_rows_make(probe->arena, probe->row_count, false, &bsi->some));
	PMN_TRY(pmn_rows_make(probe->arena, probe->row_count, false, &bsi->slice));
	PMN_TRY(pmn_rows_make(probe->arena, probe->row_count, false, out));
	switch ((int) op)
	{
		case PMN_PREDICATE_IS_NULL:
		case PMN_PREDICATE_NOT_NULL:
			break;
		case PMN_PREDICATE_EQ:
		case PMN_PREDICATE_IN:
		case PMN_PREDICATE_NE:
			PMN_TRY(find_equal(bsi, out));
			if (op != PMN_PREDICATE_NE)
				return PMN_OK;
			break;
		default:
			return compare(bsi, op, probe->leaf->literals[0].as.i64, out);
	}
	/* Rows with a value, without the equal ones; or those without. */
	pmn_rows_copy(&bsi->some, &bsi->positive.exists);
	pmn_rows_or(&bsi->some, &bsi->negative.exists);
	pmn_rows_and_not(&bsi->some, out);
	pmn_rows_copy(out, &bsi->some);
	if (op == PMN_PREDICATE_IS_NULL)
		pmn_rows_flip(out);
	return PMN_OK;
}

PmnCode
pmn_index_bsi(const PmnIndexProbe *probe, PmnRows *out)
{
	const PmnPredicate *leaf = probe->leaf;
	PmnVectorKind kind = pmn_type_vector_kind(probe->type);
	bool is_known = false;
	Bsi *bsi;

	out->kind = PMN_ROWS_UNKNOWN;
	if ((kind != PMN_VECTOR_I32 && kind != PMN_VECTOR_I64) ||
		leaf->op == PMN_PREDICATE_STARTS_WITH)
		return PMN_OK;
	for (uint32_t i = 0; i < leaf->literal_count; i++)
	{
		if (leaf->literals[i].as.i64 == INT64_MIN)
			return PMN_OK;
	}
	bsi = pmn_arena_alloc(probe->arena, sizeof(*bsi));
	if (bsi == NULL)
		return PMN_NO_MEMORY;
	bsi->probe = probe;
	PMN_TRY(open_bsi(bsi, &is_known));
	return is_known ? answer(bsi, out) : PMN_OK;
}
