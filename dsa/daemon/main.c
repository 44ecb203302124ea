/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "dsa/base/identity.h"
#include "dsa/base/log.h"
#include "dsa/base/output.h"
#include "dsa/base/str.h"
#include "dsa/config/conf.h"
#include "dsa/daemon/examine.h"
#include "dsa/daemon/once.h"
#include "dsa/daemon/service.h"
#include "dsa/rules/rights.h"
#include "dsa/rules/table_print.h"

#define DEFAULT_SOCKET "/run/galsync/control.sock"
#define DEFAULT_CONF GALSYNC_SYSCONFDIR "/galsync/galsync.conf"

struct options {
	const char *file, *link, *socket;
	bool check, print, rights, table, doctor, once, full, plan, verbose;
};

static void
usage(FILE *to)
{
	(void)fputs(
	    "usage: galsyncd [-c FILE] [-v] [--socket PATH]\n"
	    "       galsyncd [-c FILE] [-v] --once [--full] [--plan] [--link NAME]\n"
	    "       galsyncd [-c FILE] -t | -T [--rights | --table]\n"
	    "       galsyncd [-c FILE] --doctor [--link NAME]\n"
	    "\n"
	    "  -c, --config FILE  the configuration (default " DEFAULT_CONF ")\n"
	    "  -t, --check        check the configuration and exit\n"
	    "  -T, --print        print the effective configuration and exit\n"
	    "      --rights       print what the accounts need in each forest instead, for\n"
	    "                     delegate.sh\n"
	    "      --table        print the effective projection table of each link and kind "
	    "instead\n"
	    "      --doctor       look at both forests of each link, name everything that would "
	    "go\n"
	    "                     wrong, write nothing, and exit\n"
	    "      --socket PATH  the control socket (default " DEFAULT_SOCKET ")\n"
	    "      --once         run one cycle over each link and exit\n"
	    "      --full         read everything, not only what changed since the last cycle\n"
	    "      --plan         print the changes as LDIF, write nothing\n"
	    "      --link NAME    only this link\n"
	    "  -v, --verbose      log every decision\n"
	    "  -V, --version      print the version and exit\n"
	    "  -h, --help         print this and exit\n",
	    to);
}

static int
bad_usage(const char *what)
{
	if (what)
		(void)fprintf(stderr, "galsyncd: %s\n", what);
	usage(stderr);
	return STATUS_USAGE;
}

/* Returns -1 to go on, else the exit status. */
static int
parse(int argc, char **argv, struct options *o)
{
	enum {
		OPT_ONCE = 256,
		OPT_FULL,
		OPT_PLAN,
		OPT_LINK,
		OPT_SOCKET,
		OPT_RIGHTS,
		OPT_TABLE,
		OPT_DOCTOR
	};
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 't'}, {"print", no_argument, NULL, 'T'},
	    {"rights", no_argument, NULL, OPT_RIGHTS}, {"table", no_argument, NULL, OPT_TABLE},
	    {"doctor", no_argument, NULL, OPT_DOCTOR}, {"once", no_argument, NULL, OPT_ONCE},
	    {"full", no_argument, NULL, OPT_FULL}, {"socket", required_argument, NULL, OPT_SOCKET},
	    {"plan", no_argument, NULL, OPT_PLAN}, {"link", required_argument, NULL, OPT_LINK},
	    {"verbose", no_argument, NULL, 'v'}, {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "c:tTvVh", longs, NULL)) != -1) {
		switch (c) {
		case 'c': o->file = optarg; break;
		case 't': o->check = true; break;
		case 'T': o->print = true; break;
		case 'v': o->verbose = true; break;
		case OPT_ONCE: o->once = true; break;
		case OPT_FULL: o->full = true; break;
		case OPT_PLAN: o->plan = true; break;
		case OPT_LINK: o->link = optarg; break;
		case OPT_SOCKET: o->socket = optarg; break;
		case OPT_RIGHTS: o->rights = true; break;
		case OPT_TABLE: o->table = true; break;
		case OPT_DOCTOR: o->doctor = true; break;
		case 'V': (void)puts("galsyncd " GALSYNC_VERSION); return STATUS_DONE;
		case 'h': usage(stdout); return STATUS_DONE;
		default: return bad_usage(NULL);
		}
	}
	if (optind < argc)
		return bad_usage("there are no arguments beside options");
	if (o->check + o->print + o->doctor + o->once > 1)
		return bad_usage("give at most one of -t, -T, --doctor and --once");
	if (o->rights && !o->print)
		return bad_usage("--rights goes with -T");
	if (o->table && (!o->print || o->rights))
		return bad_usage("--table goes with -T, and not with --rights");
	if (o->socket && (o->check || o->print || o->doctor || o->once))
		return bad_usage("--socket goes with the running daemon");
	if (!o->once && (o->full || o->plan))
		return bad_usage("--full and --plan go with --once");
	if (!o->once && !o->doctor && o->link)
		return bad_usage("--link goes with --once or --doctor");
	return -1;
}

