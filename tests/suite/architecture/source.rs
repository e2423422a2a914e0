//! A small lexical reader of Rust: enough to see paths, items and comments, without a parser.

use std::fmt;

/// A place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// The file, from the root of the repository.
    pub path: String,
    /// The line, starting at 1.
    pub line: usize,
    /// Which rule, and how.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A word or a sign of the source; text in quotes is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The word, `::`, or one character.
    pub text: String,
    /// The line, starting at 1.
    pub line: usize,
}

/// A file as the rules see it.
pub struct Source {
    /// The path from the root of the repository, with slashes.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// Its words and signs, without comments and literals.
    pub tokens: Vec<Token>,
    /// Its comments, each with the line that it starts at.
    pub comments: Vec<Token>,
}

impl Source {
    /// Reads a file's text.
    pub fn new(path: &str, text: &str) -> Self {
        let mut reader = Reader { chars: text.chars().collect(), at: 0, line: 1, tokens: Vec::new(), comments: Vec::new() };
        reader.read();
        Self { path: path.to_owned(), text: text.to_owned(), tokens: reader.tokens, comments: reader.comments }
    }

    /// A violation at a line of this file.
    pub fn violation(&self, line: usize, what: impl Into<String>) -> Violation {
        Violation { path: self.path.clone(), line, what: what.into() }
    }

    /// The token's text; empty past the end.
    pub fn token(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    /// The token before; empty before the first.
    pub fn token_before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |before| self.token(before))
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
    comments: Vec<Token>,
}

impl Reader {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn bump(&mut self) -> char {
        let ch = self.peek(0);
        self.at += 1;
        if ch == '\n' {
            self.line += 1;
        }
        ch
    }

    fn read(&mut self) {
        while self.at < self.chars.len() {
            let line = self.line;
            match self.peek(0) {
                '/' if self.peek(1) == '/' => self.line_comment(line),
                '/' if self.peek(1) == '*' => self.block_comment(line),
                '"' => self.quoted(),
                '\'' => self.char_or_lifetime(),
                ch if ch.is_alphabetic() || ch == '_' => self.word(line),
                ch if ch.is_ascii_digit() => {
                    while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
                        self.bump();
                    }
                }
                ':' if self.peek(1) == ':' => {
                    self.at += 2;
                    self.tokens.push(Token { text: "::".into(), line });
                }
                ch => {
                    self.bump();
                    if !ch.is_whitespace() {
                        self.tokens.push(Token { text: ch.into(), line });
                    }
                }
            }
        }
    }

    fn line_comment(&mut self, line: usize) {
        let mut text = String::new();
        while self.at < self.chars.len() && self.peek(0) != '\n' {
            text.push(self.bump());
        }
        self.comments.push(Token { text, line });
    }

    fn block_comment(&mut self, line: usize) {
        let (mut text, mut depth) = (String::new(), 0_usize);
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    text.push(self.bump());
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                break;
            }
        }
        self.comments.push(Token { text, line });
    }

    fn quoted(&mut self) {
        self.bump();
        while self.at < self.chars.len() {
            match self.bump() {
                '\\' => _ = self.bump(),
                '"' => return,
                _ => {}
            }
        }
    }

    /// `r"…"` and `r#"…"#`, from the first `#` or quote on.
    fn raw_quoted(&mut self) {
        let mut hashes = 0;
        while self.peek(0) == '#' {
            self.bump();
            hashes += 1;
        }
        self.bump();
        while self.at < self.chars.len() {
            if self.bump() == '"' && (0..hashes).all(|ahead| self.peek(ahead) == '#') {
                self.at += hashes;
                return;
            }
        }
    }

    fn char_or_lifetime(&mut self) {
        self.bump();
        if self.peek(0) == '\\' {
            self.at += 2;
            while self.at < self.chars.len() && self.bump() != '\'' {}
        } else if self.peek(1) == '\'' {
            self.bump();
            self.bump();
        }
    }

    fn word(&mut self, line: usize) {
        let mut text = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            text.push(self.bump());
        }
        match (text.as_str(), self.peek(0), self.peek(1)) {
            ("b" | "c", '"', _) => self.quoted(),
            ("b", '\'', _) => self.char_or_lifetime(),
            ("r" | "br" | "cr", '"', _) | ("r" | "br" | "cr", '#', '"' | '#') => self.raw_quoted(),
            ("r", '#', _) => {
                self.bump();
                self.word(line);
            }
            _ => self.tokens.push(Token { text, line }),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    Source::new("src/x.rs", text).tokens.into_iter().map(|token| token.text).collect()
}

#[test]
fn comments_strings_and_characters_are_not_code() {
    let text = r####"
        a // crate::b
        /* crate::c /* nested */ still */ d "crate::e \" f" r#"crate::g " h"# b"i" '"' '\'' 'l: loop {} br##"j"# k"## r#type
    "####;
    assert_eq!(words(text), ["a", "d", "l", ":", "loop", "{", "}", "type"]);
}

#[test]
fn lines_are_counted_through_comments_and_strings() {
    let source = Source::new("src/x.rs", "a\n/* one\n two */\n\"three\n four\" b // c");
    let lines: Vec<_> = source.tokens.iter().map(|token| (token.text.as_str(), token.line)).collect();
    assert_eq!(lines, [("a", 1), ("b", 5)]);
    assert_eq!(source.comments.iter().map(|comment| comment.line).collect::<Vec<_>>(), [2, 5]);
}
