/*
 * format_orc.c
 *
 * Paimon's other column format, for reading. Arrow's ORC adapter is not
 * used: it turns all timestamps into 64-bit nanoseconds and wraps around
 * outside of 1677..2262. Decoding here is exact, plain C, and small.
 *
 * Stripes are read one after the other. The streams of the wanted columns
 * come with few, large requests when they fit into half of the memory limit
 * together; else each stream has a window of its own that moves along. Files
 * up to 256 kB are one request.
 *
 * A filter skips stripes, and row groups of the others, which are then read
 * run by run (format_orc_prune.c), each like a stripe of its own.
 *
 * A batch never spans two stripes; its arrays live until the next call.
 */
#include "format_orc_prune.h"

#include <strings.h>

#define MEMORY_DEFAULT ((size_t) 32 << 20)
#define MEMORY_MAX ((size_t) 1 << 40)
#define WINDOW_MIN ((size_t) 64 * 1024)
#define WINDOW_MAX ((size_t) 4 * 1024 * 1024)
/* Gaps up to this size are read along; no request is longer than that. */
#define GAP_MAX ((uint64_t) 64 * 1024)
#define INSTANTS_OPTION "orc.timestamp-ltz.legacy.type"
/* Entries of an inner column that are decoded at a time. */
#define NODES_MAX 20000
#define CHUNK_MIN 64
#define CHUNK_MAX 1024
#define CHUNK_ENTRY_BYTES 32
#define SPAN_MAX ((uint64_t) 8 * 1024 * 1024)

typedef struct OrcReader
{
	PmnFormatReader base;
	PmnFileReader *file;
	OrcInput input;
	PmnArena *arena;
	PmnArena *stripe_arena; /* of its footer */
	PmnArena *zone_arena;
	OrcTail tail;
	OrcColumn *columns;
	uint32_t column_count;
	uint32_t nested_count;
	uint32_t node_count;	 /* columns, and the inner ones behind them */
	int32_t *column_of_type; /* first of the columns with the type, or -1 */
	/* Some writers say of each row that it is there. */
	OrcStream root_stream;
	OrcBooleans root_present;
	bool has_root;
	OrcContext context;
	size_t memory;
	uint8_t *stripe_bytes;
	size_t stripe_capacity;
	char *zone_name;
	uint64_t first_row; /* stripes that begin in this range are read */
	uint64_t end_row;
	uint32_t next_stripe;
	uint32_t last_rows; /* of the batch given out last */
	OrcPruner pruner;
	OrcStripeFooter footer;
	OrcStreamInfo *narrowed; /* the footer's streams, of a run of groups */
	uint32_t next_groups;
	uint64_t stripe_row;  /* first of the stripe that is read */
	uint64_t next_row;	  /* first of the next stripe */
	uint64_t stripe_rows; /* of the stripe, or run of groups, to come */
	uint64_t row;		  /* in the file, of the next batch */
	PmnVector *vectors;
	PmnBatch batch;
} OrcReader;

static PmnCode open_reader(PmnFileReader *file,
						   const PmnFormatReadRequest *request,
						   PmnFormatReader **out);
static PmnCode open_writer(PmnFileWriter *file, const PmnFormatColumn *columns,
						   uint32_t count, const PmnFormatWriteOptions *options,
						   PmnFormatWriter **out);

const PmnFormatOps pmn_format_orc = {
	.name = "orc",
	.has_ranges = true,
	.open_reader = open_reader,
	.open_writer = open_writer,
};

static PmnCode
open_writer(PmnFileWriter *file, const PmnFormatColumn *columns, uint32_t count,
			const PmnFormatWriteOptions *options, PmnFormatWriter **out)
{
	(void) columns;
	(void) count;
	(void) options;
	*out = NULL;
	pmn_fail(file->fs->env, PMN_UNSUPPORTED,
			 "files in format \"orc\" can be read, not written");
	return pmn_hint(file->fs->env, "the format that is written is \"parquet\"");
}

/* Say which column and file are broken, unless the message does. */
static PmnCode
note_column(PmnEnv *env, const OrcColumn *column, PmnCode code)
{
	if (code == PMN_CORRUPT && strncmp(env->error.message, "column ", 7) != 0)
		pmn_note(env, "column \"%.200s\"", column->name);
	return code;
}

