/* SPDX-License-Identifier: MIT */
#include "tests/support/apply.h"

struct outcome {
	bool failed;
	struct err err;
};

static void
keep_outcome(void *arg, const struct err *err)
{
	struct outcome *o = arg;

	o->failed = err != NULL;
	if (err)
		o->err = *err;
}

int
apply_change(struct dir *d, const struct change *c, struct err *err)
{
	struct outcome o = {.failed = false};

	if (d->ops->submit(d, c, keep_outcome, &o, err) < 0)
		return -1;
	/* Every change under way is reported, also if the connection breaks. */
	if (dir_drain(&d, 1, 0, err) == 0 && !o.failed)
		return 0;
	if (o.failed)
		*err = o.err;
	return -1;
}
