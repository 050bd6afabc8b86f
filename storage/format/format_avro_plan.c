/*
 * format_avro_plan.c
 *
 * From the file's schema and the columns asked for to steps. A record has its
 * fields one after the other without lengths, so each field up to the last
 * has a step: wanted ones a step of their own, all between two wanted ones
 * a single step that runs the codec's program for reading over values.
 *
 * Fields match by exact name. A field may be a union of null with one type, in
 * either order; Paimon writes null first. Types must be the ones that Paimon
 * writes for the table's type, with a little lenience where nothing can be
 * misread: int for BIGINT, float for DOUBLE, fixed for bytes and decimals,
 * string and bytes for each other, timestamps in any unit. Anything else is
 * PMN_CORRUPT with both types in the message. Nested types are planned by
 * format_avro_nested.c, with steps for what is in them.
 */
#include "format_avro.h"

PmnCode
avro_refuse_type(AvroColumnReader *reader, const char *name,
				 const PmnType *type, const AvroSchema *schema)
{
	char avro_name[64];
	char type_name[128];

	return pmn_fail(reader->base.env, PMN_CORRUPT,
					"column \"%.200s\" of file \"%s\" is Avro %s, its table "
					"type is %s",
					name, reader->program.file_name,
					pmn_avro_type_name(schema, avro_name, sizeof(avro_name)),
					pmn_type_name(type, type_name, sizeof(type_name)));
}

/* ---- the kind of a step; SKIP when the types do not go together -------- */

static AvroStepKind
integer_step(PmnTypeKind kind, const AvroSchema *schema)
{
	if (schema->logical != AVRO_LOGICAL_NONE)
		return AVRO_STEP_SKIP;
	if (kind == PMN_TYPE_BIGINT)
		return schema->type == AVRO_LONG  ? AVRO_STEP_BIGINT
			   : schema->type == AVRO_INT ? AVRO_STEP_INT_TO_BIGINT
										  : AVRO_STEP_SKIP;
	if (schema->type != AVRO_INT)
		return AVRO_STEP_SKIP;
	return kind == PMN_TYPE_TINYINT	   ? AVRO_STEP_TINYINT
		   : kind == PMN_TYPE_SMALLINT ? AVRO_STEP_SMALLINT
									   : AVRO_STEP_INT;
}

static AvroStepKind
float_step(PmnTypeKind kind, const AvroSchema *schema)
{
	if (schema->type == AVRO_FLOAT)
		return kind == PMN_TYPE_FLOAT ? AVRO_STEP_FLOAT
									  : AVRO_STEP_FLOAT_TO_DOUBLE;
	return schema->type == AVRO_DOUBLE && kind == PMN_TYPE_DOUBLE
			   ? AVRO_STEP_DOUBLE
			   : AVRO_STEP_SKIP;
}

/* Bytes that are no decimal by name still hold unscaled values, as for
 * Paimon's reader; a scale that is given must agree. */
static AvroStepKind
decimal_step(const PmnType *type, const AvroSchema *schema,
			 AvroColumnStep *step)
{
	bool is_wide = type->precision > 18;

	if (schema->logical == AVRO_LOGICAL_DECIMAL && schema->scale != type->scale)
		return AVRO_STEP_SKIP;
	step->limit = 1;
	for (int32_t i = 0; i < type->precision && i < PMN_DECIMAL_PRECISION_MAX;
		 i++)
		step->limit *= 10;
	if (schema->type == AVRO_BYTES)
		return is_wide ? AVRO_STEP_DECIMAL128 : AVRO_STEP_DECIMAL;
	if (schema->type != AVRO_FIXED || schema->logical != AVRO_LOGICAL_DECIMAL)
		return AVRO_STEP_SKIP;
	return is_wide ? AVRO_STEP_FIXED_DECIMAL128 : AVRO_STEP_FIXED_DECIMAL;
}

static AvroStepKind
bytes_step(const AvroSchema *schema)
{
	if (schema->logical != AVRO_LOGICAL_NONE)
		return AVRO_STEP_SKIP;
	if (schema->type == AVRO_STRING || schema->type == AVRO_BYTES)
		return AVRO_STEP_BYTES;
	return schema->type == AVRO_FIXED ? AVRO_STEP_FIXED_BYTES : AVRO_STEP_SKIP;
}

