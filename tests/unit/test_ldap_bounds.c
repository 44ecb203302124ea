/* SPDX-License-Identifier: MIT */
/* What a server may make us do: a small one at a loopback socket does more, each time in another
 * way. It speaks plain LDAP and takes no bind: the sessions begin behind that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <lber.h>
#include <ldap.h>

#include "dsa/base/clock.h"
#include "dsa/ldap/ldap_bounds.h"
#include "dsa/ldap/ldap_search.h"
#include "dsa/ldap/ldap_session.h"
#include "dsa/ldap/ldap_tls.h"

#define TIMEOUT_MS 5000
#define PAGE 10

/* ---- the server ---- */

struct talk {
	int fd;
	int asked; /* requests before this one */
	int msgid;
	char attr[256]; /* the first one that is asked for */
};

typedef void answer_fn(struct talk *t);

struct server {
	int fd, port;
	answer_fn *answer;
	pthread_t thread;
};

static bool
send_octets(const struct talk *t, const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t done = send(t->fd, p, n, MSG_NOSIGNAL);

		if (done < 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

static bool
send_ber(const struct talk *t, BerElement *ber)
{
	struct berval v;
	bool ok;

	assert_int_equal(ber_flatten2(ber, &v, 0), 0);
	ok = send_octets(t, v.bv_val, v.bv_len);
	ber_free(ber, 1);
	return ok;
}

/* An entry with N values of LEN octets in the attribute NAME. */
static bool
send_entry(const struct talk *t, const char *dn, const char *name, size_t n, size_t len)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	char *value = malloc(len + 1);

	assert_non_null(value);
	memset(value, 'x', len);
	ber_printf(ber, "{it{s{{s[", t->msgid, LDAP_RES_SEARCH_ENTRY, dn, name);
	for (size_t i = 0; i < n; i++)
		ber_printf(ber, "o", value, (ber_len_t)len);
	ber_printf(ber, "]}}}}");
	free(value);
	return send_ber(t, ber);
}

/* The end of a page; COOKIE NULL: of a search without pages. */
static void
send_end(const struct talk *t, const char *cookie)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER), *value = ber_alloc_t(LBER_USE_DER);
	struct berval v;

	ber_printf(ber, "{it{ess}", t->msgid, LDAP_RES_SEARCH_RESULT, LDAP_SUCCESS, "", "");
	if (cookie) {
		ber_printf(value, "{is}", 0, cookie);
		assert_int_equal(ber_flatten2(value, &v, 0), 0);
		ber_printf(ber, "t{{sO}}", LDAP_TAG_CONTROLS, LDAP_CONTROL_PAGEDRESULTS, &v);
	}
	ber_printf(ber, "}");
	ber_free(value, 1);
	(void)send_ber(t, ber);
}

/* The request's number, and the first attribute that a search asks for. */
static bool
read_request(struct talk *t, BerElement *ber)
{
	struct berval base, filter, *attrs = NULL;
	ber_len_t len;
	int scope, deref, size, time, types;

	if (ber_scanf(ber, "it", &t->msgid, &len) == LBER_ERROR)
		return false;
	t->attr[0] = '\0';
	if (ber_scanf(ber, "{meeiib", &base, &scope, &deref, &size, &time, &types) == LBER_ERROR)
		return true;
	if (ber_skip_element(ber, &filter) == LBER_DEFAULT ||
	    ber_scanf(ber, "{M}", &attrs, &len, (ber_len_t)0) == LBER_ERROR)
		return true;
	if (attrs)
		(void)snprintf(t->attr, sizeof t->attr, "%s", attrs[0].bv_val);
	ber_memfree(attrs);
	return true;
}

static void *
serve(void *arg)
{
	struct server *v = arg;
	struct talk t = {.fd = accept(v->fd, NULL, NULL)};
	Sockbuf *sb = ber_sockbuf_alloc();
	const int one = 1;
	bool open = true;

	(void)setsockopt(t.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);

	assert_non_null(sb);
	ber_sockbuf_add_io(sb, &ber_sockbuf_io_tcp, LBER_SBIOD_LEVEL_PROVIDER, NULL);
	ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_FD, &t.fd);
	for (; open; t.asked++) {
		BerElement *ber = ber_alloc_t(LBER_USE_DER);
		ber_len_t len;

		open = ber_get_next(sb, &len, ber) == LDAP_TAG_MESSAGE && read_request(&t, ber);
		if (open)
			v->answer(&t);
		ber_free(ber, 1);
	}
	ber_sockbuf_free(sb);
	return NULL;
}

