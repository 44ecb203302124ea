/* SPDX-License-Identifier: MIT */
#include "dsa/ldap/ldap_forest.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"
#include "dsa/directory/schema.h"
#include "dsa/ldap/ldap_search.h"

#define CAPABILITY_READ_ONLY_DC "1.2.840.113556.1.4.1920"

/* Takes TEXT (NULL: no memory) over, unless it says what is known already. */
static int
set_fact(struct ldap_forest *f, enum ldap_fact fact, char *text)
{
	if (!text)
		return -1;
	if (f->facts[fact] && strcmp(f->facts[fact], text) == 0) {
		free(text);
		return 0;
	}
	free(f->facts[fact]);
	f->facts[fact] = text;
	return 0;
}

static void
publish_facts(struct ldap_forest *f, const struct ldap_session *s)
{
	f->info.server = f->facts[LDAP_FACT_SERVER];
	f->info.domain_dn = f->facts[LDAP_FACT_DOMAIN];
	f->info.config_dn = f->facts[LDAP_FACT_CONFIG];
	f->info.schema_dn = f->facts[LDAP_FACT_SCHEMA];
	f->info.domain_dns = f->facts[LDAP_FACT_DNS];
	f->info.invocation_id = f->facts[LDAP_FACT_INVOCATION];
	f->info.tls = s->tls;
	f->info.sasl_ssf = s->sasl_ssf;
	f->info.own_sids = entry_find(f->root, "tokenGroups");
}

static int
unfit(struct err *err, enum err_retry retry, const char *why)
{
	return err_set(
	    err, ERR_LDAP, retry == ERR_NEVER ? ERR_LINK : ERR_PEER, retry, 0, "%s", why);
}

/* Is the server of ROOT one to work with? CONFIGURED: the domain of the configuration, or NULL. */
static int
check_server(const struct ldap_forest *f, const char *configured, bool read_only,
    const struct entry *root, struct err *err)
{
	const struct attr *capabilities = entry_find(root, "supportedCapabilities");
	const char *domain_dn = entry_get_str(root, "defaultNamingContext");
	_cleanup_(free) char *domain = domain_dn ? dn_to_dns_domain(domain_dn) : NULL;

	if (!domain_dn || !entry_get_str(root, "schemaNamingContext") ||
	    !entry_get_str(root, "configurationNamingContext"))
		return unfit(err, ERR_LATER, "this is no Active Directory domain controller");
	if (!domain)
		return err_nomem(err);
	if (configured && !str_equal_nocase(domain, configured))
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "this is a domain controller of '%s', not of '%s'", domain, configured);
	if (f->facts[LDAP_FACT_DOMAIN] && !dn_equal(f->facts[LDAP_FACT_DOMAIN], domain_dn))
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "this is a domain controller of '%s', the servers before were of '%s'",
		    domain_dn, f->facts[LDAP_FACT_DOMAIN]);
	if (entry_find(root, "isSynchronized") && !entry_get_bool(root, "isSynchronized"))
		return unfit(err, ERR_LATER, "its first replication is not finished");
	if (!read_only && capabilities &&
	    attr_has(capabilities, bytes_of(CAPABILITY_READ_ONLY_DC), false))
		return unfit(err, ERR_LATER, "it is a read-only domain controller");
	return 0;
}

/* The id of the database instance of the DC whose settings are at NAME: "" if it is not to be read.
 * Only following update sequence numbers needs it. */
static int
read_invocation(struct ldap_session *s, const char *name, char ret[GUID_TEXT_SIZE], struct err *err)
{
	static const char *const attrs[] = {"invocationId", NULL};
	_cleanup_(entry_free) struct entry *e = NULL;
	struct guid id;

	ret[0] = '\0';
	if (!name)
		return 0;
	/* "Busy" is no answer: without the id, the database would pass for another one. */
	if (ldap_read_once(s, name, attrs, &e, err) < 0)
		return s->ld && err->scope != ERR_PEER ? 0 : -1;
	if (e && guid_from_bytes(entry_get(e, "invocationId"), &id))
		guid_format(&id, ret);
	return 0;
}

