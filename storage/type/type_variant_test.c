/*
 * type_variant_test.c
 *
 * The variant encoding: bytes made by hand read as what they are, what is
 * written has the bytes that Paimon's builder gives, and bytes that lie end
 * in an error.
 */
#include "../base/base_buffer.h"
#include "../testing/testing.h"
#include "type_variant.h"

static PmnVariantEvent
event_of(PmnVariantKind kind)
{
	PmnVariantEvent event = {.kind = kind};

	return event;
}

static PmnVariantEvent
text_event(PmnVariantKind kind, const char *text)
{
	PmnVariantEvent event = {.kind = kind};

	event.value.as.bytes = pmn_bytes_string(text);
	return event;
}

static PmnVariantEvent
integer_event(int64_t number)
{
	PmnVariantEvent event = {.kind = PMN_VARIANT_INTEGER};

	event.value.as.i64 = number;
	return event;
}

static PmnCode
write_all(PmnVariantWriter *writer, const PmnVariantEvent *events, size_t count,
		  PmnBytes *value, PmnBytes *metadata)
{
	pmn_variant_writer_reset(writer);
	for (size_t i = 0; i < count; i++)
		PMN_TRY(pmn_variant_write(writer, &events[i]));
	return pmn_variant_finish(writer, value, metadata);
}

/* One line of what a variant holds. */
static PmnCode
append_event(PmnBuffer *out, const PmnVariantEvent *event)
{
	const PmnValue *value = &event->value;
	PmnBytes bytes = value->as.bytes;

	switch (event->kind)
	{
		case PMN_VARIANT_NULL:
			return pmn_buffer_string(out, "null ");
		case PMN_VARIANT_BOOLEAN:
			return pmn_buffer_string(out, value->as.i64 ? "true " : "false ");
		case PMN_VARIANT_INTEGER:
			return pmn_buffer_format(out, "%lld ", (long long) value->as.i64);
		case PMN_VARIANT_FLOAT:
		case PMN_VARIANT_DOUBLE:
			return pmn_buffer_format(out, "%g ", value->as.f64);
		case PMN_VARIANT_DECIMAL:
			return pmn_buffer_format(
				out, "%lldE-%d ", (long long) value->as.dec128, event->scale);
		case PMN_VARIANT_DATE:
			return pmn_buffer_format(out, "day%lld ",
									 (long long) value->as.i64);
		case PMN_VARIANT_TIME:
			return pmn_buffer_format(out, "time%lld ",
									 (long long) value->as.i64);
		case PMN_VARIANT_TIMESTAMP_LTZ:
		case PMN_VARIANT_TIMESTAMP:
			return pmn_buffer_format(
				out, "%s%lld+%d ",
				event->kind == PMN_VARIANT_TIMESTAMP ? "ntz" : "ltz",
				(long long) value->as.ts96.millis, value->as.ts96.nano);
		case PMN_VARIANT_STRING:
		case PMN_VARIANT_BINARY:
		case PMN_VARIANT_UUID:
		case PMN_VARIANT_KEY:
			return pmn_buffer_format(
				out, "%c\"%.*s\" ",
				"SBU....K"[event->kind - PMN_VARIANT_STRING], (int) bytes.size,
				(const char *) bytes.data);
		case PMN_VARIANT_OBJECT:
			return pmn_buffer_string(out, "{ ");
		case PMN_VARIANT_OBJECT_END:
			return pmn_buffer_string(out, "} ");
		case PMN_VARIANT_ARRAY:
			return pmn_buffer_string(out, "[ ");
		case PMN_VARIANT_ARRAY_END:
			return pmn_buffer_string(out, "] ");
		case PMN_VARIANT_END:
			break;
	}
	return PMN_OK;
}

static PmnCode
read_all(PmnVariantReader *reader, PmnBytes value, PmnBytes metadata,
		 PmnBuffer *out)
{
	PmnVariantEvent event;

	pmn_buffer_reset(out);
	PMN_TRY(pmn_variant_reader_start(reader, value, metadata));
	do
	{
		PMN_TRY(pmn_variant_read(reader, &event));
		if (out->size < 10000)
			PMN_TRY(append_event(out, &event));
	} while (event.kind != PMN_VARIANT_END);
	return pmn_buffer_byte(out, '\0');
}

