//! Names that would command a terminal, or hide and turn what stands around them, are inert wherever they are printed.

use agentsh::app::Summary;
use agentsh::cli::output::{Exit, Output};
use agentsh::cli::tell::{self, FilesArgs, TreeArgs, WhyArgs};
use agentsh::event::*;
use clap::Parser;

use super::told::{Tale, ask, exec};
use crate::readers::recorded::{Recorded, args, record};

const HOSTILE: [&str; 16] = [
    "\u{1b}[2J\u{1b}[31mred",
    "\u{1b}]0;title\u{7}",
    "\u{9b}31m",
    "line\nbreak\r\ttab",
    "\u{202e}gnp.exe",
    "\u{2066}isolated\u{2069}",
    "zero\u{200b}width\u{200d}\u{feff}",
    "\u{61c}arabic mark",
    "soft\u{ad}hyphen",
    "\u{e0041}tag",
    "\u{2028}separator",
    "\u{8}\u{7f}back",
    "<script>alert(1)</script>",
    "漢字かな",
    "e\u{301}\u{301}\u{301}",
    "\u{3164}filler",
];

fn session(hostile: &str) -> Recorded {
    record(|scribe| {
        let mut tale = Tale::new(scribe, "s-hostile");
        let path = format!("/work/{hostile}");
        tale.then(SessionCreated { workspace: path.as_str().into(), policy: hostile.into(), ..SessionCreated::default() });
        tale.then(CommandStarted { argv: vec![hostile.into()], cwd: path.as_str().into(), ..CommandStarted::default() });
        tale.by(7, 1, &path).judged(exec(&path, &[hostile, hostile]), Decision::Deny, hostile);
        tale.then(FileCreate { path: path.as_str().into(), ..FileCreate::default() });
        tale.judged(
            FileRename { path: path.as_str().into(), to: format!("{path}2").into(), ..FileRename::default() },
            Decision::Audit,
            hostile,
        );
        tale.then(DnsQuery {
            name: hostile.into(),
            record_type: hostile.into(),
            answers: vec![hostile.into()],
            ..DnsQuery::default()
        });
        let request = tale.then(HttpRequest {
            method: hostile.into(),
            host: hostile.into(),
            path: hostile.into(),
            ..HttpRequest::default()
        });
        tale.answer(HttpResponse { error: Some(hostile.into()), ..HttpResponse::default() }, Some(request));
        tale.then(Detection { title: hostile.into(), level: hostile.into(), ..Detection::default() });
        tale.then(TerminalOutput { data: hostile.into(), ..TerminalOutput::default() });
        tale.then(OperationFailed { subject: Some(hostile.into()), error: hostile.into(), ..OperationFailed::default() });
        tale.then(ProcessExit { signal: Some(hostile.into()), ..ProcessExit::default() });
        tale.then(CommandFinished { program: hostile.into(), error: Some(hostile.into()), ..CommandFinished::default() });
        tale.then(SessionEnded { reason: hostile.into(), ..SessionEnded::default() });
    })
}

/// Whether a terminal would obey the character, or hide or turn what stands around it.
fn obeyed(ch: char) -> bool {
    (ch.is_control() && ch != '\n')
        || matches!(ch, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(ch, '\u{feff}' | '\u{3164}' | '\u{e0000}'..='\u{e0fff}')
}

#[derive(Parser)]
struct Tree {
    #[command(flatten)]
    args: TreeArgs,
}

#[derive(Parser)]
struct Files {
    #[command(flatten)]
    args: FilesArgs,
}

#[derive(Parser)]
struct WhyLine {
    #[command(flatten)]
    args: WhyArgs,
}

fn printed(run: impl FnOnce(&mut Output<'_>) -> anyhow::Result<Exit>) -> String {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    run(&mut Output::new(&mut out, &mut notes).on_terminal(100, false)).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn nothing_that_a_terminal_obeys_reaches_the_output_of_a_subcommand() {
    for hostile in HOSTILE {
        let recorded = session(hostile);
        let place = &recorded.data_dir;
        let why = WhyLine::try_parse_from(["why".to_owned(), format!("/work/{hostile}2")]).unwrap().args;
        let outputs = [
            ("events", printed(|out| agentsh::cli::events::run(&args(""), place, out))),
            ("events --raw", printed(|out| agentsh::cli::events::run(&args("--raw"), place, out))),
            ("tree", printed(|out| tell::tree(&Tree::try_parse_from(["tree"]).unwrap().args, place, out))),
            ("files", printed(|out| tell::files(&Files::try_parse_from(["files"]).unwrap().args, place, out))),
            ("why", printed(|out| tell::why(&why, place, out))),
            ("the summary of run", Summary::read(place, &SessionId::new("s-hostile")).unwrap().to_string()),
            ("replay --plain", ask(place, "--plain").0),
            ("replay --diff", ask(place, "--diff last last").0),
        ];
        for (name, output) in outputs {
            assert!(!output.is_empty(), "{name}");
            let found: Vec<char> = output.chars().filter(|ch| obeyed(*ch)).collect();
            assert!(found.is_empty(), "{name} of {hostile:?} prints {found:?}:\n{output}");
        }
    }
}

#[test]
fn a_line_of_output_is_a_line_of_the_session_whatever_stands_in_a_name() {
    let harmless = ask(&session("harmless").data_dir, "--plain").0.lines().count();
    for hostile in HOSTILE {
        assert_eq!(ask(&session(hostile).data_dir, "--plain").0.lines().count(), harmless, "{hostile:?}");
    }
}
