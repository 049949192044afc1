use lockstep_protocol::ledger::{ChannelState, CloseByToken};
use lockstep_protocol::rules::{self, Changed, Clocks, Outcome, Submitter};
use lockstep_protocol::{LedgerId, ShortText};
use serde_json::json;

use super::super::evidence::{Account, Audit, Booked, Bought, Sold};
use super::*;
use crate::forge::{Forge, now};

const DEPOSIT: u64 = 1_000_000;

fn record_of(changed: Changed) -> ChannelRecord {
    match changed {
        Outcome::Changed(transition) => transition.record,
        Outcome::AlreadyDone(record) => record,
    }
}

/// A channel of ten units of one cent, of which the vendor got three, by token or by release.
fn record(by_release: bool) -> ChannelRecord {
    let ledger = LedgerId::of(&ShortText::new("payments").unwrap(), &ShortText::new("lockstep").unwrap());
    let forge = Forge::new(ledger);
    let clocks = Clocks { transaction: now(), endorser: now() };
    let command = forge.registration("BankMSP");
    let admin = Submitter { msp_id: command.msp_id().clone(), is_admin: true };
    let registered = rules::register_bank(None, &command, &admin, &ledger, clocks).unwrap();
    let Outcome::Changed(bank) = registered else { panic!("the key is new") };
    let mut channel = forge.channel(10);
    let open = rules::open(Some(&bank), None, None, &channel.open(), &ledger, clocks).unwrap();
    let open = Some(record_of(open));
    let closed = if by_release {
        let (last, _) = channel.pay(&[1, 2]);
        rules::close_by_release(open, &channel.close(last), clocks)
    } else {
        let claim: CloseByToken = channel.claim(3);
        rules::close_by_token(open, &claim, clocks)
    };
    let record = record_of(closed.unwrap());
    assert_eq!(record.state(), ChannelState::Closed);
    record
}

fn statement(key: &str, balance: u64, lines: &serde_json::Value) -> Vec<lockstep::bank::books::Statement> {
    let account = json!({
        "key": key, "balance": balance.to_string(), "reserved": "0", "withheld": "0", "reputation": 100, "opened": 1,
    });
    let page = json!({
        "account": account, "lines": lines, "next": null, "reputation_changes": [], "alarms": [],
    });
    vec![serde_json::from_value(page).unwrap()]
}

fn line(entry: u64, cause: &str, id: Option<ChannelId>, moved: &[(&str, i64, i64)]) -> serde_json::Value {
    let movements = moved.iter().map(|(bucket, amount, standing)| {
        json!({ "bucket": bucket, "amount": amount.to_string(), "standing": standing.to_string() })
    });
    json!({
        "entry": entry, "at": entry, "cause": cause, "channel": id, "reference": null,
        "movements": movements.collect::<Vec<_>>(),
    })
}

/// What everybody says of that channel when all is well.
fn sound() -> (Evidence, Notes) {
    sound_of(record(false))
}

fn sound_of(record: ChannelRecord) -> (Evidence, Notes) {
    let id = record.channel_id();
    let vendor = record.opening().terms().vendor_key.to_string();
    let client = record.opening().terms().bank_key.to_string();
    let account = |key: &str, balance| Account {
        key: key.to_owned(),
        balance,
        reserved: 0,
        withheld: 0,
        reputation: 100,
    };
    let spent = json!([
        line(1, "deposit", None, &[("balance", 1_000_000, 1_000_000)]),
        line(2, "reserve", Some(id), &[("balance", -100_000, 900_000), ("reserved", 100_000, 100_000)]),
        line(
            3,
            "closed",
            Some(id),
            &[("reserved", -30_000, 70_000), ("reserved", -70_000, 0), ("balance", 70_000, 970_000)]
        ),
    ]);
    let earned = json!([line(3, "closed", Some(id), &[("balance", 30_000, 30_000)])]);
    let mut note = Note::new(0, Plan::Leave);
    note.acknowledged = 3;
    let evidence = Evidence {
        ledgers: vec![("one", vec![record.clone()]), ("another", vec![record])],
        accounts: vec![account(&client, 970_000), account(&vendor, 30_000)],
        statements: [
            (client.clone(), statement(&client, 970_000, &spent)),
            (vendor.clone(), statement(&vendor, 30_000, &earned)),
        ]
        .into(),
        booked: vec![Booked {
            channel_id: id,
            account: Some(client.clone()),
            state: "closed".to_owned(),
            halted: false,
            fraud: false,
        }],
        audit: Audit {
            deposits: i64::try_from(DEPOSIT).unwrap(),
            holders: i64::try_from(DEPOSIT).unwrap(),
            suspense: 0,
            findings: vec![],
            alarms: vec![],
        },
        sold: [(
            vendor,
            vec![Sold { channel_id: id, phase: "closed".to_owned(), payments: 2, units: 3, receipts: 0 }],
        )]
        .into(),
        bought: [(client, vec![Bought { channel_id: id, phase: "open".to_owned(), paid: 40_000 }])].into(),
    };
    (evidence, Notes { channels: [(id, note)].into(), ..Notes::default() })
}

