/*
 * table_message.c
 *
 * Commit messages that outlive their writer: as bytes in somebody's database,
 * later a message again, in another process whose table handle may show a
 * newer schema. The bytes themselves are made in meta/meta_message_bytes.c.
 *
 * What a message says of its files is in terms of the schema they were written
 * with (their schema id), as in a manifest; only the partition columns are the
 * table's, and those never change. So a message that comes back needs no
 * translation, but a row of another table's partition columns is found out
 * here, before its bytes become a directory name.
 */
#include "table_internal.h"

#include "../meta/meta_message_bytes.h"

PmnCode
pmn_message_serialize(PmnTable *table, const PmnMessage *message, PmnBytes *out)
{
	PmnBuffer buffer;
	PmnCode code;
	void *copy;

	memset(out, 0, sizeof(*out));
	pmn_buffer_init(&buffer, table->env);
	code = pmn_message_encode(message, &buffer);
	if (code == PMN_OK)
	{
		/* Of exact size, which is all that the caller keeps. */
		copy = pmn_alloc_raw(table->env, buffer.size);
		if (copy == NULL)
			code = PMN_NO_MEMORY;
		else
		{
			memcpy(copy, buffer.data, buffer.size);
			*out = pmn_bytes(copy, buffer.size);
		}
	}
	pmn_buffer_free(&buffer);
	return code;
}

void
pmn_message_bytes_free(PmnTable *table, PmnBytes *bytes)
{
	pmn_free(table->env, (void *) (uintptr_t) bytes->data, bytes->size);
	memset(bytes, 0, sizeof(*bytes));
}

static PmnCode
check_partition(PmnTable *table, PmnBytes partition, PmnValue *values)
{
	const PmnLsm *lsm = &table->lsm;

	if (pmn_row_parse(table->env, partition, lsm->partition_types,
					  lsm->partition_count, values) == PMN_OK)
		return PMN_OK;
	return pmn_fail(table->env, PMN_CORRUPT,
					"a stored commit message has a partition that table "
					"\"%s\" cannot have",
					table->name);
}

static PmnCode
check_entries(PmnTable *table, const PmnEntryList *list, PmnValue *values)
{
	for (size_t i = 0; i < list->count; i++)
	{
		PMN_TRY(check_partition(table, list->items[i].partition, values));
		if (i % 1024 == 0)
			PMN_TRY(pmn_poll(table->env));
	}
	return PMN_OK;
}

static PmnCode
check_indexes(PmnTable *table, const PmnHashFiles *list, PmnValue *values)
{
	for (size_t i = 0; i < list->count; i++)
		PMN_TRY(check_partition(table, list->items[i].partition, values));
	return PMN_OK;
}

static PmnCode
check_partitions(PmnTable *table, const PmnMessage *message)
{
	size_t size = (table->lsm.partition_count + 1) * sizeof(PmnValue);
	PmnValue *values = pmn_alloc(table->env, size);
	PmnCode code;

	if (values == NULL)
		return PMN_NO_MEMORY;
	code = check_entries(table, &message->new_files, values);
	if (code == PMN_OK)
		code = check_entries(table, &message->compact_before, values);
	if (code == PMN_OK)
		code = check_entries(table, &message->compact_after, values);
	if (code == PMN_OK)
		code = check_indexes(table, &message->new_indexes, values);
	if (code == PMN_OK)
		code = check_indexes(table, &message->base_indexes, values);
	pmn_free(table->env, values, size);
	return code;
}

PmnCode
pmn_message_deserialize(PmnTable *table, PmnBytes bytes, PmnMessage **out)
{
	PmnMessage *message = NULL;
	PmnCode code;

	*out = NULL;
	PMN_TRY(pmn_message_decode(table->env, bytes, &message));
	code = check_partitions(table, message);
	if (code == PMN_OK)
		*out = message;
	else
		pmn_message_close(message);
	return code;
}
