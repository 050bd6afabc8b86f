/*
 * bridge_encode.c
 *
 * Rows of the server as batches for storage. Each lake field has a growing
 * array of elements and one of null marks; variable-length values are copied
 * into blocks of a batch context, so that a slot may be reused at once.
 *
 * How a column's Datums become elements is settled when the encoder is made
 * (EncodeWay). The common pairs of types have a way of their own, inline in
 * the loop over a row's columns; all others go through pfdw_value_fit. What a
 * conversion leaves behind lies in the caller's memory context, which may be
 * reset after each row.
 *
 * A value is stored as it is or not at all: what the lake's type can't hold
 * is an error that names the column, before the row is added. A row that
 * failed half-way leaves nothing, since the row count grows last.
 */
#include "bridge_nested.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define ROWS_FIRST 256
#define BYTES_BLOCK_SIZE ((Size) 256 * 1024)

typedef enum EncodeWay
{
	ENCODE_ANY,		/* whatever pfdw_value_fit says */
	ENCODE_OUTPUT,	/* text is what the output function says */
	ENCODE_BYTES,	/* as they are, if they are not too long */
	ENCODE_INT4,	/* as it is */
	ENCODE_INT8,	/* as it is */
	ENCODE_FLOAT4,	/* as it is */
	ENCODE_FLOAT8,	/* as it is */
	ENCODE_DECIMAL, /* numeric to 64 bits, mostly */
	ENCODE_DATE,	/* another epoch, unless infinite */
	ENCODE_MICROS,	/* timestamps to microseconds, likewise */
	ENCODE_NESTED	/* through a node; JSON's null is null */
} EncodeWay;

typedef struct FieldBuilder
{
	EncodeWay way;
	PmnVectorKind kind;
	AttrNumber attnum; /* 0: no attribute feeds it, all null */
	bool has_null;
	char *values; /* aligned to 16 */
	uint8_t *nulls;
	const PmnField *field;
	uint32 length_max; /* bytes that are not too long, however counted */
	size_t width;
	Oid base; /* base type of the attribute */
	FmgrInfo output;
	PfdwNode *node; /* ENCODE_NESTED */
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
	char *first_block; /* kept from batch to batch */
	char *block;	   /* where copies go, block_left bytes of it free */
	Size block_left;
	PfdwNestedEncoder *nested; /* NULL: no field needs it */
	PmnBatch batch;
};

static void field_init(PfdwEncoder *encoder, FieldBuilder *builder,
					   const PfdwColumn *column);
static void reserve_row(PfdwEncoder *encoder);
static EncodeWay choose_way(const FieldBuilder *builder);
static inline void encode_value(PfdwEncoder *encoder, FieldBuilder *builder,
								Datum datum);
static void encode_slowly(PfdwEncoder *encoder, FieldBuilder *builder,
						  Datum datum);
static PmnBytes output_text(FieldBuilder *builder, Datum datum);
static void put_element(FieldBuilder *builder, uint32 row,
						const PmnValue *value);
static inline void put_bytes(PfdwEncoder *encoder, FieldBuilder *builder,
							 PmnBytes bytes);
static char *reserve_bytes(PfdwEncoder *encoder, Size size);
static void encode_nested(PfdwEncoder *encoder, FieldBuilder *builder,
						  Datum datum);
static void put_null(PfdwEncoder *encoder, FieldBuilder *builder);

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
		field_init(encoder, &encoder->fields[columns[i].field], &columns[i]);
		encoder->attnum_max = Max(encoder->attnum_max, columns[i].attnum);
	}
	encoder->first_block = palloc(BYTES_BLOCK_SIZE);
	encoder->block = encoder->first_block;
	encoder->block_left = BYTES_BLOCK_SIZE;
	encoder->batch.column_count = schema->field_count;
	encoder->batch.columns =
		palloc0(Max(schema->field_count, 1) * sizeof(PmnVector));
	return encoder;
}

void
pfdw_encode_slot(PfdwEncoder *encoder, TupleTableSlot *slot, PmnRowKind kind)
{
	bool needs_all = kind == PMN_INSERT || kind == PMN_UPDATE_AFTER;
	uint32 row;

	reserve_row(encoder);
	row = encoder->rows;
	if (encoder->attnum_max > 0)
		slot_getsomeattrs(slot, encoder->attnum_max);
	for (uint32 i = 0; i < encoder->field_count; i++)
	{
		FieldBuilder *builder = &encoder->fields[i];
		AttrNumber attnum = builder->attnum;

		if (attnum > 0 && !slot->tts_isnull[attnum - 1])
		{
			builder->nulls[row] = 0;
			encode_value(encoder, builder, slot->tts_values[attnum - 1]);
			continue;
		}
		if (needs_all && !builder->field->type.is_nullable)
			pfdw_encode_null_error(builder->field->name);
		put_null(encoder, builder);
	}
	encoder->kinds[row] = (uint8_t) kind;
	encoder->rows = row + 1;
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
	encoder->block = encoder->first_block;
	encoder->block_left = BYTES_BLOCK_SIZE;
	encoder->rows = 0;
	encoder->bytes = 0;
	for (uint32 i = 0; i < encoder->field_count; i++)
		encoder->fields[i].has_null = false;
}

