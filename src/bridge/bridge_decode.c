/*
 * bridge_decode.c
 *
 * Batches of storage as arrays of Datums, a column at a time: one switch for
 * a column of a batch, then a tight loop over the rows of its selection.
 *
 * Nothing is copied that need not be. Text and bytea Datums point into the
 * batch itself: storage leaves four bytes free before each value, where the
 * length header goes in place. That two rows may share a value does no harm,
 * as both write the same header. Numerics are made in one block for a
 * column, which is kept from batch to batch. All of them live until the next
 * batch.
 *
 * What a file holds is not trusted: text must be valid UTF-8 without NUL,
 * dates and times within the server's range, or the row is an error that
 * names the column.
 */
#include "bridge_nested.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

typedef enum DecodeKind
{
	DECODE_BOOL,
	DECODE_INT2,
	DECODE_INT4,
	DECODE_INT8,
	DECODE_FLOAT4,
	DECODE_FLOAT8,
	DECODE_NUMERIC_I64,
	DECODE_NUMERIC_I128,
	DECODE_TEXT,
	DECODE_BYTEA,
	DECODE_INPUT, /* text through the type's input function */
	DECODE_DATE,
	DECODE_TIME,
	DECODE_TIMESTAMP_MILLIS,
	DECODE_TIMESTAMP_MICROS,
	DECODE_TIMESTAMP_96,
	DECODE_NESTED
} DecodeKind;

typedef struct PfdwDecoderColumn
{
	DecodeKind kind;
	const PfdwColumn *column;
	char *numeric_block; /* capacity elements */
	FmgrInfo input;		 /* DECODE_INPUT */
	Oid input_param;
	bool is_domain;
	int32 base_typmod;
	void *domain_extra;
	PfdwNode *node;		   /* DECODE_NESTED */
	MemoryContext scratch; /* DECODE_NESTED: of one value */
} PfdwDecoderColumn;

/* One column being decoded: shared arguments of the loops. */
typedef struct DecodeRun
{
	PfdwDecoderColumn *state;
	const void *values;
	const bool *nulls;
	const uint32 *rows; /* NULL: all */
	uint32 count;
	Datum *out;
} DecodeRun;

static void column_init(PfdwDecoderColumn *state, const PfdwColumn *column);
static DecodeKind decode_kind(const PmnType *type, Oid base);
static void reserve_rows(PfdwDecoder *decoder, uint32 rows);
static void decode_nulls(const PmnVector *vector, uint32 row_count,
						 bool *nulls);
static void decode_fixed(const DecodeRun *run);
static void decode_time(const DecodeRun *run);
static void decode_text(const DecodeRun *run);
static void decode_bytea(const DecodeRun *run);
static void decode_input(const DecodeRun *run);
static void decode_nested(const DecodeRun *run);
static void check_domain(PfdwDecoder *decoder, const DecodeRun *run);
static char *column_label(const PfdwColumn *column);
static void time_error(const DecodeRun *run) pg_attribute_noreturn();
static void text_error(const DecodeRun *run) pg_attribute_noreturn();
static void size_error(const DecodeRun *run) pg_attribute_noreturn();

/* Row i of the run. */
#define RUN_ROW(run, i) ((run)->rows == NULL ? (i) : (run)->rows[i])

PfdwDecoder *
pfdw_decoder_create(const PfdwColumn *columns, int count)
{
	PfdwDecoder *decoder = palloc0(sizeof(*decoder));

	decoder->columns = columns;
	decoder->column_count = count;
	decoder->context = CurrentMemoryContext;
	decoder->batch_context = AllocSetContextCreate(
		CurrentMemoryContext, "paimon_fdw batch", ALLOCSET_DEFAULT_SIZES);
	decoder->values = palloc0(Max(count, 1) * sizeof(Datum *));
	decoder->nulls = palloc0(Max(count, 1) * sizeof(bool *));
	decoder->states = palloc0(Max(count, 1) * sizeof(PfdwDecoderColumn));
	for (int i = 0; i < count; i++)
		column_init(&decoder->states[i], &columns[i]);
	return decoder;
}

