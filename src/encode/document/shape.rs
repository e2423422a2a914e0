//! What a document consists of.

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// Its sections, in order.
    pub sections: Vec<Section>,
}

/// A section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// Part of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A sentence or more.
    Line(String),
    /// What deserves a look before anything else.
    Alert(String),
    /// Names and what they stand for.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns; numbers are set to the right.
    pub columns: Vec<Heading>,
    /// The rows, each as long as the columns.
    pub rows: Vec<Vec<String>>,
    /// How many rows there are in all; those that are not shown are only counted.
    pub all: u64,
}

/// Heading of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Its name.
    pub name: &'static str,
    /// Whether it holds numbers.
    pub number: bool,
}

impl Table {
    /// A table with these columns; a name that begins with `#` is that of a column of numbers.
    #[must_use]
    pub fn new(columns: &[&'static str]) -> Self {
        let heading = |name: &&'static str| match name.strip_prefix('#') {
            Some(name) => Heading { name, number: true },
            None => Heading { name, number: false },
        };
        Self { columns: columns.iter().map(heading).collect(), rows: Vec::new(), all: 0 }
    }

    /// What is said beneath it about the rows that are not shown.
    pub(super) fn rest(&self) -> Option<String> {
        let shown = u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        (self.all > shown).then(|| format!("and {} more", self.all - shown))
    }
}
