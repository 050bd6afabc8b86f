/*
 * format_orc_bytes.c
 *
 * Strings and binaries. Directly stored ones are copied once, from the
 * stream to the room of a batch, with the headroom that pmn_batch.h wants:
 *
 *   | 4 bytes headroom | value | padding to 4 | next ...
 *
 * Their lengths are decoded ahead for a whole batch, so that its rows can be
 * so few that their values fit the budget. Dictionaries are laid out the same
 * way once a stripe, and rows share their values.
 */
#include "format_orc_column.h"

#define DICTIONARY_PIECE 1024

static size_t
room_of(uint32_t size)
{
	return PMN_BYTES_HEADROOM + ((size_t) size + 3) / 4 * 4;
}

/* Blank padding of CHAR is not part of the value. */
static void
trim(PmnBytes *value)
{
	while (value->size > 0 && value->data[value->size - 1] == ' ')
		value->size--;
}

PmnCode
orc_bytes_look(OrcContext *context, OrcColumn *column, uint32_t rows)
{
	int64_t *lengths = context->longs[0];
	uint32_t at = column->ahead;
	uint32_t count;
	uint32_t next = 0;

	if (rows <= at)
		return PMN_OK;
	PMN_TRY(orc_column_nulls(column, at, rows - at, &count));
	PMN_TRY(orc_ints_read(&column->second, lengths, count));
	for (uint32_t i = at; i < rows; i++)
	{
		int64_t length = column->nulls[i] != 0 ? 0 : lengths[next++];

		if (length < 0 || (uint64_t) length > ORC_VALUE_BYTES_MAX)
			return orc_column_fail(context->env, column,
								   "a value is said to be too long");
		column->lengths[i] = (uint32_t) length;
	}
	PMN_ASSERT(next == count);
	column->ahead = rows;
	return PMN_OK;
}

uint32_t
orc_bytes_fit(const OrcColumn *column, uint32_t rows, size_t budget)
{
	size_t total = 0;

	PMN_ASSERT(rows > 0 && rows <= column->ahead);
	for (uint32_t i = 0; i < rows; i++)
	{
		total += room_of(column->lengths[i]);
		if (total > budget)
			return i > 0 ? i : 1;
	}
	return rows;
}

/* A batch of huge values must not stay reserved. */
static PmnCode
make_room(OrcContext *context, OrcColumn *column, size_t size)
{
	if (size <= column->room_bytes &&
		column->room_bytes <= 2 * context->bytes_budget)
		return PMN_OK;
	pmn_free(context->env, column->room, column->room_bytes);
	column->room_bytes = 0;
	column->room = pmn_alloc_raw(context->env, size);
	if (column->room == NULL)
		return PMN_NO_MEMORY;
	column->room_bytes = size;
	return PMN_OK;
}

/*
 * One value beyond the budget: room grows with the bytes that are there, not
 * with what the file says.
 */
static PmnCode
read_huge(OrcContext *context, OrcColumn *column, PmnBytes *out)
{
	OrcStream *data = &column->streams[ORC_STREAM_DATA];
	size_t size = column->lengths[0];
	size_t done = 0;
	size_t target = context->bytes_budget;

	PMN_ASSERT(size > 0);
	for (; done < size; target = done * 2)
	{
		size_t wanted;
		uint8_t *room;

		if (target > size)
			target = size;
		wanted = room_of((uint32_t) target);
		if (wanted > column->room_bytes)
		{
			room = pmn_realloc(context->env, column->room, column->room_bytes,
							   wanted);
			if (room == NULL)
				return PMN_NO_MEMORY;
			column->room = room;
			column->room_bytes = wanted;
		}
		PMN_TRY(pmn_poll(context->env));
		PMN_TRY(orc_stream_copy(data, column->room + PMN_BYTES_HEADROOM + done,
								target - done));
		done = target;
	}
	*out = pmn_bytes(column->room + PMN_BYTES_HEADROOM, size);
	if (column->is_trimmed)
		trim(out);
	return PMN_OK;
}

