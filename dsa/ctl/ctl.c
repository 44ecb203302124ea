/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/directory/sid.h"

enum ctl_status
ctl_fail(const struct err *err)
{
	(void)fprintf(stderr, "galsyncctl: %s\n", err->text);
	return CTL_FAILED;
}

enum ctl_status
ctl_unreachable(const struct err *err)
{
	(void)fprintf(stderr, "galsyncctl: %s: is galsyncd running?\n", err->text);
	return CTL_UNREACHABLE;
}

enum ctl_status
ctl_usage(const char *fmt, ...)
{
	char what[512], safe[640];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	err_escape(safe, sizeof safe, bytes_of(what));
	(void)fprintf(stderr, "galsyncctl: %s; see galsyncctl(8) or galsyncctl --help\n", safe);
	return CTL_USAGE;
}

enum ctl_status
ctl_link(struct ctl *c, const char *name, uint32_t *ret)
{
	struct err err;

	*ret = 0;
	if (!name)
		return CTL_DONE;
	if (store_link_id(c->txn, name, ret, &err) < 0)
		return ctl_fail(&err);
	return *ret ? CTL_DONE : ctl_usage("the map knows no link named '%s'", name);
}

char *
ctl_link_name(struct ctl *c, uint32_t link)
{
	struct err err;
	char *name = NULL;

	if (store_link_name(c->txn, link, &name, &err) < 0 || !name)
		return strdup("?");
	return name;
}

static json_t *
strings(char *const *v, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < n; i++)
		(void)json_array_append_new(a, json_string(v[i]));
	return a;
}

static json_t *
side_json(const struct record_side *s)
{
	char guid[GUID_TEXT_SIZE], sid[SID_TEXT_SIZE] = "";

	guid_format(&s->guid, guid);
	(void)sid_format(s->sid, sid);
	return json_pack("{s:s, s:s, s:o, s:o}", "guid", guid, "dn", s->dn, "sid",
	    *sid ? json_string(sid) : json_null(), "legacy_exchange_dns",
	    strings(s->legacy_dns, s->n_legacy_dns));
}

json_t *
ctl_moment(int64_t at)
{
	char text[CLOCK_TEXT_SIZE];

	if (!at)
		return json_null();
	clock_format_utc(at, text);
	return json_string(text);
}

json_t *
ctl_record_json(struct ctl *c, const struct record *r)
{
	_cleanup_(free) char *link = ctl_link_name(c, r->link);

	return json_pack(
	    "{s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:b, s:s}",
	    "link", link ? link : "?", "kind", kind_name(r->kind), "state",
	    record_state_name(r->state), "active", side_name(r->active), "created", r->created,
	    "rule", r->created && !*r->evidence ? "created" : match_method_name(r->rule),
	    "evidence", r->evidence, "source", side_json(&r->side[SOURCE]), "target",
	    side_json(&r->side[TARGET]), "alias", r->alias, "addresses",
	    strings(r->addresses, r->n_addresses), "created_at", ctl_moment(r->created_at),
	    "synced_at", ctl_moment(r->synced_at), "switched_at", ctl_moment(r->switched_at),
	    "readiness_used", r->ready_used, "last_error", r->last_error);
}

enum ctl_status
ctl_print_json(json_t *o)
{
	struct err err;
	int rc = o ? json_dumpf(o, stdout, JSON_INDENT(2)) : -1;

	json_decref(o);
	if (rc < 0) {
		(void)(ferror(stdout) ? err_sys(&err, errno, "standard output") : err_nomem(&err));
		return ctl_fail(&err);
	}
	(void)putchar('\n');
	return CTL_DONE;
}
