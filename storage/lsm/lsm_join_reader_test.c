/*
 * lsm_join_reader_test.c
 *
 * Files with columns of the same rows, made by hand: the newest holder of a
 * column wins, batches that end at different rows stay in step, blobs come
 * from the newest file with more than a placeholder, deleted rows are left
 * out of all columns alike, and ranges that do not fit are damage.
 */
#include "../format/format_avro_testing.h"
#include "../format/format_blob_testing.h"

#include "../meta/meta_deletion_testing.h"
#include "lsm_join_reader.h"
#include "lsm_testing.h"

#define ROWS 9000
#define FIRST_ID 500
#define FOLDER "/warehouse/db.db/t/bucket-0/"

typedef struct Fixture
{
	PmnTestEnv env;
	TestTable table;
	PmnArena *arena;
	PmnBucket bucket;
	PmnBytes names[3];
} Fixture;

static void
start(Fixture *f)
{
	pmn_test_env_init(&f->env);
	test_table_init(&f->table, &f->env.base, "");
	f->table.options.data_evolution = true;
	f->table.fields[3].type.kind = PMN_TYPE_BLOB;
	memset(&f->bucket, 0, sizeof(f->bucket));
	f->bucket.directory = "/warehouse/db.db/t/bucket-0";
	f->names[0] = pmn_bytes_string("a");
	f->names[1] = pmn_bytes_string("c");
	f->names[2] = pmn_bytes_string("d");
	CHECK_OK(&f->env, pmn_fs_memory_open(&f->env.base, &f->table.lsm.fs));
	CHECK_OK(&f->env, pmn_arena_create(&f->env.base, 0, &f->arena));
}

static void
stop(Fixture *f)
{
	pmn_arena_destroy(f->arena);
	pmn_fs_close(f->table.lsm.fs);
	CHECK(f->env.live_bytes == 0);
}

static PmnDataFile
meta_of(Fixture *f, const char *name, uint32_t column, int64_t sequence)
{
	PmnDataFile file = {.file_name = pmn_bytes_string(name),
						.row_count = ROWS,
						.max_sequence_number = sequence,
						.first_row_id = FIRST_ID,
						.has_first_row_id = true,
						.has_write_cols = true};

	file.write_cols.items = &f->names[column];
	file.write_cols.count = 1;
	return file;
}

/* Column a or c with base + row, in blocks of some rows. */
static void
write_avro(Fixture *f, const char *path, const char *column, int64_t base,
		   uint32_t block)
{
	char schema[200];
	TestAvro avro;

	snprintf(schema, sizeof(schema),
			 "{\"type\":\"record\",\"name\":\"record\",\"fields\":[{\"name\":"
			 "\"%s\",\"type\":[\"null\",\"%s\"]}]}",
			 column, column[0] == 'a' ? "int" : "long");
	test_avro_begin(&avro, &f->env, schema, PMN_CODEC_NONE);
	for (int64_t i = 0; i < ROWS; i++)
	{
		test_avro_long(&avro, 1);
		test_avro_long(&avro, base + i);
		if (++avro.count == block || i + 1 == ROWS)
			test_avro_end_block(&avro);
	}
	CHECK_OK(&f->env, pmn_fs_put(f->table.lsm.fs, path, PMN_PUT_OVERWRITE,
								 pmn_bytes(avro.file.data, avro.file.size)));
	test_avro_free(&avro);
}

/* Blobs first .. end - 1; every step-th is size instead of "letter row". */
static void
write_blob(Fixture *f, const char *path, char letter, int64_t first,
		   int64_t end, uint32_t step, int64_t size)
{
	TestBlob blob;

	test_blob_begin(&blob, &f->env);
	for (int64_t i = first; i < end; i++)
	{
		char text[40];

		snprintf(text, sizeof(text), "%c%d", letter, (int) i);
		if (i % step == 0)
			test_blob_size(&blob, size);
		else
			test_blob_add(&blob, pmn_bytes_string(text));
	}
	test_blob_end(&blob);
	CHECK_OK(&f->env, pmn_fs_put(f->table.lsm.fs, path, PMN_PUT_OVERWRITE,
								 pmn_bytes(blob.file.data, blob.file.size)));
	test_blob_free(&blob);
}

/* The blob that row has: y, the newer file, leaves every third to x. */
static void
check_blob(PmnValue value, int64_t row)
{
	char text[40];

	snprintf(text, sizeof(text), "%c%d",
			 row >= 4000 && row % 3 != 0 ? 'y' : 'x', (int) row);
	if (text[0] == 'x' && row % 5 == 0)
		CHECK(value.is_null);
	else
		CHECK(!value.is_null &&
			  pmn_bytes_equal(value.as.bytes, pmn_bytes_string(text)));
}

/* Read columns d, c, b, a; *rows: how many. Every skip-th one is deleted. */
static PmnCode
read_join(Fixture *f, const PmnDataFile *const *files, uint32_t count,
		  uint64_t skip, uint64_t *rows)
{
	static const uint32_t fields[] = {3, 2, 1, 0};
	PmnJoin *join = NULL;
	PmnJoinRequest request = {.bucket = &f->bucket,
							  .fields = fields,
							  .field_count = 4,
							  .memory_limit_bytes = 1 << 20};
	PmnJoinReader *reader = NULL;
	PmnBatch *batch = NULL;
	int64_t row = 0;
	PmnCode code = pmn_join_make(&f->table.lsm, f->arena, files, count, &join);

	*rows = 0;
	request.join = join;
	if (code == PMN_OK)
		code = pmn_join_reader_open(&f->table.lsm, &request, &reader);
	while (code == PMN_OK)
	{
		code = pmn_join_reader_next(reader, &batch);
		if (code != PMN_OK || batch == NULL)
			break;
		for (uint32_t i = 0; i < batch->selected_count; i++, row++)
		{
			uint32_t at = batch->selection == NULL ? i : batch->selection[i];

			row += skip > 0 && (uint64_t) row % skip == 0;
			check_blob(pmn_vector_value(&batch->columns[0], at), row);
			CHECK(pmn_vector_value(&batch->columns[1], at).as.i64 ==
				  70000 + row);
			CHECK(pmn_vector_value(&batch->columns[2], at).is_null);
			CHECK(pmn_vector_value(&batch->columns[3], at).as.i64 == 100 + row);
		}
		*rows += batch->selected_count;
	}
	pmn_join_reader_close(reader);
	return code;
}

