/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_LINKS_FIXTURE_H
#define GALSYNC_TESTS_LINKS_FIXTURE_H

/*
 * Several links between the lab's two forests in one process, each with connections of its own and
 * an OU with one person, and how often the forests are asked for changes.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "dsa/base/clock.h"
#include "tests/support/scenario.h"

#define LINKS 12
#define BACK "return_contacts_ou = \"OU=Back%d,DC=acme,DC=example\"; "

/* One link's part of the process: its connections and how its last run ended. */
struct one {
	struct run run;
	struct dir *dir[SIDES];
	struct tap tap;
	struct cycle_result res[SIDES];
	struct err err;
	int64_t told_since_us;
	int rc;
	pthread_t thread;
};

static struct {
	struct lab l;
	size_t n;
	struct one of[LINKS];
	struct run_observer nobody;
} f;

/* ---- the links ---- */

/* The lab's own link is the first; each has an OU with a person of its own. */
static inline void
add_link(struct buf *b, int i, bool back)
{
	if (back)
		buf_printf(b, BACK, i - 1);
	buf_printf(b,
	    "}, { name = \"link%d\"; source = \"acme\"; target = \"globex\"; scopes = ( { base = "
	    "\"OU=S%d,DC=acme,DC=example\"; target_ou = \"OU=T%d,DC=globex,DC=example\"; create = "
	    "\"mailbox\"; } ); mailbox = { databases = [ \"CN=DB1,CN=Configuration,DC=globex,"
	    "DC=example\" ]; home_server = \"/o=Globex/ou=First/cn=Configuration/cn=Servers/"
	    "cn=EX1\"; };\n",
	    i, i, i);
}

static inline void
add_person(struct buf *b, int i)
{
	if (i)
		buf_printf(
		    b, "dn: OU=S%d,DC=acme,DC=example\nobjectClass: organizationalUnit\n\n", i);
	buf_printf(b,
	    "dn: CN=p%d,OU=%s%.*d,DC=acme,DC=example\nobjectClass: user\nsAMAccountName: p%d\n"
	    "userPrincipalName: p%d@acme.example\nmailNickname: p%d\nmail: p%d@acme.example\n"
	    "proxyAddresses: SMTP:p%d@acme.example\nlegacyExchangeDN: " ACME_LEGACY "p%d\n"
	    "userAccountControl: 512\nmsExchHomeServerName: /o=Acme/cn=EX1\n\n",
	    i, i ? "S" : "Staff", i > 0, i, i, i, i, i, i, i);
}

static inline const char *
person(enum side side, size_t i)
{
	static char dn[SIDES][128];

	if (side == SOURCE)
		(void)snprintf(dn[side], sizeof dn[side], "CN=p%zu,OU=%s%.*zu,DC=acme,DC=example",
		    i, i ? "S" : "Staff", i > 0, i);
	else
		(void)snprintf(dn[side], sizeof dn[side], "CN=p%zu,OU=%s%.*zu,DC=globex,DC=example",
		    i, i ? "T" : "Acme", i > 0, i);
	return dn[side];
}

static inline void
connect_one(size_t i)
{
	struct one *o = &f.of[i];

	for (int side = SOURCE; side < SIDES; side++) {
		o->dir[side] = tapdir_new(fakedir_connect(f.l.fd[side]), &o->tap);
		assert_non_null(o->dir[side]);
	}
	o->run = lab_run_of(&f.l, o->dir[SOURCE], o->dir[TARGET]);
	o->run.link = &f.l.conf->links[i];
	o->run.observer = &f.nobody;
}

static inline void
disconnect_one(size_t i)
{
	for (int side = SOURCE; side < SIDES; side++)
		dir_free(TAKE(f.of[i].dir[side]));
	tap_done(&f.of[i].tap);
	f.of[i].tap = (struct tap){.stop_at = 0};
}

/* As after a failure: a session of its own. */
static inline void
connect_again(size_t i)
{
	disconnect_one(i);
	connect_one(i);
}

/* The process has ended, and another one begins. */
static inline void
start_again(void)
{
	lab_begin_again(&f.l);
	for (size_t i = 0; i < f.n; i++)
		connect_again(i);
}

/* ---- cycles ---- */

static inline void *
run(void *arg)
{
	struct one *o = arg;
	const struct cycle_options opt = {.told_since_us = o->told_since_us};

	o->rc = sync_link(&o->run, false, &opt, o->res, &o->err);
	return NULL;
}

static inline void
run_one(size_t i, int64_t told_since_us)
{
	struct one *o = &f.of[i];

	o->told_since_us = told_since_us;
	(void)run(o);
	if (o->rc < 0 || o->res[SOURCE].failed || o->res[TARGET].failed)
		fail_msg("link %zu: %s", i, o->err.text);
}

/* All links, as when the interval is over or a server has notified them. */
static inline void
run_all(void)
{
	int64_t now_us = clock_monotonic_us();

	for (size_t i = 0; i < f.n; i++)
		run_one(i, now_us);
}

static struct fakedir_polls before[SIDES];

static inline void
begin_to_count(void)
{
	for (int side = SOURCE; side < SIDES; side++)
		before[side] = fakedir_polls(f.l.fd[side]);
}

/* Since then. */
static inline unsigned
asked(enum side side)
{
	return fakedir_polls(f.l.fd[side]).asked - before[side].asked;
}

static inline unsigned
looked(enum side side)
{
	return fakedir_polls(f.l.fd[side]).looked - before[side].looked;
}

static inline void
begin(size_t n, bool back)
{
	_cleanup_(buf_done) struct buf link = {0}, people = {0};
	static const struct scenario named = {.name = "links"};
	struct scenario sc = named;

	memset(&f, 0, sizeof f);
	f.n = n;
	buf_add_str(&link, "");
	for (int i = 0; i < (int)n; i++) {
		if (i)
			add_link(&link, i, back);
		add_person(&people, i);
		if (back)
			buf_printf(&people,
			    "dn: OU=Back%d,DC=acme,DC=example\nobjectClass: organizationalUnit\n\n",
			    i);
	}
	if (back)
		buf_printf(&link, BACK, (int)n - 1);
	buf_add_char(&link, '\0');
	assert_false(link.failed || people.failed);
	sc.link = (const char *)link.data;
	sc.source[0] = (const char *)people.data;
	lab_open(&f.l, &sc);
	f.l.sc = &named; /* its texts are not needed any more */
	assert_int_equal(f.l.conf->n_links, n);
	for (size_t i = 0; i < n; i++)
		connect_one(i);
	/* The first is a full one, the next ones hear of its writes. */
	for (int i = 0; i < 4; i++)
		run_all();
}

static inline void
end(void)
{
	for (size_t i = 0; i < f.n; i++)
		disconnect_one(i);
	lab_close(&f.l);
}

static inline void
set_title(size_t i, const char *title)
{
	lab_set(&f.l, SOURCE, person(SOURCE, i), "title", title);
}

static inline bool
has_title(size_t i, const char *title)
{
	return lab_has(&f.l, TARGET, person(TARGET, i), "title", title);
}

#endif
