-- The operator's last word on a holder's reputation, so that the log outside the backup cycle learns of it too [Spec §9].
CREATE TABLE set_reputations (
    account TEXT   NOT NULL PRIMARY KEY REFERENCES accounts (account),
    points  BIGINT NOT NULL CHECK (points BETWEEN 0 AND 100),
    at      BIGINT NOT NULL,
    logged  BIGINT NOT NULL CHECK (logged IN (0, 1))
);
CREATE INDEX set_reputations_logged ON set_reputations (logged, account);

INSERT INTO set_reputations (account, points, at, logged)
SELECT c.account, c.after, c.at, 0 FROM reputation_changes c
WHERE c.change = (SELECT MAX(o.change) FROM reputation_changes o WHERE o.account = c.account AND o.cause = 'operator');
