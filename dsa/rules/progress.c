/* SPDX-License-Identifier: MIT */
#include "dsa/rules/progress.h"

#include "dsa/base/str.h"

static const char *const step_names[] = {
    [PROGRESS_MATCHED] = "matched",
    [PROGRESS_MAILBOX] = "mailbox",
    [PROGRESS_X500] = "x500",
    [PROGRESS_REDIRECTION] = "redirection",
    [PROGRESS_READY] = "ready",
    [PROGRESS_SWITCHED] = "switched",
    [PROGRESS_MARKED] = "marked",
    [PROGRESS_CLIENT] = "client",
};
_Static_assert(ARRAY_SIZE(step_names) == PROGRESS_STEP_MAX, "a name for each step");

static const char *const names[] = {
    [PROGRESS_OPEN] = "open",
    [PROGRESS_DONE] = "done",
    [PROGRESS_BROKEN] = "failed",
    [PROGRESS_NONE] = "none",
};
_Static_assert(ARRAY_SIZE(names) == PROGRESS_MAX, "a name for each");

const char *
progress_step_name(enum progress_step s)
{
	return step_names[s];
}

const char *
progress_name(enum progress p)
{
	return names[p];
}

/* Was each of the source's legacyExchangeDNs written on the target? */
static bool
x500_written(const struct record *r)
{
	const struct record_side *s = &r->side[SOURCE];

	for (size_t i = 0; i < s->n_legacy_dns; i++) {
		_cleanup_(free) char *value = str_printf("X500:%s", s->legacy_dns[i]);

		if (!value || !record_was_written(r, TARGET,
				  record_written_hash("proxyAddresses", bytes_of(value))))
			return false;
	}
	return s->n_legacy_dns > 0;
}

struct progress_facts
progress_facts_of(const struct record *r)
{
	return (struct progress_facts){
	    .mailbox = r->kind == KIND_USER,
	    .matched = !guid_is_zero(&r->side[TARGET].guid),
	    .state = r->state,
	    .x500 = x500_written(r),
	    .switched = r->active == TARGET,
	};
}

static enum progress
done_if(bool done)
{
	return done ? PROGRESS_DONE : PROGRESS_OPEN;
}

/* Both sides were seen as they must be. */
static bool
is_as_wanted(enum record_state s)
{
	return s == RECORD_SYNCED || s == RECORD_WAITING || s == RECORD_FINISHED;
}

static enum progress
judge_client(enum progress_client c)
{
	switch (c) {
	case PROGRESS_CLIENT_OK: return PROGRESS_DONE;
	case PROGRESS_CLIENT_FAILED: return PROGRESS_BROKEN;
	case PROGRESS_CLIENT_SILENT: return PROGRESS_OPEN;
	case PROGRESS_CLIENT_UNUSED:
	default: return PROGRESS_NONE;
	}
}

static void
judge_mailbox(const struct progress_facts *f, enum progress ret[PROGRESS_STEP_MAX])
{
	bool there = f->matched && f->state != RECORD_WAITING && f->state != RECORD_PENDING;

	ret[PROGRESS_MAILBOX] = done_if(f->switched || there);
	ret[PROGRESS_READY] = done_if(
	    f->switched || (there && !f->kept && ret[PROGRESS_REDIRECTION] == PROGRESS_DONE));
	ret[PROGRESS_SWITCHED] = done_if(f->switched);
	ret[PROGRESS_MARKED] = done_if(f->switched && !f->owes);
	ret[PROGRESS_CLIENT] = judge_client(f->client);
}

void
progress_judge(const struct progress_facts *f, enum progress ret[PROGRESS_STEP_MAX])
{
	for (size_t i = 0; i < PROGRESS_STEP_MAX; i++)
		ret[i] = PROGRESS_NONE;
	ret[PROGRESS_MATCHED] = done_if(f->matched);
	ret[PROGRESS_X500] = done_if(f->matched && (f->x500 || is_as_wanted(f->state)));
	ret[PROGRESS_REDIRECTION] = f->state == RECORD_ERROR
					? PROGRESS_BROKEN
					: done_if(f->matched && is_as_wanted(f->state));
	if (f->mailbox)
		judge_mailbox(f, ret);
}

unsigned
progress_percent(const enum progress steps[PROGRESS_STEP_MAX])
{
	unsigned asked = 0, done = 0;

	for (size_t i = 0; i < PROGRESS_STEP_MAX; i++) {
		asked += steps[i] != PROGRESS_NONE;
		done += steps[i] == PROGRESS_DONE;
	}
	return asked ? done * 100 / asked : 0;
}
