"""A connection that is kept alive outlives a refusal.

Clients send a request's head and body apart, so an answer can overtake the body.
"""

import contextlib
import http.client
import json
import select
from urllib.parse import urlsplit

import pytest
import world

BODY = json.dumps({"id": 900, "title": "x"}).encode()

OVERTAKES = 0.2
"""Seconds within which a server that does not wait for the body has answered."""


@pytest.mark.parametrize(
    "target",
    ["notes?columns=;", "notes?select=;", "notes?columns=nope", "nowhere", "rpc/nothing"],
)
@pytest.mark.usefixtures("http")
def test_a_refusal_does_not_cost_the_next_request(target: str) -> None:
    with contextlib.closing(_connect()) as connection:
        connection.putrequest("POST", f"/rest/v1/{target}")
        for name, value in {**world.HEADERS, "Content-Type": "application/json"}.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(BODY)))
        connection.endheaders()
        select.select([connection.sock], [], [], OVERTAKES)
        # A server that closes the connection has to say so, and its answer has to arrive.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.send(BODY)
        refusal = connection.getresponse()
        told = json.loads(refusal.read())
        assert refusal.status in (400, 404), told
        if refusal.will_close:
            return
        connection.request("GET", "/rest/v1/countries?code=eq.kr", headers=world.HEADERS)
        answer = connection.getresponse()
        assert answer.status == 200
        assert json.loads(answer.read()) == [{"code": "kr", "name": "Korea"}]


def _connect() -> http.client.HTTPConnection:
    address = urlsplit(world.URL)
    return http.client.HTTPConnection(address.hostname, address.port, timeout=10)
