/*
 * codec_lz4.c
 *
 * Raw LZ4 blocks. They don't state their plain size; whoever stored one
 * stored the size beside it and gives it back here. A block that decodes to
 * any other size is broken.
 */
#include "codec_internal.h"

#include <lz4.h>

#define NAME "lz4"
#define RATIO_MAX ((size_t) 256) /* a length byte of 255 copies 255 bytes */

PmnCode
pmn_lz4_compress(PmnBytes src, PmnBuffer *dst)
{
	int bound;
	int size;

	if (src.size > LZ4_MAX_INPUT_SIZE)
		return pmn_fail(dst->env, PMN_INVALID,
						"%" PRIu32 " bytes are too many for one lz4 block",
						src.size);
	bound = LZ4_compressBound((int) src.size);
	PMN_TRY(pmn_buffer_reserve(dst, (size_t) bound));
	size = LZ4_compress_default(src.size > 0 ? (const char *) src.data : "",
								(char *) dst->data + dst->size, (int) src.size,
								bound);
	PMN_ASSERT(size > 0 && size <= bound);
	dst->size += (size_t) size;
	return PMN_OK;
}

PmnCode
pmn_lz4_decompress(PmnBytes src, size_t size, size_t size_max, PmnBuffer *dst)
{
	int done;

	if (size > size_max || size > LZ4_MAX_INPUT_SIZE)
		return pmn_codec_too_large(dst, NAME, size_max);
	if (src.size > INT32_MAX || size / RATIO_MAX > src.size)
		return pmn_codec_broken(dst, NAME, "its size is impossible");
	if (src.size == 0)
		return pmn_codec_broken(dst, NAME, "it is empty");
	PMN_TRY(pmn_buffer_reserve(dst, size + 1));
	done = LZ4_decompress_safe((const char *) src.data,
							   (char *) dst->data + dst->size, (int) src.size,
							   (int) size);
	if (done < 0 || (size_t) done != size)
		return pmn_codec_broken(dst, NAME,
								"it does not decode to the stored size");
	dst->size += size;
	return PMN_OK;
}
