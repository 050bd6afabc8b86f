/*
 * table_hash_index.h
 *
 * Dynamic buckets: which bucket holds the keys of each hash, and which one
 * takes a new hash (format/metadata.md 6.4). One for each writer.
 */
#ifndef TABLE_HASH_INDEX_H
#define TABLE_HASH_INDEX_H

#include "table_internal.h"

typedef struct PmnHashIndex PmnHashIndex;

/*
 * pmn_hash_index_open -- the index as the snapshot (0: none) and the pending
 * messages of the transaction, oldest first, leave it. Nothing is read before
 * the first assignment.
 */
PMN_CHECKED PmnCode pmn_hash_index_open(PmnTable *table, int64_t snapshot_id,
										const PmnMessage *const *pending,
										uint32_t pending_count,
										PmnHashIndex **out);
void pmn_hash_index_close(PmnHashIndex *index); /* NULL allowed */

/*
 * pmn_hash_index_assign -- the bucket of each of count key hashes of one
 * partition (its serialized row). New hashes get a bucket and are kept.
 */
PMN_CHECKED PmnCode pmn_hash_index_assign(PmnHashIndex *index,
										  PmnBytes partition,
										  const int32_t *hashes, uint32_t count,
										  int32_t *buckets);

/*
 * pmn_hash_index_finish -- write an index file for each bucket that got new
 * hashes, durably, and name in the message these and what the index was made
 * from. On failure the files written so far are named, too.
 */
PMN_CHECKED PmnCode pmn_hash_index_finish(PmnHashIndex *index,
										  PmnMessage *message);

#endif /* TABLE_HASH_INDEX_H */
