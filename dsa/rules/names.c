/* SPDX-License-Identifier: MIT */
#include "dsa/rules/names.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/base/text_fold.h"
#include "dsa/directory/dn.h"

#define RDN_MAX 64
#define NAME_MIN 2 /* of what is left of a name before a department */
#define SAM_USER_MAX 20
#define SAM_GROUP_MAX 256
#define UPN_LOCAL_MAX 64
#define ATTEMPTS 10000

void
names_done(struct names *n)
{
	free(n->rdn_value);
	free(n->sam);
	free(n->upn);
	free(n->dn);
	*n = (struct names){0};
}

/* BASE cut so that SUFFIX still fits in MAX UTF-16 units. */
static char *
with_suffix(const char *base, const char *suffix, size_t max)
{
	size_t tail = utf8_len_utf16(bytes_of(suffix));
	size_t keep = utf8_prefix_utf16(bytes_of(base), max > tail ? max - tail : 0);

	while (keep && base[keep - 1] == ' ' && *suffix == ' ')
		keep--;
	return str_printf("%.*s%s", (int)keep, base, suffix);
}

static char *
key_below(const char *parent_norm, const char *rdn_value)
{
	_cleanup_(free) char *fold = text_fold_key(rdn_value);

	return fold ? str_printf("%s\n%s", fold, parent_norm) : NULL;
}

char *
names_key(const char *parent, const char *rdn_value)
{
	struct err ignored;
	_cleanup_(free) char *norm = dn_normalize(parent, &ignored);

	return norm ? key_below(norm, rdn_value) : NULL;
}

/* What tells SOURCE apart from its namesakes, or NULL: one that leaves no room for a name does not.
 */
static const char *
department_of(const struct entry *source)
{
	const char *department = entry_get_str(source, "department");
	size_t tail = department ? utf8_len_utf16(bytes_of(department)) + strlen(" ()") : 0;

	return department && *department && tail + NAME_MIN <= RDN_MAX ? department : NULL;
}

/* The I-th name of the rule: plain, with the department, then numbered. */
static char *
rdn_candidate(const char *own, const char *department, int i)
{
	_cleanup_(free) char *suffix = NULL;

	if (i == 0)
		return strdup(own);
	suffix = i == 1 ? str_printf(" (%s)", department) : str_printf(" (%d)", i);
	return suffix ? with_suffix(own, suffix, RDN_MAX) : NULL;
}

static int
choose_rdn(const struct entry *source, const char *parent, names_taken_fn *taken, void *arg,
    char **ret, struct err *err)
{
	_cleanup_(free) char *own = dn_rdn_value(source->dn, err);
	_cleanup_(free) char *parent_norm = own ? dn_normalize(parent, err) : NULL;
	const char *department = department_of(source);

	if (!parent_norm)
		return -1;
	for (int i = 0; i < ATTEMPTS; i += i == 0 && !department ? 2 : 1) {
		_cleanup_(free) char *name = rdn_candidate(own, department, i);
		_cleanup_(free) char *key = name ? key_below(parent_norm, name) : NULL;

		if (!key)
			return err_nomem(err);
		if (!taken(MATCH_KEY_NAME, key, arg)) {
			*ret = TAKE(name);
			return 0;
		}
	}
	return err_data(err, "no free name like '%s' in '%s'", own, parent);
}

/* What an account name is made of: of BASE at most MAX characters are kept; TAIL is appended before
 * asking ("@globex.example"). */
struct numbered {
	const char *base, *tail;
	size_t max;
	enum match_key key;
};

/* "base", "base-2", ... */
static int
choose_numbered(
    const struct numbered *in, names_taken_fn *taken, void *arg, char **ret, struct err *err)
{
	for (int i = 1; i < ATTEMPTS; i++) {
		_cleanup_(free) char *suffix = i == 1 ? strdup("") : str_printf("-%d", i);
		_cleanup_(free) char *name = suffix ? with_suffix(in->base, suffix, in->max) : NULL;
		_cleanup_(free) char *full = name ? str_printf("%s%s", name, in->tail) : NULL;

		if (!full)
			return err_nomem(err);
		if (!taken(in->key, full, arg)) {
			*ret = TAKE(full);
			return 0;
		}
	}
	return err_data(err, "no free name like '%s'", in->base);
}

static int
choose_sam(const struct names_in *in, const char *sam, names_taken_fn *taken, void *arg,
    struct names *n, struct err *err)
{
	const struct numbered want = {.base = sam,
	    .tail = "",
	    .max = in->shape == SHAPE_GROUP ? SAM_GROUP_MAX : SAM_USER_MAX,
	    .key = MATCH_KEY_SAM};

	return choose_numbered(&want, taken, arg, &n->sam, err);
}

static int
choose_upn(const struct names_in *in, const char *like, names_taken_fn *taken, void *arg,
    struct names *n, struct err *err)
{
	_cleanup_(free) char *local = strdup(like), *tail = str_printf("@%s", in->link->upn_suffix);
	const struct numbered want = {
	    .base = local, .tail = tail, .max = UPN_LOCAL_MAX, .key = MATCH_KEY_UPN};

	if (!local || !tail)
		return err_nomem(err);
	if (strrchr(local, '@'))
		*strrchr(local, '@') = '\0';
	return choose_numbered(&want, taken, arg, &n->upn, err);
}

static int
choose_account(
    const struct names_in *in, names_taken_fn *taken, void *arg, struct names *n, struct err *err)
{
	const char *sam = entry_get_str(in->source, "sAMAccountName");
	const char *upn = entry_get_str(in->source, "userPrincipalName");

	if (in->shape == SHAPE_CONTACT)
		return 0;
	if (!sam && !(sam = entry_get_str(in->source, "mailNickname")))
		return err_data(err, "the source has neither sAMAccountName nor mailNickname");
	if (choose_sam(in, sam, taken, arg, n, err) < 0)
		return -1;
	return in->shape == SHAPE_GROUP ? 0 : choose_upn(in, upn ? upn : sam, taken, arg, n, err);
}

int
names_choose(
    const struct names_in *in, names_taken_fn *taken, void *arg, struct names *ret, struct err *err)
{
	_cleanup_(names_done) struct names n = {0};

	if (choose_rdn(in->source, in->parent, taken, arg, &n.rdn_value, err) < 0 ||
	    choose_account(in, taken, arg, &n, err) < 0)
		return -1;
	n.dn = dn_build("CN", n.rdn_value, in->parent);
	if (!n.dn)
		return err_nomem(err);
	*ret = n;
	n = (struct names){0};
	return 0;
}

bool
names_acceptable(const struct entry *source, const char *value)
{
	struct err ignored;
	_cleanup_(free) char *own = dn_rdn_value(source->dn, &ignored);
	const char *department = department_of(source), *open;
	_cleanup_(free) char *suffix = department ? str_printf(" (%s)", department) : NULL;
	_cleanup_(free) char *named = own && suffix ? with_suffix(own, suffix, RDN_MAX) : NULL;
	_cleanup_(free) char *numbered = NULL;

	if (!own || strcmp(own, value) == 0 || (named && strcmp(named, value) == 0))
		return true;
	/* "Name (2)": digits in the last parentheses. */
	open = strrchr(value, '(');
	if (!open || open == value || open[-1] != ' ' || strspn(open + 1, "0123456789") == 0 ||
	    strcmp(open + 1 + strspn(open + 1, "0123456789"), ")") != 0)
		return false;
	numbered = with_suffix(own, open - 1, RDN_MAX);
	return numbered && strcmp(numbered, value) == 0;
}
