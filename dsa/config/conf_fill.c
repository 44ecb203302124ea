/* SPDX-License-Identifier: MIT */
/*
 * From the parsed text to struct conf, by the table of keys. A value that is wrong is noted and
 * loading goes on, so that one run finds every mistake. A string that is wrong is kept all the
 * same: what depends on its being there is then not reported a second time.
 */
#include "dsa/config/conf_passes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/config/conf_key.h"
#include "dsa/config/conf_notes.h"
#include "dsa/config/conf_places.h"
#include "dsa/config/conf_text.h"

struct filling {
	struct conf *conf;
	const struct conf_text *text;
	bool public;
	struct conf_notes *notes;
};

/* One value on its way: setting S of key K into FIELD of the structure at BASE. */
struct place {
	struct filling *f;
	const struct conf_key *k;
	void *base;
	void *field;
};

typedef void load_fn(const struct place *p, const config_setting_t *s);

static void load_section(
    struct filling *f, enum conf_section section, const config_setting_t *group, void *base);

static void
set_count(const struct place *p, size_t n)
{
	*(size_t *)(void *)((char *)p->base + p->k->n_offset) = n;
}

/* Notes that S has the wrong type. */
static void
wrong_type(const struct place *p, const config_setting_t *s, const char *allowed)
{
	static const char *const is[] = {[CONFIG_TYPE_NONE] = "nothing",
	    [CONFIG_TYPE_GROUP] = "a group { }",
	    [CONFIG_TYPE_INT] = "a number",
	    [CONFIG_TYPE_INT64] = "a number",
	    [CONFIG_TYPE_FLOAT] = "a number with a fraction",
	    [CONFIG_TYPE_STRING] = "a string",
	    [CONFIG_TYPE_BOOL] = "a boolean",
	    [CONFIG_TYPE_ARRAY] = "an array [ ]",
	    [CONFIG_TYPE_LIST] = "a list ( )"};

	conf_note(p->f->notes, s, NULL, "is %s; allowed: %s", is[config_setting_type(s)], allowed);
}

/* "a, b, c". */
static void
add_names(struct buf *b, const char *const *names)
{
	for (size_t i = 0; names[i]; i++)
		buf_printf(b, "%s%s", i ? ", " : "", names[i]);
}

/* Remembers where STRING stands: AT, or the member MEMBER that AT does not have (NULL: AT itself).
 */
static void
remember_string(
    struct filling *f, const config_setting_t *at, const char *member, const char *string)
{
	_cleanup_(buf_done) struct buf path = {0};
	_cleanup_(free) char *key = NULL;
	int line;
	const struct conf_file *in =
	    conf_text_where(f->text, config_setting_source_line(at), &line);

	conf_path(at, member, &path);
	key = buf_take_str(&path);
	if (conf_places_add(&f->conf->places, string, in->name, line, key) < 0)
		f->notes->nomem = true;
}

/* The text of S after the checks of its key: a fresh copy, or NULL. */
static char *
checked_string(const struct place *p, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);
	const struct conf_file *f;
	char why[512] = "", *copy;
	int line;

	if (!conf_check_text(text, why, sizeof why)) {
		conf_note(p->f->notes, s, NULL, "'%s' %s; allowed: %s", text, why,
		    p->k->allowed ? p->k->allowed : "text");
		text = *text ? text : "?"; /* given, if not usable */
	}
	f = conf_text_where(p->f->text, config_setting_source_line(s), &line);
	if (p->k->type == CONF_PATH && text[0] != '/')
		copy = str_printf("%s/%s", strcmp(f->dir, "/") == 0 ? "" : f->dir, text);
	else
		copy = strdup(text);
	if (!copy)
		p->f->notes->nomem = true;
	else if (!why[0] && p->k->check && !(p->f->public && conf_check_opens(p->k->check)) &&
		 !p->k->check(copy, why, sizeof why))
		conf_note(p->f->notes, s, NULL, "'%s' %s; allowed: %s", copy, why, p->k->allowed);
	if (copy)
		remember_string(p->f, s, NULL, copy);
	return copy;
}

