/*
 * codec_avro_run.c
 *
 * The interpreter: one pass over the steps for every record. All state is
 * the position in the bytes and the position in the program; it recurses only
 * for arrays, whose depth the schema bounds.
 *
 * Nothing is trusted: every read is checked against the end of the block,
 * and every count of items against the bytes left divided by the fewest
 * bytes of an item. Items of no bytes have a budget for the whole file, and
 * the arrays of one row have a budget of memory, because a struct can be
 * much larger than its encoding.
 */
#include "codec_avro_internal.h"

#include "codec_json_internal.h"

typedef struct ArrayBuilder
{
	uint8_t *items;
	size_t count;
	size_t capacity;
} ArrayBuilder;

PmnCode
pmn_avro_corrupt(AvroProgram *program, const char *what)
{
	return pmn_fail(program->env, PMN_CORRUPT, "file \"%s\" is damaged: %s",
					program->file_name, what);
}

PmnCode
pmn_avro_count_empty(AvroProgram *program, uint64_t count)
{
	program->empty_count += count;
	if (program->empty_count > PMN_AVRO_EMPTY_COUNT_MAX)
		return pmn_avro_corrupt(program, "too many values without bytes");
	return PMN_OK;
}

/*
 * The count of the next block of an array or map; 0 ends it. A negative
 * count is followed by the block's size in bytes, *skip_size (else -1).
 */
static PmnCode
read_block_count(AvroProgram *program, const AvroArrayPlan *plan,
				 const uint8_t **at, const uint8_t *end, uint64_t *count,
				 int64_t *skip_size)
{
	int64_t value;

	*skip_size = -1;
	if (!pmn_avro_read_long(at, end, &value) || value == INT64_MIN)
		return pmn_avro_corrupt(program, "a bad array length");
	if (value < 0)
	{
		value = -value;
		if (!pmn_avro_read_long(at, end, skip_size) || *skip_size < 0 ||
			*skip_size > end - *at)
			return pmn_avro_corrupt(program, "a bad array block size");
	}
	*count = (uint64_t) value;
	if (plan->min_size == 0)
	{
		if (value > PMN_AVRO_EMPTY_COUNT_MAX)
			return pmn_avro_corrupt(program, "a bad array length");
		return pmn_avro_count_empty(program, *count);
	}
	if (*count > (uint64_t) (end - *at) / plan->min_size)
		return pmn_avro_corrupt(program, "an array longer than its block");
	return PMN_OK;
}

/* Room for more zeroed items; earlier ones keep their contents. */
static PmnCode
grow_array(AvroProgram *program, const AvroArrayPlan *plan, PmnArena *arena,
		   ArrayBuilder *array, uint64_t more)
{
	uint64_t wanted = array->count + more;
	uint8_t *items;

	if (wanted <= array->capacity)
		return PMN_OK;
	/* Files of one block an array are the rule: take what is needed. */
	if (array->capacity > 0 && wanted < array->capacity * 2)
		wanted = array->capacity * 2;
	if (wanted > UINT32_MAX ||
		wanted * plan->item_size > PMN_AVRO_ROW_SIZE_MAX - program->row_size)
		return pmn_avro_corrupt(program, "arrays too large for one record");
	program->row_size += (size_t) (wanted * plan->item_size);
	items = pmn_arena_alloc(arena, (size_t) (wanted * plan->item_size));
	if (items == NULL)
		return PMN_NO_MEMORY;
	if (array->count > 0)
		memcpy(items, array->items, array->count * plan->item_size);
	array->items = items;
	array->capacity = (size_t) wanted;
	return PMN_OK;
}

static PmnCode
read_array(AvroProgram *program, const AvroArrayPlan *plan, PmnArena *arena,
		   const uint8_t **at, const uint8_t *end, PmnAvroArray *out)
{
	ArrayBuilder array = {NULL, 0, 0};
	int64_t skip_size;
	uint64_t count;

	while (true)
	{
		PMN_TRY(read_block_count(program, plan, at, end, &count, &skip_size));
		if (count == 0)
			break;
		PMN_TRY(grow_array(program, plan, arena, &array, count));
		for (; count > 0; count--)
		{
			PMN_TRY(pmn_avro_run(program, plan->start, arena, at, end,
								 array.items + array.count * plan->item_size));
			array.count++;
		}
	}
	out->items = array.items;
	out->count = (uint32_t) array.count;
	return PMN_OK;
}

