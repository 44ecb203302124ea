/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_CTL_H
#define GALSYNC_CTL_CTL_H

/*
 * galsyncctl: one function for each verb. A verb gets the open map and its own arguments (argv[0]
 * is the verb) and returns an exit status.
 */

#include <jansson.h>
#include <stdbool.h>

#include "dsa/base/err.h"
#include "dsa/config/conf.h"
#include "dsa/view/view_held.h"
#include "mapping/store.h"

enum ctl_status {
	CTL_DONE = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_HELD = 3, /* held, or a conflict */
	CTL_UNREACHABLE = 4
};

/* Takes the next piece of a plan, which may end in the middle of a line. */
typedef int ctl_piece_fn(const char *text, void *arg, struct err *err);

struct ctl {
	bool json, quiet;    /* QUIET: no progress, also on a terminal */
	ctl_piece_fn *piece; /* NULL: a plan is printed as it comes */
	void *piece_arg;
	const char *socket;		    /* of the running daemon */
	const char *file;		    /* the configuration, NULL: it is not looked at; */
	const struct conf_errors *mistakes; /* in it */
	struct store *store;   /* NULL for the verbs that do not read the map, and where it is not
				* known */
	struct store_txn *txn; /* a read transaction for the whole verb, or for a portion of it */
};

typedef enum ctl_status ctl_verb(struct ctl *c, int argc, char **argv);

ctl_verb ctl_verb_status, ctl_verb_list, ctl_verb_show, ctl_verb_map, ctl_verb_conflicts,
    ctl_verb_history;
/* pause and resume are one: argv[0] says which. */
ctl_verb ctl_verb_resync, ctl_verb_plan, ctl_verb_apply, ctl_verb_pause, ctl_verb_watch,
    ctl_verb_turn, ctl_verb_toggle, ctl_verb_verify, ctl_verb_trace, ctl_verb_rebuild,
    ctl_verb_client, ctl_verb_finish, ctl_verb_adopt, ctl_verb_undo, ctl_verb_explain;
/* conflicts resolve and conflicts reopen. */
ctl_verb ctl_verb_resolve;
/* approve and reject. */
ctl_verb ctl_verb_decide;
ctl_verb ctl_verb_wave_suggest, ctl_verb_wave, ctl_verb_wave_list, ctl_verb_wave_show;
ctl_verb ctl_verb_map_backup, ctl_verb_map_check, ctl_verb_report;
/* output.c: what a verb that reads the map prints goes out when no transaction is open: a reader
 * that waits, less(1) for instance, would keep the map from using its pages again. */
int ctl_output_begin(struct ctl *c, struct err *err) MUST_CHECK;
/* Prints what there is, and goes on in a new transaction: in another state of the map. */
int ctl_output_next(struct ctl *c, struct err *err) MUST_CHECK;
/* Prints the rest; there is no transaction any more. */
int ctl_output_end(struct ctl *c, struct err *err) MUST_CHECK;
/* Is there enough for ctl_output_next()? */
bool ctl_output_is_much(void);
/* What the running daemon answers to `status`, or NULL if none answers; and its links alone. The
 * caller releases it. */
json_t *ctl_daemon_status(const struct ctl *c);
json_t *ctl_daemon_links(const struct ctl *c);
/* configuration.c: whether the daemon that gave ANSWER (NULL: none did) works by the configuration
 * file as it is (view_configuration.h). The caller releases it; null if nothing is known. */
json_t *ctl_configuration(const struct ctl *c, const json_t *answer);
/* The same as lines of text. */
void ctl_print_configuration(const json_t *configuration);
/* Is it a matter for an operator: refused, or broken? */
bool ctl_configuration_is_bad(const json_t *configuration);

/* held.c: `list --held`: a line for each object of LINK (0: all links) that a limit holds, or that
 * an operator decided about. */
enum ctl_status ctl_list_held(struct ctl *c, const uint32_t flows[SIDES]);
/* Part of `status`: counts by limit. */
void ctl_print_held(const struct view_held *v);
/* {"verb": VERB, "link": LINK unless it is NULL}; NULL without memory. */
json_t *ctl_request(const char *verb, const char *link);
/* Sends REQUEST (taken over) to the daemon, shows how far it is, and gives the answer, which the
 * caller releases. Else the exit status; why was printed. */
enum ctl_status ctl_ask(struct ctl *c, json_t *request, json_t **ret);
/* The same over the connection C, for who says something in several requests. */
struct client;
enum ctl_status ctl_ask_over(
    const struct ctl *ctl, struct client *c, json_t *request, json_t **ret);
/* Prints a line for each item of RESULTS, what became of an object, or would (DRY_RUN). */
void ctl_print_results(const json_t *results, bool dry_run);
typedef void ctl_print_fn(const json_t *answer);
/* The same of a verb whose answer is a report: shows it by PRINT, or as JSON. The exit status is
 * the answer's. */
enum ctl_status ctl_report(struct ctl *c, json_t *request, ctl_print_fn *print);
/* Adds the mailboxes that FILE ("-": standard input) names to the array *OBJECTS; see wave_file.h.
 * Else the exit status; why was printed. */
enum ctl_status ctl_read_list(const char *file, json_t **objects);

/* The arguments of a verb about objects, [--link LINK] [--file FILE] [WHO...]: the link, or NULL,
 * and who is named, added to the array *OBJECTS. Else the exit status; why was printed: USAGE, if
 * it was not understood. */
enum ctl_status ctl_read_args(
    int argc, char **argv, const char *usage, const char **ret_link, json_t **objects);

/* Prints "galsyncctl: <text>" and returns CTL_FAILED. */
enum ctl_status ctl_fail(const struct err *err);
/* The same for a daemon that does not answer: CTL_UNREACHABLE. */
enum ctl_status ctl_unreachable(const struct err *err);
/* Prints "galsyncctl: <text>" with a hint at the manual and returns CTL_USAGE. */
enum ctl_status ctl_usage(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* The number of the link named NAME (NULL: 0, all links). CTL_USAGE with a message if the map knows
 * no such link. */
enum ctl_status ctl_link(struct ctl *c, const char *name, uint32_t *ret);
/* The same of both flows of the link, by the side of their originals; NULL: all is in the first.
 * One with the number 0 in the second is none. */
enum ctl_status ctl_flows(struct ctl *c, const char *name, uint32_t ret[SIDES]);
/* The link's name, "?" if unknown; caller frees, NULL without memory. */
char *ctl_link_name(struct ctl *c, uint32_t link);
/* Adds R as JSON to *LIST (json_add_item()). */
void ctl_add_record(struct ctl *c, json_t **list, const struct record *r);
/* Prints O and a newline, and releases it. NULL is a lack of memory, which is told. */
enum ctl_status ctl_print_json(json_t *o);

#endif
