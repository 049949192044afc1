//! The bank's table of postings and its re-check of every record [Spec §9].

use lockstep_protocol::ledger::{ChannelChange, ChannelRecord, ChannelState};
use lockstep_protocol::posting::{self, BankView, Movement, PostingError, Pot};
use lockstep_protocol::rules;
use lockstep_protocol::{Amount, LedgerId, MaxDrift, Refusal};

use crate::scene::{DRIFT, EXPIRY, OPEN_BY, OPENED, Scene, at, changed, clocks, drift, lie};

const SOON: u64 = OPENED + 10_000;
const DUE: u64 = EXPIRY + DRIFT;

fn view(scene: &Scene, now: u64) -> BankView<'_> {
    BankView { bank_key: scene.bank.public_key(), ledger: &scene.ledger, drift: drift(), now: at(now) }
}

fn recheck(record: &ChannelRecord, bank: BankView<'_>) -> Result<(), PostingError> {
    let rechecked = posting::recheck(record.clone(), bank)?;
    assert_eq!(rechecked.into_record(), *record);
    Ok(())
}

fn movements(
    change: &ChannelChange,
    record: &ChannelRecord,
    posted_claim: Amount,
    bank: BankView<'_>,
) -> Result<Vec<Movement>, PostingError> {
    posting::recheck(record.clone(), bank)?.movements(change, posted_claim)
}

fn moved(scene: &Scene, record: &ChannelRecord, state: ChannelState) -> Vec<(Pot, Pot, u64)> {
    let change = record.change_to(state).unwrap();
    // The books that posted every change of this record, as it came.
    let claim = record.change_to(ChannelState::Claimed).map_or(Amount::ZERO, |claimed| claimed.to_vendor);
    let movements = movements(&change, record, claim, view(scene, DUE)).unwrap();
    movements.iter().map(|Movement { from, to, amount }| (*from, *to, amount.as_micros())).collect()
}

fn frozen(scene: &Scene) -> ChannelRecord {
    changed(rules::freeze(Some(scene.open()), &scene.freeze_command(), clocks(SOON)))
}

use Pot::{ClientBalance, ClientReserved, ClientWithheld, VendorBalance};

#[test]
fn the_table() {
    let scene = Scene::new();
    assert_eq!(moved(&scene, &scene.open(), ChannelState::Open), []);
    let cancelled = changed(scene.cancel_as(&scene.signed, clocks(OPEN_BY + DRIFT + 1)));
    assert_eq!(
        moved(&scene, &cancelled, ChannelState::Cancelled),
        [(ClientReserved, ClientBalance, 1_000_000)]
    );
    let refunded = changed(rules::refund(Some(scene.open()), &scene.refund_command(), clocks(DUE)));
    assert_eq!(
        moved(&scene, &refunded, ChannelState::Refunded),
        [(ClientReserved, ClientBalance, 1_000_000)]
    );
    let halves = [(ClientReserved, VendorBalance, 30_000), (ClientReserved, ClientBalance, 970_000)];
    let released =
        changed(rules::close_by_release(Some(scene.open()), &scene.release_command(3), clocks(SOON)));
    assert_eq!(moved(&scene, &released, ChannelState::Closed), halves);
    let token = changed(rules::close_by_token(Some(scene.open()), &scene.token_command(3), clocks(SOON)));
    assert_eq!(moved(&scene, &token, ChannelState::Closed), halves);
    let all = changed(rules::close_by_token(Some(scene.open()), &scene.token_command(100), clocks(SOON)));
    assert_eq!(moved(&scene, &all, ChannelState::Closed), [(ClientReserved, VendorBalance, 1_000_000)]);
}

