# Shared by the scripts: words in the reader's language, and finding or fetching Python and Node.
lang=${KYDAI_LANG:-${LANG:-vi}}
case "$lang" in en*) lang=en ;; *) lang=vi ;; esac

say() { # say "tiếng Việt" "English"
  if [ "$lang" = en ]; then printf '%s\n' "$2" >&2; else printf '%s\n' "$1" >&2; fi
}

die() { say "$1" "$2"; exit 1; }

python_lines() {
  cat >&2 <<'TEXT'
  Debian 12/13, Ubuntu 24.04:  sudo apt-get install -y python3 python3-venv
  Ubuntu 22.04:                sudo apt-get install -y python3.11 python3.11-venv
  Rocky/Alma 9:                sudo dnf install -y python3.11 python3.11-pip
TEXT
}

node_lines() {
  cat >&2 <<'TEXT'
  Debian 13:                   sudo apt-get install -y nodejs npm
  Debian 12, Ubuntu:           https://github.com/nodesource/distributions (Node 20)
  Rocky/Alma 9:                sudo dnf module install -y nodejs:20
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

fetch_python() { # with uv, into the clone; prints it
  local uv=.tools/uv/bin/uv
  command -v uv >/dev/null && uv=$(command -v uv)
  if [ ! -x "$uv" ] && ! command -v uv >/dev/null; then
    python3 -m pip install -q --target .tools/uv uv >/dev/null 2>&1 || return 1
  fi
  UV_PYTHON_INSTALL_DIR="$PWD/.tools/python" "$uv" python install -q 3.11 >/dev/null 2>&1 || return 1
  UV_PYTHON_INSTALL_DIR="$PWD/.tools/python" "$uv" python find 3.11
}

node_ok() { command -v node >/dev/null && command -v npm >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]; }
