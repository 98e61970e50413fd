"""The world that the tests look at: where the server is, and how its rows are put there.

Rows travel over HTTP, by httpx, without any of the clients under test.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import httpx

TABLES: dict[str, list[dict]] = json.loads(
    (Path(__file__).parent.parent / "world.json").read_text(encoding="utf-8")
)
"""The tables by name, each a list of rows, in the order in which they can be filled."""

KEY_COLUMNS = {
    "countries": "code",
    "profiles": "customer_id",
    "order_items": "customer_id",
    "product_categories": "product_id",
    "tallies": "bucket",
}
"""A column of each table that is never NULL, where it is not `id`."""


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set; testing/clients/run.sh sets it")
    return value


URL = _required("PANDO_URL")
KEY = _required("PANDO_KEY")
HEADERS = {"Authorization": f"Bearer {KEY}"}


def connect() -> httpx.Client:
    """A plain HTTP client with a key for everything."""
    return httpx.Client(base_url=URL, headers=HEADERS, timeout=30)


def fill(http: httpx.Client, tables: Iterable[str] = tuple(TABLES)) -> None:
    """Empties the tables named, last to first, and fills them again."""
    tables = list(tables)
    for table in reversed(tables):
        column = KEY_COLUMNS.get(table, "id")
        answer = http.delete(f"/rest/v1/{table}", params={column: "not.is.null"})
        assert answer.is_success, f"emptying {table}: {answer.text}"
    for table in tables:
        answer = http.post(f"/rest/v1/{table}", json=TABLES[table])
        assert answer.is_success, f"filling {table}: {answer.text}"


def digest(http: httpx.Client) -> dict[str, str]:
    """A digest of the rows of each table."""
    digests = {}
    for table in TABLES:
        answer = http.get(f"/rest/v1/{table}")
        assert answer.is_success, f"reading {table}: {answer.text}"
        digests[table] = hashlib.sha256(answer.content).hexdigest()
    return digests
