//! `lockstep client open`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::{ChannelId, IdentityRoot, Nonce};
use lockstep_protocol::key::{PublicKey, SecretKey};
use lockstep_protocol::ledger::ChannelRecord;
use lockstep_protocol::memo::Memo;
use lockstep_protocol::opening::{OpeningRequest, SignedOpening, SignedRequest};
use lockstep_protocol::refusal::Refusal;
use lockstep_protocol::time::{MaxDrift, Timestamp};
use lockstep_protocol::token_chain::TokenChain;
use lockstep_protocol::units::Units;
use lockstep_protocol::wallet_seed::WalletSeed;
use serde::Serialize;

use super::super::party::{account_key, bank, check_bank, kept_credential, take_credential};
use super::super::{CliError, Exit, Output};
use super::{OpenWallet, WalletArgs};
use crate::bank::client::{BankClient, BankError};
use crate::bank::renewal::{ask_under_identity, is_about_credential};
use crate::entropy::random_bytes;
use crate::home::{Access, read_small_text};
use crate::ledger::{Ledger as _, Submitted, TransactionId};
use crate::party::{Clock, Dollars, Span};
use crate::stream::Terms;
use crate::wallet::{AskError, Asked, VendorLink, Wish, terms};

/// Stands in a request until it is known under which identity it is asked.
const UNNAMED: IdentityRoot = IdentityRoot::from_bytes([0; 32]);
/// A bank that does not answer is asked the same again this often.
const ATTEMPTS: u32 = 5;

/// Flags of `client open`.
#[derive(Args, Debug)]
#[command(
    after_help = "JSON: {channel_id, tx_id, block, seconds, total, unit_price, count, expiry, vendor_key}; seconds is the ledger's part, from submission to commit."
)]
pub struct Open {
    #[command(flatten)]
    wallet: WalletArgs,
    /// The vendor: https://host:port
    #[arg(long, value_name = "URL")]
    vendor: String,
    /// The vendor's certificate, as the vendor handed it out (its tls-cert.pem)
    #[arg(long, value_name = "PEM")]
    vendor_ca: PathBuf,
    /// The price of one unit in dollars
    #[arg(long, value_name = "DOLLARS")]
    unit_price: Dollars,
    /// How many units: the bank reserves price × count
    #[arg(long, value_name = "UNITS", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    count: u32,
    /// Time until the channel expires and what is left can be refunded
    #[arg(long, value_name = "SPAN", default_value = "1h")]
    life: Span,
    /// What the channel is for; the ledger has its hash alone
    #[arg(long, default_value = "", hide_default_value = true)]
    memo: String,
    /// Take a fresh credential, so that this opening is not linked to others by it
    #[arg(long)]
    fresh_credential: bool,
}

/// What `client open` made.
#[derive(Debug, Serialize)]
struct Opened {
    channel_id: ChannelId,
    tx_id: TransactionId,
    block: u64,
    seconds: f64,
    total: Amount,
    unit_price: Amount,
    count: Units,
    expiry: Timestamp,
    vendor_key: PublicKey,
}

/// What is asked for, but for the identity.
struct Order {
    request: OpeningRequest,
    vendor: VendorLink,
}

impl Order {
    /// Signed under an identity. Another one changes neither nonce nor payment key, so that of two such requests one can
    /// come to a channel, whatever the bank does with them.
    fn under(&self, client_identity: IdentityRoot, key: &SecretKey, seed: &WalletSeed, wish: &Wish) -> Asked {
        let request = OpeningRequest { client_identity, ..self.request.clone() };
        let payment_key = seed.payment_key(&request.nonce);
        let signed = SignedRequest::sign(request, key, &payment_key);
        Asked { signed, vendor: self.vendor.clone(), memo: wish.memo.clone() }
    }
}

