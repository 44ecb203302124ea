/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_TABLE_H
#define GALSYNC_RULES_TABLE_H

/*
 * The projection table: which attribute of the target gets what, from where, how, for which kind
 * of object, and when. The defaults in table.c are complete; a site's rows override or remove
 * them. The table is pure data; project.c interprets it.
 *
 *   feed -> entry -> match -> [project] -> diff -> plan -> exec -> record
 */

#include <stdbool.h>
#include <stddef.h>

#include "dsa/base/err.h"
#include "dsa/config/conf.h"
#include "dsa/directory/entry.h"
#include "dsa/directory/schema.h"

/* What the target object is to be. */
enum shape {
	SHAPE_MAILBOX,
	SHAPE_MAIL_USER,
	SHAPE_REMOTE_MAILBOX, /* in the tenant of a hybrid organization */
	SHAPE_CONTACT,
	SHAPE_GROUP,
	SHAPE_MAX
};
#define SHAPE_BIT(s) (1U << (s))
/* "mailbox", "mail-user", "remote-mailbox", "contact", "group". */
const char *shape_name(enum shape s);

/* When a row applies: at creation, to an object galsync created, to one it matched. */
#define WHEN_CREATE 1U
#define WHEN_CREATED 2U
#define WHEN_MATCHED 4U
#define WHEN_ALWAYS (WHEN_CREATE | WHEN_CREATED | WHEN_MATCHED)

/* How a wanted attribute meets what is there. */
enum meet {
	MEET_SET,   /* one value: differ, then compare-and-set; unwanted: removed if we put it */
	MEET_ZERO,  /* as SET, but no server lets go of it: what is unwanted becomes 0 */
	MEET_ROUTE, /* as SET, but the way to a mailbox in a tenant (tenant.h) stays where nothing
		     * else keeps it */
	MEET_CLEAR, /* no value stays, its own or not: of what galsync created */
	MEET_STAMP, /* as SET, but where a value is no stamp of galsync nothing is written */
	MEET_IF_ABSENT, /* written only where the target has none */
	MEET_IF_OURS,	/* written only where the target has none, or none but what we put */
	MEET_MERGE,	/* every wanted value is there; others are removed if we put them */
	MEET_LINK,     /* as MERGE for DNs: others are removed if they are ours to judge (diff.h) */
	MEET_ADDRESSES /* proxyAddresses: see address.h */
};

struct project_in;
struct table;
/* Computes the values of a row and adds them to RET under the row's attribute. 1: what the target
 * has under it is left as it is. -1 without memory, or with ERR_DATA if the object cannot be
 * projected. */
typedef int row_compute(const struct project_in *in, struct entry *ret, struct err *err);

struct row {
	const char *attr;
	const char *source;   /* attribute, constant or template; NULL with COMPUTE */
	row_compute *compute; /* or NULL */
	enum row_how how;
	enum meet meet;
	unsigned kinds;	 /* KIND_BIT()s of the source */
	unsigned shapes; /* SHAPE_BIT()s of the target */
	unsigned when;
	enum authority authority;
	row_compute *back; /* computes what flows back; NULL: what came from `source` */
	bool lasts;	   /* is written whatever side has the authority: its COMPUTE minds that */
	bool required;	   /* galsync does not work in a forest whose schema lacks it */
	/* What the schema of the written forest says of ATTR; NULL if it has none, or in a row that
	 * is in no table. */
	const struct schema_attr *schema;
};

struct table {
	struct row *rows;
	size_t n;
	const char **source_attrs; /* to read from the source, NULL-terminated */
	const char **target_attrs; /* to read from the target, NULL-terminated */
	const struct schema *target_schema;
	/* What flows back, from the target to the source: rows whose `attr` is the source's and
	 * whose `source` is the target's, of the kinds and shapes of the forward rows. NULL in such
	 * a table itself. */
	struct table *back;
	size_t n_lacking; /* optional attributes the target's schema lacks */
	char *lacking;	  /* their names, for one message */
};

/* Builds the table of LINK for forests with these schemas. Rows whose attribute the target lacks
 * are left out if they are optional defaults; required ones are an error (ERR_CONF) that names
 * every such attribute. So is the first attribute that the configuration names and the schemas do
 * not go with (named_attrs.h). The table borrows from LINK and SCHEMAs. */
int table_new(const struct conf_link *link, const struct schema *source,
    const struct schema *target, struct table **ret, struct err *err) MUST_CHECK;
/* That these schemas have the required ones. */
int table_check_required(const struct conf_link *link, const struct schema *source,
    const struct schema *target, struct err *err) MUST_CHECK;
void table_free(struct table *t);
DEFINE_CLEANUP(struct table *, table_free)

/* The names of A and B, NULL-terminated lists, each name once. The caller frees the list with
 * table_attrs_free(). NULL without memory. */
const char **table_join_attrs(const char *const *a, const char *const *b) MUST_CHECK;
void table_attrs_free(const char **v);

typedef int table_row_fn(const struct row *r, void *arg);
/* Calls FN with every row that LINK asks for, whatever the schemas of its forests have: for what
 * the configuration alone must answer. R is valid during the call; what it points to, as long as
 * LINK. A non-zero return of FN ends the walk and is returned. */
int table_each_row(const struct conf_link *link, table_row_fn *fn, void *arg);
/* The same of the rows of what may flow back, as table.back has them. */
int table_each_back_row(const struct conf_link *link, table_row_fn *fn, void *arg);

/* table_back.c: the row of what flows back under the forward row R of LINK. False: nothing does. */
bool table_back_row(const struct conf_link *link, const struct row *r, struct row *ret);
/* Does galsync alone make ATTR what it is, by the defaults? */
bool table_is_own(const char *attr);
/* Fills T->back for a source forest of this schema. */
int table_add_back(struct table *t, const struct conf_link *link, const struct schema *source,
    struct err *err) MUST_CHECK;

#endif
