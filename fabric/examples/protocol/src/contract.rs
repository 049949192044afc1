//! The contract.

use hlf_shim::{CompositeKey, KeyEndorsementPolicy, PolicyRole, Stub, contract};

use crate::answer::{
    Called, Context, Document, Keys, Pair, Parts, by_attributes, hex, pairs, text, text_or_empty,
};
use crate::error::ProtocolError;

type Answer<T> = Result<T, ProtocolError>;

/// Everything that a stub can do, a function each. Lists come as JSON.
pub(crate) struct Protocol;

#[contract(name = "Protocol", title = "Protocol", license = "Apache-2.0")]
impl Protocol {
    #[transaction(submit)]
    async fn put(&self, stub: &Stub, key: String, value: String) -> Answer<String> {
        stub.put(&key, value.as_str()).await?;
        stub.set_event("put", key)?;
        Ok(value)
    }

    #[transaction(evaluate)]
    async fn get(&self, stub: &Stub, key: String) -> Answer<String> {
        Ok(text_or_empty(stub.get(&key).await?))
    }

    #[transaction(submit)]
    async fn remove(&self, stub: &Stub, key: String) -> Answer<()> {
        Ok(stub.delete(&key).await?)
    }

    /// Several reads as one message to the peer, where it takes that.
    #[transaction(evaluate)]
    async fn get_many(&self, stub: &Stub, keys: Vec<String>) -> Answer<Vec<String>> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        Ok(stub.get_many(&keys).await?.into_iter().map(text_or_empty).collect())
    }

    /// Several writes as one message to the peer, where it takes that.
    #[transaction(submit)]
    async fn put_many(&self, stub: &Stub, entries: Vec<Pair>) -> Answer<()> {
        stub.start_write_batch();
        for (key, value) in entries {
            stub.put(&key, value).await?;
        }
        Ok(stub.finish_write_batch().await?)
    }

    /// Writes that many documents.
    #[transaction(submit)]
    async fn fill(&self, stub: &Stub, prefix: String, count: u32) -> Answer<()> {
        for number in 0..count {
            let document = Document { number, even: number % 2 == 0 };
            stub.put(&format!("{prefix}{number:03}"), serde_json::to_vec(&document)?).await?;
        }
        Ok(())
    }

    #[transaction(evaluate)]
    async fn range(&self, stub: &Stub, start: String, end: String) -> Answer<Vec<Pair>> {
        Ok(pairs(stub.range(&start, &end).await?).await?)
    }

    #[transaction(evaluate)]
    async fn page(
        &self,
        stub: &Stub,
        start: String,
        end: String,
        size: u32,
        bookmark: String,
    ) -> Answer<Keys> {
        Ok(stub.range_page(&start, &end, size, &bookmark).await?.into())
    }

    #[transaction(evaluate)]
    async fn query(&self, stub: &Stub, selector: String) -> Answer<Vec<String>> {
        let found = stub.query(&selector).await?.collect().await?;
        Ok(found.into_iter().map(|entry| entry.key).collect())
    }

    #[transaction(evaluate)]
    async fn query_page(&self, stub: &Stub, selector: String, size: u32, bookmark: String) -> Answer<Keys> {
        Ok(stub.query_page(&selector, size, &bookmark).await?.into())
    }

    /// The values that the key has had, the newest first; null where it was deleted.
    #[transaction(evaluate)]
    async fn history(&self, stub: &Stub, key: String) -> Answer<Vec<Option<String>>> {
        let changes = stub.history(&key).await?.collect().await?;
        Ok(changes.into_iter().map(|change| change.value.as_deref().map(text)).collect())
    }

    #[transaction(evaluate)]
    async fn parts(&self, _stub: &Stub, object_type: String, attributes: Vec<String>) -> Answer<Parts> {
        let key = CompositeKey::new(&object_type, attributes)?.to_string();
        Ok(CompositeKey::parse(&key)?.into())
    }

    #[transaction(submit)]
    async fn put_composite(
        &self,
        stub: &Stub,
        object_type: String,
        attributes: Vec<String>,
        value: String,
    ) -> Answer<()> {
        let key = CompositeKey::new(&object_type, attributes)?.to_string();
        Ok(stub.put(&key, value).await?)
    }

    #[transaction(evaluate)]
    async fn range_composite(
        &self,
        stub: &Stub,
        object_type: String,
        attributes: Vec<String>,
    ) -> Answer<Vec<(Vec<String>, String)>> {
        let prefix = CompositeKey::new(&object_type, attributes)?;
        Ok(by_attributes(pairs(stub.composite_range(&prefix).await?).await?)?)
    }

    #[transaction(evaluate)]
    async fn page_composite(
        &self,
        stub: &Stub,
        object_type: String,
        attributes: Vec<String>,
        size: u32,
        bookmark: String,
    ) -> Answer<Keys> {
        let prefix = CompositeKey::new(&object_type, attributes)?;
        Ok(stub.composite_range_page(&prefix, size, &bookmark).await?.into())
    }

    /// Takes `value` of the transient data.
    #[transaction(submit)]
    async fn put_private(&self, stub: &Stub, collection: String, key: String) -> Answer<()> {
        let value = stub.transient()?.get("value").cloned().ok_or(ProtocolError::NoValue)?;
        Ok(stub.private(collection).put(&key, value).await?)
    }

    #[transaction(evaluate)]
    async fn get_private(&self, stub: &Stub, collection: String, key: String) -> Answer<String> {
        Ok(text_or_empty(stub.private(collection).get(&key).await?))
    }

    #[transaction(evaluate)]
    async fn get_many_private(
        &self,
        stub: &Stub,
        collection: String,
        keys: Vec<String>,
    ) -> Answer<Vec<String>> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        Ok(stub.private(collection).get_many(&keys).await?.into_iter().map(text_or_empty).collect())
    }

    #[transaction(evaluate)]
    async fn hash_private(&self, stub: &Stub, collection: String, key: String) -> Answer<String> {
        Ok(hex(&stub.private(collection).hash(&key).await?.unwrap_or_default()))
    }

    #[transaction(evaluate)]
    async fn range_private(&self, stub: &Stub, collection: String) -> Answer<Vec<Pair>> {
        Ok(pairs(stub.private(collection).range("", "").await?).await?)
    }

    #[transaction(evaluate)]
    async fn query_private(&self, stub: &Stub, collection: String, selector: String) -> Answer<Vec<Pair>> {
        Ok(pairs(stub.private(collection).query(&selector).await?).await?)
    }

    #[transaction(submit)]
    async fn put_private_composite(
        &self,
        stub: &Stub,
        collection: String,
        object_type: String,
        attributes: Vec<String>,
        value: String,
    ) -> Answer<()> {
        let key = CompositeKey::new(&object_type, attributes)?.to_string();
        Ok(stub.private(collection).put(&key, value).await?)
    }

    #[transaction(evaluate)]
    async fn range_private_composite(
        &self,
        stub: &Stub,
        collection: String,
        object_type: String,
        attributes: Vec<String>,
    ) -> Answer<Vec<(Vec<String>, String)>> {
        let prefix = CompositeKey::new(&object_type, attributes)?;
        Ok(by_attributes(pairs(stub.private(collection).composite_range(&prefix).await?).await?)?)
    }

    #[transaction(submit)]
    async fn remove_private(&self, stub: &Stub, collection: String, key: String) -> Answer<()> {
        Ok(stub.private(collection).delete(&key).await?)
    }

    #[transaction(submit)]
    async fn purge_private(&self, stub: &Stub, collection: String, key: String) -> Answer<()> {
        Ok(stub.private(collection).purge(&key).await?)
    }

    /// From then on a peer of each of these organisations endorses changes of the key.
    #[transaction(submit)]
    async fn protect(&self, stub: &Stub, key: String, organizations: Vec<String>) -> Answer<()> {
        Ok(stub.set_validation_parameter(&key, policy_of(organizations)).await?)
    }

    #[transaction(evaluate)]
    async fn protectors(&self, stub: &Stub, key: String) -> Answer<Vec<String>> {
        organizations_of(stub.validation_parameter(&key).await?)
    }

    #[transaction(submit)]
    async fn protect_private(
        &self,
        stub: &Stub,
        collection: String,
        key: String,
        organizations: Vec<String>,
    ) -> Answer<()> {
        Ok(stub.private(collection).set_validation_parameter(&key, policy_of(organizations)).await?)
    }

    #[transaction(evaluate)]
    async fn protectors_private(&self, stub: &Stub, collection: String, key: String) -> Answer<Vec<String>> {
        organizations_of(stub.private(collection).validation_parameter(&key).await?)
    }

    /// Calls another chaincode; without a channel, on this one.
    #[transaction(submit)]
    async fn call(
        &self,
        stub: &Stub,
        chaincode: String,
        channel: String,
        arguments: Vec<String>,
    ) -> Answer<Called> {
        let arguments = arguments.into_iter().map(String::into_bytes).collect();
        let channel = (!channel.is_empty()).then_some(channel.as_str());
        Ok(stub.call_chaincode(&chaincode, arguments, channel).await?.into())
    }

    /// Takes any argument, only to tell it.
    #[transaction(evaluate)]
    async fn context(&self, stub: &Stub, _argument: String) -> Answer<Context> {
        let arguments: Vec<String> = stub.args().iter().map(|argument| text(argument)).collect();
        let (function, parameters) =
            arguments.split_first().map(|(f, p)| (f.clone(), p.to_vec())).unwrap_or_default();
        let transient = stub.transient()?.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let timestamp = stub.timestamp()?;
        Ok(Context {
            channel: stub.channel_id().to_owned(),
            transaction: stub.tx_id().to_owned(),
            function,
            parameters,
            client: stub.client_identity()?.msp_id().to_owned(),
            peer: stub.local_msp_id().unwrap_or_default().to_owned(),
            transient,
            binding: hex(&stub.binding()?),
            timestamp: format!("{}.{}", timestamp.seconds, timestamp.nanos),
        })
    }

    #[transaction(submit)]
    async fn fail(&self, _stub: &Stub, message: String) -> Answer<()> {
        Err(ProtocolError::Asked(message))
    }
}

fn policy_of(organizations: Vec<String>) -> Vec<u8> {
    let mut policy = KeyEndorsementPolicy::new();
    policy.add(PolicyRole::Peer, organizations);
    policy.encode()
}

fn organizations_of(policy: Option<Vec<u8>>) -> Answer<Vec<String>> {
    let Some(policy) = policy else { return Ok(Vec::new()) };
    Ok(KeyEndorsementPolicy::decode(&policy)?.organizations().map(str::to_owned).collect())
}
