/*
 * meta_deletion_vector.c
 *
 * A deletion vector is the set of deleted row positions of one data file, a
 * blob inside an index file. Two forms, told apart by the magic number:
 *
 *   v1  size BE | magic 5e43f2d0 BE | 32-bit bitmap | crc BE
 *       size = magic + bitmap; the range's length is this size
 *   v2  size BE | magic d1 d3 39 64 | 64-bit bitmap | crc BE
 *       size as above; the range's length is that of the whole blob
 *
 * The crc covers magic and bitmap. A 64-bit bitmap is a count (8 bytes, LE)
 * and that many pairs of upper 32 bits (LE, ascending) and 32-bit bitmap.
 * Paimon does not look at the crc; we do, since a wrong vector shows deleted
 * rows or hides good ones and nothing else would tell.
 *
 * Vectors stay in serialized form, a file's vector in memory while the file
 * is read. A batch becomes a window of at most 8192 bits; one without a
 * deleted row costs the look-up of a container.
 */
#include "meta_deletion_vector.h"

#include <zlib.h>

#include "../include/pmn_batch.h"

#define MAGIC_V1 0x5e43f2d0u
#define MAGIC_V2 0xd1d33964u /* read as BE */
#define SIZE_AND_CRC 8
/* Above any bitmap of the 2^31 rows that Paimon allows a file. */
#define BLOB_SIZE_MAX (512 * 1024 * 1024)
#define WINDOW_WORDS (PMN_BATCH_ROWS / 64)

static PmnCode
corrupt(PmnEnv *env, const char *name, const char *what)
{
	return pmn_fail(env, PMN_CORRUPT, "deletion vector in \"%s\" has %s", name,
					what);
}

/* ---- parsing ----------------------------------------------------------- */

static PmnCode
parse_v1(PmnArena *arena, PmnEnv *env, const char *name, PmnBytes bitmap,
		 PmnDeletionVector *out)
{
	size_t used = 0;

	out->parts = pmn_arena_alloc(arena, sizeof(*out->parts));
	if (out->parts == NULL)
		return PMN_NO_MEMORY;
	out->part_count = 1;
	PMN_TRY(
		pmn_roaring_parse(arena, env, name, bitmap, &used, &out->parts[0].low));
	if (used != bitmap.size)
		return corrupt(env, name, "bytes behind its bitmap");
	out->cardinality = out->parts[0].low.cardinality;
	return PMN_OK;
}

static PmnCode
parse_v2(PmnArena *arena, PmnEnv *env, const char *name, PmnBytes bitmap,
		 PmnDeletionVector *out)
{
	uint64_t count;
	size_t at = sizeof(count);
	size_t used = 0;

	if (bitmap.size < sizeof(count))
		return corrupt(env, name, "no bitmap");
	count = pmn_get_le64(bitmap.data);
	/* The least part: its key, a cookie and a count. */
	if (count > (bitmap.size - at) / 12)
		return corrupt(env, name, "more parts than bytes");
	out->parts = pmn_arena_alloc(arena, (size_t) count * sizeof(*out->parts));
	if (out->parts == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < (uint32_t) count; i++)
	{
		PmnDeletionPart *part = &out->parts[i];

		if (bitmap.size - at < sizeof(part->high))
			return corrupt(env, name, "a part cut short");
		part->high = pmn_get_le32(bitmap.data + at);
		at += sizeof(part->high);
		if ((i > 0 && part->high <= part[-1].high) || part->high > INT32_MAX)
			return corrupt(env, name, "parts out of order");
		PMN_TRY(pmn_roaring_parse(arena, env, name,
								  pmn_bytes(bitmap.data + at, bitmap.size - at),
								  &used, &part->low));
		at += used;
		out->cardinality += part->low.cardinality;
	}
	out->part_count = (uint32_t) count;
	if (at != bitmap.size)
		return corrupt(env, name, "bytes behind its bitmap");
	return PMN_OK;
}

PmnCode
pmn_deletion_vector_parse(PmnArena *arena, PmnEnv *env, const char *name,
						  PmnBytes src, int64_t length, PmnDeletionVector *out)
{
	uint32_t size;
	uint32_t magic;
	PmnBytes bitmap;

	memset(out, 0, sizeof(*out));
	if (src.size < SIZE_AND_CRC + sizeof(magic))
		return corrupt(env, name, "too few bytes");
	size = pmn_get_be32(src.data);
	magic = pmn_get_be32(src.data + sizeof(size));
	if (magic != MAGIC_V1 && magic != MAGIC_V2)
		return corrupt(env, name, "an unknown magic number");
	if (size < sizeof(magic) || size > src.size - SIZE_AND_CRC ||
		length != (int64_t) size + (magic == MAGIC_V1 ? 0 : SIZE_AND_CRC))
		return corrupt(env, name, "a wrong size");
	if (crc32(0, src.data + sizeof(size), size) !=
		pmn_get_be32(src.data + sizeof(size) + size))
		return corrupt(env, name, "a wrong checksum");
	bitmap = pmn_bytes(src.data + sizeof(size) + sizeof(magic),
					   size - sizeof(magic));
	return magic == MAGIC_V1 ? parse_v1(arena, env, name, bitmap, out)
							 : parse_v2(arena, env, name, bitmap, out);
}

