/*
 * lsm_compact_run.c
 *
 * Compaction of one bucket of a keyed table: pick runs, cut their files into
 * sections, and walk the sections in key order. Files that are large enough
 * and alone with their keys are not rewritten but moved to the output level
 * (the same file under a new level); everything else is collected into
 * candidates that are merged and written anew.
 *
 * Retracts are dropped only when nothing older than the output can be left
 * below it: the highest level in use, over all runs of the bucket, is not
 * below the output level. A delete dropped too early brings a row back.
 *
 * Nothing here is visible until the caller commits. On failure the files
 * written are removed; moved files are never touched.
 */
#include "lsm_compact_run.h"

#include "lsm_compact_internal.h"

/* At least this much for each reader, whatever the limit says. */
#define READER_BYTES_MIN ((size_t) 1 << 20)

typedef struct Unit
{
	PmnLsm *lsm;
	PmnArena *arena;
	const PmnBucket *bucket;
	const PmnKvLayout *layout;
	size_t memory_limit_bytes;
	int32_t output_level;
	int32_t max_level;
	bool drop_deletes;
	int64_t small_file_bytes;
	PmnCompaction *out;
	PMN_ARRAY(const PmnSection *) candidates;
} Unit;

PmnCode
pmn_compaction_add(PmnLsm *lsm, PmnFileMetas *list, const PmnDataFile *file)
{
	PMN_TRY(pmn_array_reserve(lsm->env, list, 1));
	list->items[list->count++] = *file;
	return PMN_OK;
}

/* Remove files from number first on, which nobody refers to yet. */
void
pmn_compaction_discard(PmnLsm *lsm, PmnArena *arena, const PmnBucket *bucket,
					   PmnCompaction *compaction)
{
	PmnError saved = lsm->env->error;

	for (size_t i = 0; i < compaction->after.count; i++)
	{
		const PmnDataFile *file = &compaction->after.items[i];
		bool is_moved = false;
		char *path;
		PmnCode code;

		for (size_t j = 0; j < compaction->before.count; j++)
			is_moved |= pmn_bytes_equal(compaction->before.items[j].file_name,
										file->file_name);
		if (is_moved)
			continue;
		code =
			pmn_path_data_file(arena, lsm->env, &lsm->path, bucket->directory,
							   file->file_name, NULL, &path);
		if (code == PMN_OK)
			code = pmn_fs_remove(lsm->fs, path);
		if (code != PMN_OK && lsm->env->log != NULL)
			lsm->env->log(lsm->env, 2, lsm->env->error.message);
	}
	lsm->env->error = saved;
	pmn_array_free(lsm->env, &compaction->before);
	pmn_array_free(lsm->env, &compaction->after);
}

/* ---- rewriting --------------------------------------------------------- */

static PmnCode
write_merged(PmnMergeReader *reader, PmnDataFileWriter *writer)
{
	PmnBatch *batch;

	for (;;)
	{
		PMN_TRY(pmn_merge_reader_next(reader, &batch));
		if (batch == NULL)
			return PMN_OK;
		PMN_TRY(pmn_data_writer_add(writer, batch, batch->selection,
									batch->selected_count));
	}
}

static PmnCode
open_runs(Unit *unit, const PmnSection *section, PmnRun **runs,
		  uint32_t *opened)
{
	size_t share = unit->memory_limit_bytes / section->run_count;

	if (share < READER_BYTES_MIN)
		share = READER_BYTES_MIN;
	for (uint32_t i = 0; i < section->run_count; i++)
	{
		const PmnLevelRun *run = &section->runs[i];
		const PmnDataFile **files =
			pmn_arena_alloc(unit->arena, run->file_count * sizeof(*files));

		if (files == NULL)
			return PMN_NO_MEMORY;
		for (uint32_t j = 0; j < run->file_count; j++)
			files[j] = run->files[j].file;
		PMN_TRY(pmn_run_open_files(unit->lsm, unit->bucket, files,
								   run->file_count, unit->layout, NULL, share,
								   &runs[i]));
		(*opened)++;
	}
	return PMN_OK;
}

static PmnCode
rewrite_section(Unit *unit, const PmnSection *section,
				PmnDataFileWriter *writer)
{
	PmnMergeReadOptions options = {unit->drop_deletes, 0};
	PmnMergeReader *reader = NULL;
	uint32_t opened = 0;
	PmnRun **runs =
		pmn_arena_alloc(unit->arena, section->run_count * sizeof(*runs));
	PmnCode code;

	if (runs == NULL)
		return PMN_NO_MEMORY;
	code = open_runs(unit, section, runs, &opened);
	if (code != PMN_OK)
	{
		while (opened > 0)
			pmn_run_close(runs[--opened]);
		return code;
	}
	PMN_TRY(pmn_merge_reader_open(unit->lsm, unit->layout, runs, opened,
								  &options, &reader));
	code = write_merged(reader, writer);
	pmn_merge_reader_close(reader);
	return code;
}