static void
start(struct server *v, answer_fn *answer)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;

	*v =
	    (struct server){.answer = answer, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	assert_int_equal(bind(v->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(v->fd, 1), 0);
	assert_int_equal(getsockname(v->fd, (struct sockaddr *)&a, &len), 0);
	v->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&v->thread, NULL, serve, v), 0);
}

static void
stop(struct server *v)
{
	assert_int_equal(pthread_join(v->thread, NULL), 0);
	close(v->fd);
}

/* ---- the client ---- */

struct client {
	struct dir_conf conf;
	struct ldap_session s;
	struct server v;
	uint64_t entries, values;
	bool nested; /* each entry reads another one */
	struct err err;
};

static void
take_message(void *arg, int msgid, LDAPMessage *m)
{
	(void)arg;
	(void)msgid;
	(void)m;
}

static void
take_end(void *arg)
{
	(void)arg;
}

static struct client *
client_init(answer_fn *answer)
{
	static const struct ldap_session_owner owner = {take_message, take_end, NULL};
	struct client *c = calloc(1, sizeof *c);

	assert_non_null(c);
	c->conf = (struct dir_conf){.name = "globex",
	    .connect_timeout_ms = 5000,
	    .timeout_ms = TIMEOUT_MS,
	    .page_size = PAGE,
	    .window = 1};
	assert_int_equal(ldap_session_init(&c->s, &c->conf, &owner, &c->err), 0);
	start(&c->v, answer);
	return c;
}

/* A session before the bind. */
static struct client *
client_connect(answer_fn *answer)
{
	struct client *c = client_init(answer);
	int64_t until = clock_monotonic_ms() + 5000;

	c->s.sock.timeout_ms = TIMEOUT_MS;
	assert_int_equal(ldap_sock_connect(&c->s.sock, "127.0.0.1", c->v.port, until, &c->err), 0);
	assert_int_equal(ldap_session_attach(&c->s, "ldap://127.0.0.1", &c->err), 0);
	return c;
}

/* And behind it. */
static struct client *
client_open(answer_fn *answer)
{
	struct client *c = client_connect(answer);

	assert_int_equal(ldap_session_trust(&c->s, &c->err), 0);
	c->s.ready = true;
	return c;
}

static void
client_close(struct client *c)
{
	ldap_session_close(&c->s);
	stop(&c->v);
	ldap_session_done(&c->s);
	free(c);
}

static const char *const members[] = {"member", NULL};

static int
take_entry(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	_cleanup_(entry_free) struct entry *other = NULL;
	struct client *c = arg;

	c->entries++;
	for (size_t i = 0; i < own->n_attrs; i++)
		c->values += own->attrs[i].n_values;
	return c->nested ? ldap_read_once(&c->s, "CN=other", members, &other, err) : 0;
}

static int
search(struct client *c)
{
	const struct dir_query q = {.base = "DC=globex,DC=example",
	    .scope = DIR_SUBTREE,
	    .filter = "(objectClass=*)",
	    .attrs = members};
	bool delivered = false;

	return ldap_search_once(&c->s, &q, take_entry, c, &delivered, &c->err);
}

/* The search fails, TEXT is in the error, and it is tried again later. The server's answer was
 * waited for WAITED_MS already, and OCTETS of it have come. */
static void
must_fail_after(int64_t waited_ms, uint64_t octets, answer_fn *answer, const char *text)
{
	struct client *c = client_open(answer);

	c->s.waited_ms = waited_ms;
	c->s.received_before = c->s.sock.received - octets;
	assert_int_equal(search(c), -1);
	if (!strstr(c->err.text, text))
		fail_msg("'%s' is not in '%s'", text, c->err.text);
	assert_int_equal(c->err.retry, ERR_LATER);
	assert_true(c->err.scope == ERR_LINK || c->err.scope == ERR_PEER);
	client_close(c);
}

static void
must_fail(answer_fn *answer, const char *text)
{
	must_fail_after(0, 0, answer, text);
}

static long
resident_kib(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return u.ru_maxrss;
}

/* ---- messages ---- */

/* A message that is granted LEN octets long, and goes on as long as it is read. */
static void
send_long(struct talk *t, uint32_t len)
{
	static const char zeros[65536];
	const uint8_t head[] = {0x30, 0x84, (uint8_t)(len >> 24), (uint8_t)(len >> 16),
	    (uint8_t)(len >> 8), (uint8_t)len};

	if (!send_octets(t, head, sizeof head))
		return;
	for (uint32_t done = 0; done < len && send_octets(t, zeros, sizeof zeros);)
		done += (uint32_t)sizeof zeros;
}

static void
grant_two_gib(struct talk *t)
{
	send_long(t, 0x7ffffff0);
}

