#!/bin/sh
# SPDX-License-Identifier: MIT
#
# delegate.sh: gives the service account of galsync the rights it needs in one forest, and no more. Run it
# once for each forest as an administrator; running it again changes nothing. Needs ldb-tools, samba-dsdb-modules.

set -eu

usage() {
	cat <<'TEXT'
usage: delegate.sh --server URL --account NAME --rights FILE [--match-scope DN...] [--print]
           [-- CREDENTIALS...]
       delegate.sh --server URL --account NAME [WHERE...] [--print] [-- CREDENTIALS...]

  --server URL          a domain controller: ldap://dc1.acme.example
  --account NAME        sAMAccountName of the service account
  --rights FILE         what `galsyncd -T --rights` printed ("-": the standard input): exactly
                        what the configuration needs in the domain of the server. The account
                        loses what else it has at these places.
  --match-scope DN      where counterparts may exist already, unless FILE says where by the
                        match_bases of the configuration; may be given several times

Without --rights the account may do what a configuration with the default attributes needs.
Where is decided by these, each of which may be given several times:
  --source-scope DN     a scope's base in a source forest: read everything, write proxyAddresses,
                        targetAddress, msExchCalendarRepairDisabled, the marker attribute, references,
                        and on users what flows back after a switch
  --marker-attribute A  (default extensionAttribute14)
  --marker-group DN     a group whose members the account may change
  --return-ou DN        create, change and delete contacts
  --target-ou DN        create, change and delete users, contacts and groups; create OUs
  --match-scope DN      where counterparts may exist already: read everything, change the
                        attributes that galsync synchronizes, delete contacts that are in
                        the way (promote_contacts)
  --no-groups           no groups are synchronized: no rights on them, so none to their members

The right to follow changes (DS-Replication-Get-Changes) is given in any case, and the right to see
what was deleted; for the latter the container of deleted objects gets Domain Admins as its owner,
as `dsacls /takeownership` does, because at first nobody may change its rights. Wide rights that
earlier versions of this script gave at these places are taken back; without --rights all others
that the account has there stay. What each user may write of its own object (client_attribute) is taken
back too when FILE does not name it any more, if this script gave it and no other account needs it.

  --print               only print what would be granted, as access control entries (SDDL) too
  CREDENTIALS           for ldb-tools: -U NAME (of the server's domain, unless it names another;
                        asks for the password, once), --use-kerberos=required, ...
TEXT
}

# What a configuration with the default attributes needs, as `galsyncd -T --rights` prints it.
case $0 in */*) defaults=${0%/*}/delegate.rights ;; *) defaults=delegate.rights ;; esac
default_list() {
	grep -v '^#' "$defaults"
}

# Beside the list: what flows back to users of the source, which is all that is written to those of a
# target OU but what makes a counterpart; and what is written to contacts there, in a return OU.
own='extensionAttribute15|proxyAddresses|targetAddress|legacyExchangeDN|mailNickname|homeMDB|cn|name'
own="$own|mDBUseDefaults|internetEncoding|userAccountControl|msExch(Ar|Ca|Ho|Ma|Or|Po|Rec|Ve)[^ ]*"
default_rights() {
	default_list | sed '/^marker-group/,$d'
	default_list | sed -nE "/^target-ou/,/^match/{/ ($own) /d;s/^  write ([^ ]*) user.*/  write \\1 user/p;}"
	default_list | sed -n '/^marker-group/,$p'
	printf '%s\n' 'return-ou *' '  read' '  create contact' '  delete contact'
	default_list | sed -n '/^target-ou/,/^match-scope/s/^  write \([^ ]*\) .*contact.*/  write \1 contact/p'
}

die() {
	printf 'delegate.sh: %s\n' "$*" >&2
	exit 1
}

server='' account='' print='' marker=extensionAttribute14 rights='' no_groups=''
places='' # lines of "SORT<tab>DN"
tab=$(printf '\t') nl=$(printf '\nx') nl=${nl%x}
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage && exit ;;
	--print | --no-groups)
		[ "$1" = --print ] && print=1 || no_groups=1
		shift
		continue
		;;
	--) shift && break ;;
	esac
	[ $# -ge 2 ] || die "$1: a value is missing (see --help)"
	case $1 in
	--server) server=$2 ;;
	--account) account=$2 ;;
	--rights) rights=$2 ;;
	--marker-attribute) marker=$2 ;;
	--source-scope | --marker-group | --return-ou | --target-ou | --match-scope)
		places="$places${1#--}$tab$2$nl"
		;;
	*) die "unknown option $1 (see --help)" ;;
	esac
	shift 2
