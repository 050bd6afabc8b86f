/*
 * format_avro_decode.c
 *
 * The loop over records and steps. Avro is a row format, so a switch per
 * value cannot be avoided; what can be is everything else: a step knows the
 * arrays it writes to, the byte of a nullable value's branch is looked at
 * before the switch, and integers of one byte, lengths among them, are read
 * in place.
 *
 * Every read is checked against the end of the block. A value that cannot be
 * is a fault, a text that becomes the message together with the column; no
 * row after it is given.
 */
#include "format_avro_decode.h"

#define DAY_MILLIS INT64_C(86400000)

/* ---- byte strings ------------------------------------------------------ */

/* Room for a value in the heap; NULL with a fault when there is none. */
static inline uint8_t *
reserve_bytes(AvroDecoder *decoder, size_t size)
{
	AvroHeap *heap = &decoder->reader->heap;
	size_t room = PMN_BYTES_HEADROOM + ((size + 3) & ~(size_t) 3);
	uint8_t *dst;

	/* 16 bytes more allow the short copy below. */
	if ((size_t) (heap->end - heap->at) < room + 16 &&
		avro_heap_grow(heap, room + 16) != PMN_OK)
	{
		avro_fail(decoder, NULL);
		return NULL;
	}
	dst = heap->at + PMN_BYTES_HEADROOM;
	heap->at += room;
	return dst;
}

bool
avro_store_bytes(AvroDecoder *decoder, PmnBytes bytes, PmnBytes *out)
{
	uint8_t *dst = reserve_bytes(decoder, bytes.size);

	if (dst == NULL)
		return false;
	if (bytes.size > 0)
		memcpy(dst, bytes.data, bytes.size);
	*out = pmn_bytes(dst, bytes.size);
	return true;
}

/* Copy into the heap: headroom, the value, padding to 4 bytes. */
static inline bool
store_bytes(AvroDecoder *decoder, PmnBytes bytes, PmnBytes *out)
{
	uint8_t *dst = reserve_bytes(decoder, bytes.size);

	if (dst == NULL)
		return false;
	/* The value is behind at already. */
	if (bytes.size <= 16 && decoder->end - bytes.data >= 16)
		memcpy(dst, bytes.data, 16);
	else
		memcpy(dst, bytes.data, bytes.size);
	out->data = dst;
	out->size = bytes.size;
	return true;
}

/* ---- decimals ---------------------------------------------------------- */

/* Big-endian two's complement of any length that has a value in limits. */
static bool
load_decimal(AvroDecoder *decoder, PmnBytes bytes, PmnInt128 limit,
			 PmnInt128 *out)
{
	uint8_t sign;
	PmnUint128 value;

	if (bytes.size == 0)
		return avro_fail(decoder, "a decimal without bytes");
	sign = (bytes.data[0] & 0x80) != 0 ? 0xff : 0;
	/* Longer than needed: bytes that only repeat the sign. */
	while (bytes.size > 16)
	{
		if (bytes.data[0] != sign)
			return avro_fail(decoder, "a decimal beyond its precision");
		bytes.data++;
		bytes.size--;
	}
	if (((bytes.data[0] & 0x80) != 0) != (sign != 0))
		return avro_fail(decoder, "a decimal beyond its precision");
	value = sign != 0 ? ~(PmnUint128) 0 : 0;
	for (uint32_t i = 0; i < bytes.size; i++)
		value = value << 8 | bytes.data[i];
	*out = (PmnInt128) value;
	if (*out >= limit || *out <= -limit)
		return avro_fail(decoder, "a decimal beyond its precision");
	return true;
}

