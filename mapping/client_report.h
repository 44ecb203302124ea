/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_CLIENT_REPORT_H
#define GALSYNC_MAPPING_CLIENT_REPORT_H

/*
 * What the computers of users report: whether the profile of the mail program was brought to the
 * mailbox that is in use now. Of each mailbox the map has the last report of each machine, of
 * CLIENT_MACHINES_MAX machines at most: the oldest give way. What they mean together is a rule
 * (dsa/rules/client.h).
 *
 * A report comes from an operator's tool (the control socket) or from an attribute that users may
 * write, so its texts are hostile and bounded. The map alone has them, so the file beside the map
 * keeps them (keepsake.h).
 *
 * A report that is not settled yet is new to the link's worker: what follows from it, the marker
 * group and the hook, is done, or put down, in the transaction that settles it.
 *
 * Layout: client_report.c.
 */

#include "mapping/store.h"

#define CLIENT_MACHINE_MAX 64 /* octets */
#define CLIENT_TEXT_MAX 200
#define CLIENT_MACHINES_MAX 8

enum client_result { CLIENT_OK = 1, CLIENT_FAILED, CLIENT_RESULT_MAX };
/* "ok", "failed". */
const char *client_result_name(enum client_result r);
/* CLIENT_RESULT_MAX: there is none of that name. */
enum client_result client_result_from_name(const char *name);

enum client_origin { CLIENT_BY_SOCKET = 1, CLIENT_BY_ATTRIBUTE, CLIENT_ORIGIN_MAX };
/* "socket", "attribute". */
const char *client_origin_name(enum client_origin o);

struct client_report {
	struct guid source; /* whose mailbox */
	enum client_result result;
	enum client_origin origin;
	bool settled;
	int64_t at;	/* seconds since the epoch: when galsync heard of it, */
	int64_t stated; /* and what the report itself says; 0: nothing */
	int64_t about;	/* which switch came before it (client_about()); 0: it was not switched */
	char *machine;	/* "": not named */
	char *text;	/* for people, "" if there is none */
};
/* Frees what R holds. */
void client_report_done(struct client_report *r);
static inline void
client_report_donep(struct client_report *r)
{
	client_report_done(r);
}
/* Is S a name of a machine: letters and digits of ASCII, "-", "_" and "." (a host name, or a
 * NetBIOS name), CLIENT_MACHINE_MAX at most, or ""? */
bool client_machine_is_valid(struct bytes s);
/* Is S a text of a report: UTF-8 without control characters, CLIENT_TEXT_MAX octets at most? */
bool client_text_is_valid(struct bytes s);

/* Puts R in the place of the last report of that machine. */
int store_put_client(
    struct store_txn *t, uint32_t link, const struct client_report *r, struct err *err) MUST_CHECK;
/* Calls FN with the reports of SOURCE (NULL: of all mailboxes of LINK, LINK 0: of all links), by
 * mailbox and machine. R is borrowed, FN may TAKE() its strings. */
typedef int store_client_fn(uint32_t link, struct client_report *r, void *arg, struct err *err);
int store_each_client(struct store_txn *t, uint32_t link, const struct guid *source,
    store_client_fn *fn, void *arg, struct err *err) MUST_CHECK;

/* The reports of one mailbox. */
struct client_reports {
	struct client_report v[CLIENT_MACHINES_MAX];
	size_t n;
};
void client_reports_done(struct client_reports *r);
static inline void
client_reports_donep(struct client_reports *r)
{
	client_reports_done(r);
}
/* RET is the caller's to release, also after a failure. */
int store_get_clients(struct store_txn *t, uint32_t link, const struct guid *source,
    struct client_reports *ret, struct err *err) MUST_CHECK;

/* Forgets them: the correspondence is gone. No error if there are none. */
int store_clear_clients(
    struct store_txn *t, uint32_t link, const struct guid *source, struct err *err) MUST_CHECK;

/* The encoding, for tests and fuzzing; any octets are survived. Decoding fills all but source and
 * machine. */
void client_report_encode(const struct client_report *r, struct buf *ret);
int client_report_decode(struct bytes raw, struct client_report *ret, struct err *err) MUST_CHECK;

#endif
