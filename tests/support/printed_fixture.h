/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_PRINTED_FIXTURE_H
#define GALSYNC_TESTS_PRINTED_FIXTURE_H

/* A configuration of one link (given.h), and what PRINTED_BY prints of it. That macro is defined
 * before this header is included, behind cmocka.h. */

#include "dsa/base/str.h"
#include "tests/support/given.h"

static struct {
	struct given g;
	struct conf conf;
} f;

static int
make(void **state)
{
	(void)state;
	given_init(&f.g);
	f.conf = (struct conf){.links = &f.g.link, .n_links = 1};
	return 0;
}

/* The caller's. */
static char *
printed(void)
{
	struct buf b = {0};
	struct err err = {0};

	if (PRINTED_BY(&f.conf, "galsync.conf", &b, &err) < 0)
		fail_msg("%s", err.text);
	return buf_take_str(&b);
}

#endif
