/*
 * codec.c
 *
 * Compression by name and by number. Each library has a file of its own;
 * here is the lookup and the one promise they share: decompression appends
 * at most size_max bytes, whatever the block claims, and a failed call
 * leaves dst as long as it was. A block that claims more than its codec
 * could ever pack into so few bytes is refused before memory is taken.
 */
#include "codec.h"

#include <strings.h>

#include "codec_internal.h"

typedef struct CodecName
{
	const char *name;
	PmnCodec codec;
} CodecName;

static const CodecName codec_names[] = {
	{"none", PMN_CODEC_NONE},		  {"null", PMN_CODEC_NONE},
	{"uncompressed", PMN_CODEC_NONE}, {"zstd", PMN_CODEC_ZSTD},
	{"zstandard", PMN_CODEC_ZSTD},	  {"lz4", PMN_CODEC_LZ4},
	{"snappy", PMN_CODEC_SNAPPY},	  {"deflate", PMN_CODEC_DEFLATE},
	{"zlib", PMN_CODEC_DEFLATE},	  {"gzip", PMN_CODEC_GZIP},
};

PmnCode
pmn_codec_parse(PmnEnv *env, const char *name, PmnCodec *out)
{
	*out = PMN_CODEC_NONE;
	for (size_t i = 0; i < sizeof(codec_names) / sizeof(codec_names[0]); i++)
		if (strcasecmp(name, codec_names[i].name) == 0)
		{
			*out = codec_names[i].codec;
			return PMN_OK;
		}
	return pmn_fail(env, PMN_UNSUPPORTED,
					"compression codec \"%.100s\" is not supported", name);
}

PmnCode
pmn_codec_broken(PmnBuffer *dst, const char *codec, const char *why)
{
	return pmn_fail(dst->env, PMN_CORRUPT, "a %s block is broken: %s", codec,
					why);
}

PmnCode
pmn_codec_too_large(PmnBuffer *dst, const char *codec, size_t size_max)
{
	return pmn_fail(dst->env, PMN_CORRUPT,
					"a %s block holds more than %zu bytes", codec, size_max);
}

static PmnCode
compress_block(PmnCodec codec, int level, PmnBytes src, PmnBuffer *dst)
{
	switch (codec)
	{
		case PMN_CODEC_NONE:
			return pmn_buffer_append(dst, src.data, src.size);
		case PMN_CODEC_ZSTD:
			return pmn_zstd_compress(level, src, dst);
		case PMN_CODEC_LZ4:
			return pmn_lz4_compress(src, dst);
		case PMN_CODEC_SNAPPY:
			return pmn_snappy_compress(src, dst);
		case PMN_CODEC_DEFLATE:
			return pmn_deflate_compress(false, level, src, dst);
		case PMN_CODEC_GZIP:
			return pmn_deflate_compress(true, level, src, dst);
	}
	return pmn_fail(dst->env, PMN_INVALID, "no codec has number %d",
					(int) codec);
}

PmnCode
pmn_codec_compress(PmnCodec codec, int level, PmnBytes src, PmnBuffer *dst)
{
	size_t size_before = dst->size;
	PmnCode code = compress_block(codec, level, src, dst);

	if (code != PMN_OK)
		dst->size = size_before;
	return code;
}

static PmnCode
decompress_block(PmnCodec codec, PmnBytes src, size_t size_hint,
				 size_t size_max, PmnBuffer *dst)
{
	switch (codec)
	{
		case PMN_CODEC_NONE:
			if (src.size > size_max)
				return pmn_codec_too_large(dst, "plain", size_max);
			return pmn_buffer_append(dst, src.data, src.size);
		case PMN_CODEC_ZSTD:
			return pmn_zstd_decompress(src, size_max, dst);
		case PMN_CODEC_LZ4:
			return pmn_lz4_decompress(src, size_hint, size_max, dst);
		case PMN_CODEC_SNAPPY:
			return pmn_snappy_decompress(src, size_max, dst);
		case PMN_CODEC_DEFLATE:
			return pmn_deflate_decompress(false, src, size_hint, size_max, dst);
		case PMN_CODEC_GZIP:
			return pmn_deflate_decompress(true, src, size_hint, size_max, dst);
	}
	return pmn_fail(dst->env, PMN_INVALID, "no codec has number %d",
					(int) codec);
}

PmnCode
pmn_codec_decompress(PmnCodec codec, PmnBytes src, size_t size_hint,
					 size_t size_max, PmnBuffer *dst)
{
	size_t size_before = dst->size;
	PmnCode code = decompress_block(codec, src, size_hint, size_max, dst);

	if (code != PMN_OK)
		dst->size = size_before;
	PMN_ASSERT(dst->size - size_before <= size_max);
	return code;
}
