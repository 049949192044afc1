//! The order of checks, two of them failing at once, and what the same again does not look at [Spec §8].

use lockstep_protocol::ledger::{
    Cancel, ChannelRecord, CloseByRelease, CloseByToken, Command, Freeze, Open, RegisterBank, Resolve,
    decode_command,
};
use lockstep_protocol::rules::{self, Clocks, Outcome, Submitter};
use lockstep_protocol::{LedgerId, MaxDrift, Refusal, SecretKey, Token};
use serde_json::Value;

use crate::scene::{DRIFT, EXPIRY, OPEN_BY, OPENED, Scene, at, changed, clocks, drift, refused, text, units};

const SOON: u64 = OPENED + 10_000;
const DUE: u64 = EXPIRY + DRIFT;

/// Breaks every two checks together, and expects the refusal of the first.
fn first_of_two(refusals: &[Refusal], run: impl Fn(&dyn Fn(Refusal) -> bool) -> Refusal) {
    for (place, first) in refusals.iter().enumerate() {
        for second in &refusals[place..] {
            let found = run(&|refusal| refusal == *first || refusal == *second);
            assert_eq!(found, *first, "with {second}");
        }
    }
}

/// A transaction at `millis`, by an endorser that agrees or does not.
fn clocked(millis: u64, off: bool) -> Clocks {
    Clocks { transaction: at(millis), endorser: at(millis + if off { DRIFT + 1 } else { 0 }) }
}

fn closed(scene: &Scene) -> ChannelRecord {
    changed(rules::close_by_token(Some(scene.open()), &scene.token_command(1), clocks(SOON)))
}

fn frozen(scene: &Scene) -> ChannelRecord {
    changed(rules::freeze(Some(scene.open()), &scene.freeze_command(), clocks(SOON)))
}

fn signer(scene: &Scene, forged: bool, honest: fn(&Scene) -> &SecretKey) -> &SecretKey {
    if forged { &scene.account } else { honest(scene) }
}

#[test]
fn openings_and_cancellations_are_checked_in_order() {
    use Refusal::{
        BadBankSignature, ClientKeyUsed, ClockOff, OpenByNotPassed, OpenByPassed, OtherLedger, TotalMismatch,
        UnknownBank, WrongState,
    };
    let scene = Scene::new();
    let elsewhere = LedgerId::from_bytes([0; 32]);
    let signed = |broken: &dyn Fn(Refusal) -> bool| {
        let mut terms = scene.signed.opening().terms().clone();
        if broken(TotalMismatch) {
            terms.total = lockstep_protocol::Amount::from_micros(7);
        }
        let key = signer(&scene, broken(BadBankSignature), |scene| &scene.bank);
        lockstep_protocol::opening::SignedOpening::sign(lockstep_protocol::opening::Opening::new(terms), key)
    };
    let order =
        [UnknownBank, ClockOff, ClientKeyUsed, OpenByPassed, OtherLedger, TotalMismatch, BadBankSignature];
    first_of_two(&order, |broken| {
        let bank = Some(&scene.registration).filter(|_| !broken(UnknownBank));
        let owner = broken(ClientKeyUsed).then(|| scene.signed.opening().channel_id());
        let ledger = if broken(OtherLedger) { &elsewhere } else { &scene.ledger };
        let time = clocked(if broken(OpenByPassed) { OPEN_BY + 1 } else { SOON }, broken(ClockOff));
        refused(rules::open(bank, None, owner, &Open::new(signed(broken)), ledger, time))
    });
    let order = [UnknownBank, ClockOff, WrongState, OpenByNotPassed, OtherLedger, BadBankSignature];
    first_of_two(&order, |broken| {
        let bank = Some(&scene.registration).filter(|_| !broken(UnknownBank));
        let stored = broken(WrongState).then(|| scene.open());
        let ledger = if broken(OtherLedger) { &elsewhere } else { &scene.ledger };
        let due = OPEN_BY + DRIFT + 1;
        let time = clocked(if broken(OpenByNotPassed) { due - 1 } else { due }, broken(ClockOff));
        refused(rules::cancel(bank, stored, &Cancel::new(signed(broken)), ledger, time))
    });
}

