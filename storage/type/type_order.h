/*
 * type_order.h
 *
 * The order of single elements, inline, for the loops of type/. Floats are
 * compared through integers of the same order: flip all other bits of a
 * negative one, after making all NaNs the one that is greatest.
 */
#ifndef TYPE_ORDER_H
#define TYPE_ORDER_H

#include "type.h"

/* -0.0 < +0.0 < ... < infinity < NaN, as signed integers. */
static inline int32_t
pmn_order_f32(float value)
{
	int32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	bits = value != value ? 0x7fc00000 : bits;
	return bits ^ (int32_t) ((uint32_t) (bits >> 31) >> 1);
}

static inline int64_t
pmn_order_f64(double value)
{
	int64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	bits = value != value ? 0x7ff8000000000000 : bits;
	return bits ^ (int64_t) ((uint64_t) (bits >> 63) >> 1);
}

/* Their inverses. */
static inline float
pmn_unorder_f32(int32_t order)
{
	float value;

	order ^= (int32_t) ((uint32_t) (order >> 31) >> 1);
	memcpy(&value, &order, sizeof(value));
	return value;
}

static inline double
pmn_unorder_f64(int64_t order)
{
	double value;

	order ^= (int64_t) ((uint64_t) (order >> 63) >> 1);
	memcpy(&value, &order, sizeof(value));
	return value;
}

/* One number for (millis, nano). */
static inline PmnInt128
pmn_order_ts96(PmnTimestamp value)
{
	return ((PmnInt128) value.millis * 4294967296) + value.nano;
}

/*
 * The first 16 bytes as a number of the same order, shorter values filled up
 * with zeroes. Equal numbers say nothing, as values may go on or end in
 * zeroes.
 */
static inline PmnUint128
pmn_order_bytes(PmnBytes value)
{
	const uint8_t *data = value.data;
	uint32_t size = value.size;
	uint64_t head = 0;
	uint64_t tail = 0;

	if (size >= 16)
		return (PmnUint128) pmn_get_be64(data) << 64 | pmn_get_be64(data + 8);
	if (size > 8)
	{
		head = pmn_get_be64(data);
		tail = pmn_get_be64(data + size - 8) << (8 * (16 - size));
	}
	else
	{
		for (uint32_t i = 0; i < size; i++)
			head |= (uint64_t) data[i] << (56 - 8 * i);
	}
	return (PmnUint128) head << 64 | tail;
}

#define PMN_ORDER(a, b) (((a) > (b)) - ((a) < (b)))

#endif /* TYPE_ORDER_H */
