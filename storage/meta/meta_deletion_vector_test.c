/*
 * Goal: deletion vectors of both forms mean what Paimon means by them, and
 * index manifests lead to them; bytes that are not right are refused.
 */
#include "meta_deletion_vector.h"

#include "../include/pmn_batch.h"
#include "meta_deletion_testing.h"

static PmnTestEnv env;
static PmnArena *arena;

static void
begin(void)
{
	pmn_test_env_init(&env);
	CHECK_OK(&env, pmn_arena_create(&env.base, 0, &arena));
}

static void
end(void)
{
	pmn_arena_destroy(arena);
	CHECK(env.live_bytes == 0);
}

static PmnCode
parse(const uint8_t *data, size_t size, int64_t length, PmnDeletionVector *out)
{
	return pmn_deletion_vector_parse(arena, &env.base, "index-0",
									 pmn_bytes(data, size), length, out);
}

static bool
deletes(const PmnDeletionVector *vector, uint64_t position)
{
	uint32_t selection[1];

	return pmn_deletion_vector_select(vector, position, 1, selection) == 0;
}

/* Goal: bytes that Paimon itself wrote: {2, 3}. */
TEST(paimons_own_bytes)
{
	static const uint8_t bytes[] = {
		0x00, 0x00, 0x00, 0x18, 0x5e, 0x43, 0xf2, 0xd0, 0x3a, 0x30, 0x00,
		0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x10, 0x00,
		0x00, 0x00, 0x02, 0x00, 0x03, 0x00, 0x00, 0xc8, 0x98, 0xf6};
	PmnDeletionVector vector;
	uint8_t copy[sizeof(bytes)];

	begin();
	/* The digest gives only part of the checksum. */
	memcpy(copy, bytes, sizeof(bytes));
	pmn_put_be32(copy + 28, (uint32_t) crc32(0, copy + 4, 24));
	CHECK_OK(&env, parse(copy, sizeof(copy), 24, &vector));
	CHECK(vector.cardinality == 2);
	CHECK(!deletes(&vector, 1) && deletes(&vector, 2) && deletes(&vector, 3) &&
		  !deletes(&vector, 4));
	CHECK(pmn_deletion_vector_end(&vector) == 4);
	end();
}

static void
check_selection(const PmnDeletionVector *vector, const roaring_bitmap_t *bitmap,
				uint32_t first, uint32_t count)
{
	uint32_t selection[PMN_BATCH_ROWS];
	uint32_t kept = pmn_deletion_vector_select(vector, first, count, selection);
	uint32_t at = 0;
	bool good = true;

	for (uint32_t i = 0; i < count; i++)
	{
		if (roaring_bitmap_contains(bitmap, first + i))
			continue;
		good &= kept == count || (at < kept && selection[at] == i);
		at++;
	}
	CHECK(good);
	CHECK(at == kept);
}

/* Goal: of any batch exactly the rows that are not deleted are selected. */
TEST(selections)
{
	begin();
	for (uint32_t round = 0; round < 30; round++)
	{
		roaring_bitmap_t *bitmap = roaring_bitmap_create();
		const roaring_bitmap_t *parts[] = {bitmap};
		PmnDeletionVector vector;
		PmnBuffer blob;
		int64_t length;

		for (uint32_t i = pmn_test_below(&env, 2000); i > 0; i--)
			roaring_bitmap_add(bitmap, pmn_test_below(&env, 100000));
		for (uint32_t i = pmn_test_below(&env, 4); i > 0; i--)
		{
			uint32_t at = pmn_test_below(&env, 100000);

			roaring_bitmap_add_range(bitmap, at, at + 9000);
		}
		if (round % 3 != 0)
			roaring_bitmap_run_optimize(bitmap);
		pmn_buffer_init(&blob, &env.base);
		length = round % 2 == 0 ? put_vector_v1(&blob, bitmap)
								: put_vector_v2(&blob, parts, 1);
		CHECK_OK(&env, parse(blob.data, blob.size, length, &vector));
		CHECK(vector.cardinality == roaring_bitmap_get_cardinality(bitmap));
		for (uint32_t i = 0; i < 40; i++)
			check_selection(&vector, bitmap, pmn_test_below(&env, 100000),
							1 + pmn_test_below(&env, PMN_BATCH_ROWS));
		check_selection(&vector, bitmap, 1000000, PMN_BATCH_ROWS);
		roaring_bitmap_free(bitmap);
		pmn_buffer_free(&blob);
	}
	end();
}

