#!/bin/bash
# run.sh - run php-fpm's own phpt suite (sapi/fpm/tests, PHP 8.2) against ANY executable.
#
#   run.sh [options] BINARY [test-glob ...]
#
#   BINARY       the manager under test; it is called exactly as php-fpm would be
#                (-y conf -O -F [-d k=v ...] --allow-to-run-as-root ...)
#   test-glob    e.g. 'log-*' 'socket-*' bug68442-signal-reload (default: every test)
#
#   -m MODE      root | user | both   (default both; some tests are root-only, some non-root-only)
#   -u USER      unprivileged user for the "user" pass        (default www-data, else nobody)
#   -c CLASSES   only tests whose class in CLASSES.tsv is in this list, e.g. -c A or -c A,B
#   -s           strict: test client has expose_php=1, so every response (ping/status too) must
#                carry "X-Powered-By: PHP/8..."  (default: relaxed, header not required)
#   -e           pass -dextension_dir=DIR [-dextension=pcntl] to BINARY (needed by Debian's php-fpm,
#                which has no built-in pcntl; not needed by php-cgi workers)
#   -j N         parallel tests (each in its own pid+net namespace; default 2)
#   -o DIR       where to write results/logs (default ./out-<binary>-<time>)
#   -t SEC       per-test timeout (default 120)
#   -r N         repeat a failed test up to N times (two tests are flaky even with real php-fpm)
#   -x           skip slow tests (SKIP_SLOW_TESTS=1)
#   -d           TEST_FPM_DEBUG=1 (verbose tester traces land in the saved .log/.out)
#   -q           only print what failed and the totals
#   -V VERSION   suite to run: 8.2 (default, suite-8.2/) or 8.4 (suite-8.4/)
#   -k FILE      tests that are known to fail, TEST<TAB>REASON: they do not count. One that passes is said to be
#   -P           pristine tester.inc (default: one line is added so that a failed
#                expectFastCGIErrorMessage() is printed; upstream lets the rest of the test pass silently)
# Environment:
#   FPM_ARGS="..."   extra arguments put in front of the ones the tester passes (shell syntax)
#   FPM_ENV="A=b C=d" extra environment for the run
#   PHP=/usr/bin/php CLI that runs the tests
# Exit status: 0 when nothing failed, 1 otherwise.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
PHP=${PHP:-$(command -v php)}
MODE=both USERNAME= CLASSES= KNOWN= STRICT=0 EXTARG=0 JOBS=2 OUT= TMO=120 SLOW= DEBUG= QUIET=0 VER=8.2 PRISTINE=0 RETRY=0
while getopts "m:u:c:k:sej:o:t:xdqhV:Pr:" o; do
  case $o in
    m) MODE=$OPTARG;; u) USERNAME=$OPTARG;; c) CLASSES=$OPTARG;; k) KNOWN=$(readlink -f -- "$OPTARG");; s) STRICT=1;; e) EXTARG=1;;
    j) JOBS=$OPTARG;; o) OUT=$OPTARG;; t) TMO=$OPTARG;; x) SLOW=1;; d) DEBUG=1;; q) QUIET=1;; V) VER=$OPTARG;; P) PRISTINE=1;; r) RETRY=$OPTARG;;
    *) sed -n '2,32p' "$0" | sed 's/^# \{0,1\}//'; exit 2;;
  esac
