/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_FUZZ_FUZZ_H
#define GALSYNC_TESTS_FUZZ_FUZZ_H

/* What the fuzz targets share. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Like assert(), whatever NDEBUG says. */
#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

/* A refusal must say why. */
static inline void
check_refused(const struct err *err)
{
	CHECK(err->text[0] && err->src != ERR_SRC_NONE);
}

#endif