#[test]
fn frozen_channels_are_posted_step_by_step_even_when_the_record_has_moved_on() {
    let scene = Scene::new();
    let claimed = changed(rules::close_by_token(Some(frozen(&scene)), &scene.token_command(3), clocks(SOON)));
    let resolved = changed(rules::resolve(Some(claimed.clone()), &scene.resolve_command(5), clocks(SOON)));
    for record in [frozen(&scene), claimed.clone(), resolved.clone()] {
        assert_eq!(moved(&scene, &record, ChannelState::Open), []);
        assert_eq!(
            moved(&scene, &record, ChannelState::Frozen),
            [(ClientReserved, ClientWithheld, 1_000_000)]
        );
    }
    for record in [claimed, resolved.clone()] {
        assert_eq!(moved(&scene, &record, ChannelState::Claimed), [(ClientWithheld, VendorBalance, 30_000)]);
    }
    assert_eq!(
        moved(&scene, &resolved, ChannelState::Resolved),
        [(ClientWithheld, VendorBalance, 20_000), (ClientWithheld, ClientBalance, 950_000)]
    );
    let unclaimed = changed(rules::resolve(Some(frozen(&scene)), &scene.resolve_command(0), clocks(DUE)));
    assert_eq!(
        moved(&scene, &unclaimed, ChannelState::Resolved),
        [(ClientWithheld, ClientBalance, 1_000_000)]
    );
}

#[test]
fn an_event_that_says_something_else_than_the_record_is_not_posted() {
    let scene = Scene::new();
    let record = frozen(&scene);
    let mut change = record.change().unwrap();
    change.to_client = Amount::from_micros(1);
    assert_eq!(movements(&change, &record, Amount::ZERO, view(&scene, DUE)), Err(PostingError::Change));
    change = record.change().unwrap();
    change.state = ChannelState::Refunded;
    assert_eq!(movements(&change, &record, Amount::ZERO, view(&scene, DUE)), Err(PostingError::Change));
}

#[test]
fn a_claim_that_vanished_or_changed_after_it_was_posted_is_not_resolved() {
    let scene = Scene::new();
    let claim =
        |c| changed(rules::close_by_token(Some(frozen(&scene)), &scene.token_command(c), clocks(SOON)));
    let resolve = |record| changed(rules::resolve(Some(record), &scene.resolve_command(5), clocks(DUE)));
    let (without, with_three, with_five) = (resolve(frozen(&scene)), resolve(claim(3)), resolve(claim(5)));
    let cents = |count: u64| Amount::from_micros(count * 10_000);
    let post = |record: &ChannelRecord, posted| {
        let change = record.change().unwrap();
        movements(&change, record, cents(posted), view(&scene, DUE)).map(|moved| moved.len())
    };
    let claim = |kept, posted| Err(PostingError::Claim { kept: cents(kept), posted: cents(posted) });
    assert_eq!([post(&without, 0), post(&with_three, 3), post(&with_five, 5)], [Ok(2), Ok(2), Ok(1)]);
    // Five units would be paid again.
    assert_eq!(post(&without, 5), claim(0, 5));
    assert_eq!(post(&with_three, 5), claim(3, 5));
    // A claim that nobody announced would stay withheld.
    assert_eq!(post(&with_five, 0), claim(5, 0));
    assert_eq!(post(&with_five, 3), claim(5, 3));
}

