/*
 * table_write.c
 *
 * Rows to level-0 files that nobody sees before a commit. Each (partition,
 * bucket) has a PmnSortBuffer. Keyed buckets spill sorted runs when memory is
 * short, and finish by merging their runs into one stream of unique keys.
 * Append buckets write what they hold through a data writer that stays open.
 *
 * Sequence numbers of a keyed bucket go on from the highest one among its live
 * files and the pending ones, so that later rows win. The files' bucket
 * counts are compared with the option at the same time: a partition must not
 * mix two counts (format/metadata.md 6.3). The first buckets are looked up one
 * by one, for a small write must not look at the whole table; with more of
 * them all are looked up at once.
 *
 * Whatever happens before the message is handed out, closing the writer
 * removes every file it made.
 */
#include "table_internal.h"

#include <string.h>

#include "table_default.h"
#include "table_route.h"

/* Open data writers of append tables; each holds a row group. */
#define OPEN_WRITERS_MAX 32
#define DEFAULT_MEMORY_LIMIT (64u << 20)
/* So many rows of a batch go to an append bucket's writer without a detour. */
#define DIRECT_ROWS 1024
/* Buckets that are looked up one by one. */
#define SINGLE_RESTORES_MAX 8

typedef struct WriteBucket
{
	PmnBucket *bucket;
	uint32_t partition; /* number in the route */
	PmnSortBuffer *buffer;
	PmnDataFileWriter *writer; /* append tables, once opened */
	int64_t next_sequence;
	size_t bytes;		  /* of the buffer, when last looked at */
	uint32_t batch_count; /* rows of the batch at hand */
	uint32_t batch_start;
} WriteBucket;

struct PmnWrite
{
	PmnEnv *env;
	PmnTable *table;
	PmnArena *arena;
	size_t memory_limit_bytes;
	size_t bytes; /* of all buffers */
	int64_t base_snapshot_id;
	PmnRoute route;
	PmnDefaults defaults;
	PMN_ARRAY(WriteBucket *) buckets;
	PmnMap bucket_map;
	uint32_t open_writers;
	/* What is there already; loaded with the buckets. */
	bool is_restored; /* all of it */
	uint32_t single_restores;
	PmnManifestList manifests; /* of the base snapshot */
	PMN_ARRAY(PmnManifestEntry) pending;
	PMN_ARRAY(PmnRestored) restored;
	PmnMap restored_map;
	PmnPartitionSet rescaled; /* partitions with another bucket count */
	int32_t rescaled_total;
	/* Scratch of a batch. */
	PMN_ARRAY(uint32_t) rows;
	PMN_ARRAY(uint32_t) bucket_of_row;
	PMN_ARRAY(uint32_t) sorted_rows;
	/* The result, as far as it is done. */
	PmnMessage *message;
	bool is_finished;
};

/* ---- what the table has already --------------------------------------- */

static uint64_t
bucket_hash(PmnBytes partition, int32_t bucket)
{
	return pmn_hash_bytes((uint64_t) bucket, partition.data, partition.size);
}

static PmnRestored *
find_restored(PmnWrite *write, PmnBytes partition, int32_t bucket)
{
	uint64_t hash = bucket_hash(partition, bucket);
	size_t probe = 0;
	uint32_t at;

	while ((at = pmn_map_next(&write->restored_map, hash, &probe)) !=
		   PMN_MAP_NONE)
	{
		PmnRestored *restored = &write->restored.items[at];

		if (restored->bucket == bucket &&
			pmn_bytes_equal(restored->partition, partition))
			return restored;
	}
	return NULL;
}

