"""Where SQL could be smuggled into what is asked of tables, and what is tried there.

A position is a place in the grammar and how a payload is put into it; it knows
what an honest server may answer at most.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

import httpx

PAYLOADS = [
    "' OR '1'='1",
    "' OR 1=1 --",
    '" OR ""="',
    "1 OR 1=1",
    "1) OR (1=1",
    "1; DROP TABLE customers",
    "'; DROP TABLE customers; --",
    'customers"; DROP TABLE notes; --',
    "x'; DELETE FROM notes WHERE ''='",
    "1'; UPDATE customers SET credit = 0; --",
    "1 UNION SELECT * FROM _pando_key",
    "' UNION SELECT name, sql FROM sqlite_master --",
    "\\' OR 1=1 --",
    "id) FROM customers; --",
    "(SELECT sql FROM sqlite_master LIMIT 1)",
    '" || (SELECT 1) || "',
    "1/**/OR/**/1=1",
    "*/ OR 1=1 /*",
    "%27%20OR%201%3D1",
    "%2527 OR 1=1",
    "'; ATTACH DATABASE 'x' AS y; --",
    "'; PRAGMA writable_schema = 1; --",
    "load_extension('x')",
    "randomblob(2000000000)",
    "1 AND (SELECT count(*) FROM customers a, customers b, customers c) > 0",
    "'||pg_sleep(10)||'",
    "$1",
    "?1",
    ":a",
    "@x",
    "rowid",
    "_pando_slot",
    "_pando_key",
    "sqlite_master",
    "[customers]",
    "`customers`",
    "\u02bc OR 1=1",
    "\uff07 OR 1=1",
    "\x00' OR 1=1",
    "1\r\nX-Injected: 1",
    "\t' OR 1=1",
    "'" * 999,
    "(" * 999,
    "id,(" * 300,
    "not." * 300,
]


class Verdict(Enum):
    """What an honest server may answer."""

    REFUSED = "a refusal"
    EMPTY = "a refusal, or no rows"
    ONE = "a refusal, or the one row with id 1"
    WRITTEN = "a refusal, or no rows, and nothing elsewhere has changed"
    STORED = "a refusal, or something that was made under that very name, and can be taken away"


@dataclass(frozen=True)
class Position:
    name: str
    verdict: Verdict
    build: Callable[[str], httpx.Request]
    in_header: bool = False
    undo: Callable[[str], httpx.Request] | None = None
    """Takes away what was stored."""


def positions() -> list[Position]:
    """Every position of the grammar."""
    return [
        *_in_paths(),
        *_in_selections(),
        *_in_filters(),
        *_in_lists(),
        *_in_headers(),
        *_in_bodies(),
        *_in_changes(),
    ]


def _request(method: str, table: str, params=None, headers=None, content=None) -> httpx.Request:
    path = f"/rest/v1/{quote(table, safe='')}"
    return httpx.Request(method, f"http://server{path}", params=params, headers=headers, content=content)


def _get(verdict: Verdict, name: str, params: Callable[[str], dict], table: str = "customers") -> Position:
    return Position(name, verdict, lambda payload: _request("GET", table, params(payload)))


def _in_paths() -> Iterator[Position]:
    for method in ["GET", "POST", "PATCH", "DELETE", "PUT"]:
        yield Position(
            f"table of {method}",
            Verdict.REFUSED,
            lambda payload, method=method: _request(
                method,
                payload,
                {"id": "eq.1"},
                {"content-type": "application/json"},
                "{}" if method != "GET" else None,
            ),
        )
    yield Position(
        "function",
        Verdict.REFUSED,
        lambda payload: httpx.Request("GET", f"http://server/rest/v1/rpc/{quote(payload, safe='')}"),
    )
    yield Position(
        "id of a key",
        Verdict.REFUSED,
        lambda payload: httpx.Request("DELETE", f"http://server/admin/v1/keys/{quote(payload, safe='')}"),
    )


def _in_selections() -> Iterator[Position]:
    refused, one = Verdict.REFUSED, Verdict.ONE
    yield _get(refused, "column", lambda p: {"select": p, "id": "eq.1"})
    yield _get(refused, "column in quotes", lambda p: {"select": f'"{p}"', "id": "eq.1"})
    yield _get(refused, "column after another", lambda p: {"select": f"id,{p}", "id": "eq.1"})
    yield _get(one, "alias", lambda p: {"select": f"{p}:id", "id": "eq.1"})
    yield _get(one, "alias in quotes", lambda p: {"select": f'"{p}":id', "id": "eq.1"})
    yield _get(refused, "cast", lambda p: {"select": f"id::{p}", "id": "eq.1"})
    yield _get(refused, "aggregate", lambda p: {"select": f"id.{p}()"})
    yield _get(one, "key of a path", lambda p: {"select": f"id,attrs->{p}", "id": "eq.1"}, "products")
    yield _get(one, "last key of a path", lambda p: {"select": f"id,attrs->>{p}", "id": "eq.1"}, "products")
    yield _get(refused, "embedded table", lambda p: {"select": f"id,{p}(id)", "id": "eq.1"})
    yield _get(one, "embedded alias", lambda p: {"select": f"id,{p}:orders(id)", "id": "eq.1"})
    yield _get(refused, "embedded column", lambda p: {"select": f"id,orders({p})", "id": "eq.1"})
    yield _get(refused, "hint", lambda p: {"select": f"id,orders!{p}(id)", "id": "eq.1"})
    yield _get(refused, "spread table", lambda p: {"select": f"id,...{p}(id)", "id": "eq.1"})


def _in_filters() -> Iterator[Position]:
    refused, empty, one = Verdict.REFUSED, Verdict.EMPTY, Verdict.ONE
    yield _get(refused, "filtered column", lambda p: {p: "eq.1"})
    yield _get(refused, "filtered column in quotes", lambda p: {f'"{p}"': "eq.1"})
    yield _get(refused, "column in or", lambda p: {"or": f"({p}.eq.1,id.eq.0)"})
    yield _get(empty, "key of a filtered path", lambda p: {f"attrs->>{p}": "eq.1"}, "products")
    yield _get(refused, "operator", lambda p: {"id": f"{p}.1"})
    yield _get(refused, "quantifier", lambda p: {"id": f"eq({p}).{{1}}"})
    yield _get(refused, "value of is", lambda p: {"vip": f"is.{p}"})
    yield _get(refused, "value of a bigint", lambda p: {"id": f"eq.{p}"})
    yield _get(refused, "value of a date", lambda p: {"joined": f"eq.{p}"})
    yield _get(refused, "value of a boolean", lambda p: {"vip": f"eq.{p}"})
    yield _get(refused, "value of a uuid", lambda p: {"id": f"eq.{p}"}, "samples")
    yield _get(refused, "value of a numeric", lambda p: {"credit": f"gt.{p}"})
    for operator in ["eq", "like", "ilike"]:
        yield _get(empty, f"value of {operator}", lambda p, operator=operator: {"name": f"{operator}.{p}"})
    yield _get(empty, "value of in", lambda p: {"name": f"in.({p})"})
    yield _get(empty, "value of in, in quotes", lambda p: {"name": f'in.("{p}")'})
    yield _get(empty, "value of any", lambda p: {"name": f"eq(any).{{{p}}}"})
    yield _get(empty, "value of cs", lambda p: {"tags": f"cs.{{{p}}}"})
    yield _get(empty, "value of ov, in quotes", lambda p: {"tags": f'ov.{{"{p}"}}'})
    yield _get(empty, "value of a path", lambda p: {"attrs->>color": f"eq.{p}"}, "products")
    yield _get(one, "value of cs on jsonb", lambda p: {"id": "eq.1", "attrs": f"cs.{p}"}, "products")
    yield _get(one, "value of match", lambda p: {"id": "eq.1", "name": f"match.{p}"})
    for operator in ["fts", "plfts", "phfts", "wfts"]:
        yield _get(
            one,
            f"value of {operator}",
            lambda p, operator=operator: {"id": "eq.1", "body": f"{operator}.{p}"},
            "messages",
        )
    yield _get(one, "configuration of fts", lambda p: {"id": "eq.1", "body": f"fts({p}).x"}, "messages")
    yield _get(empty, "value in or", lambda p: {"or": f"(id.eq.0,name.eq.{p})"})
    yield _get(empty, "value in or, in quotes", lambda p: {"or": f'(id.eq.0,name.eq."{p}")'})
    yield _get(one, "conditions of or", lambda p: {"id": "eq.1", "or": f"({p})"})
    yield _get(
        one,
        "column of an embedded filter",
        lambda p: {"select": "id,orders(id)", f"orders.{p}": "eq.1", "id": "eq.1"},
    )
    yield _get(
        one,
        "value of an embedded filter",
        lambda p: {"select": "id,orders(id)", "orders.status": f"eq.{p}", "id": "eq.1"},
    )


def _in_lists() -> Iterator[Position]:
    refused, one = Verdict.REFUSED, Verdict.ONE
    yield _get(refused, "order", lambda p: {"id": "eq.1", "order": p})
    yield _get(refused, "direction", lambda p: {"id": "eq.1", "order": f"id.{p}"})
    yield _get(refused, "place of NULLs", lambda p: {"id": "eq.1", "order": f"id.desc.{p}"})
    yield _get(
        refused,
        "related order",
        lambda p: {"select": "id,countries(name)", "id": "eq.1", "order": f"countries({p})"},
    )
    yield _get(one, "embedded order", lambda p: {"select": "id,orders(id)", "id": "eq.1", f"{p}.order": "id"})
    yield _get(one, "limit", lambda p: {"id": "eq.1", "limit": p})
    yield _get(one, "offset", lambda p: {"id": "eq.1", "offset": p})
    yield _get(refused, "cursor", lambda p: {"id": "eq.1", "cursor": p})


HEADERS = [
    "Accept",
    "Accept-Profile",
    "Apikey",
    "Authorization",
    "Cookie",
    "Pando-Consistency",
    "Pando-Stamp",
    "Prefer",
    "Range",
    "Range-Unit",
    "Traceparent",
    "X-Request-Id",
]
PREFERENCES = ["count", "return", "resolution", "missing", "handling", "max-affected", "tx"]


def _in_headers() -> Iterator[Position]:
    def header(name: str, header: str, value: Callable[[str], str]) -> Position:
        def build(payload: str) -> httpx.Request:
            return _request("GET", "customers", {"id": "eq.1"}, {header: value(payload).encode()})

        return Position(name, Verdict.ONE, build, in_header=True)

    for name in HEADERS:
        yield header(f"header {name}", name, lambda p: p)
    yield header("header Authorization, as a key", "Authorization", lambda p: f"Bearer {p}")
    yield header("cookie with a stamp", "Cookie", lambda p: f"__Host-pando-stamp-x={p}")
    for preference in PREFERENCES:
        yield header(
            f"preference {preference}", "Prefer", lambda p, preference=preference: f"{preference}={p}"
        )


JSON = {"content-type": "application/json", "prefer": "return=representation"}
CSV = {"content-type": "text/csv", "prefer": "return=representation"}


def _in_bodies() -> Iterator[Position]:
    def post(verdict: Verdict, name: str, body: Callable[[str], str], params=None, headers=JSON) -> Position:
        def build(payload: str) -> httpx.Request:
            query = {key: value(payload) for key, value in (params or {}).items()}
            return _request("POST", "notes", query, headers, body(payload).encode())

        return Position(name, verdict, build)

    refused, written = Verdict.REFUSED, Verdict.WRITTEN
    row = {"id": 900, "title": "x"}
    yield post(refused, "body", lambda p: p)
    yield post(refused, "body that is a string", json.dumps)
    yield post(refused, "key of a body", lambda p: json.dumps({**row, p: 1}))
    yield post(refused, "integer in a body", lambda p: json.dumps({**row, "stars": p}))
    yield post(refused, "key in a body", lambda p: json.dumps({**row, "id": p}))
    yield post(refused, "header of a CSV", lambda p: f"id,{_csv(p)}\n900,x\n", headers=CSV)
    yield post(refused, "integer in a CSV", lambda p: f"id,stars\n900,{_csv(p)}\n", headers=CSV)
    yield post(refused, "columns", lambda p: json.dumps(row), {"columns": lambda p: p})
    yield post(refused, "columns after another", lambda p: json.dumps(row), {"columns": lambda p: f"id,{p}"})
    yield post(
        refused,
        "on_conflict",
        lambda p: json.dumps(row),
        {"on_conflict": lambda p: p},
        {**JSON, "prefer": "resolution=merge-duplicates"},
    )
    yield post(written, "select of an insert", lambda p: json.dumps(row), {"select": lambda p: p})
    yield Position(
        "media type of a body",
        written,
        lambda p: _request("POST", "notes", None, {"content-type": p.encode()}, json.dumps(row)),
        in_header=True,
    )
    yield Position(
        "idempotency key",
        written,
        lambda p: _request("POST", "notes", None, {**JSON, "idempotency-key": p.encode()}, json.dumps(row)),
        in_header=True,
    )


def _in_changes() -> Iterator[Position]:
    """Filters of updates and deletes: no row is like any payload, so nothing may change."""
    empty = Verdict.EMPTY
    changes = {
        "PATCH": json.dumps({"stars": 0}),
        "DELETE": None,
    }
    for method, body in changes.items():

        def change(name: str, params: Callable[[str], dict], method=method, body=body) -> Position:
            return Position(
                f"{name} of {method}", empty, lambda p: _request(method, "notes", params(p), JSON, body)
            )

        yield change("value", lambda p: {"title": f"eq.{p}"})
        yield change("key", lambda p: {"id": f"eq.{p}"})
        yield change("list", lambda p: {"title": f"in.({p})"})
        yield change("column", lambda p: {p: "eq.1"})
        yield change("or", lambda p: {"or": f"(id.eq.0,title.eq.{p})"})
        yield change("pattern", lambda p: {"title": f"like.{p}"})
        yield change("select", lambda p: {"id": "eq.0", "select": p})
    yield Position(
        "key of PUT",
        empty,
        lambda p: _request("PUT", "notes", {"id": f"eq.{p}"}, JSON, json.dumps({"id": 1, "title": "x"})),
    )


def _csv(field: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([field])
    return out.getvalue()
