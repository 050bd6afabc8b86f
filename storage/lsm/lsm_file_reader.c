/*
 * lsm_file_reader.c
 *
 * A data file seen through the table's current schema. The file's own schema
 * is the table schema with the id in the manifest; fields of the two are
 * matched by id, then the column is looked up in the file by the name it had
 * then. What a requested column becomes is decided once, at open:
 *
 *   FILE      the file's vector, as it is
 *   CAST      the file's vector through a cast of schema evolution
 *   CONSTANT  the partition's value, or null for a column added later or,
 *             with data evolution, written by no one
 *   TRACKED   a column of row tracking: the file's, if it has it, and where
 *             that is null what follows from the manifest
 *
 * Rows that the snapshot's deletion vector names are left out: plain batches
 * get a selection, key-value batches are moved together, because a merge
 * walks its rows one after another.
 *
 * Partition columns are never read from files (migrated ones lack them), and
 * neither are _KEY_ columns: keys are read as the plain columns they copy, so
 * fat and thin files are the same to us.
 */
#include "lsm_file_reader.h"

#include "../meta/meta_deletion_vector.h"
#include "lsm_cast.h"
#include "lsm_slice.h"
#include "lsm_vector.h"

typedef enum ColumnSource
{
	COLUMN_FILE,
	COLUMN_CAST,
	COLUMN_CONSTANT,
	COLUMN_TRACKED
} ColumnSource;

typedef struct ReaderColumn
{
	ColumnSource source;
	const char *name;
	uint32_t file_column; /* FILE, CAST, TRACKED */
	bool is_required;	  /* nulls are PMN_CORRUPT */
	PmnCast cast;
	uint8_t *nulls;	  /* CAST */
	PmnVector vector; /* CAST, TRACKED: values; CONSTANT: all of it */
	bool is_in_file;  /* TRACKED */
	int64_t base;	  /* TRACKED: value of row 0 ... */
	int64_t step;	  /* ... and what each next one adds */
} ReaderColumn;

struct PmnDataFileReader
{
	PmnEnv *env;
	PmnLsm *lsm;
	PmnArena *arena;
	PmnArena *batch_arena; /* bytes that casts make */
	const char *path;
	PmnFileReader *file;
	PmnFormatReader *format;
	ReaderColumn *columns;
	uint32_t column_count;
	PmnFormatColumn *file_columns;
	uint32_t file_column_count;
	uint64_t row_count; /* as the manifest says */
	/* Rows read or counted: without file columns, the footer's number of
	 * rows is enough. */
	uint64_t next_row;
	uint64_t end_row; /* of counting */
	PmnBatch batch;
	/* Deleted rows; the arrays below only when there are some. */
	bool has_deletions;
	bool is_key_value;
	PmnDeletionVector deletions;
	uint32_t *selection;
	PmnVector *packed; /* key-value: columns of the rows that stay */
};

/* ---- planning ---------------------------------------------------------- */

static PmnCode
fill_constant(PmnArena *arena, const PmnType *type, const PmnValue *value,
			  PmnVector *out)
{
	size_t width;

	out->kind = pmn_type_vector_kind(type);
	width = pmn_vector_width(out->kind);
	out->values = pmn_arena_alloc(arena, width * PMN_BATCH_ROWS);
	if (out->values == NULL)
		return PMN_NO_MEMORY;
	if (value == NULL || value->is_null)
	{
		out->nulls = pmn_arena_alloc(arena, PMN_BATCH_ROWS);
		if (out->nulls == NULL)
			return PMN_NO_MEMORY;
		memset(out->nulls, 1, PMN_BATCH_ROWS);
		return PMN_OK;
	}
	if (out->kind == PMN_VECTOR_BYTES)
	{
		PmnBytes *values = out->values;
		uint8_t *data = pmn_headroom_alloc(arena, value->as.bytes.size);

		if (data == NULL)
			return PMN_NO_MEMORY;
		if (value->as.bytes.size > 0)
			memcpy(data, value->as.bytes.data, value->as.bytes.size);
		for (uint32_t i = 0; i < PMN_BATCH_ROWS; i++)
			values[i] = pmn_bytes(data, value->as.bytes.size);
		return PMN_OK;
	}
	for (uint32_t i = 0; i < PMN_BATCH_ROWS; i++)
		pmn_vector_put(out, i, value);
	return PMN_OK;
}

