/*
 * table_verify.c
 *
 * Reading everything that a snapshot refers to and reporting what is not as
 * it must be: sizes and counts of manifests, entries that cannot be, totals,
 * overlapping levels, bucket counts; then each data file (table_verify_file.c).
 * A report is no error. Only running out of memory or being cancelled ends
 * the work early.
 */
#include "table_verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
pmn_verify_report(PmnVerify *verify, PmnBytes object, const char *format, ...)
{
	char name[512];
	char problem[1024];
	size_t size = object.size < sizeof(name) ? object.size : sizeof(name) - 1;
	va_list args;

	if (verify->stopped)
		return;
	if (size > 0)
		memcpy(name, object.data, size);
	name[size] = '\0';
	va_start(args, format);
	vsnprintf(problem, sizeof(problem), format, args);
	va_end(args);
	verify->stopped = !verify->visit(verify->context, name, problem);
}

PmnCode
pmn_verify_code(PmnVerify *verify, PmnBytes object, PmnCode code)
{
	if (code == PMN_OK || code == PMN_NO_MEMORY || code == PMN_CANCELLED)
		return code;
	if (verify->env->error.detail[0] != '\0')
		pmn_verify_report(verify, object, "%s: %s", verify->env->error.message,
						  verify->env->error.detail);
	else
		pmn_verify_report(verify, object, "%s", verify->env->error.message);
	return PMN_OK;
}

/* ---- manifests -------------------------------------------------------- */

static void
check_range(PmnVerify *verify, PmnBytes name, const char *what, bool has_min,
			int32_t min, bool has_max, int32_t max, int32_t value)
{
	if ((has_min && value < min) || (has_max && value > max))
		pmn_verify_report(verify, name,
						  "%s %" PRId32 " of an entry is outside of the "
						  "manifest's %" PRId32 " to %" PRId32,
						  what, value, min, max);
}

static PmnCode
check_partition_stats(PmnVerify *verify, const PmnManifestMeta *meta,
					  const PmnManifestEntry *entry)
{
	PmnPartitionSet one;
	bool may_touch = true;
	PmnCode code;

	pmn_partition_set_init(&one, verify->env);
	code = pmn_partition_set_add(&one, entry->partition);
	if (code == PMN_OK)
		code = pmn_manifest_may_touch(verify->table, verify->arena, &one, meta,
									  &may_touch);
	pmn_partition_set_free(&one);
	PMN_TRY(code);
	if (!may_touch)
		pmn_verify_report(verify, meta->file_name,
						  "a partition is outside of the manifest's "
						  "statistics");
	return PMN_OK;
}

static PmnCode
check_manifest(PmnVerify *verify, const PmnManifestMeta *meta,
			   const PmnManifestEntry *entries, size_t count)
{
	int64_t added = 0;
	int64_t deleted = 0;

	for (size_t i = 0; i < count; i++)
	{
		const PmnManifestEntry *entry = &entries[i];
		bool is_same =
			i > 0 && pmn_bytes_equal(entry[-1].partition, entry->partition);

		added += entry->kind == PMN_ENTRY_ADD;
		deleted += entry->kind == PMN_ENTRY_DELETE;
		check_range(verify, meta->file_name, "bucket", meta->has_min_bucket,
					meta->min_bucket, meta->has_max_bucket, meta->max_bucket,
					entry->bucket);
		check_range(verify, meta->file_name, "level", meta->has_min_level,
					meta->min_level, meta->has_max_level, meta->max_level,
					entry->file.level);
		if (!is_same)
			PMN_TRY(check_partition_stats(verify, meta, entry));
	}
	if (added != meta->added_file_count || deleted != meta->deleted_file_count)
		pmn_verify_report(
			verify, meta->file_name,
			"has %" PRId64 " added and %" PRId64
			" deleted files, the list says %" PRId64 " and %" PRId64,
			added, deleted, meta->added_file_count, meta->deleted_file_count);
	return PMN_OK;
}

