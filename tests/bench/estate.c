/* SPDX-License-Identifier: MIT */
/*
 * galsync's own share of synchronizations of N users: both forests are in this process, behind a
 * server that answers at once, so that what is left is our own. Prints "NAME VALUE" lines for
 *
 *   full       the first full synchronization: every counterpart is made
 *   unchanged  a full one that finds nothing to do
 *   percent    a delta of 1 % changed titles
 *   idle       a delta of nothing
 *   restart    opening the map, and a delta of nothing
 *
 * and of each
 *
 *   own_us     CPU without the servers', in microseconds for each user; of idle and restart in all
 *   requests   of both servers, reads and changes
 *   heap_kib   anonymous memory beyond that before, or, if it is more then (the servers hold what
 *              was made), after it: an upper bound of which the servers' own part is in
 *   octets     written to files for each user; of idle and restart in all
 *
 *   estate DIR USERS
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "dsa/base/str.h"
#include "dsa/jobs/sync.h"
#include "tests/bench/meter.h"
#include "tests/support/fakedir.h"

#define ACME "DC=acme,DC=example"
#define GLOBEX "DC=globex,DC=example"
#define DATABASE "CN=DB1,CN=Configuration," GLOBEX
#define HOME "/o=Globex/ou=First/cn=Configuration/cn=Servers/cn=EX1"
#define WINDOW 64
#define SAMPLE_NS 5000000

static struct {
	const char *dir;
	unsigned users;
	struct fakedir *fd[SIDES];
	struct conf *conf;
	struct store *store;
	struct shared_feeds *feeds;
	struct meter meter;
} bench;

static void
die(const char *what, const struct err *err)
{
	(void)fprintf(stderr, "estate: %s: %s\n", what, err ? err->text : "no memory");
	exit(1);
}

/* ---- the forests ---- */

/* TEXT with N in the place of its "#". */
static void
add_attr(struct entry *e, const char *attr, const char *text, unsigned n)
{
	size_t before = strcspn(text, "#");
	_cleanup_(free) char *value =
	    text[before] ? str_printf("%.*s%u%s", (int)before, text, n, text + before + 1)
			 : strdup(text);

	if (!value || entry_add_str(e, attr, value) < 0)
		die(attr, NULL);
}

static const struct {
	const char *attr, *text;
} user_attrs[] = {{"objectClass", "user"}, {"sAMAccountName", "u#"},
    {"userPrincipalName", "u#@acme.example"}, {"displayName", "Someone Number #"},
    {"givenName", "Someone"}, {"sn", "Number #"}, {"mailNickname", "u#"},
    {"mail", "someone.#@acme.example"}, {"proxyAddresses", "SMTP:someone.#@acme.example"},
    {"proxyAddresses", "smtp:u#@acme.example"}, {"proxyAddresses", "smtp:u#@redirect.acme.example"},
    {"legacyExchangeDN", "/o=Acme/ou=First/cn=Recipients/cn=u#"},
    {"msExchHomeServerName", "/o=Acme/ou=First/cn=Configuration/cn=Servers/cn=EX1"},
    {"msExchRecipientTypeDetails", "1"}, {"msExchRecipientDisplayType", "1073741824"},
    {"msExchVersion", "88218628259840"}, {"title", "Clerk of grade #"},
    {"department", "Department of things"}, {"company", "Acme Incorporated"},
    {"physicalDeliveryOfficeName", "Room #"}, {"telephoneNumber", "+1 555 #"},
    {"mobile", "+1 556 #"}, {"facsimileTelephoneNumber", "+1 557 #"},
    {"streetAddress", "# Long Street"}, {"l", "Springfield"}, {"st", "Ohio"},
    {"postalCode", "12345"}, {"c", "US"}, {"co", "United States"}, {"countryCode", "840"}};

static void
add_user(unsigned n)
{
	_cleanup_(free) char *dn = str_printf("CN=Someone %u,OU=Staff," ACME, n);
	_cleanup_(entry_free) struct entry *e = dn ? entry_new(dn) : NULL;

	if (!e)
		die("users", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(user_attrs); i++)
		add_attr(e, user_attrs[i].attr, user_attrs[i].text, n);
	if (n > 100)
		add_attr(e, "manager", "CN=Someone #,OU=Staff," ACME, n % 100);
	if (fakedir_add(bench.fd[SOURCE], e) < 0)
		exit(1);
}