/// Says what was opened.
fn report(out: &Output, channel: ChannelId, submitted: &Submitted<ChannelRecord>) {
    let fields = submitted.record.opening().terms();
    let opened = Opened {
        channel_id: channel,
        tx_id: submitted.tx_id.clone(),
        block: submitted.block,
        seconds: submitted.timing.total().as_secs_f64(),
        total: fields.total,
        unit_price: fields.unit_price,
        count: fields.token_count,
        expiry: fields.expiry,
        vendor_key: fields.vendor_key,
    };
    out.result(&opened, |opened| {
        format!(
            "channel {}\nopened with {} dollars by transaction {} in block {} ({:.2} s)",
            opened.channel_id,
            opened.total.to_dollars(),
            opened.tx_id,
            opened.block,
            opened.seconds
        )
    });
}

impl Open {
    pub(super) async fn run(self, out: &Output) -> Result<(), CliError> {
        let memo = Memo::new(self.memo.clone())
            .map_err(|_| CliError::new(Exit::Usage, "a memo has 1024 bytes at most"))?;
        let _lock = self.wallet.lock()?;
        let open = self.wallet.open().await?;
        let key = account_key(&open.home, open.passphrase.as_ref())?;
        let bank = bank(&open.home, &open.config.bank)?;
        let spinner = out.spinner("asking vendor and bank");
        let info = check_bank(&bank, &open.ledger).await?;
        let ask = async |signed: &SignedRequest| ask(&bank, &key, signed, info.max_drift).await;
        let left = match open.wallet.take_up(&ask).await {
            // Refused, hence forgotten: the bank has reserved nothing for it.
            Err(AskError::Bank(error)) if is_about_credential(error.refusal()) => {
                out.note("Another opening was interrupted; the bank does not know it, and it is given up.");
                None
            }
            left => left?,
        };
        let wish = self.wish(memo);
        let channel = match open.wallet.unopened(&wish).await? {
            Some(channel) => {
                out.note(&format!("This opening was interrupted; it goes on as channel {channel}."));
                channel
            }
            None => {
                if let Some(other) = left {
                    out.note(&format!(
                        "Another opening was interrupted: `lockstep client pay {other}` goes on with it."
                    ));
                }
                let order = self.order(&open, bank.bank_key(), &key, &wish).await?;
                let kept = self.identity(&open, &bank, &key).await?;
                let renew = async || {
                    out.note(
                        "The bank does not take the credential that this wallet has; a new one is taken.",
                    );
                    Ok(*take_credential(&open.home, &bank, &key).await?.credential.root())
                };
                let request = async |identity| {
                    let asked = order.under(identity, &key, &open.seed, &wish);
                    open.wallet.request(asked, &ask).await.map_err(CliError::from)
                };
                let refusal = |error: &CliError| error.refusal().and_then(Refusal::from_number);
                ask_under_identity(kept, refusal, renew, request).await?
            }
        };
        spinner.set_message("waiting for the ledger");
        let submitted = open.wallet.submit_open(channel).await.map_err(|error| {
            CliError::from(error).with_hint(format!(
                "the channel is kept: `lockstep client pay {channel}` submits its opening again"
            ))
        })?;
        spinner.finish_and_clear();
        report(out, channel, &submitted);
        Ok(())
    }

    fn wish(&self, memo: Memo) -> Wish {
        Wish {
            vendor: self.vendor.clone(),
            unit_price: self.unit_price.0,
            token_count: Units::from_count(self.count),
            life: self.life.0,
            memo,
        }
    }

    /// What is asked for, if the vendor would take such a channel.
    async fn order(
        &self,
        open: &OpenWallet,
        bank: &PublicKey,
        key: &SecretKey,
        wish: &Wish,
    ) -> Result<Order, CliError> {
        let terms = terms(&self.vendor, &self.vendor_ca).await?;
        self.check_terms(&terms, open, bank)?;
        let request = Self::request(open, &terms, key, wish)?;
        let vendor = self.keep_certificate(open, &request.nonce)?;
        Ok(Order { request, vendor })
    }

