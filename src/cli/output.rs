//! What every subcommand writes to: standard output with or without a terminal behind it, notes beside it, and the exit code.

mod text;

use std::fmt;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::ExitCode;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub use text::{columns, middle, wrapped};

pub use crate::event::printable;

/// Columns of a terminal that does not say how many it has.
const USUAL_COLUMNS: usize = 80;

/// How a subcommand ended, when agentsh itself did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked; exit code 0.
    Done,
    /// It did, and what it found is not in order; exit code 1.
    NotInOrder,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => ExitCode::SUCCESS,
            Exit::NotInOrder => ExitCode::from(1),
        }
    }
}

/// The exit code of agentsh's own failures.
pub const FAILED: u8 = 125;

/// Colours and weights; nothing where they are not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    on: bool,
}

/// A text with its colour.
pub struct Painted<T> {
    text: T,
    code: Option<&'static str>,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\u{1b}[{code}m{}\u{1b}[0m", self.text),
            None => self.text.fmt(f),
        }
    }
}

impl Palette {
    /// With colours or without.
    #[must_use]
    pub const fn new(on: bool) -> Self {
        Self { on }
    }

    const fn paint<T>(self, text: T, code: &'static str) -> Painted<T> {
        Painted { text, code: if self.on { Some(code) } else { None } }
    }

    /// For what is refused, lost or wrong.
    pub const fn red<T>(self, text: T) -> Painted<T> {
        self.paint(text, "31")
    }

    /// For what deserves a look.
    pub const fn yellow<T>(self, text: T) -> Painted<T> {
        self.paint(text, "33")
    }

    /// For what is in order.
    pub const fn green<T>(self, text: T) -> Painted<T> {
        self.paint(text, "32")
    }

    /// For what is there to be found and not to be read.
    pub const fn dim<T>(self, text: T) -> Painted<T> {
        self.paint(text, "2")
    }

    /// For headings.
    pub const fn bold<T>(self, text: T) -> Painted<T> {
        self.paint(text, "1")
    }

    /// As it is.
    pub const fn plain<T>(self, text: T) -> Painted<T> {
        Painted { text, code: None }
    }
}

/// Standard output and the notes beside it.
pub struct Output<'w> {
    writer: &'w mut dyn Write,
    notes: &'w mut dyn Write,
    palette: Palette,
    width: Option<usize>,
    /// Whether a person sees the notes.
    attended: bool,
    pipe: Option<BorrowedFd<'w>>,
}

impl<'w> Output<'w> {
    /// Output without a terminal: no colours, nothing cut.
    #[must_use]
    pub fn new(writer: &'w mut dyn Write, notes: &'w mut dyn Write) -> Self {
        Self { writer, notes, palette: Palette::new(false), width: None, attended: false, pipe: None }
    }

    /// The same output, on a terminal of that many columns.
    #[must_use]
    pub const fn on_terminal(mut self, columns: usize, colour: bool) -> Self {
        self.width = Some(columns);
        self.palette = Palette::new(colour);
        self
    }

    /// The same output, with a person who sees the notes.
    #[must_use]
    pub const fn attended(mut self) -> Self {
        self.attended = true;
        self
    }

    /// The same output, which goes to this descriptor, so that it can be seen when its reader is gone.
    #[must_use]
    pub const fn to_descriptor(mut self, fd: BorrowedFd<'w>) -> Self {
        self.pipe = Some(fd);
        self
    }

    /// The colours.
    #[must_use]
    pub const fn palette(&self) -> Palette {
        self.palette
    }

    /// Columns of the terminal; `None` when the output goes elsewhere and must not be cut.
    #[must_use]
    pub const fn width(&self) -> Option<usize> {
        self.width
    }

    /// Whether a person sees the notes.
    #[must_use]
    pub const fn is_attended(&self) -> bool {
        self.attended
    }

    /// Says something beside the output, if a person is there to read it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&mut self, text: impl fmt::Display) -> io::Result<()> {
        if self.attended { writeln!(self.notes, "{text}") } else { Ok(()) }
    }

    /// Where what stands beside the output goes.
    pub fn notes(&mut self) -> &mut dyn Write {
        self.notes
    }

    /// Says something beside the output, whoever is there: what else would look as if nothing had happened.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn say(&mut self, text: impl fmt::Display) -> io::Result<()> {
        writeln!(self.notes, "{text}")
    }

    /// Whether whoever read the output has closed it; only known of pipes and sockets.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let Some(fd) = self.pipe else { return false };
        // An error condition is reported although no event is asked for (poll(2)).
        let mut wanted = [PollFd::new(fd, PollFlags::empty())];
        poll(&mut wanted, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Whether it failed because whoever read the output has closed it, which ends a command and is no failure.
#[must_use]
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

/// Runs a subcommand on standard output and standard error; `no_color` is whether the environment asks for no colours.
#[must_use]
pub fn on_standard_output(no_color: bool, run: impl FnOnce(&mut Output<'_>) -> anyhow::Result<Exit>) -> ExitCode {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let columns = stdout.is_terminal().then(|| terminal_size::terminal_size().map_or(USUAL_COLUMNS, |(width, _)| width.0.into()));
    let mut writer = BufWriter::with_capacity(64 << 10, stdout.lock());
    let descriptor = io::stdout();
    let mut notes = io::stderr();
    let mut output = Output::new(&mut writer, &mut notes).to_descriptor(descriptor.as_fd());
    if let Some(columns) = columns {
        output = output.on_terminal(columns, !no_color);
    }
    if stderr.is_terminal() {
        output = output.attended();
    }
    let result = run(&mut output).and_then(|exit| Ok(output.flush().map(|()| exit)?));
    match result {
        Ok(exit) => exit.into(),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let palette = Palette::new(stderr.is_terminal() && !no_color);
            // Where not even that can be said, the exit code says it.
            let _unheard = writeln!(io::stderr(), "{}: {error:#}", palette.red("error"));
            ExitCode::from(FAILED)
        }
    }
}
