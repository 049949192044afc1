//! What a vectors file is computed from: drawn from its seed as its generator does, or read from the file.

use k256::elliptic_curve::bigint::{NonZero, U256, U384};
use serde_json::Value;

use super::draw::Draw;
use super::leaves::{Difference, find};

/// One attribute: name, value, salt.
pub(crate) type AttributeInput = (String, String, [u8; 32]);

/// The inputs of one payment.
pub(crate) struct PaymentInput {
    pub(crate) units: u64,
    pub(crate) ts: u64,
    pub(crate) memo: String,
}

/// Everything that is not computed.
pub(crate) struct Inputs {
    pub(crate) seed: String,
    pub(crate) wallet_seed: [u8; 32],
    pub(crate) nonce: [u8; 32],
    pub(crate) bank: [u8; 32],
    pub(crate) account: [u8; 32],
    pub(crate) vendor: [u8; 32],
    pub(crate) channel: String,
    pub(crate) chaincode: String,
    pub(crate) msp: String,
    pub(crate) drift: u64,
    pub(crate) challenge: [u8; 32],
    pub(crate) client_attributes: Vec<AttributeInput>,
    pub(crate) vendor_attributes: Vec<AttributeInput>,
    /// Of the client's credential and of the vendor's: issued, expires.
    pub(crate) dates: [(u64, u64); 2],
    pub(crate) unit_price: u64,
    pub(crate) token_count: u64,
    pub(crate) memo: String,
    pub(crate) reputations: [u64; 2],
    pub(crate) opened: u64,
    pub(crate) open_by: u64,
    pub(crate) expiry: u64,
    pub(crate) payments: Vec<PaymentInput>,
    pub(crate) evidence: [u8; 32],
    pub(crate) reason: u64,
    pub(crate) units_to_vendor: u64,
    pub(crate) bad_lock_number: u64,
    pub(crate) bad_lock: [u8; 64],
    /// Signatures to refuse; `None` for the list that the generator makes of payment 1's.
    pub(crate) refused: Option<Vec<Vec<u8>>>,
}

/// 1 + wide mod (n−1), as the generator makes keys.
fn key(wide: [u8; 48]) -> [u8; 32] {
    let less = U256::from_be_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140");
    let modulus = NonZero::new(less.resize::<{ U384::LIMBS }>()).expect("n − 1 is not zero");
    let reduced = U384::from_be_slice(&wide).rem(&modulus).resize::<{ U256::LIMBS }>();
    reduced.wrapping_add(&U256::ONE).to_be_bytes().into()
}

impl Inputs {
    /// The inputs of a file: drawn, where the file was; else its own.
    pub(crate) fn of(document: &Value) -> Result<Self, Difference> {
        let drawn = Self::drawn(&text(document, "seed")?);
        let fields = [
            ("wallet.seed", drawn.wallet_seed),
            ("wallet.nonce", drawn.nonce),
            ("keys.bank.secret", drawn.bank),
            ("keys.vendor.secret", drawn.vendor),
            ("account.challenge", drawn.challenge),
        ];
        let same = fields.iter().filter(|(path, value)| bytes(document, path).as_ref() == Ok(value));
        // One changed field must not hide that all others were drawn from the seed.
        if same.count() * 2 > fields.len() { Ok(drawn) } else { Self::read(document) }
    }