/* A column of the file; returns its position. */
static uint32_t
add_file_column(PmnDataFileReader *reader, const char *name, int32_t id,
				const PmnType *type)
{
	PmnFormatColumn *column = &reader->file_columns[reader->file_column_count];

	column->name = name;
	column->id = id;
	column->type = *type;
	return reader->file_column_count++;
}

bool
pmn_data_file_is_blob(const PmnDataFile *file)
{
	const PmnBytes name = file->file_name;

	return name.size > 5 && memcmp(name.data + name.size - 5, ".blob", 5) == 0;
}

static const PmnField *
field_by_id(const PmnSchema *schema, int32_t id)
{
	for (uint32_t i = 0; i < schema->field_count; i++)
	{
		if (schema->fields[i].id == id)
			return &schema->fields[i];
	}
	return NULL;
}

static bool
is_written(const PmnDataFile *file, const char *name)
{
	const PmnBytes *items = file->write_cols.items;

	if (!file->has_write_cols)
		return true;
	for (uint32_t i = 0; i < file->write_cols.count; i++)
	{
		if (pmn_bytes_equal(items[i], pmn_bytes_string(name)))
			return true;
	}
	return false;
}

bool
pmn_field_is_tracked(int32_t id)
{
	return id == PMN_FIELD_ID_ROW_ID || id == PMN_FIELD_ID_SEQUENCE;
}

static const char *
tracked_name(int32_t id)
{
	return id == PMN_FIELD_ID_ROW_ID ? PMN_FIELD_NAME_ROW_ID
									 : PMN_FIELD_NAME_SEQUENCE;
}

bool
pmn_data_file_holds(const PmnDataFile *file, const PmnSchema *file_schema,
					int32_t id)
{
	const PmnField *field;

	if (pmn_field_is_tracked(id))
		return file->has_write_cols && is_written(file, tracked_name(id));
	field = field_by_id(file_schema, id);
	return field != NULL && is_written(file, field->name);
}

static PmnCode
plan_cast(PmnDataFileReader *reader, const PmnField *field,
		  ReaderColumn *column)
{
	size_t width;

	if (column->cast.kind == PMN_CAST_NONE)
	{
		column->source = COLUMN_FILE;
		return PMN_OK;
	}
	column->source = COLUMN_CAST;
	column->vector.kind = pmn_type_vector_kind(&field->type);
	width = pmn_vector_width(column->vector.kind);
	column->nulls = pmn_arena_alloc(reader->arena, PMN_BATCH_ROWS);
	column->vector.values =
		pmn_arena_alloc(reader->arena, width * PMN_BATCH_ROWS);
	if (column->nulls == NULL || column->vector.values == NULL)
		return PMN_NO_MEMORY;
	return PMN_OK;
}

/* A column that nobody has written yet for these rows (data evolution). */
static PmnCode
plan_missing(PmnDataFileReader *reader, const PmnField *field,
			 ReaderColumn *column)
{
	if (!field->type.is_nullable)
		return pmn_fail(reader->env, PMN_CORRUPT,
						"no file holds column \"%s\" of the rows of file "
						"\"%s\", and it must not be null",
						field->name, reader->path);
	column->source = COLUMN_CONSTANT;
	return fill_constant(reader->arena, &field->type, NULL, &column->vector);
}

/* Rows that were never moved have no such columns in their file: they are
 * numbered from the file's first one on, and are all of one commit. */