/* Goal: positions above 32 bits, empty parts, and batches across parts. */
TEST(parts_of_64_bits)
{
	roaring_bitmap_t *low = roaring_bitmap_of(2, 5, UINT32_MAX);
	roaring_bitmap_t *high = roaring_bitmap_of(3, 0, 3, 200);
	const roaring_bitmap_t *parts[] = {low, NULL, high};
	uint64_t third = UINT64_C(2) << 32;
	uint32_t selection[PMN_BATCH_ROWS];
	PmnDeletionVector vector;
	PmnBuffer blob;
	int64_t length;

	begin();
	pmn_buffer_init(&blob, &env.base);
	length = put_vector_v2(&blob, parts, 3);
	CHECK_OK(&env, parse(blob.data, blob.size, length, &vector));
	CHECK(vector.cardinality == 5);
	CHECK(pmn_deletion_vector_end(&vector) == third + 201);
	CHECK(deletes(&vector, 5) && deletes(&vector, UINT32_MAX));
	CHECK(deletes(&vector, third) && !deletes(&vector, third + 1));
	CHECK(!deletes(&vector, UINT64_C(1) << 32));
	/* The last position of part 0, then part 1, which has none. */
	CHECK(pmn_deletion_vector_select(&vector, UINT32_MAX, 10, selection) == 9);
	CHECK(selection[0] == 1);
	/* The end of part 1 and the start of part 2. */
	CHECK(pmn_deletion_vector_select(&vector, third - 2, 100, selection) == 98);
	CHECK(selection[1] == 1 && selection[2] == 3 && selection[4] == 6);
	pmn_buffer_free(&blob);
	roaring_bitmap_free(low);
	roaring_bitmap_free(high);
	end();
}

/* Goal: each byte of a vector counts, and so does the length it came with. */
TEST(damage)
{
	roaring_bitmap_t *bitmap = roaring_bitmap_of(3, 1, 70000, 70001);
	const roaring_bitmap_t *parts[] = {bitmap};
	PmnDeletionVector vector;

	begin();
	for (uint32_t form = 0; form < 2; form++)
	{
		PmnBuffer blob;
		int64_t length;

		pmn_buffer_init(&blob, &env.base);
		length = form == 0 ? put_vector_v1(&blob, bitmap)
						   : put_vector_v2(&blob, parts, 1);
		CHECK_OK(&env, parse(blob.data, blob.size, length, &vector));
		CHECK(parse(blob.data, blob.size, length + 1, &vector) == PMN_CORRUPT);
		CHECK(parse(blob.data, blob.size, length - 1, &vector) == PMN_CORRUPT);
		CHECK(parse(blob.data, blob.size, -8, &vector) == PMN_CORRUPT);
		for (size_t size = 0; size < blob.size; size++)
			CHECK(parse(blob.data, size, length, &vector) == PMN_CORRUPT);
		for (size_t i = 0; i < blob.size; i++)
		{
			blob.data[i] ^= 0x10;
			CHECK(parse(blob.data, blob.size, length, &vector) == PMN_CORRUPT);
			blob.data[i] ^= 0x10;
		}
		/* A bitmap that ends early inside a blob that is whole. */
		blob.data[form == 0 ? 12 : 24] = 1;
		pmn_put_be32(
			blob.data + blob.size - 4,
			(uint32_t) crc32(0, blob.data + 4, (uInt) (blob.size - 8)));
		CHECK(parse(blob.data, blob.size, length, &vector) == PMN_CORRUPT);
		pmn_buffer_free(&blob);
	}
	roaring_bitmap_free(bitmap);
	end();
}

