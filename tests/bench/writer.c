/* SPDX-License-Identifier: MIT */
/*
 * The floor that galsyncd is measured against: sends the change records of an LDIF file to one
 * directory, WINDOW requests under way at once over one GSSAPI connection, and nothing else.
 *
 *   writer URI FILE WINDOW       prints "N changes, S seconds, W without the bind"
 */
/* ldif.h uses FILE without declaring it. */
#include <stdio.h>

#include <ldap.h>
#include <ldif.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/bench/session.h"

/* One record as modifications, made once before the clock runs. */
struct request {
	char *dn;
	int add;
	LDAPMod **mods;
};

static void
add_value(struct request *r, size_t *n, int op, const char *attr, struct berval *v)
{
	LDAPMod *m = *n ? r->mods[*n - 1] : NULL;
	size_t values = 0;
	struct berval *copy = ber_bvdup(v);

	if (!m || (m->mod_op & ~LDAP_MOD_BVALUES) != op || strcasecmp(m->mod_type, attr) != 0) {
		r->mods = realloc(r->mods, (*n + 2) * sizeof *r->mods);
		m = calloc(1, sizeof *m);
		if (!r->mods || !m)
			exit(1);
		m->mod_op = op | LDAP_MOD_BVALUES;
		m->mod_type = strdup(attr);
		r->mods[(*n)++] = m;
		r->mods[*n] = NULL;
	}
	while (m->mod_bvalues && m->mod_bvalues[values])
		values++;
	m->mod_bvalues = realloc(m->mod_bvalues, (values + 2) * sizeof *m->mod_bvalues);
	if (!m->mod_bvalues)
		exit(1);
	m->mod_bvalues[values] = copy;
	m->mod_bvalues[values + 1] = NULL;
}

static void
parse_line(struct request *r, size_t *n, int *op, char *line)
{
	struct berval type = {0}, value = {0};
	int freeval = 0;

	if (strcmp(line, "-") == 0 || ldif_parse_line2(line, &type, &value, &freeval))
		return;
	if (strcasecmp(type.bv_val, "dn") == 0)
		r->dn = strdup(value.bv_val);
	else if (strcasecmp(type.bv_val, "changetype") == 0)
		r->add = strcmp(value.bv_val, "add") == 0;
	else if (!r->add && strcmp(type.bv_val, "add") == 0)
		*op = LDAP_MOD_ADD;
	else if (!r->add && strcmp(type.bv_val, "delete") == 0)
		*op = LDAP_MOD_DELETE;
	else
		add_value(r, n, r->add ? LDAP_MOD_ADD : *op, type.bv_val, &value);
	if (freeval)
		free(value.bv_val);
}

static struct request *
load(const char *file, size_t *ret_n)
{
	LDIFFP *f = ldif_open(file, "r");
	unsigned long line = 0;
	char *text = NULL;
	int size = 0;
	struct request *all = NULL;
	size_t n = 0;

	if (!f)
		exit(1);
	while (ldif_read_record(f, &line, &text, &size) > 0) {
		struct request r = {0};
		size_t mods = 0;
		int op = LDAP_MOD_ADD;
		char *next = text, *l;

		while ((l = ldif_getline(&next)))
			parse_line(&r, &mods, &op, l);
		if (!r.dn || !mods)
			continue;
		all = realloc(all, (n + 1) * sizeof *all);
		if (!all)
			exit(1);
		all[n++] = r;
	}
	ldif_close(f);
	*ret_n = n;
	return all;
}

static void
take_answer(LDAP *ld, int wait)
{
	struct timeval none = {0};
	LDAPMessage *m = NULL;
	int code = 0;

	if (ldap_result(ld, LDAP_RES_ANY, LDAP_MSG_ONE, wait ? NULL : &none, &m) <= 0)
		die("answer", LDAP_SERVER_DOWN);
	(void)ldap_parse_result(ld, m, &code, NULL, NULL, NULL, NULL, 1);
	if (code != LDAP_SUCCESS)
		die("change", code);
}

int
main(int argc, char **argv)
{
	size_t n = 0, under_way = 0, window;
	struct request *all;
	LDAP *ld;
	double start, bound;

	if (argc != 4) {
		(void)fputs("usage: writer URI FILE WINDOW\n", stderr);
		return 2;
	}
	all = load(argv[2], &n);
	window = strtoul(argv[3], NULL, 10);
	start = now_s();
	ld = connect_to(argv[1]);
	bound = now_s();
	for (size_t i = 0; i < n; i++) {
		int id, rc = all[i].add
				 ? ldap_add_ext(ld, all[i].dn, all[i].mods, NULL, NULL, &id)
				 : ldap_modify_ext(ld, all[i].dn, all[i].mods, NULL, NULL, &id);

		if (rc != LDAP_SUCCESS)
			die(all[i].dn, rc);
		if (++under_way >= window) {
			take_answer(ld, 1);
			under_way--;
		}
	}
	for (; under_way; under_way--)
		take_answer(ld, 1);
	(void)printf("%zu changes, %.3f seconds, %.4f without the bind\n", n, now_s() - start,
	    now_s() - bound);
	(void)ldap_unbind_ext_s(ld, NULL, NULL);
	return 0;
}