PmnCode
orc_bytes_read(OrcContext *context, OrcColumn *column, uint32_t rows)
{
	OrcStream *data = &column->streams[ORC_STREAM_DATA];
	PmnBytes *elements = column->values;
	size_t total = 1;
	uint8_t *room;

	PMN_ASSERT(rows > 0 && rows <= column->ahead);
	if (rows == 1 && column->lengths[0] > context->bytes_budget)
		return read_huge(context, column, &elements[0]);
	for (uint32_t i = 0; i < rows; i++)
		total += room_of(column->lengths[i]);
	PMN_TRY(make_room(context, column, total));
	room = column->room;
	for (uint32_t i = 0; i < rows; i++)
	{
		uint32_t size = column->lengths[i];
		uint8_t *dst = room + PMN_BYTES_HEADROOM;

		if (size > 0 && (size_t) (data->end - data->next) >= size)
		{
			memcpy(dst, data->next, size);
			data->next += size;
		}
		else
			PMN_TRY(orc_stream_copy(data, dst, size));
		elements[i] = pmn_bytes(dst, size);
		room += room_of(size);
	}
	for (uint32_t i = 0; column->is_trimmed && i < rows; i++)
		trim(&elements[i]);
	return PMN_OK;
}

void
orc_bytes_consume(OrcColumn *column, uint32_t rows)
{
	PMN_ASSERT(rows <= column->ahead);
	column->ahead -= rows;
	if (column->ahead == 0)
		return;
	memmove(column->nulls, column->nulls + rows, column->ahead);
	memmove(column->lengths, column->lengths + rows,
			column->ahead * sizeof(*column->lengths));
}

/* ---- dictionaries ------------------------------------------------------------- */

static PmnCode
add_entry(OrcContext *context, OrcColumn *column, int64_t length)
{
	OrcStream *blob = &column->streams[ORC_STREAM_DICTIONARY];
	PmnBuffer *dst = &column->dictionary_room;
	size_t used = dst->size + column->dictionary_count * sizeof(PmnBytes);
	size_t room;

	if (length < 0 || (uint64_t) length > ORC_VALUE_BYTES_MAX ||
		used > ORC_VALUE_BYTES_MAX - (size_t) length)
		return orc_column_fail(context->env, column,
							   "its dictionary is said to be too large");
	room = room_of((uint32_t) length);
	PMN_TRY(pmn_buffer_reserve(dst, room));
	PMN_TRY(orc_stream_copy(blob, dst->data + dst->size + PMN_BYTES_HEADROOM,
							(size_t) length));
	/* Where it lies is known when all are there. */
	column->dictionary[column->dictionary_count++].size = (uint32_t) length;
	dst->size += room;
	return PMN_OK;
}

static PmnCode
add_entries(OrcContext *context, OrcColumn *column, uint32_t size)
{
	int64_t lengths[DICTIONARY_PIECE];

	column->dictionary_count = 0;
	pmn_buffer_reset(&column->dictionary_room);
	while (column->dictionary_count < size)
	{
		uint32_t piece = size - (uint32_t) column->dictionary_count;

		if (piece > DICTIONARY_PIECE)
			piece = DICTIONARY_PIECE;
		PMN_TRY(pmn_poll(context->env));
		PMN_TRY(orc_ints_read(&column->second, lengths, piece));
		PMN_TRY(pmn_array_grow(context->env, (void **) &column->dictionary,
							   &column->dictionary_capacity,
							   column->dictionary_count + piece,
							   sizeof(*column->dictionary)));
		for (uint32_t i = 0; i < piece; i++)
			PMN_TRY(add_entry(context, column, lengths[i]));
	}
	return PMN_OK;
}

PmnCode
orc_dictionary_load(OrcContext *context, OrcColumn *column, uint32_t size)
{
	const uint8_t *room;

	PMN_TRY(add_entries(context, column, size));
	room = column->dictionary_room.data;
	for (uint32_t i = 0; i < size; i++)
	{
		PmnBytes *entry = &column->dictionary[i];

		entry->data = room + PMN_BYTES_HEADROOM;
		room += room_of(entry->size);
		if (column->is_trimmed)
			trim(entry);
	}
	return PMN_OK;
}

PmnCode
orc_dictionary_read(OrcContext *context, OrcColumn *column, uint32_t count)
{
	const int64_t *indexes = context->longs[0];
	PmnBytes *elements = column->values;
	uint64_t highest = 0;

	PMN_TRY(orc_ints_read(&column->data, context->longs[0], count));
	for (uint32_t i = 0; i < count; i++)
		highest =
			(uint64_t) indexes[i] > highest ? (uint64_t) indexes[i] : highest;
	if (count > 0 && highest >= column->dictionary_count)
		return orc_column_fail(context->env, column,
							   "an index is outside of its dictionary");
	for (uint32_t i = 0; i < count; i++)
		elements[i] = column->dictionary[indexes[i]];
	return PMN_OK;
}
