/*
 * format_avro_heap.c
 *
 * Where a batch of Avro rows keeps its byte strings, and how the file comes
 * in.
 *
 * The heap is a list of blocks; a batch fills one after the other and the
 * next batch starts at the first again. After a batch of huge values the
 * blocks are given back.
 *
 * The stream is a window that slides over the file: it is refilled by pieces
 * of half a megabyte, or by a whole block of the file when that is larger,
 * so small files and small blocks cost few requests.
 */
#include "format_avro.h"

#define HEAP_BLOCK_BYTES ((size_t) 256 * 1024)
#define HEAP_KEPT_BYTES ((size_t) 16 * 1024 * 1024)
#define STREAM_PIECE_BYTES ((size_t) 512 * 1024)

/* ---- heap -------------------------------------------------------------- */

static void
release_blocks(AvroHeap *heap)
{
	for (size_t i = 0; i < heap->blocks.count; i++)
		pmn_free(heap->env, heap->blocks.items[i].data,
				 heap->blocks.items[i].size);
	heap->blocks.count = 0;
	heap->reserved_bytes = 0;
}

void
avro_heap_reset(AvroHeap *heap)
{
	if (heap->reserved_bytes > HEAP_KEPT_BYTES)
		release_blocks(heap);
	heap->next_block = 0;
	heap->used_bytes = 0;
	heap->at = NULL;
	heap->end = NULL;
}

void
avro_heap_free(AvroHeap *heap)
{
	release_blocks(heap);
	pmn_array_free(heap->env, &heap->blocks);
}

PmnCode
avro_heap_grow(AvroHeap *heap, size_t size)
{
	AvroHeapBlock block = {NULL, HEAP_BLOCK_BYTES};

	if (block.size < size)
		block.size = size;
	while (heap->next_block < heap->blocks.count)
	{
		const AvroHeapBlock *kept = &heap->blocks.items[heap->next_block++];

		if (kept->size < size)
			continue;
		heap->at = kept->data;
		heap->end = kept->data + kept->size;
		heap->used_bytes += kept->size;
		return PMN_OK;
	}
	PMN_TRY(pmn_array_reserve(heap->env, &heap->blocks, 1));
	block.data = pmn_alloc_raw(heap->env, block.size);
	if (block.data == NULL)
		return PMN_NO_MEMORY;
	heap->blocks.items[heap->blocks.count++] = block;
	heap->next_block = heap->blocks.count;
	heap->reserved_bytes += block.size;
	heap->used_bytes += block.size;
	heap->at = block.data;
	heap->end = block.data + block.size;
	return PMN_OK;
}

/* ---- stream ------------------------------------------------------------ */

uint64_t
avro_stream_left(const AvroStream *stream)
{
	return stream->window.size - stream->at +
		   (stream->file->size_bytes - stream->offset);
}

static PmnCode
refill(AvroStream *stream, size_t size)
{
	PmnBuffer *window = &stream->window;
	uint64_t left = stream->file->size_bytes - stream->offset;
	size_t kept = window->size - stream->at;
	size_t more = size - kept;

	if (more < STREAM_PIECE_BYTES)
		more = STREAM_PIECE_BYTES;
	if (more > left)
		more = (size_t) left;
	if (kept > 0)
		memmove(window->data, window->data + stream->at, kept);
	window->size = kept;
	stream->at = 0;
	PMN_TRY(pmn_buffer_reserve(window, more));
	PMN_TRY(pmn_file_read_at(stream->file, stream->offset, more,
							 window->data + kept));
	window->size += more;
	stream->offset += more;
	return PMN_OK;
}

PmnCode
avro_stream_peek(AvroStream *stream, size_t size, PmnBytes *out, bool *is_short)
{
	uint64_t left = avro_stream_left(stream);

	*is_short = size > left;
	if (*is_short)
		size = (size_t) left;
	if (size > stream->window.size - stream->at)
		PMN_TRY(refill(stream, size));
	/* More than asked for is shown only up to what 32 bits can say. */
	left = stream->window.size - stream->at;
	*out = left == 0 ? pmn_bytes("", 0)
					 : pmn_bytes(stream->window.data + stream->at,
								 left < INT32_MAX ? (size_t) left : INT32_MAX);
	return PMN_OK;
}