/* ---- files ------------------------------------------------------------- */

static PmnFileSystem *
files_with_vector(PmnDeletionFile *where)
{
	roaring_bitmap_t *bitmap = roaring_bitmap_of(2, 7, 9);
	PmnFileSystem *fs = NULL;
	PmnBuffer file;

	pmn_buffer_init(&file, &env.base);
	CHECK_OK(&env, pmn_fs_memory_open(&env.base, &fs));
	CHECK_OK(&env, pmn_buffer_byte(&file, 1));
	where->path = "/t/index/index-0";
	where->offset = 1;
	where->length = put_vector_v1(&file, bitmap);
	where->cardinality = 2;
	where->has_cardinality = true;
	CHECK_OK(&env, pmn_fs_put(fs, where->path, PMN_PUT_NEW,
							  pmn_bytes(file.data, file.size)));
	pmn_buffer_free(&file);
	roaring_bitmap_free(bitmap);
	return fs;
}

/* Goal: a vector is found by its range, and the manifest's count is checked. */
TEST(vectors_in_files)
{
	PmnDeletionFile where;
	PmnDeletionFile other;
	PmnDeletionVector vector;
	PmnFileSystem *fs;

	begin();
	fs = files_with_vector(&where);
	CHECK_OK(&env, pmn_deletion_vector_read(fs, arena, &where, &vector));
	CHECK(deletes(&vector, 7) && !deletes(&vector, 8));
	other = where;
	other.has_cardinality = false;
	CHECK_OK(&env, pmn_deletion_vector_read(fs, arena, &other, &vector));
	other = where;
	other.cardinality = 3;
	CHECK(pmn_deletion_vector_read(fs, arena, &other, &vector) == PMN_CORRUPT);
	CHECK(strstr(env.base.error.message, "index-0") != NULL);
	other = where;
	other.offset = 1000;
	CHECK(pmn_deletion_vector_read(fs, arena, &other, &vector) == PMN_CORRUPT);
	other.offset = 5;
	CHECK(pmn_deletion_vector_read(fs, arena, &other, &vector) == PMN_CORRUPT);
	other.offset = -1;
	CHECK(pmn_deletion_vector_read(fs, arena, &other, &vector) == PMN_CORRUPT);
	other = where;
	other.length = INT32_MAX;
	CHECK(pmn_deletion_vector_read(fs, arena, &other, &vector) == PMN_CORRUPT);
	other = where;
	other.path = "/t/index/index-1";
	CHECK(pmn_deletion_vector_read(fs, arena, &other, &vector) ==
		  PMN_NOT_FOUND);
	pmn_fs_close(fs);
	end();
}

/* Goal: memory that runs out anywhere is an error, and nothing leaks. */
TEST(memory_may_run_out)
{
	PmnDeletionFile where;
	PmnDeletionVector vector;
	PmnFileSystem *fs;
	PmnArena *own = NULL;
	PmnCode code = PMN_NO_MEMORY;

	begin();
	fs = files_with_vector(&where);
	for (uint32_t step = 0; code != PMN_OK && step < 100; step++)
	{
		env.step = 0;
		env.fail_step = step;
		code = pmn_arena_create(&env.base, 64, &own);
		if (code == PMN_OK)
			code = pmn_deletion_vector_read(fs, own, &where, &vector);
		CHECK(code == PMN_OK || code == PMN_NO_MEMORY);
		pmn_arena_destroy(own);
		own = NULL;
	}
	CHECK(code == PMN_OK);
	env.fail_step = UINT64_MAX;
	pmn_fs_close(fs);
	end();
}

int
main(void)
{
	RUN(paimons_own_bytes);
	RUN(selections);
	RUN(parts_of_64_bits);
	RUN(damage);
	RUN(vectors_in_files);
	RUN(memory_may_run_out);
	TEST_END();
}
