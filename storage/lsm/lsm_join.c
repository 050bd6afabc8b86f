/*
 * lsm_join.c
 *
 * Data evolution (format/metadata.md 8.7.1): what the files whose row ids
 * overlap are together. Files of rows and columns must have exactly one
 * range. Blob files may cut it into pieces, each possibly there in several
 * versions. The newest write has the largest sequence number, which is its
 * snapshot; files come out in that order.
 *
 * Deleted rows are bound to the oldest file of rows, the anchor, which stays
 * when newer columns come; a deletion vector anywhere else has no meaning.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "lsm_join_reader.h"

static bool
is_vector(const PmnDataFile *file)
{
	const PmnBytes name = file->file_name;
	const char part[] = ".vector.";

	return memmem(name.data, name.size, part, sizeof(part) - 1) != NULL;
}

/* Newest first; among equals by row id, then the greater name, so that the
 * anchor is the last one. */
static int
compare_newest(const void *a, const void *b)
{
	const PmnDataFile *x = *(const PmnDataFile *const *) a;
	const PmnDataFile *y = *(const PmnDataFile *const *) b;

	if (x->max_sequence_number != y->max_sequence_number)
		return x->max_sequence_number > y->max_sequence_number ? -1 : 1;
	if (x->first_row_id != y->first_row_id)
		return x->first_row_id < y->first_row_id ? -1 : 1;
	return -pmn_bytes_compare(x->file_name, y->file_name);
}

static PmnCode
misfit(PmnLsm *lsm, const PmnDataFile *file, const char *what)
{
	return pmn_fail(lsm->env, PMN_CORRUPT,
					"file \"%.*s\" with rows %" PRId64 " to %" PRId64 " %s",
					(int) file->file_name.size,
					(const char *) file->file_name.data, file->first_row_id,
					file->first_row_id + file->row_count - 1, what);
}

static PmnCode
check_files(PmnLsm *lsm, const PmnJoin *join)
{
	for (uint32_t i = 0; i < join->file_count; i++)
	{
		const PmnDataFile *file = join->files[i];

		/* Its columns may be newer and older than another file's. */
		if (file->has_write_cols_sequences && join->file_count > 1)
			return pmn_fail(lsm->env, PMN_UNSUPPORTED,
							"file \"%.*s\" has a sequence number for each "
							"column, which cannot be read",
							(int) file->file_name.size,
							(const char *) file->file_name.data);
		if (file->first_row_id != join->first_row_id ||
			(uint64_t) file->row_count != join->row_count)
			return misfit(lsm, file, "overlaps another with other rows");
		if (file->deletion != NULL && i + 1 < join->file_count)
			return misfit(lsm, file,
						  "has a deletion vector, though it is not the oldest "
						  "of these rows");
	}
	for (uint32_t i = 0; i < join->blob_count; i++)
	{
		const PmnDataFile *file = join->blobs[i];

		if (file->first_row_id < join->first_row_id ||
			(uint64_t) (file->first_row_id - join->first_row_id) +
					(uint64_t) file->row_count >
				join->row_count)
			return misfit(lsm, file, "goes beyond the rows it belongs to");
		if (file->deletion != NULL)
			return misfit(lsm, file,
						  "has a deletion vector, though it is a blob file");
	}
	return PMN_OK;
}

PmnCode
pmn_join_make(PmnLsm *lsm, PmnArena *arena, const PmnDataFile *const *files,
			  uint32_t count, PmnJoin **out)
{
	PmnJoin *join = pmn_arena_alloc(arena, sizeof(*join));
	const PmnDataFile *anchor;

	*out = NULL;
	if (join == NULL)
		return PMN_NO_MEMORY;
	join->files = pmn_arena_alloc(arena, count * sizeof(*join->files));
	join->blobs = pmn_arena_alloc(arena, count * sizeof(*join->blobs));
	if (join->files == NULL || join->blobs == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
	{
		if (files[i]->row_count < 0)
			return misfit(lsm, files[i], "has an impossible number of rows");
		if (is_vector(files[i]))
			return pmn_fail(lsm->env, PMN_UNSUPPORTED,
							"vector file \"%.*s\" cannot be read",
							(int) files[i]->file_name.size,
							(const char *) files[i]->file_name.data);
		if (pmn_data_file_is_blob(files[i]))
			join->blobs[join->blob_count++] = files[i];
		else
			join->files[join->file_count++] = files[i];
	}
	if (join->file_count == 0)
		return misfit(lsm, files[0], "belongs to the rows of no other file");
	qsort(join->files, join->file_count, sizeof(*files), compare_newest);
	qsort(join->blobs, join->blob_count, sizeof(*files), compare_newest);
	anchor = join->files[join->file_count - 1];
	join->first_row_id = anchor->first_row_id;
	join->row_count = (uint64_t) anchor->row_count;
	join->deletion = anchor->deletion;
	*out = join;
	return check_files(lsm, join);
}
