-- Journal of a payment role: the wallet's and the vendor's have one shape [Spec §6, §7].
CREATE TABLE channels (
    id         INTEGER PRIMARY KEY,
    channel_id BLOB    NOT NULL UNIQUE,
    phase      TEXT    NOT NULL,
    -- Number of the last payment; every append is conditional on it.
    n          INTEGER NOT NULL,
    -- The role's state after payment n.
    head       BLOB    NOT NULL,
    -- What the role knew when it took the channel (JSON); never changes.
    facts      TEXT    NOT NULL,
    -- How the channel ends or ended (JSON), as far as it got.
    ending     TEXT    NOT NULL
);
CREATE INDEX channels_by_phase ON channels (phase, id);
-- One row is one batch, so that thousands of payments cost a few inserts.
CREATE TABLE batches (
    channel INTEGER NOT NULL REFERENCES channels (id),
    first   INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    -- The role's state before the first payment of this row: a row can be read on its own.
    before  BLOB    NOT NULL,
    records BLOB    NOT NULL
);
CREATE UNIQUE INDEX batches_by_number ON batches (channel, first);
-- Receipts: 64-byte signatures of payments first, first + 1, …
CREATE TABLE receipts (
    channel    INTEGER NOT NULL REFERENCES channels (id),
    first      INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    signatures BLOB    NOT NULL
);
CREATE UNIQUE INDEX receipts_by_number ON receipts (channel, first);
-- What was found when a release did not unlock everything.
CREATE TABLE evidence (
    channel INTEGER NOT NULL REFERENCES channels (id),
    kind    TEXT    NOT NULL,
    bytes   BLOB    NOT NULL,
    UNIQUE (channel, kind)
);
