/*
 * codec_avro_compile.c
 *
 * Schema resolution, done once for a file: the file's schema and the
 * caller's PmnAvroRecord become a flat list of steps that the interpreter
 * runs for every record. Nested records vanish, because their members have a
 * fixed place in the outermost struct; only arrays keep a list of their own.
 *
 * By Avro's rules fields match by name, a field the struct lacks is read over,
 * a nullable one the file lacks stays null (a required one is an error), and
 * int widens to long, float and double, long to float and double, float to
 * double, bytes and string to each other. A union in the file is matched
 * branch by branch, so that a value nobody can take fails only when it
 * occurs.
 */
#include "codec_avro_internal.h"

/* Where a value goes. */
typedef struct Target
{
	PmnAvroKind kind;
	uint32_t offset;
	uint32_t present_offset; /* AVRO_NO_OFFSET: none */
	bool accepts_null;
	bool null_is_long;			 /* store PMN_AVRO_NULL_LONG */
	const PmnAvroField *field;	 /* its record and item_* members */
	const PmnAvroRecord *record; /* RECORD, or an ARRAY's items */
} Target;

typedef struct Compiler
{
	AvroProgram *program;
	PmnArena *arena;
	PmnEnv *env;
} Compiler;

static PmnCode compile_value(Compiler *compiler, const AvroSchema *schema,
							 const Target *target);
static PmnCode compile_record(Compiler *compiler, const AvroSchema *schema,
							  const PmnAvroRecord *record, uint32_t base);
static PmnCode compile_skip(Compiler *compiler, const AvroSchema *schema);

/* Ops that read scalars, by type in the file and kind in the struct. */
static const uint8_t scalar_ops[AVRO_STRING + 1][PMN_AVRO_STRING + 1] = {
	[AVRO_BOOLEAN][PMN_AVRO_BOOLEAN] = OP_BOOLEAN,
	[AVRO_INT][PMN_AVRO_INT] = OP_INT,
	[AVRO_INT][PMN_AVRO_LONG] = OP_INT_AS_LONG,
	[AVRO_INT][PMN_AVRO_FLOAT] = OP_INT_AS_FLOAT,
	[AVRO_INT][PMN_AVRO_DOUBLE] = OP_INT_AS_DOUBLE,
	[AVRO_LONG][PMN_AVRO_LONG] = OP_LONG,
	[AVRO_LONG][PMN_AVRO_FLOAT] = OP_LONG_AS_FLOAT,
	[AVRO_LONG][PMN_AVRO_DOUBLE] = OP_LONG_AS_DOUBLE,
	[AVRO_FLOAT][PMN_AVRO_FLOAT] = OP_FLOAT,
	[AVRO_FLOAT][PMN_AVRO_DOUBLE] = OP_FLOAT_AS_DOUBLE,
	[AVRO_DOUBLE][PMN_AVRO_DOUBLE] = OP_DOUBLE,
	[AVRO_BYTES][PMN_AVRO_BYTES] = OP_BYTES,
	[AVRO_BYTES][PMN_AVRO_STRING] = OP_STRING,
	[AVRO_STRING][PMN_AVRO_BYTES] = OP_BYTES,
	[AVRO_STRING][PMN_AVRO_STRING] = OP_STRING,
};

size_t
pmn_avro_item_size(PmnAvroKind kind, const PmnAvroRecord *record)
{
	switch (kind)
	{
		case PMN_AVRO_BOOLEAN:
			return sizeof(bool);
		case PMN_AVRO_INT:
			return sizeof(int32_t);
		case PMN_AVRO_LONG:
			return sizeof(int64_t);
		case PMN_AVRO_FLOAT:
			return sizeof(float);
		case PMN_AVRO_DOUBLE:
			return sizeof(double);
		case PMN_AVRO_BYTES:
		case PMN_AVRO_STRING:
			return sizeof(PmnBytes);
		case PMN_AVRO_RECORD:
			return record->size;
		case PMN_AVRO_ARRAY:
			break;
	}
	PMN_ASSERT(!"an array of arrays has no C form");
	return 0;
}

