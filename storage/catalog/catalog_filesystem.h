/*
 * catalog_filesystem.h
 *
 * The catalog that is nothing but directories (format/metadata.md 13.1).
 */
#ifndef CATALOG_FILESYSTEM_H
#define CATALOG_FILESYSTEM_H

#include "catalog.h"

/*
 * pmn_catalog_filesystem_open -- a warehouse directory of any file system;
 * root is its path, without a slash at the end. Takes fs over: closes it with
 * the catalog, also when open fails.
 */
PMN_CHECKED PmnCode pmn_catalog_filesystem_open(PmnEnv *env, PmnFileSystem *fs,
												const char *root,
												PmnCatalog **out);

#endif /* CATALOG_FILESYSTEM_H */
