/*
 * format_orc_column.c
 *
 * One column: which ORC types a Paimon type may lie in, and how the streams
 * of a stripe become a vector. PRESENT says which rows are not null; the
 * other streams hold values of those rows only, which are decoded densely
 * and then spread backwards to their places.
 *
 *   boolean            DATA bits
 *   tinyint            DATA bytes
 *   int kinds, date    DATA integers
 *   float, double      DATA little-endian
 *   decimal            DATA varints without limit, SECONDARY scales
 *   timestamp          DATA seconds, SECONDARY nanoseconds
 *   array, map         LENGTH (format_orc_nested.c); struct: nothing
 *   string, binary     DATA bytes, LENGTH; or DATA indexes into a
 *                      dictionary of DICTIONARY_DATA and LENGTH
 *
 * A stream that is missing is an empty one.
 */
#include "format_orc_column.h"

PmnCode
orc_column_fail(PmnEnv *env, const OrcColumn *column, const char *problem)
{
	return pmn_fail(env, PMN_CORRUPT, "column \"%.200s\": %s", column->name,
					problem);
}

static const char *
kind_name(uint32_t kind)
{
	static const char *const names[] = {"boolean",
										"tinyint",
										"smallint",
										"int",
										"bigint",
										"float",
										"double",
										"string",
										"binary",
										"timestamp",
										"array",
										"map",
										"struct",
										"union",
										"decimal",
										"date",
										"varchar",
										"char",
										"timestamp with local time zone"};

	return kind < ORC_KIND_COUNT ? names[kind] : "unknown";
}

/* ---- binding ---------------------------------------------------------------- */

static OrcDecoding
decoding_of_ints(PmnTypeKind type, uint32_t file)
{
	switch (file)
	{
		case ORC_BYTE:
			return type == PMN_TYPE_TINYINT || type == PMN_TYPE_SMALLINT ||
						   type == PMN_TYPE_INT || type == PMN_TYPE_BIGINT
					   ? ORC_DECODE_TINY
					   : ORC_DECODE_NOTHING;
		case ORC_SHORT:
		case ORC_INT:
			if (type == PMN_TYPE_BIGINT)
				return ORC_DECODE_LONG;
			if (type == PMN_TYPE_INT ||
				(file == ORC_SHORT && type == PMN_TYPE_SMALLINT) ||
				(file == ORC_INT && type == PMN_TYPE_TIME))
				return ORC_DECODE_INT;
			return ORC_DECODE_NOTHING;
		case ORC_LONG:
			/* Very old Paimon kept timestamps so. */
			if (type == PMN_TYPE_TIMESTAMP)
				return ORC_DECODE_NANOS;
			return type == PMN_TYPE_BIGINT ? ORC_DECODE_LONG
										   : ORC_DECODE_NOTHING;
		default:
			return ORC_DECODE_NOTHING;
	}
}

static bool
is_bytes_type(PmnTypeKind type)
{
	return type == PMN_TYPE_CHAR || type == PMN_TYPE_VARCHAR ||
		   type == PMN_TYPE_BINARY || type == PMN_TYPE_VARBINARY ||
		   type == PMN_TYPE_BLOB;
}

/* NOTHING: values of the file's type cannot be of the table's. */
static OrcDecoding
decoding_of(PmnTypeKind type, uint32_t file)
{
	switch (file)
	{
		case ORC_BOOLEAN:
			return type == PMN_TYPE_BOOLEAN ? ORC_DECODE_BOOLEAN
											: ORC_DECODE_NOTHING;
		case ORC_FLOAT:
			if (type == PMN_TYPE_DOUBLE)
				return ORC_DECODE_FLOAT_TO_DOUBLE;
			return type == PMN_TYPE_FLOAT ? ORC_DECODE_FLOAT
										  : ORC_DECODE_NOTHING;
		case ORC_DOUBLE:
			return type == PMN_TYPE_DOUBLE ? ORC_DECODE_DOUBLE
										   : ORC_DECODE_NOTHING;
		case ORC_STRING:
		case ORC_VARCHAR:
		case ORC_CHAR:
		case ORC_BINARY:
			return is_bytes_type(type) ? ORC_DECODE_BYTES : ORC_DECODE_NOTHING;
		case ORC_DECIMAL:
			return type == PMN_TYPE_DECIMAL ? ORC_DECODE_DECIMAL
											: ORC_DECODE_NOTHING;
		case ORC_DATE:
			return type == PMN_TYPE_DATE ? ORC_DECODE_INT : ORC_DECODE_NOTHING;
		case ORC_TIMESTAMP:
			return type == PMN_TYPE_TIMESTAMP ? ORC_DECODE_TIMESTAMP
											  : ORC_DECODE_NOTHING;
		case ORC_TIMESTAMP_INSTANT:
			return type == PMN_TYPE_TIMESTAMP_LTZ ? ORC_DECODE_TIMESTAMP
												  : ORC_DECODE_NOTHING;
		case ORC_LIST:
			return type == PMN_TYPE_ARRAY || type == PMN_TYPE_VECTOR
					   ? ORC_DECODE_LIST
					   : ORC_DECODE_NOTHING;
		case ORC_MAP:
			return type == PMN_TYPE_MAP || type == PMN_TYPE_MULTISET
					   ? ORC_DECODE_MAP
					   : ORC_DECODE_NOTHING;
		case ORC_STRUCT:
			return type == PMN_TYPE_ROW || type == PMN_TYPE_VARIANT
					   ? ORC_DECODE_STRUCT
					   : ORC_DECODE_NOTHING;
		default:
			return decoding_of_ints(type, file);
	}
}

