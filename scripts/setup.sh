#!/usr/bin/env bash
# Makes the virtual environment and builds the console, each only when something changed. `setup.sh dev` adds the tools of tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
want=${1:-run}

[ -w . ] || die "Thư mục $PWD chỉ đọc: hãy chép mã nguồn vào thư mục có quyền ghi." \
  "The folder $PWD is read-only: clone into a folder that you may write to."

if [ ! -x .venv/bin/python ]; then
  python=$(find_python) || python=$(fetch_python) || {
    say "Cần Python 3.11 trở lên (có venv). Cài bằng một trong các lệnh sau rồi chạy lại:" \
      "Python 3.11 or newer (with venv) is needed. Install it with one of these and run again:"
    python_lines
    exit 1
  }
  say "Tạo môi trường Python trong .venv …" "Making the Python environment in .venv …"
  "$python" -m venv .venv
fi

extras=""
[ "$want" = dev ] && extras="[dev]"
stamp="$want $(sha256sum pyproject.toml | cut -c1-32) $PWD"
have=$(cat .venv/kydai-stamp 2>/dev/null || true)
if [ "$have" != "$stamp" ] && [ "${have/#dev /run }" != "$stamp" ]; then
  say "Cài các thư viện Python (một lần, vài phút) …" "Installing the Python libraries (once, a few minutes) …"
  if ! .venv/bin/python -m pip install -q --disable-pip-version-check uv ||
    ! .venv/bin/uv pip install -q -p .venv/bin/python -e ".$extras"; then
    die "Không tải được thư viện Python: máy này cần truy cập kho gói PyPI (hoặc bản sao nội bộ, đặt PIP_INDEX_URL và UV_INDEX_URL)." \
      "The Python libraries could not be fetched: this machine needs the PyPI registry (or a mirror: set PIP_INDEX_URL and UV_INDEX_URL)."
  fi
  printf '%s' "$stamp" >.venv/kydai-stamp
fi

if [ -f console/package-lock.json ]; then
  sources=$(find console core/words -path console/node_modules -prune -o -path console/dist -prune -o -path console/src/words/\*.json -prune -o -path \*/__pycache__ -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-32)
  if [ "$(cat console/dist/.stamp 2>/dev/null || true)" != "$sources" ]; then
    if ! node_ok; then
      say "Tải Node 20 vào .tools/node …" "Fetching Node 20 into .tools/node …"
      if .venv/bin/uv pip install -q -p .venv/bin/python nodeenv && .venv/bin/nodeenv -q --node=20.20.2 .tools/node >/dev/null 2>&1; then
        PATH="$PWD/.tools/node/bin:$PATH"
      else
        say "Cần Node 20 trở lên để dựng giao diện. Cài bằng một trong các cách sau rồi chạy lại:" \
          "Node 20 or newer is needed to build the console. Install it in one of these ways and run again:"
        node_lines
        exit 1
      fi
    fi
    say "Dựng giao diện (một lần) …" "Building the console (once) …"
    (cd console && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 && npm run --silent build >&2) ||
      die "Không dựng được giao diện: máy này cần truy cập kho gói npm (hoặc bản sao nội bộ, npm config set registry)." \
        "The console could not be built: this machine needs the npm registry (or a mirror: npm config set registry)."
    printf '%s' "$sources" >console/dist/.stamp
  fi
fi
