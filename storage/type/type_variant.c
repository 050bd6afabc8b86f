/*
 * type_variant.c
 *
 * Reads the variant encoding (Paimon's GenericVariantUtil, Parquet's
 * VariantEncoding) as a stream of events. A header byte says what a value is;
 * arrays and objects hold a table of offsets to their children, objects also
 * the ids of their keys in the metadata's dictionary.
 *
 * The bytes are hostile. Every offset is checked against the end of its
 * parent, so a child never leaves it. Offsets may overlap, though, and a
 * value whose children share bytes could be unfolded without end: each value
 * that is read is paid for out of a budget as large as the whole, which
 * values that do not overlap can't exceed.
 *
 * Invariant: depth <= PMN_VARIANT_DEPTH_MAX, without recursion.
 */
#include "type_variant.h"

/* An array or object that is being read. */
typedef struct PmnVariantFrame
{
	uint32_t ids;	  /* where the key ids begin; objects */
	uint32_t offsets; /* where the offsets begin */
	uint32_t data;	  /* where the children begin */
	uint32_t end;	  /* and where they end */
	uint32_t count;
	uint32_t index; /* the next child */
	uint8_t id_width;
	uint8_t offset_width;
	bool is_object;
	bool has_key; /* the key of child `index` was read */
} PmnVariantFrame;

static PmnCode
broken(PmnVariantReader *reader, const char *what)
{
	return pmn_fail(reader->env, PMN_CORRUPT, "a variant %s", what);
}

void
pmn_variant_reader_init(PmnVariantReader *reader, PmnEnv *env)
{
	*reader = (PmnVariantReader){.env = env, .has_root = true};
}

void
pmn_variant_reader_free(PmnVariantReader *reader)
{
	pmn_free(reader->env, reader->frames,
			 reader->capacity * sizeof(PmnVariantFrame));
	reader->frames = NULL;
	reader->capacity = 0;
}

PmnCode
pmn_variant_reader_start(PmnVariantReader *reader, PmnBytes value,
						 PmnBytes metadata)
{
	uint32_t width;

	reader->value = value;
	reader->metadata = metadata;
	reader->budget = value.size;
	reader->depth = 0;
	reader->has_root = false;
	if (value.size > PMN_VARIANT_SIZE_MAX ||
		metadata.size > PMN_VARIANT_SIZE_MAX)
		return broken(reader, "is larger than 128 MB");
	if (metadata.size == 0 || (metadata.data[0] & 0x0f) != VARIANT_VERSION)
		return broken(reader, "has metadata of an unknown version");
	width = (uint32_t) (metadata.data[0] >> 6) + 1;
	if (metadata.size < 1 + width)
		return broken(reader, "has metadata that end too soon");
	reader->key_width = width;
	reader->key_count = variant_number(metadata.data + 1, width);
	if (((uint64_t) reader->key_count + 2) * width + 1 > metadata.size)
		return broken(reader, "has metadata that end too soon");
	return PMN_OK;
}

static PmnCode
read_key(PmnVariantReader *reader, uint32_t id, PmnBytes *out)
{
	uint32_t width = reader->key_width;
	const uint8_t *offsets = reader->metadata.data + 1 + width;
	uint32_t strings = 1 + (reader->key_count + 2) * width;
	uint32_t start;
	uint32_t end;

	if (id >= reader->key_count)
		return broken(reader, "has a key that its metadata lack");
	start = variant_number(offsets + (size_t) id * width, width);
	end = variant_number(offsets + ((size_t) id + 1) * width, width);
	if (start > end || end > reader->metadata.size - strings)
		return broken(reader, "has a key outside its metadata");
	*out = pmn_bytes(reader->metadata.data + strings + start, end - start);
	return PMN_OK;
}

/* Bytes of a value at `at` that ends before `end`. */
static PmnCode
charge(PmnVariantReader *reader, uint64_t at, uint64_t size, uint32_t end)
{
	if (at + size > end)
		return broken(reader, "ends too soon");
	if (size > reader->budget)
		return broken(reader, "has parts that overlap");
	reader->budget -= (size_t) size;
	return PMN_OK;
}

static PmnCode
push_frame(PmnVariantReader *reader, const PmnVariantFrame *frame)
{
	if (reader->depth >= PMN_VARIANT_DEPTH_MAX)
		return broken(reader, "is nested too deeply");
	PMN_TRY(pmn_array_grow(reader->env, (void **) &reader->frames,
						   &reader->capacity, (size_t) reader->depth + 1,
						   sizeof(*frame)));
	reader->frames[reader->depth++] = *frame;
	return PMN_OK;
}

