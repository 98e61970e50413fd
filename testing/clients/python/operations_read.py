"""Reads by Python's `postgrest`: filters, JSON paths, lists, embedding, aggregates."""

from operation import Operation as Op
from operation import ids


def customers(db, *columns, **options):
    return db.from_("customers").select(*(columns or ("id",)), **options)


def messages(db):
    return db.from_("messages").select("id")


def products(db, *columns):
    return db.from_("products").select(*(columns or ("id",)))


def orders(db, *columns):
    return db.from_("orders").select(*columns)


FILTERS = [
    Op("eq", lambda db: customers(db).eq("country", "fr"), ids(2, 3)),
    Op("eq takes reserved characters", lambda db: customers(db).eq("name", 'O\'Hara, "Eve" (5)'), ids(5)),
    Op("eq on a boolean of Python", lambda db: customers(db).eq("vip", True), ids(1, 3)),
    Op("neq", lambda db: customers(db).neq("country", "fr"), ids(1, 4, 5)),
    Op("gt", lambda db: customers(db).gt("credit", 33.3), ids(1, 5)),
    Op("gte", lambda db: customers(db).gte("credit", 33.3), ids(1, 3, 5)),
    Op("lt", lambda db: customers(db).lt("credit", 5), ids(2)),
    Op("lte", lambda db: customers(db).lte("credit", 5), ids(2, 4)),
    Op("is null", lambda db: customers(db).is_("country", None), ids(6)),
    Op("is true", lambda db: customers(db).is_("vip", True), ids(1, 3)),
    Op("not is null", lambda db: customers(db).not_.is_("joined", None), ids(1, 2, 3, 4, 6)),
    Op("like", lambda db: customers(db).like("name", "%la"), ids(2)),
    Op("ilike", lambda db: customers(db).ilike("name", "ada%"), ids(1, 6)),
    Op("like_any_of", lambda db: customers(db).like_any_of("name", "A%,B%"), ids(1, 2)),
    Op("like_all_of", lambda db: customers(db).like_all_of("name", "%a%,%e%"), ids(2, 4, 5, 6)),
    Op("ilike_any_of", lambda db: customers(db).ilike_any_of("name", "ada%,CHL%"), ids(1, 3, 6)),
    Op("ilike_all_of", lambda db: customers(db).ilike_all_of("name", "A%,%LOWER"), ids(6)),
    Op("not like", lambda db: customers(db).not_.like("name", "%a%"), ids(3)),
    Op("match by filter", lambda db: customers(db).filter("name", "match", "^[AB]"), ids(1, 2)),
    Op("imatch by filter", lambda db: customers(db).filter("name", "imatch", "^ad"), ids(1, 6)),
    Op(
        "isdistinct by filter",
        lambda db: customers(db).filter("country", "isdistinct", "fr"),
        ids(1, 4, 5, 6),
    ),
    Op("eq(any) by filter", lambda db: customers(db).filter("id", "eq(any)", "{2,4}"), ids(2, 4)),
    Op("in", lambda db: customers(db).in_("id", [1, 5, 9]), ids(1, 5)),
    Op(
        "in quotes reserved characters",
        lambda db: customers(db).in_("name", ['O\'Hara, "Eve" (5)', "Ada"]),
        ids(1, 5),
    ),
    Op("not in", lambda db: customers(db).not_.in_("id", [1, 2, 3]), ids(4, 5, 6)),
    Op(
        "match: each pair must be equal",
        lambda db: customers(db).match({"country": "fr", "vip": False}),
        ids(2),
    ),
    Op("or", lambda db: customers(db).or_("id.eq.1,country.eq.fr"), ids(1, 2, 3)),
    Op(
        "or of and and not",
        lambda db: customers(db).or_("id.eq.4,and(country.eq.fr,name.not.like.B*)"),
        ids(3, 4),
    ),
    Op("not or", lambda db: customers(db).not_.or_("id.lt.3,id.gt.4"), ids(3, 4)),
    Op("contains on an array", lambda db: customers(db).contains("tags", ["math"]), ids(1, 6)),
    Op("contains quotes commas", lambda db: customers(db).contains("tags", ["a,b"]), ids(6)),
    Op("cs", lambda db: customers(db).cs("tags", ["two words"]), ids(3)),
    Op("contained_by on an array", lambda db: customers(db).contained_by("scores", [1, 2, 3]), ids(1, 4, 6)),
    Op("cd", lambda db: customers(db).cd("tags", ["music", "art"]), ids(2, 4)),
    Op("overlaps", lambda db: customers(db).overlaps("tags", ["art", "music"]), ids(2, 3, 6)),
    Op("contains on jsonb", lambda db: products(db).contains("attrs", {"size": {"w": 120}}), ids(2)),
    Op(
        "contained_by on jsonb",
        lambda db: products(db).contained_by("attrs", {"color": "blue", "parts": [1]}),
        ids(3),
    ),
    Op("fts", lambda db: messages(db).fts("body", "quick & fox"), ids(1)),
    Op("plfts", lambda db: messages(db).plfts("body", "quick brown"), ids(1, 3)),
    Op("phfts", lambda db: messages(db).phfts("body", "quick brown"), ids(1)),
    Op("wfts", lambda db: messages(db).wfts("body", '"brown fox" or lazy'), ids(1, 2)),
    Op(
        "text_search with a configuration",
        lambda db: messages(db).text_search("body", "bread soup", {"type": "plain", "config": "simple"}),
        ids(3),
    ),
]

