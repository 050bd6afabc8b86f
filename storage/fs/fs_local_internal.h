/*
 * fs_local_internal.h
 *
 * What the files of the local file system share: errno to code, fsync of
 * directories, making of parents, whole writes.
 */
#ifndef FS_LOCAL_INTERNAL_H
#define FS_LOCAL_INTERNAL_H

#include "fs.h"

/* "could not <action> "<path>": <strerror>" with the code of number. */
PmnCode pmn_local_fail(PmnEnv *env, int number, const char *action,
					   const char *path);

/* Call until it isn't interrupted by a signal. */
#define PMN_RETRY_EINTR(result, call)                                          \
	do                                                                         \
	{                                                                          \
		(result) = (call);                                                     \
	} while ((result) < 0 && errno == EINTR)

/* path's parent: everything before the last "/", "/" itself for the top. */
PMN_CHECKED PmnCode pmn_local_parent(PmnEnv *env, const char *path,
									 char dst[4096]);
PMN_CHECKED PmnCode pmn_local_sync_directory(PmnEnv *env, const char *path);
PMN_CHECKED PmnCode pmn_local_sync_parent(PmnEnv *env, const char *path);
/* mkdir -p, durable; a directory already there is fine. */
PMN_CHECKED PmnCode pmn_local_make_directories(PmnEnv *env, const char *path);
PMN_CHECKED PmnCode pmn_local_write_all(PmnEnv *env, int fd, const char *path,
										const uint8_t *src, size_t size);
/* Create a new file for writing, parents included: *fd. */
PMN_CHECKED PmnCode pmn_local_create(PmnEnv *env, const char *path, int *fd);
PMN_CHECKED PmnCode pmn_local_sync(PmnEnv *env, int fd, const char *path);

/* In fs_local_write.c */
PmnCode pmn_local_open_write(PmnFileSystem *fs, const char *path,
							 PmnFileWriter **out);
PmnCode pmn_local_put(PmnFileSystem *fs, const char *path, PmnPutMode mode,
					  PmnBytes src);
/* In fs_local_tree.c */
PmnCode pmn_local_list(PmnFileSystem *fs, const char *path, PmnArena *arena,
					   PmnFileList *out);
PmnCode pmn_local_remove_tree(PmnFileSystem *fs, const char *path);

#endif /* FS_LOCAL_INTERNAL_H */
