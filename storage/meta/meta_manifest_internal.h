/*
 * meta_manifest_internal.h
 *
 * Shared by the files that read and write manifests and manifest lists.
 */
#ifndef META_MANIFEST_INTERNAL_H
#define META_MANIFEST_INTERNAL_H

#include "meta_manifest.h"

#define PMN_MANIFEST_VERSION 2
/* No manifest is near this; it bounds what a hostile one makes us read. */
#define PMN_MANIFEST_SIZE_MAX (512 * 1024 * 1024)
#define PMN_LEVEL_MAX 1000

/* _MIN_VALUES, _MAX_VALUES, _NULL_COUNTS, wherever they occur. */
extern const PmnAvroRecord pmn_simple_stats_record;

/* A whole PmnManifestEntry. */
extern const PmnAvroRecord pmn_manifest_entry_record;

/* PMN_CORRUPT unless everything that is computed with later is possible. */
PMN_CHECKED PmnCode pmn_manifest_check_entry(PmnEnv *env, PmnBytes manifest,
											 const PmnManifestEntry *entry);

/* PMN_CORRUPT unless a manifest has as many entries as its list says. */
PMN_CHECKED PmnCode pmn_manifest_check_counts(PmnEnv *env,
											  const PmnManifestMeta *meta,
											  int64_t added, int64_t deleted);

/*
 * Read manifest/<name> into text; size >= 0 must be the file's. An ORC file
 * becomes an Avro file of the record.
 */
PMN_CHECKED PmnCode pmn_manifest_load(PmnFileSystem *fs, PmnArena *arena,
									  const PmnTablePath *path, PmnBytes name,
									  int64_t size, const PmnAvroRecord *record,
									  PmnBuffer *text);

/* meta_manifest_column.c: a file in ORC becomes one in Avro, others stay. */
PMN_CHECKED PmnCode pmn_manifest_to_avro(PmnEnv *env,
										 const PmnAvroRecord *record,
										 const char *name, PmnBuffer *text);

/* PMN_CORRUPT (or PMN_UNSUPPORTED for 1) unless version is the one we know. */
PMN_CHECKED PmnCode pmn_manifest_check_version(PmnEnv *env, PmnBytes manifest,
											   int32_t version);

/* Finish the Avro file and put it as manifest/<name>. */
PMN_CHECKED PmnCode pmn_manifest_store(PmnFileSystem *fs, PmnArena *arena,
									   const PmnTablePath *path,
									   const char *name, PmnAvroWriter *writer,
									   int64_t *size);

/* Deep copies, for entries and metas. */
PMN_CHECKED PmnCode pmn_bytes_copy(PmnArena *arena, PmnBytes *bytes);
PMN_CHECKED PmnCode pmn_simple_stats_copy(PmnArena *arena,
										  PmnSimpleStats *stats);

#endif /* META_MANIFEST_INTERNAL_H */
