/*
 * meta_options.h
 *
 * Paimon's table options: one const table with name, type, default, and what
 * we do about each, and the values of one schema parsed into a struct.
 */
#ifndef META_OPTIONS_H
#define META_OPTIONS_H

#include "../type/type_row.h"
#include "../type/type_stats.h"

typedef enum PmnMergeEngine
{
	PMN_MERGE_DEDUPLICATE,
	PMN_MERGE_PARTIAL_UPDATE,
	PMN_MERGE_AGGREGATION,
	PMN_MERGE_FIRST_ROW
} PmnMergeEngine;

typedef enum PmnChangelogProducer
{
	PMN_CHANGELOG_NONE,
	PMN_CHANGELOG_INPUT,
	PMN_CHANGELOG_FULL_COMPACTION,
	PMN_CHANGELOG_LOOKUP
} PmnChangelogProducer;

typedef struct PmnTableOptions
{
	int32_t bucket;				 /* N > 0, -1, -2 */
	int32_t dynamic_bucket_rows; /* keys of a bucket before the next one */
	int32_t dynamic_bucket_max;	 /* -1: as many as there can be */
	PmnBucketFunction bucket_function;
	PmnMergeEngine merge_engine;
	PmnChangelogProducer changelog_producer;
	const char *file_format;
	const char *file_compression;
	int32_t zstd_level;
	const char *manifest_compression;
	const char *data_file_prefix;
	const char *data_file_path_directory; /* NULL */
	const char *partition_default_name;
	bool partition_legacy_name;
	int64_t target_file_size; /* 128 MB keyed, 256 MB append */
	int64_t row_group_size;	  /* file.block-size; 0 = default */
	int64_t manifest_target_size;
	int64_t manifest_full_compaction_size;
	int32_t manifest_merge_min_count;
	int32_t compaction_trigger; /* num-sorted-run.compaction-trigger */
	int32_t num_levels;
	int32_t max_size_amplification_percent;
	int32_t size_ratio;
	double small_file_ratio;
	int32_t commit_max_retries;
	int64_t commit_min_retry_wait_ms;
	int64_t commit_max_retry_wait_ms;
	bool ignore_delete;
	bool ignore_update_before;
	bool deletion_vectors;
	bool deletion_vectors_merge_on_read;
	bool force_lookup;
	bool index_in_data_directory; /* index-file-in-data-file-dir */
	bool thin_mode;
	bool write_only;
	bool suffix_includes_compression;
	bool row_tracking;
	bool data_evolution;
	bool stats_dense_store;
	bool bucket_append_ordered;
	bool force_rewrite_all_files;
	PmnStatsMode stats_mode;
	int32_t stats_keep_first_n;
	const char **sequence_fields; /* names, in order */
	uint32_t sequence_field_count;
	bool sequence_descending;
	const char **bucket_keys; /* names; trimmed primary key by default */
	uint32_t bucket_key_count;
} PmnTableOptions;

/*
 * pmn_options_parse -- all options of a schema. Sizes ("8 mb"), durations
 * ("1 h") and lists are parsed; a bad value is PMN_INVALID with the option's
 * name. Unknown options are kept silently: other engines' options live
 * there too.
 */
PMN_CHECKED PmnCode pmn_options_parse(PmnArena *arena, PmnEnv *env,
									  const PmnSchema *schema,
									  PmnTableOptions *out);

/*
 * pmn_options_check_read, pmn_options_check_write -- PMN_UNSUPPORTED with
 * the option and its value in detail when a table must not be read or
 * written by us.
 */
PMN_CHECKED PmnCode pmn_options_check_read(PmnEnv *env, const PmnSchema *schema,
										   const PmnTableOptions *options);
PMN_CHECKED PmnCode pmn_options_check_write(PmnEnv *env,
											const PmnSchema *schema,
											const PmnTableOptions *options);

/* Statistics mode of a column: fields.<c>.stats-mode, position, table. */
PMN_CHECKED PmnCode pmn_options_stats_mode(PmnEnv *env, const PmnSchema *schema,
										   const PmnTableOptions *options,
										   uint32_t field, PmnStatsMode *out);

/* Trimmed primary key: positions in schema->fields. count may be 0. */
PMN_CHECKED PmnCode pmn_schema_trimmed_key(PmnArena *arena,
										   const PmnSchema *schema,
										   uint32_t **positions,
										   uint32_t *count);
/* Positions of partition columns. */
PMN_CHECKED PmnCode pmn_schema_partition(PmnArena *arena,
										 const PmnSchema *schema,
										 uint32_t **positions, uint32_t *count);

#endif /* META_OPTIONS_H */
