/*
 * bridge_value.c
 *
 * Single values both ways: a Datum as a value of a lake type (rows being
 * written, literals of filters) and a value as a Datum (statistics).
 *
 * The rule is that a value is never changed: what the other side can't hold
 * exactly is refused, with the reason as a PfdwFit. Callers turn it into an
 * error that names the column, or into "this filter is not pushed down".
 */
#include "bridge_convert.h"

#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

static PfdwFit integer_fit(const PmnType *type, int64 value, PmnValue *out);
static PfdwFit float_fit(const PmnType *type, double value, PmnValue *out);
static PfdwFit decimal_fit(const PmnType *type, Datum datum, PmnValue *out);
static PfdwFit date_fit(DateADT date, PmnValue *out);
static PfdwFit time_fit(const PmnType *type, TimeADT time, PmnValue *out);
static PfdwFit timestamp_fit(const PmnType *type, int64 timestamp,
							 PmnValue *out);
static PfdwFit bytes_fit(const PmnType *type, Oid typid, Datum datum,
						 PmnValue *out);
static bool pair_is_known(const PmnType *type, Oid typid);
static bool convert_text(PmnBytes src, int src_encoding, int dst_encoding,
						 PmnBytes *out);
static Datum make_varlena(PmnBytes bytes);
static Datum make_numeric(const PmnType *type, const PmnValue *value);

PfdwFit
pfdw_value_fit(const PmnType *type, Oid typid, Datum datum, PmnValue *out)
{
	out->is_null = false;
	if (!pair_is_known(type, typid))
		return PFDW_FIT_PAIR;
	switch (typid)
	{
		case BOOLOID:
			out->as.i64 = DatumGetBool(datum) ? 1 : 0;
			return PFDW_FIT_OK;
		case INT2OID:
			return integer_fit(type, DatumGetInt16(datum), out);
		case INT4OID:
			return integer_fit(type, DatumGetInt32(datum), out);
		case INT8OID:
			return integer_fit(type, DatumGetInt64(datum), out);
		case FLOAT4OID:
			return float_fit(type, (double) DatumGetFloat4(datum), out);
		case FLOAT8OID:
			return float_fit(type, DatumGetFloat8(datum), out);
		case NUMERICOID:
			return decimal_fit(type, datum, out);
		case DATEOID:
			return date_fit(DatumGetDateADT(datum), out);
		case TIMEOID:
			return time_fit(type, DatumGetTimeADT(datum), out);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return timestamp_fit(type, DatumGetTimestamp(datum), out);
		default:
			return bytes_fit(type, typid, datum, out);
	}
}

bool
pfdw_value_from_datum(const PmnType *type, Oid typid, Datum datum,
					  PmnValue *out)
{
	return pfdw_value_fit(type, getBaseType(typid), datum, out) == PFDW_FIT_OK;
}

bool
pfdw_key_from_datum(const PmnType *type, Oid typid, Datum datum, PmnValue *out)
{
	Oid output;
	bool is_varlena;
	char *text;
	PmnBytes bytes;

	if (pfdw_value_from_datum(type, typid, datum, out))
		return true;
	if ((type->kind != PMN_TYPE_VARCHAR && type->kind != PMN_TYPE_CHAR) ||
		pair_is_known(type, getBaseType(typid)))
		return false;
	getTypeOutputInfo(typid, &output, &is_varlena);
	text = OidOutputFunctionCall(output, datum);
	bytes.data = (const uint8_t *) text;
	bytes.size = (uint32_t) strlen(text);
	out->is_null = false;
	return pfdw_text_to_lake(bytes, &out->as.bytes);
}

bool
pfdw_value_to_datum(const PmnType *type, Oid typid, int32 typmod,
					const PmnValue *value, Datum *out)
{
	Oid base = getBaseType(typid);

	if (value->is_null || !pair_is_known(type, base))
		return false;
	return pfdw_value_datum(type, base, value, out);
}

