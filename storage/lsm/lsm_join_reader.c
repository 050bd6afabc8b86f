/*
 * lsm_join_reader.c
 *
 * A join of files as batches. Each wanted column has one source: the newest
 * file of rows that holds it, else the blob files of its field, else nothing
 * (it is null). Files that are no column's source are not opened.
 *
 * The sources advance in lockstep. Their batches may end at different rows:
 * what is handed out ends where the first of them does, as slices of all, and
 * only the exhausted ones are asked for more, so that the others' values stay
 * where they are. Nothing may be left out below, therefore: members see no
 * filter and no deleted rows. Deleted rows are left out of the selection
 * here, by their position in the join.
 *
 * A blob column's value is that of the newest blob file that covers the row
 * and has more than a placeholder there; a null is a value, too. All files
 * that cover a row step on with it.
 */
#include "lsm_join_reader.h"

#include <inttypes.h>

#include "../format/format_blob.h"

#define BLOB_BYTES_MIN ((size_t) 1 << 20)

/* A file of rows that some columns come from. */
typedef struct JoinMember
{
	PmnDataFile file; /* without its deleted rows */
	PmnDataFileReader *reader;
	uint32_t *fields;
	uint32_t *columns; /* of the join's batch, by field */
	uint32_t field_count;
	PmnBatch *batch;
	uint32_t at; /* rows of batch that were handed out */
} JoinMember;

/* A blob file: rows first .. end - 1 of the join. */
typedef struct JoinPiece
{
	const PmnDataFile *file;
	uint64_t first;
	uint64_t end;
	PmnFileReader *reader; /* while its rows are read */
	PmnBlobRows *rows;
} JoinPiece;

/* A column out of blob files. */
typedef struct JoinBlob
{
	uint32_t column;
	JoinPiece *pieces; /* newest first */
	uint32_t piece_count;
	PmnArena *arena; /* of the batch */
	PmnBytes *values;
	uint8_t *nulls;
	uint32_t row_count; /* of the batch */
	uint32_t at;
} JoinBlob;

struct PmnJoinReader
{
	PmnEnv *env;
	PmnLsm *lsm;
	PmnArena *arena;
	PmnJoinRequest request;
	JoinMember *members; /* by file of the join; without fields: not read */
	JoinBlob *blobs;
	uint32_t blob_count;
	size_t blob_bytes_max; /* of a batch of one column */
	uint64_t position;	   /* rows that were handed out */
	PmnBatch batch;
	PmnDeletionVector deletions;
	uint32_t *selection; /* NULL: no row is deleted */
};

/* ---- planning ----------------------------------------------------------- */

static void
add_to_member(JoinMember *member, uint32_t field, uint32_t column)
{
	member->fields[member->field_count] = field;
	member->columns[member->field_count++] = column;
}

static PmnCode
add_piece(PmnJoinReader *reader, JoinBlob *blob, const PmnDataFile *file)
{
	const PmnJoin *join = reader->request.join;
	JoinPiece *piece = &blob->pieces[blob->piece_count];

	piece->file = file;
	piece->first = (uint64_t) (file->first_row_id - join->first_row_id);
	piece->end = piece->first + (uint64_t) file->row_count;
	if (blob->piece_count > 0 &&
		piece[-1].file->max_sequence_number == file->max_sequence_number &&
		piece[-1].end > piece->first)
		return pmn_fail(reader->env, PMN_CORRUPT,
						"blob files \"%.*s\" and \"%.*s\" of one snapshot "
						"have the same rows",
						(int) piece[-1].file->file_name.size,
						(const char *) piece[-1].file->file_name.data,
						(int) file->file_name.size,
						(const char *) file->file_name.data);
	blob->piece_count++;
	return PMN_OK;
}

