/*
 * fdw_function.h
 *
 * What the functions of schema paimon share.
 */
#ifndef PFDW_FUNCTION_H
#define PFDW_FUNCTION_H

#include "fdw.h"

#include "fmgr.h"
#include "utils/acl.h"

/* ---- in fdw_function.c ------------------------------------------------ */

/* Open the lake table of a regclass argument in an environment below context:
 * 42809 unless it is one, 42501 without the right. */
extern PfdwTable *pfdw_function_open(MemoryContext context, Oid relid,
									 AclMode right, PfdwOptions **options);
/* Id of the newest snapshot; 0 when there is none. */
extern int64 pfdw_function_newest(PfdwTable *table);

#endif /* PFDW_FUNCTION_H */
