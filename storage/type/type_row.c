/*
 * type_row.c
 *
 * Paimon's BinaryRow, written and read (format/metadata.md 5.1), and the
 * bucket functions on top of it (6.2). All integers little-endian:
 *
 *   bytes                          what
 *   0                              row kind, always 0 here
 *   0 .. 8*((arity+71)/64)-1       null bits, field i is bit i + 8
 *   arity times 8                  slots: the value, or where it is
 *   rest                           variable part, each item padded to 8
 *
 *   slot of a variable item        length in bytes 0-3, offset from the
 *                                  row's start in bytes 4-7
 *   string or binary, <= 7 bytes   inline; byte 7 is 0x80 | length
 *   DECIMAL p > 18                 16 bytes in the variable part, also when
 *                                  null: big-endian, shortest form
 *   TIMESTAMP p > 3                8 bytes of milliseconds in the variable
 *                                  part, also when null; the slot's length
 *                                  holds nanoseconds
 *
 * Hashes are taken of these bytes, so a writer has no freedom at all. A
 * reader trusts nothing: every length and offset is checked.
 */
#include "type_row.h"

#define ARITY_MAX (1u << 20)
#define INLINE_MAX 7
#define DECIMAL_SIZE 16

typedef struct RowWriter
{
	PmnBuffer *dst;
	size_t start; /* of the row inside dst */
	size_t header_size;
} RowWriter;

static PmnCode write_value(RowWriter *writer, uint32_t field,
						   const PmnType *type, const PmnValue *value);
static PmnCode write_null(RowWriter *writer, uint32_t field,
						  const PmnType *type);
static PmnCode write_bytes(RowWriter *writer, uint32_t field, PmnBytes bytes);
static PmnCode write_decimal(RowWriter *writer, uint32_t field,
							 PmnInt128 value);
static PmnCode write_timestamp(RowWriter *writer, uint32_t field,
							   int64_t millis, int32_t nano);
static PmnCode parse_value(PmnEnv *env, PmnBytes row, const uint8_t *slot,
						   const PmnType *type, PmnValue *out);

static size_t
header_size(uint32_t arity)
{
	return ((size_t) arity + 8 + 63) / 64 * 8;
}

PmnCode
pmn_row_append(PmnBuffer *dst, const PmnType *const *types,
			   const PmnValue *values, uint32_t arity)
{
	RowWriter writer = {dst, dst->size, header_size(arity)};
	size_t fixed_size = writer.header_size + (size_t) arity * 8;
	PmnCode code;

	PMN_ASSERT(arity <= ARITY_MAX);
	PMN_TRY(pmn_buffer_reserve(dst, fixed_size));
	memset(dst->data + dst->size, 0, fixed_size);
	dst->size += fixed_size;
	for (uint32_t i = 0; i < arity; i++)
	{
		if (values[i].is_null)
			code = write_null(&writer, i, types[i]);
		else
			code = write_value(&writer, i, types[i], &values[i]);
		if (code != PMN_OK)
		{
			dst->size = writer.start;
			return code;
		}
	}
	PMN_ASSERT((dst->size - writer.start) % 8 == 0);
	return PMN_OK;
}

PmnCode
pmn_row_append_serialized(PmnBuffer *dst, const PmnType *const *types,
						  const PmnValue *values, uint32_t arity)
{
	size_t start = dst->size;
	uint8_t prefix[4];
	PmnCode code;

	pmn_put_be32(prefix, arity);
	PMN_TRY(pmn_buffer_append(dst, prefix, sizeof(prefix)));
	code = pmn_row_append(dst, types, values, arity);
	if (code != PMN_OK)
		dst->size = start;
	return code;
}

int32_t
pmn_row_arity(PmnBytes src)
{
	uint32_t arity;

	if (src.size < 4)
		return -1;
	arity = pmn_get_be32(src.data);
	return arity > INT32_MAX ? -1 : (int32_t) arity;
}

