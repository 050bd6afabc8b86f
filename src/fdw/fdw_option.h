/*
 * fdw_option.h
 *
 * What the parts that check and read options share.
 */
#ifndef PFDW_OPTION_H
#define PFDW_OPTION_H

#include "fdw.h"

/* ---- in fdw_option.c -------------------------------------------------- */

/* HV024; wanted is the hint. */
extern void pfdw_option_fail(const char *name, const char *value,
							 const char *wanted) pg_attribute_noreturn();
/* A name of something in the lake. */
extern void pfdw_option_check_name(const char *name, const char *value);

/* Out of the catalogs, into the current memory context. */
extern PfdwOptions *pfdw_options_read(Oid relid);

/* ---- in fdw_option_read.c --------------------------------------------- */

/* One of Paimon's options that steer a read; 0A000 for those that we do not
 * follow. */
extern void pfdw_option_read_check(const char *name, const char *value);
/* Whether those of a table go together. */
extern void pfdw_option_read_check_all(List *options);
extern void pfdw_option_read(PfdwOptions *options, const char *name,
							 char *value);

#endif /* PFDW_OPTION_H */