/* Entries end with the lookup: what stays is copied. */
static PmnCode
add_restored(PmnWrite *write, const PmnManifestEntry *entry, PmnRestored **out)
{
	const void *copy = pmn_arena_copy(write->arena, entry->partition.data,
									  entry->partition.size);
	PmnBytes partition = pmn_bytes(copy, entry->partition.size);
	PmnRestored *restored;

	if (copy == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_array_reserve(write->env, &write->restored, 1));
	PMN_TRY(pmn_map_put(&write->restored_map,
						bucket_hash(partition, entry->bucket),
						(uint32_t) write->restored.count));
	restored = &write->restored.items[write->restored.count++];
	restored->partition = partition;
	restored->bucket = entry->bucket;
	restored->max_sequence_number = -1;
	*out = restored;
	return PMN_OK;
}

static PmnCode
restore_entry(PmnWrite *write, const PmnManifestEntry *entry)
{
	PmnRestored *restored;
	int32_t total = write->table->options.bucket;

	if (entry->bucket < 0)
		return PMN_OK;
	restored = find_restored(write, entry->partition, entry->bucket);
	if (restored == NULL)
		PMN_TRY(add_restored(write, entry, &restored));
	if (total > 0 && entry->total_buckets > 0 && entry->total_buckets != total)
	{
		write->rescaled_total = entry->total_buckets;
		PMN_TRY(pmn_partition_set_add(&write->rescaled, restored->partition));
	}
	if (entry->file.max_sequence_number > restored->max_sequence_number)
		restored->max_sequence_number = entry->file.max_sequence_number;
	return PMN_OK;
}

/* Appends in any order never conflict; then nothing is looked up. */
static bool
needs_restore(const PmnWrite *write)
{
	return write->table->lsm.is_keyed || write->table->options.bucket > 0;
}

/* Before the first lookup: what every one of them needs. */
static PmnCode
begin_restore(PmnWrite *write)
{
	PmnTable *table = write->table;
	PmnSnapshot *snapshot = NULL;

	if (write->base_snapshot_id != 0)
	{
		PMN_TRY(pmn_table_read_snapshot(
			table, write->arena, write->base_snapshot_id, NULL, &snapshot));
		PMN_TRY(pmn_table_manifests(table, write->arena, snapshot,
									&write->manifests));
	}
	for (size_t i = 0; i < write->pending.count; i++)
		PMN_TRY(restore_entry(write, &write->pending.items[i]));
	return PMN_OK;
}

static PmnCode
restore_entries(PmnWrite *write, PmnArena *arena, const PmnLiveRequest *request)
{
	PmnEntryList entries = {NULL, 0, 0};
	PmnCode code = pmn_table_find_live(write->table, arena, &write->manifests,
									   request, &entries);

	for (size_t i = 0; code == PMN_OK && i < entries.count; i++)
		code = restore_entry(write, &entries.items[i]);
	pmn_array_free(write->env, &entries);
	return code;
}

static PmnCode
restore_some(PmnWrite *write, PmnArena *arena, PmnBytes partition,
			 int32_t bucket)
{
	PmnPartitionSet partitions;
	PmnLiveRequest request = {.view = PMN_ENTRY_IDENTITY};
	PmnCode code;

	if (write->single_restores == 0)
		PMN_TRY(begin_restore(write));
	write->single_restores++;
	if (write->single_restores > SINGLE_RESTORES_MAX)
	{
		PMN_TRY(restore_entries(write, arena, &request));
		write->is_restored = true;
		return PMN_OK;
	}
	pmn_partition_set_init(&partitions, write->env);
	request.partitions = &partitions;
	request.of_bucket = true;
	request.bucket = bucket;
	request.total_buckets = write->table->options.bucket;
	code = pmn_partition_set_add(&partitions, partition);
	if (code == PMN_OK)
		code = restore_entries(write, arena, &request);
	pmn_partition_set_free(&partitions);
	return code;
}

