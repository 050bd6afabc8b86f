/*
 * fs.h
 *
 * Bytes somewhere. Paths are absolute within the file system ("/lake/x"),
 * without scheme. All calls count in env->counters and poll for
 * cancellation. One of the module's four interfaces: ops tables are const,
 * callers use the wrappers.
 */
#ifndef FS_H
#define FS_H

#include "../base/base_buffer.h"

typedef struct PmnFileSystem PmnFileSystem;
typedef struct PmnFileReader PmnFileReader;
typedef struct PmnFileWriter PmnFileWriter;

typedef enum PmnPutMode
{
	PMN_PUT_NEW,	   /* PMN_EXISTS when the file is there; atomic */
	PMN_PUT_OVERWRITE, /* replace, atomically */
	/* NEW, but the name lasts only after pmn_fs_sync_directory: for many
	 * files that nobody looks for before that. */
	PMN_PUT_NEW_UNSYNCED,
	/* OVERWRITE of what may be lost or cut when the machine crashes. */
	PMN_PUT_HINT
} PmnPutMode;

typedef struct PmnFileEntry
{
	const char *name; /* last component */
	bool is_directory;
	int64_t size_bytes;
	int64_t modified_millis; /* since 1970, UTC; 0 where it is not known */
} PmnFileEntry;

typedef struct PmnFileList
{
	PmnFileEntry *items;
	size_t count;
	size_t capacity;
} PmnFileList;

typedef struct PmnFileSystemOps
{
	const char *scheme;
	PmnCode (*open_read)(PmnFileSystem *fs, const char *path,
						 PmnFileReader **out);
	PmnCode (*open_write)(PmnFileSystem *fs, const char *path,
						  PmnFileWriter **out);
	PmnCode (*put)(PmnFileSystem *fs, const char *path, PmnPutMode mode,
				   PmnBytes src);
	PmnCode (*list)(PmnFileSystem *fs, const char *path, PmnArena *arena,
					PmnFileList *out);
	PmnCode (*exists)(PmnFileSystem *fs, const char *path, bool *exists);
	PmnCode (*make_directory)(PmnFileSystem *fs, const char *path);
	PmnCode (*sync_directory)(PmnFileSystem *fs, const char *path);
	PmnCode (*remove)(PmnFileSystem *fs, const char *path);
	PmnCode (*remove_tree)(PmnFileSystem *fs, const char *path);
	void (*close)(PmnFileSystem *fs);
} PmnFileSystemOps;

struct PmnFileSystem
{
	const PmnFileSystemOps *ops;
	PmnEnv *env;
};

/* Readers and writers start with this, their ops behind it. */
struct PmnFileReader
{
	PmnCode (*read_at)(PmnFileReader *reader, uint64_t offset, size_t size,
					   uint8_t *dst); /* exactly size bytes, else CORRUPT */
	void (*close)(PmnFileReader *reader);
	PmnFileSystem *fs;
	uint64_t size_bytes;
	int64_t modified_millis; /* as in PmnFileEntry */
	const char *path;		 /* owned by the reader */
};

struct PmnFileWriter
{
	PmnCode (*write)(PmnFileWriter *writer, PmnBytes src);
	PmnCode (*finish)(PmnFileWriter *writer); /* durable and visible */
	void (*close)(PmnFileWriter *writer);	  /* without finish: removed */
	PmnFileSystem *fs;
	uint64_t size_bytes; /* so far */
	const char *path;
};

/* The local file system. Parent directories are made by open_write and put;
 * files and new directory entries are fsynced. */
PMN_CHECKED PmnCode pmn_fs_local_open(PmnEnv *env, PmnFileSystem **out);
/* For tests: everything in memory; durable as long as the handle. */
PMN_CHECKED PmnCode pmn_fs_memory_open(PmnEnv *env, PmnFileSystem **out);
void pmn_fs_close(PmnFileSystem *fs); /* NULL allowed */

/* PMN_NOT_FOUND. */
PMN_CHECKED PmnCode pmn_fs_open_read(PmnFileSystem *fs, const char *path,
									 PmnFileReader **out);
PMN_CHECKED PmnCode pmn_file_read_at(PmnFileReader *reader, uint64_t offset,
									 size_t size, uint8_t *dst);
void pmn_file_reader_close(PmnFileReader *reader); /* NULL allowed */

/* The path must not exist yet (PMN_EXISTS). */
PMN_CHECKED PmnCode pmn_fs_open_write(PmnFileSystem *fs, const char *path,
									  PmnFileWriter **out);
PMN_CHECKED PmnCode pmn_file_write(PmnFileWriter *writer, PmnBytes src);
PMN_CHECKED PmnCode pmn_file_finish(PmnFileWriter *writer);
void pmn_file_writer_close(PmnFileWriter *writer); /* NULL allowed */

/* A whole file; more than size_max bytes is PMN_CORRUPT. */
PMN_CHECKED PmnCode pmn_fs_read_file(PmnFileSystem *fs, const char *path,
									 size_t size_max, PmnBuffer *dst);
PMN_CHECKED PmnCode pmn_fs_put(PmnFileSystem *fs, const char *path,
							   PmnPutMode mode, PmnBytes src);
/* Children of a directory, in no order; PMN_NOT_FOUND. items in arena. */
PMN_CHECKED PmnCode pmn_fs_list(PmnFileSystem *fs, const char *path,
								PmnArena *arena, PmnFileList *out);
PMN_CHECKED PmnCode pmn_fs_exists(PmnFileSystem *fs, const char *path,
								  bool *exists);
PMN_CHECKED PmnCode pmn_fs_make_directory(PmnFileSystem *fs, const char *path);
/* Make what was put into a directory so far last, names included. */
PMN_CHECKED PmnCode pmn_fs_sync_directory(PmnFileSystem *fs, const char *path);
/* A missing file is fine. */
PMN_CHECKED PmnCode pmn_fs_remove(PmnFileSystem *fs, const char *path);
PMN_CHECKED PmnCode pmn_fs_remove_tree(PmnFileSystem *fs, const char *path);

/*
 * Join components with one "/" each; NULL ends the list. Result in arena,
 * NULL when memory is out.
 */
char *pmn_path_join(PmnArena *arena, const char *first, ...);

/*
 * pmn_path_check_name -- a name from a user or a file that becomes one path
 * component: not empty, not "." or "..", no "/" "\\" NUL or control
 * character, at most 255 bytes. PMN_INVALID; what is for the message:
 * "table".
 */
PMN_CHECKED PmnCode pmn_path_check_name(PmnEnv *env, const char *what,
										const char *name);

#endif /* FS_H */
