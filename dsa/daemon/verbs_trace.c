/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/verbs_trace.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/daemon/verbs_wait.h"
#include "dsa/daemon/verbs_who.h"
#include "dsa/view/view_members.h"

/* The sides that NAME means: a bit for each; 0 if there is none of that name. */
static unsigned
sides_named(const struct conf_link *link, const char *name)
{
	unsigned sides = 0;

	if (!name || strcmp(name, link->source->name) == 0)
		sides |= 1U << SOURCE;
	if (!name || strcmp(name, link->target->name) == 0)
		sides |= 1U << TARGET;
	return sides;
}

/* What cannot be the domain of an address would be told to leave both organizations. */
static bool
is_domain(const char *s)
{
	return *s && !s[strcspn(s, " <>()[]\"',;:/\\")];
}

static bool
is_address(const char *s)
{
	const char *at = strrchr(s, '@');

	if (str_has_control(s))
		return false;
	return s[0] == '/' || str_starts_nocase(s, "x500:/") ||
	       (at && at != s && s[0] != ' ' && is_domain(at + 1));
}

void
verb_trace(struct verbs *v, struct client *c, const json_t *request)
{
	const char *address = json_string_value(json_object_get(request, "address"));
	const char *from = json_string_value(json_object_get(request, "from"));
	struct worker *w = verbs_worker(v, c, request);
	unsigned sides = w ? sides_named(worker_link(w), from) : 0;
	char *copy;

	if (!w)
		return;
	if (!sides) {
		client_refuse(c, "link '%s' has no forest '%.64s': it is '%s' or '%s'",
		    worker_link(w)->name, from, worker_link(w)->source->name,
		    worker_link(w)->target->name);
		return;
	}
	if (!address || !is_address(address)) {
		char shown[600];

		err_escape(shown, sizeof shown, bytes_of(address ? address : ""));
		client_refuse(c,
		    "'%.200s' is no address: allowed are LOCAL@DOMAIN, X500:/O=..., and /O=...",
		    shown);
		return;
	}
	copy = strdup(address);
	if (!copy)
		client_refuse(c, "out of memory");
	else
		verbs_wait_for(c, w, worker_request_trace(w, copy, sides), -1);
}

/* A name of an attribute as directories have them. */
static bool
is_attribute(const char *s)
{
	return *s && strlen(s) <= 128 &&
	       !s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")];
}

void
verb_explain(struct verbs *v, struct client *c, const json_t *request)
{
	const char *who = json_string_value(json_object_get(request, "who"));
	const json_t *attribute = json_object_get(request, "attribute");
	const char *name = json_string_value(attribute);
	struct worker *w = verbs_worker(v, c, request);
	char *copy, *copy_of_name;

	if (!w)
		return;
	if (!who || !*who) {
		client_refuse(c, "\"who\" is an address, a name, a DN, a GUID or a SID");
		return;
	}
	if (attribute && (!name || !is_attribute(name))) {
		client_refuse(c, "\"attribute\" is the lDAPDisplayName of an attribute");
		return;
	}
	copy = strdup(who);
	copy_of_name = name ? strdup(name) : NULL;
	if (!copy || (name && !copy_of_name)) {
		free(copy);
		free(copy_of_name);
		client_refuse(c, "out of memory");
		return;
	}
	verbs_wait_for(c, w, worker_request_explain(w, copy, copy_of_name), -1);
}

/* One letter is the name of everybody. */
static bool
is_name(const char *s)
{
	return strlen(s) > 1 && strlen(s) <= 256 && !str_has_control(s) && utf8_valid(bytes_of(s));
}

void
verb_find(struct verbs *v, struct client *c, const json_t *request)
{
	const char *text = json_string_value(json_object_get(request, "text"));
	struct worker *w = verbs_worker(v, c, request);
	char *copy;

	if (!w)
		return;
	if (!text || !is_name(text)) {
		client_refuse(c, "\"text\" is how a name begins, 2 to 256 octets");
		return;
	}
	copy = strdup(text);
	if (!copy)
		client_refuse(c, "out of memory");
	else
		verbs_wait_for(c, w, worker_request_find(w, copy), -1);
}

/* The number NAME of REQUEST, from 1 to MAX; FALLBACK without it. 0: C is refused. */
static uint64_t
take_number(
    struct client *c, const json_t *request, const char *name, uint64_t fallback, uint64_t max)
{
	const json_t *v = json_object_get(request, name);
	json_int_t n = json_integer_value(v);

	if (!v)
		return fallback;
	if (n > 0 && (uint64_t)n <= max)
		return (uint64_t)n;
	client_refuse(c, "\"%s\" is a number from 1 to %llu", name, (unsigned long long)max);
	return 0;
}

void
verb_members(struct verbs *v, struct client *c, const json_t *request)
{
	const char *who = json_string_value(json_object_get(request, "who"));
	struct worker *w = verbs_worker(v, c, request);
	uint64_t page, size;
	struct guid *group;
	char why[512];

	if (!w)
		return;
	page = take_number(c, request, "page", 1, UINT32_MAX);
	size = page ? take_number(c, request, "size", VIEW_MEMBERS_SIZE, VIEW_MEMBERS_SIZE_MAX) : 0;
	if (!page || !size)
		return;
	group = calloc(1, sizeof *group);
	if (!group) {
		client_refuse(c, "out of memory");
		return;
	}
	if (!verbs_identify_one(
		v, worker_link(w)->name, who ? who : "", true, group, why, sizeof why)) {
		client_refuse(c, "%s", why);
		free(group);
		return;
	}
	verbs_wait_for(c, w, worker_request_members(w, group, page, size), -1);
}
