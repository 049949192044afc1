//! The table of refusals [Spec §10].

use lockstep_protocol::{Refusal, StreamMeaning};

#[test]
fn numbers_and_names_are_unique_and_ascend() {
    assert!(Refusal::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
    let mut names: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Refusal::ALL.len());
    assert!(
        names
            .iter()
            .all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
    );
}

#[test]
fn every_refusal_is_found_in_fabrics_text() {
    for refusal in Refusal::ALL {
        assert_eq!(Refusal::from_number(refusal.number()), Some(*refusal));
        let wrapped = format!("rpc error: ELSE LS999 x: chaincode response 500, {refusal} (peer 2)");
        assert_eq!(Refusal::find_in(&wrapped), Ok(*refusal));
        let json = serde_json::to_string(refusal).unwrap();
        assert_eq!(serde_json::from_str::<Refusal>(&json).unwrap(), *refusal);
    }
    for text in [
        "",
        "LS",
        "LS201",
        "LS201 other_name: text",
        "LS999 unknown_channel: text",
        "LS201 unknown_channel",
        "LS+201 unknown_channel: text",
        "LS0201 unknown_channel: text",
        "LS00201 unknown_channel: text",
        "LS+01 unknown_channel: text",
        "LS 201 unknown_channel: text",
    ] {
        assert!(Refusal::find_in(text).is_err(), "{text}");
    }
}

#[test]
fn the_contract_form_is_fixed() {
    assert_eq!(Refusal::UnknownChannel.to_string(), "LS201 unknown_channel: No channel has this id.");
}

#[test]
fn the_stream_and_nothing_else_says_retry_or_over() {
    // These two can end a stream too: a record whose σ₀ is bad is not taken, and bytes that are no value are no message.
    let also = [Refusal::MalformedValue, Refusal::BadBankSignature];
    for refusal in Refusal::ALL {
        let expected = refusal.number() >= 700 || also.contains(refusal);
        assert_eq!(refusal.stream_meaning().is_some(), expected, "{refusal}");
    }
    assert_eq!(Refusal::NumberAhead.stream_meaning(), Some(StreamMeaning::RetryLater));
    assert_eq!(Refusal::NumberUsed.stream_meaning(), Some(StreamMeaning::Over));
}
