//! What the protocol's parties sign, in bytes, in JSON, as text and as arguments of the contract.

use lockstep_fuzz::scene::{BANK_MSP, Scene, after, short};
use lockstep_fuzz::{CONTRACT, DOCUMENTS, PAYMENTS, SEPARATOR, TEXTS};
use lockstep_protocol::credential::{Attribute, AttributeSet, Disclosure};
use lockstep_protocol::fraud::FraudProof;
use lockstep_protocol::ledger::{
    Cancel, ChannelRecord, CloseByRelease, CloseByToken, Command, Freeze, FreezeReason, Open, Refund, Resolve,
};
use lockstep_protocol::payment::{Batch, Head};
use lockstep_protocol::receipt::Receipt;
use lockstep_protocol::rules::{self, Changed, Clocks, Outcome};
use lockstep_protocol::{Challenge, EvidenceHash, Memo, Refusal, Salt, Units};

use crate::Seeds;

pub(crate) fn write() {
    let scene = Scene::new();
    payments(&scene);
    documents(&scene);
    commands(&scene);
    texts(&scene);
}

fn payments(scene: &Scene) {
    let seeds = Seeds(PAYMENTS);
    let payments = scene.payments(3);
    let key = scene.payment_key();
    let sign = |index: usize| key.sign(&payments[index].tx().as_digest());
    seeds.valid("opening", "1", scene.signed.opening().encode());
    seeds.valid("fields", "1", payments[0].fields().encode());
    seeds.valid("fields", "3", payments[2].fields().encode());
    seeds.valid("record", "1", payments[0].record().encode());
    seeds.valid("batch", "1", Batch::of(&payments[..1]).unwrap().encode());
    seeds.valid("batch", "3", Batch::of(&payments).unwrap().encode());
    seeds.valid("ack", "2", payments[1].ack().encode());
    seeds.valid("payment", "2", payments[1].encode());
    seeds.valid("receipt", "2", Receipt::new(&payments[1], sign(1)).encode());
    let proof = FraudProof {
        later: *payments[1].fields(),
        later_signature: sign(1),
        earlier: *payments[0].fields(),
        earlier_signature: sign(0),
    };
    seeds.valid("fraud-proof", "1", proof.encode());
}

fn documents(scene: &Scene) {
    let seeds = Seeds(DOCUMENTS);
    let payments = scene.payments(2);
    let receipt = Receipt::new(&payments[1], scene.payment_key().sign(&payments[1].tx().as_digest()));
    seeds.json("registration", "1", &scene.registration());
    seeds.json("opening", "1", scene.signed.opening());
    seeds.json("signed-opening", "1", &scene.signed);
    seeds.json("signed-request", "1", &scene.request);
    seeds.json("payment-fields", "2", payments[1].fields());
    seeds.json("head", "2", &Head::after(&payments[1]));
    seeds.json("receipt", "2", &receipt);
    let challenge = Challenge::from_bytes([8; 32]);
    seeds.json("account-proof", "1", &scene.proof(&challenge));

    let attribute = |name, value, salt| Attribute {
        name: short(name),
        value: short(value),
        salt: Salt::from_bytes([salt; 32]),
    };
    let attributes = [attribute("country", "IT", 1), attribute("name", "Ada", 2)];
    let set = AttributeSet::of(&attributes).unwrap();
    let credential = scene.credential(&set);
    seeds.json("attribute", "1", &attributes[0]);
    seeds.json("attribute-set", "2", &set);
    seeds.json("credential", "1", &credential);
    let disclosure = Disclosure::new(credential, set, attributes[..1].to_vec()).unwrap();
    seeds.json("disclosure", "1", &disclosure);
}