/* Learn what a bucket holds and its partition's bucket count. */
static PmnCode
restore(PmnWrite *write, PmnBytes partition, int32_t bucket)
{
	PmnArena *arena = NULL;
	PmnCode code;

	if (write->is_restored || !needs_restore(write))
		return PMN_OK;
	PMN_TRY(pmn_arena_create(write->env, 0, &arena));
	code = restore_some(write, arena, partition, bucket);
	code = pmn_table_explain_missing(write->table, arena,
									 write->base_snapshot_id, code);
	pmn_arena_destroy(arena);
	return code;
}

/* ---- buckets ---------------------------------------------------------- */

static PmnCode
make_bucket(PmnWrite *write, uint32_t partition, int32_t number,
			WriteBucket **out)
{
	PmnBytes row = write->route.partitions.items[partition];
	PmnTable *table = write->table;
	int32_t total = table->options.bucket > 0 ? table->options.bucket : -1;
	WriteBucket *bucket = pmn_arena_alloc(write->arena, sizeof(*bucket));
	PmnRestored *restored;

	if (bucket == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(restore(write, row, number));
	if (pmn_partition_set_has(&write->rescaled, row))
	{
		(void) pmn_fail(write->env, PMN_UNSUPPORTED,
						"table \"%s\" has a partition with %" PRId32
						" buckets, its option \"bucket\" says %" PRId32,
						table->name, write->rescaled_total, total);
		return pmn_hint(write->env, "Rescale the partition by overwriting it "
									"before writing to it.");
	}
	PMN_TRY(pmn_bucket_make(&table->lsm, write->arena, row, number, total,
							&bucket->bucket));
	bucket->partition = partition;
	restored = find_restored(write, row, number);
	if (restored != NULL)
	{
		if (restored->max_sequence_number == INT64_MAX)
			return pmn_fail(write->env, PMN_CORRUPT,
							"table \"%s\" has used up its sequence numbers",
							table->name);
		bucket->next_sequence = restored->max_sequence_number + 1;
	}
	PMN_TRY(pmn_array_reserve(write->env, &write->buckets, 1));
	PMN_TRY(pmn_sort_buffer_create(&table->lsm, &bucket->buffer));
	write->buckets.items[write->buckets.count++] = bucket;
	*out = bucket;
	return PMN_OK;
}

static PmnCode
find_bucket(PmnWrite *write, uint32_t partition, int32_t number, uint32_t *out)
{
	uint32_t key[2] = {partition, (uint32_t) number};
	uint64_t hash = pmn_hash_bytes(0, key, sizeof(key));
	size_t probe = 0;
	WriteBucket *bucket = NULL;

	while ((*out = pmn_map_next(&write->bucket_map, hash, &probe)) !=
		   PMN_MAP_NONE)
	{
		bucket = write->buckets.items[*out];
		if (bucket->partition == partition && bucket->bucket->bucket == number)
			return PMN_OK;
	}
	*out = (uint32_t) write->buckets.count;
	PMN_TRY(make_bucket(write, partition, number, &bucket));
	return pmn_map_put(&write->bucket_map, hash, *out);
}

/* ---- files ------------------------------------------------------------ */

/* Name the files of a data writer in the message. */
static PmnCode
name_files(PmnWrite *write, const WriteBucket *bucket,
		   const PmnFileMetas *metas)
{
	const PmnBucket *place = bucket->bucket;

	for (size_t i = 0; i < metas->count; i++)
		PMN_TRY(pmn_message_add(write->message, &write->message->new_files,
								PMN_ENTRY_ADD, place->partition_row,
								place->bucket, place->total_buckets,
								&metas->items[i]));
	return PMN_OK;
}

static void
remove_files(PmnWrite *write, const WriteBucket *bucket,
			 const PmnFileMetas *metas)
{
	for (size_t i = 0; i < metas->count; i++)
	{
		char *path = NULL;

		if (pmn_path_data_file(
				write->arena, write->env, &write->table->lsm.path,
				bucket->bucket->directory, metas->items[i].file_name, NULL,
				&path) == PMN_OK)
			pmn_table_remove_quietly(write->table, path);
	}
}

static PmnCode
add_files(PmnWrite *write, const WriteBucket *bucket, PmnDataFileWriter *writer)
{
	PmnFileMetas metas = {NULL, 0, 0};
	PmnCode code;

	if (write->message == NULL)
		PMN_TRY(pmn_message_create(write->env, &write->message));
	code = pmn_data_writer_finish(writer, write->arena, &metas);
	if (code == PMN_OK)
	{
		code = name_files(write, bucket, &metas);
		if (code != PMN_OK)
			remove_files(write, bucket, &metas);
	}
	pmn_array_free(write->env, &metas);
	return code;
}

static PmnCode
finish_append(PmnWrite *write, WriteBucket *bucket)
{
	PmnCode code;

	if (bucket->writer == NULL)
		return PMN_OK;
	code = add_files(write, bucket, bucket->writer);
	pmn_data_writer_close(bucket->writer);
	bucket->writer = NULL;
	write->open_writers--;
	return code;
}

/* The data writer of an append bucket, whose next row has this number. */
static PmnCode
open_append(PmnWrite *write, WriteBucket *bucket, int64_t next_sequence)
{
	if (bucket->writer != NULL)
		return PMN_OK;
	PMN_TRY(pmn_data_writer_open(&write->table->lsm, bucket->bucket, 0,
								 PMN_SOURCE_APPEND, &bucket->writer));
	write->open_writers++;
	pmn_data_writer_sequence(bucket->writer, next_sequence);
	return PMN_OK;
}

/* Write the rows an append bucket holds through its data writer. */
static PmnCode
flush_append(PmnWrite *write, WriteBucket *bucket)
{
	uint64_t rows = pmn_sort_buffer_rows(bucket->buffer);
	uint64_t position = 0;
	PmnBatch *batch = NULL;

	if (rows == 0)
		return PMN_OK;
	PMN_TRY(open_append(write, bucket, bucket->next_sequence - (int64_t) rows));
	for (;;)
	{
		PMN_TRY(pmn_poll(write->env));
		PMN_TRY(pmn_sort_buffer_next(bucket->buffer, &position, &batch));
		if (batch == NULL)
			break;
		PMN_TRY(
			pmn_data_writer_add(bucket->writer, batch, NULL, batch->row_count));
	}
	pmn_sort_buffer_reset(bucket->buffer);
	return PMN_OK;
}

/* ---- rows ------------------------------------------------------------- */

static PmnCode
check_batch(PmnWrite *write, const PmnBatch *batch)
{
	const PmnSchema *schema = write->table->lsm.schema;

	if (batch->column_count != schema->field_count)
		return pmn_fail(write->env, PMN_INVALID,
						"a batch for table \"%s\" has %" PRIu32
						" columns instead of %" PRIu32,
						write->table->name, batch->column_count,
						schema->field_count);
	for (uint32_t f = 0; f < schema->field_count; f++)
	{
		if (batch->columns[f].kind !=
			pmn_type_vector_kind(&schema->fields[f].type))
			return pmn_fail(write->env, PMN_INVALID,
							"a batch for table \"%s\" has the wrong kind of "
							"values for column \"%s\"",
							write->table->name, schema->fields[f].name);
	}
	return PMN_OK;
}

/* Options that make the writer forget rows of some kinds. */
static bool
is_ignored(const PmnTableOptions *options, uint8_t kind)
{
	if (kind == PMN_UPDATE_BEFORE)
		return options->ignore_delete || options->ignore_update_before;
	return kind == PMN_DELETE && options->ignore_delete;
}

static PmnCode
check_kind(PmnWrite *write, uint8_t kind)
{
	if (kind > PMN_DELETE)
		return pmn_fail(write->env, PMN_INVALID, "%d is no kind of row",
						(int) kind);
	if (!write->table->lsm.is_keyed &&
		(kind == PMN_DELETE || kind == PMN_UPDATE_BEFORE))
		return pmn_fail(write->env, PMN_INVALID,
						"rows cannot be deleted from table \"%s\", which has "
						"no primary key",
						write->table->name);
	return PMN_OK;
}

/* Rows of the batch to write, into write->rows. */
static PmnCode
choose_rows(PmnWrite *write, const PmnBatch *batch, const uint8_t *kinds)
{
	const PmnTableOptions *options = &write->table->options;
	uint32_t count =
		batch->selection == NULL ? batch->row_count : batch->selected_count;

	write->rows.count = 0;
	PMN_TRY(pmn_array_reserve(write->env, &write->rows, count));
	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t row = batch->selection == NULL ? i : batch->selection[i];

		if (kinds != NULL)
		{
			PMN_TRY(check_kind(write, kinds[row]));
			if (is_ignored(options, kinds[row]))
				continue;
		}
		write->rows.items[write->rows.count++] = row;
	}
	return PMN_OK;
}

