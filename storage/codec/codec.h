/*
 * codec.h
 *
 * General compression of byte blocks: what Avro containers and spilled runs
 * need. (Parquet pages are the business of the Arrow library.)
 */
#ifndef CODEC_H
#define CODEC_H

#include "../base/base_buffer.h"

typedef enum PmnCodec
{
	PMN_CODEC_NONE,
	PMN_CODEC_ZSTD,
	PMN_CODEC_LZ4,	   /* raw block */
	PMN_CODEC_SNAPPY,  /* raw block */
	PMN_CODEC_DEFLATE, /* raw deflate, no header (Avro) */
	PMN_CODEC_GZIP
} PmnCodec;

/* By Paimon's or Avro's spelling, case ignored: none null uncompressed zstd
 * zstandard lz4 snappy deflate gzip zlib. PMN_UNSUPPORTED. */
PMN_CHECKED PmnCode pmn_codec_parse(PmnEnv *env, const char *name,
									PmnCodec *out);

/* Append the compressed form of src to dst. level 0 = the codec's default. */
PMN_CHECKED PmnCode pmn_codec_compress(PmnCodec codec, int level, PmnBytes src,
									   PmnBuffer *dst);

/*
 * Append the plain form to dst; more than size_max plain bytes, or a broken
 * block, is PMN_CORRUPT. size_hint may be 0 (unknown); LZ4 needs the exact
 * plain size in size_hint.
 */
PMN_CHECKED PmnCode pmn_codec_decompress(PmnCodec codec, PmnBytes src,
										 size_t size_hint, size_t size_max,
										 PmnBuffer *dst);

#endif /* CODEC_H */
