/*
 * table_hash_index.c
 *
 * Dynamic buckets. A key stays in the bucket that its first row went to; a
 * HASH index file for each bucket says which hashes of keys are there: plain
 * big-endian 32-bit numbers, each once. A new hash goes to the first bucket
 * that is not full, else to a new one. Two keys of one hash share a bucket.
 *
 * The files of a partition are read at its first row and kept as they are,
 * four bytes a key. Few rows are looked for by walking through them; only a
 * writer of many rows pays for a table of all hashes. A bucket with new
 * hashes is written out whole, under a new name, as Paimon does.
 *
 * Invariants: `known` never tells a wrong bucket; it is complete or knows at
 * least what was asked for. A commit is refused when the index of a partition
 * is no longer what it was read as (table_commit_index.c), as two writers
 * could otherwise put one key into two buckets.
 */
#include "table_hash_index.h"

#include <string.h>

/* Looking up more rows than this in one partition makes `known` complete. */
#define WALKED_ROWS_MAX 512
/* Bucket ids are 16-bit numbers in Paimon, and one is kept free. */
#define BUCKET_ID_MAX 32766
#define HASH_FILE_BYTES_MAX ((int64_t) 1 << 31)

typedef struct HashSlot
{
	int32_t hash;
	int32_t bucket; /* NO_BUCKET: asked for, not found yet */
	bool is_used;
} HashSlot;

#define NO_BUCKET (-1)

typedef struct HashBucket
{
	int32_t bucket;
	const char *base_name; /* index file that was read, or NULL */
	PmnBuffer hashes;	   /* as in the file, new ones at the end */
	bool is_changed;
} HashBucket;

typedef struct HashPartition
{
	PmnBytes row;
	PMN_ARRAY(HashBucket) buckets; /* by bucket, ascending */
	HashSlot *known;
	size_t known_capacity; /* a power of two, or 0 */
	size_t known_count;
	bool is_complete;
	uint64_t asked_rows;
	size_t open_bucket; /* buckets before it are full */
} HashPartition;

struct PmnHashIndex
{
	PmnEnv *env;
	PmnTable *table;
	PmnArena *arena;
	int64_t snapshot_id;
	PMN_ARRAY(PmnHashFile) pending; /* of the transaction, oldest first */
	bool is_loaded;
	PmnIndexEntryList entries; /* HASH entries of the snapshot */
	PMN_ARRAY(HashPartition *) partitions;
	PmnMap partition_map;
	uint32_t file_counter;
	char uuid[37];
};

/* ---- a table of hashes ------------------------------------------------ */

static size_t
slot_of(const HashPartition *partition, int32_t hash)
{
	/* Neighbouring hashes are as good as any: they are murmur's. */
	size_t at = (uint32_t) hash & (partition->known_capacity - 1);

	while (partition->known[at].is_used && partition->known[at].hash != hash)
		at = (at + 1) & (partition->known_capacity - 1);
	return at;
}

static PmnCode
grow_known(PmnEnv *env, HashPartition *partition, size_t capacity)
{
	HashSlot *old = partition->known;
	size_t old_capacity = partition->known_capacity;
	HashSlot *slots = pmn_alloc(env, capacity * sizeof(*slots));

	if (slots == NULL)
		return PMN_NO_MEMORY;
	partition->known = slots;
	partition->known_capacity = capacity;
	for (size_t i = 0; i < old_capacity; i++)
	{
		if (old[i].is_used)
			slots[slot_of(partition, old[i].hash)] = old[i];
	}
	pmn_free(env, old, old_capacity * sizeof(*old));
	return PMN_OK;
}

/* Room for more hashes, the table at most half full. */
static PmnCode
reserve_known(PmnEnv *env, HashPartition *partition, size_t more)
{
	size_t capacity =
		partition->known_capacity == 0 ? 64 : partition->known_capacity;

	while (capacity / 2 < partition->known_count + more)
		capacity *= 2;
	if (capacity == partition->known_capacity)
		return PMN_OK;
	return grow_known(env, partition, capacity);
}

