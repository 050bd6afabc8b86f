/*
 * bridge_convert.h
 *
 * What the files that convert values share; private to this folder.
 */
#ifndef PFDW_BRIDGE_CONVERT_H
#define PFDW_BRIDGE_CONVERT_H

#include "bridge.h"

#include "common/int.h"
#include "datatype/timestamp.h"
#include "utils/date.h"

/* Why a value can't be said in the other world. */
typedef enum PfdwFit
{
	PFDW_FIT_OK,
	PFDW_FIT_NUMBER,   /* 22003 */
	PFDW_FIT_FRACTION, /* 22003: digits after the point would be lost */
	PFDW_FIT_TIME,	   /* 22008: infinite or out of range */
	PFDW_FIT_FINER,	   /* 22008: finer than the lake's type keeps */
	PFDW_FIT_TEXT,	   /* 22021 */
	PFDW_FIT_PAIR	   /* no conversion between these types */
} PfdwFit;

/* PostgreSQL counts from 2000-01-01, Paimon from 1970-01-01. */
#define PFDW_EPOCH_DAYS (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)
#define PFDW_EPOCH_MICROS ((int64) PFDW_EPOCH_DAYS * USECS_PER_DAY)
#define PFDW_EPOCH_MILLIS (PFDW_EPOCH_MICROS / 1000)

/* ---- in bridge_value.c ------------------------------------------------ */

/*
 * pfdw_value_fit -- a non-null Datum of base type typid as a value of a lake
 * type; out->as.bytes is made in the current memory context or points into
 * the datum. Lengths of text are not checked.
 */
extern PfdwFit pfdw_value_fit(const PmnType *type, Oid typid, Datum datum,
							  PmnValue *out);

/*
 * pfdw_value_datum -- a non-null value as a Datum of a base type that fits;
 * false when the server can't hold it. Bytes are copied.
 */
extern bool pfdw_value_datum(const PmnType *type, Oid base,
							 const PmnValue *value, Datum *out);

/*
 * pfdw_text_from_lake -- check UTF-8 bytes and bring them to the server
 * encoding. out is src itself when they are equal, else in the current memory
 * context. False when the server can't hold them, NUL included.
 */
extern bool pfdw_text_from_lake(PmnBytes src, PmnBytes *out);
extern bool pfdw_text_to_lake(PmnBytes src, PmnBytes *out);

/* ---- in bridge_numeric.c ---------------------------------------------- */

/* Room for any numeric that pfdw_numeric_* makes; a multiple of 8. */
#define PFDW_NUMERIC_SIZE_I64 24
#define PFDW_NUMERIC_SIZE_I128 32

/* A column of unscaled decimals; row i goes to block + i * size. */
extern void pfdw_numeric_column_i64(const int64 *values, const bool *nulls,
									const uint32 *rows, uint32 count, int scale,
									char *block, Datum *out);
extern void pfdw_numeric_column_i128(const PmnInt128 *values, const bool *nulls,
									 const uint32 *rows, uint32 count,
									 int scale, char *block, Datum *out);

/* The unscaled value of a numeric. */
extern PfdwFit pfdw_numeric_unscaled(Datum numeric, int precision, int scale,
									 PmnInt128 *out);

/*
 * The same without 128-bit arithmetic, for precisions of 18 at most. False
 * when the numeric is too long for it, toasted or does not fit: then the
 * function above knows.
 */
extern bool pfdw_numeric_unscaled_i64(Datum numeric, int precision, int scale,
									  int64 *out);

/* ---- time ------------------------------------------------------------- */

/* Rounding down, as a time before 1970 is not nearer to it when cut. */
static inline int64
pfdw_floor_div(int64 value, int64 divisor)
{
	int64 quotient = value / divisor;

	return quotient - (value % divisor < 0 ? 1 : 0);
}

static inline bool
pfdw_date_to_pg(int32 days, DateADT *date)
{
	int64 value = (int64) days - PFDW_EPOCH_DAYS;

	*date = (DateADT) value;
	return IS_VALID_DATE(value);
}

static inline bool
pfdw_micros_to_pg(int64 micros, int64 *timestamp)
{
	return !pg_sub_s64_overflow(micros, PFDW_EPOCH_MICROS, timestamp) &&
		   IS_VALID_TIMESTAMP(*timestamp);
}

static inline bool
pfdw_millis_to_pg(int64 millis, int64 *timestamp)
{
	int64 shifted;

	return !pg_sub_s64_overflow(millis, PFDW_EPOCH_MILLIS, &shifted) &&
		   !pg_mul_s64_overflow(shifted, 1000, timestamp) &&
		   IS_VALID_TIMESTAMP(*timestamp);
}

/* Nanoseconds below a microsecond are cut. */
static inline bool
pfdw_ts96_to_pg(PmnTimestamp value, int64 *timestamp)
{
	return pfdw_millis_to_pg(value.millis, timestamp) &&
		   !pg_add_s64_overflow(*timestamp, value.nano / 1000, timestamp) &&
		   IS_VALID_TIMESTAMP(*timestamp);
}

static inline bool
pfdw_time_to_pg(int32 millis, TimeADT *time)
{
	*time = (int64) millis * 1000;
	return *time >= 0 && *time < USECS_PER_DAY;
}

#endif /* PFDW_BRIDGE_CONVERT_H */
