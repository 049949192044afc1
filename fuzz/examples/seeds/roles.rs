//! What the roles send each other, and the files that they write.

use std::time::Duration;

use lockstep::bank::books::{Decision, NewChannel, Verdict};
use lockstep::bank::decision::SignedDecision;
use lockstep::bank::wire::{
    ChallengeDocument, CredentialRequest, FraudAnswer, FraudReport, Info, IssuedCredential, Nothing,
    OpeningDocument, Problem, Proven, StatementRequest,
};
use lockstep::ledger::TransactionId;
use lockstep::party::transcript::{write_heading, write_receipt};
use lockstep::stream::{BatchBounds, Refused, Settled, Terms, ToClient, ToVendor, Unlocked, Welcome, wire};
use lockstep_fuzz::scene::{Scene, after, ledger, short};
use lockstep_fuzz::{BANK, FILES, STREAM};
use lockstep_protocol::credential::{Attribute, AttributeSet};
use lockstep_protocol::ledger::{ChannelState, FreezeReason};
use lockstep_protocol::payment::Batch;
use lockstep_protocol::receipt::Receipt;
use lockstep_protocol::units::Reputation;
use lockstep_protocol::{Amount, Challenge, EvidenceHash, MaxDrift, Refusal, Salt, Signature, Units};
use prost::Message as _;

use crate::Seeds;

pub(crate) fn write() {
    let scene = Scene::new();
    stream(&scene);
    requests(&scene);
    answers(&scene);
    files(&scene);
}

fn stream(scene: &Scene) {
    let seeds = Seeds(STREAM);
    let payments = scene.payments(2);
    let ack = payments[1].ack();
    let to_vendor = [
        ("hello", ToVendor::Hello(scene.signed.opening().channel_id())),
        ("batch", ToVendor::Batch(Batch::of(&payments).unwrap().encode())),
        ("release", ToVendor::Release(*scene.signed.bank_signature())),
    ];
    for (name, message) in to_vendor {
        seeds.valid("to-vendor", name, wire::ToVendor::from(message).encode_to_vec());
    }
    let settled = Settled {
        tx_id: TransactionId::new("0f".repeat(32)),
        block: 7,
        micros: 1500,
        units: Units::from_count(2),
    };
    let to_client = [
        ("welcome", ToClient::Welcome(Welcome { last: ack, closing: false })),
        ("acknowledged", ToClient::Acknowledged(ack)),
        ("release-wanted", ToClient::ReleaseWanted(ack)),
        ("unlocked", ToClient::Unlocked(Unlocked { receipts: 2, micros: 300 })),
        ("settled", ToClient::Settled(settled)),
        ("refused", ToClient::Refused(Refused::from(Refusal::NumberAhead))),
    ];
    for (name, message) in to_client {
        seeds.valid("to-client", name, wire::ToClient::from(message).encode_to_vec());
    }
    let terms = Terms {
        vendor_key: *scene.vendor.public_key(),
        organization: "VendorMSP".to_owned(),
        ledger_id: ledger(),
        bank_keys: vec![*scene.bank.public_key()],
        lowest_price: Amount::from_micros(1),
        highest_price: Amount::from_micros(10_000_000),
        shortest_life: Duration::from_secs(600),
        longest_life: Duration::from_secs(86_400),
        largest_k: Units::from_count(100),
        margin: Duration::from_secs(120),
        clock_tolerance: Duration::from_secs(5),
        largest_drift: MaxDrift::DEFAULT,
        batch: BatchBounds::DEFAULT,
    };
    seeds.valid("terms", "1", wire::TermsReply::from(&terms).encode_to_vec());
}

fn requests(scene: &Scene) {
    fn proven<T>(scene: &Scene, request: T) -> Proven<T> {
        let challenge = Challenge::from_bytes([8; 32]);
        let proof = scene.proof(&challenge);
        Proven { challenge, proof, request }
    }
    let seeds = Seeds(BANK);
    seeds.json("nothing", "1", &proven(scene, Nothing {}));
    let names = Some(vec![short("name"), short("country")]);
    seeds.json("credential-request", "some", &proven(scene, CredentialRequest { names }));
    seeds.json("credential-request", "all", &proven(scene, CredentialRequest::default()));
    seeds.json("opening", "1", &proven(scene, OpeningDocument { signed: scene.request.clone() }));
    seeds.json("statement-request", "1", &proven(scene, StatementRequest { after: 3, limit: Some(10) }));
    seeds.json("fraud-report", "1", &proven(scene, FraudReport { proof: "00".repeat(552) }));
}

