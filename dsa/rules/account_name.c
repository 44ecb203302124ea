/* SPDX-License-Identifier: MIT */
#include "dsa/rules/account_name.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/config/template.h"

/* A user's sAMAccountName has at most this many characters. */
#define SAM_MAX 20

int
account_name_given(const struct conf_link *link, enum kind kind, const struct entry *source,
    const char *attr, char **ret, struct err *err)
{
	*ret = NULL;
	for (size_t i = 0; i < link->n_rows; i++) {
		const struct conf_row *r = &link->rows[i];
		const char *value;

		if (!str_equal_nocase(r->attr, attr) || (r->kinds && !(r->kinds & KIND_BIT(kind))))
			continue;
		if (r->how == ROW_TEMPLATE)
			/* What it lacks gives none. */
			return template_expand(r->source, source, ret, err) < 0 &&
				       err->src == ERR_SYS
				   ? -1
				   : 0;
		value = r->how == ROW_COPY ? entry_get_str(source, r->source) : NULL;
		if (value && !(*ret = strdup(value)))
			return err_nomem(err);
		return 0;
	}
	return 0;
}

char *
account_name_between(const char *attr, const char *value, const struct guid *g)
{
	const char *at = str_equal_nocase(attr, "userPrincipalName") ? strchr(value, '@') : NULL;
	char text[GUID_TEXT_SIZE];

	guid_format(g, text);
	if (!at)
		text[SAM_MAX] = '\0';
	return str_printf("%s%s", text, at ? at : "");
}