static PmnCode
plan_tracked(PmnDataFileReader *reader, const PmnDataFileRequest *request,
			 const PmnField *field, ReaderColumn *column)
{
	const PmnDataFile *file = request->file;
	bool is_row_id = field->id == PMN_FIELD_ID_ROW_ID;
	PmnType type = field->type;

	column->is_in_file = pmn_data_file_holds(file, NULL, field->id);
	if (is_row_id && !file->has_first_row_id && !column->is_in_file)
	{
		column->source = COLUMN_CONSTANT;
		return fill_constant(reader->arena, &field->type, NULL,
							 &column->vector);
	}
	column->source = COLUMN_TRACKED;
	column->is_required = is_row_id && !file->has_first_row_id;
	column->base = is_row_id ? file->first_row_id : file->max_sequence_number;
	column->step = is_row_id ? 1 : 0;
	column->vector.kind = PMN_VECTOR_I64;
	column->vector.values =
		pmn_arena_alloc(reader->arena, sizeof(int64_t) * PMN_BATCH_ROWS);
	if (column->vector.values == NULL)
		return PMN_NO_MEMORY;
	type.is_nullable = true;
	if (column->is_in_file)
		column->file_column =
			add_file_column(reader, field->name, field->id, &type);
	return PMN_OK;
}

static PmnCode
plan_field(PmnDataFileReader *reader, const PmnDataFileRequest *request,
		   const PmnSchema *file_schema, uint32_t position,
		   ReaderColumn *column)
{
	PmnLsm *lsm = reader->lsm;
	const PmnField *field = &lsm->schema->fields[position];
	const PmnField *old = field_by_id(file_schema, field->id);

	column->name = field->name;
	if (pmn_field_is_tracked(field->id))
		return plan_tracked(reader, request, field, column);
	for (uint32_t i = 0; i < lsm->partition_count; i++)
	{
		if (lsm->partition_fields[i] != position)
			continue;
		column->source = COLUMN_CONSTANT;
		return fill_constant(reader->arena, &field->type,
							 &request->bucket->partition_values[i],
							 &column->vector);
	}
	if (old == NULL)
	{
		column->source = COLUMN_CONSTANT;
		return fill_constant(reader->arena, &field->type, NULL,
							 &column->vector);
	}
	if (!is_written(request->file, old->name) && lsm->options->data_evolution)
		return plan_missing(reader, field, column);
	if (!is_written(request->file, old->name))
		return pmn_fail(reader->env, PMN_UNSUPPORTED,
						"file \"%s\" does not hold column \"%s\"", reader->path,
						old->name);
	/* A reference to bytes that lie elsewhere. */
	if (old->type.kind == PMN_TYPE_BLOB &&
		!pmn_data_file_is_blob(request->file))
		return pmn_fail(reader->env, PMN_UNSUPPORTED,
						"column \"%s\" of type BLOB cannot be read from file "
						"\"%s\", which is no blob file",
						old->name, reader->path);
	for (uint32_t i = 0; request->is_key_value && i < lsm->key_count; i++)
		column->is_required |=
			lsm->key_fields[i] == position && !field->type.is_nullable;
	PMN_TRY(pmn_cast_make(reader->arena, field->name, &old->type, &field->type,
						  &column->cast));
	column->file_column =
		add_file_column(reader, old->name, old->id, &old->type);
	return plan_cast(reader, field, column);
}

