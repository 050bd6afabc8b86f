/*
 * meta_schema.h
 *
 * Schema files: schema/schema-N (format/metadata.md 2).
 */
#ifndef META_SCHEMA_H
#define META_SCHEMA_H

#include "../fs/fs.h"
#include "meta_path.h"

/* Errors PMN_NOT_FOUND, PMN_CORRUPT (with the file's name). */
PMN_CHECKED PmnCode pmn_schema_read(PmnFileSystem *fs, PmnArena *arena,
									const PmnTablePath *path, int64_t id,
									PmnSchema **out);

/* Parse a schema file's text; name is for messages. */
PMN_CHECKED PmnCode pmn_schema_parse(PmnEnv *env, PmnArena *arena,
									 PmnBytes text, const char *name,
									 PmnSchema **out);

/* Highest schema id by listing; PMN_NOT_FOUND when there is none. */
PMN_CHECKED PmnCode pmn_schema_latest_id(PmnFileSystem *fs, PmnArena *arena,
										 const PmnTablePath *path, int64_t *id);

/* Pretty JSON as Paimon writes it. */
PMN_CHECKED PmnCode pmn_schema_print(const PmnSchema *schema, PmnBuffer *dst);

/* Compact JSON of one part, as system table "schemas" shows it. */
PMN_CHECKED PmnCode pmn_schema_print_fields(const PmnSchema *schema,
											PmnBuffer *dst);

/* Put schema-<id>, atomically. PMN_EXISTS when someone was first. */
PMN_CHECKED PmnCode pmn_schema_write(PmnFileSystem *fs, PmnArena *arena,
									 const PmnTablePath *path,
									 const PmnSchema *schema);

/*
 * pmn_schema_normalise -- what Paimon does to a new table's schema: ids,
 * highest_field_id, primary key columns NOT NULL, version 3; and the checks of
 * SchemaValidation that concern what we support (reserved names, keys exist,
 * duplicates, partition columns in the key...). PMN_INVALID.
 */
PMN_CHECKED PmnCode pmn_schema_normalise(PmnEnv *env, PmnArena *arena,
										 const PmnSchema *src, PmnSchema **out);

#endif /* META_SCHEMA_H */