static void
grant_300_kib(struct talk *t)
{
	send_long(t, 300U << 10);
}

static void
grant_65_mib(struct talk *t)
{
	send_long(t, 65U << 20);
}

/* Before StartTLS is answered nobody knows who it is. */
static void
large_before_the_bind(void **state)
{
	static answer_fn *const answers[] = {grant_two_gib, grant_300_kib};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct client *c = client_connect(answers[i]);
		int64_t until = clock_monotonic_ms() + 5000;
		long before = resident_kib();

		assert_int_equal(ldap_tls_start(&c->s, false, "dc1", until, &c->err), -1);
		if (!strstr(c->err.text, "more than the 262144 octets that are allowed before"))
			fail_msg("%s", c->err.text);
		assert_int_equal(c->err.scope, ERR_PEER);
		assert_int_equal(c->err.retry, ERR_LATER);
		assert_true(resident_kib() - before < 32768);
		client_close(c);
	}
}

static void
large_after_the_bind(void **state)
{
	(void)state;
	must_fail(grant_65_mib, "more than the 67108864 octets that are allowed");
	must_fail(grant_two_gib, "more than the 67108864 octets that are allowed");
}

/* Full pages of photos, and a group without ranges. */
static void
give_photos(struct talk *t)
{
	char dn[32];

	for (int i = 0; i < PAGE; i++) {
		(void)snprintf(dn, sizeof dn, "CN=%d.%d", t->asked, i);
		(void)send_entry(t, dn, "jpegPhoto", 1, 300U << 10);
	}
	(void)send_entry(t, "CN=group", "member", 0, 0);
	send_end(t, "");
}

static void
give_large(struct talk *t)
{
	char dn[32];

	for (int i = 0; i < PAGE - 1; i++) {
		(void)snprintf(dn, sizeof dn, "CN=%d.%d", t->asked, i);
		(void)send_entry(t, dn, "jpegPhoto", 1, 300U << 10);
	}
	(void)send_entry(t, "CN=group", "member", 4000, 160);
	send_end(t, t->asked < 2 ? "samba's is always the same" : "");
}

static void
large_entries_pass(void **state)
{
	struct client *c = client_open(give_large);

	(void)state;
	assert_int_equal(search(c), 0);
	assert_int_equal(c->entries, 3 * PAGE);
	assert_int_equal(c->values, 3 * (PAGE - 1 + 4000));
	client_close(c);
}

/* ---- pages ---- */

static void
repeat_page(struct talk *t)
{
	char cookie[16];

	(void)snprintf(cookie, sizeof cookie, "%d", t->asked);
	(void)send_entry(t, "CN=always", "member", 1, 8);
	send_end(t, cookie);
}

static void
lead_nowhere(struct talk *t)
{
	send_end(t, "the same");
}

static void
lead_on(struct talk *t)
{
	char cookie[16];

	(void)snprintf(cookie, sizeof cookie, "%d", t->asked);
	send_end(t, cookie);
}

static void
pages_end(void **state)
{
	(void)state;
	must_fail(repeat_page, "the same page again and again");
	must_fail(lead_nowhere, "pages without entries that lead nowhere");
	must_fail(lead_on, "more than 1000 pages without an entry");
	must_fail(give_photos, "more entries than the 10 that were asked for");
}

static void
count_entries(void **state)
{
	struct ldap_pages p = {.entries = LDAP_ENTRIES_MAX - 1};

	(void)state;
	ldap_pages_entry(&p, "CN=a");
	assert_null(ldap_pages_turn(&p, false));
	ldap_pages_entry(&p, "CN=b");
	assert_non_null(ldap_pages_turn(&p, false));
}

/* The entries of the outer search, while the inner one is answered. */
static void
overfill(struct talk *t)
{
	struct talk outer = *t;

	if (t->asked == 0) {
		(void)send_entry(t, "CN=0", "member", 1, 8);
		return;
	}
	outer.msgid = 1;
	for (int i = 1; i < 1000; i++)
		(void)send_entry(&outer, "CN=more", "member", 1, 8);
	send_end(t, NULL);
}

static void
nothing_piles_up(void **state)
{
	struct client *c = client_open(overfill);

	(void)state;
	c->nested = true;
	assert_int_equal(search(c), -1);
	assert_non_null(strstr(c->err.text, "more entries than the 10 that were asked for"));
	client_close(c);
}

/* ---- ranges ---- */

/* The first entry says RANGE; what is asked for then is answered by NAME with N values. */
static void
give_range(struct talk *t, const char *range, const char *name, size_t n)
{
	(void)send_entry(t, "CN=group", t->asked ? name : range, t->asked ? n : 1, 8);
	send_end(t, t->asked ? NULL : "");
}

