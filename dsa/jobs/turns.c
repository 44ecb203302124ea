/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/turns.h"

#include "dsa/directory/dir.h"
#include "dsa/jobs/toggle.h"

void
turns_env(const struct conf_link *link, struct dir *const dir[SIDES], struct store *store,
    uint32_t link_id, struct turn_env *ret)
{
	ret->conf = (struct turn_conf){
	    .redirect_domain = {link->source->redirect_domain, link->target->redirect_domain},
	    .marker_attribute = link->marker_attribute,
	    .marker_group = link->marker_group};
	ret->dir[SOURCE] = dir[SOURCE];
	ret->dir[TARGET] = dir[TARGET];
	ret->store = store;
	ret->tell_as = link->hook ? link->name : NULL;
	ret->link = link_id;
	ret->window[SOURCE] = (size_t)link->source->dir.window;
	ret->window[TARGET] = (size_t)link->target->dir.window;
}

static int
find_link(struct store *store, const char *name, uint32_t *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(store, STORE_READ, &t, err) < 0 || store_link_id(t, name, ret, err) < 0)
		return -1;
	return *ret ? 0
		    : err_set(err, ERR_DATA, ERR_LINK, ERR_LATER, 0,
			  "link '%s': no synchronization was completed yet", name);
}

int
turns_resume(const struct conf_link *link, struct turn_env *env, struct err *err)
{
	if (turn_resume(env, err) < 0)
		return -1;
	return toggle_resume(link, env, err);
}

int
turns_run(const struct conf_link *link, struct dir *const dir[SIDES], struct store *store,
    enum turn turn, const struct guid *sources, size_t n, struct turn_env *env, struct err *err)
{
	uint32_t id = 0;

	if (dir_open(dir[SOURCE], err) < 0 || dir_open(dir[TARGET], err) < 0 ||
	    find_link(store, link->name, &id, err) < 0)
		return -1;
	turns_env(link, dir, store, id, env);
	if (turns_resume(link, env, err) < 0 || turn_run(env, turn, sources, n, err) < 0)
		return err_ctx(
		    err, "a turn under way is finished, or turned back, before the next cycle");
	return 0;
}