static void
make_forests(void)
{
	bench.fd[SOURCE] = fakedir_new("acme", ACME);
	bench.fd[TARGET] = fakedir_new("globex", GLOBEX);
	if (!bench.fd[SOURCE] || !bench.fd[TARGET])
		die("forests", NULL);
	if (fakedir_add_ldif(
		bench.fd[SOURCE], "dn: OU=Staff," ACME "\nobjectClass: organizationalUnit\n") < 0 ||
	    fakedir_add_ldif(bench.fd[TARGET],
		"dn: " DATABASE
		"\nobjectClass: msExchPrivateMDB\n\ndn: CN=EX1,CN=Configuration," GLOBEX
		"\nobjectClass: container\nlegacyExchangeDN: " HOME "\n") < 0)
		exit(1);
	for (int side = SOURCE; side < SIDES; side++)
		fakedir_set_window(bench.fd[side], WINDOW);
	for (unsigned n = 0; n < bench.users; n++)
		add_user(n);
}

/* ---- the configuration and the map ---- */

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, 0600) < 0) {
		perror(path);
		exit(1);
	}
}

static unsigned
map_size_mb(void)
{
	return 256 + bench.users / 32;
}

static char *
conf_text(void)
{
	static const char forest[] =
	    "{ name = \"%s\"; domain = \"%s.example\"; window = %d; auth = "
	    "{ principal = \"svc@X.EXAMPLE\"; keytab = \"keytab\"; };"
	    " mail_domains = [ \"%s.example\" ]; redirect_domain = "
	    "\"redirect.%s.example\"; }";
	struct buf b = {0};

	buf_printf(&b, "state_directory = \"%s\";\nmap_size_mb = %u;\nforests = ( ", bench.dir,
	    map_size_mb());
	buf_printf(&b, forest, "acme", "acme", WINDOW, "acme", "acme");
	buf_add_str(&b, ", ");
	buf_printf(&b, forest, "globex", "globex", WINDOW, "globex", "globex");
	buf_add_str(&b, " );\nlinks = ( { name = \"link\"; source = \"acme\"; target = \"globex\"; "
			"scopes = ( { base = \"OU=Staff," ACME "\"; target_ou = \"OU=Acme," GLOBEX
			"\"; create = \"mailbox\"; } ); mailbox = { databases = [ \"" DATABASE
			"\" ]; home_server = \"" HOME "\"; }; } );\n");
	return buf_take_str(&b);
}

static void
load_conf(void)
{
	_cleanup_(conf_errors_done) struct conf_errors e = {0};
	_cleanup_(free) char *text = conf_text();
	_cleanup_(free) char *path = str_printf("%s/galsync.conf", bench.dir);
	_cleanup_(free) char *keytab = str_printf("%s/keytab", bench.dir);

	if (!text || !path || !keytab)
		die("configuration", NULL);
	write_file(keytab, "secret");
	write_file(path, text);
	if (conf_load(path, &bench.conf, &e) < 0) {
		(void)fprintf(stderr, "estate: %s\n", e.n ? e.lines[0] : "configuration");
		exit(1);
	}
}

static void
open_map(void)
{
	struct err err;

	if (store_open(bench.dir, STORE_WRITE, map_size_mb(), &bench.store, &err) < 0 ||
	    shared_feeds_new(bench.conf, &bench.feeds, &err) < 0)
		die("map", &err);
}

static void
close_map(void)
{
	shared_feeds_free(TAKE(bench.feeds));
	store_close(TAKE(bench.store));
}

/* ---- what it takes ---- */

static uint64_t
number_in(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	uint64_t ret = 0;
	char line[256];

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, name, strlen(name)) == 0)
			ret = strtoull(line + strlen(name), NULL, 10);
	if (f)
		(void)fclose(f);
	return ret;
}

static uint64_t
anonymous_kib(void)
{
	return number_in("/proc/self/status", "RssAnon:");
}

static uint64_t
written_octets(void)
{
	return number_in("/proc/self/io", "wchar:");
}

static uint64_t
process_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static atomic_bool sampling;
static _Atomic uint64_t peak_kib, sampler_ns;

