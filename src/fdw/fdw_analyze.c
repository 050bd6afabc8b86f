/*
 * fdw_analyze.c
 *
 * ANALYZE by reading the table once and keeping a random sample (Vitter's
 * reservoir, as core's file_fdw does). Only the rows that stay are formed
 * into tuples; the others are skipped inside their batch.
 */
#include "fdw_reader.h"

#include "access/htup_details.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

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

static int
acquire_sample_rows(Relation relation, int elevel, HeapTuple *rows,
					int targrows, double *totalrows, double *totaldeadrows)
{
	PfdwReader *reader = pfdw_reader_create(CurrentMemoryContext, relation);
	int natts = RelationGetDescr(relation)->natts;
	Datum *values = palloc0(sizeof(Datum) * natts);
	bool *nulls = palloc(sizeof(bool) * natts);
	ReservoirStateData reservoir;
	double row_count = 0;
	double skip = -1; /* -1: not chosen yet */
	int kept = 0;

	pfdw_reader_open(reader, false);
	pfdw_reader_project(reader, NULL, true);
	pfdw_reader_plan_predicate(reader, NULL);
	reservoir_init_selection_state(&reservoir, targrows);
	while (pfdw_reader_next_batch(reader))
	{
		vacuum_delay_point();
		for (uint32 n = 0; n < reader->row_count; n++, row_count++)
		{
			uint32 row = pfdw_reader_row(reader, n);

			if (kept < targrows)
			{
				rows[kept++] = form_tuple(reader, row, values, nulls);
				continue;
			}
			if (skip < 0)
				skip = reservoir_get_next_S(&reservoir, row_count, targrows);
			if (skip <= 0)
			{
				int at = (int) (targrows *
								sampler_random_fract(&reservoir.randstate));

				heap_freetuple(rows[at]);
				rows[at] = form_tuple(reader, row, values, nulls);
			}
			skip -= 1;
		}
	}
	pfdw_reader_close(reader);
	*totalrows = row_count;
	*totaldeadrows = 0;
	ereport(elevel,
			(errmsg("\"%s\": lake table contains %.0f rows; %d rows in sample",
					RelationGetRelationName(relation), row_count, kept)));
	return kept;
}

bool
paimonAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc *func,
						  BlockNumber *totalpages)
{
	PfdwReader *reader = pfdw_reader_create(CurrentMemoryContext, relation);
	double pages;

	/* A list of files or tags has no statistics worth keeping. */
	if (reader->options->system != NULL)
	{
		pfdw_reader_close(reader);
		return false;
	}
	pfdw_reader_open(reader, false);
	pfdw_reader_project(reader, NULL, true);
	pfdw_reader_plan_predicate(reader, NULL);
	pages = (double) pmn_scan_stats(reader->scan)->size_bytes / BLCKSZ + 1;
	*totalpages = (BlockNumber) Min(pages, (double) MaxBlockNumber);
	pfdw_reader_close(reader);
	*func = acquire_sample_rows;
	return true;
}
