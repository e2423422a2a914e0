//! Tests: network rules: hosts, networks, ports, and verdicts before the address is known.

use super::check::{check, policy, verdict};

/// Whether an entry of `hosts` matches each host.
#[track_caller]
fn hosts(entry: &str, cases: &[(&str, bool)]) {
    let policy = policy(&format!("network_rules:\n  - name: rule\n    hosts: ['{entry}']\n    decision: allow\n"));
    for (host, expected) in cases {
        let found = verdict(&policy, &format!("connect {host}@192.0.2.1:443")) == "allow rule";
        assert_eq!(found, *expected, "`{entry}` on `{host}`");
    }
}

/// Whether an entry of `cidrs` matches each address.
#[track_caller]
fn cidrs(entry: &str, cases: &[(&str, bool)]) {
    let policy = policy(&format!("network_rules:\n  - name: rule\n    cidrs: ['{entry}']\n    decision: allow\n"));
    for (address, expected) in cases {
        let found = verdict(&policy, &format!("connect @{address}:443")) == "allow rule";
        assert_eq!(found, *expected, "`{entry}` on `{address}`");
    }
}

/// Whether a list of `ports` matches each port.
#[track_caller]
fn ports(list: &str, cases: &[(u16, bool)]) {
    let policy = policy(&format!("network_rules:\n  - name: rule\n    ports: {list}\n    decision: allow\n"));
    for (port, expected) in cases {
        let found = verdict(&policy, &format!("connect a.test@192.0.2.1:{port}")) == "allow rule";
        assert_eq!(found, *expected, "`{list}` on `{port}`");
    }
}

#[test]
fn a_name_matches_itself_alone() {
    hosts(
        "corp.test",
        &[
            ("corp.test", true),
            ("a.corp.test", false),
            ("corp.test.evil.test", false),
            ("evilcorp.test", false),
            ("corp-test", false),
        ],
    );
}

#[test]
fn star_covers_subdomains_but_not_the_apex_nor_lookalikes() {
    hosts(
        "*.corp.test",
        &[
            ("a.corp.test", true),
            ("b.a.corp.test", true),
            ("c.b.a.corp.test", true),
            ("corp.test", false),
            ("evilcorp.test", false),
            ("a.corp.test.evil.test", false),
            ("a.corpXtest", false),
            ("a-corp.test", false),
            (".corp.test", false),
        ],
    );
}

#[test]
fn a_star_elsewhere_stays_within_a_label() {
    hosts(
        "api-*.corp.test",
        &[("api-1.corp.test", true), ("api-.corp.test", true), ("api-1.evil.corp.test", false), ("api-1.evil", false)],
    );
    hosts("*corp.test", &[("corp.test", true), ("mycorp.test", true), ("a.corp.test", false)]);
    hosts("a.*.test", &[("a.b.test", true), ("a.b.c.test", false), ("a.test", false)]);
    hosts("corp.*", &[("corp.test", true), ("corp.co.test", false)]);
    hosts("*.*.test", &[("a.b.test", true), ("x.a.b.test", true), ("b.test", false)]);
}

#[test]
fn a_star_alone_is_any_host() {
    hosts("*", &[("a.test", true), ("localhost", true), ("192.0.2.9", true), ("[2001:db8::1]", true), ("odd host", true)]);
    check("network_rules:\n  - {name: any, hosts: ['*'], decision: allow}\n", &[("connect @192.0.2.1:443", "allow any")]);
}

#[test]
fn hosts_ignore_case_and_the_final_dot() {
    hosts("Corp.Test", &[("corp.test", true), ("CORP.TEST", true), ("corp.test.", true), ("corp.test..", false)]);
    hosts("corp.test.", &[("corp.test", true), ("corp.test.", true)]);
    hosts("*.CORP.test", &[("A.corp.TEST.", true)]);
}

#[test]
fn hosts_have_the_other_forms_of_patterns() {
    hosts("{a,b}.corp.test", &[("a.corp.test", true), ("b.corp.test", true), ("c.corp.test", false)]);
    hosts("{*.a,b}.test", &[("x.y.a.test", true), ("b.test", true), ("a.test", false), ("x.b.test", false)]);
    hosts("node[0-9].test", &[("node7.test", true), ("nodeX.test", false), ("node77.test", false)]);
    hosts("node?.test", &[("node7.test", true), ("node.test", false), ("node77.test", false)]);
    hosts("xn--bcher-kva.test", &[("xn--bcher-kva.test", true), ("XN--BCHER-KVA.TEST", true), ("bücher.test", false)]);
    hosts("_dmarc.corp.test", &[("_dmarc.corp.test", true)]);
}

#[test]
fn what_cannot_be_a_name_matches_no_name() {
    let odd = [
        "a/corp.test",
        "a/corp/test",
        "evil.test/a.corp.test",
        "x@a.corp.test",
        "x#.corp.test",
        "x?.corp.test",
        "a b.corp.test",
        "",
    ];
    hosts("*.corp.test", &odd.map(|host| (host, false)));
    let long = format!("{}corp.test", "a.".repeat(122));
    assert_eq!(long.len(), 253);
    hosts("*.corp.test", &[(&long, true), (&format!("a.{long}"), false)]);
    hosts("*", &[(&format!("a.{long}"), true)]);
}

