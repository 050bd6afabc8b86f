/*
 * format_orc_testing.h
 *
 * A writer of small ORC files for tests: columns are given as the bytes of
 * their streams, so that every encoding, good or bad, can be made. All
 * stripes hold the same. Tests only; each test file includes it once.
 */
#ifndef FORMAT_ORC_TESTING_H
#define FORMAT_ORC_TESTING_H

#include "../testing/testing.h"
#include "../type/type.h"
#include "format_orc.h"

#define TEST_STREAMS 4

typedef struct TestStream
{
	uint32_t kind; /* OrcStreamKind */
	PmnBytes bytes;
} TestStream;

/* Columns come in preorder: what is in a column follows it. */
typedef struct TestColumn
{
	const char *name;
	uint32_t parent; /* type number: 0 the root, 1 the first column */
	uint32_t kind;	 /* OrcKind */
	uint32_t encoding;
	uint32_t dictionary_size;
	TestStream streams[TEST_STREAMS]; /* ends with one without data */
} TestColumn;

typedef struct TestFile
{
	const TestColumn *columns;
	uint32_t column_count;
	uint32_t rows; /* of each stripe */
	uint32_t stripes;
	uint32_t compression; /* CompressionKind */
	uint32_t block_bytes;
	const char *zone;
	PmnBytes root_present;
	bool has_footer_rows_wrong;
} TestFile;

static void
put_varint(PmnBuffer *dst, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		CHECK(pmn_buffer_byte(dst, (uint8_t) (value | 0x80)) == PMN_OK);
	CHECK(pmn_buffer_byte(dst, (uint8_t) value) == PMN_OK);
}

static void
put_signed(PmnBuffer *dst, int64_t value)
{
	put_varint(dst, (uint64_t) value << 1 ^ (uint64_t) (value >> 63));
}

static void
put_number(PmnBuffer *dst, uint32_t field, uint64_t value)
{
	put_varint(dst, field << 3);
	put_varint(dst, value);
}

static void
put_bytes(PmnBuffer *dst, uint32_t field, PmnBytes bytes)
{
	put_varint(dst, field << 3 | 2);
	put_varint(dst, bytes.size);
	CHECK(pmn_buffer_append(dst, bytes.data, bytes.size) == PMN_OK);
}

static PmnBytes
bytes_of(const PmnBuffer *buffer)
{
	return pmn_bytes(buffer->data, buffer->size);
}

static void
put_message(PmnBuffer *dst, uint32_t field, PmnBuffer *message)
{
	put_bytes(dst, field, bytes_of(message));
	pmn_buffer_reset(message);
}

/* Integers as they are: runs of version 1 literals. */
static void
put_ints(PmnBuffer *dst, const int64_t *values, size_t count, bool is_signed)
{
	for (size_t i = 0; i < count; i++)
	{
		size_t left = count - i < 128 ? count - i : 128;

		if (i % 128 == 0)
			CHECK(pmn_buffer_byte(dst, (uint8_t) (256 - left)) == PMN_OK);
		if (is_signed)
			put_signed(dst, values[i]);
		else
			put_varint(dst, (uint64_t) values[i]);
	}
}

/* Append bytes in blocks; returns how many that made. */
static uint64_t
put_blocks(PmnBuffer *dst, const TestFile *file, PmnBytes bytes)
{
	static const PmnCodec codecs[] = {PMN_CODEC_NONE,	PMN_CODEC_DEFLATE,
									  PMN_CODEC_SNAPPY, PMN_CODEC_NONE,
									  PMN_CODEC_LZ4,	PMN_CODEC_ZSTD};
	size_t before = dst->size;
	PmnBuffer block;

	pmn_buffer_init(&block, dst->env);
	if (file->compression == 0)
		CHECK(pmn_buffer_append(dst, bytes.data, bytes.size) == PMN_OK);
	for (size_t at = 0; file->compression != 0 && at < bytes.size;)
	{
		size_t size = bytes.size - at;
		bool is_plain;
		uint32_t header;

		if (size > file->block_bytes)
			size = file->block_bytes;
		pmn_buffer_reset(&block);
		CHECK(pmn_codec_compress(codecs[file->compression], 0,
								 pmn_bytes(bytes.data + at, size),
								 &block) == PMN_OK);
		is_plain = block.size >= size;
		header = (uint32_t) (is_plain ? size : block.size) << 1 | is_plain;
		CHECK(pmn_buffer_append(dst, &header, 3) == PMN_OK);
		CHECK(pmn_buffer_append(dst, is_plain ? bytes.data + at : block.data,
								header >> 1) == PMN_OK);
		at += size;
	}
	pmn_buffer_free(&block);
	return dst->size - before;
}