static PmnCode
note_file(const OrcReader *reader, PmnCode code)
{
	PmnEnv *env = reader->base.env;

	if ((code == PMN_CORRUPT || code == PMN_UNSUPPORTED) &&
		strstr(env->error.message, reader->file->path) == NULL)
		pmn_note(env, "file \"%s\"", reader->file->path);
	return code;
}

/* ---- stripes -------------------------------------------------------------------- */

static OrcColumn *
first_column(const OrcReader *reader, const OrcStreamInfo *info)
{
	if (info->kind >= ORC_STREAM_KINDS || info->size == 0 ||
		info->column >= reader->tail.type_count ||
		reader->column_of_type[info->column] < 0)
		return NULL;
	return &reader->columns[reader->column_of_type[info->column]];
}

static OrcColumn *
next_column(const OrcReader *reader, const OrcColumn *column)
{
	return column->next_same < 0 ? NULL : &reader->columns[column->next_same];
}

/* memory NULL: from the file. */
static void
open_stream(OrcReader *reader, const OrcStreamInfo *info, const uint8_t *memory,
			size_t window)
{
	OrcColumn *column = first_column(reader, info);

	for (; column != NULL; column = next_column(reader, column))
	{
		OrcStream *stream = &column->streams[info->kind];

		column->has_stream[info->kind] = true;
		if (memory != NULL)
			orc_stream_open_memory(stream, &reader->input, memory,
								   (size_t) info->size);
		else
			orc_stream_open(stream, &reader->input, info->offset, info->size,
							window);
	}
}

/*
 * A run of streams worth one request: its first and last wanted stream, from
 * position *at on. false when there is no more.
 */
static bool
next_span(const OrcReader *reader, const OrcStripeFooter *footer, uint32_t *at,
		  uint32_t *first, uint32_t *last)
{
	const OrcStreamInfo *streams = footer->streams;
	uint32_t i = *at;

	while (i < footer->stream_count &&
		   first_column(reader, &streams[i]) == NULL)
		i++;
	if (i == footer->stream_count)
		return false;
	*first = i;
	*last = i;
	for (; i < footer->stream_count; i++)
	{
		uint64_t end = streams[*last].offset + streams[*last].size;

		if (first_column(reader, &streams[i]) == NULL)
			continue;
		if (streams[i].offset > end + GAP_MAX ||
			streams[i].offset + streams[i].size - streams[*first].offset >
				SPAN_MAX)
			break;
		*last = i;
	}
	*at = *last + 1;
	return true;
}

static uint64_t
span_bytes(const OrcStripeFooter *footer, uint32_t first, uint32_t last)
{
	return footer->streams[last].offset + footer->streams[last].size -
		   footer->streams[first].offset;
}

static PmnCode
reserve_stripe(OrcReader *reader, size_t size)
{
	PmnEnv *env = reader->base.env;

	if (size <= reader->stripe_capacity)
		return PMN_OK;
	pmn_free(env, reader->stripe_bytes, reader->stripe_capacity);
	reader->stripe_capacity = 0;
	reader->stripe_bytes = pmn_alloc(env, size);
	if (reader->stripe_bytes == NULL)
		return PMN_NO_MEMORY;
	reader->stripe_capacity = size;
	return PMN_OK;
}

/* Read all wanted streams; bytes is what their spans take. */
static PmnCode
load_spans(OrcReader *reader, const OrcStripeFooter *footer, uint64_t bytes)
{
	const OrcStreamInfo *streams = footer->streams;
	uint8_t *dst;
	uint32_t at = 0;
	uint32_t first;
	uint32_t last;

	PMN_TRY(reserve_stripe(reader, (size_t) bytes + ORC_SLACK));
	dst = reader->stripe_bytes;
	while (next_span(reader, footer, &at, &first, &last))
	{
		size_t size = (size_t) span_bytes(footer, first, last);

		PMN_TRY(
			orc_input_read(&reader->input, streams[first].offset, size, dst));
		for (uint32_t i = first; i <= last; i++)
			open_stream(reader, &streams[i],
						dst + (streams[i].offset - streams[first].offset), 0);
		dst += size;
	}
	return PMN_OK;
}

