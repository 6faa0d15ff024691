#!/bin/sh
# Looks up each argument but the first, which is the tool, dig, getent or nslookup, and
# prints a line: "time name address ..." or "time name none"; the time is when
# the lookup began, in seconds since 1970.
tool=$1
shift
for name; do
    printf '%s %s' "$(date +%s.%N)" "$name"
    case $tool in
    dig) found=$(dig +short "$name") ;;
    getent) found=$(getent hosts "$name" | sed 's/ .*//') ;;
    # Its own "Address:" is that of the server, which has a port.
    nslookup) found=$(nslookup "$name" | sed -n 's/^Address: \([^#]*\)$/\1/p') ;;
    esac
    for address in ${found:-none}; do printf ' %s' "$address"; done
    echo
done