static PmnCode
read_manifest(PmnVerify *verify, const PmnManifestMeta *meta,
			  PmnEntryList *entries)
{
	PmnTable *table = verify->table;
	size_t first = entries->count;
	PmnCode code;

	PMN_TRY(pmn_poll(verify->env));
	code = pmn_manifest_read(table->fs, verify->arena, &table->lsm.path, meta,
							 NULL, NULL, entries);
	if (code != PMN_OK)
	{
		entries->count = first;
		return pmn_verify_code(verify, meta->file_name, code);
	}
	return pmn_verify_code(verify, meta->file_name,
						   check_manifest(verify, meta, entries->items + first,
										  entries->count - first));
}

/* In order, an ADD must be new and a DELETE must find its ADD. */
static PmnCode
check_order(PmnVerify *verify, const PmnEntryList *entries)
{
	PmnEntrySet added;
	PmnEntrySet deleted;
	PmnCode code = PMN_OK;

	pmn_entry_set_init(&added, verify->env);
	pmn_entry_set_init(&deleted, verify->env);
	for (size_t i = 0; code == PMN_OK && i < entries->count; i++)
	{
		const PmnManifestEntry *entry = &entries->items[i];

		if (entry->kind == PMN_ENTRY_ADD)
		{
			if (pmn_entry_set_has(&added, entry))
				pmn_verify_report(verify, entry->file.file_name,
								  "is added twice");
			code = pmn_entry_set_add(&added, entry);
			continue;
		}
		if (!pmn_entry_set_has(&added, entry))
			pmn_verify_report(verify, entry->file.file_name,
							  "is deleted but was not there");
		if (pmn_entry_set_has(&deleted, entry))
			pmn_verify_report(verify, entry->file.file_name,
							  "is deleted twice");
		code = pmn_entry_set_add(&deleted, entry);
	}
	pmn_entry_set_free(&added);
	pmn_entry_set_free(&deleted);
	return code;
}

static PmnCode
read_list(PmnVerify *verify, const char *name, int64_t size,
		  PmnManifestList *out)
{
	PmnCode code =
		pmn_manifest_list_read(verify->table->fs, verify->arena,
							   &verify->table->lsm.path, name, size, out);

	return pmn_verify_code(verify, pmn_bytes_string(name), code);
}

/* Entries of base and delta; counts of the delta are compared. */
static PmnCode
read_entries(PmnVerify *verify, const PmnSnapshot *snapshot,
			 PmnManifestList *manifests, PmnEntryList *entries)
{
	const PmnSnapshotInfo *info = &snapshot->info;
	size_t base_count;
	size_t base_entries = 0;
	uint64_t rows = 0;

	PMN_TRY(read_list(verify, info->base_manifest_list,
					  snapshot->base_manifest_list_size, manifests));
	base_count = manifests->count;
	PMN_TRY(read_list(verify, info->delta_manifest_list,
					  snapshot->delta_manifest_list_size, manifests));
	for (size_t i = 0; i < manifests->count; i++)
	{
		if (i == base_count)
			base_entries = entries->count;
		PMN_TRY(read_manifest(verify, &manifests->items[i], entries));
	}
	if (base_count == manifests->count)
		base_entries = entries->count;
	for (size_t i = base_entries; i < entries->count; i++)
	{
		uint64_t count = (uint64_t) entries->items[i].file.row_count;

		rows += entries->items[i].kind == PMN_ENTRY_ADD ? count : 0 - count;
	}
	if ((int64_t) rows != info->delta_record_count)
		pmn_verify_report(verify, pmn_bytes_string(info->delta_manifest_list),
						  "changes %" PRId64 " rows, the snapshot says "
						  "%" PRId64,
						  (int64_t) rows, info->delta_record_count);
	return PMN_OK;
}

/* ---- buckets ---------------------------------------------------------- */

static PmnCode
check_levels(PmnVerify *verify, const PmnEntryGroup *group)
{
	PmnLsm *lsm = &verify->table->lsm;
	const PmnDataFile **files =
		pmn_arena_alloc(verify->arena, group->count * sizeof(*files));
	PmnLevelFile *level_files = NULL;
	PmnLevelRun *runs = NULL;
	uint32_t run_count = 0;
	PmnCode code;

	if (files == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < group->count; i++)
		files[i] = &group->entries[i]->file;
	code =
		pmn_level_files(lsm, verify->arena, files, group->count, &level_files);
	if (code == PMN_OK)
		code = pmn_level_runs(lsm, verify->arena, level_files, group->count,
							  &runs, &run_count);
	return pmn_verify_code(verify, group->entries[0]->file.file_name, code);
}

