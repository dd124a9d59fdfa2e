//! Where outcomes are kept, as the command line says: in the output folder, or in a database.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use hark_dataflow::sink::{Database, OutcomeTable};

/// No `Debug`, and no parser of clap's, which repeats what it refuses: the address may hold a password.
#[derive(Args)]
pub struct Kept {
    /// Keep outcomes in a database of Postgres, which processes may share, instead of the output folder:
    /// postgres://USER@HOST/DATABASE.
    #[arg(long, value_name = "URL")]
    outcomes: Option<String>,
    /// File with the database's password; otherwise it is in PGPASSWORD, or in the address.
    #[arg(long, value_name = "FILE", requires = "outcomes")]
    outcomes_password_file: Option<PathBuf>,
}

impl Kept {
    /// The table of a job that writes to `output`, made if need be.
    pub fn open(&self, output: &Path) -> Result<OutcomeTable> {
        Ok(match self.database()? {
            Some(database) => OutcomeTable::connect(&database)?,
            None => OutcomeTable::open(output)?,
        })
    }

    /// The table of an earlier job.
    pub fn existing(&self, output: Option<&Path>) -> Result<OutcomeTable> {
        match (self.database()?, output) {
            (Some(database), _) => Ok(OutcomeTable::connect_existing(&database)?),
            (None, Some(output)) => Ok(OutcomeTable::existing(output)?),
            (None, None) => anyhow::bail!("name the --output folder of a job, or its --outcomes"),
        }
    }

    fn database(&self) -> Result<Option<Database>> {
        let Some(address) = &self.outcomes else { return Ok(None) };
        let database: Database = address.parse()?;
        let password = match &self.outcomes_password_file {
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| {
                    format!("cannot read {}; name a file with --outcomes-password-file", file.display())
                })?;
                // Editors end a file with a line feed; a password does not.
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            None => std::env::var("PGPASSWORD").ok(),
        };
        Ok(Some(database.or_password(password)))
    }
}
