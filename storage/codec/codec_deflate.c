/*
 * codec_deflate.c
 *
 * Raw deflate (Avro's "deflate") and gzip, both by zlib. Neither states a
 * plain size that could be trusted, so output grows piece by piece and stops
 * one byte beyond size_max.
 *
 * zlib takes its memory from our env. It doesn't say a block's size when
 * it gives one back, so the size is kept in front of each.
 */
#include "codec_internal.h"

#include <zlib.h>

#define MEMORY_HEADER ((size_t) 16)
#define OUTPUT_MIN ((size_t) 4096)
#define OUTPUT_MAX ((size_t) 1024 * 1024)

static const char *
codec_name(bool with_header)
{
	return with_header ? "gzip" : "deflate";
}

static void *
zlib_allocate(void *env, unsigned int count, unsigned int size)
{
	size_t total = (size_t) count * size + MEMORY_HEADER;
	uint8_t *block = pmn_alloc(env, total);

	if (block == NULL)
		return NULL;
	memcpy(block, &total, sizeof(total));
	return block + MEMORY_HEADER;
}

static void
zlib_release(void *env, void *address)
{
	uint8_t *block = (uint8_t *) address - MEMORY_HEADER;
	size_t total;

	memcpy(&total, block, sizeof(total));
	pmn_free(env, block, total);
}

static void
init_stream(z_stream *stream, PmnEnv *env, PmnBytes src)
{
	memset(stream, 0, sizeof(*stream));
	stream->zalloc = zlib_allocate;
	stream->zfree = zlib_release;
	stream->opaque = env;
	stream->next_in = (Bytef *) (uintptr_t) src.data;
	stream->avail_in = src.size;
}

PmnCode
pmn_deflate_compress(bool with_header, int level, PmnBytes src, PmnBuffer *dst)
{
	z_stream stream;
	size_t bound;
	int result;

	init_stream(&stream, dst->env, src);
	if (level == 0)
		level = Z_DEFAULT_COMPRESSION;
	if (level < Z_DEFAULT_COMPRESSION || level > Z_BEST_COMPRESSION)
		return pmn_fail(dst->env, PMN_INVALID,
						"deflate level %d is not between 1 and 9", level);
	result = deflateInit2(&stream, level, Z_DEFLATED,
						  with_header ? MAX_WBITS + 16 : -MAX_WBITS, 8,
						  Z_DEFAULT_STRATEGY);
	if (result != Z_OK)
		return pmn_fail_memory(dst->env, 256 * 1024);
	bound = deflateBound(&stream, src.size);
	if (bound > UINT32_MAX || pmn_buffer_reserve(dst, bound) != PMN_OK)
	{
		(void) deflateEnd(&stream);
		return pmn_fail_memory(dst->env, bound);
	}
	stream.next_out = dst->data + dst->size;
	stream.avail_out = (uInt) bound;
	result = deflate(&stream, Z_FINISH);
	dst->size += bound - stream.avail_out;
	(void) deflateEnd(&stream);
	PMN_ASSERT(result == Z_STREAM_END);
	return PMN_OK;
}

/* Fill the next piece of dst; *result is what inflate said. */
static PmnCode
inflate_piece(z_stream *stream, const char *name, size_t wanted, size_t limit,
			  size_t size_max, PmnBuffer *dst, int *result)
{
	size_t room = limit < wanted ? limit + 1 : wanted;
	size_t done;

	PMN_TRY(pmn_poll(dst->env));
	PMN_TRY(pmn_buffer_reserve(dst, room));
	stream->next_out = dst->data + dst->size;
	stream->avail_out = (uInt) room;
	*result = inflate(stream, Z_NO_FLUSH);
	done = room - stream->avail_out;
	if (*result == Z_MEM_ERROR)
		return pmn_fail_memory(dst->env, 32 * 1024);
	if (*result == Z_BUF_ERROR)
		return pmn_codec_broken(dst, name, "it ends early");
	if (*result != Z_OK && *result != Z_STREAM_END)
		return pmn_codec_broken(
			dst, name, stream->msg != NULL ? stream->msg : "it is damaged");
	if (done > limit)
		return pmn_codec_too_large(dst, name, size_max);
	dst->size += done;
	return PMN_OK;
}

static PmnCode
inflate_all(z_stream *stream, bool with_header, size_t size_hint,
			size_t size_max, PmnBuffer *dst)
{
	const char *name = codec_name(with_header);
	size_t start = dst->size;
	size_t wanted = size_hint != 0 && size_hint < OUTPUT_MAX
						? size_hint + 1
						: (size_t) stream->avail_in * 4;
	int result = Z_OK;

	while (true)
	{
		size_t limit = size_max - (dst->size - start);

		if (wanted < OUTPUT_MIN)
			wanted = OUTPUT_MIN;
		if (wanted > OUTPUT_MAX)
			wanted = OUTPUT_MAX;
		PMN_TRY(
			inflate_piece(stream, name, wanted, limit, size_max, dst, &result));
		wanted *= 2;
		if (result != Z_STREAM_END)
			continue;
		if (stream->avail_in == 0)
			return PMN_OK;
		/* gzip allows several members in a row. */
		if (!with_header)
			return pmn_codec_broken(dst, name, "bytes follow its end");
		if (inflateReset(stream) != Z_OK)
			return pmn_codec_broken(dst, name, "it is damaged");
	}
}

PmnCode
pmn_deflate_decompress(bool with_header, PmnBytes src, size_t size_hint,
					   size_t size_max, PmnBuffer *dst)
{
	z_stream stream;
	PmnCode code;

	init_stream(&stream, dst->env, src);
	if (inflateInit2(&stream, with_header ? MAX_WBITS + 16 : -MAX_WBITS) !=
		Z_OK)
		return pmn_fail_memory(dst->env, 8 * 1024);
	code = inflate_all(&stream, with_header, size_hint, size_max, dst);
	(void) inflateEnd(&stream);
	return code;
}
