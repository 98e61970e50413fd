//! Arguments of `pando listeners`.

use clap::Subcommand;

/// `pando listeners …`.
#[derive(Clone, Debug, Subcommand)]
pub enum ListenersCommand {
    /// What of the application is called when data changes
    #[command(before_help = "Examples:
  pando listeners list
  pando listeners list --json")]
    List,
    /// Remove what waits for a listener that was taken out of the configuration, its dead letters among it
    #[command(before_help = "Examples:
  pando listeners forget search
  pando listeners forget search --yes             without being asked")]
    Forget {
        /// The listener
        listener: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}