static PmnCode
check_nulls(PmnWrite *write, const PmnBatch *batch)
{
	const PmnSchema *schema = write->table->lsm.schema;

	for (uint32_t f = 0; f < schema->field_count; f++)
	{
		const uint8_t *nulls = batch->columns[f].nulls;

		if (schema->fields[f].type.is_nullable || nulls == NULL)
			continue;
		for (size_t i = 0; i < write->rows.count; i++)
		{
			if (nulls[write->rows.items[i]] != 0)
				return pmn_fail(write->env, PMN_INVALID,
								"null value in column \"%s\" of table \"%s\"",
								schema->fields[f].name, write->table->name);
		}
	}
	return PMN_OK;
}

/* Whether all rows go to bucket 0 of the one partition. */
static bool
has_one_bucket(const PmnWrite *write)
{
	return write->table->lsm.partition_count == 0 &&
		   write->table->options.bucket <= 1 && write->route.hash_index == NULL;
}

/* The rows of a table with one bucket, which the first row finds. */
static PmnCode
assign_all(PmnWrite *write, const PmnBatch *batch)
{
	uint32_t count = (uint32_t) write->rows.count;
	WriteBucket *bucket;
	uint32_t at;

	PMN_TRY(pmn_route_batch(&write->route, batch, write->rows.items, 1));
	PMN_TRY(find_bucket(write, write->route.row_partitions.items[0],
						write->route.row_buckets.items[0], &at));
	write->sorted_rows.count = 0;
	PMN_TRY(pmn_array_reserve(write->env, &write->sorted_rows, count));
	memcpy(write->sorted_rows.items, write->rows.items,
		   count * sizeof(uint32_t));
	bucket = write->buckets.items[at];
	bucket->batch_start = 0;
	bucket->batch_count = count;
	return PMN_OK;
}

