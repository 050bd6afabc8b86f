/*
 * type_nested.c
 *
 * Values of nested types as bytes (include/pmn_nested.h has the form). The
 * form is flat and read in one direction: whoever walks a value knows its
 * type, so nothing in it says what it is.
 *
 * Invariant: a reader never leaves its value. Bytes come from this process,
 * but from spill files too, and a wrong length must end in an error.
 */
#include "../base/base_buffer.h"
#include "type.h"

/* Values are BYTES elements, whose size has 32 bits. */
#define NESTED_BYTES_MAX ((size_t) INT32_MAX)

bool
pmn_type_is_nested(const PmnType *type)
{
	return (type->kind >= PMN_TYPE_ARRAY && type->kind <= PMN_TYPE_VARIANT) ||
		   type->kind == PMN_TYPE_VECTOR;
}

PmnNestedReader
pmn_nested_reader(PmnBytes value)
{
	PmnNestedReader reader = {value.data, value.data};

	if (value.size > 0)
		reader.end += value.size;
	return reader;
}

/* size bytes, or NULL and nothing more to read. */
static const uint8_t *
take(PmnNestedReader *reader, size_t size)
{
	const uint8_t *at = reader->at;

	if ((size_t) (reader->end - reader->at) < size)
	{
		reader->at = reader->end;
		return NULL;
	}
	reader->at += size;
	return at;
}

bool
pmn_nested_read_count(PmnNestedReader *reader, uint32_t *count)
{
	const uint8_t *at = take(reader, sizeof(uint32_t));

	*count = 0;
	if (at == NULL)
		return false;
	*count = pmn_get_le32(at);
	if (*count > (size_t) (reader->end - reader->at))
	{
		*count = 0;
		return false;
	}
	return true;
}

static bool
read_bytes(PmnNestedReader *reader, PmnValue *out)
{
	const uint8_t *at = take(reader, sizeof(uint32_t));
	uint32_t size;

	if (at == NULL)
		return false;
	size = pmn_get_le32(at);
	at = take(reader, size);
	if (at == NULL)
		return false;
	out->as.bytes = pmn_bytes(at, size);
	return true;
}

static bool
read_fixed(PmnNestedReader *reader, PmnVectorKind kind, PmnValue *out)
{
	const uint8_t *at = take(reader, pmn_vector_width(kind));
	float real;

	if (at == NULL)
		return false;
	switch (kind)
	{
		case PMN_VECTOR_BOOL:
			out->as.i64 = *at;
			return true;
		case PMN_VECTOR_I32:
			out->as.i64 = (int32_t) pmn_get_le32(at);
			return true;
		case PMN_VECTOR_I64:
			out->as.i64 = (int64_t) pmn_get_le64(at);
			return true;
		case PMN_VECTOR_F32:
			memcpy(&real, at, sizeof(real));
			out->as.f64 = real;
			return true;
		case PMN_VECTOR_F64:
			memcpy(&out->as.f64, at, sizeof(double));
			return true;
		case PMN_VECTOR_DEC128:
			memcpy(&out->as.dec128, at, sizeof(PmnInt128));
			return true;
		case PMN_VECTOR_TS96:
			memcpy(&out->as.ts96, at, sizeof(PmnTimestamp));
			return true;
		case PMN_VECTOR_BYTES:
		case PMN_VECTOR_NONE:
			break;
	}
	return false;
}

bool
pmn_nested_read_slot(PmnNestedReader *reader, PmnVectorKind kind, PmnValue *out)
{
	const uint8_t *null = take(reader, 1);

	*out = (PmnValue){.is_null = true};
	if (null == NULL)
		return false;
	if (*null != 0)
		return true;
	if (kind == PMN_VECTOR_BYTES ? !read_bytes(reader, out)
								 : !read_fixed(reader, kind, out))
		return false;
	out->is_null = false;
	return true;
}

void
pmn_nested_writer_init(PmnNestedWriter *writer, PmnEnv *env)
{
	*writer = (PmnNestedWriter){.env = env};
}

void
pmn_nested_writer_free(PmnNestedWriter *writer)
{
	pmn_free(writer->env, writer->data, writer->capacity);
	writer->data = NULL;
	writer->size = writer->capacity = 0;
}

/* Room for size more bytes, which now belong to the value; NULL on failure. */
static uint8_t *
extend(PmnNestedWriter *writer, size_t size, PmnCode *code)
{
	uint8_t *at;

	if (size > NESTED_BYTES_MAX - writer->size)
	{
		*code = pmn_fail(writer->env, PMN_OUT_OF_RANGE,
						 "a nested value takes more than 2 GB");
		return NULL;
	}
	*code = pmn_array_grow(writer->env, (void **) &writer->data,
						   &writer->capacity, writer->size + size, 1);
	if (*code != PMN_OK)
		return NULL;
	at = writer->data + writer->size;
	writer->size += size;
	return at;
}

