/*
 * format_avro_nested.c
 *
 * Arrays, maps and records inside of a column. A nested value in Avro is its
 * parts one after the other, so one walk over the bytes makes the flat form of
 * pmn_nested.h; what to do at each place is a tree of nodes, made once for a
 * file from its schema and the column's type.
 *
 *   ARRAY, VECTOR      array
 *   MAP, MULTISET      map when keys are text, else an array of records of
 *                      "key" and "value"
 *   ROW, VARIANT       record, by the names of fields; missing ones are null
 *
 * Fields of a record come in the file's order, slots in the type's. Where
 * these differ the record is walked over first, to find where fields begin.
 * The tree is as deep as the table's type (32 at most), whatever the file has.
 */
#include "format_avro_decode.h"

/* Elements between two looks at the stop hook. */
#define POLL_ELEMENTS 65536
#define VALUE_BYTES_MAX ((size_t) 256 << 20)
/* A batch of huge values must not stay reserved. */
#define WRITER_BYTES_KEPT ((size_t) 16 << 20)

/* ---- planning ------------------------------------------------------------ */

static const PmnType bytes_type = {.kind = PMN_TYPE_VARBINARY,
								   .length = PMN_LENGTH_MAX};
static const PmnType count_type = {.kind = PMN_TYPE_INT};

static PmnCode
plan_node(AvroColumnReader *reader, const char *name, const PmnType *type,
		  const AvroSchema *schema, AvroNode *node)
{
	char type_name[128];

	node->kind = pmn_type_vector_kind(type);
	if (node->kind == PMN_VECTOR_NONE)
		return pmn_fail(reader->base.env, PMN_UNSUPPORTED,
						"column \"%.200s\" of file \"%s\" has type %s, which "
						"is not supported",
						name, reader->program.file_name,
						pmn_type_name(type, type_name, sizeof(type_name)));
	node->step.values = &node->value;
	return avro_plan_step(reader, name, type, schema, &node->step);
}

