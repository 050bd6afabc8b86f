/*
 * format_orc_tail.c
 *
 * What an ORC file says about itself, from its end:
 *
 *   stripes | metadata | footer | postscript | 1 byte: postscript's size
 *
 * All but stripes are messages of Protocol Buffers, read field by field
 * (numbers are those of orc_proto.proto); unknown fields are skipped. The
 * metadata part, statistics of stripes, is read by format_orc_prune.c.
 *
 * Everything is hostile: ranges are checked against the file, counts against
 * the message they were counted in, so no list is longer than the bytes that
 * spell it.
 */
#include "format_orc.h"

#define TAIL_BYTES ((size_t) 64 * 1024)
#define WHOLE_FILE_BYTES ((uint64_t) 256 * 1024)
#define FOOTER_WINDOW ((size_t) 1024 * 1024)
#define STRIPES_MAX 1000000
#define TYPES_MAX 100000
#define STREAMS_MAX 1000000
/*
 * Java's writer since ORC 1.6: strings in the order of their bytes, cut ones
 * marked, decimals and points in time right. Other writers count otherwise.
 */
#define STATISTICS_VERSION 8
#define MAGIC "ORC"
#define MAGIC_SIZE 3

static PmnCode
fail_message(PmnEnv *env, const char *what)
{
	return pmn_fail(env, PMN_CORRUPT, "its %s is broken", what);
}

static uint32_t
count_fields(PmnBytes bytes, uint32_t number)
{
	OrcMessage message = orc_message_open(bytes);
	uint32_t count = 0;
	OrcMessageField field;

	while (orc_message_next(&message, &field))
		count += field.number == number;
	return count;
}

/* ---- postscript ------------------------------------------------------------- */

typedef struct Postscript
{
	uint64_t footer_bytes;
	uint64_t compression;
	uint64_t block_bytes;
	uint64_t metadata_bytes;
	uint64_t writer_version;
	uint32_t version[2];
	bool has_magic;
} Postscript;

static void
read_version(const OrcMessageField *field, Postscript *out)
{
	OrcMessage packed = orc_message_open(field->bytes);
	uint32_t count = 0;
	uint64_t value;

	while (field->is_bytes && count < 2 && packed.next < packed.end &&
		   orc_message_varint(&packed, &value))
		out->version[count++] = (uint32_t) value;
}

static PmnCode
parse_postscript(PmnEnv *env, PmnBytes bytes, Postscript *out)
{
	OrcMessage message = orc_message_open(bytes);
	uint32_t unpacked = 0;
	OrcMessageField field;

	memset(out, 0, sizeof(*out));
	while (orc_message_next(&message, &field))
	{
		switch (field.number)
		{
			case 1:
				out->footer_bytes = field.value;
				break;
			case 2:
				out->compression = field.value;
				break;
			case 3:
				out->block_bytes = field.value;
				break;
			case 4:
				if (!field.is_bytes && unpacked < 2)
					out->version[unpacked++] = (uint32_t) field.value;
				read_version(&field, out);
				break;
			case 5:
				out->metadata_bytes = field.value;
				break;
			case 6:
				out->writer_version = field.value;
				break;
			case 8000:
				out->has_magic =
					pmn_bytes_equal(field.bytes, pmn_bytes(MAGIC, MAGIC_SIZE));
				break;
			default:
				break;
		}
	}
	return message.is_broken ? fail_message(env, "postscript") : PMN_OK;
}