/* Give each row its bucket, and count the rows of each. */
static PmnCode
assign_buckets(PmnWrite *write)
{
	const PmnRoute *route = &write->route;
	uint32_t *out;

	write->bucket_of_row.count = 0;
	PMN_TRY(pmn_array_reserve(write->env, &write->bucket_of_row,
							  write->rows.count));
	out = write->bucket_of_row.items;
	for (size_t i = 0; i < write->rows.count; i++)
	{
		if (i > 0 &&
			route->row_partitions.items[i] ==
				route->row_partitions.items[i - 1] &&
			route->row_buckets.items[i] == route->row_buckets.items[i - 1])
			out[i] = out[i - 1];
		else
			PMN_TRY(find_bucket(write, route->row_partitions.items[i],
								route->row_buckets.items[i], &out[i]));
		write->buckets.items[out[i]]->batch_count++;
	}
	return PMN_OK;
}

/* Rows in the order of their buckets, stable: a counting sort. */
static PmnCode
sort_rows(PmnWrite *write)
{
	uint32_t start = 0;

	write->sorted_rows.count = 0;
	PMN_TRY(
		pmn_array_reserve(write->env, &write->sorted_rows, write->rows.count));
	for (size_t b = 0; b < write->buckets.count; b++)
	{
		WriteBucket *bucket = write->buckets.items[b];

		bucket->batch_start = start;
		start += bucket->batch_count;
		bucket->batch_count = 0;
	}
	for (size_t i = 0; i < write->rows.count; i++)
	{
		WriteBucket *bucket =
			write->buckets.items[write->bucket_of_row.items[i]];

		write->sorted_rows.items[bucket->batch_start + bucket->batch_count++] =
			write->rows.items[i];
	}
	return PMN_OK;
}

