//! A CouchDB that is there already, and a database of the test's own in it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A database, deleted when it is dropped.
pub(crate) struct Database {
    address: String,
    credentials: String,
    name: String,
}

impl Database {
    /// A new one on the server that `HLF_SELECTOR_COUCHDB` names, or a word that there is none.
    pub(crate) fn create() -> Option<Self> {
        let Ok(url) = std::env::var("HLF_SELECTOR_COUCHDB") else {
            eprintln!(
                "skipped: HLF_SELECTOR_COUCHDB does not name a CouchDB as http://user:password@host:port"
            );
            return None;
        };
        let place = url.strip_prefix("http://").expect("only http is spoken").trim_end_matches('/');
        let (user, address) = place.split_once('@').expect("a user and a password are needed");
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let database = Self {
            address: address.to_owned(),
            credentials: STANDARD.encode(user),
            name: format!("seltest{nanos}"),
        };
        let created = database.ask("PUT", "", "");
        assert_eq!(created, json!({"ok": true}));
        Some(database)
    }

    /// What the server answers about this database.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        // HTTP/1.0: the answer is whole, and ends with the connection.
        let request = format!(
            "{method} /{}{path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Basic {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.name,
            self.address,
            self.credentials,
            body.len(),
        );
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {answer}"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.ask("DELETE", "", "");
    }
}
