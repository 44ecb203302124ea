/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_NAMED_ATTRS_H
#define GALSYNC_RULES_NAMED_ATTRS_H

/*
 * The attributes that the configuration names, against the schemas of the forests. Pure.
 *
 * A name that no schema knows is a typing mistake, and a silent one: a directory gives no value for
 * it, so a filter is true of nobody, a match rule finds nobody, and a template fails for everybody.
 * So nothing is synchronized with one.
 *
 *   where the name is                     must be in the schema of
 *   stamp_attribute                       the target; and fit for a text of galsync's own
 *   marker_attribute                      the source; likewise
 *   readiness_attribute                   the source; not for every user to write
 *   client_attribute                      the source; a text that an ordinary write can set
 *   filter of a scope                     the source
 *   primary_address, redirect_address     the source
 *   match "attribute:SOURCE=TARGET"       the source; the target
 *   attributes.attribute                  the target; and be writable
 *   attributes.source, template value     the source
 *   adopt: attribute of a side            that side
 *   adopt: keep                           one of them
 *
 *   feed -> entry -> match -> [project] -> diff -> plan -> exec -> record
 */

#include "dsa/directory/schema.h"
#include "dsa/rules/mistake.h"

/* Adds what is wrong with the names in LINK to RET. SCHEMA by side; NULL: what must be there is not
 * checked. */
void named_attrs_check(
    const struct conf_link *link, const struct schema *const schema[SIDES], struct mistakes *ret);

#endif
