/*
 * meta_message_bytes.c
 *
 * A commit message as bytes. All numbers are little-endian.
 *
 *   "PMNM" | version u32 | size of the lists u32
 *   lists: new_files, compact_before, compact_after, new_indexes, base_indexes,
 *          each a count u32 and so many records
 *   CRC-32 u32 of all bytes before it
 *
 * A record is the number of its fields (u8) and the fields of a field table in
 * order; one that may be missing has a byte 0 or 1 before it. Entries use the
 * table of manifest files, so that a field added there is kept here as well.
 * Fields are only ever added at the end, and may be missing then: so rows of an
 * older version are read, and more fields than we know are PMN_UNSUPPORTED,
 * for leaving one out could lose rows.
 *
 * The bytes come from a database and were made by us, but nothing depends on
 * it: the checksum finds damage, and what passes it is held against the same
 * rules as a manifest's entry.
 */
#include "meta_message_bytes.h"

#include <zlib.h>

#include "../codec/codec_avro_internal.h"
#include "meta_manifest_internal.h"

#define MAGIC "PMNM"
#define VERSION 1
#define HEAD_SIZE 12
#define CHECKSUM_SIZE 4
/* A message of a million files would have 300 MB. */
#define MESSAGE_SIZE_MAX (1u << 30)

/* ---- index files ------------------------------------------------------ */

/* A PmnHashFile as a record. */
typedef struct HashRecord
{
	PmnBytes partition;
	int32_t bucket;
	int64_t file_size;
	int64_t row_count;
	PmnBytes file_name;
	bool has_file_name;
} HashRecord;

#define HASH_FIELD(name, kind, member)                                         \
	{                                                                          \
		name, kind, offsetof(HashRecord, member), PMN_AVRO_REQUIRED, NULL,     \
			PMN_AVRO_INT, false, NULL                                          \
	}

static const PmnAvroField hash_fields[] = {
	HASH_FIELD("partition", PMN_AVRO_BYTES, partition),
	HASH_FIELD("bucket", PMN_AVRO_INT, bucket),
	HASH_FIELD("file_size", PMN_AVRO_LONG, file_size),
	HASH_FIELD("row_count", PMN_AVRO_LONG, row_count),
	{"file_name", PMN_AVRO_STRING, offsetof(HashRecord, file_name),
	 offsetof(HashRecord, has_file_name), NULL, PMN_AVRO_INT, false, NULL}};

static const PmnAvroRecord hash_record = {
	hash_fields, sizeof(hash_fields) / sizeof(*hash_fields),
	sizeof(HashRecord)};

/* ---- writing ---------------------------------------------------------- */

static PmnCode
put_u32(PmnBuffer *out, uint32_t value)
{
	uint8_t bytes[4];

	pmn_put_le32(bytes, value);
	return pmn_buffer_append(out, bytes, sizeof(bytes));
}

static PmnCode
put_long(PmnBuffer *out, int64_t value)
{
	uint8_t bytes[8];

	pmn_put_le64(bytes, (uint64_t) value);
	return pmn_buffer_append(out, bytes, sizeof(bytes));
}

static PmnCode
put_bytes(PmnBuffer *out, PmnBytes bytes)
{
	PMN_TRY(put_u32(out, bytes.size));
	return pmn_buffer_append(out, bytes.data, bytes.size);
}

static PmnCode
put_array(PmnBuffer *out, PmnAvroKind item_kind, const PmnAvroArray *array)
{
	PMN_TRY(put_u32(out, array->count));
	for (uint32_t i = 0; i < array->count; i++)
	{
		if (item_kind == PMN_AVRO_LONG)
			PMN_TRY(put_long(out, ((const int64_t *) array->items)[i]));
		else
			PMN_TRY(put_bytes(out, ((const PmnBytes *) array->items)[i]));
	}
	return PMN_OK;
}

static PmnCode put_record(PmnBuffer *out, const PmnAvroRecord *record,
						  const uint8_t *row);

static PmnCode
put_field(PmnBuffer *out, const PmnAvroField *field, const uint8_t *row)
{
	const uint8_t *at = row + field->offset;

	if (field->present_offset != PMN_AVRO_REQUIRED)
	{
		bool is_present = *(const bool *) (row + field->present_offset);

		PMN_TRY(pmn_buffer_byte(out, is_present ? 1 : 0));
		if (!is_present)
			return PMN_OK;
	}
	switch ((int) field->kind)
	{
		case PMN_AVRO_INT:
			return put_u32(out, *(const uint32_t *) at);
		case PMN_AVRO_LONG:
			return put_long(out, *(const int64_t *) at);
		case PMN_AVRO_RECORD:
			return put_record(out, field->record, at);
		case PMN_AVRO_ARRAY:
			return put_array(out, field->item_kind, (const PmnAvroArray *) at);
		default:
			PMN_ASSERT(field->kind == PMN_AVRO_BYTES ||
					   field->kind == PMN_AVRO_STRING);
			return put_bytes(out, *(const PmnBytes *) at);
	}
}

