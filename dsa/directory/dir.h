/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_DIR_H
#define GALSYNC_DIRECTORY_DIR_H

/*
 * What a directory is: one documented function for each thing galsync asks of one. The real LDAP
 * directory (ldap.h), the fake directory and the recording wrapper of the tests implement it;
 * nothing above this layer knows which one it talks to. The flow of a cycle begins and ends here:
 * changes() is the feed, search() and read() give entries, submit() takes what is to be made.
 *
 *   [feed] -> [entry] -> match -> project -> diff -> plan -> [exec] -> record
 *
 * A `struct dir` belongs to one thread, but for cancel(), which any thread may call. Reads block,
 * never longer than the configured time-out without progress. Writes are asynchronous: submit()
 * hands a change over, and its outcome is reported to its callback from a later process(),
 * submit() or drain() of the same directory, never from inside the submit() that started it
 * unless the window was full (then outcomes of OTHER changes may be reported first). Changes of
 * one directory may complete in any order; a caller that needs an order waits for the first before
 * it submits the second. A callback may submit further changes.
 *
 * When the connection breaks, every change under way is reported with an err of scope ERR_PEER
 * and retry ERR_LATER: its outcome is UNKNOWN. The caller reads the object again before it decides.
 * A read that meets a broken connection reconnects (to the next server if need be) and starts
 * again by itself only if nothing was delivered yet; else it fails with ERR_PEER.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/directory/change.h"
#include "dsa/directory/entry.h"
#include "dsa/directory/guid.h"

struct dir;
struct schema;

/* What open() found out about the forest. Strings are owned by the directory. */
struct dir_info {
	const char *server;	   /* dnsHostName of the DC in use */
	const char *domain_dn;	   /* defaultNamingContext */
	const char *config_dn;	   /* configurationNamingContext */
	const char *schema_dn;	   /* schemaNamingContext */
	const char *domain_dns;	   /* "acme.example" */
	const char *invocation_id; /* text GUID of the DC's database instance, "" if not readable */
	/* highestCommittedUSN at open, or before the last changes(); see usn() for a fresh one */
	uint64_t highest_usn;
	int sasl_ssf; /* strength of SASL protection in bits; 0: none */
	bool tls;
	bool sole;   /* the only DC of its domain: what it lacks is nowhere */
	bool by_usn; /* changes() asks by uSNChanged: the account lacks the right for DirSync */
	const char *lost; /* why changes() last said DIR_FEED_LOST, or NULL */
	/* The SIDs of the account that is bound and of the groups it is in (tokenGroups of the
	 * rootDSE, MS-ADTS 3.1.1.3.2), or NULL: the server does not tell. */
	const struct attr *own_sids;
};

enum dir_scope { DIR_BASE, DIR_ONE, DIR_SUBTREE };

/* A bulk read. ATTRS is NULL-terminated; NULL for all. Attributes that the server returns in
 * ranges (more than 1,500 values, MS-ADTS 3.1.1.3.1.3.3) are completed before the entry is
 * delivered. Referrals and continuation references are ignored. */
struct dir_query {
	const char *base; /* a DN or "<GUID=...>" */
	enum dir_scope scope;
	const char *filter;
	const char *const *attrs;
	bool deleted; /* include tombstones (control 1.2.840.113556.1.4.417) */
	/* 0, or how many entries are enough: the search then ends early, without error, and is no
	 * proof of anything. */
	unsigned limit;
};

/* Takes ownership of E. Returns 0, or -1 with err to end the read with that error. */
typedef int dir_entry_fn(struct entry *e, void *arg, struct err *err);
/* The outcome of a change: ERR is NULL if it was done. The GUID of what was created
 * is not told: it is read when it is needed. */
typedef void dir_done_fn(void *arg, const struct err *err);

/* What a change feed tells of one object: that it changed. What it is now is read by its GUID. */
struct dir_change {
	struct guid guid;
	const char *dn; /* of a tombstone: below the deleted objects' container */
	bool deleted;
	/* New, renamed or moved. If it is a container, what lies below it has another name now and
	 * is not reported. */
	bool named;
};
typedef int dir_change_fn(const struct dir_change *c, void *arg, struct err *err);
enum dir_feed {
	DIR_FEED_CHANGES, /* all changes since the cursor were delivered */
	DIR_FEED_LOST	  /* the cursor is of no use: everything has to be read */
};

/* What a question for changes is about. */
struct dir_since {
	struct bytes cursor;
	const char *const *attrs;
};

