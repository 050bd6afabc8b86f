/*
 * format_orc_rle.c
 *
 * Run-length encodings. Bytes and version 1 integers begin with a control
 * byte c:
 *
 *   0..127     c + 3 equal values (integers: first value, step -128..127)
 *   128..255   256 - c values as they are
 *
 * Version 2 of the integers begins with two bits:
 *
 *   0  short repeat   3..10 times one value of 1..8 bytes
 *   1  direct         up to 512 values, bit-packed
 *   2  patched base   the same above a base, the highest bits of few apart
 *   3  delta          first value, first step, further steps bit-packed
 *
 * Sums and shifts are done in uint64_t and wrap like Java's. Nothing a file
 * says can make a run longer than ORC_RUN_MAX.
 */
#include "format_orc_rle.h"

/* A run's packed bytes: 512 values of 64 bits. */
#define PACKED_BYTES_MAX ((size_t) ORC_RUN_MAX * 8)

static PmnCode
fail_run(OrcInts *ints, const char *problem)
{
	return pmn_fail(ints->stream->input->env, PMN_CORRUPT,
					"a run of integers is broken: %s", problem);
}

PmnCode
orc_read_varint(OrcStream *stream, uint64_t *out)
{
	uint64_t value = 0;
	uint8_t byte;

	for (uint32_t shift = 0; shift < 64; shift += 7)
	{
		PMN_TRY(orc_stream_byte(stream, &byte));
		value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			*out = value;
			return PMN_OK;
		}
	}
	return pmn_fail(stream->input->env, PMN_CORRUPT,
					"a number has more than 10 bytes");
}

void
orc_ints_begin(OrcInts *ints, OrcStream *stream, bool is_signed,
			   bool is_version_2)
{
	ints->stream = stream;
	ints->is_signed = is_signed;
	ints->is_version_2 = is_version_2;
	ints->used = 0;
	ints->count = 0;
}

static PmnCode
read_value(OrcInts *ints, int64_t *out)
{
	uint64_t value;

	PMN_TRY(orc_read_varint(ints->stream, &value));
	*out = ints->is_signed ? orc_unzigzag(value) : (int64_t) value;
	return PMN_OK;
}

/* ---- version 1 -------------------------------------------------------------- */

static PmnCode
read_run_1(OrcInts *ints)
{
	uint8_t control;
	uint8_t step;
	int64_t first;

	PMN_TRY(orc_stream_byte(ints->stream, &control));
	if (control >= 0x80)
	{
		ints->count = 256u - control;
		for (uint32_t i = 0; i < ints->count; i++)
			PMN_TRY(read_value(ints, &ints->run[i]));
		return PMN_OK;
	}
	PMN_TRY(orc_stream_byte(ints->stream, &step));
	PMN_TRY(read_value(ints, &first));
	ints->count = control + 3u;
	for (uint32_t i = 0; i < ints->count; i++)
		ints->run[i] = (int64_t) ((uint64_t) first +
								  (uint64_t) (int64_t) (int8_t) step * i);
	return PMN_OK;
}

/* ---- version 2 -------------------------------------------------------------- */

/* Five bits stand for a width. */
static uint32_t
width_of(uint32_t code)
{
	static const uint8_t wide[] = {26, 28, 30, 32, 40, 48, 56, 64};

	return code < 24 ? code + 1 : wide[code - 24];
}

static uint32_t
next_width(uint32_t bits)
{
	uint32_t code = 0;

	while (width_of(code) < bits)
		code++;
	return width_of(code);
}

static uint64_t
load_big_endian(const uint8_t *src, uint32_t size)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < size; i++)
		value = value << 8 | src[i];
	return value;
}

/* count values of width bits; ORC_SLACK bytes behind src may be read. */
static void
unpack(const uint8_t *src, uint32_t width, int64_t *dst, uint32_t count)
{
	uint64_t bit = 0;

	if (width == 64)
	{
		for (uint32_t i = 0; i < count; i++)
			dst[i] = (int64_t) pmn_get_be64(src + 8 * (size_t) i);
		return;
	}
	/* At most 7 + 56 bits of the eight bytes are looked at. */
	for (uint32_t i = 0; i < count; i++, bit += width)
		dst[i] = (int64_t) (pmn_get_be64(src + (bit >> 3)) << (bit & 7) >>
							(64 - width));
}

static PmnCode
read_packed(OrcInts *ints, uint32_t width, int64_t *dst, uint32_t count)
{
	uint8_t scratch[PACKED_BYTES_MAX + ORC_SLACK];
	const uint8_t *src;

	PMN_TRY(orc_stream_take(ints->stream, ((size_t) width * count + 7) / 8,
							scratch, &src));
	unpack(src, width, dst, count);
	return PMN_OK;
}

