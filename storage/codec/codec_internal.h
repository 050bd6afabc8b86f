/*
 * codec_internal.h
 *
 * One pair of functions for each compression library. All append to dst;
 * decompression never lets dst grow by more than size_max.
 */
#ifndef CODEC_INTERNAL_H
#define CODEC_INTERNAL_H

#include "codec.h"

/* PMN_CORRUPT: "a zstd block is broken: why". */
PmnCode pmn_codec_broken(PmnBuffer *dst, const char *codec, const char *why);
/* PMN_CORRUPT: "a zstd block holds more than N bytes". */
PmnCode pmn_codec_too_large(PmnBuffer *dst, const char *codec, size_t size_max);

PmnCode pmn_zstd_compress(int level, PmnBytes src, PmnBuffer *dst);
PmnCode pmn_zstd_decompress(PmnBytes src, size_t size_max, PmnBuffer *dst);

PmnCode pmn_lz4_compress(PmnBytes src, PmnBuffer *dst);
PmnCode pmn_lz4_decompress(PmnBytes src, size_t size, size_t size_max,
						   PmnBuffer *dst);

PmnCode pmn_snappy_compress(PmnBytes src, PmnBuffer *dst);
PmnCode pmn_snappy_decompress(PmnBytes src, size_t size_max, PmnBuffer *dst);

/* with_header: gzip, else raw deflate. */
PmnCode pmn_deflate_compress(bool with_header, int level, PmnBytes src,
							 PmnBuffer *dst);
PmnCode pmn_deflate_decompress(bool with_header, PmnBytes src, size_t size_hint,
							   size_t size_max, PmnBuffer *dst);

#endif /* CODEC_INTERNAL_H */
