/*
 * bridge_encode.c
 *
 * Rows of the server as batches for storage. Each lake field has a growing
 * array of elements and one of null marks; variable-length values are copied
 * into blocks of a batch context, so that a slot may be reused at once.
 *
 * A value is stored as it is or not at all: what the lake's type can't hold
 * is an error that names the column, before the row is added. A row that
 * failed half-way leaves nothing, since the row count grows last.
 */
#include "bridge_convert.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define ROWS_FIRST 256
#define BYTES_BLOCK_SIZE ((Size) 256 * 1024)

typedef struct FieldBuilder
{
	const PmnField *field;
	PmnVectorKind kind;
	size_t width;
	AttrNumber attnum; /* 0: no attribute feeds it, all null */
	Oid base;		   /* base type of the attribute */
	bool by_output;	   /* text is what the output function says */
	FmgrInfo output;
	char *values; /* aligned to 16 */
	uint8_t *nulls;
	bool has_null;
} FieldBuilder;

struct PfdwEncoder
{
	MemoryContext context;
	MemoryContext batch_context;
	FieldBuilder *fields;
	uint32 field_count;
	AttrNumber attnum_max;
	uint8_t *kinds;
	uint32 rows;
	uint32 capacity;
	Size bytes;
	char *block; /* where copies go, block_left bytes of it free */
	Size block_left;
	PmnBatch batch;
};

static void field_init(FieldBuilder *builder, const PfdwColumn *column);
static void reserve_row(PfdwEncoder *encoder);
static void encode_value(PfdwEncoder *encoder, FieldBuilder *builder,
						 Datum datum);
static PmnBytes output_text(FieldBuilder *builder, Datum datum);
static void put_element(FieldBuilder *builder, uint32 row,
						const PmnValue *value);
static void check_length(const PmnField *field, PmnBytes bytes);
static PmnBytes copy_bytes(PfdwEncoder *encoder, PmnBytes src);
static void null_error(const PmnField *field) pg_attribute_noreturn();
static void fit_error(const PmnField *field, PfdwFit fit)
	pg_attribute_noreturn();

PfdwEncoder *
pfdw_encoder_create(const PmnSchema *schema, const PfdwColumn *columns,
					int count)
{
	PfdwEncoder *encoder = palloc0(sizeof(*encoder));

	encoder->context = CurrentMemoryContext;
	encoder->batch_context = AllocSetContextCreate(
		CurrentMemoryContext, "paimon_fdw rows", ALLOCSET_DEFAULT_SIZES);
	encoder->field_count = schema->field_count;
	encoder->fields =
		palloc0(Max(schema->field_count, 1) * sizeof(FieldBuilder));
	for (uint32 i = 0; i < schema->field_count; i++)
	{
		FieldBuilder *builder = &encoder->fields[i];

		builder->field = &schema->fields[i];
		builder->kind = pmn_type_vector_kind(&schema->fields[i].type);
		builder->width = builder->kind == PMN_VECTOR_NONE
							 ? 0
							 : pmn_vector_width(builder->kind);
	}
	for (int i = 0; i < count; i++)
	{
		Assert(columns[i].field >= 0 &&
			   (uint32) columns[i].field < schema->field_count);
		field_init(&encoder->fields[columns[i].field], &columns[i]);
		encoder->attnum_max = Max(encoder->attnum_max, columns[i].attnum);
	}
	encoder->batch.column_count = schema->field_count;
	encoder->batch.columns =
		palloc0(Max(schema->field_count, 1) * sizeof(PmnVector));
	return encoder;
}

void
pfdw_encode_slot(PfdwEncoder *encoder, TupleTableSlot *slot, PmnRowKind kind)
{
	bool needs_all = kind == PMN_INSERT || kind == PMN_UPDATE_AFTER;
	MemoryContext old_context;

	reserve_row(encoder);
	if (encoder->attnum_max > 0)
		slot_getsomeattrs(slot, encoder->attnum_max);
	old_context = MemoryContextSwitchTo(encoder->batch_context);
	for (uint32 i = 0; i < encoder->field_count; i++)
	{
		FieldBuilder *builder = &encoder->fields[i];
		AttrNumber attnum = builder->attnum;

		if (attnum > 0 && !slot->tts_isnull[attnum - 1])
		{
			builder->nulls[encoder->rows] = 0;
			encode_value(encoder, builder, slot->tts_values[attnum - 1]);
			continue;
		}
		if (needs_all && !builder->field->type.is_nullable)
			null_error(builder->field);
		builder->nulls[encoder->rows] = 1;
		builder->has_null = true;
		memset(builder->values + builder->width * encoder->rows, 0,
			   builder->width);
	}
	MemoryContextSwitchTo(old_context);
	encoder->kinds[encoder->rows++] = (uint8_t) kind;
}

