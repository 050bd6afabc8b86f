/*
 * table_route.c
 *
 * Rows to partitions and buckets (format/metadata.md 6). Partition rows are
 * interned: each distinct one gets a number once. Inserted data mostly comes
 * in stretches of one partition, so a row is first compared with the row
 * before it, and only a change costs a hash look-up.
 *
 * An append table without a bucket count (bucket = -1) puts every row into
 * bucket 0. A keyed one has dynamic buckets: the rows of each partition of a
 * batch are looked up in its hash index together.
 */
#include "table_route.h"

#include <string.h>

PmnCode
pmn_route_init(PmnRoute *route, PmnTable *table, PmnArena *arena)
{
	const PmnLsm *lsm = &table->lsm;
	uint32_t count = table->options.bucket_key_count;
	uint32_t room = lsm->partition_count > count ? lsm->partition_count : count;

	memset(route, 0, sizeof(*route));
	route->table = table;
	route->arena = arena;
	route->last_partition = PMN_MAP_NONE;
	pmn_buffer_init(&route->row, table->env);
	pmn_map_init(&route->partition_map, table->env);
	route->bucket_fields = pmn_arena_alloc(arena, count * sizeof(uint32_t));
	route->bucket_types =
		pmn_arena_alloc(arena, count * sizeof(const PmnType *));
	route->values = pmn_arena_alloc(arena, room * sizeof(PmnValue));
	if (route->bucket_fields == NULL || route->bucket_types == NULL ||
		route->values == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
	{
		const char *name = table->options.bucket_keys[i];
		int32_t field = pmn_schema_field_index(lsm->schema, name);

		if (field < 0)
			return pmn_fail(table->env, PMN_INVALID,
							"table \"%s\" has no column \"%s\", which its "
							"option \"bucket-key\" names",
							table->name, name);
		route->bucket_fields[i] = (uint32_t) field;
		route->bucket_types[i] = &lsm->schema->fields[field].type;
	}
	route->bucket_field_count = count;
	return PMN_OK;
}

void
pmn_route_free(PmnRoute *route)
{
	PmnEnv *env;

	if (route->table == NULL)
		return;
	env = route->table->env;
	pmn_buffer_free(&route->row);
	pmn_map_free(&route->partition_map);
	pmn_array_free(env, &route->partitions);
	pmn_array_free(env, &route->row_partitions);
	pmn_array_free(env, &route->row_buckets);
	pmn_array_free(env, &route->chain_heads);
	pmn_array_free(env, &route->chain_next);
	pmn_array_free(env, &route->hashes);
	pmn_array_free(env, &route->hash_rows);
	pmn_array_free(env, &route->hash_buckets);
}

/* Number of the partition whose row is in route->row. */
static PmnCode
intern(PmnRoute *route, uint32_t *out)
{
	PmnBytes row = pmn_bytes(route->row.data, route->row.size);
	uint64_t hash = pmn_hash_bytes(0, row.data, row.size);
	size_t probe = 0;
	void *copy;

	while ((*out = pmn_map_next(&route->partition_map, hash, &probe)) !=
		   PMN_MAP_NONE)
	{
		if (pmn_bytes_equal(route->partitions.items[*out], row))
			return PMN_OK;
	}
	*out = (uint32_t) route->partitions.count;
	copy = pmn_arena_copy(route->arena, row.data, row.size);
	if (copy == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_array_reserve(route->table->env, &route->partitions, 1));
	PMN_TRY(pmn_map_put(&route->partition_map, hash, *out));
	route->partitions.items[route->partitions.count++] =
		pmn_bytes(copy, row.size);
	return PMN_OK;
}

static PmnCode
find_partition(PmnRoute *route, const PmnBatch *batch, uint32_t row,
			   uint32_t *out)
{
	const PmnLsm *lsm = &route->table->lsm;

	for (uint32_t i = 0; i < lsm->partition_count; i++)
		route->values[i] =
			pmn_vector_value(&batch->columns[lsm->partition_fields[i]], row);
	pmn_buffer_reset(&route->row);
	PMN_TRY(pmn_row_append_serialized(&route->row, lsm->partition_types,
									  route->values, lsm->partition_count));
	return intern(route, out);
}

/* Whether two rows have the same partition values, bit for bit. */
static bool
same_partition(const PmnLsm *lsm, const PmnBatch *batch, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < lsm->partition_count; i++)
	{
		const PmnVector *column = &batch->columns[lsm->partition_fields[i]];
		size_t width = pmn_vector_width(column->kind);
		const uint8_t *values = column->values;
		bool a_null = column->nulls != NULL && column->nulls[a] != 0;
		bool b_null = column->nulls != NULL && column->nulls[b] != 0;

		if (a_null != b_null)
			return false;
		if (a_null)
			continue;
		if (column->kind == PMN_VECTOR_BYTES)
		{
			const PmnBytes *bytes = column->values;

			if (!pmn_bytes_equal(bytes[a], bytes[b]))
				return false;
		}
		else if (column->kind == PMN_VECTOR_TS96)
		{
			/* Field by field: the padding may differ. */
			const PmnTimestamp *times = column->values;

			if (times[a].millis != times[b].millis ||
				times[a].nano != times[b].nano)
				return false;
		}
		else if (memcmp(values + a * width, values + b * width, width) != 0)
			return false;
	}
	return true;
}

