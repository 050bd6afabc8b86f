/*
 * type_compare.h
 *
 * Paimon's order of values (format/data.md 1.2) for single values and for
 * rows of batches. Row comparison is built around a 64-bit prefix per row:
 * comparing prefixes as unsigned integers decides most pairs, and all of
 * them when is_exact.
 */
#ifndef TYPE_COMPARE_H
#define TYPE_COMPARE_H

#include "type.h"

/* Both not null. < 0, 0, > 0. */
int pmn_value_compare(const PmnType *type, const PmnValue *a,
					  const PmnValue *b);

/* Nulls first. */
int pmn_value_compare_nulls(const PmnType *type, const PmnValue *a,
							const PmnValue *b);

/* Which columns of a batch are the key, in key order. */
typedef struct PmnKeyColumns
{
	const PmnType *const *types;
	const uint32_t *columns; /* positions in the batch */
	uint32_t count;
} PmnKeyColumns;

/* Compare row a_row of a with row b_row of b by the whole key. */
int pmn_rows_compare(const PmnKeyColumns *key_a, const PmnBatch *a,
					 uint32_t a_row, const PmnKeyColumns *key_b,
					 const PmnBatch *b, uint32_t b_row);

/*
 * pmn_rows_prefix -- for rows first .. first + count - 1 of batch, the 64-bit
 * prefix of the key: prefix(a) < prefix(b) implies a < b. An empty key gives
 * zeroes.
 */
void pmn_rows_prefix(const PmnKeyColumns *key, const PmnBatch *batch,
					 uint32_t first, uint32_t count, uint64_t *prefix);

/* Whether equal prefixes mean equal keys: columns of fixed width that fit
 * into 64 bits together, one more bit for each that is nullable. */
bool pmn_key_prefix_is_exact(const PmnType *const *types, uint32_t count);

#endif /* TYPE_COMPARE_H */
