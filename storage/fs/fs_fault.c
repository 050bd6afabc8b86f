/*
 * fs_fault.c
 *
 * See fs_fault.h. Every operation asks decide() what to do with it: run and
 * report, refuse, or run and report a failure all the same. The inner ops are
 * called directly, because the outer wrapper has counted and polled already.
 *
 * After a crash a writer that is closed without finish still removes its
 * file, unlike a real crash; tests for orphans put the file there themselves.
 */
#include "fs_fault.h"

typedef struct FaultFileSystem
{
	PmnFileSystem base;
	PmnFileSystem *inner;
	uint32_t kinds;
	uint64_t count;
	uint64_t fail_at;
	PmnCode code;
	PmnFaultWhen when;
	bool fired;
} FaultFileSystem;

typedef struct FaultReader
{
	PmnFileReader base;
	PmnFileReader *inner;
} FaultReader;

typedef struct FaultWriter
{
	PmnFileWriter base;
	PmnFileWriter *inner;
} FaultWriter;

typedef enum Decision
{
	RUN,
	REFUSE,
	RUN_AND_FAIL
} Decision;

static Decision
decide(FaultFileSystem *fs, PmnFaultKind kind)
{
	if (fs->fired && fs->when == PMN_FAULT_CRASH)
		return REFUSE;
	if ((fs->kinds & (uint32_t) kind) == 0)
		return RUN;
	if (fs->count++ != fs->fail_at)
		return RUN;
	fs->fired = true;
	return fs->when == PMN_FAULT_AFTER ? RUN_AND_FAIL : REFUSE;
}

static PmnCode
fault(FaultFileSystem *fs, const char *path)
{
	return pmn_fail(fs->base.env, fs->code, "injected fault at \"%s\"", path);
}

/* Run call as decided; the value is the code to report. */
#define WITH_FAULT(result, fs, kind, path, call)                               \
	do                                                                         \
	{                                                                          \
		Decision decision_ = decide((fs), (kind));                             \
		(result) = decision_ == REFUSE ? fault((fs), (path)) : (call);         \
		if (decision_ == RUN_AND_FAIL && (result) == PMN_OK)                   \
			(result) = fault((fs), (path));                                    \
	} while (0)

static PmnCode
fault_read_at(PmnFileReader *base, uint64_t offset, size_t size, uint8_t *dst)
{
	FaultReader *reader = (FaultReader *) base;
	PmnCode code;

	WITH_FAULT(code, (FaultFileSystem *) base->fs, PMN_FAULT_READ, base->path,
			   reader->inner->read_at(reader->inner, offset, size, dst));
	return code;
}

static void
fault_reader_close(PmnFileReader *base)
{
	FaultReader *reader = (FaultReader *) base;

	reader->inner->close(reader->inner);
	pmn_free(base->fs->env, reader, sizeof(*reader));
}

static PmnCode
fault_open_read(PmnFileSystem *base, const char *path, PmnFileReader **out)
{
	FaultFileSystem *fs = (FaultFileSystem *) base;
	PmnFileReader *inner = NULL;
	FaultReader *reader;
	PmnCode code;

	WITH_FAULT(code, fs, PMN_FAULT_OPEN_READ, path,
			   fs->inner->ops->open_read(fs->inner, path, &inner));
	reader = code == PMN_OK ? pmn_alloc(base->env, sizeof(*reader)) : NULL;
	if (reader == NULL)
	{
		if (inner != NULL)
			inner->close(inner);
		return code == PMN_OK ? PMN_NO_MEMORY : code;
	}
	reader->base.read_at = fault_read_at;
	reader->base.close = fault_reader_close;
	reader->base.fs = base;
	reader->base.size_bytes = inner->size_bytes;
	reader->base.modified_millis = inner->modified_millis;
	reader->base.path = inner->path;
	reader->inner = inner;
	*out = &reader->base;
	return PMN_OK;
}

static PmnCode
fault_write(PmnFileWriter *base, PmnBytes src)
{
	FaultWriter *writer = (FaultWriter *) base;
	PmnCode code;

	WITH_FAULT(code, (FaultFileSystem *) base->fs, PMN_FAULT_WRITE, base->path,
			   writer->inner->write(writer->inner, src));
	return code;
}

static PmnCode
fault_finish(PmnFileWriter *base)
{
	FaultWriter *writer = (FaultWriter *) base;
	PmnCode code;

	WITH_FAULT(code, (FaultFileSystem *) base->fs, PMN_FAULT_FINISH, base->path,
			   writer->inner->finish(writer->inner));
	return code;
}

static void
fault_writer_close(PmnFileWriter *base)
{
	FaultWriter *writer = (FaultWriter *) base;

	writer->inner->close(writer->inner);
	pmn_free(base->fs->env, writer, sizeof(*writer));
}