/// Every command, and the records and changes that they lead to.
fn commands(scene: &Scene) {
    let (seeds, contract) = (Seeds(DOCUMENTS), Seeds(CONTRACT));
    let id = scene.signed.opening().channel_id();
    let last = scene.payments(2).pop().unwrap();
    let release =
        CloseByRelease::sign(*last.fields(), scene.payment_key().sign(&last.tx().as_digest()), &scene.vendor);
    let claim = CloseByToken::sign(id, Units::from_count(2), scene.token(2), &scene.vendor);
    let evidence = EvidenceHash::from_bytes([9; 32]);
    let freeze = Freeze::sign(id, FreezeReason::FraudProof, evidence, &scene.bank);
    let resolve = Resolve::sign(id, Units::from_count(3), &scene.bank);
    seeds.valid("register-bank", "1", scene.registering().to_json());
    seeds.valid("open", "1", Open::new(scene.signed.clone()).to_json());
    seeds.valid("cancel", "1", Cancel::new(scene.signed.clone()).to_json());
    seeds.valid("close-by-release", "1", release.to_json());
    seeds.valid("close-by-token", "1", claim.to_json());
    seeds.valid("refund", "1", Refund::new(id).to_json());
    seeds.valid("freeze", "1", freeze.to_json());
    seeds.valid("resolve", "1", resolve.to_json());

    call(&contract, "call", &scene.registering());
    call(&contract, "call", &Open::new(scene.signed.clone()));
    call(&contract, "call", &release);
    call(&contract, "call", &claim);
    call(&contract, "call", &freeze);
    call(&contract, "late-call", &Refund::new(id));
    let channel = id.to_string();
    let bank = scene.bank.public_key().to_string();
    read(&contract, &["Channel", &channel]);
    read(&contract, &["Channels", "bank", &bank, "10", ""]);
    read(&contract, &["History", &channel]);
    read(&contract, &["Bank", &bank]);

    let clocks = |millis| Clocks { transaction: after(millis), endorser: after(millis) };
    let opened = scene.opened();
    let closed = record(rules::close_by_release(Some(opened.clone()), &release, clocks(5)));
    let by_token = record(rules::close_by_token(Some(opened.clone()), &claim, clocks(5)));
    let refunded = record(rules::refund(Some(opened.clone()), &Refund::new(id), clocks(7_200_000)));
    let frozen = record(rules::freeze(Some(opened.clone()), &freeze, clocks(5)));
    let claimed = record(rules::close_by_token(Some(frozen.clone()), &claim, clocks(6)));
    let resolved = record(rules::resolve(Some(claimed.clone()), &resolve, clocks(7)));
    for (name, record) in [
        ("open", &opened),
        ("closed", &closed),
        ("closed-by-token", &by_token),
        ("refunded", &refunded),
        ("frozen", &frozen),
        ("claimed", &claimed),
        ("resolved", &resolved),
    ] {
        seeds.valid("record", name, serde_json::to_vec(record).unwrap());
    }
    seeds.json("changes", "2", &[opened.change().unwrap(), closed.change().unwrap()]);
}

fn record(changed: Result<Changed, Refusal>) -> ChannelRecord {
    match changed.unwrap() {
        Outcome::Changed(transition) => transition.record,
        Outcome::AlreadyDone(record) => record,
    }
}

fn call<T: Command>(seeds: &Seeds, decoder: &str, command: &T) {
    let argument = command.to_json().into_bytes();
    seeds.valid(decoder, T::FUNCTION, [T::FUNCTION.as_bytes(), &[SEPARATOR], &argument].concat());
}

fn read(seeds: &Seeds, arguments: &[&str]) {
    let arguments: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
    let name = String::from_utf8(arguments[0].to_vec()).unwrap();
    seeds.valid("call", &name, arguments.join(&SEPARATOR));
}

fn texts(scene: &Scene) {
    let seeds = Seeds(TEXTS);
    let key = scene.bank.public_key();
    seeds.valid("public-key", "text", key.to_string());
    seeds.valid("public-key", "bytes", key.as_bytes());
    seeds.valid("signature", "1", scene.signed.bank_signature().to_string());
    seeds.valid("hash", "1", scene.signed.opening().channel_id().to_string());
    seeds.valid("lock", "1", scene.payments(1)[0].lock().to_string());
    seeds.valid("memo", "1", Memo::new("tea, 0.25 l").unwrap().to_string());
    seeds.valid("dollars", "1", "12.345678");
    seeds.valid("span", "1", "1h 30m 5ms");
    seeds.valid("amount", "1", "\"18446744073709551615\"");
    seeds.valid("timestamp", "1", after(0).as_unix_millis().to_string());
    seeds.valid("drift", "1", "30000");
    seeds.json("short-text", "1", &short(BANK_MSP));
    seeds.valid("refusal-number", "1", "301");
    seeds.valid("refusal", "1", format!("chaincode response 500, {}", Refusal::ClockOff));
}
