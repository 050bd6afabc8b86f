/*
 * codec_roaring.h
 *
 * Roaring bitmaps in their portable serialized form (RoaringFormatSpec), read
 * in place: sets of 32-bit numbers, checked once and then asked for windows
 * of bits.
 */
#ifndef CODEC_ROARING_H
#define CODEC_ROARING_H

#include "../base/base_buffer.h"

typedef enum PmnRoaringKind
{
	PMN_ROARING_ARRAY,	/* count sorted 16-bit numbers */
	PMN_ROARING_BITSET, /* 65536 bits */
	PMN_ROARING_RUNS	/* count pairs of 16 bits: start, length - 1 */
} PmnRoaringKind;

/* The numbers whose upper 16 bits are key. */
typedef struct PmnRoaringContainer
{
	const uint8_t *data;
	uint32_t count; /* numbers, or runs */
	uint16_t key;
	uint8_t kind;
} PmnRoaringContainer;

typedef struct PmnRoaring
{
	PmnRoaringContainer *containers; /* by key, ascending */
	uint32_t count;
	uint64_t cardinality;
} PmnRoaring;

/*
 * pmn_roaring_parse -- check the bitmap at the start of src and point into
 * it; the directory of containers is made in arena, src must live as long.
 * *used is the bitmap's size. name is for messages.
 * Errors    PMN_CORRUPT
 */
PMN_CHECKED PmnCode pmn_roaring_parse(PmnArena *arena, PmnEnv *env,
									  const char *name, PmnBytes src,
									  size_t *used, PmnRoaring *out);

/*
 * pmn_roaring_window -- set bit i of words for each first + i in the set,
 * i < count. The words are not cleared before. first + count <= 2^32.
 */
void pmn_roaring_window(const PmnRoaring *bitmap, uint32_t first,
						uint32_t count, uint64_t *words);

bool pmn_roaring_contains(const PmnRoaring *bitmap, uint32_t value);

/* Greatest number of a set that is not empty. */
uint32_t pmn_roaring_max(const PmnRoaring *bitmap);

#endif /* CODEC_ROARING_H */