/* *found: blob files have the field. */
static PmnCode
plan_blob(PmnJoinReader *reader, uint32_t column, const PmnField *field,
		  bool *found)
{
	const PmnJoin *join = reader->request.join;
	JoinBlob *blob = &reader->blobs[reader->blob_count];
	const PmnSchema *schema = NULL;
	char type[128];

	*found = false;
	for (uint32_t i = 0; i < join->blob_count; i++)
	{
		PMN_TRY(
			pmn_lsm_schema(reader->lsm, join->blobs[i]->schema_id, &schema));
		if (!join->blobs[i]->has_write_cols ||
			!pmn_data_file_holds(join->blobs[i], schema, field->id))
			continue;
		if (!*found)
			blob->pieces = pmn_arena_alloc(
				reader->arena, join->blob_count * sizeof(JoinPiece));
		if (blob->pieces == NULL)
			return PMN_NO_MEMORY;
		*found = true;
		PMN_TRY(add_piece(reader, blob, join->blobs[i]));
	}
	if (!*found)
		return PMN_OK;
	if (field->type.kind != PMN_TYPE_BLOB)
		return pmn_fail(reader->env, PMN_UNSUPPORTED,
						"column \"%s\" of type %s cannot be read from blob "
						"files",
						field->name,
						pmn_type_name(&field->type, type, sizeof(type)));
	blob->column = column;
	blob->values =
		pmn_arena_alloc(reader->arena, PMN_BATCH_ROWS * sizeof(PmnBytes));
	blob->nulls = pmn_arena_alloc(reader->arena, PMN_BATCH_ROWS);
	if (blob->values == NULL || blob->nulls == NULL)
		return PMN_NO_MEMORY;
	reader->blob_count++;
	return pmn_arena_create(reader->env, 0, &blob->arena);
}

static bool
is_partition(const PmnLsm *lsm, uint32_t field)
{
	for (uint32_t i = 0; i < lsm->partition_count; i++)
	{
		if (lsm->partition_fields[i] == field)
			return true;
	}
	return false;
}

/* *found false: no file has the column, or none need to. */
static PmnCode
plan_column(PmnJoinReader *reader, uint32_t column, bool *found)
{
	const PmnJoin *join = reader->request.join;
	uint32_t position = reader->request.fields[column];
	const PmnField *field = &reader->lsm->schema->fields[position];
	const PmnSchema *schema = NULL;

	*found = false;
	if (is_partition(reader->lsm, position))
		return PMN_OK;
	/* Of the newest file, whatever it holds. */
	if (pmn_field_is_tracked(field->id))
	{
		add_to_member(&reader->members[0], position, column);
		*found = true;
		return PMN_OK;
	}
	for (uint32_t i = 0; i < join->file_count; i++)
	{
		PMN_TRY(
			pmn_lsm_schema(reader->lsm, join->files[i]->schema_id, &schema));
		if (!pmn_data_file_holds(join->files[i], schema, field->id))
			continue;
		add_to_member(&reader->members[i], position, column);
		*found = true;
		return PMN_OK;
	}
	return plan_blob(reader, column, field, found);
}

/* Give columns without a source to a file that is read anyway, which makes
 * them null, or the partition's value. */
static void
plan_rest(PmnJoinReader *reader, const bool *found)
{
	uint32_t chosen = 0;

	for (uint32_t i = reader->request.join->file_count; i > 0; i--)
	{
		if (reader->members[i - 1].field_count > 0)
			chosen = i - 1;
	}
	for (uint32_t i = 0; i < reader->request.field_count; i++)
	{
		if (!found[i])
			add_to_member(&reader->members[chosen], reader->request.fields[i],
						  i);
	}
}

