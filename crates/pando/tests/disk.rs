//! A full disk, on a small tmpfs: 503 while it is full, nothing lost, and writes
//! again when there is room. Mounting takes root; without it this test fails and
//! says so.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Server, migrate};

/// A small file system of its own, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> SmallDisk {
        std::fs::create_dir_all(at).expect("a folder");
        let mounted = as_root(&["mount", "-t", "tmpfs", "-o", size, "pando-test"], at);
        assert!(
            mounted,
            "this test mounts a tmpfs: run it as root, or where sudo asks for no password"
        );
        SmallDisk(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        as_root(&["umount", "-l"], &self.0);
    }
}

fn as_root(command: &[&str], at: &Path) -> bool {
    let id = Command::new("id").arg("-u").output().expect("id(1)");
    let (program, args) = if id.stdout.starts_with(b"0") {
        (command[0], &command[1..])
    } else {
        ("sudo", command)
    };
    let mut command = Command::new(program);
    if program == "sudo" {
        command.arg("-n");
    }
    let status = command.args(args).arg(at).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn a_full_disk_is_told_with_503_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = SmallDisk::mount(&folder.path().join("disk"), "size=12m,mode=777");
    let work = disk.0.as_path();
    migrate(
        work,
        "create table t (id bigint primary key, note text not null);",
    );
    let server = Server::start(work);
    let mut connection = server.connect();
    let note = "x".repeat(20_000);
    let mut stored = Vec::new();
    let full = loop {
        let id = stored.len();
        assert!(id < 2_000, "the disk does not fill");
        let body = format!("{{\"id\":{id},\"note\":\"{note}\"}}");
        let answer = connection.ask("POST", "/rest/v1/t", "", &body);
        if answer.status != 201 {
            break answer;
        }
        stored.push(id);
    };
    assert_eq!(full.status, 503, "{full:?}");
    assert!(
        full.head.to_lowercase().contains("retry-after:"),
        "{full:?}"
    );
    assert!(full.body.contains("Free some room on the disk"), "{full:?}");
    assert!(!stored.is_empty());
    let read = connection.ask("GET", "/rest/v1/t?select=id&id=eq.0", "", "");
    assert_eq!(read.status, 200, "reads go on: {read:?}");
    server.kill();

    // Room again: everything that was acknowledged is there, and writes go on.
    let grown = as_root(&["mount", "-o", "remount,size=64m"], work);
    assert!(grown, "the tmpfs can be made larger");
    let server = Server::start(work);
    let mut connection = server.connect();
    for id in &stored {
        let path = format!("/rest/v1/t?select=id&id=eq.{id}");
        let rows = connection.ask("GET", &path, "", "").json();
        assert_eq!(
            rows.as_array().map(Vec::len),
            Some(1),
            "{id} was acknowledged"
        );
    }
    let path = "/rest/v1/t?select=id";
    let all = connection.ask("GET", path, "Prefer: count=exact\r\n", "");
    let count = all.json().as_array().map(Vec::len);
    assert_eq!(count, Some(stored.len()), "what was refused is not there");
    let more = connection.ask("POST", "/rest/v1/t", "", "{\"id\":99999,\"note\":\"y\"}");
    assert_eq!(more.status, 201, "{more:?}");
    server.kill();
    drop(disk);
}
