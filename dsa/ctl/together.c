/* SPDX-License-Identifier: MIT */
/* wave suggest: who must move together. And what it selects by a group, an OU or a filter, for a
 * wave of these. */
#include "dsa/ctl/together.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/csv.h"
#include "dsa/base/replace.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/shown.h"

#define USAGE                                                                                      \
	"wave suggest [--group DN | --ou DN | --filter FILTER | --file FILE] [--csv FILE] [LINK]"

const char *
together_selector(int i, char **argv)
{
	if (strcmp(argv[i], "--group") == 0)
		return "group";
	if (strcmp(argv[i], "--ou") == 0)
		return "ou";
	return strcmp(argv[i], "--filter") == 0 ? "filter" : NULL;
}

/* ---- text ---- */

/* An answer by its sets. */
struct shown_sets {
	json_t *called;	    /* GUID -> what people call the mailbox */
	json_t **v, **ties; /* mailboxes and ties, by set; borrowed */
	size_t n, n_ties;
};

static void
shown_sets_donep(struct shown_sets *s)
{
	json_decref(s->called);
	free(s->v);
	free(s->ties);
}

static int
by_set(const void *x, const void *y)
{
	long long p = number_of(*(json_t *const *)x, "set");
	long long q = number_of(*(json_t *const *)y, "set");

	return p < q ? -1 : p > q;
}

/* The items of LIST by their sets; NULL without memory. */
static json_t **
sorted(const json_t *list, size_t *ret_n)
{
	size_t n = json_array_size(list);
	json_t **v = calloc(n + 1, sizeof(json_t *));

	for (size_t i = 0; v && i < n; i++)
		v[i] = json_array_get(list, i);
	if (v && n)
		qsort(v, n, sizeof(json_t *), by_set);
	*ret_n = v ? n : 0;
	return v;
}

static void
take_answer(const json_t *answer, struct shown_sets *ret)
{
	const json_t *mailboxes = json_object_get(answer, "mailboxes");

	ret->called = json_object();
	ret->v = sorted(mailboxes, &ret->n);
	ret->ties = sorted(json_object_get(answer, "ties"), &ret->n_ties);
	for (size_t i = 0; i < ret->n; i++) {
		const char *guid = json_string_value(json_object_get(ret->v[i], "guid"));
		const char *name = *text_of(ret->v[i], "mail") ? "mail" : "dn";

		if (guid)
			(void)json_object_set(ret->called, guid, json_object_get(ret->v[i], name));
	}
}

static void
print_tie(const struct shown_sets *s, const json_t *tie)
{
	bool split = json_is_true(json_object_get(tie, "split"));

	(void)printf("  %-5s %-14s %s -> %s", split ? "SPLIT" : "", text_of(tie, "tie"),
	    text_of(s->called, text_of(tie, "from")), text_of(s->called, text_of(tie, "to")));
	(void)printf(": apart, the latter %s\n", text_of(tie, "breaks"));
}

/* N mailboxes from I on; their ties are from *TIE on. */
static void
print_set(const struct shown_sets *s, size_t i, size_t n, size_t *tie)
{
	long long set = number_of(s->v[i], "set");

	for (size_t k = i; k < i + n; k++)
		(void)printf("  %-5s %s %s\n",
		    json_is_true(json_object_get(s->v[k], "asked")) ? "" : "also",
		    *text_of(s->v[k], "mail") ? text_of(s->v[k], "mail") : "-",
		    text_of(s->v[k], "dn"));
	while (*tie < s->n_ties && number_of(s->ties[*tie], "set") < set)
		(*tie)++;
	for (; *tie < s->n_ties && number_of(s->ties[*tie], "set") == set; (*tie)++)
		print_tie(s, s->ties[*tie]);
}

static void
print_sets(const json_t *answer)
{
	_cleanup_(shown_sets_done) struct shown_sets s = {.called = NULL};
	size_t number = 0, alone = 0, tie = 0, n;

	take_answer(answer, &s);
	for (size_t i = 0; i < s.n; i += n) {
		for (n = 1; i + n < s.n && by_set(&s.v[i], &s.v[i + n]) == 0; n++)
			;
		if (n == 1) {
			alone++;
			continue;
		}
		(void)printf("set %zu: %zu mailboxes\n", ++number, n);
		print_set(&s, i, n, &tie);
	}
	if (number_of(answer, "unlisted"))
		(void)printf(
		    "... and %lld more that are not listed\n", number_of(answer, "unlisted"));
	(void)printf("%lld mailboxes asked about; %lld sets, %zu alone, %lld ties split\n",
	    number_of(answer, "asked"), number_of(answer, "sets"), alone,
	    number_of(answer, "splits"));
}

void
together_print_splits(const json_t *answer)
{
	_cleanup_(shown_sets_done) struct shown_sets s = {.called = NULL};

	take_answer(answer, &s);
	for (size_t i = 0; i < s.n_ties; i++)
		if (json_is_true(json_object_get(s.ties[i], "split")))
			print_tie(&s, s.ties[i]);
	if (number_of(answer, "splits"))
		(void)printf("%lld ties would be split: galsyncctl wave suggest names who should "
			     "be in it too\n",
		    number_of(answer, "splits"));
}

