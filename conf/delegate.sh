#!/bin/sh
# SPDX-License-Identifier: MIT
#
# delegate.sh: gives the service account of galsync the rights it needs in one forest, and no more.
# Run it once for each forest as an administrator; running it again changes nothing. Needs
# samba-tool and ldb-tools; works with Samba and with Windows domain controllers.

set -eu

usage() {
	cat <<'TEXT'
usage: delegate.sh --server URL --account NAME [WHERE...] [--print] [-- CREDENTIALS...]

  --server URL          a domain controller: ldap://dc1.acme.example
  --account NAME        sAMAccountName of the service account

What the account may do is decided by where (each may be given several times):
  --source-scope DN     a scope's base in a source forest: read everything, write proxyAddresses,
                        targetAddress, msExchCalendarRepairDisabled and the marker attribute
  --marker-attribute A  (default extensionAttribute14)
  --marker-group DN     a group whose members the account may change
  --return-ou DN        create, change, move and delete contacts
  --target-ou DN        create, change, move and delete users, contacts and groups; create OUs
  --match-scope DN      where counterparts may exist already: read everything, change mail
                        attributes of users, contacts and groups, replace a contact by a user
The right to follow changes (DS-Replication-Get-Changes) is given in any case, and the right to see
what was deleted; for the latter the container of deleted objects gets Domain Admins as its owner,
as `dsacls /takeownership` does, because at first nobody may change its rights.

  --print               only print the access control entries (SDDL)
  CREDENTIALS           for samba-tool and ldb-tools: -U NAME (asks for the password),
                        --use-kerberos=required, ...
TEXT
}

die() {
	printf 'delegate.sh: %s\n' "$*" >&2
	exit 1
}

server='' account='' print='' marker=extensionAttribute14
jobs='' # lines of "SORT<tab>DN"
tab=$(printf '\t')
nl='
'
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help)
		usage
		exit 0
		;;
	--print)
		print=1
		shift
		continue
		;;
	--)
		shift
		break
		;;
	esac
	[ $# -ge 2 ] || die "$1: a value is missing (see --help)"
	case $1 in
	--server) server=$2 ;;
	--account) account=$2 ;;
	--marker-attribute) marker=$2 ;;
	--source-scope | --marker-group | --return-ou | --target-ou | --match-scope)
		jobs="$jobs${1#--}$tab$2$nl"
		;;
	*) die "unknown option $1 (see --help)" ;;
	esac
	shift 2
done
[ -n "$server" ] || die "--server is missing (see --help)"
[ -n "$account" ] || die "--account is missing (see --help)"

# search BASE SCOPE FILTER ATTRIBUTE: the first value.
search() {
	base=$1 scope=$2 filter=$3 attribute=$4
	shift 4
	ldbsearch -H "$server" "$@" -b "$base" --scope="$scope" "$filter" "$attribute" |
		sed -n "s/^$attribute: //p" | head -n 1
}

root() {
	attribute=$1
	shift
	search '' base '(objectClass=*)' "$attribute" "$@"
}

domain=$(root defaultNamingContext "$@")
[ -n "$domain" ] || die "$server does not answer, or refuses these credentials"
schema=$(root schemaNamingContext "$@")
sid=$(search "$domain" sub "(sAMAccountName=$account)" objectSid "$@")
[ -n "$sid" ] || die "there is no account '$account' in $domain"
trustee=$(search "$domain" sub "(sAMAccountName=$account)" distinguishedName "$@")

# id NAME: the schemaIDGUID of a class or an attribute, by which an entry names it.
id() {
	name=$1
	shift
	guid=$(search "$schema" one "(lDAPDisplayName=$name)" schemaIDGUID "$@")
	[ -n "$guid" ] || die "the schema of $domain has no '$name': is it prepared for Exchange?"
	printf '%s' "$guid"
}

user=$(id user "$@")
contact=$(id contact "$@")
group=$(id group "$@")
ou=$(id organizationalUnit "$@")

read_all="(A;CI;RPLCLORC;;;$sid)"