struct dir_ops {
	/* Connects, binds, reads rootDSE and schema. Tries each server in turn; the error names
	 * every server tried and why it failed. Idempotent: an open directory stays as it is. */
	int (*open)(struct dir *d, struct err *err);
	/* Facts of the open directory; NULL before open(). */
	const struct dir_info *(*info)(struct dir *d);
	const struct schema *(*schema)(struct dir *d);
	/* Delivers every entry of QUERY. Returns 0 only if the answer is complete: a partial answer
	 * (size or time limit, lost connection, referral in place of data) is an error, because a
	 * complete read is used as proof of absence. */
	int (*search)(
	    struct dir *d, const struct dir_query *q, dir_entry_fn *fn, void *arg, struct err *err);
	/* One entry by DN or "<GUID=...>". *ret is NULL if there is none (that is no error). */
	int (*read)(struct dir *d, const char *name, const char *const *attrs, struct entry **ret,
	    struct err *err);
	/* Delivers what changed below the domain's naming context since SINCE->cursor, each object
	 * at least once, for changes of the attributes SINCE->attrs at least, and gives the cursor
	 * for the next call. An empty cursor delivers nothing and only gives a cursor that stands
	 * for now. A cursor is opaque octets that may be kept for ever. It is lost when the server
	 * does not know it, when the server's database was set back, or when another server answers
	 * and the feed is one that only one server can tell. *RET_CURSOR is valid only with
	 * DIR_FEED_CHANGES. The number of requests does not depend on the directory's size. */
	int (*changes)(struct dir *d, const struct dir_since *since, dir_change_fn *fn, void *arg,
	    struct buf *ret_cursor, enum dir_feed *ret, struct err *err);
	/* Asks the server to tell when anything changes. Without effect if it was asked already in
	 * this session and nothing was submitted since: a server may have to search everything to
	 * tell us of a change of ours. What happened since the last changes() counts as told. Only
	 * a hint to ask for changes() earlier: a server need not tell everything. */
	int (*watch)(struct dir *d, struct err *err);
	/* True once after the server told that something changed; process() takes such messages in.
	 */
	bool (*woken)(struct dir *d);
	/* highestCommittedUSN now. */
	int (*usn)(struct dir *d, uint64_t *ret, struct err *err);
	/* Hands over C (borrowed until DONE is called). Blocks while the window is full. Fails only
	 * where the change was certainly not sent; DONE is then not called. A directory opened
	 * read-only refuses. */
	int (*submit)(
	    struct dir *d, const struct change *c, dir_done_fn *done, void *arg, struct err *err);
	/* Reports what has completed without blocking. -1 if the connection broke (all changes
	 * under way have then been reported). */
	int (*process)(struct dir *d, struct err *err);
	/* Changes under way. */
	size_t (*pending)(const struct dir *d);
	/* A descriptor that becomes readable when process() may have something to report, or -1 if
	 * process() should just be called. */
	int (*fd)(const struct dir *d);
	/* Makes the blocking call under way, and every later one, fail soon with ERR_SYS/ECANCELED.
	 */
	void (*cancel)(struct dir *d);
	/* Ends the connection; open() may be called again. */
	void (*close)(struct dir *d);
	/* close() and free. */
	void (*free)(struct dir *d);
};

/* Keeps between runs what is slow to learn of a forest and seldom changes: opaque octets, one piece
 * for each forest, by its name. That nothing is kept is no error; then all is read again. Called by
 * open() alone, from its thread. */
struct dir_memory {
	/* RET is left empty if nothing is kept. */
	int (*recall)(void *arg, const char *forest, struct buf *ret, struct err *err);
	int (*keep)(void *arg, const char *forest, struct bytes v, struct err *err);
	void *arg;
};

/* Every implementation begins with this. */
struct dir {
	const struct dir_ops *ops;
	const char *name;		 /* of the forest, for messages; outlives the directory */
	const struct dir_memory *memory; /* outlives the directory too; NULL: nothing is kept */
};

static inline void
dir_free(struct dir *d)
{
	d->ops->free(d);
}
DEFINE_CLEANUP(struct dir *, dir_free)

int dir_open(struct dir *d, struct err *err) MUST_CHECK;
/* Waits until at most MAX changes of the N directories together are under way, reporting outcomes.
 * Never longer than the directories' own time-outs. -1 if a connection broke. */
int dir_drain(struct dir *const *dirs, size_t n, size_t max, struct err *err) MUST_CHECK;
/* Like ops->read, by GUID. */
int dir_read_guid(struct dir *d, const struct guid *g, const char *const *attrs, struct entry **ret,
    struct err *err) MUST_CHECK;
/* Delivers the objects of LIST that are below D's domain, many in one request, as far as FILTER
 * (may be "") finds them. */
int dir_search_guids(struct dir *d, const struct guid_list *list, const char *filter,
    const char *const *attrs, dir_entry_fn *fn, void *arg, struct err *err) MUST_CHECK;

#endif
