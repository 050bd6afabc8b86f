/*
 * format_parquet.c
 *
 * Paimon's default format: reading. The bytes of Parquet are decoded by the
 * shim (format_arrow_shim.h); here are the row groups: which to skip by their
 * statistics, which rows of the others by the page index, and where each
 * batch lies in the file.
 *
 * A batch never spans two row groups. Its arrays belong to the shim's reader
 * and live until the next call.
 */
#include "format_parquet.h"

#define MEMORY_DEFAULT (32u << 20)
/* Groups up to this size are not cut by a range of rows: in files without an
 * offset index the pages before the range would be fetched for nothing. */
#define GROUP_ROWS_WHOLE (1 << 20)

static PmnCode open_reader(PmnFileReader *file,
						   const PmnFormatReadRequest *request,
						   PmnFormatReader **out);

const PmnFormatOps pmn_format_parquet = {
	.name = "parquet",
	.has_ranges = true,
	.open_reader = open_reader,
	.open_writer = parquet_open_writer,
};

PmnCode
parquet_raise(PmnEnv *env, const PmnArrowError *error)
{
	/* The hook that failed has told already. */
	if (error->is_host && env->error.code == error->code)
		return error->code;
	pmn_fail(env, error->code, "%s", error->message);
	if (error->is_limit)
		pmn_hint(env, "the file may be damaged; if it is not, raise the "
					  "memory limit");
	return error->code;
}

void *
parquet_allocate(void *context, size_t size)
{
	PmnEnv *env = context;

	return env->allocate(env, size);
}

void
parquet_release(void *context, void *block, size_t size)
{
	PmnEnv *env = context;

	env->release(env, block, size);
}