static PmnCode
plan_columns(PmnJoinReader *reader)
{
	const PmnJoin *join = reader->request.join;
	uint32_t count = reader->request.field_count;
	bool *found = pmn_arena_alloc(reader->arena, count);

	reader->members =
		pmn_arena_alloc(reader->arena, join->file_count * sizeof(JoinMember));
	reader->blobs = pmn_arena_alloc(reader->arena, count * sizeof(JoinBlob));
	reader->batch.columns =
		pmn_arena_alloc(reader->arena, count * sizeof(PmnVector));
	if (found == NULL || reader->members == NULL || reader->blobs == NULL ||
		reader->batch.columns == NULL)
		return PMN_NO_MEMORY;
	reader->batch.column_count = count;
	for (uint32_t i = 0; i < join->file_count; i++)
	{
		JoinMember *member = &reader->members[i];

		member->file = *join->files[i];
		member->file.deletion = NULL;
		member->fields =
			pmn_arena_alloc(reader->arena, count * sizeof(uint32_t));
		member->columns =
			pmn_arena_alloc(reader->arena, count * sizeof(uint32_t));
		if (member->fields == NULL || member->columns == NULL)
			return PMN_NO_MEMORY;
	}
	for (uint32_t i = 0; i < count; i++)
		PMN_TRY(plan_column(reader, i, &found[i]));
	plan_rest(reader, found);
	return PMN_OK;
}

/* ---- opening ------------------------------------------------------------- */

static PmnCode
open_members(PmnJoinReader *reader)
{
	const PmnJoinRequest *request = &reader->request;
	uint32_t sources = reader->blob_count;

	for (uint32_t i = 0; i < request->join->file_count; i++)
		sources += reader->members[i].field_count > 0 ? 1 : 0;
	reader->blob_bytes_max = request->memory_limit_bytes / 4 / sources;
	if (reader->blob_bytes_max < BLOB_BYTES_MIN)
		reader->blob_bytes_max = BLOB_BYTES_MIN;
	for (uint32_t i = 0; i < request->join->file_count; i++)
	{
		JoinMember *member = &reader->members[i];
		PmnDataFileRequest file = {
			.file = &member->file,
			.bucket = request->bucket,
			.fields = member->fields,
			.field_count = member->field_count,
			.memory_limit_bytes = request->memory_limit_bytes / sources,
		};

		if (member->field_count > 0)
			PMN_TRY(pmn_data_file_open(reader->lsm, &file, &member->reader));
	}
	return PMN_OK;
}

static PmnCode
open_deletions(PmnJoinReader *reader)
{
	const PmnJoin *join = reader->request.join;

	if (join->deletion == NULL)
		return PMN_OK;
	PMN_TRY(pmn_deletion_vector_read(reader->lsm->fs, reader->arena,
									 join->deletion, &reader->deletions));
	if (pmn_deletion_vector_end(&reader->deletions) > join->row_count)
		return pmn_fail(reader->env, PMN_CORRUPT,
						"deletion vector in \"%s\" deletes rows behind the "
						"end of file \"%.*s\"",
						join->deletion->path,
						(int) join->files[0]->file_name.size,
						(const char *) join->files[0]->file_name.data);
	reader->selection =
		pmn_arena_alloc(reader->arena, PMN_BATCH_ROWS * sizeof(uint32_t));
	return reader->selection == NULL ? PMN_NO_MEMORY : PMN_OK;
}

PmnCode
pmn_join_reader_open(PmnLsm *lsm, const PmnJoinRequest *request,
					 PmnJoinReader **out)
{
	PmnJoinReader *reader = pmn_alloc(lsm->env, sizeof(*reader));
	PmnCode code;

	PMN_ASSERT(request->field_count > 0);
	*out = NULL;
	if (reader == NULL)
		return PMN_NO_MEMORY;
	reader->env = lsm->env;
	reader->lsm = lsm;
	reader->request = *request;
	code = pmn_arena_create(lsm->env, 0, &reader->arena);
	if (code == PMN_OK)
		code = plan_columns(reader);
	if (code == PMN_OK)
		code = open_members(reader);
	if (code == PMN_OK)
		code = open_deletions(reader);
	if (code == PMN_OK)
		*out = reader;
	else
		pmn_join_reader_close(reader);
	return code;
}

static void
close_piece(JoinPiece *piece)
{
	pmn_blob_close(piece->rows);
	piece->rows = NULL;
	pmn_file_reader_close(piece->reader);
	piece->reader = NULL;
}