static AvroStepKind
time_step(const AvroSchema *schema)
{
	if (schema->type == AVRO_INT &&
		(schema->logical == AVRO_LOGICAL_TIME_MILLIS ||
		 schema->logical == AVRO_LOGICAL_NONE))
		return AVRO_STEP_INT;
	return schema->logical == AVRO_LOGICAL_TIME_MICROS ? AVRO_STEP_TIME_OF_DAY
													   : AVRO_STEP_SKIP;
}

/* Paimon's names are the wrong way round ("timestamp-" for TIMESTAMP without
 * zone), so only the unit counts. */
static AvroStepKind
timestamp_step(const PmnType *type, const AvroSchema *schema,
			   AvroColumnStep *step)
{
	int64_t to = type->precision <= 3 ? 1000 : 1000000;
	int64_t from = 0; /* ticks a second */

	if (schema->type != AVRO_LONG)
		return AVRO_STEP_SKIP;
	if (schema->logical == AVRO_LOGICAL_NONE)
		from = to;
	else if (schema->logical == AVRO_LOGICAL_TIMESTAMP_MILLIS)
		from = 1000;
	else if (schema->logical == AVRO_LOGICAL_TIMESTAMP_MICROS)
		from = 1000000;
	else if (schema->logical == AVRO_LOGICAL_TIMESTAMP_NANOS)
		from = 1000000000;
	if (from == 0)
		return AVRO_STEP_SKIP;
	if (type->precision > 6)
	{
		step->factor = from / 1000;
		return AVRO_STEP_TIMESTAMP;
	}
	step->factor = from > to ? from / to : to / from;
	return from == to ? AVRO_STEP_BIGINT
					  : (from > to ? AVRO_STEP_DIVIDE : AVRO_STEP_MULTIPLY);
}

static AvroStepKind
find_step(const PmnType *type, const AvroSchema *schema, AvroColumnStep *step)
{
	switch (type->kind)
	{
		case PMN_TYPE_BOOLEAN:
			return schema->type == AVRO_BOOLEAN ? AVRO_STEP_BOOLEAN
												: AVRO_STEP_SKIP;
		case PMN_TYPE_TINYINT:
		case PMN_TYPE_SMALLINT:
		case PMN_TYPE_INT:
		case PMN_TYPE_BIGINT:
			return integer_step(type->kind, schema);
		case PMN_TYPE_FLOAT:
		case PMN_TYPE_DOUBLE:
			return float_step(type->kind, schema);
		case PMN_TYPE_DECIMAL:
			return decimal_step(type, schema, step);
		case PMN_TYPE_CHAR:
		case PMN_TYPE_VARCHAR:
		case PMN_TYPE_BINARY:
		case PMN_TYPE_VARBINARY:
		case PMN_TYPE_BLOB:
			return bytes_step(schema);
		case PMN_TYPE_DATE:
			return schema->type == AVRO_INT &&
						   (schema->logical == AVRO_LOGICAL_DATE ||
							schema->logical == AVRO_LOGICAL_NONE)
					   ? AVRO_STEP_INT
					   : AVRO_STEP_SKIP;
		case PMN_TYPE_TIME:
			return time_step(schema);
		case PMN_TYPE_TIMESTAMP:
		case PMN_TYPE_TIMESTAMP_LTZ:
			return timestamp_step(type, schema, step);
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_MULTISET:
		case PMN_TYPE_MAP:
		case PMN_TYPE_ROW:
		case PMN_TYPE_VARIANT:
		case PMN_TYPE_VECTOR:
		case PMN_TYPE_GEOMETRY:
		case PMN_TYPE_GEOGRAPHY:
			break;
	}
	return AVRO_STEP_SKIP;
}

/* ---- unions ------------------------------------------------------------ */

/* The branches 0 and 1 are written as the bytes 0 and 2. */
const AvroSchema *
avro_strip_null(const AvroSchema *schema, AvroColumnStep *step)
{
	step->is_optional = false;
	step->null_byte = 0;
	step->value_byte = 2;
	if (schema->type != AVRO_UNION || schema->member_count != 2)
		return schema;
	for (uint32_t i = 0; i < 2; i++)
	{
		if (schema->members[i].type->type != AVRO_NULL)
			continue;
		step->is_optional = true;
		step->null_byte = (uint8_t) (2 * i);
		step->value_byte = step->null_byte ^ 2;
		return schema->members[1 - i].type;
	}
	return schema;
}

