/* SPDX-License-Identifier: MIT */
#include "dsa/portal/request.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"

bool
request_is_clean(const char *uri, bool *too_long)
{
	const char *query = strchr(uri, '?');
	size_t len = query ? (size_t)(query - uri) : strlen(uri);

	*too_long = strlen(uri) > REQUEST_URI_MAX;
	if (*uri != '/' || *too_long || strstr(uri, "%00"))
		return false;
	/* In a path nothing has to be escaped: GUIDs, numbers and words are plain. */
	for (size_t i = 0; i < len; i++)
		if (uri[i] == '%' || uri[i] == '\\' || uri[i] == ';' || (uint8_t)uri[i] <= ' ' ||
		    (uint8_t)uri[i] >= 0x7f || strncmp(uri + i, "//", 2) == 0 ||
		    strncmp(uri + i, "..", 2) == 0)
			return false;
	return true;
}

#define FOUND "/mailboxes/found"

static const struct {
	const char *path;
	enum request_page page;
	enum request_form form;
} fixed[] = {
    {"/", REQUEST_OVERVIEW, REQUEST_HTML},
    {"/overview.csv", REQUEST_OVERVIEW, REQUEST_CSV},
    {"/mailboxes", REQUEST_MAILBOXES, REQUEST_HTML},
    {"/mailboxes.csv", REQUEST_MAILBOXES, REQUEST_CSV},
    {FOUND, REQUEST_MAILBOXES, REQUEST_HTML},
    {FOUND ".csv", REQUEST_MAILBOXES, REQUEST_CSV},
    {"/groups", REQUEST_GROUPS, REQUEST_HTML},
    {"/groups.csv", REQUEST_GROUPS, REQUEST_CSV},
    {"/waves", REQUEST_WAVES, REQUEST_HTML},
    {"/waves.csv", REQUEST_WAVES, REQUEST_CSV},
    {"/problems", REQUEST_PROBLEMS, REQUEST_HTML},
    {"/problems.csv", REQUEST_PROBLEMS, REQUEST_CSV},
    {"/api/overview", REQUEST_OVERVIEW, REQUEST_JSON},
    {"/api/mailboxes", REQUEST_MAILBOXES, REQUEST_JSON},
    {"/api" FOUND, REQUEST_MAILBOXES, REQUEST_JSON},
    {"/api/groups", REQUEST_GROUPS, REQUEST_JSON},
    {"/api/waves", REQUEST_WAVES, REQUEST_JSON},
    {"/api/problems", REQUEST_PROBLEMS, REQUEST_JSON},
    {"/metrics", REQUEST_METRICS, REQUEST_HTML},
    {"/portal.css", REQUEST_CSS, REQUEST_HTML},
    {"/portal.js", REQUEST_JS, REQUEST_HTML},
    {"/portal.svg", REQUEST_ICON, REQUEST_HTML},
};

static const struct {
	const char *name;
	enum request_part part;
} parts[] = {{"/attributes", REQUEST_ATTRIBUTES}, {"/checks", REQUEST_CHECKS},
    {"/way", REQUEST_WAY}, {"/members", REQUEST_MEMBERS}, {"", REQUEST_WHOLE}};

/* Is REST, where pages may have CSV, ".csv"? */
static bool
take_csv(const char *rest, struct portal_request *ret)
{
	if (strcmp(rest, ".csv") == 0 && ret->form == REQUEST_HTML) {
		ret->form = REQUEST_CSV;
		return true;
	}
	return !*rest;
}

/* What is behind the GUID: a longer name first, for the empty one begins them all. */
static bool
take_part(const char *rest, struct portal_request *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		size_t len = strlen(parts[i].name);

		if (strncmp(rest, parts[i].name, len) == 0) {
			ret->part = parts[i].part;
			return take_csv(rest + len, ret);
		}
	}
	return false;
}

static bool
take_mailbox(const char *rest, struct portal_request *ret)
{
	char guid[GUID_TEXT_SIZE];
	size_t len = strcspn(rest, "/.");

	if (len != GUID_TEXT_SIZE - 1)
		return false;
	(void)snprintf(guid, sizeof guid, "%s", rest);
	ret->page = REQUEST_MAILBOX;
	return guid_parse(guid, &ret->guid) && take_part(rest + len, ret);
}