/* A few shared types, each made of two of the one before, grow to 2^n. */
static PmnCode
count_visit(Compiler *compiler)
{
	if (++compiler->program->visit_count > PMN_AVRO_NODE_COUNT_MAX)
		return pmn_fail(compiler->env, PMN_CORRUPT,
						"the Avro schema of file \"%s\" is too large",
						compiler->program->file_name);
	return PMN_OK;
}

static PmnCode
emit(Compiler *compiler, AvroStep step, uint32_t *position)
{
	AvroProgram *program = compiler->program;

	PMN_TRY(pmn_array_reserve(compiler->env, &program->steps, 1));
	if (position != NULL)
		*position = (uint32_t) program->steps.count;
	program->steps.items[program->steps.count++] = step;
	return PMN_OK;
}

static PmnCode
emit_op(Compiler *compiler, AvroOp op, uint32_t offset, uint32_t arg)
{
	AvroStep step = {.op = (uint8_t) op, .offset = offset, .arg = arg};

	return emit(compiler, step, NULL);
}

/* Let the step at position go on behind the last one. */
static void
point_here(Compiler *compiler, uint32_t position)
{
	compiler->program->steps.items[position].target =
		(uint32_t) compiler->program->steps.count;
}

static PmnCode
mismatch(Compiler *compiler, const Target *target)
{
	return pmn_fail(compiler->env, PMN_CORRUPT,
					"field \"%s\" of file \"%s\" has another type than it "
					"should",
					target->field->name, compiler->program->file_name);
}

/* The items of an array (target NULL: to be skipped). */
static PmnCode
compile_items(Compiler *compiler, const AvroSchema *schema,
			  const Target *target)
{
	AvroProgram *program = compiler->program;
	AvroStep step = {.op = target != NULL ? OP_ARRAY : OP_SKIP_ARRAY};
	AvroArrayPlan plan = {.is_map = schema->type == AVRO_MAP};
	uint32_t position;

	plan.min_size = schema->items->min_size;
	if (plan.is_map && plan.min_size < UINT32_MAX)
		plan.min_size++; /* its key */
	step.offset = target != NULL ? target->offset : 0;
	step.arg = (uint32_t) program->arrays.count;
	PMN_TRY(pmn_array_reserve(compiler->env, &program->arrays, 1));
	program->arrays.count++;
	/* The items' steps stand behind the array's own; it jumps over them. */
	PMN_TRY(emit(compiler, step, &position));
	plan.start = (uint32_t) program->steps.count;
	if (target == NULL)
		PMN_TRY(compile_skip(compiler, schema->items));
	else
	{
		const PmnAvroField *field = target->field;
		Target item = {.kind = field->item_kind,
					   .present_offset = AVRO_NO_OFFSET,
					   .accepts_null = field->item_nullable,
					   .null_is_long = field->item_kind == PMN_AVRO_LONG,
					   .field = field,
					   .record = field->record};

		plan.item_size =
			(uint32_t) pmn_avro_item_size(field->item_kind, field->record);
		PMN_TRY(compile_value(compiler, schema->items, &item));
	}
	PMN_TRY(emit_op(compiler, OP_END, 0, 0));
	point_here(compiler, position);
	program->arrays.items[step.arg] = plan;
	return PMN_OK;
}

/* Whether a value of this type could go to the target at all. */
static bool
fits(const AvroSchema *schema, const Target *target)
{
	if (schema->type == AVRO_RECORD)
		return target->kind == PMN_AVRO_RECORD;
	if (schema->type == AVRO_ARRAY)
		return target->kind == PMN_AVRO_ARRAY;
	return schema->type <= AVRO_STRING && target->kind <= PMN_AVRO_STRING &&
		   scalar_ops[schema->type][target->kind] != OP_END;
}

/* A value that is no union and not null. */
static PmnCode
compile_plain(Compiler *compiler, const AvroSchema *schema,
			  const Target *target)
{
	if (!fits(schema, target))
		return mismatch(compiler, target);
	if (schema->type == AVRO_RECORD)
		return compile_record(compiler, schema, target->record, target->offset);
	if (schema->type == AVRO_ARRAY)
		return compile_items(compiler, schema, target);
	return emit_op(compiler, scalar_ops[schema->type][target->kind],
				   target->offset, 0);
}