/* The hash's slot; there is room. */
static HashSlot *
know(HashPartition *partition, int32_t hash, int32_t bucket)
{
	HashSlot *slot = &partition->known[slot_of(partition, hash)];

	if (!slot->is_used)
	{
		slot->is_used = true;
		slot->hash = hash;
		slot->bucket = bucket;
		partition->known_count++;
	}
	return slot;
}

/* ---- loading ---------------------------------------------------------- */

static PmnCode
load_entries(PmnHashIndex *index)
{
	PmnSnapshot *snapshot = NULL;

	if (index->is_loaded || index->snapshot_id == 0)
		return PMN_OK;
	PMN_TRY(pmn_table_read_snapshot(index->table, index->arena,
									index->snapshot_id, NULL, &snapshot));
	PMN_TRY(pmn_table_hash_entries(index->table, index->arena, snapshot,
								   &index->entries));
	index->is_loaded = true;
	return PMN_OK;
}

/* The bucket, made when it is new; buckets stay in order. */
static PmnCode
find_hash_bucket(PmnHashIndex *index, HashPartition *partition, int32_t number,
				 HashBucket **out)
{
	size_t at = 0;
	HashBucket *bucket;

	while (at < partition->buckets.count &&
		   partition->buckets.items[at].bucket < number)
		at++;
	bucket = partition->buckets.items + at;
	if (at == partition->buckets.count || bucket->bucket != number)
	{
		PMN_TRY(pmn_array_reserve(index->env, &partition->buckets, 1));
		bucket = partition->buckets.items + at;
		memmove(bucket + 1, bucket,
				(partition->buckets.count - at) * sizeof(*bucket));
		memset(bucket, 0, sizeof(*bucket));
		bucket->bucket = number;
		pmn_buffer_init(&bucket->hashes, index->env);
		partition->buckets.count++;
	}
	*out = bucket;
	return PMN_OK;
}

static PmnCode
index_path(PmnHashIndex *index, const char *name, char **out)
{
	return pmn_path_index_file(index->arena, index->env,
							   &index->table->lsm.path, NULL,
							   pmn_bytes_string(name), NULL, out);
}

static PmnCode
read_hashes(PmnHashIndex *index, HashBucket *bucket, const char *name,
			int64_t row_count)
{
	char *path = NULL;
	PmnCode code;

	PMN_TRY(index_path(index, name, &path));
	pmn_buffer_reset(&bucket->hashes);
	code = pmn_fs_read_file(index->table->fs, path,
							(size_t) HASH_FILE_BYTES_MAX, &bucket->hashes);
	if (code == PMN_NOT_FOUND)
		return pmn_table_explain_missing(index->table, index->arena,
										 index->snapshot_id, code);
	PMN_TRY(code);
	if (bucket->hashes.size % sizeof(int32_t) != 0 ||
		(int64_t) (bucket->hashes.size / sizeof(int32_t)) != row_count)
		return pmn_fail(index->env, PMN_CORRUPT,
						"index file \"%s\" has %zu bytes, which are not the "
						"hashes of %" PRId64 " keys",
						path, bucket->hashes.size, row_count);
	return PMN_OK;
}

static PmnCode
load_base(PmnHashIndex *index, HashPartition *partition)
{
	for (size_t i = 0; i < index->entries.count; i++)
	{
		const PmnIndexEntry *entry = &index->entries.items[i];
		HashBucket *bucket = NULL;

		if (!pmn_bytes_equal(entry->partition, partition->row))
			continue;
		if (entry->bucket < 0 || entry->bucket > BUCKET_ID_MAX)
			return pmn_fail(index->env, PMN_CORRUPT,
							"index file \"%.*s\" of table \"%s\" is for bucket "
							"%" PRId32,
							(int) entry->file_name.size,
							(const char *) entry->file_name.data,
							index->table->name, entry->bucket);
		PMN_TRY(find_hash_bucket(index, partition, entry->bucket, &bucket));
		bucket->base_name = pmn_arena_string_n(
			index->arena, (const char *) entry->file_name.data,
			entry->file_name.size);
		if (bucket->base_name == NULL)
			return PMN_NO_MEMORY;
		PMN_TRY(
			read_hashes(index, bucket, bucket->base_name, entry->row_count));
	}
	return PMN_OK;
}

