/*
 * bridge_env.c
 *
 * The world of a storage call, made of server parts: memory comes from a
 * memory context of its own (so that pg_backend_memory_contexts shows it and
 * its end frees everything), the wish to stop from the interrupt flags, the
 * clock from the kernel.
 *
 * Storage calls these hooks from inside its loops and has no way to unwind,
 * so nothing here may raise an error. Hence the allocator asks for NULL
 * instead of an error, growing is allocate, copy, free, and the stop hook
 * only looks: the error follows in pfdw_check, after storage has returned.
 *
 * palloc aligns to 8 bytes, but storage keeps 128-bit integers in its blocks
 * and the compiler may use instructions that trap on less than 16. Each
 * block therefore starts at a multiple of 16 with the pointer that palloc
 * gave right before it.
 */
#include "bridge.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/stat.h>
#include <time.h>

#include "common/file_perm.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define BLOCK_ALIGNMENT 16
#define KEPT_BYTES (32 * 1024 * 1024)

static void *align_block(char *block);
static void *env_allocate(PmnEnv *env, size_t size);
static void *env_reallocate(PmnEnv *env, void *old, size_t old_size,
							size_t size);
static void env_release(PmnEnv *env, void *block, size_t size);
static bool env_should_stop(PmnEnv *env);
static int64_t env_now_millis(PmnEnv *env);
static const char *temp_directory(void);

/*
 * Each query takes some megabytes and gives them back. glibc would hand them
 * to the kernel every time, which then clears each page anew: a third of what
 * a look-up by key costs. So a process keeps some of them.
 */
static void
keep_memory(void)
{
#ifdef __GLIBC__
	static bool is_done = false;

	if (is_done)
		return;
	is_done = true;
	(void) mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	(void) mallopt(M_MMAP_THRESHOLD, KEPT_BYTES / 4);
#endif
}

PfdwEnv *
pfdw_env_create(MemoryContext parent, const char *name)
{
	MemoryContext context;
	PfdwEnv *env;

	keep_memory();
	context = AllocSetContextCreate(parent, "paimon_fdw storage",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSetIdentifier(context, MemoryContextStrdup(context, name));
	env = MemoryContextAllocZero(context, sizeof(*env));
	env->context = context;
	env->base.allocate = env_allocate;
	env->base.reallocate = env_reallocate;
	env->base.release = env_release;
	env->base.should_stop = env_should_stop;
	env->base.now_millis = env_now_millis;
	env->base.random = NULL; /* the system's */
	env->base.log = NULL;
	env->base.temp_directory = temp_directory();
	env->callback.func = pfdw_handles_close;
	env->callback.arg = env;
	MemoryContextRegisterResetCallback(context, &env->callback);
	return env;
}

void *
pfdw_alloc_aligned(Size size)
{
	char *block;

	block =
		MemoryContextAllocExtended(CurrentMemoryContext, size + BLOCK_ALIGNMENT,
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return align_block(block);
}

void
pfdw_free_aligned(void *block)
{
	pfree(((char **) block)[-1]);
}

/* BLOCK_ALIGNMENT more bytes than asked for leave room for the pointer. */
static void *
align_block(char *block)
{
	char *aligned;

	StaticAssertStmt(MAXIMUM_ALIGNOF >= sizeof(char *),
					 "no room for a pointer before an aligned block");
	aligned = (char *) TYPEALIGN(BLOCK_ALIGNMENT, block + sizeof(char *));
	((char **) aligned)[-1] = block;
	return aligned;
}

static void *
env_allocate(PmnEnv *env, size_t size)
{
	MemoryContext context = ((PfdwEnv *) env)->context;
	char *block;

	/* An absurd size would be an error even with MCXT_ALLOC_NO_OOM. */
	if (size > MaxAllocHugeSize - BLOCK_ALIGNMENT)
		return NULL;
	block = MemoryContextAllocExtended(context, size + BLOCK_ALIGNMENT,
									   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	return block == NULL ? NULL : align_block(block);
}

static void *
env_reallocate(PmnEnv *env, void *old, size_t old_size, size_t size)
{
	void *block = env_allocate(env, size);

	if (block == NULL)
		return NULL;
	if (old != NULL)
	{
		memcpy(block, old, Min(old_size, size));
		env_release(env, old, old_size);
	}
	return block;
}

static void
env_release(PmnEnv *env, void *block, size_t size)
{
	if (block != NULL)
		pfdw_free_aligned(block);
}

/*
 * Whether CHECK_FOR_INTERRUPTS would raise. While interrupts are held off
 * (during an abort) it would not, and storage shall finish its clean-up.
 */
static bool
env_should_stop(PmnEnv *env)
{
	if (!InterruptPending)
		return false;
	if (InterruptHoldoffCount != 0 || CritSectionCount != 0)
		return false;
	return ProcDiePending ||
		   (QueryCancelPending && QueryCancelHoldoffCount == 0);
}

static int64_t
env_now_millis(PmnEnv *env)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return 0;
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * The server's own folder for temporary files, which it cleans at start.
 * When it can't be made, storage goes without spilling.
 */
static const char *
temp_directory(void)
{
	static char path[MAXPGPATH];

	if (path[0] != '\0')
		return path;
	if (DataDir == NULL)
		return NULL;
	snprintf(path, sizeof(path), "%s/base/pgsql_tmp", DataDir);
	if (mkdir(path, pg_dir_create_mode) != 0 && errno != EEXIST)
	{
		path[0] = '\0';
		return NULL;
	}
	return path;
}
