/* SPDX-License-Identifier: MIT */
/* Lines as proxyAddresses: "=value" is wanted, "-value" is there and may be removed, anything else
 * is there. The merge must keep what it must keep, and find nothing to do the second time. */
#include "fuzz.h"

#include "redirect/address.h"

struct removable {
	struct address_list list;
};

static bool
may_remove(struct bytes v, void *arg)
{
	const struct removable *r = arg;

	return address_list_find(&r->list, v) >= 0;
}

static bool
is_type(struct bytes v, const char *type)
{
	return v.len > strlen(type) && str_starts_nocase(v.data, type);
}

/* A directory holds no two values that differ in case only, and one primary at most. */
static void
add_present(struct entry *e, struct bytes v, bool *primary)
{
	const struct attr *a = entry_find(e, "proxyAddresses");

	if (!v.len || (a && attr_has(a, v, true)) || (address_is_primary(v) && *primary))
		return;
	*primary |= address_is_primary(v);
	CHECK(entry_add(e, "proxyAddresses", v) == 0);
}

static void
read_lines(const char *s, struct address_list *want, struct entry *e, struct removable *r)
{
	bool primary = false;

	while (*s) {
		size_t len = strcspn(s, "\n");
		_cleanup_(free) char *line = strndup(s, len);
		struct bytes v = bytes_of(line + (*line == '=' || *line == '-'));

		if (*line == '=' && v.len && address_is_primary(v))
			CHECK(address_list_set_primary(want, (const char *)v.data + 5) == 0);
		else if (*line == '=' && v.len)
			CHECK(address_list_add(want, v) == 0);
		else
			add_present(e, v, &primary);
		if (*line == '-')
			CHECK(address_list_add(&r->list, v) == 0);
		s += len + (s[len] == '\n');
	}
}

/* Carries the modifications out as a directory would: refusing what it would refuse. */
static void
execute(const struct change *c, struct entry *e)
{
	for (size_t i = 0; i < c->n_mods; i++)
		for (size_t j = 0; j < c->mods[i].n_values; j++) {
			const struct attr *a = entry_find(e, "proxyAddresses");
			struct bytes v = c->mods[i].values[j];
			_cleanup_(entry_free) struct entry *left = entry_new("");

			if (c->mods[i].op == MOD_ADD) {
				CHECK(!a || !attr_has(a, v, true));
				CHECK(entry_add(e, "proxyAddresses", v) == 0);
				continue;
			}
			CHECK(c->mods[i].op == MOD_DELETE && a && attr_has(a, v, false));
			for (size_t k = 0; k < a->n_values; k++)
				if (!bytes_equal(a->values[k], v))
					CHECK(entry_add(left, "x", a->values[k]) == 0);
			entry_remove(e, "proxyAddresses");
			a = entry_find(left, "x");
			for (size_t k = 0; a && k < a->n_values; k++)
				CHECK(entry_add(e, "proxyAddresses", a->values[k]) == 0);
		}
}

static size_t
count(const struct attr *a, const char *type, bool exact)
{
	size_t n = 0;

	for (size_t i = 0; a && i < a->n_values; i++)
		n += exact ? address_is_primary(a->values[i]) : is_type(a->values[i], type);
	return n;
}

static void
check_result(const struct attr *before, const struct attr *after, const struct address_list *want,
    struct removable *r)
{
	size_t primaries = 0;

	for (size_t i = 0; i < want->n; i++) {
		primaries += address_is_primary(want->values[i]);
		CHECK(is_type(want->values[i], "sip:") ||
		      (after && attr_has(after, want->values[i], true)));
	}
	CHECK(primaries <= 1 && count(after, "SMTP:", true) <= 1);
	CHECK(!primaries || count(after, "SMTP:", true) == 1);
	CHECK(count(after, "sip:", false) <= 1 ||
	      count(after, "sip:", false) <= count(before, "sip:", false));
	for (size_t i = 0; before && i < before->n_values; i++) {
		struct bytes v = before->values[i];

		CHECK((after && attr_has(after, v, true)) ||
		      (may_remove(v, r) && !address_is_x500(v)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(free) char *s = bytes_dup((struct bytes){data, size});
	_cleanup_(entry_free) struct entry *e = entry_new("x"), *before = NULL;
	_cleanup_(address_list_done) struct address_list want = {0};
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, "x", NULL);
	_cleanup_(change_free) struct change *none = change_new(CHANGE_MODIFY, "x", NULL);
	struct removable r = {0};

	(void)address_local_ok(s);
	read_lines(s, &want, e, &r);
	before = entry_dup(e);
	CHECK(address_merge(&want, entry_find(e, "proxyAddresses"), may_remove, &r, c) == 0);
	execute(c, e);
	check_result(
	    entry_find(before, "proxyAddresses"), entry_find(e, "proxyAddresses"), &want, &r);
	CHECK(address_merge(&want, entry_find(e, "proxyAddresses"), may_remove, &r, none) == 0);
	CHECK(change_is_empty(none));
	address_list_done(&r.list);
	return 0;
}
