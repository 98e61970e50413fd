"""What schemathesis is told about a surface that OpenAPI cannot say."""

import re

import schemathesis
from schemathesis.core.parameters import ParameterLocation

REPRESENTATION = "return=representation"
EXCHANGE = "orders"
"""The exchange that pando.toml declares."""

LEASE = re.compile(r"^/queue/v1/[^/]+/lease$")


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    _ask_for_rows(case)
    _do_not_wait(case)
    _name_the_exchange(case)


def _name_the_exchange(case) -> None:
    """Asks the exchange that there is, rather than one that nobody declared; what is wrong stays so."""
    if not case.path.startswith("/exchanges/v1/"):
        return
    path = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
    if path is not None and path.mode.is_positive:
        case.path_parameters["exchange"] = EXCHANGE


def _do_not_wait(case) -> None:
    """Has a lease that would wait for a message wait for a millisecond; a wait that is wrong stays so."""
    if not (LEASE.match(case.path) and isinstance(case.body, dict)):
        return
    wait = case.body.get("wait")
    is_span = isinstance(wait, str) and re.match(r"^([0-9]{1,4}ms|[0-5]?[0-9]s|60s|1m)$", wait)
    is_seconds = isinstance(wait, int | float) and not isinstance(wait, bool) and 0 <= wait <= 60
    if is_span or is_seconds:
        case.body["wait"] = "1ms"


def _ask_for_rows(case) -> None:
    """Asks each insert for its rows.

    An insert answers 201 with rows or with nothing, as `Prefer` says, and OpenAPI has one
    description for each status. The first of several preferences counts.
    """
    if case.method == "POST" and case.path.startswith("/rest/v1/"):
        prefer = case.headers.get("Prefer")
        case.headers["Prefer"] = f"{REPRESENTATION}, {prefer}" if prefer else REPRESENTATION