static PmnCode
route_partitions(PmnRoute *route, const PmnBatch *batch, const uint32_t *rows,
				 uint32_t count)
{
	uint32_t *out = route->row_partitions.items;

	for (uint32_t i = 0; i < count; i++)
	{
		if (i > 0 &&
			same_partition(&route->table->lsm, batch, rows[i - 1], rows[i]))
			out[i] = out[i - 1];
		else
			PMN_TRY(find_partition(route, batch, rows[i], &out[i]));
	}
	return PMN_OK;
}

PmnCode
pmn_route_bucket(PmnRoute *route, const PmnBatch *batch,
				 const int32_t *field_columns, uint32_t row,
				 int32_t total_buckets, int32_t *bucket)
{
	for (uint32_t i = 0; i < route->bucket_field_count; i++)
	{
		uint32_t field = route->bucket_fields[i];
		uint32_t column =
			field_columns == NULL ? field : (uint32_t) field_columns[field];

		route->values[i] = pmn_vector_value(&batch->columns[column], row);
	}
	return pmn_bucket_of(route->table->options.bucket_function,
						 route->bucket_types, route->values,
						 route->bucket_field_count, total_buckets, &route->row,
						 bucket);
}

/* ---- dynamic buckets -------------------------------------------------- */

static PmnCode
hash_key(PmnRoute *route, const PmnBatch *batch, uint32_t row, int32_t *hash)
{
	for (uint32_t i = 0; i < route->bucket_field_count; i++)
		route->values[i] =
			pmn_vector_value(&batch->columns[route->bucket_fields[i]], row);
	pmn_buffer_reset(&route->row);
	PMN_TRY(pmn_row_append(&route->row, route->bucket_types, route->values,
						   route->bucket_field_count));
	*hash = pmn_row_hash(pmn_bytes(route->row.data, route->row.size));
	return PMN_OK;
}

/* Rows of one partition as a chain from its head, in any order. */
static PmnCode
chain_rows(PmnRoute *route, uint32_t count)
{
	PmnEnv *env = route->table->env;
	size_t partitions = route->partitions.count;

	route->chain_heads.count = 0;
	route->chain_next.count = 0;
	PMN_TRY(pmn_array_reserve(env, &route->chain_heads, partitions));
	PMN_TRY(pmn_array_reserve(env, &route->chain_next, count));
	memset(route->chain_heads.items, 0xff, partitions * sizeof(uint32_t));
	for (uint32_t i = count; i-- > 0;)
	{
		uint32_t *head =
			&route->chain_heads.items[route->row_partitions.items[i]];

		route->chain_next.items[i] = *head;
		*head = i;
	}
	return PMN_OK;
}

/* The rows of the partition whose chain begins at first. */
static PmnCode
route_chain(PmnRoute *route, const PmnBatch *batch, const uint32_t *rows,
			uint32_t first)
{
	PmnBytes partition =
		route->partitions.items[route->row_partitions.items[first]];
	uint32_t count = 0;

	for (uint32_t i = first; i != UINT32_MAX; i = route->chain_next.items[i])
	{
		PMN_TRY(hash_key(route, batch, rows[i], &route->hashes.items[count]));
		route->hash_rows.items[count++] = i;
	}
	PMN_TRY(pmn_hash_index_assign(route->hash_index, partition,
								  route->hashes.items, count,
								  route->hash_buckets.items));
	for (uint32_t i = 0; i < count; i++)
		route->row_buckets.items[route->hash_rows.items[i]] =
			route->hash_buckets.items[i];
	return PMN_OK;
}

static PmnCode
route_dynamic(PmnRoute *route, const PmnBatch *batch, const uint32_t *rows,
			  uint32_t count)
{
	PmnEnv *env = route->table->env;

	route->hashes.count = route->hash_rows.count = route->hash_buckets.count =
		0;
	PMN_TRY(pmn_array_reserve(env, &route->hashes, count));
	PMN_TRY(pmn_array_reserve(env, &route->hash_rows, count));
	PMN_TRY(pmn_array_reserve(env, &route->hash_buckets, count));
	PMN_TRY(chain_rows(route, count));
	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t *head =
			&route->chain_heads.items[route->row_partitions.items[i]];

		/* At the first row of each partition, for all of them. */
		if (*head != i)
			continue;
		PMN_TRY(route_chain(route, batch, rows, i));
	}
	return PMN_OK;
}

PmnCode
pmn_route_batch(PmnRoute *route, const PmnBatch *batch, const uint32_t *rows,
				uint32_t count)
{
	PmnEnv *env = route->table->env;
	int32_t total_buckets = route->table->options.bucket;

	route->row_partitions.count = 0;
	route->row_buckets.count = 0;
	PMN_TRY(pmn_array_reserve(env, &route->row_partitions, count));
	PMN_TRY(pmn_array_reserve(env, &route->row_buckets, count));
	PMN_TRY(route_partitions(route, batch, rows, count));
	if (route->hash_index != NULL)
		return route_dynamic(route, batch, rows, count);
	if (total_buckets <= 1)
	{
		memset(route->row_buckets.items, 0, count * sizeof(int32_t));
		return PMN_OK;
	}
	for (uint32_t i = 0; i < count; i++)
		PMN_TRY(pmn_route_bucket(route, batch, NULL, rows[i], total_buckets,
								 &route->row_buckets.items[i]));
	return PMN_OK;
}
