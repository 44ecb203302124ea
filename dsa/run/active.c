/* SPDX-License-Identifier: MIT */
#include "dsa/run/active.h"

struct active_conf
active_conf_of(const struct conf_link *link)
{
	return (struct active_conf){
	    .redirect_domain = {link->source->redirect_domain, link->target->redirect_domain},
	    .adopted = {link->adopted_domains[SOURCE], link->adopted_domains[TARGET]},
	    .routing_domain = link->target->routing_domain,
	    .stamp_attribute = link->target->stamp_attribute,
	    .marker_attribute = link->marker_attribute};
}

int
active_read(const struct run *run, const struct record *r, struct active_side *ret, struct err *err)
{
	const struct active_conf conf = active_conf_of(run->link);
	const char *const attrs[] = {"objectGUID", "objectClass", "proxyAddresses", "targetAddress",
	    "homeMDB", "msExchHomeServerName", "msExchRecipientTypeDetails", conf.stamp_attribute,
	    conf.marker_attribute, NULL};
	_cleanup_(entry_free) struct entry *source = NULL, *target = NULL;

	if (!guid_is_zero(&r->side[SOURCE].guid) &&
	    dir_read_guid(run->dir[SOURCE], &r->side[SOURCE].guid, attrs, &source, err) < 0)
		return -1;
	if (!guid_is_zero(&r->side[TARGET].guid) &&
	    dir_read_guid(run->dir[TARGET], &r->side[TARGET].guid, attrs, &target, err) < 0)
		return -1;
	*ret = active_side_of(&conf, (const struct entry *const[SIDES]){source, target}, r);
	return 0;
}
