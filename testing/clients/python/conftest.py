"""What all tests share: a connection to a server whose tables hold the world."""

from collections.abc import Iterator

import httpx
import pytest
import world


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with world.connect() as client:
        world.fill(client)
        yield client
