/*
 * format_orc_prune.c
 *
 * Which parts of an ORC file a filter can skip: stripes by the statistics in
 * the file's metadata, and row groups (10,000 rows, or as the writer was told)
 * by those in the row indexes of the columns that the filter uses.
 *
 *   stripe    |--0--|--1--|--2--|--3--|--4--|--5--|--6--|
 *   may match    .     .     x     .     .     x     x
 *   read                  |-----|           |-----------|
 *
 * Groups that stay are read in runs; a gap of one group is read along, which
 * costs less than going to another place. If the indexes of the columns that
 * are read do not tell where groups begin, all of the stripe is read.
 *
 * Filters are hints and in doubt everything is read: statistics of writers
 * that are not known to be right are not looked at. Statistics in metadata
 * come without the writer's time zone, so points in time are judged by row
 * groups only.
 */
#include "format_orc_prune.h"

#define GROUPS_MAX 65536
#define GAP_GROUPS 1

typedef struct StatsContext
{
	const OrcPruner *pruner;
	const PmnBytes *by_type;   /* of a stripe, by column id; or NULL */
	PmnBytes *const *by_field; /* of row groups: [field][group] */
	uint32_t group;
	uint64_t rows;
	bool is_utc;
} StatsContext;

/* ---- opening ------------------------------------------------------------------ */

static PmnCode
keep_filter(OrcPruner *pruner, PmnArena *arena,
			const PmnFormatReadRequest *request)
{
	uint32_t fields = request->filter_schema->field_count;
	PmnPredicate *filter;
	PmnSchema *schema;

	PMN_TRY(pmn_predicate_copy(arena, request->filter, &filter));
	PMN_TRY(pmn_schema_copy(arena, request->filter_schema, &schema));
	pruner->filter_columns =
		pmn_arena_copy(arena, request->filter_columns,
					   fields * sizeof(*request->filter_columns));
	if (pruner->filter_columns == NULL)
		return PMN_NO_MEMORY;
	pruner->filter = filter;
	pruner->schema = schema;
	return PMN_OK;
}

/* The statistics of each stripe, still encoded. */
static PmnCode
read_metadata(OrcPruner *pruner, PmnArena *arena)
{
	const OrcTail *tail = pruner->tail;
	PmnBytes *stats;

	if (tail->metadata_bytes == 0 || tail->stripe_count == 0)
		return PMN_OK;
	PMN_TRY(orc_read_plain(pruner->input, NULL, tail->metadata_offset,
						   tail->metadata_bytes, "metadata",
						   &pruner->metadata));
	stats = pmn_arena_alloc(arena, tail->stripe_count * sizeof(PmnBytes));
	pruner->type_stats =
		pmn_arena_alloc(arena, tail->type_count * sizeof(PmnBytes));
	if (stats == NULL || pruner->type_stats == NULL)
		return PMN_NO_MEMORY;
	if (orc_index_entries(
			pmn_bytes(pruner->metadata.data, pruner->metadata.size),
			tail->stripe_count, stats))
		pruner->stripe_stats = stats;
	return PMN_OK;
}

PmnCode
orc_pruner_open(OrcPruner *pruner, PmnArena *arena,
				const PmnFormatReadRequest *request)
{
	if (request->filter == NULL || !pruner->tail->has_statistics)
		return PMN_OK;
	pmn_buffer_init(&pruner->metadata, pmn_arena_env(arena));
	PMN_TRY(keep_filter(pruner, arena, request));
	return read_metadata(pruner, arena);
}

void
orc_pruner_close(OrcPruner *pruner)
{
	if (pruner->metadata.env != NULL)
		pmn_buffer_free(&pruner->metadata);
}

/* ---- statistics for the filter --------------------------------------------------- */

/*
 * The column of a schema field, or NULL when its statistics cannot be
 * compared with the filter's literals: casted or not in the file.
 */
