/* SPDX-License-Identifier: MIT */
/*
 * Loading, from the file to a struct conf:
 *
 *   conf_text.h    the file and what it includes, as one text with a map of its lines
 *   libconfig      the text as a tree of settings
 *   conf_passes.h  the tree -> struct conf, by the table of keys (conf_key.h, conf_value.h); then
 *                  what follows from other values; then what values must be together
 *   conf_notes.h   the mistakes, which every step adds to
 */
#include "dsa/config/conf.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/config/conf_key.h"
#include "dsa/config/conf_notes.h"
#include "dsa/config/conf_passes.h"
#include "dsa/config/conf_places.h"
#include "dsa/config/conf_text.h"
#include "dsa/config/conf_value.h"

static void free_section(enum conf_section section, void *base);

/* What the structures hold beside the keys. */
static void
free_extra(enum conf_section section, void *base)
{
	if (section == CONF_SCOPE || section == CONF_RETURN_SCOPE) {
		struct conf_scope *s = base;

		free(s->base_norm);
		filter_free(s->filter);
	} else if (section == CONF_ROW) {
		free(((struct conf_row *)base)->file);
	} else if (section == CONF_LINK) {
		struct conf_link *l = base;

		free(l->file);
		conf_free_back(l->back);
		for (int side = SOURCE; side < SIDES; side++)
			free(l->adopted_domains[side]);
	}
}

static void
free_elements(const struct conf_key *k, void *base)
{
	char *array = conf_get_ptr(base, k->offset);
	size_t n = *(const size_t *)(const void *)((const char *)base + k->n_offset);

	for (size_t i = 0; array && i < n; i++) {
		if (k->type == CONF_STRINGS)
			free(conf_get_ptr(array, i * sizeof(char *)));
		else if (k->type == CONF_MATCH)
			match_rule_done((struct match_rule *)(void *)array + i);
		else
			free_section(k->sub, array + i * conf_section_info(k->sub)->size);
	}
	free(array);
}

static void
free_section(enum conf_section section, void *base)
{
	free_extra(section, base);
	for (const struct conf_key *k = NULL; (k = conf_next_key(section, k));) {
		if (k->type == CONF_STRING || k->type == CONF_PATH)
			free(conf_get_ptr(base, k->offset));
		else if (k->type == CONF_STRINGS || k->type == CONF_MATCH || k->type == CONF_LIST)
			free_elements(k, base);
		else if (k->type == CONF_GROUP)
			free_section(k->sub, base);
	}
}

void
conf_free(struct conf *c)
{
	if (!c)
		return;
	free_section(CONF_TOP, c);
	conf_places_free(c->places);
	free(c);
}

const char *
conf_where(const struct conf *c, const char *string)
{
	return c ? conf_places_find(c->places, string) : NULL;
}

const struct conf_link *
conf_find_link(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_links; i++)
		if (strcmp(c->links[i].name, name) == 0)
			return &c->links[i];
	return NULL;
}

const struct conf_link *
conf_flow(const struct conf *c, size_t i)
{
	return i < c->n_links ? &c->links[i] : c->links[i - c->n_links].back;
}

bool
conf_has_others(const struct conf_link *l)
{
	return l->whole && (l->whole->n_links > 1 || l->whole->links[0].back);
}

const struct conf_link *
conf_find_flow(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < CONF_FLOWS(c); i++) {
		const struct conf_link *l = conf_flow(c, i);

		if (l && strcmp(l->name, name) == 0)
			return l;
	}
	return NULL;
}

bool
conf_same_forest(const struct conf_forest *x, const struct conf_forest *y)
{
	if (!x || !y)
		return false;
	return x == y ||
	       (x->dir.domain && y->dir.domain && str_equal_nocase(x->dir.domain, y->dir.domain));
}

void
conf_errors_done(struct conf_errors *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->lines[i]);
	free(e->lines);
	*e = (struct conf_errors){0};
}

static void
note_syntax(struct conf_notes *n, const config_t *cfg)
{
	conf_note_line(n, (unsigned)config_error_line(cfg), NULL,
	    "%s; allowed: the syntax of galsync.conf(5)", config_error_text(cfg));
}

static inline void
config_destroyp(config_t *cfg)
{
	config_destroy(cfg);
}

/* Is the state directory of C what the file wants, whatever else is wrong with it? In a file that
 * is missing it may be set. */
static bool
knows_state_directory(
    const struct conf *c, const config_setting_t *root, const struct conf_text *text)
{
	const config_setting_t *s = conf_member(root, "state_directory");
	const char *value = s ? config_setting_get_string(s) : NULL;
	char why[512];

	return !text->missing_file && c->state_directory &&
	       (!s || (value && conf_check_text(value, why, sizeof why)));
}

/* False if C's state directory is not the one of the file. */
static bool
parse(struct conf *c, const struct conf_text *text, bool public, struct conf_notes *notes)
{
	_cleanup_(config_destroy) config_t cfg;
	const config_setting_t *root;

	config_init(&cfg);
	if (config_read_string(&cfg, (const char *)text->text.data) != CONFIG_TRUE) {
		note_syntax(notes, &cfg);
		return false;
	}
	root = config_root_setting(&cfg);
	conf_fill(c, root, text, public, notes);
	if (!notes->nomem)
		conf_complete(c, root, notes);
	if (!notes->nomem && !text->missing_file)
		conf_check(c, root, notes);
	return knows_state_directory(c, root, text);
}

/* RET_STATE, or NULL: the state directory of a file with mistakes, if it can be told. */
static int
load(const char *file, bool public, struct conf **ret, char **ret_state, struct conf_errors *errors)
{
	_cleanup_(conf_free) struct conf *c = calloc(1, sizeof *c);
	_cleanup_(conf_text_done) struct conf_text text = {0};
	_cleanup_(conf_notes_done) struct conf_notes notes = {
	    .file = file, .text = &text, .nomem = !c};
	bool known = false;

	conf_text_read(&text, file, &notes);
	if (text.n_files && !text.unreadable && !notes.nomem)
		known = parse(c, &text, public, &notes);
	if (notes.n || notes.nomem) {
		if (ret_state && known && !notes.nomem)
			*ret_state = TAKE(c->state_directory);
		conf_notes_hand_out(&notes, errors);
		return -1;
	}
	*ret = TAKE(c);
	return 0;
}

int
conf_load(const char *file, struct conf **ret, struct conf_errors *errors)
{
	return load(file, false, ret, NULL, errors);
}

int
conf_load_public(const char *file, struct conf **ret, struct conf_errors *errors)
{
	return load(file, true, ret, NULL, errors);
}

int
conf_load_state_directory(const char *file, char **ret, struct conf_errors *errors)
{
	_cleanup_(conf_free) struct conf *conf = NULL;

	*ret = NULL;
	if (load(file, true, &conf, ret, errors) < 0)
		return -1;
	*ret = TAKE(conf->state_directory);
	return 0;
}
