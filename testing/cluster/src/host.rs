//! A host of its own for servers: namespaces of processes, shared memory and, on a LAN, of the
//! network.
//!
//! Its first process is a shell that reads what it should do from the test. When the test ends,
//! however it ends, the shell reads the end of its input and ends too; then the kernel kills
//! every process of the namespace, and with the last of them go its mounts, its shared memory
//! and its links. Nothing has to be cleaned by anyone.

use crate::error::{Error, Result, tail};
use crate::lan::Port;
use crate::program::{Account, ENVIRONMENT, system};
use crate::quota::Quota;
use crate::wait;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The host's first process. Its number is read before `/proc` is the host's own. With job
/// control each program is a group of its own, and is not made to ignore SIGINT.
const INIT: &str = r#"
set -m
read -r pid rest </proc/self/stat
mount -t proc proc /proc && mount -t tmpfs -o mode=1777 tmpfs /dev/shm || exit 1
echo "$pid"
while IFS= read -r line; do
  eval "$line"
  printf '\nend %s\n' "$?"
done
"#;
/// A process that got SIGKILL goes as soon as the kernel comes to it.
const DEATH: Duration = Duration::from_secs(20);

/// A host. Everything on it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Host {
    name: String,
    folder: PathBuf,
    account: Account,
    number: u32,
    /// The first process, as the test sees it.
    pid: u32,
    init: Mutex<Init>,
    port: Option<Port>,
    // After `init`: a cgroup goes when its processes have.
    quota: Mutex<Option<Quota>>,
}

/// Where a host lies.
pub(crate) struct Place<'a> {
    pub(crate) name: &'a str,
    pub(crate) folder: PathBuf,
    pub(crate) account: Account,
    /// The number of the lease.
    pub(crate) number: u32,
    pub(crate) own_network: bool,
}

#[derive(Debug)]
struct Init {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// A process of a host's, as the host numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: u32,
    parent: u32,
}