/* ---- a file for a wave ---- */

static void
add_line(struct buf *text, const json_t *m)
{
	char set[32];

	(void)snprintf(set, sizeof set, "%lld", number_of(m, "set"));
	csv_add_cell(text, text_of(m, "guid"), ',');
	csv_add_cell(text, set, ',');
	csv_add_cell(text, text_of(m, "mail"), ',');
	csv_add_cell(text, text_of(m, "dn"), ',');
	csv_add_cell(text, json_is_true(json_object_get(m, "asked")) ? "asked" : "also", '\n');
}

static int
write_file(const char *file, const json_t *answer, struct err *err)
{
	const json_t *mailboxes = json_object_get(answer, "mailboxes");
	_cleanup_(replace_abort) struct replace *r = NULL;
	_cleanup_(buf_done) struct buf text = {0};

	buf_add_str(&text, "guid,set,mail,dn,why\n");
	for (size_t i = 0; i < json_array_size(mailboxes); i++)
		add_line(&text, json_array_get(mailboxes, i));
	if (text.failed)
		return err_nomem(err);
	if (strcmp(file, "-") == 0)
		return fwrite(text.data, 1, text.len, stdout) == text.len
			   ? 0
			   : err_sys(err, errno, "standard output");
	if (replace_begin(file, true, &r, err) < 0 || replace_write(r, buf_bytes(&text), err) < 0)
		return -1;
	return replace_end(TAKE(r), true, err);
}

/* ---- the verb ---- */

/* A wave of some of them would not be what was asked for. */
static enum ctl_status
check_whole(const json_t *answer)
{
	if (!number_of(answer, "unlisted"))
		return CTL_DONE;
	(void)fprintf(stderr,
	    "galsyncctl: there are %lld mailboxes or ties more than an answer "
	    "lists: ask for fewer at a time\n",
	    number_of(answer, "unlisted"));
	return CTL_FAILED;
}

enum ctl_status
together_select(struct ctl *c, json_t *request, struct wave_file *ret)
{
	_cleanup_(json_release) json_t *answer = NULL;
	enum ctl_status status = ctl_ask(c, request, &answer);
	const json_t *mailboxes = json_object_get(answer, "mailboxes");

	if (status != CTL_DONE && status != CTL_HELD)
		return status;
	status = check_whole(answer);
	for (size_t i = 0; status == CTL_DONE && i < json_array_size(mailboxes); i++) {
		const json_t *m = json_array_get(mailboxes, i);
		struct err err;

		if (json_is_true(json_object_get(m, "asked")) &&
		    wave_file_add(ret, text_of(m, "guid"), &err) < 0)
			status = ctl_fail(&err);
	}
	return status;
}

static enum ctl_status
tell(const struct ctl *c, const json_t *answer, const char *csv)
{
	struct err err;

	if (csv && check_whole(answer) != CTL_DONE)
		return CTL_FAILED;
	if (csv && write_file(csv, answer, &err) < 0)
		return ctl_fail(&err);
	if (csv && strcmp(csv, "-") == 0)
		return CTL_DONE;
	if (c->json)
		return ctl_print_json(json_incref((json_t *)(uintptr_t)answer));
	print_sets(answer);
	return CTL_DONE;
}

static enum ctl_status
ask(struct ctl *c, json_t *request, const char *csv)
{
	_cleanup_(json_release) json_t *answer = NULL;
	enum ctl_status status = ctl_ask(c, request, &answer), told;

	if (!answer)
		return status;
	told = tell(c, answer, csv);
	return told == CTL_DONE ? (enum ctl_status)number_of(answer, "status") : told;
}

enum ctl_status
ctl_verb_wave_suggest(struct ctl *c, int argc, char **argv)
{
	_cleanup_(json_release) json_t *request = ctl_request("wave-suggest", NULL);
	_cleanup_(json_release) json_t *objects = json_array();
	const char *csv = NULL, *link = NULL, *file = NULL, *selector = NULL, *member;
	enum ctl_status status = CTL_DONE;

	/* argv[1] is "suggest". */
	for (int i = 2; i < argc && status == CTL_DONE; i++) {
		if (i + 1 < argc && (member = together_selector(i, argv)) && !selector && !file) {
			selector = member;
			json_put_member(&request, member, json_of_text(argv[++i]));
		} else if (i + 1 < argc && strcmp(argv[i], "--csv") == 0 && !csv)
			csv = argv[++i];
		else if (i + 1 < argc && strcmp(argv[i], "--file") == 0 && !file && !selector)
			status = ctl_read_list(file = argv[++i], &objects);
		else if (argv[i][0] != '-' && !link)
			link = argv[i];
		else
			return ctl_usage("wave suggest: '%s' is not understood: " USAGE, argv[i]);
	}
	if (status != CTL_DONE)
		return status;
	if (link)
		json_put_member(&request, "link", json_of_text(link));
	if (file)
		json_put_member(&request, "objects", TAKE(objects));
	return ask(c, TAKE(request), csv);
}
