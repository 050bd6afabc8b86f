/*
 * pmn_batch.h
 *
 * Columns of values, the only form in which rows move between files, the
 * merge, and the embedding program. A vector is a plain C array with one
 * element per row; a second array of bytes says which rows are null.
 *
 *   kind     C element       Paimon types
 *   BOOL     uint8_t (0/1)   BOOLEAN
 *   I32      int32_t         TINYINT SMALLINT INT DATE(days) TIME(millis)
 *   I64      int64_t         BIGINT, DECIMAL p <= 18 (unscaled),
 *                            TIMESTAMP and _LTZ: p <= 3 millis, p 4..6 micros
 *   F32 F64  float double    FLOAT DOUBLE
 *   DEC128   PmnInt128       DECIMAL p > 18 (unscaled)
 *   TS96     PmnTimestamp    TIMESTAMP and _LTZ with p 7..9
 *   BYTES    PmnBytes        CHAR VARCHAR BINARY VARBINARY BLOB; nested types
 *                            as pmn_nested.h writes them
 */
#ifndef PMN_BATCH_H
#define PMN_BATCH_H

#include "pmn_type.h"

#ifdef __cplusplus
extern "C"
{
#endif

#if defined(__GNUC__)
	__extension__ typedef __int128 PmnInt128;
	__extension__ typedef unsigned __int128 PmnUint128;
#endif

	typedef enum PmnVectorKind
	{
		PMN_VECTOR_BOOL,
		PMN_VECTOR_I32,
		PMN_VECTOR_I64,
		PMN_VECTOR_F32,
		PMN_VECTOR_F64,
		PMN_VECTOR_DEC128,
		PMN_VECTOR_TS96,
		PMN_VECTOR_BYTES,
		PMN_VECTOR_NONE /* types that have no vector yet */
	} PmnVectorKind;

	/* nano is 0..999999 within the millisecond; millis may be negative. */
	typedef struct PmnTimestamp
	{
		int64_t millis;
		int32_t nano;
	} PmnTimestamp;

/* Rows of a batch; readers give at most this many, writers take any number. */
#define PMN_BATCH_ROWS 8192

/*
 * In batches that pmn_read_next returns, the data of every BYTES value is
 * 4-byte aligned and the 4 bytes before it belong to the batch too, so that
 * a reader may put a length header there in place. Two rows may share one
 * value.
 */
#define PMN_BYTES_HEADROOM 4

	typedef struct PmnVector
	{
		PmnVectorKind kind;
		uint8_t *nulls; /* one byte per row, 1 = null; NULL = no row is null */
		void *values;	/* elements of null rows are defined but meaningless */
	} PmnVector;

	typedef struct PmnBatch
	{
		uint32_t row_count;
		uint32_t column_count;
		PmnVector *columns;
		/* Rows that count, ascending; NULL means all of 0 .. row_count - 1. */
		const uint32_t *selection;
		uint32_t selected_count; /* row_count when selection is NULL */
	} PmnBatch;

	/* Row kinds, as Paimon stores them. */
	typedef enum PmnRowKind
	{
		PMN_INSERT = 0,
		PMN_UPDATE_BEFORE = 1,
		PMN_UPDATE_AFTER = 2,
		PMN_DELETE = 3
	} PmnRowKind;

	/* One value on its own: literals, keys, statistics. */
	typedef struct PmnValue
	{
		bool is_null;
		union
		{
			int64_t i64; /* BOOL, I32, I64 */
			double f64;	 /* F32, F64 */
			PmnInt128 dec128;
			PmnTimestamp ts96;
			PmnBytes bytes;
		} as;
	} PmnValue;

	PmnVectorKind pmn_type_vector_kind(const PmnType *type);

	/* Bytes of one element. */
	size_t pmn_vector_width(PmnVectorKind kind);

#ifdef __cplusplus
}
#endif
#endif /* PMN_BATCH_H */
