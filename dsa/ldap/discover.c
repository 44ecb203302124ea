/* SPDX-License-Identifier: MIT */
#include "dsa/ldap/discover.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "dsa/base/str.h"

#define ANSWER_SIZE 65536 /* more does not fit into an answer by TCP */
#define QUERY_TIMEOUT_S 2
#define QUERY_TRIES 2
#define MAX_SERVERS 64
#define LDAPS_PORT 636

struct srv {
	unsigned priority, weight, port;
	char host[NS_MAXDNAME];
};

struct srv_list {
	struct srv *items;
	size_t n;
};

static void
srv_list_done(struct srv_list *l)
{
	free(l->items);
}

static inline void
srv_list_donep(struct srv_list *l)
{
	srv_list_done(l);
}

void
discover_free(char **urls)
{
	if (!urls)
		return;
	for (char **u = urls; *u; u++)
		free(*u);
	free(urls);
}

/* Reads one record of an answer; false if it is none of ours. */
static bool
read_record(const ns_msg *msg, const ns_rr *rr, struct srv *ret)
{
	const unsigned char *data = ns_rr_rdata(*rr);

	if (ns_rr_type(*rr) != ns_t_srv || ns_rr_rdlen(*rr) < 7)
		return false;
	ret->priority = ns_get16(data);
	ret->weight = ns_get16(data + 2);
	ret->port = ns_get16(data + 4);
	if (ns_name_uncompress(
		ns_msg_base(*msg), ns_msg_end(*msg), data + 6, ret->host, sizeof ret->host) < 0)
		return false;
	/* The target "." says: decidedly no such service (RFC 2782). */
	return ret->host[0] && strcmp(ret->host, ".") != 0;
}

static int
read_answer(const unsigned char *answer, int len, struct srv_list *ret, struct err *err)
{
	ns_msg msg;

	if (ns_initparse(answer, len, &msg) < 0)
		return err_set(
		    err, ERR_SYS, ERR_PEER, ERR_LATER, 0, "the name server's answer is malformed");
	ret->items = calloc(MAX_SERVERS, sizeof(struct srv));
	if (!ret->items)
		return err_nomem(err);
	for (int i = 0; i < ns_msg_count(msg, ns_s_an) && ret->n < MAX_SERVERS; i++) {
		ns_rr rr;

		if (ns_parserr(&msg, ns_s_an, i, &rr) == 0 &&
		    read_record(&msg, &rr, &ret->items[ret->n]))
			ret->n++;
	}
	return 0;
}

/* The SRV records of NAME. None at all is no error. */
static int
query(const char *name, struct srv_list *ret, struct err *err)
{
	_cleanup_(free) unsigned char *answer = malloc(ANSWER_SIZE);
	struct __res_state res = {0};
	int len, why;

	if (!answer)
		return err_nomem(err);
	if (res_ninit(&res) < 0)
		return err_set(
		    err, ERR_SYS, ERR_PEER, ERR_LATER, 0, "the resolver cannot be set up");
	res.retrans = QUERY_TIMEOUT_S;
	res.retry = QUERY_TRIES;
	len = res_nquery(&res, name, ns_c_in, ns_t_srv, answer, ANSWER_SIZE);
	why = res.res_h_errno;
	res_nclose(&res);
	if (len >= 0)
		return read_answer(answer, len < ANSWER_SIZE ? len : ANSWER_SIZE, ret, err);
	if (why == HOST_NOT_FOUND || why == NO_DATA)
		return 0;
	return err_set(err, ERR_SYS, ERR_PEER, ERR_LATER, 0,
	    "no name server answers for the SRV records of %s", name);
}

static unsigned
random_below(unsigned end)
{
	unsigned r = 0;

	/* Without entropy the order is merely less fair. */
	(void)!getrandom(&r, sizeof r, GRND_NONBLOCK);
	return end ? r % end : 0;
}

/* Which of the N records at L, all of the least priority there, comes next. */
static size_t
draw(const struct srv *l, size_t n)
{
	unsigned sum = 0, mark;

	for (size_t i = 0; i < n; i++)
		sum += l[i].weight;
	mark = random_below(sum + 1);
	for (size_t i = 0; i < n; i++) {
		if (mark <= l[i].weight)
			return i;
		mark -= l[i].weight;
	}
	return 0;
}

static int
by_priority(const void *x, const void *y)
{
	const struct srv *p = x, *q = y;

	if (p->priority != q->priority)
		return p->priority < q->priority ? -1 : 1;
	/* Weightless ones first, so that they too may be drawn (RFC 2782). */
	return (p->weight > 0) - (q->weight > 0);
}

static void
order(struct srv_list *l)
{
	if (l->n)
		qsort(l->items, l->n, sizeof l->items[0], by_priority);
	for (size_t i = 0; i < l->n; i++) {
		size_t same = 1, pick;
		struct srv chosen;

		while (i + same < l->n && l->items[i + same].priority == l->items[i].priority)
			same++;
		pick = i + draw(l->items + i, same);
		chosen = l->items[pick];
		memmove(l->items + i + 1, l->items + i, (pick - i) * sizeof chosen);
		l->items[i] = chosen;
	}
}

static bool
has(char *const *urls, const char *url)
{
	for (; *urls; urls++) {
		if (str_equal_nocase(*urls, url))
			return true;
	}
	return false;
}

/* Appends the servers of NAME's records that are not yet among URLS. */
static int
append(const char *name, bool ldaps, char **urls, size_t *n, struct err *err)
{
	_cleanup_(srv_list_done) struct srv_list list = {0};

	if (query(name, &list, err) < 0)
		return -1;
	order(&list);
	for (size_t i = 0; i < list.n && *n < MAX_SERVERS; i++) {
		const struct srv *s = &list.items[i];
		_cleanup_(free) char *url = str_printf(
		    "%s://%s:%u", ldaps ? "ldaps" : "ldap", s->host, ldaps ? LDAPS_PORT : s->port);

		if (!url)
			return err_nomem(err);
		if (!has(urls, url))
			urls[(*n)++] = TAKE(url);
	}
	return 0;
}

int
discover_servers(const char *domain, const char *site, bool ldaps, char ***ret, struct err *err)
{
	_cleanup_(discover_free) char **urls = calloc(MAX_SERVERS + 1, sizeof *urls);
	_cleanup_(free) char *all = str_printf("_ldap._tcp.dc._msdcs.%s", domain);
	_cleanup_(free) char *near =
	    str_printf("_ldap._tcp.%s._sites.dc._msdcs.%s", site ? site : "", domain);
	size_t n = 0;

	if (!urls || !all || !near)
		return err_nomem(err);
	if (site && append(near, ldaps, urls, &n, err) < 0)
		return -1;
	if (append(all, ldaps, urls, &n, err) < 0)
		return -1;
	if (n == 0)
		return err_set(err, ERR_SYS, ERR_LINK, ERR_LATER, 0,
		    "no domain controllers found: DNS has no SRV records %s", all);
	*ret = TAKE(urls);
	return 0;
}
