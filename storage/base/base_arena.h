/*
 * base_arena.h
 *
 * Memory that is freed all at once, and the plain allocation of larger
 * blocks. Both get their bytes from PmnEnv, so failing is a value and the
 * embedding program sees every byte.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base_error.h"

typedef struct PmnArena PmnArena;

/* block_size 0 = 8 kB first block, growing to 1 MB. */
PMN_CHECKED PmnCode pmn_arena_create(PmnEnv *env, size_t block_size,
									 PmnArena **out);
void pmn_arena_destroy(PmnArena *arena); /* NULL allowed */
void pmn_arena_reset(PmnArena *arena);	 /* keeps its largest block */
PmnEnv *pmn_arena_env(PmnArena *arena);
size_t pmn_arena_bytes(const PmnArena *arena);

/*
 * pmn_arena_alloc -- size bytes (0 allowed), 16-byte aligned, zeroed; NULL
 * after pmn_fail_memory. Test the result: if (p == NULL) return
 * PMN_NO_MEMORY.
 */
void *pmn_arena_alloc(PmnArena *arena, size_t size);

/* Not zeroed; align is a power of two up to 16. */
void *pmn_arena_alloc_raw(PmnArena *arena, size_t size, size_t align);
void *pmn_arena_copy(PmnArena *arena, const void *src, size_t size);
char *pmn_arena_string(PmnArena *arena, const char *src);
char *pmn_arena_string_n(PmnArena *arena, const char *src, size_t size);
char *pmn_arena_format(PmnArena *arena, const char *format, ...)
	PMN_PRINTF(2, 3);

/* Blocks of their own. pmn_alloc zeroes; both fail with a message. */
void *pmn_alloc(PmnEnv *env, size_t size);
void *pmn_alloc_raw(PmnEnv *env, size_t size);
void *pmn_realloc(PmnEnv *env, void *old, size_t old_size, size_t size);
void pmn_free(PmnEnv *env, void *block, size_t size); /* NULL allowed */

/*
 * Growing array: struct { T *items; size_t count, capacity; }. reserve makes
 * room for `more` items; items live in env memory and are freed by
 * pmn_array_free.
 */
#define PMN_ARRAY(T)                                                           \
	struct                                                                     \
	{                                                                          \
		T *items;                                                              \
		size_t count;                                                          \
		size_t capacity;                                                       \
	}
PMN_CHECKED PmnCode pmn_array_grow(PmnEnv *env, void **items, size_t *capacity,
								   size_t needed, size_t item_size);
#define pmn_array_reserve(env, array, more)                                    \
	pmn_array_grow((env), (void **) &(array)->items, &(array)->capacity,       \
				   (array)->count + (more), sizeof(*(array)->items))
#define pmn_array_free(env, array)                                             \
	do                                                                         \
	{                                                                          \
		pmn_free((env), (array)->items,                                        \
				 (array)->capacity * sizeof(*(array)->items));                 \
		(array)->items = NULL;                                                 \
		(array)->count = (array)->capacity = 0;                                \
	} while (0)

#endif /* BASE_ARENA_H */