static void
load_string(const struct place *p, const config_setting_t *s)
{
	if (config_setting_type(s) != CONFIG_TYPE_STRING) {
		wrong_type(p, s, p->k->allowed ? p->k->allowed : "a string");
		return;
	}
	free(conf_get_ptr(p->field, 0)); /* the default */
	conf_set_ptr(p->field, 0, checked_string(p, s));
}

static void
load_number(const struct place *p, const config_setting_t *s)
{
	char allowed[96];
	int64_t v = config_setting_get_int64(s);
	int type = config_setting_type(s);

	(void)snprintf(allowed, sizeof allowed, "a whole number from %" PRId64 " to %" PRId64,
	    p->k->min, p->k->max);
	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		wrong_type(p, s, allowed);
	else if (v < p->k->min || v > p->k->max)
		conf_note(
		    p->f->notes, s, NULL, "%" PRId64 " is out of range; allowed: %s", v, allowed);
	else if (p->k->type == CONF_INT)
		*(int *)p->field = (int)v;
	else
		*(int64_t *)p->field = v;
}

static void
load_bool(const struct place *p, const config_setting_t *s)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		wrong_type(p, s, "true, false");
	else
		*(bool *)p->field = config_setting_get_bool(s) == CONFIG_TRUE;
}

/* ENUM and FLAG. */
static void
load_name(const struct place *p, const config_setting_t *s)
{
	_cleanup_(buf_done) struct buf allowed = {0};
	const char *text = config_setting_get_string(s);

	for (size_t n = 0; p->k->names[n]; n++) {
		if (!text || strcmp(p->k->names[n], text) != 0)
			continue;
		if (p->k->type == CONF_ENUM)
			memcpy(p->field, &(int){(int)n}, sizeof(int));
		else
			*(bool *)p->field = n == 1;
		return;
	}
	add_names(&allowed, p->k->names);
	if (allowed.failed)
		p->f->notes->nomem = true;
	else if (!text)
		wrong_type(p, s, (const char *)allowed.data);
	else
		conf_note(p->f->notes, s, NULL, "'%s' is unknown; allowed: %s", text,
		    (const char *)allowed.data);
}

/* True if S is an array or list of strings. Its other elements are noted. */
static bool
is_strings(const struct place *p, const config_setting_t *s)
{
	bool ok = true;

	if (!config_setting_is_array(s) && !config_setting_is_list(s)) {
		wrong_type(p, s, "an array of strings: [ \"...\", \"...\" ]");
		return false;
	}
	for (int i = 0; i < config_setting_length(s); i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		if (config_setting_type(e) == CONFIG_TYPE_STRING)
			continue;
		wrong_type(p, e, "a string");
		ok = false;
	}
	return ok;
}

/* True and noted if element I of S equals an earlier one. */
static bool
is_repeated(const struct place *p, const config_setting_t *s, int i)
{
	const char *text = config_setting_get_string_elem(s, i);

	for (int j = 0; j < i; j++)
		if (str_equal_nocase(config_setting_get_string_elem(s, j), text)) {
			conf_note(p->f->notes, config_setting_get_elem(s, (unsigned)i), NULL,
			    "'%s' is there twice; allowed: each once", text);
			return true;
		}
	return false;
}

static void
load_strings(const struct place *p, const config_setting_t *s)
{
	size_t n = 0, len;
	char **v;

	if (!is_strings(p, s))
		return;
	len = (size_t)config_setting_length(s);
	if (!(v = calloc(len + 1, sizeof *v))) {
		p->f->notes->nomem = true;
		return;
	}
	for (size_t i = 0; i < len; i++)
		if (!is_repeated(p, s, (int)i) &&
		    (v[n] = checked_string(p, config_setting_get_elem(s, (unsigned)i))))
			n++;
	conf_set_ptr(p->field, 0, v);
	set_count(p, n);
}