static PmnCode
open_streams(OrcReader *reader, const OrcStripe *stripe,
			 const OrcStripeFooter *footer)
{
	uint64_t tail_offset = reader->input.size_bytes - reader->input.tail_bytes;
	uint64_t bytes = 0;
	uint32_t count = 0;
	uint32_t at = 0;
	uint32_t first;
	uint32_t last;
	size_t window;

	for (uint32_t i = 0; i < reader->node_count; i++)
		for (size_t k = 0; k < ORC_STREAM_KINDS; k++)
		{
			reader->columns[i].has_stream[k] = false;
			orc_stream_open_memory(&reader->columns[i].streams[k],
								   &reader->input, NULL, 0);
		}
	while (next_span(reader, footer, &at, &first, &last))
		bytes += span_bytes(footer, first, last);
	if (stripe->offset < tail_offset && bytes <= reader->memory / 2)
		return load_spans(reader, footer, bytes);
	for (uint32_t i = 0; i < footer->stream_count; i++)
		count += first_column(reader, &footer->streams[i]) != NULL;
	window = reader->memory / 2 / (count + 1);
	if (window < WINDOW_MIN)
		window = WINDOW_MIN;
	if (window > WINDOW_MAX)
		window = WINDOW_MAX;
	for (uint32_t i = 0; i < footer->stream_count; i++)
		open_stream(reader, &footer->streams[i], NULL, window);
	return PMN_OK;
}