static void
plan_system_columns(PmnDataFileReader *reader)
{
	static const PmnType sequence_type = {.kind = PMN_TYPE_BIGINT};
	static const PmnType kind_type = {.kind = PMN_TYPE_TINYINT};
	ReaderColumn *columns = reader->columns;

	columns[PMN_KV_SEQUENCE].source = COLUMN_FILE;
	columns[PMN_KV_SEQUENCE].is_required = true;
	columns[PMN_KV_SEQUENCE].name = PMN_FIELD_NAME_SEQUENCE;
	columns[PMN_KV_SEQUENCE].file_column = add_file_column(
		reader, PMN_FIELD_NAME_SEQUENCE, PMN_FIELD_ID_SEQUENCE, &sequence_type);
	columns[PMN_KV_KIND].source = COLUMN_FILE;
	columns[PMN_KV_KIND].is_required = true;
	columns[PMN_KV_KIND].name = PMN_FIELD_NAME_KIND;
	columns[PMN_KV_KIND].file_column = add_file_column(
		reader, PMN_FIELD_NAME_KIND, PMN_FIELD_ID_KIND, &kind_type);
}

static PmnCode
plan_columns(PmnDataFileReader *reader, const PmnDataFileRequest *request)
{
	uint32_t system = request->is_key_value ? PMN_KV_FIELDS : 0;
	uint32_t count = system + request->field_count;
	const PmnSchema *file_schema;

	reader->column_count = count;
	reader->columns =
		pmn_arena_alloc(reader->arena, count * sizeof(ReaderColumn));
	reader->file_columns =
		pmn_arena_alloc(reader->arena, count * sizeof(PmnFormatColumn));
	reader->batch.columns =
		pmn_arena_alloc(reader->arena, count * sizeof(PmnVector));
	if (reader->columns == NULL || reader->file_columns == NULL ||
		reader->batch.columns == NULL)
		return PMN_NO_MEMORY;
	reader->batch.column_count = count;
	PMN_TRY(
		pmn_lsm_schema(reader->lsm, request->file->schema_id, &file_schema));
	if (request->is_key_value)
		plan_system_columns(reader);
	for (uint32_t i = 0; i < request->field_count; i++)
		PMN_TRY(plan_field(reader, request, file_schema, request->fields[i],
						   &reader->columns[system + i]));
	return PMN_OK;
}

/* The filter in terms of the file's columns: only fields that are read, with
 * the type they have in the table. */
static PmnCode
plan_filter(PmnDataFileReader *reader, const PmnDataFileRequest *request,
			PmnFormatReadRequest *read)
{
	const PmnSchema *schema = reader->lsm->schema;
	uint32_t system = request->is_key_value ? PMN_KV_FIELDS : 0;
	bool *allowed;
	int32_t *positions;

	if (request->filter == NULL)
		return PMN_OK;
	allowed = pmn_arena_alloc(reader->arena, schema->field_count);
	positions = pmn_arena_alloc(reader->arena,
								schema->field_count * sizeof(*positions));
	if (allowed == NULL || positions == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < schema->field_count; i++)
		positions[i] = -1;
	for (uint32_t i = 0; i < request->field_count; i++)
	{
		const ReaderColumn *column = &reader->columns[system + i];

		if (column->source == COLUMN_FILE &&
			pmn_type_equal(column->cast.from, column->cast.to))
		{
			allowed[request->fields[i]] = true;
			positions[request->fields[i]] = (int32_t) column->file_column;
		}
	}
	read->filter_schema = schema;
	read->filter_columns = positions;
	return pmn_predicate_only(reader->arena, request->filter, allowed,
							  &read->filter);
}

/* ---- opening ----------------------------------------------------------- */

static PmnCode
check_request(PmnDataFileReader *reader, const PmnDataFileRequest *request,
			  PmnSlice *slice, const PmnFormatOps **format)
{
	const PmnDataFile *file = request->file;
	const char *extension = pmn_path_format(reader->arena, file->file_name);
	char *path;

	if (extension == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_path_data_file(
		reader->arena, reader->env, &reader->lsm->path,
		request->bucket->directory, file->file_name,
		file->has_external_path ? &file->external_path : NULL, &path));
	reader->path = path;
	if (pmn_slice_is_one(file->file_name))
	{
		PMN_TRY(pmn_slice_parse(reader->arena, request->bucket->directory,
								file->file_name, slice));
		extension = slice->format;
	}
	if (pmn_format_lookup(reader->env, extension, format) != PMN_OK)
		return pmn_note(reader->env, "file \"%s\"", path);
	return PMN_OK;
}

