/*
 * table_verify_file.c
 *
 * One data file against its manifest entry: size, rows, kinds and sequence
 * numbers, keys (strictly ascending, first and last as stated), statistics
 * (every value within, null counts exact) and the bucket of each row. Columns
 * of types we cannot read are left out.
 */
#include "table_verify.h"

#include <string.h>

#include "../lsm/lsm_slice.h"
#include "table_route.h"
#include "table_scan.h"

typedef struct FileCheck
{
	PmnVerify *verify;
	const PmnManifestEntry *entry;
	const PmnDataFile *file;
	PmnBytes name;
	PmnArena *arena; /* of this file */
	PmnBucket *bucket;
	uint32_t *fields; /* readable schema fields */
	uint32_t field_count;
	int32_t *field_columns; /* by schema field; -1: not read */
	PmnKvLayout *layout;	/* keyed tables */
	PmnFileStats stats;
	PmnRoute route;
	bool has_route;
	/* What was found. */
	uint64_t rows;
	int64_t deletes;
	int64_t min_sequence;
	int64_t max_sequence;
	int64_t *null_counts; /* by schema field */
	bool *out_of_range;	  /* reported already */
	PmnValue *last_key;	  /* of the batch before; bytes in key_bytes */
	PmnBuffer *key_bytes;
	PmnValue *min_key; /* as stated */
	PmnValue *max_key;
	bool key_reported;
	bool bucket_reported;
} FileCheck;

static uint32_t
first_column(const FileCheck *check)
{
	return check->verify->table->lsm.is_keyed ? PMN_KV_FIELDS : 0;
}

static PmnCode
choose_fields(FileCheck *check)
{
	const PmnSchema *schema = check->verify->table->lsm.schema;
	uint32_t count = schema->field_count;

	check->fields = pmn_arena_alloc(check->arena, count * sizeof(uint32_t));
	check->field_columns =
		pmn_arena_alloc(check->arena, count * sizeof(int32_t));
	check->null_counts = pmn_arena_alloc(check->arena, count * sizeof(int64_t));
	check->out_of_range = pmn_arena_alloc(check->arena, count);
	if (check->fields == NULL || check->field_columns == NULL ||
		check->null_counts == NULL || check->out_of_range == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t f = 0; f < count; f++)
	{
		check->field_columns[f] = -1;
		/* Data evolution: others hold the column. */
		if (check->file->has_write_cols && check->stats.file_fields[f] >= 0 &&
			!pmn_data_file_holds(check->file, check->stats.file_schema,
								 schema->fields[f].id))
			continue;
		if (pmn_type_vector_kind(&schema->fields[f].type) == PMN_VECTOR_NONE)
			continue;
		check->field_columns[f] =
			(int32_t) (first_column(check) + check->field_count);
		check->fields[check->field_count++] = f;
	}
	return PMN_OK;
}

static PmnCode
prepare_keys(FileCheck *check)
{
	PmnLsm *lsm = &check->verify->table->lsm;
	size_t bytes = lsm->key_count * sizeof(PmnValue);

	if (!lsm->is_keyed)
		return PMN_OK;
	check->last_key = pmn_arena_alloc(check->arena, bytes);
	check->min_key = pmn_arena_alloc(check->arena, bytes);
	check->max_key = pmn_arena_alloc(check->arena, bytes);
	check->key_bytes =
		pmn_arena_alloc(check->arena, lsm->key_count * sizeof(PmnBuffer));
	if (check->last_key == NULL || check->min_key == NULL ||
		check->max_key == NULL || check->key_bytes == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < lsm->key_count; i++)
		pmn_buffer_init(&check->key_bytes[i], lsm->env);
	PMN_TRY(pmn_row_parse(lsm->env, check->file->min_key, lsm->key_types,
						  lsm->key_count, check->min_key));
	PMN_TRY(pmn_row_parse(lsm->env, check->file->max_key, lsm->key_types,
						  lsm->key_count, check->max_key));
	return pmn_kv_layout_make(lsm, check->arena, check->fields,
							  check->field_count, &check->layout);
}

/* Rows are hashed only where the bucket key reads as it was written. */
static PmnCode
prepare_route(FileCheck *check)
{
	PmnTable *table = check->verify->table;

	if (check->entry->total_buckets <= 0 ||
		table->options.bucket_key_count == 0)
		return PMN_OK;
	PMN_TRY(pmn_route_init(&check->route, table, check->arena));
	check->has_route = true;
	for (uint32_t i = 0; i < check->route.bucket_field_count; i++)
	{
		uint32_t field = check->route.bucket_fields[i];

		if (!check->stats.same_type[field] || check->field_columns[field] < 0)
			check->has_route = false;
	}
	return PMN_OK;
}

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

static void
row_key(const FileCheck *check, const PmnBatch *batch, uint32_t row,
		PmnValue *out)
{
	const PmnKeyColumns *key = &check->layout->key;

	for (uint32_t i = 0; i < key->count; i++)
		out[i] = pmn_vector_value(&batch->columns[key->columns[i]], row);
}

