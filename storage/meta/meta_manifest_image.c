/*
 * meta_manifest_image.c
 *
 * The Avro image of a manifest, with the heads of its entries. Planning asks
 * most entries for partition and bucket only; the heads answer in 24 bytes
 * each, and a filter judges each distinct partition once. Statistics, which
 * are most of an entry's bytes, are decoded for the entries left over.
 *
 * Views are the same C struct with fewer fields: what a view leaves out is
 * read over in the file and zero in the struct.
 */
#include "meta_manifest_image.h"

#include "../codec/codec_avro_image.h"
#include "meta_manifest_internal.h"

#define COUNT_OF(array) ((uint32_t) (sizeof(array) / sizeof(*(array))))
#define SLOT_EMPTY UINT32_MAX
#define FIELD_COUNT_MAX 32

/* What a head is made from. */
typedef struct HeadRow
{
	int32_t version;
	int32_t kind;
	PmnBytes partition;
	int32_t bucket;
	int32_t total_buckets;
	int64_t schema_id;
	int32_t level;
} HeadRow;

#define REQUIRED(name, kind, offset)                                           \
	{                                                                          \
		name, kind, offset, PMN_AVRO_REQUIRED, NULL, PMN_AVRO_INT, false, NULL \
	}

#define FILE_AT(member)                                                        \
	(offsetof(HeadRow, member) - offsetof(HeadRow, schema_id))

static const PmnAvroField file_fields[] = {
	REQUIRED("_SCHEMA_ID", PMN_AVRO_LONG, FILE_AT(schema_id)),
	REQUIRED("_LEVEL", PMN_AVRO_INT, FILE_AT(level))};
static const PmnAvroRecord file_record = {file_fields, COUNT_OF(file_fields),
										  sizeof(HeadRow) -
											  offsetof(HeadRow, schema_id)};

static const PmnAvroField head_fields[] = {
	REQUIRED("_VERSION", PMN_AVRO_INT, offsetof(HeadRow, version)),
	REQUIRED("_KIND", PMN_AVRO_INT, offsetof(HeadRow, kind)),
	REQUIRED("_PARTITION", PMN_AVRO_BYTES, offsetof(HeadRow, partition)),
	REQUIRED("_BUCKET", PMN_AVRO_INT, offsetof(HeadRow, bucket)),
	REQUIRED("_TOTAL_BUCKETS", PMN_AVRO_INT, offsetof(HeadRow, total_buckets)),
	{"_FILE", PMN_AVRO_RECORD, offsetof(HeadRow, schema_id), PMN_AVRO_REQUIRED,
	 &file_record, PMN_AVRO_INT, false, NULL}};
static const PmnAvroRecord head_record = {head_fields, COUNT_OF(head_fields),
										  sizeof(HeadRow)};

/* Positions of the views in the Avro image. */
#define VIEW_HEAD 0
#define VIEW_ENTRY 1 /* + PmnEntryView */

/* One view's copies of the entry's and the file's fields. */
typedef struct ViewFields
{
	PmnAvroField entry[FIELD_COUNT_MAX];
	PmnAvroField file[FIELD_COUNT_MAX];
	PmnAvroRecord entry_record;
	PmnAvroRecord file_record;
} ViewFields;

struct PmnManifestImage
{
	PmnEnv *env;
	PmnArena *arena;
	PmnAvroImage *avro;
	PmnBytes name;
	PMN_ARRAY(PmnManifestHead) heads;
	PMN_ARRAY(PmnBytes) partitions;
	int64_t added;
	int64_t deleted;
};

/* Making an image: its partitions by value. */
typedef struct Builder
{
	PmnManifestImage *image;
	uint32_t *slots;
	size_t slot_count; /* a power of two */
} Builder;

static bool
is_among(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
	{
		if (strcmp(name, *names) == 0)
			return true;
	}
	return false;
}

static bool
is_left_out(const char *name, PmnEntryView view)
{
	static const char *const keys[] = {"_KEY_STATS", "_MIN_KEY", "_MAX_KEY",
									   NULL};
	static const char *const rest[] = {
		"_FILE_NAME",	  "_EXTRA_FILES",		   "_EMBEDDED_FILE_INDEX",
		"_EXTERNAL_PATH", "_WRITE_COLS_SEQUENCES", NULL};

	if (view == PMN_ENTRY_VALUES)
		return is_among(name, keys) || is_among(name, rest);
	return strcmp(name, "_VALUE_STATS") == 0 ||
		   (view == PMN_ENTRY_IDENTITY && is_among(name, keys));
}