void
pmn_join_reader_close(PmnJoinReader *reader)
{
	if (reader == NULL)
		return;
	for (uint32_t i = 0;
		 reader->members != NULL && i < reader->request.join->file_count; i++)
		pmn_data_file_close(reader->members[i].reader);
	for (uint32_t b = 0; b < reader->blob_count; b++)
	{
		for (uint32_t i = 0; i < reader->blobs[b].piece_count; i++)
			close_piece(&reader->blobs[b].pieces[i]);
		pmn_arena_destroy(reader->blobs[b].arena);
	}
	pmn_arena_destroy(reader->arena);
	pmn_free(reader->env, reader, sizeof(*reader));
}

/* ---- blobs --------------------------------------------------------------- */

static PmnCode
open_piece(PmnJoinReader *reader, JoinPiece *piece, PmnArena *scratch)
{
	const PmnDataFile *file = piece->file;
	char *path = NULL;

	PMN_TRY(pmn_path_data_file(
		scratch, reader->env, &reader->lsm->path,
		reader->request.bucket->directory, file->file_name,
		file->has_external_path ? &file->external_path : NULL, &path));
	PMN_TRY(pmn_fs_open_read(reader->lsm->fs, path, &piece->reader));
	PMN_TRY(pmn_blob_open(piece->reader, &piece->rows));
	if (pmn_blob_row_count(piece->rows) == (uint64_t) file->row_count)
		return PMN_OK;
	return pmn_fail(reader->env, PMN_CORRUPT,
					"file \"%s\" has %" PRIu64
					" rows, its manifest says %" PRId64,
					path, pmn_blob_row_count(piece->rows), file->row_count);
}

/* The value at row of the join, to the end of blob's batch; *size grows. */
static PmnCode
take_blob(PmnJoinReader *reader, JoinBlob *blob, uint64_t row, size_t *size)
{
	uint32_t to = blob->row_count;
	bool is_known = false;
	bool is_covered = false;

	blob->nulls[to] = 1;
	blob->values[to] = pmn_bytes(NULL, 0);
	for (uint32_t i = 0; i < blob->piece_count; i++)
	{
		JoinPiece *piece = &blob->pieces[i];
		int64_t found;

		if (row < piece->first || row >= piece->end)
			continue;
		if (piece->rows == NULL)
			PMN_TRY(open_piece(reader, piece, blob->arena));
		is_covered = true;
		found = pmn_blob_next(piece->rows);
		if (!is_known && found >= 0)
		{
			PMN_TRY(pmn_blob_take(piece->rows, blob->arena, &blob->values[to]));
			blob->nulls[to] = 0;
			*size += (size_t) found;
		}
		is_known = is_known || found != PMN_BLOB_PLACEHOLDER;
		if (row + 1 == piece->end)
			close_piece(piece);
	}
	if (!is_covered)
		return pmn_fail(
			reader->env, PMN_CORRUPT,
			"no blob file has column \"%s\" of row %" PRIu64
			" of file \"%.*s\"",
			reader->lsm->schema->fields[reader->request.fields[blob->column]]
				.name,
			row, (int) reader->request.join->files[0]->file_name.size,
			(const char *) reader->request.join->files[0]->file_name.data);
	blob->row_count++;
	return PMN_OK;
}

static PmnCode
fill_blob(PmnJoinReader *reader, JoinBlob *blob)
{
	uint64_t left = reader->request.join->row_count - reader->position;
	uint32_t limit = left < PMN_BATCH_ROWS ? (uint32_t) left : PMN_BATCH_ROWS;
	size_t size = 0;

	blob->row_count = 0;
	blob->at = 0;
	pmn_arena_reset(blob->arena);
	while (blob->row_count < limit && size < reader->blob_bytes_max)
	{
		PMN_TRY(pmn_poll(reader->env));
		PMN_TRY(
			take_blob(reader, blob, reader->position + blob->row_count, &size));
	}
	return PMN_OK;
}