void
pfdw_decode_batch(PfdwDecoder *decoder, PmnBatch *batch)
{
	MemoryContext old_context;

	if (batch->column_count < (uint32) decoder->column_count)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg_internal("batch has %u columns instead of %d",
								 batch->column_count, decoder->column_count)));
	MemoryContextReset(decoder->batch_context);
	reserve_rows(decoder, batch->row_count);
	old_context = MemoryContextSwitchTo(decoder->batch_context);
	for (int i = 0; i < decoder->column_count; i++)
	{
		PfdwDecoderColumn *state = &decoder->states[i];
		const PmnVector *vector = &batch->columns[i];
		DecodeRun run = {.state = state,
						 .values = vector->values,
						 .nulls = decoder->nulls[i],
						 .rows = batch->selection,
						 .count = batch->selection ? batch->selected_count
												   : batch->row_count,
						 .out = decoder->values[i]};

		if (vector->kind != pmn_type_vector_kind(state->column->type))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg_internal("batch column %d has vector kind %d", i,
									 (int) vector->kind)));
		decode_nulls(vector, batch->row_count, decoder->nulls[i]);
		decode_fixed(&run);
		if (state->is_domain)
			check_domain(decoder, &run);
	}
	MemoryContextSwitchTo(old_context);
}

void
pfdw_decoder_reserve(PfdwDecoder *decoder, uint32 rows)
{
	MemoryContextReset(decoder->batch_context);
	reserve_rows(decoder, rows);
}

static void
column_init(PfdwDecoderColumn *state, const PfdwColumn *column)
{
	Oid base;
	Oid input;

	state->column = column;
	state->base_typmod = column->typmod;
	base = getBaseTypeAndTypmod(column->typid, &state->base_typmod);
	state->is_domain = base != column->typid;
	state->kind = decode_kind(column->type, base);
	if (state->kind == DECODE_INPUT)
	{
		getTypeInputInfo(base, &input, &state->input_param);
		fmgr_info(input, &state->input);
	}
	if (state->kind == DECODE_NESTED)
	{
		state->node = pfdw_node_create(
			column->type, base, state->base_typmod,
			column->name != NULL ? column->name
								 : psprintf("number %d", column->attnum));
		state->scratch = AllocSetContextCreate(
			CurrentMemoryContext, "paimon_fdw value", ALLOCSET_DEFAULT_SIZES);
	}
}

static DecodeKind
decode_kind(const PmnType *type, Oid base)
{
	if (pmn_type_is_nested(type))
		return DECODE_NESTED;
	switch (pmn_type_vector_kind(type))
	{
		case PMN_VECTOR_BOOL:
			return DECODE_BOOL;
		case PMN_VECTOR_I32:
			if (type->kind == PMN_TYPE_DATE)
				return DECODE_DATE;
			if (type->kind == PMN_TYPE_TIME)
				return DECODE_TIME;
			return base == INT2OID ? DECODE_INT2 : DECODE_INT4;
		case PMN_VECTOR_I64:
			if (type->kind == PMN_TYPE_BIGINT)
				return DECODE_INT8;
			if (type->kind == PMN_TYPE_DECIMAL)
				return DECODE_NUMERIC_I64;
			return type->precision <= 3 ? DECODE_TIMESTAMP_MILLIS
										: DECODE_TIMESTAMP_MICROS;
		case PMN_VECTOR_F32:
			return DECODE_FLOAT4;
		case PMN_VECTOR_F64:
			return DECODE_FLOAT8;
		case PMN_VECTOR_DEC128:
			return DECODE_NUMERIC_I128;
		case PMN_VECTOR_TS96:
			return DECODE_TIMESTAMP_96;
		case PMN_VECTOR_BYTES:
			if (base == BYTEAOID)
				return DECODE_BYTEA;
			return base == TEXTOID || base == VARCHAROID ? DECODE_TEXT
														 : DECODE_INPUT;
		case PMN_VECTOR_NONE:
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg_internal("type kind %d has no vector", (int) type->kind)));
}

