/*
 * format_orc_index.c
 *
 * Row indexes: where the row groups of a stripe begin in its streams. For
 * each column and group there is a list of numbers, in the order
 *
 *   PRESENT      if the stripe has it: place, run, bits
 *   DATA         place; of integers and bytes: run; of booleans: run, bits
 *   SECONDARY, LENGTH   place, run
 *
 * where a place is the offset of a block and of a byte in its plain form (one
 * number in files without compression), run is how many values to skip from
 * there, and bits how many of the last byte. Dictionaries have no place: they
 * are of the whole stripe.
 *
 * An index is checked as a whole before it is used: the first group begins
 * where streams do, no group before the one in front of it, and none behind
 * the end. If its numbers are fewer or more than the column has, the stripe
 * is read as if there were none. In the same way as data that is wrong but
 * well-formed, an index that is well-formed and lies cannot be told.
 */
#include "format_orc_prune.h"

#define PARTS_MAX 3
#define NUMBERS_MAX (PARTS_MAX * 4)
/* Values that one run may have buffered; the format's limit is 512. */
#define RUN_SKIP_MAX 1024
/* 512 values that a writer had buffered may become two runs. */
#define RUN_BYTES ((uint64_t) 8192)
/* Indexes of a stripe up to this size come with one request. */
#define SECTION_BYTES_MAX ((uint64_t) 256 * 1024)
#define INDEX_POSITIONS_MAX ((size_t) 16 << 20)

typedef enum PartShape
{
	PART_BYTES,
	PART_RUNS,
	PART_BITS
} PartShape;

typedef struct Place
{
	uint64_t offset;
	uint32_t plain;
	uint32_t run;
	uint32_t bits;
} Place;

/* places[group * part_count + part]; those of NULL are the stripe's begin. */
struct OrcIndex
{
	OrcStreamKind parts[PARTS_MAX];
	PartShape shapes[PARTS_MAX];
	uint32_t part_count;
	bool has_present;
	bool is_dictionary;
	const OrcStreamInfo *stream; /* the row index; NULL: there is none */
	Place *places;
};

bool
orc_index_entries(PmnBytes bytes, uint32_t count, PmnBytes *entries)
{
	OrcMessage message = orc_message_open(bytes);
	OrcMessageField field;
	uint32_t found = 0;

	while (orc_message_next(&message, &field))
	{
		if (field.number != 1)
			continue;
		if (found < count)
			entries[found] = field.bytes;
		found++;
	}
	return !message.is_broken && found == count;
}

/* The column that is the first of its type, or NULL. */
static OrcIndex *
index_of(const OrcPruner *pruner, uint32_t type)
{
	if (type >= pruner->tail->type_count || pruner->column_of_type[type] < 0)
		return NULL;
	return &pruner->indexes[pruner->column_of_type[type]];
}

PmnCode
orc_index_begin(OrcPruner *pruner, PmnArena *arena, const OrcStripe *stripe)
{
	const OrcStripeFooter *footer = pruner->footer;

	pruner->indexes =
		pmn_arena_alloc(arena, (pruner->node_count + 1) * sizeof(OrcIndex));
	if (pruner->indexes == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t i = 0; i < footer->stream_count; i++)
	{
		const OrcStreamInfo *info = &footer->streams[i];
		OrcIndex *index = index_of(pruner, info->column);

		if (index == NULL || info->size == 0)
			continue;
		index->has_present |= info->kind == ORC_STREAM_PRESENT;
		if (info->kind == ORC_STREAM_ROW_INDEX)
			index->stream = info;
	}
	pruner->section = NULL;
	pruner->section_offset = stripe->offset;
	if (stripe->index_bytes == 0 || stripe->index_bytes > SECTION_BYTES_MAX)
		return PMN_OK;
	pruner->section =
		pmn_arena_alloc(arena, (size_t) stripe->index_bytes + ORC_SLACK);
	pruner->section_end = stripe->offset + stripe->index_bytes;
	return pruner->section == NULL
			   ? PMN_NO_MEMORY
			   : orc_input_read(pruner->input, stripe->offset,
								(size_t) stripe->index_bytes, pruner->section);
}

