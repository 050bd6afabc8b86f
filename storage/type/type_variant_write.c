/*
 * type_variant_write.c
 *
 * Writes the variant encoding from events, byte for byte as Paimon's
 * GenericVariantBuilder does: the children of an array or object are written
 * first and moved up when it ends, since only then the width of its offsets
 * is known. Objects list their keys in the order of the keys' bytes.
 *
 * Keys are numbered as they first come; a hash table finds them again.
 */
#include <stdlib.h>

#include "../base/base_buffer.h"
#include "type_variant.h"

#define NUMBER_WIDTH_MAX 4

/* A child of an open array or object. */
typedef struct PmnVariantEntry
{
	PmnBytes name; /* set for the sort only */
	uint32_t key;  /* objects */
	uint32_t offset;
} PmnVariantEntry;

/* An array or object that has not ended. */
typedef struct PmnVariantOpen
{
	size_t start; /* where its children begin */
	size_t first_entry;
	bool is_object;
	bool has_key; /* a key waits for its value */
} PmnVariantOpen;

void
pmn_variant_writer_init(PmnVariantWriter *writer, PmnEnv *env)
{
	*writer = (PmnVariantWriter){.env = env};
}

void
pmn_variant_writer_free(PmnVariantWriter *writer)
{
	PmnEnv *env = writer->env;

	pmn_free(env, writer->data, writer->capacity);
	pmn_free(env, writer->entries,
			 writer->entry_capacity * sizeof(PmnVariantEntry));
	pmn_free(env, writer->open, writer->open_capacity * sizeof(PmnVariantOpen));
	pmn_free(env, writer->names, writer->name_capacity);
	pmn_free(env, writer->name_ends, writer->key_capacity * sizeof(uint32_t));
	pmn_free(env, writer->slots, writer->slot_count * sizeof(uint32_t));
	pmn_free(env, writer->metadata, writer->metadata_capacity);
	pmn_variant_writer_init(writer, env);
}

void
pmn_variant_writer_reset(PmnVariantWriter *writer)
{
	writer->size = 0;
	writer->entry_count = 0;
	writer->depth = 0;
	writer->name_size = 0;
	writer->key_count = 0;
	if (writer->slot_count > 0)
		memset(writer->slots, 0, writer->slot_count * sizeof(uint32_t));
}

static PmnCode
too_large(PmnVariantWriter *writer)
{
	return pmn_fail(writer->env, PMN_OUT_OF_RANGE,
					"a variant takes more than 128 MB");
}

/* Room for size more bytes, which belong to the value from now on. */
static PmnCode
extend(PmnVariantWriter *writer, size_t size, uint8_t **at)
{
	if (size > PMN_VARIANT_SIZE_MAX - writer->size)
		return too_large(writer);
	PMN_TRY(pmn_array_grow(writer->env, (void **) &writer->data,
						   &writer->capacity, writer->size + size, 1));
	*at = writer->data + writer->size;
	writer->size += size;
	return PMN_OK;
}

static void
put_number(uint8_t *dst, uint64_t number, uint32_t width)
{
	for (uint32_t i = 0; i < width; i++)
		dst[i] = (uint8_t) (number >> (8 * i));
}

static uint32_t
number_width(size_t number)
{
	return number <= UINT8_MAX	  ? 1
		   : number <= UINT16_MAX ? 2
		   : number <= 0xffffff	  ? 3
								  : NUMBER_WIDTH_MAX;
}

/* ---- the dictionary ---------------------------------------------------- */

static PmnBytes
key_name(const PmnVariantWriter *writer, size_t key)
{
	size_t start = key == 0 ? 0 : writer->name_ends[key - 1];

	return pmn_bytes(writer->names + start, writer->name_ends[key] - start);
}

/* The slot of a name: its own, or the free one where it goes. */
static uint32_t *
find_slot(PmnVariantWriter *writer, PmnBytes name)
{
	size_t mask = writer->slot_count - 1;
	size_t at = (size_t) pmn_hash_bytes(0, name.data, name.size) & mask;

	while (writer->slots[at] != 0 &&
		   !pmn_bytes_equal(key_name(writer, writer->slots[at] - 1), name))
		at = (at + 1) & mask;
	return &writer->slots[at];
}

