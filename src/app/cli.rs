//! Every word that can be typed, and its help. No logic: `plan` turns this into work.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

/// What was typed.
#[derive(Debug, Parser)]
#[command(
    name = "sipcodes",
    version,
    about = "Tell how every SIP call and registration in packet captures ended, with which code, and why",
    long_about = "Reads packet captures after the fact and answers, for every SIP call and every registration in \
                  them: how did it end, with which status code, and why. Every answer names the frame that proves it.",
    after_help = "Start with:  sipcodes analyze trace.pcap\nMore help:   sipcodes analyze --help",
    after_long_help = EXIT_STATUS,
    arg_required_else_help = true,
    subcommand_required = true,
    subcommand_value_name = "COMMAND",
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The exit status, as the long help and the man page tell it.
pub(crate) const EXIT_STATUS: &str = "\
Exit status:
  0  done; a last packet cut short is only a warning
  1  not done: no capture could be read, or the output could not be written
  2  not done: the command line was not understood
  3  done, but part of the input was damaged and skipped, or a capture of several was unreadable";

const ANALYZE_EXAMPLES: &str = "\
Examples:
  sipcodes analyze trace.pcap
  sipcodes analyze proxy.pcapng gateway.pcapng --show calls
  sipcodes analyze trace.pcap --columns start,from_uri,to_uri,code,status,reason
  sipcodes analyze trace.pcap --format csv -o calls.csv
  sipcodes analyze *.pcap --format json | jq '.calls[] | select(.code >= 400)'
  tcpdump -i any -w - port 5060 | sipcodes analyze -";

const CODES_EXAMPLES: &str = "\
Examples:
  sipcodes codes
  sipcodes codes 486 8100
  sipcodes codes --format json | jq '.[] | select(.class == \"server error\")'";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the calls and registrations found in captures, each with the code it ended with
    #[command(after_help = ANALYZE_EXAMPLES)]
    Analyze(Analyze),

    /// Explain status codes: what each means and where it is defined
    #[command(
        long_about = "Explains status codes: every SIP response code of IANA's registry, and the state codes that \
                      calls and registrations have here (999 Active, 8100 Media Transmission Stopped, ...).",
        after_help = CODES_EXAMPLES
    )]
    Codes(Codes),

    /// Print the JSON Schema of what `analyze --format json` prints
    Schema,

    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  sipcodes completions bash > ~/.local/share/bash-completion/completions/sipcodes"
    )]
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },

    /// Print the man page
    #[command(hide = true)]
    Man,
}

/// `sipcodes analyze`.
#[derive(Debug, clap::Args)]
pub(crate) struct Analyze {
    /// pcap or pcapng files; `-` reads standard input
    ///
    /// Several captures are one timeline: their packets are merged by time. Frame numbers stay those of each file, as
    /// Wireshark counts them.
    #[arg(required = true, value_name = "CAPTURE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) captures: Vec<PathBuf>,

    /// Open TLS with the secrets in this key log (SSLKEYLOGFILE); may be given more than once
    ///
    /// Browsers, OpenSSL, GnuTLS and Java agents write such files. Secrets that a pcapng carries itself are used without
    /// being asked for.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Input")]
    pub(crate) keylog: Vec<PathBuf>,

    /// Open TLS with the server's RSA private key (PEM); may be given more than once
    ///
    /// This opens connections with RSA key exchange only, which TLS 1.3 has no more.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Input")]
    pub(crate) tls_key: Vec<PathBuf>,

    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Table, help_heading = "Output")]
    pub(crate) format: Format,

    /// Write to FILE instead of standard output
    ///
    /// FILE appears, or is replaced, only when everything has been written: a run that fails leaves it as it was.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// Which columns to print, in this order
    ///
    /// A comma-separated list of field names as in JSON. A table shows those of the names that its kind of record
    /// has; a name that none of the shown kinds has is an error, and the error lists the names.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Output")]
    pub(crate) columns: Vec<String>,

    /// What to list [default: calls,registrations; in CSV: calls]
    ///
    /// A comma-separated list. CSV is one table, so it takes one kind.
    #[arg(long, value_name = "LIST", value_enum, value_delimiter = ',', help_heading = "Output")]
    pub(crate) show: Vec<Show>,

    /// When to use colour in tables and messages
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto, help_heading = "Output")]
    pub(crate) color: Color,

    /// Print no progress and no warnings, only errors
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// `sipcodes codes`.
#[derive(Debug, clap::Args)]
pub(crate) struct Codes {
    /// Only these codes, in this order; all of them when none is named
    #[arg(value_name = "CODE")]
    pub(crate) codes: Vec<u16>,

    /// How to print
    #[arg(short, long, value_enum, default_value_t = CodesFormat::Table)]
    pub(crate) format: CodesFormat,
}

/// `analyze --format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// RFC 4180, one header line
    Csv,
    /// One document: captures, calls, registrations, totals
    Json,
    /// One JSON record a line, each as soon as it is settled
    Ndjson,
}

/// `codes --format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodesFormat {
    /// Columns for people
    Table,
    /// An array of records
    Json,
    /// RFC 4180, one header line
    Csv,
}

/// `analyze --show`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Show {
    /// One record per call
    Calls,
    /// One record per address-of-record, registrar and Call-ID
    Registrations,
    /// Everything there is
    All,
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Even into a pipe or a file
    Always,
    /// Not at all
    Never,
}

/// What the command line answers by itself: the help, the version, or what was not understood.
pub(crate) type Answer = clap::Error;

impl Cli {
    /// Reads the arguments.
    pub(crate) fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, Answer> {
        Self::try_parse_from(args)
    }

    /// The description that completions and the man page are made from.
    pub(crate) fn description() -> clap::Command {
        Self::command()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::description().debug_assert();
    }

    #[test]
    fn lists_are_split_at_commas() {
        let typed = ["sipcodes", "analyze", "a.pcap", "--show", "calls,registrations"].map(OsString::from);
        let Command::Analyze(analyze) = Cli::read(typed).unwrap().command else { panic!("another command") };
        assert_eq!(analyze.show, [Show::Calls, Show::Registrations]);
        assert_eq!(analyze.captures, [PathBuf::from("a.pcap")]);
    }

    #[test]
    fn what_does_not_exist_yet_is_refused() {
        for flag in ["--sip-port=5060", "--where=code", "--show=streams", "--format=html"] {
            let typed = ["sipcodes", "analyze", "a.pcap", flag].map(OsString::from);
            assert_eq!(Cli::read(typed).unwrap_err().exit_code(), 2, "{flag}");
        }
    }
}