/*
 * Many rows for one append bucket go to its data writer at once: buffering
 * them would only copy them. Few rows are collected first, since a data
 * writer wants them by the thousand, and so are those of buckets for which no
 * writer can stay open.
 */
static bool
is_direct(const PmnWrite *write, const WriteBucket *bucket, uint32_t count)
{
	return !write->table->lsm.is_keyed && count >= DIRECT_ROWS &&
		   (bucket->writer != NULL || write->open_writers < OPEN_WRITERS_MAX);
}

static PmnCode
write_direct(PmnWrite *write, WriteBucket *bucket, const PmnBatch *batch,
			 const uint32_t *rows, uint32_t count)
{
	/* All rows in their order: values need not be gathered. */
	bool is_whole = count == batch->row_count && batch->selection == NULL;

	PMN_TRY(flush_append(write, bucket));
	write->bytes -= bucket->bytes;
	bucket->bytes = 0;
	PMN_TRY(open_append(write, bucket, bucket->next_sequence));
	PMN_TRY(pmn_data_writer_add(bucket->writer, batch, is_whole ? NULL : rows,
								count));
	bucket->next_sequence += count;
	return PMN_OK;
}

static PmnCode
fill_buckets(PmnWrite *write, const PmnBatch *batch, const uint8_t *kinds)
{
	for (size_t b = 0; b < write->buckets.count; b++)
	{
		WriteBucket *bucket = write->buckets.items[b];
		uint32_t count = bucket->batch_count;
		const uint32_t *rows = write->sorted_rows.items + bucket->batch_start;

		bucket->batch_count = 0;
		if (count == 0)
			continue;
		if (is_direct(write, bucket, count))
		{
			PMN_TRY(write_direct(write, bucket, batch, rows, count));
			continue;
		}
		PMN_TRY(pmn_sort_buffer_add(bucket->buffer, batch, kinds, rows, count,
									bucket->next_sequence));
		bucket->next_sequence += count;
		write->bytes -= bucket->bytes;
		bucket->bytes = pmn_sort_buffer_bytes(bucket->buffer);
		write->bytes += bucket->bytes;
	}
	return PMN_OK;
}

/* ---- memory ----------------------------------------------------------- */

static PmnCode
free_memory(PmnWrite *write)
{
	while (write->bytes > write->memory_limit_bytes)
	{
		WriteBucket *largest = NULL;

		for (size_t b = 0; b < write->buckets.count; b++)
		{
			WriteBucket *bucket = write->buckets.items[b];

			if (largest == NULL || bucket->bytes > largest->bytes)
				largest = bucket;
		}
		if (largest == NULL || largest->bytes == 0)
			return PMN_OK;
		if (write->table->lsm.is_keyed)
			PMN_TRY(pmn_sort_buffer_spill(largest->buffer));
		else
		{
			PMN_TRY(flush_append(write, largest));
			if (write->open_writers > OPEN_WRITERS_MAX)
				PMN_TRY(finish_append(write, largest));
		}
		/* Whatever stays allocated is counted again by the next batch. */
		write->bytes -= largest->bytes;
		largest->bytes = 0;
	}
	return PMN_OK;
}

