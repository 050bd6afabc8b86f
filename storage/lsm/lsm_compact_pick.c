/*
 * lsm_compact_pick.c
 *
 * Universal compaction as a pure function of levels and sizes. Three rules
 * are tried in order: too much space taken by newer runs (amplification),
 * neighbours of like size (ratio), too many runs (file number). Whatever rule
 * fires takes a prefix of the runs, newest first, so that the result is older
 * than all runs left before it and newer than those behind.
 *
 * Two facts that are easy to get wrong: once the ratio rule has been
 * triggered, runs of level 0 and 1 are swallowed whatever their size; and the
 * output is never level 0, because level-0 runs may overlap.
 */
#include "lsm_compact_pick.h"

static PmnPick
pick_none(void)
{
	PmnPick pick = {0, 0};

	return pick;
}

static PmnPick
pick_all(uint32_t count, const PmnPickOptions *options)
{
	PmnPick pick = {count, options->level_count - 1};

	return pick;
}

/* The first `count` runs, extended when they would end on level 0. */
static PmnPick
make_unit(const PmnPickRun *runs, uint32_t run_count, uint32_t count,
		  const PmnPickOptions *options)
{
	PmnPick pick = {count, options->level_count - 1};

	if (count < run_count)
		pick.output_level = runs[count].level > 1 ? runs[count].level - 1 : 0;
	if (count < run_count && pick.output_level == 0)
	{
		for (uint32_t i = count; i < run_count; i++)
		{
			pick.run_count++;
			if (runs[i].level != 0)
			{
				pick.output_level = runs[i].level;
				break;
			}
		}
	}
	if (pick.run_count == run_count)
		pick.output_level = options->level_count - 1;
	return pick;
}

static PmnPick
pick_by_ratio(const PmnPickRun *runs, uint32_t run_count, uint32_t count,
			  bool is_forced, const PmnPickOptions *options)
{
	bool is_triggered = is_forced || count > 1;
	double factor = (100.0 + options->size_ratio) / 100.0;
	double size = 0;

	for (uint32_t i = 0; i < count; i++)
		size += (double) runs[i].size_bytes;
	for (uint32_t i = count; i < run_count; i++)
	{
		bool is_larger = size * factor < (double) runs[i].size_bytes;

		if (is_larger && (!is_triggered || runs[i].level > 1))
			break;
		size += (double) runs[i].size_bytes;
		count++;
		is_triggered = true;
	}
	return is_triggered ? make_unit(runs, run_count, count, options)
						: pick_none();
}

static bool
is_amplified(const PmnPickRun *runs, uint32_t count,
			 const PmnPickOptions *options)
{
	uint64_t newer = 0;
	uint64_t allowed;

	for (uint32_t i = 0; i + 1 < count; i++)
	{
		if (__builtin_add_overflow(newer, runs[i].size_bytes, &newer))
			return true;
	}
	if (__builtin_mul_overflow(newer, UINT64_C(100), &newer))
		return true;
	if (options->max_size_amplification_percent < 0)
		return true;
	if (__builtin_mul_overflow(
			runs[count - 1].size_bytes,
			(uint64_t) options->max_size_amplification_percent, &allowed))
		return false;
	return newer > allowed;
}

static PmnPick
pick_normal(const PmnPickRun *runs, uint32_t count,
			const PmnPickOptions *options)
{
	uint32_t trigger = options->trigger < 1 ? 1 : (uint32_t) options->trigger;
	PmnPick pick;

	if (count < trigger)
		return pick_none();
	if (is_amplified(runs, count, options))
		return pick_all(count, options);
	pick = pick_by_ratio(runs, count, 1, false, options);
	if (pick.run_count > 0)
		return pick;
	if (count > trigger)
		return pick_by_ratio(runs, count, count - trigger + 1, false, options);
	return pick_none();
}

PmnPick
pmn_compact_pick(const PmnPickRun *runs, uint32_t count,
				 const PmnPickOptions *options)
{
	PmnPick pick = pick_none();
	uint32_t level_0 = 0;

	if (count == 0)
		return pick;
	pick = pick_normal(runs, count, options);
	if (pick.run_count > 0 || !options->force_up_level_0)
		return pick;
	while (level_0 < count && runs[level_0].level == 0)
		level_0++;
	if (level_0 == 0)
		return pick;
	return pick_by_ratio(runs, count, level_0, true, options);
}

PmnPick
pmn_compact_pick_full(const PmnPickRun *runs, uint32_t count,
					  const PmnPickOptions *options)
{
	if (count == 0)
		return pick_none();
	if (count == 1 && runs[0].level == options->level_count - 1)
		return pick_none();
	return pick_all(count, options);
}
