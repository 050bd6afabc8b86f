/*
 * table_compact.c
 *
 * Compaction of a whole snapshot, or of one of its partitions: each bucket is
 * handed to the LSM, which picks and rewrites runs, and what it did becomes a
 * message for pmn_table_commit. Nothing is visible before that, so a crash in
 * the middle leaves orphan files only.
 */
#include "table_internal.h"

#include <string.h>

typedef struct CompactTask
{
	PmnTable *table;
	PmnArena *arena;	   /* of the whole task */
	PmnArena *file_arena;  /* reset for each bucket */
	const char *partition; /* NULL: all; without "/" at the end */
	size_t partition_size;
	PmnBuffer path;	  /* scratch */
	PmnValue *values; /* scratch, of a partition */
	bool full;
	size_t memory_limit_bytes;
	PmnMessage *message;
} CompactTask;

/* Judge a partition by its directory. */
static PmnCode
keep_partition(void *context, PmnBytes partition, bool *out)
{
	CompactTask *task = context;
	const PmnLsm *lsm = &task->table->lsm;

	PMN_TRY(pmn_row_parse(lsm->env, partition, lsm->partition_types,
						  lsm->partition_count, task->values));
	pmn_buffer_reset(&task->path);
	PMN_TRY(
		pmn_path_partition(&task->path, &lsm->partition_naming, task->values));
	/* The path ends with "/". */
	*out = task->path.size == task->partition_size + 1 &&
		   memcmp(task->path.data, task->partition, task->partition_size) == 0;
	return PMN_OK;
}

static PmnCode
add_results(CompactTask *task, const PmnBucket *bucket,
			const PmnFileMetas *metas, int32_t kind)
{
	PmnMessage *message = task->message;
	PmnEntryList *list = kind == PMN_ENTRY_DELETE ? &message->compact_before
												  : &message->compact_after;

	for (size_t i = 0; i < metas->count; i++)
		PMN_TRY(pmn_message_add(message, list, kind, bucket->partition_row,
								bucket->bucket, bucket->total_buckets,
								&metas->items[i]));
	return PMN_OK;
}

/* Files of a compaction that could not be put into the message. */
static void
remove_results(CompactTask *task, const PmnBucket *bucket,
			   const PmnCompaction *compaction)
{
	for (size_t i = 0; i < compaction->after.count; i++)
	{
		const PmnDataFile *file = &compaction->after.items[i];
		bool is_moved = false;
		char *path = NULL;

		for (size_t b = 0; b < compaction->before.count; b++)
			is_moved |= pmn_bytes_equal(file->file_name,
										compaction->before.items[b].file_name);
		if (!is_moved &&
			pmn_path_data_file(task->arena, task->table->env,
							   &task->table->lsm.path, bucket->directory,
							   file->file_name, NULL, &path) == PMN_OK)
			pmn_table_remove_quietly(task->table, path);
	}
}

static PmnCode
compact_group(CompactTask *task, const PmnEntryGroup *group)
{
	const PmnManifestEntry *first = group->entries[0];
	const PmnDataFile **files;
	PmnCompaction compaction;
	PmnBucket *bucket = NULL;
	PmnEnv *env = task->table->env;
	PmnCode code;

	memset(&compaction, 0, sizeof(compaction));
	pmn_arena_reset(task->file_arena);
	files = pmn_arena_alloc(task->file_arena, group->count * sizeof(*files));
	if (files == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < group->count; i++)
		files[i] = &group->entries[i]->file;
	PMN_TRY(pmn_bucket_make(&task->table->lsm, task->file_arena,
							first->partition, first->bucket,
							first->total_buckets, &bucket));
	code = pmn_compact_bucket(&task->table->lsm, task->file_arena, bucket,
							  files, group->count, task->full,
							  task->memory_limit_bytes, &compaction);
	if (code == PMN_OK && task->message == NULL &&
		compaction.before.count + compaction.after.count > 0)
		code = pmn_message_create(env, &task->message);
	if (code == PMN_OK && task->message != NULL)
	{
		code = add_results(task, bucket, &compaction.before, PMN_ENTRY_DELETE);
		if (code == PMN_OK)
			code = add_results(task, bucket, &compaction.after, PMN_ENTRY_ADD);
		if (code != PMN_OK)
			remove_results(task, bucket, &compaction);
	}
	pmn_array_free(env, &compaction.before);
	pmn_array_free(env, &compaction.after);
	return code;
}

