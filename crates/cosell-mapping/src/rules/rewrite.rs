//! Changing a mapping file and keeping its comments and order.

use toml_edit::{DocumentMut, Item, TableLike, value};

use super::{Fault, Faults, MAX_BYTES, Scalar, Source};

/// A TOML mapping file that is changed member by member; everything else keeps its exact text.
///
/// ```
/// use cosell_mapping::rules::{Rewrite, Scalar, Source};
///
/// let text = "name = \"a\" # ours\nversion = \"1\"\n";
/// let mut rewrite = Rewrite::of(&Source::new("a.toml", text))?;
/// rewrite.set("fields.value.crm.path", &Scalar::Text("new_value".into()))?;
/// assert!(rewrite.text().starts_with("name = \"a\" # ours\n"));
/// assert!(rewrite.text().contains("path = \"new_value\""));
/// # Ok::<(), cosell_mapping::rules::Faults>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rewrite {
    document: DocumentMut,
    frame: Frame,
}

/// What the document does not keep of its text.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// A byte order mark stands in front.
    mark: bool,
    /// Every line ends with CR and LF.
    windows: bool,
    /// The last line has no end.
    open: bool,
}

const MARK: char = '\u{feff}';

impl Frame {
    fn of(text: &str) -> Self {
        let mut lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        Self {
            mark: text.starts_with(MARK),
            windows: text.contains('\n') && lines.all(|line| line.ends_with("\r\n")),
            open: !text.ends_with('\n'),
        }
    }

    fn put_round(self, mut text: String) -> String {
        if self.windows {
            text = text.replace("\r\n", "\n").replace('\n', "\r\n");
        }
        if self.open && text.ends_with('\n') {
            text.truncate(
                text.strip_suffix('\n')
                    .map_or(&*text, |text| text.strip_suffix('\r').unwrap_or(text))
                    .len(),
            );
        }
        if self.mark && !text.starts_with(MARK) {
            text.insert(0, MARK);
        }
        text
    }
}

impl Rewrite {
    /// The file to change.
    ///
    /// # Errors
    /// It is too long or no TOML.
    pub fn of(source: &Source) -> Result<Self, Faults> {
        if source.text.len() > MAX_BYTES {
            return Err(refused("", "the file is too long", "split it"));
        }
        let document: Result<DocumentMut, toml_edit::TomlError> = source.text.parse();
        let frame = Frame::of(&source.text);
        document
            .map(|document| Self { document, frame })
            .map_err(|error| refused("", error.message(), "correct the line"))
    }

    /// Gives a member, named with dots, a new value; tables on the way are made.
    ///
    /// # Errors
    /// Something on the way is no table.
    pub fn set(&mut self, dotted: &str, to: &Scalar) -> Result<(), Faults> {
        let (way, last) = dotted.rsplit_once('.').unwrap_or(("", dotted));
        let mut table: &mut dyn TableLike = self.document.as_table_mut();
        for name in way.split('.').filter(|name| !name.is_empty()) {
            let item = table.entry(name).or_insert_with(|| {
                let mut table = toml_edit::Table::new();
                table.set_implicit(true);
                Item::Table(table)
            });
            table = item.as_table_like_mut().ok_or_else(|| {
                refused(
                    dotted,
                    "something on the way to it is no table",
                    "write it as a table",
                )
            })?;
        }
        let new = match to {
            Scalar::Text(text) => value(text.as_str()),
            Scalar::Whole(number) => value(*number),
            Scalar::Flag(flag) => value(*flag),
        };
        match table.get_mut(last).and_then(Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                if let Item::Value(mut new) = new {
                    *new.decor_mut() = decor;
                    *old = new;
                }
            }
            None => {
                table.insert(last, new);
            }
        }
        Ok(())
    }

    /// Takes a member out; says whether it was there.
    pub fn remove(&mut self, dotted: &str) -> bool {
        let (way, last) = dotted.rsplit_once('.').unwrap_or(("", dotted));
        let mut table: &mut dyn TableLike = self.document.as_table_mut();
        for name in way.split('.').filter(|name| !name.is_empty()) {
            match table.get_mut(name).and_then(Item::as_table_like_mut) {
                Some(inner) => table = inner,
                None => return false,
            }
        }
        table.remove(last).is_some()
    }

    /// The file as it reads now. Lines end as they did; where they ended in both ways, with LF.
    pub fn text(&self) -> String {
        self.frame.put_round(self.document.to_string())
    }
}

fn refused(key: &str, what: &str, cure: &str) -> Faults {
    Faults::new(vec![Fault::new(key, what, cure)])
}
