//! Copies of SQLite books, and what a killed bank leaves beside them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::world::{CLIENT, World, secret, time};
use crate::bank::books::{BackupError, Books, Direction, StoreError, Transfer, TransferError};
use crate::bank::config::sqlite_url;

/// What a kill leaves: books and write-ahead log as they stand while the bank has them open.
fn killed(world: &World) -> TempDir {
    let left = tempfile::tempdir().unwrap();
    for name in ["books.db", "books.db-wal", "books.db-shm"] {
        fs::copy(world.folder.path().join(name), left.path().join(name)).unwrap();
    }
    left
}

async fn open(folder: &Path) -> Result<Books, StoreError> {
    Books::connect(&sqlite_url(&folder.join("books.db"))).await
}

/// The client's balance, if the books can be read at all.
async fn balance(folder: &Path) -> Option<u64> {
    let books = open(folder).await.ok()?;
    let account = books.account(secret(CLIENT).public_key()).await.ok()??;
    books.close().await;
    Some(account.balance.as_micros())
}

#[tokio::test]
async fn a_copy_is_whole_where_the_file_alone_is_not() {
    let (world, _) = World::on_file().await.with_parties(1_000).await;
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("books.db");
    world.bank.books().backup(&file).await.unwrap();
    assert_eq!(balance(copy.path()).await, Some(1_000));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let left = killed(&world);
    let alone = tempfile::tempdir().unwrap();
    fs::copy(left.path().join("books.db"), alone.path().join("books.db")).unwrap();
    assert_ne!(balance(alone.path()).await, Some(1_000));
    assert_eq!(balance(left.path()).await, Some(1_000), "all three files together are whole");
}

#[tokio::test]
async fn a_copy_replaces_nothing_and_leaves_nothing_beside_it() {
    let (world, _) = World::on_file().await.with_parties(1_000).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    fs::write(&file, "yesterday's").unwrap();
    let refused = world.bank.books().backup(&file).await.unwrap_err();
    assert!(matches!(refused, BackupError::Exists(_)), "{refused}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "yesterday's");
    let nowhere = world.bank.books().backup(&folder.path().join("no/such")).await.unwrap_err();
    assert!(matches!(nowhere, BackupError::Io { .. }), "{nowhere}");
    fs::remove_file(&file).unwrap();
    world.bank.books().backup(&file).await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_copy_is_put_into_place_without_what_the_killed_bank_left() {
    let (world, _) = World::on_file().await.with_parties(1_000).await;
    let yesterday = world.folder.path().join("yesterday.db");
    world.bank.books().backup(&yesterday).await.unwrap();
    world.deposit(CLIENT, 500, "today").await;

    // The write-ahead log of the lost books is played into whatever stands under the name.
    let careless = killed(&world);
    fs::copy(&yesterday, careless.path().join("books.db")).unwrap();
    assert_ne!(balance(careless.path()).await, Some(1_000));

    let left = killed(&world);
    for name in ["books.db-wal", "books.db-shm"] {
        fs::remove_file(left.path().join(name)).unwrap();
    }
    fs::copy(&yesterday, left.path().join("books.db")).unwrap();
    assert_eq!(balance(left.path()).await, Some(1_000));
    // The copy says of itself that it is behind: it pays nobody out before the bank has asked the ledger.
    let books = open(left.path()).await.unwrap();
    assert!(books.is_catching_up().await.unwrap());
    assert!(!world.bank.books().is_catching_up().await.unwrap());
    let amount = lockstep_protocol::amount::Amount::from_micros(1);
    let key = secret(CLIENT);
    let out =
        Transfer { key: key.public_key(), direction: Direction::Withdrawal, amount, reference: "early" };
    let refused = books.transfer(out, time(super::world::START)).await.unwrap_err();
    assert!(matches!(refused, TransferError::CatchingUp), "{refused}");
}
