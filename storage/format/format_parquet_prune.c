/*
 * format_parquet_prune.c
 *
 * Which parts of a Parquet file a filter can skip. Row groups are judged by
 * the statistics of their column chunks. Inside a row group the page index
 * is used: the pages of each column that the filter uses begin at rows of
 * their own, so that the union of all page beginnings cuts the group into
 * intervals in each of which every column has exactly one page; an interval
 * whose pages' statistics exclude a match is not read.
 *
 *   column a   |-------page 0-------|------page 1------|
 *   column b   |--page 0--|--------page 1--------|-p 2-|
 *   intervals  |----0-----|----1----|-----2------|--3--|
 *
 * Paimon's files have few, large row groups, so that pages decide how much a
 * point lookup reads. In doubt a row is read: filters here are hints.
 */
#include "format_parquet.h"

typedef struct GroupContext
{
	ParquetReader *reader;
	int32_t group;
} GroupContext;

/* The pages of one column that the filter uses. */
typedef struct FilterPages
{
	const int64_t *first_rows;
	uint32_t count; /* 0: no index */
	uint32_t page;	/* the one the current interval lies in */
} FilterPages;

typedef struct PageContext
{
	ParquetReader *reader;
	FilterPages *pages; /* by column */
	int64_t group_rows;
	int64_t rows; /* of the interval */
} PageContext;

PmnCode
parquet_keep_filter(ParquetReader *reader, const PmnFormatReadRequest *request)
{
	uint32_t fields = request->filter_schema->field_count;
	PmnPredicate *filter;
	PmnSchema *schema;

	PMN_TRY(pmn_arena_create(reader->base.env, 0, &reader->arena));
	PMN_TRY(pmn_predicate_copy(reader->arena, request->filter, &filter));
	PMN_TRY(pmn_schema_copy(reader->arena, request->filter_schema, &schema));
	reader->filter_columns =
		pmn_arena_copy(reader->arena, request->filter_columns,
					   fields * sizeof(*request->filter_columns));
	reader->types = pmn_arena_alloc(reader->arena, (request->column_count + 1) *
													   sizeof(PmnType));
	if (reader->filter_columns == NULL || reader->types == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < request->column_count; i++)
		reader->types[i] = request->columns[i].type;
	reader->filter = filter;
	reader->filter_schema = schema;
	return PMN_OK;
}

/*
 * The column of a schema field, or -1 when its statistics cannot be compared
 * with the filter's literals.
 */
static int32_t
column_of_field(const ParquetReader *reader, int32_t field)
{
	int32_t column = reader->filter_columns[field];
	const PmnType *wanted = &reader->filter_schema->fields[field].type;
	const PmnType *found;

	if (column < 0 || (uint32_t) column >= reader->column_count)
		return -1;
	found = &reader->types[column];
	/* Lengths of strings do not matter to their order. */
	if (pmn_type_vector_kind(wanted) == PMN_VECTOR_BYTES &&
		pmn_type_vector_kind(found) == PMN_VECTOR_BYTES)
		return column;
	return pmn_type_equal(wanted, found) ? column : -1;
}

static void
take_stats(const PmnArrowStats *src, PmnColumnStats *dst)
{
	dst->min = src->min;
	dst->max = src->max;
	dst->null_count = src->null_count;
}

static bool
group_stats(void *context, int32_t field, PmnColumnStats *stats)
{
	GroupContext *of = context;
	ParquetReader *reader = of->reader;
	int32_t column = column_of_field(reader, field);
	PmnArrowStats found;

	if (column < 0 || !reader->api->group_stats(reader->arrow, of->group,
												(uint32_t) column, &found))
		return false;
	take_stats(&found, stats);
	return true;
}

bool
parquet_group_may_match(ParquetReader *reader, int32_t group)
{
	GroupContext context = {reader, group};

	return pmn_predicate_may_match(
		reader->filter, reader->filter_schema, group_stats, &context,
		reader->api->group_rows(reader->arrow, group));
}