static void
wrap(struct talk *t)
{
	give_range(t, "member;range=0-18446744073709551615", "", 0);
}

static void
odd_piece(struct talk *t)
{
	give_range(t, "member;range=0-1", "member;range=0-x", 1);
}

static void
empty_piece(struct talk *t)
{
	give_range(t, "member;range=0-1", t->attr, t->asked % 2 ? 2 : 0);
}

static void
full_piece(struct talk *t)
{
	give_range(t, "member;range=0-1", t->attr, 3);
}

static void
first_piece(struct talk *t)
{
	give_range(t, "member;range=0-1", "member;range=0-1", 2);
}

static void
whole_and_piece(struct talk *t)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	ber_printf(ber, "{it{s{{s[s]}{s[s]}}}}", t->msgid, LDAP_RES_SEARCH_ENTRY, "CN=group",
	    "member", "CN=a", "Member;range=0-*", "CN=b");
	(void)send_ber(t, ber);
	send_end(t, "");
}

static void
ranges_end(void **state)
{
	(void)state;
	must_fail(wrap, "malformed entry");
	must_fail(odd_piece, "malformed entry");
	must_fail(empty_piece, "changed again and again");
	must_fail(full_piece, "more values than the range that it names");
	must_fail(first_piece, "changed again and again");
	must_fail(whole_and_piece, "malformed entry");
}

static void
count_values(void **state)
{
	struct ldap_values v = {0}, w = {0}, x = {0};

	(void)state;
	assert_null(ldap_values_more(&v, 0, 1499, 1500, 240000));
	assert_null(ldap_values_more(&v, 1500, 2999, 1500, 240000));
	assert_non_null(ldap_values_more(&v, 3000, 3999, 1000, LDAP_VALUES_OCTETS_MAX));
	assert_null(ldap_values_more(&w, 0, LDAP_VALUES_MAX - 1, LDAP_VALUES_MAX, 0));
	assert_non_null(ldap_values_more(&w, 0, 1, 1, 1));
	assert_non_null(ldap_values_more(&x, LDAP_VALUES_MAX, LDAP_VALUES_MAX, 1, 1));
	assert_non_null(ldap_values_more(&x, 5, 4, 1, 1));
}

/* ---- time ---- */

static void
pause_ms(long ms)
{
	const struct timespec t = {.tv_nsec = ms * 1000000};

	(void)nanosleep(&t, NULL);
}

/* An octet now and then: never silence, and never an answer. */
static void
trickle(struct talk *t)
{
	static const char head[] = "\x30\x84\x00\x0f\xff\xff";

	if (!send_octets(t, head, sizeof head - 1))
		return;
	while (send_octets(t, "x", 1))
		pause_ms(2);
}

/* Answers to what nobody asked, without end. */
static void
chatter(struct talk *t)
{
	t->msgid = 9999;
	while (send_entry(t, "CN=odd", "member", 1, 8))
		;
}

static void
references(struct talk *t)
{
	for (;;) {
		BerElement *ber = ber_alloc_t(LBER_USE_DER);

		ber_printf(ber, "{it{s}}", t->msgid, LDAP_RES_SEARCH_REFERENCE, "ldap://x/DC=x");
		if (!send_ber(t, ber))
			return;
	}
}

static void
answers_end(void **state)
{
	const int64_t waited_ms = LDAP_PATIENCE * TIMEOUT_MS - 50;

	(void)state;
	must_fail_after(waited_ms, 0, trickle, "an answer has no end");
	must_fail_after(0, LDAP_ANSWER_MAX - (1 << 20), chatter, "an answer has no end");
	must_fail(references, "more than 10000 references");
}

static void
patience(void **state)
{
	(void)state;
	assert_int_equal(ldap_bounds_patience_ms(30000, 0), 600000);
	/* A page of 1,000 photos of 100 KiB at 64 KiB a second takes 1,600 s. */
	assert_true(ldap_bounds_patience_ms(30000, 100U << 20) > 1600000);
	assert_int_equal(ldap_bounds_patience_ms(30000, UINT64_MAX), 600000 + 3600000);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(large_before_the_bind),
	    cmocka_unit_test(large_after_the_bind), cmocka_unit_test(large_entries_pass),
	    cmocka_unit_test(pages_end), cmocka_unit_test(count_entries),
	    cmocka_unit_test(nothing_piles_up), cmocka_unit_test(ranges_end),
	    cmocka_unit_test(count_values), cmocka_unit_test(answers_end),
	    cmocka_unit_test(patience)};

	return cmocka_run_group_tests_name("ldap_bounds", tests, NULL, NULL);
}
