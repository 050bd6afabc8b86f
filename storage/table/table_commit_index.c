/*
 * table_commit_index.c
 *
 * The hash index of dynamic buckets in a commit. The snapshot's index manifest
 * is a complete list of index files; ours takes the latest one and puts the
 * messages' files into the places of their buckets, message by message. What a
 * message must find there is what its writer saw: files of the snapshot, or of
 * messages that were pending then and have been published since.
 *
 * Rows were given their buckets by what the index said. Whoever changed the
 * index of one of our partitions since may have put one of our keys into
 * another bucket, where the two rows would never meet: that is a conflict, and
 * nothing is published (format/metadata.md 6.4; Paimon forbids two writers,
 * we find them).
 */
#include <string.h>

#include "table_commit.h"

static bool
is_hash(const PmnIndexEntry *entry)
{
	return pmn_bytes_equal(entry->index_type,
						   pmn_bytes_string(PMN_INDEX_TYPE_HASH));
}

static PmnCode
read_entries(PmnTable *table, PmnArena *arena, const PmnSnapshot *snapshot,
			 const char *type, PmnIndexEntryList *out)
{
	if (snapshot == NULL || snapshot->index_manifest == NULL)
		return PMN_OK;
	return pmn_index_manifest_read(table->fs, arena, &table->lsm.path,
								   snapshot->index_manifest, type, out);
}

PmnCode
pmn_table_hash_entries(PmnTable *table, PmnArena *arena,
					   const PmnSnapshot *snapshot, PmnIndexEntryList *out)
{
	return read_entries(table, arena, snapshot, PMN_INDEX_TYPE_HASH, out);
}

/* ---- conflicts -------------------------------------------------------- */

static bool
is_present(const PmnIndexEntryList *entries, const PmnHashFile *file)
{
	for (size_t i = 0; i < entries->count; i++)
	{
		const PmnIndexEntry *entry = &entries->items[i];

		if (is_hash(entry) && entry->bucket == file->bucket &&
			pmn_bytes_equal(entry->partition, file->partition))
			return pmn_bytes_equal(entry->file_name,
								   pmn_bytes_string(file->file_name));
	}
	return false;
}

static size_t
count_in_partition(const PmnIndexEntryList *entries, PmnBytes partition)
{
	size_t count = 0;

	for (size_t i = 0; i < entries->count; i++)
		count += is_hash(&entries->items[i]) &&
				 pmn_bytes_equal(entries->items[i].partition, partition);
	return count;
}

/* Whether the partition of base's file at first has the files it had. The
 * files of a partition follow one another. */
static bool
is_unchanged(const PmnIndexEntryList *entries, const PmnHashFiles *base,
			 size_t first)
{
	PmnBytes partition = base->items[first].partition;
	size_t count = 0;

	for (size_t i = first; i < base->count; i++)
	{
		const PmnHashFile *file = &base->items[i];

		if (!pmn_bytes_equal(file->partition, partition))
			break;
		if (file->file_name == NULL)
			continue;
		if (!is_present(entries, file))
			return false;
		count++;
	}
	return count == count_in_partition(entries, partition);
}

static PmnCode
check_message(PmnCommit *commit, const PmnMessage *message,
			  const PmnIndexEntryList *entries)
{
	const PmnHashFiles *base = &message->base_indexes;

	for (size_t i = 0; i < base->count; i++)
	{
		if (i > 0 && pmn_bytes_equal(base->items[i].partition,
									 base->items[i - 1].partition))
			continue;
		PMN_TRY(pmn_poll(commit->env));
		if (!is_unchanged(entries, base, i))
			return pmn_fail(commit->env, PMN_CONFLICT,
							"another commit gave keys of table \"%s\" their "
							"buckets",
							commit->table->name);
	}
	return PMN_OK;
}

/* ---- the new list ----------------------------------------------------- */

static PmnCode
put_file(PmnCommit *commit, const PmnHashFile *file, PmnIndexEntryList *entries)
{
	PmnIndexEntry *place = NULL;

	for (size_t i = 0; i < entries->count && place == NULL; i++)
	{
		PmnIndexEntry *entry = &entries->items[i];

		if (is_hash(entry) && entry->bucket == file->bucket &&
			pmn_bytes_equal(entry->partition, file->partition))
			place = entry;
	}
	if (place == NULL)
	{
		PMN_TRY(pmn_array_reserve(commit->env, entries, 1));
		place = &entries->items[entries->count++];
	}
	memset(place, 0, sizeof(*place));
	place->version = 1;
	place->kind = PMN_ENTRY_ADD;
	place->partition = file->partition;
	place->bucket = file->bucket;
	place->index_type = pmn_bytes_string(PMN_INDEX_TYPE_HASH);
	place->file_name = pmn_bytes_string(file->file_name);
	place->file_size = file->file_size;
	place->row_count = file->row_count;
	return PMN_OK;
}

/* The list is written anew: what we could not write must not be in it. */
static PmnCode
check_types(PmnCommit *commit, const PmnIndexEntryList *entries)
{
	for (size_t i = 0; i < entries->count; i++)
	{
		const PmnIndexEntry *entry = &entries->items[i];

		if (!is_hash(entry))
			return pmn_fail(commit->env, PMN_UNSUPPORTED,
							"table \"%s\" has an index of type \"%.*s\"",
							commit->table->name, (int) entry->index_type.size,
							(const char *) entry->index_type.data);
	}
	return PMN_OK;
}

static PmnCode
write_list(PmnCommit *commit, const PmnIndexEntryList *entries,
		   PmnSnapshot *snapshot)
{
	const char *name = NULL;

	PMN_TRY(pmn_index_manifest_write(
		commit->table->fs, commit->arena, &commit->table->lsm.path,
		&commit->write_options, entries->items, entries->count, commit->uuid,
		&commit->index_counter, &name));
	snapshot->index_manifest = name;
	return pmn_commit_note_path(commit, name, false);
}

PmnCode
pmn_commit_index(PmnCommit *commit, const PmnSnapshot *latest,
				 PmnSnapshot *snapshot)
{
	const PmnCommitRequest *request = commit->request;
	PmnIndexEntryList entries = {NULL, 0, 0};
	bool has_base = false;
	bool has_new = false;
	PmnCode code;

	for (uint32_t m = 0; m < request->message_count && !commit->is_compact; m++)
	{
		has_base |= request->messages[m]->base_indexes.count > 0;
		has_new |= request->messages[m]->new_indexes.count > 0;
	}
	if (!has_base && !has_new)
		return PMN_OK;
	code = read_entries(commit->table, commit->attempt_arena, latest, NULL,
						&entries);
	if (code == PMN_OK)
		code = check_types(commit, &entries);
	/* In order: a message may have seen the files of those before it. */
	for (uint32_t m = 0; code == PMN_OK && m < request->message_count; m++)
	{
		const PmnHashFiles *files = &request->messages[m]->new_indexes;

		code = check_message(commit, request->messages[m], &entries);
		for (size_t i = 0; code == PMN_OK && i < files->count; i++)
			code = put_file(commit, &files->items[i], &entries);
	}
	if (code == PMN_OK && has_new)
		code = write_list(commit, &entries, snapshot);
	pmn_array_free(commit->env, &entries);
	return code;
}