static PmnCode
record_inputs(Unit *unit, const PmnSection *const *sections, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		for (uint32_t r = 0; r < sections[i]->run_count; r++)
		{
			const PmnLevelRun *run = &sections[i]->runs[r];

			for (uint32_t f = 0; f < run->file_count; f++)
				PMN_TRY(pmn_compaction_add(unit->lsm, &unit->out->before,
										   run->files[f].file));
		}
	}
	return PMN_OK;
}

static PmnCode
rewrite(Unit *unit, const PmnSection *const *sections, size_t count)
{
	PmnDataFileWriter *writer = NULL;
	PmnCode code;

	PMN_TRY(pmn_data_writer_open(unit->lsm, unit->bucket, unit->output_level,
								 PMN_SOURCE_COMPACT, &writer));
	code = record_inputs(unit, sections, count);
	for (size_t i = 0; code == PMN_OK && i < count; i++)
		code = rewrite_section(unit, sections[i], writer);
	if (code == PMN_OK)
		code = pmn_data_writer_finish(writer, unit->arena, &unit->out->after);
	pmn_data_writer_close(writer);
	return code;
}

/* ---- walking the sections ---------------------------------------------- */

/* A section of one file. */
static PmnCode
single_section(Unit *unit, PmnLevelFile *file, const PmnSection **out)
{
	PmnSection *section = pmn_arena_alloc(unit->arena, sizeof(*section));
	PmnLevelRun *run = pmn_arena_alloc(unit->arena, sizeof(*run));

	if (section == NULL || run == NULL)
		return PMN_NO_MEMORY;
	run->files = file;
	run->file_count = 1;
	section->runs = run;
	section->run_count = 1;
	*out = section;
	return PMN_OK;
}

/* Move a file to the output level, or clean it on the last one. */
static PmnCode
upgrade(Unit *unit, PmnLevelFile *level_file)
{
	const PmnDataFile *file = level_file->file;
	bool has_deletes =
		!file->has_delete_row_count || file->delete_row_count > 0;
	PmnDataFile moved = *file;

	if ((unit->output_level == unit->max_level && has_deletes) ||
		unit->lsm->options->force_rewrite_all_files)
	{
		const PmnSection *section;

		PMN_TRY(single_section(unit, level_file, &section));
		return rewrite(unit, &section, 1);
	}
	if (file->level == unit->output_level)
		return PMN_OK;
	moved.level = unit->output_level;
	PMN_TRY(pmn_compaction_add(unit->lsm, &unit->out->before, file));
	return pmn_compaction_add(unit->lsm, &unit->out->after, &moved);
}

static PmnCode
flush_candidates(Unit *unit)
{
	size_t count = unit->candidates.count;
	const PmnSection *first = count == 0 ? NULL : unit->candidates.items[0];

	unit->candidates.count = 0;
	if (count == 0)
		return PMN_OK;
	if (count > 1 || first->run_count > 1)
		return rewrite(unit, unit->candidates.items, count);
	/* A lone small file is just moved. */
	for (uint32_t i = 0; i < first->runs[0].file_count; i++)
		PMN_TRY(upgrade(unit, &first->runs[0].files[i]));
	return PMN_OK;
}

static PmnCode
add_candidate(Unit *unit, const PmnSection *section)
{
	PMN_TRY(pmn_array_reserve(unit->lsm->env, &unit->candidates, 1));
	unit->candidates.items[unit->candidates.count++] = section;
	return PMN_OK;
}

static PmnCode
walk_section(Unit *unit, const PmnSection *section)
{
	if (section->run_count > 1)
		return add_candidate(unit, section);
	for (uint32_t i = 0; i < section->runs[0].file_count; i++)
	{
		PmnLevelFile *file = &section->runs[0].files[i];
		const PmnSection *single;

		if (file->file->file_size < unit->small_file_bytes)
		{
			PMN_TRY(single_section(unit, file, &single));
			PMN_TRY(add_candidate(unit, single));
			continue;
		}
		PMN_TRY(flush_candidates(unit));
		PMN_TRY(upgrade(unit, file));
	}
	return PMN_OK;
}

static PmnCode
execute(Unit *unit, PmnLevelFile *files, uint32_t count)
{
	PmnSection *sections;
	uint32_t section_count;

	PMN_TRY(pmn_level_sections(unit->lsm, unit->arena, files, count, &sections,
							   &section_count));
	for (uint32_t i = 0; i < section_count; i++)
		PMN_TRY(walk_section(unit, &sections[i]));
	return flush_candidates(unit);
}

/* ---- picking ----------------------------------------------------------- */