int
pfdw_encoder_rows(const PfdwEncoder *encoder)
{
	return (int) encoder->rows;
}

Size
pfdw_encoder_bytes(const PfdwEncoder *encoder)
{
	return encoder->bytes;
}

const PmnBatch *
pfdw_encoder_batch(PfdwEncoder *encoder, const uint8_t **kinds)
{
	PmnBatch *batch = &encoder->batch;

	for (uint32 i = 0; i < encoder->field_count; i++)
	{
		FieldBuilder *builder = &encoder->fields[i];

		batch->columns[i].kind = builder->kind;
		batch->columns[i].values = builder->values;
		batch->columns[i].nulls = builder->has_null ? builder->nulls : NULL;
	}
	batch->row_count = encoder->rows;
	batch->selection = NULL;
	batch->selected_count = encoder->rows;
	*kinds = encoder->kinds;
	return batch;
}

void
pfdw_encoder_reset(PfdwEncoder *encoder)
{
	MemoryContextReset(encoder->batch_context);
	encoder->block = NULL;
	encoder->block_left = 0;
	encoder->rows = 0;
	encoder->bytes = 0;
	for (uint32 i = 0; i < encoder->field_count; i++)
		encoder->fields[i].has_null = false;
}

static void
field_init(FieldBuilder *builder, const PfdwColumn *column)
{
	Oid output;
	bool is_varlena;

	builder->attnum = column->attnum;
	builder->base = getBaseType(column->typid);
	builder->by_output =
		builder->kind == PMN_VECTOR_BYTES && builder->base != TEXTOID &&
		builder->base != VARCHAROID && builder->base != BPCHAROID &&
		builder->base != BYTEAOID;
	if (builder->by_output)
	{
		getTypeOutputInfo(builder->base, &output, &is_varlena);
		fmgr_info(output, &builder->output);
	}
}

/* Arrays double; the old ones are freed. */
static void
reserve_row(PfdwEncoder *encoder)
{
	MemoryContext old_context;
	uint32 capacity;
	uint8_t *kinds;

	if (encoder->rows < encoder->capacity)
		return;
	capacity = encoder->capacity == 0 ? ROWS_FIRST : encoder->capacity * 2;
	old_context = MemoryContextSwitchTo(encoder->context);
	for (uint32 i = 0; i < encoder->field_count; i++)
	{
		FieldBuilder *builder = &encoder->fields[i];
		Size size = Max((Size) capacity * builder->width, 1);
		char *values = pfdw_alloc_aligned(size);
		uint8_t *nulls = MemoryContextAllocHuge(CurrentMemoryContext, capacity);

		if (encoder->capacity != 0)
		{
			memcpy(values, builder->values, encoder->rows * builder->width);
			memcpy(nulls, builder->nulls, encoder->rows);
			pfdw_free_aligned(builder->values);
			pfree(builder->nulls);
		}
		builder->values = values;
		builder->nulls = nulls;
	}
	kinds = MemoryContextAllocHuge(CurrentMemoryContext, capacity);
	if (encoder->capacity != 0)
	{
		memcpy(kinds, encoder->kinds, encoder->rows);
		pfree(encoder->kinds);
	}
	encoder->kinds = kinds;
	encoder->capacity = capacity;
	MemoryContextSwitchTo(old_context);
}

static void
encode_value(PfdwEncoder *encoder, FieldBuilder *builder, Datum datum)
{
	const PmnType *type = &builder->field->type;
	PmnValue value;
	PfdwFit fit = PFDW_FIT_OK;

	if (builder->by_output)
	{
		PmnBytes text = output_text(builder, datum);

		value.is_null = false;
		if (!pfdw_text_to_lake(text, &value.as.bytes))
			fit = PFDW_FIT_TEXT;
	}
	else
		fit = pfdw_value_fit(type, builder->base, datum, &value);
	if (unlikely(fit != PFDW_FIT_OK))
		fit_error(builder->field, fit);
	if (builder->kind == PMN_VECTOR_BYTES)
	{
		check_length(builder->field, value.as.bytes);
		value.as.bytes = copy_bytes(encoder, value.as.bytes);
	}
	put_element(builder, encoder->rows, &value);
}

