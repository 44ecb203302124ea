/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_health.h"

#include <string.h>

#include "dsa/base/when.h"
#include "dsa/view/view_configuration.h"
#include "dsa/view/view_worker.h"
#include "mapping/held.h"
#include "mapping/record.h"

static const char *const names[] = {
    [HEALTH_FINE] = "FINE",
    [HEALTH_ATTENTION] = "ATTENTION",
    [HEALTH_BROKEN] = "BROKEN",
};
_Static_assert(ARRAY_SIZE(names) == HEALTH_MAX, "a name for each");

/* How bad a reason is, and what people call it. */
static const struct {
	const char *name;
	enum health health;
} reasons[] = {
    [HEALTH_NO_DAEMON] = {"no daemon answers", HEALTH_BROKEN},
    [HEALTH_FAILING] = {"cycles fail", HEALTH_BROKEN},
    [HEALTH_OVERDUE] = {"cycles are overdue", HEALTH_BROKEN},
    [HEALTH_CONFIGURATION] = {"configuration refused or broken", HEALTH_ATTENTION},
    [HEALTH_CONFLICTS] = {"conflicts", HEALTH_ATTENTION},
    [HEALTH_HELD] = {"held", HEALTH_ATTENTION},
    [HEALTH_RETRIES] = {"tried again", HEALTH_ATTENTION},
    [HEALTH_ERRORS] = {"in error", HEALTH_ATTENTION},
};
_Static_assert(ARRAY_SIZE(reasons) == HEALTH_REASON_MAX, "a row for each reason");

const char *
health_name(enum health h)
{
	return names[h];
}

const char *
health_reason_name(enum health_reason r)
{
	return reasons[r].name;
}

static bool
is_overdue(const struct health_facts *f)
{
	return f->told && !f->failing && !f->paused && !f->running && f->interval_s > 0 &&
	       f->age_s > HEALTH_INTERVALS * f->interval_s + HEALTH_GRACE_S;
}

enum health
health_judge(const struct health_facts *f, uint64_t ret_n[HEALTH_REASON_MAX])
{
	const uint64_t n[HEALTH_REASON_MAX] = {
	    [HEALTH_NO_DAEMON] = f->no_daemon && !f->told,
	    [HEALTH_FAILING] = f->told && f->failing,
	    [HEALTH_OVERDUE] = is_overdue(f),
	    [HEALTH_CONFIGURATION] = f->configuration,
	    [HEALTH_CONFLICTS] = f->conflicts,
	    [HEALTH_HELD] = f->held,
	    [HEALTH_RETRIES] = f->retries,
	    [HEALTH_ERRORS] = f->errors,
	};
	enum health health = HEALTH_FINE;

	memcpy(ret_n, n, sizeof n);
	for (size_t i = 0; i < HEALTH_REASON_MAX; i++)
		if (n[i] && reasons[i].health > health)
			health = reasons[i].health;
	return health;
}

/* ---- from JSON ---- */

static uint64_t
count_of(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

static bool
is_named(const json_t *o, const char *name)
{
	const char *state = json_string_value(json_object_get(o, "state"));

	return state && strcmp(state, name) == 0;
}

static uint64_t
held_of(const json_t *held)
{
	const char *waits = held_verdict_name(HELD_WAITS);
	uint64_t n = 0;

	for (size_t k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++)
		n += count_of(json_object_get(held, held_kind_name((enum held_kind)k)), waits);
	return n;
}

static int64_t
age_of(const json_t *daemon, int64_t now)
{
	const char *text = json_string_value(json_object_get(daemon, "finished"));
	int64_t at;

	if (!text || !when_read_utc(text, &at))
		return -1;
	return now > at ? now - at : 0;
}

void
health_facts_of(const json_t *link, int64_t now, bool must_run, struct health_facts *ret)
{
	const json_t *daemon = json_object_get(link, "daemon");
	const json_t *configuration = json_object_get(link, "configuration");
	const char *error = record_state_name(RECORD_ERROR);

	*ret = (struct health_facts){
	    .no_daemon = must_run,
	    .told = json_is_object(daemon),
	    .failing = json_is_true(json_object_get(daemon, "failing")),
	    .paused = is_named(daemon, worker_phase_name(WORKER_PAUSED)),
	    .running = is_named(daemon, worker_phase_name(WORKER_RUNNING)),
	    .interval_s = (int64_t)count_of(daemon, "interval_s"),
	    .age_s = age_of(daemon, now),
	    .configuration =
		is_named(configuration, configuration_state_name(CONFIGURATION_REFUSED)) ||
		is_named(configuration, configuration_state_name(CONFIGURATION_BROKEN)),
	    .conflicts = count_of(link, "conflicts"),
	    .held = held_of(json_object_get(link, "held")),
	    .retries = count_of(link, "retries"),
	    .errors = count_of(json_object_get(link, "states"), error),
	};
}
