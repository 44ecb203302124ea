/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/ctl/shown.h"
#include "dsa/view/view_client.h"
#include "dsa/view/view_record.h"

enum ctl_status
ctl_fail(const struct err *err)
{
	(void)fprintf(stderr, "galsyncctl: %s\n", shown(err->text));
	return CTL_FAILED;
}

enum ctl_status
ctl_unreachable(const struct err *err)
{
	(void)fprintf(stderr, "galsyncctl: %s: is galsyncd running?\n", shown(err->text));
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

enum ctl_status
ctl_flows(struct ctl *c, const char *name, uint32_t ret[SIDES])
{
	enum ctl_status status = ctl_link(c, name, &ret[SOURCE]);
	struct err err;

	ret[TARGET] = 0;
	if (status != CTL_DONE || !name)
		return status;
	return store_flow_ids(c->txn, name, ret, &err) < 0 ? ctl_fail(&err) : CTL_DONE;
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

void
ctl_add_record(struct ctl *c, json_t **list, const struct record *r)
{
	_cleanup_(free) char *link = ctl_link_name(c, r->link);

	json_t *o = view_record(r, link ? link : "?"), *client = NULL;
	struct err ignored;

	if (view_client_read(c->txn, r, &client, &ignored) < 0)
		client = json_null();
	json_put_member(&o, "client", client);
	json_add_item(list, o);
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
