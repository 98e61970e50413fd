//! Migration files: their names, their order, their checksums.

use super::error::{Diagnostic, MigrationError};
use std::path::Path;

/// A migration as it lies in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationFile {
    /// Its name, `NNNN_name.sql`.
    pub name: String,
    /// Its content.
    pub sql: String,
}

/// A file with what its name says.
pub(super) struct Numbered<'a> {
    pub(super) number: u64,
    pub(super) name: &'a str,
    pub(super) sql: &'a str,
    pub(super) checksum: [u8; 32],
}

/// Reads the `.sql` files of a folder; other files are none of ours.
pub fn read_folder(folder: &Path) -> Result<Vec<MigrationFile>, MigrationError> {
    let failed = |path: &Path, source| MigrationError::Folder {
        path: path.display().to_string(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let path = entry.map_err(|source| failed(folder, source))?.path();
        if !path.is_file() || path.extension().is_none_or(|end| end != "sql") {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let bytes = std::fs::read(&path).map_err(|source| failed(&path, source))?;
        let sql = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            Diagnostic::new(&name, format!("it is not UTF-8, from byte {valid} on"))
                .hint("save it as UTF-8")
        })?;
        files.push(MigrationFile {
            name: name.into_owned(),
            sql,
        });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The files in the order of their numbers, no number twice.
pub(super) fn number(files: &[MigrationFile]) -> Result<Vec<Numbered<'_>>, MigrationError> {
    let mut numbered = files
        .iter()
        .map(|file| {
            let Some(number) = number_of(&file.name) else {
                return Err(
                    Diagnostic::new(&file.name, "a migration is named NNNN_name.sql")
                        .hint("for example 0001_restaurants.sql"),
                );
            };
            Ok(Numbered {
                number,
                name: &file.name,
                sql: &file.sql,
                checksum: checksum_of(&file.sql),
            })
        })
        .collect::<Result<Vec<Numbered<'_>>, Diagnostic>>()?;
    numbered.sort_by_key(|file| file.number);
    for pair in numbered.windows(2) {
        if pair[0].number == pair[1].number {
            return Err(Diagnostic::new(
                pair[1].name,
                format!("it has the same number as {}", pair[0].name),
            )
            .hint("give one of them the next number")
            .into());
        }
    }
    Ok(numbered)
}

/// At least one digit, `_`, a name, `.sql`.
fn number_of(name: &str) -> Option<u64> {
    let stem = name.strip_suffix(".sql")?;
    let (digits, rest) = stem.split_once('_')?;
    let plain =
        !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit());
    (plain && !rest.is_empty()).then(|| digits.parse().ok())?
}

/// The same whether lines end as on Windows or not: version control may change that.
fn checksum_of(sql: &str) -> [u8; 32] {
    *blake3::hash(sql.replace("\r\n", "\n").as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_number_or_is_refused() {
        let cases = [
            ("0001_init.sql", Some(1)),
            ("12_a b.sql", Some(12)),
            ("0001.sql", None),
            ("_a.sql", None),
            ("0001_.sql", None),
            ("1a_b.sql", None),
            ("0001_init.txt", None),
            ("9999999999999999999_x.sql", None),
        ];
        for (name, expected) in cases {
            assert_eq!(number_of(name), expected, "{name}");
        }
    }

    #[test]
    fn a_checksum_does_not_mind_how_lines_end() {
        assert_eq!(checksum_of("a\r\nb\r\n"), checksum_of("a\nb\n"));
        assert_ne!(checksum_of("a\nb"), checksum_of("a\nc"));
    }
}
