/*
 * fs_local_write.c
 *
 * Two ways to write. A writer streams a data file straight to its final
 * name, created with O_EXCL: data file names hold a UUID and nobody reads one
 * before a snapshot names it, so no rename is needed. Until finish, closing
 * removes the file.
 *
 * put publishes small files (snapshots, schemas, hints) that others look
 * for by name, so they must appear whole or not at all:
 *
 *   NEW        write ".<name>.<uuid>.tmp", fsync, link(2) to the name,
 *              unlink the temporary, fsync the directory
 *   OVERWRITE  the same with rename(2)
 *
 * Without the fsync of the directory (NEW_UNSYNCED) a crash may take the name,
 * but no name ever shows half a file; without both (HINT) it may.
 *
 * link fails with EEXIST when the name is taken, also between machines on
 * NFS. There the reply to a link that worked may be lost and the repeated
 * request then says EEXIST, so a failed link is believed only when the file
 * still has one name. Where links are unknown, renameat2 with
 * RENAME_NOREPLACE does the same; without either we refuse.
 *
 * Crash: before the link nothing is visible; between link and unlink the
 * file is published and a hidden temporary is left for orphan cleaning.
 */
#include "fs_local_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_BUFFER ((size_t) 128 * 1024)

typedef struct LocalWriter
{
	PmnFileWriter base;
	int fd; /* -1 once closed */
	bool finished;
	size_t pending_size;
	uint8_t *pending;
	size_t alloc_size;
	char path[];
} LocalWriter;

static PmnCode
flush_pending(LocalWriter *writer)
{
	size_t size = writer->pending_size;

	writer->pending_size = 0;
	return pmn_local_write_all(writer->base.fs->env, writer->fd, writer->path,
							   writer->pending, size);
}

static PmnCode
writer_write(PmnFileWriter *base, PmnBytes src)
{
	LocalWriter *writer = (LocalWriter *) base;

	PMN_ASSERT(!writer->finished && writer->fd >= 0);
	if (src.size > WRITE_BUFFER - writer->pending_size)
		PMN_TRY(flush_pending(writer));
	if (src.size >= WRITE_BUFFER)
		return pmn_local_write_all(base->fs->env, writer->fd, writer->path,
								   src.data, src.size);
	memcpy(writer->pending + writer->pending_size, src.data, src.size);
	writer->pending_size += src.size;
	return PMN_OK;
}

static PmnCode
writer_finish(PmnFileWriter *base)
{
	LocalWriter *writer = (LocalWriter *) base;
	PmnEnv *env = base->fs->env;
	int fd = writer->fd;

	PMN_ASSERT(!writer->finished && fd >= 0);
	PMN_TRY(flush_pending(writer));
	PMN_TRY(pmn_local_sync(env, fd, writer->path));
	writer->fd = -1;
	/* An interrupted close has closed: never repeat it. */
	if (close(fd) != 0 && errno != EINTR)
		return pmn_local_fail(env, errno, "close file", writer->path);
	PMN_TRY(pmn_local_sync_parent(env, writer->path));
	writer->finished = true;
	return PMN_OK;
}

static void
writer_close(PmnFileWriter *base)
{
	LocalWriter *writer = (LocalWriter *) base;
	PmnEnv *env = base->fs->env;

	if (writer->fd >= 0)
		close(writer->fd);
	if (!writer->finished)
		unlink(writer->path);
	pmn_free(env, writer->pending, WRITE_BUFFER);
	pmn_free(env, writer, writer->alloc_size);
}

