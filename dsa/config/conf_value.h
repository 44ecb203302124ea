/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CONFIG_CONF_VALUE_H
#define GALSYNC_CONFIG_CONF_VALUE_H

/* What single values of the configuration must look like; conf_check.c has what they must be
 * together. */

#include <stdbool.h>
#include <stddef.h>

/* False with the reason in WHY ("is no DN: ..."): the message reads "'VALUE' WHY". */
typedef bool conf_value_check(const char *value, char *why, size_t size);

/* Of every text: it is there, it is UTF-8, and it has no control character. The others expect that.
 */
conf_value_check conf_check_text;
conf_value_check conf_check_name, conf_check_dns, conf_check_event, conf_check_url, conf_check_attr,
    conf_check_dn, conf_check_filter, conf_check_pattern, conf_check_legacy_dn,
    conf_check_principal, conf_check_bind_dn;
/* Templates: of text, of an address, of the local part of one. No two objects have one address. */
conf_value_check conf_check_template, conf_check_address_template, conf_check_local_template;
/* Files, which they open: CHECK is one of these if conf_check_opens(CHECK). */
conf_value_check conf_check_secret_file, conf_check_readable_file, conf_check_program;
bool conf_check_opens(conf_value_check *check);

#define CONF_TEMPLATE_HELP                                                                         \
	"text with %{attributeName}, %{attributeName:lower} and %% for a percent sign"

#define CONF_PATTERN_HELP                                                                          \
	"an extended regular expression (regex(7)) with at most one group ( ), which is the key"

#endif
