"""The world of the models besides tables: a few things of each, and a digest of all there is."""

import hashlib
import time

import httpx

SPACE, COLLECTION, TABLE, GRAPH, QUEUE = "things", "books", "weather", "people", "mail"

SEARCH_DEADLINE = 30.0
"""Seconds within which a search index over nothing is built."""


def fill(http: httpx.Client) -> None:
    """Puts a few things of each model."""
    for key in ["a", "b", "c"]:
        _sent(http, "PUT", f"/kv/v1/{SPACE}/{key}", content=f"value of {key}")
    for number, word in enumerate(["quokka", "wombat", "numbat"], 1):
        body = {"title": f"The {word}", "more": {"pages": number}}
        _sent(http, "PUT", f"/docs/v1/{COLLECTION}/{number}", json=body)
        _sent(http, "PUT", f"/wide/v1/{TABLE}/JFK/{number}", json={"obs:temp": number, "raw:word": word})
    for node in ["ada", "bo", "cy"]:
        _sent(http, "PUT", f"/graph/v1/{GRAPH}/nodes/{node}", json={"kind": "person", "body": {"name": node}})
    for number, (start, end) in enumerate([("ada", "bo"), ("bo", "cy"), ("cy", "ada")]):
        path = f"/graph/v1/{GRAPH}/nodes/{start}/edges/knows/{end}"
        _sent(http, "PUT", path, json={"at": number + 1, "body": {"n": number}})
    _sent(http, "POST", f"/queue/v1/{QUEUE}/messages", json=[{"body": n, "priority": 0} for n in range(3)])
    _await_search(http)


def digest(http: httpx.Client) -> dict[str, str]:
    """A digest of everything that a caller can see of each model."""
    paths = [
        *(f"/kv/v1/{SPACE}{rest}" for rest in ["", "/a", "/b", "/c"]),
        f"/docs/v1/{COLLECTION}",
        f"/docs/v1/{COLLECTION}?search=quokka",
        f"/wide/v1/{TABLE}",
        f"/wide/v1/{TABLE}/JFK",
        f"/graph/v1/{GRAPH}/nodes",
        f"/graph/v1/{GRAPH}/edges",
        *(f"/queue/v1/{queue}/{rest}" for queue in [QUEUE, "idle"] for rest in ["messages", "dead"]),
        *(f"/graph/v1/{GRAPH}/nodes/{node}/edges/knows/count" for node in ["ada", "bo", "cy"]),
    ]
    return {path: hashlib.sha256(_sent(http, "GET", path).content).hexdigest() for path in paths}


def _sent(http: httpx.Client, method: str, path: str, **request) -> httpx.Response:
    answer = http.request(method, path, **request)
    assert answer.is_success, f"{method} {path}: {answer.text}"
    return answer


def _await_search(http: httpx.Client) -> None:
    """Until the server has built the index that it was started with."""
    deadline = time.monotonic() + SEARCH_DEADLINE
    while not http.get(f"/docs/v1/{COLLECTION}", params={"search": "quokka"}).is_success:
        assert time.monotonic() < deadline, "the search index is not built"
        time.sleep(0.05)
