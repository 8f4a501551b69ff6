#!/bin/sh
# A build script in miniature: one short process after another, so that no sampler that looks only
# at what is alive would see where the CPU time went.
i=0
while [ "$i" -lt "$1" ]; do
    expr "$i" \* "$i" >/dev/null
    head -c 200000 /dev/zero | gzip -c >/dev/null
    sleep 0.03
    i=$((i + 1))
done