/* Keep the last key of a batch: the next batch reuses its memory. */
static PmnCode
keep_key(FileCheck *check, const PmnBatch *batch)
{
	const PmnLsm *lsm = &check->verify->table->lsm;

	row_key(check, batch, batch->row_count - 1, check->last_key);
	for (uint32_t i = 0; i < lsm->key_count; i++)
	{
		PmnValue *value = &check->last_key[i];
		PmnBuffer *bytes = &check->key_bytes[i];

		if (pmn_type_vector_kind(lsm->key_types[i]) != PMN_VECTOR_BYTES ||
			value->is_null)
			continue;
		pmn_buffer_reset(bytes);
		PMN_TRY(pmn_buffer_append(bytes, value->as.bytes.data,
								  value->as.bytes.size));
		value->as.bytes = pmn_bytes(bytes->data, bytes->size);
	}
	return PMN_OK;
}

static PmnCode
check_keys(FileCheck *check, const PmnBatch *batch, PmnValue *key)
{
	const PmnLsm *lsm = &check->verify->table->lsm;
	const PmnKeyColumns *columns = &check->layout->key;

	row_key(check, batch, 0, key);
	if (check->rows == 0)
	{
		if (compare_keys(lsm, key, check->min_key) != 0)
			pmn_verify_report(check->verify, check->name,
							  "its first key is not its minimum key");
	}
	else if (compare_keys(lsm, check->last_key, key) >= 0)
		check->key_reported = true;
	for (uint32_t row = 1; row < batch->row_count; row++)
		check->key_reported |=
			pmn_rows_compare(columns, batch, row - 1, columns, batch, row) >= 0;
	return keep_key(check, batch);
}

static void
check_system_columns(FileCheck *check, const PmnBatch *batch)
{
	const int64_t *sequences = batch->columns[PMN_KV_SEQUENCE].values;
	const int32_t *kinds = batch->columns[PMN_KV_KIND].values;

	for (uint32_t row = 0; row < batch->row_count; row++)
	{
		if (sequences[row] < check->min_sequence)
			check->min_sequence = sequences[row];
		if (sequences[row] > check->max_sequence)
			check->max_sequence = sequences[row];
		check->deletes +=
			kinds[row] == PMN_DELETE || kinds[row] == PMN_UPDATE_BEFORE;
	}
}

/* Whether a value lies within a column's statistics. */
static bool
is_inside(const PmnType *type, const PmnColumnStats *stats,
		  const PmnValue *value)
{
	return (stats->min.is_null ||
			pmn_value_compare(type, value, &stats->min) >= 0) &&
		   (stats->max.is_null ||
			pmn_value_compare(type, value, &stats->max) <= 0);
}

static void
check_column(FileCheck *check, const PmnBatch *batch, uint32_t field)
{
	const PmnField *column = &check->verify->table->lsm.schema->fields[field];
	const PmnVector *vector = &batch->columns[check->field_columns[field]];
	const PmnColumnStats *stats = &check->stats.columns[field];
	bool is_known = check->stats.known[field];

	for (uint32_t row = 0; row < batch->row_count; row++)
	{
		PmnValue value = pmn_vector_value(vector, row);

		if (value.is_null)
			check->null_counts[field]++;
		else if (is_known && !check->out_of_range[field] &&
				 !is_inside(&column->type, stats, &value))
		{
			check->out_of_range[field] = true;
			pmn_verify_report(check->verify, check->name,
							  "column \"%s\" has a value outside of its "
							  "statistics",
							  column->name);
		}
	}
}

static PmnCode
check_buckets(FileCheck *check, const PmnBatch *batch)
{
	for (uint32_t row = 0; row < batch->row_count && !check->bucket_reported;
		 row++)
	{
		int32_t bucket = 0;

		PMN_TRY(pmn_route_bucket(&check->route, batch, check->field_columns,
								 row, check->entry->total_buckets, &bucket));
		if (bucket == check->entry->bucket)
			continue;
		check->bucket_reported = true;
		pmn_verify_report(check->verify, check->name,
						  "has a row of bucket %" PRId32 " in bucket %" PRId32,
						  bucket, check->entry->bucket);
	}
	return PMN_OK;
}

static PmnCode
check_batch(FileCheck *check, const PmnBatch *batch, PmnValue *key)
{
	if (batch->row_count == 0)
		return PMN_OK;
	if (check->layout != NULL)
	{
		check_system_columns(check, batch);
		PMN_TRY(check_keys(check, batch, key));
	}
	for (uint32_t i = 0; i < check->field_count; i++)
		check_column(check, batch, check->fields[i]);
	if (check->has_route)
		PMN_TRY(check_buckets(check, batch));
	check->rows += batch->row_count;
	return PMN_OK;
}

