/*
 * base_arena.c
 *
 * An arena is a list of blocks; allocation moves a position forward in the
 * newest one. Blocks double from the first size to 1 MB. A request that
 * would waste much of a new block gets a block of its own, put behind the
 * newest so that the rest of that one stays in use.
 *
 * Memory comes from env->allocate, which promises only the alignment of
 * malloc or palloc (8); the arena aligns inside its blocks.
 *
 * Under AddressSanitizer the unused part of every block is poisoned, so a
 * pointer kept over a reset, and one past the end of an allocation, show.
 */
#include "base_arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(ARENA_POISONS)
#define ARENA_POISONS 1
#endif
#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define POISON(start, size) ASAN_POISON_MEMORY_REGION((start), (size))
#define UNPOISON(start, size) ASAN_UNPOISON_MEMORY_REGION((start), (size))
#else
#define POISON(start, size) ((void) (start), (void) (size))
#define UNPOISON(start, size) ((void) (start), (void) (size))
#endif

#define ARENA_FIRST_BLOCK ((size_t) 8 * 1024)
#define ARENA_BLOCK_MAX ((size_t) 1024 * 1024)
#define ARENA_ALIGN ((size_t) 16)
/* No single request is anywhere near this; keeps the sums from wrapping. */
#define ARENA_REQUEST_MAX (SIZE_MAX / 4)

typedef struct ArenaBlock
{
	struct ArenaBlock *next;
	size_t size; /* of the whole block, this header included */
	size_t used; /* likewise */
} ArenaBlock;

struct PmnArena
{
	PmnEnv *env;
	ArenaBlock *head; /* the block that is filled */
	size_t next_block_size;
	size_t bytes; /* of all blocks */
};

PmnCode
pmn_arena_create(PmnEnv *env, size_t block_size, PmnArena **out)
{
	PmnArena *arena = pmn_alloc(env, sizeof(*arena));

	*out = NULL;
	if (arena == NULL)
		return PMN_NO_MEMORY;
	arena->env = env;
	arena->next_block_size = block_size != 0 ? block_size : ARENA_FIRST_BLOCK;
	if (arena->next_block_size < 256)
		arena->next_block_size = 256;
	*out = arena;
	return PMN_OK;
}

static void
free_block(PmnArena *arena, ArenaBlock *block)
{
	UNPOISON(block, block->size);
	arena->bytes -= block->size;
	pmn_free(arena->env, block, block->size);
}

void
pmn_arena_destroy(PmnArena *arena)
{
	if (arena == NULL)
		return;
	while (arena->head != NULL)
	{
		ArenaBlock *next = arena->head->next;

		free_block(arena, arena->head);
		arena->head = next;
	}
	PMN_ASSERT(arena->bytes == 0);
	pmn_free(arena->env, arena, sizeof(*arena));
}

void
pmn_arena_reset(PmnArena *arena)
{
	ArenaBlock *kept = arena->head;

	for (ArenaBlock *block = arena->head; block != NULL; block = block->next)
		if (block->size > kept->size)
			kept = block;
	while (arena->head != NULL)
	{
		ArenaBlock *next = arena->head->next;

		if (arena->head != kept)
			free_block(arena, arena->head);
		arena->head = next;
	}
	arena->head = kept;
	if (kept == NULL)
		return;
	kept->next = NULL;
	kept->used = sizeof(*kept);
	POISON((char *) kept + kept->used, kept->size - kept->used);
}

PmnEnv *
pmn_arena_env(PmnArena *arena)
{
	return arena->env;
}

size_t
pmn_arena_bytes(const PmnArena *arena)
{
	return arena->bytes;
}

/* Add a block with room for size bytes at any alignment. */
static ArenaBlock *
add_block(PmnArena *arena, size_t size)
{
	size_t needed = sizeof(ArenaBlock) + size + ARENA_ALIGN;
	bool own = needed > arena->next_block_size / 4;
	size_t block_size = own && needed > arena->next_block_size
							? needed
							: arena->next_block_size;
	ArenaBlock *block = pmn_alloc_raw(arena->env, block_size);

	if (block == NULL)
		return NULL;
	block->size = block_size;
	block->used = sizeof(*block);
	arena->bytes += block_size;
	POISON((char *) block + block->used, block_size - block->used);
	if (block_size == needed && arena->head != NULL)
	{
		/* A block for one request: it will be full at once. */
		block->next = arena->head->next;
		arena->head->next = block;
		return block;
	}
	block->next = arena->head;
	arena->head = block;
	if (arena->next_block_size < ARENA_BLOCK_MAX)
		arena->next_block_size *= 2;
	return block;
}

