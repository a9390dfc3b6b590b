#!/bin/bash
N=$(mktemp -d /tmp/digestmut.XXXXXX); cd /tmp/digest.3odrnh; cp -r core persist transport scripting plugins cli go.mod go.sum $N/; cp /tmp/digestmut.uRZjp4/mut.py $N/; cd $N; sed -i 's/Tainted|Late/Tainted|Late|ResyncUnder/' mut.py; python3 mut.py "$@"; rm -rf $N
