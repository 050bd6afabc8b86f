/*
 * codec_avro_write.c
 *
 * Writing the container (see codec_avro.c for its layout) as Paimon's Java
 * writes it: the same schema text, the same two metadata entries in the same
 * order, arrays as one block, blocks closed at 64 000 plain bytes.
 *
 * The schema is printed from the PmnAvroRecord. Names follow Paimon's rule:
 * the root is "record", a record below is "<parent>_<field>", all in the
 * root's namespace.
 *
 * A record that cannot be encoded whole (memory) leaves the block as it was,
 * so the writer stays usable.
 */
#include "codec_avro_internal.h"

#include <zlib.h>

#include "codec_json.h"

#define NAMESPACE "org.apache.paimon.avro.generated"
#define BLOCK_SIZE 64000 /* Avro's default sync interval */

struct PmnAvroWriter
{
	PmnEnv *env;
	const PmnAvroRecord *record;
	PmnCodec codec;
	int level;
	bool is_finished;
	uint8_t sync[PMN_AVRO_SYNC_SIZE];
	PmnBuffer file;
	PmnBuffer block;
	PmnBuffer packed;
	int64_t block_records;
};

static PmnCode encode_record(PmnBuffer *out, const PmnAvroRecord *record,
							 const uint8_t *row);
static PmnCode print_record(PmnJsonWriter *json, PmnArena *names,
							const char *key, const char *name,
							const PmnAvroRecord *record);

/* ---- schema ----------------------------------------------------------- */

static const char *
kind_name(PmnAvroKind kind)
{
	switch (kind)
	{
		case PMN_AVRO_BOOLEAN:
			return "boolean";
		case PMN_AVRO_INT:
			return "int";
		case PMN_AVRO_LONG:
			return "long";
		case PMN_AVRO_FLOAT:
			return "float";
		case PMN_AVRO_DOUBLE:
			return "double";
		case PMN_AVRO_BYTES:
			return "bytes";
		case PMN_AVRO_STRING:
			return "string";
		case PMN_AVRO_RECORD:
		case PMN_AVRO_ARRAY:
			break;
	}
	PMN_ASSERT(!"a composite kind has no name");
	return "";
}

/* A type that is no union; key is "type", "items", or NULL in a union. */
static PmnCode
print_type(PmnJsonWriter *json, PmnArena *names, const char *key,
		   const char *name, const PmnAvroField *field, PmnAvroKind kind)
{
	if (kind == PMN_AVRO_RECORD)
		return print_record(json, names, key, name, field->record);
	if (kind == PMN_AVRO_ARRAY)
	{
		pmn_json_begin_object(json, key);
		pmn_json_put_string(json, "type", "array");
		if (field->item_nullable)
		{
			pmn_json_begin_array(json, "items");
			pmn_json_put_string(json, NULL, "null");
		}
		PMN_TRY(print_type(json, names, field->item_nullable ? NULL : "items",
						   name, field, field->item_kind));
		if (field->item_nullable)
			pmn_json_end(json);
		pmn_json_end(json);
		return json->code;
	}
	if (field->logical_type == NULL || kind != field->kind)
	{
		pmn_json_put_string(json, key, kind_name(kind));
		return json->code;
	}
	pmn_json_begin_object(json, key);
	pmn_json_put_string(json, "type", kind_name(kind));
	pmn_json_put_string(json, "logicalType", field->logical_type);
	pmn_json_end(json);
	return json->code;
}

static PmnCode
print_field(PmnJsonWriter *json, PmnArena *names, const char *record_name,
			const PmnAvroField *field)
{
	bool nullable = field->present_offset != PMN_AVRO_REQUIRED;
	const char *name =
		pmn_arena_format(names, "%s_%s", record_name, field->name);

	if (name == NULL)
		return PMN_NO_MEMORY;
	pmn_json_begin_object(json, NULL);
	pmn_json_put_string(json, "name", field->name);
	if (nullable)
	{
		pmn_json_begin_array(json, "type");
		pmn_json_put_string(json, NULL, "null");
	}
	PMN_TRY(print_type(json, names, nullable ? NULL : "type", name, field,
					   field->kind));
	if (nullable)
	{
		pmn_json_end(json);
		pmn_json_put_string(json, "default", NULL);
	}
	pmn_json_end(json);
	return json->code;
}

static PmnCode
print_record(PmnJsonWriter *json, PmnArena *names, const char *key,
			 const char *name, const PmnAvroRecord *record)
{
	bool is_root = json->depth == 0;

	pmn_json_begin_object(json, key);
	pmn_json_put_string(json, "type", "record");
	pmn_json_put_string(json, "name", name);
	if (is_root)
		pmn_json_put_string(json, "namespace", NAMESPACE);
	pmn_json_begin_array(json, "fields");
	for (uint32_t i = 0; i < record->field_count; i++)
		PMN_TRY(print_field(json, names, name, &record->fields[i]));
	pmn_json_end(json);
	pmn_json_end(json);
	return json->code;
}