/* The next allocation in block, or NULL when it doesn't fit. */
static void *
take(ArenaBlock *block, size_t size, size_t align)
{
	uintptr_t base = (uintptr_t) block;
	uintptr_t start = (base + block->used + align - 1) & ~(align - 1);
	size_t offset = (size_t) (start - base);

	if (offset > block->size || size > block->size - offset)
		return NULL;
	block->used = offset + size;
	UNPOISON((char *) block + offset, size);
	return (char *) block + offset;
}

void *
pmn_arena_alloc_raw(PmnArena *arena, size_t size, size_t align)
{
	ArenaBlock *block = arena->head;
	void *taken;

	PMN_ASSERT(align != 0 && align <= ARENA_ALIGN &&
			   (align & (align - 1)) == 0);
	if (size > ARENA_REQUEST_MAX)
	{
		(void) pmn_fail_memory(arena->env, size);
		return NULL;
	}
	if (block != NULL)
	{
		taken = take(block, size, align);
		if (taken != NULL)
			return taken;
	}
	block = add_block(arena, size);
	if (block == NULL)
		return NULL;
	taken = take(block, size, align);
	PMN_ASSERT(taken != NULL);
	return taken;
}

void *
pmn_arena_alloc(PmnArena *arena, size_t size)
{
	void *taken = pmn_arena_alloc_raw(arena, size, ARENA_ALIGN);

	if (taken != NULL)
		memset(taken, 0, size);
	return taken;
}

void *
pmn_arena_copy(PmnArena *arena, const void *src, size_t size)
{
	void *taken = pmn_arena_alloc_raw(arena, size, ARENA_ALIGN);

	if (taken != NULL && size > 0)
		memcpy(taken, src, size);
	return taken;
}

char *
pmn_arena_string_n(PmnArena *arena, const char *src, size_t size)
{
	char *taken;

	if (size > ARENA_REQUEST_MAX)
	{
		(void) pmn_fail_memory(arena->env, size);
		return NULL;
	}
	taken = pmn_arena_alloc_raw(arena, size + 1, 1);
	if (taken == NULL)
		return NULL;
	if (size > 0)
		memcpy(taken, src, size);
	taken[size] = '\0';
	return taken;
}

char *
pmn_arena_string(PmnArena *arena, const char *src)
{
	return pmn_arena_string_n(arena, src, strlen(src));
}

char *
pmn_arena_format(PmnArena *arena, const char *format, ...)
{
	va_list args;
	int size;
	char *taken;

	va_start(args, format);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	PMN_ASSERT(size >= 0);
	taken = pmn_arena_alloc_raw(arena, (size_t) size + 1, 1);
	if (taken == NULL)
		return NULL;
	va_start(args, format);
	(void) vsnprintf(taken, (size_t) size + 1, format, args);
	va_end(args);
	return taken;
}

void *
pmn_alloc_raw(PmnEnv *env, size_t size)
{
	void *block;

	/* Callers may compute a size of 0; the hook must not see one. */
	block = env->allocate(env, size != 0 ? size : 1);
	if (block == NULL)
		(void) pmn_fail_memory(env, size);
	return block;
}

void *
pmn_alloc(PmnEnv *env, size_t size)
{
	void *block = pmn_alloc_raw(env, size);

	if (block != NULL)
		memset(block, 0, size);
	return block;
}

void *
pmn_realloc(PmnEnv *env, void *old, size_t old_size, size_t size)
{
	void *block;

	if (old != NULL && old_size == 0)
		old_size = 1;
	block = env->reallocate(env, old, old_size, size != 0 ? size : 1);
	if (block == NULL)
		(void) pmn_fail_memory(env, size);
	return block;
}

void
pmn_free(PmnEnv *env, void *block, size_t size)
{
	if (block != NULL)
		env->release(env, block, size != 0 ? size : 1);
}

PmnCode
pmn_array_grow(PmnEnv *env, void **items, size_t *capacity, size_t needed,
			   size_t item_size)
{
	size_t wanted;
	void *grown;

	PMN_ASSERT(item_size > 0);
	if (needed <= *capacity)
		return PMN_OK;
	if (needed > ARENA_REQUEST_MAX / item_size)
		return pmn_fail_memory(env, SIZE_MAX);
	wanted = *capacity + *capacity / 2;
	if (wanted < 8)
		wanted = 8;
	if (wanted < needed || wanted > ARENA_REQUEST_MAX / item_size)
		wanted = needed;
	grown = pmn_realloc(env, *items, *capacity * item_size, wanted * item_size);
	if (grown == NULL)
		return PMN_NO_MEMORY;
	*items = grown;
	*capacity = wanted;
	return PMN_OK;
}
