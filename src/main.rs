//! The binary: arguments, logging, dispatch, exit code.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use zk_bootstrap::cli::{
    Cli, Command, Exit, commands, doctor, iam_policy, log, names, recover, run,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse().and_then(Cli::unambiguous) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; everything else is EX_USAGE, not clap's 2.
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            };
            return exit.into();
        }
    };
    log::start();
    let exit = match (&cli.command, cli.dry_run) {
        (Some(Command::Run), _) => run::run(&cli.config).await,
        (Some(Command::Plan(options)), _) => commands::plan(&cli.config, options).await,
        (None, true) => commands::plan(&cli.config, &cli.plan).await,
        (Some(Command::Observe), _) => commands::observe(&cli.config).await,
        (Some(Command::Status(options)), _) => commands::status(&cli.config, options).await,
        (Some(Command::Recover(options)), _) => recover::recover(&cli.config, options).await,
        (Some(Command::ConnectionString), _) => names::connection_string(&cli.config).await,
        (Some(Command::Doctor(options)), _) => doctor::doctor(&cli.config, options).await,
        (Some(Command::CheckConfig), _) => commands::check_config(&cli.config),
        (Some(Command::MayStart), _) => commands::may_start(&cli.config),
        (Some(Command::IamPolicy(options)), _) => iam_policy::iam_policy(&cli.config, options),
        (None, false) => {
            let _ = Cli::command().print_help();
            Exit::Usage
        }
    };
    exit.into()
}