PmnCode
pmn_row_parse(PmnEnv *env, PmnBytes src, const PmnType *const *types,
			  uint32_t arity, PmnValue *values)
{
	int32_t stored = pmn_row_arity(src);
	size_t header = header_size(arity);
	PmnBytes row;

	PMN_ASSERT(arity <= ARITY_MAX);
	if (stored < 0 || (uint32_t) stored != arity)
		return pmn_fail(env, PMN_CORRUPT,
						"a binary row has %d fields, expected %" PRIu32,
						(int) stored, arity);
	row = pmn_bytes(src.data + 4, src.size - 4);
	if (row.size < header + (size_t) arity * 8)
		return pmn_fail(env, PMN_CORRUPT,
						"a binary row of %" PRIu32 " fields is only %" PRIu32
						" bytes",
						arity, row.size);
	for (uint32_t i = 0; i < arity; i++)
	{
		uint32_t bit = i + 8;

		memset(&values[i], 0, sizeof(values[i]));
		if ((row.data[bit / 8] >> (bit % 8) & 1) != 0)
			values[i].is_null = true;
		else
			PMN_TRY(parse_value(env, row, row.data + header + (size_t) i * 8,
								types[i], &values[i]));
	}
	return PMN_OK;
}

static uint8_t *
slot_of(RowWriter *writer, uint32_t field)
{
	return writer->dst->data + writer->start + writer->header_size +
		   (size_t) field * 8;
}

/*
 * Append size zeroed bytes rounded up to 8 and point the slot there; at is
 * where they start. low is the slot's lower half.
 */
static PmnCode
reserve_item(RowWriter *writer, uint32_t field, size_t size, uint32_t low,
			 uint8_t **at)
{
	PmnBuffer *dst = writer->dst;
	size_t offset = dst->size - writer->start;
	size_t padded = (size + 7) / 8 * 8;
	uint8_t *slot;

	if (offset + padded > INT32_MAX)
		return pmn_fail(dst->env, PMN_OUT_OF_RANGE,
						"a binary row is larger than 2 GB");
	PMN_TRY(pmn_buffer_reserve(dst, padded));
	*at = dst->data + dst->size;
	memset(*at, 0, padded);
	dst->size += padded;
	slot = slot_of(writer, field);
	pmn_put_le32(slot, low);
	pmn_put_le32(slot + 4, (uint32_t) offset);
	return PMN_OK;
}

static PmnCode
write_null(RowWriter *writer, uint32_t field, const PmnType *type)
{
	uint32_t bit = field + 8;
	uint8_t *ignored;

	writer->dst->data[writer->start + bit / 8] |= (uint8_t) (1u << bit % 8);
	if (pmn_type_is_compact(type))
		return PMN_OK;
	if (type->kind == PMN_TYPE_DECIMAL)
		return reserve_item(writer, field, DECIMAL_SIZE, 0, &ignored);
	if (type->kind == PMN_TYPE_TIMESTAMP ||
		type->kind == PMN_TYPE_TIMESTAMP_LTZ)
		return reserve_item(writer, field, 8, 0, &ignored);
	return PMN_OK;
}

/* BIGINT, compact decimals and every timestamp below precision 7. */
static PmnCode
write_i64(RowWriter *writer, uint32_t field, const PmnType *type, int64_t value)
{
	int32_t micros = (int32_t) (value % 1000);

	if (type->kind == PMN_TYPE_BIGINT || pmn_type_is_compact(type))
	{
		pmn_put_le64(slot_of(writer, field), (uint64_t) value);
		return PMN_OK;
	}
	return write_timestamp(writer, field, value / 1000 - (micros < 0 ? 1 : 0),
						   (micros < 0 ? micros + 1000 : micros) * 1000);
}

static void
write_i32(RowWriter *writer, uint32_t field, const PmnType *type, int64_t value)
{
	uint8_t *slot = slot_of(writer, field);

	if (type->kind == PMN_TYPE_TINYINT)
		slot[0] = (uint8_t) value;
	else if (type->kind == PMN_TYPE_SMALLINT)
		pmn_put_le16(slot, (uint16_t) value);
	else
		pmn_put_le32(slot, (uint32_t) value);
}

