/*
 * codec_avro_container.c
 *
 * The container around Avro records: magic, a map of metadata, a sync marker,
 * then blocks of
 *
 *   count    varint  records
 *   size     varint  bytes
 *   bytes            the records, compressed by avro.codec
 *   sync     16 bytes
 *
 * Readers differ in where they get the bytes from; here is what they have in
 * common. Nothing keeps state: the header may be parsed again with more
 * bytes, and a block is unpacked into a buffer of the caller.
 */
#include "codec_avro_container.h"

#include <zlib.h>

#define METADATA_COUNT_MAX 10000

/* The magic of another container, or nothing known. */
static PmnCode
wrong_magic(PmnEnv *env, PmnBytes file, const char *name)
{
	const char *format = NULL;

	if (file.size >= 3 && memcmp(file.data, "ORC", 3) == 0)
		format = "an ORC";
	if (file.size >= 4 && memcmp(file.data, "PAR1", 4) == 0)
		format = "a Parquet";
	if (format != NULL)
		return pmn_fail(env, PMN_UNSUPPORTED,
						"file \"%s\" is %s file, only Avro is supported here",
						name, format);
	return pmn_fail(env, PMN_CORRUPT, "file \"%s\" is not an Avro file", name);
}

static PmnCode
read_codec(AvroProgram *program, PmnBytes name, AvroCodec *out)
{
	static const char *const names[] = {"null", "deflate", "snappy",
										"zstandard"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pmn_bytes_equal(name, pmn_bytes_string(names[i])))
		{
			*out = (AvroCodec) i;
			return PMN_OK;
		}
	return pmn_fail(program->env, PMN_UNSUPPORTED,
					"Avro codec \"%.*s\" of file \"%s\" is not supported",
					name.size < 40 ? (int) name.size : 40,
					(const char *) name.data, program->file_name);
}

static PmnCode
ends_early(AvroProgram *program, AvroHeader *header)
{
	header->is_short = true;
	return pmn_avro_corrupt(program, "its header ends early");
}

/* The metadata map. */
static PmnCode
read_metadata(AvroProgram *program, const uint8_t **at, const uint8_t *end,
			  AvroHeader *out)
{
	uint64_t total = 0;

	while (true)
	{
		int64_t count;
		int64_t size;

		if (!pmn_avro_read_long(at, end, &count))
			return ends_early(program, out);
		if (count == 0)
			return PMN_OK;
		if (count < 0)
		{
			if (!pmn_avro_read_long(at, end, &size))
				return ends_early(program, out);
			count = count < -METADATA_COUNT_MAX ? INT64_MAX : -count;
		}
		total += count > METADATA_COUNT_MAX ? METADATA_COUNT_MAX + 1
											: (uint64_t) count;
		if (total > METADATA_COUNT_MAX)
			return pmn_avro_corrupt(program, "too much metadata");
		for (; count > 0; count--)
		{
			PmnBytes key;
			PmnBytes value;

			if (!pmn_avro_read_bytes(at, end, &key) ||
				!pmn_avro_read_bytes(at, end, &value))
				return ends_early(program, out);
			if (pmn_bytes_equal(key, pmn_bytes_string("avro.schema")))
				out->schema = value;
			if (pmn_bytes_equal(key, pmn_bytes_string("avro.codec")))
				PMN_TRY(read_codec(program, value, &out->codec));
		}
	}
}

PmnCode
pmn_avro_read_header(AvroProgram *program, PmnBytes bytes, AvroHeader *out)
{
	const uint8_t *end;
	const uint8_t *at;

	memset(out, 0, sizeof(*out));
	if (bytes.size < 4 || memcmp(bytes.data, PMN_AVRO_MAGIC, 4) != 0)
		return wrong_magic(program->env, bytes, program->file_name);
	at = bytes.data + 4;
	end = bytes.data + bytes.size;
	PMN_TRY(read_metadata(program, &at, end, out));
	if (out->schema.data == NULL)
		return pmn_avro_corrupt(program, "it has no schema");
	if (end - at < PMN_AVRO_SYNC_SIZE)
		return ends_early(program, out);
	memcpy(out->sync, at, PMN_AVRO_SYNC_SIZE);
	out->size = (size_t) (at - bytes.data) + PMN_AVRO_SYNC_SIZE;
	return PMN_OK;
}

/* Snappy blocks are followed by the CRC32 of the plain bytes. */
static PmnCode
unpack_snappy(AvroProgram *program, PmnBytes packed, PmnBuffer *plain)
{
	size_t from = plain->size;
	uint32_t stored;

	if (packed.size < 4)
		return pmn_avro_corrupt(program, "a block ends early");
	packed.size -= 4;
	stored = pmn_get_be32(packed.data + packed.size);
	PMN_TRY(pmn_codec_decompress(PMN_CODEC_SNAPPY, packed, 0,
								 PMN_AVRO_BLOCK_SIZE_MAX, plain));
	if (crc32(0, plain->data + from, (uInt) (plain->size - from)) != stored)
		return pmn_avro_corrupt(program, "a wrong checksum");
	return PMN_OK;
}

PmnCode
pmn_avro_append_block(AvroProgram *program, AvroCodec codec, PmnBytes packed,
					  PmnBuffer *plain)
{
	PmnCode code = PMN_OK;

	switch (codec)
	{
		case AVRO_CODEC_NULL:
			return pmn_buffer_append(plain, packed.data, packed.size);
		case AVRO_CODEC_DEFLATE:
			code = pmn_codec_decompress(PMN_CODEC_DEFLATE, packed, 0,
										PMN_AVRO_BLOCK_SIZE_MAX, plain);
			break;
		case AVRO_CODEC_SNAPPY:
			code = unpack_snappy(program, packed, plain);
			break;
		case AVRO_CODEC_ZSTANDARD:
			code = pmn_codec_decompress(PMN_CODEC_ZSTD, packed, 0,
										PMN_AVRO_BLOCK_SIZE_MAX, plain);
			break;
	}
	if (code == PMN_CORRUPT)
		return pmn_note(program->env, "file \"%s\" is damaged",
						program->file_name);
	return code;
}

PmnCode
pmn_avro_unpack_block(AvroProgram *program, AvroCodec codec, PmnBytes packed,
					  PmnBuffer *plain, PmnBytes *out)
{
	PmnCode code;

	pmn_buffer_reset(plain);
	if (codec == AVRO_CODEC_NULL)
	{
		*out = packed;
		return PMN_OK;
	}
	code = pmn_avro_append_block(program, codec, packed, plain);
	/* A block without bytes may have no buffer to point into. */
	*out = plain->size > 0 ? pmn_bytes(plain->data, plain->size)
						   : pmn_bytes("", 0);
	return code;
}

PmnCode
pmn_avro_check_count(AvroProgram *program, int64_t count,
					 const AvroSchema *record, size_t size)
{
	if (count < 0)
		return pmn_avro_corrupt(program, "a bad count of records");
	if (record->min_size == 0)
	{
		if (count > PMN_AVRO_EMPTY_COUNT_MAX)
			return pmn_avro_corrupt(program, "a bad count of records");
		return pmn_avro_count_empty(program, (uint64_t) count);
	}
	if ((uint64_t) count > size / record->min_size)
		return pmn_avro_corrupt(program, "a bad count of records");
	return PMN_OK;
}
