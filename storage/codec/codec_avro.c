/*
 * codec_avro.c
 *
 * Avro files read into C structs. The whole file is in memory; the container
 * is the business of codec_avro_container.c, the records that of a program
 * compiled from both schemas (codec_avro_compile.c, codec_avro_run.c).
 *
 * A block is decompressed when its first record is asked for, into one buffer
 * that is used again for the next; blocks without compression are read in
 * place. Each must be used up exactly by its records. A file may end after
 * any block and nowhere else.
 */
#include "codec_avro_internal.h"

/* Whoever reads into structs keeps them all: what a whole file unpacks to is
 * limited, too. */
#define PLAIN_SIZE_MAX ((size_t) 512 * 1024 * 1024)

struct PmnAvroReader
{
	PmnEnv *env;
	PmnArena *arena;   /* schema and names */
	const uint8_t *at; /* next block */
	const uint8_t *end;
	AvroHeader header;
	AvroProgram program;
	const PmnAvroRecord *record;
	const AvroSchema *schema;
	PmnBuffer plain;
	size_t plain_size; /* of the blocks so far */
	const uint8_t *block_at;
	const uint8_t *block_end;
	uint64_t block_records; /* left */
};

static PmnCode
read_header(PmnAvroReader *reader, PmnBytes file, const char *name)
{
	AvroProgram *program = &reader->program;

	program->file_name = pmn_arena_string(reader->arena, name);
	if (program->file_name == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(pmn_avro_read_header(program, file, &reader->header));
	reader->at = file.data + reader->header.size;
	reader->end = file.data + file.size;
	PMN_TRY(pmn_avro_parse_schema(reader->arena, reader->header.schema, name,
								  &reader->schema));
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

/* Open the next block; its records may be none. */
static PmnCode
next_block(PmnAvroReader *reader)
{
	AvroProgram *program = &reader->program;
	PmnBytes packed;
	PmnBytes plain;
	int64_t count;

	PMN_TRY(pmn_poll(reader->env));
	if (!pmn_avro_read_long(&reader->at, reader->end, &count) || count < 0)
		return pmn_avro_corrupt(program, "a bad count of records");
	if (!pmn_avro_read_bytes(&reader->at, reader->end, &packed) ||
		reader->end - reader->at < PMN_AVRO_SYNC_SIZE)
		return pmn_avro_corrupt(program, "a block ends early");
	if (memcmp(reader->at, reader->header.sync, PMN_AVRO_SYNC_SIZE) != 0)
		return pmn_avro_corrupt(program, "a block without its sync marker");
	reader->at += PMN_AVRO_SYNC_SIZE;
	PMN_TRY(pmn_avro_unpack_block(program, reader->header.codec, packed,
								  &reader->plain, &plain));
	if (plain.size > PLAIN_SIZE_MAX - reader->plain_size)
		return pmn_avro_corrupt(program, "it unpacks to too much");
	reader->plain_size += plain.size;
	PMN_TRY(pmn_avro_check_count(program, count, reader->schema, plain.size));
	reader->block_at = plain.data;
	reader->block_end = plain.data + plain.size;
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
