/*
 * codec_snappy.c
 *
 * Raw snappy blocks, which begin with their plain size. (Avro puts a CRC32
 * behind each; that is codec_avro's business.)
 */
#include "codec_internal.h"

#include <snappy-c.h>

#define NAME "snappy"
#define RATIO_MAX ((size_t) 64) /* a copy of 64 bytes takes 3 */

PmnCode
pmn_snappy_compress(PmnBytes src, PmnBuffer *dst)
{
	size_t size = snappy_max_compressed_length(src.size);

	PMN_TRY(pmn_buffer_reserve(dst, size));
	if (snappy_compress(src.size > 0 ? (const char *) src.data : "", src.size,
						(char *) dst->data + dst->size, &size) != SNAPPY_OK)
		return pmn_fail(dst->env, PMN_INVALID, "snappy compression failed");
	dst->size += size;
	return PMN_OK;
}

PmnCode
pmn_snappy_decompress(PmnBytes src, size_t size_max, PmnBuffer *dst)
{
	size_t size;

	if (snappy_uncompressed_length((const char *) src.data, src.size, &size) !=
		SNAPPY_OK)
		return pmn_codec_broken(dst, NAME, "it has no size");
	if (size > size_max)
		return pmn_codec_too_large(dst, NAME, size_max);
	if (size / RATIO_MAX > src.size)
		return pmn_codec_broken(dst, NAME, "its size is impossible");
	PMN_TRY(pmn_buffer_reserve(dst, size + 1));
	if (snappy_uncompress((const char *) src.data, src.size,
						  (char *) dst->data + dst->size, &size) != SNAPPY_OK)
		return pmn_codec_broken(dst, NAME, "its bytes are damaged");
	dst->size += size;
	return PMN_OK;
}
