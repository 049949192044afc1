//! Several contracts in one chaincode.

use super::dispatch::{self, AnyContract, SYSTEM_CONTRACT};
use super::{Contract, Info};
use crate::{Chaincode, Response, Stub};

/// Contracts that cannot be in one chaincode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractSetError {
    /// Clients could not tell the two apart.
    #[error("multiple contracts being merged into chaincode with name {name}")]
    NameTaken {
        /// The name.
        name: &'static str,
    },
    /// There is no contract to make the default.
    #[error("Contract not found with name {name}")]
    Unknown {
        /// The name.
        name: String,
    },
}

/// A chaincode of several contracts. Clients put a contract's name and a colon before a function's name; without, the
/// default contract is called, which is the first one unless another is chosen.
///
/// ```
/// use hlf_shim::testing::{Call, MemoryLedger};
/// use hlf_shim::{ContractChaincode, contract};
///
/// struct Hall;
/// struct Cellar;
///
/// #[contract(name = "hall")]
/// impl Hall {
///     #[transaction(evaluate)]
///     fn whereabouts(&self) -> Result<String, String> {
///         Ok("in the hall".into())
///     }
/// }
///
/// #[contract(name = "cellar")]
/// impl Cellar {
///     #[transaction(evaluate)]
///     fn whereabouts(&self) -> Result<String, String> {
///         Ok("in the cellar".into())
///     }
/// }
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let house = ContractChaincode::new(Hall).with(Cellar)?;
/// let mut ledger = MemoryLedger::new("house");
/// let done = ledger.evaluate(&house, Call::new("cellar:Whereabouts", [""; 0])).await;
/// assert_eq!(done.response.payload(), b"in the cellar");
/// # Ok::<(), hlf_shim::ContractSetError>(())
/// # }).unwrap();
/// ```
pub struct ContractChaincode {
    contracts: Vec<Box<dyn AnyContract>>,
    default: usize,
    info: Info,
}

impl std::fmt::Debug for ContractChaincode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.contracts.iter().map(|contract| contract.name());
        f.debug_list().entries(names).finish()
    }
}

impl ContractChaincode {
    /// A chaincode of one contract, which is the default.
    pub fn new(contract: impl Contract) -> Self {
        Self { contracts: vec![Box::new(contract)], default: 0, info: Info::default() }
    }

    /// With another contract.
    ///
    /// # Errors
    ///
    /// [`ContractSetError::NameTaken`] if there is one of this name.
    pub fn with(mut self, contract: impl Contract) -> Result<Self, ContractSetError> {
        let name = Contract::name(&contract);
        if name == SYSTEM_CONTRACT || self.contracts.iter().any(|other| other.name() == name) {
            return Err(ContractSetError::NameTaken { name });
        }
        self.contracts.push(Box::new(contract));
        Ok(self)
    }

    /// With another default contract.
    ///
    /// # Errors
    ///
    /// [`ContractSetError::Unknown`] if there is none of this name.
    pub fn with_default(mut self, name: &str) -> Result<Self, ContractSetError> {
        let found = self.contracts.iter().position(|contract| contract.name() == name);
        self.default = found.ok_or_else(|| ContractSetError::Unknown { name: name.to_owned() })?;
        Ok(self)
    }

    /// With what the metadata say about the chaincode as a whole.
    #[must_use]
    pub fn with_info(mut self, info: Info) -> Self {
        self.info = info;
        self
    }
}

impl Chaincode for ContractChaincode {
    async fn invoke(&self, stub: &Stub) -> Response {
        let contracts: Vec<_> = self.contracts.iter().map(|contract| &**contract).collect();
        dispatch::invoke(&contracts, self.default, &self.info, stub).await
    }
}
