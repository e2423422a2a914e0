//! A test that is not run, told as `process_exec` events: the shell with its whole text, and each simple command in it.

use serde_json::json;

use super::atomic::Test;

/// Words that a shell runs itself.
const BUILT_IN: &str = "cd echo export if then fi else elif for do done while case esac test [ [[ set unset trap read source . eval exit return \
    history true false : alias local declare ulimit umask wait jobs printf shift until function { } ! type command hash let exec select time break \
    continue kill pwd";

/// Programs that start the command that follows their options.
const STARTERS: [&str; 5] = ["sudo", "nohup", "env", "xargs", "timeout"];

/// Its events, as JSON Lines.
pub fn events(test: &Test) -> String {
    let mut story = Story { lines: String::new(), seen: Vec::new(), session: format!("s{}", &test.guid[..8]), pid: 100 };
    let shell = test.shell();
    story.start(&[shell.to_owned(), "-c".to_owned(), test.command.clone()], "agentsh");
    story.text(&test.command, shell, 0);
    story.lines
}

struct Story {
    lines: String,
    seen: Vec<Vec<String>>,
    session: String,
    pid: u32,
}

impl Story {
    fn text(&mut self, text: &str, shell: &str, depth: u8) {
        for part in commands(text) {
            self.command(words(&part), shell, depth);
        }
        for inner in substitutions(text) {
            for part in commands(&inner) {
                self.command(words(&part), shell, depth);
            }
        }
    }

    fn command(&mut self, words: Vec<String>, shell: &str, depth: u8) {
        const BEFORE: [&str; 11] = ["then", "do", "else", "if", "elif", "while", "until", "!", "{", "exec", "time"];
        let first = words.iter().position(|word| !BEFORE.contains(&word.as_str()) && !is_assignment(word));
        let Some(words) = first.map(|first| words[first..].to_vec()) else { return };
        if BUILT_IN.split_whitespace().any(|word| word == words[0]) || words[0].starts_with('$') {
            return;
        }
        self.start(&words, shell);
        if STARTERS.contains(&words[0].as_str())
            && let Some(next) = words.iter().skip(1).position(|word| !word.starts_with('-'))
        {
            return self.command(words[next + 1..].to_vec(), shell, depth);
        }
        let program = words[0].rsplit('/').next().unwrap_or_default().to_owned();
        if let (true, Some(at)) = (program.ends_with("sh") && depth < 3, words.iter().position(|word| word == "-c"))
            && let Some(text) = words.get(at + 1)
        {
            self.text(&text.clone(), &program, depth + 1);
        }
    }

    fn start(&mut self, argv: &[String], parent: &str) {
        if self.seen.iter().any(|seen| seen == argv) {
            return;
        }
        self.seen.push(argv.to_vec());
        self.pid += 1;
        let path = if argv[0].contains('/') { argv[0].clone() } else { format!("/usr/bin/{}", argv[0]) };
        let number = self.seen.len();
        let argv: Vec<String> = argv.iter().map(|argument| argument.replace('\\', "\\\\")).collect();
        let event = json!({
            "seq": number, "kind": "process_exec", "id": format!("00000000-0000-7000-8000-{number:012}"), "time_us": 1_700_000_000_000_000_i64 + i64::from(self.pid),
            "session_id": self.session, "actor": {"pid": self.pid, "ppid": 100, "exe": format!("/usr/bin/{parent}"), "uid": 1000, "gid": 1000, "cwd": "/home/user"},
            "severity": "informational",
            "payload": {"path": path, "requested": path, "argv": argv, "argc": argv.len(), "argv_bytes": 0, "parent_exe": format!("/usr/bin/{parent}"), "depth": 1},
        });
        self.lines += &event.to_string();
        self.lines.push('\n');
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

/// The simple commands of a text: what stands between `;`, `|`, `&`, parentheses, backquotes and line ends, outside of quotes.
fn commands(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut quote) = (Vec::new(), String::new(), None);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some('\''), _) => {
                part.push(c);
                quote = quote.filter(|_| c != '\'');
            }
            (_, '\\') => match rest.next() {
                Some('\n') | None => part.push(' '),
                Some(next) => part.extend(['\\', next]),
            },
            (Some(_), _) => {
                part.push(c);
                quote = quote.filter(|open| c != *open);
            }
            (None, '\'' | '"') => {
                part.push(c);
                quote = Some(c);
            }
            (None, '#') if part.is_empty() || part.ends_with([' ', '\t']) => {
                while rest.next_if(|next| *next != '\n').is_some() {}
            }
            (None, '&') if part.ends_with(['<', '>']) || rest.peek() == Some(&'>') => part.push(c),
            (None, ';' | '\n' | '|' | '&' | '(' | ')' | '`') => parts.push(std::mem::take(&mut part)),
            (None, _) => part.push(c),
        }
    }
    parts.push(part);
    parts.iter().map(|part| part.trim().trim_end_matches('$').to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Texts of `$(…)` within quotes, where the shell runs commands too.
fn substitutions(text: &str) -> Vec<String> {
    text.split("$(").skip(1).filter_map(|rest| rest.split_once(')')).map(|(inner, _)| inner.to_owned()).collect()
}

/// The words of a simple command, without quotes and redirections.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('"') | None, '\\') => {
                word.extend(rest.next());
                any = true;
            }
            (Some(_), _) => word.push(c),
            (None, '\'' | '"') => (quote, any) = (Some(c), true),
            (None, ' ' | '\t') if any || !word.is_empty() => {
                words.push(std::mem::take(&mut word));
                any = false;
            }
            (None, ' ' | '\t') => {}
            (None, _) => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    let mut kept = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let operator = word.trim_start_matches(|c: char| c.is_ascii_digit());
        if operator.starts_with(['<', '>']) {
            // The file may stand in a word of its own.
            if operator.trim_start_matches(['<', '>', '&', '|']).is_empty() {
                words.next();
            }
        } else {
            kept.push(word);
        }
    }
    kept
}