done
[ -n "$server" ] || die "--server is missing (see --help)"
[ -n "$account" ] || die "--account is missing (see --help)"
if [ -n "$rights" ]; then
	case $nl$places in
	*"${nl}source-"* | *"${nl}target-"* | *"${nl}return-"* | *"${nl}marker-"*) no_groups=1 ;;
	esac
	[ "$no_groups$marker" = extensionAttribute14 ] ||
		die "$rights says where and what: only --match-scope goes with --rights"
fi

# The password of -U is asked for once, and the tools get it by a pipe: everybody can read arguments.
password='' user='' asks=1 n=$#
while [ "$n" -gt 0 ]; do
	arg=$1 n=$((n - 1)) && shift
	case $arg in
	-U | --user) [ "$n" = 0 ] || { user=$1 n=$((n - 1)) && shift; } ;;
	-U* | --user=*) user=${arg#-U} user=${user#--user=} ;;
	--password=*) password=${arg#--password=} asks='' ;;
	-N | --no-pass | -P | --machine-pass | -A* | --auth*-file* | --use-krb5-ccache*)
		set -- "$@" "$arg" && asks='' ;;
	*) set -- "$@" "$arg" ;;
	esac
done
case $user in *%*) password=${user#*%} user=${user%%%*} asks='' ;; esac

# tool COMMAND...: one of the ldb-tools.
tool() {
	if [ -n "$password" ]; then
		PASSWD_FD=3 "$@" 3<<TEXT
$password
TEXT
	else
		"$@"
	fi
}

# search BASE SCOPE FILTER ATTRIBUTE: the first value.
search() {
	base=$1 scope=$2 filter=$3 attribute=$4 && shift 4
	tool ldbsearch -H "$server" "$@" -b "$base" --scope="$scope" "$filter" "$attribute" |
		sed -n "s/^$attribute: //p" | head -n 1
}

root() {
	attribute=$1 && shift
	search '' base '(objectClass=*)' "$attribute" "$@"
}

ask() {
	shown=$(stty -g 2>/dev/null) || shown=''
	[ -z "$shown" ] || { trap 'stty "$shown" </dev/tty; exit 130' INT TERM HUP && stty -echo; }
	printf 'Password of %s: ' "$user" >&2
	IFS= read -r password || [ -n "$password" ] || die "there is no password of $user"
	[ -z "$shown" ] || stty "$shown"
	trap - INT TERM HUP && printf '\n' >&2
}

# A name without a domain is one of the server's, whatever workgroup smb.conf has.
case $user in
'' | *[@/\\]*) ;;
*) user=$user@$(root defaultNamingContext "$@" -U% | tr '[:lower:]' '[:upper:]' | sed 's/,*DC=/./g; s/^\.//') ;;
esac
if [ -n "$user" ] && [ -n "$asks" ] && (: </dev/tty) 2>/dev/null; then
	ask </dev/tty
elif [ -n "$user" ] && [ -n "$asks" ]; then
	# There it may have the list of rights.
	[ "$rights" != - ] || die "there is no terminal to ask for the password of $user at"
	ask
fi
[ -z "$user" ] || set -- "$@" "--user=${user%@}"

domain=$(root defaultNamingContext "$@")
[ -n "$domain" ] || die "$server does not answer, or refuses these credentials (or samba-dsdb-modules is missing)"
schema=$(root schemaNamingContext "$@")
sid=$(search "$domain" sub "(sAMAccountName=$account)" objectSid "$@")
[ -n "$sid" ] || die "there is no account '$account' in $domain"

