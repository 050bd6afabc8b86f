/*
 * pmn.h
 *
 * The whole public contract of the storage module. src/ includes this and
 * nothing else of storage/.
 */
#ifndef PMN_H
#define PMN_H

#include "pmn_base.h"
#include "pmn_batch.h"
#include "pmn_cache.h"
#include "pmn_changes.h"
#include "pmn_nested.h"
#include "pmn_outbox.h"
#include "pmn_predicate.h"
#include "pmn_system.h"
#include "pmn_table.h"
#include "pmn_type.h"
#include "pmn_variant.h"

/*
 * Where the Arrow library is: the full path of paimon_arrow.so. Set once
 * before the first read or write; NULL means "beside this module".
 */
void pmn_set_arrow_path(const char *path);

/* "paimon_fdw 1.0": what snapshots carry as writerVersion. */
const char *pmn_version(void);

#endif /* PMN_H */