static PmnCode
wrong_row_count(PmnDataFileReader *reader, uint64_t row_count)
{
	return pmn_fail(reader->env, PMN_CORRUPT,
					"file \"%s\" has %" PRIu64
					" rows, its manifest says %" PRIu64,
					reader->path, row_count, reader->row_count);
}

static PmnCode
open_file(PmnDataFileReader *reader, const PmnDataFileRequest *request)
{
	const PmnFormatOps *format = NULL;
	PmnFormatReadRequest read = {0};
	PmnSlice slice = {0};

	PMN_TRY(check_request(reader, request, &slice, &format));
	PMN_TRY(plan_columns(reader, request));
	PMN_TRY(plan_filter(reader, request, &read));
	read.columns = reader->file_columns;
	read.column_count = reader->file_column_count;
	read.schema = reader->lsm->schema;
	read.memory_limit_bytes = request->memory_limit_bytes;
	read.keeps_metadata = reader->lsm->keeps_metadata;
	read.first_row = request->first_row;
	read.end_row = request->end_row;
	read.cut_blocks = request->cut_blocks;
	if (slice.path != NULL)
		PMN_TRY(pmn_slice_open(reader->lsm->fs, &slice, &reader->file));
	else
		PMN_TRY(pmn_fs_open_read(reader->lsm->fs, reader->path, &reader->file));
	/* Formats name the file in their messages. */
	PMN_TRY(
		pmn_format_open_reader(format, reader->file, &read, &reader->format));
	if (request->file->row_count < 0)
		return pmn_fail(reader->env, PMN_CORRUPT,
						"the manifest says that file \"%s\" has %" PRId64
						" rows",
						reader->path, request->file->row_count);
	reader->row_count = (uint64_t) request->file->row_count;
	if (reader->format->row_count != PMN_ROW_COUNT_UNKNOWN &&
		reader->format->row_count != reader->row_count)
		return wrong_row_count(reader, reader->format->row_count);
	reader->end_row = reader->row_count;
	if (request->end_row > 0 && request->end_row < reader->row_count)
		reader->end_row = request->end_row;
	if (format->has_ranges)
		reader->next_row = request->first_row < reader->end_row
							   ? request->first_row
							   : reader->end_row;
	return PMN_OK;
}