static bool
decode_decimal(AvroDecoder *decoder, const AvroColumnStep *step, uint32_t row)
{
	bool is_fixed = step->kind == AVRO_STEP_FIXED_DECIMAL ||
					step->kind == AVRO_STEP_FIXED_DECIMAL128;
	PmnInt128 value = 0;
	PmnBytes bytes;

	if (is_fixed ? !avro_take_bytes(decoder, step->argument, &bytes)
				 : !avro_read_bytes(decoder, &bytes))
		return false;
	if (!load_decimal(decoder, bytes, step->limit, &value))
		return false;
	if (step->kind == AVRO_STEP_DECIMAL ||
		step->kind == AVRO_STEP_FIXED_DECIMAL)
		((int64_t *) step->values)[row] = (int64_t) value;
	else
		((PmnInt128 *) step->values)[row] = value;
	return true;
}

/* ---- points in time ---------------------------------------------------- */

static inline int64_t
divide_down(int64_t value, int64_t divisor)
{
	int64_t quotient = value / divisor;

	return value % divisor < 0 ? quotient - 1 : quotient;
}

static bool
decode_time(AvroDecoder *decoder, const AvroColumnStep *step, uint32_t row)
{
	PmnTimestamp *timestamps = step->values;
	int64_t *longs = step->values;
	int64_t value = 0;

	if (!avro_read_long(decoder, &value))
		return false;
	switch ((int) step->kind)
	{
		case AVRO_STEP_MULTIPLY:
			return !__builtin_mul_overflow(value, step->factor, &longs[row]) ||
				   avro_fail(decoder, "a point in time is out of range");
		case AVRO_STEP_DIVIDE:
			longs[row] = divide_down(value, step->factor);
			return true;
		case AVRO_STEP_TIMESTAMP:
			timestamps[row].millis = divide_down(value, step->factor);
			timestamps[row].nano =
				(int32_t) ((value - timestamps[row].millis * step->factor) *
						   (1000000 / step->factor));
			return true;
		default:
			value = divide_down(value, 1000);
			if (value < 0 || value > DAY_MILLIS)
				return avro_fail(decoder, "a time of day is out of range");
			((int32_t *) step->values)[row] = (int32_t) value;
			return true;
	}
}

/* ---- records ----------------------------------------------------------- */

/* Steps that are rare or slow anyway. */
static bool
decode_other(AvroDecoder *decoder, const AvroColumnStep *step, uint32_t row)
{
	PmnBytes bytes = {NULL, 0};
	float small = 0;

	switch ((int) step->kind)
	{
		case AVRO_STEP_SKIP:
			return pmn_avro_run(&decoder->reader->program, step->argument, NULL,
								&decoder->at, decoder->end, NULL) == PMN_OK ||
				   avro_fail(decoder, NULL);
		case AVRO_STEP_NESTED:
			return avro_decode_nested(decoder, step, row);
		case AVRO_STEP_FLOAT_TO_DOUBLE:
			if (!avro_read_raw(decoder, &small, sizeof(small)))
				return false;
			((double *) step->values)[row] = (double) small;
			return true;
		case AVRO_STEP_FIXED_BYTES:
			return avro_take_bytes(decoder, step->argument, &bytes) &&
				   store_bytes(decoder, bytes,
							   &((PmnBytes *) step->values)[row]);
		case AVRO_STEP_DECIMAL:
		case AVRO_STEP_DECIMAL128:
		case AVRO_STEP_FIXED_DECIMAL:
		case AVRO_STEP_FIXED_DECIMAL128:
			return decode_decimal(decoder, step, row);
		default:
			return decode_time(decoder, step, row);
	}
}

static inline bool
decode_boolean(AvroDecoder *decoder, uint8_t *out)
{
	if (decoder->at == decoder->end || *decoder->at > 1)
		return avro_fail(decoder, "a bad boolean");
	*out = *decoder->at++;
	return true;
}

