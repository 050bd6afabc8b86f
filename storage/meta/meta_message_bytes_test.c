/*
 * Goal: a message that was stored as bytes says exactly what it said before,
 * and bytes that are not a message are found out, whatever they are.
 */
#include "meta_message_bytes.h"

#include <zlib.h>

#include "../codec/codec_avro_internal.h"
#include "meta_manifest_internal.h"
#include "meta_manifest_testing.h"

/* ---- equality of everything, by the field tables ---------------------- */

static bool
arrays_equal(PmnAvroKind kind, const PmnAvroArray *a, const PmnAvroArray *b)
{
	bool equal = a->count == b->count;

	for (uint32_t i = 0; equal && i < a->count; i++)
	{
		if (kind == PMN_AVRO_LONG)
			equal = ((int64_t *) a->items)[i] == ((int64_t *) b->items)[i];
		else
			equal = pmn_bytes_equal(((PmnBytes *) a->items)[i],
									((PmnBytes *) b->items)[i]);
	}
	return equal;
}

static bool
records_equal(const PmnAvroRecord *record, const uint8_t *a, const uint8_t *b)
{
	bool equal = true;

	for (uint32_t i = 0; equal && i < record->field_count; i++)
	{
		const PmnAvroField *field = &record->fields[i];
		const void *left = a + field->offset;
		const void *right = b + field->offset;

		if (field->present_offset != PMN_AVRO_REQUIRED)
		{
			equal = a[field->present_offset] == b[field->present_offset];
			if (a[field->present_offset] == 0)
				continue;
		}
		if (field->kind == PMN_AVRO_RECORD)
			equal = equal && records_equal(field->record, left, right);
		else if (field->kind == PMN_AVRO_ARRAY)
			equal = equal && arrays_equal(field->item_kind, left, right);
		else if (field->kind == PMN_AVRO_INT)
			equal = equal && memcmp(left, right, 4) == 0;
		else if (field->kind == PMN_AVRO_LONG)
			equal = equal && memcmp(left, right, 8) == 0;
		else
			equal = equal && pmn_bytes_equal(*(const PmnBytes *) left,
											 *(const PmnBytes *) right);
	}
	return equal;
}

static bool
lists_equal(const PmnEntryList *a, const PmnEntryList *b)
{
	bool equal = a->count == b->count;

	for (size_t i = 0; equal && i < a->count; i++)
		equal =
			pmn_entry_same(&a->items[i], &b->items[i]) &&
			b->items[i].file.deletion == NULL &&
			records_equal(&pmn_manifest_entry_record, (uint8_t *) &a->items[i],
						  (uint8_t *) &b->items[i]);
	return equal;
}

static bool
indexes_equal(const PmnHashFiles *a, const PmnHashFiles *b)
{
	bool equal = a->count == b->count;

	for (size_t i = 0; equal && i < a->count; i++)
	{
		const PmnHashFile *x = &a->items[i];
		const PmnHashFile *y = &b->items[i];

		equal =
			pmn_bytes_equal(x->partition, y->partition) &&
			x->bucket == y->bucket && x->file_size == y->file_size &&
			x->row_count == y->row_count &&
			(x->file_name == NULL) == (y->file_name == NULL) &&
			(x->file_name == NULL || strcmp(x->file_name, y->file_name) == 0);
	}
	return equal;
}

static bool
messages_equal(const PmnMessage *a, const PmnMessage *b)
{
	return lists_equal(&a->new_files, &b->new_files) &&
		   lists_equal(&a->compact_before, &b->compact_before) &&
		   lists_equal(&a->compact_after, &b->compact_after) &&
		   indexes_equal(&a->new_indexes, &b->new_indexes) &&
		   indexes_equal(&a->base_indexes, &b->base_indexes) &&
		   pmn_message_row_count(a) == pmn_message_row_count(b) &&
		   pmn_message_file_count(a) == pmn_message_file_count(b);
}

/* ---- messages --------------------------------------------------------- */

static PmnCode
add_random(PmnMessage *message, PmnEntryList *list, int32_t kind)
{
	uint32_t count = pmn_test_below(&env, 4);

	for (uint32_t i = 0; i < count; i++)
	{
		PmnManifestEntry entry =
			full_entry(kind, (int32_t) pmn_test_below(&env, 1000000),
					   (int32_t) pmn_test_below(&env, 6));

		PMN_TRY(pmn_message_add(message, list, kind, entry.partition,
								(int32_t) pmn_test_below(&env, 9) - 2,
								(int32_t) pmn_test_below(&env, 9) - 2,
								&entry.file));
	}
	return PMN_OK;
}

