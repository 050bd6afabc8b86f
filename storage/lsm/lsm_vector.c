/*
 * lsm_vector.c
 *
 * Loops that move elements of column vectors. Elements are 1, 4, 8 or 16
 * bytes wide; each width has its own loop with a constant-size copy, which
 * compilers turn into plain loads and stores.
 */
#include "lsm_vector.h"

#define COLUMN_ALIGNMENT 16

typedef struct Wide
{
	uint64_t words[2];
} Wide;

#define GATHER_LOOP(T)                                                         \
	do                                                                         \
	{                                                                          \
		T *to = dst;                                                           \
		const T *from = src;                                                   \
		for (uint32_t i = 0; i < count; i++)                                   \
			to[i] = from[rows[i]];                                             \
	} while (0)

void
pmn_elements_gather(size_t width, void *dst, const void *src,
					const uint32_t *rows, uint32_t count)
{
	if (count == 0)
		return;
	if (rows == NULL)
	{
		memcpy(dst, src, width * count);
		return;
	}
	switch (width)
	{
		case 1:
			GATHER_LOOP(uint8_t);
			break;
		case 4:
			GATHER_LOOP(uint32_t);
			break;
		case 8:
			GATHER_LOOP(uint64_t);
			break;
		default:
			PMN_ASSERT(width == sizeof(Wide));
			GATHER_LOOP(Wide);
			break;
	}
}

#define GATHER_CHUNKS_LOOP(T)                                                  \
	do                                                                         \
	{                                                                          \
		T *to = dst;                                                           \
		for (uint32_t i = 0; i < count; i++)                                   \
			to[i] = ((const T *) (const void *)                                \
						 sources[rows[i] >> shift])[rows[i] & mask];           \
	} while (0)

void
pmn_elements_gather_chunks(size_t width, void *dst,
						   const uint8_t *const *sources, uint32_t shift,
						   const uint32_t *rows, uint32_t count)
{
	uint32_t mask = (UINT32_C(1) << shift) - 1;

	switch (width)
	{
		case 1:
			GATHER_CHUNKS_LOOP(uint8_t);
			break;
		case 4:
			GATHER_CHUNKS_LOOP(uint32_t);
			break;
		case 8:
			GATHER_CHUNKS_LOOP(uint64_t);
			break;
		default:
			PMN_ASSERT(width == sizeof(Wide));
			GATHER_CHUNKS_LOOP(Wide);
			break;
	}
}

static size_t
align_up(size_t size)
{
	return (size + COLUMN_ALIGNMENT - 1) & ~(size_t) (COLUMN_ALIGNMENT - 1);
}

size_t
pmn_columns_size(const PmnVectorKind *kinds, uint32_t column_count,
				 uint32_t row_count)
{
	size_t size = 0;

	for (uint32_t i = 0; i < column_count; i++)
		size += align_up(pmn_vector_width(kinds[i]) * row_count);
	/* Blocks come aligned to 8 bytes only; PmnInt128 needs 16. */
	return size + (size_t) column_count * row_count + COLUMN_ALIGNMENT;
}

void
pmn_columns_place(const PmnVectorKind *kinds, uint32_t column_count,
				  uint32_t row_count, void *block, PmnVector *columns)
{
	uint8_t *next = block;

	next += -(uintptr_t) next & (COLUMN_ALIGNMENT - 1);
	for (uint32_t i = 0; i < column_count; i++)
	{
		columns[i].kind = kinds[i];
		columns[i].values = next;
		next += align_up(pmn_vector_width(kinds[i]) * row_count);
	}
	for (uint32_t i = 0; i < column_count; i++)
	{
		columns[i].nulls = next;
		next += row_count;
	}
}

void
pmn_batch_slice(const PmnBatch *src, uint32_t first, uint32_t count,
				PmnVector *columns, PmnBatch *out)
{
	PMN_ASSERT(src->selection == NULL && first + count <= src->row_count);
	for (uint32_t i = 0; i < src->column_count; i++)
	{
		const PmnVector *from = &src->columns[i];

		columns[i].kind = from->kind;
		columns[i].nulls = from->nulls == NULL ? NULL : from->nulls + first;
		columns[i].values = from->values;
		if (first > 0)
			columns[i].values =
				(uint8_t *) from->values + pmn_vector_width(from->kind) * first;
	}
	out->row_count = count;
	out->column_count = src->column_count;
	out->columns = columns;
	out->selection = NULL;
	out->selected_count = count;
}

PmnCode
pmn_kv_kinds(PmnLsm *lsm, PmnArena *arena, const PmnKvLayout *layout,
			 PmnVectorKind **out)
{
	uint32_t count = PMN_KV_FIELDS + layout->field_count;
	PmnVectorKind *kinds = pmn_arena_alloc(arena, count * sizeof(*kinds));

	*out = NULL;
	if (kinds == NULL)
		return PMN_NO_MEMORY;
	kinds[PMN_KV_SEQUENCE] = PMN_VECTOR_I64;
	kinds[PMN_KV_KIND] = PMN_VECTOR_I32;
	for (uint32_t i = 0; i < layout->field_count; i++)
	{
		const PmnField *field = &lsm->schema->fields[layout->fields[i]];
		char name[128];

		kinds[PMN_KV_FIELDS + i] = pmn_type_vector_kind(&field->type);
		if (kinds[PMN_KV_FIELDS + i] == PMN_VECTOR_NONE)
			return pmn_fail(lsm->env, PMN_UNSUPPORTED,
							"column \"%s\" has type %s", field->name,
							pmn_type_name(&field->type, name, sizeof(name)));
	}
	*out = kinds;
	return PMN_OK;
}