/* Twice as many slots as keys, at least. */
static PmnCode
grow_slots(PmnVariantWriter *writer)
{
	size_t count = writer->slot_count == 0 ? 16 : writer->slot_count * 2;
	uint32_t *slots;

	if (writer->key_count * 2 < writer->slot_count)
		return PMN_OK;
	slots = pmn_alloc(writer->env, count * sizeof(uint32_t));
	if (slots == NULL)
		return PMN_NO_MEMORY;
	memset(slots, 0, count * sizeof(uint32_t));
	pmn_free(writer->env, writer->slots, writer->slot_count * sizeof(uint32_t));
	writer->slots = slots;
	writer->slot_count = count;
	for (size_t i = 0; i < writer->key_count; i++)
		*find_slot(writer, key_name(writer, i)) = (uint32_t) i + 1;
	return PMN_OK;
}

static PmnCode
add_key(PmnVariantWriter *writer, PmnBytes name, uint32_t *key)
{
	uint32_t *slot;

	PMN_TRY(grow_slots(writer));
	slot = find_slot(writer, name);
	if (*slot != 0)
	{
		*key = *slot - 1;
		return PMN_OK;
	}
	if (name.size > PMN_VARIANT_SIZE_MAX - writer->name_size)
		return too_large(writer);
	PMN_TRY(pmn_array_grow(writer->env, (void **) &writer->names,
						   &writer->name_capacity,
						   writer->name_size + name.size + 1, 1));
	PMN_TRY(pmn_array_grow(writer->env, (void **) &writer->name_ends,
						   &writer->key_capacity, writer->key_count + 1,
						   sizeof(uint32_t)));
	if (name.size > 0)
		memcpy(writer->names + writer->name_size, name.data, name.size);
	writer->name_size += name.size;
	writer->name_ends[writer->key_count] = (uint32_t) writer->name_size;
	*key = (uint32_t) writer->key_count++;
	*slot = *key + 1;
	return PMN_OK;
}

/* ---- arrays and objects ------------------------------------------------ */

static PmnCode
add_entry(PmnVariantWriter *writer, uint32_t key)
{
	const PmnVariantOpen *open = &writer->open[writer->depth - 1];
	PmnVariantEntry *entry;

	PMN_TRY(pmn_array_grow(writer->env, (void **) &writer->entries,
						   &writer->entry_capacity, writer->entry_count + 1,
						   sizeof(*entry)));
	entry = &writer->entries[writer->entry_count++];
	entry->key = key;
	entry->offset = (uint32_t) (writer->size - open->start);
	return PMN_OK;
}

/* A value begins: an array notes where. */
static PmnCode
begin_value(PmnVariantWriter *writer)
{
	PmnVariantOpen *open;

	if (writer->depth == 0)
	{
		PMN_ASSERT(writer->size == 0);
		return PMN_OK;
	}
	open = &writer->open[writer->depth - 1];
	PMN_ASSERT(open->has_key == open->is_object);
	open->has_key = false;
	return open->is_object ? PMN_OK : add_entry(writer, 0);
}

static PmnCode
begin_container(PmnVariantWriter *writer, bool is_object)
{
	if (writer->depth >= PMN_VARIANT_DEPTH_MAX)
		return pmn_fail(writer->env, PMN_OUT_OF_RANGE,
						"a variant is nested more than %d levels deep",
						PMN_VARIANT_DEPTH_MAX);
	PMN_TRY(pmn_array_grow(writer->env, (void **) &writer->open,
						   &writer->open_capacity, (size_t) writer->depth + 1,
						   sizeof(PmnVariantOpen)));
	/* An empty one has a place in the entries, too. */
	PMN_TRY(pmn_array_grow(writer->env, (void **) &writer->entries,
						   &writer->entry_capacity, writer->entry_count + 1,
						   sizeof(PmnVariantEntry)));
	writer->open[writer->depth++] =
		(PmnVariantOpen){.start = writer->size,
						 .first_entry = writer->entry_count,
						 .is_object = is_object};
	return PMN_OK;
}

static int
compare_entries(const void *a, const void *b)
{
	return pmn_bytes_compare(((const PmnVariantEntry *) a)->name,
							 ((const PmnVariantEntry *) b)->name);
}

