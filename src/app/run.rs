//! The program in one page: which command does what, what is said on standard error, and how it ends.
//! Knows no packet and no record.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use super::cli::{Answer, Cli, Command};
use super::output::Output;
use super::plan::{CodesPlan, Misuse, Plan, Surroundings};
use super::{generate, pipeline};
use crate::render;
use crate::render::shown;

/// How a run ends, where it could be done at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything was read.
    Whole,
    /// Part of the input was damaged and skipped, or a capture of several could not be read.
    Partly,
}

/// Why a run could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was typed means nothing that can be done.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// No capture could be read; each has said why.
    #[error("no capture could be read")]
    NothingRead,
    /// What was to be explained does not occur.
    #[error("no SIP message in what was read has the Call-ID `{}`", shown(.0))]
    NoSuchCall(String),
    /// The catalogue lacks codes that were asked for.
    #[error("not in the catalogue: {0}; `sipcodes codes` lists what is")]
    UnknownCodes(String),
    /// Whoever read the results has left.
    #[error("nobody reads the output any more")]
    Abandoned,
    /// What opens TLS cannot be had.
    #[error("{}: {problem}", shown(.name))]
    Secrets {
        /// The file with the keys.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The file of `--state` cannot be gone on with, or not be written.
    #[error("{}: {problem}", shown(.name))]
    State {
        /// The file.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The results cannot be written.
    #[error("{}: {error}", shown(.name))]
    Output {
        /// Where they should go.
        name: String,
        /// Why they cannot.
        error: io::Error,
    },
}

/// Runs the program with these arguments (the first is its own name) and tells the exit status.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::read(args) {
        Ok(cli) => cli,
        Err(answer) => return answered(&answer),
    };
    let messages = Messages::new(&cli);
    match command(cli, &messages) {
        Ok(Outcome::Whole) => ExitCode::SUCCESS,
        Ok(Outcome::Partly) => ExitCode::from(3),
        Err(Failure::Misuse(misuse)) => {
            messages.error(&misuse);
            ExitCode::from(2)
        }
        // Whoever reads our output has seen enough (`| head`): that is no failure.
        Err(Failure::Abandoned) => ExitCode::SUCCESS,
        // Every capture has told its own trouble already.
        Err(Failure::NothingRead) => ExitCode::FAILURE,
        Err(failure) => {
            messages.error(&failure);
            ExitCode::FAILURE
        }
    }
}

fn command(cli: Cli, messages: &Messages) -> Result<Outcome, Failure> {
    match cli.command {
        Command::Analyze(typed) => {
            let plan = Plan::new(*typed, &Surroundings::now())?;
            pipeline::analyze(plan, messages)
        }
        Command::Codes(typed) => {
            let plan = CodesPlan::new(&typed, &Surroundings::now())?;
            print(|out| render::codes::render(plan.format, plan.width, &plan.entries, out))
        }
        Command::Schema => print(|out| out.write_all(crate::report::SCHEMA.as_bytes())),
        Command::Completions { shell } => print(|out| generate::completions(shell, out)),
        Command::Man => print(|out| generate::man(out)),
    }
}

/// Writes to standard output and says whether all of it arrived.
fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Outcome, Failure> {
    let failed = |error| Failure::output(&Output::Stdout, error);
    let mut sink = Output::Stdout.open(false).map_err(failed)?;
    match write(&mut sink).and_then(|()| sink.finish()) {
        Ok(()) => Ok(Outcome::Whole),
        Err(_) if sink.is_abandoned() => Err(Failure::Abandoned),
        Err(error) => Err(failed(error)),
    }
}

/// Prints what clap answers in our place: the help and the version on standard output, misuse on standard error.
fn answered(answer: &Answer) -> ExitCode {
    let printed = answer.print().and_then(|()| io::stdout().flush());
    match (answer.exit_code(), printed) {
        (0, Ok(())) => ExitCode::SUCCESS,
        (0, Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        (0, Err(error)) => {
            Messages::plain().error(Failure::output(&Output::Stdout, error));
            ExitCode::FAILURE
        }
        _ => ExitCode::from(2),
    }
}

impl Failure {
    /// Results that cannot be written there.
    pub(crate) fn output(output: &Output, error: io::Error) -> Self {
        Self::Output { name: output.name().into_owned(), error }
    }
}

/// What is said on standard error, one line each.
pub(crate) struct Messages {
    quiet: bool,
    colour: bool,
}

impl Messages {
    /// As this command line wants them.
    fn new(cli: &Cli) -> Self {
        let Command::Analyze(typed) = &cli.command else { return Self::plain() };
        Self { quiet: typed.quiet, colour: typed.color.on(&io::stderr()) }
    }

    /// Without colour, and with warnings.
    pub(crate) const fn plain() -> Self {
        Self { quiet: false, colour: false }
    }

    /// Something that the user should know of, though the work went on.
    pub(crate) fn warning(&self, text: impl Display) {
        if !self.quiet {
            self.line("warning", AnsiColor::Yellow, &text);
        }
    }

    /// Something that could not be done.
    pub(crate) fn error(&self, text: impl Display) {
        self.line("error", AnsiColor::Red, &text);
    }

    fn line(&self, word: &str, colour: AnsiColor, text: &dyn Display) {
        let style = if self.colour { colour.on_default().bold() } else { Style::new() };
        // Standard error is the last place to complain: where it is closed, the exit status alone must do.
        let _ = writeln!(io::stderr(), "sipcodes: {style}{word}:{style:#} {text}");
    }
}