static PmnCode
pick_runs(Unit *unit, const PmnLevelRun *runs, uint32_t run_count, bool full,
		  PmnPick *pick)
{
	const PmnTableOptions *options = unit->lsm->options;
	PmnPickOptions how = {0};
	PmnPickRun *sizes =
		pmn_arena_alloc(unit->arena, run_count * sizeof(*sizes));

	if (sizes == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < run_count; i++)
	{
		sizes[i].level = runs[i].level;
		sizes[i].size_bytes = runs[i].size_bytes;
	}
	how.trigger = options->compaction_trigger;
	how.level_count = unit->max_level + 1;
	how.max_size_amplification_percent =
		options->max_size_amplification_percent;
	how.size_ratio = options->size_ratio;
	*pick = full ? pmn_compact_pick_full(sizes, run_count, &how)
				 : pmn_compact_pick(sizes, run_count, &how);
	return PMN_OK;
}

/* Files of the first run_count runs, in one array. */
static PmnCode
unit_files(Unit *unit, const PmnLevelRun *runs, uint32_t run_count,
		   PmnLevelFile **out, uint32_t *out_count)
{
	PmnLevelFile *files;
	uint32_t count = 0;

	for (uint32_t i = 0; i < run_count; i++)
		count += runs[i].file_count;
	files = pmn_arena_alloc(unit->arena, count * sizeof(*files));
	if (files == NULL)
		return PMN_NO_MEMORY;
	*out = files;
	*out_count = count;
	for (uint32_t i = 0; i < run_count; i++)
	{
		memcpy(files, runs[i].files, runs[i].file_count * sizeof(*files));
		files += runs[i].file_count;
	}
	return PMN_OK;
}

/* Full compaction of a single run on the last level: nothing to do, unless
 * every file is to be rewritten, each on its own. */
static PmnCode
rewrite_all(Unit *unit, const PmnLevelRun *run)
{
	unit->output_level = unit->max_level;
	unit->drop_deletes = true;
	for (uint32_t i = 0; i < run->file_count; i++)
		PMN_TRY(upgrade(unit, &run->files[i]));
	return PMN_OK;
}

static PmnCode
compact_runs(Unit *unit, PmnLevelRun *runs, uint32_t run_count, bool full)
{
	int32_t highest = run_count == 0 ? 0 : runs[run_count - 1].level;
	PmnPick pick;
	PmnLevelFile *files;
	uint32_t file_count;

	unit->max_level = unit->lsm->options->num_levels - 1;
	if (unit->max_level < highest)
		unit->max_level = highest;
	if (unit->max_level < 1)
		unit->max_level = 1;
	PMN_TRY(pick_runs(unit, runs, run_count, full, &pick));
	if (pick.run_count == 0)
	{
		if (full && run_count == 1 &&
			unit->lsm->options->force_rewrite_all_files)
			return rewrite_all(unit, &runs[0]);
		return PMN_OK;
	}
	PMN_TRY(unit_files(unit, runs, pick.run_count, &files, &file_count));
	if (!full && file_count == 1 && files[0].file->level == pick.output_level)
		return PMN_OK;
	PMN_ASSERT(pick.output_level > 0);
	unit->output_level = pick.output_level;
	unit->drop_deletes = pick.output_level >= highest;
	return execute(unit, files, file_count);
}

static PmnCode
compact_keyed(Unit *unit, const PmnDataFile *const *files, uint32_t file_count,
			  bool full)
{
	PmnLsm *lsm = unit->lsm;
	uint32_t count = lsm->schema->field_count;
	uint32_t *fields = pmn_arena_alloc(unit->arena, count * sizeof(*fields));
	PmnKvLayout *layout;
	PmnLevelFile *level_files;
	PmnLevelRun *runs;
	uint32_t run_count;

	if (fields == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		fields[i] = i;
	PMN_TRY(pmn_kv_layout_make(lsm, unit->arena, fields, count, &layout));
	unit->layout = layout;
	PMN_TRY(pmn_level_files(lsm, unit->arena, files, file_count, &level_files));
	PMN_TRY(pmn_level_runs(lsm, unit->arena, level_files, file_count, &runs,
						   &run_count));
	return compact_runs(unit, runs, run_count, full);
}

PmnCode
pmn_compact_bucket(PmnLsm *lsm, PmnArena *arena, const PmnBucket *bucket,
				   const PmnDataFile *const *files, uint32_t file_count,
				   bool full, size_t memory_limit_bytes, PmnCompaction *out)
{
	Unit unit = {0};
	PmnCode code;

	memset(out, 0, sizeof(*out));
	unit.lsm = lsm;
	unit.arena = arena;
	unit.bucket = bucket;
	unit.memory_limit_bytes = memory_limit_bytes;
	unit.small_file_bytes = pmn_small_file_bytes(lsm->options);
	unit.out = out;
	if (lsm->is_keyed)
		code = compact_keyed(&unit, files, file_count, full);
	else
		code = pmn_compact_append(lsm, arena, bucket, files, file_count, full,
								  memory_limit_bytes, out);
	pmn_array_free(lsm->env, &unit.candidates);
	if (code != PMN_OK)
		pmn_compaction_discard(lsm, arena, bucket, out);
	return code;
}
