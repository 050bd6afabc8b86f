/*
 * type_compare.c
 *
 * Paimon's order of values (format/data.md 1.2): numbers by value, floats as
 * Java compares them (-0.0 below 0.0, NaN above all), text and binary by
 * unsigned bytes, timestamps by (millis, nano), nulls first.
 *
 * The prefix of a key packs the orders of its columns from the top bit
 * down:
 *
 *   [null bit 1][column 1][null bit 2][column 2] ...      64 bits
 *
 * The null bit is there only for nullable columns: 0 = null (and the
 * column's bits are 0), 1 = not null. Fixed columns give all their bits
 * while there is room. The first column that does not fit, or is not exact
 * (bytes beyond the eighth, big decimals, far timestamps), gives its top bits
 * and ends the prefix, so that prefix order always implies key order. The
 * layout depends on types only: prefixes of two batches compare.
 */
#include "type_compare.h"
#include "type_order.h"

/* One column's part of the prefix. */
typedef struct PrefixPart
{
	uint32_t used; /* bits above it */
	uint32_t flag; /* 1 when it begins with a null bit */
	bool is_exact; /* all of the column's bits are in */
} PrefixPart;

static int compare_elements(const PmnVector *a, uint32_t a_row,
							const PmnVector *b, uint32_t b_row);
static bool next_part(const PmnType *type, uint32_t *used, PrefixPart *part);
static void prefix_column(const PrefixPart *part, const PmnVector *vector,
						  uint32_t first, uint32_t count, uint64_t *prefix);

int
pmn_value_compare(const PmnType *type, const PmnValue *a, const PmnValue *b)
{
	switch (pmn_type_vector_kind(type))
	{
		case PMN_VECTOR_BOOL:
		case PMN_VECTOR_I32:
		case PMN_VECTOR_I64:
			return PMN_ORDER(a->as.i64, b->as.i64);
		case PMN_VECTOR_F32:
		case PMN_VECTOR_F64:
			return PMN_ORDER(pmn_order_f64(a->as.f64),
							 pmn_order_f64(b->as.f64));
		case PMN_VECTOR_DEC128:
			return PMN_ORDER(a->as.dec128, b->as.dec128);
		case PMN_VECTOR_TS96:
			return PMN_ORDER(pmn_order_ts96(a->as.ts96),
							 pmn_order_ts96(b->as.ts96));
		case PMN_VECTOR_BYTES:
			return pmn_bytes_compare(a->as.bytes, b->as.bytes);
		case PMN_VECTOR_NONE:
			break;
	}
	PMN_ASSERT(!"values of this type have no order");
	return 0;
}

int
pmn_value_compare_nulls(const PmnType *type, const PmnValue *a,
						const PmnValue *b)
{
	if (a->is_null || b->is_null)
		return (int) b->is_null - (int) a->is_null;
	return pmn_value_compare(type, a, b);
}

int
pmn_rows_compare(const PmnKeyColumns *key_a, const PmnBatch *a, uint32_t a_row,
				 const PmnKeyColumns *key_b, const PmnBatch *b, uint32_t b_row)
{
	for (uint32_t i = 0; i < key_a->count; i++)
	{
		const PmnVector *column_a = &a->columns[key_a->columns[i]];
		const PmnVector *column_b = &b->columns[key_b->columns[i]];
		bool a_null = column_a->nulls != NULL && column_a->nulls[a_row];
		bool b_null = column_b->nulls != NULL && column_b->nulls[b_row];
		int order;

		if (a_null || b_null)
			order = (int) b_null - (int) a_null;
		else
			order = compare_elements(column_a, a_row, column_b, b_row);
		if (order != 0)
			return order;
	}
	return 0;
}

void
pmn_rows_prefix(const PmnKeyColumns *key, const PmnBatch *batch, uint32_t first,
				uint32_t count, uint64_t *prefix)
{
	uint32_t used = 0;
	bool has_room = true;

	if (count == 0)
		return;
	memset(prefix, 0, count * sizeof(*prefix));
	for (uint32_t i = 0; has_room && i < key->count; i++)
	{
		PrefixPart part;

		has_room = next_part(key->types[i], &used, &part);
		prefix_column(&part, &batch->columns[key->columns[i]], first, count,
					  prefix);
	}
}

bool
pmn_key_prefix_is_exact(const PmnType *const *types, uint32_t count)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		PrefixPart part;
		bool has_room = next_part(types[i], &used, &part);

		if (!part.is_exact)
			return false;
		if (!has_room)
			return i + 1 == count;
	}
	return true;
}

#define COMPARE(type, order)                                                   \
	do                                                                         \
	{                                                                          \
		type x = ((const type *) a->values)[a_row];                            \
		type y = ((const type *) b->values)[b_row];                            \
		return PMN_ORDER(order(x), order(y));                                  \
	} while (0)
#define SAME(x) (x)

