//! The one table of refusals [Spec §10]: number, name, sentence, and for payments what the client is to do.
//!
//! Numbers are stable: one that was given out is never used for something else. Groups: 1xx arguments, 2xx unknown or in the
//! wrong state, 3xx time, 4xx ranges, 5xx signatures and tokens, 6xx the bank's own rules, 7xx the payment stream.

use std::fmt;

/// What a refused payment means for the client; it never signs the payment's number differently [Spec §6].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamMeaning {
    /// The same bytes may be accepted later.
    RetryLater,
    /// Nothing more will be accepted on this channel.
    Over,
}

/// A text that is no refusal in the contract's form `LS<number> <name>: <sentence>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text holds no known refusal")]
pub struct UnknownRefusal;

macro_rules! refusals {
    ($($number:literal $variant:ident $name:literal $sentence:literal $(=> $meaning:ident)?;)*) => {
        /// Why something was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum Refusal {
            $(#[doc = $sentence] $variant = $number,)*
        }

        impl Refusal {
            /// Every refusal, by ascending number.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable number.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The stable name, in snake case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What a person reads.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }

            /// For refusals of the payment stream, and those of other groups that can end one: retry later, or over.
            #[must_use]
            pub const fn stream_meaning(self) -> Option<StreamMeaning> {
                match self { $(Self::$variant => refusals!(@meaning $($meaning)?),)* }
            }

            /// The refusal of a number; `None` for one that this version does not know.
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
    (@meaning) => { None };
    (@meaning $meaning:ident) => { Some(StreamMeaning::$meaning) };
}

refusals! {
    101 WrongArgumentCount "wrong_argument_count" "The function takes another number of arguments.";
    102 EmptyArgument "empty_argument" "An argument is empty.";
    103 ArgumentTooLarge "argument_too_large" "An argument is larger than the function reads.";
    104 ArgumentNotUtf8 "argument_not_utf8" "An argument is not UTF-8.";
    105 MalformedDocument "malformed_document" "The argument is not the JSON document that the function takes.";
    106 MalformedValue "malformed_value" "An argument is not a value of the kind that the function takes." => Over;
    107 UnknownFunction "unknown_function" "The contract has no function of this name.";
    108 PageOutOfRange "page_out_of_range" "The page size or the bookmark is out of range.";
    109 UnreadableRecord "unreadable_record" "A stored record is not one of this version.";
    110 UnknownHeader "unknown_header" "The proposal's header does not name a channel and a chaincode.";
    111 UnknownSubmitter "unknown_submitter" "The submitter's identity cannot be read.";

    201 UnknownChannel "unknown_channel" "No channel has this id.";
    202 UnknownBank "unknown_bank" "No bank is registered under this key.";
    203 WrongState "wrong_state" "The channel's state does not allow this.";
    204 ClientKeyUsed "client_key_used" "The client's payment key opened another channel already.";
    205 BankRegisteredOtherwise "bank_registered_otherwise" "The bank's key is registered with another organisation or drift.";
    206 NotAdmin "not_admin" "The submitter is no admin of the organisation named.";

    301 ClockOff "clock_off" "The transaction's timestamp is too far off this peer's clock.";
    302 OpenByPassed "open_by_passed" "The time by which the channel was to be opened has passed.";
    303 OpenByNotPassed "open_by_not_passed" "The channel may still be opened, so it cannot be cancelled yet.";
    304 TooLateToClaim "too_late_to_claim" "The channel expires too soon for a claim.";
    305 TooEarlyToRefund "too_early_to_refund" "The channel has not expired yet, so nothing is refunded.";
    306 TooEarlyToResolve "too_early_to_resolve" "The frozen channel has not expired and holds no claim.";
    307 TimeOutOfRange "time_out_of_range" "The transaction's timestamp is out of range.";

    401 OtherLedger "other_ledger" "The opening names another ledger.";
    402 TotalMismatch "total_mismatch" "The total is not the unit price times the number of tokens.";
    403 TokenCountOutOfRange "token_count_out_of_range" "The number of tokens is not 1 to 1048576.";
    404 UnitPriceOutOfRange "unit_price_out_of_range" "The unit price is not above zero and at most ten dollars.";
    405 OpenByOutOfRange "open_by_out_of_range" "The opening's latest time is not within one hour after its making.";
    406 ExpiryTooEarly "expiry_too_early" "The channel expires earlier than four drifts after its opening's latest time.";
    407 ReputationOutOfRange "reputation_out_of_range" "A reputation in the opening is not 50 to 100.";
    408 KeysNotDistinct "keys_not_distinct" "Bank, client and vendor do not have three different keys.";
    409 DriftOutOfRange "drift_out_of_range" "The drift is not one second to ten minutes.";
    410 OtherChannel "other_channel" "The payment belongs to another channel.";
    411 PaymentUnitsOutOfRange "payment_units_out_of_range" "The payment's units are not 1 to all that were released.";
    412 PaymentNumberOutOfRange "payment_number_out_of_range" "The payment's number is not 1 to the units released.";
    413 UnitsOutOfRange "units_out_of_range" "The units are more than the channel holds.";
    414 PaymentLimitExceeded "payment_limit_exceeded" "The payment moves more than ten dollars.";
    415 FirstPaymentUnchained "first_payment_unchained" "The first payment is not chained to the opening.";
    416 ReasonOutOfRange "reason_out_of_range" "The reason for freezing is not 1 to 3.";
    417 UnitsBelowClaim "units_below_claim" "The units are fewer than the vendor claimed.";

    501 BadBankSignature "bad_bank_signature" "The bank's signature does not verify." => Over;
    502 BadClientSignature "bad_client_signature" "The client's signature does not verify.";
    503 BadVendorSignature "bad_vendor_signature" "The vendor's signature does not verify.";
    504 WrongToken "wrong_token" "The token does not hash to the opening's root.";
    505 BadAccountSignature "bad_account_signature" "The account key's signature does not verify.";
    506 BadPaymentKeySignature "bad_payment_key_signature" "The payment key's signature does not verify.";
    507 BadFraudProof "bad_fraud_proof" "The fraud proof proves nothing.";
    508 BadCredential "bad_credential" "The credential does not verify.";

    601 ClientReputationTooLow "client_reputation_too_low" "The client's reputation is below 50.";
    602 VendorReputationTooLow "vendor_reputation_too_low" "The vendor's reputation is below 50.";
    603 InsufficientFunds "insufficient_funds" "The account holds less than the channel's total.";
    604 UnknownAccount "unknown_account" "The bank has no account under this key.";
    605 UnknownVendor "unknown_vendor" "The bank has no account under the vendor's key.";
    606 NonceUsed "nonce_used" "The account used this nonce in another request.";
    607 PaymentKeyUsed "payment_key_used" "The account used this payment key in another request.";
    608 LifeTooLong "life_too_long" "The channel would live longer than the bank allows.";
    609 UnknownIdentity "unknown_identity" "The client's identity is no attribute root of a credential on its account key.";
    610 CredentialExpired "credential_expired" "The credential has expired.";
    611 OtherBank "other_bank" "The request names another bank.";
    612 UnknownChallenge "unknown_challenge" "The challenge is unknown, used or too old.";
    613 AccountExists "account_exists" "The key has an account already.";
    614 VendorWithoutCredential "vendor_without_credential" "The vendor holds no unexpired credential.";
    615 UnknownRequest "unknown_request" "The bank knows no such request.";

    701 NumberAhead "number_ahead" "A payment before this one is missing." => RetryLater;
    702 NumberUsed "number_used" "Another payment has this number." => Over;
    703 ChannelClosing "channel_closing" "The vendor is closing the channel." => Over;
    704 LedgerViewStale "ledger_view_stale" "The vendor has not seen the ledger for too long." => RetryLater;
    705 NotOpenOnLedger "not_open_on_ledger" "The channel is not open on the ledger." => Over;
    706 UnitsAboveTerms "units_above_terms" "The payment has no unit or more than the vendor takes at once." => Over;
    707 PaymentTooLarge "payment_too_large" "The payment moves more than ten dollars." => Over;
    708 ChannelExhausted "channel_exhausted" "The channel holds fewer units than the payment needs." => Over;
    709 WrongPaymentToken "wrong_payment_token" "The payment's token does not continue the chain." => Over;
    710 TimeRunsBackwards "time_runs_backwards" "The payment is dated before the one before it." => Over;
    711 TimeAhead "time_ahead" "The payment is dated too far ahead of the vendor's clock." => RetryLater;
    712 ExpiryNear "expiry_near" "The channel expires too soon for another payment." => Over;
    713 ChannelNotSeen "channel_not_seen" "The vendor's peer does not show the channel yet." => RetryLater;
    714 PriceBelowTerms "price_below_terms" "The unit price is below what the vendor asks." => Over;
    715 LifeOutsideTerms "life_outside_terms" "The channel's life is not within the vendor's terms." => Over;
    716 DriftAboveTerms "drift_above_terms" "The bank's drift is more than the vendor takes." => Over;
    717 BankNotPinned "bank_not_pinned" "The vendor does not trust this bank's key." => Over;
    718 OtherVendor "other_vendor" "The channel pays another vendor." => Over;
    719 OpeningMismatch "opening_mismatch" "The channel's id is not the hash of its opening." => Over;
    720 ResumptionMismatch "resumption_mismatch" "The two sides do not remember the same last payment." => Over;
    721 BadRelease "bad_release" "The released signature does not verify." => Over;
    722 VendorUnavailable "vendor_unavailable" "The vendor cannot take payments now." => RetryLater;
    723 MalformedMessage "malformed_message" "The message is not one of this protocol." => Over;
    724 VendorClockOff "vendor_clock_off" "The vendor's clock is too far off the ledger's." => Over;
    725 NothingToRelease "nothing_to_release" "No payment was made, so there is nothing to release." => Over;
    726 PriceAboveTerms "price_above_terms" "The unit price is above what the vendor takes." => Over;
}

impl Refusal {
    /// Finds the contract's form `LS<number> <name>: …` in a text, which Fabric may have wrapped in its own.
    ///
    /// # Errors
    /// [`UnknownRefusal`] when no number with its own name stands in the text.
    pub fn find_in(text: &str) -> Result<Self, UnknownRefusal> {
        let candidates = text.match_indices("LS").filter_map(|(at, prefix)| text.get(at + prefix.len()..));
        for rest in candidates {
            let parsed = rest.split_once(' ').and_then(|(number, rest)| {
                // Exactly as it is written: a number has three digits, and neither a sign nor more zeros.
                let three_digits = number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit());
                let refusal = Self::from_number(number.parse().ok().filter(|_| three_digits)?)?;
                let (name, _) = rest.split_once(':')?;
                (name == refusal.name()).then_some(refusal)
            });
            if let Some(refusal) = parsed {
                return Ok(refusal);
            }
        }
        Err(UnknownRefusal)
    }
}

/// The contract's form: `LS<number> <name>: <sentence>`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LS{} {}: {}", self.number(), self.name(), self.sentence())
    }
}

impl std::error::Error for Refusal {}

/// JSON: the number.
impl serde::Serialize for Refusal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.number())
    }
}

impl<'de> serde::Deserialize<'de> for Refusal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = <u16 as serde::Deserialize>::deserialize(deserializer)?;
        Self::from_number(number).ok_or_else(|| serde::de::Error::custom(UnknownRefusal))
    }
}

impl From<crate::codec::DecodeError> for Refusal {
    fn from(_: crate::codec::DecodeError) -> Self {
        Self::MalformedValue
    }
}
