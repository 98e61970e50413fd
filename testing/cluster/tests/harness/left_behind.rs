//! Nothing is left behind, however a test ends.

use pando_cluster::{Network, Postgres, until};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// How the test of the child process ends.
const END: &str = "PANDO_CLUSTER_TEST_END";
const LIMIT: Duration = Duration::from_secs(30);

/// Does something only in a process of its own, as the others order it.
#[tokio::test]
async fn a_process_that_ends_in_the_way_that_it_is_told() {
    let Ok(end) = std::env::var(END) else { return };
    let postgres = Postgres::builder()
        .network(Network::Lan)
        .start()
        .await
        .unwrap();
    postgres.set_cpu_quota(Some(1.0)).unwrap();
    println!("\ndata {}", postgres.data().display());
    match end.as_str() {
        "return" => {}
        "panic" => panic!("as ordered"),
        _ => std::future::pending().await,
    }
}

#[tokio::test]
async fn nothing_is_left_after_a_return_or_a_panic() {
    for end in ["return", "panic"] {
        let Started {
            mut child,
            mut output,
            data,
        } = start(end);
        std::io::copy(&mut output, &mut std::io::sink()).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.success(), end == "return");
        let traces = Traces::of(&data);
        // Another test may have taken the number by now, with a folder of its own.
        assert!(!traces.data.exists(), "{end}");
        assert_eq!(traces.processes(), Vec::<String>::new(), "{end}");
    }
}

#[tokio::test]
async fn all_processes_end_with_a_test_that_is_killed_and_the_next_removes_the_rest() {
    let Started {
        mut child,
        output: _output,
        data,
    } = start("wait");
    let traces = Traces::of(&data);
    assert!(!traces.processes().is_empty());
    assert!(traces.link.exists() && !traces.groups().is_empty());
    fs::write(data.join("marker"), "").unwrap();
    let before = fs::read_to_string("/proc/mounts").unwrap();
    assert!(!before.contains("pando"), "{before}");
    child.kill().unwrap();
    child.wait().unwrap();
    let ended = || async {
        let left = traces.processes();
        if left.is_empty() {
            Ok(())
        } else {
            Err(left.join("\n"))
        }
    };
    until("every process ended", LIMIT, ended).await.unwrap();
    // Numbers are taken from the lowest up: one of the next has the killed one's.
    let mut others = Vec::new();
    while data.join("marker").exists() {
        assert!(others.len() < 20, "nobody removed {}", data.display());
        others.push(Postgres::builder().start().await.unwrap());
    }
}

/// A process of this test's program that has started a server.
struct Started {
    child: Child,
    /// Kept: a process that cannot write its output fails.
    output: BufReader<ChildStdout>,
    /// The data folder of the server.
    data: PathBuf,
}

fn start(end: &str) -> Started {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "left_behind::a_process_that_ends_in_the_way_that_it_is_told",
        ])
        .arg("--nocapture")
        .env(END, end)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let data = loop {
        let mut line = String::new();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "no server");
        if let Some(path) = line.strip_prefix("data ") {
            break PathBuf::from(path.trim_end());
        }
    };
    Started {
        child,
        output,
        data,
    }
}

/// Where something could be left of a server.
struct Traces {
    data: PathBuf,
    folder: PathBuf,
    link: PathBuf,
    group: String,
}

impl Traces {
    fn of(data: &Path) -> Traces {
        let folder = data.parent().unwrap().parent().unwrap();
        let number = folder.file_name().unwrap().to_str().unwrap();
        Traces {
            data: data.to_owned(),
            folder: folder.to_owned(),
            link: PathBuf::from(format!("/sys/class/net/pando{number}")),
            group: format!("pando-cluster-{number}-"),
        }
    }

    /// Processes that name the server's data, or work in them.
    fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let place = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            let folder = self.folder.join("postgres");
            if line.contains(&*folder.to_string_lossy()) || place.starts_with(&folder) {
                found.push(line);
            }
        }
        found
    }

    fn groups(&self) -> Vec<String> {
        let groups = fs::read_dir("/sys/fs/cgroup/cpu").unwrap().flatten();
        let names = groups.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(&self.group)).collect()
    }
}