static void
put_stream(PmnBuffer *dst, PmnBuffer *footer, const TestFile *file,
		   uint32_t column, const TestStream *stream)
{
	PmnBuffer message;

	pmn_buffer_init(&message, dst->env);
	put_number(&message, 1, stream->kind);
	put_number(&message, 2, column);
	put_number(&message, 3, put_blocks(dst, file, stream->bytes));
	put_message(footer, 1, &message);
	pmn_buffer_free(&message);
}

static void
put_stripe(PmnBuffer *dst, PmnBuffer *info, const TestFile *file)
{
	TestStream root = {ORC_STREAM_PRESENT, file->root_present};
	size_t begin = dst->size;
	PmnBuffer footer;
	PmnBuffer message;

	pmn_buffer_init(&footer, dst->env);
	pmn_buffer_init(&message, dst->env);
	put_number(info, 1, begin);
	if (file->root_present.size > 0)
		put_stream(dst, &footer, file, 0, &root);
	for (uint32_t c = 0; c < file->column_count; c++)
		for (uint32_t s = 0; s < TEST_STREAMS; s++)
			if (file->columns[c].streams[s].bytes.data != NULL)
				put_stream(dst, &footer, file, c + 1,
						   &file->columns[c].streams[s]);
	put_number(info, 3, dst->size - begin);
	for (uint32_t c = 0; c <= file->column_count; c++)
	{
		put_number(&message, 1, c == 0 ? 0 : file->columns[c - 1].encoding);
		put_number(&message, 2,
				   c == 0 ? 0 : file->columns[c - 1].dictionary_size);
		put_message(&footer, 2, &message);
	}
	if (file->zone != NULL)
		put_bytes(&footer, 3, pmn_bytes_string(file->zone));
	put_number(info, 4, put_blocks(dst, file, bytes_of(&footer)));
	put_number(info, 5, file->rows);
	pmn_buffer_free(&footer);
	pmn_buffer_free(&message);
}

static void
put_children(PmnBuffer *message, const TestFile *file, uint32_t type)
{
	for (uint32_t c = 0; c < file->column_count; c++)
	{
		if (file->columns[c].parent != type)
			continue;
		put_number(message, 2, c + 1);
		if (type == 0 || file->columns[type - 1].kind == ORC_STRUCT)
			put_bytes(message, 3, pmn_bytes_string(file->columns[c].name));
	}
}

static void
put_types(PmnBuffer *footer, const TestFile *file)
{
	PmnBuffer message;

	pmn_buffer_init(&message, footer->env);
	put_number(&message, 1, ORC_STRUCT);
	put_children(&message, file, 0);
	put_message(footer, 4, &message);
	for (uint32_t c = 0; c < file->column_count; c++)
	{
		put_number(&message, 1, file->columns[c].kind);
		put_children(&message, file, c + 1);
		put_message(footer, 4, &message);
	}
	pmn_buffer_free(&message);
}

/* The whole file appended to dst. */
static void
put_file(PmnBuffer *dst, const TestFile *file)
{
	PmnBuffer footer;
	PmnBuffer message;
	uint64_t footer_bytes;

	pmn_buffer_init(&footer, dst->env);
	pmn_buffer_init(&message, dst->env);
	CHECK(pmn_buffer_string(dst, "ORC") == PMN_OK);
	for (uint32_t i = 0; i < file->stripes; i++)
	{
		put_stripe(dst, &message, file);
		put_message(&footer, 3, &message);
	}
	put_types(&footer, file);
	put_number(&footer, 6,
			   (uint64_t) file->rows * file->stripes +
				   file->has_footer_rows_wrong);
	footer_bytes = put_blocks(dst, file, bytes_of(&footer));
	put_number(&message, 1, footer_bytes);
	put_number(&message, 2, file->compression);
	put_number(&message, 3, file->block_bytes);
	put_bytes(&message, 4, pmn_bytes("\0\x0c", 2));
	put_bytes(&message, 8000, pmn_bytes_string("ORC"));
	CHECK(pmn_buffer_append(dst, message.data, message.size) == PMN_OK);
	CHECK(pmn_buffer_byte(dst, (uint8_t) message.size) == PMN_OK);
	pmn_buffer_free(&footer);
	pmn_buffer_free(&message);
}

#endif /* FORMAT_ORC_TESTING_H */
