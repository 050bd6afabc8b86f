/*
 * index_bitmap.c
 *
 * Bitmap indexes: for each distinct value of a column the rows that have it.
 *
 *   version 1: u8 1 | i32 rows | i32 values | u8 has nulls [i32 null offset]
 *              { value | i32 offset } | bitmaps
 *   version 2: u8 2 | i32 rows | i32 values | u8 has nulls [i32 null offset
 *              | i32 null size] | i32 blocks { first value | i32 block offset }
 *              | i32 size of all blocks | blocks: i32 entries { value |
 *              i32 offset | i32 size } | bitmaps
 *
 * A negative offset o is a set of one row, -1 - o; else a roaring bitmap
 * begins there, which says itself where it ends. Entries are looked through
 * in the order in which they lie: no order needs to be trusted, and the file
 * has been read anyway.
 */
#include "index_internal.h"

/* An index opened: where what is. */
typedef struct Bitmaps
{
	const PmnIndexProbe *probe;
	int version;
	bool has_nulls;
	int32_t null_offset;
	int32_t value_count;
	PmnCursor entries; /* version 1: all entries and what follows them */
	int32_t block_count;
	PmnBytes blocks; /* version 2 */
	PmnBytes body;
} Bitmaps;

static PmnCode
damaged(const Bitmaps *bitmaps)
{
	return pmn_index_corrupt(bitmaps->probe, "an impossible bitmap index");
}

/* Skip the directory of blocks; they are all looked through. */
static bool
open_blocks(Bitmaps *bitmaps, PmnCursor *cursor)
{
	PmnValue value;
	int32_t offset;
	int32_t size;

	if (!pmn_cursor_i32(cursor, &bitmaps->block_count) ||
		bitmaps->block_count < 0)
		return false;
	for (int32_t i = 0; i < bitmaps->block_count; i++)
	{
		if (!pmn_index_key_read(bitmaps->probe->type, cursor, &value) ||
			!pmn_cursor_i32(cursor, &offset))
			return false;
	}
	return pmn_cursor_i32(cursor, &size) &&
		   pmn_cursor_bytes(cursor, size, &bitmaps->blocks);
}

/* *is_known false: a newer version. */
static PmnCode
open_bitmaps(Bitmaps *bitmaps, bool *is_known)
{
	PmnCursor cursor = pmn_cursor(bitmaps->probe->body);
	uint8_t version = 0;
	uint8_t has_nulls = 0;
	int32_t rows = 0;
	int32_t size = 0;

	*is_known = false;
	if (!pmn_cursor_u8(&cursor, &version))
		return damaged(bitmaps);
	if (version != 1 && version != 2)
		return PMN_OK;
	if (!pmn_cursor_i32(&cursor, &rows) ||
		!pmn_cursor_i32(&cursor, &bitmaps->value_count) ||
		!pmn_cursor_u8(&cursor, &has_nulls) || bitmaps->value_count < 0)
		return damaged(bitmaps);
	if (rows < 0 || (uint32_t) rows != bitmaps->probe->row_count)
		return pmn_index_corrupt(bitmaps->probe, "another number of rows");
	bitmaps->version = version;
	bitmaps->has_nulls = has_nulls != 0;
	if (bitmaps->has_nulls &&
		(!pmn_cursor_i32(&cursor, &bitmaps->null_offset) ||
		 (version == 2 && !pmn_cursor_i32(&cursor, &size))))
		return damaged(bitmaps);
	*is_known = true;
	if (version == 2)
	{
		if (!open_blocks(bitmaps, &cursor))
			return damaged(bitmaps);
		bitmaps->body = pmn_bytes(cursor.at, pmn_cursor_left(&cursor));
		return PMN_OK;
	}
	bitmaps->entries = cursor;
	for (int32_t i = 0; i < bitmaps->value_count; i++)
	{
		PmnValue value;

		if (!pmn_index_key_read(bitmaps->probe->type, &cursor, &value) ||
			!pmn_cursor_i32(&cursor, &size))
			return damaged(bitmaps);
	}
	bitmaps->entries.end = cursor.at;
	bitmaps->body = pmn_bytes(cursor.at, pmn_cursor_left(&cursor));
	return PMN_OK;
}

