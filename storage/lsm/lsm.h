/*
 * lsm.h
 *
 * What all parts of the LSM share about one table: where it lives, its
 * schema, keys and options, and the layout of key-value batches. Made once by
 * table_open.c, read-only afterwards (apart from the cache of old schemas).
 */
#ifndef LSM_H
#define LSM_H

#include "../format/format.h"
#include "../meta/meta_manifest.h"
#include "../meta/meta_merge.h"
#include "../meta/meta_path.h"
#include "../type/type_compare.h"

typedef struct PmnLsm
{
	PmnEnv *env;
	PmnFileSystem *fs;
	PmnArena *arena; /* lives as long as the table; holds old schemas */
	PmnTablePath path;
	const PmnSchema *schema;
	/* The same without the columns that row tracking adds; what files of this
	 * schema have. NULL where they are not shown. */
	const PmnSchema *stored_schema;
	const PmnTableOptions *options;
	bool keeps_metadata; /* of data files, between openings */
	bool is_keyed;		 /* has a primary key */
	/* Trimmed primary key, partition, user sequence (sequence.field):
	 * positions in schema->fields, and their types. */
	const uint32_t *key_fields;
	const PmnType *const *key_types;
	uint32_t key_count;
	const uint32_t *partition_fields;
	const PmnType *const *partition_types;
	uint32_t partition_count;
	const uint32_t *sequence_fields;
	const PmnType *const *sequence_types;
	uint32_t sequence_count;
	PmnPartitionNaming partition_naming;
	/* Schemas of older files, by id; filled by pmn_lsm_schema. */
	PMN_ARRAY(const PmnSchema *) schemas;
} PmnLsm;

/* Schema by id, from the cache or the table. */
PMN_CHECKED PmnCode pmn_lsm_schema(PmnLsm *lsm, int64_t id,
								   const PmnSchema **out);

/* One bucket of one partition. Strings and values live with its maker. */
typedef struct PmnBucket
{
	PmnBytes partition_row;			  /* serialized, as in manifests */
	const PmnValue *partition_values; /* partition_count of them */
	const char *directory;			  /* pmn_path_bucket's result */
	int32_t bucket;
	int32_t total_buckets;
} PmnBucket;

/*
 * pmn_bucket_make -- a bucket from a manifest entry's fields, everything in
 * arena.
 */
PMN_CHECKED PmnCode pmn_bucket_make(PmnLsm *lsm, PmnArena *arena,
									PmnBytes partition_row, int32_t bucket,
									int32_t total_buckets, PmnBucket **out);

/*
 * Layout of key-value batches: column 0 is the sequence number (I64), column
 * 1 the row kind (I32), column 2 + i holds schema field fields[i]. The key's
 * and the user sequence's fields are among them, and the ordering columns of
 * sequence groups that have another column among them or remove rows.
 */
#define PMN_KV_SEQUENCE 0
#define PMN_KV_KIND 1
#define PMN_KV_FIELDS 2

typedef struct PmnKvLayout
{
	const uint32_t *fields;
	uint32_t field_count;
	PmnKeyColumns key;		/* batch columns of the trimmed key */
	PmnKeyColumns sequence; /* batch columns of sequence.field */
	const PmnMergeOptions *merge;
	/* Ordering columns of each of merge->groups; count 0 when no column of
	 * the group is wanted. */
	const PmnKeyColumns *groups;
} PmnKvLayout;

/*
 * pmn_kv_layout_make -- wanted fields plus those that merging needs and that
 * are missing, appended at the end; in arena.
 */
PMN_CHECKED PmnCode pmn_kv_layout_make(PmnLsm *lsm, PmnArena *arena,
									   const uint32_t *fields,
									   uint32_t field_count, PmnKvLayout **out);

/*
 * pmn_kv_compare_order -- order of two rows that have one key
 * (format/data.md 3.3): user sequence, sequence number, retract before add.
 * > 0 when a is the newer one. The batches may differ.
 */
int pmn_kv_compare_order(const PmnLsm *lsm, const PmnKvLayout *layout,
						 const PmnBatch *a, uint32_t a_row, const PmnBatch *b,
						 uint32_t b_row);

/* A growable list of data files (env memory; contents in some arena). */
typedef struct PmnFileMetas
{
	PmnDataFile *items;
	size_t count;
	size_t capacity;
} PmnFileMetas;

#endif /* LSM_H */
