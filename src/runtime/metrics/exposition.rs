//! The Prometheus text format 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::{self, Display, Write as _};
use std::sync::atomic::Ordering::Relaxed;

use super::instruments::{By, ByName, ByWord, Counter, Gauge, Histogram, Label, Scale};
use super::table::Description;

/// The `Content-Type` of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An instrument that can be shown.
pub(super) trait Expose {
    /// The word of a `# TYPE` line.
    const TYPE: &'static str;

    /// Whether nothing was counted yet.
    fn is_zero(&self) -> bool;

    /// Writes one line for each sample. `labels` are the pairs so far; the instrument's own come from `names`.
    fn expose(&self, writer: &mut Writer, name: &str, names: &[&str], labels: &mut Vec<(String, String)>);
}

/// Builds the text.
#[derive(Default)]
pub(super) struct Writer {
    text: String,
}

impl Writer {
    /// Writes a metric's head and its samples.
    pub(super) fn metric<E: Expose>(&mut self, description: &Description, instrument: &E) {
        let Description { name, metric_type, help, labels, .. } = description;
        self.line(format_args!("# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n")));
        self.line(format_args!("# TYPE {name} {metric_type}"));
        instrument.expose(self, name, labels, &mut Vec::new());
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn sample(&mut self, name: &str, suffix: &str, labels: &[(String, String)], value: impl Display) {
        let mut pairs = String::new();
        for (label, text) in labels {
            let separator = if pairs.is_empty() { "" } else { "," };
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            // Writing to a String cannot fail, here and below.
            let _ = write!(pairs, "{separator}{label}=\"{escaped}\"");
        }
        if pairs.is_empty() {
            self.line(format_args!("{name}{suffix} {value}"));
        } else {
            self.line(format_args!("{name}{suffix}{{{pairs}}} {value}"));
        }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{line}");
    }
}

impl Expose for Counter {
    const TYPE: &'static str = "counter";

    fn is_zero(&self) -> bool {
        self.get() == 0
    }

    fn expose(&self, writer: &mut Writer, name: &str, _: &[&str], labels: &mut Vec<(String, String)>) {
        writer.sample(name, "", labels, self.get());
    }
}

impl Expose for Gauge {
    const TYPE: &'static str = "gauge";

    fn is_zero(&self) -> bool {
        self.get() == 0
    }

    fn expose(&self, writer: &mut Writer, name: &str, _: &[&str], labels: &mut Vec<(String, String)>) {
        writer.sample(name, "", labels, self.get());
    }
}

impl Expose for Histogram {
    const TYPE: &'static str = "histogram";

    fn is_zero(&self) -> bool {
        self.count() == 0
    }

    fn expose(&self, writer: &mut Writer, name: &str, _: &[&str], labels: &mut Vec<(String, String)>) {
        let shown = |value: u64| match self.scale {
            // 15 digits hold every microsecond of a year exactly.
            #[expect(clippy::cast_precision_loss, reason = "the format's numbers are floating point")]
            Scale::MicrosAsSeconds => (value as f64 / 1e6).to_string(),
            Scale::Plain => value.to_string(),
        };
        let mut total = 0_u64;
        for (place, count) in self.counts.iter().enumerate() {
            total += count.load(Relaxed);
            let bound = self.bounds.get(place).map_or_else(|| "+Inf".to_owned(), |bound| shown(*bound));
            labels.push(("le".to_owned(), bound));
            writer.sample(name, "_bucket", labels, total);
            labels.pop();
        }
        writer.sample(name, "_sum", labels, shown(self.sum.load(Relaxed)));
        writer.sample(name, "_count", labels, total);
    }
}

impl<L: Label, I: Expose> Expose for By<L, I> {
    const TYPE: &'static str = I::TYPE;

    fn is_zero(&self) -> bool {
        self.of.iter().all(|(_, instrument)| instrument.is_zero()) && self.other.is_zero()
    }

    fn expose(&self, writer: &mut Writer, name: &str, names: &[&str], labels: &mut Vec<(String, String)>) {
        let known = self.of.iter().map(|(label, instrument)| (label.text(), instrument));
        each(writer, name, names, labels, known, &self.other);
    }
}

impl<I: Expose> Expose for ByWord<I> {
    const TYPE: &'static str = I::TYPE;

    fn is_zero(&self) -> bool {
        self.of.iter().all(|(_, instrument)| instrument.is_zero()) && self.other.is_zero()
    }

    fn expose(&self, writer: &mut Writer, name: &str, names: &[&str], labels: &mut Vec<(String, String)>) {
        let known = self.of.iter().map(|(word, instrument)| (*word, instrument));
        each(writer, name, names, labels, known, &self.other);
    }
}

impl<I: Expose + Default> Expose for ByName<I> {
    const TYPE: &'static str = I::TYPE;

    fn is_zero(&self) -> bool {
        self.all().iter().all(|(_, instrument)| instrument.is_zero())
    }

    fn expose(&self, writer: &mut Writer, name: &str, names: &[&str], labels: &mut Vec<(String, String)>) {
        let all = self.all();
        let known = all.iter().map(|(word, instrument)| (word.as_str(), instrument.as_ref()));
        each(writer, name, names, labels, known, &I::default());
    }
}

/// Shows one instrument for each value of a label, and `other` if anything was counted there.
fn each<'a, I: Expose + 'a>(
    writer: &mut Writer,
    name: &str,
    names: &[&str],
    labels: &mut Vec<(String, String)>,
    known: impl Iterator<Item = (&'a str, &'a I)>,
    other: &'a I,
) {
    let Some((label, inner)) = names.split_first() else { return };
    let other = (!other.is_zero()).then_some(("other", other));
    for (value, instrument) in known.chain(other) {
        labels.push(((*label).to_owned(), value.to_owned()));
        instrument.expose(writer, name, inner, labels);
        labels.pop();
    }
}