/* For people as it is; in the journal it is found by its id. */
static void
say_mistake(const char *text)
{
	if (log_to_journal())
		log_event(LOG_ERR, LOG_ID_CONFIG_BAD, NULL, "%s", text);
	else
		(void)fprintf(stderr, "%s\n", text);
}

/* Root works as the owner of the state directory, with that user's rights on everything else too.
 * *RET: what to say where these are not enough, or NULL. */
static int
take_identity(const char *file, char **ret, struct err *err)
{
	_cleanup_(conf_errors_done) struct conf_errors errors = {0};
	_cleanup_(conf_free) struct conf *conf = NULL;

	*ret = NULL;
	if (geteuid() != 0 || conf_load_public(file, &conf, &errors) < 0)
		return 0; /* its mistakes are told by the next one who reads it */
	if (identity_take(conf->state_directory, true, err) < 0)
		return -1;
	if (geteuid() != 0)
		*ret = str_printf("galsyncd works as user %lu, who owns '%s'",
		    (unsigned long)geteuid(), conf->state_directory);
	return 0;
}

typedef int print_fn(const struct conf *conf, const char *file, struct buf *ret, struct err *err);

static int
print_by(print_fn *fn, const struct conf *conf, const char *file)
{
	_cleanup_(buf_done) struct buf text = {0};
	struct err err;

	if (fn(conf, file, &text, &err) < 0) {
		(void)fprintf(stderr, "galsyncd: %s\n", err.text);
		return STATUS_FAILED;
	}
	(void)fwrite(text.data, 1, text.len, stdout);
	return STATUS_DONE;
}

/* What is valid and will not work for long. */
static void
warn_of_keytabs(const struct conf *conf, const char *file)
{
	for (size_t i = 0; i < conf->n_forests; i++) {
		_cleanup_(free) char *text = examine_keytab(conf, file, &conf->forests[i]);

		if (text)
			(void)fprintf(stderr, "%s\n", text);
	}
}

/* What is asked of the configuration alone. Returns -1 to go on. */
static int
look_at(const struct conf *conf, const struct options *o)
{
	if (o->check) {
		warn_of_keytabs(conf, o->file);
		(void)printf(
		    "%s: valid: %zu forests, %zu links\n", o->file, conf->n_forests, conf->n_links);
	} else if (o->rights || o->table)
		return print_by(o->rights ? rights_print : table_print, conf, o->file);
	else if (o->print)
		conf_print(conf, stdout);
	return o->check || o->print ? STATUS_DONE : -1;
}

static int
run(int argc, char **argv)
{
	struct options o = {.file = DEFAULT_CONF};
	_cleanup_(conf_errors_done) struct conf_errors errors = {0};
	_cleanup_(conf_free) struct conf *conf = NULL;
	_cleanup_(free) char *as_who = NULL;
	struct err err;
	int status = parse(argc, argv, &o);

	if (status >= 0)
		return status;
	/* The wait for a silent name server ends with nothing but its time-out: resolv.conf(5). The
	 * daemon must stop within seconds, so that is short unless the environment says otherwise.
	 */
	(void)setenv("RES_OPTIONS", "timeout:1 attempts:2", 0);
	/* Few arenas and an eager trim keep the process as small as its working data. */
	(void)mallopt(M_ARENA_MAX, 2);
	log_init();
	output_guard(OUTPUT_TEXT);
	log_set_level(o.verbose ? LOG_DEBUG : LOG_INFO);
	if (take_identity(o.file, &as_who, &err) < 0) {
		say_mistake(err.text);
		return STATUS_FAILED;
	}
	if (conf_load(o.file, &conf, &errors) < 0) {
		for (size_t i = 0; i < errors.n; i++)
			say_mistake(errors.lines[i]);
		if (as_who)
			say_mistake(as_who);
		return STATUS_FAILED;
	}
	status = look_at(conf, &o);
	if (status >= 0)
		return status;
	if (o.doctor)
		return (int)examine_run(conf, o.file, o.link);
	if (o.once)
		return (int)once_run(conf, o.link, o.full, o.plan);
	return service_run(o.file, TAKE(conf), o.socket ? o.socket : DEFAULT_SOCKET);
}

/* A plan or a summary that could not be written must not look like a success. */
int
main(int argc, char **argv)
{
	int status = run(argc, argv);
	char why[128];

	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	(void)fprintf(stderr, "galsyncd: standard output: %s\n",
	    errno ? strerror_r(errno, why, sizeof why) : "a part of it could not be written");
	return STATUS_FAILED;
}
