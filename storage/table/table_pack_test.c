/*
 * Goal: packed rows are those of a plain model, however the log is cut into
 * batches, and failing allocations leave nothing behind.
 */
#include "table_pack.h"

#include <string.h>

#include "../include/pmn_changes.h"
#include "../testing/testing.h"

#define LOG_ROWS 300

/* A change log: kinds, a number, a text that is null now and then. */
typedef struct Log
{
	uint32_t count;
	int32_t kinds[LOG_ROWS];
	int32_t numbers[LOG_ROWS];
	int64_t sequences[LOG_ROWS];
	PmnBytes texts[LOG_ROWS];
	uint8_t nulls[LOG_ROWS];
	PmnBytes kind_texts[LOG_ROWS];
	uint32_t selection[LOG_ROWS];
} Log;

static const int32_t specials[] = {0, PMN_COLUMN_KIND, 0, PMN_COLUMN_SEQUENCE};

static void
fill(PmnTestEnv *env, Log *log, uint32_t count, bool all_before)
{
	static const char *const kinds[] = {"+I", "-U", "+U", "-D"};
	static const char letters[] = "abcdefghijklmnop";

	memset(log, 0, sizeof(*log));
	log->count = count;
	for (uint32_t i = 0; i < count; i++)
	{
		log->kinds[i] =
			all_before ? PMN_UPDATE_BEFORE : (int32_t) pmn_test_below(env, 4);
		log->kind_texts[i] = pmn_bytes_string(kinds[log->kinds[i]]);
		log->numbers[i] = (int32_t) i;
		log->sequences[i] = 1000 + i;
		log->texts[i] = pmn_bytes(letters, pmn_test_below(env, 16));
		log->nulls[i] = pmn_test_below(env, 5) == 0;
	}
}

/* What was packed so far, compared with the log as it grows. */
typedef struct Check
{
	const Log *log;
	uint32_t at; /* next row of the log */
	bool pairs;
} Check;

static void
check_slot(const Log *log, uint32_t row, PmnNestedReader *number,
		   PmnNestedReader *text)
{
	PmnValue value;

	CHECK(pmn_nested_read_slot(number, PMN_VECTOR_I32, &value));
	CHECK(!value.is_null && value.as.i64 == log->numbers[row]);
	CHECK(pmn_nested_read_slot(text, PMN_VECTOR_BYTES, &value));
	CHECK(value.is_null == (log->nulls[row] != 0));
	if (!value.is_null)
		CHECK(pmn_bytes_equal(value.as.bytes, log->texts[row]));
}

static void
check_row(Check *check, const PmnBatch *batch, uint32_t i)
{
	const Log *log = check->log;
	PmnBytes numbers = ((PmnBytes *) batch->columns[0].values)[i];
	PmnBytes texts = ((PmnBytes *) batch->columns[2].values)[i];
	PmnNestedReader number = pmn_nested_reader(numbers);
	PmnNestedReader text = pmn_nested_reader(texts);
	uint32_t first = check->at++;
	uint32_t last = first;
	uint32_t count = 0;

	if (check->pairs && log->kinds[first] == PMN_UPDATE_BEFORE &&
		check->at < log->count)
		last = check->at++;
	CHECK((uintptr_t) texts.data % PMN_BYTES_HEADROOM == 0);
	CHECK((uintptr_t) numbers.data % PMN_BYTES_HEADROOM == 0);
	CHECK(pmn_nested_read_count(&number, &count) && count == last - first + 1);
	CHECK(pmn_nested_read_count(&text, &count) && count == last - first + 1);
	check_slot(log, first, &number, &text);
	if (last != first)
		check_slot(log, last, &number, &text);
	CHECK(number.at == number.end && text.at == text.end);
	CHECK(pmn_bytes_equal(((PmnBytes *) batch->columns[1].values)[i],
						  log->kind_texts[last]));
	CHECK(((int64_t *) batch->columns[3].values)[i] == log->sequences[first]);
	CHECK(batch->columns[3].nulls[i] == 0);
}

/* Readers write lengths into the headroom; the next rows must not care. */
static void
take(Check *check, const PmnBatch *batch)
{
	if (batch == NULL)
		return;
	CHECK(batch->selection == NULL && batch->row_count > 0);
	for (uint32_t i = 0; i < batch->row_count; i++)
		check_row(check, batch, i);
	for (uint32_t i = 0; i < batch->row_count; i++)
	{
		const uint8_t *data = ((PmnBytes *) batch->columns[2].values)[i].data;

		memset((uint8_t *) (uintptr_t) data - PMN_BYTES_HEADROOM, 0xff,
			   PMN_BYTES_HEADROOM);
	}
}

