/*
 * meta_deletion_testing.h
 *
 * Tests only: deletion vectors and index manifests as Paimon writes them,
 * made with CRoaring.
 */
#ifndef META_DELETION_TESTING_H
#define META_DELETION_TESTING_H

#include <roaring/roaring.h>
#include <zlib.h>

#include "../testing/testing.h"
#include "meta_index_manifest.h"

static inline void
put_be32(PmnBuffer *dst, uint32_t value)
{
	uint8_t bytes[4];

	pmn_put_be32(bytes, value);
	if (pmn_buffer_append(dst, bytes, sizeof(bytes)) != PMN_OK)
		abort();
}

static inline void
put_bitmap(PmnBuffer *dst, const roaring_bitmap_t *bitmap)
{
	size_t size = roaring_bitmap_portable_size_in_bytes(bitmap);

	if (pmn_buffer_reserve(dst, size) != PMN_OK)
		abort();
	dst->size += roaring_bitmap_portable_serialize(bitmap, (char *) dst->data +
															   dst->size);
}

/* size, magic, what body adds, crc: the size and the crc are filled in. */
static inline void
close_blob(PmnBuffer *dst, size_t start)
{
	uint32_t size = (uint32_t) (dst->size - start - 4);

	pmn_put_be32(dst->data + start, size);
	put_be32(dst, (uint32_t) crc32(0, dst->data + start + 4, size));
}

/* Append a vector; returns what the manifest gives as its length. */
static inline int64_t
put_vector_v1(PmnBuffer *dst, const roaring_bitmap_t *bitmap)
{
	size_t start = dst->size;

	put_be32(dst, 0);
	put_be32(dst, 0x5e43f2d0);
	put_bitmap(dst, bitmap);
	close_blob(dst, start);
	return (int64_t) (dst->size - start) - 8;
}

/* Part i holds the positions i << 32 ..; NULL is an empty one. */
static inline int64_t
put_vector_v2(PmnBuffer *dst, const roaring_bitmap_t *const *parts,
			  uint64_t count)
{
	size_t start = dst->size;
	uint8_t bytes[8];

	put_be32(dst, 0);
	put_be32(dst, 0xd1d33964);
	pmn_put_le64(bytes, count);
	if (pmn_buffer_append(dst, bytes, 8) != PMN_OK)
		abort();
	for (uint32_t i = 0; i < count; i++)
	{
		roaring_bitmap_t *empty = roaring_bitmap_create();

		pmn_put_le32(bytes, i);
		if (pmn_buffer_append(dst, bytes, 4) != PMN_OK)
			abort();
		put_bitmap(dst, parts[i] == NULL ? empty : parts[i]);
		roaring_bitmap_free(empty);
	}
	close_blob(dst, start);
	return (int64_t) (dst->size - start);
}

/* The fields of an index manifest that the tests write: Paimon's, up to the
 * external path. */
#define INDEX_FIELD(name, kind, member, present)                               \
	{                                                                          \
		name, kind, offsetof(PmnIndexEntry, member), present, NULL,            \
			PMN_AVRO_INT, false, NULL                                          \
	}
#define INDEX_RANGE_FIELD(name, kind, member, present)                         \
	{                                                                          \
		name, kind, offsetof(PmnDeletionRange, member), present, NULL,         \
			PMN_AVRO_INT, false, NULL                                          \
	}

static const PmnAvroField test_range_fields[] = {
	INDEX_RANGE_FIELD("f0", PMN_AVRO_STRING, data_file, PMN_AVRO_REQUIRED),
	INDEX_RANGE_FIELD("f1", PMN_AVRO_INT, offset, PMN_AVRO_REQUIRED),
	INDEX_RANGE_FIELD("f2", PMN_AVRO_INT, length, PMN_AVRO_REQUIRED),
	INDEX_RANGE_FIELD("_CARDINALITY", PMN_AVRO_LONG, cardinality,
					  offsetof(PmnDeletionRange, has_cardinality))};
static const PmnAvroRecord test_range_record = {test_range_fields, 4,
												sizeof(PmnDeletionRange)};
static const PmnAvroField test_index_fields[] = {
	INDEX_FIELD("_VERSION", PMN_AVRO_INT, version, PMN_AVRO_REQUIRED),
	INDEX_FIELD("_KIND", PMN_AVRO_INT, kind, PMN_AVRO_REQUIRED),
	INDEX_FIELD("_PARTITION", PMN_AVRO_BYTES, partition, PMN_AVRO_REQUIRED),
	INDEX_FIELD("_BUCKET", PMN_AVRO_INT, bucket, PMN_AVRO_REQUIRED),
	INDEX_FIELD("_INDEX_TYPE", PMN_AVRO_STRING, index_type, PMN_AVRO_REQUIRED),
	INDEX_FIELD("_FILE_NAME", PMN_AVRO_STRING, file_name, PMN_AVRO_REQUIRED),
	INDEX_FIELD("_FILE_SIZE", PMN_AVRO_LONG, file_size, PMN_AVRO_REQUIRED),
	INDEX_FIELD("_ROW_COUNT", PMN_AVRO_LONG, row_count, PMN_AVRO_REQUIRED),
	{"_DELETIONS_VECTORS_RANGES", PMN_AVRO_ARRAY,
	 offsetof(PmnIndexEntry, ranges), offsetof(PmnIndexEntry, has_ranges),
	 &test_range_record, PMN_AVRO_RECORD, true, NULL},
	INDEX_FIELD("_EXTERNAL_PATH", PMN_AVRO_STRING, external_path,
				offsetof(PmnIndexEntry, has_external_path))};

/* Put entries as the file; columns 8 leaves the tail out, as 0.4 did. */
static inline PmnCode
put_index_manifest(PmnFileSystem *fs, const char *file,
				   const PmnIndexEntry *entries, size_t count, uint32_t columns)
{
	PmnAvroRecord record = {test_index_fields, columns, sizeof(PmnIndexEntry)};
	PmnAvroWriter *writer = NULL;
	PmnBytes bytes;
	PmnCode code =
		pmn_avro_create(fs->env, &record, PMN_CODEC_NONE, 0, &writer);

	for (size_t i = 0; code == PMN_OK && i < count; i++)
		code = pmn_avro_append(writer, &entries[i]);
	if (code == PMN_OK)
		code = pmn_avro_finish(writer, &bytes);
	if (code == PMN_OK)
		code = pmn_fs_put(fs, file, PMN_PUT_OVERWRITE, bytes);
	pmn_avro_destroy(writer);
	return code;
}

#endif /* META_DELETION_TESTING_H */