PmnCode
pmn_write_batch(PmnWrite *write, const PmnBatch *batch, const uint8_t *kinds)
{
	PMN_ASSERT(!write->is_finished);
	PMN_TRY(pmn_poll(write->env));
	PMN_TRY(check_batch(write, batch));
	PMN_TRY(pmn_defaults_apply(&write->defaults, batch, &batch));
	PMN_TRY(choose_rows(write, batch, kinds));
	if (write->rows.count == 0)
		return PMN_OK;
	PMN_TRY(check_nulls(write, batch));
	if (has_one_bucket(write))
		PMN_TRY(assign_all(write, batch));
	else
	{
		PMN_TRY(pmn_route_batch(&write->route, batch, write->rows.items,
								(uint32_t) write->rows.count));
		PMN_TRY(assign_buckets(write));
		PMN_TRY(sort_rows(write));
	}
	PMN_TRY(fill_buckets(write, batch, kinds));
	return free_memory(write);
}

/* ---- end -------------------------------------------------------------- */

static PmnCode
all_fields_layout(PmnWrite *write, PmnKvLayout **out)
{
	uint32_t count = write->table->lsm.schema->field_count;
	uint32_t *fields = pmn_arena_alloc(write->arena, count * sizeof(*fields));

	if (fields == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t f = 0; f < count; f++)
		fields[f] = f;
	return pmn_kv_layout_make(&write->table->lsm, write->arena, fields, count,
							  out);
}

static PmnCode
pump(PmnWrite *write, PmnMergeReader *reader, PmnDataFileWriter *writer)
{
	PmnBatch *batch = NULL;

	for (;;)
	{
		PMN_TRY(pmn_poll(write->env));
		PMN_TRY(pmn_merge_reader_next(reader, &batch));
		if (batch == NULL)
			return PMN_OK;
		PMN_TRY(pmn_data_writer_add(writer, batch, batch->selection,
									batch->selection == NULL
										? batch->row_count
										: batch->selected_count));
	}
}

static PmnCode
finish_keyed(PmnWrite *write, WriteBucket *bucket, const PmnKvLayout *layout)
{
	const PmnMergeReadOptions options = {.drop_deletes = false};
	PmnMergeReader *reader = NULL;
	PmnDataFileWriter *writer = NULL;
	PmnRun **runs = NULL;
	uint32_t run_count = 0;
	PmnCode code;

	PMN_TRY(
		pmn_sort_buffer_runs(bucket->buffer, write->arena, &runs, &run_count));
	code = pmn_merge_reader_open(&write->table->lsm, layout, runs, run_count,
								 &options, &reader);
	if (code == PMN_OK)
		code = pmn_data_writer_open(&write->table->lsm, bucket->bucket, 0,
									PMN_SOURCE_APPEND, &writer);
	if (code == PMN_OK)
		code = pump(write, reader, writer);
	if (code == PMN_OK)
		code = add_files(write, bucket, writer);
	pmn_data_writer_close(writer);
	pmn_merge_reader_close(reader);
	return code;
}

static PmnCode
finish_bucket(PmnWrite *write, WriteBucket *bucket, const PmnKvLayout *layout)
{
	PmnCode code;

	if (write->table->lsm.is_keyed)
	{
		if (pmn_sort_buffer_rows(bucket->buffer) == 0)
			return PMN_OK;
		code = finish_keyed(write, bucket, layout);
	}
	else
	{
		code = flush_append(write, bucket);
		if (code == PMN_OK)
			code = finish_append(write, bucket);
	}
	/* The memory is not needed any more; there may be many buckets. */
	pmn_sort_buffer_destroy(bucket->buffer);
	bucket->buffer = NULL;
	return code;
}

