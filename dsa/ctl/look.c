/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/look.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/mem.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/shown.h"

/* Columns by the member of `checks`. S and T: of the source's and the target's object. */
static const struct {
	const char *member, *head;
} columns[] = {
    {"map", "MAP"},
    {"settled", "SETTLED"},
    {"stamp", "STAMP"},
    {"source_object", "S-OBJ"},
    {"source_mailbox", "S-BOX"},
    {"source_address", "S-ADDR"},
    {"source_unique", "S-ONLY"},
    {"source_x500", "S-X500"},
    {"source_redirection", "S-LEADS"},
    {"target_object", "T-OBJ"},
    {"target_mailbox", "T-BOX"},
    {"target_tenant", "T-TEN"},
    {"target_address", "T-ADDR"},
    {"target_unique", "T-ONLY"},
    {"target_x500", "T-X500"},
    {"target_redirection", "T-LEADS"},
    {"finished", "FINISHED"},
};

static const char *
cell_of(const json_t *check)
{
	return json_is_true(check) ? "ok" : json_is_string(check) ? "NO" : "-";
}

static void
print_row(const json_t *r)
{
	const json_t *checks = json_object_get(r, "checks");
	const char *text = text_of(r, "text");

	(void)printf("%-6s", json_is_true(json_object_get(r, "ok")) ? "ok" : "BROKEN");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		(void)printf(" %-*s", (int)strlen(columns[i].head),
		    cell_of(json_object_get(checks, columns[i].member)));
	(void)printf(" %s%s%s\n", text_of(r, "dn"), *text ? ": " : "", text);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (json_is_string(json_object_get(checks, columns[i].member)))
			(void)printf(
			    "       %s: %s\n", columns[i].head, text_of(checks, columns[i].member));
}

void
look_print(const json_t *answer)
{
	const json_t *results = json_object_get(answer, "results");

	if (json_array_size(results)) {
		(void)printf("%-6s", "");
		for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
			(void)printf(" %s", columns[i].head);
		(void)puts(" MAILBOX");
	}
	for (size_t i = 0; i < json_array_size(results); i++)
		print_row(json_array_get(results, i));
	if (number_of(answer, "unlisted"))
		(void)printf(
		    "... and %lld more that are not listed\n", number_of(answer, "unlisted"));
	(void)printf("%lld checked, %lld broken, %lld %s\n", number_of(answer, "checked"),
	    number_of(answer, "broken"), number_of(answer, "already"),
	    strcmp(text_of(answer, "turn"), "undo") == 0 ? "not switched" : "switched already");
}
