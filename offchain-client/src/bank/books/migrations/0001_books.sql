-- The bank's books. One schema for SQLite and PostgreSQL: types, placeholders and functions that both have.
-- Keys, ids and digests are lower-case hexadecimal text; amounts are micro-units; times are Unix milliseconds.
-- Text that does not apply is '' rather than NULL.

-- One row for every holder, one for the bank's cash, one for its suspense account [Spec §9].
-- Credit is positive: what the bank owes a holder. Cash stands against it, so all buckets of all accounts sum to zero.
CREATE TABLE accounts (
    account    TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL CHECK (kind IN ('holder', 'cash', 'suspense')),
    balance    BIGINT NOT NULL,
    reserved   BIGINT NOT NULL,
    withheld   BIGINT NOT NULL,
    reputation BIGINT NOT NULL CHECK (reputation BETWEEN 0 AND 100),
    opened     BIGINT NOT NULL,
    CHECK (reserved >= 0),
    CHECK (withheld >= 0),
    CHECK (balance >= 0 OR kind <> 'holder'),
    CHECK (balance <= 0 OR kind <> 'cash')
);

-- Every movement of money: a cause and at least two postings that sum to zero.
CREATE TABLE entries (
    entry     BIGINT NOT NULL PRIMARY KEY,
    cause     TEXT   NOT NULL,
    channel   TEXT   NOT NULL,
    reference TEXT   NOT NULL,
    at        BIGINT NOT NULL
);

CREATE TABLE postings (
    entry    BIGINT NOT NULL REFERENCES entries (entry),
    line     BIGINT NOT NULL,
    account  TEXT   NOT NULL REFERENCES accounts (account),
    bucket   TEXT   NOT NULL CHECK (bucket IN ('balance', 'reserved', 'withheld')),
    amount   BIGINT NOT NULL CHECK (amount <> 0),
    -- What the bucket held after this posting.
    standing BIGINT NOT NULL,
    PRIMARY KEY (entry, line)
);
CREATE INDEX postings_by_account ON postings (account, entry);

-- Money that came in or went out at the counter; a reference is used once for each account.
CREATE TABLE transfers (
    account   TEXT   NOT NULL REFERENCES accounts (account),
    reference TEXT   NOT NULL,
    direction TEXT   NOT NULL CHECK (direction IN ('deposit', 'withdrawal')),
    amount    BIGINT NOT NULL CHECK (amount > 0),
    entry     BIGINT NOT NULL REFERENCES entries (entry),
    PRIMARY KEY (account, reference)
);

CREATE TABLE reputation_changes (
    change  BIGINT NOT NULL PRIMARY KEY,
    account TEXT   NOT NULL REFERENCES accounts (account),
    cause   TEXT   NOT NULL,
    channel TEXT   NOT NULL,
    before  BIGINT NOT NULL,
    after   BIGINT NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX reputation_changes_by_account ON reputation_changes (account, change);

-- What the operator has verified about a holder.
CREATE TABLE attributes (
    account  TEXT   NOT NULL REFERENCES accounts (account),
    name     TEXT   NOT NULL,
    value    TEXT   NOT NULL,
    verified BIGINT NOT NULL,
    PRIMARY KEY (account, name)
);

-- Credentials that the bank has signed. Salts and values are the holder's alone to keep.
CREATE TABLE credentials (
    root      TEXT   NOT NULL PRIMARY KEY,
    serial    BIGINT NOT NULL UNIQUE,
    account   TEXT   NOT NULL REFERENCES accounts (account),
    issued    BIGINT NOT NULL,
    expires   BIGINT NOT NULL,
    signature TEXT   NOT NULL
);
CREATE INDEX credentials_by_account ON credentials (account, serial);

-- Channels whose opening this bank has signed. Requests use a nonce and a payment key once; a channel that came
-- back from the ledger after a loss may repeat them.
CREATE TABLE channels (
    channel     TEXT   NOT NULL PRIMARY KEY,
    -- The account that pays: a holder's, or the suspense account.
    account     TEXT   NOT NULL REFERENCES accounts (account),
    vendor      TEXT   NOT NULL,
    payment_key TEXT   NOT NULL,
    nonce       TEXT   NOT NULL,
    -- Digest of the request, and the request with its signatures as JSON; the channel id and '' where the
    -- request is not known.
    request     TEXT   NOT NULL UNIQUE,
    signed_request TEXT NOT NULL,
    -- The opening with the bank's signature, as JSON.
    opening     TEXT   NOT NULL,
    total       BIGINT NOT NULL CHECK (total > 0),
    -- 'reserved' until the ledger has it; then the ledger's state.
    state       TEXT   NOT NULL,
    -- Whether the opening stands in the log outside the backup cycle.
    logged      BIGINT NOT NULL CHECK (logged IN (0, 1)),
    -- Whether posting has stopped because the ledger's record is not what the rules allow.
    halted      BIGINT NOT NULL CHECK (halted IN (0, 1)),
    created     BIGINT NOT NULL
);
CREATE INDEX channels_by_nonce ON channels (account, nonce);
CREATE INDEX channels_by_payment_key ON channels (payment_key);
CREATE INDEX channels_by_account ON channels (account, created);
CREATE INDEX channels_not_logged ON channels (logged, channel);

-- Ledger events whose effects stand in the books: the same event is never applied twice.
CREATE TABLE applied (
    channel TEXT   NOT NULL,
    state   TEXT   NOT NULL,
    block   BIGINT NOT NULL,
    tx_id   TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (channel, state)
);

-- The last ledger event that is applied: one row at most.
CREATE TABLE checkpoint (
    one   BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    block BIGINT NOT NULL,
    tx_id TEXT   NOT NULL
);

CREATE TABLE alarms (
    alarm   BIGINT NOT NULL PRIMARY KEY,
    channel TEXT   NOT NULL,
    reason  TEXT   NOT NULL,
    at      BIGINT NOT NULL
);

-- What this database belongs to, so that another bank's is not opened by mistake.
CREATE TABLE owner (
    one      BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    bank_key TEXT   NOT NULL,
    ledger   TEXT   NOT NULL
);

INSERT INTO accounts (account, kind, balance, reserved, withheld, reputation, opened)
VALUES ('cash', 'cash', 0, 0, 0, 0, 0), ('suspense', 'suspense', 0, 0, 0, 0, 0);