PmnCode
orc_read_index(OrcPruner *pruner, uint32_t type, PmnBuffer *dst, bool *found)
{
	const OrcIndex *index = index_of(pruner, type);
	const OrcStreamInfo *info = index == NULL ? NULL : index->stream;
	const uint8_t *memory = NULL;

	*found = info != NULL;
	if (info == NULL)
		return PMN_OK;
	if (pruner->section != NULL &&
		info->offset + info->size <= pruner->section_end)
		memory = pruner->section + (info->offset - pruner->section_offset);
	return orc_read_plain(pruner->input, memory, info->offset, info->size,
						  "row index", dst);
}

/* ---- what a column has ---------------------------------------------------------- */

static void
add_part(OrcIndex *index, OrcStreamKind kind, PartShape shape)
{
	index->parts[index->part_count] = kind;
	index->shapes[index->part_count++] = shape;
}

static void
lay_out(const OrcStripeFooter *footer, const OrcColumn *column, OrcIndex *index)
{
	uint32_t encoding = footer->encodings[column->file_type].kind;

	if (index->has_present)
		add_part(index, ORC_STREAM_PRESENT, PART_BITS);
	switch (column->natural)
	{
		case ORC_DECODE_BOOLEAN:
			add_part(index, ORC_STREAM_DATA, PART_BITS);
			break;
		case ORC_DECODE_TINY:
		case ORC_DECODE_INT:
		case ORC_DECODE_LONG:
		case ORC_DECODE_NANOS:
			add_part(index, ORC_STREAM_DATA, PART_RUNS);
			break;
		case ORC_DECODE_FLOAT:
		case ORC_DECODE_DOUBLE:
		case ORC_DECODE_FLOAT_TO_DOUBLE:
			add_part(index, ORC_STREAM_DATA, PART_BYTES);
			break;
		case ORC_DECODE_TIMESTAMP:
			add_part(index, ORC_STREAM_DATA, PART_RUNS);
			add_part(index, ORC_STREAM_SECONDARY, PART_RUNS);
			break;
		case ORC_DECODE_DECIMAL:
			add_part(index, ORC_STREAM_DATA, PART_BYTES);
			add_part(index, ORC_STREAM_SECONDARY, PART_RUNS);
			break;
		case ORC_DECODE_LIST:
		case ORC_DECODE_MAP:
			add_part(index, ORC_STREAM_LENGTH, PART_RUNS);
			break;
		case ORC_DECODE_BYTES:
		case ORC_DECODE_DICTIONARY:
			index->is_dictionary =
				encoding == ORC_DICTIONARY || encoding == ORC_DICTIONARY_V2;
			if (index->is_dictionary)
			{
				add_part(index, ORC_STREAM_DATA, PART_RUNS);
				break;
			}
			add_part(index, ORC_STREAM_DATA, PART_BYTES);
			add_part(index, ORC_STREAM_LENGTH, PART_RUNS);
			break;
		case ORC_DECODE_STRUCT:
		case ORC_DECODE_NOTHING:
			break;
	}
}

/* ---- positions -------------------------------------------------------------------- */

/* The numbers of an entry; how many there are, NUMBERS_MAX + 1 if too many. */
static uint32_t
read_numbers(PmnBytes entry, uint64_t *numbers)
{
	OrcMessage message = orc_message_open(entry);
	OrcMessageField field;
	uint32_t count = 0;

	while (orc_message_next(&message, &field))
	{
		OrcMessage packed = orc_message_open(field.bytes);

		if (field.number != 1)
			continue;
		if (!field.is_bytes && count < NUMBERS_MAX)
			numbers[count] = field.value;
		count += !field.is_bytes;
		while (packed.next < packed.end && count < NUMBERS_MAX &&
			   orc_message_varint(&packed, &numbers[count]))
			count++;
		if (packed.next != packed.end || count > NUMBERS_MAX)
			return NUMBERS_MAX + 1;
	}
	return message.is_broken ? NUMBERS_MAX + 1 : count;
}

/* false when the numbers are not those of the column or cannot be. */
static bool
parse_places(const OrcInput *input, const OrcIndex *index, PmnBytes entry,
			 Place *places)
{
	uint64_t numbers[NUMBERS_MAX];
	uint32_t count = read_numbers(entry, numbers);
	uint32_t at = 0;

	for (uint32_t p = 0; p < index->part_count; p++)
	{
		PartShape shape = index->shapes[p];
		uint32_t wanted = 1 + input->is_compressed + (shape != PART_BYTES) +
						  (shape == PART_BITS);
		uint64_t plain;
		uint64_t run;
		uint64_t bits;

		if (count > NUMBERS_MAX || at + wanted > count)
			return false;
		places[p].offset = numbers[at++];
		plain = input->is_compressed ? numbers[at++] : 0;
		run = shape != PART_BYTES ? numbers[at++] : 0;
		bits = shape == PART_BITS ? numbers[at++] : 0;
		if (plain > input->block_bytes || run > RUN_SKIP_MAX || bits > 8)
			return false;
		places[p].plain = (uint32_t) plain;
		places[p].run = (uint32_t) run;
		places[p].bits = (uint32_t) bits;
	}
	return at == count;
}

