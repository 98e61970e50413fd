"""The other four models of the demo: what is loaded into them, and what they are asked.

Airports and the routes between them become a graph, the weather a wide-column table, 250
countries documents, and a million small values key-values. The countries (ODbL) come from the
npm package world-countries; the routes and the values are made from what is there.
"""

import csv
import io
import os
import pathlib
import subprocess
import tarfile
import zipfile

COUNTRIES = "world-countries"
COUNTRIES_VERSION = "5.1.0"
VALUES = 1_000_000

CELLS = [
    "obs:temp=temp", "obs:humid=humid", "obs:visib=visib", "obs:pressure=pressure",
    "wind:dir=wind_dir", "wind:speed=wind_speed", "wind:gust=wind_gust",
]

QUERIES = [
    (
        "Graph: the fewest hops from JFK to HNL",
        "graph/v1/air/path?from=JFK&to=HNL",
    ),
    (
        "Graph: the fewest hops from LaGuardia, which does not fly there",
        "graph/v1/air/path?from=LGA&to=HNL&kinds=flies",
    ),
    (
        "Graph: airports that fly where JFK flies, by how many destinations they share",
        "graph/v1/air/recommend?node=JFK&kind=flies&limit=3",
    ),
    (
        "Wide-column: JFK in the evening of the blizzard Nemo, gusts and sight only",
        "wide/v1/weather/JFK?from=2013-02-08T23&to=2013-02-09T02&columns=wind:gust,obs:visib",
    ),
    (
        "Documents: the largest countries of Eastern Asia",
        "docs/v1/countries?region=eq.Asia&subregion=eq.Eastern Asia"
        "&select=_id,name->>common,area&order=area.desc&limit=3",
    ),
    (
        "Documents: found by a Korean word inside of a name",
        "docs/v1/countries?search=기니&select=_id,name->>common&limit=4",
    ),
    (
        "Key-values: one of a million",
        "kv/v1/seen/passenger:0765432",
    ),
]


def prepare(work: pathlib.Path, files: pathlib.Path) -> None:
    """Fetches and makes what is loaded; once."""
    if not (work / "countries.json").is_file():
        fetch_countries(work)
    if not (work / "routes.csv").is_file():
        write_routes(work, files)
    if not (work / "values.ndjson").is_file():
        write_values(work)


def fetch_countries(work: pathlib.Path) -> None:
    archive = work / f"{COUNTRIES}-{COUNTRIES_VERSION}.tgz"
    if not archive.is_file():
        print(f"fetching {COUNTRIES} {COUNTRIES_VERSION} from npm", flush=True)
        command = ["npm", "pack", "--silent", f"{COUNTRIES}@{COUNTRIES_VERSION}"]
        subprocess.run(command, check=True, cwd=work, stdout=subprocess.DEVNULL)
    with tarfile.open(archive) as packed, packed.extractfile("package/countries.json") as source:
        whole(work / "countries.json", source.read())


def write_routes(work: pathlib.Path, files: pathlib.Path) -> None:
    """Each route once, with its flights, both ways: a plane that left has come."""
    routes: dict[tuple[str, str], list] = {}
    with zipfile.ZipFile(files / "flights.csv.zip") as packed:
        with packed.open(packed.namelist()[0]) as source:
            for row in csv.DictReader(io.TextIOWrapper(source, "utf-8")):
                route = routes.setdefault(
                    (row["origin"], row["dest"]), [row["time_hour"], row["distance"], 0]
                )
                route[2] += 1
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(["from", "to", "at", "miles", "flights"])
    for (origin, dest), route in routes.items():
        lines.writerow([origin, dest, *route])
        lines.writerow([dest, origin, *route])
    whole(work / "routes.csv", out.getvalue().encode())


def write_values(work: pathlib.Path) -> None:
    lines = []
    for n in range(VALUES):
        # Knuth's multiplicative hash: values without an order of their own.
        flight = n * 2_654_435_761 % 2**32 % 336_776 + 1
        lines.append(f'{{"key":"passenger:{n:07}","text":"flight {flight}"}}\n')
    whole(work / "values.ndjson", "".join(lines).encode())


def whole(path: pathlib.Path, content: bytes) -> None:
    """Writes a file that is there whole or not at all."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


def load(pando, work: pathlib.Path, files: pathlib.Path) -> None:
    """Imports all of it, by `pando(*arguments)`."""
    def rejects(name: str) -> list[str]:
        return ["--null", "NA", "--on-error", "skip", "--rejects", f"{name}.rejects.ndjson"]

    airports = os.path.relpath(files / "airports.csv", work)
    weather = os.path.relpath(files / "weather.csv", work)
    pando("import", "graph/air", airports, "--key", "faa", "--kind", "airport", *rejects("nodes"))
    # Four airports that are flown to are not in the list: their routes are told and left out.
    pando(
        "import", "graph/air", "routes.csv", "--from", "from", "--to", "to", "--kind", "flies",
        *rejects("routes"),
    )
    cells = [word for cell in CELLS for word in ("--column", cell)]
    pando(
        "import", "wide/weather", weather, "--partition", "origin", "--row", "time_hour",
        "--at", "time_hour", *cells, *rejects("cells"),
    )
    pando("import", "docs/countries", "countries.json", "--key", "cca3")
    pando("import", "kv/seen", "values.ndjson")
