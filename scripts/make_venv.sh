#!/usr/bin/env bash
# Create .venv from a requirements file with hashes: scripts/make_venv.sh demo|dev|portal
# A stamp with the file's checksum lets the next call return at once.
set -eu
cd "$(dirname "$0")/.."
want=${1:-demo}
file=requirements/$want.txt
stamp=.venv/.installed

installed=$(cat "$stamp" 2>/dev/null || true)
sum=$(cksum < "$file")
[ "$installed" = "$want $sum" ] && exit 0
# The development set includes everything that the demo needs.
[ "$want" = demo ] && [ "$installed" = "dev $(cksum < requirements/dev.txt)" ] && exit 0

find_python() {
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
    [ -n "$candidate" ] || continue
    "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
      && { printf '%s' "$candidate"; return; }
  done
  echo "No Python 3.11 or newer with venv was found. Install it (Debian: python3-venv) or set PYTHON." >&2
  return 1
}

# Use the machine's certificates, so that uv trusts a company's proxy as other programs do.
export UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1
if ! .tool/bin/python -c '' 2>/dev/null; then
  python=$(find_python)
  echo "Preparing the installer with $($python --version) …"
  "$python" -m venv --clear .tool
fi
[ -x .tool/bin/uv ] || .tool/bin/python -m pip install --quiet uv || echo "uv could not be installed. Using pip, which takes longer."
.venv/bin/python -c '' 2>/dev/null || .tool/bin/python -m venv --without-pip --clear .venv

echo "Installing $(grep -c '==' "$file") packages into .venv …"
by_uv() { [ -x .tool/bin/uv ] && VIRTUAL_ENV=.venv .tool/bin/uv pip sync --require-hashes "$file"; }
# A mirror or proxy may be configured for pip only.
by_pip() { .tool/bin/python -m pip --python .venv/bin/python install --require-hashes -r "$file"; }
by_uv || { echo "Installing with pip …"; by_pip; }
printf '%s %s' "$want" "$sum" > "$stamp"