static PmnCode
choose_codec(OrcInput *input, const Postscript *postscript)
{
	static const char *const names[] = {NULL,  "zlib", "snappy", "lzo",
										"lz4", "zstd", "brotli"};
	static const PmnCodec codecs[] = {
		PMN_CODEC_NONE, PMN_CODEC_DEFLATE, PMN_CODEC_SNAPPY, PMN_CODEC_NONE,
		PMN_CODEC_LZ4,	PMN_CODEC_ZSTD,	   PMN_CODEC_NONE};
	uint64_t number = postscript->compression;

	if (number >= sizeof(names) / sizeof(names[0]))
		return pmn_fail(input->env, PMN_UNSUPPORTED,
						"its compression has the unknown number %" PRIu64,
						number);
	input->is_compressed = number != 0;
	input->codec = codecs[number];
	if (input->is_compressed && input->codec == PMN_CODEC_NONE)
		return pmn_fail(input->env, PMN_UNSUPPORTED,
						"its compression \"%s\" is not supported",
						names[number]);
	/* Writers may leave the block size out; 256 kB is ORC's default. */
	input->block_bytes = (size_t) 256 * 1024;
	if (postscript->block_bytes > ORC_BLOCK_BYTES_MAX && input->is_compressed)
		return pmn_fail(input->env, PMN_CORRUPT,
						"its compression blocks have %" PRIu64 " bytes",
						postscript->block_bytes);
	if (postscript->block_bytes > 0 && input->is_compressed)
		input->block_bytes = (size_t) postscript->block_bytes;
	return PMN_OK;
}

/* Versions are 0.11 and 0.12; what came later is another format. */
static PmnCode
check_version(PmnEnv *env, const Postscript *postscript)
{
	if (postscript->version[0] == 0 && postscript->version[1] <= 12)
		return PMN_OK;
	return pmn_fail(env, PMN_UNSUPPORTED,
					"it has version %" PRIu32 ".%" PRIu32
					" of ORC, versions up to 0.12 are supported",
					postscript->version[0], postscript->version[1]);
}

static PmnCode
read_postscript(OrcInput *input, Postscript *out, uint64_t *footer_offset)
{
	PmnEnv *env = input->env;
	uint64_t size = input->size_bytes;
	size_t postscript_bytes;
	char magic[MAGIC_SIZE];

	if (size <= MAGIC_SIZE + 1)
		return pmn_fail(env, PMN_CORRUPT,
						"it has %" PRIu64 " bytes, too few for ORC", size);
	PMN_TRY(orc_input_load_tail(input, size <= WHOLE_FILE_BYTES ? (size_t) size
																: TAIL_BYTES));
	postscript_bytes = input->tail[input->tail_bytes - 1];
	if (postscript_bytes == 0 || postscript_bytes > size - 1)
		return pmn_fail(env, PMN_CORRUPT, "it has no ORC postscript");
	PMN_TRY(parse_postscript(
		env,
		pmn_bytes(input->tail + input->tail_bytes - 1 - postscript_bytes,
				  postscript_bytes),
		out));
	if (!out->has_magic)
	{
		/* Hive 0.11 wrote the magic at the beginning only. */
		PMN_TRY(orc_input_read(input, 0, MAGIC_SIZE, (uint8_t *) magic));
		if (memcmp(magic, MAGIC, MAGIC_SIZE) != 0)
			return pmn_fail(env, PMN_CORRUPT, "it is not an ORC file");
	}
	PMN_TRY(check_version(env, out));
	PMN_TRY(choose_codec(input, out));
	if (out->footer_bytes > size - 1 - postscript_bytes)
		return pmn_fail(env, PMN_CORRUPT,
						"its footer of %" PRIu64
						" bytes does not fit into the file of %" PRIu64,
						out->footer_bytes, size);
	*footer_offset = size - 1 - postscript_bytes - out->footer_bytes;
	return PMN_OK;
}

PmnCode
orc_read_plain(OrcInput *input, const uint8_t *memory, uint64_t offset,
			   uint64_t size, const char *what, PmnBuffer *dst)
{
	OrcStream stream = {0};
	PmnCode code = PMN_OK;
	bool is_end = false;

	PMN_TRY(orc_input_check_range(input, offset, size, what));
	if (memory != NULL)
		orc_stream_open_memory(&stream, input, memory, (size_t) size);
	else
		orc_stream_open(&stream, input, offset, size, FOOTER_WINDOW);
	while (code == PMN_OK)
	{
		code = orc_stream_more(&stream, &is_end);
		if (code != PMN_OK || is_end)
			break;
		if ((size_t) (stream.end - stream.next) >
			ORC_FOOTER_BYTES_MAX - dst->size)
			code = pmn_fail(input->env, PMN_CORRUPT,
							"its %s has more than %zu bytes", what,
							ORC_FOOTER_BYTES_MAX);
		else
			code = pmn_buffer_append(dst, stream.next,
									 (size_t) (stream.end - stream.next));
		stream.next = stream.end;
	}
	orc_stream_free(&stream);
	return code;
}