static PmnCode
add_indexes(PmnMessage *message, PmnHashFiles *list)
{
	uint32_t count = pmn_test_below(&env, 3);

	for (uint32_t i = 0; i < count; i++)
	{
		PmnHashFile file = {.bucket = (int32_t) pmn_test_below(&env, 100),
							.file_name = "index-1",
							.file_size = 4 * INT64_C(3000000000),
							.row_count = 3000000000};

		file.partition = partition_row(arena, 5, "p");
		if (list == &message->base_indexes && i == 1)
		{
			file.bucket = -1;
			file.file_name = NULL;
		}
		PMN_TRY(pmn_message_add_index(message, list, &file));
	}
	return PMN_OK;
}

/* A message of everything; any list may be empty. */
static PmnCode
random_message(PmnMessage **out)
{
	PmnMessage *message = NULL;

	CHECK_OK(&env, pmn_message_create(&env.base, &message));
	*out = message;
	PMN_TRY(add_random(message, &message->new_files, PMN_ENTRY_ADD));
	PMN_TRY(add_random(message, &message->compact_before, PMN_ENTRY_DELETE));
	PMN_TRY(add_random(message, &message->compact_after, PMN_ENTRY_ADD));
	PMN_TRY(add_indexes(message, &message->new_indexes));
	return add_indexes(message, &message->base_indexes);
}

/* A copy of bytes with a checksum that is right. */
static PmnBytes
with_checksum(PmnBytes bytes)
{
	uint8_t *copy = pmn_arena_copy(arena, bytes.data, bytes.size);

	pmn_put_le32(copy + bytes.size - 4,
				 (uint32_t) crc32(0, copy, bytes.size - 4));
	return pmn_bytes(copy, bytes.size);
}

/* Goal: whatever a message says comes back, byte for byte. */
TEST(messages_come_back)
{
	begin();
	for (int round = 0; round < 300; round++)
	{
		PmnMessage *message = NULL;
		PmnMessage *again = NULL;
		PmnBuffer bytes;
		PmnBuffer second;

		pmn_buffer_init(&bytes, &env.base);
		pmn_buffer_init(&second, &env.base);
		CHECK_OK(&env, random_message(&message));
		CHECK_OK(&env, pmn_message_encode(message, &bytes));
		CHECK_OK(&env,
				 pmn_message_decode(&env.base,
									pmn_bytes(bytes.data, bytes.size), &again));
		CHECK(again != NULL && messages_equal(message, again));
		CHECK_OK(&env, pmn_message_encode(again, &second));
		CHECK(pmn_bytes_equal(pmn_bytes(bytes.data, bytes.size),
							  pmn_bytes(second.data, second.size)));
		pmn_buffer_free(&bytes);
		pmn_buffer_free(&second);
		pmn_message_close(message);
		pmn_message_close(again);
		pmn_arena_reset(arena);
	}
	end();
}

/* Goal: no byte can be changed or cut off unnoticed, and with a checksum that
 * was made right nothing worse than an error happens. */
TEST(damage_is_found)
{
	PmnMessage *message = NULL;
	PmnBuffer bytes;

	begin();
	pmn_buffer_init(&bytes, &env.base);
	do
	{
		pmn_message_close(message);
		CHECK_OK(&env, random_message(&message));
	} while (message->new_files.count == 0 || message->new_indexes.count == 0);
	CHECK_OK(&env, pmn_message_encode(message, &bytes));
	for (size_t at = 0; at < bytes.size; at++)
	{
		PmnMessage *again = NULL;
		PmnBytes whole = pmn_bytes(bytes.data, bytes.size);
		PmnCode code;

		CHECK(pmn_message_decode(&env.base, pmn_bytes(bytes.data, at),
								 &again) == PMN_CORRUPT);
		bytes.data[at] ^= (uint8_t) (1u << at % 8);
		CHECK(pmn_message_decode(&env.base, whole, &again) == PMN_CORRUPT);
		code = pmn_message_decode(&env.base, with_checksum(whole), &again);
		CHECK(code == PMN_OK || code == PMN_CORRUPT || code == PMN_UNSUPPORTED);
		CHECK((code == PMN_OK) == (again != NULL));
		bytes.data[at] ^= (uint8_t) (1u << at % 8);
		pmn_message_close(again);
	}
	pmn_message_close(message);
	pmn_buffer_free(&bytes);
	end();
}