/* ---- batches --------------------------------------------------------------- */

static PmnCode
wrong_rows(PmnJoinReader *reader, const JoinMember *member, const char *what)
{
	return pmn_fail(reader->env, PMN_CORRUPT,
					"file \"%.*s\" has %s rows than its manifest says",
					(int) member->file.file_name.size,
					(const char *) member->file.file_name.data, what);
}

static PmnCode
fill_member(PmnJoinReader *reader, JoinMember *member)
{
	uint64_t first_row = 0;

	PMN_TRY(pmn_data_file_next(member->reader, &member->batch, &first_row));
	member->at = 0;
	if (reader->position == reader->request.join->row_count)
		return member->batch == NULL ? PMN_OK
									 : wrong_rows(reader, member, "more");
	/* A reader that leaves rows out would shift all that follow. */
	if (member->batch == NULL || first_row != reader->position)
		return wrong_rows(reader, member, "less");
	return PMN_OK;
}

/* Every source has a row at the position; *count: rows that all have. */
static PmnCode
fill_sources(PmnJoinReader *reader, uint32_t *count)
{
	uint32_t rows = PMN_BATCH_ROWS;

	for (uint32_t i = 0; i < reader->request.join->file_count; i++)
	{
		JoinMember *member = &reader->members[i];

		if (member->field_count == 0)
			continue;
		if (member->batch == NULL || member->at == member->batch->row_count)
			PMN_TRY(fill_member(reader, member));
		if (member->batch != NULL &&
			member->batch->row_count - member->at < rows)
			rows = member->batch->row_count - member->at;
	}
	for (uint32_t i = 0; i < reader->blob_count; i++)
	{
		JoinBlob *blob = &reader->blobs[i];

		if (blob->at == blob->row_count)
			PMN_TRY(fill_blob(reader, blob));
		if (blob->row_count - blob->at < rows)
			rows = blob->row_count - blob->at;
	}
	*count = rows;
	return PMN_OK;
}

static PmnVector
slice(const PmnVector *vector, uint32_t first)
{
	PmnVector result = *vector;

	result.values = (uint8_t *) vector->values +
					(size_t) first * pmn_vector_width(vector->kind);
	if (vector->nulls != NULL)
		result.nulls = vector->nulls + first;
	return result;
}

static void
put_together(PmnJoinReader *reader, uint32_t count)
{
	PmnVector *columns = reader->batch.columns;

	for (uint32_t i = 0; i < reader->request.join->file_count; i++)
	{
		JoinMember *member = &reader->members[i];

		for (uint32_t c = 0; c < member->field_count; c++)
			columns[member->columns[c]] =
				slice(&member->batch->columns[c], member->at);
		member->at += count;
	}
	for (uint32_t i = 0; i < reader->blob_count; i++)
	{
		JoinBlob *blob = &reader->blobs[i];
		PmnVector vector = {PMN_VECTOR_BYTES, blob->nulls, blob->values};

		columns[blob->column] = slice(&vector, blob->at);
		blob->at += count;
	}
}

PmnCode
pmn_join_reader_next(PmnJoinReader *reader, PmnBatch **out)
{
	PmnBatch *batch = &reader->batch;
	uint32_t count = 0;
	uint32_t kept = 0;

	*out = NULL;
	while (kept == 0)
	{
		PMN_TRY(pmn_poll(reader->env));
		PMN_TRY(fill_sources(reader, &count));
		if (reader->position == reader->request.join->row_count)
			return PMN_OK;
		put_together(reader, count);
		kept = count;
		if (reader->selection != NULL)
			kept = pmn_deletion_vector_select(
				&reader->deletions, reader->position, count, reader->selection);
		reader->position += count;
	}
	batch->row_count = count;
	batch->selection = kept < count ? reader->selection : NULL;
	batch->selected_count = kept;
	*out = batch;
	return PMN_OK;
}