PmnCode
pmn_local_open_write(PmnFileSystem *fs, const char *path, PmnFileWriter **out)
{
	size_t path_size = strlen(path) + 1;
	LocalWriter *writer = pmn_alloc(fs->env, sizeof(*writer) + path_size);
	PmnCode code;

	if (writer == NULL)
		return PMN_NO_MEMORY;
	writer->alloc_size = sizeof(*writer) + path_size;
	writer->pending = pmn_alloc_raw(fs->env, WRITE_BUFFER);
	code = writer->pending == NULL
			   ? PMN_NO_MEMORY
			   : pmn_local_create(fs->env, path, &writer->fd);
	if (code != PMN_OK)
	{
		pmn_free(fs->env, writer->pending, WRITE_BUFFER);
		pmn_free(fs->env, writer, writer->alloc_size);
		return code;
	}
	memcpy(writer->path, path, path_size);
	writer->base.write = writer_write;
	writer->base.finish = writer_finish;
	writer->base.close = writer_close;
	writer->base.fs = fs;
	writer->base.path = writer->path;
	*out = &writer->base;
	return PMN_OK;
}

/* ".<name>.<uuid>.tmp" beside path; a long name is cut to fit 255 bytes. */
static PmnCode
temporary_path(PmnEnv *env, const char *path, char dst[4096])
{
	char parent[4096];
	char uuid[37];
	const char *name = strrchr(path, '/') + 1;
	int size;

	PMN_TRY(pmn_local_parent(env, path, parent));
	pmn_uuid(env, uuid);
	size = snprintf(dst, 4096, "%s/.%.200s.%s.tmp",
					strcmp(parent, "/") == 0 ? "" : parent, name, uuid);
	if (name[0] == '\0' || size < 0 || size >= 4096)
		return pmn_fail(env, PMN_INVALID, "path \"%.200s\" names no file",
						path);
	return PMN_OK;
}

/* Give the temporary its final name if that is free. */
static PmnCode
publish_new(PmnEnv *env, int fd, const char *temporary, const char *path,
			bool *renamed)
{
	struct stat info;
	int number;

	if (link(temporary, path) == 0)
		return PMN_OK;
	number = errno;
	if (fstat(fd, &info) == 0 && info.st_nlink == 2)
		return PMN_OK;
	if (number == EPERM || number == EOPNOTSUPP || number == ENOSYS ||
		number == EMLINK)
	{
		if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) ==
			0)
		{
			*renamed = true;
			return PMN_OK;
		}
		if (errno == EINVAL || errno == ENOSYS)
			return pmn_fail(env, PMN_UNSUPPORTED,
							"the file system of \"%s\" can neither link nor "
							"rename without replacing, so commits would not "
							"be safe",
							path);
		number = errno;
	}
	if (number == EEXIST)
		return pmn_fail(env, PMN_EXISTS, "file \"%s\" exists already", path);
	return pmn_local_fail(env, number, "create file", path);
}

static PmnCode
write_and_publish(PmnEnv *env, int fd, const char *temporary, const char *path,
				  PmnPutMode mode, PmnBytes src, bool *renamed)
{
	PMN_TRY(pmn_local_write_all(env, fd, temporary, src.data, src.size));
	if (mode != PMN_PUT_HINT)
		PMN_TRY(pmn_local_sync(env, fd, temporary));
	if (mode == PMN_PUT_NEW || mode == PMN_PUT_NEW_UNSYNCED)
		return publish_new(env, fd, temporary, path, renamed);
	if (rename(temporary, path) != 0)
		return pmn_local_fail(env, errno, "replace file", path);
	*renamed = true;
	return PMN_OK;
}

PmnCode
pmn_local_put(PmnFileSystem *fs, const char *path, PmnPutMode mode,
			  PmnBytes src)
{
	PmnEnv *env = fs->env;
	char temporary[4096];
	bool renamed = false;
	PmnCode code;
	int fd;

	PMN_TRY(temporary_path(env, path, temporary));
	PMN_TRY(pmn_local_create(env, temporary, &fd));
	code = write_and_publish(env, fd, temporary, path, mode, src, &renamed);
	close(fd);
	if (!renamed)
		unlink(temporary);
	if (code == PMN_OK && (mode == PMN_PUT_NEW || mode == PMN_PUT_OVERWRITE))
		code = pmn_local_sync_parent(env, path);
	return code;
}
