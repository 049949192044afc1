//! Every contract function, given what no honest client would give it: a coded refusal each time, and the contract still there.

use lockstep_protocol::Refusal;

use crate::contract::{As, ObservedContract};
use crate::runtime::block_on;
use crate::scenario::{Context, Failure, Scenario, expect_eq};

pub(super) const SCENARIOS: &[Scenario] =
    &[Scenario { name: "malformed arguments are refused with a code by every function", run: malformed }];

/// The contract's functions and how many arguments each takes.
const FUNCTIONS: [(&str, usize); 12] = [
    ("RegisterBank", 1),
    ("Open", 1),
    ("Cancel", 1),
    ("CloseByRelease", 1),
    ("CloseByToken", 1),
    ("Refund", 1),
    ("Freeze", 1),
    ("Resolve", 1),
    ("Channel", 1),
    ("Channels", 4),
    ("History", 1),
    ("Bank", 1),
];

/// The size of an argument that nobody needs.
const HUGE: usize = 4 * 1024 * 1024;

fn malformed(context: &Context) -> Result<(), Failure> {
    const NAME: &str = "malformed arguments are refused with a code by every function";
    block_on(async {
        let contract = context.contract(NAME, "ClientMSP", As::User)?;
        for (function, count) in FUNCTIONS {
            let all = |argument: &[u8]| vec![argument.to_vec(); count];
            let cases = [
                ("too few arguments", vec![b"x".to_vec(); count - 1], Refusal::WrongArgumentCount),
                ("too many arguments", vec![b"x".to_vec(); count + 1], Refusal::WrongArgumentCount),
                ("empty arguments", all(b""), Refusal::EmptyArgument),
                ("huge arguments", all(&vec![b'x'; HUGE / count]), Refusal::ArgumentTooLarge),
                ("arguments that are not UTF-8", all(b"\xff\xfe\x80"), Refusal::ArgumentNotUtf8),
            ];
            for (what, arguments, expected) in cases {
                ask(&contract, function, what, &arguments, expected).await?;
            }
            let reads = matches!(function, "Channel" | "Channels" | "History" | "Bank");
            let nonsense = if reads { Refusal::MalformedValue } else { Refusal::MalformedDocument };
            for text in ["{}", "[[[[", "null", "\u{0}", "{\"opening\":{},\"opening\":{}}"] {
                ask(&contract, function, &format!("{text:?}"), &all(text.as_bytes()), nonsense).await?;
            }
        }
        ask(&contract, "NoSuchFunction", "an unknown function", &[], Refusal::UnknownFunction).await?;
        ask(&contract, "", "no function", &[], Refusal::UnknownFunction).await
    })
}

async fn ask(
    contract: &ObservedContract,
    function: &str,
    what: &str,
    arguments: &[Vec<u8>],
    expected: Refusal,
) -> Result<(), Failure> {
    let step = format!("{function}: {what}");
    let read = contract.evaluate(&step, function, arguments).await;
    expect_eq(&step, read.refusal()?, expected)?;
    let written = contract.submit(&format!("{step}, submitted"), function, arguments).await;
    expect_eq(&step, written.refusal()?, expected)
}
