//! `pando`: the binary, and the one place that names engines.
//!
//! The command line is in [`cli`], what it does in [`commands`]. Parts are put
//! together in [`parts`] and started by [`roles`]; nothing else knows which engine
//! is behind the store.

mod access;
mod cli;
mod client;
mod commands;
mod config;
mod control;
mod data_dir;
mod failure;
mod import;
mod logging;
mod parts;
mod report;
mod roles;
mod signals;
mod surface;

use clap::Parser;
use std::process::ExitCode;

/// glibc's allocator took about a sixth of a point read's time, and keeps more memory
/// when many threads use it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let json = cli.common.json;
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::print(&error, json),
    }
}
