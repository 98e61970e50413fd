CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email varchar(120) NOT NULL UNIQUE,
    name text NOT NULL CHECK (name <> ''),
    joined timestamptz NOT NULL DEFAULT now(),
    vip boolean NOT NULL DEFAULT false,
    tags text[] NOT NULL DEFAULT '{}'
);
CREATE TABLE products (
    sku varchar PRIMARY KEY,
    title text COLLATE "C" NOT NULL,
    price numeric(10,2) NOT NULL CHECK (price >= 0),
    gross numeric(10,2) GENERATED ALWAYS AS (price * 1.1) STORED,
    stock smallint NOT NULL DEFAULT 0,
    weight double precision,
    size real,
    rating numeric,
    views bigint NOT NULL DEFAULT 0,
    code uuid DEFAULT gen_random_uuid(),
    launched date,
    updated timestamp,
    attributes jsonb NOT NULL DEFAULT '{}',
    raw json,
    picture bytea,
    search tsvector GENERATED ALWAYS AS (to_tsvector('simple', title)) STORED
);
CREATE INDEX products_search ON products USING gin (search);
CREATE INDEX products_by_price ON products (price DESC, sku);
CREATE UNIQUE INDEX products_title ON products (lower(title));
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.title = 'forbidden' THEN
        RAISE EXCEPTION 'no such title' USING DETAIL = 'It is forbidden.', ERRCODE = 'SH001';
    END IF;
    IF NEW.title = 'passed over' THEN
        RETURN NULL;
    END IF;
    NEW.updated := '2020-01-01';
    RETURN NEW;
END $$;
CREATE TRIGGER products_touch BEFORE INSERT OR UPDATE ON products
    FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
    status varchar(10) NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'paid', 'sent')),
    placed_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    note text
);
CREATE INDEX orders_by_customer ON orders (customer_id, placed_at DESC);
CREATE TABLE order_lines (
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    n integer NOT NULL,
    sku varchar NOT NULL REFERENCES products ON UPDATE CASCADE,
    quantity integer NOT NULL DEFAULT 1 CHECK (quantity BETWEEN 1 AND 999),
    PRIMARY KEY (order_id, n)
);
CREATE TABLE bookings (
    id integer PRIMARY KEY,
    room integer NOT NULL,
    cancelled boolean NOT NULL DEFAULT false,
    CONSTRAINT one_room EXCLUDE (room WITH =) WHERE (NOT cancelled)
);
CREATE TABLE "Plain" ("order" text PRIMARY KEY, "Select" integer);
INSERT INTO customers (email, name, tags) VALUES
    ('ann@example.org', 'Ann', '{a,b}'), ('bob@example.org', 'Bob', '{}');
INSERT INTO products (sku, title, price, rating, attributes) VALUES
    ('a-1', 'Apple', 1.5, 4.50, '{"colour": "red"}'), ('b-2', 'Bread', 3.25, NULL, '{}');
INSERT INTO orders (customer_id, status) VALUES (1, 'paid'), (2, 'new');
INSERT INTO order_lines VALUES (1, 1, 'a-1', 3), (1, 2, 'b-2', 1), (2, 1, 'a-1', 1);
