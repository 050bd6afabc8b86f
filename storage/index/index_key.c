/*
 * index_key.c
 *
 * Values as indexes store them, big-endian:
 *
 *   BOOLEAN, TINYINT 1 byte | SMALLINT 2 | INT, DATE, TIME 4
 *   BIGINT, DECIMAL(p <= 18, unscaled) 8
 *   TIMESTAMP (_LTZ) p <= 3: millis, p <= 6: micros, 8
 *   FLOAT 4 | DOUBLE 8, IEEE | CHAR, VARCHAR: i32 size and bytes
 *
 * These are our own forms of the values, so keys compare as values do. Where
 * zero and NaN are concerned, writers of floats do not agree on equality:
 * such literals are left to the exact filter.
 */
#include "index_internal.h"

#include <math.h>

#include "../type/type_compare.h"

/* Bytes of a stored value; 0: a size comes first; -1: not stored. */
static int
key_width(const PmnType *type)
{
	switch (type->kind)
	{
		case PMN_TYPE_BOOLEAN:
		case PMN_TYPE_TINYINT:
			return 1;
		case PMN_TYPE_SMALLINT:
			return 2;
		case PMN_TYPE_INT:
		case PMN_TYPE_DATE:
		case PMN_TYPE_TIME:
		case PMN_TYPE_FLOAT:
			return 4;
		case PMN_TYPE_BIGINT:
		case PMN_TYPE_DOUBLE:
			return 8;
		case PMN_TYPE_DECIMAL:
			return type->precision <= 18 ? 8 : -1;
		case PMN_TYPE_TIMESTAMP:
		case PMN_TYPE_TIMESTAMP_LTZ:
			return type->precision <= 6 ? 8 : -1;
		case PMN_TYPE_CHAR:
		case PMN_TYPE_VARCHAR:
			return 0;
		case PMN_TYPE_BINARY:
		case PMN_TYPE_VARBINARY:
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_MULTISET:
		case PMN_TYPE_MAP:
		case PMN_TYPE_ROW:
		case PMN_TYPE_VARIANT:
		case PMN_TYPE_BLOB:
		case PMN_TYPE_VECTOR:
		case PMN_TYPE_GEOMETRY:
		case PMN_TYPE_GEOGRAPHY:
			break;
	}
	return -1;
}

bool
pmn_index_key_is_known(const PmnType *type)
{
	return key_width(type) >= 0;
}

static bool
is_float(const PmnType *type)
{
	return type->kind == PMN_TYPE_FLOAT || type->kind == PMN_TYPE_DOUBLE;
}

bool
pmn_index_literal_is_plain(const PmnType *type, const PmnValue *literal)
{
	if (literal->is_null)
		return false;
	return !is_float(type) || (!isnan(literal->as.f64) && literal->as.f64 != 0);
}

bool
pmn_index_literals_are_plain(const PmnIndexProbe *probe)
{
	const PmnPredicate *leaf = probe->leaf;

	for (uint32_t i = 0; i < leaf->literal_count; i++)
	{
		if (!pmn_index_literal_is_plain(probe->type, &leaf->literals[i]))
			return false;
	}
	return true;
}

static void
float_value(const PmnType *type, int32_t i32, int64_t i64, PmnValue *out)
{
	float f32;

	if (type->kind == PMN_TYPE_DOUBLE)
	{
		memcpy(&out->as.f64, &i64, sizeof(i64));
		return;
	}
	memcpy(&f32, &i32, sizeof(f32));
	out->as.f64 = f32;
}

bool
pmn_index_key_read(const PmnType *type, PmnCursor *cursor, PmnValue *out)
{
	int width = key_width(type);
	uint8_t u8 = 0;
	uint16_t u16 = 0;
	int32_t i32 = 0;
	int64_t i64 = 0;

	memset(out, 0, sizeof(*out));
	switch (width)
	{
		case 0:
			return pmn_cursor_i32(cursor, &i32) &&
				   pmn_cursor_bytes(cursor, i32, &out->as.bytes);
		case 1:
			if (!pmn_cursor_u8(cursor, &u8))
				return false;
			i64 = (int8_t) u8;
			break;
		case 2:
			if (!pmn_cursor_u16(cursor, &u16))
				return false;
			i64 = (int16_t) u16;
			break;
		case 4:
			if (!pmn_cursor_i32(cursor, &i32))
				return false;
			i64 = i32;
			break;
		case 8:
			if (!pmn_cursor_i64(cursor, &i64))
				return false;
			break;
		default:
			return false;
	}
	if (is_float(type))
		float_value(type, i32, i64, out);
	else
		out->as.i64 = i64;
	return true;
}

bool
pmn_index_literals_have(const PmnIndexProbe *probe, const PmnValue *value)
{
	const PmnPredicate *leaf = probe->leaf;

	for (uint32_t i = 0; i < leaf->literal_count; i++)
	{
		if (pmn_value_compare(probe->type, &leaf->literals[i], value) == 0)
			return true;
	}
	return false;
}