/* ---- footer ------------------------------------------------------------------ */

static PmnCode
parse_stripe(OrcInput *input, PmnBytes bytes, OrcStripe *out)
{
	OrcMessage message = orc_message_open(bytes);
	uint64_t total;
	OrcMessageField field;

	while (orc_message_next(&message, &field))
	{
		uint64_t *const targets[] = {&out->offset, &out->index_bytes,
									 &out->data_bytes, &out->footer_bytes,
									 &out->rows};

		if (field.number >= 1 && field.number <= 5)
			*targets[field.number - 1] = field.value;
	}
	if (message.is_broken ||
		__builtin_add_overflow(out->index_bytes, out->data_bytes, &total) ||
		__builtin_add_overflow(total, out->footer_bytes, &total))
		return fail_message(input->env, "footer");
	return orc_input_check_range(input, out->offset, total, "a stripe");
}

/* Ids of children, packed or one by one; at most room of them are kept. */
static bool
read_ids(const OrcMessageField *field, OrcType *type, uint32_t room,
		 uint32_t *count)
{
	OrcMessage packed = orc_message_open(field->bytes);
	uint64_t id = field->value;

	if (!field->is_bytes)
	{
		if (*count < room)
			type->children[*count].type = id > UINT32_MAX ? 0 : (uint32_t) id;
		++*count;
		return true;
	}
	while (packed.next < packed.end && orc_message_varint(&packed, &id))
	{
		if (*count < room)
			type->children[*count].type = id > UINT32_MAX ? 0 : (uint32_t) id;
		++*count;
	}
	return !packed.is_broken;
}

static uint32_t
count_ids(PmnBytes bytes)
{
	OrcMessage message = orc_message_open(bytes);
	uint32_t count = 0;
	OrcMessageField field;

	while (orc_message_next(&message, &field))
		if (field.number == 2)
			message.is_broken |= !read_ids(&field, NULL, 0, &count);
	return count;
}

/* Whether a type of the kind may have so many children and names. */
static bool
children_fit(uint32_t kind, uint32_t children, uint32_t names)
{
	switch (kind)
	{
		case ORC_STRUCT:
			return names == children;
		case ORC_LIST:
			return children == 1;
		case ORC_MAP:
			return children == 2;
		case ORC_UNION:
			return true;
		default:
			return children == 0;
	}
}

static PmnCode
parse_type(PmnArena *arena, PmnBytes bytes, OrcType *out)
{
	PmnEnv *env = pmn_arena_env(arena);
	OrcMessage message = orc_message_open(bytes);
	uint32_t room = count_ids(bytes);
	uint32_t names = 0;
	OrcMessageField field;

	if (room > TYPES_MAX)
		return fail_message(env, "footer");
	out->children =
		pmn_arena_alloc(arena, ((size_t) room + 1) * sizeof(OrcField));
	if (out->children == NULL)
		return PMN_NO_MEMORY;
	while (orc_message_next(&message, &field))
	{
		if (field.number == 1)
			out->kind = (uint32_t) field.value;
		else if (field.number == 2)
			message.is_broken |=
				!read_ids(&field, out, room, &out->child_count);
		else if (field.number == 5)
			out->precision = (uint32_t) field.value;
		else if (field.number == 6)
			out->scale = (uint32_t) field.value;
		else if (field.number == 3 && names++ < room)
		{
			OrcField *child = &out->children[names - 1];

			child->name = pmn_arena_string_n(
				arena, (const char *) field.bytes.data, field.bytes.size);
			if (child->name == NULL)
				return PMN_NO_MEMORY;
		}
	}
	if (message.is_broken || out->child_count != room ||
		!children_fit(out->kind, room, names))
		return fail_message(env, "footer");
	return PMN_OK;
}

