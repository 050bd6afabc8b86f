/*
 * format_orc_stream.c
 *
 * Bytes of ORC files. Footers and streams are the same thing: a range of the
 * file, cut into blocks when the file is compressed:
 *
 *   3 bytes  little-endian: size of what follows * 2, + 1 when it is plain
 *   n bytes  a compressed block that holds at most block_bytes plain ones
 *
 * A file without compression has no headers. The range comes in windows of a
 * few hundred kB, one request each, or lies in memory already.
 *
 * Bit-packed integers are read eight bytes at a time, so everything handed
 * out has ORC_SLACK readable bytes behind it.
 */
#include "format_orc_stream.h"

#include <lz4.h>

void
orc_input_init(OrcInput *input, PmnFileReader *file)
{
	memset(input, 0, sizeof(*input));
	input->env = file->fs->env;
	input->file = file;
	input->size_bytes = file->size_bytes;
}

void
orc_input_free(OrcInput *input)
{
	pmn_free(input->env, input->tail, input->tail_capacity);
	input->tail = NULL;
	input->tail_bytes = 0;
	input->tail_capacity = 0;
}

PmnCode
orc_input_load_tail(OrcInput *input, size_t bytes)
{
	uint8_t *tail;
	PmnCode code;

	if (bytes > input->size_bytes)
		bytes = (size_t) input->size_bytes;
	if (bytes <= input->tail_bytes)
		return PMN_OK;
	tail = pmn_alloc(input->env, bytes + ORC_SLACK);
	if (tail == NULL)
		return PMN_NO_MEMORY;
	code =
		pmn_file_read_at(input->file, input->size_bytes - bytes, bytes, tail);
	if (code != PMN_OK)
	{
		pmn_free(input->env, tail, bytes + ORC_SLACK);
		return code;
	}
	orc_input_free(input);
	input->tail = tail;
	input->tail_bytes = bytes;
	input->tail_capacity = bytes + ORC_SLACK;
	return PMN_OK;
}

PmnCode
orc_input_check_range(OrcInput *input, uint64_t offset, uint64_t size,
					  const char *what)
{
	if (offset <= input->size_bytes && size <= input->size_bytes - offset)
		return PMN_OK;
	return pmn_fail(input->env, PMN_CORRUPT,
					"%s is said to lie at %" PRIu64 ", %" PRIu64
					" bytes long, in a file of %" PRIu64,
					what, offset, size, input->size_bytes);
}

PmnCode
orc_input_read(OrcInput *input, uint64_t offset, size_t size, uint8_t *dst)
{
	uint64_t tail_offset = input->size_bytes - input->tail_bytes;

	PMN_TRY(orc_input_check_range(input, offset, size, "a part"));
	if (size == 0)
		return PMN_OK;
	if (offset < tail_offset)
		return pmn_file_read_at(input->file, offset, size, dst);
	memcpy(dst, input->tail + (offset - tail_offset), size);
	return PMN_OK;
}

/* ---- streams ---------------------------------------------------------------- */

static void
open_stream(OrcStream *stream, OrcInput *input)
{
	if (stream->input == NULL)
		pmn_buffer_init(&stream->plain, input->env);
	stream->input = input;
	stream->next = NULL;
	stream->end = NULL;
	stream->raw = NULL;
	stream->raw_bytes = 0;
	stream->offset = 0;
	stream->left = 0;
	pmn_buffer_reset(&stream->plain);
}

void
orc_stream_open(OrcStream *stream, OrcInput *input, uint64_t offset,
				uint64_t size, size_t window_bytes)
{
	uint64_t tail_offset = input->size_bytes - input->tail_bytes;

	PMN_ASSERT(offset <= input->size_bytes &&
			   size <= input->size_bytes - offset);
	PMN_ASSERT(window_bytes > 0);
	open_stream(stream, input);
	if (size > 0 && offset >= tail_offset)
	{
		stream->raw = input->tail + (offset - tail_offset);
		stream->raw_bytes = (size_t) size;
		return;
	}
	stream->offset = offset;
	stream->left = size;
	stream->window_wanted = window_bytes;
}

void
orc_stream_open_memory(OrcStream *stream, OrcInput *input, const uint8_t *data,
					   size_t size)
{
	open_stream(stream, input);
	stream->raw = data;
	stream->raw_bytes = size;
}

void
orc_stream_free(OrcStream *stream)
{
	if (stream->input == NULL)
		return;
	pmn_free(stream->input->env, stream->window,
			 stream->window_bytes + ORC_SLACK);
	pmn_buffer_free(&stream->plain);
	memset(stream, 0, sizeof(*stream));
}

static PmnCode
fail_end(OrcStream *stream)
{
	return pmn_fail(stream->input->env, PMN_CORRUPT,
					"a stream ends before its values do");
}

static PmnCode
grow_window(OrcStream *stream, size_t size)
{
	PmnEnv *env = stream->input->env;
	uint8_t *window;

	if (size <= stream->window_bytes && stream->window != NULL)
		return PMN_OK;
	window = pmn_alloc(env, size + ORC_SLACK);
	if (window == NULL)
		return PMN_NO_MEMORY;
	if (stream->raw_bytes > 0)
		memcpy(window, stream->raw, stream->raw_bytes);
	if (stream->window != NULL)
		pmn_free(env, stream->window, stream->window_bytes + ORC_SLACK);
	stream->window = window;
	stream->window_bytes = size;
	stream->raw = window;
	return PMN_OK;
}

