/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_UNIT_CONF_FIXTURE_H
#define GALSYNC_TESTS_UNIT_CONF_FIXTURE_H

/* Configuration files in a directory of the test's own, and one that is good. Behind cmocka.h. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsa/base/str.h"
#include "dsa/config/conf.h"

#define FILES_MAX 32

/* The files of one test lie in a directory of its own. */
static char dir[] = "/tmp/galsync-test-conf-XXXXXX";
static char *files[FILES_MAX];
static int unexpected;
static size_t n_files;

static inline const char *
path_of(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static inline void
put_file(const char *name, const char *text, size_t len, mode_t mode)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
	for (size_t i = 0; i < n_files; i++)
		if (strcmp(files[i], name) == 0)
			return;
	assert_true(n_files < FILES_MAX);
	files[n_files++] = strdup(name);
}

static inline void
put(const char *name, const char *text)
{
	put_file(name, text, strlen(text), 0600);
}

static inline int
setup(void **state)
{
	(void)state;
	unexpected = 0;
	if (!mkdtemp(dir))
		return -1;
	put("acme.keytab", "secret");
	put("globex.keytab", "secret");
	put("acme-ca.pem", "certificate");
	put("password", "secret");
	put("pairs.csv", "a,b");
	put_file("open.keytab", "secret", 6, 0640);
	put_file("hook", "#!/bin/sh\n", 10, 0755);
	put_file("open-hook", "#!/bin/sh\n", 10, 0775);
	return unsetenv("CREDENTIALS_DIRECTORY");
}

/* Fails a test whose expectations failed: all of them are shown first. */
static inline int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_files; i++) {
		(void)unlink(path_of(files[i]));
		free(files[i]);
	}
	n_files = 0;
	(void)rmdir(path_of("sub"));
	(void)rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	return unexpected ? -1 : 0;
}

/* The sample of the design document with its dots filled in, one key or group a line so that lines
 * can be replaced; the paths are relative to the file. */
static const char base[] =
    "state_directory = \"/var/lib/galsync\";\n"					    /* 1 */
    "forests = (\n"								    /* 2 */
    "  { name = \"acme\";\n"							    /* 3 */
    "    domain = \"acme.example\";  # DCs found by SRV record\n"		    /* 4 */
    "    servers = [ \"ldap://dc1.acme.example\", \"ldap://dc2.acme.example\" ];\n" /* 5 */
    "    auth = { mechanism = \"GSSAPI\"; principal = \"svc-galsync@ACME.EXAMPLE\"; keytab = "
    "\"acme.keytab\"; };\n"								/* 6 */
    "    tls = { mode = \"starttls\"; ca_file = \"acme-ca.pem\"; };\n"			/* 7 */
    "    mail_domains = [ \"acme.example\" ];\n"					/* 8 */
    "    redirect_domain = \"redirect.acme.example\"; },\n"				/* 9 */
    "  { name = \"globex\";\n"								/* 10 */
    "    domain = \"globex.example\";\n"						/* 11 */
    "    auth = { principal = \"svc@GLOBEX.EXAMPLE\"; keytab = \"globex.keytab\"; };\n" /* 12 */
    "    mail_domains = [ \"globex.example\" ];\n"					/* 13 */
    "    redirect_domain = \"redirect.globex.example\"; } );\n"				/* 14 */
    "links = (\n"									/* 15 */
    "  { name = \"acme-globex\"; source = \"acme\"; target = \"globex\";\n"		/* 16 */
    "    scopes = ( { base = \"OU=Staff,DC=acme,DC=example\"; kinds = [ \"user\", \"group\", "
    "\"contact\" ];\n" /* 17 */
    "      filter = \"(!(title=Temp))\"; target_ou = \"OU=Acme,DC=globex,DC=example\"; create = "
    "\"mailbox\"; } );\n" /* 18 */
    "    match = [ \"stamp\", \"sid-history\", \"x500\", \"mail\", \"sam-account-name\" ];\n" /* 19
											       */
    "    return_contacts_ou = \"OU=Globex GAL,DC=acme,DC=example\";\n" /* 20 */
    "    mailbox = { databases = [ \"CN=DB1,CN=Databases,DC=globex,DC=example\" ]; home_server = "
    "\"/o=Globex/ou=X/cn=Configuration/cn=Servers/cn=EX1\"; };\n" /* 21 */
    "    interval_s = 60;\n"					  /* 22 */
    "  } );\n";							  /* 23 */

/* BASE with its first FIND replaced by WITH. */
static inline char *
edited(const char *text, const char *find, const char *with)
{
	const char *at = strstr(text, find);

	if (!at)
		fail_msg("'%s' is not in the text", find);
	return str_printf("%.*s%s%s", (int)(at - text), text, with, at + strlen(find));
}

static inline struct conf *
load(const char *text)
{
	_cleanup_(conf_errors_done) struct conf_errors e = {0};
	struct conf *c = NULL;

	put("galsync.conf", text);
	if (conf_load(path_of("galsync.conf"), &c, &e) < 0)
		fail_msg("%s", e.n ? e.lines[0] : "no message");
	assert_int_equal(e.n, 0);
	return c;
}

/* The mistakes in galsync.conf (written before), each on a line and without the directory. */
static inline char *
mistakes(void)
{
	_cleanup_(conf_errors_done) struct conf_errors e = {0};
	struct conf *c = NULL;
	struct buf b = {0};

	if (conf_load(path_of("galsync.conf"), &c, &e) == 0) {
		conf_free(c);
		return strdup("");
	}
	assert_null(c);
	assert_true(e.n > 0);
	for (size_t i = 0; i < e.n; i++) {
		size_t len = strlen(dir) + 1;

		assert_int_equal(strncmp(e.lines[i], path_of(""), len), 0);
		buf_printf(&b, "%s\n", e.lines[i] + len);
	}
	return buf_take_str(&b);
}

/* BASE with FIND replaced by WITH has the mistakes WANT. */
struct conf_mistake {
	const char *find, *with, *want;
};

static inline void
check_mistakes(const struct conf_mistake *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(free) char *text = edited(base, rows[i].find, rows[i].with);
		_cleanup_(free) char *got = NULL;

		put("galsync.conf", text);
		got = mistakes();
		if (strcmp(got, rows[i].want) == 0)
			continue;
		print_error("%s\ngot:\n%s\nwant:\n%s\n", rows[i].with, got, rows[i].want);
		unexpected++;
	}
}

#endif
