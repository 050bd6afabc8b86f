/*
 * format_orc_rle.h
 *
 * ORC's run-length encodings; private to this folder. A reader borrows its
 * stream and keeps what a run has left over.
 */
#ifndef FORMAT_ORC_RLE_H
#define FORMAT_ORC_RLE_H

#include "format_orc_stream.h"

#define ORC_RUN_MAX 512

/* Integers of 64 bits, versions 1 and 2. */
typedef struct OrcInts
{
	OrcStream *stream;
	bool is_signed; /* zigzag */
	bool is_version_2;
	uint32_t used;
	uint32_t count;
	int64_t run[ORC_RUN_MAX];
} OrcInts;

/* Bytes. */
typedef struct OrcBytes
{
	OrcStream *stream;
	uint32_t repeats;  /* of byte */
	uint32_t literals; /* that follow in the stream */
	uint8_t byte;
} OrcBytes;

/* Bits in bytes, the highest first. */
typedef struct OrcBooleans
{
	OrcBytes bytes;
	uint8_t byte;
	uint32_t bits; /* of byte, that are left */
} OrcBooleans;

void orc_ints_begin(OrcInts *ints, OrcStream *stream, bool is_signed,
					bool is_version_2);
PMN_CHECKED PmnCode orc_ints_read(OrcInts *ints, int64_t *dst, size_t count);

void orc_bytes_begin(OrcBytes *bytes, OrcStream *stream);
PMN_CHECKED PmnCode orc_rle_bytes(OrcBytes *bytes, uint8_t *dst, size_t count);

void orc_booleans_begin(OrcBooleans *booleans, OrcStream *stream);
/* One byte each, 0 or 1. */
PMN_CHECKED PmnCode orc_booleans_read(OrcBooleans *booleans, uint8_t *dst,
									  size_t count);

/* At most 10 bytes, 7 bits each, the lowest first. */
PMN_CHECKED PmnCode orc_read_varint(OrcStream *stream, uint64_t *out);

static inline int64_t
orc_unzigzag(uint64_t value)
{
	return (int64_t) ((value >> 1) ^ (0 - (value & 1)));
}

#endif /* FORMAT_ORC_RLE_H */