static int
count(struct entry *e, void *arg, struct err *err)
{
	(void)err;
	++*(unsigned *)arg;
	entry_free(e);
	return 0;
}

/* How many objects FILTER (NULL: there was no memory for it) finds, up to LIMIT; also after an
 * error of the server those that came. */
static int
count_found(struct ldap_session *s, const char *base, enum dir_scope scope, const char *filter,
    unsigned limit, unsigned *ret, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	const struct dir_query q = {
	    .base = base, .scope = scope, .filter = filter, .attrs = attrs, .limit = limit};
	bool delivered;

	*ret = 0;
	return filter ? ldap_search_once(s, &q, count, ret, &delivered, err) : err_nomem(err);
}

/* An account that cannot see the settings of the DCs must reckon with others. */
static int
learn_sole(struct ldap_forest *f, struct ldap_session *s, struct err *err)
{
	_cleanup_(free) char *value = filter_escape(bytes_of(f->info.domain_dn));
	_cleanup_(free) char *filter =
	    value ? str_printf("(&(objectClass=nTDSDSA)(hasMasterNCs=%s))", value) : NULL;
	unsigned n;

	if (count_found(s, f->info.config_dn, DIR_SUBTREE, filter, 2, &n, err) < 0 &&
	    (!filter || !s->ld))
		return -1;
	f->info.sole = n == 1;
	return 0;
}

static int
learn_facts(
    struct ldap_forest *f, struct ldap_session *s, const char *url, bool read_only, struct err *err)
{
	static const char *const attrs[] = {"dnsHostName", "defaultNamingContext",
	    "configurationNamingContext", "schemaNamingContext", "dsServiceName",
	    "highestCommittedUSN", "isSynchronized", "supportedCapabilities", "tokenGroups", NULL};
	_cleanup_(entry_free) struct entry *root = NULL;
	char invocation[GUID_TEXT_SIZE];
	const char *server, *domain_dn;

	if (ldap_read_once(s, "", attrs, &root, err) < 0)
		return -1;
	if (!root)
		return unfit(err, ERR_LATER, "it does not show its rootDSE");
	if (check_server(f, s->conf->domain, read_only, root, err) < 0 ||
	    read_invocation(s, entry_get_str(root, "dsServiceName"), invocation, err) < 0)
		return -1;
	server = entry_get_str(root, "dnsHostName");
	domain_dn = entry_get_str(root, "defaultNamingContext");
	if (set_fact(f, LDAP_FACT_SERVER, strdup(server ? server : url)) < 0 ||
	    set_fact(f, LDAP_FACT_DOMAIN, strdup(domain_dn)) < 0 ||
	    set_fact(f, LDAP_FACT_CONFIG,
		strdup(entry_get_str(root, "configurationNamingContext"))) < 0 ||
	    set_fact(f, LDAP_FACT_SCHEMA, strdup(entry_get_str(root, "schemaNamingContext"))) < 0 ||
	    set_fact(f, LDAP_FACT_DNS, dn_to_dns_domain(domain_dn)) < 0 ||
	    set_fact(f, LDAP_FACT_INVOCATION, strdup(invocation)) < 0)
		return err_nomem(err);
	f->info.highest_usn = (uint64_t)entry_get_i64(root, "highestCommittedUSN", 0);
	entry_free(f->root);
	f->root = TAKE(root);
	publish_facts(f, s);
	return 0;
}

static int
take_schema_entry(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;

	if (schema_add_entry(arg, own, err) < 0)
		return err_ctx(err, "'%s'", own->dn);
	return 0;
}

