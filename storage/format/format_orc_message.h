/*
 * format_orc_message.h
 *
 * Messages of Protocol Buffers, one field after the other; private to this
 * folder.
 */
#ifndef FORMAT_ORC_MESSAGE_H
#define FORMAT_ORC_MESSAGE_H

#include "../base/base_buffer.h"

typedef struct OrcMessage
{
	const uint8_t *next;
	const uint8_t *end;
	bool is_broken;
} OrcMessage;

typedef struct OrcMessageField
{
	uint32_t number;
	bool is_bytes;
	uint64_t value; /* varint, fixed */
	PmnBytes bytes;
} OrcMessageField;

OrcMessage orc_message_open(PmnBytes bytes);
/* false at the end and when the message is broken. */
bool orc_message_next(OrcMessage *message, OrcMessageField *field);
/* The same, for the numbers of a packed list. */
bool orc_message_varint(OrcMessage *message, uint64_t *out);

#endif /* FORMAT_ORC_MESSAGE_H */