JSON = [
    Op(
        "->> in a selection",
        lambda db: products(db, "id", "attrs->>color").lte("id", 2),
        [{"id": 1, "color": "red"}, {"id": 2, "color": "oak"}],
    ),
    Op(
        "-> in a selection, with an alias",
        lambda db: products(db, "width:attrs->size->w").eq("id", 2),
        [{"width": 120}],
    ),
    Op("eq on ->>", lambda db: products(db).eq("attrs->>color", "blue"), ids(3)),
    Op("gt on ->", lambda db: products(db).gt("attrs->size->w", 100), ids(2, 5)),
    Op("is null on ->>", lambda db: products(db).is_("attrs->>color", None), ids(4, 5)),
    Op(
        "order by ->",
        lambda db: products(db).order("attrs->size->w", desc=True, nullsfirst=False),
        ids(5, 2, 1, 3, 4),
    ),
]

LISTS = [
    Op("order", lambda db: customers(db).order("country"), ids(2, 3, 5, 1, 4, 6)),
    Op(
        "order descending, NULLs last",
        lambda db: customers(db).order("country", desc=True, nullsfirst=False),
        ids(1, 4, 5, 2, 3, 6),
    ),
    Op("two orders", lambda db: customers(db).order("vip", desc=True).order("credit"), ids(3, 1, 2, 4, 6, 5)),
    Op("limit and offset", lambda db: customers(db).limit(2).offset(3), ids(4, 5)),
    Op("range", lambda db: customers(db).range(2, 3), ids(3, 4)),
    Op("count exact", lambda db: customers(db, "id", count="exact").limit(1), ids(1), count=6),
    Op("count planned", lambda db: customers(db, "id", count="planned").eq("vip", True), ids(1, 3), count=2),
    Op(
        "count estimated",
        lambda db: customers(db, "id", count="estimated").eq("vip", True),
        ids(1, 3),
        count=2,
    ),
    Op("head", lambda db: customers(db, "id", count="exact", head=True).gt("id", 2), [], count=4),
    Op("single", lambda db: customers(db).eq("id", 4).single(), {"id": 4}),
    Op("maybe_single with one row", lambda db: customers(db).eq("id", 4).maybe_single(), {"id": 4}),
    Op("maybe_single without a row", lambda db: customers(db).eq("id", 44).maybe_single(), None),
    Op("csv", lambda db: customers(db, "id", "name").lte("id", 2).csv(), "id,name\n1,Ada\n2,Bela"),
    Op(
        "strip_nulls",
        lambda db: db.from_("profiles").select("*").eq("customer_id", 3).strip_nulls(),
        [{"customer_id": 3, "bio": "Paints"}],
    ),
    Op(
        "columns, aliases and casts",
        lambda db: customers(db, "nr:id::text", "name").eq("id", 1),
        [{"nr": "1", "name": "Ada"}],
    ),
    Op(
        "every column", lambda db: db.from_("countries").select().limit(1), [{"code": "fr", "name": "France"}]
    ),
]

