/* SPDX-License-Identifier: MIT */

/*
 * The LDAP directory as a whole: which server, what is known of the forest, and the life of the
 * session. The layers below are listed in ldap_priv.h.
 *
 * Servers. They are tried in the configured order (or as DNS lists them), with two exceptions: the
 * server used last comes first, because replication makes others lag behind what we wrote there,
 * and a server that stopped answering comes last. A bind that is refused for the password ends the
 * attempt at once: every other server would refuse it too, and count it towards the account's
 * lock-out.
 *
 * What is refused: a server of another domain than the configured one (or than last time), one
 * that has not finished its first replication (its data prove nothing), and for writing a read-only
 * one.
 *
 * A server that answers "busy" or "unavailable" is left as soon as nothing is under way, for
 * another one if there is any. If it said so to changes, it is left alone for a while, longer each
 * time until it takes one; open() fails meanwhile, so that whoever tries again goes by the usual
 * pauses. Without that, each attempt would find an open session, and the attempts would be over in
 * no time.
 *
 * Sessions. A session ends when the connection breaks, when nothing comes for the configured
 * time-out, when cancel() is called, and by close(). All but close() leave the directory ready to
 * open another one at the next call, whichever that is. Changes under way are reported as unknown,
 * by the next submit() or process(), or by close() itself. The facts in dir_info may change with
 * the server then; a string stays valid as long as its text stays the same, or until the next
 * session. The schema is read once and kept until close().
 *
 * Time. No wait is longer than connect_timeout_ms (connection, TLS and bind together, for each
 * server) or timeout_ms (silence while an answer is due), but for name resolution and Kerberos,
 * whose libraries have time-outs of their own, up to half a minute. cancel() ends every wait but
 * that for a name: the daemon makes that short with RES_OPTIONS.
 *
 * Environment. libldap would read ldap.conf, ldaprc in the working directory and LDAP* variables;
 * all that matters is set for each session, so they have no say but in the system's CA file.
 */

#include "dsa/ldap/ldap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"
#include "dsa/directory/schema.h"
#include "dsa/ldap/discover.h"
#include "dsa/ldap/ldap_priv.h"

/* How long a server that is busy is left alone. */
#define FIRST_REST_MS 1000
#define LAST_REST_MS 30000
#define CAPABILITY_READ_ONLY_DC "1.2.840.113556.1.4.1920"

enum fact { FACT_SERVER, FACT_DOMAIN, FACT_CONFIG, FACT_SCHEMA, FACT_DNS, FACT_INVOCATION };

/* Takes TEXT (NULL: no memory) over, unless it says what is known already. */
static int
set_fact(struct ldap_dir *d, enum fact f, char *text)
{
	if (!text)
		return -1;
	if (d->facts[f] && strcmp(d->facts[f], text) == 0) {
		free(text);
		return 0;
	}
	free(d->facts[f]);
	d->facts[f] = text;
	return 0;
}

static void
publish_facts(struct ldap_dir *d)
{
	d->info.server = d->facts[FACT_SERVER];
	d->info.domain_dn = d->facts[FACT_DOMAIN];
	d->info.config_dn = d->facts[FACT_CONFIG];
	d->info.schema_dn = d->facts[FACT_SCHEMA];
	d->info.domain_dns = d->facts[FACT_DNS];
	d->info.invocation_id = d->facts[FACT_INVOCATION];
	d->info.tls = d->tls;
}

static int
unfit(struct err *err, enum err_retry retry, const char *why)
{
	return err_set(
	    err, ERR_LDAP, retry == ERR_NEVER ? ERR_LINK : ERR_PEER, retry, 0, "%s", why);
}

/* Is the server of ROOT one that we may work with? */
static int
check_server(struct ldap_dir *d, const struct entry *root, struct err *err)
{
	const struct attr *capabilities = entry_find(root, "supportedCapabilities");
	const char *domain_dn = entry_get_str(root, "defaultNamingContext");
	_cleanup_(free) char *domain = domain_dn ? dn_to_dns_domain(domain_dn) : NULL;

	if (!domain_dn || !entry_get_str(root, "schemaNamingContext") ||
	    !entry_get_str(root, "configurationNamingContext"))
		return unfit(err, ERR_LATER, "this is no Active Directory domain controller");
	if (!domain)
		return err_nomem(err);
	if (d->conf->domain && !str_equal_nocase(domain, d->conf->domain))
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "this is a domain controller of '%s', not of '%s'", domain, d->conf->domain);
	if (d->facts[FACT_DOMAIN] && !dn_equal(d->facts[FACT_DOMAIN], domain_dn))
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "this is a domain controller of '%s', the servers before were of '%s'",
		    domain_dn, d->facts[FACT_DOMAIN]);
	if (entry_find(root, "isSynchronized") && !entry_get_bool(root, "isSynchronized"))
		return unfit(err, ERR_LATER, "its first replication is not finished");
	if (!d->read_only && capabilities &&
	    attr_has(capabilities, bytes_of(CAPABILITY_READ_ONLY_DC), false))
		return unfit(err, ERR_LATER, "it is a read-only domain controller");
	return 0;
}