static PmnCode
compile_null(Compiler *compiler, const Target *target)
{
	if (!target->accepts_null)
		return emit_op(compiler, OP_FAIL, 0, 0);
	if (target->null_is_long)
		return emit_op(compiler, OP_NULL_LONG, target->offset, 0);
	return PMN_OK;
}

/* ["null", T] or [T, "null"], the common unions. */
static PmnCode
compile_option(Compiler *compiler, const AvroSchema *schema,
			   uint32_t null_branch, const Target *target)
{
	AvroStep option = {.op = OP_OPTION,
					   .null_branch = (uint8_t) null_branch,
					   .offset = AVRO_NO_OFFSET};
	AvroStep jump = {.op = OP_JUMP};
	const AvroSchema *value = schema->members[1 - null_branch].type;
	uint32_t option_at;
	uint32_t jump_at;

	if (target != NULL)
		option.offset = target->present_offset;
	PMN_TRY(emit(compiler, option, &option_at));
	if (target == NULL)
		PMN_TRY(compile_skip(compiler, value));
	else
		PMN_TRY(compile_plain(compiler, value, target));
	if (target == NULL || (target->accepts_null && !target->null_is_long))
	{
		point_here(compiler, option_at);
		return PMN_OK;
	}
	PMN_TRY(emit(compiler, jump, &jump_at));
	point_here(compiler, option_at);
	PMN_TRY(compile_null(compiler, target));
	point_here(compiler, jump_at);
	return PMN_OK;
}

/* One branch of a union of any shape. */
static PmnCode
compile_branch(Compiler *compiler, const AvroSchema *schema,
			   const Target *target)
{
	if (target == NULL)
		return compile_skip(compiler, schema);
	PMN_TRY(count_visit(compiler));
	if (schema->type == AVRO_NULL)
		return compile_null(compiler, target);
	if (!fits(schema, target))
		return emit_op(compiler, OP_FAIL, 0, 0);
	if (target->present_offset != AVRO_NO_OFFSET)
		PMN_TRY(emit_op(compiler, OP_MARK, target->present_offset, 0));
	return compile_plain(compiler, schema, target);
}

/*
 * OP_UNION, one jump for each branch, then the branches, each followed by a
 * jump to the end.
 */
static PmnCode
compile_union(Compiler *compiler, const AvroSchema *schema,
			  const Target *target)
{
	uint32_t count = schema->member_count;
	AvroStep jump = {.op = OP_JUMP};
	uint32_t *exits;
	uint32_t table;

	if (count == 2 && schema->members[0].type->type == AVRO_NULL)
		return compile_option(compiler, schema, 0, target);
	if (count == 2 && schema->members[1].type->type == AVRO_NULL)
		return compile_option(compiler, schema, 1, target);
	exits = pmn_arena_alloc(compiler->arena, count * sizeof(*exits));
	if (exits == NULL)
		return PMN_NO_MEMORY;
	PMN_TRY(emit_op(compiler, OP_UNION, 0, count));
	table = (uint32_t) compiler->program->steps.count;
	for (uint32_t i = 0; i < count; i++)
		PMN_TRY(emit(compiler, jump, NULL));
	for (uint32_t i = 0; i < count; i++)
	{
		point_here(compiler, table + i);
		PMN_TRY(compile_branch(compiler, schema->members[i].type, target));
		PMN_TRY(emit(compiler, jump, &exits[i]));
	}
	for (uint32_t i = 0; i < count; i++)
		point_here(compiler, exits[i]);
	return PMN_OK;
}

static PmnCode
compile_value(Compiler *compiler, const AvroSchema *schema,
			  const Target *target)
{
	PMN_TRY(count_visit(compiler));
	if (schema->type == AVRO_UNION)
		return compile_union(compiler, schema, target);
	if (schema->type == AVRO_NULL)
		return compile_null(compiler, target);
	if (target->present_offset != AVRO_NO_OFFSET)
		PMN_TRY(emit_op(compiler, OP_MARK, target->present_offset, 0));
	return compile_plain(compiler, schema, target);
}