/* A later file of a bucket holds all hashes of the ones before it. It is what
 * the bucket's place must hold when our own files are published. */
static PmnCode
load_pending(PmnHashIndex *index, HashPartition *partition)
{
	for (size_t i = 0; i < index->pending.count; i++)
	{
		const PmnHashFile *file = &index->pending.items[i];
		HashBucket *bucket = NULL;

		if (!pmn_bytes_equal(file->partition, partition->row))
			continue;
		PMN_TRY(find_hash_bucket(index, partition, file->bucket, &bucket));
		PMN_TRY(read_hashes(index, bucket, file->file_name, file->row_count));
		bucket->base_name = file->file_name;
	}
	return PMN_OK;
}

static void
free_partition(PmnHashIndex *index, HashPartition *partition)
{
	for (size_t b = 0; b < partition->buckets.count; b++)
		pmn_buffer_free(&partition->buckets.items[b].hashes);
	pmn_array_free(index->env, &partition->buckets);
	pmn_free(index->env, partition->known,
			 partition->known_capacity * sizeof(*partition->known));
}

static PmnCode
find_partition(PmnHashIndex *index, PmnBytes row, HashPartition **out)
{
	uint64_t hash = pmn_hash_bytes(0, row.data, row.size);
	size_t probe = 0;
	HashPartition *partition;
	void *copy;
	uint32_t at;

	while ((at = pmn_map_next(&index->partition_map, hash, &probe)) !=
		   PMN_MAP_NONE)
	{
		*out = index->partitions.items[at];
		if (pmn_bytes_equal((*out)->row, row))
			return PMN_OK;
	}
	PMN_TRY(load_entries(index));
	partition = pmn_arena_alloc(index->arena, sizeof(*partition));
	copy = pmn_arena_copy(index->arena, row.data, row.size);
	if (partition == NULL || copy == NULL)
		return PMN_NO_MEMORY;
	partition->row = pmn_bytes(copy, row.size);
	PMN_TRY(pmn_array_reserve(index->env, &index->partitions, 1));
	at = (uint32_t) index->partitions.count;
	index->partitions.items[index->partitions.count++] = partition;
	PMN_TRY(load_base(index, partition));
	PMN_TRY(load_pending(index, partition));
	*out = partition;
	/* Last: a partition that failed to load is not found again. */
	return pmn_map_put(&index->partition_map, hash, at);
}

/* ---- looking up ------------------------------------------------------- */

static size_t
hash_count(const HashBucket *bucket)
{
	return bucket->hashes.size / sizeof(int32_t);
}

static int32_t
hash_at(const HashBucket *bucket, size_t i)
{
	return (int32_t) pmn_get_be32(bucket->hashes.data + i * sizeof(int32_t));
}

/* All hashes of the files into `known`. */
static PmnCode
complete(PmnHashIndex *index, HashPartition *partition)
{
	size_t total = 0;

	for (size_t b = 0; b < partition->buckets.count; b++)
		total += hash_count(&partition->buckets.items[b]);
	PMN_TRY(reserve_known(index->env, partition, total));
	for (size_t b = 0; b < partition->buckets.count; b++)
	{
		const HashBucket *bucket = &partition->buckets.items[b];

		PMN_TRY(pmn_poll(index->env));
		for (size_t i = 0; i < hash_count(bucket); i++)
			know(partition, hash_at(bucket, i), bucket->bucket);
	}
	partition->is_complete = true;
	return PMN_OK;
}

/* Walk through the files for hashes that are asked for. */
static PmnCode
walk(PmnHashIndex *index, HashPartition *partition)
{
	for (size_t b = 0; b < partition->buckets.count; b++)
	{
		const HashBucket *bucket = &partition->buckets.items[b];

		PMN_TRY(pmn_poll(index->env));
		for (size_t i = 0; i < hash_count(bucket); i++)
		{
			int32_t hash = hash_at(bucket, i);
			HashSlot *slot = &partition->known[slot_of(partition, hash)];

			if (slot->is_used && slot->bucket == NO_BUCKET)
				slot->bucket = bucket->bucket;
		}
	}
	return PMN_OK;
}