static PmnCode
print_schema(PmnBuffer *out, const PmnAvroRecord *record)
{
	PmnJsonWriter json;
	PmnArena *names;
	PmnCode code;

	PMN_TRY(pmn_arena_create(out->env, 0, &names));
	pmn_json_writer_init(&json, out, 0);
	code = print_record(&json, names, NULL, "record", record);
	if (code == PMN_OK)
		code = pmn_json_writer_finish(&json);
	pmn_arena_destroy(names);
	return code;
}

/* ---- values ----------------------------------------------------------- */

static PmnCode
encode_long(PmnBuffer *out, int64_t value)
{
	uint64_t bits = ((uint64_t) value << 1) ^ (uint64_t) (value >> 63);
	uint8_t *at;

	PMN_TRY(pmn_buffer_reserve(out, 10));
	at = out->data + out->size;
	while (bits >= 0x80)
	{
		*at++ = (uint8_t) (bits | 0x80);
		bits >>= 7;
	}
	*at++ = (uint8_t) bits;
	out->size = (size_t) (at - out->data);
	return PMN_OK;
}

static PmnCode
encode_bytes(PmnBuffer *out, PmnBytes bytes)
{
	PMN_TRY(encode_long(out, bytes.size));
	return pmn_buffer_append(out, bytes.data, bytes.size);
}

/* A scalar or record at src. */
static PmnCode
encode_value(PmnBuffer *out, PmnAvroKind kind, const PmnAvroRecord *record,
			 const uint8_t *src)
{
	PmnBytes bytes;
	int64_t long_value;
	int32_t int_value;

	switch (kind)
	{
		case PMN_AVRO_BOOLEAN:
			return pmn_buffer_byte(out, *src != 0);
		case PMN_AVRO_INT:
			memcpy(&int_value, src, sizeof(int_value));
			return encode_long(out, int_value);
		case PMN_AVRO_LONG:
			memcpy(&long_value, src, sizeof(long_value));
			return encode_long(out, long_value);
		case PMN_AVRO_FLOAT:
			return pmn_buffer_append(out, src, 4);
		case PMN_AVRO_DOUBLE:
			return pmn_buffer_append(out, src, 8);
		case PMN_AVRO_BYTES:
		case PMN_AVRO_STRING:
			memcpy(&bytes, src, sizeof(bytes));
			return encode_bytes(out, bytes);
		case PMN_AVRO_RECORD:
			return encode_record(out, record, src);
		case PMN_AVRO_ARRAY:
			break;
	}
	PMN_ASSERT(!"arrays are written by their field");
	return PMN_INVALID;
}

static PmnCode
encode_array(PmnBuffer *out, const PmnAvroField *field, const uint8_t *src)
{
	size_t item_size = pmn_avro_item_size(field->item_kind, field->record);
	PmnAvroArray array;
	const uint8_t *item;

	memcpy(&array, src, sizeof(array));
	item = array.items;
	if (array.count > 0)
		PMN_TRY(encode_long(out, array.count));
	for (uint32_t i = 0; i < array.count; i++, item += item_size)
	{
		bool is_null = false;

		if (field->item_nullable && field->item_kind == PMN_AVRO_LONG)
			is_null = (int64_t) pmn_get_le64(item) == PMN_AVRO_NULL_LONG;
		if (field->item_nullable)
			PMN_TRY(pmn_buffer_byte(out, is_null ? 0 : 2));
		if (!is_null)
			PMN_TRY(encode_value(out, field->item_kind, field->record, item));
	}
	return pmn_buffer_byte(out, 0);
}

static PmnCode
encode_record(PmnBuffer *out, const PmnAvroRecord *record, const uint8_t *row)
{
	for (uint32_t i = 0; i < record->field_count; i++)
	{
		const PmnAvroField *field = &record->fields[i];

		if (field->present_offset != PMN_AVRO_REQUIRED)
		{
			bool present = row[field->present_offset] != 0;

			/* Branch 0 is null, branch 1 (encoded 2) the value. */
			PMN_TRY(pmn_buffer_byte(out, present ? 2 : 0));
			if (!present)
				continue;
		}
		if (field->kind == PMN_AVRO_ARRAY)
			PMN_TRY(encode_array(out, field, row + field->offset));
		else
			PMN_TRY(encode_value(out, field->kind, field->record,
								 row + field->offset));
	}
	return PMN_OK;
}

/* ---- container -------------------------------------------------------- */

static const char *
codec_name(PmnCodec codec)
{
	switch (codec)
	{
		case PMN_CODEC_NONE:
			return "null";
		case PMN_CODEC_ZSTD:
			return "zstandard";
		case PMN_CODEC_SNAPPY:
			return "snappy";
		case PMN_CODEC_DEFLATE:
			return "deflate";
		case PMN_CODEC_LZ4:
		case PMN_CODEC_GZIP:
			break;
	}
	return NULL;
}

