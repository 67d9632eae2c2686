//! Every word that can be typed, and its help. No logic: `plan` turns this into work.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::time::{self, Timestamp};

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
  sipcodes analyze proxy.pcapng gateway.pcapng.gz --show calls
  sipcodes analyze --recursive /var/captures
  sipcodes analyze trace.pcap --columns start,from_uri,to_uri,code,status,reason
  sipcodes analyze trace.pcap --format csv -o calls.csv
  sipcodes analyze trace.pcap --show streams
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
    Analyze(Box<Analyze>),

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
    /// pcap, pcapng or Network Monitor files, folders of them; `-` reads standard input
    ///
    /// Each may be compressed with gzip, zstd, xz or lz4: content tells, not the name. Of a folder, all captures in it
    /// are read, and other files passed over.
    ///
    /// Several captures are one timeline: their packets are merged by time. Frame numbers stay those of each file, as
    /// Wireshark counts them.
    #[arg(required = true, value_name = "CAPTURE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) captures: Vec<PathBuf>,

    /// Of a folder, read the captures in the folders inside it, too
    #[arg(short, long)]
    pub(crate) recursive: bool,

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

    /// TLS on this port is SIP: count it where it cannot be opened; may be given more than once
    ///
    /// SIP is recognised by its content, on any port. What is inside TLS shows only with the keys: without them, TLS
    /// counts as SIP on ports 5060 and 5061, where SIP is seen at the same address and port, where the client names
    /// SIP, and on the ports given here.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Input")]
    pub(crate) sip_port: Vec<u16>,

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

    /// Show this call alone, and why it has its code: each message, what it did, by which rule; repeatable
    ///
    /// Each message of the Call-ID with its frame, sender and receiver, the code before and after it, and the rule with
    /// its RFC section; for what was ignored, why. Registrations are explained as well. For tables only.
    #[arg(long, value_name = "CALL-ID", help_heading = "Output")]
    pub(crate) explain: Vec<String>,

    /// Show the legs of one call together
    ///
    /// Calls that a B2BUA or a transfer joins stand one after another, the first one where it would stand anyway. A
    /// table numbers the legs; JSON and CSV change in the order of calls only; NDJSON writes calls as they end and so
    /// cannot be grouped.
    #[arg(long, help_heading = "Output")]
    pub(crate) group: bool,

    /// When to use colour in tables and messages
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto, help_heading = "Output")]
    pub(crate) color: Color,

    /// Print no progress and no warnings, only errors
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,

    /// Use at most N threads; without this option, as many as there are cores
    ///
    /// One thread reads and decodes, another one follows the calls and writes the answer; more than two change nothing.
    /// The answer is the same to the byte for every N.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Speed")]
    pub(crate) threads: Option<usize>,

    /// Header whose value is the Call-ID of another leg of the call; repeatable
    ///
    /// Beside X-CID, X-Call-ID, X-Orig-Call-ID and the like, which are known.
    #[arg(long, value_name = "NAME", help_heading = "Calls")]
    pub(crate) leg_header: Vec<String>,

    /// Go on where the last run with this FILE ended, and leave in it what is in progress
    ///
    /// Captures that are read one after another, each in a run of its own, then give the rows of one run over all of
    /// them: a call, a registration or a transaction that is not over is not told, but kept in FILE. A FILE that is
    /// not there yet starts anew. A gap before the next capture longer than --restart-gap makes active calls that
    /// never resume 8001.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Runs that continue")]
    pub(crate) state: Option<PathBuf>,

    /// This is the last run: tell what is in progress as it stands, and remove the FILE of --state
    #[arg(long, requires = "state", help_heading = "Runs that continue")]
    pub(crate) flush: bool,

    #[command(flatten)]
    pub(crate) states: States,
}

/// What decides the codes 8000 to 8004 and 8100.
#[derive(Debug, clap::Args)]
#[cfg_attr(test, derive(Default))]
#[command(next_help_heading = "Unmonitored calls")]
pub(crate) struct States {
    /// An answered call without media is 8003 after so long without signalling
    ///
    /// Spans are written as `90`, `90s`, `5m`, `1h`; a bare number is seconds.
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "1h")]
    pub(crate) signalling_timeout: Duration,

    /// An answered call that had media is 8100 after so long without media and signalling
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "5m")]
    pub(crate) media_timeout: Duration,

    /// Decide 8002, 8003 and 8100 when their time has come, not in hindsight
    ///
    /// In hindsight, which is the default, these codes hold only for a call that never resumes: a BYE an hour later
    /// still completes it. An online monitor cannot know that; with this option its answer is given.
    #[arg(long)]
    pub(crate) as_live: bool,

    /// Mark a call as unmonitored (8000), if TIME is given only if it is in progress then
    ///
    /// TIME is RFC 3339 (`2026-11-22T16:57:03Z`) or seconds since the epoch. May be given several times.
    #[arg(long, value_name = "CALL-ID[@TIME]")]
    pub(crate) unmonitor: Vec<String>,

    /// The server restarted at TIME: calls active then are 8001
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) server_restart: Vec<Timestamp>,

    /// The sniffer restarted at TIME: calls active then are 8002
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) sniffer_restart: Vec<Timestamp>,

    /// A gap between captures, or between sections of one, that is longer than this is a restart (8002)
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "5m")]
    pub(crate) restart_gap: Duration,

    /// Calls that start while N calls are in progress are 8004
    #[arg(long, value_name = "N")]
    pub(crate) license_limit: Option<usize>,

    /// Hold at most N calls at once; the one that was quiet for long is told as it stands
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = at_least_one)]
    pub(crate) max_calls: usize,

    /// Hold at most N registrations at once; the one that was quiet for long is told as it stands
    #[arg(long, value_name = "N", default_value_t = 2_000_000, value_parser = at_least_one)]
    pub(crate) max_registrations: usize,

    /// Read marks from a CSV file of `time,event,call_id`
    ///
    /// The event is `unmonitor` (with the Call-ID), `server-restart` or `sniffer-restart`.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) events: Option<PathBuf>,
}

fn span(text: &str) -> Result<Duration, String> {
    time::parse_span(text).ok_or_else(|| "write it as `90`, `90s`, `5m` or `1h`".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "write a number above 0".to_owned())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "write it as `2026-11-22T16:57:03Z` or as seconds since the epoch".to_owned())
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
    /// One record per kind of transaction outside both (OPTIONS, SUBSCRIBE, MESSAGE, ...), with their count
    Transactions,
    /// One record per RTP stream, those of no known call last
    Streams,
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
        for flag in ["--where=code", "--format=html"] {
            let typed = ["sipcodes", "analyze", "a.pcap", flag].map(OsString::from);
            assert_eq!(Cli::read(typed).unwrap_err().exit_code(), 2, "{flag}");
        }
    }
}
