//! The files that the configuration names: whether a server could start with them.

use super::{ConfigError, EngineKind, Loaded, Problem};
use crate::parts;
use pando_web::{TlsError, TlsFiles};

impl Loaded {
    /// What the settings name that has to be there for a server to start, each fault at its
    /// setting: the certificate and its key. Other commands do not need to read them.
    pub fn check_files(&self) -> Result<(), ConfigError> {
        let certificate = self.fault_of_certificate().into_iter();
        let problems: Vec<_> = certificate
            .chain(self.faults_of_postgres())
            .chain(self.faults_of_endpoints())
            .collect();
        match problems.is_empty() {
            true => Ok(()),
            false => Err(ConfigError(problems)),
        }
    }

    /// Files that connections to PostgreSQL need, and that cannot be read.
    fn faults_of_postgres(&self) -> Vec<Problem> {
        let postgres = &self.config.store.postgres;
        let files = [
            ("store.postgres.password_file", &postgres.password_file),
            ("store.postgres.ca_file", &postgres.ca_file),
        ];
        let used = files
            .into_iter()
            .filter(|_| self.config.store.engine == EngineKind::Postgres);
        let faults = used.filter_map(|(setting, path)| {
            let path = path.as_ref()?;
            let message = match std::fs::read_to_string(path) {
                Ok(text) if text.trim().is_empty() => "it is empty".to_owned(),
                Ok(_) => return None,
                Err(error) => error.to_string(),
            };
            Some(Problem {
                place: format!("{} ({setting})", self.origin(setting)),
                message: format!("cannot use {}: {message}", path.display()),
                hint: Some("name a file that is there and that this user may read".to_owned()),
            })
        });
        faults.collect()
    }

    /// Files that workers and listeners need, and that cannot be used.
    fn faults_of_endpoints(&self) -> Vec<Problem> {
        let faults = parts::workers::faults_of_files(&self.config).into_iter();
        let faults = faults.chain(parts::listeners::faults_of_files(&self.config));
        let problems = faults.map(|(setting, message)| Problem {
            place: format!("{} ({setting})", self.origin(&setting)),
            message,
            hint: Some("name a file that is there and that this user may read".to_owned()),
        });
        problems.collect()
    }

    fn fault_of_certificate(&self) -> Option<Problem> {
        let (Some(cert), Some(key)) = (&self.config.tls.cert, &self.config.tls.key) else {
            return None;
        };
        let error = TlsFiles::load(cert, key).err()?;
        let (setting, hint) = match &error {
            TlsError::File { path, .. } if path == key && key != cert => (
                "tls.key",
                "a PEM file with its private key, which this user may read",
            ),
            TlsError::File { .. } | TlsError::Empty(_) => (
                "tls.cert",
                "a PEM file with the certificate and then its chain, which this user may read",
            ),
            TlsError::Identity(_) => ("tls.key", "the key that the certificate was made for"),
        };
        Some(Problem {
            place: format!("{} ({setting})", self.origin(setting)),
            message: error.to_string(),
            hint: Some(format!("name {hint}")),
        })
    }
}