EMBEDDING = [
    Op(
        "to one",
        lambda db: orders(db, "id", "customers(name)").eq("id", 201),
        [{"id": 201, "customers": {"name": "Bela"}}],
    ),
    Op(
        "to many",
        lambda db: customers(db, "id", "orders(id)").gte("id", 3).lte("id", 4),
        [{"id": 3, "orders": ids(301, 302)}, {"id": 4, "orders": []}],
    ),
    Op("one to one", lambda db: customers(db, "profiles(bio)").eq("id", 2), [{"profiles": {"bio": "Plays"}}]),
    Op(
        "through a join table",
        lambda db: products(db, "categories(name)").eq("id", 1),
        [{"categories": [{"name": "Lighting"}, {"name": "Office"}]}],
    ),
    Op(
        "through a join table with a composite key",
        lambda db: orders(db, "products(name)").eq("id", 302),
        [{"products": [{"name": "Lamp"}, {"name": "Desk"}]}],
    ),
    Op(
        "spread",
        lambda db: orders(db, "id", "...customers(customer:name)").eq("id", 201),
        [{"id": 201, "customer": "Bela"}],
    ),
    Op(
        "inner",
        lambda db: customers(db, "id", "orders!inner(id)").eq("orders.status", "open"),
        [{"id": 1, "orders": ids(102)}],
    ),
    Op(
        "hints",
        lambda db: (
            db.from_("messages")
            .select("from:customers!sender_id(name)", "to:customers!recipient_id(name)")
            .eq("id", 3)
        ),
        [{"from": {"name": "Ada"}, "to": {"name": "Chloé"}}],
    ),
    Op(
        "itself",
        lambda db: db.from_("categories").select("name", "parent:parent_id(name)").eq("id", 4),
        [{"name": "Writing", "parent": {"name": "Office"}}],
    ),
    Op(
        "nested, with filters and orders",
        lambda db: (
            customers(db, "orders(id,order_items(quantity,products(name)))")
            .eq("id", 3)
            .gt("orders.total", 0)
            .order("quantity", desc=True, foreign_table="orders.order_items")
        ),
        [
            {
                "orders": [
                    {
                        "id": 302,
                        "order_items": [
                            {"quantity": 2, "products": {"name": "Lamp"}},
                            {"quantity": 1, "products": {"name": "Desk"}},
                        ],
                    }
                ]
            }
        ],
    ),
    Op(
        "limit in an embedding",
        lambda db: (
            customers(db, "orders(id)")
            .eq("id", 1)
            .order("id", desc=True, foreign_table="orders")
            .limit(1, foreign_table="orders")
        ),
        [{"orders": ids(103)}],
    ),
    Op(
        "or in an embedding",
        lambda db: (
            customers(db, "orders(id)")
            .eq("id", 1)
            .or_("status.eq.open,total.gt.50", reference_table="orders")
        ),
        [{"orders": ids(102, 103)}],
    ),
    Op("without", lambda db: customers(db, "id", "orders()").is_("orders", None), ids(4, 5, 6)),
]

AGGREGATES = [
    Op("count", lambda db: orders(db, "count()"), [{"count": 6}]),
    Op(
        "sum, min and max",
        lambda db: orders(db, "total.sum()", "total.min()", "total.max()"),
        [{"sum": 465.49, "min": 0, "max": 250}],
    ),
    Op(
        "avg keeps PostgreSQL's digits",
        lambda db: orders(db, "total.avg()::text"),
        [{"avg": "77.5816666666666667"}],
    ),
    Op(
        "groups",
        lambda db: orders(db, "status", "n:count()").order("status"),
        [{"status": "cancelled", "n": 1}, {"status": "open", "n": 1}, {"status": "paid", "n": 4}],
    ),
    Op(
        "in an embedding",
        lambda db: customers(db, "id", "orders(total.sum())").in_("id", [1, 4]),
        [{"id": 1, "orders": [{"sum": 115.5}]}, {"id": 4, "orders": [{"sum": None}]}],
    ),
]

ERRORS = [
    Op("an unknown table", lambda db: db.from_("nowhere").select("*"), error={"code": "PGRST205"}),
    Op(
        "an unknown column",
        lambda db: customers(db, "nope"),
        error={"code": "42703", "message": "column customers.nope does not exist"},
    ),
    Op(
        "a value that is not of the type",
        lambda db: customers(db).eq("id", "abc"),
        error={"code": "22P02", "message": 'invalid input syntax for type bigint: "abc"'},
    ),
    Op(
        "an operator that is none",
        lambda db: customers(db).filter("id", "nop", "1"),
        error={"code": "PGRST100"},
    ),
    Op("an operator for ranges", lambda db: customers(db).range_gt("id", (1, 2)), error={"code": "PGRST100"}),
    Op("a table that is not related", lambda db: customers(db, "samples(id)"), error={"code": "PGRST200"}),
    Op(
        "a table that is related in two ways",
        lambda db: db.from_("messages").select("customers(name)"),
        error={"code": "PGRST201"},
    ),
    Op(
        "single with many rows",
        lambda db: customers(db).single(),
        error={"code": "PGRST116", "details": "The result contains 6 rows"},
    ),
    Op("maybe_single with many rows", lambda db: customers(db).maybe_single(), error={"code": "406"}),
]

OPERATIONS = [*FILTERS, *JSON, *LISTS, *EMBEDDING, *AGGREGATES, *ERRORS]