#[test]
fn an_address_as_a_host_is_compared_as_an_address() {
    hosts(
        "192.0.2.7",
        &[
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:192.0.2.7", true),
            ("[::ffff:c000:207]", true),
            ("192.0.2.7.", true),
        ],
    );
    hosts(
        "2001:db8::1",
        &[("2001:db8:0:0::1", true), ("[2001:DB8::1]", true), ("2001:db8::2", false), ("[2001:db8::1%eth0]", true)],
    );
    hosts("[2001:db8::1]", &[("2001:db8::1", true)]);
    hosts("127.0.0.0/8", &[("127.0.0.1", true), ("127.255.255.255", true), ("128.0.0.1", false), ("127.0.0.1.evil.test", false)]);
    hosts("192.0.2.7.test", &[("192.0.2.7", false), ("192.0.2.7.test", true)]);
}

#[test]
fn an_address_in_hosts_allows_only_who_asks_for_it_but_refuses_whatever_leads_there() {
    check(
        "network_rules:\n  - {name: own, hosts: [127.0.0.1], decision: allow}\n",
        &[
            ("connect 127.0.0.1@127.0.0.1:80", "allow own"),
            ("connect @127.0.0.1:80", "allow own"),
            ("connect rebound.test@127.0.0.1:80", "deny default"),
            ("name rebound.test:80", "deny default"),
            ("name 127.0.0.1:80", "allow own"),
        ],
    );
    check(
        "defaults: {network: allow}\nnetwork_rules:\n  - {name: metadata, hosts: [169.254.169.254], decision: deny}\n",
        &[
            ("connect 169.254.169.254@169.254.169.254:80", "deny metadata"),
            ("connect rebound.test@169.254.169.254:80", "deny metadata"),
            ("connect rebound.test@192.0.2.1:80", "allow default"),
            ("name rebound.test:80", "open"),
        ],
    );
}

#[test]
fn cidrs_have_exact_edges() {
    cidrs("10.0.0.0/8", &[("10.0.0.0", true), ("10.255.255.255", true), ("9.255.255.255", false), ("11.0.0.0", false)]);
    cidrs("192.0.2.128/25", &[("192.0.2.128", true), ("192.0.2.255", true), ("192.0.2.127", false)]);
    cidrs("192.0.2.4/31", &[("192.0.2.4", true), ("192.0.2.5", true), ("192.0.2.6", false), ("192.0.2.3", false)]);
    cidrs("192.0.2.7/32", &[("192.0.2.7", true), ("192.0.2.6", false)]);
    cidrs("192.0.2.7", &[("192.0.2.7", true), ("192.0.2.8", false)]);
    cidrs("0.0.0.0/0", &[("0.0.0.0", true), ("255.255.255.255", true), ("2001:db8::1", false)]);
    cidrs("2001:db8::/32", &[("2001:db8::", true), ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true), ("2001:db9::", false)]);
    cidrs("fe80::/10", &[("fe80::1", true), ("febf::1", true), ("fec0::1", false)]);
    cidrs("::1/128", &[("::1", true), ("::2", false), ("127.0.0.1", false)]);
    cidrs("::/0", &[("2001:db8::1", true), ("192.0.2.1", false)]);
}