/* a in blocks of 700 rows; c twice, the newer in blocks of 8100. */
static void
make_files(Fixture *f, PmnDataFile *files)
{
	write_avro(f, FOLDER "1.avro", "a", 100, 700);
	write_avro(f, FOLDER "2.avro", "c", -5, 5000);
	write_avro(f, FOLDER "3.avro", "c", 70000, 8100);
	write_blob(f, FOLDER "x.blob", 'x', 0, ROWS, 5, PMN_BLOB_NULL);
	write_blob(f, FOLDER "y.blob", 'y', 4000, ROWS, 3, PMN_BLOB_PLACEHOLDER);
	files[0] = meta_of(f, "1.avro", 0, 1);
	files[1] = meta_of(f, "2.avro", 1, 2);
	files[2] = meta_of(f, "3.avro", 1, 4);
	files[3] = meta_of(f, "x.blob", 2, 1);
	files[4] = meta_of(f, "y.blob", 2, 3);
	files[4].first_row_id += 4000;
	files[4].row_count -= 4000;
}

/* Goal: each column comes from its newest file, row by row. */
TEST(files_side_by_side)
{
	PmnDataFile files[5];
	const PmnDataFile *order[] = {&files[1], &files[4], &files[2], &files[0],
								  &files[3]};
	uint64_t rows;
	Fixture f;

	start(&f);
	make_files(&f, files);
	CHECK_OK(&f.env, read_join(&f, order, 5, 0, &rows));
	CHECK(rows == ROWS);
	/* A column that must not be null, and that nobody wrote. */
	f.table.fields[1].type.is_nullable = false;
	CHECK(read_join(&f, order, 5, 0, &rows) == PMN_CORRUPT);
	stop(&f);
}

/* Goal: a row that is deleted is missing from every column. */
TEST(deleted_rows)
{
	PmnDataFile files[5];
	const PmnDataFile *order[] = {&files[1], &files[4], &files[2], &files[0],
								  &files[3]};
	PmnDeletionFile deletion = {.path = "/d"};
	roaring_bitmap_t *bitmap = roaring_bitmap_create();
	PmnBuffer vector;
	uint64_t rows;
	Fixture f;

	start(&f);
	make_files(&f, files);
	for (uint32_t i = 0; i < ROWS; i += 4)
		roaring_bitmap_add(bitmap, i);
	pmn_buffer_init(&vector, &f.env.base);
	deletion.length = put_vector_v1(&vector, bitmap);
	CHECK_OK(&f.env, pmn_fs_put(f.table.lsm.fs, "/d", PMN_PUT_NEW,
								pmn_bytes(vector.data, vector.size)));
	files[0].deletion = &deletion;
	CHECK_OK(&f.env, read_join(&f, order, 5, 4, &rows));
	CHECK(rows == ROWS - (ROWS + 3) / 4);
	pmn_buffer_free(&vector);
	roaring_bitmap_free(bitmap);
	stop(&f);
}

/* Goal: whatever does not fit together is named, not guessed. */
TEST(misfits)
{
	PmnDataFile files[5];
	const PmnDataFile *order[] = {&files[1], &files[4], &files[2], &files[0],
								  &files[3]};
	PmnDeletionFile deletion = {.path = "/d"};
	uint64_t rows;
	Fixture f;

	start(&f);
	make_files(&f, files);
	files[1].row_count--;
	CHECK(read_join(&f, order, 5, 0, &rows) == PMN_CORRUPT);
	files[1].row_count++;
	files[4].first_row_id++;
	CHECK(read_join(&f, order, 5, 0, &rows) == PMN_CORRUPT);
	files[4].first_row_id--;
	files[4].max_sequence_number = files[3].max_sequence_number;
	CHECK(read_join(&f, order, 5, 0, &rows) == PMN_CORRUPT);
	files[4].max_sequence_number = 3;
	files[2].deletion = &deletion;
	CHECK(read_join(&f, order, 5, 0, &rows) == PMN_CORRUPT);
	files[2].deletion = NULL;
	files[2].has_write_cols_sequences = true;
	CHECK(read_join(&f, order, 5, 0, &rows) == PMN_UNSUPPORTED);
	files[2].has_write_cols_sequences = false;
	/* The first 4000 blobs are in no file. */
	CHECK(read_join(&f, order, 4, 0, &rows) == PMN_CORRUPT);
	/* The file of rows has less of them than its manifest says. */
	for (uint32_t i = 0; i < 3; i++)
		files[i].row_count++;
	CHECK(read_join(&f, order, 5, 0, &rows) == PMN_CORRUPT);
	CHECK(read_join(&f, &order[1], 1, 0, &rows) == PMN_CORRUPT);
	stop(&f);
}

int
main(void)
{
	RUN(files_side_by_side);
	RUN(deleted_rows);
	RUN(misfits);
	TEST_END();
}
