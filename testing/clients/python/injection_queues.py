"""Where something could be smuggled into queues, topics and changes, and what is tried there.

A queue may have any name, so what is published is taken away by a purge of that very queue.
"""

import json
from collections.abc import Iterator

import httpx
from injection import Position, Verdict
from injection_models import JSON, Text, _header, _json, _path, _request

REFUSED, EMPTY, STORED = Verdict.REFUSED, Verdict.EMPTY, Verdict.STORED
OCTETS = {"content-type": "application/octet-stream"}
IDLE = "idle"
"""A queue in which there is nothing, so that whoever leases gets nothing."""


def queue_positions() -> list[Position]:
    """Every position of the requests of queues, topics and changes."""
    return [*_names(), *_published(), *_in_headers(), *_leased(), *_looked_at(), *_exchanged(), *_told()]


def _queue(name: str, rest: str = "") -> str:
    return _path("queue", name) + rest


def _purge(name: str):
    return lambda payload: _request("POST", _queue(name, "/purge"))


def _names() -> Iterator[Position]:
    message = {"body": 1}
    for rest in ["", "/messages", "/dead"]:
        yield Position(f"queue: name of GET {rest}", EMPTY, lambda p, rest=rest: _request("GET", _queue(p, rest)))
    for rest in ["/lease", "/redrive", "/purge"]:
        yield Position(f"queue: name of {rest}", EMPTY, lambda p, rest=rest: _request("POST", _queue(p, rest)))
    for rest in ["/ack", "/nack", "/extend"]:
        body = {"leases": ["x"]}
        yield Position(
            f"queue: name of {rest}", REFUSED, lambda p, rest=rest, body=body: _json("POST", _queue(p, rest), body)
        )
    yield Position("queue: verb", REFUSED, lambda p: _request("POST", _path("queue", IDLE, p)))
    yield Position(
        "queue: name that is published to",
        STORED,
        lambda p: _json("POST", _queue(p, "/messages"), message),
        undo=lambda p: _request("POST", _queue(p, "/purge")),
    )
    yield Position(
        "queue: name that is published to within /tx/v1",
        STORED,
        lambda p: _json(
            "POST",
            "/tx/v1",
            {"ops": [{"method": "POST", "path": _queue(p, "/messages"), "body": message}]},
        ),
        undo=lambda p: _request("POST", _queue(p, "/purge")),
    )


def _published() -> Iterator[Position]:
    path = _queue(IDLE, "/messages")
    message = {"body": 1}
    yield Position("queue: publish", REFUSED, lambda p: _request("POST", path, None, JSON, p.encode()))
    yield Position("queue: member of a message", REFUSED, lambda p: _json("POST", path, {**message, p: 1}))
    for name in ["delay", "at", "priority"]:
        yield Position(
            f"queue: {name} of a message", REFUSED, lambda p, name=name: _json("POST", path, {**message, name: p})
        )
        yield Position(
            f"queue: {name} in the query",
            REFUSED,
            lambda p, name=name: _request("POST", path, {name: p}, OCTETS, "x"),
        )
    for name in ["body", "ordering_key", "dedup_id"]:
        yield Position(
            f"queue: {name} of a message",
            STORED,
            lambda p, name=name: _json("POST", path, [{**message, name: p}]),
            undo=_purge(IDLE),
        )
    yield Position(
        "queue: ordering_key in the query",
        STORED,
        lambda p: _request("POST", path, {"ordering_key": p}, OCTETS, "x"),
        undo=_purge(IDLE),
    )
    yield Position(
        "queue: text of a message",
        STORED,
        lambda p: _request("POST", path, None, {"content-type": "text/plain"}, p.encode()),
        undo=_purge(IDLE),
    )
    event = {"specversion": "1.0", "id": "1", "source": "/x", "type": "x"}
    kind = {"content-type": "application/cloudevents+json"}
    for name in ["id", "source", "type", "data", "extension"]:
        yield Position(
            f"queue: {name} of an event",
            STORED,
            lambda p, name=name: _json("POST", path, {**event, name: p}, kind),
            undo=_purge(IDLE),
        )


def _in_headers() -> Iterator[Position]:
    path = _queue(IDLE, "/messages")
    event = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/x", "ce-type": "x", **OCTETS}
    for header in ["Content-Type", "Idempotency-Key", "ce-specversion", "ce-type", "ce-source"]:
        more = {"Content-Type": {}, "Idempotency-Key": JSON}.get(header, event)
        sent = {name: value for name, value in more.items() if name != header}
        yield _header(
            STORED, f"queue: {header}", header, "POST", path, headers=sent, content='{"body": 1}', undo=_purge(IDLE)
        )


