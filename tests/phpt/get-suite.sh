#!/bin/bash
# get-suite.sh - fetch php-fpm's own test suite (sapi/fpm/tests of php-src) from Debian's source package into a cache, and build
# the three small extensions some tests load. Nothing of it is copied into a repository. Needs root (apt).
#   -n               get nothing, only tell by the exit status whether it is there
#   PHPT_CACHE=DIR   where (default ~/.cache/anyfpm-phpt)
set -eu
CACHE=${PHPT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/anyfpm-phpt}
[ -d "$CACHE/suite-8.2/tests" ] && [ -e "$CACHE/ext-built/zend_test.so" ] && exit 0
[ "${1:-}" != -n ] || exit 1
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends php8.2-cli php8.2-cgi php8.2-dev php8.2-fpm dpkg-dev xz-utils gcc make autoconf libxml2-dev >/dev/null
W=$(mktemp -d); trap 'rm -rf "$W"' EXIT; chmod 755 "$W"; cd "$W"
sed 's/^Types: deb$/Types: deb-src/; s/^deb /deb-src /' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | grep -v '^#' > src.sources
grep -q '^Types:' src.sources && L=src.sources || { mv src.sources src.list; L=src.list; }
A=(-o "Dir::Etc::sourcelist=$W/$L" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$W/lists")
[ "$L" = src.sources ] && { mkdir parts; mv src.sources parts/; A=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$W/parts" -o "Dir::State::lists=$W/lists"); }
mkdir -p lists/partial
apt-get "${A[@]}" -qq update
for v in $(apt-cache "${A[@]}" showsrc php8.2 | sed -n 's/^Version: //p' | sort -Vr); do
  apt-get "${A[@]}" -qq source --download-only --tar-only "php8.2=$v" >/dev/null 2>&1 && break || true
done
T=$(ls php8.2_*.orig.tar.xz | head -1)
tar xf "$T"; S=$(ls -d php-8.2.*/ | head -1)
mkdir -p "$CACHE/suite-8.2/misc" "$CACHE/ext-built"
cp -r "$S/sapi/fpm/tests" "$S/run-tests.php" "$CACHE/suite-8.2/"; cp "$S/LICENSE" "$CACHE/suite-8.2/LICENSE.php"
cp "$S/ext/standard/tests/misc/browscap.ini" "$CACHE/suite-8.2/misc/"
for e in pcntl dl_test zend_test; do
  (cd "$S/ext/$e" && phpize8.2 >/dev/null 2>&1 && CPPFLAGS="-I/usr/include/libxml2 -idirafter $W/$S" ./configure --with-php-config=/usr/bin/php-config8.2 --enable-"${e//_/-}" >/dev/null && make -s >/dev/null 2>&1 && cp modules/$e.so "$CACHE/ext-built/") || echo "note: could not build $e" >&2
done
echo "suite in $CACHE ($(ls "$CACHE"/suite-8.2/tests/*.phpt | wc -l) tests, from $T)"