typedef struct Bench
{
	PmnTestEnv env;
	PmnVariantReader reader;
	PmnVariantWriter writer;
	PmnBuffer text;
} Bench;

static void
start(Bench *bench)
{
	pmn_test_env_init(&bench->env);
	pmn_variant_reader_init(&bench->reader, &bench->env.base);
	pmn_variant_writer_init(&bench->writer, &bench->env.base);
	pmn_buffer_init(&bench->text, &bench->env.base);
}

static void
stop(Bench *bench)
{
	pmn_variant_reader_free(&bench->reader);
	pmn_variant_writer_free(&bench->writer);
	pmn_buffer_free(&bench->text);
	CHECK(bench->env.live_bytes == 0);
}

static bool
reads(Bench *bench, const char *bytes, size_t size, const char *text)
{
	static const uint8_t metadata[] = {0x01, 0x01, 0x00, 0x01, 'k'};

	if (read_all(&bench->reader, pmn_bytes(bytes, size),
				 pmn_bytes(metadata, sizeof(metadata)), &bench->text) != PMN_OK)
		return text == NULL;
	return text != NULL && strcmp((char *) bench->text.data, text) == 0;
}

#define READS(bytes, text) CHECK(reads(&bench, bytes, sizeof(bytes) - 1, text))

/* Goal: each primitive type of the encoding, those of newer Parquet too, is
 * read as its value. */
TEST(primitives)
{
	Bench bench;

	start(&bench);
	READS("\x00", "null ");
	READS("\x04", "true ");
	READS("\x08", "false ");
	READS("\x0c\xff", "-1 ");
	READS("\x10\x00\x80", "-32768 ");
	READS("\x14\xff\xff\xff\x7f", "2147483647 ");
	READS("\x18\x00\x00\x00\x00\x00\x00\x00\x80", "-9223372036854775808 ");
	READS("\x1c\x00\x00\x00\x00\x00\x00\xf8\x3f", "1.5 ");
	READS("\x20\x02\x9c\xff\xff\xff", "-100E-2 ");
	READS("\x24\x01\x0f\x00\x00\x00\x00\x00\x00\x00", "15E-1 ");
	READS("\x28\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		  "\x00",
		  "7E-0 ");
	READS("\x2c\xff\xff\xff\xff", "day-1 ");
	READS("\x30\xff\xff\xff\xff\xff\xff\xff\xff", "ltz-1+999000 ");
	READS("\x34\xe8\x03\x00\x00\x00\x00\x00\x00", "ntz1+0 ");
	READS("\x38\x00\x00\x20\x40", "2.5 ");
	READS("\x3c\x02\x00\x00\x00xy", "B\"xy\" ");
	READS("\x40\x02\x00\x00\x00xy", "S\"xy\" ");
	READS("\x44\x05\x00\x00\x00\x00\x00\x00\x00", "time5 ");
	READS("\x48\xff\xff\xff\xff\xff\xff\xff\xff", "ltz-1+999999 ");
	READS("\x4c\x41\x42\x0f\x00\x00\x00\x00\x00", "ntz1+1 ");
	READS("\x50"
		  "0123456789abcdef",
		  "U\"0123456789abcdef\" ");
	READS("\x01", "S\"\" ");
	READS("\x0dxyz", "S\"xyz\" ");
	READS("\x54", NULL);
	READS("\x20\x0a\x00\x00\x00\x00", NULL);
	READS("\x20\x00\x00\xca\x9a\x3b", NULL);
	stop(&bench);
}

/* Goal: arrays and objects, with every width of their tables; children may
 * lie in any order. */
TEST(containers)
{
	Bench bench;

	start(&bench);
	READS("\x03\x00\x00", "[ ] ");
	READS("\x02\x00\x00", "{ } ");
	READS("\x03\x02\x00\x02\x03\x0c\x05\x04", "[ 5 true ] ");
	READS("\x03\x02\x01\x00\x03\x04\x0c\x05", "[ 5 true ] ");
	READS("\x02\x01\x00\x00\x01\x04", "{ K\"k\" true } ");
	READS("\x5a\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x04",
		  "{ K\"k\" true } ");
	READS("\x1f\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x04",
		  "[ true ] ");
	READS("\x03\x01\x00\x03\x03\x00\x00", "[ [ ] ] ");
	stop(&bench);
}

