/*
 * fs_local.c
 *
 * The local file system (and whatever is mounted there, NFS included):
 * opening, reading, existence, directories; the shared helpers. Writing is
 * in fs_local_write.c, listing and removal of trees in fs_local_tree.c.
 *
 * Durability: a file is fsynced before it counts as written, and so is the
 * directory that got its entry. Directories we make are made durable one by
 * one from the top, so a crash never leaves a durable file in a directory
 * that is not. fsync is never retried: after a failure the kernel may have
 * dropped the dirty pages, and a second call would report success.
 *
 * Every descriptor is close-on-exec; only interrupted calls are repeated.
 */
#include "fs_local_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK ((size_t) 16 * 1024 * 1024)

typedef struct LocalReader
{
	PmnFileReader base;
	int fd;
	size_t alloc_size;
	char path[];
} LocalReader;

PmnCode
pmn_local_fail(PmnEnv *env, int number, const char *action, const char *path)
{
	char text[128];
	const char *reason = strerror_r(number, text, sizeof(text));
	PmnCode code;

	switch (number)
	{
		case ENOENT:
		case ENOTDIR:
			code = PMN_NOT_FOUND;
			break;
		case EEXIST:
			code = PMN_EXISTS;
			break;
		case EACCES:
		case EPERM:
		case EROFS:
			code = PMN_DENIED;
			break;
		case ENOSPC:
		case EDQUOT:
			code = PMN_NO_SPACE;
			break;
		default:
			code = PMN_IO;
			break;
	}
	return pmn_fail(env, code, "could not %s \"%s\": %s", action, path, reason);
}

PmnCode
pmn_local_parent(PmnEnv *env, const char *path, char dst[4096])
{
	size_t size = strlen(path);

	while (size > 1 && path[size - 1] == '/')
		size--;
	while (size > 0 && path[size - 1] != '/')
		size--;
	while (size > 1 && path[size - 1] == '/')
		size--;
	if (size >= 4096)
		return pmn_fail(env, PMN_INVALID, "path \"%.200s...\" is too long",
						path);
	memcpy(dst, path, size);
	dst[size] = '\0';
	return PMN_OK;
}

PmnCode
pmn_local_sync(PmnEnv *env, int fd, const char *path)
{
	int result;

	PMN_RETRY_EINTR(result, fsync(fd));
	if (result != 0)
		return pmn_local_fail(env, errno, "fsync", path);
	return PMN_OK;
}

PmnCode
pmn_local_sync_directory(PmnEnv *env, const char *path)
{
	PmnCode code = PMN_OK;
	int fd;

	PMN_RETRY_EINTR(fd, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd < 0)
		return pmn_local_fail(env, errno, "open directory", path);
	/* Some mounts can't fsync a directory and say so; nothing is lost. */
	if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
		code = pmn_local_fail(env, errno, "fsync directory", path);
	close(fd);
	return code;
}

PmnCode
pmn_local_sync_parent(PmnEnv *env, const char *path)
{
	char parent[4096];

	PMN_TRY(pmn_local_parent(env, path, parent));
	return pmn_local_sync_directory(env, parent);
}

/* path is there; is it a directory? */
static PmnCode
check_directory(PmnEnv *env, const char *path)
{
	struct stat info;

	if (stat(path, &info) != 0)
		return pmn_local_fail(env, errno, "make directory", path);
	if (!S_ISDIR(info.st_mode))
		return pmn_fail(env, PMN_IO,
						"could not make directory \"%s\": it is a file", path);
	return PMN_OK;
}

PmnCode
pmn_local_make_directories(PmnEnv *env, const char *path)
{
	char text[4096];
	size_t size = strlen(path);
	size_t at;
	bool made = true;

	while (size > 1 && path[size - 1] == '/')
		size--;
	if (size >= sizeof(text))
		return pmn_fail(env, PMN_INVALID, "path \"%.200s...\" is too long",
						path);
	memcpy(text, path, size);
	text[size] = '\0';
	at = size;
	/* Up to the deepest directory that can be made, or is there ... */
	while (mkdir(text, 0777) != 0)
	{
		if (errno == EEXIST)
		{
			PMN_TRY(check_directory(env, text));
			if (at == size)
				return PMN_OK; /* nothing was missing */
			made = false;
			break;
		}
		if (errno != ENOENT)
			return pmn_local_fail(env, errno, "make directory", text);
		while (at > 1 && text[at] != '/')
			at--;
		while (at > 1 && text[at - 1] == '/')
			at--;
		if (at <= 1)
			return pmn_local_fail(env, ENOENT, "make directory", path);
		text[at] = '\0';
	}
	if (made)
		PMN_TRY(pmn_local_sync_parent(env, text));
	/* ... and down again. Someone else may be making the same ones. */
	while (at < size)
	{
		text[at] = '/';
		at += strlen(text + at);
		if (mkdir(text, 0777) != 0)
		{
			if (errno != EEXIST)
				return pmn_local_fail(env, errno, "make directory", text);
			PMN_TRY(check_directory(env, text));
		}
		PMN_TRY(pmn_local_sync_parent(env, text));
	}
	return PMN_OK;
}

