/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CONFIG_CONF_H
#define GALSYNC_CONFIG_CONF_H

/*
 * The configuration file as values. One table in conf_keys.c names every key with its type,
 * default, range and place in these structures; it parses, sets defaults, refuses unknown keys and
 * prints the effective configuration. conf_load() builds a complete, validated `struct conf` or
 * reports every mistake it found, each with file, line, key, reason and what is allowed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "dsa/base/err.h"
#include "dsa/directory/dir_conf.h"
#include "dsa/directory/filter.h"
#include "dsa/directory/kind.h"
#include "mapping/match.h"

enum create_as {
	CREATE_MAILBOX,
	CREATE_MAIL_USER,
	CREATE_REMOTE_MAILBOX,
	CREATE_CONTACT,
	CREATE_NOTHING
};
enum leave_action { LEAVE_KEEP, LEAVE_HIDE, LEAVE_DISABLE, LEAVE_DELETE };
enum ou_layout { LAYOUT_FLAT, LAYOUT_MIRROR };
/* From which side an attribute flows; AUTHORITY_ACTIVE: from that whose mailbox the owner uses. Of
 * AUTHORITY_NONE there is no key: galsync makes it what it is on the target, and it flows nowhere
 * else. */
enum authority { AUTHORITY_ACTIVE, AUTHORITY_SOURCE, AUTHORITY_TARGET, AUTHORITY_NONE };
enum row_how { ROW_COPY, ROW_CONSTANT, ROW_TEMPLATE, ROW_DN, ROW_MERGE, ROW_REMOVE };

struct conf_forest {
	char *name;
	struct dir_conf dir; /* its strings are owned by this structure */
	char **servers;	     /* what dir.servers points to */
	size_t n_servers;
	char **mail_domains;
	size_t n_mail_domains;
	char *redirect_domain; /* or NULL */
	char *routing_domain;  /* to which the forest sends mail for mailboxes in its tenant, or
				* NULL */
	char *stamp_attribute; /* default extensionAttribute15; where objects of this forest that
				* are targets carry their stamp */
};

struct conf_scope {
	char *base;	       /* source OU */
	char *base_norm;       /* dn_normalize() of it */
	unsigned kinds;	       /* KIND_BIT()s */
	char *filter_text;     /* or NULL */
	struct filter *filter; /* parsed filter_text, or NULL */
	char *target_ou;
	enum create_as create; /* what a source mailbox becomes */
	enum ou_layout layout;
	bool linked;	      /* created accounts are linked to the source's (resource forest) */
	bool hidden_leaves;   /* hidden from address lists counts as leaving (default true) */
	bool disabled_leaves; /* a disabled plain user counts as leaving (default false) */
	enum leave_action on_leave; /* default hide */
	/* The side that AUTHORITY_ACTIVE means for a pair without a mailbox, a group above all. */
	enum side authority;
	bool delete_children; /* what lies below a deleted counterpart goes too (default false) */
	int line;	      /* of the scope in its file, for messages */
};

/* A site's row for the projection table (see project.h). */
struct conf_row {
	char *attr;	    /* target attribute */
	char *from;	    /* source attribute (default: ATTR), or NULL */
	char *value;	    /* constant or template text, or NULL */
	const char *source; /* whichever of the two HOW asks for; NULL for ROW_REMOVE */
	enum row_how how;
	unsigned kinds;		  /* KIND_BIT()s of source objects; 0: all */
	bool on_matched;	  /* written on matched objects too (default true) */
	enum authority authority; /* default active */
	char *file;
	int line;
};

struct conf;

/* Another tool's estate: by what its pairs are known, and where its redirections lead
 * (rules/adopt.h). A tool that is built in brings all of it. */
struct conf_adopt {
	char *tool;		      /* "qmm", or a name of the site's own */
	char *attribute[SIDES];	      /* in which the objects of SIDE carry the key of their pair */
	char *value;		      /* of a value with a key: extended regular expression */
	char *redirect_domain[SIDES]; /* in which the tool redirects to SIDE, or NULL */
	char **keep;		      /* further attributes that are the tool's */
	size_t n_keep;
};