/* Goal: parts outside, overlapping parts, unknown keys and bad metadata are
 * errors. */
TEST(lies)
{
	Bench bench;
	uint8_t deep[4 * 2000];

	start(&bench);
	READS("", NULL);
	READS("\x03", NULL);
	READS("\x03\xff\x00", NULL);
	READS("\x03\x01\x00\x02\x04", NULL);
	READS("\x03\x01\x02\x01\x04", NULL);
	READS("\x03\x02\x00\x00\x02\x0c\x05", NULL);
	READS("\x02\x01\x01\x00\x01\x04", NULL);
	READS("\x13\xff\xff\xff\xff\x00", NULL);
	READS("\x40\xff\xff\xff\xff", NULL);
	for (uint32_t at = 0; at < 2000; at++)
		memcpy(deep + 4 * (size_t) at, "\x03\x01\x00\x04", 4);
	CHECK(!reads(&bench, (const char *) deep, sizeof(deep), ""));
	CHECK(read_all(&bench.reader, pmn_bytes("\x00", 1), pmn_bytes("", 0),
				   &bench.text) == PMN_CORRUPT);
	CHECK(read_all(&bench.reader, pmn_bytes("\x00", 1),
				   pmn_bytes("\x02\0\0", 3), &bench.text) == PMN_CORRUPT);
	CHECK(read_all(&bench.reader, pmn_bytes("\x00", 1),
				   pmn_bytes("\x01\xff\0", 3), &bench.text) == PMN_CORRUPT);
	CHECK(read_all(&bench.reader, pmn_bytes("\x02\x01\x00\x00\x01\x04", 6),
				   pmn_bytes("\x01\x01\x00\x05k", 5),
				   &bench.text) == PMN_CORRUPT);
	stop(&bench);
}

/* Goal: {"b":[1,300,"x"],"a":null,"b2":-1.50} has the bytes that Paimon
 * writes: keys numbered as they come, sorted in the object. */
TEST(written_bytes)
{
	static const uint8_t value_bytes[] = {
		0x02, 3,   1,	 0,	   2, 13,	0,	  14,	20,	  0x03,
		3,	  0,   2,	 5,	   7, 0x0c, 1,	  0x10, 0x2c, 0x01,
		0x05, 'x', 0x00, 0x20, 2, 0x6a, 0xff, 0xff, 0xff};
	static const uint8_t metadata_bytes[] = {0x01, 3,	0,	 1,	  2,
											 4,	   'b', 'a', 'b', '2'};
	PmnVariantEvent events[] = {event_of(PMN_VARIANT_OBJECT),
								text_event(PMN_VARIANT_KEY, "b"),
								event_of(PMN_VARIANT_ARRAY),
								integer_event(1),
								integer_event(300),
								text_event(PMN_VARIANT_STRING, "x"),
								event_of(PMN_VARIANT_ARRAY_END),
								text_event(PMN_VARIANT_KEY, "a"),
								event_of(PMN_VARIANT_NULL),
								text_event(PMN_VARIANT_KEY, "b2"),
								event_of(PMN_VARIANT_DECIMAL),
								event_of(PMN_VARIANT_OBJECT_END)};
	Bench bench;
	PmnBytes value;
	PmnBytes metadata;

	start(&bench);
	events[10].scale = 2;
	events[10].value.as.dec128 = -150;
	CHECK_OK(&bench.env,
			 write_all(&bench.writer, events, 12, &value, &metadata));
	CHECK(pmn_bytes_equal(value, pmn_bytes(value_bytes, sizeof(value_bytes))));
	CHECK(pmn_bytes_equal(metadata,
						  pmn_bytes(metadata_bytes, sizeof(metadata_bytes))));
	CHECK_OK(&bench.env, read_all(&bench.reader, value, metadata, &bench.text));
	CHECK(strcmp((char *) bench.text.data,
				 "{ K\"a\" null K\"b\" [ 1 300 S\"x\" ] K\"b2\" -150E-2 } ") ==
		  0);
	stop(&bench);
}

