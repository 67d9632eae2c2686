//! Cells that are one word or number, written without the formatting machinery: every row holds fifty of them. Knows no
//! format; what a cell says is what its `Display` says.

use std::fmt::Write;
use std::net::SocketAddr;

use crate::report::Cell;

/// Appends what the cell says as plain text; an unknown one says nothing.
pub(super) fn push(text: &mut String, cell: &Cell<'_>) {
    match cell {
        Cell::Unknown => {}
        Cell::Text(characters) => text.push_str(characters),
        Cell::Flag(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Cell::Integer(number) => text.push_str(itoa::Buffer::new().format(*number)),
        Cell::Seconds(seconds) => seconds.push_to(text),
        Cell::Time(time) => time.push_to(text),
        Cell::Address(address) => push_address(text, address),
        other => {
            // Writing to a String cannot fail.
            let _ = write!(text, "{other}");
        }
    }
}

fn push_address(text: &mut String, address: &SocketAddr) {
    let mut number = itoa::Buffer::new();
    match address {
        SocketAddr::V4(address) => {
            for (index, octet) in address.ip().octets().into_iter().enumerate() {
                text.push_str(if index > 0 { "." } else { "" });
                text.push_str(number.format(octet));
            }
        }
        SocketAddr::V6(_) => {
            let _ = write!(text, "{address}");
            return;
        }
    }
    text.push(':');
    text.push_str(number.format(address.port()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::column::{CALLS, REGISTRATIONS};
    use crate::report::stream::STREAMS;
    use crate::report::transaction::TRANSACTIONS;
    use crate::report::{Column, Row, samples};
    use proptest::prelude::*;

    #[test]
    fn every_cell_says_what_it_displays() {
        fn check<R>(columns: &[Column<R>], row: &R) {
            for column in columns {
                let cell = (column.cell)(row);
                let mut text = String::new();
                push(&mut text, &cell);
                assert_eq!(text, cell.to_string(), "{}", column.key);
            }
        }
        for row in samples::rows() {
            match &row {
                Row::Call(row) => check(CALLS, &**row),
                Row::Registration(row) => check(REGISTRATIONS, &**row),
                Row::Transaction(row) => check(TRANSACTIONS, &**row),
                Row::Stream(_) => {}
            }
            row.streams().iter().for_each(|row| check(STREAMS, row));
        }
    }

    proptest! {
        #[test]
        fn any_address_is_printed_as_the_library_does(address in any::<SocketAddr>()) {
            let mut text = String::new();
            push_address(&mut text, &address);
            prop_assert_eq!(text, address.to_string());
        }
    }
}