static int
compare_elements(const PmnVector *a, uint32_t a_row, const PmnVector *b,
				 uint32_t b_row)
{
	PMN_ASSERT(a->kind == b->kind);
	switch (a->kind)
	{
		case PMN_VECTOR_BOOL:
			COMPARE(uint8_t, SAME);
		case PMN_VECTOR_I32:
			COMPARE(int32_t, SAME);
		case PMN_VECTOR_I64:
			COMPARE(int64_t, SAME);
		case PMN_VECTOR_F32:
			COMPARE(float, pmn_order_f32);
		case PMN_VECTOR_F64:
			COMPARE(double, pmn_order_f64);
		case PMN_VECTOR_DEC128:
			COMPARE(PmnInt128, SAME);
		case PMN_VECTOR_TS96:
			COMPARE(PmnTimestamp, pmn_order_ts96);
		case PMN_VECTOR_BYTES:
			return pmn_bytes_compare(((const PmnBytes *) a->values)[a_row],
									 ((const PmnBytes *) b->values)[b_row]);
		case PMN_VECTOR_NONE:
			break;
	}
	PMN_ASSERT(!"columns of this type have no order");
	return 0;
}

/* Where a column goes; false when nothing may follow it. */
static bool
next_part(const PmnType *type, uint32_t *used, PrefixPart *part)
{
	static const uint8_t bits_by_kind[] = {
		[PMN_VECTOR_BOOL] = 1,	 [PMN_VECTOR_I32] = 32,
		[PMN_VECTOR_I64] = 64,	 [PMN_VECTOR_F32] = 32,
		[PMN_VECTOR_F64] = 64,	 [PMN_VECTOR_DEC128] = 128,
		[PMN_VECTOR_TS96] = 96,	 [PMN_VECTOR_BYTES] = 255,
		[PMN_VECTOR_NONE] = 255,
	};
	uint32_t bits = bits_by_kind[pmn_type_vector_kind(type)];

	part->used = *used;
	part->flag = type->is_nullable ? 1 : 0;
	part->is_exact = *used + part->flag + bits <= 64;
	*used += part->flag + bits;
	return part->is_exact && *used < 64;
}

static uint64_t
order_bool(uint8_t value)
{
	return value != 0 ? (uint64_t) 1 << 63 : 0;
}

static uint64_t
order_i32(int32_t value)
{
	return (uint64_t) ((uint32_t) value ^ 0x80000000u) << 32;
}

static uint64_t
order_i64(int64_t value)
{
	return (uint64_t) value ^ (uint64_t) 1 << 63;
}

static uint64_t
order_f32(float value)
{
	return order_i32(pmn_order_f32(value));
}

static uint64_t
order_f64(double value)
{
	return order_i64(pmn_order_f64(value));
}

/* Most big decimals hold small numbers: clamp rather than take top bits. */
static uint64_t
order_dec128(PmnInt128 value)
{
	int64_t clamped = value > INT64_MAX	  ? INT64_MAX
					  : value < INT64_MIN ? INT64_MIN
										  : (int64_t) value;

	return order_i64(clamped);
}

/* 44 bits of milliseconds reach from 1691 to 2248, 20 hold the rest. */
static uint64_t
order_ts96(PmnTimestamp value)
{
	const int64_t limit = (int64_t) 1 << 43;
	uint64_t nano = value.nano < 0		   ? 0
					: value.nano > 0xFFFFF ? 0xFFFFF
										   : (uint64_t) value.nano;

	if (value.millis < -limit)
		return 0;
	if (value.millis >= limit)
		return UINT64_MAX;
	return (uint64_t) (value.millis + limit) << 20 | nano;
}

static uint64_t
order_bytes(PmnBytes value)
{
	uint8_t head[8] = {0};

	if (value.size >= 8)
		return pmn_get_be64(value.data);
	if (value.size > 0)
		memcpy(head, value.data, value.size);
	return pmn_get_be64(head);
}

/* The flag is shifted in above the order; both end below `used` bits. */
#define PREFIX(type, order)                                                    \
	do                                                                         \
	{                                                                          \
		const type *values = (const type *) vector->values + first;            \
		for (uint32_t i = 0; i < count; i++)                                   \
		{                                                                      \
			if (nulls != NULL && nulls[i])                                     \
				continue;                                                      \
			prefix[i] |=                                                       \
				(flag | order(values[i]) >> part->flag) >> part->used;         \
		}                                                                      \
	} while (0)

static void
prefix_column(const PrefixPart *part, const PmnVector *vector, uint32_t first,
			  uint32_t count, uint64_t *prefix)
{
	const uint8_t *nulls = vector->nulls == NULL ? NULL : vector->nulls + first;
	uint64_t flag = (uint64_t) part->flag << 63;

	switch (vector->kind)
	{
		case PMN_VECTOR_BOOL:
			PREFIX(uint8_t, order_bool);
			break;
		case PMN_VECTOR_I32:
			PREFIX(int32_t, order_i32);
			break;
		case PMN_VECTOR_I64:
			PREFIX(int64_t, order_i64);
			break;
		case PMN_VECTOR_F32:
			PREFIX(float, order_f32);
			break;
		case PMN_VECTOR_F64:
			PREFIX(double, order_f64);
			break;
		case PMN_VECTOR_DEC128:
			PREFIX(PmnInt128, order_dec128);
			break;
		case PMN_VECTOR_TS96:
			PREFIX(PmnTimestamp, order_ts96);
			break;
		case PMN_VECTOR_BYTES:
			PREFIX(PmnBytes, order_bytes);
			break;
		case PMN_VECTOR_NONE:
			break;
	}
}
