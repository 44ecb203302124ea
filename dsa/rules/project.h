/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_PROJECT_H
#define GALSYNC_RULES_PROJECT_H

/*
 * Projection: from a source entry to what the target entry should hold. Pure. The rows are in
 * table.h; the addresses follow redirect/address.h.
 *
 *   feed -> entry -> match -> [project] -> diff -> plan -> exec -> record
 */

#include "dsa/directory/entry.h"
#include "dsa/directory/guid.h"
#include "dsa/rules/table.h"
#include "mapping/record.h"
#include "redirect/active_side.h"

/* The names of an object to be created; chosen by names.h. */
struct project_names {
	const char *rdn_value, *sam, *upn;
};

struct project_in {
	const struct conf_link *link;
	const struct conf_scope *scope;
	const struct entry *source;
	const struct entry *target; /* as it is now, or NULL for one to be created */
	enum kind kind;		    /* of the source */
	enum shape shape;	    /* of the target */
	bool created;		    /* by galsync (or to be) */
	enum side active;	    /* whose mailbox the owner uses: of VERDICT */
	enum side lead;		    /* the side that AUTHORITY_ACTIVE means: project_lead() */
	/* What flows back is asked for: SOURCE above is the target's entry and TARGET the source's,
	 * all else is as of the forward flow. */
	bool back;
	struct active_side verdict;	   /* on both sides as they were read */
	bool redirects;			   /* both sides get redirect addresses */
	bool spare[SIDES];		   /* another object has the one of the template */
	const struct project_names *names; /* NULL unless to be created */
	const struct record *record;	   /* what the map remembers of it, or NULL */
};

/* What a DN-valued row gets for the source value SOURCE_DN. Returns 1 and the target's DN in
 * *RET_DN (owned by the caller of the callback: freed by project()), 0 if the object referred to
 * has no counterpart (the callback notes it as waiting), -1 on error. */
typedef int project_ref_fn(
    const char *attr, const char *source_dn, void *arg, char **ret_dn, struct err *err);

/* A value that may not be written, and why; the attribute is left as it is. */
typedef int project_problem_fn(const char *attr, const char *why, void *arg);

struct project_calls {
	project_ref_fn *ref;
	project_problem_fn *problem;
	void *arg; /* of both */
};

/* Fills *RET with the wanted values of every row that applies at WHEN (one WHEN_ bit): attributes
 * that should be absent are present without values. Values that the target's schema does not admit,
 * and several where it takes one, are reported to CALLS->problem; their attribute is left out
 * altogether. */
int project(const struct table *table, const struct project_in *in, unsigned when,
    const struct project_calls *calls, struct entry **ret, struct err *err) MUST_CHECK;

/* The side of which all that follows the active side is taken, by the verdict on a pair of SCOPE:
 * of a pair without a mailbox there is none that a switch could turn. */
enum side project_lead(const struct conf_scope *scope, const struct active_side *a);
/* Does R flow in IN's direction, by the authority for it? */
bool project_row_flows(const struct row *r, const struct project_in *in);
/* What of IN flows back. */
struct project_in project_back(const struct project_in *in);
/* The side that is written. */
static inline enum side
project_side(const struct project_in *in)
{
	return in->back ? SOURCE : TARGET;
}

/* The shape of the target for a source of KIND: of an existing TARGET, or of one to be created. */
enum shape project_shape(const struct conf_scope *scope, enum kind kind, const struct entry *source,
    const struct entry *target);
/* True if the target is to carry its own redirect address. */
static inline bool
project_has_redirect(const struct project_in *in)
{
	return in->redirects && (in->shape == SHAPE_MAILBOX || in->shape == SHAPE_MAIL_USER ||
				    in->shape == SHAPE_REMOTE_MAILBOX);
}
/* "<alias>@<redirect domain>" by the link's template, for the mailbox of SIDE; where another object
 * has that, "<alias>-<begin of the source's GUID>@<redirect domain>", so that nobody can keep
 * others from their redirection by taking an address of theirs. *ret NULL if that side has no
 * redirect domain. Caller frees. ERR_DATA if the template gives no usable address. */
int project_redirect_address(
    const struct project_in *in, enum side side, char **ret, struct err *err) MUST_CHECK;
/* Is V (with type) an address that each organization makes for itself: in a redirect domain,
 * galsync's or another tool's, in the routing domain of a tenant, or a dummy? */
bool project_is_internal(const struct conf_link *link, struct bytes v);
/* The values that the source object needs: X500 of every name that the target has or had, and the
 * redirect address. As "X500:..." and "smtp:...": added to RET's proxyAddresses. */
int project_source(const struct project_in *in, const char *target_legacy_dn, struct entry **ret,
    struct err *err) MUST_CHECK;
/* What of the source's proxyAddresses is not copied as it is, because it is malformed or there is
 * one too many, as text whatever the order of the values. False: nothing. */
#define PROJECT_ODD_SIZE 512
bool project_odd_addresses(const struct project_in *in, char *ret, size_t size);
/* Has the target, which galsync created, no primary address, and the source one? It had to go to
 * another object while its own was away. It gets that of the source, whatever side has the
 * authority: no administrator has decided that it has none. */
bool project_lacks_primary(const struct project_in *in);
/* The legacyExchangeDN of what galsync creates: the same for the same source, always. */
char *project_legacy_dn(const struct conf_link *link, const struct entry *source) MUST_CHECK;

/* The computed rows, referred to by the table. */
row_compute compute_object_class, compute_sam, compute_upn, compute_uac, compute_mail,
    compute_addresses, compute_target_address, compute_guard, compute_legacy_dn,
    compute_mailbox_guid, compute_moved_guid, compute_archive_guid, compute_archive_name,
    compute_home_mdb, compute_home_server, compute_display_type, compute_type_details,
    compute_originating_forest, compute_stamp, compute_master_sid, compute_cn,
    compute_policies_excluded, compute_mapi_recipient, compute_nothing, compute_remote_type;
/* Those of what flows back. */
row_compute compute_back_mail, compute_back_addresses, compute_back_hidden;

#endif
