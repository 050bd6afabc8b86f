/*
 * index_rows.c
 *
 * Sets of a file's rows as plain words of bits. A file has a few million rows
 * at most, so a set is small, its operations are loops over words, and
 * roaring bitmaps are only the form in which sets arrive. Bits behind the
 * last row are always 0.
 */
#include "index_internal.h"

static size_t
word_count(uint32_t row_count)
{
	return ((size_t) row_count + 63) / 64;
}

/* Clear the bits behind the last row. */
static void
cut_tail(PmnRows *rows)
{
	if (rows->row_count % 64 != 0)
		rows->words[rows->row_count / 64] &=
			(UINT64_C(1) << (rows->row_count % 64)) - 1;
}

PmnCode
pmn_rows_make(PmnArena *arena, uint32_t row_count, bool is_full, PmnRows *out)
{
	size_t size = (word_count(row_count) + 1) * sizeof(uint64_t);

	out->kind = PMN_ROWS_SOME;
	out->row_count = row_count;
	out->words = pmn_arena_alloc(arena, size);
	if (out->words == NULL)
		return PMN_NO_MEMORY;
	if (is_full)
		pmn_rows_flip(out);
	return PMN_OK;
}

void
pmn_rows_and(PmnRows *rows, const PmnRows *other)
{
	for (size_t i = 0; i < word_count(rows->row_count); i++)
		rows->words[i] &= other->words[i];
}

void
pmn_rows_or(PmnRows *rows, const PmnRows *other)
{
	for (size_t i = 0; i < word_count(rows->row_count); i++)
		rows->words[i] |= other->words[i];
}

void
pmn_rows_and_not(PmnRows *rows, const PmnRows *other)
{
	for (size_t i = 0; i < word_count(rows->row_count); i++)
		rows->words[i] &= ~other->words[i];
}

void
pmn_rows_copy(PmnRows *rows, const PmnRows *other)
{
	PMN_ASSERT(rows->row_count == other->row_count);
	memcpy(rows->words, other->words,
		   word_count(rows->row_count) * sizeof(uint64_t));
}

void
pmn_rows_flip(PmnRows *rows)
{
	for (size_t i = 0; i < word_count(rows->row_count); i++)
		rows->words[i] = ~rows->words[i];
	cut_tail(rows);
}

bool
pmn_rows_any(const PmnRows *rows)
{
	for (size_t i = 0; i < word_count(rows->row_count); i++)
	{
		if (rows->words[i] != 0)
			return true;
	}
	return false;
}

void
pmn_rows_settle(PmnRows *rows)
{
	if (rows->kind == PMN_ROWS_SOME && !pmn_rows_any(rows))
		rows->kind = PMN_ROWS_NONE;
}

PmnCode
pmn_rows_parse(const PmnIndexProbe *probe, PmnCursor *cursor, PmnRoaring *out)
{
	size_t used = 0;

	PMN_TRY(pmn_poll(probe->env));
	PMN_TRY(pmn_roaring_parse(probe->arena, probe->env, probe->name,
							  pmn_bytes(cursor->at, pmn_cursor_left(cursor)),
							  &used, out));
	cursor->at += used;
	if (out->cardinality > 0 && pmn_roaring_max(out) >= probe->row_count)
		return pmn_index_corrupt(probe, "a row behind the end of its file");
	return PMN_OK;
}

void
pmn_rows_add(PmnRows *rows, const PmnRoaring *bitmap)
{
	if (bitmap->cardinality > 0)
		pmn_roaring_window(bitmap, 0, rows->row_count, rows->words);
}

void
pmn_rows_clear(PmnRows *rows)
{
	memset(rows->words, 0, word_count(rows->row_count) * sizeof(uint64_t));
}

bool
pmn_rows_range(const PmnRows *rows, uint64_t row_count, uint64_t *first,
			   uint64_t *end)
{
	size_t low = 0;
	size_t high;

	*first = 0;
	*end = row_count;
	if (rows->kind != PMN_ROWS_SOME)
		return rows->kind == PMN_ROWS_UNKNOWN;
	high = word_count(rows->row_count);
	while (low < high && rows->words[low] == 0)
		low++;
	while (high > low && rows->words[high - 1] == 0)
		high--;
	if (low == high)
		return false;
	*first = low * 64 + (uint64_t) __builtin_ctzll(rows->words[low]);
	*end = high * 64 - (uint64_t) __builtin_clzll(rows->words[high - 1]);
	return true;
}