static void
load_kinds(const struct place *p, const config_setting_t *s)
{
	unsigned kinds = 0;

	if (!is_strings(p, s))
		return;
	for (int i = 0; i < config_setting_length(s); i++) {
		const char *text = config_setting_get_string_elem(s, i);
		enum kind k = kind_from_name(text);

		if (k == KIND_OTHER)
			conf_note(p->f->notes, config_setting_get_elem(s, (unsigned)i), NULL,
			    "'%s' is no kind; allowed: user, contact, group, dynamic-group, "
			    "public-folder",
			    text);
		else if (!is_repeated(p, s, i))
			kinds |= KIND_BIT(k);
	}
	if (config_setting_length(s) == 0)
		conf_note(p->f->notes, s, NULL,
		    "is empty; allowed: one or more of user, contact, group, "
		    "dynamic-group, public-folder");
	memcpy(p->field, &kinds, sizeof kinds);
}

/* The attributes of a rule stand where it does. The file of a CSV rule is relative to the
 * configuration file that names it. */
static void
finish_rule(const struct place *p, const config_setting_t *s, struct match_rule *r)
{
	char why[512] = "";
	const struct conf_file *f;
	int line;

	if (r->method == MATCH_ATTRIBUTE) {
		remember_string(p->f, s, NULL, r->source_attr);
		remember_string(p->f, s, NULL, r->target_attr);
	}
	if (r->method != MATCH_CSV)
		return;
	f = conf_text_where(p->f->text, config_setting_source_line(s), &line);
	if (r->csv_file[0] != '/') {
		char *path = str_printf("%s/%s", f->dir, r->csv_file);

		if (!path) {
			p->f->notes->nomem = true;
			return;
		}
		free(r->csv_file);
		r->csv_file = path;
	}
	if (!p->f->public && !conf_check_readable_file(r->csv_file, why, sizeof why))
		conf_note(p->f->notes, s, NULL,
		    "'%s' %s; allowed: a readable file that only its owner may write", r->csv_file,
		    why);
}

static void
load_match(const struct place *p, const config_setting_t *s)
{
	struct match_rule *rules;
	struct err err = {0};
	size_t n = 0;

	if (!is_strings(p, s))
		return;
	rules = calloc((size_t)config_setting_length(s) + 1, sizeof *rules);
	if (!rules) {
		p->f->notes->nomem = true;
		return;
	}
	for (int i = 0; i < config_setting_length(s); i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		if (is_repeated(p, s, i))
			continue;
		if (match_rule_parse(config_setting_get_string(e), &rules[n], &err) < 0)
			conf_note(p->f->notes, e, NULL, "%s", err.text);
		else
			finish_rule(p, e, &rules[n++]);
	}
	conf_set_ptr(p->field, 0, rules);
	set_count(p, n);
}

static void
load_forest_name(const struct place *p, const config_setting_t *s)
{
	_cleanup_(buf_done) struct buf names = {0};
	const char *text = config_setting_get_string(s);
	const struct conf *conf = p->f->conf;
	bool nameless = p->f->text->missing_file;

	if (!text) {
		wrong_type(p, s, "the name of a forest");
		return;
	}
	for (size_t i = 0; i < conf->n_forests; i++) {
		const char *name = conf->forests[i].name;

		if (name && strcmp(name, text) == 0) {
			conf_set_ptr(p->field, 0, &conf->forests[i]);
			return;
		}
		nameless = nameless || !name;
		if (name)
			buf_printf(&names, "%s%s", names.len ? ", " : "", name);
	}
	if (!nameless) /* else it may be meant, and its lack of a name is noted */
		conf_note(p->f->notes, s, NULL, "no forest is named '%s'; allowed: %s", text,
		    names.len ? (const char *)names.data : "the name of a forest");
}

