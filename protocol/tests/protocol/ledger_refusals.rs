//! Closes, refunds, freezes and resolutions: every refusal behind the state [Spec §8].

use lockstep_protocol::ledger::{
    CloseByRelease, CloseByToken, Freeze, FreezeReason, Refund, Resolve, decode_command,
};
use lockstep_protocol::payment::PaymentFields;
use lockstep_protocol::rules::{self, Clocks};
use lockstep_protocol::{EvidenceHash, Lock, PaymentNumber, Refusal, Signature, TxHash};

use crate::scene::{DRIFT, EXPIRY, OPENED, Scene, at, changed, clocks, drift, refused, units};

const SOON: u64 = OPENED + 10_000;

/// A close whose fields were changed and signed again by both.
fn release_with(scene: &Scene, count: u32, change: impl FnOnce(&mut PaymentFields)) -> CloseByRelease {
    let mut fields = *scene.payments(count).last().unwrap().fields();
    change(&mut fields);
    CloseByRelease::sign(fields, scene.client.sign(&fields.tx().as_digest()), &scene.vendor)
}

#[test]
fn a_release_close_pays_the_vendor_and_gives_back_the_rest() {
    let scene = Scene::new();
    let record =
        changed(rules::close_by_release(Some(scene.open()), &scene.release_command(7), clocks(SOON)));
    let change = record.change().unwrap();
    assert_eq!(change.to_vendor.as_micros(), 70_000);
    assert_eq!(change.to_client.as_micros(), 930_000);
}

#[test]
fn releases_out_of_range_are_refused() {
    let scene = Scene::new();
    let close = |command: &CloseByRelease| {
        refused(rules::close_by_release(Some(scene.open()), command, clocks(SOON)))
    };
    let third = |change: fn(&mut PaymentFields)| close(&release_with(&scene, 3, change));
    assert_eq!(third(|f| f.released = units(101)), Refusal::UnitsOutOfRange);
    assert_eq!(third(|f| f.units = units(0)), Refusal::PaymentUnitsOutOfRange);
    assert_eq!(third(|f| f.units = units(4)), Refusal::PaymentUnitsOutOfRange);
    assert_eq!(third(|f| f.number = PaymentNumber::from_index(0)), Refusal::PaymentNumberOutOfRange);
    assert_eq!(third(|f| f.number = PaymentNumber::from_index(4)), Refusal::PaymentNumberOutOfRange);
    let first = |change: fn(&mut PaymentFields)| close(&release_with(&scene, 1, change));
    assert_eq!(first(|f| f.previous = TxHash::from_bytes([1; 32])), Refusal::FirstPaymentUnchained);
    assert_eq!(first(|f| f.previous_lock = Lock::from_bytes([1; 64])), Refusal::FirstPaymentUnchained);
    assert_eq!(first(|f| f.released = units(2)), Refusal::FirstPaymentUnchained);
    // Ten dollars in one payment are the most.
    let rich = Scene::with(2, 100, 5_000_000);
    let open = || Some(rich.open());
    let three = release_with(&rich, 2, |f| (f.units, f.released) = (units(3), units(4)));
    let too_much = rules::close_by_release(open(), &three, clocks(SOON));
    assert_eq!(refused(too_much), Refusal::PaymentLimitExceeded);
    let two = release_with(&rich, 2, |f| (f.units, f.released) = (units(2), units(3)));
    changed(rules::close_by_release(open(), &two, clocks(SOON)));
}

#[test]
fn the_last_payment_of_another_channel_closes_nothing() {
    let (scene, other) = (Scene::new(), Scene::with(1, 50, 10_000));
    assert_eq!(scene.client.public_key(), other.client.public_key());
    let foreign = other.release_command(2);
    let unknown = rules::close_by_release(Some(scene.open()), &foreign, clocks(SOON));
    assert_eq!(refused(unknown), Refusal::UnknownChannel);
    let relabelled = CloseByRelease::from_parts(
        scene.signed.opening().channel_id(),
        *foreign.fields(),
        other.client.sign(&foreign.fields().tx().as_digest()),
        *foreign.vendor_signature(),
    );
    let close = rules::close_by_release(Some(scene.open()), &relabelled, clocks(SOON));
    assert_eq!(refused(close), Refusal::OtherChannel);
}

#[test]
fn closes_need_both_signatures() {
    let scene = Scene::new();
    let good = scene.release_command(2);
    let channel = good.channel_id();
    let client = scene.client.sign(&good.fields().tx().as_digest());
    let close = |client: Signature, vendor: Signature| {
        let command = CloseByRelease::from_parts(channel, *good.fields(), client, vendor);
        refused(rules::close_by_release(Some(scene.open()), &command, clocks(SOON)))
    };
    let vendor = *good.vendor_signature();
    assert_eq!(close(vendor, vendor), Refusal::BadClientSignature);
    assert_eq!(close(client, client), Refusal::BadVendorSignature);
    // The client knows every token, and closes nothing with it.
    let low = CloseByToken::sign(channel, units(1), scene.token(1), &scene.client);
    let close = rules::close_by_token(Some(scene.open()), &low, clocks(SOON));
    assert_eq!(refused(close), Refusal::BadVendorSignature);
}