static PmnCode
add_children(AvroColumnReader *reader, AvroNode *node, uint32_t count)
{
	node->child_count = count;
	node->children =
		pmn_arena_alloc(reader->arena, ((size_t) count + 1) * sizeof(AvroNode));
	if (node->children == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		node->children[i].is_missing = true;
	return PMN_OK;
}

static int32_t
find_name(const char *const *names, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return (int32_t) i;
	return -1;
}

/* The fields of a record, of which those with these names are children. */
static PmnCode
plan_record(AvroColumnReader *reader, const char *const *names,
			const PmnType *const *types, const AvroSchema *record,
			AvroNode *node)
{
	int32_t last = -1;

	node->parts = pmn_arena_alloc(
		reader->arena, ((size_t) record->member_count + 1) * sizeof(AvroPart));
	if (node->parts == NULL)
		return PMN_NO_MEMORY;
	node->part_count = record->member_count;
	node->is_ordered = true;
	for (uint32_t i = 0; i < record->member_count; i++)
	{
		const AvroMember *member = &record->members[i];
		AvroPart *part = &node->parts[i];

		part->child = find_name(names, node->child_count, member->name);
		if (part->child < 0)
			continue;
		if (!node->children[part->child].is_missing)
			return pmn_fail(reader->base.env, PMN_CORRUPT,
							"file \"%s\" has field \"%s\" twice",
							reader->program.file_name, member->name);
		node->children[part->child].is_missing = false;
		PMN_TRY(plan_node(reader, member->name, types[part->child],
						  member->type, &node->children[part->child]));
		node->is_ordered = node->is_ordered && part->child > last;
		last = part->child;
	}
	for (uint32_t i = 0; i < record->member_count; i++)
		if (node->parts[i].child < 0 || !node->is_ordered)
			PMN_TRY(pmn_avro_compile_skip(&reader->program, reader->arena,
										  &record->members[i], 1,
										  &node->parts[i].skip));
	return PMN_OK;
}

static PmnCode
plan_row(AvroColumnReader *reader, const PmnType *type,
		 const AvroSchema *record, AvroNode *node)
{
	uint32_t count = type->field_count;
	const char **names = pmn_arena_alloc(
		reader->arena, ((size_t) count + 1) * sizeof(const char *));
	const PmnType **types = pmn_arena_alloc(
		reader->arena, ((size_t) count + 1) * sizeof(const PmnType *));

	if (names == NULL || types == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++)
	{
		names[i] = type->fields[i].name;
		types[i] = &type->fields[i].type;
	}
	node->shape = AVRO_SHAPE_ROW;
	PMN_TRY(add_children(reader, node, count));
	return plan_record(reader, names, types, record, node);
}

static PmnCode
plan_variant(AvroColumnReader *reader, const AvroSchema *record, AvroNode *node)
{
	static const char *const names[] = {"value", "metadata"};
	static const PmnType *const types[] = {&bytes_type, &bytes_type};

	node->shape = AVRO_SHAPE_ROW;
	PMN_TRY(add_children(reader, node, 2));
	return plan_record(reader, names, types, record, node);
}

static PmnCode
plan_map(AvroColumnReader *reader, const char *name, const PmnType *type,
		 const AvroSchema *schema, AvroNode *node)
{
	static const char *const names[] = {"key", "value"};
	static const AvroSchema text = {.type = AVRO_STRING, .min_size = 1};
	bool is_multiset = type->kind == PMN_TYPE_MULTISET;
	const PmnType *types[] = {is_multiset ? type->element : type->key,
							  is_multiset ? &count_type : type->element};

	PMN_TRY(add_children(reader, node, 2));
	if (schema->type == AVRO_MAP)
	{
		node->shape = AVRO_SHAPE_MAP;
		node->item_min_size = 1;
		node->children[0].is_missing = false;
		node->children[1].is_missing = false;
		PMN_TRY(plan_node(reader, name, types[0], &text, &node->children[0]));
		return plan_node(reader, name, types[1], schema->items,
						 &node->children[1]);
	}
	if (schema->type != AVRO_ARRAY || schema->items->type != AVRO_RECORD)
		return avro_refuse_type(reader, name, type, schema);
	node->shape = AVRO_SHAPE_ENTRIES;
	node->item_min_size = schema->items->min_size;
	PMN_TRY(plan_record(reader, names, types, schema->items, node));
	return node->children[0].is_missing || node->children[1].is_missing
			   ? avro_refuse_type(reader, name, type, schema)
			   : PMN_OK;
}

PmnCode
avro_plan_nested(AvroColumnReader *reader, const char *name,
				 const PmnType *type, const AvroSchema *schema, AvroNode **out)
{
	AvroNode *node = pmn_arena_alloc(reader->arena, sizeof(*node));

	if (node == NULL)
		return PMN_NO_MEMORY;
	*out = node;
	switch ((int) type->kind)
	{
		case PMN_TYPE_ARRAY:
		case PMN_TYPE_VECTOR:
			if (schema->type != AVRO_ARRAY)
				break;
			node->shape = AVRO_SHAPE_ARRAY;
			node->item_min_size = schema->items->min_size;
			PMN_TRY(add_children(reader, node, 1));
			node->children[0].is_missing = false;
			return plan_node(reader, name, type->element, schema->items,
							 &node->children[0]);
		case PMN_TYPE_MAP:
		case PMN_TYPE_MULTISET:
			return plan_map(reader, name, type, schema, node);
		case PMN_TYPE_ROW:
			if (schema->type != AVRO_RECORD)
				break;
			return plan_row(reader, type, schema, node);
		default:
			if (schema->type != AVRO_RECORD)
				break;
			PMN_TRY(plan_variant(reader, schema, node));
			if (!node->children[0].is_missing && !node->children[1].is_missing)
				return PMN_OK;
			break;
	}
	return avro_refuse_type(reader, name, type, schema);
}

/* ---- decoding ------------------------------------------------------------ */

static bool put_value(AvroDecoder *decoder, AvroNode *node);

/* A failure whose message env has. */
static bool
done(AvroDecoder *decoder, PmnCode code)
{
	return code == PMN_OK || avro_fail(decoder, NULL);
}

static bool
put_null(AvroDecoder *decoder, const AvroNode *node)
{
	static const PmnValue null = {.is_null = true};

	return done(decoder, pmn_nested_write_slot(&decoder->reader->nested,
											   node->kind, &null));
}

static bool
put_leaf(AvroDecoder *decoder, AvroNode *node)
{
	PmnNestedWriter *writer = &decoder->reader->nested;
	PmnVector vector = {node->kind, NULL, &node->value};
	PmnValue value = {.is_null = false};

	/* Byte strings go without a stop in the heap. */
	if (node->kind == PMN_VECTOR_BYTES)
	{
		if (node->step.kind == AVRO_STEP_BYTES
				? !avro_read_bytes(decoder, &value.as.bytes)
				: !avro_take_bytes(decoder, node->step.argument,
								   &value.as.bytes))
			return false;
		return done(decoder, pmn_nested_write_slot(writer, node->kind, &value));
	}
	return avro_decode_value(decoder, &node->step, 0) &&
		   done(decoder, pmn_nested_write_element(writer, &vector, 0));
}

/* The value at this place, as a slot. */
static bool
put_slot(AvroDecoder *decoder, AvroNode *node)
{
	PmnNestedWriter *writer = &decoder->reader->nested;
	size_t mark;

	if (node->step.is_optional)
	{
		AvroBranch branch = avro_read_branch(decoder, &node->step);

		if (branch == AVRO_BRANCH_BAD)
			return false;
		if (branch == AVRO_BRANCH_NULL)
			return put_null(decoder, node);
	}
	if (node->step.kind != AVRO_STEP_NESTED)
		return put_leaf(decoder, node);
	if (!done(decoder, pmn_nested_begin(writer, &mark)) ||
		!put_value(decoder, node->step.node))
		return false;
	pmn_nested_end(writer, mark);
	return true;
}

static bool
skip(AvroDecoder *decoder, const AvroPart *part)
{
	return done(decoder, pmn_avro_run(&decoder->reader->program, part->skip,
									  NULL, &decoder->at, decoder->end, NULL));
}

/* Children that the file lacks, from one to another. */
static bool
put_missing(AvroDecoder *decoder, AvroNode *node, uint32_t from, uint32_t to)
{
	for (uint32_t c = from; c < to; c++)
		if (!put_null(decoder, &node->children[c]))
			return false;
	return true;
}

static bool
put_ordered(AvroDecoder *decoder, AvroNode *node)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i < node->part_count; i++)
	{
		AvroPart *part = &node->parts[i];
		uint32_t child = (uint32_t) part->child;

		if (part->child < 0)
		{
			if (!skip(decoder, part))
				return false;
			continue;
		}
		if (!put_missing(decoder, node, next, child) ||
			!put_slot(decoder, &node->children[child]))
			return false;
		next = child + 1;
	}
	return put_missing(decoder, node, next, node->child_count);
}

