/* SPDX-License-Identifier: MIT */
/*
 * The floor of a delta: what a directory needs to say what changed, and to hand it out, over one
 * GSSAPI connection. The bind does not count.
 *
 *   poll URI BASE empty TIMES ATTR...     DirSync polls that find nothing; a line of seconds each
 *   poll URI BASE cookie FILE             stores the cookie that stands for now
 *   poll URI BASE changed FILE ATTR...    one poll with that cookie, then the objects it names are
 *                                         read; prints "N objects, S seconds"
 *   poll URI BASE read FILE ATTR...       reads the objects whose GUIDs the file has, in
 *                                         hexadecimal, one a line; prints the same
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/mem.h"
#include "tests/bench/session.h"

#define INCREMENTAL_VALUES ((int)0x80000000)
#define NOTHING "(&(objectClass=user)(!(objectClass=user)))"
#define GUID_LEN 16
#define PART 64 /* objects a search */
/* What galsyncd listens for. */
#define FEED_FILTER                                                                                \
	"(|(objectClass=user)(objectClass=contact)(objectClass=group)"                             \
	"(objectClass=msExchDynamicDistributionList)(objectClass=publicFolder)"                    \
	"(objectClass=organizationalUnit)(objectClass=container))"

struct guids {
	unsigned char (*v)[GUID_LEN];
	size_t n;
};

static void
add_guid(struct guids *g, const void *octets)
{
	g->v = realloc(g->v, (g->n + 1) * sizeof *g->v);
	if (!g->v)
		exit(1);
	memcpy(g->v[g->n++], octets, GUID_LEN);
}

static void
take_guid(LDAP *ld, LDAPMessage *entry, struct guids *g)
{
	struct berval **v = ldap_get_values_len(ld, entry, "objectGUID");

	if (v && v[0] && v[0]->bv_len == GUID_LEN)
		add_guid(g, v[0]->bv_val);
	ldap_value_free_len(v);
}

/* One answer; the cookie is renewed. Returns whether there is more. */
static int
dirsync_once(LDAP *ld, const char *base, const char *filter, char **attrs, struct berval *cookie,
    struct guids *g)
{
	LDAPControl *control = NULL, **answer = NULL;
	LDAPControl *ctrls[2] = {0};
	LDAPMessage *all = NULL;
	int more = 0, code = 0;
	int rc = ldap_create_dirsync_control(ld, INCREMENTAL_VALUES, 1 << 20, cookie, &control);

	if (rc != LDAP_SUCCESS)
		die("DirSync control", rc);
	control->ldctl_iscritical = 1;
	ctrls[0] = control;
	rc = ldap_search_ext_s(
	    ld, base, LDAP_SCOPE_SUBTREE, filter, attrs, 0, ctrls, NULL, NULL, LDAP_NO_LIMIT, &all);
	if (rc != LDAP_SUCCESS)
		die("DirSync", rc);
	ldap_control_free(control);
	for (LDAPMessage *m = ldap_first_message(ld, all); m; m = ldap_next_message(ld, m)) {
		if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
			take_guid(ld, m, g);
		else if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT)
			(void)ldap_parse_result(ld, m, &code, NULL, NULL, NULL, &answer, 0);
	}
	control = ldap_control_find(LDAP_CONTROL_X_DIRSYNC, answer, NULL);
	ber_memfree(cookie->bv_val);
	*cookie = (struct berval){0};
	if (!control || ldap_parse_dirsync_control(ld, control, &more, cookie) != LDAP_SUCCESS)
		die("DirSync cookie", LDAP_DECODING_ERROR);
	ldap_controls_free(answer);
	(void)ldap_msgfree(all);
	return more;
}

static void
dirsync(LDAP *ld, const char *base, const char *filter, char **attrs, struct berval *cookie,
    struct guids *g)
{
	while (dirsync_once(ld, base, filter, attrs, cookie, g))
		;
}

/* Asks for N objects; the answer is taken later. */
static void
send_read(
    LDAP *ld, const char *base, char **attrs, const unsigned char (*guids)[GUID_LEN], size_t n)
{
	_cleanup_(buf_done) struct buf filter = {0};
	int id, rc;

	buf_add_str(&filter, "(|");
	for (size_t i = 0; i < n; i++) {
		buf_add_str(&filter, "(objectGUID=");
		for (size_t j = 0; j < GUID_LEN; j++)
			buf_printf(&filter, "\\%02x", guids[i][j]);
		buf_add_char(&filter, ')');
	}
	buf_add_char(&filter, ')');
	if (filter.failed)
		exit(1);
	rc = ldap_search_ext(ld, base, LDAP_SCOPE_SUBTREE, (const char *)filter.data, attrs, 0,
	    NULL, NULL, NULL, LDAP_NO_LIMIT, &id);
	if (rc != LDAP_SUCCESS)
		die("read", rc);
}

