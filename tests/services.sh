#!/usr/bin/env bash
# Installs what the tests run against: Redis, rsyslog, syslog-ng, softflowd, Chromium, nftables, iproute2, strace, a C compiler from the system's packages,
# when allowed; Elasticsearch from Maven Central.
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
command -v mvn >/dev/null || missing+=(maven)
command -v cc >/dev/null || missing+=(gcc libc6-dev)

elasticsearch() { # no server, no failure here: the tests that need it say so
  [ -d "${KYDAI_TEST_ELASTICSEARCH:-${TMPDIR:-/tmp}/kydai-elasticsearch-$(id -u)}" ] || say "Chuẩn bị Elasticsearch cho kiểm thử (lần đầu tải khoảng 950 MB) …" \
    "Preparing Elasticsearch for the tests (about 950 MB to fetch, the first time) …"
  .venv/bin/python -m tests.services.elasticsearch >>"$log" 2>&1 ||
    say "Không có Elasticsearch (cần Maven, JDK từ 21 và Maven Central; xem $log); các kiểm thử cần nó sẽ được bỏ qua và nêu rõ." \
      "No Elasticsearch (it takes Maven, a JDK 21 or newer and Maven Central; see $log); the tests that need it are skipped and say so."
}

syslog_ng() { # unpacked beside rsyslog, which the package would remove; what lacks it says so
  if command -v syslog-ng >/dev/null || [ -x .tools/syslog-ng/usr/sbin/syslog-ng ] || ! command -v apt-get >/dev/null; then return; fi
  local packages
  packages=$(apt-get install -s --no-install-recommends syslog-ng-core 2>/dev/null | awk '/^Inst/ {print $2}')
  mkdir -p .tools/syslog-ng
  (cd .tools/syslog-ng && apt-get download -qq $packages && for each in *.deb; do dpkg -x "$each" .; done && rm -f ./*.deb) >>"$log" 2>&1 ||
    say "Không có syslog-ng (xem $log); kiểm thử cần nó sẽ được bỏ qua và nêu rõ." "No syslog-ng (see $log); the test that needs it is skipped and says so."
}

if [ ${#missing[@]} -eq 0 ]; then syslog_ng; elasticsearch; exit 0; fi
if command -v apt-get >/dev/null; then
  sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo -n"
  say "Cài dịch vụ cho kiểm thử: ${missing[*]} …" "Installing services for the tests: ${missing[*]} …"
  export DEBIAN_FRONTEND=noninteractive
  if $sudo apt-get update -qq >/dev/null && $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; then
    syslog_ng
    elasticsearch
    exit 0
  fi
fi
say "Thiếu dịch vụ cho kiểm thử: ${missing[*]}; các kiểm thử cần chúng sẽ được bỏ qua và nêu rõ. Debian/Ubuntu: sudo apt-get install -y ${missing[*]}" \
  "Missing services for the tests: ${missing[*]}; the tests that need them are skipped and say so. Debian/Ubuntu: sudo apt-get install -y ${missing[*]}"
[ "${KYDAI_REQUIRE_SERVICES:-}" != 1 ]
