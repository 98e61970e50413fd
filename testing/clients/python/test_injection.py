"""SQL injection, tried in every position of the grammar.

Whatever is sent: no 5xx, an error has the common shape and tells nothing of the
engine, no condition is bypassed, nothing is injected into the answer, and all
tables hold the same bytes afterwards.
"""

import json

import httpx
import pytest
import world
from injection import PAYLOADS, Position, Verdict, positions

ENGINE_WORDS = [
    "no such table",
    "no such column",
    "unrecognized token",
    "sql logic error",
    "panicked",
    "rusqlite",
]
"""What an engine would say, and a caller must never read."""

SLOWEST_ANSWER = 5.0
"""Seconds. A payload that computes or sleeps inside the engine takes longer."""


@pytest.fixture(scope="module")
def before(http: httpx.Client) -> dict[str, str]:
    world.fill(http)
    return world.digest(http)


@pytest.mark.parametrize("position", positions(), ids=lambda position: position.name)
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
    assert world.digest(http) == before


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
    assert world.digest(http) == before


def _send(http: httpx.Client, request: httpx.Request) -> httpx.Response:
    headers = httpx.Headers(request.headers)
    if "authorization" not in headers:
        headers["authorization"] = world.HEADERS["Authorization"]
    headers["host"] = httpx.URL(world.URL).netloc.decode()
    target = httpx.URL(world.URL).copy_with(raw_path=request.url.raw_path)
    return http.send(http.build_request(request.method, target, headers=headers, content=request.read()))


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
    body = answer.json()
    rows = body if isinstance(body, list) else [body]
    if verdict is Verdict.EMPTY:
        assert rows == []
    else:
        assert len(rows) <= 1


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