/* All searches are under way at once. Returns the number of objects. */
static size_t
read_all(LDAP *ld, const char *base, char **attrs, const struct guids *g)
{
	size_t found = 0, searches = 0;

	for (size_t i = 0; i < g->n; i += PART, searches++)
		send_read(ld, base, attrs, (const unsigned char(*)[GUID_LEN])g->v + i,
		    g->n - i < PART ? g->n - i : PART);
	while (searches) {
		LDAPMessage *m = NULL;
		int code = LDAP_SUCCESS;

		if (ldap_result(ld, LDAP_RES_ANY, LDAP_MSG_ONE, NULL, &m) <= 0)
			die("answer", LDAP_SERVER_DOWN);
		found += ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY;
		if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT) {
			(void)ldap_parse_result(ld, m, &code, NULL, NULL, NULL, NULL, 0);
			searches--;
		}
		if (code != LDAP_SUCCESS)
			die("read", code);
		(void)ldap_msgfree(m);
	}
	return found;
}

static FILE *
open_file(const char *name, const char *mode)
{
	FILE *f = fopen(name, mode);

	if (f)
		return f;
	perror(name);
	exit(1);
}

static void
now_cookie(LDAP *ld, const char *base, struct berval *ret)
{
	struct guids nobody = {0};

	dirsync(ld, base, NOTHING, NULL, ret, &nobody);
}

static void
run_empty(LDAP *ld, const char *base, const char *times, char **attrs)
{
	struct berval cookie = {0};
	struct guids g = {0};

	now_cookie(ld, base, &cookie);
	for (long i = strtol(times, NULL, 10); i > 0; i--) {
		double start = now_s();

		dirsync(ld, base, FEED_FILTER, attrs, &cookie, &g);
		(void)printf("%.4f\n", now_s() - start);
	}
	if (g.n)
		die("there was another change", LDAP_BUSY);
}

static void
run_cookie(LDAP *ld, const char *base, const char *file)
{
	struct berval cookie = {0};
	FILE *f = open_file(file, "wb");

	now_cookie(ld, base, &cookie);
	if (fwrite(cookie.bv_val, 1, cookie.bv_len, f) != cookie.bv_len || fclose(f) != 0)
		die(file, LDAP_LOCAL_ERROR);
	ber_memfree(cookie.bv_val);
}

static void
load_cookie(const char *file, struct berval *ret)
{
	enum { MOST = 1 << 16 };
	FILE *f = open_file(file, "rb");

	ret->bv_val = ber_memalloc(MOST);
	if (!ret->bv_val)
		exit(1);
	ret->bv_len = fread(ret->bv_val, 1, MOST, f);
	(void)fclose(f);
}

static void
load_guids(const char *file, struct guids *g)
{
	FILE *f = open_file(file, "r");
	char line[64];

	while (fgets(line, sizeof line, f)) {
		unsigned char octets[GUID_LEN];

		for (size_t i = 0; i < GUID_LEN; i++) {
			char two[3] = {line[2 * i], line[2 * i + 1], '\0'};

			octets[i] = (unsigned char)strtoul(two, NULL, 16);
		}
		add_guid(g, octets);
	}
	(void)fclose(f);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 4 ? argv[3] : "";
	struct berval cookie = {0};
	struct guids g = {0};
	double start;
	LDAP *ld;

	if (argc < 5) {
		(void)fputs(
		    "usage: poll URI BASE empty|cookie|changed|read TIMES|FILE ATTR...\n", stderr);
		return 2;
	}
	ld = connect_to(argv[1]);
	if (strcmp(what, "empty") == 0)
		run_empty(ld, argv[2], argv[4], argv + 5);
	else if (strcmp(what, "cookie") == 0)
		run_cookie(ld, argv[2], argv[4]);
	else if (strcmp(what, "changed") == 0)
		load_cookie(argv[4], &cookie);
	else
		load_guids(argv[4], &g);
	start = now_s();
	if (cookie.bv_val)
		dirsync(ld, argv[2], FEED_FILTER, argv + 5, &cookie, &g);
	if (strcmp(what, "changed") == 0 || strcmp(what, "read") == 0) {
		size_t n = read_all(ld, argv[2], argv + 5, &g);

		(void)printf("%zu objects, %.4f seconds\n", n, now_s() - start);
	}
	ber_memfree(cookie.bv_val);
	free(g.v);
	(void)ldap_unbind_ext_s(ld, NULL, NULL);
	return 0;
}