PmnCode
orc_column_bind(PmnEnv *env, const OrcTail *tail, OrcColumn *column,
				OrcColumn **next)
{
	char name[128];

	if (column->kind == PMN_VECTOR_NONE)
		return pmn_fail(env, PMN_UNSUPPORTED,
						"column \"%.200s\" has type %s, which cannot be read "
						"from ORC files",
						column->name,
						pmn_type_name(&column->type, name, sizeof(name)));
	if (column->file_type == 0)
		return PMN_OK;
	column->file_kind = tail->types[column->file_type].kind;
	column->natural = decoding_of(column->type.kind, column->file_kind);
	column->is_trimmed =
		column->natural == ORC_DECODE_BYTES &&
		(column->type.kind == PMN_TYPE_CHAR || column->file_kind == ORC_CHAR);
	if (column->natural == ORC_DECODE_NOTHING)
		return pmn_fail(env, PMN_CORRUPT,
						"column \"%.200s\" has type %s, its table type is %s",
						column->name, kind_name(column->file_kind),
						pmn_type_name(&column->type, name, sizeof(name)));
	return pmn_type_is_nested(&column->type)
			   ? orc_nested_bind(env, tail, column, next)
			   : PMN_OK;
}

PmnCode
orc_column_allocate(PmnArena *arena, uint32_t capacity, uint32_t chunk,
					OrcColumn *column)
{
	uint32_t rows = column->is_inner ? chunk : capacity;

	pmn_buffer_init(&column->dictionary_room, pmn_arena_env(arena));
	if (column->natural != ORC_DECODE_NOTHING &&
		pmn_type_is_nested(&column->type))
		return orc_nested_allocate(arena, capacity, chunk, column);
	column->values =
		pmn_arena_alloc(arena, (size_t) rows * pmn_vector_width(column->kind));
	column->nulls = pmn_arena_alloc(arena, rows);
	if (column->values == NULL || column->nulls == NULL)
		return PMN_NO_MEMORY;
	if (column->natural == ORC_DECODE_NOTHING)
		memset(column->nulls, 1, rows);
	if (column->natural == ORC_DECODE_BYTES)
	{
		column->lengths =
			pmn_arena_alloc(arena, (size_t) rows * sizeof(uint32_t));
		if (column->lengths == NULL)
			return PMN_NO_MEMORY;
	}
	return PMN_OK;
}

void
orc_column_free(PmnEnv *env, OrcColumn *column)
{
	for (size_t i = 0; i < ORC_STREAM_KINDS; i++)
		orc_stream_free(&column->streams[i]);
	pmn_free(env, column->room, column->room_bytes);
	pmn_free(env, column->dictionary,
			 column->dictionary_capacity * sizeof(*column->dictionary));
	if (column->dictionary_room.env != NULL)
		pmn_buffer_free(&column->dictionary_room);
	orc_nested_free(column->nested);
}

/* ---- stripes ------------------------------------------------------------------ */

static PmnCode
check_encoding(PmnEnv *env, const OrcEncoding *encoding, OrcColumn *column)
{
	bool is_dictionary =
		encoding->kind == ORC_DICTIONARY || encoding->kind == ORC_DICTIONARY_V2;

	if (encoding->kind > ORC_DICTIONARY_V2)
		return orc_column_fail(env, column, "its encoding is unknown");
	if (is_dictionary && (column->natural != ORC_DECODE_BYTES ||
						  column->file_kind == ORC_BINARY))
		return orc_column_fail(env, column,
							   "its type cannot have a dictionary");
	column->decoding = is_dictionary ? ORC_DECODE_DICTIONARY : column->natural;
	return PMN_OK;
}

