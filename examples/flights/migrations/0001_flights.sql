-- The flights that left New York in 2013, with what they name.
--
-- Airlines and airports are small and named by all others: reference tables, so
-- that keys to them can be enforced wherever a flight lies.

CREATE TABLE airlines (
  carrier text PRIMARY KEY,
  name    text NOT NULL
) WITH (reference = true);

CREATE TABLE airports (
  faa   text PRIMARY KEY,
  name  text NOT NULL,
  lat   double precision NOT NULL,
  lon   double precision NOT NULL,
  alt   integer NOT NULL,
  tz    integer NOT NULL,
  dst   text NOT NULL,
  tzone text
) WITH (reference = true);

CREATE TABLE planes (
  tailnum      text PRIMARY KEY,
  year         integer,
  type         text NOT NULL,
  manufacturer text NOT NULL,
  model        text NOT NULL,
  engines      integer NOT NULL,
  seats        integer NOT NULL,
  speed        integer,
  engine       text NOT NULL
);

-- An hour of local time comes twice when daylight saving ends: the key refuses the
-- second one, and the import says which lines those were.
CREATE TABLE weather (
  origin     text NOT NULL REFERENCES airports (faa),
  year       integer NOT NULL,
  month      integer NOT NULL,
  day        integer NOT NULL,
  hour       integer NOT NULL,
  temp       double precision,
  dewp       double precision,
  humid      double precision,
  wind_dir   integer,
  wind_speed double precision,
  wind_gust  double precision,
  precip     double precision,
  pressure   double precision,
  visib      double precision,
  time_hour  timestamptz NOT NULL,
  PRIMARY KEY (origin, year, month, day, hour)
) PARTITION BY HASH (origin);

-- 50,094 flights name a plane, and 7,602 an airport, that is not in the tables, and
-- 2,512 name no plane: those keys are NOT ENFORCED, and joins over them still work.
CREATE TABLE flights (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  year           integer NOT NULL,
  month          integer NOT NULL CHECK (month BETWEEN 1 AND 12),
  day            integer NOT NULL CHECK (day BETWEEN 1 AND 31),
  dep_time       integer,
  sched_dep_time integer NOT NULL,
  dep_delay      integer,
  arr_time       integer,
  sched_arr_time integer NOT NULL,
  arr_delay      integer,
  carrier        text NOT NULL REFERENCES airlines (carrier),
  flight         integer NOT NULL,
  tailnum        text REFERENCES planes (tailnum) NOT ENFORCED,
  origin         text NOT NULL REFERENCES airports (faa),
  dest           text NOT NULL REFERENCES airports (faa) NOT ENFORCED,
  air_time       integer,
  distance       integer NOT NULL,
  hour           integer NOT NULL,
  minute         integer NOT NULL,
  time_hour      timestamptz NOT NULL
);
CREATE INDEX flights_by_origin_and_delay ON flights (origin, dep_delay);
