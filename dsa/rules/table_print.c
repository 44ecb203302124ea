/* SPDX-License-Identifier: MIT */
#include "dsa/rules/table_print.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/rules/project.h"

const char *
table_how(const struct row *r)
{
	static const char *const names[] = {[ROW_COPY] = "copy",
	    [ROW_CONSTANT] = "constant",
	    [ROW_TEMPLATE] = "template",
	    [ROW_DN] = "dn",
	    [ROW_MERGE] = "merge",
	    [ROW_REMOVE] = "remove"};

	return r->compute ? "computed" : names[r->how];
}

/* What the computed rows are made of. */
static const struct {
	row_compute *compute;
	const char *of;
} computed[] = {
    {compute_object_class, "what the object is to be"},
    {compute_cn, "the source's name, made unique"},
    {compute_sam, "sAMAccountName, made unique"},
    {compute_upn, "userPrincipalName with links.upn_suffix, made unique"},
    {compute_uac, "a disabled account"},
    {compute_master_sid, "msExchMasterAccountSid or objectSid, of a linked mailbox"},
    {compute_mail, "the primary address in proxyAddresses"},
    {compute_addresses, "proxyAddresses, mail, legacyExchangeDN and the redirect address"},
    {compute_target_address, "the redirect address of the side in use"},
    {compute_guard, "TRUE while another mailbox is the one in use"},
    {compute_legacy_dn, "links.admin_group and the source's objectGUID"},
    {compute_mailbox_guid, "the source's objectGUID"},
    {compute_moved_guid, "msExchMailboxGuid, for a native move"},
    {compute_archive_guid, "msExchArchiveGUID, for a native move"},
    {compute_archive_name, "msExchArchiveName, for a native move"},
    {compute_home_mdb, "one of links.mailbox.databases"},
    {compute_home_server, "links.mailbox.home_server"},
    {compute_display_type, "what the source and the object are"},
    {compute_type_details, "what the source and the object are"},
    {compute_remote_type, "what the source is, of a remote mailbox"},
    {compute_policies_excluded, "no address policy, where none applies"},
    {compute_nothing, "nothing: no value stays"},
    {compute_originating_forest, "the source's domain"},
    {compute_mapi_recipient, "mAPIRecipient; TRUE of a mailbox"},
    {compute_stamp, "the source's objectGUID, created or matched, the side in use"},
    {compute_back_mail, "the primary address of the side in use"},
    {compute_back_addresses, "the SMTP addresses of the side in use"},
    {compute_back_hidden, "msExchHideFromAddressLists, where links.scopes.hidden is sync"},
};

const char *
table_from(const struct row *r)
{
	for (size_t i = 0; r->compute && i < ARRAY_SIZE(computed); i++)
		if (computed[i].compute == r->compute)
			return computed[i].of;
	return r->source ? r->source : "";
}