#[test]
fn lies_of_two_peers_are_found_in_the_record() {
    let scene = Scene::new();
    let check = |record: &ChannelRecord| recheck(record, view(&scene, DUE));
    let bad = "01".repeat(64);
    let refused = |refusal| Err(PostingError::Refused(refusal));
    let open = scene.open();
    assert_eq!(check(&open), Ok(()));
    assert_eq!(
        check(&lie(&open, "/bank_signature", bad.as_str().into())),
        refused(Refusal::BadBankSignature)
    );
    assert_eq!(check(&lie(&open, "/max_drift", 1000.into())), Err(PostingError::Drift));
    assert_eq!(check(&lie(&open, "/ts", (OPEN_BY + 1).into())), refused(Refusal::OpenByPassed));

    let released =
        changed(rules::close_by_release(Some(scene.open()), &scene.release_command(3), clocks(SOON)));
    assert_eq!(check(&released), Ok(()));
    let forged = lie(&released, "/ending/client_signature", bad.as_str().into());
    assert_eq!(check(&forged), refused(Refusal::BadClientSignature));
    let forged = lie(&released, "/ending/vendor_signature", bad.as_str().into());
    assert_eq!(check(&forged), refused(Refusal::BadVendorSignature));
    assert_eq!(check(&lie(&released, "/ending/ts", EXPIRY.into())), refused(Refusal::TooLateToClaim));

    let token = changed(rules::close_by_token(Some(scene.open()), &scene.token_command(3), clocks(SOON)));
    assert_eq!(check(&token), Ok(()));
    assert_eq!(check(&lie(&token, "/ending/ts", EXPIRY.into())), refused(Refusal::TooLateToClaim));
    let other = lie(&token, "/ending/token", "00".repeat(32).into());
    assert_eq!(check(&other), refused(Refusal::BadVendorSignature));

    let frozen = frozen(&scene);
    let forged = lie(&frozen, "/freeze/bank_signature", bad.as_str().into());
    assert_eq!(check(&forged), refused(Refusal::BadBankSignature));
    let claimed = changed(rules::close_by_token(Some(frozen.clone()), &scene.token_command(3), clocks(SOON)));
    let forged = lie(&claimed, "/claim/vendor_signature", bad.as_str().into());
    assert_eq!(check(&forged), refused(Refusal::BadVendorSignature));
    let resolved = changed(rules::resolve(Some(frozen), &scene.resolve_command(3), clocks(DUE)));
    assert_eq!(check(&resolved), Ok(()));
    assert_eq!(check(&lie(&resolved, "/ending/ts", SOON.into())), refused(Refusal::TooEarlyToResolve));
    let forged = lie(&resolved, "/ending/bank_signature", bad.as_str().into());
    assert_eq!(check(&forged), refused(Refusal::BadBankSignature));
}

#[test]
fn refunds_and_cancellations_are_held_against_the_banks_own_clock() {
    let scene = Scene::new();
    let refunded = changed(rules::refund(Some(scene.open()), &scene.refund_command(), clocks(DUE)));
    assert_eq!(recheck(&refunded, view(&scene, EXPIRY - DRIFT)), Ok(()));
    assert_eq!(recheck(&refunded, view(&scene, EXPIRY - DRIFT - 1)), Err(PostingError::TooEarly));
    let early = lie(&refunded, "/ending/ts", (DUE - 1).into());
    assert_eq!(recheck(&early, view(&scene, DUE)), Err(PostingError::Refused(Refusal::TooEarlyToRefund)));
    let cancelled = changed(scene.cancel_as(&scene.signed, clocks(OPEN_BY + DRIFT + 1)));
    assert_eq!(recheck(&cancelled, view(&scene, OPEN_BY - DRIFT + 1)), Ok(()));
    assert_eq!(recheck(&cancelled, view(&scene, OPEN_BY - DRIFT)), Err(PostingError::TooEarly));
    let early = lie(&cancelled, "/ts", (OPEN_BY + DRIFT).into());
    assert_eq!(recheck(&early, view(&scene, DUE)), Err(PostingError::Refused(Refusal::OpenByNotPassed)));
}

#[test]
fn a_bank_posts_its_own_channels_on_its_own_ledger_only() {
    let scene = Scene::new();
    let record = scene.open();
    let other = LedgerId::from_bytes([0; 32]);
    let mine = view(&scene, SOON);
    assert_eq!(
        recheck(&record, BankView { bank_key: scene.vendor.public_key(), ..mine }),
        Err(PostingError::OtherBank)
    );
    assert_eq!(recheck(&record, BankView { ledger: &other, ..mine }), Err(PostingError::OtherLedger));
    let drift = MaxDrift::from_millis(DRIFT + 1).unwrap();
    assert_eq!(recheck(&record, BankView { drift, ..mine }), Err(PostingError::Drift));
}