/* Wall clocks of this stripe are those of the writer's zone. */
static PmnCode
set_zone(OrcReader *reader, const char *name)
{
	OrcContext *context = &reader->context;
	int64_t seconds = ORC_BASE_SECONDS;

	if (reader->zone_name != NULL && strcmp(reader->zone_name, name) == 0)
		return PMN_OK;
	reader->zone_name = NULL;
	pmn_arena_reset(reader->zone_arena);
	reader->zone_name = pmn_arena_string(reader->zone_arena, name);
	if (reader->zone_name == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(
		orc_zone_open(context->env, reader->zone_arena, name, &context->zone));
	/* The offset at the instant of the wall clock, not at that in UTC. */
	for (int i = 0; i < 2; i++)
		seconds = ORC_BASE_SECONDS - orc_zone_offset(context->zone, seconds);
	context->base_seconds = seconds;
	return PMN_OK;
}

/*
 * Instants of the default option are shifted by the writer's offset. Stripes
 * without a TIMESTAMP do not say the zone; then it is taken for UTC.
 */
static PmnCode
check_instants(OrcReader *reader, const OrcColumn *column, const char *name)
{
	if (reader->context.instants != ORC_INSTANTS_UNKNOWN ||
		orc_zone_is_utc(reader->context.zone))
		return PMN_OK;
	return pmn_fail(reader->base.env, PMN_UNSUPPORTED,
					"column \"%.200s\" was written in time zone \"%.64s\"; "
					"whether option \"" INSTANTS_OPTION
					"\" was set then is not known",
					column->name, name);
}

static PmnCode
begin_column(OrcReader *reader, const OrcStripeFooter *footer, uint64_t rows,
			 OrcColumn *column)
{
	OrcContext *context = &reader->context;

	if (column->file_kind == ORC_TIMESTAMP ||
		column->file_kind == ORC_TIMESTAMP_INSTANT)
		PMN_TRY(set_zone(reader, footer->time_zone));
	if (column->file_kind == ORC_TIMESTAMP_INSTANT)
		PMN_TRY(check_instants(reader, column, footer->time_zone));
	return note_column(context->env, column,
					   orc_column_begin(context,
										&footer->encodings[column->file_type],
										rows, column));
}

static PmnCode
check_encodings(OrcReader *reader, const OrcStripeFooter *footer)
{
	for (uint32_t i = 0; i < reader->node_count; i++)
		if (reader->columns[i].file_type >= footer->encoding_count &&
			reader->columns[i].file_type != 0)
			return orc_column_fail(reader->base.env, &reader->columns[i],
								   "a stripe does not say its encoding");
	return PMN_OK;
}

static void
open_root(OrcReader *reader, const OrcStripeFooter *footer)
{
	reader->has_root = false;
	for (uint32_t i = 0; i < footer->stream_count; i++)
	{
		const OrcStreamInfo *info = &footer->streams[i];

		if (info->column != 0 || info->kind != ORC_STREAM_PRESENT ||
			info->size == 0)
			continue;
		reader->has_root = true;
		orc_stream_open(&reader->root_stream, &reader->input, info->offset,
						info->size, WINDOW_MIN);
		orc_booleans_begin(&reader->root_present, &reader->root_stream);
	}
}

/* Begin to read: streams are those that are needed, rows how many rows. */
static PmnCode
begin_rows(OrcReader *reader, const OrcStripeFooter *footer, uint64_t rows)
{
	const OrcStripe *stripe = &reader->tail.stripes[reader->next_stripe - 1];

	PMN_TRY(open_streams(reader, stripe, footer));
	open_root(reader, footer);
	for (uint32_t i = 0; i < reader->node_count; i++)
	{
		OrcColumn *column = &reader->columns[i];

		if (column->file_type == 0)
			continue;
		PMN_TRY(begin_column(reader, footer, stripe->rows, column));
		if (!column->is_inner)
			column->demand = rows;
	}
	reader->stripe_rows = rows;
	return PMN_OK;
}

/* Read the next run of row groups. */
static PmnCode
enter_groups(OrcReader *reader)
{
	OrcPruner *pruner = &reader->pruner;
	const OrcGroups *groups = &pruner->groups[reader->next_groups++];
	OrcStripeFooter footer = reader->footer;

	for (uint32_t i = 0; i < footer.stream_count; i++)
		reader->narrowed[i] = footer.streams[i];
	footer.streams = reader->narrowed;
	PMN_TRY(orc_narrow_streams(pruner, groups, footer.streams,
							   footer.stream_count));
	PMN_TRY(begin_rows(reader, &footer, groups->end_row - groups->first_row));
	for (uint32_t i = 0; i < reader->node_count; i++)
		if (reader->columns[i].file_type != 0)
			PMN_TRY(note_column(
				reader->base.env, &reader->columns[i],
				orc_column_seek(pruner, groups, &reader->columns[i])));
	reader->row = reader->stripe_row + groups->first_row;
	return PMN_OK;
}

/* The range asked for has the stripe, and the filter may match there. */
static bool
wants_stripe(OrcReader *reader, uint32_t stripe)
{
	if (reader->row < reader->first_row || reader->row >= reader->end_row ||
		reader->tail.stripes[stripe].rows == 0)
		return false;
	if (orc_stripe_may_match(&reader->pruner, stripe))
		return true;
	reader->base.env->counters.row_groups_skipped++;
	return false;
}

static PmnCode
enter_stripe(OrcReader *reader)
{
	PmnEnv *env = reader->base.env;
	uint32_t number = reader->next_stripe++;
	const OrcStripe *stripe = &reader->tail.stripes[number];
	bool none;

	reader->row = reader->next_row;
	reader->stripe_row = reader->next_row;
	reader->next_row += stripe->rows;
	reader->next_groups = 0;
	reader->pruner.groups = NULL;
	reader->pruner.groups_count = 0;
	if (!wants_stripe(reader, number))
		return PMN_OK;
	pmn_arena_reset(reader->stripe_arena);
	PMN_TRY(orc_read_stripe_footer(&reader->input, reader->stripe_arena, stripe,
								   &reader->footer));
	PMN_TRY(check_encodings(reader, &reader->footer));
	for (uint32_t i = 0; i < reader->node_count; i++)
		reader->columns[i].has_dictionary = false;
	PMN_TRY(orc_find_groups(&reader->pruner, reader->stripe_arena, stripe,
							&reader->footer, &none));
	if (none)
	{
		env->counters.row_groups_skipped++;
		return PMN_OK;
	}
	env->counters.row_groups_read++;
	if (reader->pruner.groups == NULL)
		return begin_rows(reader, &reader->footer, stripe->rows);
	reader->narrowed = pmn_arena_alloc(
		reader->stripe_arena,
		((size_t) reader->footer.stream_count + 1) * sizeof(OrcStreamInfo));
	return reader->narrowed == NULL ? PMN_NO_MEMORY : enter_groups(reader);
}

/* ---- batches -------------------------------------------------------------------- */

/* Rows of the next batch: such that its byte strings fit the budget. */
static PmnCode
plan_rows(OrcReader *reader, uint32_t *out)
{
	OrcContext *context = &reader->context;
	uint32_t rows = context->capacity;
	size_t count = reader->nested_count;

	if (rows > reader->stripe_rows)
		rows = (uint32_t) reader->stripe_rows;
	for (uint32_t i = 0; i < reader->column_count; i++)
	{
		OrcColumn *column = &reader->columns[i];

		if (column->decoding != ORC_DECODE_BYTES)
			continue;
		PMN_TRY(note_column(context->env, column,
							orc_bytes_look(context, column, rows)));
		count++;
	}
	for (uint32_t i = 0; i < reader->column_count; i++)
		if (reader->columns[i].decoding == ORC_DECODE_BYTES)
			rows = orc_bytes_fit(&reader->columns[i], rows,
								 context->bytes_budget / count);
	for (uint32_t i = 0; i < reader->column_count; i++)
		if (reader->columns[i].nested != NULL)
			PMN_TRY(note_column(context->env, &reader->columns[i],
								orc_nested_look(context, &reader->columns[i],
												context->bytes_budget / count,
												&rows)));
	*out = rows;
	return PMN_OK;
}

/* Columns have no values for rows that are null as a whole. */
static PmnCode
check_root(OrcReader *reader, uint32_t rows)
{
	uint8_t *present = (uint8_t *) reader->context.longs[0];

	if (!reader->has_root)
		return PMN_OK;
	PMN_TRY(orc_booleans_read(&reader->root_present, present, rows));
	if (memchr(present, 0, rows) == NULL)
		return PMN_OK;
	return pmn_fail(reader->base.env, PMN_UNSUPPORTED,
					"it has rows that are null as a whole");
}

static PmnCode
fill_batch(OrcReader *reader, uint32_t rows)
{
	PMN_TRY(check_root(reader, rows));
	for (uint32_t i = 0; i < reader->column_count; i++)
	{
		OrcColumn *column = &reader->columns[i];
		PmnVector *vector = &reader->vectors[i];
		bool has_nulls = false;

		if (column->nested != NULL)
		{
			orc_nested_read(&reader->context, column, rows, vector);
			continue;
		}
		PMN_TRY(note_column(
			reader->base.env, column,
			orc_column_read(&reader->context, column, rows, &has_nulls)));
		vector->kind = column->kind;
		vector->values = column->values;
		vector->nulls = has_nulls ? column->nulls : NULL;
	}
	reader->batch =
		(PmnBatch){rows, reader->column_count, reader->vectors, NULL, rows};
	return PMN_OK;
}

/* *rows 0 at the end. */
static PmnCode
read_batch(OrcReader *reader, uint32_t *rows)
{
	*rows = 0;
	for (uint32_t i = 0; i < reader->column_count; i++)
		if (reader->columns[i].nested != NULL)
			orc_nested_consume(&reader->columns[i], reader->last_rows);
		else if (reader->columns[i].decoding == ORC_DECODE_BYTES)
			orc_bytes_consume(&reader->columns[i], reader->last_rows);
	reader->last_rows = 0;
	while (reader->stripe_rows == 0)
	{
		bool has_groups = reader->next_groups < reader->pruner.groups_count;

		if (!has_groups && reader->next_stripe == reader->tail.stripe_count)
			return PMN_OK;
		PMN_TRY(pmn_poll(reader->base.env));
		PMN_TRY(has_groups ? enter_groups(reader) : enter_stripe(reader));
	}
	PMN_TRY(plan_rows(reader, rows));
	return fill_batch(reader, *rows);
}

static PmnCode
next_batch(PmnFormatReader *base, PmnBatch **out, uint64_t *first_row)
{
	OrcReader *reader = (OrcReader *) base;
	uint32_t rows;

	*out = NULL;
	PMN_TRY(note_file(reader, read_batch(reader, &rows)));
	if (rows == 0)
		return PMN_OK;
	*first_row = reader->row;
	reader->row += rows;
	reader->stripe_rows -= rows;
	reader->last_rows = rows;
	base->env->counters.rows_decoded += rows;
	*out = &reader->batch;
	return PMN_OK;
}

/* ---- open and close ----------------------------------------------------------------- */

static void
close_reader(PmnFormatReader *base)
{
	OrcReader *reader = (OrcReader *) base;
	PmnEnv *env = base->env;

	for (uint32_t i = 0; reader->columns != NULL && i < reader->node_count; i++)
		orc_column_free(env, &reader->columns[i]);
	orc_stream_free(&reader->root_stream);
	pmn_free(env, reader->stripe_bytes, reader->stripe_capacity);
	orc_pruner_close(&reader->pruner);
	orc_input_free(&reader->input);
	pmn_arena_destroy(reader->zone_arena);
	pmn_arena_destroy(reader->stripe_arena);
	pmn_arena_destroy(reader->arena);
	pmn_free(env, reader, sizeof(*reader));
}

/* Entries of inner columns may take as much as an eighth of the memory. */
static void
plan_chunks(OrcReader *reader)
{
	OrcContext *context = &reader->context;
	size_t count = reader->node_count - reader->column_count + 1;
	size_t rows = reader->memory / 8 / count / CHUNK_ENTRY_BYTES;

	context->chunk = rows < CHUNK_MIN	? CHUNK_MIN
					 : rows > CHUNK_MAX ? CHUNK_MAX
										: (uint32_t) rows;
	if (context->chunk > context->capacity)
		context->chunk = context->capacity;
	context->inner_budget = reader->memory / 8 / count;
	if (context->inner_budget < WINDOW_MIN)
		context->inner_budget = WINDOW_MIN;
}

/* Arrays of one batch may take a quarter of the memory, strings another. */
static PmnCode
plan_memory(OrcReader *reader)
{
	OrcContext *context = &reader->context;
	size_t row_bytes = 2 * sizeof(int64_t);
	size_t rows;
	uint8_t *empty;

	for (uint32_t i = 0; i < reader->column_count; i++)
		row_bytes += pmn_vector_width(reader->columns[i].kind) + 1;
	rows = reader->memory / 4 / row_bytes;
	if (rows < 64)
		rows = 64;
	context->env = reader->base.env;
	context->capacity =
		rows < PMN_BATCH_ROWS ? (uint32_t) rows : PMN_BATCH_ROWS;
	context->bytes_budget = reader->memory / 4 + 1;
	plan_chunks(reader);
	for (int i = 0; i < 2; i++)
	{
		context->longs[i] =
			pmn_arena_alloc(reader->arena, context->capacity * sizeof(int64_t));
		if (context->longs[i] == NULL)
			return PMN_NO_MEMORY;
	}
	empty = pmn_arena_alloc(reader->arena, 2 * PMN_BYTES_HEADROOM);
	if (empty == NULL)
		return PMN_NO_MEMORY;
	context->empty = empty + PMN_BYTES_HEADROOM;
	return PMN_OK;
}

static PmnCode
make_arrays(OrcReader *reader, const PmnFormatReadRequest *request)
{
	PmnArena *arena = reader->arena;
	uint32_t count = request->column_count;
	size_t nodes = count;

	for (uint32_t i = 0; i < count; i++)
		nodes += orc_nested_count(&request->columns[i].type);
	if (nodes > NODES_MAX)
		return pmn_fail(reader->base.env, PMN_UNSUPPORTED,
						"%zu columns, those in nested types included, are "
						"more than %d",
						nodes, NODES_MAX);
	reader->columns = pmn_arena_alloc(arena, (nodes + 1) * sizeof(OrcColumn));
	reader->vectors =
		pmn_arena_alloc(arena, ((size_t) count + 1) * sizeof(PmnVector));
	reader->column_of_type =
		pmn_arena_alloc(arena, reader->tail.type_count * sizeof(int32_t));
	if (reader->columns == NULL || reader->vectors == NULL ||
		reader->column_of_type == NULL)
		return PMN_NO_MEMORY;
	reader->column_count = count;
	/* Those behind stay unused when a nested column is not in the file. */
	reader->node_count = (uint32_t) nodes;
	for (uint32_t i = 0; i < reader->tail.type_count; i++)
		reader->column_of_type[i] = -1;
	return PMN_OK;
}

static void
find_column(const OrcTail *tail, OrcColumn *column)
{
	const OrcType *root = &tail->types[0];

	for (uint32_t i = 0; i < root->child_count && column->file_type == 0; i++)
	{
		if (strcmp(root->children[i].name, column->name) == 0)
			column->file_type = root->children[i].type;
	}
}

/* Find columns by type, for the streams. */
static void
link_columns(OrcReader *reader)
{
	for (uint32_t i = 0; i < reader->node_count; i++)
	{
		OrcColumn *column = &reader->columns[i];

		if (column->file_type == 0)
			continue;
		column->next_same = reader->column_of_type[column->file_type];
		reader->column_of_type[column->file_type] = (int32_t) i;
	}
}

static PmnCode
bind_columns(OrcReader *reader, const PmnFormatReadRequest *request)
{
	PmnEnv *env = reader->base.env;
	PmnArena *arena = reader->arena;
	uint32_t count = request->column_count;
	OrcColumn *next;

	PMN_TRY(make_arrays(reader, request));
	next = reader->columns + count;
	for (uint32_t i = 0; i < count; i++)
	{
		OrcColumn *column = &reader->columns[i];

		column->name = pmn_arena_string(arena, request->columns[i].name);
		if (column->name == NULL)
			return PMN_NO_MEMORY;
		PMN_TRY(pmn_type_copy(arena, &request->columns[i].type, &column->type));
		column->kind = pmn_type_vector_kind(&column->type);
		column->next_same = -1;
		find_column(&reader->tail, column);
		PMN_TRY(orc_column_bind(env, &reader->tail, column, &next));
	}
	link_columns(reader);
	PMN_TRY(plan_memory(reader));
	for (uint32_t i = 0; i < reader->node_count; i++)
	{
		if (i >= count && reader->columns[i].file_type == 0)
			continue;
		PMN_TRY(orc_column_allocate(arena, reader->context.capacity,
									reader->context.chunk,
									&reader->columns[i]));
		reader->nested_count += reader->columns[i].nested != NULL;
	}
	return PMN_OK;
}

static PmnCode
open_parts(OrcReader *reader, const PmnFormatReadRequest *request)
{
	PmnEnv *env = reader->base.env;

	PMN_TRY(pmn_arena_create(env, 0, &reader->arena));
	PMN_TRY(pmn_arena_create(env, 0, &reader->stripe_arena));
	PMN_TRY(pmn_arena_create(env, 0, &reader->zone_arena));
	PMN_TRY(orc_read_tail(&reader->input, reader->arena, &reader->tail));
	PMN_TRY(bind_columns(reader, request));
	reader->pruner.input = &reader->input;
	reader->pruner.tail = &reader->tail;
	reader->pruner.columns = reader->columns;
	reader->pruner.column_count = reader->column_count;
	reader->pruner.node_count = reader->node_count;
	reader->pruner.column_of_type = reader->column_of_type;
	return orc_pruner_open(&reader->pruner, reader->arena, request);
}

static OrcInstants
instants_of(const PmnSchema *schema)
{
	const char *value;

	if (schema == NULL)
		return ORC_INSTANTS_UNKNOWN;
	value = pmn_schema_option(schema, INSTANTS_OPTION);
	return value != NULL && strcasecmp(value, "false") == 0
			   ? ORC_INSTANTS_PLAIN
			   : ORC_INSTANTS_SHIFTED;
}

static PmnCode
open_reader(PmnFileReader *file, const PmnFormatReadRequest *request,
			PmnFormatReader **out)
{
	PmnEnv *env = file->fs->env;
	OrcReader *reader = pmn_alloc(env, sizeof(*reader));
	PmnCode code;

	*out = NULL;
	if (reader == NULL)
		return PMN_NO_MEMORY;
	reader->base = (PmnFormatReader){next_batch, close_reader, env, 0};
	reader->file = file;
	orc_input_init(&reader->input, file);
	reader->memory = request->memory_limit_bytes;
	reader->first_row = request->first_row;
	reader->end_row = request->end_row == 0 ? UINT64_MAX : request->end_row;
	if (reader->memory == 0)
		reader->memory = MEMORY_DEFAULT;
	if (reader->memory > MEMORY_MAX)
		reader->memory = MEMORY_MAX;
	reader->context.instants = instants_of(request->schema);
	code = note_file(reader, open_parts(reader, request));
	if (code != PMN_OK)
	{
		close_reader(&reader->base);
		return code;
	}
	reader->base.row_count = reader->tail.rows;
	*out = &reader->base;
	return PMN_OK;
}