static PmnCode
sort_entries(PmnVariantWriter *writer, PmnVariantEntry *entries, size_t count,
			 uint32_t *key_max)
{
	*key_max = 0;
	for (size_t i = 0; i < count; i++)
	{
		entries[i].name = key_name(writer, entries[i].key);
		if (entries[i].key > *key_max)
			*key_max = entries[i].key;
	}
	if (count > 1)
		qsort(entries, count, sizeof(*entries), compare_entries);
	for (size_t i = 1; i < count; i++)
	{
		if (entries[i].key == entries[i - 1].key)
			return pmn_fail(
				writer->env, PMN_INVALID,
				"an object has the key \"%.*s\" twice",
				(int) (entries[i].name.size < 200 ? entries[i].name.size : 200),
				(const char *) entries[i].name.data);
	}
	return PMN_OK;
}

/* The children move up and the table goes before them. */
static PmnCode
end_container(PmnVariantWriter *writer, bool is_object)
{
	PmnVariantOpen open = writer->open[writer->depth - 1];
	PmnVariantEntry *entries = writer->entries + open.first_entry;
	size_t count = writer->entry_count - open.first_entry;
	size_t data_size = writer->size - open.start;
	uint32_t count_width = count > UINT8_MAX ? NUMBER_WIDTH_MAX : 1;
	uint32_t offset_width = number_width(data_size);
	uint32_t id_width = 0;
	uint32_t key_max = 0;
	size_t head;
	uint8_t *at;

	PMN_ASSERT(writer->depth > 0 && open.is_object == is_object);
	if (is_object)
	{
		PMN_TRY(sort_entries(writer, entries, count, &key_max));
		id_width = number_width(key_max);
	}
	head = 1 + count_width + count * id_width + (count + 1) * offset_width;
	PMN_TRY(extend(writer, head, &at));
	at = writer->data + open.start;
	memmove(at + head, at, data_size);
	*at++ =
		(uint8_t) (is_object ? (count_width == 4) << 6 | (id_width - 1) << 4 |
								   (offset_width - 1) << 2 | VARIANT_OBJECT
							 : (count_width == 4) << 4 |
								   (offset_width - 1) << 2 | VARIANT_ARRAY);
	put_number(at, count, count_width);
	at += count_width;
	for (size_t i = 0; is_object && i < count; i++, at += id_width)
		put_number(at, entries[i].key, id_width);
	for (size_t i = 0; i < count; i++, at += offset_width)
		put_number(at, entries[i].offset, offset_width);
	put_number(at, data_size, offset_width);
	writer->entry_count = open.first_entry;
	writer->depth--;
	return PMN_OK;
}

/* ---- scalars ----------------------------------------------------------- */

static PmnCode
write_fixed(PmnVariantWriter *writer, uint8_t type, const void *content,
			size_t size)
{
	uint8_t *at;

	PMN_TRY(extend(writer, 1 + size, &at));
	*at = (uint8_t) (type << 2 | VARIANT_PRIMITIVE);
	if (size > 0)
		memcpy(at + 1, content, size);
	return PMN_OK;
}

static PmnCode
write_integer(PmnVariantWriter *writer, int64_t number)
{
	if (number == (int8_t) number)
		return write_fixed(writer, VARIANT_INT8, &number, 1);
	if (number == (int16_t) number)
		return write_fixed(writer, VARIANT_INT16, &number, 2);
	if (number == (int32_t) number)
		return write_fixed(writer, VARIANT_INT32, &number, 4);
	return write_fixed(writer, VARIANT_INT64, &number, 8);
}

static PmnCode
write_decimal(PmnVariantWriter *writer, const PmnVariantEvent *event)
{
	static const int32_t digits[] = {9, 18, PMN_DECIMAL_PRECISION_MAX};
	static const uint8_t widths[] = {4, 8, 16};
	PmnInt128 number = event->value.as.dec128;
	uint8_t content[1 + sizeof(PmnInt128)];
	PmnInt128 limit = 1;
	int32_t power = 0;

	content[0] = (uint8_t) event->scale;
	memcpy(content + 1, &number, sizeof(number));
	for (int i = 0; i < 3; i++)
	{
		while (power < digits[i])
		{
			limit *= 10;
			power++;
		}
		if (event->scale >= 0 && event->scale <= digits[i] && number < limit &&
			number > -limit)
			return write_fixed(writer, (uint8_t) (VARIANT_DECIMAL4 + i),
							   content, (size_t) widths[i] + 1);
	}
	return pmn_fail(writer->env, PMN_OUT_OF_RANGE,
					"a number of a variant has more than 38 digits");
}

