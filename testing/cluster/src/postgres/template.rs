//! An empty database cluster, made once on a machine and copied from then on: `initdb` takes
//! seconds, a copy a tenth of one.

use crate::error::{Error, Result};
use crate::lease;
use crate::program::{Account, postgres, run, run_as, system};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const INITDB: Duration = Duration::from_secs(120);
const COPY: Duration = Duration::from_secs(60);

/// Copies the template to a folder that is not there yet. All copies have one system
/// identifier, so that PostgreSQL takes them for one another's replicas.
pub(crate) async fn copy(account: Account, to: &Path) -> Result<()> {
    let template = find(account).await?;
    let (from, to) = (template.display().to_string(), to.display().to_string());
    let arguments = ["-a", "--reflink=auto", &from, &to];
    run(&system("cp")?, &arguments, COPY).await.map(drop)
}

/// The template, made where there is none. It stays: it is the one thing that does.
async fn find(account: Account) -> Result<PathBuf> {
    let version = run(&postgres("postgres")?, &["--version"], COPY).await?;
    let word = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' {
            c
        } else {
            '-'
        }
    };
    let version: String = version.chars().map(word).collect();
    let base = lease::base(account)?;
    let template = base.join(format!("template-{version}"));
    if template.exists() {
        return Ok(template);
    }
    let path = base.join("template.lock");
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::create(&path).map_err(|error| Error::file("create", &path, &error))?;
        file.lock()
            .map_err(|error| Error::file("lock", &path, &error))?;
        Ok::<File, Error>(file)
    });
    let _locked = locked
        .await
        .map_err(|error| Error::new(error.to_string()))??;
    if template.exists() {
        return Ok(template); // another test was quicker
    }
    // In a folder of the servers' user, for the base is not its to write to.
    let workshop = base.join("template-workshop");
    let failed = |error: std::io::Error| Error::file("prepare", &workshop, &error);
    let _ = fs::remove_dir_all(&workshop);
    account.create_folder(&workshop)?;
    let data = workshop.join("data");
    let folder = data.display().to_string();
    let arguments = [
        "-D",
        &folder,
        "-U",
        super::USER,
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "-A",
        "trust",
        "--no-instructions",
    ];
    run_as(account, &postgres("initdb")?, &arguments, INITDB).await?;
    fs::set_permissions(&data, Permissions::from_mode(0o700)).map_err(failed)?;
    fs::rename(&data, &template).map_err(failed)?;
    fs::remove_dir_all(&workshop).map_err(failed)?;
    Ok(template)
}