static PmnCode
skip_array(AvroProgram *program, const AvroArrayPlan *plan, PmnArena *arena,
		   const uint8_t **at, const uint8_t *end)
{
	int64_t skip_size;
	uint64_t count;
	PmnBytes key;

	while (true)
	{
		PMN_TRY(read_block_count(program, plan, at, end, &count, &skip_size));
		if (count == 0)
			return PMN_OK;
		if (skip_size >= 0)
		{
			*at += skip_size;
			continue;
		}
		for (; count > 0; count--)
		{
			if (plan->is_map && !pmn_avro_read_bytes(at, end, &key))
				return pmn_avro_corrupt(program, "a bad map key");
			PMN_TRY(pmn_avro_run(program, plan->start, arena, at, end, NULL));
		}
	}
}

/* Copy bytes into the arena: eight-byte aligned, for row decoders. */
static PmnCode
store_bytes(PmnArena *arena, PmnBytes bytes, uint8_t *dst)
{
	PmnBytes copy = {(const uint8_t *) "", bytes.size};

	if (bytes.size > 0)
	{
		uint8_t *data = pmn_arena_alloc_raw(arena, bytes.size, 8);

		if (data == NULL)
			return PMN_NO_MEMORY;
		memcpy(data, bytes.data, bytes.size);
		copy.data = data;
	}
	memcpy(dst, &copy, sizeof(copy));
	return PMN_OK;
}

static bool
read_fixed(const uint8_t **at, const uint8_t *end, void *dst, size_t size)
{
	if ((size_t) (end - *at) < size)
		return false;
	memcpy(dst, *at, size);
	*at += size;
	return true;
}

static void
store_float(uint8_t *dst, float value)
{
	memcpy(dst, &value, sizeof(value));
}

static void
store_double(uint8_t *dst, double value)
{
	memcpy(dst, &value, sizeof(value));
}

/* Steps of floats and widening; false when the bytes are short. */
static bool
run_number(const AvroStep *step, const uint8_t **at, const uint8_t *end,
		   uint8_t *dst)
{
	int32_t int_value;
	int64_t long_value;
	float float_value;

	switch ((int) step->op)
	{
		case OP_FLOAT:
			return read_fixed(at, end, dst, 4);
		case OP_DOUBLE:
			return read_fixed(at, end, dst, 8);
		case OP_INT_AS_FLOAT:
			if (!pmn_avro_read_int(at, end, &int_value))
				return false;
			store_float(dst, (float) int_value);
			return true;
		case OP_INT_AS_DOUBLE:
			if (!pmn_avro_read_int(at, end, &int_value))
				return false;
			store_double(dst, (double) int_value);
			return true;
		case OP_LONG_AS_FLOAT:
			if (!pmn_avro_read_long(at, end, &long_value))
				return false;
			store_float(dst, (float) long_value);
			return true;
		case OP_LONG_AS_DOUBLE:
			if (!pmn_avro_read_long(at, end, &long_value))
				return false;
			store_double(dst, (double) long_value);
			return true;
		case OP_FLOAT_AS_DOUBLE:
			if (!read_fixed(at, end, &float_value, 4))
				return false;
			store_double(dst, (double) float_value);
			return true;
		case OP_INT_AS_LONG:
			if (!pmn_avro_read_int(at, end, &int_value))
				return false;
			long_value = int_value;
			memcpy(dst, &long_value, sizeof(long_value));
			return true;
		default:
			return false;
	}
}

/* Steps that read over bytes. */
static bool
run_skip(const AvroStep *step, const uint8_t **at, const uint8_t *end)
{
	int64_t value;
	PmnBytes bytes;

	if (step->op == OP_SKIP_VARINT)
		return pmn_avro_read_long(at, end, &value);
	if (step->op == OP_SKIP_BYTES)
		return pmn_avro_read_bytes(at, end, &bytes);
	PMN_ASSERT(step->op == OP_SKIP_FIXED);
	if ((uint64_t) (end - *at) < step->arg)
		return false;
	*at += step->arg;
	return true;
}

/* Where a union's value goes on; 0 (never a branch) when there is none. */
static uint32_t
union_target(const AvroProgram *program, uint32_t position, const uint8_t **at,
			 const uint8_t *end)
{
	const AvroStep *step = &program->steps.items[position];
	int64_t branch;

	if (!pmn_avro_read_long(at, end, &branch) || branch < 0 ||
		branch >= step->arg)
		return 0;
	return position + 1 + (uint32_t) branch;
}

/* The bool at an offset becomes true. */
static inline void
set_mark(uint8_t *row, uint32_t offset)
{
	const bool present = true;

	if (offset != AVRO_NO_OFFSET)
		memcpy(row + offset, &present, sizeof(present));
}