bool
pfdw_value_datum(const PmnType *type, Oid base, const PmnValue *value,
				 Datum *out)
{
	PmnBytes text;
	DateADT date = 0;
	TimeADT time = 0;
	int64 timestamp = 0;
	bool valid;

	switch (pmn_type_vector_kind(type))
	{
		case PMN_VECTOR_BOOL:
			*out = BoolGetDatum(value->as.i64 != 0);
			return true;
		case PMN_VECTOR_F32:
			*out = Float4GetDatum((float4) value->as.f64);
			return true;
		case PMN_VECTOR_F64:
			*out = Float8GetDatum(value->as.f64);
			return true;
		case PMN_VECTOR_DEC128:
			*out = make_numeric(type, value);
			return true;
		case PMN_VECTOR_TS96:
			valid = pfdw_ts96_to_pg(value->as.ts96, &timestamp);
			*out = TimestampGetDatum(timestamp);
			return valid;
		case PMN_VECTOR_BYTES:
			if (base == BYTEAOID)
				text = value->as.bytes;
			else if (!pfdw_text_from_lake(value->as.bytes, &text))
				return false;
			*out = make_varlena(text);
			return true;
		case PMN_VECTOR_I32:
		case PMN_VECTOR_I64:
			break;
		case PMN_VECTOR_NONE:
			return false;
	}
	switch (base)
	{
		case INT2OID:
			*out = Int16GetDatum((int16) value->as.i64);
			return true;
		case INT4OID:
			*out = Int32GetDatum((int32) value->as.i64);
			return true;
		case INT8OID:
			*out = Int64GetDatum(value->as.i64);
			return true;
		case NUMERICOID:
			*out = make_numeric(type, value);
			return true;
		case DATEOID:
			valid = pfdw_date_to_pg((int32) value->as.i64, &date);
			*out = DateADTGetDatum(date);
			return valid;
		case TIMEOID:
			valid = pfdw_time_to_pg((int32) value->as.i64, &time);
			*out = TimeADTGetDatum(time);
			return valid;
		default:
			valid = type->precision <= 3
						? pfdw_millis_to_pg(value->as.i64, &timestamp)
						: pfdw_micros_to_pg(value->as.i64, &timestamp);
			*out = TimestampGetDatum(timestamp);
			return valid;
	}
}

bool
pfdw_text_from_lake(PmnBytes src, PmnBytes *out)
{
	return convert_text(src, PG_UTF8, GetDatabaseEncoding(), out);
}

bool
pfdw_text_to_lake(PmnBytes src, PmnBytes *out)
{
	return convert_text(src, GetDatabaseEncoding(), PG_UTF8, out);
}

/* Types whose values mean the same on both sides. */
static bool
pair_is_known(const PmnType *type, Oid typid)
{
	switch (type->kind)
	{
		case PMN_TYPE_BOOLEAN:
			return typid == BOOLOID;
		case PMN_TYPE_TINYINT:
		case PMN_TYPE_SMALLINT:
		case PMN_TYPE_INT:
		case PMN_TYPE_BIGINT:
			return typid == INT2OID || typid == INT4OID || typid == INT8OID;
		case PMN_TYPE_FLOAT:
		case PMN_TYPE_DOUBLE:
			return typid == FLOAT4OID || typid == FLOAT8OID;
		case PMN_TYPE_DECIMAL:
			return typid == NUMERICOID;
		case PMN_TYPE_CHAR:
		case PMN_TYPE_VARCHAR:
			return typid == TEXTOID || typid == VARCHAROID ||
				   typid == BPCHAROID || typid == BYTEAOID;
		case PMN_TYPE_BINARY:
		case PMN_TYPE_VARBINARY:
		case PMN_TYPE_BLOB:
			return typid == BYTEAOID;
		case PMN_TYPE_DATE:
			return typid == DATEOID;
		case PMN_TYPE_TIME:
			return typid == TIMEOID;
		case PMN_TYPE_TIMESTAMP:
			return typid == TIMESTAMPOID;
		case PMN_TYPE_TIMESTAMP_LTZ:
			return typid == TIMESTAMPTZOID;
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_MULTISET:
		case PMN_TYPE_MAP:
		case PMN_TYPE_ROW:
		case PMN_TYPE_VARIANT:
		case PMN_TYPE_VECTOR:
		case PMN_TYPE_GEOMETRY:
		case PMN_TYPE_GEOGRAPHY:
			return false;
	}
	return false;
}