static PmnCode
read_short_repeat(OrcInts *ints, uint8_t first, int64_t *dst, uint32_t *count)
{
	uint8_t scratch[8 + ORC_SLACK];
	uint32_t size = (first >> 3 & 7) + 1u;
	const uint8_t *src;
	uint64_t bits;
	int64_t value;

	PMN_TRY(orc_stream_take(ints->stream, size, scratch, &src));
	bits = load_big_endian(src, size);
	value = ints->is_signed ? orc_unzigzag(bits) : (int64_t) bits;
	*count = (first & 7) + 3u;
	for (uint32_t i = 0; i < *count; i++)
		dst[i] = value;
	return PMN_OK;
}

/* The nine bits of a run's length. */
static PmnCode
read_length(OrcInts *ints, uint8_t first, uint32_t *out)
{
	uint8_t second;

	PMN_TRY(orc_stream_byte(ints->stream, &second));
	*out = (uint32_t) (first & 1) << 8 | second;
	return PMN_OK;
}

static PmnCode
read_direct(OrcInts *ints, uint8_t first, int64_t *dst, uint32_t *count)
{
	uint32_t width = width_of(first >> 1 & 31);

	PMN_TRY(read_length(ints, first, count));
	*count += 1;
	PMN_TRY(read_packed(ints, width, dst, *count));
	for (uint32_t i = 0; ints->is_signed && i < *count; i++)
		dst[i] = orc_unzigzag((uint64_t) dst[i]);
	return PMN_OK;
}

/*
 * Put the patches in: each has a gap, in values, from the one before, and
 * the bits above the packed ones. A gap of 255 without bits goes on.
 */
static PmnCode
apply_patches(OrcInts *ints, const int64_t *patches, uint32_t patch_count,
			  uint32_t patch_width, uint32_t width, int64_t *dst,
			  uint32_t count)
{
	uint64_t mask = ((uint64_t) 1 << patch_width) - 1;
	uint64_t position = 0;

	for (uint32_t i = 0; i < patch_count; i++)
	{
		uint64_t gap = (uint64_t) patches[i] >> patch_width;
		uint64_t patch = (uint64_t) patches[i] & mask;

		position += gap;
		if (gap == 255 && patch == 0)
			continue;
		if (position >= count)
			return fail_run(ints, "a patch lies behind its end");
		if (width < 64)
			dst[position] |= (int64_t) (patch << width);
	}
	return PMN_OK;
}

static PmnCode
read_patched(OrcInts *ints, uint8_t first, int64_t *dst, uint32_t *count)
{
	uint8_t scratch[8 + ORC_SLACK];
	int64_t patches[32];
	uint32_t width = width_of(first >> 1 & 31);
	uint32_t base_bytes;
	uint32_t patch_width;
	uint32_t gap_width;
	uint32_t patch_count;
	const uint8_t *src;
	uint64_t base;
	uint64_t sign;

	PMN_TRY(read_length(ints, first, count));
	*count += 1;
	PMN_TRY(orc_stream_take(ints->stream, 2, scratch, &src));
	base_bytes = (src[0] >> 5) + 1u;
	patch_width = width_of(src[0] & 31);
	gap_width = (src[1] >> 5) + 1u;
	patch_count = src[1] & 31;
	if (patch_width + gap_width > 64 || patch_width == 64)
		return fail_run(ints, "its patches are too wide");
	PMN_TRY(orc_stream_take(ints->stream, base_bytes, scratch, &src));
	base = load_big_endian(src, base_bytes);
	sign = (uint64_t) 1 << (base_bytes * 8 - 1);
	/* Sign and magnitude. */
	if ((base & sign) != 0)
		base = 0 - (base & ~sign);
	PMN_TRY(read_packed(ints, width, dst, *count));
	PMN_TRY(read_packed(ints, next_width(patch_width + gap_width), patches,
						patch_count));
	PMN_TRY(apply_patches(ints, patches, patch_count, patch_width, width, dst,
						  *count));
	for (uint32_t i = 0; i < *count; i++)
		dst[i] = (int64_t) ((uint64_t) dst[i] + base);
	return PMN_OK;
}

