/*
 * type_variant_fuzz.c
 *
 * Any bytes as a variant: two bytes say how long the metadata are, the rest
 * is the value. What is read and can be written is written again, and reads
 * as the same number of events.
 */
#include "../base/base_buffer.h"
#include "../testing/testing.h"
#include "type_variant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static PmnCode
pump(PmnVariantReader *reader, PmnVariantWriter *writer, uint64_t *events)
{
	PmnVariantEvent event;
	PmnCode written = PMN_OK;

	*events = 0;
	do
	{
		PMN_TRY(pmn_variant_read(reader, &event));
		(*events)++;
		if (writer != NULL && written == PMN_OK)
			written = pmn_variant_write(writer, &event);
	} while (event.kind != PMN_VARIANT_END);
	return written;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PmnTestEnv env;
	PmnVariantReader reader;
	PmnVariantWriter writer;
	PmnBytes value;
	PmnBytes metadata;
	uint64_t count;
	uint64_t again;
	size_t split;

	if (size < 2 || size > 65536)
		return 0;
	split = pmn_get_le16(data) % (size - 1);
	pmn_test_env_init(&env);
	pmn_variant_reader_init(&reader, &env.base);
	pmn_variant_writer_init(&writer, &env.base);
	if (pmn_variant_reader_start(&reader,
								 pmn_bytes(data + 2 + split, size - 2 - split),
								 pmn_bytes(data + 2, split)) == PMN_OK &&
		pump(&reader, &writer, &count) == PMN_OK)
	{
		PMN_ASSERT(count <= 4 * size + 2);
		PMN_ASSERT(pmn_variant_finish(&writer, &value, &metadata) == PMN_OK);
		PMN_ASSERT(pmn_variant_reader_start(&reader, value, metadata) ==
				   PMN_OK);
		PMN_ASSERT(pump(&reader, NULL, &again) == PMN_OK);
		PMN_ASSERT(again == count);
	}
	pmn_variant_reader_free(&reader);
	pmn_variant_writer_free(&writer);
	PMN_ASSERT(env.live_bytes == 0);
	return 0;
}
