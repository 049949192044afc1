//! What a scenario finds when it looks at the three parties and the ledger from outside, and whether they agree.

use std::path::Path;

use lockstep::bank::client::BankClient;
use lockstep::keystore;
use lockstep::ledger::Ledger as _;
use lockstep::ledger::fabric::{Caller, FabricLedger};
use lockstep_protocol::SecretKey;
use lockstep_protocol::ledger::{ChannelRecord, ChannelState};
use serde_json::Value;

use crate::runtime::block_on;
use crate::scenario::{Failure, expect_eq};
use crate::world::{Balance, Party, World, text};

impl World {
    /// The ledger as a user of an organisation. To be called on no runtime.
    ///
    /// # Errors
    /// If the profile's files cannot be used.
    pub fn ledger(&self, msp_id: &str) -> Result<FabricLedger, Failure> {
        block_on(async { Ok(FabricLedger::connect(&self.context().profile, msp_id, Caller::User)?) })
    }

    /// A channel's record as the client's peer shows it.
    ///
    /// # Errors
    /// If it shows none.
    pub fn record(&self, channel: &str) -> Result<ChannelRecord, Failure> {
        let (id, ledger) = (channel.parse()?, self.ledger("ClientMSP")?);
        let record = block_on(ledger.channel(id))?;
        record.ok_or_else(|| Failure::new("the channel is not on the ledger"))
    }

    /// Waits until the client's peer shows a channel in a state, and gives the record.
    ///
    /// # Errors
    /// If that does not come.
    pub fn until_state(&self, channel: &str, state: ChannelState) -> Result<ChannelRecord, Failure> {
        self.until(&format!("the channel is {state}"), || Ok(self.record(channel)?.state() == state))?;
        self.record(channel)
    }

    /// A secret key from a party's home, which its programs use as well.
    ///
    /// # Errors
    /// If there is none.
    pub fn key(&self, party: Party, file: &str) -> Result<SecretKey, Failure> {
        let der = keystore::load_pkcs8(&self.home(party).join(file), None)?;
        Ok(SecretKey::from_pkcs8_der(&der)?)
    }

    /// The bank as its customers reach it.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn bank(&self) -> Result<BankClient, Failure> {
        let certificate = self.certificate(Party::Bank);
        let certificate = Path::new(&certificate);
        let info = block_on(BankClient::discover(self.bank_url(), certificate))?;
        Ok(BankClient::new(self.bank_url(), certificate, info.bank_key)?)
    }

    /// An account's reputation.
    ///
    /// # Errors
    /// If there is no such account.
    pub fn reputation(&self, key: &str) -> Result<u64, Failure> {
        let account = self.json(Party::Bank, &["account", "show", key])?;
        let account = account.get("account").unwrap_or(&account);
        number(account, "reputation")
    }

    /// Sets the reputation of client and vendor to ninety, from where it can rise and fall.
    ///
    /// # Errors
    /// If the bank does not take it.
    pub fn set_reputations_to_ninety(&self) -> Result<(), Failure> {
        for key in [self.client_key(), self.vendor_key()] {
            self.json(Party::Bank, &["reputation", key, "90"])?;
        }
        Ok(())
    }

    /// The causes of every movement of an account, oldest first, and of every change of its reputation.
    ///
    /// # Errors
    /// If there is no such account.
    pub fn causes(&self, key: &str) -> Result<(Vec<String>, Vec<String>), Failure> {
        let statement = self.json(Party::Bank, &["statement", key])?;
        let causes = |list: &str| {
            let lines = statement.get(list).and_then(Value::as_array).into_iter().flatten();
            lines.map(|line| text(line, "cause").map(ToOwned::to_owned)).collect::<Result<Vec<_>, Failure>>()
        };
        Ok((causes("lines")?, causes("reputation_changes")?))
    }

    /// A channel as a party's journal lists it, if it does.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn listed(&self, party: Party, channel: &str) -> Result<Option<Value>, Failure> {
        let list = self.json(party, &["channels"])?;
        let mut rows = list.as_array().into_iter().flatten();
        Ok(rows.find(|row| row.get("channel_id").and_then(Value::as_str) == Some(channel)).cloned())
    }

    /// How many payments of a channel a party's journal has.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn payments(&self, party: Party, channel: &str) -> Result<u64, Failure> {
        self.listed(party, channel)?.map_or(Ok(0), |row| number(&row, "payments"))
    }

    /// A channel's phase in a party's journal.
    ///
    /// # Errors
    /// If the journal does not have the channel.
    pub fn phase(&self, party: Party, channel: &str) -> Result<String, Failure> {
        let row = self.listed(party, channel)?.ok_or_else(|| Failure::new("not in the journal"))?;
        text(&row, "phase").map(ToOwned::to_owned)
    }

    /// Waits until the bank's books say so of client and vendor, that nothing is set aside or withheld any more, and checks
    /// that they are balanced.
    ///
    /// # Errors
    /// If that does not come, or an audit finds something.
    pub fn until_balances(&self, client: u64, vendor: u64) -> Result<(), Failure> {
        let (mine, theirs) = (self.client_key(), self.vendor_key());
        let settled = |balance| Balance { balance, reserved: 0, withheld: 0 };
        let wanted = (settled(client), settled(vendor));
        let found =
            self.until("the books say so", || Ok((self.balance(mine)?, self.balance(theirs)?) == wanted));
        if found.is_err() {
            expect_eq("the accounts", (self.balance(mine)?, self.balance(theirs)?), wanted)?;
        }
        self.audit().map(drop)
    }
}

/// A whole number.
///
/// # Errors
/// If it is missing.
pub fn number(value: &Value, field: &str) -> Result<u64, Failure> {
    let number = value.get(field).and_then(Value::as_u64);
    number.ok_or_else(|| Failure::new(format!("no number {field} in {value}")))
}