/* Add the rows that an offset stands for. */
static PmnCode
add_rows(const Bitmaps *bitmaps, int32_t offset, PmnRows *rows)
{
	PmnCursor cursor = pmn_cursor(bitmaps->body);
	uint32_t row = (uint32_t) - (offset + 1);
	PmnRoaring bitmap;

	if (offset >= 0)
	{
		if ((size_t) offset > pmn_cursor_left(&cursor))
			return damaged(bitmaps);
		cursor.at += offset;
		PMN_TRY(pmn_rows_parse(bitmaps->probe, &cursor, &bitmap));
		pmn_rows_add(rows, &bitmap);
		return PMN_OK;
	}
	if (row >= rows->row_count)
		return pmn_index_corrupt(bitmaps->probe,
								 "a row behind the end of its file");
	rows->words[row / 64] |= UINT64_C(1) << (row % 64);
	return PMN_OK;
}

/* Entries of version 1, or of one block of version 2. */
static PmnCode
add_matches(const Bitmaps *bitmaps, PmnCursor *cursor, int32_t count,
			PmnRows *rows)
{
	for (int32_t i = 0; i < count; i++)
	{
		PmnValue value;
		int32_t offset;
		int32_t size;

		if (!pmn_index_key_read(bitmaps->probe->type, cursor, &value) ||
			!pmn_cursor_i32(cursor, &offset) ||
			(bitmaps->version == 2 && !pmn_cursor_i32(cursor, &size)))
			return damaged(bitmaps);
		if (pmn_index_literals_have(bitmaps->probe, &value))
			PMN_TRY(add_rows(bitmaps, offset, rows));
	}
	return PMN_OK;
}

/* Rows with one of the literals. */
static PmnCode
find_equal(Bitmaps *bitmaps, PmnRows *rows)
{
	PmnCursor cursor = bitmaps->entries;
	int32_t count;

	if (bitmaps->version == 1)
		return add_matches(bitmaps, &cursor, bitmaps->value_count, rows);
	cursor = pmn_cursor(bitmaps->blocks);
	for (int32_t i = 0; i < bitmaps->block_count; i++)
	{
		if (!pmn_cursor_i32(&cursor, &count) || count < 0)
			return damaged(bitmaps);
		PMN_TRY(add_matches(bitmaps, &cursor, count, rows));
	}
	return PMN_OK;
}

static PmnCode
find_nulls(const Bitmaps *bitmaps, PmnRows *rows)
{
	return bitmaps->has_nulls ? add_rows(bitmaps, bitmaps->null_offset, rows)
							  : PMN_OK;
}

PmnCode
pmn_index_bitmap(const PmnIndexProbe *probe, PmnRows *out)
{
	Bitmaps bitmaps = {.probe = probe};
	PmnPredicateOp op = probe->leaf->op;
	bool is_known = false;

	out->kind = PMN_ROWS_UNKNOWN;
	if (probe->type->kind == PMN_TYPE_DECIMAL ||
		(op != PMN_PREDICATE_EQ && op != PMN_PREDICATE_IN &&
		 op != PMN_PREDICATE_NE && op != PMN_PREDICATE_IS_NULL &&
		 op != PMN_PREDICATE_NOT_NULL))
		return PMN_OK;
	PMN_TRY(open_bitmaps(&bitmaps, &is_known));
	if (!is_known)
		return PMN_OK;
	PMN_TRY(pmn_rows_make(probe->arena, probe->row_count, false, out));
	if (op == PMN_PREDICATE_EQ || op == PMN_PREDICATE_IN)
		return find_equal(&bitmaps, out);
	if (op == PMN_PREDICATE_NE)
		PMN_TRY(find_equal(&bitmaps, out));
	PMN_TRY(find_nulls(&bitmaps, out));
	if (op != PMN_PREDICATE_IS_NULL)
		pmn_rows_flip(out);
	return PMN_OK;
}
