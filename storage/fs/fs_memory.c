/*
 * fs_memory.c
 *
 * A file system in memory, for tests and fuzzing: a list of paths, searched
 * from end to end. Directories exist because something lies in them or
 * because they were made. A reader copies the bytes at open, so a file may
 * be replaced or removed while it is read, as on the other stores.
 *
 * A written file appears at finish; the local file system shows it earlier,
 * under a name nobody knows. put and finish change the list only after all
 * allocations succeeded, so a failed call leaves no trace.
 */
#include "fs.h"

typedef struct MemoryFile
{
	char *path;
	uint8_t *data;
	size_t size;
	bool is_directory;
} MemoryFile;

typedef struct MemoryFileSystem
{
	PmnFileSystem base;
	PMN_ARRAY(MemoryFile) files;
} MemoryFileSystem;

typedef struct MemoryReader
{
	PmnFileReader base;
	uint8_t *data;
	char *path;
} MemoryReader;

typedef struct MemoryWriter
{
	PmnFileWriter base;
	PmnBuffer data;
	char *path;
} MemoryWriter;

static char *
copy_path(PmnEnv *env, const char *path)
{
	char *copy = pmn_alloc_raw(env, strlen(path) + 1);

	if (copy != NULL)
		memcpy(copy, path, strlen(path) + 1);
	return copy;
}

static void
free_path(PmnEnv *env, char *path)
{
	if (path != NULL)
		pmn_free(env, path, strlen(path) + 1);
}

static MemoryFile *
find(PmnFileSystem *base, const char *path)
{
	MemoryFileSystem *fs = (MemoryFileSystem *) base;

	for (size_t i = 0; i < fs->files.count; i++)
		if (strcmp(fs->files.items[i].path, path) == 0)
			return &fs->files.items[i];
	return NULL;
}

/* What path has below directory, or NULL: "x/y" for "/a" and "/a/x/y". */
static const char *
below(const char *path, const char *directory)
{
	size_t size = strlen(directory);

	while (size > 0 && directory[size - 1] == '/')
		size--;
	if (strncmp(path, directory, size) != 0 || path[size] != '/' ||
		path[size + 1] == '\0')
		return NULL;
	return path + size + 1;
}

static bool
directory_exists(PmnFileSystem *base, const char *path)
{
	MemoryFileSystem *fs = (MemoryFileSystem *) base;
	const MemoryFile *file = find(base, path);

	if (file != NULL && file->is_directory)
		return true;
	for (size_t i = 0; i < fs->files.count; i++)
		if (below(fs->files.items[i].path, path) != NULL)
			return true;
	return false;
}

static void
drop(MemoryFileSystem *fs, size_t index)
{
	MemoryFile *file = &fs->files.items[index];

	free_path(fs->base.env, file->path);
	pmn_free(fs->base.env, file->data, file->size);
	*file = fs->files.items[--fs->files.count];
}

/* Add or replace a file or directory; all or nothing. */
static PmnCode
store(PmnFileSystem *base, const char *path, PmnBytes src, bool is_directory)
{
	MemoryFileSystem *fs = (MemoryFileSystem *) base;
	PmnEnv *env = base->env;
	MemoryFile file = {NULL, NULL, src.size, is_directory};
	MemoryFile *old = find(base, path);

	PMN_TRY(pmn_array_reserve(env, &fs->files, 1));
	file.path = copy_path(env, path);
	if (file.path == NULL)
		return PMN_NO_MEMORY;
	file.data = pmn_alloc_raw(env, src.size);
	if (file.data == NULL)
	{
		free_path(env, file.path);
		return PMN_NO_MEMORY;
	}
	if (src.size > 0)
		memcpy(file.data, src.data, src.size);
	/* The reserve may have moved the array. */
	old = find(base, path);
	if (old != NULL)
		drop(fs, (size_t) (old - fs->files.items));
	fs->files.items[fs->files.count++] = file;
	return PMN_OK;
}

