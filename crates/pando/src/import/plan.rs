//! Which field of a record goes into which column.

use super::chunk::{Fault, RawChunk, Records};
use super::split::{CsvField, CsvRecord};
use crate::failure::fail;
use csv::ByteRecord;

/// What was asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// Texts that mean NULL in CSV without quotation marks, besides the empty one.
    nulls: Vec<Vec<u8>>,
    /// Pairs of a column and the header or key that it is taken from.
    renamed: Vec<(String, String)>,
}

/// How similar two names must be (Jaro-Winkler) for one to be offered for the other.
const NEAR: f64 = 0.7;

impl Mapping {
    /// Reads `--null` and `--map`.
    pub fn new(nulls: &[String], maps: &[String]) -> anyhow::Result<Mapping> {
        let mut renamed: Vec<(String, String)> = Vec::new();
        for map in maps {
            match map.split_once('=') {
                Some((column, header)) if !column.is_empty() && !header.is_empty() => {
                    // Either would leave a column out without a word.
                    let before = renamed.iter().find(|(c, h)| c == column || h == header);
                    if let Some((other, from)) = before {
                        return fail(format!(
                            "--map {map} and --map {other}={from} exclude each other"
                        ))
                        .hint(
                            "a column is taken from one header, and a header goes into one column",
                        )
                        .usage()
                        .err();
                    }
                    renamed.push((column.to_owned(), header.to_owned()));
                }
                _ => {
                    return fail(format!("--map {map}: write COLUMN=HEADER"))
                        .usage()
                        .err();
                }
            }
        }
        Ok(Mapping {
            nulls: nulls.iter().map(|text| text.as_bytes().to_vec()).collect(),
            renamed,
        })
    }

    /// The settings as texts, for what an import is known by.
    pub fn settings(&self) -> Vec<String> {
        let nulls = self.nulls.iter().map(|null| format!("{null:?}"));
        let renamed = self
            .renamed
            .iter()
            .map(|(column, header)| format!("{column}={header}"));
        nulls.chain(renamed).collect()
    }

    /// Whether a field of CSV means NULL.
    pub fn is_null(&self, field: CsvField<'_>) -> bool {
        let is_named = || self.nulls.iter().any(|null| null == field.text);
        !field.quoted && (field.text.is_empty() || is_named())
    }

    /// The column that a header or key goes into.
    pub fn column_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.renamed
            .iter()
            .find(|(_, header)| header == name)
            .map_or(name, |(column, _)| column)
    }

    /// The columns that a header's fields go into, in its order. `columns` are the table's,
    /// where they are known.
    pub fn columns_of(
        &self,
        file: &str,
        header: &ByteRecord,
        columns: Option<&[&str]>,
    ) -> anyhow::Result<Vec<String>> {
        let mut targets: Vec<String> = Vec::with_capacity(header.len());
        for field in header {
            let name = std::str::from_utf8(field)
                .map_err(|_| fail(format!("{file}:1: the header is not UTF-8")))?
                .trim();
            let column = self.column_of(name);
            if let Some(columns) = columns
                && !columns.contains(&column)
            {
                return Err(no_such_column(file, name, columns));
            }
            if targets.iter().any(|target| target == column) {
                return fail(format!("{file}:1: two headers go into the column {column}")).err();
            }
            targets.push(column.to_owned());
        }
        let names: Vec<&str> = header
            .iter()
            .filter_map(|field| std::str::from_utf8(field).ok())
            .map(str::trim)
            .collect();
        match self
            .renamed
            .iter()
            .find(|(_, header)| !names.contains(&header.as_str()))
        {
            Some((column, header)) => fail(format!(
                "{file}:1: --map {column}={header}: there is no such header"
            ))
            .hint(format!("the headers are: {}", names.join(", ")))
            .err(),
            None => Ok(targets),
        }
    }
}

/// The fields of a CSV record, as many as its header has.
pub fn fields(raw: &RawChunk, at: usize) -> Result<&CsvRecord, Fault> {
    let Records::Csv(header, records) = &raw.records else {
        return Err(Fault::new("import", "the record is not CSV"));
    };
    match records.get(at) {
        Some(record) if record.len() == header.len() => Ok(record),
        Some(record) => Err(Fault::new(
            "import",
            format!(
                "the row has {} fields, its header {}",
                record.len(),
                header.len()
            ),
        )),
        None => Err(Fault::new("import", "the record is missing")),
    }
}

/// The text of a JSON record.
pub fn text(raw: &RawChunk, at: usize) -> Result<&str, Fault> {
    let Records::Json(texts) = &raw.records else {
        return Err(Fault::new("import", "the record is not JSON"));
    };
    let bytes = texts.get(at).map_or(&[][..], Vec::as_slice);
    std::str::from_utf8(bytes).map_err(|_| Fault::new("22021", "the record is not UTF-8"))
}

fn no_such_column(file: &str, name: &str, columns: &[&str]) -> anyhow::Error {
    let nearest = columns
        .iter()
        .map(|column| (strsim::jaro_winkler(name, column), column))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let failure = fail(format!(
        "{file}:1: the header `{name}` is no column of the table"
    ));
    match nearest {
        Some((_, column)) => failure.hint(format!("--map {column}={name} if that is meant")),
        None => failure.hint(format!(
            "--map COLUMN={name}; the columns are: {}",
            columns.join(", ")
        )),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_quotation_marks_is_never_null() {
        let mapping = Mapping::new(&["NA".to_owned()], &[]).unwrap();
        for (text, quoted, is_null) in [
            ("", false, true),
            ("NA", false, true),
            ("N", false, false),
            ("", true, false),
            ("NA", true, false),
        ] {
            let field = CsvField {
                text: text.as_bytes(),
                quoted,
            };
            assert_eq!(mapping.is_null(field), is_null, "{field:?}");
        }
    }

    #[test]
    fn headers_go_into_columns_of_their_name_or_as_mapped() {
        let mapping = Mapping::new(&[], &["name=Full name".to_owned()]).unwrap();
        let header = ByteRecord::from(vec!["id", " Full name"]);
        let columns = mapping
            .columns_of("a.csv", &header, Some(&["id", "name"]))
            .unwrap();
        assert_eq!(columns, ["id", "name"]);
    }

    #[test]
    fn a_header_that_is_no_column_and_a_map_without_its_header_are_refused() {
        let mapping = Mapping::default();
        let header = ByteRecord::from(vec!["idd"]);
        let error = mapping
            .columns_of("a.csv", &header, Some(&["id"]))
            .unwrap_err();
        assert!(error.to_string().contains("`idd` is no column"), "{error}");
        let mapping = Mapping::new(&[], &["id=x".to_owned()]).unwrap();
        let header = ByteRecord::from(vec!["id"]);
        assert!(mapping.columns_of("a.csv", &header, Some(&["id"])).is_err());
        for maps in [&["id"][..], &["a=x", "b=x"], &["a=x", "a=y"]] {
            let maps: Vec<String> = maps.iter().map(|map| (*map).to_owned()).collect();
            assert!(Mapping::new(&[], &maps).is_err(), "{maps:?}");
        }
    }
}
