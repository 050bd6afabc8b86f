/*
 * table_route.h
 *
 * Which partition and bucket a row belongs to, a batch at a time.
 */
#ifndef TABLE_ROUTE_H
#define TABLE_ROUTE_H

#include "table_hash_index.h"

/* What the table already has in one bucket. */
typedef struct PmnRestored
{
	PmnBytes partition;
	int32_t bucket;
	int64_t max_sequence_number;
} PmnRestored;

typedef struct PmnRoute
{
	PmnTable *table;
	PmnArena *arena;
	uint32_t *bucket_fields;
	const PmnType **bucket_types;
	uint32_t bucket_field_count;
	PmnValue *values;				/* room for a partition's or bucket key's */
	PmnBuffer row;					/* scratch */
	PMN_ARRAY(PmnBytes) partitions; /* serialized rows, in arena */
	PmnMap partition_map;
	uint32_t last_partition; /* PMN_MAP_NONE at first */
	/* Dynamic buckets; NULL otherwise. Set by the writer, which owns it. */
	PmnHashIndex *hash_index;
	/* By row of the batch at hand. */
	PMN_ARRAY(uint32_t) row_partitions;
	PMN_ARRAY(int32_t) row_buckets;
	/* Scratch of dynamic buckets: rows of each partition as chains. */
	PMN_ARRAY(uint32_t) chain_heads;
	PMN_ARRAY(uint32_t) chain_next;
	PMN_ARRAY(int32_t) hashes;
	PMN_ARRAY(uint32_t) hash_rows;
	PMN_ARRAY(int32_t) hash_buckets;
} PmnRoute;

PMN_CHECKED PmnCode pmn_route_init(PmnRoute *route, PmnTable *table,
								   PmnArena *arena);
void pmn_route_free(PmnRoute *route);

/* Fill row_partitions and row_buckets for rows[0 .. count - 1] of batch;
 * item i is row rows[i]'s. */
PMN_CHECKED PmnCode pmn_route_batch(PmnRoute *route, const PmnBatch *batch,
									const uint32_t *rows, uint32_t count);

/* The bucket of one row; also used to verify files. */
PMN_CHECKED PmnCode pmn_route_bucket(PmnRoute *route, const PmnBatch *batch,
									 const int32_t *field_columns, uint32_t row,
									 int32_t total_buckets, int32_t *bucket);

#endif /* TABLE_ROUTE_H */
