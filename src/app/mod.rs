//! The program around the river: what was typed, what it means, and what is told to the shell in the end.
//! Knows every other room and holds no rule of SIP.

mod batch;
mod cli;
mod generate;
mod marks;
mod output;
mod pipeline;
mod plan;
mod progress;
mod run;
mod secrets;
mod state;
mod troubles;

pub use run::run;