/* The id of the database instance of the DC whose settings are at NAME: "" if it is not to be read,
 * which only those miss who follow update sequence numbers. */
static int
read_invocation(struct ldap_dir *d, const char *name, char ret[GUID_TEXT_SIZE], struct err *err)
{
	static const char *const attrs[] = {"invocationId", NULL};
	_cleanup_(entry_free) struct entry *e = NULL;
	struct guid id;

	ret[0] = '\0';
	if (!name)
		return 0;
	/* "Busy" is no answer: without the id, the database would pass for another one. */
	if (ldap_read_once(d, name, attrs, &e, err) < 0)
		return d->ld && err->scope != ERR_PEER ? 0 : -1;
	if (e && guid_from_bytes(entry_get(e, "invocationId"), &id))
		guid_format(&id, ret);
	return 0;
}

static int
count_server(struct entry *e, void *arg, struct err *err)
{
	(void)err;
	++*(unsigned *)arg;
	entry_free(e);
	return 0;
}

/* Who cannot see the settings of the DCs must reckon with others. */
static int
learn_sole(struct ldap_dir *d, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	_cleanup_(free) char *value = filter_escape(bytes_of(d->info.domain_dn));
	_cleanup_(free) char *filter =
	    value ? str_printf("(&(objectClass=nTDSDSA)(hasMasterNCs=%s))", value) : NULL;
	const struct dir_query q = {.base = d->info.config_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = attrs,
	    .limit = 2};
	unsigned n = 0;
	bool delivered;

	if (!filter)
		return err_nomem(err);
	if (ldap_search_once(d, &q, count_server, &n, &delivered, err) < 0 && !d->ld)
		return -1;
	d->info.sole = n == 1;
	return 0;
}

static int
learn_forest(struct ldap_dir *d, struct err *err)
{
	static const char *const attrs[] = {"dnsHostName", "defaultNamingContext",
	    "configurationNamingContext", "schemaNamingContext", "dsServiceName",
	    "highestCommittedUSN", "isSynchronized", "supportedCapabilities", NULL};
	_cleanup_(entry_free) struct entry *root = NULL;
	char invocation[GUID_TEXT_SIZE];
	const char *server, *domain_dn;

	if (ldap_read_once(d, "", attrs, &root, err) < 0)
		return -1;
	if (!root)
		return unfit(err, ERR_LATER, "it does not show its rootDSE");
	if (check_server(d, root, err) < 0 ||
	    read_invocation(d, entry_get_str(root, "dsServiceName"), invocation, err) < 0)
		return -1;
	server = entry_get_str(root, "dnsHostName");
	domain_dn = entry_get_str(root, "defaultNamingContext");
	if (set_fact(d, FACT_SERVER, strdup(server ? server : d->url)) < 0 ||
	    set_fact(d, FACT_DOMAIN, strdup(domain_dn)) < 0 ||
	    set_fact(d, FACT_CONFIG, strdup(entry_get_str(root, "configurationNamingContext"))) <
		0 ||
	    set_fact(d, FACT_SCHEMA, strdup(entry_get_str(root, "schemaNamingContext"))) < 0 ||
	    set_fact(d, FACT_DNS, dn_to_dns_domain(domain_dn)) < 0 ||
	    set_fact(d, FACT_INVOCATION, strdup(invocation)) < 0)
		return err_nomem(err);
	d->info.highest_usn = (uint64_t)entry_get_i64(root, "highestCommittedUSN", 0);
	publish_facts(d);
	return 0;
}

static int
take_schema_entry(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;

	if (schema_add_entry(arg, own, err) < 0)
		return err_ctx(err, "'%s'", own->dn);
	return 0;
}

static int
learn_schema(struct ldap_dir *d, struct err *err)
{
	const struct dir_query q = {.base = d->info.schema_dn,
	    .scope = DIR_ONE,
	    .filter = "(objectClass=attributeSchema)",
	    .attrs = schema_read_attrs};
	_cleanup_(schema_free) struct schema *s = NULL;
	bool delivered;

	if (d->schema)
		return 0;
	s = schema_new();
	if (!s)
		return err_nomem(err);
	if (ldap_search_once(d, &q, take_schema_entry, s, &delivered, err) < 0)
		return err_ctx(err, "schema");
	d->schema = TAKE(s);
	return 0;
}