#[test]
fn what_agrees_is_reckoned() {
    let (evidence, notes) = sound();
    let reckoning = reckon(&evidence, &notes).unwrap();
    assert_eq!((reckoning.channels, reckoning.payments, reckoning.to_vendors), (1, 2, 30_000));
    assert_eq!(reckoning.endings, [(Ending::TokenClosed, 1)].into());
    assert_eq!(reckoning.money, DEPOSIT);
}

#[test]
fn every_disagreement_is_found() {
    type Spoil = fn(&mut Evidence, &mut Notes);
    let cases: [(&str, Spoil); 16] = [
        ("a unit too much for the vendor", |e, _| e.accounts[1].balance += 1),
        ("a unit too little for the client", |e, _| e.accounts[0].balance -= 1),
        ("a reserve that is left", |e, _| e.accounts[0].reserved = 1),
        ("a reputation from nowhere", |e, _| e.accounts[0].reputation = 99),
        ("suspense", |e, _| e.audit.suspense = -1),
        ("an alarm", |e, _| e.audit.alarms.push(json!("!"))),
        ("a peer without the record", |e, _| e.ledgers[1].1.clear()),
        ("books in another state", |e, _| e.booked[0].state = "refunded".to_owned()),
        ("a conviction without a cheat", |e, _| e.booked[0].fraud = true),
        ("books without the channel", |e, _| e.booked.clear()),
        ("a vendor that accepted more", |e, _| e.sold.values_mut().for_each(|s| s[0].units = 4)),
        ("a vendor that has not closed", |e, _| {
            e.sold.values_mut().for_each(|s| s[0].phase = "claiming".to_owned())
        }),
        ("a client that signed less", |e, _| e.bought.values_mut().for_each(|b| b[0].paid = 29_999)),
        ("an acknowledgement that is gone", |_, n| n.channels.values_mut().for_each(|c| c.acknowledged = 4)),
        ("a release that is gone", |_, n| n.channels.values_mut().for_each(|c| c.released = Some(3))),
        ("a line that was posted twice", |e, _| {
            e.statements.values_mut().for_each(|pages| {
                let last = pages[0].lines.last().cloned();
                pages[0].lines.extend(last);
            });
        }),
    ];
    for (what, spoil) in cases {
        let (mut evidence, mut notes) = sound();
        spoil(&mut evidence, &mut notes);
        assert!(reckon(&evidence, &notes).is_err(), "{what} was not found");
    }
}

#[test]
fn a_vendor_that_has_the_release_of_a_badly_locked_channel_must_have_found_it() {
    let (evidence, mut notes) = sound_of(record(true));
    reckon(&evidence, &notes).unwrap();
    for note in notes.channels.values_mut() {
        (note.plan, note.fraud) = (Plan::BadLock, Fraud::Possible);
    }
    assert!(reckon(&evidence, &notes).unwrap_err().to_string().contains("not convicted"));
    // By token it may never have had one.
    let (evidence, mut by_token) = sound();
    for note in by_token.channels.values_mut() {
        (note.plan, note.fraud) = (Plan::BadLock, Fraud::Possible);
    }
    reckon(&evidence, &by_token).unwrap();
}

#[test]
fn a_channel_without_an_ending_is_found() {
    let (mut evidence, notes) = sound();
    let mut open = serde_json::to_value(&evidence.ledgers[0].1[0]).unwrap();
    open["state"] = json!("open");
    for field in ["claim", "ending"] {
        open.as_object_mut().unwrap().remove(field);
    }
    let open: ChannelRecord = serde_json::from_value(open).unwrap();
    evidence.ledgers.iter_mut().for_each(|(_, records)| *records = vec![open.clone()]);
    assert!(reckon(&evidence, &notes).unwrap_err().to_string().contains("no ending"));
}
