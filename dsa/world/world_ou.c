/* SPDX-License-Identifier: MIT */
/* Which OUs of the target are there: each is read once in a cycle, also in a full one, because the
 * bulk reads are about recipients. */
#include "dsa/world/world_priv.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/directory/dn.h"

void
world_forget_ous(struct world *w)
{
	while (w->n_ous)
		free(w->ous[--w->n_ous].norm);
	while (w->n_asked_ous)
		free(w->asked_ous[--w->n_asked_ous]);
}

/* Takes NORM over. */
static int
put_known(struct world *w, char *norm, bool there, struct err *err)
{
	_cleanup_(free) char *own = norm;

	if (list_grow(w->ous, w->n_ous, w->cap_ous) < 0)
		return err_nomem(err);
	w->ous[w->n_ous++] = (struct known_ou){TAKE(own), there};
	return 0;
}

static int
learn(struct world *w, char *norm, bool *ret, struct err *err)
{
	static const char *const attrs[] = {"objectClass", NULL};
	_cleanup_(entry_free) struct entry *e = NULL;
	_cleanup_(free) char *own = norm;
	struct dir *d = w->run->dir[TARGET];

	if (d->ops->read(d, norm, attrs, &e, err) < 0)
		return -1;
	*ret = e != NULL;
	return put_known(w, TAKE(own), *ret, err);
}

/* An OU that is missing is asked about together with those above it. */
static int
learn_upwards(struct world *w, const char *ou, struct err *err)
{
	const char *domain = w->run->dir[TARGET]->ops->info(w->run->dir[TARGET])->domain_dn;
	bool there = false;

	for (; !there && *ou && dn_is_under(ou, domain); ou = dn_parent(ou)) {
		char *norm = strdup(ou);

		if (!norm)
			return err_nomem(err);
		if (learn(w, norm, &there, err) < 0)
			return -1;
	}
	return 0;
}

static enum world_ou
look_up(const struct world *w, const char *norm)
{
	for (size_t i = 0; i < w->n_ous; i++)
		if (strcmp(w->ous[i].norm, norm) == 0)
			return w->ous[i].there ? WORLD_OU_THERE : WORLD_OU_MISSING;
	return WORLD_OU_UNKNOWN;
}

int
world_note_ou(struct world *w, const char *ou, bool there, struct err *err)
{
	_cleanup_(free) char *norm = dn_normalize(ou, err);

	if (!norm)
		return -1;
	return look_up(w, norm) == WORLD_OU_UNKNOWN ? put_known(w, TAKE(norm), there, err) : 0;
}

int
world_find_ou(struct world *w, const char *ou, enum world_ou *ret, struct err *err)
{
	_cleanup_(free) char *norm = dn_normalize(ou, err);

	if (!norm)
		return -1;
	*ret = look_up(w, norm);
	if (*ret != WORLD_OU_UNKNOWN)
		return 0;
	if (w->may_read) {
		if (learn_upwards(w, norm, err) < 0)
			return -1;
		*ret = look_up(w, norm);
		return 0;
	}
	w->unknown++;
	if (list_grow(w->asked_ous, w->n_asked_ous, w->cap_asked_ous) < 0)
		return err_nomem(err);
	w->asked_ous[w->n_asked_ous++] = TAKE(norm);
	return 0;
}

int
world_add_ou(struct world *w, const char *ou, struct err *err)
{
	_cleanup_(free) char *norm = dn_normalize(ou, err);

	if (!norm)
		return -1;
	for (size_t i = 0; i < w->n_ous; i++)
		if (strcmp(w->ous[i].norm, norm) == 0)
			w->ous[i].there = true;
	return 0;
}

int
world_fetch_ous(struct world *w, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < w->n_asked_ous; i++) {
		if (rc == 0 && look_up(w, w->asked_ous[i]) == WORLD_OU_UNKNOWN)
			rc = learn_upwards(w, w->asked_ous[i], err);
		free(w->asked_ous[i]);
	}
	w->n_asked_ous = 0;
	return rc;
}
