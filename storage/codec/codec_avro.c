/*
 * codec_avro.c
 *
 * Reading the container: magic, a map of metadata, a sync marker, then
 * blocks of
 *
 *   count    varint  records
 *   size     varint  bytes
 *   bytes            the records, compressed by avro.codec
 *   sync     16 bytes
 *
 * The whole file is in memory. A block is decompressed when its first record
 * is asked for, into one buffer that is used again for the next; blocks
 * without compression are read in place. Each must be used up exactly by its
 * records. A file may end after any block and nowhere else.
 */
#include "codec_avro_internal.h"

#include <zlib.h>

#define METADATA_COUNT_MAX 10000

typedef enum AvroCodec
{
	AVRO_CODEC_NULL,
	AVRO_CODEC_DEFLATE,
	AVRO_CODEC_SNAPPY,
	AVRO_CODEC_ZSTANDARD
} AvroCodec;

struct PmnAvroReader
{
	PmnEnv *env;
	PmnArena *arena;   /* schema and names */
	const uint8_t *at; /* next block */
	const uint8_t *end;
	uint8_t sync[PMN_AVRO_SYNC_SIZE];
	AvroCodec codec;
	AvroProgram program;
	const PmnAvroRecord *record;
	const AvroSchema *schema;
	PmnBuffer plain;
	const uint8_t *block_at;
	const uint8_t *block_end;
	uint64_t block_records; /* left */
};

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
set_codec(PmnAvroReader *reader, PmnBytes name)
{
	static const char *const names[] = {"null", "deflate", "snappy",
										"zstandard"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pmn_bytes_equal(name, pmn_bytes_string(names[i])))
		{
			reader->codec = (AvroCodec) i;
			return PMN_OK;
		}
	return pmn_fail(reader->env, PMN_UNSUPPORTED,
					"Avro codec \"%.*s\" of file \"%s\" is not supported",
					name.size < 40 ? (int) name.size : 40,
					(const char *) name.data, reader->program.file_name);
}

/* The metadata map; *schema is the text of avro.schema. */
static PmnCode
read_metadata(PmnAvroReader *reader, PmnBytes *schema)
{
	AvroProgram *program = &reader->program;
	int64_t total = 0;

	while (true)
	{
		int64_t count;
		int64_t size;

		if (!pmn_avro_read_long(&reader->at, reader->end, &count))
			return pmn_avro_corrupt(program, "its header ends early");
		if (count == 0)
			return PMN_OK;
		if (count < 0 && count > -METADATA_COUNT_MAX &&
			pmn_avro_read_long(&reader->at, reader->end, &size))
			count = -count;
		total += count < 0 || count > METADATA_COUNT_MAX
					 ? METADATA_COUNT_MAX + 1
					 : count;
		if (total > METADATA_COUNT_MAX)
			return pmn_avro_corrupt(program, "too much metadata");
		for (; count > 0; count--)
		{
			PmnBytes key;
			PmnBytes value;

			if (!pmn_avro_read_bytes(&reader->at, reader->end, &key) ||
				!pmn_avro_read_bytes(&reader->at, reader->end, &value))
				return pmn_avro_corrupt(program, "its header ends early");
			if (pmn_bytes_equal(key, pmn_bytes_string("avro.schema")))
				*schema = value;
			if (pmn_bytes_equal(key, pmn_bytes_string("avro.codec")))
				PMN_TRY(set_codec(reader, value));
		}
	}
}

static PmnCode
read_header(PmnAvroReader *reader, PmnBytes file, const char *name)
{
	AvroProgram *program = &reader->program;
	PmnBytes schema = {NULL, 0};

	program->file_name = pmn_arena_string(reader->arena, name);
	if (program->file_name == NULL)
		return PMN_NO_MEMORY;
	if (file.size < 4 || memcmp(file.data, PMN_AVRO_MAGIC, 4) != 0)
		return wrong_magic(reader->env, file, name);
	reader->at = file.data + 4;
	reader->end = file.data + file.size;
	PMN_TRY(read_metadata(reader, &schema));
	if (schema.data == NULL)
		return pmn_avro_corrupt(program, "it has no schema");
	if (reader->end - reader->at < PMN_AVRO_SYNC_SIZE)
		return pmn_avro_corrupt(program, "its header ends early");
	memcpy(reader->sync, reader->at, PMN_AVRO_SYNC_SIZE);
	reader->at += PMN_AVRO_SYNC_SIZE;
	PMN_TRY(
		pmn_avro_parse_schema(reader->arena, schema, name, &reader->schema));
	return pmn_avro_compile(program, reader->arena, reader->schema,
							reader->record);
}

