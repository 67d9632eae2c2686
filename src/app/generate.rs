//! What is made from the description of the command line: completion scripts and the man page. Knows nothing of
//! what the commands do.

use std::io::{self, Write};

use super::cli::{Cli, EXIT_STATUS};

/// How the page writes an apostrophe, in groff and elsewhere.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// Writes the completion script of a shell.
pub(crate) fn completions(shell: clap_complete::Shell, out: &mut dyn Write) -> io::Result<()> {
    // clap_complete panics where its writer fails, and a closed pipe is a failure: the script goes to memory first.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::description(), "sipcodes", &mut script);
    out.write_all(&script)
}

/// Writes the man page: one page with all subcommands, since nobody looks for `man sipcodes-analyze`.
pub(crate) fn man(out: &mut dyn Write) -> io::Result<()> {
    let mut description = Cli::description().disable_help_subcommand(true);
    description.build();
    let page = clap_mangen::Man::new(description.clone()).manual("User Commands");
    let mut head = Vec::new();
    page.render_title(&mut head)?;
    page.render_name_section(&mut head)?;
    page.render_synopsis_section(&mut head)?;
    page.render_description_section(&mut head)?;
    out.write_all(PREAMBLE.as_bytes())?;
    for line in lines(&head) {
        writeln!(out, "{line}")?;
    }

    out.write_all(b".SH COMMANDS\n")?;
    for command in description.get_subcommands().filter(|command| !command.is_hide_set()) {
        writeln!(out, ".SS {}", escaped(&format!("sipcodes {}", command.get_name())))?;
        let part = clap_mangen::Man::new(command.clone());
        let mut text = Vec::new();
        part.render_synopsis_section(&mut text)?;
        text.extend_from_slice(b".PP\n");
        part.render_description_section(&mut text)?;
        part.render_options_section(&mut text)?;
        // These are sections of a page of their own; here they are paragraphs of a subsection.
        for line in lines(&text) {
            match line.strip_prefix(".SH ") {
                Some("SYNOPSIS" | "DESCRIPTION") => {}
                Some(_) => writeln!(out, ".PP")?,
                None => writeln!(out, "{line}")?,
            }
        }
        if let Some(examples) = command.get_after_help() {
            verbatim(&examples.to_string(), out)?;
        }
    }

    out.write_all(b".SH \"EXIT STATUS\"\n")?;
    for line in EXIT_STATUS.lines().skip(1) {
        let (status, meaning) = line.trim().split_once("  ").unwrap_or(("", line));
        writeln!(out, ".TP\n{}\n{}", escaped(status), escaped(meaning))?;
    }
    out.write_all(b".SH ENVIRONMENT\n.TP\nNO_COLOR\n")?;
    writeln!(out, "{}", escaped("If set and not empty, no colour is used unless --color=always asks for it."))?;
    writeln!(out, ".TP\nCOLUMNS\n{}", escaped("The width of tables on a terminal that does not tell its own."))?;
    writeln!(out, ".SH \"SEE ALSO\"\n.BR tcpdump (8),\n.BR tshark (1),\n.BR editcap (1)")
}

/// The lines of a part of the page. Each part defines the apostrophe again: once is enough.
fn lines(part: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(part).unwrap_or_default();
    text.lines().filter(|line| !PREAMBLE.lines().any(|known| known == *line))
}

/// Text that troff prints as it stands, line for line.
fn verbatim(text: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, ".PP\n.nf")?;
    for line in text.lines() {
        writeln!(out, "{}", escaped(line))?;
    }
    writeln!(out, ".fi")
}

/// One line as troff text: no backslash, hyphen or leading dot of it is taken for a command.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_man_page_tells_of_every_visible_command_and_flag() {
        let mut page = Vec::new();
        man(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap().replace("\\-", "-");
        for word in ["sipcodes analyze", "sipcodes codes", "sipcodes schema", "--columns", "--show", "EXIT STATUS"] {
            assert!(page.contains(word), "{word}");
        }
        assert!(!page.contains("sipcodes man"), "a hidden command");
        assert_eq!(page.matches(".TH ").count(), 1);
        assert_eq!(page.matches(".ds Aq").count(), PREAMBLE.matches(".ds Aq").count());
    }

    #[test]
    fn troff_takes_no_text_for_a_command() {
        assert_eq!(escaped(".so a\\b --c"), "\\&.so a\\eb \\-\\-c");
    }
}