static PmnCode
write_value(RowWriter *writer, uint32_t field, const PmnType *type,
			const PmnValue *value)
{
	uint8_t *slot = slot_of(writer, field);
	float narrow;
	char name[128];

	switch (pmn_type_vector_kind(type))
	{
		case PMN_VECTOR_BOOL:
			slot[0] = value->as.i64 != 0;
			return PMN_OK;
		case PMN_VECTOR_I32:
			write_i32(writer, field, type, value->as.i64);
			return PMN_OK;
		case PMN_VECTOR_I64:
			return write_i64(writer, field, type, value->as.i64);
		case PMN_VECTOR_F32:
			narrow = (float) value->as.f64;
			memcpy(slot, &narrow, sizeof(narrow));
			return PMN_OK;
		case PMN_VECTOR_F64:
			memcpy(slot, &value->as.f64, sizeof(value->as.f64));
			return PMN_OK;
		case PMN_VECTOR_DEC128:
			return write_decimal(writer, field, value->as.dec128);
		case PMN_VECTOR_TS96:
			return write_timestamp(writer, field, value->as.ts96.millis,
								   value->as.ts96.nano);
		case PMN_VECTOR_BYTES:
			if (pmn_type_is_nested(type))
				break;
			return write_bytes(writer, field, value->as.bytes);
		case PMN_VECTOR_NONE:
			break;
	}
	return pmn_fail(writer->dst->env, PMN_UNSUPPORTED,
					"a value of type %s in a binary row is not supported",
					pmn_type_name(type, name, sizeof(name)));
}

static PmnCode
write_bytes(RowWriter *writer, uint32_t field, PmnBytes bytes)
{
	uint8_t *at;

	if (bytes.size <= INLINE_MAX)
	{
		at = slot_of(writer, field);
		if (bytes.size > 0)
			memcpy(at, bytes.data, bytes.size);
		at[7] = (uint8_t) (0x80 | bytes.size);
		return PMN_OK;
	}
	PMN_TRY(reserve_item(writer, field, bytes.size, bytes.size, &at));
	memcpy(at, bytes.data, bytes.size);
	return PMN_OK;
}

/* The shortest two's complement form: drop bytes that only repeat the sign. */
static PmnCode
write_decimal(RowWriter *writer, uint32_t field, PmnInt128 value)
{
	uint8_t big_endian[DECIMAL_SIZE];
	uint32_t skip = 0;
	uint8_t *at;

	pmn_put_be64(big_endian, (uint64_t) ((PmnUint128) value >> 64));
	pmn_put_be64(big_endian + 8, (uint64_t) value);
	while (skip < DECIMAL_SIZE - 1 &&
		   big_endian[skip] == (value < 0 ? 0xFF : 0) &&
		   big_endian[skip + 1] >> 7 == (value < 0 ? 1 : 0))
		skip++;
	PMN_TRY(
		reserve_item(writer, field, DECIMAL_SIZE, DECIMAL_SIZE - skip, &at));
	memcpy(at, big_endian + skip, DECIMAL_SIZE - skip);
	return PMN_OK;
}

static PmnCode
write_timestamp(RowWriter *writer, uint32_t field, int64_t millis, int32_t nano)
{
	uint8_t *at;

	PMN_TRY(reserve_item(writer, field, 8, (uint32_t) nano, &at));
	pmn_put_le64(at, (uint64_t) millis);
	return PMN_OK;
}

/* The item a slot points at, when all of its size bytes are in the row. */
static PmnCode
find_item(PmnEnv *env, PmnBytes row, uint32_t offset, uint32_t size,
		  const uint8_t **out)
{
	if (offset > row.size || size > row.size - offset)
		return pmn_fail(env, PMN_CORRUPT,
						"a binary row of %" PRIu32 " bytes has an item of "
						"%" PRIu32 " bytes at %" PRIu32,
						row.size, size, offset);
	*out = row.data + offset;
	return PMN_OK;
}

static PmnCode
parse_decimal(PmnEnv *env, PmnBytes row, const uint8_t *slot, PmnInt128 *out)
{
	uint32_t size = pmn_get_le32(slot);
	const uint8_t *at;
	PmnUint128 value;

	if (size == 0 || size > DECIMAL_SIZE)
		return pmn_fail(env, PMN_CORRUPT,
						"a binary row has a decimal of %" PRIu32 " bytes",
						size);
	PMN_TRY(find_item(env, row, pmn_get_le32(slot + 4), size, &at));
	value = at[0] >= 0x80 ? ~(PmnUint128) 0 : 0;
	for (uint32_t i = 0; i < size; i++)
		value = value << 8 | at[i];
	*out = (PmnInt128) value;
	return PMN_OK;
}

