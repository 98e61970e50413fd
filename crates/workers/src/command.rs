//! The handler that runs a command for each message: the body on its standard input, the rest in
//! its environment.
//!
//! Exit status 0 is done; one of `dead_on` is a dead letter at once; any other, a signal, or no
//! start at all is tried again. The command has a process group of its own, and with its time all
//! of the group is killed. What it writes to standard output goes nowhere; the end of standard
//! error is the error that is kept.

use crate::event;
use crate::handler::{Failure, Handler, Job, Verdict};
use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// Of standard error so much is kept, of its end.
const ERROR_BYTES: usize = 1 << 10;
/// What a command sees of Pando's own settings: nothing, as there may be a key among them.
const OWN_SETTINGS: [&str; 2] = ["PANDO_KEY", "PANDO__"];

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandConfig {
    /// The program, and its arguments. No shell reads them.
    pub words: Vec<String>,
    /// Exit statuses after which a message is dead at once.
    pub dead_on: Vec<u16>,
}

/// See the module.
#[derive(Debug)]
pub struct CommandHandler(CommandConfig);

/// Kills the group of a command whose attempt is dropped before it has ended.
struct Group(Option<Pid>);

impl CommandConfig {
    /// What is wrong with it, if anything: the setting, and why.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        if self.words.first().is_none_or(String::is_empty) {
            return Some(("command", "names no program".to_owned()));
        }
        if self.words.iter().any(|word| word.contains('\0')) {
            return Some(("command", "holds U+0000".to_owned()));
        }
        let status = self
            .dead_on
            .iter()
            .find(|status| !(1..=255).contains(*status))?;
        let reason = format!("has {status}, which is no exit status of a failure: 1 to 255");
        Some(("dead_on", reason))
    }
}

impl CommandHandler {
    /// One that has run nothing yet.
    pub fn new(config: CommandConfig) -> CommandHandler {
        CommandHandler(config)
    }

    fn start(&self, job: &Job) -> std::io::Result<Child> {
        let mut words = self.0.words.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command.args(words).process_group(0).kill_on_drop(true);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if OWN_SETTINGS.iter().any(|own| text.starts_with(own)) {
                command.env_remove(&name);
            }
        }
        command.envs(environment(job));
        command.spawn()
    }

    async fn run(&self, job: &Job) -> std::io::Result<Verdict> {
        let mut child = self.start(job)?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let mut group = Group(pid.and_then(Pid::from_raw));
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let body = job.message.body.clone();
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // Whoever does not read it need not; its exit status counts.
                let _ = stdin.write_all(&body).await;
            }
        };
        let mut said = Vec::new();
        let status = {
            let listen = end_of(stderr, &mut said);
            let talk = async { tokio::join!(feed, listen) };
            tokio::pin!(talk);
            // A child of its own may hold standard error open for longer than it runs itself.
            tokio::select! {
                biased;
                _ = &mut talk => child.wait().await?,
                status = child.wait() => {
                    let status = status?;
                    let _ = tokio::time::timeout(SAID_WITHIN, &mut talk).await;
                    status
                }
            }
        };
        group.0 = None;
        Ok(self.verdict(status, &said))
    }

    fn verdict(&self, status: ExitStatus, said: &[u8]) -> Verdict {
        if status.success() {
            return Verdict::Done;
        }
        let what = match (status.code(), status.signal()) {
            (Some(code), _) => format!("`{}` ended with status {code}", self.describe()),
            (None, Some(signal)) => format!("`{}` was ended by signal {signal}", self.describe()),
            (None, None) => format!("`{}` ended with no status", self.describe()),
        };
        let error = Failure::saying(what, &String::from_utf8_lossy(said));
        let code = status.code().and_then(|code| u16::try_from(code).ok());
        match code.is_some_and(|code| self.0.dead_on.contains(&code)) {
            true => Verdict::Dead { error },
            false => Verdict::failed(error),
        }
    }
}

/// What a command wrote last before it ended is in the pipe by then.
const SAID_WITHIN: std::time::Duration = std::time::Duration::from_millis(100);

#[async_trait]
impl Handler for CommandHandler {
    async fn handle(&self, job: &Job) -> Verdict {
        match self.run(job).await {
            Ok(verdict) => verdict,
            Err(error) => {
                let what = self.describe();
                Verdict::failed(format!("`{what}` cannot be run: {error}"))
            }
        }
    }