/*
 * Whether the types are a tree: children come after their parent, and have
 * no other one. So whoever walks down comes to an end, in as many steps as
 * there are types.
 */
static PmnCode
check_tree(PmnEnv *env, OrcTail *tail)
{
	for (uint32_t i = 0; i < tail->type_count; i++)
	{
		const OrcType *type = &tail->types[i];

		for (uint32_t c = 0; c < type->child_count; c++)
		{
			uint32_t child = type->children[c].type;

			if (child <= i || child >= tail->type_count ||
				tail->types[child].has_parent)
				return pmn_fail(env, PMN_CORRUPT,
								"its type %" PRIu32 " has the child %" PRIu32
								" of %" PRIu32 " types",
								i, child, tail->type_count);
			tail->types[child].has_parent = true;
		}
	}
	return PMN_OK;
}

static PmnCode
check_rows(PmnEnv *env, const OrcTail *tail)
{
	uint64_t rows = 0;

	for (uint32_t i = 0; i < tail->stripe_count; i++)
		if (__builtin_add_overflow(rows, tail->stripes[i].rows, &rows))
			return pmn_fail(env, PMN_CORRUPT, "impossible row count in footer");
	if (rows != tail->rows || rows > INT64_MAX)
		return pmn_fail(env, PMN_CORRUPT,
						"its stripes have %" PRIu64
						" rows, the footer says %" PRIu64,
						rows, tail->rows);
	return PMN_OK;
}

static PmnCode
parse_footer(OrcInput *input, PmnArena *arena, PmnBytes bytes, OrcTail *out)
{
	PmnEnv *env = input->env;
	OrcMessage message = orc_message_open(bytes);
	uint32_t stripe_count = count_fields(bytes, 3);
	uint32_t type_count = count_fields(bytes, 4);
	uint64_t writer = 0;
	OrcMessageField field;

	if (stripe_count > STRIPES_MAX || type_count > TYPES_MAX)
		return pmn_fail(env, PMN_CORRUPT,
						"it has %" PRIu32 " stripes and %" PRIu32 " types",
						stripe_count, type_count);
	out->stripes =
		pmn_arena_alloc(arena, ((size_t) stripe_count + 1) * sizeof(OrcStripe));
	out->types =
		pmn_arena_alloc(arena, ((size_t) type_count + 1) * sizeof(OrcType));
	if (out->stripes == NULL || out->types == NULL)
		return PMN_NO_MEMORY;
	while (orc_message_next(&message, &field))
	{
		if (field.number == 3)
			PMN_TRY(parse_stripe(input, field.bytes,
								 &out->stripes[out->stripe_count++]));
		else if (field.number == 4)
			PMN_TRY(
				parse_type(arena, field.bytes, &out->types[out->type_count++]));
		else if (field.number == 6)
			out->rows = field.value;
		else if (field.number == 8)
			out->row_index_stride = field.value;
		else if (field.number == 9)
			writer = field.value;
		else if (field.number == 10)
			return pmn_fail(env, PMN_UNSUPPORTED,
							"it has encrypted columns, which are not "
							"supported");
	}
	if (message.is_broken)
		return fail_message(env, "footer");
	if (out->type_count == 0 || out->types[0].kind != ORC_STRUCT)
		return pmn_fail(env, PMN_CORRUPT, "its root type is not a struct");
	out->has_statistics = writer == 0;
	PMN_TRY(check_tree(env, out));
	return check_rows(env, out);
}

PmnCode
orc_read_tail(OrcInput *input, PmnArena *arena, OrcTail *out)
{
	Postscript postscript;
	uint64_t offset;
	PmnBuffer plain;
	PmnCode code;

	memset(out, 0, sizeof(*out));
	PMN_TRY(read_postscript(input, &postscript, &offset));
	pmn_buffer_init(&plain, input->env);
	code = orc_read_plain(input, NULL, offset, postscript.footer_bytes,
						  "footer", &plain);
	if (code == PMN_OK)
		code =
			parse_footer(input, arena, pmn_bytes(plain.data, plain.size), out);
	pmn_buffer_free(&plain);
	out->has_statistics &= postscript.writer_version >= STATISTICS_VERSION;
	if (postscript.metadata_bytes <= offset)
	{
		out->metadata_offset = offset - postscript.metadata_bytes;
		out->metadata_bytes = postscript.metadata_bytes;
	}
	return code;
}