def _leased() -> Iterator[Position]:
    path = _queue(IDLE, "/lease")
    yield Position("queue: lease", REFUSED, lambda p: _request("POST", path, None, JSON, p.encode()))
    yield Position("queue: member of a lease", REFUSED, lambda p: _json("POST", path, {p: 1}))
    for name in ["max", "wait", "visibility"]:
        yield Position(f"queue: {name} of a lease", REFUSED, lambda p, name=name: _json("POST", path, {name: p}))
    yield Position("queue: group of a lease", EMPTY, lambda p: _json("POST", path, {"group": p}))
    for verb in ["ack", "nack", "extend"]:
        settle = _queue(IDLE, f"/{verb}")
        yield Position(f"queue: {verb}", REFUSED, lambda p, at=settle: _request("POST", at, None, JSON, p.encode()))
        yield Position(f"queue: lease of {verb}", REFUSED, lambda p, at=settle: _json("POST", at, {"leases": [p]}))
    redrive = _queue(IDLE, "/redrive")
    yield Position("queue: group of a redrive", EMPTY, lambda p: _json("POST", redrive, {"group": p}))
    yield Position("queue: id of a redrive", REFUSED, lambda p: _json("POST", redrive, {"ids": [p]}))


def _looked_at() -> Iterator[Position]:
    for rest in ["", "/messages", "/dead"]:
        path = _queue(IDLE, rest)
        yield Position(f"queue: group of GET {rest}", EMPTY, lambda p, path=path: _request("GET", path, {"group": p}))
    for rest in ["/messages", "/dead"]:
        for name in ["limit", "cursor", "nothing"]:
            yield Position(
                f"queue: {name} of GET {rest}",
                REFUSED,
                lambda p, rest=rest, name=name: _request("GET", _queue(IDLE, rest), {name: p}),
            )
    replay = _queue(IDLE, "/replay")
    yield Position("queue: from of a replay", REFUSED, lambda p: _request("POST", replay, {"from": p}))
    since = {"from": "2026-01-01T00:00:00Z"}
    yield Position("queue: group of a replay", REFUSED, lambda p: _request("POST", replay, {**since, "group": p}))


def _exchanged() -> Iterator[Position]:
    yield Position("exchange: name", REFUSED, lambda p: _request("GET", _path("exchanges", p)))
    yield Position(
        "exchange: name that is published to",
        REFUSED,
        lambda p: _json("POST", _path("exchanges", p) + "/messages", {"body": 1}),
    )
    path = _path("exchanges", "orders") + "/messages"
    message = {"body": 1, "routing_key": "x"}
    yield Position("exchange: member of a message", REFUSED, lambda p: _json("POST", path, {**message, p: 1}))
    yield Position("exchange: mandatory", REFUSED, lambda p: _json("POST", path, {**message, "mandatory": p}))
    # Only the queue that is bound to every key gets it.
    yield Position(
        "exchange: routing_key of a message",
        STORED,
        lambda p: _json("POST", path, {**message, "routing_key": p}),
        undo=_purge("second"),
    )
    yield Position(
        "exchange: routing_key in the query",
        STORED,
        lambda p: _request("POST", path, {"routing_key": p}, OCTETS, "x"),
        undo=_purge("second"),
    )


def _told() -> Iterator[Position]:
    topic = _path("topics", "news")
    text = {"content-type": "text/plain"}

    def publish(name: str, path: Text, params: dict | None = None) -> Position:
        def build(payload: str) -> httpx.Request:
            query = {key: payload for key in params or {}}
            return _request("POST", path(payload), query or None, text, payload.encode())

        return Position(f"topics: {name}", EMPTY, build)

    yield publish("name", lambda p: _path("topics", p))
    yield publish("message", lambda p: topic)
    yield publish("type", lambda p: topic, {"type": ...})
    event = {"specversion": "1.0", "id": "1", "source": "/x", "type": "x"}
    kind = {"content-type": "application/cloudevents+json"}
    for name in ["id", "source", "type", "data"]:
        yield Position(
            f"topics: {name} of an event",
            EMPTY,
            lambda p, name=name: _request("POST", topic, None, kind, json.dumps({**event, name: p})),
        )
    yield Position("changes: table", REFUSED, lambda p: _request("GET", _path("changes", p)))