const char *
table_when(const struct row *r)
{
	static const struct {
		unsigned when;
		const char *name;
	} names[] = {{WHEN_CREATE, "create"}, {WHEN_CREATE | WHEN_CREATED, "created"},
	    {WHEN_CREATED, "kept"}, {WHEN_ALWAYS, "always"}, {WHEN_MATCHED, "matched"},
	    {WHEN_CREATED | WHEN_MATCHED, "kept"}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (r->when == names[i].when)
			return names[i].name;
	return "";
}

const char *
table_meet(enum meet m)
{
	static const char *const names[] = {[MEET_SET] = "set",
	    [MEET_ZERO] = "set",
	    [MEET_ROUTE] = "set",
	    [MEET_CLEAR] = "clear",
	    [MEET_STAMP] = "if-no-other",
	    [MEET_IF_ABSENT] = "if-absent",
	    [MEET_IF_OURS] = "if-ours",
	    [MEET_MERGE] = "merge",
	    [MEET_LINK] = "merge",
	    [MEET_ADDRESSES] = "merge"};

	return names[m];
}

const char *
table_matched(const struct row *r)
{
	return r->when & WHEN_MATCHED ? table_meet(r->meet) : "-";
}

const char *
table_authority(const struct row *r)
{
	static const char *const names[] = {[AUTHORITY_ACTIVE] = "active",
	    [AUTHORITY_SOURCE] = "source",
	    [AUTHORITY_TARGET] = "target",
	    [AUTHORITY_NONE] = "galsync"};

	return names[r->authority];
}

unsigned
table_shapes(enum kind k, enum create_as create)
{
	unsigned contact = create == CREATE_CONTACT ? SHAPE_BIT(SHAPE_CONTACT) : 0;

	switch (k) {
	case KIND_USER:
		return SHAPE_BIT(SHAPE_MAILBOX) | SHAPE_BIT(SHAPE_MAIL_USER) |
		       SHAPE_BIT(SHAPE_REMOTE_MAILBOX) | contact;
	case KIND_GROUP: return SHAPE_BIT(SHAPE_GROUP) | contact;
	case KIND_CONTACT:
	case KIND_DYNAMIC_GROUP:
	case KIND_PUBLIC_FOLDER: return SHAPE_BIT(SHAPE_CONTACT);
	case KIND_OTHER:
	case KIND_MAX: break;
	}
	return 0;
}

/* ---- text ---- */

struct printing {
	struct buf *to;
	const struct conf_link *link;
	enum kind kind;
	unsigned shapes; /* that the kind can become */
	bool linked;
	bool failed;
};

/* Which of the shapes, "any" for all. */
static char *
shapes_text(unsigned shapes, unsigned possible)
{
	struct buf b = {0};

	if ((shapes & possible) == possible)
		buf_add_str(&b, "any");
	else
		for (size_t i = 0; i < SHAPE_MAX; i++)
			if (shapes & possible & SHAPE_BIT(i))
				buf_printf(&b, "%s%s", b.len ? "," : "", shape_name((enum shape)i));
	return buf_take_str(&b);
}

static int
print_row(const struct row *r, void *arg)
{
	struct printing *p = arg;
	_cleanup_(free) char *as = NULL;
	struct row back;
	bool flows = !p->link->forth && table_back_row(p->link, r, &back);

	if (!(r->kinds & KIND_BIT(p->kind)) || !(r->shapes & p->shapes) ||
	    (r->compute == compute_master_sid && !p->linked))
		return 0;
	as = shapes_text(r->shapes, p->shapes);
	p->failed |= !as;
	buf_printf(p->to, "%-32s  %-8s  %-7s  %-11s  %-9s  %-32s  %-22s  %s\n", r->attr,
	    table_how(r), table_when(r), table_matched(r), table_authority(r),
	    flows ? back.attr : "-", as ? as : "", table_from(r));
	return p->failed ? -1 : 0;
}

/* What the scopes of the flow make of the kind; 0: none has it. */
static void
look_at_scopes(struct printing *p)
{
	const struct conf_link *l = p->link;

	p->shapes = 0;
	p->linked = false;
	for (size_t i = 0; i < l->n_scopes; i++)
		if (l->scopes[i].kinds & KIND_BIT(p->kind)) {
			p->shapes |= table_shapes(p->kind, l->scopes[i].create);
			p->linked |= l->scopes[i].linked;
		}
}

static void
print_flow(struct printing *p)
{
	for (size_t k = KIND_USER; k < KIND_MAX; k++) {
		p->kind = (enum kind)k;
		look_at_scopes(p);
		if (!p->shapes)
			continue;
		buf_printf(p->to, "\n# link %s%s: %s\n", p->link->name,
		    p->link->forth ? ", return contacts" : "", kind_name(p->kind));
		(void)table_each_row(p->link, print_row, p);
	}
}

int
table_print(const struct conf *c, const char *file, struct buf *ret, struct err *err)
{
	struct printing p = {.to = ret};

	buf_printf(ret,
	    "# What galsync writes by %s, and from where: PROJECTION TABLE in galsync.conf(5).\n"
	    "# %-30s  %-8s  %-7s  %-11s  %-9s  %-32s  %-22s  %s\n",
	    file, "attribute", "how", "when", "on matched", "authority", "flows back to", "as",
	    "from");
	for (size_t i = 0; i < CONF_FLOWS(c); i++)
		if ((p.link = conf_flow(c, i)))
			print_flow(&p);
	return ret->failed || p.failed ? err_nomem(err) : 0;
}
