/*
 * index_internal.h
 *
 * Between the kinds of file indexes: a bounded reader of big-endian bytes,
 * sets of rows, values as indexes store them, and one entry function a kind.
 */
#ifndef INDEX_INTERNAL_H
#define INDEX_INTERNAL_H

#include "../codec/codec_roaring.h"
#include "index.h"

/* Files of more rows are read without their index: 8 MB a set. */
#define PMN_INDEX_ROWS_MAX (1u << 26)
/* A longer IN is left to the exact filter: each literal takes a search. */
#define PMN_INDEX_LITERALS_MAX 256

/* One leaf of a predicate and the index that shall answer it. */
typedef struct PmnIndexProbe
{
	PmnEnv *env;
	PmnArena *arena;
	const char *name; /* of the file, for messages */
	PmnBytes body;
	const PmnType *type;
	const PmnPredicate *leaf;
	uint32_t row_count;
} PmnIndexProbe;

PmnCode pmn_index_corrupt(const PmnIndexProbe *probe, const char *what);

/* ---- bytes -------------------------------------------------------------- */

typedef struct PmnCursor
{
	const uint8_t *at;
	const uint8_t *end;
} PmnCursor;

static inline PmnCursor
pmn_cursor(PmnBytes bytes)
{
	PmnCursor cursor = {bytes.data, bytes.data + bytes.size};

	return cursor;
}

static inline size_t
pmn_cursor_left(const PmnCursor *cursor)
{
	return (size_t) (cursor->end - cursor->at);
}

/* false: too few bytes are left. */
static inline bool
pmn_cursor_u8(PmnCursor *cursor, uint8_t *out)
{
	if (cursor->at == cursor->end)
		return false;
	*out = *cursor->at++;
	return true;
}

static inline bool
pmn_cursor_u16(PmnCursor *cursor, uint16_t *out)
{
	if (pmn_cursor_left(cursor) < 2)
		return false;
	*out = pmn_get_be16(cursor->at);
	cursor->at += 2;
	return true;
}

static inline bool
pmn_cursor_i32(PmnCursor *cursor, int32_t *out)
{
	if (pmn_cursor_left(cursor) < 4)
		return false;
	*out = (int32_t) pmn_get_be32(cursor->at);
	cursor->at += 4;
	return true;
}

static inline bool
pmn_cursor_i64(PmnCursor *cursor, int64_t *out)
{
	if (pmn_cursor_left(cursor) < 8)
		return false;
	*out = (int64_t) pmn_get_be64(cursor->at);
	cursor->at += 8;
	return true;
}

/* The next size bytes; a negative size is never there. */
static inline bool
pmn_cursor_bytes(PmnCursor *cursor, int64_t size, PmnBytes *out)
{
	if (size < 0 || (uint64_t) size > pmn_cursor_left(cursor))
		return false;
	*out = pmn_bytes(cursor->at, (size_t) size);
	cursor->at += size;
	return true;
}

/* ---- index_container.c --------------------------------------------------- */

typedef struct PmnIndexEntry
{
	PmnBytes type; /* "bitmap" */
	PmnBytes body;
} PmnIndexEntry;

/* Indexes of a column; count 0 when it has none. Those of no rows at all are
 * left out: nobody needs them for a column of its own. */
PMN_CHECKED PmnCode pmn_index_find(PmnEnv *env, PmnArena *arena, PmnBytes file,
								   const char *name, const char *column,
								   PmnIndexEntry **out, uint32_t *count);

/* ---- index_rows.c -------------------------------------------------------- */

/* An empty or full set with words of its own. */
PMN_CHECKED PmnCode pmn_rows_make(PmnArena *arena, uint32_t row_count,
								  bool is_full, PmnRows *out);
void pmn_rows_and(PmnRows *rows, const PmnRows *other);
void pmn_rows_or(PmnRows *rows, const PmnRows *other);
void pmn_rows_and_not(PmnRows *rows, const PmnRows *other);
void pmn_rows_copy(PmnRows *rows, const PmnRows *other);
void pmn_rows_flip(PmnRows *rows);
bool pmn_rows_any(const PmnRows *rows);
/* NONE instead of an empty SOME. */
void pmn_rows_settle(PmnRows *rows);

/* The roaring bitmap at the cursor, which moves behind it; checked to be of
 * rows that the file has. Its containers stay where they are. */
PMN_CHECKED PmnCode pmn_rows_parse(const PmnIndexProbe *probe,
								   PmnCursor *cursor, PmnRoaring *out);
void pmn_rows_add(PmnRows *rows, const PmnRoaring *bitmap);
void pmn_rows_clear(PmnRows *rows);

/* ---- index_key.c --------------------------------------------------------- */

/* Whether values of the type are stored in indexes in a form we know. */
bool pmn_index_key_is_known(const PmnType *type);
/* Whether equality, or order, means the same to an index and to us. */
bool pmn_index_literal_is_plain(const PmnType *type, const PmnValue *literal);
/* All literals of the leaf are plain. */
bool pmn_index_literals_are_plain(const PmnIndexProbe *probe);
/* A stored value; bytes point into the index. */
bool pmn_index_key_read(const PmnType *type, PmnCursor *cursor, PmnValue *out);
/* Whether the leaf's literals contain value. */
bool pmn_index_literals_have(const PmnIndexProbe *probe, const PmnValue *value);

/* ---- the kinds ----------------------------------------------------------- */

PMN_CHECKED PmnCode pmn_index_bloom(const PmnIndexProbe *probe, PmnRows *out);
PMN_CHECKED PmnCode pmn_index_bitmap(const PmnIndexProbe *probe, PmnRows *out);
PMN_CHECKED PmnCode pmn_index_bsi(const PmnIndexProbe *probe, PmnRows *out);
PMN_CHECKED PmnCode pmn_index_range_bitmap(const PmnIndexProbe *probe,
										   PmnRows *out);

#endif /* INDEX_INTERNAL_H */
