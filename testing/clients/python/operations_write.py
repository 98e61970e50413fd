"""Writes by Python's `postgrest`: insert, upsert, update, delete."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from operation import Operation as Op
from operation import ids


def notes(db):
    return db.from_("notes")


def tallies(db):
    return db.from_("tallies")


def all_notes(db):
    return notes(db).select("id", "title", "stars").order("id")


NOTES = [
    {"id": 1, "title": "first", "stars": 5},
    {"id": 2, "title": "second", "stars": 3},
    {"id": 3, "title": "third", "stars": 1},
]

INSERTS = [
    Op(
        "insert answers the row",
        lambda db: notes(db).insert({"id": 10, "title": "ten"}),
        [{"id": 10, "title": "ten", "stars": 3, "slug": None, "body": None}],
    ),
    Op(
        "insert, minimal",
        lambda db: notes(db).insert({"id": 10}, returning="minimal"),
        [],
        after=lambda db: notes(db).select("title").eq("id", 10),
        left=[{"title": "untitled"}],
    ),
    Op("insert and select", lambda db: notes(db).insert({"id": 10}).select("id"), ids(10)),
    Op(
        "bulk insert counts, and a key that a row lacks is NULL",
        lambda db: (
            notes(db)
            .insert([{"id": 11, "slug": "s"}, {"id": 12, "body": "b"}], count="exact")
            .select("id", "slug", "body")
        ),
        [{"id": 11, "slug": "s", "body": None}, {"id": 12, "slug": None, "body": "b"}],
        count=2,
    ),
    Op(
        "bulk insert, a key that a row lacks takes its default",
        lambda db: (
            notes(db)
            .insert([{"id": 11, "stars": 1}, {"id": 12, "title": "t"}], default_to_null=False)
            .select("id", "title", "stars")
        ),
        [{"id": 11, "title": "untitled", "stars": 1}, {"id": 12, "title": "t", "stars": 3}],
    ),
    Op(
        "a primary key twice",
        lambda db: notes(db).insert({"id": 1}),
        error={"code": "23505", "details": "Key (id)=(1) already exists."},
        after=all_notes,
        left=NOTES,
    ),
    Op(
        "a NULL where there must be none",
        lambda db: notes(db).insert({"title": None}),
        error={"code": "23502"},
    ),
    Op("a row that a check refuses", lambda db: notes(db).insert({"stars": 9}), error={"code": "23514"}),
]

UPDATES = [
    Op(
        "update answers the rows",
        lambda db: notes(db).update({"stars": 4}).gte("id", 2).select("id", "stars"),
        [{"id": 2, "stars": 4}, {"id": 3, "stars": 4}],
    ),
    Op(
        "update, minimal, counted",
        lambda db: notes(db).update({"stars": 2}, returning="minimal", count="exact").gte("id", 2),
        [],
        count=2,
    ),
    Op("update of no row", lambda db: notes(db).update({"stars": 2}).eq("id", 99), []),
    Op(
        "max_affected lets pass what is within",
        lambda db: notes(db).update({"stars": 2}).gte("id", 2).max_affected(2).select("id"),
        ids(2, 3),
    ),
    Op(
        "max_affected refuses what is beyond",
        lambda db: notes(db).update({"stars": 2}).gte("id", 1).max_affected(2),
        error={"code": "PGRST124", "details": "The query affects 3 rows"},
        after=all_notes,
        left=NOTES,
    ),
    Op(
        "update without a filter is refused",
        lambda db: notes(db).update({"stars": 2}),
        error={"code": "21000"},
        after=all_notes,
        left=NOTES,
    ),
]

DELETES = [
    Op(
        "delete answers the rows",
        lambda db: notes(db).delete().lte("id", 2).select("id"),
        ids(1, 2),
        after=all_notes,
        left=NOTES[2:],
    ),
    Op(
        "delete, minimal, counted",
        lambda db: notes(db).delete(returning="minimal", count="exact").in_("id", [1, 2, 9]),
        [],
        count=2,
    ),
    Op(
        "delete without a filter is refused",
        lambda db: notes(db).delete(),
        error={"code": "21000"},
        after=all_notes,
        left=NOTES,
    ),
    Op(
        "delete without a filter, allowed by max_affected",
        lambda db: notes(db).delete().max_affected(3).select("id"),
        ids(1, 2, 3),
        after=all_notes,
        left=[],
    ),
]

UPSERTS = [
    Op(
        "upsert merges and makes",
        lambda db: tallies(db).upsert(
            [{"bucket": "a", "name": "x", "hits": 10}, {"bucket": "c", "name": "z", "hits": 1}]
        ),
        [
            {"bucket": "a", "name": "x", "hits": 10, "note": "old"},
            {"bucket": "c", "name": "z", "hits": 1, "note": "new"},
        ],
    ),
    Op(
        "upsert ignores duplicates",
        lambda db: (
            tallies(db)
            .upsert(
                [{"bucket": "a", "name": "x", "hits": 99}, {"bucket": "c", "name": "z", "hits": 1}],
                ignore_duplicates=True,
            )
            .select("name", "hits")
        ),
        [{"name": "z", "hits": 1}],
    ),
    Op(
        "upsert on the key by name",
        lambda db: (
            tallies(db)
            .upsert({"bucket": "b", "name": "x", "hits": 30}, on_conflict="bucket,name")
            .select("hits")
        ),
        [{"hits": 30}],
    ),
    Op(
        "insert with upsert",
        lambda db: (
            tallies(db).insert({"bucket": "b", "name": "x", "hits": 31}, upsert=True).select("hits", "note")
        ),
        [{"hits": 31, "note": "old"}],
    ),
]

OTHERS = [
    Op(
        "upsert on a unique column",
        lambda db: (
            notes(db).upsert({"slug": "one", "title": "renamed"}, on_conflict="slug").select("id", "title")
        ),
        [{"id": 1, "title": "renamed"}],
        writes=("notes",),
    ),
    Op(
        "Python's dates, ids and bytes",
        lambda db: (
            db.from_("samples")
            .insert({"id": UUID(int=7), "day": date(2024, 2, 29), "blob": b"\x00\xff", "numbers": (1, 2)})
            .select("id", "day", "blob", "numbers")
        ),
        [
            {
                "id": "00000000-0000-0000-0000-000000000007",
                "day": "2024-02-29",
                "blob": "\\x00ff",
                "numbers": [1, 2],
            }
        ],
        writes=("samples",),
    ),
    Op(
        "a reference to what is not there",
        lambda db: db.from_("customers").update({"country": "xx"}).eq("id", 1),
        error={"code": "23503", "details": 'Key (country)=(xx) is not present in table "countries".'},
    ),
]

OPERATIONS = [
    *(replace(op, writes=("notes",)) for op in [*INSERTS, *UPDATES, *DELETES]),
    *(replace(op, writes=("tallies",)) for op in UPSERTS),
    *OTHERS,
]
