/*
 * meta_manifest_column.c
 *
 * Manifests in ORC. Older writers had an option manifest.format, and
 * paimon-cpp writes ORC unless told otherwise; columns and nesting are those
 * of the Avro files. Whoever reads manifests knows Avro, some of them record
 * by record, so such a file is rewritten in memory: its rows are read as any
 * data file's, by the names of the same PmnAvroRecord, and appended to an Avro
 * file without compression.
 *
 *   ORC file -> batches -> struct of a record -> Avro file
 *
 * What the option of the table says does not matter: the first bytes of the
 * file tell, as one list may name files of both formats.
 */
#include "meta_manifest_internal.h"

#include "../format/format.h"

/* Items of one array, in memory. */
#define ARRAY_BYTES_MAX ((size_t) 64 << 20)

typedef struct MemoryFile
{
	PmnFileReader base;
	PmnFileSystem fs;
	PmnBytes bytes;
} MemoryFile;

typedef struct Conversion
{
	PmnEnv *env;
	const char *name;
	const PmnAvroRecord *record;
	PmnArena *arena;   /* types, the row */
	PmnArena *scratch; /* arrays of one row */
	PmnAvroWriter *writer;
	uint8_t *row;
} Conversion;

static PmnCode
read_memory(PmnFileReader *reader, uint64_t offset, size_t size, uint8_t *dst)
{
	const MemoryFile *file = (const MemoryFile *) reader;

	if (offset > file->bytes.size || size > file->bytes.size - offset)
		return pmn_fail(reader->fs->env, PMN_CORRUPT,
						"file \"%s\" ends before byte %" PRIu64, reader->path,
						offset + size);
	memcpy(dst, file->bytes.data + offset, size);
	return PMN_OK;
}

/* ---- types of columns ----------------------------------------------------- */

static PmnCode type_of(PmnArena *arena, PmnAvroKind kind,
					   const PmnAvroField *field, PmnType *out);

static PmnCode
row_type_of(PmnArena *arena, const PmnAvroRecord *record, PmnType *out)
{
	PmnField *fields =
		pmn_arena_alloc(arena, record->field_count * sizeof(*fields));

	if (fields == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < record->field_count; i++)
	{
		fields[i].name = record->fields[i].name;
		PMN_TRY(type_of(arena, record->fields[i].kind, &record->fields[i],
						&fields[i].type));
	}
	out->kind = PMN_TYPE_ROW;
	out->fields = fields;
	out->field_count = record->field_count;
	return PMN_OK;
}

static PmnCode
array_type_of(PmnArena *arena, const PmnAvroField *field, PmnType *out)
{
	PmnType *element = pmn_arena_alloc(arena, sizeof(*element));

	if (element == NULL)
		return PMN_NO_MEMORY;
	out->kind = PMN_TYPE_ARRAY;
	out->element = element;
	return type_of(arena,
				   field->record != NULL ? PMN_AVRO_RECORD : field->item_kind,
				   field, element);
}

static PmnCode
type_of(PmnArena *arena, PmnAvroKind kind, const PmnAvroField *field,
		PmnType *out)
{
	static const PmnTypeKind kinds[] = {[PMN_AVRO_BOOLEAN] = PMN_TYPE_BOOLEAN,
										[PMN_AVRO_INT] = PMN_TYPE_INT,
										[PMN_AVRO_LONG] = PMN_TYPE_BIGINT,
										[PMN_AVRO_FLOAT] = PMN_TYPE_FLOAT,
										[PMN_AVRO_DOUBLE] = PMN_TYPE_DOUBLE,
										[PMN_AVRO_BYTES] = PMN_TYPE_VARBINARY,
										[PMN_AVRO_STRING] = PMN_TYPE_VARCHAR};

	memset(out, 0, sizeof(*out));
	out->is_nullable = true;
	out->length = PMN_LENGTH_MAX;
	if (kind == PMN_AVRO_RECORD)
		return row_type_of(arena, field->record, out);
	if (kind == PMN_AVRO_ARRAY)
		return array_type_of(arena, field, out);
	out->kind = kinds[kind];
	if (kind == PMN_AVRO_LONG && field->logical_type != NULL)
	{
		out->kind = PMN_TYPE_TIMESTAMP;
		out->precision = 3;
	}
	return PMN_OK;
}

static PmnVectorKind
vector_kind_of(PmnAvroKind kind)
{
	switch (kind)
	{
		case PMN_AVRO_BOOLEAN:
			return PMN_VECTOR_BOOL;
		case PMN_AVRO_INT:
			return PMN_VECTOR_I32;
		case PMN_AVRO_LONG:
			return PMN_VECTOR_I64;
		case PMN_AVRO_FLOAT:
			return PMN_VECTOR_F32;
		case PMN_AVRO_DOUBLE:
			return PMN_VECTOR_F64;
		case PMN_AVRO_BYTES:
		case PMN_AVRO_STRING:
		case PMN_AVRO_RECORD:
		case PMN_AVRO_ARRAY:
			break;
	}
	return PMN_VECTOR_BYTES;
}

