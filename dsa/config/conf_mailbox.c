/* SPDX-License-Identifier: MIT */
/*
 * Where the mailboxes that a link creates lie, and by which domains mail gets to them:
 *
 *   create          needs
 *   mailbox         databases, a home server, and the redirect domain of either forest
 *   remote-mailbox  the redirect domain of either forest, and the target's routing domain: it leads
 *                   to the tenant, and to nothing else
 */
#include "dsa/config/conf_passes.h"

#include "dsa/base/str.h"
#include "dsa/config/conf_notes.h"

struct checking {
	const struct conf *conf;
	const config_setting_t *root;
	const struct conf_link *link;
	struct conf_notes *notes;
};

/* The setting of forest F, or NULL. */
static const config_setting_t *
forest_setting(const struct checking *c, const struct conf_forest *f)
{
	const config_setting_t *list = f ? conf_member(c->root, "forests") : NULL;
	const config_setting_t *s =
	    list ? config_setting_get_elem(list, (unsigned)(f - c->conf->forests)) : NULL;

	return s && config_setting_is_group(s) ? s : NULL;
}

/* Does a scope make AS of users? */
static bool
makes(const struct checking *c, enum create_as as)
{
	for (size_t i = 0; i < c->link->n_scopes; i++)
		if (c->link->scopes[i].create == as &&
		    (c->link->scopes[i].kinds & KIND_BIT(KIND_USER)))
			return true;
	return false;
}

static void
need_domain(const struct checking *c, const struct conf_forest *f, const char *key,
    const char *what, const char *allowed)
{
	const config_setting_t *s = forest_setting(c, f);

	if (s && !conf_member(s, key))
		conf_note(c->notes, s, key, "is missing, link '%s' creates %s; allowed: %s",
		    c->link->name ? c->link->name : "", what, allowed);
}

static void
check_redirects(const struct checking *c, const char *what)
{
	need_domain(c, c->link->source, "redirect_domain", what, "a DNS name");
	need_domain(c, c->link->target, "redirect_domain", what, "a DNS name");
}

static void
check_places(const struct checking *c, const config_setting_t *s)
{
	const config_setting_t *m = conf_member(s, "mailbox");
	const config_setting_t *db = m ? conf_member(m, "databases") : NULL;

	if (!db || config_setting_length(db) == 0)
		conf_note(c->notes, m ? m : s, m ? "databases" : "mailbox.databases",
		    "is missing, a scope creates mailboxes; allowed: one or more DNs of databases");
	if (!m || !conf_member(m, "home_server"))
		conf_note(c->notes, m ? m : s, m ? "home_server" : "mailbox.home_server",
		    "is missing, a scope creates mailboxes; allowed: the legacyExchangeDN of a "
		    "server");
}

/* Why the routing_domain of F, one of the forests of the link, cannot be that, or NULL. */
static const char *
routing_refusal(const struct conf_link *l, const struct conf_forest *f)
{
	const struct conf_forest *const ends[] = {l->source, l->target};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const struct conf_forest *e = ends[i];

		if (e->redirect_domain && str_equal_nocase(f->routing_domain, e->redirect_domain))
			return "is a redirect_domain";
		if (e != f && e->routing_domain &&
		    str_equal_nocase(f->routing_domain, e->routing_domain))
			return "is the routing_domain of the other forest, too";
		for (size_t j = 0; j < e->n_mail_domains; j++)
			if (str_equal_nocase(f->routing_domain, e->mail_domains[j]))
				return "is one of the mail_domains";
	}
	return l->toggle_domain && str_equal_nocase(f->routing_domain, l->toggle_domain)
		   ? "is the toggle_domain"
		   : NULL;
}

static void
check_routing(const struct checking *c)
{
	const struct conf_forest *const ends[] = {c->link->source, c->link->target};

	for (size_t i = 0; ends[0] && ends[1] && i < ARRAY_SIZE(ends); i++) {
		const config_setting_t *s = forest_setting(c, ends[i]);
		const char *why =
		    ends[i]->routing_domain ? routing_refusal(c->link, ends[i]) : NULL;

		if (s && why)
			conf_note(c->notes, s, "routing_domain",
			    "'%s' %s; allowed: a domain that leads to the forest's tenant and to "
			    "nothing else",
			    ends[i]->routing_domain, why);
	}
}

void
conf_check_mailbox(const struct conf *conf, const config_setting_t *root, const config_setting_t *s,
    const struct conf_link *l, struct conf_notes *notes)
{
	const struct checking c = {conf, root, l, notes};
	const config_setting_t *m = conf_member(s, "mailbox");

	if (makes(&c, CREATE_MAILBOX) && !(m && !config_setting_is_group(m))) {
		check_places(&c, s);
		check_redirects(&c, "mailboxes");
	} else if (makes(&c, CREATE_REMOTE_MAILBOX)) {
		check_redirects(&c, "remote mailboxes");
	}
	if (makes(&c, CREATE_REMOTE_MAILBOX))
		need_domain(&c, l->target, "routing_domain", "remote mailboxes",
		    "the domain to which mail for mailboxes in the tenant is sent, such as "
		    "\"globex.mail.onmicrosoft.com\"");
	check_routing(&c);
}
