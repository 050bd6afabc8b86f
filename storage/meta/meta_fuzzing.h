/*
 * meta_fuzzing.h
 *
 * Fuzz targets only: how they stop when a property does not hold.
 */
#ifndef META_FUZZING_H
#define META_FUZZING_H

#include "../testing/testing.h"
#include "meta_path.h"

static inline void
fuzz_check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz target: %s does not hold\n", what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* META_FUZZING_H */
