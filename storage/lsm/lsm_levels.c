/*
 * lsm_levels.c
 *
 * A bucket's files in the two views that matter. As sorted runs, newest to
 * oldest: level-0 files may overlap, so each is a run; the files of a deeper
 * level are disjoint and form one. And as sections: maximal groups of files
 * whose key ranges touch, each arranged into as few runs as possible, so
 * that a reader merges only where keys can meet.
 *
 * Key ranges come from manifests and are not trusted: a range that is upside
 * down, or two that overlap on one level, is PMN_CORRUPT.
 */
#include "lsm_levels.h"

#include <stdlib.h>

/* Far above any num-levels; bounds what a broken manifest may ask for. */
#define LEVEL_MAX 4096

static int
compare_keys(const PmnLsm *lsm, const PmnValue *a, const PmnValue *b)
{
	for (uint32_t i = 0; i < lsm->key_count; i++)
	{
		int order = pmn_value_compare_nulls(lsm->key_types[i], &a[i], &b[i]);

		if (order != 0)
			return order;
	}
	return 0;
}

static int
compare_int64(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

/* Newest first, as Paimon's Levels orders level 0. */
static int
compare_age(const PmnDataFile *a, const PmnDataFile *b)
{
	int order = compare_int64(b->max_sequence_number, a->max_sequence_number);

	if (order == 0)
		order = compare_int64(a->min_sequence_number, b->min_sequence_number);
	if (order == 0)
		order = compare_int64(a->creation_time, b->creation_time);
	if (order == 0)
		order = pmn_bytes_compare(a->file_name, b->file_name);
	return order;
}

static int
compare_ranges(const void *a, const void *b, void *context)
{
	const PmnLevelFile *x = a;
	const PmnLevelFile *y = b;
	const PmnLsm *lsm = context;
	int order = compare_keys(lsm, x->min_key, y->min_key);

	if (order == 0)
		order = compare_keys(lsm, x->max_key, y->max_key);
	if (order == 0)
		order = compare_age(x->file, y->file);
	return order;
}

/* By level; level 0 by age, others by key. */
static int
compare_levels(const void *a, const void *b, void *context)
{
	const PmnLevelFile *x = a;
	const PmnLevelFile *y = b;

	if (x->file->level != y->file->level)
		return x->file->level < y->file->level ? -1 : 1;
	if (x->file->level == 0)
		return compare_age(x->file, y->file);
	return compare_ranges(a, b, context);
}

static PmnCode
decode_range(PmnLsm *lsm, PmnArena *arena, const PmnDataFile *file,
			 PmnLevelFile *out)
{
	size_t size = lsm->key_count * sizeof(PmnValue);
	PmnValue *min_key = pmn_arena_alloc(arena, size);
	PmnValue *max_key = pmn_arena_alloc(arena, size);
	PmnCode code;

	if (min_key == NULL || max_key == NULL)
		return PMN_NO_MEMORY;
	if (file->level < 0 || file->level > LEVEL_MAX)
		return pmn_fail(lsm->env, PMN_CORRUPT, "file \"%.*s\" is on level %d",
						(int) file->file_name.size,
						(const char *) file->file_name.data, file->level);
	code = pmn_row_parse(lsm->env, file->min_key, lsm->key_types,
						 lsm->key_count, min_key);
	if (code == PMN_OK)
		code = pmn_row_parse(lsm->env, file->max_key, lsm->key_types,
							 lsm->key_count, max_key);
	if (code != PMN_OK)
		return pmn_note(lsm->env, "key range of file \"%.*s\"",
						(int) file->file_name.size,
						(const char *) file->file_name.data);
	if (compare_keys(lsm, min_key, max_key) > 0)
		return pmn_fail(lsm->env, PMN_CORRUPT,
						"least key of file \"%.*s\" is above its greatest",
						(int) file->file_name.size,
						(const char *) file->file_name.data);
	out->file = file;
	out->min_key = min_key;
	out->max_key = max_key;
	return PMN_OK;
}

PmnCode
pmn_level_files(PmnLsm *lsm, PmnArena *arena, const PmnDataFile *const *files,
				uint32_t count, PmnLevelFile **out)
{
	PmnLevelFile *made = pmn_arena_alloc(arena, count * sizeof(*made));

	*out = NULL;
	if (made == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
	{
		if (lsm->is_keyed)
			PMN_TRY(decode_range(lsm, arena, files[i], &made[i]));
		else
			made[i].file = files[i];
	}
	*out = made;
	return PMN_OK;
}

static uint64_t
file_size(const PmnDataFile *file)
{
	return file->file_size < 0 ? 0 : (uint64_t) file->file_size;
}

static PmnCode
check_disjoint(PmnLsm *lsm, const PmnLevelFile *before,
			   const PmnLevelFile *after)
{
	if (compare_keys(lsm, before->max_key, after->min_key) < 0)
		return PMN_OK;
	return pmn_fail(lsm->env, PMN_CORRUPT,
					"files \"%.*s\" and \"%.*s\" overlap on level %d",
					(int) before->file->file_name.size,
					(const char *) before->file->file_name.data,
					(int) after->file->file_name.size,
					(const char *) after->file->file_name.data,
					after->file->level);
}

PmnCode
pmn_level_runs(PmnLsm *lsm, PmnArena *arena, PmnLevelFile *files,
			   uint32_t count, PmnLevelRun **out, uint32_t *run_count)
{
	PmnLevelFile *sorted =
		pmn_arena_copy(arena, files, count * sizeof(*sorted));
	PmnLevelRun *runs = pmn_arena_alloc(arena, count * sizeof(*runs));
	PmnLevelRun *run = NULL;
	uint32_t made = 0;

	PMN_ASSERT(lsm->is_keyed);
	*out = NULL;
	*run_count = 0;
	if (runs == NULL || (sorted == NULL && count > 0))
		return PMN_NO_MEMORY;
	if (count > 1)
		qsort_r(sorted, count, sizeof(*sorted), compare_levels, lsm);
	for (uint32_t i = 0; i < count; i++)
	{
		int32_t level = sorted[i].file->level;

		if (run == NULL || level == 0 || run->level != level)
		{
			run = &runs[made++];
			run->level = level;
			run->files = &sorted[i];
		}
		else
			PMN_TRY(check_disjoint(lsm, &sorted[i - 1], &sorted[i]));
		run->file_count++;
		run->size_bytes += file_size(sorted[i].file);
	}
	*out = runs;
	*run_count = made;
	return PMN_OK;
}

/* Runs of one section, as a heap with the smallest last key on top. */
typedef struct RunHeap
{
	const PmnLsm *lsm;
	const PmnLevelFile *files;
	uint32_t *runs; /* numbers of runs, in heap order */
	uint32_t *last; /* last file of each run */
	uint32_t count;
} RunHeap;

static bool
ends_before(const RunHeap *heap, uint32_t a, uint32_t b)
{
	int order = compare_keys(heap->lsm, heap->files[heap->last[a]].max_key,
							 heap->files[heap->last[b]].max_key);

	return order < 0 || (order == 0 && a < b);
}

static void
swap_runs(RunHeap *heap, uint32_t i, uint32_t j)
{
	uint32_t saved = heap->runs[i];

	heap->runs[i] = heap->runs[j];
	heap->runs[j] = saved;
}

static void
heap_push(RunHeap *heap, uint32_t run)
{
	uint32_t at = heap->count++;

	heap->runs[at] = run;
	while (at > 0 &&
		   ends_before(heap, heap->runs[at], heap->runs[(at - 1) / 2]))
	{
		swap_runs(heap, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

/* The top run's last file changed: let it sink. */
static void
heap_sink(RunHeap *heap)
{
	uint32_t at = 0;

	for (;;)
	{
		uint32_t least = at;

		for (uint32_t child = 2 * at + 1;
			 child <= 2 * at + 2 && child < heap->count; child++)
		{
			if (ends_before(heap, heap->runs[child], heap->runs[least]))
				least = child;
		}
		if (least == at)
			return;
		swap_runs(heap, at, least);
		at = least;
	}
}

/* Give each of the section's files (in key order) its run; returns how many
 * runs there are. */
static uint32_t
assign_runs(RunHeap *heap, uint32_t first, uint32_t end, uint32_t *run_of)
{
	heap->count = 0;
	for (uint32_t i = first; i < end; i++)
	{
		uint32_t top = heap->count > 0 ? heap->runs[0] : 0;

		if (heap->count > 0 &&
			compare_keys(heap->lsm, heap->files[i].min_key,
						 heap->files[heap->last[top]].max_key) > 0)
		{
			heap->last[top] = i;
			run_of[i] = top;
			heap_sink(heap);
			continue;
		}
		run_of[i] = heap->count;
		heap->last[heap->count] = i;
		heap_push(heap, heap->count);
	}
	return heap->count;
}

/* Lay the section's files out run by run. */
static PmnCode
make_section(PmnArena *arena, const PmnLevelFile *sorted, uint32_t first,
			 uint32_t end, const uint32_t *run_of, uint32_t run_count,
			 PmnSection *section)
{
	PmnLevelFile *files =
		pmn_arena_alloc(arena, (end - first) * sizeof(*files));
	PmnLevelRun *runs = pmn_arena_alloc(arena, run_count * sizeof(*runs));

	if (files == NULL || runs == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = first; i < end; i++)
		runs[run_of[i]].file_count++;
	for (uint32_t run = 0; run < run_count; run++)
	{
		runs[run].files = files;
		files += runs[run].file_count;
		runs[run].file_count = 0;
	}
	for (uint32_t i = first; i < end; i++)
	{
		PmnLevelRun *run = &runs[run_of[i]];

		run->files[run->file_count++] = sorted[i];
		run->size_bytes += file_size(sorted[i].file);
	}
	section->runs = runs;
	section->run_count = run_count;
	return PMN_OK;
}

/* The first file behind the section that starts at first. */
static uint32_t
section_end(const PmnLsm *lsm, const PmnLevelFile *sorted, uint32_t first,
			uint32_t count)
{
	const PmnValue *bound = sorted[first].max_key;
	uint32_t end = first + 1;

	/* A key on both sides of a boundary belongs to one section. */
	while (end < count && compare_keys(lsm, sorted[end].min_key, bound) <= 0)
	{
		if (compare_keys(lsm, sorted[end].max_key, bound) > 0)
			bound = sorted[end].max_key;
		end++;
	}
	return end;
}

PmnCode
pmn_level_sections(PmnLsm *lsm, PmnArena *arena, PmnLevelFile *files,
				   uint32_t count, PmnSection **out, uint32_t *section_count)
{
	PmnLevelFile *sorted =
		pmn_arena_copy(arena, files, count * sizeof(*sorted));
	PmnSection *sections = pmn_arena_alloc(arena, count * sizeof(*sections));
	uint32_t *run_of = pmn_arena_alloc(arena, count * sizeof(*run_of));
	RunHeap heap = {lsm, sorted, NULL, NULL, 0};
	uint32_t made = 0;
	uint32_t end;

	PMN_ASSERT(lsm->is_keyed);
	*out = NULL;
	*section_count = 0;
	heap.runs = pmn_arena_alloc(arena, count * sizeof(*heap.runs));
	heap.last = pmn_arena_alloc(arena, count * sizeof(*heap.last));
	if (sections == NULL || run_of == NULL || heap.runs == NULL ||
		heap.last == NULL || (sorted == NULL && count > 0))
		return PMN_NO_MEMORY;
	if (count > 1)
		qsort_r(sorted, count, sizeof(*sorted), compare_ranges, lsm);
	for (uint32_t first = 0; first < count; first = end)
	{
		uint32_t run_count;

		end = section_end(lsm, sorted, first, count);
		run_count = assign_runs(&heap, first, end, run_of);
		PMN_TRY(make_section(arena, sorted, first, end, run_of, run_count,
							 &sections[made++]));
	}
	*out = sections;
	*section_count = made;
	return PMN_OK;
}
