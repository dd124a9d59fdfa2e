//! What only a server can get wrong.

use std::time::{Duration, Instant};

use super::super::postgres::server::{PASSWORD, Server};
use super::super::{Database, OutcomeTable, Recorded, Which};
use super::ground::Ground;
use crate::sink::SinkError;
use crate::sink::sample::{failed, published};

#[test]
fn a_server_that_restarts_costs_a_wait_and_no_outcome() {
    let Some(mut server) = Server::start("a_server_that_restarts_costs_a_wait_and_no_outcome") else { return };
    let table = OutcomeTable::connect(&server.address("postgres").parse().unwrap()).unwrap();
    table.record(&failed("A", "a")).unwrap();
    table.commit().unwrap();
    // Between a record and its commit.
    table.record(&failed("A", "b")).unwrap();
    server.kill();
    server.resume();
    assert_eq!(table.record(&failed("A", "c")).unwrap(), Recorded::New);
    // While nobody answers.
    server.kill();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(700));
            server.resume();
        });
        assert_eq!(table.commit().unwrap(), 2);
    });
    // And once more between commits, for a reader too.
    server.kill();
    server.resume();
    let episodes = table.read(Which::All).unwrap().into_iter().map(|outcome| outcome.episode);
    assert_eq!(episodes.collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn a_server_that_is_frozen_costs_a_wait_and_no_outcome() {
    let Some(server) = Server::start("a_server_that_is_frozen_costs_a_wait_and_no_outcome") else { return };
    let address = server.address("postgres") + "?connect_timeout=1&answer_timeout=1";
    let table = OutcomeTable::connect(&address.parse().unwrap()).unwrap();
    table.record(&failed("A", "a")).unwrap();
    server.freeze();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(3));
            server.thaw();
        });
        // The commit that was not answered is done all the same, as soon as the server goes on.
        assert_eq!(table.commit().unwrap(), 1);
    });
    assert_eq!(table.record(&failed("A", "a")).unwrap(), Recorded::Unchanged);
    server.freeze();
    let error = OutcomeTable::connect(&address.parse().unwrap()).err().unwrap();
    assert!(error.to_string().contains("no answer within 1 s"), "{error}");
    server.thaw();
}

#[test]
fn a_listing_goes_on_behind_the_last_row_when_the_server_restarts() {
    let Some(mut server) = Server::start("a_listing_goes_on_behind_the_last_row") else { return };
    let table = OutcomeTable::connect(&server.address("postgres").parse().unwrap()).unwrap();
    let outcomes: Vec<_> =
        (0..200).map(|i| published("A", &format!("{:03}", i / 2), [i % 2, u64::MAX][i as usize % 2])).collect();
    for outcome in &outcomes {
        table.record(outcome).unwrap();
    }
    let mut read = Vec::new();
    table
        .visit(Which::Published, |outcome| {
            if read.len() == 70 {
                server.kill();
                server.resume();
            }
            read.push(outcome);
            Ok::<_, SinkError>(())
        })
        .unwrap();
    assert_eq!(read, outcomes);
}

#[test]
fn processes_share_a_database_and_make_its_table_once() {
    let Some(ground) = Ground::postgres() else { return };
    std::thread::scope(|scope| {
        for process in 0..4 {
            let ground = &ground;
            scope.spawn(move || {
                let table = ground.table();
                for item in 0..20 {
                    table.record(&failed("A", &format!("{process}/{item}"))).unwrap();
                    table.record(&failed("A", &format!("shared/{}", item % 3))).unwrap();
                    table.commit().unwrap();
                }
            });
        }
    });
    assert_eq!(ground.table().read(Which::All).unwrap().len(), 83);
}

#[test]
fn of_two_that_write_the_same_rows_in_opposite_order_both_succeed() {
    let Some(ground) = Ground::postgres() else { return };
    let (one, other) = (ground.table(), ground.table());
    one.record(&failed("A", "x")).unwrap();
    other.record(&failed("A", "y")).unwrap();
    std::thread::scope(|scope| {
        let crossed = scope.spawn(|| {
            one.record(&failed("A", "y")).unwrap();
            one.commit().unwrap();
        });
        other.record(&failed("A", "x")).unwrap();
        other.commit().unwrap();
        crossed.join().unwrap();
    });
    assert_eq!(one.read(Which::All).unwrap().len(), 2);
}

#[test]
fn who_is_not_let_in_is_told_why_at_once_and_never_a_password() {
    let Some(ground) = Ground::postgres() else { return };
    let Ground::Postgres { server, database } = &ground else { unreachable!() };
    drop(ground.table());
    let new = format!("{database}_new");
    server.sql("postgres", &format!("CREATE DATABASE {new}"));
    server.sql("postgres", &format!("CREATE DATABASE {database}_latin ENCODING 'LATIN1' TEMPLATE template0"));
    server.sql(&new, "CREATE ROLE guest LOGIN PASSWORD 'hunter2'; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let right = server.address(database);
    let as_guest = |database: &str| server.bare_address(database).replace("hark@", "guest:hunter2@");
    let nobody_listens = "postgres://hark:hunter2@127.0.0.1:1/podcasts".to_owned();
    let cases = [
        (right.replace("correct", "hunter2"), "refuses the login"),
        (server.bare_address(database), "refuses the login"),
        (server.address("nowhere"), "\"nowhere\" does not exist; make it with `createdb"),
        (server.address(&format!("{database}_latin")), "LATIN1"),
        (nobody_listens, "no database answers"),
        (as_guest(&new), "let an owner GRANT CREATE"),
        (as_guest(database), "SELECT, INSERT and UPDATE"),
        (right + "?sslmode=require", "no database answers"),
    ];
    for (address, told) in cases {
        let started = Instant::now();
        let database: Database = address.parse().unwrap();
        let error = OutcomeTable::connect(&database).err().expect(&address);
        let text = format!("{error} {error:?} {database:?}");
        assert!(error.to_string().contains(told), "{address}: {error}");
        assert!(!text.contains("hunter2") && !text.contains(PASSWORD), "{text}");
        assert!(started.elapsed() < Duration::from_secs(9), "{address}: {:?}", started.elapsed());
    }
}
