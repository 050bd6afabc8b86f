/*
 * fs.c
 *
 * The checked wrappers everyone calls. Each one polls for cancellation,
 * counts what it asks of the store, checks the path, and only then calls
 * the implementation; implementations therefore need none of it.
 *
 * Reads are checked against the size known at open before any byte moves:
 * an offset that comes from a damaged file is PMN_CORRUPT, never a short
 * buffer. Paths may hold names that came out of metadata files, so "." and
 * ".." components are refused here, below every caller.
 */
#include "fs.h"

#include <stdarg.h>

#define READ_CHUNK ((size_t) 8 * 1024 * 1024)
#define PATH_SIZE_MAX 4096
#define NAME_SIZE_MAX 255

static PmnCode
check_path(const PmnFileSystem *fs, const char *path)
{
	const char *at = path;

	PMN_ASSERT(fs != NULL && fs->ops != NULL && path != NULL);
	if (path[0] != '/')
		return pmn_fail(fs->env, PMN_INVALID, "path \"%s\" is not absolute",
						path);
	if (strlen(path) >= PATH_SIZE_MAX)
		return pmn_fail(fs->env, PMN_INVALID, "path \"%.200s...\" is too long",
						path);
	while (*at != '\0')
	{
		size_t size;

		at++;
		size = strcspn(at, "/");
		if ((size == 1 && at[0] == '.') ||
			(size == 2 && at[0] == '.' && at[1] == '.'))
			return pmn_fail(fs->env, PMN_INVALID,
							"path \"%s\" has a \".\" or \"..\" in it", path);
		at += size;
	}
	return PMN_OK;
}

static PmnCode
begin(PmnFileSystem *fs, const char *path)
{
	PMN_TRY(pmn_poll(fs->env));
	return check_path(fs, path);
}

void
pmn_fs_close(PmnFileSystem *fs)
{
	if (fs != NULL)
		fs->ops->close(fs);
}

PmnCode
pmn_fs_open_read(PmnFileSystem *fs, const char *path, PmnFileReader **out)
{
	PmnCode code;

	*out = NULL;
	PMN_TRY(begin(fs, path));
	code = fs->ops->open_read(fs, path, out);
	PMN_ASSERT((code == PMN_OK) == (*out != NULL));
	return code;
}

PmnCode
pmn_file_read_at(PmnFileReader *reader, uint64_t offset, size_t size,
				 uint8_t *dst)
{
	PmnEnv *env = reader->fs->env;

	PMN_ASSERT(dst != NULL || size == 0);
	PMN_TRY(pmn_poll(env));
	if (offset > reader->size_bytes || size > reader->size_bytes - offset)
		return pmn_fail(env, PMN_CORRUPT,
						"file \"%s\" is %" PRIu64 " bytes, but %zu bytes at "
						"offset %" PRIu64 " are needed",
						reader->path, reader->size_bytes, size, offset);
	if (size == 0)
		return PMN_OK;
	env->counters.read_requests++;
	env->counters.read_bytes += size;
	return reader->read_at(reader, offset, size, dst);
}

void
pmn_file_reader_close(PmnFileReader *reader)
{
	if (reader != NULL)
		reader->close(reader);
}

PmnCode
pmn_fs_open_write(PmnFileSystem *fs, const char *path, PmnFileWriter **out)
{
	PmnCode code;

	*out = NULL;
	PMN_TRY(begin(fs, path));
	code = fs->ops->open_write(fs, path, out);
	PMN_ASSERT((code == PMN_OK) == (*out != NULL));
	return code;
}

PmnCode
pmn_file_write(PmnFileWriter *writer, PmnBytes src)
{
	PmnEnv *env = writer->fs->env;

	PMN_TRY(pmn_poll(env));
	if (src.size == 0)
		return PMN_OK;
	PMN_TRY(writer->write(writer, src));
	writer->size_bytes += src.size;
	env->counters.write_bytes += src.size;
	return PMN_OK;
}

PmnCode
pmn_file_finish(PmnFileWriter *writer)
{
	PMN_TRY(pmn_poll(writer->fs->env));
	writer->fs->env->counters.write_requests++;
	return writer->finish(writer);
}

void
pmn_file_writer_close(PmnFileWriter *writer)
{
	if (writer != NULL)
		writer->close(writer);
}

/* The whole of an open file; chunks keep cancellation prompt. */
static PmnCode
read_all(PmnFileReader *reader, size_t size_max, PmnBuffer *dst)
{
	PmnEnv *env = reader->fs->env;
	size_t size = (size_t) reader->size_bytes;
	size_t done = 0;

	if (reader->size_bytes > size_max)
		return pmn_fail(env, PMN_CORRUPT,
						"file \"%s\" is %" PRIu64
						" bytes, at most %zu are allowed",
						reader->path, reader->size_bytes, size_max);
	PMN_TRY(pmn_buffer_reserve(dst, size));
	while (done < size)
	{
		size_t chunk = size - done < READ_CHUNK ? size - done : READ_CHUNK;

		PMN_TRY(pmn_file_read_at(reader, done, chunk, dst->data + dst->size));
		dst->size += chunk;
		done += chunk;
	}
	return PMN_OK;
}