static inline bool
decode_value(AvroDecoder *decoder, const AvroColumnStep *step, uint32_t row)
{
	int64_t *longs = step->values;
	int32_t *ints = step->values;
	PmnBytes bytes = {NULL, 0};
	int32_t small = 0;

	switch ((int) step->kind)
	{
		case AVRO_STEP_INT:
			return avro_read_int(decoder, &ints[row]);
		case AVRO_STEP_BIGINT:
			return avro_read_long(decoder, &longs[row]);
		case AVRO_STEP_BYTES:
			return avro_read_bytes(decoder, &bytes) &&
				   store_bytes(decoder, bytes,
							   &((PmnBytes *) step->values)[row]);
		case AVRO_STEP_DOUBLE:
			return avro_read_raw(decoder, &longs[row], sizeof(double));
		case AVRO_STEP_FLOAT:
			return avro_read_raw(decoder, &ints[row], sizeof(float));
		case AVRO_STEP_BOOLEAN:
			return decode_boolean(decoder, &((uint8_t *) step->values)[row]);
		case AVRO_STEP_TINYINT:
			if (!avro_read_int(decoder, &small))
				return false;
			ints[row] = (int8_t) small;
			return true;
		case AVRO_STEP_SMALLINT:
			if (!avro_read_int(decoder, &small))
				return false;
			ints[row] = (int16_t) small;
			return true;
		case AVRO_STEP_INT_TO_BIGINT:
			if (!avro_read_int(decoder, &small))
				return false;
			longs[row] = small;
			return true;
		default:
			return decode_other(decoder, step, row);
	}
}

bool
avro_decode_value(AvroDecoder *decoder, const AvroColumnStep *step,
				  uint32_t row)
{
	return decode_value(decoder, step, row);
}

static void
store_null(AvroColumnReader *reader, const AvroColumnStep *step, uint32_t row)
{
	step->nulls[row] = 1;
	/* No pointer of an earlier batch may stay. */
	if (reader->vectors[step->column].kind == PMN_VECTOR_BYTES)
		((PmnBytes *) step->values)[row] = reader->empty;
}

/* NULL when the record is read, else the step that failed. */
static inline const AvroColumnStep *
decode_record(AvroDecoder *decoder, const AvroColumnStep *step,
			  const AvroColumnStep *steps_end, uint32_t row)
{
	for (; step < steps_end; step++)
	{
		AvroBranch branch = step->is_optional ? avro_read_branch(decoder, step)
											  : AVRO_BRANCH_VALUE;

		if (branch == AVRO_BRANCH_BAD)
			return step;
		if (branch == AVRO_BRANCH_NULL)
			store_null(decoder->reader, step, row);
		else if (!decode_value(decoder, step, row))
			return step;
	}
	return NULL;
}

static PmnCode
raise(const AvroDecoder *decoder, const AvroColumnStep *step, uint64_t row)
{
	AvroColumnReader *reader = decoder->reader;
	PmnEnv *env = reader->base.env;

	if (decoder->fault == NULL)
		return env->error.code;
	pmn_fail(env, PMN_CORRUPT, "file \"%s\" is damaged: %s",
			 reader->program.file_name, decoder->fault);
	if (step != NULL && step->kind != AVRO_STEP_SKIP)
		return pmn_detail(env, "row %" PRIu64 ", column \"%s\"", row,
						  reader->columns[step->column].name);
	return pmn_detail(env, "row %" PRIu64, row);
}

PmnCode
avro_decode(AvroColumnReader *reader, uint32_t *row)
{
	AvroDecoder decoder = {reader, reader->block_at, reader->block_end, NULL};
	const AvroColumnStep *steps_end = reader->steps + reader->step_count;
	uint64_t count = reader->capacity - *row;
	uint64_t done = 0;
	PmnCode code = PMN_OK;

	if (count > reader->block_records)
		count = reader->block_records;
	while (done < count && reader->heap.used_bytes <= reader->heap_budget)
	{
		const AvroColumnStep *failed;

		if (reader->root_is_optional &&
			(decoder.at == decoder.end ||
			 *decoder.at++ != reader->root_value_byte))
		{
			avro_fail(&decoder, "a record is null");
			code = raise(&decoder, NULL, reader->next_row + *row);
			break;
		}
		failed = decode_record(&decoder, reader->steps, steps_end, *row);
		if (failed != NULL)
		{
			code = raise(&decoder, failed, reader->next_row + *row);
			break;
		}
		++*row;
		done++;
	}
	reader->block_at = decoder.at;
	reader->block_records -= done;
	return code;
}