static PmnCode
reader_read_at(PmnFileReader *base, uint64_t offset, size_t size, uint8_t *dst)
{
	memcpy(dst, ((MemoryReader *) base)->data + offset, size);
	return PMN_OK;
}

static void
reader_close(PmnFileReader *base)
{
	MemoryReader *reader = (MemoryReader *) base;
	PmnEnv *env = base->fs->env;

	free_path(env, reader->path);
	pmn_free(env, reader->data, base->size_bytes);
	pmn_free(env, reader, sizeof(*reader));
}

static PmnCode
memory_open_read(PmnFileSystem *fs, const char *path, PmnFileReader **out)
{
	const MemoryFile *file = find(fs, path);
	MemoryReader *reader;

	if (file == NULL)
		return pmn_fail(fs->env, PMN_NOT_FOUND,
						"could not open file \"%s\": not there", path);
	if (file->is_directory)
		return pmn_fail(fs->env, PMN_IO, "\"%s\" is not a regular file", path);
	reader = pmn_alloc(fs->env, sizeof(*reader));
	if (reader == NULL)
		return PMN_NO_MEMORY;
	reader->base.read_at = reader_read_at;
	reader->base.close = reader_close;
	reader->base.fs = fs;
	reader->base.size_bytes = file->size;
	reader->path = copy_path(fs->env, path);
	reader->base.path = reader->path;
	reader->data = pmn_alloc_raw(fs->env, file->size);
	if (reader->path == NULL || reader->data == NULL)
	{
		reader_close(&reader->base);
		return PMN_NO_MEMORY;
	}
	if (file->size > 0)
		memcpy(reader->data, file->data, file->size);
	*out = &reader->base;
	return PMN_OK;
}

static PmnCode
writer_write(PmnFileWriter *base, PmnBytes src)
{
	return pmn_buffer_append(&((MemoryWriter *) base)->data, src.data,
							 src.size);
}

static PmnCode
writer_finish(PmnFileWriter *base)
{
	MemoryWriter *writer = (MemoryWriter *) base;

	return store(base->fs, base->path,
				 pmn_bytes(writer->data.data, writer->data.size), false);
}

static void
writer_close(PmnFileWriter *base)
{
	MemoryWriter *writer = (MemoryWriter *) base;
	PmnEnv *env = base->fs->env;

	free_path(env, writer->path);
	pmn_buffer_free(&writer->data);
	pmn_free(env, writer, sizeof(*writer));
}

static PmnCode
memory_open_write(PmnFileSystem *fs, const char *path, PmnFileWriter **out)
{
	MemoryWriter *writer;

	if (find(fs, path) != NULL || directory_exists(fs, path))
		return pmn_fail(fs->env, PMN_EXISTS, "file \"%s\" exists already",
						path);
	writer = pmn_alloc(fs->env, sizeof(*writer));
	if (writer == NULL)
		return PMN_NO_MEMORY;
	pmn_buffer_init(&writer->data, fs->env);
	writer->base.write = writer_write;
	writer->base.finish = writer_finish;
	writer->base.close = writer_close;
	writer->base.fs = fs;
	writer->path = copy_path(fs->env, path);
	writer->base.path = writer->path;
	if (writer->path == NULL)
	{
		writer_close(&writer->base);
		return PMN_NO_MEMORY;
	}
	*out = &writer->base;
	return PMN_OK;
}

static PmnCode
memory_put(PmnFileSystem *fs, const char *path, PmnPutMode mode, PmnBytes src)
{
	if ((mode == PMN_PUT_NEW || mode == PMN_PUT_NEW_UNSYNCED) &&
		(find(fs, path) != NULL || directory_exists(fs, path)))
		return pmn_fail(fs->env, PMN_EXISTS, "file \"%s\" exists already",
						path);
	return store(fs, path, src, false);
}

