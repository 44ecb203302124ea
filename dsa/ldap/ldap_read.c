/* SPDX-License-Identifier: MIT */
#include "dsa/ldap/ldap_read.h"

#include <stdlib.h>

#include "dsa/base/list.h"
#include "dsa/ldap/ldap_bounds.h"

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
ldap_read_expect(struct ldap_session *s, struct ldap_read *r, int msgid, unsigned most)
{
	r->msgid = msgid;
	r->most = most;
	r->entries = r->references = 0;
	r->generation = s->generation;
}

bool
ldap_read_is_last(LDAPMessage *m)
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
			if (ldap_read_is_last(*ret))
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

/* What is read ahead while a read within this one waits has no other end. */
static int
count(struct ldap_read *r, LDAPMessage *m, struct err *why)
{
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY && ++r->entries > r->most)
		return err_set(why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_PROTOCOL_ERROR,
		    "the server gave more entries than the %u that were asked for", r->most);
	if (ldap_msgtype(m) != LDAP_RES_SEARCH_ENTRY && !ldap_read_is_last(m) &&
	    ++r->references > LDAP_REFERENCES_MAX)
		return err_set(why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_PROTOCOL_ERROR,
		    "the server gave more than %u references", LDAP_REFERENCES_MAX);
	return 0;
}

static int
enqueue(struct ldap_read *r, LDAPMessage *m, struct err *why)
{
	if (count(r, m, why) < 0)
		return -1;
	if (r->head > 0 && r->head == r->n)
		r->head = r->n = 0;
	if (list_grow(r->queue, r->n, r->cap) < 0)
		return err_nomem(why);
	r->queue[r->n++] = m;
	return 1;
}

int
ldap_read_offer(struct ldap_session *s, int msgid, LDAPMessage *m, struct err *why)
{
	for (struct ldap_read *r = s->reads; r; r = r->outer)
		if (r->msgid == msgid && r->generation == s->generation)
			return enqueue(r, m, why);
	return 0;
}