    fn describe(&self) -> String {
        self.0.words.first().cloned().unwrap_or_default()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0.take() {
            // It was not waited for yet, so its number is still its own.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// What a command knows of its message besides the body.
fn environment(job: &Job) -> Vec<(&'static str, String)> {
    let message = &job.message;
    let mut environment = vec![
        ("PANDO_WORKER", job.worker.to_string()),
        ("PANDO_QUEUE", job.place.queue.clone()),
        ("PANDO_GROUP", job.place.group.clone()),
        ("PANDO_MESSAGE_ID", message.id.to_string()),
        ("PANDO_ATTEMPT", job.attempt.to_string()),
        ("PANDO_CONTENT_TYPE", message.content_type.clone()),
        ("PANDO_PRIORITY", message.priority.to_string()),
    ];
    let published_at = event::time(message.published_at_us);
    for (name, value) in [
        ("PANDO_PUBLISHED_AT", &published_at),
        ("PANDO_ORDERING_KEY", &message.ordering_key),
        ("PANDO_ATTRIBUTES", &message.attributes),
    ] {
        if let Some(value) = value {
            environment.push((name, value.clone()));
        }
    }
    environment
}

/// Reads to the end, and keeps the last of it.
async fn end_of(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else {
        return;
    };
    let mut chunk = [0; 4 << 10];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        let surplus = kept.len().saturating_sub(ERROR_BYTES);
        kept.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::tests::job;

    fn handler(script: &str) -> CommandHandler {
        CommandHandler::new(CommandConfig {
            words: ["sh", "-c", script].map(str::to_owned).to_vec(),
            dead_on: vec![65],
        })
    }

    async fn verdict(script: &str) -> Verdict {
        handler(script).handle(&job(7)).await
    }

    #[tokio::test]
    async fn a_command_has_the_body_on_standard_input_and_the_rest_in_its_environment() {
        let script = "test \"$(cat)\" = '{}' && test $PANDO_MESSAGE_ID$PANDO_ATTEMPT = 71 && \
                      test $PANDO_QUEUE.$PANDO_WORKER = mail.mailer && \
                      test $PANDO_PUBLISHED_AT = 1970-01-01T00:00:01Z";
        assert_eq!(verdict(script).await, Verdict::Done);
        // It need not read it, however long it is.
        let mut long = job(7);
        long.message.body = vec![b'x'; 1 << 20].into();
        assert_eq!(handler("exit 0").handle(&long).await, Verdict::Done);
    }

    #[tokio::test]
    async fn a_verdict_is_the_exit_status_and_the_end_of_standard_error() {
        let what = "`sh` ended with status 3".to_owned();
        let failed = Verdict::failed(Failure::saying(what, "no disk"));
        assert_eq!(verdict("echo no disk >&2; exit 3").await, failed);
        let failed = Verdict::failed("`sh` was ended by signal 9");
        assert_eq!(verdict("kill -9 $$").await, failed);
        let what = "`sh` ended with status 65".to_owned();
        let error = Failure::saying(what, "not JSON");
        assert_eq!(
            verdict("echo not JSON >&2; exit 65").await,
            Verdict::Dead { error }
        );
        let Verdict::Failed { error, .. } =
            verdict("head -c 100000 /dev/zero | tr '\\0' x >&2; echo end >&2; exit 1").await
        else {
            panic!("it failed");
        };
        let error = error.to_string();
        assert!(
            error.len() < 1_200 && error.ends_with("xend"),
            "{}",
            error.len()
        );
        let nowhere = CommandHandler::new(CommandConfig {
            words: vec!["/nowhere/at-all".to_owned()],
            dead_on: Vec::new(),
        });
        let verdict = nowhere.handle(&job(7)).await;
        assert!(
            matches!(verdict, Verdict::Failed { error, .. } if error.what.contains("cannot be run"))
        );
    }

    #[tokio::test]
    async fn with_an_attempt_all_of_its_process_group_ends() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        // A child of the command's own has the pipe open, as long as it lives.
        let script = format!("sleep 600 > {} & wait", fifo.display());
        let (handler, job) = (handler(&script), job(7));
        // Nobody gets it open for reading before somebody has it open for writing.
        let opened = tokio::task::spawn_blocking(move || std::fs::File::open(fifo).unwrap());
        let mut file = tokio::select! {
            verdict = handler.handle(&job) => panic!("{verdict:?}"),
            file = opened => file.unwrap(),
        };
        // And it ends only once nobody has it open for writing any more.
        let read = tokio::task::spawn_blocking(move || {
            let mut written = Vec::new();
            std::io::Read::read_to_end(&mut file, &mut written).map(|_| written)
        });
        assert_eq!(read.await.unwrap().unwrap(), b"");
    }

    #[test]
    fn what_is_no_command_is_refused() {
        let fault = |words: &[&str], dead_on: &[u16]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            let dead_on = dead_on.to_vec();
            CommandConfig { words, dead_on }.fault()
        };
        assert!(fault(&[], &[]).is_some() && fault(&[""], &[]).is_some());
        assert!(fault(&["a\0"], &[]).is_some() && fault(&["a"], &[0]).is_some());
        assert_eq!(fault(&["a"], &[65, 255]), None);
    }
}