static void
load_group(const struct place *p, const config_setting_t *s)
{
	if (s && !config_setting_is_group(s)) {
		wrong_type(p, s, "a group: { key = value; ... }");
		s = NULL;
	}
	load_section(p->f, p->k->sub, s, p->base);
}

/* Elements that are no group leave an element of defaults behind, so that the i-th structure always
 * belongs to the i-th setting. */
static void
load_list(const struct place *p, const config_setting_t *s)
{
	size_t size = conf_section_info(p->k->sub)->size, n;
	char *array;

	/* An array [ ] cannot hold groups, but an empty one means what it says. */
	if (!config_setting_is_list(s) &&
	    !(config_setting_is_array(s) && config_setting_length(s) == 0)) {
		wrong_type(p, s, "a list of groups: ( { ... }, { ... } )");
		return;
	}
	n = (size_t)config_setting_length(s);
	if (!(array = calloc(n + 1, size))) {
		p->f->notes->nomem = true;
		return;
	}
	/* In place before its elements are loaded: a link looks up the forests. */
	conf_set_ptr(p->field, 0, array);
	set_count(p, n);
	for (size_t i = 0; i < n; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		if (!config_setting_is_group(e))
			wrong_type(p, e, "a group: { key = value; ... }");
		load_section(
		    p->f, p->k->sub, config_setting_is_group(e) ? e : NULL, array + i * size);
	}
	if (n == 0 && p->k->required)
		conf_note(p->f->notes, s, NULL, "is empty; allowed: one or more groups { ... }");
}

static load_fn *const loaders[] = {
    [CONF_STRING] = load_string,
    [CONF_PATH] = load_string,
    [CONF_INT] = load_number,
    [CONF_INT64] = load_number,
    [CONF_BOOL] = load_bool,
    [CONF_ENUM] = load_name,
    [CONF_FLAG] = load_name,
    [CONF_STRINGS] = load_strings,
    [CONF_KINDS] = load_kinds,
    [CONF_MATCH] = load_match,
    [CONF_FOREST_NAME] = load_forest_name,
    [CONF_GROUP] = load_group,
    [CONF_LIST] = load_list,
};
_Static_assert(ARRAY_SIZE(loaders) == CONF_TYPE_MAX, "a loader for each type");

/* The words of the default of a KINDS or MATCH key. They are ours, so parsing cannot fail but for
 * memory. */
static void
default_words(const struct place *p)
{
	_cleanup_(free) char *words = strdup(p->k->def_text);
	struct match_rule *rules = calloc(MATCH_METHOD_MAX, sizeof *rules);
	unsigned kinds = 0;
	struct err err;
	size_t n = 0;
	char *rest = words;

	for (char *w; words && rules && (w = strsep(&rest, " "));) {
		if (p->k->type == CONF_KINDS)
			kinds |= KIND_BIT(kind_from_name(w));
		else if (match_rule_parse(w, &rules[n], &err) < 0)
			p->f->notes->nomem = true;
		else
			n++;
	}
	if (!words || !rules)
		p->f->notes->nomem = true;
	if (p->k->type == CONF_KINDS) {
		memcpy(p->field, &kinds, sizeof kinds);
		free(rules);
	} else {
		conf_set_ptr(p->field, 0, rules);
		set_count(p, n);
	}
}

static void
set_default(const struct place *p)
{
	char *text;

	switch (p->k->type) {
	case CONF_STRING:
	case CONF_PATH:
		text = p->k->def_text ? strdup(p->k->def_text) : NULL;
		if (p->k->def_text && !text)
			p->f->notes->nomem = true;
		conf_set_ptr(p->field, 0, text);
		break;
	case CONF_INT:
	case CONF_ENUM: memcpy(p->field, &(int){(int)p->k->def}, sizeof(int)); break;
	case CONF_INT64: *(int64_t *)p->field = p->k->def; break;
	case CONF_BOOL:
	case CONF_FLAG: *(bool *)p->field = p->k->def != 0; break;
	case CONF_KINDS:
	case CONF_MATCH:
		if (p->k->def_text)
			default_words(p);
		break;
	case CONF_STRINGS:
	case CONF_FOREST_NAME:
	case CONF_GROUP:
	case CONF_LIST:
	case CONF_TYPE_MAX: break;
	}
}