static int
open_server(struct ldap_dir *d, const char *url, struct err *err)
{
	free(d->url);
	d->url = strdup(url);
	if (!d->url)
		return err_nomem(err);
	d->answers_late = d->busy = d->rested = d->no_dirsync = false;
	if (ldap_conn_open(d, url, err) < 0)
		return -1;
	if (learn_forest(d, err) < 0 || learn_sole(d, err) < 0 || learn_schema(d, err) < 0) {
		struct err why = *err;

		return ldap_conn_broke(d, &why, err);
	}
	d->ready = true;
	return 0;
}

/* ---- which server ---- */

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

/* A failure that the next server would repeat, at the account's expense. */
static bool
is_final(const struct ldap_dir *d, const struct err *err)
{
	return atomic_load(&d->cancelled) ||
	       (d->conf->mechanism == AUTH_SIMPLE && err->src == ERR_LDAP &&
		   err->code == LDAP_INVALID_CREDENTIALS);
}

static bool
same(const char *url, const char *other)
{
	return other && strcmp(url, other) == 0;
}

/* The order in which servers are tried: 0 the last used, 1 the others, 2 who stopped answering. */
static int
turn(const struct ldap_dir *d, const char *url)
{
	if (d->returning)
		return 0;
	if (same(url, d->avoid_url))
		return 2;
	return same(url, d->last_url) ? 0 : 1;
}

void
ldap_dir_note_answer(struct ldap_dir *d, int rc)
{
	if (rc == LDAP_SUCCESS)
		d->rest_ms = 0;
	/* All that are under way together are answered so: that is once. */
	if (!ldap_is_busy(rc) || d->rested)
		return;
	d->rested = true;
	d->rest_ms = d->rest_ms == 0 ? FIRST_REST_MS : d->rest_ms * 2;
	if (d->rest_ms > LAST_REST_MS)
		d->rest_ms = LAST_REST_MS;
	d->rest_until_ms = clock_monotonic_ms() + d->rest_ms;
}

/* Ends the session with a server that is busy. */
static void
leave_busy(struct ldap_dir *d)
{
	struct err why, ignored;

	if (!d->ready || !d->busy || d->reads || d->sent.n)
		return;
	(void)err_set(&why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_BUSY, "the server is busy");
	(void)ldap_conn_broke(d, &why, &ignored);
	d->answers_late = true;
}

/* True, with ERR, while the server at URL is left alone. */
static bool
is_resting(const struct ldap_dir *d, const char *url, struct err *err)
{
	int64_t left = d->rest_until_ms - clock_monotonic_ms();

	if (d->rest_ms == 0 || left <= 0 || !same(url, d->avoid_url))
		return false;
	(void)err_set(err, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_BUSY,
	    "the server is busy: it is asked again in %lld ms", (long long)left);
	return true;
}

static int
remember_server(struct ldap_dir *d, const char *url)
{
	char *copy = strdup(url);

	free(d->avoid_url);
	d->avoid_url = NULL;
	/* Without memory the order of preference is lost, nothing else. */
	free(d->last_url);
	d->last_url = copy;
	d->opened_ms = clock_monotonic_ms();
	d->returning = false;
	return 0;
}

static int
open_any(struct ldap_dir *d, const char *const *urls, size_t n, struct err *err)
{
	struct failures f = {.share = n ? (sizeof f.text - 1) / n : 0};

	if (f.share < 96)
		f.share = 96;
	for (int t = 0; t <= 2; t++) {
		for (size_t i = 0; i < n; i++) {
			if (turn(d, urls[i]) != t)
				continue;
			if (!is_resting(d, urls[i], err) && open_server(d, urls[i], err) == 0)
				return remember_server(d, urls[i]);
			add_failure(&f, urls[i], err);
			if (is_final(d, err))
				return all_failed(&f, err);
		}
	}
	return all_failed(&f, err);
}

/* The first server of the list is there for a reason: the nearest, the strongest. What it missed
 * while it was away it has received by then. */
static bool
is_to_return(const struct ldap_dir *d)
{
	const struct dir_conf *conf = d->conf;

	return conf->return_after_s && conf->n_servers > 1 && d->url &&
	       !same(conf->servers[0], d->url) && !d->reads && d->sent.n == 0 &&
	       clock_monotonic_ms() - d->opened_ms >= (int64_t)conf->return_after_s * 1000;
}