fn answers(scene: &Scene) {
    let seeds = Seeds(BANK);
    let info = Info {
        bank_key: *scene.bank.public_key(),
        ledger: ledger(),
        organization: "BankMSP".to_owned(),
        max_drift: MaxDrift::DEFAULT,
        max_life: 86_400_000,
        time: after(0),
    };
    seeds.json("info", "1", &info);
    seeds.json(
        "challenge",
        "1",
        &ChallengeDocument { challenge: Challenge::from_bytes([8; 32]), expires: after(60_000) },
    );
    let attributes =
        vec![Attribute { name: short("name"), value: short("Ada"), salt: Salt::from_bytes([1; 32]) }];
    let credential = scene.credential(&AttributeSet::of(&attributes).unwrap());
    seeds.json("issued-credential", "1", &IssuedCredential { credential, attributes });
    let account = format!(
        r#"{{"key":"{}","balance":"1000000","reserved":"160000","withheld":"0","reputation":100,"opened":{}}}"#,
        scene.account.public_key(),
        after(0).as_unix_millis()
    );
    seeds.valid("account", "1", &account);
    let statement = format!(
        r#"{{"account":{account},"lines":[{{"entry":1,"at":1767225600500,"cause":"deposit","channel":null,"reference":"a","movements":[{{"bucket":"balance","amount":"1000000","standing":"1000000"}}]}}],"next":null,"reputation_changes":[],"alarms":[]}}"#
    );
    seeds.valid("statement", "1", statement);
    let answer = FraudAnswer {
        channel_id: scene.signed.opening().channel_id(),
        evidence: EvidenceHash::from_bytes([9; 32]),
        state: ChannelState::Frozen,
        frozen: true,
    };
    seeds.json("fraud-answer", "1", &answer);
    let problem = Problem {
        kind: "urn:lockstep:refusal:insufficient_funds".to_owned(),
        title: "insufficient_funds".to_owned(),
        status: 409,
        detail: Refusal::InsufficientFunds.sentence().to_owned(),
        refusal: Some(603),
    };
    seeds.json("problem", "1", &problem);
}

fn files(scene: &Scene) {
    let seeds = Seeds(FILES);
    let mut transcript = Vec::new();
    write_heading(&mut transcript, &scene.signed).unwrap();
    seeds.valid("transcript", "0", &transcript);
    for payment in scene.payments(2) {
        let signature = scene.payment_key().sign(&payment.tx().as_digest());
        write_receipt(&mut transcript, &Receipt::new(&payment, signature)).unwrap();
    }
    seeds.valid("transcript", "2", &transcript);
    seeds.valid("profile", "small", SMALL_PROFILE);
    let logged = NewChannel { request: scene.request.clone(), opening: scene.signed.clone() };
    seeds.json("logged-opening", "1", &logged);
    let (channel, at) = (scene.signed.opening().channel_id(), scene.signed.opening().terms().opened);
    let evidence = EvidenceHash::from_bytes([9; 32]);
    let decisions = [
        Decision::Conviction { channel, evidence, proof: "00".repeat(552), at },
        Decision::Freeze {
            channel,
            reason: FreezeReason::CourtOrder,
            evidence,
            words: "order 17".to_owned(),
            at,
        },
        Decision::Units { channel, decided: Some(Units::from_count(7)), signed: None, changes: 1, at },
        Decision::Accusation {
            channel,
            statement: "no film".to_owned(),
            at,
            verdict: Some((Verdict::AtFault, at)),
        },
        Decision::Reputation {
            account: *scene.payment_key().public_key(),
            points: Reputation::from_points(70),
            at,
        },
    ];
    for (index, decision) in decisions.into_iter().enumerate() {
        let signature = Signature::from_bytes([9; 64]);
        seeds.json("logged-decision", &index.to_string(), &SignedDecision { decision, signature });
    }
}

const SMALL_PROFILE: &str = r#"name = "fabric"
version = "3.1.5"
channel = "payments"
chaincode = "lockstep"
[[orderers]]
address = "127.0.0.1:20050"
server_name = "orderer.example.com"
tls_ca = "orderer/ca.pem"
admin_address = "127.0.0.1:20053"
[[organizations]]
name = "Bank"
msp_id = "BankMSP"
admin = { cert = "a.pem", key = "a.key", msp_dir = "msp" }
user = { cert = "u.pem", key = "u.key" }
peers = [{ address = "127.0.0.1:20051", server_name = "peer0.example.com", tls_ca = "ca.pem" }]
[organizations.chaincode]
address = "127.0.0.1:20060"
tls_cert = "c.pem"
tls_key = "c.key"
client_ca = "ca.pem"
package_id = "lockstep:00"
"#;
