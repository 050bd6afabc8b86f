/*
 * table_pack.h
 *
 * Rows of a change log, packed as Paimon's binlog shows them.
 */
#ifndef TABLE_PACK_H
#define TABLE_PACK_H

#include "../include/pmn_nested.h"
#include "../base/base_buffer.h"

typedef struct PmnPacker PmnPacker;

/*
 * pmn_packer_create -- specials has for each column its PMN_COLUMN_*, or 0
 * where it is a field's and becomes an array.
 */
PMN_CHECKED PmnCode pmn_packer_create(PmnEnv *env, const int32_t *specials,
									  uint32_t count, PmnPacker **out);

/*
 * pmn_packer_add -- pack the selected rows of batch. kinds by row, or NULL:
 * all are inserts. pairs: a -U waits for the row after it, which may come
 * with the next batch. *out is NULL when every row waits, and valid until the
 * next call.
 */
PMN_CHECKED PmnCode pmn_packer_add(PmnPacker *packer, const PmnBatch *batch,
								   const int32_t *kinds, bool pairs,
								   PmnBatch **out);

/* What still waits, alone; *out NULL: nothing does. */
PMN_CHECKED PmnCode pmn_packer_flush(PmnPacker *packer, PmnBatch **out);

/* Forget what waits. */
void pmn_packer_reset(PmnPacker *packer);

void pmn_packer_free(PmnPacker *packer); /* NULL allowed */

#endif /* TABLE_PACK_H */
