#!/usr/bin/env bash
# Loads the flights of 2013 into a Pando of its own, and asks it five questions.
#
#   examples/flights/demo.sh [FOLDER]      default: target/demo
#
# The data stays in FOLDER/data: `pando serve --data-dir FOLDER/data` serves it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
folder=${1:-$root/target/demo}
pando=${PANDO_BIN:-$root/target/release/pando}
data=$folder/data

[[ -x $pando ]] || { echo "there is no $pando: run \`make build\` first" >&2; exit 1; }
"$here/fetch.sh" "$folder"
began=$SECONDS

rm -rf "$data"
"$pando" migrate --dir "$here/migrations" --data-dir "$data"
for table in airlines airports planes; do
  "$pando" import "tables/$table" "$folder/$table.csv" --null NA --data-dir "$data"
done

rejects=$folder/weather.rejects.ndjson
"$pando" import tables/weather "$folder/weather.csv" --null NA --on-error skip --rejects "$rejects" --data-dir "$data"
echo "rejected of weather.csv, the hours that come twice:"
sed 's/^/  /' "$rejects"

"$pando" import tables/flights "$folder/flights.csv.zip" --null NA --data-dir "$data"
echo "loaded in $((SECONDS - began)) s"

rm -f "$data/server.json"
"$pando" serve --listen 127.0.0.1:0 --data-dir "$data" >"$folder/serve.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true' EXIT
url=
until [[ -n $url ]] && curl -fsS -o /dev/null "$url/readyz" 2>/dev/null; do
  kill -0 "$server" 2>/dev/null || { cat "$folder/serve.log" >&2; exit 1; }
  url=$(sed -nE 's/.*"(http:[^"]*)".*/\1/p' "$data/server.json" 2>/dev/null || true)
  url=${url%/}
done

ask() {
  printf '\n%s\n  GET %s\n' "$1" "$2"
  curl -fsS -g "$url$2" | sed 's/},{/},\n {/g; s/^/  /'
  echo
}

ask "How many flights left each of New York's airports, and how late on the whole?" \
  "/rest/v1/flights?select=origin,flights:count(),minutes_late:dep_delay.avg()::integer&order=origin"
ask "The five latest departures, with airline and plane (not all planes are known):" \
  "/rest/v1/flights?select=month,day,dep_delay,airlines(name),planes(model,year)&dep_delay=gt.1000&order=dep_delay.desc"
ask "How often, how far and how late did the first five airlines fly?" \
  "/rest/v1/flights?select=...airlines(name),flights:count(),miles:distance.sum(),minutes_late:dep_delay.avg()::integer&order=carrier&carrier=lte.B6"
ask "Three airports in the mountains and their flights on New Year's Day:" \
  "/rest/v1/airports?select=name,alt,flights!flights_dest_fkey(flight,dep_time)&alt=gt.5000&flights.month=eq.1&flights.day=eq.1&flights.limit=2&flights!inner&limit=3"
ask "The windiest hour at Kennedy:" \
  "/rest/v1/weather?select=time_hour,wind_speed,temp&origin=eq.JFK&order=wind_speed.desc.nullslast&limit=1"

echo
echo "all of it in $((SECONDS - began)) s. To go on:  $pando serve --data-dir $data"