    /// A channel that the vendor would not take is not opened.
    fn check_terms(&self, terms: &Terms, open: &OpenWallet, bank: &PublicKey) -> Result<(), CliError> {
        let refuse = |what: String| Err(CliError::new(Exit::Failed, what));
        if terms.ledger_id != open.ledger.ledger_id() {
            return refuse("the vendor works on another ledger than this wallet".to_owned());
        }
        if !terms.bank_keys.contains(bank) {
            return refuse("the vendor does not take openings of this wallet's bank".to_owned());
        }
        if self.unit_price.0 < terms.lowest_price || self.unit_price.0 > terms.highest_price {
            let (low, high) = (terms.lowest_price.to_dollars(), terms.highest_price.to_dollars());
            return refuse(format!("the vendor takes a unit price of {low} to {high} dollars"));
        }
        let (shortest, longest) = (terms.margin + terms.shortest_life, terms.longest_life);
        if self.life.0 <= shortest || self.life.0 > longest {
            let (shortest, longest) = (Span(shortest), Span(longest));
            return refuse(format!(
                "the vendor takes channels that live more than {shortest} and at most {longest}"
            ));
        }
        Ok(())
    }

    async fn identity(
        &self,
        open: &OpenWallet,
        bank: &BankClient,
        key: &SecretKey,
    ) -> Result<IdentityRoot, CliError> {
        let kept = kept_credential(&open.home).filter(|kept| {
            let lasts = kept.credential.expires() > Clock::system().now();
            lasts && kept.credential.public_key() == key.public_key() && !self.fresh_credential
        });
        let issued = match kept {
            Some(kept) => kept,
            None => take_credential(&open.home, bank, key).await?,
        };
        Ok(*issued.credential.root())
    }

    fn request(
        open: &OpenWallet,
        terms: &Terms,
        key: &SecretKey,
        wish: &Wish,
    ) -> Result<OpeningRequest, CliError> {
        let nonce = Nonce::from_bytes(random_bytes()?);
        let chain = TokenChain::new(nonce, &open.seed.chain_seed(&nonce), wish.token_count)
            .map_err(|error| CliError::from_error(Exit::Usage, error))?;
        let now = Clock::system().now();
        let too_long = || CliError::new(Exit::Usage, "--life is too long");
        let open_by = now.checked_add(wish.open_within()).ok_or_else(too_long)?;
        Ok(OpeningRequest {
            ledger: open.ledger.ledger_id(),
            nonce,
            bank_key: open.config.bank.key,
            account_key: *key.public_key(),
            payment_key: *open.seed.payment_key(&nonce).public_key(),
            vendor_key: terms.vendor_key,
            client_identity: UNNAMED,
            unit_price: wish.unit_price,
            token_count: wish.token_count,
            token_root: chain.root(),
            open_by,
            expiry: now.checked_add(wish.life).ok_or_else(too_long)?,
            memo_hash: wish.memo.hash(),
        })
    }

    /// The channel keeps the vendor's certificate: it is pinned for as long as the channel lives.
    fn keep_certificate(&self, open: &OpenWallet, nonce: &Nonce) -> Result<VendorLink, CliError> {
        let certificate = read_small_text(&self.vendor_ca)?;
        let name = format!("vendor-{nonce}.pem");
        open.home.write(&name, certificate.as_bytes(), Access::Public)?;
        Ok(VendorLink { url: self.vendor.clone(), certificate: Path::new(&name).to_owned() })
    }
}

async fn ask(
    bank: &BankClient,
    key: &SecretKey,
    signed: &SignedRequest,
    drift: MaxDrift,
) -> Result<SignedOpening, BankError> {
    let mut attempt = 1;
    loop {
        match bank.request_opening(key, signed, drift).await {
            Err(error) if error.is_temporary() && attempt < ATTEMPTS => {
                tracing::warn!(%error, "the bank is asked again");
                tokio::time::sleep(Duration::from_millis(200) * attempt).await;
                attempt += 1;
            }
            answer => return answer,
        }
    }
}
