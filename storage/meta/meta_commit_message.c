/*
 * meta_commit_message.c
 *
 * What a writer hands to a committer. A message owns everything it names, so
 * the writer that made it may be gone: bytes lie in its arena, the
 * lists in memory of the environment. Removing the files of a message that
 * will not be committed needs paths and is in table/.
 */
#include "meta_commit_message.h"

PmnCode
pmn_message_create(PmnEnv *env, PmnMessage **out)
{
	PmnArena *arena;
	PmnMessage *message;

	*out = NULL;
	PMN_TRY(pmn_arena_create(env, 0, &arena));
	message = pmn_arena_alloc(arena, sizeof(*message));
	if (message == NULL)
	{
		pmn_arena_destroy(arena);
		return PMN_NO_MEMORY;
	}
	message->env = env;
	message->arena = arena;
	message->made_millis = env->now_millis(env);
	*out = message;
	return PMN_OK;
}

PmnCode
pmn_message_add(PmnMessage *message, PmnEntryList *list, int32_t kind,
				PmnBytes partition, int32_t bucket, int32_t total_buckets,
				const PmnDataFile *file)
{
	PmnManifestEntry entry;

	PMN_ASSERT(list == &message->new_files ||
			   list == &message->compact_before ||
			   list == &message->compact_after);
	PMN_ASSERT(kind == PMN_ENTRY_ADD || kind == PMN_ENTRY_DELETE);
	memset(&entry, 0, sizeof(entry));
	entry.version = 2;
	entry.kind = kind;
	entry.partition = partition;
	entry.bucket = bucket;
	entry.total_buckets = total_buckets;
	entry.file = *file;
	PMN_TRY(pmn_array_reserve(message->env, list, 1));
	PMN_TRY(pmn_manifest_entry_copy(message->arena, &entry,
									&list->items[list->count]));
	list->count++;
	return PMN_OK;
}

PmnCode
pmn_hash_file_copy(PmnArena *arena, const PmnHashFile *src, PmnHashFile *out)
{
	void *partition =
		pmn_arena_copy(arena, src->partition.data, src->partition.size);

	*out = *src;
	if (partition == NULL)
		return PMN_NO_MEMORY;
	out->partition = pmn_bytes(partition, src->partition.size);
	if (src->file_name == NULL)
		return PMN_OK;
	out->file_name = pmn_arena_string(arena, src->file_name);
	return out->file_name == NULL ? PMN_NO_MEMORY : PMN_OK;
}

PmnCode
pmn_message_add_index(PmnMessage *message, PmnHashFiles *list,
					  const PmnHashFile *file)
{
	PMN_ASSERT(list == &message->new_indexes || list == &message->base_indexes);
	PMN_TRY(pmn_array_reserve(message->env, list, 1));
	PMN_TRY(
		pmn_hash_file_copy(message->arena, file, &list->items[list->count]));
	list->count++;
	return PMN_OK;
}

static uint64_t
rows_of(const PmnEntryList *list)
{
	uint64_t rows = 0;

	for (size_t i = 0; i < list->count; i++)
	{
		PMN_ASSERT(list->items[i].file.row_count >= 0);
		rows += (uint64_t) list->items[i].file.row_count;
	}
	return rows;
}

/* Rows in the files that were made; what a compaction took away is not. */
uint64_t
pmn_message_row_count(const PmnMessage *message)
{
	return rows_of(&message->new_files) + rows_of(&message->compact_after);
}

uint64_t
pmn_message_file_count(const PmnMessage *message)
{
	return message->new_files.count + message->compact_after.count;
}

void
pmn_message_close(PmnMessage *message)
{
	PmnEnv *env;

	if (message == NULL)
		return;
	env = message->env;
	pmn_array_free(env, &message->new_files);
	pmn_array_free(env, &message->compact_before);
	pmn_array_free(env, &message->compact_after);
	pmn_array_free(env, &message->new_indexes);
	pmn_array_free(env, &message->base_indexes);
	pmn_arena_destroy(message->arena); /* the message lies in it */
}