PmnCode
pmn_fs_read_file(PmnFileSystem *fs, const char *path, size_t size_max,
				 PmnBuffer *dst)
{
	PmnFileReader *reader;
	size_t size_before = dst->size;
	PmnCode code;

	PMN_TRY(pmn_fs_open_read(fs, path, &reader));
	code = read_all(reader, size_max, dst);
	if (code != PMN_OK)
		dst->size = size_before;
	pmn_file_reader_close(reader);
	return code;
}

PmnCode
pmn_fs_put(PmnFileSystem *fs, const char *path, PmnPutMode mode, PmnBytes src)
{
	PMN_ASSERT(mode >= PMN_PUT_NEW && mode <= PMN_PUT_HINT);
	PMN_TRY(begin(fs, path));
	fs->env->counters.write_requests++;
	fs->env->counters.write_bytes += src.size;
	return fs->ops->put(fs, path, mode, src);
}

PmnCode
pmn_fs_list(PmnFileSystem *fs, const char *path, PmnArena *arena,
			PmnFileList *out)
{
	memset(out, 0, sizeof(*out));
	PMN_TRY(begin(fs, path));
	fs->env->counters.list_requests++;
	return fs->ops->list(fs, path, arena, out);
}

PmnCode
pmn_fs_exists(PmnFileSystem *fs, const char *path, bool *exists)
{
	*exists = false;
	PMN_TRY(begin(fs, path));
	fs->env->counters.list_requests++;
	return fs->ops->exists(fs, path, exists);
}

PmnCode
pmn_fs_make_directory(PmnFileSystem *fs, const char *path)
{
	PMN_TRY(begin(fs, path));
	fs->env->counters.write_requests++;
	return fs->ops->make_directory(fs, path);
}

PmnCode
pmn_fs_sync_directory(PmnFileSystem *fs, const char *path)
{
	PMN_TRY(begin(fs, path));
	fs->env->counters.write_requests++;
	return fs->ops->sync_directory(fs, path);
}

PmnCode
pmn_fs_remove(PmnFileSystem *fs, const char *path)
{
	/* No poll: the files of a cancelled statement have to go, too. */
	PMN_TRY(check_path(fs, path));
	fs->env->counters.write_requests++;
	return fs->ops->remove(fs, path);
}

PmnCode
pmn_fs_remove_tree(PmnFileSystem *fs, const char *path)
{
	PMN_TRY(begin(fs, path));
	if (path[strspn(path, "/")] == '\0')
		return pmn_fail(fs->env, PMN_INVALID,
						"the root directory cannot be removed");
	fs->env->counters.write_requests++;
	return fs->ops->remove_tree(fs, path);
}

/* Append part to dst, which has room, with one "/" between; the new size. */
static size_t
join_part(char *dst, size_t size, const char *part)
{
	size_t part_size;

	if (size > 0)
		part += strspn(part, "/");
	part_size = strlen(part);
	/* A first component of slashes only is the root: one stays. */
	while (part_size > (size == 0 ? 1 : 0) && part[part_size - 1] == '/')
		part_size--;
	if (part_size == 0)
		return size;
	if (size > 0 && dst[size - 1] != '/')
		dst[size++] = '/';
	memcpy(dst + size, part, part_size);
	return size + part_size;
}

char *
pmn_path_join(PmnArena *arena, const char *first, ...)
{
	size_t room = strlen(first) + 1;
	size_t size;
	va_list args;
	char *path;

	va_start(args, first);
	for (const char *part; (part = va_arg(args, const char *)) != NULL;)
		room += strlen(part) + 1;
	va_end(args);
	path = pmn_arena_alloc_raw(arena, room, 1);
	if (path == NULL)
		return NULL;
	size = join_part(path, 0, first);
	va_start(args, first);
	for (const char *part; (part = va_arg(args, const char *)) != NULL;)
		size = join_part(path, size, part);
	va_end(args);
	PMN_ASSERT(size < room);
	path[size] = '\0';
	return path;
}

PmnCode
pmn_path_check_name(PmnEnv *env, const char *what, const char *name)
{
	size_t size = strlen(name);

	if (size == 0)
		return pmn_fail(env, PMN_INVALID, "%s name is empty", what);
	if (size > NAME_SIZE_MAX)
		return pmn_fail(env, PMN_INVALID,
						"%s name \"%.40s...\" is %zu bytes, at most %d are "
						"allowed",
						what, name, size, NAME_SIZE_MAX);
	for (size_t i = 0; i < size; i++)
		if ((uint8_t) name[i] < 0x20 || name[i] == 0x7f)
			return pmn_fail(env, PMN_INVALID,
							"%s name has a control character at byte %zu", what,
							i + 1);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return pmn_fail(env, PMN_INVALID, "%s name \"%s\" is not allowed", what,
						name);
	if (strpbrk(name, "/\\") != NULL)
		return pmn_fail(env, PMN_INVALID,
						"%s name \"%s\" has a slash or backslash", what, name);
	return PMN_OK;
}