static PmnCode
fault_open_write(PmnFileSystem *base, const char *path, PmnFileWriter **out)
{
	FaultFileSystem *fs = (FaultFileSystem *) base;
	PmnFileWriter *inner = NULL;
	FaultWriter *writer;
	PmnCode code;

	WITH_FAULT(code, fs, PMN_FAULT_OPEN_WRITE, path,
			   fs->inner->ops->open_write(fs->inner, path, &inner));
	writer = code == PMN_OK ? pmn_alloc(base->env, sizeof(*writer)) : NULL;
	if (writer == NULL)
	{
		if (inner != NULL)
			inner->close(inner);
		return code == PMN_OK ? PMN_NO_MEMORY : code;
	}
	writer->base.write = fault_write;
	writer->base.finish = fault_finish;
	writer->base.close = fault_writer_close;
	writer->base.fs = base;
	writer->base.path = inner->path;
	writer->inner = inner;
	*out = &writer->base;
	return PMN_OK;
}

static PmnCode
fault_put(PmnFileSystem *base, const char *path, PmnPutMode mode, PmnBytes src)
{
	FaultFileSystem *fs = (FaultFileSystem *) base;
	PmnCode code;

	WITH_FAULT(code, fs, PMN_FAULT_PUT, path,
			   fs->inner->ops->put(fs->inner, path, mode, src));
	return code;
}

static PmnCode
fault_list(PmnFileSystem *base, const char *path, PmnArena *arena,
		   PmnFileList *out)
{
	FaultFileSystem *fs = (FaultFileSystem *) base;
	PmnCode code;

	WITH_FAULT(code, fs, PMN_FAULT_LIST, path,
			   fs->inner->ops->list(fs->inner, path, arena, out));
	return code;
}

static PmnCode
fault_exists(PmnFileSystem *base, const char *path, bool *exists)
{
	FaultFileSystem *fs = (FaultFileSystem *) base;
	PmnCode code;

	WITH_FAULT(code, fs, PMN_FAULT_EXISTS, path,
			   fs->inner->ops->exists(fs->inner, path, exists));
	return code;
}

static PmnCode
fault_make_directory(PmnFileSystem *base, const char *path)
{
	FaultFileSystem *fs = (FaultFileSystem *) base;
	PmnCode code;

	WITH_FAULT(code, fs, PMN_FAULT_MAKE_DIRECTORY, path,
			   fs->inner->ops->make_directory(fs->inner, path));
	return code;
}

static PmnCode
fault_sync_directory(PmnFileSystem *base, const char *path)
{
	FaultFileSystem *fs = (FaultFileSystem *) base;
	PmnCode code;

	WITH_FAULT(code, fs, PMN_FAULT_SYNC, path,
			   fs->inner->ops->sync_directory(fs->inner, path));
	return code;
}

static PmnCode
fault_remove(PmnFileSystem *base, const char *path)
{
	FaultFileSystem *fs = (FaultFileSystem *) base;
	PmnCode code;

	WITH_FAULT(code, fs, PMN_FAULT_REMOVE, path,
			   fs->inner->ops->remove(fs->inner, path));
	return code;
}

static PmnCode
fault_remove_tree(PmnFileSystem *base, const char *path)
{
	FaultFileSystem *fs = (FaultFileSystem *) base;
	PmnCode code;

	WITH_FAULT(code, fs, PMN_FAULT_REMOVE, path,
			   fs->inner->ops->remove_tree(fs->inner, path));
	return code;
}

static void
fault_close(PmnFileSystem *base)
{
	pmn_free(base->env, base, sizeof(FaultFileSystem));
}

static const PmnFileSystemOps fault_ops = {
	.scheme = "fault",
	.open_read = fault_open_read,
	.open_write = fault_open_write,
	.put = fault_put,
	.list = fault_list,
	.exists = fault_exists,
	.make_directory = fault_make_directory,
	.sync_directory = fault_sync_directory,
	.remove = fault_remove,
	.remove_tree = fault_remove_tree,
	.close = fault_close,
};

PmnCode
pmn_fs_fault_open(PmnEnv *env, PmnFileSystem *inner, PmnFileSystem **out)
{
	FaultFileSystem *fs = pmn_alloc(env, sizeof(*fs));

	*out = NULL;
	if (fs == NULL)
		return PMN_NO_MEMORY;
	fs->base.ops = &fault_ops;
	fs->base.env = env;
	fs->inner = inner;
	fs->fail_at = UINT64_MAX;
	fs->code = PMN_IO;
	*out = &fs->base;
	return PMN_OK;
}

void
pmn_fs_fault_set(PmnFileSystem *base, uint32_t kinds, uint64_t fail_at,
				 PmnCode code, PmnFaultWhen when)
{
	FaultFileSystem *fs = (FaultFileSystem *) base;

	PMN_ASSERT(base->ops == &fault_ops && code != PMN_OK);
	fs->kinds = kinds;
	fs->count = 0;
	fs->fail_at = fail_at;
	fs->code = code;
	fs->when = when;
	fs->fired = false;
}

uint64_t
pmn_fs_fault_count(const PmnFileSystem *base)
{
	PMN_ASSERT(base->ops == &fault_ops);
	return ((const FaultFileSystem *) base)->count;
}

bool
pmn_fs_fault_fired(const PmnFileSystem *base)
{
	PMN_ASSERT(base->ops == &fault_ops);
	return ((const FaultFileSystem *) base)->fired;
}