PmnCode
avro_plan_step(AvroColumnReader *reader, const char *name, const PmnType *type,
			   const AvroSchema *schema, AvroColumnStep *step)
{
	const AvroSchema *value = avro_strip_null(schema, step);

	step->argument = value->fixed_size;
	if (pmn_type_is_nested(type))
	{
		step->kind = AVRO_STEP_NESTED;
		return avro_plan_nested(reader, name, type, value, &step->node);
	}
	step->kind = (uint8_t) find_step(type, value, step);
	return step->kind == AVRO_STEP_SKIP
			   ? avro_refuse_type(reader, name, type, value)
			   : PMN_OK;
}

/* ---- columns ----------------------------------------------------------- */

static PmnCode
plan_value(AvroColumnReader *reader, uint32_t column, const AvroSchema *schema)
{
	const PmnFormatColumn *wanted = &reader->columns[column];
	AvroColumnStep *step = &reader->steps[reader->step_count];

	if (!reader->is_missing[column])
		return pmn_fail(reader->base.env, PMN_CORRUPT,
						"file \"%s\" has column \"%s\" twice",
						reader->program.file_name, wanted->name);
	PMN_TRY(avro_plan_step(reader, wanted->name, &wanted->type, schema, step));
	step->column = column;
	step->nulls = reader->vectors[column].nulls;
	step->values = reader->vectors[column].values;
	reader->is_missing[column] = false;
	reader->step_count++;
	return PMN_OK;
}

static PmnCode
plan_skip(AvroColumnReader *reader, const AvroMember *members, uint32_t count)
{
	AvroColumnStep *step = &reader->steps[reader->step_count];

	if (count == 0)
		return PMN_OK;
	step->kind = AVRO_STEP_SKIP;
	PMN_TRY(pmn_avro_compile_skip(&reader->program, reader->arena, members,
								  count, &step->argument));
	reader->step_count++;
	return PMN_OK;
}

static int32_t
find_column(const AvroColumnReader *reader, const char *name)
{
	for (uint32_t i = 0; i < reader->column_count; i++)
		if (strcmp(reader->columns[i].name, name) == 0)
			return (int32_t) i;
	return -1;
}

static PmnCode
check_columns(AvroColumnReader *reader)
{
	char type_name[128];

	for (uint32_t i = 0; i < reader->column_count; i++)
	{
		const PmnFormatColumn *column = &reader->columns[i];

		if (pmn_type_vector_kind(&column->type) == PMN_VECTOR_NONE)
			return pmn_fail(
				reader->base.env, PMN_UNSUPPORTED,
				"column \"%s\" of file \"%s\" has type %s, which is not "
				"supported",
				column->name, reader->program.file_name,
				pmn_type_name(&column->type, type_name, sizeof(type_name)));
		if (find_column(reader, column->name) != (int32_t) i)
			return pmn_fail(reader->base.env, PMN_INVALID,
							"column \"%s\" is asked for twice", column->name);
	}
	return PMN_OK;
}

static PmnCode
plan_record(AvroColumnReader *reader, const AvroSchema *record)
{
	uint32_t first_skipped = 0;

	for (uint32_t i = 0; i < record->member_count; i++)
	{
		int32_t column = find_column(reader, record->members[i].name);

		if (column < 0)
			continue;
		PMN_TRY(plan_skip(reader, record->members + first_skipped,
						  i - first_skipped));
		PMN_TRY(plan_value(reader, (uint32_t) column, record->members[i].type));
		first_skipped = i + 1;
	}
	return plan_skip(reader, record->members + first_skipped,
					 record->member_count - first_skipped);
}

PmnCode
avro_plan(AvroColumnReader *reader)
{
	AvroColumnStep root = {0};
	const AvroSchema *record = avro_strip_null(reader->schema, &root);

	reader->root_is_optional = root.is_optional;
	reader->root_value_byte = root.value_byte;
	if (record->type != AVRO_RECORD)
		return pmn_fail(reader->base.env, PMN_CORRUPT,
						"file \"%s\" holds no records",
						reader->program.file_name);
	PMN_TRY(check_columns(reader));
	reader->steps =
		pmn_arena_alloc(reader->arena, (2 * (size_t) reader->column_count + 1) *
										   sizeof(AvroColumnStep));
	if (reader->steps == NULL)
		return PMN_NO_MEMORY;
	return plan_record(reader, record);
}
