/*
 * format_orc_message.c
 *
 * What ORC says about its data are messages of Protocol Buffers: a key (field
 * number and wire type), a value, the next key. There is no schema here:
 * readers look at the numbers they know and skip the others.
 *
 * The bytes are hostile. What does not fit into its message marks it broken,
 * and a broken message has no more fields.
 */
#include "format_orc_message.h"

bool
orc_message_varint(OrcMessage *message, uint64_t *out)
{
	uint64_t value = 0;

	for (uint32_t shift = 0; shift < 64 && message->next < message->end;
		 shift += 7)
	{
		uint8_t byte = *message->next++;

		value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			*out = value;
			return true;
		}
	}
	message->is_broken = true;
	return false;
}

static bool
read_fixed(OrcMessage *message, size_t size, uint64_t *out)
{
	if ((size_t) (message->end - message->next) < size)
	{
		message->is_broken = true;
		return false;
	}
	*out =
		size == 4 ? pmn_get_le32(message->next) : pmn_get_le64(message->next);
	message->next += size;
	return true;
}

bool
orc_message_next(OrcMessage *message, OrcMessageField *field)
{
	uint64_t key;

	if (message->is_broken || message->next == message->end ||
		!orc_message_varint(message, &key))
		return false;
	field->number = (uint32_t) (key >> 3);
	field->is_bytes = false;
	field->bytes = pmn_bytes(NULL, 0);
	field->value = 0;
	switch (key & 7)
	{
		case 0:
			return orc_message_varint(message, &field->value);
		case 1:
			return read_fixed(message, 8, &field->value);
		case 5:
			return read_fixed(message, 4, &field->value);
		case 2:
			if (!orc_message_varint(message, &field->value) ||
				field->value > (uint64_t) (message->end - message->next))
				break;
			field->is_bytes = true;
			field->bytes = pmn_bytes(message->next, (size_t) field->value);
			message->next += field->value;
			return true;
		default:
			break;
	}
	message->is_broken = true;
	return false;
}

OrcMessage
orc_message_open(PmnBytes bytes)
{
	OrcMessage message = {bytes.data, bytes.data, false};

	if (bytes.size > 0)
		message.end += bytes.size;
	return message;
}