/* "17", or "17.csv". */
static bool
take_wave(const char *rest, struct portal_request *ret)
{
	size_t len = strspn(rest, "0123456789");
	char number[16];
	int64_t n;

	if (!len || len >= sizeof number || *rest == '0')
		return false;
	(void)snprintf(number, sizeof number, "%.*s", (int)len, rest);
	if (!str_to_i64(number, &n) || n > UINT32_MAX)
		return false;
	ret->page = REQUEST_WAVE;
	ret->wave = (uint32_t)n;
	return take_csv(rest + len, ret);
}

bool
request_parse(const char *path, struct portal_request *ret)
{
	*ret = (struct portal_request){.page_of_part = 1, .problems = {-1, 1, ROSTER_SIZE}};
	roster_query_init(&ret->query);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (strcmp(path, fixed[i].path) == 0) {
			ret->page = fixed[i].page;
			ret->form = fixed[i].form;
			if (ret->page == REQUEST_GROUPS)
				ret->query.kind = KIND_GROUP;
			if (strstr(path, FOUND))
				ret->part = REQUEST_FOUND;
			return true;
		}
	if (strncmp(path, "/api/", 5) == 0) {
		ret->form = REQUEST_JSON;
		path += 4;
	}
	if (strncmp(path, "/mailbox/", 9) == 0)
		return take_mailbox(path + 9, ret);
	return strncmp(path, "/wave/", 6) == 0 && take_wave(path + 6, ret);
}

static bool
take_problem(struct portal_request *r, const char *name, const char *value, char *why, size_t size)
{
	enum problem_sort sort = problem_of(value);
	int64_t n;

	if (strcmp(name, "problem") == 0 && *value && sort == PROBLEM_MAX) {
		(void)snprintf(
		    why, size, "problem: '%.64s' is none of conflict, held, retry, error", value);
		return false;
	}
	if (strcmp(name, "problem") == 0) {
		r->problems.sort = *value ? (int)sort : -1;
		return true;
	}
	if (strcmp(name, "page") == 0 && str_to_i64(value, &n) && n > 0 && n <= ROSTER_PAGE_MAX) {
		r->problems.page = n;
		return true;
	}
	(void)snprintf(why, size, "'%.64s' is not understood: problem and page are", name);
	return false;
}

static bool
take_page(struct portal_request *r, const char *value, char *why, size_t size)
{
	int64_t n;

	if (str_to_i64(value, &n) && n > 0 && n <= ROSTER_PAGE_MAX) {
		r->page_of_part = n;
		return true;
	}
	(void)snprintf(why, size, "page: '%.64s' is no number of a page", value);
	return false;
}

static bool
take_table(struct portal_request *r, const char *value, char *why, size_t size)
{
	if (strlen(value) <= REQUEST_TABLE_MAX &&
	    !value[strspn(value, "abcdefghijklmnopqrstuvwxyz-")]) {
		(void)snprintf(r->table, sizeof r->table, "%s", value);
		return true;
	}
	(void)snprintf(why, size, "table: allowed is the name of one on the page");
	return false;
}

bool
request_take(struct portal_request *r, const char *name, const char *value, char *why, size_t size)
{
	if (r->part == REQUEST_FOUND && strcmp(name, "q") != 0 && strcmp(name, "link") != 0) {
		(void)snprintf(why, size, "'%.64s' is not understood: q and link are", name);
		return false;
	}
	if (r->page == REQUEST_MAILBOXES || r->page == REQUEST_GROUPS) {
		if (r->page == REQUEST_GROUPS && strcmp(name, "kind") == 0 &&
		    strcmp(value, "group") != 0) {
			(void)snprintf(why, size, "kind: here are groups");
			return false;
		}
		return roster_query_set(&r->query, name, value, why, size);
	}
	if (r->part == REQUEST_MEMBERS && strcmp(name, "page") == 0)
		return take_page(r, value, why, size);
	if (strcmp(name, "table") == 0 && r->form == REQUEST_CSV && r->page != REQUEST_WAVES &&
	    r->page != REQUEST_WAVE)
		return take_table(r, value, why, size);
	if (r->page == REQUEST_PROBLEMS)
		return take_problem(r, name, value, why, size);
	(void)snprintf(why, size, "this page takes no '%.64s'", name);
	return false;
}

bool
request_host_is_local(const char *host)
{
	static const char *const local[] = {"localhost", "127.0.0.1", "[::1]"};

	for (size_t i = 0; i < ARRAY_SIZE(local); i++) {
		size_t len = strlen(local[i]);

		if (strncasecmp(host, local[i], len) == 0 &&
		    (!host[len] || (host[len] == ':' && host[len + 1] &&
				       !host[len + 1 + strspn(host + len + 1, "0123456789")])))
			return true;
	}
	return false;
}
