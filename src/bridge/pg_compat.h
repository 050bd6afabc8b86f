/*
 * pg_compat.h
 *
 * Every difference between PostgreSQL versions that we branch on. Supported:
 * 15 and later.
 */
#ifndef PFDW_PG_COMPAT_H
#define PFDW_PG_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "paimon_fdw needs PostgreSQL 15 or later"
#endif

#endif /* PFDW_PG_COMPAT_H */
