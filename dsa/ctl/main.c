/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <gnutls/gnutls.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/identity.h"
#include "dsa/base/output.h"
#include "dsa/base/str.h"
#include "dsa/config/conf.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/pager.h"

/* Most verbs need nothing of GnuTLS, and what it does at its start takes longer than they do. */
GNUTLS_SKIP_GLOBAL_INIT

#define DEFAULT_CONF GALSYNC_SYSCONFDIR "/galsync/galsync.conf"

#define DEFAULT_SOCKET "/run/galsync/control.sock"

struct verb {
	const char *name, *args, *what;
	ctl_verb *run;
	bool daemon; /* talks to the running daemon and does not read the map */
};

static const struct verb verbs[] = {
    {"status", "[LINK] [--check | --metrics[=FILE]]", "counts, and how the last cycle ended",
	ctl_verb_status, false},
    {"list",
	"[LINK] [--state STATE] [--kind KIND] [--active SIDE] [--ou DN] [--wave ID] "
	"[--columns NAME,...] [--sort NAME] [-o table|csv|json] | --held",
	"the correspondences, a line each", ctl_verb_list, false},
    {"show", "WHO", "everything the map knows of one correspondence", ctl_verb_show, false},
    {"map", "lookup WHO | export [LINK] [--resolved]", "the map for other programs", ctl_verb_map,
	false},
    {"map backup", "[--force] FILE", "a copy of the map, while the daemon writes it",
	ctl_verb_map_backup, false},
    {"map check", "", "is the map whole?", ctl_verb_map_check, false},
    {"map rebuild", "[LINK] [--plan]", "make it anew from the directories alone", ctl_verb_rebuild,
	true},
    {"conflicts", "[LINK] [--resolved]", "objects that wait for a decision of yours",
	ctl_verb_conflicts, false},
    {"conflicts resolve", "WHO --with TARGET | --create | --ignore; --file FILE",
	"decide about one of them", ctl_verb_resolve, true},
    {"conflicts reopen", "WHO", "take that back", ctl_verb_resolve, true},
    {"history", "WHO | --cycle N | --wave N | --since TIME [LINK]",
	"what was written, when, and why", ctl_verb_history, false},
    {"report", "--html FILE | --csv FILE [--since TIME]", "where the migration stands, as one file",
	ctl_verb_report, false},
    {"watch", "", "what the daemon is doing, live", ctl_verb_watch, true},
    {"resync", "[LINK] [--object WHO]", "synchronize everything, or one object, now",
	ctl_verb_resync, true},
    {"plan", "[LINK] [--object WHO] [--save FILE] [-o ldif|diff|csv|json]",
	"what a synchronization would change", ctl_verb_plan, true},
    {"apply", "FILE", "make exactly the changes of a plan that was saved", ctl_verb_apply, true},
    {"switch", "[--dry-run] [--force] [--link LINK] [--file FILE] [WHO...]",
	"mail goes to the target's mailbox from now on", ctl_verb_turn, true},
    {"undo-switch", "[--dry-run] [--link LINK] [--file FILE] [WHO...]", "and back to the source's",
	ctl_verb_turn, true},
    {"proxy-toggle", "[--dry-run] [WHO...] | --sweep", "have a delta write what was lost",
	ctl_verb_toggle, true},
    {"wave",
	"FILE | --group DN | --ou DN | --filter FILTER --at TIME | --dry-run [--name NAME] "
	"[--undo | --force] [LINK]",
	"switch those of FILE at TIME", ctl_verb_wave, true},
    {"wave suggest", "[--group DN | --ou DN | --filter FILTER | --file FILE] [--csv FILE] [LINK]",
	"who must move together", ctl_verb_wave_suggest, true},
    {"wave list", "[LINK]", "the waves, planned and past", ctl_verb_wave_list, false},
    {"wave show", "ID", "what became of each mailbox of a wave", ctl_verb_wave_show, false},
    {"wave check", "ID", "could its mailboxes be turned now?", ctl_verb_wave, true},
    {"wave cancel", "ID", "do not begin it, or not go on with it", ctl_verb_wave, true},
    {"wave reschedule", "ID --at TIME", "give it another time", ctl_verb_wave, true},
    {"verify", "[--move-ready] [WHO...]", "is everything as it must be, on both sides, now?",
	ctl_verb_verify, true},
    {"trace", "ADDRESS [--from FOREST]", "the way of a mail through both organizations",
	ctl_verb_trace, true},
    {"explain", "WHO [ATTRIBUTE] [--html]",
	"why an object is, or is not, in the other address list", ctl_verb_explain, true},
    {"finish", "[--plan] WHO... | --wave ID | LINK",
	"the end of coexistence: what is left of it goes", ctl_verb_finish, true},
    {"adopt", "[LINK] [--plan]", "take over the pairs of another tool", ctl_verb_adopt, true},
    {"approve", "[--link LINK] [--kind KIND] [WHO...]", "do what a limit holds", ctl_verb_decide,
	true},
    {"reject", "[--link LINK] [--kind KIND] [WHO...]", "leave it as it is", ctl_verb_decide, true},
    {"undo", "[--plan] CHANGE | --cycle N | --wave ID | WHO", "take back what was written",
	ctl_verb_undo, true},
    {"client", "WHO --result ok|failed [--link LINK] [--machine NAME] [--text TEXT]",
	"what became of a user's profile on a computer", ctl_verb_client, true},
    {"pause", "[LINK]", "no more cycles after the one under way", ctl_verb_pause, true},
    {"resume", "[LINK]", "go on", ctl_verb_pause, true},
};

