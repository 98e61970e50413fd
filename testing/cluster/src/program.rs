//! The programs that are run: where they are, as whom they run, and those that run once.

use crate::error::{Error, Result};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Debian's folder of the version that Pando is tested with; what `PATH` finds may be another.
const POSTGRES_BIN: &str = "/usr/lib/postgresql/15/bin";
/// Where Debian puts the others. `PATH` of a test may lack `sbin`.
const FOLDERS: [&str; 4] = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];
/// A folder that goes before them.
const OTHERS: &str = "PANDO_PROGRAMS";
/// The environment of everything that is started: nothing of the test's.
pub(crate) const ENVIRONMENT: [(&str, &str); 2] = [
    ("PATH", "/usr/bin:/usr/sbin:/bin:/sbin"),
    ("LC_ALL", "C.UTF-8"),
];
const USER: &str = "postgres";

/// A program of PostgreSQL's.
pub(crate) fn postgres(name: &str) -> Result<PathBuf> {
    let path = Path::new(POSTGRES_BIN).join(name);
    if path.exists() {
        return Ok(path);
    }
    let path = path.display();
    Err(missing(&format!("{path} (PostgreSQL 15)")))
}

/// The folder of PostgreSQL's programs.
pub(crate) fn postgres_folder() -> Result<PathBuf> {
    postgres("postgres").map(|_| PathBuf::from(POSTGRES_BIN))
}

/// A program of the system's; where `PANDO_PROGRAMS` names a folder that has it, that one, so that
/// the tests can be run against another version.
pub(crate) fn system(name: &str) -> Result<PathBuf> {
    let others = std::env::var_os(OTHERS).map(PathBuf::from);
    let folders = others.into_iter().chain(FOLDERS.map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|path| path.exists())
        .ok_or_else(|| missing(name))
}

fn missing(what: &str) -> Error {
    Error::new(format!("{what} is missing: run `.ci/install cluster`"))
}

/// Who runs servers. PostgreSQL refuses to run as root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
    is_root: bool,
}

impl Account {
    /// The user `postgres` where the test is root, else the test's own.
    pub(crate) fn find() -> Result<Account> {
        let own = fs::metadata("/proc/self")
            .map_err(|error| Error::file("read", Path::new("/proc/self"), &error))?;
        if own.uid() != 0 {
            let (uid, gid) = (own.uid(), own.gid());
            return Ok(Account {
                uid,
                gid,
                is_root: false,
            });
        }
        let path = Path::new("/etc/passwd");
        let users = fs::read_to_string(path).map_err(|error| Error::file("read", path, &error))?;
        let ids = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == USER).then_some(())?;
            let uid = fields.nth(1)?.parse().ok()?;
            Some((uid, fields.next()?.parse().ok()?))
        });
        let (uid, gid) = ids.ok_or_else(|| missing("the user postgres"))?;
        Ok(Account {
            uid,
            gid,
            is_root: true,
        })
    }

    /// Whether the test is root: namespaces of the network need it.
    pub(crate) fn is_root(self) -> bool {
        self.is_root
    }

    /// Who the test is, for names that two users must not share.
    pub(crate) fn own_uid(self) -> u32 {
        if self.is_root { 0 } else { self.uid }
    }

    /// What stands before a server's command.
    pub(crate) fn prefix(self) -> Vec<String> {
        if !self.is_root {
            return Vec::new();
        }
        let words = [
            "setpriv",
            "--reuid=postgres",
            "--regid=postgres",
            "--init-groups",
        ];
        words.map(str::to_owned).to_vec()
    }

    /// Gives a file or folder to whom servers run as.
    pub(crate) fn own(self, path: &Path) -> Result<()> {
        if !self.is_root {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid))
            .map_err(|error| Error::file("change the owner of", path, &error))
    }

    /// A folder of its own.
    pub(crate) fn create_folder(self, path: &Path) -> Result<()> {
        fs::create_dir_all(path).map_err(|error| Error::file("create", path, &error))?;
        self.own(path)
    }

    /// A file of its own.
    pub(crate) fn write(self, path: &Path, text: &str) -> Result<()> {
        fs::write(path, text).map_err(|error| Error::file("write", path, &error))?;
        self.own(path)
    }
}

/// Runs a program to its end, as the test's user, and answers what it wrote.
pub(crate) async fn run(program: &Path, arguments: &[&str], limit: Duration) -> Result<String> {
    run_words(words(program, arguments), limit).await
}

/// The same as whom servers run as.
pub(crate) async fn run_as(
    account: Account,
    program: &Path,
    arguments: &[&str],
    limit: Duration,
) -> Result<String> {
    let mut all = account.prefix();
    all.extend(words(program, arguments));
    run_words(all, limit).await
}

fn words(program: &Path, arguments: &[&str]) -> Vec<String> {
    let first = program.display().to_string();
    let rest = arguments.iter().map(|word| (*word).to_owned());
    std::iter::once(first).chain(rest).collect()
}

async fn run_words(words: Vec<String>, limit: Duration) -> Result<String> {
    let said = words.join(" ");
    let output = tokio::task::spawn_blocking(move || {
        // `timeout` ends it where it hangs, also when nobody waits any more.
        Command::new("timeout")
            .args(["--kill-after=1", &limit.as_secs_f32().to_string()])
            .args(words)
            .env_clear()
            .envs(ENVIRONMENT)
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
    });
    let output = match output.await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(Error::new(format!("cannot run {said}: {error}"))),
        Err(error) => return Err(Error::new(format!("{said}: {error}"))),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let why = match output.status.code() {
        Some(124) => format!("took longer than {limit:?}"),
        _ => output.status.to_string(),
    };
    let told = text(&output.stderr);
    Err(Error::new(format!("{said}: {why}\n{told}")))
}