/* As deep as the field tables are. */
static PmnCode
put_record(PmnBuffer *out, const PmnAvroRecord *record, const uint8_t *row)
{
	PMN_ASSERT(record->field_count <= UINT8_MAX);
	PMN_TRY(pmn_buffer_byte(out, (uint8_t) record->field_count));
	for (uint32_t i = 0; i < record->field_count; i++)
		PMN_TRY(put_field(out, &record->fields[i], row));
	return PMN_OK;
}

static PmnCode
put_entries(PmnBuffer *out, const PmnEntryList *list)
{
	PMN_TRY(put_u32(out, (uint32_t) list->count));
	for (size_t i = 0; i < list->count; i++)
	{
		PMN_TRY(put_record(out, &pmn_manifest_entry_record,
						   (const uint8_t *) &list->items[i]));
		if (out->size > MESSAGE_SIZE_MAX)
			return pmn_fail(out->env, PMN_UNSUPPORTED,
							"a commit message of %zu files is too large",
							list->count);
	}
	return PMN_OK;
}

static PmnCode
put_indexes(PmnBuffer *out, const PmnHashFiles *list)
{
	PMN_TRY(put_u32(out, (uint32_t) list->count));
	for (size_t i = 0; i < list->count; i++)
	{
		const PmnHashFile *file = &list->items[i];
		HashRecord record = {.partition = file->partition,
							 .bucket = file->bucket,
							 .file_size = file->file_size,
							 .row_count = file->row_count};

		record.has_file_name = file->file_name != NULL;
		if (record.has_file_name)
			record.file_name = pmn_bytes_string(file->file_name);
		PMN_TRY(put_record(out, &hash_record, (const uint8_t *) &record));
	}
	return PMN_OK;
}

PmnCode
pmn_message_encode(const PmnMessage *message, PmnBuffer *out)
{
	size_t start = out->size;
	size_t size;

	PMN_TRY(pmn_buffer_append(out, MAGIC, 4));
	PMN_TRY(put_u32(out, VERSION));
	PMN_TRY(put_u32(out, 0));
	PMN_TRY(put_entries(out, &message->new_files));
	PMN_TRY(put_entries(out, &message->compact_before));
	PMN_TRY(put_entries(out, &message->compact_after));
	PMN_TRY(put_indexes(out, &message->new_indexes));
	PMN_TRY(put_indexes(out, &message->base_indexes));
	size = out->size - start;
	if (size > MESSAGE_SIZE_MAX - CHECKSUM_SIZE)
		return pmn_fail(out->env, PMN_UNSUPPORTED,
						"a commit message of %zu bytes is too large", size);
	pmn_put_le32(out->data + start + 8, (uint32_t) (size - HEAD_SIZE));
	return put_u32(out, (uint32_t) crc32(0, out->data + start, (uInt) size));
}

/* ---- reading ---------------------------------------------------------- */

/* What is still to be read. */
typedef struct Cursor
{
	PmnEnv *env;
	PmnArena *arena; /* of the message */
	const uint8_t *at;
	const uint8_t *end;
} Cursor;

static PmnCode
damaged(PmnEnv *env, const char *what)
{
	return pmn_fail(env, PMN_CORRUPT, "a stored commit message has %s", what);
}

static size_t
left(const Cursor *cursor)
{
	return (size_t) (cursor->end - cursor->at);
}

static PmnCode
take(Cursor *cursor, size_t size, const uint8_t **out)
{
	if (left(cursor) < size)
		return damaged(cursor->env, "an end too early");
	*out = cursor->at;
	cursor->at += size;
	return PMN_OK;
}

static PmnCode
get_u32(Cursor *cursor, uint32_t *out)
{
	const uint8_t *at = NULL;

	PMN_TRY(take(cursor, 4, &at));
	*out = pmn_get_le32(at);
	return PMN_OK;
}

static PmnCode
get_long(Cursor *cursor, int64_t *out)
{
	const uint8_t *at = NULL;

	PMN_TRY(take(cursor, 8, &at));
	*out = (int64_t) pmn_get_le64(at);
	return PMN_OK;
}

