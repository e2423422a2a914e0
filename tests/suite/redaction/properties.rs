//! Properties that hold for any input.

use agentsh::event::{OsText, redact};
use proptest::prelude::*;

use super::{planted, planted_at_an_edge};

/// Pieces that redaction has rules about, so that random text gets into every corner of them.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "=",
        ":",
        "&",
        ";",
        "?",
        "#",
        "@",
        "/",
        "://",
        "\"",
        "'",
        "\\",
        "\n",
        " ",
        "%",
        "%3D",
        "%2525",
        "[",
        "]",
        "$(",
        ")",
        "`",
        "|",
        "-",
        "--",
        "[redacted]",
        "[redacted:jwt]",
        "[redacted",
        "password",
        "token",
        "auth",
        "key",
        "sig",
        "API_KEY",
        "cookie",
        "set-cookie",
        "Authorization",
        "Bearer ",
        "Basic ",
        "Digest a, ",
        "https",
        "http://u:p@h/",
        "-u",
        "curl",
        "mysql",
        "sh",
        "-c",
        "config",
        "eyJ",
        "sk-",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "QUJDQUJDQUJDQUJDQUJD",
        "/services/",
        "T1234567",
        "B1234567",
        "x",
        "true",
        "$TOKEN",
        "{",
        "}",
        "x-oauth-basic",
        ".",
        "=>",
        ":=",
        "==",
    ]);
    let secret = prop::sample::select(planted()).prop_map(|(_, secret)| secret);
    prop_oneof![6 => fixed.prop_map(str::to_owned), 2 => "[a-zA-Z0-9_.-]{0,12}", 1 => any::<String>(), 1 => secret]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..14).prop_map(|pieces| pieces.concat())
}

/// A marker is 10 bytes (34 with the longest kind) and stands for at least one, after a name of at least three and a sign.
fn may_be(longest: usize) -> usize {
    longest * 4 + 64
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn redaction_of_text_is_idempotent_and_bounded(input in text()) {
        let once = redact::text(&input).into_owned();
        prop_assert_eq!(&redact::text(&once), &once);
        prop_assert!(once.len() <= may_be(input.len()));
    }

    #[test]
    fn redaction_of_arguments_is_idempotent_and_bounded(input in prop::collection::vec(text(), 0..6)) {
        let arguments: Vec<OsText> = input.iter().map(|text| OsText::from(text.as_str())).collect();
        let once = redact::argv(&arguments);
        prop_assert_eq!(&redact::argv(&once), &once);
        for (old, new) in arguments.iter().zip(&once) {
            prop_assert!(new.as_bytes().len() <= may_be(old.as_bytes().len()));
        }
    }

    #[test]
    fn redaction_of_shell_text_is_idempotent(input in text()) {
        let once = redact::argv(&["sh".into(), "-c".into(), input.into()]);
        prop_assert_eq!(&redact::argv(&once), &once);
    }

    #[test]
    fn redaction_for_the_web_is_idempotent(input in text()) {
        for redacted in [redact::query, redact::path, redact::url_userinfo] {
            let once = redacted(&input).into_owned();
            prop_assert_eq!(&redacted(&once), &once);
        }
        for name in ["authorization", "cookie", "set-cookie", "x-api-key", "location"] {
            let once = redact::header_value(name, &input).into_owned();
            prop_assert_eq!(&redact::header_value(name, &once), &once);
        }
    }

    #[test]
    fn g7_a_planted_token_never_survives(before in any::<String>(), after in any::<String>(), which in prop::sample::select(planted())) {
        let (_, secret) = which;
        let input = format!("{before}{secret}{after}");
        for (what, got) in [
            ("text", redact::text(&input).into_owned()),
            ("query", redact::query(&input).into_owned()),
            ("path", redact::path(&input).into_owned()),
            ("header", redact::header_value("x-any", &input).into_owned()),
            ("argument", redact::argv(&["prog".into(), input.as_str().into()])[1].as_text().into_owned()),
            ("shell", redact::argv(&["sh".into(), "-c".into(), input.as_str().into()])[2].as_text().into_owned()),
        ] {
            prop_assert!(!got.contains(&secret), "{}: {}", what, got);
            // Not in parts either: no part of the body is left, but for what random text holds by chance.
            let tail: String = secret.chars().rev().take(9).collect::<Vec<_>>().into_iter().rev().collect();
            prop_assert!(!got.contains(&tail) || before.contains(&tail) || after.contains(&tail), "{}: {} of {}", what, got, secret);
        }
    }

    #[test]
    fn g7_a_planted_token_after_a_word_never_survives(
        before in "(.*[^a-zA-Z0-9])?", after in any::<String>(), which in prop::sample::select(planted_at_an_edge()),
    ) {
        let (_, secret) = which;
        let got = redact::text(&format!("{before}{secret}{after}")).into_owned();
        prop_assert!(!got.contains(&secret), "{}", got);
    }

    #[test]
    fn g7_a_password_never_survives_its_name(password in "[a-zA-Z0-9!@#%^*()_+,./~][a-zA-Z0-9!@#%^*()_+,./~-]{5,30}x7", name in prop::sample::select(vec![
        "PASSWORD", "db_password", "apiKey", "CLIENT_SECRET", "GITHUB_TOKEN",
    ])) {
        for input in [format!("{name}={password}"), format!("\"{name}\": \"{password}\""), format!("run {name}='{password}' x")] {
            let got = redact::text(&input).into_owned();
            prop_assert!(!got.contains(&password), "{}", got);
        }
        let list = [OsText::from("prog"), format!("--{name}").into(), password.as_str().into(), format!("--{name}={password}").into()];
        for argument in redact::argv(&list) {
            prop_assert!(!argument.as_text().contains(&password), "{}", argument);
        }
    }

    #[test]
    fn any_bytes_do(input in prop::collection::vec(any::<u8>(), 0..200)) {
        let once = redact::bytes(&input).into_owned();
        prop_assert_eq!(&*redact::bytes(&once), &*once);
        let argument = redact::argv(&[OsText::from("sh"), OsText::from_bytes(input)]);
        prop_assert_eq!(&redact::argv(&argument), &argument);
    }
}