done
shift $((OPTIND-1))
[ $# -ge 1 ] || { sed -n '2,32p' "$0" | sed 's/^# \{0,1\}//'; exit 2; }
BIN=$1; shift
case $BIN in */*) ;; *) BIN=$(command -v -- "$BIN");; esac
BIN=$(readlink -f -- "$BIN") || exit 2
[ -x "$BIN" ] || { echo "not executable: $BIN" >&2; exit 2; }
[ -x "$PHP" ] || { echo "no php CLI" >&2; exit 2; }

CACHE=${PHPT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/anyfpm-phpt}
SUITE=$CACHE/suite-$VER; [ -d "$SUITE/tests" ] || { echo "no $SUITE: run get-suite.sh first" >&2; exit 2; }
ISROOT=0; [ "$(id -u)" = 0 ] && ISROOT=1
if [ $ISROOT = 0 ]; then MODE=user; fi
if [ -z "$USERNAME" ]; then
  if id www-data >/dev/null 2>&1; then USERNAME=www-data; else USERNAME=nobody; fi
fi
OUT=${OUT:-$PWD/out-$(basename "$BIN")-$(date +%Y%m%d-%H%M%S)}
mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd)
ISO=0
if [ $ISROOT = 1 ] && unshare -p -n -f --kill-child --mount-proc sh -c 'ip link set lo up' 2>/dev/null; then ISO=1; else JOBS=1; fi

BASE=$(mktemp -d /tmp/fpmt.XXXXXX); chmod 755 "$BASE"
trap 'rm -rf "$BASE"' EXIT

# ---- test selection -------------------------------------------------------------------
pick() {
  local f b g c ok
  for f in "$SUITE"/tests/*.phpt; do
    b=$(basename "$f" .phpt)
    if [ $# -gt 0 ]; then
      ok=0
      for g in "$@"; do g=${g##*/}; g=${g%.phpt}; case $b in $g) ok=1;; esac; done
      [ $ok = 1 ] || continue
    fi
    if [ -n "$CLASSES" ]; then
      c=$(awk -F'\t' -v t="$b" '{n=$1; sub(/\.phpt$/,"",n); if (n==t) {print $2; exit}}' "$HERE/CLASSES.tsv" 2>/dev/null)
      case ",$CLASSES," in *",${c:0:1},"*) ;; *) continue;; esac
    fi
    echo "$b"
  done
}
mapfile -t TESTS < <(pick "$@")
[ ${#TESTS[@]} -gt 0 ] || { echo "no tests selected" >&2; exit 2; }

# ---- shared bits: php.ini (built-in defaults, nothing from the distribution), extensions ----
EXTDIR=$BASE/ext; mkdir -p "$EXTDIR" "$BASE/ini/none"
SYSEXT=$("$PHP" -n -r 'echo ini_get("extension_dir");')
for f in "$SYSEXT"/*.so "$CACHE"/ext-built/*.so; do [ -e "$f" ] && { rm -f "$EXTDIR/${f##*/}"; cp "$f" "$EXTDIR/"; }; done; chmod 755 "$EXTDIR"/*.so
{ echo "extension_dir=$EXTDIR"
  [ -e "$EXTDIR/posix.so" ] && echo "extension=posix"
  [ -e "$EXTDIR/ctype.so" ] && echo "extension=ctype"
  [ -e "$EXTDIR/zend_test.so" ] && echo "extension=zend_test"
  true; } > "$BASE/ini/php.ini"
# BINARY is started through a tiny launcher: it keeps PHPRC even when a test passes its own environment,
# adds FPM_ARGS, and keeps the order of the environment (gh13563 compares it), which sh would not.
eval "FARGS=(${FPM_ARGS:-})"
cstr() { printf '"'; printf '%s' "$1" | sed 's/[\\"]/\\&/g'; printf '"'; }
{ echo '#include <stdlib.h>'; echo '#include <unistd.h>'; echo '#include <stdio.h>'
  echo 'int main(int c, char **v) {'
  echo " setenv(\"PHPRC\", $(cstr "$BASE/ini"), 1); setenv(\"PHP_INI_SCAN_DIR\", $(cstr "$BASE/ini/none"), 1);"
  echo " char **a = calloc(c + ${#FARGS[@]} + 1, sizeof *a); int n = 0;"
  echo " a[n++] = $(cstr "$BIN");"
  for x in ${FARGS[@]+"${FARGS[@]}"}; do echo " a[n++] = $(cstr "$x");"; done
  echo ' for (int i = 1; i < c; i++) a[n++] = v[i];'
  echo ' execv(a[0], a); perror(a[0]); return 127; }'
} > "$BASE/launch.c"
if ! ${CC:-cc} -O1 -w -o "$BASE/php-fpm" "$BASE/launch.c" 2>/dev/null; then
  printf '#!/bin/sh\nexport PHPRC=%q PHP_INI_SCAN_DIR=%q\nexec %q %s "$@"\n' "$BASE/ini" "$BASE/ini/none" "$BIN" "${FPM_ARGS:-}" > "$BASE/php-fpm"
fi
chmod 755 "$BASE/php-fpm"

# ---- one test in one private tree ------------------------------------------------------
cat > "$BASE/one.sh" <<'ONE'
#!/bin/bash
# one.sh MODE INDEX TEST      (short paths: unix socket names must stay under 104 bytes)
mode=$1; t=$3
W=$BASE/${mode:0:1}$2
mkdir -p "$W/bin" "$W/sbin" "$W/ext/standard/tests/misc" "$W/sapi/fpm/tests" "$W/tmp" "$OUT/$mode"
ln -s "$PHP" "$W/bin/php"                 # TEST_PHP_EXECUTABLE=<W>/bin/php ...
ln -s "$BASE/php-fpm" "$W/sbin/php-fpm"   # ... makes tester.inc look at <W>/sbin/php-fpm
cp "$SUITE"/run-tests.php "$W/"; cp "$SUITE"/misc/browscap.ini "$W/ext/standard/tests/misc/"
cp "$SUITE"/tests/*.inc "$SUITE/tests/$t.phpt" "$W/sapi/fpm/tests/"
[ "$PRISTINE" = 1 ] || sed -i 's/^\( *\)\$this->logTool->checkTruncatedMessage(\$this->response->getErrorData());/\1if (!$this->logTool->checkTruncatedMessage($this->response->getErrorData() ?? "")) { echo "ERROR: FastCGI error stream: " . $this->logTool->getError() . "\\n"; }/' "$W/sapi/fpm/tests/tester.inc"
chmod 755 "$W"; chmod 1777 "$W/tmp"
run=(env -u TEST_FPM_RUN_AS_ROOT TMPDIR="$W/tmp" PHPRC="$BASE/ini" PHP_INI_SCAN_DIR="$BASE/ini/none" NO_INTERACTION=1
     TEST_NON_ROOT_SUDO=0 RUN_RESOURCE_HEAVY_TESTS=1 FPM_RUN_RESOURCE_HEAVY_TESTS=1 DISABLE_SKIP_CACHE=1)
[ "$mode" = root ] && run+=(TEST_FPM_RUN_AS_ROOT=1)
[ "$EXTARG" = 1 ] && run+=(TEST_FPM_EXTENSION_DIR="$EXTDIR")
[ -n "$DEBUG" ] && run+=(TEST_FPM_DEBUG=1)
[ -n "$SLOW" ] && run+=(SKIP_SLOW_TESTS=1)
[ -n "${FPM_ENV:-}" ] && run+=($FPM_ENV)
cli=("$W/bin/php" "$W/run-tests.php" -p "$W/bin/php" -q --no-color --no-progress --set-timeout "$TMO" -W "$W/res" )
[ "$STRICT" = 1 ] || cli+=(-d expose_php=0)
cli+=("$W/sapi/fpm/tests/$t.phpt")
user=()
if [ "$mode" = user ] && [ "$ISROOT" = 1 ]; then chown -R "$USERNAME" "$W"; user=(runuser -u "$USERNAME" --); fi
# setsid: with no pid file tester.inc runs "kill -USR2 0", i.e. signals its own process group
s=$(date +%s.%N)
if [ "$ISO" = 1 ]; then
  timeout -k 5 $((TMO+60)) unshare -p -n -f --kill-child --mount-proc bash -c 'ip link set lo up; cd "$1"; shift; exec setsid -w "$@"' _ "$W" "${user[@]}" "${run[@]}" "${cli[@]}" >"$W/stdout" 2>&1 </dev/null
else
  (cd "$W" && setsid -w timeout -k 5 $((TMO+60)) "${user[@]}" "${run[@]}" "${cli[@]}") >"$W/stdout" 2>&1 </dev/null
fi
e=$(date +%s.%N)
st=$(head -1 "$W/res" 2>/dev/null | cut -f1); st=${st:-ERROR}
case $st in PASSED) st=PASS;; FAILED*) st=FAIL;; SKIPPED) st=SKIP;; XFAILED*) st=XFAIL;; WARNED*) st=PASS;; BORKED*) st=BORK;; esac  # WARNED: XFAIL test that passed
if [ $st != PASS ] && [ $st != SKIP ] && [ "${ATTEMPT:-0}" -lt "$RETRY" ]; then rm -rf "$W"; ATTEMPT=$((${ATTEMPT:-0}+1)) exec "$0" "$@"; fi
why=
# A known failure does not count, and should be taken off the list when it is none any more.
if [ -n "$KNOWN" ] && reason=$(awk -F'\t' -v t="$t" '$1==t {print $2; f=1} END {exit !f}' "$KNOWN"); then
  case $st in PASS) why="passes although it is in $(basename "$KNOWN")";; SKIP) ;; *) st=XFAIL why=$reason;; esac
fi
[ $st = SKIP ] && why=$(grep -o 'reason: .*' "$W/stdout" | head -1 | sed 's/^reason: //')
if [ $st != PASS ] && [ $st != SKIP ] && [ $st != XFAIL ]; then
  for x in diff out log exp; do cp "$W/sapi/fpm/tests/$t.$x" "$OUT/$mode/" 2>/dev/null; done
  cp "$W/stdout" "$OUT/$mode/$t.run" 2>/dev/null
  why=$(grep -m1 '^[0-9]*+ ' "$W/sapi/fpm/tests/$t.diff" 2>/dev/null | cut -c1-160)
fi
printf '%s\t%s\t%s\t%.1fs\t%s\n' "$mode" "$st" "$t" "$(echo "$e $s" | awk '{print $1-$2}')" "$why" >> "$OUT/results.tsv"
[ "$QUIET" = 1 ] && { [ $st = PASS ] || [ $st = SKIP ] || [ $st = XFAIL ]; } && [ -z "$why" -o $st != PASS ] || printf '%-5s %-4s %-58s %s\n' "$st" "$mode" "$t" "$why"
rm -rf "$W"
ONE
chmod 755 "$BASE/one.sh"
export BASE OUT HERE SUITE KNOWN PRISTINE RETRY PHP EXTARG EXTDIR DEBUG SLOW TMO STRICT ISO ISROOT USERNAME QUIET FPM_ENV
: > "$OUT/results.tsv"
MODES=$MODE; [ "$MODE" = both ] && MODES="root user"
for m in $MODES; do printf '%s\n' "${TESTS[@]}" | awk -v m="$m" '{print m, NR, $1}'; done | xargs -P "$JOBS" -L 1 "$BASE/one.sh"

# ---- totals ---------------------------------------------------------------------------
sort -k3,3 -k1,1 -o "$OUT/results.tsv" "$OUT/results.tsv"
for m in $MODES; do
  awk -F'\t' -v m="$m" '$1==m{n++; c[$2]++} END{printf "%-8s total %d  pass %d  skip %d  xfail %d  fail %d\n", m":", n, c["PASS"], c["SKIP"], c["XFAIL"], n-c["PASS"]-c["SKIP"]-c["XFAIL"]}' "$OUT/results.tsv"
done
# combined: FAIL if it failed in any pass, else PASS if it passed in any, else SKIP
awk -F'\t' '{t=$3; if ($2!="PASS" && $2!="SKIP" && $2!="XFAIL") r[t]="FAIL"; else if ($2=="XFAIL" && r[t]!="FAIL") r[t]="XFAIL"; else if ($2=="PASS" && r[t]!="FAIL" && r[t]!="XFAIL") r[t]="PASS"; else if (!(t in r)) r[t]="SKIP"}
  END{for (t in r) {print r[t] "\t" t; c[r[t]]++; n++} printf "combined: total %d  pass %d  skip %d  xfail %d  fail %d\n", n, c["PASS"], c["SKIP"], c["XFAIL"], c["FAIL"] > "/dev/stderr"}' "$OUT/results.tsv" 2>"$OUT/.tot" | sort -k2 > "$OUT/combined.tsv"
cat "$OUT/.tot"; rm -f "$OUT/.tot"
echo "results: $OUT/results.tsv (per pass)  $OUT/combined.tsv  failure details: $OUT/{root,user}/TEST.{diff,out,run}"
! grep -q '^FAIL' "$OUT/combined.tsv"
