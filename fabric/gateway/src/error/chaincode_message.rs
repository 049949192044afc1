//! What a chaincode itself said.

use super::call::CallError;
use tonic::Code;

/// What Fabric puts before a chaincode's own message, followed by the status (`500`, say), a comma and a blank.
const PREFIX: &str = "chaincode response ";

/// What Evaluate puts before that.
const EVALUATE_PREFIX: &str = "evaluate call to endorser returned error: ";

/// The message with which the chaincode itself refused, if that is why the call failed.
///
/// Fabric has no field for it. It stands, as `chaincode response 500, <message>`, in the details of ABORTED from
/// Endorse, and in the message of UNKNOWN from Evaluate, there with details too.
pub(super) fn chaincode_message(error: &CallError) -> Option<&str> {
    match error.code() {
        Code::Aborted => error.details().iter().find_map(|detail| own_message(&detail.message)),
        Code::Unknown => {
            let message = error.message();
            own_message(message.strip_prefix(EVALUATE_PREFIX).unwrap_or(message))
        }
        _ => None,
    }
}

fn own_message(text: &str) -> Option<&str> {
    let (status, message) = text.strip_prefix(PREFIX)?.split_once(", ")?;
    status.parse::<i32>().ok().map(|_status| message)
}

#[cfg(test)]
mod tests {
    use super::own_message;

    #[test]
    fn the_message_is_what_follows_status_and_comma() {
        assert_eq!(
            own_message("chaincode response 500, LS7 Refused: no, not\nthis"),
            Some("LS7 Refused: no, not\nthis")
        );
        assert_eq!(own_message("chaincode response 404, "), Some(""));
    }

    #[test]
    fn what_fabric_says_itself_is_no_chaincode_message() {
        for text in [
            "",
            "chaincode response 500",
            "chaincode response many, x",
            "error in simulation: chaincode response 500, x",
        ] {
            assert_eq!(own_message(text), None, "{text:?}");
        }
    }
}
