//! One line of the trace: who, which request, and what stands between the brackets.
//!
//! ```text
//! 0024: set_key_value( hkey=0030, type=4, namelen=12, name=L"Number", data={2a,00,00,00} )
//! 0024: set_key_value() = 0
//! 0024: open_key() = OBJECT_NAME_NOT_FOUND
//! 0024: create_key() = 0 { hkey=0030 }
//! 0020: *process killed*
//! ```
//! Numbers are in hex but for a few that the protocol prints in decimal (`type=4`); texts are UTF-16 with the escapes of C.

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'t> {
    /// A thread asks.
    Request {
        /// The thread.
        thread: u32,
        /// What for.
        name: &'t str,
        /// What stands between the brackets.
        arguments: &'t str,
    },
    /// It is answered.
    Reply {
        /// The thread.
        thread: u32,
        /// What it asked for.
        name: &'t str,
        /// `0`, or the name of an NTSTATUS without `STATUS_`, or its number.
        status: &'t str,
        /// What stands between the braces.
        results: &'t str,
    },
    /// A thread is gone.
    ThreadGone {
        /// The thread.
        thread: u32,
    },
    /// A process is gone.
    ProcessGone {
        /// The process.
        process: u32,
    },
}

impl<'t> Line<'t> {
    /// Reads a line; `None` for all that are of no interest, as what a server says in other words.
    #[must_use]
    pub fn parse(line: &'t str) -> Option<Self> {
        let (number, rest) = line.split_once(": ")?;
        let thread = hex(number)?;
        if let Some(rest) = rest.strip_prefix('*') {
            return match rest.split_once('*')?.0 {
                "process killed" => Some(Self::ProcessGone { process: thread }),
                "killed" => Some(Self::ThreadGone { thread }),
                _ => None,
            };
        }
        let (name, rest) = rest.split_once('(')?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()) {
            return None;
        }
        if let Some(reply) = rest.strip_prefix(") = ") {
            let (status, results) = reply.split_once(' ').unwrap_or((reply, ""));
            let results = results.strip_prefix('{').and_then(|results| results.strip_suffix('}')).unwrap_or_default();
            return Some(Self::Reply { thread, name, status, results });
        }
        Some(Self::Request { thread, name, arguments: rest.strip_suffix(')').unwrap_or(rest) })
    }
}

/// A number in hex.
#[must_use]
pub fn hex(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(text, 16).ok()
}

/// The value of a field at the top level: not one that stands within braces or within a text.
#[must_use]
pub fn field<'t>(fields: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = fields;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        let (found, after) = rest.split_once('=')?;
        let length = value_length(after);
        let value = after.get(..length)?;
        if found == name {
            return Some(value);
        }
        rest = after.get(length..)?;
    }
}

/// A field within a field that is a group in braces.
#[must_use]
pub fn within<'t>(group: &'t str, name: &str) -> Option<&'t str> {
    field(group.strip_prefix('{')?.strip_suffix('}')?, name)
}

/// Where a value ends: at a comma or a blank that stands in no group and no text.
fn value_length(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' | b' ' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// A text: `L"…"` with its escapes taken back.
#[must_use]
pub fn text(value: &str) -> Option<String> {
    let inside = value.strip_prefix("L\"")?.strip_suffix('"')?;
    let mut units: Vec<u16> = Vec::with_capacity(inside.len());
    let mut chars = inside.chars().peekable();
    while let Some(ch) = chars.next() {
        if ch != '\\' {
            units.extend(ch.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        let escape = chars.next()?;
        let (radix, most, mut unit) = match escape {
            'x' => (16, 4, 0),
            '0'..='7' => (8, 2, escape.to_digit(8)?),
            other => {
                units.push(named(other)?);
                continue;
            }
        };
        for _ in 0..most {
            let Some(digit) = chars.peek().and_then(|ch| ch.to_digit(radix)) else { break };
            unit = unit * radix + digit;
            chars.next();
        }
        units.push(u16::try_from(unit).ok()?);
    }
    Some(String::from_utf16_lossy(&units))
}

/// The escapes that have a letter, and characters that stand for themselves.
fn named(letter: char) -> Option<u16> {
    let unit = match letter {
        'a' => '\u{7}',
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        other => other,
    };
    u16::try_from(u32::from(unit)).ok()
}

/// The bytes of `{2a,00,…}`, as many as the trace has.
#[must_use]
pub fn bytes(value: &str) -> Vec<u8> {
    let inside = value.trim_start_matches('{');
    let byte = |text: &str| u8::from_str_radix(text.get(..2)?, 16).ok().filter(|_| text.len() == 2);
    inside.trim_end_matches('}').split(',').map_while(byte).collect()
}
