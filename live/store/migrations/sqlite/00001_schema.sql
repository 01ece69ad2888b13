-- +goose Up

-- The store's own row. commits counts transactions: it tells after a broken
-- connection whether the last one became durable. last_query and last_result are
-- the highest ids ever given, also of what has been deleted since.
CREATE TABLE store (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    run         INTEGER NOT NULL, -- how often the store was opened
    commits     INTEGER NOT NULL,
    last_query  INTEGER NOT NULL,
    last_result INTEGER NOT NULL,
    epoch_ns    INTEGER NOT NULL  -- when the store was made, Unix time
) STRICT;
INSERT INTO store VALUES (1, 0, 0, 0, 0, 0);

-- Queries with their state and newest plan. Times *_ns without Unix in their
-- comment are the testbed's: nanoseconds since store.epoch_ns or the run's start,
-- as the program that saves them counts.
CREATE TABLE queries (
    id                INTEGER PRIMARY KEY,
    key               TEXT    NOT NULL, -- idempotency key, '' = none
    node              TEXT    NOT NULL, -- the host
    camera            TEXT    NOT NULL,
    state             TEXT    NOT NULL, -- unscheduled, ready, running, done, stopped, failed
    since_ns          INTEGER NOT NULL,
    next_camera_frame INTEGER NOT NULL, -- to go on from
    delay_ns          INTEGER NOT NULL, -- constraint, 0 = none
    latency_ns        INTEGER NOT NULL, -- constraint, 0 = none
    accuracy          REAL    NOT NULL, -- constraint, 0 = none
    pipeline          TEXT    NOT NULL, -- JSON: [{"name","service","parents"}]
    revision          INTEGER NOT NULL, -- of the plan, 0 = no plan
    plan              TEXT    NOT NULL, -- JSON: {"resolution","fps","encoder","quality","stages","in_flight",...}
    stored_ms         INTEGER NOT NULL  -- Unix time of the row's last change
) STRICT;

-- How far each node's results are stored.
CREATE TABLE nodes (
    node        TEXT    PRIMARY KEY,
    incarnation INTEGER NOT NULL,
    seq         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How often each process was started.
CREATE TABLE incarnations (
    node        TEXT    PRIMARY KEY,
    incarnation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per frame that was due: its outcome and what it taught. A number that
-- is not finite is NULL.
CREATE TABLE results (
    id            INTEGER PRIMARY KEY,
    query         INTEGER NOT NULL,
    node          TEXT    NOT NULL,
    incarnation   INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    outcome       TEXT    NOT NULL, -- done, dropped, failed
    reason        TEXT    NOT NULL, -- of a drop or failure
    camera_frame  INTEGER NOT NULL,
    captured_ns   INTEGER NOT NULL,
    frame         INTEGER NOT NULL, -- the job's frame number
    revision      INTEGER NOT NULL, -- of the plan it ran under
    at_ns         INTEGER NOT NULL, -- when the result was ready
    latency_ns    INTEGER NOT NULL, -- capture to result
    round_trip_ns INTEGER NOT NULL, -- sum over the stages
    gap           INTEGER NOT NULL, -- camera frames it stands for
    encode_ns     INTEGER NOT NULL,
    objects       REAL,             -- found by the first source stage
    size_px       REAL,             -- their mean box area, pixels
    area          REAL,             -- the same, fraction of the frame
    known         INTEGER NOT NULL, -- 1 = a stage told objects, size and area
    calls         TEXT    NOT NULL, -- JSON, one array per stage, see the view calls
    stored_ms     INTEGER NOT NULL, -- Unix time
    UNIQUE (node, incarnation, seq)
) STRICT;
CREATE INDEX results_query ON results (query, id);

-- The stage calls of each result, one row each.
CREATE VIEW calls AS
SELECT r.id AS result, r.query, r.camera_frame, c.key AS stage,
    c.value ->> 0 AS node, c.value ->> 1 AS model,
    c.value ->> 2 AS round_trip_ns, c.value ->> 3 AS work_ns, c.value ->> 4 AS wait_ns,
    c.value ->> 5 AS transfer_ns, c.value ->> 6 AS bytes, c.value ->> 7 AS attempts
FROM results r, json_each(r.calls) c;