PmnCode
pmn_write_finish(PmnWrite *write, PmnMessage **out)
{
	PmnKvLayout *layout = NULL;

	*out = NULL;
	PMN_ASSERT(!write->is_finished);
	if (write->table->lsm.is_keyed)
		PMN_TRY(all_fields_layout(write, &layout));
	for (size_t b = 0; b < write->buckets.count; b++)
		PMN_TRY(finish_bucket(write, write->buckets.items[b], layout));
	if (write->route.hash_index != NULL && write->message != NULL)
		PMN_TRY(pmn_hash_index_finish(write->route.hash_index, write->message));
	write->is_finished = true;
	*out = write->message;
	write->message = NULL;
	return PMN_OK;
}

static PmnCode
copy_pending(PmnWrite *write, const PmnWriteRequest *request)
{
	for (uint32_t m = 0; m < request->pending_count; m++)
	{
		const PmnEntryList *files = &request->pending[m]->new_files;

		PMN_TRY(pmn_array_reserve(write->env, &write->pending, files->count));
		for (size_t i = 0; i < files->count; i++)
		{
			PMN_TRY(pmn_manifest_entry_copy(
				write->arena, &files->items[i],
				&write->pending.items[write->pending.count]));
			write->pending.count++;
		}
	}
	return PMN_OK;
}

PmnCode
pmn_write_open(PmnTable *table, const PmnWriteRequest *request, PmnWrite **out)
{
	PmnWrite *write;
	PmnCode code;

	*out = NULL;
	PMN_TRY(pmn_table_check_write(table));
	if (table->lsm.schema->id != table->latest_schema->id)
		return pmn_fail(table->env, PMN_INVALID,
						"table \"%s\" was opened for reading an older schema",
						table->name);
	write = pmn_alloc(table->env, sizeof(*write));
	if (write == NULL)
		return PMN_NO_MEMORY;
	write->env = table->env;
	write->table = table;
	write->base_snapshot_id = request->base_snapshot_id;
	write->memory_limit_bytes = request->memory_limit_bytes == 0
									? DEFAULT_MEMORY_LIMIT
									: request->memory_limit_bytes;
	pmn_map_init(&write->bucket_map, table->env);
	pmn_map_init(&write->restored_map, table->env);
	pmn_partition_set_init(&write->rescaled, table->env);
	code = pmn_arena_create(table->env, 0, &write->arena);
	if (code == PMN_OK)
		code = pmn_route_init(&write->route, table, write->arena);
	if (code == PMN_OK)
		code = pmn_defaults_make(write->arena, table->lsm.schema,
								 &write->defaults);
	if (code == PMN_OK && table->lsm.is_keyed && table->options.bucket == -1)
		code = pmn_hash_index_open(table, request->base_snapshot_id,
								   request->pending, request->pending_count,
								   &write->route.hash_index);
	if (code == PMN_OK)
		code = copy_pending(write, request);
	if (code == PMN_OK)
		*out = write;
	else
		pmn_write_close(write);
	return code;
}

void
pmn_write_close(PmnWrite *write)
{
	if (write == NULL)
		return;
	for (size_t b = 0; b < write->buckets.count; b++)
	{
		pmn_data_writer_close(write->buckets.items[b]->writer);
		pmn_sort_buffer_destroy(write->buckets.items[b]->buffer);
	}
	if (write->message != NULL)
	{
		pmn_message_discard(write->table, write->message);
		pmn_message_close(write->message);
	}
	pmn_hash_index_close(write->route.hash_index);
	pmn_route_free(&write->route);
	pmn_defaults_free(&write->defaults);
	pmn_map_free(&write->bucket_map);
	pmn_map_free(&write->restored_map);
	pmn_partition_set_free(&write->rescaled);
	pmn_array_free(write->env, &write->buckets);
	pmn_array_free(write->env, &write->pending);
	pmn_array_free(write->env, &write->restored);
	pmn_array_free(write->env, &write->manifests);
	pmn_array_free(write->env, &write->rows);
	pmn_array_free(write->env, &write->bucket_of_row);
	pmn_array_free(write->env, &write->sorted_rows);
	pmn_arena_destroy(write->arena);
	pmn_free(write->env, write, sizeof(*write));
}