/* A record, as a slot for each child. */
static bool
put_record(AvroDecoder *decoder, AvroNode *node)
{
	const uint8_t *end;

	if (node->is_ordered)
		return put_ordered(decoder, node);
	for (uint32_t i = 0; i < node->part_count; i++)
	{
		node->parts[i].start = decoder->at;
		if (!skip(decoder, &node->parts[i]))
			return false;
	}
	end = decoder->at;
	for (uint32_t c = 0; c < node->child_count; c++)
	{
		uint32_t i = 0;

		if (node->children[c].is_missing)
		{
			if (!put_null(decoder, &node->children[c]))
				return false;
			continue;
		}
		while (node->parts[i].child != (int32_t) c)
			i++;
		decoder->at = node->parts[i].start;
		if (!put_slot(decoder, &node->children[c]))
			return false;
	}
	decoder->at = end;
	return true;
}

static bool
put_item(AvroDecoder *decoder, AvroNode *node)
{
	switch ((int) node->shape)
	{
		case AVRO_SHAPE_ENTRIES:
			return put_record(decoder, node);
		case AVRO_SHAPE_MAP:
			return put_slot(decoder, &node->children[0]) &&
				   put_slot(decoder, &node->children[1]);
		default:
			return put_slot(decoder, &node->children[0]);
	}
}

/* How many items the next block has; 0 at the end. */
static bool
read_item_count(AvroDecoder *decoder, const AvroNode *node, int64_t *count)
{
	int64_t size;

	if (!avro_read_long(decoder, count))
		return false;
	if (*count < 0)
	{
		/* The size of the block follows, which nobody needs. */
		if (*count == INT64_MIN || !avro_read_long(decoder, &size))
			return avro_fail(decoder, "a bad number of items");
		*count = -*count;
	}
	if (node->item_min_size == 0)
		return done(decoder, pmn_avro_count_empty(&decoder->reader->program,
												  (uint64_t) *count));
	return *count <= (decoder->end - decoder->at) / node->item_min_size ||
		   avro_fail(decoder, "a bad number of items");
}

static bool
put_items(AvroDecoder *decoder, AvroNode *node)
{
	PmnNestedWriter *writer = &decoder->reader->nested;
	size_t at = writer->size;
	uint32_t total = 0;
	int64_t count = 0;

	if (!done(decoder, pmn_nested_write_count(writer, 0)))
		return false;
	for (;;)
	{
		if (!read_item_count(decoder, node, &count))
			return false;
		if (count == 0)
			break;
		for (int64_t i = 0; i < count; i++, total++)
		{
			if (total % POLL_ELEMENTS == POLL_ELEMENTS - 1 &&
				!done(decoder, pmn_poll(decoder->reader->base.env)))
				return false;
			if (!put_item(decoder, node))
				return false;
			if (writer->size > VALUE_BYTES_MAX)
				return avro_fail(decoder, "a value is too long");
		}
	}
	pmn_nested_set_count(writer, at, total);
	return true;
}

static bool
put_value(AvroDecoder *decoder, AvroNode *node)
{
	return node->shape == AVRO_SHAPE_ROW ? put_record(decoder, node)
										 : put_items(decoder, node);
}

bool
avro_decode_nested(AvroDecoder *decoder, const AvroColumnStep *step,
				   uint32_t row)
{
	PmnNestedWriter *writer = &decoder->reader->nested;

	if (writer->capacity > WRITER_BYTES_KEPT)
		pmn_nested_writer_free(writer);
	pmn_nested_reset(writer);
	return put_value(decoder, step->node) &&
		   avro_store_bytes(decoder, pmn_nested_bytes(writer),
							&((PmnBytes *) step->values)[row]);
}
