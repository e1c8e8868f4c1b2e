#!/usr/bin/env bash
# Installs what the tests run against: Redis, rsyslog, softflowd, Chromium, nftables, iproute2, strace. From the system's packages, when allowed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
command -v rsyslogd >/dev/null || [ -x /usr/sbin/rsyslogd ] || missing+=(rsyslog)
[ -x /usr/sbin/softflowd ] || command -v softflowd >/dev/null || missing+=(softflowd)
command -v chromium >/dev/null || missing+=(chromium)
command -v nft >/dev/null || [ -x /usr/sbin/nft ] || missing+=(nftables)
command -v ip >/dev/null || [ -x /usr/sbin/ip ] || missing+=(iproute2)
command -v strace >/dev/null || missing+=(strace)
command -v pdftotext >/dev/null || missing+=(poppler-utils)
command -v logger >/dev/null || missing+=(bsdutils)
[ ${#missing[@]} -eq 0 ] && exit 0

if command -v apt-get >/dev/null; then
  sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo -n"
  say "Cài dịch vụ cho kiểm thử: ${missing[*]} …" "Installing services for the tests: ${missing[*]} …"
  export DEBIAN_FRONTEND=noninteractive
  if $sudo apt-get update -qq >/dev/null && $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; then
    exit 0
  fi
fi
say "Thiếu dịch vụ cho kiểm thử: ${missing[*]}; các kiểm thử cần chúng sẽ được bỏ qua và nêu rõ. Debian/Ubuntu: sudo apt-get install -y ${missing[*]}" \
  "Missing services for the tests: ${missing[*]}; the tests that need them are skipped and say so. Debian/Ubuntu: sudo apt-get install -y ${missing[*]}"
[ "${KYDAI_REQUIRE_SERVICES:-}" != 1 ]