PmnCode
parquet_columns(PmnArena *arena, const PmnFormatColumn *columns, uint32_t count,
				PmnArrowColumn **out)
{
	PmnArrowColumn *result =
		pmn_arena_alloc(arena, (count + 1) * sizeof(*result));
	char name[128];

	if (result == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
	{
		result[i].name = columns[i].name;
		result[i].id = columns[i].id;
		result[i].kind = pmn_type_vector_kind(&columns[i].type);
		result[i].type = &columns[i].type;
		result[i].type_name = pmn_arena_string(
			arena, pmn_type_name(&columns[i].type, name, sizeof(name)));
		if (result[i].type_name == NULL)
			return PMN_NO_MEMORY;
	}
	*out = result;
	return PMN_OK;
}

static PmnCode
read_at(void *context, uint64_t offset, size_t size, uint8_t *dst)
{
	return pmn_file_read_at(context, offset, size, dst);
}

/* The allocation hooks get the file as context here, like read_at. */
static void *
reader_allocate(void *context, size_t size)
{
	return parquet_allocate(((PmnFileReader *) context)->fs->env, size);
}

static void
reader_release(void *context, void *block, size_t size)
{
	parquet_release(((PmnFileReader *) context)->fs->env, block, size);
}

static PmnCode
open_arrow(ParquetReader *reader, PmnArena *arena,
		   const PmnFormatReadRequest *request)
{
	PmnFileReader *file = reader->file;
	PmnEnv *env = file->fs->env;
	PmnArrowColumn *columns;
	PmnArrowReadOptions options = {0};
	PmnArrowHost host = {
		.context = file,
		.path = file->path,
		.size_bytes = file->size_bytes,
		.read_at = read_at,
		.allocate = reader_allocate,
		.release = reader_release,
	};
	PmnArrowError error;

	PMN_TRY(parquet_columns(arena, request->columns, request->column_count,
							&columns));
	options.columns = columns;
	options.column_count = request->column_count;
	options.memory_limit_bytes = request->memory_limit_bytes != 0
									 ? request->memory_limit_bytes
									 : MEMORY_DEFAULT;
	options.verify_checksums = true;
	/* Where nobody knows when a file was written it may be another one. */
	if (request->keeps_metadata && file->modified_millis != 0)
	{
		options.keep_key = pmn_arena_format(
			arena, "%s:%s|%" PRIu64 "|%" PRId64, file->fs->ops->scheme,
			file->path, file->size_bytes, file->modified_millis);
		if (options.keep_key == NULL)
			return PMN_NO_MEMORY;
	}
	if (file->size_bytes > INT64_MAX)
		return pmn_fail(env, PMN_CORRUPT, "file \"%s\" has an impossible size",
						file->path);
	if (reader->api->reader_open(&host, &options, &reader->arrow, &error) !=
		PMN_OK)
		return parquet_raise(env, &error);
	return PMN_OK;
}

/* Whether the current group has rows of the range asked for. Adjoining ranges
 * must share out its rows: a small group is of the range it begins in. */
static bool
group_in_range(const ParquetReader *reader, int64_t rows)
{
	uint64_t first = reader->group_first_row;

	if (rows <= reader->rows_whole)
		return reader->first_row <= first && first < reader->end_row;
	return reader->first_row < reader->next_first_row &&
		   first < reader->end_row;
}

/* Leave of a group's ranges (none: all of it) what was asked for. */
static PmnCode
cut_ranges(ParquetReader *reader, int64_t rows, ParquetRanges *ranges,
		   bool *none)
{
	uint64_t first = reader->group_first_row;
	uint64_t end = reader->next_first_row;
	int64_t from;
	int64_t to;
	size_t kept = 0;

	if (rows <= reader->rows_whole ||
		(reader->first_row <= first && end <= reader->end_row))
		return PMN_OK;
	from =
		reader->first_row > first ? (int64_t) (reader->first_row - first) : 0;
	to = reader->end_row < end ? (int64_t) (reader->end_row - first) : rows;
	if (ranges->count == 0)
	{
		PMN_TRY(pmn_array_reserve(reader->base.env, ranges, 1));
		ranges->items[ranges->count++] = (PmnArrowRange){from, to};
		return PMN_OK;
	}
	for (size_t i = 0; i < ranges->count; i++)
	{
		PmnArrowRange range = ranges->items[i];

		range.begin = range.begin > from ? range.begin : from;
		range.end = range.end < to ? range.end : to;
		if (range.begin < range.end)
			ranges->items[kept++] = range;
	}
	ranges->count = kept;
	*none = kept == 0;
	return PMN_OK;
}

static PmnCode
enter_group(ParquetReader *reader)
{
	PmnEnv *env = reader->base.env;
	int32_t group = reader->next_group++;
	int64_t rows = reader->api->group_rows(reader->arrow, group);
	ParquetRanges ranges = {0};
	PmnArrowError error;
	bool none = false;
	PmnCode code = PMN_OK;

	reader->group_first_row = reader->next_first_row;
	reader->next_first_row += (uint64_t) rows;
	if (rows == 0 || !group_in_range(reader, rows))
		return PMN_OK;
	if (reader->filter != NULL)
	{
		none = !parquet_group_may_match(reader, group);
		if (!none)
			code = parquet_find_ranges(reader, group, &ranges, &none);
	}
	if (code == PMN_OK && !none)
		code = cut_ranges(reader, rows, &ranges, &none);
	if (code == PMN_OK && none)
		env->counters.row_groups_skipped++;
	else if (code == PMN_OK)
	{
		if (reader->api->begin_group(reader->arrow, group, ranges.items,
									 (uint32_t) ranges.count, &error) != PMN_OK)
			code = parquet_raise(env, &error);
		reader->in_group = code == PMN_OK;
		env->counters.row_groups_read++;
	}
	pmn_array_free(env, &ranges);
	return code;
}

static PmnCode
next_batch(PmnFormatReader *base, PmnBatch **out, uint64_t *first_row)
{
	ParquetReader *reader = (ParquetReader *) base;
	PmnArrowError error;
	int64_t row = 0;

	*out = NULL;
	for (;;)
	{
		if (reader->in_group)
		{
			if (reader->api->next(reader->arrow, out, &row, &error) != PMN_OK)
				return parquet_raise(base->env, &error);
			if (*out != NULL)
				break;
			reader->in_group = false;
		}
		if (reader->next_group == reader->group_count ||
			reader->next_first_row >= reader->end_row)
			return PMN_OK;
		PMN_TRY(pmn_poll(base->env));
		PMN_TRY(enter_group(reader));
	}
	*first_row = reader->group_first_row + (uint64_t) row;
	base->env->counters.rows_decoded += (*out)->row_count;
	return PMN_OK;
}

static void
close_reader(PmnFormatReader *base)
{
	ParquetReader *reader = (ParquetReader *) base;

	if (reader->arrow != NULL)
		reader->api->reader_close(reader->arrow);
	pmn_arena_destroy(reader->arena);
	pmn_free(base->env, reader, sizeof(*reader));
}

static PmnCode
open_reader(PmnFileReader *file, const PmnFormatReadRequest *request,
			PmnFormatReader **out)
{
	PmnEnv *env = file->fs->env;
	const PmnArrowApi *api;
	ParquetReader *reader;
	PmnArena *arena = NULL;
	PmnCode code;

	*out = NULL;
	PMN_TRY(pmn_arrow_load(env, &api));
	reader = pmn_alloc(env, sizeof(*reader));
	if (reader == NULL)
		return PMN_NO_MEMORY;
	reader->base = (PmnFormatReader){next_batch, close_reader, env, 0};
	reader->file = file;
	reader->api = api;
	reader->column_count = request->column_count;
	reader->first_row = request->first_row;
	reader->end_row = request->end_row == 0 ? UINT64_MAX : request->end_row;
	reader->rows_whole = request->cut_blocks ? 0 : GROUP_ROWS_WHOLE;
	code = pmn_arena_create(env, 0, &arena);
	if (code == PMN_OK)
		code = open_arrow(reader, arena, request);
	pmn_arena_destroy(arena);
	if (code == PMN_OK && request->filter != NULL)
		code = parquet_keep_filter(reader, request);
	if (code != PMN_OK)
	{
		close_reader(&reader->base);
		return code;
	}
	reader->base.row_count = (uint64_t) api->row_count(reader->arrow);
	reader->group_count = api->group_count(reader->arrow);
	*out = &reader->base;
	return PMN_OK;
}
