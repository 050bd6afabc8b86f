/*
 * lsm_cast.h
 *
 * Values of old data files in the type their column has now, as Paimon's
 * CastExecutors and SchemaEvolutionUtil do it: every cast they have between
 * scalar types, between nested types, and from those to text. Where one
 * depends on a time zone, it is UTC. Others are PMN_UNSUPPORTED.
 */
#ifndef LSM_CAST_H
#define LSM_CAST_H

#include "lsm.h"

typedef enum PmnCastKind
{
	PMN_CAST_NONE,		 /* same bytes: use the vector as it is */
	PMN_CAST_TO_INTEGER, /* from numbers and BOOLEAN; wraps as Java does */
	PMN_CAST_TO_REAL,
	PMN_CAST_TO_DECIMAL, /* rounds half up; what does not fit is null */
	PMN_CAST_TO_BOOLEAN,
	PMN_CAST_TO_TEXT,  /* cut, CHAR padded */
	PMN_CAST_TO_BYTES, /* cut, BINARY padded */
	PMN_CAST_TO_TIMESTAMP,
	PMN_CAST_TO_DATE,
	PMN_CAST_TO_TIME,
	PMN_CAST_TO_SECONDS, /* a timestamp to whole seconds since 1970 */
	PMN_CAST_PARSE,		 /* text to a number, date, time or timestamp */
	PMN_CAST_NESTED,	 /* nested to nested, part by part */
	PMN_CAST_NESTED_TO_TEXT,
	PMN_CAST_TO_NULL /* nothing of the old type is left */
} PmnCastKind;

typedef struct PmnNestedCast PmnNestedCast;

typedef struct PmnCast
{
	PmnCastKind kind;
	const PmnType *from;
	const PmnType *to;
	const PmnNestedCast *nested; /* of the nested kinds */
} PmnCast;

/* The cast between two types, which must live as long; what it needs is made
 * in arena. column is for messages. */
PMN_CHECKED PmnCode pmn_cast_make(PmnArena *arena, const char *column,
								  const PmnType *from, const PmnType *to,
								  PmnCast *out);

/*
 * pmn_cast_run -- src's first count rows into dst, whose values and nulls have
 * room for them (nulls are always written). Bytes are made in arena, with
 * headroom. Not for PMN_CAST_NONE. Errors PMN_OUT_OF_RANGE (text that does
 * not parse, NaN as a decimal, a timestamp too far away), with the value.
 */
PMN_CHECKED PmnCode pmn_cast_run(const PmnCast *cast, PmnArena *arena,
								 const PmnVector *src, uint32_t count,
								 PmnVector *dst);

/* Bytes in arena, 4-byte aligned with headroom; NULL when memory is out. */
uint8_t *pmn_headroom_alloc(PmnArena *arena, size_t size);

#endif /* LSM_CAST_H */