/* *RET: an attributeSchema object has changed since USN. */
static int
has_changed(struct ldap_forest *f, struct ldap_session *s, uint64_t usn, bool *ret, struct err *err)
{
	_cleanup_(free) char *filter = str_printf(
	    "(&(objectClass=attributeSchema)(uSNChanged>=%llu))", (unsigned long long)usn + 1);
	unsigned n;

	if (count_found(s, f->info.schema_dn, DIR_ONE, filter, 1, &n, err) < 0)
		return err_ctx(err, "changes of the schema");
	*ret = n > 0;
	return 0;
}

static struct schema_origin
origin_of(const struct ldap_forest *f)
{
	return (struct schema_origin){
	    f->info.schema_dn, f->info.invocation_id, f->info.highest_usn};
}

/* *RET: what an earlier run kept, if it is as it would be read; NULL if not. */
static int
recall_schema(struct ldap_forest *f, struct ldap_session *s, struct schema **ret, struct err *err)
{
	const struct schema_origin now = origin_of(f);
	_cleanup_(schema_free) struct schema *kept = NULL;
	_cleanup_(buf_done) struct buf raw = {0};
	bool changed = true;
	uint64_t usn;

	if (!f->memory)
		return 0;
	if (f->memory->recall(f->memory->arg, f->name, &raw, err) < 0 ||
	    schema_decode(buf_bytes(&raw), &now, &kept, &usn, err) < 0)
		return -1;
	if (kept && usn != now.usn) {
		if (has_changed(f, s, usn, &changed, err) < 0)
			return -1;
		if (changed)
			return 0;
	}
	*ret = TAKE(kept);
	return 0;
}

static int
keep_schema(struct ldap_forest *f, const struct schema *schema, struct err *err)
{
	const struct schema_origin now = origin_of(f);
	_cleanup_(buf_done) struct buf raw = {0};

	if (!f->memory || !*now.invocation)
		return 0;
	schema_encode(schema, &now, &raw);
	if (raw.failed)
		return err_nomem(err);
	return f->memory->keep(f->memory->arg, f->name, buf_bytes(&raw), err);
}

/* What was committed before it is in info.highest_usn: what changes meanwhile is read again. */
static int
read_schema(struct ldap_forest *f, struct ldap_session *s, struct schema **ret, struct err *err)
{
	const struct dir_query q = {.base = f->info.schema_dn,
	    .scope = DIR_ONE,
	    .filter = "(objectClass=attributeSchema)",
	    .attrs = schema_read_attrs};
	_cleanup_(schema_free) struct schema *schema = schema_new();
	bool delivered;

	if (!schema)
		return err_nomem(err);
	if (ldap_search_once(s, &q, take_schema_entry, schema, &delivered, err) < 0)
		return err_ctx(err, "schema");
	if (keep_schema(f, schema, err) < 0)
		return -1;
	*ret = TAKE(schema);
	return 0;
}

static int
learn_schema(struct ldap_forest *f, struct ldap_session *s, struct err *err)
{
	if (f->schema)
		return 0;
	if (recall_schema(f, s, &f->schema, err) < 0)
		return -1;
	return f->schema ? 0 : read_schema(f, s, &f->schema, err);
}

int
ldap_forest_learn(
    struct ldap_forest *f, struct ldap_session *s, const char *url, bool read_only, struct err *err)
{
	if (learn_facts(f, s, url, read_only, err) < 0 || learn_sole(f, s, err) < 0 ||
	    learn_schema(f, s, err) < 0)
		return -1;
	s->schema = f->schema;
	return 0;
}

void
ldap_forest_forget_schema(struct ldap_forest *f, struct ldap_session *s)
{
	s->schema = NULL;
	schema_free(TAKE(f->schema));
}

void
ldap_forest_done(struct ldap_forest *f)
{
	schema_free(f->schema);
	entry_free(f->root);
	for (size_t i = 0; i < ARRAY_SIZE(f->facts); i++)
		free(f->facts[i]);
	*f = (struct ldap_forest){0};
}
