/*
 * type_row.h
 *
 * Paimon's BinaryRow: the form of keys, partitions and statistics inside
 * manifests, and what bucket hashes are taken of. Layout in
 * format/metadata.md 5.1. All functions take arrays of types: the row's.
 */
#ifndef TYPE_ROW_H
#define TYPE_ROW_H

#include "type.h"

/*
 * pmn_row_append -- append the row's memory (no arity prefix) to dst. Short
 * strings are inlined; null non-compact decimals and timestamps keep their
 * reserved space. Nested types are PMN_UNSUPPORTED.
 */
PMN_CHECKED PmnCode pmn_row_append(PmnBuffer *dst, const PmnType *const *types,
								   const PmnValue *values, uint32_t arity);

/* The same with the 4-byte big-endian arity in front: as in manifests. */
PMN_CHECKED PmnCode pmn_row_append_serialized(PmnBuffer *dst,
											  const PmnType *const *types,
											  const PmnValue *values,
											  uint32_t arity);

/*
 * pmn_row_parse -- check and decode a serialized row (with arity prefix).
 * Values of BYTES point into src. Null slots of types that have no vector
 * kind decode as null; a non-null one is PMN_UNSUPPORTED.
 * arity must equal the row's. Errors PMN_CORRUPT.
 */
PMN_CHECKED PmnCode pmn_row_parse(PmnEnv *env, PmnBytes src,
								  const PmnType *const *types, uint32_t arity,
								  PmnValue *values);

/* Arity of a serialized row, or -1 when shorter than its prefix. */
int32_t pmn_row_arity(PmnBytes src);

/* murmur3_32 of whole 4-byte words, seed 42: BinaryRow.hashCode. */
int32_t pmn_row_hash(PmnBytes row_memory);

typedef enum PmnBucketFunction
{
	PMN_BUCKET_DEFAULT,
	PMN_BUCKET_MOD,
	PMN_BUCKET_HIVE
} PmnBucketFunction;

/*
 * pmn_bucket_of -- bucket of a key. scratch is reset and used for the row.
 * buckets > 0. Errors PMN_UNSUPPORTED (hive on a type it does not know).
 */
PMN_CHECKED PmnCode pmn_bucket_of(PmnBucketFunction function,
								  const PmnType *const *types,
								  const PmnValue *values, uint32_t arity,
								  int32_t buckets, PmnBuffer *scratch,
								  int32_t *bucket);

#endif /* TYPE_ROW_H */
