"""What schemathesis is told about a surface that OpenAPI cannot say."""

import schemathesis

REPRESENTATION = "return=representation"


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    """Asks each insert for its rows.

    An insert answers 201 with rows or with nothing, as `Prefer` says, and OpenAPI has one
    description for each status. The first of several preferences counts.
    """
    if case.method == "POST" and case.path.startswith("/rest/v1/"):
        prefer = case.headers.get("Prefer")
        case.headers["Prefer"] = f"{REPRESENTATION}, {prefer}" if prefer else REPRESENTATION