/* ---- values ---------------------------------------------------------------- */

static PmnCode
fail_field(const Conversion *conversion, const char *field, const char *problem)
{
	return pmn_fail(conversion->env, PMN_CORRUPT,
					"manifest \"%s\": field \"%s\" %s", conversion->name, field,
					problem);
}

static PmnCode put_record(Conversion *conversion, const PmnAvroRecord *record,
						  PmnBytes value, uint8_t *dst);
static PmnCode put_array(Conversion *conversion, const PmnAvroField *field,
						 PmnBytes value, uint8_t *dst);

/* A value that is not null. */
static PmnCode
put_value(Conversion *conversion, PmnAvroKind kind, const PmnAvroField *field,
		  const PmnValue *value, uint8_t *dst)
{
	bool boolean = value->as.i64 != 0;
	int32_t integer = (int32_t) value->as.i64;
	float real = (float) value->as.f64;

	switch (kind)
	{
		case PMN_AVRO_BOOLEAN:
			memcpy(dst, &boolean, sizeof(boolean));
			return PMN_OK;
		case PMN_AVRO_INT:
			memcpy(dst, &integer, sizeof(integer));
			return PMN_OK;
		case PMN_AVRO_LONG:
			memcpy(dst, &value->as.i64, sizeof(int64_t));
			return PMN_OK;
		case PMN_AVRO_FLOAT:
			memcpy(dst, &real, sizeof(real));
			return PMN_OK;
		case PMN_AVRO_DOUBLE:
			memcpy(dst, &value->as.f64, sizeof(double));
			return PMN_OK;
		case PMN_AVRO_BYTES:
		case PMN_AVRO_STRING:
			memcpy(dst, &value->as.bytes, sizeof(PmnBytes));
			return PMN_OK;
		case PMN_AVRO_RECORD:
			return put_record(conversion, field->record, value->as.bytes, dst);
		case PMN_AVRO_ARRAY:
			break;
	}
	return put_array(conversion, field, value->as.bytes, dst);
}

/* A field of a struct, which begins at row. */
static PmnCode
put_field(Conversion *conversion, const PmnAvroField *field,
		  const PmnValue *value, uint8_t *row)
{
	bool present = true;

	if (value->is_null)
		return field->present_offset != PMN_AVRO_REQUIRED
				   ? PMN_OK
				   : fail_field(conversion, field->name, "is null");
	if (field->present_offset != PMN_AVRO_REQUIRED)
		memcpy(row + field->present_offset, &present, sizeof(present));
	return put_value(conversion, field->kind, field, value,
					 row + field->offset);
}

static PmnCode
put_record(Conversion *conversion, const PmnAvroRecord *record, PmnBytes value,
		   uint8_t *dst)
{
	PmnNestedReader reader = pmn_nested_reader(value);
	PmnValue slot;

	for (uint32_t i = 0; i < record->field_count; i++)
	{
		const PmnAvroField *field = &record->fields[i];

		if (!pmn_nested_read_slot(&reader, vector_kind_of(field->kind), &slot))
			return fail_field(conversion, field->name, "ends early");
		PMN_TRY(put_field(conversion, field, &slot, dst));
	}
	return PMN_OK;
}

static size_t
item_size(PmnAvroKind kind, const PmnAvroRecord *record)
{
	switch (kind)
	{
		case PMN_AVRO_BOOLEAN:
			return sizeof(bool);
		case PMN_AVRO_INT:
		case PMN_AVRO_FLOAT:
			return sizeof(int32_t);
		case PMN_AVRO_LONG:
		case PMN_AVRO_DOUBLE:
			return sizeof(int64_t);
		case PMN_AVRO_RECORD:
			return record->size;
		case PMN_AVRO_BYTES:
		case PMN_AVRO_STRING:
		case PMN_AVRO_ARRAY:
			break;
	}
	return sizeof(PmnBytes);
}

