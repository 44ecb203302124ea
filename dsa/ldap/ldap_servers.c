/* SPDX-License-Identifier: MIT */
#include "dsa/ldap/ldap_servers.h"

#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a server that is busy is left alone. */
#define FIRST_REST_MS 1000
#define LAST_REST_MS 30000
/* The least that is told of a server's failure. */
#define LEAST_SHARE 96

/* The reasons of the servers tried, as one error. */
struct failures {
	struct err worst; /* of all, what may be tried again soonest decides */
	size_t tried, share, used;
	char text[sizeof(((struct err *)NULL)->text)];
};

/* The text was cut, perhaps within a character. */
static void
drop_last_character(struct failures *f)
{
	while (f->used && (f->text[f->used - 1] & 0xC0) == 0x80)
		f->used--;
	if (f->used)
		f->used--;
	f->text[f->used] = '\0';
}

static void
add_failure(struct failures *f, const char *url, const struct err *err)
{
	size_t room = sizeof f->text - f->used, start = f->used;
	int n;

	if (f->tried++ == 0 || err->retry > f->worst.retry)
		f->worst = *err;
	if (room < 32)
		return;
	n = snprintf(f->text + f->used, room < f->share ? room : f->share, "%s%s: %s",
	    f->used ? "; " : "", url, err->text);
	if (n < 0)
		return;
	f->used += strlen(f->text + f->used);
	if ((size_t)n > f->used - start)
		drop_last_character(f);
}

static int
all_failed(const struct failures *f, struct err *err)
{
	*err = f->worst;
	memcpy(err->text, f->text, sizeof err->text);
	return -1;
}

static bool
same(const char *url, const char *other)
{
	return other && strcmp(url, other) == 0;
}

/* The order in which servers are tried: 0 the last used, 1 the others, 2 the one that stopped
 * answering. */
static int
turn(const struct ldap_servers *v, const char *url)
{
	if (v->returning)
		return 0;
	if (same(url, v->avoid_url))
		return 2;
	return same(url, v->last_url) ? 0 : 1;
}

/* True, with ERR, while the server at URL is left alone. */
static bool
is_resting(const struct ldap_servers *v, const char *url, int64_t now_ms, struct err *err)
{
	int64_t left = v->rest_until_ms - now_ms;

	if (v->rest_ms == 0 || left <= 0 || !same(url, v->avoid_url))
		return false;
	(void)err_set(err, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_BUSY,
	    "the server is busy: it is asked again in %lld ms", (long long)left);
	return true;
}

static int
try_server(struct ldap_servers *v, const char *url, ldap_servers_open_fn *open, void *arg,
    bool *final, struct err *err)
{
	free(v->url);
	v->url = strdup(url);
	v->rested = false;
	return v->url ? open(url, arg, final, err) : err_nomem(err);
}

/* The server at URL is in use. */
static void
remember(struct ldap_servers *v, const char *url, int64_t now_ms)
{
	free(TAKE(v->avoid_url));
	/* Without memory the order of preference is lost, nothing else. */
	free(v->last_url);
	v->last_url = strdup(url);
	v->opened_ms = now_ms;
	v->returning = false;
}

int
ldap_servers_open(struct ldap_servers *v, const char *const *urls, size_t n, int64_t now_ms,
    ldap_servers_open_fn *open, void *arg, struct err *err)
{
	struct failures f = {.share = n ? (sizeof f.text - 1) / n : 0};

	if (f.share < LEAST_SHARE)
		f.share = LEAST_SHARE;
	for (int t = 0; t <= 2; t++) {
		for (size_t i = 0; i < n; i++) {
			bool final = false;

			if (turn(v, urls[i]) != t)
				continue;
			if (!is_resting(v, urls[i], now_ms, err) &&
			    try_server(v, urls[i], open, arg, &final, err) == 0) {
				remember(v, urls[i], now_ms);
				return 0;
			}
			add_failure(&f, urls[i], err);
			if (final)
				return all_failed(&f, err);
		}
	}
	return all_failed(&f, err);
}

void
ldap_servers_avoid(struct ldap_servers *v)
{
	free(v->avoid_url);
	v->avoid_url = v->url ? strdup(v->url) : NULL;
}

void
ldap_servers_answered(struct ldap_servers *v, bool busy, int64_t now_ms)
{
	if (!busy)
		v->rest_ms = 0;
	/* All that are under way together are answered so: that is once. */
	if (!busy || v->rested)
		return;
	v->rested = true;
	v->rest_ms = v->rest_ms == 0 ? FIRST_REST_MS : v->rest_ms * 2;
	if (v->rest_ms > LAST_REST_MS)
		v->rest_ms = LAST_REST_MS;
	v->rest_until_ms = now_ms + v->rest_ms;
}

bool
ldap_servers_may_return(
    const struct ldap_servers *v, const char *first, int after_s, int64_t now_ms)
{
	return after_s && v->url && !same(first, v->url) &&
	       now_ms - v->opened_ms >= (int64_t)after_s * 1000;
}

void
ldap_servers_return(struct ldap_servers *v)
{
	v->returning = true;
}

void
ldap_servers_done(struct ldap_servers *v)
{
	free(v->url);
	free(v->last_url);
	free(v->avoid_url);
	*v = (struct ldap_servers){0};
}
