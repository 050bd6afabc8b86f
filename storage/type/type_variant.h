/*
 * type_variant.h
 *
 * Numbers of the variant encoding that reader and writer share.
 */
#ifndef TYPE_VARIANT_H
#define TYPE_VARIANT_H

#include "../include/pmn_variant.h"
#include "type.h"

/* The lower two bits of a header. */
#define VARIANT_PRIMITIVE 0
#define VARIANT_SHORT_STRING 1
#define VARIANT_OBJECT 2
#define VARIANT_ARRAY 3

/* The upper six bits of a primitive's header. */
#define VARIANT_NULL 0
#define VARIANT_TRUE 1
#define VARIANT_FALSE 2
#define VARIANT_INT8 3
#define VARIANT_INT16 4
#define VARIANT_INT32 5
#define VARIANT_INT64 6
#define VARIANT_DOUBLE 7
#define VARIANT_DECIMAL4 8
#define VARIANT_DECIMAL8 9
#define VARIANT_DECIMAL16 10
#define VARIANT_DATE 11
#define VARIANT_TIMESTAMP_LTZ 12
#define VARIANT_TIMESTAMP 13
#define VARIANT_FLOAT 14
#define VARIANT_BINARY 15
#define VARIANT_STRING 16
#define VARIANT_TIME 17
#define VARIANT_TIMESTAMP_LTZ_NANOS 18
#define VARIANT_TIMESTAMP_NANOS 19
#define VARIANT_UUID 20

#define VARIANT_VERSION 1
#define VARIANT_SHORT_STRING_MAX 63

/* A little-endian number of 1 to 4 bytes. */
static inline uint32_t
variant_number(const uint8_t *src, uint32_t width)
{
	uint32_t number = 0;

	for (uint32_t i = 0; i < width; i++)
		number |= (uint32_t) src[i] << (8 * i);
	return number;
}

#endif /* TYPE_VARIANT_H */
