/*
 * Goal: no stored bytes crash the reading of a commit message, and a message
 * that is accepted comes back the same when it is stored again. The first byte
 * chooses whether the frame (size, checksum) is made right, so that the lists
 * are reached.
 */
#include "meta_fuzzing.h"
#include "meta_message_bytes.h"

#include <zlib.h>

static void
store_again(PmnEnv *env, const PmnMessage *message)
{
	PmnMessage *again = NULL;
	PmnBuffer first;
	PmnBuffer second;

	pmn_buffer_init(&first, env);
	pmn_buffer_init(&second, env);
	fuzz_check(pmn_message_encode(message, &first) == PMN_OK, "it is stored");
	fuzz_check(pmn_message_decode(env, pmn_bytes(first.data, first.size),
								  &again) == PMN_OK,
			   "and read");
	fuzz_check(pmn_message_encode(again, &second) == PMN_OK &&
				   pmn_bytes_equal(pmn_bytes(first.data, first.size),
								   pmn_bytes(second.data, second.size)),
			   "and the same");
	pmn_message_close(again);
	pmn_buffer_free(&first);
	pmn_buffer_free(&second);
}

static void
make_frame_right(uint8_t *bytes, size_t size)
{
	if (size < 16)
		return;
	memcpy(bytes, "PMNM\1\0\0\0", 8);
	pmn_put_le32(bytes + 8, (uint32_t) (size - 16));
	pmn_put_le32(bytes + size - 4, (uint32_t) crc32(0, bytes, (uInt) size - 4));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PmnTestEnv env;
	PmnMessage *message = NULL;
	uint8_t *bytes;

	if (size == 0)
		return 0;
	pmn_test_env_init(&env);
	/* A block of its own: reading past its end is seen. */
	bytes = malloc(size > 1 ? size - 1 : 1);
	if (bytes == NULL)
		return 0;
	memcpy(bytes, data + 1, size - 1);
	if ((data[0] & 1) != 0)
		make_frame_right(bytes, size - 1);
	if (pmn_message_decode(&env.base, pmn_bytes(bytes, size - 1), &message) ==
		PMN_OK)
		store_again(&env.base, message);
	pmn_message_close(message);
	free(bytes);
	fuzz_check(env.live_bytes == 0, "nothing leaks");
	return 0;
}