/* A copy, so that the message outlives the bytes it was read from. */
static PmnCode
get_bytes(Cursor *cursor, bool is_text, PmnBytes *out)
{
	const uint8_t *at = NULL;
	uint32_t size = 0;

	PMN_TRY(get_u32(cursor, &size));
	PMN_TRY(take(cursor, size, &at));
	*out = pmn_bytes(at, size);
	if (is_text && !pmn_avro_is_text(*out))
		return damaged(cursor->env, "a name that is not UTF-8");
	return pmn_bytes_copy(cursor->arena, out);
}

/* How many items of at least item_size bytes follow. */
static PmnCode
get_count(Cursor *cursor, size_t item_size, uint32_t *out)
{
	PMN_TRY(get_u32(cursor, out));
	if (*out > left(cursor) / item_size)
		return damaged(cursor->env, "a list longer than itself");
	return PMN_OK;
}

static PmnCode
get_array(Cursor *cursor, PmnAvroKind item_kind, PmnAvroArray *out)
{
	bool is_long = item_kind == PMN_AVRO_LONG;
	size_t size = is_long ? sizeof(int64_t) : sizeof(PmnBytes);

	PMN_TRY(get_count(cursor, is_long ? 8 : 4, &out->count));
	out->items = pmn_arena_alloc(cursor->arena, out->count * size);
	if (out->items == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < out->count; i++)
	{
		if (is_long)
			PMN_TRY(get_long(cursor, (int64_t *) out->items + i));
		else
			PMN_TRY(get_bytes(cursor, true, (PmnBytes *) out->items + i));
	}
	return PMN_OK;
}

static PmnCode get_record(Cursor *cursor, const PmnAvroRecord *record,
						  uint8_t *row);

static PmnCode
get_flag(Cursor *cursor, bool *out)
{
	const uint8_t *at = NULL;

	PMN_TRY(take(cursor, 1, &at));
	if (*at > 1)
		return damaged(cursor->env, "a flag that is neither 0 nor 1");
	*out = *at == 1;
	return PMN_OK;
}

static PmnCode
get_field(Cursor *cursor, const PmnAvroField *field, uint8_t *row)
{
	uint8_t *at = row + field->offset;
	bool is_present = true;

	if (field->present_offset != PMN_AVRO_REQUIRED)
	{
		PMN_TRY(get_flag(cursor, &is_present));
		*(bool *) (row + field->present_offset) = is_present;
	}
	if (!is_present)
		return PMN_OK;
	switch ((int) field->kind)
	{
		case PMN_AVRO_INT:
			return get_u32(cursor, (uint32_t *) at);
		case PMN_AVRO_LONG:
			return get_long(cursor, (int64_t *) at);
		case PMN_AVRO_RECORD:
			return get_record(cursor, field->record, at);
		case PMN_AVRO_ARRAY:
			return get_array(cursor, field->item_kind, (PmnAvroArray *) at);
		default:
			return get_bytes(cursor, field->kind == PMN_AVRO_STRING,
							 (PmnBytes *) at);
	}
}

/* row is zeroed: a field that an older version did not write is missing. */
static PmnCode
get_record(Cursor *cursor, const PmnAvroRecord *record, uint8_t *row)
{
	const uint8_t *count = NULL;

	PMN_TRY(take(cursor, 1, &count));
	if (*count > record->field_count)
		return pmn_fail(cursor->env, PMN_UNSUPPORTED,
						"a stored commit message was written by a newer "
						"version");
	for (uint32_t i = 0; i < record->field_count; i++)
	{
		if (i < *count)
			PMN_TRY(get_field(cursor, &record->fields[i], row));
		else if (record->fields[i].present_offset == PMN_AVRO_REQUIRED)
			return damaged(cursor->env, "a record without all its fields");
	}
	return PMN_OK;
}

/* A list's entries are of one kind, and their rows can be counted. */
static PmnCode
check_entry(Cursor *cursor, const PmnManifestEntry *entry, int32_t kind,
			int64_t *rows)
{
	PMN_TRY(pmn_manifest_check_entry(
		cursor->env, pmn_bytes_string("(stored commit message)"), entry));
	if (entry->kind != kind)
		return damaged(cursor->env, "an entry of the wrong kind");
	if (entry->file.row_count > INT64_MAX / 4 - *rows)
		return damaged(cursor->env, "an impossible number of rows");
	*rows += entry->file.row_count;
	return PMN_OK;
}