static PmnCode
open_container(PmnVariantReader *reader, uint32_t at, uint32_t end,
			   PmnVariantEvent *event)
{
	const uint8_t *data = reader->value.data + at;
	bool is_object = (data[0] & 3) == VARIANT_OBJECT;
	uint32_t info = data[0] >> 2;
	bool is_large = (info >> (is_object ? 4 : 2) & 1) != 0;
	uint32_t size_width = is_large ? 4 : 1;
	PmnVariantFrame frame = {.is_object = is_object};
	uint64_t table;

	frame.offset_width = (uint8_t) ((info & 3) + 1);
	frame.id_width = is_object ? (uint8_t) ((info >> 2 & 3) + 1) : 0;
	PMN_TRY(charge(reader, at, 1 + size_width, end));
	frame.count = variant_number(data + 1, size_width);
	table = (uint64_t) frame.count * frame.id_width +
			((uint64_t) frame.count + 1) * frame.offset_width;
	at += 1 + size_width;
	PMN_TRY(charge(reader, at, table, end));
	frame.ids = at;
	frame.offsets = at + frame.count * frame.id_width;
	frame.data = at + (uint32_t) table;
	frame.end =
		variant_number(reader->value.data + frame.data - frame.offset_width,
					   frame.offset_width);
	if (frame.end > end - frame.data)
		return broken(reader, "ends too soon");
	frame.end += frame.data;
	event->kind = is_object ? PMN_VARIANT_OBJECT : PMN_VARIANT_ARRAY;
	return push_frame(reader, &frame);
}

static PmnCode
read_bytes(PmnVariantReader *reader, uint32_t at, uint64_t size, uint32_t end,
		   PmnVariantEvent *event)
{
	PMN_TRY(charge(reader, at, size, end));
	event->value.as.bytes = pmn_bytes(reader->value.data + at, (size_t) size);
	return PMN_OK;
}

static int64_t
signed_number(const uint8_t *src, uint32_t width)
{
	uint64_t number = 0;

	for (uint32_t i = 0; i < width; i++)
		number |= (uint64_t) src[i] << (8 * i);
	if (width < 8 && (src[width - 1] & 0x80) != 0)
		number |= UINT64_MAX << (8 * width);
	return (int64_t) number;
}

static void
read_real(const uint8_t *src, bool is_single, PmnVariantEvent *event)
{
	float single;

	if (is_single)
	{
		memcpy(&single, src, sizeof(single));
		event->value.as.f64 = (double) single;
		event->kind = PMN_VARIANT_FLOAT;
		return;
	}
	memcpy(&event->value.as.f64, src, sizeof(double));
	event->kind = PMN_VARIANT_DOUBLE;
}

static PmnCode
read_decimal(PmnVariantReader *reader, const uint8_t *src, uint32_t width,
			 PmnVariantEvent *event)
{
	int32_t digits_max = width == 4 ? 9 : width == 8 ? 18 : 38;
	PmnInt128 limit = 1;
	PmnInt128 value;

	if (width == 16)
		memcpy(&value, src + 1, sizeof(value));
	else
		value = signed_number(src + 1, width);
	for (int32_t i = 0; i < digits_max; i++)
		limit *= 10;
	if (src[0] > digits_max || value >= limit || value <= -limit)
		return broken(reader, "has a decimal with too many digits");
	event->kind = PMN_VARIANT_DECIMAL;
	event->scale = src[0];
	event->value.as.dec128 = value;
	return PMN_OK;
}

static void
read_time(uint32_t type, int64_t number, PmnVariantEvent *event)
{
	bool is_nanos =
		type == VARIANT_TIMESTAMP_LTZ_NANOS || type == VARIANT_TIMESTAMP_NANOS;
	bool is_ltz =
		type == VARIANT_TIMESTAMP_LTZ || type == VARIANT_TIMESTAMP_LTZ_NANOS;
	int64_t unit = is_nanos ? 1000000 : 1000;
	int64_t millis = number / unit;
	int64_t rest = number % unit;

	if (rest < 0)
	{
		rest += unit;
		millis--;
	}
	event->kind = is_ltz ? PMN_VARIANT_TIMESTAMP_LTZ : PMN_VARIANT_TIMESTAMP;
	event->value.as.ts96.millis = millis;
	event->value.as.ts96.nano = (int32_t) (is_nanos ? rest : rest * 1000);
}

/* Bytes behind the header; 0 for values of no fixed size. */
static uint32_t
primitive_size(uint32_t type)
{
	static const uint8_t sizes[] = {
		[VARIANT_INT8] = 1,
		[VARIANT_INT16] = 2,
		[VARIANT_INT32] = 4,
		[VARIANT_INT64] = 8,
		[VARIANT_DOUBLE] = 8,
		[VARIANT_DECIMAL4] = 5,
		[VARIANT_DECIMAL8] = 9,
		[VARIANT_DECIMAL16] = 17,
		[VARIANT_DATE] = 4,
		[VARIANT_TIMESTAMP_LTZ] = 8,
		[VARIANT_TIMESTAMP] = 8,
		[VARIANT_FLOAT] = 4,
		[VARIANT_BINARY] = 4,
		[VARIANT_STRING] = 4,
		[VARIANT_TIME] = 8,
		[VARIANT_TIMESTAMP_LTZ_NANOS] = 8,
		[VARIANT_TIMESTAMP_NANOS] = 8,
		[VARIANT_UUID] = 16,
	};

	return type < sizeof(sizes) ? sizes[type] : 0;
}