/* Statistics of the page in which the whole interval lies. */
static bool
page_stats(void *context, int32_t field, PmnColumnStats *stats)
{
	PageContext *of = context;
	ParquetReader *reader = of->reader;
	int32_t column = column_of_field(reader, field);
	const FilterPages *pages;
	PmnArrowStats found;
	int64_t end;

	if (column < 0 || of->pages[column].count == 0)
		return false;
	pages = &of->pages[column];
	if (!reader->api->page_stats(reader->arrow, (uint32_t) column, pages->page,
								 &found))
		return false;
	end = pages->page + 1 < pages->count ? pages->first_rows[pages->page + 1]
										 : of->group_rows;
	take_stats(&found, stats);
	/* Null counts are the page's: for the interval only none and all hold. */
	if (stats->null_count == end - pages->first_rows[pages->page])
		stats->null_count = of->rows;
	else if (stats->null_count != 0)
		stats->null_count = -1;
	return true;
}

/* Load the index of each column the filter uses; whether there is any. */
static bool
load_pages(ParquetReader *reader, int32_t group, const bool *used,
		   FilterPages *pages)
{
	bool any = false;

	for (uint32_t f = 0; f < reader->filter_schema->field_count; f++)
	{
		int32_t column = used[f] ? column_of_field(reader, (int32_t) f) : -1;

		if (column < 0 || pages[column].count > 0)
			continue;
		pages[column].count = reader->api->load_pages(
			reader->arrow, group, (uint32_t) column, &pages[column].first_rows);
		any = any || pages[column].count > 1;
	}
	return any;
}

/* Where the interval that begins at row ends; pages move there. */
static int64_t
interval_end(const ParquetReader *reader, FilterPages *pages, int64_t row,
			 int64_t group_rows)
{
	int64_t end = group_rows;

	for (uint32_t c = 0; c < reader->column_count; c++)
	{
		FilterPages *of = &pages[c];

		if (of->count == 0)
			continue;
		while (of->page + 1 < of->count && of->first_rows[of->page + 1] <= row)
			of->page++;
		if (of->page + 1 < of->count && of->first_rows[of->page + 1] < end)
			end = of->first_rows[of->page + 1];
	}
	return end;
}

static PmnCode
add_range(PmnEnv *env, ParquetRanges *ranges, int64_t begin, int64_t end)
{
	if (ranges->count > 0 && ranges->items[ranges->count - 1].end == begin)
	{
		ranges->items[ranges->count - 1].end = end;
		return PMN_OK;
	}
	PMN_TRY(pmn_array_reserve(env, ranges, 1));
	ranges->items[ranges->count].begin = begin;
	ranges->items[ranges->count].end = end;
	ranges->count++;
	return PMN_OK;
}

static PmnCode
judge_intervals(PageContext *context, ParquetRanges *ranges)
{
	ParquetReader *reader = context->reader;
	int64_t row = 0;

	while (row < context->group_rows)
	{
		int64_t end =
			interval_end(reader, context->pages, row, context->group_rows);

		context->rows = end - row;
		if (pmn_predicate_may_match(reader->filter, reader->filter_schema,
									page_stats, context, context->rows))
			PMN_TRY(add_range(reader->base.env, ranges, row, end));
		row = end;
	}
	return PMN_OK;
}

PmnCode
parquet_find_ranges(ParquetReader *reader, int32_t group, ParquetRanges *ranges,
					bool *none)
{
	PmnEnv *env = reader->base.env;
	uint32_t fields = reader->filter_schema->field_count;
	size_t used_size = fields + 1;
	size_t pages_size = (reader->column_count + 1) * sizeof(FilterPages);
	bool *used = pmn_alloc(env, used_size);
	FilterPages *pages = pmn_alloc(env, pages_size);
	PageContext context = {reader, pages, 0, 0};
	PmnCode code = PMN_NO_MEMORY;

	*none = false;
	if (used != NULL && pages != NULL)
	{
		code = PMN_OK;
		context.group_rows = reader->api->group_rows(reader->arrow, group);
		pmn_predicate_fields(reader->filter, used);
		if (load_pages(reader, group, used, pages))
		{
			code = judge_intervals(&context, ranges);
			*none = ranges->count == 0;
		}
	}
	/* One range that is everything needs no skipping. */
	if (code == PMN_OK && ranges->count == 1 && ranges->items[0].begin == 0 &&
		ranges->items[0].end == context.group_rows)
		ranges->count = 0;
	pmn_free(env, pages, pages_size);
	pmn_free(env, used, used_size);
	return code;
}
