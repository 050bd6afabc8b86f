/*
 * codec_avro_image.c
 *
 * The blocks of an Avro file, unpacked one behind the other, with the place
 * of each record. A view is a program compiled from the file's schema and one
 * PmnAvroRecord: a short record makes a program that reads over most bytes
 * without copying them. Making the image runs the first view over everything
 * once, so all lengths have been checked; later reads check again, as they
 * cost nothing beside the decoding.
 *
 * The image may outlive the query that made it. Its memory is that of the
 * environment it was made with, messages go to the one of the caller.
 */
#include "codec_avro_image.h"

#include "codec_avro_internal.h"

#define VIEW_COUNT_MAX 5
/* Nothing is reserved where blocks seem to be packed better, or for more. */
#define RATIO_MAX 64
#define RESERVE_MAX ((uint64_t) 1 << 30)
/* Room that a decoder wants beside the bytes it makes. */
#define SLACK ((size_t) 256 << 10)

struct PmnAvroImage
{
	PmnEnv *env;
	PmnArena *arena; /* schema and names */
	size_t row_sizes[VIEW_COUNT_MAX];
	AvroProgram programs[VIEW_COUNT_MAX];
	uint32_t view_count;
	PmnBuffer plain;
	PMN_ARRAY(uint32_t) places; /* where records begin in plain */
};

/* What making an image needs beside it. */
typedef struct Maker
{
	PmnAvroImage *image;
	const PmnAvroRecord *const *views;
	AvroHeader header;
	const AvroSchema *schema;
	const uint8_t *at;
	const uint8_t *end;
	PmnArena *scratch; /* of one record */
	uint8_t *row;
	PmnAvroVisitor visit;
	void *context;
} Maker;

static PmnCode
read_header(Maker *maker, PmnBytes file, const char *name)
{
	PmnAvroImage *image = maker->image;
	const char *copy = pmn_arena_string(image->arena, name);

	if (copy == NULL)
		return PMN_NO_MEMORY;
	for (uint32_t v = 0; v < image->view_count; v++)
		image->programs[v].file_name = copy;
	PMN_TRY(pmn_avro_read_header(&image->programs[0], file, &maker->header));
	maker->at = file.data + maker->header.size;
	maker->end = file.data + file.size;
	PMN_TRY(pmn_avro_parse_schema(image->arena, maker->header.schema, copy,
								  &maker->schema));
	for (uint32_t v = 0; v < image->view_count; v++)
		PMN_TRY(pmn_avro_compile(&image->programs[v], image->arena,
								 maker->schema, maker->views[v]));
	return PMN_OK;
}

/*
 * Room for all blocks at once, if those to come are like the first: growing
 * step by step would copy most bytes, and touch new memory, three times.
 * Memory that is not needed after all was never touched.
 */
static PmnCode
reserve_like_first(Maker *maker, size_t packed_size)
{
	PmnBuffer *all = &maker->image->plain;
	uint64_t left = (uint64_t) (maker->end - maker->at);
	uint64_t wanted;

	if (packed_size == 0 || left > RESERVE_MAX)
		return PMN_OK;
	wanted = left * all->size / packed_size;
	if (wanted > left * RATIO_MAX || wanted > RESERVE_MAX)
		return PMN_OK;
	return pmn_buffer_reserve(all, (size_t) (wanted + wanted / 16) + SLACK);
}

/* The next block's plain bytes behind the others. */
static PmnCode
unpack_block(Maker *maker, int64_t *count)
{
	AvroProgram *program = &maker->image->programs[0];
	PmnBuffer *all = &maker->image->plain;
	size_t from = all->size;
	PmnBytes packed;

	PMN_TRY(pmn_poll(maker->image->env));
	if (!pmn_avro_read_long(&maker->at, maker->end, count) || *count < 0)
		return pmn_avro_corrupt(program, "a bad count of records");
	if (!pmn_avro_read_bytes(&maker->at, maker->end, &packed) ||
		maker->end - maker->at < PMN_AVRO_SYNC_SIZE)
		return pmn_avro_corrupt(program, "a block ends early");
	if (memcmp(maker->at, maker->header.sync, PMN_AVRO_SYNC_SIZE) != 0)
		return pmn_avro_corrupt(program, "a block without its sync marker");
	maker->at += PMN_AVRO_SYNC_SIZE;
	PMN_TRY(pmn_avro_append_block(program, maker->header.codec, packed, all));
	if (all->size > UINT32_MAX)
		return pmn_avro_corrupt(program, "more than 4 GB of records");
	PMN_TRY(
		pmn_avro_check_count(program, *count, maker->schema, all->size - from));
	return from == 0 ? reserve_like_first(maker, packed.size) : PMN_OK;
}