/* Make room for the Datums of a batch; storage gives 8192 rows at most. */
static void
reserve_rows(PfdwDecoder *decoder, uint32 rows)
{
	MemoryContext old_context;

	if (rows <= decoder->capacity)
		return;
	rows = Max(rows, PMN_BATCH_ROWS);
	old_context = MemoryContextSwitchTo(decoder->context);
	for (int i = 0; i < decoder->column_count; i++)
	{
		PfdwDecoderColumn *state = &decoder->states[i];

		if (decoder->capacity != 0)
		{
			pfree(decoder->values[i]);
			pfree(decoder->nulls[i]);
			if (state->numeric_block != NULL)
				pfree(state->numeric_block);
		}
		decoder->values[i] = palloc(rows * sizeof(Datum));
		decoder->nulls[i] = palloc(rows * sizeof(bool));
		if (state->kind == DECODE_NUMERIC_I64)
			state->numeric_block = palloc(rows * PFDW_NUMERIC_SIZE_I64);
		else if (state->kind == DECODE_NUMERIC_I128)
			state->numeric_block = palloc(rows * PFDW_NUMERIC_SIZE_I128);
	}
	decoder->capacity = rows;
	MemoryContextSwitchTo(old_context);
}

static void
decode_nulls(const PmnVector *vector, uint32 row_count, bool *nulls)
{
	StaticAssertStmt(sizeof(bool) == 1, "nulls are copied as bytes");
	if (vector->nulls == NULL)
		memset(nulls, 0, row_count);
	else
		memcpy(nulls, vector->nulls, row_count);
}

/*
 * Types that need no check are decoded for null rows, too: a branch less,
 * and their elements are defined.
 */
#define DECODE_EACH(run, element_type, datum)                                  \
	do                                                                         \
	{                                                                          \
		const element_type *source = (run)->values;                            \
		Datum *out = (run)->out;                                               \
		uint32 count = (run)->count;                                           \
                                                                               \
		if ((run)->rows == NULL)                                               \
		{                                                                      \
			for (uint32 i = 0; i < count; i++)                                 \
				out[i] = datum(source[i]);                                     \
		}                                                                      \
		else                                                                   \
		{                                                                      \
			const uint32 *rows = (run)->rows;                                  \
                                                                               \
			for (uint32 i = 0; i < count; i++)                                 \
				out[rows[i]] = datum(source[rows[i]]);                         \
		}                                                                      \
	} while (0)

#define BOOL_DATUM(value) BoolGetDatum((value) != 0)
#define INT2_DATUM(value) Int16GetDatum((int16) (value))

static void
decode_fixed(const DecodeRun *run)
{
	switch (run->state->kind)
	{
		case DECODE_BOOL:
			DECODE_EACH(run, uint8, BOOL_DATUM);
			break;
		case DECODE_INT2:
			DECODE_EACH(run, int32, INT2_DATUM);
			break;
		case DECODE_INT4:
			DECODE_EACH(run, int32, Int32GetDatum);
			break;
		case DECODE_INT8:
			DECODE_EACH(run, int64, Int64GetDatum);
			break;
		case DECODE_FLOAT4:
			DECODE_EACH(run, float4, Float4GetDatum);
			break;
		case DECODE_FLOAT8:
			DECODE_EACH(run, float8, Float8GetDatum);
			break;
		case DECODE_NUMERIC_I64:
			pfdw_numeric_column_i64(run->values, run->nulls, run->rows,
									run->count, run->state->column->type->scale,
									run->state->numeric_block, run->out);
			break;
		case DECODE_NUMERIC_I128:
			pfdw_numeric_column_i128(run->values, run->nulls, run->rows,
									 run->count,
									 run->state->column->type->scale,
									 run->state->numeric_block, run->out);
			break;
		case DECODE_TEXT:
			decode_text(run);
			break;
		case DECODE_BYTEA:
			decode_bytea(run);
			break;
		case DECODE_INPUT:
			decode_input(run);
			break;
		case DECODE_NESTED:
			decode_nested(run);
			break;
		case DECODE_DATE:
		case DECODE_TIME:
		case DECODE_TIMESTAMP_MILLIS:
		case DECODE_TIMESTAMP_MICROS:
		case DECODE_TIMESTAMP_96:
			decode_time(run);
			break;
	}
}

