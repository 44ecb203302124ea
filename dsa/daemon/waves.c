/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/waves.h"

#include "dsa/base/clock.h"

#define PAUSE_MS 5000 /* between attempts to reach the directories for a wave */

int64_t
waves_wait_ms(const struct run *run)
{
	int64_t due = waves_due(run->store, run->link->name), now = clock_realtime_s();

	if (due <= now)
		return 0;
	return due == WAVES_NEVER || due - now > INT32_MAX ? INT64_MAX : (due - now) * 1000;
}

int64_t
waves_pause_ms(const struct run *run, int64_t pause_ms)
{
	int64_t wait_ms = waves_wait_ms(run), least = wait_ms > PAUSE_MS ? wait_ms : PAUSE_MS;

	return pause_ms < least ? pause_ms : least;
}