/* The whole record without some fields of _FILE. */
static void
make_view(ViewFields *fields, PmnEntryView view)
{
	const PmnAvroRecord *whole = &pmn_manifest_entry_record;
	const PmnAvroRecord *file = whole->fields[whole->field_count - 1].record;
	uint32_t count = 0;

	PMN_ASSERT(whole->field_count <= FIELD_COUNT_MAX);
	PMN_ASSERT(file != NULL && file->field_count <= FIELD_COUNT_MAX);
	for (uint32_t i = 0; i < whole->field_count; i++)
		fields->entry[i] = whole->fields[i];
	for (uint32_t i = 0; i < file->field_count; i++)
	{
		if (!is_left_out(file->fields[i].name, view))
			fields->file[count++] = file->fields[i];
	}
	fields->file_record = *file;
	fields->file_record.fields = fields->file;
	fields->file_record.field_count = count;
	fields->entry[whole->field_count - 1].record = &fields->file_record;
	fields->entry_record = *whole;
	fields->entry_record.fields = fields->entry;
}

/* ---- making ------------------------------------------------------------ */

/* Twice as many slots, or the first ones. */
static PmnCode
grow_slots(Builder *builder)
{
	PmnEnv *env = builder->image->env;
	size_t count = builder->slot_count == 0 ? 64 : builder->slot_count * 2;
	uint32_t *slots = pmn_alloc_raw(env, count * sizeof(*slots));

	if (slots == NULL)
		return PMN_NO_MEMORY;
	memset(slots, 0xFF, count * sizeof(*slots));
	for (size_t p = 0; p < builder->image->partitions.count; p++)
	{
		PmnBytes row = builder->image->partitions.items[p];
		size_t at =
			(size_t) pmn_hash_bytes(0, row.data, row.size) & (count - 1);

		while (slots[at] != SLOT_EMPTY)
			at = (at + 1) & (count - 1);
		slots[at] = (uint32_t) p;
	}
	pmn_free(env, builder->slots, builder->slot_count * sizeof(*slots));
	builder->slots = slots;
	builder->slot_count = count;
	return PMN_OK;
}

static PmnCode
find_partition(Builder *builder, PmnBytes row, uint32_t *out)
{
	PmnManifestImage *image = builder->image;
	size_t mask;
	size_t at;

	/* Writers put files of one partition side by side. */
	if (image->heads.count > 0)
	{
		*out = image->heads.items[image->heads.count - 1].partition;
		if (pmn_bytes_equal(image->partitions.items[*out], row))
			return PMN_OK;
	}
	if (image->partitions.count * 2 >= builder->slot_count)
		PMN_TRY(grow_slots(builder));
	mask = builder->slot_count - 1;
	at = (size_t) pmn_hash_bytes(0, row.data, row.size) & mask;
	for (; builder->slots[at] != SLOT_EMPTY; at = (at + 1) & mask)
	{
		*out = builder->slots[at];
		if (pmn_bytes_equal(image->partitions.items[*out], row))
			return PMN_OK;
	}
	PMN_TRY(pmn_bytes_copy(image->arena, &row));
	PMN_TRY(pmn_array_reserve(image->env, &image->partitions, 1));
	*out = (uint32_t) image->partitions.count;
	builder->slots[at] = *out;
	image->partitions.items[image->partitions.count++] = row;
	return PMN_OK;
}

/* A PmnAvroVisitor. */
static PmnCode
add_head(void *context, uint32_t index, const void *row)
{
	Builder *builder = context;
	PmnManifestImage *image = builder->image;
	const HeadRow *head = row;
	PmnManifestEntry entry;
	PmnManifestHead *out;
	uint32_t partition = 0;

	PMN_ASSERT(index == image->heads.count);
	/* The check of whole entries, on what is known already. */
	memset(&entry, 0, sizeof(entry));
	entry.version = head->version;
	entry.kind = head->kind;
	entry.partition = head->partition;
	entry.bucket = head->bucket;
	entry.total_buckets = head->total_buckets;
	entry.file.level = head->level;
	entry.file.schema_id = head->schema_id;
	entry.file.file_name = pmn_bytes_string("x");
	PMN_TRY(pmn_manifest_check_entry(image->env, image->name, &entry));
	PMN_TRY(find_partition(builder, head->partition, &partition));
	PMN_TRY(pmn_array_reserve(image->env, &image->heads, 1));
	out = &image->heads.items[image->heads.count++];
	out->partition = partition;
	out->bucket = head->bucket;
	out->total_buckets = head->total_buckets;
	out->schema_id = head->schema_id;
	out->level = (int16_t) head->level;
	out->kind = (uint8_t) head->kind;
	if (head->kind == PMN_ENTRY_ADD)
		image->added++;
	else
		image->deleted++;
	return PMN_OK;
}

