//! The questions that a security analyst asks, ready to be asked: `schemas/questions/*.sql`.
//!
//! Each begins with `-- title`, then `-- :parameter  meaning [example]` for each value to be given; in the text a parameter is `:name`.

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its short name.
    pub name: &'static str,
    /// The file's text.
    text: &'static str,
}

/// A value that a question needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// A value, for a look.
    pub example: &'static str,
}

macro_rules! questions {
    ($($name:literal)*) => {
        /// Every question, in the order in which an investigation asks them.
        #[must_use]
        pub const fn questions() -> &'static [Question] {
            &[$(Question { name: $name, text: include_str!(concat!("../../../schemas/questions/", $name, ".sql")) },)*]
        }
    };
}

questions! {
    "sessions" "refused" "refused-by-rule" "who-touched" "sent-out" "new-hosts" "after-exec" "techniques" "detections"
    "secrets" "new-programs" "uploads" "written-then-run" "failures" "longest" "names" "losses" "startup-files" "per-hour"
    "largest-writers"
}

impl Question {
    /// What it answers.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.comments().next().unwrap_or_default()
    }

    /// The values that it needs.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter> {
        self.comments().filter_map(|line| {
            let (name, rest) = line.strip_prefix(':')?.split_once(char::is_whitespace)?;
            let (about, example) = rest.trim().rsplit_once('[')?;
            Some(Parameter { name, about: about.trim(), example: example.trim_end_matches(']') })
        })
    }

    /// The SQL as it is written: a parameter stands as `:name` in it, where a text in quotation marks is to stand.
    #[must_use]
    pub fn template(&self) -> String {
        self.text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    /// The SQL, with a value in the place of each parameter; what has none takes its example.
    #[must_use]
    pub fn sql(&self, value: impl Fn(&str) -> Option<String>) -> String {
        let mut sql = self.template();
        for parameter in self.parameters() {
            let value = value(parameter.name).unwrap_or_else(|| parameter.example.to_owned());
            let literal = format!("'{}'", value.replace('\'', "''"));
            sql = sql.replace(&format!(":{}", parameter.name), &literal);
        }
        sql
    }

    fn comments(&self) -> impl Iterator<Item = &'static str> {
        self.text.lines().map_while(|line| line.strip_prefix("-- "))
    }
}
