//! The program: hands its arguments to the library and the library's answer to the shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    sipcodes::app::run(std::env::args_os())
}
