//! What commands print on standard output: a text for people, or one JSON value.

use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Prints the answers of a command.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    json: bool,
}

impl Report {
    /// Reports in JSON, or in text.
    pub fn new(json: bool) -> Report {
        Report { json }
    }

    /// Whether answers are JSON.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// The command's answer.
    pub fn answer<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        let mut line = if self.json {
            serde_json::to_string(value)?
        } else {
            text(value)
        };
        if !line.ends_with('\n') {
            line.push('\n');
        }
        print(line.as_bytes())
    }

    /// A file's text as it is, whatever the form of answers.
    pub fn file(self, text: &str) -> anyhow::Result<()> {
        print(text.as_bytes())
    }

    /// A remark on the way, on standard error; nothing in JSON.
    pub fn remark(self, text: &str) {
        if !self.json {
            // A remark that nobody reads any more stops nothing.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Whether somebody is there to be asked or to watch a bar.
    pub fn is_interactive(self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks before something is destroyed. Without a person there the answer is no.
    pub fn confirm(self, question: &str) -> bool {
        if !self.is_interactive() {
            return false;
        }
        let _ = write!(io::stderr(), "{question} [y/N] ");
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).is_ok()
            && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    }
}

/// A table of columns as wide as their widest field.
pub fn columns(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|field| on_one_line(field)).collect())
        .collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        for (n, field) in row.iter().enumerate() {
            let width = field.chars().count();
            match widths.get_mut(n) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (field, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{field:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A name may hold what would begin another line.
fn on_one_line(field: &str) -> String {
    let mut line = String::with_capacity(field.len());
    for char in field.chars() {
        match char.is_control() {
            true => line.extend(char.escape_default()),
            false => line.push(char),
        }
    }
    line
}

/// A number with its thousands apart: `336,776`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A reader that went away (`| head`) has seen enough: no error.
fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    use super::{columns, grouped};

    #[test]
    fn whatever_a_name_holds_a_row_is_one_line() {
        let row = ["kv/\nok".to_owned(), "a\u{1b}[31m".to_owned()];
        assert_eq!(columns(&[row.to_vec()]), "kv/\\nok  a\\u{1b}[31m\n");
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (336_776, "336,776"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
