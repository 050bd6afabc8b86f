/*
 * format_orc_stream.h
 *
 * The bytes of one range of an ORC file, decompressed; private to this
 * folder.
 */
#ifndef FORMAT_ORC_STREAM_H
#define FORMAT_ORC_STREAM_H

#include "../codec/codec.h"
#include "../fs/fs.h"

/* Block headers have 23 bits for a size. */
#define ORC_BLOCK_BYTES_MAX ((size_t) 1 << 23)
/* Bytes behind what a stream hands out may be read, but mean nothing. */
#define ORC_SLACK 8

typedef struct OrcInput
{
	PmnEnv *env;
	PmnFileReader *file;
	uint64_t size_bytes;
	/* The last bytes of the file, read once; small files entirely. */
	uint8_t *tail;
	size_t tail_bytes;
	size_t tail_capacity;
	bool is_compressed;
	PmnCodec codec;
	size_t block_bytes; /* plain bytes of a block at most */
} OrcInput;

/*
 * Plain bytes lie at next .. end - 1; fill brings more. The raw ones are in
 * a window that is either lent (a whole range in memory) or our own, which
 * moves along the file.
 */
typedef struct OrcStream
{
	OrcInput *input;
	const uint8_t *next;
	const uint8_t *end;
	const uint8_t *raw; /* raw bytes that are in memory */
	size_t raw_bytes;
	uint64_t offset; /* of the raw bytes that are not */
	uint64_t left;	 /* how many of them */
	uint8_t *window; /* our own; NULL when lent */
	size_t window_bytes;
	size_t window_wanted;
	PmnBuffer plain;
} OrcStream;

void orc_input_init(OrcInput *input, PmnFileReader *file);
void orc_input_free(OrcInput *input);
/* Have the last bytes of the file in memory: as many, or all. */
PMN_CHECKED PmnCode orc_input_load_tail(OrcInput *input, size_t bytes);
/* PMN_CORRUPT when the range is not inside the file. */
PMN_CHECKED PmnCode orc_input_read(OrcInput *input, uint64_t offset,
								   size_t size, uint8_t *dst);
PMN_CHECKED PmnCode orc_input_check_range(OrcInput *input, uint64_t offset,
										  uint64_t size, const char *what);

/* A zeroed stream, or one used before: read the range from the file. */
void orc_stream_open(OrcStream *stream, OrcInput *input, uint64_t offset,
					 uint64_t size, size_t window_bytes);
/* The same, its bytes already in memory with ORC_SLACK more behind them. */
void orc_stream_open_memory(OrcStream *stream, OrcInput *input,
							const uint8_t *data, size_t size);
void orc_stream_free(OrcStream *stream); /* zeroed allowed */

/* The next block: next < end afterwards. PMN_CORRUPT at the end. */
PMN_CHECKED PmnCode orc_stream_fill(OrcStream *stream);
/* The same, but *is_end instead of an error. */
PMN_CHECKED PmnCode orc_stream_more(OrcStream *stream, bool *is_end);
PMN_CHECKED PmnCode orc_stream_copy(OrcStream *stream, void *dst, size_t size);
/*
 * size bytes in a row, ORC_SLACK readable ones behind; in scratch (size +
 * ORC_SLACK bytes) when they are not contiguous.
 */
PMN_CHECKED PmnCode orc_stream_take(OrcStream *stream, size_t size,
									uint8_t *scratch, const uint8_t **out);

static inline PmnCode
orc_stream_byte(OrcStream *stream, uint8_t *out)
{
	if (stream->next == stream->end)
		PMN_TRY(orc_stream_fill(stream));
	*out = *stream->next++;
	return PMN_OK;
}

#endif /* FORMAT_ORC_STREAM_H */