PmnCode
pmn_local_create(PmnEnv *env, const char *path, int *fd)
{
	char parent[4096];

	PMN_TRY(pmn_local_parent(env, path, parent));
	/* Someone may remove an empty directory just after we made it. */
	for (int attempt = 0; attempt < 3; attempt++)
	{
		PMN_RETRY_EINTR(
			*fd, open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY,
					  0666));
		if (*fd >= 0)
			return PMN_OK;
		if (errno == EEXIST)
			return pmn_fail(env, PMN_EXISTS, "file \"%s\" exists already",
							path);
		if (errno != ENOENT)
			break;
		PMN_TRY(pmn_local_make_directories(env, parent));
		errno = ENOENT;
	}
	return pmn_local_fail(env, errno, "create file", path);
}

PmnCode
pmn_local_write_all(PmnEnv *env, int fd, const char *path, const uint8_t *src,
					size_t size)
{
	while (size > 0)
	{
		size_t chunk = size < READ_CHUNK ? size : READ_CHUNK;
		ssize_t done;

		PMN_RETRY_EINTR(done, write(fd, src, chunk));
		if (done < 0)
			return pmn_local_fail(env, errno, "write file", path);
		if (done == 0)
			return pmn_local_fail(env, ENOSPC, "write file", path);
		src += done;
		size -= (size_t) done;
		if (size > 0)
			PMN_TRY(pmn_poll(env));
	}
	return PMN_OK;
}

static PmnCode
reader_read_at(PmnFileReader *base, uint64_t offset, size_t size, uint8_t *dst)
{
	LocalReader *reader = (LocalReader *) base;
	PmnEnv *env = base->fs->env;

	while (size > 0)
	{
		size_t chunk = size < READ_CHUNK ? size : READ_CHUNK;
		ssize_t done;

		PMN_RETRY_EINTR(done, pread(reader->fd, dst, chunk, (off_t) offset));
		if (done < 0)
			return pmn_local_fail(env, errno, "read file", base->path);
		if (done == 0)
			return pmn_fail(env, PMN_CORRUPT,
							"file \"%s\" ends at byte %" PRIu64
							", it was %" PRIu64 " bytes when it was opened",
							base->path, offset, base->size_bytes);
		dst += done;
		size -= (size_t) done;
		offset += (uint64_t) done;
		if (size > 0)
			PMN_TRY(pmn_poll(env));
	}
	return PMN_OK;
}

static void
reader_close(PmnFileReader *base)
{
	LocalReader *reader = (LocalReader *) base;

	close(reader->fd);
	pmn_free(base->fs->env, reader, reader->alloc_size);
}

static PmnCode
local_open_read(PmnFileSystem *fs, const char *path, PmnFileReader **out)
{
	size_t path_size = strlen(path) + 1;
	LocalReader *reader = pmn_alloc(fs->env, sizeof(*reader) + path_size);
	struct stat info;
	PmnCode code = PMN_OK;

	if (reader == NULL)
		return PMN_NO_MEMORY;
	reader->alloc_size = sizeof(*reader) + path_size;
	/* O_NONBLOCK: a named pipe must not hang us before fstat sees it. */
	PMN_RETRY_EINTR(reader->fd,
					open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
	if (reader->fd < 0)
		code = pmn_local_fail(fs->env, errno, "open file", path);
	else if (fstat(reader->fd, &info) != 0)
		code = pmn_local_fail(fs->env, errno, "stat file", path);
	else if (!S_ISREG(info.st_mode))
		code = pmn_fail(fs->env, PMN_IO, "\"%s\" is not a regular file", path);
	if (code != PMN_OK)
	{
		if (reader->fd >= 0)
			close(reader->fd);
		pmn_free(fs->env, reader, reader->alloc_size);
		return code;
	}
	memcpy(reader->path, path, path_size);
	reader->base.read_at = reader_read_at;
	reader->base.close = reader_close;
	reader->base.fs = fs;
	reader->base.size_bytes = (uint64_t) info.st_size;
	reader->base.modified_millis =
		(int64_t) info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
	reader->base.path = reader->path;
	*out = &reader->base;
	return PMN_OK;
}

static PmnCode
local_exists(PmnFileSystem *fs, const char *path, bool *exists)
{
	struct stat info;

	*exists = stat(path, &info) == 0;
	if (!*exists && errno != ENOENT && errno != ENOTDIR)
		return pmn_local_fail(fs->env, errno, "stat", path);
	return PMN_OK;
}

static PmnCode
local_make_directory(PmnFileSystem *fs, const char *path)
{
	return pmn_local_make_directories(fs->env, path);
}

static PmnCode
local_sync_directory(PmnFileSystem *fs, const char *path)
{
	return pmn_local_sync_directory(fs->env, path);
}

static PmnCode
local_remove(PmnFileSystem *fs, const char *path)
{
	if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
		return pmn_local_fail(fs->env, errno, "remove file", path);
	return PMN_OK;
}

static void
local_close(PmnFileSystem *fs)
{
	pmn_free(fs->env, fs, sizeof(*fs));
}

static const PmnFileSystemOps local_ops = {
	.scheme = "file",
	.open_read = local_open_read,
	.open_write = pmn_local_open_write,
	.put = pmn_local_put,
	.list = pmn_local_list,
	.exists = local_exists,
	.make_directory = local_make_directory,
	.sync_directory = local_sync_directory,
	.remove = local_remove,
	.remove_tree = pmn_local_remove_tree,
	.close = local_close,
};

PmnCode
pmn_fs_local_open(PmnEnv *env, PmnFileSystem **out)
{
	*out = pmn_alloc(env, sizeof(**out));
	if (*out == NULL)
		return PMN_NO_MEMORY;
	(*out)->ops = &local_ops;
	(*out)->env = env;
	return PMN_OK;
}