static PmnCode
write_string(PmnVariantWriter *writer, PmnBytes text)
{
	bool is_short = text.size <= VARIANT_SHORT_STRING_MAX;
	uint8_t *at;

	PMN_TRY(extend(writer, (is_short ? 1 : 5) + (size_t) text.size, &at));
	if (is_short)
		*at++ = (uint8_t) (text.size << 2 | VARIANT_SHORT_STRING);
	else
	{
		*at = VARIANT_STRING << 2 | VARIANT_PRIMITIVE;
		pmn_put_le32(at + 1, text.size);
		at += 5;
	}
	if (text.size > 0)
		memcpy(at, text.data, text.size);
	return PMN_OK;
}

static PmnCode
write_scalar(PmnVariantWriter *writer, const PmnVariantEvent *event)
{
	const PmnValue *value = &event->value;
	float single = (float) value->as.f64;

	switch ((int) event->kind)
	{
		case PMN_VARIANT_NULL:
			return write_fixed(writer, VARIANT_NULL, NULL, 0);
		case PMN_VARIANT_BOOLEAN:
			return write_fixed(
				writer, value->as.i64 != 0 ? VARIANT_TRUE : VARIANT_FALSE, NULL,
				0);
		case PMN_VARIANT_INTEGER:
			return write_integer(writer, value->as.i64);
		case PMN_VARIANT_FLOAT:
			return write_fixed(writer, VARIANT_FLOAT, &single, sizeof(single));
		case PMN_VARIANT_DOUBLE:
			return write_fixed(writer, VARIANT_DOUBLE, &value->as.f64,
							   sizeof(double));
		case PMN_VARIANT_DECIMAL:
			return write_decimal(writer, event);
		case PMN_VARIANT_STRING:
			return write_string(writer, value->as.bytes);
		default:
			return pmn_fail(writer->env, PMN_UNSUPPORTED,
							"a variant is not written with a value of kind %d",
							(int) event->kind);
	}
}

PmnCode
pmn_variant_write(PmnVariantWriter *writer, const PmnVariantEvent *event)
{
	uint32_t key;

	switch ((int) event->kind)
	{
		case PMN_VARIANT_KEY:
			PMN_TRY(add_key(writer, event->value.as.bytes, &key));
			writer->open[writer->depth - 1].has_key = true;
			return add_entry(writer, key);
		case PMN_VARIANT_OBJECT:
		case PMN_VARIANT_ARRAY:
			PMN_TRY(begin_value(writer));
			return begin_container(writer, event->kind == PMN_VARIANT_OBJECT);
		case PMN_VARIANT_OBJECT_END:
		case PMN_VARIANT_ARRAY_END:
			return end_container(writer, event->kind == PMN_VARIANT_OBJECT_END);
		case PMN_VARIANT_END:
			return PMN_OK;
		default:
			PMN_TRY(begin_value(writer));
			return write_scalar(writer, event);
	}
}

PmnCode
pmn_variant_finish(PmnVariantWriter *writer, PmnBytes *value,
				   PmnBytes *metadata)
{
	size_t most = writer->name_size > writer->key_count ? writer->name_size
														: writer->key_count;
	uint32_t width = number_width(most);
	size_t size = 1 + (writer->key_count + 2) * width + writer->name_size;
	uint8_t *at;

	PMN_ASSERT(writer->depth == 0 && writer->size > 0);
	if (size > PMN_VARIANT_SIZE_MAX)
		return too_large(writer);
	PMN_TRY(pmn_array_grow(writer->env, (void **) &writer->metadata,
						   &writer->metadata_capacity, size, 1));
	at = writer->metadata;
	*at++ = (uint8_t) (VARIANT_VERSION | (width - 1) << 6);
	put_number(at, writer->key_count, width);
	put_number(at + width, 0, width);
	at += 2 * (size_t) width;
	for (size_t i = 0; i < writer->key_count; i++, at += width)
		put_number(at, writer->name_ends[i], width);
	if (writer->name_size > 0)
		memcpy(at, writer->names, writer->name_size);
	*value = pmn_bytes(writer->data, writer->size);
	*metadata = pmn_bytes(writer->metadata, size);
	return PMN_OK;
}
