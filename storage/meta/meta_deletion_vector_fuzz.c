/*
 * Goal: no bytes crash the reading of deletion vectors and index manifests,
 * and what is accepted is consistent with itself. The first byte chooses: an
 * index manifest, a vector as it is, or one whose frame (size, magic,
 * checksum) is made right, so that the bitmaps are reached.
 */
#include "../include/pmn_batch.h"
#include "meta_fuzzing.h"
#include "meta_index_manifest.h"

#include <zlib.h>

static void
ask(const PmnDeletionVector *vector)
{
	uint32_t selection[PMN_BATCH_ROWS];
	uint64_t end = pmn_deletion_vector_end(vector);
	uint64_t firsts[] = {0, 65530, end < 4000 ? 0 : end - 4000, end};
	uint64_t deleted = 0;

	fuzz_check(end >= vector->cardinality, "an end behind the last position");
	for (uint32_t i = 0; i < 4; i++)
	{
		uint32_t kept = pmn_deletion_vector_select(vector, firsts[i],
												   PMN_BATCH_ROWS, selection);

		fuzz_check(kept <= PMN_BATCH_ROWS, "no row twice");
		for (uint32_t k = 1; kept < PMN_BATCH_ROWS && k < kept; k++)
			fuzz_check(selection[k] > selection[k - 1], "order");
		fuzz_check(i < 3 || kept == PMN_BATCH_ROWS, "nothing behind the end");
	}
	for (uint64_t at = 0; at < end && end <= 200000; at += PMN_BATCH_ROWS)
		deleted += PMN_BATCH_ROWS - pmn_deletion_vector_select(
										vector, at, PMN_BATCH_ROWS, selection);
	fuzz_check(end > 200000 || deleted == vector->cardinality, "cardinality");
}

static void
read_vector(PmnEnv *env, PmnArena *arena, uint8_t choice, PmnBytes text)
{
	PmnDeletionVector vector;
	uint8_t *framed = pmn_arena_alloc(arena, (size_t) text.size + 12);
	uint32_t size = text.size + 4;

	if (framed == NULL)
		return;
	memcpy(framed + 8, text.data, text.size);
	if ((choice & 2) == 0)
	{
		if (pmn_deletion_vector_parse(arena, env, "f", text, choice >> 2,
									  &vector) == PMN_OK)
			ask(&vector);
		return;
	}
	pmn_put_be32(framed, size);
	pmn_put_be32(framed + 4, (choice & 4) != 0 ? 0x5e43f2d0 : 0xd1d33964);
	pmn_put_be32(framed + 4 + size, (uint32_t) crc32(0, framed + 4, size));
	if (pmn_deletion_vector_parse(arena, env, "f", pmn_bytes(framed, size + 8),
								  (choice & 4) != 0 ? size : size + 8,
								  &vector) == PMN_OK)
		ask(&vector);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const PmnTablePath path = {"/t", NULL, NULL};
	PmnIndexEntryList list = {NULL, 0, 0};
	PmnFileSystem *fs = NULL;
	PmnArena *arena = NULL;
	PmnTestEnv env;
	PmnCode code;

	if (size == 0)
		return 0;
	pmn_test_env_init(&env);
	if (pmn_arena_create(&env.base, 0, &arena) != PMN_OK ||
		pmn_fs_memory_open(&env.base, &fs) != PMN_OK ||
		pmn_fs_put(fs, "/t/manifest/m", PMN_PUT_NEW,
				   pmn_bytes(data + 1, size - 1)) != PMN_OK)
		abort();
	if ((data[0] & 1) != 0)
		read_vector(&env.base, arena, data[0], pmn_bytes(data + 1, size - 1));
	else
	{
		code = pmn_index_manifest_read(fs, arena, &path, "m", NULL, &list);
		for (size_t i = 0; code == PMN_OK && i < list.count; i++)
			fuzz_check(list.items[i].file_size >= 0, "sizes are sane");
	}
	pmn_array_free(&env.base, &list);
	pmn_fs_close(fs);
	pmn_arena_destroy(arena);
	fuzz_check(env.live_bytes == 0, "nothing leaks");
	return 0;
}