static void
field_init(PfdwEncoder *encoder, FieldBuilder *builder,
		   const PfdwColumn *column)
{
	const PmnType *type = &builder->field->type;
	Oid output;
	bool is_varlena;

	builder->attnum = column->attnum;
	builder->base = getBaseType(column->typid);
	builder->length_max =
		type->kind == PMN_TYPE_BLOB || pmn_type_is_nested(type)
			? PG_UINT32_MAX
			: (uint32) Max(type->length, 0);
	builder->way = choose_way(builder);
	if (builder->way == ENCODE_OUTPUT)
	{
		getTypeOutputInfo(builder->base, &output, &is_varlena);
		fmgr_info(output, &builder->output);
	}
	if (builder->way == ENCODE_NESTED)
	{
		builder->node = pfdw_node_create(
			type, column->typid, column->typmod,
			column->name != NULL ? column->name : builder->field->name);
		pfdw_node_check_write(builder->node);
		if (encoder->nested == NULL)
			encoder->nested = pfdw_nested_encoder_create(CurrentMemoryContext);
	}
}

/* Text of the server is valid in its own encoding. */
static EncodeWay
choose_bytes_way(const FieldBuilder *builder)
{
	PmnTypeKind kind = builder->field->type.kind;
	bool is_text = kind == PMN_TYPE_CHAR || kind == PMN_TYPE_VARCHAR;

	switch (builder->base)
	{
		case BYTEAOID:
			return is_text ? ENCODE_ANY : ENCODE_BYTES;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return is_text && GetDatabaseEncoding() == PG_UTF8 ? ENCODE_BYTES
															   : ENCODE_ANY;
		default:
			return ENCODE_OUTPUT;
	}
}

static EncodeWay
choose_way(const FieldBuilder *builder)
{
	const PmnType *type = &builder->field->type;
	Oid base = builder->base;

	if (pmn_type_is_nested(type))
		return ENCODE_NESTED;
	switch (builder->kind)
	{
		case PMN_VECTOR_I32:
			if (type->kind == PMN_TYPE_INT && base == INT4OID)
				return ENCODE_INT4;
			if (type->kind == PMN_TYPE_DATE && base == DATEOID)
				return ENCODE_DATE;
			break;
		case PMN_VECTOR_I64:
			if (type->kind == PMN_TYPE_BIGINT && base == INT8OID)
				return ENCODE_INT8;
			if (type->kind == PMN_TYPE_DECIMAL && base == NUMERICOID)
				return ENCODE_DECIMAL;
			if (type->precision != 6)
				break;
			if (type->kind == PMN_TYPE_TIMESTAMP && base == TIMESTAMPOID)
				return ENCODE_MICROS;
			if (type->kind == PMN_TYPE_TIMESTAMP_LTZ && base == TIMESTAMPTZOID)
				return ENCODE_MICROS;
			break;
		case PMN_VECTOR_F32:
			return base == FLOAT4OID ? ENCODE_FLOAT4 : ENCODE_ANY;
		case PMN_VECTOR_F64:
			return base == FLOAT8OID ? ENCODE_FLOAT8 : ENCODE_ANY;
		case PMN_VECTOR_BYTES:
			return choose_bytes_way(builder);
		case PMN_VECTOR_BOOL:
		case PMN_VECTOR_DEC128:
		case PMN_VECTOR_TS96:
		case PMN_VECTOR_NONE:
			break;
	}
	return ENCODE_ANY;
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

/* What does not fit returns to encode_slowly, which says why. */
static inline void
encode_value(PfdwEncoder *encoder, FieldBuilder *builder, Datum datum)
{
	const PmnType *type = &builder->field->type;
	uint32 row = encoder->rows;
	int32 *ints = (int32 *) builder->values;
	int64 *longs = (int64 *) builder->values;
	struct varlena *varlena;
	PmnBytes bytes;

	switch (builder->way)
	{
		case ENCODE_INT4:
			ints[row] = DatumGetInt32(datum);
			return;
		case ENCODE_INT8:
			longs[row] = DatumGetInt64(datum);
			return;
		case ENCODE_FLOAT4:
			((float *) builder->values)[row] = DatumGetFloat4(datum);
			return;
		case ENCODE_FLOAT8:
			((double *) builder->values)[row] = DatumGetFloat8(datum);
			return;
		case ENCODE_DECIMAL:
			if (pfdw_numeric_unscaled_i64(datum, type->precision, type->scale,
										  &longs[row]))
				return;
			break;
		case ENCODE_DATE:
			if (!DATE_NOT_FINITE(DatumGetDateADT(datum)) &&
				!pg_add_s32_overflow(DatumGetDateADT(datum), PFDW_EPOCH_DAYS,
									 &ints[row]))
				return;
			break;
		case ENCODE_MICROS:
			if (!TIMESTAMP_NOT_FINITE(DatumGetTimestamp(datum)) &&
				!pg_add_s64_overflow(DatumGetTimestamp(datum),
									 PFDW_EPOCH_MICROS, &longs[row]))
				return;
			break;
		case ENCODE_BYTES:
			varlena = PG_DETOAST_DATUM_PACKED(datum);
			bytes.data = (const uint8_t *) VARDATA_ANY(varlena);
			bytes.size = VARSIZE_ANY_EXHDR(varlena);
			put_bytes(encoder, builder, bytes);
			return;
		case ENCODE_NESTED:
			encode_nested(encoder, builder, datum);
			return;
		case ENCODE_ANY:
		case ENCODE_OUTPUT:
			break;
	}
	encode_slowly(encoder, builder, datum);
}

static void
encode_slowly(PfdwEncoder *encoder, FieldBuilder *builder, Datum datum)
{
	PmnValue value;
	PfdwFit fit = PFDW_FIT_OK;

	if (builder->way == ENCODE_OUTPUT)
	{
		PmnBytes text = output_text(builder, datum);

		value.is_null = false;
		if (!pfdw_text_to_lake(text, &value.as.bytes))
			fit = PFDW_FIT_TEXT;
	}
	else
		fit =
			pfdw_value_fit(&builder->field->type, builder->base, datum, &value);
	if (unlikely(fit != PFDW_FIT_OK))
		pfdw_encode_fit_error(builder->field->name, &builder->field->type, fit);
	if (builder->kind == PMN_VECTOR_BYTES)
		put_bytes(encoder, builder, value.as.bytes);
	else
		put_element(builder, encoder->rows, &value);
}

static void
put_null(PfdwEncoder *encoder, FieldBuilder *builder)
{
	uint32 row = encoder->rows;

	builder->nulls[row] = 1;
	builder->has_null = true;
	memset(builder->values + builder->width * row, 0, builder->width);
}

static void
encode_nested(PfdwEncoder *encoder, FieldBuilder *builder, Datum datum)
{
	if (pfdw_nested_encode(encoder->nested, builder->node, datum))
		put_bytes(encoder, builder, pmn_nested_bytes(&encoder->nested->writer));
	else if (!builder->field->type.is_nullable)
		pfdw_encode_null_error(builder->field->name);
	else
		put_null(encoder, builder);
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
		case PMN_VECTOR_BYTES: /* put_bytes */
		case PMN_VECTOR_NONE:
			break;
	}
}

