"""Where something could be smuggled into the models besides tables, and what is tried there.

A name in a path may be any text, so what names something new is stored under that very name:
such a position knows the request that takes it away again.
"""

import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

import httpx
from injection import Position, Verdict

REFUSED, EMPTY, ONE, STORED = Verdict.REFUSED, Verdict.EMPTY, Verdict.ONE, Verdict.STORED
JSON = {"content-type": "application/json"}

Text = Callable[[str], str]
Params = Callable[[str], dict]


def model_positions() -> list[Position]:
    """Every position of the models' requests."""
    return [
        *_in_kv(),
        *_in_docs(),
        *_in_document_lists(),
        *_in_wide(),
        *_in_graph(),
        *_in_questions(),
        *_in_tx(),
    ]


def _path(surface: str, *segments: str) -> str:
    return "/".join([f"/{surface}/v1", *(quote(segment, safe="") for segment in segments)])


def _request(method: str, path: str, params=None, headers=None, content=None) -> httpx.Request:
    return httpx.Request(method, f"http://server{path}", params=params, headers=headers, content=content)


def _json(method: str, path: str, body: object, headers=JSON) -> httpx.Request:
    # What json.dumps writes is ASCII, whatever the payload is.
    return _request(method, path, None, headers, json.dumps(body))


def _ask(verdict: Verdict, name: str, path: Text, params: Params | None = None, method: str = "GET") -> Position:
    return Position(name, verdict, lambda p: _request(method, path(p), params(p) if params else None))


def _put(name: str, path: Text, content: Text = lambda p: "{}", headers=JSON) -> Position:
    """Something that is made, and deleted where it was."""
    return Position(
        name,
        STORED,
        lambda p: _request("PUT", path(p), None, headers, content(p)),
        undo=lambda p: _request("DELETE", path(p)),
    )


def _header(verdict: Verdict, name: str, header: str, method: str, path: str, **more) -> Position:
    def build(payload: str) -> httpx.Request:
        headers = {**more.get("headers", {}), header: payload.encode()}
        return _request(method, path, None, headers, more.get("content"))

    return Position(name, verdict, build, in_header=True, undo=more.get("undo"))


def _gone(path: str) -> Callable[[str], httpx.Request]:
    return lambda payload: _request("DELETE", path)


def _in_kv() -> Iterator[Position]:
    a, x = _path("kv", "things", "a"), _path("kv", "things", "x")
    own = lambda p: _path("kv", "things", p)
    things = lambda p: _path("kv", "things")
    batch = _path("kv", "things", "batch")
    yield _ask(EMPTY, "kv: space of a list", lambda p: _path("kv", p))
    yield _ask(REFUSED, "kv: space of a key", lambda p: _path("kv", p, "a"))
    yield _ask(REFUSED, "kv: key", own)
    yield _ask(REFUSED, "kv: key that is deleted", own, method="DELETE")
    yield _put("kv: key that is put", own)
    yield _put("kv: space that is put into", lambda p: _path("kv", p, "x"))
    yield Position(
        "kv: key that is counted",
        STORED,
        lambda p: _request("POST", _path("kv", "things", p, "incr")),
        undo=lambda p: _request("DELETE", own(p)),
    )
    yield _ask(EMPTY, "kv: prefix", things, lambda p: {"prefix": p})
    for name in ["limit", "cursor", "nothing"]:
        yield _ask(REFUSED, f"kv: {name} of a list", things, lambda p, name=name: {name: p})
    yield _ask(REFUSED, "kv: by", lambda p: f"{x}/incr", lambda p: {"by": p}, "POST")
    yield _ask(REFUSED, "kv: ttl", lambda p: x, lambda p: {"ttl": p}, "PUT")
    for header in ["If-Match", "If-None-Match"]:
        # A tag that is none matches nothing.
        yield _header(STORED, f"kv: {header}", header, "PUT", x, content="1", undo=_gone(x))
    yield _header(ONE, "kv: If-None-Match of a read", "If-None-Match", "GET", a)
    yield _header(STORED, "kv: Content-Type", "Content-Type", "PUT", x, content="1", undo=_gone(x))
    yield _header(STORED, "kv: Idempotency-Key", "Idempotency-Key", "PUT", x, content="1", undo=_gone(x))
    yield Position("kv: batch", REFUSED, lambda p: _request("POST", batch, None, JSON, p.encode()))
    get = {"op": "get", "key": "a"}
    yield Position("kv: op of a batch", REFUSED, lambda p: _json("POST", batch, [{**get, "op": p}]))
    yield Position("kv: member of a batch", REFUSED, lambda p: _json("POST", batch, [{**get, p: 1}]))
    yield Position("kv: key of a batch", EMPTY, lambda p: _json("POST", batch, [{**get, "key": p}]))
    for name in ["text", "value", "content_type"]:
        put = {"op": "put", "key": "x", "text": "1"}
        if name == "value":
            del put["text"]
        yield Position(
            f"kv: {name} of a batch",
            STORED,
            lambda p, name=name, put=put: _json("POST", batch, [{**put, name: p}]),
            undo=_gone(x),
        )