# What is to be granted in this domain, one right a line: "DN<tab>WHAT[<tab>NAME[<tab>CLASS]]" with
# WHAT one of read, create, delete, write, self-write (by each user, on its own object).
wanted() {
	if [ -z "$rights" ]; then
		[ -r "$defaults" ] || die "$defaults is missing: without it --rights is needed"
		default_rights
	elif [ "$rights" = - ]; then
		cat
	else
		cat <"$rights" || die "$rights cannot be read"
	fi | DOMAIN=$domain PLACES=$places MARKER=$marker NO_GROUPS=$no_groups RIGHTS=$rights awk '
		function bad(why) {
			printf "delegate.sh: %s:%d: %s\n", ENVIRON["RIGHTS"], NR, why >"/dev/stderr"
			failed = 1
			exit 1
		}
		# The DNs that this line is about into at[].
		function here(sort, dn,    i) {
			split("", at)
			n_at = 0
			if (dn != "*")
				at[++n_at] = dn
			else
				for (i = 1; i < n_places; i++)
					if (place[i] ~ "^" sort "\t") {
						at[++n_at] = substr(place[i], length(sort) + 2)
						used[i] = 1
					}
			if (dn == "*" && !n_at && ENVIRON["RIGHTS"] != "")
				open_sort = sort
		}
		# A place that is written in two ways is one place.
		function say(what, name, class,    i, key) {
			for (i = 1; i <= n_at; i++) {
				key = tolower(at[i])
				gsub(/ *, */, ",", key)
				if (!(key in spelling))
					spelling[key] = at[i]
				print spelling[key] "\t" what "\t" name "\t" class
			}
		}
		BEGIN {
			domain = tolower(ENVIRON["DOMAIN"])
			gsub(/,? *dc=/, ".", domain)
			sub(/^\./, "", domain)
			n_places = split(ENVIRON["PLACES"], place, "\n")
			ours = ENVIRON["RIGHTS"] == ""
		}
		/^[ \t]*(#|$)/ { next }
		/^forest / {
			if (NF != 3)
				bad("forest NAME DOMAIN is expected")
			ours = tolower($3) == domain
			seen = seen " " $3
			n_ours += ours
			n_at = 0
			next
		}
		/^(source-scope|marker-group|return-ou|target-ou|match-scope) / {
			sort = $1
			if (ours)
				here(sort, substr($0, length(sort) + 2))
			next
		}
		!/^  / { bad("\"" $0 "\" is not understood") }
		!ours { next }
		$1 == "read" && NF == 1 { say("read"); next }
		($1 == "write" && NF == 2) || ($1 == "self-write" && NF == 3) { say($1, $2, $3); next }
		$1 == "create" || $1 == "delete" {
			for (i = 2; i <= NF; i++)
				if (!(ENVIRON["NO_GROUPS"] && $i == "group"))
					say($1, $i)
			next
		}
		$1 == "write" && NF > 2 {
			name = $2
			if (ENVIRON["RIGHTS"] == "" && sort == "source-scope" && name == "extensionAttribute14")
				name = ENVIRON["MARKER"]
			for (i = 3; i <= NF; i++)
				if (!(ENVIRON["NO_GROUPS"] && $i == "group"))
					say("write", name, $i)
			next
		}
		{ bad("\"" $0 "\" is not understood") }
		END {
			if (failed)
				exit 1
			if (ENVIRON["RIGHTS"] != "" && !n_ours) {
				printf "delegate.sh: %s says nothing of %s, but of%s\n", ENVIRON["RIGHTS"], domain, seen >"/dev/stderr"
				exit 1
			}
			for (i = 1; i < n_places; i++)
				if (!used[i]) {
					printf "delegate.sh: %s leaves no match place open in %s: no --match-scope\n", ENVIRON["RIGHTS"], domain >"/dev/stderr"
					exit 1
				}
			if (open_sort)
				printf "delegate.sh: no --match-scope: objects that exist already cannot be matched\n" >"/dev/stderr"
		}'
}

jobs=$(wanted) || exit 1

# "NAME GUID" of every class and attribute that is named: by it an entry names them.
ids() {
	filter=$(printf '%s\n' "$jobs" | awk -F'\t' '
		{ if ($3 != "") names[$3]; if ($4 != "") names[$4] }
		END { for (n in names) printf "(lDAPDisplayName=%s)", n }')
	[ -n "$filter" ] || return 0
	tool ldbsearch -H "$server" "$@" -b "$schema" --scope=one "(|$filter)" lDAPDisplayName schemaIDGUID |
		awk '$1 == "lDAPDisplayName:" { name = $2 }
			$1 == "schemaIDGUID:" { id = $2 }
			/^$/ && name != "" && id != "" { print name, id; name = id = "" }'
}

ids=$(ids "$@")

# entries DN: the access control entries for it, one a line. An attribute of users, contacts and groups
# alike is one entry, without a class: objects inherit the whole list, and three times as many entries
# slow a directory down. It reaches other objects at the place too, where it is a line of an address
# book; what is more than that there (a computer's certificate, any object's name) keeps its classes.
entries() {
	printf '%s\n' "$jobs" | IDS=$ids SID=$sid PLACE=$1 awk -F'\t' '
		function grant(what, name, class,    sid, x, y, ace) {
			sid = what == "self-write" ? "PS" : ENVIRON["SID"]
			if (what == "read")
				ace = "(A;CI;RPLCLORC;;;" sid ")"
			else if ((x = id(name)) == "")
				return
			else if (what == "create")
				ace = "(OA;CI;CC;" x ";;" sid ")"
			else if (what == "delete")
				ace = "(OA;CI;DC;" x ";;" sid ")"
			else if (class == "")
				ace = "(OA;;WP;" x ";;" sid ")"
			else if (class == "*")
				ace = "(OA;CIIO;WP;" x ";;" sid ")"
			else if ((y = id(class)) != "")
				ace = "(OA;CIIO;WP;" x ";" y ";" sid ")"
			else
				return
			if (ace in given)
				return
			given[ace]
			print ace
			if (what == "self-write")
				print "(OA;CIIO;RP;" x ";" y ";" ENVIRON["SID"] ")"
		}
		function id(name) {
			if (tolower(name) in ids)
				return ids[tolower(name)]
			if (!(name in told))
				printf "delegate.sh: the schema has no %s: left out\n", name >"/dev/stderr"
			told[name]
			return ""
		}
		BEGIN {
			n = split(ENVIRON["IDS"], line, "\n")
			for (i = 1; i <= n; i++) {
				split(line[i], part, " ")
				ids[tolower(part[1])] = part[2]
			}
		}
		$1 != ENVIRON["PLACE"] { next }
		$2 == "write" && $4 ~ /^(user|contact|group)$/ && $3 !~ /^(userCertificate|cn|name)$/ {
			if (!(($3, $4) in met)) {
				met[$3, $4]
				if (++alike[$3] == 3)
					whole[$3]
			}
		}
		{ what[NR] = $2; name[NR] = $3; class[NR] = $4 }
		END {
			for (i = 1; i <= NR; i++)
				if (i in what)
					grant(what[i], name[i], what[i] == "write" && (name[i] in whole) && class[i] ~ /^(user|contact|group)$/ ? "*" : class[i])
		}'
}

# What galsync may do at DN, for people.
describe() {
	printf '%s\n' "$jobs" | PLACE=$1 awk -F'\t' '
		$1 != ENVIRON["PLACE"] { next }
		$2 == "write" {
			if (!($3 in classes))
				names[++n] = $3
			if ($4 != "" && index(classes[$3] " ", " " $4 " ") == 0)
				classes[$3] = classes[$3] " " $4
			next
		}
		!(($2 " " $3) in said) { print "  " $2 ($3 == "" ? "" : " " $3); said[$2 " " $3] }
		END { for (i = 1; i <= n; i++) print "  write " names[i] classes[names[i]] }'
}

# descriptor DN PART: the part of its security descriptor, in SDDL, unfolded.
descriptor() {
	dn=$1 part=$2
	shift 2
	tool ldbsearch -H "$server" "$@" -b "$dn" --scope=base \
		--controls="show_deleted:1,sd_flags:1:$part" nTSecurityDescriptor |
		sed -n -e ':a' -e 'N' -e '$!ba' -e 's/\n //g' -e 's/.*nTSecurityDescriptor: \([^\n]*\).*/\1/p'
}

# set_descriptor DN PART SDDL
set_descriptor() {
	dn=$1 part=$2 sddl=$3
	shift 3
	printf 'dn: %s\nchangetype: modify\nreplace: nTSecurityDescriptor\nnTSecurityDescriptor: %s\n' \
		"$dn" "$sddl" |
		tool ldbmodify -H "$server" "$@" --controls="show_deleted:1,sd_flags:1:$part" >/dev/null ||
		die "'$dn': the rights could not be written"
}

# merged SDDL ENTRIES KEEP: SDDL with ENTRIES behind the denials; what is inherited is the server's to
# add. Entries of the account that earlier versions gave are left out, and with KEEP empty all others
# of it. Nothing is printed if that changes nothing.
# What each user may write of its own object is nobody's entry. So the account gets one beside it, to
# read that attribute of users, as the mark of who gave it: without one it was there before, and stays;
# with KEEP empty it goes with the last mark.
merged() {
	printf '%s\n' "$1" | NEW=$2 KEEP=$3 SID=$sid awk '
	# Its fields, and if it is a right of each user, or the mark of one, of what.
	function parse(ace) {
		split(ace, field, ";")
		type = substr(field[1], 2)
		trustee = field[6]
		sub(/\).*/, "", trustee)
		self = mark = ""
		if (type != "OA" || field[2] != "CIIO" || field[4] == "" || field[5] == "")
			return
		if (field[3] == "WP" && trustee == "PS")
			self = tolower(field[4] ";" field[5])
		if (field[3] == "RP" && trustee ~ /^S-1-5-21-/)
			mark = tolower(field[4] ";" field[5])
	}
	{
		# Conditional entries have parentheses in them.
		rest = $0
		start = index(rest, "(")
		head = start ? substr(rest, 1, start - 1) : rest
		n = depth = 0
		for (i = start; start && i <= length(rest); i++) {
			c = substr(rest, i, 1)
			if (c == "(" && depth++ == 0)
				from = i
			if (c == ")" && --depth == 0)
				old[++n] = substr(rest, from, i - from + 1)
		}
		m = split(ENVIRON["NEW"], new, "\n")
		for (i = 1; i <= m; i++)
			lacking[tolower(new[i])] = 1
		for (i = 1; i <= n; i++) {
			parse(old[i])
			if (self != "")
				there[self]
			if (mark != "" && trustee == ENVIRON["SID"])
				mine[mark]
			else if (mark != "")
				others_mark[mark]
		}
		for (i = 1; i <= m; i++) {
			parse(new[i])
			if (mark != "" && (mark in there) && !(mark in mine) && !(mark in others_mark))
				delete lacking[tolower(new[i])]
		}
		for (i = 1; i <= n; i++) {
			parse(old[i])
			if (field[2] ~ /ID/)
				continue
			if (tolower(old[i]) in lacking) {
				delete lacking[tolower(old[i])]
				same = same old[i]
				continue
			}
			wide = type == "OA" && field[4] == "" && field[5] != "" && (field[3] == "RPWP" || field[3] == "RPWPSD")
			if (self != "" && ENVIRON["KEEP"] == "" && (self in mine) && !(self in others_mark)) {
				changed = 1
				continue
			}
			if (trustee == ENVIRON["SID"] && type !~ /D$/ && (wide || (ENVIRON["KEEP"] == "" && field[4] !~ /^1131f6aa/))) {
				changed = 1
				continue
			}
			if (type ~ /D$/)
				denials = denials old[i]
			else
				others = others old[i]
		}
		for (i = 1; i <= m; i++)
			if (tolower(new[i]) in lacking) {
				added = added new[i]
				changed = 1
			}
		if (changed)
			print head denials same added others
	}'
}

# grant DN ENTRIES KEEP
grant() {
	place=$1 aces=$2 keep=$3
	shift 3
	if [ -n "$print" ]; then
		printf '%s\n' "$place" "$aces" | sed '2,$s/^/    /'
		return
	fi
	now=$(descriptor "$place" 4 "$@")
	[ -n "$now" ] || die "'$place': it does not exist, or its rights cannot be read"
	sddl=$(merged "$now" "$aces" "$keep")
	[ -z "$sddl" ] || set_descriptor "$place" 4 "$sddl" "$@"
	printf 'delegate.sh: %s: done\n' "$place"
}

see_deleted() {
	deleted="CN=Deleted Objects,$domain"
	[ -n "$print" ] || [ -n "$(descriptor "$deleted" 4 "$@")" ] ||
		set_descriptor "$deleted" 1 "O:${sid%-*}-512" "$@"
	grant "$deleted" "(A;;RPLC;;;$sid)" keep "$@"
}

# DS-Replication-Get-Changes (MS-ADTS 5.1.3.2.1).
grant "$domain" "(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;$sid)" keep "$@"
see_deleted "$@"
keep=keep
[ -n "$rights" ] && keep=''
printf '%s' "$jobs" | awk -F'\t' '!($1 in seen) { print $1; seen[$1] }' | while IFS= read -r dn; do
	printf '%s\n' "$dn"
	describe "$dn"
	grant "$dn" "$(entries "$dn")" "$keep" "$@"
done