/* Find, and show, the records that begin at byte `from`. */
static PmnCode
find_records(Maker *maker, size_t from, int64_t count)
{
	PmnAvroImage *image = maker->image;
	AvroProgram *program = &image->programs[0];
	/* A block without bytes may have no buffer to point into. */
	const uint8_t *start =
		image->plain.data == NULL ? (const uint8_t *) "" : image->plain.data;
	const uint8_t *at = start + from;
	const uint8_t *end = start + image->plain.size;

	PMN_TRY(pmn_array_reserve(image->env, &image->places, (size_t) count));
	for (int64_t i = 0; i < count; i++)
	{
		uint32_t index = (uint32_t) image->places.count;

		if (i % 4096 == 0)
			PMN_TRY(pmn_poll(image->env));
		image->places.items[image->places.count++] = (uint32_t) (at - start);
		memset(maker->row, 0, image->row_sizes[0]);
		program->row_size = 0;
		PMN_TRY(pmn_avro_run(program, 0, maker->scratch, &at, end, maker->row));
		PMN_TRY(maker->visit(maker->context, index, maker->row));
		pmn_arena_reset(maker->scratch);
	}
	if (at != end)
		return pmn_avro_corrupt(program, "a block holds more than its records");
	return PMN_OK;
}

static PmnCode
fill(Maker *maker, PmnBytes file, const char *name)
{
	PmnAvroImage *image = maker->image;
	PmnCode code = PMN_OK;

	PMN_TRY(read_header(maker, file, name));
	PMN_TRY(pmn_arena_create(image->env, 0, &maker->scratch));
	maker->row = pmn_arena_alloc(image->arena, image->row_sizes[0]);
	if (maker->row == NULL)
		return PMN_NO_MEMORY;
	while (code == PMN_OK && maker->at < maker->end)
	{
		size_t from = image->plain.size;
		int64_t count = 0;

		code = unpack_block(maker, &count);
		if (code == PMN_OK)
			code = find_records(maker, from, count);
	}
	return code;
}

/* Give back what growing took too much, where it is worth the copy; failing
 * to is harmless. */
static void
trim(PmnAvroImage *image)
{
	PmnError error = image->env->error;
	PmnBuffer *plain = &image->plain;
	uint8_t *data;

	if (plain->size > 0 && plain->size < plain->capacity - plain->capacity / 8)
	{
		data =
			pmn_realloc(image->env, plain->data, plain->capacity, plain->size);
		if (data != NULL)
		{
			plain->data = data;
			plain->capacity = plain->size;
		}
	}
	image->env->error = error;
}

PmnCode
pmn_avro_image_make(PmnEnv *env, PmnBytes file, const char *name,
					const PmnAvroRecord *const *views, uint32_t view_count,
					PmnAvroVisitor visit, void *context, PmnAvroImage **out)
{
	PmnAvroImage *image = pmn_alloc(env, sizeof(*image));
	Maker maker = {
		.image = image, .views = views, .visit = visit, .context = context};
	PmnCode code;

	PMN_ASSERT(view_count > 0 && view_count <= VIEW_COUNT_MAX);
	*out = NULL;
	if (image == NULL)
		return PMN_NO_MEMORY;
	image->env = env;
	image->view_count = view_count;
	pmn_buffer_init(&image->plain, env);
	for (uint32_t v = 0; v < view_count; v++)
	{
		image->row_sizes[v] = views[v]->size;
		image->programs[v].env = env;
	}
	code = pmn_arena_create(env, 0, &image->arena);
	if (code == PMN_OK)
		code = fill(&maker, file, name);
	pmn_arena_destroy(maker.scratch);
	if (code == PMN_OK)
	{
		trim(image);
		*out = image;
	}
	else
		pmn_avro_image_free(image);
	return code;
}

void
pmn_avro_image_free(PmnAvroImage *image)
{
	if (image == NULL)
		return;
	for (uint32_t v = 0; v < image->view_count; v++)
	{
		image->programs[v].env = image->env;
		pmn_avro_program_free(&image->programs[v]);
	}
	pmn_array_free(image->env, &image->places);
	pmn_buffer_free(&image->plain);
	pmn_arena_destroy(image->arena);
	pmn_free(image->env, image, sizeof(*image));
}

size_t
pmn_avro_image_size(const PmnAvroImage *image)
{
	size_t size = sizeof(*image) + pmn_arena_bytes(image->arena);

	for (uint32_t v = 0; v < image->view_count; v++)
		size += image->programs[v].steps.capacity * sizeof(AvroStep) +
				image->programs[v].arrays.capacity * sizeof(AvroArrayPlan);
	return size + image->plain.capacity +
		   image->places.capacity * sizeof(uint32_t);
}

PmnCode
pmn_avro_image_read(PmnAvroImage *image, PmnEnv *env, uint32_t view,
					uint32_t index, PmnArena *arena, void *row)
{
	AvroProgram *program = &image->programs[view];
	const uint8_t *at;
	PmnCode code;

	PMN_ASSERT(view < image->view_count && index < image->places.count);
	at = image->plain.data + image->places.items[index];
	memset(row, 0, image->row_sizes[view]);
	program->env = env;
	program->row_size = 0;
	program->empty_count = 0;
	code = pmn_avro_run(program, 0, arena, &at,
						image->plain.data + image->plain.size, row);
	program->env = image->env;
	return code;
}