static PfdwFit
integer_fit(const PmnType *type, int64 value, PmnValue *out)
{
	int64 max;

	switch (type->kind)
	{
		case PMN_TYPE_TINYINT:
			max = PG_INT8_MAX;
			break;
		case PMN_TYPE_SMALLINT:
			max = PG_INT16_MAX;
			break;
		case PMN_TYPE_INT:
			max = PG_INT32_MAX;
			break;
		default:
			max = PG_INT64_MAX;
			break;
	}
	if (value > max || value < -max - 1)
		return PFDW_FIT_NUMBER;
	out->as.i64 = value;
	return PFDW_FIT_OK;
}

static PfdwFit
float_fit(const PmnType *type, double value, PmnValue *out)
{
	if (type->kind == PMN_TYPE_FLOAT && !isnan(value) &&
		(double) (float) value != value)
		return PFDW_FIT_NUMBER;
	out->as.f64 = value;
	return PFDW_FIT_OK;
}

static PfdwFit
decimal_fit(const PmnType *type, Datum datum, PmnValue *out)
{
	PmnInt128 unscaled;
	PfdwFit fit;

	fit = pfdw_numeric_unscaled(datum, type->precision, type->scale, &unscaled);
	if (fit != PFDW_FIT_OK)
		return fit;
	if (pmn_type_vector_kind(type) == PMN_VECTOR_I64)
		out->as.i64 = (int64) unscaled;
	else
		out->as.dec128 = unscaled;
	return PFDW_FIT_OK;
}

static PfdwFit
date_fit(DateADT date, PmnValue *out)
{
	int64 days = (int64) date + PFDW_EPOCH_DAYS;

	if (DATE_NOT_FINITE(date) || days > PG_INT32_MAX)
		return PFDW_FIT_TIME;
	out->as.i64 = days;
	return PFDW_FIT_OK;
}

/*
 * Paimon keeps milliseconds of a day; 24:00:00, which the server knows, is
 * not a time there.
 */
static PfdwFit
time_fit(const PmnType *type, TimeADT time, PmnValue *out)
{
	static const int64 unit_micros[] = {1000000, 100000, 10000, 1000};

	if (time < 0 || time >= USECS_PER_DAY)
		return PFDW_FIT_TIME;
	if (time % unit_micros[Max(0, Min(type->precision, 3))] != 0)
		return PFDW_FIT_FINER;
	out->as.i64 = time / 1000;
	return PFDW_FIT_OK;
}

static PfdwFit
timestamp_fit(const PmnType *type, int64 timestamp, PmnValue *out)
{
	static const int64 unit_micros[] = {1000000, 100000, 10000, 1000,
										100,	 10,	 1};
	int64 millis;

	if (TIMESTAMP_NOT_FINITE(timestamp))
		return PFDW_FIT_TIME;
	if (timestamp % unit_micros[Max(0, Min(type->precision, 6))] != 0)
		return PFDW_FIT_FINER;
	millis = pfdw_floor_div(timestamp, 1000);
	if (type->precision > 3 && type->precision <= 6)
	{
		/* The one form that ends before the server's years do. */
		if (pg_add_s64_overflow(timestamp, PFDW_EPOCH_MICROS, &out->as.i64))
			return PFDW_FIT_TIME;
	}
	else if (type->precision <= 3)
		out->as.i64 = millis + PFDW_EPOCH_MILLIS;
	else
	{
		out->as.ts96.millis = millis + PFDW_EPOCH_MILLIS;
		out->as.ts96.nano = (int32) (timestamp - millis * 1000) * 1000;
	}
	return PFDW_FIT_OK;
}