struct conf_link {
	char *name;
	const struct conf *whole; /* what the link is part of; NULL: other links are not known */
	const struct conf_forest *source, *target;
	struct conf_scope *scopes;
	size_t n_scopes;
	struct match_rule *match;
	size_t n_match;
	char **match_bases; /* below these of the target what is there may be matched; none: all */
	size_t n_match_bases;
	bool foreign_addresses;	  /* addresses in the target's own mail domains come over */
	bool promote_contacts;	  /* a contact in the way of a user is replaced by the user */
	char *return_contacts_ou; /* or NULL */
	/* Which natives of the target get a contact there; of these scopes BACK's are copies. */
	struct conf_scope *return_scopes;
	size_t n_return_scopes;
	/* The return flow, from TARGET to SOURCE: to the code it is a link of its own, from the
	 * target forest to the source forest, that creates contacts and redirects nothing. NULL
	 * without return_contacts_ou. */
	struct conf_link *back;
	/* Of a return flow: the link that it belongs to. NULL: this is a forward flow. */
	const struct conf_link *forth;
	char *upn_suffix; /* of created accounts; default the target's domain */
	char **databases; /* homeMDB of created mailboxes; one is chosen by the object's GUID */
	size_t n_databases;
	char *home_server;	/* msExchHomeServerName of created mailboxes, or NULL */
	char *admin_group;	/* "/o=Globex/ou=Exchange Administrative Group (...)": prefix of the
				 * legacyExchangeDN of what is created; default: home_server up to
				 * "/cn=Configuration", else "/o=<target>/ou=Exchange Administrative
				 * Group (FYDIBOHF23SPDLT)" */
	char *primary_template; /* primary address of created objects, or NULL: the source's */
	char *redirect_template; /* local part of redirect addresses, default "%{mailNickname}" */
	char *marker_attribute;	 /* says on the source object that its mailbox is switched */
	char *marker_group;	 /* DN of a source group whose members are switched, or NULL */
	/* Of the source object, or NULL: by it the computers of its user report. */
	char *client_attribute;
	char *readiness_attribute; /* of the source object, or NULL: it appears, and the mailbox
				    * is switched; */
	char *readiness_value;	   /* if it has this value, or NULL: any */
	char *toggle_domain;	   /* of the dummy address of a proxy toggle */
	char *hook;		   /* program that is told of events, or NULL */
	char **hook_events;	   /* of these kinds (mapping/event.h); none: of turns */
	size_t n_hook_events;
	int hook_timeout_s;
	struct conf_row *rows;
	size_t n_rows;
	struct conf_adopt *adopt;
	size_t n_adopt;
	/* The redirect_domains of all of them by side, NULL-terminated; NULL: there are none. They
	 * belong to ADOPT. */
	const char **adopted_domains[SIDES];
	/* In a cycle and in 24 hours; more are held. The percentages are of the correspondences. */
	int64_t max_deletes;	     /* of objects whose source left (default 50) */
	int max_delete_percent;	     /* (default 5) */
	int64_t max_redirections;    /* changed by a cycle (default 50) */
	int max_redirection_percent; /* (default 5) */
	int64_t max_switches;	     /* by readiness, in a cycle (default 50) */
	int64_t max_matches;	     /* first ones with a mailbox or a security group (default 0) */
	int64_t max_member_removals; /* from groups, by a cycle (default 500) */
	int max_member_removal_percent; /* (default 50) */
	int64_t max_primary_changes;	/* of counterparts, by a cycle (default 50) */
	int max_primary_change_percent; /* (default 5) */
	int interval_s;
	char *file;
	int line;
};

struct conf {
	char *state_directory;
	int64_t map_size_mb;	 /* upper bound of the map's file (default 65536: sparse) */
	int journal_days;	 /* finished changes are kept so long (default 400) */
	int64_t journal_size_mb; /* and no more of them (default: a quarter of map_size_mb) */
	struct conf_forest *forests;
	size_t n_forests;
	struct conf_link *links;
	size_t n_links;
	struct conf_places *places; /* of the strings above: conf_where() */
};

/* Every mistake found, one a line: "FILE:LINE: KEY: what is wrong; allowed: ...". */
struct conf_errors {
	char **lines;
	size_t n, cap;
};
void conf_errors_done(struct conf_errors *e);
static inline void
conf_errors_donep(struct conf_errors *e)
{
	conf_errors_done(e);
}

/* Reads and validates FILE. On failure returns -1, RET is untouched and ERRORS has at least one
 * line. Secrets' files are checked (kind and mode) but not read. */
int conf_load(const char *file, struct conf **ret, struct conf_errors *errors) MUST_CHECK;
/* The same for who may read the configuration but not the files that it names: keytabs, passwords,
 * certificates and lists of pairs are not looked at. */
int conf_load_public(const char *file, struct conf **ret, struct conf_errors *errors) MUST_CHECK;
/* The state directory that FILE names, for who needs nothing else of it, as conf_load_public(). -1:
 * FILE has mistakes; *RET is the directory all the same, or NULL if that cannot be told. The caller
 * frees. */
int conf_load_state_directory(const char *file, char **ret, struct conf_errors *errors) MUST_CHECK;
void conf_free(struct conf *c);
DEFINE_CLEANUP(struct conf *, conf_free)
/* Where STRING stands, which is one of C's own, known by its address: "FILE:LINE: KEY". The default
 * of a key that the file does not have stands where its group begins. NULL: the file has nothing to
 * do with it (it follows from other values), or C is NULL. */
const char *conf_where(const struct conf *c, const char *string);
/* The link named NAME, or NULL. */
const struct conf_link *conf_find_link(const struct conf *c, const char *name);
/* The flow named NAME, forward (its link's name) or return (the same with STORE_RETURN_SUFFIX), or
 * NULL. */
const struct conf_link *conf_find_flow(const struct conf *c, const char *name);
/* Flow I of all links, or NULL if there is none: below n_links the forward ones, behind them the
 * return ones, up to CONF_FLOWS(c). */
#define CONF_FLOWS(c) (2 * (c)->n_links)
const struct conf_link *conf_flow(const struct conf *c, size_t i);
/* Is there another flow than L in the configuration that L is part of? */
bool conf_has_others(const struct conf_link *l);
/* Are both the same forest, by one section or by two with the same domain? */
bool conf_same_forest(const struct conf_forest *x, const struct conf_forest *y);
/* Does ATTR belong to a tool whose estate L adopts? What it holds is never written over. */
bool conf_is_kept(const struct conf_link *l, const char *attr);
/* The tools that are built in, by name: "qmm". */
#define CONF_TOOLS "\"qmm\""
bool conf_is_tool(const char *name);
/* Prints the effective configuration, defaults included, as a file that conf_load() would read
 * back to the same values. There are no secrets in it: only the names of their files. */
void conf_print(const struct conf *c, FILE *to);

#endif
