/* SPDX-License-Identifier: MIT */
#include "dsa/ldap/ldap_read.h"

#include <stdlib.h>

#include "dsa/base/list.h"

void
ldap_read_begin(struct ldap_session *s, struct ldap_read *r, int64_t deadline_ms)
{
	*r = (struct ldap_read){.outer = s->reads,
	    .msgid = -1,
	    .generation = s->generation,
	    .deadline_ms = deadline_ms};
	s->reads = r;
}

void
ldap_read_expect(struct ldap_session *s, struct ldap_read *r, int msgid)
{
	r->msgid = msgid;
	r->generation = s->generation;
}

/* True unless more messages follow M as answers to the same request. */
static bool
is_last(LDAPMessage *m)
{
	int type = ldap_msgtype(m);

	return type != LDAP_RES_SEARCH_ENTRY && type != LDAP_RES_SEARCH_REFERENCE &&
	       type != LDAP_RES_INTERMEDIATE;
}

int
ldap_read_next(struct ldap_session *s, struct ldap_read *r, LDAPMessage **ret, struct err *err)
{
	for (;;) {
		int rc;

		if (r->generation != s->generation || !s->ld) {
			*err = s->why;
			return -1;
		}
		if (r->head < r->n) {
			*ret = r->queue[r->head++];
			if (is_last(*ret))
				r->msgid = -1;
			return 0;
		}
		rc = ldap_session_pump(s, err);
		if (rc == 0)
			rc = ldap_session_wait(s, r->deadline_ms, err);
		if (rc < 0)
			return -1;
	}
}

void
ldap_read_end(struct ldap_session *s, struct ldap_read *r)
{
	/* Reads end in the reverse order of their beginning, because they live on one stack. */
	s->reads = r->outer;
	if (r->msgid >= 0 && s->ld && r->generation == s->generation)
		(void)ldap_abandon_ext(s->ld, r->msgid, NULL, NULL);
	while (r->head < r->n)
		(void)ldap_msgfree(r->queue[r->head++]);
	free(r->queue);
}

static int
enqueue(struct ldap_read *r, LDAPMessage *m)
{
	if (r->head > 0 && r->head == r->n)
		r->head = r->n = 0;
	if (list_grow(r->queue, r->n, r->cap) < 0)
		return -1;
	r->queue[r->n++] = m;
	return 0;
}

int
ldap_read_offer(struct ldap_session *s, int msgid, LDAPMessage *m)
{
	for (struct ldap_read *r = s->reads; r; r = r->outer)
		if (r->msgid == msgid && r->generation == s->generation)
			return enqueue(r, m) < 0 ? -1 : 1;
	return 0;
}