static void *
sample(void *arg)
{
	const struct timespec pause = {.tv_nsec = SAMPLE_NS};
	struct timespec t;

	while (atomic_load(&sampling)) {
		uint64_t now = anonymous_kib();

		if (now > atomic_load(&peak_kib))
			atomic_store(&peak_kib, now);
		(void)nanosleep(&pause, NULL);
	}
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	atomic_store(&sampler_ns, (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec);
	return arg;
}

static void
run_sync(bool full)
{
	const struct cycle_options opt = {0};
	const struct run_observer observer = {0};
	struct run run = {.link = conf_find_link(bench.conf, "link"),
	    .store = bench.store,
	    .work_dir = bench.dir,
	    .map_size_mb = map_size_mb(),
	    .observer = &observer};
	struct cycle_result res = {0};
	struct err err;

	for (int side = SOURCE; side < SIDES; side++) {
		run.dir[side] = meter_new(fakedir_connect(bench.fd[side]), &bench.meter);
		run.feed[side] = shared_feeds_of(
		    bench.feeds, side == SOURCE ? run.link->source : run.link->target);
		if (!run.dir[side])
			die("connection", NULL);
	}
	if (sync_run(&run, full, &opt, &res, &err) < 0)
		die("synchronization", &err);
	if (res.failed || res.conflicts || res.problems) {
		(void)fprintf(stderr, "estate: not all could be synchronized\n");
		exit(1);
	}
	for (int side = SOURCE; side < SIDES; side++)
		dir_free(run.dir[side]);
}

static uint64_t
beyond(uint64_t peak, uint64_t base)
{
	return peak > base ? peak - base : 0;
}

/* PER: users that it is divided by, 1 for all in all. */
static void
measure(const char *name, unsigned per, void (*what)(void))
{
	uint64_t heap, octets, cpu, after;
	pthread_t sampler;

	(void)malloc_trim(0);
	bench.meter = (struct meter){0};
	heap = anonymous_kib();
	atomic_store(&peak_kib, heap);
	atomic_store(&sampling, true);
	if (pthread_create(&sampler, NULL, sample, NULL) != 0)
		die("thread", NULL);
	octets = written_octets();
	cpu = process_ns();
	what();
	cpu = process_ns() - cpu;
	octets = written_octets() - octets;
	atomic_store(&sampling, false);
	(void)pthread_join(sampler, NULL);
	(void)malloc_trim(0);
	after = anonymous_kib();
	cpu -= atomic_load(&bench.meter.server_ns) + atomic_load(&sampler_ns);
	(void)printf("%s.own_us %.1f\n%s.requests %llu\n%s.entries %llu\n%s.heap_kib %llu\n"
		     "%s.octets %.0f\n",
	    name, (double)cpu / 1000 / per, name, (unsigned long long)bench.meter.requests, name,
	    (unsigned long long)bench.meter.entries, name,
	    (unsigned long long)(beyond(peak_kib, after > heap ? after : heap)), name,
	    (double)octets / per);
	(void)fflush(stdout);
}

static void
full(void)
{
	run_sync(true);
}

static void
delta(void)
{
	run_sync(false);
}

static void
restart(void)
{
	open_map();
	run_sync(false);
}

static unsigned
change_percent(void)
{
	unsigned n = bench.users / 100 ? bench.users / 100 : 1;

	for (unsigned i = 0; i < n; i++) {
		_cleanup_(free) char *dn = str_printf("CN=Someone %u,OU=Staff," ACME, i * 100);

		if (!dn || fakedir_set(bench.fd[SOURCE], dn, "title", "Promoted") < 0)
			die("title", NULL);
	}
	return n;
}

int
main(int argc, char **argv)
{
	_cleanup_(free) char *map = argc == 3 ? str_printf("%s/map.mdb", argv[1]) : NULL;
	unsigned changed;
	struct stat st;

	if (!map || !(bench.users = (unsigned)strtoul(argv[2], NULL, 10))) {
		(void)fprintf(stderr, "usage: estate DIR USERS\n");
		return 2;
	}
	bench.dir = argv[1];
	make_forests();
	load_conf();
	open_map();
	measure("full", bench.users, full);
	if (stat(map, &st) == 0)
		(void)printf("map.octets %.0f\n", (double)st.st_size / bench.users);
	delta();
	measure("unchanged", bench.users, full);
	delta();
	changed = change_percent();
	measure("percent", changed, delta);
	delta();
	measure("idle", 1, delta);
	close_map();
	measure("restart", 1, restart);
	close_map();
	conf_free(bench.conf);
	for (int side = SOURCE; side < SIDES; side++)
		fakedir_free(bench.fd[side]);
	return 0;
}