/* Have size raw bytes in memory, or as many as there are. */
static PmnCode
need_raw(OrcStream *stream, size_t size)
{
	size_t more;

	if (stream->raw_bytes >= size || stream->left == 0)
		return PMN_OK;
	if (size < stream->window_wanted)
		size = stream->window_wanted;
	if (size - stream->raw_bytes > stream->left)
		size = stream->raw_bytes + (size_t) stream->left;
	PMN_TRY(grow_window(stream, size));
	if (stream->raw_bytes > 0)
		memmove(stream->window, stream->raw, stream->raw_bytes);
	stream->raw = stream->window;
	more = stream->window_bytes - stream->raw_bytes;
	if (more > stream->left)
		more = (size_t) stream->left;
	PMN_TRY(orc_input_read(stream->input, stream->offset, more,
						   stream->window + stream->raw_bytes));
	stream->raw_bytes += more;
	stream->offset += more;
	stream->left -= more;
	return PMN_OK;
}

static PmnCode
decompress_lz4(OrcStream *stream, PmnBytes src, size_t size_max)
{
	PmnBuffer *dst = &stream->plain;
	int size;

	/* Blocks do not say how long they are, which pmn_codec wants to know. */
	PMN_TRY(pmn_buffer_reserve(dst, size_max + ORC_SLACK));
	size = LZ4_decompress_safe((const char *) src.data, (char *) dst->data,
							   (int) src.size, (int) size_max);
	if (size < 0)
		return pmn_fail(dst->env, PMN_CORRUPT, "an lz4 block is broken");
	dst->size = (size_t) size;
	return PMN_OK;
}

static PmnCode
decompress_block(OrcStream *stream, PmnBytes src)
{
	OrcInput *input = stream->input;
	PmnBuffer *dst = &stream->plain;

	pmn_buffer_reset(dst);
	if (input->codec == PMN_CODEC_LZ4)
		PMN_TRY(decompress_lz4(stream, src, input->block_bytes));
	else
		PMN_TRY(pmn_codec_decompress(input->codec, src, 0, input->block_bytes,
									 dst));
	PMN_TRY(pmn_buffer_reserve(dst, ORC_SLACK));
	memset(dst->data + dst->size, 0, ORC_SLACK);
	stream->next = dst->data;
	stream->end = dst->data + dst->size;
	return PMN_OK;
}

static PmnCode
next_block(OrcStream *stream)
{
	OrcInput *input = stream->input;
	uint32_t header;
	size_t size;
	PmnBytes block;

	PMN_TRY(need_raw(stream, 3));
	if (stream->raw_bytes < 3)
		return fail_end(stream);
	header = (uint32_t) stream->raw[0] | (uint32_t) stream->raw[1] << 8 |
			 (uint32_t) stream->raw[2] << 16;
	size = header >> 1;
	if (size > input->block_bytes)
		return pmn_fail(input->env, PMN_CORRUPT,
						"a block has %zu bytes, the file allows %zu", size,
						input->block_bytes);
	PMN_TRY(need_raw(stream, size + 3));
	if (stream->raw_bytes < size + 3)
		return fail_end(stream);
	block = pmn_bytes(stream->raw + 3, size);
	stream->raw += size + 3;
	stream->raw_bytes -= size + 3;
	if ((header & 1) == 0)
		return decompress_block(stream, block);
	stream->next = block.data;
	stream->end = block.data + size;
	return PMN_OK;
}

PmnCode
orc_stream_more(OrcStream *stream, bool *is_end)
{
	PMN_ASSERT(stream->input != NULL && stream->next == stream->end);
	*is_end = false;
	while (stream->next == stream->end)
	{
		if (stream->raw_bytes == 0 && stream->left == 0)
		{
			*is_end = true;
			return PMN_OK;
		}
		PMN_TRY(pmn_poll(stream->input->env));
		if (stream->input->is_compressed)
		{
			PMN_TRY(next_block(stream));
			continue;
		}
		PMN_TRY(need_raw(stream, 1));
		stream->next = stream->raw;
		stream->end = stream->raw + stream->raw_bytes;
		stream->raw_bytes = 0;
	}
	return PMN_OK;
}

PmnCode
orc_stream_fill(OrcStream *stream)
{
	bool is_end;

	PMN_TRY(orc_stream_more(stream, &is_end));
	return is_end ? fail_end(stream) : PMN_OK;
}

PmnCode
orc_stream_copy(OrcStream *stream, void *dst, size_t size)
{
	uint8_t *to = dst;

	while (size > 0)
	{
		size_t piece = (size_t) (stream->end - stream->next);

		if (piece == 0)
		{
			PMN_TRY(orc_stream_fill(stream));
			continue;
		}
		if (piece > size)
			piece = size;
		memcpy(to, stream->next, piece);
		stream->next += piece;
		to += piece;
		size -= piece;
	}
	return PMN_OK;
}

PmnCode
orc_stream_take(OrcStream *stream, size_t size, uint8_t *scratch,
				const uint8_t **out)
{
	if (size > 0 && (size_t) (stream->end - stream->next) >= size)
	{
		*out = stream->next;
		stream->next += size;
		return PMN_OK;
	}
	PMN_TRY(orc_stream_copy(stream, scratch, size));
	memset(scratch + size, 0, ORC_SLACK);
	*out = scratch;
	return PMN_OK;
}