/* Goal: what a newer version wrote is refused by name, not read in part. */
TEST(newer_versions_are_refused)
{
	PmnMessage *message = NULL;
	PmnMessage *again = NULL;
	PmnManifestEntry entry;
	PmnBuffer bytes;

	begin();
	pmn_buffer_init(&bytes, &env.base);
	entry = full_entry(PMN_ENTRY_ADD, 1, 0);
	CHECK_OK(&env, pmn_message_create(&env.base, &message));
	CHECK_OK(&env, pmn_message_add(message, &message->new_files, PMN_ENTRY_ADD,
								   entry.partition, 0, 1, &entry.file));
	CHECK_OK(&env, pmn_message_encode(message, &bytes));
	bytes.data[4] = 2;
	CHECK(pmn_message_decode(&env.base,
							 with_checksum(pmn_bytes(bytes.data, bytes.size)),
							 &again) == PMN_UNSUPPORTED);
	bytes.data[4] = 1;
	/* The number of fields of the first entry. */
	CHECK(bytes.data[16] == pmn_manifest_entry_record.field_count);
	bytes.data[16]++;
	CHECK(pmn_message_decode(&env.base,
							 with_checksum(pmn_bytes(bytes.data, bytes.size)),
							 &again) == PMN_UNSUPPORTED);
	pmn_message_close(message);
	pmn_buffer_free(&bytes);
	end();
}

static void
check_entry_is_refused(int32_t kind, const PmnManifestEntry *entry)
{
	PmnMessage *message = NULL;
	PmnMessage *again = NULL;
	PmnBuffer bytes;

	pmn_buffer_init(&bytes, &env.base);
	CHECK_OK(&env, pmn_message_create(&env.base, &message));
	CHECK_OK(&env,
			 pmn_message_add(message, &message->new_files, kind,
							 entry->partition, entry->bucket, 1, &entry->file));
	CHECK_OK(&env, pmn_message_encode(message, &bytes));
	CHECK(pmn_message_decode(&env.base, pmn_bytes(bytes.data, bytes.size),
							 &again) == PMN_CORRUPT);
	pmn_message_close(message);
	pmn_buffer_free(&bytes);
}

/* Goal: names that leave the table, counts that cannot be and entries in the
 * wrong list do not come back. */
TEST(impossible_entries_are_refused)
{
	PmnManifestEntry entry;

	begin();
	entry = full_entry(PMN_ENTRY_ADD, 1, 0);
	check_entry_is_refused(PMN_ENTRY_DELETE, &entry);
	entry.file.file_name = pmn_bytes_string("../../etc/passwd");
	check_entry_is_refused(PMN_ENTRY_ADD, &entry);
	entry = full_entry(PMN_ENTRY_ADD, 1, 0);
	entry.file.row_count = INT64_MAX;
	check_entry_is_refused(PMN_ENTRY_ADD, &entry);
	entry = full_entry(PMN_ENTRY_ADD, 1, 0);
	entry.file.level = -1;
	check_entry_is_refused(PMN_ENTRY_ADD, &entry);
	entry = full_entry(PMN_ENTRY_ADD, 1, 0);
	entry.file.external_path = pmn_bytes("\xff", 1);
	check_entry_is_refused(PMN_ENTRY_ADD, &entry);
	end();
}

/* Goal: no failed allocation leaks, in either direction. */
TEST(every_allocation_failure_is_survived)
{
	PmnMessage *message = NULL;
	PmnCode code = PMN_NO_MEMORY;

	begin();
	do
	{
		pmn_message_close(message);
		CHECK_OK(&env, random_message(&message));
	} while (message->new_files.count == 0 || message->base_indexes.count < 2);
	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		size_t before = env.live_bytes;
		PmnMessage *again = NULL;
		PmnBuffer bytes;

		pmn_buffer_init(&bytes, &env.base);
		env.fail_step = env.step + step;
		code = pmn_message_encode(message, &bytes);
		if (code == PMN_OK)
			code = pmn_message_decode(
				&env.base, pmn_bytes(bytes.data, bytes.size), &again);
		env.fail_step = UINT64_MAX;
		CHECK((code == PMN_OK) == (again != NULL));
		pmn_message_close(again);
		pmn_buffer_free(&bytes);
		CHECK(env.live_bytes == before);
		CHECK(step < 1000);
	}
	CHECK_OK(&env, code);
	pmn_message_close(message);
	end();
}

int
main(void)
{
	RUN(messages_come_back);
	RUN(damage_is_found);
	RUN(newer_versions_are_refused);
	RUN(impossible_entries_are_refused);
	RUN(every_allocation_failure_is_survived);
	TEST_END();
}