/* Loop over the rows that are not null; convert is false out of range. */
#define DECODE_CHECKED(run, element_type, pg_type, convert, datum)             \
	do                                                                         \
	{                                                                          \
		const element_type *source = (run)->values;                            \
                                                                               \
		for (uint32 i = 0; i < (run)->count; i++)                              \
		{                                                                      \
			uint32 row = RUN_ROW(run, i);                                      \
			pg_type value;                                                     \
                                                                               \
			if ((run)->nulls[row])                                             \
				continue;                                                      \
			if (unlikely(!convert(source[row], &value)))                       \
				time_error(run);                                               \
			(run)->out[row] = datum(value);                                    \
		}                                                                      \
	} while (0)

static void
decode_time(const DecodeRun *run)
{
	switch ((int) run->state->kind)
	{
		case DECODE_DATE:
			DECODE_CHECKED(run, int32, DateADT, pfdw_date_to_pg,
						   DateADTGetDatum);
			break;
		case DECODE_TIME:
			DECODE_CHECKED(run, int32, TimeADT, pfdw_time_to_pg,
						   TimeADTGetDatum);
			break;
		case DECODE_TIMESTAMP_MILLIS:
			DECODE_CHECKED(run, int64, int64, pfdw_millis_to_pg,
						   TimestampGetDatum);
			break;
		case DECODE_TIMESTAMP_MICROS:
			DECODE_CHECKED(run, int64, int64, pfdw_micros_to_pg,
						   TimestampGetDatum);
			break;
		default:
			DECODE_CHECKED(run, PmnTimestamp, int64, pfdw_ts96_to_pg,
						   TimestampGetDatum);
			break;
	}
}

#define WORD_ONES UINT64CONST(0x0101010101010101)
#define WORD_HIGH UINT64CONST(0x8080808080808080)

/* Non-zero when a byte of the word is zero or above 127. */
static inline uint64
odd_bytes(uint64 word)
{
	return (word | ((word - WORD_ONES) & ~word)) & WORD_HIGH;
}

/*
 * Whether all bytes are ASCII and not NUL, eight at a time. The last word
 * overlaps the one before instead of looping over a rest.
 */
static inline bool
is_plain_ascii(const uint8_t *data, uint32 size)
{
	uint64 odd = 0;
	uint64 word;

	if (size < sizeof(word))
	{
		word = WORD_ONES; /* ones where there is no byte */
		memcpy(&word, data, size);
		return odd_bytes(word) == 0;
	}
	for (uint32 i = 0; i + sizeof(word) <= size; i += sizeof(word))
	{
		memcpy(&word, data + i, sizeof(word));
		odd |= odd_bytes(word);
	}
	memcpy(&word, data + size - sizeof(word), sizeof(word));
	return (odd | odd_bytes(word)) == 0;
}

/* The length header before the value makes it a varlena in place. */
static inline Datum
varlena_in_place(PmnBytes bytes)
{
	char *header = (char *) unconstify(uint8_t *, bytes.data) - VARHDRSZ;

	StaticAssertStmt(PMN_BYTES_HEADROOM >= VARHDRSZ,
					 "no room for a varlena header");
	SET_VARSIZE(header, (Size) bytes.size + VARHDRSZ);
	return PointerGetDatum(header);
}

