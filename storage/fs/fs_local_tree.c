/*
 * fs_local_tree.c
 *
 * Listing a directory and removing a tree.
 *
 * Entries may vanish while we look: another process expires snapshots or
 * cleans orphans. A vanished entry is skipped, never an error.
 *
 * Removal works on descriptors and never follows a symbolic link, so a link
 * put into the tree by somebody else costs us the link and not its target.
 */
#include "fs_local_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_DEPTH_MAX 64

static bool
is_dot(const char *name)
{
	return name[0] == '.' &&
		   (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Open a directory below parent_fd; NULL with errno on failure. */
static DIR *
open_directory(int parent_fd, const char *name, int flags)
{
	DIR *dir;
	int fd;

	PMN_RETRY_EINTR(fd, openat(parent_fd, name,
							   O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));
	if (fd < 0)
		return NULL;
	dir = fdopendir(fd);
	if (dir == NULL)
	{
		int number = errno;

		close(fd);
		errno = number;
	}
	return dir;
}

static PmnCode
add_entry(PmnArena *arena, PmnFileList *out, const char *name,
		  const struct stat *info)
{
	PmnFileEntry *entry;

	if (out->count == out->capacity)
	{
		size_t capacity = out->capacity == 0 ? 16 : out->capacity * 2;
		PmnFileEntry *items = pmn_arena_alloc(arena, capacity * sizeof(*items));

		if (items == NULL)
			return PMN_NO_MEMORY;
		if (out->count > 0)
			memcpy(items, out->items, out->count * sizeof(*items));
		out->items = items;
		out->capacity = capacity;
	}
	entry = &out->items[out->count];
	entry->name = pmn_arena_string(arena, name);
	if (entry->name == NULL)
		return PMN_NO_MEMORY;
	entry->is_directory = S_ISDIR(info->st_mode);
	entry->size_bytes = entry->is_directory ? 0 : (int64_t) info->st_size;
	entry->modified_millis =
		(int64_t) info->st_mtim.tv_sec * 1000 + info->st_mtim.tv_nsec / 1000000;
	out->count++;
	return PMN_OK;
}

static PmnCode
list_entries(PmnEnv *env, DIR *dir, const char *path, PmnArena *arena,
			 PmnFileList *out)
{
	for (size_t seen = 0;; seen++)
	{
		struct dirent *found;
		struct stat info;

		if (seen % 256 == 0)
			PMN_TRY(pmn_poll(env));
		errno = 0;
		found = readdir(dir);
		if (found == NULL)
			break;
		if (is_dot(found->d_name))
			continue;
		if (fstatat(dirfd(dir), found->d_name, &info, 0) == 0)
			PMN_TRY(add_entry(arena, out, found->d_name, &info));
		else if (errno != ENOENT && errno != ELOOP)
			return pmn_local_fail(env, errno, "stat a file of", path);
	}
	if (errno != 0)
		return pmn_local_fail(env, errno, "list directory", path);
	return PMN_OK;
}

PmnCode
pmn_local_list(PmnFileSystem *fs, const char *path, PmnArena *arena,
			   PmnFileList *out)
{
	DIR *dir = open_directory(AT_FDCWD, path, 0);
	PmnCode code;

	if (dir == NULL)
		return pmn_local_fail(fs->env, errno, "list directory", path);
	code = list_entries(fs->env, dir, path, arena, out);
	closedir(dir);
	if (code != PMN_OK)
		memset(out, 0, sizeof(*out));
	return code;
}

static PmnCode remove_directory(PmnEnv *env, int parent_fd, const char *name,
								const char *path, int depth);

static PmnCode
remove_entry(PmnEnv *env, int parent_fd, const char *name, const char *path,
			 int depth)
{
	PMN_TRY(pmn_poll(env));
	if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
		return PMN_OK;
	/* Linux says EISDIR for a directory, POSIX allows EPERM. */
	if (errno != EISDIR && errno != EPERM)
		return pmn_local_fail(env, errno, "remove a file of", path);
	return remove_directory(env, parent_fd, name, path, depth);
}

static PmnCode
remove_directory(PmnEnv *env, int parent_fd, const char *name, const char *path,
				 int depth)
{
	DIR *dir;
	PmnCode code = PMN_OK;

	if (depth > TREE_DEPTH_MAX)
		return pmn_fail(env, PMN_INVALID,
						"directory \"%s\" is more than %d levels deep", path,
						TREE_DEPTH_MAX);
	dir = open_directory(parent_fd, name, O_NOFOLLOW);
	if (dir == NULL && errno == ENOENT)
		return PMN_OK;
	if (dir == NULL)
		return pmn_local_fail(env, errno, "remove", path);
	while (code == PMN_OK)
	{
		struct dirent *found;

		errno = 0;
		found = readdir(dir);
		if (found == NULL && errno != 0)
			code = pmn_local_fail(env, errno, "list directory", path);
		if (found == NULL)
			break;
		if (!is_dot(found->d_name))
			code =
				remove_entry(env, dirfd(dir), found->d_name, path, depth + 1);
	}
	closedir(dir);
	if (code == PMN_OK && unlinkat(parent_fd, name, AT_REMOVEDIR) != 0 &&
		errno != ENOENT)
		code = pmn_local_fail(env, errno, "remove directory", path);
	return code;
}

PmnCode
pmn_local_remove_tree(PmnFileSystem *fs, const char *path)
{
	struct stat info;

	if (lstat(path, &info) != 0)
	{
		if (errno == ENOENT || errno == ENOTDIR)
			return PMN_OK;
		return pmn_local_fail(fs->env, errno, "remove", path);
	}
	PMN_TRY(remove_entry(fs->env, AT_FDCWD, path, path, 0));
	return pmn_local_sync_parent(fs->env, path);
}