#[test]
fn closes_are_checked_in_order() {
    use Refusal::{
        BadClientSignature, BadVendorSignature, ClockOff, PaymentUnitsOutOfRange, TooLateToClaim,
        UnitsOutOfRange, UnknownChannel, WrongState, WrongToken,
    };
    let scene = Scene::new();
    let stored = |broken: &dyn Fn(Refusal) -> bool| {
        let record = if broken(WrongState) { closed(&scene) } else { scene.open() };
        Some(record).filter(|_| !broken(UnknownChannel))
    };
    let time = |broken: &dyn Fn(Refusal) -> bool| {
        clocked(if broken(TooLateToClaim) { EXPIRY } else { SOON }, broken(ClockOff))
    };
    let mut order = [
        UnknownChannel,
        ClockOff,
        WrongState,
        TooLateToClaim,
        PaymentUnitsOutOfRange,
        BadClientSignature,
        BadVendorSignature,
    ];
    let good = *scene.release_command(3).fields();
    first_of_two(&order, |broken| {
        let mut fields = good;
        if broken(PaymentUnitsOutOfRange) {
            fields.units = units(0);
        }
        let client = signer(&scene, broken(BadClientSignature), |scene| &scene.client);
        let vendor = signer(&scene, broken(BadVendorSignature), |scene| &scene.vendor);
        let command = CloseByRelease::sign(fields, client.sign(&fields.tx().as_digest()), vendor);
        refused(rules::close_by_release(stored(broken), &command, time(broken)))
    });
    order[4..].copy_from_slice(&[UnitsOutOfRange, BadVendorSignature, WrongToken]);
    let channel = scene.signed.opening().channel_id();
    first_of_two(&order, |broken| {
        let count = units(if broken(UnitsOutOfRange) { 101 } else { 3 });
        let token = if broken(WrongToken) { Token::from_bytes([0; 32]) } else { scene.token(3) };
        let vendor = signer(&scene, broken(BadVendorSignature), |scene| &scene.vendor);
        let command = CloseByToken::sign(channel, count, token, vendor);
        refused(rules::close_by_token(stored(broken), &command, time(broken)))
    });
}

#[test]
fn refunds_freezes_and_resolutions_are_checked_in_order() {
    use Refusal::{
        BadBankSignature, ClockOff, ReasonOutOfRange, TooEarlyToRefund, TooEarlyToResolve, UnitsOutOfRange,
        UnknownChannel, WrongState,
    };
    let scene = Scene::new();
    let channel = scene.signed.opening().channel_id();
    let stored = |broken: &dyn Fn(Refusal) -> bool, good: fn(&Scene) -> ChannelRecord| {
        let record = if broken(WrongState) { closed(&scene) } else { good(&scene) };
        Some(record).filter(|_| !broken(UnknownChannel))
    };
    first_of_two(&[UnknownChannel, ClockOff, WrongState, TooEarlyToRefund], |broken| {
        let time = clocked(if broken(TooEarlyToRefund) { DUE - 1 } else { DUE }, broken(ClockOff));
        refused(rules::refund(stored(broken, Scene::open), &scene.refund_command(), time))
    });
    let order = [UnknownChannel, ClockOff, WrongState, ReasonOutOfRange, BadBankSignature];
    first_of_two(&order, |broken| {
        let mut json: Value = serde_json::to_value(scene.freeze_command()).unwrap();
        if broken(ReasonOutOfRange) {
            json["reason"] = 4.into();
        }
        if broken(BadBankSignature) {
            json["bank_signature"] = "01".repeat(64).into();
        }
        let command: Freeze = decode_command(json.to_string().as_bytes()).unwrap();
        let time = clocked(SOON, broken(ClockOff));
        refused(rules::freeze(stored(broken, Scene::open), &command, time))
    });
    let order = [UnknownChannel, ClockOff, WrongState, TooEarlyToResolve, UnitsOutOfRange, BadBankSignature];
    first_of_two(&order, |broken| {
        let bank = signer(&scene, broken(BadBankSignature), |scene| &scene.bank);
        let count = if broken(UnitsOutOfRange) { 101 } else { 3 };
        let time = clocked(if broken(TooEarlyToResolve) { DUE - 1 } else { DUE }, broken(ClockOff));
        refused(rules::resolve(stored(broken, frozen), &Resolve::sign(channel, units(count), bank), time))
    });
}

#[test]
fn registrations_are_checked_in_order() {
    use Refusal::{BadBankSignature, BankRegisteredOtherwise, ClockOff, DriftOutOfRange, NotAdmin};
    let scene = Scene::new();
    let good = RegisterBank::sign(&scene.ledger, text("BankMSP"), drift(), &scene.bank);
    let other = RegisterBank::sign(&scene.ledger, text("BankMSP"), MaxDrift::LEAST, &scene.bank);
    let admin = |is_admin| Submitter { msp_id: text("BankMSP"), is_admin };
    let registered = match rules::register_bank(None, &other, &admin(true), &scene.ledger, clocks(SOON)) {
        Ok(Outcome::Changed(registration)) => registration,
        other => panic!("{other:?}"),
    };
    let order = [DriftOutOfRange, ClockOff, BankRegisteredOtherwise, NotAdmin, BadBankSignature];
    first_of_two(&order, |broken| {
        let mut json: Value = serde_json::to_value(&good).unwrap();
        if broken(DriftOutOfRange) {
            json["max_drift"] = 999.into();
        }
        if broken(BadBankSignature) {
            json["bank_signature"] = "01".repeat(64).into();
        }
        let command: RegisterBank = decode_command(json.to_string().as_bytes()).unwrap();
        let stored = broken(BankRegisteredOtherwise).then(|| registered.clone());
        let time = clocked(SOON, broken(ClockOff));
        refused(rules::register_bank(stored, &command, &admin(!broken(NotAdmin)), &scene.ledger, time))
    });
}

