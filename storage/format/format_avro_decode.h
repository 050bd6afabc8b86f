/*
 * format_avro_decode.h
 *
 * Reading of single values out of an open block; private to this folder.
 * Every read is checked against the end of the block. A value that cannot be
 * read is a fault: the text becomes the message.
 */
#ifndef FORMAT_AVRO_DECODE_H
#define FORMAT_AVRO_DECODE_H

#include "format_avro.h"

typedef struct AvroDecoder
{
	AvroColumnReader *reader;
	const uint8_t *at;
	const uint8_t *end;
	const char *fault; /* why a step failed; NULL: env has the error */
} AvroDecoder;

static inline bool
avro_fail(AvroDecoder *decoder, const char *fault)
{
	decoder->fault = fault;
	return false;
}

static inline bool
avro_read_long(AvroDecoder *decoder, int64_t *out)
{
	if (decoder->at < decoder->end && *decoder->at < 0x80)
	{
		uint8_t byte = *decoder->at++;

		*out = (int64_t) (byte >> 1) ^ -(int64_t) (byte & 1);
		return true;
	}
	if (pmn_avro_read_long(&decoder->at, decoder->end, out))
		return true;
	return avro_fail(decoder, "a bad integer");
}

static inline bool
avro_read_int(AvroDecoder *decoder, int32_t *out)
{
	int64_t value = 0;

	if (!avro_read_long(decoder, &value))
		return false;
	*out = (int32_t) value;
	return value == *out || avro_fail(decoder, "an integer beyond 32 bits");
}

static inline bool
avro_read_raw(AvroDecoder *decoder, void *dst, size_t size)
{
	if ((size_t) (decoder->end - decoder->at) < size)
		return avro_fail(decoder, "a record ends early");
	memcpy(dst, decoder->at, size);
	decoder->at += size;
	return true;
}

static inline bool
avro_take_bytes(AvroDecoder *decoder, size_t size, PmnBytes *out)
{
	if ((size_t) (decoder->end - decoder->at) < size)
		return avro_fail(decoder, "a value ends early");
	*out = pmn_bytes(decoder->at, size);
	decoder->at += size;
	return true;
}

static inline bool
avro_read_bytes(AvroDecoder *decoder, PmnBytes *out)
{
	int64_t size = 0;

	if (!avro_read_long(decoder, &size))
		return false;
	if (size < 0 || size > INT32_MAX)
		return avro_fail(decoder, "a bad length");
	return avro_take_bytes(decoder, (size_t) size, out);
}

typedef enum AvroBranch
{
	AVRO_BRANCH_BAD,
	AVRO_BRANCH_NULL,
	AVRO_BRANCH_VALUE
} AvroBranch;

/* Branches are one byte: Avro's writers do not pad integers. */
static inline AvroBranch
avro_read_branch(AvroDecoder *decoder, const AvroColumnStep *step)
{
	uint8_t byte;

	if (decoder->at == decoder->end)
	{
		decoder->fault = "a record ends early";
		return AVRO_BRANCH_BAD;
	}
	byte = *decoder->at++;
	if (byte == step->null_byte)
		return AVRO_BRANCH_NULL;
	if (byte == step->value_byte)
		return AVRO_BRANCH_VALUE;
	decoder->fault = "a bad branch of a union";
	return AVRO_BRANCH_BAD;
}

/* format_avro_decode.c: the value of any step but NESTED; into row. */
bool avro_decode_value(AvroDecoder *decoder, const AvroColumnStep *step,
					   uint32_t row);
/* Copy bytes, which are not in the block, into the heap. */
bool avro_store_bytes(AvroDecoder *decoder, PmnBytes bytes, PmnBytes *out);

/* format_avro_nested.c */
bool avro_decode_nested(AvroDecoder *decoder, const AvroColumnStep *step,
						uint32_t row);

#endif /* FORMAT_AVRO_DECODE_H */
