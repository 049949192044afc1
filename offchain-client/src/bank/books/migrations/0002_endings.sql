-- What the bank has still to do so that no channel is stuck [Spec §9]. Every decision stands here before it is signed.

-- When to look at the channel next (the largest number: never), how often in a row that has failed, and a number that
-- rises whenever something is to be looked at earlier than was thought.
ALTER TABLE channels ADD COLUMN due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
UPDATE channels SET due = 9223372036854775807 WHERE state IN ('closed', 'refunded', 'resolved', 'cancelled');
CREATE INDEX channels_due ON channels (halted, due);

-- Channels whose client has been convicted: its reputation is cut once for each.
CREATE TABLE frauds (
    channel  TEXT   NOT NULL PRIMARY KEY REFERENCES channels (channel),
    evidence TEXT   NOT NULL,
    -- The 552 bytes in hexadecimal.
    proof    TEXT   NOT NULL,
    at       BIGINT NOT NULL
);

-- Channels that are to be frozen, or were.
CREATE TABLE freezes (
    channel  TEXT   NOT NULL PRIMARY KEY REFERENCES channels (channel),
    reason   BIGINT NOT NULL CHECK (reason BETWEEN 1 AND 3),
    evidence TEXT   NOT NULL,
    -- The operator's words, whose hash is the evidence; '' for a fraud proof.
    words    TEXT   NOT NULL,
    at       BIGINT NOT NULL
);

-- The vendor's total of frozen channels: what the operator decided and what the bank signed; -1: nothing yet.
CREATE TABLE resolutions (
    channel TEXT   NOT NULL PRIMARY KEY REFERENCES channels (channel),
    decided BIGINT NOT NULL CHECK (decided >= -1),
    signed  BIGINT NOT NULL CHECK (signed >= -1),
    at      BIGINT NOT NULL
);

-- Vendors accused of not delivering; verdict '' until the operator has decided.
CREATE TABLE accusations (
    channel   TEXT   NOT NULL PRIMARY KEY REFERENCES channels (channel),
    statement TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    verdict   TEXT   NOT NULL CHECK (verdict IN ('', 'at_fault', 'not_at_fault')),
    decided   BIGINT NOT NULL
);

-- When a person cleared the alarm, and why; 0 and '' while it stands.
ALTER TABLE alarms ADD COLUMN cleared BIGINT NOT NULL DEFAULT 0;
ALTER TABLE alarms ADD COLUMN because TEXT NOT NULL DEFAULT '';
