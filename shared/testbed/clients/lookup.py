"""Looks up each argument with dnspython, A and then AAAA, and prints a line:
"time name address ..." or "time name none"; the time is when the lookup began, in
seconds since 1970."""

import sys
import time

import dns.exception
import dns.resolver


def addresses(name):
    for qtype in ("A", "AAAA"):
        try:
            for record in dns.resolver.resolve(name, qtype, search=True):
                yield record.to_text()
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            pass


for name in sys.argv[1:]:
    began = f"{time.time():.9f}"
    print(began, name, *(list(addresses(name)) or ["none"]))
