use super::*;

fn sketch() -> Sketch {
    Sketch {
        organizations: ["Bank", "Client", "Vendor"].map(str::to_owned).to_vec(),
        channel: "payments".into(),
        chaincodes: vec!["lockstep".into(), "other".into()],
        collections: BTreeMap::new(),
        domain: "lockstep.test".into(),
        port_base: 18050,
        block_time: Duration::from_millis(100),
        block_size: 500,
        mutual_tls: false,
    }
}

#[test]
fn a_written_configuration_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let config = sketch().config().unwrap();
    config.write(folder.path()).unwrap();
    assert_eq!(Config::read(&folder.path().join(FILE)).unwrap(), config);
}

#[test]
fn ports_and_policy_of_a_sketch() {
    let config = sketch().config().unwrap();
    let gateways: Vec<&str> = config.organizations.iter().map(|org| org.gateway.as_str()).collect();
    assert_eq!(gateways, ["127.0.0.1:18051", "127.0.0.1:18052", "127.0.0.1:18053"]);
    let addresses: Vec<&str> = config
        .chaincodes
        .iter()
        .flat_map(|chaincode| &chaincode.processes)
        .map(|process| process.address.rsplit(':').next().unwrap())
        .collect();
    assert_eq!(addresses, ["18061", "18062", "18063", "18071", "18072", "18073"]);
    assert_eq!(config.chaincodes[0].policy, "MAJORITY Endorsement");
    let policy = config.definition(&config.chaincodes[0]).unwrap().policy.to_string();
    assert_eq!(policy, "OutOf(2, 'BankMSP.peer', 'ClientMSP.peer', 'VendorMSP.peer')");
}

#[test]
fn collections_are_read_from_fabrics_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collections.json");
    let text = r#"[{"name":"secret","policy":"OR('BankMSP.member','VendorMSP.member')","requiredPeerCount":1,
        "maxPeerCount":1,"blockToLive":3,"memberOnlyRead":true,"memberOnlyWrite":true,
        "endorsementPolicy":{"signaturePolicy":"OR('BankMSP.member')"}}]"#;
    std::fs::write(&path, text).unwrap();
    let collections = read_collections(&path).unwrap();
    let sketch = Sketch { collections: BTreeMap::from([("lockstep".into(), collections)]), ..sketch() };
    let config = sketch.config().unwrap();
    config.write(folder.path()).unwrap();
    let config = Config::read(&folder.path().join(FILE)).unwrap();
    let definition = config.definition(&config.chaincodes[0]).unwrap();
    let collection = &definition.collections["secret"];
    assert_eq!(collection.blocks_to_live, 3);
    assert!(
        collection.member_only_read && collection.member_only_write && collection.has_member("VendorMSP")
    );
    assert!(!collection.has_member("ClientMSP"));
    assert_eq!(collection.endorsement.as_ref().unwrap().to_string(), "OutOf(1, 'BankMSP.member')");
    let elsewhere = Sketch { collections: BTreeMap::from([("none".into(), Vec::new())]), ..sketch };
    assert!(matches!(elsewhere.config(), Err(ConfigError::NoChaincode(_))));
}

#[test]
fn configurations_without_sense_are_refused() {
    let refuse = |change: fn(&mut Config)| {
        let mut config = sketch().config().unwrap();
        change(&mut config);
        config.check().unwrap_err().to_string()
    };
    assert_eq!(refuse(|config| config.organizations.clear()), "the network has no organisations");
    assert_eq!(refuse(|config| config.block_size = 0), "block_size must be at least 1");
    assert_eq!(
        refuse(|config| config.organizations[1].msp_id = "BankMSP".into()),
        "organisation BankMSP is there twice"
    );
    assert_eq!(
        refuse(|config| config.chaincodes[0].policy = "AND('BankMSP.peer'".into()),
        "the policy of chaincode lockstep is wrong"
    );
    assert_eq!(
        refuse(|config| config.chaincodes[0].processes[0].msp_id = "X".into()),
        "chaincode lockstep names the unknown organisation X"
    );
    let high = Sketch { port_base: 65530, ..sketch() };
    assert_eq!(high.config().unwrap_err().to_string(), "the port base 65530 is too high");
    let odd = Sketch { organizations: vec!["../x".into()], ..sketch() };
    assert!(matches!(odd.config(), Err(ConfigError::OrganizationName(_))));
}

#[test]
fn unknown_keys_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, "channel = 'c'\ncolour = 'red'\n[[organizations]]\n").unwrap();
    assert!(matches!(Config::read(&path), Err(ConfigError::Parse { .. })));
}

#[test]
fn organisations_beyond_the_limit_are_named() {
    let mut config = sketch().config().unwrap();
    let template = config.organizations[0].clone();
    for number in 0..11 {
        let mut another = template.clone();
        another.name = format!("Extra{number}");
        another.msp_id = format!("Extra{number}MSP");
        another.domain = format!("extra{number}.lockstep.test");
        another.gateway = "127.0.0.1:0".into();
        config.organizations.push(another);
    }
    let refusal = config.check().unwrap_err();
    assert_eq!(refusal.to_string(), "a network has at most 12 organisations; leave out Extra9, Extra10");
    config.organizations.truncate(12);
    config.check().unwrap();
}