/* Whether b does not lie before a. */
static bool
in_order(const Place *a, const Place *b)
{
	if (a->offset != b->offset)
		return a->offset < b->offset;
	if (a->plain != b->plain)
		return a->plain < b->plain;
	if (a->run != b->run)
		return a->run < b->run;
	return a->bits <= b->bits;
}

static bool
is_begin(const Place *place)
{
	return place->offset == 0 && place->plain == 0 && place->run == 0 &&
		   place->bits == 0;
}

static bool
check_places(const OrcIndex *index, uint32_t groups)
{
	uint32_t parts = index->part_count;

	for (uint32_t p = 0; p < parts; p++)
	{
		if (!is_begin(&index->places[p]))
			return false;
		for (uint32_t g = 1; g < groups; g++)
			if (!in_order(&index->places[(g - 1) * parts + p],
						  &index->places[g * parts + p]))
				return false;
	}
	return true;
}

static PmnCode
load_column(OrcPruner *pruner, PmnArena *arena, const OrcColumn *column,
			PmnBuffer *scratch, PmnBytes *entries, OrcIndex *index,
			bool *usable)
{
	uint32_t groups = pruner->group_count;

	lay_out(pruner->footer, column, index);
	pmn_buffer_reset(scratch);
	PMN_TRY(orc_read_index(pruner, column->file_type, scratch, usable));
	*usable =
		*usable && orc_index_entries(pmn_bytes(scratch->data, scratch->size),
									 groups, entries);
	if (!*usable)
		return PMN_OK;
	index->places = pmn_arena_alloc(
		arena, ((size_t) groups * index->part_count + 1) * sizeof(Place));
	if (index->places == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t g = 0; g < groups && *usable; g++)
		*usable = parse_places(pruner->input, index, entries[g],
							   &index->places[g * index->part_count]);
	*usable = *usable && check_places(index, groups);
	return PMN_OK;
}

PmnCode
orc_load_positions(OrcPruner *pruner, PmnArena *arena, bool *usable)
{
	PmnBytes *entries =
		pmn_arena_alloc(arena, pruner->group_count * sizeof(PmnBytes));
	PmnBuffer scratch;
	PmnCode code = PMN_OK;

	*usable = (size_t) pruner->node_count * pruner->group_count <=
			  INDEX_POSITIONS_MAX / (PARTS_MAX * sizeof(Place));
	if (entries == NULL)
		return PMN_NO_MEMORY;
	pmn_buffer_init(&scratch, pmn_arena_env(arena));
	for (uint32_t i = 0; code == PMN_OK && *usable && i < pruner->node_count;
		 i++)
		if (pruner->columns[i].file_type != 0)
			code = load_column(pruner, arena, &pruner->columns[i], &scratch,
							   entries, &pruner->indexes[i], usable);
	pmn_buffer_free(&scratch);
	return code;
}

/* ---- going there -------------------------------------------------------------------- */

/* The column's index and the number of the part, or NULL: streams that are
 * of the whole stripe. */
static const OrcIndex *
find_part(const OrcPruner *pruner, const OrcStreamInfo *info, uint32_t *part)
{
	const OrcIndex *index = index_of(pruner, info->column);

	if (index == NULL || info->kind >= ORC_STREAM_KINDS)
		return NULL;
	for (*part = 0; *part < index->part_count; ++*part)
		if (index->parts[*part] == (OrcStreamKind) info->kind)
			return index;
	return NULL;
}

/*
 * Bytes behind where the next group begins that may hold values of this one:
 * the rest of a block, and the runs that both have values of.
 */
static uint64_t
slop_of(const OrcInput *input, PartShape shape, const Place *next)
{
	uint64_t bytes = next->plain;

	if (shape != PART_BYTES && next->run + next->bits > 0)
		bytes += RUN_BYTES;
	if (!input->is_compressed || bytes == 0)
		return bytes;
	return (bytes / input->block_bytes + 1) * (input->block_bytes + 3);
}