/* All files of a partition must have one bucket count. */
static void
check_bucket_counts(PmnVerify *verify, PmnEntryGroup *groups, uint32_t count)
{
	for (uint32_t g = 0; g < count; g++)
	{
		const PmnManifestEntry *first = groups[g].entries[0];

		for (uint32_t i = 0; i < groups[g].count; i++)
		{
			const PmnManifestEntry *entry = groups[g].entries[i];

			if (entry->total_buckets != first->total_buckets)
				pmn_verify_report(verify, entry->file.file_name,
								  "is one of %" PRId32 " buckets, others of "
								  "its bucket of %" PRId32,
								  entry->total_buckets, first->total_buckets);
			if (entry->total_buckets > 0 &&
				entry->bucket >= entry->total_buckets)
				pmn_verify_report(verify, entry->file.file_name,
								  "is in bucket %" PRId32 " of %" PRId32,
								  entry->bucket, entry->total_buckets);
		}
	}
}

static PmnCode
check_live(PmnVerify *verify, const PmnSnapshot *snapshot,
		   PmnEntryList *entries)
{
	PmnEntryGroup *groups = NULL;
	uint32_t group_count = 0;
	uint64_t rows = 0;

	for (size_t i = 0; i < entries->count; i++)
		rows += (uint64_t) entries->items[i].file.row_count;
	if ((int64_t) rows != snapshot->info.total_record_count)
		pmn_verify_report(verify, pmn_bytes_string("snapshot"),
						  "has %" PRId64 " rows in its files, the snapshot "
						  "says %" PRId64,
						  (int64_t) rows, snapshot->info.total_record_count);
	PMN_TRY(pmn_entries_group(verify->env, verify->arena, entries, &groups,
							  &group_count));
	check_bucket_counts(verify, groups, group_count);
	for (uint32_t g = 0; g < group_count; g++)
	{
		if (verify->table->lsm.is_keyed && groups[g].entries[0]->bucket >= 0)
			PMN_TRY(check_levels(verify, &groups[g]));
		for (uint32_t i = 0; i < groups[g].count && !verify->stopped; i++)
			PMN_TRY(pmn_verify_file(verify, groups[g].entries[i]));
	}
	return PMN_OK;
}

static PmnCode
verify_snapshot(PmnVerify *verify, int64_t snapshot_id)
{
	PmnManifestList manifests = {NULL, 0, 0};
	PmnEntryList entries = {NULL, 0, 0};
	PmnSnapshot *snapshot = NULL;
	char name[32];
	PmnCode code;

	snprintf(name, sizeof(name), "snapshot-%" PRId64, snapshot_id);
	code = pmn_snapshot_read(verify->table->fs, verify->arena,
							 &verify->table->lsm.path, snapshot_id, &snapshot);
	if (code != PMN_OK)
		return pmn_verify_code(verify, pmn_bytes_string(name), code);
	code = read_entries(verify, snapshot, &manifests, &entries);
	if (code == PMN_OK)
		code = check_order(verify, &entries);
	if (code == PMN_OK)
		code = pmn_verify_code(verify, pmn_bytes_string(name),
							   pmn_entries_live(verify->env, &entries, false));
	if (code == PMN_OK && !verify->stopped)
		code = check_live(verify, snapshot, &entries);
	if (code == PMN_OK && !verify->stopped)
		code = pmn_verify_deletions(verify, snapshot, &entries);
	pmn_array_free(verify->env, &manifests);
	pmn_array_free(verify->env, &entries);
	return code;
}

PmnCode
pmn_table_verify(PmnTable *table, int64_t snapshot_id, PmnProblemVisitor visit,
				 void *context)
{
	PmnVerify verify = {
		.env = table->env,
		.table = table,
		.visit = visit,
		.context = context,
	};
	PmnCode code;

	if (snapshot_id == 0)
		return PMN_OK;
	PMN_TRY(pmn_table_check_read(table));
	PMN_TRY(pmn_arena_create(table->env, 0, &verify.arena));
	code = verify_snapshot(&verify, snapshot_id);
	pmn_arena_destroy(verify.arena);
	return code;
}