static PmnCode
read_delta(OrcInts *ints, uint8_t first, int64_t *dst, uint32_t *count)
{
	uint32_t code = first >> 1 & 31;
	uint32_t steps;
	uint64_t value;
	uint64_t zigzag;
	uint64_t step;
	bool is_falling;

	PMN_TRY(read_length(ints, first, &steps));
	*count = steps + 1;
	PMN_TRY(read_value(ints, &dst[0]));
	PMN_TRY(orc_read_varint(ints->stream, &zigzag));
	value = (uint64_t) dst[0];
	step = (uint64_t) orc_unzigzag(zigzag);
	is_falling = (int64_t) step < 0;
	if (code == 0)
	{
		for (uint32_t i = 1; i <= steps; i++)
			dst[i] = (int64_t) (value += step);
		return PMN_OK;
	}
	if (steps == 0)
		return fail_run(ints, "it has steps but one value");
	dst[1] = (int64_t) (value += step);
	PMN_TRY(read_packed(ints, width_of(code), dst + 2, steps - 1));
	for (uint32_t i = 2; i <= steps; i++)
	{
		uint64_t more = (uint64_t) dst[i];

		value = is_falling ? value - more : value + more;
		dst[i] = (int64_t) value;
	}
	return PMN_OK;
}

/* A run of version 2; dst has room for ORC_RUN_MAX values. */
static PmnCode
read_run_2(OrcInts *ints, int64_t *dst, uint32_t *count)
{
	uint8_t first;

	PMN_TRY(orc_stream_byte(ints->stream, &first));
	switch (first >> 6)
	{
		case 0:
			return read_short_repeat(ints, first, dst, count);
		case 1:
			return read_direct(ints, first, dst, count);
		case 2:
			return read_patched(ints, first, dst, count);
		default:
			return read_delta(ints, first, dst, count);
	}
}

PmnCode
orc_ints_read(OrcInts *ints, int64_t *dst, size_t count)
{
	while (count > 0)
	{
		size_t piece = ints->count - ints->used;

		if (piece == 0 && ints->is_version_2 && count >= ORC_RUN_MAX)
		{
			/* Straight to where it belongs. */
			uint32_t done;

			PMN_TRY(read_run_2(ints, dst, &done));
			dst += done;
			count -= done;
			continue;
		}
		if (piece == 0)
		{
			ints->used = 0;
			ints->count = 0;
			if (ints->is_version_2)
			{
				uint32_t done = 0;

				PMN_TRY(read_run_2(ints, ints->run, &done));
				ints->count = done;
			}
			else
				PMN_TRY(read_run_1(ints));
			continue;
		}
		if (piece > count)
			piece = count;
		memcpy(dst, ints->run + ints->used, piece * sizeof(*dst));
		ints->used += (uint32_t) piece;
		dst += piece;
		count -= piece;
	}
	return PMN_OK;
}

/* ---- bytes and bits ---------------------------------------------------------- */

void
orc_bytes_begin(OrcBytes *bytes, OrcStream *stream)
{
	memset(bytes, 0, sizeof(*bytes));
	bytes->stream = stream;
}

PmnCode
orc_rle_bytes(OrcBytes *bytes, uint8_t *dst, size_t count)
{
	while (count > 0)
	{
		size_t piece;

		if (bytes->repeats == 0 && bytes->literals == 0)
		{
			uint8_t control;

			PMN_TRY(orc_stream_byte(bytes->stream, &control));
			if (control >= 0x80)
				bytes->literals = 256u - control;
			else
			{
				PMN_TRY(orc_stream_byte(bytes->stream, &bytes->byte));
				bytes->repeats = control + 3u;
			}
		}
		piece = bytes->repeats > 0 ? bytes->repeats : bytes->literals;
		if (piece > count)
			piece = count;
		if (bytes->repeats > 0)
		{
			memset(dst, bytes->byte, piece);
			bytes->repeats -= (uint32_t) piece;
		}
		else
		{
			PMN_TRY(orc_stream_copy(bytes->stream, dst, piece));
			bytes->literals -= (uint32_t) piece;
		}
		dst += piece;
		count -= piece;
	}
	return PMN_OK;
}

void
orc_booleans_begin(OrcBooleans *booleans, OrcStream *stream)
{
	memset(booleans, 0, sizeof(*booleans));
	orc_bytes_begin(&booleans->bytes, stream);
}

PmnCode
orc_booleans_read(OrcBooleans *booleans, uint8_t *dst, size_t count)
{
	uint8_t packed[256];

	for (; booleans->bits > 0 && count > 0; count--)
		*dst++ = booleans->byte >> --booleans->bits & 1;
	while (count >= 8)
	{
		size_t size = count / 8;

		if (size > sizeof(packed))
			size = sizeof(packed);
		PMN_TRY(orc_rle_bytes(&booleans->bytes, packed, size));
		for (size_t i = 0; i < size; i++, dst += 8)
			for (uint32_t b = 0; b < 8; b++)
				dst[b] = packed[i] >> (7 - b) & 1;
		count -= size * 8;
	}
	if (count == 0)
		return PMN_OK;
	PMN_TRY(orc_rle_bytes(&booleans->bytes, &booleans->byte, 1));
	for (booleans->bits = 8; count > 0; count--)
		*dst++ = booleans->byte >> --booleans->bits & 1;
	return PMN_OK;
}
