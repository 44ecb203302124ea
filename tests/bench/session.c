/* SPDX-License-Identifier: MIT */
#include "tests/bench/session.h"

#include <errno.h>
#include <sasl/sasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int
no_answers(LDAP *ld, unsigned flags, void *defaults, void *interact)
{
	(void)ld;
	(void)flags;
	(void)defaults;
	for (sasl_interact_t *i = interact; i->id != SASL_CB_LIST_END; i++) {
		i->result = "";
		i->len = 0;
	}
	return LDAP_SUCCESS;
}

double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

_Noreturn void
die(const char *what, int rc)
{
	(void)fprintf(
	    stderr, "%s: %s: %s\n", program_invocation_short_name, what, ldap_err2string(rc));
	exit(1);
}

LDAP *
connect_to(const char *uri)
{
	const int version = LDAP_VERSION3;
	LDAP *ld = NULL;
	int rc = ldap_initialize(&ld, uri);

	if (rc != LDAP_SUCCESS)
		die(uri, rc);
	(void)ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	(void)ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	(void)ldap_set_option(ld, LDAP_OPT_X_SASL_NOCANON, LDAP_OPT_ON);
	rc = ldap_sasl_interactive_bind_s(
	    ld, NULL, "GSSAPI", NULL, NULL, LDAP_SASL_QUIET, no_answers, NULL);
	if (rc != LDAP_SUCCESS)
		die("bind", rc);
	return ld;
}
