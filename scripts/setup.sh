#!/usr/bin/env bash
# Makes the virtual environment and builds the console, each only when something changed. `setup.sh dev` adds the tools of tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
want=${1:-run}

[ -w . ] || die "Thư mục $PWD chỉ đọc: hãy chép mã nguồn vào thư mục có quyền ghi." \
  "The folder $PWD is read-only: clone into a folder that you may write to."
exec 3>&2
trap 'say "Đã dừng theo yêu cầu; chạy lại lệnh để làm tiếp." "Interrupted; the same command goes on." 2>&3; exit 130' INT TERM

extras=""
[ "$want" = dev ] && extras="[dev]"
print=$(sha256sum pyproject.toml | cut -c1-32)
stamp="$want $print $PWD"
have=$(cat .venv/kydai-stamp 2>/dev/null || true)
is_whole=no # an environment that was made to its end, in this folder, and whose Python is still there
[ "${have#* * }" = "$PWD" ] && .venv/bin/python -c '' 2>/dev/null && is_whole=yes

if [ $is_whole = no ] || { [ "$have" != "$stamp" ] && [ "$have" != "dev $print $PWD" ]; }; then
  mkdir -p .tools
  : >"$log"
  # pip, uv and npm keep caches at home
  [ -w "${HOME:-/nowhere}" ] || { export HOME="$PWD/.tools/home" && mkdir -p "$HOME"; }
  if [ $is_whole = no ]; then
    need_disk "$([ "$want" = dev ] && echo 1500 || echo 1000)"
    rm -rf .venv
    python=$(find_python) || {
      say "Máy này không có Python 3.11 trở lên (có venv); đang tải vào .tools …" "No Python 3.11 or newer (with venv) here; fetching it into .tools …"
      python=$(fetch_python)
    } || {
      ! disk_full || failed "Không tải được Python 3.11" "Python 3.11 could not be fetched" "" ""
      say "Không tải được Python 3.11 (xem $log). Hãy cài bằng một trong các lệnh sau rồi chạy lại:" \
        "Python 3.11 could not be fetched (see $log). Install it with one of these and run again:"
      python_lines
      exit 1
    }
    say "Tạo môi trường Python trong .venv …" "Making the Python environment in .venv …"
    "$python" -m venv .venv >>"$log" 2>&1 || failed "Không tạo được môi trường Python" "The Python environment could not be made" \
      "xem $log." "See $log."
  fi
  say "Cài các thư viện Python (một lần, vài phút) …" "Installing the Python libraries (once, a few minutes) …"
  { .venv/bin/python -m pip install -q --retries 1 --disable-pip-version-check uv && .venv/bin/uv pip install -q -p .venv/bin/python -e ".$extras"; } \
    >>"$log" 2>&1 || failed "Không cài được các thư viện Python" "The Python libraries could not be installed" \
    "máy này cần truy cập kho gói PyPI, hoặc bản sao nội bộ (đặt PIP_INDEX_URL và UV_INDEX_URL)." \
    "This machine needs the PyPI registry, or a mirror (set PIP_INDEX_URL and UV_INDEX_URL)."
  printf '%s' "$stamp" >.venv/kydai-stamp
fi

if [ -f console/package-lock.json ]; then
  sources=$(find console core/words -path console/node_modules -prune -o -path console/dist -prune -o -path console/dist.new -prune -o -path console/src/words/\*.json -prune -o -path \*/__pycache__ -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-32)
  if [ "$(cat console/dist/.stamp 2>/dev/null || true)" != "$sources" ]; then
    mkdir -p .tools
    : >"$log"
    [ -w "${HOME:-/nowhere}" ] || { export HOME="$PWD/.tools/home" && mkdir -p "$HOME"; }
    need_disk 400
    node_ok || PATH="$PWD/.tools/node/bin:$PATH"
    if ! node_ok; then
      say "Máy này không có Node 20.19 trở lên; đang tải Node 22 vào .tools/node …" "No Node 20.19 or newer here; fetching Node 22 into .tools/node …"
      if ! fetch_node >>"$log" 2>&1; then
        ! disk_full || failed "Không tải được Node" "Node could not be fetched" "" ""
        say "Không tải được Node, cần để dựng giao diện. Hãy cài bằng một trong các cách sau rồi chạy lại:" \
          "Node, which builds the console, could not be fetched. Install it in one of these ways and run again:"
        node_lines
        exit 1
      fi
    fi
    say "Dựng giao diện (một lần) …" "Building the console (once) …"
    (cd console && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && npm run --silent build) >>"$log" 2>&1 ||
      failed "Không dựng được giao diện" "The console could not be built" \
        "máy này cần truy cập kho gói npm, hoặc bản sao nội bộ (npm config set registry)." \
        "This machine needs the npm registry, or a mirror (npm config set registry)."
    printf '%s' "$sources" >console/dist/.stamp
  fi
fi
