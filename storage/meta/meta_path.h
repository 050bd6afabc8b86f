/*
 * meta_path.h
 *
 * Every path and file name of a table, in one place (format/metadata.md 1).
 * Results are made in the arena given; NULL means memory is out.
 */
#ifndef META_PATH_H
#define META_PATH_H

#include "../type/type.h"

/* Where one table (and branch) lives. */
typedef struct PmnTablePath
{
	const char *root;			/* "/warehouse/db.db/t" */
	const char *branch;			/* NULL for main */
	const char *data_directory; /* option data-file.path-directory or NULL */
} PmnTablePath;

char *pmn_path_database(PmnArena *arena, const char *warehouse,
						const char *database);
char *pmn_path_table(PmnArena *arena, const char *warehouse,
					 const char *database, const char *table);
/* "<root or branch root>/schema", "snapshot", "tag", "changelog" ... */
char *pmn_path_branch_directory(PmnArena *arena, const PmnTablePath *path,
								const char *directory);
char *pmn_path_schema(PmnArena *arena, const PmnTablePath *path, int64_t id);
char *pmn_path_snapshot(PmnArena *arena, const PmnTablePath *path, int64_t id);
char *pmn_path_tag(PmnArena *arena, const PmnTablePath *path, const char *name);
/* A file of <root>/manifest, whatever the branch. */
char *pmn_path_manifest(PmnArena *arena, const PmnTablePath *path,
						PmnBytes name);

/* How partition values become directory names. */
typedef struct PmnPartitionNaming
{
	const PmnType *const *types;
	const char *const *names;
	uint32_t count;
	bool legacy_name;		  /* option partition.legacy-name */
	const char *default_name; /* option partition.default-name */
} PmnPartitionNaming;

/*
 * pmn_path_partition -- append "dt=20673/h=1/" (empty when unpartitioned).
 * Errors PMN_INVALID: a value whose directory would be "." or "..".
 */
PMN_CHECKED PmnCode pmn_path_partition(PmnBuffer *dst,
									   const PmnPartitionNaming *naming,
									   const PmnValue *values);

/*
 * pmn_path_bucket -- the directory of a bucket:
 * "<root>[/<data dir>]/<partition>bucket-N". partition is what
 * pmn_path_partition appended.
 */
char *pmn_path_bucket(PmnArena *arena, const PmnTablePath *path,
					  const char *partition, int32_t bucket);

/*
 * pmn_path_data_file -- a data file. file_name comes from a manifest and is
 * checked (pmn_path_check_name). An external path of another file system is
 * PMN_UNSUPPORTED.
 */
PMN_CHECKED PmnCode pmn_path_data_file(PmnArena *arena, PmnEnv *env,
									   const PmnTablePath *path,
									   const char *bucket_directory,
									   PmnBytes file_name,
									   const PmnBytes *external_path,
									   char **out);

/*
 * pmn_path_index_file -- an index file, in <root>/index whatever the branch,
 * or in a bucket's directory when that is not NULL. external_path as above.
 */
PMN_CHECKED PmnCode pmn_path_index_file(PmnArena *arena, PmnEnv *env,
										const PmnTablePath *path,
										const char *bucket_directory,
										PmnBytes file_name,
										const PmnBytes *external_path,
										char **out);

/* Format of a file by its name: "parquet", "orc", ... in arena. */
char *pmn_path_format(PmnArena *arena, PmnBytes file_name);

/*
 * Whether a name found in a file may become one path component (the rules of
 * pmn_path_check_name, and no NUL). Stores no error.
 */
bool pmn_path_name_is_valid(PmnBytes name);

/* Id in "<prefix><digits>", or -1. */
int64_t pmn_path_parse_id(const char *name, const char *prefix);

#endif /* META_PATH_H */