static const OrcColumn *
column_of_field(const OrcPruner *pruner, int32_t field)
{
	int32_t at = pruner->filter_columns[field];
	const PmnType *wanted = &pruner->schema->fields[field].type;
	const OrcColumn *column;

	if (at < 0 || (uint32_t) at >= pruner->column_count)
		return NULL;
	column = &pruner->columns[at];
	if (column->file_type == 0 || pmn_type_is_nested(&column->type))
		return NULL;
	/* Lengths of strings do not matter to their order. */
	if (wanted->kind == PMN_TYPE_VARCHAR &&
		column->type.kind == PMN_TYPE_VARCHAR)
		return column;
	return pmn_type_equal(wanted, &column->type) ? column : NULL;
}

static bool
field_stats(void *context, int32_t field, PmnColumnStats *stats)
{
	StatsContext *of = context;
	const OrcPruner *pruner = of->pruner;
	const OrcColumn *column = column_of_field(pruner, field);
	PmnBytes bytes;

	if (column == NULL)
		return false;
	if (of->by_type != NULL)
		bytes = of->by_type[column->file_type];
	else if (of->by_field[field] != NULL)
		bytes = of->by_field[field][of->group];
	else
		return false;
	return bytes.size > 0 &&
		   orc_column_stats(column, &pruner->tail->types[column->file_type],
							bytes, of->rows, of->is_utc, stats);
}

static bool
may_match(StatsContext *context)
{
	const OrcPruner *pruner = context->pruner;

	return context->rows > INT64_MAX ||
		   pmn_predicate_may_match(pruner->filter, pruner->schema, field_stats,
								   context, (int64_t) context->rows);
}

bool
orc_stripe_may_match(OrcPruner *pruner, uint32_t stripe)
{
	uint32_t types = pruner->tail->type_count;
	StatsContext context = {.pruner = pruner, .by_type = pruner->type_stats};

	if (pruner->stripe_stats == NULL)
		return true;
	context.rows = pruner->tail->stripes[stripe].rows;
	return !orc_index_entries(pruner->stripe_stats[stripe], types,
							  pruner->type_stats) ||
		   may_match(&context);
}

/* ---- row groups -------------------------------------------------------------------- */

/* The statistics in an entry of a row index; empty when there are none. */
static PmnBytes
stats_of_entry(PmnBytes entry)
{
	OrcMessage message = orc_message_open(entry);
	PmnBytes stats = {NULL, 0};
	OrcMessageField field;

	while (orc_message_next(&message, &field))
		if (field.number == 2 && field.is_bytes)
			stats = field.bytes;
	return message.is_broken ? pmn_bytes(NULL, 0) : stats;
}

/* Statistics of the field's column in each group; NULL when not known. */
static PmnCode
load_field(OrcPruner *pruner, PmnArena *arena, uint32_t type, PmnBytes **out)
{
	PmnBytes *entries =
		pmn_arena_alloc(arena, pruner->group_count * sizeof(PmnBytes));
	PmnBuffer plain;
	PmnCode code;
	uint8_t *copy;
	bool found = false;

	if (entries == NULL)
		return PMN_NO_MEMORY;
	pmn_buffer_init(&plain, pmn_arena_env(arena));
	code = orc_read_index(pruner, type, &plain, &found);
	copy = code == PMN_OK && found
			   ? pmn_arena_copy(arena, plain.data, plain.size)
			   : NULL;
	if (code == PMN_OK && found && copy == NULL)
		code = PMN_NO_MEMORY;
	if (code == PMN_OK && found &&
		orc_index_entries(pmn_bytes(copy, plain.size), pruner->group_count,
						  entries))
	{
		for (uint32_t g = 0; g < pruner->group_count; g++)
			entries[g] = stats_of_entry(entries[g]);
		*out = entries;
	}
	pmn_buffer_free(&plain);
	return code;
}

/* *any: some column that the filter uses has an index. */
static PmnCode
load_fields(OrcPruner *pruner, PmnArena *arena, PmnBytes **by_field, bool *any)
{
	uint32_t fields = pruner->schema->field_count;
	bool *used = pmn_arena_alloc(arena, fields + 1);

	*any = false;
	if (used == NULL)
		return PMN_NO_MEMORY;
	pmn_predicate_fields(pruner->filter, used);
	for (uint32_t f = 0; f < fields; f++)
	{
		const OrcColumn *column =
			used[f] ? column_of_field(pruner, (int32_t) f) : NULL;

		if (column == NULL)
			continue;
		PMN_TRY(load_field(pruner, arena, column->file_type, &by_field[f]));
		*any = *any || by_field[f] != NULL;
	}
	return PMN_OK;
}

