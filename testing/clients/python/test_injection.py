"""Injection, tried in every position of the grammar of tables, and of the other models' requests.

Whatever is sent: no 5xx, an error has the common shape and tells nothing of the
engine, no condition is bypassed, nothing is injected into the answer, and all
models hold the same bytes afterwards.
"""

import json
from urllib.parse import quote

import httpx
import model_world
import pytest
import world
from injection import PAYLOADS, Position, Verdict, positions
from injection_models import model_positions
from injection_queues import queue_positions

ENGINE_WORDS = [
    "no such table:",
    "no such column:",
    "unrecognized token",
    "sql logic error",
    "panicked",
    "rusqlite",
]
"""What an engine would say, and a caller must never read."""

LISTS = ["keys", "rows", "partitions", "nodes", "edges", "paths", "cycles", "messages"]
"""What lists are called in answers."""

COUNTS = ["count", "deleted", "depth", "redriven", "purged", "subscribers"]
"""What a count of something is called in answers."""

LONGEST_NAME = 255
"""Bytes of the name of a space, a collection, a table or a graph."""

SLOWEST_ANSWER = 5.0
"""Seconds. A payload that computes or sleeps inside the engine takes longer."""


@pytest.fixture(scope="module")
def before(http: httpx.Client) -> dict[str, str]:
    world.fill(http)
    model_world.fill(http)
    return _digest(http)


@pytest.mark.parametrize(
    "position",
    [*positions(), *model_positions(), *queue_positions()],
    ids=lambda position: position.name,
)
def test_nothing_is_injected(http: httpx.Client, before: dict[str, str], position: Position) -> None:
    for payload in PAYLOADS:
        if position.in_header and any(ord(char) < 32 for char in payload):
            continue  # no HTTP client sends such a header
        answer = _send(http, position.build(payload))
        try:
            _judge(position, answer)
        except AssertionError as error:
            error.add_note(f"payload {payload!r}\nanswer {answer.status_code} {answer.text[:500]}")
            raise
        if position.verdict is Verdict.WRITTEN:
            http.delete("/rest/v1/notes", params={"id": "eq.900"})
        if position.undo and answer.is_success:
            undone = _send(http, position.undo(payload))
            assert _is_undone(undone), f"{payload!r} was not stored as such: {undone.text}"
    assert _digest(http) == before


def test_text_is_stored_as_it_is(http: httpx.Client, before: dict[str, str]) -> None:
    for payload in PAYLOADS:
        for content, kind in [
            (json.dumps({"id": 900, "title": payload}), "application/json"),
            (f'id,title\n900,"{payload.replace(chr(34), chr(34) * 2)}"\n', "text/csv"),
        ]:
            answer = http.post("/rest/v1/notes", content=content.encode(), headers={"content-type": kind})
            if "\x00" in payload:
                assert answer.status_code == 400, answer.text
                continue
            assert answer.status_code == 201, (payload, kind, answer.text)
            found = http.get("/rest/v1/notes", params={"title": f"eq.{payload}", "select": "id,title"})
            assert found.json() == [{"id": 900, "title": payload}]
            gone = http.delete("/rest/v1/notes", params={"title": f"eq.{payload}"})
            assert gone.status_code == 204
    assert _digest(http) == before


def test_names_and_texts_of_the_models_are_stored_as_they_are(
    http: httpx.Client, before: dict[str, str]
) -> None:
    for payload in PAYLOADS:
        if "\x00" in payload:
            continue  # refused, as the positions show
        name = quote(payload, safe="")
        cell = f"f:{payload}"
        for path, body, read in [
            (f"/kv/v1/{name}/{name}", payload, lambda found: found),
            (f"/docs/v1/{name}/{name}", {payload: payload}, lambda found: found[payload]),
            (f"/wide/v1/{name}/{name}/{name}", {cell: payload}, lambda found: found["cells"][cell]),
            (f"/graph/v1/{name}/nodes/{name}", {"kind": "k", "body": payload}, lambda found: found["body"]),
        ]:
            put = http.put(path, json=body)
            if len(payload) > LONGEST_NAME:
                assert put.status_code == 400, (path, put.text)
                continue
            assert put.status_code == 201, (path, put.text)
            assert read(http.get(path).json()) == payload
            assert http.delete(path).status_code == 204
    assert _digest(http) == before


def _digest(http: httpx.Client) -> dict[str, str]:
    return world.digest(http) | model_world.digest(http)


def _send(http: httpx.Client, request: httpx.Request) -> httpx.Response:
    headers = httpx.Headers(request.headers)
    if "authorization" not in headers:
        headers["authorization"] = world.HEADERS["Authorization"]
    headers["host"] = httpx.URL(world.URL).netloc.decode()
    target = httpx.URL(world.URL).copy_with(raw_path=request.url.raw_path)
    return http.send(http.build_request(request.method, target, headers=headers, content=request.read()))


def _is_undone(answer: httpx.Response) -> bool:
    """Something was deleted; of a queue, one message."""
    return answer.status_code == 204 or (answer.status_code == 200 and answer.json() == {"purged": 1})


def _judge(position: Position, answer: httpx.Response) -> None:
    assert answer.elapsed.total_seconds() < SLOWEST_ANSWER
    assert "x-injected" not in answer.headers
    assert world.KEY not in answer.text
    assert "CREATE TABLE" not in answer.text
    if answer.is_success:
        _judge_success(position.verdict, answer)
    else:
        _judge_refusal(answer)


def _judge_success(verdict: Verdict, answer: httpx.Response) -> None:
    assert verdict is not Verdict.REFUSED, "not refused"
    if "json" not in answer.headers.get("content-type", ""):
        return
    rows = _items(answer.json())
    if verdict is Verdict.EMPTY:
        assert [row for row in rows if not _is_nothing(row)] == []
    else:
        assert len(rows) <= 1


def _items(body: object) -> list:
    """What a list holds: as it is for tables and documents, under its name for the others."""
    if isinstance(body, dict):
        listed = [value for name, value in body.items() if name in LISTS]
        return listed[0] if listed else [body]
    return body


def _is_nothing(item: object) -> bool:
    """An operation that found nothing, or a count of nothing."""
    if not isinstance(item, dict):
        return False
    if item.get("status") == 200:
        return item.get("body") == []
    counts = [item[name] for name in COUNTS if name in item]
    return item.get("found") is False or item.get("status") == 404 or counts == [0]


def _judge_refusal(answer: httpx.Response) -> None:
    assert 300 <= answer.status_code < 500, f"status {answer.status_code}"
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert set(body) == {"code", "message", "details", "hint"}, f"not the common shape: {body}"
    assert isinstance(body["code"], str) and body["code"]
    assert isinstance(body["message"], str) and body["message"]
    told = json.dumps(body).lower()
    for words in ENGINE_WORDS:
        assert words not in told, f"the engine speaks: {told}"