static void
note_unknown(struct filling *f, enum conf_section section, const config_setting_t *s)
{
	_cleanup_(buf_done) struct buf known = {0};
	const struct conf_key *near = conf_nearest_key(section, config_setting_name(s));

	for (const struct conf_key *k = NULL; (k = conf_next_key(section, k));)
		buf_printf(&known, "%s%s", known.len ? ", " : "", k->name);
	if (known.failed)
		f->notes->nomem = true;
	else if (near)
		conf_note(f->notes, s, NULL, "unknown key, did you mean '%s'?; allowed: %s",
		    near->name, (const char *)known.data);
	else
		conf_note(f->notes, s, NULL, "unknown key; allowed: %s", (const char *)known.data);
}

static void
note_missing(const struct place *p, const config_setting_t *group)
{
	_cleanup_(buf_done) struct buf allowed = {0};

	if (p->k->type == CONF_GROUP)
		buf_add_str(&allowed, "a group: { key = value; ... }");
	else if (p->k->type == CONF_LIST)
		buf_add_str(&allowed, "a list of groups: ( { ... }, { ... } )");
	else if (p->k->type == CONF_FOREST_NAME)
		buf_add_str(&allowed, "the name of a forest");
	else if (p->k->names)
		add_names(&allowed, p->k->names);
	else
		buf_add_str(&allowed, p->k->allowed);
	if (allowed.failed)
		p->f->notes->nomem = true;
	else
		conf_note(p->f->notes, group, p->k->name, "is missing; allowed: %s",
		    (const char *)allowed.data);
}

/* Where the structure stands, for later messages. */
static void
remember_place(
    struct filling *f, enum conf_section section, const config_setting_t *group, void *base)
{
	int line;
	const struct conf_file *in =
	    conf_text_where(f->text, config_setting_source_line(group), &line);
	char **file = NULL;

	if (section == CONF_SCOPE || section == CONF_RETURN_SCOPE) {
		((struct conf_scope *)base)->line = line;
	} else if (section == CONF_LINK) {
		((struct conf_link *)base)->line = line;
		file = &((struct conf_link *)base)->file;
	} else if (section == CONF_ROW) {
		((struct conf_row *)base)->line = line;
		file = &((struct conf_row *)base)->file;
	}
	if (file && !(*file = strdup(in->name)))
		f->notes->nomem = true;
}

/* GROUP is NULL where it is absent: everything gets its default then. */
static void
load_section(
    struct filling *f, enum conf_section section, const config_setting_t *group, void *base)
{
	for (int i = 0; group && i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);

		if (!conf_find_key(section, config_setting_name(s)))
			note_unknown(f, section, s);
	}
	for (const struct conf_key *k = NULL; (k = conf_next_key(section, k));) {
		struct place p = {f, k, base, (char *)base + k->offset};
		const config_setting_t *s = group ? conf_member(group, k->name) : NULL;

		if (!s || k->type != CONF_MATCH)
			set_default(&p);
		if (!s && group && k->type == CONF_STRING && k->def_text &&
		    conf_get_ptr(p.field, 0))
			remember_string(f, group, k->name, conf_get_ptr(p.field, 0));
		if (s || k->type == CONF_GROUP)
			loaders[k->type](&p, s);
		if (!s && group && k->required && !f->text->missing_file)
			note_missing(&p, group);
	}
	if (group)
		remember_place(f, section, group, base);
}

void
conf_fill(struct conf *c, const config_setting_t *root, const struct conf_text *text, bool public,
    struct conf_notes *notes)
{
	struct filling f = {c, text, public, notes};

	load_section(&f, CONF_TOP, root, c);
}
