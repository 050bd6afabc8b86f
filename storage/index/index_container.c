/*
 * index_container.c
 *
 * The container of all indexes of one data file:
 *
 *   i64 magic | i32 version 1 | i32 size of the head
 *   i32 columns x { UTF name | i32 indexes x { UTF type | i32 start | i32 size } }
 *   i32 size of what future versions may add | those bytes
 *   bodies
 *
 * UTF is an u16 size and Java's modified UTF-8, which is UTF-8 for all names
 * that can be columns, except those with characters beyond the 16-bit plane:
 * these are not found. A start of -1 is an index of no rows.
 */
#include "index_internal.h"

#define MAGIC INT64_C(1493475289347502)
#define VERSION 1

static PmnCode
damaged(PmnEnv *env, const char *name)
{
	return pmn_fail(env, PMN_CORRUPT, "file index \"%s\" is damaged", name);
}

static bool
read_text(PmnCursor *cursor, PmnBytes *out)
{
	uint16_t size;

	return pmn_cursor_u16(cursor, &size) && pmn_cursor_bytes(cursor, size, out);
}

/* One index of a column; its body is within the file. */
static bool
read_entry(PmnCursor *cursor, PmnBytes file, PmnIndexEntry *out, bool *is_empty)
{
	int32_t start;
	int32_t size;

	if (!read_text(cursor, &out->type) || !pmn_cursor_i32(cursor, &start) ||
		!pmn_cursor_i32(cursor, &size))
		return false;
	*is_empty = start == -1;
	if (*is_empty)
		return true;
	if (start < 0 || size < 0 || (uint32_t) start > file.size ||
		(uint32_t) size > file.size - (uint32_t) start)
		return false;
	out->body = pmn_bytes(file.data + start, (size_t) size);
	return true;
}

/* Indexes of one column, kept when they are wanted. */
static PmnCode
read_column(PmnEnv *env, PmnArena *arena, PmnCursor *cursor, PmnBytes file,
			const char *name, bool is_wanted, PmnIndexEntry **out,
			uint32_t *count)
{
	int32_t entries;

	if (!pmn_cursor_i32(cursor, &entries) || entries < 0 ||
		(size_t) entries > pmn_cursor_left(cursor) / 10)
		return damaged(env, name);
	if (is_wanted)
	{
		*count = 0;
		*out = pmn_arena_alloc(arena, (size_t) entries * sizeof(**out));
		if (*out == NULL)
			return PMN_NO_MEMORY;
	}
	for (int32_t i = 0; i < entries; i++)
	{
		PmnIndexEntry entry = {{NULL, 0}, {NULL, 0}};
		bool is_empty = false;

		if (!read_entry(cursor, file, &entry, &is_empty))
			return damaged(env, name);
		if (is_wanted && !is_empty)
			(*out)[(*count)++] = entry;
	}
	return PMN_OK;
}

PmnCode
pmn_index_find(PmnEnv *env, PmnArena *arena, PmnBytes file, const char *name,
			   const char *column, PmnIndexEntry **out, uint32_t *count)
{
	PmnCursor cursor = pmn_cursor(file);
	int64_t magic = 0;
	int32_t version = 0;
	int32_t head_size = 0;
	int32_t columns = 0;

	*out = NULL;
	*count = 0;
	if (!pmn_cursor_i64(&cursor, &magic) || magic != MAGIC ||
		!pmn_cursor_i32(&cursor, &version) ||
		!pmn_cursor_i32(&cursor, &head_size))
		return damaged(env, name);
	/* Something newer: do without it. */
	if (version != VERSION)
		return PMN_OK;
	if (head_size < 0 || (uint32_t) head_size > file.size ||
		!pmn_cursor_i32(&cursor, &columns) || columns < 0)
		return damaged(env, name);
	cursor.end = file.data + head_size;
	if (cursor.at > cursor.end)
		return damaged(env, name);
	for (int32_t i = 0; i < columns; i++)
	{
		PmnBytes text;

		if (!read_text(&cursor, &text))
			return damaged(env, name);
		PMN_TRY(read_column(env, arena, &cursor, file, name,
							pmn_bytes_equal(text, pmn_bytes_string(column)),
							out, count));
	}
	return PMN_OK;
}