def _in_docs() -> Iterator[Position]:
    one, x = _path("docs", "books", "1"), _path("docs", "books", "x")
    own = lambda p: _path("docs", "books", p)
    yield _ask(REFUSED, "docs: collection of an id", lambda p: _path("docs", p, "1"))
    yield _ask(REFUSED, "docs: id", own)
    yield _ask(REFUSED, "docs: id that is deleted", own, method="DELETE")
    yield _put("docs: id that is put", own)
    yield _put("docs: collection that is put into", lambda p: _path("docs", p, "x"))
    yield _put("docs: member", lambda p: x, lambda p: json.dumps({p: {p: [p]}}))
    for kind in ["json", "yaml", "xml", "bson"]:
        headers = {"content-type": f"application/{kind}"}
        yield Position(
            f"docs: body as {kind}",
            REFUSED,
            lambda p, headers=headers: _request("PUT", x, None, headers, p.encode()),
        )
    merge = {"content-type": "application/merge-patch+json"}
    patch = {"content-type": "application/json-patch+json"}
    yield Position("docs: id that is patched", REFUSED, lambda p: _json("PATCH", own(p), {"a": 1}, merge))
    yield Position("docs: merge patch", REFUSED, lambda p: _request("PATCH", one, None, merge, p.encode()))
    yield Position("docs: JSON patch", REFUSED, lambda p: _request("PATCH", one, None, patch, p.encode()))
    remove = {"op": "remove", "path": "/title"}
    for name, change in {
        "op": lambda p: {**remove, "op": p},
        "path": lambda p: {**remove, "path": p},
        "member of the path": lambda p: {**remove, "path": f"/{p}"},
        "from": lambda p: {"op": "move", "path": "/a", "from": f"/{p}"},
        "value": lambda p: {"op": "test", "path": "/title", "value": p},
    }.items():
        yield Position(
            f"docs: {name} of a JSON patch",
            REFUSED,
            lambda p, change=change: _json("PATCH", one, [change(p)], patch),
        )
    for header in ["If-Match", "If-None-Match", "Content-Type", "Idempotency-Key"]:
        sent = {} if header == "Content-Type" else JSON
        yield _header(STORED, f"docs: {header}", header, "PUT", x, headers=sent, content="{}", undo=_gone(x))
    yield _header(ONE, "docs: Accept", "Accept", "GET", one)


