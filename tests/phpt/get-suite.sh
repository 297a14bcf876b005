#!/bin/bash
# get-suite.sh - fetch php-fpm's own test suite (sapi/fpm/tests of php-src) from Debian's source package into a cache, and build
# the three small extensions some tests load. Nothing of it is copied into a repository. Needs root (apt).
#   -q               the suite alone, without the extensions: enough for the quick part of make test
#   PHPT_CACHE=DIR   where (default ~/.cache/anyfpm-phpt)
# Exit status: 0 when it is there, 1 when it cannot be had, with the reason on standard error.
set -eu
quick=; [ "${1:-}" != -q ] || quick=1
CACHE=${PHPT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/anyfpm-phpt}
have_suite() { [ -e "$CACHE/suite-8.2/complete" ]; }
have_extensions() { [ -e "$CACHE/ext-built/complete" ]; }
have_suite && { [ "$quick" ] || have_extensions; } && exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "php-fpm's test suite comes with Debian's source package, by apt-get, as root" >&2; exit 1; }

export DEBIAN_FRONTEND=noninteractive
packages=(xz-utils)
[ "$quick" ] || packages+=(php8.2-cli php8.2-cgi php8.2-dev php8.2-fpm gcc make autoconf libxml2-dev)
W=$(mktemp -d); trap 'rm -rf "$W"' EXIT; chmod 755 "$W"; cd "$W"
# The sources of the packages, whether or not the machine's lists have them: lists of our own, for this run.
sed 's/^Types: deb$/Types: deb-src/; s/^deb /deb-src /' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | grep -v '^#' > src.sources || true
grep -q '^Types:' src.sources && L=src.sources || { mv src.sources src.list; L=src.list; }
A=(-o "Dir::Etc::sourcelist=$W/$L" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$W/lists")
[ "$L" = src.sources ] && { mkdir parts; mv src.sources parts/; A=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$W/parts" -o "Dir::State::lists=$W/lists"); }
mkdir -p lists/partial
get() {
  if ! dpkg-query -W -f '${db:Status-Status}\n' "${packages[@]}" 2>/dev/null | awk '$1!="installed"{m=1} {n++} END{exit m || n<'${#packages[@]}'}'; then
    apt-get -qq update && apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null || return 1
  fi
  apt-get "${A[@]}" -qq update || return 1
  for v in $(apt-cache "${A[@]}" showsrc php8.2 | sed -n 's/^Version: //p' | sort -Vr); do
    apt-get "${A[@]}" -qq source --download-only --tar-only "php8.2=$v" >/dev/null 2>&1 && break || true
  done
  ls php8.2_*.orig.tar.xz >/dev/null
}
get >log 2>&1 || { tail -n 5 log >&2; echo "cannot get php-fpm's test suite with Debian's source package php8.2" >&2; exit 1; }

T=$(ls php8.2_*.orig.tar.xz | head -1)
tar xf "$T"; S=$(ls -d php-8.2.*/ | head -1)
mkdir -p "$CACHE/suite-8.2/misc" "$CACHE/ext-built"
cp -r "$S/sapi/fpm/tests" "$S/run-tests.php" "$CACHE/suite-8.2/"; cp "$S/LICENSE" "$CACHE/suite-8.2/LICENSE.php"
cp "$S/ext/standard/tests/misc/browscap.ini" "$CACHE/suite-8.2/misc/"
touch "$CACHE/suite-8.2/complete"
echo "suite in $CACHE ($(ls "$CACHE"/suite-8.2/tests/*.phpt | wc -l) tests, from $T)"
[ "$quick" ] && exit 0
for e in pcntl dl_test zend_test; do
  (cd "$S/ext/$e" && phpize8.2 >/dev/null 2>&1 && CPPFLAGS="-I/usr/include/libxml2 -idirafter $W/$S" ./configure --with-php-config=/usr/bin/php-config8.2 --enable-"${e//_/-}" >/dev/null && make -s >/dev/null 2>&1 && cp modules/$e.so "$CACHE/ext-built/") || { echo "cannot build PHP's extension $e, which some tests load" >&2; exit 1; }
done
touch "$CACHE/ext-built/complete"
