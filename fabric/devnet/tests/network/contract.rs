//! The chaincode of these tests.

use std::sync::Arc;

use hlf_shim::{Chaincode, LedgerError, Response, Stub};
use tokio::sync::Notify;

/// One organisation's instance.
pub(crate) struct Register {
    /// Name of the organisation, for results that differ.
    pub(crate) organization: String,
    /// Told when `Hold` has begun.
    pub(crate) holding: Arc<Notify>,
    /// What `Hold` waits for.
    pub(crate) release: Arc<Notify>,
}

impl Chaincode for Register {
    async fn invoke(&self, stub: &Stub) -> Response {
        let arguments = stub.string_args().unwrap_or_default();
        match self.call(stub, &arguments).await {
            Ok(response) => response,
            Err(error) => Response::error(format!("ledger: {error}")),
        }
    }
}

impl Register {
    async fn call(&self, stub: &Stub, arguments: &[&str]) -> Result<Response, LedgerError> {
        Ok(match arguments {
            ["Put", key, value] => {
                stub.put(key, *value).await?;
                stub.set_event("Put", *key).unwrap();
                Response::success(*value)
            }
            ["Quietly", key, value] => {
                stub.put(key, *value).await?;
                Response::success([])
            }
            ["Tell", name, payload] => {
                stub.put(name, "told").await?;
                stub.set_event(name, *payload).unwrap();
                Response::success([])
            }
            ["Repeat", key, times, text] => {
                let value = text.repeat(times.parse().unwrap());
                stub.put(key, value.as_str()).await?;
                Response::success(value)
            }
            ["Get", key] => Response::success(stub.get(key).await?.unwrap_or_default()),
            ["Delete", key] => {
                stub.delete(key).await?;
                Response::success([])
            }
            ["Increment", key] => increment(stub, key).await?,
            ["Count", start, end, key] => {
                let count = stub.range(start, end).await?.collect().await?.len();
                stub.put(key, count.to_string()).await?;
                Response::success(count.to_string())
            }
            ["Page", size, bookmark] => {
                let page = stub.range_page("", "", size.parse().unwrap(), bookmark).await?;
                let keys: Vec<String> = page.entries.into_iter().map(|entry| entry.key).collect();
                Response::success(format!("{}|{}", keys.join(","), page.bookmark))
            }
            ["PageAndPut"] => {
                stub.range_page("", "", 1, "").await?;
                stub.put("never", "1").await?;
                Response::success([])
            }
            ["History", key] => history(stub, key).await?,
            ["Rich"] => {
                stub.query("{}").await?;
                Response::success([])
            }
            ["Ask", function, argument] => ask(stub, function, argument).await?,
            ["Call"] => stub.call_chaincode("other", vec![b"x".to_vec()], None).await?,
            ["Transient"] => {
                Response::success(stub.transient().unwrap().get("secret").cloned().unwrap_or_default())
            }
            ["Who"] => {
                stub.put("who", self.organization.clone()).await?;
                Response::success(self.organization.clone())
            }
            ["Warn"] => Response::error("four hundred and four").with_status(404),
            ["Fail", message] => Response::error(*message),
            ["Hold", key] => {
                self.holding.notify_one();
                self.release.notified().await;
                Response::success(stub.get(key).await?.unwrap_or_default())
            }
            _ => Response::error("no such function"),
        })
    }
}

async fn ask(stub: &Stub, function: &str, argument: &str) -> Result<Response, LedgerError> {
    let argument = hex::decode(argument).unwrap();
    let arguments = vec![function.as_bytes().to_vec(), stub.channel_id().into(), argument];
    stub.call_chaincode("qscc", arguments, None).await
}

async fn history(stub: &Stub, key: &str) -> Result<Response, LedgerError> {
    let changes = stub.history(key).await?.collect().await?;
    let values = changes
        .into_iter()
        .map(|change| change.value.map_or_else(|| "-".to_owned(), |value| String::from_utf8(value).unwrap()));
    Ok(Response::success(values.collect::<Vec<_>>().join(",")))
}

async fn increment(stub: &Stub, key: &str) -> Result<Response, LedgerError> {
    let number = |value: Option<Vec<u8>>| -> u64 {
        value.map_or(0, |value| String::from_utf8(value).unwrap().parse().unwrap())
    };
    let old = number(stub.get(key).await?);
    stub.put(key, (old + 1).to_string()).await?;
    // Own writes are not seen.
    assert_eq!(number(stub.get(key).await?), old);
    Ok(Response::success((old + 1).to_string()))
}