def _in_document_lists() -> Iterator[Position]:
    def books(verdict: Verdict, name: str, params: Params) -> Position:
        return _ask(verdict, f"docs: {name}", lambda p: _path("docs", "books"), params)

    yield _ask(EMPTY, "docs: collection of a list", lambda p: _path("docs", p))
    # What a payload names is not there, and null equals nothing.
    yield books(EMPTY, "filtered path", lambda p: {p: "eq.1"})
    yield books(EMPTY, "filtered path in quotes", lambda p: {f'"{p}"': "eq.1"})
    yield books(EMPTY, "key of a filtered path", lambda p: {f"more->>{p}": "eq.1"})
    yield books(REFUSED, "operator", lambda p: {"title": f"{p}.1"})
    yield books(REFUSED, "quantifier", lambda p: {"title": f"eq({p}).{{1}}"})
    yield books(REFUSED, "value of is", lambda p: {"title": f"is.{p}"})
    for operator in ["eq", "like", "ilike"]:
        yield books(EMPTY, f"value of {operator}", lambda p, operator=operator: {"title": f"{operator}.{p}"})
        yield books(EMPTY, f"id of {operator}", lambda p, operator=operator: {"_id": f"{operator}.{p}"})
    yield books(EMPTY, "value of in", lambda p: {"title": f"in.({p})"})
    yield books(EMPTY, "value of in, in quotes", lambda p: {"title": f'in.("{p}")'})
    yield books(EMPTY, "value in or", lambda p: {"or": f"(_id.eq.0,title.eq.{p})"})
    yield books(EMPTY, "value in or, in quotes", lambda p: {"or": f'(_id.eq.0,title.eq."{p}")'})
    yield books(EMPTY, "value of cs", lambda p: {"title": f"cs.{p}"})
    for operator in ["match", "fts", "plfts", "phfts", "wfts", "gt", "isdistinct"]:
        yield books(
            ONE,
            f"value of {operator}",
            lambda p, operator=operator: {"_id": "eq.1", "title": f"{operator}.{p}"},
        )
    yield books(ONE, "conditions of or", lambda p: {"_id": "eq.1", "or": f"({p})"})
    yield books(ONE, "select", lambda p: {"_id": "eq.1", "select": p})
    yield books(ONE, "alias", lambda p: {"_id": "eq.1", "select": f"{p}:title"})
    yield books(ONE, "selected key", lambda p: {"_id": "eq.1", "select": f"more->>{p}"})
    yield books(REFUSED, "cast", lambda p: {"_id": "eq.1", "select": f"title::{p}"})
    yield books(ONE, "order", lambda p: {"_id": "eq.1", "order": p})
    yield books(REFUSED, "direction", lambda p: {"_id": "eq.1", "order": f"title.{p}"})
    yield books(ONE, "limit", lambda p: {"_id": "eq.1", "limit": p})
    yield books(ONE, "offset", lambda p: {"_id": "eq.1", "offset": p})
    yield books(REFUSED, "cursor", lambda p: {"_id": "eq.1", "cursor": p})
    yield books(EMPTY, "search", lambda p: {"search": p})
    yield books(EMPTY, "searched phrase", lambda p: {"search": f'"{p}"'})
    yield books(EMPTY, "filter of a search", lambda p: {"search": "quokka", "title": f"eq.{p}"})
    yield books(REFUSED, "cursor of a search", lambda p: {"search": "quokka", "cursor": p})


def _in_wide() -> Iterator[Position]:
    x = _path("wide", "weather", "JFK", "x")
    own = lambda p: _path("wide", "weather", "JFK", p)
    rows = lambda p: _path("wide", "weather", "JFK")
    row = lambda p: _path("wide", "weather", "JFK", "1")
    batch = _path("wide", "weather", "batch")
    cells = lambda p: json.dumps({"obs:temp": p})
    yield _ask(EMPTY, "wide: table", lambda p: _path("wide", p))
    yield _ask(EMPTY, "wide: partition", lambda p: _path("wide", "weather", p))
    yield _ask(REFUSED, "wide: row", own)
    yield _ask(REFUSED, "wide: row that is deleted", own, method="DELETE")
    yield _put("wide: row that is put", own, cells)
    yield _put("wide: partition that is put into", lambda p: _path("wide", "weather", p, "x"), cells)
    yield _put("wide: table that is put into", lambda p: _path("wide", p, "JFK", "x"), cells)
    yield _put("wide: qualifier", lambda p: x, lambda p: json.dumps({f"obs:{p}": p}))
    yield _put("wide: family", lambda p: x, lambda p: json.dumps({f"{p}:temp": p}))
    yield Position("wide: cells", REFUSED, lambda p: _request("PUT", x, None, JSON, p.encode()))
    for name in ["at", "ttl"]:
        yield Position(
            f"wide: {name}",
            REFUSED,
            lambda p, name=name: _request("PUT", x, {name: p}, JSON, '{"obs:temp": 1}'),
        )
    yield _ask(EMPTY, "wide: range", rows, lambda p: {"from": p, "to": p})
    yield _ask(EMPTY, "wide: reversed range", rows, lambda p: {"from": p, "to": p, "reverse": "true"})
    yield _ask(EMPTY, "wide: columns of a slice", rows, lambda p: {"columns": p})
    for name in ["columns", "qualifier", "family"]:
        given = {"columns": "{}", "qualifier": "obs:{}", "family": "{}:*"}[name]
        params = lambda p, given=given: {"columns": given.format(p)}
        yield _ask(REFUSED, f"wide: {name} of a row", row, params)
        yield _ask(REFUSED, f"wide: {name} that is deleted", row, params, "DELETE")
    for name in ["reverse", "limit", "versions", "cursor"]:
        yield _ask(REFUSED, f"wide: {name}", rows, lambda p, name=name: {name: p})
    get = {"op": "get", "partition": "JFK", "row": "1"}
    yield Position("wide: batch", REFUSED, lambda p: _request("POST", batch, None, JSON, p.encode()))
    yield Position("wide: op of a batch", REFUSED, lambda p: _json("POST", batch, [{**get, "op": p}]))
    for name in ["partition", "row"]:
        yield Position(
            f"wide: {name} of a batch", EMPTY, lambda p, name=name: _json("POST", batch, [{**get, name: p}])
        )
    yield Position("wide: columns of a batch", EMPTY, lambda p: _json("POST", batch, [{**get, "columns": [p]}]))


