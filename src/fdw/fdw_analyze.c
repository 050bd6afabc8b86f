/*
 * fdw_analyze.c
 *
 * ANALYZE of a sample. The table is cut into parts of some thousand rows, as
 * far as its files can be read in parts, and a few dozen of them from all
 * over the table are read; of their rows a random choice is kept (Vitter's
 * reservoir, as core's file_fdw does). How many rows there are follows from
 * what the manifests say of all files, in proportion.
 *
 * The kept rows go to the server in the order of the table, because it
 * measures from that how far a column's values follow it.
 */
#include "fdw_reader.h"

#include "access/htup_details.h"
#include "common/pg_prng.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

#include <math.h>

#define PART_ROWS 8192
#define PARTS_MIN 64
#define SAMPLE_FACTOR 10
#define ALL_FACTOR 8

static HeapTuple
form_tuple(PfdwReader *reader, uint32 row, Datum *values, bool *nulls)
{
	TupleDesc tupdesc = RelationGetDescr(reader->relation);

	memset(nulls, 1, sizeof(bool) * tupdesc->natts);
	for (int i = 0; i < reader->needed_count; i++)
	{
		int at = reader->needed[i].attnum - 1;

		values[at] = reader->decoder->values[i][row];
		nulls[at] = reader->decoder->nulls[i][row];
	}
	return heap_form_tuple(tupdesc, values, nulls);
}

/* Parts of the scan that are read, in the order of the table. */
typedef struct Sample
{
	PmnScan *scan;
	uint32 *parts;
	uint32 part_count;
	uint32 next;
	double rows_read; /* physical ones of the parts, as manifests say */
	double rows_all;
} Sample;

static int
compare_positions(const void *a, const void *b, void *arg)
{
	const PmnScan *scan = arg;
	uint64_t x = pmn_scan_part_position(scan, *(const uint32 *) a);
	uint64_t y = pmn_scan_part_position(scan, *(const uint32 *) b);

	return x < y ? -1 : x > y;
}

/* Called by storage: nothing here may throw. */
static uint32_t
next_part(void *context)
{
	Sample *sample = context;

	return sample->next < sample->part_count ? sample->parts[sample->next++]
											 : UINT32_MAX;
}

/* A small table is read as a whole, else about SAMPLE_FACTOR times the rows
 * that are wanted, from all over the table. */
static void
choose_parts(PfdwReader *reader, int targrows, Sample *sample)
{
	uint32 wanted = Max(targrows / PART_ROWS * SAMPLE_FACTOR, PARTS_MIN);
	BlockSamplerData sampler;
	uint32 *order;
	uint32 count;

	memset(sample, 0, sizeof(*sample));
	sample->scan = reader->scan;
	pfdw_check(reader->env, pmn_scan_divide(reader->scan, PART_ROWS, &count));
	order = palloc(sizeof(uint32) * Max(count, 1));
	for (uint32 i = 0; i < count; i++)
	{
		order[i] = i;
		sample->rows_all += (double) pmn_scan_part_rows(reader->scan, i);
	}
	/* To come to a part costs as much as some parts do. */
	if (count <= wanted * ALL_FACTOR)
		wanted = count;
	qsort_arg(order, count, sizeof(uint32), compare_positions, reader->scan);
	sample->parts = palloc(sizeof(uint32) * Max(count, 1));
	(void) BlockSampler_Init(&sampler, count, (int) wanted,
							 pg_prng_uint32(&pg_global_prng_state));
	while (BlockSampler_HasMore(&sampler))
	{
		uint32 part = order[BlockSampler_Next(&sampler)];

		sample->parts[sample->part_count++] = part;
		sample->rows_read += (double) pmn_scan_part_rows(reader->scan, part);
	}
	reader->part_source = next_part;
	reader->part_context = sample;
}

/* A row of the sample and where it was: correlation is about order. */
typedef struct SampleRow
{
	double position;
	HeapTuple tuple;
} SampleRow;