static PmnCode
parse_timestamp(PmnEnv *env, PmnBytes row, const uint8_t *slot,
				const PmnType *type, PmnValue *out)
{
	uint32_t nano = pmn_get_le32(slot);
	const uint8_t *at;
	int64_t millis;
	PmnInt128 micros;

	if (nano > 999999)
		return pmn_fail(env, PMN_CORRUPT,
						"a binary row has a timestamp of %" PRIu32
						" nanoseconds in a millisecond",
						nano);
	PMN_TRY(find_item(env, row, pmn_get_le32(slot + 4), 8, &at));
	millis = (int64_t) pmn_get_le64(at);
	if (type->precision > 6)
	{
		out->as.ts96.millis = millis;
		out->as.ts96.nano = (int32_t) nano;
		return PMN_OK;
	}
	micros = (PmnInt128) millis * 1000 + nano / 1000;
	out->as.i64 = (int64_t) micros;
	if (micros != out->as.i64)
		return pmn_fail(env, PMN_CORRUPT,
						"a binary row has a timestamp out of range: %" PRId64
						" ms",
						millis);
	return PMN_OK;
}

static PmnCode
parse_bytes(PmnEnv *env, PmnBytes row, const uint8_t *slot, PmnBytes *out)
{
	uint32_t size = pmn_get_le32(slot);
	const uint8_t *at = slot;

	if ((slot[7] & 0x80) != 0)
	{
		size = slot[7] & 0x7F;
		if (size > INLINE_MAX)
			return pmn_fail(
				env, PMN_CORRUPT,
				"a binary row has an inline value of %" PRIu32 " bytes", size);
	}
	else
		PMN_TRY(find_item(env, row, pmn_get_le32(slot + 4), size, &at));
	*out = pmn_bytes(at, size);
	return PMN_OK;
}

static int64_t
parse_i32(const uint8_t *slot, const PmnType *type)
{
	if (type->kind == PMN_TYPE_TINYINT)
		return (int8_t) slot[0];
	if (type->kind == PMN_TYPE_SMALLINT)
		return (int16_t) pmn_get_le16(slot);
	return (int32_t) pmn_get_le32(slot);
}

static PmnCode
parse_value(PmnEnv *env, PmnBytes row, const uint8_t *slot, const PmnType *type,
			PmnValue *out)
{
	float narrow;
	char name[128];

	switch (pmn_type_vector_kind(type))
	{
		case PMN_VECTOR_BOOL:
			out->as.i64 = slot[0] != 0;
			return PMN_OK;
		case PMN_VECTOR_I32:
			out->as.i64 = parse_i32(slot, type);
			return PMN_OK;
		case PMN_VECTOR_I64:
			if (type->kind != PMN_TYPE_BIGINT && !pmn_type_is_compact(type))
				return parse_timestamp(env, row, slot, type, out);
			out->as.i64 = (int64_t) pmn_get_le64(slot);
			return PMN_OK;
		case PMN_VECTOR_F32:
			memcpy(&narrow, slot, sizeof(narrow));
			out->as.f64 = narrow;
			return PMN_OK;
		case PMN_VECTOR_F64:
			memcpy(&out->as.f64, slot, sizeof(out->as.f64));
			return PMN_OK;
		case PMN_VECTOR_DEC128:
			return parse_decimal(env, row, slot, &out->as.dec128);
		case PMN_VECTOR_TS96:
			return parse_timestamp(env, row, slot, type, out);
		case PMN_VECTOR_BYTES:
			if (pmn_type_is_nested(type))
				break;
			return parse_bytes(env, row, slot, &out->as.bytes);
		case PMN_VECTOR_NONE:
			break;
	}
	return pmn_fail(env, PMN_UNSUPPORTED,
					"a value of type %s in a binary row is not supported",
					pmn_type_name(type, name, sizeof(name)));
}