PmnCode
pmn_avro_open(PmnEnv *env, PmnBytes file, const char *name,
			  const PmnAvroRecord *record, PmnAvroReader **out)
{
	PmnAvroReader *reader = pmn_alloc(env, sizeof(*reader));
	PmnCode code;

	*out = NULL;
	if (reader == NULL)
		return PMN_NO_MEMORY;
	reader->env = env;
	reader->record = record;
	reader->program.env = env;
	pmn_buffer_init(&reader->plain, env);
	code = pmn_arena_create(env, 0, &reader->arena);
	if (code == PMN_OK)
		code = read_header(reader, file, name);
	if (code != PMN_OK)
	{
		pmn_avro_close(reader);
		return code;
	}
	*out = reader;
	return PMN_OK;
}

void
pmn_avro_close(PmnAvroReader *reader)
{
	if (reader == NULL)
		return;
	pmn_avro_program_free(&reader->program);
	pmn_buffer_free(&reader->plain);
	pmn_arena_destroy(reader->arena);
	pmn_free(reader->env, reader, sizeof(*reader));
}

/* Snappy blocks are followed by the CRC32 of the plain bytes. */
static PmnCode
decompress_snappy(PmnAvroReader *reader, PmnBytes packed)
{
	uint32_t stored;

	if (packed.size < 4)
		return pmn_avro_corrupt(&reader->program, "a block ends early");
	packed.size -= 4;
	stored = pmn_get_be32(packed.data + packed.size);
	PMN_TRY(pmn_codec_decompress(PMN_CODEC_SNAPPY, packed, 0,
								 PMN_AVRO_BLOCK_SIZE_MAX, &reader->plain));
	if (crc32(0, reader->plain.data, (uInt) reader->plain.size) != stored)
		return pmn_avro_corrupt(&reader->program, "a wrong checksum");
	return PMN_OK;
}

static PmnCode
decompress(PmnAvroReader *reader, PmnBytes packed)
{
	PmnCode code = PMN_OK;

	pmn_buffer_reset(&reader->plain);
	switch (reader->codec)
	{
		case AVRO_CODEC_NULL:
			reader->block_at = packed.data;
			reader->block_end = packed.data + packed.size;
			return PMN_OK;
		case AVRO_CODEC_DEFLATE:
			code =
				pmn_codec_decompress(PMN_CODEC_DEFLATE, packed, 0,
									 PMN_AVRO_BLOCK_SIZE_MAX, &reader->plain);
			break;
		case AVRO_CODEC_SNAPPY:
			code = decompress_snappy(reader, packed);
			break;
		case AVRO_CODEC_ZSTANDARD:
			code =
				pmn_codec_decompress(PMN_CODEC_ZSTD, packed, 0,
									 PMN_AVRO_BLOCK_SIZE_MAX, &reader->plain);
			break;
	}
	if (code == PMN_CORRUPT)
		return pmn_note(reader->env, "file \"%s\" is damaged",
						reader->program.file_name);
	reader->block_at = reader->plain.data;
	/* A block without bytes has no buffer to point into. */
	reader->block_end = reader->plain.size > 0
							? reader->plain.data + reader->plain.size
							: reader->plain.data;
	return code;
}

/* Open the next block; its records may be none. */
static PmnCode
next_block(PmnAvroReader *reader)
{
	AvroProgram *program = &reader->program;
	uint32_t min_size = reader->schema->min_size;
	PmnBytes packed;
	int64_t count;

	PMN_TRY(pmn_poll(reader->env));
	if (!pmn_avro_read_long(&reader->at, reader->end, &count) || count < 0)
		return pmn_avro_corrupt(program, "a bad count of records");
	if (!pmn_avro_read_bytes(&reader->at, reader->end, &packed) ||
		reader->end - reader->at < PMN_AVRO_SYNC_SIZE)
		return pmn_avro_corrupt(program, "a block ends early");
	if (memcmp(reader->at, reader->sync, PMN_AVRO_SYNC_SIZE) != 0)
		return pmn_avro_corrupt(program, "a block without its sync marker");
	reader->at += PMN_AVRO_SYNC_SIZE;
	PMN_TRY(decompress(reader, packed));
	if (min_size == 0)
	{
		if (count > PMN_AVRO_EMPTY_COUNT_MAX)
			return pmn_avro_corrupt(program, "a bad count of records");
		PMN_TRY(pmn_avro_count_empty(program, (uint64_t) count));
	}
	else if (count > (reader->block_end - reader->block_at) / min_size)
		return pmn_avro_corrupt(program, "a bad count of records");
	reader->block_records = (uint64_t) count;
	return PMN_OK;
}

PmnCode
pmn_avro_next(PmnAvroReader *reader, PmnArena *arena, void *row, bool *found)
{
	*found = false;
	while (reader->block_records == 0)
	{
		if (reader->block_at != reader->block_end)
			return pmn_avro_corrupt(&reader->program,
									"a block holds more than its records");
		if (reader->at == reader->end)
			return PMN_OK;
		PMN_TRY(next_block(reader));
	}
	memset(row, 0, reader->record->size);
	reader->program.row_size = 0;
	PMN_TRY(pmn_avro_run(&reader->program, 0, arena, &reader->block_at,
						 reader->block_end, row));
	reader->block_records--;
	*found = true;
	return PMN_OK;
}
