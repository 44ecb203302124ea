/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/waves.h"

#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/log.h"

#define PAUSE_MS 5000 /* between attempts to reach the directories for a wave */

static void
log_wave(int level, const struct wave *w, const char *text, void *arg)
{
	const struct waves *all = arg;
	struct log_fields fields = {.link = all->link->name};

	log_event(level, LOG_ID_WAVE, &fields, "link %s: wave %u%s%s: %s", all->link->name, w->id,
	    *w->name ? " " : "", w->name, text);
}

static void
log_result(const struct guid *source, const char *dn, bool ok, const char *text, void *arg)
{
	const struct waves *all = arg;
	char guid[GUID_TEXT_SIZE];
	struct log_fields fields = {.link = all->link->name, .dn = dn, .guid = guid};

	guid_format(source, guid);
	log_event(ok ? LOG_NOTICE : LOG_ERR, LOG_ID_SWITCH, &fields, "%s: %s%s%s", dn,
	    ok ? "done" : "not done", *text ? ": " : "", text);
}

void
waves_log(struct waves *w)
{
	w->note = log_wave;
	w->result = log_result;
	w->arg = w;
}

int64_t
waves_wait_ms(const struct waves *w)
{
	int64_t due = waves_due(w->store, w->link->name), now = clock_realtime_s();

	if (due <= now)
		return 0;
	return due == WAVES_NEVER || due - now > INT32_MAX ? INT64_MAX : (due - now) * 1000;
}

int64_t
waves_pause_ms(const struct waves *w, int64_t pause_ms)
{
	int64_t wait_ms = waves_wait_ms(w), least = wait_ms > PAUSE_MS ? wait_ms : PAUSE_MS;

	return pause_ms < least ? pause_ms : least;
}