static PmnCode
read_rows(FileCheck *check)
{
	PmnLsm *lsm = &check->verify->table->lsm;
	PmnDataFileRequest request = {
		.file = check->file,
		.bucket = check->bucket,
		.is_key_value = lsm->is_keyed,
		.fields = check->layout != NULL ? check->layout->fields : check->fields,
		.field_count = check->layout != NULL ? check->layout->field_count
											 : check->field_count,
	};
	PmnValue *key =
		pmn_arena_alloc(check->arena, lsm->key_count * sizeof(*key));
	PmnDataFileReader *reader = NULL;
	PmnBatch *batch = NULL;
	uint64_t first_row = 0;
	PmnCode code;

	if (key == NULL)
		return PMN_NO_MEMORY;
	code = pmn_data_file_open(lsm, &request, &reader);
	while (code == PMN_OK)
	{
		code = pmn_data_file_next(reader, &batch, &first_row);
		if (code != PMN_OK || batch == NULL)
			break;
		code = check_batch(check, batch, key);
	}
	pmn_data_file_close(reader);
	return code;
}

static void
compare_number(FileCheck *check, const char *what, int64_t found,
			   int64_t stated)
{
	if (found != stated)
		pmn_verify_report(check->verify, check->name,
						  "%s is %" PRId64 ", the manifest says %" PRId64, what,
						  found, stated);
}

static void
compare_results(FileCheck *check)
{
	const PmnTable *table = check->verify->table;
	const PmnSchema *schema = table->lsm.schema;
	const PmnDataFile *file = check->file;

	compare_number(check, "row count", (int64_t) check->rows, file->row_count);
	for (uint32_t f = 0; f < schema->field_count; f++)
	{
		const PmnColumnStats *stats = &check->stats.columns[f];

		/* Partition columns are read from the manifest, not the file. */
		if (check->field_columns[f] < 0 || !check->stats.known[f] ||
			stats->null_count < 0 || stats->null_count == check->null_counts[f])
			continue;
		pmn_verify_report(check->verify, check->name,
						  "column \"%s\" has %" PRId64 " nulls, its "
						  "statistics say %" PRId64,
						  schema->fields[f].name, check->null_counts[f],
						  stats->null_count);
	}
	if (check->layout == NULL || check->rows == 0)
		return;
	if (check->key_reported)
		pmn_verify_report(check->verify, check->name,
						  "its keys are not strictly ascending");
	if (compare_keys(&table->lsm, check->last_key, check->max_key) != 0)
		pmn_verify_report(check->verify, check->name,
						  "its last key is not its maximum key");
	compare_number(check, "lowest sequence number", check->min_sequence,
				   file->min_sequence_number);
	compare_number(check, "highest sequence number", check->max_sequence,
				   file->max_sequence_number);
	if (file->has_delete_row_count)
		compare_number(check, "number of delete rows", check->deletes,
					   file->delete_row_count);
}

static PmnCode
check_size(FileCheck *check)
{
	PmnTable *table = check->verify->table;
	PmnFileReader *reader = NULL;
	char *path = NULL;

	/* Whether a part is there is seen when its rows are read. */
	if (pmn_slice_is_one(check->name))
		return PMN_OK;
	PMN_TRY(pmn_table_file_path(table, check->arena, check->entry, &path));
	PMN_TRY(pmn_fs_open_read(table->fs, path, &reader));
	compare_number(check, "size", (int64_t) reader->size_bytes,
				   check->file->file_size);
	pmn_file_reader_close(reader);
	return PMN_OK;
}

static PmnCode
check_file(FileCheck *check)
{
	const PmnManifestEntry *entry = check->entry;

	PMN_TRY(check_size(check));
	/* Rows of postpone buckets are unsorted and without numbers. */
	if (entry->bucket < 0)
		return PMN_OK;
	PMN_TRY(pmn_bucket_make(&check->verify->table->lsm, check->arena,
							entry->partition, entry->bucket,
							entry->total_buckets, &check->bucket));
	PMN_TRY(pmn_file_stats_values(&check->stats, check->file));
	PMN_TRY(choose_fields(check));
	PMN_TRY(prepare_keys(check));
	PMN_TRY(prepare_route(check));
	PMN_TRY(read_rows(check));
	compare_results(check);
	return PMN_OK;
}

PmnCode
pmn_verify_file(PmnVerify *verify, const PmnManifestEntry *entry)
{
	FileCheck check;
	PmnCode code;

	memset(&check, 0, sizeof(check));
	check.verify = verify;
	check.entry = entry;
	check.file = &entry->file;
	check.name = entry->file.file_name;
	check.min_sequence = INT64_MAX;
	check.max_sequence = INT64_MIN;
	PMN_TRY(pmn_arena_create(verify->env, 0, &check.arena));
	code = pmn_file_stats_init(&check.stats, verify->table, check.arena);
	if (code == PMN_OK)
		code = check_file(&check);
	for (uint32_t i = 0;
		 check.key_bytes != NULL && i < verify->table->lsm.key_count; i++)
	{
		if (check.key_bytes[i].env != NULL)
			pmn_buffer_free(&check.key_bytes[i]);
	}
	pmn_route_free(&check.route);
	pmn_file_stats_free(&check.stats);
	pmn_arena_destroy(check.arena);
	return pmn_verify_code(verify, check.name, code);
}