/* Goal: a key twice in one object is an error; twice in a variant is not. */
TEST(keys_twice)
{
	PmnVariantEvent events[] = {event_of(PMN_VARIANT_OBJECT),
								text_event(PMN_VARIANT_KEY, "k"),
								event_of(PMN_VARIANT_OBJECT),
								text_event(PMN_VARIANT_KEY, "k"),
								integer_event(1),
								event_of(PMN_VARIANT_OBJECT_END),
								event_of(PMN_VARIANT_OBJECT_END)};
	PmnVariantEvent twice[] = {event_of(PMN_VARIANT_OBJECT),
							   text_event(PMN_VARIANT_KEY, "k"),
							   integer_event(1),
							   text_event(PMN_VARIANT_KEY, "k"),
							   integer_event(1),
							   event_of(PMN_VARIANT_OBJECT_END)};
	Bench bench;
	PmnBytes value;
	PmnBytes metadata;

	start(&bench);
	CHECK_OK(&bench.env,
			 write_all(&bench.writer, events, 7, &value, &metadata));
	CHECK(metadata.size == 5);
	CHECK(write_all(&bench.writer, twice, 6, &value, &metadata) == PMN_INVALID);
	stop(&bench);
}

/* Goal: many keys and long texts need wide tables, and come back. */
TEST(wide_tables)
{
	Bench bench;
	PmnBytes value;
	PmnBytes metadata;
	PmnVariantEvent event = event_of(PMN_VARIANT_OBJECT);
	char name[16];
	uint32_t read = 0;

	start(&bench);
	CHECK_OK(&bench.env, pmn_variant_write(&bench.writer, &event));
	for (int i = 0; i < 70000; i++)
	{
		snprintf(name, sizeof(name), "%05d", i);
		event = text_event(PMN_VARIANT_KEY, name);
		CHECK_OK(&bench.env, pmn_variant_write(&bench.writer, &event));
		event = integer_event(i);
		CHECK_OK(&bench.env, pmn_variant_write(&bench.writer, &event));
	}
	event = event_of(PMN_VARIANT_OBJECT_END);
	CHECK_OK(&bench.env, pmn_variant_write(&bench.writer, &event));
	CHECK_OK(&bench.env, pmn_variant_finish(&bench.writer, &value, &metadata));
	CHECK_OK(&bench.env,
			 pmn_variant_reader_start(&bench.reader, value, metadata));
	do
	{
		CHECK_OK(&bench.env, pmn_variant_read(&bench.reader, &event));
		if (event.kind == PMN_VARIANT_KEY)
		{
			memcpy(name, event.value.as.bytes.data, 5);
			name[5] = '\0';
			CHECK_OK(&bench.env, pmn_variant_read(&bench.reader, &event));
			CHECK(event.kind == PMN_VARIANT_INTEGER);
			CHECK(event.value.as.i64 == strtol(name, NULL, 10));
			read++;
		}
	} while (event.kind != PMN_VARIANT_END);
	CHECK(read == 70000);
	stop(&bench);
}

/* Goal: without memory there is an error and nothing is left. */
TEST(no_memory)
{
	PmnVariantEvent events[] = {
		event_of(PMN_VARIANT_OBJECT), text_event(PMN_VARIANT_KEY, "k"),
		integer_event(1), event_of(PMN_VARIANT_OBJECT_END)};
	PmnCode code = PMN_NO_MEMORY;

	for (uint64_t step = 0; code == PMN_NO_MEMORY; step++)
	{
		PmnTestEnv env;
		PmnVariantWriter writer;
		PmnVariantReader reader;
		PmnVariantEvent event = {0};
		PmnBytes value;
		PmnBytes metadata;

		pmn_test_env_fail_at(&env, step);
		pmn_variant_writer_init(&writer, &env.base);
		pmn_variant_reader_init(&reader, &env.base);
		code = write_all(&writer, events, 4, &value, &metadata);
		if (code == PMN_OK)
			code = pmn_variant_reader_start(&reader, value, metadata);
		while (code == PMN_OK && event.kind != PMN_VARIANT_END)
			code = pmn_variant_read(&reader, &event);
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		pmn_variant_writer_free(&writer);
		pmn_variant_reader_free(&reader);
		CHECK(env.live_bytes == 0);
	}
}

int
main(void)
{
	RUN(primitives);
	RUN(containers);
	RUN(lies);
	RUN(written_bytes);
	RUN(keys_twice);
	RUN(wide_tables);
	RUN(no_memory);
	TEST_END();
}
