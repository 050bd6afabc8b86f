/*
 * format_avro_damage_test.c
 *
 * Avro data files that are cut, changed or lie about themselves, and memory
 * that runs out: always a code, never a crash or a leak.
 */
#include "format_avro_testing.h"

static void
make_small(AvroFixture *f, PmnCodec codec)
{
	test_avro_start(f,
					TEST_AVRO_ROOT
					"{\"name\":\"c\",\"type\":[\"null\",\"string\"]},"
					"{\"name\":\"n\",\"type\":\"long\"}]}",
					codec);
	for (int64_t i = 0; i < 40; i++)
	{
		test_avro_long(&f->avro, i % 5 == 0 ? 0 : 1);
		if (i % 5 != 0)
			test_avro_string(&f->avro, "some text");
		test_avro_long(&f->avro, i * 1000);
		f->avro.count++;
		if (i % 10 == 9)
			test_avro_end_block(&f->avro);
	}
}

/* Goal: a file cut anywhere but between blocks is damage; there, the rows
 * before are read, and whoever knows their number must compare. */
TEST(cut_files_are_refused)
{
	static const PmnCodec codecs[] = {PMN_CODEC_NONE, PMN_CODEC_ZSTD,
									  PMN_CODEC_SNAPPY, PMN_CODEC_DEFLATE};
	PmnFormatColumn column = test_avro_column(PMN_TYPE_VARCHAR, 0, 0);
	uint64_t rows = 0;
	AvroFixture f;

	for (uint32_t c = 0; c < 4; c++)
	{
		uint32_t whole = 0;

		make_small(&f, codecs[c]);
		for (size_t size = 0; size <= f.avro.file.size; size++)
		{
			PmnCode code = test_avro_open_bytes(
				&f, pmn_bytes(f.avro.file.data, size), &column, 1);

			if (code == PMN_OK)
				code = test_avro_read_all(&f, &rows);
			CHECK(code == PMN_OK || code == PMN_CORRUPT);
			if (code != PMN_OK)
				continue;
			CHECK(rows == 10 * whole);
			whole++;
		}
		CHECK(whole == 5);
		test_avro_stop(&f);
	}
}

/* Goal: no changed byte does worse than a code. */
TEST(changed_bytes_are_survived)
{
	PmnFormatColumn column = test_avro_column(PMN_TYPE_VARCHAR, 0, 0);
	uint64_t rows;
	AvroFixture f;

	for (uint32_t c = 0; c < 2; c++)
	{
		make_small(&f, c == 0 ? PMN_CODEC_NONE : PMN_CODEC_ZSTD);
		for (size_t i = 0; i < f.avro.file.size; i++)
			for (uint32_t bit = 0; bit < 8; bit++)
			{
				PmnCode code;

				f.avro.file.data[i] ^= (uint8_t) (1u << bit);
				code = test_avro_open(&f, &column, 1);
				if (code == PMN_OK)
					code = test_avro_read_all(&f, &rows);
				CHECK(code == PMN_OK || code == PMN_CORRUPT ||
					  code == PMN_UNSUPPORTED);
				f.avro.file.data[i] ^= (uint8_t) (1u << bit);
			}
		test_avro_stop(&f);
	}
}

/* Goal: counts and bytes of a block must agree, and messages say where. */
TEST(blocks_must_agree_with_their_records)
{
	PmnFormatColumn column = test_avro_column(PMN_TYPE_INT, 0, 0);
	uint64_t rows;
	AvroFixture f;

	test_avro_start_one(&f, "[\"null\",\"int\"]");
	test_avro_raw(&f.avro, "\x02\x04\x02\x06", 4);
	f.avro.count = 1;
	test_avro_end_block(&f.avro);
	CHECK_OK(&f.env, test_avro_open(&f, &column, 1));
	CHECK(test_avro_read_all(&f, &rows) == PMN_CORRUPT);
	CHECK(strstr(f.env.base.error.message, "more than its records") != NULL);
	test_avro_stop(&f);

	test_avro_start_one(&f, "[\"null\",\"int\"]");
	test_avro_raw(&f.avro, "\x00\x04\x02\x06", 4);
	f.avro.count = 3;
	test_avro_end_block(&f.avro);
	CHECK_OK(&f.env, test_avro_open(&f, &column, 1));
	CHECK(test_avro_read_all(&f, &rows) == PMN_CORRUPT);
	CHECK(strstr(f.env.base.error.message, "branch") != NULL);
	CHECK(strcmp(f.env.base.error.detail, "row 1, column \"c\"") == 0);
	test_avro_stop(&f);

	test_avro_start_one(&f, "[\"null\",\"int\"]");
	test_avro_raw(&f.avro, "\x00\x00", 2);
	f.avro.count = 3;
	test_avro_end_block(&f.avro);
	CHECK_OK(&f.env, test_avro_open(&f, NULL, 0));
	CHECK(test_avro_read_all(&f, &rows) == PMN_CORRUPT);
	test_avro_stop(&f);
}

/* Goal: no allocation's failure leaks or crashes. */
TEST(survives_every_allocation_failure)
{
	PmnFormatColumn columns[2];
	PmnFormatReadRequest request = {.columns = columns, .column_count = 2};
	bool failed = true;
	AvroFixture f;

	columns[0] = test_avro_column(PMN_TYPE_VARCHAR, 0, 0);
	columns[1] = test_avro_column(PMN_TYPE_INT, 0, 0);
	columns[1].name = "nothing";
	make_small(&f, PMN_CODEC_ZSTD);
	CHECK_OK(&f.env, test_avro_open(&f, columns, 2));
	for (uint64_t step = 0; failed && step < 1000; step++)
	{
		PmnFormatReader *reader = NULL;
		size_t before = f.env.live_bytes;
		uint64_t first_row;
		PmnBatch *batch = NULL;
		PmnCode code;

		f.env.step = 0;
		f.env.fail_step = step;
		code =
			pmn_format_open_reader(&pmn_format_avro, f.file, &request, &reader);
		do
		{
			if (code == PMN_OK)
				code = pmn_format_next(reader, &batch, &first_row);
		} while (code == PMN_OK && batch != NULL);
		pmn_format_reader_close(reader);
		failed = f.env.step > step;
		CHECK(code == (failed ? PMN_NO_MEMORY : PMN_OK));
		CHECK(f.env.live_bytes == before);
		f.env.fail_step = UINT64_MAX;
	}
	CHECK(!failed);
	test_avro_stop(&f);
}

int
main(void)
{
	RUN(cut_files_are_refused);
	RUN(changed_bytes_are_survived);
	RUN(blocks_must_agree_with_their_records);
	RUN(survives_every_allocation_failure);
	TEST_END();
}