/* Does ARGV begin with the words of NAME? How many these are, or 0. */
static int
names_verb(const char *name, int argc, char **argv)
{
	size_t len = strcspn(name, " ");

	if (!argc || strncmp(argv[0], name, len) != 0 || argv[0][len])
		return 0;
	if (!name[len])
		return 1;
	return argc > 1 && strcmp(argv[1], name + len + 1) == 0 ? 2 : 0;
}

/* The one that takes most words of ARGV, or NULL. */
static const struct verb *
find_verb(int argc, char **argv)
{
	const struct verb *best = NULL;
	int words = 0;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		int n = names_verb(verbs[i].name, argc, argv);

		if (n > words) {
			best = &verbs[i];
			words = n;
		}
	}
	return best;
}

static void
usage(FILE *to)
{
	(void)fputs("usage: galsyncctl [--json] [--raw] [--quiet] [--no-pager] [--socket PATH] "
		    "[-c FILE | --state-directory DIR] VERB ...\n       galsyncctl VERB -h\n\n",
	    to);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		bool fits = strlen(verbs[i].args) <= 28;

		(void)fprintf(to, "  %-13s %-28s%s%*s%s\n", verbs[i].name, verbs[i].args,
		    fits ? " " : "\n", fits ? 0 : 45, "", verbs[i].what);
	}
	(void)fputs("\nWHO is an alias, an address, a DN, a GUID or a SID; of explain also "
		    "any name.\n",
	    to);
}

/* Does ARGV ask for help of a verb? */
static bool
wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

/* What the verb takes, and those that begin with its words. */
static void
print_help(const struct verb *verb)
{
	size_t len = strlen(verb->name);

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		const struct verb *v = &verbs[i];

		if (strncmp(v->name, verb->name, len) == 0 &&
		    (!v->name[len] || v->name[len] == ' '))
			(void)printf("galsyncctl %s%s%s\n    %s\n", v->name, *v->args ? " " : "",
			    v->args, v->what);
	}
	(void)puts("See galsyncctl(8).");
}

/* Long texts for people. */
static bool
is_paged(const struct verb *verb)
{
	static ctl_verb *const paged[] = {ctl_verb_list, ctl_verb_show, ctl_verb_history,
	    ctl_verb_conflicts, ctl_verb_wave_list, ctl_verb_wave_show};

	for (size_t i = 0; i < ARRAY_SIZE(paged); i++)
		if (verb->run == paged[i])
			return true;
	return false;
}

/* What is printed is JSON, and goes another way, before a verb reads its options. */
static bool
lists_json(const struct verb *verb, int argc, char **argv)
{
	for (int i = 1; verb->run == ctl_verb_list && i + 1 < argc; i++)
		if (strcmp(argv[i], "-o") == 0 && strcmp(argv[i + 1], "json") == 0)
			return true;
	return false;
}

struct options {
	const char *file, *state, *socket;
	bool json, raw, quiet, no_pager;
};