static inline void
put_bytes(PfdwEncoder *encoder, FieldBuilder *builder, PmnBytes bytes)
{
	char *copy;

	if (unlikely(bytes.size > builder->length_max))
		pfdw_encode_check_length(builder->field->name, &builder->field->type,
								 bytes);
	if (likely(bytes.size < encoder->block_left))
	{
		copy = encoder->block;
		encoder->block += bytes.size;
		encoder->block_left -= bytes.size;
	}
	else
		copy = reserve_bytes(encoder, bytes.size);
	memcpy(copy, bytes.data, bytes.size);
	encoder->bytes += bytes.size;
	bytes.data = (const uint8_t *) copy;
	((PmnBytes *) builder->values)[encoder->rows] = bytes;
}

/* VARCHAR(n) counts characters. */
void
pfdw_encode_check_length(const char *name, const PmnType *type, PmnBytes bytes)
{
	bool is_text = pfdw_is_text(type);
	bool is_limited = is_text || type->kind == PMN_TYPE_BINARY ||
					  type->kind == PMN_TYPE_VARBINARY;
	uint32_t length = bytes.size;
	char type_name[128];

	if (!is_limited || length <= (uint32_t) type->length)
		return;
	if (is_text)
	{
		length = 0;
		for (uint32_t i = 0; i < bytes.size; i++)
			length += (bytes.data[i] & 0xC0) != 0x80;
	}
	if (length <= (uint32_t) type->length)
		return;
	ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
					errmsg("value too long for column \"%s\" of type %s", name,
						   pmn_type_name(type, type_name, sizeof(type_name)))));
}

/* Small values share blocks; a large one has its own. */
static char *
reserve_bytes(PfdwEncoder *encoder, Size size)
{
	char *block;

	if (size > BYTES_BLOCK_SIZE / 4)
		return MemoryContextAllocHuge(encoder->batch_context, size);
	block = MemoryContextAlloc(encoder->batch_context, BYTES_BLOCK_SIZE);
	encoder->block = block + size;
	encoder->block_left = BYTES_BLOCK_SIZE - size;
	return block;
}

void
pfdw_encode_null_error(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("null value in column \"%s\" of a lake table violates "
					"not-null constraint",
					name)));
}

void
pfdw_encode_fit_error(const char *name, const PmnType *type, PfdwFit fit)
{
	char type_name[128];
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
	ereport(ERROR, (errcode(sqlstate),
					errmsg("a value for column \"%s\" of type %s %s", name,
						   pmn_type_name(type, type_name, sizeof(type_name)),
						   problem)));
}
