/* SPDX-License-Identifier: MIT */
#include "redirect/tenant.h"

#include <string.h>

#include "redirect/address.h"

static bool
is_route(struct bytes v, const char *domain)
{
	return address_is_smtp(v) && address_in_domain(v, domain);
}

const char *
tenant_route(const struct entry *e, const char *domain)
{
	struct bytes to = entry_get(e, "targetAddress");
	const struct attr *a = entry_find(e, "proxyAddresses");
	const char *found = NULL;

	if (!domain)
		return NULL;
	if (to.data && is_route(to, domain))
		return address_value(to).data;
	for (size_t i = 0; a && i < a->n_values; i++) {
		const char *v = address_value(a->values[i]).data;

		if (is_route(a->values[i], domain) && (!found || strcmp(v, found) < 0))
			found = v;
	}
	return found;
}

bool
tenant_keeps_route(const struct entry *e, const char *domain)
{
	const char *route = tenant_route(e, domain);
	const struct attr *a = entry_find(e, "proxyAddresses");

	for (size_t i = 0; route && a && i < a->n_values; i++)
		if (address_is_smtp(a->values[i]) &&
		    bytes_equal_nocase(address_value(a->values[i]), bytes_of(route)))
			return true;
	return false;
}