/* Rows first .. first + count - 1, some of them by a selection. */
static PmnCode
add(PmnPacker *packer, Log *log, uint32_t first, uint32_t count, bool pairs,
	PmnBatch **out)
{
	PmnVector columns[4] = {
		{PMN_VECTOR_I32, NULL, log->numbers},
		{PMN_VECTOR_BYTES, NULL, log->kind_texts},
		{PMN_VECTOR_BYTES, log->nulls, log->texts},
		{PMN_VECTOR_I64, NULL, log->sequences},
	};
	PmnBatch batch = {.row_count = log->count,
					  .column_count = 4,
					  .columns = columns,
					  .selection = log->selection,
					  .selected_count = count};

	for (uint32_t i = 0; i < count; i++)
		log->selection[i] = first + i;
	return pmn_packer_add(packer, &batch, log->kinds, pairs, out);
}

static PmnCode
run(PmnTestEnv *env, Log *log, bool pairs, uint32_t longest, uint32_t *packed)
{
	Check check = {.log = log, .pairs = pairs};
	PmnPacker *packer = NULL;
	PmnBatch *out = NULL;
	uint32_t at = 0;
	PmnCode code = pmn_packer_create(&env->base, specials, 4, &packer);

	while (code == PMN_OK && at < log->count)
	{
		uint32_t count = pmn_test_below(env, longest + 1);

		if (count > log->count - at)
			count = log->count - at;
		code = add(packer, log, at, count, pairs, &out);
		at += count;
		if (code == PMN_OK)
			take(&check, out);
	}
	if (code == PMN_OK)
		code = pmn_packer_flush(packer, &out);
	if (code == PMN_OK)
		take(&check, out);
	pmn_packer_free(packer);
	*packed = check.at;
	return code;
}

/* Goal: any log in any batches, with and without pairs. */
TEST(logs_are_packed)
{
	static Log log;
	PmnTestEnv env;

	pmn_test_env_init(&env);
	for (int round = 0; round < 200; round++)
	{
		uint32_t packed = 0;

		fill(&env, &log, pmn_test_below(&env, LOG_ROWS), round % 10 == 0);
		CHECK_OK(&env, run(&env, &log, round % 3 != 0,
						   1 + pmn_test_below(&env, 40), &packed));
		CHECK(packed == log.count);
	}
	CHECK(env.live_bytes == 0);
}

/* Goal: without kinds every row is one of its own. */
TEST(rows_without_kinds_have_no_pairs)
{
	static Log log;
	PmnTestEnv env;
	PmnPacker *packer = NULL;
	PmnBatch *out = NULL;
	PmnVector column = {PMN_VECTOR_I32, NULL, log.numbers};
	PmnBatch batch = {.row_count = 3, .column_count = 1, .columns = &column};
	const int32_t field = 0;

	pmn_test_env_init(&env);
	fill(&env, &log, 3, true);
	CHECK_OK(&env, pmn_packer_create(&env.base, &field, 1, &packer));
	CHECK_OK(&env, pmn_packer_add(packer, &batch, NULL, true, &out));
	CHECK(out != NULL && out->row_count == 3);
	CHECK_OK(&env, pmn_packer_flush(packer, &out));
	CHECK(out == NULL);
	pmn_packer_free(packer);
	CHECK(env.live_bytes == 0);
}

/* Goal: what waits is forgotten on a reset; columns are not needed to count. */
TEST(waiting_rows_and_no_columns)
{
	static Log log;
	PmnTestEnv env;
	PmnPacker *packer = NULL;
	PmnBatch *out = NULL;
	PmnBatch batch = {.row_count = 3};

	pmn_test_env_init(&env);
	fill(&env, &log, 3, true);
	CHECK_OK(&env, pmn_packer_create(&env.base, NULL, 0, &packer));
	CHECK_OK(&env, pmn_packer_add(packer, &batch, log.kinds, true, &out));
	CHECK(out != NULL && out->row_count == 1);
	CHECK_OK(&env, pmn_packer_flush(packer, &out));
	CHECK(out != NULL && out->row_count == 1);
	CHECK_OK(&env, pmn_packer_add(packer, &batch, log.kinds, true, &out));
	pmn_packer_reset(packer);
	CHECK_OK(&env, pmn_packer_flush(packer, &out));
	CHECK(out == NULL);
	pmn_packer_free(packer);
	CHECK(env.live_bytes == 0);
}

/* Goal: no allocation that fails leaks or crashes. */
TEST(failing_allocations_are_survived)
{
	static Log log;
	PmnTestEnv env;
	PmnCode code = PMN_NO_MEMORY;
	uint64_t step = 0;

	pmn_test_env_init(&env);
	fill(&env, &log, 60, false);
	for (; code == PMN_NO_MEMORY && step < 500; step++)
	{
		uint32_t packed = 0;

		pmn_test_env_fail_at(&env, step);
		code = run(&env, &log, true, 7, &packed);
		CHECK(env.live_bytes == 0);
	}
	CHECK(code == PMN_OK && step > 10);
}

int
main(void)
{
	RUN(logs_are_packed);
	RUN(rows_without_kinds_have_no_pairs);
	RUN(waiting_rows_and_no_columns);
	RUN(failing_allocations_are_survived);
	TEST_END();
}
