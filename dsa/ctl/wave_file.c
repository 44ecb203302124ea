/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/wave_file.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/csv.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/shown.h"
#include "dsa/view/view_wave.h"

#define WHO_MAX 4096

static const char *const headers[] = {"who", "alias", "mail", "email", "e-mail", "address",
    "emailaddress", "primarysmtpaddress", "windowsemailaddress", "identity", "mailnickname",
    "mailbox", "dn", "distinguishedname", "guid", "objectguid", "sid", "objectsid"};

void
wave_file_done(struct wave_file *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->lines[i].who);
	free(f->lines);
	*f = (struct wave_file){0};
}

static bool
is_header(const char *who)
{
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		if (str_equal_nocase(who, headers[i]))
			return true;
	return false;
}

static const char *
check_who(const char *who)
{
	if (!*who)
		return "its first column is empty: it names the mailbox";
	return strlen(who) > WHO_MAX ? "its first column is longer than 4096 octets" : NULL;
}

static int
add_line(struct wave_file *f, unsigned number, const char *who, struct err *err)
{
	char *text = strdup(who);

	if (!text || list_grow(f->lines, f->n, f->cap) < 0) {
		free(text);
		return err_nomem(err);
	}
	f->lines[f->n++] = (struct wave_line){text, number};
	return 0;
}

struct reading {
	struct wave_file f;
	json_t **problems;
};

static int
add_problem(json_t **problems, const struct csv_line *l, const char *wrong, struct err *err)
{
	char shown[80];

	err_escape(shown, sizeof shown, l->raw);
	json_add_item(problems, view_wave_problem(l->number, shown, wrong));
	return *problems ? 0 : err_nomem(err);
}

static int
take_line(const struct csv_line *l, void *arg, struct err *err)
{
	struct reading *r = arg;
	const char *wrong = l->wrong ? l->wrong : check_who(l->columns[0]);

	if (wrong)
		return add_problem(r->problems, l, wrong, err);
	/* Only where no mailbox was named yet. */
	if (!r->f.n && !r->f.header && !json_array_size(*r->problems) && is_header(l->columns[0])) {
		r->f.header = l->number;
		return 0;
	}
	return add_line(&r->f, l->number, l->columns[0], err);
}

int
wave_file_read(const char *path, struct wave_file *ret, json_t **problems, struct err *err)
{
	struct reading r = {.problems = problems};

	if (csv_read(path, take_line, &r, err) < 0) {
		wave_file_done(&r.f);
		return -1;
	}
	*ret = r.f;
	return 0;
}

int
wave_file_add(struct wave_file *f, const char *who, struct err *err)
{
	return add_line(f, (unsigned)f->n + 1, who, err);
}

void
wave_file_tell_header(const struct wave_file *f, const char *path)
{
	if (f->header)
		(void)fprintf(stderr, "galsyncctl: '%s': line %u is taken for a header\n",
		    shown(path), f->header);
}

void
wave_file_print_problem(const char *path, const json_t *problem)
{
	(void)fprintf(stderr, "%s:%lld: %s: %s\n", shown(path), number_of(problem, "line"),
	    text_of(problem, "who"), text_of(problem, "text"));
}