#[test]
fn claims_end_before_expiry_and_refunds_begin_behind_it() {
    let scene = Scene::new();
    let last = EXPIRY - DRIFT - 1;
    assert_eq!(rules::latest_claim(drift(), at(EXPIRY)), Some(at(last)));
    let release = scene.release_command(2);
    changed(rules::close_by_release(Some(scene.open()), &release, clocks(last)));
    let late = rules::close_by_release(Some(scene.open()), &release, clocks(last + 1));
    assert_eq!(refused(late), Refusal::TooLateToClaim);
    let token = scene.token_command(2);
    changed(rules::close_by_token(Some(scene.open()), &token, clocks(last)));
    let late = rules::close_by_token(Some(scene.open()), &token, clocks(last + 1));
    assert_eq!(refused(late), Refusal::TooLateToClaim);
    // A claim on a frozen channel has no such end.
    let frozen = changed(rules::freeze(Some(scene.open()), &scene.freeze_command(), clocks(SOON)));
    changed(rules::close_by_token(Some(frozen), &token, clocks(EXPIRY + 10 * DRIFT)));

    let refund = |millis| rules::refund(Some(scene.open()), &scene.refund_command(), clocks(millis));
    assert_eq!(refused(refund(EXPIRY + DRIFT - 1)), Refusal::TooEarlyToRefund);
    assert_eq!(changed(refund(EXPIRY + DRIFT)).change().unwrap().to_client.as_micros(), 1_000_000);
}

#[test]
fn every_function_checks_the_clock_before_the_state() {
    let scene = Scene::new();
    let off = Clocks { transaction: at(SOON), endorser: at(SOON + DRIFT + 1) };
    let closed =
        || Some(changed(rules::close_by_token(Some(scene.open()), &scene.token_command(1), clocks(SOON))));
    let results = [
        rules::close_by_release(closed(), &scene.release_command(2), off),
        rules::close_by_token(closed(), &scene.token_command(1), off),
        rules::refund(closed(), &scene.refund_command(), off),
        rules::freeze(closed(), &scene.freeze_command(), off),
        rules::resolve(closed(), &scene.resolve_command(1), off),
    ];
    for result in results {
        assert_eq!(refused(result), Refusal::ClockOff);
    }
}

#[test]
fn tokens_are_checked() {
    let scene = Scene::new();
    let channel = scene.signed.opening().channel_id();
    let close = |command: &CloseByToken| rules::close_by_token(Some(scene.open()), command, clocks(SOON));
    let above = CloseByToken::sign(channel, units(101), scene.token(100), &scene.vendor);
    assert_eq!(refused(close(&above)), Refusal::UnitsOutOfRange);
    let most = CloseByToken::sign(channel, units(u32::MAX), scene.token(100), &scene.vendor);
    assert_eq!(refused(close(&most)), Refusal::UnitsOutOfRange);
    let wrong = CloseByToken::sign(channel, units(5), scene.token(4), &scene.vendor);
    assert_eq!(refused(close(&wrong)), Refusal::WrongToken);
    let unused = changed(close(&scene.token_command(0)));
    assert_eq!(unused.change().unwrap().to_vendor.as_micros(), 0);
    let all = changed(close(&scene.token_command(100)));
    assert_eq!(all.change().unwrap().to_client.as_micros(), 0);
}

#[test]
fn freezes_need_a_known_reason_and_the_bank() {
    let scene = Scene::new();
    let json = serde_json::to_string(&scene.freeze_command()).unwrap();
    for reason in [0, 4, 65_535] {
        let odd = json.replace("\"reason\":2", &format!("\"reason\":{reason}"));
        let odd: Freeze = decode_command(odd.as_bytes()).unwrap();
        let result = rules::freeze(Some(scene.open()), &odd, clocks(SOON));
        assert_eq!(refused(result), Refusal::ReasonOutOfRange);
    }
    let evidence = EvidenceHash::from_bytes([9; 32]);
    let channel = scene.signed.opening().channel_id();
    let forged = Freeze::sign(channel, FreezeReason::CourtOrder, evidence, &scene.vendor);
    let result = rules::freeze(Some(scene.open()), &forged, clocks(SOON));
    assert_eq!(refused(result), Refusal::BadBankSignature);
}

#[test]
fn resolutions_respect_the_claim_the_time_and_the_bank() {
    let scene = Scene::new();
    let frozen = || changed(rules::freeze(Some(scene.open()), &scene.freeze_command(), clocks(SOON)));
    let claimed = || changed(rules::close_by_token(Some(frozen()), &scene.token_command(5), clocks(SOON)));
    let resolve = |record, command: &Resolve, millis| rules::resolve(Some(record), command, clocks(millis));
    let due = EXPIRY + DRIFT;
    assert_eq!(refused(resolve(frozen(), &scene.resolve_command(5), due - 1)), Refusal::TooEarlyToResolve);
    assert_eq!(refused(resolve(claimed(), &scene.resolve_command(4), SOON)), Refusal::UnitsBelowClaim);
    assert_eq!(refused(resolve(claimed(), &scene.resolve_command(101), SOON)), Refusal::UnitsOutOfRange);
    let forged = Resolve::sign(scene.signed.opening().channel_id(), units(5), &scene.vendor);
    assert_eq!(refused(resolve(claimed(), &forged, SOON)), Refusal::BadBankSignature);
    let done = changed(resolve(claimed(), &scene.resolve_command(8), SOON)).change().unwrap();
    assert_eq!((done.to_vendor.as_micros(), done.to_client.as_micros()), (30_000, 920_000));
    let nothing = changed(resolve(frozen(), &scene.resolve_command(0), due)).change().unwrap();
    assert_eq!((nothing.to_vendor.as_micros(), nothing.to_client.as_micros()), (0, 1_000_000));
}

#[test]
fn a_record_under_another_id_is_not_this_channel() {
    let scene = Scene::new();
    let other = Refund::new(lockstep_protocol::ChannelId::from_bytes([0; 32]));
    assert_eq!(refused(rules::refund(Some(scene.open()), &other, clocks(SOON))), Refusal::UnknownChannel);
}