static PmnCode
fill(PmnManifestImage *image, PmnBytes file, PmnBytes name)
{
	ViewFields identity;
	ViewFields keys;
	ViewFields values;
	const PmnAvroRecord *views[] = {&head_record, &identity.entry_record,
									&keys.entry_record, &values.entry_record,
									&pmn_manifest_entry_record};
	Builder builder = {.image = image};
	const char *copy;
	PmnCode code;

	PMN_TRY(pmn_arena_create(image->env, 0, &image->arena));
	copy =
		pmn_arena_string_n(image->arena, (const char *) name.data, name.size);
	if (copy == NULL)
		return PMN_NO_MEMORY;
	image->name = pmn_bytes(copy, name.size);
	make_view(&identity, PMN_ENTRY_IDENTITY);
	make_view(&keys, PMN_ENTRY_KEYS);
	make_view(&values, PMN_ENTRY_VALUES);
	code = pmn_avro_image_make(image->env, file, copy, views, COUNT_OF(views),
							   add_head, &builder, &image->avro);
	pmn_free(image->env, builder.slots,
			 builder.slot_count * sizeof(*builder.slots));
	return code;
}

PmnCode
pmn_manifest_image_make(PmnEnv *env, PmnBytes file, PmnBytes name,
						PmnManifestImage **out)
{
	PmnManifestImage *image = pmn_alloc(env, sizeof(*image));
	PmnCode code;

	*out = NULL;
	if (image == NULL)
		return PMN_NO_MEMORY;
	image->env = env;
	code = fill(image, file, name);
	if (code == PMN_OK)
		*out = image;
	else
		pmn_manifest_image_free(image);
	return code;
}

void
pmn_manifest_image_free(PmnManifestImage *image)
{
	if (image == NULL)
		return;
	pmn_avro_image_free(image->avro);
	pmn_array_free(image->env, &image->heads);
	pmn_array_free(image->env, &image->partitions);
	pmn_arena_destroy(image->arena);
	pmn_free(image->env, image, sizeof(*image));
}

/* ---- reading ------------------------------------------------------------ */

size_t
pmn_manifest_image_size(const PmnManifestImage *image)
{
	return sizeof(*image) + pmn_arena_bytes(image->arena) +
		   pmn_avro_image_size(image->avro) +
		   image->heads.capacity * sizeof(*image->heads.items) +
		   image->partitions.capacity * sizeof(*image->partitions.items);
}

const PmnManifestHead *
pmn_manifest_image_heads(const PmnManifestImage *image, uint32_t *count)
{
	*count = (uint32_t) image->heads.count;
	return image->heads.items;
}

const PmnBytes *
pmn_manifest_image_partitions(const PmnManifestImage *image, uint32_t *count)
{
	*count = (uint32_t) image->partitions.count;
	return image->partitions.items;
}

PmnCode
pmn_manifest_image_check(const PmnManifestImage *image, PmnEnv *env,
						 const PmnManifestMeta *meta)
{
	return pmn_manifest_check_counts(env, meta, image->added, image->deleted);
}

PmnCode
pmn_manifest_image_entry(PmnManifestImage *image, PmnEnv *env,
						 PmnEntryView view, uint32_t index, PmnArena *arena,
						 PmnManifestEntry *out)
{
	PMN_TRY(pmn_avro_image_read(image->avro, env, VIEW_ENTRY + (uint32_t) view,
								index, arena, out));
	if (view != PMN_ENTRY_VALUES)
		return pmn_manifest_check_entry(env, image->name, out);
	/* The name alone is not looked at. */
	out->file.file_name = pmn_bytes_string("x");
	PMN_TRY(pmn_manifest_check_entry(env, image->name, out));
	out->file.file_name = pmn_bytes("", 0);
	return PMN_OK;
}