static int
ldap_dir_open(struct dir *dir, struct err *err)
{
	struct ldap_dir *d = ldap_dir_of(dir);
	_cleanup_(discover_free) char **found = NULL;
	const struct dir_conf *conf = d->conf;
	size_t n = 0;

	leave_busy(d);
	if (d->ready && !is_to_return(d))
		return 0;
	if (ldap_conn_check_cancel(d, err) < 0)
		return -1;
	if (d->ready) {
		ldap_conn_close(d);
		d->returning = true;
	} else if (d->url && d->answers_late) {
		free(d->avoid_url);
		d->avoid_url = strdup(d->url);
	}
	if (ldap_auth_prepare(d, err) < 0)
		return -1;
	if (conf->n_servers)
		return open_any(d, conf->servers, conf->n_servers, err);
	if (!conf->domain)
		return err_conf(err, "neither servers nor a domain are configured");
	if (discover_servers(conf->domain, conf->site, conf->tls == TLS_LDAPS, &found, err) < 0)
		return -1;
	while (found[n])
		n++;
	return open_any(d, (const char *const *)found, n, err);
}

int
ldap_dir_ensure(struct ldap_dir *d, struct err *err)
{
	if (ldap_conn_check_cancel(d, err) < 0)
		return -1;
	/* With nothing under way, what comes is the news that the server closed: AD does so after
	 * fifteen idle minutes. A change sent into that would have an unknown outcome. */
	if (d->ready && !d->reads && d->sent.n == 0) {
		struct err ignored;
		int rc;

		do
			rc = ldap_conn_pump(d, &ignored);
		while (rc > 0);
	}
	/* Only busy: the return to the preferred server waits for the next open(). */
	leave_busy(d);
	return d->ready ? 0 : ldap_dir_open(&d->dir, err);
}

/* ---- life ---- */

static const struct dir_info *
ldap_dir_info(struct dir *dir)
{
	struct ldap_dir *d = ldap_dir_of(dir);

	return d->facts[FACT_DOMAIN] ? &d->info : NULL;
}

static const struct schema *
ldap_dir_schema(struct dir *dir)
{
	return ldap_dir_of(dir)->schema;
}

static int
ldap_dir_fd(const struct dir *dir)
{
	return ((const struct ldap_dir *)dir)->epoll_fd;
}

static void
ldap_dir_cancel(struct dir *dir)
{
	struct ldap_dir *d = ldap_dir_of(dir);

	atomic_store(&d->cancelled, true);
	/* It fails only when it is readable anyway. */
	(void)eventfd_write(d->wake_fd, 1);
}

static void
ldap_dir_close(struct dir *dir)
{
	struct ldap_dir *d = ldap_dir_of(dir);

	(void)err_set(
	    &d->why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_SERVER_DOWN, "the session was closed");
	ldap_conn_close(d);
	ldap_write_report(d);
	schema_free(TAKE(d->schema));
}

static void
ldap_dir_free(struct dir *dir)
{
	struct ldap_dir *d = ldap_dir_of(dir);

	ldap_dir_close(dir);
	ldap_auth_done(d);
	for (size_t i = 0; i < ARRAY_SIZE(d->facts); i++)
		free(d->facts[i]);
	free(d->url);
	free(d->last_url);
	free(d->avoid_url);
	closep(&d->wake_fd);
	closep(&d->epoll_fd);
	free(d);
}

static const struct dir_ops ldap_dir_ops = {.open = ldap_dir_open,
    .info = ldap_dir_info,
    .schema = ldap_dir_schema,
    .search = ldap_dir_search,
    .read = ldap_dir_read,
    .changes = ldap_dir_changes,
    .watch = ldap_dir_watch,
    .woken = ldap_dir_woken,
    .usn = ldap_dir_usn,
    .submit = ldap_dir_submit,
    .process = ldap_dir_process,
    .pending = ldap_dir_pending,
    .fd = ldap_dir_fd,
    .cancel = ldap_dir_cancel,
    .close = ldap_dir_close,
    .free = ldap_dir_free};

int
ldap_dir_new(const struct dir_conf *conf, bool read_only, struct dir **ret, struct err *err)
{
	struct epoll_event ev = {.events = EPOLLIN};
	_cleanup_(dir_free) struct dir *dir = NULL;
	struct ldap_dir *d = calloc(1, sizeof *d);

	if (!d)
		return err_nomem(err);
	dir = &d->dir;
	d->dir.ops = &ldap_dir_ops;
	d->dir.name = conf->name;
	d->conf = conf;
	d->read_only = read_only;
	d->sent.end = &d->sent.first;
	d->finished.end = &d->finished.first;
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->sock.fd = -1;
	d->watch_msgid = -1;
	d->sock.wake_fd = d->wake_fd;
	if (d->epoll_fd < 0 || d->wake_fd < 0 ||
	    epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, d->wake_fd, &ev) < 0)
		return err_sys(err, errno, "set up a directory");
	*ret = TAKE(dir);
	return 0;
}
