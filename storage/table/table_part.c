/*
 * table_part.c
 *
 * A planned scan cut into parts that several processes can share, or of which
 * a sample can be read. A section of runs that must be merged is one part, and
 * so are files with columns of the same rows; a raw file is cut by rows, where its format can read a range of them.
 *
 * The cuts depend on the plan alone, so that processes which have planned the
 * same snapshot mean the same by a part's number. Large parts come first:
 * who is given the last one should not keep the others waiting.
 */
#include "table_scan.h"

#include <stdlib.h>

/* Parts below this size are a sample's: they should be as small as they say,
 * whatever that costs. */
#define BLOCK_ROWS (64 * 1024)

/* Physical rows of a section; the plan has checked the counts. */
static uint64_t
section_rows(const PmnSection *section)
{
	uint64_t rows = 0;

	for (uint32_t r = 0; r < section->run_count; r++)
	{
		for (uint32_t i = 0; i < section->runs[r].file_count; i++)
			rows += (uint64_t) section->runs[r].files[i].file->row_count;
	}
	return rows;
}

static PmnCode
add_part(PmnScan *scan, PmnPart part)
{
	PMN_TRY(pmn_array_reserve(scan->env, &scan->parts, 1));
	if (scan->parts.count > 0)
	{
		const PmnPart *last = &scan->parts.items[scan->parts.count - 1];

		part.position = last->position + last->row_count;
	}
	scan->parts.items[scan->parts.count++] = part;
	return PMN_OK;
}

/* A format that nobody knows is found out when the file is read. */
static PmnCode
can_be_cut(PmnScan *scan, PmnArena *scratch, const PmnDataFile *file, bool *out)
{
	PmnError error = scan->env->error;
	const PmnFormatOps *format = NULL;
	const char *name;

	*out = false;
	pmn_arena_reset(scratch);
	name = pmn_path_format(scratch, file->file_name);
	if (name == NULL)
		return PMN_NO_MEMORY;
	if (pmn_format_lookup(scan->env, name, &format) == PMN_OK)
		*out = format->has_ranges;
	else
		scan->env->error = error;
	return PMN_OK;
}

static PmnCode
cut_file(PmnScan *scan, PmnArena *scratch, uint32_t split, uint32_t number,
		 uint64_t rows_max)
{
	const PmnDataFile *file = scan->splits.items[split].files[number];
	uint64_t rows = (uint64_t) file->row_count;
	uint64_t count = rows / rows_max + (rows % rows_max != 0 ? 1 : 0);
	PmnPart part = {.split = split, .file = number, .row_count = rows};
	bool is_cut = false;

	if (count > 1)
		PMN_TRY(can_be_cut(scan, scratch, file, &is_cut));
	if (!is_cut)
		return add_part(scan, part);
	/* Even parts; the last one ends where the file does. */
	for (uint64_t i = 0; i < count; i++)
	{
		part.first_row = (uint64_t) ((PmnUint128) rows * i / count);
		part.end_row = (uint64_t) ((PmnUint128) rows * (i + 1) / count);
		part.row_count = part.end_row - part.first_row;
		if (i + 1 == count)
			part.end_row = 0;
		PMN_TRY(add_part(scan, part));
	}
	return PMN_OK;
}

static int
compare_parts(const void *a, const void *b)
{
	const PmnPart *x = a;
	const PmnPart *y = b;

	if (x->row_count != y->row_count)
		return x->row_count > y->row_count ? -1 : 1;
	if (x->split != y->split)
		return x->split < y->split ? -1 : 1;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return x->first_row < y->first_row ? -1 : x->first_row > y->first_row;
}

static PmnCode
divide(PmnScan *scan, PmnArena *scratch, uint64_t rows_max)
{
	for (size_t s = 0; s < scan->splits.count; s++)
	{
		const PmnSplit *split = &scan->splits.items[s];
		PmnPart part = {.split = (uint32_t) s};

		PMN_TRY(pmn_poll(scan->env));
		if (split->section != NULL)
		{
			part.row_count = section_rows(split->section);
			PMN_TRY(add_part(scan, part));
			continue;
		}
		if (split->join != NULL)
		{
			part.row_count = split->join->row_count;
			PMN_TRY(add_part(scan, part));
			continue;
		}
		for (uint32_t i = 0; i < split->file_count; i++)
			PMN_TRY(cut_file(scan, scratch, (uint32_t) s, i, rows_max));
	}
	return PMN_OK;
}

PmnCode
pmn_scan_divide(PmnScan *scan, uint64_t rows_max, uint32_t *count)
{
	/* No scan has a use for more parts than that. */
	const uint64_t part_count_max = 1 << 20;
	uint64_t least = scan->stats.row_count / part_count_max + 1;
	PmnArena *scratch = NULL;
	PmnCode code;

	*count = 0;
	scan->parts.count = 0;
	scan->cut_blocks = rows_max < BLOCK_ROWS;
	PMN_TRY(pmn_arena_create(scan->env, 0, &scratch));
	code = divide(scan, scratch, rows_max < least ? least : rows_max);
	pmn_arena_destroy(scratch);
	PMN_TRY(code);
	if (scan->parts.count > 1)
		qsort(scan->parts.items, scan->parts.count, sizeof(PmnPart),
			  compare_parts);
	*count = (uint32_t) scan->parts.count;
	return PMN_OK;
}

uint64_t
pmn_scan_part_rows(const PmnScan *scan, uint32_t part)
{
	return part < scan->parts.count ? scan->parts.items[part].row_count : 0;
}

uint64_t
pmn_scan_part_position(const PmnScan *scan, uint32_t part)
{
	return part < scan->parts.count ? scan->parts.items[part].position : 0;
}