/* The smallest id that no bucket has, or NO_BUCKET. */
static int32_t
free_id(const PmnHashIndex *index, const HashPartition *partition)
{
	int32_t max = index->table->options.dynamic_bucket_max;
	int32_t limit = max > 0 && max <= BUCKET_ID_MAX ? max - 1 : BUCKET_ID_MAX;
	int32_t id = 0;

	for (size_t b = 0; b < partition->buckets.count; b++)
	{
		if (partition->buckets.items[b].bucket != id)
			break;
		id++;
	}
	return id <= limit ? id : NO_BUCKET;
}

/* The bucket that takes the next new hash. */
static PmnCode
choose_bucket(PmnHashIndex *index, HashPartition *partition, HashBucket **out)
{
	uint64_t target = (uint64_t) index->table->options.dynamic_bucket_rows;
	HashBucket *smallest;
	int32_t id;

	while (partition->open_bucket < partition->buckets.count)
	{
		*out = &partition->buckets.items[partition->open_bucket];
		if (hash_count(*out) < target)
			return PMN_OK;
		partition->open_bucket++;
	}
	id = free_id(index, partition);
	if (id != NO_BUCKET)
	{
		PMN_TRY(find_hash_bucket(index, partition, id, out));
		partition->open_bucket = (size_t) (*out - partition->buckets.items);
		return PMN_OK;
	}
	smallest = partition->buckets.items;
	for (size_t b = 1; b < partition->buckets.count; b++)
	{
		HashBucket *bucket = &partition->buckets.items[b];

		if (hash_count(bucket) < hash_count(smallest))
			smallest = bucket;
	}
	*out = smallest;
	return PMN_OK;
}

static PmnCode
add_hash(PmnHashIndex *index, HashPartition *partition, HashSlot *slot)
{
	HashBucket *bucket = NULL;
	uint8_t bytes[sizeof(int32_t)];

	PMN_TRY(choose_bucket(index, partition, &bucket));
	pmn_put_be32(bytes, (uint32_t) slot->hash);
	PMN_TRY(pmn_buffer_append(&bucket->hashes, bytes, sizeof(bytes)));
	bucket->is_changed = true;
	slot->bucket = bucket->bucket;
	return PMN_OK;
}

PmnCode
pmn_hash_index_assign(PmnHashIndex *index, PmnBytes partition_row,
					  const int32_t *hashes, uint32_t count, int32_t *buckets)
{
	HashPartition *partition = NULL;

	PMN_TRY(find_partition(index, partition_row, &partition));
	partition->asked_rows += count;
	if (!partition->is_complete && partition->asked_rows > WALKED_ROWS_MAX)
		PMN_TRY(complete(index, partition));
	PMN_TRY(reserve_known(index->env, partition, count));
	for (uint32_t i = 0; i < count; i++)
		know(partition, hashes[i], NO_BUCKET);
	if (!partition->is_complete)
		PMN_TRY(walk(index, partition));
	for (uint32_t i = 0; i < count; i++)
	{
		HashSlot *slot = &partition->known[slot_of(partition, hashes[i])];

		if (slot->bucket == NO_BUCKET)
			PMN_TRY(add_hash(index, partition, slot));
		buckets[i] = slot->bucket;
	}
	return PMN_OK;
}

/* ---- writing ---------------------------------------------------------- */

