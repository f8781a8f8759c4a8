//! The command line: what an operator types, and the exit codes.

pub mod commands;
pub mod doctor;
pub mod iam_policy;
pub mod log;
pub mod names;
pub mod recover;
pub mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::config::DEFAULT_PATH;

/// Turns an AWS Auto Scaling group into a ZooKeeper ensemble, and keeps it one.
#[derive(Debug, Parser)]
#[command(name = "zk-bootstrap", version, about)]
pub struct Cli {
    /// What to do; without it and without --dry-run, this help is shown.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The same as `plan`.
    #[arg(long)]
    pub dry_run: bool,

    /// Options of --dry-run.
    #[command(flatten)]
    pub plan: PlanArgs,

    /// The configuration file; drop-ins are read from `config.d/*.toml` beside it.
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_PATH)]
    pub config: PathBuf,
}

impl Cli {
    /// The same, unless a dry run is asked for beside a command: `--dry-run run` must not run.
    ///
    /// (clap's own `args_conflicts_with_subcommands` would refuse `--config FILE run`, too.)
    ///
    /// # Errors
    /// That the two do not go together.
    pub fn unambiguous(self) -> Result<Self, clap::Error> {
        let PlanArgs { from, output } = &self.plan;
        let dry_run = self.dry_run || from.is_some() || *output != Output::default();
        if self.command.is_some() && dry_run {
            let what = "--dry-run, and --from and --output before a command, go with no command";
            return Err(Cli::command().error(ErrorKind::ArgumentConflict, what));
        }
        Ok(self)
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the agent: observe, plan, check, apply, again and again (what systemd starts).
    Run,
    /// Look and print what the agent would do, changing nothing. Exit code 2: something to do.
    Plan(PlanArgs),
    /// Record a snapshot, to be planned from with `plan --from`.
    Observe,
    /// Print the ensemble as this instance sees it.
    Status(StatusArgs),
    /// Show what the survivors of a lost quorum have, and give leave to recover from them.
    Recover(RecoverArgs),
    /// Print the servers as a client of ZooKeeper is given them: each address with its port.
    ConnectionString,
    /// Look for what does not work, or may fail when it is needed; changes nothing. Exit code 2:
    /// errors, 3: warnings.
    Doctor(DoctorArgs),
    /// Read the configuration, judge it, and print each value with its origin.
    CheckConfig,
    /// Say whether the files on this instance's disk let its server start (what zookeeper.service
    /// asks first). Exit code 69: they do not.
    MayStart,
    /// Print the least IAM policy for the features that are switched on, in JSON.
    IamPolicy(iam_policy::Options),
}

/// Options of `plan` and --dry-run.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// Plan from a recorded snapshot instead of looking.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Options of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// Look again every two seconds until interrupted.
    #[arg(long)]
    pub watch: bool,
}

/// Options of `recover`.
#[derive(Debug, Clone, Args)]
pub struct RecoverArgs {
    /// The form of the evidence.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// Give leave without being asked.
    #[arg(long)]
    pub yes: bool,
}

/// Options of `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// The form of the findings.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// The exit codes: 0, 2 and 3 of the dry run and the doctor, and those of sysexits.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; for a dry run, nothing to do and nothing to wait for; for the doctor, nothing to mend.
    Ok = 0,
    /// A dry run found something to do; the doctor found errors.
    ToDo = 2,
    /// A dry run found nothing to do now, and waits for something; the doctor found warnings, and
    /// no errors.
    Waiting = 3,
    /// The command line makes no sense (EX_USAGE).
    Usage = 64,
    /// A recorded snapshot is malformed (EX_DATAERR).
    Data = 65,
    /// A file is missing (EX_NOINPUT).
    NoInput = 66,
    /// Something that is needed does not answer (EX_UNAVAILABLE).
    Unavailable = 69,
    /// An invariant broke (EX_SOFTWARE).
    Software = 70,
    /// The configuration is wrong (EX_CONFIG).
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