# write_attribute NAME: on users, contacts and groups below.
write_attribute() {
	attribute_id=$(id "$@")
	for class in "$user" "$contact" "$group"; do
		printf '(OA;CIIO;WP;%s;%s;%s)' "$attribute_id" "$class" "$sid"
	done
}

# manage CLASS_ID: create in and below, and own what is there.
manage() {
	printf '(OA;CI;CCDC;%s;;%s)(OA;CIIO;RPWPSD;;%s;%s)' "$1" "$sid" "$1" "$sid"
}

aces() {
	sort=$1
	shift
	case $sort in
	source-scope)
		printf '%s' "$read_all"
		for name in proxyAddresses targetAddress msExchCalendarRepairDisabled "$marker"; do
			write_attribute "$name" "$@"
		done
		;;
	marker-group) printf '(OA;;WP;%s;;%s)' "$(id member "$@")" "$sid" ;;
	return-ou) printf '%s%s' "$read_all" "$(manage "$contact")" ;;
	target-ou)
		printf '%s%s%s%s(OA;CI;CC;%s;;%s)' "$read_all" "$(manage "$user")" \
			"$(manage "$contact")" "$(manage "$group")" "$ou" "$sid"
		;;
	match-scope)
		printf '%s(OA;CI;CC;%s;;%s)(OA;CI;DC;%s;;%s)' "$read_all" "$user" "$sid" "$contact" "$sid"
		for class in "$user" "$contact" "$group"; do
			printf '(OA;CIIO;RPWP;;%s;%s)' "$class" "$sid"
		done
		;;
	esac
}

apply() {
	dn=$1 sddl=$2
	shift 2
	if [ -n "$print" ]; then
		printf '%s\n  %s\n' "$dn" "$sddl"
		return
	fi
	samba-tool dsacl set -H "$server" "$@" --objectdn="$dn" --trusteedn="$trustee" \
		--sddl="$sddl" >/dev/null || die "'$dn': the rights could not be written"
	printf 'delegate.sh: %s: done\n' "$dn"
}

# deleted_sd PART: the part of the container's security descriptor, in SDDL, unfolded.
deleted_sd() {
	part=$1
	shift
	ldbsearch -H "$server" "$@" -b "$deleted" --scope=base \
		--controls="show_deleted:1,sd_flags:1:$part" nTSecurityDescriptor |
		sed -n -e ':a' -e 'N' -e '$!ba' -e 's/\n //g' -e 's/.*nTSecurityDescriptor: \([^\n]*\).*/\1/p'
}

# set_deleted_sd PART SDDL
set_deleted_sd() {
	part=$1 sddl=$2
	shift 2
	printf 'dn: %s\nchangetype: modify\nreplace: nTSecurityDescriptor\nnTSecurityDescriptor: %s\n' \
		"$deleted" "$sddl" |
		ldbmodify -H "$server" "$@" --controls="show_deleted:1,sd_flags:1:$part" >/dev/null ||
		die "'$deleted': the rights could not be written"
}

see_deleted() {
	deleted="CN=Deleted Objects,$domain" ace="(A;;RPLC;;;$sid)"
	if [ -n "$print" ]; then
		printf '%s\n  %s\n' "$deleted" "$ace"
		return
	fi
	dacl=$(deleted_sd 4 "$@")
	if [ -z "$dacl" ]; then
		set_deleted_sd 1 "O:${sid%-*}-512" "$@"
		dacl=$(deleted_sd 4 "$@")
	fi
	case $dacl in
	*"$ace"*) ;;
	D:*"("*) set_deleted_sd 4 "${dacl%%\(*}$ace(${dacl#*\(}" "$@" ;;
	*) die "'$deleted': its rights cannot be read" ;;
	esac
	printf 'delegate.sh: %s: done\n' "$deleted"
}

# DS-Replication-Get-Changes (MS-ADTS 5.1.3.2.1).
apply "$domain" "(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;$sid)" "$@"
see_deleted "$@"
printf '%s' "$jobs" | while IFS="$tab" read -r sort dn; do
	apply "$dn" "$(aces "$sort" "$@")" "$@"
done