static PmnCode
compile_skip(Compiler *compiler, const AvroSchema *schema)
{
	PMN_TRY(count_visit(compiler));
	switch (schema->type)
	{
		case AVRO_NULL:
			return PMN_OK;
		case AVRO_BOOLEAN:
			return emit_op(compiler, OP_SKIP_FIXED, 0, 1);
		case AVRO_INT:
		case AVRO_LONG:
		case AVRO_ENUM:
			return emit_op(compiler, OP_SKIP_VARINT, 0, 0);
		case AVRO_FLOAT:
			return emit_op(compiler, OP_SKIP_FIXED, 0, 4);
		case AVRO_DOUBLE:
			return emit_op(compiler, OP_SKIP_FIXED, 0, 8);
		case AVRO_FIXED:
			return emit_op(compiler, OP_SKIP_FIXED, 0, schema->fixed_size);
		case AVRO_BYTES:
		case AVRO_STRING:
			return emit_op(compiler, OP_SKIP_BYTES, 0, 0);
		case AVRO_RECORD:
			for (uint32_t i = 0; i < schema->member_count; i++)
				PMN_TRY(compile_skip(compiler, schema->members[i].type));
			return PMN_OK;
		case AVRO_ARRAY:
		case AVRO_MAP:
			return compile_items(compiler, schema, NULL);
		case AVRO_UNION:
			return compile_union(compiler, schema, NULL);
	}
	return PMN_CORRUPT;
}

/* Resolve one field of the file; matched[i] tells fields of the struct. */
static PmnCode
compile_member(Compiler *compiler, const AvroMember *member,
			   const PmnAvroRecord *record, uint32_t base, bool *matched)
{
	for (uint32_t i = 0; i < record->field_count; i++)
	{
		const PmnAvroField *field = &record->fields[i];
		bool required = field->present_offset == PMN_AVRO_REQUIRED;
		Target target = {.kind = field->kind,
						 .offset = base + (uint32_t) field->offset,
						 .present_offset = AVRO_NO_OFFSET,
						 .accepts_null = !required,
						 .field = field,
						 .record = field->record};

		if (strcmp(field->name, member->name) != 0)
			continue;
		if (matched[i])
			return pmn_fail(compiler->env, PMN_CORRUPT,
							"file \"%s\" has field \"%s\" twice",
							compiler->program->file_name, field->name);
		matched[i] = true;
		if (!required)
			target.present_offset = base + (uint32_t) field->present_offset;
		return compile_value(compiler, member->type, &target);
	}
	return compile_skip(compiler, member->type);
}

static PmnCode
compile_record(Compiler *compiler, const AvroSchema *schema,
			   const PmnAvroRecord *record, uint32_t base)
{
	bool *matched = pmn_arena_alloc(compiler->arena, record->field_count);

	PMN_ASSERT(record->size < INT32_MAX);
	if (matched == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < schema->member_count; i++)
		PMN_TRY(compile_member(compiler, &schema->members[i], record, base,
							   matched));
	for (uint32_t i = 0; i < record->field_count; i++)
		if (!matched[i] &&
			record->fields[i].present_offset == PMN_AVRO_REQUIRED)
			return pmn_fail(
				compiler->env, PMN_CORRUPT, "file \"%s\" has no field \"%s\"",
				compiler->program->file_name, record->fields[i].name);
	return PMN_OK;
}

PmnCode
pmn_avro_compile(AvroProgram *program, PmnArena *arena,
				 const AvroSchema *schema, const PmnAvroRecord *record)
{
	Compiler compiler = {
		.program = program, .arena = arena, .env = program->env};
	PmnAvroField root_field = {.name = "record"};
	Target root = {.kind = PMN_AVRO_RECORD,
				   .present_offset = AVRO_NO_OFFSET,
				   .field = &root_field,
				   .record = record};

	PMN_TRY(compile_value(&compiler, schema, &root));
	return emit_op(&compiler, OP_END, 0, 0);
}

PmnCode
pmn_avro_compile_skip(AvroProgram *program, PmnArena *arena,
					  const AvroMember *members, uint32_t count,
					  uint32_t *start)
{
	Compiler compiler = {
		.program = program, .arena = arena, .env = program->env};

	*start = (uint32_t) program->steps.count;
	for (uint32_t i = 0; i < count; i++)
		PMN_TRY(compile_skip(&compiler, members[i].type));
	return emit_op(&compiler, OP_END, 0, 0);
}

void
pmn_avro_program_free(AvroProgram *program)
{
	pmn_array_free(program->env, &program->steps);
	pmn_array_free(program->env, &program->arrays);
}
