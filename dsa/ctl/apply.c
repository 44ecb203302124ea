/* SPDX-License-Identifier: MIT */
/* apply: the steps of a saved plan are made. The file is read whole and found right before anything
 * is asked for. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/shown.h"
#include "dsa/exec/plan_text.h"

/* What a request may hold; see galsync-control(7). */
#define PART_MAX 500
#define PART_OCTETS 200000

struct step {
	enum side originals;
	struct guid source;
	uint8_t digest[PLAN_DIGEST_LEN];
	char *dn;
};

struct saved {
	char *link;
	struct step *v;
	size_t n, cap, held;
};

static void
saved_donep(struct saved *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].dn);
	free(s->v);
	free(s->link);
}

static int
add_step(
    struct saved *s, const struct plan_reader *r, const struct plan_step *step, struct err *err)
{
	struct step *x;

	if (list_grow(s->v, s->n, s->cap) < 0)
		return err_nomem(err);
	x = &s->v[s->n];
	*x = (struct step){.originals = plan_reader_flow(r),
	    .source = step->guid,
	    .dn = strdup(step->changes[0].change->dn)};
	if (!x->dn)
		return err_nomem(err);
	s->n++;
	return plan_step_digest(step, x->originals, x->digest, err);
}

static int
take_line(struct saved *s, struct plan_reader *r, struct bytes line, struct err *err)
{
	_cleanup_(plan_line_done) struct plan_line l = {.json = NULL};

	if (plan_reader_take(r, line, &l, err) < 0)
		return -1;
	s->held += l.held != NULL;
	return l.kind == PLAN_LINE_STEP && !l.held ? add_step(s, r, l.step, err) : 0;
}

static int
read_lines(FILE *f, struct plan_reader *r, struct saved *s, struct err *err)
{
	_cleanup_(free) char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int rc = 0;

	errno = 0;
	while (rc == 0 && (n = getline(&line, &size, f)) > 0) {
		bool whole = line[n - 1] == '\n';

		rc = take_line(s, r, (struct bytes){line, (size_t)n - whole}, err);
	}
	if (rc == 0 && ferror(f))
		rc = err_sys(err, errno, "the plan");
	return rc < 0 ? -1 : plan_reader_end(r, err);
}

static int
read_saved(const char *name, struct saved *s, struct err *err)
{
	_cleanup_(plan_reader_free) struct plan_reader *r = NULL;
	bool is_stdin = strcmp(name, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(name, "re");
	int rc;

	if (!f)
		return err_sys(err, errno, "'%s'", shown(name));
	rc = plan_reader_new(shown(name), &r, err);
	if (rc == 0)
		rc = read_lines(f, r, s, err);
	if (rc == 0 && !(s->link = strdup(plan_reader_link(r))))
		rc = err_nomem(err);
	if (!is_stdin)
		(void)fclose(f);
	return rc;
}

/* ---- asking ---- */

static json_t *
step_json(const struct step *x)
{
	char text[2 * PLAN_DIGEST_LEN + 1] = "", guid[GUID_TEXT_SIZE];
	json_t *o = json_object();

	for (size_t i = 0; i < PLAN_DIGEST_LEN; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", x->digest[i]);
	guid_format(&x->source, guid);
	json_put_member(&o, "flow", json_string(x->originals == SOURCE ? "forward" : "return"));
	json_put_member(&o, "dn", json_of_text(x->dn));
	if (!guid_is_zero(&x->source))
		json_put_member(&o, "source", json_string(guid));
	json_put_member(&o, "sha256", json_string(text));
	return o;
}

/* The next part, from step *AT on. */
static json_t *
next_part(const struct saved *s, size_t *at)
{
	json_t *steps = json_array(), *o = ctl_request("apply-add", s->link);
	size_t octets = 0;

	for (size_t n = 0; *at < s->n && n < PART_MAX && octets < PART_OCTETS; n++, (*at)++) {
		octets += 2 * strlen(s->v[*at].dn) + 200;
		json_add_item(&steps, step_json(&s->v[*at]));
	}
	json_put_member(&o, "steps", steps);
	return o;
}

static void
print_refused(const json_t *answer)
{
	const json_t *results = json_object_get(answer, "results");

	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *r = json_array_get(results, i);

		(void)printf("REFUSED %s: %s\n", text_of(r, "dn"), text_of(r, "text"));
	}
	if (number_of(answer, "unlisted"))
		(void)printf(
		    "... and %lld more that are not listed\n", number_of(answer, "unlisted"));
	(void)printf(
	    "%lld made in cycle %lld (%lld changes), %lld refused; %lld of the present plan "
	    "are not in the file\n",
	    number_of(answer, "made"), number_of(answer, "cycle"), number_of(answer, "changes"),
	    number_of(answer, "refused"), number_of(answer, "others"));
}

static enum ctl_status
send_steps(const struct ctl *ctl, struct client *c, const struct saved *s)
{
	for (size_t at = 0; at < s->n;) {
		_cleanup_(json_release) json_t *answer = NULL;
		enum ctl_status status = ctl_ask_over(ctl, c, next_part(s, &at), &answer);

		if (status != CTL_DONE)
			return status;
	}
	return CTL_DONE;
}

static enum ctl_status
apply(const struct ctl *ctl, const struct saved *s)
{
	_cleanup_(client_close) struct client *c = NULL;
	_cleanup_(json_release) json_t *answer = NULL;
	enum ctl_status status;
	struct err err;

	if (client_connect(ctl->socket, &c, &err) < 0)
		return ctl_unreachable(&err);
	status = send_steps(ctl, c, s);
	if (status == CTL_DONE)
		status = ctl_ask_over(ctl, c, ctl_request("apply", s->link), &answer);
	if (status != CTL_DONE)
		return status;
	if (!ctl->json)
		print_refused(answer);
	else if (ctl_print_json(json_incref(answer)) != CTL_DONE)
		return CTL_FAILED;
	return (enum ctl_status)number_of(answer, "status");
}

enum ctl_status
ctl_verb_apply(struct ctl *c, int argc, char **argv)
{
	_cleanup_(saved_done) struct saved s = {.link = NULL};
	struct err err;

	if (argc != 2 || (argv[1][0] == '-' && argv[1][1]))
		return ctl_usage("apply FILE");
	if (read_saved(argv[1], &s, &err) < 0)
		return ctl_fail(&err);
	if (s.held && !c->json)
		(void)fprintf(stderr,
		    "galsyncctl: %zu steps were held when '%s' was saved: they are not made\n",
		    s.held, shown(argv[1]));
	if (s.n == 0) {
		(void)fprintf(stderr, "galsyncctl: '%s' has nothing to be made\n", shown(argv[1]));
		return CTL_DONE;
	}
	return apply(c, &s);
}
