//! `RegisterBank` and `Bank`.

use hlf_shim::testing::Call;
use lockstep_protocol::ledger::{BankRegistration, Command as _, RegisterBank};
use lockstep_protocol::{LedgerId, MaxDrift, Refusal};

use crate::world::{
    NOW, World, answer, assert_refused, assert_same_again, certificate, key, ledger_id, name, written,
};

#[tokio::test]
async fn an_admin_registers_its_bank_for_ever() {
    let mut world = World::empty();
    let command = world.registration();
    let done = world.register(&command).await;
    let registration: BankRegistration = answer(&done);
    assert_eq!(registration.bank_key(), world.bank.public_key());
    assert_eq!(registration.msp_id().as_str(), "BankMSP");
    assert_eq!(registration.max_drift(), MaxDrift::DEFAULT);
    assert_eq!(registration.ts().as_unix_millis(), NOW);
    assert!(done.event.is_none());
    assert_eq!(done.writes.keys().collect::<Vec<_>>(), [&format!("bank:{}", world.bank.public_key())]);

    let read = world.read("Bank", &[&world.bank.public_key().to_string()]).await;
    assert_eq!(answer::<BankRegistration>(&read), registration);

    // Later, and by anybody: the same again verifies nothing.
    world.set_time(NOW + 86_400_000);
    let again = world.submit(&command).await;
    assert_same_again(&again);
    assert_eq!(answer::<BankRegistration>(&again), registration);
}

#[tokio::test]
async fn an_organisation_may_have_several_banks() {
    let mut world = World::new().await;
    let second = RegisterBank::sign(&ledger_id(), name("BankMSP"), MaxDrift::DEFAULT, &key(50));
    let done = world.register(&second).await;
    assert_eq!(answer::<BankRegistration>(&done).bank_key(), key(50).public_key());
}

#[tokio::test]
async fn a_registered_bank_is_never_changed() {
    let mut world = World::new().await;
    let drift = MaxDrift::from_millis(5_000).unwrap();
    let other_drift = RegisterBank::sign(&ledger_id(), name("BankMSP"), drift, &world.bank);
    assert_refused(&world.register(&other_drift).await, Refusal::BankRegisteredOtherwise);
    let other_msp = RegisterBank::sign(&ledger_id(), name("VendorMSP"), MaxDrift::DEFAULT, &world.bank);
    assert_refused(&world.register(&other_msp).await, Refusal::BankRegisteredOtherwise);
}

#[tokio::test]
async fn only_an_admin_of_the_named_organisation_registers() {
    let mut world = World::empty();
    let call = Call::new(RegisterBank::FUNCTION, [world.registration().to_json()]);
    for (msp_id, unit) in
        [("BankMSP", "client"), ("BankMSP", "peer"), ("BankMSP", "Admin"), ("VendorMSP", "admin")]
    {
        let done = world.call(call.clone().creator(msp_id, certificate(unit))).await;
        assert_refused(&done, Refusal::NotAdmin);
    }
    let unreadable = world.call(call.creator("BankMSP", "no certificate")).await;
    assert_refused(&unreadable, Refusal::UnknownSubmitter);
}

#[tokio::test]
async fn the_bank_s_own_key_signs_for_this_ledger() {
    let mut world = World::empty();
    let elsewhere = LedgerId::of(&name("payments"), &name("other"));
    let other_ledger = RegisterBank::sign(&elsewhere, name("BankMSP"), MaxDrift::DEFAULT, &world.bank);
    assert_refused(&world.register(&other_ledger).await, Refusal::BadBankSignature);

    let forged = world
        .registration()
        .to_json()
        .replace(&world.bank.public_key().to_string(), &key(50).public_key().to_string());
    let call = Call::new(RegisterBank::FUNCTION, [forged]).creator("BankMSP", certificate("admin"));
    assert_refused(&world.call(call).await, Refusal::BadBankSignature);
}

#[tokio::test]
async fn the_drift_is_one_second_to_ten_minutes() {
    let mut world = World::empty();
    let good = world.registration().to_json();
    for millis in ["0", "999", "600001", "18446744073709551615"] {
        let document = good.replace("\"max_drift\":30000", &format!("\"max_drift\":{millis}"));
        assert_ne!(document, good);
        let call = Call::new(RegisterBank::FUNCTION, [document]).creator("BankMSP", certificate("admin"));
        assert_refused(&world.call(call).await, Refusal::DriftOutOfRange);
    }
}

#[tokio::test]
async fn a_clock_off_by_more_than_the_drift_is_refused() {
    let mut world = World::new().await;
    let bank = world.bank.public_key().to_string();
    for off in [NOW - 30_001, NOW + 30_001] {
        world.set_endorser_clock(off);
        assert_refused(&world.read("Bank", &[&bank]).await, Refusal::ClockOff);
        let command = world.registration();
        assert_refused(&world.register(&command).await, Refusal::ClockOff);
    }
    for within in [NOW - 30_000, NOW + 30_000] {
        world.set_endorser_clock(within);
        let _: BankRegistration = answer(&world.read("Bank", &[&bank]).await);
    }
    // An endorser whose clock is certainly wrong endorses nothing.
    world.set_endorser_clock(u64::MAX);
    assert_refused(&world.read("Bank", &[&bank]).await, Refusal::ClockOff);
}

#[tokio::test]
async fn a_timestamp_out_of_range_is_refused() {
    let mut world = World::new().await;
    let bank = world.bank.public_key().to_string();
    for (seconds, nanos) in
        [(-1, 0), (i64::MAX, 0), (i64::MIN, -1), (1 << 53, 0), (0, -1), (0, 1_000_000_000)]
    {
        let mut timestamp = written(0);
        (timestamp.seconds, timestamp.nanos) = (seconds, nanos);
        let call = Call::new("Bank", [bank.as_str()]).timestamp(timestamp);
        assert_refused(&world.call(call).await, Refusal::TimeOutOfRange);
    }
}