static PmnCode
write_bucket(PmnHashIndex *index, PmnMessage *message,
			 const HashPartition *partition, HashBucket *bucket)
{
	PmnHashFile file = {0};
	char *path = NULL;

	file.partition = partition->row;
	file.bucket = bucket->bucket;
	file.file_name = pmn_arena_format(index->arena, "index-%s-%" PRIu32,
									  index->uuid, index->file_counter++);
	if (file.file_name == NULL)
		return PMN_NO_MEMORY;
	file.file_size = (int64_t) bucket->hashes.size;
	file.row_count = (int64_t) hash_count(bucket);
	PMN_TRY(index_path(index, file.file_name, &path));
	/* Named first: a message that is discarded takes the file along. */
	PMN_TRY(pmn_message_add_index(message, &message->new_indexes, &file));
	PMN_TRY(pmn_fs_put(index->table->fs, path, PMN_PUT_NEW,
					   pmn_bytes(bucket->hashes.data, bucket->hashes.size)));
	bucket->is_changed = false;
	return PMN_OK;
}

/* What the index of the partition was read as. */
static PmnCode
name_base(PmnMessage *message, const HashPartition *partition)
{
	PmnHashFile file = {0};
	bool has_base = false;

	file.partition = partition->row;
	for (size_t b = 0; b < partition->buckets.count; b++)
	{
		const HashBucket *bucket = &partition->buckets.items[b];

		if (bucket->base_name == NULL)
			continue;
		file.bucket = bucket->bucket;
		file.file_name = bucket->base_name;
		PMN_TRY(pmn_message_add_index(message, &message->base_indexes, &file));
		has_base = true;
	}
	if (has_base)
		return PMN_OK;
	/* "There was none" must be known, too. */
	file.bucket = NO_BUCKET;
	file.file_name = NULL;
	return pmn_message_add_index(message, &message->base_indexes, &file);
}

PmnCode
pmn_hash_index_finish(PmnHashIndex *index, PmnMessage *message)
{
	for (size_t p = 0; p < index->partitions.count; p++)
	{
		HashPartition *partition = index->partitions.items[p];

		PMN_TRY(name_base(message, partition));
		for (size_t b = 0; b < partition->buckets.count; b++)
		{
			PMN_TRY(pmn_poll(index->env));
			if (partition->buckets.items[b].is_changed)
				PMN_TRY(write_bucket(index, message, partition,
									 &partition->buckets.items[b]));
		}
	}
	return PMN_OK;
}

/* ---- life ------------------------------------------------------------- */

static PmnCode
copy_pending(PmnHashIndex *index, const PmnMessage *message)
{
	PMN_TRY(pmn_array_reserve(index->env, &index->pending,
							  message->new_indexes.count));
	for (size_t i = 0; i < message->new_indexes.count; i++)
	{
		PMN_TRY(
			pmn_hash_file_copy(index->arena, &message->new_indexes.items[i],
							   &index->pending.items[index->pending.count]));
		index->pending.count++;
	}
	return PMN_OK;
}

PmnCode
pmn_hash_index_open(PmnTable *table, int64_t snapshot_id,
					const PmnMessage *const *pending, uint32_t pending_count,
					PmnHashIndex **out)
{
	PmnHashIndex *index;
	PmnArena *arena;
	PmnCode code = PMN_OK;

	*out = NULL;
	PMN_TRY(pmn_arena_create(table->env, 0, &arena));
	index = pmn_arena_alloc(arena, sizeof(*index));
	if (index == NULL)
	{
		pmn_arena_destroy(arena);
		return PMN_NO_MEMORY;
	}
	index->env = table->env;
	index->table = table;
	index->arena = arena;
	index->snapshot_id = snapshot_id;
	pmn_map_init(&index->partition_map, table->env);
	pmn_uuid(table->env, index->uuid);
	for (uint32_t m = 0; code == PMN_OK && m < pending_count; m++)
		code = copy_pending(index, pending[m]);
	if (code == PMN_OK)
		*out = index;
	else
		pmn_hash_index_close(index);
	return code;
}

void
pmn_hash_index_close(PmnHashIndex *index)
{
	if (index == NULL)
		return;
	for (size_t p = 0; p < index->partitions.count; p++)
		free_partition(index, index->partitions.items[p]);
	pmn_array_free(index->env, &index->partitions);
	pmn_array_free(index->env, &index->pending);
	pmn_array_free(index->env, &index->entries);
	pmn_map_free(&index->partition_map);
	pmn_arena_destroy(index->arena); /* the index lies in it */
}
