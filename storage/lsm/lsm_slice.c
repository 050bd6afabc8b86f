/*
 * lsm_slice.c
 *
 * With option changelog.precommit-compact Flink puts the small changelog
 * files of a commit, one for each bucket, into one file, and the manifest
 * names its parts:
 *
 *   bucket-B/compacted-changelog-X$B-SIZE.cc-parquet
 *       the file itself, of which this entry's part are the first SIZE bytes
 *   bucket-C/compacted-changelog-X$B-SIZE-OFFSET-LENGTH.cc-parquet
 *       LENGTH bytes from OFFSET on of that file, in the folder of bucket B
 *
 * Each part is a whole file of its format. It is read through a reader that
 * shows these bytes only.
 */
#include "lsm_slice.h"

#include <string.h>

#define PREFIX "compacted-changelog-"
#define SUFFIX ".cc-"
#define NUMBERS_MAX 4

typedef struct SliceReader
{
	PmnFileReader base;
	PmnFileReader *file;
	uint64_t offset;
} SliceReader;

bool
pmn_slice_is_one(PmnBytes file_name)
{
	return file_name.size > sizeof(PREFIX) - 1 &&
		   memcmp(file_name.data, PREFIX, sizeof(PREFIX) - 1) == 0;
}

/* "1-2-3" up to end; the count of numbers, 0 when there is something else. */
static uint32_t
parse_numbers(const char *text, const char *end, uint64_t *numbers)
{
	uint32_t count = 0;

	while (count < NUMBERS_MAX)
	{
		const char *first = text;
		uint64_t value = 0;

		for (; text < end && *text >= '0' && *text <= '9'; text++)
		{
			if (value > (uint64_t) INT64_MAX / 10 - 1)
				return 0;
			value = value * 10 + (uint64_t) (*text - '0');
		}
		if (text == first)
			return 0;
		numbers[count++] = value;
		if (text == end)
			return count;
		if (*text++ != '-')
			return 0;
	}
	return 0;
}

static PmnCode
no_slice(PmnArena *arena, const char *name)
{
	return pmn_fail(pmn_arena_env(arena), PMN_CORRUPT,
					"\"%s\" is no name of a compacted changelog file", name);
}

PmnCode
pmn_slice_parse(PmnArena *arena, const char *directory, PmnBytes file_name,
				PmnSlice *out)
{
	const char *name = pmn_arena_string_n(arena, (const char *) file_name.data,
										  file_name.size);
	const char *dollar;
	const char *dot;
	const char *slash = strrchr(directory, '/');
	uint64_t numbers[NUMBERS_MAX];
	uint32_t count;

	if (name == NULL)
		return PMN_NO_MEMORY;
	dollar = strchr(name, '$');
	dot = strchr(name, '.');
	if (dollar == NULL || dot == NULL || dot < dollar || slash == NULL ||
		strncmp(dot, SUFFIX, sizeof(SUFFIX) - 1) != 0)
		return no_slice(arena, name);
	count = parse_numbers(dollar + 1, dot, numbers);
	out->format = dot + sizeof(SUFFIX) - 1;
	if (count == 2)
	{
		out->path = pmn_arena_format(arena, "%s/%s", directory, name);
		out->offset = 0;
		out->size = numbers[1];
	}
	else if (count == 4)
	{
		out->path = pmn_arena_format(
			arena, "%.*s/bucket-%" PRIu64 "/%.*s$%" PRIu64 "-%" PRIu64 "%s",
			(int) (slash - directory), directory, numbers[0],
			(int) (dollar - name), name, numbers[0], numbers[1], dot);
		out->offset = numbers[2];
		out->size = numbers[3];
	}
	else
		return no_slice(arena, name);
	return out->path == NULL ? PMN_NO_MEMORY : PMN_OK;
}

/* The caller has checked the range against base.size_bytes. */
static PmnCode
slice_read_at(PmnFileReader *base, uint64_t offset, size_t size, uint8_t *dst)
{
	SliceReader *reader = (SliceReader *) base;

	return reader->file->read_at(reader->file, reader->offset + offset, size,
								 dst);
}

static void
slice_close(PmnFileReader *base)
{
	SliceReader *reader = (SliceReader *) base;

	pmn_file_reader_close(reader->file);
	pmn_free(base->fs->env, reader, sizeof(*reader));
}

PmnCode
pmn_slice_open(PmnFileSystem *fs, const PmnSlice *slice, PmnFileReader **out)
{
	SliceReader *reader;
	PmnFileReader *file = NULL;

	*out = NULL;
	PMN_TRY(pmn_fs_open_read(fs, slice->path, &file));
	if (slice->offset > file->size_bytes ||
		slice->size > file->size_bytes - slice->offset)
	{
		pmn_file_reader_close(file);
		return pmn_fail(fs->env, PMN_CORRUPT,
						"file \"%s\" is too short for a part that a manifest "
						"names",
						slice->path);
	}
	reader = pmn_alloc(fs->env, sizeof(*reader));
	if (reader == NULL)
	{
		pmn_file_reader_close(file);
		return PMN_NO_MEMORY;
	}
	reader->base = *file;
	reader->base.read_at = slice_read_at;
	reader->base.close = slice_close;
	reader->base.size_bytes = slice->size;
	reader->file = file;
	reader->offset = slice->offset;
	*out = &reader->base;
	return PMN_OK;
}