/* Add the first component of rest to the list unless it is in it. */
static PmnCode
add_child(PmnArena *arena, PmnFileList *out, const char *rest,
		  const MemoryFile *file)
{
	size_t size = strcspn(rest, "/");
	PmnFileEntry *entry;

	for (size_t i = 0; i < out->count; i++)
		if (strncmp(out->items[i].name, rest, size) == 0 &&
			out->items[i].name[size] == '\0')
			return PMN_OK;
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
	entry->name = pmn_arena_string_n(arena, rest, size);
	if (entry->name == NULL)
		return PMN_NO_MEMORY;
	entry->is_directory = rest[size] == '/' || file->is_directory;
	entry->size_bytes = entry->is_directory ? 0 : (int64_t) file->size;
	out->count++;
	return PMN_OK;
}

static PmnCode
memory_list(PmnFileSystem *base, const char *path, PmnArena *arena,
			PmnFileList *out)
{
	MemoryFileSystem *fs = (MemoryFileSystem *) base;

	if (!directory_exists(base, path))
		return pmn_fail(base->env, PMN_NOT_FOUND,
						"could not list directory \"%s\": not there", path);
	for (size_t i = 0; i < fs->files.count; i++)
	{
		const MemoryFile *file = &fs->files.items[i];
		const char *rest = below(file->path, path);

		if (rest != NULL)
			PMN_TRY(add_child(arena, out, rest, file));
	}
	return PMN_OK;
}

static PmnCode
memory_exists(PmnFileSystem *fs, const char *path, bool *exists)
{
	*exists = find(fs, path) != NULL || directory_exists(fs, path);
	return PMN_OK;
}

static PmnCode
memory_make_directory(PmnFileSystem *fs, const char *path)
{
	const MemoryFile *file = find(fs, path);

	if (file != NULL && !file->is_directory)
		return pmn_fail(fs->env, PMN_IO,
						"could not make directory \"%s\": it is a file", path);
	return file != NULL ? PMN_OK : store(fs, path, pmn_bytes("", 0), true);
}

static PmnCode
memory_remove(PmnFileSystem *base, const char *path)
{
	MemoryFileSystem *fs = (MemoryFileSystem *) base;
	const MemoryFile *file = find(base, path);

	if (file != NULL && file->is_directory)
		return pmn_fail(base->env, PMN_IO,
						"could not remove file \"%s\": it is a directory",
						path);
	if (file != NULL)
		drop(fs, (size_t) (file - fs->files.items));
	return PMN_OK;
}

static PmnCode
memory_remove_tree(PmnFileSystem *base, const char *path)
{
	MemoryFileSystem *fs = (MemoryFileSystem *) base;

	for (size_t i = fs->files.count; i > 0; i--)
	{
		const char *found = fs->files.items[i - 1].path;

		if (strcmp(found, path) == 0 || below(found, path) != NULL)
			drop(fs, i - 1);
	}
	return PMN_OK;
}

static void
memory_close(PmnFileSystem *base)
{
	MemoryFileSystem *fs = (MemoryFileSystem *) base;
	PmnEnv *env = base->env;

	while (fs->files.count > 0)
		drop(fs, fs->files.count - 1);
	pmn_array_free(env, &fs->files);
	pmn_free(env, fs, sizeof(*fs));
}

static PmnCode
memory_sync_directory(PmnFileSystem *fs, const char *path)
{
	(void) fs;
	(void) path;
	return PMN_OK;
}

static const PmnFileSystemOps memory_ops = {
	.scheme = "memory",
	.open_read = memory_open_read,
	.open_write = memory_open_write,
	.put = memory_put,
	.list = memory_list,
	.exists = memory_exists,
	.make_directory = memory_make_directory,
	.sync_directory = memory_sync_directory,
	.remove = memory_remove,
	.remove_tree = memory_remove_tree,
	.close = memory_close,
};

PmnCode
pmn_fs_memory_open(PmnEnv *env, PmnFileSystem **out)
{
	MemoryFileSystem *fs = pmn_alloc(env, sizeof(*fs));

	*out = NULL;
	if (fs == NULL)
		return PMN_NO_MEMORY;
	fs->base.ops = &memory_ops;
	fs->base.env = env;
	*out = &fs->base;
	return PMN_OK;
}