impl Host {
    /// Starts a host with nothing on it.
    pub(crate) fn start(place: Place<'_>) -> Result<Host> {
        let Place {
            name,
            folder,
            account,
            number,
            own_network,
        } = place;
        account.create_folder(&folder)?;
        let log = folder.join("init.log");
        let errors = File::create(&log).map_err(|error| Error::file("create", &log, &error))?;
        let mut command = Command::new(system("unshare")?);
        command.args(["--pid", "--ipc", "--mount", "--fork", "--kill-child"]);
        if !account.is_root() {
            command.args(["--map-current-user", "--keep-caps"]);
        }
        if own_network {
            command.arg("--net");
        }
        let mut child = command
            .args(["bash", "--norc", "--noprofile", "-c", INIT])
            .env_clear()
            .envs(ENVIRONMENT)
            .env("HOME", &folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(|error| Error::new(format!("cannot run unshare: {error}")))?;
        let requests = child.stdin.take();
        let answers = child.stdout.take();
        let answers = answers.ok_or_else(|| Error::new("unshare has no output"))?;
        let mut init = Init {
            child,
            requests,
            answers: BufReader::new(answers),
        };
        let mut first = String::new();
        let read = init.answers.read_line(&mut first);
        let Some(pid) = read.ok().and_then(|_| first.trim().parse().ok()) else {
            init.end();
            let hint = "a namespace for a host could not be made: run the tests as root, or \
                        allow namespaces to users (kernel.unprivileged_userns_clone)";
            return Err(Error::new(hint).with_log(&log));
        };
        Ok(Host {
            name: name.to_owned(),
            folder,
            account,
            number,
            pid,
            init: Mutex::new(init),
            port: None,
            quota: Mutex::new(None),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What belongs to the host lies here, and its logs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who runs what is launched here.
    pub(crate) fn account(&self) -> Account {
        self.account
    }

    /// The first process, as the test sees it: what `ip link … netns` wants.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The link to the LAN, where there is one.
    pub(crate) fn port(&self) -> Result<&Port> {
        let missing = || Error::new(format!("{} is not on a LAN: Network::Lan", self.name));
        self.port.as_ref().ok_or_else(missing)
    }

    pub(crate) fn set_port(&mut self, port: Port) {
        self.port = Some(port);
    }

    /// The log of a program.
    pub(crate) fn log(&self, program: &str) -> PathBuf {
        self.folder.join(format!("{program}.log"))
    }

    /// The end of a log.
    pub(crate) fn log_tail(&self, program: &str) -> String {
        tail(&self.log(program))
    }

    /// Starts a program in the background, its output added to its log; its process number.
    pub(crate) fn launch(&self, program: &str, path: &Path, arguments: &[&str]) -> Result<u32> {
        let mut words = self.account.prefix();
        words.push(path.display().to_string());
        words.extend(arguments.iter().map(|word| (*word).to_owned()));
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let enter = match &*lock(&self.quota) {
            Some(quota) => format!("echo $BASHPID >{} &&", quota.members().display()),
            None => String::new(),
        };
        let log = quoted(&self.log(program).display().to_string());
        let words = words.join(" ");
        let line = format!("( {enter} exec {words} ) </dev/null >>{log} 2>&1 & echo $!");
        let answer = self.request(&line)?;
        let number = answer.trim().parse();
        number.map_err(|_| Error::new(format!("{line}: answered {answer:?}")))
    }

    /// Has the host's shell carry out a line, to its end; its output.
    pub(crate) fn request(&self, line: &str) -> Result<String> {
        let failed = |why: &dyn std::fmt::Display| {
            let log = self.folder.join("init.log");
            Error::new(format!("host {}: {line}: {why}", self.name)).with_log(&log)
        };
        let mut init = lock(&self.init);
        let requests = init
            .requests
            .as_mut()
            .ok_or_else(|| failed(&"it has ended"))?;
        writeln!(requests, "{line}").map_err(|error| failed(&error))?;
        let mut output = String::new();
        loop {
            let mut answer = String::new();
            let read = init.answers.read_line(&mut answer);
            if read.map_err(|error| failed(&error))? == 0 {
                return Err(failed(&"the host has ended"));
            }
            match answer.strip_prefix("end ") {
                Some("0\n") => return Ok(output),
                Some(status) => return Err(failed(&format!("status {}", status.trim()))),
                None => output.push_str(&answer),
            }
        }
    }

    /// Whether a process is there and has not ended.
    pub(crate) fn is_alive(&self, pid: u32) -> bool {
        self.process(pid).is_some()
    }

    /// Waits until none of the processes is there.
    pub(crate) async fn gone(&self, pids: &[u32], limit: Duration) -> Result<()> {
        let what = format!("gone from {}: processes {pids:?}", self.name);
        let look = || async {
            let alive: Vec<&u32> = pids.iter().filter(|pid| self.is_alive(**pid)).collect();
            if alive.is_empty() {
                Ok(())
            } else {
                Err(format!("{alive:?} are there"))
            }
        };
        wait::until(&what, limit, look).await
    }

    /// Kills a process and all that descend from it, none of which can do anything more.
    pub(crate) async fn kill_tree(&self, root: u32) -> Result<()> {
        let stopped = self.stop_tree(root)?;
        self.signal("KILL", &stopped)?;
        self.gone(&stopped, DEATH).await
    }

    /// Stops a process and all that descend from it (SIGSTOP).
    pub(crate) fn stop_tree(&self, root: u32) -> Result<Vec<u32>> {
        let mut stopped = vec![root];
        self.signal("STOP", &stopped)?;
        loop {
            // What was born before its parent stopped.
            let all = self.descendants(root);
            let new: Vec<u32> = all
                .into_iter()
                .filter(|pid| !stopped.contains(pid))
                .collect();
            if new.is_empty() {
                return Ok(stopped);
            }
            self.signal("STOP", &new)?;
            stopped.extend(new);
        }
    }

    /// Lets a process and all that descend from it go on (SIGCONT).
    pub(crate) fn continue_tree(&self, root: u32) -> Result<()> {
        let mut all = self.descendants(root);
        all.push(root);
        self.signal("CONT", &all)
    }

    /// Kills all processes of the host, at once.
    pub(crate) async fn power_off(&self) -> Result<()> {
        // Everything in the namespace but its first process; an error says that there is none.
        self.request("kill -KILL -1 2>/dev/null; true")?;
        let pids: Vec<u32> = self.processes().iter().map(|process| process.pid).collect();
        let others: Vec<u32> = pids.into_iter().filter(|pid| *pid != 1).collect();
        self.gone(&others, DEATH).await
    }

    /// Sends a signal; those that are gone are passed over.
    pub(crate) fn signal(&self, signal: &str, pids: &[u32]) -> Result<()> {
        let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
        let line = format!("kill -{signal} {} 2>/dev/null; true", pids.join(" "));
        self.request(&line).map(drop)
    }

    /// Limits the cores of a process and of what descends from it, and of what is launched
    /// from now on.
    pub(crate) fn set_cpu_quota(&self, root: Option<u32>, cores: Option<f64>) -> Result<()> {
        let mut quota = lock(&self.quota);
        let quota = match &mut *quota {
            Some(quota) => quota,
            none => none.insert(Quota::create(self.number, &self.name)?),
        };
        quota.set(cores)?;
        let members = quota.members();
        let Some(root) = root else { return Ok(()) };
        let mut moved = Vec::new();
        loop {
            let mut all = self.descendants(root);
            all.push(root);
            all.retain(|pid| !moved.contains(pid));
            if all.is_empty() {
                return Ok(());
            }
            for pid in all {
                let members = members.display();
                // One that has just ended cannot be moved, and need not be.
                self.request(&format!("echo {pid} >{members} || ! kill -0 {pid}"))?;
                moved.push(pid);
            }
        }
    }

    /// For how long processes had to wait because of the quota.
    pub(crate) fn throttled(&self) -> Result<Duration> {
        match &*lock(&self.quota) {
            Some(quota) => quota.throttled(),
            None => Ok(Duration::ZERO),
        }
    }

    /// The processes with a word among their arguments.
    pub(crate) fn find(&self, word: &str) -> Vec<u32> {
        let has = |pid: &u32| {
            let line = fs::read(self.proc().join(pid.to_string()).join("cmdline"));
            line.is_ok_and(|line| {
                line.split(|byte| *byte == 0)
                    .any(|part| part == word.as_bytes())
            })
        };
        let pids = self.processes().into_iter().map(|process| process.pid);
        pids.filter(has).collect()
    }

    fn descendants(&self, root: u32) -> Vec<u32> {
        let processes = self.processes();
        let mut found = vec![root];
        let mut next = 0;
        while let Some(parent) = found.get(next).copied() {
            let children = processes.iter().filter(|process| process.parent == parent);
            found.extend(children.map(|process| process.pid));
            next += 1;
        }
        found.split_off(1)
    }

    /// The processes that have not ended, the first among them.
    fn processes(&self) -> Vec<Process> {
        let entries = fs::read_dir(self.proc()).into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(|pid| self.process(pid)).collect()
    }

    fn process(&self, pid: u32) -> Option<Process> {
        let stat = fs::read_to_string(self.proc().join(pid.to_string()).join("stat")).ok()?;
        // The name, in brackets, may hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let has_ended = matches!(fields.next()?, "Z" | "X");
        let parent = fields.next()?.parse().ok()?;
        (!has_ended).then_some(Process { pid, parent })
    }

    /// The host's own `/proc`.
    fn proc(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/proc", self.pid))
    }
}

impl Init {
    /// Ends the shell, and with it the namespace; waits until both are gone.
    fn end(&mut self) {
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        self.end();
    }
}

/// A word as the shell reads it: as it is.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves a shell that can still be told to end.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
