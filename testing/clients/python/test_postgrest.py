"""Python's `postgrest` against a real server: every operation, by both of its clients."""

import asyncio

import httpx
import operations_read
import operations_write
import pytest
import world
from operation import Operation
from postgrest import APIError, AsyncPostgrestClient, SyncPostgrestClient

OPERATIONS = [*operations_read.OPERATIONS, *operations_write.OPERATIONS]
ADDRESS = f"{world.URL}/rest/v1"


def test_the_operations_number_at_least_sixty() -> None:
    assert len(OPERATIONS) >= 60


@pytest.fixture(scope="module")
def db(http: httpx.Client):
    with SyncPostgrestClient(ADDRESS, headers=world.HEADERS) as client:
        yield client


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.claim)
def test_sync(http: httpx.Client, db: SyncPostgrestClient, operation: Operation) -> None:
    def execute(ask):
        return ask(db).execute()

    _run(http, operation, execute)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.claim)
def test_async(http: httpx.Client, operation: Operation) -> None:
    async def execute(ask):
        async with AsyncPostgrestClient(ADDRESS, headers=world.HEADERS) as client:
            return await ask(client).execute()

    _run(http, operation, lambda ask: asyncio.run(execute(ask)))


def _run(http: httpx.Client, operation: Operation, execute) -> None:
    world.fill(http, operation.writes)
    try:
        if operation.error:
            with pytest.raises(APIError) as refused:
                execute(operation.ask)
            for part, expected in operation.error.items():
                assert getattr(refused.value, part) == expected, refused.value
        else:
            answer = execute(operation.ask)
            # Without a row, `maybe_single` answers nothing at all.
            assert (answer.data if answer else None) == operation.data
            assert (answer.count if answer else None) == operation.count
        if operation.after:
            assert execute(operation.after).data == operation.left
    finally:
        world.fill(http, operation.writes)