/* Returns -1 to go on with optind at the verb, else the exit status. */
static int
parse(int argc, char **argv, struct options *o)
{
	enum { OPT_JSON = 256, OPT_RAW, OPT_QUIET, OPT_NO_PAGER, OPT_STATE, OPT_SOCKET };
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
	    {"json", no_argument, NULL, OPT_JSON}, {"raw", no_argument, NULL, OPT_RAW},
	    {"quiet", no_argument, NULL, OPT_QUIET}, {"no-pager", no_argument, NULL, OPT_NO_PAGER},
	    {"state-directory", required_argument, NULL, OPT_STATE},
	    {"socket", required_argument, NULL, OPT_SOCKET}, {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int c;

	/* "+": options behind the verb are the verb's. */
	while ((c = getopt_long(argc, argv, "+c:Vh", longs, NULL)) != -1) {
		switch (c) {
		case 'c': o->file = optarg; break;
		case OPT_JSON: o->json = true; break;
		case OPT_RAW: o->raw = true; break;
		case OPT_QUIET: o->quiet = true; break;
		case OPT_NO_PAGER: o->no_pager = true; break;
		case OPT_STATE: o->state = optarg; break;
		case OPT_SOCKET: o->socket = optarg; break;
		case 'V': (void)puts("galsyncctl " GALSYNC_VERSION); return CTL_DONE;
		case 'h': usage(stdout); return CTL_DONE;
		default: usage(stderr); return CTL_USAGE;
		}
	}
	if (optind < argc)
		return -1;
	usage(stderr);
	return CTL_USAGE;
}

/* Removes what is of all verbs from the verb's arguments, where people put it too. */
static int
take_common(int argc, char **argv, struct options *o)
{
	int n = 0;

	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			o->json = true;
		else if (strcmp(argv[i], "--raw") == 0)
			o->raw = true;
		else if (strcmp(argv[i], "--quiet") == 0)
			o->quiet = true;
		else if (strcmp(argv[i], "--no-pager") == 0)
			o->no_pager = true;
		else
			argv[n++] = argv[i];
	return n;
}

static enum ctl_status
run_verb(ctl_verb *verb, struct ctl *c, const char *state, int argc, char **argv)
{
	_cleanup_(store_close) struct store *store = NULL;
	enum ctl_status status;
	struct err err;
	int rc;

	/* Only to open it: what a verb writes, it writes as who asked for it. */
	if (identity_take(state, false, &err) < 0)
		return ctl_fail(&err);
	rc = store_open(state, STORE_READ, 0, &store, &err);
	identity_return();
	if (rc < 0) {
		if (err.src == ERR_SYS && err.code == ENOENT)
			(void)err_ctx(&err, "galsyncd makes it in its first cycle");
		if (err.src == ERR_SYS && err.code == EACCES)
			(void)err_ctx(&err, "root and the group galsync may read it");
		(void)ctl_fail(&err);
		/* The daemon may know more. */
		return verb == ctl_verb_status ? verb(c, argc, argv) : CTL_FAILED;
	}
	c->store = store;
	if (ctl_output_begin(c, &err) < 0) {
		store_abort(TAKE(c->txn));
		return ctl_fail(&err);
	}
	status = verb(c, argc, argv);
	if (ctl_output_end(c, &err) < 0)
		status = ctl_fail(&err);
	store_abort(TAKE(c->txn));
	return status;
}

/* A verb that reads the map. Of the configuration it needs to know where that is, and no more: a
 * mistake elsewhere in it is no reason to say nothing, least of all why the daemon refuses it. */
static enum ctl_status
run_map_verb(const struct verb *verb, struct ctl *c, const struct options *o, int argc, char **argv)
{
	_cleanup_(conf_errors_done) struct conf_errors mistakes = {0};
	_cleanup_(free) char *state = NULL;
	enum ctl_status status = CTL_FAILED;
	size_t mistakes_told = 0;

	if (o->state)
		return run_verb(verb->run, c, o->state, argc, argv);
	c->file = o->file;
	c->mistakes = &mistakes;
	if (conf_load_state_directory(o->file, &state, &mistakes) == 0 || state)
		status = run_verb(verb->run, c, state, argc, argv);
	else if (verb->run == ctl_verb_status)
		status = verb->run(c, argc, argv);
	/* What could not be opened may be another map than the one that is meant. A status has the
	 * first mistake, and fails for what it tells. */
	if (verb->run == ctl_verb_status && c->store)
		mistakes_told = mistakes.n;
	for (size_t i = mistakes_told; status == CTL_FAILED && i < mistakes.n; i++)
		(void)fprintf(stderr, "%s\n", mistakes.lines[i]);
	c->mistakes = NULL;
	return status;
}

static int
run(int argc, char **argv)
{
	struct options o = {.file = DEFAULT_CONF, .socket = DEFAULT_SOCKET};
	struct ctl c = {0};
	const struct verb *verb;
	int status = parse(argc, argv, &o);

	if (status >= 0)
		return status;
	argc = take_common(argc - optind, argv + optind, &o);
	argv += optind;
	c.quiet = o.quiet;
	c.socket = o.socket;
	verb = find_verb(argc, argv);
	if (verb && wants_help(argc, argv)) {
		print_help(verb);
		return CTL_DONE;
	}
	c.json = o.json |= verb && lists_json(verb, argc, argv);
	if (verb && is_paged(verb) && !o.json && !o.no_pager)
		pager_begin();
	output_guard(o.raw ? OUTPUT_RAW : o.json ? OUTPUT_JSON : OUTPUT_TEXT);
	if (!verb)
		return (int)ctl_usage("no verb '%s'", argc ? argv[0] : "");
	/* JSON has no room for it: a name would be left out in silence. */
	for (int i = 1; i < argc; i++)
		if (!utf8_valid(bytes_of(argv[i])))
			return (int)ctl_usage("'%s' is not UTF-8", argv[i]);
	if (verb->daemon)
		return (int)verb->run(&c, argc, argv);
	return (int)run_map_verb(verb, &c, &o, argc, argv);
}

/* An export that was cut short must not look like a whole one. */
int
main(int argc, char **argv)
{
	char why[128];
	int status;

	/* The daemon may hang up while a request is written. */
	(void)signal(SIGPIPE, SIG_IGN);
	status = run(argc, argv);
	if (pager_runs()) {
		pager_end();
		return status;
	}
	errno = 0;
	/* A verb that failed has said why. */
	if ((fflush(stdout) == 0 && !ferror(stdout)) || status == CTL_FAILED)
		return status;
	(void)fprintf(stderr, "galsyncctl: standard output: %s\n",
	    errno ? strerror_r(errno, why, sizeof why) : "a part of it could not be written");
	return CTL_FAILED;
}
