/* SPDX-License-Identifier: MIT */
#include "dsa/base/pace.h"

#include <stdio.h>
#include <string.h>

#define DAY_S 86400

double
pace_rate(struct pace *p, const char *phase, long long done, int64_t now_ms)
{
	if (strncmp(p->phase, phase, sizeof p->phase - 1) != 0 || done < p->done) {
		(void)snprintf(p->phase, sizeof p->phase, "%s", phase);
		p->done = done;
		p->at_ms = now_ms;
	}
	return now_ms - p->at_ms < PACE_RATE_MS
		   ? 0
		   : (double)(done - p->done) * 1000 / (double)(now_ms - p->at_ms);
}

int64_t
pace_left_s(const struct pace *p, long long done, long long total, int64_t now_ms)
{
	double gone = (double)(now_ms - p->at_ms), left;

	if (gone < PACE_LEFT_MS || done <= p->done || total <= done)
		return -1;
	left = gone * (double)(total - done) / (double)(done - p->done) / 1000;
	return left > INT32_MAX ? -1 : (int64_t)left + 1;
}

void
pace_text(int64_t left_s, char ret[PACE_TEXT_SIZE])
{
	long long s = (long long)left_s, min = (s + 59) / 60;

	if (s < 0 || s > 30LL * DAY_S)
		ret[0] = '\0';
	else if (s < 90)
		(void)snprintf(ret, PACE_TEXT_SIZE, "%lld s left", s);
	else if (min < 90)
		(void)snprintf(ret, PACE_TEXT_SIZE, "%lld min left", min);
	else
		(void)snprintf(ret, PACE_TEXT_SIZE, "%lld h %02lld min left", min / 60, min % 60);
}
