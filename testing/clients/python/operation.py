"""One operation: a request that the client makes, and the answer it must get."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Operation:
    claim: str
    """What it shows; the test's name."""
    ask: Callable[[Any], Any]
    """A client, sync or async, to a request that is ready to be executed."""
    data: Any = None
    """The exact rows, or row, or CSV text."""
    count: int | None = None
    """The exact count."""
    error: dict[str, Any] | None = None
    """The code, message and details it is refused with, as far as given."""
    after: Callable[[Any], Any] | None = None
    """A second request, once the first is done."""
    left: Any = None
    """The exact rows that the second request must get."""
    writes: tuple[str, ...] = ()
    """The tables that are filled afresh before and after."""


def ids(*values: Any) -> list[dict]:
    """Rows of which only the id was asked."""
    return [{"id": value} for value in values]
