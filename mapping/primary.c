/* SPDX-License-Identifier: MIT */
#include "mapping/primary.h"

#include <string.h>

static const char type[] = "SMTP:";

#define TYPE_LEN (sizeof type - 1)

static struct bytes
address_of(struct bytes v)
{
	return (struct bytes){(const char *)v.data + TYPE_LEN, v.len - TYPE_LEN};
}

/* Not worse than the others at first sight; what is written is looked at closer (address.h). */
static bool
looks_well(struct bytes address)
{
	const uint8_t *p = address.data;
	const uint8_t *at = memrchr(p, '@', address.len);

	for (size_t i = 0; i < address.len; i++)
		if (p[i] <= ' ')
			return false;
	return at && at != p && at != p + address.len - 1;
}

static int
rank(struct bytes v, struct bytes mail)
{
	struct bytes address = address_of(v);

	if (mail.len && bytes_equal_nocase(address, mail))
		return 2;
	return looks_well(address);
}

struct bytes
primary_of(const struct entry *e)
{
	const struct attr *a = entry_find(e, "proxyAddresses");
	struct bytes mail = entry_get(e, "mail"), best = {NULL, 0};

	for (size_t i = 0; a && i < a->n_values; i++) {
		struct bytes v = a->values[i];
		int better;

		if (v.len <= TYPE_LEN || memcmp(v.data, type, TYPE_LEN) != 0)
			continue;
		better = best.data ? rank(v, mail) - rank(best, mail) : 1;
		if (better > 0 || (better == 0 && bytes_compare(v, best) < 0))
			best = v;
	}
	return best.data ? address_of(best) : mail;
}