static PmnCode
narrow_stream(const OrcPruner *pruner, const OrcGroups *groups,
			  const OrcIndex *index, uint32_t part, OrcStreamInfo *info)
{
	uint32_t parts = index->part_count;
	uint64_t begin = index->places[groups->first * parts + part].offset;
	uint64_t end = info->size;

	if (groups->end < pruner->group_count)
	{
		const Place *next = &index->places[groups->end * parts + part];
		uint64_t slop = slop_of(pruner->input, index->shapes[part], next);

		if (next->offset < end && slop < end - next->offset)
			end = next->offset + slop;
	}
	if (begin > end)
		return pmn_fail(pruner->input->env, PMN_CORRUPT,
						"its row index points %" PRIu64
						" bytes into a stream of %" PRIu64,
						begin, info->size);
	info->offset += begin;
	info->size = end - begin;
	return PMN_OK;
}

/* Of a dictionary that was read with earlier groups. */
static bool
is_kept(const OrcPruner *pruner, const OrcStreamInfo *info)
{
	return (info->kind == ORC_STREAM_DICTIONARY ||
			info->kind == ORC_STREAM_LENGTH) &&
		   index_of(pruner, info->column) != NULL &&
		   pruner->columns[pruner->column_of_type[info->column]].has_dictionary;
}

PmnCode
orc_narrow_streams(const OrcPruner *pruner, const OrcGroups *groups,
				   OrcStreamInfo *streams, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
	{
		const OrcIndex *index;
		uint32_t part = 0;

		index = find_part(pruner, &streams[i], &part);
		if (index != NULL)
			PMN_TRY(narrow_stream(pruner, groups, index, part, &streams[i]));
		else if (is_kept(pruner, &streams[i]))
			streams[i].size = 0;
	}
	return PMN_OK;
}

static PmnCode
skip_bytes(OrcStream *stream, uint32_t count)
{
	while (count > 0)
	{
		size_t piece = (size_t) (stream->end - stream->next);

		if (piece == 0)
		{
			PMN_TRY(orc_stream_fill(stream));
			continue;
		}
		if (piece > count)
			piece = count;
		stream->next += piece;
		count -= (uint32_t) piece;
	}
	return PMN_OK;
}

static PmnCode
skip_ints(OrcInts *ints, uint32_t count)
{
	int64_t values[64];

	while (count > 0)
	{
		uint32_t piece = count < 64 ? count : 64;

		PMN_TRY(orc_ints_read(ints, values, piece));
		count -= piece;
	}
	return PMN_OK;
}

static PmnCode
skip_tiny(OrcBytes *bytes, uint32_t count)
{
	uint8_t values[64];

	while (count > 0)
	{
		uint32_t piece = count < 64 ? count : 64;

		PMN_TRY(orc_rle_bytes(bytes, values, piece));
		count -= piece;
	}
	return PMN_OK;
}

static PmnCode
skip_part(OrcColumn *column, OrcStreamKind kind, PartShape shape,
		  const Place *place)
{
	bool is_present = kind == ORC_STREAM_PRESENT;
	OrcBooleans *bits = is_present ? &column->present : &column->booleans;
	uint8_t rest[8];

	PMN_TRY(skip_bytes(&column->streams[kind], place->plain));
	if (shape == PART_BITS)
	{
		PMN_TRY(skip_tiny(&bits->bytes, place->run));
		return orc_booleans_read(bits, rest, place->bits);
	}
	if (shape == PART_BYTES)
		return PMN_OK;
	if (column->decoding == ORC_DECODE_TINY)
		return skip_tiny(&column->tiny, place->run);
	return skip_ints(kind == ORC_STREAM_DATA ? &column->data : &column->second,
					 place->run);
}

PmnCode
orc_column_seek(const OrcPruner *pruner, const OrcGroups *groups,
				OrcColumn *column)
{
	const OrcIndex *index =
		&pruner->indexes[pruner->column_of_type[column->file_type]];

	/* A stream of which nothing is left is not one that was never there. */
	column->has_stream[ORC_STREAM_PRESENT] = index->has_present;
	for (uint32_t p = 0; p < index->part_count; p++)
		PMN_TRY(
			skip_part(column, index->parts[p], index->shapes[p],
					  &index->places[groups->first * index->part_count + p]));
	return PMN_OK;
}
