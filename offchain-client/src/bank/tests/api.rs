//! The HTTP interface over real TLS, for friends and for strangers.

use lockstep_protocol::account::AccountProof;
use lockstep_protocol::amount::Amount;
use lockstep_protocol::hash::{Challenge, ShortText};
use lockstep_protocol::refusal::Refusal;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::served::Served;
use super::world::{CLIENT, DRIFT, VENDOR, bank_secret, secret};
use crate::bank::client::{BankClient, BankError};
use crate::home::Home;
use crate::tls::{self, ALPN_HTTP, CERTIFICATE_FILE, pinned_client_config};

impl Served {
    fn raw(&self) -> Client {
        let tls = pinned_client_config(&self.home.path(CERTIFICATE_FILE), ALPN_HTTP).unwrap();
        Client::builder().tls_backend_preconfigured(tls).build().unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
        let answer = self.raw().post(self.url(path)).body(body).send().await.unwrap();
        let status = answer.status();
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        (status, answer.json().await.unwrap())
    }

    async fn challenge(&self) -> Challenge {
        let answer = self.raw().post(self.url("/v1/challenge")).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["challenge"].as_str().unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn a_client_opens_an_account_takes_a_credential_and_gets_an_opening() {
    let served = Served::new().await;
    let (bank, world) = (served.client(), &served.world);
    let info = bank.info().await.unwrap();
    assert_eq!((info.bank_key, info.max_drift), (*bank_secret().public_key(), DRIFT));
    assert_eq!(
        BankClient::discover(&served.address.to_string(), &served.home.path(CERTIFICATE_FILE)).await.unwrap(),
        info
    );
    for party in [CLIENT, VENDOR] {
        let account = bank.open_account(&secret(party)).await.unwrap();
        assert_eq!(bank.open_account(&secret(party)).await.unwrap(), account);
    }
    bank.credential(&secret(VENDOR), None).await.unwrap();
    world.deposit(CLIENT, 1_000, "cash").await;
    let short = |text: &str| ShortText::new(text).unwrap();
    let books = world.bank.books();
    for (name, value) in [("country", "MO"), ("over_18", "true")] {
        books
            .set_attribute(secret(CLIENT).public_key(), &short(name), &short(value), world.now())
            .await
            .unwrap();
    }
    let issued = bank.credential(&secret(CLIENT), Some(vec![short("country")])).await.unwrap();
    let names: Vec<_> = issued.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    assert_eq!(names, ["issuer", "country"]);
    let (request, _, _) = world.request((CLIENT, *issued.credential.root()), VENDOR, (10, 60), 1);
    let opening = bank.request_opening(&secret(CLIENT), &request, DRIFT).await.unwrap();
    assert_eq!(bank.request_opening(&secret(CLIENT), &request, DRIFT).await.unwrap(), opening);
    let statement = bank.statement(&secret(CLIENT), 0).await.unwrap();
    assert_eq!(statement.lines.len(), 2);
    assert_eq!(bank.account(&secret(CLIENT)).await.unwrap().reserved, Amount::from_micros(600));
    served.stop().await;
}

#[tokio::test]
async fn a_vendor_reports_a_fraud_and_a_stranger_cannot() {
    let served = Served::new().await;
    let (bank, world) = (served.client(), &served.world);
    let identity = world.join(CLIENT).await;
    world.join(VENDOR).await;
    world.deposit(CLIENT, 1_000, "cash").await;
    let granted = world.grant((CLIENT, identity), VENDOR, (10, 60), 1).await.unwrap();
    let (proof, honest) = (world.two_payments(&granted, false), world.two_payments(&granted, true));
    let unknown = bank.report_fraud(&secret(VENDOR), granted.id(), &proof).await.unwrap_err();
    assert_eq!(unknown.refusal(), Some(Refusal::UnknownChannel));
    world.see(&world.open(&granted).unwrap().unwrap()).await;
    let bad = bank.report_fraud(&secret(VENDOR), granted.id(), &honest).await.unwrap_err();
    assert_eq!(bad.refusal(), Some(Refusal::BadFraudProof));
    let stranger = bank.report_fraud(&secret(CLIENT), granted.id(), &proof).await.unwrap_err();
    assert_eq!(stranger.refusal(), Some(Refusal::OtherVendor));
    assert_eq!(world.account(CLIENT).await.reputation.as_points(), 100);
    let answer = bank.report_fraud(&secret(VENDOR), granted.id(), &proof).await.unwrap();
    assert_eq!((answer.frozen, answer.evidence), (true, proof.evidence()));
    assert_eq!(bank.report_fraud(&secret(VENDOR), granted.id(), &proof).await.unwrap(), answer);
    assert_eq!(world.account(CLIENT).await.reputation.as_points(), 40);
    assert_eq!(world.ledger.history().len(), 2);
    let challenge = served.challenge().await;
    let account = AccountProof::sign(&secret(VENDOR), bank_secret().public_key(), &challenge);
    let short = json!({ "challenge": challenge, "proof": account, "request": { "proof": "00" } });
    let path = format!("/v1/channels/{}/fraud-proof", granted.id());
    let (status, problem) = served.post(&path, short.to_string()).await;
    assert_eq!((status, &problem["refusal"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(507)));
    served.stop().await;
}

#[tokio::test]
async fn refusals_carry_their_number() {
    let served = Served::new().await;
    let bank = served.client();
    let unknown = bank.account(&secret(CLIENT)).await.unwrap_err();
    assert_eq!(unknown.refusal(), Some(Refusal::UnknownAccount));
    let identity = served.world.join(CLIENT).await;
    served.world.join(VENDOR).await;
    let (request, _, _) = served.world.request((CLIENT, identity), VENDOR, (10, 60), 1);
    let poor = bank.request_opening(&secret(CLIENT), &request, DRIFT).await.unwrap_err();
    assert_eq!(poor.refusal(), Some(Refusal::InsufficientFunds));
    let unrecorded = vec![ShortText::new("income").unwrap()];
    let error = bank.credential(&secret(CLIENT), Some(unrecorded)).await.unwrap_err();
    assert!(matches!(error, BankError::Problem { status: 400, .. }), "{error}");
    served.stop().await;
}

#[tokio::test]
async fn a_proof_serves_once_and_for_its_own_key() {
    let served = Served::new().await;
    let challenge = served.challenge().await;
    let proof = AccountProof::sign(&secret(CLIENT), bank_secret().public_key(), &challenge);
    let body = json!({ "challenge": challenge, "proof": proof, "request": {} }).to_string();
    let first = served.raw().post(served.url("/v1/accounts")).body(body.clone()).send().await.unwrap();
    assert_eq!(first.status(), StatusCode::OK);
    let (status, problem) = served.post("/v1/accounts", body).await;
    assert_eq!((status, &problem["refusal"]), (StatusCode::UNAUTHORIZED, &json!(612)));
    let challenge = served.challenge().await;
    let stolen = AccountProof::from_parts(
        *secret(CLIENT).public_key(),
        *AccountProof::sign(&secret(VENDOR), bank_secret().public_key(), &challenge).signature(),
    );
    let body = json!({ "challenge": challenge, "proof": stolen, "request": {} }).to_string();
    let (status, problem) = served.post("/v1/account", body).await;
    assert_eq!((status, &problem["refusal"]), (StatusCode::UNAUTHORIZED, &json!(505)));
    let invented = json!({ "challenge": Challenge::from_bytes([0; 32]), "proof": proof, "request": {} });
    let (_, problem) = served.post("/v1/account", invented.to_string()).await;
    assert_eq!(problem["refusal"], json!(612));
    served.stop().await;
}

#[tokio::test]
async fn whatever_is_sent_is_answered_with_a_problem_document() {
    let served = Served::new().await;
    let deep = "[".repeat(10_000);
    let long_text = format!("{{\"challenge\":\"{}\"}}", "f".repeat(20_000));
    let bodies: [&[u8]; 9] = [
        b"",
        b"null",
        b"{}",
        b"[1,2",
        b"\xff\xfe\x00",
        b"{\"challenge\":1,\"proof\":2,\"request\":3}",
        b"{\"challenge\":null,\"challenge\":null}",
        deep.as_bytes(),
        long_text.as_bytes(),
    ];
    for path in
        ["/v1/accounts", "/v1/account", "/v1/credentials", "/v1/credential", "/v1/openings", "/v1/statement"]
    {
        for body in bodies {
            let (status, problem) = served.post(path, body.to_vec()).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
            assert_eq!(problem["status"], json!(400));
        }
    }
    let (status, _) = served.post("/v1/openings", vec![b'a'; 40_000]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _) = served.post("/v1/nothing", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = served.post("/v1/info", "").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(served.client().info().await.is_ok());
    served.stop().await;
}

#[tokio::test]
async fn a_foreign_certificate_and_a_bank_that_is_not_there_are_told_apart() {
    let served = Served::new().await;
    let other = Home::create(&served.world.folder.path().join("other")).unwrap();
    tls::create(&other, "other", &[], None).unwrap();
    let key = *bank_secret().public_key();
    let address = served.address.to_string();
    let stranger = BankClient::new(&address, &other.path(CERTIFICATE_FILE), key).unwrap();
    let error = stranger.info().await.unwrap_err();
    assert!(matches!(error, BankError::OtherCertificate(_)), "{error:?}");
    let pinned =
        BankClient::new(&address, &served.home.path(CERTIFICATE_FILE), *secret(9).public_key()).unwrap();
    assert!(matches!(pinned.info().await.unwrap_err(), BankError::OtherBank { .. }));
    let certificate = served.home.path(CERTIFICATE_FILE);
    let kept = served.client();
    served.stop.cancel();
    served.serving.await.unwrap().unwrap();
    let error = kept.info().await.unwrap_err();
    assert!(matches!(error, BankError::Unreachable { .. }) && error.is_temporary(), "{error:?}");
    for address in ["", "no port?", "host:port", "a/b:1", "user@host:1"] {
        let error = BankClient::new(address, &certificate, key).err();
        assert!(matches!(error, Some(BankError::Address(_))), "{address}");
    }
}
