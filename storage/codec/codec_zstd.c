/*
 * codec_zstd.c
 *
 * Zstandard frames. Most blocks are one frame that states its plain size:
 * they are decoded straight into the destination. Frames without a size, and
 * several frames in a row, go through the streaming decoder, which stops at
 * size_max.
 *
 * libzstd takes its working memory (window at most 128 MB) from malloc: the
 * interface for own allocators is not part of its stable library.
 */
#include "codec_internal.h"

#include <zstd.h>

#define NAME "zstd"
#define LEVEL_DEFAULT 1 /* Paimon's file.compression.zstd-level */
/* An RLE block makes 128 kB of 4 bytes. */
#define RATIO_MAX ((uint64_t) 32 * 1024)
#define STREAM_CHUNK ((size_t) 128 * 1024)

PmnCode
pmn_zstd_compress(int level, PmnBytes src, PmnBuffer *dst)
{
	size_t bound = ZSTD_compressBound(src.size);
	size_t size;

	if (level == 0)
		level = LEVEL_DEFAULT;
	if (level < ZSTD_minCLevel() || level > ZSTD_maxCLevel())
		return pmn_fail(dst->env, PMN_INVALID,
						"zstd level %d is not between %d and %d", level,
						ZSTD_minCLevel(), ZSTD_maxCLevel());
	PMN_TRY(pmn_buffer_reserve(dst, bound));
	size =
		ZSTD_compress(dst->data + dst->size, bound, src.data, src.size, level);
	if (ZSTD_isError(size))
		return pmn_fail(dst->env, PMN_NO_MEMORY, "zstd failed: %s",
						ZSTD_getErrorName(size));
	dst->size += size;
	return PMN_OK;
}

/* Decode frame after frame until src ends. */
static PmnCode
decompress_stream(ZSTD_DCtx *context, PmnBytes src, size_t size_max,
				  PmnBuffer *dst)
{
	ZSTD_inBuffer in = {src.data, src.size, 0};
	size_t produced = 0;
	size_t result = 1;

	while (in.pos < in.size || result != 0)
	{
		/* One byte beyond the limit tells "full" from "too large". */
		size_t room = size_max - produced;
		ZSTD_outBuffer out = {NULL, 0, 0};
		size_t read_before = in.pos;

		room = room < STREAM_CHUNK ? room + 1 : STREAM_CHUNK;
		PMN_TRY(pmn_buffer_reserve(dst, room));
		out.dst = dst->data + dst->size;
		out.size = room;
		result = ZSTD_decompressStream(context, &out, &in);
		if (ZSTD_isError(result))
			return pmn_codec_broken(dst, NAME, ZSTD_getErrorName(result));
		if (out.pos > size_max - produced)
			return pmn_codec_too_large(dst, NAME, size_max);
		produced += out.pos;
		dst->size += out.pos;
		if (out.pos == 0 && in.pos == read_before)
			return pmn_codec_broken(dst, NAME, "it ends early");
		PMN_TRY(pmn_poll(dst->env));
	}
	return PMN_OK;
}

PmnCode
pmn_zstd_decompress(PmnBytes src, size_t size_max, PmnBuffer *dst)
{
	unsigned long long plain = ZSTD_getFrameContentSize(src.data, src.size);
	ZSTD_DCtx *context;
	PmnCode code = PMN_OK;

	if (plain == ZSTD_CONTENTSIZE_ERROR)
		return pmn_codec_broken(dst, NAME, "it has no frame header");
	if (plain != ZSTD_CONTENTSIZE_UNKNOWN)
	{
		if (plain > size_max)
			return pmn_codec_too_large(dst, NAME, size_max);
		if (plain > RATIO_MAX * src.size)
			return pmn_codec_broken(dst, NAME, "its size is impossible");
	}
	context = ZSTD_createDCtx();
	if (context == NULL)
		return pmn_fail_memory(dst->env, 0);
	if (plain != ZSTD_CONTENTSIZE_UNKNOWN &&
		ZSTD_findFrameCompressedSize(src.data, src.size) == src.size)
	{
		code = pmn_buffer_reserve(dst, (size_t) plain + 1);
		if (code == PMN_OK)
		{
			size_t size =
				ZSTD_decompressDCtx(context, dst->data + dst->size,
									(size_t) plain, src.data, src.size);

			if (ZSTD_isError(size))
				code = pmn_codec_broken(dst, NAME, ZSTD_getErrorName(size));
			else
				dst->size += size;
		}
	}
	else
		code = decompress_stream(context, src, size_max, dst);
	ZSTD_freeDCtx(context);
	return code;
}