static PmnCode
get_entries(Cursor *cursor, int32_t kind, PmnEntryList *out)
{
	uint32_t count = 0;
	int64_t rows = 0;

	/* One byte at least: the fields of a record are counted. */
	PMN_TRY(get_count(cursor, 1, &count));
	for (uint32_t i = 0; i < count; i++)
	{
		PmnManifestEntry *entry;

		PMN_TRY(pmn_array_reserve(cursor->env, out, 1));
		entry = &out->items[out->count];
		memset(entry, 0, sizeof(*entry));
		PMN_TRY(
			get_record(cursor, &pmn_manifest_entry_record, (uint8_t *) entry));
		PMN_TRY(check_entry(cursor, entry, kind, &rows));
		out->count++;
	}
	return PMN_OK;
}

/* Without a name it says that a partition had no index. */
static bool
hash_file_is_sane(const HashRecord *record, bool is_base)
{
	if (pmn_row_arity(record->partition) < 0 || record->file_size < 0 ||
		record->row_count < 0)
		return false;
	if (!record->has_file_name)
		return is_base && record->bucket == -1;
	return record->bucket >= 0 && pmn_path_name_is_valid(record->file_name);
}

static PmnCode
get_indexes(Cursor *cursor, bool is_base, PmnHashFiles *out)
{
	uint32_t count = 0;

	PMN_TRY(get_count(cursor, 1, &count));
	for (uint32_t i = 0; i < count; i++)
	{
		HashRecord record;
		PmnHashFile file = {0};

		memset(&record, 0, sizeof(record));
		PMN_TRY(get_record(cursor, &hash_record, (uint8_t *) &record));
		if (!hash_file_is_sane(&record, is_base))
			return damaged(cursor->env, "an impossible index file");
		file.partition = record.partition;
		file.bucket = record.bucket;
		file.file_size = record.file_size;
		file.row_count = record.row_count;
		if (record.has_file_name)
		{
			file.file_name = pmn_arena_string_n(
				cursor->arena, (const char *) record.file_name.data,
				record.file_name.size);
			if (file.file_name == NULL)
				return PMN_NO_MEMORY;
		}
		PMN_TRY(pmn_array_reserve(cursor->env, out, 1));
		out->items[out->count++] = file;
	}
	return PMN_OK;
}

/* Everything around the lists. */
static PmnCode
open_frame(PmnEnv *env, PmnBytes bytes, Cursor *cursor)
{
	size_t size = (size_t) bytes.size;

	if (size < HEAD_SIZE + CHECKSUM_SIZE || size > MESSAGE_SIZE_MAX ||
		memcmp(bytes.data, MAGIC, 4) != 0)
		return damaged(env, "no beginning");
	/* First: a version that is damaged is no newer one. */
	if (pmn_get_le32(bytes.data + size - CHECKSUM_SIZE) !=
		(uint32_t) crc32(0, bytes.data, (uInt) (size - CHECKSUM_SIZE)))
		return damaged(env, "a wrong checksum");
	if (pmn_get_le32(bytes.data + 4) != VERSION)
		return pmn_fail(env, PMN_UNSUPPORTED,
						"a stored commit message is of version %" PRIu32
						", not %d",
						pmn_get_le32(bytes.data + 4), VERSION);
	if (pmn_get_le32(bytes.data + 8) != size - HEAD_SIZE - CHECKSUM_SIZE)
		return damaged(env, "another size than it says");
	cursor->env = env;
	cursor->at = bytes.data + HEAD_SIZE;
	cursor->end = bytes.data + size - CHECKSUM_SIZE;
	return PMN_OK;
}

static PmnCode
get_message(Cursor *cursor, PmnMessage *message)
{
	cursor->arena = message->arena;
	PMN_TRY(get_entries(cursor, PMN_ENTRY_ADD, &message->new_files));
	PMN_TRY(get_entries(cursor, PMN_ENTRY_DELETE, &message->compact_before));
	PMN_TRY(get_entries(cursor, PMN_ENTRY_ADD, &message->compact_after));
	PMN_TRY(get_indexes(cursor, false, &message->new_indexes));
	PMN_TRY(get_indexes(cursor, true, &message->base_indexes));
	if (left(cursor) > 0)
		return damaged(cursor->env, "bytes behind its end");
	return PMN_OK;
}

PmnCode
pmn_message_decode(PmnEnv *env, PmnBytes bytes, PmnMessage **out)
{
	PmnMessage *message = NULL;
	Cursor cursor;
	PmnCode code;

	*out = NULL;
	PMN_TRY(open_frame(env, bytes, &cursor));
	PMN_TRY(pmn_message_create(env, &message));
	code = get_message(&cursor, message);
	if (code == PMN_OK)
		*out = message;
	else
		pmn_message_close(message);
	return code;
}