/// The same command with every signature in it replaced.
fn unsigned<T: Command>(command: &T) -> T {
    fn spoil(value: &mut Value) {
        let Value::Object(fields) = value else { return };
        for (name, field) in fields {
            if name.ends_with("_signature") {
                *field = "01".repeat(64).into();
            } else {
                spoil(field);
            }
        }
    }
    let mut document: Value = serde_json::from_str(&command.to_json()).unwrap();
    let before = document.clone();
    spoil(&mut document);
    assert_ne!(document, before);
    decode_command(document.to_string().as_bytes()).unwrap()
}

#[test]
fn the_same_again_verifies_nothing_at_any_time() {
    let scene = Scene::new();
    let late = clocks(EXPIRY + 1_000 * DRIFT);
    let released =
        changed(rules::close_by_release(Some(scene.open()), &scene.release_command(3), clocks(SOON)));
    let claimed = changed(rules::close_by_token(Some(frozen(&scene)), &scene.token_command(3), clocks(SOON)));
    let resolved = changed(rules::resolve(Some(claimed), &scene.resolve_command(5), clocks(SOON)));
    let cancelled = changed(scene.cancel_as(&scene.signed, clocks(OPEN_BY + DRIFT + 1)));
    let (bank, ledger) = (Some(&scene.registration), &scene.ledger);
    let open = unsigned(&Open::new(scene.signed.clone()));
    let owner = Some(released.channel_id());
    let cancel = unsigned(&Cancel::new(scene.signed.clone()));
    // Same means the same c: not even the token is looked at again.
    let claim = |record| {
        let other =
            CloseByToken::sign(scene.signed.opening().channel_id(), units(3), scene.token(4), &scene.client);
        rules::close_by_token(Some(record), &other, late)
    };
    let again = [
        (rules::open(bank, Some(released.clone()), owner, &open, ledger, late), &released),
        (rules::cancel(bank, Some(cancelled.clone()), &cancel, ledger, late), &cancelled),
        (
            rules::close_by_release(Some(released.clone()), &unsigned(&scene.release_command(3)), late),
            &released,
        ),
        (claim(resolved.clone()), &resolved),
        (rules::freeze(Some(resolved.clone()), &unsigned(&scene.freeze_command()), late), &resolved),
        (rules::resolve(Some(resolved.clone()), &unsigned(&scene.resolve_command(5)), late), &resolved),
    ];
    for (outcome, record) in again {
        assert_eq!(outcome, Ok(Outcome::AlreadyDone(record.clone())));
    }
    let command = RegisterBank::sign(ledger, text("BankMSP"), drift(), &scene.bank);
    let nobody = Submitter { msp_id: text("OtherMSP"), is_admin: false };
    let registered =
        rules::register_bank(Some(scene.registration.clone()), &unsigned(&command), &nobody, ledger, late);
    assert_eq!(registered, Ok(Outcome::AlreadyDone(scene.registration.clone())));
}

#[test]
fn a_record_needs_what_its_state_keeps_and_nothing_else() {
    let scene = Scene::new();
    let claimed = changed(rules::close_by_token(Some(frozen(&scene)), &scene.token_command(3), clocks(SOON)));
    let resolved = changed(rules::resolve(Some(claimed.clone()), &scene.resolve_command(5), clocks(SOON)));
    let refunded = changed(rules::refund(Some(scene.open()), &scene.refund_command(), clocks(DUE)));
    let document = |record: &ChannelRecord| -> Value { serde_json::from_slice(&record.to_json()).unwrap() };
    let whole = document(&resolved);
    let read = |document: &Value| ChannelRecord::from_json(document.to_string().as_bytes());
    for record in [scene.open(), closed(&scene), frozen(&scene), claimed, resolved, refunded] {
        for part in ["freeze", "claim", "ending"] {
            let mut other = document(&record);
            let was_there = other.as_object_mut().unwrap().remove(part).is_some();
            if !was_there {
                other[part] = whole[part].clone();
            }
            // A channel may be resolved without a claim, and a frozen one be claimed: then the state says so.
            let optional = record.state().name() == "resolved" && part == "claim";
            assert_eq!(read(&other).is_ok(), optional, "{} {part} {was_there}", record.state());
        }
    }
    let spoil = |path: &str, value: Value| {
        let mut other = whole.clone();
        *other.pointer_mut(path).unwrap() = value;
        read(&other)
    };
    assert!(spoil("/ts", SOON.into()).is_ok());
    let spoiled = [
        // Fewer units than were claimed, more than the channel has, an amount that the units are not worth.
        ("/claim/units", 6.into()),
        ("/claim/units", 101.into()),
        ("/ending/units", 2.into()),
        ("/ending/units", 6.into()),
        ("/ending/to_vendor", "50001".into()),
        ("/freeze/reason", 4.into()),
        ("/freeze/ts", (1_u64 << 53).into()),
        ("/ending/kind", "refund".into()),
    ];
    for (path, value) in spoiled {
        assert_eq!(spoil(path, value), Err(Refusal::UnreadableRecord), "{path}");
    }
}
