/*
 * lsm_vector.h
 *
 * Copying elements between vectors without looking at each one's kind: the
 * width is switched on once a call, then a tight loop runs. BYTES elements
 * are copied as they are; the bytes stay where they were.
 */
#ifndef LSM_VECTOR_H
#define LSM_VECTOR_H

#include "lsm.h"

/* dst[i] = src[rows[i]]; rows NULL: src[i]. */
void pmn_elements_gather(size_t width, void *dst, const void *src,
						 const uint32_t *rows, uint32_t count);

/* dst[i] = sources[rows[i] >> shift][rows[i] & mask of shift bits]. */
void pmn_elements_gather_chunks(size_t width, void *dst,
								const uint8_t *const *sources, uint32_t shift,
								const uint32_t *rows, uint32_t count);

/*
 * One block of memory for row_count rows of the given kinds: values of each
 * column 16-byte aligned, then a null byte for every row and column. Columns'
 * values are set; nulls too, the caller sets those it does not use to NULL.
 */
size_t pmn_columns_size(const PmnVectorKind *kinds, uint32_t column_count,
						uint32_t row_count);
void pmn_columns_place(const PmnVectorKind *kinds, uint32_t column_count,
					   uint32_t row_count, void *block, PmnVector *columns);

/* Rows first .. first + count - 1 of src as a batch over the same memory;
 * columns has room for src's. */
void pmn_batch_slice(const PmnBatch *src, uint32_t first, uint32_t count,
					 PmnVector *columns, PmnBatch *out);

/* Vector kinds of a key-value batch of layout, in arena. PMN_UNSUPPORTED for
 * types that have none. */
PMN_CHECKED PmnCode pmn_kv_kinds(PmnLsm *lsm, PmnArena *arena,
								 const PmnKvLayout *layout,
								 PmnVectorKind **out);

#endif /* LSM_VECTOR_H */
