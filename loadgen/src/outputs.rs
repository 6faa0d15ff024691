//! Where a report goes: as text to a person, as JSON and HTML to files.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::cli::OutputArgs;
use crate::report::text::Text;
use crate::report::{Report, html, tables};

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {what}: {error}")]
pub struct OutputError {
    what: String,
    error: io::Error,
}

impl OutputError {
    /// Names what was to be written.
    pub fn new(what: &str, error: io::Error) -> Self {
        Self { what: what.to_owned(), error }
    }
}

/// The files of a report, open before an hour of load and not after it.
#[derive(Debug)]
pub struct Outputs {
    json: Option<JsonOutput>,
    others: Vec<(OutputFile, Form)>,
}

/// How a report is written.
type Form = fn(&Report) -> String;

/// Where a report is asked for, beside the text.
#[derive(Clone, Debug, Default)]
pub struct OutputPaths<'a> {
    /// As JSON; `-` is standard output.
    pub json: Option<&'a Path>,
    /// As one HTML page.
    pub html: Option<&'a Path>,
    /// The run over time, as CSV.
    pub csv: Option<&'a Path>,
    /// The latencies over time, as a histogram log.
    pub hdr_log: Option<&'a Path>,
}

impl<'a> From<&'a OutputArgs> for OutputPaths<'a> {
    fn from(args: &'a OutputArgs) -> Self {
        Self {
            json: args.json.as_deref(),
            html: args.html.as_deref(),
            csv: args.csv.as_deref(),
            hdr_log: args.hdr_log.as_deref(),
        }
    }
}

#[derive(Debug)]
enum JsonOutput {
    Stdout,
    File(OutputFile),
}

#[derive(Debug)]
struct OutputFile {
    file: File,
    path: String,
}

impl Outputs {
    /// Opens the files.
    ///
    /// # Errors
    ///
    /// When one cannot be opened.
    pub fn open(paths: &OutputPaths<'_>) -> Result<Self, OutputError> {
        let json = match paths.json {
            Some(path) if path == Path::new("-") => Some(JsonOutput::Stdout),
            Some(path) => Some(JsonOutput::File(OutputFile::open(path)?)),
            None => None,
        };
        let forms: [(Option<&Path>, Form); 3] = [
            (paths.html, html::render),
            (paths.csv, tables::csv),
            (paths.hdr_log, tables::hdr_log),
        ];
        let asked = forms
            .into_iter()
            .filter_map(|(path, form)| Some((path?, form)));
        let others = asked.map(|(path, form)| Ok((OutputFile::open(path)?, form)));
        Ok(Self { json, others: others.collect::<Result<_, OutputError>>()? })
    }

    /// Prints a report and a `note` to `out`, and writes the files. With JSON on standard
    /// output the text goes to standard error.
    ///
    /// # Errors
    ///
    /// When one cannot be written.
    pub fn write(
        self,
        report: &Report,
        note: &str,
        out: &mut impl Write,
    ) -> Result<(), OutputError> {
        let text = format!("{}{note}", Text(report));
        let json_error = |error: serde_json::Error| OutputError::new("the report", error.into());
        match self.json {
            None => print(out, &text)?,
            Some(JsonOutput::Stdout) => {
                print(&mut io::stderr(), &text)?;
                let line = report.to_json_line().map_err(json_error)?;
                print(out, &format!("{line}\n"))?;
            }
            Some(JsonOutput::File(file)) => {
                print(out, &text)?;
                file.write(&report.to_json().map_err(json_error)?)?;
            }
        }
        self.others
            .into_iter()
            .try_for_each(|(file, form)| file.write(&form(report)))
    }
}

impl OutputFile {
    fn open(path: &Path) -> Result<Self, OutputError> {
        let shown = path.display().to_string();
        // What is there stays until there is something to replace it.
        match File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path)
        {
            Ok(file) => Ok(Self { file, path: shown }),
            Err(error) => Err(OutputError::new(&shown, error)),
        }
    }

    fn write(mut self, text: &str) -> Result<(), OutputError> {
        let written = self.file.write_all(text.as_bytes());
        // A pipe or a device has no length to cut.
        let cut = |()| match self.file.metadata() {
            Ok(about) if about.is_file() => self.file.set_len(text.len() as u64),
            _ => Ok(()),
        };
        written
            .and_then(cut)
            .map_err(|error| OutputError::new(&self.path, error))
    }
}

fn print(out: &mut impl Write, text: &str) -> Result<(), OutputError> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| OutputError::new("the report", error))
}
