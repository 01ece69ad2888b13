-- +goose Up

-- The store's own row. commits counts transactions: it tells after a broken
-- connection whether the last one became durable. last_query and last_result are
-- the highest ids ever given, also of what has been deleted since.
CREATE TABLE store (
    id          bigint PRIMARY KEY CHECK (id = 1),
    run         bigint NOT NULL, -- how often the store was opened
    commits     bigint NOT NULL,
    last_query  bigint NOT NULL,
    last_result bigint NOT NULL,
    epoch_ns    bigint NOT NULL  -- when the store was made, Unix time
);
INSERT INTO store VALUES (1, 0, 0, 0, 0, 0);

-- Queries with their state and newest plan. Times *_ns without Unix in their
-- comment are the testbed's: nanoseconds since store.epoch_ns or the run's start,
-- as the program that saves them counts.
CREATE TABLE queries (
    id                bigint PRIMARY KEY,
    key               text   NOT NULL, -- idempotency key, '' = none
    node              text   NOT NULL, -- the host
    camera            text   NOT NULL,
    state             text   NOT NULL, -- unscheduled, ready, running, done, stopped, failed
    since_ns          bigint NOT NULL,
    next_camera_frame bigint NOT NULL, -- to go on from
    delay_ns          bigint NOT NULL, -- constraint, 0 = none
    latency_ns        bigint NOT NULL, -- constraint, 0 = none
    accuracy          double precision NOT NULL, -- constraint, 0 = none
    pipeline          json   NOT NULL, -- [{"name","service","parents"}]
    revision          bigint NOT NULL, -- of the plan, 0 = no plan
    plan              json   NOT NULL, -- {"resolution","fps","encoder","quality","stages","in_flight",...}
    stored_ms         bigint NOT NULL  -- Unix time of the row's last change
);

-- How far each node's results are stored.
CREATE TABLE nodes (
    node        text   PRIMARY KEY,
    incarnation bigint NOT NULL,
    seq         bigint NOT NULL
);

-- How often each process was started.
CREATE TABLE incarnations (
    node        text   PRIMARY KEY,
    incarnation bigint NOT NULL
);

-- One row per frame that was due: its outcome and what it taught. A number that
-- is not finite is NULL.
CREATE TABLE results (
    id            bigint  PRIMARY KEY,
    query         bigint  NOT NULL,
    node          text    NOT NULL,
    incarnation   bigint  NOT NULL,
    seq           bigint  NOT NULL,
    outcome       text    NOT NULL, -- done, dropped, failed
    reason        text    NOT NULL, -- of a drop or failure
    camera_frame  bigint  NOT NULL,
    captured_ns   bigint  NOT NULL,
    frame         bigint  NOT NULL, -- the job's frame number
    revision      bigint  NOT NULL, -- of the plan it ran under
    at_ns         bigint  NOT NULL, -- when the result was ready
    latency_ns    bigint  NOT NULL, -- capture to result
    round_trip_ns bigint  NOT NULL, -- sum over the stages
    gap           bigint  NOT NULL, -- camera frames it stands for
    encode_ns     bigint  NOT NULL,
    objects       double precision, -- found by the first source stage
    size_px       double precision, -- their mean box area, pixels
    area          double precision, -- the same, fraction of the frame
    known         boolean NOT NULL, -- a stage told objects, size and area
    calls         json    NOT NULL, -- one array per stage, see the view calls
    stored_ms     bigint  NOT NULL, -- Unix time
    UNIQUE (node, incarnation, seq)
);
CREATE INDEX results_query ON results (query, id);

-- The stage calls of each result, one row each.
CREATE VIEW calls AS
SELECT r.id AS result, r.query, r.camera_frame, c.n - 1 AS stage,
    c.value ->> 0 AS node, (c.value ->> 1)::bigint AS model,
    (c.value ->> 2)::bigint AS round_trip_ns, (c.value ->> 3)::bigint AS work_ns, (c.value ->> 4)::bigint AS wait_ns,
    (c.value ->> 5)::bigint AS transfer_ns, (c.value ->> 6)::double precision AS bytes, (c.value ->> 7)::bigint AS attempts
FROM results r, json_array_elements(r.calls) WITH ORDINALITY c (value, n);