PmnCode
pmn_nested_write_count(PmnNestedWriter *writer, uint32_t count)
{
	PmnCode code;
	uint8_t *at = extend(writer, sizeof(count), &code);

	if (at != NULL)
		pmn_put_le32(at, count);
	return code;
}

void
pmn_nested_set_count(PmnNestedWriter *writer, size_t at, uint32_t count)
{
	pmn_put_le32(writer->data + at, count);
}

static PmnCode
write_null(PmnNestedWriter *writer)
{
	PmnCode code;
	uint8_t *at = extend(writer, 1, &code);

	if (at != NULL)
		*at = 1;
	return code;
}

static PmnCode
write_fixed(PmnNestedWriter *writer, const void *element, size_t width)
{
	PmnCode code;
	uint8_t *at = extend(writer, 1 + width, &code);

	if (at == NULL)
		return code;
	*at = 0;
	memcpy(at + 1, element, width);
	return code;
}

static PmnCode
write_bytes(PmnNestedWriter *writer, PmnBytes bytes)
{
	PmnCode code;
	uint8_t *at = extend(writer, 1 + sizeof(uint32_t) + bytes.size, &code);

	if (at == NULL)
		return code;
	*at = 0;
	pmn_put_le32(at + 1, bytes.size);
	if (bytes.size > 0)
		memcpy(at + 1 + sizeof(uint32_t), bytes.data, bytes.size);
	return code;
}

/* The padding of a struct is not to differ between equal values. */
static PmnCode
write_timestamp(PmnNestedWriter *writer, const PmnTimestamp *value)
{
	PmnTimestamp copy;

	memset(&copy, 0, sizeof(copy));
	copy.millis = value->millis;
	copy.nano = value->nano;
	return write_fixed(writer, &copy, sizeof(copy));
}

PmnCode
pmn_nested_write_slot(PmnNestedWriter *writer, PmnVectorKind kind,
					  const PmnValue *value)
{
	uint8_t boolean = value->as.i64 != 0;
	int32_t i32 = (int32_t) value->as.i64;
	float real = (float) value->as.f64;

	if (value->is_null)
		return write_null(writer);
	switch (kind)
	{
		case PMN_VECTOR_BOOL:
			return write_fixed(writer, &boolean, sizeof(boolean));
		case PMN_VECTOR_I32:
			return write_fixed(writer, &i32, sizeof(i32));
		case PMN_VECTOR_I64:
			return write_fixed(writer, &value->as.i64, sizeof(int64_t));
		case PMN_VECTOR_F32:
			return write_fixed(writer, &real, sizeof(real));
		case PMN_VECTOR_F64:
			return write_fixed(writer, &value->as.f64, sizeof(double));
		case PMN_VECTOR_DEC128:
			return write_fixed(writer, &value->as.dec128, sizeof(PmnInt128));
		case PMN_VECTOR_TS96:
			return write_timestamp(writer, &value->as.ts96);
		case PMN_VECTOR_BYTES:
			return write_bytes(writer, value->as.bytes);
		case PMN_VECTOR_NONE:
			break;
	}
	return pmn_fail(writer->env, PMN_UNSUPPORTED,
					"a nested value with elements of this type");
}

PmnCode
pmn_nested_write_element(PmnNestedWriter *writer, const PmnVector *vector,
						 uint32_t row)
{
	size_t width = pmn_vector_width(vector->kind);

	if (vector->nulls != NULL && vector->nulls[row] != 0)
		return write_null(writer);
	if (vector->kind == PMN_VECTOR_BYTES)
		return write_bytes(writer, ((const PmnBytes *) vector->values)[row]);
	if (vector->kind == PMN_VECTOR_TS96)
		return write_timestamp(writer,
							   (const PmnTimestamp *) vector->values + row);
	return write_fixed(writer, (const uint8_t *) vector->values + row * width,
					   width);
}

PmnCode
pmn_nested_begin(PmnNestedWriter *writer, size_t *mark)
{
	PmnCode code;
	uint8_t *at = extend(writer, 1 + sizeof(uint32_t), &code);

	*mark = 0;
	if (at == NULL)
		return code;
	*at = 0;
	*mark = writer->size;
	return code;
}

void
pmn_nested_end(PmnNestedWriter *writer, size_t mark)
{
	PMN_ASSERT(mark >= sizeof(uint32_t) && mark <= writer->size);
	pmn_put_le32(writer->data + mark - sizeof(uint32_t),
				 (uint32_t) (writer->size - mark));
}

PmnBytes
pmn_nested_bytes(const PmnNestedWriter *writer)
{
	return pmn_bytes(writer->data, writer->size);
}

void
pmn_nested_reset(PmnNestedWriter *writer)
{
	writer->size = 0;
}