static void
decode_text(const DecodeRun *run)
{
	const PmnBytes *source = run->values;

	for (uint32 i = 0; i < run->count; i++)
	{
		uint32 row = RUN_ROW(run, i);
		PmnBytes bytes = source[row];
		PmnBytes text;

		if (run->nulls[row])
			continue;
		if (unlikely(bytes.size > MaxAllocSize - VARHDRSZ))
			size_error(run);
		if (unlikely(bytes.data == NULL))
			run->out[row] = PointerGetDatum(cstring_to_text(""));
		else if (likely(is_plain_ascii(bytes.data, bytes.size)))
			run->out[row] = varlena_in_place(bytes);
		else if (!pfdw_text_from_lake(bytes, &text))
			text_error(run);
		else if (text.data == bytes.data)
			run->out[row] = varlena_in_place(bytes);
		else
			run->out[row] = PointerGetDatum(cstring_to_text_with_len(
				(const char *) text.data, (int) text.size));
	}
}

static void
decode_bytea(const DecodeRun *run)
{
	const PmnBytes *source = run->values;

	for (uint32 i = 0; i < run->count; i++)
	{
		uint32 row = RUN_ROW(run, i);
		PmnBytes bytes = source[row];

		if (run->nulls[row])
			continue;
		if (unlikely(bytes.size > MaxAllocSize - VARHDRSZ))
			size_error(run);
		if (unlikely(bytes.data == NULL))
			run->out[row] = PointerGetDatum(cstring_to_text(""));
		else
			run->out[row] = varlena_in_place(bytes);
	}
}

static void
decode_input(const DecodeRun *run)
{
	PfdwDecoderColumn *state = run->state;
	const PmnBytes *source = run->values;

	for (uint32 i = 0; i < run->count; i++)
	{
		uint32 row = RUN_ROW(run, i);
		PmnBytes text;
		char *string;

		if (run->nulls[row])
			continue;
		if (source[row].size > MaxAllocSize - VARHDRSZ)
			size_error(run);
		if (!pfdw_text_from_lake(source[row], &text))
			text_error(run);
		string = pnstrdup((const char *) text.data, text.size);
		run->out[row] = InputFunctionCall(
			&state->input, string, state->input_param, state->base_typmod);
	}
}

/* What making a value leaves behind goes at once; the value is copied. */
static void
decode_nested(const DecodeRun *run)
{
	PfdwDecoderColumn *state = run->state;
	const PmnBytes *source = run->values;
	MemoryContext batch_context = CurrentMemoryContext;

	for (uint32 i = 0; i < run->count; i++)
	{
		uint32 row = RUN_ROW(run, i);
		Datum made;

		if (run->nulls[row])
			continue;
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(state->scratch);
		made = pfdw_nested_decode(state->node, source[row]);
		MemoryContextSwitchTo(batch_context);
		run->out[row] = datumCopy(made, false, -1);
		MemoryContextReset(state->scratch);
	}
}

/* A domain's constraints hold for what is read, as for what is stored. */
static void
check_domain(PfdwDecoder *decoder, const DecodeRun *run)
{
	for (uint32 i = 0; i < run->count; i++)
	{
		uint32 row = RUN_ROW(run, i);

		domain_check(run->out[row], run->nulls[row], run->state->column->typid,
					 &run->state->domain_extra, decoder->context);
	}
}

static char *
column_label(const PfdwColumn *column)
{
	if (column->name != NULL)
		return psprintf("\"%s\"", column->name);
	return psprintf("number %d", column->attnum);
}

static void
time_error(const DecodeRun *run)
{
	char name[128];

	ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					errmsg("a value of column %s is out of the range of %s",
						   column_label(run->state->column),
						   format_type_be(run->state->column->typid)),
					errdetail("The lake's type is %s.",
							  pmn_type_name(run->state->column->type, name,
											sizeof(name)))));
}

static void
text_error(const DecodeRun *run)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
		 errmsg("a value of column %s is not text that encoding \"%s\" "
				"can hold",
				column_label(run->state->column), GetDatabaseEncodingName()),
		 errhint("A column declared as bytea shows the bytes as they are.")));
}

static void
size_error(const DecodeRun *run)
{
	ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("a value of column %s is longer than 1 GB",
						   column_label(run->state->column))));
}
