//! What goes wrong around the clients: daemons are killed, processes of the network end, and all of them come back.

use std::time::Duration;

use super::script::{Target, Trouble, Troubles};
use super::{Storm, rest};
use crate::network::NetworkProcesses;
use crate::scenario::Failure;

/// Makes trouble until the storm is over, one at a time, and mends each before the next.
pub(super) fn make(storm: &Storm, network: &NetworkProcesses) -> Result<(), Failure> {
    let mut troubles = Troubles::of(storm.seed, network.is_fabric());
    loop {
        let trouble = troubles.next_trouble();
        rest(storm, trouble.quiet);
        if !storm.rages() {
            return Ok(());
        }
        storm.tally.log("trouble", &format!("{} goes", trouble.target));
        storm.tally.count(format!("killed {}", kind(trouble.target)));
        suffer(storm, network, trouble)?;
        storm.tally.log("trouble", &format!("{} is back", trouble.target));
    }
}

fn suffer(storm: &Storm, network: &NetworkProcesses, trouble: Trouble) -> Result<(), Failure> {
    let name = trouble.target.to_string();
    let seat = match trouble.target {
        Target::Bank => Some(&storm.town.bank),
        Target::Vendor(number) => storm.town.vendors.get(number),
        Target::Chaincode(_) | Target::Peer(_) | Target::Orderer => None,
    };
    if let Some(seat) = seat {
        if seat.has_died() {
            return Err(Failure::new(format!("the {name} died by itself; see {}", seat.log().display())));
        }
        seat.kill();
        away(trouble.away);
        return storm.town.start(seat);
    }
    match trouble.target {
        Target::Orderer => network.stop(&name)?,
        _ => network.kill(&name)?,
    }
    away(trouble.away);
    match trouble.target {
        Target::Chaincode(_) => network.start_chaincodes()?,
        _ => network.start()?,
    }
    Ok(())
}

/// What is away comes back even when the storm ends meanwhile.
fn away(time: Duration) {
    std::thread::sleep(time);
}

const fn kind(target: Target) -> &'static str {
    match target {
        Target::Bank => "the bank",
        Target::Vendor(_) => "a vendor",
        Target::Chaincode(_) => "a chaincode",
        Target::Peer(_) => "a peer",
        Target::Orderer => "the orderer",
    }
}