static PmnCode
read_primitive(PmnVariantReader *reader, uint32_t at, uint32_t end,
			   PmnVariantEvent *event)
{
	uint32_t type = reader->value.data[at] >> 2;
	const uint8_t *src = reader->value.data + at + 1;
	uint32_t size = primitive_size(type);

	PMN_TRY(charge(reader, at, 1 + size, end));
	switch (type)
	{
		case VARIANT_NULL:
			event->value.is_null = true;
			event->kind = PMN_VARIANT_NULL;
			return PMN_OK;
		case VARIANT_TRUE:
		case VARIANT_FALSE:
			event->kind = PMN_VARIANT_BOOLEAN;
			event->value.as.i64 = type == VARIANT_TRUE;
			return PMN_OK;
		case VARIANT_INT8:
		case VARIANT_INT16:
		case VARIANT_INT32:
		case VARIANT_INT64:
			event->kind = PMN_VARIANT_INTEGER;
			event->value.as.i64 = signed_number(src, size);
			return PMN_OK;
		case VARIANT_FLOAT:
		case VARIANT_DOUBLE:
			read_real(src, type == VARIANT_FLOAT, event);
			return PMN_OK;
		case VARIANT_DECIMAL4:
		case VARIANT_DECIMAL8:
		case VARIANT_DECIMAL16:
			return read_decimal(reader, src, size - 1, event);
		case VARIANT_DATE:
		case VARIANT_TIME:
			event->kind =
				type == VARIANT_DATE ? PMN_VARIANT_DATE : PMN_VARIANT_TIME;
			event->value.as.i64 = signed_number(src, size);
			return PMN_OK;
		case VARIANT_TIMESTAMP_LTZ:
		case VARIANT_TIMESTAMP:
		case VARIANT_TIMESTAMP_LTZ_NANOS:
		case VARIANT_TIMESTAMP_NANOS:
			read_time(type, signed_number(src, size), event);
			return PMN_OK;
		case VARIANT_UUID:
			event->kind = PMN_VARIANT_UUID;
			event->value.as.bytes = pmn_bytes(src, size);
			return PMN_OK;
		case VARIANT_BINARY:
		case VARIANT_STRING:
			event->kind = type == VARIANT_STRING ? PMN_VARIANT_STRING
												 : PMN_VARIANT_BINARY;
			return read_bytes(reader, at + 1 + size, variant_number(src, size),
							  end, event);
		default:
			return broken(reader, "has a value of an unknown type");
	}
}

static PmnCode
read_value(PmnVariantReader *reader, uint32_t at, uint32_t end,
		   PmnVariantEvent *event)
{
	uint8_t header;

	if (at >= end)
		return broken(reader, "ends too soon");
	header = reader->value.data[at];
	switch (header & 3)
	{
		case VARIANT_PRIMITIVE:
			return read_primitive(reader, at, end, event);
		case VARIANT_SHORT_STRING:
			event->kind = PMN_VARIANT_STRING;
			PMN_TRY(charge(reader, at, 1, end));
			return read_bytes(reader, at + 1, header >> 2, end, event);
		default:
			return open_container(reader, at, end, event);
	}
}

static PmnCode
read_child(PmnVariantReader *reader, PmnVariantFrame *frame,
		   PmnVariantEvent *event)
{
	const uint8_t *data = reader->value.data;
	uint32_t index = frame->index;
	uint32_t offset;

	if (frame->is_object && !frame->has_key)
	{
		frame->has_key = true;
		event->kind = PMN_VARIANT_KEY;
		return read_key(
			reader,
			variant_number(data + frame->ids + (size_t) index * frame->id_width,
						   frame->id_width),
			&event->value.as.bytes);
	}
	offset = variant_number(data + frame->offsets +
								(size_t) index * frame->offset_width,
							frame->offset_width);
	if (offset > frame->end - frame->data)
		return broken(reader, "has a part outside of itself");
	frame->index++;
	frame->has_key = false;
	return read_value(reader, frame->data + offset, frame->end, event);
}

PmnCode
pmn_variant_read(PmnVariantReader *reader, PmnVariantEvent *event)
{
	PmnVariantFrame *frame;

	memset(event, 0, sizeof(*event));
	if (!reader->has_root)
	{
		reader->has_root = true;
		return read_value(reader, 0, reader->value.size, event);
	}
	if (reader->depth == 0)
	{
		event->kind = PMN_VARIANT_END;
		return PMN_OK;
	}
	frame = &reader->frames[reader->depth - 1];
	if (frame->index < frame->count)
		return read_child(reader, frame, event);
	reader->depth--;
	event->kind =
		frame->is_object ? PMN_VARIANT_OBJECT_END : PMN_VARIANT_ARRAY_END;
	return PMN_OK;
}
