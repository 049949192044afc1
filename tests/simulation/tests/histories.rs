//! The short form, and the proof that each invariant can fail: a planted defect is found and named.

use lockstep_simulation::{Action, Planted, Role, Setup, Stage, Total, live, try_seed};

/// Histories of the short form.
const HISTORIES: u64 = 2000;
/// Histories within which a planted defect must be found.
const PATIENCE: u64 = 500;

#[test]
fn every_invariant_holds_in_every_history_and_most_histories_get_somewhere() {
    let mut total = Total::default();
    for seed in 0..HISTORIES {
        match try_seed(seed, Planted::Nothing) {
            Ok(lived) => total.add(lived),
            Err(failure) => panic!("{failure}"),
        }
    }
    let reached = |stage| total.stages.get(&stage).copied().unwrap_or_default();
    assert!(reached(Stage::Acknowledged) > HISTORIES / 2, "{total}");
    assert!(reached(Stage::PaidAgain) > HISTORIES / 3, "{total}");
    let marked = |mark| total.marks.get(mark).copied().unwrap_or_default();
    let marks = [
        "client accused",
        "wallet rolled back",
        "books rolled back",
        "wallet stopped for ever",
        "ends claimed",
    ];
    assert!(marks.into_iter().all(|mark| marked(mark) > 0), "{total}");
}

/// A wallet from an old copy has signed payment 1 again, which costs nothing: the vendor had not shown the first one. It is being
/// saved when the vendor lies about a payment 1.
#[test]
fn a_lie_about_a_payment_that_is_being_saved_is_no_word_that_came_before_it() {
    let (wallet, connected) = (Role::Wallet, [Action::Connect(0), Action::Deliver(0), Action::Deliver(0)]);
    let opened = [Action::Grant(0, false), Action::Open(0), Action::Order(0)];
    let lost = [Action::Pay(0, 1, 1), Action::Copy(wallet), Action::Flush(wallet), Action::Drop(0)];
    let again = [Action::Pay(0, 1, 1), Action::CheatTake(0, 4), Action::Deliver(1), Action::Flush(wallet)];
    let back = [Action::Rollback(wallet)];
    let actions = [&opened[..], &connected, &lost, &back, &connected, &again].concat();
    let setup = Setup { client_cheats: false, vendor_cheats: true, offsets: [0; 5] };
    live(setup, &actions, Planted::Nothing).unwrap();
}

/// Its clock is never further from an endorser's than D. When it is set it waits for a release, and then has no time left by that clock.
#[test]
fn a_vendor_whose_clock_is_set_forward_while_it_closes_is_paid() {
    let wallet = Role::Wallet;
    let opened = [Action::Grant(0, false), Action::Open(0), Action::Order(0)];
    let paid = [Action::Connect(0), Action::Deliver(0), Action::Deliver(0), Action::Pay(0, 1, 1)];
    let late = [Action::Flush(wallet), Action::Tick(42), Action::Deliver(0), Action::Flush(Role::Vendor)];
    let actions = [&opened[..], &paid, &late, &[Action::Tick(5), Action::SetClock(1, 24)]].concat();
    let setup = Setup { client_cheats: false, vendor_cheats: false, offsets: [0, -4, 0, 0, 0] };
    live(setup, &actions, Planted::Nothing).unwrap();
}

#[track_caller]
fn is_found(planted: Planted, invariant: &str) {
    // A defect may break more than one of them: at least one history must show this one.
    let found = (0..PATIENCE).find_map(|seed| {
        try_seed(seed, planted).err().filter(|failure| failure.broken.invariant == invariant)
    });
    let failure = found.expect("the planted defect is found, and its invariant named");
    let again = try_seed(failure.seed, planted).expect_err("the seed replays it");
    assert_eq!(again.actions, failure.actions);
}

#[test]
fn a_vendor_that_answers_before_it_saves_loses_payments() {
    is_found(Planted::VendorAnswersBeforeItSaves, "a_vendor_never_loses_an_accepted_payment");
}

#[test]
fn a_wallet_that_sends_before_it_saves_signs_a_number_twice() {
    is_found(Planted::WalletSendsBeforeItSaves, "no_two_payments_with_one_number_are_signed");
}

#[test]
fn a_vendor_without_a_margin_loses_payments() {
    is_found(Planted::VendorWithoutMargin, "a_vendor_never_loses_an_accepted_payment");
}

#[test]
fn a_vendor_that_accepts_while_closing_loses_payments() {
    is_found(Planted::VendorAcceptsWhileClosing, "a_vendor_never_loses_an_accepted_payment");
}

#[test]
fn a_wallet_that_does_not_compare_signs_a_number_twice() {
    is_found(Planted::WalletDoesNotCompare, "no_two_payments_with_one_number_are_signed");
}

#[test]
fn a_bank_that_posts_an_event_again_makes_money() {
    is_found(Planted::BankPostsTwice, "no_unit_is_created_or_lost");
}

#[test]
fn a_bank_that_frees_an_unseen_reserve_frees_it_twice() {
    is_found(Planted::BankFreesUnseenReserves, "a_reserve_is_freed_once");
}

#[test]
fn a_bank_that_pays_the_rest_to_the_vendor_takes_it_from_the_client() {
    is_found(Planted::BankPaysTheRestToTheVendor, "a_client_never_loses_more_than_it_released");
}