static PmnCode
read_blob(PmnFileReader *file, PmnArena *arena, const PmnDeletionFile *where,
		  PmnDeletionVector *out)
{
	PmnEnv *env = file->fs->env;
	uint64_t size = (uint64_t) where->length + SIZE_AND_CRC;
	uint64_t left;
	uint8_t *data;

	if ((uint64_t) where->offset >= file->size_bytes)
		return corrupt(env, where->path, "a place behind the end of the file");
	/* v1's length leaves 8 bytes out, v2's does not. */
	left = file->size_bytes - (uint64_t) where->offset;
	if (size > left)
		size = left;
	data = pmn_arena_alloc_raw(arena, size, 8);
	if (data == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_file_read_at(file, (uint64_t) where->offset, size, data));
	PMN_TRY(pmn_deletion_vector_parse(
		arena, env, where->path, pmn_bytes(data, size), where->length, out));
	if (where->has_cardinality &&
		(uint64_t) where->cardinality != out->cardinality)
		return pmn_fail(env, PMN_CORRUPT,
						"deletion vector in \"%s\" deletes %" PRIu64
						" rows, its manifest says %" PRId64,
						where->path, out->cardinality, where->cardinality);
	return PMN_OK;
}

PmnCode
pmn_deletion_vector_read(PmnFileSystem *fs, PmnArena *arena,
						 const PmnDeletionFile *where, PmnDeletionVector *out)
{
	PmnFileReader *file = NULL;
	PmnCode code;

	memset(out, 0, sizeof(*out));
	if (where->offset < 0 || where->length < 0 ||
		where->length > BLOB_SIZE_MAX ||
		(where->has_cardinality && where->cardinality < 0))
		return corrupt(fs->env, where->path, "an impossible range");
	PMN_TRY(pmn_fs_open_read(fs, where->path, &file));
	code = read_blob(file, arena, where, out);
	pmn_file_reader_close(file);
	return code;
}

/* ---- asking ------------------------------------------------------------ */

uint64_t
pmn_deletion_vector_end(const PmnDeletionVector *vector)
{
	for (uint32_t i = vector->part_count; i > 0; i--)
	{
		const PmnDeletionPart *part = &vector->parts[i - 1];

		/* Java writes empty parts, so that keys have no gaps. */
		if (part->low.count > 0)
			return ((uint64_t) part->high << 32) + pmn_roaring_max(&part->low) +
				   1;
	}
	return 0;
}

/* Bits of one part; the window is first .. end - 1. */
static void
part_window(const PmnDeletionPart *part, uint64_t first, uint64_t end,
			uint64_t *words)
{
	uint64_t base = (uint64_t) part->high << 32;
	uint64_t from = first > base ? first - base : 0;
	uint64_t to = end - base;

	if (to > UINT64_C(1) << 32)
		to = UINT64_C(1) << 32;
	if (from >= to)
		return;
	if (base + from == first)
	{
		pmn_roaring_window(&part->low, (uint32_t) from, (uint32_t) (to - from),
						   words);
		return;
	}
	/* A window that begins in the part before: once in 2^32 rows. */
	for (uint64_t value = from; value < to; value++)
	{
		uint64_t bit = base + value - first;

		if (pmn_roaring_contains(&part->low, (uint32_t) value))
			words[bit / 64] |= UINT64_C(1) << (bit % 64);
	}
}

bool
pmn_deletion_vector_window(const PmnDeletionVector *vector, uint64_t first,
						   uint32_t count, uint64_t *words)
{
	uint32_t word_count = (count + 63) / 64;
	uint64_t any = 0;

	memset(words, 0, word_count * sizeof(*words));
	for (uint32_t i = 0; i < vector->part_count; i++)
	{
		if (first + count <= (uint64_t) vector->parts[i].high << 32)
			break;
		part_window(&vector->parts[i], first, first + count, words);
	}
	for (uint32_t i = 0; i < word_count; i++)
		any |= words[i];
	return any != 0;
}

uint32_t
pmn_deletion_vector_select(const PmnDeletionVector *vector, uint64_t first,
						   uint32_t count, uint32_t *selection)
{
	uint64_t words[WINDOW_WORDS];
	uint32_t kept = 0;

	PMN_ASSERT(count <= PMN_BATCH_ROWS);
	if (!pmn_deletion_vector_window(vector, first, count, words))
		return count;
	for (uint32_t base = 0; base < count; base += 64)
	{
		uint64_t live = ~words[base / 64];

		if (count - base < 64)
			live &= ((uint64_t) 1 << (count - base)) - 1;
		if (live == ~(uint64_t) 0)
		{
			for (uint32_t i = 0; i < 64; i++)
				selection[kept + i] = base + i;
			kept += 64;
			continue;
		}
		for (; live != 0; live &= live - 1)
			selection[kept++] = base + (uint32_t) __builtin_ctzll(live);
	}
	return kept;
}