/* ---- stripe footers ------------------------------------------------------------ */

static PmnCode
parse_streams(OrcInput *input, const OrcStripe *stripe, PmnBytes bytes,
			  OrcStripeFooter *out)
{
	uint64_t left = stripe->index_bytes + stripe->data_bytes;
	uint64_t offset = stripe->offset;
	OrcMessage message = orc_message_open(bytes);
	OrcMessageField outer;

	while (orc_message_next(&message, &outer))
	{
		OrcMessage inner = orc_message_open(outer.bytes);
		OrcStreamInfo *stream;
		OrcMessageField field;

		if (outer.number != 1)
			continue;
		stream = &out->streams[out->stream_count++];
		while (orc_message_next(&inner, &field))
		{
			if (field.number == 1)
				stream->kind = (uint32_t) field.value;
			else if (field.number == 2)
				stream->column = (uint32_t) field.value;
			else if (field.number == 3)
				stream->size = field.value;
		}
		if (inner.is_broken || stream->size > left)
			return fail_message(input->env, "stripe footer");
		stream->offset = offset;
		offset += stream->size;
		left -= stream->size;
	}
	return PMN_OK;
}

static PmnCode
parse_encoding(PmnEnv *env, PmnBytes bytes, OrcEncoding *out)
{
	OrcMessage message = orc_message_open(bytes);
	OrcMessageField field;

	while (orc_message_next(&message, &field))
	{
		if (field.number == 1)
			out->kind = (uint32_t) field.value;
		else if (field.number == 2)
			out->dictionary_size = (uint32_t) field.value;
	}
	return message.is_broken ? fail_message(env, "stripe footer") : PMN_OK;
}

static PmnCode
parse_stripe_footer(OrcInput *input, PmnArena *arena, const OrcStripe *stripe,
					PmnBytes bytes, OrcStripeFooter *out)
{
	PmnEnv *env = input->env;
	OrcMessage message = orc_message_open(bytes);
	uint32_t stream_count = count_fields(bytes, 1);
	uint32_t encoding_count = count_fields(bytes, 2);
	OrcMessageField field;

	out->time_zone = "";
	if (stream_count > STREAMS_MAX || encoding_count > TYPES_MAX)
		return fail_message(env, "stripe footer");
	out->streams = pmn_arena_alloc(arena, ((size_t) stream_count + 1) *
											  sizeof(OrcStreamInfo));
	out->encodings = pmn_arena_alloc(arena, ((size_t) encoding_count + 1) *
												sizeof(OrcEncoding));
	if (out->streams == NULL || out->encodings == NULL)
		return PMN_NO_MEMORY;
	while (orc_message_next(&message, &field))
	{
		if (field.number == 2)
			PMN_TRY(parse_encoding(env, field.bytes,
								   &out->encodings[out->encoding_count++]));
		else if (field.number == 3)
		{
			out->time_zone = pmn_arena_string_n(
				arena, (const char *) field.bytes.data, field.bytes.size);
			if (out->time_zone == NULL)
				return PMN_NO_MEMORY;
		}
	}
	if (message.is_broken)
		return fail_message(env, "stripe footer");
	return parse_streams(input, stripe, bytes, out);
}

PmnCode
orc_read_stripe_footer(OrcInput *input, PmnArena *arena,
					   const OrcStripe *stripe, OrcStripeFooter *out)
{
	PmnBuffer plain;
	PmnCode code;

	memset(out, 0, sizeof(*out));
	pmn_buffer_init(&plain, input->env);
	code = orc_read_plain(
		input, NULL, stripe->offset + stripe->index_bytes + stripe->data_bytes,
		stripe->footer_bytes, "stripe footer", &plain);
	if (code == PMN_OK)
		code = parse_stripe_footer(input, arena, stripe,
								   pmn_bytes(plain.data, plain.size), out);
	pmn_buffer_free(&plain);
	return code;
}