static uint64_t
rows_before(const OrcPruner *pruner, uint32_t group)
{
	return group == pruner->group_count
			   ? pruner->stripe_rows
			   : group * pruner->tail->row_index_stride;
}

static void
add_group(OrcPruner *pruner, uint32_t group)
{
	OrcGroups *last = NULL;

	if (pruner->groups_count > 0)
		last = &pruner->groups[pruner->groups_count - 1];
	if (last == NULL || group > last->end + GAP_GROUPS)
	{
		last = &pruner->groups[pruner->groups_count++];
		last->first = group;
		last->first_row = rows_before(pruner, group);
	}
	last->end = group + 1;
	last->end_row = rows_before(pruner, group + 1);
}

static PmnCode
judge_groups(OrcPruner *pruner, PmnArena *arena, bool *none)
{
	StatsContext context = {.pruner = pruner, .is_utc = pruner->is_utc};
	PmnBytes **by_field = pmn_arena_alloc(
		arena, (pruner->schema->field_count + 1) * sizeof(PmnBytes *));
	bool any;

	pruner->groups =
		pmn_arena_alloc(arena, pruner->group_count * sizeof(OrcGroups));
	if (by_field == NULL || pruner->groups == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(load_fields(pruner, arena, by_field, &any));
	context.by_field = by_field;
	for (uint32_t g = 0; any && g < pruner->group_count; g++)
	{
		context.group = g;
		context.rows = rows_before(pruner, g + 1) - rows_before(pruner, g);
		if (may_match(&context))
			add_group(pruner, g);
		if (g % 1024 == 1023)
			PMN_TRY(pmn_poll(pmn_arena_env(arena)));
	}
	*none = any && pruner->groups_count == 0;
	if (!any)
		pruner->groups = NULL;
	return PMN_OK;
}

/* The zone that wall clocks are of, as far as statistics can be believed. */
static bool
says_utc(const char *name)
{
	return strcmp(name, "UTC") == 0 || strcmp(name, "GMT") == 0 ||
		   strcmp(name, "Etc/UTC") == 0;
}

/* Whether the stripe can be cut; sets group_count. */
static bool
count_groups(OrcPruner *pruner, const OrcStripe *stripe,
			 const OrcStripeFooter *footer)
{
	uint64_t stride = pruner->tail->row_index_stride;
	uint64_t count;

	if (pruner->filter == NULL || stride == 0 || stripe->index_bytes == 0)
		return false;
	count = stripe->rows / stride + (stripe->rows % stride != 0);
	pruner->group_count = count <= GROUPS_MAX ? (uint32_t) count : 0;
	/* Rows that are null as a whole have a stream without an index of ours. */
	for (uint32_t i = 0; i < footer->stream_count; i++)
		if (footer->streams[i].column == 0 &&
			footer->streams[i].kind == ORC_STREAM_PRESENT &&
			footer->streams[i].size > 0)
			return false;
	return pruner->group_count > 0;
}

PmnCode
orc_find_groups(OrcPruner *pruner, PmnArena *arena, const OrcStripe *stripe,
				const OrcStripeFooter *footer, bool *none)
{
	bool usable = false;

	*none = false;
	pruner->groups = NULL;
	pruner->groups_count = 0;
	if (!count_groups(pruner, stripe, footer))
		return PMN_OK;
	pruner->footer = footer;
	pruner->stripe_rows = stripe->rows;
	pruner->is_utc = says_utc(footer->time_zone);
	PMN_TRY(orc_index_begin(pruner, arena, stripe));
	PMN_TRY(judge_groups(pruner, arena, none));
	if (*none || pruner->groups == NULL)
		return PMN_OK;
	/* One run that is everything needs no going there. */
	if (pruner->groups[0].first > 0 ||
		pruner->groups[0].end < pruner->group_count)
		PMN_TRY(orc_load_positions(pruner, arena, &usable));
	if (!usable)
	{
		pruner->groups = NULL;
		pruner->groups_count = 0;
	}
	return PMN_OK;
}
