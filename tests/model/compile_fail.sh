#!/bin/sh
# Mistakes that the compiler must catch. Each file of CASES
# holds one, and a line "want: TEXT" with what its diagnostics must mention;
# good.c must compile without a word.
#
# usage: compile_fail.sh SOURCE_ROOT CASES COMPILER...
# Compilers that are not installed are skipped. Prints TAP.

root=$1
cases=$root/$2
shift 2
n=0

result() # ok? name detail
{
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        echo "$3" | sed 's/^/# /'
    fi
}

check() # compiler file
{
    name="$1: $(basename "$2" .c)"
    want=$(sed -n 's|^/\* want: \(.*\) \*/$|\1|p' "$2")
    out=$(LC_ALL=C "$1" -std=gnu17 -Wall -Wextra -fsyntax-only \
        -Wno-missing-field-initializers -I"$root/include" "$2" 2>&1)
    rc=$?
    if [ -z "$want" ]; then
        [ $rc = 0 ] && [ -z "$out" ]
    else
        [ $rc != 0 ] && echo "$out" | grep -q "$want"
    fi
    result $? "$name" "$out"
}

for compiler in "$@"; do
    if ! command -v "$compiler" >/dev/null 2>&1; then
        result 0 "$compiler # SKIP not installed" ""
        continue
    fi
    for file in "$cases"/*.c; do
        check "$compiler" "$file"
    done
done
echo "1..$n"