static PmnCode
put_array(Conversion *conversion, const PmnAvroField *field, PmnBytes value,
		  uint8_t *dst)
{
	PmnAvroKind kind =
		field->record != NULL ? PMN_AVRO_RECORD : field->item_kind;
	size_t size = item_size(kind, field->record);
	PmnNestedReader reader = pmn_nested_reader(value);
	PmnAvroArray array = {NULL, 0};
	uint8_t *items;

	if (!pmn_nested_read_count(&reader, &array.count))
		return fail_field(conversion, field->name, "ends early");
	if (array.count > ARRAY_BYTES_MAX / size)
		return fail_field(conversion, field->name, "is too long");
	items = pmn_arena_alloc(conversion->scratch, (array.count + 1) * size);
	if (items == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < array.count; i++)
	{
		PmnValue slot;

		if (!pmn_nested_read_slot(&reader, vector_kind_of(kind), &slot))
			return fail_field(conversion, field->name, "ends early");
		if (!slot.is_null)
		{
			PMN_TRY(
				put_value(conversion, kind, field, &slot, items + i * size));
			continue;
		}
		if (!field->item_nullable)
			return fail_field(conversion, field->name, "has a null");
		slot.as.i64 = PMN_AVRO_NULL_LONG;
		if (kind == PMN_AVRO_LONG)
			memcpy(items + i * size, &slot.as.i64, sizeof(int64_t));
	}
	array.items = items;
	memcpy(dst, &array, sizeof(array));
	return PMN_OK;
}

/* ---- files ----------------------------------------------------------------- */

static PmnCode
convert_batch(Conversion *conversion, const PmnBatch *batch)
{
	const PmnAvroRecord *record = conversion->record;

	for (uint32_t r = 0; r < batch->row_count; r++)
	{
		memset(conversion->row, 0, record->size);
		pmn_arena_reset(conversion->scratch);
		for (uint32_t c = 0; c < batch->column_count; c++)
		{
			PmnValue value = pmn_vector_value(&batch->columns[c], r);

			PMN_TRY(put_field(conversion, &record->fields[c], &value,
							  conversion->row));
		}
		PMN_TRY(pmn_avro_append(conversion->writer, conversion->row));
		if (pmn_avro_size(conversion->writer) > PMN_MANIFEST_SIZE_MAX)
			return pmn_fail(conversion->env, PMN_CORRUPT,
							"manifest \"%s\" is larger than %d bytes",
							conversion->name, PMN_MANIFEST_SIZE_MAX);
	}
	return PMN_OK;
}

static PmnCode
convert_rows(Conversion *conversion, PmnFileReader *file)
{
	const PmnAvroRecord *record = conversion->record;
	PmnType row = {.kind = PMN_TYPE_ROW};
	PmnFormatReadRequest request = {.column_count = record->field_count};
	PmnFormatColumn *columns = pmn_arena_alloc(
		conversion->arena, record->field_count * sizeof(*columns));
	PmnFormatReader *reader = NULL;
	PmnBatch *batch = NULL;
	uint64_t first;
	PmnCode code;

	conversion->row = pmn_arena_alloc(conversion->arena, record->size);
	if (columns == NULL || conversion->row == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(row_type_of(conversion->arena, record, &row));
	for (uint32_t i = 0; i < record->field_count; i++)
	{
		columns[i].name = row.fields[i].name;
		columns[i].type = row.fields[i].type;
	}
	request.columns = columns;
	code = pmn_format_open_reader(&pmn_format_orc, file, &request, &reader);
	while (code == PMN_OK)
	{
		code = pmn_format_next(reader, &batch, &first);
		if (code != PMN_OK || batch == NULL)
			break;
		code = convert_batch(conversion, batch);
	}
	pmn_format_reader_close(reader);
	return code;
}

static PmnCode
convert(Conversion *conversion, PmnFileReader *file, PmnBytes *out)
{
	PmnEnv *env = conversion->env;

	PMN_TRY(pmn_arena_create(env, 0, &conversion->arena));
	PMN_TRY(pmn_arena_create(env, 0, &conversion->scratch));
	PMN_TRY(pmn_avro_create(env, conversion->record, PMN_CODEC_NONE, 0,
							&conversion->writer));
	PMN_TRY(convert_rows(conversion, file));
	return pmn_avro_finish(conversion->writer, out);
}

PmnCode
pmn_manifest_to_avro(PmnEnv *env, const PmnAvroRecord *record, const char *name,
					 PmnBuffer *text)
{
	MemoryFile file = {.bytes = {text->data, 0}, .fs = {.env = env}};
	Conversion conversion = {.env = env, .name = name, .record = record};
	PmnBytes avro;
	PmnCode code;

	if (text->size < 3 || memcmp(text->data, "ORC", 3) != 0)
		return PMN_OK;
	file.bytes = pmn_bytes(text->data, text->size);
	file.base = (PmnFileReader){.read_at = read_memory,
								.fs = &file.fs,
								.size_bytes = text->size,
								.path = name};
	code = convert(&conversion, &file.base, &avro);
	if (code == PMN_OK)
	{
		pmn_buffer_reset(text);
		code = pmn_buffer_append(text, avro.data, avro.size);
	}
	pmn_avro_destroy(conversion.writer);
	pmn_arena_destroy(conversion.scratch);
	pmn_arena_destroy(conversion.arena);
	return code;
}
