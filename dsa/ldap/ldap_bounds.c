/* SPDX-License-Identifier: MIT */
#include "dsa/ldap/ldap_bounds.h"

#include "dsa/base/mem.h"

bool
ldap_bounds_message(Sockbuf *sb, size_t max)
{
	ber_len_t len = max;

	return ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &len) > 0;
}

int64_t
ldap_bounds_patience_ms(int timeout_ms, uint64_t octets)
{
	uint64_t slow_s = octets / LDAP_LEAST_RATE;

	if (slow_s > LDAP_SLOW_MAX_S)
		slow_s = LDAP_SLOW_MAX_S;
	return (int64_t)timeout_ms * LDAP_PATIENCE + (int64_t)slow_s * 1000;
}

void
ldap_pages_entry(struct ldap_pages *p, const char *name)
{
	if (p->n++ == 0)
		p->first = name ? bytes_hash_nocase(bytes_of(name), 1) : 0;
	p->entries++;
}

const char *
ldap_pages_turn(struct ldap_pages *p, bool same_cookie)
{
	bool same_page = p->n && p->first && p->first == p->before;
	bool same_nothing = !p->n && same_cookie;

	p->empty = p->n ? 0 : p->empty + 1;
	p->before = p->first;
	p->first = 0;
	p->n = 0;
	if (same_page)
		return "the server gives the same page again and again";
	if (same_nothing)
		return "the server gives pages without entries that lead nowhere";
	if (p->empty > LDAP_EMPTY_PAGES_MAX)
		return "the server gives more than 1000 pages without an entry in a row";
	if (p->entries > LDAP_ENTRIES_MAX)
		return "the server gives more than 10000000 entries";
	return NULL;
}

const char *
ldap_values_more(struct ldap_values *v, uint64_t low, uint64_t high, uint64_t n, uint64_t octets)
{
	v->n += n;
	v->octets += octets;
	if (n == 0)
		return "the server gives a range without values, and says that more follow";
	if (high < low || n - 1 > high - low)
		return "the server gives more values than the range that it names";
	if (v->n > LDAP_VALUES_MAX || high >= LDAP_VALUES_MAX)
		return "the server gives more than 2000000 values";
	if (v->octets > LDAP_VALUES_OCTETS_MAX)
		return "the server gives more than 268435456 octets of values";
	return NULL;
}
