//! The functions that change the ledger [Spec §8].

use lockstep_protocol::hash::ChannelId;
use lockstep_protocol::ledger::{
    Cancel, ChannelChange, ChannelRecord, CloseByRelease, CloseByToken, Command, Freeze, Open, Refund,
    RegisterBank, Resolve, decode_command, one_argument,
};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::rules::{self, Changed, Clocks, Outcome, Transition};

use crate::call::Call;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::store;

impl<C: Clock> Call<'_, C> {
    /// `RegisterBank`.
    pub(crate) async fn register_bank(&self) -> Result<Vec<u8>, Failure> {
        let command: RegisterBank = self.command()?;
        let (submitter, ledger, clocks) = (self.submitter()?, self.ledger()?, self.clocks()?);
        let stored = store::bank(self.stub, command.bank_key()).await?;
        match rules::register_bank(stored, &command, &submitter, &ledger, clocks)? {
            Outcome::Changed(registration) => {
                store::put_bank(self.stub, &registration).await?;
                Ok(store::json(&registration))
            }
            Outcome::AlreadyDone(registration) => Ok(store::json(&registration)),
        }
    }

    /// `Open`.
    pub(crate) async fn open(&self) -> Result<Vec<u8>, Failure> {
        let command: Open = self.command()?;
        let (ledger, clocks) = (self.ledger()?, self.clocks()?);
        let terms = command.opening().terms();
        let registration = store::bank(self.stub, &terms.bank_key).await?;
        let stored = store::channel(self.stub, command.channel_id()).await?;
        let owner = store::channel_of_client(self.stub, &terms.client_key, &terms.bank_key).await?;
        let changed = rules::open(registration.as_ref(), stored, owner, &command, &ledger, clocks)?;
        self.store_and_answer(changed).await
    }

    /// `Cancel`.
    pub(crate) async fn cancel(&self) -> Result<Vec<u8>, Failure> {
        let command: Cancel = self.command()?;
        let (ledger, clocks) = (self.ledger()?, self.clocks()?);
        let registration = store::bank(self.stub, &command.opening().terms().bank_key).await?;
        let stored = store::channel(self.stub, command.channel_id()).await?;
        let changed = rules::cancel(registration.as_ref(), stored, &command, &ledger, clocks)?;
        self.store_and_answer(changed).await
    }

    /// `CloseByRelease`.
    pub(crate) async fn close_by_release(&self) -> Result<Vec<u8>, Failure> {
        self.end(CloseByRelease::channel_id, rules::close_by_release).await
    }

    /// `CloseByToken`.
    pub(crate) async fn close_by_token(&self) -> Result<Vec<u8>, Failure> {
        self.end(CloseByToken::channel_id, rules::close_by_token).await
    }

    /// `Refund`.
    pub(crate) async fn refund(&self) -> Result<Vec<u8>, Failure> {
        self.end(Refund::channel_id, rules::refund).await
    }

    /// `Freeze`.
    pub(crate) async fn freeze(&self) -> Result<Vec<u8>, Failure> {
        self.end(Freeze::channel_id, rules::freeze).await
    }

    /// `Resolve`.
    pub(crate) async fn resolve(&self) -> Result<Vec<u8>, Failure> {
        self.end(Resolve::channel_id, rules::resolve).await
    }

    /// A command on a channel that is on the ledger: its record and the clocks are all that its rule asks for.
    async fn end<T: Command>(
        &self,
        channel: fn(&T) -> ChannelId,
        rule: fn(Option<ChannelRecord>, &T, Clocks) -> Result<Changed, Refusal>,
    ) -> Result<Vec<u8>, Failure> {
        let command: T = self.command()?;
        let clocks = self.clocks()?;
        let stored = store::channel(self.stub, channel(&command)).await?;
        self.store_and_answer(rule(stored, &command, clocks)?).await
    }

    /// The one JSON document that the function takes.
    fn command<T: Command>(&self) -> Result<T, Refusal> {
        decode_command(one_argument(self.arguments)?)
    }

    /// Stores a change and announces it, or does neither for the same again; answers the record as it stands.
    async fn store_and_answer(&self, changed: Changed) -> Result<Vec<u8>, Failure> {
        let transition = match changed {
            Outcome::Changed(transition) => transition,
            Outcome::AlreadyDone(record) => return Ok(store::json(&record)),
        };
        let Transition { record, change, created, takes_client_key } = transition;
        store::put_channel(self.stub, &record).await?;
        if created {
            store::put_index(self.stub, &record).await?;
        }
        if takes_client_key {
            store::put_client_key(self.stub, &record).await?;
        }
        self.announce(change);
        Ok(store::json(&record))
    }

    /// Sets the event: its name says the new state, its payload is an array, for batches to come.
    fn announce(&self, change: ChannelChange) {
        self.stub
            .set_event(change.state.event_name(), store::json(&[change]))
            .expect("every state's event has a name");
    }
}