/* uuid, json, jsonb and enums are text in the lake. */
static PmnBytes
output_text(FieldBuilder *builder, Datum datum)
{
	char *string = OutputFunctionCall(&builder->output, datum);
	PmnBytes text = {(const uint8_t *) string, (uint32_t) strlen(string)};

	return text;
}

static void
put_element(FieldBuilder *builder, uint32 row, const PmnValue *value)
{
	switch (builder->kind)
	{
		case PMN_VECTOR_BOOL:
			((uint8_t *) builder->values)[row] = value->as.i64 != 0;
			break;
		case PMN_VECTOR_I32:
			((int32_t *) builder->values)[row] = (int32_t) value->as.i64;
			break;
		case PMN_VECTOR_I64:
			((int64_t *) builder->values)[row] = value->as.i64;
			break;
		case PMN_VECTOR_F32:
			((float *) builder->values)[row] = (float) value->as.f64;
			break;
		case PMN_VECTOR_F64:
			((double *) builder->values)[row] = value->as.f64;
			break;
		case PMN_VECTOR_DEC128:
			((PmnInt128 *) builder->values)[row] = value->as.dec128;
			break;
		case PMN_VECTOR_TS96:
			((PmnTimestamp *) builder->values)[row] = value->as.ts96;
			break;
		case PMN_VECTOR_BYTES:
			((PmnBytes *) builder->values)[row] = value->as.bytes;
			break;
		case PMN_VECTOR_NONE:
			break;
	}
}

/* VARCHAR(n) counts characters, VARBINARY(n) bytes. */
static void
check_length(const PmnField *field, PmnBytes bytes)
{
	const PmnType *type = &field->type;
	bool is_text =
		type->kind == PMN_TYPE_CHAR || type->kind == PMN_TYPE_VARCHAR;
	uint32 length = bytes.size;
	char name[128];

	if (type->kind == PMN_TYPE_BLOB || length <= (uint32) type->length)
		return;
	if (is_text)
	{
		length = 0;
		for (uint32 i = 0; i < bytes.size; i++)
			length += (bytes.data[i] & 0xC0) != 0x80;
	}
	if (length <= (uint32) type->length)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
			 errmsg("value too long for column \"%s\" of type %s", field->name,
					pmn_type_name(type, name, sizeof(name)))));
}

/* Small values share blocks; a large one has its own. */
static PmnBytes
copy_bytes(PfdwEncoder *encoder, PmnBytes src)
{
	PmnBytes copy = {NULL, src.size};
	char *dst;

	encoder->bytes += src.size;
	if (src.size > BYTES_BLOCK_SIZE / 4)
		dst = MemoryContextAllocHuge(encoder->batch_context, src.size);
	else
	{
		if (encoder->block_left < src.size || encoder->block == NULL)
		{
			encoder->block =
				MemoryContextAlloc(encoder->batch_context, BYTES_BLOCK_SIZE);
			encoder->block_left = BYTES_BLOCK_SIZE;
		}
		dst = encoder->block;
		encoder->block += src.size;
		encoder->block_left -= src.size;
	}
	memcpy(dst, src.data, src.size);
	copy.data = (const uint8_t *) dst;
	return copy;
}

static void
null_error(const PmnField *field)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("null value in column \"%s\" of a lake table violates "
					"not-null constraint",
					field->name)));
}

static void
fit_error(const PmnField *field, PfdwFit fit)
{
	char name[128];
	int sqlstate = ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
	const char *problem = "is out of range";

	switch (fit)
	{
		case PFDW_FIT_OK:
		case PFDW_FIT_NUMBER:
			break;
		case PFDW_FIT_FRACTION:
			problem = "has more digits after the point than it can keep";
			break;
		case PFDW_FIT_TIME:
			sqlstate = ERRCODE_DATETIME_VALUE_OUT_OF_RANGE;
			break;
		case PFDW_FIT_FINER:
			sqlstate = ERRCODE_DATETIME_VALUE_OUT_OF_RANGE;
			problem = "has finer fractions of a second than it can keep";
			break;
		case PFDW_FIT_TEXT:
			sqlstate = ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
			problem = "can't be said in UTF-8";
			break;
		case PFDW_FIT_PAIR:
			sqlstate = ERRCODE_FDW_INVALID_DATA_TYPE;
			problem = "has another type";
			break;
	}
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("a value for column \"%s\" of type %s %s", field->name,
					pmn_type_name(&field->type, name, sizeof(name)), problem)));
}