/*
 * UTF-8 that may hold NUL bytes, which the server's own check refuses: the
 * stretches between them are checked.
 */
static bool
is_lake_text(PmnBytes bytes)
{
	const char *at = (const char *) bytes.data;
	const char *end = at + bytes.size;

	while (at < end)
	{
		const char *nul = memchr(at, 0, (size_t) (end - at));
		int size = (int) ((nul != NULL ? nul : end) - at);

		if (pg_encoding_verifymbstr(PG_UTF8, at, size) != size)
			return false;
		at += size + 1;
	}
	return true;
}

static PfdwFit
bytes_fit(const PmnType *type, Oid typid, Datum datum, PmnValue *out)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(datum);
	PmnBytes bytes;

	bytes.data = (const uint8_t *) VARDATA_ANY(value);
	bytes.size = VARSIZE_ANY_EXHDR(value);
	if (type->kind != PMN_TYPE_CHAR && type->kind != PMN_TYPE_VARCHAR)
		out->as.bytes = bytes;
	else if (typid == BYTEAOID)
	{
		if (!is_lake_text(bytes))
			return PFDW_FIT_TEXT;
		out->as.bytes = bytes;
	}
	else if (!pfdw_text_to_lake(bytes, &out->as.bytes))
		return PFDW_FIT_TEXT;
	return PFDW_FIT_OK;
}

/*
 * Text between two encodings, one of which is UTF-8. The server's converter
 * is called in the form that reports a bad byte by its result, so that the
 * error can name the column. SQL_ASCII has no converter: there, bytes are
 * taken as they are, but what goes to the lake must be UTF-8.
 */
static bool
convert_text(PmnBytes src, int src_encoding, int dst_encoding, PmnBytes *out)
{
	const char *data = (const char *) src.data;
	int verify = src_encoding;
	Oid function;
	Size room;
	char *converted;
	int done;

	if (src_encoding == PG_SQL_ASCII)
		verify = dst_encoding;
	else if (dst_encoding == PG_SQL_ASCII)
		verify = PG_SQL_ASCII; /* refuses NUL only */
	*out = src;
	if (!pg_verify_mbstr(verify, data, (int) src.size, true))
		return false;
	if (src_encoding == dst_encoding || src_encoding == PG_SQL_ASCII ||
		dst_encoding == PG_SQL_ASCII || src.size == 0)
		return true;

	function = FindDefaultConversionProc(src_encoding, dst_encoding);
	if (!OidIsValid(function))
		return false;
	room = (Size) src.size * MAX_CONVERSION_GROWTH + 1;
	converted = MemoryContextAllocHuge(CurrentMemoryContext, room);
	done = pg_do_encoding_conversion_buf(
		function, src_encoding, dst_encoding, (unsigned char *) data,
		(int) src.size, (unsigned char *) converted,
		(int) Min(room, (Size) PG_INT32_MAX), true);
	if (done != (int) src.size)
		return false;
	out->data = (const uint8_t *) converted;
	out->size = (uint32_t) strlen(converted);
	return true;
}

static Datum
make_varlena(PmnBytes bytes)
{
	return PointerGetDatum(
		cstring_to_text_with_len((const char *) bytes.data, (int) bytes.size));
}

static Datum
make_numeric(const PmnType *type, const PmnValue *value)
{
	bool null = false;
	char *block = palloc(PFDW_NUMERIC_SIZE_I128);
	int64 small;
	PmnInt128 big;
	Datum datum;

	if (pmn_type_vector_kind(type) == PMN_VECTOR_I64)
	{
		small = value->as.i64;
		pfdw_numeric_column_i64(&small, &null, NULL, 1, type->scale, block,
								&datum);
	}
	else
	{
		big = value->as.dec128;
		pfdw_numeric_column_i128(&big, &null, NULL, 1, type->scale, block,
								 &datum);
	}
	return datum;
}
