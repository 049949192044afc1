-- Who bears a channel's total [Spec §9].

-- What is set aside for the channel: its total, less what the ledger's channel of the same request has taken over.
ALTER TABLE channels ADD COLUMN reserve BIGINT NOT NULL DEFAULT 0;
-- How much of it the suspense account bears in the place of `account`, which owes it; after the ending, what is still
-- owed. 0 where `account` is the suspense account itself: there nobody is known who would owe it.
ALTER TABLE channels ADD COLUMN stand_in BIGINT NOT NULL DEFAULT 0;
UPDATE channels SET reserve = total;
CREATE INDEX channels_standing_in ON channels (account, stand_in);

-- Whether the bank has not yet posted all that the ledger had when it was started.
ALTER TABLE owner ADD COLUMN catching_up BIGINT NOT NULL DEFAULT 0;