static PmnCode
compact_entries(CompactTask *task, PmnEntryList *entries)
{
	PmnEntryGroup *groups = NULL;
	uint32_t count = 0;

	PMN_TRY(pmn_entries_group(task->table->env, task->arena, entries, &groups,
							  &count));
	for (uint32_t g = 0; g < count; g++)
	{
		PMN_TRY(pmn_poll(task->table->env));
		/* Postpone buckets hold rows that are not part of the table yet. */
		if (groups[g].entries[0]->bucket < 0)
			continue;
		PMN_TRY(compact_group(task, &groups[g]));
	}
	return PMN_OK;
}

static PmnCode
live_entries(CompactTask *task, int64_t snapshot_id, PmnEntryList *out)
{
	PmnLiveRequest request = {.view = PMN_ENTRY_WHOLE, .context = task};
	PmnManifestList manifests = {NULL, 0, 0};
	PmnTable *table = task->table;
	PmnSnapshot *snapshot = NULL;
	PmnCode code;

	if (snapshot_id == 0)
		return PMN_OK;
	if (task->partition != NULL)
		request.keep = keep_partition;
	PMN_TRY(pmn_table_read_snapshot(table, task->arena, snapshot_id, NULL,
									&snapshot));
	code = pmn_table_manifests(table, task->arena, snapshot, &manifests);
	if (code == PMN_OK)
		code =
			pmn_table_find_live(table, task->arena, &manifests, &request, out);
	pmn_array_free(table->env, &manifests);
	return pmn_table_explain_missing(table, task->arena, snapshot_id, code);
}

static PmnCode
compact_snapshot(CompactTask *task, int64_t snapshot_id)
{
	PmnTable *table = task->table;
	PmnEntryList entries = {NULL, 0, 0};
	PmnCode code;

	PMN_TRY(pmn_arena_create(table->env, 0, &task->arena));
	PMN_TRY(pmn_arena_create(table->env, 0, &task->file_arena));
	task->values = pmn_arena_alloc(task->arena, table->lsm.partition_count *
													sizeof(PmnValue));
	if (task->values == NULL)
		return PMN_NO_MEMORY;
	code = live_entries(task, snapshot_id, &entries);
	if (code == PMN_OK)
		code = compact_entries(task, &entries);
	pmn_array_free(table->env, &entries);
	return code;
}

PmnCode
pmn_table_compact(PmnTable *table, int64_t snapshot_id, bool full,
				  const char *partition, size_t memory_limit_bytes,
				  PmnMessage **out)
{
	CompactTask task = {
		.table = table,
		.partition = partition,
		.full = full,
		.memory_limit_bytes = memory_limit_bytes,
	};
	PmnCode code;

	*out = NULL;
	PMN_TRY(pmn_table_check_write(table));
	if (partition != NULL)
	{
		task.partition_size = strlen(partition);
		if (task.partition_size > 0 &&
			partition[task.partition_size - 1] == '/')
			task.partition_size--;
		if (table->lsm.partition_count == 0)
			return pmn_fail(table->env, PMN_INVALID,
							"table \"%s\" has no partitions", table->name);
	}
	pmn_buffer_init(&task.path, table->env);
	code = compact_snapshot(&task, snapshot_id);
	if (code == PMN_OK)
		*out = task.message;
	else if (task.message != NULL)
	{
		pmn_message_discard(table, task.message);
		pmn_message_close(task.message);
	}
	pmn_buffer_free(&task.path);
	pmn_arena_destroy(task.file_arena);
	pmn_arena_destroy(task.arena);
	return code;
}