static PmnCode
write_header(PmnAvroWriter *writer)
{
	PmnBuffer *file = &writer->file;
	PmnBuffer *schema = &writer->block; /* empty so far */

	PMN_TRY(print_schema(schema, writer->record));
	PMN_TRY(pmn_buffer_append(file, PMN_AVRO_MAGIC, 4));
	PMN_TRY(encode_long(file, 2));
	PMN_TRY(encode_bytes(file, pmn_bytes_string("avro.schema")));
	PMN_TRY(encode_bytes(file, pmn_bytes(schema->data, schema->size)));
	PMN_TRY(encode_bytes(file, pmn_bytes_string("avro.codec")));
	PMN_TRY(encode_bytes(file, pmn_bytes_string(codec_name(writer->codec))));
	PMN_TRY(pmn_buffer_byte(file, 0));
	pmn_buffer_reset(schema);
	return pmn_buffer_append(file, writer->sync, sizeof(writer->sync));
}

PmnCode
pmn_avro_create(PmnEnv *env, const PmnAvroRecord *record, PmnCodec codec,
				int level, PmnAvroWriter **out)
{
	PmnAvroWriter *writer;
	PmnCode code;

	*out = NULL;
	if (codec_name(codec) == NULL)
		return pmn_fail(env, PMN_UNSUPPORTED,
						"Avro files cannot be compressed with %s",
						codec == PMN_CODEC_LZ4 ? "lz4" : "gzip");
	writer = pmn_alloc(env, sizeof(*writer));
	if (writer == NULL)
		return PMN_NO_MEMORY;
	writer->env = env;
	writer->record = record;
	writer->codec = codec;
	writer->level = level;
	pmn_buffer_init(&writer->file, env);
	pmn_buffer_init(&writer->block, env);
	pmn_buffer_init(&writer->packed, env);
	pmn_random(env, writer->sync, sizeof(writer->sync));
	code = write_header(writer);
	if (code != PMN_OK)
	{
		pmn_avro_destroy(writer);
		return code;
	}
	*out = writer;
	return PMN_OK;
}

static PmnCode
pack_block(PmnAvroWriter *writer)
{
	PmnBytes plain = pmn_bytes(writer->block.data, writer->block.size);
	uint8_t checksum[4];

	pmn_buffer_reset(&writer->packed);
	PMN_TRY(pmn_codec_compress(writer->codec, writer->level, plain,
							   &writer->packed));
	if (writer->codec != PMN_CODEC_SNAPPY)
		return PMN_OK;
	pmn_put_be32(checksum, (uint32_t) crc32(0, plain.data, plain.size));
	return pmn_buffer_append(&writer->packed, checksum, sizeof(checksum));
}

static PmnCode
flush_block(PmnAvroWriter *writer)
{
	size_t size_before = writer->file.size;
	PmnCode code;

	if (writer->block_records == 0)
		return PMN_OK;
	PMN_TRY(pmn_poll(writer->env));
	PMN_TRY(pack_block(writer));
	code = encode_long(&writer->file, writer->block_records);
	if (code == PMN_OK)
		code = encode_bytes(
			&writer->file, pmn_bytes(writer->packed.data, writer->packed.size));
	if (code == PMN_OK)
		code = pmn_buffer_append(&writer->file, writer->sync,
								 sizeof(writer->sync));
	if (code != PMN_OK)
	{
		writer->file.size = size_before;
		return code;
	}
	pmn_buffer_reset(&writer->block);
	writer->block_records = 0;
	return PMN_OK;
}

PmnCode
pmn_avro_append(PmnAvroWriter *writer, const void *row)
{
	size_t size_before = writer->block.size;
	PmnCode code;

	PMN_ASSERT(!writer->is_finished);
	code = encode_record(&writer->block, writer->record, row);
	if (code == PMN_OK && writer->block.size > PMN_AVRO_BLOCK_SIZE_MAX)
		code = pmn_fail(writer->env, PMN_INVALID,
						"a record is too large for an Avro file");
	if (code != PMN_OK)
	{
		writer->block.size = size_before;
		return code;
	}
	writer->block_records++;
	if (writer->block.size < BLOCK_SIZE)
		return PMN_OK;
	return flush_block(writer);
}

size_t
pmn_avro_size(const PmnAvroWriter *writer)
{
	return writer->file.size + writer->block.size;
}

PmnCode
pmn_avro_finish(PmnAvroWriter *writer, PmnBytes *file)
{
	*file = pmn_bytes(NULL, 0);
	PMN_TRY(flush_block(writer));
	if (writer->file.size > INT32_MAX)
		return pmn_fail(writer->env, PMN_INVALID,
						"an Avro file of %zu bytes is too large",
						writer->file.size);
	writer->is_finished = true;
	*file = pmn_bytes(writer->file.data, writer->file.size);
	return PMN_OK;
}

void
pmn_avro_destroy(PmnAvroWriter *writer)
{
	if (writer == NULL)
		return;
	pmn_buffer_free(&writer->file);
	pmn_buffer_free(&writer->block);
	pmn_buffer_free(&writer->packed);
	pmn_free(writer->env, writer, sizeof(*writer));
}
