/* SPDX-License-Identifier: MIT */
/* status for monitoring: a line, and metrics. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/clock.h"
#include "dsa/base/replace.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/shown.h"
#include "dsa/ctl/status_priv.h"
#include "dsa/view/view_metrics.h"

/* Why LINK is not fine, behind SEPARATOR. False: it is. */
static bool
print_reasons(const json_t *link, const char *separator)
{
	uint64_t n[HEALTH_REASON_MAX];
	struct health_facts f;
	const char *comma = "";

	health_facts_of(link, clock_realtime_s(), true, &f);
	if (health_judge(&f, n) == HEALTH_FINE)
		return false;
	(void)printf("%s%s: ", separator, text_of(link, "link"));
	for (size_t i = 0; i < HEALTH_REASON_MAX; i++) {
		const char *name = health_reason_name((enum health_reason)i);

		if (!n[i])
			continue;
		if (i <= HEALTH_CONFIGURATION)
			(void)printf("%s%s", comma, name);
		else
			(void)printf("%s%llu %s", comma, (unsigned long long)n[i], name);
		comma = ", ";
	}
	if (n[HEALTH_FAILING])
		(void)printf(" (%s)", text_of(json_object_get(link, "daemon"), "error"));
	return true;
}

/* What monitoring draws: behind a bar, as its plugins have it. */
static void
print_numbers(const json_t *links)
{
	static const char *const names[] = {
	    "correspondences", "conflicts", "retries", "waiting_references"};
	const char *bar = " | ";

	for (size_t i = 0; i < json_array_size(links); i++)
		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			const json_t *link = json_array_get(links, i);

			if (!json_object_get(link, names[k]))
				continue;
			(void)printf("%s'%s %s'=%lld", bar, text_of(link, "link"), names[k],
			    number_of(link, names[k]));
			bar = " ";
		}
}

void
status_print_check(const json_t *links, enum health health)
{
	const char *separator = " - ";

	(void)printf("GALSYNC %s", health_name(health));
	for (size_t i = 0; i < json_array_size(links); i++)
		if (print_reasons(json_array_get(links, i), separator))
			separator = "; ";
	if (health == HEALTH_FINE)
		(void)printf(" - %zu flow%s", json_array_size(links),
		    json_array_size(links) == 1 ? "" : "s");
	print_numbers(links);
	(void)putchar('\n');
}

/* Another program collects the file, as another user. */
static int
write_file(const char *file, struct bytes text, struct err *err)
{
	_cleanup_(replace_abort) struct replace *r = NULL;

	if (replace_begin(file, true, &r, err) < 0)
		return -1;
	if (fchmod(replace_fd(r), 0644) < 0)
		return err_sys(err, errno, "'%s'", replace_name(r));
	if (replace_write(r, text, err) < 0)
		return -1;
	return replace_end(TAKE(r), true, err);
}

enum ctl_status
status_print_metrics(const json_t *links, const char *file)
{
	_cleanup_(buf_done) struct buf text = {0};
	struct err err;

	view_metrics(links, clock_realtime_s(), &text);
	if (text.failed) {
		(void)err_nomem(&err);
		return ctl_fail(&err);
	}
	if (file)
		return write_file(file, buf_bytes(&text), &err) < 0 ? ctl_fail(&err) : CTL_DONE;
	(void)fwrite(text.data, 1, text.len, stdout);
	return CTL_DONE;
}