#[test]
fn an_ipv4_address_mapped_into_ipv6_is_the_ipv4_address() {
    cidrs("10.0.0.0/8", &[("::ffff:10.1.2.3", true), ("::ffff:11.0.0.0", false), ("::10.1.2.3", false)]);
    cidrs("::ffff:10.0.0.0/104", &[("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("11.0.0.0", false)]);
    cidrs("::ffff:192.0.2.7", &[("192.0.2.7", true), ("192.0.2.8", false)]);
}

#[test]
fn ports_are_numbers_and_ranges() {
    ports("[443]", &[(443, true), (442, false), (444, false), (8443, false)]);
    ports(
        "[80, \"8000-8100\"]",
        &[(80, true), (8000, true), (8050, true), (8100, true), (7999, false), (8101, false), (81, false)],
    );
    ports("[8000-8100]", &[(8000, true), (8101, false)]);
    ports("[\"1-65535\"]", &[(1, true), (65_535, true)]);
    ports("[\"22-22\"]", &[(22, true), (23, false)]);
}

#[test]
fn conditions_hold_together_and_entries_hold_alone() {
    check(
        r#"
network_rules:
  - {name: all, hosts: [a.test, b.test], cidrs: [10.0.0.0/8, "fd00::/8"], ports: [443, 8443], decision: allow}
"#,
        &[
            ("connect a.test@10.0.0.1:443", "allow all"),
            ("connect b.test@fd00::1:8443", "allow all"),
            ("connect a.test@10.0.0.1:80", "deny default"),
            ("connect a.test@192.0.2.1:443", "deny default"),
            ("connect c.test@10.0.0.1:443", "deny default"),
            ("connect @10.0.0.1:443", "deny default"),
        ],
    );
}

#[test]
fn a_rule_without_conditions_matches_every_connection() {
    check(
        "network_rules:\n  - {name: all, decision: audit}\n",
        &[
            ("connect a.test@192.0.2.1:1", "audit all"),
            ("connect @::1:1", "audit all"),
            ("http a.test:80", "audit all"),
            ("name a.test:1", "audit all"),
        ],
    );
}

#[test]
fn named_and_nameless_rules_keep_their_order() {
    check(
        r#"
defaults: {network: allow}
network_rules:
  - {name: first, cidrs: [10.0.0.0/8], decision: deny, priority: 2}
  - {name: second, hosts: [a.test], decision: audit, priority: 1}
  - {name: third, ports: [443], decision: deny}
"#,
        &[
            ("connect a.test@10.0.0.1:443", "deny first"),
            ("connect a.test@192.0.2.1:443", "audit second"),
            ("connect b.test@192.0.2.1:443", "deny third"),
            ("connect b.test@192.0.2.1:80", "allow default"),
        ],
    );
}

const ALLOW_BY_ADDRESS: &str = r#"
network_rules:
  - {name: inside, cidrs: [10.0.0.0/8], decision: allow}
  - {name: known, hosts: [known.test], decision: allow}
"#;

#[test]
fn a_name_is_not_decided_while_its_address_may_decide() {
    check(
        ALLOW_BY_ADDRESS,
        &[
            ("name other.test:443", "open"),
            ("name known.test:443", "open"),
            ("name 10.0.0.1:443", "allow inside"),
            ("name 192.0.2.1:443", "deny default"),
            ("connect other.test@10.0.0.1:443", "allow inside"),
            ("connect other.test@192.0.2.1:443", "deny default"),
        ],
    );
}

#[test]
fn a_request_goes_on_to_where_its_address_decides() {
    check(
        ALLOW_BY_ADDRESS,
        &[
            ("http other.test:443", "allow default"),
            ("http known.test:443", "allow known"),
            ("http 10.0.0.1:443", "allow inside"),
            ("http 192.0.2.1:443", "deny default"),
            ("http [::ffff:10.0.0.1]:443", "allow inside"),
        ],
    );
    let request = agentsh::event::HttpRequest { host: "other.test".to_owned(), port: 443, ..Default::default() };
    let judgement = policy(ALLOW_BY_ADDRESS).decide(&super::check::event(request.into()));
    assert!(judgement.reason.contains("the address decides"), "{}", judgement.reason);
}

#[test]
fn a_request_is_refused_where_no_address_could_be_allowed() {
    check(
        r#"
network_rules:
  - {name: metadata, cidrs: [169.254.0.0/16], decision: deny, priority: 9}
  - {name: other-port, cidrs: [10.0.0.0/8], ports: [22], decision: allow}
  - {name: known, hosts: [known.test], decision: allow}
"#,
        &[
            ("http other.test:443", "deny default"),
            ("name other.test:443", "deny default"),
            ("http other.test:22", "allow default"),
            ("name other.test:22", "open"),
            ("http known.test:443", "allow known"),
            ("name known.test:443", "open"),
            ("connect known.test@169.254.169.254:443", "deny metadata"),
        ],
    );
}

#[test]
fn a_rule_that_refuses_the_rest_does_not_close_what_an_address_opens() {
    check(
        r#"
network_rules:
  - {name: inside, cidrs: [10.0.0.0/8], decision: audit}
  - {name: the-rest, decision: deny, priority: -1}
"#,
        &[
            ("http other.test:443", "allow default"),
            ("name other.test:443", "open"),
            ("connect other.test@10.0.0.1:443", "audit inside"),
            ("connect other.test@192.0.2.1:443", "deny the-rest"),
        ],
    );
}

#[test]
fn a_decisive_rule_ahead_of_the_addresses_decides_by_name() {
    check(
        r#"
network_rules:
  - {name: known, hosts: [known.test], decision: allow, priority: 2}
  - {name: bad, hosts: [bad.test], decision: deny, priority: 2}
  - {name: inside, cidrs: [10.0.0.0/8], decision: allow}
"#,
        &[
            ("name known.test:443", "allow known"),
            ("name bad.test:443", "deny bad"),
            ("http bad.test:443", "deny bad"),
            ("name x.test:443", "open"),
        ],
    );
}

#[test]
fn a_connection_without_an_address_gets_the_strictest_that_could_come() {
    check(
        r#"
network_rules:
  - {name: metadata, cidrs: [169.254.0.0/16], decision: deny, priority: 9}
  - {name: known, hosts: [known.test], decision: allow}
"#,
        &[("connect known.test:443", "deny metadata"), ("connect other.test:443", "deny default")],
    );
    check(
        "network_rules:\n  - {name: inside, cidrs: [10.0.0.0/8], decision: audit}\n  - {name: known, hosts: [known.test], decision: allow}\n",
        &[("connect known.test:443", "audit inside"), ("connect other.test:443", "deny default")],
    );
}