PmnCode
orc_column_begin(OrcContext *context, const OrcEncoding *encoding,
				 uint64_t rows, OrcColumn *column)
{
	OrcStream *streams = column->streams;
	OrcStream *data = &streams[ORC_STREAM_DATA];
	bool is_version_2 = encoding->kind >= ORC_DIRECT_V2;

	PMN_TRY(check_encoding(context->env, encoding, column));
	column->ahead = 0;
	orc_nested_begin(column, rows);
	orc_booleans_begin(&column->present, &streams[ORC_STREAM_PRESENT]);
	switch (column->decoding)
	{
		case ORC_DECODE_BOOLEAN:
			orc_booleans_begin(&column->booleans, data);
			break;
		case ORC_DECODE_TINY:
			orc_bytes_begin(&column->tiny, data);
			break;
		case ORC_DECODE_INT:
		case ORC_DECODE_LONG:
		case ORC_DECODE_NANOS:
			orc_ints_begin(&column->data, data, true, is_version_2);
			break;
		case ORC_DECODE_DECIMAL:
			orc_ints_begin(&column->second, &streams[ORC_STREAM_SECONDARY],
						   true, is_version_2);
			break;
		case ORC_DECODE_TIMESTAMP:
			orc_ints_begin(&column->data, data, true, is_version_2);
			orc_ints_begin(&column->second, &streams[ORC_STREAM_SECONDARY],
						   false, is_version_2);
			break;
		case ORC_DECODE_LIST:
		case ORC_DECODE_MAP:
		case ORC_DECODE_BYTES:
			orc_ints_begin(&column->second, &streams[ORC_STREAM_LENGTH], false,
						   is_version_2);
			break;
		case ORC_DECODE_DICTIONARY:
			orc_ints_begin(&column->data, data, false, is_version_2);
			orc_ints_begin(&column->second, &streams[ORC_STREAM_LENGTH], false,
						   is_version_2);
			if (encoding->dictionary_size > rows && !column->is_inner)
				return orc_column_fail(
					context->env, column,
					"its dictionary has more entries than the stripe rows");
			if (column->has_dictionary)
				return PMN_OK;
			column->has_dictionary = true;
			return orc_dictionary_load(context, column,
									   encoding->dictionary_size);
		case ORC_DECODE_NOTHING:
		case ORC_DECODE_STRUCT:
		case ORC_DECODE_FLOAT:
		case ORC_DECODE_DOUBLE:
		case ORC_DECODE_FLOAT_TO_DOUBLE:
			break;
	}
	return PMN_OK;
}

PmnCode
orc_column_nulls(OrcColumn *column, uint32_t at, uint32_t count,
				 uint32_t *values)
{
	uint8_t *nulls = column->nulls + at;
	uint32_t present = 0;

	*values = count;
	if (!column->has_stream[ORC_STREAM_PRESENT])
	{
		memset(nulls, 0, count);
		return PMN_OK;
	}
	PMN_TRY(orc_booleans_read(&column->present, nulls, count));
	for (uint32_t i = 0; i < count; i++)
	{
		present += nulls[i];
		nulls[i] ^= 1;
	}
	*values = present;
	return PMN_OK;
}

/* ---- decoding ------------------------------------------------------------------- */

#define DEFINE_SPREAD(name, type)                                              \
	static void name(void *values, const uint8_t *nulls, uint32_t rows,        \
					 uint32_t count)                                           \
	{                                                                          \
		type *elements = values;                                               \
		for (uint32_t i = rows; count > 0 && i > count;)                       \
		{                                                                      \
			i--;                                                               \
			elements[i] = elements[count - 1];                                 \
			count -= nulls[i] == 0;                                            \
		}                                                                      \
	}

typedef struct Wide
{
	uint64_t words[2];
} Wide;

DEFINE_SPREAD(spread_1, uint8_t)
DEFINE_SPREAD(spread_4, uint32_t)
DEFINE_SPREAD(spread_8, uint64_t)
DEFINE_SPREAD(spread_16, Wide)

/* count values at the front move to where nulls leave room. */
static void
spread(OrcColumn *column, uint32_t rows, uint32_t count)
{
	switch (pmn_vector_width(column->kind))
	{
		case 1:
			spread_1(column->values, column->nulls, rows, count);
			break;
		case 4:
			spread_4(column->values, column->nulls, rows, count);
			break;
		case 8:
			spread_8(column->values, column->nulls, rows, count);
			break;
		default:
			spread_16(column->values, column->nulls, rows, count);
			break;
	}
}