bool
pmn_avro_is_text(PmnBytes bytes)
{
	const uint8_t *at = bytes.data;
	size_t left = bytes.size;

	while (left > 0)
	{
		size_t size;

		/* Eight ASCII bytes at a time, none of them zero. */
		if (left >= 8)
		{
			uint64_t word = pmn_get_le64(at);

			if (((word - UINT64_C(0x0101010101010101)) &
				 UINT64_C(0x8080808080808080)) == 0 &&
				(word & UINT64_C(0x8080808080808080)) == 0)
			{
				at += 8;
				left -= 8;
				continue;
			}
		}
		size = *at == 0 ? 0 : pmn_utf8_size(at, left);
		if (size == 0)
			return false;
		at += size;
		left -= size;
	}
	return true;
}

/* Strings, which must be UTF-8 without NUL, and plain bytes. */
static PmnCode
run_bytes(AvroProgram *program, const AvroStep *step, PmnArena *arena,
		  const uint8_t **at, const uint8_t *end, uint8_t *row)
{
	PmnBytes bytes;

	if (!pmn_avro_read_bytes(at, end, &bytes))
		return pmn_avro_corrupt(program, "a bad length of bytes");
	if (step->op == OP_STRING && !pmn_avro_is_text(bytes))
		return pmn_avro_corrupt(program, "a string that is not UTF-8");
	return store_bytes(arena, bytes, row + step->offset);
}

/* Steps of one value that the loop below leaves to others. */
static PmnCode
run_value(AvroProgram *program, const AvroStep *step, PmnArena *arena,
		  const uint8_t **at, const uint8_t *end, uint8_t *row)
{
	const int64_t null_long = PMN_AVRO_NULL_LONG;

	switch ((int) step->op)
	{
		case OP_ARRAY:
			return read_array(program, &program->arrays.items[step->arg], arena,
							  at, end,
							  (PmnAvroArray *) (void *) (row + step->offset));
		case OP_SKIP_ARRAY:
			return skip_array(program, &program->arrays.items[step->arg], arena,
							  at, end);
		case OP_NULL_LONG:
			memcpy(row + step->offset, &null_long, sizeof(null_long));
			return PMN_OK;
		case OP_FAIL:
			return pmn_avro_corrupt(program, "a value where none is allowed");
		default:
			if (run_number(step, at, end, row + step->offset))
				return PMN_OK;
			return pmn_avro_corrupt(program, "a record ends early");
	}
}

PmnCode
pmn_avro_run(AvroProgram *program, uint32_t start, PmnArena *arena,
			 const uint8_t **at, const uint8_t *end, uint8_t *row)
{
	const AvroStep *steps = program->steps.items;
	const AvroStep *step = &steps[start];
	const uint8_t *p = *at;
	int64_t value = 0;
	int32_t small = 0;
	bool ok = true;

	for (; ok; step++)
		switch ((int) step->op)
		{
			case OP_END:
				*at = p;
				return PMN_OK;
			case OP_INT:
				ok = pmn_avro_read_int(&p, end, &small);
				memcpy(row + step->offset, &small, sizeof(small));
				break;
			case OP_LONG:
				ok = pmn_avro_read_long(&p, end, &value);
				memcpy(row + step->offset, &value, sizeof(value));
				break;
			case OP_BOOLEAN:
				ok = p < end && *p <= 1;
				if (ok)
					row[step->offset] = *p++;
				break;
			case OP_BYTES:
			case OP_STRING:
				PMN_TRY(run_bytes(program, step, arena, &p, end, row));
				break;
			case OP_OPTION:
				/* Branches 0 and 1 are the bytes 0 and 2. */
				ok = p < end && (*p & 0xfd) == 0;
				if (ok && *p++ >> 1 == step->null_branch)
					step = &steps[step->target] - 1;
				else if (ok)
					set_mark(row, step->offset);
				break;
			case OP_MARK:
				set_mark(row, step->offset);
				break;
			case OP_JUMP:
				step = &steps[step->target] - 1;
				break;
			case OP_UNION:
				small = (int32_t) union_target(
					program, (uint32_t) (step - steps), &p, end);
				ok = small != 0;
				if (ok)
					step = &steps[small] - 1;
				break;
			case OP_SKIP_VARINT:
			case OP_SKIP_BYTES:
			case OP_SKIP_FIXED:
				ok = run_skip(step, &p, end);
				break;
			case OP_ARRAY:
			case OP_SKIP_ARRAY:
				PMN_TRY(run_value(program, step, arena, &p, end, row));
				step = &steps[step->target] - 1;
				break;
			default:
				PMN_TRY(run_value(program, step, arena, &p, end, row));
				break;
		}
	return pmn_avro_corrupt(program, "a record ends early");
}