static PmnCode
plan_packed(PmnDataFileReader *reader)
{
	uint32_t count = reader->column_count;
	PmnVectorKind *kinds =
		pmn_arena_alloc(reader->arena, count * sizeof(*kinds));
	void *block;

	reader->packed =
		pmn_arena_alloc(reader->arena, count * sizeof(*reader->packed));
	if (kinds == NULL || reader->packed == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
	{
		const ReaderColumn *column = &reader->columns[i];

		kinds[i] = column->source == COLUMN_FILE
					   ? pmn_type_vector_kind(
							 &reader->file_columns[column->file_column].type)
					   : column->vector.kind;
	}
	block = pmn_arena_alloc_raw(
		reader->arena, pmn_columns_size(kinds, count, PMN_BATCH_ROWS), 16);
	if (block == NULL)
		return PMN_NO_MEMORY;
	pmn_columns_place(kinds, count, PMN_BATCH_ROWS, block, reader->packed);
	return PMN_OK;
}

static PmnCode
open_deletions(PmnDataFileReader *reader, const PmnDataFileRequest *request)
{
	const PmnDeletionFile *where = request->file->deletion;

	if (where == NULL)
		return PMN_OK;
	PMN_TRY(pmn_deletion_vector_read(reader->lsm->fs, reader->arena, where,
									 &reader->deletions));
	if (pmn_deletion_vector_end(&reader->deletions) > reader->row_count)
		return pmn_fail(reader->env, PMN_CORRUPT,
						"deletion vector in \"%s\" deletes rows behind the "
						"end of file \"%s\"",
						where->path, reader->path);
	reader->has_deletions = reader->deletions.cardinality > 0;
	reader->is_key_value = request->is_key_value;
	if (!reader->has_deletions)
		return PMN_OK;
	reader->selection =
		pmn_arena_alloc(reader->arena, PMN_BATCH_ROWS * sizeof(uint32_t));
	if (reader->selection == NULL)
		return PMN_NO_MEMORY;
	return request->is_key_value ? plan_packed(reader) : PMN_OK;
}

PmnCode
pmn_data_file_open(PmnLsm *lsm, const PmnDataFileRequest *request,
				   PmnDataFileReader **out)
{
	PmnDataFileReader *reader = pmn_alloc(lsm->env, sizeof(*reader));
	PmnCode code;

	*out = NULL;
	if (reader == NULL)
		return PMN_NO_MEMORY;
	reader->env = lsm->env;
	reader->lsm = lsm;
	code = pmn_arena_create(lsm->env, 0, &reader->arena);
	if (code == PMN_OK)
		code = pmn_arena_create(lsm->env, 0, &reader->batch_arena);
	if (code == PMN_OK)
		code = open_file(reader, request);
	if (code == PMN_OK)
		code = open_deletions(reader, request);
	if (code != PMN_OK)
	{
		pmn_data_file_close(reader);
		return code;
	}
	*out = reader;
	return PMN_OK;
}

void
pmn_data_file_close(PmnDataFileReader *reader)
{
	if (reader == NULL)
		return;
	pmn_format_reader_close(reader->format);
	pmn_file_reader_close(reader->file);
	pmn_arena_destroy(reader->batch_arena);
	pmn_arena_destroy(reader->arena);
	pmn_free(reader->env, reader, sizeof(*reader));
}

/* ---- reading ----------------------------------------------------------- */

/* The rows' values, from row first on; src NULL: none is in the file. */
static void
make_tracked(const ReaderColumn *column, const PmnVector *src, uint64_t first,
			 uint32_t count)
{
	int64_t *values = column->vector.values;
	const int64_t *stored = src == NULL ? NULL : src->values;
	/* Wraps where a damaged manifest has absurd numbers. */
	uint64_t base = (uint64_t) column->base + first * (uint64_t) column->step;

	for (uint32_t i = 0; i < count; i++)
	{
		if (stored != NULL && (src->nulls == NULL || src->nulls[i] == 0))
			values[i] = stored[i];
		else
			values[i] = (int64_t) (base + i * (uint64_t) column->step);
	}
}

static PmnCode
make_column(PmnDataFileReader *reader, const ReaderColumn *column,
			const PmnBatch *read, uint64_t first_row, uint32_t count,
			PmnVector *out)
{
	const PmnVector *src;

	if (column->source == COLUMN_CONSTANT)
	{
		*out = column->vector;
		return PMN_OK;
	}
	if (column->source == COLUMN_TRACKED && !column->is_in_file)
	{
		*out = column->vector;
		make_tracked(column, NULL, first_row, count);
		return PMN_OK;
	}
	src = &read->columns[column->file_column];
	if (column->is_required && src->nulls != NULL &&
		memchr(src->nulls, 1, count) != NULL)
		return pmn_fail(reader->env, PMN_CORRUPT,
						"file \"%s\" has a null in column \"%s\"", reader->path,
						column->name);
	*out = *src;
	if (column->source == COLUMN_FILE)
		return PMN_OK;
	*out = column->vector;
	if (column->source == COLUMN_TRACKED)
	{
		make_tracked(column, src, first_row, count);
		return PMN_OK;
	}
	out->nulls = column->nulls;
	if (pmn_cast_run(&column->cast, reader->batch_arena, src, count, out) !=
		PMN_OK)
		return pmn_note(reader->env, "file \"%s\", column \"%s\"", reader->path,
						column->name);
	if (memchr(out->nulls, 1, count) == NULL)
		out->nulls = NULL;
	return PMN_OK;
}

/* How many rows come next when no column of the file is wanted. */
static uint32_t
count_rows(PmnDataFileReader *reader, uint64_t *first_row)
{
	uint64_t left = reader->end_row - reader->next_row;
	uint32_t count = left < PMN_BATCH_ROWS ? (uint32_t) left : PMN_BATCH_ROWS;

	*first_row = reader->next_row;
	reader->next_row += count;
	return count;
}

/*
 * Formats without a footer: the manifest is all that tells a file which was
 * cut between two blocks from a whole one.
 */
static PmnCode
check_row_count(PmnDataFileReader *reader, uint32_t count)
{
	if (reader->format->row_count != PMN_ROW_COUNT_UNKNOWN)
		return PMN_OK;
	reader->next_row += count;
	if (count == 0 && reader->next_row < reader->row_count)
		return wrong_row_count(reader, reader->next_row);
	if (reader->next_row > reader->row_count)
		return pmn_fail(reader->env, PMN_CORRUPT,
						"file \"%s\" has more rows than the %" PRIu64
						" its manifest says",
						reader->path, reader->row_count);
	return PMN_OK;
}

/* The next rows of the file: *read NULL when no column of it is wanted. */
static PmnCode
next_rows(PmnDataFileReader *reader, PmnBatch **read, uint32_t *count,
		  uint64_t *first_row)
{
	*read = NULL;
	if (reader->file_column_count == 0 &&
		reader->format->row_count != PMN_ROW_COUNT_UNKNOWN)
	{
		PMN_TRY(pmn_poll(reader->env));
		*count = count_rows(reader, first_row);
		return PMN_OK;
	}
	PMN_TRY(pmn_format_next(reader->format, read, first_row));
	*count = *read == NULL ? 0 : (*read)->row_count;
	return check_row_count(reader, *count);
}

/* Move the rows of selection together. */
static void
pack_columns(PmnDataFileReader *reader, uint32_t kept)
{
	for (uint32_t i = 0; i < reader->column_count; i++)
	{
		PmnVector *column = &reader->batch.columns[i];
		PmnVector packed = reader->packed[i];

		pmn_elements_gather(pmn_vector_width(packed.kind), packed.values,
							column->values, reader->selection, kept);
		if (column->nulls == NULL)
			packed.nulls = NULL;
		else
			pmn_elements_gather(1, packed.nulls, column->nulls,
								reader->selection, kept);
		*column = packed;
	}
}

PmnCode
pmn_data_file_next(PmnDataFileReader *reader, PmnBatch **out,
				   uint64_t *first_row)
{
	PmnBatch *batch = &reader->batch;
	PmnBatch *read = NULL;
	uint32_t count = 0;
	uint32_t kept = 0;

	*out = NULL;
	while (kept == 0)
	{
		PMN_TRY(next_rows(reader, &read, &count, first_row));
		if (count == 0)
			return PMN_OK;
		kept = count;
		if (reader->has_deletions)
			kept = pmn_deletion_vector_select(&reader->deletions, *first_row,
											  count, reader->selection);
	}
	pmn_arena_reset(reader->batch_arena);
	for (uint32_t i = 0; i < reader->column_count; i++)
		PMN_TRY(make_column(reader, &reader->columns[i], read, *first_row,
							count, &batch->columns[i]));
	batch->row_count = count;
	batch->selection = NULL;
	batch->selected_count = kept;
	if (kept < count && reader->is_key_value)
	{
		pack_columns(reader, kept);
		batch->row_count = kept;
	}
	else if (kept < count)
		batch->selection = reader->selection;
	*out = batch;
	return PMN_OK;
}
