/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/examine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/jobs/doctor.h"
#include "dsa/ldap/ldap.h"
#include "dsa/ldap/ldap_keytab.h"

struct examining {
	const struct conf *conf;
	size_t problems;
};

static void
show(enum doctor_verdict verdict, const char *text, void *arg)
{
	static const char *const words[] = {
	    [DOCTOR_OK] = "ok", [DOCTOR_NOTE] = "note", [DOCTOR_PROBLEM] = "PROBLEM"};
	struct examining *x = arg;
	size_t size = 4 * strlen(text) + 8;
	_cleanup_(free) char *shown = malloc(size);

	x->problems += verdict == DOCTOR_PROBLEM;
	if (shown)
		err_escape(shown, size, bytes_of(text));
	(void)printf("%-7s %s\n", words[verdict], shown ? shown : "out of memory");
	(void)fflush(stdout);
}

PRINTF_LIKE(3, 4)
static void
say(struct examining *x, enum doctor_verdict verdict, const char *fmt, ...)
{
	_cleanup_(free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	show(verdict, text ? text : "out of memory", x);
}

/* ---- keytabs ---- */

char *
examine_keytab(const struct conf *conf, const char *file, const struct conf_forest *f)
{
	const char *where = conf_where(conf, f->dir.keytab);
	char why[512];

	if (!ldap_keytab_lacks_aes(&f->dir, why, sizeof why))
		return NULL;
	return str_printf("%s: forest '%s': %s", where ? where : file, f->name, why);
}

static bool
is_end_of(const struct conf *conf, const char *link, const struct conf_forest *f)
{
	const struct conf_link *l = link ? conf_find_link(conf, link) : NULL;

	return !l || l->source == f || l->target == f;
}

static void
examine_keytabs(struct examining *x, const char *file, const char *link)
{
	for (size_t i = 0; i < x->conf->n_forests; i++) {
		const struct conf_forest *f = &x->conf->forests[i];
		_cleanup_(free) char *bad = examine_keytab(x->conf, file, f);

		if (f->dir.mechanism == AUTH_SIMPLE || !is_end_of(x->conf, link, f))
			continue;
		if (bad)
			show(DOCTOR_PROBLEM, bad, x);
		else
			say(x, DOCTOR_OK, "forest '%s': the keytab has keys for AES", f->name);
	}
}

/* ---- links ---- */

static void
open_map(struct examining *x, struct store **ret)
{
	struct err err;

	*ret = NULL;
	if (store_open(x->conf->state_directory, STORE_READ, 0, ret, &err) < 0 &&
	    !(err.src == ERR_SYS && err.code == ENOENT))
		say(x, DOCTOR_PROBLEM, "%s", err.text);
}

static void
examine_link(struct examining *x, const struct conf_link *link, struct store *store)
{
	static const struct run_observer nobody = {.arg = NULL};
	_cleanup_(dir_free) struct dir *source = NULL, *target = NULL;
	struct err err;

	if (ldap_dir_new(&link->source->dir, true, &source, &err) < 0 ||
	    ldap_dir_new(&link->target->dir, true, &target, &err) < 0) {
		say(x, DOCTOR_PROBLEM, "link %s: %s", link->name, err.text);
		return;
	}
	doctor_run(&(struct run){.link = link,
		       .dir = {source, target},
		       .store = store,
		       .work_dir = x->conf->state_directory,
		       .map_size_mb = x->conf->map_size_mb,
		       .observer = &nobody},
	    show, x);
}

enum exit_status
examine_run(const struct conf *conf, const char *file, const char *link)
{
	_cleanup_(store_close) struct store *store = NULL;
	struct examining x = {.conf = conf};

	if (!once_has_link(conf, link))
		return STATUS_USAGE;
	(void)signal(SIGPIPE, SIG_IGN);
	examine_keytabs(&x, file, link);
	open_map(&x, &store);
	for (size_t i = 0; i < conf->n_links; i++)
		if (!link || strcmp(link, conf->links[i].name) == 0)
			examine_link(&x, &conf->links[i], store);
	return x.problems ? STATUS_FAILED : STATUS_DONE;
}