static int
compare_rows(const void *a, const void *b)
{
	double x = ((const SampleRow *) a)->position;
	double y = ((const SampleRow *) b)->position;

	return x < y ? -1 : x > y;
}

/* All rows of the chosen parts; returns how many of them were kept. */
static int
sample_rows(PfdwReader *reader, SampleRow *rows, int targrows,
			double *row_count)
{
	int natts = RelationGetDescr(reader->relation)->natts;
	Datum *values = palloc0(sizeof(Datum) * natts);
	bool *nulls = palloc(sizeof(bool) * natts);
	ReservoirStateData reservoir;
	double skip = -1; /* -1: not chosen yet */
	int kept = 0;

	*row_count = 0;
	reservoir_init_selection_state(&reservoir, targrows);
	while (pfdw_reader_next_batch(reader))
	{
		vacuum_delay_point();
		for (uint32 n = 0; n < reader->row_count; n++, (*row_count)++)
		{
			uint32 row = pfdw_reader_row(reader, n);
			int at = kept;

			if (kept < targrows)
				kept++;
			else
			{
				if (skip < 0)
					skip =
						reservoir_get_next_S(&reservoir, *row_count, targrows);
				skip -= 1;
				if (skip >= 0)
					continue;
				at = (int) (targrows *
							sampler_random_fract(&reservoir.randstate));
				heap_freetuple(rows[at].tuple);
			}
			rows[at].tuple = form_tuple(reader, row, values, nulls);
			rows[at].position = *row_count;
		}
	}
	return kept;
}

static int
acquire_sample_rows(Relation relation, int elevel, HeapTuple *rows,
					int targrows, double *totalrows, double *totaldeadrows)
{
	PfdwReader *reader = pfdw_reader_create(CurrentMemoryContext, relation);
	SampleRow *found = palloc(sizeof(SampleRow) * Max(targrows, 1));
	Sample sample;
	double row_count;
	int kept;

	pfdw_reader_open(reader, false);
	pfdw_reader_project(reader, NULL, true);
	pfdw_reader_plan_predicate(reader, NULL);
	choose_parts(reader, targrows, &sample);
	kept = sample_rows(reader, found, targrows, &row_count);
	qsort(found, kept, sizeof(SampleRow), compare_rows);
	for (int i = 0; i < kept; i++)
		rows[i] = found[i].tuple;
	/* Rows that others replace or delete are as many elsewhere. */
	*totalrows = row_count;
	if (sample.rows_read > 0)
		*totalrows = floor((row_count - (double) reader->delta_rows) *
							   sample.rows_all / sample.rows_read +
						   0.5) +
					 (double) reader->delta_rows;
	*totaldeadrows = 0;
	ereport(elevel,
			(errmsg("\"%s\": read %.0f of about %.0f rows of the lake table; "
					"%d rows in sample",
					RelationGetRelationName(relation), row_count, *totalrows,
					kept)));
	pfdw_reader_close(reader);
	return kept;
}

bool
paimonAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc *func,
						  BlockNumber *totalpages)
{
	PfdwReader *reader = pfdw_reader_create(CurrentMemoryContext, relation);
	double pages;
	double delta_pages;
	double delta_rows;

	/* A list of files or tags has no statistics worth keeping. */
	if (reader->options->system_kind != PFDW_SYSTEM_NONE ||
		reader->options->has_changes)
	{
		pfdw_reader_close(reader);
		return false;
	}
	pfdw_reader_open(reader, false);
	pfdw_reader_project(reader, NULL, true);
	pfdw_reader_plan_predicate(reader, NULL);
	pfdw_overlay_estimate(&reader->options->ref, &delta_pages, &delta_rows);
	pages = (double) pmn_scan_stats(reader->scan)->size_bytes / BLCKSZ + 1 +
			delta_pages;
	*totalpages = (BlockNumber) Min(pages, (double) MaxBlockNumber);
	pfdw_reader_close(reader);
	*func = acquire_sample_rows;
	return true;
}
