-- What has been decided stands in the log outside the backup cycle too, before it is acted on [Spec §9].

ALTER TABLE frauds ADD COLUMN logged BIGINT NOT NULL DEFAULT 0;
ALTER TABLE freezes ADD COLUMN logged BIGINT NOT NULL DEFAULT 0;
ALTER TABLE resolutions ADD COLUMN logged BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accusations ADD COLUMN logged BIGINT NOT NULL DEFAULT 0;
-- How often the units have been decided or signed: the log's word counts for books that have heard fewer.
ALTER TABLE resolutions ADD COLUMN changes BIGINT NOT NULL DEFAULT 0;
CREATE INDEX frauds_logged ON frauds (logged, channel);
CREATE INDEX freezes_logged ON freezes (logged, channel);
CREATE INDEX resolutions_logged ON resolutions (logged, channel);
CREATE INDEX accusations_logged ON accusations (logged, channel);

-- Decisions of the log, in JSON, on channels that the books do not know yet; they are taken back with the channel.
CREATE TABLE awaited_decisions (
    number   BIGINT NOT NULL PRIMARY KEY,
    channel  TEXT   NOT NULL,
    decision TEXT   NOT NULL
);
CREATE INDEX awaited_decisions_by_channel ON awaited_decisions (channel, number);

-- Channels that the books do not know and whose alarm was cleared: the ledger is asked for their records. Once there
-- is one and it has been posted, the row goes.
CREATE TABLE lookups (
    channel TEXT   NOT NULL PRIMARY KEY,
    due     BIGINT NOT NULL,
    tries   BIGINT NOT NULL
);