    /// The draws of the generator, in its order.
    fn drawn(seed: &str) -> Self {
        let mut draw = Draw::new(seed);
        let (wallet_seed, nonce) = (draw.bytes(), draw.bytes());
        let (bank, account, vendor) = (key(draw.bytes()), key(draw.bytes()), key(draw.bytes()));
        let channel = format!("payments-{}", draw.below(99));
        let drift = 1000 * (1 + draw.below(600));
        let challenge = draw.bytes();
        let opened = 1_760_000_000_000 + draw.below(1_000_000_000);
        let client = [("name", "Zoë"), ("country", "MO"), ("over_18", "true")];
        let mut salted = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned(), draw.bytes());
        let client_attributes = client.map(&mut salted).to_vec();
        let vendor_attributes = vec![salted(("trade", "weather data"))];
        let dates = [(opened, opened + 10_000_000_000); 2];
        let (unit_price, token_count) = (1 + draw.below(2_000_000), 64 + draw.below(64));
        let memo = format!("order {}", draw.below(1000));
        let reputations = [50 + draw.below(51), 50 + draw.below(51)];
        let open_by = opened + 60_000;
        let expiry = open_by + 4 * drift + draw.below(10_000_000);
        let (limit, mut ts) = (10_000_000 / unit_price, opened);
        let mut released = 0;
        let payments = (1..9)
            .map(|number| {
                let units = 1 + draw.below(limit.min(5));
                released += units;
                ts += draw.below(3);
                let memo = if number % 3 == 0 {
                    String::new()
                } else {
                    format!("item {} ✓", draw.below(1_000_000))
                };
                PaymentInput { units, ts, memo }
            })
            .collect();
        Self {
            seed: seed.to_owned(),
            wallet_seed,
            nonce,
            bank,
            account,
            vendor,
            channel,
            chaincode: "lockstep".to_owned(),
            msp: "BankMSP".to_owned(),
            drift,
            challenge,
            client_attributes,
            vendor_attributes,
            dates,
            unit_price,
            token_count,
            memo,
            reputations,
            opened,
            open_by,
            expiry,
            payments,
            evidence: draw.bytes(),
            reason: 1 + draw.below(3),
            units_to_vendor: released + draw.below(token_count - released),
            bad_lock_number: 5,
            bad_lock: draw.bytes(),
            refused: None,
        }
    }

    fn read(document: &Value) -> Result<Self, Difference> {
        let count = |path: &str| {
            let elements = find(document, path).and_then(Value::as_array);
            elements.map(Vec::len).ok_or_else(|| Difference::new(path, "is no array"))
        };
        let attributes = |path: &str| -> Result<Vec<AttributeInput>, Difference> {
            (0..count(path)?)
                .map(|index| {
                    let part = |name| format!("{path}[{index}].{name}");
                    Ok((
                        text(document, &part("name"))?,
                        text(document, &part("value"))?,
                        bytes(document, &part("salt"))?,
                    ))
                })
                .collect()
        };
        let payments = (0..count("payments")?)
            .map(|index| {
                let part = |name| format!("payments[{index}].{name}");
                Ok(PaymentInput {
                    units: number(document, &part("k"))?,
                    ts: number(document, &part("ts"))?,
                    memo: memo(document, &part("memo"))?,
                })
            })
            .collect::<Result<_, _>>()?;
        let bad_lock_number = number(document, "fraud.bad_lock")?;
        let date = |path: &str| {
            Ok((number(document, &format!("{path}.issued"))?, number(document, &format!("{path}.expires"))?))
        };
        let refused = (0..count("refused_signatures.signatures")?)
            .map(|index| any_bytes(document, &format!("refused_signatures.signatures[{index}]")))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            seed: text(document, "seed")?,
            wallet_seed: bytes(document, "wallet.seed")?,
            nonce: bytes(document, "wallet.nonce")?,
            bank: bytes(document, "keys.bank.secret")?,
            account: bytes(document, "keys.account.secret")?,
            vendor: bytes(document, "keys.vendor.secret")?,
            channel: text(document, "ledger.channel")?,
            chaincode: text(document, "ledger.chaincode")?,
            msp: text(document, "bank.msp")?,
            drift: number(document, "bank.max_drift")?,
            challenge: bytes(document, "account.challenge")?,
            client_attributes: attributes("credentials.client.attributes")?,
            vendor_attributes: attributes("credentials.vendor.attributes")?,
            dates: [date("credentials.client")?, date("credentials.vendor")?],
            unit_price: number(document, "opening.fields.unit_price")?,
            token_count: number(document, "opening.fields.token_count")?,
            memo: memo(document, "opening.memo")?,
            reputations: [
                number(document, "opening.fields.client_reputation")?,
                number(document, "opening.fields.vendor_reputation")?,
            ],
            opened: number(document, "opening.fields.opened")?,
            open_by: number(document, "opening.fields.open_by")?,
            expiry: number(document, "opening.fields.expiry")?,
            payments,
            evidence: bytes(document, "endings.freeze.evidence")?,
            reason: number(document, "endings.freeze.reason")?,
            units_to_vendor: number(document, "endings.resolve.units_to_vendor")?,
            bad_lock_number,
            bad_lock: bytes(
                document,
                &format!("fraud.payments[{}].lock", bad_lock_number.saturating_sub(1)),
            )?,
            refused: Some(refused),
        })
    }
}

fn text(document: &Value, path: &str) -> Result<String, Difference> {
    let text = find(document, path).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| Difference::new(path, "is no text"))
}

fn number(document: &Value, path: &str) -> Result<u64, Difference> {
    find(document, path).and_then(Value::as_u64).ok_or_else(|| Difference::new(path, "is no count"))
}

fn any_bytes(document: &Value, path: &str) -> Result<Vec<u8>, Difference> {
    hex::decode(text(document, path)?).map_err(|_| Difference::new(path, "is not hexadecimal"))
}

fn bytes<const N: usize>(document: &Value, path: &str) -> Result<[u8; N], Difference> {
    let bytes = any_bytes(document, path)?;
    bytes.try_into().map_err(|_| Difference::new(path, format!("has not {N} bytes")))
}

fn memo(document: &Value, path: &str) -> Result<String, Difference> {
    String::from_utf8(any_bytes(document, path)?).map_err(|_| Difference::new(path, "is not UTF-8"))
}