static PmnCode
read_tiny(OrcContext *context, OrcColumn *column, uint32_t count)
{
	const int8_t *bytes = (const int8_t *) context->longs[0];

	PMN_TRY(orc_rle_bytes(&column->tiny, (uint8_t *) context->longs[0], count));
	if (column->kind == PMN_VECTOR_I64)
		for (uint32_t i = 0; i < count; i++)
			((int64_t *) column->values)[i] = bytes[i];
	else
		for (uint32_t i = 0; i < count; i++)
			((int32_t *) column->values)[i] = bytes[i];
	return PMN_OK;
}

static PmnCode
read_ints(OrcContext *context, OrcColumn *column, uint32_t count)
{
	const int64_t *longs = context->longs[0];
	int32_t *dst = column->values;
	bool is_wrong = false;

	PMN_TRY(orc_ints_read(&column->data, context->longs[0], count));
	/* Cut as Java's casts do. */
	if (column->type.kind == PMN_TYPE_SMALLINT)
		for (uint32_t i = 0; i < count; i++)
			dst[i] = (int16_t) longs[i];
	else
		for (uint32_t i = 0; i < count; i++)
			dst[i] = (int32_t) longs[i];
	if (column->type.kind != PMN_TYPE_TIME)
		return PMN_OK;
	for (uint32_t i = 0; i < count; i++)
		is_wrong |= longs[i] < 0 || longs[i] > 86400000;
	return is_wrong ? orc_column_fail(context->env, column,
									  "a time of day is out of range")
					: PMN_OK;
}

static PmnCode
read_floats_as_doubles(OrcContext *context, OrcColumn *column, uint32_t count)
{
	const float *floats = (const float *) context->longs[0];

	PMN_TRY(orc_stream_copy(&column->streams[ORC_STREAM_DATA],
							context->longs[0], (size_t) count * sizeof(float)));
	for (uint32_t i = 0; i < count; i++)
		((double *) column->values)[i] = floats[i];
	return PMN_OK;
}

/* count values, dense. */
static PmnCode
read_values(OrcContext *context, OrcColumn *column, uint32_t count)
{
	OrcStream *data = &column->streams[ORC_STREAM_DATA];

	switch (column->decoding)
	{
		case ORC_DECODE_BOOLEAN:
			return orc_booleans_read(&column->booleans, column->values, count);
		case ORC_DECODE_TINY:
			return read_tiny(context, column, count);
		case ORC_DECODE_INT:
			return read_ints(context, column, count);
		case ORC_DECODE_LONG:
			return orc_ints_read(&column->data, column->values, count);
		case ORC_DECODE_NANOS:
			return orc_nanos_read(context, column, count);
		case ORC_DECODE_FLOAT:
			return orc_stream_copy(data, column->values,
								   (size_t) count * sizeof(float));
		case ORC_DECODE_DOUBLE:
			return orc_stream_copy(data, column->values,
								   (size_t) count * sizeof(double));
		case ORC_DECODE_FLOAT_TO_DOUBLE:
			return read_floats_as_doubles(context, column, count);
		case ORC_DECODE_DECIMAL:
			return orc_decimals_read(context, column, count);
		case ORC_DECODE_TIMESTAMP:
			return orc_timestamps_read(context, column, count);
		case ORC_DECODE_DICTIONARY:
			return orc_dictionary_read(context, column, count);
		case ORC_DECODE_STRUCT:
		case ORC_DECODE_LIST:
		case ORC_DECODE_MAP:
		case ORC_DECODE_BYTES:
		case ORC_DECODE_NOTHING:
			break;
	}
	return PMN_OK;
}

PmnCode
orc_column_read(OrcContext *context, OrcColumn *column, uint32_t rows,
				bool *has_nulls)
{
	PmnBytes *elements = column->values;
	uint32_t count;

	*has_nulls = true;
	if (column->natural == ORC_DECODE_NOTHING)
	{
		for (uint32_t i = 0; column->kind == PMN_VECTOR_BYTES && i < rows; i++)
			elements[i] = pmn_bytes(context->empty, 0);
		return PMN_OK;
	}
	if (column->decoding == ORC_DECODE_BYTES)
	{
		*has_nulls = memchr(column->nulls, 1, rows) != NULL;
		return orc_bytes_read(context, column, rows);
	}
	PMN_TRY(orc_column_nulls(column, 0, rows, &count));
	*has_nulls = count < rows;
	PMN_TRY(read_values(context, column, count));
	if (count == rows)
		return PMN_OK;
	spread(column, rows, count);
	for (uint32_t i = 0; column->kind == PMN_VECTOR_BYTES && i < rows; i++)
		if (column->nulls[i] != 0)
			elements[i] = pmn_bytes(context->empty, 0);
	return PMN_OK;
}