def _in_graph() -> Iterator[Position]:
    g = lambda *segments: _path("graph", "people", *segments)
    node = lambda p: g("nodes", p)
    edges = lambda p: g("nodes", "ada", "edges", "knows")
    x = g("nodes", "x")
    kind = json.dumps({"kind": "person"})
    for what in ["nodes", "edges"]:
        yield _ask(EMPTY, f"graph: name of a list of {what}", lambda p, what=what: _path("graph", p, what))
        for name in ["limit", "cursor"]:
            listed, params = lambda p, what=what: g(what), lambda p, name=name: {name: p}
            yield _ask(REFUSED, f"graph: {name} of {what}", listed, params)
    yield _ask(REFUSED, "graph: node", node)
    yield _ask(REFUSED, "graph: node that is deleted", node, method="DELETE")
    yield _put("graph: node that is put", node, lambda p: kind)
    yield _put("graph: graph that is put into", lambda p: _path("graph", p, "nodes", "x"), lambda p: kind)
    yield _put("graph: kind of a node", lambda p: x, lambda p: json.dumps({"kind": p}))
    yield _put("graph: body of a node", lambda p: x, lambda p: json.dumps({"kind": "k", "body": {p: p}}))
    yield Position("graph: sent node", REFUSED, lambda p: _request("PUT", x, None, JSON, p.encode()))
    yield Position("graph: member of a node", REFUSED, lambda p: _json("PUT", x, {"kind": "k", p: 1}))
    yield Position("graph: patch", REFUSED, lambda p: _request("PATCH", g("nodes", "ada"), None, JSON, p.encode()))
    yield Position("graph: node that is patched", REFUSED, lambda p: _json("PATCH", node(p), {"body": {}}))
    yield _put("graph: kind of an edge", lambda p: g("nodes", "ada", "edges", p, "ada"))
    for name, path in {
        "start": lambda p: g("nodes", p, "edges", "knows", "bo"),
        "end": lambda p: g("nodes", "ada", "edges", "knows", p),
    }.items():
        yield _ask(REFUSED, f"graph: {name} of an edge", path)
        yield _ask(REFUSED, f"graph: {name} of an edge that is put", path, method="PUT")
        yield _ask(REFUSED, f"graph: {name} of an edge that is deleted", path, method="DELETE")
    at = g("nodes", "ada", "edges", "x", "bo")
    yield Position("graph: time of an edge", REFUSED, lambda p: _json("PUT", at, {"at": p}))
    yield _put("graph: body of an edge", lambda p: at, lambda p: json.dumps({"body": {p: p}}))
    for name, path in {
        "node": lambda p: g("nodes", p, "edges", "knows"),
        "kind": lambda p: g("nodes", "ada", "edges", p),
    }.items():
        yield _ask(EMPTY, f"graph: {name} of edges", path)
        yield _ask(EMPTY, f"graph: {name} of a count", lambda p, path=path: f"{path(p)}/count")
        yield Position(
            f"graph: {name} of edges that are deleted",
            EMPTY,
            lambda p, path=path: _request("DELETE", path(p), {"direction": "out"}),
        )
    for name in ["direction", "after", "before", "limit", "cursor"]:
        yield _ask(REFUSED, f"graph: {name} of edges", edges, lambda p, name=name: {name: p})
    yield _ask(REFUSED, "graph: direction that is deleted", edges, lambda p: {"direction": p}, "DELETE")


