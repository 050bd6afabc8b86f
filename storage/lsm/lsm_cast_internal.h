/*
 * lsm_cast_internal.h
 *
 * Shared by the files of the cast: numbers, bytes (lsm_cast.c), dates and
 * times (lsm_cast_time.c), parsed text (lsm_cast_parse.c for numbers,
 * lsm_cast_parse_time.c for dates and times), nested types
 * (lsm_cast_nested.c).
 */
#ifndef LSM_CAST_INTERNAL_H
#define LSM_CAST_INTERNAL_H

#include "lsm_cast.h"

#define PMN_MILLIS_PER_DAY INT64_C(86400000)
#define PMN_NANOS_PER_MILLI 1000000

/* 10^exponent; exponent 0 .. 38. */
PmnInt128 pmn_cast_power_of_ten(int32_t exponent);

/* PMN_OUT_OF_RANGE with the value (cut, unprintable bytes as \xHH) and the
 * type it should have become. */
PmnCode pmn_cast_refuse(const PmnCast *cast, PmnEnv *env, PmnBytes value);

/* PMN_UNSUPPORTED: there is no cast between the types. */
PmnCode pmn_cast_unknown(PmnEnv *env, const char *column, const PmnType *from,
						 const PmnType *to);

/* Casts that touch a nested type, in lsm_cast_nested.c: find one (cast has
 * its types), and run one; dst->nulls is set. */
PMN_CHECKED PmnCode pmn_cast_make_nested(PmnArena *arena, const char *column,
										 PmnCast *cast);
PMN_CHECKED PmnCode pmn_cast_nested(const PmnCast *cast, PmnArena *arena,
									const PmnVector *src, uint32_t count,
									PmnVector *dst);
/* One ARRAY, MAP or ROW as text in arena. */
PMN_CHECKED PmnCode pmn_cast_nested_text(const PmnNestedCast *nested,
										 PmnArena *arena, PmnBytes value,
										 PmnBytes *out);

/* The decimal of a row into dst, I64 or DEC128. */
static inline void
pmn_cast_store_decimal(PmnVector *dst, uint32_t row, PmnInt128 value)
{
	if (dst->kind == PMN_VECTOR_I64)
		((int64_t *) dst->values)[row] = (int64_t) value;
	else
		((PmnInt128 *) dst->values)[row] = value;
}

/* The timestamp of a row into dst; false when it has no room for it. */
bool pmn_cast_store_timestamp(PmnVector *dst, uint32_t row, int32_t precision,
							  PmnTimestamp time);

/* To DATE, TIME, TIMESTAMP and TIMESTAMP_LTZ, from those and from INT and
 * BIGINT; dst->nulls is set. */
PMN_CHECKED PmnCode pmn_cast_to_timestamp(const PmnCast *cast, PmnEnv *env,
										  const PmnVector *src, uint32_t count,
										  PmnVector *dst);
void pmn_cast_to_days(const PmnCast *cast, const PmnVector *src, uint32_t count,
					  PmnVector *dst);
void pmn_cast_to_millis_of_day(const PmnCast *cast, const PmnVector *src,
							   uint32_t count, PmnVector *dst);
/* TIMESTAMP and TIMESTAMP_LTZ to INT and BIGINT. */
void pmn_cast_to_epoch_seconds(const PmnCast *cast, const PmnVector *src,
							   uint32_t count, PmnVector *dst);

/* A FLOAT or DOUBLE as Java's toString. */
PMN_CHECKED PmnCode pmn_cast_append_real(PmnBuffer *dst, double value,
										 bool is_float);

/* Text to anything but text and bytes; dst->nulls is set. */
PMN_CHECKED PmnCode pmn_cast_parse(const PmnCast *cast, PmnEnv *env,
								   const PmnVector *src, uint32_t count,
								   PmnVector *dst);
/* FLOAT and DOUBLE to DECIMAL, by way of the text that Java gives them. */
PMN_CHECKED PmnCode pmn_cast_real_to_decimal(const PmnCast *cast, PmnEnv *env,
											 const PmnVector *src,
											 uint32_t count, PmnVector *dst);

/*
 * One text as Paimon reads it; false when it doesn't.
 *
 * integer     digits, a sign, a fraction that is dropped; min <= 0 <= max
 * is_number   whether date and time texts count as a number instead
 */
bool pmn_parse_integer(PmnBytes text, int64_t min, int64_t max, int64_t *out);
bool pmn_parse_is_number(PmnBytes text);
bool pmn_parse_date(PmnBytes text, int32_t *days);
bool pmn_parse_time(PmnBytes text, int32_t *millis);
bool pmn_parse_timestamp(PmnBytes text, const PmnType *type, PmnTimestamp *out);

#endif /* LSM_CAST_INTERNAL_H */