def _in_questions() -> Iterator[Position]:
    def question(verdict: Verdict, path: str, name: str, **fixed: str) -> Position:
        return _ask(
            verdict,
            f"graph: {name} of {path}",
            lambda p: _path("graph", "people", path),
            lambda p: {**fixed, name: p},
        )

    yield question(REFUSED, "path", "from", to="bo")
    yield question(REFUSED, "path", "to", **{"from": "ada"})
    for name in ["kinds", "max_depth", "max_visited"]:
        yield question(REFUSED, "path", name, **{"from": "ada", "to": "bo"})
    yield question(EMPTY, "recommend", "node", kind="knows")
    yield question(EMPTY, "recommend", "kind", node="ada")
    for name in ["direction", "onward", "limit", "max_visited"]:
        yield question(REFUSED, "recommend", name, node="ada", kind="knows")
    yield question(EMPTY, "common", "nodes", kind="knows")
    yield question(EMPTY, "common", "kind", nodes="ada,bo")
    yield question(EMPTY, "cycles", "node")
    yield question(EMPTY, "cycles", "kinds", node="ada")
    yield question(REFUSED, "cycles", "max_depth", node="ada")
    step = {"kind": "knows"}
    traverse = {"from": ["ada"], "steps": [step]}
    path = _path("graph", "people", "traverse")
    for verdict, name, change in [
        (EMPTY, "from", lambda p: {"from": [p]}),
        (EMPTY, "kind", lambda p: {"steps": [{"kind": p}]}),
        (REFUSED, "direction", lambda p: {"steps": [{**step, "direction": p}]}),
        (REFUSED, "conditions on edges", lambda p: {"steps": [{**step, "where": {"edge": p}}]}),
        (REFUSED, "conditions on nodes", lambda p: {"steps": [{**step, "where": {"node": p}}]}),
        (EMPTY, "value of a condition on edges", lambda p: {"steps": [{**step, "where": {"edge": f"n=eq.{p}"}}]}),
        (EMPTY, "value of a condition on nodes", lambda p: {"steps": [{**step, "where": {"node": f"id=eq.{p}"}}]}),
        (REFUSED, "return", lambda p: {"return": p}),
        (REFUSED, "member", lambda p: {p: 1}),
    ]:
        yield Position(
            f"graph: {name} of a traversal",
            verdict,
            lambda p, change=change: _json("POST", path, {**traverse, **change(p)}),
        )
    yield Position("graph: traversal", REFUSED, lambda p: _request("POST", path, None, JSON, p.encode()))


def _in_tx() -> Iterator[Position]:
    x = _path("kv", "things", "x")
    put = {"method": "PUT", "path": x, "body": 1}
    get = {"method": "GET", "path": x}

    def tx(verdict: Verdict, name: str, op: Callable[[str], dict], undo=None, **whole) -> Position:
        def build(payload: str) -> httpx.Request:
            more = {key: payload if value is ... else value for key, value in whole.items()}
            return _json("POST", "/tx/v1", {"ops": [op(payload)], **more})

        return Position(f"tx: {name}", verdict, build, undo=undo)

    yield Position("tx: body", REFUSED, lambda p: _request("POST", "/tx/v1", None, JSON, p.encode()))
    yield tx(REFUSED, "method", lambda p: {**put, "method": p})
    yield tx(REFUSED, "path", lambda p: {**put, "path": p})
    yield tx(REFUSED, "path after a slash", lambda p: {**put, "path": f"/{p}"})
    yield tx(REFUSED, "query", lambda p: {**put, "path": f"{x}?{p}"})
    yield tx(EMPTY, "key", lambda p: {**get, "path": _path("kv", "things", p)})
    yield tx(
        EMPTY,
        "filter",
        lambda p: {"method": "GET", "path": f"/docs/v1/books?title=eq.{quote(p, safe='')}"},
    )
    yield tx(EMPTY, "name of a header", lambda p: {**get, "headers": {p: "1"}})
    yield tx(EMPTY, "value of a header", lambda p: {**get, "headers": {"x": p}})
    yield tx(REFUSED, "precondition", lambda p: {**put, "headers": {"if-match": p}})
    yield tx(REFUSED, "member of an operation", lambda p: {**put, p: 1})
    yield tx(REFUSED, "within", lambda p: put, within=...)
    yield tx(REFUSED, "isolation", lambda p: put, isolation=...)
    key = lambda p: _path("kv", "things", p)
    yield tx(STORED, "key that is put", lambda p: {**put, "path": key(p)}, lambda p: _request("DELETE", key(p)))
    yield tx(STORED, "value", lambda p: {**put, "body": p}, _gone(x))
    octets = {**put, "headers": {"content-type": "application/octet-stream"}}
    yield tx(STORED, "text", lambda p: {**octets, "body": p}, _gone(x))
    yield tx(STORED, "base64", lambda p: {**octets, "body": {"base64": p}}, _gone(x))
